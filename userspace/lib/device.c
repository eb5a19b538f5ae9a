// SPDX-License-Identifier: Apache-2.0
/*
 * Devices: what both backends share - references, lists, range checks, accounting.
 *
 * list_lock is of the list of open devices and of that of memory objects; no other lock is
 * taken under it.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "memlog.h"
#include "profile.h"
#include "stats.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nrt_device *open_devices;
static struct nrt_mem *mems;

int nrt_devices_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES])
{
	int n = env->device == NRT_DEVICE_EMULATOR ? nrt_emu_open(env, devices) :
		nrt_kernel_open(env, devices);
	int i;

	pthread_mutex_lock(&list_lock);
	for (i = 0; i < n; i++) {
		devices[i]->next = open_devices;
		open_devices = devices[i];
	}
	pthread_mutex_unlock(&list_lock);
	return n;
}

void nrt_device_get(struct nrt_device *dev)
{
	atomic_fetch_add(&dev->refs, 1);
}

void nrt_device_put(struct nrt_device *dev)
{
	struct nrt_device **link = &open_devices;

	if (!dev || atomic_fetch_sub(&dev->refs, 1) != 1)
		return;
	/* A backend that fails to open all gives back devices that are not on the list yet. */
	pthread_mutex_lock(&list_lock);
	while (*link && *link != dev)
		link = &(*link)->next;
	if (*link)
		*link = dev->next;
	pthread_mutex_unlock(&list_lock);
	dev->ops->close(dev);
}

/* What a device is in the child of the process that opened it. */
static void orphan_close(struct nrt_device *dev)
{
}

static int orphan_mem_create(struct nrt_mem *mem)
{
	return -ENODEV;
}

static void orphan_mem_destroy(struct nrt_mem *mem)
{
}

static int orphan_mem_pin(struct nrt_mem *mem, void *address)
{
	return -ENODEV;
}

static int orphan_mem_read(struct nrt_mem *mem, uint64_t offset, void *buf, size_t len)
{
	return -ENODEV;
}

static int orphan_mem_write(struct nrt_mem *mem, uint64_t offset, const void *buf, size_t len)
{
	return -ENODEV;
}

static int orphan_mem_copy(struct nrt_mem *dst, uint64_t dst_offset, struct nrt_mem *src,
			   uint64_t src_offset, size_t len)
{
	return -ENODEV;
}

/* Models do not outlive the fork, so that nobody asks for contexts, cores or runs. */
static const struct nrt_device_ops orphan_ops = {
	.close = orphan_close,
	.mem_create = orphan_mem_create,
	.mem_destroy = orphan_mem_destroy,
	.mem_pin = orphan_mem_pin,
	.mem_read = orphan_mem_read,
	.mem_write = orphan_mem_write,
	.mem_copy = orphan_mem_copy,
};

void nrt_devices_before_fork(void)
{
	pthread_mutex_lock(&list_lock);
}

void nrt_devices_after_fork(bool child)
{
	struct nrt_device *dev;

	for (dev = open_devices; child && dev; dev = dev->next) {
		dev->ops->forked(dev);
		dev->ops = &orphan_ops;
	}
	if (child)
		open_devices = NULL;
	pthread_mutex_unlock(&list_lock);
}

static _Thread_local bool mem_optional;

void nrt_mem_optional(bool optional)
{
	mem_optional = optional;
}

static void report_failure(struct nrt_mem *mem, int error)
{
	struct nrt_device *dev = mem->dev;
	uint64_t available = 0, largest = 0;
	const char *path;

	if (mem_optional)
		return;
	nrt_memlog_add(NRT_MEMLOG_FAIL, mem);
	if (error != -ENOSPC || dev->ops->mem_room(dev, &available, &largest))
		nrt_log(NRT_LOG_ERROR, NRT_LOG_TDRV, "mc_alloc",
			"neuron%u: cannot allocate %" PRIu64 " bytes of %s memory: %s", dev->index,
			mem->size, mem->type == NRT_MEM_HOST ? "host" : "device", strerror(-error));
	else
		nrt_log(NRT_LOG_ERROR, NRT_LOG_TDRV, "mc_alloc",
			"mc_alloc: device mempool [neuron%u] total %" PRIu64 " occupied %" PRIu64 " needed %" PRIu64 " available %" PRIu64 "; the largest range is %" PRIu64 ": unload models or free tensors, or use another device",
			dev->index, dev->memory, dev->memory - available, mem->size, available,
			largest);
	path = nrt_memlog_dump();
	if (path)
		nrt_log_more(NRT_LOG_TDRV, "mc_alloc", "the log of allocations is in %s", path);
}

static void list_add(struct nrt_mem *mem)
{
	pthread_mutex_lock(&list_lock);
	mem->next = mems;
	mem->link = &mems;
	if (mems)
		mems->link = &mem->next;
	mems = mem;
	pthread_mutex_unlock(&list_lock);
}

static void list_remove(struct nrt_mem *mem)
{
	pthread_mutex_lock(&list_lock);
	*mem->link = mem->next;
	if (mem->next)
		mem->next->link = mem->link;
	pthread_mutex_unlock(&list_lock);
}

static struct nrt_mem *mem_new(struct nrt_device *dev, enum nrt_mem_type type, uint64_t size,
			       uint64_t align)
{
	struct nrt_mem *mem = calloc(1, sizeof(*mem));

	if (mem)
		*mem = (struct nrt_mem) {
			.dev = dev, .refs = 1, .type = type, .size = size, .align = align,
		};
	return mem;
}

/* Memory that others have taken is not counted once more. */
static bool borrowed(const struct nrt_mem *mem)
{
	return mem->type == NRT_MEM_DMABUF || mem->type == NRT_MEM_USER;
}

static void mem_made(struct nrt_mem *mem)
{
	nrt_device_get(mem->dev);
	if (mem->type == NRT_MEM_DEVICE)
		nrt_profile_memory(mem->dev, atomic_fetch_add(&mem->dev->used, mem->size),
				   mem->size);
	if (!borrowed(mem))
		nrt_stats_memory(mem->type, mem->size);
	nrt_memlog_add(NRT_MEMLOG_ALLOCATE, mem);
	list_add(mem);
}

int nrt_mem_create(struct nrt_device *dev, enum nrt_mem_type type, uint64_t size, uint64_t align,
		   struct nrt_mem **result)
{
	struct nrt_mem *mem = mem_new(dev, type, size, align);
	int rc;

	if (!mem)
		return -ENOMEM;
	rc = dev->ops->mem_create(mem);
	if (rc) {
		report_failure(mem, rc);
		free(mem);
		return rc;
	}
	mem_made(mem);
	*result = mem;
	return 0;
}

int nrt_mem_import(struct nrt_device *dev, int fd, struct nrt_mem **result)
{
	struct nrt_mem *mem = mem_new(dev, NRT_MEM_DMABUF, 0, 0);
	int rc;

	if (!mem)
		return -ENOMEM;
	rc = dev->ops->mem_import(mem, fd);
	if (rc) {
		free(mem);
		return rc;
	}
	mem_made(mem);
	*result = mem;
	return 0;
}

int nrt_mem_pin(struct nrt_device *dev, void *address, uint64_t size, struct nrt_mem **result)
{
	struct nrt_mem *mem = mem_new(dev, NRT_MEM_USER, size, 0);
	int rc;

	if (!mem)
		return -ENOMEM;
	rc = dev->ops->mem_pin(mem, address);
	nrt_log(NRT_LOG_DEBUG, NRT_LOG_TDRV, "mem_pin", "%" PRIu64 " bytes at %p for neuron%u: %s",
		size, address, dev->index, rc ? strerror(-rc) : "pinned");
	if (rc) {
		free(mem);
		return rc;
	}
	mem_made(mem);
	*result = mem;
	return 0;
}

struct nrt_mem *nrt_mem_get(struct nrt_mem *mem)
{
	atomic_fetch_add(&mem->refs, 1);
	return mem;
}

/* Take a reference unless the last one is being given up. */
static bool get_if_used(struct nrt_mem *mem)
{
	unsigned int refs = atomic_load(&mem->refs);

	while (refs && !atomic_compare_exchange_weak(&mem->refs, &refs, refs + 1))
		;
	return refs;
}

struct nrt_mem *nrt_mem_find(const void *va, uint64_t *offset)
{
	struct nrt_mem *mem;

	pthread_mutex_lock(&list_lock);
	for (mem = mems; mem; mem = mem->next) {
		*offset = (uintptr_t)va - (uintptr_t)mem->va;
		if (mem->va && *offset < mem->size && get_if_used(mem))
			break;
	}
	pthread_mutex_unlock(&list_lock);
	return mem;
}

void nrt_mem_put(struct nrt_mem *mem)
{
	struct nrt_device *dev;

	if (!mem || atomic_fetch_sub(&mem->refs, 1) != 1)
		return;
	dev = mem->dev;
	list_remove(mem);
	if (mem->type == NRT_MEM_DEVICE)
		nrt_profile_memory(dev, atomic_fetch_sub(&dev->used, mem->size),
				   -(int64_t)mem->size);
	if (!borrowed(mem))
		nrt_stats_memory(mem->type, -(int64_t)mem->size);
	nrt_memlog_add(NRT_MEMLOG_FREE, mem);
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
