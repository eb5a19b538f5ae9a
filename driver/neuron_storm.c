// SPDX-License-Identifier: GPL-2.0
/*
 * What makes a storm: interrupts that nothing explains, more than a healthy chip sends in
 * vain. It touches no device.
 *
 * Locking: the account is its handler's, which runs on one CPU at a time; @news is a flag that
 * anybody sets and the handler takes. One that is set while it is taken counts for a later
 * interrupt, which does no harm.
 */
#include <linux/compiler.h>
#include <linux/jiffies.h>

#include "neuron_storm.h"

bool neuron_storm_count(struct neuron_storm *storm, unsigned long now, u32 explained)
{
	if (time_after(now, storm->since + storm->window)) {
		storm->since = now;
		storm->unexplained = 0;
	}
	if (READ_ONCE(storm->news)) {
		WRITE_ONCE(storm->news, false);
		storm->unexplained = 0;
	}
	storm->unexplained -= explained;
	if (++storm->unexplained < storm->limit)
		return false;
	storm->unexplained = 0;
	return true;
}

void neuron_storm_explain(struct neuron_storm *storm)
{
	WRITE_ONCE(storm->news, true);
}
