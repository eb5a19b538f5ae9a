// SPDX-License-Identifier: Apache-2.0
/*
 * A Pad with zeros before a convolution, as TensorFlow's converters write it: the convolution's own padding
 * costs nothing, as its patterns leave it out.
 */
#include "graph.h"
#include "program.h"

/* Is axis @d some fill, the whole input in order, and some fill? */
static bool is_padded(const struct ncc_move *m, int d, int64_t *before, int64_t *after)
{
	const int64_t *index = m->index[d];
	int64_t at = 0, from = 0;

	while (at < m->out[d] && index[at] < 0)
		at++;
	*before = at;
	while (at < m->out[d] && index[at] == from) {
		at++;
		from++;
	}
	*after = m->out[d] - at;
	while (at < m->out[d] && index[at] < 0)
		at++;
	return from == m->in[d] && at == m->out[d];
}

static void take_pad(struct ncc_node *node)
{
	struct ncc_tensor *t = node->in[0];
	struct ncc_node *pad = t->producer;
	int64_t before[NCC_MAX_RANK], after[NCC_MAX_RANK];

	if (!pad || pad->op != NCC_MOVE || t->consumers != 1 || t->is_output || pad->move->rank != t->rank ||
	    !pad->move->fills || pad->move->fill != 0 || pad->in[0]->rank != t->rank)
		return;
	for (int d = 0; d < t->rank; d++)
		if (pad->move->in[d] != pad->in[0]->dim[d] || pad->move->out[d] != t->dim[d] ||
		    !is_padded(pad->move, d, &before[d], &after[d]) ||
		    (d < 2 && (before[d] || after[d])))
			return;
	for (int d = 2; d < t->rank; d++) {
		node->window.pad[d - 2] += before[d];
		node->window.pad_end[d - 2] += after[d];
		node->window.in[d - 2] = pad->move->in[d];
	}
	node->in[0] = pad->in[0];
	pad->mark = 1;
}

void ncc_place_pads(struct ncc_graph *g)
{
	ncc_graph_mark_none(g);
	for (size_t i = 0; i < g->nnode; i++)
		if (g->node[i]->op == NCC_CONV)
			take_pad(g->node[i]);
	ncc_graph_drop_marked(g);
}
