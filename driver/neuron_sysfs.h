/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_SYSFS_H
#define _NEURON_SYSFS_H

struct attribute_group;
struct neuron_device;

/* The files right below /sys/class/neuron_device/neuronN, for struct device. */
extern const struct attribute_group *neuron_device_groups[];
/* The directories there; the device must have been added. */
int neuron_sysfs_add(struct neuron_device *ndev);
void neuron_sysfs_remove(struct neuron_device *ndev);

#endif
