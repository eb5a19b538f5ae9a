// SPDX-License-Identifier: Apache-2.0
/* Packets of a link. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link_wire.h"

#define MAX_FDS	4	/* room for more than the one of a HELLO, so that they are noticed */

static size_t size_of(const struct link_message *m)
{
	return LINK_HEAD + (m->type == LINK_WRITE || m->type == LINK_REPLY ? m->len : 0);
}

int link_send(int sock, const struct link_message *m, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { (void *)m, size_of(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	while (sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Take the descriptors of a packet: all are ours to close. Their number. */
static int take_fds(struct msghdr *msg, int fds[MAX_FDS])
{
	struct cmsghdr *cmsg;
	int count = 0, n;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + count, CMSG_DATA(cmsg), n * sizeof(int));
		count += n;
	}
	return count;
}

static const char *check(const struct link_message *m, size_t size, int fds)
{
	if (size < LINK_HEAD)
		return "packet is shorter than a header";
	if (m->type < LINK_HELLO || m->type > LINK_REPLY)
		return "unknown type of packet";
	if (m->type == LINK_HELLO && (m->id != LINK_MAGIC || m->len != LINK_VERSION))
		return "HELLO of another version";
	if (m->type == LINK_HELLO ? fds != 1 : fds != 0)
		return "wrong number of descriptors";
	if ((m->type == LINK_READ || m->type == LINK_WRITE) && (!m->id || !m->len))
		return "request without id or length";
	if (m->type != LINK_HELLO && m->len > LINK_DATA)
		return "request or reply is too long";
	if (size != size_of(m))
		return "packet's size is not what its header tells";
	return NULL;
}

int link_receive(int sock, struct link_message *m, int *fd, const char **why)
{
	char control[CMSG_SPACE(sizeof(int) * MAX_FDS)] __attribute__((aligned(8)));
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fds[MAX_FDS], count;
	ssize_t got;

	*fd = -1;
	do
		got = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN : -ECONNRESET;
	count = take_fds(&msg, fds);
	if (!got && !count)
		return -ECONNRESET;
	*why = msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? "packet is too long" :
		check(m, got, count);
	if (!*why && count) {
		*fd = fds[0];
		return 0;
	}
	while (count)
		close(fds[--count]);
	return *why ? -EPROTO : 0;
}
