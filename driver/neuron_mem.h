/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_MEM_H
#define _NEURON_MEM_H

#include <linux/atomic.h>
#include <linux/mm_types.h>
#include <linux/types.h>
#include <neuron/regs.h>

#include "neuron_link.h"
#include "neuron_object.h"
#include "neuron_range.h"

#define NEURON_MEM_MAX		NEURON_DRAM_CHANNEL_SIZE

struct neuron_file;
struct neuron_import;
struct neuron_usage;
struct neuron_user;
struct sg_table;
struct vm_area_struct;
struct vm_fault;

/* A run of host memory that is contiguous for the chip. */
struct neuron_mem_chunk {
	struct page *page;
	void *cpu;
	dma_addr_t dma;
};

/**
 * struct neuron_mem - memory that the chip can reach
 * @type: NEURON_MEM_*
 * @length: bytes, whole pages but for NEURON_MEM_USER
 * @readonly: only read-only mappings
 * @nowrite: the chip must not write: copies to it are refused
 * @unmapped: no mapping may fault pages in any more; ndev->objects_lock
 * @uses: DMA operations in flight; negative when no new ones may start
 * @mappings: areas of address spaces that show it
 * @usage, @charged: whom it counts for, and as how many bytes
 * @source: imported memory of a neuron device: whose it is; the dma-buf keeps it
 * @route: how the chip gets there
 * @channel, @address: device memory, and what is imported of it: where
 * @exports: dma-bufs of it; ndev->objects_lock
 * @chunk_size, @chunk_count, @chunks: host memory: equal pieces, the last may be shorter
 * @run_count, @runs: pinned pages and other imports: pieces of any length
 * @user: the pinned pages
 * @import, @import_node: the imported dma-buf, and the place in its list
 */
struct neuron_mem {
	struct neuron_object obj;
	u32 type;
	u64 length;
	bool readonly;
	bool nowrite;
	bool unmapped;
	atomic_t uses;
	atomic_t mappings;
	struct neuron_usage *usage;
	u64 charged;

	struct neuron_mem *source;
	struct neuron_route route;
	u32 channel;
	u64 address;
	struct list_head exports;

	u64 chunk_size;
	u32 chunk_count;
	struct neuron_mem_chunk *chunks;

	u32 run_count;
	struct neuron_run *runs;
	struct neuron_user *user;
	struct neuron_import *import;
	struct list_head import_node;
};

#define to_neuron_mem(o)	container_of(o, struct neuron_mem, obj)

/* Bytes of all objects of a kind (NEURON_MEM_*; 0: the driver's own tables). */
u64 neuron_mem_bytes(struct neuron_device *ndev, unsigned int kind);

/* ERR_PTR() or an object with one reference, zeroed. With ndev->rwsem held. */
struct neuron_mem *neuron_mem_create_device(struct neuron_file *nf, u64 length, u64 align,
					    u32 channel);
struct neuron_mem *neuron_mem_create_host(struct neuron_device *ndev, u64 length);
/* Takes @user over on success. */
struct neuron_mem *neuron_mem_create_user(struct neuron_device *ndev, struct neuron_user *user,
					  u64 length, bool writable);
/* One run, for the driver's own tables; kernel address in chunks[0]. */
struct neuron_mem *neuron_mem_create_table(struct neuron_device *ndev, u64 length);
/* For neuron_dmabuf.c: an object of no length yet. NULL without memory. */
struct neuron_mem *neuron_mem_alloc(struct neuron_device *ndev, u32 type);
/* Where the chip finds it, from a mapped table. -EOPNOTSUPP: it cannot reach the memory itself. */
int neuron_mem_set_runs(struct neuron_mem *mem, struct sg_table *sgt);

/* The memory object of an id with a new reference, or NULL. */
struct neuron_mem *neuron_mem_lookup(struct neuron_file *nf, u32 id);

/* Where the chip finds the byte at @offset; *@run bytes from there on are contiguous. */
u64 neuron_mem_address(struct neuron_mem *mem, u64 offset, u64 *run);
/* -ERANGE if offset .. offset + length is not inside. */
int neuron_mem_check_range(struct neuron_mem *mem, u64 offset, u64 length);
/*
 * Whether the range can be a segment of a context: one run, of memory that stays where it is
 * while jobs are in flight. -ERANGE, -EACCES, -EOPNOTSUPP.
 */
int neuron_mem_bindable(struct neuron_mem *mem, u64 offset, u64 length, bool write);

/*
 * Around the life of each DMA operation, for its source and its destination, in any context.
 * -ESTALE: the memory was taken back by its exporter (or with its device), -EREMOTEIO: the
 * link to it is down; do not start. Ask for addresses in between only. Nothing that waits for
 * memory, user space or a lock other than the rings' own may happen in between: exporters
 * sleep until the last use has ended.
 * An operation of a device that is broken has ended when its engines were stopped.
 */
int neuron_mem_use_begin(struct neuron_mem *mem);
void neuron_mem_use_end(struct neuron_mem *mem);
/* No new uses; waits for those in flight. May be called again. */
void neuron_mem_stop_use(struct neuron_mem *mem);
bool neuron_mem_stale(struct neuron_mem *mem);
/* The same for all objects of a device, whose own DMA has ended. rwsem held for writing. */
void neuron_mem_stop_use_all(struct neuron_device *ndev);

/* Give pinned pages of revoked objects back to their owners. No lock held. */
void neuron_mem_unpin_all(struct neuron_device *ndev);

/*
 * Where in the file mmap() finds the object of an id: each id has room for the largest
 * object. A queue stands for its completion page.
 */
u64 neuron_mem_mmap_offset(u32 id);
int neuron_mem_mmap(struct neuron_file *nf, struct vm_area_struct *vma);
/* What dma-bufs need for their own mmap(): check and fill @vma; faults. */
void neuron_mem_prepare_vma(struct neuron_mem *mem, struct vm_area_struct *vma,
			    const struct vm_operations_struct *ops);
vm_fault_t neuron_mem_fault(struct neuron_mem *mem, struct vm_fault *vmf);
/* One more, one less area of an address space that shows the object. */
void neuron_mem_mapping_get(struct neuron_mem *mem);
void neuron_mem_mapping_put(struct neuron_mem *mem);
/* Where device memory is on the bus; false if BAR4 does not reach that far. */
bool neuron_mem_bus_address(struct neuron_mem *mem, u64 offset, phys_addr_t *address);
/* Take all mappings away; later accesses raise SIGBUS. */
void neuron_mem_unmap_all(struct neuron_device *ndev);

static inline void neuron_mem_put(struct neuron_mem *mem)
{
	neuron_object_put(&mem->obj);
}

#endif
