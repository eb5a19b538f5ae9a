// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines that go to syslog, which is replaced at link time: from which components, with
 * which priority, from which level on. (Lines for people: nrt_api_state.c.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <cmocka.h>

#include "env.h"

static char lines[4096];
static int last_priority;

static void take(int priority, const char *format, va_list args)
{
	size_t used = strlen(lines);

	last_priority = priority;
	vsnprintf(lines + used, sizeof(lines) - used, format, args);
	strncat(lines, "\n", sizeof(lines) - strlen(lines) - 1);
}

void __wrap_syslog(int priority, const char *format, ...);
void __wrap___syslog_chk(int priority, int flag, const char *format, ...);

void __wrap_syslog(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	take(priority, format, args);
	va_end(args);
}

void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	take(priority, format, args);
	va_end(args);
}

static int clear(void **state)
{
	static const char *const names[] = {
		"NEURON_RT_LOG_LOCATION", "NEURON_RT_LOG_LOCATION_NRT", "NEURON_RT_LOG_LOCATION_TDRV",
		"NEURON_RT_LOG_LOCATION_NMGR", "NEURON_RT_LOG_LEVEL", "NEURON_RT_LOG_LEVEL_NRT",
		"NEURON_RT_LOG_LEVEL_TDRV", "NEURON_RT_LOG_LEVEL_NMGR",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	lines[0] = 0;
	return 0;
}

static void configure(void)
{
	char error[256];
	struct nrt_env env;

	assert_int_equal(nrt_env_read(&env, error, sizeof(error)), 0);
	nrt_log_configure(&env.log);
}

/* By default from INFO on. */
static void all_of_it(void **state)
{
	setenv("NEURON_RT_LOG_LOCATION", "syslog", 1);
	configure();
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_init", "one %d", 1);
	assert_int_equal(last_priority, LOG_USER | LOG_ERR);
	nrt_log(NRT_LOG_WARN, NRT_LOG_TDRV, "mc_alloc", "two");
	assert_int_equal(last_priority, LOG_USER | LOG_WARNING);
	nrt_log(NRT_LOG_INFO, NRT_LOG_NMGR, "nrt_load", "three %s", "3");
	assert_int_equal(last_priority, LOG_USER | LOG_INFO);
	nrt_log(NRT_LOG_DEBUG, NRT_LOG_NMGR, "nrt_load", "four");
	assert_string_equal(lines, "ERROR NRT:nrt_init one 1\nWARN TDRV:mc_alloc two\nINFO NMGR:nrt_load three 3\n");
	assert_string_equal(nrt_log_last_error(), "one 1");
}

/* Location and level of one component; the others stay on the console, and at ERROR. */
static void one_component(void **state)
{
	setenv("NEURON_RT_LOG_LOCATION_TDRV", "syslog", 1);
	setenv("NEURON_RT_LOG_LEVEL_TDRV", "DEBUG", 1);
	setenv("NEURON_RT_LOG_LEVEL_NRT", "QUIET", 1);
	configure();
	nrt_log(NRT_LOG_DEBUG, NRT_LOG_TDRV, "f", "debug");
	assert_int_equal(last_priority, LOG_USER | LOG_DEBUG);
	nrt_log(NRT_LOG_TRACE, NRT_LOG_TDRV, "f", "trace");
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "f", "kept all the same");
	nrt_log(NRT_LOG_INFO, NRT_LOG_NMGR, "f", "info");
	assert_string_equal(lines, "DEBUG TDRV:f debug\n");
	assert_string_equal(nrt_log_last_error(), "kept all the same");
}

/* More about an error is logged with it, and does not take its place. */
static void more(void **state)
{
	setenv("NEURON_RT_LOG_LOCATION", "syslog", 1);
	configure();
	nrt_log(NRT_LOG_ERROR, NRT_LOG_TDRV, "f", "no memory");
	nrt_log_more(NRT_LOG_TDRV, "f", "see %s", "file");
	assert_string_equal(lines, "ERROR TDRV:f no memory\nERROR TDRV:f see file\n");
	assert_string_equal(nrt_log_last_error(), "no memory");
}

/* A message is a line without control characters, and what does not fit ends before a whole one. */
static void one_line(void **state)
{
	char name[1100];

	setenv("NEURON_RT_LOG_LOCATION", "syslog", 1);
	configure();
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "f", "%s", "a\nb\r\tc\033[1m\177 \\ \xc3\xa9 \xc2\x9bm \001");
	nrt_log_more(NRT_LOG_NRT, "f", "%s", "d\ne");
	assert_string_equal(lines, "ERROR NRT:f a\\nb\\r\\tc\\x1b[1m\\x7f \\ \xc3\xa9 \\xc2\\x9bm \\x01\n"
			    "ERROR NRT:f d\\ne\n");
	assert_string_equal(nrt_log_last_error(), "a\\nb\\r\\tc\\x1b[1m\\x7f \\ \xc3\xa9 \\xc2\\x9bm \\x01");
	memset(name, 1, sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "f", "%s", name);
	assert_int_equal(strlen(nrt_log_last_error()), 1020);
	assert_string_equal(nrt_log_last_error() + 1016, "\\x01");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_of_it, clear),
		cmocka_unit_test_setup(one_component, clear),
		cmocka_unit_test_setup(more, clear),
		cmocka_unit_test_setup(one_line, clear),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
