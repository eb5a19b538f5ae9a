// SPDX-License-Identifier: GPL-2.0
/* Ranges at the ends of 64 bits, and the longest free run against counting bit by bit. */
#include <kunit/test.h>
#include <linux/limits.h>

#include "neuron_range.c"

#define BITS	256

static void check_at_the_ends(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, neuron_range_check(0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, neuron_range_check(0, 16, 16), 0);
	KUNIT_EXPECT_EQ(test, neuron_range_check(16, 0, 16), 0);
	KUNIT_EXPECT_EQ(test, neuron_range_check(17, 0, 16), -ERANGE);
	KUNIT_EXPECT_EQ(test, neuron_range_check(1, 16, 16), -ERANGE);
	KUNIT_EXPECT_EQ(test, neuron_range_check(0, 17, 16), -ERANGE);
	/* offset + length is 8 in 64 bits */
	KUNIT_EXPECT_EQ(test, neuron_range_check(16, U64_MAX - 7, 32), -ERANGE);
	KUNIT_EXPECT_EQ(test, neuron_range_check(U64_MAX, 9, 32), -ERANGE);
	KUNIT_EXPECT_EQ(test, neuron_range_check(U64_MAX, 0, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, neuron_range_check(1, U64_MAX, U64_MAX), -ERANGE);
}

static void overlap_is_symmetric(struct kunit *test)
{
	static const u64 base[] = { 0, 4096, 1ULL << 32, U64_MAX - 64 };
	unsigned int i, d;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		for (d = 0; d <= 20; d++) {
			KUNIT_EXPECT_EQ(test, neuron_range_overlap(base[i], base[i] + d, 16),
					d < 16);
			KUNIT_EXPECT_EQ(test, neuron_range_overlap(base[i] + d, base[i], 16),
					d < 16);
		}
	}
	KUNIT_EXPECT_FALSE(test, neuron_range_overlap(5, 5, 0));
}

static unsigned long count_largest(const unsigned long *used)
{
	unsigned long i, run = 0, largest = 0;

	for (i = 0; i < BITS; i++) {
		run = test_bit(i, used) ? 0 : run + 1;
		largest = max(largest, run);
	}
	return largest;
}

static void largest_is_what_counting_finds(struct kunit *test)
{
	DECLARE_BITMAP(used, BITS);
	u32 state = 1, round;
	unsigned int i;

	bitmap_zero(used, BITS);
	KUNIT_EXPECT_EQ(test, neuron_range_largest(used, BITS), BITS);
	bitmap_fill(used, BITS);
	KUNIT_EXPECT_EQ(test, neuron_range_largest(used, BITS), 0);
	clear_bit(BITS - 1, used);
	KUNIT_EXPECT_EQ(test, neuron_range_largest(used, BITS), 1);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < BITS; i++) {
			/* A generator with a fixed start: each run is the same. */
			state = state * 1664525 + 1013904223;
			assign_bit(i, used, (state >> 24) < round);
		}
		KUNIT_EXPECT_EQ(test, neuron_range_largest(used, BITS), count_largest(used));
	}
}

static void runs_join_what_is_contiguous(struct kunit *test)
{
	struct neuron_run runs[4];
	u32 count = 0;

	count = neuron_runs_add(runs, count, 0, 0x1000);
	count = neuron_runs_add(runs, count, 0x1000, 0x2000);
	KUNIT_EXPECT_EQ(test, count, 1);
	count = neuron_runs_add(runs, count, 0x2000, 0x9000);
	KUNIT_EXPECT_EQ(test, count, 2);
	/* The same place again is not what follows. */
	count = neuron_runs_add(runs, count, 0x3000, 0x9000);
	KUNIT_EXPECT_EQ(test, count, 3);
	/* What follows the first run does not follow the last. */
	count = neuron_runs_add(runs, count, 0x4000, 0x3000);
	KUNIT_EXPECT_EQ(test, count, 4);
}

static void runs_find_each_offset(struct kunit *test)
{
	struct neuron_run runs[9];
	u32 count, i;

	for (count = 1; count <= ARRAY_SIZE(runs); count++) {
		for (i = 0; i < count; i++)
			runs[i] = (struct neuron_run){ .offset = i * 100ULL };
		for (i = 0; i < count; i++) {
			KUNIT_EXPECT_EQ(test, neuron_runs_find(runs, count, i * 100), i);
			KUNIT_EXPECT_EQ(test, neuron_runs_find(runs, count, i * 100 + 99), i);
		}
		KUNIT_EXPECT_EQ(test, neuron_runs_find(runs, count, U64_MAX), count - 1);
	}
}

static struct kunit_case neuron_range_cases[] = {
	KUNIT_CASE(check_at_the_ends),
	KUNIT_CASE(overlap_is_symmetric),
	KUNIT_CASE(largest_is_what_counting_finds),
	KUNIT_CASE(runs_join_what_is_contiguous),
	KUNIT_CASE(runs_find_each_offset),
	{}
};

static struct kunit_suite neuron_range_suite = {
	.name = "neuron_range",
	.test_cases = neuron_range_cases,
};

kunit_test_suite(neuron_range_suite);
