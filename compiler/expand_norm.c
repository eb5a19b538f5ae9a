// SPDX-License-Identifier: Apache-2.0
/*
 * Reductions and normalisations in terms of REDUCE, NORM and elementwise operators.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <neuron/isa.h>

#include "expand.h"

/* Most elements of a row that NORM takes: it holds several fp32 copies of one in SBUF. */
#define NORM_ROW	4096

static int64_t reduced_count(const struct ncc_tensor *x, uint32_t axes)
{
	int64_t n = 1;

	for (int d = 0; d < x->rank; d++)
		if (axes >> d & 1)
			n *= x->dim[d];
	return n;
}

/* What is summed, multiplied or compared. */
static struct ncc_tensor *summand(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	switch (node->op) {
	case NCC_REDUCESUMSQUARE:
	case NCC_REDUCEL2:
		return ncc_step(g, node, NCC_MUL, x, x, NULL);
	case NCC_REDUCEL1:
		return ncc_step(g, node, NCC_ABS, x, NULL, NULL);
	default:
		return x;
	}
}

static uint8_t reduction_alu(enum ncc_op op)
{
	return op == NCC_REDUCEMAX ? NEURON_ALU_MAX : op == NCC_REDUCEMIN ? NEURON_ALU_MIN :
	       op == NCC_REDUCEPROD ? NEURON_ALU_MUL : NEURON_ALU_ADD;
}

/* The function behind a reduction, or NCC_OP_UNKNOWN. */
static enum ncc_op reduction_end(enum ncc_op op)
{
	return op == NCC_REDUCEL2 ? NCC_SQRT : op == NCC_REDUCELOGSUM ? NCC_LOG : NCC_OP_UNKNOWN;
}

static int reduction(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = summand(g, node), *out = node->out[0], *y;
	float scale = node->op == NCC_REDUCEMEAN ? 1 / (float)reduced_count(x, node->axes) : 1;
	enum ncc_op end = reduction_end(node->op);
	uint8_t alu = reduction_alu(node->op);
	int64_t dim[NCC_MAX_RANK];

	for (int d = 0; d < x->rank; d++)
		dim[d] = node->axes >> d & 1 ? 1 : x->dim[d];
	if (out->rank == x->rank && !end) {
		ncc_step_reduce(g, node, x, node->axes, alu, scale, out);
		return 0;
	}
	/* With the axes, then without them: the second is a view. */
	y = ncc_graph_temp(g, out->name, NCC_FLOAT, x->rank, dim);
	y->wide = end;
	ncc_step_reduce(g, node, x, node->axes, alu, scale, y);
	if (end && out->rank == x->rank)
		ncc_step(g, node, end, y, NULL, out);
	else if (end)
		ncc_step_view(g, node, ncc_step(g, node, end, y, NULL, NULL), out->rank, out->dim, out);
	else
		ncc_step_view(g, node, y, out->rank, out->dim, out);
	return 0;
}

/* *@shifted = x - max x over @axes. Returns log(sum(exp(*@shifted))). */
static struct ncc_tensor *log_sum_exp(struct ncc_graph *g, struct ncc_node *node, uint32_t axes,
				      struct ncc_tensor **max, struct ncc_tensor **shifted)
{
	struct ncc_tensor *x = node->in[0], *y;

	*max = ncc_step_reduce(g, node, x, axes, NEURON_ALU_MAX, 1, NULL);
	/* An infinity less itself would be no number. */
	*max = ncc_step_scalars(g, node, *max, NEURON_ALU_MAX, -FLT_MAX, NEURON_ALU_MIN, FLT_MAX, NULL);
	*shifted = ncc_step(g, node, NCC_SUB, x, *max, NULL);
	y = ncc_step(g, node, NCC_EXP, *shifted, NULL, NULL);
	y = ncc_step_reduce(g, node, y, axes, NEURON_ALU_ADD, 1, NULL);
	return ncc_step(g, node, NCC_LOG, y, NULL, NULL);
}

static int reduce_log_sum_exp(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0], *max, *shifted, *y;
	bool keep = out->rank == node->in[0]->rank;

	y = log_sum_exp(g, node, node->axes, &max, &shifted);
	y = ncc_step(g, node, NCC_ADD, y, max, keep ? out : NULL);
	if (!keep)
		ncc_step_view(g, node, y, out->rank, out->dim, out);
	return 0;
}

/* Before opset 13, all axes from the named one on are one. */
static int logsoftmax(struct ncc_graph *g, struct ncc_node *node)
{
	uint32_t all = (1u << node->in[0]->rank) - 1, axis = 1u << node->axis;
	struct ncc_tensor *max, *shifted, *y;

	y = log_sum_exp(g, node, g->opset < 13 ? all & ~(axis - 1) : all & axis, &max, &shifted);
	ncc_step(g, node, NCC_SUB, shifted, y, node->out[0]);
	return 0;
}

/* |x| or x * x */
static struct ncc_tensor *lp_power(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	if (ncc_attr_int(node, "p", 2) == 1)
		return ncc_step(g, node, NCC_ABS, x, NULL, NULL);
	return ncc_step(g, node, NCC_MUL, x, x, NULL);
}

static int lppool(struct ncc_graph *g, struct ncc_node *node)
{
	bool one = ncc_attr_int(node, "p", 2) == 1;
	struct ncc_tensor *x = lp_power(g, node), *out = node->out[0], *y = out;

	if (!one) {
		y = ncc_graph_temp(g, out->name, NCC_FLOAT, out->rank, out->dim);
		y->wide = true;
	}
	if (node->op == NCC_GLOBALLPPOOL) {
		ncc_step_reduce(g, node, x, ((1u << x->rank) - 1) & ~3u, NEURON_ALU_ADD, 1, y);
	} else {
		ncc_step(g, node, NCC_SUMPOOL, x, NULL, y);
		y->producer->window = node->window;
	}
	if (!one)
		ncc_step(g, node, NCC_SQRT, y, NULL, out);
	return 0;
}

/* (x - mean) / sqrt(variance + epsilon) over @axes, step by step. */
static struct ncc_tensor *normalise_axes(struct ncc_graph *g, struct ncc_node *node,
					 struct ncc_tensor *x, uint32_t axes, float epsilon,
					 struct ncc_tensor *out)
{
	float scale = 1 / (float)reduced_count(x, axes);
	struct ncc_tensor *mean, *var;

	mean = ncc_step_reduce(g, node, x, axes, NEURON_ALU_ADD, scale, NULL);
	x = ncc_step(g, node, NCC_SUB, x, mean, NULL);
	var = ncc_step_reduce(g, node, ncc_step(g, node, NCC_MUL, x, x, NULL), axes, NEURON_ALU_ADD,
			      scale, NULL);
	var = ncc_step_scalars(g, node, var, NEURON_ALU_ADD, epsilon, NEURON_ALU_BYPASS, 0, NULL);
	return ncc_step(g, node, NCC_MUL, x, ncc_step(g, node, NCC_RSQRT, var, NULL, NULL), out);
}

/* Rows of the last axes of @x. @scale and @shift: constants of a row, or NULL. */
static struct ncc_tensor *normalise_rows(struct ncc_graph *g, struct ncc_node *node,
					 struct ncc_tensor *x, int first, float epsilon,
					 struct ncc_tensor *scale, struct ncc_tensor *shift,
					 struct ncc_tensor *out)
{
	int64_t size = ncc_dims(x, first, x->rank);
	struct ncc_tensor *in[3] = { x, scale, shift };
	struct ncc_node *n;

	if (!out) {
		out = ncc_graph_temp(g, node->out[0]->name, NCC_FLOAT, x->rank, x->dim);
		out->wide = x->wide;
	}
	n = ncc_node_like(g, node, NCC_NORM, 3, in, out);
	n->low = epsilon;
	n->extent[0] = x->count / size;
	n->extent[1] = size;
	n->extent[2] = 1;
	ncc_graph_add(g, n);
	return out;
}

static struct ncc_tensor *normalise(struct ncc_graph *g, struct ncc_node *node,
				    struct ncc_tensor *x, int first, float epsilon,
				    struct ncc_tensor *out)
{
	if (ncc_dims(x, first, x->rank) <= NORM_ROW)
		return normalise_rows(g, node, x, first, epsilon, NULL, NULL, out);
	return normalise_axes(g, node, x, ((1u << x->rank) - 1) & ~((1u << first) - 1), epsilon, out);
}

/* Is it a constant with one number for each element of a row? */
static bool is_row(const struct ncc_tensor *t, int64_t size)
{
	return !t || (t->f && t->count == size);
}

static int layernorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *scale = node->in[1], *out = node->out[0], *y;
	struct ncc_tensor *shift = node->nin > 2 ? node->in[2] : NULL;
	float epsilon = ncc_attr_float(node, "epsilon", 1e-5f);
	int first = (int)node->axis;
	int64_t size = ncc_dims(x, first, x->rank);

	if (size <= NORM_ROW && is_row(scale, size) && is_row(shift, size)) {
		normalise_rows(g, node, x, first, epsilon, scale, shift, out);
		return 0;
	}
	y = normalise(g, node, x, first, epsilon, NULL);
	y = ncc_step(g, node, NCC_MUL, y, scale, shift ? NULL : out);
	if (shift)
		ncc_step(g, node, NCC_ADD, y, shift, out);
	return 0;
}

/* The parameter of each group or channel as one of each channel: [channels, 1, 1 ...]. */
static struct ncc_tensor *per_channel(struct ncc_graph *g, struct ncc_node *node,
				      struct ncc_tensor *t, const struct ncc_tensor *x)
{
	int64_t dim[NCC_MAX_RANK], c = x->dim[1], each = c / t->count;
	struct ncc_move *m;
	int64_t *index;

	for (int d = 0; d < x->rank - 1; d++)
		dim[d] = d ? 1 : c;
	if (each > 1) {
		m = ncc_alloc(&g->ctx->arena, sizeof(*m));
		index = ncc_alloc_array(&g->ctx->arena, (size_t)c, sizeof(*index));
		for (int64_t i = 0; i < c; i++)
			index[i] = i / each;
		m->rank = 1;
		m->in[0] = t->count;
		m->out[0] = c;
		m->index[0] = index;
		t = ncc_step_move(g, node, t, m, NULL);
	}
	return ncc_step_view(g, node, t, x->rank - 1, dim, NULL);
}

static const float *channel_vector(struct ncc_graph *g, const struct ncc_tensor *t, int64_t c)
{
	float *v = ncc_alloc_array(&g->ctx->arena, (size_t)c, sizeof(*v));

	for (int64_t i = 0; i < c; i++)
		v[i] = t->f[i / (c / t->count)];
	return v;
}

static int channelnorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *scale = node->in[1], *shift = node->in[2], *y;
	int64_t c = x->dim[1], groups = node->op == NCC_INSTANCENORM ? c : node->group;
	int64_t dim[2] = { x->dim[0] * groups, x->count / (x->dim[0] * groups) };
	float epsilon = ncc_attr_float(node, "epsilon", 1e-5f);
	struct ncc_tensor *in[3];

	y = ncc_step_view(g, node, x, 2, dim, NULL);
	y = normalise(g, node, y, 1, epsilon, NULL);
	y = ncc_step_view(g, node, y, x->rank, x->dim, NULL);
	if (scale->f && shift->f) {
		in[0] = y;
		in[1] = ncc_graph_const(g, scale->name, 1, &c, channel_vector(g, scale, c));
		in[2] = ncc_graph_const(g, shift->name, 1, &c, channel_vector(g, shift, c));
		ncc_graph_add(g, ncc_node_like(g, node, NCC_AFFINE, 3, in, node->out[0]));
		return 0;
	}
	y = ncc_step(g, node, NCC_MUL, y, per_channel(g, node, scale, x), NULL);
	ncc_step(g, node, NCC_ADD, y, per_channel(g, node, shift, x), node->out[0]);
	return 0;
}

static int lpnorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *y;
	bool one = ncc_attr_int(node, "p", 2) == 1;

	y = lp_power(g, node);
	y = ncc_step_reduce(g, node, y, 1u << node->axis, NEURON_ALU_ADD, 1, NULL);
	if (!one)
		y = ncc_step(g, node, NCC_SQRT, y, NULL, NULL);
	ncc_step(g, node, NCC_DIV, x, y, node->out[0]);
	return 0;
}

/* x / (bias + alpha / size * sum of the squares of neighbouring channels)^beta: the sum is a product. */
static int lrn(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *pair[2], *y, *t;
	int64_t c = x->dim[1], size = ncc_attr_int(node, "size", 1);
	float alpha = ncc_attr_float(node, "alpha", 0.0001f), beta = ncc_attr_float(node, "beta", 0.75f);
	float *w = ncc_alloc_array(&g->ctx->arena, (size_t)(c * c), sizeof(*w));
	int64_t dim[4] = { c, c, 1, 1 };
	struct ncc_node *conv;

	for (int64_t m = 0; m < c; m++)
		for (int64_t k = m - (size - 1) / 2; k <= m + size / 2; k++)
			if (k >= 0 && k < c)
				w[m * c + k] = 1;
	y = ncc_graph_temp(g, node->out[0]->name, NCC_FLOAT, x->rank, x->dim);
	y->wide = true;
	pair[0] = ncc_step(g, node, NCC_MUL, x, x, NULL);
	pair[1] = ncc_graph_const(g, "window", x->rank, dim, w);
	conv = ncc_node_like(g, node, NCC_CONV, 2, pair, y);
	conv->group = 1;
	for (int d = 0; d < 2; d++) {
		conv->window.kernel[d] = conv->window.stride[d] = conv->window.dilation[d] = 1;
		conv->window.in[d] = conv->window.out[d] = d + 2 < x->rank ? x->dim[d + 2] : 1;
	}
	ncc_graph_add(g, conv);
	y = ncc_step_scalars(g, node, y, NEURON_ALU_MUL, alpha / (float)size, NEURON_ALU_ADD,
			     ncc_attr_float(node, "bias", 1), NULL);
	if (beta == 1) {
		ncc_step(g, node, NCC_DIV, x, y, node->out[0]);
		return 0;
	}
	y = ncc_step(g, node, NCC_RSQRT, y, NULL, NULL);
	if (beta == 0.75f) {
		t = ncc_step(g, node, NCC_SQRT, y, NULL, NULL);
		y = ncc_step(g, node, NCC_MUL, y, t, NULL);
	}
	ncc_step(g, node, NCC_MUL, x, y, node->out[0]);
	return 0;
}

int ncc_expand_norm(struct ncc_graph *g, struct ncc_node *node, bool *done)
{
	*done = true;
	switch (node->op) {
	case NCC_REDUCEL1:
	case NCC_REDUCEL2:
	case NCC_REDUCELOGSUM:
	case NCC_REDUCEMAX:
	case NCC_REDUCEMEAN:
	case NCC_REDUCEMIN:
	case NCC_REDUCEPROD:
	case NCC_REDUCESUM:
	case NCC_REDUCESUMSQUARE:
		return reduction(g, node);
	case NCC_REDUCELOGSUMEXP:
		return reduce_log_sum_exp(g, node);
	case NCC_LOGSOFTMAX:
		return logsoftmax(g, node);
	case NCC_LPPOOL:
	case NCC_GLOBALLPPOOL:
		return lppool(g, node);
	case NCC_LAYERNORM:
		return layernorm(g, node);
	case NCC_INSTANCENORM:
	case NCC_GROUPNORM:
		return channelnorm(g, node);
	case NCC_MVN:
		normalise_axes(g, node, node->in[0], node->axes, 1e-9f, node->out[0]);
		return 0;
	case NCC_LPNORM:
		return lpnorm(g, node);
	case NCC_LRN:
		return lrn(g, node);
	default:
		*done = false;
		return 0;
	}
}
