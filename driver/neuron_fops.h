/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_FOPS_H
#define _NEURON_FOPS_H

#include <linux/fs.h>

extern const struct file_operations neuron_fops;

#endif
