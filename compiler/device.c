// SPDX-License-Identifier: Apache-2.0
/*
 * What the chip runs. What later passes would refuse is known here, so that they need
 * not: a node that they refuse costs another round of the partition pass.
 */
#include "device.h"
#include "graph.h"

static bool makes_bool(enum ncc_op op)
{
	return op == NCC_EQUAL || op == NCC_LESS || op == NCC_LESSEQUAL || op == NCC_GREATER ||
	       op == NCC_GREATEREQUAL || op == NCC_AND || op == NCC_OR || op == NCC_XOR || op == NCC_NOT;
}

/* Does @node take numbers, 1 and 0, for its input @i, which is bool? */
static bool takes_bool(const struct ncc_node *node, size_t i)
{
	switch (node->op) {
	case NCC_CAST:
		return ncc_type_on_chip(node->out[0]->type);
	case NCC_WHERE:
		return !i;
	case NCC_AND:
	case NCC_OR:
	case NCC_XOR:
	case NCC_NOT:
		return true;
	default:
		return false;
	}
}

/* Is all that reads the result content with numbers, 1 and 0? Bool exists nowhere then. */
static bool is_mask(struct ncc_context *ctx, const struct ncc_node *node)
{
	const struct ncc_graph *g = ctx->whole ? ctx->whole : ctx->graph;
	bool used = false;

	if (!makes_bool(node->op) || node->out[0]->is_output)
		return false;
	for (size_t i = 0; i < g->nnode; i++)
		for (size_t k = 0; k < g->node[i]->nin; k++) {
			if (g->node[i]->in[k] != node->out[0])
				continue;
			if (!takes_bool(g->node[i], k))
				return false;
			used = true;
		}
	return used;
}

/* Such numbers as input @i of @node: made on the chip, or constants. */
static bool gets_mask(const struct ncc_node *node, size_t i)
{
	const struct ncc_tensor *x = node->in[i];

	if (x->type != NCC_BOOL || !takes_bool(node, i))
		return false;
	return x->i || (x->producer && makes_bool(x->producer->op) && !x->producer->refused);
}

/* A Cast from float to float. */
static bool is_no_cast(const struct ncc_node *node)
{
	return node->op == NCC_CAST && ncc_type_on_chip(node->in[0]->type) &&
	       ncc_type_on_chip(node->out[0]->type);
}

/* The chip computes with floating types, on tensors that have elements. */
static const char *refuse_tensors(struct ncc_context *ctx, const struct ncc_node *node)
{
	const struct ncc_tensor *out = node->out[0];

	for (size_t i = 1; i < node->nout && node->op != NCC_SPLIT; i++)
		if (node->out[i] && node->out[i]->consumers)
			return ncc_printf(&ctx->arena, "output %zu ('%s') is used; only the first output "
					  "is supported", i, node->out[i]->name);
	for (size_t i = 1; i < node->nout; i++)
		if (node->out[i] && node->out[i]->consumers && !node->out[i]->count)
			return ncc_printf(&ctx->arena, "tensor '%s' %s has no elements", node->out[i]->name,
					  ncc_shape_text(ctx, node->out[i]));
	if (!out->shaped)
		return ncc_printf(&ctx->arena, "the shape of '%s' is known only when the model runs",
				  out->name);
	if (!ncc_type_on_chip(out->type) && !is_mask(ctx, node))
		return ncc_printf(&ctx->arena, "tensor '%s' has type %s; only float32, float16 and bfloat16 "
				  "are computed on the device", out->name, ncc_type_name(out->type));
	if (!out->count)
		return ncc_printf(&ctx->arena, "tensor '%s' %s has no elements", out->name,
				  ncc_shape_text(ctx, out));
	for (size_t i = 0; i < node->nin; i++) {
		const struct ncc_tensor *t = node->in[i];

		if (t && !t->count && !ncc_is_const(t))
			return ncc_printf(&ctx->arena, "tensor '%s' %s has no elements", t->name,
					  ncc_shape_text(ctx, t));
		if (!t || ncc_type_on_chip(t->type) || gets_mask(node, i) || is_no_cast(node))
			continue;
		if (!ncc_is_const(t))
			return ncc_printf(&ctx->arena, "tensor '%s' has type %s; only float32, float16 and bfloat16 "
					  "are computed on the device", t->name, ncc_type_name(t->type));
		if (!t->f && !i)
			return ncc_printf(&ctx->arena, "constant '%s' has type %s; only floating types are "
					  "computed on the device", t->name, ncc_type_name(t->type));
	}
	return NULL;
}

/* Parameters that have to be there when the program is made. */
static const char *refuse_parameters(struct ncc_context *ctx, const struct ncc_node *node,
				     size_t first, size_t last)
{
	for (size_t i = first; i <= last && i < node->nin; i++)
		if (node->in[i] && !node->in[i]->f)
			return ncc_printf(&ctx->arena, "'%s' is computed at run time; it must be a constant",
					  node->in[i]->name);
	return NULL;
}

static const char *refuse_lrn(const struct ncc_node *node)
{
	float quarters = 4 * ncc_attr_float(node, "beta", 0.75f);

	if (quarters != 2 && quarters != 3 && quarters != 4)
		return "only beta 0.5, 0.75 and 1 are supported";
	if (node->in[0]->rank != 3 && node->in[0]->rank != 4)
		return "one or two spatial dimensions are supported";
	return NULL;
}

const char *ncc_device_refuses(struct ncc_context *ctx, const struct ncc_node *node)
{
	const char *why;

	if (node->refused)
		return node->refused;
	if (ncc_op_info(node->op)->kind == NCC_OP_CONST)
		return ncc_printf(&ctx->arena, "operator '%s' is supported only on constants and shapes, but "
				  "depends on '%s', which is computed at run time", node->op_type,
				  node->nin && node->in[0] ? node->in[0]->name : "");
	why = refuse_tensors(ctx, node);
	if (why)
		return why;
	switch (node->op) {
	case NCC_CONV:
		return refuse_parameters(ctx, node, 1, 2);
	case NCC_CONVTRANSPOSE:
		if (node->window.stride[0] > 16 || node->window.stride[1] > 16)
			return "strides above 16 are not supported";
		return refuse_parameters(ctx, node, 1, 2);
	case NCC_GATHER:
		return node->move ? NULL : "the indices are computed at run time";
	case NCC_CELU:
		return ncc_attr_float(node, "alpha", 1) == 0 ? "alpha is 0" : NULL;
	case NCC_LPNORM:
	case NCC_LPPOOL:
	case NCC_GLOBALLPPOOL:
		return ncc_attr_int(node, "p", 2) < 1 || ncc_attr_int(node, "p", 2) > 2 ? "only p 1 and 2 are supported" : NULL;
	case NCC_LRN:
		return refuse_lrn(node);
	case NCC_BATCHNORM:
		return refuse_parameters(ctx, node, 1, 4);
	default:
		return NULL;
	}
}
