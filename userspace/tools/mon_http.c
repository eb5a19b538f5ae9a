// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP server: descriptors that never block, a deadline and a limit for each client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli.h"
#include "mon_http.h"
#include "proc.h"

#define BACKLOG		128
#define MAX_REQUEST	8192
#define TIMEOUT_NS	(5 * 1000000000ULL)

/**
 * struct http_client - a connection
 * @answer: header and page; NULL while the request comes in
 * @deadline: when we lose patience
 */
struct http_client {
	int fd;
	char request[MAX_REQUEST + 1];
	size_t received;
	char *answer;
	size_t size, sent;
	uint64_t deadline;
};

/* Split at the last colon; IPv6 addresses are in brackets. */
static int parse_where(const char *where, char *address, size_t size, const char **port)
{
	const char *colon = strrchr(where, ':');
	uint64_t number;
	size_t length;

	snprintf(address, size, "127.0.0.1");
	*port = where;
	if (colon) {
		*port = colon + 1;
		length = colon - where;
		if (length > 1 && *where == '[' && where[length - 1] == ']') {
			where++;
			length -= 2;
		}
		if (!length || length >= size)
			return -EINVAL;
		memcpy(address, where, length);
		address[length] = 0;
	}
	return cli_number(*port, 0, 65535, &number);
}

static int listen_on(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int http_listen(struct http *h, const char *where, char *bound, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST |
				  AI_NUMERICSERV | AI_PASSIVE }, *found;
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	char address[80], host[80], service[16];
	const char *port;
	int rc;

	rc = parse_where(where, address, sizeof(address), &port);
	if (rc || getaddrinfo(address, port, &hints, &found))
		return -EINVAL;
	h->fd = listen_on(found);
	freeaddrinfo(found);
	if (h->fd < 0)
		return h->fd;
	if (getsockname(h->fd, (struct sockaddr *)&name, &length) ||
	    getnameinfo((struct sockaddr *)&name, length, host, sizeof(host), service,
			sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV))
		return -EIO;
	snprintf(bound, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, service);
	return 0;
}

static void drop(struct http *h, int i)
{
	close(h->clients[i]->fd);
	free(h->clients[i]->answer);
	free(h->clients[i]);
	h->clients[i] = NULL;
}

void http_close(struct http *h)
{
	int i;

	for (i = 0; i < HTTP_CLIENTS; i++)
		if (h->clients[i])
			drop(h, i);
	close(h->fd);
}

/* With all places taken, the client that is there longest goes. */
static int find_place(struct http *h)
{
	int oldest = 0, i;

	for (i = 0; i < HTTP_CLIENTS; i++) {
		if (!h->clients[i])
			return i;
		if (h->clients[i]->deadline < h->clients[oldest]->deadline)
			oldest = i;
	}
	drop(h, oldest);
	return oldest;
}

static void accept_clients(struct http *h)
{
	int fd, place, i;

	for (i = 0; i < HTTP_CLIENTS; i++) {
		fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		place = find_place(h);
		h->clients[place] = calloc(1, sizeof(struct http_client));
		if (!h->clients[place]) {
			close(fd);
			return;
		}
		h->clients[place]->fd = fd;
		h->clients[place]->deadline = proc_now_ns() + TIMEOUT_NS;
	}
}

/* @extra: header lines, each with its line end. */
static void answer(struct http_client *c, const char *status, const char *extra,
		   const char *text, size_t size, bool head)
{
	char header[512];
	int n;

	n = snprintf(header, sizeof(header),
		     "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n", status,
		     size, extra);
	c->answer = malloc(n + size);
	if (!c->answer)
		return;
	memcpy(c->answer, header, n);
	c->size = n;
	if (head)
		return;
	memcpy(c->answer + n, text, size);
	c->size += size;
}

static void answer_text(struct http_client *c, const char *status, const char *extra,
			const char *text)
{
	char type[160];

	snprintf(type, sizeof(type), "Content-Type: text/plain; charset=utf-8\r\n%s", extra);
	answer(c, status, type, text, strlen(text), false);
}

static void answer_metrics(struct http *h, struct http_client *c, bool head)
{
	size_t size;
	char *text = h->page(h->opaque, &size);

	if (!text) {
		answer_text(c, "500 Internal Server Error", "", "out of memory\n");
		return;
	}
	answer(c, "200 OK", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n", text, size,
	       head);
	free(text);
}

/* The request line is all that matters. */
static void handle_request(struct http *h, struct http_client *c)
{
	char method[16], target[256], version[16];
	bool head;

	if (sscanf(c->request, "%15[A-Z] %255[^ \r\n] HTTP/%15[0-9.]", method, target, version) != 3 ||
	    strncmp(version, "1.", 2)) {
		answer_text(c, "400 Bad Request", "", "this is no request of HTTP/1.x\n");
		return;
	}
	head = !strcmp(method, "HEAD");
	target[strcspn(target, "?")] = 0;
	if (!head && strcmp(method, "GET"))
		answer_text(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n",
			    "GET and HEAD only\n");
	else if (!strcmp(target, "/metrics"))
		answer_metrics(h, c, head);
	else if (!strcmp(target, "/"))
		answer_text(c, "200 OK", "", head ? "" : "neuron-monitor: see /metrics\n");
	else
		answer_text(c, "404 Not Found", "", head ? "" : "see /metrics\n");
}

/* -1: the connection is over. */
static int receive(struct http *h, struct http_client *c)
{
	ssize_t n = recv(c->fd, c->request + c->received, MAX_REQUEST - c->received, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (!n)
		return -1;
	c->received += n;
	c->request[c->received] = 0;
	if (memmem(c->request, c->received, "\r\n\r\n", 4) ||
	    memmem(c->request, c->received, "\n\n", 2))
		handle_request(h, c);
	else if (c->received == MAX_REQUEST)
		answer_text(c, "431 Request Header Fields Too Large", "", "the request is too long\n");
	else
		return 0;
	return c->answer ? 0 : -1;
}

static int transmit(struct http_client *c)
{
	ssize_t n = send(c->fd, c->answer + c->sent, c->size - c->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	c->sent += n;
	if (c->sent < c->size)
		return 0;
	/* What the client still had to say would reset the connection before it has read. */
	shutdown(c->fd, SHUT_WR);
	while (recv(c->fd, c->request, MAX_REQUEST, 0) > 0)
		;
	return -1;
}

int http_prepare(const struct http *h, struct pollfd *fds, uint64_t *deadline)
{
	int i, n = 0;

	fds[n++] = (struct pollfd) { .fd = h->fd, .events = POLLIN };
	for (i = 0; i < HTTP_CLIENTS; i++) {
		const struct http_client *c = h->clients[i];

		if (!c)
			continue;
		fds[n++] = (struct pollfd) { .fd = c->fd, .events = c->answer ? POLLOUT : POLLIN };
		if (c->deadline < *deadline)
			*deadline = c->deadline;
	}
	return n;
}

void http_handle(struct http *h, const struct pollfd *fds)
{
	uint64_t now = proc_now_ns();
	int i, n = 1;

	for (i = 0; i < HTTP_CLIENTS; i++) {
		struct http_client *c = h->clients[i];
		int rc = 0;

		if (!c)
			continue;
		if (fds[n++].revents) {
			if (!c->answer)
				rc = receive(h, c);
			if (!rc && c->answer)
				rc = transmit(c);
		}
		if (rc || c->deadline <= now)
			drop(h, i);
	}
	if (fds[0].revents)
		accept_clients(h);
}
