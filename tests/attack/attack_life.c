// SPDX-License-Identifier: Apache-2.0
/*
 * Attacks by time: what was freed and is still used, what was used and is not wiped, what changes
 * between a check and its use, and what a file learns of others.
 */
#include "attack.h"

#include <sched.h>

ATTACK_FIXTURE(life);

/* --- memory that changes owner --- */

/* All that the victim had comes back to the next owner as zeros. */
TEST_F_TIMEOUT(life, nothing_left_in_memory, 120)
{
	uint64_t chunk = 4 * MIB;

	EXPECT_TRUE(victim_unharmed(&self->victim));
	victim_leave(&self->victim);
	for (int channel = 0; channel < 2; channel++) {
		struct neuron_ioctl_mem_create mem = {
			.size = sizeof(mem),
			.type = NEURON_MEM_DEVICE,
			.channel = channel,
			.length = chunk,
		};
		uint8_t *p;

		ASSERT_EQ(0, call(self->rig.fd, NEURON_IOCTL_MEM_CREATE, &mem));
		p = mem_map(self->rig.fd, &mem);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_zero(p, chunk));
		munmap(p, chunk);
	}
	for (int i = 0; i < 64; i++) {
		struct neuron_ioctl_mem_create mem;
		uint8_t *p;

		ASSERT_EQ(0, mem_create(self->rig.fd, NEURON_MEM_HOST, 0x10000, &mem));
		p = mem_map(self->rig.fd, &mem);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_zero(p, 0x10000));
		munmap(p, 0x10000);
	}
}

/* A new queue's completion page and a new context say nothing of the last one's. */
TEST_F(life, nothing_left_in_queues)
{
	struct neuron_ioctl_queue_create q;
	struct neuron_ioctl_wait w;
	uint8_t *page;
	uint64_t seq;

	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, submit_nop(self->rig.fd, self->rig.queue.id, &seq));
	ASSERT_EQ(0, wait_job(self->rig.fd, self->rig.queue.id, seq, 10 * SECOND, &w));
	ASSERT_EQ(0, destroy(self->rig.fd, self->rig.queue.id));
	ASSERT_EQ(0, queue_create(self->rig.fd, 0, 256, -1, &q));
	page = mmap(NULL, q.mmap_length, PROT_READ, MAP_SHARED, self->rig.fd, q.mmap_offset);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_TRUE(all_zero(page, q.mmap_length));
	munmap(page, q.mmap_length);
}

/* --- memory that is given up while a job uses it --- */

/* The job goes on with what it had; whoever gets memory meanwhile never sees the job in it. */
TEST_F_TIMEOUT(life, memory_destroyed_under_a_job, 120)
{
	struct rig *r = &self->rig;
	struct neuron_submit job = rig_long_job(r);
	struct neuron_ioctl_mem_create mem[8];
	struct neuron_ioctl_wait w;
	int other = open_device();
	uint8_t *p[8];
	uint64_t seq;

	ASSERT_LE(0, other);
	memset(r->data, 0x5a, DATA_BYTES);
	ASSERT_EQ(0, submit(r->fd, r->queue.id, &job, 1, &seq));
	munmap(r->data, DATA_BYTES);
	r->data = NULL;
	ASSERT_EQ(0, destroy(r->fd, r->data_mem.id));
	ASSERT_EQ(0, destroy(r->fd, r->context));
	ASSERT_EQ(0, destroy(r->fd, r->code_mem.id));
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, mem_create(other, NEURON_MEM_DEVICE, DATA_BYTES, &mem[i]));
		p[i] = mem_map(other, &mem[i]);
		ASSERT_NE(MAP_FAILED, p[i]);
		EXPECT_TRUE(all_zero(p[i], DATA_BYTES));
	}
	usleep(200000);
	EXPECT_EQ(-ETIMEDOUT, wait_job(r->fd, r->queue.id, seq, 0, &w));
	for (int i = 0; i < 8; i++)
		EXPECT_TRUE(all_zero(p[i], DATA_BYTES));
	ASSERT_EQ(0, cancel(r->fd, r->queue.id, seq, 0));
	ASSERT_EQ(0, wait_job(r->fd, r->queue.id, seq, 30 * SECOND, &w));
	EXPECT_EQ(NEURON_JOB_ABORTED, w.status);
	for (int i = 0; i < 8; i++) {
		EXPECT_TRUE(all_zero(p[i], DATA_BYTES));
		munmap(p[i], DATA_BYTES);
	}
	close(other);
}

/* The same with the whole file: what it had is given away only once its jobs have ended. */
TEST_F_TIMEOUT(life, file_closed_under_jobs, 120)
{
	struct neuron_ioctl_mem_create mem;
	uint8_t *p;

	for (int round = 0; round < 5; round++) {
		struct rig r;
		struct neuron_submit job;
		int other = open_device();

		ASSERT_LE(0, other);
		ASSERT_EQ(0, destroy(self->rig.fd, self->rig.queue.id));
		ASSERT_EQ(0, cores_release(self->rig.fd, 1));
		ASSERT_EQ(0, rig_open(&r, 16));
		job = rig_long_job(&r);
		memset(r.data, 0x5a, DATA_BYTES);
		ASSERT_EQ(0, submit(r.fd, r.queue.id, &job, 1, NULL));
		usleep(20000);
		rig_close(&r);
		ASSERT_EQ(0, mem_create(other, NEURON_MEM_DEVICE, MIB, &mem));
		p = mem_map(other, &mem);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all_zero(p, MIB));
		usleep(50000);
		EXPECT_TRUE(all_zero(p, MIB));
		munmap(p, MIB);
		close(other);
		ASSERT_EQ(0, cores_acquire(self->rig.fd, 1));
		ASSERT_EQ(0, queue_create(self->rig.fd, 0, 16, -1, &self->rig.queue));
	}
}

/* Ids that were destroyed name nothing, whatever they are used as. */
TEST_F(life, ids_after_destroy)
{
	struct rig *r = &self->rig;
	struct neuron_ioctl_mem_create mem;
	struct neuron_submit job = { .op = NEURON_SUBMIT_EXEC };
	uint32_t context;

	ASSERT_EQ(0, mem_create(r->fd, NEURON_MEM_DEVICE, 4096, &mem));
	ASSERT_EQ(0, context_create(r->fd, 4, &context));
	ASSERT_EQ(0, destroy(r->fd, mem.id));
	ASSERT_EQ(0, destroy(r->fd, context));
	EXPECT_EQ(-ENOENT, destroy(r->fd, mem.id));
	EXPECT_EQ(-ENOENT, copy(r->fd, mem.id, 0, r->host_mem.id, 0, 64));
	EXPECT_EQ(-ENOENT, copy(r->fd, r->host_mem.id, 0, mem.id, 0, 64));
	EXPECT_EQ(-ENOENT, bind_one(r->fd, r->context, 3, mem.id, 0, 64, NEURON_ACCESS_READ));
	EXPECT_EQ(-ENOENT, bind_one(r->fd, context, 0, r->data_mem.id, 0, 64, NEURON_ACCESS_READ));
	job.context = context;
	EXPECT_EQ(-ENOENT, submit(r->fd, r->queue.id, &job, 1, NULL));
	EXPECT_EQ(MAP_FAILED, mem_map(r->fd, &mem));
	ASSERT_EQ(0, destroy(r->fd, r->queue.id));
	EXPECT_EQ(-ENOENT, submit_nop(r->fd, r->queue.id, NULL));
	EXPECT_EQ(-ENOENT, cancel(r->fd, r->queue.id, 1, 0));
}

/* --- arguments that change during the call --- */

struct flipper {
	volatile uint64_t *at;
	uint64_t a, b;
	volatile bool stop;
};

static void *flip(void *data)
{
	struct flipper *f = data;

	while (!f->stop) {
		*f->at = f->a;
		for (volatile int i = 0; i < 300; i++)
			;
		*f->at = f->b;
		for (volatile int i = 0; i < 300; i++)
			;
	}
	return NULL;
}

/* Checked once, used once: a range is right or refused, whatever another thread writes meanwhile. */
TEST_F_TIMEOUT(life, arrays_that_change, 120)
{
	struct rig *r = &self->rig;
	struct neuron_ioctl_mem_create mem;
	struct neuron_copy copy_op = { .length = 4096 };
	struct neuron_bind bind = { .segment = 3, .length = 4096, .access = NEURON_ACCESS_READ };
	struct flipper f[2] = {
		{ .at = (uint64_t *)&copy_op.dst_offset, .a = 0, .b = -4096ull },
		{ .at = (uint64_t *)&bind.offset, .a = 0, .b = DATA_BYTES },
	};
	unsigned int results[4] = {};
	pthread_t threads[2];

	ASSERT_EQ(0, mem_create(r->fd, NEURON_MEM_DEVICE, 4096, &mem));
	copy_op.src = r->host_mem.id;
	copy_op.dst = mem.id;
	bind.mem = r->data_mem.id;
	memset(r->host, 0xc3, 4096);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, flip, &f[i]));
	for (int i = 0; i < 500; i++) {
		int ret = copies(r->fd, &copy_op, 1, NULL);

		EXPECT_TRUE(!ret || ret == -ERANGE);
		results[!!ret]++;
		ret = bind_all(r->fd, r->context, &bind, 1);
		EXPECT_TRUE(!ret || ret == -ERANGE);
		results[2 + !!ret]++;
	}
	for (int i = 0; i < 2; i++) {
		f[i].stop = true;
		pthread_join(threads[i], NULL);
	}
	TH_LOG("copies %u right, %u refused; binds %u, %u", results[0], results[1], results[2], results[3]);
	EXPECT_LT(0, results[0]);
	EXPECT_LT(0, results[2]);
}

/* The size is read before the rest: neither more nor less than the first one counts. */
TEST_F_TIMEOUT(life, size_that_changes, 120)
{
	struct {
		struct neuron_ioctl_info info;
		uint8_t behind[64];
	} arg;
	struct flipper f = { .at = (uint64_t *)&arg, .a = sizeof(arg.info), .b = 4096 };
	pthread_t thread;

	memset(&arg, 0, sizeof(arg));
	memset(arg.behind, 0xa5, sizeof(arg.behind));
	ASSERT_EQ(0, pthread_create(&thread, NULL, flip, &f));
	for (int i = 0; i < 2000; i++) {
		call(self->rig.fd, NEURON_IOCTL_INFO, &arg);
		for (size_t b = 0; b < sizeof(arg.behind); b++)
			ASSERT_EQ(0xa5, arg.behind[b]);
		memset((uint8_t *)&arg + 8, 0, sizeof(arg.info) - 8);
	}
	f.stop = true;
	pthread_join(thread, NULL);
}

/* --- what a file learns of others --- */

/* Counts of others' memory, cores and queues are not in ours; processes of other users are closed. */
TEST_F(life, accounts_are_a_files_own)
{
	char path[64];
	int fd = open_device();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fdinfo(fd, "neuron-memory-device"));
	EXPECT_EQ(0, fdinfo(fd, "neuron-memory-host"));
	EXPECT_EQ(0, fdinfo(fd, "neuron-cores"));
	EXPECT_EQ(0, fdinfo(fd, "neuron-queues"));
	EXPECT_EQ(0, fdinfo(fd, "neuron-jobs"));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", self->victim.pid);
	EXPECT_EQ(-1, open(path, O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof(path), "/proc/%d/fd", self->victim.pid);
	EXPECT_EQ(-1, open(path, O_RDONLY | O_DIRECTORY));
	close(fd);
}

/* In a namespace where its pid means nothing, the holder of a core is nobody. */
TEST(holder_in_another_pid_namespace)
{
	struct neuron_ioctl_cores cores = { .size = sizeof(cores), .mask = 1 };
	int owner = open_device(), status;
	pid_t pid;

	ASSERT_LE(0, owner);
	ASSERT_EQ(0, cores_acquire(owner, 1));
	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	pid = fork();
	if (!pid) {
		int fd = open_device();

		cores.holder = 12345;
		_exit(call(fd, NEURON_IOCTL_CORES_ACQUIRE, &cores) == -EBUSY && cores.busy == 1 && !cores.holder ? 0 : 1);
	}
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	cores.holder = 0;
	EXPECT_EQ(0, cores_release(owner, 1));
	close(owner);
}

TEST_HARNESS_MAIN
