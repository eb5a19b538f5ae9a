// SPDX-License-Identifier: Apache-2.0
/*
 * Random attacks, the same for the same NEURON_SEED, for NEURON_SECONDS each: jobs made of spoilt
 * instructions for all engines at once; ioctls of any number with spoilt arguments, by threads that
 * rewrite what the others pass. The guards, the victim, the chip's trace and the kernel's log judge.
 */
#include "attack_jobs.h"

FIXTURE(chance)
{
	struct victim victim;
	struct rig rig;
	struct cage cage;
	struct random random;
	uint64_t end;
};

static unsigned int setting(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

FIXTURE_SETUP(chance)
{
	ASSERT_TRUE(victim_start(&self->victim));
	ASSERT_TRUE(become_attacker());
	ASSERT_EQ(0, rig_open(&self->rig, 256));
	ASSERT_EQ(0, cage_open(&self->cage, &self->rig));
	self->random.state = 0x9e3779b97f4a7c15ull * (setting("NEURON_SEED", 1) + 1);
	self->end = now_ns() + setting("NEURON_SECONDS", 5) * SECOND;
}

FIXTURE_TEARDOWN(chance)
{
	EXPECT_NOTHING_WRONG(&self->cage);
	EXPECT_TRUE(victim_unharmed(&self->victim));
	victim_leave(&self->victim);
	cage_close(&self->cage);
	rig_close(&self->rig);
}

/* --- jobs --- */

static const uint8_t op_codes[] = {
#define CODE(code, id, name, engines) code,
	NEURON_ISA_OPS(CODE)
};

/* A few bits, bytes or words of an instruction that works; seldom all of it. */
static struct neuron_insn spoilt_insn(struct random *r, uint8_t op)
{
	struct neuron_insn i = valid_insn(op, random_below(r, 3));
	uint8_t *bytes = (uint8_t *)&i;
	int changes = random_below(r, 4);

	for (int n = 0; n < changes; n++) {
		uint32_t word = (uint32_t)random_value(r);

		switch (random_below(r, 4)) {
		case 0:
			bytes[random_below(r, 64)] ^= 1u << random_below(r, 8);
			break;
		case 1:
			bytes[random_below(r, 64)] = (uint8_t)word;
			break;
		case 2:
			memcpy(bytes + 2 * random_below(r, 32), &word, 2);
			break;
		default:
			memcpy(bytes + 4 * random_below(r, 16), &word, 4);
		}
	}
	/* Work of seconds is no attack. */
	if (i.op == NEURON_OP_DMA_COPY)
		for (uint32_t d = 0, room = 1 << 14; d < 4; d++) {
			if (i.dma_copy.count[d] > room)
				i.dma_copy.count[d] = 1;
			room /= i.dma_copy.count[d] ? i.dma_copy.count[d] : 1;
		}
	if (i.op == NEURON_OP_DMA_GATHER)
		for (uint32_t d = 0, room = 1 << 14; d < 3; d++) {
			if (i.dma_gather.count[d] > room)
				i.dma_gather.count[d] = 1;
			room /= i.dma_gather.count[d] ? i.dma_gather.count[d] : 1;
		}
	return i;
}

static struct neuron_submit spoilt_job(struct cage *c, struct random *r, unsigned int slot)
{
	struct neuron_submit job = {
		.op = NEURON_SUBMIT_EXEC,
		.context = c->context,
		.timeout_ms = 2000,
	};
	uint32_t at = slot * 8;

	for (int engine = 0; engine < NEURON_STREAMS; engine++) {
		uint32_t count = random_below(r, 3);

		job.stream[engine].offset = at * NEURON_INSN_SIZE;
		job.stream[engine].count = count;
		for (uint32_t n = 0; n < count; n++) {
			uint8_t op = op_codes[random_below(r, sizeof(op_codes))];

			if (random_below(r, 8))
				while (engine_of(op) != engine)
					op = op_codes[random_below(r, sizeof(op_codes))];
			cage_code(c, 0)[at++] = spoilt_insn(r, op);
		}
	}
	switch (random_below(r, 32)) {
	case 0:
		job.code = random_below(r, 255);
		break;
	case 1:
		job.stream[random_below(r, 4)].offset = (uint32_t)random_value(r) & ~63u;
		break;
	case 2:
		job.stream[random_below(r, 4)].count = (uint32_t)random_value(r);
		break;
	case 3:
	case 4:
		job.flags = NEURON_SUBMIT_TRACE;
		job.trace = random_below(r, random_below(r, 4) ? SEGMENTS : 255);
		break;
	}
	return job;
}

TEST_F_TIMEOUT(chance, jobs, 4000)
{
	struct neuron_submit jobs[BATCH];
	struct neuron_ioctl_wait w;
	uint64_t seq, n = 0;

	while (now_ns() < self->end) {
		for (unsigned int i = 0; i < BATCH; i++)
			jobs[i] = spoilt_job(&self->cage, &self->random, i);
		ASSERT_EQ(0, submit(self->rig.fd, self->cage.queue.id, jobs, BATCH, &seq));
		for (unsigned int i = 0; i < BATCH; i++) {
			ASSERT_EQ(0, wait_job(self->rig.fd, self->cage.queue.id, seq - BATCH + 1 + i, 100 * SECOND, &w));
			self->cage.statuses[w.status < 16 ? w.status : 15]++;
		}
		n += BATCH;
		/* What the guards hold now is not lost on the way to the end. */
		if (!(n % (16 * BATCH)))
			EXPECT_NOTHING_WRONG(&self->cage);
	}
	EXPECT_LT(0, self->cage.statuses[NEURON_JOB_OK]);
	EXPECT_LT(0, self->cage.statuses[NEURON_JOB_INSTRUCTION]);
	EXPECT_EQ(0, self->cage.statuses[NEURON_JOB_CONTEXT]);
	EXPECT_EQ(0, self->cage.statuses[NEURON_JOB_BUS]);
	TH_LOG("%llu jobs: %u ok, %u segment, %u instruction, %u semaphore", (unsigned long long)n,
	       self->cage.statuses[NEURON_JOB_OK], self->cage.statuses[NEURON_JOB_SEGMENT],
	       self->cage.statuses[NEURON_JOB_INSTRUCTION], self->cage.statuses[NEURON_JOB_SEMAPHORE]);
}

/* --- ioctls --- */

#define ARENA	0x10000		/* of what ioctls are passed; a second thread scribbles over it */

struct storm {
	int fd;
	uint8_t *arena;
	uint64_t end, seed, calls;
};

/* An id that may exist, or not. */
static uint32_t some_id(struct random *r)
{
	return random_below(r, 8) ? random_below(r, 24) : (uint32_t)random_value(r);
}

static void some_words(struct random *r, uint32_t *words, uint32_t n, const uint8_t *arena)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t pointer = (uintptr_t)arena + 8 * random_below(r, ARENA / 8);

		switch (random_below(r, 6)) {
		case 0:
			words[i] = (uint32_t)random_value(r);
			break;
		case 1:
			words[i] = some_id(r);
			break;
		case 2:
			if (i % 2 || i + 1 == n)
				break;
			memcpy(&words[i++], &pointer, 8);
			break;
		case 3:
			words[i] = random_below(r, 5);
			break;
		default:
			words[i] = 0;
		}
	}
}

/* Small objects, and nothing waits for ever. */
static bool bearable(unsigned int nr, const uint32_t *words)
{
	struct neuron_ioctl_mem_create mem;
	struct neuron_ioctl_wait wait;

	memcpy(&mem, words, sizeof(mem));
	memcpy(&wait, words, sizeof(wait));
	if (nr == _IOC_NR(NEURON_IOCTL_MEM_CREATE))
		return mem.length <= MIB || mem.length > NEURON_DRAM_CHANNEL_SIZE;
	return nr != _IOC_NR(NEURON_IOCTL_WAIT) || !wait.deadline_ns;
}

static void some_mapping(struct storm *s, struct random *r)
{
	size_t length = 4096 * random_below(r, 20);
	uint64_t offset = random_below(r, 24) * NEURON_DRAM_CHANNEL_SIZE + 4096 * random_below(r, 20);
	void *p = mmap(NULL, length, random_below(r, 4), random_below(r, 8) ? MAP_SHARED : MAP_PRIVATE, s->fd, offset);

	if (p != MAP_FAILED)
		munmap(p, length);
}

static void *storm_thread(void *data)
{
	struct storm *s = data;
	struct random r = { s->seed };
	uint32_t words[64];

	while (now_ns() < s->end) {
		unsigned int nr = _IOC_NR(NEURON_IOCTL_INFO) + random_below(&r, 17);
		uint32_t *arg = words;

		some_words(&r, words, ARRAY_SIZE(words), s->arena);
		words[0] = random_below(&r, 4) ? 8 * random_below(&r, 16) : (uint32_t)random_value(&r);
		if (!bearable(nr, words))
			continue;
		/* Larger than it is: more would be written, or read, than there is. */
		if (words[0] > sizeof(words))
			arg = (uint32_t *)(uintptr_t)(random_next(&r) | 1ull << 63);
		ioctl(s->fd, _IOC(_IOC_READ | _IOC_WRITE, NEURON_IOCTL_TYPE, nr, 64), arg);
		s->calls++;
		if (!random_below(&r, 64))
			some_mapping(s, &r);
	}
	return NULL;
}

static void *scribble_thread(void *data)
{
	struct storm *s = data;
	struct random r = { s->seed };

	while (now_ns() < s->end)
		for (int i = 0; i < 256; i++) {
			uint32_t at = 8 * random_below(&r, ARENA / 8 - 8);

			some_words(&r, (uint32_t *)(s->arena + at), 16, s->arena);
		}
	return NULL;
}

/* One file's life: two threads call, one rewrites what they pass; then all of it is closed. */
static uint64_t storm(struct random *random, uint8_t *arena, uint64_t end)
{
	struct storm storms[3];
	pthread_t threads[3];
	int fd = open_device();

	if (fd < 0)
		return 0;
	for (int i = 0; i < 3; i++) {
		storms[i] = (struct storm) { .fd = fd, .arena = arena, .end = end, .seed = random_next(random) | 1 };
		if (pthread_create(&threads[i], NULL, i ? storm_thread : scribble_thread, &storms[i]))
			exit(1);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	return storms[1].calls + storms[2].calls;
}

TEST_F_TIMEOUT(chance, ioctls, 4000)
{
	uint8_t *arena = mmap(NULL, ARENA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t calls = 0, now;

	ASSERT_NE(MAP_FAILED, arena);
	while ((now = now_ns()) < self->end) {
		uint64_t n = storm(&self->random, arena, now + SECOND);

		ASSERT_NE(0, n);
		calls += n;
		ASSERT_FALSE(secret_leaked(arena, ARENA));
	}
	TH_LOG("%llu ioctls", (unsigned long long)calls);
}

TEST_HARNESS_MAIN
