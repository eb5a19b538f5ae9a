// SPDX-License-Identifier: Apache-2.0
/*
 * Empty jobs: what a submission and its completion cost. The peer is another thread of the
 * guest that is told, and answers, through pipes.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/neuron.h>

#include "guest_bench.h"

#define ROUNDS		300
#define RATE_ROUNDS	7
#define BATCH		32
#define BATCHES		20
#define MAX_QUEUES	16
#define MAX_DEVICES	16

struct queues {
	int fd;
	int count;
	uint32_t id[MAX_QUEUES];
};

static void make_queues(struct queues *q, int device, int count)
{
	struct neuron_ioctl_cores cores = { .size = sizeof(cores), .mask = 1 };
	int i;

	q->fd = open_device(device);
	q->count = count;
	if (ioctl(q->fd, NEURON_IOCTL_CORES_ACQUIRE, &cores))
		die("NeuronCore 0");
	for (i = 0; i < count; i++) {
		struct neuron_ioctl_queue_create queue = { .size = sizeof(queue), .entries = 2 * BATCH, .eventfd = -1 };

		if (ioctl(q->fd, NEURON_IOCTL_QUEUE_CREATE, &queue))
			die("queue");
		q->id[i] = queue.id;
	}
}

static uint64_t submit(const struct queues *q, int queue, int count)
{
	static const struct neuron_submit jobs[BATCH] = { [0 ... BATCH - 1] = { .op = NEURON_SUBMIT_NOP } };
	struct neuron_ioctl_submit arg = { .size = sizeof(arg), .queue = q->id[queue], .count = count,
					   .jobs = (uintptr_t)jobs };

	if (ioctl(q->fd, NEURON_IOCTL_SUBMIT, &arg))
		die("submit");
	return arg.seq;
}

static void finish(const struct queues *q, int queue, uint64_t seq)
{
	struct neuron_ioctl_wait arg = { .size = sizeof(arg), .queue = q->id[queue], .seq = seq,
					 .deadline_ns = UINT64_MAX / 2 };

	if (ioctl(q->fd, NEURON_IOCTL_WAIT, &arg) || arg.status)
		die("wait");
}

/* BATCHES of BATCH jobs through each queue, the next one given before the last one has ended. */
static void *run_batches(void *data)
{
	const struct queues *q = data;
	uint64_t seq[MAX_QUEUES] = { 0 };
	int b, i;

	for (b = 0; b <= BATCHES; b++) {
		for (i = 0; i < q->count; i++) {
			uint64_t last = seq[i];

			if (b < BATCHES)
				seq[i] = submit(q, i, BATCH);
			if (last)
				finish(q, i, last);
		}
	}
	return NULL;
}

/* Jobs a second over all devices, a thread each. */
static double job_rate(struct queues *q, int devices)
{
	pthread_t thread[MAX_DEVICES];
	double start = now_us();
	int i, jobs = 0;

	for (i = 0; i < devices; i++) {
		jobs += q[i].count * BATCHES * BATCH;
		if (pthread_create(&thread[i], NULL, run_batches, &q[i]))
			die("thread");
	}
	for (i = 0; i < devices; i++)
		pthread_join(thread[i], NULL);
	return jobs * 1e6 / (now_us() - start);
}

static int to_echo[2], from_echo[2];

static void *echo(void *unused)
{
	char c[BATCH];
	ssize_t n;

	while ((n = read(to_echo[0], c, sizeof(c))) > 0)
		if (write(from_echo[1], c, n) != n)
			break;
	return NULL;
}

static void start_echo(void)
{
	pthread_t thread;

	if (pipe(to_echo) || pipe(from_echo) || pthread_create(&thread, NULL, echo, NULL))
		die("peer");
}

static void ping(int bytes)
{
	char c[BATCH] = { 0 };
	ssize_t n;

	if (write(to_echo[1], c, bytes) != bytes)
		die("pipe");
	while (bytes > 0 && (n = read(from_echo[0], c, bytes)) > 0)
		bytes -= n;
}

/* Bytes a second that come back, BATCH at a time. */
static double ping_rate(void)
{
	double start = now_us();
	int i;

	for (i = 0; i < 4 * BATCHES; i++)
		ping(BATCH);
	return 4 * BATCHES * BATCH * 1e6 / (now_us() - start);
}

static void bench_latency(struct queues *q)
{
	static double ours[ROUNDS], peer[ROUNDS];
	double start;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		start = now_us();
		finish(q, 0, submit(q, 0, 1));
		ours[i] = now_us() - start;
		start = now_us();
		ping(1);
		peer[i] = now_us() - start;
	}
	printf("empty-job %.2f %.2f us\n", median(ours, ROUNDS), median(peer, ROUNDS));
}

static void bench_rate(struct queues *q, int devices)
{
	double ours[RATE_ROUNDS], peer[RATE_ROUNDS];
	int i;

	for (i = 0; i < RATE_ROUNDS; i++) {
		ours[i] = job_rate(q, devices);
		peer[i] = ping_rate();
	}
	printf("empty-jobs-%d-queues-%d-chips %.0f %.0f jobs/s\n", q->count, devices, median(ours, RATE_ROUNDS),
	       median(peer, RATE_ROUNDS));
}

/* Interrupts of all chips so far. */
static double interrupts(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[1024], *p, *end;
	double sum = 0;

	if (!f)
		die("/proc/interrupts");
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, "neuron"))
			continue;
		p = strchr(line, ':') + 1;
		for (;;) {
			unsigned long n = strtoul(p, &end, 10);

			if (end == p)
				break;
			sum += n;
			p = end;
		}
	}
	fclose(f);
	return sum;
}

/* The peer is the chip that raises one for each job. */
static void bench_interrupts(struct queues *q)
{
	double start = interrupts();
	int i;

	for (i = 0; i < ROUNDS; i++)
		finish(q, 0, submit(q, 0, 1));
	printf("interrupts-single-jobs %.4f 1 interrupts/job\n", (interrupts() - start) / ROUNDS);
	start = interrupts();
	run_batches(q);
	printf("interrupts-batches %.4f 1 interrupts/job\n",
	       (interrupts() - start) / (q->count * BATCHES * BATCH));
}

void bench_jobs(int devices)
{
	static const int counts[] = { 1, MAX_QUEUES };
	struct queues q[MAX_DEVICES];
	int i, n;

	if (devices > MAX_DEVICES)
		devices = MAX_DEVICES;
	start_echo();
	for (n = 0; n < 2; n++) {
		for (i = 0; i < devices; i++)
			make_queues(&q[i], i, counts[n]);
		if (devices == 1 && !n) {
			bench_latency(q);
			bench_interrupts(q);
		}
		bench_rate(q, devices);
		for (i = 0; i < devices; i++)
			close(q[i].fd);
	}
}
