/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that publish statistics, followed from their first sight to their last word.
 */
#ifndef TOOL_PROCESSES_H
#define TOOL_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "stats_read.h"

/**
 * struct process - a process
 * @file: newest copy of what it publishes
 * @alive: there will be more
 * @over: an update has told the last of it; the next drops it
 * @appeared: this update has found it, and it was not there at the first update: its counters
 *	began at 0 since the update before
 * @taken_ns: when @file was read, CLOCK_MONOTONIC
 * @user, @system: processor time in ticks
 * @data: the user's; freed with @drop
 */
struct process {
	struct nrt_stats_source source;
	struct nrt_stats_file file;
	bool alive;
	bool over;
	bool appeared;
	uint64_t taken_ns;
	uint64_t user, system;
	void *data;
};

/**
 * struct processes - all of them, in the order of pids as far as they appear together
 * @drop: frees process.data; may be NULL
 */
struct processes {
	struct process **list;
	unsigned int count;
	bool updated;
	void (*drop)(void *data);
};

/* Look again. A process that has ended is in the list once more with its last numbers. -ENOMEM. */
int processes_update(struct processes *all);
/* Read those that are known again, without looking for others. */
void processes_refresh(struct processes *all);
void processes_free(struct processes *all);

#endif
