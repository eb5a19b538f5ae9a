/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be right before a job may go to a core.
 */
#ifndef FW_JOB_H
#define FW_JOB_H

#include <stdint.h>
#include <neuron/job.h>

/*
 * Check a descriptor; NEURON_JOB_EXEC: find its context. Returns NEURON_JOB_OK, _ABORTED (it
 * was cancelled), _DESCRIPTOR or _CONTEXT: the last two are reported to the chip as mistakes
 * in queue @queue.
 */
enum neuron_job_status fw_job_check(const struct neuron_job *job, struct neuron_context_entry *context,
				    unsigned int queue);

#endif
