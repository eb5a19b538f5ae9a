/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_DEBUGFS_H
#define _NEURON_DEBUGFS_H

struct neuron_device;

/* /sys/kernel/debug/neuron/neuronN; failures do not matter. */
void neuron_debugfs_init(void);
void neuron_debugfs_exit(void);
void neuron_debugfs_add(struct neuron_device *ndev);
void neuron_debugfs_remove(struct neuron_device *ndev);

#endif
