// SPDX-License-Identifier: Apache-2.0
/* APB decode: NeuronCore blocks (TDMA wrappers and UDMA), putils, extension block, misc RAM. */
#include <errno.h>

#include "apb.h"
#include "chip.h"

struct place {
	enum { NOTHING, TDMA, UDMA, PUTILS, EXT, MISC } block;
	unsigned int unit;		/* core, or UDMA engine */
	unsigned int wrapper;
	uint32_t off;
};

static struct place decode_nc(uint32_t off)
{
	struct place p = { .unit = off / NEURON_APB_NC_SIZE };
	uint32_t in = off % NEURON_APB_NC_SIZE;

	if (in < NEURON_UDMA_PER_NC * NEURON_TDMA_SIZE) {
		p.block = TDMA;
		p.wrapper = in / NEURON_TDMA_SIZE;
		p.off = in % NEURON_TDMA_SIZE;
	} else if (in >= NEURON_APB_UDMA(0, 0)) {
		in -= NEURON_APB_UDMA(0, 0);
		p.unit = p.unit * NEURON_UDMA_PER_NC + in / NEURON_UDMA_SIZE;
		p.off = in % NEURON_UDMA_SIZE;
		p.block = emu_udma_known(p.off) ? UDMA : NOTHING;
	}
	return p;
}

static struct place decode(struct emu_chip *chip, uint32_t off)
{
	const uint32_t stride = NEURON_PUTILS(1) - NEURON_PUTILS(0);
	struct place p = { 0 };

	if (off < NEURON_CORES * NEURON_APB_NC_SIZE)
		return decode_nc(off);
	if (off >= NEURON_PUTILS(0) && off < NEURON_PUTILS(NEURON_CORES) &&
	    (off - NEURON_PUTILS(0)) % stride < NEURON_PUTILS_SIZE) {
		p.block = PUTILS;
		p.unit = (off - NEURON_PUTILS(0)) / stride;
		p.off = (off - NEURON_PUTILS(0)) % stride;
	} else if (off >= NEURON_EXT_BASE && off < NEURON_EXT_BASE + NEURON_EXT_SIZE) {
		p.block = emu_chip_silicon(chip) ? NOTHING : EXT;
		p.off = off - NEURON_EXT_BASE;
	} else if (off >= NEURON_MISC_BASE && off < NEURON_MISC_BASE + NEURON_MISC_SIZE) {
		p.block = MISC;
		p.off = off - NEURON_MISC_BASE;
	}
	return p;
}

int emu_apb_read(struct emu_chip *chip, uint32_t off, uint32_t *value)
{
	struct place p = decode(chip, off);

	*value = 0;
	switch (p.block) {
	case TDMA:
		*value = chip->udma.tdma[p.unit][p.wrapper][p.off / 4];
		return 0;
	case UDMA:
		*value = emu_udma_read(chip, p.unit, p.off);
		return 0;
	case PUTILS:
		*value = emu_notify_read(chip, p.unit, p.off);
		return 0;
	case EXT:
		return emu_ext_read(chip, p.off, value);
	case MISC:
		*value = emu_misc_read(chip, p.off);
		return 0;
	case NOTHING:
		break;
	}
	return -ENXIO;
}

int emu_apb_write(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	struct place p = decode(chip, off);

	switch (p.block) {
	case TDMA:
		chip->udma.tdma[p.unit][p.wrapper][p.off / 4] = value;
		return 0;
	case UDMA:
		emu_udma_write(chip, p.unit, p.off, value);
		return 0;
	case PUTILS:
		emu_notify_write(chip, p.unit, p.off, value);
		return 0;
	case EXT:
		return emu_ext_write(chip, p.off, value);
	case MISC:
		emu_misc_write(chip, p.off, value);
		return 0;
	case NOTHING:
		break;
	}
	return -ENXIO;
}
