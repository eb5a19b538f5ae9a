// SPDX-License-Identifier: Apache-2.0
/*
 * A guest where devices reach copies of memory only ("swiotlb=force"): pages that live on while the chip has them
 * are refused, nothing is left of the attempt, and the driver's own memory works.
 */
#include "util.h"

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#define LENGTH (2 * MIB)

FIXTURE(bounce)
{
	int fd;
	struct neuron_ioctl_mem_create dev, host;
	uint8_t *p, *h;
};

FIXTURE_SETUP(bounce)
{
	if (!bounces())
		SKIP(return, "no swiotlb=force");
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, LENGTH, &self->dev));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, LENGTH, &self->host));
	self->h = mem_map(self->fd, &self->host);
	ASSERT_NE(MAP_FAILED, self->h);
	self->p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN(bounce)
{
}

/* More often than there is room to leak. */
TEST_F(bounce, pinned_pages_are_refused)
{
	struct neuron_ioctl_mem_create m;

	for (int i = 0; i < 100; i++) {
		m = (struct neuron_ioctl_mem_create) {
			.size = sizeof(m),
			.type = NEURON_MEM_USER,
			.flags = i & 1 ? NEURON_MEM_READONLY : 0,
			.length = i & 2 ? LENGTH : 100,
			.address = (uintptr_t)self->p,
		};
		ASSERT_EQ(-EOPNOTSUPP, call(self->fd, NEURON_IOCTL_MEM_CREATE, &m));
	}
	EXPECT_EQ(0, pinned());
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-user"));
}

static int import_of(int fd, int dmabuf)
{
	struct neuron_ioctl_mem_create m = { .size = sizeof(m), .type = NEURON_MEM_DMABUF, .fd = dmabuf };

	return call(fd, NEURON_IOCTL_MEM_CREATE, &m);
}

TEST_F(bounce, dmabufs_are_refused)
{
	struct dma_heap_allocation_data heap = { .len = LENGTH, .fd_flags = O_RDWR | O_CLOEXEC };
	struct udmabuf_create u = { .size = LENGTH };
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), tried = 0, fd;

	u.memfd = memfd_create("udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (node >= 0 && !ftruncate(u.memfd, LENGTH) && !fcntl(u.memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		fd = ioctl(node, UDMABUF_CREATE, &u);
		ASSERT_LE(0, fd);
		for (int i = 0; i < 50; i++, tried++)
			ASSERT_EQ(-EOPNOTSUPP, import_of(self->fd, fd));
	}
	node = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	if (node >= 0) {
		ASSERT_EQ(0, call(node, DMA_HEAP_IOCTL_ALLOC, &heap));
		for (int i = 0; i < 50; i++, tried++)
			ASSERT_EQ(-EOPNOTSUPP, import_of(self->fd, heap.fd));
	}
	if (!tried)
		SKIP(return, "no /dev/udmabuf, no /dev/dma_heap/system");
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-dmabuf"));
}

TEST_F(bounce, own_memory_works)
{
	fill(self->h, LENGTH, 1);
	ASSERT_EQ(0, copy(self->fd, self->dev.id, 0, self->host.id, 0, LENGTH));
	memset(self->h, 0, LENGTH);
	ASSERT_EQ(0, copy(self->fd, self->host.id, 0, self->dev.id, 0, LENGTH));
	fill(self->p, LENGTH, 1);
	EXPECT_TRUE(same(self->p, self->h, LENGTH));
}

/* Memory of the chip is no host memory. */
TEST_F(bounce, own_exports_work)
{
	struct neuron_ioctl_mem_export arg = { .size = sizeof(arg), .id = self->dev.id };
	int ret = call(self->fd, NEURON_IOCTL_MEM_EXPORT, &arg);

	if (ret == -EOPNOTSUPP)
		SKIP(return, "this kernel has no dma-bufs");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, import_of(self->fd, arg.fd));
}

TEST_HARNESS_MAIN
