// SPDX-License-Identifier: Apache-2.0
/*
 * Check pass: is this a graph that we can compile? Structure, operators, numbers of
 * inputs, types. Leaves the nodes in topological order.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "check_attr.h"
#include "graph.h"
#include "io_config.h"
#include "onnx_wire.h"

#define OPSET_MIN	7
#define OPSET_TESTED	22

static bool of_onnx(const struct ncc_node *node)
{
	return !*node->domain || !strcmp(node->domain, "ai.onnx");
}

static bool is(const struct ncc_wire *w, const char *text, size_t n)
{
	return ncc_wire_size(w) == n && !memcmp(w->at, text, n);
}

static int check_opset(struct ncc_graph *g, struct ncc_node *node)
{
	if (of_onnx(node) && g->opset < OPSET_MIN)
		return ncc_refuse(g->ctx, node, "the model uses opset %" PRId64 " of ai.onnx; %d and newer are "
				  "supported: convert it with onnx.version_converter",
				  g->opset, OPSET_MIN);
	return 0;
}

/* Is @node's domain among those that the model says it uses? */
static int check_domain(struct ncc_graph *g, const struct ncc_node *node)
{
	size_t n = strlen(node->domain);

	for (size_t i = 0; i < g->nopset_raw; i++) {
		struct ncc_wire w = { .at = g->opset_raw[i].at };
		struct ncc_wire name = { 0 };
		struct ncc_wire_field f;

		w.end = w.at + g->opset_raw[i].n;
		while (ncc_wire_next(&w, &f) == 1)
			if (f.number == 1 && f.type == NCC_WIRE_BYTES)
				name = f.bytes;
		if (of_onnx(node) ? !ncc_wire_size(&name) || is(&name, "ai.onnx", 7) :
		    is(&name, node->domain, n))
			return 0;
	}
	return ncc_node_error(g->ctx, node, "the model does not say which opset of the domain '%s' it uses "
			      "(opset_import); export it again", of_onnx(node) ? "ai.onnx" : node->domain);
}

static int check_arity(struct ncc_graph *g, struct ncc_node *node)
{
	const struct ncc_op_info *info = ncc_op_info(node->op);

	while (node->nin && !node->in[node->nin - 1])
		node->nin--;
	if (node->nin < info->nin_min || node->nin > info->nin_max)
		return ncc_node_error(g->ctx, node, "has %zu inputs, needs %zu to %zu", node->nin,
				      info->nin_min, info->nin_max);
	for (size_t i = 0; i < info->nin_min; i++)
		if (!node->in[i])
			return ncc_node_error(g->ctx, node, "input %zu is missing", i);
	if (!node->nout || !node->out[0] || node->nout > info->nout_max)
		return ncc_node_error(g->ctx, node, "has %zu outputs, needs 1 to %zu", node->nout,
				      info->nout_max);
	return 0;
}

static int check_op(struct ncc_graph *g, struct ncc_node *node)
{
	bool onnx = of_onnx(node);

	node->op = NCC_OP_UNKNOWN;
	if (!*node->op_type)
		return ncc_node_error(g->ctx, node, "has no operator (op_type is empty); export the model again");
	if (check_domain(g, node) || ncc_check_attributes(g->ctx, node))
		return -EINVAL;
	if (check_opset(g, node))
		return node->refused ? -ENOTSUP : -EINVAL;
	for (size_t i = 0; i < node->nattr; i++)
		if (node->attr[i].kind == NCC_ATTR_GRAPH)
			return ncc_refuse(g->ctx, node, "control flow (attribute '%s' is a graph) is "
					  "not supported", node->attr[i].name);
	node->op = onnx ? ncc_op_find(node->op_type) : NCC_OP_UNKNOWN;
	if (node->op == NCC_OP_UNKNOWN)
		return ncc_refuse(g->ctx, node, "operator '%s%s%s' is not supported; \"neuron-cc "
				  "list-operators --framework ONNX\" lists those that are",
				  onnx ? "" : node->domain, onnx ? "" : ".", node->op_type);
	return check_arity(g, node);
}

/* Each tensor has one origin. */
static int link_producers(struct ncc_graph *g)
{
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];

		for (size_t j = 0; j < node->nout; j++) {
			struct ncc_tensor *t = node->out[j];

			if (!t)
				continue;
			if (t->producer || t->is_input || ncc_is_initializer(t))
				return ncc_node_error(g->ctx, node, "output '%s' is already made elsewhere",
						      t->name);
			t->producer = node;
		}
	}
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];

		for (size_t j = 0; j < node->nin; j++) {
			struct ncc_tensor *t = node->in[j];

			if (t && !t->producer && !t->is_input && !ncc_is_initializer(t))
				return ncc_node_error(g->ctx, node, "input '%s' is neither a graph input nor "
						      "an initializer, and no node makes it", t->name);
		}
	}
	return 0;
}

enum { WHITE, GREY, BLACK };

/* The first input of @node, from *@next on, whose producer is not in the order yet. */
static struct ncc_node *pending(struct ncc_node *node, size_t *next)
{
	for (; *next < node->nin; (*next)++) {
		struct ncc_tensor *t = node->in[*next];

		if (t && t->producer && t->producer->mark != BLACK)
			return t->producer;
	}
	return NULL;
}

/* Depth first, without recursion; keeps the model's order where that is topological. */
static int sort(struct ncc_graph *g)
{
	struct ncc_node **order = ncc_alloc_array(&g->ctx->arena, g->nnode, sizeof(*order));
	size_t *next = ncc_alloc_array(&g->ctx->arena, g->nnode, sizeof(*next));
	size_t n = 0;

	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i]->mark == WHITE ? g->node[i] : NULL;

		if (node) {
			node->mark = GREY;
			node->link = NULL;
		}
		while (node) {
			struct ncc_node *before = pending(node, &next[node->index]);

			if (!before) {
				node->mark = BLACK;
				order[n++] = node;
				node = node->link;
				continue;
			}
			if (before->mark == GREY)
				return ncc_node_error(g->ctx, before, "depends on its own output '%s': the "
						      "graph has a cycle", before->out[0]->name);
			before->mark = GREY;
			before->link = node;
			node = before;
		}
	}
	if (n)
		memcpy(g->node, order, n * sizeof(*order));
	return 0;
}

static int check_outputs(struct ncc_graph *g)
{
	if (!g->noutput)
		return ncc_error(g->ctx, "the graph has no outputs");
	for (size_t i = 0; i < g->noutput; i++) {
		struct ncc_tensor *t = g->output[i];

		if (!t->producer && !t->is_input && !ncc_is_initializer(t))
			return ncc_error(g->ctx, "graph output '%s' is made by no node", t->name);
		/* Shape inference says what it is; what the model says may be symbolic. */
		if (t->producer)
			t->shaped = false;
	}
	return 0;
}

/* May a caller give or take tensors of its type? */
static bool passable(struct ncc_graph *g, const struct ncc_tensor *t)
{
	if (g->ctx->options->partition == NCC_PARTITION_OFF)
		return ncc_type_on_chip(t->type);
	return ncc_type_is_float(t->type) || ncc_type_is_int(t->type);
}

static int check_inputs(struct ncc_graph *g)
{
	for (size_t i = 0; i < g->ninput; i++) {
		struct ncc_tensor *t = g->input[i];

		if (!passable(g, t))
			return ncc_error(g->ctx, "graph input '%s' has type %s; %s inputs are "
					 "supported: cast outside of the model, or make it an initializer "
					 "if it is constant", t->name, ncc_type_name(t->type),
					 g->ctx->options->partition == NCC_PARTITION_OFF ?
					 "only float32, float16 and bfloat16" : "tensors of numbers and bool as");
		if (!t->shaped)
			return ncc_error(g->ctx, "graph input '%s' has no shape; give one with --io-config "
					 "'{\"inputs\": {\"%s\": [[1, 3, 224, 224], \"%s\"]}}'",
					 t->name, t->name, ncc_type_name(t->type));
		for (int d = 0; d < t->rank; d++)
			if (t->dim[d] < 0)
				return ncc_error(g->ctx, "graph input '%s' %s: dimension %d (%s) is dynamic, "
						 "but shapes must be known to compile; fix it with --io-config "
						 "'{\"inputs\": {\"%s\": [[...], \"%s\"]}}'",
						 t->name, ncc_shape_text(g->ctx, t), d,
						 t->dim_param[d] ? t->dim_param[d] : "unnamed", t->name,
						 ncc_type_name(t->type));
		if (ncc_tensor_set_shape(g, NULL, t, t->rank, t->dim))
			return -EINVAL;
		if (!t->count && g->ctx->options->partition == NCC_PARTITION_OFF)
			return ncc_error(g->ctx, "graph input '%s' %s has no elements", t->name,
					 ncc_shape_text(g->ctx, t));
	}
	return 0;
}

int ncc_check(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->graph;
	int err = 0;

	if (g->opset > OPSET_TESTED)
		ncc_log(ctx, NCC_WARN, "%s: opset %" PRId64 " is newer than the newest known one (%d)",
			ctx->options->model, g->opset, OPSET_TESTED);
	for (size_t i = 0; !err && i < g->nnode; i++) {
		err = check_op(g, g->node[i]);
		if (err == -ENOTSUP)
			err = 0;
	}
	if (!err)
		err = link_producers(g);
	if (!err)
		err = ncc_io_config(ctx);
	if (!err)
		err = check_outputs(g);
	if (!err)
		err = sort(g);
	if (!err)
		err = check_inputs(g);
	return err;
}
