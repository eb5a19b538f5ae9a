/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tools' command lines have in common: exit codes, messages, files.
 */
#ifndef TOOL_CLI_H
#define TOOL_CLI_H

#include <stddef.h>
#include <stdint.h>

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* Name of the tool, for messages. */
void cli_init(const char *tool);

/* "TOOL: text" to standard error. */
__attribute__((format(printf, 1, 2)))
void cli_error(const char *format, ...);

/* cli_error(), a line that points to --help, and EXIT_USAGE to return. */
__attribute__((format(printf, 1, 2)))
int cli_usage(const char *format, ...);

/* "TOOL VERSION"; returns EXIT_OK. */
int cli_version(void);

/*
 * What getopt_long() found and the tool has no case of its own for: 'h' prints @help, 'V' the
 * version, '?' has been complained of already. Returns the exit code.
 */
int cli_other_option(int option, const char *help);

/* A number from @min to @max; -EINVAL. */
int cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/*
 * Contents of a file; free() them. NULL after a message. A file of 0 bytes gives a pointer
 * that is not NULL.
 */
void *cli_read_file(const char *path, size_t *size);

/* The same of a pipe, too (such as /dev/stdin, or a shell's <(...)), of at most @max bytes. */
void *cli_read_stream(const char *path, size_t max, size_t *size);

/*
 * How far long work is, to standard error if that is a terminal: nothing in the first second,
 * then a line that is written over twice a second. cli_progress_end() takes it away; so does
 * cli_error().
 */
void cli_progress(uint64_t done, uint64_t all, const char *what);
void cli_progress_end(void);

/* Flush standard output; EXIT_FAILED after a message if what was printed got lost. */
int cli_finish(void);

#endif
