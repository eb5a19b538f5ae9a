// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of memory: creating it, copying it.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in before that: a fault may take for ever, and unbind or reset would wait for it.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_copy.h"
#include "neuron_file.h"
#include "neuron_ioctl.h"
#include "neuron_mem.h"
#include "neuron_queue.h"

static int neuron_mem_create_check(const struct neuron_ioctl_mem_create *arg)
{
	if (arg->flags || arg->reserved || !arg->length)
		return -EINVAL;
	if (arg->align && (!is_power_of_2(arg->align) || arg->align < PAGE_SIZE))
		return -EINVAL;
	switch (arg->type) {
	case NEURON_MEM_DEVICE:
		if (arg->channel >= NEURON_DRAM_CHANNELS && arg->channel != NEURON_MEM_ANY_CHANNEL)
			return -EINVAL;
		return 0;
	case NEURON_MEM_HOST:
		return arg->align ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

int neuron_ioctl_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_mem_create *arg = &u->mem_create;
	struct neuron_mem *mem;
	int ret;

	ret = neuron_mem_create_check(arg);
	if (ret)
		return ret;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	neuron_queue_reap_file(nf);
	if (arg->type == NEURON_MEM_DEVICE)
		mem = neuron_mem_create_device(nf->ndev, arg->length, arg->align, arg->channel);
	else
		mem = neuron_mem_create_host(nf->ndev, arg->length);
	if (IS_ERR(mem)) {
		ret = PTR_ERR(mem) == -ETIMEDOUT ? -EIO : PTR_ERR(mem);
		goto out_leave;
	}
	ret = neuron_object_publish(nf, &mem->obj, &arg->id);
	if (ret)
		neuron_mem_put(mem);
	else
		arg->mmap_offset = neuron_mem_mmap_offset(arg->id);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

void neuron_undo_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->mem_create.id);
}

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
	if (op->src == op->dst && op->src_offset < op->dst_offset + op->length &&
	    op->dst_offset < op->src_offset + op->length)
		return -EINVAL;
	return 0;
}

static int neuron_copy_run(struct neuron_file *nf, const struct neuron_copy *copies,
			   struct neuron_copy_op *ops, u32 count, u32 *done)
{
	int ret = 0;
	u32 i, n;

	for (n = 0; n < count && !ret; n++)
		ret = neuron_copy_resolve(nf, &copies[n], &ops[n]);
	if (!ret)
		ret = neuron_copy(nf->ndev, ops, count, done);
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
