/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where processes publish their statistics, and which files there are nobody's any more.
 */
#ifndef NRT_STATS_DIR_H
#define NRT_STATS_DIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NRT_STATS_PATH	512

/*
 * The directories for this process's file, best first: $NEURON_RT_STATS_DIR, else /run/neuron if
 * the process may write there and others may not take its file away, and /dev/shm/neuron-UID,
 * which is made. @number counts from 0; 0, -ENOENT behind the last, or another -errno.
 */
int nrt_stats_own_directory(unsigned int number, char *path, size_t size);

/*
 * The directories in which tools look: $NEURON_RT_STATS_DIR, else the others, of all users.
 * @number counts from 0; -ENOENT behind the last.
 */
int nrt_stats_directory(unsigned int number, char *path, size_t size);

/* When a process started, in ticks since boot; 0 if there is no such process. */
uint64_t nrt_stats_start_time(pid_t pid);

/* The process that a file in such a directory is named after; -EINVAL when it is not. */
int nrt_stats_parse_name(const char *name, pid_t *pid, uint64_t *start_time);

/* Whether the process that published the file lives and has it open. */
int nrt_stats_is_held(int fd);

/* Remove the files in @directory whose processes are gone, as far as the user may. */
void nrt_stats_reap(const char *directory);

#endif
