// SPDX-License-Identifier: Apache-2.0
/*
 * Files, processes, and the device come and go in every order: kill -9 with jobs running, cores between
 * processes, unbind, function reset, module removal, with files, waits and mappings left behind.
 */
#include "util.h"

static struct neuron_ioctl_info idle_info(void)
{
	struct neuron_ioctl_info info = {};
	int fd = open_device();

	if (fd >= 0) {
		get_info(fd, &info);
		close(fd);
	}
	return info;
}

TEST(cores_move_between_processes)
{
	struct neuron_ioctl_cores arg = { .size = sizeof(arg), .mask = 0xf };
	int up[2], down[2], fd, status;
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(up));
	ASSERT_EQ(0, pipe(down));
	pid = fork();
	if (!pid) {
		fd = open_device();
		c = cores_acquire(fd, 6) ? 'n' : 'y';
		(void)!write(up[1], &c, 1);
		(void)!read(down[0], &c, 1);
		_exit(0);
	}
	ASSERT_EQ(1, read(up[0], &c, 1));
	EXPECT_EQ('y', c);
	fd = open_device();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, call(fd, NEURON_IOCTL_CORES_ACQUIRE, &arg));
	EXPECT_EQ(6, arg.busy);
	EXPECT_EQ(pid, arg.holder);
	EXPECT_EQ(0, cores_acquire(fd, 9));
	ASSERT_EQ(1, write(down[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, cores_acquire(fd, 6));
	close(fd);
	EXPECT_EQ(0, idle_info().cores_busy);
}

TEST(kill_with_jobs_running)
{
	struct neuron_submit job, jobs[15];
	uint64_t begin;
	struct rig r;
	int ready[2], status;
	pid_t pid;
	char c;

	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		if (!pid) {
			if (rig_open(&r, 16))
				_exit(1);
			job = rig_long_job(&r);
			for (int i = 0; i < 15; i++)
				jobs[i] = job;
			if (submit(r.fd, r.queue.id, jobs, 15, NULL))
				_exit(1);
			(void)!write(ready[1], "x", 1);
			for (;;) {
				struct neuron_ioctl_wait w;

				/* Killed while it waits, or while it copies. */
				if (round == 1)
					copy(r.fd, r.host_mem.id, 0, r.data_mem.id, 0, DATA_BYTES);
				else
					wait_job(r.fd, r.queue.id, 15, 60 * SECOND, &w);
			}
		}
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		usleep(100000);
		begin = now_ns();
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_GT(10 * SECOND, now_ns() - begin);
		EXPECT_EQ(0, idle_info().cores_busy);
		EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, idle_info().mem_free);
		close(ready[0]);
	}
	/* And the core works for the next. */
	ASSERT_EQ(0, rig_open(&r, 16));
	r.code[0] = insn_copy(1, 0, 2, 0, 1);
	memset(r.host, 0x77, 64);
	job = rig_job(&r, NEURON_DMA, 0, 1);
	{
		struct neuron_ioctl_wait w;

		EXPECT_EQ(NEURON_JOB_OK, rig_run(&r, &job, &w));
	}
	EXPECT_EQ(0x77, r.data[63]);
	close(r.fd);
}

static void *wait_long(void *arg)
{
	struct rig *r = arg;
	struct neuron_ioctl_wait w;

	return (void *)(intptr_t)wait_job(r->fd, r->queue.id, 1, 60 * SECOND, &w);
}

FIXTURE(busy)
{
	struct rig r;
	char pci[32];
	pthread_t thread;
	volatile struct neuron_completion_page *page;
};

FIXTURE_SETUP(busy)
{
	struct neuron_submit job;

	pci_name(self->pci, sizeof(self->pci));
	ASSERT_NE(0, strlen(self->pci));
	ASSERT_EQ(0, rig_open(&self->r, 4));
	self->page = mmap(NULL, self->r.queue.mmap_length, PROT_READ, MAP_SHARED, self->r.fd,
			  self->r.queue.mmap_offset);
	ASSERT_NE(MAP_FAILED, self->page);
	EXPECT_EQ(0, self->page->seq);
	self->r.data[0] = self->r.host[0] = 1;
	job = rig_long_job(&self->r);
	ASSERT_EQ(0, submit(self->r.fd, self->r.queue.id, &job, 1, NULL));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, wait_long, &self->r));
	usleep(50000);
}

FIXTURE_TEARDOWN(busy)
{
}

/* What a file is good for after its device has gone, or was reset. */
static int left_behind(struct __test_metadata *_metadata, struct rig *r, int error)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	struct neuron_ioctl_mem_create m;
	struct neuron_ioctl_info info;

	EXPECT_EQ(error, get_info(r->fd, &info));
	EXPECT_EQ(error, mem_create(r->fd, NEURON_MEM_HOST, 4096, &m));
	EXPECT_EQ(error, copy(r->fd, r->data_mem.id, 0, r->host_mem.id, 0, 64));
	EXPECT_EQ(error, submit_nop(r->fd, r->queue.id, NULL));
	EXPECT_EQ(error, destroy(r->fd, r->data_mem.id));
	EXPECT_EQ(error, cores_acquire(r->fd, 2));
	EXPECT_EQ(MAP_FAILED, mem_map(r->fd, &r->data_mem));
	EXPECT_EQ(-error, errno);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, p.revents);
	EXPECT_TRUE(bus_error(r->data));
	EXPECT_TRUE(bus_error(r->data + DATA_BYTES - 1));
	EXPECT_TRUE(bus_error(r->host));
	return 0;
}

TEST_F(busy, unbind)
{
	void *ret;
	int fd;

	ASSERT_EQ(0, driver_write("unbind", self->pci));
	ASSERT_EQ(0, pthread_join(self->thread, &ret));
	EXPECT_EQ(-ENODEV, (intptr_t)ret);
	EXPECT_EQ(-ENOENT, open_device());
	left_behind(_metadata, &self->r, -ENODEV);
	EXPECT_TRUE(bus_error((void *)self->page));
	ASSERT_EQ(0, driver_write("bind", self->pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	/* Still nothing for the old file, all for the new. */
	left_behind(_metadata, &self->r, -ENODEV);
	EXPECT_EQ(0, cores_acquire(fd, 0xf));
	close(self->r.fd);
	close(fd);
}

TEST_F(busy, function_reset)
{
	char path[256];
	struct rig r;
	struct neuron_ioctl_wait w;
	struct neuron_submit job;
	void *ret;

	snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci);
	ASSERT_EQ(0, write_file(path, "1"));
	ASSERT_EQ(0, pthread_join(self->thread, &ret));
	EXPECT_EQ(-EIO, (intptr_t)ret);
	left_behind(_metadata, &self->r, -EIO);
	ASSERT_EQ(0, rig_open(&r, 16));
	r.code[0] = insn_copy(1, 0, 2, 0, 1);
	memset(r.host, 0x99, 64);
	job = rig_job(&r, NEURON_DMA, 0, 1);
	EXPECT_EQ(NEURON_JOB_OK, rig_run(&r, &job, &w));
	EXPECT_EQ(0x99, r.data[63]);
	EXPECT_EQ(0, copy(r.fd, r.data_mem.id, 128, r.host_mem.id, 0, 64));
	EXPECT_EQ(0x99, r.data[191]);
	close(self->r.fd);
	rig_close(&r);
	EXPECT_EQ(0, idle_info().cores_busy);
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, idle_info().mem_free);
}

TEST_F(busy, remove_and_rescan)
{
	char path[256];
	void *ret;
	int fd;

	snprintf(path, sizeof(path), PCI "devices/%s/remove", self->pci);
	ASSERT_EQ(0, write_file(path, "1"));
	ASSERT_EQ(0, pthread_join(self->thread, &ret));
	EXPECT_EQ(-ENODEV, (intptr_t)ret);
	left_behind(_metadata, &self->r, -ENODEV);
	ASSERT_EQ(0, write_file(PCI "rescan", "1"));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
	close(self->r.fd);
}

TEST(device_number_comes_back)
{
	char pci[32];
	int fd;

	pci_name(pci, sizeof(pci));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, driver_write("unbind", pci));
		ASSERT_EQ(0, driver_write("bind", pci));
		fd = wait_for_device();
		ASSERT_LE(0, fd);
		close(fd);
	}
}

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE(module)
{
};

FIXTURE_SETUP(module)
{
}

FIXTURE_TEARDOWN(module)
{
}

/* A minute and more on a kernel that checks everything. */
TEST_F_TIMEOUT(module, comes_and_goes, 180)
{
	int fd;

	for (int i = 0; i < 3; i++) {
		fd = open_device();
		ASSERT_LE(0, fd);
		/* In use. */
		EXPECT_NE(0, run("rmmod neuron 2>/dev/null"));
		close(fd);
		ASSERT_EQ(0, run("rmmod neuron"));
		EXPECT_EQ(-ENOENT, open_device());
		ASSERT_EQ(0, run(i == 1 ? "modprobe neuron fw_load=1" : "modprobe neuron"));
		fd = wait_for_device();
		ASSERT_LE(0, fd);
		close(fd);
	}
}

TEST(opens_and_closes)
{
	struct rig r;

	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, rig_open(&r, 16));
		ASSERT_EQ(0, submit_nop(r.fd, r.queue.id, NULL));
		rig_close(&r);
	}
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, idle_info().mem_free);
}

TEST_HARNESS_MAIN
