// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of DMA: copies.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in before that: a fault may take for ever, and unbind or reset would wait for it.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_copy.h"
#include "neuron_file.h"
#include "neuron_ioctl.h"
#include "neuron_mem.h"

static int neuron_copy_resolve(struct neuron_file *nf, const struct neuron_copy *copy,
			       struct neuron_copy_op *op)
{
	int ret;

	op->src = neuron_mem_lookup(nf, copy->src);
	op->dst = neuron_mem_lookup(nf, copy->dst);
	op->src_offset = copy->src_offset;
	op->dst_offset = copy->dst_offset;
	op->length = copy->length;
	if (!op->src || !op->dst)
		return -ENOENT;
	if (!op->length)
		return -EINVAL;
	ret = neuron_mem_check_range(op->src, op->src_offset, op->length);
	if (!ret)
		ret = neuron_mem_check_range(op->dst, op->dst_offset, op->length);
	if (ret)
		return ret;
	if (op->dst->nowrite)
		return -EACCES;
	if (op->src == op->dst && op->src_offset < op->dst_offset + op->length &&
	    op->dst_offset < op->src_offset + op->length)
		return -EINVAL;
	return 0;
}

/* Both memories of a copy stay where they are until it has ended. */
static int neuron_copy_begin(const struct neuron_copy_op *op)
{
	int ret = neuron_mem_use_begin(op->src);

	if (ret)
		return ret;
	ret = neuron_mem_use_begin(op->dst);
	if (ret)
		neuron_mem_use_end(op->src);
	return ret;
}

static void neuron_copy_end(const struct neuron_copy_op *op)
{
	neuron_mem_use_end(op->dst);
	neuron_mem_use_end(op->src);
}

static int neuron_copy_run(struct neuron_file *nf, const struct neuron_copy *copies,
			   struct neuron_copy_op *ops, u32 count, u32 *done)
{
	u32 i, n, begun = 0;
	int ret = 0;

	for (n = 0; n < count && !ret; n++)
		ret = neuron_copy_resolve(nf, &copies[n], &ops[n]);
	while (!ret && begun < count) {
		ret = neuron_copy_begin(&ops[begun]);
		if (!ret)
			begun++;
	}
	if (!ret)
		ret = neuron_copy(nf->ndev, ops, count, done);
	while (begun--)
		neuron_copy_end(&ops[begun]);
	for (i = 0; i < n; i++) {
		if (ops[i].src)
			neuron_mem_put(ops[i].src);
		if (ops[i].dst)
			neuron_mem_put(ops[i].dst);
	}
	return ret;
}

int neuron_ioctl_copy(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_copy *arg = &u->copy;
	struct neuron_copy_op *ops;
	struct neuron_copy *copies;
	u32 done = 0;
	int ret;

	arg->done = 0;
	if (arg->flags || !arg->count || arg->count > NEURON_COPY_MAX)
		return -EINVAL;
	copies = kvmalloc_array(arg->count, sizeof(*copies) + sizeof(*ops), GFP_KERNEL_ACCOUNT);
	if (!copies)
		return -ENOMEM;
	ops = (void *)(copies + arg->count);
	ret = -EFAULT;
	if (copy_from_user(copies, u64_to_user_ptr(arg->copies), arg->count * sizeof(*copies)))
		goto out_free;
	ret = neuron_file_enter(nf);
	if (ret)
		goto out_free;
	ret = neuron_copy_run(nf, copies, ops, arg->count, &done);
	arg->done = done;
	neuron_file_leave(nf);
out_free:
	kvfree(copies);
	return ret;
}
