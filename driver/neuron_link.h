/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_LINK_H
#define _NEURON_LINK_H

#include <linux/types.h>

struct neuron_device;

/*
 * The number of the chip behind a link, as its own driver has written it; @space is
 * NEURON_ADDR_EAST or NEURON_ADDR_WEST. -ENOLINK when the link is down. With ndev->rwsem held.
 */
int neuron_link_neighbour(struct neuron_device *ndev, u64 space, u32 *index);
/* Through which space this chip reaches @peer, another one: -EXDEV if through none. */
int neuron_link_find(struct neuron_device *ndev, struct neuron_device *peer, u64 *space);

#endif
