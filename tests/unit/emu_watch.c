// SPDX-License-Identifier: Apache-2.0
/* The trace "reach" tells what a job touched and what it might have touched; without it jobs are not slowed down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <emu.h>
#include <neuron/isa.h>
#include <neuron/job.h>
#include <neuron/regs.h>

static char seen[4096];

static void trace(void *opaque, const char *category, const char *text)
{
	size_t len = strlen(seen);

	(void)opaque;
	if (!strcmp(category, "reach"))
		snprintf(seen + len, sizeof(seen) - len, "%s\n", text);
}

/* A copy of 2 * 64 bytes from segment 1 at @src to segment 2, in device memory. */
static void run(struct emu_chip *chip, uint32_t src, struct neuron_completion *completion)
{
	static const struct neuron_segment segments[] = {
		{ .base = 0x10000, .length = 64, .flags = NEURON_SEG_EXEC },
		{ .base = 0x20000, .length = 0x1000, .flags = NEURON_SEG_READ },
		{ .base = NEURON_ADDR_DRAM1 + 0x30000, .length = 0x1000, .flags = NEURON_SEG_WRITE },
	};
	struct neuron_job job = { .op = NEURON_JOB_EXEC, .seq = 7, .stream[NEURON_DMA] = { 0, 1 } };
	struct neuron_insn insn = {
		.op = NEURON_OP_DMA_COPY,
		.flags = 6,
		.wait_sem = NEURON_ISA_NO_SEM,
		.sig_sem = NEURON_ISA_NO_SEM,
		.dst_seg = 2,
		.src_seg = 1,
		.dma_copy = { .count = { 1, 1, 1, 2 }, .src = src, .src_step = { 0, 0, 0, 0x100 }, .dst = 0x40,
			      .dst_step = { 0, 0, 0, 64 } },
	};

	seen[0] = 0;
	memcpy((uint8_t *)emu_dram(chip, 0) + 0x10000, &insn, sizeof(insn));
	assert_int_equal(emu_core_exec(chip, 0, segments, 3, 5, &job, completion), 0);
}

static void told(void **state)
{
	struct emu_config config = { .revision = NEURON_PCI_REV_QEMU, .trace = trace };
	struct neuron_completion completion;
	struct emu_chip *chip;

	(void)state;
	assert_int_equal(emu_create(&config, &chip), 0);
	run(chip, 0x80, &completion);
	assert_int_equal(completion.status, NEURON_JOB_OK);
	assert_string_equal(seen, "");

	emu_watch_enable(chip, true);
	run(chip, 0x80, &completion);
	assert_int_equal(completion.status, NEURON_JOB_OK);
	assert_string_equal(seen,
			    "core 0 owner 5 job 7: segment 0: is 0x10000 + 0x40, flags 4\n"
			    "core 0 owner 5 job 7: segment 0: read 0x10000 .. 0x10040\n"
			    "core 0 owner 5 job 7: segment 1: is 0x20000 + 0x1000, flags 1\n"
			    "core 0 owner 5 job 7: segment 1: read 0x20080 .. 0x201c0\n"
			    "core 0 owner 5 job 7: segment 2: is 0x1000030000 + 0x1000, flags 2\n"
			    "core 0 owner 5 job 7: segment 2: wrote 0x1000030040 .. 0x10000300c0\n");

	/* What was refused was not touched. */
	run(chip, 0xfc0, &completion);
	assert_int_equal(completion.status, NEURON_JOB_SEGMENT);
	assert_null(strstr(seen, "segment 1: read"));
	assert_null(strstr(seen, "ESCAPE"));

	emu_watch_enable(chip, false);
	run(chip, 0x80, &completion);
	assert_string_equal(seen, "");
	emu_destroy(chip);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(told) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
