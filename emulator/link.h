/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links to the neighbour chips, as the chip sees them: which are up, and accesses to
 * them through the owner's callbacks. How the chips are wired is the owner's business.
 */
#ifndef EMU_LINK_H
#define EMU_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emu_chip;

/* NEURON_FW_STATUS_EAST | _WEST of the links that are up. Any thread. */
uint32_t emu_link_status(struct emu_chip *chip);

/*
 * @addr: device address in the east or west space. May block, see struct emu_config.
 * -ENOLINK, -ETIMEDOUT, -EINVAL, -EFAULT as on the bus.
 */
int emu_link_access(struct emu_chip *chip, uint64_t addr, void *buf, size_t len, bool write);

#endif
