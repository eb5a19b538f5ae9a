// SPDX-License-Identifier: Apache-2.0
/*
 * Graph IR to ONNX ModelProto. Field numbers are those of onnx.proto.
 *
 * Attributes and initializers of the model go out as they came in, so that nothing is lost
 * that the compiler does not understand. Nodes that passes made, and what they fused into
 * nodes, are spelled out in ONNX operators.
 */
#include <errno.h>
#include <string.h>

#include <neuron/isa.h>

#include "convert.h"
#include "fold.h"
#include "graph.h"
#include "onnx_write.h"
#include "partition.h"

#define IR_VERSION_MIN	4	/* since then, initializers need not be inputs too */

/* Bytes of a message under construction. */
struct out {
	struct ncc_arena *arena;
	uint8_t *data;
	size_t n, cap;
};

/**
 * struct writer - one model
 * @graph: contents of the GraphProto
 * @known: names that have an initializer already
 * @names: of nodes
 * @folded: constants that nodes make are initializers instead
 */
struct writer {
	struct ncc_context *ctx;
	struct out graph;
	struct ncc_graph *known, *names;
	bool folded;
	int made;
};

static void put(struct out *o, const void *data, size_t n)
{
	if (o->n + n > o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 4096;
		uint8_t *more;

		while (cap < o->n + n)
			cap *= 2;
		more = ncc_alloc(o->arena, cap);
		if (o->n)
			memcpy(more, o->data, o->n);
		o->data = more;
		o->cap = cap;
	}
	if (n)
		memcpy(o->data + o->n, data, n);
	o->n += n;
}

static void put_varint(struct out *o, uint64_t v)
{
	do {
		uint8_t byte = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);

		put(o, &byte, 1);
		v >>= 7;
	} while (v);
}

static void put_int(struct out *o, uint32_t field, uint64_t v)
{
	put_varint(o, (uint64_t)field << 3);
	put_varint(o, v);
}

static void put_bytes(struct out *o, uint32_t field, const void *data, size_t n)
{
	put_varint(o, (uint64_t)field << 3 | 2);
	put_varint(o, n);
	put(o, data, n);
}

static void put_text(struct out *o, uint32_t field, const char *s)
{
	put_bytes(o, field, s, strlen(s));
}

static struct out message(struct writer *w)
{
	return (struct out){ .arena = &w->ctx->arena };
}

/* ---- tensors ---- */

static void store(uint8_t *at, const struct ncc_tensor *t, int64_t n)
{
	size_t size = ncc_type_size(t->type);
	uint16_t half;
	double d;

	if (!t->f) {
		/* Little-endian, so the low bytes come first. */
		memcpy(at, &t->i[n], size);
		return;
	}
	switch (t->type) {
	case NCC_DOUBLE:
		d = (double)t->f[n];
		memcpy(at, &d, size);
		break;
	case NCC_FLOAT16:
	case NCC_BFLOAT16:
		half = t->type == NCC_FLOAT16 ? ncc_to_fp16(t->f[n]) : ncc_to_bf16(t->f[n]);
		memcpy(at, &half, size);
		break;
	default:
		memcpy(at, &t->f[n], size);
	}
}

/* TensorProto of a constant under @name; @dim NULL: its own shape. */
static void put_tensor(struct writer *w, const struct ncc_tensor *t, const char *name, int rank,
		       const int64_t *dim)
{
	size_t size = ncc_type_size(t->type), n = (size_t)t->count;
	struct out o = message(w);
	uint8_t *data;

	if (t->raw.at && !dim) {
		/* The last name counts. */
		put(&o, t->raw.at, t->raw.n);
		put_text(&o, 8, name);
		put_bytes(&w->graph, 5, o.data, o.n);
		return;
	}
	for (int i = 0; i < (dim ? rank : t->rank); i++)
		put_int(&o, 1, (uint64_t)(dim ? dim[i] : t->dim[i]));
	put_int(&o, 2, t->type);
	put_text(&o, 8, name);
	if (t->external.at) {
		put_bytes(&o, 9, t->external.at, t->external.n);
		put_bytes(&w->graph, 5, o.data, o.n);
		return;
	}
	data = ncc_alloc_array(&w->ctx->arena, n + 1, size);
	for (size_t i = 0; i < n; i++)
		store(data + i * size, t, (int64_t)i);
	put_bytes(&o, 9, data, n * size);
	put_bytes(&w->graph, 5, o.data, o.n);
}

/* Does the model need an initializer for it? */
static bool is_initializer(const struct writer *w, const struct ncc_tensor *t)
{
	return ncc_is_initializer(t) && (w->folded || !t->producer);
}

static void need(struct writer *w, const struct ncc_tensor *t)
{
	if (!t || !is_initializer(w, t) || ncc_graph_find(w->known, t->name))
		return;
	ncc_graph_tensor(w->known, t->name);
	put_tensor(w, t, t->name, 0, NULL);
}

/* A name that nothing has yet. */
static const char *new_name(struct writer *w, const char *stem)
{
	return ncc_printf(&w->ctx->arena, "%s/%d", stem, w->made++);
}

/* Values of a constant under a new name and in another shape. */
static const char *reshaped(struct writer *w, const struct ncc_tensor *t, int rank,
			    const int64_t *dim)
{
	const char *name = new_name(w, t->name);

	put_tensor(w, t, name, rank, dim);
	return name;
}

/* One value per index of @axis of a tensor of @rank dimensions. */
static const char *along(struct writer *w, const struct ncc_tensor *t, int rank, int axis)
{
	int64_t dim[NCC_MAX_RANK];

	for (int i = 0; i < rank; i++)
		dim[i] = i == axis ? t->count : 1;
	return reshaped(w, t, rank, dim);
}

static const char *ints(struct writer *w, const char *stem, int n, const int64_t *values)
{
	const int64_t dim[1] = { n };
	struct ncc_tensor t = { .name = stem, .type = NCC_INT64, .count = n, .i = values };

	return reshaped(w, &t, 1, dim);
}

static const char *scalar(struct writer *w, const char *stem, float value)
{
	struct ncc_tensor t = { .name = stem, .type = NCC_FLOAT, .count = 1, .f = &value };

	return reshaped(w, &t, 0, (const int64_t[]){ 0 });
}

/* ---- nodes ---- */

/* A node of up to three inputs and without attributes. */
static void put_simple(struct writer *w, const char *op, const char *a, const char *b, const char *c,
		       const char *result)
{
	struct out o = message(w);

	put_text(&o, 1, a);
	if (b)
		put_text(&o, 1, b);
	if (c)
		put_text(&o, 1, c);
	put_text(&o, 2, result);
	put_text(&o, 4, op);
	put_bytes(&w->graph, 1, o.data, o.n);
}

/* A name is optional, but no two nodes may have the same: passes make several of one. */
static void put_name(struct writer *w, struct out *o, const char *name)
{
	if (!*name || ncc_graph_find(w->names, name))
		return;
	ncc_graph_tensor(w->names, name);
	put_text(o, 3, name);
}

/* The node as it is, but for an input @more after the others and the name of its @result. */
static void put_own(struct writer *w, const struct ncc_node *node, const char *op, const char *more,
		    const char *result)
{
	struct out o = message(w), attr = message(w), perm = message(w);
	bool same = !strcmp(op, node->op_type);

	for (size_t i = 0; i < node->nexplicit && i < node->nin; i++)
		put_text(&o, 1, node->in[i] ? node->in[i]->name : "");
	if (more)
		put_text(&o, 1, more);
	for (size_t i = 0; i < node->nout; i++)
		put_text(&o, 2, !i && result ? result : node->out[i] ? node->out[i]->name : "");
	put_name(w, &o, node->name);
	put_text(&o, 4, op);
	if (*node->domain)
		put_text(&o, 7, node->domain);
	for (size_t i = 0; same && i < node->nattr; i++)
		put_bytes(&o, 5, node->attr[i].raw.at, node->attr[i].raw.n);
	if (node->op == NCC_TRANSPOSE && !ncc_attr(node, "perm")) {
		for (int d = 0; d < node->in[0]->rank; d++)
			put_varint(&perm, (uint64_t)node->perm[d]);
		put_text(&attr, 1, "perm");
		put_bytes(&attr, 8, perm.data, perm.n);
		put_int(&attr, 20, NCC_ATTR_INTS);
		put_bytes(&o, 5, attr.data, attr.n);
	}
	put_bytes(&w->graph, 1, o.data, o.n);
}

/* ONNX's name of a function of ACT, or NULL. */
static const char *func_op(uint8_t func)
{
	static const char *const names[] = {
		[NEURON_FUNC_RELU] = "Relu", [NEURON_FUNC_EXP] = "Exp", [NEURON_FUNC_SIGMOID] = "Sigmoid",
		[NEURON_FUNC_TANH] = "Tanh", [NEURON_FUNC_ERF] = "Erf", [NEURON_FUNC_GELU] = "Gelu",
		[NEURON_FUNC_SQRT] = "Sqrt", [NEURON_FUNC_RECIPROCAL] = "Reciprocal",
		[NEURON_FUNC_ABS] = "Abs",
	};

	return func < sizeof(names) / sizeof(names[0]) ? names[func] : NULL;
}

/* Steps after a node: each is a node of its own, and the last one has the node's result. */
struct steps {
	struct writer *w;
	const struct ncc_node *node;
	const char *at;		/* what the steps so far have made */
	int left;
};

static const char *step_result(struct steps *s)
{
	return --s->left ? new_name(s->w, s->node->out[0]->name) : s->node->out[0]->name;
}

static void step(struct steps *s, const char *op, const char *operand)
{
	const char *result = step_result(s);

	put_simple(s->w, op, s->at, operand, NULL, result);
	s->at = result;
}

/* y = func(scale * x + bias + residual), as far as the node has these. */
static void put_fused(struct writer *w, const struct ncc_node *node)
{
	const struct ncc_tensor *out = node->out[0];
	bool linear = node->op == NCC_LINEAR, inside = node->op == NCC_CONV && node->bias;
	bool narrow = linear && out->rank < node->in[0]->rank;
	struct steps s = { .w = w, .node = node };
	const char *bias = NULL;

	s.left = 1 + (node->scale != 1) + (node->bias && !inside) + narrow + !!node->residual +
		 !!node->func;
	if (node->bias)
		bias = inside ? along(w, node->bias, 1, 0) :
		       along(w, node->bias, linear ? 1 : out->rank, linear ? 0 : ncc_channel_axis(node));
	s.at = step_result(&s);
	put_own(w, node, linear ? "MatMul" : ncc_op_info(node->op)->name, inside ? bias : NULL, s.at);
	if (node->scale != 1)
		step(&s, "Mul", scalar(w, "scale", node->scale));
	if (node->bias && !inside)
		step(&s, "Add", bias);
	if (narrow)
		step(&s, "Reshape", ints(w, "shape", out->rank, out->dim));
	if (node->residual) {
		need(w, node->residual);
		step(&s, "Add", node->residual->name);
	}
	if (node->func)
		step(&s, func_op(node->func), NULL);
}

/* y = in[1][c] * x + in[2][c] */
static void put_affine(struct writer *w, const struct ncc_node *node)
{
	struct steps s = { .w = w, .node = node, .at = node->in[0]->name };
	int rank = node->in[0]->rank;

	s.left = 2 + !!node->residual + !!node->func;
	step(&s, "Mul", along(w, node->in[1], rank, 1));
	step(&s, "Add", along(w, node->in[2], rank, 1));
	if (node->residual) {
		need(w, node->residual);
		step(&s, "Add", node->residual->name);
	}
	if (node->func)
		step(&s, func_op(node->func), NULL);
}

static int put_node(struct writer *w, const struct ncc_node *node)
{
	if (node->func && !func_op(node->func))
		return ncc_node_error(w->ctx, node, "has a function that ONNX has no operator for");
	/* These are written with the node, in another shape. */
	for (size_t i = 0; i < node->nin && (node->op != NCC_AFFINE || !i); i++)
		need(w, node->in[i]);
	if (node->op == NCC_COPY)
		put_simple(w, "Identity", node->in[0]->name, NULL, NULL, node->out[0]->name);
	else if (node->op == NCC_AFFINE)
		put_affine(w, node);
	else if (node->op == NCC_LINEAR || node->bias || node->residual || node->func ||
		 node->scale != 1)
		put_fused(w, node);
	else if (node->op && ncc_op_info(node->op)->kind == NCC_OP_OWN)
		return ncc_node_error(w->ctx, node, "%s has no counterpart in ONNX",
				      ncc_op_info(node->op)->name);
	else
		put_own(w, node, node->op ? ncc_op_info(node->op)->name : node->op_type, NULL, NULL);
	return 0;
}

static int put_nodes(struct writer *w, struct ncc_node *const *nodes, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		if (!w->folded || !ncc_is_computed(nodes[i]))
			err = put_node(w, nodes[i]);
	return err;
}

/* ---- inputs, outputs, the model ---- */

/* ValueInfoProto; what is not known is left out. */
static void put_value(struct writer *w, uint32_t field, const struct ncc_tensor *t)
{
	struct out o = message(w), type = message(w), tensor = message(w), shape = message(w);

	put_text(&o, 1, t->name);
	for (int i = 0; t->shaped && i < t->rank; i++) {
		struct out dim = message(w);

		if (t->dim[i] >= 0)
			put_int(&dim, 1, (uint64_t)t->dim[i]);
		else if (t->dim_param[i])
			put_text(&dim, 2, t->dim_param[i]);
		put_bytes(&shape, 1, dim.data, dim.n);
	}
	if (t->type) {
		put_int(&tensor, 1, t->type);
		if (t->shaped)
			put_bytes(&tensor, 2, shape.data, shape.n);
		put_bytes(&type, 1, tensor.data, tensor.n);
		put_bytes(&o, 2, type.data, type.n);
	}
	put_bytes(&w->graph, field, o.data, o.n);
}

/* An output that is a constant needs a node to give it. */
static void put_output(struct writer *w, const struct ncc_tensor *t)
{
	const char *value;

	put_value(w, 12, t);
	if (!is_initializer(w, t))
		return;
	if (ncc_graph_find(w->known, t->name))
		return;
	value = new_name(w, t->name);
	put_tensor(w, t, value, 0, NULL);
	put_simple(w, "Identity", value, NULL, NULL, t->name);
}

static void put_values(struct writer *w, uint32_t field, struct ncc_tensor *const *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (field == 12)
			put_output(w, t[i]);
		else
			put_value(w, field, t[i]);
}

static void finish(struct writer *w, struct ncc_bytes *result)
{
	const struct ncc_graph *g = w->ctx->whole ? w->ctx->whole : w->ctx->graph;
	struct out o = message(w);

	put_int(&o, 1, (uint64_t)(g->ir_version < IR_VERSION_MIN ? IR_VERSION_MIN : g->ir_version));
	put_text(&o, 2, "neuron-cc");
	for (size_t i = 0; i < g->nopset_raw; i++)
		put_bytes(&o, 8, g->opset_raw[i].at, g->opset_raw[i].n);
	for (size_t i = 0; i < g->nfunction_raw; i++)
		put_bytes(&o, 25, g->function_raw[i].at, g->function_raw[i].n);
	put_text(&w->graph, 2, *g->name ? g->name : "graph");
	put_bytes(&o, 7, w->graph.data, w->graph.n);
	*result = (struct ncc_bytes){ .at = o.data, .n = o.n };
}

static void start(struct writer *w, struct ncc_context *ctx, bool folded)
{
	memset(w, 0, sizeof(*w));
	w->ctx = ctx;
	w->graph = message(w);
	w->known = ncc_graph_new(ctx);
	w->names = ncc_graph_new(ctx);
	w->folded = folded;
}

int ncc_onnx_write_part(struct ncc_context *ctx, const struct ncc_part *part,
			struct ncc_bytes *out)
{
	struct writer w;
	int err;

	start(&w, ctx, true);
	put_values(&w, 11, part->input, part->ninput);
	err = put_nodes(&w, part->node, part->nnode);
	put_values(&w, 12, part->output, part->noutput);
	if (!err)
		finish(&w, out);
	return err;
}

int ncc_onnx_write(struct ncc_context *ctx, enum ncc_pass after, struct ncc_bytes *out)
{
	struct ncc_graph *g = ctx->whole ? ctx->whole : ctx->graph;
	struct writer w;
	int err = 0;

	start(&w, ctx, after >= NCC_PASS_PARTITION);
	put_values(&w, 11, g->input, g->ninput);
	if (after < NCC_PASS_PARTITION)
		err = put_nodes(&w, g->node, g->nnode);
	for (struct ncc_part *p = ctx->parts; p && !err && after >= NCC_PASS_PARTITION; p = p->next)
		if (p->device && after > NCC_PASS_PARTITION)
			err = put_nodes(&w, p->graph->node, p->graph->nnode);
		else
			err = put_nodes(&w, p->node, p->nnode);
	for (size_t i = 0; i < g->noutput; i++) {
		/* Behind the fold pass, a copy on the chip makes them. */
		if (after > NCC_PASS_PARTITION && ncc_is_initializer(g->output[i]) && !g->output[i]->crosses)
			put_value(&w, 12, g->output[i]);
		else
			put_output(&w, g->output[i]);
	}
	if (!err)
		finish(&w, out);
	return err;
}
