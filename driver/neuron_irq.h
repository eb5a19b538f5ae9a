/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_IRQ_H
#define _NEURON_IRQ_H

#include <linux/types.h>

#include "neuron_storm.h"

struct neuron_device;

/**
 * struct neuron_vector - an interrupt vector
 * @storm: its account
 * @masked: 0, or until when (jiffies, never 0) the vector is masked
 */
struct neuron_vector {
	struct neuron_device *ndev;
	unsigned int index;
	int irq;
	struct neuron_storm storm;
	unsigned long masked;
};

/* MSI-X if there is; else the driver polls. */
int neuron_irq_request(struct neuron_device *ndev);
void neuron_irq_free(struct neuron_device *ndev);
/* MSI-X vector that a queue raises; neuron_device.vector_count must not be 0. */
unsigned int neuron_queue_vector(struct neuron_device *ndev, unsigned int slot);

#endif
