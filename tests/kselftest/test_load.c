// SPDX-License-Identifier: Apache-2.0
/*
 * Many queues at once: all 16 of every core, priorities, time-outs and faults among jobs that work, one eventfd for
 * many; and callers that are interrupted, or change what they pass while it is read.
 */
#include "util.h"

#define CORES 4
#define QUEUES 16

FIXTURE(load)
{
	struct rig r;
	struct neuron_ioctl_wait w;
};

FIXTURE_SETUP(load)
{
	ASSERT_EQ(0, rig_open(&self->r, 16));
}

FIXTURE_TEARDOWN(load)
{
	close(self->r.fd);
}

static int prio_queue_create(int fd, uint32_t core, uint32_t entries, uint32_t priority, int event,
			     struct neuron_ioctl_queue_create *q)
{
	*q = (struct neuron_ioctl_queue_create) {
		.size = sizeof(*q),
		.core = core,
		.entries = entries,
		.priority = priority,
		.eventfd = event,
	};
	return call(fd, NEURON_IOCTL_QUEUE_CREATE, q);
}

static int status_of(int fd, uint32_t queue, uint64_t seq)
{
	struct neuron_ioctl_wait w;
	int ret = wait_job(fd, queue, seq, 20 * SECOND, &w);

	return ret ? ret : (int)w.status;
}

/* 64 queues of four priorities, one eventfd: every job ends well, each completion is told. */
TEST_F_TIMEOUT(load, all_queues_of_all_cores, 120)
{
	struct neuron_ioctl_queue_create q[CORES * QUEUES];
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pollfd p = { .fd = event, .events = POLLIN };
	struct neuron_submit j[4];
	uint64_t seq, count;
	int fd = self->r.fd;

	self->r.code[0] = insn_copy(1, 0, 2, 0, 1);
	self->r.code[1] = insn(NEURON_OP_NOP);
	for (int i = 0; i < 4; i++)
		j[i] = rig_job(&self->r, NEURON_DMA, i % 2, 1);
	j[3] = (struct neuron_submit) { .op = NEURON_SUBMIT_NOP };
	ASSERT_EQ(0, destroy(fd, self->r.queue.id));
	ASSERT_EQ(0, cores_acquire(fd, 0xf));
	for (int i = 0; i < CORES * QUEUES; i++)
		ASSERT_EQ(0, prio_queue_create(fd, i % CORES, 16, i / CORES % 4, event, &q[i]));
	for (int i = 0; i < CORES; i++)
		ASSERT_EQ(-ENOSPC, queue_create(fd, i, 2, -1, &self->r.queue));
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < CORES * QUEUES; i++)
			ASSERT_EQ(0, submit(fd, q[i].id, j, 4, &seq));
		for (int i = 0; i < CORES * QUEUES; i++)
			for (uint64_t s = seq - 3; s <= seq; s++)
				ASSERT_EQ(NEURON_JOB_OK, status_of(fd, q[i].id, s));
		/* Some of 64 queues' completions may be told together, but not none of them. */
		ASSERT_EQ(1, poll(&p, 1, 10000));
		ASSERT_EQ(8, read(event, &count, 8));
		EXPECT_LE(1, count);
		EXPECT_GE(CORES * QUEUES * 4, count);
	}
	EXPECT_EQ(32, seq);
}

/* While a job has the core others come, lowest first: they run highest first. */
TEST_F(load, priorities)
{
	struct neuron_submit slow = rig_long_job(&self->r), j;
	struct neuron_ioctl_queue_create q[4];
	struct neuron_completion_page *page[4];
	int fd = self->r.fd;

	/* Of the same code, so that the core need not be told from the jobs' contents. */
	j = slow;
	j.stream[NEURON_DMA].count = 1;
	for (int p = 0; p < 4; p++) {
		ASSERT_EQ(0, prio_queue_create(fd, 0, 4, p, -1, &q[p]));
		page[p] = mmap(NULL, q[p].mmap_length, PROT_READ, MAP_SHARED, fd, q[p].mmap_offset);
		ASSERT_NE(MAP_FAILED, page[p]);
	}
	ASSERT_EQ(0, submit(fd, self->r.queue.id, &slow, 1, NULL));
	ASSERT_TRUE(wait_on_core(0));
	for (int p = 0; p < 4; p++)
		for (int i = 0; i < 3; i++)
			ASSERT_EQ(0, submit(fd, q[p].id, &j, 1, NULL));
	ASSERT_EQ(0, cancel(fd, self->r.queue.id, 1, 0));
	for (int p = 0; p < 4; p++) {
		ASSERT_EQ(NEURON_JOB_OK, status_of(fd, q[p].id, 1));
		for (int higher = p + 1; higher < 4; higher++)
			EXPECT_EQ(3, __atomic_load_n(&page[higher]->seq, __ATOMIC_ACQUIRE));
	}
	for (int p = 0; p < 4; p++)
		EXPECT_EQ(NEURON_JOB_OK, status_of(fd, q[p].id, 3));
}

struct feeder {
	int fd;
	uint32_t queue;
	struct neuron_submit job;
	_Atomic bool stop;
	uint64_t jobs;
	int ret;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;
	struct neuron_ioctl_wait w;
	uint64_t seq;

	while (!f->stop && !f->ret) {
		f->ret = submit(f->fd, f->queue, &f->job, 1, &seq);
		if (f->ret == -EAGAIN)
			f->ret = wait_job(f->fd, f->queue, f->jobs - 3, 20 * SECOND, &w);
		else if (!f->ret)
			f->jobs = seq;
	}
	return NULL;
}

/* A queue of the highest priority that never runs dry does not starve the others. */
TEST_F(load, nobody_starves)
{
	struct neuron_ioctl_queue_create q[4];
	struct feeder f = { .fd = self->r.fd };
	int fd = self->r.fd;
	pthread_t thread;

	self->r.code[0] = insn_slow(1, 1);
	self->r.code[0].dma_copy.count[2] = 1;
	f.job = rig_job(&self->r, NEURON_DMA, 0, 1);
	for (int p = 0; p < 4; p++)
		ASSERT_EQ(0, prio_queue_create(fd, 0, 4, p, -1, &q[p]));
	f.queue = q[3].id;
	ASSERT_EQ(0, pthread_create(&thread, NULL, feed, &f));
	for (int p = 0; p < 3; p++)
		for (int i = 0; i < 2; i++)
			ASSERT_EQ(0, submit(fd, q[p].id, &f.job, 1, NULL));
	for (int p = 0; p < 3; p++)
		EXPECT_EQ(NEURON_JOB_OK, status_of(fd, q[p].id, 2));
	f.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, f.ret);
	TH_LOG("%llu jobs of the highest priority", (unsigned long long)f.jobs);
}

/* Jobs that have their time among jobs that work: on their core, and on others. */
TEST_F(load, time_outs)
{
	struct neuron_ioctl_queue_create q[8];
	struct neuron_submit slow = rig_long_job(&self->r), j;
	int fd = self->r.fd, want;

	slow.stream[NEURON_DMA].count--;
	self->r.code[CODE_INSNS - 1] = insn_copy(1, 0, 2, 0, 1);
	j = rig_job(&self->r, NEURON_DMA, CODE_INSNS - 1, 1);
	slow.timeout_ms = 20;
	ASSERT_EQ(0, cores_acquire(fd, 3));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, queue_create(fd, i % 2, 8, -1, &q[i]));
	/* Queues 0, 4 (core 0), 3, 7 (core 1) have one time-out each. */
	for (int i = 0; i < 8; i++)
		for (int k = 1; k <= 3; k++)
			ASSERT_EQ(0, submit(fd, q[i].id, k == 2 && (i % 4 == 0 || i % 4 == 3) ? &slow : &j, 1, NULL));
	for (int i = 0; i < 8; i++) {
		for (int k = 1; k <= 3; k++) {
			want = k == 2 && (i % 4 == 0 || i % 4 == 3) ? NEURON_JOB_TIMEOUT : NEURON_JOB_OK;
			EXPECT_EQ(want, status_of(fd, q[i].id, k));
		}
	}
}

/* --- faults: told to the owner with engine, instruction and cause, and to nobody else --- */

struct fault {
	const char *name;
	int engine, pc, status;
	struct neuron_insn insn;
	int detail;		/* -1: whatever */
};

#define FAULTS 10

static int make_faults(struct fault *f)
{
	int n = 0;

	for (int e = 0; e < NEURON_STREAMS; e++) {
		f[n++] = (struct fault) { "unknown opcode", e, e + 1, NEURON_JOB_INSTRUCTION, insn(0xee), -1 };
		f[n] = (struct fault) { "deadlock", e, 3 - e, NEURON_JOB_SEMAPHORE, insn(NEURON_OP_NOP), 20 + e };
		f[n].insn.wait_sem = 20 + e;
		f[n++].insn.wait_val = 1;
	}
	f[n++] = (struct fault) { "over a segment's end", NEURON_DMA, 2, NEURON_JOB_SEGMENT,
				  insn_copy(2, DATA_BYTES - 64, 1, 0, 2), 2 };
	f[n++] = (struct fault) { "no such segment", NEURON_DMA, 0, NEURON_JOB_SEGMENT, insn_copy(1, 0, 6, 0, 1), 6 };
	return n;
}

TEST_F(load, faults_are_the_owners)
{
	struct pollfd p[3] = {};
	struct neuron_ioctl_queue_create q;
	struct neuron_completion_page *page;
	struct fault f[FAULTS];
	struct neuron_submit j;
	uint8_t before[4096];
	uint64_t count, seq;
	int other = open_device(), event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	/* A second file, with a queue of which nothing is to be heard. */
	ASSERT_EQ(0, cores_acquire(other, 2));
	ASSERT_EQ(0, queue_create(other, 1, 8, event, &q));
	page = mmap(NULL, q.mmap_length, PROT_READ, MAP_SHARED, other, q.mmap_offset);
	ASSERT_NE(MAP_FAILED, page);
	memcpy(before, page, q.mmap_length);
	p[0] = (struct pollfd) { .fd = other, .events = POLLIN };
	p[1] = (struct pollfd) { .fd = event, .events = POLLIN };

	ASSERT_EQ(FAULTS, make_faults(f));
	for (int i = 0; i < FAULTS; i++) {
		j = rig_job(&self->r, f[i].engine, 0, f[i].pc + 2);
		for (int k = 0; k < f[i].pc + 2; k++)
			self->r.code[k] = insn(NEURON_OP_NOP);
		self->r.code[f[i].pc] = f[i].insn;
		EXPECT_EQ(f[i].status, rig_run(&self->r, &j, &self->w)) {
			TH_LOG("%s, engine %d", f[i].name, f[i].engine);
		}
		EXPECT_EQ(f[i].engine, self->w.engine);
		EXPECT_EQ(f[i].pc, self->w.pc);
		if (f[i].detail >= 0)
			EXPECT_EQ(f[i].detail, self->w.detail);
	}
	EXPECT_EQ(0, poll(p, 2, 0));
	EXPECT_EQ(-1, read(event, &count, 8));
	EXPECT_EQ(0, memcmp(before, page, q.mmap_length));
	ASSERT_EQ(0, submit_nop(other, q.id, &seq));
	EXPECT_EQ(1, seq);
	EXPECT_EQ(NEURON_JOB_OK, status_of(other, q.id, 1));
	munmap(page, q.mmap_length);
	close(other);
}

/* --- callers that are disturbed, or do not keep still --- */

static _Atomic unsigned int signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

struct shooter {
	pthread_t target;
	_Atomic bool stop;
};

static void *shoot(void *arg)
{
	struct shooter *s = arg;

	while (!s->stop) {
		pthread_kill(s->target, SIGUSR1);
		usleep(500);
	}
	return NULL;
}

/* A thread that gets signals all the time still learns of each of its jobs once. */
TEST_F_TIMEOUT(load, signals_during_waits, 120)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct shooter s = { .target = pthread_self() };
	unsigned int interrupted = 0;
	struct neuron_submit j;
	pthread_t thread;
	uint64_t seq;
	int ret;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	self->r.code[0] = insn_slow(1, 1);
	j = rig_job(&self->r, NEURON_DMA, 0, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, shoot, &s));
	for (int i = 1; i <= 60; i++) {
		ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &j, 1, &seq));
		ASSERT_EQ(i, seq);
		do {
			ret = wait_job(self->r.fd, self->r.queue.id, seq, 20 * SECOND, &self->w);
			interrupted += ret == -EINTR;
		} while (ret == -EINTR);
		ASSERT_EQ(0, ret);
		ASSERT_EQ(NEURON_JOB_OK, self->w.status);
		ASSERT_EQ(i, self->w.completed);
	}
	s.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, interrupted);
	TH_LOG("%u signals, %u waits interrupted", signals, interrupted);
}

struct flipper {
	volatile uint32_t *word;
	uint32_t good, bad;
	_Atomic bool stop;
};

static void *flip(void *arg)
{
	struct flipper *f = arg;

	while (!f->stop) {
		*f->word = f->bad;
		*f->word = f->good;
	}
	return NULL;
}

/*
 * The array of jobs changes while SUBMIT reads it. What was checked is what runs: a bad value is
 * refused with its error or was not seen, and never reaches the chip, which would say so.
 */
TEST_F_TIMEOUT(load, jobs_that_change_during_submit, 120)
{
	enum { JOBS = 8 };
	struct neuron_submit j[JOBS];
	const struct {
		volatile void *word;
		uint32_t bad;
		int error;
	} field[] = {
		{ &j[5].op, 77, -EINVAL },
		{ &j[6].op, NEURON_JOB_CANCELLED, -EINVAL },
		{ &j[2].context, 99999, -ENOENT },
		{ &j[7].code, 255, -EINVAL },
		{ &j[3].stream[NEURON_DMA].offset, 32, -EINVAL },
		{ &j[4].reserved, 1, -EINVAL },
	};
	unsigned int results[2];
	struct flipper f;
	pthread_t thread;
	uint64_t seq;
	int ret;

	self->r.code[0] = insn(NEURON_OP_NOP);
	for (unsigned int i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		for (int k = 0; k < JOBS; k++)
			j[k] = rig_job(&self->r, NEURON_DMA, 0, 1);
		f = (struct flipper) { .word = field[i].word, .bad = field[i].bad };
		f.good = *f.word;
		results[0] = results[1] = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, flip, &f));
		for (int k = 0; k < 50; k++) {
			ret = submit(self->r.fd, self->r.queue.id, j, JOBS, &seq);
			ASSERT_TRUE(!ret || ret == field[i].error) {
				TH_LOG("field %u: %d", i, ret);
			}
			results[!ret]++;
			for (uint64_t s = seq - JOBS + 1; !ret && s <= seq; s++)
				ASSERT_EQ(NEURON_JOB_OK, status_of(self->r.fd, self->r.queue.id, s));
		}
		f.stop = true;
		ASSERT_EQ(0, pthread_join(thread, NULL));
		TH_LOG("field %u: %u refused, %u taken", i, results[0], results[1]);
	}
}

TEST_HARNESS_MAIN
