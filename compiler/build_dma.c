// SPDX-License-Identifier: Apache-2.0
/*
 * Building of dma_copy instructions.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "build_insn.h"

#define MAX_ELEMENT	64
#define PARTITION	((int64_t)NEURON_LOCAL_PARTITION)

struct copy {
	struct ncc_build *b;
	struct ncc_side src, dst;
	unsigned int size;
	struct ncc_dma_loop loop[NCC_MAX_LOOPS];
	int n;
	bool load;
};

static void side_advance(struct ncc_side *s, int64_t step)
{
	int64_t part = 0;

	if (s->buf >= 0) {
		/* To the nearest partition: a step may go forward in one and backward in the other. */
		part = (step + PARTITION / 2) >> 24;
		step -= part * PARTITION;
	}
	s->part = (uint8_t)(s->part + part);
	s->off += (uint64_t)step;
}

static void simplify(struct copy *c)
{
	int n = 0;

	for (int i = 0; i < c->n; i++) {
		struct ncc_dma_loop *l = &c->loop[i], *last = n ? &c->loop[n - 1] : NULL;

		if (l->count == 1)
			continue;
		if (last && last->src == l->src * l->count && last->dst == l->dst * l->count &&
		    last->count * l->count <= UINT16_MAX) {
			*last = (struct ncc_dma_loop){ last->count * l->count, l->src, l->dst };
			continue;
		}
		c->loop[n++] = *l;
	}
	c->n = n;
}

/* Contiguous bytes on both sides become larger elements. */
static void widen(struct copy *c)
{
	struct ncc_dma_loop *l = c->n ? &c->loop[c->n - 1] : NULL;

	while (l && l->src == c->size && l->dst == c->size && l->count % 2 == 0 &&
	       c->size < MAX_ELEMENT) {
		l->count /= 2;
		c->size *= 2;
		l->src = l->dst = c->size;
	}
	if (l && l->count == 1)
		c->n--;
}

static int side_ref(struct copy *c, struct ncc_insn *i, bool dst)
{
	const struct ncc_side *s = dst ? &c->dst : &c->src;
	size_t field = dst ? offsetof(struct neuron_insn, dma_copy.dst) :
			     offsetof(struct neuron_insn, dma_copy.src);
	struct ncc_ref r = {
		.buf = s->buf, .part = s->part, .off = (uint32_t)s->off, .low = (int64_t)s->off,
		.high = (int64_t)s->off + c->size, .parts = s->part + 1u, .write = dst,
	};

	for (int l = 0; l < c->n; l++) {
		int64_t step = dst ? c->loop[l].dst : c->loop[l].src;
		int64_t part = (step + PARTITION / 2) >> 24;
		int64_t span = (step - part * PARTITION) * (c->loop[l].count - 1);

		*(span < 0 ? &r.low : &r.high) += span;
		r.parts += (unsigned int)(part * (c->loop[l].count - 1));
	}
	return ncc_insn_ref(c->b, i, field, &r);
}

static int make(struct copy *c)
{
	struct ncc_insn *i = ncc_insn_new(c->b, NEURON_OP_DMA_COPY, NEURON_DMA);
	int err = 0;

	i->load = c->load;
	i->insn.flags = (uint8_t)__builtin_ctz(c->size);
	i->insn.src_seg = c->src.buf < 0 ? c->src.segment : NEURON_ISA_NO_SEG;
	i->insn.dst_seg = c->dst.buf < 0 ? c->dst.segment : NEURON_ISA_NO_SEG;
	for (int l = 0; l < 4; l++) {
		int from = l - (4 - c->n);

		i->insn.dma_copy.count[l] = from < 0 ? 1 : (uint16_t)c->loop[from].count;
		i->insn.dma_copy.src_step[l] = from < 0 ? 0 : (int32_t)c->loop[from].src;
		i->insn.dma_copy.dst_step[l] = from < 0 ? 0 : (int32_t)c->loop[from].dst;
	}
	if (c->src.buf < 0)
		i->insn.dma_copy.src = (uint32_t)c->src.off;
	else
		err = side_ref(c, i, false);
	if (!err && c->dst.buf < 0)
		i->insn.dma_copy.dst = (uint32_t)c->dst.off;
	else if (!err)
		err = side_ref(c, i, true);
	return err;
}

static bool fits(const struct ncc_dma_loop *l)
{
	return l->src >= INT32_MIN && l->src <= INT32_MAX && l->dst >= INT32_MIN &&
	       l->dst <= INT32_MAX;
}

static int build(struct copy *c);

static int unroll(const struct copy *c, int which)
{
	const struct ncc_dma_loop *l = &c->loop[which];
	int err = 0;

	for (int64_t t = 0; t < l->count && !err; t++) {
		struct copy turn = *c;

		memmove(&turn.loop[which], &turn.loop[which + 1],
			(size_t)(c->n - which - 1) * sizeof(turn.loop[0]));
		turn.n--;
		side_advance(&turn.src, l->src * t);
		side_advance(&turn.dst, l->dst * t);
		err = build(&turn);
	}
	return err;
}

static int halve(const struct copy *c, int which)
{
	struct copy first = *c, second = *c;
	int64_t cut = c->loop[which].count / 2;
	int err;

	first.loop[which].count = cut;
	second.loop[which].count -= cut;
	side_advance(&second.src, c->loop[which].src * cut);
	side_advance(&second.dst, c->loop[which].dst * cut);
	err = build(&first);
	return err ? err : build(&second);
}

static int build(struct copy *c)
{
	uint64_t total = 1;

	simplify(c);
	widen(c);
	for (int i = 0; i < c->n; i++)
		if (!fits(&c->loop[i]))
			return unroll(c, i);
	if (c->n > 4)
		return unroll(c, 0);
	for (int i = 0; i < c->n; i++) {
		if (c->loop[i].count > UINT16_MAX)
			return halve(c, i);
		total *= (uint64_t)c->loop[i].count;
	}
	if (total > NEURON_DMA_MAX_ELEMENTS)
		return halve(c, 0);
	if ((c->src.buf < 0 && c->src.off > UINT32_MAX) || (c->dst.buf < 0 && c->dst.off > UINT32_MAX))
		return ncc_node_error(c->b->p->ctx, c->b->node, "its data lie beyond the first 4 GiB of a "
				      "segment; the model is too large for one subgraph");
	return make(c);
}

int ncc_dma(struct ncc_build *b, struct ncc_side src, struct ncc_side dst, unsigned int size,
	    const struct ncc_dma_loop *loops, int n, bool load)
{
	struct copy c = { .b = b, .src = src, .dst = dst, .size = size, .n = n, .load = load };

	memcpy(c.loop, loops, (size_t)n * sizeof(*loops));
	return build(&c);
}
