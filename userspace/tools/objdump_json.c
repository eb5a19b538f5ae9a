// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-objdump: all of it as JSON.
 */
#include <string.h>

#include "isa_text.h"
#include "neff_json.h"
#include "objdump.h"

/* A field of ops.json, which nobody has checked; null if it is not there. */
static json_t *op_field(json_t *op, const char *key)
{
	json_t *value = json_object_get(op, key);

	return json_is_string(value) ? json_incref(value) : json_null();
}

static void add_stream(json_t *list, const struct neff_node *node, unsigned int engine, json_t *ops)
{
	const struct neff_member *m = node->stream[engine];
	const struct neuron_insn *insn = (const void *)m->data;
	char text[NRT_ISA_TEXT_MAX];
	json_t *op = NULL;
	size_t i;

	for (i = 0; i < m->size / sizeof(*insn); i++) {
		if (!i || insn[i].tag != insn[i - 1].tag)
			op = objdump_find_op(ops, insn[i].tag);
		nrt_isa_format(&insn[i], text, sizeof(text));
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:I, s:o, s:o}", "node",
						      node->name, "engine", neff_engine_name(engine),
						      "index", (json_int_t)i, "text", text, "tag",
						      (json_int_t)insn[i].tag, "name",
						      op_field(op, "name"), "op_type",
						      op_field(op, "op_type")));
	}
}

static json_t *code_json(const struct neff *neff, const char *name, unsigned int engine)
{
	json_t *list = json_array();
	uint32_t i, e;

	for (i = 0; i < neff->node_count; i++) {
		const struct neff_node *node = &neff->nodes[i];
		json_t *root;

		if (node->model || (name && strcmp(name, node->name)))
			continue;
		root = objdump_load_ops(neff, node);
		for (e = 0; e < NEURON_ENGINES; e++)
			if (engine == OBJDUMP_ALL_ENGINES || engine == e)
				add_stream(list, node, e, json_object_get(root, "ops"));
		json_decref(root);
	}
	return list;
}

json_t *objdump_json(const struct neff *neff, unsigned int parts, const char *node,
		     unsigned int engine)
{
	const struct neff_tensor *outputs = neff->tensors + neff->input_count;
	json_t *root = json_pack("{s:s}", "name", neff->name);

	if (parts & OBJDUMP_HEADER)
		json_object_set_new(root, "header", neff_json_header(&neff->header));
	if (parts & OBJDUMP_MEMBERS)
		json_object_set_new(root, "members", neff_json_members(&neff->body));
	if (parts & OBJDUMP_GRAPH) {
		json_object_set_new(root, "compiler", json_string(neff->compiler));
		json_object_set_new(root, "inputs",
				    neff_json_tensors(neff->tensors, neff->input_count));
		json_object_set_new(root, "outputs", neff_json_tensors(outputs, neff->output_count));
	}
	if (parts & (OBJDUMP_GRAPH | OBJDUMP_VARIABLES))
		json_object_set_new(root, "nodes", neff_json_nodes(neff));
	if (parts & OBJDUMP_CODE)
		json_object_set_new(root, "instructions", code_json(neff, node, engine));
	return root;
}
