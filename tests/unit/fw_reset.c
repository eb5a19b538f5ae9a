// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware: resets through misc RAM, and what shares their doorbell.
 */
#include <neuron/fwio.h>
#include "fw_mock.h"

#define REQ_OFF	0x1000u
#define RSP_OFF	0x2000u
#define IRQ(v)	(NEURON_Q_CONFIG_IRQ | (v))
#define CORES	(NEURON_MGMT_RESET_CORE(0) | NEURON_MGMT_RESET_CORE(1) | NEURON_MGMT_RESET_CORE(2) | \
		 NEURON_MGMT_RESET_CORE(3))

static int setup(void **state)
{
	mock_boot();
	misc_set(NEURON_MISC_DEVICE_ID, 77);
	return 0;
}

static void ask(uint32_t type, uint32_t map)
{
	misc_set(NEURON_MISC_RESET_MAP, map);
	misc_set(NEURON_MISC_RESET, type);
	mock.pending |= NEURON_MGMT_IRQ_DOORBELL;
}

static void reset(uint32_t type, uint32_t map)
{
	ask(type, map);
	mock_run();
}

/* A POST of sequence number @seq, without ringing. */
static void put_request(uint8_t seq)
{
	struct neuron_fwio_request *req = host_ptr(REQ_OFF);
	uint32_t c = ~0u;

	*req = (struct neuron_fwio_request){ .seq = seq, .cmd = NEURON_FWIO_POST, .size = 8 };
	for (int i = 0; i < 64; i++) {
		c ^= ((uint8_t *)req)[i / 8] >> i % 8 & 1;
		c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
	}
	req->crc = ~c;
	misc_set(NEURON_MISC_FWIO_REQ_LO, (uint32_t)HOST(REQ_OFF));
	misc_set(NEURON_MISC_FWIO_REQ_HI, (HOST(REQ_OFF) | NEURON_ADDR_HOST) >> 32);
	misc_set(NEURON_MISC_FWIO_RSP_LO, (uint32_t)HOST(RSP_OFF));
	misc_set(NEURON_MISC_FWIO_RSP_HI, (HOST(RSP_OFF) | NEURON_ADDR_HOST) >> 32);
}

static uint8_t answered(void)
{
	return *(uint8_t *)host_ptr(RSP_OFF);
}

static void expect_done(void)
{
	assert_int_equal(misc_get(NEURON_MISC_RESET), 0);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), NEURON_FW_STATUS_READY);
	assert_true(ext_get(NEURON_EXT_EVENTS) & NEURON_EVENT_RESET);
}

static void test_device_reset(void **state)
{
	reset(NEURON_RESET_DEVICE, 0);
	expect_done();
	assert_int_equal(misc_get(NEURON_MISC_DEVICE_ID), 0);
	assert_int_equal(mock.log[log_find(DID_RESET, NEURON_MGMT_RESET_UDMA | CORES, 0)].what, DID_RESET);
	assert_int_equal(log_count(DID_RESET), 1);
	assert_int_equal(mock.msix[NEURON_VECTOR_FW], 1);
	assert_int_equal(log_count(DID_ERROR), 0);
}

static void test_core_reset(void **state)
{
	reset(NEURON_RESET_CORES, 0xa);
	expect_done();
	assert_int_equal(misc_get(NEURON_MISC_DEVICE_ID), 77);
	assert_true(log_find(DID_RESET, NEURON_MGMT_RESET_CORE(1) | NEURON_MGMT_RESET_CORE(3), 0) >= 0);
	reset(NEURON_RESET_CORES, 0);
	expect_done();
	assert_true(log_find(DID_RESET, 0, 0) >= 0);
}

static void test_bad_types(void **state)
{
	reset(3, 0);
	assert_int_equal(misc_get(NEURON_MISC_RESET), 0);
	assert_true(log_error(NEURON_MGMT_ERROR_RESET_TYPE));
	log_clear();
	reset(NEURON_RESET_CORES, 0x10);
	assert_int_equal(misc_get(NEURON_MISC_RESET), 0);
	assert_true(log_error(NEURON_MGMT_ERROR_RESET_TYPE));
	assert_int_equal(log_count(DID_RESET), 0);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), NEURON_FW_STATUS_READY);
}

static void test_device_reset_aborts_all(void **state)
{
	for (unsigned int q = 0; q < 64; q += 20) {
		queue_enable(q, 16, IRQ(2));
		for (int i = 0; i < 3; i++)
			queue_submit(q, NEURON_JOB_EXEC);
	}
	reset(NEURON_RESET_DEVICE, 0);
	expect_done();
	for (unsigned int q = 0; q < 64; q += 20) {
		assert_int_equal(queue_seq(q), 3);
		for (int i = 0; i < 3; i++)
			assert_int_equal(queue_record(q, i)->status, NEURON_JOB_ABORTED);
		assert_int_equal(queue_get(q, NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	}
	/* wiped only after the jobs had left */
	assert_true(log_find(DID_RESET, NEURON_MGMT_RESET_UDMA | CORES, 0) > log_find(DID_ABORT, 3, 0));
	queue_enable(0, 16, IRQ(2));
	queue_submit(0, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(0), 1);
}

/* The jobs of core 1 are aborted, its queue stays; core 0 does not notice. */
static void test_core_reset_aborts_its_own(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_enable(16, 16, IRQ(2));
	for (int i = 0; i < 2; i++) {
		queue_submit(0, NEURON_JOB_EXEC);
		queue_submit(16, NEURON_JOB_EXEC);
	}
	reset(NEURON_RESET_CORES, 2);
	expect_done();
	assert_int_equal(queue_seq(16), 2);
	assert_int_equal(queue_record(16, 0)->status, NEURON_JOB_ABORTED);
	assert_int_equal(queue_record(16, 1)->status, NEURON_JOB_ABORTED);
	assert_int_equal(queue_get(16, NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
	queue_submit(16, NEURON_JOB_EXEC);
	nc_finish(1, NEURON_JOB_OK, 1);
	mock_run();
	assert_int_equal(queue_seq(16), 3);
	assert_int_equal(queue_record(16, 2)->status, NEURON_JOB_OK);
	assert_int_equal(queue_seq(0), 0);
	assert_int_equal(mock.nc[0].state, NEURON_MGMT_NC_RUNNING);
}

/* While a core stops: not ready, nothing starts, FWIO waits. */
static void test_reset_takes_time(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_enable(1, 16, IRQ(2));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	reset(NEURON_RESET_CORES, 1);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_CORES);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), 0);
	put_request(33);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	queue_submit(1, NEURON_JOB_EXEC);
	assert_int_equal(answered(), 0);
	assert_int_equal(log_count(DID_START), 1);
	nc_finish(0, NEURON_JOB_ABORTED, 1);
	mock_run();
	expect_done();
	assert_int_equal(answered(), 33);
	assert_int_equal(log_count(DID_START), 2);
	assert_int_equal(queue_seq(0), 1);
}

/* A core that never stops costs two seconds, not the chip. */
static void test_core_that_does_not_stop(void **state)
{
	queue_enable(0, 16, IRQ(2));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	reset(NEURON_RESET_DEVICE, 0);
	mock_advance(1999999);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_DEVICE);
	mock_advance(1);
	expect_done();
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_ABORTED);
	/* not under the job's feet */
	assert_true(log_find(DID_RESET, NEURON_MGMT_RESET_UDMA | (CORES & ~NEURON_MGMT_RESET_CORE(0)), 0) >= 0);
	queue_enable(0, 16, IRQ(2));
	queue_submit(0, NEURON_JOB_EXEC);
	assert_int_equal(log_count(DID_START), 1);
	nc_finish(0, NEURON_JOB_OK, 1);
	mock_run();
	/* the late end is nobody's; the core is of use again */
	assert_int_equal(queue_seq(0), 0);
	assert_int_equal(log_count(DID_START), 2);
}

/* A reset of cores does not say that a job has ended which has not, however long that takes. */
static void test_core_that_does_not_reset(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_enable(16, 16, IRQ(2));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	queue_submit(0, NEURON_JOB_EXEC);
	reset(NEURON_RESET_CORES, 1);
	mock_advance(3600000000u);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_CORES);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), 0);
	assert_int_equal(log_count(DID_RESET), 0);
	assert_int_equal(queue_seq(0), 0);
	/* the others work */
	queue_submit(16, NEURON_JOB_EXEC);
	nc_finish(1, NEURON_JOB_OK, 1);
	mock_run();
	assert_int_equal(queue_seq(16), 1);
	/* it stops after all */
	nc_finish(0, NEURON_JOB_ABORTED, 1);
	mock_run();
	expect_done();
	assert_int_equal(queue_seq(0), 2);
	assert_int_equal(queue_record(0, 1)->status, NEURON_JOB_ABORTED);
	assert_int_equal(queue_get(0, NEURON_Q_STATE), NEURON_Q_STATE_ENABLED);
}

/* The next rung for a host without our driver: a device reset, which leaves the core behind. */
static void test_device_reset_of_a_core_that_does_not_reset(void **state)
{
	queue_enable(0, 16, IRQ(2));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	reset(NEURON_RESET_CORES, 1);
	mock_advance(5000000);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_CORES);
	reset(NEURON_RESET_DEVICE, 0);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_DEVICE);
	mock_advance(2000000);
	expect_done();
	assert_int_equal(misc_get(NEURON_MISC_DEVICE_ID), 0);
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_ABORTED);
	assert_true(log_find(DID_RESET, NEURON_MGMT_RESET_UDMA | (CORES & ~NEURON_MGMT_RESET_CORE(0)), 0) >= 0);
}

/* Both rings seen as one. */
static void test_reset_and_request_at_once(void **state)
{
	put_request(44);
	ask(NEURON_RESET_DEVICE, 0);
	mock_run();
	expect_done();
	assert_int_equal(answered(), 44);
	/* the second ring, had it been seen apart, is no mistake */
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(log_count(DID_ERROR), 0);
}

/* The host is writing the next request while the reset's ring is looked at. */
static void test_half_written_request(void **state)
{
	put_request(45);
	misc_set(NEURON_MISC_FWIO_RSP_HI, 0);
	reset(NEURON_RESET_DEVICE, 0);
	expect_done();
	assert_int_equal(answered(), 0);
	assert_int_equal(log_count(DID_ERROR), 0);
	put_request(45);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(answered(), 45);
}

/* Whatever order the host writes the four halves in, and how far it has come. */
static void test_request_written_at_any_pace(void **state)
{
	static const uint32_t regs[] = {
		NEURON_MISC_FWIO_REQ_LO, NEURON_MISC_FWIO_REQ_HI, NEURON_MISC_FWIO_RSP_LO, NEURON_MISC_FWIO_RSP_HI,
	};
	uint32_t words[4];
	uint8_t seq = 1;

	for (int order = 0; order < 4; order++) {
		for (int written = 0; written < 4; written++, seq++) {
			uint32_t wiped[4];

			for (int i = 0; i < 4; i++)
				wiped[i] = misc_get(regs[i]);
			put_request(seq);
			for (int i = 0; i < 4; i++)
				words[i] = misc_get(regs[i]);
			for (int i = written; i < 4; i++)
				misc_set(regs[(i + order) % 4], wiped[(i + order) % 4]);
			reset(NEURON_RESET_DEVICE, 0);
			assert_int_not_equal(answered(), seq);
			for (int i = 0; i < 4; i++)
				misc_set(regs[i], words[i]);
			mock_raise(NEURON_MGMT_IRQ_DOORBELL);
			assert_int_equal(answered(), seq);
		}
	}
	assert_int_equal(log_count(DID_ERROR), 0);
}

/*
 * The host has its answer and writes the next request while the ring of the answered one,
 * which was taken early, is still to be seen.
 */
static void test_late_ring_meets_the_next_request(void **state)
{
	uint32_t hi;

	put_request(48);
	ask(NEURON_RESET_DEVICE, 0);
	mock_run();
	assert_int_equal(answered(), 48);
	put_request(49);
	hi = misc_get(NEURON_MISC_FWIO_RSP_HI);
	misc_set(NEURON_MISC_FWIO_RSP_HI, 0);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(answered(), 48);
	misc_set(NEURON_MISC_FWIO_RSP_HI, hi);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(answered(), 49);
	/* and when it is complete: taken early again, with a late ring again */
	reset(NEURON_RESET_DEVICE, 0);
	put_request(50);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(answered(), 50);
	put_request(51);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(answered(), 51);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(log_count(DID_ERROR), 0);
}

/* A low half of 0 is an address like others, also when both rings are seen as one. */
static void test_request_at_a_low_half_of_zero(void **state)
{
	struct neuron_fwio_request *req = host_ptr(REQ_OFF);

	put_request(47);
	misc_set(NEURON_MISC_FWIO_REQ_LO, 0);
	misc_set(NEURON_MISC_FWIO_REQ_HI, NEURON_ADDR_HOST >> 32);
	ask(NEURON_RESET_DEVICE, 0);
	mock_run();
	/* the mock has no memory there: that it was looked at is what counts */
	assert_true(log_find(DID_READ, 0, 0) >= 0);
	assert_true(log_error(NEURON_MGMT_ERROR_FWIO_ADDRESS));
	assert_int_equal(req->seq, 47);
}

static void test_request_after_reset(void **state)
{
	reset(NEURON_RESET_DEVICE, 0);
	put_request(46);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	assert_int_equal(answered(), 46);
	reset(NEURON_RESET_CORES, 1);
	assert_int_equal(log_count(DID_ERROR), 0);
}

/* A chip whose device resets take their time: wiped at once, silent until it is over. */
static void test_device_reset_takes_its_time(void **state)
{
	mock.reset_us = 300000;
	reset(NEURON_RESET_DEVICE, 0);
	assert_int_equal(log_count(DID_RESET), 1);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_DEVICE);
	assert_false(misc_get(NEURON_MISC_FW_STATUS) & NEURON_FW_STATUS_READY);
	put_request(52);
	mock_raise(NEURON_MGMT_IRQ_DOORBELL);
	mock_advance(299999);
	assert_int_not_equal(answered(), 52);
	assert_int_equal(misc_get(NEURON_MISC_RESET), NEURON_RESET_DEVICE);
	mock_advance(1);
	expect_done();
	assert_int_equal(answered(), 52);
	assert_int_equal(log_count(DID_RESET), 1);
	/* Cores do not take it. */
	reset(NEURON_RESET_CORES, 1);
	expect_done();
	assert_int_equal(log_count(DID_ERROR), 0);
}

/* Another reset while one goes on: both are carried out. */
static void test_reset_during_reset(void **state)
{
	queue_enable(0, 16, IRQ(2));
	mock.nc[0].deaf = true;
	queue_submit(0, NEURON_JOB_EXEC);
	reset(NEURON_RESET_CORES, 1);
	reset(NEURON_RESET_DEVICE, 0);
	assert_int_equal(log_count(DID_RESET), 0);
	nc_finish(0, NEURON_JOB_ABORTED, 1);
	mock_run();
	expect_done();
	assert_int_equal(log_count(DID_RESET), 2);
	assert_int_equal(misc_get(NEURON_MISC_DEVICE_ID), 0);
	assert_int_equal(queue_get(0, NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest all[] = {
		T(test_device_reset), T(test_core_reset), T(test_bad_types), T(test_device_reset_aborts_all),
		T(test_core_reset_aborts_its_own), T(test_reset_takes_time), T(test_core_that_does_not_stop),
		T(test_core_that_does_not_reset), T(test_device_reset_of_a_core_that_does_not_reset),
		T(test_reset_and_request_at_once), T(test_half_written_request), T(test_request_written_at_any_pace),
		T(test_request_at_a_low_half_of_zero), T(test_late_ring_meets_the_next_request),
		T(test_request_after_reset),
		T(test_device_reset_takes_its_time), T(test_reset_during_reset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
