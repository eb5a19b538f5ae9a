// SPDX-License-Identifier: Apache-2.0
/*
 * dma-bufs: device memory for other drivers, and their buffers as tensors.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <nrt/nrt_open.h>

#include "runtime.h"
#include "tensor.h"

static NRT_STATUS export_status(const struct nrt_mem *mem, int rc)
{
	if (!rc)
		return NRT_SUCCESS;
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_get_dmabuf_fd",
		"no dma-buf of memory of neuron%u: %s", mem->dev->index,
		rc == -EOPNOTSUPP ? "this kernel has none, or the device is the emulator" :
		strerror(-rc));
	return rc == -EOPNOTSUPP ? NRT_FAILURE : nrt_status_of(rc);
}

NRT_API NRT_STATUS nrt_get_dmabuf_fd(uint64_t va, uint64_t size, int *fd)
{
	NRT_STATUS status = nrt_enter(__func__);
	struct nrt_mem *mem = NULL;
	uint64_t offset = 0;

	if (status)
		return status;
	if (va && size && fd)
		mem = nrt_mem_find((void *)(uintptr_t)va, &offset);
	if (!mem || mem->type != NRT_MEM_DEVICE || offset || size > mem->size) {
		nrt_err(NRT,
			"no device memory of %" PRIu64 " bytes begins at 0x%" PRIx64 ": it takes nrt_tensor_get_va() of a tensor with placement DEVICE that is no slice",
			size, va);
		status = NRT_INVALID;
	} else {
		status = export_status(mem, mem->dev->ops->mem_export(mem, fd));
	}
	nrt_mem_put(mem);
	nrt_leave();
	return status;
}

static NRT_STATUS import_status(const struct nrt_device *dev, int fd, int rc)
{
	const char *why = strerror(-rc);
	NRT_STATUS status = nrt_status_of(rc);

	switch (rc) {
	case -EBADF:
		why = "it is not a dma-buf";
		status = NRT_INVALID;
		break;
	case -EOPNOTSUPP:
		why = "the chip cannot reach that buffer: its driver shares it with no such device, or it would take a bounce buffer";
		status = NRT_FAILURE;
		break;
	case -ESTALE:
	case -EXDEV:
		why = "it is memory of a chip that is gone, or no neighbour";
		status = NRT_FAILURE;
		break;
	}
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_open_tensor_attach_dmabuf",
		"cannot attach descriptor %d on neuron%u: %s", fd, dev->index, why);
	return status;
}

static NRT_STATUS attach(struct nrt_tensor *tensor, struct nrt_device *dev, int fd,
			 uint64_t offset, size_t size)
{
	struct nrt_mem *mem;
	int rc = nrt_mem_import(dev, fd, &mem);

	if (rc)
		return import_status(dev, fd, rc);
	if (offset > mem->size || size > mem->size - offset) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_open_tensor_attach_dmabuf",
			"bytes %" PRIu64 "..%" PRIu64 " are not inside the dma-buf of %" PRIu64 " bytes",
			offset, offset + size, mem->size);
		nrt_mem_put(mem);
		return NRT_INVALID;
	}
	return nrt_status_of(nrt_tensor_attach_mem(tensor, mem, offset, size));
}

NRT_API NRT_STATUS nrt_open_tensor_attach_dmabuf(nrt_tensor_t *tensor, int logical_nc_id, int fd,
						 uint64_t offset, size_t size)
{
	NRT_STATUS status = nrt_enter(__func__);
	int core = logical_nc_id < 0 ? 0 : logical_nc_id;

	if (status)
		return status;
	if (!tensor || !size) {
		nrt_err(NRT, "tensor is NULL, or the size is 0");
		status = NRT_INVALID;
	} else if (logical_nc_id < -1 || core >= (int)nrt_runtime.core_count) {
		nrt_err(NRT, "there is no NeuronCore %d, there are %u", logical_nc_id,
			nrt_runtime.core_count);
		status = NRT_INVALID;
	} else {
		status = attach(tensor, nrt_runtime.cores[core].dev, fd, offset, size);
	}
	nrt_leave();
	return status;
}
