/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nothing in the chip may reach: ranges that a test names by emu_guard_set(). An access to one is carried out
 * as any other, but counted and reported as guest error "guard", a read like a write. So tests of isolation have a
 * judge that depends neither on what is in the memory nor on the checks of whoever makes the access. Guards belong
 * to the test bench: they stay over resets.
 *
 * All that reaches memory tells it here before: cores and UDMA queues through watch.h.
 */
#ifndef EMU_GUARD_H
#define EMU_GUARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "emu.h"

#define EMU_GUARDS	8192	/* at most */

struct emu_chip;

struct emu_guards {
	pthread_mutex_t lock;		/* innermost; covers all but @any */
	atomic_bool any;
	struct emu_guard_info *guard;	/* sorted by address, apart from each other */
	unsigned int count;
	unsigned int room;
};

void emu_guard_init(struct emu_chip *chip);
void emu_guard_fini(struct emu_chip *chip);

/* Is anything of @len bytes at device address @addr guarded? */
bool emu_guard_meets(struct emu_chip *chip, uint64_t addr, uint64_t len);

/* An access. What follows is a format that says who makes it. Not with an innermost lock held. */
#define emu_guard(chip, addr, len, write, ...) \
	do { \
		if (atomic_load_explicit(&(chip)->guards.any, memory_order_relaxed)) \
			emu_guard_access(chip, addr, len, write, __VA_ARGS__); \
	} while (0)
void emu_guard_access(struct emu_chip *chip, uint64_t addr, uint64_t len, bool write,
		      const char *who, ...)
	__attribute__((format(printf, 5, 6)));

#endif
