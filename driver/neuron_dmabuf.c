// SPDX-License-Identifier: GPL-2.0
/*
 * dma-bufs: device memory shared with other drivers and with other chips of this one, and
 * their buffers as memory objects.
 *
 * A neuron device that imports memory of another reaches it over the link between the chips,
 * by address; there is no attachment. Its uses count in the exporter's object, so that the
 * exporter's reset waits for them and knows nothing of the importer. The dma-buf's file keeps
 * the exporter's object, the object the device structure, the dma-buf the module.
 *
 * All objects of a device that import one buffer share an attachment and a mapping: to map a
 * page twice for a device that writes is against the rules of the DMA API.
 *
 * Locking: ndev->objects_lock guards the lists of exports, their counts of mappings and
 * attachments, the device's list of imports and their users. The dma-buf's reservation lock
 * guards what is mapped for an importer, who uses it, and export->revoked; it nests inside
 * objects_lock, never the other way round: what runs under it only counts uses.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/slab.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_dmabuf.h"
#include "neuron_link.h"
#include "neuron_mem.h"

NEURON_IMPORT_NS_DMA_BUF;

/**
 * struct neuron_export - a dma-buf of device memory
 * @mem: with a reference
 * @dmabuf: whose this is
 * @node: in mem->exports
 * @mappings: areas of address spaces that show it; while there are any, its file exists
 * @attached: other drivers' attachments; the same holds for them
 * @revoked: no more mappings for them; reservation lock
 */
struct neuron_export {
	struct neuron_mem *mem;
	struct dma_buf *dmabuf;
	struct list_head node;
	unsigned int mappings;
	unsigned int attached;
	bool revoked;
};

/**
 * struct neuron_import - an imported dma-buf
 * @ref: objects that have it, also without an attachment
 * @dmabuf: with a reference
 * @attach: NULL if it is memory of a neuron device, or was detached
 * @users: objects that need @attach
 * @node: in ndev->imports while there are any
 * @sgt: while it is mapped; reservation lock
 * @direction: of the mapping
 * @mems: objects that know addresses of it; reservation lock
 */
struct neuron_import {
	struct kref ref;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	unsigned int users;
	struct list_head node;
	struct sg_table *sgt;
	enum dma_data_direction direction;
	struct list_head mems;
};

/* --- export: mappings of user space --- */

static vm_fault_t neuron_export_fault(struct vm_fault *vmf)
{
	struct neuron_export *export = vmf->vma->vm_private_data;

	return neuron_mem_fault(export->mem, vmf);
}

static void neuron_export_vm_open(struct vm_area_struct *vma)
{
	struct neuron_export *export = vma->vm_private_data;
	struct neuron_device *ndev = export->mem->obj.ndev;

	mutex_lock(&ndev->objects_lock);
	export->mappings++;
	mutex_unlock(&ndev->objects_lock);
	neuron_mem_mapping_get(export->mem);
}

/* The area still holds the dma-buf's file, and so the export. */
static void neuron_export_vm_close(struct vm_area_struct *vma)
{
	struct neuron_export *export = vma->vm_private_data;
	struct neuron_device *ndev = export->mem->obj.ndev;

	neuron_mem_mapping_put(export->mem);
	mutex_lock(&ndev->objects_lock);
	export->mappings--;
	mutex_unlock(&ndev->objects_lock);
}

static const struct vm_operations_struct neuron_export_vm_ops = {
	.open = neuron_export_vm_open,
	.close = neuron_export_vm_close,
	.fault = neuron_export_fault,
};

/* dma-buf has checked the range. */
static int neuron_export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct neuron_export *export = dmabuf->priv;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (READ_ONCE(export->mem->unmapped))
		return -ENODEV;
	vma->vm_private_data = export;
	neuron_mem_prepare_vma(export->mem, vma, &neuron_export_vm_ops);
	neuron_export_vm_open(vma);
	return 0;
}

static int neuron_export_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	struct neuron_export *export = dmabuf->priv;

	return READ_ONCE(export->mem->unmapped) ? -ENODEV : 0;
}

/* --- export: other drivers --- */

static int neuron_export_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct neuron_export *export = dmabuf->priv;
	struct neuron_device *ndev = export->mem->obj.ndev;
	int ret = 0;

	/* One that cannot let go, or cannot reach a BAR, is of no use. */
	if (!attach->importer_ops || !attach->importer_ops->NEURON_MOVE_NOTIFY ||
	    !attach->peer2peer)
		return -EOPNOTSUPP;
	mutex_lock(&ndev->objects_lock);
	if (export->mem->unmapped)
		ret = -ENODEV;
	else if (pci_p2pdma_distance(ndev->pdev, attach->dev, true) < 0)
		ret = -EOPNOTSUPP;
	else
		export->attached++;
	mutex_unlock(&ndev->objects_lock);
	return ret;
}

static void neuron_export_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct neuron_export *export = dmabuf->priv;
	struct neuron_device *ndev = export->mem->obj.ndev;

	mutex_lock(&ndev->objects_lock);
	export->attached--;
	mutex_unlock(&ndev->objects_lock);
}

/* Device memory stays where it is, but may go at any time: it cannot be promised. */
static int neuron_export_pin(struct dma_buf_attachment *attach)
{
	return -EOPNOTSUPP;
}

static void neuron_export_unpin(struct dma_buf_attachment *attach)
{
}

static struct sg_table *neuron_export_sgt(struct neuron_mem *mem, size_t segment)
{
	unsigned int i, count = DIV_ROUND_UP_ULL(mem->length, segment);
	struct scatterlist *sg;
	struct sg_table *sgt;
	u64 left = mem->length;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return NULL;
	if (sg_alloc_table(sgt, count, GFP_KERNEL)) {
		kfree(sgt);
		return NULL;
	}
	/* There are no pages behind a BAR. */
	for_each_sgtable_sg(sgt, sg, i) {
		sg_set_page(sg, NULL, min_t(u64, left, segment), 0);
		left -= sg->length;
	}
	return sgt;
}

static struct sg_table *neuron_export_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction direction)
{
	size_t segment = round_down(dma_get_max_seg_size(attach->dev), PAGE_SIZE);
	struct neuron_export *export = attach->dmabuf->priv;
	struct neuron_mem *mem = export->mem;
	struct scatterlist *sg;
	struct sg_table *sgt;
	phys_addr_t bus, end;
	dma_addr_t address;
	unsigned int i;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (export->revoked)
		return ERR_PTR(-ENODEV);
	if (!neuron_mem_bus_address(mem, 0, &bus) ||
	    !neuron_mem_bus_address(mem, mem->length - 1, &end))
		return ERR_PTR(-EOPNOTSUPP);
	sgt = neuron_export_sgt(mem, segment);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	address = dma_map_resource(attach->dev, bus, mem->length, direction,
				   DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(attach->dev, address)) {
		sg_free_table(sgt);
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}
	for_each_sgtable_dma_sg(sgt, sg, i) {
		sg_dma_address(sg) = address;
		sg_dma_len(sg) = sg->length;
		address += sg->length;
	}
	return sgt;
}

static void neuron_export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
				enum dma_data_direction direction)
{
	struct neuron_export *export = attach->dmabuf->priv;

	dma_unmap_resource(attach->dev, sg_dma_address(sgt->sgl), export->mem->length, direction,
			   DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static void neuron_export_release(struct dma_buf *dmabuf)
{
	struct neuron_export *export = dmabuf->priv;
	struct neuron_device *ndev = export->mem->obj.ndev;

	mutex_lock(&ndev->objects_lock);
	list_del(&export->node);
	mutex_unlock(&ndev->objects_lock);
	neuron_mem_put(export->mem);
	kfree(export);
}

static const struct dma_buf_ops neuron_export_ops = {
	.attach = neuron_export_attach,
	.detach = neuron_export_detach,
	.pin = neuron_export_pin,
	.unpin = neuron_export_unpin,
	.map_dma_buf = neuron_export_map,
	.unmap_dma_buf = neuron_export_unmap,
	.begin_cpu_access = neuron_export_begin_cpu_access,
	.mmap = neuron_export_mmap,
	.release = neuron_export_release,
};

struct dma_buf *neuron_dmabuf_export(struct neuron_mem *mem)
{
	struct neuron_device *ndev = mem->obj.ndev;
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct neuron_export *export;
	struct dma_buf *dmabuf;

	if (mem->type != NEURON_MEM_DEVICE)
		return ERR_PTR(-EOPNOTSUPP);
	export = kzalloc(sizeof(*export), GFP_KERNEL_ACCOUNT);
	if (!export)
		return ERR_PTR(-ENOMEM);
	export->mem = mem;
	info.ops = &neuron_export_ops;
	info.size = mem->length;
	info.flags = O_RDWR;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		kfree(export);
		return dmabuf;
	}
	export->dmabuf = dmabuf;
	neuron_object_get(&mem->obj);
	mutex_lock(&ndev->objects_lock);
	list_add_tail(&export->node, &mem->exports);
	mutex_unlock(&ndev->objects_lock);
	return dmabuf;
}

void neuron_dmabuf_unmap(struct neuron_mem *mem)
{
	struct neuron_export *export;

	lockdep_assert_held(&mem->obj.ndev->objects_lock);
	list_for_each_entry(export, &mem->exports, node)
		if (export->mappings)
			unmap_mapping_range(export->dmabuf->file->f_mapping, 0, 0, 1);
}

/* A dma-buf that another driver is attached to and has not been told, with a reference. */
static struct dma_buf *neuron_dmabuf_next(struct neuron_device *ndev)
{
	struct neuron_export *export;
	struct dma_buf *found = NULL;
	struct neuron_object *obj;

	mutex_lock(&ndev->objects_lock);
	list_for_each_entry(obj, &ndev->objects, node) {
		if (obj->ops->type != NEURON_OBJECT_MEM)
			continue;
		list_for_each_entry(export, &to_neuron_mem(obj)->exports, node) {
			if (!export->attached || READ_ONCE(export->revoked))
				continue;
			found = export->dmabuf;
			get_dma_buf(found);
			goto out_unlock;
		}
	}
out_unlock:
	mutex_unlock(&ndev->objects_lock);
	return found;
}

void neuron_dmabuf_revoke_all(struct neuron_device *ndev)
{
	struct neuron_export *export;
	struct dma_buf *dmabuf;

	while ((dmabuf = neuron_dmabuf_next(ndev))) {
		export = dmabuf->priv;
		dma_resv_lock(dmabuf->resv, NULL);
		WRITE_ONCE(export->revoked, true);
		neuron_dma_buf_move_notify(dmabuf);
		dma_resv_unlock(dmabuf->resv);
		/* What importers had begun is covered by fences. */
		dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      MAX_SCHEDULE_TIMEOUT);
		dma_buf_put(dmabuf);
	}
}

/* --- import --- */

struct dma_buf *neuron_dmabuf_get(int fd, bool writable)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return ERR_PTR(-EBADF);
	if (writable && !(dmabuf->file->f_mode & FMODE_WRITE)) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EACCES);
	}
	return dmabuf;
}

void neuron_dmabuf_release(struct dma_buf *dmabuf)
{
	dma_buf_put(dmabuf);
}

void neuron_dmabuf_install(struct dma_buf *dmabuf, int fd)
{
	fd_install(fd, dmabuf->file);
}

/* The exporter takes its buffer back. The reservation lock is held. */
static void neuron_import_move_notify(struct dma_buf_attachment *attach)
{
	struct neuron_import *import = attach->importer_priv;
	struct neuron_mem *mem;

	/* Not mapped: nothing knows an address that is still good. */
	if (!import->sgt)
		return;
	list_for_each_entry(mem, &import->mems, import_node)
		neuron_mem_stop_use(mem);
	dma_buf_unmap_attachment(attach, import->sgt, import->direction);
	import->sgt = NULL;
}

static const struct dma_buf_attach_ops neuron_import_ops = {
	.NEURON_MOVE_NOTIFY = neuron_import_move_notify,
};

static struct neuron_import *neuron_import_alloc(struct dma_buf *dmabuf,
						 enum dma_data_direction direction)
{
	struct neuron_import *import = kzalloc(sizeof(*import), GFP_KERNEL_ACCOUNT);

	if (!import)
		return ERR_PTR(-ENOMEM);
	kref_init(&import->ref);
	INIT_LIST_HEAD(&import->node);
	INIT_LIST_HEAD(&import->mems);
	get_dma_buf(dmabuf);
	import->dmabuf = dmabuf;
	import->direction = direction;
	return import;
}

static void neuron_import_release(struct kref *ref)
{
	struct neuron_import *import = container_of(ref, struct neuron_import, ref);

	dma_buf_put(import->dmabuf);
	kfree(import);
}

static struct neuron_import *neuron_import_find(struct neuron_device *ndev,
						struct dma_buf *dmabuf,
						enum dma_data_direction direction)
{
	struct neuron_import *import;

	lockdep_assert_held(&ndev->objects_lock);
	list_for_each_entry(import, &ndev->imports, node)
		if (import->dmabuf == dmabuf && import->direction == direction)
			return import;
	return NULL;
}

/* With one more user: the one that there is, or a new one. */
static struct neuron_import *neuron_import_get(struct neuron_device *ndev,
					       struct dma_buf *dmabuf,
					       enum dma_data_direction direction)
{
	struct dma_buf_attachment *attach;
	struct neuron_import *import;

	lockdep_assert_held(&ndev->objects_lock);
	import = neuron_import_find(ndev, dmabuf, direction);
	if (import) {
		kref_get(&import->ref);
		import->users++;
		return import;
	}
	import = neuron_import_alloc(dmabuf, direction);
	if (IS_ERR(import))
		return import;
	attach = dma_buf_dynamic_attach(dmabuf, &ndev->pdev->dev, &neuron_import_ops, import);
	if (IS_ERR(attach)) {
		kref_put(&import->ref, neuron_import_release);
		return ERR_CAST(attach);
	}
	import->attach = attach;
	import->users = 1;
	list_add(&import->node, &ndev->imports);
	return import;
}

static int neuron_import_map(struct neuron_mem *mem)
{
	struct neuron_import *import = mem->import;
	struct dma_resv *resv = import->dmabuf->resv;
	struct sg_table *sgt;
	long ret;

	ret = dma_resv_lock_interruptible(resv, NULL);
	if (ret)
		return -EINTR;
	if (!import->sgt) {
		sgt = dma_buf_map_attachment(import->attach, import->direction);
		if (IS_ERR(sgt)) {
			ret = PTR_ERR(sgt);
			goto out_unlock;
		}
		import->sgt = sgt;
	}
	/* The exporter may still be moving the buffer to where it said that it is. */
	ret = dma_resv_wait_timeout(resv, DMA_RESV_USAGE_KERNEL, true, MAX_SCHEDULE_TIMEOUT);
	if (ret >= 0)
		ret = neuron_mem_set_runs(mem, import->sgt);
	if (!ret)
		list_add(&mem->import_node, &import->mems);
out_unlock:
	dma_resv_unlock(resv);
	return ret;
}

/* Another driver's memory. */
static int neuron_import_attach(struct neuron_mem *mem, struct dma_buf *dmabuf,
				enum dma_data_direction direction)
{
	struct neuron_device *ndev = mem->obj.ndev;
	struct neuron_import *import;
	int ret;

	mutex_lock(&ndev->objects_lock);
	import = neuron_import_get(ndev, dmabuf, direction);
	ret = PTR_ERR_OR_ZERO(import);
	if (!ret)
		mem->import = import;
	mutex_unlock(&ndev->objects_lock);
	if (!ret)
		ret = neuron_import_map(mem);
	if (ret == -ERESTARTSYS)
		return -EINTR;
	return ret && ret != -ENOMEM && ret != -EINTR ? -EOPNOTSUPP : ret;
}

/* Memory of a chip of this driver. */
static int neuron_import_own(struct neuron_mem *mem, struct dma_buf *dmabuf)
{
	struct neuron_export *export = dmabuf->priv;
	struct neuron_mem *source = export->mem;
	struct neuron_import *import;
	int ret;

	if (neuron_mem_stale(source))
		return -ESTALE;
	if (source->obj.ndev != mem->obj.ndev) {
		ret = neuron_link_find(mem->obj.ndev, source->obj.ndev, &mem->route);
		if (ret)
			return ret;
	}
	import = neuron_import_alloc(dmabuf, DMA_NONE);
	if (IS_ERR(import))
		return PTR_ERR(import);
	mem->import = import;
	mem->source = source;
	mem->address = mem->route.space | source->address;
	return 0;
}

struct neuron_mem *neuron_dmabuf_import(struct neuron_device *ndev, struct dma_buf *dmabuf,
					u64 length, bool writable)
{
	struct neuron_mem *mem;
	int ret;

	if (length > dmabuf->size)
		return ERR_PTR(-EINVAL);
	mem = neuron_mem_alloc(ndev, NEURON_MEM_DMABUF);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->length = length ? min_t(u64, PAGE_ALIGN(length), dmabuf->size) : dmabuf->size;
	mem->nowrite = !writable;
	if (dmabuf->ops == &neuron_export_ops)
		ret = neuron_import_own(mem, dmabuf);
	else
		ret = neuron_import_attach(mem, dmabuf,
					   writable ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE);
	if (ret) {
		neuron_mem_put(mem);
		return ERR_PTR(ret);
	}
	return mem;
}

void neuron_dmabuf_detach(struct neuron_mem *mem)
{
	struct neuron_import *import = mem->import;

	lockdep_assert_held(&mem->obj.ndev->objects_lock);
	if (!import || !import->attach)
		return;
	dma_resv_lock(import->dmabuf->resv, NULL);
	list_del_init(&mem->import_node);
	if (!--import->users && import->sgt) {
		dma_buf_unmap_attachment(import->attach, import->sgt, import->direction);
		import->sgt = NULL;
	}
	dma_resv_unlock(import->dmabuf->resv);
	if (import->users)
		return;
	list_del(&import->node);
	dma_buf_detach(import->dmabuf, import->attach);
	import->attach = NULL;
}

void neuron_dmabuf_put(struct neuron_mem *mem)
{
	kref_put(&mem->import->ref, neuron_import_release);
}

bool neuron_dmabuf_is_static(struct neuron_mem *mem)
{
	/* An exporter that cannot pin never moves. */
	return !mem->source && !mem->import->dmabuf->ops->pin;
}
