// SPDX-License-Identifier: Apache-2.0
/*
 * float16 and bfloat16 in a part for the chip, at the start of the fold pass: inputs and
 * outputs of the part keep their types, and one operation each converts them. All between
 * is float32 for the passes, as in other models, and has on the chip the type that
 * --fast-math chose; but fp32 beside the conversions, as inputs and outputs of float32 have.
 */
#include <neuron/isa.h>

#include "expand.h"
#include "fold.h"

/**
 * struct widening - one part
 * @wide: by a tensor's mark, what nodes read instead of it
 */
struct widening {
	struct ncc_graph *g;
	struct ncc_tensor **wide;
	int n;
};

static bool is_half(const struct ncc_tensor *t)
{
	return t && (t->type == NCC_FLOAT16 || t->type == NCC_BFLOAT16);
}

/* A float32 tensor in the place of @t. */
static struct ncc_tensor *replace(struct widening *w, struct ncc_tensor *t)
{
	struct ncc_tensor *wide = ncc_graph_temp(w->g, t->name, NCC_FLOAT, t->rank, t->dim);

	t->mark = ++w->n;
	w->wide[t->mark] = wide;
	return wide;
}

static void convert(struct widening *w, struct ncc_node *like, struct ncc_tensor *from, struct ncc_tensor *to)
{
	ncc_step_scalars(w->g, like, from, NEURON_ALU_BYPASS, 0, NEURON_ALU_BYPASS, 0, to);
}

/* Exact, as float32 inputs are: what only moves them leaves them as they are. */
static void widen_input(struct widening *w, struct ncc_tensor *t, struct ncc_node *const *node, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < node[i]->nin; k++) {
			if (node[i]->in[k] != t)
				continue;
			replace(w, t)->wide = true;
			convert(w, node[i], t, w->wide[t->mark]);
			return;
		}
}

static void widen_operands(struct widening *w, struct ncc_node *node)
{
	for (size_t k = 0; k < node->nin; k++) {
		struct ncc_tensor *t = node->in[k];

		if (is_half(t) && t->f && !t->mark)
			replace(w, t)->f = t->f;
		if (t && t->mark)
			node->in[k] = w->wide[t->mark];
	}
}

/* The node itself comes before the conversion of its results. */
static void widen_node(struct widening *w, struct ncc_node *node)
{
	widen_operands(w, node);
	ncc_graph_add(w->g, node);
	for (size_t k = 0; k < node->nout; k++) {
		struct ncc_tensor *t = node->out[k];

		if (!is_half(t) || t->f)
			continue;
		if (!t->is_output) {
			t->type = NCC_FLOAT;
			continue;
		}
		node->out[k] = replace(w, t);
		node->out[k]->wide = true;
		node->out[k]->producer = node;
		convert(w, node, node->out[k], t);
	}
}

void ncc_widen(struct ncc_graph *g)
{
	struct widening w = { .g = g };
	struct ncc_node **old;
	bool any = false;
	size_t n;

	for (size_t i = 0; i < g->ntensor; i++) {
		g->tensor[i]->mark = 0;
		any |= is_half(g->tensor[i]);
	}
	if (!any)
		return;
	w.wide = ncc_alloc_array(&g->ctx->arena, g->ntensor + 1, sizeof(struct ncc_tensor *));
	n = ncc_graph_take(g, &old);
	for (size_t i = 0; i < g->ninput; i++)
		if (is_half(g->input[i]))
			widen_input(&w, g->input[i], old, n);
	for (size_t i = 0; i < n; i++)
		widen_node(&w, old[i]);
}
