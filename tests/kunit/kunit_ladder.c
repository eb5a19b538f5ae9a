// SPDX-License-Identifier: GPL-2.0
/* The recovery ladder: each rung is taken when its time has come, never earlier, and left again. */
#include <kunit/test.h>

#include "neuron_ladder.c"

#define LIMIT_MS	2000

struct watch {
	struct neuron_ladder ladder;
	struct neuron_observation obs;
};

static int watch_init(struct kunit *test)
{
	struct watch *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	if (!w)
		return -ENOMEM;
	w->obs = (struct neuron_observation){ .now_ms = 1000, .answers = true, .present = true,
					      .beats = true };
	test->priv = w;
	return 0;
}

static struct neuron_step look(struct watch *w)
{
	return neuron_recovery_next(&w->ladder, &w->obs);
}

/* Looks once a period until something is to be done: how many periods that took, 0 = too long. */
static unsigned int wait_for(struct watch *w, struct neuron_step *step, unsigned int periods,
			     bool beat)
{
	unsigned int i;

	for (i = 1; i <= periods; i++) {
		w->obs.now_ms += NEURON_LADDER_PERIOD_MS;
		w->obs.heartbeat += beat;
		*step = look(w);
		if (step->action != NEURON_ACT_NONE)
			return i;
	}
	return 0;
}

static void run_job(struct watch *w, unsigned int core, u32 job)
{
	w->obs.core[core] = (struct neuron_core_observation){ .running = true, .slot = 4,
							      .job = job, .limit_ms = LIMIT_MS };
}

static void nothing_to_do(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, wait_for(w, &step, 100, true), 0);
	/* Jobs that end in time, for ever. */
	for (i = 0; i < 100; i++) {
		run_job(w, 0, i);
		KUNIT_EXPECT_EQ(test, wait_for(w, &step, 3, true), 0);
	}
	KUNIT_EXPECT_TRUE(test, neuron_ladder_quiet(&w->ladder));
}

/* Each queue has a first job; who takes the slot over gets all of his time. */
static void next_queue_of_a_slot(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		run_job(w, 0, 1);
		w->obs.core[0].queue = i;
		KUNIT_EXPECT_EQ(test, wait_for(w, &step, 3, true), 0);
	}
	/* Nor does he inherit a reset, which has been carried out. */
	neuron_ladder_enter(&w->ladder, 0, NEURON_RUNG_CORE);
	w->obs.core[0].queue++;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	KUNIT_EXPECT_TRUE(test, neuron_ladder_quiet(&w->ladder));
}

static void the_whole_chip_comes_first(struct kunit *test)
{
	struct watch *w = test->priv;

	w->obs.answers = false;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_RESET_DEVICE);
	w->obs.present = false;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_LOST);
	w->obs.present = true;
	w->obs.answers = true;
	w->obs.crashed = true;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_RESET_DEVICE);
}

static void heart_that_stops(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;
	unsigned int took;

	look(w);
	took = wait_for(w, &step, 20, false);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_DEVICE);
	KUNIT_EXPECT_EQ(test, took, NEURON_LADDER_BEAT_MS / NEURON_LADDER_PERIOD_MS + 1);
	/* Without a heartbeat in the protocol nothing can be late. */
	neuron_ladder_restart(&w->ladder);
	w->obs.beats = false;
	KUNIT_EXPECT_EQ(test, wait_for(w, &step, 20, false), 0);
}

static void starved_host_blames_nobody(struct kunit *test)
{
	struct watch *w = test->priv;

	look(w);
	run_job(w, 0, 1);
	look(w);
	w->obs.now_ms += 10 * 60 * 1000;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	/* Time that goes backwards, too. */
	w->obs.now_ms = 5;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
}

static void rung_after_rung(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;
	unsigned int took;

	look(w);
	run_job(w, 2, 9);
	look(w);
	took = wait_for(w, &step, 100, true);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_ABORT_QUEUE);
	KUNIT_EXPECT_EQ(test, step.core, 2);
	KUNIT_EXPECT_EQ(test, step.slot, 4);
	KUNIT_EXPECT_EQ(test, took,
			(LIMIT_MS + NEURON_LADDER_GRACE_MS) / NEURON_LADDER_PERIOD_MS);
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	took = wait_for(w, &step, 100, true);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_CORE);
	KUNIT_EXPECT_EQ(test, took, NEURON_LADDER_ABORT_MS / NEURON_LADDER_PERIOD_MS);
	w->obs.core_reset = true;
	took = wait_for(w, &step, 100, true);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_DEVICE);
	KUNIT_EXPECT_EQ(test, took, NEURON_LADDER_CORE_MS / NEURON_LADDER_PERIOD_MS);
}

static void down_again_from_each_rung(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;
	int rungs, i;

	for (rungs = 1; rungs <= 2; rungs++) {
		memset(&w->ladder, 0, sizeof(w->ladder));
		run_job(w, 1, 3);
		w->obs.core_reset = false;
		look(w);
		for (i = 0; i < rungs; i++)
			KUNIT_ASSERT_NE(test, wait_for(w, &step, 100, true), 0);
		KUNIT_EXPECT_FALSE(test, neuron_ladder_quiet(&w->ladder));
		w->obs.core[1].running = false;
		KUNIT_EXPECT_EQ(test, wait_for(w, &step, 30, true), 0);
		KUNIT_EXPECT_TRUE(test, neuron_ladder_quiet(&w->ladder));
	}
}

/* A core that comes back when it is reset, while another one's job stays where it is. */
static void resets_in_turn_until_one_does_not_help(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;

	run_job(w, 0, 1);
	run_job(w, 3, 7);
	look(w);
	KUNIT_ASSERT_NE(test, wait_for(w, &step, 100, true), 0);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_ABORT_QUEUE);
	KUNIT_EXPECT_EQ(test, step.core, 0);
	step = look(w);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_ABORT_QUEUE);
	KUNIT_EXPECT_EQ(test, step.core, 3);
	KUNIT_ASSERT_NE(test, wait_for(w, &step, 100, true), 0);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_CORE);
	KUNIT_EXPECT_EQ(test, step.core, 0);
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	/* It was done. The other one's turn comes at the next look. */
	w->obs.core[0].running = false;
	KUNIT_EXPECT_EQ(test, wait_for(w, &step, 100, true), 1);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_CORE);
	KUNIT_EXPECT_EQ(test, step.core, 3);
	w->obs.core_reset = true;
	/* The register is busy with core 3, which is no reason to think ill of core 0. */
	KUNIT_EXPECT_EQ(test, wait_for(w, &step, 100, true),
			NEURON_LADDER_CORE_MS / NEURON_LADDER_PERIOD_MS);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_DEVICE);
	KUNIT_EXPECT_EQ(test, step.core, 3);
}

/* A queue that its owner destroys: the first rung was taken, the second is not forgotten. */
static void queue_that_does_not_stop(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;

	look(w);
	w->obs.core[1] = (struct neuron_core_observation){ .stopping = true, .slot = 17 };
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	KUNIT_EXPECT_EQ(test, wait_for(w, &step, 100, true),
			NEURON_LADDER_ABORT_MS / NEURON_LADDER_PERIOD_MS);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_CORE);
	KUNIT_EXPECT_EQ(test, step.slot, 17);
	w->obs.core[1].stopping = false;
	KUNIT_EXPECT_EQ(test, wait_for(w, &step, 30, true), 0);
	KUNIT_EXPECT_TRUE(test, neuron_ladder_quiet(&w->ladder));
}

/* Each rung has its time from when it was taken, whatever time-out the job had. */
static void time_outs_of_any_length(struct kunit *test)
{
	static const u32 limits[] = { 1, 1000, 60000, U32_MAX };
	struct watch *w = test->priv;
	struct neuron_step step;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		u64 periods = DIV_ROUND_UP_ULL((u64)limits[i] + NEURON_LADDER_GRACE_MS,
					       NEURON_LADDER_PERIOD_MS);

		memset(&w->ladder, 0, sizeof(w->ladder));
		run_job(w, 2, 9 + i);
		w->obs.core[2].limit_ms = limits[i];
		look(w);
		if (periods > 1000) {
			KUNIT_EXPECT_EQ(test, wait_for(w, &step, 1000, true), 0);
			continue;
		}
		KUNIT_EXPECT_EQ(test, wait_for(w, &step, 1000, true), periods);
		KUNIT_EXPECT_EQ(test, wait_for(w, &step, 1000, true),
				NEURON_LADDER_ABORT_MS / NEURON_LADDER_PERIOD_MS);
		KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_RESET_CORE);
	}
}

/* On a test bench the rungs of cores come faster; a job's own time-out and the heart do not. */
static void in_a_hurry(struct kunit *test)
{
	struct watch *w = test->priv;
	unsigned int looks = 0;
	struct neuron_step step;

	w->obs.speed = 10;
	run_job(w, 2, 9);
	look(w);
	do {
		looks++;
		w->obs.now_ms += NEURON_LADDER_PERIOD_MS / 10;
		w->obs.heartbeat++;
		step = look(w);
	} while (step.action == NEURON_ACT_NONE && looks < 1000);
	KUNIT_EXPECT_EQ(test, step.action, NEURON_ACT_ABORT_QUEUE);
	KUNIT_EXPECT_EQ(test, looks * (NEURON_LADDER_PERIOD_MS / 10),
			LIMIT_MS + NEURON_LADDER_GRACE_MS / 10);
	w->obs.core[2].running = false;
	look(w);
	/* No beat from here on. */
	for (looks = 0; looks < NEURON_LADDER_BEAT_MS / (NEURON_LADDER_PERIOD_MS / 10); looks++) {
		KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
		w->obs.now_ms += NEURON_LADDER_PERIOD_MS / 10;
	}
}

/* When nobody is there looks are rare, but not one after a beat was missed. */
static void idle_chip_that_hangs(struct kunit *test)
{
	struct watch *w = test->priv;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
		KUNIT_EXPECT_FALSE(test, neuron_ladder_doubts(&w->ladder));
		w->obs.now_ms += NEURON_LADDER_IDLE_MS;
		w->obs.heartbeat += 50;
	}
	look(w);
	w->obs.now_ms += NEURON_LADDER_IDLE_MS;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	KUNIT_EXPECT_TRUE(test, neuron_ladder_doubts(&w->ladder));
	/* From now on each period. A pause counts as two: three more, and one to be sure. */
	for (i = 0; i < 3; i++) {
		w->obs.now_ms += NEURON_LADDER_PERIOD_MS;
		KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_NONE);
	}
	w->obs.now_ms += NEURON_LADDER_PERIOD_MS;
	KUNIT_EXPECT_EQ(test, look(w).action, NEURON_ACT_RESET_DEVICE);
	/* A beat that comes after all ends the doubts. */
	neuron_ladder_restart(&w->ladder);
	look(w);
	w->obs.now_ms += NEURON_LADDER_IDLE_MS;
	look(w);
	KUNIT_EXPECT_TRUE(test, neuron_ladder_doubts(&w->ladder));
	w->obs.heartbeat++;
	look(w);
	KUNIT_EXPECT_FALSE(test, neuron_ladder_doubts(&w->ladder));
}

static void one_core_resets_at_a_time(struct kunit *test)
{
	struct watch *w = test->priv;
	struct neuron_step step;
	unsigned int resets = 0, i;

	run_job(w, 0, 1);
	run_job(w, 3, 1);
	look(w);
	for (i = 0; i < 25; i++) {
		w->obs.now_ms += NEURON_LADDER_PERIOD_MS;
		w->obs.heartbeat++;
		while ((step = look(w)).action != NEURON_ACT_NONE) {
			if (step.action == NEURON_ACT_RESET_DEVICE)
				break;
			resets += step.action == NEURON_ACT_RESET_CORE;
			KUNIT_EXPECT_LE(test, resets, 1);
		}
	}
	KUNIT_EXPECT_EQ(test, resets, 1);
}

static void resets_are_counted(struct kunit *test)
{
	struct watch *w = test->priv;
	u64 now = 1;
	int i;

	for (i = 0; i < NEURON_LADDER_RESETS; i++)
		KUNIT_EXPECT_TRUE(test, neuron_ladder_may_reset(&w->ladder, now + i));
	KUNIT_EXPECT_FALSE(test, neuron_ladder_may_reset(&w->ladder, now + i));
	/* A restart after a reset does not make them forgotten. */
	neuron_ladder_restart(&w->ladder);
	KUNIT_EXPECT_FALSE(test, neuron_ladder_may_reset(&w->ladder, now + i));
	KUNIT_EXPECT_FALSE(test, neuron_ladder_may_reset(&w->ladder,
							 now + NEURON_LADDER_WINDOW_MS - 1));
	KUNIT_EXPECT_TRUE(test, neuron_ladder_may_reset(&w->ladder, now + NEURON_LADDER_WINDOW_MS));
	KUNIT_EXPECT_FALSE(test, neuron_ladder_may_reset(&w->ladder,
							 now + NEURON_LADDER_WINDOW_MS));
}

static struct kunit_case neuron_ladder_cases[] = {
	KUNIT_CASE(nothing_to_do),
	KUNIT_CASE(next_queue_of_a_slot),
	KUNIT_CASE(the_whole_chip_comes_first),
	KUNIT_CASE(heart_that_stops),
	KUNIT_CASE(starved_host_blames_nobody),
	KUNIT_CASE(rung_after_rung),
	KUNIT_CASE(down_again_from_each_rung),
	KUNIT_CASE(one_core_resets_at_a_time),
	KUNIT_CASE(resets_in_turn_until_one_does_not_help),
	KUNIT_CASE(queue_that_does_not_stop),
	KUNIT_CASE(time_outs_of_any_length),
	KUNIT_CASE(in_a_hurry),
	KUNIT_CASE(idle_chip_that_hangs),
	KUNIT_CASE(resets_are_counted),
	{}
};

static struct kunit_suite neuron_ladder_suite = {
	.name = "neuron_ladder",
	.init = watch_init,
	.test_cases = neuron_ladder_cases,
};

kunit_test_suite(neuron_ladder_suite);
