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
#include "onnx_note.h"
#include "onnx_out.h"
#include "onnx_write.h"
#include "partition.h"

#define IR_VERSION_MIN	4	/* since then, initializers need not be inputs too */

/**
 * struct writer - one model
 * @graph: contents of the GraphProto
 * @known: names that have an initializer already
 * @names: of nodes
 * @folded: constants that nodes make are initializers instead
 * @numbers: nodes are a part's for the chip, where 1 and 0 stand for true and false
 * @placed: windows have taken over pads that attributes do not know of
 * @note: doc_string of nodes, or NULL
 */
struct writer {
	struct ncc_context *ctx;
	struct ncc_out graph;
	struct ncc_graph *known, *names;
	bool folded, numbers, placed;
	const char *note;
	int made;
};

static struct ncc_out message(struct writer *w)
{
	return (struct ncc_out){ .arena = &w->ctx->arena };
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
	struct ncc_out o = message(w);
	uint8_t *data;

	if (t->raw.at && !dim) {
		/* The last name counts. */
		ncc_put(&o, t->raw.at, t->raw.n);
		ncc_put_text(&o, 8, name);
		ncc_put_bytes(&w->graph, 5, o.data, o.n);
		return;
	}
	for (int i = 0; i < (dim ? rank : t->rank); i++)
		ncc_put_int(&o, 1, (uint64_t)(dim ? dim[i] : t->dim[i]));
	ncc_put_int(&o, 2, t->type);
	ncc_put_text(&o, 8, name);
	if (t->external.at) {
		ncc_put_bytes(&o, 9, t->external.at, t->external.n);
		ncc_put_bytes(&w->graph, 5, o.data, o.n);
		return;
	}
	data = ncc_alloc_array(&w->ctx->arena, n + 1, size);
	for (size_t i = 0; i < n; i++)
		store(data + i * size, t, (int64_t)i);
	ncc_put_bytes(&o, 9, data, n * size);
	ncc_put_bytes(&w->graph, 5, o.data, o.n);
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

/* A NodeProto that is complete. */
static void put_made(struct writer *w, struct ncc_out *o)
{
	if (w->note)
		ncc_put_text(o, 6, w->note);
	ncc_put_bytes(&w->graph, 1, o->data, o->n);
}

/* A node of up to three inputs and without attributes. */
static void put_simple(struct writer *w, const char *op, const char *a, const char *b, const char *c,
		       const char *result)
{
	struct ncc_out o = message(w);

	ncc_put_text(&o, 1, a);
	if (b)
		ncc_put_text(&o, 1, b);
	if (c)
		ncc_put_text(&o, 1, c);
	ncc_put_text(&o, 2, result);
	ncc_put_text(&o, 4, op);
	put_made(w, &o);
}

/* A name is optional, but no two nodes may have the same: passes make several of one. */
static void put_name(struct writer *w, struct ncc_out *o, const char *name)
{
	if (!*name || ncc_graph_find(w->names, name))
		return;
	ncc_graph_tensor(w->names, name);
	ncc_put_text(o, 3, name);
}

static void put_ints_attr(struct writer *w, struct ncc_out *o, const char *name, int n, const int64_t *v)
{
	struct ncc_out attr = message(w);

	ncc_put_text(&attr, 1, name);
	for (int i = 0; i < n; i++)
		ncc_put_int(&attr, 8, (uint64_t)v[i]);
	ncc_put_int(&attr, 20, NCC_ATTR_INTS);
	ncc_put_bytes(o, 5, attr.data, attr.n);
}

static void put_int_attr(struct writer *w, struct ncc_out *o, const char *name, int64_t v)
{
	struct ncc_out attr = message(w);

	ncc_put_text(&attr, 1, name);
	ncc_put_int(&attr, 3, (uint64_t)v);
	ncc_put_int(&attr, 20, NCC_ATTR_INT);
	ncc_put_bytes(o, 5, attr.data, attr.n);
}

/* A convolution that a pass made of something else has no attributes, but a window. */
static void put_window(struct writer *w, struct ncc_out *o, const struct ncc_node *node)
{
	const struct ncc_window *win = &node->window;
	int n = node->in[1]->rank - 2;
	int64_t pads[4];

	for (int i = 0; i < n; i++) {
		pads[i] = win->pad[i];
		pads[n + i] = win->pad_end[i];
	}
	put_ints_attr(w, o, "strides", n, win->stride);
	put_ints_attr(w, o, "dilations", n, win->dilation);
	put_ints_attr(w, o, "pads", 2 * n, pads);
	put_int_attr(w, o, "group", node->group);
}

/* The node as it is, but for an input @more after the others and the name of its @result. */
static void put_own(struct writer *w, const struct ncc_node *node, const char *op, const char *more,
		    const char *result)
{
	struct ncc_out o = message(w);
	bool window = node->op == NCC_CONV && (w->placed || strcmp(op, node->op_type));
	bool same = !strcmp(op, node->op_type) && !window;

	for (size_t i = 0; i < node->nexplicit && i < node->nin; i++)
		ncc_put_text(&o, 1, node->in[i] ? node->in[i]->name : "");
	if (more)
		ncc_put_text(&o, 1, more);
	for (size_t i = 0; i < node->nout; i++)
		ncc_put_text(&o, 2, !i && result ? result : node->out[i] ? node->out[i]->name : "");
	put_name(w, &o, node->name);
	ncc_put_text(&o, 4, op);
	if (*node->domain)
		ncc_put_text(&o, 7, node->domain);
	for (size_t i = 0; same && i < node->nattr; i++)
		ncc_put_bytes(&o, 5, node->attr[i].raw.at, node->attr[i].raw.n);
	/* before the shape pass it is not known, and need not be there */
	if (node->op == NCC_TRANSPOSE && !ncc_attr(node, "perm") && node->in[0]->rank > 1 &&
	    node->perm[0] != node->perm[1])
		put_ints_attr(w, &o, "perm", node->in[0]->rank, node->perm);
	if (window)
		put_window(w, &o, node);
	put_made(w, &o);
}

/* A node of one or two inputs. Returns its result, which gets a new name if @result is NULL. */
static const char *op(struct writer *w, const char *type, const char *a, const char *b,
		      const char *result)
{
	if (!result)
		result = new_name(w, type);
	put_simple(w, type, a, b, NULL, result);
	return result;
}

static const char *op_scalar(struct writer *w, const char *type, const char *a, float b,
			     const char *result)
{
	return op(w, type, a, scalar(w, "scalar", b), result);
}

/* ONNX's name of a function of ACT, in all opsets that have it, or NULL. */
static const char *func_op(uint8_t func)
{
	static const char *const names[] = {
		[NEURON_FUNC_IDENTITY] = "Identity", [NEURON_FUNC_RELU] = "Relu", [NEURON_FUNC_EXP] = "Exp",
		[NEURON_FUNC_SIGMOID] = "Sigmoid", [NEURON_FUNC_TANH] = "Tanh", [NEURON_FUNC_ERF] = "Erf",
		[NEURON_FUNC_SQRT] = "Sqrt", [NEURON_FUNC_RECIPROCAL] = "Reciprocal",
		[NEURON_FUNC_ABS] = "Abs", [NEURON_FUNC_LOG] = "Log", [NEURON_FUNC_SIN] = "Sin",
		[NEURON_FUNC_COS] = "Cos", [NEURON_FUNC_SOFTPLUS] = "Softplus",
		[NEURON_FUNC_FLOOR] = "Floor", [NEURON_FUNC_CEIL] = "Ceil", [NEURON_FUNC_ROUND] = "Round",
		[NEURON_FUNC_SIGN] = "Sign",
	};

	return func < sizeof(names) / sizeof(names[0]) ? names[func] : NULL;
}

/* 0.5 x (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for erf() */
static void put_gelu(struct writer *w, bool tanh, const char *x, const char *result)
{
	const char *y;

	if (tanh) {
		y = op_scalar(w, "Mul", op(w, "Mul", op(w, "Mul", x, x, NULL), x, NULL), 0.044715f, NULL);
		y = op_scalar(w, "Mul", op(w, "Add", x, y, NULL), 0.7978845608f, NULL);
	} else {
		y = op_scalar(w, "Mul", x, 0.7071067812f, NULL);
	}
	y = op_scalar(w, "Add", op(w, tanh ? "Tanh" : "Erf", y, NULL, NULL), 1, NULL);
	op_scalar(w, "Mul", op(w, "Mul", x, y, NULL), 0.5f, result);
}

/* @low of what is below 0, added to what is above */
static void put_both(struct writer *w, const char *x, const char *low, float factor,
		     const char *result)
{
	op(w, "Add", op(w, "Relu", x, NULL, NULL), op_scalar(w, "Mul", low, factor, NULL), result);
}

/* @result = a function of ACT with its parameter, of @x */
static void put_func(struct writer *w, uint8_t func, float param, const char *x, const char *result)
{
	switch (func) {
	case NEURON_FUNC_GELU:
	case NEURON_FUNC_GELU_TANH:
		put_gelu(w, func == NEURON_FUNC_GELU_TANH, x, result);
		break;
	case NEURON_FUNC_RSQRT:
		op(w, "Reciprocal", op(w, "Sqrt", x, NULL, NULL), NULL, result);
		break;
	case NEURON_FUNC_SQUARE:
		op(w, "Mul", x, x, result);
		break;
	case NEURON_FUNC_SILU:
		op(w, "Mul", x, op(w, "Sigmoid", x, NULL, NULL), result);
		break;
	case NEURON_FUNC_MISH:
		op(w, "Mul", x, op(w, "Tanh", op(w, "Softplus", x, NULL, NULL), NULL, NULL), result);
		break;
	case NEURON_FUNC_CLAMP01:
		op_scalar(w, "Min", op(w, "Relu", x, NULL, NULL), 1, result);
		break;
	case NEURON_FUNC_RELU_CLIP:
		op_scalar(w, "Min", op(w, "Relu", x, NULL, NULL), param, result);
		break;
	case NEURON_FUNC_HARD_SWISH:
		op(w, "Mul", x, op_scalar(w, "Min", op(w, "Relu", op_scalar(w, "Add", op_scalar(w, "Mul", x,
			1.0f / 6, NULL), 0.5f, NULL), NULL, NULL), 1, NULL), result);
		break;
	case NEURON_FUNC_LEAKY_RELU:
		put_both(w, x, op_scalar(w, "Min", x, 0, NULL), param, result);
		break;
	case NEURON_FUNC_ELU:
		put_both(w, x, op_scalar(w, "Sub", op(w, "Exp", op_scalar(w, "Min", x, 0, NULL), NULL, NULL), 1,
					 NULL), param, result);
		break;
	default:
		op(w, func_op(func), x, NULL, result);
	}
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
		put_func(w, node->func, node->param, s.at, step_result(&s));
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
		put_func(w, node->func, node->param, s.at, step_result(&s));
}

/* ---- what only the passes make ---- */

static const char *reshape(struct writer *w, const char *x, int rank, const int64_t *dim,
			   const char *result)
{
	return op(w, "Reshape", x, ints(w, "shape", rank, dim), result);
}

/* Reduction over @axis. Which operators take the axes as an input is a matter of the opset. */
static const char *put_reduce(struct writer *w, const char *type, const char *x, int64_t axis)
{
	const struct ncc_graph *g = w->ctx->whole ? w->ctx->whole : w->ctx->graph;
	bool input = g->opset >= (!strcmp(type, "ReduceSum") ? 13 : 18);
	const char *result = new_name(w, type);
	struct ncc_out o = message(w);

	ncc_put_text(&o, 1, x);
	if (input)
		ncc_put_text(&o, 1, ints(w, "axes", 1, &axis));
	ncc_put_text(&o, 2, result);
	ncc_put_text(&o, 4, type);
	if (!input)
		put_ints_attr(w, &o, "axes", 1, &axis);
	put_made(w, &o);
	return result;
}

static const char *alu_op(uint8_t alu)
{
	static const char *const names[] = {
		[NEURON_ALU_ADD] = "Add", [NEURON_ALU_SUB] = "Sub", [NEURON_ALU_MUL] = "Mul",
		[NEURON_ALU_DIV] = "Div", [NEURON_ALU_MAX] = "Max", [NEURON_ALU_MIN] = "Min",
	};

	return alu < sizeof(names) / sizeof(names[0]) ? names[alu] : NULL;
}

static const char *cast(struct writer *w, const char *x, enum ncc_type to, const char *result)
{
	struct ncc_out o = message(w);

	result = result ? result : new_name(w, x);
	ncc_put_text(&o, 1, x);
	ncc_put_text(&o, 2, result);
	ncc_put_text(&o, 4, "Cast");
	put_int_attr(w, &o, "to", to);
	put_made(w, &o);
	return result;
}

/* y = (x alu[0] scalar[0]) alu[1] scalar[1] */
static int put_scalars(struct writer *w, const struct ncc_node *node, const char *result)
{
	const struct ncc_tensor *from = node->in[0], *to = node->out[0];
	const char *x = from->name;

	/* between the types of inputs or outputs and the others, and nothing else (widen.c) */
	if (from->type != to->type) {
		cast(w, x, to->type, result);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		if (node->alu[i] == NEURON_ALU_BYPASS)
			continue;
		if (!alu_op(node->alu[i]))
			return -ENOTSUP;
		x = op_scalar(w, alu_op(node->alu[i]), x, node->scalar[i], NULL);
	}
	op(w, "Identity", x, NULL, result);
	return 0;
}

static int put_reduction(struct writer *w, const struct ncc_node *node, const char *result)
{
	const struct ncc_tensor *out = node->out[0];
	const char *x = reshape(w, node->in[0]->name, 3, node->extent, NULL), *type;

	type = node->alu[0] == NEURON_ALU_ADD ? "ReduceSum" : node->alu[0] == NEURON_ALU_MUL ? "ReduceProd" :
	       node->alu[0] == NEURON_ALU_MAX ? "ReduceMax" : node->alu[0] == NEURON_ALU_MIN ? "ReduceMin" :
	       NULL;
	if (!type)
		return -ENOTSUP;
	x = op_scalar(w, "Mul", put_reduce(w, type, x, 1), node->scale, NULL);
	reshape(w, x, out->rank, out->dim, result);
	return 0;
}

/* Rows: (x - mean) / sqrt(variance + epsilon), then a factor and a term for each column. */
static void put_norm(struct writer *w, const struct ncc_node *node, const char *result)
{
	const struct ncc_tensor *out = node->out[0];
	const char *x = reshape(w, node->in[0]->name, 2, node->extent, NULL), *v;

	x = op(w, "Sub", x, put_reduce(w, "ReduceMean", x, 1), NULL);
	v = put_reduce(w, "ReduceMean", op(w, "Mul", x, x, NULL), 1);
	v = op(w, "Sqrt", op_scalar(w, "Add", v, node->low, NULL), NULL, NULL);
	x = op(w, "Div", x, v, NULL);
	for (size_t i = 1; i < 3 && i < node->nin; i++)
		if (node->in[i])
			x = op(w, i == 1 ? "Mul" : "Add", x, reshaped(w, node->in[i], 1, &node->extent[1]), NULL);
	reshape(w, x, out->rank, out->dim, result);
}

/* A slice of the fill along axis @d of a tensor of sizes @dim, behind @x. */
static const char *put_fill(struct writer *w, const struct ncc_move *m, const char *x, int d,
			    const int64_t *dim)
{
	struct ncc_tensor t = { .name = "fill", .type = NCC_FLOAT, .count = 1 };
	struct ncc_out o = message(w);
	const char *result = new_name(w, "Concat");
	int64_t slice[NCC_MAX_RANK];
	float *data;

	for (int i = 0; i < m->rank; i++) {
		slice[i] = i == d ? 1 : dim[i];
		t.count *= slice[i];
	}
	data = ncc_alloc_array(&w->ctx->arena, (size_t)t.count + 1, sizeof(*data));
	for (int64_t i = 0; i < t.count; i++)
		data[i] = m->fill;
	t.f = data;
	ncc_put_text(&o, 1, x);
	ncc_put_text(&o, 1, reshaped(w, &t, m->rank, slice));
	ncc_put_text(&o, 2, result);
	ncc_put_text(&o, 4, "Concat");
	put_int_attr(w, &o, "axis", d);
	put_made(w, &o);
	return result;
}

static const char *put_gather(struct writer *w, const char *x, int d, int64_t n, const int64_t *index)
{
	struct ncc_out o = message(w);
	const char *result = new_name(w, "Gather");

	ncc_put_text(&o, 1, x);
	ncc_put_text(&o, 1, ints(w, "index", (int)n, index));
	ncc_put_text(&o, 2, result);
	ncc_put_text(&o, 4, "Gather");
	put_int_attr(w, &o, "axis", d);
	put_made(w, &o);
	return result;
}

/* Axis by axis; positions that are filled take an element that was put behind the others. */
static void put_move(struct writer *w, const struct ncc_node *node, const char *result)
{
	const struct ncc_move *m = node->move;
	const struct ncc_tensor *out = node->out[0];
	const char *x = reshape(w, node->in[0]->name, m->rank, m->in, NULL);
	int64_t dim[NCC_MAX_RANK], *index;

	memcpy(dim, m->in, sizeof(dim));
	for (int d = 0; d < m->rank; d++) {
		bool same = m->in[d] == m->out[d], fills = false;

		index = ncc_alloc_array(&w->ctx->arena, (size_t)m->out[d] + 1, sizeof(*index));
		for (int64_t i = 0; i < m->out[d]; i++) {
			fills |= m->index[d][i] < 0;
			same = same && m->index[d][i] == i;
			index[i] = m->index[d][i] < 0 ? m->in[d] : m->index[d][i];
		}
		if (fills)
			x = put_fill(w, m, x, d, dim);
		dim[d] = m->out[d];
		if (!same)
			x = put_gather(w, x, d, m->out[d], index);
	}
	reshape(w, x, out->rank, out->dim, result);
}

/* Sums of windows: of what is not below 0, so LpPool with p 1 is the same. */
static void put_sumpool(struct writer *w, const struct ncc_node *node, const char *result)
{
	const struct ncc_window *win = &node->window;
	int n = node->in[0]->rank - 2;
	struct ncc_out o = message(w);
	int64_t pads[4];

	for (int d = 0; d < n; d++) {
		int64_t reach = (win->out[d] - 1) * win->stride[d] + (win->kernel[d] - 1) * win->dilation[d] + 1;
		int64_t end = reach - win->in[d] - win->pad[d];

		pads[d] = win->pad[d];
		pads[n + d] = end > win->pad_end[d] ? end : win->pad_end[d];
	}
	ncc_put_text(&o, 1, node->in[0]->name);
	ncc_put_text(&o, 2, result);
	ncc_put_text(&o, 4, "LpPool");
	put_ints_attr(w, &o, "kernel_shape", n, win->kernel);
	put_ints_attr(w, &o, "strides", n, win->stride);
	put_ints_attr(w, &o, "pads", 2 * n, pads);
	put_int_attr(w, &o, "p", 1);
	if (win->dilation[0] != 1 || win->dilation[1] != 1)
		put_ints_attr(w, &o, "dilations", n, win->dilation);
	put_made(w, &o);
}

static bool is_logic(const struct ncc_node *node)
{
	return node->op == NCC_AND || node->op == NCC_OR || node->op == NCC_XOR;
}

static bool is_compare(const struct ncc_node *node)
{
	return node->op == NCC_EQUAL || node->op == NCC_LESS || node->op == NCC_LESSEQUAL ||
	       node->op == NCC_GREATER || node->op == NCC_GREATEREQUAL;
}

/* On the chip, what is bool in ONNX are numbers. */
static void put_bool(struct writer *w, const struct ncc_node *node)
{
	const char *name = ncc_op_info(node->op)->name, *a = node->in[0]->name, *b = node->in[1]->name;

	if (!is_compare(node))
		a = cast(w, a, NCC_BOOL, NULL);
	if (node->op == NCC_WHERE) {
		put_simple(w, name, a, b, node->in[2]->name, node->out[0]->name);
		return;
	}
	if (is_logic(node))
		b = cast(w, b, NCC_BOOL, NULL);
	cast(w, op(w, name, a, b, NULL), NCC_FLOAT, node->out[0]->name);
}

/* Functions that passes recognise, whatever the opset, in which ONNX may have no operator for them yet. */
static uint8_t recognised(const struct ncc_node *node)
{
	if (!strcmp(node->op_type, ncc_op_info(node->op)->name))
		return NEURON_FUNC_IDENTITY;
	return node->op == NCC_GELU ? NEURON_FUNC_GELU : node->op == NCC_HARDSWISH ? NEURON_FUNC_HARD_SWISH :
	       node->op == NCC_MISH ? NEURON_FUNC_MISH : NEURON_FUNC_IDENTITY;
}

/* Nodes that have no counterpart in ONNX, in terms of some that have. */
static int put_internal(struct writer *w, const struct ncc_node *node)
{
	const char *last = node->out[0]->name, *result = node->func || node->residual ?
			   new_name(w, last) : last;
	int err = 0;

	if (node->op == NCC_MOVE)
		put_move(w, node, result);
	else if (node->op == NCC_NORM)
		put_norm(w, node, result);
	else if (node->op == NCC_REDUCE)
		err = put_reduction(w, node, result);
	else if (node->op == NCC_SCALARS)
		err = put_scalars(w, node, result);
	else if (node->op == NCC_SUMPOOL)
		put_sumpool(w, node, result);
	else if (node->op == NCC_RSQRT || node->op == NCC_SILU)
		put_func(w, node->op == NCC_RSQRT ? NEURON_FUNC_RSQRT : NEURON_FUNC_SILU, 0,
			 node->in[0]->name, result);
	else if (recognised(node))
		put_func(w, recognised(node), 0, node->in[0]->name, result);
	else
		err = -ENOTSUP;
	if (err)
		return ncc_node_error(w->ctx, node, "%s cannot be written as ONNX",
				      ncc_op_info(node->op)->name);
	if (node->residual) {
		need(w, node->residual);
		result = op(w, "Add", result, node->residual->name, node->func ? NULL : last);
	}
	if (node->func)
		put_func(w, node->func, node->param, result, last);
	return 0;
}

static bool is_internal(const struct ncc_node *node)
{
	if (!node->op || node->op == NCC_COPY || node->op == NCC_AFFINE || node->op == NCC_LINEAR)
		return false;
	return ncc_op_info(node->op)->kind == NCC_OP_OWN || recognised(node);
}

static int put_node(struct writer *w, const struct ncc_node *node)
{
	/* These are written with the node, in another shape. */
	for (size_t i = 0; i < node->nin && (node->op != NCC_AFFINE || !i); i++)
		need(w, node->in[i]);
	if (node->op == NCC_COPY && w->placed)	/* also of what left data as they are */
		reshape(w, node->in[0]->name, node->out[0]->rank, node->out[0]->dim, node->out[0]->name);
	else if (node->op == NCC_COPY)
		put_simple(w, "Identity", node->in[0]->name, NULL, NULL, node->out[0]->name);
	else if (node->op == NCC_AFFINE)
		put_affine(w, node);
	else if (node->op == NCC_RESHAPE && node->nin < 2)
		reshape(w, node->in[0]->name, node->out[0]->rank, node->out[0]->dim, node->out[0]->name);
	else if (w->numbers && (is_compare(node) || is_logic(node) || node->op == NCC_WHERE))
		put_bool(w, node);
	else if (is_internal(node))
		return put_internal(w, node);
	else if (node->op == NCC_LINEAR || node->bias || node->residual || node->func ||
		 node->scale != 1)
		put_fused(w, node);
	else
		put_own(w, node, node->op ? ncc_op_info(node->op)->name : node->op_type, NULL, NULL);
	return 0;
}

/* @node with the factor in its weights. */
static struct ncc_node *with_factor(struct writer *w, const struct ncc_node *node)
{
	struct ncc_arena *arena = &w->ctx->arena;
	struct ncc_node *copy = ncc_alloc(arena, sizeof(*copy));
	const struct ncc_tensor *t = node->in[1];
	struct ncc_tensor *scaled = ncc_alloc(arena, sizeof(*scaled));
	int64_t m = node->op == NCC_LINEAR ? t->dim[1] : t->dim[0], each = t->count / m;
	float *data = ncc_alloc_array(arena, (size_t)t->count, sizeof(*data));

	for (int64_t i = 0; i < t->count; i++)
		data[i] = t->f[i] * node->factor[node->op == NCC_LINEAR ? i % m : i / each];
	*scaled = *t;
	scaled->name = new_name(w, t->name);
	scaled->f = data;
	scaled->raw = (struct ncc_bytes){ 0 };
	*copy = *node;
	copy->in = ncc_alloc_array(arena, node->nin, sizeof(*copy->in));
	memcpy(copy->in, node->in, node->nin * sizeof(*copy->in));
	copy->in[1] = scaled;
	return copy;
}

/* @t with its axes in another order, under a new name. */
static struct ncc_tensor *permuted(struct writer *w, const struct ncc_tensor *t, const int64_t *perm)
{
	struct ncc_tensor *copy = ncc_alloc(&w->ctx->arena, sizeof(*copy));

	*copy = *t;
	copy->name = new_name(w, t->name);
	for (int i = 0; i < t->rank; i++)
		copy->dim[i] = t->dim[perm[i]];
	return copy;
}

static void put_transpose(struct writer *w, const struct ncc_tensor *from, const int64_t *perm,
			  const struct ncc_tensor *to)
{
	struct ncc_out o = message(w);

	ncc_put_text(&o, 1, from->name);
	ncc_put_text(&o, 2, to->name);
	ncc_put_text(&o, 4, "Transpose");
	put_ints_attr(w, &o, "perm", from->rank, perm);
	put_made(w, &o);
}

/* A product that picks heads out of its operands, and puts them into its result. */
static int put_heads(struct writer *w, const struct ncc_node *node)
{
	static const int64_t inside[4] = { 0, 2, 1, 3 }, last[4] = { 0, 2, 3, 1 };
	struct ncc_arena *arena = &w->ctx->arena;
	struct ncc_node copy = *node;
	int err;

	copy.in = ncc_alloc_array(arena, node->nin, sizeof(*copy.in));
	memcpy(copy.in, node->in, node->nin * sizeof(*copy.in));
	copy.out = ncc_alloc_array(arena, node->nout, sizeof(*copy.out));
	memcpy(copy.out, node->out, node->nout * sizeof(*copy.out));
	for (int i = 0; i < 2; i++) {
		const int64_t *perm = i && node->heads[i] == NCC_HEADS_K_LAST ? last : inside;

		if (!node->heads[i])
			continue;
		copy.in[i] = permuted(w, node->in[i], perm);
		put_transpose(w, node->in[i], perm, copy.in[i]);
	}
	if (node->heads[2])
		copy.out[0] = permuted(w, node->out[0], inside);
	err = put_node(w, &copy);
	if (node->heads[2])
		put_transpose(w, copy.out[0], inside, node->out[0]);
	return err;
}

static bool has_heads(const struct ncc_node *node)
{
	return node->heads[0] || node->heads[1] || node->heads[2];
}

/* @notes: one a node, or NULL */
static int put_nodes(struct writer *w, struct ncc_node *const *nodes, size_t n, const char **notes)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		w->note = notes ? notes[i] : NULL;
		if (has_heads(nodes[i]))
			err = put_heads(w, nodes[i]);
		else if (!w->folded || !ncc_is_computed(nodes[i]))
			err = put_node(w, nodes[i]->factor ? with_factor(w, nodes[i]) : nodes[i]);
	}
	w->note = NULL;
	return err;
}

/* ---- inputs, outputs, the model ---- */

/* ValueInfoProto; what is not known is left out. */
static void put_value(struct writer *w, uint32_t field, const struct ncc_tensor *t)
{
	struct ncc_out o = message(w), type = message(w), tensor = message(w), shape = message(w);

	ncc_put_text(&o, 1, t->name);
	for (int i = 0; t->shaped && i < t->rank; i++) {
		struct ncc_out dim = message(w);

		if (t->dim[i] >= 0)
			ncc_put_int(&dim, 1, (uint64_t)t->dim[i]);
		else if (t->dim_param[i])
			ncc_put_text(&dim, 2, t->dim_param[i]);
		ncc_put_bytes(&shape, 1, dim.data, dim.n);
	}
	if (t->type) {
		ncc_put_int(&tensor, 1, t->type);
		if (t->shaped)
			ncc_put_bytes(&tensor, 2, shape.data, shape.n);
		ncc_put_bytes(&type, 1, tensor.data, tensor.n);
		ncc_put_bytes(&o, 2, type.data, type.n);
	}
	ncc_put_bytes(&w->graph, field, o.data, o.n);
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

/* An entry of metadata_props. */
static void put_property(struct writer *w, struct ncc_out *o, const char *name, const char *value)
{
	struct ncc_out entry = message(w);

	ncc_put_text(&entry, 1, name);
	ncc_put_text(&entry, 2, value);
	ncc_put_bytes(o, 14, entry.data, entry.n);
}

/* @properties: fields of the ModelProto that are there already, or NULL */
static void finish(struct writer *w, const struct ncc_out *properties, struct ncc_bytes *result)
{
	const struct ncc_graph *g = w->ctx->whole ? w->ctx->whole : w->ctx->graph;
	struct ncc_out o = properties ? *properties : message(w);

	ncc_put_int(&o, 1, (uint64_t)(g->ir_version < IR_VERSION_MIN ? IR_VERSION_MIN : g->ir_version));
	ncc_put_text(&o, 2, "neuron-cc");
	for (size_t i = 0; i < g->nopset_raw; i++)
		ncc_put_bytes(&o, 8, g->opset_raw[i].at, g->opset_raw[i].n);
	for (size_t i = 0; i < g->nfunction_raw; i++)
		ncc_put_bytes(&o, 25, g->function_raw[i].at, g->function_raw[i].n);
	ncc_put_text(&w->graph, 2, *g->name ? g->name : "graph");
	ncc_put_bytes(&o, 7, w->graph.data, w->graph.n);
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
	err = put_nodes(&w, part->node, part->nnode, NULL);
	put_values(&w, 12, part->output, part->noutput);
	if (!err)
		finish(&w, NULL, out);
	return err;
}

/* Behind the fold pass, a copy on the chip makes outputs that are constants. */
static bool made_on_chip(struct ncc_context *ctx, const struct ncc_tensor *t)
{
	for (struct ncc_part *p = ctx->parts; p; p = p->next)
		for (size_t i = 0; p->device && i < p->graph->nnode; i++)
			for (size_t k = 0; k < p->graph->node[i]->nout; k++)
				if (p->graph->node[i]->out[k] && !strcmp(p->graph->node[i]->out[k]->name, t->name))
					return true;
	return false;
}

int ncc_onnx_write(struct ncc_context *ctx, enum ncc_pass after, struct ncc_bytes *out)
{
	struct ncc_graph *g = ctx->whole ? ctx->whole : ctx->graph;
	struct ncc_out properties;
	struct writer w;
	int err = 0;

	start(&w, ctx, after >= NCC_PASS_PARTITION);
	properties = message(&w);
	put_property(&w, &properties, "neuron.pass", ncc_pass_name(after));
	w.placed = after >= NCC_PASS_PLACE;
	put_values(&w, 11, g->input, g->ninput);
	if (after < NCC_PASS_PARTITION)
		err = put_nodes(&w, g->node, g->nnode, NULL);
	for (struct ncc_part *p = ctx->parts; p && !err && after >= NCC_PASS_PARTITION; p = p->next) {
		const char **notes = ncc_node_notes(ctx, p, after);

		put_property(&w, &properties, ncc_printf(&ctx->arena, "neuron.%s", p->name),
			     ncc_part_note(ctx, p, after));
		w.numbers = p->device && after > NCC_PASS_PARTITION;
		if (w.numbers)
			err = put_nodes(&w, p->graph->node, p->graph->nnode, notes);
		else
			err = put_nodes(&w, p->node, p->nnode, notes);
	}
	for (size_t i = 0; i < g->noutput; i++) {
		if (after > NCC_PASS_PARTITION && made_on_chip(ctx, g->output[i]))
			put_value(&w, 12, g->output[i]);
		else
			put_output(&w, g->output[i]);
	}
	if (!err)
		finish(&w, &properties, out);
	return err;
}
