// SPDX-License-Identifier: Apache-2.0
/*
 * Tensors: allocation, slices, access.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <nrt/nrt_experimental.h>

#include "memlog.h"
#include "runtime.h"
#include "stats.h"
#include "tensor.h"

#define HOST_PLACEMENT_MAX	(4u << 20)
#define ALIGNMENT		64
/* From here on pinning a buffer of the caller is cheaper than copying it. */
#define PIN_MIN			(32u << 10)
/* Bytes on their way between two devices. */
#define BOUNCE_MAX		(1u << 20)

static void storage_put(struct nrt_storage *s)
{
	struct nrt_pin *pin;

	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	nrt_mem_put(s->mem);
	while (s->pins) {
		pin = s->pins;
		s->pins = pin->next;
		nrt_mem_put(pin->mem);
		nrt_device_put(pin->dev);
		free(pin);
	}
	pthread_mutex_destroy(&s->lock);
	if (s->owned) {
		nrt_stats_memory(NRT_MEM_HOST, -(int64_t)s->owned);
		free(s->va);
	}
	free(s);
}

static struct nrt_storage *storage_new(void *va, struct nrt_mem *mem, size_t owned)
{
	struct nrt_storage *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	nrt_stats_memory(NRT_MEM_HOST, owned);
	*s = (struct nrt_storage) {
		.refs = 1, .va = va, .mem = mem, .owned = owned, .lock = PTHREAD_MUTEX_INITIALIZER,
	};
	return s;
}

static struct nrt_tensor *tensor_new(const char *name)
{
	size_t length = name ? strlen(name) : 0;
	struct nrt_tensor *t = calloc(1, sizeof(*t) + length + 1);

	if (t && length)
		memcpy(t->name, name, length);
	return t;
}

static NRT_STATUS no_memory(const char *function, size_t size)
{
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function, "out of host memory for a tensor of %zu bytes",
		size);
	return NRT_RESOURCE;
}

static NRT_STATUS allocate_virtual(size_t size, struct nrt_storage **storage)
{
	/* calloc() leaves pages of large tensors untouched until they are used. */
	void *va = calloc(1, size);

	*storage = va ? storage_new(va, NULL, size) : NULL;
	if (!*storage) {
		free(va);
		return no_memory("nrt_tensor_allocate", size);
	}
	return NRT_SUCCESS;
}

struct nrt_tensor *nrt_tensor_new(size_t size)
{
	struct nrt_tensor *t = tensor_new(NULL);

	if (!t || allocate_virtual(size, &t->storage)) {
		free(t);
		return NULL;
	}
	t->size = size;
	return t;
}

static NRT_STATUS allocate_on_device(enum nrt_mem_type type, int core, size_t size,
				     struct nrt_storage **storage)
{
	struct nrt_mem *mem;
	int rc;

	if (core < -1 || core >= (int)nrt_runtime.core_count) {
		nrt_err(NRT, "there is no NeuronCore %d, there are %u", core,
			nrt_runtime.core_count);
		return NRT_INVALID;
	}
	rc = nrt_mem_create(nrt_runtime.cores[core < 0 ? 0 : core].dev, type, size, ALIGNMENT,
			    &mem);
	if (rc)
		return nrt_status_of(rc);
	*storage = storage_new(mem->va, mem, 0);
	if (!*storage) {
		nrt_mem_put(mem);
		return no_memory("nrt_tensor_allocate", size);
	}
	return NRT_SUCCESS;
}

static NRT_STATUS allocate_storage(nrt_tensor_placement_t placement, int core, size_t size,
				   struct nrt_storage **storage)
{
	switch (placement) {
	case NRT_TENSOR_PLACEMENT_VIRTUAL:
		return allocate_virtual(size, storage);
	case NRT_TENSOR_PLACEMENT_DEVICE:
		return allocate_on_device(NRT_MEM_DEVICE, core, size, storage);
	case NRT_TENSOR_PLACEMENT_HOST:
		if (size >= HOST_PLACEMENT_MAX) {
			nrt_err(NRT,
				"%zu bytes with placement HOST, which is for less than %u: use VIRTUAL",
				size, HOST_PLACEMENT_MAX);
			return NRT_RESOURCE;
		}
		return allocate_on_device(NRT_MEM_HOST, core, size, storage);
	}
	nrt_err(NRT, "unknown tensor placement %d", placement);
	return NRT_INVALID;
}

NRT_API NRT_STATUS nrt_tensor_allocate(nrt_tensor_placement_t tensor_placement, int logical_nc_id,
				       size_t size, const char *name, nrt_tensor_t **tensor)
{
	struct nrt_tensor *t;
	NRT_STATUS status = nrt_enter(__func__);

	if (status)
		return status;
	if (!tensor || !size) {
		nrt_err(NRT, "no address for the result, or a size of 0");
		nrt_leave();
		return NRT_INVALID;
	}
	t = tensor_new(name);
	nrt_memlog_purpose("tensor", name);
	status = t ? allocate_storage(tensor_placement, logical_nc_id, size, &t->storage) :
		 no_memory(__func__, size);
	nrt_leave();
	if (status) {
		free(t);
		return status;
	}
	t->size = size;
	*tensor = t;
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_tensor_allocate_empty(const char *name, nrt_tensor_t **tensor)
{
	NRT_STATUS status = nrt_check_state(__func__);

	if (status)
		return status;
	if (!tensor)
		return NRT_INVALID;
	*tensor = tensor_new(name);
	return *tensor ? NRT_SUCCESS : no_memory(__func__, 0);
}

NRT_API NRT_STATUS nrt_tensor_attach_buffer(nrt_tensor_t *tensor, void *buffer, size_t size)
{
	struct nrt_storage *storage;
	NRT_STATUS status = nrt_check_state(__func__);

	if (status)
		return status;
	if (!tensor || !buffer || !size) {
		nrt_err(NRT, "tensor or buffer is NULL, or the size is 0");
		return NRT_INVALID;
	}
	storage = storage_new(buffer, NULL, 0);
	if (!storage)
		return no_memory(__func__, size);
	storage->attached = size;
	storage_put(tensor->storage);
	tensor->storage = storage;
	tensor->offset = 0;
	tensor->size = size;
	tensor->shaped = false;
	return NRT_SUCCESS;
}

int nrt_tensor_attach_mem(struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset,
			  size_t size)
{
	struct nrt_storage *storage = storage_new(mem->va, mem, false);

	if (!storage) {
		nrt_mem_put(mem);
		return -ENOMEM;
	}
	storage_put(tensor->storage);
	tensor->storage = storage;
	tensor->offset = offset;
	tensor->size = size;
	tensor->shaped = false;
	return 0;
}

static NRT_STATUS check_range(const char *function, const nrt_tensor_t *tensor, uint64_t offset,
			      size_t size)
{
	NRT_STATUS status = nrt_check_state(function);

	if (status)
		return status;
	if (!tensor || !tensor->storage) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function, "tensor is NULL or has no memory");
		return NRT_INVALID;
	}
	if (offset > tensor->size || size > tensor->size - offset) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function,
			"bytes %" PRIu64 "..%" PRIu64 " are not inside tensor \"%s\" of %zu bytes",
			offset, offset + size, tensor->name, tensor->size);
		return NRT_INVALID;
	}
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_tensor_allocate_slice(const nrt_tensor_t *tensor_source, size_t offset,
					     size_t size, const char *name,
					     nrt_tensor_t **tensor_slice)
{
	NRT_STATUS status = check_range(__func__, tensor_source, offset, size);
	struct nrt_tensor *t;

	if (status)
		return status;
	if (!tensor_slice || !size)
		return NRT_INVALID;
	t = tensor_new(name);
	if (!t)
		return no_memory(__func__, 0);
	t->storage = tensor_source->storage;
	atomic_fetch_add(&t->storage->refs, 1);
	t->offset = tensor_source->offset + offset;
	t->size = size;
	*tensor_slice = t;
	return NRT_SUCCESS;
}

NRT_API void nrt_tensor_free(nrt_tensor_t **tensor)
{
	if (!tensor || !*tensor)
		return;
	storage_put((*tensor)->storage);
	free(*tensor);
	*tensor = NULL;
}

/* Memory of the tensor that is not to be touched but through its backend. */
static struct nrt_mem *device_memory(const struct nrt_tensor *t)
{
	return t->storage->mem;
}

static int read_bytes(const struct nrt_tensor *t, void *buf, size_t offset, size_t size)
{
	struct nrt_mem *mem = device_memory(t);

	if (mem)
		return nrt_mem_read(mem, t->offset + offset, buf, size);
	memcpy(buf, t->storage->va + t->offset + offset, size);
	return 0;
}

static int write_bytes(struct nrt_tensor *t, const void *buf, size_t offset, size_t size)
{
	struct nrt_mem *mem = device_memory(t);

	if (mem)
		return nrt_mem_write(mem, t->offset + offset, buf, size);
	memcpy(t->storage->va + t->offset + offset, buf, size);
	return 0;
}

NRT_API NRT_STATUS nrt_tensor_read(const nrt_tensor_t *tensor, void *buf, size_t offset,
				   size_t size)
{
	NRT_STATUS status = check_range(__func__, tensor, offset, size);

	if (status)
		return status;
	if (!buf)
		return NRT_INVALID;
	return nrt_status_of(read_bytes(tensor, buf, offset, size));
}

NRT_API NRT_STATUS nrt_tensor_write(nrt_tensor_t *tensor, const void *buf, size_t offset,
				    size_t size)
{
	NRT_STATUS status = check_range(__func__, tensor, offset, size);

	if (status)
		return status;
	if (!buf)
		return NRT_INVALID;
	return nrt_status_of(write_bytes(tensor, buf, offset, size));
}

/* Through the process, piece by piece: of the stack when there is no other memory. */
static int bounce(struct nrt_mem *dst, uint64_t dst_offset, struct nrt_mem *src,
		  uint64_t src_offset, size_t size)
{
	char few[4096], *many = size > sizeof(few) ? malloc(BOUNCE_MAX) : NULL;
	size_t room = many ? BOUNCE_MAX : sizeof(few), n;
	void *buf = many ? many : few;
	int rc = 0;

	for (; size && !rc; size -= n) {
		n = size < room ? size : room;
		rc = nrt_mem_read(src, src_offset, buf, n);
		if (!rc)
			rc = nrt_mem_write(dst, dst_offset, buf, n);
		src_offset += n;
		dst_offset += n;
	}
	free(many);
	return rc;
}

/* Between memory objects of any devices. */
static int copy_mem(struct nrt_mem *dst, uint64_t dst_offset, struct nrt_mem *src,
		    uint64_t src_offset, size_t size)
{
	int rc = -ENOMEM;

	if (dst->dev == src->dev)
		rc = dst->dev->ops->mem_copy(dst, dst_offset, src, src_offset, size);
	/* What the device has no memory to do, or no other device can, the process does. */
	return rc == -ENOMEM ? bounce(dst, dst_offset, src, src_offset, size) : rc;
}

static NRT_STATUS copy_on_device(const nrt_tensor_t *src, uint64_t src_offset, nrt_tensor_t *dst,
				 uint64_t dst_offset, size_t size)
{
	struct nrt_mem *s = device_memory(src), *d = device_memory(dst);

	src_offset += src->offset;
	dst_offset += dst->offset;
	if (s->dev != d->dev && s->type == NRT_MEM_DEVICE && d->type == NRT_MEM_DEVICE) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_tensor_copy",
			"tensors \"%s\" and \"%s\" are on two devices, neuron%u and neuron%u",
			src->name, dst->name, s->dev->index, d->dev->index);
		return NRT_INVALID;
	}
	if (s == d && src_offset < dst_offset + size && dst_offset < src_offset + size) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_tensor_copy",
			"source and destination overlap on the device");
		return NRT_INVALID;
	}
	return nrt_status_of(copy_mem(d, dst_offset, s, src_offset, size));
}

NRT_API NRT_STATUS nrt_tensor_copy(const nrt_tensor_t *src, size_t src_offset, nrt_tensor_t *dst,
				   size_t dst_offset, size_t size)
{
	NRT_STATUS status = check_range(__func__, src, src_offset, size);
	char *va;

	if (!status)
		status = check_range(__func__, dst, dst_offset, size);
	if (status || !size)
		return status;
	if (device_memory(src) && device_memory(dst))
		return copy_on_device(src, src_offset, dst, dst_offset, size);
	if (device_memory(src))
		return nrt_status_of(read_bytes(src, dst->storage->va + dst->offset + dst_offset,
						src_offset, size));
	va = src->storage->va + src->offset + src_offset;
	if (device_memory(dst))
		return nrt_status_of(write_bytes(dst, va, dst_offset, size));
	memmove(dst->storage->va + dst->offset + dst_offset, va, size);
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_tensor_memset(nrt_tensor_t *tensor, uint64_t offset, int value, size_t size)
{
	NRT_STATUS status = check_range(__func__, tensor, offset, size);
	char block[4096];
	int rc = 0;

	if (status)
		return status;
	if (!device_memory(tensor)) {
		memset(tensor->storage->va + tensor->offset + offset, value, size);
		return NRT_SUCCESS;
	}
	memset(block, value, sizeof(block));
	while (size && !rc) {
		size_t n = size < sizeof(block) ? size : sizeof(block);

		rc = write_bytes(tensor, block, offset, n);
		offset += n;
		size -= n;
	}
	return nrt_status_of(rc);
}

NRT_API NRT_STATUS nrt_memcpy_to_device(void *dest, const void *src, size_t size)
{
	NRT_STATUS status = nrt_check_state(__func__);
	struct nrt_mem *mem;
	uint64_t offset;

	if (status)
		return status;
	mem = dest && src ? nrt_mem_find(dest, &offset) : NULL;
	if (mem && size <= mem->size - offset) {
		status = nrt_status_of(nrt_mem_write(mem, offset, src, size));
	} else {
		nrt_err(NRT, "%zu bytes at %p are not in one tensor's memory of a device", size, dest);
		status = NRT_INVALID;
	}
	nrt_mem_put(mem);
	return status;
}

NRT_API size_t nrt_tensor_get_size(const nrt_tensor_t *tensor)
{
	return tensor ? tensor->size : 0;
}

NRT_API void *nrt_tensor_get_va(const nrt_tensor_t *tensor)
{
	if (!tensor || !tensor->storage || !tensor->storage->va)
		return NULL;
	return tensor->storage->va + tensor->offset;
}

/* With the storage's lock held. */
static struct nrt_pin *find_pin(struct nrt_storage *s, struct nrt_device *dev)
{
	struct nrt_pin *pin = s->pins;

	while (pin && pin->dev != dev)
		pin = pin->next;
	if (pin)
		return pin;
	pin = calloc(1, sizeof(*pin));
	if (!pin)
		return NULL;
	nrt_device_get(dev);
	pin->dev = dev;
	if (nrt_mem_pin(dev, s->va, s->attached, &pin->mem))
		pin->mem = NULL;
	pin->next = s->pins;
	s->pins = pin;
	return pin;
}

/*
 * The caller's memory as @dev reaches it without the CPU, or NULL: then it is copied. It is
 * pinned when it is first used, and as long as it is attached.
 */
static struct nrt_mem *pinned(const struct nrt_tensor *tensor, struct nrt_device *dev)
{
	struct nrt_storage *s = tensor->storage;
	struct nrt_pin *pin;

	if (!s->attached || tensor->size < PIN_MIN)
		return NULL;
	pthread_mutex_lock(&s->lock);
	pin = find_pin(s, dev);
	pthread_mutex_unlock(&s->lock);
	return pin ? pin->mem : NULL;
}

int nrt_tensor_to_mem(const struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset)
{
	struct nrt_mem *own = device_memory(tensor), *pin;
	int rc = -ENOMEM;

	if (own)
		return copy_mem(mem, offset, own, tensor->offset, tensor->size);
	pin = pinned(tensor, mem->dev);
	if (pin)
		rc = mem->dev->ops->mem_copy(mem, offset, pin, tensor->offset, tensor->size);
	if (rc == -ENOMEM)
		rc = nrt_mem_write(mem, offset, tensor->storage->va + tensor->offset,
				   tensor->size);
	return rc;
}

int nrt_tensor_from_mem(struct nrt_tensor *tensor, struct nrt_mem *mem, uint64_t offset)
{
	struct nrt_mem *own = device_memory(tensor), *pin;
	int rc = -ENOMEM;

	if (own)
		return copy_mem(own, tensor->offset, mem, offset, tensor->size);
	pin = pinned(tensor, mem->dev);
	if (pin && !pin->readonly)
		rc = mem->dev->ops->mem_copy(pin, tensor->offset, mem, offset, tensor->size);
	if (rc == -ENOMEM)
		rc = nrt_mem_read(mem, offset, tensor->storage->va + tensor->offset, tensor->size);
	return rc;
}

void *nrt_tensor_host(const struct nrt_tensor *tensor)
{
	return device_memory(tensor) ? NULL : tensor->storage->va + tensor->offset;
}

int nrt_tensor_fetch(const struct nrt_tensor *tensor, void *buf)
{
	return read_bytes(tensor, buf, 0, tensor->size);
}

int nrt_tensor_store(struct nrt_tensor *tensor, const void *buf)
{
	return write_bytes(tensor, buf, 0, tensor->size);
}

int nrt_tensor_replace(struct nrt_tensor *t, const void *data, size_t size, uint32_t ndim,
		       const uint32_t *shape)
{
	void *va = malloc(size ? size : 1);
	struct nrt_storage *storage = va ? storage_new(va, NULL, size ? size : 1) : NULL;
	uint32_t i;

	if (!storage) {
		free(va);
		return -ENOMEM;
	}
	if (size)
		memcpy(va, data, size);
	storage_put(t->storage);
	t->storage = storage;
	t->offset = 0;
	t->size = size;
	t->shaped = true;
	t->ndim = ndim;
	for (i = 0; i < ndim; i++)
		t->shape[i] = shape[i];
	return 0;
}

NRT_API NRT_STATUS nrt_open_get_tensor_shape(const nrt_tensor_t *tensor, uint32_t *ndim,
					     uint64_t *shape)
{
	if (!tensor || !ndim || !shape)
		return NRT_INVALID;
	if (!tensor->shaped)
		return NRT_FAILURE;
	*ndim = tensor->ndim;
	memcpy(shape, tensor->shape, tensor->ndim * sizeof(*shape));
	return NRT_SUCCESS;
}
