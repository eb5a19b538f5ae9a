// SPDX-License-Identifier: Apache-2.0
/*
 * The same C, built for the host and at several optimisation levels for the management
 * core, gives the same result; and how fast that is.
 */
#include <time.h>
#include "rv32_test.h"
#include "rv32_workload.h"

static const char *program;

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + 1e-9 * ts.tv_nsec;
}

static uint64_t run(const char *level, uint32_t rounds, double *time)
{
	char path[4200];
	struct machine *m;
	uint64_t done;

	snprintf(path, sizeof(path), "%s%s.bin", program, level);
	m = machine_new(path);
	emu_rv32_reset(m->cpu, BASE);
	emu_rv32_set(m->cpu, 10, rounds);
	*time = seconds();
	assert_int_equal(emu_rv32_run(m->cpu, 4000000000u, &done), EMU_RV32_WFI);
	*time = seconds() - *time;
	assert_int_equal(emu_rv32_get(m->cpu, 10), rv32_workload(rounds));
	machine_free(m);
	return done;
}

static void test_same_result(void **state)
{
	static const char *const levels[] = { ".O0", ".Os", ".O2", ".O3", ".norvc" };
	double time;

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		run(levels[i], 3, &time);
}

static void test_speed(void **state)
{
	double time, best = 1e9;
	uint64_t done = 0;

	for (int i = 0; i < 5; i++) {
		done = run(".O2", 100, &time);
		best = time < best ? time : best;
	}
	print_message("# %llu instructions, %.0f MIPS\n", (unsigned long long)done, done / best / 1e6);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_same_result),
		cmocka_unit_test(test_speed),
	};

	program = argv[0];
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
