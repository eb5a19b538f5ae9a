// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware: what NeuronCore queues accept and what becomes of jobs when they stop.
 */
#include "fw_mock.h"
#include "queue.h"

#define IRQ(v)	(NEURON_Q_CONFIG_IRQ | (v))

static int setup(void **state)
{
	mock_boot();
	return 0;
}

static void expect_state(unsigned int q, uint32_t state, uint32_t error)
{
	assert_int_equal(queue_get(q, NEURON_Q_STATE), state);
	assert_int_equal(queue_get(q, NEURON_Q_ERROR), error);
}

/* Enabling with one register changed ends in @error. */
static void expect_refused(uint32_t reg, uint32_t value, uint32_t error)
{
	queue_configure(17, 16, IRQ(2));
	queue_set(17, reg, value);
	log_clear();
	queue_control(17, NEURON_Q_CTRL_ENABLE);
	expect_state(17, NEURON_Q_STATE_ERROR, error);
	assert_true(log_error(NEURON_MGMT_ERROR_QUEUE_CONFIG));
	assert_int_equal(mock.msix[NEURON_VECTOR_FW], 1);
	assert_true(ext_get(NEURON_EXT_EVENTS) & NEURON_EVENT_QUEUE);
	/* and does not stay broken */
	queue_enable(17, 16, IRQ(2));
	queue_control(17, NEURON_Q_CTRL_DISABLE);
	expect_state(17, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
}

static void test_ring_is_checked(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 3, 12, 1023, 1025, 2048, 0x80000000u };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		expect_refused(NEURON_Q_RING_SIZE, sizes[i], NEURON_Q_ERROR_RING);
	expect_refused(NEURON_Q_RING_LO, (uint32_t)HOST(RING_OFF(17)) + 32, NEURON_Q_ERROR_RING);
	expect_refused(NEURON_Q_RING_LO, (uint32_t)HOST_BASE + HOST_SIZE, NEURON_Q_ERROR_DMA);
	expect_refused(NEURON_Q_RING_LO, (uint32_t)HOST_BASE + HOST_SIZE - 15 * 64, NEURON_Q_ERROR_DMA);
	expect_refused(NEURON_Q_RING_HI, 0x4000, NEURON_Q_ERROR_DMA);
	expect_refused(NEURON_Q_RING_HI, 0xffffffff, NEURON_Q_ERROR_DMA);
}

static void test_completion_page_is_checked(void **state)
{
	expect_refused(NEURON_Q_CPL_LO, (uint32_t)HOST(PAGE_OFF(17)) + 4, NEURON_Q_ERROR_DMA);
	expect_refused(NEURON_Q_CPL_LO, (uint32_t)HOST_BASE + HOST_SIZE - 64, NEURON_Q_ERROR_DMA);
	expect_refused(NEURON_Q_CPL_HI, 0x4001, NEURON_Q_ERROR_DMA);
}

static void test_config_is_checked(void **state)
{
	expect_refused(NEURON_Q_CONFIG, 0x400, NEURON_Q_ERROR_CONFIG);
	expect_refused(NEURON_Q_CONFIG, 0x20, NEURON_Q_ERROR_CONFIG);
	ext_set(NEURON_EXT_GEOMETRY, 4 | 16 << 8 | 4 << 16);
	expect_refused(NEURON_Q_CONFIG, IRQ(4), NEURON_Q_ERROR_CONFIG);
	/* without interrupts the vector does not matter */
	queue_enable(1, 16, 15);
	ext_set(NEURON_EXT_GEOMETRY, 4 | 16 << 8);
	queue_enable(2, 16, 0);
}

static void test_control_value_is_checked(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_control(0, 7);
	expect_state(0, NEURON_Q_STATE_ERROR, NEURON_Q_ERROR_CONFIG);
	queue_control(0, NEURON_Q_CTRL_DISABLE);
	expect_state(0, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
}

static void test_enable_zeroes(void **state)
{
	queue_enable(63, 16, IRQ(2));
	queue_submit(63, NEURON_JOB_NOP);
	queue_submit(63, NEURON_JOB_NOP);
	assert_int_equal(queue_get(63, NEURON_Q_HEAD), 2);
	queue_enable(63, 16, IRQ(2));
	assert_int_equal(queue_get(63, NEURON_Q_HEAD), 0);
	assert_int_equal(ext_get(NEURON_EXT_DOORBELL + 4 * 63), 0);
	assert_int_equal(queue_seq(63), 0);
	queue_submit(63, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(63), 1);
}

static void test_disable_of_a_disabled_queue(void **state)
{
	queue_control(5, NEURON_Q_CTRL_DISABLE);
	expect_state(5, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
	assert_int_equal(mock.msix[NEURON_VECTOR_FW], 1);
}

/* One on the core, 9 in the ring: more than one fetch, over the ring's end. */
static void test_disable_aborts_what_is_left(void **state)
{
	queue_enable(0, 16, IRQ(3));
	for (int i = 0; i < 12; i++)
		queue_submit(0, NEURON_JOB_NOP);
	for (int i = 0; i < 10; i++)
		queue_put(0, NEURON_JOB_EXEC);
	queue_ring(0);
	mock_run();
	assert_int_equal(queue_get(0, NEURON_Q_HEAD), 13);
	log_clear();
	queue_control(0, NEURON_Q_CTRL_DISABLE);
	expect_state(0, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
	assert_int_equal(queue_seq(0), 22);
	for (uint32_t i = 12; i < 22; i++) {
		assert_int_equal(queue_record(0, i)->seq, i + 1);
		assert_int_equal(queue_record(0, i)->status, NEURON_JOB_ABORTED);
	}
	assert_int_equal(queue_get(0, NEURON_Q_HEAD), 22);
	/* one for the job on the core, one for the rest */
	assert_int_equal(mock.msix[3], 2);
	/* jobs that come later are not for it */
	queue_submit(0, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(0), 22);
}

/* The core takes its time; meanwhile the queue is neither on nor off. */
static void test_disable_waits_for_the_core(void **state)
{
	queue_enable(0, 16, IRQ(3));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	queue_control(0, NEURON_Q_CTRL_DISABLE);
	expect_state(0, NEURON_Q_STATE_PENDING, NEURON_Q_ERROR_NONE);
	assert_int_equal(queue_seq(0), 0);
	/* it ended well before it heard of the abort */
	nc_finish(0, NEURON_JOB_OK, 5);
	mock_run();
	expect_state(0, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_OK);
}

static void test_enable_again_while_a_job_runs(void **state)
{
	queue_enable(0, 16, IRQ(3));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	queue_submit(0, NEURON_JOB_EXEC);
	queue_configure(0, 8, IRQ(4));
	queue_control(0, NEURON_Q_CTRL_ENABLE);
	expect_state(0, NEURON_Q_STATE_PENDING, NEURON_Q_ERROR_NONE);
	nc_finish(0, NEURON_JOB_ABORTED, 5);
	mock_run();
	expect_state(0, NEURON_Q_STATE_ENABLED, NEURON_Q_ERROR_NONE);
	assert_int_equal(queue_get(0, NEURON_Q_HEAD), 0);
	queue_submit(0, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(0), 1);
	assert_int_equal(mock.msix[4], 1);
}

static void test_tail_too_far(void **state)
{
	queue_enable(0, 4, IRQ(2));
	queue_enable(1, 4, IRQ(2));
	ext_set(NEURON_EXT_DOORBELL, 5);
	mock.queue_tail = 1;
	mock_raise(NEURON_MGMT_IRQ_QUEUE_TAIL);
	expect_state(0, NEURON_Q_STATE_ERROR, NEURON_Q_ERROR_TAIL);
	assert_true(log_error(NEURON_MGMT_ERROR_QUEUE_TAIL));
	/* the others live on */
	queue_submit(1, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(1), 1);
	queue_enable(0, 4, IRQ(2));
	for (int i = 0; i < 4; i++)
		queue_put(0, NEURON_JOB_NOP);
	queue_ring(0);
	mock_run();
	assert_int_equal(queue_seq(0), 4);
}

static void test_counters_wrap(void **state)
{
	struct fw_queue *q = fw_queue_of(0, 0);
	struct neuron_job *ring = host_ptr(RING_OFF(0));

	queue_enable(0, 16, IRQ(2));
	q->head = q->tail = 0xfffffffdu;
	for (uint32_t i = 0; i < 8; i++)
		ring[(0xfffffffdu + i) % 16] = (struct neuron_job){ .op = NEURON_JOB_NOP, .seq = 100 + i };
	ext_set(NEURON_EXT_DOORBELL, 5);
	mock.queue_tail = 1;
	mock_raise(NEURON_MGMT_IRQ_QUEUE_TAIL);
	assert_int_equal(queue_seq(0), 107);
	assert_int_equal(queue_get(0, NEURON_Q_HEAD), 5);
	assert_int_equal(queue_record(0, 15)->seq, 102);
	assert_int_equal(queue_record(0, 0)->seq, 103);
	/* 16 ahead is all there may be; 17 is too many */
	ext_set(NEURON_EXT_DOORBELL, 22);
	mock.queue_tail = 1;
	mock_raise(NEURON_MGMT_IRQ_QUEUE_TAIL);
	expect_state(0, NEURON_Q_STATE_ERROR, NEURON_Q_ERROR_TAIL);
}

/* Memory that went away while the queue was on. */
static void test_ring_lost(void **state)
{
	queue_enable(20, 16, IRQ(2));
	queue_enable(0, 16, IRQ(2));
	queue_put(20, NEURON_JOB_NOP);
	queue_ring(20);
	mock.host_limit = RING_OFF(20);
	mock_run();
	expect_state(20, NEURON_Q_STATE_ERROR, NEURON_Q_ERROR_DMA);
	queue_submit(0, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(0), 1);
	queue_control(20, NEURON_Q_CTRL_DISABLE);
	expect_state(20, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
}

static void test_completion_page_lost(void **state)
{
	queue_enable(20, 16, IRQ(2));
	queue_submit(20, NEURON_JOB_EXEC);
	mock.host_limit = RING_OFF(20) + 0x1000;
	nc_finish(1, NEURON_JOB_OK, 1);
	mock_run();
	expect_state(20, NEURON_Q_STATE_ERROR, NEURON_Q_ERROR_DMA);
	assert_int_equal(mock.msix[2], 0);
	assert_int_equal(mock.nc[1].state, NEURON_MGMT_NC_IDLE);
}

/* A new firmware does not know the queues of the old one. */
static void test_queues_after_boot(void **state)
{
	queue_enable(9, 16, IRQ(2));
	fw_queue_init();
	expect_state(9, NEURON_Q_STATE_DISABLED, NEURON_Q_ERROR_NONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest all[] = {
		T(test_ring_is_checked), T(test_completion_page_is_checked), T(test_config_is_checked),
		T(test_control_value_is_checked), T(test_enable_zeroes), T(test_disable_of_a_disabled_queue),
		T(test_disable_aborts_what_is_left), T(test_disable_waits_for_the_core),
		T(test_enable_again_while_a_job_runs), T(test_tail_too_far), T(test_counters_wrap),
		T(test_ring_lost), T(test_completion_page_lost), T(test_queues_after_boot),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
