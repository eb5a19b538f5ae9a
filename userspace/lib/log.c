// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines: 2021-Aug-11 18:38:27.0917 13713:13713 ERROR NRT:nrt_init Unable to ...
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define LINE_MAX_BYTES 1024

static struct nrt_log_config log_config = {
	.level = { NRT_LOG_ERROR, NRT_LOG_ERROR, NRT_LOG_ERROR },
};

static const char *const level_name[] = { "QUIET", "ERROR", "WARN", "INFO", "DEBUG", "TRACE" };
static const char *const module_name[] = { "NRT", "TDRV", "NMGR" };
static const int level_priority[] = {
	LOG_EMERG, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_DEBUG,
};

static _Thread_local char last_error[LINE_MAX_BYTES];

void nrt_log_configure(const struct nrt_log_config *config)
{
	log_config = *config;
}

const char *nrt_log_last_error(void)
{
	return last_error;
}

/* Bytes of a control character at @p, else 0. Some terminals know those of C1, too. */
static size_t control(const unsigned char *p)
{
	if (*p < ' ' || *p == 0x7f)
		return 1;
	return *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0 ? 2 : 0;
}

/*
 * Names come from files and callers: with characters in them that begin a line, or tell a terminal
 * something, they could forge what else is in the log. These become \n, \t, \r, \xHH.
 */
static void make_one_line(const char *from, char *to, size_t size)
{
	const unsigned char *p = (const unsigned char *)from;
	char *end = to + size;

	while (*p) {
		const char *name = strchr("\nn\tt\rr", *p);
		size_t n = control(p), i;
		char code[16] = { *p };

		for (i = 0; i < n; i++)
			snprintf(code + 4 * i, 5, "\\x%02x", p[i]);
		if (n && name)
			snprintf(code, sizeof(code), "\\%c", name[1]);
		/* Whole or not at all. */
		if (strlen(code) >= (size_t)(end - to))
			break;
		to = stpcpy(to, code);
		p += n ? n : 1;
	}
	*to = 0;
}

__attribute__((format(printf, 3, 0)))
static void print(char *text, size_t size, const char *format, va_list args)
{
	char raw[LINE_MAX_BYTES];

	vsnprintf(raw, sizeof(raw), format, args);
	make_one_line(raw, text, size);
}

static void log_console(enum nrt_log_level level, enum nrt_log_module module, const char *function,
			const char *text)
{
	/* The documented form has English months, whatever the locale. */
	static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char line[LINE_MAX_BYTES + 128];
	struct timespec now;
	struct tm tm;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = snprintf(line, sizeof(line), "%04d-%.3s-%02d %02d:%02d:%02d.%04ld %d:%ld %s %s:%s %s\n",
		     tm.tm_year + 1900, month + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
		     tm.tm_sec, now.tv_nsec / 1000000, getpid(), syscall(SYS_gettid),
		     level_name[level], module_name[module], function, text);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	/* One write a line, so that lines of threads do not mix. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

static void put(enum nrt_log_level level, enum nrt_log_module module, const char *function,
		const char *text)
{
	if (level > log_config.level[module])
		return;
	if (log_config.syslog[module])
		syslog(LOG_USER | level_priority[level], "%s %s:%s %s", level_name[level],
		       module_name[module], function, text);
	else
		log_console(level, module, function, text);
}

void nrt_log(enum nrt_log_level level, enum nrt_log_module module, const char *function,
	     const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	if (level > log_config.level[module] && level != NRT_LOG_ERROR)
		return;
	va_start(args, format);
	print(text, sizeof(text), format, args);
	va_end(args);
	if (level == NRT_LOG_ERROR)
		memcpy(last_error, text, sizeof(text));
	put(level, module, function, text);
}

void nrt_log_more(enum nrt_log_module module, const char *function, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	print(text, sizeof(text), format, args);
	va_end(args);
	put(NRT_LOG_ERROR, module, function, text);
}
