// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's environment variables, and its allocator of address ranges.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "env.h"
#include "range_alloc.h"

static const char *const variables[] = {
	"NEURON_RT_VISIBLE_CORES", "NEURON_RT_NUM_CORES", "NEURON_RT_EXEC_TIMEOUT",
	"NEURON_RT_VALIDATE_HASH", "NEURON_RT_LOG_LEVEL", "NEURON_RT_LOG_LEVEL_NRT",
	"NEURON_RT_LOG_LEVEL_TDRV", "NEURON_RT_LOG_LEVEL_NMGR", "NEURON_RT_LOG_LOCATION",
	"NEURON_RT_LOG_LOCATION_NRT", "NEURON_RT_DEVICE", "NEURONCORE_GROUP_SIZES",
	"NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS", "NEURON_RT_DEBUG_MEMLOG_MAX_SIZE",
	"NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "NEURON_RT_RESET_CORES",
};

static int clear(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return 0;
}

static void core_lists(void **state)
{
	static const struct {
		const char *text;
		uint32_t first, count;
	} good[] = {
		{ "3", 3, 1 }, { "3-6", 3, 4 }, { "3,4,5", 3, 3 }, { "3-5,6", 3, 4 }, { "0", 0, 1 },
		{ "0-0", 0, 1 }, { "0-3,4-7,8", 0, 9 }, { "1023", 1023, 1 },
	};
	static const char *const bad[] = {
		"", " ", "a", "-1", "3-", "-3", "3,", ",3", "3,5", "3,3", "5,4", "6-3", "3-4,4", "1 2",
		"1,2 ", "+1", "0x1", "1024", "99999999999999999999", "1--2", "3;4",
	};
	uint32_t first, count;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(nrt_env_parse_cores(good[i].text, &first, &count), 0);
		assert_int_equal(first, good[i].first);
		assert_int_equal(count, good[i].count);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (nrt_env_parse_cores(bad[i], &first, &count) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void group_lists(void **state)
{
	static const char *const bad[] = {
		"", "a", "0", "2,", ",2", "2,0", "x", "4x", "x4", "0x1", "1x0", "2x2x2", "1025", "64x64",
		"2,-1", "2;3", "2,  3", "1 ", "99999999999999999999",
	};
	struct nrt_env_group g[NRT_ENV_MAX_GROUPS];
	char many[2 * NRT_ENV_MAX_GROUPS + 2];
	uint32_t count;
	size_t i;

	assert_int_equal(nrt_env_parse_groups("2,4, 3,4", g, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(g[1].cores, 4);
	assert_int_equal(g[1].instances, 1);
	assert_int_equal(g[2].cores, 3);
	assert_int_equal(nrt_env_parse_groups("4x1,2x3", g, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(g[0].instances, 4);
	assert_int_equal(g[0].cores, 1);
	assert_int_equal(g[1].instances, 2);
	assert_int_equal(g[1].cores, 3);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (nrt_env_parse_groups(bad[i], g, &count) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	for (i = 0; i <= NRT_ENV_MAX_GROUPS; i++)
		memcpy(&many[2 * i], "1,", 2);
	many[2 * NRT_ENV_MAX_GROUPS - 1] = 0;
	assert_int_equal(nrt_env_parse_groups(many, g, &count), 0);
	assert_int_equal(count, NRT_ENV_MAX_GROUPS);
	many[2 * NRT_ENV_MAX_GROUPS - 1] = ',';
	many[2 * NRT_ENV_MAX_GROUPS + 1] = 0;
	assert_int_equal(nrt_env_parse_groups(many, g, &count), -EINVAL);
}

static void defaults(void **state)
{
	struct nrt_env env;
	char error[256];
	int i;

	assert_int_equal(nrt_env_read(&env, error, sizeof(error)), 0);
	assert_int_equal(env.visible_cores, 0);
	assert_int_equal(env.num_cores, 0);
	assert_int_equal(env.timeout_ms, 30000);
	assert_false(env.validate_hash);
	assert_false(env.share_weights);
	assert_false(env.reset_cores);
	assert_int_equal(env.group_count, 0);
	assert_int_equal(env.memlog_entries, 1024 * 1024);
	assert_int_equal(env.dump_inputs, NRT_DUMP_NEVER);
	assert_int_equal(env.device, NRT_DEVICE_KERNEL);
	assert_int_equal(env.only_device, -1);
	for (i = 0; i < NRT_LOG_MODULES; i++) {
		assert_int_equal(env.log.level[i], NRT_LOG_ERROR);
		assert_false(env.log.syslog[i]);
	}
}

static void values(void **state)
{
	struct nrt_env env;
	char error[256];

	setenv("NEURON_RT_VISIBLE_CORES", "2-3", 1);
	setenv("NEURON_RT_NUM_CORES", "7", 1);
	setenv("NEURON_RT_EXEC_TIMEOUT", "2", 1);
	setenv("NEURON_RT_VALIDATE_HASH", "True", 1);
	setenv("NEURON_RT_LOG_LEVEL", "info", 1);
	setenv("NEURON_RT_LOG_LEVEL_TDRV", "WARNING", 1);
	setenv("NEURON_RT_LOG_LOCATION_NRT", "SYSLOG", 1);
	setenv("NEURON_RT_DEVICE", "emulator:3", 1);
	assert_int_equal(nrt_env_read(&env, error, sizeof(error)), 0);
	assert_int_equal(env.first_core, 2);
	assert_int_equal(env.visible_cores, 2);
	assert_int_equal(env.num_cores, 7);
	assert_int_equal(env.timeout_ms, 2000);
	assert_true(env.validate_hash);
	assert_int_equal(env.log.level[NRT_LOG_NRT], NRT_LOG_INFO);
	assert_int_equal(env.log.level[NRT_LOG_TDRV], NRT_LOG_WARN);
	assert_int_equal(env.log.level[NRT_LOG_NMGR], NRT_LOG_INFO);
	assert_true(env.log.syslog[NRT_LOG_NRT]);
	assert_false(env.log.syslog[NRT_LOG_TDRV]);
	assert_int_equal(env.device, NRT_DEVICE_EMULATOR);
	assert_int_equal(env.chips, 3);
	setenv("NEURON_RT_DEVICE", "/dev/neuron12", 1);
	assert_int_equal(nrt_env_read(&env, error, sizeof(error)), 0);
	assert_int_equal(env.device, NRT_DEVICE_KERNEL);
	assert_int_equal(env.only_device, 12);
	/* INFO is the default of syslog. */
	unsetenv("NEURON_RT_LOG_LEVEL");
	assert_int_equal(nrt_env_read(&env, error, sizeof(error)), 0);
	assert_int_equal(env.log.level[NRT_LOG_NRT], NRT_LOG_INFO);
	assert_int_equal(env.log.level[NRT_LOG_NMGR], NRT_LOG_ERROR);
}

/* An empty variable is as good as none. */
static void empty(void **state)
{
	struct nrt_env env;
	char error[256];
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		setenv(variables[i], "", 1);
	assert_int_equal(nrt_env_read(&env, error, sizeof(error)), 0);
	assert_int_equal(env.timeout_ms, 30000);
}

/* The message names the variable and its value; the rest of the environment counts. */
static void wrong(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{ "NEURON_RT_VISIBLE_CORES", "1,3" }, { "NEURON_RT_NUM_CORES", "-1" },
		{ "NEURON_RT_NUM_CORES", "1025" }, { "NEURON_RT_EXEC_TIMEOUT", "1s" },
		{ "NEURON_RT_VALIDATE_HASH", "maybe" }, { "NEURON_RT_LOG_LEVEL", "LOUD" },
		{ "NEURON_RT_LOG_LEVEL_NMGR", "2" }, { "NEURON_RT_LOG_LOCATION", "/tmp/log" },
		{ "NEURON_RT_DEVICE", "gpu" }, { "NEURON_RT_DEVICE", "emulator:0" },
		{ "NEURON_RT_DEVICE", "emulator:17" }, { "NEURON_RT_DEVICE", "/dev/neuron" },
		{ "NEURON_RT_DEVICE", "/dev/neuron0x" },
	};
	struct nrt_env env;
	char error[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		clear(NULL);
		setenv(cases[i].name, cases[i].value, 1);
		assert_int_equal(nrt_env_read(&env, error, sizeof(error)), -EINVAL);
		snprintf(text, sizeof(text), "%s=%s", cases[i].name, cases[i].value);
		if (strncmp(error, text, strlen(text)))
			fail_msg("%s: %s", text, error);
		assert_int_equal(env.timeout_ms, 30000);
	}
}

static void ranges_merge(void **state)
{
	struct nrt_ranges r = { 0 };
	uint64_t a, b, c, all;

	assert_int_equal(nrt_ranges_alloc(&r, 1, 1, &a), -ENOSPC);
	assert_int_equal(nrt_ranges_free(&r, 0, 4096), 0);
	assert_int_equal(nrt_ranges_alloc(&r, 1000, 1, &a), 0);
	assert_int_equal(nrt_ranges_alloc(&r, 1000, 1024, &b), 0);
	assert_int_equal(b, 1024);
	assert_int_equal(nrt_ranges_alloc(&r, 2072, 1, &c), 0);
	assert_int_equal(nrt_ranges_alloc(&r, 25, 1, &all), -ENOSPC);
	assert_int_equal(nrt_ranges_free(&r, a, 1000), 0);
	assert_int_equal(nrt_ranges_free(&r, c, 2072), 0);
	assert_int_equal(nrt_ranges_free(&r, b, 1000), 0);
	assert_int_equal(nrt_ranges_alloc(&r, 4096, 1, &all), 0);
	assert_int_equal(all, 0);
	nrt_ranges_destroy(&r);
}

#define UNITS 256

/* Against a map of what is in use. */
static void ranges_random(void **state)
{
	struct { uint64_t start, size; } live[UNITS];
	struct nrt_ranges r = { 0 };
	uint8_t used[UNITS] = { 0 };
	unsigned int seed = 7, count = 0, round, k;
	uint64_t start;

	assert_int_equal(nrt_ranges_free(&r, 0, UNITS), 0);
	for (round = 0; round < 20000; round++) {
		uint64_t size = 1 + rand_r(&seed) % 40, align = 1u << rand_r(&seed) % 6;

		if (rand_r(&seed) % 2 && count) {
			unsigned int i = rand_r(&seed) % count;

			assert_int_equal(nrt_ranges_free(&r, live[i].start, live[i].size), 0);
			memset(used + live[i].start, 0, live[i].size);
			live[i] = live[--count];
		} else if (!nrt_ranges_alloc(&r, size, align, &start)) {
			assert_int_equal(start % align, 0);
			assert_true(start + size <= UNITS);
			for (k = 0; k < size; k++)
				assert_false(used[start + k]++);
			live[count].start = start;
			live[count++].size = size;
		} else {
			/* Then there is really no such range. */
			for (start = 0; start + size <= UNITS; start += align)
				assert_non_null(memchr(used + start, 1, size));
		}
	}
	while (count--)
		assert_int_equal(nrt_ranges_free(&r, live[count].start, live[count].size), 0);
	assert_int_equal(nrt_ranges_alloc(&r, UNITS, 1, &start), 0);
	nrt_ranges_destroy(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_lists),
		cmocka_unit_test(group_lists),
		cmocka_unit_test_setup(defaults, clear),
		cmocka_unit_test_setup(values, clear),
		cmocka_unit_test_setup(empty, clear),
		cmocka_unit_test_setup(wrong, clear),
		cmocka_unit_test(ranges_merge),
		cmocka_unit_test(ranges_random),
	};

	return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
