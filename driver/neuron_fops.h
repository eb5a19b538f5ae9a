/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_FOPS_H
#define _NEURON_FOPS_H

#include <linux/fs.h>

struct neuron_device;

extern const struct file_operations neuron_fops;

/* Pollers of all files have to look again. */
void neuron_wake_files(struct neuron_device *ndev);

#endif
