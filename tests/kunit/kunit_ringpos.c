// SPDX-License-Identifier: GPL-2.0
/* A ring of descriptors over many wraps, empty and full. */
#include <kunit/test.h>
#include <linux/limits.h>

#include "neuron_ringpos.h"

#define SIZE	8

static void starts_empty(struct kunit *test)
{
	struct neuron_ringpos pos;

	neuron_ringpos_reset(&pos, SIZE);
	KUNIT_EXPECT_EQ(test, neuron_ringpos_free(&pos), SIZE);
	KUNIT_EXPECT_EQ(test, pos.ring_id, NEURON_UDMA_FIRST_RING_ID);
	KUNIT_EXPECT_EQ(test, neuron_ringpos_passed(&pos, 0), 0);
}

static void push_counts_modulo_size_and_ring_id(struct kunit *test)
{
	struct neuron_ringpos pos;
	u32 i;

	neuron_ringpos_reset(&pos, SIZE);
	for (i = 0; i < 10 * SIZE; i++) {
		KUNIT_EXPECT_EQ(test, pos.ring_id, (NEURON_UDMA_FIRST_RING_ID + i / SIZE) % 4);
		KUNIT_EXPECT_EQ(test, neuron_ringpos_push(&pos), i % SIZE);
		neuron_ringpos_retire(&pos, 1);
	}
}

static void full_and_empty_again(struct kunit *test)
{
	struct neuron_ringpos pos;
	u32 start, i;

	/* From every place, so that the full ring wraps at each of its entries. */
	for (start = 0; start < SIZE; start++) {
		neuron_ringpos_reset(&pos, SIZE);
		for (i = 0; i < start; i++)
			neuron_ringpos_push(&pos);
		neuron_ringpos_retire(&pos, start);
		for (i = 0; i < SIZE; i++) {
			KUNIT_EXPECT_EQ(test, neuron_ringpos_free(&pos), SIZE - i);
			KUNIT_EXPECT_EQ(test, neuron_ringpos_push(&pos), (start + i) % SIZE);
		}
		KUNIT_EXPECT_EQ(test, neuron_ringpos_free(&pos), 0);
		for (i = 1; i <= SIZE; i++)
			KUNIT_EXPECT_EQ(test, neuron_ringpos_before(&pos, i),
					(start + SIZE - i) % SIZE);
		neuron_ringpos_retire(&pos, SIZE);
		KUNIT_EXPECT_EQ(test, neuron_ringpos_free(&pos), SIZE);
	}
}

static void passed_is_what_lies_before_the_head(struct kunit *test)
{
	struct neuron_ringpos pos;
	u32 start, used, n;

	for (start = 0; start < SIZE; start++) {
		for (used = 1; used < SIZE; used++) {
			neuron_ringpos_reset(&pos, SIZE);
			for (n = 0; n < start + used; n++) {
				neuron_ringpos_push(&pos);
				if (n < start)
					neuron_ringpos_retire(&pos, 1);
			}
			for (n = 0; n <= used; n++)
				KUNIT_EXPECT_EQ(test,
						neuron_ringpos_passed(&pos, (start + n) % SIZE), n);
			/* What a broken chip may say. */
			KUNIT_EXPECT_EQ(test, neuron_ringpos_passed(&pos, SIZE), used);
			KUNIT_EXPECT_EQ(test, neuron_ringpos_passed(&pos, U32_MAX), used);
		}
	}
}

static struct kunit_case neuron_ringpos_cases[] = {
	KUNIT_CASE(starts_empty),
	KUNIT_CASE(push_counts_modulo_size_and_ring_id),
	KUNIT_CASE(full_and_empty_again),
	KUNIT_CASE(passed_is_what_lies_before_the_head),
	{}
};

static struct kunit_suite neuron_ringpos_suite = {
	.name = "neuron_ringpos",
	.test_cases = neuron_ringpos_cases,
};

kunit_test_suite(neuron_ringpos_suite);
