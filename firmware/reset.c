// SPDX-License-Identifier: Apache-2.0
/*
 * Resets: stop the jobs, then wipe. RESET in misc RAM is cleared, and FW_STATUS says
 * ready again, when all is done.
 *
 * A core that does not stop costs a device reset two seconds, and is left behind. A reset of
 * cores is not done without it: their queues stay enabled, and what is told of their jobs
 * must be true. It goes on until the core stops, or the host wants more.
 */
#include "hw.h"
#include "log.h"
#include "queue.h"
#include "reset.h"
#include "sched.h"
#include "status.h"
#include "timer.h"

#define ALL_CORES	((1u << NEURON_CORES) - 1)
/* A core ends a job within one instruction; one that does not is left behind. */
#define STOP_TIMEOUT_US	2000000u

static struct {
	uint32_t type;		/* 0 = none is going on */
	uint32_t cores;
	bool wiped;
	bool late;		/* the log has it */
	uint64_t give_up;
	uint64_t earliest;	/* end of a device reset */
} reset;

bool fw_reset_busy(void)
{
	return reset.type;
}

static bool stopped(void)
{
	for (unsigned int core = 0; core < NEURON_CORES; core++)
		if (reset.cores & 1u << core && !fw_sched_idle(core))
			return false;
	return true;
}

/* What to wipe: not a core that still works on its job. */
static uint32_t what(void)
{
	uint32_t bits = reset.type == NEURON_RESET_DEVICE ? NEURON_MGMT_RESET_UDMA : 0;

	for (unsigned int core = 0; core < NEURON_CORES; core++)
		if (reset.cores & 1u << core && fw_sched_idle(core))
			bits |= NEURON_MGMT_RESET_CORE(core);
	return bits;
}

static void wipe(void)
{
	if (!stopped()) {
		for (unsigned int core = 0; core < NEURON_CORES; core++)
			if (reset.cores & 1u << core)
				fw_sched_abandon(core);
	}
	fw_reg_write(NEURON_MGMT_RESET, what());
	if (reset.type == NEURON_RESET_DEVICE)
		fw_misc_write(NEURON_MISC_DEVICE_ID, 0);
	reset.wiped = true;
}

static void finish(void)
{
	fw_sched_hold(reset.cores, false);
	/* another one may have been asked for meanwhile: that one stays */
	if (fw_misc_read(NEURON_MISC_RESET) == reset.type)
		fw_misc_write(NEURON_MISC_RESET, 0);
	reset.type = 0;
	fw_status_ready(true);
	fw_event(NEURON_EVENT_RESET);
}

/* A device reset that is asked for during a reset of cores follows at once. */
static bool may_leave_behind(void)
{
	return reset.type == NEURON_RESET_DEVICE ||
	       fw_misc_read(NEURON_MISC_RESET) == NEURON_RESET_DEVICE;
}

void fw_reset_run(void)
{
	bool late;

	if (!reset.type)
		return;
	late = !reset.wiped && !stopped() && fw_time() >= reset.give_up;
	if (late && !reset.late)
		fw_log("reset: a core does not stop");
	reset.late |= late;
	if (!reset.wiped && (stopped() || (late && may_leave_behind())))
		wipe();
	if (late && !reset.wiped)
		return;
	if (!reset.wiped)
		fw_timer_at(reset.give_up);
	else if (fw_time() < reset.earliest)
		fw_timer_at(reset.earliest);
	else
		finish();
}

void fw_reset_begin(void)
{
	uint32_t type = fw_misc_read(NEURON_MISC_RESET);
	uint32_t map = fw_misc_read(NEURON_MISC_RESET_MAP);

	if ((type != NEURON_RESET_DEVICE && type != NEURON_RESET_CORES) ||
	    (type == NEURON_RESET_CORES && map & ~ALL_CORES)) {
		fw_report(NEURON_MGMT_ERROR_RESET_TYPE, type == NEURON_RESET_CORES ? map : type);
		/* a host that waits for RESET to become 0 must not wait for ever */
		fw_misc_write(NEURON_MISC_RESET, 0);
		return;
	}
	reset.type = type;
	reset.cores = type == NEURON_RESET_DEVICE ? ALL_CORES : map;
	reset.wiped = false;
	reset.late = false;
	reset.give_up = fw_time() + STOP_TIMEOUT_US;
	reset.earliest = 0;
	if (type == NEURON_RESET_DEVICE)
		reset.earliest = fw_time() + fw_reg_read(NEURON_MGMT_RESET_US);
	fw_log("reset: type %u, cores %x", (unsigned int)type, (unsigned int)reset.cores);
	fw_status_ready(false);
	fw_sched_hold(reset.cores, true);
	fw_queue_reset(reset.cores, type == NEURON_RESET_DEVICE);
	fw_reset_run();
}
