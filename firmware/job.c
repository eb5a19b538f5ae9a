// SPDX-License-Identifier: Apache-2.0
/*
 * Job descriptors and the context directory. What only the core can know (do the streams
 * lie in their segment?) is left to it.
 */
#include "hw.h"
#include "job.h"

static bool descriptor_valid(const struct neuron_job *job)
{
	if (job->reserved0 || job->reserved1 || job->reserved2 || job->flags & ~NEURON_JOB_TRACE ||
	    (job->trace && !job->flags))
		return false;
	if (job->op == NEURON_JOB_NOP)
		return !job->flags;
	if (job->op != NEURON_JOB_EXEC)
		return false;
	for (int i = 0; i < NEURON_STREAMS; i++)
		if (job->stream[i].offset % NEURON_CODE_ALIGN)
			return false;
	return true;
}

/* Entries may change between jobs, so that they are not kept. */
static bool find_context(uint32_t index, struct neuron_context_entry *entry)
{
	uint64_t dir = fw_ext_read(NEURON_EXT_CTXDIR_LO) |
		       (uint64_t)fw_ext_read(NEURON_EXT_CTXDIR_HI) << 32;

	if (index >= fw_ext_read(NEURON_EXT_CTXDIR_COUNT) || dir & ~(NEURON_ADDR_HOST - 1))
		return false;
	if (fw_dma_read((dir | NEURON_ADDR_HOST) + index * sizeof(*entry), entry, sizeof(*entry)))
		return false;
	return entry->segments && entry->segments <= NEURON_SEGMENTS && entry->owner &&
	       !(entry->table & ~(NEURON_ADDR_HOST - 1));
}

enum neuron_job_status fw_job_check(const struct neuron_job *job, struct neuron_context_entry *context,
				    unsigned int queue)
{
	if (job->op == NEURON_JOB_CANCELLED)
		return NEURON_JOB_ABORTED;
	if (!descriptor_valid(job)) {
		fw_report(NEURON_MGMT_ERROR_JOB_DESCRIPTOR, queue);
		return NEURON_JOB_DESCRIPTOR;
	}
	if (job->op == NEURON_JOB_EXEC && !find_context(job->context, context)) {
		fw_report(NEURON_MGMT_ERROR_JOB_CONTEXT, job->context);
		return NEURON_JOB_CONTEXT;
	}
	return NEURON_JOB_OK;
}
