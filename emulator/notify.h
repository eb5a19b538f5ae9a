/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notification blocks ("putils"), one a core: 10 queues of <neuron/notify.h> each, and
 * storage around them. Cores, the service thread and hosts make entries.
 */
#ifndef EMU_NOTIFY_H
#define EMU_NOTIFY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <neuron/notify.h>
#include <neuron/regs.h>

struct emu_chip;
struct emu_core;
struct emu_nc_span;
struct neuron_completion;

enum emu_notify_queue_id {
	EMU_NOTIFY_ERROR,
	EMU_NOTIFY_EVENT,
	EMU_NOTIFY_EXPLICIT,
	EMU_NOTIFY_IMPLICIT = EMU_NOTIFY_EXPLICIT + NEURON_NOTIFY_INSTANCES,
	EMU_NOTIFY_QUEUES = EMU_NOTIFY_IMPLICIT + NEURON_NOTIFY_INSTANCES,
};

/* A queue since the last write of its size. */
struct emu_notify_queue {
	uint64_t base;
	uint32_t size;		/* 0: halted */
	uint32_t next;		/* bytes from base */
	bool lap;		/* the number of wraps is odd */
};

struct emu_notify_core {
	pthread_mutex_t lock;	/* covers @queue and the writing of entries */
	struct emu_notify_queue queue[EMU_NOTIFY_QUEUES];
	atomic_uint running;	/* a bit per queue, so that a queue that is halted costs nothing */
	_Atomic uint32_t word[NEURON_PUTILS_SIZE / 4];
};

struct emu_notify {
	struct emu_notify_core core[NEURON_CORES];
};

void emu_notify_init(struct emu_chip *chip);
void emu_notify_fini(struct emu_chip *chip);
/* Halt a core's queues and forget its registers. */
void emu_notify_reset(struct emu_chip *chip, unsigned int core);
/* @off: byte in the block of @core, a multiple of 4 */
uint32_t emu_notify_read(struct emu_chip *chip, unsigned int core, uint32_t off);
void emu_notify_write(struct emu_chip *chip, unsigned int core, uint32_t off, uint32_t value);

/* An event register of @core that was 0 is @value. Any thread. */
void emu_notify_event(struct emu_chip *chip, unsigned int core, unsigned int event, uint32_t value);
/* The job that @core ran has faulted. The thread that ran it. */
void emu_notify_error(struct emu_core *core, const struct neuron_completion *completion);
/* An instruction has ended; @opaque: struct emu_core. The thread that runs the job. */
void emu_notify_span(void *opaque, const struct emu_nc_span *span);

#endif
