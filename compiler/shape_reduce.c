// SPDX-License-Identifier: Apache-2.0
/*
 * Shape inference of reductions and normalisations, and of what only shape arithmetic uses.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "shape.h"

int ncc_shape_reduce(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t axes[NCC_MAX_RANK], dim[NCC_MAX_RANK];
	bool keep = ncc_attr_int(node, "keepdims", 1);
	int n = ncc_axes(g, node, x->rank, axes), rank = 0;

	if (n < 0)
		return n;
	node->axes = 0;
	for (int i = 0; i < n; i++)
		node->axes |= 1u << axes[i];
	if (!n && !ncc_attr_int(node, "noop_with_empty_axes", 0))
		node->axes = (1u << x->rank) - 1;
	for (int d = 0; d < x->rank; d++) {
		bool reduced = node->axes >> d & 1;

		if (!reduced)
			dim[rank++] = x->dim[d];
		else if (keep)
			dim[rank++] = 1;
	}
	return ncc_tensor_set_shape(g, node, node->out[0], rank, dim);
}

static int same(struct ncc_graph *g, struct ncc_node *node)
{
	return ncc_tensor_set_shape(g, node, node->out[0], node->in[0]->rank, node->in[0]->dim);
}

int ncc_shape_layernorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t dim[NCC_MAX_RANK];

	if (ncc_axis(g, node, ncc_attr_int(node, "axis", -1), x->rank, &node->axis))
		return -EINVAL;
	for (size_t i = 1; i < node->nin; i++) {
		struct ncc_tensor *t = node->in[i];
		bool fits = !t || t->rank <= x->rank;

		for (int d = 0; t && fits && d < t->rank; d++)
			fits = t->dim[d] == 1 || t->dim[d] == x->dim[x->rank - t->rank + d];
		if (!fits)
			return ncc_node_error(g->ctx, node, "'%s' %s does not fit '%s' %s", t->name,
					      ncc_shape_text(g->ctx, t), x->name,
					      ncc_shape_text(g->ctx, x));
	}
	/* Mean and inverse deviation, for training. */
	for (size_t i = 1; i < node->nout; i++) {
		if (!node->out[i])
			continue;
		for (int d = 0; d < x->rank; d++)
			dim[d] = d < node->axis ? x->dim[d] : 1;
		node->out[i]->type = x->type;
		if (ncc_tensor_set_shape(g, node, node->out[i], x->rank, dim))
			return -EINVAL;
	}
	return same(g, node);
}

/* InstanceNormalization, GroupNormalization: axis 1 has the channels. */
int ncc_shape_channelnorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t groups = ncc_attr_int(node, "num_groups", 1);

	if (x->rank < 2 || groups < 1 || (node->op == NCC_GROUPNORM && x->dim[1] % groups))
		return ncc_node_error(g->ctx, node, "'%s' %s has no channels that fit", x->name,
				      ncc_shape_text(g->ctx, x));
	for (size_t i = 1; i < 3; i++)
		if (node->in[i]->count != x->dim[1] &&
		    (node->op == NCC_INSTANCENORM || node->in[i]->count != groups))
			return ncc_node_error(g->ctx, node, "'%s' %s does not fit the %" PRId64
					      " channels of '%s'", node->in[i]->name,
					      ncc_shape_text(g->ctx, node->in[i]), x->dim[1], x->name);
	node->group = groups;
	return same(g, node);
}

int ncc_shape_lpnorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	if (ncc_axis(g, node, ncc_attr_int(node, "axis", -1), x->rank, &node->axis))
		return -EINVAL;
	return same(g, node);
}

int ncc_shape_mvn(struct ncc_graph *g, struct ncc_node *node)
{
	static const int64_t usual[] = { 0, 2, 3 };
	const struct ncc_attr *a = ncc_attr(node, "axes");
	const int64_t *axes = a ? a->ints : usual;
	size_t n = a ? a->n : 3;
	int64_t axis;

	node->axes = 0;
	for (size_t i = 0; i < n; i++) {
		if (ncc_axis(g, node, axes[i], node->in[0]->rank, &axis))
			return -EINVAL;
		node->axes |= 1u << axis;
	}
	return same(g, node);
}

int ncc_shape_lrn(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	if (x->rank < 2 || ncc_attr_int(node, "size", 0) < 1)
		return ncc_node_error(g->ctx, node, "attribute size or '%s' %s makes no sense", x->name,
				      ncc_shape_text(g->ctx, x));
	return same(g, node);
}

int ncc_shape_compare(struct ncc_graph *g, struct ncc_node *node)
{
	node->out[0]->type = NCC_BOOL;
	return ncc_shape_broadcast(g, node, node->in, 2, node->out[0]);
}

/* And, Or, Xor, Not */
int ncc_shape_logic(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t i = 0; i < node->nin; i++)
		if (node->in[i]->type != NCC_BOOL)
			return ncc_node_error(g->ctx, node, "input '%s' has type %s, but must be bool",
					      node->in[i]->name, ncc_type_name(node->in[i]->type));
	node->out[0]->type = NCC_BOOL;
	return ncc_shape_broadcast(g, node, node->in, node->nin, node->out[0]);
}

int ncc_shape_where(struct ncc_graph *g, struct ncc_node *node)
{
	const struct ncc_tensor *a = node->in[1], *b = node->in[2];

	if (node->in[0]->type != NCC_BOOL)
		return ncc_node_error(g->ctx, node, "condition '%s' has type %s, but must be bool",
				      node->in[0]->name, ncc_type_name(node->in[0]->type));
	if (a->type != b->type)
		return ncc_node_error(g->ctx, node, "input '%s' has type %s, but '%s' has type %s", b->name,
				      ncc_type_name(b->type), a->name, ncc_type_name(a->type));
	node->out[0]->type = node->in[1]->type;
	return ncc_shape_broadcast(g, node, node->in, 3, node->out[0]);
}

int ncc_shape_size(struct ncc_graph *g, struct ncc_node *node)
{
	node->out[0]->type = NCC_INT64;
	return ncc_tensor_set_shape(g, node, node->out[0], 0, NULL);
}

static double number(const struct ncc_tensor *t)
{
	return t->f ? t->f[0] : (double)t->i[0];
}

/* The result is computed right here: its size depends on the values. */
int ncc_shape_range(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0];
	double start, limit, delta, count;
	int64_t n, *i;
	float *f;

	for (size_t k = 0; k < 3; k++)
		if (!ncc_is_const(node->in[k]) || node->in[k]->count != 1)
			return ncc_refuse(g->ctx, node, "'%s' must be a constant number",
					  node->in[k]->name);
	start = number(node->in[0]);
	limit = number(node->in[1]);
	delta = number(node->in[2]);
	count = delta != 0 ? ceil((limit - start) / delta) : -1;
	if (!(count < INT32_MAX))
		return ncc_node_error(g->ctx, node, "from %g to %g in steps of %g has too many elements", start,
				      limit, delta);
	n = count > 0 ? (int64_t)count : 0;
	if (n > NCC_EVAL_LIMIT)
		return ncc_refuse(g->ctx, node, "has %" PRId64 " elements; the compiler computes up to %d", n,
				  NCC_EVAL_LIMIT);
	f = ncc_alloc_array(&g->ctx->arena, (size_t)n + 1, sizeof(*f));
	i = ncc_alloc_array(&g->ctx->arena, (size_t)n + 1, sizeof(*i));
	for (int64_t k = 0; k < n; k++) {
		f[k] = (float)(start + (double)k * delta);
		i[k] = (int64_t)(start + (double)k * delta);
	}
	if (node->in[0]->f)
		out->f = f;
	else
		out->i = i;
	return ncc_tensor_set_shape(g, node, out, 1, &n);
}
