// SPDX-License-Identifier: Apache-2.0
/*
 * Heartbeat and telemetry: a beat, a power sample and the link bits every
 * NEURON_FW_HEARTBEAT_MS.
 */
#include <neuron/fw.h>
#include "hw.h"
#include "log.h"
#include "sched.h"
#include "status.h"
#include "timer.h"

#define PERIOD_US	(NEURON_FW_HEARTBEAT_MS * 1000u)

/* Tests build a firmware that says it is older. */
#ifndef FW_API
#define FW_API	(NEURON_FW_API_MAJOR << 16 | NEURON_FW_API_MINOR)
#endif

static struct {
	bool ready;
	uint32_t beat;
	uint16_t samples;
	uint64_t next;
	uint64_t sampled;
} status;

static void publish(void)
{
	fw_misc_write(NEURON_MISC_FW_STATUS, fw_reg_read(NEURON_MGMT_LINKS) |
		      (status.ready ? NEURON_FW_STATUS_READY : 0));
}

void fw_status_ready(bool ready)
{
	status.ready = ready;
	publish();
}

void fw_status_sensors(void)
{
	uint32_t events = fw_reg_read(NEURON_MGMT_SENSORS);

	/* cleared before looking: what changes from now on is news again */
	fw_reg_write(NEURON_MGMT_SENSORS, events);
	publish();
	if (events)
		fw_event(events);
}

/* Utilisation of the cores since the last sample in 0.01 %. */
static uint32_t utilisation(uint64_t now)
{
	uint64_t window = now - status.sampled, busy = fw_sched_busy_us(now);
	uint32_t util;

	/* 32-bit arithmetic does, if nobody kept firmware from running for long */
	while (busy >> 20 || window >> 20) {
		busy >>= 1;
		window >>= 1;
	}
	if (!(uint32_t)window)
		return 0;
	util = (uint32_t)busy * (10000u / NEURON_CORES) / (uint32_t)window;
	return util > 10000 ? 10000 : util;
}

static void sample(uint64_t now)
{
	uint32_t util = utilisation(now);

	status.sampled = now;
	status.samples++;
	fw_misc_write(NEURON_MISC_POWER, util | (uint32_t)status.samples << 16);
}

static void beat(void)
{
	status.beat++;
	fw_ext_write(NEURON_EXT_FW_HEARTBEAT, status.beat);
	fw_ext_write(NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT, status.beat);
}

void fw_status_tick(uint64_t now)
{
	if (now >= status.next) {
		beat();
		sample(now);
		publish();
		/* from now: beats that were missed are not made up for */
		status.next = now + PERIOD_US;
	}
	fw_timer_at(status.next);
}

void fw_status_init(void)
{
	status.beat = 0;
	status.samples = 0;
	status.sampled = fw_time();
	status.next = status.sampled + PERIOD_US;
	fw_timer_at(status.next);
	fw_misc_write(NEURON_MISC_API_VERSION, NEURON_API_VERSION_POWER);
	fw_misc_write(NEURON_MISC_POWER, 0);
	fw_ext_write(NEURON_EXT_FW_VERSION, FW_VERSION);
	fw_ext_write(NEURON_EXT_FW_API, FW_API);
	fw_ext_write(NEURON_EXT_FW_HEARTBEAT, 0);
	fw_status_ready(true);
	fw_ext_write(NEURON_EXT_FW_STATE, NEURON_FW_STATE_RUNNING);
	fw_log("management firmware %u.%u.%u", FW_VERSION >> 16, FW_VERSION >> 8 & 0xff, FW_VERSION & 0xff);
}
