// SPDX-License-Identifier: Apache-2.0
/*
 * Parts of a model: which tensors go in and out of them, and for the chip a graph of
 * its own, which passes may change.
 */
#include <errno.h>
#include <string.h>

#include "partition.h"
#include "partition_build.h"

static struct ncc_part *add_part(struct ncc_context *ctx, bool device, int number)
{
	struct ncc_part *part = ncc_alloc(&ctx->arena, sizeof(*part));
	struct ncc_part **link = &ctx->parts;

	part->name = ncc_printf(&ctx->arena, "%s%02d", device ? "sg" : "cpu", number);
	part->device = device;
	while (*link)
		link = &(*link)->next;
	*link = part;
	return part;
}

static void add_nodes(struct ncc_context *ctx, int phases)
{
	struct ncc_graph *g = ctx->whole;
	struct ncc_part **of = ncc_alloc_array(&ctx->arena, (size_t)phases + 1, sizeof(struct ncc_part *));
	int count[2] = { 0 };

	for (int phase = 0; phase < phases; phase++) {
		for (size_t i = 0; i < g->nnode && !of[phase]; i++)
			if (g->node[i]->live && g->node[i]->mark == phase)
				of[phase] = add_part(ctx, ncc_on_chip(g->node[i]),
						     count[ncc_on_chip(g->node[i])]++);
		if (of[phase])
			of[phase]->phase = phase;
	}
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];
		struct ncc_part *part = node->live ? of[node->mark] : NULL;

		node->part = part;
		if (!part)
			continue;
		part->node = ncc_grow(&ctx->arena, part->node, part->nnode, &part->node_cap,
				      sizeof(*part->node));
		part->node[part->nnode++] = node;
	}
}

static void add_inputs(struct ncc_graph *g, struct ncc_part *part, int stamp)
{
	for (size_t i = 0; i < part->nnode; i++) {
		struct ncc_node *node = part->node[i];

		for (size_t j = 0; j < node->nin; j++) {
			struct ncc_tensor *t = node->in[j];

			if (!t || ncc_is_initializer(t) || t->mark == stamp ||
			    (t->producer && t->producer->part == part))
				continue;
			t->mark = stamp;
			t->crosses = true;
			ncc_tensor_list_add(g, &part->input, &part->ninput, &part->input_cap, t);
		}
	}
}

static void add_outputs(struct ncc_graph *g, struct ncc_part *part)
{
	for (size_t i = 0; i < part->nnode; i++) {
		struct ncc_node *node = part->node[i];

		for (size_t j = 0; j < node->nout; j++) {
			struct ncc_tensor *t = node->out[j];

			if (t && (t->is_output || t->crosses) && !ncc_is_initializer(t))
				ncc_tensor_list_add(g, &part->output, &part->noutput, &part->output_cap, t);
		}
	}
}

/* Outputs that need no node: any part can give them, the chip only in its own type. */
static void add_constants(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->whole;

	for (size_t i = 0; i < g->noutput; i++) {
		struct ncc_tensor *t = g->output[i];
		bool device = t->f && t->type == NCC_FLOAT && t->count && !ctx->options->cpu_ops;
		struct ncc_part *part = ctx->parts;

		if (!ncc_is_initializer(t))
			continue;
		while (part && part->device != device)
			part = part->next;
		if (!part && device && ctx->parts)
			part = ctx->parts;
		if (!part)
			part = add_part(ctx, device, 0);
		ncc_tensor_list_add(g, &part->output, &part->noutput, &part->output_cap, t);
	}
}

static struct ncc_tensor *copy_tensor(struct ncc_graph *to, const struct ncc_tensor *t)
{
	struct ncc_tensor *copy;

	if (!t)
		return NULL;
	copy = ncc_graph_find(to, t->name);
	if (copy)
		return copy;
	copy = ncc_graph_tensor(to, t->name);
	copy->type = t->type;
	copy->rank = t->rank;
	memcpy(copy->dim, t->dim, sizeof(copy->dim));
	copy->shaped = t->shaped;
	copy->count = t->count;
	copy->f = t->f;
	copy->i = t->i;
	return copy;
}

static void copy_node(struct ncc_graph *to, const struct ncc_node *node)
{
	struct ncc_arena *arena = &to->ctx->arena;
	struct ncc_node *copy = ncc_alloc(arena, sizeof(*copy));

	*copy = *node;
	copy->nout = node->op == NCC_SPLIT ? node->nout : 1;
	copy->in = ncc_alloc_array(arena, node->nin, sizeof(*copy->in));
	copy->out = ncc_alloc_array(arena, copy->nout, sizeof(*copy->out));
	for (size_t i = 0; i < node->nin; i++)
		copy->in[i] = copy_tensor(to, node->in[i]);
	for (size_t i = 0; i < copy->nout; i++) {
		copy->out[i] = copy_tensor(to, node->out[i]);
		if (copy->out[i])
			copy->out[i]->producer = copy;
	}
	copy->mark = 0;
	ncc_graph_add(to, copy);
}

/* A part's inputs come first, in the order of the list. */
static void copy_graph(struct ncc_context *ctx, struct ncc_part *part)
{
	struct ncc_graph *g = ctx->whole, *to = ncc_graph_new(ctx);

	part->graph = to;
	to->name = g->name;
	to->suffix = part->next || ctx->parts != part ? part->name : "";
	to->opset = g->opset;
	to->ir_version = g->ir_version;
	to->op_name = g->op_name;
	to->nop_name = g->nop_name;
	for (size_t i = 0; i < part->ninput; i++) {
		struct ncc_tensor *t = copy_tensor(to, part->input[i]);

		t->is_input = true;
		ncc_tensor_list_add(to, &to->input, &to->ninput, &to->input_cap, t);
	}
	for (size_t i = 0; i < part->nnode; i++)
		copy_node(to, part->node[i]);
	for (size_t i = 0; i < part->noutput; i++) {
		struct ncc_tensor *t = copy_tensor(to, part->output[i]);

		t->is_output = true;
		ncc_tensor_list_add(to, &to->output, &to->noutput, &to->output_cap, t);
	}
}

/* A model with nothing for the chip is a mistake more often than not. */
static int check_chip_used(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->whole;
	const struct ncc_node *first = NULL;

	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		if (p->device)
			return 0;
	for (size_t i = 0; i < g->nnode && !first; i++)
		if (g->node[i]->live && g->node[i]->refused)
			first = g->node[i];
	if (!ctx->options->allow_no_ops)
		return ncc_error(ctx, "no operator of the model would run on the chip: %s: %s; "
				 "--allow-no-ops-on-neuron compiles it for the CPU alone",
				 first ? ncc_node_text(ctx, first) : "outputs are constants",
				 first ? first->refused : "not of a floating type");
	ncc_log(ctx, NCC_WARN, "%s: no operator of the model runs on the chip", ctx->options->model);
	return 0;
}

int ncc_parts_build(struct ncc_context *ctx, int phases)
{
	struct ncc_graph *g = ctx->whole;
	int stamp = 0;

	ctx->parts = NULL;
	for (size_t i = 0; i < g->ntensor; i++) {
		g->tensor[i]->mark = 0;
		g->tensor[i]->crosses = false;
	}
	add_nodes(ctx, phases);
	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		add_inputs(g, p, ++stamp);
	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		add_outputs(g, p);
	add_constants(ctx);
	if (check_chip_used(ctx))
		return -EINVAL;
	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		if (p->device)
			copy_graph(ctx, p);
	return 0;
}
