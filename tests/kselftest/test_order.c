// SPDX-License-Identifier: Apache-2.0
/*
 * What has to be done before what, and who must not wait for whom, held apart by tests/kmod/neuron_pause_test.c (who
 * calls a function of the kernel is held there) or seen by probes of the kernel's tracing. Skipped without them.
 */
#include "util.h"
#include <sched.h>

#define PAUSE "/sys/module/neuron_pause_test/parameters/"
#define TRACING "/sys/kernel/tracing/"

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- somebody is held --- */

static bool pause_arm(const char *symbol)
{
	char command[128];

	snprintf(command, sizeof(command), "modprobe neuron_pause_test symbol=%s 2>/dev/null", symbol);
	return !run(command);
}

static bool is_paused(void)
{
	char text[8];

	read_line(PAUSE "paused", text, sizeof(text));
	return text[0] == 'Y';
}

static bool wait_paused(void)
{
	uint64_t limit = now_ns() + 30 * SECOND;

	while (!is_paused() && now_ns() < limit)
		usleep(1000);
	return is_paused();
}

static void set_free(void)
{
	write_file(PAUSE "go", "1");
}

FIXTURE(order)
{
	int fd;
	char pci[32];
	uint8_t *p;
	struct neuron_ioctl_mem_create user;
};

FIXTURE_SETUP(order)
{
	if (bounces() || run("modinfo neuron_pause_test >/dev/null 2>&1"))
		SKIP(return, "this kernel has no kprobes, or cannot pin");
	pci_name(self->pci, sizeof(self->pci));
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	self->p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->p);
	self->user = (struct neuron_ioctl_mem_create) {
		.size = sizeof(self->user), .type = NEURON_MEM_USER, .length = MIB, .address = (uintptr_t)self->p,
	};
	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_CREATE, &self->user));
}

FIXTURE_TEARDOWN(order)
{
}

static void *destroy_user(void *arg)
{
	FIXTURE_DATA(order) *self = arg;

	return (void *)(intptr_t)destroy(self->fd, self->user.id);
}

static void *close_file(void *arg)
{
	FIXTURE_DATA(order) *self = arg;

	return (void *)(intptr_t)close(self->fd);
}

/* Unpinning waits for page locks, which others may have for ever: nobody else may wait for it. */
static void unpin(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self, void *(*give_up)(void *))
{
	pthread_t thread;
	void *ret;
	int fd;

	ASSERT_TRUE(pause_arm("unpin_user_pages_dirty_lock"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, give_up, self));
	ASSERT_TRUE(wait_paused());
	EXPECT_EQ(0, driver_write("unbind", self->pci));
	EXPECT_EQ(0, driver_write("bind", self->pci));
	EXPECT_TRUE(is_paused());
	set_free();
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (intptr_t)ret);
	EXPECT_EQ(0, pinned());
	EXPECT_EQ(0, run("rmmod neuron_pause_test"));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
}

TEST_F(order, unbind_while_destroy_unpins)
{
	unpin(_metadata, self, destroy_user);
}

TEST_F(order, unbind_while_close_unpins)
{
	unpin(_metadata, self, close_file);
}

static void *reset(void *pci)
{
	char path[128];

	snprintf(path, sizeof(path), PCI "devices/%s/reset", (char *)pci);
	return (void *)(intptr_t)write_file(path, "1");
}

TEST_F(order, calls_while_a_reset_unpins)
{
	struct neuron_ioctl_info info;
	pthread_t thread;
	void *ret;
	int fd;

	ASSERT_TRUE(pause_arm("unpin_user_pages_dirty_lock"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset, self->pci));
	ASSERT_TRUE(wait_paused());
	EXPECT_EQ(-EIO, get_info(self->fd, &info));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_paused());
	set_free();
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (intptr_t)ret);
	EXPECT_EQ(0, run("rmmod neuron_pause_test"));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
}

static void *bind_chip(void *arg)
{
	FIXTURE_DATA(order) *self = arg;

	return (void *)(intptr_t)driver_write("bind", self->pci);
}

/* What happens when the chip runs already and probe has not ended: it is reset as soon as it has. */
TEST_F(order, chip_that_breaks_during_probe)
{
	struct neuron_ioctl_info info;
	pthread_t thread;
	void *ret;
	int fd;

	ASSERT_EQ(0, driver_write("unbind", self->pci));
	/* The last file of debugfs; "recover" is there. */
	ASSERT_TRUE(pause_arm("neuron_coredump_debugfs"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_chip, self));
	ASSERT_TRUE(wait_paused());
	EXPECT_EQ(0, write_file("/sys/kernel/debug/neuron/neuron0/recover", "device"));
	set_free();
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (intptr_t)ret);
	EXPECT_EQ(0, run("rmmod neuron_pause_test"));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(1, info.resets);
	close(fd);
}

/* --- calls that are traced --- */

static bool trace(const char *first, const char *second)
{
	char probes[256];

	snprintf(probes, sizeof(probes), "p:neuron_order/first %s\np:neuron_order/second %s\n", first, second);
	return !write_file(TRACING "kprobe_events", probes) && !write_file(TRACING "trace", "") &&
	       !write_file(TRACING "events/neuron_order/enable", "1");
}

/* Whether the first function was called before the second was, by anybody. */
static bool in_order(void)
{
	bool first = false, second = false;
	char line[512];
	FILE *f;

	write_file(TRACING "events/neuron_order/enable", "0");
	f = fopen(TRACING "trace", "re");
	while (f && !second && fgets(line, sizeof(line), f)) {
		first |= !!strstr(line, " first: ");
		second = strstr(line, " second: ");
	}
	if (f)
		fclose(f);
	write_file(TRACING "kprobe_events", "");
	return first && second;
}

FIXTURE(traced)
{
	char pci[32];
};

FIXTURE_SETUP(traced)
{
	if (access(TRACING "kprobe_events", W_OK))
		SKIP(return, "this kernel has no kprobes");
	pci_name(self->pci, sizeof(self->pci));
}

FIXTURE_TEARDOWN(traced)
{
}

/* While the device is there, what the chip cannot use is unmapped. */
TEST_F(traced, pages_that_cannot_be_used)
{
	struct neuron_ioctl_mem_create m = { .size = sizeof(m), .type = NEURON_MEM_USER, .length = MIB };
	int fd = open_device();

	if (!bounces())
		SKIP(return, "no swiotlb=force");
	ASSERT_LE(0, fd);
	m.address = (uintptr_t)mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(trace("dma_unmap_sg_attrs", "neuron_file_leave"));
	EXPECT_EQ(-EOPNOTSUPP, call(fd, NEURON_IOCTL_MEM_CREATE, &m));
	EXPECT_TRUE(in_order());
	close(fd);
}

#define IMAGE "/usr/lib/firmware/neuron/inferentia.bin"

/* The chip does not say that it has stopped to read: it must not reach memory any more before that is freed. */
TEST_F(traced, firmware_that_does_not_start)
{
	int fd;

	if (bounces())
		SKIP(return, "once is enough");
	ASSERT_EQ(0, run("rmmod neuron && cp " IMAGE " /tmp/image && "
			 "printf spoilt | dd of=" IMAGE " bs=1 seek=4096 conv=notrunc 2>/dev/null"));
	/* neuron's functions are not there yet. */
	ASSERT_TRUE(trace("pci_clear_master", "dma_free_attrs"));
	run("modprobe neuron fw_load=1");
	EXPECT_TRUE(in_order());
	EXPECT_EQ(-ENOENT, open_device());
	/* Its firmware stands still, which is for the next probe to mend. */
	ASSERT_EQ(0, run("cp /tmp/image " IMAGE " && rmmod neuron; modprobe neuron"));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
}

/* --- those that do not get to run --- */

#define OWNERS 4		/* as many as there are DMA rings */
#define CHUNK (4 * MIB)		/* what a ring gets at a time */
#define HOG_SECONDS 20
#define TRIES 500

struct shared {
	_Atomic bool stop, spin, spinning;
};

static void on_cpu(int cpu, int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO ? 50 : 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, policy, &param))
		_exit(3);
}

static int owner(struct shared *s)
{
	struct neuron_ioctl_mem_create a, b;
	int fd = open_device(), ret;

	ret = fd < 0 ? fd : mem_create(fd, NEURON_MEM_DEVICE, CHUNK, &a);
	ret = ret ? ret : mem_create(fd, NEURON_MEM_DEVICE, CHUNK, &b);
	on_cpu(0, SCHED_IDLE);
	while (!ret && !s->stop)
		ret = copy(fd, b.id, 0, a.id, 0, CHUNK);
	return ret ? 2 : 0;
}

/* While it spins nobody else runs on its CPU, however long they wait. */
static int hog(struct shared *s)
{
	uint64_t end;

	on_cpu(0, SCHED_FIFO);
	while (!s->stop) {
		end = now_ns() + HOG_SECONDS * SECOND;
		s->spinning = s->spin;
		while (s->spin && now_ns() < end)
			;
		s->spinning = s->spin = false;
		usleep(2000);
	}
	return 0;
}

static pid_t child(int (*run)(struct shared *), struct shared *s)
{
	pid_t pid = fork();

	if (!pid)
		_exit(run(s));
	return pid;
}

/* Whether somebody's way into the kernel led there. */
static bool is_in(pid_t pid, const char *function)
{
	char path[64], text[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	if (f)
		fclose(f);
	return strstr(text, function);
}

/* Stopped where each has a ring; the hog spins then. */
static bool stop_owners(struct shared *s, const pid_t *pids)
{
	int there = 0;

	for (int i = 0; i < TRIES && there < OWNERS; i++) {
		s->spin = false;
		while (s->spinning)
			usleep(100);
		usleep(1000 + i % 7 * 500);
		s->spin = true;
		while (!s->spinning)
			usleep(100);
		for (there = 0; there < OWNERS && is_in(pids[there], "neuron_udma_wait"); there++)
			;
	}
	return there == OWNERS;
}

/* Four tasks that hardly ever run have a DMA ring each while they wait, and then do not run at all. */
TEST(rings_of_those_that_do_not_run)
{
	static const char runtime[] = "/proc/sys/kernel/sched_rt_runtime_us";
	static const char server[] = "/sys/kernel/debug/sched/fair_server/cpu0/runtime";
	struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct neuron_ioctl_mem_create host, dev;
	char old_runtime[32], old_server[32];
	pid_t pids[OWNERS + 1];
	int fd = open_device();
	bool stopped;
	uint8_t *p;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || bounces())
		SKIP(return, "one CPU, or once is enough");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_HOST, 8192, &host));
	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, 8192, &dev));
	p = mem_map(fd, &host);
	ASSERT_NE(MAP_FAILED, p);
	fill(p, 4096, 5);
	/* Neither by what the kernel keeps from real-time tasks. */
	read_line(runtime, old_runtime, sizeof(old_runtime));
	read_line(server, old_server, sizeof(old_server));
	ASSERT_EQ(0, write_file(runtime, "-1"));
	write_file(server, "0");
	on_cpu(1, SCHED_OTHER);
	for (int i = 0; i < OWNERS; i++)
		pids[i] = child(owner, s);
	pids[OWNERS] = child(hog, s);
	stopped = stop_owners(s, pids);
	if (stopped) {
		EXPECT_EQ(0, copy(fd, dev.id, 0, host.id, 0, 4096));
		EXPECT_EQ(0, copy(fd, host.id, 4096, dev.id, 0, 4096));
		EXPECT_TRUE(same(p, p + 4096, 4096));
		/* It was not the end of the spinning that helped. */
		EXPECT_TRUE(s->spinning);
	}
	s->spin = false;
	s->stop = true;
	for (int i = 0; i <= OWNERS; i++) {
		EXPECT_EQ(0, kill(pids[i], 0));
		kill(pids[i], SIGKILL);
		EXPECT_EQ(pids[i], waitpid(pids[i], NULL, 0));
	}
	write_file(runtime, old_runtime);
	write_file(server, old_server);
	close(fd);
	if (!stopped)
		SKIP(return, "the four never had a ring each when they were stopped");
}

TEST_HARNESS_MAIN
