/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First-come allocation in one memory, by time and space.
 */
#ifndef NCC_ALLOCATE_H
#define NCC_ALLOCATE_H

#include <stdint.h>

#include "program.h"

#define NCC_GRANULE	64	/* bytes; buffers never share one */

/* How a memory is in use: for each granule the last instruction that touches what is there. */
struct ncc_space {
	uint32_t granules;
	int32_t *until;
};

void ncc_space_init(struct ncc_arena *arena, struct ncc_space *s, uint32_t bytes);

/* What a buffer is for. */
enum ncc_stay {
	NCC_STAY_ANY,
	NCC_STAY_VALUE,		/* of the graph: at the lowest address, since it stays */
	NCC_STAY_SHORT,		/* on the way: in the lower half if there is room */
	NCC_STAY_CONSTANT,	/* in the upper half if there is room: apart from what is computed */
};

/*
 * Room for @bytes from instruction @first to @last. But for values least recently used first, so
 * that the engines do not wait for each other.
 * Returns the address, or -ENOSPC. Calls must come in the order of @first.
 */
int64_t ncc_space_take(struct ncc_space *s, uint32_t bytes, int32_t first, int32_t last,
		       enum ncc_stay stay);
/* Granules in use at instruction @at. */
uint32_t ncc_space_used(const struct ncc_space *s, int32_t at);

#endif
