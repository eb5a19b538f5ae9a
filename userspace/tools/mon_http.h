/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for one page: enough for Prometheus, and not put out by anything else.
 */
#ifndef MON_HTTP_H
#define MON_HTTP_H

#include <netinet/in.h>
#include <stdint.h>

#include <poll.h>

#define HTTP_CLIENTS	16

struct http_client;

/**
 * struct http - the server
 * @page: makes the text of /metrics; free()d by the server
 */
struct http {
	int fd;
	struct http_client *clients[HTTP_CLIENTS];
	char *(*page)(void *opaque, size_t *size);
	void *opaque;
};

/*
 * Listen on @where, "[ADDRESS:]PORT", by default of 127.0.0.1; port 0 lets the system choose.
 * -EINVAL: it is not of that form. @bound becomes "ADDRESS:PORT".
 */
int http_listen(struct http *h, const char *where, char *bound, size_t size);
void http_close(struct http *h);

/* The descriptors to wait for, at most HTTP_CLIENTS + 1; how many. @deadline in ns is lowered. */
int http_prepare(const struct http *h, struct pollfd *fds, uint64_t *deadline);
/* Handle what came. @fds as filled by http_prepare(). */
void http_handle(struct http *h, const struct pollfd *fds);

#endif
