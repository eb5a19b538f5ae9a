// SPDX-License-Identifier: Apache-2.0
/*
 * Rings of asynchronous copies: each errno, order, fills, back-pressure, ways to learn of the end,
 * fairness between files, and rings that go while batches are in flight. Nothing here looks at the clock
 * to decide: what comes before what is seen in what was completed.
 */
#include "util.h"

/* Newest batch that has ended. */
static uint64_t ring_completed(int fd, uint32_t ring, uint64_t newest)
{
	struct neuron_ioctl_wait w;

	wait_job(fd, ring, newest, 0, &w);
	return w.completed;
}

FIXTURE(ring)
{
	int fd;
	uint32_t ring;
	struct neuron_ioctl_mem_create host, dev;
	uint8_t *h, *d;
};

FIXTURE_SETUP(ring)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ring_create(self->fd, 8, -1, &self->ring));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, MIB, &self->host));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, MIB, &self->dev));
	self->h = mem_map(self->fd, &self->host);
	self->d = mem_map(self->fd, &self->dev);
	ASSERT_NE(MAP_FAILED, self->h);
	ASSERT_NE(MAP_FAILED, self->d);
}

FIXTURE_TEARDOWN(ring)
{
	munmap(self->h, MIB);
	munmap(self->d, MIB);
	close(self->fd);
}

TEST_F(ring, create_errors)
{
	struct neuron_ioctl_ring_create arg = { .size = sizeof(arg), .entries = 8, .eventfd = -1 };
	static const uint32_t bad[] = { 0, 1, 3, 1000, 2048, 0x80000000 };
	uint32_t id;
	int fds[2];

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(-EINVAL, ring_create(self->fd, bad[i], -1, &id));
	EXPECT_EQ(-EINVAL, ring_create(self->fd, 8, -2, &id));
	EXPECT_EQ(-EBADF, ring_create(self->fd, 8, 999, &id));
	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-EBADF, ring_create(self->fd, 8, fds[0], &id));
	arg.flags = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_RING_CREATE, &arg));
	arg.flags = 0;
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_RING_CREATE, &arg));
	arg.reserved = 0;
	arg.size = sizeof(arg) - 4;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_RING_CREATE, &arg));
	EXPECT_EQ(-EFAULT, call(self->fd, NEURON_IOCTL_RING_CREATE, (void *)16));
	EXPECT_EQ(0, ring_create(self->fd, 2, -1, &id));
	EXPECT_EQ(0, ring_create(self->fd, 1024, -1, &id));
	close(fds[0]);
	close(fds[1]);
}

TEST_F(ring, submit_errors)
{
	struct neuron_ioctl_ring_submit arg = { .size = sizeof(arg), .ring = self->ring, .count = 1 };
	const uint32_t h = self->host.id, d = self->dev.id;
	struct neuron_dma_op ok = op_fill(d, 0, 4096, 0x55555555), ops[2] = { ok, ok };
	struct bad {
		int error;
		struct neuron_dma_op op;
	} bad[] = {
		{ -EINVAL, { .op = 0, .src = h, .dst = d, .length = 4 } },
		{ -EINVAL, { .op = 3, .src = h, .dst = d, .length = 4 } },
		{ -EINVAL, { .op = NEURON_DMA_COPY, .pattern = 1, .src = h, .dst = d, .length = 4 } },
		{ -EINVAL, { .op = NEURON_DMA_FILL, .src = h, .dst = d, .length = 4 } },
		{ -EINVAL, { .op = NEURON_DMA_FILL, .dst = d, .src_offset = 4, .length = 4 } },
		{ -EINVAL, op_fill(d, 2, 4, 0) },
		{ -EINVAL, op_fill(d, 0, 6, 0) },
		{ -EINVAL, op_fill(d, 0, 0, 0) },
		{ -EINVAL, op_copy(d, 0, h, 0, 0) },
		{ -EINVAL, op_copy(d, 0, d, 4095, 4096) },
		{ -ENOENT, op_copy(d, 0, 0, 0, 4) },
		{ -ENOENT, op_copy(0, 0, h, 0, 4) },
		{ -ENOENT, op_copy(d, 0, self->ring, 0, 4) },
		{ -ENOENT, op_fill(9999, 0, 4, 0) },
		{ -ERANGE, op_copy(d, 0, h, MIB - 3, 4) },
		{ -ERANGE, op_copy(d, MIB - 3, h, 0, 4) },
		{ -ERANGE, op_copy(d, 0, h, UINT64_MAX - 1, 4) },
		{ -ERANGE, op_copy(d, UINT64_MAX - 1, h, 0, UINT64_MAX) },
		{ -ERANGE, op_fill(d, MIB, 4, 0) },
	};

	memset(self->d, 0xcc, 4096);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ops[1] = bad[i].op;
		EXPECT_EQ(bad[i].error, ring_submit(self->fd, self->ring, ops, 2, NULL)) {
			TH_LOG("operation %u", i);
		}
	}
	EXPECT_EQ(-EINVAL, ring_submit(self->fd, self->ring, ops, 0, NULL));
	EXPECT_EQ(-EINVAL, ring_submit(self->fd, self->ring, ops, NEURON_COPY_MAX + 1, NULL));
	EXPECT_EQ(-EFAULT, ring_submit(self->fd, self->ring, (void *)16, 1, NULL));
	EXPECT_EQ(-ENOENT, ring_submit(self->fd, 0, &ok, 1, NULL));
	EXPECT_EQ(-ENOENT, ring_submit(self->fd, h, &ok, 1, NULL));
	arg.ops = (uintptr_t)&ok;
	arg.flags = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_RING_SUBMIT, &arg));
	arg.flags = 0;
	arg.size = sizeof(arg) - 8;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_RING_SUBMIT, &arg));
	/* None of these was taken, in part or at all: the first that is has number 1. */
	EXPECT_TRUE(filled(self->d, 4096, 0xcccccccc));
	arg.size = sizeof(arg);
	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_RING_SUBMIT, &arg));
	EXPECT_EQ(1, arg.seq);
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, 1));
	EXPECT_TRUE(filled(self->d, 4096, 0x55555555));
}

TEST_F(ring, wait_errors)
{
	struct neuron_dma_op op = op_fill(self->dev.id, 0, 4, 1);
	struct neuron_ioctl_wait w;
	uint64_t seq = 0;

	EXPECT_EQ(-EINVAL, wait_job(self->fd, self->ring, 0, 0, &w));
	EXPECT_EQ(-EINVAL, wait_job(self->fd, self->ring, 1, 0, &w));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
		EXPECT_EQ(i + 1, seq);
		EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	}
	EXPECT_EQ(-EINVAL, wait_job(self->fd, self->ring, 11, 0, &w));
	EXPECT_EQ(-ESTALE, wait_job(self->fd, self->ring, 2, 0, &w));
	EXPECT_EQ(10, w.completed);
	EXPECT_EQ(0, wait_job(self->fd, self->ring, 3, 0, &w));
	EXPECT_EQ(-ENOENT, wait_job(self->fd, self->dev.id, 1, 0, &w));
}

TEST_F(ring, batches_are_in_order)
{
	struct neuron_dma_op op[2];
	uint64_t seq;

	/* Each reads what the one before has written; the last goes back to the host. */
	fill(self->h, 0x10000, 1);
	for (unsigned int i = 0; i < 8; i++) {
		op[0] = i ? op_copy(self->dev.id, i * 0x10000, self->dev.id, (i - 1) * 0x10000, 0x10000) :
			    op_copy(self->dev.id, 0, self->host.id, 0, 0x10000);
		op[1] = op_copy(self->host.id, 0x80000, self->dev.id, i * 0x10000, 0x10000);
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, op, 2, &seq));
	}
	ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_EQ(0, memcmp(self->h, self->h + 0x80000, 0x10000));
	EXPECT_EQ(0, memcmp(self->h, self->d + 0x70000, 0x10000));
}

TEST_F(ring, two_rings_each_with_its_numbers)
{
	struct neuron_dma_op a = op_fill(self->dev.id, 0, 4096, 0x11111111);
	struct neuron_dma_op b = op_fill(self->dev.id, 4096, 4096, 0x22222222);
	uint32_t other;
	uint64_t seq;

	ASSERT_EQ(0, ring_create(self->fd, 4, -1, &other));
	for (uint64_t i = 1; i <= 3; i++) {
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, &a, 1, &seq));
		EXPECT_EQ(i, seq);
		ASSERT_EQ(0, ring_submit(self->fd, other, &b, 1, &seq));
		EXPECT_EQ(i, seq);
	}
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, 3));
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, other, 3));
	EXPECT_TRUE(filled(self->d, 4096, 0x11111111));
	EXPECT_TRUE(filled(self->d + 4096, 4096, 0x22222222));
	EXPECT_EQ(0, destroy(self->fd, other));
	EXPECT_EQ(-ENOENT, ring_submit(self->fd, other, &b, 1, NULL));
}

TEST_F(ring, fills)
{
	static const uint32_t sizes[] = { 4, 8, 60, 4092, 4100, 0xfffc, 0x10000, 0x10004, 0x54320 };
	const uint32_t ids[] = { self->host.id, self->dev.id };
	uint8_t *maps[] = { self->h, self->d };
	uint64_t seq;

	for (unsigned int i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		const uint32_t n = sizes[i / 2], at = 0x1000 + 4 * i, pattern = 0x01020304 * (i + 1);
		struct neuron_dma_op op = op_fill(ids[i % 2], at, n, pattern);
		uint8_t *p = maps[i % 2];

		memset(p, 0xee, MIB);
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
		ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
		EXPECT_TRUE(filled(p + at, n, pattern));
		/* Nothing beside it. */
		EXPECT_TRUE(filled(p + at - 4, 4, 0xeeeeeeee));
		EXPECT_TRUE(filled(p + at + n, 4, 0xeeeeeeee));
	}
}

TEST_F(ring, patterns_in_one_batch)
{
	struct neuron_dma_op ops[65];
	uint64_t seq;

	/* Fills of many patterns, and a copy of what one of them wrote. */
	for (unsigned int i = 0; i < 64; i++)
		ops[i] = op_fill(self->dev.id, i * 0x1000, 0x1000, 0x10001 * i + 7);
	ops[64] = op_copy(self->dev.id, 0x80000, self->dev.id, 0x3000, 0x2000);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 65, &seq));
	ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	for (unsigned int i = 0; i < 64; i++)
		EXPECT_TRUE(filled(self->d + i * 0x1000, 0x1000, 0x10001 * i + 7));
	EXPECT_TRUE(filled(self->d + 0x80000, 0x1000, 0x10001 * 3 + 7));
	EXPECT_TRUE(filled(self->d + 0x81000, 0x1000, 0x10001 * 4 + 7));
	/* And new memory is zero after all of this. */
	munmap(self->d, MIB);
	ASSERT_EQ(0, destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, MIB, &self->dev));
	self->d = mem_map(self->fd, &self->dev);
	ASSERT_NE(MAP_FAILED, self->d);
	EXPECT_TRUE(filled(self->d, MIB, 0));
}

FIXTURE(between)
{
	int fd;
	uint32_t ring;
	struct neuron_ioctl_mem_create src, dst;
	uint8_t *s, *d;
};

FIXTURE_VARIANT(between)
{
	uint32_t src, src_channel, dst, dst_channel;
};

FIXTURE_VARIANT_ADD(between, host_and_channel_0) { NEURON_MEM_HOST, 0, NEURON_MEM_DEVICE, 0 };
FIXTURE_VARIANT_ADD(between, channel_1_and_host) { NEURON_MEM_DEVICE, 1, NEURON_MEM_HOST, 0 };
FIXTURE_VARIANT_ADD(between, channels_0_and_1) { NEURON_MEM_DEVICE, 0, NEURON_MEM_DEVICE, 1 };
FIXTURE_VARIANT_ADD(between, channels_1_and_0) { NEURON_MEM_DEVICE, 1, NEURON_MEM_DEVICE, 0 };
FIXTURE_VARIANT_ADD(between, channel_0_alone) { NEURON_MEM_DEVICE, 0, NEURON_MEM_DEVICE, 0 };
FIXTURE_VARIANT_ADD(between, host_and_host) { NEURON_MEM_HOST, 0, NEURON_MEM_HOST, 0 };

#define BETWEEN (9 * MIB)

FIXTURE_SETUP(between)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ring_create(self->fd, 8, -1, &self->ring));
	ASSERT_EQ(0, mem_of(self->fd, variant->src, variant->src_channel, BETWEEN, &self->src));
	ASSERT_EQ(0, mem_of(self->fd, variant->dst, variant->dst_channel, BETWEEN, &self->dst));
	self->s = mem_map(self->fd, &self->src);
	self->d = mem_map(self->fd, &self->dst);
	ASSERT_NE(MAP_FAILED, self->s);
	ASSERT_NE(MAP_FAILED, self->d);
}

FIXTURE_TEARDOWN(between)
{
	close(self->fd);
}

/* More than one chunk, at odd offsets: seams of chunks, runs and descriptors fall everywhere. */
TEST_F(between, a_chunk_and_more)
{
	struct neuron_dma_op op = op_copy(self->dst.id, 3, self->src.id, 5, BETWEEN - 5);
	uint64_t seq;

	fill(self->s, BETWEEN, 77);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
	ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_EQ(0, memcmp(self->s + 5, self->d + 3, BETWEEN - 5));
}

TEST_F(ring, more_than_the_ring_holds)
{
	static struct neuron_dma_op ops[NEURON_COPY_MAX];
	uint64_t seq;

	/* 12 times 1,024 descriptors in each of the hardware's rings, if they take turns: all of them wrap. */
	fill(self->h, MIB, 3);
	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = 0; i < NEURON_COPY_MAX; i++)
			ops[i] = op_copy(self->dev.id, i * 64, self->host.id, i * 64 + round, 64);
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, NEURON_COPY_MAX, &seq));
		ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
		ASSERT_EQ(0, memcmp(self->h + round, self->d, NEURON_COPY_MAX * 64));
	}
}

TEST_F(ring, more_than_4_gib_in_a_batch)
{
	static struct neuron_dma_op ops[NEURON_COPY_MAX];
	struct neuron_ioctl_mem_create a, b;
	uint8_t *p;
	uint64_t seq;

	if (brief())
		SKIP(return, "elsewhere");
	/* 1,024 times 4 MiB + 4 KiB, each to a place of its own 4 KiB further on. */
	ASSERT_EQ(0, mem_of(self->fd, NEURON_MEM_DEVICE, 0, 9 * MIB, &a));
	ASSERT_EQ(0, mem_of(self->fd, NEURON_MEM_DEVICE, 1, 9 * MIB, &b));
	p = mem_map(self->fd, &b);
	ASSERT_NE(MAP_FAILED, p);
	for (unsigned int i = 0; i < NEURON_COPY_MAX; i++)
		ops[i] = op_copy(b.id, i * 4096, a.id, (NEURON_COPY_MAX - 1 - i) * 4096, 4 * MIB + 4096);
	ops[0] = op_fill(a.id, 0, 9 * MIB, 0xabad1dea);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, NEURON_COPY_MAX, &seq));
	ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_TRUE(filled(p, 4096, 0));
	EXPECT_TRUE(filled(p + 4096, 8 * MIB - 4096, 0xabad1dea));
	EXPECT_TRUE(filled(p + 8 * MIB, MIB, 0));
	munmap(p, 9 * MIB);
}

TEST_F(ring, full_and_not_full)
{
	struct neuron_dma_op op = op_fill(self->dev.id, 0, 4, 1);
	struct neuron_ioctl_mem_create a, b;
	struct neuron_ioctl_wait w;
	uint32_t ring;
	uint64_t seq;

	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	ASSERT_EQ(0, ring_create(self->fd, 2, -1, &ring));
	ASSERT_EQ(0, flood(self->fd, ring, b.id, a.id, 128, &seq));
	EXPECT_EQ(-ETIMEDOUT, wait_job(self->fd, ring, 1, 0, &w));
	EXPECT_EQ(0, w.completed);
	ASSERT_EQ(0, ring_submit(self->fd, ring, &op, 1, &seq));
	EXPECT_EQ(-EAGAIN, ring_submit(self->fd, ring, &op, 1, NULL));
	EXPECT_EQ(-EAGAIN, ring_submit(self->fd, ring, &op, 1, NULL));
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, ring, 1));
	ASSERT_EQ(0, ring_submit(self->fd, ring, &op, 1, &seq));
	EXPECT_EQ(3, seq);
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, ring, 3));
}

TEST_F(ring, eventfd_counts_batches)
{
	struct neuron_dma_op op = op_fill(self->dev.id, 0, 4096, 1);
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t seq, count, total = 0;
	uint32_t ring;

	ASSERT_LE(0, event);
	ASSERT_EQ(0, ring_create(self->fd, 8, event, &ring));
	EXPECT_EQ(-1, read(event, &count, 8));
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, ring_submit(self->fd, ring, &op, 1, &seq));
	while (total < 5) {
		struct pollfd p = { .fd = event, .events = POLLIN };

		ASSERT_EQ(1, poll(&p, 1, 60000));
		ASSERT_EQ(8, read(event, &count, 8));
		total += count;
		/* What the eventfd has told, WAIT knows of. */
		EXPECT_LE(total, ring_completed(self->fd, ring, seq));
	}
	EXPECT_EQ(5, total);
	EXPECT_EQ(-1, read(event, &count, 8));
	close(event);
}

TEST_F(ring, poll_until_told)
{
	struct neuron_dma_op op = op_fill(self->dev.id, 0, 4096, 1);
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	uint64_t seq;

	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
	ASSERT_EQ(1, poll(&p, 1, 60000));
	EXPECT_EQ(POLLIN, p.revents);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	EXPECT_EQ(0, poll(&p, 1, 0));
	/* A ring that is gone has nothing to tell. */
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, &op, 1, &seq));
	ASSERT_EQ(1, poll(&p, 1, 60000));
	ASSERT_EQ(0, destroy(self->fd, self->ring));
	EXPECT_EQ(0, poll(&p, 1, 0));
}

static void on_alarm(int number)
{
	(void)number;
}

TEST_F(ring, a_signal_ends_the_wait_only)
{
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	struct neuron_ioctl_mem_create a, b;
	uint64_t seq, parent = getpid();
	pid_t pid;
	int ret = 0;

	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	sigaction(SIGUSR1, &sa, &old);
	pid = fork();
	if (!pid) {
		/* Until it has hit: nobody knows when the parent sleeps. */
		for (int i = 0; i < 10000; i++) {
			kill(parent, SIGUSR1);
			usleep(1000);
		}
		_exit(0);
	}
	/* Again if it was done before a signal came. */
	for (int i = 0; i < 20 && !ret; i++) {
		ASSERT_EQ(0, flood(self->fd, self->ring, b.id, a.id, 32, &seq));
		ret = ring_wait(self->fd, self->ring, seq);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	sigaction(SIGUSR1, &old, NULL);
	EXPECT_EQ(-EINTR, ret);
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
}

TEST_F(ring, another_file_is_not_starved)
{
	struct neuron_ioctl_mem_create a, b, small, host;
	uint32_t rings[4], mine;
	uint64_t seq[4];
	int other = open_device();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, mem_create(other, NEURON_MEM_DEVICE, 4096, &small));
	ASSERT_EQ(0, mem_create(other, NEURON_MEM_HOST, 4096, &host));
	ASSERT_EQ(0, ring_create(other, 2, -1, &mine));
	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	/* 4 rings, so that each of the hardware's has something to do; 16 GiB each. */
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, ring_create(self->fd, 4, -1, &rings[i]));
		ASSERT_EQ(0, flood(self->fd, rings[i], b.id, a.id, 256, &seq[i]));
	}
	/* All of these end while none of those has. */
	for (uint64_t i = 1; i <= 5; i++) {
		struct neuron_dma_op op = op_copy(small.id, 0, host.id, 0, 4096);
		uint64_t n;

		EXPECT_EQ(0, copy(other, small.id, 0, host.id, 0, 4096));
		ASSERT_EQ(0, ring_submit(other, mine, &op, 1, &n));
		EXPECT_EQ(NEURON_JOB_OK, ring_wait(other, mine, n));
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, ring_completed(self->fd, rings[i], seq[i]));
	close(other);
	/* Ends what is left, or the next test would wait for it. */
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, destroy(self->fd, rings[i]));
}

struct waiter {
	int fd, ret;
	uint32_t ring;
	uint64_t seq;
};

static void *wait_for_it(void *arg)
{
	struct waiter *w = arg;

	w->ret = ring_wait(w->fd, w->ring, w->seq);
	return NULL;
}

/* A file that keeps rings full of batches of one BIG copy each. */
struct heavy {
	int fd;
	unsigned int rings;
	uint32_t ring[12];
	uint64_t seq[12];
	struct neuron_ioctl_mem_create a, b;
};

#define HEAVY_BATCHES 16

static int heavy_start(struct heavy *h, unsigned int rings)
{
	int ret;

	h->rings = rings;
	h->fd = open_device();
	if (h->fd < 0)
		return h->fd;
	ret = big_memory(h->fd, &h->a, &h->b);
	for (unsigned int i = 0; !ret && i < rings; i++) {
		ret = ring_create(h->fd, HEAVY_BATCHES, -1, &h->ring[i]);
		for (unsigned int n = 0; !ret && n < HEAVY_BATCHES; n++)
			ret = flood(h->fd, h->ring[i], h->b.id, h->a.id, 1, &h->seq[i]);
	}
	return ret;
}

static uint64_t heavy_completed(struct heavy *h)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < h->rings; i++)
		sum += ring_completed(h->fd, h->ring[i], h->seq[i]);
	return sum;
}

/* What is left ends, or the next test would wait for it. */
static void heavy_end(struct heavy *h)
{
	for (unsigned int i = 0; i < h->rings; i++)
		destroy(h->fd, h->ring[i]);
	close(h->fd);
}

TEST_F_TIMEOUT(ring, two_busy_files_have_like_shares, 120)
{
	struct heavy many, few;
	uint64_t before, theirs, ours;

	if (brief())
		SKIP(return, "elsewhere");
	/*
	 * Twelve rings against four, which are enough for all of the hardware's. By files: as much for each of the
	 * two; by rings, it would be three times as much.
	 */
	ASSERT_EQ(0, heavy_start(&many, 12));
	ASSERT_EQ(0, heavy_start(&few, 4));
	before = heavy_completed(&many);
	do {
		ours = heavy_completed(&few);
		theirs = heavy_completed(&many) - before;
	} while (ours + theirs < 2 * HEAVY_BATCHES);
	TH_LOG("%llu copies of four rings, %llu of twelve", (unsigned long long)ours, (unsigned long long)theirs);
	EXPECT_LE(theirs, 2 * ours);
	EXPECT_LE(ours, 2 * theirs);
	heavy_end(&many);
	heavy_end(&few);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

TEST_F(ring, a_full_ring_is_waited_for_asleep)
{
	struct neuron_ioctl_mem_create a, b;
	uint64_t seq, wall, cpu;
	uint32_t ring;

	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	ASSERT_EQ(0, ring_create(self->fd, 2, -1, &ring));
	ASSERT_EQ(0, flood(self->fd, ring, b.id, a.id, 16, &seq));
	ASSERT_EQ(0, flood(self->fd, ring, b.id, a.id, 16, &seq));
	wall = now_ns();
	cpu = thread_cpu_ns();
	/* The way of a producer: the ring is full, the oldest batch is waited for, there is room for one more. */
	for (unsigned int i = 0; i < 4; i++) {
		ASSERT_EQ(-EAGAIN, flood(self->fd, ring, b.id, a.id, 16, NULL));
		ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, ring, seq - 1));
		ASSERT_EQ(0, flood(self->fd, ring, b.id, a.id, 16, &seq));
	}
	cpu = thread_cpu_ns() - cpu;
	wall = now_ns() - wall;
	TH_LOG("%llu us of CPU in %llu us", (unsigned long long)cpu / 1000, (unsigned long long)wall / 1000);
	/* Who polls has all of it, also where others want the CPU: then less of both passes. */
	EXPECT_LT(cpu, wall / 4);
	EXPECT_EQ(0, destroy(self->fd, ring));
}

TEST_F(ring, destroy_ends_batches)
{
	struct neuron_ioctl_mem_create a, b;
	struct neuron_ioctl_info before, after;
	struct waiter w = { .fd = self->fd, .ring = self->ring };
	pthread_t thread;

	ASSERT_EQ(0, get_info(self->fd, &before));
	ASSERT_EQ(0, big_memory(self->fd, &a, &b));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, flood(self->fd, self->ring, b.id, a.id, 1024, &w.seq));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_it, &w));
	/* Ids go; the memory stays for the batches, until they end. */
	ASSERT_EQ(0, destroy(self->fd, a.id));
	ASSERT_EQ(0, destroy(self->fd, b.id));
	ASSERT_EQ(0, get_info(self->fd, &after));
	EXPECT_EQ(before.mem_free - 2 * BIG, after.mem_free);
	ASSERT_EQ(0, destroy(self->fd, self->ring));
	ASSERT_EQ(0, get_info(self->fd, &after));
	EXPECT_EQ(before.mem_free, after.mem_free);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	/* It may have come too late to find the ring. */
	EXPECT_TRUE(w.ret == NEURON_JOB_ABORTED || w.ret == -ENOENT) {
		TH_LOG("%d", w.ret);
	}
}

TEST_F(ring, close_and_kill_end_batches)
{
	struct neuron_ioctl_info before, after;
	struct neuron_ioctl_mem_create a, b;
	int ready[2], status;
	uint32_t ring;
	uint64_t seq;
	pid_t pid;
	char c;

	ASSERT_EQ(0, get_info(self->fd, &before));
	/* 0: closes; 1: killed while it waits; 2: killed in a synchronous copy of 64 GiB. */
	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		if (!pid) {
			static struct neuron_copy c[NEURON_COPY_MAX];
			int fd = open_device();

			if (fd < 0 || big_memory(fd, &a, &b) || ring_create(fd, 8, -1, &ring) ||
			    flood(fd, ring, b.id, a.id, 1024, &seq))
				_exit(1);
			for (int i = 0; i < NEURON_COPY_MAX; i++)
				c[i] = (struct neuron_copy) { a.id, b.id, 0, 0, BIG };
			if (!round) {
				close(fd);
				_exit(0);
			}
			(void)!write(ready[1], "x", 1);
			if (round == 2)
				copies(fd, c, NEURON_COPY_MAX, NULL);
			ring_wait(fd, ring, seq);
			_exit(2);
		}
		close(ready[1]);
		if (round) {
			ASSERT_EQ(1, read(ready[0], &c, 1));
			usleep(50000);
			ASSERT_EQ(0, kill(pid, SIGKILL));
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(round ? SIGKILL : 0, status);
		ASSERT_EQ(0, get_info(self->fd, &after));
		EXPECT_EQ(before.mem_free, after.mem_free);
		close(ready[0]);
	}
	EXPECT_EQ(0, copy(self->fd, self->dev.id, 0, self->host.id, 0, MIB));
}

TEST_F(ring, a_child_shares_it)
{
	struct neuron_dma_op op = op_fill(self->dev.id, 0, 4096, 0x77777777);
	uint64_t seq;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(ring_submit(self->fd, self->ring, &op, 1, &seq) || seq != 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* The file is the parent's, too: the child's end has not ended the batch. */
	EXPECT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, 1));
	EXPECT_TRUE(filled(self->d, 4096, 0x77777777));
}

struct rewriter {
	struct neuron_dma_op *op;
	bool stop;
};

static void *rewrite(void *arg)
{
	struct rewriter *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		/* Differs in one byte: however the kernel copies it, it is one of the two. */
		__atomic_store_n(&r->op->length, 1ull << 40 | 4096, __ATOMIC_RELAXED);
		__atomic_store_n(&r->op->length, 4096, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F_TIMEOUT(ring, operations_that_change_during_the_call, 120)
{
	struct neuron_dma_op op = op_fill(self->dev.id, 0x1000, 4096, 0x99999999);
	struct rewriter r = { .op = &op };
	pthread_t thread;
	uint64_t seq;

	/* What was checked is what is done: nothing but the one page is ever written. */
	memset(self->d, 0x11, 0x4000);
	ASSERT_EQ(0, pthread_create(&thread, NULL, rewrite, &r));
	for (int i = 0; i < 2000; i++) {
		int ret = ring_submit(self->fd, self->ring, &op, 1, &seq);

		if (ret) {
			ASSERT_EQ(-ERANGE, ret);
			continue;
		}
		ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(filled(self->d, 0x1000, 0x11111111));
	EXPECT_TRUE(filled(self->d + 0x2000, 0x2000, 0x11111111));
}

TEST_HARNESS_MAIN
