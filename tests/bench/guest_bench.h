/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of guest-bench. Each prints a line a figure: name, ours, peer, unit. Ours and the
 * peer alternate; medians. What fails ends the program with a message.
 */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include <stddef.h>
#include <stdint.h>

void die(const char *what);
double now_us(void);
/* Sorts the values. */
double median(double *values, int n);
int open_device(int index);

/* Empty jobs: latency, rates with 1 and 16 queues a core, interrupts. Over @devices chips. */
void bench_jobs(int devices);
/* Copies of 4 KiB .. 64 MiB each way, within a chip, and to a neighbour if @devices > 1. */
void bench_copies(int devices);

#endif
