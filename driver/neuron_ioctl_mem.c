// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of memory: creating it, sharing it.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in - or pinned - before that: a fault may take for ever, and unbind or reset would wait
 * for it.
 */
#include <linux/file.h>
#include <linux/log2.h>

#include "neuron.h"
#include "neuron_dmabuf.h"
#include "neuron_file.h"
#include "neuron_ioctl.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_user.h"

/* What only some types have is 0 in the others. */
static int neuron_mem_create_check(const struct neuron_ioctl_mem_create *arg)
{
	bool device = arg->type == NEURON_MEM_DEVICE, user = arg->type == NEURON_MEM_USER;
	bool dmabuf = arg->type == NEURON_MEM_DMABUF;

	if (arg->type < NEURON_MEM_DEVICE || arg->type > NEURON_MEM_DMABUF)
		return -EINVAL;
	if (arg->reserved || arg->reserved2 || (!arg->length && !dmabuf))
		return -EINVAL;
	if (arg->flags & ~(user || dmabuf ? NEURON_MEM_READONLY : 0))
		return -EINVAL;
	if ((arg->address && !user) || (arg->fd && !dmabuf))
		return -EINVAL;
	if (!device)
		return arg->align ? -EINVAL : 0;
	if (arg->align && (!is_power_of_2(arg->align) || arg->align < PAGE_SIZE))
		return -EINVAL;
	if (arg->channel >= NEURON_DRAM_CHANNELS && arg->channel != NEURON_MEM_ANY_CHANNEL)
		return -EINVAL;
	return 0;
}

/**
 * struct neuron_mem_origin - what an object is made from, got without any lock
 * @user: pinned pages, until an object has them
 * @dmabuf: the dma-buf that is to be imported
 */
struct neuron_mem_origin {
	struct neuron_user *user;
	struct dma_buf *dmabuf;
};

static int neuron_mem_origin_get(const struct neuron_ioctl_mem_create *arg,
				 struct neuron_mem_origin *origin)
{
	bool writable = !(arg->flags & NEURON_MEM_READONLY);

	if (arg->type == NEURON_MEM_USER) {
		origin->user = neuron_user_pin(arg->address, arg->length, writable);
		if (IS_ERR(origin->user))
			return PTR_ERR(origin->user);
	} else if (arg->type == NEURON_MEM_DMABUF) {
		origin->dmabuf = neuron_dmabuf_get(arg->fd, writable);
		if (IS_ERR(origin->dmabuf))
			return PTR_ERR(origin->dmabuf);
	}
	return 0;
}

static void neuron_mem_origin_put(struct neuron_mem_origin *origin)
{
	if (origin->user)
		neuron_user_release(origin->user);
	if (origin->dmabuf)
		neuron_dmabuf_release(origin->dmabuf);
}

static struct neuron_mem *neuron_mem_create(struct neuron_file *nf,
					    const struct neuron_ioctl_mem_create *arg,
					    struct neuron_mem_origin *origin)
{
	bool writable = !(arg->flags & NEURON_MEM_READONLY);
	struct neuron_device *ndev = nf->ndev;
	struct neuron_mem *mem;

	switch (arg->type) {
	case NEURON_MEM_DEVICE:
		return neuron_mem_create_device(nf, arg->length, arg->align, arg->channel);
	case NEURON_MEM_HOST:
		return neuron_mem_create_host(ndev, arg->length);
	case NEURON_MEM_USER:
		mem = neuron_mem_create_user(ndev, origin->user, arg->length, writable);
		if (!IS_ERR(mem))
			origin->user = NULL;
		return mem;
	default:
		return neuron_dmabuf_import(ndev, origin->dmabuf, arg->length, writable);
	}
}

static int neuron_mem_create_publish(struct neuron_file *nf, struct neuron_ioctl_mem_create *arg,
				     struct neuron_mem_origin *origin)
{
	struct neuron_mem *mem;
	u64 length;
	int ret;

	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	neuron_queue_reap_file(nf);
	mem = neuron_mem_create(nf, arg, origin);
	if (IS_ERR(mem)) {
		ret = PTR_ERR(mem) == -ETIMEDOUT ? -EIO : PTR_ERR(mem);
		goto out_leave;
	}
	neuron_usage_charge(mem, nf->usage);
	length = mem->length;
	ret = neuron_object_publish(nf, &mem->obj, &arg->id);
	if (ret) {
		neuron_mem_put(mem);
		goto out_leave;
	}
	if (arg->type == NEURON_MEM_DMABUF)
		arg->length = length;
	else if (arg->type != NEURON_MEM_USER)
		arg->mmap_offset = neuron_mem_mmap_offset(arg->id);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

int neuron_ioctl_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_mem_create *arg = &u->mem_create;
	struct neuron_mem_origin origin = {};
	int ret;

	arg->mmap_offset = 0;
	ret = neuron_mem_create_check(arg);
	if (ret)
		return ret;
	ret = neuron_mem_origin_get(arg, &origin);
	if (ret)
		return ret;
	ret = neuron_mem_create_publish(nf, arg, &origin);
	neuron_mem_origin_put(&origin);
	return ret;
}

void neuron_undo_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->mem_create.id);
}

int neuron_ioctl_mem_export(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_mem_export *arg = &u->mem_export;
	struct dma_buf *dmabuf;
	struct neuron_mem *mem;
	int ret, fd;

	arg->fd = -1;
	if (arg->flags)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	ret = -ENOENT;
	mem = neuron_mem_lookup(nf, arg->id);
	if (!mem)
		goto out_leave;
	dmabuf = neuron_dmabuf_export(mem);
	neuron_mem_put(mem);
	ret = PTR_ERR_OR_ZERO(dmabuf);
	if (ret)
		goto out_leave;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		neuron_dmabuf_release(dmabuf);
		ret = fd;
		goto out_leave;
	}
	arg->fd = fd;
	u->export.dmabuf = dmabuf;
out_leave:
	neuron_file_leave(nf);
	return ret;
}

void neuron_undo_mem_export(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	put_unused_fd(u->mem_export.fd);
	neuron_dmabuf_release(u->export.dmabuf);
}

/* Not earlier: another thread could close it as soon as it is there. */
void neuron_told_mem_export(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_dmabuf_install(u->export.dmabuf, u->mem_export.fd);
}
