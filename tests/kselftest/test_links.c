// SPDX-License-Identifier: Apache-2.0
/*
 * A chain of three chips: memory of one is reached by its neighbours, and by no other way, whatever number the third
 * chip has in it: none after a reset, the old one after unbind, any if another system uses it.
 */
#include "mem.h"

#include <neuron/regs.h>

#define CHIPS 3
#define LENGTH (2 * MIB)

static void chip_path(char *path, size_t size, int chip, const char *name)
{
	snprintf(path, size, "/sys/class/neuron_device/neuron%d/%s", chip, name);
}

FIXTURE(chain)
{
	int fd[CHIPS], dmabuf;
	struct neuron_ioctl_mem_create mem, host, import;
	uint8_t *p, *h;
	char pci[CHIPS][32];
	bool away[CHIPS];
};

/* Chip 0 owns memory, chip 1 copies it. */
FIXTURE_SETUP(chain)
{
	struct neuron_ioctl_info info;
	char path[64], link[512];
	ssize_t n;

	for (int i = 0; i < CHIPS; i++) {
		snprintf(path, sizeof(path), "/dev/neuron%d", i);
		self->fd[i] = open(path, O_RDWR | O_CLOEXEC);
		if (self->fd[i] < 0)
			SKIP(return, "fewer than three chips");
		chip_path(path, sizeof(path), i, "device");
		n = readlink(path, link, sizeof(link) - 1);
		ASSERT_LT(0, n);
		link[n] = 0;
		snprintf(self->pci[i], sizeof(self->pci[i]), "%s", strrchr(link, '/') + 1);
	}
	if (!has_dmabuf(self->fd[0]))
		SKIP(return, "this kernel has no dma-bufs");
	if (get_info(self->fd[1], &info) || info.connected != (NEURON_FW_STATUS_EAST | NEURON_FW_STATUS_WEST))
		SKIP(return, "they are no chain");
	ASSERT_EQ(0, mem_create(self->fd[0], NEURON_MEM_DEVICE, LENGTH, &self->mem));
	self->p = mem_map(self->fd[0], &self->mem);
	ASSERT_NE(MAP_FAILED, self->p);
	ASSERT_EQ(0, mem_create(self->fd[1], NEURON_MEM_HOST, LENGTH, &self->host));
	self->h = mem_map(self->fd[1], &self->host);
	ASSERT_NE(MAP_FAILED, self->h);
	self->dmabuf = export_of(self->fd[0], self->mem.id);
	ASSERT_LE(0, self->dmabuf);
}

static void bring_back(struct __test_metadata *_metadata, FIXTURE_DATA(chain) *self, int chip)
{
	uint64_t limit = now_ns() + 60 * SECOND;
	char path[64];
	int fd;

	if (!self->away[chip])
		return;
	EXPECT_EQ(0, driver_write("bind", self->pci[chip]));
	self->away[chip] = false;
	snprintf(path, sizeof(path), "/dev/neuron%d", chip);
	while ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0 && now_ns() < limit)
		usleep(10000);
	EXPECT_LE(0, fd);
	close(fd);
}

FIXTURE_TEARDOWN(chain)
{
	for (int i = 0; i < CHIPS; i++)
		bring_back(_metadata, self, i);
}

/* What the chip tells its neighbours, as whoever else has it would write it. */
static bool claim_number(const char *pci, uint32_t number)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	volatile uint32_t *misc;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PCI "devices/%s/enable", pci);
	if (write_file(path, "1"))
		return false;
	snprintf(path, sizeof(path), PCI "devices/%s/resource0", pci);
	fd = open(path, O_RDWR | O_CLOEXEC);
	misc = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, NEURON_MISC_BASE);
	close(fd);
	if (misc == MAP_FAILED)
		return false;
	misc[NEURON_MISC_DEVICE_ID / 4] = number;
	/* Posted before, done when this is answered. */
	(void)misc[NEURON_MISC_DEVICE_ID / 4];
	munmap((void *)misc, page);
	return true;
}

/* Away from this driver, as it leaves it or with a number. */
static void take_away(struct __test_metadata *_metadata, FIXTURE_DATA(chain) *self, int chip, int number)
{
	ASSERT_EQ(0, driver_write("unbind", self->pci[chip]));
	self->away[chip] = true;
	if (number >= 0)
		ASSERT_TRUE(claim_number(self->pci[chip], number));
}

static bool reaches_chip_0(FIXTURE_DATA(chain) *self, int seed)
{
	memset(self->p, 0, LENGTH);
	fill(self->h, LENGTH, seed);
	return !copy(self->fd[1], self->import.id, 0, self->host.id, 0, LENGTH) && same(self->p, self->h, LENGTH);
}

static int neighbours(int chip, char *text, size_t size)
{
	char path[128];

	chip_path(path, sizeof(path), chip, "connected_devices");
	read_line(path, text, size);
	return 0;
}

static bool neighbours_become(int chip, const char *text)
{
	uint64_t limit = now_ns() + 60 * SECOND;
	char seen[64];

	for (;;) {
		neighbours(chip, seen, sizeof(seen));
		if (!strcmp(seen, text))
			return true;
		if (now_ns() > limit)
			break;
		usleep(50000);
	}
	printf("# %s: neighbours of chip %d: '%s', not '%s'\n", __FILE__, chip, seen, text);
	return false;
}

/* Free again at once, the third chip says that it is the first one. */
TEST_F(chain, the_other_side_has_the_same_number)
{
	take_away(_metadata, self, 2, 0);
	ASSERT_EQ(0, import_at(self->fd[1], self->dmabuf, 0, 0, &self->import));
	EXPECT_TRUE(reaches_chip_0(self, 1));
	EXPECT_TRUE(neighbours_become(1, "0"));
	bring_back(_metadata, self, 2);
	EXPECT_TRUE(neighbours_become(1, "2, 0"));
	EXPECT_TRUE(reaches_chip_0(self, 2));
}

TEST_F(chain, only_the_other_side_has_the_number)
{
	int fd = self->fd[2];

	take_away(_metadata, self, 1, 0);
	EXPECT_EQ(-EXDEV, import_at(fd, self->dmabuf, 0, 0, &self->import));
	EXPECT_TRUE(neighbours_become(2, ""));
}

TEST_F(chain, not_a_neighbour)
{
	EXPECT_EQ(-EXDEV, import_at(self->fd[2], self->dmabuf, 0, 0, &self->import));
	EXPECT_TRUE(neighbours_become(0, "1"));
	EXPECT_TRUE(neighbours_become(1, "2, 0"));
	EXPECT_TRUE(neighbours_become(2, "1"));
}

TEST_F(chain, no_number_is_left_by_unbind)
{
	take_away(_metadata, self, 2, -1);
	EXPECT_TRUE(neighbours_become(1, "0"));
	ASSERT_EQ(0, import_at(self->fd[1], self->dmabuf, 0, 0, &self->import));
	EXPECT_TRUE(reaches_chip_0(self, 3));
}

static void *copy_until_told(void *arg)
{
	FIXTURE_DATA(chain) *self = arg;
	intptr_t ret;

	do {
		ret = copy(self->fd[1], self->import.id, 0, self->host.id, 0, LENGTH);
	} while (!ret && __atomic_load_n(&self->h[LENGTH - 1], __ATOMIC_RELAXED) != 0xee);
	return (void *)ret;
}

/* The third chip goes, is reset and comes back, under copies between the first two. */
TEST_F(chain, the_other_side_changes)
{
	char path[256];
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, import_at(self->fd[1], self->dmabuf, 0, 0, &self->import));
	fill(self->h, LENGTH, 4);
	self->h[LENGTH - 1] = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, copy_until_told, self));
	snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci[2]);
	EXPECT_EQ(0, write_file(path, "1"));
	take_away(_metadata, self, 2, 0);
	EXPECT_EQ(0, write_file(path, "1"));
	bring_back(_metadata, self, 2);
	__atomic_store_n(&self->h[LENGTH - 1], 0xee, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (intptr_t)ret);
	EXPECT_TRUE(reaches_chip_0(self, 5));
}

/* Nothing that was imported of the first chip comes to life again with it. */
TEST_F(chain, the_exporter_is_bound_anew)
{
	struct neuron_ioctl_mem_create again;

	ASSERT_EQ(0, import_at(self->fd[1], self->dmabuf, 0, 0, &self->import));
	take_away(_metadata, self, 0, 0);
	EXPECT_EQ(-ESTALE, copy(self->fd[1], self->import.id, 0, self->host.id, 0, LENGTH));
	EXPECT_EQ(-ESTALE, import_at(self->fd[1], self->dmabuf, 0, 0, &again));
	bring_back(_metadata, self, 0);
	EXPECT_EQ(-ESTALE, copy(self->fd[1], self->import.id, 0, self->host.id, 0, LENGTH));
	EXPECT_EQ(-ESTALE, import_at(self->fd[1], self->dmabuf, 0, 0, &again));
}

TEST_HARNESS_MAIN
