/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * Notification queues of a NeuronCore: rings in host or device memory into which the
 * chip writes what happens. Registers (regs.h, NEURON_NOTIFY_*) are the public contract;
 * the entry format, and what makes an entry, are ours.
 *
 * Of each queue software writes base lo, base hi, size in bytes (a power of two, 0 halts
 * the queue); a write of size starts it at entry 0 with phase 1. HEAD reads
 * where the next entry goes: bytes from the base in bits 30:0, the phase that it will have in
 * bit 31. The phase flips at each wrap, so that a reader that cleared the ring knows new entries from
 * old ones without reading HEAD. The chip never waits for a reader: old entries are overwritten.
 */
#ifndef _NEURON_NOTIFY_H
#define _NEURON_NOTIFY_H

#include "types.h"

enum neuron_notify_type {
	NEURON_NOTIFY_TYPE_ERROR = 1,	/* a job faulted: ERROR queue */
	NEURON_NOTIFY_TYPE_EVENT = 2,	/* an event register became non-zero: EVENT queue */
	NEURON_NOTIFY_TYPE_EXPLICIT = 3, /* a notify instruction; instance = engine */
	NEURON_NOTIFY_TYPE_TRACE = 4,	/* an instruction ended: IMPLICIT queue; instance = engine */
};

#define NEURON_NOTIFY_PHASE	0x80000000u

/**
 * struct neuron_notify_entry - one entry, 32 bytes; @head is written last
 * @head: enum neuron_notify_type, engine << 8, NEURON_NOTIFY_PHASE
 * @pc: index of the instruction in its stream; EVENT: the event's number
 * @data: ERROR: enum neuron_job_status; EVENT: its value; EXPLICIT: the instruction's
 *	immediate; TRACE: the opcode
 * @job: low word of the job's seq; EVENT: 0
 * @start: modelled cycle of the job at which the instruction started; EVENT: 0
 * @end: modelled cycle at which it ended; EVENT: 0
 */
struct neuron_notify_entry {
	__u32 head;
	__u32 pc;
	__u32 data;
	__u32 job;
	__u64 start;
	__u64 end;
};

#endif
