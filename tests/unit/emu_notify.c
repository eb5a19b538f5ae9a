// SPDX-License-Identifier: Apache-2.0
/*
 * Notification queues: what makes an entry, where it goes, wrap and phase, what halts a
 * queue, and that a queue which was halted is silent.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <neuron/isa.h>
#include <neuron/job.h>
#include <neuron/notify.h>

#include "bus.h"
#include "chip.h"
#include "emu_harness.h"

#define CORE	2
#define CODE	0x100000u	/* in DRAM */
#define QUEUE	(HOST_BASE + 0x100000)
#define ENTRY	NEURON_NOTIFY_ENTRY_SIZE

static void queue_at(struct harness *h, uint32_t q, uint64_t base, uint32_t size)
{
	bar_write(h, 0, NEURON_PUTILS(CORE) + q + NEURON_NOTIFY_BASE_LO, (uint32_t)base);
	bar_write(h, 0, NEURON_PUTILS(CORE) + q + NEURON_NOTIFY_BASE_HI, base >> 32);
	bar_write(h, 0, NEURON_PUTILS(CORE) + q + NEURON_NOTIFY_SIZE, size);
}

static uint32_t head(struct harness *h, uint32_t q)
{
	return bar_read(h, 0, NEURON_PUTILS(CORE) + q + NEURON_NOTIFY_HEAD);
}

static void event(struct harness *h, unsigned int i, uint32_t value)
{
	bar_write(h, 2, NEURON_NC_WINDOW(CORE) + NEURON_NC_EVENTS + 4 * i, value);
}

static struct neuron_notify_entry *entry(struct harness *h, unsigned int i)
{
	return (struct neuron_notify_entry *)(h->host + (QUEUE - HOST_BASE)) + i;
}

static void expect(const struct neuron_notify_entry *e, unsigned int type, unsigned int engine,
		   bool phase, uint32_t pc, uint32_t data)
{
	assert_int_equal(e->head, type | engine << 8 | (phase ? NEURON_NOTIFY_PHASE : 0));
	assert_int_equal(e->pc, pc);
	assert_int_equal(e->data, data);
}

/* Events, in host memory, over two wraps; HEAD says where the next entry goes. */
static void wrap_and_phase(void **state)
{
	struct harness h;
	unsigned int i;

	harness_open(&h, 16);
	event(&h, 1, 1);	/* nobody listens */
	queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | QUEUE, 4 * ENTRY);
	assert_int_equal(head(&h, NEURON_NOTIFY_EVENT), 0);
	event(&h, 1, 2);	/* it was set already */
	assert_int_equal(head(&h, NEURON_NOTIFY_EVENT), 0);
	event(&h, 1, 0);
	for (i = 0; i < 10; i++) {
		event(&h, 100 + i, 7 + i);
		expect(entry(&h, i % 4), NEURON_NOTIFY_TYPE_EVENT, 0, !(i / 4 & 1), 100 + i, 7 + i);
		assert_int_equal(head(&h, NEURON_NOTIFY_EVENT),
				 (i + 1) % 4 * ENTRY |
				 ((i + 1) / 4 & 1 ? NEURON_NOTIFY_HEAD_LAP : 0));
	}
	assert_int_equal(entry(&h, 4)->head, 0);
	/* Hosts for silicon write HEAD, and zeros to queues that do not exist. */
	bar_write(&h, 0, NEURON_PUTILS(CORE) + NEURON_NOTIFY_EVENT_HEAD, 64);
	bar_write(&h, 0, NEURON_PUTILS(CORE) + NEURON_NOTIFY_IMPLICIT(4) + 8, 0);
	event(&h, 200, 1);
	expect(entry(&h, 2), NEURON_NOTIFY_TYPE_EVENT, 0, true, 200, 1);
	/* A write of size starts afresh. */
	queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | QUEUE, 4 * ENTRY);
	event(&h, 201, 1);
	expect(entry(&h, 0), NEURON_NOTIFY_TYPE_EVENT, 0, true, 201, 1);
	queue_at(&h, NEURON_NOTIFY_EVENT, 0, 0);
	event(&h, 202, 1);
	expect(entry(&h, 1), NEURON_NOTIFY_TYPE_EVENT, 0, true, 109, 16);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

/* Other cores' queues are others; a DMA engine's write of an event counts, too. */
static void device_memory(void **state)
{
	const uint64_t base = NEURON_ADDR_DRAM1 | NEURON_ADDR_AXI1 | 0x10000;
	struct neuron_notify_entry *e;
	struct harness h;
	uint32_t one = 1;

	harness_open(&h, 16);
	e = (void *)((uint8_t *)emu_dram(h.chip, 1) + 0x10000);
	queue_at(&h, NEURON_NOTIFY_EVENT, base, 64 * ENTRY);
	bar_write(&h, 2, NEURON_NC_WINDOW(CORE - 1) + NEURON_NC_EVENTS, 1);
	assert_int_equal(e->head, 0);
	assert_int_equal(emu_bus_write(h.chip, NEURON_ADDR_NC + NEURON_NC_WINDOW(CORE) +
				       NEURON_NC_EVENTS + 4 * 255, &one, 4), 0);
	expect(e, NEURON_NOTIFY_TYPE_EVENT, 0, true, 255, 1);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static void bad_queues(void **state)
{
	static const uint64_t nowhere[] = {
		NEURON_ADDR_APB + NEURON_PUTILS(CORE), NEURON_ADDR_NC, 0x2000000000ull,
		NEURON_DRAM_CHANNEL_SIZE - 64, NEURON_ADDR_EAST,
	};
	struct harness h;
	unsigned int i;

	harness_open(&h, 16);
	for (i = 1; i < 3; i++) {
		queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | QUEUE, i == 1 ? 96 : 16);
		expect_error(&h, "notify-config");
	}
	queue_at(&h, NEURON_NOTIFY_EVENT, (NEURON_ADDR_HOST | QUEUE) + 8, 4096);
	expect_error(&h, "notify-config");
	for (i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		queue_at(&h, NEURON_NOTIFY_EVENT, nowhere[i], 4096);
		expect_error(&h, "notify-dma");
	}
	event(&h, 0, 1);
	assert_int_equal(h.errors, 0);
	/* Not reachable when an entry comes: said once, then the queue is halted. */
	queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | HOST_RO, 4096);
	event(&h, 1, 1);
	expect_error(&h, "notify-dma");
	event(&h, 2, 1);
	assert_int_equal(h.errors, 0);
	queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | QUEUE, 4096);
	bus_master(&h, false);
	event(&h, 3, 1);
	expect_error(&h, "notify-dma");
	assert_int_equal(entry(&h, 0)->head, 0);
	harness_close(&h);
}

static struct neuron_insn *insn(struct harness *h, unsigned int i, unsigned int op)
{
	struct neuron_insn *p = (struct neuron_insn *)((uint8_t *)emu_dram(h->chip, 0) + CODE) + i;

	memset(p, 0, sizeof(*p));
	p->op = op;
	p->wait_sem = NEURON_ISA_NO_SEM;
	p->sig_sem = NEURON_ISA_NO_SEM;
	return p;
}

static struct neuron_completion exec(struct harness *h, unsigned int pe, unsigned int act)
{
	struct neuron_segment seg = { .base = CODE, .length = 0x10000,
				      .flags = NEURON_SEG_READ | NEURON_SEG_EXEC };
	struct neuron_job job = { .op = NEURON_JOB_EXEC, .seq = 0x100000042ull };
	struct neuron_completion c;

	job.stream[NEURON_PE].count = pe;
	job.stream[NEURON_ACT].count = act;
	job.stream[NEURON_ACT].offset = pe * NEURON_INSN_SIZE;
	assert_int_equal(emu_core_exec(h->chip, CORE, &seg, 1, 1, &job, &c), 0);
	return c;
}

/* A job in process, no bus master: explicit, implicit and error entries. */
static void job(void **state)
{
	struct harness h;
	unsigned int i;

	harness_open(&h, 16);
	bus_master(&h, false);
	insn(&h, 0, NEURON_OP_NOP);
	insn(&h, 1, NEURON_OP_NOTIFY)->notify.value = 0xabcd;
	insn(&h, 2, NEURON_OP_NOTIFY)->notify.value = 0x1234;
	insn(&h, 3, NEURON_OP_NOP);
	assert_int_equal(exec(&h, 2, 2).status, NEURON_JOB_OK);
	for (i = 0; i < NEURON_NOTIFY_INSTANCES; i++) {
		queue_at(&h, NEURON_NOTIFY_EXPLICIT(i),
			 (NEURON_ADDR_HOST | QUEUE) + i * 4 * ENTRY, 4 * ENTRY);
		queue_at(&h, NEURON_NOTIFY_IMPLICIT(i),
			 (NEURON_ADDR_HOST | QUEUE) + (16 + i * 4) * ENTRY, 4 * ENTRY);
	}
	queue_at(&h, NEURON_NOTIFY_ERROR, (NEURON_ADDR_HOST | QUEUE) + 32 * ENTRY, 4 * ENTRY);
	assert_int_equal(exec(&h, 2, 2).status, NEURON_JOB_OK);
	expect(entry(&h, 0), NEURON_NOTIFY_TYPE_EXPLICIT, NEURON_PE, true, 1, 0xabcd);
	assert_int_equal(entry(&h, 0)->job, 0x42);
	assert_int_equal(entry(&h, 0)->start, 1);
	assert_int_equal(entry(&h, 0)->end, 2);
	expect(entry(&h, 4), NEURON_NOTIFY_TYPE_EXPLICIT, NEURON_ACT, true, 0, 0x1234);
	expect(entry(&h, 16), NEURON_NOTIFY_TYPE_TRACE, NEURON_PE, true, 0, NEURON_OP_NOP);
	expect(entry(&h, 17), NEURON_NOTIFY_TYPE_TRACE, NEURON_PE, true, 1, NEURON_OP_NOTIFY);
	expect(entry(&h, 20), NEURON_NOTIFY_TYPE_TRACE, NEURON_ACT, true, 0, NEURON_OP_NOTIFY);
	expect(entry(&h, 21), NEURON_NOTIFY_TYPE_TRACE, NEURON_ACT, true, 1, NEURON_OP_NOP);
	assert_int_equal(entry(&h, 21)->start, 1);
	assert_int_equal(entry(&h, 21)->end, 2);
	assert_int_equal(entry(&h, 32)->head, 0);
	assert_int_equal(h.errors, 0);

	insn(&h, 1, 0xee);
	assert_int_equal(exec(&h, 2, 0).status, NEURON_JOB_INSTRUCTION);
	expect_error(&h, "job-instruction");
	expect(entry(&h, 32), NEURON_NOTIFY_TYPE_ERROR, NEURON_PE, true, 1, NEURON_JOB_INSTRUCTION);
	assert_int_equal(entry(&h, 32)->job, 0x42);
	expect(entry(&h, 18), NEURON_NOTIFY_TYPE_TRACE, NEURON_PE, true, 0, NEURON_OP_NOP);
	assert_int_equal(entry(&h, 19)->head, 0);
	harness_close(&h);
}

static void resets(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | QUEUE, 4096);
	event(&h, 0, 1);
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	bus_master(&h, true);
	assert_int_equal(head(&h, NEURON_NOTIFY_EVENT), 0);
	assert_int_equal(bar_read(&h, 0, NEURON_PUTILS(CORE) + NEURON_NOTIFY_EVENT), 0);
	event(&h, 0, 1);
	event(&h, 1, 1);
	assert_int_equal(entry(&h, 1)->head, 0);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

static atomic_bool halted;
static atomic_uint late;

static int spy_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	usleep(20);
	if (atomic_load(&halted))
		atomic_fetch_add(&late, 1);
	return 0;
}

static void *set_events(void *arg)
{
	struct harness *h = arg;
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		event(h, i % 256, 1);
		event(h, i % 256, 0);
	}
	return NULL;
}

/* When the write of size 0 has returned, nothing is written to the old memory. */
static void halted_is_silent(void **state)
{
	struct harness h;
	pthread_t thread;
	unsigned int i;

	harness_open(&h, 16);
	h.chip->config.dma_write = spy_write;
	atomic_store(&late, 0);
	atomic_store(&halted, true);
	assert_int_equal(pthread_create(&thread, NULL, set_events, &h), 0);
	for (i = 0; i < 200; i++) {
		atomic_store(&halted, false);
		queue_at(&h, NEURON_NOTIFY_EVENT, NEURON_ADDR_HOST | QUEUE, 4096);
		sched_yield();
		queue_at(&h, NEURON_NOTIFY_EVENT, 0, 0);
		atomic_store(&halted, true);
	}
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&late), 0);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrap_and_phase),
		cmocka_unit_test(device_memory),
		cmocka_unit_test(bad_queues),
		cmocka_unit_test(job),
		cmocka_unit_test(resets),
		cmocka_unit_test(halted_is_silent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_notify", tests, NULL, NULL);
}
