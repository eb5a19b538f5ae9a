// SPDX-License-Identifier: Apache-2.0
/* What all ioctls of /dev/neuronN have in common: sizes, flags, bad pointers, unknown numbers. */
#include "means.h"

FIXTURE(abi)
{
	struct means means;
	union argument arg;
	union element element;
};

FIXTURE_VARIANT(abi)
{
	enum kind kind;
};

/* One of each ioctl. */
#define VARIANT(name) FIXTURE_VARIANT_ADD(abi, name) { .kind = name }
VARIANT(INFO);
VARIANT(MEM_DEVICE);
VARIANT(MEM_EXPORT);
VARIANT(COPY);
VARIANT(RING_CREATE);
VARIANT(RING_FILL);
VARIANT(CONTEXT_CREATE);
VARIANT(CONTEXT_BIND);
VARIANT(ACQUIRE);
VARIANT(RELEASE);
VARIANT(GROUP_ACQUIRE);
VARIANT(QUEUE_CREATE);
VARIANT(SUBMIT_NOP);
VARIANT(CANCEL);
VARIANT(WAIT);
VARIANT(DESTROY);

FIXTURE_SETUP(abi)
{
	struct neuron_ioctl_mem_create victim;

	memset(&self->arg, 0, sizeof(self->arg));
	ASSERT_EQ(0, means_open(&self->means, NULL));
	base_argument(variant->kind, &self->means, &self->arg, &self->element);
	if (variant->kind == RELEASE)
		ASSERT_EQ(0, cores_acquire(self->means.fd, self->arg.cores.mask));
	if (variant->kind == DESTROY) {
		ASSERT_EQ(0, mem_create(self->means.fd, NEURON_MEM_HOST, 4096, &victim));
		self->arg.destroy.id = victim.id;
	}
}

FIXTURE_TEARDOWN(abi)
{
	means_close(&self->means);
}

#define CALL() call(self->means.fd, kinds[variant->kind].cmd, &self->arg)

TEST_F(abi, works)
{
	EXPECT_EQ(0, CALL());
}

TEST_F(abi, size_of_zero)
{
	self->arg.size = 0;
	EXPECT_EQ(-EINVAL, CALL());
}

TEST_F(abi, size_too_small)
{
	/* One byte less than it ever was. */
	self->arg.size = kinds[variant->kind].min - 1;
	EXPECT_EQ(-EINVAL, CALL());
}

TEST_F(abi, size_of_its_first_version)
{
	uint32_t min = kinds[variant->kind].min;

	memset(self->arg.bytes + min, 0xa5, 16);
	self->arg.size = min;
	EXPECT_EQ(0, CALL());
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(0xa5, self->arg.bytes[min + i]);
}

TEST_F(abi, larger_with_zero_tail)
{
	self->arg.size += 8;
	EXPECT_EQ(0, CALL());
}

TEST_F(abi, larger_with_nonzero_tail)
{
	self->arg.bytes[self->arg.size + 7] = 1;
	self->arg.size += 8;
	EXPECT_EQ(-E2BIG, CALL());
}

TEST_F(abi, larger_than_a_page)
{
	self->arg.size = sysconf(_SC_PAGESIZE) + 1;
	EXPECT_EQ(-E2BIG, CALL());
	self->arg.size = 0xffffffff;
	EXPECT_EQ(-E2BIG, CALL());
}

TEST_F(abi, size_in_the_number_does_not_matter)
{
	unsigned int cmd = kinds[variant->kind].cmd;

	self->arg.size += 16;
	EXPECT_EQ(0, call(self->means.fd, _IOC(_IOC_READ | _IOC_WRITE, NEURON_IOCTL_TYPE, _IOC_NR(cmd), self->arg.size),
			  &self->arg));
}

TEST_F(abi, tail_not_accessible)
{
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *arg = p + page - kinds[variant->kind].size;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, mprotect(p + page, page, PROT_NONE));
	memcpy(arg, &self->arg, kinds[variant->kind].size);
	*(uint32_t *)arg += 8;
	EXPECT_EQ(-EFAULT, call(self->means.fd, kinds[variant->kind].cmd, arg));
	*(uint32_t *)arg -= 8;
	EXPECT_EQ(0, call(self->means.fd, kinds[variant->kind].cmd, arg));
}

TEST_F(abi, null)
{
	EXPECT_EQ(-EFAULT, call(self->means.fd, kinds[variant->kind].cmd, NULL));
}

TEST_F(abi, read_only_argument)
{
	struct neuron_ioctl_info before, after;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	memcpy(p, &self->arg, kinds[variant->kind].size);
	ASSERT_EQ(0, mprotect(p, 4096, PROT_READ));
	ASSERT_EQ(0, get_info(self->means.fd, &before));
	EXPECT_EQ(-EFAULT, call(self->means.fd, kinds[variant->kind].cmd, p));
	/* What nobody was told of is not there. */
	ASSERT_EQ(0, get_info(self->means.fd, &after));
	if (variant->kind == MEM_DEVICE)
		EXPECT_EQ(before.mem_free, after.mem_free);
}

TEST_F(abi, unknown_flag)
{
	uint32_t offset = kinds[variant->kind].flags;

	if (!offset)
		SKIP(return, "no flags");
	for (int bit = 0; bit < 32; bit++) {
		if (kinds[variant->kind].known & 1u << bit)
			continue;
		*(uint32_t *)(self->arg.bytes + offset) = 1u << bit;
		EXPECT_EQ(-EINVAL, CALL());
	}
}

TEST(no_such_ioctl)
{
	struct neuron_ioctl_info info = { .size = sizeof(info) };
	int fd = open_device();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTTY, call(fd, _IOWR('N', 0x7f, struct neuron_ioctl_info), &info));
	EXPECT_EQ(-ENOTTY, call(fd, _IOWR('N', 0x90, struct neuron_ioctl_info), &info));
	EXPECT_EQ(-ENOTTY, call(fd, _IOWR('N', 0xff, struct neuron_ioctl_info), &info));
	EXPECT_EQ(-ENOTTY, call(fd, _IOWR('M', 0x80, struct neuron_ioctl_info), &info));
	EXPECT_EQ(-ENOTTY, call(fd, _IOR('N', 0x80, struct neuron_ioctl_info), &info));
	EXPECT_EQ(-ENOTTY, call(fd, _IOW('N', 0x80, struct neuron_ioctl_info), &info));
	EXPECT_EQ(-ENOTTY, call(fd, _IO('N', 0x80), &info));
	EXPECT_EQ(-ENOTTY, call(fd, TCGETS, &info));
}

TEST(layout_is_the_same_for_32_bits)
{
	/* Offsets that a 32-bit compiler would move if a field were not aligned by hand. */
	EXPECT_EQ(104, sizeof(struct neuron_ioctl_info));
	EXPECT_EQ(64, sizeof(struct neuron_ioctl_mem_create));
	EXPECT_EQ(16, sizeof(struct neuron_ioctl_mem_export));
	EXPECT_EQ(16, sizeof(struct neuron_group_member));
	EXPECT_EQ(24, sizeof(struct neuron_ioctl_group_acquire));
	EXPECT_EQ(24, sizeof(struct neuron_ioctl_cancel));
	EXPECT_EQ(32, sizeof(struct neuron_copy));
	EXPECT_EQ(24, sizeof(struct neuron_ioctl_copy));
	EXPECT_EQ(16, sizeof(struct neuron_ioctl_context_create));
	EXPECT_EQ(32, sizeof(struct neuron_bind));
	EXPECT_EQ(24, sizeof(struct neuron_ioctl_context_bind));
	EXPECT_EQ(24, sizeof(struct neuron_ioctl_cores));
	EXPECT_EQ(48, sizeof(struct neuron_ioctl_queue_create));
	EXPECT_EQ(64, sizeof(struct neuron_submit));
	EXPECT_EQ(32, sizeof(struct neuron_ioctl_submit));
	EXPECT_EQ(72, sizeof(struct neuron_ioctl_wait));
	EXPECT_EQ(8, sizeof(struct neuron_ioctl_destroy));
}

TEST(info)
{
	struct neuron_ioctl_info info;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(fd, &info));
	EXPECT_EQ(NEURON_ABI_VERSION, info.abi_version);
	EXPECT_EQ(0, info.device);
	EXPECT_NE(0, info.features & NEURON_FEATURE_COMPUTE);
	EXPECT_NE(0, info.features & NEURON_FEATURE_CANCEL);
	EXPECT_NE(0, info.features & NEURON_FEATURE_TRACE);
	EXPECT_EQ(4, info.core_count);
	EXPECT_EQ(16, info.queues_per_core);
	EXPECT_EQ(2, info.channel_count);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE, info.channel_size);
	EXPECT_EQ(2 * NEURON_DRAM_CHANNEL_SIZE, info.mem_free);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE, info.mem_largest[0]);
	EXPECT_EQ(NEURON_DRAM_CHANNEL_SIZE, info.mem_largest[1]);
	EXPECT_EQ(0xff, info.revision);
	EXPECT_EQ(1, info.fw_api >> 16);
	EXPECT_NE(0, info.fw_version);
	EXPECT_EQ(0, info.cores_busy);
	EXPECT_EQ(0, info.cores_owned);
}

TEST(info_and_sysfs_agree)
{
	char text[64], expected[64];
	struct neuron_ioctl_info info;
	int fd = open_device();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_info(fd, &info));
	read_line(SYSFS "/core_count", text, sizeof(text));
	snprintf(expected, sizeof(expected), "%u", info.core_count);
	EXPECT_STREQ(expected, text);
	read_line(SYSFS "/fw_version", text, sizeof(text));
	snprintf(expected, sizeof(expected), "%u.%u.%u", info.fw_version >> 16, info.fw_version >> 8 & 0xff,
		 info.fw_version & 0xff);
	EXPECT_STREQ(expected, text);
	read_line(SYSFS "/info/architecture/arch_type", text, sizeof(text));
	EXPECT_STREQ("NDv1", text);
	read_line(SYSFS "/info/architecture/instance_type", text, sizeof(text));
	EXPECT_STREQ("Inf1", text);
	read_line(SYSFS "/info/architecture/device_name", text, sizeof(text));
	EXPECT_STREQ("Inferentia", text);
	read_line(SYSFS "/neuron_core3/info/architecture/arch_type", text, sizeof(text));
	EXPECT_STREQ("NCv1", text);
	read_line(SYSFS "/stats/memory_usage/device_mem/present", text, sizeof(text));
	EXPECT_STREQ("0", text);
	read_line(SYSFS "/state", text, sizeof(text));
	EXPECT_STREQ("ready", text);
}

TEST_HARNESS_MAIN
