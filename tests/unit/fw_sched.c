// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware: which job runs when, what it is told, how its end is reported; time-outs,
 * heartbeat and power samples.
 */
#include <neuron/fw.h>
#include "fw_mock.h"
#include "queue.h"

#define IRQ(v)		(NEURON_Q_CONFIG_IRQ | (v))
#define PRIO(p)		((p) << NEURON_Q_CONFIG_PRIO_SHIFT)

static int setup(void **state)
{
	mock_boot();
	return 0;
}

static void finish(unsigned int core)
{
	nc_finish(core, NEURON_JOB_OK, 1000);
	mock_run();
}

static void test_boot_announces(void **state)
{
	assert_int_equal(ext_get(NEURON_EXT_FW_STATE), NEURON_FW_STATE_RUNNING);
	assert_int_equal(ext_get(NEURON_EXT_FW_VERSION), FW_VERSION);
	assert_int_equal(ext_get(NEURON_EXT_FW_API), NEURON_FW_API_MAJOR << 16 | NEURON_FW_API_MINOR);
	assert_true(misc_get(NEURON_MISC_API_VERSION) >= 3);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), NEURON_FW_STATUS_READY);
	assert_non_null(strstr(mock.console, "firmware"));
}

static void test_nop(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_submit(0, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(0), 1);
	assert_int_equal(queue_record(0, 0)->seq, 1);
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_OK);
	assert_int_equal(mock.msix[2], 1);
	assert_int_equal(log_count(DID_START), 0);
}

static void test_exec(void **state)
{
	struct neuron_job *job;
	struct neuron_completion *r;

	queue_enable(35, 16, IRQ(5));
	job = queue_put(35, NEURON_JOB_EXEC);
	job->context = 2;
	job->code = 9;
	queue_ring(35);
	mock_run();
	assert_int_equal(mock.nc[2].state, NEURON_MGMT_NC_RUNNING);
	assert_int_equal(mock.nc[2].table_lo, (uint32_t)HOST(0x9200));
	assert_int_equal(mock.nc[2].table_hi, HOST(0x9200) >> 32);
	assert_int_equal(mock.nc[2].segments, 5);
	assert_int_equal(mock.nc[2].owner, 12);
	assert_memory_equal(&mock.nc[2].job, job, sizeof(*job));
	assert_int_equal(queue_seq(35), 0);
	nc_finish(2, NEURON_JOB_SEGMENT, 0x123456789abcull);
	mock_run();
	r = queue_record(35, 0);
	assert_int_equal(queue_seq(35), 1);
	assert_int_equal(r->seq, 1);
	assert_int_equal(r->status, NEURON_JOB_SEGMENT);
	assert_int_equal(r->engine, 2);
	assert_int_equal(r->flags, 1);
	assert_int_equal(r->pc, 77);
	assert_true(r->detail == 0x1122334455667788ull);
	assert_true(r->cycles == 0x123456789abcull);
	assert_int_equal(mock.nc[2].state, NEURON_MGMT_NC_IDLE);
	assert_int_equal(mock.msix[5], 1);
}

/* Record, then seq, then interrupt. */
static void test_completion_order(void **state)
{
	int record, seq, irq;

	queue_enable(0, 16, IRQ(2));
	queue_submit(0, NEURON_JOB_EXEC);
	log_clear();
	finish(0);
	record = log_find(DID_WRITE, HOST(PAGE_OFF(0)) + sizeof(struct neuron_completion_page), 0);
	seq = log_find(DID_WRITE, HOST(PAGE_OFF(0)), 0);
	irq = log_find(DID_MSIX, 2, 0);
	assert_true(record >= 0 && record < seq && seq < irq);
	assert_int_equal(mock.log[record].b, sizeof(struct neuron_completion));
	assert_int_equal(mock.log[seq].b, 8);
}

static void test_no_interrupt_unless_asked_for(void **state)
{
	queue_enable(0, 16, 2);
	log_clear();
	queue_submit(0, NEURON_JOB_NOP);
	assert_int_equal(queue_seq(0), 1);
	assert_int_equal(log_count(DID_MSIX), 0);
}

/* Queue @q's job is the one on its core. */
static void expect_running(unsigned int core, unsigned int q, uint64_t seq)
{
	assert_int_equal(mock.nc[core].state, NEURON_MGMT_NC_RUNNING);
	assert_int_equal(mock.nc[core].job.timeout_ms, 1000 + q);
	assert_int_equal(mock.nc[core].job.seq, seq);
}

static void put_exec(unsigned int q, int count)
{
	while (count--)
		queue_put(q, NEURON_JOB_EXEC)->timeout_ms = 1000 + q;
	queue_ring(q);
}

static void test_priority_first(void **state)
{
	for (unsigned int q = 0; q < 4; q++)
		queue_enable(q, 16, PRIO(q));
	for (unsigned int q = 0; q < 4; q++)
		put_exec(q, 2);
	mock_run();
	for (int q = 3; q >= 0; q--) {
		expect_running(0, q, 1);
		finish(0);
		expect_running(0, q, 2);
		if (q == 1) {
			/* one that comes later goes before what waits below */
			put_exec(3, 1);
			finish(0);
			expect_running(0, 3, 3);
		}
		finish(0);
	}
	assert_int_equal(mock.nc[0].state, NEURON_MGMT_NC_IDLE);
}

/* Equals take turns, whoever put in more; a fifth one joins in. */
static void test_turns_among_equals(void **state)
{
	static const unsigned int queues[] = { 0, 3, 7, 15 };
	unsigned int done[16] = { 0 };

	for (int i = 0; i < 4; i++) {
		queue_enable(queues[i], 64, PRIO(1));
		put_exec(queues[i], i == 0 ? 60 : 10);
	}
	mock_run();
	for (int i = 0; i < 40; i++) {
		unsigned int q = mock.nc[0].job.timeout_ms - 1000;

		done[q]++;
		for (int k = 0; k < 4; k++)
			for (int l = 0; l < 4; l++)
				assert_true(done[queues[k]] <= done[queues[l]] + 1);
		finish(0);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(done[queues[i]], 10);
	queue_enable(9, 16, PRIO(1));
	put_exec(9, 1);
	finish(0);
	expect_running(0, 9, 1);
}

static void test_cores_are_independent(void **state)
{
	for (unsigned int core = 0; core < 4; core++) {
		queue_enable(core * 16, 16, IRQ(2 + core));
		put_exec(core * 16, 2);
	}
	mock_run();
	for (unsigned int core = 0; core < 4; core++)
		expect_running(core, core * 16, 1);
	finish(2);
	expect_running(2, 32, 2);
	expect_running(1, 16, 1);
	assert_int_equal(queue_seq(32), 1);
	assert_int_equal(queue_seq(16), 0);
	nc_finish(0, NEURON_JOB_OK, 1);
	nc_finish(1, NEURON_JOB_OK, 1);
	nc_finish(3, NEURON_JOB_OK, 1);
	mock_run();
	for (unsigned int core = 0; core < 4; core++)
		expect_running(core, core * 16, 2);
}

/* Reserved fields, unknown ops and contexts fail the job, in order, and nothing else. */
static void test_bad_jobs(void **state)
{
	static const uint16_t want[] = {
		NEURON_JOB_OK, NEURON_JOB_DESCRIPTOR, NEURON_JOB_DESCRIPTOR, NEURON_JOB_DESCRIPTOR,
		NEURON_JOB_DESCRIPTOR, NEURON_JOB_CONTEXT, NEURON_JOB_CONTEXT, NEURON_JOB_OK, NEURON_JOB_OK,
	};

	queue_enable(0, 16, IRQ(2));
	queue_put(0, NEURON_JOB_NOP);
	queue_put(0, 0);
	queue_put(0, 4);
	queue_put(0, NEURON_JOB_NOP)->reserved2 = 1ull << 63;
	queue_put(0, NEURON_JOB_EXEC)->stream[3].offset = 32;
	queue_put(0, NEURON_JOB_EXEC)->context = CTX_COUNT;
	queue_put(0, NEURON_JOB_EXEC)->context = CTX_COUNT - 1;	/* unused entry */
	queue_put(0, NEURON_JOB_EXEC)->context = 0;
	queue_put(0, NEURON_JOB_NOP);
	queue_ring(0);
	mock_run();
	assert_int_equal(queue_seq(0), 7);
	finish(0);
	assert_int_equal(queue_seq(0), 9);
	for (uint32_t i = 0; i < 9; i++) {
		assert_int_equal(queue_record(0, i)->status, want[i]);
		assert_int_equal(queue_record(0, i)->seq, i + 1);
	}
	assert_true(log_error(NEURON_MGMT_ERROR_JOB_DESCRIPTOR));
	assert_true(log_error(NEURON_MGMT_ERROR_JOB_CONTEXT));
	assert_int_equal(mock.log[log_find(DID_ERROR, NEURON_MGMT_ERROR_JOB_CONTEXT, 0)].b, CTX_COUNT);
}

/* What a job asks for in its trace fields gets to the core as it is; what no job may ask for does not. */
static void test_trace_fields(void **state)
{
	struct neuron_job *job;

	queue_enable(0, 16, IRQ(2));
	job = queue_put(0, NEURON_JOB_NOP);
	job->flags = NEURON_JOB_TRACE;
	job = queue_put(0, NEURON_JOB_EXEC);
	job->trace = 1;
	job = queue_put(0, NEURON_JOB_EXEC);
	job->flags = NEURON_JOB_TRACE << 1;
	job = queue_put(0, NEURON_JOB_EXEC);
	job->reserved0 = 1;
	job = queue_put(0, NEURON_JOB_EXEC);
	job->reserved1 = 1;
	job = queue_put(0, NEURON_JOB_EXEC);
	job->flags = NEURON_JOB_TRACE;
	job->trace = 200;
	queue_ring(0);
	mock_run();
	assert_int_equal(queue_seq(0), 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(queue_record(0, i)->status, NEURON_JOB_DESCRIPTOR);
	assert_int_equal(mock.nc[0].job.flags, NEURON_JOB_TRACE);
	assert_int_equal(mock.nc[0].job.trace, 200);
	finish(0);
	assert_int_equal(queue_record(0, 5)->status, NEURON_JOB_OK);
}

static void try_context(struct neuron_context_entry entry, enum neuron_job_status want)
{
	static uint64_t n;

	*(struct neuron_context_entry *)host_ptr(CTXDIR_OFF) = entry;
	queue_submit(0, NEURON_JOB_EXEC);
	if (want == NEURON_JOB_OK)
		finish(0);
	assert_int_equal(queue_record(0, n++)->status, want);
}

static void test_context_entries(void **state)
{
	queue_enable(0, 64, 0);
	try_context((struct neuron_context_entry){ 0x1000, 1, 1, { 0 } }, NEURON_JOB_OK);
	try_context((struct neuron_context_entry){ 0x1000, 256, 1, { 0 } }, NEURON_JOB_OK);
	try_context((struct neuron_context_entry){ 0x1000, 257, 1, { 0 } }, NEURON_JOB_CONTEXT);
	try_context((struct neuron_context_entry){ 0x1000, 0, 1, { 0 } }, NEURON_JOB_CONTEXT);
	try_context((struct neuron_context_entry){ 0x1000, 1, 0, { 0 } }, NEURON_JOB_CONTEXT);
	try_context((struct neuron_context_entry){ NEURON_ADDR_HOST, 1, 1, { 0 } }, NEURON_JOB_CONTEXT);
	ext_set(NEURON_EXT_CTXDIR_LO, 0x1000);
	try_context((struct neuron_context_entry){ 0x1000, 1, 1, { 0 } }, NEURON_JOB_CONTEXT);
}

/* A full ring costs a transfer for each FW_QUEUE_CACHE jobs, not for each job. */
static void test_jobs_are_fetched_in_batches(void **state)
{
	queue_enable(0, 64, 0);
	for (int i = 0; i < 64; i++)
		queue_put(0, NEURON_JOB_NOP);
	queue_ring(0);
	log_clear();
	mock_run();
	assert_int_equal(queue_seq(0), 64);
	assert_int_equal(log_count(DID_READ), 64 / FW_QUEUE_CACHE);
}

static void test_time_out(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_put(0, NEURON_JOB_EXEC)->timeout_ms = 250;
	queue_put(0, NEURON_JOB_NOP);
	queue_ring(0);
	mock_run();
	mock_advance(249999);
	assert_int_equal(log_count(DID_ABORT), 0);
	mock_advance(1);
	assert_int_equal(log_count(DID_ABORT), 1);
	assert_int_equal(queue_seq(0), 2);
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_TIMEOUT);
	assert_int_equal(queue_record(0, 1)->status, NEURON_JOB_OK);
}

/* An abort that the core did not hear is repeated with the next heartbeat. */
static void test_time_out_is_repeated(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_put(0, NEURON_JOB_EXEC)->timeout_ms = 250;
	queue_ring(0);
	mock_run();
	mock.nc[0].deaf = true;
	mock_advance(250000);
	assert_int_equal(log_count(DID_ABORT), 1);
	mock.nc[0].deaf = false;
	mock_advance(100000);
	assert_int_equal(log_count(DID_ABORT), 2);
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_TIMEOUT);
}

/* The clock starts when the job does, not when it was put into the ring. */
static void test_waiting_is_not_running(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_put(0, NEURON_JOB_EXEC)->timeout_ms = 1000;
	queue_put(0, NEURON_JOB_EXEC)->timeout_ms = 200;
	queue_ring(0);
	mock_run();
	mock_advance(900000);
	finish(0);
	mock_advance(199999);
	finish(0);
	assert_int_equal(queue_record(0, 1)->status, NEURON_JOB_OK);
	assert_int_equal(log_count(DID_ABORT), 0);
}

static void test_default_time_out(void **state)
{
	queue_enable(0, 16, IRQ(2));
	queue_submit(0, NEURON_JOB_EXEC);
	mock_advance(NEURON_JOB_DEFAULT_TIMEOUT_MS * 1000ull - 1);
	assert_int_equal(log_count(DID_ABORT), 0);
	mock_advance(1);
	assert_int_equal(queue_record(0, 0)->status, NEURON_JOB_TIMEOUT);
}

/* A time-out of four cores at four times: one timer for all. */
static void test_time_outs_of_all_cores(void **state)
{
	static const uint32_t ms[] = { 170, 30, 250, 90 };

	for (unsigned int core = 0; core < 4; core++) {
		queue_enable(core * 16, 16, 0);
		queue_put(core * 16, NEURON_JOB_EXEC)->timeout_ms = ms[core];
		queue_ring(core * 16);
	}
	mock_run();
	for (uint32_t t = 1; t <= 260; t++) {
		mock_advance(1000);
		for (unsigned int core = 0; core < 4; core++)
			assert_int_equal(queue_seq(core * 16), t >= ms[core]);
	}
}

static void test_heartbeat(void **state)
{
	for (uint32_t i = 1; i <= 5; i++) {
		mock_advance(NEURON_FW_HEARTBEAT_MS * 1000);
		assert_int_equal(ext_get(NEURON_EXT_FW_HEARTBEAT), i);
		assert_int_equal(ext_get(NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT), i);
	}
	mock_advance(NEURON_FW_HEARTBEAT_MS * 1000 - 1);
	assert_int_equal(ext_get(NEURON_EXT_FW_HEARTBEAT), 5);
}

static void test_power_samples(void **state)
{
	uint32_t before = misc_get(NEURON_MISC_POWER);

	queue_enable(0, 16, 0);
	queue_enable(16, 16, 0);
	/* one core half of the time, one all of the time: 37.5 % of four */
	queue_submit(16, NEURON_JOB_EXEC);
	queue_submit(0, NEURON_JOB_EXEC);
	mock_advance(50000);
	finish(0);
	mock_advance(50000);
	assert_int_equal(misc_get(NEURON_MISC_POWER) & 0xffff, 3750);
	assert_int_equal(misc_get(NEURON_MISC_POWER) >> 16, (before >> 16) + 1);
	mock_advance(100000);
	assert_int_equal(misc_get(NEURON_MISC_POWER) & 0xffff, 2500);
	/* after a long sleep, still a quarter */
	mock_advance(20000000);
	assert_in_range(misc_get(NEURON_MISC_POWER) & 0xffff, 2499, 2501);
	finish(1);
	mock_advance(100000);
	assert_int_equal(misc_get(NEURON_MISC_POWER) & 0xffff, 0);
}

static void test_links(void **state)
{
	mock.links = NEURON_FW_STATUS_WEST;
	mock_advance(100000);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), NEURON_FW_STATUS_READY | NEURON_FW_STATUS_WEST);
	mock.links = NEURON_FW_STATUS_EAST;
	mock_advance(100000);
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), NEURON_FW_STATUS_READY | NEURON_FW_STATUS_EAST);
}

/* A link that changes is in FW_STATUS before the host is told, and told once. */
static void test_link_event(void **state)
{
	mock.links = NEURON_FW_STATUS_EAST;
	mock.sensors = NEURON_EVENT_LINK;
	mock.pending |= NEURON_MGMT_IRQ_SENSOR;
	mock_run();
	assert_int_equal(misc_get(NEURON_MISC_FW_STATUS), NEURON_FW_STATUS_READY | NEURON_FW_STATUS_EAST);
	assert_int_equal(ext_get(NEURON_EXT_EVENTS) & NEURON_EVENT_LINK, NEURON_EVENT_LINK);
	assert_int_equal(mock.msix[NEURON_VECTOR_FW], 1);
	assert_int_equal(mock.sensors, 0);
	/* an interrupt without a cause is no event */
	mock.pending |= NEURON_MGMT_IRQ_SENSOR;
	mock_run();
	assert_int_equal(mock.msix[NEURON_VECTOR_FW], 1);
}

static void set_temperature(int32_t temperature)
{
	bool crossed = (temperature >= 100000) != (mock.temperature >= 100000);

	mock.temperature = temperature;
	if (!crossed)
		return;
	mock.sensors |= NEURON_EVENT_THERMAL;
	mock_raise(NEURON_MGMT_IRQ_SENSOR);
}

/* From the critical temperature on no job starts until it is 5 degrees below; what runs goes on. */
static void test_thermal_hold(void **state)
{
	queue_enable(0, 16, 0);
	queue_submit(0, NEURON_JOB_EXEC);
	assert_int_equal(mock.nc[0].state, NEURON_MGMT_NC_RUNNING);
	set_temperature(100000);
	assert_int_equal(ext_get(NEURON_EXT_EVENTS) & NEURON_EVENT_THERMAL, NEURON_EVENT_THERMAL);
	queue_submit(0, NEURON_JOB_EXEC);
	queue_submit(0, NEURON_JOB_NOP);
	finish(0);
	assert_int_equal(queue_seq(0), 1);
	assert_int_equal(log_count(DID_START), 1);
	set_temperature(95001);
	mock_advance(1000000);
	assert_int_equal(log_count(DID_START), 1);
	set_temperature(95000);
	mock_advance(100000);
	assert_int_equal(log_count(DID_START), 2);
	finish(0);
	assert_int_equal(queue_seq(0), 3);
}

/* A job that waits for the chip to cool loses nothing of its time; one that runs keeps its deadline. */
static void test_thermal_hold_and_time_outs(void **state)
{
	struct neuron_job *job;

	queue_enable(0, 16, 0);
	set_temperature(120000);
	job = queue_put(0, NEURON_JOB_EXEC);
	job->timeout_ms = 50;
	queue_ring(0);
	mock_advance(10000000);
	assert_int_equal(log_count(DID_ABORT), 0);
	set_temperature(20000);
	mock_advance(0);
	assert_int_equal(mock.nc[0].state, NEURON_MGMT_NC_RUNNING);
	mock_advance(40000);
	assert_int_equal(log_count(DID_ABORT), 0);
	set_temperature(120000);
	mock_advance(20000);
	assert_int_equal(log_count(DID_ABORT), 1);
}

/* Queues are still turned off, and their jobs given back, while nothing may start. */
static void test_thermal_hold_and_disable(void **state)
{
	queue_enable(3, 16, 0);
	set_temperature(100000);
	queue_submit(3, NEURON_JOB_EXEC);
	queue_control(3, NEURON_Q_CTRL_DISABLE);
	assert_int_equal(queue_get(3, NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	assert_int_equal(queue_record(3, 0)->status, NEURON_JOB_ABORTED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest all[] = {
		T(test_boot_announces), T(test_nop), T(test_exec), T(test_completion_order),
		T(test_no_interrupt_unless_asked_for), T(test_priority_first), T(test_turns_among_equals),
		T(test_cores_are_independent), T(test_bad_jobs), T(test_trace_fields),
		T(test_context_entries),
		T(test_jobs_are_fetched_in_batches), T(test_time_out), T(test_time_out_is_repeated), T(test_waiting_is_not_running),
		T(test_default_time_out), T(test_time_outs_of_all_cores), T(test_heartbeat),
		T(test_power_samples), T(test_links), T(test_link_event), T(test_thermal_hold),
		T(test_thermal_hold_and_time_outs), T(test_thermal_hold_and_disable),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
