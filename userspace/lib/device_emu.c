// SPDX-License-Identifier: Apache-2.0
/*
 * Emulator backend: chips inside the process, so that a compiled model runs without
 * driver, virtual machine or privileges. Jobs go straight to the NeuronCores; queues and
 * firmware are not involved. emu_watchdog.c ends what takes too long.
 *
 * libneuronemu.a is linked into libnrt and its symbols are hidden, so that a program may
 * use another version of it beside.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <neuron/regs.h>

#include "device.h"
#include "emu.h"
#include "emu_watchdog.h"
#include "range_alloc.h"

/* Any but 0; one for all contexts: a process need not be protected from itself. */
#define OWNER		1
#define REVISION	NEURON_PCI_REV_QEMU

struct emu_device {
	struct nrt_device dev;
	struct emu_chip *chip;
	struct nrt_emu_watchdog watchdog;
	pthread_mutex_t core_lock[NEURON_CORES];	/* one job at a time */
	pthread_mutex_t lock;		/* of ranges */
	struct nrt_ranges ranges[NEURON_DRAM_CHANNELS];
};

struct nrt_context {
	uint32_t count;
	struct neuron_segment segments[];
};

static const uint64_t channel_base[NEURON_DRAM_CHANNELS] = {
	NEURON_ADDR_DRAM0, NEURON_ADDR_DRAM1,
};

static struct emu_device *to_emu(struct nrt_device *dev)
{
	return (struct emu_device *)dev;
}

static size_t page_round(uint64_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) & ~(page - 1);
}

static void emu_close(struct nrt_device *dev)
{
	struct emu_device *emu = to_emu(dev);
	unsigned int i;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		nrt_ranges_destroy(&emu->ranges[i]);
	if (emu->chip) {
		nrt_emu_watchdog_fini(&emu->watchdog);
		emu_destroy(emu->chip);
	}
	for (i = 0; i < NEURON_CORES; i++)
		pthread_mutex_destroy(&emu->core_lock[i]);
	pthread_mutex_destroy(&emu->lock);
	free(emu);
}

static int emu_mem_create(struct nrt_mem *mem)
{
	struct emu_device *emu = to_emu(mem->dev);
	uint64_t size = page_round(mem->size), start;
	uint64_t align = page_round(mem->align ? mem->align : 1);
	int rc = -ENOSPC;
	uint32_t i;

	if (mem->type == NRT_MEM_HOST) {
		mem->va = aligned_alloc(sysconf(_SC_PAGESIZE), size);
		if (!mem->va)
			return -ENOMEM;
		memset(mem->va, 0, size);
		return 0;
	}
	pthread_mutex_lock(&emu->lock);
	for (i = 0; i < NEURON_DRAM_CHANNELS && rc == -ENOSPC; i++) {
		rc = nrt_ranges_alloc(&emu->ranges[i], size, align, &start);
		mem->channel = i;
	}
	pthread_mutex_unlock(&emu->lock);
	if (rc)
		return rc;
	mem->address = start;
	mem->va = (char *)emu_dram(emu->chip, mem->channel) + start;
	return 0;
}

/* Brackets what the CPU does to a dma-buf: its exporter may have to move or to flush it. */
static int bracket(const struct nrt_mem *mem, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int rc;

	if (mem->type != NRT_MEM_DMABUF)
		return 0;
	do
		rc = ioctl(mem->id, DMA_BUF_IOCTL_SYNC, &sync);
	while (rc < 0 && (errno == EINTR || errno == EAGAIN));
	return rc < 0 ? -errno : 0;
}

/* The chip is part of the process: what the CPU can reach, it can. */
static int emu_mem_import(struct nrt_mem *mem, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), rc;

	if (own < 0)
		return -errno;
	mem->id = own;
	/* Nothing else takes this. */
	rc = bracket(mem, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	if (!rc)
		rc = bracket(mem, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	if (rc || size <= 0) {
		close(own);
		return -EBADF;
	}
	mem->size = size;
	mem->va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
	if (mem->va == MAP_FAILED && errno == EACCES) {
		mem->va = mmap(NULL, size, PROT_READ, MAP_SHARED, own, 0);
		mem->readonly = true;
	}
	if (mem->va != MAP_FAILED)
		return 0;
	rc = -errno;
	close(own);
	return rc;
}

/* Copies are made by the CPU, which needs no pinned pages. */
static int emu_mem_pin(struct nrt_mem *mem, void *address)
{
	return -EOPNOTSUPP;
}

static int emu_mem_export(struct nrt_mem *mem, int *fd)
{
	return -EOPNOTSUPP;
}

/*
 * What jobs are given is written here only: users have pointers to the memory of their own
 * tensors, from which it is copied.
 */
static void written(struct nrt_mem *mem, uint64_t offset, size_t len)
{
	if (mem->type == NRT_MEM_DEVICE)
		emu_dram_written(to_emu(mem->dev)->chip, mem->channel, mem->address + offset, len);
}

static void emu_mem_destroy(struct nrt_mem *mem)
{
	struct emu_device *emu = to_emu(mem->dev);
	uint64_t size = page_round(mem->size);

	if (mem->type == NRT_MEM_DMABUF) {
		munmap(mem->va, mem->size);
		close(mem->id);
		return;
	}
	if (mem->type == NRT_MEM_HOST) {
		free(mem->va);
		return;
	}
	/* Back to zeros, and the pages to the host; memory that cannot be punched is cleared. */
	if (madvise(mem->va, size, MADV_REMOVE))
		memset(mem->va, 0, size);
	written(mem, 0, size);
	pthread_mutex_lock(&emu->lock);
	nrt_ranges_free(&emu->ranges[mem->channel], mem->address, size);
	pthread_mutex_unlock(&emu->lock);
}

static int emu_mem_read(struct nrt_mem *mem, uint64_t offset, void *buf, size_t len)
{
	int rc = bracket(mem, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);

	if (rc)
		return rc;
	memcpy(buf, (char *)mem->va + offset, len);
	return bracket(mem, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

static int emu_mem_write(struct nrt_mem *mem, uint64_t offset, const void *buf, size_t len)
{
	int rc = mem->readonly ? -EACCES : bracket(mem, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);

	if (rc)
		return rc;
	memcpy((char *)mem->va + offset, buf, len);
	written(mem, offset, len);
	return bracket(mem, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

static int emu_mem_copy(struct nrt_mem *dst, uint64_t dst_offset, struct nrt_mem *src,
			uint64_t src_offset, size_t len)
{
	int rc = bracket(src, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), end;

	if (rc)
		return rc;
	rc = dst->readonly ? -EACCES : bracket(dst, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	if (!rc) {
		memmove((char *)dst->va + dst_offset, (char *)src->va + src_offset, len);
		written(dst, dst_offset, len);
		rc = bracket(dst, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	}
	end = bracket(src, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	return rc ? rc : end;
}

static int emu_mem_room(struct nrt_device *dev, uint64_t *available, uint64_t *largest)
{
	struct emu_device *emu = to_emu(dev);
	uint64_t total, most;
	unsigned int i;

	*available = *largest = 0;
	pthread_mutex_lock(&emu->lock);
	for (i = 0; i < NEURON_DRAM_CHANNELS; i++) {
		nrt_ranges_sum(&emu->ranges[i], &total, &most);
		*available += total;
		if (most > *largest)
			*largest = most;
	}
	pthread_mutex_unlock(&emu->lock);
	return 0;
}

static int emu_context_create(struct nrt_device *dev, uint32_t segments,
			      const struct nrt_bind *binds, uint32_t count,
			      struct nrt_context **result)
{
	struct nrt_context *c;
	uint32_t i;

	c = calloc(1, sizeof(*c) + segments * sizeof(c->segments[0]));
	if (!c)
		return -ENOMEM;
	c->count = segments;
	for (i = 0; i < count; i++)
		c->segments[binds[i].segment] = (struct neuron_segment) {
			.base = channel_base[binds[i].mem->channel] + binds[i].mem->address +
				binds[i].offset,
			.length = binds[i].length,
			.flags = binds[i].access,
		};
	*result = c;
	return 0;
}

static void emu_context_destroy(struct nrt_device *dev, struct nrt_context *context)
{
	free(context);
}

/* The chip is this process's own: nobody else can hold its cores. */
static int emu_cores_acquire(struct nrt_device *dev, uint32_t mask, uint32_t *busy, int *holder)
{
	return 0;
}

static void emu_cores_release(struct nrt_device *dev, uint32_t mask)
{
}

/* The memory of the chip may be shared with the parent, whose it stays. */
static void emu_forked(struct nrt_device *dev)
{
}

static int emu_run(struct nrt_device *dev, uint32_t core, const struct nrt_job *job,
		   struct neuron_completion *result)
{
	struct neuron_job descriptor = {
		.op = NEURON_JOB_EXEC,
		.code = job->code,
		.timeout_ms = job->timeout_ms,
		.seq = 1,
		.flags = job->traced ? NEURON_JOB_TRACE : 0,
		.trace = job->traced ? job->trace : 0,
	};

	struct emu_device *emu = to_emu(dev);
	bool expired;
	int rc;

	memcpy(descriptor.stream, job->stream, sizeof(descriptor.stream));
	pthread_mutex_lock(&emu->core_lock[core]);
	nrt_emu_watchdog_begin(&emu->watchdog, core, job->timeout_ms);
	rc = emu_core_exec(emu->chip, core, job->context->segments, job->context->count, OWNER,
			   &descriptor, result);
	expired = nrt_emu_watchdog_end(&emu->watchdog, core);
	pthread_mutex_unlock(&emu->core_lock[core]);
	if (!rc && expired && result->status == NEURON_JOB_ABORTED)
		result->status = NEURON_JOB_TIMEOUT;
	return rc;
}

static const struct nrt_device_ops emu_ops = {
	.close = emu_close,
	.mem_create = emu_mem_create,
	.mem_import = emu_mem_import,
	.mem_pin = emu_mem_pin,
	.mem_export = emu_mem_export,
	.mem_destroy = emu_mem_destroy,
	.mem_read = emu_mem_read,
	.mem_write = emu_mem_write,
	.mem_copy = emu_mem_copy,
	.mem_room = emu_mem_room,
	.context_create = emu_context_create,
	.context_destroy = emu_context_destroy,
	.cores_acquire = emu_cores_acquire,
	.cores_release = emu_cores_release,
	.forked = emu_forked,
	.run = emu_run,
};

/* No segment is ever in host memory. */
static int no_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	return -EFAULT;
}

static int no_dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	return -EFAULT;
}

static int open_chip(uint32_t index, struct nrt_device **result)
{
	struct emu_config config = {
		.revision = REVISION,
		.dram_told = true,
		.index = index,
		.dma_read = no_dma_read,
		.dma_write = no_dma_write,
	};
	struct emu_device *emu = calloc(1, sizeof(*emu));
	unsigned int i;
	int rc;

	if (!emu)
		return -ENOMEM;
	pthread_mutex_init(&emu->lock, NULL);
	for (i = 0; i < NEURON_CORES; i++)
		pthread_mutex_init(&emu->core_lock[i], NULL);
	emu->dev.ops = &emu_ops;
	emu->dev.refs = 1;
	emu->dev.index = index;
	emu->dev.cores = NEURON_CORES;
	emu->dev.can_trace = true;
	emu->dev.memory = NEURON_DRAM_CHANNELS * NEURON_DRAM_CHANNEL_SIZE;
	rc = emu_create(&config, &emu->chip);
	if (!rc)
		nrt_emu_watchdog_init(&emu->watchdog, emu->chip);
	for (i = 0; !rc && i < NEURON_DRAM_CHANNELS; i++)
		rc = nrt_ranges_free(&emu->ranges[i], 0, NEURON_DRAM_CHANNEL_SIZE);
	if (rc) {
		nrt_err(TDRV, "cannot create emulated chip %u: %s", index, strerror(-rc));
		emu_close(&emu->dev);
		return rc;
	}
	*result = &emu->dev;
	return 0;
}

int nrt_emu_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES])
{
	uint32_t i;
	int rc;

	for (i = 0; i < env->chips; i++) {
		rc = open_chip(i, &devices[i]);
		if (rc) {
			while (i--)
				nrt_device_put(devices[i]);
			return rc;
		}
	}
	return i;
}
