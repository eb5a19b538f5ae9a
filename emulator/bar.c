// SPDX-License-Identifier: Apache-2.0
/*
 * BAR accesses. Registers are 32 bits wide: aligned accesses of 4 bytes or a multiple
 * are carried out word by word, lower address first; others are reported and, when
 * writes, have no effect. Addresses without a register read as 0.
 */
#include <errno.h>
#include <string.h>

#include "apb.h"
#include "chip.h"
#include "ncwin.h"

uint64_t emu_bar_size(struct emu_chip *chip, unsigned int bar)
{
	switch (bar) {
	case NEURON_BAR_APB:
		return NEURON_BAR_APB_SIZE;
	case NEURON_BAR_NC:
		return NEURON_BAR_NC_SIZE;
	case NEURON_BAR_DRAM:
		return NEURON_BAR_DRAM_SIZE;
	}
	return 0;
}

static bool inside(struct emu_chip *chip, unsigned int bar, uint64_t off, size_t len)
{
	uint64_t size = emu_bar_size(chip, bar);

	return off <= size && len <= size - off;
}

static void report(struct emu_chip *chip, int err, const char *what, unsigned int bar,
		   uint64_t off, size_t len)
{
	if (err == -ENXIO)
		emu_guest_error(chip, EMU_GE_MMIO_UNKNOWN, "%s BAR%u + 0x%llx: no register there",
				what, bar,
				(unsigned long long)off);
	else if (err == -EACCES)
		emu_guest_error(chip, EMU_GE_MMIO_ACCESS,
				"%s BAR%u + 0x%llx: register is read-only", what, bar,
				(unsigned long long)off);
	else
		emu_guest_error(chip, EMU_GE_MMIO_ACCESS,
				"%s BAR%u + 0x%llx: %zu bytes, registers take aligned words of 4",
				what, bar,
				(unsigned long long)off, len);
}

static int read_word(struct emu_chip *chip, unsigned int bar, uint64_t off, uint32_t *value)
{
	if (bar == NEURON_BAR_APB)
		return emu_apb_read(chip, off, value);
	return emu_ncwin_read(chip, off, value);
}

static int write_word(struct emu_chip *chip, unsigned int bar, uint64_t off, uint32_t value)
{
	if (bar == NEURON_BAR_APB)
		return emu_apb_write(chip, off, value);
	return emu_ncwin_write(chip, off, value);
}

int emu_bar_read(struct emu_chip *chip, unsigned int bar, uint64_t off, void *buf, size_t len)
{
	uint8_t *out = buf;
	uint32_t value;
	size_t done;
	int err;

	if (!inside(chip, bar, off, len))
		return -EINVAL;
	if (emu_fault_off_bus(chip)) {
		memset(buf, 0xff, len);
		return 0;
	}
	if (bar == NEURON_BAR_DRAM) {
		(void)emu_sensors_lost(chip, off, len, true);
		emu_dram_copy(buf, chip->dram.base + off, len);
		return 0;
	}
	if (off % 4 || len % 4) {
		report(chip, -EINVAL, "read of", bar, off, len);
		memset(buf, 0, len);
		return 0;
	}
	for (done = 0; done < len; done += 4) {
		err = read_word(chip, bar, off + done, &value);
		if (err)
			report(chip, err, "read of", bar, off + done, 4);
		emu_trace(chip, "mmio", "BAR%u + 0x%llx is 0x%x", bar,
			  (unsigned long long)(off + done), value);
		memcpy(out + done, &value, 4);
	}
	return 0;
}

int emu_bar_write(struct emu_chip *chip, unsigned int bar, uint64_t off, const void *buf,
		  size_t len)
{
	const uint8_t *in = buf;
	uint32_t value;
	size_t done;
	int err;

	if (!inside(chip, bar, off, len))
		return -EINVAL;
	if (emu_fault_off_bus(chip))
		return 0;
	if (bar == NEURON_BAR_DRAM) {
		emu_dram_copy(chip->dram.base + off, buf, len);
		emu_dram_changed(&chip->dram, off, len);
		return 0;
	}
	if (off % 4 || len % 4) {
		report(chip, -EINVAL, "write to", bar, off, len);
		return 0;
	}
	for (done = 0; done < len; done += 4) {
		memcpy(&value, in + done, 4);
		emu_trace(chip, "mmio", "BAR%u + 0x%llx = 0x%x", bar,
			  (unsigned long long)(off + done), value);
		err = write_word(chip, bar, off + done, value);
		if (err)
			report(chip, err, "write to", bar, off + done, 4);
	}
	return 0;
}

int emu_bar_memory(struct emu_chip *chip, unsigned int bar, int *fd, struct emu_bar_area *areas,
		   int max)
{
	if (max < 1)
		return 0;
	switch (bar) {
	case NEURON_BAR_APB:
		if (emu_chip_silicon(chip))
			return 0;
		*fd = chip->ext.fd;
		areas[0].offset = NEURON_EXT_BASE + EMU_EXT_PAGES;
		areas[0].size = EMU_EXT_PAGES_SIZE;
		return 1;
	case NEURON_BAR_DRAM:
		/* Nobody will tell what is written through a mapping. */
		atomic_store(&chip->dram.told, false);
		*fd = chip->dram.fd;
		areas[0].offset = 0;
		areas[0].size = NEURON_BAR_DRAM_SIZE;
		return 1;
	}
	return 0;
}
