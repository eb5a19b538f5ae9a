// SPDX-License-Identifier: GPL-2.0
/* The allocator of device memory: alignment, both channels, the larger one first, exhaustion. */
#include <kunit/test.h>
#include <linux/sizes.h>

#include "neuron_dram.c"

#define CHANNEL	NEURON_DRAM_CHANNEL_SIZE
#define COUNT	64

static int dram_init(struct kunit *test)
{
	struct neuron_dram *dram = kunit_kzalloc(test, sizeof(*dram), GFP_KERNEL);

	if (!dram)
		return -ENOMEM;
	test->priv = dram;
	return neuron_dram_init(dram);
}

/* genalloc says so if something was not given back. */
static void dram_exit(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;

	if (dram)
		neuron_dram_fini(dram);
}

struct piece {
	u32 channel;
	u64 address;
	u64 length;
};

static int take(struct neuron_dram *dram, struct piece *r, u32 channel, u64 length, u64 align)
{
	*r = (struct piece){ .channel = channel, .length = length };
	return neuron_dram_take(dram, length, align, &r->channel, &r->address);
}

static void give(struct neuron_dram *dram, const struct piece *r)
{
	neuron_dram_give(dram, r->channel, r->address, r->length);
}

static void all_of_both_channels(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;
	struct piece a, b, c;

	KUNIT_EXPECT_EQ(test, neuron_dram_free(dram), 2 * CHANNEL);
	KUNIT_EXPECT_EQ(test, take(dram, &a, NEURON_MEM_ANY_CHANNEL, CHANNEL, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, a.channel, 0);
	KUNIT_EXPECT_EQ(test, a.address, NEURON_ADDR_DRAM0);
	KUNIT_EXPECT_EQ(test, neuron_dram_largest(dram, 0), 0);
	KUNIT_EXPECT_EQ(test, take(dram, &b, NEURON_MEM_ANY_CHANNEL, CHANNEL, CHANNEL), 0);
	KUNIT_EXPECT_EQ(test, b.channel, 1);
	KUNIT_EXPECT_EQ(test, b.address, NEURON_ADDR_DRAM1);
	KUNIT_EXPECT_EQ(test, neuron_dram_free(dram), 0);
	KUNIT_EXPECT_EQ(test, take(dram, &c, NEURON_MEM_ANY_CHANNEL, PAGE_SIZE, PAGE_SIZE),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, take(dram, &c, 0, PAGE_SIZE, PAGE_SIZE), -ENOSPC);
	give(dram, &a);
	give(dram, &b);
	KUNIT_EXPECT_EQ(test, neuron_dram_free(dram), 2 * CHANNEL);
	KUNIT_EXPECT_EQ(test, take(dram, &c, 0, CHANNEL + PAGE_SIZE, PAGE_SIZE), -ENOSPC);
}

static void named_channel_and_no_other(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;
	struct piece a, b;

	KUNIT_EXPECT_EQ(test, take(dram, &a, 1, CHANNEL - SZ_1M, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, a.address, NEURON_ADDR_DRAM1);
	/* The other one has room, but is not what was asked for. */
	KUNIT_EXPECT_EQ(test, take(dram, &b, 1, SZ_2M, PAGE_SIZE), -ENOSPC);
	KUNIT_EXPECT_EQ(test, b.channel, 1);
	KUNIT_EXPECT_EQ(test, take(dram, &b, 1, SZ_1M, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, b.address, NEURON_ADDR_DRAM1 + CHANNEL - SZ_1M);
	KUNIT_EXPECT_EQ(test, neuron_dram_largest(dram, 0), CHANNEL);
	give(dram, &b);
	give(dram, &a);
}

/* The longest free range decides, not how much is free in pieces. */
static void larger_range_first(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;
	struct piece middle, half, a, b;

	KUNIT_EXPECT_EQ(test, take(dram, &half, 0, CHANNEL / 2, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, take(dram, &middle, 0, SZ_1M, CHANNEL / 4), 0);
	KUNIT_EXPECT_EQ(test, middle.address, NEURON_ADDR_DRAM0 + CHANNEL / 2);
	give(dram, &half);
	/* Channel 0 has half a channel and somewhat less than another. */
	KUNIT_EXPECT_EQ(test, neuron_dram_largest(dram, 0), CHANNEL / 2);
	KUNIT_EXPECT_EQ(test, take(dram, &a, 1, CHANNEL / 2 - SZ_1M, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, neuron_dram_largest(dram, 1), CHANNEL / 2 + SZ_1M);
	KUNIT_EXPECT_EQ(test, take(dram, &b, NEURON_MEM_ANY_CHANNEL, PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, b.channel, 1);
	give(dram, &b);
	/* As large as the largest: it fits there, and nowhere else. */
	KUNIT_EXPECT_EQ(test, take(dram, &b, NEURON_MEM_ANY_CHANNEL, CHANNEL / 2 + SZ_1M,
				   PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, b.channel, 1);
	give(dram, &b);
	give(dram, &a);
	give(dram, &middle);
}

/* The longer range may be of no use because of the alignment: then the other channel is. */
static void alignment_or_the_other_channel(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;
	struct piece first, third, a;

	KUNIT_EXPECT_EQ(test, take(dram, &first, 0, PAGE_SIZE, CHANNEL), 0);
	KUNIT_EXPECT_EQ(test, take(dram, &third, 1, CHANNEL - SZ_1G, PAGE_SIZE), 0);
	KUNIT_EXPECT_GT(test, neuron_dram_largest(dram, 0), neuron_dram_largest(dram, 1));
	KUNIT_EXPECT_EQ(test, take(dram, &a, NEURON_MEM_ANY_CHANNEL, SZ_1G, CHANNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, take(dram, &a, 0, SZ_1G, CHANNEL), -ENOSPC);
	give(dram, &third);
	KUNIT_EXPECT_EQ(test, take(dram, &third, 1, SZ_8K, PAGE_SIZE), 0);
	give(dram, &first);
	KUNIT_EXPECT_EQ(test, take(dram, &first, 1, CHANNEL - SZ_8K, PAGE_SIZE), 0);
	give(dram, &third);
	KUNIT_EXPECT_EQ(test, take(dram, &third, 0, SZ_4K, PAGE_SIZE), 0);
	/* Channel 0 is the larger one, and has no such place; channel 1 has: its first pages. */
	KUNIT_EXPECT_EQ(test, take(dram, &a, NEURON_MEM_ANY_CHANNEL, SZ_8K, CHANNEL), 0);
	KUNIT_EXPECT_EQ(test, a.channel, 1);
	KUNIT_EXPECT_EQ(test, a.address, NEURON_ADDR_DRAM1);
	give(dram, &a);
	give(dram, &third);
	give(dram, &first);
}

static void every_alignment(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;
	struct piece pad, a;
	u64 align;

	for (align = PAGE_SIZE; align <= CHANNEL / 2; align *= 2) {
		KUNIT_ASSERT_EQ(test, take(dram, &pad, 1, PAGE_SIZE, PAGE_SIZE), 0);
		KUNIT_ASSERT_EQ(test, take(dram, &a, 1, 3 * PAGE_SIZE, align), 0);
		KUNIT_EXPECT_EQ(test, (a.address - NEURON_ADDR_DRAM1) % align, 0);
		KUNIT_EXPECT_GE(test, a.address, pad.address + pad.length);
		give(dram, &a);
		give(dram, &pad);
	}
	/* Addresses are aligned, not just places in a channel. */
	KUNIT_ASSERT_EQ(test, take(dram, &a, 1, PAGE_SIZE, CHANNEL), 0);
	KUNIT_EXPECT_EQ(test, a.address % CHANNEL, 0);
	give(dram, &a);
}

/* Any order of taking and giving back: no two have a byte in common, and all comes back. */
static void at_random(struct kunit *test)
{
	struct neuron_dram *dram = test->priv;
	struct piece *r = kunit_kcalloc(test, COUNT, sizeof(*r), GFP_KERNEL);
	u64 taken = 0;
	u32 state = 1;
	int round, i, j;

	KUNIT_ASSERT_NOT_NULL(test, r);
	for (round = 0; round < 400; round++) {
		state = state * 1664525 + 1013904223;
		i = state >> 26;
		if (r[i].length) {
			give(dram, &r[i]);
			taken -= r[i].length;
			r[i].length = 0;
			continue;
		}
		if (take(dram, &r[i], NEURON_MEM_ANY_CHANNEL,
			 ((state >> 8 & 0xffff) + 1ULL) << PAGE_SHIFT,
			 PAGE_SIZE << (state >> 4 & 15))) {
			r[i].length = 0;
			continue;
		}
		taken += r[i].length;
		KUNIT_ASSERT_EQ(test, neuron_dram_free(dram), 2 * CHANNEL - taken);
		for (j = 0; j < COUNT; j++)
			KUNIT_ASSERT_FALSE(test, j != i && r[j].length &&
					   r[i].address < r[j].address + r[j].length &&
					   r[j].address < r[i].address + r[i].length);
	}
	for (i = 0; i < COUNT; i++)
		if (r[i].length)
			give(dram, &r[i]);
	KUNIT_EXPECT_EQ(test, neuron_dram_free(dram), 2 * CHANNEL);
	KUNIT_EXPECT_EQ(test, neuron_dram_largest(dram, 0), CHANNEL);
	KUNIT_EXPECT_EQ(test, neuron_dram_largest(dram, 1), CHANNEL);
}

static struct kunit_case neuron_dram_cases[] = {
	KUNIT_CASE(all_of_both_channels),
	KUNIT_CASE(named_channel_and_no_other),
	KUNIT_CASE(larger_range_first),
	KUNIT_CASE(alignment_or_the_other_channel),
	KUNIT_CASE(every_alignment),
	KUNIT_CASE(at_random),
	{}
};

static struct kunit_suite neuron_dram_suite = {
	.name = "neuron_dram",
	.init = dram_init,
	.exit = dram_exit,
	.test_cases = neuron_dram_cases,
};

kunit_test_suite(neuron_dram_suite);
