/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_RESET_H
#define _NEURON_RESET_H

#include <linux/types.h>

struct neuron_device;

/* Reset the chip, wait for its firmware, tell it its number. Wipes UDMA state. Sleeps. */
int neuron_reset_device(struct neuron_device *ndev);
/* FW_STATUS, at most a second old. */
int neuron_fw_status(struct neuron_device *ndev, u32 *status);

#endif
