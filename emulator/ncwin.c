// SPDX-License-Identifier: Apache-2.0
/* NeuronCore windows: the registers of a core that hosts and DMA engines reach. */
#include <errno.h>

#include "chip.h"
#include "nc.h"
#include "ncwin.h"

#define SEM_BYTES	(NEURON_NC_SEM_COUNT * 4)

static struct emu_nc *nc_of(struct emu_chip *chip, uint32_t off)
{
	return chip->core[off / NEURON_NC_WINDOW_SIZE].nc;
}

static bool inside(uint32_t off, uint32_t base, uint32_t size)
{
	return off >= base && off - base < size;
}

static int pe_fifo(struct emu_chip *chip, uint32_t off)
{
	emu_guest_error(chip, EMU_GE_PE_FIFO, "BAR2 + 0x%x: use NeuronCore queues to run code",
			off);
	return 0;
}

int emu_ncwin_read(struct emu_chip *chip, uint32_t off, uint32_t *value)
{
	uint32_t reg = off % NEURON_NC_WINDOW_SIZE;
	struct emu_nc *nc = nc_of(chip, off);

	*value = 0;
	if (inside(reg, NEURON_NC_EVENTS, NEURON_NC_EVENT_COUNT * 4)) {
		*value = emu_nc_event_read(nc, (reg - NEURON_NC_EVENTS) / 4);
		return 0;
	}
	if (inside(reg, NEURON_NC_SEM_READ, SEM_BYTES)) {
		*value = emu_nc_sem_read(nc, (reg - NEURON_NC_SEM_READ) / 4);
		return 0;
	}
	/* Write-only on paper; a harmless answer is the value that they work on. */
	if (inside(reg, NEURON_NC_SEM_SET, SEM_BYTES) ||
	    inside(reg, NEURON_NC_SEM_INC, SEM_BYTES) ||
	    inside(reg, NEURON_NC_SEM_DEC, SEM_BYTES)) {
		*value = emu_nc_sem_read(nc, reg % 0x100 / 4);
		return 0;
	}
	if (inside(reg, NEURON_NC_PE_FIFO, NEURON_NC_PE_FIFO_SIZE))
		return pe_fifo(chip, off);
	return -ENXIO;
}

static void write_event(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	unsigned int event = (off % NEURON_NC_WINDOW_SIZE - NEURON_NC_EVENTS) / 4;

	if (!emu_nc_event_write(nc_of(chip, off), event, value) && value)
		emu_notify_event(chip, off / NEURON_NC_WINDOW_SIZE, event, value);
}

int emu_ncwin_write(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	uint32_t reg = off % NEURON_NC_WINDOW_SIZE;
	struct emu_nc *nc = nc_of(chip, off);

	if (inside(reg, NEURON_NC_EVENTS, NEURON_NC_EVENT_COUNT * 4))
		write_event(chip, off, value);
	else if (inside(reg, NEURON_NC_SEM_SET, SEM_BYTES))
		emu_nc_sem_set(nc, (reg - NEURON_NC_SEM_SET) / 4, value);
	else if (inside(reg, NEURON_NC_SEM_INC, SEM_BYTES))
		emu_nc_sem_add(nc, (reg - NEURON_NC_SEM_INC) / 4, (int32_t)value);
	else if (inside(reg, NEURON_NC_SEM_DEC, SEM_BYTES))
		emu_nc_sem_add(nc, (reg - NEURON_NC_SEM_DEC) / 4, (int32_t)(0u - value));
	else if (inside(reg, NEURON_NC_PE_FIFO, NEURON_NC_PE_FIFO_SIZE))
		return pe_fifo(chip, off);
	else if (inside(reg, NEURON_NC_SEM_READ, SEM_BYTES))
		return -EACCES;
	else
		return -ENXIO;
	return 0;
}
