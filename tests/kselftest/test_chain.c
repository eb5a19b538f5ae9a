// SPDX-License-Identifier: Apache-2.0
/*
 * The chips named in $DEVICES, "0 2 3", all work at the same time: data goes to the device
 * and comes back, and over each link, both ways; one group of all cores computes. Run by run_chain.py,
 * which kills chips between two runs of it.
 */
#include "util.h"
#include "mem.h"

#define LENGTH (2 * MIB)
#define LINK_LENGTH (256u << 10)

static int open_chip(unsigned int device)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/neuron%u", device);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* 0, or what went wrong. */
static const char *round_trip(unsigned int device)
{
	struct neuron_ioctl_mem_create there, back, mem;
	unsigned char *from, *to;
	size_t i;
	int fd = open_chip(device);

	if (fd < 0)
		return "open";
	if (mem_create(fd, NEURON_MEM_HOST, LENGTH, &there) || mem_create(fd, NEURON_MEM_HOST, LENGTH, &back) ||
	    mem_create(fd, NEURON_MEM_DEVICE, LENGTH, &mem))
		return "create memory";
	from = mem_map(fd, &there);
	to = mem_map(fd, &back);
	if (from == MAP_FAILED || to == MAP_FAILED)
		return "map memory";
	for (i = 0; i < LENGTH; i++)
		from[i] = i * 7 + i / 251 + device * 13;
	if (copy(fd, mem.id, 0, there.id, 0, LENGTH))
		return "copy to the device";
	if (copy(fd, back.id, 0, mem.id, 0, LENGTH))
		return "copy from the device";
	if (memcmp(from, to, LENGTH))
		return "compare";
	close(fd);
	return NULL;
}

/* Memory of chip @to as an object of chip @via: 0 or -errno. */
static int import_of(int via, int to, uint32_t id, struct neuron_ioctl_mem_create *import)
{
	int dmabuf = export_of(to, id), ret;

	if (dmabuf < 0)
		return dmabuf;
	ret = import_at(via, dmabuf, 0, 0, import);
	close(dmabuf);
	return ret;
}

/* Chip @device writes to memory of @other and reads it; what is there is what other's own copies see. */
static const char *over_the_link(unsigned int device, unsigned int other)
{
	int fd[2] = { open_chip(device), open_chip(other) };
	struct neuron_ioctl_mem_create near, far, import, host[2];
	uint8_t *p[2];

	if (fd[0] < 0 || fd[1] < 0)
		return "open";
	for (int i = 0; i < 2; i++) {
		if (mem_create(fd[i], NEURON_MEM_HOST, LINK_LENGTH, &host[i]))
			return "create host memory";
		p[i] = mem_map(fd[i], &host[i]);
		if (p[i] == MAP_FAILED)
			return "map host memory";
	}
	if (mem_create(fd[0], NEURON_MEM_DEVICE, LINK_LENGTH, &near) ||
	    mem_create(fd[1], NEURON_MEM_DEVICE, LINK_LENGTH, &far))
		return "create device memory";
	if (import_of(fd[0], fd[1], far.id, &import))
		return "import the neighbour's memory";
	for (uint32_t i = 0; i < LINK_LENGTH; i++)
		p[0][i] = i * 11 + i / 241 + device * 16 + other;
	if (copy(fd[0], near.id, 0, host[0].id, 0, LINK_LENGTH) ||
	    copy(fd[0], import.id, 0, near.id, 0, LINK_LENGTH))
		return "copy to the neighbour";
	if (copy(fd[1], host[1].id, 0, far.id, 0, LINK_LENGTH) || memcmp(p[0], p[1], LINK_LENGTH))
		return "find there what was sent";
	for (uint32_t i = 0; i < LINK_LENGTH; i++)
		p[1][i] = ~p[0][i];
	if (copy(fd[1], far.id, 0, host[1].id, 0, LINK_LENGTH))
		return "change the neighbour's memory";
	if (copy(fd[0], near.id, 0, import.id, 0, LINK_LENGTH) ||
	    copy(fd[0], host[0].id, 0, near.id, 0, LINK_LENGTH))
		return "copy from the neighbour";
	return memcmp(p[0], p[1], LINK_LENGTH) ? "find here what was there" : NULL;
}

/* A chip is no way to one that is not its neighbour. */
static const char *no_way(unsigned int device, unsigned int other)
{
	int fd[2] = { open_chip(device), open_chip(other) }, ret;
	struct neuron_ioctl_mem_create far, import;

	if (fd[0] < 0 || fd[1] < 0)
		return "open";
	if (mem_create(fd[1], NEURON_MEM_DEVICE, LINK_LENGTH, &far))
		return "create device memory";
	ret = import_of(fd[0], fd[1], far.id, &import);
	errno = -ret;
	return ret == -EXDEV ? NULL : "be refused what is out of reach";
}

static unsigned int devices(unsigned int *list)
{
	const char *text = getenv("DEVICES");
	unsigned int count = 0;
	int used;

	for (; text && count < NEURON_GROUP_MAX && sscanf(text, "%u%n", &list[count], &used) == 1; text += used)
		count++;
	return count;
}

/* In a process of its own. */
static bool begin(const char *(*what)(unsigned int, unsigned int), unsigned int device, unsigned int other)
{
	pid_t child = fork();
	const char *why;

	if (child)
		return child > 0;
	why = what(device, other);
	if (why)
		fprintf(stderr, "# neuron%u, neuron%u: cannot %s: %s\n", device, other, why, strerror(errno));
	_exit(!!why);
}

static bool all_good(unsigned int count)
{
	bool good = true;
	int status;

	while (count--)
		good &= wait(&status) > 0 && !status;
	return good;
}

static const char *alone(unsigned int device, unsigned int unused)
{
	return round_trip(device);
}

TEST(all_copy_at_once)
{
	unsigned int list[NEURON_GROUP_MAX], count = devices(list), i;

	ASSERT_NE(0, count);
	for (i = 0; i < count; i++)
		ASSERT_TRUE(begin(alone, list[i], list[i]));
	EXPECT_TRUE(all_good(count));
}

/* All of them at the same time; the next chip but one, and the ends of the chain, are out of reach. */
TEST(each_link_carries_copies_both_ways)
{
	unsigned int list[NEURON_GROUP_MAX], count = devices(list), begun = 0, i, k;

	ASSERT_LT(1, count);
	for (i = 0; i < count; i++) {
		for (k = 0; k < count; k++) {
			unsigned int distance = abs((int)(list[i] - list[k]));

			if (!distance || (distance > 2 && distance != list[count - 1] - list[0]))
				continue;
			ASSERT_TRUE(begin(distance == 1 ? over_the_link : no_way, list[i], list[k]));
			begun++;
		}
	}
	EXPECT_TRUE(all_good(begun));
}

/* Jobs on all cores of all chips, which one group has; each leaves the number of its core. */
TEST(one_group_of_all_cores)
{
	unsigned int list[NEURON_GROUP_MAX], count = devices(list), i, k;
	static struct rig rig[NEURON_GROUP_MAX][NEURON_CORES];
	struct neuron_group_member m[NEURON_GROUP_MAX];
	uint64_t seq[NEURON_GROUP_MAX][NEURON_CORES];
	struct neuron_ioctl_wait w;

	ASSERT_NE(0, count);
	for (i = 0; i < count; i++)
		m[i] = (struct neuron_group_member) { .fd = open_chip(list[i]), .mask = (1u << NEURON_CORES) - 1 };
	ASSERT_EQ(0, group_acquire(m[0].fd, m, count));
	for (i = 0; i < count; i++) {
		int other = open_chip(list[i]);

		ASSERT_LE(0, other);
		for (k = 0; k < NEURON_CORES; k++) {
			struct rig *r = &rig[i][k];
			struct neuron_submit j;

			r->fd = m[i].fd;
			ASSERT_EQ(0, rig_make(r, k, 2));
			EXPECT_EQ(-EBUSY, cores_acquire(other, 1u << k));
			memset(r->host, 1 + list[i] * NEURON_CORES + k, 64);
			r->code[0] = insn_copy(1, 128, 2, 0, 1);
			j = rig_job(r, NEURON_DMA, 0, 1);
			ASSERT_EQ(0, submit(r->fd, r->queue.id, &j, 1, &seq[i][k]));
		}
		close(other);
	}
	for (i = 0; i < count; i++) {
		for (k = 0; k < NEURON_CORES; k++) {
			struct rig *r = &rig[i][k];

			ASSERT_EQ(0, wait_job(r->fd, r->queue.id, seq[i][k], 60 * SECOND, &w));
			EXPECT_EQ(NEURON_JOB_OK, w.status);
			EXPECT_EQ(0, memcmp(r->data + 128, r->host, 64));
			EXPECT_EQ(1 + list[i] * NEURON_CORES + k, r->data[128]);
		}
	}
}

TEST_HARNESS_MAIN
