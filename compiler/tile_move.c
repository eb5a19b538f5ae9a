// SPDX-License-Identifier: Apache-2.0
/*
 * Transpose, Concat and copies: work for the DMA engine alone, or none at all.
 */
#include <errno.h>
#include <string.h>

#include "tile.h"

/* The result is in DRAM only. */
static int done(struct ncc_value *v)
{
	v->stored = true;
	return 0;
}

/* Axes @first .. @last - 1 of @t are on the partitions of layout @l; false: no whole axes are. */
static bool part_axes(const struct ncc_tensor *t, const struct ncc_layout *l, int *first, int *last)
{
	int64_t o = 1, a = 1;
	int d = 0;

	while (d < t->rank && o * t->dim[d] <= l->o && (o < l->o || t->dim[d] == 1))
		o *= t->dim[d++];
	*first = d;
	while (d < t->rank && a < l->a)
		a *= t->dim[d++];
	*last = d;
	return !l->rep && l->a > 1 && o == l->o && a == l->a;
}

/* Are there axes of more than one element among @first .. @last - 1? */
static bool has_more(const struct ncc_tensor *t, int first, int last)
{
	while (first < last && t->dim[first] == 1)
		first++;
	return first < last;
}

/*
 * If only the axes on the partitions change their place among the others, the result lies as the operand does:
 * it is then in layout @to.
 */
static bool keeps_place(const struct ncc_node *node, const struct ncc_layout *from, struct ncc_layout *to)
{
	const struct ncc_tensor *x = node->in[0];
	int first, last, part, other = -1, next;
	int64_t *side = &to->o;

	*to = (struct ncc_layout){ 1, from->a, 1, false };
	if (!part_axes(x, from, &first, &last))
		return false;
	part = first;
	for (int d = 0; d < x->rank; d++) {
		next = (int)node->perm[d];
		if (x->dim[next] == 1)
			continue;
		if (next >= first && next < last) {
			/* All of them in order, and nothing between them. */
			while (part < next && x->dim[part] == 1)
				part++;
			if (next != part++ || (side == &to->i && to->i > 1))
				return false;
			side = &to->i;
			continue;
		}
		if (next < other || (side == &to->i && has_more(x, part, last)))
			return false;
		other = next;
		*side *= x->dim[next];
	}
	return true;
}

/* Gives the result to the one who asks in a layout in which it is already there. */
static bool transpose_free(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_value *x = node->in[0]->value, *out = node->out[0]->value;
	struct ncc_layout to;

	for (struct ncc_copy *c = x->copies; c && !out->stream; c = c->next)
		if (c->dtype == out->dtype && keeps_place(node, &c->layout, &to)) {
			ncc_add_copy(L, out, &to, c->dtype, c->buf);
			return true;
		}
	if (!x->imaged || x->dtype != out->dtype || out->kind != NCC_VALUE_TEMP ||
	    !keeps_place(node, &x->image, &to))
		return false;
	out->image = to;
	out->image_at = x->image_at;
	out->imaged = true;
	return true;
}

int ncc_tile_transpose(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *out = node->out[0];
	struct ncc_dma_loop loops[NCC_MAX_RANK];
	int64_t src[NCC_MAX_RANK], dst[NCC_MAX_RANK];
	uint8_t segment, dtype;
	uint64_t off;
	int64_t size;
	int err;

	if (transpose_free(L, node))
		return out->value->kind == NCC_VALUE_OUTPUT ? ncc_home(L, out->value) : 0;
	err = ncc_source(L, x->value, out->value->dtype, &segment, &off, &dtype);

	if (err)
		return err;
	ncc_place_value(L, out->value);
	size = ncc_dtype_size(dtype);
	for (int d = x->rank - 1; d >= 0; d--) {
		src[d] = d == x->rank - 1 ? size : src[d + 1] * x->dim[d + 1];
		dst[d] = d == x->rank - 1 ? size : dst[d + 1] * out->dim[d + 1];
	}
	for (int d = 0; d < x->rank; d++)
		loops[d] = (struct ncc_dma_loop){ out->dim[d], src[node->perm[d]], dst[d] };
	err = ncc_dma(&L->b, ncc_dram(segment, off), ncc_dram(out->value->segment, out->value->offset),
		      (unsigned int)size, loops, x->rank, false);
	return err ? err : done(out->value);
}

int ncc_tile_copy(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_value *in = node->in[0]->value, *out = node->out[0]->value;
	struct ncc_dma_loop loop = { in->count, 0, 0 };
	uint8_t segment, dtype;
	uint64_t off;
	int err = ncc_source(L, in, out->dtype, &segment, &off, &dtype);

	if (err)
		return err;
	ncc_place_value(L, out);
	loop.src = loop.dst = ncc_dtype_size(dtype);
	err = ncc_dma(&L->b, ncc_dram(segment, off), ncc_dram(out->segment, out->offset),
		      ncc_dtype_size(dtype), &loop, 1, false);
	return err ? err : done(out);
}

static struct ncc_layout concat_layout(const struct ncc_node *node, const struct ncc_tensor *t)
{
	int axis = (int)node->axis;

	return (struct ncc_layout){
		.o = ncc_dims(t, 0, axis), .a = t->dim[axis], .i = ncc_dims(t, axis + 1, t->rank),
	};
}

/* Input at position @base of the axis, from DRAM to DRAM. */
static int concat_dram(struct ncc_lower *L, struct ncc_node *node, struct ncc_tensor *t,
		       int64_t base)
{
	struct ncc_value *out = node->out[0]->value;
	struct ncc_layout from = concat_layout(node, t), to = concat_layout(node, node->out[0]);
	uint8_t segment, dtype;
	int64_t size = ncc_dtype_size(out->dtype);
	struct ncc_dma_loop loops[2] = {
		{ from.o, from.a * from.i * size, to.a * to.i * size },
		{ from.a * from.i, size, size },
	};
	uint64_t off;
	int err = ncc_source(L, t->value, out->dtype, &segment, &off, &dtype);

	return err ? err : ncc_dma(&L->b, ncc_dram(segment, off),
				   ncc_dram(out->segment, out->offset + (uint64_t)(base * to.i * size)),
				   (unsigned int)size, loops, 2, false);
}

/* A run of positions to partitions of @dst. */
static int concat_run(struct ncc_lower *L, struct ncc_node *node, struct ncc_tensor *t, int dst,
		      int64_t from_a, int64_t to_a, int64_t n)
{
	struct ncc_layout from = concat_layout(node, t), to = concat_layout(node, node->out[0]);
	uint8_t type = node->out[0]->value->dtype, segment, dtype;
	struct ncc_copy *c = ncc_find_copy(t->value, &from, type);
	int64_t size = ncc_dtype_size(type);
	int64_t chunk = to_a / NEURON_PARTITIONS;
	struct ncc_tile tile = {
		.at = {
			.buf = dst, .part = (uint8_t)(to_a % NEURON_PARTITIONS), .dtype = type,
			.off = (uint32_t)(chunk * to.o * to.i * size),
		},
		.step_o = to.i, .step_i = 1,
	};
	struct ncc_region r = { 0, from.o, from_a, n, 0, from.i };
	struct ncc_dma_loop loops[3] = {
		{ from.o, from.i * size, to.i * size },
		{ n, NEURON_LOCAL_PARTITION, NEURON_LOCAL_PARTITION },
		{ from.i, size, size },
	};
	uint64_t off;
	int err;

	if (c) {
		off = (uint64_t)(from_a / NEURON_PARTITIONS * from.o * from.i * size);
		return ncc_dma(&L->b, ncc_local(c->buf, (uint8_t)(from_a % NEURON_PARTITIONS), off),
			       ncc_local(dst, tile.at.part, tile.at.off), (unsigned int)size, loops, 3,
			       false);
	}
	err = ncc_source(L, t->value, type, &segment, &off, &dtype);
	return err ? err : ncc_region_dma(L, segment, off, type, &from, &r, &tile, false,
					  ncc_never_written(t->value));
}

typedef int run_fn(struct ncc_lower *L, struct ncc_node *node, struct ncc_tensor *t, int dst,
		   int64_t from_a, int64_t to_a, int64_t n);

/* All runs of positions of the inputs that lie in one chunk on either side. */
static int concat_runs(struct ncc_lower *L, struct ncc_node *node, run_fn *run, int dst)
{
	int64_t base = 0;
	int err = 0;

	for (size_t i = 0; i < node->nin; i++) {
		int64_t size = node->in[i]->dim[node->axis], a = 0;

		while (a < size && !err) {
			int64_t n = size - a;
			int64_t room = NEURON_PARTITIONS - (base + a) % NEURON_PARTITIONS;
			int64_t have = NEURON_PARTITIONS - a % NEURON_PARTITIONS;

			n = n < room ? n : room;
			n = n < have ? n : have;
			err = run(L, node, node->in[i], dst, a, base + a, n);
			a += n;
		}
		base += size;
	}
	return err;
}

static int concat_sbuf(struct ncc_lower *L, struct ncc_node *node, const struct ncc_layout *l)
{
	struct ncc_result res;
	int err = ncc_result_begin(L, node->out[0]->value, l, &res);

	if (!err)
		err = concat_runs(L, node, concat_run, res.buf);
	for (int64_t c = 0; c < ncc_chunks(l) && !err; c++) {
		struct ncc_region r = ncc_chunk_region(l, c);
		struct ncc_tile t;

		err = ncc_result_tile(L, &res, &r, &t);
		if (!err)
			err = ncc_result_put(L, &res, &r, &t);
	}
	return err ? err : ncc_result_end(L, &res);
}

static bool is_imaged(const struct ncc_value *v, const struct ncc_layout *l)
{
	return v->imaged && ncc_same_layout(&v->image, l);
}

/* A run of positions to the result's image, of which there is only one. */
static int image_run(struct ncc_lower *L, struct ncc_node *node, struct ncc_tensor *t, int dst,
		     int64_t from_a, int64_t to_a, int64_t n)
{
	struct ncc_layout from = concat_layout(node, t);
	struct ncc_value *out = node->out[0]->value;
	struct ncc_copy *c = ncc_find_copy(t->value, &from, out->dtype);
	struct ncc_region r = { 0, from.o, to_a, n, 0, from.i };
	struct ncc_tile tile = { .step_o = from.i, .step_i = 1 };

	(void)dst;
	if (!c)
		return ncc_image_copy(L, t->value, from_a, out, to_a, n);
	tile.at = (struct ncc_at){
		.buf = c->buf, .dtype = c->dtype, .part = (uint8_t)(from_a % NEURON_PARTITIONS),
		.off = (uint32_t)(from_a / NEURON_PARTITIONS * from.o * from.i *
				  ncc_dtype_size(c->dtype)),
	};
	return ncc_image_dma(L, out, &r, &tile, true);
}

/* Is every input at hand with the axis on the partitions, in SBUF or as an image? */
static bool can_concat_images(const struct ncc_node *node, const struct ncc_layout *l)
{
	const struct ncc_value *out = node->out[0]->value;

	if (!ncc_can_image(out, l))
		return false;
	for (size_t i = 0; i < node->nin; i++) {
		struct ncc_layout own = concat_layout(node, node->in[i]);
		const struct ncc_value *v = node->in[i]->value;

		if (v->dtype != out->dtype ||
		    (!ncc_find_copy(v, &own, out->dtype) && !is_imaged(v, &own)))
			return false;
	}
	return true;
}

/* The result does not fit into SBUF, and becomes an image. */
static int concat_images(struct ncc_lower *L, struct ncc_node *node, const struct ncc_layout *l)
{
	int err;

	ncc_place_image(L, node->out[0]->value, l);
	err = concat_runs(L, node, image_run, 0);
	node->out[0]->value->imaged = true;
	return err;
}

int ncc_tile_concat(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_value *out = node->out[0]->value;
	struct ncc_layout l = concat_layout(node, node->out[0]);
	bool near = false;
	int64_t base = 0;
	int err = 0;

	for (size_t i = 0; i < node->nin; i++) {
		struct ncc_layout own = concat_layout(node, node->in[i]);

		near |= ncc_find_copy(node->in[i]->value, &own, out->dtype) != NULL;
	}
	if (near && !out->stream && ncc_layout_bytes(&l, out->dtype) <= NCC_WHOLE_LIMIT)
		return concat_sbuf(L, node, &l);
	if (can_concat_images(node, &l))
		return concat_images(L, node, &l);
	ncc_place_value(L, out);
	for (size_t i = 0; i < node->nin && !err; i++) {
		if (node->in[i]->count)
			err = concat_dram(L, node, node->in[i], base);
		base += node->in[i]->dim[node->axis];
	}
	return err ? err : done(out);
}
