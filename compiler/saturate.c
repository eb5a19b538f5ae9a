// SPDX-License-Identifier: Apache-2.0
/*
 * --enable-saturate-infinity: infinities become the largest numbers before they can make what
 * is no number: 0 times infinity, infinity less infinity.
 *
 * Only inputs of operators that could do that are clipped, and only where they could be infinite.
 * What overflows inside one sum of products is beyond reach: there is nothing between its steps.
 */
#include <float.h>
#include <math.h>

#include <neuron/isa.h>

#include "expand.h"
#include "fold.h"

#define BF16_MAX	3.38953139e38f
#define FP16_MAX	65504.0f

static bool is_product(const struct ncc_node *node)
{
	return node->op == NCC_CONV || node->op == NCC_LINEAR || node->op == NCC_MATMUL;
}

static bool has(const struct ncc_tensor *t, bool infinity)
{
	for (int64_t i = 0; i < t->count; i++)
		if (infinity ? isinf(t->f[i]) : t->f[i] == 0)
			return true;
	return false;
}

static bool may_be_infinite(const struct ncc_tensor *t)
{
	return t->f ? has(t, true) : t->infinite;
}

static bool may_be_zero(const struct ncc_tensor *t)
{
	return !t->f || has(t, false);
}

/* Is what @node makes always finite? Of finite input, that is: infinite ones were clipped. */
static bool always_finite(const struct ncc_node *node)
{
	switch (node->op) {
	case NCC_SIGMOID:
	case NCC_TANH:
	case NCC_ERF:
	case NCC_SIGN:
	case NCC_SIN:
	case NCC_COS:
	case NCC_HARDSIGMOID:
	case NCC_SOFTMAX:
	case NCC_EQUAL:
	case NCC_LESS:
	case NCC_LESSEQUAL:
	case NCC_GREATER:
	case NCC_GREATEREQUAL:
	case NCC_AND:
	case NCC_OR:
	case NCC_XOR:
		return true;
	case NCC_CLIP:
		return node->low > -FLT_MAX && node->high < FLT_MAX;
	default:
		return false;
	}
}

/* Does it give nothing that no input has? */
static bool only_passes(enum ncc_op op)
{
	switch (op) {
	case NCC_RESHAPE:
	case NCC_FLATTEN:
	case NCC_SQUEEZE:
	case NCC_UNSQUEEZE:
	case NCC_TRANSPOSE:
	case NCC_CONCAT:
	case NCC_COPY:
	case NCC_MOVE:
	case NCC_RELU:
	case NCC_LEAKYRELU:
	case NCC_ABS:
	case NCC_NEG:
	case NCC_MAX:
	case NCC_MIN:
	case NCC_WHERE:
	case NCC_MAXPOOL:
	case NCC_GLOBALMAXPOOL:
		return true;
	default:
		return false;
	}
}

static bool result_infinite(const struct ncc_node *node)
{
	bool any = false;

	if (always_finite(node))
		return false;
	for (size_t i = 0; i < node->nin; i++)
		any |= node->in[i] && may_be_infinite(node->in[i]);
	return any || !only_passes(node->op);
}

/* Could @node make a NaN of an infinity as input @i? */
static bool at_risk(const struct ncc_node *node, size_t i)
{
	const struct ncc_tensor *other = node->nin == 2 ? node->in[!i] : NULL;

	switch (node->op) {
	case NCC_CONV:
	case NCC_LINEAR:
	case NCC_MATMUL:
		return i < 2;
	case NCC_ADD:
	case NCC_SUB:
	case NCC_DIV:
		return may_be_infinite(other);
	case NCC_MUL:
		return may_be_zero(other);
	case NCC_AFFINE:
		return !i && has(node->in[1], false);
	case NCC_SCALARS:
		return node->alu[0] == NEURON_ALU_MUL && node->scalar[0] == 0;
	case NCC_REDUCE:
		return node->alu[0] == NEURON_ALU_ADD || node->alu[0] == NEURON_ALU_MUL;
	case NCC_SOFTMAX:
	case NCC_NORM:
	case NCC_AVERAGEPOOL:
	case NCC_GLOBALAVERAGEPOOL:
	case NCC_SUMPOOL:
		return true;
	default:
		return false;
	}
}

/* The largest number of the narrowest type that the input of @node may have. */
static float largest(const struct ncc_graph *g, const struct ncc_node *node, const struct ncc_tensor *t)
{
	const struct ncc_precision *p = &g->ctx->options->precision;

	if (!is_product(node) && (!p->cast_all || t->wide))
		return FLT_MAX;
	return p->half == NEURON_FP16 ? FP16_MAX : BF16_MAX;
}

static struct ncc_tensor *clipped_constant(struct ncc_graph *g, const struct ncc_tensor *t, float max)
{
	float *data = ncc_alloc_array(&g->ctx->arena, (size_t)t->count + 1, sizeof(*data));

	for (int64_t i = 0; i < t->count; i++)
		data[i] = fminf(fmaxf(t->f[i], -max), max);
	for (int64_t i = 0; i < t->count; i++)
		if (isnan(t->f[i]))
			data[i] = t->f[i];
	return ncc_graph_const(g, t->name, t->rank, t->dim, data);
}

static struct ncc_tensor *clipped(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor *t)
{
	float max = largest(g, node, t);
	struct ncc_tensor *out;

	if (t->f)
		return clipped_constant(g, t, max);
	/* Others that read it want the same, or at least as narrow a type. */
	if (t->finite && t->finite->producer->scalar[1] <= max)
		return t->finite;
	out = ncc_graph_temp(g, t->name, NCC_FLOAT, t->rank, t->dim);
	out->wide = t->wide;
	t->finite = ncc_step_scalars(g, node, t, NEURON_ALU_MAX, -max, NEURON_ALU_MIN, max, out);
	return t->finite;
}

void ncc_saturate(struct ncc_graph *g)
{
	struct ncc_node **old;
	size_t n;

	if (!g->ctx->options->saturate)
		return;
	for (size_t i = 0; i < g->ninput; i++)
		g->input[i]->infinite = true;
	n = ncc_graph_take(g, &old);
	for (size_t i = 0; i < n; i++) {
		struct ncc_node *node = old[i];
		bool risk[2] = { false, false };

		for (size_t k = 0; k < node->nin && k < 2; k++)
			risk[k] = node->in[k] && may_be_infinite(node->in[k]) && at_risk(node, k);
		for (size_t k = 0; k < 2; k++)
			if (risk[k])
				node->in[k] = clipped(g, node, node->in[k]);
		for (size_t k = 0; k < node->nout; k++)
			if (node->out[k])
				node->out[k]->infinite = result_infinite(node);
		ncc_graph_add(g, node);
	}
	ncc_graph_count_uses(g);
}
