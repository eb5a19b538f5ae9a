// SPDX-License-Identifier: Apache-2.0
/*
 * Copies and fills with offsets and lengths around all ends, by COPY and by rings. The chip is the judge: jobs before
 * and after tell it, as segments, where the objects lie that may be used, and a file tells of the pages that cannot
 * be segments; objects around them are never named, and no other file is open. run_attack.py looks that no queue of a UDMA
 * engine came to anything else.
 */
#include "attack_pages.h"
#include "../kselftest/mem.h"

#define BATCHES		1500
#define PAGES_FILE	"/run/neuron-attack-pages"

/* What there is two of: a small one and a larger one. The last two kinds lie about in pages. */
enum { CHANNEL_0, CHANNEL_1, HOST, PAGE_OF_OURS, PINNED, IMPORTED, KINDS_OF_MEMORY };
#define OBJECTS		(2 * KINDS_OF_MEMORY + 1)
#define REMOTE		(2 * KINDS_OF_MEMORY)

FIXTURE(dma)
{
	struct random random;
	struct rig rig, other;
	struct neuron_ioctl_mem_create object[OBJECTS], around[OBJECTS];
	uint32_t context, ring, count;
	unsigned int good, refused;
};

/* @pages: NULL, or where to tell those who judge where the memory lies. */
static int tell(FILE *pages, const void *p, uint64_t bytes, const char *name)
{
	return !pages || tell_pages(pages, p, bytes, name) ? 0 : -EPERM;
}

/* Pages in an order in which neighbours here are none in memory. */
static int make_pages(int fd, uint64_t bytes, FILE *pages, struct neuron_ioctl_mem_create *mem)
{
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (p == MAP_FAILED || madvise(p, bytes, MADV_NOHUGEPAGE))
		return -errno;
	for (uint64_t n = 0, count = bytes / PAGE; n < count; n++)
		p[(n % 2 ? count - 1 - n / 2 : n / 2) * PAGE] = 1;
	ret = user_create(fd, p, bytes, 0, mem);
	return ret ? ret : tell(pages, p, bytes, "pinned");
}

static int make_import(int fd, uint64_t bytes, FILE *pages, struct neuron_ioctl_mem_create *mem)
{
	uint8_t *p = MAP_FAILED;
	int dmabuf = has_dmabuf(fd) ? make_udmabuf(&p, bytes) : -EOPNOTSUPP, ret;

	if (dmabuf < 0 || p == MAP_FAILED)
		return dmabuf < 0 ? dmabuf : -ENOMEM;
	memset(p, 1, bytes);
	ret = import_at(fd, dmabuf, 0, 0, mem);
	return ret ? ret : tell(pages, p, bytes, "dmabuf");
}

static int make(int fd, int i, FILE *pages, struct neuron_ioctl_mem_create *mem)
{
	uint64_t bytes = PAGE * (1 + 9 * (i / KINDS_OF_MEMORY));

	switch (i % KINDS_OF_MEMORY) {
	case CHANNEL_0: case CHANNEL_1:
		return mem_of(fd, NEURON_MEM_DEVICE, i % KINDS_OF_MEMORY, bytes, mem);
	case HOST:
		return mem_of(fd, NEURON_MEM_HOST, 0, bytes, mem);
	case PAGE_OF_OURS:
		return make_pages(fd, PAGE, pages, mem);
	case PINNED:
		return make_pages(fd, 4 * bytes, pages, mem);
	default:
		return make_import(fd, 4 * bytes, pages, mem);
	}
}

/* Memory of the chip beside this one, which tells it as the only segment of a job. */
static int make_remote(int fd, struct rig *other, struct neuron_ioctl_mem_create *mem)
{
	struct neuron_submit job = rig_job(other, NEURON_DMA, 0, 0);
	struct neuron_ioctl_wait w;
	int dmabuf, ret = context_create(other->fd, 1, &job.context);

	ret = ret ? ret : bind_one(other->fd, job.context, 0, other->data_mem.id, 0, DATA_BYTES, NEURON_ACCESS_READ);
	ret = ret ? ret : rig_run(other, &job, &w);
	dmabuf = ret ? ret : export_of(other->fd, other->data_mem.id);
	return dmabuf < 0 ? dmabuf : import_at(fd, dmabuf, 0, 0, mem);
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
	FILE *pages = fopen(PAGES_FILE, "we");
	uint32_t rw = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE;

	ASSERT_NE(NULL, pages);
	self->random.state = (seed ? strtoull(seed, NULL, 0) : 1) * 2 + 1;
	ASSERT_EQ(0, rig_open(&self->rig, 4));
	self->other.fd = open("/dev/neuron1", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->other.fd);
	ASSERT_EQ(0, rig_make(&self->other, 0, 4));
	ASSERT_EQ(0, context_create(self->rig.fd, OBJECTS, &self->context));
	ASSERT_EQ(0, ring_create(self->rig.fd, 64, -1, &self->ring));
	for (int i = 0; i < REMOTE; i++) {
		struct neuron_ioctl_mem_create *mem = &self->object[self->count];
		int ret = make(self->rig.fd, i, pages, mem);

		/* Not every kernel has a driver whose memory can be imported. */
		if (i % KINDS_OF_MEMORY == IMPORTED && (ret == -ENOENT || ret == -EOPNOTSUPP))
			continue;
		ASSERT_EQ(0, ret) TH_LOG("object %d", i);
		ASSERT_EQ(0, make(self->rig.fd, i, NULL, &self->around[i]));
		if (i % KINDS_OF_MEMORY < PINNED)
			ASSERT_EQ(0, bind_one(self->rig.fd, self->context, i, mem->id, 0, mem->length, rw));
		self->count++;
	}
	ASSERT_EQ(0, make_remote(self->rig.fd, &self->other, &self->object[self->count++]));
	ASSERT_EQ(0, fclose(pages));
	ASSERT_EQ(NEURON_JOB_OK, show(&self->rig, self->context));
}

FIXTURE_TEARDOWN(dma)
{
	EXPECT_EQ(NEURON_JOB_OK, show(&self->rig, self->context));
	rig_close(&self->rig);
	rig_close(&self->other);
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

static struct neuron_dma_op some_op(struct random *r, const struct neuron_ioctl_mem_create *object, uint32_t count)
{
	const struct neuron_ioctl_mem_create *dst = &object[random_below(r, count)];
	const struct neuron_ioctl_mem_create *src = &object[random_below(r, count)];
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
			ops[k] = some_op(&self->random, self->object, self->count);
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
