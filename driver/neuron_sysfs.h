/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_SYSFS_H
#define _NEURON_SYSFS_H

struct neuron_device;

/* Attributes below /sys/class/neuron_device/neuronN, which must be there. */
int neuron_sysfs_add(struct neuron_device *ndev);
void neuron_sysfs_remove(struct neuron_device *ndev);

#endif
