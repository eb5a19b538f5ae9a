/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_USER_H
#define _NEURON_USER_H

#include <linux/types.h>

struct neuron_device;
struct neuron_mem;
struct neuron_usage;
struct neuron_user;

/*
 * Pin @length bytes at the caller's @address and charge them to its RLIMIT_MEMLOCK. With no
 * lock held: page faults may take for ever. -EFAULT, -ENOMEM (limit), -EINTR (killed).
 */
struct neuron_user *neuron_user_pin(u64 address, u64 length, bool writable);
/* Map them for the chip; fills @mem's runs. With ndev->rwsem held. -EOPNOTSUPP, -ENOMEM. */
int neuron_user_map(struct neuron_user *user, struct neuron_mem *mem);
/* The chip reaches them no more. Before the device goes, with ndev->objects_lock held. */
void neuron_user_unmap(struct neuron_user *user);
/*
 * Undo the rest, from any process, at any time. May wait for whoever has a page locked: no
 * lock may be held that others need.
 */
void neuron_user_release(struct neuron_user *user);
/* The same later: by neuron_user_unpin_all(). They are unmapped. With any lock held. */
void neuron_user_give(struct neuron_usage *usage, struct neuron_user *user);
/* Once it returns no pages are pinned that were given before. No lock held. */
void neuron_user_unpin_all(struct neuron_usage *usage);

#endif
