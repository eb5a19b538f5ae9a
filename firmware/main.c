// SPDX-License-Identifier: Apache-2.0
/*
 * The main loop: look at what is pending, do it, sleep.
 */
#include "crc32c.h"
#include "hw.h"
#include "mailbox.h"
#include "main.h"
#include "queue.h"
#include "reset.h"
#include "sched.h"
#include "status.h"
#include "thermal.h"
#include "timer.h"

#define ALL_IRQS	(NEURON_MGMT_IRQ_DOORBELL | NEURON_MGMT_IRQ_QUEUE_CTRL | \
			 NEURON_MGMT_IRQ_QUEUE_TAIL | NEURON_MGMT_IRQ_NC | \
			 NEURON_MGMT_IRQ_TIMER | NEURON_MGMT_IRQ_SENSOR)

void fw_init(void)
{
	fw_timer_clear();
	fw_crc32c_init();
	fw_sched_init();
	fw_queue_init();
	fw_mailbox_init();
	fw_status_init();
	fw_thermal_look();
	/* hosts may have been faster than this firmware */
	fw_sched_done();
	fw_queue_ctrl_news();
	fw_mailbox_start();
	fw_reg_write(NEURON_MGMT_ENABLE, ALL_IRQS);
}

/* True: there is more to do. */
static bool timer(void)
{
	uint64_t now = fw_time();

	fw_timer_clear();
	fw_status_tick(now);
	fw_sched_deadlines(now);
	return fw_thermal_look();
}

bool fw_step(void)
{
	uint32_t pending = fw_reg_read(NEURON_MGMT_PENDING) & ALL_IRQS;
	bool more;

	/* cleared before acting: what happens meanwhile is pending again */
	if (pending)
		fw_reg_write(NEURON_MGMT_PENDING, pending);
	if (pending & NEURON_MGMT_IRQ_SENSOR) {
		/* held before the host is told: it may count on that */
		fw_thermal_look();
		fw_status_sensors();
	}
	if (pending & NEURON_MGMT_IRQ_NC)
		fw_sched_done();
	if (pending & NEURON_MGMT_IRQ_QUEUE_CTRL)
		fw_queue_ctrl_news();
	if (pending & NEURON_MGMT_IRQ_QUEUE_TAIL)
		fw_queue_tail_news();
	more = fw_sched_run();
	if (pending & NEURON_MGMT_IRQ_DOORBELL)
		fw_mailbox_ring();
	if (pending & NEURON_MGMT_IRQ_TIMER)
		more |= timer();
	if (fw_reset_busy()) {
		fw_reset_run();
		fw_mailbox_run();
		/* cores that were held may run again */
		more |= !fw_reset_busy();
	}
	return more;
}

void fw_main(void)
{
	fw_init();
	for (;;)
		if (!fw_step())
			fw_wfi();
}
