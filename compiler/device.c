// SPDX-License-Identifier: Apache-2.0
/*
 * What the chip runs. What later passes would refuse is known here, so that they need
 * not: a node that they refuse costs another round of the partition pass.
 */
#include "device.h"
#include "expand.h"
#include "graph.h"

/* The chip computes with floating types, on tensors that have elements. */
static const char *refuse_tensors(struct ncc_context *ctx, const struct ncc_node *node)
{
	const struct ncc_tensor *out = node->out[0];

	for (size_t i = 1; i < node->nout && node->op != NCC_SPLIT; i++)
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

		if (t && !t->count && !ncc_is_const(t))
			return ncc_printf(&ctx->arena, "tensor '%s' %s has no elements", t->name,
					  ncc_shape_text(ctx, t));
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
	case NCC_POW:
		return ncc_expands_power(node) ? NULL :
		       "the exponent must be a constant whole number up to 8, or 0.5 or -0.5";
	case NCC_GATHER:
		return node->move ? NULL : "the indices are computed at run time";
	case NCC_CELU:
		return ncc_attr_float(node, "alpha", 1) == 0 ? "alpha is 0" : NULL;
	case NCC_LPNORM:
		return ncc_attr_int(node, "p", 2) > 2 ? "only p 1 and 2 are supported" : NULL;
	case NCC_LRN:
		return refuse_lrn(node);
	case NCC_BATCHNORM:
		return refuse_parameters(ctx, node, 1, 4);
	default:
		return NULL;
	}
}
