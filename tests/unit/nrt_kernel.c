// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel backend against a driver that lives in this file: ioctl(), open() and the
 * discovery of devices are replaced at link time.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include <linux/neuron.h>
#include <nrt/nrt_open.h>

#include "device.h"
#include "discover.h"
#include "kernel_queue.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_nrt_discover(struct nrt_found *found, int max);
int __wrap_nrt_discover_pci(void);

#define OBJECTS	64
#define SIZE	(64 << 20)
/* Descriptors that the driver takes for dma-bufs. */
#define DMABUF	1000
#define DMABUF_READONLY	1001
#define DMABUF_FAR	1002
#define DMABUF_SIZE	12288

/** struct driver - what the file's driver knows, and what it is to do wrong */
static struct {
	pthread_mutex_t lock;
	int memory;			/* memfd: memory objects one after the other */
	uint64_t next_offset;
	struct { int live; uint64_t offset, length; char *user; } object[OBJECTS];
	uint32_t owned, busy;
	int holder;
	uint32_t abi;
	uint64_t features;
	int devices, functions;
	unsigned int missing;		/* bitmap: devices whose node is gone */
	int gone;
	int fail_export;
	uint64_t submitted;
	uint64_t record[NRT_QUEUE_ENTRIES];
	int fail_submit, fail_wait, fail_create, interrupts;
	int fail_pin;			/* without NEURON_MEM_READONLY */
	unsigned int copies, binds;
	struct neuron_submit last;
} k;

static int new_object(void)
{
	int id;

	for (id = 1; id < OBJECTS && k.object[id].live; id++)
		;
	if (id == OBJECTS)
		return -ENOSPC;
	k.object[id].live = 1;
	k.object[id].user = NULL;
	return id;
}

static int import(struct neuron_ioctl_mem_create *a)
{
	if (a->length || a->flags & ~NEURON_MEM_READONLY)
		return -EINVAL;
	if (a->fd == DMABUF_FAR)
		return -EOPNOTSUPP;
	if (a->fd != DMABUF && a->fd != DMABUF_READONLY)
		return -EBADF;
	if (a->fd == DMABUF_READONLY && !a->flags)
		return -EACCES;
	a->length = DMABUF_SIZE;
	a->flags = 0;
	return 0;
}

static int pin(struct neuron_ioctl_mem_create *a)
{
	int id;

	if (a->size != sizeof(*a) || a->flags & ~NEURON_MEM_READONLY || !a->length || a->fd)
		return -EINVAL;
	if (!a->flags && k.fail_pin)
		return k.fail_pin;
	id = new_object();
	if (id < 0)
		return id;
	a->id = id;
	k.object[id].user = (char *)(uintptr_t)a->address;
	return 0;
}

static int mem_create(struct neuron_ioctl_mem_create *a)
{
	int id = a->type == NEURON_MEM_DMABUF ? import(a) : 0;
	uint64_t length = (a->length + 4095) & ~4095ULL;

	if (id)
		return id;
	if (a->type == NEURON_MEM_USER)
		return pin(a);
	if (a->size != sizeof(*a) || a->flags || a->reserved || !a->length)
		return -EINVAL;
	if (k.fail_create && !--k.fail_create)
		return -ENOSPC;
	if (k.next_offset + length > SIZE)
		return -ENOSPC;
	id = new_object();
	if (id < 0)
		return id;
	a->id = id;
	a->mmap_offset = a->type == NEURON_MEM_DMABUF ? 0 : k.next_offset;
	k.object[id].offset = k.next_offset;
	k.object[id].length = length;
	k.next_offset += length;
	return 0;
}

static int copy(struct neuron_ioctl_copy *a)
{
	struct neuron_copy *c = (void *)(uintptr_t)a->copies;
	char *buf = malloc(c->length);

	if (a->count != 1 || !k.object[c->src].live || !k.object[c->dst].live)
		return -EINVAL;
	if (k.object[c->src].user)
		memcpy(buf, k.object[c->src].user + c->src_offset, c->length);
	else if (pread(k.memory, buf, c->length, k.object[c->src].offset + c->src_offset) < 0)
		return -EIO;
	if (k.object[c->dst].user)
		memcpy(k.object[c->dst].user + c->dst_offset, buf, c->length);
	else if (pwrite(k.memory, buf, c->length, k.object[c->dst].offset + c->dst_offset) < 0)
		return -EIO;
	free(buf);
	k.copies++;
	return 0;
}

static int submit(struct neuron_ioctl_submit *a)
{
	const struct neuron_submit *job = (void *)(uintptr_t)a->jobs;

	if (k.fail_submit)
		return k.fail_submit;
	if (a->count != 1 || a->flags)
		return -EINVAL;
	k.last = *job;
	a->seq = ++k.submitted;
	/* Done at once; an older record is overwritten. */
	k.record[a->seq % NRT_QUEUE_ENTRIES] = a->seq;
	return 0;
}

static int wait_job(struct neuron_ioctl_wait *a)
{
	if (k.fail_wait)
		return k.fail_wait;
	if (!a->seq || a->seq > k.submitted || !a->deadline_ns)
		return -EINVAL;
	if (k.record[a->seq % NRT_QUEUE_ENTRIES] != a->seq)
		return -ESTALE;
	a->status = NEURON_JOB_OK;
	a->cycles = 1000 + a->seq;
	a->job_flags = NEURON_JOB_FLAG_NAN;
	return 0;
}

static int cores(unsigned long request, struct neuron_ioctl_cores *a)
{
	if (request == NEURON_IOCTL_CORES_RELEASE) {
		if (a->mask & ~k.owned)
			return -EPERM;
		k.owned &= ~a->mask;
		return 0;
	}
	a->busy = a->mask & k.busy;
	a->holder = k.holder;
	if (a->busy)
		return -EBUSY;
	k.owned |= a->mask;
	return 0;
}

static int info(struct neuron_ioctl_info *a)
{
	if (k.gone)
		return -ENODEV;
	a->abi_version = k.abi;
	a->features = k.features;
	a->core_count = 4;
	a->channel_count = 2;
	a->channel_size = 1ULL << 32;
	a->cores_busy = k.busy;
	return 0;
}

static int create(uint32_t *id)
{
	int n = new_object();

	if (n < 0)
		return n;
	*id = n;
	return 0;
}

static int do_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case NEURON_IOCTL_INFO:
		return info(arg);
	case NEURON_IOCTL_MEM_CREATE:
		return mem_create(arg);
	case NEURON_IOCTL_MEM_EXPORT:
		((struct neuron_ioctl_mem_export *)arg)->fd =
			DMABUF + ((struct neuron_ioctl_mem_export *)arg)->id;
		return k.fail_export;
	case NEURON_IOCTL_COPY:
		return copy(arg);
	case NEURON_IOCTL_CONTEXT_CREATE:
		return create(&((struct neuron_ioctl_context_create *)arg)->id);
	case NEURON_IOCTL_CONTEXT_BIND:
		k.binds += ((struct neuron_ioctl_context_bind *)arg)->count;
		return 0;
	case NEURON_IOCTL_CORES_ACQUIRE:
	case NEURON_IOCTL_CORES_RELEASE:
		return cores(request, arg);
	case NEURON_IOCTL_QUEUE_CREATE:
		return create(&((struct neuron_ioctl_queue_create *)arg)->id);
	case NEURON_IOCTL_SUBMIT:
		return submit(arg);
	case NEURON_IOCTL_WAIT:
		return wait_job(arg);
	case NEURON_IOCTL_DESTROY:
		if (!k.object[((struct neuron_ioctl_destroy *)arg)->id].live)
			return -ENOENT;
		k.object[((struct neuron_ioctl_destroy *)arg)->id].live = 0;
		return 0;
	}
	return -ENOTTY;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int rc;

	pthread_mutex_lock(&k.lock);
	/* Every now and then a signal comes in between. */
	rc = ++k.interrupts % 3 ? do_ioctl(request, arg) : -EINTR;
	pthread_mutex_unlock(&k.lock);
	if (!rc)
		return 0;
	errno = -rc;
	return -1;
}

int __wrap_nrt_discover(struct nrt_found *found, int max)
{
	int i;

	for (i = 0; i < k.devices; i++) {
		found[i] = (struct nrt_found) { .index = i };
		/* Each opening of the device gives the memory of it. */
		snprintf(found[i].node, sizeof(found[i].node), "/proc/self/fd/%d",
			 k.missing & 1u << i ? 9999 : k.memory);
	}
	return k.devices;
}

int __wrap_nrt_discover_pci(void)
{
	return k.functions;
}

static struct nrt_env env;
static struct nrt_device *devices[NRT_MAX_DEVICES];

static int set_up(void **state)
{
	char error[256];

	if (k.memory)
		close(k.memory);
	memset(&k, 0, sizeof(k));
	pthread_mutex_init(&k.lock, NULL);
	k.memory = memfd_create("driver", 0);
	k.abi = NEURON_ABI_VERSION;
	k.features = NEURON_FEATURE_COMPUTE;
	k.devices = 1;
	setenv("NEURON_RT_DEVICE", "kernel", 1);
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 1);
	unsetenv("NEURON_RT_VISIBLE_CORES");
	unsetenv("NEURON_RT_NUM_CORES");
	nrt_env_read(&env, error, sizeof(error));
	nrt_log_configure(&env.log);
	return ftruncate(k.memory, SIZE);
}

static int live_objects(void)
{
	int id, n = 0;

	for (id = 1; id < OBJECTS; id++)
		n += k.object[id].live;
	return n;
}

static void opening(void **state)
{
	k.devices = 3;
	assert_int_equal(nrt_devices_open(&env, devices), 3);
	assert_int_equal(devices[2]->index, 2);
	assert_int_equal(devices[2]->cores, 4);
	assert_int_equal(devices[2]->memory, 8ULL << 30);
	nrt_device_put(devices[0]);
	nrt_device_put(devices[1]);
	nrt_device_put(devices[2]);
	env.only_device = 1;
	assert_int_equal(nrt_devices_open(&env, devices), 1);
	assert_int_equal(devices[0]->index, 1);
	nrt_device_put(devices[0]);
	env.only_device = 7;
	assert_int_equal(nrt_devices_open(&env, devices), -ENODEV);
	assert_non_null(strstr(nrt_log_last_error(), "/dev/neuron7"));
}

static void nothing_to_open(void **state)
{
	k.devices = 0;
	assert_int_equal(nrt_devices_open(&env, devices), -ENODEV);
	assert_non_null(strstr(nrt_log_last_error(), "NEURON_RT_DEVICE=emulator"));
	k.functions = 2;
	assert_int_equal(nrt_devices_open(&env, devices), -ENODEV);
	assert_non_null(strstr(nrt_log_last_error(), "2 Neuron device(s) on the PCI bus, but the driver is not loaded: modprobe neuron"));
	k.devices = 2;
	k.abi = 2;
	assert_int_equal(nrt_devices_open(&env, devices), -EPROTO);
	assert_non_null(strstr(nrt_log_last_error(), "the driver has 2"));
	k.abi = NEURON_ABI_VERSION;
	k.features = 0;
	assert_int_equal(nrt_devices_open(&env, devices), -EOPNOTSUPP);
}

static void memory(void **state)
{
	static char big[3 << 20], back[3 << 20];
	struct nrt_mem *a, *b;
	size_t i;

	assert_int_equal(nrt_devices_open(&env, devices), 1);
	assert_int_equal(nrt_mem_create(devices[0], NRT_MEM_DEVICE, sizeof(big), 64, &a), 0);
	assert_int_equal(nrt_mem_create(devices[0], NRT_MEM_HOST, sizeof(big), 64, &b), 0);
	for (i = 0; i < sizeof(big); i++)
		big[i] = i * 2654435761u >> 13;
	assert_int_equal(nrt_mem_write(a, 0, big, sizeof(big)), 0);
	/* Small reads by the CPU, large ones by DMA, in pieces. */
	assert_int_equal(nrt_mem_read(a, 5, back, 4095), 0);
	assert_memory_equal(back, big + 5, 4095);
	assert_int_equal(k.copies, 0);
	assert_int_equal(nrt_mem_read(a, 1, back, sizeof(big) - 1), 0);
	assert_memory_equal(back, big + 1, sizeof(big) - 1);
	assert_int_equal(k.copies, 3);
	assert_int_equal(devices[0]->ops->mem_copy(b, 0, a, 0, sizeof(big)), 0);
	assert_int_equal(nrt_mem_read(b, 0, back, sizeof(big)), 0);
	assert_memory_equal(back, big, sizeof(big));
	assert_int_equal(nrt_mem_read(a, sizeof(big), back, 1), -ERANGE);
	assert_int_equal(nrt_mem_write(a, UINT64_MAX, back, 2), -ERANGE);
	k.fail_create = 1;
	assert_int_equal(nrt_mem_create(devices[0], NRT_MEM_DEVICE, 1, 64, &b), -ENOSPC);
	nrt_mem_put(a);
	nrt_mem_put(b);
	/* But for the staging memory, which the device keeps. */
	assert_int_equal(live_objects(), 1);
	nrt_device_put(devices[0]);
}

/* Pages of a mapping vanish, as after an unplug: an error, no SIGBUS. */
static void unplugged(void **state)
{
	struct nrt_mem *a;
	char buf[100];

	assert_int_equal(nrt_devices_open(&env, devices), 1);
	assert_int_equal(nrt_mem_create(devices[0], NRT_MEM_DEVICE, 8192, 64, &a), 0);
	assert_int_equal(nrt_mem_write(a, 4050, "here", 4), 0);
	assert_int_equal(nrt_mem_read(a, 4050, buf, 100), 0);
	assert_memory_equal(buf, "here", 4);
	assert_int_equal(ftruncate(k.memory, 4096), 0);
	k.gone = 1;
	assert_int_equal(nrt_mem_write(a, 4050, buf, 100), -ENODEV);
	assert_int_equal(nrt_mem_read(a, 4050, buf, 100), -ENODEV);
	nrt_mem_put(a);
	nrt_device_put(devices[0]);
}

/* Cores of others keep their numbers when a device is broken. */
static void broken_device(void **state)
{
	uint32_t busy = 0, cores;
	int holder = 0;

	k.devices = 3;
	k.missing = 2;
	assert_int_equal(nrt_devices_open(&env, devices), 3);
	assert_true(devices[1]->gone && !devices[0]->gone && !devices[2]->gone);
	assert_int_equal(devices[1]->cores, 4);
	assert_int_equal(devices[1]->ops->cores_acquire(devices[1], 1, &busy, &holder), -EIO);
	nrt_device_put(devices[0]);
	nrt_device_put(devices[1]);
	nrt_device_put(devices[2]);
	k.missing = 7;
	assert_int_equal(nrt_devices_open(&env, devices), -ENOENT);
	assert_non_null(strstr(nrt_log_last_error(), "cannot open any Neuron device: No such file"));

	k.missing = 1;
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_SUCCESS);
	assert_int_equal(nrt_get_visible_nc_count(&cores), NRT_SUCCESS);
	assert_int_equal(cores, 8);
	nrt_close();
	setenv("NEURON_RT_NUM_CORES", "8", 1);
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_SUCCESS);
	nrt_close();
	setenv("NEURON_RT_NUM_CORES", "9", 1);
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_RESOURCE);
	unsetenv("NEURON_RT_NUM_CORES");
	setenv("NEURON_RT_VISIBLE_CORES", "4-11", 1);
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_SUCCESS);
	nrt_close();
	setenv("NEURON_RT_VISIBLE_CORES", "3-5", 1);
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_HW_ERROR);
	assert_non_null(strstr(nrt_open_last_error(), "Requested:nc3-nc5 Available:2; nc3 is of neuron0, which is broken"));
	/* What was taken of others was given back. */
	assert_int_equal(k.owned, 0);
}

static nrt_tensor_t *tensor(nrt_tensor_placement_t placement, size_t size)
{
	nrt_tensor_t *t;

	assert_int_equal(nrt_tensor_allocate(placement, 0, size, "t", &t), NRT_SUCCESS);
	return t;
}

static void exported(void **state)
{
	nrt_tensor_t *t, *slice, *plain;
	uint64_t va;
	int fd = -1;

	assert_int_equal(nrt_get_dmabuf_fd(4096, 1, &fd), NRT_CLOSED);
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_SUCCESS);
	t = tensor(NRT_TENSOR_PLACEMENT_DEVICE, 5000);
	va = (uintptr_t)nrt_tensor_get_va(t);
	assert_int_equal(nrt_get_dmabuf_fd(va, 5000, &fd), NRT_SUCCESS);
	assert_true(fd > DMABUF);
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, &fd), NRT_SUCCESS);
	assert_int_equal(nrt_get_dmabuf_fd(va, 5001, &fd), NRT_INVALID);
	assert_int_equal(nrt_get_dmabuf_fd(va, 0, &fd), NRT_INVALID);
	assert_int_equal(nrt_get_dmabuf_fd(0, 1, &fd), NRT_INVALID);
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, NULL), NRT_INVALID);
	assert_int_equal(nrt_tensor_allocate_slice(t, 4096, 100, "", &slice), NRT_SUCCESS);
	assert_int_equal(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(slice), 100, &fd), NRT_INVALID);
	plain = tensor(NRT_TENSOR_PLACEMENT_VIRTUAL, 4096);
	assert_int_equal(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(plain), 1, &fd), NRT_INVALID);
	assert_non_null(strstr(nrt_open_last_error(), "placement DEVICE"));
	nrt_tensor_free(&plain);
	plain = tensor(NRT_TENSOR_PLACEMENT_HOST, 4096);
	assert_int_equal(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(plain), 1, &fd), NRT_INVALID);
	k.fail_export = -EOPNOTSUPP;
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, &fd), NRT_FAILURE);
	k.fail_export = -EMFILE;
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, &fd), NRT_RESOURCE);
	k.fail_export = -ENODEV;
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, &fd), NRT_HW_ERROR);
	k.fail_export = 0;
	nrt_tensor_free(&t);
	/* The slice keeps the memory, and only that begins there. */
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, &fd), NRT_SUCCESS);
	nrt_tensor_free(&slice);
	assert_int_equal(nrt_get_dmabuf_fd(va, 1, &fd), NRT_INVALID);
	nrt_tensor_free(&plain);
	nrt_close();
	assert_int_equal(live_objects(), 0);
}

static void imported(void **state)
{
	char in[DMABUF_SIZE], out[DMABUF_SIZE];
	nrt_tensor_t *t, *dram;
	size_t i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = i * 2654435761u >> 11;
	assert_int_equal(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_SUCCESS);
	assert_int_equal(nrt_tensor_allocate_empty("frame", &t), NRT_SUCCESS);
	dram = tensor(NRT_TENSOR_PLACEMENT_DEVICE, DMABUF_SIZE);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, -1, DMABUF, 0, DMABUF_SIZE), NRT_SUCCESS);
	assert_int_equal(nrt_tensor_get_size(t), DMABUF_SIZE);
	assert_null(nrt_tensor_get_va(t));
	/* The process reaches it through the chip; between both of the chip nothing is in between. */
	assert_int_equal(nrt_tensor_write(t, in, 0, sizeof(in)), NRT_SUCCESS);
	k.copies = 0;
	assert_int_equal(nrt_tensor_copy(t, 0, dram, 0, sizeof(in)), NRT_SUCCESS);
	assert_int_equal(k.copies, 1);
	assert_int_equal(nrt_tensor_read(dram, out, 0, sizeof(out)), NRT_SUCCESS);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(nrt_tensor_read(t, out, 5, 7), NRT_SUCCESS);
	assert_memory_equal(in + 5, out, 7);
	/* A part of it, read-only, and what is refused; the tensor is then as it was. */
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 0, DMABUF_READONLY, 4096, 100), NRT_SUCCESS);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 0, 3, 0, 100), NRT_INVALID);
	assert_non_null(strstr(nrt_open_last_error(), "not a dma-buf"));
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 0, DMABUF_FAR, 0, 100), NRT_FAILURE);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 0, DMABUF, DMABUF_SIZE - 1, 2), NRT_INVALID);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 0, DMABUF, UINT64_MAX, 2), NRT_INVALID);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 4, DMABUF, 0, 2), NRT_INVALID);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, -2, DMABUF, 0, 2), NRT_INVALID);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(t, 0, DMABUF, 0, 0), NRT_INVALID);
	assert_int_equal(nrt_open_tensor_attach_dmabuf(NULL, 0, DMABUF, 0, 2), NRT_INVALID);
	assert_int_equal(nrt_tensor_get_size(t), 100);
	nrt_tensor_free(&t);
	nrt_tensor_free(&dram);
	nrt_close();
	/* The staging memory goes with the file. */
	assert_int_equal(live_objects(), 1);
}

/* The chip copies to and from memory of the process, which may be of a kind that is only read. */
static void pinned(void **state)
{
	char from[100], to[100] = { 0 };
	struct nrt_mem *a, *in, *out;
	uint64_t offset;

	memset(from, 'x', sizeof(from));
	assert_int_equal(nrt_devices_open(&env, devices), 1);
	assert_int_equal(nrt_mem_create(devices[0], NRT_MEM_DEVICE, 8192, 64, &a), 0);
	assert_int_equal(nrt_mem_pin(devices[0], to, sizeof(to), &out), 0);
	assert_false(out->readonly);
	k.fail_pin = -EFAULT;
	assert_int_equal(nrt_mem_pin(devices[0], from, sizeof(from), &in), 0);
	assert_true(in->readonly);
	assert_int_equal(devices[0]->ops->mem_copy(a, 10, in, 1, 50), 0);
	assert_int_equal(devices[0]->ops->mem_copy(out, 2, a, 10, 50), 0);
	assert_int_equal(to[1], 0);
	assert_memory_equal(to + 2, from, 50);
	assert_int_equal(to[52], 0);
	/* It is no device's memory, and counts nowhere. */
	assert_null(nrt_mem_find(to, &offset));
	assert_int_equal(devices[0]->used, 8192);
	nrt_mem_put(in);
	k.fail_pin = -ENOMEM;
	assert_int_equal(nrt_mem_pin(devices[0], from, sizeof(from), &in), -ENOMEM);
	nrt_mem_put(out);
	nrt_mem_put(a);
	assert_int_equal(live_objects(), 0);
	nrt_device_put(devices[0]);
}

static void ownership(void **state)
{
	uint32_t busy = 0;
	int holder = 0;

	assert_int_equal(nrt_devices_open(&env, devices), 1);
	k.busy = 2;
	k.holder = 4711;
	assert_int_equal(devices[0]->ops->cores_acquire(devices[0], 7, &busy, &holder), -EBUSY);
	assert_int_equal(busy, 2);
	assert_int_equal(holder, 4711);
	assert_int_equal(k.owned, 0);
	assert_int_equal(devices[0]->ops->cores_acquire(devices[0], 5, &busy, &holder), 0);
	assert_int_equal(k.owned, 5);
	assert_int_equal(live_objects(), 2);
	devices[0]->ops->cores_release(devices[0], 5);
	assert_int_equal(k.owned, 0);
	assert_int_equal(live_objects(), 0);
	nrt_device_put(devices[0]);
}

static struct nrt_queue queue;
static atomic_int mistakes;

static void *submit_many(void *arg)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP };
	struct neuron_completion c;
	int i;

	for (i = 0; i < 2000; i++)
		if (nrt_queue_run(&queue, &job, &c) || c.cycles != 1000 + c.seq ||
		    c.flags != NEURON_JOB_FLAG_NAN)
			mistakes++;
	return NULL;
}

/* No record is ever overwritten before its thread has fetched it. */
static void many_threads(void **state)
{
	pthread_t thread[16];
	int i;

	assert_int_equal(nrt_queue_create(&queue, 99, 0), 0);
	mistakes = 0;
	for (i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, submit_many, NULL), 0);
	for (i = 0; i < 16; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(mistakes, 0);
	assert_int_equal(k.submitted, 32000);
	assert_int_equal(queue.oldest, 32001);
	nrt_queue_destroy(&queue);
}

static void device_fails(void **state)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP, .timeout_ms = 5 };
	struct neuron_completion c;

	assert_int_equal(nrt_queue_create(&queue, 99, 0), 0);
	k.fail_submit = -ENODEV;
	assert_int_equal(nrt_queue_run(&queue, &job, &c), -ENODEV);
	k.fail_submit = 0;
	assert_int_equal(nrt_queue_run(&queue, &job, &c), 0);
	/* After a time-out the queue is not used again. */
	k.fail_wait = -ETIMEDOUT;
	assert_int_equal(nrt_queue_run(&queue, &job, &c), -ETIMEDOUT);
	k.fail_wait = 0;
	assert_int_equal(nrt_queue_run(&queue, &job, &c), -EIO);
	nrt_queue_destroy(&queue);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(opening, set_up),
		cmocka_unit_test_setup(nothing_to_open, set_up),
		cmocka_unit_test_setup(memory, set_up),
		cmocka_unit_test_setup(unplugged, set_up),
		cmocka_unit_test_setup(broken_device, set_up),
		cmocka_unit_test_setup(exported, set_up),
		cmocka_unit_test_setup(imported, set_up),
		cmocka_unit_test_setup(pinned, set_up),
		cmocka_unit_test_setup(ownership, set_up),
		cmocka_unit_test_setup(many_threads, set_up),
		cmocka_unit_test_setup(device_fails, set_up),
	};

	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
