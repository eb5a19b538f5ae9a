/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnrt: what a model wants and gives.
 */
#ifndef NRT_NRT_EXPERIMENTAL_H
#define NRT_NRT_EXPERIMENTAL_H

#include <nrt/nrt.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nrt_tensor_usage {
	NRT_TENSOR_USAGE_INPUT = 0,
	NRT_TENSOR_USAGE_OUTPUT = 1,
} nrt_tensor_usage_t;

#define NRT_TENSOR_NAME_MAX	256

/**
 * struct nrt_tensor_info - one input or output
 * @name: what nrt_add_tensor_to_tensor_set() wants; NUL-terminated
 * @usage: input or output
 * @size: bytes
 * @dtype: type of the elements; they lie dense, row-major, little-endian
 * @shape: @ndim dimensions, outermost first
 */
typedef struct nrt_tensor_info {
	char name[NRT_TENSOR_NAME_MAX];
	nrt_tensor_usage_t usage;
	size_t size;
	nrt_dtype_t dtype;
	uint32_t *shape;
	uint32_t ndim;
} nrt_tensor_info_t;

typedef struct nrt_tensor_info_array {
	uint64_t tensor_count;
	nrt_tensor_info_t tensor_array[];
} nrt_tensor_info_array_t;

/**
 * nrt_get_model_tensor_info - inputs, then outputs, of a model
 * @tensor_info: out; give back with nrt_free_model_tensor_info()
 */
NRT_STATUS nrt_get_model_tensor_info(nrt_model_t *model, nrt_tensor_info_array_t **tensor_info);

/** nrt_free_model_tensor_info - free what nrt_get_model_tensor_info() gave. Works at any time. */
NRT_STATUS nrt_free_model_tensor_info(nrt_tensor_info_array_t *tensor_info);

/** nrt_get_model_instance_count - how many instances of a model were loaded, >= 1 */
NRT_STATUS nrt_get_model_instance_count(nrt_model_t *model, uint32_t *instance_count);

#ifdef __cplusplus
}
#endif

#endif
