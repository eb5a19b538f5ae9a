/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * NeuronCore queues: what lies in host memory. Ours. A job runs in a context, a table
 * of segments; instructions name (segment, offset), so that code reaches only what the
 * driver put into the table. The chip checks every access and faults the job.
 */
#ifndef _NEURON_JOB_H
#define _NEURON_JOB_H

#include "types.h"

#define NEURON_SEGMENTS		256	/* at most, in a context; 255 is never valid: see isa.def */
#define NEURON_STREAMS		4	/* instruction streams of a core: enum neuron_engine */

#define NEURON_CODE_ALIGN	64	/* of a stream's offset: the size of an instruction */

#define NEURON_SEG_READ		0x1u
#define NEURON_SEG_WRITE	0x2u
#define NEURON_SEG_EXEC		0x4u	/* instructions may be fetched from it */

/**
 * struct neuron_segment - one entry of a context's segment table, 32 bytes
 * @base: device address; with NEURON_ADDR_HOST set, host memory
 * @length: bytes; 0 marks an unused entry
 * @flags: NEURON_SEG_*
 */
struct neuron_segment {
	__u64 base;
	__u64 length;
	__u32 flags;
	__u32 reserved0;
	__u64 reserved1;
};

/**
 * struct neuron_context_entry - one entry of the context directory, 32 bytes
 * @table: bus address of the segment table
 * @segments: entries in the table; 0 marks an unused context
 * @owner: SBUF, PSUM, semaphores and events are wiped when a core changes owner; not 0
 */
struct neuron_context_entry {
	__u64 table;
	__u32 segments;
	__u32 owner;
	__u64 reserved[2];
};

#define NEURON_JOB_NOP		1	/* completes at once: fences and latency measurements */
#define NEURON_JOB_EXEC		2
#define NEURON_JOB_CANCELLED	3	/* over the op of a job in the ring: ends as ABORTED */

/**
 * struct neuron_job_stream - where one engine's instructions are
 * @offset: bytes into the code segment, a multiple of NEURON_CODE_ALIGN
 * @count: instructions; 0 = the engine has nothing to do
 */
struct neuron_job_stream {
	__u32 offset;
	__u32 count;
};

/**
 * struct neuron_job - descriptor in a NeuronCore queue's ring, 64 bytes
 * @op: NEURON_JOB_*
 * @code: segment that holds the instructions (needs NEURON_SEG_EXEC)
 * @context: index into the context directory
 * @timeout_ms: time on the core after which the job is ended; 0 = the firmware's default
 * @seq: given back in the completion; the driver counts 1, 2, 3 ... per queue
 * @stream: one per engine
 * @flags: NEURON_JOB_TRACE, of NEURON_JOB_EXEC; else 0
 * @trace: with NEURON_JOB_TRACE the segment that the trace is written into (needs
 *	NEURON_SEG_WRITE and room for a struct neuron_trace), else 0
 */
struct neuron_job {
	__u8 op;
	__u8 code;
	__u16 context;
	__u32 timeout_ms;
	__u64 seq;
	struct neuron_job_stream stream[NEURON_STREAMS];
	__u8 flags;
	__u8 trace;
	__u16 reserved0;
	__u32 reserved1;
	__u64 reserved2;
};

#define NEURON_JOB_TRACE	0x1u	/* with NEURON_EXT_FEATURE_TRACE and FW_API >= 1.2 */

#define NEURON_JOB_DEFAULT_TIMEOUT_MS	30000

enum neuron_job_status {
	NEURON_JOB_OK = 0,
	NEURON_JOB_DESCRIPTOR = 1,	/* unknown op, reserved field not 0, stream out of range */
	NEURON_JOB_CONTEXT = 2,		/* no such context, or its table is not reachable */
	NEURON_JOB_SEGMENT = 3,		/* access outside a segment, or not permitted */
	NEURON_JOB_INSTRUCTION = 4,	/* unknown opcode, wrong engine, operand out of range */
	NEURON_JOB_SEMAPHORE = 5,	/* all engines wait: nothing can signal any more */
	NEURON_JOB_TIMEOUT = 6,
	NEURON_JOB_ABORTED = 7,		/* cancelled, queue disabled, core or device reset */
	NEURON_JOB_BUS = 8,		/* a segment's memory is not reachable for the chip */
	NEURON_JOB_ECC = 9,		/* uncorrectable error in memory that the job read */
};

#define NEURON_JOB_FLAG_NAN	0x1u	/* an engine produced a NaN */

/**
 * struct neuron_completion - record of a finished job, 32 bytes
 * @seq: the job's
 * @status: enum neuron_job_status
 * @engine: enum neuron_engine that faulted
 * @flags: NEURON_JOB_FLAG_*
 * @pc: index of the instruction that faulted, in its stream
 * @detail: the faulting segment, semaphore or operand
 * @cycles: modelled NeuronCore cycles; a model, not a measurement of silicon
 */
struct neuron_completion {
	__u64 seq;
	__u16 status;
	__u8 engine;
	__u8 flags;
	__u32 pc;
	__u64 detail;
	__u64 cycles;
};

#define NEURON_TRACE_MAGIC	0x4352544eu	/* "NTRC" */
#define NEURON_TRACE_VERSION	1

/**
 * struct neuron_trace_entry - an instruction that was executed, 32 bytes
 * @start, @end: modelled cycles since the job's start; a model, not a measurement of silicon
 * @pc: index of the instruction in its stream: it is at stream[engine].offset + pc * 64
 * @tag: the instruction's
 * @engine: enum neuron_engine
 * @op: the instruction's
 */
struct neuron_trace_entry {
	__u64 start;
	__u64 end;
	__u32 pc;
	__u32 tag;
	__u8 engine;
	__u8 op;
	__u16 reserved0;
	__u32 reserved1;
};

/**
 * struct neuron_trace - what a traced job leaves at the start of its trace segment, 128 bytes
 * @magic: NEURON_TRACE_MAGIC, written when the job ends, however it ends; 0 until then
 * @version: NEURON_TRACE_VERSION
 * @entry_size: sizeof(struct neuron_trace_entry)
 * @seq: the job's
 * @count: entries that follow, in the order of their start
 * @lost: instructions that were executed and for which the segment had no room. They are in
 *	@executed and @busy all the same
 * @cycles: as in the completion: the latest end of an instruction
 * @executed: instructions, per engine
 * @busy: cycles between start and end, summed, per engine
 *
 * A segment that cannot be written is a NEURON_JOB_SEGMENT or NEURON_JOB_BUS of the job, with
 * its number as the detail. Without NEURON_JOB_TRACE nothing is written, and tracing costs nothing.
 */
struct neuron_trace {
	__u32 magic;
	__u16 version;
	__u16 entry_size;
	__u64 seq;
	__u64 count;
	__u64 lost;
	__u64 cycles;
	__u64 executed[NEURON_STREAMS];
	__u64 busy[NEURON_STREAMS];
	__u64 reserved[3];
	struct neuron_trace_entry entry[];
};

/**
 * struct neuron_completion_page - where the chip reports a queue's progress
 * @seq: seq of the newest finished job; written after its record. Jobs of a queue finish in order
 * @record: one per ring slot, at the slot of its job
 */
struct neuron_completion_page {
	__u64 seq;
	__u64 reserved[7];
	struct neuron_completion record[];
};

#endif
