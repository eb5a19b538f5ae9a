// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-packager info: header, nodes and variables, as text or JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_json.h"
#include "neff_json.h"
#include "packager.h"
#include "table.h"

static json_t *info_json(const struct packager_file *f)
{
	const struct neff_body *body = packager_body(f);
	const char *hash = packager_hash(f);
	json_t *root = json_pack("{s:o, s:I, s:b, s:o, s:o, s:s?, s:b, s:I, s:o}",
				 "file", neff_json_text(f->path, strlen(f->path)),
				 "size", (json_int_t)f->size,
				 "loadable", f->neff != NULL,
				 "refused", f->neff ? json_null() : neff_json_text(f->refused.text, sizeof(f->refused.text)),
				 "header", neff_json_header(&f->header),
				 "hash_type", hash,
				 "compressed", packager_compressed(f),
				 "unpacked_size", (json_int_t)neff_unpacked_size(body),
				 "members", neff_json_members(body));

	if (f->neff) {
		const struct neff_tensor *outputs = f->neff->tensors + f->neff->input_count;

		json_object_set_new(root, "network", json_string(f->neff->name));
		json_object_set_new(root, "compiler", json_string(f->neff->compiler));
		json_object_set_new(root, "inputs",
				    neff_json_tensors(f->neff->tensors, f->neff->input_count));
		json_object_set_new(root, "outputs",
				    neff_json_tensors(outputs, f->neff->output_count));
		json_object_set_new(root, "nodes", neff_json_nodes(f->neff));
	} else {
		json_object_set_new(root, "nodes", neff_json_foreign_nodes(body));
	}
	return root;
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t int_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* "sg00:1, cpu00:0" would need the graph; the header has only the numbers. */
static void print_cores(json_t *h)
{
	json_t *list = json_object_get(h, "tpb_per_node"), *value;
	json_int_t least = 0;
	size_t i;

	json_array_foreach(list, i, value)
		if (json_integer_value(value) > least)
			least = json_integer_value(value);
	printf("  %-18s%" JSON_INTEGER_FORMAT " at least, %" JSON_INTEGER_FORMAT " at best, %"
	       JSON_INTEGER_FORMAT " asked for\n", "NeuronCores", least, int_of(h, "num_tpb"),
	       int_of(h, "requested_tpb_count"));
}

/* Text of the header, of which nobody knows what is in it. */
static void print_text(const char *label, const char *text)
{
	printf("  %-18s", label);
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
	putchar('\n');
}

static void print_header(json_t *root)
{
	json_t *h = json_object_get(root, "header");
	const char *hash = json_string_value(json_object_get(root, "hash_type"));

	printf("header:\n");
	printf("  %-18s%" JSON_INTEGER_FORMAT "\n", "package version", int_of(h, "package_version"));
	print_text("NEFF version", text_of(h, "neff_version"));
	print_text("build", text_of(h, "build_version"));
	print_text("name", text_of(h, "name"));
	print_cores(h);
	print_text("features", text_of(h, "feature_bits"));
	print_text("uuid", text_of(h, "uuid"));
	printf("  %-18s%s (%s)\n", "hash", text_of(h, "hash"),
	       hash ? hash : "neither the SHA-256 nor the MD5 of the body");
	printf("  %-18s%" JSON_INTEGER_FORMAT " bytes%s; %zu members of %" JSON_INTEGER_FORMAT
	       " bytes\n", "body", int_of(h, "data_size"),
	       json_is_true(json_object_get(root, "compressed")) ? ", compressed" : "",
	       json_array_size(json_object_get(root, "members")), int_of(root, "unpacked_size"));
}

/* What a variable's type is called in the listing. */
static const char *column_type(const char *type)
{
	static const char *const names[][2] = {
		{ "input", "IN" }, { "output", "OUT" }, { "file", "FILE" }, { "tmp-buf", "TMP" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i][0], type))
			return names[i][1];
	return *type ? type : "-";
}

static void shape_text(json_t *shape, char *text, size_t size)
{
	json_t *dim;
	size_t i, n;

	if (!json_is_array(shape)) {
		snprintf(text, size, "-");
		return;
	}
	n = (size_t)snprintf(text, size, "[");
	json_array_foreach(shape, i, dim)
		if (n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%" JSON_INTEGER_FORMAT,
					      i ? " " : "", json_integer_value(dim));
	if (n < size)
		snprintf(text + n, size - n, "]");
}

static void add_variable(struct table *t, json_t *v)
{
	const char *format = text_of(v, "format"), *dtype = text_of(v, "dtype");
	json_t *size = json_object_get(v, "size");
	char shape[256];
	int i;

	shape_text(json_object_get(v, "shape"), shape, sizeof(shape));
	for (i = 0; i < 3; i++)
		table_add(t, "%s", "");
	table_add(t, "%s", text_of(v, "name"));
	if (json_is_integer(size))
		table_add(t, "%" JSON_INTEGER_FORMAT, json_integer_value(size));
	else
		table_add(t, "-");
	table_add(t, "%s", column_type(text_of(v, "type")));
	table_add(t, "%s", *format ? format : "-");
	table_add(t, "%s", shape);
	table_add(t, "%s", *dtype ? dtype : "-");
	table_add(t, "false");
}

static bool is_inout(json_t *v)
{
	const char *type = text_of(v, "type");

	return !strcmp(type, "input") || !strcmp(type, "output");
}

static int print_nodes(json_t *nodes, bool all)
{
	static const char *const heading[] = {
		"NODE", "Executor", "Name", "Variable", "Size", "Type", "Format", "Shape",
		"DataType", "TimeSeries",
	};
	struct table t = { .columns = sizeof(heading) / sizeof(heading[0]) };
	json_t *node, *v;
	size_t i, k;

	for (i = 0; i < t.columns; i++)
		table_add(&t, "%s", heading[i]);
	json_array_foreach(nodes, i, node) {
		bool cpu = !strcmp(text_of(node, "executor"), "CPU");

		table_add(&t, "%" JSON_INTEGER_FORMAT, int_of(node, "node"));
		table_add(&t, "%s", cpu ? "CPU" : "Neuron Core");
		table_add(&t, "%s", text_of(node, "name"));
		for (k = 3; k < t.columns; k++)
			table_add(&t, "%s", "");
		json_array_foreach(json_object_get(node, "variables"), k, v)
			if (all || is_inout(v))
				add_variable(&t, v);
	}
	printf("\nNEFF Nodes:\n");
	return table_print(&t);
}

static void print_memory(json_t *nodes)
{
	json_t *node;
	size_t i;

	printf("\nmemory:\n");
	json_array_foreach(nodes, i, node)
		if (json_object_get(node, "model"))
			printf("  %-8s%" JSON_INTEGER_FORMAT " bytes of ONNX model: %s\n",
			       text_of(node, "name"), int_of(node, "model_bytes"),
			       text_of(node, "operators"));
		else
			printf("  %-8s%" JSON_INTEGER_FORMAT " bytes of instructions, %"
			       JSON_INTEGER_FORMAT " of weights, %" JSON_INTEGER_FORMAT
			       " between operators\n", text_of(node, "name"),
			       int_of(node, "code_bytes"), int_of(node, "weights_bytes"),
			       int_of(node, "scratch_bytes"));
}

static int print_info(const struct packager_file *f, json_t *root, bool all)
{
	json_t *nodes = json_object_get(root, "nodes");

	printf("%s: NEFF of %zu bytes\n\n", f->path, f->size);
	print_header(root);
	if (print_nodes(nodes, all)) {
		cli_error("%s: out of memory", f->path);
		return EXIT_FAILED;
	}
	if (f->neff)
		print_memory(nodes);
	else
		printf("\nIt cannot be loaded here: %s\n", f->refused.text);
	return cli_finish();
}

int packager_info(const struct packager_options *o)
{
	struct packager_file f;
	int rc = packager_open(&f, o->from, &o->limits);
	json_t *root = NULL;

	if (!rc) {
		root = info_json(&f);
		rc = o->json ? cli_print_json(root) : print_info(&f, root, o->all);
	}
	json_decref(root);
	packager_close(&f);
	return rc;
}
