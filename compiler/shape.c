// SPDX-License-Identifier: Apache-2.0
/*
 * Shape pass: the shape and type of every tensor, in topological order. Constant
 * expressions are computed on the way, because shapes may depend on them.
 */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "shape.h"

static int set(struct ncc_graph *g, struct ncc_node *node, int rank, const int64_t *dim)
{
	return ncc_tensor_set_shape(g, node, node->out[0], rank, dim);
}

static int same(struct ncc_graph *g, struct ncc_node *node)
{
	return set(g, node, node->in[0]->rank, node->in[0]->dim);
}

int ncc_axis(struct ncc_graph *g, struct ncc_node *node, int64_t axis, int rank, int64_t *out)
{
	if (axis < -rank || axis >= rank)
		return ncc_node_error(g->ctx, node, "axis %" PRId64 " is outside of the %d dimensions of "
				      "'%s'", axis, rank, node->in[0]->name);
	*out = axis < 0 ? axis + rank : axis;
	return 0;
}

int ncc_axes(struct ncc_graph *g, struct ncc_node *node, int rank, int64_t *out)
{
	const struct ncc_attr *a = ncc_attr(node, "axes");
	const int64_t *axes = a ? a->ints : NULL;
	int64_t n = a ? (int64_t)a->n : 0;
	uint32_t seen = 0;

	if (node->nin > 1 && node->in[1]) {
		axes = node->in[1]->i;
		n = node->in[1]->count;
		if (!axes)
			return ncc_refuse(g->ctx, node, "axes ('%s') must be constant integers",
					      node->in[1]->name);
	}
	if (n > NCC_MAX_RANK)
		return ncc_node_error(g->ctx, node, "has %" PRId64 " axes; at most %d are supported",
				      n, NCC_MAX_RANK);
	for (int64_t i = 0; i < n; i++) {
		if (ncc_axis(g, node, axes[i], rank, &out[i]))
			return -EINVAL;
		if (seen >> out[i] & 1)
			return ncc_node_error(g->ctx, node, "axis %" PRId64 " is named twice", out[i]);
		seen |= 1u << out[i];
	}
	return (int)n;
}

int ncc_shape_broadcast(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor **in,
			size_t n, struct ncc_tensor *out)
{
	int64_t dim[NCC_MAX_RANK];
	int rank = 0;

	for (size_t i = 0; i < n; i++)
		if (in[i]->rank > rank)
			rank = in[i]->rank;
	for (int d = 0; d < rank; d++) {
		dim[d] = 1;
		for (size_t i = 0; i < n; i++) {
			int own = d - (rank - in[i]->rank);
			int64_t size = own < 0 ? 1 : in[i]->dim[own];

			if (size == 1 || size == dim[d])
				continue;
			if (dim[d] != 1)
				return ncc_node_error(g->ctx, node, "'%s' %s and '%s' %s cannot be broadcast",
						      in[0]->name, ncc_shape_text(g->ctx, in[0]),
						      in[i]->name, ncc_shape_text(g->ctx, in[i]));
			dim[d] = size;
		}
	}
	return ncc_tensor_set_shape(g, node, out, rank, dim);
}

static int broadcast(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t i = 0; i < node->nin; i++) {
		if (!node->in[i])
			return ncc_node_error(g->ctx, node, "input %zu is missing", i);
		if (node->in[i]->type != node->in[0]->type)
			return ncc_node_error(g->ctx, node, "input '%s' has type %s, but '%s' has type %s",
					      node->in[i]->name, ncc_type_name(node->in[i]->type),
					      node->in[0]->name, ncc_type_name(node->in[0]->type));
	}
	return ncc_shape_broadcast(g, node, node->in, node->nin, node->out[0]);
}

/* The slope broadcasts to the input, not the other way round. */
static int prelu(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	if (ncc_shape_broadcast(g, node, node->in, 2, node->out[0]))
		return -EINVAL;
	if (node->out[0]->count != x->count)
		return ncc_node_error(g->ctx, node, "slope '%s' %s does not fit '%s' %s", node->in[1]->name,
				      ncc_shape_text(g->ctx, node->in[1]), x->name,
				      ncc_shape_text(g->ctx, x));
	return 0;
}

/* Base and exponent may have different types. */
static int power(struct ncc_graph *g, struct ncc_node *node)
{
	return ncc_shape_broadcast(g, node, node->in, 2, node->out[0]);
}

static int clip_limit(struct ncc_graph *g, struct ncc_node *node, size_t i, const char *attr,
		      float *limit)
{
	struct ncc_tensor *t = i < node->nin ? node->in[i] : NULL;

	*limit = ncc_attr_float(node, attr, *limit);
	if (!t)
		return 0;
	if (!ncc_is_const(t) || t->count != 1)
		return ncc_refuse(g->ctx, node, "limit '%s' must be a constant number", t->name);
	*limit = t->f ? t->f[0] : (float)t->i[0];
	return 0;
}

static int clip(struct ncc_graph *g, struct ncc_node *node)
{
	node->low = -FLT_MAX;
	node->high = FLT_MAX;
	if (clip_limit(g, node, 1, "min", &node->low) || clip_limit(g, node, 2, "max", &node->high))
		return -EINVAL;
	return same(g, node);
}

static int dropout(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *t = node->nin > 2 ? node->in[2] : NULL;

	if (t && (!ncc_is_const(t) || t->count != 1 || !t->i || t->i[0]))
		return ncc_refuse(g->ctx, node, "training_mode '%s' is not a constant false; export "
				      "the model for inference", t->name);
	return same(g, node);
}

static int batchnorm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	if (ncc_attr_int(node, "training_mode", 0))
		return ncc_refuse(g->ctx, node, "training_mode is 1; export the model for inference");
	if (!ncc_attr_int(node, "spatial", 1))
		return ncc_refuse(g->ctx, node, "spatial is 0; only 1 is supported");
	if (x->rank < 2)
		return ncc_node_error(g->ctx, node, "input '%s' %s needs 2 or more dimensions", x->name,
				      ncc_shape_text(g->ctx, x));
	for (size_t i = 1; i < 5; i++)
		if (node->in[i]->count != x->dim[1])
			return ncc_node_error(g->ctx, node, "'%s' %s does not fit the %" PRId64
					      " channels of '%s'", node->in[i]->name,
					      ncc_shape_text(g->ctx, node->in[i]), x->dim[1], x->name);
	return same(g, node);
}

static int gemm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->in[1];
	bool ta = ncc_attr_int(node, "transA", 0), tb = ncc_attr_int(node, "transB", 0);
	int64_t dim[2];

	if (a->rank != 2 || b->rank != 2)
		return ncc_node_error(g->ctx, node, "'%s' %s and '%s' %s must have 2 dimensions", a->name,
				      ncc_shape_text(g->ctx, a), b->name, ncc_shape_text(g->ctx, b));
	if (a->dim[!ta] != b->dim[tb])
		return ncc_node_error(g->ctx, node, "the inner sizes of '%s' %s and '%s' %s differ (transA "
				      "%d, transB %d)", a->name, ncc_shape_text(g->ctx, a), b->name,
				      ncc_shape_text(g->ctx, b), ta, tb);
	dim[0] = a->dim[ta];
	dim[1] = b->dim[!tb];
	if (node->nin > 2 && node->in[2]) {
		struct ncc_tensor *both[2] = { node->out[0], node->in[2] };
		int64_t want = dim[0] * dim[1];

		if (set(g, node, 2, dim) ||
		    ncc_shape_broadcast(g, node, both, 2, node->out[0]))
			return -EINVAL;
		if (node->out[0]->count != want)
			return ncc_node_error(g->ctx, node, "'%s' %s is larger than the product",
					      both[1]->name, ncc_shape_text(g->ctx, both[1]));
	}
	return set(g, node, 2, dim);
}

static int matmul(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->in[1];
	struct ncc_tensor batch[2] = { *a, *b };
	struct ncc_tensor *both[2] = { &batch[0], &batch[1] };
	struct ncc_tensor out = { .name = node->out[0]->name };
	int64_t inner;

	if (!a->rank || !b->rank)
		return ncc_node_error(g->ctx, node, "a scalar is no matrix: '%s' %s, '%s' %s", a->name,
				      ncc_shape_text(g->ctx, a), b->name, ncc_shape_text(g->ctx, b));
	inner = b->dim[b->rank > 1 ? b->rank - 2 : 0];
	if (a->dim[a->rank - 1] != inner)
		return ncc_node_error(g->ctx, node, "the inner sizes of '%s' %s and '%s' %s differ",
				      a->name, ncc_shape_text(g->ctx, a), b->name,
				      ncc_shape_text(g->ctx, b));
	batch[0].rank = a->rank > 2 ? a->rank - 2 : 0;
	batch[1].rank = b->rank > 2 ? b->rank - 2 : 0;
	if (ncc_shape_broadcast(g, node, both, 2, &out))
		return -EINVAL;
	if (out.rank + 2 > NCC_MAX_RANK)
		return ncc_refuse(g->ctx, node, "has too many dimensions");
	if (a->rank > 1)
		out.dim[out.rank++] = a->dim[a->rank - 2];
	if (b->rank > 1)
		out.dim[out.rank++] = b->dim[b->rank - 1];
	return set(g, node, out.rank, out.dim);
}

static int reshape(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	const struct ncc_attr *a = ncc_attr(node, "shape");
	const int64_t *want = a ? a->ints : NULL;
	int64_t n = a ? (int64_t)a->n : 0;
	int64_t dim[NCC_MAX_RANK], known = 1;
	int open = -1;

	if (node->nin > 1 && node->in[1]) {
		want = node->in[1]->i;
		n = node->in[1]->count;
		if (!want)
			return ncc_refuse(g->ctx, node, "shape '%s' is not constant: dynamic shapes "
					      "are not supported; simplify the model (onnxsim) or export "
					      "it with fixed sizes", node->in[1]->name);
	}
	if (n > NCC_MAX_RANK)
		return ncc_node_error(g->ctx, node, "shape has %" PRId64 " dimensions; at most %d are "
				      "supported", n, NCC_MAX_RANK);
	for (int i = 0; i < n; i++) {
		dim[i] = want[i];
		if (want[i] == 0 && !ncc_attr_int(node, "allowzero", 0))
			dim[i] = i < x->rank ? x->dim[i] : -2;
		if (dim[i] == -1 && open < 0)
			open = i;
		else if (dim[i] < 0 || __builtin_mul_overflow(known, dim[i], &known))
			return ncc_node_error(g->ctx, node, "size %" PRId64 " of dimension %d makes no sense",
					      want[i], i);
	}
	if (open >= 0)
		dim[open] = known && x->count % known == 0 ? x->count / known : -1;
	if (open >= 0 ? dim[open] < 0 : known != x->count)
		return ncc_node_error(g->ctx, node, "'%s' %s has %" PRId64 " elements, which do not fit the "
				      "new shape", x->name, ncc_shape_text(g->ctx, x), x->count);
	return set(g, node, (int)n, dim);
}

static int flatten(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t axis = ncc_attr_int(node, "axis", 1);
	int64_t dim[2];

	if (axis < -x->rank || axis > x->rank)
		return ncc_node_error(g->ctx, node, "axis %" PRId64 " is outside of %s", axis,
				      ncc_shape_text(g->ctx, x));
	if (axis < 0)
		axis += x->rank;
	dim[0] = ncc_dims(x, 0, (int)axis);
	dim[1] = ncc_dims(x, (int)axis, x->rank);
	return set(g, node, 2, dim);
}

static int squeeze(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t axes[NCC_MAX_RANK], dim[NCC_MAX_RANK];
	uint32_t drop = 0;
	int n = ncc_axes(g, node, x->rank, axes), rank = 0;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (x->dim[axes[i]] != 1)
			return ncc_node_error(g->ctx, node, "axis %" PRId64 " of '%s' %s is not 1", axes[i],
					      x->name, ncc_shape_text(g->ctx, x));
		drop |= 1u << axes[i];
	}
	for (int d = 0; d < x->rank; d++)
		if (n ? !(drop >> d & 1) : x->dim[d] != 1)
			dim[rank++] = x->dim[d];
	return set(g, node, rank, dim);
}

static int unsqueeze(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	const struct ncc_attr *a = ncc_attr(node, "axes");
	int64_t axes[NCC_MAX_RANK], dim[NCC_MAX_RANK];
	int64_t more = node->nin > 1 && node->in[1] ? node->in[1]->count : a ? (int64_t)a->n : 0;
	uint32_t added = 0;
	int from = 0, rank, n;

	if (more > NCC_MAX_RANK - x->rank)
		return ncc_node_error(g->ctx, node, "result would have more than %d dimensions",
				      NCC_MAX_RANK);
	rank = x->rank + (int)more;
	n = ncc_axes(g, node, rank, axes);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		added |= 1u << axes[i];
	for (int d = 0; d < rank; d++)
		dim[d] = added >> d & 1 ? 1 : x->dim[from++];
	return set(g, node, rank, dim);
}

static int transpose(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	const struct ncc_attr *a = ncc_attr(node, "perm");
	int64_t dim[NCC_MAX_RANK];
	uint32_t seen = 0;

	if (a && (a->kind != NCC_ATTR_INTS || a->n != (size_t)x->rank))
		return ncc_node_error(g->ctx, node, "perm has %zu entries, '%s' %s has %d dimensions", a->n,
				      x->name, ncc_shape_text(g->ctx, x), x->rank);
	for (int d = 0; d < x->rank; d++) {
		node->perm[d] = a ? a->ints[d] : x->rank - 1 - d;
		if (node->perm[d] < 0 || node->perm[d] >= x->rank || seen >> node->perm[d] & 1)
			return ncc_node_error(g->ctx, node, "perm is no permutation of the dimensions");
		seen |= 1u << node->perm[d];
		dim[d] = x->dim[node->perm[d]];
	}
	return set(g, node, x->rank, dim);
}

static int softmax(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t axis = ncc_attr_int(node, "axis", g->opset < 13 ? 1 : -1);

	/* Before opset 13, axis == rank is allowed: each row is one element. */
	if (g->opset < 13 && axis == x->rank && x->rank)
		node->axis = axis;
	else if (!x->rank)
		node->axis = 0;
	else if (ncc_axis(g, node, axis, x->rank, &node->axis))
		return -EINVAL;
	return same(g, node);
}

static int concat(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t dim[NCC_MAX_RANK];
	const struct ncc_attr *a = ncc_attr(node, "axis");

	if (!a || a->kind != NCC_ATTR_INT)
		return ncc_node_error(g->ctx, node, "attribute axis is missing");
	if (ncc_axis(g, node, a->i, x->rank, &node->axis))
		return -EINVAL;
	memcpy(dim, x->dim, sizeof(dim));
	for (size_t i = 1; i < node->nin; i++) {
		struct ncc_tensor *t = node->in[i];
		bool fits = t && t->rank == x->rank && t->type == x->type;

		for (int d = 0; fits && d < x->rank; d++)
			fits = d == node->axis || t->dim[d] == x->dim[d];
		if (!fits)
			return ncc_node_error(g->ctx, node, "input %zu ('%s' %s) does not fit '%s' %s", i,
					      t ? t->name : "", t ? ncc_shape_text(g->ctx, t) : "missing",
					      x->name, ncc_shape_text(g->ctx, x));
		dim[node->axis] += t->dim[node->axis];
	}
	return set(g, node, x->rank, dim);
}

static int constant(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0];
	const struct ncc_attr *a = node->nattr ? &node->attr[0] : NULL;
	int64_t dim[1] = { a ? (int64_t)a->n : 0 };
	int64_t *i;
	float *f;

	if (!a || (a->kind != NCC_ATTR_TENSOR && strncmp(a->name, "value", 5)))
		return ncc_refuse(g->ctx, node, "has no value that is a tensor or a number");
	switch (a->kind) {
	case NCC_ATTR_TENSOR:
		out->type = a->t->type;
		out->f = a->t->f;
		out->i = a->t->i;
		return set(g, node, a->t->rank, a->t->dim);
	case NCC_ATTR_FLOAT:
		f = ncc_alloc(&g->ctx->arena, sizeof(*f));
		*f = a->f;
		out->type = NCC_FLOAT, out->f = f;
		return set(g, node, 0, NULL);
	case NCC_ATTR_INT:
		i = ncc_alloc(&g->ctx->arena, sizeof(*i));
		*i = a->i;
		out->type = NCC_INT64, out->i = i;
		return set(g, node, 0, NULL);
	case NCC_ATTR_FLOATS:
		out->type = NCC_FLOAT, out->f = a->floats;
		return set(g, node, 1, dim);
	case NCC_ATTR_INTS:
		out->type = NCC_INT64, out->i = a->ints;
		return set(g, node, 1, dim);
	default:
		return ncc_refuse(g->ctx, node, "has a value that is neither tensor nor number");
	}
}

static int constant_of_shape(struct ncc_graph *g, struct ncc_node *node)
{
	const struct ncc_attr *a = ncc_attr(node, "value");
	struct ncc_tensor *shape = node->in[0];

	if (!shape->i || shape->count > NCC_MAX_RANK)
		return ncc_refuse(g->ctx, node, "shape '%s' is not constant", shape->name);
	node->out[0]->type = a && a->t ? a->t->type : NCC_FLOAT;
	return set(g, node, (int)shape->count, shape->i);
}

static int cast(struct ncc_graph *g, struct ncc_node *node)
{
	int64_t to = ncc_attr_int(node, "to", 0);

	/* 22: the last type of ONNX 1.17. */
	if (to < 1 || to > 22)
		return ncc_node_error(g->ctx, node, "casts to type %" PRId64 " (attribute 'to'), which there is "
				      "not", to);
	node->out[0]->type = (enum ncc_type)to;
	return same(g, node);
}

static int shape_of(struct ncc_graph *g, struct ncc_node *node)
{
	int64_t dim[1] = { node->in[0]->rank };

	if (ncc_attr(node, "start") || ncc_attr(node, "end"))
		return ncc_refuse(g->ctx, node, "attributes start and end are not supported");
	node->out[0]->type = NCC_INT64;
	return set(g, node, 1, dim);
}

typedef int (*infer_fn)(struct ncc_graph *g, struct ncc_node *node);

static const infer_fn infer[NCC_OP_COUNT] = {
	[NCC_ABS] = same, [NCC_EXP] = same, [NCC_NEG] = same, [NCC_RECIPROCAL] = same,
	[NCC_RELU] = same, [NCC_SIGMOID] = same, [NCC_SQRT] = same, [NCC_TANH] = same,
	[NCC_IDENTITY] = same, [NCC_DROPOUT] = dropout,
	[NCC_ADD] = broadcast, [NCC_SUB] = broadcast, [NCC_MUL] = broadcast, [NCC_DIV] = broadcast,
	[NCC_MAX] = broadcast, [NCC_MIN] = broadcast, [NCC_SUM] = broadcast,
	[NCC_CLIP] = clip, [NCC_BATCHNORM] = batchnorm, [NCC_GEMM] = gemm, [NCC_MATMUL] = matmul,
	[NCC_RESHAPE] = reshape, [NCC_FLATTEN] = flatten, [NCC_SQUEEZE] = squeeze,
	[NCC_UNSQUEEZE] = unsqueeze, [NCC_TRANSPOSE] = transpose, [NCC_SOFTMAX] = softmax,
	[NCC_CONCAT] = concat, [NCC_CONSTANT] = constant, [NCC_CONSTANTOFSHAPE] = constant_of_shape,
	[NCC_CAST] = cast, [NCC_SHAPE] = shape_of, [NCC_GATHER] = ncc_shape_gather,
	[NCC_SLICE] = ncc_shape_slice, [NCC_SPLIT] = ncc_shape_split, [NCC_PAD] = ncc_shape_pad,
	[NCC_EXPAND] = ncc_shape_expand, [NCC_TILE] = ncc_shape_tile,
	[NCC_DEPTHTOSPACE] = ncc_shape_depth, [NCC_SPACETODEPTH] = ncc_shape_depth,
	[NCC_RESIZE] = ncc_shape_resize, [NCC_UPSAMPLE] = ncc_shape_resize,
	[NCC_REDUCEL1] = ncc_shape_reduce, [NCC_REDUCEL2] = ncc_shape_reduce,
	[NCC_REDUCEMAX] = ncc_shape_reduce, [NCC_REDUCEMEAN] = ncc_shape_reduce,
	[NCC_REDUCEMIN] = ncc_shape_reduce, [NCC_REDUCESUM] = ncc_shape_reduce,
	[NCC_REDUCESUMSQUARE] = ncc_shape_reduce, [NCC_LAYERNORM] = ncc_shape_layernorm,
	[NCC_INSTANCENORM] = ncc_shape_channelnorm, [NCC_GROUPNORM] = ncc_shape_channelnorm,
	[NCC_LPNORM] = ncc_shape_lpnorm, [NCC_MVN] = ncc_shape_mvn, [NCC_LRN] = ncc_shape_lrn,
	[NCC_EQUAL] = ncc_shape_compare, [NCC_GREATER] = ncc_shape_compare,
	[NCC_LESS] = ncc_shape_compare, [NCC_WHERE] = ncc_shape_where, [NCC_SIZE] = ncc_shape_size,
	[NCC_RANGE] = ncc_shape_range, [NCC_CONVTRANSPOSE] = ncc_shape_conv_transpose,
	[NCC_CELU] = same, [NCC_ELU] = same, [NCC_ERF] = same, [NCC_GELU] = same,
	[NCC_HARDSIGMOID] = same, [NCC_HARDSWISH] = same, [NCC_LEAKYRELU] = same,
	[NCC_SELU] = same, [NCC_SOFTSIGN] = same, [NCC_PRELU] = prelu, [NCC_POW] = power,
	[NCC_MEAN] = broadcast, [NCC_CEIL] = same, [NCC_COS] = same, [NCC_FLOOR] = same,
	[NCC_LOG] = same, [NCC_MISH] = same, [NCC_ROUND] = same, [NCC_SIGN] = same, [NCC_SIN] = same,
	[NCC_SOFTPLUS] = same, [NCC_GREATEREQUAL] = ncc_shape_compare,
	[NCC_LESSEQUAL] = ncc_shape_compare, [NCC_AND] = ncc_shape_logic,
	[NCC_OR] = ncc_shape_logic, [NCC_XOR] = ncc_shape_logic, [NCC_NOT] = ncc_shape_logic,
	[NCC_LOGSOFTMAX] = softmax, [NCC_SHRINK] = same, [NCC_THRESHOLDEDRELU] = same,
	[NCC_REDUCELOGSUM] = ncc_shape_reduce, [NCC_REDUCELOGSUMEXP] = ncc_shape_reduce,
	[NCC_REDUCEPROD] = ncc_shape_reduce,
	[NCC_CONV] = ncc_shape_conv,
	[NCC_MAXPOOL] = ncc_shape_pool, [NCC_AVERAGEPOOL] = ncc_shape_pool,
	[NCC_GLOBALAVERAGEPOOL] = ncc_shape_global_pool, [NCC_GLOBALMAXPOOL] = ncc_shape_global_pool,
	[NCC_LPPOOL] = ncc_shape_pool, [NCC_GLOBALLPPOOL] = ncc_shape_global_pool,
};

/* Inputs that are lists of sizes, axes or positions: from @first to @last. */
static const struct {
	enum ncc_op op;
	size_t first, last;
} lists[] = {
	{ NCC_CONSTANTOFSHAPE, 0, 0 }, { NCC_EXPAND, 1, 1 }, { NCC_GATHER, 1, 1 }, { NCC_PAD, 1, 1 },
	{ NCC_RESHAPE, 1, 1 }, { NCC_SLICE, 1, 4 }, { NCC_SPLIT, 1, 1 }, { NCC_SQUEEZE, 1, 1 },
	{ NCC_TILE, 1, 1 }, { NCC_UNSQUEEZE, 1, 1 },
};

static int check_lists(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		for (size_t i = lists[k].first; lists[k].op == node->op && i <= lists[k].last; i++) {
			const struct ncc_tensor *t = i < node->nin ? node->in[i] : NULL;

			if (t && t->type != NCC_INT64 && t->type != NCC_INT32)
				return ncc_node_error(g->ctx, node, "input '%s' has type %s, but must be int64",
						      t->name, ncc_type_name(t->type));
		}
	return 0;
}

static int infer_node(struct ncc_graph *g, struct ncc_node *node)
{
	int err;

	for (size_t i = 0; i < node->nin; i++)
		if (node->in[i] && (!node->in[i]->shaped || !node->in[i]->type))
			return ncc_refuse(g->ctx, node, "the shape or type of '%s' is known only when the "
					  "model runs", node->in[i]->name);
	if (node->nin && node->in[0])
		node->out[0]->type = node->in[0]->type;
	err = check_lists(g, node);
	if (!err)
		err = infer[node->op](g, node);
	return err ? err : ncc_eval(g, node);
}

int ncc_shape(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->graph;

	ncc_graph_count_uses(g);
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];

		/* What the model declares about its outputs is not needed, and may be wrong. */
		for (size_t j = 0; j < node->nout; j++)
			if (node->out[j])
				node->out[j]->type = NCC_TYPE_UNKNOWN;
		if (!node->refused && infer_node(g, node) && !node->refused)
			return -EINVAL;
		if (node->refused && node->nout && node->out[0] && !node->out[0]->shaped)
			node->out[0]->type = NCC_TYPE_UNKNOWN;
		ncc_shape_cpu(g, node);
	}
	return 0;
}
