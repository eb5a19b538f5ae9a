/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, below /sys/kernel/tracing/events/neuron: the life of a job, of a batch of
 * copies, mailbox reads, interrupts, and what recovery does.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM neuron

#if !defined(_NEURON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NEURON_TRACE_H

#include <linux/tracepoint.h>

#include "neuron.h"

TRACE_EVENT(neuron_job_submit,
	    TP_PROTO(struct neuron_device *ndev, unsigned int slot, u64 seq, u32 op),
	    TP_ARGS(ndev, slot, seq, op),
	    TP_STRUCT__entry(__field(int, device)
			     __field(unsigned int, slot)
			     __field(u64, seq)
			     __field(u32, op)),
	    TP_fast_assign(__entry->device = ndev->index;
			   __entry->slot = slot;
			   __entry->seq = seq;
			   __entry->op = op;),
	    TP_printk("neuron%d slot=%u seq=%llu op=%u", __entry->device, __entry->slot,
		      __entry->seq, __entry->op)
);

TRACE_EVENT(neuron_job_done,
	    TP_PROTO(struct neuron_device *ndev, unsigned int slot,
		     const struct neuron_completion *record),
	    TP_ARGS(ndev, slot, record),
	    TP_STRUCT__entry(__field(int, device)
			     __field(unsigned int, slot)
			     __field(u64, seq)
			     __field(u16, status)
			     __field(u8, engine)
			     __field(u32, pc)
			     __field(u64, detail)
			     __field(u64, cycles)),
	    TP_fast_assign(__entry->device = ndev->index;
			   __entry->slot = slot;
			   __entry->seq = record->seq;
			   __entry->status = record->status;
			   __entry->engine = record->engine;
			   __entry->pc = record->pc;
			   __entry->detail = record->detail;
			   __entry->cycles = record->cycles;),
	    TP_printk("neuron%d slot=%u seq=%llu status=%u engine=%u pc=%u detail=%#llx cycles=%llu",
		      __entry->device, __entry->slot, __entry->seq, __entry->status,
		      __entry->engine, __entry->pc, __entry->detail, __entry->cycles)
);

TRACE_EVENT(neuron_dma,
	    TP_PROTO(struct neuron_device *ndev, unsigned int ring, u64 bytes, u32 descriptors,
		     int result),
	    TP_ARGS(ndev, ring, bytes, descriptors, result),
	    TP_STRUCT__entry(__field(int, device)
			     __field(unsigned int, ring)
			     __field(u64, bytes)
			     __field(u32, descriptors)
			     __field(int, result)),
	    TP_fast_assign(__entry->device = ndev->index;
			   __entry->ring = ring;
			   __entry->bytes = bytes;
			   __entry->descriptors = descriptors;
			   __entry->result = result;),
	    TP_printk("neuron%d ring=%u bytes=%llu descriptors=%u result=%d", __entry->device,
		      __entry->ring, __entry->bytes, __entry->descriptors, __entry->result)
);

TRACE_EVENT(neuron_fwio,
	    TP_PROTO(struct neuron_device *ndev, u64 addr, u32 value, int result),
	    TP_ARGS(ndev, addr, value, result),
	    TP_STRUCT__entry(__field(int, device)
			     __field(u64, addr)
			     __field(u32, value)
			     __field(int, result)),
	    TP_fast_assign(__entry->device = ndev->index;
			   __entry->addr = addr;
			   __entry->value = value;
			   __entry->result = result;),
	    TP_printk("neuron%d addr=%#llx value=%#x result=%d", __entry->device, __entry->addr,
		      __entry->value, __entry->result)
);

TRACE_EVENT(neuron_irq,
	    TP_PROTO(struct neuron_device *ndev, unsigned int vector),
	    TP_ARGS(ndev, vector),
	    TP_STRUCT__entry(__field(int, device)
			     __field(unsigned int, vector)),
	    TP_fast_assign(__entry->device = ndev->index;
			   __entry->vector = vector;),
	    TP_printk("neuron%d vector=%u", __entry->device, __entry->vector)
);

TRACE_EVENT(neuron_recovery,
	    TP_PROTO(struct neuron_device *ndev, const char *what),
	    TP_ARGS(ndev, what),
	    TP_STRUCT__entry(__field(int, device)
			     __array(char, what, NEURON_RECOVERY_TEXT)),
	    TP_fast_assign(__entry->device = ndev->index;
			   strscpy(__entry->what, what, NEURON_RECOVERY_TEXT);),
	    TP_printk("neuron%d %s", __entry->device, __entry->what)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE neuron_trace
#include <trace/define_trace.h>
