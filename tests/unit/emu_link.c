// SPDX-License-Identifier: Apache-2.0
/*
 * Links: two chips in one process, wired through the flat interface. The left one's east
 * neighbour is the right one, whose west neighbour is the left one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <neuron/isa.h>

#include "bus.h"
#include "emu_harness.h"

#define EAST(addr)	(NEURON_ADDR_EAST | (addr))
#define WEST(addr)	(NEURON_ADDR_WEST | (addr))
#define DEVICE_ID	(NEURON_ADDR_MISC + NEURON_MISC_DEVICE_ID)
#define RINGS		0x10000u	/* in DRAM: M2S, then S2M */
#define RING_LENGTH	32u

struct pair {
	struct harness left, right;
};

static void open_pair(struct pair *p)
{
	harness_open(&p->left, 16);
	harness_open(&p->right, 16);
	p->left.neighbour[EMU_LINK_EAST] = &p->right;
	p->right.neighbour[EMU_LINK_WEST] = &p->left;
	emu_link_set(p->left.chip, EMU_LINK_EAST, true);
	emu_link_set(p->right.chip, EMU_LINK_WEST, true);
}

static void close_pair(struct pair *p)
{
	assert_int_equal(p->left.errors + p->right.errors, 0);
	harness_close(&p->left);
	harness_close(&p->right);
}

static uint32_t links(struct harness *h)
{
	return bar_read(h, 0, NEURON_EXT_BASE + NEURON_EXT_LINKS);
}

static void status(void **state)
{
	struct pair p;

	open_pair(&p);
	assert_int_equal(links(&p.left), NEURON_FW_STATUS_EAST);
	assert_int_equal(links(&p.right), NEURON_FW_STATUS_WEST);
	/* A reset does not unplug anything. */
	emu_reset(p.left.chip, EMU_RESET_POWER);
	assert_int_equal(links(&p.left), NEURON_FW_STATUS_EAST);
	emu_link_set(p.left.chip, EMU_LINK_EAST, false);
	assert_int_equal(links(&p.left), 0);
	emu_link_set(p.left.chip, EMU_LINKS, true);
	assert_int_equal(links(&p.left), 0);
	close_pair(&p);
}

static void reach(void **state)
{
	const uint64_t sem = NEURON_ADDR_NC + NEURON_NC_WINDOW(3);
	uint32_t value = 42, got = 0;
	struct pair p;

	open_pair(&p);
	/* registers, each at its owner */
	bar_write(&p.right, 0, NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID, 42);
	bar_write(&p.left, 0, NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID, 41);
	assert_int_equal(emu_bus_read(p.left.chip, EAST(DEVICE_ID), &got, 4), 0);
	assert_int_equal(got, 42);
	assert_int_equal(emu_bus_read(p.right.chip, WEST(DEVICE_ID), &got, 4), 0);
	assert_int_equal(got, 41);
	/* semaphores, that act */
	value = 5;
	assert_int_equal(emu_bus_write(p.left.chip, EAST(sem + NEURON_NC_SEM_SET), &value, 4), 0);
	assert_int_equal(emu_bus_write(p.left.chip, EAST(sem + NEURON_NC_SEM_INC), &value, 4), 0);
	assert_int_equal(bar_read(&p.right, 2, NEURON_NC_WINDOW(3) + NEURON_NC_SEM_READ), 10);
	assert_int_equal(bar_read(&p.left, 2, NEURON_NC_WINDOW(3) + NEURON_NC_SEM_READ), 0);
	/* DRAM of both channels, also through port 1 */
	assert_int_equal(emu_bus_write(p.left.chip, EAST(NEURON_ADDR_DRAM1 + 64), &value, 4), 0);
	assert_memory_equal((uint8_t *)emu_dram(p.right.chip, 1) + 64, &value, 4);
	assert_int_equal(emu_bus_read(p.left.chip,
				      EAST(NEURON_ADDR_AXI1 | (NEURON_ADDR_DRAM1 + 64)), &got, 4),
			 0);
	assert_int_equal(got, 5);
	/* A neighbour's DRAM is nobody's plain memory: it may go. */
	assert_null(emu_bus_map(p.left.chip, EAST(NEURON_ADDR_DRAM1), 4));
	close_pair(&p);
}

static void refused(void **state)
{
	static const uint64_t forwarded[] = {
		NEURON_ADDR_HOST | HOST_BASE,		/* the neighbour's host */
		NEURON_ADDR_EAST, NEURON_ADDR_WEST,	/* its neighbours, the asking chip too */
		1ull << 48, UINT64_MAX - 3,
		NEURON_DRAM_CHANNEL_SIZE - 2, 0x0fffb0000000ull,
	};
	uint64_t off, value = 0;
	struct pair p;
	unsigned int i;

	open_pair(&p);
	for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		assert_int_equal(emu_link_read(p.right.chip, forwarded[i], &value, 4), -EFAULT);
		assert_int_equal(emu_link_write(p.right.chip, forwarded[i], &value, 4), -EFAULT);
		assert_false(emu_link_dram(forwarded[i], 4, &off));
	}
	assert_true(emu_link_dram(NEURON_ADDR_DRAM1 + 8, 4, &off));
	assert_int_equal(off, NEURON_DRAM_CHANNEL_SIZE + 8);
	assert_int_equal(emu_bus_read(p.left.chip, EAST(DEVICE_ID + 2), &value, 4), -EINVAL);
	assert_int_equal(emu_bus_read(p.left.chip, EAST(NEURON_ADDR_APB + 0x700000), &value, 4),
			 -EFAULT);
	/* There is nobody in the west. */
	assert_int_equal(emu_bus_read(p.left.chip, WEST(DEVICE_ID), &value, 4), -ENOLINK);
	assert_int_equal(emu_bus_write(p.left.chip, WEST(DEVICE_ID), &value, 4), -ENOLINK);
	emu_link_set(p.left.chip, EMU_LINK_EAST, false);
	assert_int_equal(emu_bus_read(p.left.chip, EAST(DEVICE_ID), &value, 4), -ENOLINK);
	close_pair(&p);
}

static uint64_t reg(uint32_t half, uint32_t off)
{
	return NEURON_APB_UDMA(0, 0) + half + NEURON_UDMA_QUEUE(0) + off;
}

/* A packet of @count pieces of 64 KiB from @src to @dst; rings in the chip's own DRAM. */
static void start_copy(struct harness *h, uint64_t dst, uint64_t src, unsigned int count)
{
	static const uint32_t halves[] = { NEURON_UDMA_M2S, NEURON_UDMA_S2M };
	struct neuron_udma_desc *desc = (void *)((uint8_t *)emu_dram(h->chip, 0) + RINGS);
	unsigned int i, n;

	for (i = 0; i < 2; i++) {
		bar_write(h, 0, reg(halves[i], i ? NEURON_UDMA_S2M_Q_SW_CTRL :
				    NEURON_UDMA_M2S_Q_SW_CTRL), NEURON_UDMA_Q_SW_CTRL_RESET);
		bar_write(h, 0, reg(halves[i], NEURON_UDMA_Q_BASE_LO),
			  RINGS + i * RING_LENGTH * sizeof(*desc));
		bar_write(h, 0, reg(halves[i], NEURON_UDMA_Q_BASE_HI), 0);
		bar_write(h, 0, reg(halves[i], NEURON_UDMA_Q_LENGTH), RING_LENGTH);
		bar_write(h, 0, reg(halves[i], NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE |
			  NEURON_UDMA_Q_CFG_PREFETCH | NEURON_UDMA_Q_CFG_SCHEDULE);
	}
	for (n = 0; n < count; n++) {
		desc[n] = (struct neuron_udma_desc){
			.ctrl = 1u << NEURON_UDMA_DESC_RING_ID_SHIFT |
				(n ? 0 : NEURON_UDMA_DESC_FIRST) |
				(n + 1 < count ? 0 : NEURON_UDMA_DESC_LAST),
			.meta = NEURON_UDMA_M2S_META_COPY,
			.addr = src + n * NEURON_UDMA_DESC_MAX_LEN,
		};
		desc[RING_LENGTH + n] = (struct neuron_udma_desc){
			.ctrl = 1u << NEURON_UDMA_DESC_RING_ID_SHIFT,
			.addr = dst + n * NEURON_UDMA_DESC_MAX_LEN,
		};
	}
	bar_write(h, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC), count);
	bar_write(h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), count);
	drain(h);
}

static void copies(void **state)
{
	const size_t len = 4 * NEURON_UDMA_DESC_MAX_LEN;
	uint8_t *left, *right;
	struct pair p;
	size_t i;

	open_pair(&p);
	left = emu_dram(p.left.chip, 0);
	right = emu_dram(p.right.chip, 0);
	for (i = 0; i < len; i++)
		left[0x100000 + i] = i * 31 + i / 255;
	start_copy(&p.left, EAST(0x300000), 0x100000, 4);
	assert_memory_equal(right + 0x300000, left + 0x100000, len);
	/* and back, by either chip's engine, from a neighbour to host memory too */
	start_copy(&p.left, 0x500000, EAST(0x300000), 4);
	assert_memory_equal(left + 0x500000, left + 0x100000, len);
	start_copy(&p.left, EAST(0x500000), EAST(0x300000), 4);
	assert_memory_equal(right + 0x500000, left + 0x100000, len);
	start_copy(&p.right, NEURON_ADDR_HOST | HOST_BASE, WEST(0x100000), 4);
	assert_memory_equal(p.right.host, left + 0x100000, len);
	close_pair(&p);
}

static int dies_after;

static int dying_write(struct harness *h, uint64_t addr, const void *buf, size_t len)
{
	if (!dies_after--) {
		emu_link_set(h->chip, EMU_LINK_EAST, false);
		return -ENOLINK;
	}
	return emu_link_write(h->neighbour[EMU_LINK_EAST]->chip, addr, buf, len);
}

/* The neighbour goes in the middle of a packet: the queue stops by name, the chip goes on. */
static void dies_mid_copy(void **state)
{
	struct pair p;

	open_pair(&p);
	p.left.link_write = dying_write;
	dies_after = 2;
	memset((uint8_t *)emu_dram(p.left.chip, 0) + 0x100000, 0x5a, 1 << 20);
	start_copy(&p.left, EAST(0x300000), 0x100000, 4);
	expect_error(&p.left, "udma-dma-unmapped");
	assert_int_equal(bar_read(&p.left, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_STATUS)),
			 NEURON_UDMA_Q_STATUS_DMA);
	assert_int_equal(links(&p.left), 0);
	assert_int_equal(((uint8_t *)emu_dram(p.right.chip, 0))[0x300000], 0x5a);
	start_copy(&p.left, 0x700000, 0x100000, 4);
	assert_memory_equal((uint8_t *)emu_dram(p.left.chip, 0) + 0x700000,
			    (uint8_t *)emu_dram(p.left.chip, 0) + 0x100000, 4 << 16);
	close_pair(&p);
}

/* A job whose segments lie on the neighbour, its instructions too. */
static void job(void **state)
{
	struct neuron_insn insn = {
		.op = NEURON_OP_DMA_COPY, .flags = 2, .wait_sem = NEURON_ISA_NO_SEM,
		.sig_sem = NEURON_ISA_NO_SEM, .src_seg = 1, .dst_seg = 2,
		.dma_copy = { .count = { 1, 1, 1, 1024 }, .src_step = { 0, 0, 0, 4 },
			      .dst_step = { 0, 0, 0, 4 } },
	};
	const struct neuron_segment segments[] = {
		{ .base = EAST(0x1000), .length = 4096,
		  .flags = NEURON_SEG_READ | NEURON_SEG_EXEC },
		{ .base = EAST(0x2000), .length = 4096, .flags = NEURON_SEG_READ },
		{ .base = 0x3000, .length = 4096, .flags = NEURON_SEG_WRITE },
	};
	struct neuron_job exec = { .op = NEURON_JOB_EXEC, .seq = 1 };
	struct neuron_completion c;
	struct pair p;
	uint8_t *right;

	open_pair(&p);
	right = emu_dram(p.right.chip, 0);
	memcpy(right + 0x1000, &insn, sizeof(insn));
	memset(right + 0x2000, 0x77, 4096);
	exec.stream[NEURON_DMA].count = 1;
	assert_int_equal(emu_core_exec(p.left.chip, 0, segments, 3, 1, &exec, &c), 0);
	assert_int_equal(c.status, NEURON_JOB_OK);
	assert_memory_equal((uint8_t *)emu_dram(p.left.chip, 0) + 0x3000, right + 0x2000, 4096);
	/* Without the link the job faults, and says so. */
	emu_link_set(p.left.chip, EMU_LINK_EAST, false);
	assert_int_equal(emu_core_exec(p.left.chip, 0, segments, 3, 1, &exec, &c), 0);
	assert_int_equal(c.status, NEURON_JOB_BUS);
	expect_error(&p.left, "job-bus");
	close_pair(&p);
}

static void *read_neighbour(void *arg)
{
	struct harness *h = arg;
	uint64_t addr = (h->neighbour[EMU_LINK_EAST] ? NEURON_ADDR_EAST : NEURON_ADDR_WEST) |
			DEVICE_ID;
	uint32_t value, i;

	for (i = 0; i < 20000; i++)
		if (emu_bus_read(h->chip, addr, &value, 4) || emu_bus_write(h->chip, addr, &i, 4))
			return h;
	return NULL;
}

/* Both at once, with resets meanwhile: nobody waits for anybody. */
static void crossing(void **state)
{
	pthread_t threads[2];
	void *failed[2];
	struct pair p;
	int i;

	open_pair(&p);
	assert_int_equal(pthread_create(&threads[0], NULL, read_neighbour, &p.left), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, read_neighbour, &p.right), 0);
	for (i = 0; i < 20; i++)
		emu_reset(i & 1 ? p.left.chip : p.right.chip, EMU_RESET_POWER);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], &failed[i]);
		assert_null(failed[i]);
	}
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status),
		cmocka_unit_test(reach),
		cmocka_unit_test(refused),
		cmocka_unit_test(copies),
		cmocka_unit_test(dies_mid_copy),
		cmocka_unit_test(job),
		cmocka_unit_test(crossing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_link", tests, NULL, NULL);
}
