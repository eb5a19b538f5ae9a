/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_LADDER_H
#define _NEURON_LADDER_H

#include <linux/types.h>
#include <neuron/regs.h>

/* Time between two looks; a longer pause counts as two, for then the host was starved. */
#define NEURON_LADDER_PERIOD_MS		1000
/* The same while no file is open and nothing looks wrong. */
#define NEURON_LADDER_IDLE_MS		5000
/* No beat for so long, and at one more look: the firmware hangs. */
#define NEURON_LADDER_BEAT_MS		5000
/* Firmware ends a job at its time-out; so much later it is taken to have forgotten it. */
#define NEURON_LADDER_GRACE_MS		5000
/* What each rung may take before the next one. An instruction is not interrupted half-way. */
#define NEURON_LADDER_ABORT_MS		10000
#define NEURON_LADDER_CORE_MS		10000
/* Device resets that the driver does by itself: so many within so long. */
#define NEURON_LADDER_RESETS		3
#define NEURON_LADDER_WINDOW_MS		600000

enum neuron_rung {
	NEURON_RUNG_NONE,	/* all is well, as far as one knows */
	NEURON_RUNG_ABORT,	/* the jobs of a queue were told to end */
	NEURON_RUNG_CORE,	/* the core is being reset */
};

enum neuron_action {
	NEURON_ACT_NONE,
	NEURON_ACT_ABORT_QUEUE,
	NEURON_ACT_RESET_CORE,
	NEURON_ACT_RESET_DEVICE,
	NEURON_ACT_LOST,
};

/**
 * struct neuron_core_observation - what a NeuronCore is at
 * @running: a job, @job of queue @slot
 * @queue: which of those that the slot has had: each counts its jobs from 1
 * @stopping: a queue of the core was told to stop, and has not yet
 * @limit_ms: time-out of the job
 */
struct neuron_core_observation {
	bool running;
	bool stopping;
	u8 slot;
	u32 queue;
	u32 job;
	u32 limit_ms;
};

/**
 * struct neuron_observation - one look at the chip
 * @now_ms: time; any origin
 * @speed: for the rungs of cores time passes so many times faster; 0 is 1
 * @answers: registers read as something
 * @present: the function answers to reads of its configuration
 * @crashed: firmware says that it has died
 * @beats: there is a heartbeat: @heartbeat
 * @progress: changes whenever a job ends, which is a sign of life, too
 * @core_reset: a reset of cores has not been carried out yet
 */
struct neuron_observation {
	u64 now_ms;
	u32 speed;
	bool answers;
	bool present;
	bool crashed;
	bool beats;
	bool core_reset;
	u32 heartbeat;
	u64 progress;
	struct neuron_core_observation core[NEURON_CORES];
};

struct neuron_core_ladder {
	enum neuron_rung rung;
	bool known;		/* @job of @queue in @slot was running at the last look */
	u8 slot;
	u32 queue;
	u32 job;
	u64 since;
};

/**
 * struct neuron_ladder - what is remembered between two looks
 * @clock: milliseconds in which the host was there to look
 * @core_clock: the same as the rungs of cores count it
 * @last_ms: when it did
 * @beat_since: @clock when @heartbeat was new
 * @beat_late: @clock when it was first seen overdue; 0 = it is not
 * @resets: when the newest device resets were; 0 = never
 */
struct neuron_ladder {
	u64 clock;
	u64 core_clock;
	u64 last_ms;
	u64 beat_since;
	u64 beat_late;
	u64 progress;
	u32 heartbeat;
	bool beat_known;
	struct neuron_core_ladder core[NEURON_CORES];
	u64 resets[NEURON_LADDER_RESETS];
};

struct neuron_step {
	enum neuron_action action;
	unsigned int core;
	unsigned int slot;
	const char *why;
};

/*
 * The next thing to do. To be asked again after it was done, with the same observation,
 * until it is NONE (or RESET_DEVICE or LOST, which make all others pointless).
 */
struct neuron_step neuron_recovery_next(struct neuron_ladder *ladder,
					const struct neuron_observation *obs);
/* What somebody else has begun: the ladder goes on from there. */
void neuron_ladder_enter(struct neuron_ladder *ladder, unsigned int core, enum neuron_rung rung);
/* A core is being reset: no other can be. */
bool neuron_ladder_resetting(const struct neuron_ladder *ladder);
/* No beat was heard at the newest look: worth another one soon. */
bool neuron_ladder_doubts(const struct neuron_ladder *ladder);
/* All cores on the ground. */
bool neuron_ladder_quiet(const struct neuron_ladder *ladder);
/* After a device reset: forget all but the resets. */
void neuron_ladder_restart(struct neuron_ladder *ladder);
/* Count a device reset at @now_ms (not 0); false: there were too many of late. */
bool neuron_ladder_may_reset(struct neuron_ladder *ladder, u64 now_ms);

#endif
