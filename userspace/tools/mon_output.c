// SPDX-License-Identifier: Apache-2.0
/*
 * Reports are written in pieces, as many as standard output has room for. O_NONBLOCK would be
 * simpler, but it belongs to the open file, which a shell and others share with us.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "mon_output.h"

int mon_output_take(struct mon_output *out, char *text)
{
	size_t n = 0;
	char *line;

	while (text[n])
		n++;
	line = realloc(text, n + 2);
	if (!line) {
		free(text);
		return -ENOMEM;
	}
	line[n] = '\n';
	line[n + 1] = 0;
	*out = (struct mon_output) { .text = line, .size = n + 1 };
	return 0;
}

struct pollfd mon_output_poll(const struct mon_output *out)
{
	/* poll() passes over negative descriptors. */
	return (struct pollfd) { .fd = out->text ? STDOUT_FILENO : -1, .events = POLLOUT };
}

int mon_output_write(struct mon_output *out)
{
	while (out->text) {
		struct pollfd fd = mon_output_poll(out);
		size_t left = out->size - out->written;
		ssize_t n;

		if (poll(&fd, 1, 0) <= 0)
			return 0;
		/* POLLOUT: a pipe has room for this much. */
		n = write(STDOUT_FILENO, out->text + out->written, left < PIPE_BUF ? left : PIPE_BUF);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return 0;
		if (n < 0)
			return -errno;
		out->written += n;
		if (out->written == out->size)
			mon_output_drop(out);
	}
	return 0;
}

void mon_output_drop(struct mon_output *out)
{
	free(out->text);
	*out = (struct mon_output) { 0 };
}
