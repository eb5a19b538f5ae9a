/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which job runs next on which NeuronCore.
 */
#ifndef FW_SCHED_H
#define FW_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include "queue.h"

void fw_sched_init(void);

/* Has @q jobs that may run? */
void fw_sched_ready(struct fw_queue *q, bool ready);
/* End the job of @q that is on its core. False: there is none. */
bool fw_sched_stop(struct fw_queue *q);
/* Is a job of @q on its core? @index: which, as fw_queue_pop() gave it. */
bool fw_sched_on_core(const struct fw_queue *q, uint32_t *index);
/* The job of @q that is on its core was cancelled. */
void fw_sched_cancel(struct fw_queue *q);

/* Give jobs to the cores that have none. True: call again, there is more to do. */
bool fw_sched_run(void);
/* Cores have finished. */
void fw_sched_done(void);
/* Time is @now: end the jobs that had theirs. */
void fw_sched_deadlines(uint64_t now);

/* Start no jobs on the cores in map @cores, or do so again. */
void fw_sched_hold(uint32_t cores, bool hold);
bool fw_sched_idle(unsigned int core);
/* A core does not stop: report its job as aborted, and use the core again only once it is done. */
void fw_sched_abandon(unsigned int core);

/* Microseconds that cores spent on jobs since the last call, added up. */
uint64_t fw_sched_busy_us(uint64_t now);

#endif
