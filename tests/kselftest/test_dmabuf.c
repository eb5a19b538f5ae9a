// SPDX-License-Identifier: Apache-2.0
/*
 * dma-bufs: other drivers' (udmabuf, the system heap) as memory of the chip, device memory as a dma-buf, and what
 * is left of it when files, processes and the device go in any order.
 */
#include "mem.h"

#include <linux/dma-buf.h>
#include <dirent.h>
#include <sys/resource.h>

#define LENGTH (2 * MIB)

static int sync_cpu(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	return call(dmabuf, DMA_BUF_IOCTL_SYNC, &arg);
}

static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* --- import --- */

FIXTURE(import)
{
	int fd, dmabuf;
	struct neuron_ioctl_mem_create dev;
	uint8_t *p;		/* the dma-buf's memory */
	uint8_t *q;		/* device memory */
};

FIXTURE_VARIANT(import)
{
	bool heap;
};

FIXTURE_VARIANT_ADD(import, udmabuf) { .heap = false };
FIXTURE_VARIANT_ADD(import, heap) { .heap = true };

FIXTURE_SETUP(import)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->dev));
	self->q = mem_map(self->fd, &self->dev);
	ASSERT_NE(MAP_FAILED, self->q);
	if (!has_dmabuf(self->fd))
		SKIP(return, "this kernel has no dma-bufs");
	if (bounces())
		SKIP(return, "DMA goes through bounce buffers");
	self->dmabuf = variant->heap ? make_heap(&self->p, LENGTH, O_RDWR) : make_udmabuf(&self->p, LENGTH);
	if (self->dmabuf < 0)
		SKIP(return, "no %s: %s", variant->heap ? "/dev/dma_heap/system" : "/dev/udmabuf",
		     strerror(-self->dmabuf));
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN(import)
{
	close(self->fd);
}

TEST_F(import, copies_both_ways)
{
	struct neuron_ioctl_mem_create m;

	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 0, 0, &m));
	EXPECT_EQ(LENGTH, m.length);
	EXPECT_EQ(0, m.mmap_offset);
	EXPECT_EQ(LENGTH, fdinfo(self->fd, "neuron-memory-dmabuf"));
	fill(self->p, LENGTH, 1);
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 3, m.id, 5, LENGTH - 5));
	EXPECT_TRUE(same(self->q + 3, self->p + 5, LENGTH - 5));
	memset(self->p, 0, LENGTH);
	ASSERT_EQ(0, copy(self->fd, m.id, 7, self->dev.id, 3, LENGTH - 7));
	EXPECT_TRUE(same(self->q + 3, self->p + 7, LENGTH - 7));
	EXPECT_EQ(-ERANGE, copy(self->fd, m.id, 1, self->dev.id, 0, LENGTH));
	ASSERT_EQ(0, destroy(self->fd, m.id));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-dmabuf"));
}

TEST_F(import, keeps_the_buffer)
{
	struct neuron_ioctl_mem_create m;

	fill(self->p, LENGTH, 2);
	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 0, 0, &m));
	ASSERT_EQ(0, close(self->dmabuf));
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, LENGTH));
	EXPECT_TRUE(same(self->q, self->p, LENGTH));
	ASSERT_EQ(0, munmap(self->p, LENGTH));
	ASSERT_EQ(0, copy(self->fd, m.id, 0, self->dev.id, 0, LENGTH));
}

TEST_F(import, part_of_the_buffer)
{
	struct neuron_ioctl_mem_create m;

	EXPECT_EQ(-EINVAL, import_at(self->fd, self->dmabuf, LENGTH + 1, 0, &m));
	EXPECT_EQ(-EINVAL, import_at(self->fd, self->dmabuf, UINT64_MAX, 0, &m));
	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 4097, 0, &m));
	EXPECT_EQ(8192, m.length);
	EXPECT_EQ(0, copy(self->fd, m.id, 0, self->dev.id, 0, 8192));
	EXPECT_EQ(-ERANGE, copy(self->fd, m.id, 0, self->dev.id, 0, 8193));
}

TEST_F(import, readonly)
{
	struct neuron_ioctl_mem_create m;

	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 0, NEURON_MEM_READONLY, &m));
	EXPECT_EQ(-EACCES, copy(self->fd, m.id, 0, self->dev.id, 0, 1));
	EXPECT_EQ(0, copy(self->fd, self->dev.id, 0, m.id, 0, LENGTH));
}

TEST_F(import, twice)
{
	struct neuron_ioctl_mem_create a, b;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 0, 0, &a));
	ASSERT_EQ(0, import_at(fd, self->dmabuf, 0, 0, &b));
	fill(self->p, LENGTH, 4);
	close(self->fd);
	ASSERT_EQ(0, copy(fd, b.id, LENGTH / 2, b.id, 0, LENGTH / 2));
	EXPECT_TRUE(same(self->p, self->p + LENGTH / 2, LENGTH / 2));
	self->fd = fd;
}

TEST_F(import, unbind_lets_go)
{
	struct neuron_ioctl_mem_create m;
	char pci[32];
	int fd;

	pci_name(pci, sizeof(pci));
	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 0, 0, &m));
	ASSERT_EQ(0, driver_write("unbind", pci));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-dmabuf"));
	EXPECT_EQ(-ENODEV, import_at(self->fd, self->dmabuf, 0, 0, &m));
	/* The buffer is none of the device's. */
	memset(self->p, 1, LENGTH);
	ASSERT_EQ(0, driver_write("bind", pci));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, import_at(fd, self->dmabuf, 0, 0, &m));
	close(fd);
}

TEST(import_not_writable)
{
	struct neuron_ioctl_mem_create m;
	int fd = open_device(), dmabuf;

	ASSERT_LE(0, fd);
	if (!has_dmabuf(fd))
		SKIP(return, "this kernel has no dma-bufs");
	if (bounces())
		SKIP(return, "DMA goes through bounce buffers");
	dmabuf = make_heap(NULL, LENGTH, O_RDONLY);
	if (dmabuf < 0)
		SKIP(return, "no /dev/dma_heap/system: %s", strerror(-dmabuf));
	EXPECT_EQ(-EACCES, import_at(fd, dmabuf, 0, 0, &m));
	EXPECT_EQ(0, import_at(fd, dmabuf, 0, NEURON_MEM_READONLY, &m));
	close(fd);
}

TEST(import_errors)
{
	struct neuron_ioctl_mem_create m;
	int fd = open_device(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int none;

	ASSERT_LE(0, fd);
	none = has_dmabuf(fd) ? -EBADF : -EOPNOTSUPP;
	EXPECT_EQ(none, import_at(fd, -1, 0, 0, &m));
	EXPECT_EQ(none, import_at(fd, 9999, 0, 0, &m));
	EXPECT_EQ(none, import_at(fd, null, 0, 0, &m));
	EXPECT_EQ(none, import_at(fd, fd, 0, 0, &m));
	EXPECT_EQ(-EINVAL, import_at(fd, null, 0, 2, &m));
	m.flags = 0;
	m.align = 4096;
	EXPECT_EQ(-EINVAL, call(fd, NEURON_IOCTL_MEM_CREATE, &m));
	m.align = 0;
	m.address = 4096;
	EXPECT_EQ(-EINVAL, call(fd, NEURON_IOCTL_MEM_CREATE, &m));
	close(fd);
}

/* --- export --- */

FIXTURE(export)
{
	int fd, dmabuf;
	struct neuron_ioctl_mem_create mem;
	uint8_t *p;
	char pci[32];
};

FIXTURE_SETUP(export)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	pci_name(self->pci, sizeof(self->pci));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->mem));
	self->p = mem_map(self->fd, &self->mem);
	ASSERT_NE(MAP_FAILED, self->p);
	if (!has_dmabuf(self->fd))
		SKIP(return, "this kernel has no dma-bufs");
	self->dmabuf = export_of(self->fd, self->mem.id);
	ASSERT_LE(0, self->dmabuf);
}

FIXTURE_TEARDOWN(export)
{
}

TEST_F(export, errors)
{
	struct neuron_ioctl_mem_export arg = { .size = sizeof(arg), .id = self->mem.id };
	struct neuron_ioctl_mem_create host;
	uint32_t context;
	int before;

	EXPECT_EQ(-ENOENT, export_of(self->fd, 0));
	EXPECT_EQ(-ENOENT, export_of(self->fd, 9999));
	ASSERT_EQ(0, context_create(self->fd, 1, &context));
	EXPECT_EQ(-ENOENT, export_of(self->fd, context));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, 4096, &host));
	EXPECT_EQ(-EOPNOTSUPP, export_of(self->fd, host.id));
	ASSERT_EQ(0, import_at(self->fd, self->dmabuf, 0, 0, &host));
	EXPECT_EQ(-EOPNOTSUPP, export_of(self->fd, host.id));
	arg.flags = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, NEURON_IOCTL_MEM_EXPORT, &arg));
	/* A caller that cannot be told gets no descriptor. */
	before = open_descriptors();
	arg.flags = 0;
	{
		void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memcpy(p, &arg, sizeof(arg));
		ASSERT_EQ(0, mprotect(p, 4096, PROT_READ));
		EXPECT_EQ(-EFAULT, call(self->fd, NEURON_IOCTL_MEM_EXPORT, p));
	}
	EXPECT_EQ(before, open_descriptors());
}

TEST_F(export, is_what_it_says)
{
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->dmabuf, F_GETFD));
	EXPECT_EQ((off_t)LENGTH, lseek(self->dmabuf, 0, SEEK_END));
	EXPECT_EQ(0, sync_cpu(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, sync_cpu(self->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
}

TEST_F(export, no_descriptor_left)
{
	struct rlimit limit;
	int first = dup(0);

	ASSERT_LE(0, first);
	close(first);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = first;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, export_of(self->fd, self->mem.id));
}

TEST_F(export, mapped)
{
	uint8_t *a = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->dmabuf, 0), *b;

	ASSERT_NE(MAP_FAILED, a);
	fill(self->p, LENGTH, 1);
	EXPECT_TRUE(same(self->p, a, LENGTH));
	b = mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->dmabuf, LENGTH - 8192);
	ASSERT_NE(MAP_FAILED, b);
	EXPECT_TRUE(same(self->p + LENGTH - 8192, b, 8192));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->dmabuf, LENGTH - 4096));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->dmabuf, 0));
	EXPECT_EQ(EINVAL, errno);
	/* Parts go, the rest stays. */
	ASSERT_EQ(0, munmap(a + MIB, 4096));
	EXPECT_TRUE(same(self->p, a, MIB));
	EXPECT_TRUE(same(self->p + MIB + 4096, a + MIB + 4096, LENGTH - MIB - 4096));
	ASSERT_EQ(0, munmap(a, LENGTH));
}

TEST_F(export, outlives_id_file_and_mapping)
{
	struct neuron_ioctl_info info;
	uint8_t *a;
	int fd;

	fill(self->p, LENGTH, 3);
	ASSERT_EQ(0, destroy(self->fd, self->mem.id));
	ASSERT_EQ(0, munmap(self->p, LENGTH));
	close(self->fd);
	fd = open_device();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - LENGTH, info.mem_free);
	a = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, self->dmabuf, 0);
	ASSERT_NE(MAP_FAILED, a);
	for (uint64_t i = 0; i < LENGTH; i += 97)
		ASSERT_EQ((uint8_t)((i + 3) * 2654435761u >> 24), a[i]);
	close(self->dmabuf);
	EXPECT_EQ(3 * 2654435761u >> 24 & 0xff, a[0]);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - LENGTH, info.mem_free);
	ASSERT_EQ(0, munmap(a, LENGTH));
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	close(fd);
}

TEST_F(export, between_files)
{
	struct neuron_ioctl_mem_create m, host;
	struct neuron_ioctl_info info;
	int fd = open_device();
	uint32_t context;
	uint8_t *h;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, import_at(fd, self->dmabuf, 0, 0, &m));
	EXPECT_EQ(LENGTH, m.length);
	close(self->dmabuf);
	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_HOST, LENGTH, &host));
	h = mem_map(fd, &host);
	fill(h, LENGTH, 5);
	ASSERT_EQ(0, copy(fd, m.id, 0, host.id, 0, LENGTH));
	EXPECT_TRUE(same(self->p, h, LENGTH));
	self->p[100] ^= 1;
	/* The one who made it goes. */
	munmap(self->p, LENGTH);
	close(self->fd);
	ASSERT_EQ(0, copy(fd, host.id, 0, m.id, 100, 1));
	EXPECT_EQ((uint8_t)((100 + 5) * 2654435761u >> 24) ^ 1, h[0]);
	/* Not for jobs: whose memory it is decides what they may do to it. */
	ASSERT_EQ(0, context_create(fd, 4, &context));
	EXPECT_EQ(-EOPNOTSUPP, bind_one(fd, context, 0, m.id, 0, 4096, NEURON_ACCESS_READ));
	ASSERT_EQ(0, destroy(fd, m.id));
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	close(fd);
}

/* Everything alive: a mapping, an import, a descriptor; what each is good for when the device has gone. */
static void after_the_end(struct __test_metadata *_metadata, int dmabuf, uint8_t *a, int importer)
{
	struct neuron_ioctl_mem_create m;
	int fd;

	EXPECT_TRUE(bus_error(a));
	EXPECT_TRUE(bus_error(a + LENGTH - 1));
	EXPECT_GT(0, sync_cpu(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ESTALE, import_at(fd, dmabuf, 0, 0, &m));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, dmabuf, 0));
	close(importer);
	close(dmabuf);
	EXPECT_TRUE(bus_error(a));
	ASSERT_EQ(0, munmap(a, LENGTH));
	close(fd);
}

TEST_F(export, function_reset)
{
	uint8_t *a = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->dmabuf, 0);
	struct neuron_ioctl_mem_create m;
	struct neuron_ioctl_info info;
	int fd = open_device();
	char path[256];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, import_at(fd, self->dmabuf, 0, 0, &m));
	ASSERT_NE(MAP_FAILED, a);
	a[0] = 1;
	snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci);
	ASSERT_EQ(0, write_file(path, "1"));
	EXPECT_EQ(-EIO, export_of(self->fd, self->mem.id));
	EXPECT_EQ(-EIO, copy(fd, m.id, 0, m.id, 4096, 4096));
	close(self->fd);
	after_the_end(_metadata, self->dmabuf, a, fd);
	fd = open_device();
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	close(fd);
}

TEST_F(export, unbind)
{
	uint8_t *a = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->dmabuf, 0);
	struct neuron_ioctl_mem_create m;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, import_at(fd, self->dmabuf, 0, 0, &m));
	ASSERT_NE(MAP_FAILED, a);
	a[0] = 1;
	ASSERT_EQ(0, driver_write("unbind", self->pci));
	EXPECT_TRUE(bus_error(a));
	EXPECT_TRUE(bus_error(self->p));
	EXPECT_EQ(-ENODEV, sync_cpu(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(-ENODEV, copy(fd, m.id, 0, m.id, 4096, 4096));
	EXPECT_EQ(-ENODEV, export_of(self->fd, self->mem.id));
	ASSERT_EQ(0, driver_write("bind", self->pci));
	after_the_end(_metadata, self->dmabuf, a, fd);
}

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(export, module_stays)
{
	uint8_t *a = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->dmabuf, 0);
	int fd;

	ASSERT_EQ(0, munmap(self->p, LENGTH));
	close(self->fd);
	EXPECT_NE(0, run("rmmod neuron 2>/dev/null"));
	close(self->dmabuf);
	EXPECT_NE(0, run("rmmod neuron 2>/dev/null"));
	ASSERT_EQ(0, munmap(a, LENGTH));
	ASSERT_EQ(0, run("rmmod neuron"));
	ASSERT_EQ(0, run("modprobe neuron"));
	fd = wait_for_device();
	ASSERT_LE(0, fd);
	close(fd);
}

/* --- between chips --- */

FIXTURE(chips)
{
	int fd[2], dmabuf;
	struct neuron_ioctl_mem_create mem, host, import;
	uint8_t *p, *h;
	char pci[2][32];
};

FIXTURE_SETUP(chips)
{
	char link[512];
	ssize_t n;

	self->fd[0] = open_device();
	ASSERT_LE(0, self->fd[0]);
	self->fd[1] = open("/dev/neuron1", O_RDWR | O_CLOEXEC);
	if (self->fd[1] < 0)
		SKIP(return, "one chip only");
	if (!has_dmabuf(self->fd[0]))
		SKIP(return, "this kernel has no dma-bufs");
	pci_name(self->pci[0], sizeof(self->pci[0]));
	n = readlink("/sys/class/neuron_device/neuron1/device", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	snprintf(self->pci[1], sizeof(self->pci[1]), "%s", strrchr(link, '/') + 1);
	/* Memory of chip 1, which chip 0 copies. */
	ASSERT_EQ(0, mem_create(self->fd[1], NEURON_MEM_DEVICE, LENGTH, &self->mem));
	self->p = mem_map(self->fd[1], &self->mem);
	ASSERT_EQ(0, mem_create(self->fd[0], NEURON_MEM_HOST, LENGTH, &self->host));
	self->h = mem_map(self->fd[0], &self->host);
	self->dmabuf = export_of(self->fd[1], self->mem.id);
	ASSERT_LE(0, self->dmabuf);
}

FIXTURE_TEARDOWN(chips)
{
}

static bool linked(int fd)
{
	struct neuron_ioctl_info info;

	return !get_info(fd, &info) && info.connected;
}

TEST_F(chips, not_neighbours)
{
	if (linked(self->fd[0]))
		SKIP(return, "they are");
	EXPECT_EQ(-EXDEV, import_at(self->fd[0], self->dmabuf, 0, 0, &self->import));
}

TEST_F(chips, copies_over_the_link)
{
	struct neuron_ioctl_mem_create local;

	if (!linked(self->fd[0]))
		SKIP(return, "no link");
	ASSERT_EQ(0, import_at(self->fd[0], self->dmabuf, 0, 0, &self->import));
	fill(self->h, LENGTH, 31);
	ASSERT_EQ(0, copy(self->fd[0], self->import.id, 0, self->host.id, 0, LENGTH));
	EXPECT_TRUE(same(self->p, self->h, LENGTH));
	ASSERT_EQ(0, mem_create(self->fd[0], NEURON_MEM_DEVICE, LENGTH, &local));
	ASSERT_EQ(0, copy(self->fd[0], local.id, 0, self->import.id, 0, LENGTH));
	memset(self->h, 0, LENGTH);
	ASSERT_EQ(0, copy(self->fd[0], self->host.id, 0, local.id, 0, LENGTH));
	EXPECT_TRUE(same(self->p, self->h, LENGTH));
	EXPECT_EQ(-ERANGE, copy(self->fd[0], self->import.id, 1, self->host.id, 0, LENGTH));
}

static void *copy_until_stale(void *arg)
{
	FIXTURE_DATA(chips) *self = arg;
	intptr_t ret;

	do {
		ret = copy(self->fd[0], self->host.id, 0, self->import.id, 0, LENGTH);
		ret = ret ? ret : copy(self->fd[0], self->import.id, 0, self->host.id, 0, LENGTH);
	} while (!ret);
	return (void *)ret;
}

/* The exporter's chip goes while the other one copies: the copies end, the other chip works on. */
static void exporter_goes(struct __test_metadata *_metadata, FIXTURE_DATA(chips) *self, bool unbind)
{
	char path[256];
	pthread_t thread;
	void *ret;
	int fd;

	ASSERT_EQ(0, import_at(self->fd[0], self->dmabuf, 0, 0, &self->import));
	ASSERT_EQ(0, pthread_create(&thread, NULL, copy_until_stale, self));
	usleep(100000);
	if (unbind) {
		ASSERT_EQ(0, driver_write("unbind", self->pci[1]));
	} else {
		snprintf(path, sizeof(path), PCI "devices/%s/reset", self->pci[1]);
		ASSERT_EQ(0, write_file(path, "1"));
	}
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(-ESTALE, (intptr_t)ret);
	if (unbind) {
		ASSERT_EQ(0, driver_write("bind", self->pci[1]));
		for (int i = 0; i < 3000 && access("/dev/neuron1", F_OK); i++)
			usleep(10000);
	}
	/* Still so, and for good. */
	EXPECT_EQ(-ESTALE, copy(self->fd[0], self->host.id, 0, self->import.id, 0, 1));
	EXPECT_EQ(-ESTALE, import_at(self->fd[0], self->dmabuf, 0, 0, &self->mem));
	EXPECT_EQ(0, copy(self->fd[0], self->host.id, 0, self->host.id, 4096, 4096));
	EXPECT_EQ(0, destroy(self->fd[0], self->import.id));
	fd = open("/dev/neuron1", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, LENGTH, &self->mem));
	close(fd);
}

TEST_F(chips, exporter_is_unbound)
{
	if (!linked(self->fd[0]))
		SKIP(return, "no link");
	exporter_goes(_metadata, self, true);
}

TEST_F(chips, exporter_is_reset)
{
	if (!linked(self->fd[0]))
		SKIP(return, "no link");
	exporter_goes(_metadata, self, false);
}

TEST_HARNESS_MAIN
