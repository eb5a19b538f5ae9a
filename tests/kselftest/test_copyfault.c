// SPDX-License-Identifier: Apache-2.0
/*
 * Copies on a chip with faults, which run_copyfaults.py sets before it runs one of these: the batch that
 * was hit ends with its status, the next one works, and the device was not reset for it.
 */
#include "util.h"

#define LIMIT (120 * SECOND)
#define PIECE 0x10000

FIXTURE(copyfault)
{
	int fd;
	uint32_t ring;
	struct neuron_ioctl_mem_create src, dst;
	struct neuron_ioctl_info before;
};

FIXTURE_SETUP(copyfault)
{
	struct neuron_ioctl_ring_create arg = { .size = sizeof(arg), .entries = 8, .eventfd = -1 };

	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, get_info(self->fd, &self->before));
	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_RING_CREATE, &arg));
	self->ring = arg.id;
	/* Host memory is zeroed by the processor: no copy of the driver's own takes the fault. */
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, MIB, &self->src));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, MIB, &self->dst));
}

FIXTURE_TEARDOWN(copyfault)
{
	close(self->fd);
}

/* A batch of 16 pieces: its status, or -errno. */
static int batch(int fd, uint32_t ring, uint32_t dst, uint32_t src, uint64_t *detail)
{
	struct neuron_dma_op ops[16];
	struct neuron_ioctl_ring_submit arg = {
		.size = sizeof(arg),
		.ring = ring,
		.count = 16,
		.ops = (uintptr_t)ops,
	};
	struct neuron_ioctl_wait w;
	int ret;

	for (int i = 0; i < 16; i++)
		ops[i] = (struct neuron_dma_op) { NEURON_DMA_COPY, 0, src, dst, i * PIECE, i * PIECE, PIECE };
	ret = call(fd, NEURON_IOCTL_RING_SUBMIT, &arg);
	ret = ret ? ret : wait_job(fd, ring, arg.seq, LIMIT, &w);
	*detail = w.detail;
	return ret ? ret : (int)w.status;
}

/* After any of it: the same file goes on, which it would not after a reset of the device. */
static bool works(int fd, uint32_t ring, uint32_t dst, uint32_t src, uint32_t resets)
{
	struct neuron_ioctl_info info;
	uint64_t detail;

	for (int i = 0; i < 8; i++)
		if (batch(fd, ring, dst, src, &detail))
			return false;
	return !get_info(fd, &info) && info.resets == resets;
}

TEST_F_TIMEOUT(copyfault, stalled_queue, 120)
{
	uint64_t detail = 99;
	int ret = batch(self->fd, self->ring, self->dst.id, self->src.id, &detail);

	EXPECT_EQ(NEURON_JOB_TIMEOUT, ret);
	EXPECT_EQ(0, detail);
	EXPECT_TRUE(works(self->fd, self->ring, self->dst.id, self->src.id, self->before.resets));
}

TEST_F_TIMEOUT(copyfault, stalled_copy, 120)
{
	uint32_t done = 99;
	struct neuron_copy c = { self->src.id, self->dst.id, 0, 0, MIB };

	EXPECT_EQ(-ETIMEDOUT, copies(self->fd, &c, 1, &done));
	EXPECT_EQ(0, done);
	EXPECT_TRUE(works(self->fd, self->ring, self->dst.id, self->src.id, self->before.resets));
}

TEST_F_TIMEOUT(copyfault, lost_interrupts, 120)
{
	EXPECT_TRUE(works(self->fd, self->ring, self->dst.id, self->src.id, self->before.resets));
}

TEST_F_TIMEOUT(copyfault, lost_memory, 120)
{
	const uint64_t limit = now_ns() + 60 * SECOND;
	struct neuron_ioctl_mem_create mem = { .size = sizeof(mem), .type = NEURON_MEM_DEVICE, .length = MIB };
	struct neuron_copy c = { .dst = self->dst.id, .length = MIB };
	uint64_t detail = 99;
	int ret;

	/* The line at 0x30000 of the channel gets lost again and again: in piece 3, as the object begins at 0. */
	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_CREATE, &mem));
	c.src = mem.id;
	do {
		ret = batch(self->fd, self->ring, self->dst.id, mem.id, &detail);
	} while (!ret && now_ns() < limit);
	EXPECT_EQ(NEURON_JOB_ECC, ret);
	EXPECT_EQ(3, detail);
	EXPECT_EQ(-EBADMSG, copies(self->fd, &c, 1, NULL));
	/* What does not read it is not disturbed. */
	EXPECT_TRUE(works(self->fd, self->ring, self->dst.id, self->src.id, self->before.resets));
}

TEST_HARNESS_MAIN
