/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnrt: calls that the Inf1-era runtime does not have. Programs that use them run with
 * this implementation only.
 */
#ifndef NRT_NRT_OPEN_H
#define NRT_NRT_OPEN_H

#include <nrt/nrt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nrt_open_last_error - what went wrong in this thread's last call that failed
 *
 * Returns one line without newline, "" if nothing did. Valid until the thread's next call of
 * the library. Works at any time.
 */
const char *nrt_open_last_error(void);

/**
 * struct nrt_open_execute_info - about an execution
 * @cycles: NeuronCore cycles, summed over the model's subgraphs. A model of the chip, not a
 *	measurement of silicon
 * @device_ns: host time from submission to completion, summed over the subgraphs
 * @core: visible core that ran the (first) subgraph
 */
typedef struct nrt_open_execute_info {
	uint64_t cycles;
	uint64_t device_ns;
	uint32_t core;
	uint32_t reserved;
} nrt_open_execute_info_t;

/**
 * nrt_open_get_execute_info - about this thread's last nrt_execute() that completed
 *
 * Works at any time. NRT_FAILURE: there was none. NRT_INVALID: @info is NULL.
 */
NRT_STATUS nrt_open_get_execute_info(nrt_open_execute_info_t *info);

/*
 * Types of inputs and outputs that only the CPU computes with, and that the Inf1-era
 * enumeration lacks. A bool is a byte, 0 or 1.
 */
#define NRT_OPEN_DTYPE_BOOL	((nrt_dtype_t)64)
#define NRT_OPEN_DTYPE_FLOAT64	((nrt_dtype_t)65)

#define NRT_OPEN_MAX_DIMS	8

/**
 * nrt_open_get_tensor_shape - the shape that an execution gave an output
 * @tensor: an output of the last nrt_execute() that had it in its set
 * @ndim: result
 * @shape: result, room for NRT_OPEN_MAX_DIMS sizes
 *
 * For outputs whose shape depends on the data: nrt_get_model_tensor_info() has a size of 0 for
 * them, and 0 for each dimension that is open (ndim 0 if not even their number is known).
 * Their tensor in the output set may be empty (nrt_tensor_allocate_empty()): each execution
 * gives it new memory, whose size nrt_tensor_get_size() tells. Memory or buffers that it had
 * before are let go of.
 *
 * Works at any time. NRT_INVALID: an argument is NULL. NRT_FAILURE: no execution gave the tensor a
 * shape.
 */
NRT_STATUS nrt_open_get_tensor_shape(const nrt_tensor_t *tensor, uint32_t *ndim,
				     uint64_t *shape);

/**
 * nrt_open_tensor_attach_dmabuf - let a tensor be (part of) another device's buffer
 * @tensor: gives up the memory that it had
 * @logical_nc_id: a visible core whose device is to reach the buffer; -1: the first
 * @fd: a dma-buf, such as drmPrimeHandleToFD() gives of a frame that a GPU has decoded; stays the
 *	caller's and may be closed when the call returns
 * @offset, @size: bytes of it that the tensor is to be
 *
 * Executions on that device have the chip itself fetch the tensor's bytes from the buffer, or put
 * them there; nobody copies them. On other devices they go through memory of the process. All
 * calls for tensors work but nrt_tensor_get_va(), which is NULL. Before an execution the
 * exporter has to be done with the buffer: poll() of @fd tells.
 *
 * NRT_INVALID: an argument, not a dma-buf, or the range is not inside it
 * NRT_FAILURE: the device cannot reach that buffer, or it went away with its exporter. Also what
 *	reading or writing gives when that happens later (attach again), or when a dma-buf that
 *	is open for reading only is written
 * NRT_RESOURCE: out of memory; reading and writing may give that, too, as both are copies of the
 *	device's then (see nrt_tensor_copy())
 * NRT_HW_ERROR: the device failed or went away
 */
NRT_STATUS nrt_open_tensor_attach_dmabuf(nrt_tensor_t *tensor, int logical_nc_id, int fd,
					 uint64_t offset, size_t size);

#ifdef __cplusplus
}
#endif

#endif
