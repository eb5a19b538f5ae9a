/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One NeuronCore: SBUF, PSUM, semaphores, events, and the engines that execute a job's
 * instruction streams. Knows segments and device addresses, nothing of queues, firmware
 * or PCI.
 */
#ifndef EMU_NC_H
#define EMU_NC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/job.h>

struct emu_nc;

/**
 * struct emu_nc_bus - how a core reaches memory
 * @map: pointer to @len bytes of device memory at device address @addr if they are
 *	plain memory of this process (DRAM), else NULL; valid while the chip lives
 * @read, @write: any device address, host memory included; -EFAULT where nothing answers,
 *	-EIO memory whose contents are lost
 * @stamp: a number that is another one after every write to the range, or 0: not known. May be
 *	NULL
 * @written: the range, to which @map gave a pointer, has been written. May be NULL
 * @sharing: how many cores, this one included, share the bandwidth of memory in the job that
 *	begins; only its modelled time depends on it. NULL: one
 */
struct emu_nc_bus {
	void *opaque;
	void *(*map)(void *opaque, uint64_t addr, uint64_t len);
	int (*read)(void *opaque, uint64_t addr, void *buf, size_t len);
	int (*write)(void *opaque, uint64_t addr, const void *buf, size_t len);
	uint64_t (*stamp)(void *opaque, uint64_t addr, uint64_t len);
	void (*written)(void *opaque, uint64_t addr, uint64_t len);
	unsigned int (*sharing)(void *opaque);
};

int emu_nc_create(const struct emu_nc_bus *bus, struct emu_nc **nc);
void emu_nc_destroy(struct emu_nc *nc);

/*
 * Execute @job to its end. @segments is the caller's private copy. Fills @completion
 * (seq, status, engine, flags, pc, detail, cycles). Not reentrant for one core.
 */
void emu_nc_run(struct emu_nc *nc, const struct neuron_segment *segments, unsigned int count,
		uint32_t owner, const struct neuron_job *job, struct neuron_completion *completion);

/* End the running job as NEURON_JOB_ABORTED at its next instruction. Any thread. */
void emu_nc_abort(struct emu_nc *nc);
/*
 * From now on emu_nc_abort() counts, for the job that the next emu_nc_run() executes; it
 * then runs no instruction. For a caller that accepts jobs before it runs them; without
 * this call only a job inside emu_nc_run() can be aborted. Any thread.
 */
void emu_nc_arm(struct emu_nc *nc);
/*
 * What the bus's map gave for a part of memory is no good any more: from its next instruction
 * on the running job asks again. Any thread.
 */
void emu_nc_remap(struct emu_nc *nc);
/* Wipe SBUF, PSUM, semaphores and events. Not while a job runs. */
void emu_nc_reset(struct emu_nc *nc);

/**
 * struct emu_nc_span - one executed instruction, for profiles
 * @engine: enum neuron_engine; @op: enum neuron_op; @pc: index in the engine's stream
 * @tag: the instruction's
 * @value: of a notify instruction, else 0
 * @start, @end: modelled cycles since the job's start; a model, not a measurement
 */
struct emu_nc_span {
	uint8_t engine;
	uint8_t op;
	uint32_t pc;
	uint32_t tag;
	uint32_t value;
	uint64_t start;
	uint64_t end;
};

typedef void emu_nc_trace_fn(void *opaque, const struct emu_nc_span *span);
/* Call @fn for each instruction that was executed, in order of @start. NULL: nothing. */
void emu_nc_trace(struct emu_nc *nc, emu_nc_trace_fn *fn, void *opaque);

/* The instruction that @engine is at, or came to in the last job. Any thread. */
uint32_t emu_nc_pc(struct emu_nc *nc, unsigned int engine);

/* Semaphores and events as the host sees them through BAR2. Any thread. */
uint32_t emu_nc_sem_read(struct emu_nc *nc, unsigned int sem);
void emu_nc_sem_set(struct emu_nc *nc, unsigned int sem, uint32_t value);
void emu_nc_sem_add(struct emu_nc *nc, unsigned int sem, int32_t delta);
uint32_t emu_nc_event_read(struct emu_nc *nc, unsigned int event);
/* Returns what it was. */
uint32_t emu_nc_event_write(struct emu_nc *nc, unsigned int event, uint32_t value);

#endif
