// SPDX-License-Identifier: Apache-2.0
/* The self-test that each path passes before it is used: hosts that multiply in another way do not. */

#include <math.h>
#include <string.h>
#include "nc_harness.h"

#if defined(__x86_64__)

static float bf16(uint32_t word, unsigned int k)
{
	return nct_uf(k & 1 ? word << 16 : word & 0xffff0000u);
}

/* In C, with what is wrong: the sum of a pair is rounded before it is added. */
static bool dot_of_pairs(float *const *acc, const emu_nc_pair_strip *w, const uint32_t *const *x,
			 unsigned int columns, unsigned int k, unsigned int m, bool start,
			 struct emu_nc_ahead *ahead)
{
	for (unsigned int c = 0; c < columns; c++)
		for (unsigned int i = 0; i < m; i++)
			for (unsigned int j = 0; j < k; j += 2) {
				uint32_t a = w[i / EMU_NC_STRIP][j / 2][i % EMU_NC_STRIP], b = x[c][j / 2];
				float odd = j + 1 < k ? bf16(a, 1) * bf16(b, 1) : 0;

				acc[c][i] += bf16(a, 0) * bf16(b, 0) + odd;
			}
	return false;
}

/* The reference, but one bit of one result, in the last of the tiles only. */
static bool mac_with_a_bit(float *const *acc, const emu_nc_float_strip *w, const float *const *x,
			   unsigned int columns, unsigned int k, unsigned int m, bool start,
			   struct emu_nc_ahead *ahead)
{
	bool nan = emu_nc_kernels_generic.mac(acc, w, x, columns, k, m, start, ahead);

	if (k == 12)
		acc[columns - 1][m - 1] = nct_uf(nct_f(acc[columns - 1][m - 1]) ^ 1);
	return nan;
}

static void test_paths_that_are_used(void **state)
{
	const struct emu_nc_kernels *paths[EMU_NC_PATHS];
	unsigned int n = emu_nc_kernels_all(paths);

	assert_ptr_equal(paths[0], &emu_nc_kernels_generic);
	for (unsigned int p = 0; p < n; p++)
		assert_true(emu_nc_kernels_good(paths[p]));
}

static void test_pairs_rounded_first(void **state)
{
	struct emu_nc_kernels k = emu_nc_kernels_generic;

	k.dot = dot_of_pairs;
	assert_false(emu_nc_kernels_good(&k));
}

static void test_one_bit(void **state)
{
	struct emu_nc_kernels k = emu_nc_kernels_generic;

	k.mac = mac_with_a_bit;
	assert_false(emu_nc_kernels_good(&k));
}

/* The fast paths leave the flushing of subnormals to the host: one that does not do it. */
static void test_subnormals_kept(void **state)
{
	const struct emu_nc_kernels *paths[EMU_NC_PATHS];
	unsigned int n = emu_nc_kernels_all(paths);

	if (n < 2)
		skip();
	for (unsigned int p = 1; p < n; p++) {
		struct emu_nc_kernels k = *paths[p];

		assert_true(k.ftz);
		k.ftz = false;
		k.dot = NULL;	/* the host's dot product flushes whatever the mode */
		assert_false(emu_nc_kernels_good(&k));
	}
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		cmocka_unit_test(test_paths_that_are_used),
		cmocka_unit_test(test_pairs_rounded_first),
		cmocka_unit_test(test_one_bit),
		cmocka_unit_test(test_subnormals_kept),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_selftest", tests, NULL, NULL);
}
