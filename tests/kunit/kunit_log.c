// SPDX-License-Identifier: GPL-2.0
/* The kernel log hears of every device, whatever another one says at the same time. */
#include <kunit/test.h>
#include <linux/spinlock.h>

#include "neuron_log.c"

struct pair {
	struct neuron_log one, other;
};

static struct pair *pair_alloc(struct kunit *test)
{
	struct pair *pair = kunit_kzalloc(test, sizeof(*pair), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pair);
	neuron_log_init(&pair->one);
	neuron_log_init(&pair->other);
	return pair;
}

/* How many of @n messages the log is told. */
static int told(struct neuron_log *log, enum neuron_log_kind kind, int n)
{
	int count = 0;

	while (n--)
		count += neuron_log_may(log, kind);
	return count;
}

static void babble(struct kunit *test)
{
	struct pair *pair = pair_alloc(test);

	KUNIT_EXPECT_EQ(test, told(&pair->one, NEURON_LOG_ECC, 3 * DEFAULT_RATELIMIT_BURST),
			DEFAULT_RATELIMIT_BURST);
	/* Neither another device nor another trouble is silenced by that. */
	KUNIT_EXPECT_EQ(test, told(&pair->other, NEURON_LOG_ECC, 1), 1);
	KUNIT_EXPECT_EQ(test, told(&pair->one, NEURON_LOG_BROKEN, 1), 1);
}

static void same_moment(struct kunit *test)
{
	struct pair *pair = pair_alloc(test);
	unsigned long flags;

	/* Another processor is just being told of one device. */
	raw_spin_lock_irqsave(&pair->one.limits[NEURON_LOG_BROKEN].lock, flags);
	KUNIT_EXPECT_EQ(test, told(&pair->other, NEURON_LOG_BROKEN, 1), 1);
	raw_spin_unlock_irqrestore(&pair->one.limits[NEURON_LOG_BROKEN].lock, flags);
}

static struct kunit_case log_cases[] = {
	KUNIT_CASE(babble),
	KUNIT_CASE(same_moment),
	{}
};

static struct kunit_suite log_suite = {
	.name = "neuron_log",
	.test_cases = log_cases,
};

kunit_test_suite(log_suite);
