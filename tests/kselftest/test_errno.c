// SPDX-License-Identifier: Apache-2.0
/*
 * The errno contract, ioctl by ioctl: sizes, guard pages behind arguments and arrays, each byte of each
 * reserved field, ids of every wrong kind, files whose device has gone or was reset, outputs that cannot be
 * written, signals, and files with several names.
 */
#include "means.h"

#include <sys/socket.h>

FIXTURE(each)
{
	struct means means;
	union argument arg;
	union element element;
	uint8_t *page;		/* the page behind it is not accessible */
};

FIXTURE_VARIANT(each)
{
	enum kind kind;
};

#define VARIANT(name) FIXTURE_VARIANT_ADD(each, name) { .kind = name };
EACH_KIND(VARIANT)

static uint8_t *guarded_page(void)
{
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_NONE) ? NULL : p;
}

FIXTURE_SETUP(each)
{
	ASSERT_EQ(0, means_open(&self->means, NULL));
	self->page = guarded_page();
	ASSERT_NE(NULL, self->page);
}

FIXTURE_TEARDOWN(each)
{
	means_close(&self->means);
}

/* What a valid call gives. */
static int right(enum kind kind)
{
	return kind == DESTROY ? -ENOENT : 0;
}

/* A fresh valid argument; @arg: where the caller puts it. */
#define BASE() base_argument(variant->kind, &self->means, &self->arg, &self->element)

static int called(enum kind kind, struct means *m, void *arg)
{
	struct neuron_ioctl_wait w;
	union argument *a = arg;
	int ret;

	if (kind == RELEASE)
		cores_acquire(m->fd, 4);
	ret = call(m->fd, kinds[kind].cmd, arg);
	if (!ret && (kind == ACQUIRE || kind == GROUP_ACQUIRE))
		cores_release(m->fd, 4);
	if (!ret && kind == MEM_EXPORT)
		close(a->mem_export.fd);
	if (!ret && kind == QUEUE_CREATE)
		destroy(m->fd, a->queue_create.id);
	/* DMA-API debugging takes it for a leak when a page is in more than seven objects. */
	if (!ret && kind >= MEM_DEVICE && kind <= MEM_DMABUF)
		destroy(m->fd, a->mem_create.id);
	/* Room for the next one. */
	if (!ret && (kind == SUBMIT_NOP || kind == SUBMIT_EXEC))
		wait_job(m->fd, m->queue.id, a->submit.seq, 10 * SECOND, &w);
	if (!ret && (kind == RING_COPY || kind == RING_FILL))
		wait_job(m->fd, m->ring, a->ring_submit.seq, 10 * SECOND, &w);
	return ret;
}

#define CALLED(arg) called(variant->kind, &self->means, arg)

TEST_F(each, every_size)
{
	uint32_t size = kinds[variant->kind].size, min = kinds[variant->kind].min;

	for (uint32_t n = 0; n < min; n++) {
		BASE();
		self->arg.size = n;
		EXPECT_EQ(-EINVAL, CALLED(&self->arg));
	}
	/* Of a program that is older, and of one that is newer. */
	for (uint32_t n = min; n <= 4096; n = n < size + 17 ? n + 1 : n * 2) {
		BASE();
		memset((uint8_t *)&self->arg + size, 0, 4096 - size);
		/* What an older program does not pass is 0: not so the descriptor of a dma-buf. */
		if (n < size && (variant->kind == MEM_USER || variant->kind == MEM_DMABUF))
			continue;
		self->arg.size = n;
		EXPECT_EQ(right(variant->kind), CALLED(&self->arg)) TH_LOG("size %u", n);
	}
	BASE();
	self->arg.size = 4097;
	EXPECT_EQ(-E2BIG, CALLED(&self->arg));
	for (uint32_t byte = size; byte < size + 16; byte++) {
		BASE();
		memset((uint8_t *)&self->arg + size, 0, 4096 - size);
		self->arg.size = size + 16;
		((uint8_t *)&self->arg)[byte] = 1;
		EXPECT_EQ(-E2BIG, CALLED(&self->arg));
	}
}

TEST_F(each, argument_at_a_guard_page)
{
	uint32_t size = kinds[variant->kind].size;
	static const uint64_t nowhere[] = { 0, 8, 0x00007ffffffff000, 0x0000800000000000, 0xffff888000000000,
					    0xffffffff81000000, 0xfffffffffffffff8 };

	BASE();
	memcpy(self->page + 4096 - size, &self->arg, size);
	EXPECT_EQ(right(variant->kind), CALLED(self->page + 4096 - size));
	for (uint32_t n = 1; n <= size; n = n * 2 + 1) {
		BASE();
		memcpy(self->page + 4096 - size + n, &self->arg, size - n);
		EXPECT_EQ(-EFAULT, call(self->means.fd, kinds[variant->kind].cmd, self->page + 4096 - size + n));
	}
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		if (nowhere[i] == (uintptr_t)nowhere[i])
			EXPECT_EQ(-EFAULT, call(self->means.fd, kinds[variant->kind].cmd, (void *)(uintptr_t)nowhere[i]));
}

static uint64_t *array_of(enum kind kind, union argument *a)
{
	switch (kind) {
	case COPY:
		return (uint64_t *)&a->copy.copies;
	case RING_COPY: case RING_FILL:
		return (uint64_t *)&a->ring_submit.ops;
	case CONTEXT_BIND:
		return (uint64_t *)&a->context_bind.binds;
	case GROUP_ACQUIRE:
		return (uint64_t *)&a->group_acquire.members;
	case SUBMIT_NOP: case SUBMIT_EXEC:
		return (uint64_t *)&a->submit.jobs;
	default:
		return NULL;
	}
}

TEST_F(each, array_at_a_guard_page)
{
	static const uint64_t nowhere[] = { 0, 8, 0x00007ffffffff000, 0x0000800000000000, 0xffff888000000000,
					    0xffffffffffffffff, 0x100000000 };
	uint32_t size = kinds[variant->kind].element;
	uint64_t *array = array_of(variant->kind, &self->arg);

	for (uint32_t n = 0; array && n <= size; n = n * 2 + 1) {
		BASE();
		memcpy(self->page + 4096 - size + n, &self->element, size - n);
		*array = (uintptr_t)self->page + 4096 - size + n;
		EXPECT_EQ(n ? -EFAULT : 0, CALLED(&self->arg));
	}
	for (size_t i = 0; array && i < ARRAY_SIZE(nowhere); i++) {
		BASE();
		*array = nowhere[i];
		EXPECT_EQ(-EFAULT, CALLED(&self->arg));
	}
}

/* Bytes of the argument (or of the element) that must be 0; where flags mean something, from the next byte on. */
static const struct {
	enum kind kind;
	bool element;
	uint16_t offset, size;
} reserved[] = {
#define ZERO(kind, type, field) \
	{ kind, false, offsetof(struct neuron_ioctl_##type, field), sizeof(((struct neuron_ioctl_##type *)0)->field) }
#define ZERO_IN(kind, type, field) \
	{ kind, true, offsetof(struct neuron_##type, field), sizeof(((struct neuron_##type *)0)->field) }
	ZERO(INFO, info, flags), ZERO(INFO, info, reserved),
	ZERO(MEM_DEVICE, mem_create, flags), ZERO(MEM_HOST, mem_create, flags),
	ZERO(MEM_DEVICE, mem_create, reserved), ZERO(MEM_HOST, mem_create, reserved),
	ZERO(MEM_USER, mem_create, reserved), ZERO(MEM_DMABUF, mem_create, reserved),
	ZERO(MEM_DEVICE, mem_create, reserved2), ZERO(MEM_USER, mem_create, reserved2),
	ZERO(MEM_DMABUF, mem_create, reserved2),
	ZERO(MEM_DEVICE, mem_create, address), ZERO(MEM_DEVICE, mem_create, fd),
	ZERO(MEM_HOST, mem_create, align), ZERO(MEM_HOST, mem_create, address), ZERO(MEM_HOST, mem_create, fd),
	ZERO(MEM_USER, mem_create, align), ZERO(MEM_USER, mem_create, fd),
	ZERO(MEM_DMABUF, mem_create, align), ZERO(MEM_DMABUF, mem_create, address),
	ZERO(MEM_EXPORT, mem_export, flags), ZERO(COPY, copy, flags),
	ZERO(RING_CREATE, ring_create, flags), ZERO(RING_CREATE, ring_create, reserved),
	ZERO(RING_COPY, ring_submit, flags), ZERO_IN(RING_COPY, dma_op, pattern),
	ZERO_IN(RING_FILL, dma_op, src), ZERO_IN(RING_FILL, dma_op, src_offset),
	ZERO(CONTEXT_CREATE, context_create, flags), ZERO(CONTEXT_BIND, context_bind, flags),
	ZERO_IN(CONTEXT_BIND, bind, reserved),
	ZERO(ACQUIRE, cores, flags), ZERO(ACQUIRE, cores, reserved), ZERO(RELEASE, cores, flags),
	ZERO(RELEASE, cores, reserved),
	ZERO(GROUP_ACQUIRE, group_acquire, flags), ZERO(GROUP_ACQUIRE, group_acquire, reserved),
	ZERO(QUEUE_CREATE, queue_create, flags), ZERO(QUEUE_CREATE, queue_create, reserved),
	ZERO(SUBMIT_NOP, submit, flags), ZERO(SUBMIT_EXEC, submit, flags), ZERO_IN(SUBMIT_NOP, submit, reserved),
	ZERO_IN(SUBMIT_EXEC, submit, reserved), ZERO_IN(SUBMIT_NOP, submit, context), ZERO_IN(SUBMIT_NOP, submit, code),
	ZERO_IN(SUBMIT_NOP, submit, stream), ZERO_IN(SUBMIT_NOP, submit, flags), ZERO_IN(SUBMIT_NOP, submit, trace),
	ZERO_IN(SUBMIT_EXEC, submit, flags), ZERO_IN(SUBMIT_EXEC, submit, trace),
	ZERO(CANCEL, cancel, reserved), ZERO(WAIT, wait, flags), ZERO(WAIT, wait, reserved),
};

TEST_F(each, every_byte_that_must_be_zero)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		if (reserved[i].kind != variant->kind)
			continue;
		for (uint16_t byte = 0; byte < reserved[i].size; byte++) {
			uint8_t *at = reserved[i].element ? (uint8_t *)&self->element : (uint8_t *)&self->arg;

			BASE();
			at[reserved[i].offset + byte] = 0x80;
			EXPECT_EQ(-EINVAL, CALLED(&self->arg))
				TH_LOG("%s: byte %u", kinds[variant->kind].name, reserved[i].offset + byte);
		}
	}
}

/* --- outputs that cannot be written --- */

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What nobody was told of is not there: as often as it likes. */
TEST_F(each, read_only_argument)
{
	int before = descriptors(), rounds = variant->kind == CONTEXT_CREATE ? 1100 : 100;
	struct neuron_ioctl_info info[2];

	ASSERT_EQ(0, get_info(self->means.fd, &info[0]));
	for (int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, mprotect(self->page, 4096, PROT_READ | PROT_WRITE));
		BASE();
		memcpy(self->page, &self->arg, kinds[variant->kind].size);
		ASSERT_EQ(0, mprotect(self->page, 4096, PROT_READ));
		if (variant->kind == RELEASE)
			ASSERT_EQ(0, cores_acquire(self->means.fd, 4));
		EXPECT_EQ(right(variant->kind) ? right(variant->kind) : -EFAULT,
			  call(self->means.fd, kinds[variant->kind].cmd, self->page));
		/* These two are done all the same. */
		if (variant->kind == ACQUIRE || variant->kind == GROUP_ACQUIRE)
			EXPECT_EQ(variant->kind == ACQUIRE ? 0 : right(variant->kind), cores_release(self->means.fd, 4));
		if (variant->kind != ACQUIRE && variant->kind != RELEASE && variant->kind != GROUP_ACQUIRE && i == 5)
			EXPECT_EQ(before, descriptors());
		if (variant->kind == RING_COPY || variant->kind == RING_FILL || variant->kind == SUBMIT_NOP ||
		    variant->kind == SUBMIT_EXEC)
			break;
	}
	EXPECT_EQ(before, descriptors());
	ASSERT_EQ(0, get_info(self->means.fd, &info[1]));
	EXPECT_EQ(info[0].mem_free, info[1].mem_free);
	EXPECT_EQ(info[0].cores_owned, info[1].cores_owned);
}

/* --- ids --- */

FIXTURE(ids)
{
	struct means means, other;
	union argument arg;
	union element element;
};

FIXTURE_SETUP(ids)
{
	ASSERT_EQ(0, means_open(&self->means, NULL));
}

FIXTURE_TEARDOWN(ids)
{
	means_close(&self->means);
}

enum { ID_MEM = 1, ID_CONTEXT = 2, ID_QUEUE = 4, ID_RING = 8 };

static const struct {
	enum kind kind;
	bool element;
	uint16_t offset;
	unsigned int fits;
} id_fields[] = {
#define ID(kind, type, field, fits) { kind, false, offsetof(struct neuron_ioctl_##type, field), fits }
#define ID_IN(kind, type, field, fits) { kind, true, offsetof(struct neuron_##type, field), fits }
	ID(MEM_EXPORT, mem_export, id, ID_MEM),
	ID_IN(COPY, copy, src, ID_MEM), ID_IN(COPY, copy, dst, ID_MEM),
	ID(RING_COPY, ring_submit, ring, ID_RING), ID_IN(RING_COPY, dma_op, src, ID_MEM),
	ID_IN(RING_COPY, dma_op, dst, ID_MEM), ID_IN(RING_FILL, dma_op, dst, ID_MEM),
	ID(CONTEXT_BIND, context_bind, context, ID_CONTEXT), ID_IN(CONTEXT_BIND, bind, mem, ID_MEM),
	ID(SUBMIT_NOP, submit, queue, ID_QUEUE), ID_IN(SUBMIT_EXEC, submit, context, ID_CONTEXT),
	ID(CANCEL, cancel, queue, ID_QUEUE), ID(WAIT, wait, queue, ID_QUEUE | ID_RING), ID(DESTROY, destroy, id, 0),
};

/* Ids of other kinds, ids that were never there, and ids that name something else for another file. */
TEST_F(ids, of_the_wrong_kind)
{
	struct means *m = &self->means;
	struct neuron_ioctl_mem_create gone;
	struct {
		uint32_t id;
		unsigned int is;
	} tried[10];

	ASSERT_EQ(0, mem_create(m->fd, NEURON_MEM_HOST, 4096, &gone));
	ASSERT_EQ(0, destroy(m->fd, gone.id));
	tried[0].id = m->device.id, tried[0].is = ID_MEM;
	tried[1].id = m->host.id, tried[1].is = ID_MEM;
	tried[2].id = m->user.id, tried[2].is = ID_MEM;
	tried[3].id = m->context, tried[3].is = ID_CONTEXT;
	tried[4].id = m->queue.id, tried[4].is = ID_QUEUE;
	tried[5].id = m->ring, tried[5].is = ID_RING;
	tried[6].id = gone.id, tried[6].is = 0;
	tried[7].id = 0xffffffff, tried[7].is = 0;
	tried[8].id = 0x1000000, tried[8].is = 0;
	tried[9].id = 0, tried[9].is = 0;
	for (size_t f = 0; f < ARRAY_SIZE(id_fields); f++)
		for (size_t i = 0; i < ARRAY_SIZE(tried); i++) {
			uint8_t *at = id_fields[f].element ? (uint8_t *)&self->element : (uint8_t *)&self->arg;

			/* Right, or another meaning: unbind. */
			if (tried[i].is & id_fields[f].fits || (!tried[i].id && id_fields[f].kind == CONTEXT_BIND) ||
			    (tried[i].is && id_fields[f].kind == DESTROY))
				continue;
			base_argument(id_fields[f].kind, m, &self->arg, &self->element);
			memcpy(at + id_fields[f].offset, &tried[i].id, 4);
			EXPECT_EQ(-ENOENT, call(m->fd, kinds[id_fields[f].kind].cmd, &self->arg))
				TH_LOG("%s, field at %u, id %u", kinds[id_fields[f].kind].name, id_fields[f].offset,
				       tried[i].id);
		}
}

/* --- files that their device has left --- */

/* Every ioctl says the same, its arrays in order or not. */
static void all_say(struct __test_metadata *_metadata, struct means *m, int error)
{
	union argument arg;
	union element element;

	for (enum kind kind = INFO; kind < KINDS; kind++) {
		base_argument(kind, m, &arg, &element);
		EXPECT_EQ(error, call(m->fd, kinds[kind].cmd, &arg)) TH_LOG("%s", kinds[kind].name);
	}
}

TEST_F(ids, of_a_device_that_was_reset)
{
	char path[256], pci[32];
	int fd;

	pci_name(pci, sizeof(pci));
	snprintf(path, sizeof(path), PCI "devices/%s/reset", pci);
	ASSERT_EQ(0, write_file(path, "1"));
	all_say(_metadata, &self->means, -EIO);
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	all_say(_metadata, &self->means, -EIO);
	close(fd);
}

TEST_F(ids, of_a_device_that_has_gone)
{
	char pci[32];
	int fd;

	pci_name(pci, sizeof(pci));
	ASSERT_EQ(0, driver_write("unbind", pci));
	all_say(_metadata, &self->means, -ENODEV);
	ASSERT_EQ(0, driver_write("bind", pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	all_say(_metadata, &self->means, -ENODEV);
	close(fd);
}

/* --- one file, several names --- */

static int pass(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 'x';
	struct iovec v = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(to, &msg, 0) == 1 ? 0 : -errno;
}

static int take(int from)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte;
	struct iovec v = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* Ids, cores and jobs are the open file's: of whoever has it, by dup(), fork() or a socket, until the last closes. */
TEST_F(ids, belong_to_the_open_file)
{
	struct means *m = &self->means;
	int copy_fd = dup(m->fd), pair[2], status;
	struct neuron_ioctl_info info;
	struct neuron_ioctl_wait w;
	uint64_t seq;
	pid_t pid;

	ASSERT_LE(0, copy_fd);
	EXPECT_EQ(0, copy(copy_fd, m->device.id, 0, m->host.id, 0, 4096));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	pid = fork();
	if (!pid) {
		int fd;

		/* Its own names go: only what comes over the socket is left. */
		close(m->fd);
		close(copy_fd);
		if (setresuid(1001, 1001, 1001))
			_exit(1);
		fd = take(pair[1]);
		if (fd < 0 || copy(fd, m->device.id, 0, m->host.id, 0, 4096))
			_exit(2);
		if (submit_nop(fd, m->queue.id, &seq) || wait_job(fd, m->queue.id, seq, 10 * SECOND, &w))
			_exit(3);
		if (get_info(fd, &info) || info.cores_owned != 2)
			_exit(4);
		if (destroy(fd, m->context))
			_exit(5);
		_exit(0);
	}
	ASSERT_EQ(0, pass(pair[0], m->fd));
	ASSERT_EQ(0, close(m->fd));
	m->fd = copy_fd;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-ENOENT, destroy(m->fd, m->context));
	ASSERT_EQ(0, get_info(m->fd, &info));
	EXPECT_EQ(2, info.cores_owned);
	close(pair[0]);
	close(pair[1]);
}

/* --- memory that the chip may not write --- */

TEST_F(ids, read_only_memory)
{
	struct means *m = &self->means;
	struct neuron_ioctl_mem_create user = m->user;

	user.flags = NEURON_MEM_READONLY;
	user.address += 0x8000;
	user.id = 0;
	user.mmap_offset = 0;
	ASSERT_EQ(0, call(m->fd, NEURON_IOCTL_MEM_CREATE, &user));
	for (enum kind kind = RING_COPY; kind <= RING_FILL; kind++) {
		base_argument(kind, m, &self->arg, &self->element);
		self->element.op.dst = user.id;
		EXPECT_EQ(-EACCES, call(m->fd, NEURON_IOCTL_RING_SUBMIT, &self->arg));
	}
	EXPECT_EQ(-EACCES, copy(m->fd, user.id, 0, m->host.id, 0, 64));
	EXPECT_EQ(0, copy(m->fd, m->host.id, 0, user.id, 0, 64));
}

/* --- signals --- */

static void on_alarm(int number)
{
	(void)number;
}

/* Copies are carried out whatever comes; what was asked for is there when they return. */
TEST_F(ids, signals_during_copies)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec often = { { 0, 200000 }, { 0, 200000 } };
	struct neuron_copy c[64];
	uint32_t done;

	for (int i = 0; i < 64; i++)
		c[i] = (struct neuron_copy) { .src = self->means.host.id, .dst = self->means.device.id,
					      .length = MEANS_BYTES };
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &often, NULL));
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(0, copies(self->means.fd, c, 64, &done));
		EXPECT_EQ(64, done);
	}
	timer_delete(timer);
}

TEST_HARNESS_MAIN
