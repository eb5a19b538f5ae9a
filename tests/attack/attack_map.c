// SPDX-License-Identifier: Apache-2.0
/*
 * Attacks by mappings: offsets and lengths of mmap() that are not ours, ways to grow, move or write
 * a mapping that may not be, and ways to hand device memory to the rest of the kernel.
 */
#include "attack.h"

#include <sys/syscall.h>
#include <sys/uio.h>

ATTACK_FIXTURE(map);

static bool faults(volatile uint8_t *p, bool write)
{
	struct sigaction sa = { .sa_handler = on_sigbus }, old_bus, old_segv;
	bool hit = true;

	sigaction(SIGBUS, &sa, &old_bus);
	sigaction(SIGSEGV, &sa, &old_segv);
	if (!sigsetjmp(bus_jump, 1)) {
		if (write)
			*p = 0x66;
		else
			(void)*p;
		hit = false;
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return hit;
}

/* Raw: the C library refuses some offsets itself. */
static uint8_t *map_raw(int fd, uint64_t offset, uint64_t length, int prot, int flags)
{
	return (uint8_t *)syscall(SYS_mmap, 0, length, prot, flags, fd, offset);
}

/* Whatever can be mapped by any offset is ours: no secret shows, nothing outside an object. */
TEST_F_TIMEOUT(map, any_offset, 120)
{
	static const uint64_t inside[] = { 0, 4096, 0x8000, 0xf000, 0x10000, 0x3f000, 0x40000, 0xfffff000 };
	static const uint64_t lengths[] = { 1, 4096, 8192, 0x10000, 0x10001, 0x40000, 0x41000, 1ull << 32,
					    1ull << 46, -4096ull, -1ull };
	unsigned int mapped = 0;

	for (uint32_t id = 0; id < 32; id++)
		for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
			for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
				uint64_t offset = id * NEURON_DRAM_CHANNEL_SIZE + inside[i];
				uint8_t *p = map_raw(self->rig.fd, offset, lengths[l], PROT_READ, MAP_SHARED);

				if (p == MAP_FAILED)
					continue;
				mapped++;
				/* The largest object of the rig. */
				EXPECT_GE(CODE_INSNS * sizeof(struct neuron_insn), inside[i] + lengths[l]);
				EXPECT_FALSE(secret_leaked(p, lengths[l]));
				munmap(p, lengths[l]);
			}
	EXPECT_LT(0, mapped);
	for (size_t i = 0; i < ARRAY_SIZE(wide_values); i++) {
		uint64_t offset = wide_values[i] & ~4095ull;
		uint8_t *p = map_raw(self->rig.fd, offset, 4096, PROT_READ, MAP_SHARED);

		/* An offset of an object of ours is fine. */
		if (p != MAP_FAILED) {
			EXPECT_GT(32 * NEURON_DRAM_CHANNEL_SIZE, offset);
			EXPECT_FALSE(secret_leaked(p, 4096));
			munmap(p, 4096);
		}
	}
}

/* What another file's queue or memory is mapped by does not name it here. */
TEST_F(map, offsets_of_another_file)
{
	int fd = open_device();

	ASSERT_LE(0, fd);
	EXPECT_EQ(MAP_FAILED, map_raw(fd, self->rig.queue.mmap_offset, 4096, PROT_READ, MAP_SHARED));
	EXPECT_EQ(MAP_FAILED, map_raw(fd, self->rig.data_mem.mmap_offset, 4096, PROT_READ, MAP_SHARED));
	EXPECT_EQ(MAP_FAILED, map_raw(fd, self->rig.host_mem.mmap_offset, 4096, PROT_READ, MAP_SHARED));
	close(fd);
}

/* The chip writes it, programs read it; no way makes it writable. */
TEST_F(map, completion_page_is_never_written)
{
	const struct neuron_ioctl_queue_create *q = &self->rig.queue;
	uint8_t before[4096], *p = map_raw(self->rig.fd, q->mmap_offset, q->mmap_length, PROT_READ, MAP_SHARED);
	struct iovec ours, theirs;
	int mem;

	ASSERT_NE(MAP_FAILED, p);
	memcpy(before, p, sizeof(before));
	EXPECT_EQ(MAP_FAILED, map_raw(self->rig.fd, q->mmap_offset, q->mmap_length, PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(MAP_FAILED, map_raw(self->rig.fd, q->mmap_offset, q->mmap_length, PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(MAP_FAILED, map_raw(self->rig.fd, q->mmap_offset, q->mmap_length, PROT_READ | PROT_WRITE, MAP_PRIVATE));
	EXPECT_EQ(-1, mprotect(p, q->mmap_length, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(p, 4096, PROT_WRITE));
	EXPECT_TRUE(faults(p, true));
	/* A debugger's way in. */
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (mem >= 0) {
		EXPECT_NE(1, pwrite(mem, "x", 1, (uintptr_t)p));
		close(mem);
	}
	ours = (struct iovec) { before, 8 };
	theirs = (struct iovec) { p, 8 };
	EXPECT_NE(8, process_vm_writev(getpid(), &ours, 1, &theirs, 1, 0));
	EXPECT_EQ(-1, madvise(p, 4096, 23 /* MADV_POPULATE_WRITE */));
	EXPECT_TRUE(same(before, p, sizeof(before)));
	munmap(p, q->mmap_length);
}

/* A mapping does not become longer than its object, and does not slide to another one. */
TEST_F(map, does_not_grow)
{
	uint8_t *data = self->rig.data, *p;

	EXPECT_EQ(MAP_FAILED, mremap(data, DATA_BYTES, DATA_BYTES + 4096, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(data, DATA_BYTES, 0x100000000, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(data, 0, DATA_BYTES, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(data, 0, 2 * DATA_BYTES, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(data + DATA_BYTES - 4096, 4096, 8192, MREMAP_MAYMOVE));
	p = map_raw(self->rig.fd, self->rig.data_mem.mmap_offset, DATA_BYTES, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, p);
	/* The old way to other pages of a file: offsets over the end, and into another object. */
	if (!syscall(SYS_remap_file_pages, p, 4096, 0, DATA_BYTES >> 12, 0))
		EXPECT_TRUE(faults(p, false));
	if (!syscall(SYS_remap_file_pages, p, 4096, 0, (31 * NEURON_DRAM_CHANNEL_SIZE) >> 12, 0))
		EXPECT_TRUE(faults(p, false));
	munmap(p, DATA_BYTES);
	/* One page of the middle, alone, shows that page. */
	self->rig.data[0x5000] = 0x55;
	p = map_raw(self->rig.fd, self->rig.data_mem.mmap_offset + 0x5000, 4096, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0x55, p[0]);
	EXPECT_TRUE(faults(p + 4096, false) || secret_leaked(p + 4096, 8) == false);
	munmap(p, 4096);
}

/* Device memory is no page that the kernel may lend to pipes, sockets or disks. */
TEST_F(map, is_not_pinned_by_others)
{
	struct iovec v = { self->rig.data, 4096 }, host = { self->rig.host, 4096 };
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
	EXPECT_EQ(-1, vmsplice(pipes[1], &v, 1, 0));
	EXPECT_EQ(-1, vmsplice(pipes[1], &host, 1, 0));
	close(pipes[0]);
	close(pipes[1]);
}

/* No read(), write() and the like at all. */
TEST_F(map, no_other_way_in)
{
	char text[64] = "";

	EXPECT_EQ(-1, read(self->rig.fd, text, sizeof(text)));
	EXPECT_EQ(-1, write(self->rig.fd, text, sizeof(text)));
	EXPECT_EQ(-1, pread(self->rig.fd, text, sizeof(text), 0x1000));
	EXPECT_EQ(-1, ftruncate(self->rig.fd, 0));
	EXPECT_EQ(-1, open("/sys/class/neuron_device/neuron0/device/resource0", O_RDWR));
	EXPECT_EQ(-1, open("/sys/class/neuron_device/neuron0/device/resource4", O_RDONLY));
	EXPECT_EQ(-1, open("/sys/kernel/debug/neuron/neuron0/queues", O_RDONLY));
}

/* A file that is open for reading only does not give memory that can be written. */
TEST_F(map, read_only_file)
{
	struct neuron_ioctl_mem_create mem;
	int fd = open(DEVICE, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	if (!mem_create(fd, NEURON_MEM_DEVICE, 4096, &mem)) {
		EXPECT_EQ(MAP_FAILED, map_raw(fd, mem.mmap_offset, 4096, PROT_READ | PROT_WRITE, MAP_SHARED));
		EXPECT_EQ(EACCES, errno);
	}
	close(fd);
}

TEST_HARNESS_MAIN
