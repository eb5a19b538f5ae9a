// SPDX-License-Identifier: GPL-2.0
/*
 * The allocator of device DRAM: pages of two channels, by genalloc. It touches no device.
 *
 * Locking: genalloc has its own; any context that may sleep.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/neuron.h>

#include "neuron_dram.h"
#include "neuron_range.h"

/* genalloc means failure by 0, which is an address of DRAM. Aligned like a whole channel. */
#define NEURON_POOL_BASE	BIT_ULL(40)
/* It has an int for alignments. */
#define NEURON_GENALLOC_ALIGN	BIT_ULL(30)

static const u64 neuron_channel_address[NEURON_DRAM_CHANNELS] = {
	NEURON_ADDR_DRAM0, NEURON_ADDR_DRAM1,
};

int neuron_dram_init(struct neuron_dram *dram)
{
	unsigned int i;
	int ret;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++) {
		dram->pool[i] = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
		if (!dram->pool[i])
			return -ENOMEM;
		ret = gen_pool_add(dram->pool[i], NEURON_POOL_BASE, NEURON_DRAM_CHANNEL_SIZE,
				   NUMA_NO_NODE);
		if (ret)
			return ret;
	}
	return 0;
}

void neuron_dram_fini(struct neuron_dram *dram)
{
	unsigned int i;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		if (dram->pool[i])
			gen_pool_destroy(dram->pool[i]);
}

u64 neuron_dram_free(const struct neuron_dram *dram)
{
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		bytes += gen_pool_avail(dram->pool[i]);
	return bytes;
}

u64 neuron_dram_largest(const struct neuron_dram *dram, unsigned int channel)
{
	struct gen_pool_chunk *chunk;

	/* The one that neuron_dram_init() added. Allocations go on meanwhile: it is a snapshot. */
	chunk = list_first_entry(&dram->pool[channel]->chunks, struct gen_pool_chunk, next_chunk);
	return (u64)neuron_range_largest(chunk->bits, NEURON_DRAM_CHANNEL_SIZE >> PAGE_SHIFT) <<
		PAGE_SHIFT;
}

static unsigned long neuron_dram_fit(struct gen_pool *pool, u64 length, u64 align)
{
	struct genpool_data_align first = { .align = align };
	struct genpool_data_fixed there = { .offset = 0 };
	unsigned long addr = 0;

	if (align <= NEURON_GENALLOC_ALIGN)
		return gen_pool_alloc_algo(pool, length, gen_pool_first_fit_align, &first);
	/* Few places are that well aligned. */
	for (; !addr && there.offset < NEURON_DRAM_CHANNEL_SIZE; there.offset += align)
		addr = gen_pool_alloc_algo(pool, length, gen_pool_fixed_alloc, &there);
	return addr;
}

int neuron_dram_take(struct neuron_dram *dram, u64 length, u64 align, u32 *channel, u64 *address)
{
	unsigned long addr;
	unsigned int i, n;

	n = *channel != NEURON_MEM_ANY_CHANNEL ? *channel :
	    neuron_dram_largest(dram, 1) > neuron_dram_largest(dram, 0);
	for (i = 0; i < NEURON_DRAM_CHANNELS; i++, n ^= 1) {
		addr = neuron_dram_fit(dram->pool[n], length, align);
		if (addr) {
			*channel = n;
			*address = neuron_channel_address[n] + (addr - NEURON_POOL_BASE);
			return 0;
		}
		if (*channel != NEURON_MEM_ANY_CHANNEL)
			break;
	}
	return -ENOSPC;
}

void neuron_dram_give(struct neuron_dram *dram, u32 channel, u64 address, u64 length)
{
	gen_pool_free(dram->pool[channel],
		      address - neuron_channel_address[channel] + NEURON_POOL_BASE, length);
}
