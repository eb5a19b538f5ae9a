// SPDX-License-Identifier: Apache-2.0
/* Commands of the control socket. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <inttypes.h>
#include <neuron/ext.h>

#include "control.h"
#include "log.h"
#include "trace.h"
#include "vfu_socket.h"

#define CLIENTS		8
#define LINE_MAX_LEN	512
#define ANSWER_S	5

struct client {
	int fd;
	size_t have;
	char line[LINE_MAX_LEN];
};

struct control {
	struct emu_chip *chip;
	pthread_t thread;
	int listen_fd;
	int stop_fd;
	char *path;
	struct client client[CLIENTS];
};

struct command {
	const char *name;
	const char *usage;
	/* NULL, or what is wrong; lines of the answer go to @out. */
	const char *(*run)(struct control *c, const char *arg, FILE *out);
};

static char error_text[512];	/* the control thread's */

static const char *set_fault(struct control *c, const char *arg, FILE *out)
{
	(void)out;
	if (!*arg)
		return "fault needs SPEC; \"kinds\" lists what there is";
	return emu_fault_set(c->chip, arg, error_text, sizeof(error_text)) ? error_text : NULL;
}

static const char *clear_fault(struct control *c, const char *arg, FILE *out)
{
	(void)out;
	if (!emu_fault_clear(c->chip, arg))
		return NULL;
	snprintf(error_text, sizeof(error_text),
		 "\"%.64s\" is no kind of fault; \"kinds\" lists them, \"clear all\" clears all", arg);
	return error_text;
}

static const char *list_faults(struct control *c, const char *arg, FILE *out)
{
	struct emu_fault_info info;
	unsigned int i;

	(void)arg;
	for (i = 0; emu_fault_get(c->chip, i, &info); i++)
		fprintf(out, "%s fired=%" PRIu64 " seen=%" PRIu64 "\n", info.spec, info.fired,
			info.seen);
	return NULL;
}

static const char *list_kinds(struct control *c, const char *arg, FILE *out)
{
	const char *name, *meaning;
	char keys[160];
	unsigned int i;

	(void)c;
	(void)arg;
	for (i = 0; emu_fault_describe(i, &name, &meaning, keys, sizeof(keys)); i++)
		fprintf(out, "%s: %s (%s)\n", name, meaning, keys);
	return NULL;
}

static bool take_number(const char **text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(*text, &end, 0);
	if (errno || end == *text || (*end && *end != ' '))
		return false;
	*text = end + strspn(end, " ");
	return true;
}

static const char *set_guard(struct control *c, const char *arg, FILE *out)
{
	uint64_t base, len;
	int err;

	(void)out;
	if (!take_number(&arg, &base) || !take_number(&arg, &len) || strchr(arg, ' '))
		return "guard needs BASE LEN [NAME], such as 0x400012345000 0x1000 theirs";
	err = emu_guard_set(c->chip, base, len, *arg ? arg : "guard");
	if (!err)
		return NULL;
	snprintf(error_text, sizeof(error_text), "0x%" PRIx64 " + 0x%" PRIx64 ": %s", base, len,
		 err == -EINVAL ? "empty, not in one space of device addresses, or a name that is too long" :
		 err == -EEXIST ? "meets another guard; \"guards\" lists them" :
		 err == -ENOSPC ? "one guard too many; \"unguard all\" clears all" : strerror(-err));
	return error_text;
}

static const char *clear_guard(struct control *c, const char *arg, FILE *out)
{
	(void)out;
	if (emu_guard_clear(c->chip, arg) || !strcmp(arg, "all"))
		return NULL;
	snprintf(error_text, sizeof(error_text),
		 "there is no guard \"%.64s\"; \"guards\" lists them, \"unguard all\" clears all", arg);
	return error_text;
}

static const char *list_guards(struct control *c, const char *arg, FILE *out)
{
	struct emu_guard_info g;
	unsigned int i;

	(void)arg;
	for (i = 0; emu_guard_get(c->chip, i, &g); i++)
		fprintf(out, "0x%" PRIx64 " 0x%" PRIx64 " %s reads=%" PRIu64 " writes=%" PRIu64 "\n", g.base,
			g.length, g.name, g.reads, g.writes);
	return NULL;
}

static const char *set_trace(struct control *c, const char *arg, FILE *out)
{
	char bad[64];

	(void)out;
	if (*arg && trace_select(arg, bad, sizeof(bad))) {
		trace_apply(c->chip);
		return NULL;
	}
	snprintf(error_text, sizeof(error_text), "trace: %s%s%s; there are %s, all and none",
		 *arg ? "unknown category \"" : "a list of categories is missing", *arg ? bad : "",
		 *arg ? "\"" : "", trace_names());
	return error_text;
}

static const char *status(struct control *c, const char *arg, FILE *out)
{
	struct emu_fault_info info;
	struct emu_status s;
	unsigned int n = 0;

	(void)arg;
	emu_get_status(c->chip, &s);
	while (emu_fault_get(c->chip, n, &info))
		n++;
	fprintf(out, "fw_state %u\nheartbeat %u\ntemperature %d\njobs_running %u\n"
		"guest_errors %" PRIu64 "\nfaults %u\n",
		s.fw_state, s.heartbeat, s.temperature, s.jobs_running, s.guest_errors, n);
	return NULL;
}

static void dump_line(void *opaque, const char *text)
{
	fprintf(opaque, "%s\n", text);
}

static const char *dump(struct control *c, const char *arg, FILE *out)
{
	(void)arg;
	emu_dump(c->chip, dump_line, out);
	return NULL;
}

static const char *help(struct control *c, const char *arg, FILE *out);

static const struct command commands[] = {
	{ "fault", "fault SPEC: set a fault", set_fault },
	{ "clear", "clear KIND|all: clear faults", clear_fault },
	{ "faults", "faults: those that are set, and how often each fired", list_faults },
	{ "kinds", "kinds: the kinds of faults and their options", list_kinds },
	{ "guard", "guard BASE LEN [NAME]: nothing may touch LEN bytes at device address BASE", set_guard },
	{ "unguard", "unguard NAME|all: clear guards", clear_guard },
	{ "guards", "guards: those that are set, and how often each was touched", list_guards },
	{ "trace", "trace LIST|none: print what goes on, as --trace", set_trace },
	{ "status", "status: firmware, temperature, jobs, mistakes of the host", status },
	{ "dump", "dump: the whole state but for the memories", dump },
	{ "help", "help: this list", help },
};

#define COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const char *help(struct control *c, const char *arg, FILE *out)
{
	unsigned int i;

	(void)c;
	(void)arg;
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "%s\n", commands[i].usage);
	return NULL;
}

static void run_line(struct control *c, char *line, FILE *out)
{
	char *arg = line + strcspn(line, " ");
	const char *wrong = error_text;
	unsigned int i;

	if (*arg)
		*arg++ = 0;
	for (i = 0; i < COMMANDS && strcmp(commands[i].name, line); i++)
		;
	if (i < COMMANDS)
		wrong = commands[i].run(c, arg, out);
	else
		snprintf(error_text, sizeof(error_text), "unknown command \"%.64s\"; try help", line);
	if (wrong)
		fprintf(out, "error: %s\n", wrong);
	else
		fputs("ok\n", out);
}

/* The whole answer, or an error if the client does not take it. */
static int send_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		text += n;
		size -= n;
	}
	return 0;
}

static int answer(struct control *c, struct client *client, char *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return -ENOMEM;
	run_line(c, line, out);
	/* Who has the answer finds what led to it in the log. */
	log_flush();
	err = fclose(out) ? -ENOMEM : send_all(client->fd, text, size);
	free(text);
	return err;
}

/* What came; -errno: the client is done with. */
static int serve(struct control *c, struct client *client)
{
	ssize_t n = recv(client->fd, client->line + client->have,
			 sizeof(client->line) - 1 - client->have, 0);
	char *end;
	int err = 0;

	if (n <= 0)
		return n < 0 && errno == EINTR ? 0 : -ECONNRESET;
	client->have += n;
	client->line[client->have] = 0;
	while (!err && (end = memchr(client->line, '\n', client->have))) {
		*end++ = 0;
		if (end - client->line >= 2 && end[-2] == '\r')
			end[-2] = 0;
		err = answer(c, client, client->line);
		client->have -= end - client->line;
		memmove(client->line, end, client->have);
	}
	if (!err && client->have == sizeof(client->line) - 1) {
		static const char too_long[] = "error: the line is too long\n";

		send_all(client->fd, too_long, sizeof(too_long) - 1);
		err = -EMSGSIZE;
	}
	return err;
}

static void take_client(struct control *c)
{
	const struct timeval limit = { ANSWER_S, 0 };
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	unsigned int i;

	if (fd < 0)
		return;
	for (i = 0; i < CLIENTS && c->client[i].fd >= 0; i++)
		;
	if (i == CLIENTS) {
		static const char busy[] = "error: too many clients\n";

		send_all(fd, busy, sizeof(busy) - 1);
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	c->client[i].fd = fd;
	c->client[i].have = 0;
}

static void *control_thread(void *arg)
{
	struct control *c = arg;
	struct pollfd p[CLIENTS + 2];
	unsigned int i;

	for (;;) {
		p[0] = (struct pollfd){ c->stop_fd, POLLIN, 0 };
		p[1] = (struct pollfd){ c->listen_fd, POLLIN, 0 };
		for (i = 0; i < CLIENTS; i++)
			p[i + 2] = (struct pollfd){ c->client[i].fd, POLLIN, 0 };
		if (poll(p, CLIENTS + 2, -1) < 0)
			continue;
		if (p[0].revents)
			return NULL;
		for (i = 0; i < CLIENTS; i++) {
			if (!p[i + 2].revents || !serve(c, &c->client[i]))
				continue;
			close(c->client[i].fd);
			c->client[i].fd = -1;
		}
		if (p[1].revents)
			take_client(c);
	}
}

static void free_control(struct control *c)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		if (c->client[i].fd >= 0)
			close(c->client[i].fd);
	if (c->listen_fd >= 0) {
		close(c->listen_fd);
		unlink(c->path);
	}
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	free(c->path);
	free(c);
}

int control_start(struct emu_chip *chip, const char *path, struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	unsigned int i;
	int err;

	if (!c)
		return -ENOMEM;
	c->chip = chip;
	for (i = 0; i < CLIENTS; i++)
		c->client[i].fd = -1;
	c->path = strdup(path);
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	c->listen_fd = vfu_socket_listen(path, SOCK_STREAM);
	err = c->listen_fd < 0 ? c->listen_fd : !c->path || c->stop_fd < 0 ? -ENOMEM :
	      -pthread_create(&c->thread, NULL, control_thread, c);
	if (err) {
		free_control(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_stop(struct control *c)
{
	const uint64_t one = 1;

	if (!c)
		return;
	if (write(c->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(c->thread, NULL);
	free_control(c);
}
