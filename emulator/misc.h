/* SPDX-License-Identifier: Apache-2.0 */
/* Misc RAM: 4 KiB shared by host and firmware, with one doorbell in it. */
#ifndef EMU_MISC_H
#define EMU_MISC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <neuron/regs.h>

struct emu_chip;

struct emu_misc {
	_Atomic uint32_t word[NEURON_MISC_SIZE / 4];
	_Atomic uint64_t fwio_response;	/* where hosts want their answers; for faults */
	bool fwio_drop;			/* service thread's: the answer in progress is lost */
};

void emu_misc_reset(struct emu_chip *chip);
/* Access of a host or a DMA engine at a multiple of 4: the doorbell rings. */
uint32_t emu_misc_read(struct emu_chip *chip, uint32_t off);
void emu_misc_write(struct emu_chip *chip, uint32_t off, uint32_t value);
/* Access of firmware: plain memory. */
uint32_t emu_misc_peek(struct emu_chip *chip, uint32_t off);
void emu_misc_poke(struct emu_chip *chip, uint32_t off, uint32_t value);

#endif
