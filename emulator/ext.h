/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extension block of <neuron/ext.h>: identity, management core control, NeuronCore
 * queues' registers, MSI-X table, and the two pages that hosts map.
 */
#ifndef EMU_EXT_H
#define EMU_EXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <neuron/ext.h>

struct emu_chip;

#define EMU_EXT_PAGES		NEURON_EXT_DOORBELL
#define EMU_EXT_PAGES_SIZE	(NEURON_EXT_STATUS + 0x1000 - NEURON_EXT_DOORBELL)

struct emu_ext {
	_Atomic uint32_t reg[NEURON_EXT_QUEUE(NEURON_QUEUES) / 4];
	_Atomic uint32_t msix[NEURON_VECTORS * 4];
	int fd;				/* memfd of BAR0's size; only the pages below have memory */
	_Atomic uint32_t *pages;	/* doorbell and status page; hosts may scribble on both */
	_Atomic uint32_t tail[NEURON_QUEUES];	/* doorbells as last seen */
	_Atomic uint64_t queue_ctrl;	/* queues with news for firmware */
	_Atomic uint64_t queue_tail;
	_Atomic uint64_t enabled;	/* queues whose doorbells are worth watching */
	_Atomic uint32_t boot;		/* NEURON_FW_CTRL_* that waits for the service thread */
};

int emu_ext_init(struct emu_chip *chip);
void emu_ext_fini(struct emu_chip *chip);
/* The log and the crash record of firmware are lost at power-on only. */
void emu_ext_reset(struct emu_chip *chip, bool power);

/* As a host: @off a multiple of 4. -ENXIO: no register; -EACCES: read-only. */
int emu_ext_read(struct emu_chip *chip, uint32_t off, uint32_t *value);
int emu_ext_write(struct emu_chip *chip, uint32_t off, uint32_t value);

/*
 * As firmware: no strobes. EVENTS and IRQ_STATUS bits are added, so that the host's
 * clearing of others cannot be undone.
 */
uint32_t emu_ext_peek(struct emu_chip *chip, uint32_t off);
void emu_ext_poke(struct emu_chip *chip, uint32_t off, uint32_t value);

/* Compare doorbells with what was seen; true if a queue has news, which firmware is told. */
bool emu_ext_scan(struct emu_chip *chip);
/* The same without telling. */
bool emu_ext_rung(struct emu_chip *chip);
/* A word of the status page. */
void emu_ext_status(struct emu_chip *chip, uint32_t off, uint32_t value);
void emu_ext_set_polling(struct emu_chip *chip, bool polling);
/* A line for the log window; service thread only. */
void emu_ext_log(struct emu_chip *chip, const char *line);
/* The loader's verdict: state, status page, event and interrupt. */
void emu_ext_fw_state(struct emu_chip *chip, uint32_t state, uint32_t boot_error);

#endif
