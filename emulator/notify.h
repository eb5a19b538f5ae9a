/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notification blocks ("putils"), one a core. The format of their entries is not
 * public, so the chip writes none: hosts configure the queues and see them stay empty.
 */
#ifndef EMU_NOTIFY_H
#define EMU_NOTIFY_H

#include <stdatomic.h>
#include <stdint.h>
#include <neuron/regs.h>

struct emu_chip;

struct emu_notify {
	_Atomic uint32_t word[NEURON_CORES][NEURON_PUTILS_SIZE / 4];
};

void emu_notify_reset(struct emu_chip *chip);
/* @off: byte in the block of @core, a multiple of 4 */
uint32_t emu_notify_read(struct emu_chip *chip, unsigned int core, uint32_t off);
void emu_notify_write(struct emu_chip *chip, unsigned int core, uint32_t off, uint32_t value);

#endif
