// SPDX-License-Identifier: Apache-2.0
/*
 * UDMA data path. Takes packets off the M2S ring, finds as many bytes of S2M
 * descriptors, copies, then advances both heads. Packets of a queue are carried out one
 * after the other, so that DMB asks for no more than a store barrier.
 *
 * S2M descriptors need not carry FIRST and LAST: a packet's destination is what its
 * length fills. Where they do, they have to agree with it.
 */
#include <errno.h>
#include <string.h>

#include "bus.h"
#include "chip.h"

#define SLICE_BYTES	(4u << 20)	/* of one queue, before the others get a turn */
#define SLICE_PACKETS	256

enum step {
	DONE,		/* a packet was processed */
	WAIT,		/* nothing (more) to do until the next doorbell */
	STOPPED,	/* error, or the ring was taken away */
};

struct packet {
	struct emu_chip *chip;
	struct emu_udma_engine *e;
	unsigned int engine;
	unsigned int q;
	struct emu_udma_view view[EMU_UDMA_HALVES];
	unsigned int count[EMU_UDMA_HALVES];	/* descriptors of the packet */
	uint64_t bytes;
};

static const char *const half_names[] = { "M2S", "S2M" };

static struct emu_udma_fifo *fifo_of(struct packet *p, enum emu_udma_half half)
{
	return &p->e->fifo[half][p->q];
}

static const struct neuron_udma_desc *desc_of(struct packet *p, enum emu_udma_half half,
					      unsigned int i)
{
	struct emu_udma_fifo *fifo = fifo_of(p, half);

	return &fifo->desc[fifo->start + i];
}

static uint32_t length_of(const struct neuron_udma_desc *desc)
{
	uint32_t len = desc->ctrl & NEURON_UDMA_DESC_LEN_MASK;

	return len ? len : NEURON_UDMA_DESC_MAX_LEN;
}

/* Index and ring id of descriptor @i after the head. */
static uint32_t index_of(const struct emu_udma_view *view, unsigned int i)
{
	return (view->ring.head + i) % view->length;
}

static uint32_t id_of(const struct emu_udma_view *view, unsigned int i)
{
	return (view->ring.ring_id + (view->ring.head + i) / view->length) & 3;
}

/* Stop the queue, unless the host has reset it meanwhile; tell the host. */
static enum step fail(struct packet *p, enum emu_udma_half half, unsigned int i, uint32_t status,
		      enum emu_guest_error error, const char *text, uint64_t value)
{
	struct emu_udma_ring *ring = &p->e->ring[half][p->q];
	bool current;

	pthread_mutex_lock(&p->e->lock);
	current = ring->generation == p->view[half].ring.generation;
	if (current)
		ring->status |= status;
	pthread_mutex_unlock(&p->e->lock);
	if (!current)
		return STOPPED;
	/* not the host's fault */
	if (error == EMU_GE_COUNT)
		emu_trace(p->chip, "udma", "engine %u queue %u: %s: 0x%llx", p->engine, p->q, text,
			  (unsigned long long)value);
	else
		emu_guest_error(p->chip, error,
				"engine %u queue %u: %s descriptor %u: %s: 0x%llx", p->engine, p->q,
				half_names[half], index_of(&p->view[half], i), text,
				(unsigned long long)value);
	emu_chip_irq(p->chip, NEURON_VECTOR_DMA);
	return STOPPED;
}

/* Read on, up to the end of the ring; false if the ring is not reachable. */
static bool fifo_read(struct packet *p, enum emu_udma_half half)
{
	struct emu_udma_fifo *fifo = fifo_of(p, half);
	const struct emu_udma_view *view = &p->view[half];
	uint32_t room, index;

	if (fifo->start) {
		memmove(fifo->desc, fifo->desc + fifo->start, fifo->count * sizeof(fifo->desc[0]));
		fifo->start = 0;
	}
	index = index_of(view, fifo->count);
	room = NEURON_UDMA_MAX_PACKET_DESCS - fifo->count;
	if (room > view->ring.pending - fifo->count)
		room = view->ring.pending - fifo->count;
	if (room > view->length - index)
		room = view->length - index;
	emu_guard(p->chip, view->base + index * sizeof(fifo->desc[0]), room * sizeof(fifo->desc[0]), false,
		  "engine %u queue %u, %s descriptors", p->engine, p->q, half_names[half]);
	if (emu_bus_read(p->chip, view->base + index * sizeof(fifo->desc[0]),
			 fifo->desc + fifo->count,
			 room * sizeof(fifo->desc[0])))
		return false;
	fifo->count += room;
	return true;
}

/* Descriptor @i after the head: read, and of the right lap. */
static enum step fetch(struct packet *p, enum emu_udma_half half, unsigned int i)
{
	const struct emu_udma_view *view = &p->view[half];
	struct emu_udma_fifo *fifo = fifo_of(p, half);
	uint32_t id;

	if (fifo->generation != view->ring.generation) {
		fifo->generation = view->ring.generation;
		fifo->start = 0;
		fifo->count = 0;
	}
	if (i >= view->ring.pending)
		return WAIT;
	if (i >= fifo->count && !fifo_read(p, half))
		return fail(p, half, i, NEURON_UDMA_Q_STATUS_RING, EMU_GE_UDMA_DMA_UNMAPPED,
			    "ring is not reachable at device address", view->base);
	id = (desc_of(p, half,
		      i)->ctrl & NEURON_UDMA_DESC_RING_ID_MASK) >> NEURON_UDMA_DESC_RING_ID_SHIFT;
	if (id != id_of(view, i))
		return fail(p, half, i, NEURON_UDMA_Q_STATUS_RING_ID, EMU_GE_UDMA_RING_ID,
			    id_of(view, i) == 0 ? "should have ring id 0, has" :
			    id_of(view, i) == 1 ? "should have ring id 1, has" :
			    id_of(view, i) == 2 ? "should have ring id 2, has" :
						  "should have ring id 3, has", id);
	return DONE;
}

static enum step gather_m2s(struct packet *p)
{
	const struct emu_udma_view *view = &p->view[EMU_M2S];
	enum step step;
	unsigned int i;
	uint32_t ctrl;

	p->bytes = 0;
	for (i = 0; i < view->max_descs; i++) {
		step = fetch(p, EMU_M2S, i);
		if (step != DONE)
			return step;
		ctrl = desc_of(p, EMU_M2S, i)->ctrl;
		if (!i != !!(ctrl & NEURON_UDMA_DESC_FIRST))
			return fail(p, EMU_M2S, i, NEURON_UDMA_Q_STATUS_PACKET, EMU_GE_UDMA_PACKET,
				    i ? "FIRST inside a packet" : "packet begins without FIRST",
				    ctrl);
		if ((desc_of(p, EMU_M2S, i)->meta & ~NEURON_UDMA_M2S_META_FREE) !=
		    (NEURON_UDMA_M2S_META_COPY & ~NEURON_UDMA_M2S_META_FREE))
			return fail(p, EMU_M2S, i, NEURON_UDMA_Q_STATUS_PACKET,
				    EMU_GE_UDMA_TRANSFER, "transfer control is not that of a copy",
				    desc_of(p, EMU_M2S, i)->meta);
		p->bytes += length_of(desc_of(p, EMU_M2S, i));
		if (view->max_bytes && p->bytes > view->max_bytes)
			return fail(p, EMU_M2S, i, NEURON_UDMA_Q_STATUS_PACKET, EMU_GE_UDMA_PACKET,
				    "packet is longer than cfg_len allows", view->max_bytes);
		if (ctrl & NEURON_UDMA_DESC_LAST) {
			p->count[EMU_M2S] = i + 1;
			return DONE;
		}
	}
	return fail(p, EMU_M2S, 0, NEURON_UDMA_Q_STATUS_PACKET, EMU_GE_UDMA_PACKET,
		    "packet has more descriptors than", view->max_descs);
}

static enum step gather_s2m(struct packet *p)
{
	uint64_t bytes = 0;
	enum step step;
	unsigned int i;
	bool marked = false;
	uint32_t ctrl;

	for (i = 0; i < NEURON_UDMA_MAX_PACKET_DESCS; i++) {
		step = fetch(p, EMU_S2M, i);
		if (step != DONE)
			return step;
		ctrl = desc_of(p, EMU_S2M, i)->ctrl;
		if (ctrl & NEURON_UDMA_DESC_FIRST) {
			if (i)
				return fail(p, EMU_S2M, i, NEURON_UDMA_Q_STATUS_PACKET,
					    EMU_GE_UDMA_PACKET,
					    "FIRST inside a packet", ctrl);
			marked = true;
		}
		bytes += length_of(desc_of(p, EMU_S2M, i));
		if (bytes > p->bytes || (bytes < p->bytes && ctrl & NEURON_UDMA_DESC_LAST))
			return fail(p, EMU_S2M, i, NEURON_UDMA_Q_STATUS_LENGTH, EMU_GE_UDMA_LENGTH,
				    bytes > p->bytes ? "destination is longer than the packet of" :
						       "destination is shorter than the packet of",
						       p->bytes);
		if (bytes < p->bytes)
			continue;
		if (marked && !(ctrl & NEURON_UDMA_DESC_LAST))
			return fail(p, EMU_S2M, i, NEURON_UDMA_Q_STATUS_PACKET, EMU_GE_UDMA_PACKET,
				    "packet begins with FIRST and ends without LAST", ctrl);
		p->count[EMU_S2M] = i + 1;
		return DONE;
	}
	return fail(p, EMU_S2M, 0, NEURON_UDMA_Q_STATUS_PACKET, EMU_GE_UDMA_PACKET,
		    "packet has more descriptors than", NEURON_UDMA_MAX_PACKET_DESCS);
}

/* Is the ring still ours? A host may reset the queue at any time. */
static bool taken_away(struct packet *p)
{
	bool gone;

	pthread_mutex_lock(&p->e->lock);
	gone = p->e->ring[EMU_M2S][p->q].generation != p->view[EMU_M2S].ring.generation ||
	       p->e->ring[EMU_S2M][p->q].generation != p->view[EMU_S2M].ring.generation;
	pthread_mutex_unlock(&p->e->lock);
	return gone;
}

static void watch_copy(struct packet *p, const unsigned int at[EMU_UDMA_HALVES], uint64_t dst,
		       uint64_t src, size_t len)
{
	const struct emu_watch_piece piece = {
		.engine = p->engine,
		.queue = p->q,
		.m2s = index_of(&p->view[EMU_M2S], at[EMU_M2S]),
		.s2m = index_of(&p->view[EMU_S2M], at[EMU_S2M]),
		.dst = dst,
		.src = src,
		.len = len,
	};

	emu_watch_copy(p->chip, &piece);
}

static enum step copy_packet(struct packet *p)
{
	uint32_t used[EMU_UDMA_HALVES] = { 0, 0 };
	unsigned int at[EMU_UDMA_HALVES] = { 0, 0 };

	while (at[EMU_M2S] < p->count[EMU_M2S]) {
		const struct neuron_udma_desc *src = desc_of(p, EMU_M2S, at[EMU_M2S]);
		const struct neuron_udma_desc *dst = desc_of(p, EMU_S2M, at[EMU_S2M]);
		uint32_t len = length_of(src) - used[EMU_M2S];
		enum emu_bus_side side;
		int err;

		if (len > length_of(dst) - used[EMU_S2M])
			len = length_of(dst) - used[EMU_S2M];
		watch_copy(p, at, dst->addr + used[EMU_S2M], src->addr + used[EMU_M2S], len);
		err = emu_bus_copy(p->chip, dst->addr + used[EMU_S2M], src->addr + used[EMU_M2S],
				   len,
				   p->chip->udma.bounce, &side);
		if (err == -EIO)
			return fail(p, EMU_M2S, at[EMU_M2S], NEURON_UDMA_Q_STATUS_ECC, EMU_GE_COUNT,
				    emu_bus_reason(err, side), src->addr);
		if (err && side == EMU_BUS_SOURCE)
			return fail(p, EMU_M2S, at[EMU_M2S], NEURON_UDMA_Q_STATUS_DMA,
				    EMU_GE_UDMA_DMA_UNMAPPED, emu_bus_reason(err, side), src->addr);
		if (err)
			return fail(p, EMU_S2M, at[EMU_S2M], NEURON_UDMA_Q_STATUS_DMA,
				    EMU_GE_UDMA_DMA_UNMAPPED, emu_bus_reason(err, side), dst->addr);
		if (src->ctrl & NEURON_UDMA_DESC_DMB)
			atomic_thread_fence(memory_order_seq_cst);
		used[EMU_M2S] += len;
		used[EMU_S2M] += len;
		if (used[EMU_M2S] == length_of(src)) {
			used[EMU_M2S] = 0;
			at[EMU_M2S]++;
		}
		if (used[EMU_S2M] == length_of(dst)) {
			used[EMU_S2M] = 0;
			at[EMU_S2M]++;
		}
		if (at[EMU_M2S] < p->count[EMU_M2S] &&
		    (emu_service_cancelled(p->chip) || taken_away(p)))
			return STOPPED;
	}
	return DONE;
}

/* Did the packet ask for an interrupt? Also lets go of its descriptors. */
static bool consume(struct packet *p)
{
	unsigned int half, i;
	bool irq = false;

	for (half = 0; half < EMU_UDMA_HALVES; half++) {
		struct emu_udma_fifo *fifo = fifo_of(p, half);

		for (i = 0; i < p->count[half]; i++)
			irq |= desc_of(p, half, i)->ctrl & NEURON_UDMA_DESC_INT_EN;
		fifo->start += p->count[half];
		fifo->count -= p->count[half];
	}
	return irq;
}

/* Advance both heads; nothing happens to a half that the host has taken away. */
static void commit(struct packet *p)
{
	unsigned int half;

	pthread_mutex_lock(&p->e->lock);
	for (half = 0; half < EMU_UDMA_HALVES; half++) {
		struct emu_udma_ring *ring = &p->e->ring[half][p->q];

		if (ring->generation != p->view[half].ring.generation)
			continue;
		ring->ring_id = id_of(&p->view[half], p->count[half]);
		ring->head = index_of(&p->view[half], p->count[half]);
		ring->pending -= p->count[half];
	}
	pthread_mutex_unlock(&p->e->lock);
}

static enum step run_packet(struct packet *p)
{
	enum step step;
	bool irq;

	pthread_mutex_lock(&p->e->lock);
	emu_udma_view_locked(p->e, EMU_M2S, p->q, &p->view[EMU_M2S]);
	emu_udma_view_locked(p->e, EMU_S2M, p->q, &p->view[EMU_S2M]);
	pthread_mutex_unlock(&p->e->lock);
	if (!p->view[EMU_M2S].running || !p->view[EMU_S2M].running ||
	    !p->view[EMU_M2S].ring.pending)
		return WAIT;
	if (emu_fault_set_any(p->chip, 1u << EMU_FAULT_UDMA_STALL) &&
	    emu_fault_stall(p->chip, p->engine, p->q))
		return WAIT;
	step = gather_m2s(p);
	if (step == DONE)
		step = gather_s2m(p);
	if (step == DONE)
		step = copy_packet(p);
	if (step != DONE)
		return step;
	emu_trace(p->chip, "udma", "engine %u queue %u: packet of %llu bytes, %u + %u descriptors",
		  p->engine,
		  p->q, (unsigned long long)p->bytes, p->count[EMU_M2S], p->count[EMU_S2M]);
	irq = consume(p);
	commit(p);
	if (irq)
		emu_chip_irq(p->chip, NEURON_VECTOR_DMA);
	return DONE;
}

static bool run_queue(struct emu_chip *chip, unsigned int engine, unsigned int q)
{
	struct packet p = { .chip = chip, .e = &chip->udma.engine[engine], .engine = engine,
			   .q = q };
	unsigned int packets = 0;
	uint64_t bytes = 0;

	/* Before looking: a doorbell from now on makes the queue due again. */
	atomic_fetch_and(&p.e->due, ~(1u << q));
	while (run_packet(&p) == DONE) {
		packets++;
		bytes += p.bytes;
		if (packets < SLICE_PACKETS && bytes < SLICE_BYTES && !emu_service_cancelled(chip))
			continue;
		atomic_fetch_or(&p.e->due, 1u << q);
		break;
	}
	return packets;
}

bool emu_udma_run(struct emu_chip *chip)
{
	unsigned int engine, q, due;
	bool any = false;

	for (engine = 0; engine < NEURON_UDMA_ENGINES; engine++) {
		due = atomic_load(&chip->udma.engine[engine].due);
		for (q = 0; due && q < NEURON_UDMA_QUEUES; q++)
			if (due & 1u << q)
				any |= run_queue(chip, engine, q);
	}
	return any;
}
