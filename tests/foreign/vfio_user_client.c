// SPDX-License-Identifier: Apache-2.0
/* vfio-user, the client's side: framing, descriptor passing, time-outs. */
#include "vfio_user_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define VU_MAX_MESSAGE	(4u << 20)

uint64_t vu_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int link_failed(struct vu *vu, int err)
{
	vu->dead = true;
	return err;
}

static int wait_for(struct vu *vu, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = vu->fd, .events = events };

	for (;;) {
		uint64_t now = vu_now_ms();
		int r;

		if (now >= deadline)
			return link_failed(vu, -ETIMEDOUT);
		r = poll(&p, 1, (int)(deadline - now));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return link_failed(vu, -errno);
	}
}

int vu_connect(struct vu *vu, const char *path, int timeout_ms)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	uint64_t deadline = vu_now_ms() + timeout_ms;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	do {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return -errno;
		if (!connect(fd, (void *)&a, sizeof(a))) {
			vu->fd = fd;
			vu->dead = false;
			return 0;
		}
		close(fd);
		usleep(5000);
	} while (vu_now_ms() < deadline);
	return -ETIMEDOUT;
}

void vu_close(struct vu *vu)
{
	if (vu->fd >= 0)
		close(vu->fd);
	vu->fd = -1;
	vu->dead = true;
}

static void put_fds(struct msghdr *m, char *ctl, const int *fds, int nfds)
{
	struct cmsghdr *c;

	if (!nfds)
		return;
	m->msg_control = ctl;
	m->msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
}

int vu_send_raw(struct vu *vu, const struct vu_header *h, const void *payload, size_t n,
		const int *fds, int nfds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * VU_MAX_FDS)];
		struct cmsghdr align;
	} ctl = { 0 };
	uint64_t deadline = vu_now_ms() + VU_TIMEOUT_MS;
	size_t total = sizeof(*h) + n, sent = 0;

	if (vu->dead || vu->fd < 0)
		return -ENOTCONN;
	while (sent < total) {
		struct iovec v[2];
		struct msghdr m = { .msg_iov = v };
		ssize_t r;

		if (sent < sizeof(*h)) {
			v[0] = (struct iovec){ (char *)h + sent, sizeof(*h) - sent };
			v[1] = (struct iovec){ (void *)payload, n };
			m.msg_iovlen = n ? 2 : 1;
		} else {
			size_t at = sent - sizeof(*h);

			v[0] = (struct iovec){ (char *)payload + at, n - at };
			m.msg_iovlen = 1;
		}
		if (!sent)
			put_fds(&m, ctl.buf, fds, nfds);
		r = sendmsg(vu->fd, &m, MSG_NOSIGNAL);
		if (r > 0) {
			sent += r;
		} else if (r < 0 && errno == EAGAIN) {
			int e = wait_for(vu, POLLOUT, deadline);

			if (e)
				return e;
		} else if (r < 0 && errno != EINTR) {
			return link_failed(vu, -ECONNRESET);
		}
	}
	return 0;
}

static void take_fds(struct msghdr *m, struct vu_reply *reply)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t i, n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (reply && reply->nfds < VU_MAX_FDS)
				reply->fds[reply->nfds++] = fd;
			else
				close(fd);
		}
	}
}

static int recv_all(struct vu *vu, void *buf, size_t n, uint64_t deadline,
		    struct vu_reply *reply)
{
	size_t got = 0;

	while (got < n) {
		union {
			char buf[CMSG_SPACE(sizeof(int) * VU_MAX_FDS)];
			struct cmsghdr align;
		} ctl;
		struct iovec v = { (char *)buf + got, n - got };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl.buf,
				    .msg_controllen = sizeof(ctl.buf) };
		ssize_t r = recvmsg(vu->fd, &m, MSG_CMSG_CLOEXEC);

		if (r > 0) {
			take_fds(&m, reply);
			got += r;
		} else if (r < 0 && errno == EAGAIN) {
			int e = wait_for(vu, POLLIN, deadline);

			if (e)
				return e;
		} else if (!r || errno != EINTR) {
			return link_failed(vu, -ECONNRESET);
		}
	}
	return 0;
}

/* The server's DMA to memory that it was given no descriptor for. */
static int serve_dma(struct vu *vu, const struct vu_header *h, const uint8_t *body, size_t n)
{
	struct vu_header r = { .id = h->id, .cmd = h->cmd, .flags = VU_FLAG_REPLY };
	bool write = h->cmd == VU_DMA_WRITE;
	struct vu_dma_rw rw;
	uint8_t *ram = NULL, *out;
	size_t len;
	int e;

	vu->socket_dma++;
	if ((h->cmd == VU_DMA_READ || write) && n >= sizeof(rw)) {
		memcpy(&rw, body, sizeof(rw));
		if (rw.count <= VU_MAX_MESSAGE && (!write || rw.count <= n - sizeof(rw)) &&
		    vu->translate)
			ram = vu->translate(vu->translate_ctx, rw.addr, rw.count, write);
	}
	if (!ram) {
		r.size = sizeof(r);
		r.flags |= VU_FLAG_ERROR;
		r.error = EFAULT;
		return h->flags & VU_FLAG_NO_REPLY ? 0 : vu_send_raw(vu, &r, NULL, 0, NULL, 0);
	}
	if (write)
		memcpy(ram, body + sizeof(rw), rw.count);
	if (h->flags & VU_FLAG_NO_REPLY)
		return 0;
	len = sizeof(rw) + (write ? 0 : rw.count);
	out = malloc(len);
	if (!out)
		return -ENOMEM;
	memcpy(out, &rw, sizeof(rw));
	if (!write)
		memcpy(out + sizeof(rw), ram, rw.count);
	r.size = sizeof(r) + len;
	e = vu_send_raw(vu, &r, out, len, NULL, 0);
	free(out);
	return e;
}

/* Reads one message; 1 = the reply to id, 0 = something else that was dealt with. */
static int take_message(struct vu *vu, int id, uint16_t cmd, struct vu_reply *reply,
			uint64_t deadline, int *result)
{
	struct vu_header h;
	uint8_t *body;
	size_t n;
	int e;

	e = recv_all(vu, &h, sizeof(h), deadline, reply);
	if (e)
		return e;
	if (h.size < sizeof(h) || h.size > VU_MAX_MESSAGE)
		return link_failed(vu, -EPROTO);
	n = h.size - sizeof(h);
	body = malloc(n + 1);
	if (!body)
		return link_failed(vu, -ENOMEM);
	e = recv_all(vu, body, n, deadline, reply);
	if (e)
		goto out;
	if ((h.flags & VU_FLAG_TYPE) != VU_FLAG_REPLY) {
		e = serve_dma(vu, &h, body, n);
	} else if (h.id != id || h.cmd != cmd) {
		e = vu->lenient ? 0 : link_failed(vu, -EPROTO);
	} else {
		if (reply) {
			reply->got = n;
			if (reply->buf)
				memcpy(reply->buf, body, n < reply->cap ? n : reply->cap);
		}
		*result = h.flags & VU_FLAG_ERROR ? -(int)(h.error ? h.error : EIO) : 0;
		e = 1;
	}
out:
	free(body);
	return e;
}

int vu_call_fds(struct vu *vu, uint16_t cmd, const void *req, size_t n, const int *fds,
		int nfds, struct vu_reply *reply)
{
	struct vu_header h = { .id = ++vu->id, .cmd = cmd, .size = sizeof(h) + n };
	uint64_t deadline = vu_now_ms() + VU_TIMEOUT_MS;
	int e, result = 0;

	if (reply) {
		reply->got = 0;
		reply->nfds = 0;
	}
	e = vu_send_raw(vu, &h, req, n, fds, nfds);
	while (!e)
		e = take_message(vu, h.id, cmd, reply, deadline, &result);
	return e < 0 ? e : result;
}

int vu_call(struct vu *vu, uint16_t cmd, const void *req, size_t n, struct vu_reply *reply)
{
	return vu_call_fds(vu, cmd, req, n, NULL, 0, reply);
}

int vu_pump(struct vu *vu)
{
	struct pollfd p = { .fd = vu->fd, .events = POLLIN };
	int result;

	while (!vu->dead && poll(&p, 1, 0) > 0) {
		int e = take_message(vu, -1, 0, NULL, vu_now_ms() + VU_TIMEOUT_MS, &result);

		if (e < 0)
			return e;
	}
	return vu->dead ? -ECONNRESET : 0;
}

int vu_version(struct vu *vu, struct vu_reply *reply)
{
	/* The fields that QEMU sends. */
	static const char caps[] =
		"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
		"\"pgsizes\":4096,\"max_dma_maps\":65535,"
		"\"migration\":{\"pgsize\":4096,\"max_bitmap_size\":268435456},"
		"\"write_multiple\":true}}";
	struct {
		uint16_t major;
		uint16_t minor;
		char caps[sizeof(caps)];
	} v = { 0, 0, "" };

	memcpy(v.caps, caps, sizeof(caps));
	return vu_call(vu, VU_VERSION, &v, 4 + sizeof(caps), reply);
}

int vu_map(struct vu *vu, uint64_t bus, uint64_t size, int fd, uint64_t off, uint32_t flags)
{
	struct vu_dma_map m = { sizeof(m), flags, off, bus, size };

	return vu_call_fds(vu, VU_DMA_MAP, &m, sizeof(m), &fd, fd >= 0, NULL);
}

int vu_unmap(struct vu *vu, uint64_t bus, uint64_t size)
{
	struct vu_dma_unmap m = { sizeof(m), 0, bus, size };

	return vu_call(vu, VU_DMA_UNMAP, &m, sizeof(m), NULL);
}

int vu_read(struct vu *vu, uint32_t region, uint64_t off, void *buf, uint32_t n)
{
	struct vu_region_rw rw = { off, region, n };
	size_t cap = sizeof(rw) + n;
	uint8_t *out = calloc(1, cap);
	struct vu_reply reply = { .buf = out, .cap = cap };
	int e;

	if (!out)
		return -ENOMEM;
	e = vu_call(vu, VU_REGION_READ, &rw, sizeof(rw), &reply);
	if (!e && reply.got != cap)
		e = -EPROTO;
	if (!e)
		memcpy(buf, out + sizeof(rw), n);
	free(out);
	return e;
}

int vu_write(struct vu *vu, uint32_t region, uint64_t off, const void *buf, uint32_t n)
{
	struct vu_region_rw rw = { off, region, n };
	uint8_t small[sizeof(rw) + 64], *out = small;
	int e;

	if (n > 64)
		out = malloc(sizeof(rw) + n);
	if (!out)
		return -ENOMEM;
	memcpy(out, &rw, sizeof(rw));
	memcpy(out + sizeof(rw), buf, n);
	e = vu_call(vu, VU_REGION_WRITE, out, sizeof(rw) + n, NULL);
	if (out != small)
		free(out);
	return e;
}

int vu_reset(struct vu *vu)
{
	return vu_call(vu, VU_DEVICE_RESET, NULL, 0, NULL);
}
