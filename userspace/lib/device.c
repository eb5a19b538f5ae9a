// SPDX-License-Identifier: Apache-2.0
/*
 * Devices: what both backends share - references, range checks, accounting.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "device.h"
#include "stats.h"

int nrt_devices_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES])
{
	if (env->device == NRT_DEVICE_EMULATOR)
		return nrt_emu_open(env, devices);
	return nrt_kernel_open(env, devices);
}

void nrt_device_get(struct nrt_device *dev)
{
	atomic_fetch_add(&dev->refs, 1);
}

void nrt_device_put(struct nrt_device *dev)
{
	if (dev && atomic_fetch_sub(&dev->refs, 1) == 1)
		dev->ops->close(dev);
}

int nrt_mem_create(struct nrt_device *dev, enum nrt_mem_type type, uint64_t size, uint64_t align,
		   struct nrt_mem **result)
{
	struct nrt_mem *mem = calloc(1, sizeof(*mem));
	int rc;

	if (!mem)
		return -ENOMEM;
	mem->dev = dev;
	mem->refs = 1;
	mem->type = type;
	mem->size = size;
	mem->align = align;
	rc = dev->ops->mem_create(mem);
	if (rc) {
		if (rc == -ENOSPC)
			nrt_err(TDRV,
				"mc_alloc: device mempool of neuron%u: total %" PRIu64 " MiB, occupied by this process %" PRIu64 " KiB, needed %" PRIu64 " KiB: no contiguous range of that size is available",
				dev->index, dev->memory >> 20,
				(uint64_t)atomic_load(&dev->used) >> 10, size >> 10);
		else
			nrt_err(TDRV, "neuron%u: cannot allocate %" PRIu64 " KiB: error %d",
				dev->index, size >> 10, -rc);
		free(mem);
		return rc;
	}
	nrt_device_get(dev);
	if (type == NRT_MEM_DEVICE)
		atomic_fetch_add(&dev->used, size);
	nrt_stats_memory(type, size);
	*result = mem;
	return 0;
}

struct nrt_mem *nrt_mem_get(struct nrt_mem *mem)
{
	atomic_fetch_add(&mem->refs, 1);
	return mem;
}

void nrt_mem_put(struct nrt_mem *mem)
{
	struct nrt_device *dev;

	if (!mem || atomic_fetch_sub(&mem->refs, 1) != 1)
		return;
	dev = mem->dev;
	if (mem->type == NRT_MEM_DEVICE)
		atomic_fetch_sub(&dev->used, mem->size);
	nrt_stats_memory(mem->type, -(int64_t)mem->size);
	dev->ops->mem_destroy(mem);
	free(mem);
	nrt_device_put(dev);
}

int nrt_mem_read(struct nrt_mem *mem, uint64_t offset, void *buf, size_t len)
{
	if (offset > mem->size || len > mem->size - offset)
		return -ERANGE;
	return len ? mem->dev->ops->mem_read(mem, offset, buf, len) : 0;
}

int nrt_mem_write(struct nrt_mem *mem, uint64_t offset, const void *buf, size_t len)
{
	if (offset > mem->size || len > mem->size - offset)
		return -ERANGE;
	return len ? mem->dev->ops->mem_write(mem, offset, buf, len) : 0;
}
