/* SPDX-License-Identifier: Apache-2.0 */
/* The neuron-emu process under test: its life, its socket, what it says on stderr. */
#ifndef FOREIGN_EMU_PROC_H
#define FOREIGN_EMU_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define EMU_MAX_EXTRA 32

struct emu {
	const char *path;
	const char *firmware;		/* NULL: the emulator's own default */
	char *extra[EMU_MAX_EXTRA];	/* further arguments */
	int nextra;
	char dir[64];
	char socket[96];
	char control[96];		/* the test bench's socket */
	char log[96];
	pid_t pid;			/* 0 when it does not run */
	int status;			/* of waitpid(), once it has ended */
	unsigned int starts;
};

int emu_start(struct emu *emu);
bool emu_alive(struct emu *emu);
/* SIGTERM, then SIGKILL; 0 = it went on SIGTERM, -1 = it had to be killed or had crashed. */
int emu_stop(struct emu *emu);
void emu_cleanup(struct emu *emu);

/*
 * A command for the test bench's socket, such as "fault SPEC"; 0 when it was done, else -EIO or
 * another -errno, and what there is to say of it in answer.
 */
int emu_control(struct emu *emu, const char *command, char *answer, size_t cap);

/* The length of the log so far; errors are looked for from there on. */
long emu_log_mark(struct emu *emu);
/* Waits for "guest-error: CATEGORY" with CATEGORY containing word ("" = any). */
bool emu_log_wait(struct emu *emu, long from, const char *word, int timeout_ms);
/* Number of guest errors after from; copies the first line to line. */
int emu_log_count(struct emu *emu, long from, char *line, size_t cap);
/* A sanitizer's or the C library's abort message anywhere in the log. */
bool emu_log_has_crash(struct emu *emu, char *line, size_t cap);
/* The last lines as TAP diagnostics. */
void emu_log_tail(struct emu *emu, int lines);
/* How often each category was seen, as TAP diagnostics. */
void emu_log_summary(struct emu *emu);

#endif
