// SPDX-License-Identifier: Apache-2.0
/* Memory objects: creation, mmap, zeroing, copies. */
#include "util.h"

FIXTURE(mem)
{
	int fd;
};

FIXTURE_SETUP(mem)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(mem)
{
	close(self->fd);
}

static int create(int fd, uint32_t type, uint32_t channel, uint64_t length, uint64_t align)
{
	struct neuron_ioctl_mem_create mem = {
		.size = sizeof(mem),
		.type = type,
		.channel = channel,
		.length = length,
		.align = align,
	};

	return call(fd, NEURON_IOCTL_MEM_CREATE, &mem);
}

TEST_F(mem, bad_arguments)
{
	EXPECT_EQ(-EINVAL, create(self->fd, 0, 0, 4096, 0));
	EXPECT_EQ(-EINVAL, create(self->fd, 5, 0, 4096, 0));
	EXPECT_EQ(-EINVAL, create(self->fd, NEURON_MEM_DEVICE, 0, 0, 0));
	EXPECT_EQ(-EINVAL, create(self->fd, NEURON_MEM_HOST, 0, 0, 0));
	EXPECT_EQ(-EINVAL, create(self->fd, NEURON_MEM_DEVICE, 2, 4096, 0));
	EXPECT_EQ(-EINVAL, create(self->fd, NEURON_MEM_DEVICE, 0, 4096, 2048));
	EXPECT_EQ(-EINVAL, create(self->fd, NEURON_MEM_DEVICE, 0, 4096, 12288));
	EXPECT_EQ(-EINVAL, create(self->fd, NEURON_MEM_HOST, 0, 4096, 4096));
}

TEST_F(mem, too_much)
{
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, 0, NEURON_DRAM_CHANNEL_SIZE + 1, 0));
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, NEURON_MEM_ANY_CHANNEL, UINT64_MAX, 0));
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, 0, UINT64_MAX - 4094, 0));
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, 0, 4096, 1ull << 63));
	EXPECT_EQ(-ENOMEM, create(self->fd, NEURON_MEM_HOST, 0, 1ull << 40, 0));
	EXPECT_EQ(-ENOMEM, create(self->fd, NEURON_MEM_HOST, 0, UINT64_MAX, 0));
}

TEST_F_TIMEOUT(mem, channel_full, 180)
{
	const uint64_t half = NEURON_DRAM_CHANNEL_SIZE / 2;
	struct neuron_ioctl_info before, full, after;
	struct neuron_ioctl_mem_create mem[2] = {};

	if (brief())
		SKIP(return, "elsewhere");
	ASSERT_EQ(0, get_info(self->fd, &before));
	/* Zeroing takes its time: big pieces only here. */
	for (int i = 0; i < 2; i++) {
		mem[i] = (struct neuron_ioctl_mem_create) {
			.size = sizeof(mem[i]),
			.type = NEURON_MEM_DEVICE,
			.channel = 1,
			.length = i ? MIB : half,
			.align = half,
		};
		ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_CREATE, &mem[i]));
	}
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, 1, half, 0));
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, 1, 4096, half));
	EXPECT_EQ(0, create(self->fd, NEURON_MEM_DEVICE, 0, 4096, half));
	ASSERT_EQ(0, get_info(self->fd, &full));
	EXPECT_EQ(before.mem_free - half - MIB - 4096, full.mem_free);
	ASSERT_EQ(0, destroy(self->fd, mem[0].id));
	ASSERT_EQ(0, destroy(self->fd, mem[1].id));
	ASSERT_EQ(0, get_info(self->fd, &after));
	EXPECT_EQ(before.mem_free - 4096, after.mem_free);
}

TEST_F(mem, length_is_rounded_up)
{
	struct neuron_ioctl_mem_create m;
	struct neuron_ioctl_info before, after;

	ASSERT_EQ(0, get_info(self->fd, &before));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, 4097, &m));
	ASSERT_EQ(0, get_info(self->fd, &after));
	EXPECT_EQ(8192, before.mem_free - after.mem_free);
	EXPECT_NE(0, m.id);
	EXPECT_EQ(0, m.mmap_offset % 4096);
	EXPECT_NE(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->fd, m.mmap_offset));
}

TEST_F(mem, close_releases)
{
	struct neuron_ioctl_info before, after;
	struct neuron_ioctl_mem_create m;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(self->fd, &before));
	for (int i = 0; i < 50; i++)
		ASSERT_EQ(0, mem_create(fd, NEURON_MEM_DEVICE, 8192, &m));
	close(fd);
	ASSERT_EQ(0, get_info(self->fd, &after));
	EXPECT_EQ(before.mem_free, after.mem_free);
}

TEST_F(mem, destroy)
{
	struct neuron_ioctl_mem_create m;

	EXPECT_EQ(-ENOENT, destroy(self->fd, 0));
	EXPECT_EQ(-ENOENT, destroy(self->fd, 1));
	EXPECT_EQ(-ENOENT, destroy(self->fd, UINT32_MAX));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, 4096, &m));
	EXPECT_EQ(0, destroy(self->fd, m.id));
	EXPECT_EQ(-ENOENT, destroy(self->fd, m.id));
}

TEST_F(mem, ids_mean_nothing_in_another_file)
{
	struct neuron_ioctl_mem_create m;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, 4096, &m));
	EXPECT_EQ(-ENOENT, destroy(fd, m.id));
	EXPECT_EQ(-ENOENT, copy(fd, m.id, 0, m.id, 64, 64));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, m.mmap_offset));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

/* A channel with two holes takes what fits into the larger one; ANY_CHANNEL goes where the larger hole is. */
TEST_F(mem, largest_range)
{
	const uint64_t half = NEURON_DRAM_CHANNEL_SIZE / 2;
	struct neuron_ioctl_mem_create a = {
		.size = sizeof(a), .type = NEURON_MEM_DEVICE, .channel = 0, .length = 4096, .align = half,
	}, b = a, c;
	struct neuron_ioctl_info info;

	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_CREATE, &a));
	ASSERT_EQ(0, call(self->fd, NEURON_IOCTL_MEM_CREATE, &b));
	/* Channel 0: a page at 0, a page in the middle. Much is free, but in two pieces. */
	ASSERT_EQ(0, get_info(self->fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - 8192, info.mem_free);
	EXPECT_EQ(half - 4096, info.mem_largest[0]);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE, info.mem_largest[1]);
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, 8192, &c));
	ASSERT_EQ(0, get_info(self->fd, &info));
	EXPECT_EQ(half - 4096, info.mem_largest[0]);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE - 8192, info.mem_largest[1]);
	/* Most bytes are free in channel 0 now, but the largest range is in channel 1. */
	ASSERT_EQ(0, destroy(self->fd, a.id));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, 4096, &c));
	ASSERT_EQ(0, get_info(self->fd, &info));
	EXPECT_EQ(half, info.mem_largest[0]);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE - 12288, info.mem_largest[1]);
}

/* What one file wrote anywhere, another one never sees. */
TEST_F(mem, next_owner_sees_zeros)
{
	static const uint32_t kinds[3][2] = {
		{ NEURON_MEM_DEVICE, 0 }, { NEURON_MEM_DEVICE, 1 }, { NEURON_MEM_HOST, 0 },
	};
	struct neuron_ioctl_mem_create m[3][4];
	int fd = open_device();
	uint8_t *p;

	ASSERT_LE(0, fd);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 12; i++) {
			struct neuron_ioctl_mem_create *mem = &m[i / 4][i % 4];

			*mem = (struct neuron_ioctl_mem_create) {
				.size = sizeof(*mem), .type = kinds[i / 4][0], .channel = kinds[i / 4][1],
				/* Other sizes in the second pass: other borders. */
				.length = (i % 4 + 1) * MIB + pass * 0x3000,
			};
			ASSERT_EQ(0, call(fd, NEURON_IOCTL_MEM_CREATE, mem));
			p = mem_map(fd, mem);
			ASSERT_NE(MAP_FAILED, p);
			EXPECT_TRUE(all_zero(p, mem->length));
			memset(p, 0x5c, mem->length);
			ASSERT_EQ(0, munmap(p, mem->length));
		}
		close(fd);
		fd = open_device();
		ASSERT_LE(0, fd);
	}
	close(fd);
}

#define STRIDE (64 * MIB)

/*
 * One MiB of every 64 of all memory is written by the first owner (pass 0) and must read as zeros for the second,
 * whose ranges begin at the same places and end elsewhere; or in one range a channel.
 */
static void own_everywhere(struct __test_metadata *_metadata, int fd, int pass, bool whole)
{
	const uint32_t ranges = 2 * (whole ? 1 : NEURON_DRAM_CHANNEL_SIZE / STRIDE);
	const uint64_t length = whole ? NEURON_DRAM_CHANNEL_SIZE : (pass + 1) * MIB;
	struct neuron_ioctl_mem_create host, m;
	uint8_t *h;

	ASSERT_EQ(0, mem_create(fd, NEURON_MEM_HOST, MIB, &host));
	h = mem_map(fd, &host);
	ASSERT_NE(MAP_FAILED, h);
	memset(h, 0x5c, MIB);
	for (uint32_t i = 0; i < ranges; i++) {
		m = (struct neuron_ioctl_mem_create) {
			.size = sizeof(m),
			.type = NEURON_MEM_DEVICE,
			.channel = i % 2,
			.length = length,
			.align = STRIDE,
		};
		ASSERT_EQ(0, call(fd, NEURON_IOCTL_MEM_CREATE, &m));
		for (uint64_t offset = 0; offset < length; offset += STRIDE) {
			/* The last MiB of all, too. */
			uint64_t place = offset + STRIDE >= NEURON_DRAM_CHANNEL_SIZE ? length - MIB : offset;

			if (!pass) {
				ASSERT_EQ(0, copy(fd, m.id, place, host.id, 0, MIB));
				continue;
			}
			h[0] = h[MIB - 1] = 0xff;
			ASSERT_EQ(0, copy(fd, host.id, 0, m.id, place, MIB));
			ASSERT_TRUE(all_zero(h, MIB));
		}
	}
	ASSERT_EQ(0, munmap(h, MIB));
}

TEST_F_TIMEOUT(mem, next_owner_sees_zeros_everywhere, 120)
{
	int fd = open_device();

	ASSERT_LE(0, fd);
	own_everywhere(_metadata, fd, 0, false);
	close(fd);
	own_everywhere(_metadata, self->fd, 1, false);
}

/* Takes as much of the host's memory as the chip has. */
TEST_F_TIMEOUT(mem, next_owner_sees_zeros_in_all_of_it, 280)
{
	struct neuron_ioctl_info info;
	int fd;

	if (!getenv("NEURON_TEST_LONG"))
		SKIP(return, "no NEURON_TEST_LONG");
	fd = open_device();
	ASSERT_LE(0, fd);
	own_everywhere(_metadata, fd, 0, true);
	close(fd);
	own_everywhere(_metadata, self->fd, 1, true);
	ASSERT_EQ(0, get_info(self->fd, &info));
	EXPECT_EQ(0, info.mem_free);
	EXPECT_EQ(-ENOSPC, create(self->fd, NEURON_MEM_DEVICE, NEURON_MEM_ANY_CHANNEL, 4096, 0));
}

/* What debugfs says of the chip is the sum of what fdinfo says of its files. */
TEST_F(mem, totals_are_the_sum_of_files)
{
	static const char * const kinds[] = { "device", "host", "user", "dmabuf" };
	struct neuron_ioctl_mem_create m, user;
	static uint8_t pages[3 * 4096] __attribute__((aligned(4096)));
	int fd[3] = { self->fd };
	char path[128], key[64];
	uint8_t *p[3];

	snprintf(path, sizeof(path), "/sys/kernel/debug/neuron/neuron0/memory");
	if (access(path, R_OK))
		SKIP(return, "no debugfs");
	for (int i = 0; i < 3; i++) {
		if (i)
			fd[i] = open_device();
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, mem_create(fd[i], NEURON_MEM_HOST, (i + 1) * 0x30000, &m));
		ASSERT_EQ(0, mem_create(fd[i], NEURON_MEM_DEVICE, (i + 1) * MIB, &m));
		user = (struct neuron_ioctl_mem_create) {
			.size = sizeof(user), .type = NEURON_MEM_USER, .length = (i + 1) * 4096, .address = (uintptr_t)pages,
		};
		if (!bounces())
			ASSERT_EQ(0, call(fd[i], NEURON_IOCTL_MEM_CREATE, &user));
		p[i] = mem_map(fd[i], &m);
		ASSERT_NE(MAP_FAILED, p[i]);
		/* Without an id it still counts. */
		if (i == 1)
			ASSERT_EQ(0, destroy(fd[i], m.id));
	}
	for (int pass = 0; pass < 2; pass++) {
		int64_t sum;

		for (int k = 0; k < 4; k++) {
			snprintf(key, sizeof(key), "neuron-memory-%s", kinds[k]);
			sum = fdinfo(fd[0], key) + fdinfo(fd[2], key) + (pass ? 0 : fdinfo(fd[1], key));
			EXPECT_EQ(sum, key_value(path, kinds[k]));
			if (k < 3 - bounces())
				EXPECT_LT(0, sum);
		}
		sum = fdinfo(fd[0], "neuron-mapped") + fdinfo(fd[2], "neuron-mapped") +
		      (pass ? 0 : fdinfo(fd[1], "neuron-mapped"));
		EXPECT_EQ((int64_t)(pass ? 4 * MIB : 6 * MIB), sum);
		EXPECT_EQ(sum, key_value(path, "mapped"));
		EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, (uint64_t)(key_value(path, "device") + key_value(path, "free")));
		if (pass)
			break;
		/* One file goes, with all that it had. */
		ASSERT_EQ(0, munmap(p[1], 2 * MIB));
		close(fd[1]);
	}
}

TEST_F(mem, fdinfo)
{
	struct neuron_ioctl_mem_create d, h;
	char path[64], text[64], pci[32];
	int other = open_device();
	uint8_t *p, *q;

	ASSERT_LE(0, other);
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-device"));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-user"));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-dmabuf"));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, 3 * MIB, &d));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, MIB, &h));
	EXPECT_EQ((int64_t)(3 * MIB), fdinfo(self->fd, "neuron-memory-device"));
	EXPECT_EQ((int64_t)MIB, fdinfo(self->fd, "neuron-memory-host"));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-mapped"));
	EXPECT_EQ(0, fdinfo(other, "neuron-memory-device"));
	p = mem_map(self->fd, &d);
	q = mem_map(self->fd, &d);
	EXPECT_EQ((int64_t)(3 * MIB), fdinfo(self->fd, "neuron-mapped"));
	ASSERT_EQ(0, munmap(p, MIB));
	ASSERT_EQ(0, munmap(q, 3 * MIB));
	EXPECT_EQ((int64_t)(3 * MIB), fdinfo(self->fd, "neuron-mapped"));
	/* It counts for as long as it is there, not as long as it has an id. */
	ASSERT_EQ(0, destroy(self->fd, d.id));
	EXPECT_EQ((int64_t)(3 * MIB), fdinfo(self->fd, "neuron-memory-device"));
	ASSERT_EQ(0, munmap(p + MIB, 2 * MIB));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-memory-device"));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-mapped"));
	ASSERT_EQ(0, cores_acquire(self->fd, 6));
	EXPECT_EQ(6, fdinfo(self->fd, "neuron-cores"));
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-queues"));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	pci_name(pci, sizeof(pci));
	{
		char line[128] = "", *value = NULL;
		FILE *f = fopen(path, "re");

		while (fgets(line, sizeof(line), f))
			if (!strncmp(line, "neuron-pci:\t", 12))
				break;
		fclose(f);
		value = line + 12;
		snprintf(text, sizeof(text), "%s\n", pci);
		EXPECT_STREQ(text, value);
	}
	close(other);
}

FIXTURE(mapped)
{
	int fd;
	struct neuron_ioctl_mem_create mem;
	uint8_t *p;
};

FIXTURE_VARIANT(mapped)
{
	uint32_t type;
};

FIXTURE_VARIANT_ADD(mapped, device) { .type = NEURON_MEM_DEVICE };
FIXTURE_VARIANT_ADD(mapped, host) { .type = NEURON_MEM_HOST };

FIXTURE_SETUP(mapped)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mem_create(self->fd, variant->type, MIB, &self->mem));
	self->p = mem_map(self->fd, &self->mem);
	ASSERT_NE(MAP_FAILED, self->p);
}

FIXTURE_TEARDOWN(mapped)
{
	close(self->fd);
}

TEST_F(mapped, reads_as_zeros)
{
	/* Dirty all of it, give it back, and look at what the next owner gets. */
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(all_zero(self->p, MIB));
		memset(self->p, 0xa5, MIB);
		ASSERT_EQ(0, munmap(self->p, MIB));
		ASSERT_EQ(0, destroy(self->fd, self->mem.id));
		ASSERT_EQ(0, mem_create(self->fd, variant->type, MIB, &self->mem));
		self->p = mem_map(self->fd, &self->mem);
		ASSERT_NE(MAP_FAILED, self->p);
	}
}

TEST_F(mapped, two_mappings_see_the_same)
{
	uint8_t *q = mem_map(self->fd, &self->mem);

	ASSERT_NE(MAP_FAILED, q);
	fill(self->p, MIB, 1);
	EXPECT_TRUE(same(self->p, q, MIB));
}

TEST_F(mapped, part_of_an_object)
{
	uint8_t *q = mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->fd, self->mem.mmap_offset + 0x10000);

	ASSERT_NE(MAP_FAILED, q);
	fill(self->p, MIB, 2);
	EXPECT_TRUE(same(self->p + 0x10000, q, 8192));
}

TEST_F(mapped, not_over_the_end)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, MIB + 4096, PROT_READ, MAP_SHARED, self->fd, self->mem.mmap_offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->fd, self->mem.mmap_offset + MIB - 4096));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mremap(self->p, MIB, 2 * MIB, MREMAP_MAYMOVE));
}

TEST_F(mapped, not_private)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, self->mem.mmap_offset));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(mapped, outlives_the_id_and_the_file)
{
	struct neuron_ioctl_info info;
	int fd;

	fill(self->p, MIB, 3);
	ASSERT_EQ(0, destroy(self->fd, self->mem.id));
	EXPECT_EQ(MAP_FAILED, mem_map(self->fd, &self->mem));
	close(self->fd);
	fd = open_device();
	ASSERT_LE(0, fd);
	for (uint64_t i = 0; i < MIB; i++)
		ASSERT_EQ((uint8_t)((i + 3) * 2654435761u >> 24), self->p[i]);
	ASSERT_EQ(0, get_info(fd, &info));
	if (variant->type == NEURON_MEM_DEVICE)
		EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - MIB, info.mem_free);
	ASSERT_EQ(0, munmap(self->p, MIB));
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	self->fd = fd;
}

TEST_F(mapped, a_child_shares_it)
{
	int status;
	pid_t pid;

	self->p[5] = 1;
	pid = fork();
	if (!pid) {
		self->p[5]++;
		_exit(self->p[5] == 2 ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, self->p[5]);
}

/* Parts of a mapping go one after the other; the last one takes the memory with it. */
TEST_F(mapped, partial_unmap)
{
	struct neuron_ioctl_info info;
	uint8_t *p = self->p;
	int fd = open_device();

	ASSERT_LE(0, fd);
	fill(p, MIB, 8);
	ASSERT_EQ(0, destroy(self->fd, self->mem.id));
	/* In the middle, at the end, at the start. */
	ASSERT_EQ(0, munmap(p + 0x40000, 0x1000));
	ASSERT_EQ(0, munmap(p + 0xff000, 0x1000));
	ASSERT_EQ(0, munmap(p, 0x3000));
	EXPECT_EQ((uint8_t)((0x3000 + 8) * 2654435761u >> 24), p[0x3000]);
	EXPECT_EQ((uint8_t)((0x3ffff + 8) * 2654435761u >> 24), p[0x3ffff]);
	EXPECT_EQ((uint8_t)((0x41000 + 8) * 2654435761u >> 24), p[0x41000]);
	EXPECT_EQ((uint8_t)((0xfefff + 8) * 2654435761u >> 24), p[0xfefff]);
	EXPECT_EQ((int64_t)MIB, fdinfo(self->fd, "neuron-mapped"));
	ASSERT_EQ(0, munmap(p + 0x3000, 0x3d000));
	ASSERT_EQ(0, get_info(fd, &info));
	if (variant->type == NEURON_MEM_DEVICE)
		EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - MIB, info.mem_free);
	ASSERT_EQ(0, munmap(p + 0x41000, 0xbe000));
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	EXPECT_EQ(0, fdinfo(self->fd, "neuron-mapped"));
	close(fd);
}

TEST_F(mapped, moved)
{
	uint8_t *p = self->p, *q;

	fill(p, MIB, 9);
	/* A part of it, of which pages were and were not touched. */
	q = mremap(p + 0x20000, 0x10000, 0x10000, MREMAP_MAYMOVE | MREMAP_FIXED,
		   mmap(NULL, 0x10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	ASSERT_NE(MAP_FAILED, q);
	for (int i = 0; i < 0x10000; i += 511)
		ASSERT_EQ((uint8_t)((0x20000 + i + 9) * 2654435761u >> 24), q[i]);
	/* Smaller works, larger does not. */
	ASSERT_EQ(q, mremap(q, 0x10000, 0x8000, 0));
	EXPECT_EQ(MAP_FAILED, mremap(q, 0x8000, 0x10000, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(q, 0, 0x8000, MREMAP_MAYMOVE));
	EXPECT_EQ((uint8_t)((0x27fff + 9) * 2654435761u >> 24), q[0x7fff]);
}

TEST_F(mapped, protected)
{
	uint8_t *p = self->p;
	int status;
	pid_t pid;

	fill(p, MIB, 10);
	ASSERT_EQ(0, mprotect(p + 0x10000, 0x10000, PROT_READ));
	EXPECT_EQ((uint8_t)((0x10000 + 10) * 2654435761u >> 24), p[0x10000]);
	p[0xffff] = 1;
	p[0x20000] = 1;
	pid = fork();
	if (!pid) {
		p[0x10000] = 1;
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	ASSERT_EQ(0, mprotect(p + 0x10000, 0x10000, PROT_READ | PROT_WRITE));
	p[0x10000] = 1;
	EXPECT_EQ(1, p[0x10000]);
}

/* A child's mapping keeps the memory, also when the parent has neither mapping, id nor file. */
TEST_F(mapped, a_child_keeps_it)
{
	struct neuron_ioctl_info info;
	int down[2], status, fd;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(down));
	fill(self->p, MIB, 11);
	pid = fork();
	if (!pid) {
		(void)!read(down[0], &c, 1);
		for (uint64_t i = 0; i < MIB; i += 4093)
			if (self->p[i] != (uint8_t)((i + 11) * 2654435761u >> 24))
				_exit(1);
		_exit(0);
	}
	ASSERT_EQ(0, munmap(self->p, MIB));
	ASSERT_EQ(0, destroy(self->fd, self->mem.id));
	close(self->fd);
	fd = open_device();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(fd, &info));
	if (variant->type == NEURON_MEM_DEVICE)
		EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE - MIB, info.mem_free);
	ASSERT_EQ(1, write(down[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	self->fd = fd;
}

FIXTURE(copies)
{
	int fd;
	struct neuron_ioctl_mem_create src, dst;
	uint8_t *s, *d;
};

FIXTURE_VARIANT(copies)
{
	uint32_t src, dst;
};

FIXTURE_VARIANT_ADD(copies, host_to_device) { NEURON_MEM_HOST, NEURON_MEM_DEVICE };
FIXTURE_VARIANT_ADD(copies, device_to_host) { NEURON_MEM_DEVICE, NEURON_MEM_HOST };
FIXTURE_VARIANT_ADD(copies, device_to_device) { NEURON_MEM_DEVICE, NEURON_MEM_DEVICE };
FIXTURE_VARIANT_ADD(copies, host_to_host) { NEURON_MEM_HOST, NEURON_MEM_HOST };

#define COPY_BYTES (6 * MIB)

FIXTURE_SETUP(copies)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mem_create(self->fd, variant->src, COPY_BYTES, &self->src));
	ASSERT_EQ(0, mem_create(self->fd, variant->dst, COPY_BYTES, &self->dst));
	self->s = mem_map(self->fd, &self->src);
	self->d = mem_map(self->fd, &self->dst);
	ASSERT_NE(MAP_FAILED, self->s);
	ASSERT_NE(MAP_FAILED, self->d);
	fill(self->s, COPY_BYTES, variant->src * 7 + variant->dst);
}

FIXTURE_TEARDOWN(copies)
{
	close(self->fd);
}

TEST_F(copies, whole)
{
	EXPECT_EQ(0, copy(self->fd, self->dst.id, 0, self->src.id, 0, COPY_BYTES));
	EXPECT_TRUE(same(self->s, self->d, COPY_BYTES));
}

TEST_F(copies, odd_sizes_and_offsets)
{
	static const uint32_t sizes[] = { 1, 2, 3, 63, 64, 65, 4095, 4097, 0xffff, 0x10000, 0x10001, 0x54321 };
	static const uint32_t offsets[] = { 0, 1, 7, 4095, 0xffff, 0x10001 };

	for (unsigned int i = 0; i < 12; i++) {
		for (unsigned int j = 0; j < 36; j++) {
			uint32_t so = offsets[j / 6], d = offsets[j % 6] + 16, n = sizes[i];

			memset(self->d + d - 8, 0xee, n + 16);
			ASSERT_EQ(0, copy(self->fd, self->dst.id, d, self->src.id, so, n));
			ASSERT_TRUE(same(self->s + so, self->d + d, n)) {
				TH_LOG("%u bytes from %u to %u", n, so, d);
			}
			/* Nothing beside it. */
			ASSERT_EQ(0xee, self->d[d - 1]);
			ASSERT_EQ(0xee, self->d[d + n]);
		}
	}
}

TEST_F(copies, many_in_order)
{
	struct neuron_copy c[NEURON_COPY_MAX];
	uint32_t done;

	/* Each overwrites the one before in part: only the right order gives this result. */
	for (unsigned int i = 0; i < NEURON_COPY_MAX; i++)
		c[i] = (struct neuron_copy) {
			.src = self->src.id,
			.dst = self->dst.id,
			.src_offset = i * 1000,
			.dst_offset = i * 100,
			.length = 3000,
		};
	ASSERT_EQ(0, copies(self->fd, c, NEURON_COPY_MAX, &done));
	EXPECT_EQ(NEURON_COPY_MAX, done);
	for (unsigned int i = 0; i < NEURON_COPY_MAX; i++)
		ASSERT_TRUE(same(self->s + i * 1000, self->d + i * 100, i == NEURON_COPY_MAX - 1 ? 3000 : 100));
}

TEST_F(copies, one_reads_what_the_one_before_wrote)
{
	struct neuron_copy c[64];

	c[0] = (struct neuron_copy) { self->src.id, self->dst.id, 0, 0, 5000 };
	for (unsigned int i = 1; i < 64; i++)
		c[i] = (struct neuron_copy) { self->dst.id, self->dst.id, (i - 1) * 5000, i * 5000, 5000 };
	ASSERT_EQ(0, copies(self->fd, c, 64, NULL));
	for (unsigned int i = 0; i < 64; i++)
		EXPECT_TRUE(same(self->s, self->d + i * 5000, 5000));
}

TEST_F(copies, more_than_the_ring_holds)
{
	struct neuron_copy c[NEURON_COPY_MAX];

	/* 12 times 1024 descriptors: the ring wraps, batches end in the middle of a call. */
	for (unsigned int round = 0; round < 12; round++) {
		for (unsigned int i = 0; i < NEURON_COPY_MAX; i++)
			c[i] = (struct neuron_copy) { self->src.id, self->dst.id, i * 64 + round, i * 64, 64 };
		ASSERT_EQ(0, copies(self->fd, c, NEURON_COPY_MAX, NULL));
		ASSERT_TRUE(same(self->s + round, self->d, NEURON_COPY_MAX * 64));
	}
}

TEST_F(copies, errors)
{
	struct neuron_copy ok = { self->src.id, self->dst.id, 0, 0, 4096 }, c[2] = { ok, ok };
	struct neuron_ioctl_copy arg = { .size = sizeof(arg), .count = 1 };
	uint32_t done, dst = self->dst.id;

	memset(self->d, 0xcc, 4096);
	c[1].length = COPY_BYTES + 1;
	EXPECT_EQ(-ERANGE, copies(self->fd, c, 2, &done));
	EXPECT_EQ(0, done);
	c[1] = ok;
	c[1].src_offset = UINT64_MAX - 100;
	EXPECT_EQ(-ERANGE, copies(self->fd, c, 2, &done));
	c[1] = ok;
	c[1].dst_offset = COPY_BYTES - 4095;
	EXPECT_EQ(-ERANGE, copies(self->fd, c, 2, &done));
	c[1] = ok;
	c[1].length = 0;
	EXPECT_EQ(-EINVAL, copies(self->fd, c, 2, &done));
	c[1] = ok;
	c[1].src = 9999;
	EXPECT_EQ(-ENOENT, copies(self->fd, c, 2, &done));
	c[1].src = 0;
	EXPECT_EQ(-ENOENT, copies(self->fd, c, 2, &done));
	c[1] = (struct neuron_copy) { dst, dst, 0, 4095, 4096 };
	EXPECT_EQ(-EINVAL, copies(self->fd, c, 2, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(-EINVAL, copies(self->fd, c, 0, &done));
	EXPECT_EQ(-EINVAL, copies(self->fd, c, NEURON_COPY_MAX + 1, &done));
	arg.copies = 16;
	EXPECT_EQ(-EFAULT, call(self->fd, NEURON_IOCTL_COPY, &arg));
	/* Nothing was copied by any of these. */
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0xcc, self->d[i]);
}

TEST_F(copies, in_one_object)
{
	uint32_t dst = self->dst.id;

	memcpy(self->d, self->s, 8192);
	EXPECT_EQ(0, copy(self->fd, dst, 8192, dst, 0, 8192));
	EXPECT_TRUE(same(self->s, self->d + 8192, 8192));
	EXPECT_EQ(-EINVAL, copy(self->fd, dst, 100, dst, 100, 1));
	EXPECT_EQ(0, copy(self->fd, dst, 101, dst, 100, 1));
}

static void *copy_again_and_again(void *arg)
{
	int fd = *(int *)arg;
	struct neuron_ioctl_mem_create a, b;
	intptr_t ret = mem_create(fd, NEURON_MEM_DEVICE, 0x20000, &a);
	uint8_t *p, *q;

	ret = ret ? ret : mem_create(fd, NEURON_MEM_HOST, 0x20000, &b);
	p = mem_map(fd, &a);
	q = mem_map(fd, &b);
	for (int i = 0; i < 50 && !ret; i++) {
		fill(q, 0x20000, a.id * 1000 + i);
		ret = copy(fd, a.id, 0, b.id, 0, 0x20000);
		if (!ret && !same(p, q, 0x20000))
			ret = -EIO;
	}
	return (void *)ret;
}

TEST_F(mem, threads_copy_at_the_same_time)
{
	pthread_t threads[8];
	void *ret;

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, copy_again_and_again, &self->fd));
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &ret));
		EXPECT_EQ(NULL, ret);
	}
}

TEST_F(mem, large_host_memory_is_usable)
{
	struct neuron_ioctl_mem_create a, b;
	uint8_t *p, *q;

	/* More than one run of pages: copies must find their way over the seams. */
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, 33 * MIB, &a));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_DEVICE, 33 * MIB, &b));
	p = mem_map(self->fd, &a);
	q = mem_map(self->fd, &b);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, q);
	fill(p, 33 * MIB, 9);
	ASSERT_EQ(0, copy(self->fd, b.id, 3, a.id, 5, 33 * MIB - 5));
	EXPECT_TRUE(same(p + 5, q + 3, 33 * MIB - 5));
}

TEST_HARNESS_MAIN
