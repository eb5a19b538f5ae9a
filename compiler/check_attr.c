// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes of nodes: each once, with a name, and of the type that operators of ONNX give
 * to it. Later passes need not look again: what has another type they take for absent.
 */
#include <errno.h>
#include <string.h>

#include "check_attr.h"

#define MAX_ATTRS	256	/* no operator has more than some twenty */

/* Attributes that have one type in all operators of ai.onnx that have them. */
static const struct {
	const char *name;
	enum ncc_attr_kind kind;
} types[] = {
	{ "allowzero", NCC_ATTR_INT }, { "alpha", NCC_ATTR_FLOAT }, { "antialias", NCC_ATTR_INT },
	{ "approximate", NCC_ATTR_STRING }, { "auto_pad", NCC_ATTR_STRING }, { "axes", NCC_ATTR_INTS },
	{ "axis", NCC_ATTR_INT }, { "batch_axis", NCC_ATTR_INT }, { "beta", NCC_ATTR_FLOAT },
	{ "blocksize", NCC_ATTR_INT }, { "ceil_mode", NCC_ATTR_INT },
	{ "coordinate_transformation_mode", NCC_ATTR_STRING }, { "count_include_pad", NCC_ATTR_INT },
	{ "cubic_coeff_a", NCC_ATTR_FLOAT }, { "dilations", NCC_ATTR_INTS }, { "dtype", NCC_ATTR_INT },
	{ "epsilon", NCC_ATTR_FLOAT }, { "equation", NCC_ATTR_STRING },
	{ "exclude_outside", NCC_ATTR_INT }, { "exclusive", NCC_ATTR_INT },
	{ "extrapolation_value", NCC_ATTR_FLOAT }, { "gamma", NCC_ATTR_FLOAT },
	{ "group", NCC_ATTR_INT }, { "hidden_size", NCC_ATTR_INT }, { "keepdims", NCC_ATTR_INT },
	{ "keep_aspect_ratio_policy", NCC_ATTR_STRING }, { "kernel_shape", NCC_ATTR_INTS },
	{ "lambd", NCC_ATTR_FLOAT }, { "largest", NCC_ATTR_INT }, { "mode", NCC_ATTR_STRING },
	{ "momentum", NCC_ATTR_FLOAT }, { "nearest_mode", NCC_ATTR_STRING },
	{ "noop_with_empty_axes", NCC_ATTR_INT }, { "num_groups", NCC_ATTR_INT },
	{ "num_outputs", NCC_ATTR_INT }, { "output_padding", NCC_ATTR_INTS },
	{ "output_shape", NCC_ATTR_INTS }, { "p", NCC_ATTR_INT }, { "pads", NCC_ATTR_INTS },
	{ "perm", NCC_ATTR_INTS }, { "select_last_index", NCC_ATTR_INT }, { "sorted", NCC_ATTR_INT },
	{ "split", NCC_ATTR_INTS }, { "starts", NCC_ATTR_INTS }, { "ends", NCC_ATTR_INTS },
	{ "storage_order", NCC_ATTR_INT }, { "strides", NCC_ATTR_INTS }, { "to", NCC_ATTR_INT },
	{ "transA", NCC_ATTR_INT }, { "transB", NCC_ATTR_INT },
};

static const char *kind_name(enum ncc_attr_kind kind)
{
	static const char *const names[] = {
		[NCC_ATTR_FLOAT] = "a float", [NCC_ATTR_INT] = "an integer", [NCC_ATTR_STRING] = "a text",
		[NCC_ATTR_TENSOR] = "a tensor", [NCC_ATTR_GRAPH] = "a graph",
		[NCC_ATTR_FLOATS] = "a list of floats", [NCC_ATTR_INTS] = "a list of integers",
	};

	return (size_t)kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] :
	       "something else";
}

static int check_type(struct ncc_context *ctx, const struct ncc_node *node, const struct ncc_attr *a)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(a->name, types[i].name) && a->kind != types[i].kind)
			return ncc_node_error(ctx, node, "attribute '%s' is %s, but must be %s; export the model "
					      "again", a->name, kind_name(a->kind), kind_name(types[i].kind));
	return 0;
}

int ncc_check_attributes(struct ncc_context *ctx, const struct ncc_node *node)
{
	bool onnx = !*node->domain || !strcmp(node->domain, "ai.onnx");

	if (node->nattr > MAX_ATTRS)
		return ncc_node_error(ctx, node, "has %zu attributes; at most %d are supported", node->nattr,
				      MAX_ATTRS);
	for (size_t i = 0; i < node->nattr; i++) {
		const struct ncc_attr *a = &node->attr[i];

		if (!*a->name)
			return ncc_node_error(ctx, node, "an attribute has no name; export the model again");
		if (ncc_attr(node, a->name) != a)
			return ncc_node_error(ctx, node, "attribute '%s' is there twice; export the model again",
					      a->name);
		if (onnx && check_type(ctx, node, a))
			return -EINVAL;
	}
	return 0;
}
