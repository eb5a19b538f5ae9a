// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: any sequence of BAR and configuration accesses, of any size, with rings and
 * other host memory that the input fills, and faults set in between.
 *
 * An input is records of 8 bytes: operation, selector, 16-bit argument, 32-bit value.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/ext.h>
#include <neuron/regs.h>
#include <neuron/udma.h>

#include "chip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
	uint8_t op;
	uint8_t where;
	uint16_t arg;
	uint32_t value;
};

/* Where something happens; the rest of the offset is the record's argument. */
static const struct {
	unsigned int bar;
	uint32_t base;
} places[] = {
	{ 0, NEURON_APB_UDMA(0, 0) + NEURON_UDMA_M2S },
	{ 0, NEURON_APB_UDMA(0, 0) + NEURON_UDMA_M2S + NEURON_UDMA_QUEUE(0) },
	{ 0, NEURON_APB_UDMA(0, 0) + NEURON_UDMA_S2M },
	{ 0, NEURON_APB_UDMA(0, 0) + NEURON_UDMA_S2M + NEURON_UDMA_QUEUE(0) },
	{ 0, NEURON_APB_TDMA(0, 0) },
	{ 0, NEURON_PUTILS(0) }, { 0, NEURON_PUTILS(0) + 0x1000 },
	{ 0, NEURON_EXT_BASE }, { 0, NEURON_EXT_BASE + NEURON_EXT_QUEUE(0) },
	{ 0, NEURON_EXT_BASE + NEURON_EXT_DOORBELL }, { 0, NEURON_EXT_BASE + NEURON_EXT_MSIX_TABLE },
	{ 0, NEURON_MISC_BASE },
	{ 2, NEURON_NC_EVENTS }, { 2, NEURON_NC_SEM_READ }, { 2, NEURON_NC_PE_FIFO },
	{ 4, 0 }, { 4, 0xfffff000 },
};

static void access_bar(struct emu_chip *chip, const struct record *r, bool write)
{
	static uint8_t buf[256];
	unsigned int i = r->where % (sizeof(places) / sizeof(places[0]));
	size_t len = r->op & 0x10 ? r->arg >> 12 << 2 : 4;
	uint64_t off = (uint64_t)places[i].base + (r->arg & 0xfff);

	/* odd accesses too, but most are words */
	if (r->op & 0x20)
		len += r->value & 3;
	else
		off &= ~3ull;
	memset(buf, r->value >> 8, sizeof(buf));
	memcpy(buf, &r->value, 4);
	if (write)
		emu_bar_write(chip, places[i].bar, off, buf, len);
	else
		emu_bar_read(chip, places[i].bar, off, buf, len);
}

static void access_config(struct emu_chip *chip, const struct record *r, bool write)
{
	uint32_t value = r->value;
	uint32_t off = r->arg & 0x1fff;
	size_t len = r->where % 5;

	if (write)
		emu_config_write(chip, off, &value, len);
	else
		emu_config_read(chip, off, &value, len);
}

/* Words of host memory: descriptors and the like. Addresses in it are likely to lead there. */
static void fill_host(const struct record *r, struct fuzz_input *in)
{
	uint32_t at = r->arg * 16u % (FUZZ_HOST_SIZE - 64);

	fuzz_take(in, fuzz_host + at, r->where % 64);
}

static void set_fault(struct emu_chip *chip, const struct record *r)
{
	const char *name, *meaning;
	char keys[160], spec[64];

	if (!emu_fault_describe(r->where % 22, &name, &meaning, keys, sizeof(keys)))
		abort();
	/* a storm is as endless as it is meant to be */
	if (!strcmp(name, "irq-storm"))
		return;
	if (r->arg & 1)
		emu_fault_clear(chip, name);
	strcpy(spec, name);
	emu_fault_set(chip, spec, NULL, 0);
}

/* Is the whole record done with? Else the input ends. */
static void carry_out(struct emu_chip *chip, const struct record *r, struct fuzz_input *in)
{
	switch (r->op & 0xf) {
	default:
		access_bar(chip, r, true);
		break;
	case 1:
		access_bar(chip, r, false);
		break;
	case 2:
		access_config(chip, r, true);
		break;
	case 3:
		access_config(chip, r, false);
		break;
	case 4:
	case 5:
		fill_host(r, in);
		break;
	case 6:
	case 7:
		fuzz_run(chip, 16);
		break;
	case 8:
		if (r->arg < 64)
			emu_reset(chip, EMU_RESET_FUNCTION);
		break;
	case 9:
		set_fault(chip, r);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct emu_chip *chip = fuzz_chip(false);
	struct record r;

	while (fuzz_take(&in, &r, sizeof(r)))
		carry_out(chip, &r, &in);
	fuzz_run(chip, 64);
	return 0;
}
