// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of DMA: copies that the caller waits for, and rings of those that it does not.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device. What the caller passes is copied in before that: a fault may
 * take for ever, and unbind or reset would wait for it. It leaves before it waits for copies.
 */
#include <linux/eventfd.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_dma.h"
#include "neuron_file.h"
#include "neuron_ioctl.h"
#include "neuron_mem.h"
#include "neuron_ring.h"

static int neuron_dma_op_check(const struct neuron_dma_op *arg)
{
	switch (arg->op) {
	case NEURON_DMA_COPY:
		return arg->pattern ? -EINVAL : 0;
	case NEURON_DMA_FILL:
		if (arg->src || arg->src_offset || arg->dst_offset % sizeof(u32) ||
		    arg->length % sizeof(u32))
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

/* The references that @op gets are the caller's to put, also on error. */
static int neuron_dma_op_resolve(struct neuron_file *nf, const struct neuron_dma_op *arg,
				 struct neuron_copy_op *op)
{
	bool copy = arg->op == NEURON_DMA_COPY;
	int ret;

	op->src_offset = arg->src_offset;
	op->dst_offset = arg->dst_offset;
	op->length = arg->length;
	op->pattern = arg->pattern;
	op->dst = neuron_mem_lookup(nf, arg->dst);
	if (copy)
		op->src = neuron_mem_lookup(nf, arg->src);
	if (!op->dst || (copy && !op->src))
		return -ENOENT;
	if (!op->length)
		return -EINVAL;
	ret = neuron_mem_check_range(op->dst, op->dst_offset, op->length);
	if (!ret && copy)
		ret = neuron_mem_check_range(op->src, op->src_offset, op->length);
	if (ret)
		return ret;
	if (op->dst->nowrite)
		return -EACCES;
	if (op->src == op->dst && op->src_offset < op->dst_offset + op->length &&
	    op->dst_offset < op->src_offset + op->length)
		return -EINVAL;
	return 0;
}

/* A batch of @count operations of which as many were resolved as batch->count says. */
static int neuron_dma_batch_resolve(struct neuron_file *nf, struct neuron_dma_batch *batch,
				    const struct neuron_dma_op *args, u32 count)
{
	int ret = 0;

	while (batch->count < count && !ret) {
		const struct neuron_dma_op *arg = &args[batch->count];

		ret = neuron_dma_op_check(arg);
		if (!ret)
			ret = neuron_dma_op_resolve(nf, arg, &batch->ops[batch->count++]);
	}
	return ret;
}

/* The array of a copy, as operations of a ring. */
static int neuron_copy_fetch(const struct neuron_ioctl_copy *arg, struct neuron_dma_op *ops)
{
	/* At the end, so that no operation overwrites a copy that is still to be read. */
	struct neuron_copy *copies = (void *)(ops + arg->count) - arg->count * sizeof(*copies);
	struct neuron_copy copy;
	u32 i;

	BUILD_BUG_ON(sizeof(*copies) > sizeof(*ops));
	if (copy_from_user(copies, u64_to_user_ptr(arg->copies), arg->count * sizeof(*copies)))
		return -EFAULT;
	for (i = 0; i < arg->count; i++) {
		copy = copies[i];
		ops[i] = (struct neuron_dma_op) {
			.op = NEURON_DMA_COPY,
			.src = copy.src,
			.dst = copy.dst,
			.src_offset = copy.src_offset,
			.dst_offset = copy.dst_offset,
			.length = copy.length,
		};
	}
	return 0;
}

static int neuron_copy_run(struct neuron_file *nf, const struct neuron_dma_op *ops, u32 count,
			   u32 *done)
{
	struct neuron_dma_batch *batch = neuron_dma_batch_alloc(count);
	struct neuron_dma_channel *channel;
	int ret;

	if (!batch)
		return -ENOMEM;
	ret = neuron_file_enter(nf);
	if (ret)
		goto err_discard;
	ret = neuron_dma_batch_resolve(nf, batch, ops, count);
	if (!ret)
		ret = neuron_dma_submit_wait(nf->ndev, &nf->dma, batch, &channel);
	neuron_file_leave(nf);
	if (ret)
		goto err_discard;
	ret = neuron_dma_wait(nf->ndev, batch, channel);
	*done = READ_ONCE(batch->index);
	neuron_dma_batch_put(batch);
	/* Given up because of the device: say what is the matter with it. */
	if (ret == -EIO && neuron_file_error(nf))
		ret = neuron_file_error(nf);
	return ret;

err_discard:
	neuron_dma_batch_discard(batch);
	return ret;
}

int neuron_ioctl_copy(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_copy *arg = &u->copy;
	struct neuron_dma_op *ops;
	int ret;

	arg->done = 0;
	if (arg->flags || !arg->count || arg->count > NEURON_COPY_MAX)
		return -EINVAL;
	ops = kvmalloc_array(arg->count, sizeof(*ops), GFP_KERNEL_ACCOUNT);
	if (!ops)
		return -ENOMEM;
	ret = neuron_copy_fetch(arg, ops);
	if (!ret)
		ret = neuron_copy_run(nf, ops, arg->count, &arg->done);
	kvfree(ops);
	return ret;
}

static int neuron_ring_publish(struct neuron_file *nf, struct neuron_ioctl_ring_create *arg,
			       struct eventfd_ctx *eventfd)
{
	struct neuron_ring *ring = neuron_ring_create(nf, arg->entries, eventfd);
	int ret;

	if (IS_ERR(ring)) {
		if (eventfd)
			eventfd_ctx_put(eventfd);
		return PTR_ERR(ring);
	}
	ret = neuron_object_publish(nf, &ring->obj, &arg->id);
	if (ret) {
		ring->obj.ops->destroy(nf, &ring->obj);
		neuron_object_put(&ring->obj);
	}
	return ret;
}

int neuron_ioctl_ring_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_ring_create *arg = &u->ring_create;
	struct eventfd_ctx *eventfd = NULL;
	int ret;

	if (arg->flags || arg->reserved || arg->eventfd < -1 || !is_power_of_2(arg->entries) ||
	    arg->entries < 2 || arg->entries > NEURON_RING_ENTRIES_MAX)
		return -EINVAL;
	if (arg->eventfd >= 0) {
		eventfd = eventfd_ctx_fdget(arg->eventfd);
		/* Also -EINVAL, of files that are none. */
		if (IS_ERR(eventfd))
			return -EBADF;
	}
	ret = neuron_file_enter(nf);
	if (ret) {
		if (eventfd)
			eventfd_ctx_put(eventfd);
		return ret;
	}
	ret = neuron_ring_publish(nf, arg, eventfd);
	neuron_file_leave(nf);
	return ret;
}

void neuron_undo_ring_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->ring_create.id);
}

static int neuron_ring_submit_run(struct neuron_file *nf, struct neuron_ioctl_ring_submit *arg,
				  struct neuron_dma_batch *batch, const struct neuron_dma_op *ops)
{
	struct neuron_ring *ring;
	int ret;

	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	ring = neuron_ring_lookup(nf, arg->ring);
	ret = ring ? neuron_dma_batch_resolve(nf, batch, ops, arg->count) : -ENOENT;
	if (!ret)
		ret = neuron_ring_submit(ring, batch, &arg->seq);
	if (ring)
		neuron_object_put(&ring->obj);
	neuron_file_leave(nf);
	return ret;
}

int neuron_ioctl_ring_submit(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_ring_submit *arg = &u->ring_submit;
	struct neuron_dma_batch *batch;
	struct neuron_dma_op *ops;
	int ret = -ENOMEM;

	if (arg->flags || !arg->count || arg->count > NEURON_COPY_MAX)
		return -EINVAL;
	ops = kvmalloc_array(arg->count, sizeof(*ops), GFP_KERNEL_ACCOUNT);
	if (!ops)
		return -ENOMEM;
	batch = neuron_dma_batch_alloc(arg->count);
	if (!batch)
		goto out_free;
	ret = -EFAULT;
	if (!copy_from_user(ops, u64_to_user_ptr(arg->ops), arg->count * sizeof(*ops)))
		ret = neuron_ring_submit_run(nf, arg, batch, ops);
	if (ret)
		neuron_dma_batch_discard(batch);
out_free:
	kvfree(ops);
	return ret;
}
