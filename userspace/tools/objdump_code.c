// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-objdump: instructions, with the graph's nodes that they belong to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "isa_text.h"
#include "objdump.h"

json_t *objdump_find_op(json_t *ops, uint32_t tag)
{
	json_t *op;
	size_t i;

	json_array_foreach(ops, i, op)
		if (json_is_integer(json_object_get(op, "tag")) &&
		    json_integer_value(json_object_get(op, "tag")) == tag)
			return op;
	return NULL;
}

/* Text of ops.json, which nobody has checked. */
static void print_clean(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

/* "; conv1 (Conv)", which the assembler takes for a comment. */
static void print_op(json_t *ops, uint32_t tag)
{
	json_t *op = objdump_find_op(ops, tag);
	const char *name = json_string_value(json_object_get(op, "name"));
	const char *type = json_string_value(json_object_get(op, "op_type"));

	if (!name) {
		printf("; tag %u\n", tag);
		return;
	}
	printf("; ");
	print_clean(name);
	printf(" (");
	print_clean(type ? type : "?");
	printf(")\n");
}

static void print_stream(const struct neff_node *node, unsigned int engine, json_t *ops)
{
	const struct neff_member *m = node->stream[engine];
	const struct neuron_insn *insn = (const void *)m->data;
	size_t count = m->size / sizeof(*insn), i;
	char text[NRT_ISA_TEXT_MAX];

	printf("\n%s, engine %s: %zu instruction%s\n", node->name, neff_engine_name(engine), count,
	       count == 1 ? "" : "s");
	for (i = 0; i < count; i++) {
		if (!i || insn[i].tag != insn[i - 1].tag)
			print_op(ops, insn[i].tag);
		nrt_isa_format(&insn[i], text, sizeof(text));
		printf("%-4s %5zu  %s\n", neff_engine_name(engine), i, text);
	}
}

json_t *objdump_load_ops(const struct neff *neff, const struct neff_node *node)
{
	char name[NEFF_MAX_NAME + 16];
	const struct neff_member *m;

	snprintf(name, sizeof(name), "%s/ops.json", node->name);
	m = neff_body_find(&neff->body, name);
	return m ? json_loadb((const char *)m->data, m->size, 0, NULL) : NULL;
}

static void print_node(const struct neff *neff, const struct neff_node *node, unsigned int engine)
{
	json_t *root;
	unsigned int e;

	if (node->model) {
		printf("\n%s runs on the CPU: %s (%s)\n", node->name, node->model->name,
		       node->operators);
		return;
	}
	root = objdump_load_ops(neff, node);

	for (e = 0; e < NEURON_ENGINES; e++)
		if (engine == OBJDUMP_ALL_ENGINES || engine == e)
			print_stream(node, e, json_object_get(root, "ops"));
	json_decref(root);
}

bool objdump_has_node(const struct neff *neff, const char *name)
{
	uint32_t i;

	for (i = 0; i < neff->node_count; i++)
		if (!strcmp(name, neff->nodes[i].name))
			return true;
	cli_error("there is no node %s; 'neuron-objdump --graph' lists them", name);
	return false;
}

void objdump_code(const struct neff *neff, const char *name, unsigned int engine)
{
	uint32_t i;

	for (i = 0; i < neff->node_count; i++)
		if (!name || !strcmp(name, neff->nodes[i].name))
			print_node(neff, &neff->nodes[i], engine);
}
