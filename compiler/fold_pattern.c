// SPDX-License-Identifier: Apache-2.0
/*
 * Functions that exporters write as several operators become one again:
 *   x / 2 * (1 + erf(x / sqrt 2))		Gelu
 *   x * sigmoid(x)				SiLU
 *   x * clip(x + 3, 0, 6) / 6, and with a HardSigmoid	HardSwish
 * The product may have its factors in any order and grouping.
 */
#include <math.h>

#include "fold.h"

#define MOST_FACTORS	4

/* A product: a number, and tensors that are not constant. */
struct product {
	float number;
	struct ncc_tensor *factor[MOST_FACTORS];
	int n;
	bool valid;
};

static bool about(float a, float b)
{
	return fabsf(a - b) <= 1e-3f * fabsf(b);
}

static bool is_number(const struct ncc_tensor *t)
{
	return t->f && t->count == 1;
}

/* The node that makes @t and that nobody else reads the result of. */
static struct ncc_node *only(const struct ncc_tensor *t, enum ncc_op op)
{
	struct ncc_node *node = t->producer;

	return node && node->op == op && t->consumers == 1 && !t->is_output ? node : NULL;
}

/* @t times or divided by a number: the other operand, and what it is multiplied by. */
static struct ncc_tensor *scaled(const struct ncc_node *node, float *by)
{
	if (node->op == NCC_DIV && is_number(node->in[1]) && node->in[1]->f[0] != 0) {
		*by = 1 / node->in[1]->f[0];
		return node->in[0];
	}
	for (int i = 0; i < 2; i++)
		if (node->op == NCC_MUL && is_number(node->in[i]) && !ncc_is_const(node->in[!i])) {
			*by = node->in[i]->f[0];
			return node->in[!i];
		}
	return NULL;
}

/* @t plus a number: the other operand. */
static struct ncc_tensor *shifted(const struct ncc_tensor *t, float *by)
{
	struct ncc_node *node = only(t, NCC_ADD);

	for (int i = 0; node && i < 2; i++)
		if (is_number(node->in[i])) {
			*by = node->in[i]->f[0];
			return node->in[!i];
		}
	return NULL;
}

static void multiply(struct product *p, struct ncc_tensor *t, int depth);

static void multiply_node(struct product *p, const struct ncc_node *node, int depth)
{
	struct ncc_tensor *t;
	float by;

	t = scaled(node, &by);
	if (t) {
		p->number *= by;
		multiply(p, t, depth + 1);
		return;
	}
	if (node->op != NCC_MUL) {
		p->valid = false;
		return;
	}
	multiply(p, node->in[0], depth + 1);
	multiply(p, node->in[1], depth + 1);
}

static void multiply(struct product *p, struct ncc_tensor *t, int depth)
{
	struct ncc_node *node = only(t, NCC_MUL);

	node = node ? node : only(t, NCC_DIV);
	if (node && depth < MOST_FACTORS && (node->op == NCC_MUL || is_number(node->in[1]))) {
		multiply_node(p, node, depth);
		return;
	}
	if (p->n == MOST_FACTORS || ncc_is_const(t))
		p->valid = false;
	else
		p->factor[p->n++] = t;
}

/* Is it 1 + erf(x / sqrt 2)? */
static bool is_erf_of(const struct ncc_tensor *t, const struct ncc_tensor *x)
{
	const struct ncc_tensor *sum, *in;
	const struct ncc_node *erf;
	float one, by;

	sum = shifted(t, &one);
	erf = sum && one == 1 ? only(sum, NCC_ERF) : NULL;
	if (!erf || !erf->in[0]->producer || erf->in[0]->consumers != 1)
		return false;
	in = scaled(erf->in[0]->producer, &by);
	return in == x && about(by, 0.70710678f);
}

/* Is it clip(x + 3, 0, 6) (then *@by is 6), or that sixth (1)? */
static bool is_hard_sigmoid_of(const struct ncc_tensor *t, const struct ncc_tensor *x, float *by)
{
	const struct ncc_node *node = only(t, NCC_HARDSIGMOID);
	float three;

	*by = 1;
	if (node)
		return node->in[0] == x && about(ncc_attr_float(node, "alpha", 0.2f), 1.0f / 6) &&
		       ncc_attr_float(node, "beta", 0.5f) == 0.5f;
	*by = 6;
	node = only(t, NCC_CLIP);
	return node && node->low == 0 && node->high == 6 && shifted(node->in[0], &three) == x &&
	       three == 3;
}

/* The function of @x that @number * x * @t is, or NCC_OP_UNKNOWN. */
static enum ncc_op function_of(const struct ncc_tensor *t, const struct ncc_tensor *x, float number)
{
	const struct ncc_node *node = only(t, NCC_SIGMOID);
	float by;

	if (node && node->in[0] == x && number == 1)
		return NCC_SILU;
	if (is_erf_of(t, x) && about(number, 0.5f))
		return NCC_GELU;
	if (is_hard_sigmoid_of(t, x, &by) && about(number * by, 1))
		return NCC_HARDSWISH;
	return NCC_OP_UNKNOWN;
}

static void match(struct ncc_node *node)
{
	struct product p = { .number = 1, .valid = true };
	enum ncc_op op = NCC_OP_UNKNOWN;

	if (node->op != NCC_MUL && node->op != NCC_DIV)
		return;
	multiply_node(&p, node, 0);
	if (!p.valid || p.n != 2)
		return;
	for (int i = 0; i < 2 && op == NCC_OP_UNKNOWN; i++) {
		op = function_of(p.factor[i], p.factor[!i], p.number);
		if (op != NCC_OP_UNKNOWN && p.factor[!i]->count == node->out[0]->count) {
			node->op = op;
			node->nin = 1;
			node->in[0] = p.factor[!i];
		}
	}
}

/* Last nodes first: a part of a product may look like a whole one. */
void ncc_fold_patterns(struct ncc_graph *g)
{
	ncc_graph_count_uses(g);
	for (size_t i = 0; i < g->nnode; i++)
		for (size_t k = 0; k < g->node[i]->nout; k++)
			g->node[i]->out[k]->producer = g->node[i];
	for (size_t i = g->nnode; i-- > 0;)
		match(g->node[i]);
}
