// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of memory: creating it.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in before that: a fault may take for ever, and unbind or reset would wait for it.
 */
#include <linux/log2.h>

#include "neuron.h"
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
