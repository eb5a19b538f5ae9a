/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First-fit allocator of address ranges. Not thread-safe: the owner locks.
 */
#ifndef NRT_RANGE_ALLOC_H
#define NRT_RANGE_ALLOC_H

#include <stdint.h>

struct nrt_range;

/** struct nrt_ranges - free ranges, by address; zero-initialised it has none */
struct nrt_ranges {
	struct nrt_range *first;
};

/*
 * Give a range to the allocator: at first the whole, later what was allocated.
 * -ENOMEM: it is lost.
 */
int nrt_ranges_free(struct nrt_ranges *ranges, uint64_t start, uint64_t size);
/* -ENOSPC, -ENOMEM; @align is a power of two. */
int nrt_ranges_alloc(struct nrt_ranges *ranges, uint64_t size, uint64_t align, uint64_t *start);
/* Bytes that are free, and of the largest range of them. */
void nrt_ranges_sum(const struct nrt_ranges *ranges, uint64_t *total, uint64_t *largest);
void nrt_ranges_destroy(struct nrt_ranges *ranges);

#endif
