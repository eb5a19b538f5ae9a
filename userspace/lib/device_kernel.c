// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel backend: /dev/neuronN through <linux/neuron.h>. Each NeuronCore that is taken
 * gets one queue, which the threads of the process share.
 *
 * Mappings of a device that was unplugged or reset raise SIGBUS, which must not end a
 * program that uses the library: copy_mapped() is the only way to touch them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/neuron.h>
#include <neuron/regs.h>

#include "device.h"
#include "discover.h"
#include "kernel_queue.h"

/* Reading write-combined memory is slow: from this size on, the DMA engine fetches it. */
#define DMA_READ_MIN	4096
#define STAGING_SIZE	(1u << 20)

struct kernel_device {
	struct nrt_device dev;
	int fd;
	pid_t pid;
	pthread_mutex_t staging_lock;
	uint32_t staging;		/* host memory object for DMA, 0 = none yet */
	uint8_t *staging_va;
	struct nrt_queue queue[32];
};

struct nrt_context {
	uint32_t id;
};

static struct kernel_device *to_kernel(struct nrt_device *dev)
{
	return (struct kernel_device *)dev;
}

static int call(int fd, unsigned long request, void *arg)
{
	int rc;

	do
		rc = ioctl(fd, request, arg);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* 0 if the device is alive. */
static int check_alive(struct kernel_device *k)
{
	struct neuron_ioctl_info info = { .size = sizeof(info) };

	return call(k->fd, NEURON_IOCTL_INFO, &info);
}

/*
 * Copy between a mapping of the device and memory of the process. The kernel does it, with
 * the mapping as the "local" side of a transfer with ourselves: there, a page that is gone
 * is an error instead of a signal.
 */
static int copy_mapped(struct kernel_device *k, void *mapping, void *memory, size_t len,
		       bool to_device)
{
	size_t done = 0;

	while (done < len) {
		struct iovec local = { (char *)mapping + done, len - done };
		struct iovec remote = { (char *)memory + done, len - done };
		ssize_t n = to_device ? process_vm_readv(k->pid, &local, 1, &remote, 1, 0) :
					process_vm_writev(k->pid, &local, 1, &remote, 1, 0);

		if (n <= 0)
			break;
		done += n;
	}
	if (done < len) {
		int rc = check_alive(k);

		if (rc)
			return rc;
		/* The call is not permitted here, or not for that kind of memory. */
		if (to_device)
			memcpy((char *)mapping + done, (char *)memory + done, len - done);
		else
			memcpy((char *)memory + done, (char *)mapping + done, len - done);
	}
	return 0;
}

static void destroy(int fd, uint32_t id)
{
	struct neuron_ioctl_destroy arg = { .size = sizeof(arg), .id = id };

	call(fd, NEURON_IOCTL_DESTROY, &arg);
}

static void kernel_close(struct nrt_device *dev)
{
	struct kernel_device *k = to_kernel(dev);

	if (k->staging_va)
		munmap(k->staging_va, STAGING_SIZE);
	close(k->fd);
	pthread_mutex_destroy(&k->staging_lock);
	free(k);
}

static int create_memory(int fd, uint32_t type, uint64_t size, uint64_t align, uint32_t *id,
			 void **va)
{
	struct neuron_ioctl_mem_create arg = {
		.size = sizeof(arg),
		.type = type,
		.channel = NEURON_MEM_ANY_CHANNEL,
		.length = size,
		.align = align > 4096 ? align : 0,
	};
	int rc = call(fd, NEURON_IOCTL_MEM_CREATE, &arg);

	if (rc)
		return rc;
	*va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, arg.mmap_offset);
	if (*va == MAP_FAILED) {
		rc = -errno;
		destroy(fd, arg.id);
		return rc;
	}
	*id = arg.id;
	return 0;
}

static int kernel_mem_create(struct nrt_mem *mem)
{
	return create_memory(to_kernel(mem->dev)->fd,
			     mem->type == NRT_MEM_HOST ? NEURON_MEM_HOST : NEURON_MEM_DEVICE,
			     mem->size, mem->type == NRT_MEM_HOST ? 0 : mem->align, &mem->id,
			     &mem->va);
}

static int kernel_mem_import(struct nrt_mem *mem, int fd)
{
	struct neuron_ioctl_mem_create arg = {
		.size = sizeof(arg),
		.type = NEURON_MEM_DMABUF,
		.fd = fd,
	};
	int rc = call(to_kernel(mem->dev)->fd, NEURON_IOCTL_MEM_CREATE, &arg);

	/* Frames to be read are often lent for that only. */
	if (rc == -EACCES) {
		arg.flags = NEURON_MEM_READONLY;
		mem->readonly = true;
		rc = call(to_kernel(mem->dev)->fd, NEURON_IOCTL_MEM_CREATE, &arg);
	}
	if (rc)
		return rc;
	mem->id = arg.id;
	mem->size = arg.length;
	return 0;
}

static int kernel_mem_pin(struct nrt_mem *mem, void *address)
{
	struct neuron_ioctl_mem_create arg = {
		.size = sizeof(arg),
		.type = NEURON_MEM_USER,
		.length = mem->size,
		.address = (uintptr_t)address,
	};
	int rc = call(to_kernel(mem->dev)->fd, NEURON_IOCTL_MEM_CREATE, &arg);

	/* Inputs may be in memory that nobody is to write to, such as a file's. */
	if (rc == -EFAULT) {
		arg.flags = NEURON_MEM_READONLY;
		mem->readonly = true;
		rc = call(to_kernel(mem->dev)->fd, NEURON_IOCTL_MEM_CREATE, &arg);
	}
	mem->id = arg.id;
	return rc;
}

static int kernel_mem_export(struct nrt_mem *mem, int *fd)
{
	struct neuron_ioctl_mem_export arg = { .size = sizeof(arg), .id = mem->id };
	int rc = call(to_kernel(mem->dev)->fd, NEURON_IOCTL_MEM_EXPORT, &arg);

	*fd = arg.fd;
	return rc;
}

static void kernel_mem_destroy(struct nrt_mem *mem)
{
	if (mem->va)
		munmap(mem->va, mem->size);
	destroy(to_kernel(mem->dev)->fd, mem->id);
}

static int copy(struct kernel_device *k, uint32_t dst, uint64_t dst_offset, uint32_t src,
		uint64_t src_offset, uint64_t len)
{
	struct neuron_copy one = { src, dst, src_offset, dst_offset, len };
	struct neuron_ioctl_copy arg = {
		.size = sizeof(arg),
		.count = 1,
		.copies = (uintptr_t)&one,
	};
	int rc = call(k->fd, NEURON_IOCTL_COPY, &arg);

	if (rc == -ETIMEDOUT)
		nrt_err(TDRV, "Error: DMA completion timeout in neuron%u, %" PRIu64 " bytes",
			k->dev.index, len);
	else if (rc && rc != -ENOMEM)
		nrt_err(TDRV, "Error: DMA of %" PRIu64 " bytes failed on neuron%u: %s", len,
			k->dev.index, strerror(-rc));
	return rc;
}

/* With staging_lock held. */
static int get_staging(struct kernel_device *k)
{
	void *va;
	int rc;

	if (k->staging)
		return 0;
	rc = create_memory(k->fd, NEURON_MEM_HOST, STAGING_SIZE, 0, &k->staging, &va);
	if (!rc)
		k->staging_va = va;
	return rc;
}

static int move_by_dma(struct kernel_device *k, struct nrt_mem *mem, uint64_t offset, char *buf,
		       size_t len, bool write)
{
	int rc;

	pthread_mutex_lock(&k->staging_lock);
	rc = get_staging(k);
	while (!rc && len) {
		size_t n = len < STAGING_SIZE ? len : STAGING_SIZE;

		if (write) {
			rc = copy_mapped(k, k->staging_va, buf, n, true);
			/* The chip reads what was written: not before it was. */
			atomic_thread_fence(memory_order_seq_cst);
			if (!rc)
				rc = copy(k, mem->id, offset, k->staging, 0, n);
		} else {
			rc = copy(k, k->staging, 0, mem->id, offset, n);
			if (!rc)
				rc = copy_mapped(k, k->staging_va, buf, n, false);
		}
		buf += n;
		offset += n;
		len -= n;
	}
	pthread_mutex_unlock(&k->staging_lock);
	if (rc == -ENOMEM && !mem->va)
		nrt_err(TDRV, "neuron%u: the kernel has no memory to copy %zu bytes", k->dev.index,
			len);
	return rc;
}

static int kernel_mem_read(struct nrt_mem *mem, uint64_t offset, void *buf, size_t len)
{
	int rc = -ENOMEM;

	if (!mem->va || (mem->type == NRT_MEM_DEVICE && len >= DMA_READ_MIN))
		rc = move_by_dma(to_kernel(mem->dev), mem, offset, buf, len, false);
	/* What the kernel has no memory for goes without it, if more slowly. */
	if (rc != -ENOMEM || !mem->va)
		return rc;
	return copy_mapped(to_kernel(mem->dev), (char *)mem->va + offset, buf, len, false);
}

static int kernel_mem_write(struct nrt_mem *mem, uint64_t offset, const void *buf, size_t len)
{
	int rc;

	if (!mem->va)
		return move_by_dma(to_kernel(mem->dev), mem, offset, (void *)buf, len, true);
	rc = copy_mapped(to_kernel(mem->dev), (char *)mem->va + offset, (void *)buf, len, true);
	/* Drains the CPU's write-combining buffers before a job or a DMA that reads this. */
	atomic_thread_fence(memory_order_seq_cst);
	return rc;
}

static int kernel_mem_copy(struct nrt_mem *dst, uint64_t dst_offset, struct nrt_mem *src,
			   uint64_t src_offset, size_t len)
{
	return copy(to_kernel(dst->dev), dst->id, dst_offset, src->id, src_offset, len);
}

static int kernel_mem_room(struct nrt_device *dev, uint64_t *available, uint64_t *largest)
{
	struct neuron_ioctl_info info = { .size = sizeof(info) };
	int rc = call(to_kernel(dev)->fd, NEURON_IOCTL_INFO, &info);

	*available = info.mem_free;
	*largest = info.mem_largest[0] > info.mem_largest[1] ? info.mem_largest[0] :
		   info.mem_largest[1];
	return rc;
}

static int bind_segments(int fd, uint32_t context, const struct nrt_bind *binds, uint32_t count)
{
	struct neuron_bind table[NEURON_SEGMENTS];
	struct neuron_ioctl_context_bind arg = {
		.size = sizeof(arg),
		.context = context,
		.count = count,
		.binds = (uintptr_t)table,
	};
	uint32_t i;

	for (i = 0; i < count; i++)
		table[i] = (struct neuron_bind) {
			.segment = binds[i].segment,
			.mem = binds[i].mem->id,
			.offset = binds[i].offset,
			.length = binds[i].length,
			.access = (binds[i].access & NEURON_SEG_READ ? NEURON_ACCESS_READ : 0) |
				  (binds[i].access & NEURON_SEG_WRITE ? NEURON_ACCESS_WRITE : 0) |
				  (binds[i].access & NEURON_SEG_EXEC ? NEURON_ACCESS_EXEC : 0),
		};
	return call(fd, NEURON_IOCTL_CONTEXT_BIND, &arg);
}

static int kernel_context_create(struct nrt_device *dev, uint32_t segments,
				 const struct nrt_bind *binds, uint32_t count,
				 struct nrt_context **result)
{
	struct neuron_ioctl_context_create arg = { .size = sizeof(arg), .segments = segments };
	struct nrt_context *context = calloc(1, sizeof(*context));
	int fd = to_kernel(dev)->fd, rc;

	if (!context)
		return -ENOMEM;
	rc = call(fd, NEURON_IOCTL_CONTEXT_CREATE, &arg);
	if (!rc) {
		context->id = arg.id;
		rc = bind_segments(fd, arg.id, binds, count);
		if (rc)
			destroy(fd, arg.id);
	}
	if (rc) {
		nrt_err(TDRV, "cannot create a context with %u segments on neuron%u: %s", segments,
			dev->index, strerror(-rc));
		free(context);
		return rc;
	}
	*result = context;
	return 0;
}

static void kernel_context_destroy(struct nrt_device *dev, struct nrt_context *context)
{
	destroy(to_kernel(dev)->fd, context->id);
	free(context);
}

static void kernel_cores_release(struct nrt_device *dev, uint32_t mask)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg), .mask = mask };
	struct kernel_device *k = to_kernel(dev);
	uint32_t core;

	for (core = 0; core < dev->cores; core++)
		if (mask & 1u << core)
			nrt_queue_destroy(&k->queue[core]);
	call(k->fd, NEURON_IOCTL_CORES_RELEASE, &arg);
}

static int kernel_cores_acquire(struct nrt_device *dev, uint32_t mask, uint32_t *busy, int *holder)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg), .mask = mask };
	struct kernel_device *k = to_kernel(dev);
	int rc = call(k->fd, NEURON_IOCTL_CORES_ACQUIRE, &arg);
	uint32_t core;

	if (rc) {
		*busy = arg.busy;
		*holder = arg.holder;
		if (rc != -EBUSY)
			nrt_err(TDRV, "cannot acquire NeuronCores of neuron%u: %s", dev->index,
				strerror(-rc));
		return rc;
	}
	for (core = 0; !rc && core < dev->cores; core++)
		if (mask & 1u << core)
			rc = nrt_queue_create(&k->queue[core], k->fd, core);
	if (rc) {
		nrt_err(TDRV, "cannot create a queue for nc%u of neuron%u: %s", core - 1,
			dev->index, strerror(-rc));
		kernel_cores_release(dev, mask);
	}
	return rc;
}

/* As long as a child has the file open, too, the cores stay its parent's when that ends. */
static void kernel_forked(struct nrt_device *dev)
{
	close(to_kernel(dev)->fd);
}

static int kernel_run(struct nrt_device *dev, uint32_t core, const struct nrt_job *job,
		      struct neuron_completion *result)
{
	struct neuron_submit submit = {
		.op = NEURON_SUBMIT_EXEC,
		.context = job->context->id,
		.code = job->code,
		.timeout_ms = job->timeout_ms,
		.flags = job->traced ? NEURON_SUBMIT_TRACE : 0,
		.trace = job->traced ? job->trace : 0,
	};
	unsigned int i;

	for (i = 0; i < NEURON_STREAMS; i++) {
		submit.stream[i].offset = job->stream[i].offset;
		submit.stream[i].count = job->stream[i].count;
	}
	return nrt_queue_run(&to_kernel(dev)->queue[core], &submit, result);
}

static const struct nrt_device_ops kernel_ops = {
	.close = kernel_close,
	.mem_create = kernel_mem_create,
	.mem_import = kernel_mem_import,
	.mem_pin = kernel_mem_pin,
	.mem_export = kernel_mem_export,
	.mem_destroy = kernel_mem_destroy,
	.mem_read = kernel_mem_read,
	.mem_write = kernel_mem_write,
	.mem_copy = kernel_mem_copy,
	.mem_room = kernel_mem_room,
	.context_create = kernel_context_create,
	.context_destroy = kernel_context_destroy,
	.cores_acquire = kernel_cores_acquire,
	.cores_release = kernel_cores_release,
	.forked = kernel_forked,
	.run = kernel_run,
};

/* Under this name the documentation has the messages about drivers. */
#define init_err(...) nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_init", __VA_ARGS__)

static int check_info(const struct nrt_found *f, const struct neuron_ioctl_info *info)
{
	if (info->abi_version != NEURON_ABI_VERSION) {
		init_err("This runtime requires Neuron Driver interface version %d, the driver has %u. Please install runtime and driver of one release.",
			 NEURON_ABI_VERSION, info->abi_version);
		return -EPROTO;
	}
	if (!(info->features & NEURON_FEATURE_COMPUTE) || info->core_count > 32) {
		nrt_err(TDRV,
			"%s has no NeuronCore queues: it is silicon or another emulation without this project's firmware, which the runtime cannot run programs on",
			f->node);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* What opening a device says that is broken, or was unplugged after it was found. */
static bool is_gone(int rc)
{
	return rc == -ENODEV || rc == -EIO || rc == -ENXIO || rc == -ENOENT;
}

static int open_device(const struct nrt_found *f, struct nrt_device **result)
{
	struct neuron_ioctl_info info = { .size = sizeof(info) };
	struct kernel_device *k;
	int fd, rc;

	fd = open(f->node, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		if (!is_gone(rc))
			nrt_err(TDRV, "cannot open %s: %s%s", f->node, strerror(-rc),
				rc == -EACCES ? "; add the user to the group of the device" : "");
		return rc;
	}
	rc = call(fd, NEURON_IOCTL_INFO, &info);
	if (rc && !is_gone(rc))
		init_err("Unable to determine Neuron Driver version of %s: %s", f->node,
			 strerror(-rc));
	else if (!rc)
		rc = check_info(f, &info);
	k = rc ? NULL : calloc(1, sizeof(*k));
	if (!k) {
		close(fd);
		return rc ? rc : -ENOMEM;
	}
	k->fd = fd;
	k->pid = getpid();
	pthread_mutex_init(&k->staging_lock, NULL);
	k->dev.ops = &kernel_ops;
	k->dev.refs = 1;
	k->dev.index = f->index;
	k->dev.cores = info.core_count;
	k->dev.busy = info.cores_busy;
	k->dev.can_trace = info.features & NEURON_FEATURE_TRACE;
	k->dev.memory = info.channel_count * info.channel_size;
	*result = &k->dev;
	return 0;
}

static void gone_close(struct nrt_device *dev)
{
	free(to_kernel(dev));
}

static void gone_forked(struct nrt_device *dev)
{
}

static int gone_cores_acquire(struct nrt_device *dev, uint32_t mask, uint32_t *busy, int *holder)
{
	return -EIO;
}

static const struct nrt_device_ops gone_ops = {
	.close = gone_close,
	.cores_acquire = gone_cores_acquire,
	.forked = gone_forked,
};

/* In the place of a device that does not work, so that cores of others keep their numbers. */
static int stand_in(const struct nrt_found *f, struct nrt_device **result)
{
	struct kernel_device *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->dev.ops = &gone_ops;
	k->dev.refs = 1;
	k->dev.index = f->index;
	k->dev.cores = NEURON_CORES;
	k->dev.gone = true;
	*result = &k->dev;
	nrt_log(NRT_LOG_WARN, NRT_LOG_TDRV, "nrt_init",
		"%s is broken or about to go: its NeuronCores cannot be used", f->node);
	return 0;
}

static int no_device(const struct nrt_env *env)
{
	int functions = nrt_discover_pci();

	if (env->only_device >= 0)
		init_err("there is no Neuron device /dev/neuron%d", env->only_device);
	else if (functions)
		init_err("Unable to determine Neuron Driver version. Please check neuron-dkms package is installed: %d Neuron device(s) on the PCI bus, but the driver is not loaded: modprobe neuron",
			 functions);
	else
		init_err("Unable to determine Neuron Driver version. Please check neuron-dkms package is installed: there is no /dev/neuron* and no Neuron device on the PCI bus; to run without one, set NEURON_RT_DEVICE=emulator");
	return -ENODEV;
}

int nrt_kernel_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES])
{
	struct nrt_found found[NRT_MAX_DEVICES];
	int n = nrt_discover(found, NRT_MAX_DEVICES), count = 0, gone = 0, broken = 0, rc = 0, i;

	if (n < 0) {
		nrt_err(TDRV, "cannot enumerate devices: %s", strerror(-n));
		return n;
	}
	for (i = 0; i < n && !rc; i++) {
		if (env->only_device >= 0 && found[i].index != (uint32_t)env->only_device)
			continue;
		rc = open_device(&found[i], &devices[count]);
		if (is_gone(rc)) {
			broken = rc;
			gone++;
			rc = stand_in(&found[i], &devices[count]);
		}
		if (!rc)
			count++;
	}
	if (!rc && gone && gone == count) {
		rc = broken;
		nrt_err(TDRV, "cannot open %s: %s: reset it, or load the driver anew",
			gone > 1 ? "any Neuron device" : found[0].node, strerror(-rc));
	} else if (!rc && !count) {
		rc = no_device(env);
	}
	if (!rc)
		return count;
	while (count--)
		nrt_device_put(devices[count]);
	return rc;
}
