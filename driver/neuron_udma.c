// SPDX-License-Identifier: GPL-2.0
/*
 * UDMA: bring-up of the 12 engines, and the four rings in kernel memory that all copies use
 * (engine 3n + 2, queue 15 of core n, as the public contract has it). Registers are only
 * written, never read.
 *
 * Locking: ring->lock from neuron_udma_get() to neuron_udma_put(). Start and stop run in
 * probe, or with ndev->rwsem held for writing.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/jiffies.h>

#include "neuron.h"
#include "neuron_udma.h"

#define NEURON_RING_BYTES	(NEURON_UDMA_H2T_RING * sizeof(struct neuron_udma_desc))
#define NEURON_MARKER_BYTES	(2 * sizeof(u32))
#define NEURON_QUEUE_ON		(NEURON_UDMA_Q_CFG_RESET_VALUE | NEURON_UDMA_Q_CFG_PREFETCH | \
				 NEURON_UDMA_Q_CFG_SCHEDULE)
/* Bytes; the largest that the register holds. */
#define NEURON_MAX_PACKET	0xfffff
/* What one descriptor may take; emulated chips share the host's processors with the guest. */
#define NEURON_DESC_MS		16
#define NEURON_BATCH_MS		1000
#define NEURON_BATCH_EMULATED_MS 20000
/* An interrupt that got lost costs this, not the whole time-out. */
#define NEURON_MISSED_IRQ_MS	100

static void neuron_udma_free_ring(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	struct device *dev = &ndev->pdev->dev;

	if (ring->m2s)
		dma_free_coherent(dev, NEURON_RING_BYTES, ring->m2s, ring->m2s_dma);
	if (ring->s2m)
		dma_free_coherent(dev, NEURON_RING_BYTES, ring->s2m, ring->s2m_dma);
	if (ring->marker)
		dma_free_coherent(dev, NEURON_MARKER_BYTES, ring->marker, ring->marker_dma);
	mutex_destroy(&ring->lock);
}

static int neuron_udma_alloc_ring(struct neuron_device *ndev, unsigned int core)
{
	struct neuron_udma_ring *ring = &ndev->rings[core];
	struct device *dev = &ndev->pdev->dev;

	mutex_init(&ring->lock);
	init_waitqueue_head(&ring->wq);
	ring->base = NEURON_APB_UDMA(core, NEURON_UDMA_H2T_ENGINE);
	ring->m2s = dma_alloc_coherent(dev, NEURON_RING_BYTES, &ring->m2s_dma, GFP_KERNEL);
	ring->s2m = dma_alloc_coherent(dev, NEURON_RING_BYTES, &ring->s2m_dma, GFP_KERNEL);
	ring->marker = dma_alloc_coherent(dev, NEURON_MARKER_BYTES, &ring->marker_dma, GFP_KERNEL);
	if (!ring->m2s || !ring->s2m || !ring->marker) {
		neuron_udma_free_ring(ndev, ring);
		return -ENOMEM;
	}
	ring->marker[0] = NEURON_UDMA_COMPLETION_MARKER;
	return 0;
}

int neuron_udma_init(struct neuron_device *ndev)
{
	unsigned int core;
	int ret;

	for (core = 0; core < NEURON_CORES; core++) {
		ret = neuron_udma_alloc_ring(ndev, core);
		if (ret)
			goto err_rings;
	}
	ndev->zeros = dma_alloc_coherent(&ndev->pdev->dev, NEURON_UDMA_DESC_MAX_LEN,
					 &ndev->zeros_dma, GFP_KERNEL);
	if (!ndev->zeros) {
		ret = -ENOMEM;
		goto err_rings;
	}
	return 0;

err_rings:
	while (core--)
		neuron_udma_free_ring(ndev, &ndev->rings[core]);
	return ret;
}

void neuron_udma_fini(struct neuron_device *ndev)
{
	unsigned int core;

	dma_free_coherent(&ndev->pdev->dev, NEURON_UDMA_DESC_MAX_LEN, ndev->zeros,
			  ndev->zeros_dma);
	for (core = 0; core < NEURON_CORES; core++)
		neuron_udma_free_ring(ndev, &ndev->rings[core]);
}

static void neuron_udma_start_engine(struct neuron_device *ndev, unsigned int core,
				     unsigned int engine)
{
	u32 base = NEURON_APB_UDMA(core, engine);
	u32 tdma = NEURON_APB_TDMA(core, engine);
	u32 m2s = base + NEURON_UDMA_M2S, s2m = base + NEURON_UDMA_S2M;
	unsigned int queue;

	neuron_apb_write(ndev, m2s + NEURON_UDMA_M2S_CFG_LEN,
			 NEURON_UDMA_M2S_CFG_LEN_64K | NEURON_MAX_PACKET);
	neuron_apb_write(ndev, m2s + NEURON_UDMA_M2S_MAX_DESC_0, NEURON_UDMA_MAX_PACKET_DESCS);
	neuron_apb_write(ndev, m2s + NEURON_UDMA_M2S_MAX_DESC_1, NEURON_UDMA_MAX_PACKET_DESCS);
	for (queue = 0; queue < NEURON_UDMA_QUEUES; queue++) {
		u32 offset = NEURON_UDMA_QUEUE(queue) + NEURON_UDMA_Q_CFG;

		neuron_apb_write(ndev, m2s + offset, NEURON_QUEUE_ON);
		neuron_apb_write(ndev, s2m + offset, NEURON_QUEUE_ON);
	}
	neuron_apb_write(ndev, m2s + NEURON_UDMA_CHANGE_STATE, NEURON_UDMA_STATE_NORMAL);
	neuron_apb_write(ndev, s2m + NEURON_UDMA_CHANGE_STATE, NEURON_UDMA_STATE_NORMAL);

	neuron_apb_write(ndev, tdma + NEURON_TDMA_REORDER, 1);
	neuron_apb_write(ndev, tdma + NEURON_TDMA_WRITE_ORDER, ~1u);
	neuron_apb_write(ndev, tdma + NEURON_TDMA_EVENT_ACCEL, 1);
}

static void neuron_udma_start_half(struct neuron_device *ndev, u32 queue, u32 control,
				   u32 completion_cfg, dma_addr_t ring)
{
	u64 addr = NEURON_ADDR_HOST | ring;

	neuron_apb_write(ndev, queue + NEURON_UDMA_Q_CFG, NEURON_UDMA_Q_CFG_RESET_VALUE);
	neuron_apb_write(ndev, queue + control, NEURON_UDMA_Q_SW_CTRL_RESET);
	neuron_apb_write(ndev, queue + NEURON_UDMA_Q_BASE_LO, lower_32_bits(addr));
	neuron_apb_write(ndev, queue + NEURON_UDMA_Q_BASE_HI, upper_32_bits(addr));
	neuron_apb_write(ndev, queue + NEURON_UDMA_Q_LENGTH, NEURON_UDMA_H2T_RING);
	neuron_apb_write(ndev, queue + completion_cfg, 0);
	neuron_apb_write(ndev, queue + NEURON_UDMA_Q_CFG, NEURON_QUEUE_ON);
}

static u32 neuron_udma_m2s_queue(struct neuron_udma_ring *ring)
{
	return ring->base + NEURON_UDMA_M2S + NEURON_UDMA_QUEUE(NEURON_UDMA_H2T_QUEUE);
}

static u32 neuron_udma_s2m_queue(struct neuron_udma_ring *ring)
{
	return ring->base + NEURON_UDMA_S2M + NEURON_UDMA_QUEUE(NEURON_UDMA_H2T_QUEUE);
}

void neuron_udma_start(struct neuron_device *ndev)
{
	unsigned int core, engine;

	for (core = 0; core < NEURON_CORES; core++) {
		struct neuron_udma_ring *ring = &ndev->rings[core];

		for (engine = 0; engine < NEURON_UDMA_PER_NC; engine++)
			neuron_udma_start_engine(ndev, core, engine);
		ring->tail = 0;
		ring->ring_id = NEURON_UDMA_FIRST_RING_ID;
		ring->queued = 0;
		neuron_udma_start_half(ndev, neuron_udma_m2s_queue(ring), NEURON_UDMA_M2S_Q_SW_CTRL,
				       NEURON_UDMA_M2S_Q_CPL_CFG, ring->m2s_dma);
		neuron_udma_start_half(ndev, neuron_udma_s2m_queue(ring), NEURON_UDMA_S2M_Q_SW_CTRL,
				       NEURON_UDMA_S2M_Q_CPL_CFG, ring->s2m_dma);
	}
}

void neuron_udma_stop(struct neuron_device *ndev)
{
	unsigned int core;

	for (core = 0; core < NEURON_CORES; core++) {
		struct neuron_udma_ring *ring = &ndev->rings[core];

		neuron_apb_write(ndev, neuron_udma_m2s_queue(ring) + NEURON_UDMA_Q_CFG,
				 NEURON_UDMA_Q_CFG_RESET_VALUE);
		neuron_apb_write(ndev, neuron_udma_s2m_queue(ring) + NEURON_UDMA_Q_CFG,
				 NEURON_UDMA_Q_CFG_RESET_VALUE);
	}
}

void neuron_udma_wake(struct neuron_device *ndev)
{
	unsigned int core;

	for (core = 0; core < NEURON_CORES; core++)
		wake_up_all(&ndev->rings[core].wq);
}

struct neuron_udma_ring *neuron_udma_get(struct neuron_device *ndev)
{
	unsigned int first = (unsigned int)atomic_inc_return(&ndev->next_ring);
	struct neuron_udma_ring *ring;
	unsigned int i;

	for (i = 0; i < NEURON_CORES; i++) {
		ring = &ndev->rings[(first + i) % NEURON_CORES];
		if (mutex_trylock(&ring->lock))
			return ring;
	}
	ring = &ndev->rings[first % NEURON_CORES];
	mutex_lock(&ring->lock);
	return ring;
}

void neuron_udma_put(struct neuron_udma_ring *ring)
{
	mutex_unlock(&ring->lock);
}

static void neuron_udma_push(struct neuron_udma_ring *ring, u64 dst, u64 src, u32 length, u32 m2s,
			     u32 s2m)
{
	u32 ctrl = (length & NEURON_UDMA_DESC_LEN_MASK) | NEURON_UDMA_DESC_FIRST |
		   NEURON_UDMA_DESC_LAST | ring->ring_id << NEURON_UDMA_DESC_RING_ID_SHIFT;

	ring->m2s[ring->tail] = (struct neuron_udma_desc) {
		.ctrl = ctrl | m2s,
		.meta = NEURON_UDMA_M2S_META_COPY,
		.addr = src,
	};
	ring->s2m[ring->tail] = (struct neuron_udma_desc) {
		.ctrl = ctrl | s2m,
		.addr = dst,
	};
	ring->queued++;
	if (++ring->tail == NEURON_UDMA_H2T_RING) {
		ring->tail = 0;
		ring->ring_id = (ring->ring_id + 1) & 3;
	}
}

int neuron_udma_add(struct neuron_udma_ring *ring, u64 dst, u64 src, u32 length, bool barrier)
{
	if (ring->queued == NEURON_UDMA_H2T_BATCH)
		return -ENOSPC;
	neuron_udma_push(ring, dst, src, length, barrier ? NEURON_UDMA_DESC_DMB : 0, 0);
	return 0;
}

static bool neuron_udma_done(struct neuron_udma_ring *ring)
{
	return READ_ONCE(ring->marker[1]) == NEURON_UDMA_COMPLETION_MARKER;
}

static int neuron_udma_wait(struct neuron_device *ndev, struct neuron_udma_ring *ring, u32 count)
{
	unsigned long end = jiffies + msecs_to_jiffies(count * NEURON_DESC_MS +
			(ndev->emulated ? NEURON_BATCH_EMULATED_MS : NEURON_BATCH_MS));
	unsigned int sleep_us = 20;
	bool late;

	for (;;) {
		late = time_after(jiffies, end);
		if (neuron_udma_done(ring))
			break;
		if (late || READ_ONCE(ndev->broken) || pci_channel_offline(ndev->pdev))
			return -ETIMEDOUT;
		if (ndev->vector_count > NEURON_VECTOR_DMA) {
			wait_event_timeout(ring->wq,
					   neuron_udma_done(ring) || READ_ONCE(ndev->broken),
					   msecs_to_jiffies(NEURON_MISSED_IRQ_MS));
		} else {
			usleep_range(sleep_us, sleep_us + sleep_us / 2);
			sleep_us = min(sleep_us * 2, 1000u);
		}
	}
	/* The chip wrote the data before the marker: nobody may read it ahead of the marker. */
	dma_rmb();
	return 0;
}

int neuron_udma_flush(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	u32 irq = ndev->vector_count > NEURON_VECTOR_DMA ? NEURON_UDMA_DESC_INT_EN : 0;
	u64 marker = NEURON_ADDR_HOST | ring->marker_dma;
	u32 last = (ring->tail ? ring->tail : NEURON_UDMA_H2T_RING) - 1;
	u32 count;
	int ret;

	if (!ring->queued)
		return 0;
	/* The marker must not overtake the data. */
	ring->m2s[last].ctrl |= NEURON_UDMA_DESC_DMB;
	WRITE_ONCE(ring->marker[1], 0);
	neuron_udma_push(ring, marker + sizeof(u32), marker, sizeof(u32), 0, irq);
	count = ring->queued;
	ring->queued = 0;
	ring->batches++;

	/* writel() orders descriptors and marker in memory before the doorbell. S2M goes first. */
	neuron_apb_write(ndev, neuron_udma_s2m_queue(ring) + NEURON_UDMA_Q_TAIL_INC, count);
	neuron_apb_write(ndev, neuron_udma_m2s_queue(ring) + NEURON_UDMA_Q_TAIL_INC, count);
	ret = neuron_udma_wait(ndev, ring, count);
	if (ret)
		neuron_device_broken(ndev, "a DMA copy did not complete");
	return ret;
}
