/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_DRAM_H
#define _NEURON_DRAM_H

#include <linux/types.h>
#include <neuron/regs.h>

struct gen_pool;

/**
 * struct neuron_dram - what is free of a chip's DRAM
 * @pool: pages of each channel; all NULL before neuron_dram_init()
 */
struct neuron_dram {
	struct gen_pool *pool[NEURON_DRAM_CHANNELS];
};

/* 0 or -ENOMEM; neuron_dram_fini() in either case, when all ranges were given back. */
int neuron_dram_init(struct neuron_dram *dram);
void neuron_dram_fini(struct neuron_dram *dram);

/*
 * Take @length bytes (whole pages) at a multiple of @align (a power of two, at least a page)
 * from *@channel; NEURON_MEM_ANY_CHANNEL: from the channel with the longer free range if it has a
 * place, else from the other one. Returns 0 with *@channel and the device address, or -ENOSPC.
 */
int neuron_dram_take(struct neuron_dram *dram, u64 length, u64 align, u32 *channel, u64 *address);
/* Give back what was taken. */
void neuron_dram_give(struct neuron_dram *dram, u32 channel, u64 address, u64 length);

/* Snapshots, in bytes: all that is free; the longest free range of a channel. */
u64 neuron_dram_free(const struct neuron_dram *dram);
u64 neuron_dram_largest(const struct neuron_dram *dram, unsigned int channel);

#endif
