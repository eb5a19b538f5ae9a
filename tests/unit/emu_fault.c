// SPDX-License-Identifier: Apache-2.0
/*
 * Fault injection: the grammar, which opportunities fire, and what a host sees of each kind
 * that needs no firmware. emu_fault_fw.c has the others.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "emu_harness.h"
#include "fault.h"

static struct harness h;

static int setup(void **state)
{
	harness_open(&h, 16);
	return 0;
}

static int teardown(void **state)
{
	harness_close(&h);
	return 0;
}

static void fault(const char *spec)
{
	char error[256] = "";

	if (emu_fault_set(h.chip, spec, error, sizeof(error)))
		fail_msg("%s: %s", spec, error);
}

static void refused(const char *spec, const char *reason)
{
	char error[256] = "";

	assert_int_equal(emu_fault_set(NULL, spec, error, sizeof(error)), -EINVAL);
	if (!strstr(error, reason))
		fail_msg("\"%s\" is refused with \"%s\", not \"%s\"", spec, error, reason);
	assert_int_equal(emu_fault_set(NULL, spec, NULL, 0), -EINVAL);
}

static struct emu_fault_info info_of(unsigned int i)
{
	struct emu_fault_info info;

	assert_true(emu_fault_get(h.chip, i, &info));
	return info;
}

static uint32_t ext(uint32_t off)
{
	return bar_read(&h, 0, NEURON_EXT_BASE + off);
}

/* HALT has an interrupt on vector 0 as its effect, also when there is no firmware to halt. */
static void interrupt(void)
{
	bar_write(&h, 0, NEURON_EXT_BASE + NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_FLASH);
	drain(&h);
}

static void wait_ms(unsigned int ms)
{
	struct timespec nap = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&nap, NULL);
	drain(&h);
}

/* Every mistake in a SPEC is told with its way out. */
static void test_grammar(void **state)
{
	refused("", "--fault list");
	refused("no-irqs", "--fault list");
	refused("no-irq:rate=5", "takes after count vector");
	refused("no-irq:vector", "vector=VALUE");
	refused("no-irq:vector=", "0 to 15");
	refused("no-irq:vector=16", "0 to 15");
	refused("no-irq:vector=-1", "0 to 15");
	refused("no-irq:vector=1x", "0 to 15");
	refused("no-irq:count=99999999999999999999999", "a number");
	refused("no-irq:count=1,count=2", "twice");
	refused("link-down:side=north", "east or west");
	refused("job-stuck:until=monday", "abort, core or device");
	refused("over-temperature:celsius=warm", "-273 to 1000");
	refused("bit-flip:address=0x100000000", "0x100000000");
	refused("irq-storm:rate=0", "clear");
	refused("bit-flip:every=0", "from 1");
	refused("no-irq:count=00000000000000000000000000000000000000000000000000000000000000000000"
		"0000000000000000000000000000000000000000000000000000000001", "characters");
	assert_int_equal(emu_fault_set(NULL, "all-ones", NULL, 0), 0);
	assert_int_equal(emu_fault_set(NULL, "over-temperature:celsius=-40", NULL, 0), 0);
	assert_int_equal(emu_fault_set(NULL, "bit-flip:channel=1,address=0xffffffff,bit=7", NULL, 0), 0);
}

/* Each kind has a meaning and options, and is accepted without any. */
static void test_kinds(void **state)
{
	const char *name, *meaning;
	char keys[160];
	unsigned int n;

	for (n = 0; emu_fault_describe(n, &name, &meaning, keys, sizeof(keys)); n++) {
		assert_true(strlen(name) && strlen(meaning) && strlen(keys));
		fault(name);
		assert_int_equal(emu_fault_clear(h.chip, name), 0);
	}
	assert_int_equal(n, 22);
	assert_int_equal(emu_fault_clear(h.chip, "none"), -EINVAL);
	assert_int_equal(emu_fault_clear(h.chip, "all"), 0);
}

static void test_after_and_count(void **state)
{
	unsigned int i, before = h.irqs[0];

	fault("no-irq:after=2,count=3");
	for (i = 0; i < 8; i++)
		interrupt();
	assert_int_equal(h.irqs[0] - before, 5);
	assert_int_equal(info_of(0).seen, 8);
	assert_int_equal(info_of(0).fired, 3);
	assert_string_equal(info_of(0).spec, "no-irq:after=2,count=3");
	assert_int_equal(h.fired, 3);
	/* the same fault again: from the beginning */
	fault("no-irq:count=1");
	assert_int_equal(info_of(0).fired, 0);
	interrupt();
	interrupt();
	assert_int_equal(h.irqs[0] - before, 6);
}

/* Faults of one kind for several places stand side by side; resets touch none. */
static void test_slots(void **state)
{
	struct emu_fault_info info;
	char spec[32], error[128];
	unsigned int i;

	fault("no-irq:vector=5");
	fault("no-irq:vector=0");
	assert_false(emu_fault_get(h.chip, 2, &info));
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	bus_master(&h, true);
	i = h.irqs[0];
	interrupt();
	assert_int_equal(h.irqs[0], i);
	assert_true(emu_fault_get(h.chip, 1, &info));
	assert_int_equal(emu_fault_clear(h.chip, "no-irq"), 0);
	interrupt();
	assert_int_equal(h.irqs[0], i + 1);
	for (i = 0; i < 32; i++) {
		snprintf(spec, sizeof(spec), "wrong-id:queue=%u", i);
		fault(spec);
	}
	assert_int_equal(emu_fault_set(h.chip, "no-irq", error, sizeof(error)), -ENOSPC);
	assert_non_null(strstr(error, "clear"));
}

static void test_no_irq_keeps_status(void **state)
{
	unsigned int before = h.irqs[0];

	bar_write(&h, 0, NEURON_EXT_BASE + NEURON_EXT_IRQ_STATUS, ~0u);
	fault("no-irq");
	interrupt();
	assert_int_equal(h.irqs[0], before);
	assert_int_equal(ext(NEURON_EXT_IRQ_STATUS), 1);
}

static void test_double_irq(void **state)
{
	unsigned int before = h.irqs[0];

	fault("double-irq:count=1,ms=1");
	interrupt();
	wait_ms(3);
	assert_int_equal(h.irqs[0] - before, 2);
	interrupt();
	wait_ms(3);
	assert_int_equal(h.irqs[0] - before, 3);
}

static void test_irq_storm(void **state)
{
	unsigned int before = h.irqs[7], other = h.irqs[8];

	fault("irq-storm:vector=7,count=500");
	while (info_of(0).fired < 500)
		emu_run_service(h.chip, 100);
	drain(&h);
	assert_int_equal(h.irqs[7] - before, 500);
	assert_int_equal(h.irqs[8], other);
	assert_int_equal(ext(NEURON_EXT_IRQ_STATUS) >> 7 & 1, 0);
}

#define SECOND	1000000000ull
#define FUTURE	(1ull << 62)	/* a clock of ours, later than any time that the chip has seen */

/* What the chip sends until @end, looked after every @step ns as the service thread does. */
static unsigned int storm(uint64_t *now, uint64_t end, uint64_t step)
{
	unsigned int before = h.irqs[7];

	for (; *now < end; *now += step)
		while (emu_fault_tick_at(h.chip, *now))
			;
	return h.irqs[7] - before;
}

/* The rate is what was asked for, however often the chip comes to it; 100,000 by itself. */
static void test_irq_storm_rate(void **state)
{
	static const struct {
		const char *spec;
		unsigned int rate;
	} want[] = {
		{ "irq-storm:vector=7", 100000 }, { "irq-storm:vector=7,rate=100", 100 },
		{ "irq-storm:vector=7,rate=1000", 1000 }, { "irq-storm:vector=7,rate=250000", 250000 },
	};
	static const uint64_t step[] = { 10000, 250000, 5000000 };
	uint64_t now = FUTURE;
	unsigned int i, k, sent;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		fault(want[i].spec);
		/* the first one; from here on the clock counts */
		assert_true(emu_fault_tick_at(h.chip, now += SECOND));
		now += 1;
		for (k = 0; k < sizeof(step) / sizeof(step[0]); k++) {
			sent = storm(&now, now + SECOND, step[k]);
			/* what is due in the last step comes with the next */
			if (sent > want[i].rate + want[i].rate * step[k] / SECOND + 1 ||
			    sent + want[i].rate * step[k] / SECOND + 1 < want[i].rate)
				fail_msg("%s, every %llu ns: %u", want[i].spec,
					 (unsigned long long)step[k], sent);
		}
		/* a chip that had no time does not make up for it */
		now += SECOND;
		sent = storm(&now, now + 1, 1);
		assert_in_range(sent, 1, want[i].rate / 100 + 1);
	}
	/* up to count, and not one more */
	fault("irq-storm:vector=7,count=12345");
	sent = info_of(0).fired;
	assert_int_equal(storm(&now, now + SECOND, 100000) + sent, 12345);
	assert_false(emu_fault_tick_at(h.chip, now + SECOND));
}

static void test_all_ones(void **state)
{
	unsigned int irqs = h.irqs[0];

	bar_write(&h, 4, 0x1000, 4711);
	fault("all-ones");
	assert_int_equal(bar_read(&h, 0, NEURON_EXT_BASE), ~0u);
	assert_int_equal(bar_read(&h, 0, 0x700000), ~0u);
	assert_int_equal(bar_read(&h, 2, NEURON_NC_SEM_READ), ~0u);
	assert_int_equal(bar_read(&h, 4, 0x1000), ~0u);
	assert_int_equal(config_read(&h, PCI_VENDOR_ID, 4), ~0u);
	bar_write(&h, 4, 0x1000, 1);
	config_write(&h, PCI_COMMAND, 0, 2);
	bar_write(&h, 2, NEURON_NC_SEM_SET, 9);
	interrupt();
	/* a chip that is not there finds no mistakes */
	bar_write(&h, 0, 0x700000, 1);
	assert_int_equal(h.errors, 0);
	assert_int_equal(h.irqs[0], irqs);
	emu_fault_clear(h.chip, "all-ones");
	assert_int_equal(bar_read(&h, 4, 0x1000), 4711);
	assert_int_equal(bar_read(&h, 2, NEURON_NC_SEM_READ), 0);
	assert_int_equal(config_read(&h, PCI_VENDOR_ID, 2), NEURON_PCI_VENDOR);
	/* back, it is as after a function reset */
	assert_int_equal(config_read(&h, PCI_COMMAND, 2), 0);
	bus_master(&h, true);
	interrupt();
	assert_int_equal(h.irqs[0], irqs + 1);
}

static void test_all_ones_after(void **state)
{
	fault("all-ones:after=2,count=3");
	assert_int_equal(ext(NEURON_EXT_MAGIC), NEURON_EXT_MAGIC_VALUE);
	assert_int_equal(ext(NEURON_EXT_MAGIC), NEURON_EXT_MAGIC_VALUE);
	assert_int_equal(ext(NEURON_EXT_MAGIC), ~0u);
	assert_int_equal(ext(NEURON_EXT_MAGIC), ~0u);
	assert_int_equal(ext(NEURON_EXT_MAGIC), ~0u);
	assert_int_equal(ext(NEURON_EXT_MAGIC), NEURON_EXT_MAGIC_VALUE);
}

static void test_corrupt_telemetry(void **state)
{
	uint32_t a, b;

	assert_int_equal(ext(NEURON_EXT_TEMPERATURE), 45000);
	fault("corrupt-telemetry:seed=1");
	a = ext(NEURON_EXT_TEMPERATURE);
	b = ext(NEURON_EXT_TEMPERATURE);
	assert_true(a != b);
	assert_true(bar_read(&h, 0, NEURON_MISC_BASE + NEURON_MISC_POWER) != 0);
	assert_true(bar_read(&h, 0, NEURON_MISC_BASE + NEURON_MISC_METRICS) != 0);
	/* the same seed, the same garbage */
	fault("corrupt-telemetry:seed=1");
	assert_int_equal(ext(NEURON_EXT_TEMPERATURE), a);
	emu_fault_clear(h.chip, "all");
	assert_int_equal(ext(NEURON_EXT_TEMPERATURE), 45000);
}

static void test_bit_flip(void **state)
{
	uint8_t *dram = emu_dram(h.chip, 1);
	unsigned int i, changed = 0;

	dram[0x12345] = 0xf0;
	fault("bit-flip:channel=1,address=0x12345,bit=3");
	assert_int_equal(dram[0x12345], 0xf8);
	wait_ms(1);
	assert_int_equal(dram[0x12345], 0xf8);
	/* without an address: in the memory that is used, which is this page */
	dram[0x12345] = 0;
	fault("bit-flip:channel=1,seed=7");
	for (i = 0; i < 4096; i++)
		changed += dram[0x12000 + i] != 0;
	assert_int_equal(changed, 1);
	assert_int_equal(ext(NEURON_EXT_ECC_CORRECTED(1)), 0);
	assert_int_equal(ext(NEURON_EXT_ECC_UNCORRECTED(1)), 0);
}

static void test_dma_outside(void **state)
{
	fault("dma-outside");
	expect_error(&h, "dma-unmapped");
	/* memory of the host's is left alone */
	memset(h.host, 1, 64);
	fault("dma-outside:address=0x10000000");
	assert_int_equal(h.host[0], 1);
	assert_int_equal(h.errors, 0);
	bus_master(&h, false);
	fault("dma-outside");
	expect_error(&h, "dma-bus-master");
}

static void test_link_down(void **state)
{
	fault("link-down:side=west");
	assert_false(h.blocked[EMU_LINK_EAST]);
	assert_true(h.blocked[EMU_LINK_WEST]);
	fault("link-down");
	assert_true(h.blocked[EMU_LINK_EAST]);
	emu_fault_clear(h.chip, "link-down");
	assert_false(h.blocked[EMU_LINK_EAST]);
	assert_false(h.blocked[EMU_LINK_WEST]);
}

static void test_ecc_corrected(void **state)
{
	fault("ecc-corrected:channel=1,count=3,every=1");
	while (info_of(0).fired < 3)
		wait_ms(1);
	wait_ms(3);
	assert_int_equal(ext(NEURON_EXT_ECC_CORRECTED(0)), 0);
	assert_int_equal(ext(NEURON_EXT_ECC_CORRECTED(1)), 3);
	assert_int_equal(ext(NEURON_EXT_ECC_UNCORRECTED(1)), 0);
	/* since power-on, over resets */
	emu_reset(h.chip, EMU_RESET_FUNCTION);
	assert_int_equal(ext(NEURON_EXT_ECC_CORRECTED(1)), 3);
}

static uint32_t udma(uint32_t half, uint32_t which)
{
	return NEURON_APB_UDMA(0, 0) + half + NEURON_UDMA_QUEUE(0) + which;
}

/* Rings of 64 descriptors at the host memory's begin: M2S, then S2M. */
static void start_ring(void)
{
	static const uint32_t half[] = { NEURON_UDMA_M2S, NEURON_UDMA_S2M };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		uint64_t base = NEURON_ADDR_HOST | (HOST_BASE + i * 0x1000);

		bar_write(&h, 0, udma(half[i], i ? NEURON_UDMA_S2M_Q_SW_CTRL :
				      NEURON_UDMA_M2S_Q_SW_CTRL), NEURON_UDMA_Q_SW_CTRL_RESET);
		bar_write(&h, 0, udma(half[i], NEURON_UDMA_Q_BASE_LO), (uint32_t)base);
		bar_write(&h, 0, udma(half[i], NEURON_UDMA_Q_BASE_HI), base >> 32);
		bar_write(&h, 0, udma(half[i], NEURON_UDMA_Q_LENGTH), 64);
		bar_write(&h, 0, udma(half[i], NEURON_UDMA_Q_CFG), NEURON_UDMA_Q_CFG_RESET_VALUE |
			  NEURON_UDMA_Q_CFG_PREFETCH | NEURON_UDMA_Q_CFG_SCHEDULE);
		bar_write(&h, 0, NEURON_APB_UDMA(0, 0) + half[i] + NEURON_UDMA_CHANGE_STATE,
			  NEURON_UDMA_STATE_NORMAL);
	}
}

/* Descriptor number @n since start_ring(): @len bytes. */
static void copy(unsigned int n, uint64_t dst, uint64_t src, uint32_t len)
{
	struct neuron_udma_desc *m2s = (void *)h.host, *s2m = (void *)(h.host + 0x1000);
	uint32_t id = 1u << NEURON_UDMA_DESC_RING_ID_SHIFT;

	m2s[n] = (struct neuron_udma_desc){
		.ctrl = len | id | NEURON_UDMA_DESC_FIRST | NEURON_UDMA_DESC_LAST,
		.meta = NEURON_UDMA_M2S_META_COPY, .addr = src };
	s2m[n] = (struct neuron_udma_desc){ .ctrl = len | id, .addr = dst };
	bar_write(&h, 0, udma(NEURON_UDMA_S2M, NEURON_UDMA_Q_TAIL_INC), 1);
	bar_write(&h, 0, udma(NEURON_UDMA_M2S, NEURON_UDMA_Q_TAIL_INC), 1);
	drain(&h);
}

static uint32_t head(void)
{
	return bar_read(&h, 0, udma(NEURON_UDMA_M2S, NEURON_UDMA_Q_HEAD)) &
	       NEURON_UDMA_Q_POINTER_MASK;
}

static void test_udma_stall(void **state)
{
	start_ring();
	fault("udma-stall:engine=0,queue=0,count=1,after=1");
	copy(0, 0x1000, NEURON_ADDR_HOST | (HOST_BASE + 0x8000), 64);
	assert_int_equal(head(), 1);
	copy(1, 0x1000, NEURON_ADDR_HOST | (HOST_BASE + 0x8000), 64);
	copy(2, 0x1000, NEURON_ADDR_HOST | (HOST_BASE + 0x8000), 64);
	assert_int_equal(head(), 1);
	assert_int_equal(bar_read(&h, 0, udma(NEURON_UDMA_M2S, NEURON_UDMA_Q_STATUS)), 0);
	/* a reset of the queue ends it, and it was the only one */
	start_ring();
	copy(0, 0x1000, NEURON_ADDR_HOST | (HOST_BASE + 0x8000), 64);
	assert_int_equal(head(), 1);
	/* so does clearing: the queue goes on where it stood */
	fault("udma-stall");
	copy(1, 0x1000, NEURON_ADDR_HOST | (HOST_BASE + 0x8000), 64);
	assert_int_equal(head(), 1);
	emu_fault_clear(h.chip, "udma-stall");
	drain(&h);
	assert_int_equal(head(), 2);
	assert_int_equal(h.errors, 0);
}

static void test_udma_head_jump(void **state)
{
	start_ring();
	fault("head-jump:by=7");
	assert_int_equal(head(), 0);
	fault("head-jump:engine=0,queue=0,by=7,count=1");
	assert_int_equal(head(), 7);
	assert_int_equal(head(), 0);
}

/* A lost line stops the copy that reads it, until all of it is overwritten, by whomever. */
static void test_ecc_uncorrected(void **state)
{
	uint64_t host = NEURON_ADDR_HOST | (HOST_BASE + 0x8000);
	uint8_t *dram = emu_dram(h.chip, 0);

	start_ring();
	memset(dram + 0x2000, 5, 256);
	fault("ecc-uncorrected:channel=0,address=0x2051");
	assert_int_equal(ext(NEURON_EXT_ECC_UNCORRECTED(0)), 1);
	assert_int_equal(ext(NEURON_EXT_ECC_ADDR_LO), 0x2040);
	assert_int_equal(ext(NEURON_EXT_ECC_ADDR_HI), 0);
	copy(0, host, 0x2000, 64);
	copy(1, host, 0x2080, 64);
	assert_int_equal(head(), 2);
	copy(2, host, 0x2000, 256);
	assert_int_equal(head(), 2);
	assert_int_equal(bar_read(&h, 0, udma(NEURON_UDMA_M2S, NEURON_UDMA_Q_STATUS)),
			 NEURON_UDMA_Q_STATUS_ECC);
	assert_int_equal(h.irqs[NEURON_VECTOR_DMA], 1);
	assert_int_equal(ext(NEURON_EXT_ECC_UNCORRECTED(0)), 2);
	/* not the host's mistake */
	assert_int_equal(h.errors, 0);
	/* within device memory too */
	start_ring();
	copy(0, 0x9000, 0x2040, 8);
	assert_int_equal(head(), 0);
	/* all but the last word */
	start_ring();
	copy(0, 0x2040, host, 56);
	copy(1, host, 0x2000, 256);
	assert_int_equal(head(), 1);
	memset(dram + 0x2078, 0, 8);
	start_ring();
	copy(0, host, 0x2000, 256);
	assert_int_equal(head(), 1);
	assert_int_equal(ext(NEURON_EXT_ECC_UNCORRECTED(0)), 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest all[] = {
		T(test_grammar), T(test_kinds), T(test_after_and_count), T(test_slots),
		T(test_no_irq_keeps_status), T(test_double_irq), T(test_irq_storm),
		T(test_irq_storm_rate),
		T(test_all_ones), T(test_all_ones_after), T(test_corrupt_telemetry),
		T(test_bit_flip), T(test_dma_outside), T(test_link_down), T(test_ecc_corrected),
		T(test_udma_stall), T(test_udma_head_jump), T(test_ecc_uncorrected),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(all, NULL, NULL);
}
