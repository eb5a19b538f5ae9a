// SPDX-License-Identifier: Apache-2.0
/* Contexts, cores, queues, and jobs that do nothing: submit, wait, poll, eventfd, completion page. */
#include "util.h"

FIXTURE(rig)
{
	struct rig r;
};

FIXTURE_SETUP(rig)
{
	ASSERT_EQ(0, rig_open(&self->r, 16));
}

FIXTURE_TEARDOWN(rig)
{
	close(self->r.fd);
}

/* --- contexts --- */

TEST_F(rig, context_segments)
{
	uint32_t id;

	EXPECT_EQ(-EINVAL, context_create(self->r.fd, 0, &id));
	EXPECT_EQ(-EINVAL, context_create(self->r.fd, 256, &id));
	EXPECT_EQ(0, context_create(self->r.fd, 1, &id));
	EXPECT_EQ(0, context_create(self->r.fd, 255, &id));
}

/* How many more a file gets. */
static int contexts_left(int fd, uint32_t *id)
{
	int n;

	for (n = 0; n < 2000; n++) {
		int ret = context_create(fd, 1, id);

		if (ret)
			return ret == -ENOSPC ? n : ret;
	}
	return n;
}

TEST_F(rig, contexts_run_out)
{
	int fd[4];
	uint32_t id;

	/* The fixture has one. */
	EXPECT_EQ(255, contexts_left(self->r.fd, &id));
	EXPECT_EQ(0, destroy(self->r.fd, self->r.context));
	EXPECT_EQ(1, contexts_left(self->r.fd, &id));
	/* Others have theirs, until the chip has no more. */
	for (int i = 0; i < 4; i++) {
		fd[i] = open_device();
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(i < 3 ? 256 : 0, contexts_left(fd[i], &id));
	}
	close(fd[0]);
	EXPECT_EQ(256, contexts_left(fd[3], &id));
	for (int i = 1; i < 4; i++)
		close(fd[i]);
}

TEST_F(rig, bind_errors)
{
	const struct neuron_bind ok = { .segment = 3, .mem = self->r.data_mem.id, .length = 64,
					.access = NEURON_ACCESS_READ };
	struct neuron_bind b[256] = { ok };
	uint32_t c = self->r.context;
	int fd = self->r.fd;

	EXPECT_EQ(0, bind_all(fd, c, b, 1));
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 0));
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 256));
	EXPECT_EQ(-EFAULT, bind_all(fd, c, (void *)16, 1));
	EXPECT_EQ(-ENOENT, bind_all(fd, 0, b, 1));
	EXPECT_EQ(-ENOENT, bind_all(fd, self->r.queue.id, b, 1));
	b[0].reserved = 1;
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 1));
	b[0] = ok;
	b[0].access = 8;
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 1));
	b[0].access = 0;
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 1));
	b[0] = ok;
	b[0].length = 0;
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 1));
	b[0] = ok;
	b[0].segment = 8;
	EXPECT_EQ(-ERANGE, bind_all(fd, c, b, 1));
	b[0].segment = UINT32_MAX;
	EXPECT_EQ(-ERANGE, bind_all(fd, c, b, 1));
	b[0] = ok;
	b[0].length = DATA_BYTES + 1;
	EXPECT_EQ(-ERANGE, bind_all(fd, c, b, 1));
	b[0] = ok;
	b[0].offset = UINT64_MAX;
	EXPECT_EQ(-ERANGE, bind_all(fd, c, b, 1));
	b[0] = ok;
	b[0].mem = c;
	EXPECT_EQ(-ENOENT, bind_all(fd, c, b, 1));
	b[0] = (struct neuron_bind) { .segment = 3 };
	EXPECT_EQ(0, bind_all(fd, c, b, 1));
	b[0].length = 64;
	EXPECT_EQ(-EINVAL, bind_all(fd, c, b, 1));
}

TEST_F(rig, bind_is_all_or_nothing)
{
	struct neuron_ioctl_mem_create m;
	struct neuron_ioctl_info before, after;
	struct neuron_bind b[2] = {};
	int fd = self->r.fd;

	ASSERT_EQ(0, get_info(fd, &before));
	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, 4096, &m));
	b[0] = (struct neuron_bind) { .segment = 5, .mem = m.id, .length = 64, .access = NEURON_ACCESS_READ };
	b[1] = b[0];
	b[1].segment = 99;
	EXPECT_EQ(-ERANGE, bind_all(fd, self->r.context, b, 2));
	b[1] = b[0];
	b[1].mem = 99999;
	EXPECT_EQ(-ENOENT, bind_all(fd, self->r.context, b, 2));
	/* Had the first been bound, the memory would live on. */
	ASSERT_EQ(0, destroy(fd, m.id));
	ASSERT_EQ(0, get_info(fd, &after));
	EXPECT_EQ(before.mem_free, after.mem_free);
}

TEST_F(rig, a_segment_keeps_its_memory)
{
	struct neuron_ioctl_mem_create m;
	struct neuron_ioctl_info before, after;
	int fd = self->r.fd;

	ASSERT_EQ(0, get_info(fd, &before));
	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, 4096, &m));
	ASSERT_EQ(0, bind_one(fd, self->r.context, 5, m.id, 0, 64, NEURON_ACCESS_READ));
	ASSERT_EQ(0, destroy(fd, m.id));
	ASSERT_EQ(0, get_info(fd, &after));
	EXPECT_EQ(4096, before.mem_free - after.mem_free);
	ASSERT_EQ(0, bind_one(fd, self->r.context, 5, 0, 0, 0, 0));
	ASSERT_EQ(0, get_info(fd, &after));
	EXPECT_EQ(before.mem_free, after.mem_free);
	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, 4096, &m));
	ASSERT_EQ(0, bind_one(fd, self->r.context, 5, m.id, 0, 64, NEURON_ACCESS_READ));
	ASSERT_EQ(0, destroy(fd, m.id));
	ASSERT_EQ(0, destroy(fd, self->r.context));
	ASSERT_EQ(0, get_info(fd, &after));
	EXPECT_EQ(before.mem_free, after.mem_free);
}

TEST_F(rig, contiguous_host_memory_can_be_bound)
{
	struct neuron_ioctl_mem_create m;

	ASSERT_EQ(0, mem_create(self->r.fd, NEURON_MEM_HOST, NEURON_HOST_CONTIGUOUS, &m));
	EXPECT_EQ(0, bind_one(self->r.fd, self->r.context, 5, m.id, 0, NEURON_HOST_CONTIGUOUS, NEURON_ACCESS_READ));
}

/* --- cores --- */

TEST_F(rig, core_errors)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg) };
	int fd = self->r.fd;

	EXPECT_EQ(-EINVAL, call(fd, NEURON_IOCTL_CORES_ACQUIRE, &arg));
	EXPECT_EQ(-EINVAL, cores_acquire(fd, 0x10));
	EXPECT_EQ(-EINVAL, cores_acquire(fd, 0x80000001));
	EXPECT_EQ(-EINVAL, cores_release(fd, 0));
	EXPECT_EQ(-EINVAL, cores_release(fd, 0x10));
	EXPECT_EQ(-EPERM, cores_release(fd, 2));
	EXPECT_EQ(-EPERM, cores_release(fd, 3));
	EXPECT_EQ(-EBUSY, cores_release(fd, 1));
	EXPECT_EQ(0, cores_acquire(fd, 1));
	ASSERT_EQ(0, destroy(fd, self->r.queue.id));
	EXPECT_EQ(0, cores_release(fd, 1));
	EXPECT_EQ(-EPERM, cores_release(fd, 1));
}

TEST_F(rig, cores_of_another_file)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg), .mask = 0xf };
	struct neuron_ioctl_info info;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, cores_acquire(self->r.fd, 4));
	EXPECT_EQ(-EBUSY, call(fd, NEURON_IOCTL_CORES_ACQUIRE, &arg));
	EXPECT_EQ(5, arg.busy);
	EXPECT_EQ(getpid(), arg.holder);
	/* All or nothing: the free ones are still free. */
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(5, info.cores_busy);
	EXPECT_EQ(0, info.cores_owned);
	EXPECT_EQ(0, cores_acquire(fd, 2));
	EXPECT_EQ(-EPERM, cores_release(fd, 1));
	ASSERT_EQ(0, get_info(self->r.fd, &info));
	EXPECT_EQ(7, info.cores_busy);
	EXPECT_EQ(5, info.cores_owned);
	close(fd);
	ASSERT_EQ(0, get_info(self->r.fd, &info));
	EXPECT_EQ(5, info.cores_busy);
}

/* --- queues --- */

TEST_F(rig, queue_errors)
{
	struct neuron_ioctl_queue_create q;
	int fd = self->r.fd, file;

	EXPECT_EQ(-EPERM, queue_create(fd, 1, 4, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, 4, 4, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, UINT32_MAX, 4, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, 0, 0, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, 0, 1, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, 0, 3, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, 0, 2048, -1, &q));
	EXPECT_EQ(-EINVAL, queue_create(fd, 0, 4, -2, &q));
	EXPECT_EQ(-EBADF, queue_create(fd, 0, 4, 999, &q));
	file = open("/dev/null", O_RDWR);
	EXPECT_EQ(-EBADF, queue_create(fd, 0, 4, file, &q));
	EXPECT_EQ(0, queue_create(fd, 0, 2, -1, &q));
	EXPECT_EQ(0, queue_create(fd, 0, 1024, -1, &q));
	q = (struct neuron_ioctl_queue_create) { .size = sizeof(q), .entries = 4, .eventfd = -1, .priority = 4 };
	EXPECT_EQ(-EINVAL, call(fd, NEURON_IOCTL_QUEUE_CREATE, &q));
	q.priority = 3;
	EXPECT_EQ(0, call(fd, NEURON_IOCTL_QUEUE_CREATE, &q));
}

TEST_F(rig, queues_run_out_and_come_back)
{
	struct neuron_ioctl_queue_create q[17];
	uint64_t seq;
	int n;

	for (int round = 0; round < 3; round++) {
		for (n = 0; n < 15; n++)
			ASSERT_EQ(0, queue_create(self->r.fd, 0, 4, -1, &q[n]));
		EXPECT_EQ(-ENOSPC, queue_create(self->r.fd, 0, 4, -1, &q[n]));
		for (n = 0; n < 15; n++) {
			ASSERT_EQ(0, submit_nop(self->r.fd, q[n].id, &seq));
			EXPECT_EQ(1, seq);
		}
		for (n = 0; n < 15; n++)
			ASSERT_EQ(0, destroy(self->r.fd, q[n].id));
	}
}

TEST_F(rig, nop)
{
	struct neuron_ioctl_wait w;
	uint64_t seq;

	for (uint64_t i = 1; i <= 100; i++) {
		ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, &seq));
		EXPECT_EQ(i, seq);
		ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq, 10 * SECOND, &w));
		EXPECT_EQ(NEURON_JOB_OK, w.status);
		EXPECT_EQ(i, w.completed);
	}
}

TEST_F(rig, batch)
{
	struct neuron_submit jobs[16];
	struct neuron_ioctl_wait w;
	uint64_t seq;

	memset(jobs, 0, sizeof(jobs));
	for (int i = 0; i < 16; i++)
		jobs[i].op = NEURON_SUBMIT_NOP;
	for (int round = 1; round <= 20; round++) {
		ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, jobs, 16, &seq));
		EXPECT_EQ(round * 16, seq);
		ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq, 10 * SECOND, &w));
	}
}

TEST_F(rig, submit_errors)
{
	struct neuron_submit nop = { .op = NEURON_SUBMIT_NOP }, exec = rig_job(&self->r, NEURON_DMA, 0, 0), j[17];
	uint32_t q = self->r.queue.id;
	struct neuron_ioctl_wait w;
	int fd = self->r.fd;

	for (int i = 0; i < 17; i++)
		j[i] = nop;
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 0, NULL));
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 17, NULL));
	EXPECT_EQ(-EFAULT, submit(fd, q, (void *)16, 1, NULL));
	EXPECT_EQ(-ENOENT, submit(fd, 0, j, 1, NULL));
	EXPECT_EQ(-ENOENT, submit(fd, self->r.context, j, 1, NULL));
	j[1].op = 3;
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 2, NULL));
	j[1] = nop;
	j[1].reserved = 1;
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 2, NULL));
	j[1] = nop;
	j[1].context = self->r.context;
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 2, NULL));
	j[1] = exec;
	j[1].context = 0;
	EXPECT_EQ(-ENOENT, submit(fd, q, j, 2, NULL));
	j[1] = exec;
	j[1].code = 255;
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 2, NULL));
	j[1] = exec;
	j[1].stream[2].offset = 32;
	EXPECT_EQ(-EINVAL, submit(fd, q, j, 2, NULL));
	/* Nothing of all that was submitted. */
	EXPECT_EQ(-EINVAL, wait_job(fd, q, 1, 0, &w));
}

TEST_F(rig, wait_errors)
{
	uint32_t q = self->r.queue.id;
	struct neuron_ioctl_wait w;
	int fd = self->r.fd;

	EXPECT_EQ(-ENOENT, wait_job(fd, 0, 1, 0, &w));
	EXPECT_EQ(-ENOENT, wait_job(fd, self->r.context, 1, 0, &w));
	EXPECT_EQ(-EINVAL, wait_job(fd, q, 0, 0, &w));
	EXPECT_EQ(-EINVAL, wait_job(fd, q, 1, 0, &w));
	EXPECT_EQ(-EINVAL, wait_job(fd, q, UINT64_MAX, 0, &w));
}

TEST_F(rig, records_get_stale)
{
	uint32_t q = self->r.queue.id;
	struct neuron_ioctl_wait w;
	uint64_t seq;

	for (int i = 0; i < 17; i++) {
		ASSERT_EQ(0, submit_nop(self->r.fd, q, &seq));
		ASSERT_EQ(0, wait_job(self->r.fd, q, seq, 10 * SECOND, &w));
	}
	EXPECT_EQ(-ESTALE, wait_job(self->r.fd, q, 1, 0, &w));
	EXPECT_EQ(17, w.completed);
	EXPECT_EQ(0, wait_job(self->r.fd, q, 2, 0, &w));
}

TEST_F(rig, ring_full_and_timeout)
{
	struct neuron_submit slow = rig_long_job(&self->r), j[16];
	struct neuron_ioctl_wait w;
	uint32_t q = self->r.queue.id;
	uint64_t seq, begin;
	int fd = self->r.fd;

	memset(j, 0, sizeof(j));
	for (int i = 0; i < 16; i++)
		j[i].op = NEURON_SUBMIT_NOP;
	ASSERT_EQ(0, submit(fd, q, &slow, 1, &seq));
	EXPECT_EQ(-EAGAIN, submit(fd, q, j, 16, NULL));
	EXPECT_EQ(0, submit(fd, q, j, 15, &seq));
	EXPECT_EQ(16, seq);
	EXPECT_EQ(-EAGAIN, submit(fd, q, j, 1, NULL));
	EXPECT_EQ(-ETIMEDOUT, wait_job(fd, q, 1, 0, &w));
	EXPECT_EQ(0, w.completed);
	begin = now_ns();
	EXPECT_EQ(-ETIMEDOUT, wait_job(fd, q, 16, SECOND / 10, &w));
	EXPECT_LE(SECOND / 10, now_ns() - begin);
	/* Jobs of the context are in flight. */
	EXPECT_EQ(-EBUSY, bind_one(fd, self->r.context, 5, self->r.data_mem.id, 0, 64, NEURON_ACCESS_READ));
	ASSERT_EQ(0, destroy(fd, q));
	EXPECT_EQ(0, bind_one(fd, self->r.context, 5, self->r.data_mem.id, 0, 64, NEURON_ACCESS_READ));
}

struct waiter {
	int fd;
	uint32_t queue;
	int ret;
	struct neuron_ioctl_wait w;
};

static void *wait_in_thread(void *arg)
{
	struct waiter *w = arg;

	w->ret = wait_job(w->fd, w->queue, 1, 60 * SECOND, &w->w);
	return NULL;
}

TEST_F(rig, destroy_ends_jobs_and_waits)
{
	struct neuron_submit slow = rig_long_job(&self->r);
	struct waiter w = { self->r.fd, self->r.queue.id, 0, {} };
	pthread_t thread;
	uint64_t begin;

	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_in_thread, &w));
	usleep(100000);
	begin = now_ns();
	EXPECT_EQ(0, destroy(self->r.fd, self->r.queue.id));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_GT(5 * SECOND, now_ns() - begin);
	EXPECT_EQ(0, w.ret);
	EXPECT_EQ(NEURON_JOB_ABORTED, w.w.status);
	EXPECT_EQ(-ENOENT, submit_nop(self->r.fd, self->r.queue.id, NULL));
}

static void on_signal(int number)
{
	(void)number;
}

TEST_F(rig, signal_during_wait)
{
	struct neuron_submit slow = rig_long_job(&self->r);
	struct sigaction sa = { .sa_handler = on_signal };
	struct neuron_ioctl_wait w;
	timer_t timer;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec when = { .it_value.tv_nsec = 100000000 };
	uint64_t begin = now_ns();

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &ev, &timer));
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, NULL));
	ASSERT_EQ(0, timer_settime(timer, 0, &when, NULL));
	EXPECT_EQ(-EINTR, wait_job(self->r.fd, self->r.queue.id, 1, 20 * SECOND, &w));
	EXPECT_GT(5 * SECOND, now_ns() - begin);
	EXPECT_EQ(0, w.completed);
	/* Nothing was lost. */
	EXPECT_EQ(-ETIMEDOUT, wait_job(self->r.fd, self->r.queue.id, 1, 0, &w));
}

TEST_F(rig, eventfd)
{
	struct neuron_ioctl_queue_create q;
	int event = eventfd(0, EFD_CLOEXEC);
	struct pollfd p = { .fd = event, .events = POLLIN };
	struct neuron_ioctl_wait w;
	uint64_t count, seq;

	ASSERT_LE(0, event);
	ASSERT_EQ(0, queue_create(self->r.fd, 0, 8, event, &q));
	EXPECT_EQ(0, poll(&p, 1, 0));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, submit_nop(self->r.fd, q.id, &seq));
		ASSERT_EQ(1, poll(&p, 1, 10000));
		ASSERT_EQ(8, read(event, &count, 8));
		EXPECT_EQ(1, count);
		EXPECT_EQ(0, wait_job(self->r.fd, q.id, seq, 0, &w));
	}
	/* The queue keeps it, the caller need not. */
	close(event);
	ASSERT_EQ(0, submit_nop(self->r.fd, q.id, &seq));
	ASSERT_EQ(0, wait_job(self->r.fd, q.id, seq, 10 * SECOND, &w));
}

TEST_F(rig, poll)
{
	struct pollfd p = { .fd = self->r.fd, .events = POLLIN };
	struct neuron_ioctl_wait w;
	uint64_t seq;

	EXPECT_EQ(0, poll(&p, 1, 0));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, &seq));
		ASSERT_EQ(1, poll(&p, 1, 10000));
		EXPECT_EQ(POLLIN, p.revents);
		/* Until it was told. */
		EXPECT_EQ(1, poll(&p, 1, 0));
		ASSERT_EQ(0, wait_job(self->r.fd, self->r.queue.id, seq, 0, &w));
		EXPECT_EQ(0, poll(&p, 1, 0));
	}
}

/* A wait that times out tells too: or a caller of poll would spin. */
TEST_F(rig, poll_after_a_wait_that_timed_out)
{
	struct pollfd p = { .fd = self->r.fd, .events = POLLIN };
	struct neuron_submit slow = rig_long_job(&self->r);
	struct neuron_ioctl_wait w;
	uint64_t first, last;

	ASSERT_EQ(0, submit_nop(self->r.fd, self->r.queue.id, &first));
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &slow, 1, &last));
	ASSERT_EQ(1, poll(&p, 1, 10000));
	EXPECT_EQ(-ETIMEDOUT, wait_job(self->r.fd, self->r.queue.id, last, 0, &w));
	EXPECT_EQ(first, w.completed);
	EXPECT_EQ(0, poll(&p, 1, 0));
}

TEST_F(rig, completion_page)
{
	volatile struct neuron_completion_page *page;
	struct neuron_ioctl_queue_create *q = &self->r.queue;
	uint64_t seq, limit = now_ns() + 10 * SECOND;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, q->mmap_length, PROT_READ | PROT_WRITE, MAP_SHARED, self->r.fd, q->mmap_offset));
	EXPECT_EQ(EPERM, errno);
	page = mmap(NULL, q->mmap_length, PROT_READ, MAP_SHARED, self->r.fd, q->mmap_offset);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(-1, mprotect((void *)page, q->mmap_length, PROT_READ | PROT_WRITE));
	EXPECT_LE(sizeof(*page) + 16 * sizeof(page->record[0]), q->mmap_length);
	EXPECT_EQ(0, page->seq);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, submit_nop(self->r.fd, q->id, &seq));
		while (page->seq != seq)
			ASSERT_GT(limit, now_ns());
		EXPECT_EQ(seq, page->record[(seq - 1) % 16].seq);
		EXPECT_EQ(NEURON_JOB_OK, page->record[(seq - 1) % 16].status);
	}
	/* The mapping keeps the page when the queue goes. */
	ASSERT_EQ(0, destroy(self->r.fd, q->id));
	EXPECT_EQ(seq, page->seq);
}

TEST_F(rig, finished_jobs_let_go_of_memory)
{
	struct neuron_ioctl_info before, after;
	struct neuron_submit j = rig_job(&self->r, NEURON_DMA, 0, 1);
	uint64_t seq;

	ASSERT_EQ(0, get_info(self->r.fd, &before));
	self->r.code[0] = insn(NEURON_OP_NOP);
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &j, 1, &seq));
	/* The job uses the context, the context the memory: with the last they all go. */
	ASSERT_EQ(0, munmap(self->r.data, DATA_BYTES));
	ASSERT_EQ(0, destroy(self->r.fd, self->r.data_mem.id));
	ASSERT_EQ(0, destroy(self->r.fd, self->r.context));
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(0, get_info(self->r.fd, &after));
		if (after.mem_free != before.mem_free)
			break;
		usleep(1000);
	}
	EXPECT_EQ(DATA_BYTES, after.mem_free - before.mem_free);
}

static void *submit_in_thread(void *arg)
{
	struct waiter *w = arg;
	uint64_t seq;

	for (int i = 0; i < 200 && !w->ret; i++) {
		do {
			w->ret = submit_nop(w->fd, w->queue, &seq);
		} while (w->ret == -EAGAIN);
		if (!w->ret)
			w->ret = wait_job(w->fd, w->queue, seq, 20 * SECOND, &w->w);
		/* Others may have overtaken this thread by a ring. */
		if (w->ret == -ESTALE)
			w->ret = 0;
	}
	return NULL;
}

TEST_F(rig, threads_share_queues)
{
	struct neuron_ioctl_queue_create q[3];
	struct waiter w[6];
	pthread_t threads[6];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, queue_create(self->r.fd, 0, 4 << i, -1, &q[i]));
	for (int i = 0; i < 6; i++) {
		w[i] = (struct waiter) { self->r.fd, q[i % 3].id, 0, {} };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, submit_in_thread, &w[i]));
	}
	for (int i = 0; i < 6; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, w[i].ret);
	}
}

TEST_F(rig, all_cores)
{
	struct neuron_ioctl_queue_create q[4];
	struct neuron_ioctl_wait w;
	uint64_t seq;

	ASSERT_EQ(0, cores_acquire(self->r.fd, 0xf));
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, queue_create(self->r.fd, i, 4, -1, &q[i]));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, submit_nop(self->r.fd, q[i].id, &seq));
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, wait_job(self->r.fd, q[i].id, seq, 10 * SECOND, &w));
	}
}

TEST_HARNESS_MAIN
