// SPDX-License-Identifier: GPL-2.0
/*
 * Another driver that shares dma-bufs, for tests: /dev/neuron_dmabuf_test makes buffers that
 * can move, and attaches PCI devices to buffers of others. It never starts any DMA.
 *
 * Locking: a buffer's reservation lock guards its pages and counts, and the mapping of an
 * importer; importer->lock guards the attachment, and nests outside.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron_compat.h"
#include "neuron_dmabuf_test.h"

#define MOST_PAGES	4096

/**
 * struct buffer - a buffer that can move
 * @count: pages of it
 * @pages: where it is
 * @old: where it was before it moved last
 * @attached: attachments
 * @mapped: mappings
 * @pinned: pins
 * @gone: it cannot be mapped any more
 */
struct buffer {
	unsigned int count;
	struct page **pages;
	struct page **old;
	unsigned int attached;
	unsigned int mapped;
	unsigned int pinned;
	bool gone;
};

/**
 * struct importer - an open file
 * @lock: held while ioctls change the attachment
 * @dmabuf: with a reference, while it is attached
 * @attach: NULL while nothing is attached
 * @dev: that is attached, with a reference
 * @sgt: NULL while it is not mapped
 * @moves: notifications
 * @pinned: by us
 * @lazy: keep the mapping
 */
struct importer {
	struct mutex lock;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct device *dev;
	struct sg_table *sgt;
	unsigned int moves;
	bool pinned;
	bool lazy;
};

static struct miscdevice test_device;

/* --- pages --- */

static void free_pages_of(struct page **pages, unsigned int count)
{
	unsigned int i;

	if (!pages)
		return;
	for (i = 0; i < count; i++)
		if (pages[i])
			__free_page(pages[i]);
	kvfree(pages);
}

/* Upside down, and with holes: no two of them are one run. */
static struct page **alloc_pages_apart(unsigned int count)
{
	struct page **pages = kvcalloc(count, sizeof(*pages), GFP_KERNEL);
	unsigned int i;

	if (!pages)
		return NULL;
	for (i = count; i--;) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[i]) {
			free_pages_of(pages, count);
			return NULL;
		}
		cond_resched();
	}
	for (i = 0; i + 1 < count; i++)
		if (page_to_pfn(pages[i]) + 1 == page_to_pfn(pages[i + 1]))
			swap(pages[i], pages[i + 1]);
	return pages;
}

/* --- exporter --- */

static int buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct buffer *buffer = dmabuf->priv;

	dma_resv_lock(dmabuf->resv, NULL);
	buffer->attached++;
	dma_resv_unlock(dmabuf->resv);
	return 0;
}

static void buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct buffer *buffer = dmabuf->priv;

	dma_resv_lock(dmabuf->resv, NULL);
	buffer->attached--;
	dma_resv_unlock(dmabuf->resv);
}

static int buffer_pin(struct dma_buf_attachment *attach)
{
	struct buffer *buffer = attach->dmabuf->priv;

	buffer->pinned++;
	return 0;
}

static void buffer_unpin(struct dma_buf_attachment *attach)
{
	struct buffer *buffer = attach->dmabuf->priv;

	WARN_ON(!buffer->pinned--);
}

static struct sg_table *buffer_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction direction)
{
	struct buffer *buffer = attach->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (buffer->gone)
		return ERR_PTR(-ENODEV);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages(sgt, buffer->pages, buffer->count, 0,
					(size_t)buffer->count << PAGE_SHIFT, GFP_KERNEL);
	if (ret)
		goto err_free;
	ret = dma_map_sgtable(attach->dev, sgt, direction, 0);
	if (ret)
		goto err_free_table;
	buffer->mapped++;
	return sgt;

err_free_table:
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

static void buffer_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction direction)
{
	struct buffer *buffer = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	buffer->mapped--;
	dma_unmap_sgtable(attach->dev, sgt, direction, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

static void buffer_free(struct buffer *buffer)
{
	free_pages_of(buffer->old, buffer->count);
	free_pages_of(buffer->pages, buffer->count);
	kfree(buffer);
}

static void buffer_release(struct dma_buf *dmabuf)
{
	buffer_free(dmabuf->priv);
}

static const struct dma_buf_ops buffer_ops = {
	.attach = buffer_attach,
	.detach = buffer_detach,
	.pin = buffer_pin,
	.unpin = buffer_unpin,
	.map_dma_buf = buffer_map,
	.unmap_dma_buf = buffer_unmap,
	.release = buffer_release,
};

static int test_export(struct neuron_dmabuf_test_export __user *user)
{
	struct neuron_dmabuf_test_export arg;
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	struct buffer *buffer;
	int fd;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!arg.pages || arg.pages > MOST_PAGES)
		return -EINVAL;
	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	buffer->count = arg.pages;
	buffer->pages = alloc_pages_apart(arg.pages);
	if (!buffer->pages) {
		buffer_free(buffer);
		return -ENOMEM;
	}
	info.ops = &buffer_ops;
	info.size = (size_t)arg.pages << PAGE_SHIFT;
	info.flags = O_RDWR;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		buffer_free(buffer);
		return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return fd;
	}
	return put_user(fd, &user->fd);
}

/* A buffer of ours, with a reference. */
static struct dma_buf *buffer_get(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (!IS_ERR(dmabuf) && dmabuf->ops != &buffer_ops) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	return dmabuf;
}

/* Reservation lock held. Importers have let go of the old pages when they have been told. */
static void buffer_move(struct dma_buf *dmabuf, struct page **pages)
{
	struct buffer *buffer = dmabuf->priv;
	unsigned int i;

	neuron_dma_buf_move_notify(dmabuf);
	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false, MAX_SCHEDULE_TIMEOUT);
	free_pages_of(buffer->old, buffer->count);
	buffer->old = buffer->pages;
	buffer->pages = pages;
	for (i = 0; i < buffer->count; i++) {
		memcpy(page_address(pages[i]), page_address(buffer->old[i]), PAGE_SIZE);
		memset(page_address(buffer->old[i]), NEURON_DMABUF_TEST_POISON, PAGE_SIZE);
	}
}

static int test_move(const struct neuron_dmabuf_test_move __user *user)
{
	struct neuron_dmabuf_test_move arg;
	struct dma_buf *dmabuf;
	struct buffer *buffer;
	struct page **pages;
	int ret = 0;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	dmabuf = buffer_get(arg.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buffer = dmabuf->priv;
	pages = alloc_pages_apart(buffer->count);
	if (!pages) {
		ret = -ENOMEM;
		goto out_put;
	}
	dma_resv_lock(dmabuf->resv, NULL);
	if (buffer->pinned && !(arg.flags & NEURON_DMABUF_TEST_FORCE)) {
		free_pages_of(pages, buffer->count);
		ret = -EBUSY;
	} else {
		buffer->gone = arg.flags & NEURON_DMABUF_TEST_GONE;
		buffer_move(dmabuf, pages);
	}
	dma_resv_unlock(dmabuf->resv);
out_put:
	dma_buf_put(dmabuf);
	return ret;
}

static u64 buffer_spoilt(struct buffer *buffer)
{
	unsigned int i, k;
	u64 spoilt = 0;

	for (i = 0; buffer->old && i < buffer->count; i++) {
		const u8 *p = page_address(buffer->old[i]);

		if (!memchr_inv(p, NEURON_DMABUF_TEST_POISON, PAGE_SIZE))
			continue;
		for (k = 0; k < PAGE_SIZE; k++)
			spoilt += p[k] != NEURON_DMABUF_TEST_POISON;
	}
	return spoilt;
}

static int test_state(struct neuron_dmabuf_test_state __user *user)
{
	struct neuron_dmabuf_test_state arg;
	struct dma_buf *dmabuf;
	struct buffer *buffer;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	dmabuf = buffer_get(arg.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buffer = dmabuf->priv;
	dma_resv_lock(dmabuf->resv, NULL);
	arg.attached = buffer->attached;
	arg.mapped = buffer->mapped;
	arg.pinned = buffer->pinned;
	arg.spoilt = buffer_spoilt(buffer);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_put(dmabuf);
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int test_access(const struct neuron_dmabuf_test_access __user *user)
{
	struct neuron_dmabuf_test_access arg;
	struct dma_buf *dmabuf;
	struct buffer *buffer;
	unsigned int i;
	int ret = 0;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	dmabuf = buffer_get(arg.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buffer = dmabuf->priv;
	for (i = 0; !ret && i < buffer->count; i++) {
		void __user *data = u64_to_user_ptr(arg.data + (u64)i * PAGE_SIZE);
		u8 *bounce = kmalloc(PAGE_SIZE, GFP_KERNEL);

		/* The reservation lock allows no faults that may take it, too. */
		if (!bounce || (arg.write && copy_from_user(bounce, data, PAGE_SIZE)))
			ret = -EFAULT;
		dma_resv_lock(dmabuf->resv, NULL);
		if (!ret && arg.write)
			memcpy(page_address(buffer->pages[i]), bounce, PAGE_SIZE);
		else if (!ret)
			memcpy(bounce, page_address(buffer->pages[i]), PAGE_SIZE);
		dma_resv_unlock(dmabuf->resv);
		if (!ret && !arg.write && copy_to_user(data, bounce, PAGE_SIZE))
			ret = -EFAULT;
		kfree(bounce);
	}
	dma_buf_put(dmabuf);
	return ret;
}

/* --- importer --- */

static void importer_let_go(struct importer *importer)
{
	if (importer->sgt)
		dma_buf_unmap_attachment(importer->attach, importer->sgt, DMA_BIDIRECTIONAL);
	importer->sgt = NULL;
}

static void importer_move_notify(struct dma_buf_attachment *attach)
{
	struct importer *importer = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	importer->moves++;
	if (!importer->lazy)
		importer_let_go(importer);
}

static const struct dma_buf_attach_ops importer_ops = {
	.NEURON_MOVE_NOTIFY = importer_move_notify,
};

static const struct dma_buf_attach_ops importer_peer_ops = {
	.allow_peer2peer = true,
	.NEURON_MOVE_NOTIFY = importer_move_notify,
};

static int importer_attach(struct importer *importer,
			   const struct neuron_dmabuf_test_attach __user *user)
{
	struct neuron_dmabuf_test_attach arg;
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;
	struct device *dev;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (importer->attach)
		return -EBUSY;
	arg.device[sizeof(arg.device) - 1] = 0;
	dev = arg.device[0] ? bus_find_device_by_name(&pci_bus_type, NULL, arg.device) :
	      get_device(test_device.this_device);
	if (!dev)
		return -ENXIO;
	dmabuf = dma_buf_get(arg.fd);
	if (IS_ERR(dmabuf)) {
		put_device(dev);
		return PTR_ERR(dmabuf);
	}
	importer->lazy = arg.flags & NEURON_DMABUF_TEST_LAZY;
	importer->moves = 0;
	if (!(arg.flags & NEURON_DMABUF_TEST_DYNAMIC))
		attach = dma_buf_attach(dmabuf, dev);
	else
		attach = dma_buf_dynamic_attach(dmabuf, dev,
						arg.flags & NEURON_DMABUF_TEST_PEER ?
						&importer_peer_ops : &importer_ops, importer);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		put_device(dev);
		return PTR_ERR(attach);
	}
	importer->attach = attach;
	importer->dmabuf = dmabuf;
	importer->dev = dev;
	return 0;
}

static void importer_detach(struct importer *importer)
{
	if (!importer->attach)
		return;
	dma_resv_lock(importer->dmabuf->resv, NULL);
	importer_let_go(importer);
	if (importer->pinned)
		dma_buf_unpin(importer->attach);
	importer->pinned = false;
	dma_resv_unlock(importer->dmabuf->resv);
	dma_buf_detach(importer->dmabuf, importer->attach);
	dma_buf_put(importer->dmabuf);
	put_device(importer->dev);
	importer->attach = NULL;
}

/* Reservation lock held. */
static int importer_map(struct importer *importer, struct neuron_dmabuf_test_map *arg)
{
	struct scatterlist *sg;
	unsigned int i;

	if (!importer->sgt) {
		struct sg_table *sgt = dma_buf_map_attachment(importer->attach, DMA_BIDIRECTIONAL);

		if (IS_ERR(sgt))
			return PTR_ERR(sgt);
		importer->sgt = sgt;
	}
	arg->address = sg_dma_address(importer->sgt->sgl);
	for_each_sgtable_dma_sg(importer->sgt, sg, i) {
		arg->length += sg_dma_len(sg);
		arg->runs++;
	}
	arg->moves = importer->moves;
	return 0;
}

static int importer_ioctl(struct importer *importer, unsigned int cmd, void __user *user)
{
	struct neuron_dmabuf_test_map arg = {};
	int ret = 0;

	if (!importer->attach)
		return -ENXIO;
	dma_resv_lock(importer->dmabuf->resv, NULL);
	switch (cmd) {
	case NEURON_DMABUF_TEST_MAP:
		ret = importer_map(importer, &arg);
		break;
	case NEURON_DMABUF_TEST_UNMAP:
		importer_let_go(importer);
		arg.moves = importer->moves;
		break;
	case NEURON_DMABUF_TEST_PIN:
		ret = importer->pinned ? -EBUSY : dma_buf_pin(importer->attach);
		importer->pinned |= !ret;
		break;
	default:
		ret = importer->moves;
	}
	dma_resv_unlock(importer->dmabuf->resv);
	if (ret || (cmd != NEURON_DMABUF_TEST_MAP && cmd != NEURON_DMABUF_TEST_UNMAP))
		return ret;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/* --- the file --- */

static int test_open(struct inode *inode, struct file *file)
{
	struct importer *importer = kzalloc(sizeof(*importer), GFP_KERNEL);

	if (!importer)
		return -ENOMEM;
	mutex_init(&importer->lock);
	file->private_data = importer;
	return 0;
}

static int test_release(struct inode *inode, struct file *file)
{
	struct importer *importer = file->private_data;

	importer_detach(importer);
	mutex_destroy(&importer->lock);
	kfree(importer);
	return 0;
}

static long test_ioctl(struct file *file, unsigned int cmd, unsigned long address)
{
	struct importer *importer = file->private_data;
	void __user *user = (void __user *)address;
	long ret = 0;

	switch (cmd) {
	case NEURON_DMABUF_TEST_EXPORT:
		return test_export(user);
	case NEURON_DMABUF_TEST_MOVE:
		return test_move(user);
	case NEURON_DMABUF_TEST_STATE:
		return test_state(user);
	case NEURON_DMABUF_TEST_ACCESS:
		return test_access(user);
	}
	mutex_lock(&importer->lock);
	switch (cmd) {
	case NEURON_DMABUF_TEST_ATTACH:
		ret = importer_attach(importer, user);
		break;
	case NEURON_DMABUF_TEST_DETACH:
		importer_detach(importer);
		break;
	case NEURON_DMABUF_TEST_MAP:
	case NEURON_DMABUF_TEST_UNMAP:
	case NEURON_DMABUF_TEST_PIN:
	case NEURON_DMABUF_TEST_MOVES:
		ret = importer_ioctl(importer, cmd, user);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&importer->lock);
	return ret;
}

static const struct file_operations test_fops = {
	.owner = THIS_MODULE,
	.open = test_open,
	.release = test_release,
	.unlocked_ioctl = test_ioctl,
};

static struct miscdevice test_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "neuron_dmabuf_test",
	.fops = &test_fops,
};
module_misc_device(test_device);

MODULE_DESCRIPTION("dma-bufs that move, and importers of others, for tests of neuron.ko");
MODULE_LICENSE("GPL");
NEURON_IMPORT_NS_DMA_BUF;
