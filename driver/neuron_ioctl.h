/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_IOCTL_H
#define _NEURON_IOCTL_H

struct neuron_file;

/* Any ioctl of <linux/neuron.h>, with its errno contract. */
long neuron_file_ioctl(struct neuron_file *nf, unsigned int cmd, unsigned long arg);

#endif
