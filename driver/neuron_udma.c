// SPDX-License-Identifier: GPL-2.0
/*
 * UDMA: bring-up of the 12 engines, and the four ring pairs in kernel memory that all copies
 * use (engine 3n + 2, queue 15 of core n, as the public contract has it). Registers are
 * only written; they are read only when something went wrong.
 *
 * Locking: none here. A ring belongs to who owns its channel (neuron_dma.c). Start and stop
 * run in probe, or with ndev->rwsem held for writing, when nobody owns one.
 */
#include <linux/dma-mapping.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "neuron.h"
#include "neuron_udma.h"

#define NEURON_RING_BYTES	(NEURON_UDMA_H2T_RING * sizeof(struct neuron_udma_desc))
/* Two pairs of words, what is copied and where to: of chunks, and of the proof after a reset. */
#define NEURON_MARKER_BYTES	(4 * sizeof(u32))
#define NEURON_MARKER_CHUNK	0
#define NEURON_MARKER_PROOF	2
#define NEURON_QUEUE_ON		(NEURON_UDMA_Q_CFG_RESET_VALUE | NEURON_UDMA_Q_CFG_PREFETCH | \
				 NEURON_UDMA_Q_CFG_SCHEDULE)
/* Bytes; the largest that the register holds. */
#define NEURON_MAX_PACKET	0xfffff
/* What one descriptor may take; emulated chips share the host's processors with the guest. */
#define NEURON_DESC_MS		16
#define NEURON_BATCH_MS		1000
#define NEURON_BATCH_EMULATED_MS 20000
/* How long somebody who takes the device, or the stream, away waits for a chunk. */
#define NEURON_HURRY_MS		5000
/* An interrupt that got lost costs this, not the whole time-out; so does an error. */
#define NEURON_LOOK_MS		100

static void neuron_udma_free_ring(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	struct device *dev = &ndev->pdev->dev;

	if (ring->m2s)
		dma_free_coherent(dev, NEURON_RING_BYTES, ring->m2s, ring->m2s_dma);
	if (ring->s2m)
		dma_free_coherent(dev, NEURON_RING_BYTES, ring->s2m, ring->s2m_dma);
	if (ring->marker)
		dma_free_coherent(dev, NEURON_MARKER_BYTES, ring->marker, ring->marker_dma);
	if (ring->pattern)
		dma_free_coherent(dev, NEURON_UDMA_DESC_MAX_LEN, ring->pattern, ring->pattern_dma);
}

static int neuron_udma_alloc_ring(struct neuron_device *ndev, unsigned int core)
{
	struct neuron_udma_ring *ring = &ndev->rings[core];
	struct device *dev = &ndev->pdev->dev;

	init_waitqueue_head(&ring->wq);
	ring->base = NEURON_APB_UDMA(core, NEURON_UDMA_H2T_ENGINE);
	ring->m2s = dma_alloc_coherent(dev, NEURON_RING_BYTES, &ring->m2s_dma, GFP_KERNEL);
	ring->s2m = dma_alloc_coherent(dev, NEURON_RING_BYTES, &ring->s2m_dma, GFP_KERNEL);
	ring->marker = dma_alloc_coherent(dev, NEURON_MARKER_BYTES, &ring->marker_dma, GFP_KERNEL);
	/* Zeroed, which is the pattern that it begins with. */
	ring->pattern = dma_alloc_coherent(dev, NEURON_UDMA_DESC_MAX_LEN, &ring->pattern_dma,
					   GFP_KERNEL);
	if (!ring->m2s || !ring->s2m || !ring->marker || !ring->pattern) {
		neuron_udma_free_ring(ndev, ring);
		return -ENOMEM;
	}
	ring->marker[NEURON_MARKER_CHUNK] = NEURON_UDMA_COMPLETION_MARKER;
	ring->marker[NEURON_MARKER_PROOF] = NEURON_UDMA_COMPLETION_MARKER;
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
	return 0;

err_rings:
	while (core--)
		neuron_udma_free_ring(ndev, &ndev->rings[core]);
	return ret;
}

void neuron_udma_fini(struct neuron_device *ndev)
{
	unsigned int core;

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

/* Both halves empty, both rings at their beginning. */
static void neuron_udma_start_ring(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	neuron_ringpos_reset(&ring->pos, NEURON_UDMA_H2T_RING);
	ring->queued = 0;
	neuron_udma_start_half(ndev, neuron_udma_m2s_queue(ring), NEURON_UDMA_M2S_Q_SW_CTRL,
			       NEURON_UDMA_M2S_Q_CPL_CFG, ring->m2s_dma);
	neuron_udma_start_half(ndev, neuron_udma_s2m_queue(ring), NEURON_UDMA_S2M_Q_SW_CTRL,
			       NEURON_UDMA_S2M_Q_CPL_CFG, ring->s2m_dma);
}

void neuron_udma_start(struct neuron_device *ndev)
{
	unsigned int core, engine;

	for (core = 0; core < NEURON_CORES; core++) {
		for (engine = 0; engine < NEURON_UDMA_PER_NC; engine++)
			neuron_udma_start_engine(ndev, core, engine);
		neuron_udma_start_ring(ndev, &ndev->rings[core]);
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

static void neuron_udma_push(struct neuron_udma_ring *ring, u64 dst, u64 src, u32 length, u32 m2s,
			     u32 s2m)
{
	u32 ctrl = (length & NEURON_UDMA_DESC_LEN_MASK) | NEURON_UDMA_DESC_FIRST |
		   NEURON_UDMA_DESC_LAST | ring->pos.ring_id << NEURON_UDMA_DESC_RING_ID_SHIFT;
	u32 index = neuron_ringpos_push(&ring->pos);

	ring->m2s[index] = (struct neuron_udma_desc) {
		.ctrl = ctrl | m2s,
		.meta = NEURON_UDMA_M2S_META_COPY,
		.addr = src,
	};
	ring->s2m[index] = (struct neuron_udma_desc) {
		.ctrl = ctrl | s2m,
		.addr = dst,
	};
	ring->queued++;
}

bool neuron_udma_room(const struct neuron_udma_ring *ring)
{
	/* The marker needs one, too. */
	return ring->queued < NEURON_UDMA_H2T_BATCH && neuron_ringpos_free(&ring->pos) > 1;
}

void neuron_udma_add(struct neuron_udma_ring *ring, u64 dst, u64 src, u32 length, bool barrier)
{
	neuron_udma_push(ring, dst, src, length, barrier ? NEURON_UDMA_DESC_DMB : 0, 0);
	ring->chunk_bytes += length;
}

u64 neuron_udma_pattern(struct neuron_udma_ring *ring, u32 value)
{
	if (ring->pattern_value != value) {
		if (ring->queued)
			return 0;
		memset32(ring->pattern, value, NEURON_UDMA_DESC_MAX_LEN / sizeof(u32));
		ring->pattern_value = value;
	}
	return NEURON_ADDR_HOST | ring->pattern_dma;
}

static void neuron_udma_kick_marker(struct neuron_device *ndev, struct neuron_udma_ring *ring,
				    unsigned int word)
{
	u32 irq = ndev->vector_count > NEURON_VECTOR_DMA ? NEURON_UDMA_DESC_INT_EN : 0;
	u64 marker = NEURON_ADDR_HOST | (ring->marker_dma + word * sizeof(u32));
	u32 count, limit;

	/* The marker must not overtake the data. */
	if (ring->queued)
		ring->m2s[neuron_ringpos_before(&ring->pos, 1)].ctrl |= NEURON_UDMA_DESC_DMB;
	ring->done = &ring->marker[word + 1];
	WRITE_ONCE(*ring->done, 0);
	neuron_udma_push(ring, marker + sizeof(u32), marker, sizeof(u32), 0, irq);
	count = ring->queued;
	ring->queued = 0;
	ring->hurried = false;
	limit = count * NEURON_DESC_MS;
	limit += ndev->emulated ? NEURON_BATCH_EMULATED_MS : NEURON_BATCH_MS;
	ring->deadline = jiffies + msecs_to_jiffies(neuron_recovery_ms(ndev, limit));

	/* writel() orders descriptors and marker in memory before the doorbell. S2M goes first. */
	neuron_apb_write(ndev, neuron_udma_s2m_queue(ring) + NEURON_UDMA_Q_TAIL_INC, count);
	neuron_apb_write(ndev, neuron_udma_m2s_queue(ring) + NEURON_UDMA_Q_TAIL_INC, count);
}

void neuron_udma_kick(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	ring->chunks++;
	ring->bytes += ring->chunk_bytes;
	ring->chunk_descs = ring->queued;
	neuron_udma_kick_marker(ndev, ring, NEURON_MARKER_CHUNK);
}

static bool neuron_udma_done(struct neuron_udma_ring *ring)
{
	return READ_ONCE(*ring->done) == NEURON_UDMA_COMPLETION_MARKER;
}

/* It takes long: has the chip stopped? Bits of the status are known of our chip only. */
static int neuron_udma_look(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	u32 m2s, s2m;

	if (!ndev->ext)
		return 0;
	m2s = neuron_apb_read(ndev, neuron_udma_m2s_queue(ring) + NEURON_UDMA_Q_STATUS);
	s2m = neuron_apb_read(ndev, neuron_udma_s2m_queue(ring) + NEURON_UDMA_Q_STATUS);
	if (m2s == ~0u && s2m == ~0u) {
		neuron_device_broken(ndev, "its registers do not answer");
		return -EIO;
	}
	if (!m2s && !s2m)
		return 0;
	dev_dbg(&ndev->dev, "DMA stopped: M2S %#x, S2M %#x\n", m2s, s2m);
	return (m2s | s2m) & NEURON_UDMA_Q_STATUS_ECC ? -EBADMSG : -EREMOTEIO;
}

/* Sleep for a while: until the interrupt if there are any. True after NEURON_LOOK_MS. */
static bool neuron_udma_nap(struct neuron_device *ndev, struct neuron_udma_ring *ring,
			    const void *lender, unsigned int *sleep_us, unsigned long *look)
{
	const unsigned long full = msecs_to_jiffies(NEURON_LOOK_MS);
	long left;

	if (ndev->vector_count <= NEURON_VECTOR_DMA) {
		usleep_range(*sleep_us, *sleep_us + *sleep_us / 2);
		*sleep_us = min(*sleep_us * 2, 1000u);
		if (time_before(jiffies, *look))
			return false;
		*look = jiffies + full;
		return true;
	}
	if (lender)
		left = wait_event_killable_timeout(ring->wq, neuron_udma_done(ring) ||
						   READ_ONCE(ndev->broken) ||
						   READ_ONCE(ring->lender) != lender, full);
	else
		left = wait_event_idle_timeout(ring->wq, neuron_udma_done(ring) ||
					       READ_ONCE(ndev->broken), full);
	/* Done, but nobody said so. */
	if (left == 1 && neuron_udma_done(ring))
		ring->missed++;
	return !left;
}

/* Somebody waits until nobody uses the ring, or what it does is not wanted any more. */
static void neuron_udma_hurry(struct neuron_device *ndev, struct neuron_udma_ring *ring,
			      const bool *unwanted)
{
	unsigned long soon = jiffies + msecs_to_jiffies(NEURON_HURRY_MS);

	if (ring->hurried || (!READ_ONCE(ndev->dma.error) && !(unwanted && READ_ONCE(*unwanted))))
		return;
	ring->hurried = true;
	if (time_before(soon, ring->deadline))
		ring->deadline = soon;
}

int neuron_udma_wait(struct neuron_device *ndev, struct neuron_udma_ring *ring, const void *lender,
		     const bool *unwanted)
{
	unsigned long look = jiffies + msecs_to_jiffies(NEURON_LOOK_MS);
	unsigned int sleep_us = 20;
	bool late;
	int ret;

	for (;;) {
		neuron_udma_hurry(ndev, ring, unwanted);
		late = time_after(jiffies, ring->deadline);
		if (neuron_udma_done(ring))
			break;
		if (READ_ONCE(ndev->broken) || pci_channel_offline(ndev->pdev))
			return -EIO;
		if (late)
			return -ETIMEDOUT;
		/* The ring is somebody else's, who goes on with it. */
		if (lender && READ_ONCE(ring->lender) != lender)
			return -EINTR;
		if (lender && fatal_signal_pending(current))
			return -EINTR;
		if (!neuron_udma_nap(ndev, ring, lender, &sleep_us, &look))
			continue;
		ret = neuron_udma_look(ndev, ring);
		if (ret)
			return ret;
	}
	/* The chip wrote the data before the marker: nobody may read it ahead of the marker. */
	dma_rmb();
	return 0;
}

void neuron_udma_retire(struct neuron_udma_ring *ring)
{
	neuron_ringpos_retire(&ring->pos, ring->pos.used);
}

u32 neuron_udma_passed(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	u32 head = neuron_apb_read(ndev, neuron_udma_m2s_queue(ring) + NEURON_UDMA_Q_HEAD);

	/* The ring id is beside the index. */
	return neuron_ringpos_passed(&ring->pos, head & NEURON_UDMA_Q_POINTER_MASK);
}

void neuron_udma_halt(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	u32 m2s = neuron_udma_m2s_queue(ring), s2m = neuron_udma_s2m_queue(ring);

	neuron_apb_write(ndev, m2s + NEURON_UDMA_Q_CFG, NEURON_UDMA_Q_CFG_RESET_VALUE);
	neuron_apb_write(ndev, s2m + NEURON_UDMA_Q_CFG, NEURON_UDMA_Q_CFG_RESET_VALUE);
	neuron_apb_write(ndev, m2s + NEURON_UDMA_M2S_Q_SW_CTRL, NEURON_UDMA_Q_SW_CTRL_RESET);
	neuron_apb_write(ndev, s2m + NEURON_UDMA_S2M_Q_SW_CTRL, NEURON_UDMA_Q_SW_CTRL_RESET);
	/* The writes are posted: a chip that still listens has got them when this is answered. */
	neuron_apb_read(ndev, m2s + NEURON_UDMA_Q_STATUS);
	neuron_ringpos_reset(&ring->pos, NEURON_UDMA_H2T_RING);
	ring->queued = 0;
}

int neuron_udma_recover(struct neuron_device *ndev, struct neuron_udma_ring *ring)
{
	int ret;

	ring->resets++;
	neuron_udma_start_ring(ndev, ring);
	/*
	 * The packets of a queue are carried out one after the other: once this marker is
	 * there, the chip cannot be at what came before the reset, and memory may be freed.
	 * It has a place of its own, which a marker from before the reset does not write.
	 */
	neuron_udma_kick_marker(ndev, ring, NEURON_MARKER_PROOF);
	ret = neuron_udma_wait(ndev, ring, NULL, NULL);
	if (!ret)
		neuron_udma_retire(ring);
	return ret;
}
