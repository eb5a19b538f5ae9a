// SPDX-License-Identifier: Apache-2.0
/*
 * Values that do not fit into SBUF wait in DRAM as images of it: for each chunk [o][i][partition], so that
 * rows of all partitions come and go in one piece; elements of 4 bytes are two rows. Who wants another layout gets the dense home, which is
 * then made of the image.
 */
#include <errno.h>

#include "tile.h"

#define FEWEST	16	/* partitions: below, rows are too short to gain anything */

static int64_t width(const struct ncc_layout *l, int64_t chunk)
{
	int64_t n = ncc_chunk_size(l, chunk);

	return n + (n & 1);
}

/* Rows of an element. */
static int64_t halves(const struct ncc_value *v)
{
	return ncc_dtype_size(v->dtype) / 2;
}

bool ncc_can_image(const struct ncc_value *v, const struct ncc_layout *l)
{
	return v->kind == NCC_VALUE_TEMP && ncc_dtype_size(v->dtype) >= 2 && !l->rep && l->a >= FEWEST;
}

void ncc_place_image(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l)
{
	int64_t last = ncc_chunks(l) - 1, rows = l->o * l->i * halves(v);

	v->image = *l;
	v->image_at = ncc_scratch_add(L->b.p, (uint64_t)(rows * (last * NEURON_PARTITIONS +
								width(l, last)) * 2));
}

int ncc_image_dma(struct ncc_lower *L, const struct ncc_value *v, const struct ncc_region *r,
		  const struct ncc_tile *t, bool store)
{
	const struct ncc_layout *l = &v->image;
	int64_t chunk = r->a0 / NEURON_PARTITIONS, row = width(l, chunk) * 2, n = halves(v);
	int64_t at = (chunk * l->o * l->i * NEURON_PARTITIONS * 2 + (r->o0 * l->i + r->i0) * row) * n +
		     r->a0 % NEURON_PARTITIONS * 2;
	struct ncc_side dram = ncc_dram(L->b.p->scratch_segment, v->image_at + (uint64_t)at);
	struct ncc_side local = ncc_local(t->at.buf, t->at.part, t->at.off);
	struct ncc_dma_loop loops[4] = {
		{ r->on, l->i * n * row, t->step_o * n * 2 },
		{ r->in, n * row, t->step_i * n * 2 },
		{ n, row, 2 },
		{ r->an, 2, NEURON_LOCAL_PARTITION },
	};

	if (!store)
		return ncc_dma(&L->b, dram, local, 2, loops, 4, false);
	for (int k = 0; k < 4; k++) {
		int64_t swap = loops[k].src;

		loops[k].src = loops[k].dst;
		loops[k].dst = swap;
	}
	return ncc_dma(&L->b, local, dram, 2, loops, 4, false);
}

/* Where partition @a of its first row is. */
static struct ncc_side column(struct ncc_lower *L, const struct ncc_value *v, int64_t a)
{
	const struct ncc_layout *l = &v->image;
	int64_t at = a / NEURON_PARTITIONS * l->o * l->i * halves(v) * NEURON_PARTITIONS + a % NEURON_PARTITIONS;

	return ncc_dram(L->b.p->scratch_segment, v->image_at + (uint64_t)at * 2);
}

int ncc_image_copy(struct ncc_lower *L, const struct ncc_value *from, int64_t from_a,
		   const struct ncc_value *to, int64_t to_a, int64_t n)
{
	struct ncc_dma_loop loops[2] = {
		{
			from->image.o * from->image.i * halves(from), width(&from->image, from_a / NEURON_PARTITIONS) * 2,
			width(&to->image, to_a / NEURON_PARTITIONS) * 2,
		},
		{ n, 2, 2 },
	};

	return ncc_dma(&L->b, column(L, from, from_a), column(L, to, to_a), 2, loops, 2, false);
}

int ncc_image_home(struct ncc_lower *L, struct ncc_value *v)
{
	const struct ncc_layout *l = &v->image;
	int64_t most = NCC_TILE_LIMIT / ncc_dtype_size(v->dtype);
	int err = 0;

	ncc_place_value(L, v);
	for (int64_t c = 0; c < ncc_chunks(l); c++)
		for (int64_t o = 0; o < l->o; o++)
			for (int64_t i = 0; i < l->i && !err; i += most) {
				struct ncc_region r = ncc_chunk_region(l, c);
				struct ncc_tile t;

				r.o0 = o;
				r.on = 1;
				r.i0 = i;
				r.in = l->i - i < most ? l->i - i : most;
				t = ncc_temp(L, 1, r.in, v->dtype);
				err = ncc_image_dma(L, v, &r, &t, false);
				if (!err)
					err = ncc_region_dma(L, v->segment, v->offset, v->dtype, l, &r, &t, true,
							     false);
			}
	v->stored = true;
	return err;
}
