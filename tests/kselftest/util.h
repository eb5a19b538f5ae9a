/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver's tests share: ioctls that return 0 or -errno, objects, instructions, and
 * a harness that leaves SIGALRM to it.
 */
#ifndef KSELFTEST_UTIL_H
#define KSELFTEST_UTIL_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/neuron.h>
#include <neuron/isa.h>
#include <neuron/job.h>
#include <neuron/regs.h>
#include <kselftest_harness.h>

#include "write_file.h"

/* The debug kernel on a busy host takes many times as long as others. Hangs are for the runner to end. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 240

#define DEVICE "/dev/neuron0"
#define SYSFS "/sys/class/neuron_device/neuron0"
#define MIB (1ull << 20)
#define SECOND 1000000000ull

/*
 * Which errors of which ioctls tests have come by: a byte for each in a file that all processes of
 * the guest share. The program that boots the guest holds it against the contract.
 */
#define SEEN_ERRNOS 256
static uint8_t (*seen_errnos)[SEEN_ERRNOS];

static __attribute__((constructor)) inline void see_errnos(void)
{
	const size_t size = 256 * SEEN_ERRNOS;
	int fd = open("/run/neuron-errno", O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd >= 0 && !ftruncate(fd, size)) {
		seen_errnos = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (seen_errnos == MAP_FAILED)
			seen_errnos = NULL;
	}
	close(fd);
}

/* Negative errno instead of -1, so that expectations read like the contract. */
static inline int call(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg) ? -errno : 0;

	if (seen_errnos && ret > -SEEN_ERRNOS && _IOC_TYPE(cmd) == NEURON_IOCTL_TYPE)
		seen_errnos[_IOC_NR(cmd)][-ret] = 1;
	return ret;
}

/* Another guest runs what takes long and does not depend on what this one is for. */
static inline bool brief(void)
{
	return getenv("NEURON_TEST_BRIEF");
}

static inline int open_device(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static inline int get_info(int fd, struct neuron_ioctl_info *info)
{
	*info = (struct neuron_ioctl_info) { .size = sizeof(*info) };
	return call(fd, NEURON_IOCTL_INFO, info);
}

static inline int mem_create(int fd, uint32_t type, uint64_t length, struct neuron_ioctl_mem_create *mem)
{
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = type,
		.channel = type == NEURON_MEM_DEVICE ? NEURON_MEM_ANY_CHANNEL : 0,
		.length = length,
	};
	return call(fd, NEURON_IOCTL_MEM_CREATE, mem);
}

static inline void *mem_map(int fd, const struct neuron_ioctl_mem_create *mem)
{
	return mmap(NULL, mem->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, mem->mmap_offset);
}

static inline int copies(int fd, struct neuron_copy *c, uint32_t count, uint32_t *done)
{
	struct neuron_ioctl_copy arg = {
		.size = sizeof(arg),
		.count = count,
		.copies = (uintptr_t)c,
		.done = 12345,
	};
	int ret = call(fd, NEURON_IOCTL_COPY, &arg);

	if (done)
		*done = arg.done;
	return ret;
}

static inline int copy(int fd, uint32_t dst, uint64_t dst_offset, uint32_t src, uint64_t src_offset, uint64_t length)
{
	struct neuron_copy c = {
		.src = src,
		.dst = dst,
		.src_offset = src_offset,
		.dst_offset = dst_offset,
		.length = length,
	};

	return copies(fd, &c, 1, NULL);
}

static inline int destroy(int fd, uint32_t id)
{
	struct neuron_ioctl_destroy arg = { .size = sizeof(arg), .id = id };

	return call(fd, NEURON_IOCTL_DESTROY, &arg);
}

static inline int context_create(int fd, uint32_t segments, uint32_t *id)
{
	struct neuron_ioctl_context_create arg = { .size = sizeof(arg), .segments = segments };
	int ret = call(fd, NEURON_IOCTL_CONTEXT_CREATE, &arg);

	*id = arg.id;
	return ret;
}

static inline int bind_all(int fd, uint32_t context, struct neuron_bind *binds, uint32_t count)
{
	struct neuron_ioctl_context_bind arg = {
		.size = sizeof(arg),
		.context = context,
		.count = count,
		.binds = (uintptr_t)binds,
	};

	return call(fd, NEURON_IOCTL_CONTEXT_BIND, &arg);
}

static inline int bind_one(int fd, uint32_t context, uint32_t segment, uint32_t mem, uint64_t offset,
			   uint64_t length, uint32_t access)
{
	struct neuron_bind b = {
		.segment = segment,
		.mem = mem,
		.offset = offset,
		.length = length,
		.access = access,
	};

	return bind_all(fd, context, &b, 1);
}

static inline int cores_acquire(int fd, uint32_t mask)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg), .mask = mask };

	return call(fd, NEURON_IOCTL_CORES_ACQUIRE, &arg);
}

static inline int cores_release(int fd, uint32_t mask)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg), .mask = mask };

	return call(fd, NEURON_IOCTL_CORES_RELEASE, &arg);
}

static inline int queue_create(int fd, uint32_t core, uint32_t entries, int event, struct neuron_ioctl_queue_create *q)
{
	*q = (struct neuron_ioctl_queue_create) {
		.size = sizeof(*q),
		.core = core,
		.entries = entries,
		.eventfd = event,
	};
	return call(fd, NEURON_IOCTL_QUEUE_CREATE, q);
}

static inline int submit(int fd, uint32_t queue, struct neuron_submit *jobs, uint32_t count, uint64_t *seq)
{
	struct neuron_ioctl_submit arg = {
		.size = sizeof(arg),
		.queue = queue,
		.count = count,
		.jobs = (uintptr_t)jobs,
	};
	int ret = call(fd, NEURON_IOCTL_SUBMIT, &arg);

	if (seq)
		*seq = arg.seq;
	return ret;
}

static inline int submit_nop(int fd, uint32_t queue, uint64_t *seq)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP };

	return submit(fd, queue, &job, 1, seq);
}

static inline int cancel(int fd, uint32_t queue, uint64_t seq, uint32_t flags)
{
	struct neuron_ioctl_cancel arg = { .size = sizeof(arg), .flags = flags, .queue = queue, .seq = seq };

	return call(fd, NEURON_IOCTL_CANCEL, &arg);
}

static inline int group_acquire(int fd, struct neuron_group_member *members, uint32_t count)
{
	struct neuron_ioctl_group_acquire arg = {
		.size = sizeof(arg),
		.count = count,
		.members = (uintptr_t)members,
	};

	return call(fd, NEURON_IOCTL_GROUP_ACQUIRE, &arg);
}

static inline int wait_job(int fd, uint32_t queue, uint64_t seq, uint64_t timeout_ns, struct neuron_ioctl_wait *w)
{
	*w = (struct neuron_ioctl_wait) {
		.size = sizeof(*w),
		.queue = queue,
		.seq = seq,
		.deadline_ns = timeout_ns ? now_ns() + timeout_ns : 0,
	};
	return call(fd, NEURON_IOCTL_WAIT, w);
}

/* --- rings --- */

/* Longer than the driver gives an emulated chip for a chunk and what follows. */
#define RING_LIMIT (120 * SECOND)

static inline int ring_create(int fd, uint32_t entries, int event, uint32_t *id)
{
	struct neuron_ioctl_ring_create arg = { .size = sizeof(arg), .entries = entries, .eventfd = event };
	int ret = call(fd, NEURON_IOCTL_RING_CREATE, &arg);

	*id = arg.id;
	return ret;
}

static inline int ring_submit(int fd, uint32_t ring, struct neuron_dma_op *ops, uint32_t count, uint64_t *seq)
{
	struct neuron_ioctl_ring_submit arg = {
		.size = sizeof(arg),
		.ring = ring,
		.count = count,
		.ops = (uintptr_t)ops,
	};
	int ret = call(fd, NEURON_IOCTL_RING_SUBMIT, &arg);

	if (seq)
		*seq = arg.seq;
	return ret;
}

static inline struct neuron_dma_op op_copy(uint32_t dst, uint64_t dst_offset, uint32_t src, uint64_t src_offset,
				    uint64_t length)
{
	return (struct neuron_dma_op) {
		.op = NEURON_DMA_COPY,
		.src = src,
		.dst = dst,
		.src_offset = src_offset,
		.dst_offset = dst_offset,
		.length = length,
	};
}

static inline struct neuron_dma_op op_fill(uint32_t dst, uint64_t offset, uint64_t length, uint32_t pattern)
{
	return (struct neuron_dma_op) {
		.op = NEURON_DMA_FILL,
		.pattern = pattern,
		.dst = dst,
		.dst_offset = offset,
		.length = length,
	};
}

/* The status of a batch, or -errno. */
static inline int ring_wait(int fd, uint32_t ring, uint64_t seq)
{
	struct neuron_ioctl_wait w;
	int ret = wait_job(fd, ring, seq, RING_LIMIT, &w);

	return ret ? ret : (int)w.status;
}

static inline int mem_of(int fd, uint32_t type, uint32_t channel, uint64_t length, struct neuron_ioctl_mem_create *mem)
{
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = type,
		.channel = channel,
		.length = length,
	};
	return call(fd, NEURON_IOCTL_MEM_CREATE, mem);
}

static inline bool filled(const uint8_t *p, uint64_t n, uint32_t pattern)
{
	for (uint64_t i = 0; i < n; i += 4)
		if (memcmp(p + i, &pattern, 4))
			return false;
	return true;
}

/* Long enough to be in flight still when the next call is made, also where chips are fast. */
#define BIG (64 * MIB)

/* A batch that keeps a chip busy: @n times BIG, between the channels. */
static inline int flood(int fd, uint32_t ring, uint32_t dst, uint32_t src, uint32_t n, uint64_t *seq)
{
	static struct neuron_dma_op ops[NEURON_COPY_MAX];

	for (uint32_t i = 0; i < n; i++)
		ops[i] = op_copy(dst, 0, src, 0, BIG);
	return ring_submit(fd, ring, ops, n, seq);
}

static inline int big_memory(int fd, struct neuron_ioctl_mem_create *a, struct neuron_ioctl_mem_create *b)
{
	int ret = mem_of(fd, NEURON_MEM_DEVICE, 0, BIG, a);

	return ret ? ret : mem_of(fd, NEURON_MEM_DEVICE, 1, BIG, b);
}

/* --- instructions --- */

static inline struct neuron_insn insn(uint8_t op)
{
	struct neuron_insn i = {
		.op = op,
		.wait_sem = NEURON_ISA_NO_SEM,
		.sig_sem = NEURON_ISA_NO_SEM,
		.dst_seg = op == NEURON_OP_DMA_COPY ? NEURON_ISA_NO_SEG : 0,
		.src_seg = op == NEURON_OP_DMA_COPY ? NEURON_ISA_NO_SEG : 0,
	};

	return i;
}

/* Fill @n fp32 of 128 partitions of SBUF with @bits. */
static inline struct neuron_insn insn_memset(uint32_t offset, uint16_t n, uint32_t bits)
{
	struct neuron_insn i = insn(NEURON_OP_MEMSET);

	i.memset.count[0] = i.memset.count[1] = i.memset.count[2] = 1;
	i.memset.count[3] = n;
	i.memset.dst = NEURON_LOCAL_ADDR(0, 0, offset);
	i.memset.dst_step[3] = 1;
	i.memset.value = bits;
	i.memset.partitions = NEURON_PARTITIONS;
	i.memset.dst_dtype = NEURON_FP32;
	return i;
}

/* @n elements of 64 bytes from one segment to another. */
static inline struct neuron_insn insn_copy(uint8_t dst, uint32_t dst_offset, uint8_t src, uint32_t src_offset, uint16_t n)
{
	struct neuron_insn i = insn(NEURON_OP_DMA_COPY);

	i.flags = 6;
	i.dst_seg = dst;
	i.src_seg = src;
	i.dma_copy.count[0] = i.dma_copy.count[1] = i.dma_copy.count[2] = 1;
	i.dma_copy.count[3] = n;
	i.dma_copy.src = src_offset;
	i.dma_copy.dst = dst_offset;
	i.dma_copy.src_step[3] = i.dma_copy.dst_step[3] = 64;
	return i;
}

/* Some ten milliseconds of copying 64 bytes onto the same place again and again. */
static inline struct neuron_insn insn_slow(uint8_t dst, uint8_t src)
{
	struct neuron_insn i = insn_copy(dst, 64, src, 0, 1);

	i.dma_copy.count[0] = 64;
	i.dma_copy.count[1] = 1024;
	i.dma_copy.count[2] = 16;
	return i;
}

/* --- a core, a queue, and a context: segment 0 code, 1 and 2 data --- */

#define CODE_INSNS 4096
#define DATA_BYTES 0x10000

struct rig {
	int fd;
	struct neuron_ioctl_queue_create queue;
	uint32_t context;
	struct neuron_ioctl_mem_create code_mem, data_mem, host_mem;
	struct neuron_insn *code;
	uint8_t *data, *host;
};

/* All of it for a file that is open already. */
static inline int rig_make(struct rig *r, uint32_t core, uint32_t entries)
{
	const uint32_t rw = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE;
	int ret;

	ret = cores_acquire(r->fd, 1u << core);
	ret = ret ? ret : queue_create(r->fd, core, entries, -1, &r->queue);
	ret = ret ? ret : context_create(r->fd, 8, &r->context);
	ret = ret ? ret : mem_create(r->fd, NEURON_MEM_DEVICE, CODE_INSNS * sizeof(struct neuron_insn), &r->code_mem);
	ret = ret ? ret : mem_create(r->fd, NEURON_MEM_DEVICE, DATA_BYTES, &r->data_mem);
	ret = ret ? ret : mem_create(r->fd, NEURON_MEM_HOST, DATA_BYTES, &r->host_mem);
	ret = ret ? ret : bind_one(r->fd, r->context, 0, r->code_mem.id, 0, r->code_mem.length, NEURON_ACCESS_EXEC);
	ret = ret ? ret : bind_one(r->fd, r->context, 1, r->data_mem.id, 0, DATA_BYTES, rw);
	ret = ret ? ret : bind_one(r->fd, r->context, 2, r->host_mem.id, 0, DATA_BYTES, rw);
	if (ret)
		return ret;
	r->code = mem_map(r->fd, &r->code_mem);
	r->data = mem_map(r->fd, &r->data_mem);
	r->host = mem_map(r->fd, &r->host_mem);
	return r->code == MAP_FAILED || r->data == MAP_FAILED || r->host == MAP_FAILED ? -errno : 0;
}

static inline int rig_open(struct rig *r, uint32_t entries)
{
	r->fd = open_device();
	return r->fd < 0 ? r->fd : rig_make(r, 0, entries);
}

/* Mappings keep a file open: they go, too. */
static inline void rig_close(struct rig *r)
{
	munmap(r->code, r->code_mem.length);
	munmap(r->data, DATA_BYTES);
	munmap(r->host, DATA_BYTES);
	close(r->fd);
}

/* A job of @count instructions for @engine that lie from instruction @first on. */
static inline struct neuron_submit rig_job(const struct rig *r, int engine, uint32_t first, uint32_t count)
{
	struct neuron_submit job = {
		.op = NEURON_SUBMIT_EXEC,
		.context = r->context,
	};

	job.stream[engine].offset = first * sizeof(struct neuron_insn);
	job.stream[engine].count = count;
	return job;
}

/* Runs a job to its end: its status, or -errno. */
static inline int rig_run(struct rig *r, struct neuron_submit *job, struct neuron_ioctl_wait *w)
{
	uint64_t seq;
	int ret = submit(r->fd, r->queue.id, job, 1, &seq);

	ret = ret ? ret : wait_job(r->fd, r->queue.id, seq, 20 * SECOND, w);
	return ret ? ret : (int)w->status;
}

/* A job that takes tens of seconds unless it is ended. */
static inline struct neuron_submit rig_long_job(struct rig *r)
{
	for (int i = 0; i < CODE_INSNS; i++)
		r->code[i] = insn_slow(1, 1);
	return rig_job(r, NEURON_DMA, 0, CODE_INSNS);
}

/* The job that is on core @core of the first chip, as the chip says; 0: none. */
static inline unsigned long long job_on_core(unsigned int core)
{
	unsigned long long running = 0;
	unsigned int of;
	char line[256];
	FILE *f = fopen("/sys/kernel/debug/neuron/neuron0/queues", "re");

	while (f && !running && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*u %u %*u %*u %*u %*u %*u %llu", &of, &running) != 2 || of != core)
			running = 0;
	if (f)
		fclose(f);
	return running;
}

/* False: none came there within ten seconds. */
static inline bool wait_on_core(unsigned int core)
{
	uint64_t limit = now_ns() + 10 * SECOND;

	while (!job_on_core(core) && now_ns() < limit)
		usleep(1000);
	return job_on_core(core);
}

/* First line of a file; empty on error. */
static inline void read_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");

	text[0] = 0;
	if (f) {
		if (!fgets(text, size, f))
			text[0] = 0;
		fclose(f);
	}
	text[strcspn(text, "\n")] = 0;
}

/* The PCI address of the first chip, "0000:01:00.0". */
static inline void pci_name(char *name, size_t size)
{
	char link[512], *base;
	ssize_t n = readlink(SYSFS "/device", link, sizeof(link) - 1);

	link[n > 0 ? n : 0] = 0;
	base = strrchr(link, '/');
	snprintf(name, size, "%s", base ? base + 1 : "");
}

/* The number behind "key:" in a file of such lines (in bytes if it is in kB or KiB); -1 if there is none. */
static inline int64_t key_value(const char *path, const char *key)
{
	size_t n = strlen(key);
	long long value = -1;
	FILE *f = fopen(path, "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ':')
			value = strtoll(line + n + 1, NULL, 0) << (strstr(line, "KiB") || strstr(line, "kB") ? 10 : 0);
	if (f)
		fclose(f);
	return value;
}

/* A line of what the driver tells about an open file. */
static inline int64_t fdinfo(int fd, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return key_value(path, key);
}

/* Bytes of this process that are pinned. */
static inline int64_t pinned(void)
{
	return key_value("/proc/self/status", "VmPin");
}

#define PCI "/sys/bus/pci/"

/* Opens the first chip; waits for it to come back if it has to. */
static inline int wait_for_device(void)
{
	uint64_t limit = now_ns() + 30 * SECOND;
	int fd;

	do {
		fd = open_device();
		if (fd >= 0)
			return fd;
		usleep(10000);
	} while (now_ns() < limit);
	return fd;
}

/* "bind", "unbind" of the driver. */
static inline int driver_write(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), PCI "drivers/neuron/%s", name);
	return write_file(path, text);
}

/* Whether this kernel was told to copy all that devices reach ("swiotlb=force"). */
static inline bool bounces(void)
{
	char line[4096];

	read_line("/proc/cmdline", line, sizeof(line));
	return strstr(line, "swiotlb=force");
}

static sigjmp_buf bus_jump;

static inline void on_sigbus(int number)
{
	siglongjmp(bus_jump, number);
}

/* Whether an access to @p raises SIGBUS. */
static inline bool bus_error(volatile uint8_t *p)
{
	struct sigaction sa = { .sa_handler = on_sigbus }, old;
	bool hit = true;

	sigaction(SIGBUS, &sa, &old);
	if (!sigsetjmp(bus_jump, 1)) {
		(void)*p;
		hit = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return hit;
}

/* Bytes that differ from place to place and from seed to seed. */
static inline void fill(uint8_t *p, uint64_t n, uint32_t seed)
{
	for (uint64_t i = 0; i < n; i++)
		p[i] = (uint8_t)((i + seed) * 2654435761u >> 24);
}

static inline bool same(const uint8_t *a, const uint8_t *b, uint64_t n)
{
	return !memcmp(a, b, n);
}

static inline bool all_zero(const uint8_t *p, uint64_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

#endif
