// SPDX-License-Identifier: Apache-2.0
/*
 * Fuse pass: what follows a matrix product moves into it. Factors per channel go into
 * the weights, terms per channel into the bias; a tensor of the same shape becomes the
 * residual operand and a function the last step of the evacuation from PSUM.
 */
#include <errno.h>
#include <string.h>

#include <neuron/isa.h>

#include "build.h"
#include "fold.h"

bool ncc_has_channels(const struct ncc_node *node)
{
	return (node->op == NCC_CONV || node->op == NCC_LINEAR) && node->in[1]->f;
}

int ncc_channel_axis(const struct ncc_node *node)
{
	if (node->op != NCC_LINEAR)
		return 1;
	/* A matrix times a vector: the one column has no axis in the result. */
	return node->out[0]->rank < node->in[0]->rank ? -1 : node->out[0]->rank - 1;
}

static int64_t channels(const struct ncc_node *node)
{
	return node->op == NCC_LINEAR ? node->in[1]->dim[1] : node->in[1]->dim[0];
}

/* @n times @value. */
static const float *every(struct ncc_graph *g, int64_t n, float value)
{
	float *v = ncc_alloc_array(&g->ctx->arena, (size_t)n, sizeof(*v));

	for (int64_t i = 0; i < n; i++)
		v[i] = value;
	return v;
}

const float *ncc_channel_vector(struct ncc_graph *g, const struct ncc_tensor *t,
				const struct ncc_tensor *out, int axis)
{
	int64_t c;

	if (!t->f || t->rank > out->rank)
		return NULL;
	c = axis < 0 ? 1 : out->dim[axis];
	for (int d = 0; d < t->rank; d++)
		if (t->dim[d] != 1 && d != axis - (out->rank - t->rank))
			return NULL;
	if (t->count == c)
		return t->f;
	if (t->count != 1)
		return NULL;
	return every(g, c, t->f[0]);
}

static void scale_weights(struct ncc_graph *g, struct ncc_node *node, const float *factor)
{
	int64_t m = channels(node);
	float *all = ncc_alloc_array(&g->ctx->arena, (size_t)m, sizeof(*all));

	for (int64_t i = 0; i < m; i++)
		all[i] = node->factor ? node->factor[i] * factor[i] : factor[i];
	node->factor = all;
}

void ncc_scale_channels(struct ncc_graph *g, struct ncc_node *node, const float *factor,
			const float *term)
{
	int64_t m = channels(node);
	float *bias = ncc_alloc_array(&g->ctx->arena, (size_t)m, sizeof(*bias));

	if (factor)
		scale_weights(g, node, factor);
	for (int64_t i = 0; i < m; i++) {
		bias[i] = node->bias ? node->bias->f[i] : 0;
		if (factor)
			bias[i] *= factor[i];
		if (term)
			bias[i] += term[i];
	}
	if (node->bias || term)
		node->bias = ncc_graph_const(g, "bias", 1, &m, bias);
}

static bool is_tanh(const struct ncc_node *node)
{
	const struct ncc_attr *how = ncc_attr(node, "approximate");

	return how && how->kind == NCC_ATTR_STRING && !strcmp(how->s, "tanh");
}

/* The function of ACT that @next is, and its parameter. */
static bool activation(const struct ncc_node *next, uint8_t *func, float *param)
{
	static const uint8_t plain[NCC_OP_COUNT] = {
		[NCC_RELU] = NEURON_FUNC_RELU, [NCC_SIGMOID] = NEURON_FUNC_SIGMOID,
		[NCC_TANH] = NEURON_FUNC_TANH, [NCC_HARDSWISH] = NEURON_FUNC_HARD_SWISH,
		[NCC_SILU] = NEURON_FUNC_SILU, [NCC_SOFTPLUS] = NEURON_FUNC_SOFTPLUS,
		[NCC_MISH] = NEURON_FUNC_MISH, [NCC_ERF] = NEURON_FUNC_ERF,
	};

	switch (next->op) {
	case NCC_GELU:
		*func = is_tanh(next) ? NEURON_FUNC_GELU_TANH : NEURON_FUNC_GELU;
		return true;
	case NCC_LEAKYRELU:
		*func = NEURON_FUNC_LEAKY_RELU;
		*param = ncc_attr_float(next, "alpha", 0.01f);
		return true;
	case NCC_ELU:
		*func = NEURON_FUNC_ELU;
		*param = ncc_attr_float(next, "alpha", 1);
		return true;
	case NCC_CLIP:
		*func = NEURON_FUNC_RELU_CLIP;
		*param = next->high;
		return next->low == 0 && next->high > 0;
	default:
		*func = plain[next->op];
		return *func != NEURON_FUNC_IDENTITY;
	}
}

static bool fuse_activation(struct ncc_graph *g, struct ncc_node *node, const struct ncc_node *next)
{
	float param = 0, slope, start;
	uint8_t func;

	if (activation(next, &func, &param)) {
		/* The parameter's field is the residual's. */
		if (node->residual && ncc_func_has_param(func))
			return false;
		node->func = func;
		node->param = param;
		return true;
	}
	if (next->op != NCC_HARDSIGMOID || !ncc_has_channels(node) || node->residual)
		return false;
	slope = ncc_attr_float(next, "alpha", 0.2f);
	start = ncc_attr_float(next, "beta", 0.5f);
	ncc_scale_channels(g, node, every(g, channels(node), slope), every(g, channels(node), start));
	node->func = NEURON_FUNC_CLAMP01;
	return true;
}

/* NULL where a factor would be infinite: then the division stays. */
static const float *inverse(struct ncc_graph *g, const float *v, int64_t n)
{
	float *r = v ? ncc_alloc_array(&g->ctx->arena, (size_t)n, sizeof(*r)) : NULL;

	for (int64_t i = 0; r && i < n; i++) {
		if (v[i] == 0)
			return NULL;
		r[i] = 1 / v[i];
	}
	return r;
}

static const float *negated(struct ncc_graph *g, const float *v, int64_t n)
{
	float *r = v ? ncc_alloc_array(&g->ctx->arena, (size_t)n, sizeof(*r)) : NULL;

	for (int64_t i = 0; r && i < n; i++)
		r[i] = -v[i];
	return r;
}

/* Constant operands of @next, whose other operand is the result of @node. */
static bool fuse_constant(struct ncc_graph *g, struct ncc_node *node, struct ncc_node *next,
			  struct ncc_tensor *other, bool first)
{
	struct ncc_tensor *out = next->out[0];
	int64_t m = channels(node);
	const float *v;

	if (out->count != node->out[0]->count || out->rank != node->out[0]->rank)
		return false;
	v = ncc_channel_vector(g, other, out, ncc_channel_axis(node));
	if (!v)
		return false;
	switch (next->op) {
	case NCC_ADD:
		ncc_scale_channels(g, node, NULL, v);
		return true;
	case NCC_SUB:
		if (!first)
			return false;
		ncc_scale_channels(g, node, NULL, negated(g, v, m));
		return true;
	case NCC_MUL:
	case NCC_DIV:
		if (next->op == NCC_DIV)
			v = first ? inverse(g, v, m) : NULL;
		if (!v || node->residual)
			return false;
		ncc_scale_channels(g, node, v, NULL);
		return true;
	default:
		return false;
	}
}

static bool same_shape(const struct ncc_tensor *a, const struct ncc_tensor *b)
{
	return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof(a->dim[0]));
}

/* One row for all rows of a product, such as the mask of an attention; perhaps one for each turn of the first axis. */
static bool is_row(const struct ncc_tensor *t, const struct ncc_tensor *out)
{
	int last = t->rank - 1;

	if (t->rank < 1 || t->rank > out->rank || t->dim[last] != out->dim[out->rank - 1] || out->rank < 2)
		return false;
	for (int d = 0; d < last; d++)
		if (t->dim[d] != 1 && (d || t->rank != out->rank || out->rank < 3 || t->dim[0] != out->dim[0]))
			return false;
	return true;
}

/* A product, times or divided by a number: ACT multiplies while it takes the sums from PSUM. */
static bool fuse_number(struct ncc_node *node, const struct ncc_node *next,
			const struct ncc_tensor *other, bool first)
{
	if (node->residual || !other->f || other->count != 1 || !same_shape(next->out[0], node->out[0]))
		return false;
	if (next->op == NCC_MUL)
		node->scale *= other->f[0];
	else if (next->op == NCC_DIV && first && other->f[0] != 0)
		node->scale /= other->f[0];
	else
		return false;
	return true;
}

static bool fuse_binary(struct ncc_graph *g, struct ncc_node *node, struct ncc_node *next)
{
	bool first = next->in[0] == node->out[0];
	struct ncc_tensor *other = next->in[first];

	if (next->in[0] == next->in[1])
		return false;
	if (ncc_has_channels(node) && fuse_constant(g, node, next, other, first))
		return true;
	if (node->op == NCC_MATMUL && fuse_number(node, next, other, first))
		return true;
	if (next->op != NCC_ADD || node->residual || !same_shape(next->out[0], node->out[0]))
		return false;
	if (!same_shape(other, node->out[0]) && !(node->op == NCC_MATMUL && is_row(other, node->out[0])))
		return false;
	node->residual = other;
	return true;
}

/* Can @next be a part of @node? */
static bool fuse(struct ncc_graph *g, struct ncc_node *node, struct ncc_node *next)
{
	if (node->func != NEURON_FUNC_IDENTITY)
		return false;
	if (fuse_activation(g, node, next))
		return true;
	switch (next->op) {
	case NCC_ADD:
	case NCC_SUB:
	case NCC_MUL:
	case NCC_DIV:
		return node->op != NCC_AFFINE && fuse_binary(g, node, next);
	case NCC_AFFINE:
		if (!ncc_has_channels(node) || ncc_channel_axis(node) != 1 || node->residual)
			return false;
		ncc_scale_channels(g, node, next->in[1]->f, next->in[2]->f);
		return true;
	default:
		return false;
	}
}

static bool can_grow(const struct ncc_node *node)
{
	return node->op == NCC_CONV || node->op == NCC_LINEAR || node->op == NCC_MATMUL ||
	       node->op == NCC_AFFINE;
}

/* The bias input becomes node->bias, where later terms are added. */
static int take_bias(struct ncc_graph *g, struct ncc_node *node)
{
	if (node->op != NCC_CONV)
		return 0;
	if (!node->in[1]->f)
		return ncc_node_error(g->ctx, node, "weights '%s' are computed at run time; they must be "
				      "constant", node->in[1]->name);
	if (node->nin < 3 || !node->in[2])
		return 0;
	if (!node->in[2]->f)
		return ncc_node_error(g->ctx, node, "bias '%s' is computed at run time; it must be constant",
				      node->in[2]->name);
	ncc_scale_channels(g, node, NULL, node->in[2]->f);
	node->nin = 2;
	return 0;
}

/*
 * The input of @next that a node before it can absorb @next through. Of two candidates
 * the later one: the other's result is then ready when it runs.
 */
static struct ncc_node *candidate(struct ncc_node *next)
{
	struct ncc_node *best = NULL;

	for (size_t i = 0; i < next->nin && i < 2; i++) {
		struct ncc_tensor *t = next->in[i];
		struct ncc_node *node = t ? t->producer : NULL;

		if (!node || !can_grow(node) || t->consumers != 1 || t->is_output)
			continue;
		if (!best || node->mark > best->mark)
			best = node;
	}
	return best;
}

int ncc_fuse(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->graph;
	struct ncc_node **old;
	size_t n = ncc_graph_take(g, &old);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < old[i]->nout; k++)
			old[i]->out[k]->producer = old[i];
	for (size_t i = 0; i < n; i++) {
		struct ncc_node *node = candidate(old[i]);

		if (take_bias(g, old[i]))
			return -EINVAL;
		if (node && fuse(g, node, old[i])) {
			/* It moves here: the residual may be made between its place and this one. */
			old[node->mark] = NULL;
			node->out[0] = old[i]->out[0];
			node->out[0]->producer = node;
			old[i] = node;
		}
		old[i]->mark = (int)i;
	}
	for (size_t i = 0; i < n; i++)
		if (old[i])
			ncc_graph_add(g, old[i]);
	ncc_graph_count_uses(g);
	return 0;
}
