// SPDX-License-Identifier: GPL-2.0
/* Storms of interrupts: what is one, what is none, and what an account forgets. */
#include <kunit/test.h>
#include <linux/limits.h>

#include "neuron_storm.c"

#define LIMIT	NEURON_STORM_COUNT
#define WINDOW	msecs_to_jiffies(NEURON_STORM_MS)
#define STORM	((struct neuron_storm){ .limit = LIMIT, .window = WINDOW })

/* How many of @n interrupts at @now were taken for a storm. */
static int interrupts(struct neuron_storm *storm, unsigned long now, int n, u32 explained)
{
	int storms = 0;

	while (n--)
		storms += neuron_storm_count(storm, now, explained);
	return storms;
}

static void in_vain(struct kunit *test)
{
	struct neuron_storm storm = STORM;

	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, LIMIT - 1, 0), 0);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, 1, 0), 1);
	/* That was one, the next has to begin anew. */
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, LIMIT - 1, 0), 0);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, 10 * LIMIT + 1, 0), 11);
}

static void each_with_its_job(struct kunit *test)
{
	struct neuron_storm storm = STORM;

	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, 100 * LIMIT, 1), 0);
	/* One interrupt for many jobs pays for those that come in vain. */
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, 1, LIMIT), 0);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, 2 * LIMIT - 2, 0), 0);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, 1, 0), 1);
}

static void slowly(struct kunit *test)
{
	struct neuron_storm storm = STORM;
	unsigned long now = 1;
	int i;

	for (i = 0; i < 100; i++, now += WINDOW + 1)
		KUNIT_EXPECT_EQ(test, interrupts(&storm, now, LIMIT - 1, 0), 0);
	/* Jiffies wrap. */
	storm = STORM;
	storm.since = ULONG_MAX - 1;
	KUNIT_EXPECT_EQ(test, interrupts(&storm, ULONG_MAX, LIMIT - 1, 0), 0);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 0, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, LIMIT - 1, 0), 0);
	KUNIT_EXPECT_EQ(test, interrupts(&storm, WINDOW + 10, LIMIT - 1, 0), 0);
}

/* Of firmware's interrupts a work knows what they were for, later. */
static void explained_later(struct kunit *test)
{
	struct neuron_storm storm = STORM;
	int i;

	for (i = 0; i < 100; i++) {
		KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, LIMIT - 1, 0), 0);
		neuron_storm_explain(&storm);
	}
	/* Works that find nothing do not say so. */
	KUNIT_EXPECT_EQ(test, interrupts(&storm, 1, LIMIT, 0), 1);
}

static struct kunit_case neuron_storm_cases[] = {
	KUNIT_CASE(in_vain),
	KUNIT_CASE(each_with_its_job),
	KUNIT_CASE(slowly),
	KUNIT_CASE(explained_later),
	{}
};

static struct kunit_suite neuron_storm_suite = {
	.name = "neuron_storm",
	.test_cases = neuron_storm_cases,
};

kunit_test_suite(neuron_storm_suite);
