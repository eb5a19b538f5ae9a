// SPDX-License-Identifier: Apache-2.0
/*
 * Attacks by arguments: every word of every ioctl's argument, and of what it points to, takes every
 * value that breaks arithmetic, while the rest is valid. What a call accepts must lie inside the
 * attacker's objects by arithmetic that does not wrap, outputs hold no kernel address, and the
 * victim's memory stays as it is.
 */
#include "attack.h"

#include <sys/auxv.h>

#define BUFFER	0x10000

union argument {
	uint32_t size;
	struct neuron_ioctl_info info;
	struct neuron_ioctl_mem_create mem_create;
	struct neuron_ioctl_mem_export mem_export;
	struct neuron_ioctl_copy copy;
	struct neuron_ioctl_ring_create ring_create;
	struct neuron_ioctl_ring_submit ring_submit;
	struct neuron_ioctl_context_create context_create;
	struct neuron_ioctl_context_bind context_bind;
	struct neuron_ioctl_cores cores;
	struct neuron_ioctl_group_acquire group_acquire;
	struct neuron_ioctl_queue_create queue_create;
	struct neuron_ioctl_submit submit;
	struct neuron_ioctl_cancel cancel;
	struct neuron_ioctl_wait wait;
	struct neuron_ioctl_destroy destroy;
	uint64_t words[512];
};

/* One element of the array that the argument points to. */
union element {
	struct neuron_copy copy;
	struct neuron_dma_op op;
	struct neuron_bind bind;
	struct neuron_submit job;
	struct neuron_group_member member;
	uint64_t words[8];
};

/* The attacker's means: a file of objects that may be lost, beside its rig. */
struct means {
	const struct rig *rig;
	int fd, event;
	struct neuron_ioctl_mem_create device, host, user;
	uint32_t context, ring;
	struct neuron_ioctl_queue_create queue;
	uint64_t seq, ring_seq;
	uint8_t *buffer;
	int dmabuf;
};

enum kind {
	INFO, MEM_DEVICE, MEM_HOST, MEM_USER, MEM_DMABUF, MEM_EXPORT, COPY, RING_CREATE, RING_COPY, RING_FILL,
	CONTEXT_CREATE, CONTEXT_BIND, ACQUIRE, RELEASE, GROUP_ACQUIRE, QUEUE_CREATE, SUBMIT_NOP, SUBMIT_EXEC,
	CANCEL, WAIT, DESTROY, KINDS
};

static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t size, element;
} kinds[KINDS] = {
#define KIND(cmd, type, ...)	{ #cmd, cmd, sizeof(struct neuron_ioctl_##type), ## __VA_ARGS__ }
	[INFO] = KIND(NEURON_IOCTL_INFO, info),
	[MEM_DEVICE] = KIND(NEURON_IOCTL_MEM_CREATE, mem_create),
	[MEM_HOST] = KIND(NEURON_IOCTL_MEM_CREATE, mem_create),
	[MEM_USER] = KIND(NEURON_IOCTL_MEM_CREATE, mem_create),
	[MEM_DMABUF] = KIND(NEURON_IOCTL_MEM_CREATE, mem_create),
	[MEM_EXPORT] = KIND(NEURON_IOCTL_MEM_EXPORT, mem_export),
	[COPY] = KIND(NEURON_IOCTL_COPY, copy, sizeof(struct neuron_copy)),
	[RING_CREATE] = KIND(NEURON_IOCTL_RING_CREATE, ring_create),
	[RING_COPY] = KIND(NEURON_IOCTL_RING_SUBMIT, ring_submit, sizeof(struct neuron_dma_op)),
	[RING_FILL] = KIND(NEURON_IOCTL_RING_SUBMIT, ring_submit, sizeof(struct neuron_dma_op)),
	[CONTEXT_CREATE] = KIND(NEURON_IOCTL_CONTEXT_CREATE, context_create),
	[CONTEXT_BIND] = KIND(NEURON_IOCTL_CONTEXT_BIND, context_bind, sizeof(struct neuron_bind)),
	[ACQUIRE] = KIND(NEURON_IOCTL_CORES_ACQUIRE, cores),
	[RELEASE] = KIND(NEURON_IOCTL_CORES_RELEASE, cores),
	[GROUP_ACQUIRE] = KIND(NEURON_IOCTL_GROUP_ACQUIRE, group_acquire, sizeof(struct neuron_group_member)),
	[QUEUE_CREATE] = KIND(NEURON_IOCTL_QUEUE_CREATE, queue_create),
	[SUBMIT_NOP] = KIND(NEURON_IOCTL_SUBMIT, submit, sizeof(struct neuron_submit)),
	[SUBMIT_EXEC] = KIND(NEURON_IOCTL_SUBMIT, submit, sizeof(struct neuron_submit)),
	[CANCEL] = KIND(NEURON_IOCTL_CANCEL, cancel),
	[WAIT] = KIND(NEURON_IOCTL_WAIT, wait),
	[DESTROY] = KIND(NEURON_IOCTL_DESTROY, destroy),
};

static int means_queue(struct means *m)
{
	struct neuron_ioctl_wait w;
	int ret = cores_acquire(m->fd, 2);

	ret = ret ? ret : queue_create(m->fd, 1, 16, -1, &m->queue);
	ret = ret ? ret : context_create(m->fd, 4, &m->context);
	ret = ret ? ret : bind_one(m->fd, m->context, 0, m->device.id, 0, 4096, NEURON_ACCESS_EXEC);
	ret = ret ? ret : submit_nop(m->fd, m->queue.id, &m->seq);
	return ret ? ret : wait_job(m->fd, m->queue.id, m->seq, 10 * SECOND, &w);
}

static int means_ring(struct means *m)
{
	struct neuron_ioctl_ring_create ring = { .size = sizeof(ring), .entries = 16, .eventfd = -1 };
	int ret = call(m->fd, NEURON_IOCTL_RING_CREATE, &ring);

	m->ring = ring.id;
	return ret;
}

static int means_open(struct means *m, const struct rig *rig)
{
	struct neuron_ioctl_mem_export export = { .size = sizeof(export) };
	int ret;

	m->rig = rig;
	m->event = eventfd(0, EFD_CLOEXEC);
	m->buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m->fd = open_device();
	if (m->fd < 0)
		return m->fd;
	m->user = (struct neuron_ioctl_mem_create) {
		.size = sizeof(m->user),
		.type = NEURON_MEM_USER,
		.length = 0x2000,
		.address = (uintptr_t)m->buffer,
	};
	ret = mem_create(m->fd, NEURON_MEM_DEVICE, BUFFER, &m->device);
	ret = ret ? ret : mem_create(m->fd, NEURON_MEM_HOST, BUFFER, &m->host);
	ret = ret ? ret : call(m->fd, NEURON_IOCTL_MEM_CREATE, &m->user);
	export.id = m->device.id;
	ret = ret ? ret : call(m->fd, NEURON_IOCTL_MEM_EXPORT, &export);
	m->dmabuf = export.fd;
	ret = ret ? ret : means_ring(m);
	return ret ? ret : means_queue(m);
}

static void means_close(struct means *m)
{
	close(m->dmabuf);
	close(m->fd);
	close(m->event);
	munmap(m->buffer, BUFFER);
}

/* --- valid arguments --- */

static void base_mem(enum kind kind, const struct means *m, struct neuron_ioctl_mem_create *a)
{
	a->length = kind == MEM_DMABUF ? 0 : 0x2000;
	a->type = NEURON_MEM_DEVICE + (kind - MEM_DEVICE);
	if (kind == MEM_USER)
		a->address = (uintptr_t)m->buffer + 0x4000;
	if (kind == MEM_DMABUF)
		a->fd = m->dmabuf;
}

static void base_job(enum kind kind, const struct means *m, struct neuron_submit *job)
{
	job->op = kind == SUBMIT_NOP ? NEURON_SUBMIT_NOP : NEURON_SUBMIT_EXEC;
	if (kind == SUBMIT_NOP)
		return;
	job->context = m->context;
	job->timeout_ms = 50;
	job->stream[NEURON_DMA].count = 1;
}

static void base_dma(enum kind kind, const struct means *m, union element *e)
{
	if (kind == COPY) {
		e->copy = (struct neuron_copy) { .src = m->host.id, .dst = m->device.id, .length = 0x1000 };
	} else {
		e->op = (struct neuron_dma_op) { .op = NEURON_DMA_COPY, .src = m->host.id, .dst = m->device.id,
						 .length = 0x1000 };
		if (kind == RING_FILL) {
			e->op.op = NEURON_DMA_FILL;
			e->op.src = 0;
			e->op.pattern = 0x11223344;
		}
	}
}

static void base_argument(enum kind kind, const struct means *m, union argument *a, union element *e)
{
	memset(a, 0, kinds[kind].size);
	memset(e, 0, sizeof(*e));
	a->size = kinds[kind].size;
	switch (kind) {
	case MEM_DEVICE: case MEM_HOST: case MEM_USER: case MEM_DMABUF:
		base_mem(kind, m, &a->mem_create);
		break;
	case MEM_EXPORT:
		a->mem_export.id = m->device.id;
		break;
	case COPY:
		a->copy.count = 1;
		a->copy.copies = (uintptr_t)e;
		base_dma(kind, m, e);
		break;
	case RING_CREATE:
		a->ring_create.entries = 4;
		a->ring_create.eventfd = m->event;
		break;
	case RING_COPY: case RING_FILL:
		a->ring_submit.ring = m->ring;
		a->ring_submit.count = 1;
		a->ring_submit.ops = (uintptr_t)e;
		base_dma(kind, m, e);
		break;
	case CONTEXT_CREATE:
		a->context_create.segments = 4;
		break;
	case CONTEXT_BIND:
		a->context_bind.context = m->context;
		a->context_bind.count = 1;
		a->context_bind.binds = (uintptr_t)e;
		e->bind = (struct neuron_bind) { .segment = 1, .mem = m->host.id, .offset = 4096, .length = 4096,
						 .access = NEURON_ACCESS_READ };
		break;
	case ACQUIRE: case RELEASE:
		a->cores.mask = 4;
		break;
	case GROUP_ACQUIRE:
		a->group_acquire.count = 1;
		a->group_acquire.members = (uintptr_t)e;
		e->member = (struct neuron_group_member) { .fd = m->fd, .mask = 4 };
		break;
	case QUEUE_CREATE:
		a->queue_create.core = 1;
		a->queue_create.entries = 4;
		a->queue_create.eventfd = m->event;
		break;
	case SUBMIT_NOP: case SUBMIT_EXEC:
		a->submit.queue = m->queue.id;
		a->submit.count = 1;
		a->submit.jobs = (uintptr_t)e;
		base_job(kind, m, &e->job);
		break;
	case CANCEL:
		a->cancel.queue = m->queue.id;
		a->cancel.seq = m->seq;
		break;
	case WAIT:
		a->wait.queue = m->queue.id;
		a->wait.seq = m->seq;
		break;
	case DESTROY:
		a->destroy.id = 0xabcdef;
		break;
	default:
		break;
	}
}

/* --- judging --- */

static uint64_t length_of(const struct means *m, uint32_t id)
{
	return id == m->device.id ? m->device.length : id == m->host.id ? m->host.length :
	       id == m->user.id ? m->user.length : 0;
}

static bool inside(const struct means *m, uint32_t id, uint64_t offset, uint64_t length)
{
	return length && (unsigned __int128)offset + length <= length_of(m, id);
}

/* Was it right to accept this? */
static bool acceptable(enum kind kind, const struct means *m, const union argument *a, const union element *e)
{
	switch (kind) {
	case COPY:
		return inside(m, e->copy.src, e->copy.src_offset, e->copy.length) &&
		       inside(m, e->copy.dst, e->copy.dst_offset, e->copy.length);
	case RING_COPY: case RING_FILL:
		return (e->op.op == NEURON_DMA_FILL || inside(m, e->op.src, e->op.src_offset, e->op.length)) &&
		       inside(m, e->op.dst, e->op.dst_offset, e->op.length);
	case CONTEXT_BIND:
		return !e->bind.mem || inside(m, e->bind.mem, e->bind.offset, e->bind.length);
	case ACQUIRE:
		return !(a->cores.mask & (1u << VICTIM_CORE | 1));
	case RELEASE:
		return a->cores.mask == 4;
	case GROUP_ACQUIRE:
		return !(e->member.mask & (1u << VICTIM_CORE)) && (e->member.fd == m->fd || e->member.fd == m->rig->fd);
	case QUEUE_CREATE:
		return a->queue_create.core == 1;
	default:
		return true;
	}
}

static bool documented(int ret)
{
	static const int errors[] = {
		0, EFAULT, EINVAL, E2BIG, ENOENT, ENOSPC, ENOMEM, EBADF, EACCES, ESTALE, EXDEV, EOPNOTSUPP, ERANGE,
		EPERM, EBUSY, EAGAIN, ETIMEDOUT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (ret == -errors[i])
			return true;
	return false;
}

static bool kernel_address(uint64_t word)
{
	return word >= 0xffff800000000000 && (word < 0xffffffff00000000 || word >= 0xffffffff80000000);
}

static bool leaks(const union argument *before, const union argument *after, uint32_t size)
{
	for (uint32_t i = 0; i < (size + 7) / 8; i++) {
		uint64_t word = after->words[i];

		/* What was passed with a -1 (no descriptor) beside it is no address. */
		if (word >> 32 == 0xffffffff && (uint32_t)word == (uint32_t)before->words[i])
			continue;
		if (word != before->words[i] && kernel_address(word))
			return true;
	}
	return false;
}

/* --- one call --- */

/* Large objects that would be right are not tried: they only take long. */
static bool tedious(enum kind kind, const union argument *a)
{
	return (kind == MEM_DEVICE || kind == MEM_HOST || kind == MEM_USER) &&
	       a->mem_create.length > 4 * MIB && a->mem_create.length <= NEURON_DRAM_CHANNEL_SIZE;
}

static void give_back(enum kind kind, struct means *m, const union argument *a, const union element *e)
{
	struct neuron_ioctl_wait w;

	switch (kind) {
	case MEM_DEVICE: case MEM_HOST: case MEM_USER: case MEM_DMABUF:
		destroy(m->fd, a->mem_create.id);
		break;
	case MEM_EXPORT:
		close(a->mem_export.fd);
		break;
	case RING_CREATE:
		destroy(m->fd, a->ring_create.id);
		break;
	case CONTEXT_CREATE:
		destroy(m->fd, a->context_create.id);
		break;
	case QUEUE_CREATE:
		destroy(m->fd, a->queue_create.id);
		break;
	case ACQUIRE:
		cores_release(m->fd, a->cores.mask & 4);
		break;
	case GROUP_ACQUIRE:
		cores_release(e->member.fd, e->member.mask & 4);
		break;
	case SUBMIT_NOP: case SUBMIT_EXEC:
		wait_job(m->fd, m->queue.id, a->submit.seq, 10 * SECOND, &w);
		break;
	case RING_COPY: case RING_FILL:
		wait_job(m->fd, m->ring, a->ring_submit.seq, 10 * SECOND, &w);
		break;
	default:
		break;
	}
}

/* NULL, or what is wrong. */
static const char *attempt(enum kind kind, struct means *m, union argument *a, union element *e, int *ret)
{
	union argument before;
	uint32_t size = kinds[kind].size;

	*ret = 0;
	if (tedious(kind, a))
		return NULL;
	if (kind == RELEASE && cores_acquire(m->fd, 4))
		return "core 2 cannot be had";
	memcpy(&before, a, size);
	*ret = call(m->fd, kinds[kind].cmd, a);
	if (kind == RELEASE && *ret)
		cores_release(m->fd, 4);
	if (!documented(*ret))
		return "undocumented error";
	if (leaks(&before, a, size))
		return "kernel address in the output";
	if (*ret)
		return NULL;
	give_back(kind, m, a, e);
	return acceptable(kind, m, a, e) ? NULL : "accepted";
}

FIXTURE(ioctls)
{
	struct victim victim;
	struct rig rig;
	struct means means;
	union argument arg;
	union element element;
};

FIXTURE_VARIANT(ioctls)
{
	enum kind kind;
};

#define VARIANT(name) FIXTURE_VARIANT_ADD(ioctls, name) { .kind = name }
VARIANT(INFO);
VARIANT(MEM_DEVICE);
VARIANT(MEM_HOST);
VARIANT(MEM_USER);
VARIANT(MEM_DMABUF);
VARIANT(MEM_EXPORT);
VARIANT(COPY);
VARIANT(RING_CREATE);
VARIANT(RING_COPY);
VARIANT(RING_FILL);
VARIANT(CONTEXT_CREATE);
VARIANT(CONTEXT_BIND);
VARIANT(ACQUIRE);
VARIANT(RELEASE);
VARIANT(GROUP_ACQUIRE);
VARIANT(QUEUE_CREATE);
VARIANT(SUBMIT_NOP);
VARIANT(SUBMIT_EXEC);
VARIANT(CANCEL);
VARIANT(WAIT);
VARIANT(DESTROY);

FIXTURE_SETUP(ioctls)
{
	ASSERT_TRUE(victim_start(&self->victim));
	ASSERT_TRUE(become_attacker());
	ASSERT_EQ(0, rig_open(&self->rig, 4));
	ASSERT_EQ(0, means_open(&self->means, &self->rig));
}

FIXTURE_TEARDOWN(ioctls)
{
	EXPECT_TRUE(victim_unharmed(&self->victim));
	EXPECT_FALSE(secret_leaked(self->means.buffer, BUFFER));
	victim_leave(&self->victim);
	means_close(&self->means);
	rig_close(&self->rig);
}

TEST_F_TIMEOUT(ioctls, every_word_takes_every_value, 200)
{
	struct means *m = &self->means;
	union element *e = &self->element;
	union argument *a = &self->arg;
	enum kind kind = variant->kind;
	uint32_t words = (kinds[kind].size + 3) / 4, all = words + kinds[kind].element / 4;
	const char *wrong;
	int ret;

	base_argument(kind, m, a, e);
	wrong = attempt(kind, m, a, e, &ret);
	EXPECT_EQ(NULL, wrong);
	EXPECT_EQ(kind == DESTROY ? -ENOENT : 0, ret);
	for (uint32_t w = 0; w < all; w++) {
		uint32_t *at = w < words ? (uint32_t *)a + w : (uint32_t *)e + (w - words);

		for (size_t i = 0; i < ARRAY_SIZE(narrow_values); i++) {
			base_argument(kind, m, a, e);
			*at = narrow_values[i];
			wrong = attempt(kind, m, a, e, &ret);
			EXPECT_EQ(NULL, wrong)
				TH_LOG("%s, word %u = %#x: %s (%d)", kinds[kind].name, w, narrow_values[i], wrong, ret);
		}
		/* The fields of 64 bits. */
		for (size_t i = 0; i < ARRAY_SIZE(wide_values) && !((w < words ? w : w - words) % 2) && w + 1 < all; i++) {
			base_argument(kind, m, a, e);
			memcpy(at, &wide_values[i], 8);
			wrong = attempt(kind, m, a, e, &ret);
			EXPECT_EQ(NULL, wrong)
				TH_LOG("%s, word %u = %#llx: %s (%d)", kinds[kind].name, w,
				       (unsigned long long)wide_values[i], wrong, ret);
		}
	}
}

/* --- arrays --- */

FIXTURE(arrays)
{
	struct victim victim;
	struct rig rig;
	struct means means;
	union argument arg;
	union element element;
};

FIXTURE_SETUP(arrays)
{
	ASSERT_TRUE(victim_start(&self->victim));
	ASSERT_TRUE(become_attacker());
	ASSERT_EQ(0, rig_open(&self->rig, 4));
	ASSERT_EQ(0, means_open(&self->means, &self->rig));
}

FIXTURE_TEARDOWN(arrays)
{
	EXPECT_TRUE(victim_unharmed(&self->victim));
	EXPECT_FALSE(secret_leaked(self->means.buffer, BUFFER));
	victim_leave(&self->victim);
	means_close(&self->means);
	rig_close(&self->rig);
}

static void set_range(enum kind kind, union element *e, uint64_t offset, uint64_t length, bool dst)
{
	if (kind == CONTEXT_BIND) {
		e->bind.offset = offset;
		e->bind.length = length;
	} else if (kind == COPY) {
		*(dst ? &e->copy.dst_offset : &e->copy.src_offset) = offset;
		e->copy.length = length;
	} else {
		*(dst ? &e->op.dst_offset : &e->op.src_offset) = offset;
		e->op.length = length;
	}
}

/* Offset and length together: sums that wrap to something small. */
TEST_F_TIMEOUT(arrays, offset_and_length_wrap, 200)
{
	static const enum kind ranges[] = { COPY, RING_COPY, RING_FILL, CONTEXT_BIND };
	struct means *m = &self->means;

	for (size_t n = 0; n < ARRAY_SIZE(ranges) * ARRAY_SIZE(wide_values) * 2; n++) {
		enum kind kind = ranges[n % 4];
		uint64_t offset = wide_values[n / 8];
		const char *wrong;
		int ret;

		for (int delta = -4; delta <= 4; delta++) {
			base_argument(kind, m, &self->arg, &self->element);
			set_range(kind, &self->element, offset, BUFFER - offset + delta, n & 4);
			wrong = attempt(kind, m, &self->arg, &self->element, &ret);
			EXPECT_EQ(NULL, wrong)
				TH_LOG("%s, offset %#llx %+d: %s (%d)", kinds[kind].name, (unsigned long long)offset, delta,
				       wrong, ret);
		}
	}
}

static void set_id(enum kind kind, union element *e, uint32_t id)
{
	if (kind == COPY)
		e->copy.src = id;
	else if (kind == RING_COPY)
		e->op.src = id;
	else if (kind == CONTEXT_BIND)
		e->bind.mem = id;
	else
		e->job.context = id;
}

/* Ids are a file's own: none that the victim has means anything here, whatever it is used as. */
TEST_F(arrays, every_id)
{
	static const enum kind users[] = { COPY, RING_COPY, CONTEXT_BIND, SUBMIT_EXEC };
	struct means *m = &self->means;
	const char *wrong;
	int ret;

	for (uint32_t n = 4; n < 4 * 64; n++) {
		enum kind kind = users[n % 4];
		uint32_t id = n / 4;

		base_argument(kind, m, &self->arg, &self->element);
		set_id(kind, &self->element, id);
		wrong = attempt(kind, m, &self->arg, &self->element, &ret);
		EXPECT_EQ(NULL, wrong) TH_LOG("%s, id %u: %s (%d)", kinds[kind].name, id, wrong, ret);
		if (kind == SUBMIT_EXEC)
			EXPECT_EQ(id == m->context ? 0 : -ENOENT, ret);
	}
}

/* --- pinning what is not the caller's memory --- */

ATTACK_FIXTURE(pin);

static int pin(int fd, uint64_t address, uint64_t length, uint32_t flags, uint32_t *id)
{
	struct neuron_ioctl_mem_create a = {
		.size = sizeof(a),
		.type = NEURON_MEM_USER,
		.flags = flags,
		.length = length,
		.address = address,
	};
	int ret = call(fd, NEURON_IOCTL_MEM_CREATE, &a);

	*id = a.id;
	return ret;
}

TEST_F(pin, memory_of_the_device_or_the_kernel)
{
	const struct neuron_ioctl_queue_create *q = &self->rig.queue;
	uint64_t foreign[] = {
		0, 0xffff800000000000, 0xffff888000000000, 0xffffffff81000000, 0xffffffffff600000,
		0x0000800000000000, 0x4141414141414141, 0xfffffffffffff000,
		(uintptr_t)self->rig.data, (uintptr_t)self->rig.host, (uintptr_t)self->rig.code, 0,
	};
	uint32_t id;

	foreign[ARRAY_SIZE(foreign) - 1] = (uintptr_t)mmap(NULL, q->mmap_length, PROT_READ, MAP_SHARED, self->rig.fd,
							   q->mmap_offset);
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		for (uint32_t flags = 0; flags <= NEURON_MEM_READONLY; flags++) {
			int ret = pin(self->rig.fd, foreign[i], 4096, flags, &id);

			EXPECT_TRUE(ret == -EFAULT || ret == -EINVAL)
				TH_LOG("%#llx, flags %u: %d", (unsigned long long)foreign[i], flags, ret);
		}
}

/* From our memory over its end into what is not ours. */
TEST_F(pin, ranges_that_run_into_something_else)
{
	uint8_t *p = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t lengths[] = { 0x4001, 0x100000000, 0x7ffffffff000, 1ull << 63, -(uintptr_t)p, -(uintptr_t)p + 0x1000,
			       UINT64_MAX, UINT64_MAX - 0xfff };
	uint32_t id;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + 0x2000, 0x2000));
	EXPECT_EQ(-EFAULT, pin(self->rig.fd, (uintptr_t)p, 0x2001, 0, &id));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		int ret = pin(self->rig.fd, (uintptr_t)p, lengths[i], 0, &id);

		EXPECT_TRUE(ret == -EFAULT || ret == -EINVAL || ret == -ENOMEM)
			TH_LOG("%#llx: %d", (unsigned long long)lengths[i], ret);
	}
}

/* Pages that processes share and may only read: the kernel's vdso, zeros, the page cache. */
TEST_F(pin, shared_pages_are_never_written)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const uint8_t *maps[] = {
		(const void *)getauxval(AT_SYSINFO_EHDR),
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0),
		mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0),
	};
	uint8_t before[4096];
	uint32_t id;

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (!maps[i] || maps[i] == MAP_FAILED)
			continue;
		memcpy(before, maps[i], sizeof(before));
		memset(self->rig.host, 0xee, 4096);
		if (!pin(self->rig.fd, (uintptr_t)maps[i], 4096, 0, &id)) {
			/* A copy of our own, then. */
			EXPECT_EQ(0, destroy(self->rig.fd, id));
		}
		if (pin(self->rig.fd, (uintptr_t)maps[i], 4096, NEURON_MEM_READONLY, &id))
			continue;
		EXPECT_EQ(-EACCES, copy(self->rig.fd, id, 0, self->rig.host_mem.id, 0, 4096));
		EXPECT_NE(0, bind_one(self->rig.fd, self->rig.context, 3, id, 0, 4096, NEURON_ACCESS_WRITE));
		EXPECT_TRUE(same(before, maps[i], sizeof(before)));
		EXPECT_EQ(0, destroy(self->rig.fd, id));
	}
}

TEST_HARNESS_MAIN
