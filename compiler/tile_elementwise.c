// SPDX-License-Identifier: Apache-2.0
/*
 * Elementwise operators with broadcasting.
 *
 * The result's shape becomes a list of axes: neighbours that broadcast alike are one,
 * and an axis may be cut where a layout needs it. One axis lies on the partitions. An
 * operand that broadcasts along an axis has a step of 0 there; if that is the axis on
 * the partitions, DMA repeats it over them.
 */
#include <errno.h>
#include <string.h>

#include "tile.h"

#define MAX_AXES	(NCC_MAX_RANK + 2)
#define MAX_OPERANDS	3

struct axis {
	int64_t size;
	bool fixed[MAX_OPERANDS];	/* the operand broadcasts along it */
};

struct elementwise {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_tensor *in[MAX_OPERANDS];
	int nin;
	struct axis axis[MAX_AXES];
	int n;
	int part;			/* the axis on the partitions */
	struct ncc_layout layout;
	struct ncc_layout own[MAX_OPERANDS];
	struct ncc_result res;
	/* Emits one tile. Steps of loops: operands, then the result. */
	int (*emit)(struct elementwise *e, const struct ncc_region *r, const struct ncc_tile *in,
		    const struct ncc_tile *out, const struct ncc_loop *loops, int n);
};

/* Axes of the result's shape, neighbours of the same kind joined. */
static void make_axes(struct elementwise *e)
{
	const struct ncc_tensor *out = e->node->out[0];

	for (int d = 0; d < out->rank; d++) {
		struct axis a = { .size = out->dim[d] };
		struct axis *last = e->n ? &e->axis[e->n - 1] : NULL;

		if (a.size == 1)
			continue;
		for (int k = 0; k < e->nin; k++) {
			int own = d - (out->rank - e->in[k]->rank);

			a.fixed[k] = own < 0 || e->in[k]->dim[own] == 1;
		}
		if (last && !memcmp(last->fixed, a.fixed, sizeof(a.fixed)))
			last->size *= a.size;
		else
			e->axis[e->n++] = a;
	}
	if (!e->n)
		e->axis[e->n++] = (struct axis){ .size = 1 };
}

/* Makes an axis begin where @before elements are outside of it: its index, -1 if none can. */
static int cut(struct axis *axis, int *n, int64_t before)
{
	int64_t outside = 1;

	for (int i = 0; i < *n; i++) {
		int64_t part;

		if (outside == before)
			return i;
		if (outside * axis[i].size <= before) {
			outside *= axis[i].size;
			continue;
		}
		if (before % outside || axis[i].size % (before / outside) || *n == MAX_AXES)
			return -1;
		part = before / outside;
		memmove(&axis[i + 1], &axis[i], (size_t)(*n - i) * sizeof(*axis));
		axis[i].size = part;
		axis[i + 1].size /= part;
		++*n;
		return i + 1;
	}
	return outside == before ? *n : -1;
}

/* Can the result have layout @l? If so, cut the axes to it. */
static bool adopt(struct elementwise *e, const struct ncc_layout *l)
{
	struct axis axis[MAX_AXES + 1];
	int n = e->n, first, last;

	memcpy(axis, e->axis, sizeof(e->axis));
	if (l->rep)
		return false;
	first = cut(axis, &n, l->o);
	if (first < 0)
		return false;
	if (l->a == 1 && n < MAX_AXES) {
		memmove(&axis[first + 1], &axis[first], (size_t)(n - first) * sizeof(*axis));
		axis[first] = (struct axis){ .size = 1 };
		n++;
	}
	last = l->a == 1 ? first + 1 : cut(axis, &n, l->o * l->a);
	if (last != first + 1 || axis[first].size != l->a)
		return false;
	memcpy(e->axis, axis, sizeof(e->axis));
	e->n = n;
	e->part = first;
	e->layout = *l;
	return true;
}

static void layout_of_axes(struct elementwise *e)
{
	e->layout = (struct ncc_layout){ 1, e->axis[e->part].size, 1, false };
	for (int i = 0; i < e->n; i++) {
		if (i < e->part)
			e->layout.o *= e->axis[i].size;
		if (i > e->part)
			e->layout.i *= e->axis[i].size;
	}
}

static int64_t lanes(int64_t size)
{
	return size < NEURON_PARTITIONS ? size : NEURON_PARTITIONS;
}

/* No operand is at hand: many partitions, long rows. */
static void choose_fresh(struct elementwise *e)
{
	const struct ncc_tensor *out = e->node->out[0];
	int64_t size = e->axis[0].size, best = 1;

	/* What pooling and convolutions around it are likely to want. */
	if (out->rank > 2 && out->dim[1] >= 16) {
		e->layout = ncc_channel_layout(out);
		if (adopt(e, &e->layout))
			return;
	}
	if (e->n == 1) {
		for (int64_t p = 2; p <= NEURON_PARTITIONS; p++)
			if (size % p == 0)
				best = p;
		/* A prime, say: one element in each partition and chunk. */
		if (best < 16 && size > NEURON_PARTITIONS)
			best = size;
		e->layout = (struct ncc_layout){ 1, best, size / best, false };
		if (best > 1 && adopt(e, &e->layout))
			return;
	}
	for (int i = 1; i < e->n; i++) {
		int old = 0, new = 0;

		for (int k = 0; k < e->nin; k++) {
			old += e->axis[e->part].fixed[k];
			new += e->axis[i].fixed[k];
		}

		if (new < old || (new == old &&
				  lanes(e->axis[i].size) > lanes(e->axis[e->part].size)))
			e->part = i;
	}
	layout_of_axes(e);
}

static void choose_layout(struct elementwise *e)
{
	for (int k = 0; k < e->nin; k++) {
		struct ncc_value *v = e->in[k]->value;

		if (e->in[k]->count != e->node->out[0]->count)
			continue;
		for (struct ncc_copy *c = v->copies; c; c = c->next)
			if (c->dtype == v->dtype && adopt(e, &c->layout))
				return;
	}
	choose_fresh(e);
}

/* The layout of operand @k that goes with the result's. */
static void own_layout(struct elementwise *e, int k)
{
	struct ncc_layout l = { 1, 1, 1, false };

	for (int i = 0; i < e->n; i++) {
		int64_t size = e->axis[i].fixed[k] ? 1 : e->axis[i].size;

		if (i < e->part)
			l.o *= size;
		else if (i > e->part)
			l.i *= size;
		else
			l.a = size;
	}
	l.rep = e->axis[e->part].fixed[k] && e->axis[e->part].size > 1;
	e->own[k] = l;
}

/* A tile: one index on the axes before @cut, a range on it, all of those behind it. */
struct box {
	int cut;
	int64_t at[MAX_AXES];
	int64_t n;
};

static int64_t box_count(const struct elementwise *e, const struct box *b, int i)
{
	return i < b->cut ? 1 : i == b->cut ? b->n : e->axis[i].size;
}

/* The region of operand @k (the result: -1) that belongs to a box. */
static struct ncc_region box_region(const struct elementwise *e, const struct box *b, int k,
				    int64_t chunk)
{
	struct ncc_region r = { 0, 1, 0, 1, 0, 1 };

	for (int i = 0; i < e->n; i++) {
		bool fixed = k >= 0 && e->axis[i].fixed[k];
		int64_t size = fixed ? 1 : e->axis[i].size;
		int64_t first = fixed || i > b->cut ? 0 : b->at[i];
		int64_t count = fixed ? 1 : box_count(e, b, i);

		if (i == e->part)
			continue;
		if (i < e->part) {
			r.o0 = r.o0 * size + first;
			r.on *= count;
		} else {
			r.i0 = r.i0 * size + first;
			r.in *= count;
		}
	}
	if (k < 0 || !e->axis[e->part].fixed[k]) {
		r.a0 = chunk * NEURON_PARTITIONS;
		r.an = ncc_chunk_size(&e->layout, chunk);
	}
	return r;
}

/* Step of operand @k (result: -1) along axis @i, in elements of its tile. */
static int64_t box_step(const struct elementwise *e, const struct ncc_tile *t, int k, int i)
{
	int64_t step = i < e->part ? t->step_o : t->step_i;
	int end = i < e->part ? e->part : e->n;

	if (k >= 0 && e->axis[i].fixed[k])
		return 0;
	for (int j = i + 1; j < end; j++)
		if (k < 0 || !e->axis[j].fixed[k])
			step *= e->axis[j].size;
	return step;
}

static int run_box(struct elementwise *e, const struct box *b, int64_t chunk)
{
	struct ncc_region r = box_region(e, b, -1, chunk);
	struct ncc_tile in[MAX_OPERANDS], out;
	struct ncc_loop loops[MAX_AXES];
	int n = 0, err = 0;

	for (int k = 0; k < e->nin && !err; k++) {
		struct ncc_region own = box_region(e, b, k, chunk);

		err = ncc_load(e->L, e->in[k]->value, &e->own[k], 0, &own, &in[k]);
	}
	if (!err)
		err = ncc_result_tile(e->L, &e->res, &r, &out);
	if (err)
		return err;
	for (int i = b->cut; i < e->n; i++) {
		if (i == e->part)
			continue;
		loops[n].count = box_count(e, b, i);
		for (int k = 0; k < e->nin; k++)
			loops[n].step[k] = box_step(e, &in[k], k, i);
		loops[n++].step[e->nin] = box_step(e, &out, -1, i);
	}
	err = e->emit(e, &r, in, &out, loops, n);
	return err ? err : ncc_result_put(e->L, &e->res, &r, &out);
}

/* Elements a partition on the axes behind @i. */
static int64_t behind(const struct elementwise *e, int i)
{
	int64_t n = 1;

	while (++i < e->n)
		if (i != e->part)
			n *= e->axis[i].size;
	return n;
}

static bool all_whole(const struct elementwise *e)
{
	for (int k = 0; k < e->nin; k++)
		if (!ncc_find_copy(e->in[k]->value, &e->own[k], e->in[k]->value->dtype))
			return false;
	return e->res.buf >= 0;
}

/* To the next box of the same chunk; false after the last one. */
static bool next_box(const struct elementwise *e, struct box *b, int64_t range)
{
	int64_t size = e->axis[b->cut].size;

	b->at[b->cut] += b->n;
	for (int i = b->cut; i >= 0; i--) {
		if (b->at[i] < e->axis[i].size) {
			b->n = size - b->at[b->cut] < range ? size - b->at[b->cut] : range;
			return true;
		}
		b->at[i] = 0;
		/* The axis before it that is not the one on the partitions. */
		if (i - 1 == e->part)
			i--;
		if (i > 0)
			b->at[i - 1]++;
	}
	return false;
}

static int run(struct elementwise *e)
{
	int64_t most = all_whole(e) ? INT64_MAX : NCC_TILE_LIMIT / 4, range;
	int cut = 0, err = 0;

	while (cut < e->n - 1 && (cut == e->part || behind(e, cut) > most))
		cut++;
	/* Nothing but the axis on the partitions. */
	if (cut == e->part && cut > 0)
		cut--;
	range = cut == e->part ? 1 : most / behind(e, cut);
	range = range < 1 ? 1 : range;
	for (int64_t c = 0; c < ncc_chunks(&e->layout) && !err; c++) {
		struct box b = { .cut = cut };
		int64_t size = e->axis[cut].size;

		if (cut == e->part) {
			err = run_box(e, &b, c);
			continue;
		}
		b.n = size < range ? size : range;
		do {
			if (!err)
				err = run_box(e, &b, c);
		} while (next_box(e, &b, range));
	}
	return err;
}

/* Everything but the choice of the layout. */
static int lower(struct elementwise *e)
{
	int err = 0;

	for (int k = 0; k < e->nin && !err; k++) {
		own_layout(e, k);
		err = ncc_want(e->L, e->in[k]->value, &e->own[k], 0);
	}
	if (!err)
		err = ncc_result_begin(e->L, e->node->out[0]->value, &e->layout, &e->res);
	if (!err)
		err = run(e);
	return err ? err : ncc_result_end(e->L, &e->res);
}

static bool act_func(enum ncc_op op, uint8_t *func, float *scale)
{
	static const struct {
		bool known;
		uint8_t func;
	} funcs[NCC_OP_COUNT] = {
		[NCC_ABS] = { true, NEURON_FUNC_ABS }, [NCC_CEIL] = { true, NEURON_FUNC_CEIL },
		[NCC_COS] = { true, NEURON_FUNC_COS }, [NCC_ERF] = { true, NEURON_FUNC_ERF },
		[NCC_EXP] = { true, NEURON_FUNC_EXP }, [NCC_FLOOR] = { true, NEURON_FUNC_FLOOR },
		[NCC_LOG] = { true, NEURON_FUNC_LOG }, [NCC_MISH] = { true, NEURON_FUNC_MISH },
		[NCC_NEG] = { true, NEURON_FUNC_IDENTITY },
		[NCC_RECIPROCAL] = { true, NEURON_FUNC_RECIPROCAL },
		[NCC_RELU] = { true, NEURON_FUNC_RELU }, [NCC_ROUND] = { true, NEURON_FUNC_ROUND },
		[NCC_RSQRT] = { true, NEURON_FUNC_RSQRT },
		[NCC_SIGMOID] = { true, NEURON_FUNC_SIGMOID },
		[NCC_SIGN] = { true, NEURON_FUNC_SIGN }, [NCC_SIN] = { true, NEURON_FUNC_SIN },
		[NCC_SOFTPLUS] = { true, NEURON_FUNC_SOFTPLUS },
		[NCC_SILU] = { true, NEURON_FUNC_SILU },
		[NCC_HARDSWISH] = { true, NEURON_FUNC_HARD_SWISH },
		[NCC_SQRT] = { true, NEURON_FUNC_SQRT }, [NCC_TANH] = { true, NEURON_FUNC_TANH },
	};

	*scale = op == NCC_NEG ? -1 : 1;
	*func = funcs[op].func;
	return funcs[op].known;
}

static int emit_unary(struct elementwise *e, const struct ncc_region *r, const struct ncc_tile *in,
		      const struct ncc_tile *out, const struct ncc_loop *loops, int n)
{
	struct ncc_node *node = e->node;
	struct ncc_activate a = { .parts = (unsigned int)r->an, .src = in->at, .dst = out->at };
	struct ncc_scalars clip = {
		.alu0 = NEURON_ALU_MAX, .alu1 = NEURON_ALU_MIN, .scalar0 = node->low,
		.scalar1 = node->high,
	};

	if (node->op == NCC_GELU) {
		const struct ncc_attr *how = ncc_attr(node, "approximate");
		bool tanh = how && how->kind == NCC_ATTR_STRING && !strcmp(how->s, "tanh");

		a.func = tanh ? NEURON_FUNC_GELU_TANH : NEURON_FUNC_GELU;
		a.scale = 1;
		return ncc_activate(&e->L->b, &a, loops, n);
	}
	if (node->op == NCC_LEAKYRELU || node->op == NCC_ELU) {
		a.func = node->op == NCC_ELU ? NEURON_FUNC_ELU : NEURON_FUNC_LEAKY_RELU;
		a.param = ncc_attr_float(node, "alpha", node->op == NCC_ELU ? 1 : 0.01f);
		a.scale = 1;
		return ncc_activate(&e->L->b, &a, loops, n);
	}
	if (node->op == NCC_HARDSIGMOID) {
		a.func = NEURON_FUNC_CLAMP01;
		a.scale = ncc_attr_float(node, "alpha", 0.2f);
		a.bias_imm = ncc_attr_float(node, "beta", 0.5f);
		return ncc_activate(&e->L->b, &a, loops, n);
	}
	if (act_func(node->op, &a.func, &a.scale))
		return ncc_activate(&e->L->b, &a, loops, n);
	if (node->op == NCC_SCALARS) {
		clip = (struct ncc_scalars){
			.alu0 = node->alu[0], .alu1 = node->alu[1], .scalar0 = node->scalar[0],
			.scalar1 = node->scalar[1],
		};
	}
	return ncc_tensor_scalar(&e->L->b, &clip, a.parts, in->at, out->at, loops, n);
}

int ncc_tile_unary(struct ncc_lower *L, struct ncc_node *node)
{
	struct elementwise e = {
		.L = L, .node = node, .in = { node->in[0] }, .nin = 1, .emit = emit_unary,
	};

	make_axes(&e);
	choose_layout(&e);
	return lower(&e);
}

static uint8_t alu_of(enum ncc_op op)
{
	switch (op) {
	case NCC_ADD:
		return NEURON_ALU_ADD;
	case NCC_SUB:
		return NEURON_ALU_SUB;
	case NCC_MUL:
		return NEURON_ALU_MUL;
	case NCC_DIV:
		return NEURON_ALU_DIV;
	case NCC_MAX:
		return NEURON_ALU_MAX;
	case NCC_POW:
		return NEURON_ALU_POW;
	case NCC_EQUAL:
		return NEURON_ALU_EQ;
	case NCC_LESS:
		return NEURON_ALU_LT;
	case NCC_LESSEQUAL:
		return NEURON_ALU_LE;
	case NCC_GREATER:
		return NEURON_ALU_GT;
	case NCC_GREATEREQUAL:
		return NEURON_ALU_GE;
	case NCC_AND:
		return NEURON_ALU_AND;
	case NCC_OR:
		return NEURON_ALU_OR;
	case NCC_XOR:
		return NEURON_ALU_XOR;
	default:
		return NEURON_ALU_MIN;
	}
}

static int emit_binary(struct elementwise *e, const struct ncc_region *r, const struct ncc_tile *in,
		       const struct ncc_tile *out, const struct ncc_loop *loops, int n)
{
	return ncc_tensor_tensor(&e->L->b, alu_of(e->node->op), (unsigned int)r->an, in[0].at, in[1].at,
				 out->at, loops, n);
}

/* One operand is a constant number. */
static int emit_scalar(struct elementwise *e, const struct ncc_region *r, const struct ncc_tile *in,
		       const struct ncc_tile *out, const struct ncc_loop *loops, int n)
{
	bool second = e->in[0] == e->node->in[0];
	struct ncc_scalars s = {
		.alu0 = alu_of(e->node->op), .alu1 = NEURON_ALU_BYPASS, .reverse0 = !second,
		.scalar0 = e->node->in[second]->f[0],
	};

	return ncc_tensor_scalar(&e->L->b, &s, (unsigned int)r->an, in->at, out->at, loops, n);
}

static bool is_number(const struct ncc_tensor *t)
{
	return t->f && t->count == 1;
}

int ncc_tile_binary(struct ncc_lower *L, struct ncc_node *node)
{
	struct elementwise e = {
		.L = L, .node = node, .in = { node->in[0], node->in[1] }, .nin = 2,
		.emit = emit_binary,
	};
	int number = is_number(node->in[1]) ? 1 : is_number(node->in[0]) ? 0 : -1;

	if (number >= 0 && node->in[!number]->count == node->out[0]->count) {
		e.in[0] = node->in[!number];
		e.nin = 1;
		e.emit = emit_scalar;
	}
	make_axes(&e);
	choose_layout(&e);
	return lower(&e);
}

/* First what is not chosen, everywhere, then over it what is. A constant number is no operand. */
static int emit_where(struct elementwise *e, const struct ncc_region *r, const struct ncc_tile *in,
		      const struct ncc_tile *out, const struct ncc_loop *loops, int n)
{
	const struct ncc_tensor *yes = e->node->in[1], *no = e->node->in[2];
	int a = is_number(yes) ? 0 : 1, b = is_number(no) ? 0 : a + 1;
	struct ncc_scalars copy = { .alu0 = NEURON_ALU_BYPASS, .alu1 = NEURON_ALU_BYPASS };
	struct ncc_loop rest[NCC_MAX_LOOPS], chosen[NCC_MAX_LOOPS];
	unsigned int parts = (unsigned int)r->an;
	int err;

	for (int i = 0; i < n; i++) {
		int64_t to = loops[i].step[e->nin];

		rest[i] = (struct ncc_loop){ loops[i].count, { b ? loops[i].step[b] : to, to } };
		chosen[i] = (struct ncc_loop){ loops[i].count, { loops[i].step[0], a ? loops[i].step[a] : to, to } };
	}
	if (b)
		err = ncc_tensor_scalar(&e->L->b, &copy, parts, in[b].at, out->at, rest, n);
	else
		err = ncc_memset(&e->L->b, no->f[0], parts, out->at, rest, n);
	return err ? err : ncc_select(&e->L->b, parts, in[0].at, a ? &in[a].at : NULL, a ? 0 : yes->f[0],
				      out->at, chosen, n);
}

int ncc_tile_where(struct ncc_lower *L, struct ncc_node *node)
{
	struct elementwise e = {
		.L = L, .node = node, .in = { node->in[0] }, .nin = 1, .emit = emit_where,
	};

	for (int k = 1; k < 3; k++)
		if (!is_number(node->in[k]))
			e.in[e.nin++] = node->in[k];
	make_axes(&e);
	choose_layout(&e);
	return lower(&e);
}

/* func(scale[c] * x + bias[c]) */
static int emit_affine(struct elementwise *e, const struct ncc_region *r, const struct ncc_tile *in,
		       const struct ncc_tile *out, const struct ncc_loop *loops, int n)
{
	struct ncc_layout vector = { 1, e->layout.a, 1, false };
	struct ncc_region one = { 0, 1, r->a0, r->an, 0, 1 };
	struct ncc_tile scale, bias;
	struct ncc_activate a = {
		.parts = (unsigned int)r->an, .func = e->node->func, .param = e->node->param, .src = in->at, .dst = out->at,
	};
	int err = ncc_load(e->L, e->node->in[1]->value, &vector, NEURON_FP32, &one, &scale);

	if (!err)
		err = ncc_load(e->L, e->node->in[2]->value, &vector, NEURON_FP32, &one, &bias);
	if (err)
		return err;
	a.scale_at = &scale.at;
	a.bias = &bias.at;
	return ncc_activate(&e->L->b, &a, loops, n);
}

int ncc_tile_affine(struct ncc_lower *L, struct ncc_node *node)
{
	struct elementwise e = {
		.L = L, .node = node, .in = { node->in[0] }, .nin = 1, .emit = emit_affine,
	};
	struct ncc_layout l = ncc_channel_layout(node->out[0]);
	struct ncc_layout vector = { 1, l.a, 1, false };
	int err = ncc_want(L, node->in[1]->value, &vector, NEURON_FP32);

	if (!err)
		err = ncc_want(L, node->in[2]->value, &vector, NEURON_FP32);
	if (err)
		return err;
	e.axis[0] = (struct axis){ .size = l.o };
	e.axis[1] = (struct axis){ .size = l.a };
	e.axis[2] = (struct axis){ .size = l.i };
	e.n = 3;
	e.part = 1;
	layout_of_axes(&e);
	return lower(&e);
}
