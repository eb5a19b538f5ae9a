/* SPDX-License-Identifier: Apache-2.0 */
/* NeuronCore windows (BAR2): events, semaphores, and the PE instruction FIFO. */
#ifndef EMU_NCWIN_H
#define EMU_NCWIN_H

#include <stdint.h>

struct emu_chip;

/* @off: byte in BAR2, a multiple of 4. -ENXIO: no register; -EACCES: not this direction. */
int emu_ncwin_read(struct emu_chip *chip, uint32_t off, uint32_t *value);
int emu_ncwin_write(struct emu_chip *chip, uint32_t off, uint32_t value);

#endif
