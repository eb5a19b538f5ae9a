// SPDX-License-Identifier: Apache-2.0
/*
 * The chips named in $DEVICES, "0 2 3", all work at the same time: data goes to the device
 * and comes back. Run by run_chain.py, which kills chips between two runs of it.
 */
#include "util.h"

#define LENGTH (2 * MIB)

/* 0, or what went wrong. */
static const char *round_trip(unsigned int device)
{
	struct neuron_ioctl_mem_create there, back, mem;
	unsigned char *from, *to;
	char path[32];
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "/dev/neuron%u", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
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

TEST(all_copy_at_once)
{
	const char *list = getenv("DEVICES");
	unsigned int device, count = 0;
	const char *why;
	int status, used;

	ASSERT_NE(NULL, list);
	for (; sscanf(list, "%u%n", &device, &used) == 1; list += used, count++) {
		pid_t child = fork();

		ASSERT_GE(child, 0);
		if (child)
			continue;
		why = round_trip(device);
		if (why)
			fprintf(stderr, "# neuron%u: cannot %s: %s\n", device, why, strerror(errno));
		_exit(!!why);
	}
	ASSERT_NE(0, count);
	while (count--) {
		ASSERT_GT(wait(&status), 0);
		EXPECT_EQ(0, status);
	}
}

TEST_HARNESS_MAIN
