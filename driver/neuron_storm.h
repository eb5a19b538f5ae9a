/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_STORM_H
#define _NEURON_STORM_H

#include <linux/types.h>

/* Unexplained interrupts within so long that make a storm. */
#define NEURON_STORM_COUNT	200
#define NEURON_STORM_MS		100
/* Of copies one cannot tell which interrupts brought news. */
#define NEURON_STORM_DMA_COUNT	4000
/* Of firmware one can, and it has little to say; each costs a work that reads registers. */
#define NEURON_STORM_FW_COUNT	100
#define NEURON_STORM_FW_MS	2000

/**
 * struct neuron_storm - the account of a vector's interrupts
 * @limit, @window: so many unexplained interrupts within so many jiffies are a storm
 * @since: jiffies at which the account was opened
 * @unexplained: interrupts since then, less what there was to tell; may be negative
 * @news: whoever looks later found what the interrupts until then were for
 */
struct neuron_storm {
	int limit;
	unsigned long window;
	unsigned long since;
	int unexplained;
	bool news;
};

/*
 * An interrupt at @now (jiffies), and @explained things that there were to tell. True: that
 * makes a storm, and a new account is opened.
 */
bool neuron_storm_count(struct neuron_storm *storm, unsigned long now, u32 explained);
/* What is looked at after the interrupt has brought news. From any context. */
void neuron_storm_explain(struct neuron_storm *storm);

#endif
