// SPDX-License-Identifier: Apache-2.0
/*
 * Sharing the timer.
 */
#include "hw.h"
#include "timer.h"

static uint64_t armed = UINT64_MAX;

void fw_timer_at(uint64_t us)
{
	if (us >= armed)
		return;
	armed = us;
	fw_reg_write(NEURON_MGMT_TIMER_LO, us);
	fw_reg_write(NEURON_MGMT_TIMER_HI, us >> 32);
}

void fw_timer_clear(void)
{
	armed = UINT64_MAX;
}
