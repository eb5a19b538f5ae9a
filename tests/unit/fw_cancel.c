// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware: which job is on the core, jobs that are cancelled wherever they are, and what
 * 16 queues of one core get of it.
 */
#include <neuron/fw.h>
#include "fw_mock.h"
#include "queue.h"

#define IRQ(v)		(NEURON_Q_CONFIG_IRQ | (v))
#define PRIO(p)		((p) << NEURON_Q_CONFIG_PRIO_SHIFT)
#define QUEUES		NEURON_QUEUES_PER_CORE

static int setup(void **state)
{
	mock_boot();
	return 0;
}

static void put(unsigned int q, uint8_t op, int count)
{
	while (count--)
		queue_put(q, op)->timeout_ms = 1000 + q;
	queue_ring(q);
	mock_run();
}

/* As the driver does: the op in the ring, then CTRL, which leaves STATE alone. */
static void overwrite(unsigned int q, uint64_t seq, unsigned int size)
{
	struct neuron_job *ring = host_ptr(RING_OFF(q));

	ring[(seq - 1) % size].op = NEURON_JOB_CANCELLED;
}

static void control_cancel(unsigned int q)
{
	queue_set(q, NEURON_Q_CTRL, NEURON_Q_CTRL_CANCEL);
	mock.queue_ctrl |= 1ull << q;
	mock_raise(NEURON_MGMT_IRQ_QUEUE_CTRL);
}

static void finish(unsigned int core)
{
	nc_finish(core, NEURON_JOB_OK, 10);
	mock_run();
}

static void expect_status(unsigned int q, uint64_t seq, enum neuron_job_status status)
{
	assert_true(queue_seq(q) >= seq);
	assert_int_equal(queue_record(q, seq - 1)->seq, seq);
	assert_int_equal(queue_record(q, seq - 1)->status, status);
}

static void expect_on_core(unsigned int core, unsigned int q, uint64_t seq)
{
	assert_int_equal(mock.nc[core].state, NEURON_MGMT_NC_RUNNING);
	assert_int_equal(mock.nc[core].job.timeout_ms, 1000 + q);
	assert_int_equal(mock.nc[core].job.seq, seq);
	assert_int_equal(queue_get(q, NEURON_Q_RUNNING), seq);
}

static void test_running(void **state)
{
	queue_enable(20, 16, 0);
	assert_int_equal(queue_get(20, NEURON_Q_RUNNING), 0);
	queue_put(20, NEURON_JOB_EXEC)->seq = 0x700000002ull;
	queue_ring(20);
	mock_run();
	assert_int_equal(queue_get(20, NEURON_Q_RUNNING), 2);
	finish(1);
	assert_int_equal(queue_get(20, NEURON_Q_RUNNING), 0);
	/* a job without a core runs nowhere */
	put(20, NEURON_JOB_NOP, 1);
	assert_int_equal(queue_get(20, NEURON_Q_RUNNING), 0);
	put(20, NEURON_JOB_EXEC, 1);
	assert_int_equal(queue_get(20, NEURON_Q_RUNNING), 3);
	queue_control(20, NEURON_Q_CTRL_DISABLE);
	assert_int_equal(queue_get(20, NEURON_Q_RUNNING), 0);
}

/* In the ring, in the part that was fetched ahead, and beyond it. */
static void test_waiting_jobs(void **state)
{
	queue_enable(0, 16, IRQ(2));
	put(0, NEURON_JOB_EXEC, 14);
	expect_on_core(0, 0, 1);
	overwrite(0, 3, 16);
	overwrite(0, 12, 16);
	log_clear();
	control_cancel(0);
	assert_int_equal(queue_get(0, NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
	assert_int_equal(log_count(DID_ABORT), 0);
	assert_int_equal(queue_seq(0), 0);
	for (uint64_t seq = 1; seq <= 14; seq++) {
		if (seq == 3 || seq == 12)
			continue;
		expect_on_core(0, 0, seq);
		finish(0);
		expect_status(0, seq, NEURON_JOB_OK);
	}
	expect_status(0, 3, NEURON_JOB_ABORTED);
	expect_status(0, 12, NEURON_JOB_ABORTED);
	assert_int_equal(queue_seq(0), 14);
	assert_int_equal(log_count(DID_ERROR), 0);
}

/* What is cancelled at the end of the ring's part in use, and over the ring's end. */
static void test_all_jobs(void **state)
{
	queue_enable(0, 8, IRQ(2));
	for (int i = 0; i < 5; i++)
		put(0, NEURON_JOB_NOP, 1);
	put(0, NEURON_JOB_EXEC, 8);
	for (uint64_t seq = 6; seq <= 13; seq++)
		overwrite(0, seq, 8);
	log_clear();
	control_cancel(0);
	assert_int_equal(log_count(DID_ABORT), 1);
	assert_int_equal(queue_seq(0), 13);
	for (uint64_t seq = 6; seq <= 13; seq++)
		expect_status(0, seq, NEURON_JOB_ABORTED);
	assert_int_equal(queue_get(0, NEURON_Q_HEAD), 13);
	assert_int_equal(queue_get(0, NEURON_Q_RUNNING), 0);
	/* one for the job on the core, one for the rest */
	assert_int_equal(mock.msix[2], 2);
	/* and the queue goes on */
	put(0, NEURON_JOB_EXEC, 1);
	expect_on_core(0, 0, 14);
	finish(0);
	expect_status(0, 14, NEURON_JOB_OK);
}

static void test_running_job(void **state)
{
	queue_enable(0, 16, IRQ(2));
	put(0, NEURON_JOB_EXEC, 2);
	overwrite(0, 1, 16);
	control_cancel(0);
	expect_status(0, 1, NEURON_JOB_ABORTED);
	expect_on_core(0, 0, 2);
	finish(0);
	expect_status(0, 2, NEURON_JOB_OK);
}

/* The core was about to be done: what it says counts. And one that does not hear is told again. */
static void test_running_job_that_ends(void **state)
{
	queue_enable(0, 16, IRQ(2));
	put(0, NEURON_JOB_EXEC, 2);
	mock.nc[0].deaf = true;
	overwrite(0, 1, 16);
	control_cancel(0);
	assert_int_equal(queue_seq(0), 0);
	finish(0);
	expect_status(0, 1, NEURON_JOB_OK);
	expect_on_core(0, 0, 2);
	overwrite(0, 2, 16);
	control_cancel(0);
	assert_int_equal(queue_seq(0), 1);
	mock.nc[0].deaf = false;
	/* beyond its time-out: it was cancelled before */
	mock_advance(5000000);
	expect_status(0, 2, NEURON_JOB_ABORTED);
	assert_false(log_error(NEURON_MGMT_ERROR_JOB_TIMEOUT));
}

static void test_finished_jobs_stay(void **state)
{
	queue_enable(0, 16, IRQ(2));
	put(0, NEURON_JOB_NOP, 2);
	overwrite(0, 1, 16);
	overwrite(0, 2, 16);
	log_clear();
	control_cancel(0);
	expect_status(0, 1, NEURON_JOB_OK);
	expect_status(0, 2, NEURON_JOB_OK);
	assert_int_equal(queue_seq(0), 2);
	assert_int_equal(mock.msix[2], 0);
	put(0, NEURON_JOB_NOP, 1);
	expect_status(0, 3, NEURON_JOB_OK);
}

/* Cancelled jobs need not wait for the core, which another queue has. */
static void test_no_turn_is_needed(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_enable(1, 16, IRQ(3));
	put(0, NEURON_JOB_EXEC, 1);
	put(1, NEURON_JOB_EXEC, 5);
	expect_on_core(0, 0, 1);
	for (uint64_t seq = 1; seq <= 3; seq++)
		overwrite(1, seq, 16);
	overwrite(1, 5, 16);
	control_cancel(1);
	assert_int_equal(queue_seq(1), 3);
	for (uint64_t seq = 1; seq <= 3; seq++)
		expect_status(1, seq, NEURON_JOB_ABORTED);
	expect_on_core(0, 0, 1);
	finish(0);
	expect_on_core(0, 1, 4);
	put(0, NEURON_JOB_EXEC, 1);
	finish(0);
	/* the 5th when the 4th has ended, although queue 0 has the core now */
	expect_on_core(0, 0, 2);
	expect_status(1, 5, NEURON_JOB_ABORTED);
	assert_int_equal(queue_seq(1), 5);
}

/* The doorbell of jobs that are cancelled at once may not have been looked at. */
static void test_cancelled_before_it_was_seen(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_put(0, NEURON_JOB_EXEC);
	queue_put(0, NEURON_JOB_EXEC);
	overwrite(0, 1, 16);
	ext_set(NEURON_EXT_DOORBELL, 2);
	control_cancel(0);
	expect_status(0, 1, NEURON_JOB_ABORTED);
	assert_int_equal(queue_get(0, NEURON_Q_RUNNING), 2);
}

/* The host may overwrite the op and say nothing. */
static void test_without_control(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_put(0, NEURON_JOB_EXEC);
	overwrite(0, 1, 16);
	queue_ring(0);
	mock_run();
	expect_status(0, 1, NEURON_JOB_ABORTED);
	assert_int_equal(log_count(DID_ERROR), 0);
}

static void test_queues_that_are_not_on(void **state)
{
	control_cancel(7);
	assert_int_equal(queue_get(7, NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	queue_enable(7, 16, IRQ(2));
	mock.nc[0].deaf = true;
	put(7, NEURON_JOB_EXEC, 2);
	queue_control(7, NEURON_Q_CTRL_DISABLE);
	control_cancel(7);
	assert_int_equal(queue_get(7, NEURON_Q_STATE), NEURON_Q_STATE_PENDING);
	finish(0);
	expect_status(7, 1, NEURON_JOB_OK);
	expect_status(7, 2, NEURON_JOB_ABORTED);
	assert_int_equal(queue_get(7, NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	queue_control(7, 9);
	assert_int_equal(queue_get(7, NEURON_Q_STATE), NEURON_Q_STATE_ERROR);
	control_cancel(7);
	assert_int_equal(queue_get(7, NEURON_Q_STATE), NEURON_Q_STATE_ERROR);
}

static void test_ring_that_went_away(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_enable(1, 16, IRQ(2));
	put(0, NEURON_JOB_EXEC, 1);
	mock.host_limit = RING_OFF(0);
	control_cancel(0);
	assert_int_equal(queue_get(0, NEURON_Q_STATE), NEURON_Q_STATE_ERROR);
	assert_int_equal(queue_get(0, NEURON_Q_ERROR), NEURON_Q_ERROR_DMA);
	assert_int_equal(queue_get(1, NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
}

static void test_doorbell_that_is_wrong(void **state)
{
	queue_enable(0, 16, IRQ(2));
	ext_set(NEURON_EXT_DOORBELL, 17);
	control_cancel(0);
	assert_int_equal(queue_get(0, NEURON_Q_STATE), NEURON_Q_STATE_ERROR);
	assert_int_equal(queue_get(0, NEURON_Q_ERROR), NEURON_Q_ERROR_TAIL);
}

/* Random cancels against a model: each job ends once, in order, cancelled ones never as OK later on. */
static void test_random(void **state)
{
	uint64_t submitted = 0;
	bool cancelled[2001] = { false };
	uint32_t x = 1;

	queue_enable(0, 32, IRQ(2));
	while (submitted < 2000 || queue_seq(0) < 2000) {
		uint64_t done = queue_seq(0);

		x = x * 1664525 + 1013904223;
		switch (x >> 29) {
		case 0 ... 2:
			if (submitted < 2000 && submitted - done < 32) {
				put(0, x & 0x10000 ? NEURON_JOB_EXEC : NEURON_JOB_NOP, 1);
				submitted++;
			}
			break;
		case 3 ... 4:
			if (submitted > done) {
				uint64_t seq = done + 1 + (x >> 8) % (submitted - done);

				overwrite(0, seq, 32);
				cancelled[seq] = true;
				control_cancel(0);
			}
			break;
		default:
			if (mock.nc[0].state == NEURON_MGMT_NC_RUNNING)
				finish(0);
			break;
		}
		for (uint64_t seq = done + 1; seq <= queue_seq(0); seq++)
			expect_status(0, seq, cancelled[seq] ? NEURON_JOB_ABORTED : NEURON_JOB_OK);
		log_clear();
	}
	assert_int_equal(queue_seq(0), 2000);
}

/* All 16 queues of a core, four of each priority, always with jobs: each gets its part. */
static void test_sixteen_queues_progress(void **state)
{
	unsigned int done[QUEUES] = { 0 };

	for (unsigned int q = 0; q < QUEUES; q++) {
		queue_enable(q, 64, PRIO(q % 4));
		put(q, NEURON_JOB_EXEC, 60);
	}
	for (unsigned int i = 0; i < 800; i++) {
		unsigned int q = mock.nc[0].job.timeout_ms - 1000;

		done[q]++;
		finish(0);
		put(q, NEURON_JOB_EXEC, 1);
		log_clear();
	}
	for (unsigned int q = 0; q < QUEUES; q++) {
		/* the highest has almost all, the others a turn in 33 each */
		assert_in_range(done[q], q % 4 == 3 ? 150 : 4, q % 4 == 3 ? 200 : 7);
		/* and equals have equal parts */
		assert_in_range(done[q], done[q % 4] - 1, done[q % 4] + 1);
	}
}

/* Time-outs of some queues leave the others' jobs as they are. */
static void test_time_outs_under_load(void **state)
{
	for (unsigned int q = 0; q < QUEUES; q++) {
		queue_enable(q, 16, 0);
		for (int i = 0; i < 3; i++)
			queue_put(q, NEURON_JOB_EXEC)->timeout_ms = q % 4 == 1 ? 10 : 1000 + q;
		queue_ring(q);
	}
	mock_run();
	for (unsigned int i = 0; i < QUEUES * 3; i++) {
		assert_int_equal(mock.nc[0].state, NEURON_MGMT_NC_RUNNING);
		if (mock.nc[0].job.timeout_ms == 10) {
			mock_advance(10000);
		} else {
			mock_advance(10000);
			finish(0);
		}
	}
	for (unsigned int q = 0; q < QUEUES; q++)
		for (uint64_t seq = 1; seq <= 3; seq++)
			expect_status(q, seq, q % 4 == 1 ? NEURON_JOB_TIMEOUT : NEURON_JOB_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest all[] = {
		T(test_running), T(test_waiting_jobs), T(test_all_jobs), T(test_running_job),
		T(test_running_job_that_ends), T(test_finished_jobs_stay), T(test_no_turn_is_needed),
		T(test_cancelled_before_it_was_seen), T(test_without_control),
		T(test_queues_that_are_not_on), T(test_ring_that_went_away),
		T(test_doorbell_that_is_wrong), T(test_random), T(test_sixteen_queues_progress),
		T(test_time_outs_under_load),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
