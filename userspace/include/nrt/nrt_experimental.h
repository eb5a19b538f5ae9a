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
 *
 * NRT_INVALID_HANDLE: not a loaded model; NRT_INVALID: @tensor_info is NULL; NRT_RESOURCE: out of
 * memory
 */
NRT_STATUS nrt_get_model_tensor_info(nrt_model_t *model, nrt_tensor_info_array_t **tensor_info);

/**
 * nrt_free_model_tensor_info - free what nrt_get_model_tensor_info() gave
 *
 * Works at any time. NRT_INVALID: @tensor_info is NULL.
 */
NRT_STATUS nrt_free_model_tensor_info(nrt_tensor_info_array_t *tensor_info);

/**
 * nrt_trace_start - profile all models, on all visible NeuronCores
 * @trace_mem: note also what device memory comes and goes
 *
 * The same as nrt_profile_start() for every model, into one file; models may have profiles of
 * their own besides.
 *
 * NRT_INVALID: it was started already. NRT_FAILURE: no temporary file in /tmp. NRT_RESOURCE: out of
 * memory.
 */
NRT_STATUS nrt_trace_start(bool trace_mem);

/**
 * nrt_trace_stop - end what nrt_trace_start() began, and write it to a file
 * @filename: created, or truncated
 *
 * NRT_INVALID: nothing was started, or @filename is NULL. NRT_FAILURE: the file cannot be written,
 * what was recorded is lost.
 */
NRT_STATUS nrt_trace_stop(const char *filename);

/**
 * nrt_get_model_instance_count - how many instances of a model were loaded, >= 1
 *
 * NRT_INVALID_HANDLE: not a loaded model; NRT_INVALID: @instance_count is NULL
 */
NRT_STATUS nrt_get_model_instance_count(nrt_model_t *model, uint32_t *instance_count);

/**
 * nrt_memcpy_to_device - copy into device memory that the process has mapped
 * @dest: an address inside of what nrt_tensor_get_va() gave for a tensor with the placement
 *	DEVICE or HOST
 * @src: @size bytes
 *
 * Done when it returns: an execution or copy that starts then sees the bytes. Storing
 * through the pointer does not give that promise, and ends the process if the device goes.
 *
 * NRT_INVALID: @dest or @src is NULL, or the range is not in one tensor's memory.
 * NRT_HW_ERROR: the device failed or went away.
 */
NRT_STATUS nrt_memcpy_to_device(void *dest, const void *src, size_t size);

/** struct nrt_ucode_img - an image of microcode: @size bytes at @bin */
typedef struct nrt_ucode_img {
	uint8_t *bin;
	size_t size;
} nrt_ucode_img;

/** struct nrt_ucode_info - microcode of a Pool engine: its instructions and its data */
typedef struct nrt_ucode_info {
	nrt_ucode_img iram;
	nrt_ucode_img dram;
} nrt_ucode_info;

/**
 * nrt_set_pool_eng_ucode - replace the microcode of the Pool engines
 *
 * To be called before nrt_init(). The Pool engine of Inferentia 1 has none, so that
 * there is nothing that could be replaced:
 *
 * NRT_INVALID: @ucode_info is NULL, or an image has no bytes.
 * NRT_FAILURE: else; the images are not used.
 */
NRT_STATUS nrt_set_pool_eng_ucode(const nrt_ucode_info *ucode_info);

/**
 * nrt_get_libnccl_net - the network plug-in for collectives
 * @err: out: status code; may be NULL
 *
 * Inferentia 1 has no collectives: always NULL, with NRT_FAILURE in *@err, or the code for the
 * state of the library.
 */
void *nrt_get_libnccl_net(int *err);

#ifdef __cplusplus
}
#endif

#endif
