// SPDX-License-Identifier: Apache-2.0
/*
 * On a chip that says it is silicon: memory, copies and telemetry work, everything that
 * needs the extension block says so. Only for a guest whose chip was started so.
 */
#include "util.h"

#define REVISION 0x01

FIXTURE(silicon)
{
	int fd;
};

FIXTURE_SETUP(silicon)
{
	self->fd = open_device();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(silicon)
{
	close(self->fd);
}

TEST_F(silicon, info)
{
	struct neuron_ioctl_info info;

	ASSERT_EQ(0, get_info(self->fd, &info));
	EXPECT_EQ(REVISION, info.revision);
	EXPECT_EQ(0, info.features & (NEURON_FEATURE_COMPUTE | NEURON_FEATURE_MSIX |
				      NEURON_FEATURE_CANCEL | NEURON_FEATURE_TRACE));
	EXPECT_EQ(NEURON_CORES, info.core_count);
	EXPECT_EQ(0, info.queues_per_core);
	EXPECT_EQ(0, info.fw_version);
	EXPECT_EQ(0, info.fw_api);
	EXPECT_EQ(2, info.channel_count);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE, info.channel_size);
	EXPECT_EQ(0, info.cores_owned);
}

TEST_F(silicon, no_compute)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP };
	struct neuron_ioctl_queue_create queue;
	struct neuron_group_member member = { .fd = self->fd, .mask = 1 };
	struct neuron_ioctl_wait wait;
	uint32_t context;

	EXPECT_EQ(-EOPNOTSUPP, cores_acquire(self->fd, 1));
	EXPECT_EQ(-EOPNOTSUPP, context_create(self->fd, 8, &context));
	EXPECT_EQ(-EOPNOTSUPP, queue_create(self->fd, 0, 16, -1, &queue));
	EXPECT_EQ(-EOPNOTSUPP, submit(self->fd, 1, &job, 1, NULL));
	EXPECT_EQ(-EOPNOTSUPP, wait_job(self->fd, 1, 1, 0, &wait));
	EXPECT_EQ(-EOPNOTSUPP, cores_release(self->fd, 1));
	EXPECT_EQ(-EOPNOTSUPP, group_acquire(self->fd, &member, 1));
	EXPECT_EQ(-EOPNOTSUPP, bind_one(self->fd, 1, 0, 1, 0, 4096, NEURON_ACCESS_READ));
	EXPECT_EQ(-EOPNOTSUPP, cancel(self->fd, 1, 1, 0));
}

static int on_channel(int fd, uint32_t channel, uint64_t length, struct neuron_ioctl_mem_create *mem)
{
	*mem = (struct neuron_ioctl_mem_create) {
		.size = sizeof(*mem),
		.type = NEURON_MEM_DEVICE,
		.channel = channel,
		.length = length,
	};
	return call(fd, NEURON_IOCTL_MEM_CREATE, mem);
}

/* Host, channel 0, channel 1, host: by DMA all the way. */
TEST_F(silicon, memory_and_copies)
{
	struct neuron_ioctl_mem_create dev[2], from, to;
	const uint64_t length = 4 * MIB;
	uint8_t *a, *b;

	ASSERT_EQ(0, on_channel(self->fd, 0, length, &dev[0]));
	ASSERT_EQ(0, on_channel(self->fd, 1, length, &dev[1]));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, length, &from));
	ASSERT_EQ(0, mem_create(self->fd, NEURON_MEM_HOST, length, &to));
	a = mem_map(self->fd, &from);
	b = mem_map(self->fd, &to);
	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);
	for (uint64_t i = 0; i < length; i++)
		a[i] = (uint8_t)(i * 2654435761u >> 24);
	EXPECT_EQ(0, copy(self->fd, dev[0].id, 0, from.id, 0, length));
	EXPECT_EQ(0, copy(self->fd, dev[1].id, 0, dev[0].id, 0, length));
	EXPECT_EQ(0, copy(self->fd, to.id, 0, dev[1].id, 0, length));
	EXPECT_EQ(0, memcmp(a, b, length));
	munmap(a, length);
	munmap(b, length);
	EXPECT_EQ(0, destroy(self->fd, dev[0].id));
}

TEST_F(silicon, device_memory_can_be_mapped)
{
	struct neuron_ioctl_mem_create mem;
	uint32_t *p;

	ASSERT_EQ(0, on_channel(self->fd, 1, 65536, &mem));
	p = mem_map(self->fd, &mem);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, p[77]);
	p[77] = 0x12345678;
	EXPECT_EQ(0x12345678, p[77]);
	munmap(p, 65536);
}

TEST(telemetry)
{
	char line[64];

	read_line(SYSFS "/core_count", line, sizeof(line));
	EXPECT_STREQ("4", line);
	read_line(SYSFS "/connected_devices", line, sizeof(line));
	EXPECT_STREQ("", line);
	read_line(SYSFS "/info/architecture/arch_type", line, sizeof(line));
	EXPECT_NE('\0', line[0]);
}

TEST_HARNESS_MAIN
