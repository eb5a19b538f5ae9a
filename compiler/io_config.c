// SPDX-License-Identifier: Apache-2.0
/*
 * --io-config: {"inputs": {NAME: [[SIZE, ..], TYPE], ..}, "outputs": [NAME, ..]}.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "graph.h"
#include "io_config.h"

static int bad_form(struct ncc_context *ctx, const char *name)
{
	return ncc_error(ctx, "--io-config: input '%s' must be [[SIZE, ..], \"TYPE\"], such as "
			 "[[1, 3, 224, 224], \"float32\"]", name);
}

static int set_input(struct ncc_context *ctx, const char *name, json_t *value)
{
	json_t *shape = json_array_get(value, 0);
	const char *type = json_string_value(json_array_get(value, 1));
	struct ncc_tensor *t = ncc_graph_find(ctx->graph, name);
	size_t rank = json_array_size(shape);

	if (!t || !t->is_input)
		return ncc_error(ctx, "--io-config: the model has no input '%s'", name);
	if (!json_is_array(shape) || rank > NCC_MAX_RANK)
		return bad_form(ctx, name);
	if (type && strcmp(type, ncc_type_name(t->type)))
		return ncc_error(ctx, "--io-config: input '%s' has type %s in the model, not %s",
				 name, ncc_type_name(t->type), type);
	if (t->shaped && t->rank != (int)rank)
		return ncc_error(ctx, "--io-config: input '%s' has %d dimensions in the model, not %zu",
				 name, t->rank, rank);
	for (size_t i = 0; i < rank; i++) {
		json_t *size = json_array_get(shape, i);
		int64_t n = json_integer_value(size);

		if (!json_is_integer(size) || n < 0)
			return bad_form(ctx, name);
		if (t->shaped && t->dim[i] >= 0 && t->dim[i] != n)
			return ncc_error(ctx, "--io-config: dimension %zu of input '%s' is %" PRId64
					 " in the model, not %" PRId64, i, name, t->dim[i], n);
	}
	t->rank = (int)rank;
	for (size_t i = 0; i < rank; i++)
		t->dim[i] = json_integer_value(json_array_get(shape, i));
	t->shaped = true;
	return 0;
}

static int set_outputs(struct ncc_context *ctx, json_t *list)
{
	struct ncc_graph *g = ctx->graph;
	size_t n = json_array_size(list);

	if (!json_is_array(list) || !n)
		return ncc_error(ctx, "--io-config: \"outputs\" must be a list of tensor names");
	for (size_t i = 0; i < g->noutput; i++)
		g->output[i]->is_output = false;
	g->output = ncc_alloc_array(&ctx->arena, n, sizeof(*g->output));
	g->noutput = g->output_cap = 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = json_string_value(json_array_get(list, i));
		struct ncc_tensor *t = name ? ncc_graph_find(g, name) : NULL;

		if (!t || t->is_output)
			return ncc_error(ctx, "--io-config: output '%s' %s", name ? name : "?",
					 t ? "is listed twice" : "is no tensor of the model");
		t->is_output = true;
		g->output[g->noutput++] = t;
	}
	g->output_cap = n;
	return 0;
}

static int apply(struct ncc_context *ctx, json_t *root)
{
	json_t *inputs = json_object_get(root, "inputs");
	json_t *outputs = json_object_get(root, "outputs");
	const char *name;
	json_t *value;
	int err = 0;

	if (!json_is_object(root) || (inputs && !json_is_object(inputs)))
		return ncc_error(ctx, "--io-config must be an object with \"inputs\" and \"outputs\"");
	json_object_foreach(inputs, name, value) {
		err = set_input(ctx, name, value);
		if (err)
			return err;
	}
	return outputs ? set_outputs(ctx, outputs) : 0;
}

int ncc_io_config(struct ncc_context *ctx)
{
	json_error_t error;
	json_t *root;
	int err;

	if (!ctx->options->io_config)
		return 0;
	root = json_loads(ctx->options->io_config, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return ncc_error(ctx, "--io-config is not JSON: line %d: %s", error.line, error.text);
	err = apply(ctx, root);
	json_decref(root);
	return err;
}
