/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_CORES_H
#define _NEURON_CORES_H

#include <linux/types.h>

struct neuron_device;
struct neuron_file;
struct neuron_ioctl_cores;

/* NEURON_IOCTL_CORES_*; fills the outputs of @arg. -EBUSY, -EPERM. */
int neuron_cores_acquire(struct neuron_file *nf, struct neuron_ioctl_cores *arg);
int neuron_cores_release(struct neuron_file *nf, struct neuron_ioctl_cores *arg);
/*
 * The two halves of acquire, with ndev->cores_lock held: those of @mask that another file owns,
 * and who acquired the lowest of them; then, if there are none, take them.
 */
u32 neuron_cores_conflict_locked(struct neuron_file *nf, u32 mask, s32 *holder);
void neuron_cores_take_locked(struct neuron_file *nf, u32 mask);
/* At close; the file has no queue left. */
void neuron_cores_release_all(struct neuron_file *nf);
/*
 * At a reset: all files have lost theirs. After ndev->gone or ndev->generation has said so, or
 * one might get some at the last moment.
 */
void neuron_cores_reset(struct neuron_device *ndev);
/* Bitmaps of owned cores: by anybody, by this file. */
u32 neuron_cores_busy(struct neuron_device *ndev);
u32 neuron_cores_owned(struct neuron_file *nf);
/* A queue slot of a core that the file owns: 0 .. NEURON_QUEUES - 1, -EPERM or -ENOSPC. */
int neuron_cores_get_slot(struct neuron_file *nf, unsigned int core);
void neuron_cores_put_slot(struct neuron_device *ndev, unsigned int slot);

#endif
