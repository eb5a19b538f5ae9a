// SPDX-License-Identifier: GPL-2.0
/*
 * The character device: open, close, poll, mmap. A file outlives the device if it must:
 * after that everything but close() fails.
 *
 * Locking: ndev->rwsem is held for reading by whatever touches the device. ndev->files has
 * ndev->objects_lock.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_cores.h"
#include "neuron_file.h"
#include "neuron_fops.h"
#include "neuron_ioctl.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_ring.h"
#include "neuron_user.h"

int neuron_file_error(struct neuron_file *nf)
{
	int ret = neuron_device_error(nf->ndev);

	/* A reset took this file's objects with it. */
	if (!ret && nf->generation != READ_ONCE(nf->ndev->generation))
		ret = -EIO;
	return ret;
}

int neuron_file_enter(struct neuron_file *nf)
{
	int ret;

	down_read(&nf->ndev->rwsem);
	ret = neuron_file_error(nf);
	if (ret)
		up_read(&nf->ndev->rwsem);
	return ret;
}

void neuron_file_leave(struct neuron_file *nf)
{
	up_read(&nf->ndev->rwsem);
	neuron_user_unpin_all(nf->usage);
}

static int neuron_fops_open(struct inode *inode, struct file *file)
{
	struct neuron_device *ndev = container_of(inode->i_cdev, struct neuron_device, cdev);
	struct neuron_file *nf;
	int ret;

	ret = neuron_recovery_wait(ndev, file->f_flags & O_NONBLOCK);
	if (ret)
		return ret;
	nf = kzalloc(sizeof(*nf), GFP_KERNEL_ACCOUNT);
	if (!nf)
		return -ENOMEM;
	nf->usage = neuron_usage_alloc();
	if (!nf->usage) {
		kfree(nf);
		return -ENOMEM;
	}
	nf->ndev = ndev;
	xa_init_flags(&nf->objects, XA_FLAGS_ALLOC1);
	mutex_init(&nf->lock);
	INIT_LIST_HEAD(&nf->queues);
	INIT_LIST_HEAD(&nf->rings);
	neuron_dma_client_init(&nf->dma);
	init_waitqueue_head(&nf->poll_wq);
	nf->mapping = file->f_mapping;

	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (ret)
		goto err_unlock;
	nf->generation = ndev->generation;
	nf->owner = neuron_context_owner(ndev);
	mutex_lock(&ndev->objects_lock);
	list_add_tail(&nf->node, &ndev->files);
	mutex_unlock(&ndev->objects_lock);
	get_device(&ndev->dev);
	neuron_recovery_watch(ndev);
	up_read(&ndev->rwsem);
	file->private_data = nf;
	return nonseekable_open(inode, file);

err_unlock:
	up_read(&ndev->rwsem);
	mutex_destroy(&nf->lock);
	neuron_usage_put(nf->usage);
	kfree(nf);
	return ret;
}

static int neuron_fops_release(struct inode *inode, struct file *file)
{
	struct neuron_file *nf = file->private_data;
	struct neuron_device *ndev = nf->ndev;

	down_read(&ndev->rwsem);
	/* All at once, so that their jobs end at the same time. */
	if (!neuron_file_error(nf))
		neuron_queue_disable_file(nf);
	neuron_object_destroy_all(nf);
	/* A killed task may have left a copy behind. */
	neuron_dma_client_drain(ndev, &nf->dma);
	neuron_cores_release_all(nf);
	mutex_lock(&ndev->objects_lock);
	list_del(&nf->node);
	mutex_unlock(&ndev->objects_lock);
	up_read(&ndev->rwsem);

	neuron_user_unpin_all(nf->usage);
	xa_destroy(&nf->objects);
	mutex_destroy(&nf->lock);
	neuron_usage_put(nf->usage);
	kfree(nf);
	put_device(&ndev->dev);
	return 0;
}

static long neuron_fops_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return neuron_file_ioctl(file->private_data, cmd, arg);
}

static int neuron_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct neuron_file *nf = file->private_data;
	int ret = neuron_file_error(nf);

	return ret ? ret : neuron_mem_mmap(nf, vma);
}

static __poll_t neuron_fops_poll(struct file *file, poll_table *wait)
{
	struct neuron_file *nf = file->private_data;

	poll_wait(file, &nf->poll_wq, wait);
	poll_wait(file, &nf->ndev->error_wq, wait);
	if (neuron_file_error(nf))
		return EPOLLERR | EPOLLHUP;
	return neuron_queue_readable(nf) || neuron_ring_readable(nf) ? EPOLLIN | EPOLLRDNORM : 0;
}

static u64 neuron_fops_kib(atomic64_t *bytes)
{
	return (u64)atomic64_read(bytes) >> 10;
}

/* Lines of "key: value", as of DRM drivers. */
static void neuron_fops_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct neuron_file *nf = file->private_data;
	unsigned int kind, queues = 0;
	struct list_head *node;

	mutex_lock(&nf->lock);
	list_for_each(node, &nf->queues)
		queues++;
	mutex_unlock(&nf->lock);
	seq_printf(m, "neuron-device:\t%s\n", dev_name(&nf->ndev->dev));
	seq_printf(m, "neuron-pci:\t%s\n", nf->ndev->pci_name);
	for (kind = NEURON_MEM_DEVICE; kind < NEURON_MEM_KINDS; kind++)
		seq_printf(m, "neuron-memory-%s:\t%llu KiB\n", neuron_usage_names[kind],
			   neuron_fops_kib(&nf->usage->bytes[kind]));
	seq_printf(m, "neuron-mapped:\t%llu KiB\n", neuron_fops_kib(&nf->usage->mapped));
	seq_printf(m, "neuron-cores:\t%#x\n", neuron_cores_owned(nf));
	seq_printf(m, "neuron-queues:\t%u\n", queues);
	seq_printf(m, "neuron-jobs:\t%lld\n", atomic64_read(&nf->jobs));
}

const struct file_operations neuron_fops = {
	.owner = THIS_MODULE,
	.open = neuron_fops_open,
	.release = neuron_fops_release,
	.unlocked_ioctl = neuron_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = neuron_fops_mmap,
	.poll = neuron_fops_poll,
	.llseek = noop_llseek,
	.show_fdinfo = neuron_fops_show_fdinfo,
};
