/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc and /sys tell of the host: processors, memory, Neuron devices, the instance.
 */
#ifndef TOOL_PROC_H
#define TOOL_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum proc_usage {
	PROC_USER,
	PROC_NICE,
	PROC_SYSTEM,
	PROC_IDLE,
	PROC_IO_WAIT,
	PROC_IRQ,
	PROC_SOFT_IRQ,
	PROC_USAGES,
};

/* "user", "io_wait". */
extern const char *const proc_usage_names[PROC_USAGES];

#define PROC_MAX_CPUS 1024

/**
 * struct proc_cpu - time of a processor, in ticks
 * @steal: time that another guest had
 */
struct proc_cpu {
	uint64_t ticks[PROC_USAGES];
	uint64_t steal;
};

/**
 * struct proc_cpus - time of all processors
 * @number: of each
 * @count: of those that are online
 */
struct proc_cpus {
	struct proc_cpu all;
	struct proc_cpu cpu[PROC_MAX_CPUS];
	unsigned int number[PROC_MAX_CPUS];
	unsigned int count;
	uint64_t context_switches;
};

int proc_read_cpus(struct proc_cpus *cpus);

/* Shares of the time between two readings in per cent; all 0 if there was none. */
void proc_cpu_shares(const struct proc_cpu *before, const struct proc_cpu *after,
		     double shares[PROC_USAGES]);

/* Time of a process in ticks; -ESRCH. */
int proc_read_ticks(pid_t pid, uint64_t *user, uint64_t *system);

/**
 * struct proc_memory - bytes
 */
struct proc_memory {
	uint64_t total;
	uint64_t used;
	uint64_t swap_total;
	uint64_t swap_used;
};

int proc_read_memory(struct proc_memory *memory);

/* A process's command line, or its name if it has none; printable. free() it; may be NULL. */
char *proc_command(pid_t pid);

#define PROC_MAX_DEVICES 64

/**
 * struct proc_device - what the driver's sysfs says
 * @telemetry: the counters of memory errors are known
 * @memory_used, @memory_total: bytes of DRAM, of all processes
 */
struct proc_device {
	unsigned int index;
	unsigned int cores;
	bool telemetry;
	uint64_t ecc_corrected;
	uint64_t ecc_uncorrected;
	uint64_t memory_used;
	uint64_t memory_total;
};

/* By number. How many there are (maybe 0), or -errno. */
int proc_read_devices(struct proc_device devices[PROC_MAX_DEVICES]);

/**
 * struct proc_instance - the EC2 instance, as far as the firmware's tables tell
 * @error: what is missing, and why; "" if nothing is
 */
struct proc_instance {
	char type[64];
	char id[64];
	char error[160];
};

/* No network is used. */
void proc_read_instance(struct proc_instance *instance);

/* CLOCK_MONOTONIC in ns. */
uint64_t proc_now_ns(void);

#endif
