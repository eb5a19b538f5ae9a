// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls: which there are, their arguments in and out, and the two that belong to no
 * kind of object. The others are in neuron_ioctl_*.c.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in before that: a fault may take for ever, and unbind or reset would wait for it.
 */
#include <linux/compat.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_cores.h"
#include "neuron_event.h"
#include "neuron_file.h"
#include "neuron_ioctl.h"
#include "neuron_queue.h"
#include "neuron_reset.h"

static int neuron_ioctl_info(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_info *arg = &u->info;
	struct neuron_device *ndev = nf->ndev;
	unsigned int i;
	u32 status;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	/* Freed memory counts at once, also if the last job that used it has just ended. */
	neuron_queue_reap_file(nf);
	ret = neuron_fw_status(ndev, &status);
	if (ret) {
		ret = ret == -ENODEV || ret == -EINTR ? ret : -EIO;
		goto out_leave;
	}
	arg->abi_version = NEURON_ABI_VERSION;
	arg->device = ndev->index;
	arg->features = (ndev->compute ? NEURON_FEATURE_COMPUTE : 0) |
			(ndev->compute && ndev->ext_features & NEURON_EXT_FEATURE_CANCEL ?
			 NEURON_FEATURE_CANCEL : 0) |
			(ndev->compute && ndev->ext_features & NEURON_EXT_FEATURE_TRACE ?
			 NEURON_FEATURE_TRACE : 0) |
			(ndev->vector_count ? NEURON_FEATURE_MSIX : 0) |
			NEURON_FEATURE_USERPTR |
			(IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) ? NEURON_FEATURE_DMABUF : 0);
	arg->core_count = ndev->core_count;
	arg->queues_per_core = ndev->queues_per_core;
	arg->channel_count = NEURON_DRAM_CHANNELS;
	arg->channel_size = NEURON_DRAM_CHANNEL_SIZE;
	arg->mem_free = neuron_dram_free(&ndev->dram);
	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		arg->mem_largest[i] = neuron_dram_largest(&ndev->dram, i);
	arg->fw_version = ndev->fw_version;
	arg->fw_api = ndev->fw_api;
	arg->revision = ndev->pdev->revision;
	arg->cores_busy = neuron_cores_busy(ndev);
	arg->cores_owned = neuron_cores_owned(nf);
	arg->connected = status & (NEURON_FW_STATUS_EAST | NEURON_FW_STATUS_WEST);
	arg->temperature = neuron_event_temperature(ndev);
	arg->resets = ndev->recovery.device_resets;
out_leave:
	neuron_file_leave(nf);
	return ret;
}

static int neuron_ioctl_destroy(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	int ret = neuron_file_enter(nf);

	if (ret)
		return ret;
	neuron_queue_reap_file(nf);
	ret = neuron_object_destroy(nf, u->destroy.id);
	neuron_file_leave(nf);
	return ret;
}

/**
 * struct neuron_ioctl - what the dispatcher has to know
 * @size: of the argument
 * @min_size: that the argument had when the ioctl was introduced
 * @run: checks and acts
 * @undo: takes back what was created when the caller cannot be told its id
 * @told: makes what was created known once the caller can be told
 */
struct neuron_ioctl {
	unsigned int size;
	unsigned int min_size;
	int (*run)(struct neuron_file *nf, union neuron_ioctl_arg *arg);
	void (*undo)(struct neuron_file *nf, union neuron_ioctl_arg *arg);
	void (*told)(struct neuron_file *nf, union neuron_ioctl_arg *arg);
};

#define NEURON_IOCTL_FIRST	_IOC_NR(NEURON_IOCTL_INFO)
#define NEURON_IOCTL(cmd, name, last, _run, _undo)					\
	[_IOC_NR(cmd) - NEURON_IOCTL_FIRST] = {						\
		.size = sizeof(struct neuron_ioctl_##name),				\
		.min_size = offsetofend(struct neuron_ioctl_##name, last),		\
		.run = (_run),								\
		.undo = (_undo),							\
	}

static const struct neuron_ioctl neuron_ioctls[] = {
	NEURON_IOCTL(NEURON_IOCTL_INFO, info, reserved, neuron_ioctl_info, NULL),
	NEURON_IOCTL(NEURON_IOCTL_MEM_CREATE, mem_create, mmap_offset, neuron_ioctl_mem_create,
		     neuron_undo_mem_create),
	NEURON_IOCTL(NEURON_IOCTL_COPY, copy, copies, neuron_ioctl_copy, NULL),
	NEURON_IOCTL(NEURON_IOCTL_CONTEXT_CREATE, context_create, id, neuron_ioctl_context_create,
		     neuron_undo_context_create),
	NEURON_IOCTL(NEURON_IOCTL_CONTEXT_BIND, context_bind, binds, neuron_ioctl_context_bind,
		     NULL),
	NEURON_IOCTL(NEURON_IOCTL_CORES_ACQUIRE, cores, reserved, neuron_ioctl_cores_acquire,
		     NULL),
	NEURON_IOCTL(NEURON_IOCTL_CORES_RELEASE, cores, reserved, neuron_ioctl_cores_release,
		     NULL),
	NEURON_IOCTL(NEURON_IOCTL_QUEUE_CREATE, queue_create, mmap_length,
		     neuron_ioctl_queue_create, neuron_undo_queue_create),
	NEURON_IOCTL(NEURON_IOCTL_SUBMIT, submit, seq, neuron_ioctl_submit, NULL),
	NEURON_IOCTL(NEURON_IOCTL_WAIT, wait, cycles, neuron_ioctl_wait, NULL),
	NEURON_IOCTL(NEURON_IOCTL_DESTROY, destroy, id, neuron_ioctl_destroy, NULL),
	NEURON_IOCTL(NEURON_IOCTL_GROUP_ACQUIRE, group_acquire, members,
		     neuron_ioctl_group_acquire, NULL),
	NEURON_IOCTL(NEURON_IOCTL_CANCEL, cancel, seq, neuron_ioctl_cancel, NULL),
	[_IOC_NR(NEURON_IOCTL_MEM_EXPORT) - NEURON_IOCTL_FIRST] = {
		.size = sizeof(struct neuron_ioctl_mem_export),
		.min_size = sizeof(struct neuron_ioctl_mem_export),
		.run = neuron_ioctl_mem_export,
		.undo = neuron_undo_mem_export,
		.told = neuron_told_mem_export,
	},
	NEURON_IOCTL(NEURON_IOCTL_RING_CREATE, ring_create, reserved, neuron_ioctl_ring_create,
		     neuron_undo_ring_create),
	NEURON_IOCTL(NEURON_IOCTL_RING_SUBMIT, ring_submit, seq, neuron_ioctl_ring_submit, NULL),
};

static const struct neuron_ioctl *neuron_ioctl_find(unsigned int cmd)
{
	const struct neuron_ioctl *ioctl;
	unsigned int nr = _IOC_NR(cmd);

	/* The size in the number is the caller's, and so is the one in the argument. */
	if (_IOC_TYPE(cmd) != NEURON_IOCTL_TYPE || _IOC_DIR(cmd) != (_IOC_READ | _IOC_WRITE) ||
	    nr < NEURON_IOCTL_FIRST || nr - NEURON_IOCTL_FIRST >= ARRAY_SIZE(neuron_ioctls))
		return NULL;
	ioctl = &neuron_ioctls[array_index_nospec(nr - NEURON_IOCTL_FIRST,
						  ARRAY_SIZE(neuron_ioctls))];
	return ioctl->run ? ioctl : NULL;
}

long neuron_file_ioctl(struct neuron_file *nf, unsigned int cmd, unsigned long user_arg)
{
	const struct neuron_ioctl *ioctl = neuron_ioctl_find(cmd);
	void __user *user = (void __user *)user_arg;
	union neuron_ioctl_arg arg = {};
	long ret, error;
	u32 size;

	if (neuron_file_error(nf))
		return neuron_file_error(nf);
	if (!ioctl)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < ioctl->min_size)
		return -EINVAL;
	/* No structure is ever larger; the zeros of one that is need not be counted. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, ioctl->size, user, size);
	if (ret)
		return ret;
	ret = ioctl->run(nf, &arg);
	/* Errors have outputs, too. */
	error = copy_to_user(user, &arg, min(size, ioctl->size)) ? -EFAULT : 0;
	if (error && !ret && ioctl->undo) {
		down_read(&nf->ndev->rwsem);
		ioctl->undo(nf, &arg);
		neuron_file_leave(nf);
	}
	if (!error && !ret && ioctl->told)
		ioctl->told(nf, &arg);
	if (ret)
		dev_dbg(&nf->ndev->dev, "ioctl %#x: %ld\n", cmd, ret);
	return ret ? ret : error;
}
