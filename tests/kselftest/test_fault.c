// SPDX-License-Identifier: Apache-2.0
/*
 * Fail the n-th allocation of a call in turn, and the n-th copy from and to user space, until none is left to
 * fail: each ioctl, open, mmap, poll, reset, probe and removal says so with the right error, leaves nothing
 * half-made behind, and works the next time. Needs a kernel with fault injection; skipped on others.
 */
#include "means.h"
#include "fail_nth.h"

#define MOST 20000

/* --- what must be as before --- */

struct state {
	char fdinfo[1024];
	struct neuron_ioctl_info info;
	int64_t pinned;
	int descriptors;
};

static void take_state(int fd, struct state *s)
{
	char path[64], *jobs;
	int in, n;

	*s = (struct state) {};
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	n = read(in, s->fdinfo, sizeof(s->fdinfo) - 1);
	s->fdinfo[n > 0 ? n : 0] = 0;
	close(in);
	/* They only ever grow. */
	jobs = strstr(s->fdinfo, "neuron-jobs");
	if (jobs)
		*jobs = 0;
	s->pinned = pinned();
	for (int i = 0; i < 256; i++)
		s->descriptors += fcntl(i, F_GETFD) >= 0;
	get_info(fd, &s->info);
	s->info.temperature = 0;
}

/* --- the sweep --- */

FIXTURE(fault)
{
	struct means m;
	struct rig second;
	int nth, other;
	uint64_t jobs, batches;
};

FIXTURE_SETUP(fault)
{
	if (!prepare_faults(true))
		SKIP(return, "no fault injection in this kernel");
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->nth);
	ASSERT_EQ(0, means_open(&self->m, NULL));
	self->other = open_device();
	ASSERT_LE(0, self->other);
	self->jobs = self->m.seq;
}

FIXTURE_TEARDOWN(fault)
{
	close(self->other);
	means_close(&self->m);
}

/*
 * One call in many forms: @make what it needs, @run it, @undo what it did if it returned that. @least: as
 * many must have failed.
 */
struct call {
	const char *name;
	int least;
	int (*make)(FIXTURE_DATA(fault) *self);
	int (*run)(FIXTURE_DATA(fault) *self);
	int (*undo)(FIXTURE_DATA(fault) *self, int ret);
};

static void sweep(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self, const struct call *c)
{
	struct state before, after;
	int n, ret, spared = 0;
	bool hit = true;

	for (n = 1; hit && n < MOST; n++) {
		take_state(self->m.fd, &before);
		ASSERT_EQ(0, c->make ? c->make(self) : 0) TH_LOG("%s", c->name);
		set_fail_nth(self->nth, n);
		ret = c->run(self);
		hit = injected(self->nth);
		/* Some allocations have an alternative, or cost nothing but a line in a log. */
		spared += hit && ret >= 0;
		EXPECT_TRUE(ret >= 0 || (hit && (ret == -ENOMEM || ret == -EFAULT))) {
			TH_LOG("%s, allocation %d: %d", c->name, n, ret);
		}
		EXPECT_EQ(0, c->undo ? c->undo(self, ret) : 0) TH_LOG("%s, allocation %d: undo", c->name, n);
		take_state(self->m.fd, &after);
		EXPECT_STREQ(before.fdinfo, after.fdinfo) TH_LOG("%s, allocation %d", c->name, n);
		EXPECT_EQ(before.pinned, after.pinned) TH_LOG("%s, allocation %d", c->name, n);
		EXPECT_EQ(before.descriptors, after.descriptors) TH_LOG("%s, allocation %d", c->name, n);
		ASSERT_EQ(0, memcmp(&before.info, &after.info, sizeof(before.info))) {
			TH_LOG("%s, allocation %d: %llu, %llu bytes are free, cores %x, %x", c->name, n,
			       (unsigned long long)before.info.mem_free, (unsigned long long)after.info.mem_free,
			       before.info.cores_owned, after.info.cores_owned);
		}
	}
	EXPECT_FALSE(hit);
	EXPECT_LE(c->least, n - 2) TH_LOG("%s: not all was tried", c->name);
	TH_LOG("%s: %d failed, %d did without", c->name, n - 2, spared);
}

/* --- every ioctl --- */

static struct {
	enum kind kind;
	union argument arg;
	union element element;
} now;

/* Waits for all that was submitted, also for what nobody could be told of. */
static int drain(int fd, uint32_t queue, uint64_t *seq)
{
	struct neuron_ioctl_wait w;
	int ret;

	while (!(ret = wait_job(fd, queue, *seq + 1, RING_LIMIT, &w)))
		++*seq;
	return ret == -EINVAL ? 0 : ret;
}

static int make_ioctl(FIXTURE_DATA(fault) *self)
{
	struct neuron_ioctl_mem_create mem;
	struct means *m = &self->m;
	int ret = 0;

	base_argument(now.kind, m, &now.arg, &now.element);
	switch (now.kind) {
	case MEM_HOST:
		/* More than one piece. */
		now.arg.mem_create.length = 0x50000;
		break;
	case MEM_USER:
		now.arg.mem_create.length = 0x8000;
		ret = madvise(m->buffer + 0x4000, 0x8000, MADV_DONTNEED);
		break;
	case RELEASE:
		ret = cores_acquire(m->fd, 4);
		break;
	case CANCEL:
		now.arg.cancel.seq = self->jobs;
		break;
	case WAIT:
		now.arg.wait.seq = self->jobs;
		break;
	case DESTROY:
		ret = mem_create(m->fd, NEURON_MEM_HOST, 4096, &mem);
		now.arg.destroy.id = mem.id;
		break;
	default:
		break;
	}
	return ret;
}

static int run_ioctl(FIXTURE_DATA(fault) *self)
{
	return call(self->m.fd, kinds[now.kind].cmd, &now.arg);
}

static int undo_ioctl(FIXTURE_DATA(fault) *self, int ret)
{
	struct means *m = &self->m;
	int error;

	switch (now.kind) {
	case MEM_DEVICE: case MEM_HOST: case MEM_USER: case MEM_DMABUF:
		return ret ? 0 : destroy(m->fd, now.arg.mem_create.id);
	case MEM_EXPORT:
		return ret ? 0 : close(now.arg.mem_export.fd);
	case RING_CREATE:
		return ret ? 0 : destroy(m->fd, now.arg.ring_create.id);
	case CONTEXT_CREATE:
		return ret ? 0 : destroy(m->fd, now.arg.context_create.id);
	case QUEUE_CREATE:
		return ret ? 0 : destroy(m->fd, now.arg.queue_create.id);
	case RING_COPY: case RING_FILL:
		return drain(m->fd, m->ring, &self->batches);
	case SUBMIT_NOP: case SUBMIT_EXEC:
		return drain(m->fd, m->queue.id, &self->jobs);
	/* These are done all the same if only the output failed. */
	case ACQUIRE: case GROUP_ACQUIRE:
		error = cores_release(m->fd, 4);
		return ret && error == -EPERM ? 0 : error;
	case RELEASE:
		error = cores_release(m->fd, 4);
		return error == -EPERM || (ret && !error) ? 0 : -1;
	case DESTROY:
		error = destroy(m->fd, now.arg.destroy.id);
		return error == -ENOENT || (ret && !error) ? 0 : -1;
	default:
		return 0;
	}
}

TEST_F_TIMEOUT(fault, every_allocation_of_every_ioctl, 280)
{
	for (now.kind = 0; now.kind < KINDS; now.kind++) {
		/* Its argument comes in and goes out. */
		const struct call c = { kinds[now.kind].name, 2, make_ioctl, run_ioctl, undo_ioctl };

		sweep(_metadata, self, &c);
	}
}

/* --- what else a file is for --- */

static int run_open(FIXTURE_DATA(fault) *self)
{
	return open_device();
}

static int undo_descriptor(FIXTURE_DATA(fault) *self, int ret)
{
	return ret >= 0 ? close(ret) : 0;
}

/*
 * All of it is touched: a page fault that finds no memory is tried again. Each time where nothing was before,
 * so that there are no page tables yet.
 */
static int map(int fd, uint64_t offset, uint64_t length, int protection)
{
	static uintptr_t place = 0x200000000000;
	volatile uint8_t *p = mmap((void *)(place += 1ull << 30), length, protection,
				   MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	for (uint64_t i = 0; i < length; i += 4096)
		(void)p[i];
	/* In two pieces: there is one mapping more in between. */
	if (munmap((void *)p, 4096))
		return -errno;
	return length > 4096 && munmap((void *)(p + 4096), length - 4096) ? -errno : 0;
}

static int run_map_device(FIXTURE_DATA(fault) *self)
{
	return map(self->m.fd, self->m.device.mmap_offset, MEANS_BYTES, PROT_READ | PROT_WRITE);
}

static int run_map_host(FIXTURE_DATA(fault) *self)
{
	return map(self->m.fd, self->m.host.mmap_offset, MEANS_BYTES, PROT_READ | PROT_WRITE);
}

static int run_map_queue(FIXTURE_DATA(fault) *self)
{
	return map(self->m.fd, self->m.queue.mmap_offset, self->m.queue.mmap_length, PROT_READ);
}

static int run_map_dmabuf(FIXTURE_DATA(fault) *self)
{
	return map(self->m.dmabuf, 0, MEANS_BYTES, PROT_READ | PROT_WRITE);
}

/* More than the few that poll() has room for on the stack, and none is ready. */
static int run_poll(FIXTURE_DATA(fault) *self)
{
	struct pollfd p[40];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = (struct pollfd) { .fd = self->other, .events = POLLIN };
	return poll(p, ARRAY_SIZE(p), 1) < 0 ? -errno : 0;
}

static int read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	char text[4096];

	if (fd < 0)
		return -errno;
	do {
		ret = read(fd, text, sizeof(text));
	} while (ret > 0);
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int run_debugfs(FIXTURE_DATA(fault) *self)
{
	static const char *const names[] = { "queues", "rings", "memory", "watchdog", "coredump" };
	char path[128];
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !ret; i++) {
		snprintf(path, sizeof(path), DEBUGFS "neuron/neuron0/%s", names[i]);
		ret = read_all(path);
		/* Not all kernels have all. */
		ret = ret == -ENOENT || ret == -ENODATA ? 0 : ret;
	}
	return ret;
}

static int make_close(FIXTURE_DATA(fault) *self)
{
	return rig_open(&self->second, 8);
}

/* It cannot fail: nothing is lost for want of memory. */
static int run_close(FIXTURE_DATA(fault) *self)
{
	rig_close(&self->second);
	return 0;
}

TEST_F_TIMEOUT(fault, every_allocation_of_other_calls, 280)
{
	static const struct call calls[] = {
		{ "open", 2, NULL, run_open, undo_descriptor },
		{ "mmap of device memory", 1, NULL, run_map_device, NULL },
		{ "mmap of host memory", 1, NULL, run_map_host, NULL },
		{ "mmap of a completion page", 1, NULL, run_map_queue, NULL },
		{ "mmap of a dma-buf", 1, NULL, run_map_dmabuf, NULL },
		{ "poll", 1, NULL, run_poll, NULL },
		{ "debugfs", 1, NULL, run_debugfs, NULL },
		{ "close", 0, make_close, run_close, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		sweep(_metadata, self, &calls[i]);
}

/* --- the chip comes and goes --- */

FIXTURE(chip)
{
	int nth;
	char pci[32], reset[128], driver[128];
	uint64_t mem_free;
};

static uint64_t mem_free(void)
{
	struct neuron_ioctl_info info = {};
	int fd = wait_for_device();

	get_info(fd, &info);
	close(fd);
	return info.cores_busy ? 0 : info.mem_free;
}

FIXTURE_SETUP(chip)
{
	if (!prepare_faults(true))
		SKIP(return, "no fault injection in this kernel");
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->nth);
	pci_name(self->pci, sizeof(self->pci));
	snprintf(self->reset, sizeof(self->reset), PCI "devices/%s/reset", self->pci);
	snprintf(self->driver, sizeof(self->driver), PCI "devices/%s/driver/module", self->pci);
	self->mem_free = mem_free();
	ASSERT_NE(0, self->mem_free);
}

FIXTURE_TEARDOWN(chip)
{
}

/* The next one helps at the latest. */
TEST_F_TIMEOUT(chip, every_allocation_of_a_reset, 280)
{
	bool hit = true;
	char state[32];
	int n, ret;

	for (n = 1; hit && n < MOST; n++) {
		set_fail_nth(self->nth, n);
		ret = write_file(self->reset, "1");
		hit = injected(self->nth);
		read_line(SYSFS "/state", state, sizeof(state));
		EXPECT_TRUE(!ret || (hit && ret == -ENOMEM)) TH_LOG("allocation %d: %d", n, ret);
		EXPECT_TRUE(!strcmp(state, "ready") || hit) TH_LOG("allocation %d: %s", n, state);
		if (strcmp(state, "ready"))
			EXPECT_EQ(0, write_file(self->reset, "1"));
		ASSERT_EQ(self->mem_free, mem_free()) TH_LOG("allocation %d", n);
	}
	EXPECT_FALSE(hit);
	TH_LOG("%d allocations", n - 2);
}

/*
 * The interrupt core does not look whether it could make the files of /proc/irq/N, and warns that they are not
 * there when it takes them away, whosever interrupt it is (kernel/irq/proc.c). The runner knows that warning;
 * it looks for all others in the log.
 */
#define PANIC_ON_WARN "/proc/sys/kernel/panic_on_warn"

/* EBUSY: the PCI core's word when it has no memory to note down whose BARs they are. */
static bool probe_may_say(int error)
{
	return error == -ENOMEM || error == -EBUSY;
}

/*
 * A probe that fails leaves nothing: the next one gets further, and one without faults works. So does a
 * removal, which cannot fail. A whole probe takes its time: of those that go far only samples.
 */
TEST_F_TIMEOUT(chip, every_allocation_of_a_probe, 14000)
{
	bool every = getenv("NEURON_TEST_LONG"), hit = true, removed = true, bound = true;
	int n, ret, failed = 0;
	char panic[8];

	read_line(PANIC_ON_WARN, panic, sizeof(panic));
	ASSERT_EQ(0, write_file(PANIC_ON_WARN, "0"));
	for (n = 1; hit && n < MOST; n += every || n < 40 ? 1 : n / 4) {
		if (bound) {
			set_fail_nth(self->nth, removed ? n : 0);
			ASSERT_EQ(0, driver_write("unbind", self->pci)) TH_LOG("allocation %d", n);
			removed = injected(self->nth) && removed;
		}
		set_fail_nth(self->nth, n);
		ret = driver_write("bind", self->pci);
		hit = injected(self->nth);
		EXPECT_TRUE(!ret || (hit && probe_may_say(ret))) TH_LOG("allocation %d: %d", n, ret);
		bound = !access(self->driver, F_OK);
		EXPECT_EQ(bound, !ret) TH_LOG("allocation %d: %d", n, ret);
		failed += !bound;
		if (!bound && n % 8 == 0) {
			ASSERT_EQ(0, driver_write("bind", self->pci)) TH_LOG("allocation %d", n);
			bound = true;
		}
		if (bound)
			ASSERT_EQ(self->mem_free, mem_free()) TH_LOG("allocation %d", n);
	}
	if (!bound)
		EXPECT_EQ(0, driver_write("bind", self->pci));
	EXPECT_FALSE(hit);
	EXPECT_EQ(self->mem_free, mem_free());
	EXPECT_EQ(0, write_file(PANIC_ON_WARN, panic));
	/*
	 * Faults did reach it. Which numbers are allocations that a probe cannot do without moves with what the
	 * kernel does meanwhile; of the first 40 about half are.
	 */
	EXPECT_LT(5, failed);
	TH_LOG("up to allocation %d, %d probes failed", n, failed);
}

TEST_HARNESS_MAIN
