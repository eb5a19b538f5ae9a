// SPDX-License-Identifier: Apache-2.0
/*
 * Fault injection with firmware and jobs: what a host sees of the kinds that falsify what
 * firmware tells, or stop it. The chip runs when the test lets it, so that order is certain.
 */
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <neuron/fw.h>
#include <neuron/fwio.h>
#include <neuron/isa.h>
#include <neuron/job.h>
#include <neuron/notify.h>

#include "emu_harness.h"
#include "mgmt_fake.h"

#define AT(off)		(HOST_BASE + (off))
#define REQ		0x0000u
#define RSP		0x1000u
#define CTXDIR		0x2000u
#define TABLE		0x3000u
#define RING		0x10000u
#define PAGE		0x20000u
#define SIZE		16u
#define CODE		0x40000u	/* in DRAM: the job's instructions */

static struct harness h;
static void *image;
static size_t image_size;
static uint32_t put;

static uint32_t ext(uint32_t off)
{
	return bar_read(&h, 0, NEURON_EXT_BASE + off);
}

static void ext_set(uint32_t off, uint32_t value)
{
	bar_write(&h, 0, NEURON_EXT_BASE + off, value);
}

static uint32_t misc(uint32_t off)
{
	return bar_read(&h, 0, NEURON_MISC_BASE + off);
}

static void misc_set(uint32_t off, uint32_t value)
{
	bar_write(&h, 0, NEURON_MISC_BASE + off, value);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void step(void)
{
	unsigned int n;

	emu_run_service(h.chip, 500);
	for (n = 0; n < NEURON_CORES; n++)
		emu_run_core(h.chip, n, 0);
}

static void run_ms(unsigned int ms)
{
	uint64_t end = now_ms() + ms;

	while (now_ms() < end)
		step();
}

/* Run until @condition, for ten seconds at most. */
#define UNTIL(condition) do { \
		uint64_t limit = now_ms() + 10000; \
		while (!(condition) && now_ms() < limit) \
			step(); \
		if (!(condition)) \
			fail_msg("%s does not become true", #condition); \
	} while (0)

/* Until time @when @condition holds; a test that was kept from running until then knows nothing. */
static void not_before(uint64_t when, bool condition)
{
	if (now_ms() < when)
		assert_true(condition);
}

static void fault(const char *spec)
{
	char error[256] = "";

	if (emu_fault_set(h.chip, spec, error, sizeof(error)))
		fail_msg("%s: %s", spec, error);
}

static void ready(void)
{
	bus_master(&h, true);
	UNTIL(ext(NEURON_EXT_FW_STATE) == NEURON_FW_STATE_RUNNING &&
	      misc(NEURON_MISC_FW_STATUS) & NEURON_FW_STATUS_READY);
}

static int setup(void **state)
{
	harness_boot(&h, 16, image, image_size);
	ready();
	put = 0;
	return 0;
}

static int teardown(void **state)
{
	harness_close(&h);
	return 0;
}

static void *host(uint32_t off)
{
	return h.host + off;
}

static struct neuron_completion_page *page(void)
{
	return host(PAGE);
}

static void enable(void)
{
	struct neuron_context_entry *ctx = host(CTXDIR);
	struct neuron_segment *seg = host(TABLE);
	const uint32_t r = NEURON_EXT_QUEUE(0);

	*ctx = (struct neuron_context_entry){ .table = AT(TABLE), .segments = 1, .owner = 1 };
	*seg = (struct neuron_segment){ .base = CODE, .length = 0x1000,
					.flags = NEURON_SEG_READ | NEURON_SEG_EXEC };
	memset(page(), 0, 0x1000);
	put = 0;
	ext_set(NEURON_EXT_CTXDIR_LO, AT(CTXDIR));
	ext_set(NEURON_EXT_CTXDIR_COUNT, 1);
	ext_set(r + NEURON_Q_RING_LO, AT(RING));
	ext_set(r + NEURON_Q_RING_SIZE, SIZE);
	ext_set(r + NEURON_Q_CPL_LO, AT(PAGE));
	ext_set(r + NEURON_Q_CONFIG, NEURON_Q_CONFIG_IRQ | NEURON_VECTOR_QUEUE0);
	ext_set(r + NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
	UNTIL(ext(r + NEURON_Q_STATE) == NEURON_Q_STATE_ENABLED);
}

static void submit(uint8_t op, uint32_t instructions)
{
	struct neuron_job *job = (struct neuron_job *)host(RING) + put % SIZE;

	*job = (struct neuron_job){ .op = op, .seq = ++put, .stream = { { 0, instructions } } };
	ext_set(NEURON_EXT_DOORBELL, put);
	ext_set(NEURON_EXT_KICK, 1);
}

static void test_wrong_id(void **state)
{
	enable();
	fault("wrong-id:queue=0,count=1,by=1000");
	submit(NEURON_JOB_NOP, 0);
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq == 2);
	assert_int_equal(page()->record[0].seq, 1001);
	assert_int_equal(page()->record[1].seq, 2);
}

static void test_head_jump(void **state)
{
	enable();
	fault("head-jump:core=0,by=100");
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq);
	assert_int_equal(page()->seq, 101);
	assert_int_equal(ext(NEURON_EXT_QUEUE(0) + NEURON_Q_HEAD), 101);
	assert_int_equal(page()->record[0].seq, 1);
	emu_fault_clear(h.chip, "head-jump");
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq == 2);
}

/* Late, in order, the interrupt not before. What comes after the fault does not overtake. */
static void test_late_completion(void **state)
{
	unsigned int irqs;
	uint64_t begin;

	enable();
	begin = now_ms();
	irqs = h.irqs[NEURON_VECTOR_QUEUE0];
	fault("late-completion:ms=300");
	submit(NEURON_JOB_EXEC, 0);
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->record[1].seq == 2);
	run_ms(50);
	not_before(begin + 300, page()->seq == 0);
	emu_fault_clear(h.chip, "late-completion");
	submit(NEURON_JOB_NOP, 0);
	run_ms(50);
	not_before(begin + 300, page()->seq == 0 && h.irqs[NEURON_VECTOR_QUEUE0] == irqs);
	UNTIL(page()->seq == 3);
	UNTIL(h.irqs[NEURON_VECTOR_QUEUE0] > irqs);
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq == 4);
}

/* A queue that says DISABLED does not touch its memory any more. */
static void test_late_completion_and_disable(void **state)
{
	enable();
	fault("late-completion:ms=60000");
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->record[0].seq == 1);
	run_ms(20);
	assert_int_equal(page()->seq, 0);
	ext_set(NEURON_EXT_QUEUE(0) + NEURON_Q_CTRL, NEURON_Q_CTRL_DISABLE);
	UNTIL(ext(NEURON_EXT_QUEUE(0) + NEURON_Q_STATE) == NEURON_Q_STATE_DISABLED);
	assert_int_equal(page()->seq, 1);
	page()->seq = 0;
	/* and a reset forgets what is late */
	enable();
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->record[0].seq == 1);
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	emu_fault_clear(h.chip, "all");
	ready();
	run_ms(20);
	assert_int_equal(page()->seq, 0);
}

static void test_fw_hang(void **state)
{
	uint32_t beat;

	enable();
	fault("fw-hang:count=1");
	beat = ext(NEURON_EXT_FW_HEARTBEAT);
	submit(NEURON_JOB_NOP, 0);
	run_ms(250);
	assert_int_equal(ext(NEURON_EXT_FW_HEARTBEAT), beat);
	assert_int_equal(page()->seq, 0);
	assert_int_equal(ext(NEURON_EXT_FW_STATE), NEURON_FW_STATE_RUNNING);
	/* a boot heals it */
	ext_set(NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_FLASH);
	run_ms(20);
	ready();
	enable();
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq == 1);
}

static void test_fw_hang_is_cleared(void **state)
{
	enable();
	fault("fw-hang");
	submit(NEURON_JOB_NOP, 0);
	run_ms(30);
	assert_int_equal(page()->seq, 0);
	emu_fault_clear(h.chip, "fw-hang");
	UNTIL(page()->seq == 1);
}

static void test_heartbeat_stop(void **state)
{
	uint32_t beat;

	enable();
	fault("heartbeat-stop");
	beat = ext(NEURON_EXT_FW_HEARTBEAT);
	run_ms(250);
	assert_int_equal(ext(NEURON_EXT_FW_HEARTBEAT), beat);
	assert_int_equal(ext(NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT), beat);
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq == 1);
	emu_fault_clear(h.chip, "heartbeat-stop");
	UNTIL(ext(NEURON_EXT_FW_HEARTBEAT) > beat + 1);
}

static void test_slow_reset(void **state)
{
	uint64_t begin = now_ms();

	fault("slow-reset:ms=300,count=1");
	misc_set(NEURON_MISC_RESET, NEURON_RESET_DEVICE);
	misc_set(NEURON_MISC_DOORBELL, 1);
	run_ms(100);
	not_before(begin + 300, misc(NEURON_MISC_RESET) == NEURON_RESET_DEVICE);
	UNTIL(!misc(NEURON_MISC_RESET));
	assert_true(now_ms() - begin >= 300);
	/* of the function: firmware comes back late */
	begin = now_ms();
	fault("slow-reset:ms=200,count=1");
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	run_ms(100);
	not_before(begin + 200, ext(NEURON_EXT_FW_STATE) == 0);
	ready();
	/* cleared, nothing waits any more */
	fault("slow-reset:ms=60000");
	misc_set(NEURON_MISC_RESET, NEURON_RESET_DEVICE);
	misc_set(NEURON_MISC_DOORBELL, 1);
	run_ms(20);
	emu_fault_clear(h.chip, "slow-reset");
	UNTIL(!misc(NEURON_MISC_RESET));
}

static uint32_t crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t c = ~0u;

	for (size_t i = 0; i < len * 8; i++) {
		c ^= p[i / 8] >> i % 8 & 1;
		c = c >> 1 ^ (c & 1 ? NEURON_FWIO_CRC_POLY : 0);
	}
	return ~c;
}

static const struct neuron_fwio_response *fwio(uint8_t seq)
{
	struct neuron_fwio_request *req = host(REQ);
	uint64_t to = AT(RSP) | NEURON_ADDR_HOST, from = AT(REQ) | NEURON_ADDR_HOST;

	memset(host(RSP), 0, 16);
	*req = (struct neuron_fwio_request){ .seq = seq, .cmd = NEURON_FWIO_READ, .size = 16 };
	*(uint64_t *)(req + 1) = NEURON_ADDR_MISC + NEURON_MISC_API_VERSION;
	req->crc = crc32c(req, 16);
	misc_set(NEURON_MISC_FWIO_REQ_LO, (uint32_t)from);
	misc_set(NEURON_MISC_FWIO_REQ_HI, from >> 32);
	misc_set(NEURON_MISC_FWIO_RSP_LO, (uint32_t)to);
	misc_set(NEURON_MISC_FWIO_RSP_HI, to >> 32);
	misc_set(NEURON_MISC_DOORBELL, 1);
	run_ms(20);
	return host(RSP);
}

static void test_fwio(void **state)
{
	assert_int_equal(fwio(1)->seq, 1);
	fault("fwio-silent:count=1");
	assert_int_equal(fwio(2)->seq, 0);
	assert_int_equal(fwio(3)->seq, 3);
	assert_int_equal(fwio(3)->size, 8);
	fault("fwio-bad:error=9,count=1");
	assert_int_equal(fwio(4)->seq, 4);
	assert_int_equal(fwio(4)->error, 0);
	fault("fwio-bad:error=9,count=1");
	fwio(5);
	assert_int_equal(((struct neuron_fwio_response *)host(RSP))->error, 9);
	assert_int_equal(((struct neuron_fwio_response *)host(RSP))->size, 4);
	fault("fwio-bad:size=6,count=1");
	fwio(6);
	assert_int_equal(((struct neuron_fwio_response *)host(RSP))->error, 0);
	assert_int_equal(((struct neuron_fwio_response *)host(RSP))->size, 6);
	assert_int_equal(fwio(7)->size, 8);
	assert_int_equal(h.errors, 0);
}

static void test_fw_babble(void **state)
{
	uint32_t version = ext(NEURON_EXT_FW_VERSION), events = 0;
	unsigned int i;

	misc_set(NEURON_MISC_FWIO_REQ_LO, 4711);
	fault("fw-babble:every=1,seed=5");
	for (i = 0; i < 50; i++) {
		run_ms(1);
		events |= ext(NEURON_EXT_EVENTS);
	}
	assert_true(ext(NEURON_EXT_FW_VERSION) != version);
	assert_true(events & ~0x3fu);
	/* not where healthy firmware takes addresses from */
	assert_int_equal(misc(NEURON_MISC_FWIO_REQ_LO), 4711);
	assert_int_not_equal(fwio(9)->seq, 9);
	/* a reset heals what it left */
	emu_fault_clear(h.chip, "fw-babble");
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	ready();
	assert_int_equal(ext(NEURON_EXT_FW_VERSION), version);
	assert_int_equal(fwio(10)->seq, 10);
}

/* Heat: the event, jobs that wait, and jobs that start when it is cool enough. */
static void test_over_temperature(void **state)
{
	enable();
	ext_set(NEURON_EXT_EVENTS, ~0u);
	fault("over-temperature");
	UNTIL(ext(NEURON_EXT_EVENTS) & NEURON_EVENT_THERMAL);
	assert_int_equal(ext(NEURON_EXT_TEMPERATURE), 110000);
	assert_int_equal(ext(NEURON_EXT_TEMP_CRIT), 100000);
	submit(NEURON_JOB_NOP, 0);
	run_ms(50);
	assert_int_equal(page()->seq, 0);
	ext_set(NEURON_EXT_EVENTS, ~0u);
	fault("over-temperature:celsius=97");
	UNTIL(ext(NEURON_EXT_EVENTS) & NEURON_EVENT_THERMAL);
	run_ms(250);
	assert_int_equal(page()->seq, 0);
	emu_fault_clear(h.chip, "over-temperature");
	UNTIL(page()->seq == 1);
}

/* A job that reads a lost line ends as ECC, its owner is told the segment; the next one runs. */
static void test_job_reads_lost_line(void **state)
{
	char spec[64];

	enable();
	ext_set(NEURON_EXT_EVENTS, ~0u);
	snprintf(spec, sizeof(spec), "ecc-uncorrected:channel=0,address=0x%x", CODE);
	fault(spec);
	UNTIL(ext(NEURON_EXT_EVENTS) & NEURON_EVENT_ECC);
	submit(NEURON_JOB_EXEC, 1);
	UNTIL(page()->seq == 1);
	assert_int_equal(page()->record[0].status, NEURON_JOB_ECC);
	assert_int_equal(page()->record[0].detail, 0);
	assert_int_equal(ext(NEURON_EXT_ECC_UNCORRECTED(0)), 2);
	assert_int_equal(h.errors, 0);
	/* overwritten, it is memory again: a zero is no instruction */
	memset((uint8_t *)emu_dram(h.chip, 0) + CODE, 0, 64);
	submit(NEURON_JOB_EXEC, 1);
	UNTIL(page()->seq == 2);
	assert_int_equal(page()->record[1].status, NEURON_JOB_INSTRUCTION);
}

#define ERRORS	0x30000u	/* the core's queue of errors, in host memory */

static struct neuron_notify_entry *error_entry(unsigned int i)
{
	return (struct neuron_notify_entry *)host(ERRORS) + i;
}

static void watch_errors(void)
{
	uint64_t at = AT(ERRORS) | NEURON_ADDR_HOST;

	memset(host(ERRORS), 0, 0x1000);
	bar_write(&h, 0, NEURON_PUTILS(0) + NEURON_NOTIFY_ERROR + NEURON_NOTIFY_BASE_LO, (uint32_t)at);
	bar_write(&h, 0, NEURON_PUTILS(0) + NEURON_NOTIFY_ERROR + NEURON_NOTIFY_BASE_HI, at >> 32);
	bar_write(&h, 0, NEURON_PUTILS(0) + NEURON_NOTIFY_ERROR + NEURON_NOTIFY_SIZE, 0x1000);
}

static void order(uint32_t ctrl)
{
	ext_set(NEURON_EXT_QUEUE(0) + NEURON_Q_CTRL, ctrl);
}

/* As the driver does it. */
static void cancel_all(void)
{
	struct neuron_job *ring = host(RING);
	unsigned int i;

	for (i = 0; i < SIZE; i++)
		ring[i].op = NEURON_JOB_CANCELLED;
	order(NEURON_Q_CTRL_CANCEL);
}

static void reset(uint32_t type)
{
	misc_set(NEURON_MISC_RESET_MAP, 1);
	misc_set(NEURON_MISC_RESET, type);
	misc_set(NEURON_MISC_DOORBELL, 1);
}

/* A job that neither ends nor heeds its time-out, and one that waits behind it. */
static void stick(const char *spec)
{
	enable();
	watch_errors();
	fault(spec);
	submit(NEURON_JOB_EXEC, 0);
	((struct neuron_job *)host(RING))->timeout_ms = 1;
	submit(NEURON_JOB_NOP, 0);
	run_ms(50);
	UNTIL(strcmp(h.error, "job-timeout") == 0);
	run_ms(50);
	assert_int_equal(page()->seq, 0);
	assert_int_equal(ext(NEURON_EXT_QUEUE(0) + NEURON_Q_RUNNING), 1);
}

static void unstuck(uint16_t second)
{
	UNTIL(page()->seq == 2);
	assert_int_equal(page()->record[0].status, NEURON_JOB_TIMEOUT);
	assert_int_equal(page()->record[1].status, second);
	emu_fault_clear(h.chip, "all");
	submit(NEURON_JOB_EXEC, 0);
	UNTIL(page()->seq == 3);
	assert_int_equal(page()->record[2].status, NEURON_JOB_OK);
}

static void test_job_stuck_until_abort(void **state)
{
	stick("job-stuck:core=0,until=abort,count=1");
	cancel_all();
	unstuck(NEURON_JOB_ABORTED);
	assert_int_equal(error_entry(0)->head & 0xff, NEURON_NOTIFY_TYPE_ERROR);
	assert_int_equal(error_entry(0)->data, NEURON_JOB_TIMEOUT);
	assert_int_equal(error_entry(0)->job, 1);
	assert_int_equal(error_entry(1)->head, 0);
	/* another core, too many */
	fault("job-stuck:core=1");
	submit(NEURON_JOB_EXEC, 0);
	UNTIL(page()->seq == 4);
}

static void test_job_stuck_until_core_reset(void **state)
{
	stick("job-stuck:count=1");
	cancel_all();
	run_ms(50);
	assert_int_equal(page()->seq, 0);
	reset(NEURON_RESET_CORES);
	UNTIL(misc(NEURON_MISC_RESET) == 0);
	unstuck(NEURON_JOB_ABORTED);
}

static void test_job_stuck_until_device_reset(void **state)
{
	stick("job-stuck:until=device,count=1");
	order(NEURON_Q_CTRL_DISABLE);
	reset(NEURON_RESET_CORES);
	run_ms(50);
	assert_int_equal(misc(NEURON_MISC_RESET), NEURON_RESET_CORES);
	assert_int_equal(ext(NEURON_EXT_QUEUE(0) + NEURON_Q_STATE), NEURON_Q_STATE_PENDING);
	assert_int_equal(page()->seq, 0);
	reset(NEURON_RESET_DEVICE);
	UNTIL(misc(NEURON_MISC_RESET) == 0);
	assert_int_equal(page()->seq, 2);
	assert_int_equal(ext(NEURON_EXT_QUEUE(0) + NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	/* so does one of the function */
	stick("job-stuck:until=device,count=1");
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	ready();
	enable();
	submit(NEURON_JOB_EXEC, 0);
	UNTIL(page()->seq == 1);
}

/* Cleared, the job ends as it would have. */
static void test_job_stuck_is_cleared(void **state)
{
	enable();
	fault("job-stuck:until=device");
	submit(NEURON_JOB_EXEC, 0);
	run_ms(50);
	assert_int_equal(page()->seq, 0);
	emu_fault_clear(h.chip, "job-stuck");
	UNTIL(page()->seq == 1);
	assert_int_equal(page()->record[0].status, NEURON_JOB_OK);
}

static void *run_core(void *opaque)
{
	(void)opaque;
	emu_run_core(h.chip, 0, 10000000);
	return NULL;
}

/* A job that runs and runs: who listens to the core's errors hears of its time-out. */
static void test_timeout_is_notified(void **state)
{
	struct neuron_insn *insn = (struct neuron_insn *)((uint8_t *)emu_dram(h.chip, 0) + CODE);
	pthread_t thread;
	unsigned int i, d;

	enable();
	watch_errors();
	memset(insn, 0, 0x1000);
	for (i = 0; i < 64; i++) {
		insn[i].op = NEURON_OP_DMA_COPY;
		insn[i].wait_sem = insn[i].sig_sem = NEURON_ISA_NO_SEM;
		insn[i].dst_seg = NEURON_ISA_NO_SEG;
		for (d = 0; d < 4; d++)
			insn[i].dma_copy.count[d] = 64;
		insn[i].dma_copy.src_step[3] = 2;
	}
	*(struct neuron_job *)host(RING) = (struct neuron_job){
		.op = NEURON_JOB_EXEC, .seq = 1, .timeout_ms = 20,
		.stream = { [NEURON_DMA] = { 0, 64 } },
	};
	assert_int_equal(pthread_create(&thread, NULL, run_core, NULL), 0);
	ext_set(NEURON_EXT_DOORBELL, 1);
	ext_set(NEURON_EXT_KICK, 1);
	while (!page()->seq)
		emu_run_service(h.chip, 500);
	pthread_join(thread, NULL);
	assert_int_equal(page()->record[0].status, NEURON_JOB_TIMEOUT);
	assert_int_equal(error_entry(0)->head & 0xff, NEURON_NOTIFY_TYPE_ERROR);
	assert_int_equal(error_entry(0)->data, NEURON_JOB_TIMEOUT);
	assert_int_equal(error_entry(0)->job, 1);
}

/* A chip off the bus: doorbells are dead, nothing is written; back, it is as after a reset. */
static void test_all_ones(void **state)
{
	enable();
	fault("all-ones");
	submit(NEURON_JOB_NOP, 0);
	run_ms(150);
	assert_int_equal(page()->seq, 0);
	assert_int_equal(h.errors, 0);
	emu_fault_clear(h.chip, "all-ones");
	ready();
	run_ms(20);
	assert_int_equal(page()->seq, 0);
	assert_int_equal(ext(NEURON_EXT_QUEUE(0) + NEURON_Q_STATE), NEURON_Q_STATE_DISABLED);
	enable();
	submit(NEURON_JOB_NOP, 0);
	UNTIL(page()->seq == 1);
}

static void find_line(void *opaque, const char *text)
{
	const char **wanted = opaque;

	assert_null(strchr(text, '\n'));
	assert_non_null(strstr(text, " = "));
	for (; *wanted; wanted++)
		if (!strncmp(text, *wanted, strlen(*wanted)))
			*wanted = "";
}

/* The dump has a line of each block, with values that the test knows. */
static void test_dump(void **state)
{
	const char *wanted[] = {
		"chip.index = 7", "config.0x000 = 0x70641d0f", "misc.0x000 = 0x0000000",
		"ext.0x0000 = 0x5458454e", "sensors.temperature = 45000", "queue[0].state = 1",
		"queue[0].doorbell = 1", "queue[0].ring = 0x0000000010010000",
		"udma[0].m2s[3].length = 77", "core[0].state = idle", "core[0].owner = 1",
		"core[2].semaphore[5] = 99", "core[0].pc.pe = 0", "mgmt.running = 1", "mgmt.pc = 0x8",
		"mgmt.x2 = 0x8", "mgmt.log = management firmware", "fault[0] = no-irq:vector=9, fired 0 of 0",
		"guest_error.mmio-unknown = 1", NULL,
	};
	unsigned int i;

	enable();
	submit(NEURON_JOB_EXEC, 1);
	UNTIL(page()->seq == 1);
	fault("no-irq:vector=9");
	bar_write(&h, 0, 0x700000, 1);
	bar_write(&h, 0, NEURON_APB_UDMA(0, 0) + NEURON_UDMA_QUEUE(3) + NEURON_UDMA_Q_LENGTH, 77);
	bar_write(&h, 2, NEURON_NC_WINDOW(2) + NEURON_NC_SEM_SET + 5 * 4, 99);
	emu_dump(h.chip, find_line, wanted);
	for (i = 0; wanted[i]; i++)
		if (*wanted[i])
			fail_msg("the dump has no line that begins with \"%s\"", wanted[i]);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest all[] = {
		T(test_wrong_id), T(test_head_jump), T(test_late_completion),
		T(test_late_completion_and_disable), T(test_fw_hang), T(test_fw_hang_is_cleared),
		T(test_heartbeat_stop), T(test_slow_reset), T(test_fwio), T(test_fw_babble),
		T(test_over_temperature), T(test_job_reads_lost_line), T(test_all_ones), T(test_dump),
		T(test_job_stuck_until_abort), T(test_job_stuck_until_core_reset),
		T(test_job_stuck_until_device_reset), T(test_job_stuck_is_cleared),
		T(test_timeout_is_notified),
	};
	char path[4096], *slash;
	int err;

	snprintf(path, sizeof(path) - 64, "%s", argv[0]);
	slash = strrchr(path, '/');
	strcpy(slash ? slash : path, slash ? "/../../firmware/inferentia.bin" :
	       "../../firmware/inferentia.bin");
	image = read_file(path, &image_size);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	err = cmocka_run_group_tests(all, NULL, NULL);
	free(image);
	return err;
}
