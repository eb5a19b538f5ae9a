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
/*
 * Room for @bytes from instruction @first to @last. Least recently used first, so that
 * the engines do not wait for each other; @low: at the lowest address, for what stays.
 * Returns the address, or -ENOSPC. Calls must come in the order of @first.
 */
int64_t ncc_space_take(struct ncc_space *s, uint32_t bytes, int32_t first, int32_t last, bool low);
/* Granules in use at instruction @at. */
uint32_t ncc_space_used(const struct ncc_space *s, int32_t at);

#endif
