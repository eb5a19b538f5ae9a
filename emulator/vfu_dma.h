/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's memory: which bus addresses are mapped to which file, and copies from
 * and to it. Copies hold the table's lock for reading, at most 1 MiB at a time; so an
 * unmap, which takes it for writing, waits for DMA in flight and for no more. A file
 * that shrinks under its mapping fails the copy, not the process.
 */
#ifndef EMU_VFU_DMA_H
#define EMU_VFU_DMA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vfu_dma_entry {
	uint64_t address;
	uint64_t size;
	uint8_t *memory;	/* NULL: the client shares no file for it */
	bool readable;
	bool writable;
};

struct vfu_dma {
	pthread_rwlock_t lock;
	struct vfu_dma_entry *entry;	/* sorted by address */
	size_t count;
	size_t room;
};

int vfu_dma_init(struct vfu_dma *dma);
void vfu_dma_fini(struct vfu_dma *dma);

/*
 * @flags: VFU_DMA_*; @fd: stays the caller's, -1 for memory that no file stands for, which
 * is accepted, but DMA to it fails. -EINVAL bad range, or the file ends before it; -EEXIST
 * overlaps another; -ENOSPC too many; -errno of mmap.
 */
int vfu_dma_map(struct vfu_dma *dma, uint64_t address, uint64_t size, uint64_t offset,
		uint32_t flags, int fd);
/* All entries inside the range. -ENOENT: none; -EINVAL: it would cut one. */
int vfu_dma_unmap(struct vfu_dma *dma, uint64_t address, uint64_t size);
void vfu_dma_unmap_all(struct vfu_dma *dma);

/* -EFAULT not mapped, or the file has shrunk; -EPERM direction not allowed; -ENXIO no file. */
int vfu_dma_read(struct vfu_dma *dma, uint64_t address, void *buf, size_t len);
int vfu_dma_write(struct vfu_dma *dma, uint64_t address, const void *buf, size_t len);

/* Memory of a file that another process may cut off at any time: -EFAULT then. */
int vfu_dma_copy(void *to, const void *from, size_t len);

/* Once a process: catch SIGBUS of the copies above. */
int vfu_dma_catch_sigbus(void);

#endif
