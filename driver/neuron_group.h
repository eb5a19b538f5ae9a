/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_GROUP_H
#define _NEURON_GROUP_H

#include <linux/types.h>

struct neuron_group_member;

/*
 * NEURON_IOCTL_GROUP_ACQUIRE: each member's file gets its cores, or none does. Fills the outputs
 * of @members on -EBUSY. Sleeps; no lock held.
 */
int neuron_group_acquire(struct neuron_group_member *members, u32 count);

#endif
