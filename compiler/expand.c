// SPDX-License-Identifier: Apache-2.0
/*
 * Elementwise operators in terms of simpler ones, and the steps that all expansions are made of.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <neuron/isa.h>

#include "expand.h"
#include "shape.h"

struct ncc_tensor *ncc_step(struct ncc_graph *g, struct ncc_node *node, enum ncc_op op,
			    struct ncc_tensor *a, struct ncc_tensor *b, struct ncc_tensor *out)
{
	struct ncc_tensor *in[2] = { a, b };

	if (!out) {
		out = ncc_graph_temp(g, node->out[0]->name, NCC_FLOAT, a->rank, a->dim);
		out->wide = true;
		/* Shapes were checked when the node's own shape was found. */
		if (b)
			ncc_shape_broadcast(g, node, in, 2, out);
	}
	ncc_graph_add(g, ncc_node_like(g, node, op, b ? 2 : 1, in, out));
	return out;
}

struct ncc_tensor *ncc_step_scalars(struct ncc_graph *g, struct ncc_node *node,
				    struct ncc_tensor *a, uint8_t alu0, float s0, uint8_t alu1,
				    float s1, struct ncc_tensor *out)
{
	struct ncc_node *n;

	out = ncc_step(g, node, NCC_SCALARS, a, NULL, out);
	n = out->producer;
	n->alu[0] = alu0;
	n->alu[1] = alu1;
	n->scalar[0] = s0;
	n->scalar[1] = s1;
	return out;
}

struct ncc_tensor *ncc_step_view(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor *a,
				 int rank, const int64_t *dim, struct ncc_tensor *out)
{
	if (!out) {
		out = ncc_graph_temp(g, a->name, NCC_FLOAT, rank, dim);
		out->wide = a->wide;
	}
	return ncc_step(g, node, NCC_RESHAPE, a, NULL, out);
}

struct ncc_tensor *ncc_step_move(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor *a,
				 struct ncc_move *m, struct ncc_tensor *out)
{
	struct ncc_tensor *fill = NULL;
	float *data;

	if (!out) {
		out = ncc_graph_temp(g, node->out[0]->name, NCC_FLOAT, m->rank, m->out);
		out->wide = a->wide;
	}
	if (m->fills) {
		data = ncc_alloc(&g->ctx->arena, sizeof(*data));
		*data = m->fill;
		fill = ncc_graph_const(g, "fill", 0, NULL, data);
	}
	ncc_step(g, node, NCC_MOVE, a, fill, out);
	out->producer->move = m;
	return out;
}

/* One group of axes: what lies before, in and after it. */
static struct ncc_tensor *reduce_group(struct ncc_graph *g, struct ncc_node *node,
				       struct ncc_tensor *a, int first, int last, uint8_t alu,
				       float scale, struct ncc_tensor *out)
{
	struct ncc_node *n;

	if (!out) {
		out = ncc_graph_temp(g, node->out[0]->name, NCC_FLOAT, a->rank, a->dim);
		out->wide = true;
		for (int d = first; d < last; d++) {
			out->count /= out->dim[d];
			out->dim[d] = 1;
		}
	}
	ncc_step(g, node, NCC_REDUCE, a, NULL, out);
	n = out->producer;
	n->alu[0] = alu;
	n->scale = scale;
	n->extent[0] = ncc_dims(a, 0, first);
	n->extent[1] = ncc_dims(a, first, last);
	n->extent[2] = ncc_dims(a, last, a->rank);
	return out;
}

struct ncc_tensor *ncc_step_reduce(struct ncc_graph *g, struct ncc_node *node,
				   struct ncc_tensor *a, uint32_t axes, uint8_t alu, float scale,
				   struct ncc_tensor *out)
{
	/* Axes of size 1 belong to whatever their neighbours are. */
	for (int d = 0; d < a->rank; d++)
		if (a->dim[d] == 1)
			axes &= ~(1u << d);
	if (!axes)
		return ncc_step_scalars(g, node, a, NEURON_ALU_MUL, scale, NEURON_ALU_BYPASS, 0, out);
	for (int last = a->rank; last > 0; last--) {
		int first = last, low;
		bool more;

		if (!(axes >> (last - 1) & 1))
			continue;
		while (first > 0 && ((axes >> (first - 1) & 1) || a->dim[first - 1] == 1))
			first--;
		low = first;
		more = axes & ((1u << low) - 1);
		a = reduce_group(g, node, a, first, last, alu, more ? 1 : scale, more ? NULL : out);
		if (!more)
			return a;
		last = first + 1;
	}
	return a;
}

static float constant(const struct ncc_tensor *t)
{
	return t->f ? t->f[0] : (float)t->i[0];
}

/* max(x, 0) and min(x, 0) */
static struct ncc_tensor *half(struct ncc_graph *g, struct ncc_node *node, bool upper)
{
	return ncc_step_scalars(g, node, node->in[0], upper ? NEURON_ALU_MAX : NEURON_ALU_MIN, 0,
				NEURON_ALU_BYPASS, 0, NULL);
}

static int prelu(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *slope = node->in[1];
	bool fraction = slope->f;

	for (int64_t i = 0; fraction && i < slope->count; i++)
		fraction = slope->f[i] >= 0 && slope->f[i] <= 1;
	if (fraction)
		ncc_step(g, node, NCC_MAX, x, ncc_step(g, node, NCC_MUL, x, slope, NULL), node->out[0]);
	else
		ncc_step(g, node, NCC_ADD, half(g, node, true),
			 ncc_step(g, node, NCC_MUL, half(g, node, false), slope, NULL), node->out[0]);
	return 0;
}

/* gamma * (max(x, 0) + alpha * (exp(min(x / beta, 0)) - 1)) */
static int exponential(struct ncc_graph *g, struct ncc_node *node, float gamma, float alpha,
		       float beta)
{
	struct ncc_tensor *x = node->in[0], *low;

	low = ncc_step_scalars(g, node, x, NEURON_ALU_MIN, 0, NEURON_ALU_MUL, 1 / beta, NULL);
	low = ncc_step(g, node, NCC_EXP, low, NULL, NULL);
	low = ncc_step_scalars(g, node, low, NEURON_ALU_SUB, 1, NEURON_ALU_MUL, gamma * alpha, NULL);
	x = ncc_step_scalars(g, node, x, NEURON_ALU_MAX, 0, NEURON_ALU_MUL, gamma, NULL);
	ncc_step(g, node, NCC_ADD, x, low, node->out[0]);
	return 0;
}

static int softsign(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *t = ncc_step(g, node, NCC_ABS, node->in[0], NULL, NULL);

	t = ncc_step_scalars(g, node, t, NEURON_ALU_ADD, 1, NEURON_ALU_BYPASS, 0, NULL);
	ncc_step(g, node, NCC_DIV, node->in[0], t, node->out[0]);
	return 0;
}

bool ncc_expands_power(const struct ncc_node *node)
{
	const struct ncc_tensor *t = node->in[1];
	float p;

	if (!ncc_is_const(t) || t->count != 1 || node->out[0]->count != node->in[0]->count)
		return false;
	p = constant(t);
	return p == 0.5f || p == -0.5f || (p == rintf(p) && fabsf(p) <= 8);
}

static int power(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *acc, *out = node->out[0];
	float p = constant(node->in[1]);
	int n = (int)fabsf(p);

	if (p == 0.5f || p == -0.5f) {
		ncc_step(g, node, p > 0 ? NCC_SQRT : NCC_RSQRT, x, NULL, out);
		return 0;
	}
	if (p >= 0 && p <= 1) {
		ncc_step_scalars(g, node, x, NEURON_ALU_MUL, p, NEURON_ALU_ADD, 1 - p, out);
		return 0;
	}
	acc = x;
	for (int i = 1; i < n; i++)
		acc = ncc_step(g, node, NCC_MUL, acc, x, i + 1 < n || p < 0 ? NULL : out);
	if (p < 0)
		ncc_step(g, node, NCC_RECIPROCAL, acc, NULL, out);
	return 0;
}

static struct ncc_tensor *number(struct ncc_graph *g, float value)
{
	float *data = ncc_alloc(&g->ctx->arena, sizeof(*data));

	*data = value;
	return ncc_graph_const(g, "number", 0, NULL, data);
}

/* @a where @op holds for the input and @limit, elsewhere @b */
static struct ncc_tensor *choose(struct ncc_graph *g, struct ncc_node *node, enum ncc_op op, float limit,
				 struct ncc_tensor *a, struct ncc_tensor *b, struct ncc_tensor *out)
{
	struct ncc_tensor *x = node->in[0];
	struct ncc_tensor *in[3] = { ncc_step(g, node, op, x, number(g, limit), NULL), a, b };

	if (!out) {
		out = ncc_graph_temp(g, node->out[0]->name, NCC_FLOAT, x->rank, x->dim);
		out->wide = true;
	}
	ncc_graph_add(g, ncc_node_like(g, node, NCC_WHERE, 3, in, out));
	return out;
}

static int thresholded(struct ncc_graph *g, struct ncc_node *node)
{
	choose(g, node, NCC_GREATER, ncc_attr_float(node, "alpha", 1), node->in[0], number(g, 0),
	       node->out[0]);
	return 0;
}

/* x - bias above lambd, x + bias below -lambd, 0 between */
static int shrink(struct ncc_graph *g, struct ncc_node *node)
{
	float lambd = ncc_attr_float(node, "lambd", 0.5f), bias = ncc_attr_float(node, "bias", 0);
	struct ncc_tensor *low, *high;

	high = ncc_step_scalars(g, node, node->in[0], NEURON_ALU_SUB, bias, NEURON_ALU_BYPASS, 0, NULL);
	low = ncc_step_scalars(g, node, node->in[0], NEURON_ALU_ADD, bias, NEURON_ALU_BYPASS, 0, NULL);
	low = choose(g, node, NCC_LESS, -lambd, low, number(g, 0), NULL);
	choose(g, node, NCC_GREATER, lambd, high, low, node->out[0]);
	return 0;
}

static int mean(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *acc = node->in[0];

	for (size_t i = 1; i < node->nin; i++)
		acc = ncc_step(g, node, NCC_ADD, acc, node->in[i], NULL);
	ncc_step_scalars(g, node, acc, NEURON_ALU_MUL, 1 / (float)node->nin, NEURON_ALU_BYPASS, 0,
			 node->out[0]);
	return 0;
}

int ncc_expand_pointwise(struct ncc_graph *g, struct ncc_node *node, bool *done)
{
	float alpha;

	*done = true;
	switch (node->op) {
	case NCC_PRELU:
		return prelu(g, node);
	case NCC_SELU:
		return exponential(g, node, ncc_attr_float(node, "gamma", 1.05070102f),
				   ncc_attr_float(node, "alpha", 1.67326319f), 1);
	case NCC_CELU:
		alpha = ncc_attr_float(node, "alpha", 1);
		return exponential(g, node, 1, alpha, alpha);
	case NCC_SOFTSIGN:
		return softsign(g, node);
	case NCC_POW:
		*done = ncc_expands_power(node);
		return *done ? power(g, node) : 0;
	case NCC_MEAN:
		return mean(g, node);
	case NCC_NOT:
		ncc_step_scalars(g, node, node->in[0], NEURON_ALU_MUL, -1, NEURON_ALU_ADD, 1, node->out[0]);
		return 0;
	case NCC_THRESHOLDEDRELU:
		return thresholded(g, node);
	case NCC_SHRINK:
		return shrink(g, node);
	default:
		*done = false;
		return 0;
	}
}
