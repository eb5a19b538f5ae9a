/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chip's internal bus: 48-bit device addresses, as its DMA engines, its management
 * core and its NeuronCores see them. Reports nothing; who asked knows what it was for.
 *
 * Errors: -EFAULT nothing answers there, or not at all of the range; -EPERM host memory
 * that may not be accessed so; -EIO memory whose contents are lost; -EACCES bus mastering
 * is off; -EINVAL registers reached with anything but aligned words; -ENOLINK there is no neighbour; -ETIMEDOUT it does not
 * answer. An access that fails in the middle of host memory or of a neighbour may have
 * been carried out in part. Accesses to a neighbour may block: no lock that a register
 * access takes may be held.
 */
#ifndef EMU_BUS_H
#define EMU_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emu_chip;

enum emu_bus_side {
	EMU_BUS_SOURCE,
	EMU_BUS_DESTINATION,
};

/* @len bytes of this chip's DRAM at @addr, or NULL: a neighbour's may go at any time. */
void *emu_bus_map(struct emu_chip *chip, uint64_t addr, uint64_t len);
int emu_bus_read(struct emu_chip *chip, uint64_t addr, void *buf, size_t len);
int emu_bus_write(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len);
/* The same for a user of the library that has no PCI function: bus mastering does not matter. */
int emu_bus_read_embedded(struct emu_chip *chip, uint64_t addr, void *buf, size_t len);
int emu_bus_write_embedded(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len);

/* Copy up to 64 KiB; @bounce has room for them. @side tells where it failed. */
int emu_bus_copy(struct emu_chip *chip, uint64_t dst, uint64_t src, size_t len, void *bounce,
		 enum emu_bus_side *side);

/* As a neighbour that reached this chip through a link: the local map and nothing else. */
int emu_bus_access_local(struct emu_chip *chip, uint64_t addr, void *buf, size_t len, bool write);

/* Does the address belong to host memory? */
int emu_bus_is_host(uint64_t addr);
/* Reports @err of an access of the management core's (0: none) by name. 0 or -EFAULT. */
int emu_bus_report(struct emu_chip *chip, int err, const char *what, uint64_t addr, size_t len);
/* Words for an error: "source is not mapped". */
const char *emu_bus_reason(int err, enum emu_bus_side side);

#endif
