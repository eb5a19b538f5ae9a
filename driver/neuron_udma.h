/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_UDMA_RING_H
#define _NEURON_UDMA_RING_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <neuron/udma.h>

struct neuron_device;

/**
 * struct neuron_udma_ring - the ring that copies of one core use
 * @lock: one batch at a time
 * @base: offset of the engine in BAR0
 * @tail: index of the next free descriptor
 * @ring_id: of the descriptor at @tail
 * @queued: descriptors added since the last flush
 * @marker: two words in host memory: what is copied, and where to
 */
struct neuron_udma_ring {
	struct mutex lock;	/* one batch at a time */
	wait_queue_head_t wq;
	u32 base;
	struct neuron_udma_desc *m2s;
	struct neuron_udma_desc *s2m;
	dma_addr_t m2s_dma;
	dma_addr_t s2m_dma;
	u32 tail;
	u32 ring_id;
	u32 queued;
	u32 *marker;
	dma_addr_t marker_dma;
	u64 batches;
};

/* Host memory of the rings. */
int neuron_udma_init(struct neuron_device *ndev);
void neuron_udma_fini(struct neuron_device *ndev);
/* Bring up engines and rings after a reset; take the rings down. */
void neuron_udma_start(struct neuron_device *ndev);
void neuron_udma_stop(struct neuron_device *ndev);
/* Somebody who waits has to look again. From any context. */
void neuron_udma_wake(struct neuron_device *ndev);

/* A ring for one batch after another; its lock is held until neuron_udma_put(). */
struct neuron_udma_ring *neuron_udma_get(struct neuron_device *ndev);
void neuron_udma_put(struct neuron_udma_ring *ring);
/*
 * Add one descriptor pair, 1 .. NEURON_UDMA_DESC_MAX_LEN bytes. @barrier: what follows must
 * not overtake it. -ENOSPC: flush first.
 */
int neuron_udma_add(struct neuron_udma_ring *ring, u64 dst, u64 src, u32 length, bool barrier);
/* Start what was added, sleep until it is done. -ETIMEDOUT breaks the device. */
int neuron_udma_flush(struct neuron_device *ndev, struct neuron_udma_ring *ring);

#endif
