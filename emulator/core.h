/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs on a NeuronCore: one at a time, dispatched by firmware to the core's thread or
 * run by a caller of emu_core_exec(). Results of dispatched jobs wait here until the
 * service thread hands them to the management core.
 */
#ifndef EMU_CORE_H
#define EMU_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <neuron/job.h>

#include "fault.h"
#include "watch.h"

struct emu_chip;
struct emu_nc;

enum emu_core_state {
	EMU_CORE_IDLE,
	EMU_CORE_RUNNING,
	EMU_CORE_EMBEDDED,	/* in emu_core_exec() */
	EMU_CORE_STUCK,		/* by a fault: its job is over, and does not end */
};

struct emu_core {
	struct emu_chip *chip;
	unsigned int index;
	struct emu_nc *nc;
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* state, done or the chip's stop */
	enum emu_core_state state;
	bool queued;			/* a dispatched job waits, or runs */
	bool done;			/* @completion is news for the management core */
	struct neuron_job job;
	atomic_bool expired;		/* firmware has found the job's time to be over */
	uint32_t traced_job;		/* low word of the running job's seq; who runs it owns it */
	uint32_t owner;
	unsigned int segments;
	struct neuron_segment segment[NEURON_SEGMENTS];
	struct neuron_completion completion;
	enum emu_order stuck_until;	/* in STUCK state */
	struct emu_watch watch;
};

int emu_core_init(struct emu_chip *chip, unsigned int index);
void emu_core_fini(struct emu_core *core);
void emu_core_wake(struct emu_core *core);

/* Firmware's side; service thread. @table is a bus address. */
void emu_core_start(struct emu_core *core, uint64_t table, uint32_t segments, uint32_t owner,
		    const struct neuron_job *job);
void emu_core_abort(struct emu_core *core);
/* The job has had its time: if it is aborted now, that is why. */
void emu_core_expire(struct emu_core *core);
/* Fetch a result that the management core has not seen. */
bool emu_core_collect(struct emu_core *core, struct neuron_completion *completion);
/*
 * The job that the core is stuck with ends: as aborted if that is what it waited for, as it
 * was meant to for EMU_ORDER_NONE. Any thread.
 */
void emu_core_unstick(struct emu_core *core, enum emu_order order);
/* End what runs, forget its result, wipe the core. Waits for an instruction to end. */
void emu_core_reset(struct emu_core *core);

#endif
