// SPDX-License-Identifier: Apache-2.0
/*
 * NeuronCore Pipeline: each core has one stage of the model, so that it always runs the same
 * instructions on the same weights, and several inferences are under way at once.
 *
 * A stage is a row of nodes in topological order; all of them cost about the same. Near the place
 * where that would be so, the cut goes where fewest bytes cross it, and rather before a
 * product than between it and what is fused into it.
 */
#include "cost.h"
#include "graph.h"
#include "partition.h"
#include "pipeline.h"

#define SLACK	0.15	/* of a stage, how far its end may be from where it should be */

/* One phase of the chip: its nodes in order, and what a cut before each of them would mean. */
struct row {
	struct ncc_node **node;
	int n;
	double *until;		/* cost of the nodes before */
	double *bytes;		/* that cross */
	int *masks;		/* tensors that cross and can be nowhere but on the chip */
	double cost;
	int stages;
};

static bool in_row(const struct ncc_tensor *t, int phase)
{
	return t && !ncc_is_initializer(t) && t->producer && t->producer->live &&
	       t->producer->mark == phase;
}

/*
 * Marks of tensors: the last of the row that uses them. Sums of differences become what they are
 * differences of.
 */
static void count_crossing(struct row *r, int phase)
{
	for (int i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->node[i]->nout; k++)
			if (r->node[i]->out[k])
				r->node[i]->out[k]->mark = i;
	for (int i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->node[i]->nin; k++)
			if (in_row(r->node[i]->in[k], phase))
				r->node[i]->in[k]->mark = i;
	for (int i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->node[i]->nout; k++) {
			struct ncc_tensor *t = r->node[i]->out[k];

			if (!in_row(t, phase) || t->mark <= i)
				continue;
			r->bytes[i + 1] += ncc_cost_bytes(t);
			r->bytes[t->mark + 1] -= ncc_cost_bytes(t);
			r->masks[i + 1] += !ncc_type_on_chip(t->type);
			r->masks[t->mark + 1] -= !ncc_type_on_chip(t->type);
		}
	for (int i = 1; i < r->n; i++) {
		r->bytes[i] += r->bytes[i - 1];
		r->masks[i] += r->masks[i - 1];
	}
}

static void make_row(struct ncc_context *ctx, struct row *r, int phase)
{
	struct ncc_graph *g = ctx->whole;

	r->node = ncc_alloc_array(&ctx->arena, g->nnode + 1, sizeof(struct ncc_node *));
	for (size_t i = 0; i < g->nnode; i++)
		if (g->node[i]->live && g->node[i]->mark == phase)
			r->node[r->n++] = g->node[i];
	r->until = ncc_alloc_array(&ctx->arena, (size_t)r->n + 2, sizeof(*r->until));
	r->bytes = ncc_alloc_array(&ctx->arena, (size_t)r->n + 2, sizeof(*r->bytes));
	r->masks = ncc_alloc_array(&ctx->arena, (size_t)r->n + 2, sizeof(*r->masks));
	r->stages = r->n > 0;
	for (int i = 0; i < r->n; i++) {
		r->until[i] = r->cost;
		r->cost += ncc_cost_core(r->node[i]);
	}
	if (r->n && ncc_on_chip(r->node[0]))
		count_crossing(r, phase);
}

static bool is_product(const struct ncc_node *node)
{
	return node->op == NCC_CONV || node->op == NCC_CONVTRANSPOSE || node->op == NCC_GEMM ||
	       node->op == NCC_MATMUL;
}

/* The cut after the one at @from that is best for an end at @ideal, or -1. */
static int best_cut(const struct row *r, int from, double ideal)
{
	double slack = SLACK * r->cost / r->stages, least = 0, nearest = 0;
	int best = -1, near = -1;

	for (int i = from + 1; i < r->n; i++) {
		double off = r->until[i] > ideal ? r->until[i] - ideal : ideal - r->until[i];
		double price = r->bytes[i] * (is_product(r->node[i]) ? 1 : 2);

		if (r->masks[i])
			continue;
		if (near < 0 || off < nearest) {
			near = i;
			nearest = off;
		}
		if (off <= slack && (best < 0 || price < least)) {
			best = i;
			least = price;
		}
	}
	return best < 0 ? near : best;
}

/* Numbers the nodes' stages from @first on. Returns how many there are: fewer, if there are too few nodes. */
static int cut_row(const struct row *r, int first)
{
	int stage = 0, at = 0;

	for (int k = 1; k <= r->stages && at < r->n; k++) {
		int end = k < r->stages ? best_cut(r, at, r->cost * k / r->stages) : r->n;

		if (end < 0)
			continue;
		for (; at < end; at++)
			r->node[at]->mark = first + stage;
		stage++;
	}
	for (; at < r->n; at++)
		r->node[at]->mark = first + stage - 1;
	return stage;
}

/* One stage after another to the phase whose stages would be largest. */
static void share_cores(struct row *row, int phases, int most, int cores)
{
	int used = 0, all = 0;

	for (int p = 0; p < phases; p++) {
		used += row[p].n && ncc_on_chip(row[p].node[0]);
		all += row[p].stages;
	}
	for (; used < cores && all < most; used++, all++) {
		struct row *largest = NULL;

		for (int p = 0; p < phases; p++)
			if (row[p].n && ncc_on_chip(row[p].node[0]) && row[p].stages < row[p].n &&
			    (!largest || row[p].cost / row[p].stages > largest->cost / largest->stages))
				largest = &row[p];
		if (!largest)
			return;
		largest->stages++;
	}
}

int ncc_pipeline_cut(struct ncc_context *ctx, int phases, int most)
{
	struct row *row = ncc_alloc_array(&ctx->arena, (size_t)phases + 1, sizeof(*row));
	int cores = ctx->options->cores, stages = 0, next = 0;

	if (cores < 2)
		return phases;
	for (int p = 0; p < phases; p++)
		make_row(ctx, &row[p], p);
	share_cores(row, phases, most, cores);
	for (int p = 0; p < phases; p++) {
		bool chip = row[p].n && ncc_on_chip(row[p].node[0]);
		int n = cut_row(&row[p], next);

		next += n;
		stages += chip ? n : 0;
	}
	if (stages < cores)
		ncc_log(ctx, NCC_WARN, "%s: the model makes %d stages, not %d as --neuroncore-pipeline-cores asks for; "
			"the other cores have nothing to do", ctx->options->model, stages, cores);
	return next;
}
