// SPDX-License-Identifier: Apache-2.0
/*
 * First-fit allocator of address ranges: a sorted list of what is free, neighbours merged.
 */
#include <errno.h>
#include <stdlib.h>

#include "range_alloc.h"

struct nrt_range {
	struct nrt_range *next;
	uint64_t start;
	uint64_t size;
};

static struct nrt_range *new_range(struct nrt_range *next, uint64_t start, uint64_t size)
{
	struct nrt_range *r = malloc(sizeof(*r));

	if (r)
		*r = (struct nrt_range) { next, start, size };
	return r;
}

static void merge_with_next(struct nrt_range *r)
{
	struct nrt_range *next = r->next;

	if (!next || r->start + r->size != next->start)
		return;
	r->size += next->size;
	r->next = next->next;
	free(next);
}

int nrt_ranges_free(struct nrt_ranges *ranges, uint64_t start, uint64_t size)
{
	struct nrt_range **link = &ranges->first, *before = NULL, *r;

	while (*link && (*link)->start < start) {
		before = *link;
		link = &before->next;
	}
	r = new_range(*link, start, size);
	if (!r)
		return -ENOMEM;
	*link = r;
	merge_with_next(r);
	if (before)
		merge_with_next(before);
	return 0;
}

int nrt_ranges_alloc(struct nrt_ranges *ranges, uint64_t size, uint64_t align, uint64_t *start)
{
	struct nrt_range **link;

	for (link = &ranges->first; *link; link = &(*link)->next) {
		struct nrt_range *r = *link, *tail;
		uint64_t skip = -r->start & (align - 1);
		uint64_t rest;

		if (r->size < skip || r->size - skip < size)
			continue;
		*start = r->start + skip;
		rest = r->size - skip - size;
		if (rest && skip) {
			tail = new_range(r->next, *start + size, rest);
			if (!tail)
				return -ENOMEM;
			r->next = tail;
			r->size = skip;
		} else if (rest) {
			r->start = *start + size;
			r->size = rest;
		} else if (skip) {
			r->size = skip;
		} else {
			*link = r->next;
			free(r);
		}
		return 0;
	}
	return -ENOSPC;
}

void nrt_ranges_sum(const struct nrt_ranges *ranges, uint64_t *total, uint64_t *largest)
{
	const struct nrt_range *r;

	*total = *largest = 0;
	for (r = ranges->first; r; r = r->next) {
		*total += r->size;
		if (r->size > *largest)
			*largest = r->size;
	}
}

void nrt_ranges_destroy(struct nrt_ranges *ranges)
{
	while (ranges->first) {
		struct nrt_range *r = ranges->first;

		ranges->first = r->next;
		free(r);
	}
}
