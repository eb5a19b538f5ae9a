// SPDX-License-Identifier: GPL-2.0
/*
 * The recovery ladder as a state machine: from what was seen of the chip to what has to be
 * done. It touches no device, sleeps nowhere and knows no struct neuron_device.
 *
 * Locking: none; the caller has one state and one thread at a time.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "neuron_ladder.h"

static struct neuron_step neuron_step(enum neuron_action action, unsigned int core,
				      unsigned int slot, const char *why)
{
	return (struct neuron_step) {
		.action = action,
		.core = core,
		.slot = slot,
		.why = why,
	};
}

static const struct neuron_step neuron_no_step = { .action = NEURON_ACT_NONE };

static u64 neuron_observation_speed(const struct neuron_observation *obs)
{
	return obs->speed ? obs->speed : 1;
}

/* Time in which nobody looked may be time in which the chip did not run, either. */
static void neuron_ladder_advance(struct neuron_ladder *ladder,
				  const struct neuron_observation *obs)
{
	u64 passed = obs->now_ms > ladder->last_ms ? obs->now_ms - ladder->last_ms : 0;

	if (ladder->last_ms) {
		ladder->clock += min_t(u64, passed, 2 * NEURON_LADDER_PERIOD_MS);
		ladder->core_clock += min_t(u64, passed * neuron_observation_speed(obs),
					    2 * NEURON_LADDER_PERIOD_MS);
	}
	ladder->last_ms = obs->now_ms;
}

/* Overdue at two looks that are a period apart. */
static bool neuron_ladder_stalled(struct neuron_ladder *ladder,
				  const struct neuron_observation *obs)
{
	if (!obs->beats)
		return false;
	if (!ladder->beat_known || obs->heartbeat != ladder->heartbeat ||
	    obs->progress != ladder->progress) {
		ladder->beat_known = true;
		ladder->beat_late = 0;
		ladder->heartbeat = obs->heartbeat;
		ladder->progress = obs->progress;
		ladder->beat_since = ladder->clock;
		return false;
	}
	if (ladder->beat_late)
		return ladder->clock - ladder->beat_late >= NEURON_LADDER_PERIOD_MS / 2;
	if (ladder->clock - ladder->beat_since >= NEURON_LADDER_BEAT_MS)
		ladder->beat_late = ladder->clock;
	return false;
}

static void neuron_core_watch(struct neuron_core_ladder *core,
			      const struct neuron_core_observation *seen, u64 clock)
{
	core->rung = NEURON_RUNG_NONE;
	core->known = seen->running;
	core->slot = seen->slot;
	core->queue = seen->queue;
	core->job = seen->job;
	core->since = clock;
}

static bool neuron_core_same_job(const struct neuron_core_ladder *core,
				 const struct neuron_core_observation *seen)
{
	return core->known && seen->running && core->slot == seen->slot &&
	       core->queue == seen->queue && core->job == seen->job;
}

static struct neuron_step neuron_core_none(struct neuron_core_ladder *core, unsigned int n,
					   const struct neuron_observation *obs, u64 clock)
{
	const struct neuron_core_observation *seen = &obs->core[n];
	/* The job's time-out is the chip's business, and passes as fast as it does. */
	u64 limit = seen->limit_ms * neuron_observation_speed(obs) + NEURON_LADDER_GRACE_MS;

	if (seen->stopping) {
		/* Whoever destroys the queue took this rung. */
		core->rung = NEURON_RUNG_ABORT;
		core->known = false;
		core->since = clock;
		return neuron_no_step;
	}
	if (!neuron_core_same_job(core, seen)) {
		neuron_core_watch(core, seen, clock);
		return neuron_no_step;
	}
	if (clock - core->since < limit)
		return neuron_no_step;
	core->rung = NEURON_RUNG_ABORT;
	core->since = clock;
	return neuron_step(NEURON_ACT_ABORT_QUEUE, n, seen->slot,
			   "a job runs on after its time-out");
}

bool neuron_ladder_resetting(const struct neuron_ladder *ladder)
{
	unsigned int n;

	for (n = 0; n < NEURON_CORES; n++)
		if (ladder->core[n].rung == NEURON_RUNG_CORE)
			return true;
	return false;
}

static struct neuron_step neuron_core_next(struct neuron_ladder *ladder, unsigned int n,
					   const struct neuron_observation *obs)
{
	const struct neuron_core_observation *seen = &obs->core[n];
	struct neuron_core_ladder *core = &ladder->core[n];
	u64 waited = ladder->core_clock - core->since;

	switch (core->rung) {
	case NEURON_RUNG_ABORT:
		if (!seen->stopping && !neuron_core_same_job(core, seen)) {
			neuron_core_watch(core, seen, ladder->core_clock);
			return neuron_no_step;
		}
		/* There is one register for resets of cores. */
		if (waited < NEURON_LADDER_ABORT_MS || neuron_ladder_resetting(ladder))
			return neuron_no_step;
		core->rung = NEURON_RUNG_CORE;
		core->since = ladder->core_clock;
		return neuron_step(NEURON_ACT_RESET_CORE, n, seen->slot,
				   "a queue does not end its jobs");
	case NEURON_RUNG_CORE:
		if (!obs->core_reset && !seen->stopping && !neuron_core_same_job(core, seen)) {
			neuron_core_watch(core, seen, ladder->core_clock);
			return neuron_no_step;
		}
		if (waited < NEURON_LADDER_CORE_MS)
			return neuron_no_step;
		return neuron_step(NEURON_ACT_RESET_DEVICE, n, 0, "a NeuronCore does not reset");
	default:
		return neuron_core_none(core, n, obs, ladder->core_clock);
	}
}

struct neuron_step neuron_recovery_next(struct neuron_ladder *ladder,
					const struct neuron_observation *obs)
{
	struct neuron_step step;
	unsigned int n;

	neuron_ladder_advance(ladder, obs);
	if (!obs->present)
		return neuron_step(NEURON_ACT_LOST, 0, 0, "the chip does not answer any more");
	if (!obs->answers)
		return neuron_step(NEURON_ACT_RESET_DEVICE, 0, 0, "registers read as all ones");
	if (obs->crashed)
		return neuron_step(NEURON_ACT_RESET_DEVICE, 0, 0, "firmware died");
	if (neuron_ladder_stalled(ladder, obs))
		return neuron_step(NEURON_ACT_RESET_DEVICE, 0, 0, "firmware hangs");
	for (n = 0; n < NEURON_CORES; n++) {
		step = neuron_core_next(ladder, n, obs);
		if (step.action != NEURON_ACT_NONE)
			return step;
	}
	return neuron_no_step;
}

void neuron_ladder_enter(struct neuron_ladder *ladder, unsigned int core, enum neuron_rung rung)
{
	ladder->core[core].rung = rung;
	ladder->core[core].since = ladder->core_clock;
}

bool neuron_ladder_doubts(const struct neuron_ladder *ladder)
{
	return ladder->beat_known && ladder->beat_since != ladder->clock;
}

bool neuron_ladder_quiet(const struct neuron_ladder *ladder)
{
	unsigned int n;

	for (n = 0; n < NEURON_CORES; n++)
		if (ladder->core[n].rung != NEURON_RUNG_NONE)
			return false;
	return true;
}

void neuron_ladder_restart(struct neuron_ladder *ladder)
{
	struct neuron_ladder fresh = {};

	memcpy(fresh.resets, ladder->resets, sizeof(fresh.resets));
	*ladder = fresh;
}

bool neuron_ladder_may_reset(struct neuron_ladder *ladder, u64 now_ms)
{
	unsigned int i, oldest = 0;

	for (i = 1; i < NEURON_LADDER_RESETS; i++)
		if (ladder->resets[i] < ladder->resets[oldest])
			oldest = i;
	if (ladder->resets[oldest] &&
	    now_ms - ladder->resets[oldest] < NEURON_LADDER_WINDOW_MS)
		return false;
	ladder->resets[oldest] = now_ms;
	return true;
}
