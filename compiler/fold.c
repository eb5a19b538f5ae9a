// SPDX-License-Identifier: Apache-2.0
/*
 * Fold pass: everything that needs no device. Constants, identities, batch
 * normalisation, dead nodes; operators with many inputs become chains of binary ones.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "expand.h"
#include "fold.h"
#include "shape.h"

/* Batch normalisation at inference: y = scale[c] * x + shift[c]. */
static int fold_batchnorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor **in = node->in;
	float epsilon = ncc_attr_float(node, "epsilon", 1e-5f);
	int64_t c = in[1]->count;
	float *scale = ncc_alloc_array(&g->ctx->arena, (size_t)c, sizeof(*scale));
	float *shift = ncc_alloc_array(&g->ctx->arena, (size_t)c, sizeof(*shift));

	for (int i = 1; i < 5; i++)
		if (!in[i]->f)
			return ncc_node_error(g->ctx, node, "'%s' must be a constant of a floating type",
					      in[i]->name);
	for (int64_t i = 0; i < c; i++) {
		double s = in[1]->f[i] / sqrt((double)in[4]->f[i] + epsilon);

		scale[i] = (float)s;
		shift[i] = (float)(in[2]->f[i] - in[3]->f[i] * s);
	}
	node->in[1] = ncc_graph_const(g, in[1]->name, 1, &c, scale);
	node->in[2] = ncc_graph_const(g, in[2]->name, 1, &c, shift);
	node->nin = 3;
	node->op = NCC_AFFINE;
	ncc_graph_add(g, node);
	return 0;
}

/* Max, Min and Sum of n inputs: a chain of n - 1 nodes. */
static int fold_variadic(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *acc = node->in[0];
	enum ncc_op op = node->op == NCC_SUM ? NCC_ADD : node->op;

	for (size_t i = 1; i < node->nin; i++) {
		struct ncc_tensor *pair[2] = { acc, node->in[i] };

		acc = node->out[0];
		if (i + 1 < node->nin) {
			acc = ncc_graph_temp(g, node->out[0]->name, node->out[0]->type, 0, NULL);
			if (ncc_shape_broadcast(g, node, pair, 2, acc))
				return -EINVAL;
		}
		ncc_graph_add(g, ncc_node_like(g, node, op, 2, pair, acc));
	}
	return 0;
}

/* The result is the first input: nothing is left unless it has to have the name of an output. */
static int fold_identity(struct ncc_graph *g, struct ncc_node *node)
{
	node->op = NCC_COPY;
	node->nin = 1;
	if (node->out[0]->is_output)
		ncc_graph_add(g, node);
	else
		node->out[0]->same = node->in[0];
	return 0;
}

/* What is compared keeps its precision: rounding would make different numbers equal. */
static void widen(struct ncc_tensor *t)
{
	while (t) {
		const struct ncc_node *from = t->producer;
		bool passes = from && (from->op == NCC_MAXPOOL || from->op == NCC_SIGMOID ||
				       from->op == NCC_TRANSPOSE || from->op == NCC_RESHAPE ||
				       from->op == NCC_MOVE);

		t->wide = true;
		t = passes ? from->in[0] : NULL;
	}
}

/* On the chip, 1 and 0 stand for true and false. */
static void numbers_for_bool(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t i = 0; i < node->nin; i++) {
		struct ncc_tensor *t = node->in[i];
		float *data;

		if (t->type != NCC_BOOL || !t->i)
			continue;
		data = ncc_alloc_array(&g->ctx->arena, (size_t)t->count + 1, sizeof(*data));
		for (int64_t n = 0; n < t->count; n++)
			data[n] = t->i[n] ? 1 : 0;
		node->in[i] = ncc_graph_const(g, t->name, t->rank, t->dim, data);
	}
}

/* Operators that others can express. */
static int expand(struct ncc_graph *g, struct ncc_node *node)
{
	bool done;
	int err = ncc_expand_pointwise(g, node, &done);

	if (!done)
		err = ncc_expand_norm(g, node, &done);
	if (!done)
		err = ncc_expand_move(g, node, &done);
	if (!done)
		ncc_graph_add(g, node);
	return err;
}

static int fold_node(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t i = 0; i < node->nin; i++)
		while (node->in[i] && node->in[i]->same)
			node->in[i] = node->in[i]->same;
	if (ncc_is_const(node->out[0]))
		return 0;
	switch (node->op) {
	case NCC_IDENTITY:
	case NCC_DROPOUT:
	case NCC_CAST:
		return fold_identity(g, node);
	case NCC_EQUAL:
	case NCC_LESS:
	case NCC_LESSEQUAL:
	case NCC_GREATER:
	case NCC_GREATEREQUAL:
		widen(node->in[0]);
		widen(node->in[1]);
		ncc_graph_add(g, node);
		return 0;
	case NCC_AND:
	case NCC_OR:
	case NCC_XOR:
	case NCC_NOT:
	case NCC_WHERE:
		numbers_for_bool(g, node);
		return expand(g, node);
	case NCC_MAX:
	case NCC_MIN:
	case NCC_SUM:
		return node->nin == 1 ? fold_identity(g, node) : fold_variadic(g, node);
	case NCC_BATCHNORM:
		return fold_batchnorm(g, node);
	case NCC_GEMM:
		return ncc_fold_gemm(g, node);
	case NCC_MATMUL:
		return ncc_fold_matmul(g, node);
	default:
		return expand(g, node);
	}
}

/* A graph output that is constant, or a graph input: a node has to write it all the same. */
static int fold_outputs(struct ncc_graph *g)
{
	static const struct ncc_node none = { .name = "", .op_type = "Constant", .domain = "",
					      .index = -1 };

	for (size_t i = 0; i < g->noutput; i++) {
		struct ncc_tensor *t = g->output[i], *c;

		if (t->is_input)
			return ncc_error(g->ctx, "graph output '%s' is a graph input; put an Identity node "
					 "between them", t->name);
		if (!ncc_is_const(t))
			continue;
		c = ncc_graph_temp(g, t->name, t->type, t->rank, t->dim);
		c->f = t->f;
		c->i = t->i;
		t->f = NULL;
		t->i = NULL;
		ncc_graph_add(g, ncc_node_like(g, t->producer ? t->producer : &none, NCC_COPY, 1, &c, t));
		for (size_t n = 0; n < g->nnode; n++)
			for (size_t k = 0; k < g->node[n]->nin; k++)
				if (g->node[n]->in[k] == t)
					g->node[n]->in[k] = c;
	}
	return 0;
}

/* Backwards, because a dead node's inputs may be dead without it. */
static void drop_dead(struct ncc_graph *g)
{
	struct ncc_node **old;
	size_t n, kept;

	ncc_graph_count_uses(g);
	n = ncc_graph_take(g, &old);
	kept = n;
	for (size_t i = n; i-- > 0;) {
		struct ncc_node *node = old[i];

		if (node->out[0]->consumers) {
			old[--kept] = node;
			continue;
		}
		for (size_t k = 0; k < node->nin; k++)
			if (node->in[k])
				node->in[k]->consumers--;
	}
	for (; kept < n; kept++)
		ncc_graph_add(g, old[kept]);
	ncc_graph_count_uses(g);
}

int ncc_fold(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->graph;
	struct ncc_node **old;
	size_t n;

	ncc_widen(g);
	n = ncc_graph_take(g, &old);
	for (size_t i = 0; i < n; i++)
		if (fold_node(g, old[i]))
			return -EINVAL;
	if (fold_outputs(g))
		return -EINVAL;
	ncc_fold_patterns(g);
	drop_dead(g);
	ncc_saturate(g);
	return 0;
}
