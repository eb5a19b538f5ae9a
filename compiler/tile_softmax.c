// SPDX-License-Identifier: Apache-2.0
/*
 * Softmax: the elements of a group lie in one partition.
 *   m = max x;  e = exp(x - m);  y = e / sum e
 */
#include <errno.h>

#include "tile.h"

#define LONG	32	/* elements of a group that are worth instructions of its own */

struct softmax {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_layout layout;
	int64_t size;		/* of a group */
	bool strided;		/* a group lies along o, else along i */
	struct ncc_result res;
};

static bool is_long(const struct softmax *s)
{
	return !s->strided && s->size >= LONG;
}

/* @groups groups in tiles @src and @dst; element steps within a group and between groups. */
static int tile(struct softmax *s, unsigned int parts, int64_t groups, const struct ncc_tile *src,
		const struct ncc_tile *dst)
{
	struct ncc_build *b = &s->L->b;
	struct ncc_tile e = ncc_temp(s->L, groups, s->size, NEURON_FP32);
	struct ncc_tile max = ncc_temp(s->L, 1, groups, NEURON_FP32);
	struct ncc_tile sum = ncc_temp(s->L, 1, groups, NEURON_FP32);
	struct ncc_activate exp = {
		.parts = parts, .func = NEURON_FUNC_EXP, .scale = 1, .src = e.at, .dst = e.at,
	};
	int64_t in[2] = { src->step_o, src->step_i }, out[2] = { dst->step_o, dst->step_i };
	int err;

	if (s->strided) {
		in[0] = s->size * src->step_o;
		in[1] = src->step_o;
		out[0] = s->size * dst->step_o;
		out[1] = dst->step_o;
	}
	err = ncc_tensor_reduce(b, NEURON_ALU_MAX, 1, parts, src->at, max.at, (struct ncc_loop[]){
					{ groups, { in[0], 1 } }, { s->size, { in[1], 0 } },
				}, 2, 1);
	if (!err)
		err = ncc_tensor_tensor(b, NEURON_ALU_SUB, parts, src->at, max.at, e.at,
					(struct ncc_loop[]){
						{ groups, { in[0], 1, s->size } },
						{ s->size, { in[1], 0, 1 } },
					}, 2);
	if (!err)
		err = ncc_activate(b, &exp, &(struct ncc_loop){ groups * s->size, { 1, 1 } }, 1);
	if (!err)
		err = ncc_tensor_reduce(b, NEURON_ALU_ADD, 1, parts, e.at, sum.at, (struct ncc_loop[]){
						{ groups, { s->size, 1 } }, { s->size, { 1, 0 } },
					}, 2, 1);
	if (!err)
		err = ncc_tensor_tensor(b, NEURON_ALU_DIV, parts, e.at, sum.at, dst->at,
					(struct ncc_loop[]){
						{ groups, { s->size, 1, out[0] } },
						{ s->size, { 1, 0, out[1] } },
					}, 2);
	return err;
}

/*
 * The same for long groups, each by instructions of its own: ACT subtracts the maximum, takes the power
 * and sums up in one go, and divides on the way to the result.
 */
static int long_groups(struct softmax *s, unsigned int parts, int64_t groups,
		       const struct ncc_tile *src, const struct ncc_tile *dst)
{
	struct ncc_build *b = &s->L->b;
	struct ncc_tile e = ncc_temp_fp32(s->L, groups, s->size);
	struct ncc_tile max = ncc_temp(s->L, 1, groups, NEURON_FP32);
	struct ncc_tile sum = ncc_temp(s->L, 1, groups, NEURON_FP32);
	struct ncc_activate inverse = {
		.parts = parts, .func = NEURON_FUNC_RECIPROCAL, .scale = 1, .src = sum.at, .dst = sum.at,
	};
	int err = ncc_tensor_reduce(b, NEURON_ALU_MAX, -1, parts, src->at, max.at, (struct ncc_loop[]){
						{ groups, { src->step_o, 1 } },
						{ s->size, { src->step_i, 0 } },
					}, 2, 1);

	for (int64_t g = 0; g < groups && !err; g++) {
		struct ncc_at low = ncc_at_element(&max, 0, g), total = ncc_at_element(&sum, 0, g);
		struct ncc_activate exp = {
			.parts = parts, .func = NEURON_FUNC_EXP, .scale = 1, .bias = &low, .sum = &total,
			.src = ncc_at_element(src, g, 0), .dst = ncc_at_element(&e, g, 0),
		};

		err = ncc_activate(b, &exp, &(struct ncc_loop){ s->size, { src->step_i, 1 } }, 1);
	}
	if (!err)
		err = ncc_activate(b, &inverse, &(struct ncc_loop){ groups, { 1, 1 } }, 1);
	for (int64_t g = 0; g < groups && !err; g++) {
		struct ncc_at factor = ncc_at_element(&sum, 0, g);
		struct ncc_activate divide = {
			.parts = parts, .func = NEURON_FUNC_IDENTITY, .scale_at = &factor,
			.src = ncc_at_element(&e, g, 0), .dst = ncc_at_element(dst, g, 0),
		};

		err = ncc_activate(b, &divide, &(struct ncc_loop){ s->size, { 1, dst->step_i } }, 1);
	}
	return err;
}

/* Groups @first .. @first + @n - 1 of a chunk. */
static int groups(struct softmax *s, int64_t chunk, int64_t first, int64_t n)
{
	struct ncc_region r = ncc_chunk_region(&s->layout, chunk);
	int64_t each = s->strided ? s->size : 1;
	struct ncc_tile src, dst;
	int err;

	r.o0 = first * each;
	r.on = n * each;
	err = ncc_load(s->L, s->node->in[0]->value, &s->layout, 0, &r, &src);
	if (!err)
		err = ncc_result_tile(s->L, &s->res, &r, &dst);
	if (!err)
		err = (is_long(s) ? long_groups : tile)(s, (unsigned int)r.an, n, &src, &dst);
	return err ? err : ncc_result_put(s->L, &s->res, &r, &dst);
}

/* A layout in which the operand is at hand, else the natural one. */
static void choose(struct softmax *s)
{
	struct ncc_tensor *x = s->node->in[0];
	int axis = (int)s->node->axis;
	bool flat = s->L->ctx->graph->opset < 13;	/* all axes from this one on */
	int64_t inner = flat ? 1 : ncc_dims(x, axis + 1, x->rank);

	s->size = flat ? ncc_dims(x, axis, x->rank) : x->rank ? x->dim[axis] : 1;
	s->strided = inner > 1;
	s->layout = (struct ncc_layout){ 1, x->count / s->size, s->size, false };
	if (s->strided) {
		s->layout = (struct ncc_layout){ x->count / inner, inner, 1, false };
		return;
	}
	for (struct ncc_copy *c = x->value->copies; c; c = c->next)
		if (c->layout.i == s->size && !c->layout.rep && c->dtype == x->value->dtype)
			s->layout = c->layout;
}

int ncc_tile_softmax(struct ncc_lower *L, struct ncc_node *node)
{
	struct softmax s = { .L = L, .node = node };
	int64_t count, most;
	int err;

	choose(&s);
	count = s.layout.o / (s.strided ? s.size : 1);
	most = (is_long(&s) ? NCC_PSUM_LIMIT : NCC_TILE_LIMIT) / 4 / s.size;
	most = most < 1 ? 1 : most;
	err = ncc_want(L, node->in[0]->value, &s.layout, 0);
	if (!err)
		err = ncc_result_begin(L, node->out[0]->value, &s.layout, &s.res);
	for (int64_t c = 0; c < ncc_chunks(&s.layout); c++)
		for (int64_t g = 0; g < count && !err; g += most)
			err = groups(&s, c, g, count - g < most ? count - g : most);
	return err ? err : ncc_result_end(L, &s.res);
}
