// SPDX-License-Identifier: GPL-2.0
/* Sequence numbers around every wrap, full rings, and what user space may ask of a job. */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/neuron.h>

#include "neuron_job.c"

static void entry_wraps(struct kunit *test)
{
	const u32 entries = 64;
	u64 seq;

	KUNIT_EXPECT_EQ(test, neuron_seq_entry(1, entries), 0);
	KUNIT_EXPECT_EQ(test, neuron_seq_entry(64, entries), 63);
	KUNIT_EXPECT_EQ(test, neuron_seq_entry(65, entries), 0);
	KUNIT_EXPECT_EQ(test, neuron_seq_entry(5, 1), 0);
	/* One entry after the other, over the wrap of the low word, too. */
	for (seq = (1ULL << 32) - 100; seq < (1ULL << 32) + 100; seq++)
		KUNIT_EXPECT_EQ(test, (neuron_seq_entry(seq, entries) + 1) % entries,
				neuron_seq_entry(seq + 1, entries));
}

static void room_from_empty_to_full(struct kunit *test)
{
	static const u64 start[] = { 0, 1, 63, (1ULL << 32) - 3, U64_MAX - 200 };
	unsigned int i, used;

	for (i = 0; i < ARRAY_SIZE(start); i++)
		for (used = 0; used <= 64; used++)
			KUNIT_EXPECT_EQ(test, neuron_seq_room(start[i] + used, start[i], 64),
					64 - used);
}

static void kept_until_entry_is_used_again(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, neuron_seq_kept(10, 10, 8));
	KUNIT_EXPECT_TRUE(test, neuron_seq_kept(10, 17, 8));
	KUNIT_EXPECT_FALSE(test, neuron_seq_kept(10, 18, 8));
	KUNIT_EXPECT_FALSE(test, neuron_seq_kept(10, U64_MAX, 8));
}

static void plausible_is_between_completed_and_submitted(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, neuron_seq_plausible(5, 5, 9));
	KUNIT_EXPECT_TRUE(test, neuron_seq_plausible(9, 5, 9));
	KUNIT_EXPECT_FALSE(test, neuron_seq_plausible(4, 5, 9));
	KUNIT_EXPECT_FALSE(test, neuron_seq_plausible(10, 5, 9));
	/* All ones are what a chip that is gone says. */
	KUNIT_EXPECT_FALSE(test, neuron_seq_plausible(U64_MAX, 5, 9));
}

static void extend_finds_only_jobs_in_flight(struct kunit *test)
{
	const u64 base = (7ULL << 32) - 2;
	unsigned int i;

	for (i = 1; i <= 8; i++)
		KUNIT_EXPECT_EQ(test, neuron_seq_extend((u32)(base + i), base, base + 8), base + i);
	KUNIT_EXPECT_EQ(test, neuron_seq_extend((u32)base, base, base + 8), 0);
	KUNIT_EXPECT_EQ(test, neuron_seq_extend((u32)(base + 9), base, base + 8), 0);
	KUNIT_EXPECT_EQ(test, neuron_seq_extend(0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, neuron_seq_extend(1, 0, 0), 0);
}

static void check_refuses_what_no_job_has(struct kunit *test)
{
	struct neuron_submit submit = { .op = NEURON_SUBMIT_NOP };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), 0);
	submit.context = 1;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit = (struct neuron_submit){ .op = NEURON_SUBMIT_NOP, .code = 1 };
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit = (struct neuron_submit){ .op = NEURON_SUBMIT_NOP, .reserved = 1 };
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit = (struct neuron_submit){ .op = NEURON_SUBMIT_NOP, .flags = NEURON_SUBMIT_TRACE };
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit.op = NEURON_SUBMIT_EXEC;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), 0);
	submit.trace = NEURON_SEGMENTS - 2;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), 0);
	submit.trace = NEURON_SEGMENTS - 1;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit.trace = 1;
	submit.flags = 0;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit.trace = 0;
	submit.flags = NEURON_SUBMIT_TRACE << 1;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	for (i = 0; i < NEURON_STREAMS; i++) {
		submit = (struct neuron_submit){ .op = NEURON_SUBMIT_EXEC };
		submit.stream[i].offset = NEURON_CODE_ALIGN;
		KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), 0);
		submit.stream[i].offset = NEURON_CODE_ALIGN / 2;
		KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
		submit.op = NEURON_SUBMIT_NOP;
		submit.stream[i].offset = NEURON_CODE_ALIGN;
		KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	}
	submit = (struct neuron_submit){ .op = NEURON_SUBMIT_EXEC, .code = NEURON_SEGMENTS - 2 };
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), 0);
	submit.code = NEURON_SEGMENTS - 1;
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
	submit = (struct neuron_submit){ .op = U32_MAX };
	KUNIT_EXPECT_EQ(test, neuron_job_check(&submit), -EINVAL);
}

static void fill_leaves_no_old_byte(struct kunit *test)
{
	struct neuron_submit submit = { .op = NEURON_SUBMIT_EXEC, .code = 3, .timeout_ms = 77,
					.flags = NEURON_SUBMIT_TRACE, .trace = 8 };
	struct neuron_job job, again;

	submit.stream[1].offset = NEURON_CODE_ALIGN;
	submit.stream[1].count = 9;
	memset(&job, 0xff, sizeof(job));
	memset(&again, 0, sizeof(again));
	neuron_job_fill(&job, &submit, 5, (1ULL << 32) + 1);
	neuron_job_fill(&again, &submit, 5, (1ULL << 32) + 1);
	KUNIT_EXPECT_MEMEQ(test, &job, &again, sizeof(job));
	KUNIT_EXPECT_EQ(test, job.op, NEURON_JOB_EXEC);
	KUNIT_EXPECT_EQ(test, job.context, 5);
	KUNIT_EXPECT_EQ(test, job.timeout_ms, 77);
	KUNIT_EXPECT_EQ(test, job.seq, (1ULL << 32) + 1);
	KUNIT_EXPECT_EQ(test, job.stream[1].count, 9);
	KUNIT_EXPECT_EQ(test, job.flags, NEURON_JOB_TRACE);
	KUNIT_EXPECT_EQ(test, job.trace, 8);
}

static struct kunit_case neuron_job_cases[] = {
	KUNIT_CASE(entry_wraps),
	KUNIT_CASE(room_from_empty_to_full),
	KUNIT_CASE(kept_until_entry_is_used_again),
	KUNIT_CASE(plausible_is_between_completed_and_submitted),
	KUNIT_CASE(extend_finds_only_jobs_in_flight),
	KUNIT_CASE(check_refuses_what_no_job_has),
	KUNIT_CASE(fill_leaves_no_old_byte),
	{}
};

static struct kunit_suite neuron_job_suite = {
	.name = "neuron_job",
	.test_cases = neuron_job_cases,
};

kunit_test_suite(neuron_job_suite);
