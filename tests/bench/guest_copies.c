// SPDX-License-Identifier: Apache-2.0
/* Copies, beside memcpy() of as many bytes in the guest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/neuron.h>

#include "guest_bench.h"

#define ROUNDS		15
#define MAX_BYTES	((size_t)64 << 20)

static const struct {
	const char *name;
	size_t bytes;
} sizes[] = {
	{ "4KiB", 4 << 10 }, { "64KiB", 64 << 10 }, { "1MiB", 1 << 20 }, { "16MiB", 16 << 20 },
	{ "64MiB", 64 << 20 },
};

static uint32_t make_memory(int fd, uint32_t type, void **map)
{
	struct neuron_ioctl_mem_create mem = { .size = sizeof(mem), .type = type, .length = MAX_BYTES };

	if (type == NEURON_MEM_DEVICE)
		mem.channel = NEURON_MEM_ANY_CHANNEL;
	if (ioctl(fd, NEURON_IOCTL_MEM_CREATE, &mem))
		die("memory");
	if (map) {
		*map = mmap(NULL, MAX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, mem.mmap_offset);
		if (*map == MAP_FAILED)
			die("mmap");
		memset(*map, 1, MAX_BYTES);
	}
	return mem.id;
}

/* Small copies are repeated, so that a round is longer than the clock is coarse. */
static int repeats(size_t bytes)
{
	return bytes < 1 << 20 ? 20 : 1;
}

/* MB/s */
static double copy(int fd, uint32_t src, uint32_t dst, size_t bytes)
{
	struct neuron_copy copy = { .src = src, .dst = dst, .length = bytes };
	struct neuron_ioctl_copy arg = { .size = sizeof(arg), .count = 1, .copies = (uintptr_t)&copy };
	int i, n = repeats(bytes);
	double start = now_us();

	for (i = 0; i < n; i++)
		if (ioctl(fd, NEURON_IOCTL_COPY, &arg))
			die("copy");
	return n * bytes / (now_us() - start);
}

static double plain_copy(char *memory, size_t bytes, int round)
{
	char *a = memory + (round & 1 ? MAX_BYTES : 0), *b = memory + (round & 1 ? 0 : MAX_BYTES);
	int i, n = repeats(bytes);
	double start = now_us();

	for (i = 0; i < n; i++) {
		memcpy(a, b, bytes);
		__asm__ volatile("" : : "r"(a) : "memory");
	}
	return n * bytes / (now_us() - start);
}

static void bench_pair(int fd, const char *name, uint32_t src, uint32_t dst, char *memory)
{
	double ours[ROUNDS], peer[ROUNDS];
	unsigned int s;
	int i;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (i = 0; i < ROUNDS; i++) {
			ours[i] = copy(fd, src, dst, sizes[s].bytes);
			peer[i] = plain_copy(memory, sizes[s].bytes, i);
		}
		printf("copy-%s-%s %.1f %.1f MB/s\n", name, sizes[s].name, median(ours, ROUNDS), median(peer, ROUNDS));
	}
}

/* Device memory of the neighbour, as an object of @fd. */
static uint32_t import(int fd, int neighbour)
{
	struct neuron_ioctl_mem_export export = { .size = sizeof(export),
						  .id = make_memory(neighbour, NEURON_MEM_DEVICE, NULL) };
	struct neuron_ioctl_mem_create mem = { .size = sizeof(mem), .type = NEURON_MEM_DMABUF };

	if (ioctl(neighbour, NEURON_IOCTL_MEM_EXPORT, &export))
		die("export");
	mem.fd = export.fd;
	if (ioctl(fd, NEURON_IOCTL_MEM_CREATE, &mem))
		die("import");
	return mem.id;
}

void bench_copies(int devices)
{
	char *memory = malloc(2 * MAX_BYTES);
	int fd = open_device(0), neighbour;
	uint32_t host, device, other;
	void *map;

	if (!memory)
		die("memory");
	memset(memory, 1, 2 * MAX_BYTES);
	host = make_memory(fd, NEURON_MEM_HOST, &map);
	device = make_memory(fd, NEURON_MEM_DEVICE, NULL);
	other = make_memory(fd, NEURON_MEM_DEVICE, NULL);
	if (devices == 1) {
		bench_pair(fd, "host-to-device", host, device, memory);
		bench_pair(fd, "device-to-host", device, host, memory);
		bench_pair(fd, "device-to-device", device, other, memory);
	} else {
		neighbour = open_device(1);
		bench_pair(fd, "chip-to-chip", device, import(fd, neighbour), memory);
		close(neighbour);
	}
	close(fd);
	free(memory);
}
