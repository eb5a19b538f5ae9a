// SPDX-License-Identifier: Apache-2.0
/* The neuron-emu process under test: its life, its socket, what it says on stderr. */
#include "emu_proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "vfio_user_client.h"

#define GUEST_ERROR "guest-error:"

static int make_dir(struct emu *emu)
{
	const char *tmp = getenv("TMPDIR");

	if (emu->dir[0])
		return 0;
	/* A socket's path has room for 107 characters. */
	if (!tmp || strlen(tmp) > 32)
		tmp = "/tmp";
	snprintf(emu->dir, sizeof(emu->dir), "%s/foreign-XXXXXX", tmp);
	if (!mkdtemp(emu->dir)) {
		emu->dir[0] = 0;
		return -errno;
	}
	snprintf(emu->socket, sizeof(emu->socket), "%s/emu.sock", emu->dir);
	snprintf(emu->control, sizeof(emu->control), "%s/control.sock", emu->dir);
	snprintf(emu->log, sizeof(emu->log), "%s/stderr", emu->dir);
	return 0;
}

static void child(struct emu *emu, int log, pid_t parent)
{
	char *argv[EMU_MAX_EXTRA + 10];
	int n = 0, i;

	argv[n++] = (char *)emu->path;
	argv[n++] = "--socket";
	argv[n++] = emu->socket;
	argv[n++] = "--control";
	argv[n++] = emu->control;
	if (emu->firmware) {
		argv[n++] = "--firmware";
		argv[n++] = (char *)emu->firmware;
	}
	for (i = 0; i < emu->nextra; i++)
		argv[n++] = emu->extra[i];
	argv[n] = NULL;

	/* No emulator may outlive the test, however the test ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	dup2(log, 1);
	dup2(log, 2);
	execv(emu->path, argv);
	dprintf(2, "cannot run %s: %s\n", emu->path, strerror(errno));
	_exit(127);
}

int emu_start(struct emu *emu)
{
	pid_t parent = getpid();
	int log, e;

	e = make_dir(emu);
	if (e)
		return e;
	unlink(emu->socket);
	unlink(emu->control);
	log = open(emu->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return -errno;
	fflush(stdout);
	emu->pid = fork();
	if (emu->pid < 0) {
		e = -errno;
		emu->pid = 0;
	} else if (!emu->pid) {
		child(emu, log, parent);
	}
	close(log);
	emu->starts++;
	return e;
}

/* The answer ends with a line "ok" or "error: TEXT". */
static int read_answer(int fd, char *answer, size_t cap)
{
	size_t used = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, answer + used, cap - 1 - used);
		if (n <= 0)
			return n ? -errno : -EIO;
		used += n;
		answer[used] = 0;
		if (!strcmp(answer, "ok\n") || strstr(answer, "\nok\n"))
			return 0;
		if (!strncmp(answer, "error: ", 7) || strstr(answer, "\nerror: "))
			return -EIO;
		if (used == cap - 1)
			return -ENOSPC;
	}
}

int emu_control(struct emu *emu, const char *command, char *answer, size_t cap)
{
	struct timeval patience = { VU_TIMEOUT_MS / 1000, 0 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), e = 0;

	snprintf(answer, cap, "no answer");
	if (fd < 0)
		return -errno;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", emu->control);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || dprintf(fd, "%s\n", command) < 0)
		e = -errno;
	e = e ? e : read_answer(fd, answer, cap);
	close(fd);
	return e;
}

bool emu_alive(struct emu *emu)
{
	int status;

	if (!emu->pid)
		return false;
	if (waitpid(emu->pid, &status, WNOHANG) == emu->pid) {
		emu->status = status;
		emu->pid = 0;
		if (WIFSIGNALED(status))
			tap_diag("neuron-emu was killed by signal %d", WTERMSIG(status));
		else
			tap_diag("neuron-emu exited with %d", WEXITSTATUS(status));
		emu_log_tail(emu, 12);
		return false;
	}
	return true;
}

int emu_stop(struct emu *emu)
{
	uint64_t deadline = vu_now_ms() + VU_TIMEOUT_MS;

	if (!emu_alive(emu))
		return -1;
	kill(emu->pid, SIGTERM);
	while (vu_now_ms() < deadline) {
		if (waitpid(emu->pid, &emu->status, WNOHANG) == emu->pid) {
			emu->pid = 0;
			if (WIFEXITED(emu->status) || WTERMSIG(emu->status) == SIGTERM)
				return 0;
			tap_diag("neuron-emu died of signal %d on SIGTERM",
				 WTERMSIG(emu->status));
			return -1;
		}
		usleep(5000);
	}
	tap_diag("neuron-emu ignored SIGTERM for %d ms", VU_TIMEOUT_MS);
	kill(emu->pid, SIGKILL);
	waitpid(emu->pid, &emu->status, 0);
	emu->pid = 0;
	return -1;
}

void emu_cleanup(struct emu *emu)
{
	if (!emu->dir[0])
		return;
	unlink(emu->socket);
	unlink(emu->control);
	unlink(emu->log);
	if (rmdir(emu->dir))
		tap_diag("left behind: %s", emu->dir);
}

/* The answer comes behind all lines of before. An emulator that has died gives none. */
static void sync_log(struct emu *emu)
{
	char answer[4096];

	emu_control(emu, "faults", answer, sizeof(answer));
}

long emu_log_mark(struct emu *emu)
{
	long at = 0;
	FILE *f;

	sync_log(emu);
	f = fopen(emu->log, "r");
	if (f) {
		fseek(f, 0, SEEK_END);
		at = ftell(f);
		fclose(f);
	}
	return at;
}

/* The category in a line, or false when the line is no guest error. */
static bool category(const char *line, char *out, size_t cap)
{
	const char *p = strstr(line, GUEST_ERROR);
	size_t n = 0;

	if (!p)
		return false;
	p += strlen(GUEST_ERROR);
	while (*p == ' ')
		p++;
	while (n + 1 < cap && (islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
			       *p == '-'))
		out[n++] = *p++;
	out[n] = 0;
	return n > 0;
}

static bool scan(struct emu *emu, long from, const char *word)
{
	char line[1024], cat[64];
	FILE *f = fopen(emu->log, "r");
	bool hit = false;

	if (!f)
		return false;
	fseek(f, from, SEEK_SET);
	while (!hit && fgets(line, sizeof(line), f))
		hit = category(line, cat, sizeof(cat)) && strstr(cat, word);
	fclose(f);
	return hit;
}

bool emu_log_wait(struct emu *emu, long from, const char *word, int timeout_ms)
{
	uint64_t deadline = vu_now_ms() + timeout_ms;

	for (;;) {
		if (scan(emu, from, word))
			return true;
		if (vu_now_ms() >= deadline)
			return false;
		usleep(10000);
	}
}

int emu_log_count(struct emu *emu, long from, char *out, size_t cap)
{
	char line[1024];
	int n = 0;
	FILE *f;

	sync_log(emu);
	f = fopen(emu->log, "r");
	if (!f)
		return 0;
	fseek(f, from, SEEK_SET);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, GUEST_ERROR))
			continue;
		line[strcspn(line, "\n")] = 0;
		if (!n++ && out)
			snprintf(out, cap, "%s", line);
	}
	fclose(f);
	return n;
}

bool emu_log_has_crash(struct emu *emu, char *out, size_t cap)
{
	static const char *const words[] = {
		"Sanitizer", "runtime error:", "Assertion", "assertion failed",
		"stack smashing", "double free", "corrupted",
	};
	char line[1024];
	FILE *f = fopen(emu->log, "r");
	bool hit = false;
	size_t i;

	if (!f)
		return false;
	while (!hit && fgets(line, sizeof(line), f))
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			hit |= strstr(line, words[i]) != NULL;
	if (hit) {
		line[strcspn(line, "\n")] = 0;
		snprintf(out, cap, "%s", line);
	}
	fclose(f);
	return hit;
}

void emu_log_tail(struct emu *emu, int lines)
{
	char ring[16][512] = { { 0 } };
	FILE *f = fopen(emu->log, "r");
	int n = 0, i;

	if (!f)
		return;
	if (lines > 16)
		lines = 16;
	while (fgets(ring[n % lines], sizeof(ring[0]), f))
		n++;
	for (i = n > lines ? n - lines : 0; i < n; i++) {
		ring[i % lines][strcspn(ring[i % lines], "\n")] = 0;
		tap_diag("stderr: %s", ring[i % lines]);
	}
	fclose(f);
}

void emu_log_summary(struct emu *emu)
{
	struct {
		char name[64];
		unsigned int n;
	} seen[64];
	char line[1024], cat[64];
	FILE *f = fopen(emu->log, "r");
	int n = 0, i;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (!category(line, cat, sizeof(cat)))
			continue;
		for (i = 0; i < n && strcmp(seen[i].name, cat); i++)
			;
		if (i == 64)
			continue;
		if (i == n) {
			strcpy(seen[n].name, cat);
			seen[n++].n = 0;
		}
		seen[i].n++;
	}
	fclose(f);
	for (i = 0; i < n; i++)
		tap_diag("guest-error: %s: %u lines", seen[i].name, seen[i].n);
}
