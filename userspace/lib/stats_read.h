/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tools: the statistics that processes publish. Whatever is in the files, what these
 * functions give is consistent: counts fit the tables, texts are printable and end.
 */
#ifndef NRT_STATS_READ_H
#define NRT_STATS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "stats_file.h"

/**
 * struct nrt_stats_source - a process that publishes
 * @fd: the file, which can be read to the end of the process and after
 * @device, @inode: of the file; a process that opens libnrt anew has another one
 */
struct nrt_stats_source {
	int fd;
	pid_t pid;
	uint64_t start_time;
	dev_t device;
	ino_t inode;
};

/*
 * The processes that publish now and whose file is their own, by pid. Files of dead processes
 * are removed as far as the user may. Returns how many, or -ENOMEM; close each and free() the
 * list.
 */
int nrt_stats_find(struct nrt_stats_source **list);
void nrt_stats_source_close(struct nrt_stats_source *source);

/*
 * Copy what @source publishes. @alive: whether there will be more. -EINVAL: the file is not
 * what it should be.
 */
int nrt_stats_read(const struct nrt_stats_source *source, struct nrt_stats_file *copy, bool *alive);

/* Time that a core was at work until @now, in ns of CLOCK_MONOTONIC. */
uint64_t nrt_stats_busy(const struct nrt_stats_core *core, uint64_t now);

/* Names as tools print them: "completed", "generic", "tensorflow". */
const char *nrt_stats_outcome_name(unsigned int outcome);
const char *nrt_stats_error_name(unsigned int error);
const char *nrt_stats_framework_name(unsigned int framework);

#endif
