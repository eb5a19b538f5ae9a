/* SPDX-License-Identifier: Apache-2.0 */
/* Device DRAM: one sparse memfd, channel 0 then channel 1, as BAR4 shows it. */
#ifndef EMU_DRAM_H
#define EMU_DRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_DRAM_GRANULE	0x10000u

/*
 * @stamp: counts the writes to each granule. They mean something only while @told: everybody
 * who writes tells, and nobody has a mapping of his own.
 */
struct emu_dram {
	int fd;
	uint8_t *base;
	_Atomic uint32_t *stamp;
	atomic_bool told;
};

/* A sealed memfd that can neither shrink nor grow, so that no mapping of it can fault. */
int emu_memfd(const char *name, uint64_t size);

int emu_dram_init(struct emu_dram *dram, bool told);
void emu_dram_fini(struct emu_dram *dram);

/*
 * To, from, or within DRAM, also while others are at the same bytes: those are the host's affair (which
 * is why tests/tsan.supp knows this function; nothing else may go through it).
 */
void emu_dram_copy(void *to, const void *from, size_t len) __attribute__((noinline));

/* [offset, offset + len) has been written: after the write, by whoever made it. */
void emu_dram_changed(struct emu_dram *dram, uint64_t offset, uint64_t len);
/*
 * A number that is another one after every write to any byte of the range, and not 0; 0 while
 * writes are not all told. Take it before reading what it is to stand for.
 */
uint64_t emu_dram_stamp(struct emu_dram *dram, uint64_t offset, uint64_t len);

#endif
