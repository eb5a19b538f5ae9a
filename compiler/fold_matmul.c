// SPDX-License-Identifier: Apache-2.0
/*
 * Gemm and MatMul in terms of LINEAR, MatMul, Transpose, Mul and Add.
 */
#include <errno.h>
#include <string.h>

#include "fold.h"

/* Constant @t [rows][cols] (or its transpose) times @factor, as a constant [k][m]; not copied if it is that. */
static struct ncc_tensor *weights(struct ncc_graph *g, const struct ncc_tensor *t, int64_t k,
				  int64_t m, bool transposed, float factor)
{
	int64_t dim[2] = { k, m };
	float *w;

	if (!transposed && factor == 1)
		return ncc_graph_const(g, t->name, 2, dim, t->f);
	w = ncc_alloc_array(&g->ctx->arena, (size_t)(k * m), sizeof(*w));
	for (int64_t i = 0; i < k; i++)
		for (int64_t j = 0; j < m; j++)
			w[i * m + j] = factor * t->f[transposed ? j * k + i : i * m + j];
	return ncc_graph_const(g, t->name, 2, dim, w);
}

static struct ncc_tensor *like(struct ncc_graph *g, const struct ncc_tensor *t)
{
	return ncc_graph_temp(g, t->name, t->type, t->rank, t->dim);
}

static struct ncc_tensor *transposed(struct ncc_graph *g, struct ncc_node *node,
				     struct ncc_tensor *t)
{
	int64_t dim[2] = { t->dim[1], t->dim[0] };
	struct ncc_tensor *out = ncc_graph_temp(g, t->name, t->type, 2, dim);
	struct ncc_node *tr = ncc_node_like(g, node, NCC_TRANSPOSE, 1, &t, out);

	tr->perm[0] = 1;
	ncc_graph_add(g, tr);
	return out;
}

/* beta * C as one tensor, or NULL when there is nothing to add. */
static struct ncc_tensor *addend(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *c = node->nin > 2 ? node->in[2] : NULL;
	float beta = ncc_attr_float(node, "beta", 1);
	struct ncc_tensor *pair[2], *out;
	float *data;

	if (!c || beta == 0)
		return NULL;
	if (beta == 1)
		return c;
	if (c->f) {
		data = ncc_alloc_array(&g->ctx->arena, (size_t)c->count, sizeof(*data));
		for (int64_t i = 0; i < c->count; i++)
			data[i] = beta * c->f[i];
		return ncc_graph_const(g, c->name, c->rank, c->dim, data);
	}
	data = ncc_alloc(&g->ctx->arena, sizeof(*data));
	*data = beta;
	pair[0] = c;
	pair[1] = ncc_graph_const(g, "beta", 0, NULL, data);
	out = like(g, c);
	ncc_graph_add(g, ncc_node_like(g, node, NCC_MUL, 2, pair, out));
	return out;
}

static int check_float(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t i = 0; i < node->nin; i++)
		if (node->in[i] && ncc_is_const(node->in[i]) && !node->in[i]->f)
			return ncc_node_error(g->ctx, node, "constant '%s' has type %s; only floating types "
					      "are supported", node->in[i]->name,
					      ncc_type_name(node->in[i]->type));
	return 0;
}

int ncc_fold_gemm(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->in[1], *out = node->out[0];
	bool ta = ncc_attr_int(node, "transA", 0), tb = ncc_attr_int(node, "transB", 0);
	float alpha = ncc_attr_float(node, "alpha", 1);
	struct ncc_tensor *c, *pair[2], *product;
	struct ncc_node *mm;

	if (check_float(g, node))
		return -EINVAL;
	c = addend(g, node);
	product = c ? like(g, out) : out;
	if (ta)
		a = a->f ? weights(g, a, a->dim[1], a->dim[0], true, 1) : transposed(g, node, a);
	if (b->f)
		b = weights(g, b, b->dim[tb], b->dim[!tb], tb, alpha);
	else if (tb)
		b = transposed(g, node, b);
	pair[0] = a;
	pair[1] = b;
	mm = ncc_node_like(g, node, b->f ? NCC_LINEAR : NCC_MATMUL, 2, pair, product);
	mm->scale = b->f ? 1 : alpha;
	ncc_graph_add(g, mm);
	if (c) {
		pair[0] = product;
		pair[1] = c;
		ncc_graph_add(g, ncc_node_like(g, node, NCC_ADD, 2, pair, out));
	}
	return 0;
}

int ncc_fold_matmul(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *b = node->in[1];

	if (check_float(g, node))
		return -EINVAL;
	/* A constant that is one matrix, or a vector as a matrix of one column. */
	if (b->f && (b->rank < 2 || ncc_dims(b, 0, b->rank - 2) == 1)) {
		int64_t k = b->dim[b->rank > 1 ? b->rank - 2 : 0];
		int64_t m = b->rank > 1 ? b->dim[b->rank - 1] : 1;

		node->op = NCC_LINEAR;
		node->in[1] = weights(g, b, k, m, false, 1);
	}
	ncc_graph_add(g, node);
	return 0;
}
