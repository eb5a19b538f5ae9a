/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_STORM_H
#define _NEURON_STORM_H

#include <linux/types.h>

/* Unexplained interrupts within STORM_MS that make a storm. */
#define NEURON_STORM_COUNT	200
/* Of copies one cannot tell which interrupts brought news. */
#define NEURON_STORM_DMA_COUNT	4000
#define NEURON_STORM_MS		100

/**
 * struct neuron_storm - the account of a vector's interrupts
 * @since: jiffies at which the account was opened
 * @unexplained: interrupts since then, less what there was to tell; may be negative
 * @news: whoever looks later found what the interrupts until then were for
 */
struct neuron_storm {
	unsigned long since;
	int unexplained;
	bool news;
};

/*
 * An interrupt at @now (jiffies), and @explained things that there were to tell. True: that
 * makes @limit without explanation, and a new account is opened.
 */
bool neuron_storm_count(struct neuron_storm *storm, unsigned long now, u32 explained, int limit);
/* What is looked at after the interrupt has brought news. From any context. */
void neuron_storm_explain(struct neuron_storm *storm);

#endif
