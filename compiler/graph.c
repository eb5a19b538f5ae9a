// SPDX-License-Identifier: Apache-2.0
/*
 * Graph IR: construction, look-up, small questions about nodes and tensors.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "graph.h"

#define HASH_MIN	64	/* a power of two; there is a graph for every attribute that is one */

/* Device memory is 8 GiB; one tensor above this is a mistake in the model. */
#define MAX_ELEMENTS	((int64_t)1 << 30)

static const char *const type_names[] = {
	[NCC_FLOAT] = "float32", [NCC_UINT8] = "uint8", [NCC_INT8] = "int8",
	[NCC_UINT16] = "uint16", [NCC_INT16] = "int16", [NCC_INT32] = "int32",
	[NCC_INT64] = "int64", [NCC_STRING] = "string", [NCC_BOOL] = "bool",
	[NCC_FLOAT16] = "float16", [NCC_DOUBLE] = "float64", [NCC_UINT32] = "uint32",
	[NCC_UINT64] = "uint64", [NCC_BFLOAT16] = "bfloat16",
};

const char *ncc_type_name(enum ncc_type type)
{
	const char *name = NULL;

	if ((size_t)type < sizeof(type_names) / sizeof(type_names[0]))
		name = type_names[type];
	return name ? name : "unknown";
}

bool ncc_type_is_float(enum ncc_type type)
{
	return type == NCC_FLOAT || type == NCC_FLOAT16 || type == NCC_DOUBLE ||
	       type == NCC_BFLOAT16;
}

bool ncc_type_on_chip(enum ncc_type type)
{
	return type == NCC_FLOAT || type == NCC_FLOAT16 || type == NCC_BFLOAT16;
}

bool ncc_type_is_int(enum ncc_type type)
{
	return type != NCC_TYPE_UNKNOWN && type != NCC_STRING && !ncc_type_is_float(type) &&
	       strcmp(ncc_type_name(type), "unknown");
}

size_t ncc_type_size(enum ncc_type type)
{
	switch (type) {
	case NCC_FLOAT: case NCC_INT32: case NCC_UINT32:
		return 4;
	case NCC_INT64: case NCC_UINT64: case NCC_DOUBLE:
		return 8;
	case NCC_FLOAT16: case NCC_BFLOAT16: case NCC_INT16: case NCC_UINT16:
		return 2;
	case NCC_INT8: case NCC_UINT8: case NCC_BOOL:
		return 1;
	default:
		return 0;
	}
}

struct ncc_graph *ncc_graph_new(struct ncc_context *ctx)
{
	struct ncc_graph *g = ncc_alloc(&ctx->arena, sizeof(*g));

	g->ctx = ctx;
	g->name = "";
	g->suffix = "";
	g->hash_size = HASH_MIN;
	g->hash = ncc_alloc_array(&ctx->arena, g->hash_size, sizeof(*g->hash));
	return g;
}

static size_t hash(const struct ncc_graph *g, const char *name)
{
	uint32_t h = 2166136261u;

	while (*name)
		h = (h ^ (uint8_t)*name++) * 16777619u;
	return h & (g->hash_size - 1);
}

struct ncc_tensor *ncc_graph_find(struct ncc_graph *g, const char *name)
{
	for (struct ncc_tensor *t = g->hash[hash(g, name)]; t; t = t->hash_next)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

static void grow_hash(struct ncc_graph *g)
{
	g->hash_size *= 4;
	g->hash = ncc_alloc_array(&g->ctx->arena, g->hash_size, sizeof(*g->hash));
	for (size_t i = 0; i < g->ntensor; i++) {
		size_t slot = hash(g, g->tensor[i]->name);

		g->tensor[i]->hash_next = g->hash[slot];
		g->hash[slot] = g->tensor[i];
	}
}

struct ncc_tensor *ncc_graph_tensor(struct ncc_graph *g, const char *name)
{
	struct ncc_tensor *t = ncc_graph_find(g, name);
	size_t slot;

	if (t)
		return t;
	if (g->ntensor == g->hash_size)
		grow_hash(g);
	t = ncc_alloc(&g->ctx->arena, sizeof(*t));
	t->name = name;
	slot = hash(g, name);
	t->hash_next = g->hash[slot];
	g->hash[slot] = t;
	g->tensor = ncc_grow(&g->ctx->arena, g->tensor, g->ntensor, &g->tensor_cap,
			     sizeof(*g->tensor));
	g->tensor[g->ntensor++] = t;
	return t;
}

struct ncc_tensor *ncc_graph_temp(struct ncc_graph *g, const char *stem, enum ncc_type type,
				  int rank, const int64_t *dim)
{
	struct ncc_tensor *t;
	const char *name = stem;

	/* Several segments of one model: no two make the same name. */
	if (*g->suffix)
		name = stem = ncc_printf(&g->ctx->arena, "%s.%s", stem, g->suffix);
	for (unsigned int n = 1; ncc_graph_find(g, name); n++)
		name = ncc_printf(&g->ctx->arena, "%s.%u", stem, n);
	t = ncc_graph_tensor(g, name);
	t->type = type;
	t->shaped = true;
	t->rank = rank;
	t->count = 1;
	for (int i = 0; i < rank; i++) {
		t->dim[i] = dim[i];
		t->count *= dim[i];
	}
	return t;
}

struct ncc_tensor *ncc_graph_const(struct ncc_graph *g, const char *stem, int rank,
				   const int64_t *dim, const float *data)
{
	struct ncc_tensor *t = ncc_graph_temp(g, stem, NCC_FLOAT, rank, dim);

	t->f = data;
	return t;
}

struct ncc_node *ncc_graph_node(struct ncc_graph *g)
{
	struct ncc_node *node = ncc_alloc(&g->ctx->arena, sizeof(*node));

	node->scale = 1;
	ncc_graph_add(g, node);
	return node;
}

struct ncc_node *ncc_node_like(struct ncc_graph *g, const struct ncc_node *like, enum ncc_op op,
			       size_t nin, struct ncc_tensor *const *in, struct ncc_tensor *out)
{
	struct ncc_node *node = ncc_alloc(&g->ctx->arena, sizeof(*node));

	node->name = like->name;
	node->op_type = like->op_type;
	node->index = like->index;
	node->domain = like->domain;
	node->op = op;
	node->scale = 1;
	node->nin = node->nexplicit = nin;
	node->in = ncc_alloc_array(&g->ctx->arena, nin, sizeof(*node->in));
	memcpy(node->in, in, nin * sizeof(*in));
	node->nout = 1;
	node->out = ncc_alloc(&g->ctx->arena, sizeof(*node->out));
	node->out[0] = out;
	out->producer = node;
	return node;
}

void ncc_graph_count_uses(struct ncc_graph *g)
{
	for (size_t i = 0; i < g->ntensor; i++)
		g->tensor[i]->consumers = 0;
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];

		for (size_t j = 0; j < node->nin; j++)
			if (node->in[j])
				node->in[j]->consumers++;
		if (node->residual)
			node->residual->consumers++;
		if (node->bias)
			node->bias->consumers++;
	}
	for (size_t i = 0; i < g->noutput; i++)
		g->output[i]->consumers++;
}

void ncc_tensor_list_add(struct ncc_graph *g, struct ncc_tensor ***list, size_t *n, size_t *cap,
			 struct ncc_tensor *t)
{
	*list = ncc_grow(&g->ctx->arena, *list, *n, cap, sizeof(**list));
	(*list)[(*n)++] = t;
}

void ncc_graph_add(struct ncc_graph *g, struct ncc_node *node)
{
	g->node = ncc_grow(&g->ctx->arena, g->node, g->nnode, &g->node_cap, sizeof(*g->node));
	g->node[g->nnode++] = node;
}

size_t ncc_graph_take(struct ncc_graph *g, struct ncc_node ***nodes)
{
	size_t n = g->nnode;

	*nodes = g->node;
	g->node = NULL;
	g->nnode = g->node_cap = 0;
	return n;
}

void ncc_graph_mark_none(struct ncc_graph *g)
{
	for (size_t i = 0; i < g->nnode; i++) {
		g->node[i]->mark = 0;
		for (size_t k = 0; k < g->node[i]->nout; k++)
			g->node[i]->out[k]->producer = g->node[i];
	}
}

void ncc_graph_drop_marked(struct ncc_graph *g)
{
	struct ncc_node **old;
	size_t n = ncc_graph_take(g, &old);

	for (size_t i = 0; i < n; i++)
		if (!old[i]->mark)
			ncc_graph_add(g, old[i]);
	ncc_graph_count_uses(g);
}

const struct ncc_attr *ncc_attr(const struct ncc_node *node, const char *name)
{
	for (size_t i = 0; i < node->nattr; i++)
		if (!strcmp(node->attr[i].name, name))
			return &node->attr[i];
	return NULL;
}

int64_t ncc_attr_int(const struct ncc_node *node, const char *name, int64_t otherwise)
{
	const struct ncc_attr *a = ncc_attr(node, name);

	return a && a->kind == NCC_ATTR_INT ? a->i : otherwise;
}

float ncc_attr_float(const struct ncc_node *node, const char *name, float otherwise)
{
	const struct ncc_attr *a = ncc_attr(node, name);

	return a && a->kind == NCC_ATTR_FLOAT ? a->f : otherwise;
}

int ncc_tensor_set_shape(struct ncc_graph *g, const struct ncc_node *node, struct ncc_tensor *t,
			 int rank, const int64_t *dim)
{
	int64_t count = 1;

	if (rank > NCC_MAX_RANK)
		return ncc_node_error(g->ctx, node,
				      "tensor '%s' has %d dimensions; at most %d are supported",
				      t->name, rank, NCC_MAX_RANK);
	for (int i = 0; i < rank; i++) {
		if (dim[i] < 0)
			return ncc_node_error(g->ctx, node,
					      "tensor '%s': dimension %d would have size %" PRId64,
					      t->name, i, dim[i]);
		if (__builtin_mul_overflow(count, dim[i], &count) || count > MAX_ELEMENTS ||
		    dim[i] > MAX_ELEMENTS)
			return ncc_node_error(g->ctx, node,
					      "tensor '%s' is too large (dimension %d is %" PRId64
					      "); at most %" PRId64 " elements are supported",
					      t->name, i, dim[i], MAX_ELEMENTS);
	}
	t->shaped = true;
	t->rank = rank;
	if (rank)
		memcpy(t->dim, dim, (size_t)rank * sizeof(*dim));
	t->count = count;
	return 0;
}

bool ncc_shape_fits(int rank, const int64_t *dim)
{
	int64_t count = 1;

	for (int i = 0; i < rank && rank <= NCC_MAX_RANK; i++)
		if (dim[i] < 0 || dim[i] > MAX_ELEMENTS || __builtin_mul_overflow(count, dim[i], &count) ||
		    count > MAX_ELEMENTS)
			return false;
	return rank <= NCC_MAX_RANK;
}

int64_t ncc_dims(const struct ncc_tensor *t, int first, int last)
{
	int64_t n = 1;

	for (int i = first; i < last; i++)
		n *= t->dim[i];
	return n;
}

const char *ncc_shape_text(struct ncc_context *ctx, const struct ncc_tensor *t)
{
	char text[NCC_MAX_RANK * 24 + 4] = "[";
	size_t n = 1;

	if (!t->shaped)
		return "[?]";
	for (int i = 0; i < t->rank; i++) {
		const char *comma = i ? "," : "";

		if (t->dim[i] >= 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%" PRId64, comma,
					      t->dim[i]);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.16s", comma,
					      t->dim_param[i] ? t->dim_param[i] : "?");
	}
	snprintf(text + n, sizeof(text) - n, "]");
	return ncc_printf(&ctx->arena, "%s", text);
}

const char *ncc_node_text(struct ncc_context *ctx, const struct ncc_node *node)
{
	if (node->name && *node->name)
		return ncc_printf(&ctx->arena, "node '%s' (%s)", node->name, node->op_type);
	if (node->nout && node->out[0])
		return ncc_printf(&ctx->arena, "node %d (%s, output '%s')", node->index,
				  node->op_type, node->out[0]->name);
	return ncc_printf(&ctx->arena, "node %d (%s)", node->index, node->op_type);
}
