/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_UDMA_RING_H
#define _NEURON_UDMA_RING_H

#include <linux/types.h>
#include <linux/wait.h>
#include <neuron/udma.h>

#include "neuron_ringpos.h"

struct neuron_device;

/**
 * struct neuron_udma_ring - the pair of rings that copies of one core use
 * @wq: who waits for the chip
 * @base: offset of the engine in BAR0
 * @pos: of both rings of the pair: they advance together
 * @queued: descriptors added since the last neuron_udma_kick()
 * @chunk_descs, @chunk_bytes: what the chunk under way has, without its marker
 * @deadline: jiffies when what was kicked has to be done
 * @hurried: @deadline was brought forward
 * @lender: what its owner is known by, a task that sleeps: the ring may be taken over; dma->lock
 * @marker: words in host memory that tell how far the chip is
 * @done: that of them which changes when all that was kicked is done
 * @pattern: NEURON_UDMA_DESC_MAX_LEN bytes of @pattern_value, the source of fills
 * @batches, @chunks, @bytes: for debugfs: that ended here, that were begun, that they had
 * @missed, @resets: for debugfs: interrupts that got lost, resets of the pair
 */
struct neuron_udma_ring {
	wait_queue_head_t wq;
	u32 base;
	struct neuron_udma_desc *m2s;
	struct neuron_udma_desc *s2m;
	dma_addr_t m2s_dma;
	dma_addr_t s2m_dma;
	struct neuron_ringpos pos;
	u32 queued;
	u32 chunk_descs;
	u64 chunk_bytes;
	unsigned long deadline;
	bool hurried;
	const void *lender;
	u32 *marker;
	u32 *done;
	dma_addr_t marker_dma;
	u32 *pattern;
	dma_addr_t pattern_dma;
	u32 pattern_value;
	u64 batches;
	u64 chunks;
	u64 bytes;
	u64 missed;
	u64 resets;
};

/* Host memory of the rings. */
int neuron_udma_init(struct neuron_device *ndev);
void neuron_udma_fini(struct neuron_device *ndev);
/* Bring up engines and rings after a reset; take the rings down. */
void neuron_udma_start(struct neuron_device *ndev);
void neuron_udma_stop(struct neuron_device *ndev);
/* Somebody who waits has to look again. From any context. */
void neuron_udma_wake(struct neuron_device *ndev);

/* Whether one more descriptor pair may be added before the next kick. */
bool neuron_udma_room(const struct neuron_udma_ring *ring);
/*
 * Add one pair, 1 .. NEURON_UDMA_DESC_MAX_LEN bytes. @barrier: what follows must not
 * overtake it.
 */
void neuron_udma_add(struct neuron_udma_ring *ring, u64 dst, u64 src, u32 length, bool barrier);
/*
 * Device address of NEURON_UDMA_DESC_MAX_LEN bytes of a pattern, or 0: what was added still
 * needs another one, kick first.
 */
u64 neuron_udma_pattern(struct neuron_udma_ring *ring, u32 value);
/* Start what was added, and a marker behind it. */
void neuron_udma_kick(struct neuron_device *ndev, struct neuron_udma_ring *ring);
/*
 * Sleep until what was kicked is done. -ETIMEDOUT; -EREMOTEIO or -EBADMSG: the chip stopped
 * at a descriptor, -EBADMSG: its source has an uncorrectable error; -EIO: the device is
 * broken; -EINTR: @lender (or NULL) was killed, or the ring was taken from it. Gives a chunk
 * some seconds only once the engine is to be stopped, or *@unwanted (or NULL) is true.
 */
int neuron_udma_wait(struct neuron_device *ndev, struct neuron_udma_ring *ring, const void *lender,
		     const bool *unwanted);
/* After 0, by the owner: the ring is empty. */
void neuron_udma_retire(struct neuron_udma_ring *ring);
/* After -EREMOTEIO or -EBADMSG: how many descriptors the chip got through. Reads a register. */
u32 neuron_udma_passed(struct neuron_device *ndev, struct neuron_udma_ring *ring);
/* After any of these but -EIO and -EINTR: reset the pair, and prove that it works. */
int neuron_udma_recover(struct neuron_device *ndev, struct neuron_udma_ring *ring);
/* After -EIO: what is under way ends, if the device still listens. Needs a start then. */
void neuron_udma_halt(struct neuron_device *ndev, struct neuron_udma_ring *ring);

#endif
