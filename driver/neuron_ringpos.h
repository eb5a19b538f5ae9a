/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a ring of descriptors stands: arithmetic only, no memory and no device.
 *
 * Locking: the caller's.
 */
#ifndef _NEURON_RINGPOS_H
#define _NEURON_RINGPOS_H

#include <linux/types.h>
#include <neuron/udma.h>

/* Ring ids count modulo 4. */
#define NEURON_RINGPOS_ID_MASK \
	(NEURON_UDMA_DESC_RING_ID_MASK >> NEURON_UDMA_DESC_RING_ID_SHIFT)

/**
 * struct neuron_ringpos - position in a ring
 * @size: descriptors of the ring
 * @tail: index of the next free one
 * @used: descriptors before @tail that the chip may still read
 * @ring_id: of the descriptor at @tail
 */
struct neuron_ringpos {
	u32 size;
	u32 tail;
	u32 used;
	u32 ring_id;
};

/* As after a reset of the queue. */
static inline void neuron_ringpos_reset(struct neuron_ringpos *pos, u32 size)
{
	pos->size = size;
	pos->tail = 0;
	pos->used = 0;
	pos->ring_id = NEURON_UDMA_FIRST_RING_ID;
}

static inline u32 neuron_ringpos_free(const struct neuron_ringpos *pos)
{
	return pos->size - pos->used;
}

/* Take the descriptor at the tail: its index. There must be a free one. */
static inline u32 neuron_ringpos_push(struct neuron_ringpos *pos)
{
	u32 index = pos->tail;

	pos->used++;
	if (++pos->tail == pos->size) {
		pos->tail = 0;
		pos->ring_id = (pos->ring_id + 1) & NEURON_RINGPOS_ID_MASK;
	}
	return index;
}

/* Index of the descriptor @back before the tail, 1 .. size. */
static inline u32 neuron_ringpos_before(const struct neuron_ringpos *pos, u32 back)
{
	return pos->tail >= back ? pos->tail - back : pos->tail + pos->size - back;
}

/* The chip has let go of the oldest @count. */
static inline void neuron_ringpos_retire(struct neuron_ringpos *pos, u32 count)
{
	pos->used -= count;
}

/* How many of the used descriptors lie before @head, or @used if it is none of them. */
static inline u32 neuron_ringpos_passed(const struct neuron_ringpos *pos, u32 head)
{
	u32 oldest = neuron_ringpos_before(pos, pos->used);
	u32 passed;

	if (head >= pos->size)
		return pos->used;
	passed = head >= oldest ? head - oldest : head + pos->size - oldest;
	return passed < pos->used ? passed : pos->used;
}

#endif
