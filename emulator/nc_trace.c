// SPDX-License-Identifier: Apache-2.0
/* Writing the trace of a job into a segment. Like each access of a job it is checked there. */

#include <string.h>
#include "nc_core.h"
#include "nc_trace.h"

_Static_assert(sizeof(struct neuron_trace) == 128, "contract");
_Static_assert(sizeof(struct neuron_trace_entry) == 32, "contract");

static void put(struct emu_nc_tracer *t, uint64_t off, const void *data, size_t len)
{
	if (t->status)
		return;
	t->status = emu_nc_segment_write(t->nc, t->segment, off, data, len);
	t->detail = t->nc->detail;
}

static void flush(struct emu_nc_tracer *t)
{
	put(t, sizeof(t->head) + t->written * sizeof(t->piece[0]), t->piece,
	    t->gathered * sizeof(t->piece[0]));
	t->written += t->gathered;
	t->gathered = 0;
}

int emu_nc_trace_begin(struct emu_nc_tracer *t, struct emu_nc *nc, uint8_t segment)
{
	int ret = emu_nc_segment_check(nc, segment, NEURON_SEG_WRITE, 0, sizeof(t->head));

	if (ret)
		return ret;
	t->nc = nc;
	t->segment = segment;
	t->status = NEURON_JOB_OK;
	t->room = (nc->segments[segment].length - sizeof(t->head)) / sizeof(t->piece[0]);
	t->written = 0;
	t->gathered = 0;
	memset(&t->head, 0, sizeof(t->head));
	put(t, 0, &t->head, sizeof(t->head));
	return t->status;
}

void emu_nc_trace_add(struct emu_nc_tracer *t, const struct neuron_trace_entry *entry)
{
	t->head.executed[entry->engine]++;
	t->head.busy[entry->engine] += entry->end - entry->start;
	if (t->written + t->gathered == t->room) {
		t->head.lost++;
		return;
	}
	t->piece[t->gathered++] = *entry;
	if (t->gathered == EMU_NC_TRACE_PIECE)
		flush(t);
}

int emu_nc_trace_end(struct emu_nc_tracer *t, uint64_t seq, uint64_t cycles)
{
	if (t->gathered)
		flush(t);
	t->head.magic = NEURON_TRACE_MAGIC;
	t->head.version = NEURON_TRACE_VERSION;
	t->head.entry_size = sizeof(t->piece[0]);
	t->head.seq = seq;
	t->head.count = t->written;
	t->head.cycles = cycles;
	put(t, 0, &t->head, sizeof(t->head));
	if (t->status)
		t->nc->detail = t->detail;
	return t->status;
}
