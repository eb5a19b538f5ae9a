// SPDX-License-Identifier: Apache-2.0
/*
 * What the chip runs. What later passes would refuse is known here, so that they need
 * not: a node that they refuse costs another round of the partition pass.
 */
#include "device.h"
#include "graph.h"

/* The chip computes with floating types, on tensors that have elements. */
static const char *refuse_tensors(struct ncc_context *ctx, const struct ncc_node *node)
{
	const struct ncc_tensor *out = node->out[0];

	for (size_t i = 1; i < node->nout; i++)
		if (node->out[i] && node->out[i]->consumers)
			return ncc_printf(&ctx->arena, "output %zu ('%s') is used; only the first output "
					  "is supported", i, node->out[i]->name);
	if (!out->shaped)
		return ncc_printf(&ctx->arena, "the shape of '%s' is known only when the model runs",
				  out->name);
	if (out->type != NCC_FLOAT)
		return ncc_printf(&ctx->arena, "tensor '%s' has type %s; only float32 is computed on the "
				  "device", out->name, ncc_type_name(out->type));
	if (!out->count)
		return ncc_printf(&ctx->arena, "tensor '%s' %s has no elements", out->name,
				  ncc_shape_text(ctx, out));
	for (size_t i = 0; i < node->nin; i++) {
		const struct ncc_tensor *t = node->in[i];

		if (!t || t->type == NCC_FLOAT)
			continue;
		if (!ncc_is_const(t))
			return ncc_printf(&ctx->arena, "tensor '%s' has type %s; only float32 is computed on "
					  "the device", t->name, ncc_type_name(t->type));
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
	case NCC_BATCHNORM:
		return refuse_parameters(ctx, node, 1, 4);
	default:
		return NULL;
	}
}
