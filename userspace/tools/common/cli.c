// SPDX-License-Identifier: Apache-2.0
/*
 * What the tools' command lines have in common: exit codes, messages, files.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define MAX_FILE (16ULL << 30)

static const char *tool_name = "?";

void cli_init(const char *tool)
{
	tool_name = tool;
}

/* When the work began, and when the line was written; 0: not yet. */
static uint64_t progress_start_ms, progress_shown_ms;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

void cli_progress(uint64_t done, uint64_t all, const char *what)
{
	uint64_t now;

	if (!isatty(STDERR_FILENO))
		return;
	now = now_ms();
	if (!progress_start_ms)
		progress_start_ms = now;
	if (now - progress_start_ms < 1000 || now - progress_shown_ms < 500)
		return;
	progress_shown_ms = now;
	fprintf(stderr, "\r%s: %llu of %llu %s, %llu s left\033[K", tool_name,
		(unsigned long long)done, (unsigned long long)all, what,
		(unsigned long long)((now - progress_start_ms) * (double)(all - done) / done / 1000));
}

void cli_progress_end(void)
{
	if (progress_shown_ms)
		fputs("\r\033[K", stderr);
	progress_start_ms = progress_shown_ms = 0;
}

static void print_error(const char *format, va_list args)
{
	cli_progress_end();
	fprintf(stderr, "%s: ", tool_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
}

int cli_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
	fprintf(stderr, "Try '%s --help'.\n", tool_name);
	return EXIT_USAGE;
}

int cli_version(void)
{
	printf("%s %s\n", tool_name, NEURON_VERSION);
	return cli_finish();
}

int cli_other_option(int option, const char *help)
{
	if (option == 'V')
		return cli_version();
	if (option == 'h') {
		fputs(help, stdout);
		return cli_finish();
	}
	fprintf(stderr, "Try '%s --help'.\n", tool_name);
	return EXIT_USAGE;
}

int cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end || *value < min || *value > max ? -EINVAL : 0;
}

static void *read_all(FILE *f, const char *path, size_t *size)
{
	struct stat st;
	char *data;

	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
		cli_error("%s: not a regular file", path);
		return NULL;
	}
	data = (uint64_t)st.st_size < MAX_FILE ? malloc(st.st_size + 1) : NULL;
	if (!data) {
		cli_error("%s: %lld bytes do not fit into memory", path, (long long)st.st_size);
		return NULL;
	}
	*size = fread(data, 1, st.st_size, f);
	if (ferror(f)) {
		cli_error("%s: %s", path, strerror(errno));
		free(data);
		return NULL;
	}
	return data;
}

void *cli_read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "re");
	void *data;

	if (!f) {
		cli_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	data = read_all(f, path, size);
	fclose(f);
	return data;
}

/* Up to a byte more than @max, so that it is noticed. */
static void *read_up_to(FILE *f, const char *path, size_t max, size_t *size)
{
	struct stat st;
	char *data;

	if (fstat(fileno(f), &st) || (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))) {
		cli_error("%s: neither a regular file nor a pipe", path);
		return NULL;
	}
	data = malloc(max + 1);
	*size = data ? fread(data, 1, max + 1, f) : 0;
	if (data && !ferror(f) && *size <= max)
		return data;
	if (data && *size > max)
		cli_error("%s: more than %zu bytes", path, max);
	else
		cli_error("%s: %s", path, strerror(errno));
	free(data);
	return NULL;
}

void *cli_read_stream(const char *path, size_t max, size_t *size)
{
	FILE *f = fopen(path, "re");
	void *data;

	if (!f) {
		cli_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	data = read_up_to(f, path, max, size);
	fclose(f);
	return data;
}

int cli_finish(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		cli_error("standard output: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
