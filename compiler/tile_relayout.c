// SPDX-License-Identifier: Apache-2.0
/*
 * From one layout in SBUF to another by transposing tiles: the axis on the partitions changes
 * places with one that lies in them. Without this, the value would pass through DRAM, element by element.
 */
#include <errno.h>

#include "tile.h"

#define FEWEST	8	/* partitions of either side: less is not worth an instruction a tile */

/*
 * The axes outside the tile: two partition axes, @rows of the source and @columns of the
 * destination, and up to three others.
 */
struct swap {
	struct ncc_layout from, to;
	int64_t src_column, dst_row;	/* steps along the other side's partition axis */
	struct ncc_loop loop[3];
};

/* The new partition axis lies inside i: axes (o, rows, x, columns, i). */
static bool from_inner(struct swap *s)
{
	const struct ncc_layout *f = &s->from, *t = &s->to;
	int64_t x = t->o / (f->o * f->a);

	if (t->o % (f->o * f->a) || f->i != x * t->a * t->i)
		return false;
	s->src_column = t->i;
	s->dst_row = x * t->i;
	s->loop[0] = (struct ncc_loop){ f->o, { f->i, f->a * x * t->i } };
	s->loop[1] = (struct ncc_loop){ x, { t->a * t->i, t->i } };
	s->loop[2] = (struct ncc_loop){ t->i, { 1, 1 } };
	return true;
}

/* It lies inside o: axes (o, columns, x, rows, i). */
static bool from_outer(struct swap *s)
{
	const struct ncc_layout *f = &s->from, *t = &s->to;
	int64_t x = f->o / (t->o * t->a);

	if (f->o % (t->o * t->a) || t->i != x * f->a * f->i)
		return false;
	s->src_column = x * f->i;
	s->dst_row = f->i;
	s->loop[0] = (struct ncc_loop){ t->o, { t->a * x * f->i, t->i } };
	s->loop[1] = (struct ncc_loop){ x, { f->i, f->a * f->i } };
	s->loop[2] = (struct ncc_loop){ f->i, { 1, 1 } };
	return true;
}

static bool can_swap(struct swap *s)
{
	if (s->from.rep || s->to.rep || s->from.a < FEWEST || s->to.a < FEWEST)
		return false;
	if (!from_inner(s) && !from_outer(s))
		return false;
	return s->src_column <= INT16_MAX && s->dst_row <= INT16_MAX;
}

/* Chunk @rows of the source with chunk @columns of the destination. */
static int swap_tiles(struct ncc_lower *L, const struct swap *s, int64_t rows, int64_t columns,
		      const struct ncc_copy *c, int buf)
{
	int64_t size = ncc_dtype_size(c->dtype);
	int64_t src = rows * s->from.o * s->from.i + columns * NEURON_PARTITIONS * s->src_column;
	int64_t dst = columns * s->to.o * s->to.i + rows * NEURON_PARTITIONS * s->dst_row;
	struct ncc_at from = { .buf = c->buf, .dtype = c->dtype, .off = (uint32_t)(src * size) };
	struct ncc_at to = { .buf = buf, .dtype = c->dtype, .off = (uint32_t)(dst * size) };

	return ncc_transpose(&L->b, from, s->src_column, (unsigned int)ncc_chunk_size(&s->from, rows), to,
			     s->dst_row, (unsigned int)ncc_chunk_size(&s->to, columns), s->loop, 3);
}

int ncc_relayout(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		 struct ncc_copy **made)
{
	struct swap s = { .to = *l };
	struct ncc_copy *c = v->copies;
	int buf, err = 0;

	*made = NULL;
	for (; c; c = c->next) {
		s.from = c->layout;
		if (can_swap(&s))
			break;
	}
	if (!c)
		return 0;
	buf = ncc_buf_new(L->b.p, L->b.node, false, (uint32_t)ncc_layout_bytes(l, c->dtype));
	for (int64_t i = 0; i < ncc_chunks(&s.from); i++)
		for (int64_t k = 0; k < ncc_chunks(l) && !err; k++)
			err = swap_tiles(L, &s, i, k, c, buf);
	ncc_add_copy(L, v, l, c->dtype, buf);
	*made = v->copies;
	return err;
}
