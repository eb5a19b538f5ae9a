// SPDX-License-Identifier: Apache-2.0
/*
 * Copies and fills with offsets and lengths around all ends, by COPY and by rings. The chip is the judge: jobs before
 * and after tell it, as segments, where the objects lie that may be used; objects around them are never named, and
 * no other file is open. run_attack.py looks that no queue of a UDMA engine came to anything else.
 */
#include "attack.h"

#define OBJECTS	8
#define BATCHES	1500

FIXTURE(dma)
{
	struct random random;
	struct rig rig;
	struct neuron_ioctl_mem_create object[OBJECTS], around[OBJECTS];
	uint32_t context, ring;
	unsigned int good, refused;
};

static int make(struct rig *rig, int i, struct neuron_ioctl_mem_create *mem)
{
	void *page;

	switch (i % 4) {
	case 0:
	case 1:
		return mem_of(rig->fd, NEURON_MEM_DEVICE, i % 2, 0x1000 * (1 + 9 * (i / 4)), mem);
	case 2:
		return mem_of(rig->fd, NEURON_MEM_HOST, 0, 0x1000 * (1 + 9 * (i / 4)), mem);
	}
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = NEURON_MEM_USER,
		.length = 4096,
		.address = (uintptr_t)page,
	};
	return page == MAP_FAILED ? -errno : call(rig->fd, NEURON_IOCTL_MEM_CREATE, mem);
}

/* A job without instructions, for its segments. */
static int show(struct rig *rig, uint32_t context)
{
	struct neuron_submit job = rig_job(rig, NEURON_DMA, 0, 0);
	struct neuron_ioctl_wait w;

	job.context = context;
	return rig_run(rig, &job, &w);
}

FIXTURE_SETUP(dma)
{
	const char *seed = getenv("NEURON_SEED");

	self->random.state = (seed ? strtoull(seed, NULL, 0) : 1) * 2 + 1;
	ASSERT_EQ(0, rig_open(&self->rig, 4));
	ASSERT_EQ(0, context_create(self->rig.fd, OBJECTS, &self->context));
	ASSERT_EQ(0, ring_create(self->rig.fd, 64, -1, &self->ring));
	for (int i = 0; i < OBJECTS; i++) {
		ASSERT_EQ(0, make(&self->rig, i, &self->object[i]));
		ASSERT_EQ(0, make(&self->rig, i, &self->around[i]));
		ASSERT_EQ(0, bind_one(self->rig.fd, self->context, i, self->object[i].id, 0, self->object[i].length,
				      NEURON_ACCESS_READ | NEURON_ACCESS_WRITE));
	}
	ASSERT_EQ(NEURON_JOB_OK, show(&self->rig, self->context));
}

FIXTURE_TEARDOWN(dma)
{
	EXPECT_EQ(NEURON_JOB_OK, show(&self->rig, self->context));
	rig_close(&self->rig);
}

static uint64_t some_offset(struct random *r, uint64_t length)
{
	switch (random_below(r, 8)) {
	case 0:
		return random_value(r);
	case 1:
	case 2:
		return length - random_below(r, 100);
	case 3:
		return 0;
	default:
		return random_below(r, length);
	}
}

/* Up to the end, near it, short, or anything. */
static uint64_t some_length(struct random *r, uint64_t length, uint64_t offset)
{
	switch (random_below(r, 8)) {
	case 0:
		return random_value(r);
	case 1:
		return length - offset + random_below(r, 5);
	case 2:
	case 3:
		return length - offset;
	default:
		return 1 + random_below(r, 300);
	}
}

static struct neuron_dma_op some_op(struct random *r, const struct neuron_ioctl_mem_create *object)
{
	const struct neuron_ioctl_mem_create *dst = &object[random_below(r, OBJECTS)];
	const struct neuron_ioctl_mem_create *src = &object[random_below(r, OBJECTS)];
	uint64_t to = some_offset(r, dst->length), from = some_offset(r, src->length);
	bool shorter = src->length - from < dst->length - to;
	uint64_t length = some_length(r, shorter ? src->length : dst->length, shorter ? from : to);

	if (random_below(r, 4))
		return op_copy(dst->id, to, src->id, from, length);
	return op_fill(dst->id, to & ~3ull, length & ~3ull, random_next(r));
}

TEST_F_TIMEOUT(dma, rings_reach_what_was_named, 250)
{
	struct neuron_dma_op ops[8];
	uint64_t seq;
	int ret;

	for (int i = 0; i < BATCHES; i++) {
		uint32_t count = 1 + random_below(&self->random, 3);

		for (uint32_t k = 0; k < count; k++)
			ops[k] = some_op(&self->random, self->object);
		if (i % 2) {
			ret = ring_submit(self->rig.fd, self->ring, ops, count, &seq);
			ret = ret ? ret : ring_wait(self->rig.fd, self->ring, seq);
		} else if (ops[0].op == NEURON_DMA_COPY) {
			ret = copy(self->rig.fd, ops[0].dst, ops[0].dst_offset, ops[0].src, ops[0].src_offset,
				   ops[0].length);
		} else {
			continue;
		}
		ASSERT_LE(ret, 0);
		self->good += !ret;
		self->refused += ret < 0;
	}
	TH_LOG("%u batches, %u refused", self->good, self->refused);
	EXPECT_LT(50, self->good);
	EXPECT_LT(50, self->refused);
}

TEST_HARNESS_MAIN
