// SPDX-License-Identifier: Apache-2.0
/* Guards see each read and each write of each engine that touches them, at both ends and by both ports, and nothing else. */
#include <errno.h>
#include <string.h>
#include <neuron/isa.h>

#include "bus.h"
#include "emu_harness.h"

#define ENGINE		1u
#define QUEUE		3u
#define M2S_RING	HOST_BASE
#define S2M_RING	(HOST_BASE + 0x1000)
#define HERE		(NEURON_ADDR_HOST | (HOST_BASE + 0x10000))
#define THERE		(NEURON_ADDR_HOST | (HOST_BASE + 0x20000))

static char told[256];	/* newest of category "guard" */

static void guard_of(struct harness *h, unsigned int i, const char *name, uint64_t reads, uint64_t writes)
{
	struct emu_guard_info g;

	assert_true(emu_guard_get(h->chip, i, &g));
	assert_string_equal(g.name, name);
	assert_int_equal(g.reads, reads);
	assert_int_equal(g.writes, writes);
}

static void ranges(void **state)
{
	struct emu_guard_info g;
	char name[40] = "";
	struct harness h;

	harness_open(&h, 16);
	assert_int_equal(emu_guard_set(h.chip, 0x3000, 0, "x"), -EINVAL);
	assert_int_equal(emu_guard_set(h.chip, 1ull << 48, 1, "x"), -EINVAL);
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_HOST - 1, 2, "x"), -EINVAL);
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_HOST, UINT64_MAX, "x"), -EINVAL);
	memset(name, 'n', 32);
	assert_int_equal(emu_guard_set(h.chip, 0x3000, 1, name), -EINVAL);
	assert_int_equal(emu_guard_set(h.chip, 0x3000, 0x1000, "b"), 0);
	assert_int_equal(emu_guard_set(h.chip, 0x2000, 0x1000, "a"), 0);
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_HOST, NEURON_ADDR_HOST, "host"), 0);
	assert_int_equal(emu_guard_set(h.chip, 0x4000, 1, "a"), 0);
	assert_int_equal(emu_guard_set(h.chip, 0x3fff, 0x10, "x"), -EEXIST);
	assert_int_equal(emu_guard_set(h.chip, 0x1000, 0x10000, "x"), -EEXIST);
	/* the same memory by the other port */
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_AXI1 | 0x3000, 1, "x"), -EEXIST);
	assert_int_equal(emu_guard_set(h.chip, 0x1fff, 1, "c"), 0);

	assert_true(emu_guard_get(h.chip, 0, &g));
	assert_string_equal(g.name, "c");
	assert_true(emu_guard_get(h.chip, 4, &g));
	assert_string_equal(g.name, "host");
	assert_int_equal(g.base, NEURON_ADDR_HOST);
	assert_int_equal(g.length, NEURON_ADDR_HOST);
	assert_false(emu_guard_get(h.chip, 5, &g));
	assert_int_equal(emu_guard_clear(h.chip, "a"), 2);
	assert_int_equal(emu_guard_clear(h.chip, "a"), 0);
	assert_int_equal(emu_guard_set(h.chip, 0x2000, 0x1000, "a"), 0);
	assert_int_equal(emu_guard_clear(h.chip, "all"), 4);
	harness_close(&h);
}

/* More than there is room for at first, in no order: each is found. */
static void many(void **state)
{
	struct harness h;
	uint64_t i, n = 1000;

	harness_open(&h, 16);
	for (i = 0; i < n; i++)
		assert_int_equal(emu_guard_set(h.chip, 0x10000 + i * 7 % n * 0x100, 0x80, "many"), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(emu_link_read(h.chip, 0x10000 + i * 0x100 + 0x80, &(uint64_t){ 0 }, 8), 0);
		assert_int_equal(h.errors, i);
		assert_int_equal(emu_link_read(h.chip, 0x10000 + i * 0x100 + 0x79, &(uint64_t){ 0 }, 8), 0);
		assert_int_equal(h.errors, i + 1);
		guard_of(&h, i, "many", 1, 0);
	}
	harness_close(&h);
}

static uint64_t reg(uint32_t half, uint32_t off)
{
	return NEURON_APB_UDMA(0, ENGINE) + half + NEURON_UDMA_QUEUE(QUEUE) + off;
}

static void start_half(struct harness *h, uint32_t half, uint64_t addr)
{
	bar_write(h, 0, reg(half, NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE);
	bar_write(h, 0, reg(half, half ? NEURON_UDMA_S2M_Q_SW_CTRL : NEURON_UDMA_M2S_Q_SW_CTRL),
		  NEURON_UDMA_Q_SW_CTRL_RESET);
	bar_write(h, 0, reg(half, NEURON_UDMA_Q_BASE_LO), (uint32_t)addr);
	bar_write(h, 0, reg(half, NEURON_UDMA_Q_BASE_HI), (NEURON_ADDR_HOST | addr) >> 32);
	bar_write(h, 0, reg(half, NEURON_UDMA_Q_LENGTH), 32);
	bar_write(h, 0, reg(half, NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE |
		  NEURON_UDMA_Q_CFG_PREFETCH | NEURON_UDMA_Q_CFG_SCHEDULE);
}

/* Descriptor 0 of fresh rings. */
static void copy(struct harness *h, uint64_t dst, uint64_t src, uint32_t len)
{
	struct neuron_udma_desc *m2s = (void *)(h->host + (M2S_RING - HOST_BASE));
	struct neuron_udma_desc *s2m = (void *)(h->host + (S2M_RING - HOST_BASE));
	uint32_t ctrl = len | NEURON_UDMA_FIRST_RING_ID << NEURON_UDMA_DESC_RING_ID_SHIFT;

	start_half(h, NEURON_UDMA_M2S, M2S_RING);
	start_half(h, NEURON_UDMA_S2M, S2M_RING);
	*m2s = (struct neuron_udma_desc){
		.ctrl = ctrl | NEURON_UDMA_DESC_FIRST | NEURON_UDMA_DESC_LAST,
		.meta = NEURON_UDMA_M2S_META_COPY, .addr = src };
	*s2m = (struct neuron_udma_desc){ .ctrl = ctrl, .addr = dst };
	bar_write(h, 0, reg(NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC), 1);
	bar_write(h, 0, reg(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), 1);
	drain(h);
}

static void copies(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	memset(h.host + 0x10000, 0x5a, 0x1000);
	assert_int_equal(emu_guard_set(h.chip, HERE + 0x100, 0x100, "here"), 0);
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_DRAM1 + 0x100, 0x100, "dram"), 0);
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_EAST | 0x40, 0x40, "east"), 0);
	/* up to it, from behind it */
	copy(&h, NEURON_ADDR_DRAM1, HERE, 0x100);
	copy(&h, NEURON_ADDR_DRAM1 + 0x200, HERE + 0x200, 0x100);
	assert_int_equal(h.errors, 0);
	/* its last byte read; then its first byte written, by the other port; what was asked for is done */
	copy(&h, THERE, HERE + 0x1ff, 0x10);
	expect_error(&h, "guard");
	guard_of(&h, 1, "here", 1, 0);
	copy(&h, NEURON_ADDR_AXI1 | (NEURON_ADDR_DRAM1 + 0xff), HERE + 0x300, 2);
	expect_error(&h, "guard");
	guard_of(&h, 0, "dram", 0, 1);
	assert_int_equal(((uint8_t *)emu_dram(h.chip, 1))[0x100], 0x5a);
	/* both ends in one */
	copy(&h, NEURON_ADDR_DRAM1, HERE, 0x400);
	assert_int_equal(h.errors, 2);
	guard_of(&h, 1, "here", 2, 0);
	guard_of(&h, 0, "dram", 0, 2);
	h.errors = 0;
	/* a neighbour's, even if it is not there */
	copy(&h, THERE, NEURON_ADDR_EAST | 0x7f, 4);
	assert_int_equal(h.errors, 2);
	guard_of(&h, 2, "east", 1, 0);
	h.errors = 0;
	/* gone */
	assert_int_equal(emu_guard_clear(h.chip, "here"), 1);
	copy(&h, THERE, HERE, 0x400);
	assert_int_equal(h.errors, 0);
	harness_close(&h);
}

/* Descriptors are memory, too. */
static void descriptors(void **state)
{
	struct harness h;

	harness_open(&h, 16);
	assert_int_equal(emu_guard_set(h.chip, NEURON_ADDR_HOST | S2M_RING, 1, "ring"), 0);
	copy(&h, THERE, HERE, 4);
	expect_error(&h, "guard");
	guard_of(&h, 0, "ring", 1, 0);
	harness_close(&h);
}

static void guard_told(void *opaque, const char *category, const char *text)
{
	(void)opaque;
	if (!strcmp(category, "guard"))
		strncpy(told, text, sizeof(told) - 1);
}

/* 64 bytes from segment 1 to segment 2. */
static void job(struct emu_chip *chip, struct neuron_completion *completion)
{
	static const struct neuron_segment segments[] = {
		{ .base = 0x10000, .length = 64, .flags = NEURON_SEG_EXEC },
		{ .base = 0x20000, .length = 0x1000, .flags = NEURON_SEG_READ },
		{ .base = 0x30000, .length = 0x1000, .flags = NEURON_SEG_WRITE },
	};
	struct neuron_job job = { .op = NEURON_JOB_EXEC, .seq = 7, .stream[NEURON_DMA] = { 0, 1 } };
	struct neuron_insn insn = {
		.op = NEURON_OP_DMA_COPY,
		.flags = 6,
		.wait_sem = NEURON_ISA_NO_SEM,
		.sig_sem = NEURON_ISA_NO_SEM,
		.dst_seg = 2,
		.src_seg = 1,
		.dma_copy = { .count = { 1, 1, 1, 1 }, .src = 0x80, .dst = 0x40 },
	};

	told[0] = 0;
	memcpy((uint8_t *)emu_dram(chip, 0) + 0x10000, &insn, sizeof(insn));
	assert_int_equal(emu_core_exec(chip, 0, segments, 3, 5, &job, completion), 0);
	assert_int_equal(completion->status, NEURON_JOB_OK);
}

static void jobs(void **state)
{
	struct emu_config config = { .revision = NEURON_PCI_REV_QEMU, .guest_error = guard_told };
	struct neuron_completion completion;
	struct emu_guard_info g;
	struct emu_chip *chip;

	assert_int_equal(emu_create(&config, &chip), 0);
	/* in the segments, but not where the job goes */
	assert_int_equal(emu_guard_set(chip, 0x200c0, 0x100, "behind"), 0);
	assert_int_equal(emu_guard_set(chip, 0x30000, 0x40, "before"), 0);
	job(chip, &completion);
	assert_string_equal(told, "");
	assert_int_equal(emu_guard_set(chip, 0x200bf, 1, "read"), 0);
	job(chip, &completion);
	assert_string_equal(told, "core 0 owner 5 job 7: read of 64 bytes at 0x20080, in \"read\", 0x200bf + 0x1");
	emu_guard_clear(chip, "read");
	assert_int_equal(emu_guard_set(chip, 0x30040, 1, "written"), 0);
	job(chip, &completion);
	assert_string_equal(told, "core 0 owner 5 job 7: write of 64 bytes at 0x30040, in \"written\", 0x30040 + 0x1");
	emu_guard_clear(chip, "written");
	assert_int_equal(emu_guard_set(chip, 0x10020, 1, "code"), 0);
	job(chip, &completion);
	assert_true(strstr(told, "read of ") && strstr(told, "\"code\""));
	assert_true(emu_guard_get(chip, 0, &g) && g.reads && !g.writes);
	emu_destroy(chip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(many),
		cmocka_unit_test(copies),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(jobs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("emu_guard", tests, NULL, NULL);
}
