// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver costs, measured in the guest beside a peer that does the same without
 * it. Ours and the peer alternate; medians. One line a figure: name, ours, peer, unit.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/neuron.h>

#define ROUNDS		300
#define COPY_ROUNDS	15
#define COPY_BYTES	(16u << 20)

static int dev;

static void die(const char *what)
{
	fprintf(stderr, "guest-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static uint32_t make_queue(void)
{
	struct neuron_ioctl_cores cores = { .size = sizeof(cores), .mask = 1 };
	struct neuron_ioctl_queue_create queue = { .size = sizeof(queue), .entries = 64, .eventfd = -1 };

	if (ioctl(dev, NEURON_IOCTL_CORES_ACQUIRE, &cores))
		die("NeuronCore 0");
	if (ioctl(dev, NEURON_IOCTL_QUEUE_CREATE, &queue))
		die("queue");
	return queue.id;
}

static double empty_job(uint32_t queue)
{
	struct neuron_submit job = { .op = NEURON_SUBMIT_NOP };
	struct neuron_ioctl_submit submit = { .size = sizeof(submit), .queue = queue, .count = 1,
					      .jobs = (uintptr_t)&job };
	struct neuron_ioctl_wait wait = { .size = sizeof(wait), .queue = queue, .deadline_ns = UINT64_MAX / 2 };
	double start = now_us();

	if (ioctl(dev, NEURON_IOCTL_SUBMIT, &submit))
		die("submit");
	wait.seq = submit.seq;
	if (ioctl(dev, NEURON_IOCTL_WAIT, &wait) || wait.status)
		die("wait");
	return now_us() - start;
}

/* The peer of an empty job: another thread of the guest that answers through pipes. */
static int to_echo[2], from_echo[2];

static void *echo(void *unused)
{
	char c;

	while (read(to_echo[0], &c, 1) == 1)
		if (write(from_echo[1], &c, 1) != 1)
			break;
	return NULL;
}

static double ping(void)
{
	double start = now_us();
	char c = 0;

	if (write(to_echo[1], &c, 1) != 1 || read(from_echo[0], &c, 1) != 1)
		die("pipe");
	return now_us() - start;
}

static void bench_jobs(void)
{
	static double ours[ROUNDS], peer[ROUNDS];
	uint32_t queue = make_queue();
	pthread_t thread;
	int i;

	if (pipe(to_echo) || pipe(from_echo) || pthread_create(&thread, NULL, echo, NULL))
		die("peer");
	for (i = 0; i < ROUNDS; i++) {
		ours[i] = empty_job(queue);
		peer[i] = ping();
	}
	printf("empty-job %.2f %.2f us\n", median(ours, ROUNDS), median(peer, ROUNDS));
}

static uint32_t make_memory(uint32_t type, void **map)
{
	struct neuron_ioctl_mem_create mem = { .size = sizeof(mem), .type = type, .length = COPY_BYTES,
					       .channel = NEURON_MEM_ANY_CHANNEL };

	if (type == NEURON_MEM_HOST)
		mem.channel = 0;
	if (ioctl(dev, NEURON_IOCTL_MEM_CREATE, &mem))
		die("memory");
	if (map) {
		*map = mmap(NULL, COPY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, dev, mem.mmap_offset);
		if (*map == MAP_FAILED)
			die("mmap");
	}
	return mem.id;
}

static double copy(uint32_t src, uint32_t dst)
{
	struct neuron_copy copy = { .src = src, .dst = dst, .length = COPY_BYTES };
	struct neuron_ioctl_copy arg = { .size = sizeof(arg), .count = 1, .copies = (uintptr_t)&copy };
	double start = now_us();

	if (ioctl(dev, NEURON_IOCTL_COPY, &arg))
		die("copy");
	return COPY_BYTES / (now_us() - start);
}

static void bench_copies(void)
{
	static double up[COPY_ROUNDS], down[COPY_ROUNDS], across[COPY_ROUNDS], peer[COPY_ROUNDS];
	void *map, *plain = malloc(2 * (size_t)COPY_BYTES);
	uint32_t host = make_memory(NEURON_MEM_HOST, &map);
	uint32_t device = make_memory(NEURON_MEM_DEVICE, NULL), other = make_memory(NEURON_MEM_DEVICE, NULL);
	double start;
	int i;

	memset(map, 1, COPY_BYTES);
	memset(plain, 1, 2 * (size_t)COPY_BYTES);
	for (i = 0; i < COPY_ROUNDS; i++) {
		up[i] = copy(host, device);
		down[i] = copy(device, host);
		across[i] = copy(device, other);
		start = now_us();
		memcpy((char *)plain + (i & 1) * (size_t)COPY_BYTES, (char *)plain + !(i & 1) * (size_t)COPY_BYTES, COPY_BYTES);
		peer[i] = COPY_BYTES / (now_us() - start);
	}
	printf("copy-host-to-device %.1f %.1f MB/s\n", median(up, COPY_ROUNDS), median(peer, COPY_ROUNDS));
	printf("copy-device-to-host %.1f %.1f MB/s\n", median(down, COPY_ROUNDS), median(peer, COPY_ROUNDS));
	printf("copy-device-to-device %.1f %.1f MB/s\n", median(across, COPY_ROUNDS), median(peer, COPY_ROUNDS));
}

int main(void)
{
	dev = open("/dev/neuron0", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		die("/dev/neuron0");
	bench_jobs();
	bench_copies();
	return 0;
}
