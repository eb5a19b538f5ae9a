/* SPDX-License-Identifier: Apache-2.0 */
/* Device DRAM: one sparse memfd, channel 0 then channel 1, as BAR4 shows it. */
#ifndef EMU_DRAM_H
#define EMU_DRAM_H

#include <stddef.h>
#include <stdint.h>

struct emu_dram {
	int fd;
	uint8_t *base;
};

/* A sealed memfd that can neither shrink nor grow, so that no mapping of it can fault. */
int emu_memfd(const char *name, uint64_t size);

int emu_dram_init(struct emu_dram *dram);
void emu_dram_fini(struct emu_dram *dram);

/*
 * To, from, or within DRAM, also while others are at the same bytes: those are the host's affair (which
 * is why tests/tsan.supp knows this function; nothing else may go through it).
 */
void emu_dram_copy(void *to, const void *from, size_t len) __attribute__((noinline));

#endif
