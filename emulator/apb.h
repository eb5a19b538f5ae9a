/* SPDX-License-Identifier: Apache-2.0 */
/* APB space (BAR0): which block answers at which offset. */
#ifndef EMU_APB_H
#define EMU_APB_H

#include <stdint.h>

struct emu_chip;

/* @off: a multiple of 4 inside BAR0. -ENXIO: no register; -EACCES: not this direction. */
int emu_apb_read(struct emu_chip *chip, uint32_t off, uint32_t *value);
int emu_apb_write(struct emu_chip *chip, uint32_t off, uint32_t value);

#endif
