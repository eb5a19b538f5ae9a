// SPDX-License-Identifier: Apache-2.0
/*
 * dma-bufs and another driver (tests/kmod/neuron_dmabuf_test.c): its buffers move while the chip copies them, and
 * it attaches to the chip's memory, which goes.
 */
#include "util.h"
#include "../kmod/neuron_dmabuf_test.h"

/* Behind an IOMMU each of them is a message to the chip. */
#define PAGES 128
#define LENGTH (PAGES * 4096ull)
#define NODE "/dev/neuron_dmabuf_test"

/* The other driver, or -errno. */
static int open_driver(void)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0 && !system("modprobe neuron_dmabuf_test 2>/dev/null"))
		fd = open(NODE, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool has_dmabuf(int fd)
{
	struct neuron_ioctl_info info;

	return !get_info(fd, &info) && info.features & NEURON_FEATURE_DMABUF;
}

static int import_of(int fd, int dmabuf, uint32_t flags, struct neuron_ioctl_mem_create *mem)
{
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = NEURON_MEM_DMABUF,
		.flags = flags,
		.fd = dmabuf,
	};
	return call(fd, NEURON_IOCTL_MEM_CREATE, mem);
}

/* --- buffers of the other driver --- */

FIXTURE(moves)
{
	int fd, driver, dmabuf;
	struct neuron_ioctl_mem_create mem, dev, host;
	uint8_t *h;		/* host memory */
	uint8_t *b;		/* what the buffer is to hold, or held */
};

static int state_of(FIXTURE_DATA(moves) *self, struct neuron_dmabuf_test_state *state)
{
	*state = (struct neuron_dmabuf_test_state) { .fd = self->dmabuf };
	return call(self->driver, NEURON_DMABUF_TEST_STATE, state);
}

static int move(FIXTURE_DATA(moves) *self, uint32_t flags)
{
	struct neuron_dmabuf_test_move arg = { .fd = self->dmabuf, .flags = flags };

	return call(self->driver, NEURON_DMABUF_TEST_MOVE, &arg);
}

static int access_buffer(FIXTURE_DATA(moves) *self, bool write)
{
	struct neuron_dmabuf_test_access arg = { .fd = self->dmabuf, .write = write, .data = (uintptr_t)self->b };

	return call(self->driver, NEURON_DMABUF_TEST_ACCESS, &arg);
}

FIXTURE_SETUP(moves)
{
	struct neuron_dmabuf_test_export arg = { .pages = PAGES };

	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	if (!has_dmabuf(self->fd))
		SKIP(return, "this kernel has no dma-bufs");
	self->driver = open_driver();
	if (self->driver < 0)
		SKIP(return, "no neuron_dmabuf_test.ko: %s", strerror(-self->driver));
	ASSERT_EQ(0, call(self->driver, NEURON_DMABUF_TEST_EXPORT, &arg));
	self->dmabuf = arg.fd;
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->dev));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, LENGTH, &self->host));
	self->h = mem_map(self->fd, &self->host);
	ASSERT_NE(MAP_FAILED, self->h);
	self->b = malloc(LENGTH);
	ASSERT_NE(NULL, self->b);
	ASSERT_EQ(0, import_of(self->fd, self->dmabuf, 0, &self->mem));
}

FIXTURE_TEARDOWN(moves)
{
	struct neuron_dmabuf_test_state state;

	/* A mapping keeps the file. */
	munmap(self->h, LENGTH);
	close(self->fd);
	/* Nothing is left behind, whatever happened. */
	if (!state_of(self, &state)) {
		EXPECT_EQ(0, state.attached);
		EXPECT_EQ(0, state.mapped);
		EXPECT_EQ(0, state.pinned);
	}
}

TEST_F(moves, copies_both_ways)
{
	fill(self->b, LENGTH, 1);
	ASSERT_EQ(0, access_buffer(self, true));
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, self->mem.id, 0, LENGTH));
	ASSERT_EQ(0, copy(self->fd, self->host.id, 0, self->dev.id, 0, LENGTH));
	EXPECT_TRUE(same(self->h, self->b, LENGTH));
	fill(self->h, LENGTH, 2);
	ASSERT_EQ(0, copy(self->fd, self->mem.id, 5, self->host.id, 3, LENGTH - 5));
	ASSERT_EQ(0, access_buffer(self, false));
	EXPECT_TRUE(same(self->h + 3, self->b + 5, LENGTH - 5));
}

/* What may move is none of a job's. */
TEST_F(moves, no_segment)
{
	uint32_t context;

	ASSERT_EQ(0, context_create(self->fd, 2, &context));
	EXPECT_EQ(-EOPNOTSUPP, bind_one(self->fd, context, 0, self->mem.id, 0, 4096, NEURON_ACCESS_READ));
}

/* A kernel that does not let importers follow moves pins what they map: it stays. */
TEST_F(moves, pinned_or_told)
{
	struct neuron_dmabuf_test_state state;

	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(1, state.mapped);
	fill(self->h, LENGTH, 3);
	if (state.pinned) {
		EXPECT_EQ(-EBUSY, move(self, 0));
		ASSERT_EQ(0, copy(self->fd, self->mem.id, 0, self->host.id, 0, LENGTH));
		ASSERT_EQ(0, destroy(self->fd, self->mem.id));
		EXPECT_EQ(0, move(self, 0));
	} else {
		ASSERT_EQ(0, copy(self->fd, self->mem.id, 0, self->host.id, 0, LENGTH));
		EXPECT_EQ(0, move(self, 0));
		EXPECT_EQ(-ESTALE, copy(self->fd, self->mem.id, 0, self->host.id, 0, 1));
	}
	ASSERT_EQ(0, access_buffer(self, false));
	EXPECT_TRUE(same(self->h, self->b, LENGTH));
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(0, state.mapped);
	EXPECT_EQ(0, state.spoilt);
}

/* A move ends the imports that there are; new ones find the buffer where it is now. */
TEST_F(moves, new_import_finds_it)
{
	struct neuron_dmabuf_test_state state;
	struct neuron_ioctl_mem_create again;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, move(self, NEURON_DMABUF_TEST_FORCE));
		EXPECT_EQ(-ESTALE, copy(self->fd, self->mem.id, 0, self->host.id, 0, LENGTH));
		EXPECT_EQ(-ESTALE, copy(self->fd, self->host.id, 0, self->mem.id, 0, 1));
		ASSERT_EQ(0, import_of(self->fd, self->dmabuf, 0, &again));
		fill(self->h, LENGTH, 10 + i);
		ASSERT_EQ(0, copy(self->fd, again.id, 0, self->host.id, 0, LENGTH));
		/* The old one stays what it is. */
		EXPECT_EQ(-ESTALE, copy(self->fd, self->mem.id, 0, self->host.id, 0, 1));
		ASSERT_EQ(0, access_buffer(self, false));
		EXPECT_TRUE(same(self->h, self->b, LENGTH));
		ASSERT_EQ(0, state_of(self, &state));
		EXPECT_EQ(0, state.spoilt);
		EXPECT_EQ(1, state.mapped);
		ASSERT_EQ(0, destroy(self->fd, self->mem.id));
		self->mem = again;
	}
}

/* One attachment and one mapping for all imports of a device, so that no page is mapped twice. */
TEST_F(moves, imports_share)
{
	struct neuron_ioctl_mem_create other, readonly;
	struct neuron_dmabuf_test_state state;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, import_of(fd, self->dmabuf, 0, &other));
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(1, state.attached);
	EXPECT_EQ(1, state.mapped);
	/* One that may only be read is mapped so. */
	ASSERT_EQ(0, import_of(fd, self->dmabuf, NEURON_MEM_READONLY, &readonly));
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(2, state.attached);
	EXPECT_EQ(2, state.mapped);
	ASSERT_EQ(0, destroy(self->fd, self->mem.id));
	ASSERT_EQ(0, destroy(fd, readonly.id));
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(1, state.attached);
	EXPECT_EQ(1, state.mapped);
	EXPECT_EQ(0, copy(fd, other.id, 0, other.id, LENGTH / 2, LENGTH / 2));
	/* All of them go with a move. */
	ASSERT_EQ(0, import_of(self->fd, self->dmabuf, 0, &self->mem));
	ASSERT_EQ(0, import_of(self->fd, self->dmabuf, NEURON_MEM_READONLY, &readonly));
	ASSERT_EQ(0, move(self, NEURON_DMABUF_TEST_FORCE));
	EXPECT_EQ(-ESTALE, copy(fd, other.id, 0, other.id, 4096, 4096));
	EXPECT_EQ(-ESTALE, copy(self->fd, self->mem.id, 0, self->mem.id, 4096, 4096));
	EXPECT_EQ(-ESTALE, copy(self->fd, self->host.id, 0, readonly.id, 0, 4096));
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(0, state.mapped);
	close(fd);
}

struct copier {
	int fd;
	uint32_t mem, host;
	uint64_t copied;
	int ret;
};

static void *copy_until_stale(void *arg)
{
	struct copier *c = arg;

	do {
		c->ret = copy(c->fd, c->mem, 0, c->host, 0, LENGTH);
		__atomic_add_fetch(&c->copied, !c->ret, __ATOMIC_RELEASE);
		c->ret = c->ret ? c->ret : copy(c->fd, c->host, 0, c->mem, 0, LENGTH);
	} while (!c->ret);
	return NULL;
}

/* Copies are under way while the buffer moves: none reaches the pages that it has left. */
static void under_copies(struct __test_metadata *_metadata, FIXTURE_DATA(moves) *self, uint32_t flags)
{
	struct copier c[2] = { { .fd = self->fd, .mem = self->mem.id, .host = self->host.id } };
	struct neuron_dmabuf_test_state state;
	struct neuron_ioctl_mem_create host;
	pthread_t thread[2];
	uint8_t *h;

	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, LENGTH, &host));
	h = mem_map(self->fd, &host);
	ASSERT_NE(MAP_FAILED, h);
	fill(self->h, LENGTH, 7);
	fill(h, LENGTH, 7);
	c[1] = (struct copier) { .fd = self->fd, .mem = self->mem.id, .host = host.id };
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, copy_until_stale, &c[i]));
	while (!__atomic_load_n(&c[0].copied, __ATOMIC_ACQUIRE) || !__atomic_load_n(&c[1].copied, __ATOMIC_ACQUIRE))
		usleep(1000);
	ASSERT_EQ(0, move(self, flags));
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(0, state.spoilt);
	EXPECT_EQ(0, state.mapped);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(-ESTALE, c[i].ret);
	}
	ASSERT_EQ(0, state_of(self, &state));
	EXPECT_EQ(0, state.spoilt);
	/* All copies wrote the same. */
	ASSERT_EQ(0, access_buffer(self, false));
	fill(self->h, LENGTH, 7);
	EXPECT_TRUE(same(self->h, self->b, LENGTH));
	munmap(h, LENGTH);
}

TEST_F(moves, under_copies)
{
	for (int i = 0; i < 5; i++) {
		under_copies(_metadata, self, NEURON_DMABUF_TEST_FORCE);
		ASSERT_EQ(0, destroy(self->fd, self->mem.id));
		ASSERT_EQ(0, import_of(self->fd, self->dmabuf, 0, &self->mem));
	}
	ASSERT_EQ(0, copy(self->fd, self->mem.id, 0, self->host.id, 0, LENGTH));
}

TEST_F(moves, exporter_gone)
{
	struct neuron_ioctl_mem_create m;

	under_copies(_metadata, self, NEURON_DMABUF_TEST_FORCE | NEURON_DMABUF_TEST_GONE);
	EXPECT_EQ(-EOPNOTSUPP, import_of(self->fd, self->dmabuf, 0, &m));
	EXPECT_EQ(-ESTALE, copy(self->fd, self->host.id, 0, self->mem.id, 0, 1));
	/* The file works on. */
	EXPECT_EQ(0, copy(self->fd, self->host.id, 0, self->dev.id, 0, LENGTH));
	EXPECT_EQ(0, destroy(self->fd, self->mem.id));
}

static void *import_and_copy(void *arg)
{
	FIXTURE_DATA(moves) *self = arg;
	struct neuron_ioctl_mem_create m;
	intptr_t done = 0;
	int ret;

	for (int i = 0; i < 25; i++) {
		ret = import_of(self->fd, self->dmabuf, 0, &m);
		if (ret)
			return (void *)(intptr_t)ret;
		ret = copy(self->fd, m.id, 0, self->host.id, 0, LENGTH);
		done += !ret;
		if (ret && ret != -ESTALE)
			return (void *)(intptr_t)ret;
		ret = destroy(self->fd, m.id);
		if (ret)
			return (void *)(intptr_t)ret;
	}
	return (void *)done;
}

/* Imports come and go while the buffer moves again and again. */
TEST_F(moves, under_imports)
{
	struct neuron_dmabuf_test_state state;
	pthread_t thread[2];
	void *ret;

	fill(self->h, LENGTH, 9);
	ASSERT_EQ(0, copy(self->fd, self->mem.id, 0, self->host.id, 0, LENGTH));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, import_and_copy, self));
	for (int i = 0; i < 12; i++) {
		ASSERT_EQ(0, move(self, NEURON_DMABUF_TEST_FORCE));
		ASSERT_EQ(0, state_of(self, &state));
		EXPECT_EQ(0, state.spoilt);
		usleep(5000);
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &ret));
		EXPECT_LE(0, (intptr_t)ret);
	}
	ASSERT_EQ(0, access_buffer(self, false));
	EXPECT_TRUE(same(self->h, self->b, LENGTH));
}

TEST_F(moves, unbind_lets_go)
{
	struct neuron_dmabuf_test_state state;
	char pci[32];
	int fd;

	pci_name(pci, sizeof(pci));
	ASSERT_EQ(0, driver_write("unbind", pci));
	EXPECT_EQ(0, state_of(self, &state));
	EXPECT_EQ(0, state.attached);
	EXPECT_EQ(0, state.mapped);
	EXPECT_EQ(0, state.pinned);
	EXPECT_EQ(0, move(self, 0));
	ASSERT_EQ(0, driver_write("bind", pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, import_of(fd, self->dmabuf, 0, &self->mem));
	close(fd);
}

/* --- the chip's memory and the other driver --- */

FIXTURE(foreign)
{
	int fd, driver, dmabuf;
	struct neuron_ioctl_mem_create mem;
	char pci[32];
	bool p2p;
};

static bool kernel_has(const char *symbol)
{
	bool found = false;
	char line[256];
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, symbol);
	if (f)
		fclose(f);
	return found;
}

FIXTURE_SETUP(foreign)
{
	struct neuron_ioctl_mem_export arg = { .size = sizeof(arg) };

	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	if (!has_dmabuf(self->fd))
		SKIP(return, "this kernel has no dma-bufs");
	self->driver = open_driver();
	if (self->driver < 0)
		SKIP(return, "no neuron_dmabuf_test.ko: %s", strerror(-self->driver));
	pci_name(self->pci, sizeof(self->pci));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->mem));
	arg.id = self->mem.id;
	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_EXPORT, &arg));
	self->dmabuf = arg.fd;
	self->p2p = kernel_has(" pci_p2pdma_distance_many");
}

FIXTURE_TEARDOWN(foreign)
{
}

static int attach(FIXTURE_DATA(foreign) *self, const char *device, uint32_t flags)
{
	struct neuron_dmabuf_test_attach arg = { .fd = self->dmabuf, .flags = flags };

	snprintf(arg.device, sizeof(arg.device), "%s", device);
	return call(self->driver, NEURON_DMABUF_TEST_ATTACH, &arg);
}

static int map(FIXTURE_DATA(foreign) *self, struct neuron_dmabuf_test_map *map)
{
	*map = (struct neuron_dmabuf_test_map) { 0 };
	return call(self->driver, NEURON_DMABUF_TEST_MAP, map);
}

#define FOLLOWS (NEURON_DMABUF_TEST_DYNAMIC | NEURON_DMABUF_TEST_PEER)

/* Those that could not let go, or not reach a BAR, and those that the bus does not lead to. */
TEST_F(foreign, refused)
{
	EXPECT_EQ(-EOPNOTSUPP, attach(self, self->pci, 0));
	EXPECT_EQ(-EOPNOTSUPP, attach(self, self->pci, NEURON_DMABUF_TEST_DYNAMIC));
	EXPECT_EQ(-EOPNOTSUPP, attach(self, "", FOLLOWS));
	if (!self->p2p)
		EXPECT_EQ(-EOPNOTSUPP, attach(self, self->pci, FOLLOWS));
}

/* The device itself stands for one behind the same switch. */
TEST_F(foreign, maps_the_bar)
{
	struct neuron_dmabuf_test_map m;
	unsigned long long first = 0, last = 0;
	char path[128], line[128];
	FILE *f;

	if (!self->p2p)
		SKIP(return, "this kernel has no peer-to-peer DMA");
	ASSERT_EQ(0, attach(self, self->pci, FOLLOWS));
	ASSERT_EQ(0, map(self, &m));
	EXPECT_EQ(LENGTH, m.length);
	/* What cannot be promised to stay is not pinned. */
	EXPECT_EQ(-EOPNOTSUPP, call(self->driver, NEURON_DMABUF_TEST_PIN, NULL));
	snprintf(path, sizeof(path), PCI "devices/%s/resource", self->pci);
	f = fopen(path, "re");
	for (int i = 0; f && i <= 4 && fgets(line, sizeof(line), f); i++)
		sscanf(line, "%llx %llx", &first, &last);
	fclose(f);
	if (access("/sys/class/iommu/dmar0", F_OK)) {
		EXPECT_LE(first, m.address);
		EXPECT_GE(last, m.address + LENGTH - 1);
	}
	EXPECT_EQ(0, call(self->driver, NEURON_DMABUF_TEST_UNMAP, &m));
	EXPECT_EQ(0, call(self->driver, NEURON_DMABUF_TEST_DETACH, NULL));
	EXPECT_EQ(0, m.moves);
}

/* The chip goes: importers are told and let go, at once or when they get to it; for good. */
static void chip_goes(struct __test_metadata *_metadata, FIXTURE_DATA(foreign) *self, bool unbind, uint32_t flags)
{
	struct neuron_ioctl_info info;
	struct neuron_dmabuf_test_map m;
	char path[128];
	int fd;

	ASSERT_EQ(0, attach(self, self->pci, FOLLOWS | flags));
	ASSERT_EQ(0, map(self, &m));
	if (unbind) {
		ASSERT_EQ(0, driver_write("unbind", self->pci));
	} else {
		snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci);
		ASSERT_EQ(0, write_file(path, "1"));
	}
	EXPECT_EQ(1, ioctl(self->driver, NEURON_DMABUF_TEST_MOVES));
	EXPECT_EQ(0, call(self->driver, NEURON_DMABUF_TEST_UNMAP, &m));
	EXPECT_EQ(1, m.moves);
	EXPECT_EQ(-ENODEV, map(self, &m));
	if (unbind)
		ASSERT_EQ(0, driver_write("bind", self->pci));
	close(self->fd);
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENODEV, map(self, &m));
	EXPECT_EQ(0, call(self->driver, NEURON_DMABUF_TEST_DETACH, NULL));
	EXPECT_EQ(-ENODEV, attach(self, self->pci, FOLLOWS));
	/* The memory was given back with the chip, not with its dma-buf. */
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	close(self->dmabuf);
	close(fd);
}

TEST_F(foreign, unbind_revokes)
{
	if (!self->p2p)
		SKIP(return, "this kernel has no peer-to-peer DMA");
	chip_goes(_metadata, self, true, 0);
}

TEST_F(foreign, reset_revokes)
{
	if (!self->p2p)
		SKIP(return, "this kernel has no peer-to-peer DMA");
	chip_goes(_metadata, self, false, 0);
}

TEST_F(foreign, reset_revokes_the_slow)
{
	if (!self->p2p)
		SKIP(return, "this kernel has no peer-to-peer DMA");
	chip_goes(_metadata, self, false, NEURON_DMABUF_TEST_LAZY);
}

TEST_F(foreign, outlives_the_file)
{
	struct neuron_dmabuf_test_map m;
	struct neuron_ioctl_info info;
	int fd = open_device();

	if (!self->p2p)
		SKIP(return, "this kernel has no peer-to-peer DMA");
	ASSERT_EQ(0, attach(self, self->pci, FOLLOWS));
	ASSERT_EQ(0, map(self, &m));
	close(self->fd);
	close(self->dmabuf);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - LENGTH, info.mem_free);
	EXPECT_EQ(0, ioctl(self->driver, NEURON_DMABUF_TEST_MOVES));
	ASSERT_EQ(0, call(self->driver, NEURON_DMABUF_TEST_DETACH, NULL));
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	close(fd);
}

TEST_HARNESS_MAIN
