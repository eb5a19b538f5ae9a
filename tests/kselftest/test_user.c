// SPDX-License-Identifier: Apache-2.0
/*
 * Pinned user memory: every error, every alignment, the limit, and what processes do to their memory and to
 * themselves while the chip has it.
 */
#include "mem.h"

#include <linux/userfaultfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define NOBODY 65534

FIXTURE(user)
{
	int fd;
	long page;
	struct neuron_ioctl_mem_create dev;
	uint8_t *p;		/* anonymous, LENGTH bytes */
};

#define LENGTH (4 * MIB)

static uint8_t *map(uint64_t length, int prot)
{
	return mmap(NULL, length, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

FIXTURE_SETUP(user)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	self->page = sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->dev));
	self->p = map(LENGTH, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN(user)
{
	close(self->fd);
}

TEST_F(user, is_announced)
{
	struct neuron_ioctl_info info;

	ASSERT_EQ(0, get_info(self->fd, &info));
	EXPECT_EQ(NEURON_FEATURE_USERPTR, info.features & NEURON_FEATURE_USERPTR);
}

TEST_F(user, bad_arguments)
{
	struct neuron_ioctl_mem_create m, ok;

	ok = (struct neuron_ioctl_mem_create) {
		.size = sizeof(ok),
		.type = NEURON_MEM_USER,
		.length = 100,
		.address = (uintptr_t)self->p,
	};
	m = ok;
	m.length = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	m = ok;
	m.align = self->page;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	m = ok;
	m.fd = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	m = ok;
	m.reserved2 = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	m = ok;
	m.flags = 2;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	/* What only this type has. */
	m = ok;
	m.type = NEURON_MEM_HOST;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	m.address = 0;
	m.flags = NEURON_MEM_READONLY;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	m = ok;
	EXPECT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	EXPECT_EQ(0, m.mmap_offset);
	EXPECT_EQ(100, m.length);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd, self->dev.mmap_offset / self->dev.id * m.id));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(user, not_the_callers_memory)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *q = mem_map(self->fd, &self->dev), *hole;
	int memory;

	EXPECT_EQ(-EFAULT, user_create(self->fd, NULL, 1, 0, &m));
	EXPECT_EQ(-EFAULT, user_create(self->fd, NULL, 1, NEURON_MEM_READONLY, &m));
	/* Kernel addresses, holes of the address space, and over its end. */
	EXPECT_EQ(-EFAULT, user_create(self->fd, (void *)0xffff888000000000, 4096, 0, &m));
	EXPECT_EQ(-EFAULT, user_create(self->fd, (void *)0x800000000000, 4096, 0, &m));
	EXPECT_EQ(-EFAULT, user_create(self->fd, (void *)-4096, 8192, 0, &m));
	EXPECT_EQ(-EFAULT, user_create(self->fd, (void *)-1, 2, NEURON_MEM_READONLY, &m));
	/* Not all of it is there. */
	hole = map(8 * self->page, PROT_READ | PROT_WRITE);
	ASSERT_EQ(0, munmap(hole + 5 * self->page, self->page));
	EXPECT_EQ(-EFAULT, user_create(self->fd, hole, 5 * self->page + 1, 0, &m));
	EXPECT_EQ(0, user_create(self->fd, hole, 5 * self->page, 0, &m));
	EXPECT_EQ(0, destroy(self->fd, m.id));
	/* Device memory. */
	ASSERT_NE(MAP_FAILED, q);
	q[0] = 1;
	EXPECT_EQ(-EFAULT, user_create(self->fd, q, 4096, 0, &m));
	EXPECT_EQ(-EFAULT, user_create(self->fd, q, 4096, NEURON_MEM_READONLY, &m));
	/* Behind the end of a file. */
	memory = memfd_create("short", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(memory, self->page));
	q = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	EXPECT_EQ(-EFAULT, user_create(self->fd, q, 2 * self->page, 0, &m));
	/* No less than there is in the machine. */
	EXPECT_EQ(-ENOMEM, user_create(self->fd, self->p, 1ull << 40, 0, &m));
	EXPECT_EQ(-ENOMEM, user_create(self->fd, self->p, UINT64_MAX, 0, &m));
	/* What failed half way has let go. */
	EXPECT_EQ(0, pinned());
}

TEST_F(user, not_writable)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *q = map(2 * self->page, PROT_READ | PROT_WRITE);

	fill(q, 2 * self->page, 1);
	ASSERT_EQ(0, mprotect(q, 2 * self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, user_create(self->fd, q, 2 * self->page, 0, &m));
	ASSERT_EQ(0, user_create(self->fd, q, 2 * self->page, NEURON_MEM_READONLY, &m));
	EXPECT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, 2 * self->page));
	ASSERT_EQ(0, mprotect(q, 2 * self->page, PROT_NONE));
	EXPECT_EQ(-EFAULT, user_create(self->fd, q, 2 * self->page, NEURON_MEM_READONLY, &m));
}

TEST_F(user, readonly_is_not_written)
{
	struct neuron_ioctl_mem_create m;
	struct neuron_copy c[2];
	uint32_t done;

	memset(self->p, 0x5a, 100);
	ASSERT_EQ(0, user_create(self->fd, self->p, 100, NEURON_MEM_READONLY, &m));
	c[0] = (struct neuron_copy) { m.id, self->dev.id, 0, 0, 50 };
	c[1] = (struct neuron_copy) { self->dev.id, m.id, 0, 0, 50 };
	EXPECT_EQ(-EACCES, copies(self->fd, c, 2, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0x5a, self->p[0]);
	EXPECT_EQ(0, copies(self->fd, c, 1, &done));
}

/* A read-only pin of memory that was never written must not stick to the page of zeros. */
TEST_F(user, readonly_before_the_first_write)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *q = mem_map(self->fd, &self->dev);

	ASSERT_EQ(0, user_create(self->fd, self->p, 0x10000, NEURON_MEM_READONLY, &m));
	fill(self->p, 0x10000, 7);
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, 0x10000));
	EXPECT_TRUE(same(self->p, q, 0x10000));
}

TEST_F(user, any_alignment)
{
	static const uint32_t offsets[] = { 0, 1, 63, 4095 }, lengths[] = { 1, 3, 64, 4096, 4097, 8191, 0x10001 };
	struct neuron_ioctl_mem_create in, out;
	uint8_t *q = map(0x20000, PROT_READ | PROT_WRITE);

	fill(self->p, 0x20000, 3);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 7; j++) {
			uint32_t o = offsets[i], d = offsets[3 - i] + 8, n = lengths[j];

			ASSERT_EQ(0, user_create(self->fd, self->p + o, n, 0, &in));
			ASSERT_EQ(0, user_create(self->fd, q + d, n, 0, &out));
			memset(q, 0xee, 0x20000);
			ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, in.id, 0, n));
			ASSERT_EQ(0, copy(self->fd, out.id, 0, self->dev.id, 0, n));
			ASSERT_TRUE(same(self->p + o, q + d, n)) {
				TH_LOG("%u bytes from %u to %u", n, o, d);
			}
			/* Nothing beside it. */
			ASSERT_EQ(0xee, q[d - 1]);
			ASSERT_EQ(0xee, q[d + n]);
			EXPECT_EQ(-ERANGE, copy(self->fd, out.id, n, self->dev.id, 0, 1));
			EXPECT_EQ(-ERANGE, copy(self->fd, out.id, 0, self->dev.id, 0, n + 1));
			ASSERT_EQ(0, destroy(self->fd, in.id));
			ASSERT_EQ(0, destroy(self->fd, out.id));
		}
	}
	EXPECT_EQ(0, pinned());
}

TEST_F(user, large_and_scattered)
{
	const uint64_t n = 24 * MIB;
	struct neuron_ioctl_mem_create in, out, dev;
	uint8_t *p = map(n, PROT_READ | PROT_WRITE), *q = map(n, PROT_READ | PROT_WRITE);

	/* Pages in another order than addresses. */
	for (uint64_t i = 0; i < n; i += 3 * self->page)
		p[i] = 1;
	fill(p, n, 5);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, n, &dev));
	ASSERT_EQ(0, user_create(self->fd, p + 5, n - 5, NEURON_MEM_READONLY, &in));
	ASSERT_EQ(0, user_create(self->fd, q, n, 0, &out));
	ASSERT_EQ(0, copy(self->fd, dev.id, 0, in.id, 0, n - 5));
	ASSERT_EQ(0, copy(self->fd, out.id, 0, dev.id, 0, n - 5));
	EXPECT_TRUE(same(p + 5, q, n - 5));
	/* The same memory once more, and from one to the other. */
	memset(q, 0, n);
	ASSERT_EQ(0, copy(self->fd, out.id, 11, in.id, 3, n - 16));
	EXPECT_TRUE(same(p + 8, q + 11, n - 16));
}

TEST_F(user, counts_as_pinned)
{
	struct neuron_ioctl_mem_create m[3];
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pinned());
	ASSERT_EQ(0, user_create(self->fd, self->p, LENGTH, 0, &m[0]));
	EXPECT_EQ(LENGTH, pinned());
	EXPECT_EQ(LENGTH, fdinfo(self->fd, "neuron-memory-user"));
	/* Every page that a byte of it is in, as often as it is pinned. */
	ASSERT_EQ(0, user_create(fd, self->p + 4095, 2, 0, &m[1]));
	EXPECT_EQ((int64_t)(LENGTH + 2 * 4096), pinned());
	ASSERT_EQ(0, destroy(self->fd, m[0].id));
	EXPECT_EQ(2 * 4096, pinned());
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-user"));
	close(fd);
	EXPECT_EQ(0, pinned());
}

/* As a user without privileges: 0, or where it failed. */
static int limited(int fd, uint8_t *p)
{
	struct rlimit limit = { 0x10000, 0x10000 };
	struct neuron_ioctl_mem_create a, b;

	/* What counts is the limit; a privileged process has none. */
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return 1;
	if (user_create(fd, p, 0x11000, 0, &a) || destroy(fd, a.id))
		return 2;
	if (setresuid(NOBODY, NOBODY, NOBODY))
		return 3;
	if (user_create(fd, p, 0x11000, 0, &a) != -ENOMEM || pinned())
		return 4;
	if (user_create(fd, p, 0x10000, 0, &a))
		return 5;
	if (user_create(fd, p, 1, NEURON_MEM_READONLY, &b) != -ENOMEM)
		return 6;
	if (destroy(fd, a.id) || user_create(fd, p, 1, 0, &b) || destroy(fd, b.id))
		return 7;
	/* A failure on the way must not use the limit up. */
	for (int i = 0; i < 40; i++)
		if (user_create(fd, (void *)(uintptr_t)4096, 0x1000, 0, &b) != -EFAULT)
			return 8;
	return user_create(fd, p, 0x10000, 0, &a) ? 9 : 0;
}

TEST_F(user, limit)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(limited(self->fd, self->p));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status >> 8);
	EXPECT_EQ(0, pinned());
	EXPECT_EQ(0x10000, fdinfo(self->fd, "neuron-memory-user"));
}

TEST_F(user, given_back_by_another_process)
{
	struct neuron_ioctl_mem_create m;
	int status;
	pid_t pid;

	ASSERT_EQ(0, user_create(self->fd, self->p, LENGTH, 0, &m));
	pid = fork();
	if (!pid)
		_exit(pinned() || destroy(self->fd, m.id) || pinned());
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pinned());
}

/* Memory of a process that is no more; the file of which lives on. */
TEST_F(user, outlives_its_process)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *q = mem_map(self->fd, &self->dev);
	int pipes[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	if (!pid) {
		uint8_t *p = map(0x20000, PROT_READ | PROT_WRITE);

		fill(p, 0x20000, 77);
		if (user_create(self->fd, p, 0x20000, 0, &m))
			_exit(1);
		(void)!write(pipes[1], &m, sizeof(m));
		_exit(0);
	}
	ASSERT_EQ(sizeof(m), read(pipes[0], &m, sizeof(m)));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, 0x20000));
	fill(self->p, 0x20000, 77);
	EXPECT_TRUE(same(self->p, q, 0x20000));
	EXPECT_EQ(0, pinned());
	EXPECT_EQ(0, destroy(self->fd, m.id));
	EXPECT_EQ(0, pinned());
}

/* After a fork the chip and the parent must still see the same pages, whoever writes first. */
TEST_F(user, fork_while_pinned)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *q = mem_map(self->fd, &self->dev);
	int up[2], status;
	pid_t pid;
	char c;

	memset(self->p, 1, 0x10000);
	ASSERT_EQ(0, pipe(up));
	ASSERT_EQ(0, user_create(self->fd, self->p, 0x10000, 0, &m));
	pid = fork();
	if (!pid) {
		/* The child's copy is its own. */
		memset(self->p, 2, 0x10000);
		(void)!write(up[1], "x", 1);
		pause();
		_exit(0);
	}
	ASSERT_EQ(1, read(up[0], &c, 1));
	EXPECT_EQ(1, self->p[0]);
	fill(self->p, 0x10000, 9);
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, 0x10000));
	EXPECT_TRUE(same(self->p, q, 0x10000));
	memset(q, 0xab, 0x10000);
	ASSERT_EQ(0, copy(self->fd, m.id, 0, self->dev.id, 0, 0x10000));
	EXPECT_EQ(0xab, self->p[0]);
	EXPECT_EQ(0xab, self->p[0xffff]);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0x10000, pinned());
}

TEST_F(user, munmap_while_pinned)
{
	struct neuron_ioctl_mem_create m;
	uint8_t *q = mem_map(self->fd, &self->dev), *other;

	fill(self->p, MIB, 13);
	ASSERT_EQ(0, user_create(self->fd, self->p, MIB, 0, &m));
	ASSERT_EQ(0, munmap(self->p, LENGTH));
	/* Somebody else's now, and not what the chip has. */
	other = mmap(self->p, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(self->p, other);
	memset(other, 0x11, LENGTH);
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, MIB));
	fill(other, MIB, 13);
	EXPECT_TRUE(same(other, q, MIB));
	memset(other, 0x11, MIB);
	ASSERT_EQ(0, copy(self->fd, m.id, 0, self->dev.id, MIB, MIB));
	EXPECT_EQ(0x11, other[0]);
	EXPECT_EQ(0x11, other[MIB - 1]);
	EXPECT_EQ(MIB, pinned());
	ASSERT_EQ(0, destroy(self->fd, m.id));
	EXPECT_EQ(0, pinned());
}

TEST_F(user, shared_memory)
{
	struct neuron_ioctl_mem_create m;
	int memory = memfd_create("shared", MFD_CLOEXEC);
	uint8_t *a, *b, *q = mem_map(self->fd, &self->dev);

	ASSERT_EQ(0, ftruncate(memory, MIB));
	a = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	b = mmap(NULL, MIB, PROT_READ, MAP_SHARED, memory, 0);
	ASSERT_EQ(0, user_create(self->fd, a, MIB, 0, &m));
	fill(q, MIB, 21);
	ASSERT_EQ(0, copy(self->fd, m.id, 0, self->dev.id, 0, MIB));
	EXPECT_TRUE(same(b, q, MIB));
}

TEST_F(user, in_a_segment)
{
	struct neuron_ioctl_mem_create m, readonly;
	struct neuron_ioctl_wait w;
	struct neuron_submit job;
	struct rig r;
	uint8_t *q;

	ASSERT_EQ(0, rig_open(&r, 16));
	q = map(4096, PROT_READ | PROT_WRITE);
	ASSERT_EQ(0, user_create(r.fd, q, 4096, 0, &m));
	ASSERT_EQ(0, user_create(r.fd, q, 4096, NEURON_MEM_READONLY, &readonly));
	EXPECT_EQ(-EACCES, bind_one(r.fd, r.context, 3, readonly.id, 0, 4096, NEURON_ACCESS_WRITE));
	EXPECT_EQ(0, bind_one(r.fd, r.context, 3, readonly.id, 0, 4096, NEURON_ACCESS_READ));
	EXPECT_EQ(-ERANGE, bind_one(r.fd, r.context, 3, m.id, 1, 4096, NEURON_ACCESS_WRITE));
	ASSERT_EQ(0, bind_one(r.fd, r.context, 3, m.id, 64, 256, NEURON_ACCESS_WRITE));
	/* The context keeps it. */
	ASSERT_EQ(0, destroy(r.fd, m.id));
	EXPECT_EQ(2 * 4096, pinned());
	memset(r.data, 0x3c, 64);
	r.code[0] = insn_copy(3, 128, 1, 0, 1);
	job = rig_job(&r, NEURON_DMA, 0, 1);
	ASSERT_EQ(NEURON_JOB_OK, rig_run(&r, &job, &w));
	EXPECT_EQ(0x3c, q[64 + 128]);
	EXPECT_EQ(0x3c, q[64 + 191]);
	EXPECT_EQ(0, q[64 + 192]);
	rig_close(&r);
	EXPECT_EQ(0, pinned());
}

TEST_F(user, unbind_lets_go)
{
	struct neuron_ioctl_mem_create m;
	char pci[32];
	int fd;

	pci_name(pci, sizeof(pci));
	ASSERT_EQ(0, user_create(self->fd, self->p, LENGTH, 0, &m));
	EXPECT_EQ(LENGTH, pinned());
	ASSERT_EQ(0, driver_write("unbind", pci));
	EXPECT_EQ(0, pinned());
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-user"));
	EXPECT_EQ(-ENODEV, user_create(self->fd, self->p, LENGTH, 0, &m));
	EXPECT_EQ(0, pinned());
	memset(self->p, 1, LENGTH);
	ASSERT_EQ(0, driver_write("bind", pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
}

struct faulting {
	int uffd, told;
};

/* Says that a fault has come, and lets it wait. */
static void *see_fault(void *arg)
{
	struct faulting *f = arg;
	struct uffd_msg msg;

	if (read(f->uffd, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT &&
	    write(f->told, "f", 1) == 1)
		pause();
	return NULL;
}

/* Pins memory of which a part never comes; ends only by a failure. */
static void pin_for_ever(int fd, int told)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	uint8_t *p = map(LENGTH, PROT_READ | PROT_WRITE);
	struct faulting f = { .told = told };
	struct neuron_ioctl_mem_create m;
	pthread_t thread;

	f.uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	range.range.start = (uintptr_t)p + MIB;
	range.range.len = MIB;
	if (ioctl(f.uffd, UFFDIO_API, &api) || ioctl(f.uffd, UFFDIO_REGISTER, &range) ||
	    pthread_create(&thread, NULL, see_fault, &f))
		_exit(1);
	_exit(user_create(fd, p, LENGTH, 0, &m) == -EFAULT ? 2 : 3);
}

/* Memory whose faults nobody resolves: the caller hangs, nobody else does. */
TEST_F(user, a_fault_for_ever)
{
	int uffd, status, fd, told[2];
	char pci[32], byte;
	pid_t pid;

	uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	if (uffd < 0)
		SKIP(return, "no userfaultfd");
	close(uffd);
	ASSERT_EQ(0, pipe(told));
	pid = fork();
	if (!pid)
		pin_for_ever(self->fd, told[1]);
	close(told[1]);
	if (read(told[0], &byte, 1) != 1) {
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(2 << 8, status);
		SKIP(return, "this kernel does not let a pin wait: EFAULT at once");
	}
	close(told[0]);
	pci_name(pci, sizeof(pci));
	ASSERT_EQ(0, driver_write("unbind", pci));
	ASSERT_EQ(0, driver_write("bind", pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_HARNESS_MAIN
