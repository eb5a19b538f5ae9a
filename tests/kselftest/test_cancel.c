// SPDX-License-Identifier: Apache-2.0
/* Jobs that are cancelled: in the ring, on the core, when they have ended; what it does to others, and what it does not. */
#include "util.h"

#define ENTRIES 16

FIXTURE(cancel)
{
	struct rig r;
	struct neuron_ioctl_queue_create other;
	struct neuron_ioctl_wait w;
};

FIXTURE_SETUP(cancel)
{
	struct neuron_ioctl_info info;

	ASSERT_EQ(0, rig_open(&self->r, ENTRIES));
	ASSERT_EQ(0, get_info(self->r.fd, &info));
	if (!(info.features & NEURON_FEATURE_CANCEL))
		SKIP(return, "this firmware cannot");
	ASSERT_EQ(0, queue_create(self->r.fd, 0, ENTRIES, -1, &self->other));
}

FIXTURE_TEARDOWN(cancel)
{
	close(self->r.fd);
}

/* Firmware of API 1.0 would take the request for a mistake: it is not asked. */
TEST(needs_firmware_that_can)
{
	struct neuron_ioctl_info info;
	struct rig r;
	uint64_t seq;
	bool can;

	ASSERT_EQ(0, rig_open(&r, ENTRIES));
	ASSERT_EQ(0, get_info(r.fd, &info));
	can = info.features & NEURON_FEATURE_CANCEL;
	EXPECT_EQ(info.fw_api >= 0x10001, can);
	for (int i = 0; i < 2; i++) {
		struct neuron_ioctl_wait w;

		ASSERT_EQ(0, submit_nop(r.fd, r.queue.id, &seq));
		ASSERT_EQ(0, wait_job(r.fd, r.queue.id, seq, 10 * SECOND, &w));
		EXPECT_EQ(NEURON_JOB_OK, w.status);
		EXPECT_EQ(can ? 0 : -EOPNOTSUPP, cancel(r.fd, r.queue.id, seq, 0));
	}
	rig_close(&r);
}

/* The status of job @seq once it has ended, or -errno. */
static int status_of(int fd, uint32_t queue, uint64_t seq)
{
	struct neuron_ioctl_wait w;
	int ret = wait_job(fd, queue, seq, 10 * SECOND, &w);

	return ret ? ret : (int)w.status;
}

#define STATUS(queue, seq) status_of(self->r.fd, (queue).id, seq)
#define CANCEL(queue, seq, flags) cancel(self->r.fd, (queue).id, seq, flags)

TEST_F(cancel, errors)
{
	struct neuron_ioctl_cancel arg = { .size = sizeof(arg), .queue = self->r.queue.id, .seq = 1 };
	int fd = open_device();

	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, 1, 0));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, 1, NEURON_CANCEL_ALL));
	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, 0, 0));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, 0, NEURON_CANCEL_ALL));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, 2, 0));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, UINT64_MAX, NEURON_CANCEL_ALL));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, (1ull << 32) + 1, 0));
	EXPECT_EQ(-EINVAL, CANCEL(self->r.queue, 1, 2));
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, call(self->r.fd, NEURON_IOCTL_CANCEL, &arg));
	EXPECT_EQ(-ENOENT, cancel(self->r.fd, 0, 1, 0));
	EXPECT_EQ(-ENOENT, cancel(self->r.fd, self->r.context, 1, 0));
	/* Ids mean nothing to another file. */
	EXPECT_EQ(-ENOENT, cancel(fd, self->r.queue.id, 1, 0));
	ASSERT_EQ(0, destroy(self->r.fd, self->r.queue.id));
	EXPECT_EQ(-ENOENT, CANCEL(self->r.queue, 1, 0));
}

TEST_F(cancel, finished_job)
{
	struct neuron_submit bad = rig_job(&self->r, NEURON_DMA, 0, 1);

	self->r.code[0] = insn(0xee);
	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &bad, 1, NULL));
	ASSERT_EQ(NEURON_JOB_INSTRUCTION, STATUS(self->r.queue, 2));
	EXPECT_EQ(0, CANCEL(self->r.queue, 1, 0));
	EXPECT_EQ(0, CANCEL(self->r.queue, 2, NEURON_CANCEL_ALL));
	EXPECT_EQ(NEURON_JOB_OK, STATUS(self->r.queue, 1));
	EXPECT_EQ(NEURON_JOB_INSTRUCTION, STATUS(self->r.queue, 2));
	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	EXPECT_EQ(NEURON_JOB_OK, STATUS(self->r.queue, 3));
}

/* A job that would take tens of seconds, in the midst of it. */
TEST_F(cancel, running_job)
{
	struct neuron_submit slow = rig_long_job(&self->r);

	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, NULL));
	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	ASSERT_TRUE(wait_on_core(0));
	EXPECT_EQ(1, job_on_core(0));
	EXPECT_EQ(-ETIMEDOUT, wait_job(self->r.fd, self->r.queue.id, 1, 0, &self->w));
	ASSERT_EQ(0, CANCEL(self->r.queue, 1, 0));
	EXPECT_EQ(NEURON_JOB_ABORTED, STATUS(self->r.queue, 1));
	EXPECT_EQ(NEURON_JOB_OK, STATUS(self->r.queue, 2));
	EXPECT_EQ(0, job_on_core(0));
	/* Twice is once. */
	EXPECT_EQ(0, CANCEL(self->r.queue, 1, 0));
	EXPECT_EQ(NEURON_JOB_ABORTED, STATUS(self->r.queue, 1));
}

TEST_F(cancel, waiting_job)
{
	struct neuron_submit j[6];

	j[0] = rig_long_job(&self->r);
	/* What job n does: data[n] = 1. */
	memset(self->r.host, 1, 64);
	for (int i = 1; i < 6; i++) {
		self->r.code[CODE_INSNS - i] = insn_copy(1, i * 64, 2, 0, 1);
		j[i] = rig_job(&self->r, NEURON_DMA, CODE_INSNS - i, 1);
	}
	j[0].stream[NEURON_DMA].count -= 5;
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, j, 6, NULL));
	ASSERT_TRUE(wait_on_core(0));
	ASSERT_EQ(0, CANCEL(self->r.queue, 3, 0));
	ASSERT_EQ(0, CANCEL(self->r.queue, 6, 0));
	/* In order: not before the one that runs. */
	EXPECT_EQ(-ETIMEDOUT, wait_job(self->r.fd, self->r.queue.id, 3, 0, &self->w));
	EXPECT_EQ(0, self->w.completed);
	EXPECT_EQ(1, job_on_core(0));
	ASSERT_EQ(0, CANCEL(self->r.queue, 1, 0));
	for (int i = 1; i <= 6; i++)
		EXPECT_EQ(i % 3 && i != 1 ? NEURON_JOB_OK : NEURON_JOB_ABORTED, STATUS(self->r.queue, i));
	/* And what was cancelled has not been carried out. */
	for (int i = 1; i < 6; i++)
		EXPECT_EQ((i + 1) % 3 != 0, self->r.data[i * 64]);
}

TEST_F(cancel, all_up_to_one)
{
	struct neuron_submit slow = rig_long_job(&self->r);

	/* Over the ring's end. */
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	ASSERT_EQ(NEURON_JOB_OK, STATUS(self->r.queue, 10));
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, NULL));
	for (int i = 1; i < ENTRIES; i++)
		ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	ASSERT_EQ(-EAGAIN, submit_nop(self->r.fd, self->r.queue.id, NULL));
	ASSERT_TRUE(wait_on_core(0));
	ASSERT_EQ(0, CANCEL(self->r.queue, 20, NEURON_CANCEL_ALL));
	for (int i = 11; i <= 26; i++)
		EXPECT_EQ(i <= 20 ? NEURON_JOB_ABORTED : NEURON_JOB_OK, STATUS(self->r.queue, i));
	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, NULL));
	EXPECT_EQ(NEURON_JOB_OK, STATUS(self->r.queue, 27));
}

/* Jobs that wait for the core end although another queue keeps it; that queue's job goes on. */
TEST_F(cancel, while_another_queue_has_the_core)
{
	struct neuron_submit slow = rig_long_job(&self->r), j[4];

	for (int i = 0; i < 4; i++)
		j[i] = slow;
	ASSERT_EQ(0, submit(self->r.fd, self->other.id, &slow, 1, NULL));
	ASSERT_TRUE(wait_on_core(0));
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, j, 4, NULL));
	ASSERT_EQ(0, CANCEL(self->r.queue, 4, NEURON_CANCEL_ALL));
	for (int i = 1; i <= 4; i++)
		EXPECT_EQ(NEURON_JOB_ABORTED, STATUS(self->r.queue, i));
	EXPECT_EQ(1, job_on_core(0));
	EXPECT_EQ(-ETIMEDOUT, wait_job(self->r.fd, self->other.id, 1, 0, &self->w));
	ASSERT_EQ(0, CANCEL(self->other, 1, 0));
	EXPECT_EQ(NEURON_JOB_ABORTED, STATUS(self->other, 1));
}

/* All who wait for completions hear of those that were cancelled. */
TEST_F(cancel, is_told)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct neuron_submit slow = rig_long_job(&self->r);
	struct pollfd p[2] = { { .fd = event, .events = POLLIN }, { .fd = self->r.fd, .events = POLLIN } };
	struct neuron_ioctl_queue_create q;
	uint64_t count;

	ASSERT_EQ(0, queue_create(self->r.fd, 0, 4, event, &q));
	ASSERT_EQ(0, submit(self->r.fd, q.id, &slow, 1, NULL));
	EXPECT_EQ(0, poll(p, 2, 0));
	ASSERT_EQ(0, CANCEL(q, 1, 0));
	ASSERT_EQ(1, poll(p, 1, 10000));
	EXPECT_EQ(8, read(event, &count, 8));
	ASSERT_EQ(1, poll(p + 1, 1, 10000));
	EXPECT_EQ(NEURON_JOB_ABORTED, STATUS(q, 1));
}

static long aborted_jobs(void)
{
	char text[32];

	read_line(SYSFS "/neuron_core0/stats/status/aborted/total", text, sizeof(text));
	return atol(text);
}

/* Counted when they end: nobody has to ask for them. */
TEST_F(cancel, is_counted)
{
	struct neuron_submit slow = rig_long_job(&self->r);
	struct pollfd p = { .fd = self->r.fd, .events = POLLIN };
	long before = aborted_jobs();

	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, NULL));
	ASSERT_EQ(0, CANCEL(self->r.queue, 1, 0));
	ASSERT_EQ(1, poll(&p, 1, 10000));
	EXPECT_EQ(before + 1, aborted_jobs());
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, NULL));
	ASSERT_EQ(0, destroy(self->r.fd, self->r.queue.id));
	EXPECT_EQ(before + 4, aborted_jobs());
}

struct canceller {
	int fd;
	uint32_t queue;
	_Atomic uint64_t upto;
	_Atomic bool stop;
	uint64_t calls;
	int ret;
};

static void *keep_cancelling(void *arg)
{
	struct canceller *c = arg;

	while (!c->stop && !c->ret) {
		uint64_t upto = c->upto;

		if (upto)
			c->ret = cancel(c->fd, c->queue, upto - c->calls % 3 % upto,
					c->calls % 2 ? NEURON_CANCEL_ALL : 0);
		c->calls++;
	}
	return NULL;
}

/* Each job ends once, as done or as aborted; jobs of another queue on the core all work. */
TEST_F_TIMEOUT(cancel, storm, 120)
{
	struct canceller c = { .fd = self->r.fd, .queue = self->r.queue.id };
	struct neuron_submit j[2], mine;
	unsigned int ended[2] = { 0 };
	pthread_t thread;
	uint64_t seq, theirs = 0;
	int status;

	self->r.code[0] = insn_slow(1, 1);
	self->r.code[1] = insn_copy(1, 0, 2, 0, 1);
	j[0] = rig_job(&self->r, NEURON_DMA, 0, 1);
	j[1] = (struct neuron_submit) { .op = NEURON_SUBMIT_NOP };
	mine = rig_job(&self->r, NEURON_DMA, 1, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_cancelling, &c));
	for (int i = 0; i < 150; i++) {
		ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, j, 2, &seq));
		c.upto = seq;
		ASSERT_EQ(0, submit(self->r.fd, self->other.id, &mine, 1, &theirs));
		for (uint64_t s = seq - 1; s <= seq; s++) {
			status = STATUS(self->r.queue, s);
			ASSERT_TRUE(status == NEURON_JOB_OK || status == NEURON_JOB_ABORTED);
			ended[status == NEURON_JOB_ABORTED]++;
		}
		ASSERT_EQ(NEURON_JOB_OK, STATUS(self->other, theirs));
	}
	c.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, c.ret);
	EXPECT_NE(0, ended[1]);
	EXPECT_EQ(300, ended[0] + ended[1]);
	TH_LOG("%llu calls, %u done, %u aborted", (unsigned long long)c.calls, ended[0], ended[1]);
	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, &seq));
	EXPECT_EQ(NEURON_JOB_OK, STATUS(self->r.queue, seq));
}

TEST_F_TIMEOUT(cancel, while_the_queue_goes, 120)
{
	struct neuron_submit slow = rig_long_job(&self->r);
	struct neuron_ioctl_queue_create q;
	struct canceller c;
	pthread_t thread;

	for (int i = 0; i < 30; i++) {
		ASSERT_EQ(0, queue_create(self->r.fd, 0, 4, -1, &q));
		c = (struct canceller) { .fd = self->r.fd, .queue = q.id, .upto = 3 };
		for (int k = 0; k < 3; k++)
			ASSERT_EQ(0, submit(self->r.fd, q.id, &slow, 1, NULL));
		ASSERT_EQ(0, pthread_create(&thread, NULL, keep_cancelling, &c));
		usleep(i * 50);
		ASSERT_EQ(0, destroy(self->r.fd, q.id));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-ENOENT, c.ret);
	}
}

TEST_HARNESS_MAIN
