// SPDX-License-Identifier: Apache-2.0
/*
 * Copies on a chip with faults, which run_copyfaults.py sets before it runs one of these: the batch that
 * was hit ends with its status, the next one works, and the device was not reset for it; but for faults that
 * leave nothing else, and then all files learn of it. The chip is $NEURON_CHIP, 0 if there is none.
 */
#include "mem.h"

#define PIECE 0x10000

static int chip(void)
{
	const char *number = getenv("NEURON_CHIP");

	return number ? atoi(number) : 0;
}

static int open_chip(int number)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/neuron%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

FIXTURE(copyfault)
{
	int fd;
	uint32_t ring;
	struct neuron_ioctl_mem_create src, dst;
	struct neuron_ioctl_info before;
};

FIXTURE_SETUP(copyfault)
{
	self->fd = open_chip(chip());
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, get_info(self->fd, &self->before));
	ASSERT_EQ(0, ring_create(self->fd, 8, -1, &self->ring));
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
	struct neuron_ioctl_wait w = { .detail = 0 };
	uint64_t seq;
	int ret;

	for (int i = 0; i < 16; i++)
		ops[i] = op_copy(dst, i * PIECE, src, i * PIECE, PIECE);
	ret = ring_submit(fd, ring, ops, 16, &seq);
	ret = ret ? ret : wait_job(fd, ring, seq, RING_LIMIT, &w);
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

#define LONG_OPS 64

TEST_F_TIMEOUT(copyfault, lost_interrupts, 120)
{
	struct neuron_dma_op ops[LONG_OPS];
	uint64_t seq;

	/* Long enough that who waits for it sleeps, and needs the interrupt. */
	for (int i = 0; i < LONG_OPS; i++)
		ops[i] = op_copy(self->dst.id, 0, self->src.id, 0, MIB);
	ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, LONG_OPS, &seq));
	EXPECT_EQ(0, ring_wait(self->fd, self->ring, seq));
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

/* The other chip's memory, as this one's: 0, or -errno. */
static int neighbours_memory(int fd, struct neuron_ioctl_mem_create *import)
{
	struct neuron_ioctl_mem_create mem;
	int other = open_chip(!chip()), dmabuf, ret;

	if (other < 0)
		return other;
	ret = mem_create(other, NEURON_MEM_DEVICE, MIB, &mem);
	dmabuf = ret ? ret : export_of(other, mem.id);
	ret = dmabuf < 0 ? dmabuf : import_at(fd, dmabuf, 0, 0, import);
	/* The import keeps what it needs. */
	close(other);
	close(dmabuf);
	return ret;
}

/* Lets run_copyfaults.py do something to the chip, which then makes the file. */
static int runners_turn(void)
{
	const uint64_t limit = now_ns() + 60 * SECOND;

	fprintf(stderr, "ready\n");
	while (unlink("/run/go")) {
		if (errno != ENOENT || now_ns() > limit)
			return -errno;
		usleep(10000);
	}
	return 0;
}

/* The link goes after the import was made. */
TEST_F_TIMEOUT(copyfault, link_down, 120)
{
	const uint64_t limit = now_ns() + 60 * SECOND;
	struct neuron_ioctl_mem_create import;
	struct neuron_dma_op ops[4];
	struct neuron_ioctl_wait w;
	struct neuron_copy c;
	uint32_t done = 99;
	uint8_t *s, *d;
	uint64_t seq;
	int ret;

	ASSERT_EQ(0, neighbours_memory(self->fd, &import));
	s = mem_map(self->fd, &self->src);
	d = mem_map(self->fd, &self->dst);
	fill(s, MIB, 1);
	/* Written to, and read from. */
	for (int i = 0; i < 2; i++) {
		ops[0] = op_copy(self->dst.id, 0, self->src.id, 0, 5 * PIECE);
		ops[1] = op_copy(self->dst.id, 5 * PIECE, self->src.id, 5 * PIECE, 1);
		ops[2] = i ? op_copy(self->dst.id, 8 * PIECE, import.id, 0, 3 * PIECE) :
			     op_copy(import.id, 0, self->src.id, 0, 3 * PIECE);
		ops[3] = op_copy(self->dst.id, 12 * PIECE, self->src.id, 12 * PIECE, PIECE);
		if (!i) {
			ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 4, &seq));
			ASSERT_EQ(NEURON_JOB_OK, ring_wait(self->fd, self->ring, seq));
			ASSERT_EQ(0, runners_turn());
		}
		memset(d, 0, MIB);
		ASSERT_EQ(0, ring_submit(self->fd, self->ring, ops, 4, &seq));
		ASSERT_EQ(0, wait_job(self->fd, self->ring, seq, RING_LIMIT, &w));
		EXPECT_EQ(NEURON_JOB_BUS, w.status);
		EXPECT_EQ(2, w.detail);
		EXPECT_TRUE(same(d, s, 5 * PIECE + 1));
		EXPECT_TRUE(all_zero(d + 12 * PIECE, PIECE));
		EXPECT_TRUE(works(self->fd, self->ring, self->dst.id, self->src.id, self->before.resets));
	}
	c = (struct neuron_copy) { self->src.id, import.id, 0, 0, MIB };
	EXPECT_EQ(-EREMOTEIO, copies(self->fd, &c, 1, &done));
	EXPECT_EQ(0, done);
	/* And once it is up again. */
	ASSERT_EQ(0, runners_turn());
	do {
		ret = copies(self->fd, &c, 1, &done);
	} while (ret == -EREMOTEIO && now_ns() < limit);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(1, done);
}

/* Also after its reset, with which the driver tries it: that is more than a queue's trouble. */
TEST_F_TIMEOUT(copyfault, stalled_for_good, 120)
{
	struct neuron_ioctl_info info;
	uint64_t detail;
	int fd;

	EXPECT_EQ(-EIO, batch(self->fd, self->ring, self->dst.id, self->src.id, &detail));
	EXPECT_EQ(-EIO, batch(self->fd, self->ring, self->dst.id, self->src.id, &detail));
	EXPECT_EQ(-EIO, get_info(self->fd, &info));
	/* Waits for the reset. */
	fd = open_chip(chip());
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_LT(self->before.resets, info.resets);
	close(fd);
}

TEST_F(copyfault, healthy)
{
	EXPECT_TRUE(works(self->fd, self->ring, self->dst.id, self->src.id, self->before.resets));
}

/* The runner ends the chip's process; its queues stand still, so that the batch is in flight then. */
TEST_F_TIMEOUT(copyfault, chip_dies, 60)
{
	struct neuron_ioctl_info info;
	uint64_t detail;
	int ret;

	fprintf(stderr, "ready\n");
	ret = batch(self->fd, self->ring, self->dst.id, self->src.id, &detail);
	EXPECT_TRUE(ret == -EIO || ret == -ENODEV) {
		TH_LOG("%d", ret);
	}
	ret = batch(self->fd, self->ring, self->dst.id, self->src.id, &detail);
	EXPECT_TRUE(ret == -EIO || ret == -ENODEV) {
		TH_LOG("%d", ret);
	}
	EXPECT_NE(0, get_info(self->fd, &info));
}

TEST_HARNESS_MAIN
