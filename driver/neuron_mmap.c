// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() of memory objects. Pages are put in place by faults, never at mmap() time: then a
 * removal that forbids faults and takes mappings away has missed none.
 *
 * Locking: faults take ndev->objects_lock, which keeps the memory from being revoked. Nothing
 * here takes ndev->rwsem: ioctls hold it while they access user memory.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_dmabuf.h"
#include "neuron_file.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_usage.h"

/* Pages put in place by one fault, aligned. */
#define NEURON_FAULT_AROUND	64UL

/* Pages from the offset of one id to that of the next. */
#define NEURON_MMAP_PAGES	((unsigned long)(NEURON_MEM_MAX >> PAGE_SHIFT))

u64 neuron_mem_mmap_offset(u32 id)
{
	return id * NEURON_MEM_MAX;
}

static unsigned long neuron_mmap_page(struct vm_area_struct *vma)
{
	return vma->vm_pgoff % NEURON_MMAP_PAGES;
}

bool neuron_mem_bus_address(struct neuron_mem *mem, u64 offset, phys_addr_t *address)
{
	/* BAR4 has the channels one after the other. */
	u64 base = mem->channel ? NEURON_ADDR_DRAM1 : NEURON_ADDR_DRAM0;

	offset += mem->address - base + mem->channel * NEURON_DRAM_CHANNEL_SIZE;
	if (offset >= mem->obj.ndev->dram_size)
		return false;
	*address = mem->obj.ndev->dram_base + offset;
	return true;
}

static bool neuron_mem_pfn(struct neuron_mem *mem, u64 offset, unsigned long *pfn)
{
	phys_addr_t address;
	u64 index, inside;

	if (mem->type == NEURON_MEM_DEVICE) {
		if (!neuron_mem_bus_address(mem, offset, &address))
			return false;
		*pfn = address >> PAGE_SHIFT;
		return true;
	}
	index = div64_u64_rem(offset, mem->chunk_size, &inside);
	*pfn = page_to_pfn(mem->chunks[index].page) + (inside >> PAGE_SHIFT);
	return true;
}

vm_fault_t neuron_mem_fault(struct neuron_mem *mem, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct neuron_device *ndev = mem->obj.ndev;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned long addr, end, pfn;
	u64 offset;

	addr = max(vma->vm_start, ALIGN_DOWN(vmf->address, NEURON_FAULT_AROUND << PAGE_SHIFT));
	end = min(vma->vm_end, ALIGN_DOWN(vmf->address, NEURON_FAULT_AROUND << PAGE_SHIFT) +
		  (NEURON_FAULT_AROUND << PAGE_SHIFT));
	mutex_lock(&ndev->objects_lock);
	if (mem->unmapped)
		goto out_unlock;
	for (; addr < end; addr += PAGE_SIZE) {
		offset = ((u64)neuron_mmap_page(vma) << PAGE_SHIFT) + (addr - vma->vm_start);
		if (!neuron_mem_pfn(mem, offset, &pfn)) {
			ret = VM_FAULT_SIGBUS;
			break;
		}
		ret = vmf_insert_pfn(vma, addr, pfn);
		if (ret != VM_FAULT_NOPAGE)
			break;
	}
out_unlock:
	mutex_unlock(&ndev->objects_lock);
	return ret;
}

void neuron_mem_mapping_get(struct neuron_mem *mem)
{
	if (atomic_inc_return(&mem->mappings) == 1)
		neuron_usage_mapped(mem, true);
}

void neuron_mem_mapping_put(struct neuron_mem *mem)
{
	if (!atomic_dec_return(&mem->mappings))
		neuron_usage_mapped(mem, false);
}

static vm_fault_t neuron_vm_fault(struct vm_fault *vmf)
{
	return neuron_mem_fault(vmf->vma->vm_private_data, vmf);
}

/* Also for what a partial munmap() or mprotect() splits off: each area has a reference. */
static void neuron_vm_open(struct vm_area_struct *vma)
{
	struct neuron_mem *mem = vma->vm_private_data;

	neuron_object_get(&mem->obj);
	neuron_mem_mapping_get(mem);
}

static void neuron_vm_close(struct vm_area_struct *vma)
{
	struct neuron_mem *mem = vma->vm_private_data;

	neuron_mem_mapping_put(mem);
	neuron_mem_put(mem);
}

static const struct vm_operations_struct neuron_vm_ops = {
	.open = neuron_vm_open,
	.close = neuron_vm_close,
	.fault = neuron_vm_fault,
};

/* A reference to the memory of an id, or NULL. */
static struct neuron_mem *neuron_mem_of(struct neuron_file *nf, unsigned long id)
{
	struct neuron_object *obj;
	struct neuron_mem *page;

	if (id > U32_MAX)
		return NULL;
	obj = neuron_object_lookup(nf, id, NEURON_OBJECT_MEM);
	if (obj)
		return to_neuron_mem(obj);
	obj = neuron_object_lookup(nf, id, NEURON_OBJECT_QUEUE);
	if (!obj)
		return NULL;
	page = to_neuron_queue(obj)->page;
	neuron_object_get(&page->obj);
	neuron_object_put(obj);
	return page;
}

void neuron_mem_prepare_vma(struct neuron_mem *mem, struct vm_area_struct *vma,
			    const struct vm_operations_struct *ops)
{
	neuron_vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_IO);
	if (mem->type == NEURON_MEM_DEVICE)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vma->vm_ops = ops;
}

int neuron_mem_mmap(struct neuron_file *nf, struct vm_area_struct *vma)
{
	unsigned long page = neuron_mmap_page(vma), pages;
	struct neuron_mem *mem;
	int ret = -EINVAL;

	mem = neuron_mem_of(nf, vma->vm_pgoff / NEURON_MMAP_PAGES);
	if (!mem)
		return -EINVAL;
	/* What others own is mapped by them. */
	if (mem->type != NEURON_MEM_DEVICE && mem->type != NEURON_MEM_HOST)
		goto err_put;
	pages = mem->length >> PAGE_SHIFT;
	if (!(vma->vm_flags & VM_SHARED) || page >= pages || vma_pages(vma) > pages - page)
		goto err_put;
	if (mem->readonly) {
		ret = -EPERM;
		if (vma->vm_flags & VM_WRITE)
			goto err_put;
		neuron_vm_flags_clear(vma, VM_MAYWRITE);
	}
	vma->vm_private_data = mem;
	neuron_mem_prepare_vma(mem, vma, &neuron_vm_ops);
	neuron_mem_mapping_get(mem);
	return 0;

err_put:
	neuron_mem_put(mem);
	return ret;
}

void neuron_mem_unmap_all(struct neuron_device *ndev)
{
	struct neuron_object *obj;
	struct neuron_file *nf;

	/* Forbid faults before mappings are taken away. */
	mutex_lock(&ndev->objects_lock);
	list_for_each_entry(obj, &ndev->objects, node) {
		if (obj->ops->type != NEURON_OBJECT_MEM)
			continue;
		WRITE_ONCE(to_neuron_mem(obj)->unmapped, true);
		neuron_dmabuf_unmap(to_neuron_mem(obj));
	}
	list_for_each_entry(nf, &ndev->files, node)
		unmap_mapping_range(nf->mapping, 0, 0, 1);
	mutex_unlock(&ndev->objects_lock);
}
