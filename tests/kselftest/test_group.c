// SPDX-License-Identifier: Apache-2.0
/*
 * NeuronCores of several files and chips taken in one step, and who owns them after that. What needs more chips
 * than the guest has is skipped.
 */
#include "util.h"
#include <sched.h>
#include <sys/socket.h>

#define CHIPS_MAX NEURON_GROUP_MAX

static int open_chip(int n)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/dev/neuron%d", n);
	fd = open(name, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static uint32_t cores_owned(int fd)
{
	struct neuron_ioctl_info info = {};

	return get_info(fd, &info) ? 0xffffffff : info.cores_owned;
}

static uint32_t cores_busy(int fd)
{
	struct neuron_ioctl_info info = {};

	return get_info(fd, &info) ? 0xffffffff : info.cores_busy;
}

FIXTURE(group)
{
	int chips;
	int fd[CHIPS_MAX];
};

FIXTURE_SETUP(group)
{
	for (self->chips = 0; self->chips < CHIPS_MAX; self->chips++) {
		self->fd[self->chips] = open_chip(self->chips);
		if (self->fd[self->chips] < 0)
			break;
	}
	ASSERT_LE(1, self->chips);
}

FIXTURE_TEARDOWN(group)
{
	for (int i = 0; i < self->chips; i++)
		close(self->fd[i]);
}

TEST_F(group, one_to_four_cores)
{
	struct neuron_group_member m = { .fd = self->fd[0] };

	for (m.mask = 1; m.mask < 16; m.mask++) {
		ASSERT_EQ(0, group_acquire(self->fd[0], &m, 1));
		EXPECT_EQ(m.mask, cores_owned(self->fd[0]));
		/* Again, and less: what is owned is no obstacle. */
		ASSERT_EQ(0, group_acquire(self->fd[0], &m, 1));
		ASSERT_EQ(0, cores_release(self->fd[0], m.mask));
		EXPECT_EQ(0, cores_busy(self->fd[0]));
	}
}

TEST_F(group, the_caller_need_not_be_a_member)
{
	struct neuron_group_member m = { .mask = 5 };

	m.fd = open_device();
	ASSERT_LE(0, m.fd);
	ASSERT_EQ(0, group_acquire(self->fd[0], &m, 1));
	EXPECT_EQ(0, cores_owned(self->fd[0]));
	EXPECT_EQ(5, cores_owned(m.fd));
	EXPECT_EQ(-EPERM, cores_release(self->fd[0], 5));
	ASSERT_EQ(0, close(m.fd));
	EXPECT_EQ(0, cores_busy(self->fd[0]));
}

TEST_F(group, errors)
{
	struct neuron_ioctl_group_acquire arg = { .size = sizeof(arg), .count = 1 };
	struct neuron_group_member m[NEURON_GROUP_MAX + 1] = { { .fd = self->fd[0], .mask = 1 } };
	int fd = self->fd[0], null = open("/dev/null", O_RDWR), event = eventfd(0, 0);
	int again = open_device(), path = open(DEVICE, O_PATH);

	EXPECT_EQ(-EINVAL, group_acquire(fd, m, 0));
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, NEURON_GROUP_MAX + 1));
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, UINT32_MAX));
	EXPECT_EQ(-EFAULT, group_acquire(fd, (void *)16, 1));
	EXPECT_EQ(-EFAULT, group_acquire(fd, NULL, 1));
	arg.members = (uintptr_t)m;
	arg.flags = 1;
	EXPECT_EQ(-EINVAL, call(fd, NEURON_IOCTL_GROUP_ACQUIRE, &arg));
	arg.flags = 0;
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, call(fd, NEURON_IOCTL_GROUP_ACQUIRE, &arg));
	m[0].mask = 0;
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, 1));
	m[0].mask = 0x11;
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, 1));
	m[0].mask = 0x80000001;
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, 1));
	m[0].mask = 1;
	/* The second is wrong: the first gets nothing. */
	m[1].mask = 2;
	int wrong[] = { -1, 1000, null, event, path };

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		m[1].fd = wrong[i];
		EXPECT_EQ(-EBADF, group_acquire(fd, m, 2));
	}
	/* One device twice, by one file or by two. */
	m[1].fd = fd;
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, 2));
	m[1].fd = again;
	EXPECT_EQ(-EINVAL, group_acquire(fd, m, 2));
	EXPECT_EQ(0, cores_busy(fd));
}

/* A process that owns cores until it is told to go. */
static pid_t holder(int chip, uint32_t mask, int *stop)
{
	int ready[2], go[2];
	char c = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		int fd = open_chip(chip);

		close(go[1]);
		if (fd >= 0 && !cores_acquire(fd, mask) && write(ready[1], &c, 1) == 1)
			(void)!read(go[0], &c, 1);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	if (read(ready[0], &c, 1) != 1)
		return -1;
	close(ready[0]);
	*stop = go[1];
	return pid;
}

TEST_F(group, busy_names_cores_and_holder)
{
	struct neuron_group_member m = { .fd = self->fd[0], .mask = 0xf, .busy = 99, .holder = 99 };
	struct neuron_ioctl_cores old = { .size = sizeof(old), .mask = 0xf };
	int stop;
	pid_t pid = holder(0, 0xc, &stop);

	ASSERT_LT(0, pid);
	ASSERT_EQ(-EBUSY, group_acquire(self->fd[0], &m, 1));
	EXPECT_EQ(0xc, m.busy);
	EXPECT_EQ(pid, m.holder);
	EXPECT_EQ(0xf, m.mask);
	EXPECT_EQ(0, cores_owned(self->fd[0]));
	/* As the older call says. */
	ASSERT_EQ(-EBUSY, call(self->fd[0], NEURON_IOCTL_CORES_ACQUIRE, &old));
	EXPECT_EQ(m.busy, old.busy);
	EXPECT_EQ(m.holder, old.holder);
	m.mask = 3;
	ASSERT_EQ(0, group_acquire(self->fd[0], &m, 1));
	close(stop);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	m.mask = 0xf;
	EXPECT_EQ(0, group_acquire(self->fd[0], &m, 1));
	EXPECT_EQ(0xf, cores_owned(self->fd[0]));
}

TEST_F(group, members_that_cannot_be_written)
{
	struct neuron_group_member *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int stop;
	pid_t pid = holder(0, 1, &stop);

	ASSERT_LT(0, pid);
	ASSERT_NE(MAP_FAILED, m);
	*m = (struct neuron_group_member) { .fd = self->fd[0], .mask = 1 };
	ASSERT_EQ(0, mprotect(m, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, group_acquire(self->fd[0], m, 1));
	close(stop);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	/* Nothing is written when nothing is busy. */
	EXPECT_EQ(0, group_acquire(self->fd[0], m, 1));
}

/* --- who owns: the open file, whoever has a descriptor of it --- */

static int send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(to, &msg, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(from, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

TEST_F(group, dup_is_the_same_file)
{
	struct neuron_group_member m = { .mask = 3 };
	struct neuron_ioctl_queue_create q;
	int file = open_device();

	m.fd = dup(file);
	ASSERT_LE(0, m.fd);
	ASSERT_EQ(0, group_acquire(m.fd, &m, 1));
	EXPECT_EQ(3, cores_owned(file));
	EXPECT_EQ(0, queue_create(file, 1, 4, -1, &q));
	ASSERT_EQ(0, close(m.fd));
	EXPECT_EQ(3, cores_owned(file));
	EXPECT_EQ(0, submit_nop(file, q.id, NULL));
	/* A file of its own is not. */
	EXPECT_EQ(-EPERM, queue_create(self->fd[0], 1, 4, -1, &q));
	ASSERT_EQ(0, close(file));
	EXPECT_EQ(0, cores_busy(self->fd[0]));
}

TEST_F(group, passed_to_another_process)
{
	int file = open_device(), sockets[2], status = -1;
	struct neuron_group_member m = { .fd = file, .mask = 6 };
	struct neuron_ioctl_queue_create q;
	struct neuron_ioctl_wait w;
	uint64_t seq;
	pid_t pid;

	ASSERT_EQ(0, group_acquire(file, &m, 1));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	pid = fork();
	if (!pid) {
		int got;

		close(file);
		close(sockets[0]);
		got = receive_fd(sockets[1]);
		/* Until the parent has closed its own. */
		(void)!read(sockets[1], &status, 1);
		if (queue_create(got, 2, 4, -1, &q) || submit_nop(got, q.id, &seq) ||
		    wait_job(got, q.id, seq, 10 * SECOND, &w))
			_exit(1);
		_exit(queue_create(got, 0, 4, -1, &q) == -EPERM ? 0 : 2);
	}
	close(sockets[1]);
	ASSERT_EQ(0, send_fd(sockets[0], file));
	ASSERT_EQ(0, close(file));
	EXPECT_EQ(6, cores_busy(self->fd[0]));
	close(sockets[0]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, cores_busy(self->fd[0]));
}

struct taker {
	struct neuron_group_member member[CHIPS_MAX];
	int count;
	_Atomic int *owners;
	unsigned int taken, busy;
	int ret;
};

static void *take_and_release(void *arg)
{
	struct taker *t = arg;

	for (int i = 0; i < 150 && !t->ret; i++) {
		int ret = group_acquire(t->member[0].fd, t->member, t->count);

		if (ret == -EBUSY) {
			t->busy++;
			sched_yield();
			continue;
		}
		t->ret = ret;
		/* All or nothing: never two that have all. */
		if (!ret && ++*t->owners != 1)
			t->ret = -EEXIST;
		t->taken++;
		--*t->owners;
		for (int k = 0; k < t->count && !t->ret; k++)
			t->ret = cores_release(t->member[k].fd, 0xf);
	}
	return NULL;
}

/* Groups of the same cores, named in different orders: nobody waits for ever, and one has them. */
TEST_F_TIMEOUT(group, taken_by_many_at_once, 120)
{
	struct taker t[4] = {};
	pthread_t thread[4];
	_Atomic int owners = 0;
	unsigned int taken = 0;

	for (int i = 0; i < 4; i++) {
		t[i].owners = &owners;
		t[i].count = self->chips;
		for (int k = 0; k < self->chips; k++) {
			int chip = i % 2 ? self->chips - 1 - k : k;

			t[i].member[k] = (struct neuron_group_member) { .fd = open_chip(chip), .mask = 0xf };
		}
	}
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, take_and_release, &t[i]));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(0, t[i].ret);
		taken += t[i].taken;
	}
	EXPECT_LT(0, taken);
	TH_LOG("taken %u times", taken);
}

/* --- several chips --- */

struct rewriter {
	struct neuron_group_member *member;
	int other;
	bool stop;
};

/* Members that are good, that name a core which is not there, and a file that is none. */
static void *rewrite_member(void *arg)
{
	struct rewriter *r = arg;
	int fd = r->member->fd;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(&r->member->mask, 1u << 31, __ATOMIC_RELAXED);
		__atomic_store_n(&r->member->fd, r->other, __ATOMIC_RELAXED);
		__atomic_store_n(&r->member->fd, fd, __ATOMIC_RELAXED);
		__atomic_store_n(&r->member->mask, 6, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F_TIMEOUT(group, members_that_change_during_the_call, 120)
{
	struct neuron_group_member m = { .fd = self->fd[0], .mask = 6 };
	struct rewriter r = { .member = &m, .other = open("/dev/null", O_RDWR) };
	unsigned int good = 0, bad = 0;
	pthread_t thread;

	ASSERT_LE(0, r.other);
	ASSERT_EQ(0, pthread_create(&thread, NULL, rewrite_member, &r));
	/* What was checked is what is taken: both cores or none, and no other. */
	for (int i = 0; i < 100000 && (!good || !bad || i < 2000); i++) {
		int ret = group_acquire(self->fd[0], &m, 1);

		good += !ret;
		bad += !!ret;
		if (ret)
			ASSERT_TRUE(ret == -EINVAL || ret == -EBADF || ret == -ERANGE);
		ASSERT_EQ(ret ? 0 : 6, cores_owned(self->fd[0]));
		if (!ret)
			ASSERT_EQ(0, cores_release(self->fd[0], 6));
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, good);
	EXPECT_LT(0, bad);
	close(r.other);
}

TEST_F(group, all_cores_of_all_chips)
{
	struct neuron_group_member m[CHIPS_MAX];
	struct neuron_ioctl_queue_create q;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pollfd p = { .fd = event, .events = POLLIN };
	uint64_t count, told = 0, seq;
	struct neuron_ioctl_wait w;

	for (int i = 0; i < self->chips; i++)
		m[i] = (struct neuron_group_member) { .fd = self->fd[i], .mask = 0xf };
	ASSERT_EQ(0, group_acquire(self->fd[self->chips - 1], m, self->chips));
	/* One eventfd for all of the group's queues. */
	for (int i = 0; i < self->chips; i++) {
		EXPECT_EQ(0xf, cores_owned(self->fd[i]));
		for (int core = 0; core < 4; core++) {
			ASSERT_EQ(0, queue_create(self->fd[i], core, 2, event, &q));
			ASSERT_EQ(0, submit_nop(self->fd[i], q.id, &seq));
			ASSERT_EQ(0, wait_job(self->fd[i], q.id, seq, 10 * SECOND, &w));
			EXPECT_EQ(NEURON_JOB_OK, w.status);
		}
	}
	while (told < 4 * (uint64_t)self->chips && poll(&p, 1, 10000) == 1)
		if (read(event, &count, 8) == 8)
			told += count;
	EXPECT_EQ(4 * self->chips, told);
}

TEST_F(group, all_or_nothing_over_chips)
{
	struct neuron_group_member m[2] = { { .fd = self->fd[0], .mask = 3 }, { .mask = 7 } };
	int stop;
	pid_t pid;

	if (self->chips < 2)
		SKIP(return, "needs two chips");
	m[1].fd = self->fd[1];
	pid = holder(1, 4, &stop);
	ASSERT_LT(0, pid);
	m[0].busy = m[0].holder = 99;
	ASSERT_EQ(-EBUSY, group_acquire(self->fd[0], m, 2));
	EXPECT_EQ(0, m[0].busy);
	EXPECT_EQ(0, m[0].holder);
	EXPECT_EQ(4, m[1].busy);
	EXPECT_EQ(pid, m[1].holder);
	EXPECT_EQ(0, cores_busy(self->fd[0]));
	EXPECT_EQ(0, cores_owned(self->fd[1]));
	close(stop);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(0, group_acquire(self->fd[0], m, 2));
	EXPECT_EQ(3, cores_owned(self->fd[0]));
	EXPECT_EQ(7, cores_owned(self->fd[1]));
	/* Each file gives back its own. */
	ASSERT_EQ(0, cores_release(self->fd[0], 3));
	EXPECT_EQ(7, cores_owned(self->fd[1]));
}

TEST_F(group, a_chip_that_is_gone)
{
	struct neuron_group_member m[2] = { { .fd = self->fd[0], .mask = 1 }, { .mask = 1 } };
	char link[512], *pci;
	ssize_t n;
	int fd = -1;

	if (self->chips < 2)
		SKIP(return, "needs two chips");
	m[1].fd = self->fd[1];
	n = readlink("/sys/class/neuron_device/neuron1/device", link, sizeof(link) - 1);
	ASSERT_LT(0, n);
	link[n] = 0;
	pci = strrchr(link, '/') + 1;
	ASSERT_EQ(0, driver_write("unbind", pci));
	EXPECT_EQ(-ENODEV, group_acquire(self->fd[0], m, 2));
	EXPECT_EQ(0, cores_busy(self->fd[0]));
	ASSERT_EQ(0, driver_write("bind", pci));
	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = open_chip(1);
		usleep(10000);
	}
	ASSERT_LE(0, fd);
	/* The old file stays without; the new one works. */
	EXPECT_EQ(-ENODEV, group_acquire(self->fd[0], m, 2));
	m[1].fd = fd;
	EXPECT_EQ(0, group_acquire(self->fd[0], m, 2));
	close(fd);
}

TEST_HARNESS_MAIN
