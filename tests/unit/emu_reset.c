// SPDX-License-Identifier: Apache-2.0
/*
 * Resets while everything runs: after emu_reset() nothing of before may go on. And jobs
 * on cores: dispatch, the embedded way, and what excludes what.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <neuron/isa.h>
#include <neuron/job.h>

#include "chip.h"
#include "core.h"
#include "emu_harness.h"

#define TABLE	(HOST_BASE + 0x8000)
#define CODE	0x100000u	/* in DRAM */

static atomic_bool host_closed;
static atomic_uint late;

static void *service(void *arg)
{
	struct harness *h = arg;

	while (emu_run_service(h->chip, 1000000) >= 0)
		;
	return NULL;
}

static void *core_thread(void *arg)
{
	struct harness *h = arg;

	while (emu_run_core(h->chip, 0, 1000000) >= 0)
		;
	return NULL;
}

/* Slow, so that resets come in the middle of it. */
static int spy_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	usleep(100);
	if (atomic_load(&host_closed))
		atomic_fetch_add(&late, 1);
	return 0;
}

/* A ring that never ends: DRAM to host in 64 KiB pieces. */
static void start_dma(struct harness *h)
{
	const uint32_t enable = NEURON_UDMA_Q_CFG_PREFETCH | NEURON_UDMA_Q_CFG_SCHEDULE;
	const uint32_t half_at[] = { NEURON_UDMA_M2S, NEURON_UDMA_S2M };
	struct neuron_udma_desc desc = { .meta = NEURON_UDMA_M2S_META_COPY };
	unsigned int half, i;

	for (half = 0; half < 2; half++) {
		uint64_t base = NEURON_APB_UDMA(0, 0) + half_at[half] + NEURON_UDMA_QUEUE(0);

		for (i = 0; i < 256; i++) {
			desc.ctrl = NEURON_UDMA_DESC_FIRST | NEURON_UDMA_DESC_LAST | 1u << 24;
			desc.addr = half ? NEURON_ADDR_HOST | (HOST_BASE + 0x100000) :
				0x10000ull * i;
			memcpy(h->host + half * 0x4000 + i * sizeof(desc), &desc, sizeof(desc));
		}
		bar_write(h, 0, base + NEURON_UDMA_Q_BASE_LO, HOST_BASE + half * 0x4000);
		bar_write(h, 0, base + NEURON_UDMA_Q_BASE_HI, NEURON_ADDR_HOST >> 32);
		bar_write(h, 0, base + NEURON_UDMA_Q_LENGTH, 256);
		bar_write(h, 0, base + NEURON_UDMA_Q_CFG, enable);
	}
	for (half = 2; half-- > 0;)
		bar_write(h, 0, NEURON_APB_UDMA(0, 0) + half_at[half] + NEURON_UDMA_QUEUE(0) +
			  NEURON_UDMA_Q_TAIL_INC, 256);
}

static void reset_stops_dma(void **state)
{
	const uint64_t queue0 = NEURON_APB_UDMA(0, 0) + NEURON_UDMA_QUEUE(0);
	struct harness h;
	pthread_t thread;
	unsigned int i;

	harness_open(&h, 16);
	h.chip->config.dma_write = spy_write;
	atomic_store(&late, 0);
	assert_int_equal(pthread_create(&thread, NULL, service, &h), 0);
	for (i = 0; i < 50; i++) {
		bus_master(&h, true);
		atomic_store(&host_closed, false);
		start_dma(&h);
		usleep(i * 20);
		emu_reset(h.chip, i % 2 ? EMU_RESET_FUNCTION : EMU_RESET_POWER);
		atomic_store(&host_closed, true);
		assert_int_equal(bar_read(&h, 0, queue0 + NEURON_UDMA_Q_HEAD), 0);
		usleep(200);
	}
	assert_int_equal(atomic_load(&late), 0);
	assert_int_equal(h.errors, 0);
	emu_stop(h.chip);
	pthread_join(thread, NULL);
	harness_close(&h);
}

static bool collect(struct harness *h, struct neuron_completion *c)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		if (emu_core_collect(&h->chip->core[0], c))
			return true;
		usleep(100);
	}
	return false;
}

static void jobs(void **state)
{
	struct neuron_job job = { .op = NEURON_JOB_EXEC, .context = 1, .seq = 99, .code = 3 };
	struct neuron_completion c;
	struct harness h;
	pthread_t thread;

	harness_open(&h, 16);
	assert_int_equal(pthread_create(&thread, NULL, core_thread, &h), 0);
	/* An empty job in a context without segments is over at once. */
	emu_core_start(&h.chip->core[0], TABLE, 4, 1, &job);
	assert_true(collect(&h, &c));
	assert_int_equal(c.seq, 99);
	h.errors = 0;
	/* The table is nowhere. */
	emu_core_start(&h.chip->core[0], HOST_BASE + HOST_SIZE, 4, 1, &job);
	assert_true(collect(&h, &c));
	assert_int_equal(c.status, NEURON_JOB_CONTEXT);
	expect_error(&h, "job-context");
	emu_core_start(&h.chip->core[0], TABLE, NEURON_SEGMENTS + 1, 1, &job);
	assert_true(collect(&h, &c));
	assert_int_equal(c.status, NEURON_JOB_CONTEXT);
	expect_error(&h, "job-context");
	/* Code in a segment that there is not. */
	job.stream[0].count = 1;
	emu_core_start(&h.chip->core[0], TABLE, NEURON_SEGMENTS, 1, &job);
	assert_true(collect(&h, &c));
	assert_int_not_equal(c.status, NEURON_JOB_OK);
	assert_int_equal(h.errors, 1);
	assert_int_equal(strncmp(h.error, "job-", 4), 0);
	emu_stop(h.chip);
	pthread_join(thread, NULL);
	harness_close(&h);
}

static void abort_before_start(void **state)
{
	struct neuron_job job = { .op = NEURON_JOB_EXEC, .seq = 5 };
	struct neuron_completion c;
	struct harness h;

	/* No thread takes the job. */
	harness_open(&h, 16);
	emu_core_start(&h.chip->core[0], TABLE, 1, 1, &job);
	assert_int_equal(emu_core_exec(h.chip, 0, NULL, 0, 1, &job, &c), -EBUSY);
	emu_core_abort(&h.chip->core[0]);
	assert_true(emu_core_collect(&h.chip->core[0], &c));
	assert_int_equal(c.status, NEURON_JOB_ABORTED);
	assert_int_equal(c.seq, 5);
	assert_false(emu_core_collect(&h.chip->core[0], &c));
	/* A reset forgets a job without a word. */
	emu_core_start(&h.chip->core[0], TABLE, 1, 1, &job);
	emu_reset(h.chip, EMU_RESET_POWER);
	assert_false(emu_core_collect(&h.chip->core[0], &c));
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static void embedded(void **state)
{
	struct neuron_job job = { .op = NEURON_JOB_EXEC, .seq = 8 };
	struct neuron_completion c;
	struct harness h;

	harness_open(&h, 16);
	assert_int_equal(emu_core_exec(h.chip, 3, NULL, 0, 1, &job, &c), 0);
	assert_int_equal(c.seq, 8);
	assert_int_equal(emu_core_exec(h.chip, 4, NULL, 0, 1, &job, &c), -EINVAL);
	assert_int_equal(emu_core_exec(h.chip, 0, NULL, 1, 1, &job, &c), -EINVAL);
	assert_int_equal(emu_run_core(h.chip, 4, 0), -EINVAL);
	assert_int_equal(emu_run_core(h.chip, 0, 0), 0);
	harness_close(&h);
}

static void bad_configuration(void **state)
{
	struct emu_config config = { .vectors = 17 };
	struct emu_chip *chip;

	assert_int_equal(emu_create(&config, &chip), -EINVAL);
	config.vectors = 1;
	config.flash = &config;
	assert_int_equal(emu_create(&config, &chip), -EINVAL);
	assert_int_equal(emu_create(NULL, &chip), -EINVAL);
	/* No callback at all: host memory answers nothing, mistakes go unheard. */
	config.flash = NULL;
	assert_int_equal(emu_create(&config, &chip), 0);
	assert_int_equal(emu_run_service(chip, 0), 0);
	emu_destroy(chip);
	emu_destroy(NULL);
}

static struct harness *sharers;
static unsigned int started;
static uint64_t cycles[NEURON_CORES];

/* The job of a core reads host memory, and so starts that of the next one. */
static int run_next(void *opaque, uint64_t addr, void *buf, size_t len)
{
	const struct neuron_segment segments[] = {
		{ .base = CODE, .length = 0x1000, .flags = NEURON_SEG_READ | NEURON_SEG_EXEC },
		{ .base = NEURON_ADDR_HOST | HOST_BASE, .length = 0x1000, .flags = NEURON_SEG_READ },
	};
	struct neuron_job job = { .op = NEURON_JOB_EXEC };
	struct neuron_completion c;
	unsigned int core = started;

	memset(buf, 0, len);
	if (core == NEURON_CORES)
		return 0;
	started++;
	job.stream[NEURON_DMA].count = 2;
	assert_int_equal(emu_core_exec(sharers->chip, core, segments, 2, 1, &job, &c), 0);
	assert_int_equal(c.status, NEURON_JOB_OK);
	cycles[core] = c.cycles;
	return 0;
}

/* Cores that have jobs when a job begins share the memory, for its modelled time. */
static void memory_is_shared(void **state)
{
	struct neuron_insn *code;
	struct harness h;
	uint8_t byte;

	harness_open(&h, 16);
	bus_master(&h, true);
	code = (struct neuron_insn *)((uint8_t *)emu_dram(h.chip, 0) + CODE);
	for (unsigned int i = 0; i < 2; i++) {	/* from memory, then within the core */
		code[i] = (struct neuron_insn){
			.op = NEURON_OP_DMA_COPY, .wait_sem = NEURON_ISA_NO_SEM,
			.sig_sem = NEURON_ISA_NO_SEM, .dst_seg = NEURON_ISA_NO_SEG,
			.src_seg = i ? NEURON_ISA_NO_SEG : 1,
			.dma_copy = { .count = { 1, 1, 1, 1100 }, .src_step[3] = 1,
				      .dst_step[3] = 1, .dst = i ? 0x1000 : 0 },
		};
	}
	h.chip->config.dma_read = run_next;
	sharers = &h;
	for (unsigned int first = 0; first < NEURON_CORES; first++) {
		started = first;
		run_next(NULL, 0, &byte, 1);
		for (unsigned int core = first; core < NEURON_CORES; core++)
			assert_int_equal(cycles[core], 64 + 10 * (core - first + 1) + 64 + 10);
	}
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_shared),
		cmocka_unit_test(reset_stops_dma),
		cmocka_unit_test(jobs),
		cmocka_unit_test(abort_before_start),
		cmocka_unit_test(embedded),
		cmocka_unit_test(bad_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_reset", tests, NULL, NULL);
}
