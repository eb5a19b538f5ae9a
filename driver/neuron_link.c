// SPDX-License-Identifier: GPL-2.0
/*
 * Links: which chip is east and west of one. A chip's number is in its misc RAM, where its
 * driver writes it after each reset; neighbours read it there.
 *
 * Locking: ndev->rwsem held by the caller. The peer's lock is not taken: two devices' locks
 * would have an order then. Its number only says which chip it is; that its memory is still
 * its memory is what neuron_mem_use_begin() asks.
 */
#include "neuron.h"
#include "neuron_fwio.h"
#include "neuron_link.h"
#include "neuron_reset.h"

int neuron_link_neighbour(struct neuron_device *ndev, u64 space, u32 *index)
{
	u32 up = space == NEURON_ADDR_EAST ? NEURON_FW_STATUS_EAST : NEURON_FW_STATUS_WEST;
	u32 status;
	int ret;

	ret = neuron_fw_status(ndev, &status);
	if (ret)
		return ret;
	if (!(status & up))
		return -ENOLINK;
	return neuron_fwio_read(ndev, space | NEURON_ADDR_MISC | NEURON_MISC_DEVICE_ID, index);
}

int neuron_link_find(struct neuron_device *ndev, struct neuron_device *peer, u64 *space)
{
	static const u64 spaces[] = { NEURON_ADDR_EAST, NEURON_ADDR_WEST };
	unsigned int i;
	u32 index;

	for (i = 0; i < ARRAY_SIZE(spaces); i++) {
		if (neuron_link_neighbour(ndev, spaces[i], &index))
			continue;
		/* Negative once it was unbound. */
		if (index <= INT_MAX && (int)index == READ_ONCE(peer->index)) {
			*space = spaces[i];
			return 0;
		}
	}
	return -EXDEV;
}
