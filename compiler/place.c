// SPDX-License-Identifier: Apache-2.0
/*
 * Place pass: which tensors share storage, its type, and its segment.
 *
 * Reshape and its relatives leave the data alone: their result is the same value. Data
 * movement keeps the type of what it moves. All else has the type that --fast-math
 * chose, but for the graph's inputs and outputs, which have their own.
 */
#include <errno.h>
#include <string.h>

#include "graph.h"
#include "program.h"

#define FIRST_SEGMENT	1	/* 0 is the code */

/* Of an input or an output. */
static uint8_t own_type(const struct ncc_tensor *t)
{
	return t->type == NCC_FLOAT16 ? NEURON_FP16 : t->type == NCC_BFLOAT16 ? NEURON_BF16 : NEURON_FP32;
}

static struct ncc_value *new_value(struct ncc_program *p, struct ncc_tensor *t,
				   enum ncc_value_kind kind)
{
	struct ncc_value *v = ncc_alloc(&p->ctx->arena, sizeof(*v));

	v->name = t->name;
	v->kind = kind;
	v->count = t->count;
	v->data = t->f;
	v->tensor = t;
	v->dtype = p->ctx->options->precision.cast_all ? p->ctx->options->precision.half :
							  NEURON_FP32;
	if (kind != NCC_VALUE_TEMP || t->wide)
		v->dtype = NEURON_FP32;
	if (kind == NCC_VALUE_INPUT || kind == NCC_VALUE_OUTPUT)
		v->dtype = own_type(t);
	v->next = p->values;
	p->values = v;
	t->value = v;
	return v;
}

static bool is_view(enum ncc_op op)
{
	return op == NCC_RESHAPE || op == NCC_FLATTEN || op == NCC_SQUEEZE || op == NCC_UNSQUEEZE ||
	       op == NCC_COPY;
}

static bool moves_data(enum ncc_op op)
{
	return op == NCC_TRANSPOSE || op == NCC_CONCAT || op == NCC_COPY || op == NCC_MOVE;
}

/* The result of a view is its input's value, unless an output would need two places. */
static void place_view(struct ncc_program *p, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0];
	struct ncc_value *in = node->in[0]->value;

	if (!out->is_output) {
		out->value = in;
		return;
	}
	if (in->kind == NCC_VALUE_TEMP) {
		in->kind = NCC_VALUE_OUTPUT;
		in->dtype = NEURON_FP32;
		in->name = out->name;
		in->tensor = out;
		out->value = in;
		return;
	}
	node->op = NCC_COPY;
	node->nin = 1;
	new_value(p, out, NCC_VALUE_OUTPUT);
}

static void place_node(struct ncc_program *p, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0];

	for (size_t i = 0; i < node->nin; i++)
		if (node->in[i] && !node->in[i]->value)
			new_value(p, node->in[i], NCC_VALUE_CONST);
	if (node->bias)
		new_value(p, node->bias, NCC_VALUE_CONST);
	if (node->residual && !node->residual->value)
		new_value(p, node->residual, NCC_VALUE_CONST);
	if (is_view(node->op))
		place_view(p, node);
	else
		new_value(p, out, out->is_output ? NCC_VALUE_OUTPUT : NCC_VALUE_TEMP);
}

/* Moved data have one type: fp32 if any of them is an input or output of the graph. */
static bool same_type(struct ncc_node *node)
{
	struct ncc_value *out = node->out[0]->value;
	bool changed = false;
	bool wide = out->dtype == NEURON_FP32;

	for (size_t i = 0; i < node->nin; i++) {
		struct ncc_value *in = node->in[i]->value;

		wide |= in->kind != NCC_VALUE_CONST && in->dtype == NEURON_FP32;
	}
	if (!wide)
		return false;
	changed = out->dtype != NEURON_FP32;
	out->dtype = NEURON_FP32;
	for (size_t i = 0; i < node->nin; i++) {
		changed |= node->in[i]->value->dtype != NEURON_FP32;
		node->in[i]->value->dtype = NEURON_FP32;
	}
	return changed;
}

static struct ncc_var *add_var(struct ncc_program *p, const char *name, const char *type,
			       uint8_t segment)
{
	struct ncc_var *v;

	p->var = ncc_grow(&p->ctx->arena, p->var, p->nvar, &p->var_cap, sizeof(*p->var));
	v = &p->var[p->nvar++];
	memset(v, 0, sizeof(*v));
	v->name = name;
	v->type = type;
	v->segment = segment;
	return v;
}

/* A name for our own variable that no tensor has. */
static const char *own_name(struct ncc_graph *g, const char *stem)
{
	const char *name = stem;

	for (unsigned int n = 1; ncc_graph_find(g, name); n++)
		name = ncc_printf(&g->ctx->arena, "%s.%u", stem, n);
	return name;
}

static int number_segments(struct ncc_program *p, struct ncc_graph *g)
{
	uint8_t segment = FIRST_SEGMENT;

	if (g->ninput + g->noutput + FIRST_SEGMENT + 2 > NEURON_ISA_NO_SEG)
		return ncc_error(p->ctx, "%zu inputs and %zu outputs are more than the device has segments "
				 "for (%d)", g->ninput, g->noutput,
				 NEURON_ISA_NO_SEG - FIRST_SEGMENT - 2);
	for (size_t i = 0; i < g->ninput + g->noutput; i++) {
		bool in = i < g->ninput;
		struct ncc_tensor *t = in ? g->input[i] : g->output[i - g->ninput];
		struct ncc_var *v;

		/* A comparison whose Cast went to the CPU, say. */
		if (!in && !ncc_type_on_chip(t->type) && t->producer)
			return ncc_node_error(p->ctx, t->producer, "its result of type %s leaves the chip",
					      ncc_type_name(t->type));
		v = add_var(p, t->name, in ? "input" : "output", segment);

		v->tensor = t;
		v->size = (uint64_t)t->count * ncc_type_size(t->type);
		t->value->segment = segment++;
	}
	p->weights_segment = segment++;
	p->scratch_segment = segment;
	add_var(p, own_name(g, "weights"), "file", p->weights_segment)->file = "weights.bin";
	add_var(p, own_name(g, "scratch"), "tmp-buf", p->scratch_segment);
	return 0;
}

int ncc_place(struct ncc_context *ctx)
{
	struct ncc_program *p = ncc_alloc(&ctx->arena, sizeof(*p));
	struct ncc_graph *g = ctx->graph;
	bool changed = true;

	p->ctx = ctx;
	ctx->program = p;
	ncc_place_heads(g);
	ncc_place_pads(g);
	for (size_t i = 0; i < g->ninput; i++)
		new_value(p, g->input[i], NCC_VALUE_INPUT);
	for (size_t i = 0; i < g->nnode; i++)
		place_node(p, g->node[i]);
	while (changed) {
		changed = false;
		for (size_t i = 0; i < g->nnode; i++)
			if (moves_data(g->node[i]->op) &&
			    g->node[i]->in[0]->value != g->node[i]->out[0]->value)
				changed |= same_type(g->node[i]);
	}
	return number_segments(p, g);
}
