/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * Notification queues of a NeuronCore: rings in host or device memory into which the
 * chip writes what happens. Registers (regs.h, NEURON_NOTIFY_*) are the public contract;
 * the entry format, and what makes an entry, are ours.
 *
 * Of each queue software writes base lo, base hi (a multiple of NEURON_NOTIFY_ENTRY_SIZE),
 * then size in bytes: a power of two, at least one entry; 0 halts the queue, and when the
 * write is carried out nothing is written any more. A write of size starts it at entry 0.
 *
 * The phase of the entries is 1 on the first lap and flips at each wrap, so that a reader
 * that cleared the ring knows new entries from old ones without reading a register. The chip
 * never waits for a reader: old entries are overwritten. HEAD reads where the next entry
 * goes: bytes from the base, and NEURON_NOTIFY_HEAD_LAP, which flips at each wrap and is 0
 * on the first lap. Hosts for silicon write there how far they have read; that has no effect.
 *
 * A core or device reset halts the queues, and so does memory that does not answer.
 */
#ifndef _NEURON_NOTIFY_H
#define _NEURON_NOTIFY_H

#include "types.h"

enum neuron_notify_type {
	NEURON_NOTIFY_TYPE_ERROR = 1,	/* a job faulted or ran out of time, but for ABORTED */
	NEURON_NOTIFY_TYPE_EVENT = 2,	/* an event register became non-zero: EVENT queue */
	NEURON_NOTIFY_TYPE_EXPLICIT = 3, /* notify instruction; instance = engine */
	NEURON_NOTIFY_TYPE_TRACE = 4,	/* an instruction ended: IMPLICIT; instance = engine */
};

#define NEURON_NOTIFY_PHASE	0x80000000u	/* in an entry's head */
#define NEURON_NOTIFY_HEAD_LAP	0x80000000u	/* in the register */
#define NEURON_NOTIFY_ENTRY_SIZE 32

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
