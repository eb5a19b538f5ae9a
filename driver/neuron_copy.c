// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between memory objects: cut into descriptors and run over a UDMA ring in batches.
 *
 * Locking: the caller holds ndev->rwsem, so that memory and rings stay; each call owns one
 * ring while it runs.
 */
#include <linux/minmax.h>
#include <linux/sched/signal.h>

#include "neuron.h"
#include "neuron_copy.h"
#include "neuron_mem.h"

/* Add, and make room when the batch is full. Returns 1 when it flushed. */
static int neuron_copy_add(struct neuron_device *ndev, struct neuron_udma_ring *ring, u64 dst,
			   u64 src, u32 length, bool barrier)
{
	int ret = neuron_udma_add(ring, dst, src, length, barrier);

	if (ret != -ENOSPC)
		return ret;
	ret = neuron_udma_flush(ndev, ring);
	if (ret)
		return ret;
	/* What was copied stays; the rest would only keep a dead process waiting. */
	if (fatal_signal_pending(current))
		return -EINTR;
	neuron_udma_add(ring, dst, src, length, barrier);
	return 1;
}

static int neuron_copy_one(struct neuron_device *ndev, struct neuron_udma_ring *ring,
			   const struct neuron_copy_op *op, u32 index, u32 *done)
{
	u64 position = 0, src, dst, src_run, dst_run, run;
	u32 length;
	int ret;

	while (position < op->length) {
		src = neuron_mem_address(op->src, op->src_offset + position, &src_run);
		dst = neuron_mem_address(op->dst, op->dst_offset + position, &dst_run);
		run = min3(src_run, dst_run, op->length - position);
		length = min_t(u64, run, NEURON_UDMA_DESC_MAX_LEN);
		/* A later copy may read what this one writes. */
		ret = neuron_copy_add(ndev, ring, dst, src, length,
				      position + length == op->length);
		if (ret < 0)
			return ret;
		if (ret)
			*done = index;
		position += length;
	}
	return 0;
}

int neuron_copy(struct neuron_device *ndev, const struct neuron_copy_op *ops, u32 count, u32 *done)
{
	struct neuron_udma_ring *ring = neuron_udma_get(ndev);
	int ret = 0;
	u32 i;

	*done = 0;
	for (i = 0; i < count && !ret; i++)
		ret = neuron_copy_one(ndev, ring, &ops[i], i, done);
	if (!ret)
		ret = neuron_udma_flush(ndev, ring);
	if (!ret)
		*done = count;
	neuron_udma_put(ring);
	return ret;
}

int neuron_copy_zero(struct neuron_device *ndev, u64 addr, u64 length)
{
	struct neuron_udma_ring *ring = neuron_udma_get(ndev);
	u64 src = NEURON_ADDR_HOST | ndev->zeros_dma;
	int ret = 0;
	u32 n;

	while (length && ret >= 0) {
		n = min_t(u64, length, NEURON_UDMA_DESC_MAX_LEN);
		ret = neuron_copy_add(ndev, ring, addr, src, n, false);
		addr += n;
		length -= n;
	}
	if (ret >= 0)
		ret = neuron_udma_flush(ndev, ring);
	neuron_udma_put(ring);
	return ret;
}
