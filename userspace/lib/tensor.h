/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors: named ranges of memory.
 */
#ifndef NRT_TENSOR_H
#define NRT_TENSOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <nrt/nrt.h>
#include <nrt/nrt_open.h>

#include "device.h"

/**
 * struct nrt_pin - a device that memory of the caller was pinned for, or could not be
 * @mem: NULL if it could not
 */
struct nrt_pin {
	struct nrt_pin *next;
	struct nrt_device *dev;
	struct nrt_mem *mem;
};

/**
 * struct nrt_storage - memory that tensors share
 * @va: address of it, or NULL for device memory that is not mapped
 * @mem: for the placements DEVICE and HOST
 * @owned: bytes of @va, which is to be freed, 0 if it is not
 * @attached: bytes of @va, which is the caller's, 0 if it is not
 * @lock: of @pins, to which devices are only added
 */
struct nrt_storage {
	atomic_uint refs;
	char *va;
	struct nrt_mem *mem;
	size_t owned;
	size_t attached;
	pthread_mutex_t lock;
	struct nrt_pin *pins;
};

/**
 * struct nrt_tensor - a part of a storage
 * @storage: NULL for an empty tensor
 * @shaped: an execution chose @size, @ndim and @shape
 */
struct nrt_tensor {
	struct nrt_storage *storage;
	size_t offset;
	size_t size;
	bool shaped;
	uint32_t ndim;
	uint64_t shape[NRT_OPEN_MAX_DIMS];
	char name[];
};

/* A tensor of @size bytes of the process's own memory, or NULL; free with nrt_tensor_free(). */
struct nrt_tensor *nrt_tensor_new(size_t size);
/* Let a tensor be @size bytes of @mem, whose reference it takes over, also on error. -ENOMEM. */
int nrt_tensor_attach_mem(struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset,
			  size_t size);
/* Copy all of a tensor's bytes to or from @mem at @offset. */
int nrt_tensor_to_mem(const struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset);
int nrt_tensor_from_mem(struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset);
/* Memory of its own in the process, or NULL if it has none or the device's. */
void *nrt_tensor_host(const struct nrt_tensor *tensor);
/* All bytes of a tensor from or to memory of the process. */
int nrt_tensor_fetch(const struct nrt_tensor *tensor, void *buf);
int nrt_tensor_store(struct nrt_tensor *tensor, const void *buf);
/* New contents of @size bytes in new memory. -ENOMEM. */
int nrt_tensor_replace(struct nrt_tensor *tensor, const void *data, size_t size, uint32_t ndim,
		       const uint32_t *shape);

#endif
