/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is not the driver's own: the caller's pages, dma-bufs of other drivers and of other chips.
 */
#ifndef KSELFTEST_MEM_H
#define KSELFTEST_MEM_H

#include "util.h"

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

static inline int user_create(int fd, const void *address, uint64_t length, uint32_t flags,
		       struct neuron_ioctl_mem_create *mem)
{
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = NEURON_MEM_USER,
		.flags = flags,
		.length = length,
		.address = (uintptr_t)address,
	};
	return call(fd, NEURON_IOCTL_MEM_CREATE, mem);
}

static inline int import_at(int fd, int dmabuf, uint64_t length, uint32_t flags, struct neuron_ioctl_mem_create *mem)
{
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = NEURON_MEM_DMABUF,
		.flags = flags,
		.length = length,
		.fd = dmabuf,
	};
	return call(fd, NEURON_IOCTL_MEM_CREATE, mem);
}

/* A descriptor or -errno. */
static inline int export_of(int fd, uint32_t id)
{
	struct neuron_ioctl_mem_export arg = { .size = sizeof(arg), .id = id };
	int ret = call(fd, NEURON_IOCTL_MEM_EXPORT, &arg);

	return ret ? ret : arg.fd;
}

/* A node of a driver, which the guest's /dev may lack. */
static inline int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int make_udmabuf(uint8_t **p, uint64_t length)
{
	struct udmabuf_create arg = { .size = length };
	int node = open_node("/dev/udmabuf"), memory, ret;

	if (node < 0)
		return node;
	memory = memfd_create("udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory < 0 || ftruncate(memory, length) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	*p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	arg.memfd = memory;
	ret = ioctl(node, UDMABUF_CREATE, &arg);
	ret = ret < 0 ? -errno : ret;
	close(memory);
	close(node);
	return ret;
}

static inline int make_heap(uint8_t **p, uint64_t length, uint32_t flags)
{
	struct dma_heap_allocation_data arg = { .len = length, .fd_flags = flags | O_CLOEXEC };
	int node = open_node("/dev/dma_heap/system"), ret;

	if (node < 0)
		return node;
	ret = call(node, DMA_HEAP_IOCTL_ALLOC, &arg);
	close(node);
	if (ret)
		return ret;
	if (p)
		*p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, arg.fd, 0);
	return arg.fd;
}

static inline bool has_dmabuf(int fd)
{
	struct neuron_ioctl_info info;

	return !get_info(fd, &info) && info.features & NEURON_FEATURE_DMABUF;
}

#endif
