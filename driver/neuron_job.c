// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of jobs: from user space's form to the chip's. Knows no device, takes no lock.
 */
#include <linux/errno.h>
#include <linux/neuron.h>

#include "neuron_job.h"

static bool neuron_job_has_streams(const struct neuron_submit *submit)
{
	unsigned int i;

	for (i = 0; i < NEURON_STREAMS; i++)
		if (submit->stream[i].offset || submit->stream[i].count)
			return true;
	return false;
}

int neuron_job_check(const struct neuron_submit *submit)
{
	unsigned int i;

	if (submit->reserved || submit->flags & ~NEURON_SUBMIT_TRACE ||
	    submit->trace >= NEURON_SEGMENTS - 1 || (submit->trace && !submit->flags))
		return -EINVAL;
	switch (submit->op) {
	case NEURON_SUBMIT_NOP:
		if (submit->context || submit->code || submit->flags ||
		    neuron_job_has_streams(submit))
			return -EINVAL;
		return 0;
	case NEURON_SUBMIT_EXEC:
		if (submit->code >= NEURON_SEGMENTS - 1)
			return -EINVAL;
		for (i = 0; i < NEURON_STREAMS; i++)
			if (submit->stream[i].offset % NEURON_CODE_ALIGN)
				return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

void neuron_job_fill(struct neuron_job *job, const struct neuron_submit *submit, u16 context,
		     u64 seq)
{
	unsigned int i;

	*job = (struct neuron_job) {
		.op = submit->op == NEURON_SUBMIT_EXEC ? NEURON_JOB_EXEC : NEURON_JOB_NOP,
		.code = submit->code,
		.context = context,
		.timeout_ms = submit->timeout_ms,
		.seq = seq,
		.flags = submit->flags & NEURON_SUBMIT_TRACE ? NEURON_JOB_TRACE : 0,
		.trace = submit->trace,
	};
	for (i = 0; i < NEURON_STREAMS; i++) {
		job->stream[i].offset = submit->stream[i].offset;
		job->stream[i].count = submit->stream[i].count;
	}
}
