/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_DMABUF_H
#define _NEURON_DMABUF_H

#include <linux/err.h>
#include <linux/types.h>

struct dma_buf;
struct neuron_device;
struct neuron_mem;

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)

/* A reference to the dma-buf of a descriptor; -EBADF, -EACCES (open for reading only). */
struct dma_buf *neuron_dmabuf_get(int fd, bool writable);
void neuron_dmabuf_release(struct dma_buf *dmabuf);
/* A reserved descriptor takes the reference over. */
void neuron_dmabuf_install(struct dma_buf *dmabuf, int fd);

/*
 * An object of @length bytes (0: all) of a dma-buf; has a reference of its own. With
 * ndev->rwsem held. -EINVAL (length), -ESTALE, -EXDEV, -EOPNOTSUPP, -ENOMEM, -EINTR.
 */
struct neuron_mem *neuron_dmabuf_import(struct neuron_device *ndev, struct dma_buf *dmabuf,
					u64 length, bool writable);
/* The halves of its end: with ndev->objects_lock held, and without. */
void neuron_dmabuf_detach(struct neuron_mem *mem);
void neuron_dmabuf_put(struct neuron_mem *mem);
/* The exporter can never take it back. */
bool neuron_dmabuf_is_static(struct neuron_mem *mem);

/* A new dma-buf of device memory. -EOPNOTSUPP, -ENOMEM. */
struct dma_buf *neuron_dmabuf_export(struct neuron_mem *mem);
/* With ndev->objects_lock held: take away what the object's dma-bufs have mapped. */
void neuron_dmabuf_unmap(struct neuron_mem *mem);
/* After neuron_mem_stop_use_all(): make other drivers let go. */
void neuron_dmabuf_revoke_all(struct neuron_device *ndev);

#else

static inline struct dma_buf *neuron_dmabuf_get(int fd, bool writable)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void neuron_dmabuf_release(struct dma_buf *dmabuf)
{
}

static inline void neuron_dmabuf_install(struct dma_buf *dmabuf, int fd)
{
}

static inline struct neuron_mem *neuron_dmabuf_import(struct neuron_device *ndev,
						      struct dma_buf *dmabuf, u64 length,
						      bool writable)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void neuron_dmabuf_detach(struct neuron_mem *mem)
{
}

static inline void neuron_dmabuf_put(struct neuron_mem *mem)
{
}

static inline bool neuron_dmabuf_is_static(struct neuron_mem *mem)
{
	return false;
}

static inline struct dma_buf *neuron_dmabuf_export(struct neuron_mem *mem)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void neuron_dmabuf_unmap(struct neuron_mem *mem)
{
}

static inline void neuron_dmabuf_revoke_all(struct neuron_device *ndev)
{
}

#endif

#endif
