// SPDX-License-Identifier: Apache-2.0
/*
 * Reductions over the middle one of three groups of axes, and normalisation of rows.
 *
 * With nothing behind the reduced axes, they lie along i and each partition reduces what
 * it has; else what is behind lies on the partitions and the reduced axes along o.
 */
#include <errno.h>

#include "tile.h"

struct reduce {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_layout in;
	struct ncc_result res;
	int64_t size;		/* reduced at once */
	bool strided;		/* along o, else along i */
};

/* Elements @from .. @from + @n - 1 of groups of one chunk, @first and @groups: of its groups. */
static int part(struct reduce *r, int64_t chunk, int64_t first, int64_t groups, int64_t from,
		int64_t n, float scale, struct ncc_at dst, int64_t dst_step)
{
	struct ncc_region in = ncc_chunk_region(&r->in, chunk);
	struct ncc_loop loops[2];
	struct ncc_tile src;
	int err;

	if (r->strided) {
		in.o0 = first * r->size + from;
		in.on = groups > 1 ? groups * r->size : n;
	} else {
		in.o0 = first;
		in.on = groups;
		in.i0 = from;
		in.in = n;
	}
	err = ncc_load(r->L, r->node->in[0]->value, &r->in, 0, &in, &src);
	if (err)
		return err;
	loops[0] = (struct ncc_loop){
		groups, { r->strided ? r->size * src.step_o : src.step_o, dst_step },
	};
	loops[1] = (struct ncc_loop){ n, { r->strided ? src.step_o : src.step_i, 0 } };
	return ncc_tensor_reduce(&r->L->b, r->node->alu[0], scale, (unsigned int)in.an, src.at, dst,
				 loops, 2, 1);
}

/* Groups of a chunk; one that does not fit at once in parts, whose results are reduced again. */
static int groups(struct reduce *r, int64_t chunk, int64_t first, int64_t n, int64_t most)
{
	struct ncc_region out = ncc_chunk_region(&r->res.layout, chunk);
	int64_t parts = n > 1 ? 1 : (r->size + most - 1) / most;
	float scale = r->node->scale;
	struct ncc_tile dst, partial;
	int err;

	out.o0 = first;
	out.on = n;
	err = ncc_result_tile(r->L, &r->res, &out, &dst);
	if (err)
		return err;
	if (parts == 1) {
		err = part(r, chunk, first, n, 0, r->size, scale, dst.at, dst.step_o);
		return err ? err : ncc_result_put(r->L, &r->res, &out, &dst);
	}
	partial = ncc_temp(r->L, 1, parts, NEURON_FP32);
	for (int64_t k = 0; k < parts && !err; k++) {
		int64_t left = r->size - k * most;

		err = part(r, chunk, first, 1, k * most, left < most ? left : most, 1,
			   ncc_at_element(&partial, 0, k), 0);
	}
	if (!err)
		err = ncc_tensor_reduce(&r->L->b, r->node->alu[0], scale, (unsigned int)out.an,
					partial.at, dst.at, &(struct ncc_loop){ parts, { 1, 0 } }, 1, 1);
	return err ? err : ncc_result_put(r->L, &r->res, &out, &dst);
}

/* The layout: one that is at hand, else that of channels, else the plain one. */
static void choose(struct reduce *r)
{
	const struct ncc_node *node = r->node;
	const struct ncc_tensor *x = node->in[0];
	const int64_t *extent = node->extent;

	r->size = extent[1];
	r->strided = extent[2] > 1;
	if (r->strided) {
		r->in = (struct ncc_layout){ extent[0] * extent[1], extent[2], 1, false };
		return;
	}
	r->in = (struct ncc_layout){ 1, extent[0], extent[1], false };
	if (x->rank > 2 && ncc_dims(x, 2, x->rank) == extent[1])
		r->in = ncc_channel_layout(x);
	for (struct ncc_copy *c = x->value->copies; c; c = c->next)
		if (c->layout.i == extent[1] && !c->layout.rep && c->dtype == x->value->dtype)
			r->in = c->layout;
}

int ncc_tile_reduce(struct ncc_lower *L, struct ncc_node *node)
{
	struct reduce r = { .L = L, .node = node };
	struct ncc_value *x = node->in[0]->value;
	struct ncc_layout out;
	int64_t count, most, each;
	int err;

	choose(&r);
	out = r.in;
	if (r.strided)
		out.o = node->extent[0];
	else
		out.i = 1;
	err = ncc_want(L, x, &r.in, 0);
	if (!err)
		err = ncc_result_begin(L, node->out[0]->value, &out, &r.res);
	most = NCC_TILE_LIMIT / 4;
	each = most / r.size < 1 ? 1 : most / r.size;
	if (ncc_find_copy(x, &r.in, x->dtype) && r.res.buf >= 0) {
		most = r.size;
		each = out.o;
	}
	count = out.o;
	for (int64_t c = 0; c < ncc_chunks(&r.in); c++)
		for (int64_t g = 0; g < count && !err; g += each)
			err = groups(&r, c, g, count - g < each ? count - g : each, most);
	return err ? err : ncc_result_end(L, &r.res);
}
