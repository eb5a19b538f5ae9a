// SPDX-License-Identifier: Apache-2.0
/*
 * Attention as frameworks write it transposes [batch, rows, heads, size] to [batch, heads, rows, size] around its
 * products. MatMul can pick the heads out of the one as well as out of the other, so such a Transpose goes
 * away: its operand or result becomes the product's.
 */
#include "graph.h"
#include "program.h"

static bool is_perm(const struct ncc_node *node, int b, int c, int d)
{
	return node->op == NCC_TRANSPOSE && node->in[0]->rank == 4 && node->perm[0] == 0 &&
	       node->perm[1] == b && node->perm[2] == c && node->perm[3] == d;
}

/* Its only use is that of one node: then it need not exist. */
static bool is_private(const struct ncc_tensor *t)
{
	return t->consumers == 1 && !t->is_output;
}

/* Both operands are stacks of matrices, equally many. */
static bool is_stack(const struct ncc_node *node)
{
	const struct ncc_tensor *a, *b;

	if (node->op != NCC_MATMUL)
		return false;
	a = node->in[0];
	b = node->in[1];
	return a->rank == 4 && b->rank == 4 && a->dim[0] == b->dim[0] &&
	       a->dim[1] == b->dim[1] && node->out[0]->rank == 4;
}

/* Heads of @size channels must not go over the end of the partitions. */
static bool size_fits(int64_t size)
{
	return NEURON_PARTITIONS % size == 0;
}

static bool take_operand(struct ncc_node *node, int i)
{
	struct ncc_node *from = node->in[i]->producer;

	if (!from || !is_private(node->in[i]) || from->in[0]->f)
		return false;
	if (i == 0 && !(is_perm(from, 2, 1, 3) && size_fits(from->in[0]->dim[3])))
		return false;
	if (i == 1 && !(is_perm(from, 2, 3, 1) && size_fits(from->in[0]->dim[3])) &&
	    !is_perm(from, 2, 1, 3))
		return false;
	node->heads[i] = is_perm(from, 2, 3, 1) ? NCC_HEADS_K_LAST :
			 i == 0 ? NCC_HEADS_K_LAST : NCC_HEADS_K_FIRST;
	node->in[i] = from->in[0];
	from->mark = 1;
	return true;
}

/* @next is a Transpose of the result of a product. */
static void take_result(struct ncc_node *next)
{
	struct ncc_node *node = next->in[0]->producer;

	if (!is_perm(next, 2, 1, 3) || !node || !is_stack(node) || !is_private(next->in[0]) ||
	    node->residual || next->mark)
		return;
	node->heads[2] = NCC_HEADS_K_FIRST;
	node->out[0] = next->out[0];
	node->out[0]->producer = node;
	next->mark = 1;
}

void ncc_place_heads(struct ncc_graph *g)
{
	ncc_graph_mark_none(g);
	for (size_t i = 0; i < g->nnode; i++)
		take_result(g->node[i]);
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];
		bool stack = node->heads[2] || is_stack(node);

		for (int k = 0; k < 2 && stack; k++)
			take_operand(node, k);
	}
	ncc_graph_drop_marked(g);
}
