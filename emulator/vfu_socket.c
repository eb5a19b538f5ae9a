// SPDX-License-Identifier: Apache-2.0
/* Unix sockets with ancillary descriptors. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vfu_frame.h"
#include "vfu_socket.h"

struct client {
	struct vfu *vfu;
	int fd;
	int stop_fd;
	struct vfu_frame frame;
	uint8_t *reply;
};

/* Is a socket file left over from a server that is gone? */
static bool stale(const struct sockaddr_un *addr, int type)
{
	struct stat st;
	bool dead;
	int fd;

	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	dead = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
	close(fd);
	return dead;
}

int vfu_socket_listen(const char *path, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (stale(&addr, type))
		unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* 1: @fd is ready; 0: stop. */
static int wait_for(int fd, short events, int stop_fd)
{
	struct pollfd p[] = { { fd, events, 0 }, { stop_fd, POLLIN, 0 } };

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (p[1].revents)
			return 0;
		if (p[0].revents)
			return 1;
	}
}

static int take_fds(struct client *c, struct msghdr *msg)
{
	int fds[VFU_MAX_FDS * 2];
	struct cmsghdr *cmsg;
	unsigned int n;
	int err = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
		if (vfu_frame_fds(&c->frame, fds, n))
			err = -E2BIG;
	}
	return msg->msg_flags & MSG_CTRUNC ? -E2BIG : err;
}

/* 1: received some; 0: stop; -ECONNRESET: the client has gone; -errno. */
static int receive_some(struct client *c)
{
	/* Room for more than a message may carry, so that too many are noticed, not lost. */
	char control[CMSG_SPACE(sizeof(int) * VFU_MAX_FDS * 2)] __attribute__((aligned(8)));
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	ssize_t got;
	int err;

	iov.iov_base = vfu_frame_next(&c->frame, &iov.iov_len);
	msg.msg_controllen = sizeof(control);
	got = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0 && errno == EINTR)
		return 1;
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return wait_for(c->fd, POLLIN, c->stop_fd);
	if (got < 0)
		return -errno;
	err = take_fds(c, &msg);
	if (!got)
		return -ECONNRESET;
	if (!err)
		err = vfu_frame_got(&c->frame, got);
	return err ? err : 1;
}

static int send_all(struct client *c, const struct vfu_header *header,
		    const struct vfu_reply *reply)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov[2] = {
		{ (void *)header, sizeof(*header) },
		{ reply->payload, header->size - sizeof(*header) },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t left = header->size;
	ssize_t sent;
	int ready, i;

	if (reply->fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &reply->fd, sizeof(int));
	}
	while (left) {
		sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			ready = wait_for(c->fd, POLLOUT, c->stop_fd);
			if (ready <= 0)
				return ready ? ready : -ECANCELED;
			continue;
		}
		if (sent < 0)
			return -errno;
		left -= sent;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		for (i = 0; i < 2 && sent; i++) {
			size_t n = (size_t)sent < iov[i].iov_len ? (size_t)sent : iov[i].iov_len;

			iov[i].iov_base = (char *)iov[i].iov_base + n;
			iov[i].iov_len -= n;
			sent -= n;
		}
	}
	return 0;
}

static int handle_message(struct client *c)
{
	struct vfu_reply reply = { .payload = c->reply, .fd = -1 };
	struct vfu_message message;
	struct vfu_header header;
	unsigned int i;
	int err;

	vfu_frame_message(&c->frame, &message);
	/* Replies to nothing: the chip never asks. */
	if ((message.header.flags & VFU_TYPE_MASK) == VFU_TYPE_REPLY)
		err = 0;
	else
		err = vfu_handle(c->vfu, &message, &reply);
	for (i = 0; i < message.nfds; i++)
		if (message.fds[i] >= 0)
			close(message.fds[i]);
	if (message.header.flags & VFU_NO_REPLY ||
	    (message.header.flags & VFU_TYPE_MASK) == VFU_TYPE_REPLY)
		return 0;
	if (err)
		reply.fd = -1;
	vfu_frame_reply(&message.header, err, reply.size, &header);
	return send_all(c, &header, &reply);
}

/* Until the client leaves (-errno) or stop (0). */
static int serve_client(struct client *c)
{
	size_t want;
	int err;

	for (;;) {
		vfu_frame_next(&c->frame, &want);
		err = want ? receive_some(c) : 1;
		if (err <= 0)
			return err;
		vfu_frame_next(&c->frame, &want);
		if (want)
			continue;
		err = handle_message(c);
		if (err)
			return err == -ECANCELED ? 0 : err;
	}
}

static void note_end(struct vfu *vfu, int err)
{
	char text[128] = "client has gone";

	if (err == -EPROTO || err == -EMSGSIZE || err == -E2BIG) {
		strcpy(text, "connection closed, message is malformed: ");
		strcat(text, err == -EPROTO ? "shorter than its header" :
			     err == -EMSGSIZE ? "too long" : "too many file descriptors");
	}
	if (vfu->note)
		vfu->note(vfu->opaque, text);
}

int vfu_socket_serve(struct vfu *vfu, int listen_fd, int stop_fd)
{
	struct client c = { .vfu = vfu, .stop_fd = stop_fd };
	int err = vfu_frame_init(&c.frame);

	c.reply = malloc(VFU_MAX_MESSAGE);
	if (!c.reply)
		err = -ENOMEM;
	while (!err) {
		err = wait_for(listen_fd, POLLIN, stop_fd);
		if (err <= 0)
			break;
		err = 0;
		c.fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (c.fd < 0) {
			if (errno != ECONNABORTED && errno != EINTR && errno != EAGAIN)
				err = -errno;
			continue;
		}
		if (vfu->note)
			vfu->note(vfu->opaque, "client connected");
		err = serve_client(&c);
		note_end(vfu, err);
		close(c.fd);
		vfu_frame_reset(&c.frame);
		vfu_disconnect(vfu);
		if (!err)
			break;
		err = 0;
	}
	vfu_frame_fini(&c.frame);
	free(c.reply);
	return err;
}
