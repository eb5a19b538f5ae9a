/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What neuron-monitor knows: the numbers of each group over its last period.
 */
#ifndef MON_SAMPLE_H
#define MON_SAMPLE_H

#include "mon_config.h"
#include "proc.h"
#include "processes.h"

/* p0 p1 p25 p50 p75 p99 p100 */
#define MON_PERCENTILES	7
extern const unsigned int mon_percentiles[MON_PERCENTILES];

/**
 * struct mon_base - a group's counters at the beginning of its period
 */
struct mon_base {
	uint64_t taken_ns;
	uint64_t busy[NRT_STATS_CORES];
	uint64_t outcomes[NRT_STATS_OUTCOMES];
	uint64_t errors[NRT_STATS_ERRORS];
	uint64_t total[NRT_STATS_BUCKETS];
	uint64_t on_device[NRT_STATS_BUCKETS];
	uint64_t user, system;
};

/**
 * struct mon_latency - in seconds
 * @count: executions; 0: the others mean nothing
 */
struct mon_latency {
	uint64_t count;
	double percentile[MON_PERCENTILES];
};

/**
 * struct mon_group_data - a group of a process
 * @collected: there are numbers
 * @period: in seconds
 * @base: for the next period
 * @utilization: of each core of the process, per cent
 * @user, @system: per cent of all processors
 */
struct mon_group_data {
	bool collected;
	double period;
	struct mon_base base;
	double utilization[NRT_STATS_CORES];
	uint64_t outcomes[NRT_STATS_OUTCOMES];
	uint64_t errors[NRT_STATS_ERRORS];
	struct mon_latency total, on_device;
	double user, system;
};

/**
 * struct mon_process - process.data
 * @runtime: index of its entry in the configuration
 * @group: NULL for those that are not wanted
 */
struct mon_process {
	size_t runtime;
	struct mon_group_data *group[MON_GROUPS];
};

/**
 * struct mon_device - memory errors of the period
 */
struct mon_device {
	unsigned int index;
	bool telemetry;
	uint64_t corrected, uncorrected;
};

struct mon_system {
	bool collected[MON_SYSTEM_GROUPS];
	double period[MON_SYSTEM_GROUPS];
	uint64_t taken_ns[MON_SYSTEM_GROUPS];
	int error[MON_SYSTEM_GROUPS];
	struct proc_cpus cpus, cpus_before;
	struct proc_memory memory;
	struct proc_device devices[PROC_MAX_DEVICES];
	int device_count;
	struct mon_device events[PROC_MAX_DEVICES];
};

/**
 * struct monitor - everything
 * @due: when each group's period ends, for each entry of the configuration; 0 = not wanted
 * @last_update: when the processes were looked at before
 */
struct monitor {
	struct mon_config config;
	struct processes processes;
	uint64_t (*due)[MON_GROUPS];
	uint64_t system_due[MON_SYSTEM_GROUPS];
	uint64_t last_update;
	struct mon_system system;
	struct proc_instance instance;
	struct proc_device devices[PROC_MAX_DEVICES];
	int device_count;
};

/* Begin the first periods. -ENOMEM. @config becomes the monitor's. */
int mon_start(struct monitor *m, const struct mon_config *config);
void mon_stop(struct monitor *m);

/* When the next period ends, CLOCK_MONOTONIC; UINT64_MAX: never. */
uint64_t mon_next(const struct monitor *m);
/* Collect what is due. -ENOMEM. */
int mon_collect(struct monitor *m);

#endif
