/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensor sets: tensors by name.
 */
#ifndef NRT_TENSOR_SET_H
#define NRT_TENSOR_SET_H

#include "tensor.h"

struct nrt_set_entry {
	char *name;
	struct nrt_tensor *tensor;
};

struct nrt_set {
	struct nrt_set_entry *entries;
	uint32_t count;
};

/* NULL if there is none of that name. */
struct nrt_tensor *nrt_set_find(const struct nrt_set *set, const char *name);

#endif
