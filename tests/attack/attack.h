/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the attack programs share: a victim - another process, another user - that fills memory
 * of every kind and a NeuronCore with secrets and says whether they are still as they were; an
 * attacker without privileges, with a file of its own; values that break arithmetic.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include "../kselftest/util.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#define VICTIM_UID	1001
#define ATTACKER_UID	65534
#define VICTIM_CORE	3

/* --- values --- */

/* Of every field of 64 bits: ends, wraps, addresses that are somebody's. */
static const uint64_t wide_values[] = {
	0, 1, 2, 3, 63, 64, 65, 4095, 4096, 4097, 0xffff, 0x10000, 0x10001, 0x7fffffff, 0x80000000,
	0xfffff000, 0xffffffff, 0x100000000, 0x100000001, 0x7fffffffffffffff, 0x8000000000000000,
	0x8000000000000001, 0xfffffffffffeffff, 0xffffffffffff0000, 0xfffffffffffff000,
	0xffffffffffffffc0, 0xfffffffffffffffe, 0xffffffffffffffff,
	/* user space ends, kernel space begins, its text, vsyscall, the local APIC's page */
	0x00007ffffffff000, 0x0000800000000000, 0xffff800000000000, 0xffff888000000000,
	0xffffffff81000000, 0xffffffffff600000, 0xfee00000,
	/* device addresses: channels, registers, host, neighbours */
	NEURON_ADDR_DRAM0, NEURON_ADDR_DRAM1, NEURON_ADDR_NC, NEURON_ADDR_APB, NEURON_ADDR_HOST,
	NEURON_ADDR_EAST, NEURON_ADDR_WEST, NEURON_ADDR_EAST | NEURON_ADDR_DRAM1,
	NEURON_ADDR_HOST | 0x1000, -NEURON_ADDR_DRAM1, -NEURON_ADDR_HOST,
};

/* Of every smaller field. */
static const uint32_t narrow_values[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 63, 64, 127, 128, 129, 254, 255, 256, 257, 1023,
	1024, 1025, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x10000, 0x10001, 0x1ffff, 0x7fffffff,
	0x80000000, 0x80000001, 0xffff0000, 0xffffffc0, 0xfffffffe, 0xffffffff,
};

struct random {
	uint64_t state;
};

/* xorshift64*: the same numbers from the same seed everywhere. */
static inline uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)(random_next(r) >> 33) % n;
}

static inline uint64_t random_value(struct random *r)
{
	switch (random_below(r, 4)) {
	case 0:
		return wide_values[random_below(r, ARRAY_SIZE(wide_values))];
	case 1:
		return narrow_values[random_below(r, ARRAY_SIZE(narrow_values))];
	case 2:
		return wide_values[random_below(r, ARRAY_SIZE(wide_values))] + random_below(r, 256) - 128;
	default:
		return random_next(r) >> random_below(r, 64);
	}
}

/* --- secrets --- */

/* Not in any program as it is, or it would be found where nobody leaked it. */
static inline uint64_t secret_word(void)
{
	static volatile uint64_t half = 0x0123456789abcdefull;

	return half ^ 0x5ec2e7c0ffee1deaull;
}

static inline void secret_fill(void *memory, uint64_t bytes)
{
	uint64_t *p = memory;

	for (uint64_t i = 0; i < bytes / 8; i++)
		p[i] = i % 2 ? i : secret_word();
}

static inline bool secret_kept(const void *memory, uint64_t bytes)
{
	const uint64_t *p = memory;

	for (uint64_t i = 0; i < bytes / 8; i++)
		if (p[i] != (i % 2 ? i : secret_word()))
			return false;
	return true;
}

/* At any alignment of 2: what went through SBUF may be shifted. */
static inline bool secret_leaked(const void *memory, uint64_t bytes)
{
	const uint64_t word = secret_word();
	const uint8_t *p = memory;

	for (uint64_t i = 0; i + 8 <= bytes; i += 2)
		if (p[i] == (uint8_t)word && !memcmp(p + i, &word, 8))
			return true;
	return false;
}

/* --- the victim --- */

#define VICTIM_BYTES	0x40000

struct victim {
	pid_t pid;
	int socket;
};

/* What it has: device memory of both channels, host memory, pinned memory, memory of a neighbour. */
struct victim_memory {
	struct rig rig;
	struct neuron_ioctl_mem_create channel[2], host, user, remote;
	uint8_t *map[2], *host_map, *user_map, *remote_map;
	int fd2;
};

static inline int victim_allocate(struct victim_memory *v)
{
	struct neuron_ioctl_mem_create *user = &v->user;
	int ret = 0;

	for (int i = 0; i < 2 && !ret; i++) {
		v->channel[i] = (struct neuron_ioctl_mem_create) {
			.size = sizeof(v->channel[i]),
			.type = NEURON_MEM_DEVICE,
			.channel = i,
			.length = VICTIM_BYTES,
		};
		ret = call(v->rig.fd, NEURON_IOCTL_MEM_CREATE, &v->channel[i]);
		if (!ret)
			v->map[i] = mem_map(v->rig.fd, &v->channel[i]);
	}
	ret = ret ? ret : mem_create(v->rig.fd, NEURON_MEM_HOST, 0x10000, &v->host);
	if (ret)
		return ret;
	v->host_map = mem_map(v->rig.fd, &v->host);
	v->user_map = mmap(NULL, 0x8000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*user = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*user),
		.type = NEURON_MEM_USER,
		.length = 0x8000,
		.address = (uintptr_t)v->user_map,
	};
	ret = call(v->rig.fd, NEURON_IOCTL_MEM_CREATE, user);
	v->fd2 = open("/dev/neuron1", O_RDWR | O_CLOEXEC);
	if (v->fd2 >= 0 && !ret) {
		ret = mem_create(v->fd2, NEURON_MEM_DEVICE, VICTIM_BYTES, &v->remote);
		v->remote_map = ret ? NULL : mem_map(v->fd2, &v->remote);
	}
	return ret;
}

static inline void victim_fill(struct victim_memory *v)
{
	for (int i = 0; i < 2; i++)
		secret_fill(v->map[i], VICTIM_BYTES);
	secret_fill(v->host_map, 0x10000);
	secret_fill(v->user_map, 0x8000);
	if (v->remote_map)
		secret_fill(v->remote_map, VICTIM_BYTES);
}

static inline bool victim_kept(const struct victim_memory *v)
{
	return secret_kept(v->map[0], VICTIM_BYTES) && secret_kept(v->map[1], VICTIM_BYTES) &&
	       secret_kept(v->host_map, 0x10000) && secret_kept(v->user_map, 0x8000) &&
	       (!v->remote_map || secret_kept(v->remote_map, VICTIM_BYTES));
}

/* A file of its own, with the core that nobody else is to have. */
static inline int victim_rig(struct rig *r)
{
	r->fd = open_device();
	return r->fd < 0 ? r->fd : rig_make(r, VICTIM_CORE, 16);
}

/* One partition of SBUF or PSUM to or from DATA_BYTES of segment 1. */
static inline struct neuron_insn insn_local(bool in, bool psum, uint32_t partition)
{
	struct neuron_insn i = insn(NEURON_OP_DMA_COPY);
	uint32_t bytes = psum ? NEURON_PSUM_BYTES : DATA_BYTES;

	i.flags = 6;
	i.dma_copy.count[0] = i.dma_copy.count[1] = i.dma_copy.count[2] = 1;
	i.dma_copy.count[3] = bytes / 64;
	i.dma_copy.src_step[3] = i.dma_copy.dst_step[3] = 64;
	if (in) {
		i.src_seg = 1;
		i.dma_copy.dst = NEURON_LOCAL_ADDR(psum, partition, 0);
	} else {
		i.dst_seg = 1;
		i.dma_copy.src = NEURON_LOCAL_ADDR(psum, partition, 0);
	}
	return i;
}

/* All partitions of SBUF and PSUM hold the secret. */
static inline int core_fill(struct rig *r)
{
	struct neuron_submit job = rig_job(r, NEURON_DMA, 0, 2 * NEURON_PARTITIONS);
	struct neuron_ioctl_wait w;

	secret_fill(r->data, DATA_BYTES);
	for (int p = 0; p < 2 * NEURON_PARTITIONS; p++)
		r->code[p] = insn_local(true, p & 1, p / 2);
	return rig_run(r, &job, &w);
}

/* 0: everything that core_fill() put there is there; 1: something else; or -errno. */
static inline int core_check(struct rig *r)
{
	struct neuron_submit job = rig_job(r, NEURON_DMA, 0, 1);
	struct neuron_ioctl_wait w;
	int ret = 0;

	for (int p = 0; p < NEURON_PARTITIONS && !ret; p += 16) {
		memset(r->data, 0, DATA_BYTES);
		r->code[0] = insn_local(false, false, p);
		ret = rig_run(r, &job, &w);
		ret = ret ? ret : !secret_kept(r->data, DATA_BYTES);
	}
	return ret;
}

/* Binds all that it has and runs a job: whoever watches the chip learns what is the victim's. */
static inline int victim_show(struct victim_memory *v)
{
	const uint32_t rw = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE;
	int ret = bind_one(v->rig.fd, v->rig.context, 3, v->channel[0].id, 0, VICTIM_BYTES, rw);

	ret = ret ? ret : bind_one(v->rig.fd, v->rig.context, 4, v->channel[1].id, 0, VICTIM_BYTES, rw);
	ret = ret ? ret : bind_one(v->rig.fd, v->rig.context, 5, v->host.id, 0, 0x10000, rw);
	return ret ? ret : core_fill(&v->rig);
}

/* Serves: 'c' check, 'l' leave the core and the file. */
static inline void victim_main(int fd)
{
	struct victim_memory v = {};
	char answer = victim_rig(&v.rig) || victim_allocate(&v) ? 'n' : 'y';

	if (answer == 'y') {
		victim_fill(&v);
		if (setresgid(VICTIM_UID, VICTIM_UID, VICTIM_UID) || setresuid(VICTIM_UID, VICTIM_UID, VICTIM_UID) ||
		    victim_show(&v))
			answer = 'n';
	}
	for (;;) {
		char order;

		if (write(fd, &answer, 1) != 1 || read(fd, &order, 1) != 1)
			_exit(0);
		if (order == 'l')
			_exit(0);
		answer = victim_kept(&v) && !core_check(&v.rig) ? 'y' : 'n';
	}
}

static inline bool victim_start(struct victim *v)
{
	int pair[2];
	char answer;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return false;
	v->pid = fork();
	if (!v->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		victim_main(pair[1]);
	}
	close(pair[1]);
	v->socket = pair[0];
	return v->pid > 0 && read(v->socket, &answer, 1) == 1 && answer == 'y';
}

static inline bool victim_unharmed(struct victim *v)
{
	char answer = 'c';

	return write(v->socket, &answer, 1) == 1 && read(v->socket, &answer, 1) == 1 && answer == 'y';
}

/* It closes its file, and waits until that is done. */
static inline void victim_leave(struct victim *v)
{
	char order = 'l';

	if (v->pid > 0 && write(v->socket, &order, 1) == 1)
		waitpid(v->pid, NULL, 0);
	close(v->socket);
	v->pid = 0;
}

/* --- the attacker --- */

/* For the rest of this process: no privileges. The device is open to all, as for a group of users. */
static inline bool become_attacker(void)
{
	return !chmod(DEVICE, 0666) && !setresgid(ATTACKER_UID, ATTACKER_UID, ATTACKER_UID) &&
	       !setresuid(ATTACKER_UID, ATTACKER_UID, ATTACKER_UID);
}

/* Every test: a victim, an attacker with a rig on core 0, the victim's answer at the end. */
#define ATTACK_FIXTURE(name)						\
	FIXTURE(name) { struct victim victim; struct rig rig; };	\
	FIXTURE_SETUP(name)						\
	{								\
		ASSERT_TRUE(victim_start(&self->victim));		\
		ASSERT_TRUE(become_attacker());				\
		ASSERT_EQ(0, rig_open(&self->rig, 256));		\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		if (self->victim.pid > 0) {				\
			EXPECT_TRUE(victim_unharmed(&self->victim));	\
			victim_leave(&self->victim);			\
		}							\
		rig_close(&self->rig);					\
	}

#endif
