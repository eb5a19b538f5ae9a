// SPDX-License-Identifier: Apache-2.0
/*
 * Rings and the memory that they copy: the caller's pages, buffers of other drivers, memory of a neighbour; what
 * becomes of batches when ids, mappings, the neighbour or the device itself go first.
 */
#include "mem.h"

#define LENGTH (2 * MIB)

/* Newest batch that has ended. */
static uint64_t completed(int fd, uint32_t ring, uint64_t newest)
{
	struct neuron_ioctl_wait w;

	wait_job(fd, ring, newest, 0, &w);
	return w.completed;
}

FIXTURE(kinds)
{
	int fd;
	uint32_t ring;
	struct neuron_ioctl_mem_create dev;
	uint8_t *q;
};

FIXTURE_SETUP(kinds)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ring_create(self->fd, 8, -1, &self->ring));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->dev));
	self->q = mem_map(self->fd, &self->dev);
	ASSERT_NE(MAP_FAILED, self->q);
}

FIXTURE_TEARDOWN(kinds)
{
	close(self->fd);
}

static uint8_t *map(uint64_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* To device memory and back, to another place, in one batch: its status. */
static int there_and_back(int fd, uint32_t ring, uint32_t mem, uint32_t dev, uint64_t length)
{
	struct neuron_dma_op ops[2] = {
		op_copy(dev, 5, mem, 3, length - 5),
		op_copy(mem, 7, dev, 5, length - 7),
	};
	uint64_t seq;
	int ret = ring_submit(fd, ring, ops, 2, &seq);

	return ret ? ret : ring_wait(fd, ring, seq);
}

/* What the destination must not be. */
static void refused(struct __test_metadata *_metadata, FIXTURE_DATA(kinds) *self, uint32_t mem)
{
	struct neuron_dma_op ops[2] = {
		op_copy(self->dev.id, 0, mem, 0, LENGTH / 2),
		op_copy(mem, 0, self->dev.id, 0, 4),
	};
	uint64_t seq;

	EXPECT_EQ(-EACCES, ring_submit(self->fd, self->ring, ops, 2, NULL));
	ops[1] = op_fill(mem, 0, 4, 1);
	EXPECT_EQ(-EACCES, ring_submit(self->fd, self->ring, ops, 2, NULL));
	/* As a source it will do, and this is the first batch that was taken. */
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 1, &seq));
	EXPECT_EQ(1, seq);
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
}

TEST_F(kinds, pages_of_the_caller)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *p = map(LENGTH);

	ASSERT_NE(MAP_FAILED, p);
	fill(p, LENGTH, 1);
	ASSERT_EQ(0, user_create(self->fd, p + 1, LENGTH - 10, 0, &m));
	ASSERT_EQ(NEURON_JOB_OK, there_and_back(self->fd, self->ring, m.id, self->dev.id, LENGTH - 10));
	EXPECT_TRUE(same(self->q + 5, p + 1 + 7, LENGTH - 10 - 7));
}

/* A fill is aligned in the object, wherever that begins, and pages that are apart cut its words in two. */
TEST_F(kinds, fill_of_scattered_pages)
{
	struct neuron_ioctl_mem_create m;
	const uint32_t pattern = 0x04030201;
	struct neuron_dma_op op;
	uint8_t *p = map(LENGTH);
	uint64_t seq;

	ASSERT_NE(MAP_FAILED, p);
	/* All over the place, so that hardly two follow each other in memory, either way. */
	madvise(p, LENGTH, MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < LENGTH / 4096; i++)
		p[i * 37 % (LENGTH / 4096) * 4096] = 1;
	for (unsigned int i = 1; i < 4; i++) {
		const uint32_t at = 4096 * i, n = 0x20000 + 4 * i;

		ASSERT_EQ(0, user_create(self->fd, p + i, LENGTH - i, 0, &m));
		memset(p, 0xee, LENGTH);
		op = op_fill(m.id, at, n, pattern * i);
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
		ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
		EXPECT_TRUE(filled(p + i + at, n, pattern * i));
		EXPECT_TRUE(filled(p + i + at - 4, 4, 0xeeeeeeee));
		EXPECT_TRUE(filled(p + i + at + n, 4, 0xeeeeeeee));
		ASSERT_EQ(0, destroy(self->fd, m.id));
	}
}

TEST_F(kinds, pages_that_must_not_be_written)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *p = map(LENGTH);

	ASSERT_NE(MAP_FAILED, p);
	fill(p, LENGTH, 2);
	ASSERT_EQ(0, mprotect(p, LENGTH, PROT_READ));
	ASSERT_EQ(0, user_create(self->fd, p, LENGTH, NEURON_MEM_READONLY, &m));
	refused(_metadata, self, m.id);
	EXPECT_TRUE(same(self->q, p, LENGTH / 2));
}

TEST_F(kinds, pages_that_were_unmapped)
{
	struct neuron_ioctl_mem_create m, a, b;
	struct neuron_dma_op ops[2];
	uint8_t *p = map(LENGTH), *expected = map(LENGTH);
	int64_t before = pinned();
	uint64_t seq;

	ASSERT_NE(MAP_FAILED, p);
	fill(p, LENGTH, 3);
	memcpy(expected, p, LENGTH);
	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	ASSERT_EQ(0, user_create(self->fd, p, LENGTH, 0, &m));
	ASSERT_EQ(0, flood(self->fd, self->ring, b.id, a.id, 64, &seq));
	ops[0] = op_copy(self->dev.id, 0, m.id, 0, LENGTH);
	ops[1] = op_copy(m.id, 0, self->dev.id, 0, LENGTH);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 2, &seq));
	ASSERT_EQ(0, destroy(self->fd, m.id));
	ASSERT_EQ(0, munmap(p, LENGTH));
	/* Still the chip's, as nothing of the batch was done. */
	EXPECT_EQ(0, completed(self->fd, self->ring, seq));
	EXPECT_LT(before, pinned());
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_TRUE(same(self->q, expected, LENGTH));
	EXPECT_EQ(before, pinned());
}

/* Of udmabuf if the kernel has it, else of a heap. */
static int make_buffer(int fd, uint8_t **p)
{
	int ret;

	if (!has_dmabuf(fd))
		return -EOPNOTSUPP;
	ret = make_udmabuf(p, LENGTH);
	return ret < 0 ? make_heap(p, LENGTH, O_RDWR) : ret;
}

TEST_F(kinds, buffer_of_another_driver)
{
	struct neuron_ioctl_mem_create m, a, b;
	uint64_t seq;
	int dmabuf;
	uint8_t *p;

	dmabuf = make_buffer(self->fd, &p);
	if (dmabuf < 0)
		SKIP(return, "none to be had: %s", strerror(-dmabuf));
	fill(p, LENGTH, 4);
	ASSERT_EQ(0, import_at(self->fd, dmabuf, 0, 0, &m));
	ASSERT_EQ(NEURON_JOB_OK, there_and_back(self->fd, self->ring, m.id, self->dev.id, LENGTH));
	EXPECT_TRUE(same(self->q + 5, p + 7, LENGTH - 7));
	/* Its descriptor and its id go while a batch has it. */
	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	ASSERT_EQ(0, flood(self->fd, self->ring, b.id, a.id, 64, &seq));
	{
		struct neuron_dma_op op = op_fill(m.id, 0, LENGTH, 0x5a5a5a5a);

		ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
	}
	close(dmabuf);
	ASSERT_EQ(0, destroy(self->fd, m.id));
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_TRUE(filled(p, LENGTH, 0x5a5a5a5a));
}

TEST_F(kinds, buffer_that_must_not_be_written)
{
	struct neuron_ioctl_mem_create m;
	int dmabuf;
	uint8_t *p;

	dmabuf = make_buffer(self->fd, &p);
	if (dmabuf < 0)
		SKIP(return, "none to be had: %s", strerror(-dmabuf));
	fill(p, LENGTH, 5);
	ASSERT_EQ(0, import_at(self->fd, dmabuf, 0, NEURON_MEM_READONLY, &m));
	refused(_metadata, self, m.id);
	EXPECT_TRUE(same(self->q, p, LENGTH / 2));
}

/* --- memory of the neighbour --- */

FIXTURE(neighbour)
{
	int fd, other;
	uint32_t ring;
	struct neuron_ioctl_mem_create host, theirs, import;
	uint8_t *h, *p;
	char pci[64];
};

FIXTURE_SETUP(neighbour)
{
	struct neuron_ioctl_info info;
	char link[512];
	int dmabuf;
	ssize_t n;

	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	self->other = open("/dev/neuron1", O_RDWR | O_CLOEXEC);
	if (self->other < 0 || get_info(self->fd, &info) || !info.connected)
		SKIP(return, "no neighbour");
	if (!has_dmabuf(self->fd))
		SKIP(return, "this kernel has no dma-bufs");
	n = readlink("/sys/class/neuron_device/neuron1/device", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	snprintf(self->pci, sizeof(self->pci), "%s", strrchr(link, '/') + 1);
	ASSERT_EQ(0, ring_create(self->fd, 8, -1, &self->ring));
	ASSERT_EQ(0, mem_create(self->other, NEURON_MEM_DEVICE, LENGTH, &self->theirs));
	self->p = mem_map(self->other, &self->theirs);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, LENGTH, &self->host));
	self->h = mem_map(self->fd, &self->host);
	dmabuf = export_of(self->other, self->theirs.id);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, import_at(self->fd, dmabuf, 0, 0, &self->import));
	close(dmabuf);
}

FIXTURE_TEARDOWN(neighbour)
{
}

TEST_F(neighbour, copies_and_fills)
{
	struct neuron_dma_op ops[3];
	uint64_t seq;

	fill(self->h, LENGTH, 6);
	ops[0] = op_copy(self->import.id, 0, self->host.id, 0, LENGTH);
	ops[1] = op_fill(self->import.id, 4096, 65536, 0x66778899);
	ops[2] = op_copy(self->host.id, 1, self->import.id, 0, 8192);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 3, &seq));
	ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_TRUE(filled(self->p + 4096, 65536, 0x66778899));
	EXPECT_TRUE(same(self->p + 70000, self->h + 70000, LENGTH - 70000));
	EXPECT_TRUE(same(self->p, self->h + 1, 8192));
}

/* The chip that the memory is of is reset or unbound while a batch waits for its turn. */
static void goes(struct __test_metadata *_metadata, FIXTURE_DATA(neighbour) *self, bool unbind)
{
	struct neuron_ioctl_mem_create a, b;
	struct neuron_dma_op ops[3];
	struct neuron_ioctl_wait w;
	char path[256];
	uint64_t seq;

	memset(self->h, 0x77, 4096);
	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	ASSERT_EQ(0, flood(self->fd, self->ring, b.id, a.id, 256, &seq));
	ops[0] = op_copy(self->host.id, 4096, self->host.id, 0, 4096);
	ops[1] = op_copy(self->host.id, 0, self->import.id, 0, 4096);
	ops[2] = op_fill(self->host.id, 8192, 4096, 0x12345678);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 3, &seq));
	if (unbind) {
		ASSERT_EQ(0, driver_write("unbind", self->pci));
	} else {
		snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci);
		ASSERT_EQ(0, write_file(path, "1"));
	}
	/* Nobody waited for the batch, which has not begun. */
	EXPECT_EQ(0, completed(self->fd, self->ring, seq));
	ASSERT_EQ(0, wait_job(self->fd, self->ring, seq, RING_LIMIT, &w));
	EXPECT_EQ(NEURON_JOB_ABORTED, w.status);
	EXPECT_EQ(1, w.detail);
	/* What comes before is done, nothing behind it, and the ring goes on. */
	EXPECT_TRUE(filled(self->h, 8192, 0x77777777));
	EXPECT_TRUE(filled(self->h + 8192, 4096, 0));
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops + 2, 1, &seq));
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_TRUE(filled(self->h + 8192, 4096, 0x12345678));
	if (unbind) {
		ASSERT_EQ(0, driver_write("bind", self->pci));
		for (int i = 0; i < 3000 && access("/dev/neuron1", F_OK); i++)
			usleep(10000);
	}
}

TEST_F(neighbour, is_reset)
{
	goes(_metadata, self, false);
}

TEST_F(neighbour, is_unbound)
{
	goes(_metadata, self, true);
}

/* --- the device itself goes --- */

#define WAITERS 5

FIXTURE(end)
{
	int fd, event;
	uint32_t ring[4];
	uint64_t seq[4];
	uint32_t a, b;
	char pci[32];
};

FIXTURE_VARIANT(end)
{
	bool unbind;
	int error;
};

FIXTURE_VARIANT_ADD(end, reset) { .unbind = false, .error = -EIO };
FIXTURE_VARIANT_ADD(end, unbound) { .unbind = true, .error = -ENODEV };

FIXTURE_SETUP(end)
{
	struct neuron_ioctl_mem_create a, b;

	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	pci_name(self->pci, sizeof(self->pci));
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	self->a = a.id;
	self->b = b.id;
	/* Each takes minutes. */
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, ring_create(self->fd, 4, self->event, &self->ring[i]));
		for (int j = 0; j < 3; j++)
			ASSERT_EQ(0, flood(self->fd, self->ring[i], b.id, a.id, 1024, &self->seq[i]));
	}
}

FIXTURE_TEARDOWN(end)
{
	close(self->event);
}

struct waiter {
	FIXTURE_DATA(end) *self;
	int index, ret;
	pthread_t thread;
};

/* The last one waits for a copy of its own. */
static void *wait_for_it(void *arg)
{
	static struct neuron_copy c[NEURON_COPY_MAX];
	struct waiter *w = arg;
	FIXTURE_DATA(end) *self = w->self;

	if (w->index < 4) {
		w->ret = ring_wait(self->fd, self->ring[w->index], w->index ? self->seq[w->index] : 1);
		return NULL;
	}
	for (int i = 0; i < NEURON_COPY_MAX; i++)
		c[i] = (struct neuron_copy) { self->a, self->b, 0, 0, BIG };
	w->ret = copies(self->fd, c, NEURON_COPY_MAX, NULL);
	return NULL;
}

TEST_F(end, all_are_told)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	struct waiter waiters[WAITERS];
	struct neuron_ioctl_info info;
	char path[256];
	uint64_t count;
	int fd;

	for (int i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter) { .self = self, .index = i };
		ASSERT_EQ(0, pthread_create(&waiters[i].thread, NULL, wait_for_it, &waiters[i]));
	}
	usleep(50000);
	EXPECT_EQ(0, poll(&p, 1, 0));
	snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci);
	ASSERT_EQ(0, variant->unbind ? driver_write("unbind", self->pci) : write_file(path, "1"));
	for (int i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, pthread_join(waiters[i].thread, NULL));
		EXPECT_EQ(variant->error, waiters[i].ret) {
			TH_LOG("waiter %d", i);
		}
	}
	ASSERT_EQ(1, poll(&p, 1, 60000));
	EXPECT_EQ(POLLERR | POLLHUP, p.revents);
	/* Each batch has ended, and the eventfd says so. */
	ASSERT_EQ(8, read(self->event, &count, 8));
	EXPECT_EQ(12, count);
	EXPECT_EQ(variant->error, flood(self->fd, self->ring[0], self->b, self->a, 1, NULL));
	EXPECT_EQ(variant->error, ring_wait(self->fd, self->ring[0], 1));
	if (variant->unbind)
		ASSERT_EQ(0, driver_write("bind", self->pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	close(self->fd);
	{
		struct neuron_ioctl_mem_create m;
		struct neuron_dma_op op;
		uint32_t ring;
		uint64_t seq;

		ASSERT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, LENGTH, &m));
		ASSERT_EQ(0, ring_create(fd, 4, -1, &ring));
		op = op_fill(m.id, 0, LENGTH, 1);
		ASSERT_EQ(0, ring_submit(fd, ring, &op, 1, &seq));
		EXPECT_EQ(NEURON_JOB_OK, ring_wait(fd, ring, seq));
	}
	close(fd);
}

TEST_HARNESS_MAIN
