// SPDX-License-Identifier: Apache-2.0
/*
 * Attacks by arguments: every word of every ioctl's argument, and of what it points to, takes every
 * value that breaks arithmetic, while the rest is valid. What a call accepts must lie inside the
 * attacker's objects by arithmetic that does not wrap, outputs hold no kernel address, and the
 * victim's memory stays as it is.
 */
#include "attack.h"
#include "../kselftest/means.h"

#include <sys/auxv.h>

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

#define VARIANT(name) FIXTURE_VARIANT_ADD(ioctls, name) { .kind = name };
EACH_KIND(VARIANT)

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
	EXPECT_FALSE(secret_leaked(self->means.buffer, MEANS_BYTES));
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
	EXPECT_FALSE(secret_leaked(self->means.buffer, MEANS_BYTES));
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
			set_range(kind, &self->element, offset, MEANS_BYTES - offset + delta, n & 4);
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
