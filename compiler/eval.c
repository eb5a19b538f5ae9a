// SPDX-License-Identifier: Apache-2.0
/*
 * Constant expressions: what the compiler computes itself. Shapes depend on some of
 * them; the others are weights that exporters left in pieces.
 *
 * Constants hold float or int64_t, whatever their type in the model.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "convert.h"
#include "shape.h"

/* Row-major iteration over a shape. */
struct cursor {
	int rank;
	int64_t dim[NCC_MAX_RANK];
	int64_t at[NCC_MAX_RANK];
};

static void cursor_init(struct cursor *c, const struct ncc_tensor *t)
{
	memset(c, 0, sizeof(*c));
	c->rank = t->rank;
	memcpy(c->dim, t->dim, sizeof(c->dim));
}

static void cursor_next(struct cursor *c)
{
	for (int d = c->rank - 1; d >= 0; d--) {
		if (++c->at[d] < c->dim[d])
			return;
		c->at[d] = 0;
	}
}

/* Offset in @t of the element that broadcasts to the cursor's position. */
static int64_t cursor_offset(const struct cursor *c, const struct ncc_tensor *t)
{
	int64_t off = 0;

	for (int d = 0; d < t->rank; d++)
		off = off * t->dim[d] + (t->dim[d] == 1 ? 0 : c->at[c->rank - t->rank + d]);
	return off;
}

static float *new_floats(struct ncc_graph *g, struct ncc_tensor *t)
{
	float *f = ncc_alloc_array(&g->ctx->arena, (size_t)t->count + 1, sizeof(*f));

	t->f = f;
	return f;
}

static int64_t *new_ints(struct ncc_graph *g, struct ncc_tensor *t)
{
	int64_t *i = ncc_alloc_array(&g->ctx->arena, (size_t)t->count + 1, sizeof(*i));

	t->i = i;
	return i;
}

/* out[n] = in[offset(n)] for either kind of contents. */
struct copier {
	const float *f_in;
	const int64_t *i_in;
	float *f_out;
	int64_t *i_out;
};

static struct copier copier(struct ncc_graph *g, const struct ncc_tensor *in, struct ncc_tensor *out)
{
	struct copier c = { .f_in = in->f, .i_in = in->i };

	if (in->f)
		c.f_out = out->f ? (float *)out->f : new_floats(g, out);
	else
		c.i_out = out->i ? (int64_t *)out->i : new_ints(g, out);
	return c;
}

static void copy_one(struct copier *c, int64_t to, int64_t from)
{
	if (c->f_in)
		c->f_out[to] = c->f_in[from];
	else
		c->i_out[to] = c->i_in[from];
}

static int eval_alias(struct ncc_graph *g, struct ncc_node *node)
{
	node->out[0]->f = node->in[0]->f;
	node->out[0]->i = node->in[0]->i;
	return 0;
}

static int eval_shape(struct ncc_graph *g, struct ncc_node *node)
{
	int64_t *i = new_ints(g, node->out[0]);

	memcpy(i, node->in[0]->dim, (size_t)node->in[0]->rank * sizeof(*i));
	return 0;
}

static int eval_constant_of_shape(struct ncc_graph *g, struct ncc_node *node)
{
	const struct ncc_attr *a = ncc_attr(node, "value");
	struct ncc_tensor *out = node->out[0];
	struct ncc_tensor zero = { .f = (const float[]){ 0 } };
	const struct ncc_tensor *value = a && a->t && a->t->count ? a->t : &zero;
	struct copier c = copier(g, value, out);

	for (int64_t n = 0; n < out->count; n++)
		copy_one(&c, n, 0);
	return 0;
}

static int eval_transpose(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *in = node->in[0], *out = node->out[0];
	struct copier c = copier(g, in, out);
	struct cursor at;

	cursor_init(&at, out);
	for (int64_t n = 0; n < out->count; n++, cursor_next(&at)) {
		int64_t index[NCC_MAX_RANK], off = 0;

		for (int d = 0; d < out->rank; d++)
			index[node->perm[d]] = at.at[d];
		for (int d = 0; d < in->rank; d++)
			off = off * in->dim[d] + index[d];
		copy_one(&c, n, off);
	}
	return 0;
}

static int eval_concat(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0];
	int axis = (int)node->axis;
	int64_t outer = ncc_dims(out, 0, axis), inner = ncc_dims(out, axis + 1, out->rank);
	int64_t base = 0;

	for (size_t i = 0; i < node->nin; i++) {
		int64_t row = node->in[i]->dim[axis] * inner;
		struct copier c = copier(g, node->in[i], out);

		for (int64_t o = 0; o < outer; o++)
			for (int64_t n = 0; n < row; n++)
				copy_one(&c, o * out->dim[axis] * inner + base + n, o * row + n);
		base += row;
	}
	return 0;
}

/* Slice, Gather and the others that choose elements along each axis. */
static int eval_move(struct ncc_graph *g, struct ncc_node *node)
{
	const struct ncc_move *m = node->move;
	struct ncc_tensor *out = node->out[0];
	struct ncc_tensor shape = { .rank = m->rank };
	struct copier c = copier(g, node->in[0], out);
	struct cursor at;

	memcpy(shape.dim, m->out, sizeof(shape.dim));
	cursor_init(&at, &shape);
	for (int64_t n = 0; n < out->count; n++, cursor_next(&at)) {
		int64_t off = 0;
		bool fill = false;

		for (int d = 0; d < m->rank; d++) {
			int64_t from = m->index[d][at.at[d]];

			fill |= from < 0;
			off = off * m->in[d] + from;
		}
		if (!fill)
			copy_one(&c, n, off);
		else if (c.f_out)
			c.f_out[n] = m->fill;
		else
			c.i_out[n] = (int64_t)m->fill;
	}
	return 0;
}

/* Each output is a movement of its own. */
static int eval_split(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t k = 0; k < node->nout; k++) {
		struct ncc_node part = *node;

		if (!node->out[k])
			continue;
		part.out = &node->out[k];
		part.move = &node->move[k];
		if (eval_move(g, &part))
			return -EINVAL;
	}
	return 0;
}

static int eval_compare(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->in[1], *out = node->out[0];
	int64_t *i = new_ints(g, out);
	struct cursor at;

	cursor_init(&at, out);
	for (int64_t n = 0; n < out->count; n++, cursor_next(&at)) {
		int64_t x = cursor_offset(&at, a), y = cursor_offset(&at, b);
		bool less = a->f ? a->f[x] < b->f[y] : a->i[x] < b->i[y];
		bool greater = a->f ? a->f[x] > b->f[y] : a->i[x] > b->i[y];
		bool equal = a->f ? a->f[x] == b->f[y] : a->i[x] == b->i[y];

		i[n] = node->op == NCC_LESS || node->op == NCC_LESSEQUAL ? less :
		       node->op != NCC_EQUAL && greater;
		if (node->op != NCC_LESS && node->op != NCC_GREATER)
			i[n] |= equal;
	}
	return 0;
}

static int eval_logic(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->nin > 1 ? node->in[1] : a, *out = node->out[0];
	int64_t *i = new_ints(g, out);
	struct cursor at;

	cursor_init(&at, out);
	for (int64_t n = 0; n < out->count; n++, cursor_next(&at)) {
		bool x = a->i[cursor_offset(&at, a)], y = b->i[cursor_offset(&at, b)];

		i[n] = node->op == NCC_AND ? x && y : node->op == NCC_OR ? x || y :
		       node->op == NCC_XOR ? x != y : !x;
	}
	return 0;
}

static int eval_where(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *out = node->out[0];
	struct copier yes = copier(g, node->in[1], out), no = copier(g, node->in[2], out);
	struct cursor at;

	cursor_init(&at, out);
	for (int64_t n = 0; n < out->count; n++, cursor_next(&at)) {
		if (node->in[0]->i[cursor_offset(&at, node->in[0])])
			copy_one(&yes, n, cursor_offset(&at, node->in[1]));
		else
			copy_one(&no, n, cursor_offset(&at, node->in[2]));
	}
	return 0;
}

static int eval_size(struct ncc_graph *g, struct ncc_node *node)
{
	new_ints(g, node->out[0])[0] = node->in[0]->count;
	return 0;
}

static int64_t to_int(double f)
{
	if (!(f > -9.2e18))
		return INT64_MIN;
	return f < 9.2e18 ? (int64_t)f : INT64_MAX;
}

/* Reductions of axes; a mean of integers rounds towards 0. */
static int eval_reduce(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *in = node->in[0], *out = node->out[0];
	double *acc = ncc_alloc_array(&g->ctx->arena, (size_t)out->count + 1, sizeof(*acc));
	int64_t each = out->count ? in->count / out->count : 0;
	bool *seen = ncc_alloc_array(&g->ctx->arena, (size_t)out->count + 1, sizeof(*seen));
	struct cursor at;

	for (int64_t n = 0; n < out->count && node->op == NCC_REDUCEPROD; n++)
		acc[n] = 1;
	cursor_init(&at, in);
	for (int64_t n = 0; n < in->count; n++, cursor_next(&at)) {
		double x = in->f ? in->f[n] : (double)in->i[n];
		int64_t off = 0;

		for (int d = 0; d < in->rank; d++)
			if (!(node->axes >> d & 1))
				off = off * in->dim[d] + at.at[d];
		if (node->op == NCC_REDUCESUMSQUARE || node->op == NCC_REDUCEL2)
			x *= x;
		else if (node->op == NCC_REDUCEL1)
			x = fabs(x);
		if (node->op == NCC_REDUCEMAX)
			acc[off] = seen[off] && acc[off] > x ? acc[off] : x;
		else if (node->op == NCC_REDUCEMIN)
			acc[off] = seen[off] && acc[off] < x ? acc[off] : x;
		else if (node->op == NCC_REDUCEPROD)
			acc[off] *= x;
		else
			acc[off] += x;
		seen[off] = true;
	}
	for (int64_t n = 0; n < out->count; n++) {
		if (node->op == NCC_REDUCEMEAN)
			acc[n] /= (double)each;
		else if (node->op == NCC_REDUCEL2)
			acc[n] = sqrt(acc[n]);
	}
	if (in->f) {
		float *f = new_floats(g, out);

		for (int64_t n = 0; n < out->count; n++)
			f[n] = (float)acc[n];
	} else {
		int64_t *i = new_ints(g, out);

		for (int64_t n = 0; n < out->count; n++)
			i[n] = to_int(acc[n]);
	}
	return 0;
}

static float round_half(enum ncc_type type, float f)
{
	return type == NCC_FLOAT16 ? ncc_from_fp16(ncc_to_fp16(f)) : ncc_from_bf16(ncc_to_bf16(f));
}

/* Between the types that shapes and parameters are computed in; others would have to wrap. */
static int eval_cast(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *in = node->in[0], *out = node->out[0];

	if (out->type == NCC_BOOL) {
		int64_t *i = new_ints(g, out);

		for (int64_t n = 0; n < out->count; n++)
			i[n] = in->i ? in->i[n] != 0 : in->f[n] != 0;
	} else if (out->type == NCC_FLOAT || out->type == NCC_DOUBLE) {
		float *f = new_floats(g, out);

		for (int64_t n = 0; n < out->count; n++)
			f[n] = in->f ? in->f[n] : (float)in->i[n];
	} else if (out->type == NCC_FLOAT16 || out->type == NCC_BFLOAT16) {
		float *f = new_floats(g, out);

		for (int64_t n = 0; n < out->count; n++)
			f[n] = round_half(out->type, in->f ? in->f[n] : (float)in->i[n]);
	} else if (out->type == NCC_INT64) {
		int64_t *i = new_ints(g, out);

		for (int64_t n = 0; n < out->count; n++)
			i[n] = in->i ? in->i[n] : to_int(in->f[n]);
	} else if (out->type == NCC_INT32) {
		int64_t *i = new_ints(g, out);

		for (int64_t n = 0; n < out->count; n++)
			i[n] = (int32_t)(in->i ? in->i[n] : to_int(in->f[n]));
	} else {
		return ncc_refuse(g->ctx, node, "cannot cast to type %s", ncc_type_name(out->type));
	}
	return 0;
}

static float unary(enum ncc_op op, float x)
{
	switch (op) {
	case NCC_ABS:
		return fabsf(x);
	case NCC_EXP:
		return expf(x);
	case NCC_NEG:
		return -x;
	case NCC_RECIPROCAL:
		return 1 / x;
	case NCC_RELU:
		return x > 0 ? x : 0;
	case NCC_SIGMOID:
		return 1 / (1 + expf(-x));
	case NCC_SQRT:
		return sqrtf(x);
	case NCC_ERF:
		return erff(x);
	default:
		return tanhf(x);
	}
}

static int eval_unary(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *in = node->in[0], *out = node->out[0];
	float *f;

	if (!in->f)
		return ncc_refuse(g->ctx, node, "'%s' has type %s; only floating types are supported",
				      in->name, ncc_type_name(in->type));
	f = new_floats(g, out);
	for (int64_t n = 0; n < out->count; n++)
		f[n] = unary(node->op, in->f[n]);
	return 0;
}

static float binary_float(enum ncc_op op, float a, float b)
{
	switch (op) {
	case NCC_ADD:
		return a + b;
	case NCC_SUB:
		return a - b;
	case NCC_MUL:
		return a * b;
	case NCC_DIV:
		return a / b;
	case NCC_MAX:
		return a > b ? a : b;
	case NCC_POW:
		return powf(a, b);
	default:
		return a < b ? a : b;
	}
}

/* Wraps instead of overflowing: the numbers come from the model. */
static int64_t binary_int(enum ncc_op op, int64_t a, int64_t b)
{
	switch (op) {
	case NCC_ADD:
		return (int64_t)((uint64_t)a + (uint64_t)b);
	case NCC_SUB:
		return (int64_t)((uint64_t)a - (uint64_t)b);
	case NCC_MUL:
		return (int64_t)((uint64_t)a * (uint64_t)b);
	case NCC_DIV:
		return b == -1 ? (int64_t)-(uint64_t)a : a / b;
	case NCC_MAX:
		return a > b ? a : b;
	default:
		return a < b ? a : b;
	}
}

static int eval_binary(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *a = node->in[0], *b = node->nin > 1 ? node->in[1] : NULL;
	struct ncc_tensor *out = node->out[0];
	int64_t *i = a->f ? NULL : new_ints(g, out);
	float *f = a->f ? new_floats(g, out) : NULL;
	struct cursor at;

	cursor_init(&at, out);
	for (int64_t n = 0; n < out->count; n++, cursor_next(&at)) {
		int64_t x = cursor_offset(&at, a), y = b ? cursor_offset(&at, b) : 0;

		if (f) {
			f[n] = b ? binary_float(node->op, a->f[x], b->f[y]) : a->f[x];
			continue;
		}
		if (node->op == NCC_DIV && b && !b->i[y])
			return ncc_node_error(g->ctx, node, "divides the constant '%s' by 0", a->name);
		i[n] = b ? binary_int(node->op, a->i[x], b->i[y]) : a->i[x];
	}
	return 0;
}

typedef int (*eval_fn)(struct ncc_graph *g, struct ncc_node *node);

static const eval_fn eval[NCC_OP_COUNT] = {
	[NCC_IDENTITY] = eval_alias, [NCC_DROPOUT] = eval_alias, [NCC_RESHAPE] = eval_alias,
	[NCC_FLATTEN] = eval_alias, [NCC_SQUEEZE] = eval_alias, [NCC_UNSQUEEZE] = eval_alias,
	[NCC_SHAPE] = eval_shape, [NCC_CONSTANTOFSHAPE] = eval_constant_of_shape,
	[NCC_TRANSPOSE] = eval_transpose, [NCC_CONCAT] = eval_concat, [NCC_GATHER] = eval_move,
	[NCC_SLICE] = eval_move, [NCC_PAD] = eval_move, [NCC_EXPAND] = eval_move,
	[NCC_TILE] = eval_move, [NCC_SPLIT] = eval_split, [NCC_CAST] = eval_cast, [NCC_EQUAL] = eval_compare,
	[NCC_LESS] = eval_compare, [NCC_GREATER] = eval_compare,
	[NCC_LESSEQUAL] = eval_compare, [NCC_GREATEREQUAL] = eval_compare, [NCC_WHERE] = eval_where,
	[NCC_SIZE] = eval_size, [NCC_REDUCEL1] = eval_reduce, [NCC_REDUCEL2] = eval_reduce,
	[NCC_REDUCEMAX] = eval_reduce, [NCC_REDUCEMEAN] = eval_reduce,
	[NCC_REDUCEMIN] = eval_reduce, [NCC_REDUCESUM] = eval_reduce,
	[NCC_REDUCESUMSQUARE] = eval_reduce, [NCC_REDUCEPROD] = eval_reduce,
	[NCC_AND] = eval_logic, [NCC_OR] = eval_logic, [NCC_XOR] = eval_logic, [NCC_NOT] = eval_logic,
	[NCC_ABS] = eval_unary, [NCC_EXP] = eval_unary, [NCC_NEG] = eval_unary,
	[NCC_RECIPROCAL] = eval_unary, [NCC_RELU] = eval_unary, [NCC_SIGMOID] = eval_unary,
	[NCC_SQRT] = eval_unary, [NCC_TANH] = eval_unary, [NCC_ERF] = eval_unary,
	[NCC_ADD] = eval_binary, [NCC_SUB] = eval_binary, [NCC_MUL] = eval_binary,
	[NCC_DIV] = eval_binary, [NCC_MAX] = eval_binary, [NCC_MIN] = eval_binary,
	[NCC_POW] = eval_binary,
};

/* A short model may ask for endless constants: none that is larger than the model is computed. */
static int too_much(struct ncc_graph *g, struct ncc_node *node)
{
	int64_t limit = g->ctx->size > NCC_EVAL_LIMIT ? (int64_t)g->ctx->size : NCC_EVAL_LIMIT;

	if (node->out[0]->count <= limit || eval[node->op] == eval_alias)
		return 0;
	return ncc_refuse(g->ctx, node, "makes a constant of %" PRId64 " elements, '%s'; the compiler computes "
			  "up to %" PRId64, node->out[0]->count, node->out[0]->name, limit);
}

int ncc_eval(struct ncc_graph *g, struct ncc_node *node)
{
	int err;

	bool two = eval[node->op] == eval_binary || eval[node->op] == eval_compare;
	bool sized = node->op == NCC_SHAPE || node->op == NCC_SIZE;

	if (!eval[node->op] || ncc_is_const(node->out[0]))
		return 0;
	/* Variadic ones with more than two inputs are taken apart first (fold pass). */
	if (two && node->nin > 2)
		return 0;
	for (size_t i = 0; i < node->nin && !sized; i++)
		if (node->in[i] ? !ncc_is_const(node->in[i]) : eval[node->op] != eval_move)
			return 0;
	if (node->op == NCC_WHERE && (!node->in[0]->i || !node->in[1]->f != !node->in[2]->f))
		return 0;
	if (node->op == NCC_POW && (!node->in[0]->f || !node->in[1]->f))
		return 0;
	/* Pieces of one expression have one kind of contents. */
	for (size_t i = 1; i < node->nin && (two || node->op == NCC_CONCAT); i++)
		if (!node->in[i]->f != !node->in[0]->f)
			return ncc_node_error(g->ctx, node, "'%s' and '%s' have different types",
					      node->in[0]->name, node->in[i]->name);
	err = too_much(g, node);
	return err ? err : eval[node->op](g, node);
}
