/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnrt: load compiled models (NEFFs) onto NeuronCores and run them. The ABI is that of
 * the Inf1-era Neuron runtime: names, numbers and structure layouts are compatible.
 *
 * Order of calls: nrt_init(), nrt_load(), tensors into two tensor sets, nrt_execute(),
 * nrt_unload(), nrt_close(). But for those that say otherwise, functions return
 * NRT_UNINITIALIZED before nrt_init() and NRT_CLOSED after nrt_close(). Functions may
 * be called from any thread; freeing an object that another call still uses is the caller's
 * mistake (unloading a model is not: it waits). A child of fork() has to call nrt_init()
 * itself.
 *
 * The library prints nothing but log lines of the level that NEURON_RT_LOG_LEVEL allows
 * (default: ERROR) to standard error, or to syslog.
 *
 * Environment, read by nrt_init():
 *   NEURON_RT_VISIBLE_CORES	"3", "3-6", "3,4,5", "3-5,6": contiguous and increasing; these
 *				cores become 0, 1, .. inside the process
 *   NEURON_RT_NUM_CORES	take that many free cores; 0 = all. VISIBLE_CORES wins
 *   NEURONCORE_GROUP_SIZES	of former times: "2,4,3,4" takes 13 free cores as four groups, "4x1"
 *				one group whose models have 4 instances on one core each. A model
 *				that the runtime places goes to the group with the fewest. The two
 *				above win
 *   NEURON_RT_RESET_CORES	0, 1: wipe the cores that are taken. That is done anyway whenever
 *				a core changes its owner, so that it changes nothing
 *   NEURON_RT_EXEC_TIMEOUT	seconds until nrt_execute() gives NRT_TIMEOUT (default 30)
 *   NEURON_RT_VALIDATE_HASH	1, true: nrt_load() checks the NEFF's SHA-256 (default false)
 *   NEURON_RT_LOG_LEVEL[_NRT|_TDRV|_NMGR]	QUIET ERROR WARN INFO DEBUG TRACE
 *   NEURON_RT_LOG_LOCATION[_NRT|_TDRV|_NMGR]	console, syslog
 *   NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS	1, true: the instances of a model have their weights
 *				once a device, not each its own (default false)
 *   NEURON_RT_DEBUG_MEMLOG_MAX_SIZE	allocations and frees of device memory that are remembered
 *				(default 1048576; 0 = none). When one fails they are written to
 *				neuron-memlog-PID-*.csv in $TMPDIR or /tmp; the log tells its name
 *   NEURON_RT_DBG_DUMP_INPUTS_ON_ERR	a status code, such as 1003, or 1, true for any: write
 *				the inputs of executions that end so to neuron-inputs-PID-N/NAME.bin
 *   NEURON_PROCESS_TAG		up to 32 characters that tools show for the process (its pid)
 * and, ours:
 *   NEURON_RT_DEVICE		"kernel" (default): all of /dev/neuron*; "/dev/neuronN": that one;
 *				"emulator", "emulator:N": N emulated chips inside the process
 */
#ifndef NRT_NRT_H
#define NRT_NRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <nrt/nrt_status.h>
#include <nrt/nrt_version.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A loaded model. */
typedef struct nrt_model nrt_model_t;
/** A range of memory with a size; knows neither type nor shape. */
typedef struct nrt_tensor nrt_tensor_t;
/** Tensors by name: the inputs or the outputs of an execution. */
typedef void nrt_tensor_set_t;

typedef enum {
	NRT_TENSOR_PLACEMENT_DEVICE = 0,	/* device memory */
	NRT_TENSOR_PLACEMENT_HOST = 1,		/* host memory that the device can reach, < 4 MiB */
	NRT_TENSOR_PLACEMENT_VIRTUAL = 2,	/* plain memory of the process: the one to use */
} nrt_tensor_placement_t;

typedef enum {
	NRT_FRAMEWORK_TYPE_INVALID = 0,
	NRT_FRAMEWORK_TYPE_NO_FW = 1,
	NRT_FRAMEWORK_TYPE_TENSORFLOW = 2,
	NRT_FRAMEWORK_TYPE_PYTORCH = 3,
	NRT_FRAMEWORK_TYPE_MXNET = 4,
	NRT_FRAMEWORK_TYPE_PRECHECK = 5,
} nrt_framework_type_t;

/* Numbers of the Inf1 era; later SDKs number them otherwise. */
typedef enum {
	NRT_DTYPE_UNKNOWN = 0,
	NRT_DTYPE_FLOAT32 = 1,
	NRT_DTYPE_FLOAT16 = 2,
	NRT_DTYPE_BFLOAT16 = 3,
	NRT_DTYPE_INT8 = 4,
	NRT_DTYPE_UINT8 = 5,
	NRT_DTYPE_INT16 = 6,
	NRT_DTYPE_UINT16 = 7,
	NRT_DTYPE_INT32 = 8,
	NRT_DTYPE_UINT32 = 9,
	NRT_DTYPE_INT64 = 10,
	NRT_DTYPE_UINT64 = 11,
} nrt_dtype_t;

/**
 * nrt_init - read the environment, open the devices, take NeuronCores
 * @framework: who asks; NRT_FRAMEWORK_TYPE_NO_FW without a framework
 * @fw_version: version of the framework, or ""; only shown by tools
 * @fal_version: version of the framework's plug-in, or ""; only shown by tools
 *
 * The cores belong to this process until nrt_close() or its end. May be called again after
 * nrt_close().
 *
 * NRT_INVALID: framework or an environment variable is not valid
 * NRT_RESOURCE: cores that were asked for belong to another process, or do not exist
 * NRT_FAILURE: no device, driver missing or not compatible, or initialized already
 * NRT_HW_ERROR: cores that were asked for are of a device that is broken or about to go
 */
NRT_STATUS nrt_init(nrt_framework_type_t framework, const char *fw_version,
		    const char *fal_version);

/**
 * nrt_close - unload all models and give the NeuronCores back
 *
 * Waits for executions in flight. Tensors stay the caller's to free.
 */
void nrt_close(void);

/**
 * nrt_load - load a NEFF onto NeuronCores
 * @neff_bytes: contents of the file; not needed any more when the call returns
 * @size: bytes
 * @start_nc: first core, counted in the visible ones; -1 = the runtime chooses
 * @nc_count: number of cores; k times what the model needs loads k instances of it.
 *	-1 = as many as one instance needs
 * @model: out; give back with nrt_unload()
 *
 * NRT_INVALID: bad NEFF or argument
 * NRT_UNSUPPORTED_NEFF_VERSION: version, features or instruction set of the NEFF
 * NRT_LOAD_NOT_ENOUGH_NC: the NEFF needs more cores, or there are fewer than @nc_count
 * NRT_RESOURCE: out of device or host memory
 * NRT_HW_ERROR: the device failed or went away
 */
NRT_STATUS nrt_load(const void *neff_bytes, size_t size, int32_t start_nc, int32_t nc_count,
		    nrt_model_t **model);

/**
 * nrt_load_collectives - nrt_load() in a world of several processes
 * @g_device_id: rank
 * @g_device_count: size of the world; Inferentia 1 has no collectives, so more than 1
 *	gives NRT_INVALID
 *
 * The codes of nrt_load().
 */
NRT_STATUS nrt_load_collectives(const void *neff_bytes, size_t size, int32_t start_nc,
				int32_t nc_count, uint32_t g_device_id, uint32_t g_device_count,
				nrt_model_t **model);

/**
 * nrt_unload - free a model and what it holds on the device
 *
 * Waits for executions of it that are in flight. The handle is dead afterwards.
 * NRT_INVALID: not a loaded model.
 */
NRT_STATUS nrt_unload(nrt_model_t *model);

/**
 * nrt_get_model_nc_count - number of NeuronCores that a loaded model occupies
 *
 * NRT_INVALID_HANDLE: not a loaded model; NRT_INVALID: @nc_count is NULL
 */
NRT_STATUS nrt_get_model_nc_count(const nrt_model_t *model, uint32_t *nc_count);

/**
 * nrt_get_total_nc_count - number of NeuronCores of all devices
 *
 * May be called before nrt_init(), and does not depend on which of them the environment asks for.
 *
 * NRT_FAILURE: no device; NRT_INVALID: @nc_count is NULL, or NEURON_RT_DEVICE is not valid
 */
NRT_STATUS nrt_get_total_nc_count(uint32_t *nc_count);

/**
 * nrt_get_visible_nc_count - number of NeuronCores of this process
 *
 * May be called before nrt_init(), and then tells what nrt_init() would ask for.
 *
 * NRT_FAILURE: no device; NRT_INVALID: @nc_count is NULL, or an environment variable is not valid
 */
NRT_STATUS nrt_get_visible_nc_count(uint32_t *nc_count);

/**
 * nrt_tensor_allocate - a tensor with memory of its own, which reads as zeros
 * @tensor_placement: where
 * @logical_nc_id: for NRT_TENSOR_PLACEMENT_DEVICE and _HOST: a visible core whose device it is
 *	to be on (-1: the first); ignored for _VIRTUAL
 * @size: bytes, > 0
 * @name: for the log; may be NULL
 * @tensor: out; give back with nrt_tensor_free()
 *
 * NRT_INVALID: argument; NRT_RESOURCE: out of memory; NRT_HW_ERROR: the device failed or went away
 */
NRT_STATUS nrt_tensor_allocate(nrt_tensor_placement_t tensor_placement, int logical_nc_id,
			       size_t size, const char *name, nrt_tensor_t **tensor);

/**
 * nrt_tensor_allocate_empty - a tensor without memory, for nrt_tensor_attach_buffer()
 *
 * NRT_INVALID: @tensor is NULL; NRT_RESOURCE: out of memory
 */
NRT_STATUS nrt_tensor_allocate_empty(const char *name, nrt_tensor_t **tensor);

/**
 * nrt_tensor_attach_buffer - let a tensor use memory of the caller
 * @buffer: @size bytes that outlive the tensor (or the next attach); stays the caller's
 *
 * Gives up the memory that the tensor had; its placement becomes VIRTUAL.
 *
 * NRT_INVALID: an argument is NULL or 0; NRT_RESOURCE: out of memory
 */
NRT_STATUS nrt_tensor_attach_buffer(nrt_tensor_t *tensor, void *buffer, size_t size);

/**
 * nrt_tensor_allocate_slice - a tensor that is a part of another one
 * @tensor_source: shares its memory, which stays as long as one of both exists
 * @offset, @size: bytes of @tensor_source
 *
 * NRT_INVALID: range or argument; NRT_RESOURCE: out of memory
 */
NRT_STATUS nrt_tensor_allocate_slice(const nrt_tensor_t *tensor_source, size_t offset, size_t size,
				     const char *name, nrt_tensor_t **tensor_slice);

/** nrt_tensor_free - free *@tensor and set it to NULL; NULL is fine. Works at any time. */
void nrt_tensor_free(nrt_tensor_t **tensor);

/**
 * nrt_tensor_read - tensor[offset .. offset + size) to @buf
 *
 * NRT_INVALID: range or argument; NRT_HW_ERROR: the device failed or went away, or has lost these
 * bytes; NRT_TIMEOUT: its DMA engine did not complete
 */
NRT_STATUS nrt_tensor_read(const nrt_tensor_t *tensor, void *buf, size_t offset, size_t size);

/**
 * nrt_tensor_write - @buf to tensor[offset .. offset + size)
 *
 * NRT_INVALID: range or argument; NRT_HW_ERROR: the device failed or went away
 */
NRT_STATUS nrt_tensor_write(nrt_tensor_t *tensor, const void *buf, size_t offset, size_t size);

/**
 * nrt_tensor_copy - bytes of one tensor to another; two on the device must share it
 *
 * NRT_INVALID: range, argument, or two devices; NRT_HW_ERROR: the device failed or went away, or
 * has lost these bytes; NRT_TIMEOUT: its DMA engine did not complete
 */
NRT_STATUS nrt_tensor_copy(const nrt_tensor_t *src, size_t src_offset, nrt_tensor_t *dst,
			   size_t dst_offset, size_t size);

/**
 * nrt_tensor_memset - fill a range with a byte value
 *
 * NRT_INVALID: range or argument; NRT_HW_ERROR: the device failed or went away
 */
NRT_STATUS nrt_tensor_memset(nrt_tensor_t *tensor, uint64_t offset, int value, size_t size);

/** nrt_tensor_get_size - size in bytes; 0 for an empty tensor or NULL. Works at any time. */
size_t nrt_tensor_get_size(const nrt_tensor_t *tensor);

/** nrt_tensor_get_va - address of the memory; NULL if the process cannot reach it directly */
void *nrt_tensor_get_va(const nrt_tensor_t *tensor);

/**
 * nrt_get_dmabuf_fd - device memory as a dma-buf, for another driver or another chip
 * @va: nrt_tensor_get_va() of a tensor with placement DEVICE that is no slice
 * @size: bytes of it, at most all; the dma-buf has whole pages
 * @fd: out, close-on-exec; the caller's to close. It keeps the memory, also without the tensor
 *
 * Of later SDKs. The buffer is revoked when the device goes or is reset.
 *
 * NRT_INVALID: no such memory; NRT_FAILURE: the device has no dma-bufs (a kernel without them, the
 * emulator); NRT_RESOURCE: out of descriptors or memory; NRT_HW_ERROR: the device failed
 */
NRT_STATUS nrt_get_dmabuf_fd(uint64_t va, uint64_t size, int *fd);

/**
 * nrt_allocate_tensor_set - an empty set; give back with nrt_destroy_tensor_set()
 *
 * NRT_INVALID: @result is NULL; NRT_RESOURCE: out of memory
 */
NRT_STATUS nrt_allocate_tensor_set(nrt_tensor_set_t **result);

/** nrt_destroy_tensor_set - free a set, not the tensors in it, and NULL the pointer */
void nrt_destroy_tensor_set(nrt_tensor_set_t **tensor_set);

/**
 * nrt_add_tensor_to_tensor_set - add a tensor, or replace the one of that name
 * @tensor_name: of the model's tensor; copied
 * @tensor: has to outlive the set
 *
 * NRT_INVALID: an argument is NULL, or the name is empty; NRT_RESOURCE: out of memory
 */
NRT_STATUS nrt_add_tensor_to_tensor_set(nrt_tensor_set_t *tensor_set, const char *tensor_name,
					nrt_tensor_t *tensor);

/**
 * nrt_get_tensor_from_tensor_set - find a tensor by its name
 *
 * NRT_FAILURE: there is none; *@tensor is untouched. NRT_INVALID: an argument is NULL
 */
NRT_STATUS nrt_get_tensor_from_tensor_set(nrt_tensor_set_t *tensor_set, const char *tensor_name,
					  nrt_tensor_t **tensor);

/**
 * nrt_execute - one inference
 * @input_set: a tensor for each input of the model, of exactly its size
 * @output_set: the same for the outputs
 *
 * Returns when the outputs are written. Several threads may execute one model: copies of one
 * overlap the computation of another, and instances of it run side by side.
 *
 * NRT_EXEC_BAD_INPUT: a tensor is missing, unknown or of the wrong size
 * NRT_EXEC_COMPLETED_WITH_NUM_ERR: outputs were written; an engine produced a NaN
 * NRT_EXEC_COMPLETED_WITH_ERR: the core faulted the program; outputs are undefined
 * NRT_TIMEOUT: NEURON_RT_EXEC_TIMEOUT passed, or the device's DMA engine did not complete
 * NRT_HW_ERROR: the device failed or went away, or has lost the bytes of a tensor
 * NRT_RESOURCE: out of memory
 * NRT_INVALID_HANDLE: not a loaded model
 * NRT_INVALID: a set is NULL
 */
NRT_STATUS nrt_execute(nrt_model_t *model, const nrt_tensor_set_t *input_set,
		       nrt_tensor_set_t *output_set);

/**
 * nrt_execute_repeat - inferences in a row, each with the outputs of the one before as inputs
 * @input_set: inputs of the first one; its tensors are not written
 * @output_set: outputs of the last one; those of the others pass through it, too
 * @repeat_count: number of inferences, > 0
 *
 * Needs a model made for it: its outputs, in the order of nrt_get_model_tensor_info(), have the
 * types and shapes of as many inputs, which they become. What further inputs there are stays.
 *
 * The codes of nrt_execute(); NRT_INVALID also: the model is not one that can be repeated, or
 * @repeat_count is less than 1. NRT_EXEC_COMPLETED_WITH_NUM_ERR: any of them produced a NaN.
 */
NRT_STATUS nrt_execute_repeat(nrt_model_t *model, const nrt_tensor_set_t *input_set,
			      nrt_tensor_set_t *output_set, int repeat_count);

#ifdef __cplusplus
}
#endif

#endif
