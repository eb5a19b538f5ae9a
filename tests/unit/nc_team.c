// SPDX-License-Identifier: Apache-2.0
/*
 * The threads of a core: as many as processors for a core that runs alone, shares of them for several;
 * each part is done once; helpers sleep when there is nothing to do.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "nc_kernels.h"
#include "nc_team.h"

#define LIMIT	100	/* looks, 200 ms apart, before a test fails */

static double processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static unsigned int processors(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return (unsigned int)CPU_COUNT(&set);
}

/* One core: all processors. N cores that run at once: one thread each, if there are no more than N. */
static void test_shares(void **state)
{
	unsigned int n = processors(), most = n < EMU_NC_MAX_THREADS ? n : EMU_NC_MAX_THREADS;
	struct emu_nc_team *team[2 * EMU_NC_MAX_THREADS];
	unsigned int count = n < EMU_NC_MAX_THREADS ? n + 1 : EMU_NC_MAX_THREADS;

	unsetenv("NEURON_EMU_THREADS");
	for (unsigned int i = 0; i < count; i++) {
		unsigned int share = n / (i + 1);

		assert_int_equal(emu_nc_team_create(&team[i]), 0);
		emu_nc_team_begin(team[i]);
		share = share < 1 ? 1 : share < most ? share : most;
		assert_int_equal(emu_nc_team_threads(team[i]), share);
	}
	for (unsigned int i = 0; i < count; i++)
		emu_nc_team_end(team[i]);
	emu_nc_team_begin(team[0]);
	assert_int_equal(emu_nc_team_threads(team[0]), most);
	emu_nc_team_end(team[0]);
	setenv("NEURON_EMU_THREADS", "3", 1);
	emu_nc_team_begin(team[0]);
	assert_int_equal(emu_nc_team_threads(team[0]), 3);
	emu_nc_team_end(team[0]);
	unsetenv("NEURON_EMU_THREADS");
	for (unsigned int i = 0; i < count; i++)
		emu_nc_team_destroy(team[i]);
}

static void count_part(void *arg, unsigned int part)
{
	atomic_uint *done = arg;

	atomic_fetch_add(&done[part], 1);
}

static void test_parts(void **state)
{
	struct emu_nc_team *team;
	atomic_uint done[32];

	assert_int_equal(emu_nc_team_create(&team), 0);
	emu_nc_team_force(team, 3);
	emu_nc_team_begin(team);
	for (unsigned int round = 0; round < 300; round++) {
		unsigned int parts = 1 + round % 32;

		for (unsigned int i = 0; i < 32; i++)
			atomic_store(&done[i], 0);
		emu_nc_team_run(team, &emu_nc_kernels_generic, count_part, done, parts);
		for (unsigned int i = 0; i < 32; i++)
			assert_int_equal(atomic_load(&done[i]), i < parts);
	}
	emu_nc_team_end(team);
	emu_nc_team_destroy(team);
}

/* Behind the last part, helpers look for more for a moment, in a job or after it, and then use no processor. */
static void test_idle(void **state)
{
	const struct timespec while_idle = { .tv_nsec = 200000000 };
	struct emu_nc_team *team;
	atomic_uint done[32];

	for (int ended = 0; ended < 2; ended++) {
		bool quiet = false;

		assert_int_equal(emu_nc_team_create(&team), 0);
		emu_nc_team_force(team, 3);
		emu_nc_team_begin(team);
		emu_nc_team_run(team, &emu_nc_kernels_generic, count_part, done, EMU_NC_MAX_PARTS);
		if (ended)
			emu_nc_team_end(team);
		/* Long enough for one that spins to get a processor, whatever else runs there. */
		for (int looks = 0; !quiet && looks < LIMIT; looks++) {
			double before = processor_time();

			nanosleep(&while_idle, NULL);
			quiet = processor_time() - before < 0.001;
		}
		assert_true(quiet);
		if (!ended)
			emu_nc_team_end(team);
		emu_nc_team_destroy(team);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_idle),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
