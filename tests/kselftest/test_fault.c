// SPDX-License-Identifier: Apache-2.0
/*
 * Fail the n-th allocation in turn, until a whole run has none left to fail: every error path gives back what it
 * took. Needs a kernel with fault injection; skipped on others.
 */
#include "util.h"

#define FAIL_NTH "/proc/thread-self/fail-nth"
#define FAILSLAB "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"

static void set_fail_nth(int fd, int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", n);

	(void)!pwrite(fd, text, length, 0);
}

/* Whether the fault was injected, or had to wait for an allocation that did not come. */
static bool injected(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
}

FIXTURE(fault)
{
	int nth;
	uint64_t mem_free;
};

static uint64_t mem_free(void)
{
	struct neuron_ioctl_info info = {};
	int fd = open_device();

	get_info(fd, &info);
	close(fd);
	return info.cores_busy ? 0 : info.mem_free;
}

FIXTURE_SETUP(fault)
{
	/* Also fail allocations that may sleep: they are the ones there are. */
	if (write_file(FAILSLAB "ignore-gfp-wait", "N") || write_file(FAIL_PAGES "ignore-gfp-wait", "N"))
		SKIP(return, "no fault injection in this kernel");
	write_file(FAIL_PAGES "min-order", "0");
	write_file(FAILSLAB "verbose", "0");
	write_file(FAIL_PAGES "verbose", "0");
	write_file("/sys/kernel/debug/fail_usercopy/verbose", "0");
	self->nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		SKIP(return, "no fault injection in this kernel");
	self->mem_free = mem_free();
	ASSERT_NE(0, self->mem_free);
}

FIXTURE_TEARDOWN(fault)
{
}

/* All that a file can make; -errno of the first step that failed. */
static int use_all(struct rig *r)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP };
	struct neuron_ioctl_wait w;
	uint64_t seq;
	int ret;

	*r = (struct rig) { .fd = -1, .code = MAP_FAILED, .data = MAP_FAILED, .host = MAP_FAILED };
	ret = rig_open(r, 8);
	ret = ret ? ret : copy(r->fd, r->data_mem.id, 0, r->host_mem.id, 0, 4096);
	ret = ret ? ret : submit(r->fd, r->queue.id, &job, 1, &seq);
	ret = ret ? ret : wait_job(r->fd, r->queue.id, seq, 10 * SECOND, &w);
	job = rig_job(r, NEURON_DMA, 0, 0);
	ret = ret ? ret : submit(r->fd, r->queue.id, &job, 1, &seq);
	ret = ret ? ret : wait_job(r->fd, r->queue.id, seq, 10 * SECOND, &w);
	return ret;
}

static void undo(struct rig *r)
{
	if (r->code != MAP_FAILED)
		munmap(r->code, r->code_mem.length);
	if (r->data != MAP_FAILED)
		munmap(r->data, DATA_BYTES);
	if (r->host != MAP_FAILED)
		munmap(r->host, DATA_BYTES);
	if (r->fd >= 0)
		close(r->fd);
}

TEST_F_TIMEOUT(fault, every_allocation_of_a_file, 280)
{
	struct rig r;
	bool hit = true;
	int n, ret;

	for (n = 1; hit && n < 1000; n++) {
		set_fail_nth(self->nth, n);
		ret = use_all(&r);
		hit = injected(self->nth);
		set_fail_nth(self->nth, 0);
		undo(&r);
		/* A failed allocation may have been one that has an alternative. */
		EXPECT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", n, ret);
		}
		ASSERT_EQ(self->mem_free, mem_free()) {
			TH_LOG("allocation %d", n);
		}
	}
	EXPECT_FALSE(hit);
	EXPECT_LT(20, n);
	EXPECT_EQ(0, ret);
	TH_LOG("%d allocations", n - 2);
}

TEST_F_TIMEOUT(fault, every_allocation_of_a_probe, 280)
{
	char pci[32], name[128];
	bool hit = true;
	int n, ret, fd;

	pci_name(pci, sizeof(pci));
	/* Most are the PCI core's, and a probe takes its time: the first ones all, then samples. */
	for (n = 1; hit && n < 3000; n += n < 40 ? 1 : 11) {
		ASSERT_EQ(0, write_file("/sys/bus/pci/drivers/neuron/unbind", pci));
		set_fail_nth(self->nth, n);
		ret = write_file("/sys/bus/pci/drivers/neuron/bind", pci);
		hit = injected(self->nth);
		set_fail_nth(self->nth, 0);
		snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s/driver/module", pci);
		/* A probe that failed leaves nothing: another one works. */
		if (access(name, F_OK)) {
			EXPECT_NE(0, ret);
			ASSERT_EQ(0, write_file("/sys/bus/pci/drivers/neuron/bind", pci));
		}
		for (int i = 0; i < 500; i++) {
			fd = open_device();
			if (fd >= 0)
				break;
			usleep(10000);
		}
		ASSERT_LE(0, fd) {
			TH_LOG("allocation %d", n);
		}
		close(fd);
	}
	EXPECT_FALSE(hit);
	EXPECT_EQ(self->mem_free, mem_free());
	TH_LOG("up to allocation %d", n);
}

TEST_HARNESS_MAIN
