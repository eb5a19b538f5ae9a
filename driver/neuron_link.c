// SPDX-License-Identifier: GPL-2.0
/*
 * Links: which chip is east and west of one, and whether it still is. The number that a
 * driver writes into its chip only hints at which one it could be: it is 0 after a reset,
 * and chips of other systems have numbers of their own. Proof is a random number that is
 * written into a chip from this side, and read from the other side of the link.
 *
 * What is proven holds until the links change. Then it is proven again; until that is done,
 * over a link that was seen down, nothing is copied.
 *
 * Locking: neuron_link_lock, of all devices: the number is in one chip while another is
 * asked. Taken with a device's rwsem held for reading, outside of its mailbox's lock. The peer's
 * rwsem is only tried: two devices' locks would have an order else, and a peer whose rwsem is
 * wanted for writing is about to lose all that could be shared. What DMA asks is an atomic.
 */
#include <linux/random.h>

#include "neuron.h"
#include "neuron_fwio.h"
#include "neuron_link.h"
#include "neuron_reset.h"

/* In neuron_link.state: the link leads to the peer; above that bit, who is meant by "peer". */
#define NEURON_LINK_KNOWN	1
#define NEURON_LINK_EPOCH	2

static DEFINE_MUTEX(neuron_link_lock);

static const struct {
	u64 space;
	u32 up;
} neuron_sides[NEURON_LINKS] = {
	{ NEURON_ADDR_EAST, NEURON_FW_STATUS_EAST },
	{ NEURON_ADDR_WEST, NEURON_FW_STATUS_WEST },
};

void neuron_link_write_number(struct neuron_device *ndev, u32 number)
{
	neuron_apb_write(ndev, NEURON_MISC_BASE + NEURON_MISC_DEVICE_ID, number);
}

static int neuron_link_read_number(struct neuron_device *ndev, unsigned int side, u32 *number)
{
	u32 status;
	int ret;

	ret = neuron_fw_status(ndev, &status);
	if (ret)
		return ret;
	if (!(status & neuron_sides[side].up))
		return -ENOLINK;
	return neuron_fwio_read(ndev, neuron_sides[side].space | NEURON_ADDR_MISC |
				NEURON_MISC_DEVICE_ID, number);
}

/* 0: the chip on that side is @peer. -EXDEV: another one. -ESTALE: @peer is about to go. */
static int neuron_link_probe(struct neuron_device *ndev, unsigned int side,
			     struct neuron_device *peer)
{
	u32 nonce, seen;
	int ret = -ESTALE;

	lockdep_assert_held(&neuron_link_lock);
	if (!down_read_trylock(&peer->rwsem))
		return -ESTALE;
	if (neuron_device_error(peer) || READ_ONCE(peer->index) < 0)
		goto out_unlock;
	/* No number that a device has, nor the one of a chip that is not there. */
	nonce = (get_random_u32() | BIT(31)) & ~BIT(30);
	neuron_link_write_number(peer, nonce);
	/* The write is posted: it has arrived when a read behind it is answered. */
	if (pci_device_is_present(peer->pdev)) {
		ret = neuron_link_read_number(ndev, side, &seen);
		if (!ret && seen != nonce)
			ret = -EXDEV;
	}
	neuron_link_write_number(peer, READ_ONCE(peer->index));
out_unlock:
	up_read(&peer->rwsem);
	return ret;
}

/* Whatever was found out about the link is no more. */
static void neuron_link_forget(struct neuron_link *link)
{
	u32 epoch = atomic_read(&link->state) & ~NEURON_LINK_KNOWN;

	lockdep_assert_held(&neuron_link_lock);
	atomic_set(&link->state, epoch + NEURON_LINK_EPOCH);
	if (link->peer)
		put_device(&link->peer->dev);
	link->peer = NULL;
}

static void neuron_link_know(struct neuron_link *link, struct neuron_device *peer)
{
	if (link->peer != peer) {
		neuron_link_forget(link);
		get_device(&peer->dev);
		link->peer = peer;
	}
	atomic_or(NEURON_LINK_KNOWN, &link->state);
}

int neuron_link_find(struct neuron_device *ndev, struct neuron_device *peer,
		     struct neuron_route *route)
{
	struct neuron_links *links = &ndev->links;
	int ret = -EXDEV, changes;
	unsigned int side;

	if (mutex_lock_killable(&neuron_link_lock))
		return -EINTR;
	for (side = 0; side < NEURON_LINKS; side++) {
		changes = atomic_read(&links->changes);
		ret = neuron_link_probe(ndev, side, peer);
		if (!ret || ret == -ESTALE || ret == -EINTR)
			break;
		ret = -EXDEV;
	}
	if (!ret) {
		struct neuron_link *link = &links->side[side];

		neuron_link_know(link, peer);
		route->link = link;
		route->space = neuron_sides[side].space;
		route->state = atomic_read(&link->state) | NEURON_LINK_KNOWN;
		/* It may be what was before the change: who saw that one looks again. */
		if (atomic_read(&links->changes) != changes)
			atomic_andnot(NEURON_LINK_KNOWN, &link->state);
	}
	mutex_unlock(&neuron_link_lock);
	return ret;
}

int neuron_link_check(const struct neuron_route *route)
{
	u32 state = route->link ? atomic_read(&route->link->state) : route->state;

	if (state == route->state)
		return 0;
	return (state | NEURON_LINK_KNOWN) == route->state ? -EREMOTEIO : -ESTALE;
}

static void neuron_link_look_again(struct neuron_device *ndev, unsigned int side)
{
	struct neuron_link *link = &ndev->links.side[side];
	int ret;

	if (!link->peer)
		return;
	ret = neuron_link_probe(ndev, side, link->peer);
	if (!ret)
		neuron_link_know(link, link->peer);
	else if (ret == -EXDEV || ret == -ESTALE)
		neuron_link_forget(link);
	else
		atomic_andnot(NEURON_LINK_KNOWN, &link->state);
}

void neuron_link_changed(struct neuron_device *ndev, u32 up)
{
	struct neuron_links *links = &ndev->links;
	unsigned int side;

	/* At once; fully ordered before what neuron_link_find() looks for at its end. */
	atomic_inc_return(&links->changes);
	for (side = 0; side < NEURON_LINKS; side++)
		if (!(up & neuron_sides[side].up))
			atomic_andnot(NEURON_LINK_KNOWN, &links->side[side].state);

	mutex_lock(&neuron_link_lock);
	links->asked = false;
	neuron_fw_status_forget(ndev);
	/* Also the one that is up as before: it may have been down meanwhile. */
	for (side = 0; side < NEURON_LINKS; side++)
		if (up & neuron_sides[side].up)
			neuron_link_look_again(ndev, side);
	mutex_unlock(&neuron_link_lock);
}

void neuron_link_stop(struct neuron_device *ndev)
{
	unsigned int side;

	mutex_lock(&neuron_link_lock);
	for (side = 0; side < NEURON_LINKS; side++)
		neuron_link_forget(&ndev->links.side[side]);
	mutex_unlock(&neuron_link_lock);
}

/* The number of the device on that side, or -1. Errors that are not of the link only. */
static int neuron_link_ask(struct neuron_device *ndev, unsigned int side, int *index)
{
	struct neuron_device *peer;
	u32 number;
	int ret;

	*index = -1;
	ret = neuron_link_read_number(ndev, side, &number);
	if (ret == -ENOLINK || ret == -EREMOTEIO)
		return 0;
	if (ret || number >= NEURON_MAX_DEVICES)
		return ret;
	peer = neuron_device_find(number);
	if (!peer)
		return 0;
	if (peer != ndev && !neuron_link_probe(ndev, side, peer))
		*index = number;
	put_device(&peer->dev);
	return 0;
}

int neuron_link_neighbours(struct neuron_device *ndev, int index[NEURON_LINKS])
{
	struct neuron_links *links = &ndev->links;
	unsigned int side;
	int ret = 0;

	if (mutex_lock_killable(&neuron_link_lock))
		return -EINTR;
	if (!links->asked || time_after(jiffies, links->asked_time + HZ)) {
		for (side = 0; side < NEURON_LINKS && !ret; side++)
			ret = neuron_link_ask(ndev, side, &links->index[side]);
		links->asked = !ret;
		links->asked_time = jiffies;
	}
	memcpy(index, links->index, sizeof(links->index));
	mutex_unlock(&neuron_link_lock);
	return ret;
}
