// SPDX-License-Identifier: Apache-2.0
/*
 * Normalisation of rows that lie along i: (x - mean) / sqrt(variance + epsilon), then a
 * factor and a term for each column. Everything between is fp32.
 */
#include <errno.h>

#include "tile.h"

struct norm {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_layout layout;
	int64_t size;
	struct ncc_result res;
};

/* dst = a alu b for @rows rows; @b_row and @b_col are the steps of b. */
static int combine(struct norm *n, unsigned int parts, int64_t rows, uint8_t alu,
		   const struct ncc_tile *a, struct ncc_at b, int64_t b_row, int64_t b_col,
		   const struct ncc_tile *dst)
{
	return ncc_tensor_tensor(&n->L->b, alu, parts, a->at, b, dst->at, (struct ncc_loop[]){
					{ rows, { a->step_o, b_row, dst->step_o } },
					{ n->size, { a->step_i, b_col, dst->step_i } },
				 }, 2);
}

/* One number for each row: the sum of it, times @scale. */
static int sum_rows(struct norm *n, unsigned int parts, int64_t rows, const struct ncc_tile *x,
		    struct ncc_at sums, float scale)
{
	return ncc_tensor_reduce(&n->L->b, NEURON_ALU_ADD, scale, parts, x->at, sums,
				 (struct ncc_loop[]){
					{ rows, { x->step_o, 1 } }, { n->size, { x->step_i, 0 } },
				 }, 2, 1);
}

/* The factors or terms of the columns on all partitions, and whether there are any. */
static int columns(struct norm *n, size_t which, struct ncc_tile *t, bool *any)
{
	struct ncc_layout l = { 1, 1, n->size, true };
	struct ncc_region all = { 0, 1, 0, 1, 0, n->size };
	struct ncc_tensor *c = which < n->node->nin ? n->node->in[which] : NULL;

	*any = c != NULL;
	return c ? ncc_load(n->L, c->value, &l, NEURON_FP32, &all, t) : 0;
}

/*
 * How rows are normalised: (x - mean) / sqrt(variance + epsilon).
 * @x: a temporary of fp32
 * @to: the result; may be @x
 */
struct steps {
	unsigned int parts;
	int64_t rows;
	const struct ncc_tile *src, *x, *to;
	struct ncc_at mean, var;	/* of one row a partition: the mean's negative, the sum of squares */
};

/* One row a partition. */
static int centred_rows(struct norm *n, const struct steps *s, const struct ncc_activate *root)
{
	struct ncc_build *b = &n->L->b;
	struct ncc_activate centre = {
		.parts = s->parts, .func = NEURON_FUNC_IDENTITY, .scale = 1, .bias = &s->mean,
		.src = s->src->at, .dst = s->x->at,
	};
	struct ncc_activate scale = {
		.parts = s->parts, .func = NEURON_FUNC_IDENTITY, .scale_at = &s->var, .src = s->x->at,
		.dst = s->to->at,
	};
	int err = ncc_activate(b, &centre, &(struct ncc_loop){ n->size, { s->src->step_i, 1 } }, 1);

	if (!err)
		err = ncc_tensor_dot(b, s->parts, s->x->at, s->x->at, s->var,
				     &(struct ncc_loop){ n->size, { 1, 1, 0 } }, 1, 1);
	if (!err)
		err = ncc_activate(b, root, &(struct ncc_loop){ 1, { 0, 0 } }, 1);
	return err ? err : ncc_activate(b, &scale, &(struct ncc_loop){ n->size, { 1, s->to->step_i } }, 1);
}

/*
 * The same of a source of 2 bytes, as fma(x, 1 / deviation, -mean / deviation): what that loses to cancellation
 * the source did not have.
 */
static int narrow_rows(struct norm *n, const struct steps *s, const struct ncc_activate *root)
{
	struct ncc_build *b = &n->L->b;
	struct ncc_loop one = { 1, { 0, 0 } };
	struct ncc_activate square = {
		.parts = s->parts, .func = NEURON_FUNC_SQUARE, .scale = 1, .bias = &s->mean, .sum = &s->var,
		.src = s->src->at, .dst = s->x->at,
	};
	struct ncc_activate shift = {
		.parts = s->parts, .func = NEURON_FUNC_IDENTITY, .scale_at = &s->var, .src = s->mean,
		.dst = s->mean,
	};
	struct ncc_activate scale = {
		.parts = s->parts, .func = NEURON_FUNC_IDENTITY, .scale_at = &s->var, .bias = &s->mean,
		.src = s->src->at, .dst = s->to->at,
	};
	int err = ncc_activate(b, &square, &(struct ncc_loop){ n->size, { s->src->step_i, 1 } }, 1);

	if (!err)
		err = ncc_activate(b, root, &one, 1);
	if (!err)
		err = ncc_activate(b, &shift, &one, 1);
	return err ? err : ncc_activate(b, &scale, &(struct ncc_loop){ n->size, { s->src->step_i, s->to->step_i } },
					1);
}

static int normalise_one(struct norm *n, struct steps *s)
{
	struct ncc_tile mean = ncc_temp(n->L, 1, 1, NEURON_FP32), var = ncc_temp(n->L, 1, 1, NEURON_FP32);
	struct ncc_activate root = {
		.parts = s->parts, .func = NEURON_FUNC_RSQRT, .scale = 1 / (float)n->size,
		.bias_imm = n->node->low, .src = var.at, .dst = var.at,
	};
	int err = sum_rows(n, s->parts, 1, s->src, mean.at, -1 / (float)n->size);

	s->mean = mean.at;
	s->var = var.at;
	if (err)
		return err;
	return ncc_dtype_size(s->src->at.dtype) == 2 ? narrow_rows(n, s, &root) : centred_rows(n, s, &root);
}

/* Several rows a partition. */
static int normalise_many(struct norm *n, const struct steps *s)
{
	struct ncc_build *b = &n->L->b;
	struct ncc_tile y = ncc_temp(n->L, s->rows, n->size, NEURON_FP32);
	struct ncc_tile stat = ncc_temp(n->L, 1, s->rows, NEURON_FP32);
	struct ncc_scalars add = {
		.alu0 = NEURON_ALU_ADD, .scalar0 = n->node->low, .alu1 = NEURON_ALU_BYPASS,
	};
	struct ncc_activate root = {
		.parts = s->parts, .func = NEURON_FUNC_RSQRT, .scale = 1, .src = stat.at, .dst = stat.at,
	};
	struct ncc_loop each = { s->rows, { 1, 1 } };
	int err = sum_rows(n, s->parts, s->rows, s->src, stat.at, 1 / (float)n->size);

	if (!err)
		err = combine(n, s->parts, s->rows, NEURON_ALU_SUB, s->src, stat.at, 1, 0, s->x);
	if (!err)
		err = combine(n, s->parts, s->rows, NEURON_ALU_MUL, s->x, s->x->at, s->x->step_o, 1, &y);
	if (!err)
		err = sum_rows(n, s->parts, s->rows, &y, stat.at, 1 / (float)n->size);
	if (!err)
		err = ncc_tensor_scalar(b, &add, s->parts, stat.at, stat.at, &each, 1);
	if (!err)
		err = ncc_activate(b, &root, &each, 1);
	return err ? err : combine(n, s->parts, s->rows, NEURON_ALU_MUL, s->x, stat.at, 1, 0, s->to);
}

static int tile(struct norm *n, unsigned int parts, int64_t rows, const struct ncc_tile *src,
		const struct ncc_tile *dst)
{
	struct ncc_tile x = ncc_temp(n->L, rows, n->size, NEURON_FP32), factor, term;
	struct steps s = { .parts = parts, .rows = rows, .src = src, .x = &x };
	bool scale, shift;
	int err = columns(n, 1, &factor, &scale);

	if (!err)
		err = columns(n, 2, &term, &shift);
	s.to = scale || shift ? &x : dst;
	if (!err)
		err = rows > 1 ? normalise_many(n, &s) : normalise_one(n, &s);
	if (!err && scale)
		err = combine(n, parts, rows, NEURON_ALU_MUL, &x, factor.at, 0, 1, shift ? &x : dst);
	if (!err && shift)
		err = combine(n, parts, rows, NEURON_ALU_ADD, &x, term.at, 0, 1, dst);
	return err;
}

/* The row of chunk @c of the columns after transposing: factor and term are those of partitions now. */
static int put_columns(struct norm *n, int64_t chunk, int64_t c, const struct ncc_tile *x)
{
	struct ncc_region rows = ncc_chunk_region(&n->layout, chunk);
	struct ncc_region r = ncc_chunk_region(&n->res.layout, c), one = { 0, 1, r.a0, r.an, 0, 1 };
	struct ncc_layout vector = { 1, n->size, 1, false };
	struct ncc_tile turned = ncc_temp_fp32(n->L, 1, rows.an), factor, term, dst;
	struct ncc_activate a = {
		.parts = (unsigned int)r.an, .func = NEURON_FUNC_IDENTITY, .scale = 1, .src = turned.at,
	};
	int err = ncc_transpose(&n->L->b, ncc_at_element(x, 0, r.a0), 1, (unsigned int)rows.an, turned.at, 1,
				(unsigned int)r.an, NULL, 0);

	r.o0 = rows.a0;
	r.on = rows.an;
	if (!err && n->node->nin > 1 && n->node->in[1]) {
		err = ncc_load(n->L, n->node->in[1]->value, &vector, NEURON_FP32, &one, &factor);
		a.scale_at = &factor.at;
	}
	if (!err && n->node->nin > 2 && n->node->in[2]) {
		err = ncc_load(n->L, n->node->in[2]->value, &vector, NEURON_FP32, &one, &term);
		a.bias = &term.at;
	}
	if (!err)
		err = ncc_result_tile(n->L, &n->res, &r, &dst);
	if (err)
		return err;
	a.dst = dst.at;
	err = ncc_activate(&n->L->b, &a, &(struct ncc_loop){ rows.an, { 1, dst.step_o } }, 1);
	return err ? err : ncc_result_put(n->L, &n->res, &r, &dst);
}

/* One row a partition, to a result that has the columns on the partitions. */
static int turned_rows(struct norm *n, int64_t chunk)
{
	struct ncc_region r = ncc_chunk_region(&n->layout, chunk);
	struct ncc_tile src, x = ncc_temp_fp32(n->L, 1, n->size);
	struct steps s = { .parts = (unsigned int)r.an, .rows = 1, .src = &src, .x = &x, .to = &x };
	int err = ncc_load(n->L, n->node->in[0]->value, &n->layout, 0, &r, &src);

	if (!err)
		err = normalise_one(n, &s);
	for (int64_t c = 0; c < ncc_chunks(&n->res.layout) && !err; c++)
		err = put_columns(n, chunk, c, &x);
	return err;
}

/*
 * Is the result wanted with the columns on the partitions, as products with constant weights have their
 * operands? Then it is made so, if there is one row a partition.
 */
static bool wants_turned(const struct norm *n)
{
	const struct ncc_graph *g = n->L->ctx->graph;

	if (n->layout.o != 1 || n->layout.a < 8 || n->size < 8 || n->node->out[0]->is_output)
		return false;
	for (size_t i = 0; i < g->nnode; i++)
		if (g->node[i]->op == NCC_LINEAR && g->node[i]->in[0] == n->node->out[0] &&
		    g->node[i]->in[1]->dim[0] == n->size)
			return true;
	return false;
}

static int turn(struct norm *n)
{
	struct ncc_layout l = { n->layout.a, n->size, 1, false }, vector = { 1, n->size, 1, false };
	int err = ncc_result_begin(n->L, n->node->out[0]->value, &l, &n->res);

	for (size_t i = 1; i < n->node->nin && !err; i++)
		if (n->node->in[i])
			err = ncc_want(n->L, n->node->in[i]->value, &vector, NEURON_FP32);
	for (int64_t c = 0; c < ncc_chunks(&n->layout) && !err; c++)
		err = turned_rows(n, c);
	return err ? err : ncc_result_end(n->L, &n->res);
}

/* Rows @first .. @first + @rows - 1 of each partition of a chunk. */
static int rows(struct norm *n, int64_t chunk, int64_t first, int64_t count)
{
	struct ncc_region r = ncc_chunk_region(&n->layout, chunk);
	struct ncc_tile src, dst;
	int err;

	r.o0 = first;
	r.on = count;
	err = ncc_load(n->L, n->node->in[0]->value, &n->layout, 0, &r, &src);
	if (!err)
		err = ncc_result_tile(n->L, &n->res, &r, &dst);
	if (!err)
		err = tile(n, (unsigned int)r.an, count, &src, &dst);
	return err ? err : ncc_result_put(n->L, &n->res, &r, &dst);
}

int ncc_tile_norm(struct ncc_lower *L, struct ncc_node *node)
{
	struct norm n = { .L = L, .node = node, .size = node->extent[1] };
	struct ncc_value *x = node->in[0]->value;
	struct ncc_layout rep = { 1, 1, n.size, true };
	int64_t most;
	int err;

	n.layout = (struct ncc_layout){ 1, node->extent[0], n.size, false };
	for (struct ncc_copy *c = x->copies; c; c = c->next)
		if (c->layout.i == n.size && !c->layout.rep && c->dtype == x->dtype)
			n.layout = c->layout;
	err = ncc_want(L, x, &n.layout, 0);
	if (!err && wants_turned(&n))
		return turn(&n);
	for (size_t i = 1; i < node->nin && !err; i++)
		if (node->in[i])
			err = ncc_want(L, node->in[i]->value, &rep, NEURON_FP32);
	if (!err)
		err = ncc_result_begin(L, node->out[0]->value, &n.layout, &n.res);
	most = NCC_TILE_LIMIT / 4 / n.size;
	most = most < 1 ? 1 : most;
	for (int64_t c = 0; c < ncc_chunks(&n.layout); c++)
		for (int64_t g = 0; g < n.layout.o && !err; g += most)
			err = rows(&n, c, g, n.layout.o - g < most ? n.layout.o - g : most);
	return err ? err : ncc_result_end(L, &n.res);
}
