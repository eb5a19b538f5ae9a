/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_COREDUMP_H
#define _NEURON_COREDUMP_H

struct dentry;
struct neuron_device;

/*
 * Keep what there is to know of a chip that is about to be reset, in the format of
 * <neuron/dump.h>. The chip answers; the caller keeps its registers mapped. Sleeps.
 */
void neuron_coredump_take(struct neuron_device *ndev, const char *why);
void neuron_coredump_fini(struct neuron_device *ndev);
/* debugfs: coredump, the newest, where the kernel has no device coredumps. */
void neuron_coredump_debugfs(struct neuron_device *ndev, struct dentry *dir);

#endif
