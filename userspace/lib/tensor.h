/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors: named ranges of memory.
 */
#ifndef NRT_TENSOR_H
#define NRT_TENSOR_H

#include <stdatomic.h>

#include <nrt/nrt.h>

#include "device.h"

/**
 * struct nrt_storage - memory that tensors share
 * @va: address of it, or NULL for device memory that is not mapped
 * @mem: for the placements DEVICE and HOST
 * @owned: @va is to be freed
 */
struct nrt_storage {
	atomic_uint refs;
	char *va;
	struct nrt_mem *mem;
	bool owned;
};

/**
 * struct nrt_tensor - a part of a storage
 * @storage: NULL for an empty tensor
 */
struct nrt_tensor {
	struct nrt_storage *storage;
	size_t offset;
	size_t size;
	char name[];
};

/* Copy all of a tensor's bytes to or from @mem at @offset. */
int nrt_tensor_to_mem(const struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset);
int nrt_tensor_from_mem(struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset);

#endif
