/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_HWMON_H
#define _NEURON_HWMON_H

struct neuron_device;

/*
 * The chip's temperature as a hwmon device. Nothing happens where the kernel has no hwmon,
 * or the chip no telemetry; not having it is no reason to fail.
 */
#if IS_REACHABLE(CONFIG_HWMON)
void neuron_hwmon_add(struct neuron_device *ndev);
void neuron_hwmon_remove(struct neuron_device *ndev);
#else
static inline void neuron_hwmon_add(struct neuron_device *ndev) {}
static inline void neuron_hwmon_remove(struct neuron_device *ndev) {}
#endif

#endif
