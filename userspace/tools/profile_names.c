// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile: what the NEFF knows of nodes, operators and instructions. Its ops.json is for
 * people: what is missing there, or not sound, is not known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "profile.h"

struct node_ops {
	struct prof_op *ops;	/* by tag */
	size_t count;
};

struct prof_names {
	struct neff *neff;
	struct node_ops nodes[NEFF_MAX_NODES];
};

static char *clean_copy(const char *text)
{
	char *copy = strdup(text), *c;

	for (c = copy; c && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return copy;
}

static uint64_t number(json_t *op, const char *key)
{
	json_t *n = json_object_get(op, key);

	return json_is_integer(n) && json_integer_value(n) > 0 ? json_integer_value(n) : 0;
}

static int by_tag(const void *a, const void *b)
{
	const struct prof_op *x = a, *y = b;

	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static void read_ops(struct node_ops *n, json_t *list)
{
	size_t i;
	json_t *op;

	n->ops = calloc(json_array_size(list) + 1, sizeof(*n->ops));
	if (!n->ops)
		return;
	json_array_foreach(list, i, op) {
		const char *name = json_string_value(json_object_get(op, "name"));
		const char *type = json_string_value(json_object_get(op, "op_type"));
		json_t *tag = json_object_get(op, "tag");
		struct prof_op *o = &n->ops[n->count];

		if (!name || !json_is_integer(tag) || json_integer_value(tag) < 0 ||
		    json_integer_value(tag) > UINT32_MAX)
			continue;
		o->tag = json_integer_value(tag);
		o->flops = number(op, "flops");
		o->bytes = number(op, "bytes");
		o->name = clean_copy(name);
		o->type = clean_copy(type ? type : "?");
		n->count++;
	}
	qsort(n->ops, n->count, sizeof(*n->ops), by_tag);
}

static void read_node(struct prof_names *names, uint32_t i)
{
	const struct neff *neff = names->neff;
	char name[NEFF_MAX_NAME + 16];
	const struct neff_member *m;
	json_t *root;

	snprintf(name, sizeof(name), "%s/ops.json", neff->nodes[i].name);
	m = neff_body_find(&neff->body, name);
	root = m ? json_loadb((const char *)m->data, m->size, 0, NULL) : NULL;
	read_ops(&names->nodes[i], json_object_get(root, "ops"));
	json_decref(root);
}

int prof_names_read(const char *path, struct prof_names **result)
{
	struct prof_names *names = calloc(1, sizeof(*names));
	struct neff_error error;
	size_t size;
	void *data = cli_read_file(path, &size);
	uint32_t i;

	if (!data || !names) {
		free(data);
		free(names);
		return EXIT_FAILED;
	}
	if (neff_open(data, size, 0, NULL, &names->neff, &error)) {
		cli_error("%s: %s", path, error.text);
		free(data);
		free(names);
		return EXIT_FAILED;
	}
	free(data);
	for (i = 0; i < names->neff->node_count; i++)
		if (!names->neff->nodes[i].model)
			read_node(names, i);
	*result = names;
	return EXIT_OK;
}

void prof_names_free(struct prof_names *names)
{
	uint32_t i;
	size_t k;

	if (!names)
		return;
	for (i = 0; i < NEFF_MAX_NODES; i++) {
		for (k = 0; k < names->nodes[i].count; k++) {
			free(names->nodes[i].ops[k].name);
			free(names->nodes[i].ops[k].type);
		}
		free(names->nodes[i].ops);
	}
	neff_close(names->neff);
	free(names);
}

bool prof_names_match(const struct prof_names *names, const struct profile_model *model)
{
	const struct neuron_neff_header *h = &names->neff->header;

	return !memcmp(h->hash, model->hash, sizeof(model->hash)) &&
	       !memcmp(h->uuid, model->uuid, sizeof(model->uuid)) &&
	       model->nodes == names->neff->node_count;
}

static const struct neff_node *find_node(const struct prof_names *names, uint32_t node)
{
	return names && node < names->neff->node_count ? &names->neff->nodes[node] : NULL;
}

const char *prof_node_name(const struct prof_names *names, uint32_t node, char buf[32])
{
	const struct neff_node *n = find_node(names, node);

	if (n)
		return n->name;
	snprintf(buf, 32, "node %u", node);
	return buf;
}

const struct prof_op *prof_op(const struct prof_names *names, uint32_t node, uint32_t tag)
{
	const struct prof_op key = { .tag = tag };
	const struct node_ops *n;

	if (!find_node(names, node))
		return NULL;
	n = &names->nodes[node];
	return n->count ? bsearch(&key, n->ops, n->count, sizeof(key), by_tag) : NULL;
}

const struct neuron_insn *prof_insn(const struct prof_names *names, uint32_t node,
				    const struct neuron_trace_entry *entry)
{
	const struct neff_node *n = find_node(names, node);
	const struct neuron_insn *code;

	if (!n || n->model || entry->pc >= n->stream[entry->engine]->size / sizeof(*code))
		return NULL;
	code = (const void *)n->stream[entry->engine]->data;
	return &code[entry->pc];
}

uint64_t prof_insn_bytes(const struct neuron_insn *insn)
{
	uint64_t bytes = (insn->src_seg != NEURON_ISA_NO_SEG) + (insn->dst_seg != NEURON_ISA_NO_SEG);

	bytes <<= insn->flags & 7;
	if (insn->op == NEURON_OP_DMA_COPY)
		return bytes * insn->dma_copy.count[0] * insn->dma_copy.count[1] *
		       insn->dma_copy.count[2] * insn->dma_copy.count[3];
	if (insn->op == NEURON_OP_DMA_GATHER)
		return bytes * insn->dma_gather.count[0] * insn->dma_gather.count[1] *
		       insn->dma_gather.count[2];
	return 0;
}

static bool is_var(const struct neff_node *n, uint8_t segment, enum neff_var_type type)
{
	uint32_t i;

	for (i = 0; i < n->variable_count; i++)
		if (n->variables[i].segment == segment && n->variables[i].type == type)
			return true;
	return false;
}

enum prof_queue prof_queue(const struct prof_names *names, uint32_t node,
			   const struct neuron_insn *insn)
{
	const struct neff_node *n = find_node(names, node);
	bool dma = insn && (insn->op == NEURON_OP_DMA_COPY || insn->op == NEURON_OP_DMA_GATHER);

	if (!n || !dma)
		return PROF_DATA;
	if (insn->src_seg == NEURON_ISA_NO_SEG && insn->dst_seg == NEURON_ISA_NO_SEG)
		return PROF_LOCAL;
	if (is_var(n, insn->src_seg, NEFF_VAR_INPUT))
		return PROF_IN;
	return is_var(n, insn->dst_seg, NEFF_VAR_OUTPUT) ? PROF_OUT : PROF_DATA;
}

const char *prof_queue_name(enum prof_queue queue)
{
	static const char *const names[] = { "qIn", "qOut", "qData", "local" };

	return names[queue];
}
