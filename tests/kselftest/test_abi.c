// SPDX-License-Identifier: Apache-2.0
/* What all ioctls of /dev/neuronN have in common: sizes, flags, reserved fields, bad pointers, unknown numbers. */
#include "util.h"

/* Every ioctl with an argument that works, given the objects of the fixture. */
enum { INFO, MEM_CREATE, MEM_EXPORT, COPY, CONTEXT_CREATE, CONTEXT_BIND, ACQUIRE, RELEASE, QUEUE_CREATE, SUBMIT, WAIT,
       DESTROY, GROUP_ACQUIRE, CANCEL, RING_CREATE, RING_SUBMIT, IOCTLS };

union argument {
	uint32_t size;
	struct neuron_ioctl_info info;
	struct neuron_ioctl_mem_create mem_create;
	struct neuron_ioctl_mem_export mem_export;
	struct neuron_ioctl_copy copy;
	struct neuron_ioctl_context_create context_create;
	struct neuron_ioctl_context_bind context_bind;
	struct neuron_ioctl_cores cores;
	struct neuron_ioctl_queue_create queue_create;
	struct neuron_ioctl_submit submit;
	struct neuron_ioctl_wait wait;
	struct neuron_ioctl_destroy destroy;
	struct neuron_ioctl_group_acquire group_acquire;
	struct neuron_ioctl_cancel cancel;
	struct neuron_ioctl_ring_create ring_create;
	struct neuron_ioctl_ring_submit ring_submit;
	uint8_t bytes[8192];
};

/*
 * min: size that the argument had when the ioctl was introduced; flags, reserved: offsets of the
 * fields, 0 where there is none; known: flags that mean something.
 */
static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t size, min, flags, known, reserved;
} ioctls[IOCTLS] = {
#define END(type, field) (offsetof(struct type, field) + sizeof(((struct type *)0)->field))
#define ENTRY(cmd, type, last, ...) { #cmd, cmd, sizeof(struct type), END(type, last), ## __VA_ARGS__ }
#define FLAGS(type) .flags = offsetof(struct type, flags)
#define RESERVED(type) .reserved = offsetof(struct type, reserved)
	[INFO] = ENTRY(NEURON_IOCTL_INFO, neuron_ioctl_info, reserved, FLAGS(neuron_ioctl_info),
		       RESERVED(neuron_ioctl_info)),
	[MEM_CREATE] = ENTRY(NEURON_IOCTL_MEM_CREATE, neuron_ioctl_mem_create, mmap_offset,
			     FLAGS(neuron_ioctl_mem_create), RESERVED(neuron_ioctl_mem_create)),
	[MEM_EXPORT] = ENTRY(NEURON_IOCTL_MEM_EXPORT, neuron_ioctl_mem_export, fd, FLAGS(neuron_ioctl_mem_export)),
	[COPY] = ENTRY(NEURON_IOCTL_COPY, neuron_ioctl_copy, copies, FLAGS(neuron_ioctl_copy)),
	[CONTEXT_CREATE] = ENTRY(NEURON_IOCTL_CONTEXT_CREATE, neuron_ioctl_context_create, id,
				 FLAGS(neuron_ioctl_context_create)),
	[CONTEXT_BIND] = ENTRY(NEURON_IOCTL_CONTEXT_BIND, neuron_ioctl_context_bind, binds,
			       FLAGS(neuron_ioctl_context_bind)),
	[ACQUIRE] = ENTRY(NEURON_IOCTL_CORES_ACQUIRE, neuron_ioctl_cores, reserved, FLAGS(neuron_ioctl_cores),
			  RESERVED(neuron_ioctl_cores)),
	[RELEASE] = ENTRY(NEURON_IOCTL_CORES_RELEASE, neuron_ioctl_cores, reserved, FLAGS(neuron_ioctl_cores),
			  RESERVED(neuron_ioctl_cores)),
	[QUEUE_CREATE] = ENTRY(NEURON_IOCTL_QUEUE_CREATE, neuron_ioctl_queue_create, mmap_length,
			       FLAGS(neuron_ioctl_queue_create), RESERVED(neuron_ioctl_queue_create)),
	[SUBMIT] = ENTRY(NEURON_IOCTL_SUBMIT, neuron_ioctl_submit, seq, FLAGS(neuron_ioctl_submit)),
	[WAIT] = ENTRY(NEURON_IOCTL_WAIT, neuron_ioctl_wait, cycles, FLAGS(neuron_ioctl_wait),
		       RESERVED(neuron_ioctl_wait)),
	[DESTROY] = ENTRY(NEURON_IOCTL_DESTROY, neuron_ioctl_destroy, id),
	[GROUP_ACQUIRE] = ENTRY(NEURON_IOCTL_GROUP_ACQUIRE, neuron_ioctl_group_acquire, members,
				FLAGS(neuron_ioctl_group_acquire), RESERVED(neuron_ioctl_group_acquire)),
	[CANCEL] = ENTRY(NEURON_IOCTL_CANCEL, neuron_ioctl_cancel, seq, FLAGS(neuron_ioctl_cancel),
			 RESERVED(neuron_ioctl_cancel), .known = NEURON_CANCEL_ALL),
	[RING_CREATE] = ENTRY(NEURON_IOCTL_RING_CREATE, neuron_ioctl_ring_create, reserved,
			      FLAGS(neuron_ioctl_ring_create), RESERVED(neuron_ioctl_ring_create)),
	[RING_SUBMIT] = ENTRY(NEURON_IOCTL_RING_SUBMIT, neuron_ioctl_ring_submit, seq, FLAGS(neuron_ioctl_ring_submit)),
};

FIXTURE(abi)
{
	struct rig rig;
	struct neuron_copy copy;
	struct neuron_bind bind;
	struct neuron_submit job;
	struct neuron_group_member member;
	struct neuron_ioctl_ring_create ring;
	struct neuron_dma_op op;
	uint64_t seq;
	union argument arg;
};

FIXTURE_VARIANT(abi)
{
	int ioctl;
};

#define VARIANT(name) FIXTURE_VARIANT_ADD(abi, name) { .ioctl = name }
VARIANT(INFO);
VARIANT(MEM_CREATE);
VARIANT(MEM_EXPORT);
VARIANT(COPY);
VARIANT(CONTEXT_CREATE);
VARIANT(CONTEXT_BIND);
VARIANT(ACQUIRE);
VARIANT(RELEASE);
VARIANT(QUEUE_CREATE);
VARIANT(SUBMIT);
VARIANT(WAIT);
VARIANT(DESTROY);
VARIANT(GROUP_ACQUIRE);
VARIANT(CANCEL);
VARIANT(RING_CREATE);
VARIANT(RING_SUBMIT);

FIXTURE_SETUP(abi)
{
	struct neuron_ioctl_mem_create victim;
	union argument *arg = &self->arg;
	struct rig *r = &self->rig;
	struct neuron_ioctl_wait w;

	ASSERT_EQ(0, rig_open(r, 16));
	ASSERT_EQ(0, submit_nop(r->fd, r->queue.id, &self->seq));
	ASSERT_EQ(0, wait_job(r->fd, r->queue.id, self->seq, 10 * SECOND, &w));
	self->copy = (struct neuron_copy) { .src = r->host_mem.id, .dst = r->data_mem.id, .length = 64 };
	self->bind = (struct neuron_bind) { .segment = 3, .mem = r->data_mem.id, .length = 64,
					    .access = NEURON_ACCESS_READ };
	self->job.op = NEURON_SUBMIT_NOP;
	memset(arg, 0, sizeof(*arg));
	switch (variant->ioctl) {
	case MEM_CREATE:
		arg->mem_create.type = NEURON_MEM_DEVICE;
		arg->mem_create.length = 4096;
		break;
	case MEM_EXPORT:
		arg->mem_export.id = r->data_mem.id;
		break;
	case COPY:
		arg->copy.count = 1;
		arg->copy.copies = (uintptr_t)&self->copy;
		break;
	case CONTEXT_CREATE:
		arg->context_create.segments = 4;
		break;
	case CONTEXT_BIND:
		arg->context_bind.context = r->context;
		arg->context_bind.count = 1;
		arg->context_bind.binds = (uintptr_t)&self->bind;
		break;
	case RELEASE:
		ASSERT_EQ(0, cores_acquire(r->fd, 2));
		/* fall through */
	case ACQUIRE:
		arg->cores.mask = 2;
		break;
	case RING_CREATE:
		arg->ring_create.entries = 4;
		arg->ring_create.eventfd = -1;
		break;
	case RING_SUBMIT:
		self->ring = (struct neuron_ioctl_ring_create) { .size = sizeof(self->ring), .entries = 64, .eventfd = -1 };
		ASSERT_EQ(0, call(r->fd, NEURON_IOCTL_RING_CREATE, &self->ring));
		self->op = (struct neuron_dma_op) { .op = NEURON_DMA_FILL, .dst = r->data_mem.id, .length = 64 };
		arg->ring_submit.ring = self->ring.id;
		arg->ring_submit.count = 1;
		arg->ring_submit.ops = (uintptr_t)&self->op;
		break;
	case QUEUE_CREATE:
		arg->queue_create.entries = 4;
		arg->queue_create.eventfd = -1;
		break;
	case SUBMIT:
		arg->submit.queue = r->queue.id;
		arg->submit.count = 1;
		arg->submit.jobs = (uintptr_t)&self->job;
		break;
	case WAIT:
		arg->wait.queue = r->queue.id;
		arg->wait.seq = self->seq;
		break;
	case DESTROY:
		ASSERT_EQ(0, mem_create(r->fd, NEURON_MEM_HOST, 4096, &victim));
		arg->destroy.id = victim.id;
		break;
	case GROUP_ACQUIRE:
		self->member = (struct neuron_group_member) { .fd = r->fd, .mask = 6 };
		arg->group_acquire.count = 1;
		arg->group_acquire.members = (uintptr_t)&self->member;
		break;
	case CANCEL:
		arg->cancel.queue = r->queue.id;
		arg->cancel.seq = self->seq;
		break;
	}
	arg->size = ioctls[variant->ioctl].size;
}

FIXTURE_TEARDOWN(abi)
{
	close(self->rig.fd);
}

#define CALL() call(self->rig.fd, ioctls[variant->ioctl].cmd, &self->arg)

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
	self->arg.size = ioctls[variant->ioctl].min - 1;
	EXPECT_EQ(-EINVAL, CALL());
}

TEST_F(abi, size_of_its_first_version)
{
	uint32_t min = ioctls[variant->ioctl].min;

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
	unsigned int cmd = ioctls[variant->ioctl].cmd;

	self->arg.size += 16;
	EXPECT_EQ(0, call(self->rig.fd, _IOC(_IOC_READ | _IOC_WRITE, NEURON_IOCTL_TYPE, _IOC_NR(cmd), self->arg.size),
			  &self->arg));
}

TEST_F(abi, tail_not_accessible)
{
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *arg = p + page - ioctls[variant->ioctl].size;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, mprotect(p + page, page, PROT_NONE));
	memcpy(arg, &self->arg, ioctls[variant->ioctl].size);
	*(uint32_t *)arg += 8;
	EXPECT_EQ(-EFAULT, call(self->rig.fd, ioctls[variant->ioctl].cmd, arg));
	*(uint32_t *)arg -= 8;
	EXPECT_EQ(0, call(self->rig.fd, ioctls[variant->ioctl].cmd, arg));
}

TEST_F(abi, null)
{
	EXPECT_EQ(-EFAULT, call(self->rig.fd, ioctls[variant->ioctl].cmd, NULL));
}

TEST_F(abi, read_only_argument)
{
	struct neuron_ioctl_info before, after;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	memcpy(p, &self->arg, ioctls[variant->ioctl].size);
	ASSERT_EQ(0, mprotect(p, 4096, PROT_READ));
	ASSERT_EQ(0, get_info(self->rig.fd, &before));
	EXPECT_EQ(-EFAULT, call(self->rig.fd, ioctls[variant->ioctl].cmd, p));
	/* What nobody was told of is not there. */
	ASSERT_EQ(0, get_info(self->rig.fd, &after));
	if (variant->ioctl == MEM_CREATE)
		EXPECT_EQ(before.mem_free, after.mem_free);
}

TEST_F(abi, unknown_flag)
{
	uint32_t offset = ioctls[variant->ioctl].flags;

	if (!offset)
		SKIP(return, "no flags");
	for (int bit = 0; bit < 32; bit++) {
		if (ioctls[variant->ioctl].known & 1u << bit)
			continue;
		*(uint32_t *)(self->arg.bytes + offset) = 1u << bit;
		EXPECT_EQ(-EINVAL, CALL());
	}
}

TEST_F(abi, reserved_field)
{
	uint32_t offset = ioctls[variant->ioctl].reserved;

	if (!offset)
		SKIP(return, "no reserved field");
	*(uint32_t *)(self->arg.bytes + offset) = 1;
	EXPECT_EQ(-EINVAL, CALL());
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
