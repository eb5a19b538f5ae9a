/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that the driver is built for (6.1 and newer). The only
 * place that looks at the kernel's version.
 */
#ifndef _NEURON_COMPAT_H
#define _NEURON_COMPAT_H

#include <linux/crc32.h>
#include <linux/device/class.h>
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/version.h>

static inline struct class *neuron_class_create(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define NEURON_DEVNODE_CONST const
#else
#define NEURON_DEVNODE_CONST
#endif

static inline void neuron_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

static inline void neuron_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void neuron_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/* CRC-32C without inversion. lib/crc32 is built in where lib/libcrc32c often is a module. */
static inline u32 neuron_crc32c(u32 crc, const void *data, size_t length)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return crc32c(crc, data, length);
#else
	return __crc32c_le(crc, data, length);
#endif
}

/*
 * A read-only pin that lasts must not get a page that the process will replace when it
 * writes for the first time (the zero page, a page of a private file mapping).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define NEURON_FOLL_READONLY 0
#else
#define NEURON_FOLL_READONLY (FOLL_FORCE | FOLL_WRITE)
#endif

/* May the caller read all of [start, end)? FOLL_FORCE does not ask. Holes are left to the pin. */
static inline bool neuron_user_readable(unsigned long start, unsigned long end)
{
	bool readable = true;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	VMA_ITERATOR(vmi, current->mm, start);
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	for_each_vma_range(vmi, vma, end)
		readable &= !!(vma->vm_flags & VM_READ);
	mmap_read_unlock(current->mm);
#endif
	return readable;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define NEURON_IMPORT_NS_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#else
#define NEURON_IMPORT_NS_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#endif

/* An exporter tells importers to let go. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define NEURON_MOVE_NOTIFY invalidate_mappings
#define neuron_dma_buf_move_notify dma_buf_invalidate_mappings
#else
#define NEURON_MOVE_NOTIFY move_notify
#define neuron_dma_buf_move_notify dma_buf_move_notify
#endif

#endif
