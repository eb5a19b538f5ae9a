/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-objdump's sections. Each prints to standard output.
 */
#ifndef OBJDUMP_H
#define OBJDUMP_H

#include <stdbool.h>
#include <jansson.h>

#include "neff.h"

void objdump_header(const struct neff *neff);
void objdump_members(const struct neff *neff);
void objdump_graph(const struct neff *neff);
void objdump_variables(const struct neff *neff);

#define OBJDUMP_ALL_ENGINES NEURON_ENGINES

/* Sections to show; some of them are one in JSON. */
enum objdump_part {
	OBJDUMP_HEADER = 1,
	OBJDUMP_MEMBERS = 2,
	OBJDUMP_GRAPH = 4,
	OBJDUMP_VARIABLES = 8,
	OBJDUMP_CODE = 16,
	OBJDUMP_ALL = 31,
};

/* Instructions of node @node (NULL: all) and @engine. */
void objdump_code(const struct neff *neff, const char *node, unsigned int engine);

/* Is there a node @name (NULL: any)? Else a message. */
bool objdump_has_node(const struct neff *neff, const char *name);

/* ops.json of a node; NULL without it: it is for people, and may be missing. */
json_t *objdump_load_ops(const struct neff *neff, const struct neff_node *node);
/* The operator behind a tag in "ops" of it; NULL if it is not there, or not sound. */
json_t *objdump_find_op(json_t *ops, uint32_t tag);

/*
 * { "name", "header", "members", "compiler", "inputs", "outputs", "nodes", "instructions": [
 *     { "node", "engine", "index", "text", "tag", "name", "op_type" } ] }, as far as @parts ask
 * for it.
 */
json_t *objdump_json(const struct neff *neff, unsigned int parts, const char *node,
		     unsigned int engine);

#endif
