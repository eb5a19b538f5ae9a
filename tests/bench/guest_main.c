// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver costs, measured in the guest beside a peer that does the same without it.
 * usage: guest-bench DEVICES
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest_bench.h"

void die(const char *what)
{
	fprintf(stderr, "guest-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

double now_us(void)
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

double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

int open_device(int index)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/dev/neuron%d", index);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(name);
	return fd;
}

int main(int argc, char **argv)
{
	int devices = argc == 2 ? atoi(argv[1]) : 0;

	if (devices < 1) {
		fputs("usage: guest-bench DEVICES\n", stderr);
		return 2;
	}
	bench_jobs(devices);
	bench_copies(devices);
	return 0;
}
