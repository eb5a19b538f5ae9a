// SPDX-License-Identifier: Apache-2.0
/* SBUF and PSUM storage; checking of access patterns, once per instruction. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "nc_mem.h"

#define SBUF_SIZE	((size_t)EMU_NC_SBUF_ROWS * NEURON_PARTITIONS * sizeof(uint16_t))
#define PSUM_SIZE	((size_t)EMU_NC_PSUM_ROWS * NEURON_PARTITIONS * sizeof(uint32_t))
#define HUGE_PAGE	((size_t)0x200000)

int emu_nc_mem_create(struct emu_nc_mem *mem)
{
	mem->sbuf = aligned_alloc(HUGE_PAGE, SBUF_SIZE);
	mem->psum = aligned_alloc(HUGE_PAGE, PSUM_SIZE);
	if (!mem->sbuf || !mem->psum) {
		emu_nc_mem_destroy(mem);
		return -ENOMEM;
	}
	/* Fewer TLB misses when a pattern strides over rows; only a hint. */
	madvise(mem->sbuf, SBUF_SIZE, MADV_HUGEPAGE);
	madvise(mem->psum, PSUM_SIZE, MADV_HUGEPAGE);
	emu_nc_mem_wipe(mem);
	return 0;
}

void emu_nc_mem_destroy(struct emu_nc_mem *mem)
{
	free(mem->sbuf);
	free(mem->psum);
	mem->sbuf = NULL;
	mem->psum = NULL;
}

void emu_nc_mem_wipe(struct emu_nc_mem *mem)
{
	memset(mem->sbuf, 0, SBUF_SIZE);
	memset(mem->psum, 0, PSUM_SIZE);
}

unsigned int emu_nc_dtype_size(unsigned int dtype)
{
#define SIZE(code, id, bytes) [NEURON_##id] = (bytes),
	static const uint8_t size[] = { NEURON_ISA_DTYPES(SIZE) };
#undef SIZE

	return dtype < sizeof(size) ? size[dtype] : 0;
}

bool emu_nc_counts_init(struct emu_nc_counts *c, const uint16_t count[4], uint32_t max)
{
	uint64_t n = 1;

	for (int d = 0; d < 4; d++) {
		c->count[d] = count[d];
		n *= count[d];
	}
	if (!n || n > max)	/* four 16-bit factors: no overflow */
		return false;
	c->n = (uint32_t)n;
	return true;
}

bool emu_nc_ap_init(struct emu_nc_ap *ap, const struct emu_nc_counts *c, uint32_t addr,
		    const int16_t step[4], unsigned int parts, unsigned int dtype)
{
	int32_t size = (int32_t)emu_nc_dtype_size(dtype), limit;
	int64_t low, high;

	ap->psum = addr & NEURON_LOCAL_PSUM;
	ap->part = addr / NEURON_LOCAL_PARTITION % NEURON_PARTITIONS;
	ap->parts = (uint8_t)parts;
	ap->dtype = (uint8_t)dtype;
	ap->base = addr & NEURON_LOCAL_OFFSET;
	limit = ap->psum ? NEURON_PSUM_BYTES : NEURON_SBUF_BYTES;

	if (!size || ap->base % size || (ap->psum && size != 4))
		return false;
	if (!parts || ap->part + parts > NEURON_PARTITIONS)
		return false;

	low = high = ap->base;
	for (int d = 0; d < 4; d++) {
		int64_t span;

		/* A step that is never taken may be anything; 0 keeps the walk in range. */
		ap->step[d] = step && c->count[d] > 1 ? step[d] * size : 0;
		span = (int64_t)ap->step[d] * (c->count[d] - 1);
		*(span < 0 ? &low : &high) += span;
	}
	ap->low = (int32_t)low;		/* not right where false is returned */
	ap->high = (int32_t)high + size;
	return low >= 0 && high + size <= limit;
}

bool emu_nc_ap_disjoint(const struct emu_nc_ap *a, const struct emu_nc_ap *b)
{
	return a->psum != b->psum || a->high <= b->low || b->high <= a->low ||
	       a->part + a->parts <= b->part || b->part + b->parts <= a->part;
}

/* Each loop, from the smallest step on, goes beyond all that the smaller ones reach. */
bool emu_nc_ap_apart(const struct emu_nc_ap *ap, const struct emu_nc_counts *c)
{
	int64_t reach = (int64_t)emu_nc_dtype_size(ap->dtype);
	bool done[4] = {};

	for (int n = 0; n < 4; n++) {
		int best = -1;

		for (int d = 0; d < 4; d++)
			if (!done[d] && (best < 0 || llabs(ap->step[d]) < llabs(ap->step[best])))
				best = d;
		done[best] = true;
		if (c->count[best] == 1)
			continue;
		if (llabs(ap->step[best]) < reach)
			return false;
		reach += llabs(ap->step[best]) * (int64_t)(c->count[best] - 1);
	}
	return true;
}

static bool continues(const struct emu_nc_runs *r, const struct emu_nc_ap *const ap[], int d)
{
	for (unsigned int j = 0; j < r->n; j++)
		if (ap[j]->step[d] != r->step[j] * (int32_t)r->columns)
			return false;
	return true;
}

void emu_nc_runs_init(struct emu_nc_runs *r, const struct emu_nc_counts *c,
		      const struct emu_nc_ap *const ap[], unsigned int n)
{
	int d = 3;

	while (d > 0 && c->count[d] == 1)
		d--;
	r->columns = c->count[d];
	r->n = n;
	r->loops = 0;
	for (unsigned int j = 0; j < n; j++) {
		r->step[j] = ap[j]->step[d];
		r->off[j] = ap[j]->base;
	}
	while (--d >= 0 && (c->count[d] == 1 || continues(r, ap, d)))
		r->columns *= c->count[d];
	for (int o = 0; o <= d; o++) {
		if (c->count[o] == 1)
			continue;
		r->count[r->loops] = c->count[o];
		r->i[r->loops] = 0;
		for (unsigned int j = 0; j < n; j++)
			r->outer[r->loops][j] = ap[j]->step[o];
		r->loops++;
	}
}

bool emu_nc_runs_next(struct emu_nc_runs *r)
{
	for (unsigned int o = r->loops; o-- > 0; ) {
		if (++r->i[o] < r->count[o]) {
			for (unsigned int j = 0; j < r->n; j++)
				r->off[j] += r->outer[o][j];
			return true;
		}
		r->i[o] = 0;
		for (unsigned int j = 0; j < r->n; j++)
			r->off[j] -= r->outer[o][j] * (int32_t)(r->count[o] - 1);
	}
	return false;
}
