/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of a job that asked for one: struct neuron_trace, in a segment of its context.
 * Entries are gathered here and written in pieces; what does not fit is counted.
 */
#ifndef EMU_NC_TRACE_H
#define EMU_NC_TRACE_H

#include <stdint.h>
#include <neuron/job.h>

#define EMU_NC_TRACE_PIECE	128	/* entries: 4 KiB */

struct emu_nc;

struct emu_nc_tracer {
	struct emu_nc *nc;
	uint8_t segment;
	int status;			/* of writing; the first that failed */
	uint64_t detail;
	uint64_t room;			/* entries that fit into the segment */
	uint64_t written;
	unsigned int gathered;
	struct neuron_trace_entry piece[EMU_NC_TRACE_PIECE];
	struct neuron_trace head;	/* last: it ends with the entries of the segment */
};

/*
 * All return an enum neuron_job_status; nc->detail is the segment on a fault. The head that
 * begin leaves in the segment has no magic; the one of end has.
 */
int emu_nc_trace_begin(struct emu_nc_tracer *t, struct emu_nc *nc, uint8_t segment);
void emu_nc_trace_add(struct emu_nc_tracer *t, const struct neuron_trace_entry *entry);
int emu_nc_trace_end(struct emu_nc_tracer *t, uint64_t seq, uint64_t cycles);

#endif
