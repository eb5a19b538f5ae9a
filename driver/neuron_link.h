/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_LINK_H
#define _NEURON_LINK_H

#include <linux/atomic.h>
#include <linux/types.h>

#define NEURON_LINKS	2

struct neuron_device;

/**
 * struct neuron_link - one side of a chip
 * @peer: who is there, or was found there last; with a reference
 * @state: whether that is certain, and how often it was somebody else
 */
struct neuron_link {
	struct neuron_device *peer;
	atomic_t state;
};

/**
 * struct neuron_links - both
 * @changes: events that tell of some
 * @asked: @index is known; @asked_time: since when (jiffies)
 * @index: of the neighbours, -1: none that is a device here
 */
struct neuron_links {
	struct neuron_link side[NEURON_LINKS];
	atomic_t changes;
	bool asked;
	unsigned long asked_time;
	int index[NEURON_LINKS];
};

/**
 * struct neuron_route - how to reach a peer's memory
 * @link: over which link; NULL: it is one's own memory
 * @space: what its addresses get there
 * @state: of the link when it led to the peer
 */
struct neuron_route {
	struct neuron_link *link;
	u64 space;
	u32 state;
};

/*
 * How @ndev, whose rwsem is held, reaches @peer, another one. -EXDEV: over no link. -ESTALE:
 * the peer is being reset, or goes. -EINTR: killed.
 */
int neuron_link_find(struct neuron_device *ndev, struct neuron_device *peer,
		     struct neuron_route *route);
/*
 * Before each use of a route, from any context. -EREMOTEIO: the link is down, or it is not
 * known yet where it leads to. -ESTALE: not to the peer any more; for good.
 */
int neuron_link_check(const struct neuron_route *route);
/* Links went up or down: @up has those that are up, as in FW_STATUS. rwsem held for reading. */
void neuron_link_changed(struct neuron_device *ndev, u32 up);
/* The device goes: no route of it is good any more. */
void neuron_link_stop(struct neuron_device *ndev);
/* Numbers of the neighbours, east first; a second old at most. With the rwsem held. */
int neuron_link_neighbours(struct neuron_device *ndev, int index[NEURON_LINKS]);
/* What the chip tells its neighbours; ~0: nothing. */
void neuron_link_write_number(struct neuron_device *ndev, u32 number);

#endif
