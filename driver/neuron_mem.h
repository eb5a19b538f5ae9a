/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_MEM_H
#define _NEURON_MEM_H

#include <linux/types.h>
#include <neuron/regs.h>

#include "neuron_object.h"

#define NEURON_MEM_MAX		NEURON_DRAM_CHANNEL_SIZE

struct neuron_file;
struct vm_area_struct;

/* A run of host memory that is contiguous for the chip. */
struct neuron_mem_chunk {
	void *cpu;
	dma_addr_t dma;
};

/**
 * struct neuron_mem - device or host memory
 * @type: NEURON_MEM_DEVICE or NEURON_MEM_HOST
 * @length: bytes, whole pages
 * @readonly: only read-only mappings
 * @unmapped: no mapping may fault pages in any more; ndev->objects_lock
 * @channel, @address: device memory: where
 * @chunk_size, @chunk_count, @chunks: host memory: equal pieces, the last may be shorter
 */
struct neuron_mem {
	struct neuron_object obj;
	u32 type;
	u64 length;
	bool readonly;
	bool unmapped;

	u32 channel;
	u64 address;

	u64 chunk_size;
	u32 chunk_count;
	struct neuron_mem_chunk *chunks;
};

#define to_neuron_mem(o)	container_of(o, struct neuron_mem, obj)

/* Allocators of device memory, for the life of the device. */
int neuron_mem_init(struct neuron_device *ndev);
void neuron_mem_fini(struct neuron_device *ndev);
u64 neuron_mem_free_bytes(struct neuron_device *ndev);

/* ERR_PTR() or an object with one reference, zeroed. With ndev->rwsem held. */
struct neuron_mem *neuron_mem_create_device(struct neuron_device *ndev, u64 length, u64 align,
					    u32 channel);
struct neuron_mem *neuron_mem_create_host(struct neuron_device *ndev, u64 length);
/* One run, for the driver's own tables; kernel address in chunks[0]. */
struct neuron_mem *neuron_mem_create_table(struct neuron_device *ndev, u64 length);

/* The memory object of an id with a new reference, or NULL. */
struct neuron_mem *neuron_mem_lookup(struct neuron_file *nf, u32 id);

/* Where the chip finds the byte at @offset; *@run bytes from there on are contiguous. */
u64 neuron_mem_address(struct neuron_mem *mem, u64 offset, u64 *run);
/* -ERANGE if offset .. offset + length is not inside. */
int neuron_mem_check_range(struct neuron_mem *mem, u64 offset, u64 length);

/*
 * Where in the file mmap() finds the object of an id: each id has room for the largest
 * object. A queue stands for its completion page.
 */
u64 neuron_mem_mmap_offset(u32 id);
int neuron_mem_mmap(struct neuron_file *nf, struct vm_area_struct *vma);
/* Take all mappings away; later accesses raise SIGBUS. */
void neuron_mem_unmap_all(struct neuron_device *ndev);

static inline void neuron_mem_put(struct neuron_mem *mem)
{
	neuron_object_put(&mem->obj);
}

#endif
