// SPDX-License-Identifier: GPL-2.0
/*
 * Copies and fills between memory objects, cut into descriptors chunk by chunk.
 *
 * Locking: a batch and a ring belong to who owns the channel that the batch is on. Memory is
 * in use from neuron_copy_cut() to neuron_copy_release(): who takes it back waits that long.
 */
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "neuron.h"
#include "neuron_copy.h"
#include "neuron_dma.h"
#include "neuron_file.h"
#include "neuron_mem.h"

/* Bytes that one batch may copy before another file gets its turn. */
#define NEURON_CHUNK_BYTES	SZ_4M

static int neuron_copy_use(const struct neuron_copy_op *op)
{
	int ret = op->src ? neuron_mem_use_begin(op->src) : 0;

	if (ret)
		return ret;
	ret = neuron_mem_use_begin(op->dst);
	if (ret && op->src)
		neuron_mem_use_end(op->src);
	return ret;
}

void neuron_copy_release(struct neuron_dma_batch *batch)
{
	for (; batch->first < batch->last; batch->first++) {
		const struct neuron_copy_op *op = &batch->ops[batch->first];

		neuron_mem_use_end(op->dst);
		if (op->src)
			neuron_mem_use_end(op->src);
	}
}

/* How much from @position on one descriptor may carry; a fill's source is the caller's. */
static u32 neuron_copy_run(const struct neuron_copy_op *op, u64 position, u64 *src, u64 *dst)
{
	u64 run = min_t(u64, op->length - position, NEURON_UDMA_DESC_MAX_LEN), limit;

	*dst = neuron_mem_address(op->dst, op->dst_offset + position, &limit);
	run = min(run, limit);
	if (op->src) {
		*src = neuron_mem_address(op->src, op->src_offset + position, &limit);
		return min(run, limit);
	}
	/* A fill goes on within a word of its pattern where the run before ended there. */
	return min_t(u64, run, NEURON_UDMA_DESC_MAX_LEN - position % sizeof(u32));
}

/* One operation from @position on, until it or the chunk ends: the new position. */
static u64 neuron_copy_add(struct neuron_udma_ring *ring, const struct neuron_copy_op *op,
			   u64 position, u64 *room)
{
	u64 src = 0, dst;
	u32 length;

	while (position < op->length && *room && neuron_udma_room(ring)) {
		if (!op->src) {
			src = neuron_udma_pattern(ring, op->pattern);
			if (!src)
				break;
			src += position % sizeof(u32);
		}
		length = neuron_copy_run(op, position, &src, &dst);
		/* A later operation may read what this one writes. */
		neuron_udma_add(ring, dst, src, length, position + length == op->length);
		position += length;
		*room -= min_t(u64, *room, length);
	}
	return position;
}

int neuron_copy_cut(struct neuron_udma_ring *ring, struct neuron_dma_batch *batch)
{
	u64 position = batch->position, room = NEURON_CHUNK_BYTES;
	u32 index = batch->index;
	int ret = 0;

	batch->first = index;
	batch->last = index;
	while (index < batch->count && room && neuron_udma_room(ring)) {
		const struct neuron_copy_op *op = &batch->ops[index];

		ret = neuron_copy_use(op);
		if (ret)
			break;
		batch->last++;
		position = neuron_copy_add(ring, op, position, &room);
		if (position < op->length)
			break;
		index++;
		position = 0;
	}
	batch->next_index = index;
	batch->next_position = position;
	/* What comes before memory that was taken back is still carried out. */
	return ring->queued ? 0 : ret;
}

u32 neuron_copy_find(struct neuron_dma_batch *batch, u32 index)
{
	u64 position = batch->position, src, dst;
	u32 i;

	for (i = batch->first; i < batch->last; i++) {
		while (position < batch->ops[i].length) {
			if (!index--)
				return i;
			position += neuron_copy_run(&batch->ops[i], position, &src, &dst);
		}
		position = 0;
	}
	/* The marker: all before it went well, which a reset cannot tell any more. */
	return batch->first;
}

int neuron_copy_zero(struct neuron_file *nf, struct neuron_mem *mem)
{
	struct neuron_dma_batch *batch = neuron_dma_batch_alloc(1);
	struct neuron_dma_channel *channel;
	int ret;

	if (!batch)
		return -ENOMEM;
	neuron_object_get(&mem->obj);
	batch->ops[0].dst = mem;
	batch->ops[0].length = mem->length;
	batch->count = 1;
	ret = neuron_dma_submit_wait(nf->ndev, &nf->dma, batch, &channel);
	if (ret) {
		neuron_dma_batch_discard(batch);
		return ret;
	}
	ret = neuron_dma_wait(nf->ndev, batch, channel);
	neuron_dma_batch_put(batch);
	return ret == -ETIMEDOUT || ret == -EREMOTEIO || ret == -EBADMSG ? -EIO : ret;
}
