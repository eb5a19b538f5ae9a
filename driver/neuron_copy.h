/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_COPY_H
#define _NEURON_COPY_H

#include <linux/types.h>

struct neuron_device;
struct neuron_dma_batch;
struct neuron_file;
struct neuron_mem;
struct neuron_udma_ring;

/**
 * struct neuron_copy_op - a copy or a fill between objects; ranges have been checked
 * @src: what is copied, or NULL: fill with @pattern
 */
struct neuron_copy_op {
	struct neuron_mem *src;
	struct neuron_mem *dst;
	u64 src_offset;
	u64 dst_offset;
	u64 length;
	u32 pattern;
};

/*
 * Cut the next chunk of a batch into descriptors. 0, or why it cannot go on (-ESTALE: memory
 * was taken back). After 0 the chunk's memory is in use until neuron_copy_release().
 */
int neuron_copy_cut(struct neuron_udma_ring *ring, struct neuron_dma_batch *batch);
void neuron_copy_release(struct neuron_dma_batch *batch);
/* Operation that descriptor @index of the chunk belongs to. Its memory still is in use. */
u32 neuron_copy_find(struct neuron_dma_batch *batch, u32 index);

/*
 * Fill all of @mem with zeros. With ndev->rwsem held. -EINTR: killed; the memory stays until
 * the chip has let go of it, whatever the caller does.
 */
int neuron_copy_zero(struct neuron_file *nf, struct neuron_mem *mem);

#endif
