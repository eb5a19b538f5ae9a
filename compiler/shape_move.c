// SPDX-License-Identifier: Apache-2.0
/*
 * Shape inference of data movement: Slice, Split, Pad, Gather, Expand, Tile, and what
 * rearranges channels and space. All but the last become a struct ncc_move: per axis,
 * which element of the input each element of the output is.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shape.h"

/*
 * Each axis has a list of its elements here, however short the model is that asks for it.
 * No real tensor that the chip shall move is that long.
 */
#define MAX_AXIS	((int64_t)1 << 24)

int ncc_move_too_long(struct ncc_graph *g, struct ncc_node *node, int64_t n)
{
	return n <= MAX_AXIS ? 0 :
	       ncc_refuse(g->ctx, node, "moves an axis of %" PRId64 " elements; at most %" PRId64
			  " are supported", n, MAX_AXIS);
}

/* The same for all axes of @t. */
static int too_long_any(struct ncc_graph *g, struct ncc_node *node, const struct ncc_tensor *t)
{
	int err = 0;

	for (int d = 0; d < t->rank && !err; d++)
		err = ncc_move_too_long(g, node, t->dim[d]);
	return err;
}

static int64_t *indices(struct ncc_graph *g, int64_t n)
{
	return ncc_alloc_array(&g->ctx->arena, (size_t)n + 1, sizeof(int64_t));
}

void ncc_move_keep(struct ncc_graph *g, struct ncc_move *m, int axis, int64_t size)
{
	int64_t *index = indices(g, size);

	for (int64_t i = 0; i < size; i++)
		index[i] = i;
	m->in[axis] = m->out[axis] = size;
	m->index[axis] = index;
}

/* A movement of @x that keeps everything. */
static struct ncc_move *move_of(struct ncc_graph *g, const struct ncc_tensor *x)
{
	struct ncc_move *m = ncc_alloc(&g->ctx->arena, sizeof(*m));

	m->rank = x->rank;
	for (int d = 0; d < x->rank; d++)
		ncc_move_keep(g, m, d, x->dim[d]);
	return m;
}

static int finish(struct ncc_graph *g, struct ncc_node *node, struct ncc_move *m)
{
	node->move = m;
	return ncc_tensor_set_shape(g, node, node->out[0], m->rank, m->out);
}

/*
 * Integers from input @in (newer opsets) or attribute @attr (older ones): NULL and *n = 0
 * if there are neither; *n = -1 (reported) if the input is not constant.
 */
static const int64_t *list(struct ncc_graph *g, struct ncc_node *node, size_t in, const char *attr,
			   int64_t *n)
{
	const struct ncc_attr *a = ncc_attr(node, attr);

	*n = 0;
	if (in && in < node->nin && node->in[in]) {
		*n = node->in[in]->i ? node->in[in]->count : -1;
		if (*n < 0)
			ncc_refuse(g->ctx, node, "%s ('%s') must be constant integers", attr,
				   node->in[in]->name);
		return node->in[in]->i;
	}
	if (!a || a->kind != NCC_ATTR_INTS)
		return NULL;
	*n = (int64_t)a->n;
	return a->ints;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* What Slice means on an axis of length @n: @count elements from @first on. */
static void slice_range(int64_t n, int64_t start, int64_t end, int64_t step, int64_t *first,
			int64_t *count)
{
	int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;

	start = clamp(start < -n ? -1 : start < 0 ? start + n : start, low, high);
	end = clamp(end < -n ? -1 : end < 0 ? end + n : end, low, high);
	*first = start;
	if (step > 0)
		*count = end > start ? 1 + (end - start - 1) / step : 0;
	else
		*count = start > end ? 1 + (start - end - 1) / -step : 0;
}

int ncc_shape_slice(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t n, n_end, n_axes, n_steps, axis;
	const int64_t *start = list(g, node, 1, "starts", &n);
	const int64_t *end = list(g, node, 2, "ends", &n_end);
	const int64_t *axes = list(g, node, 3, "axes", &n_axes);
	const int64_t *steps = list(g, node, 4, "steps", &n_steps);
	struct ncc_move *m;

	if (n < 0 || n_end < 0 || n_axes < 0 || n_steps < 0 || too_long_any(g, node, x))
		return -ENOTSUP;
	m = move_of(g, x);
	if (!start || !end || n != n_end || (axes && n_axes != n) || (steps && n_steps != n) ||
	    n > x->rank)
		return ncc_node_error(g->ctx, node, "starts, ends, axes and steps do not fit '%s' %s",
				      x->name, ncc_shape_text(g->ctx, x));
	for (int64_t k = 0; k < n; k++) {
		int64_t step = steps ? steps[k] : 1, first, count;
		int64_t *index;

		if (ncc_axis(g, node, axes ? axes[k] : k, x->rank, &axis))
			return -EINVAL;
		if (!step || step == INT64_MIN)
			return ncc_node_error(g->ctx, node, "step %" PRId64 " makes no sense", step);
		slice_range(x->dim[axis], start[k], end[k], step, &first, &count);
		index = indices(g, count);
		for (int64_t i = 0; i < count; i++)
			index[i] = first + i * step;
		m->index[axis] = index;
		m->out[axis] = count;
	}
	return finish(g, node, m);
}

int ncc_shape_split(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t n, axis, base = 0, nout = (int64_t)node->nout;
	const int64_t *sizes = list(g, node, 1, "split", &n);
	struct ncc_move *moves = ncc_alloc_array(&g->ctx->arena, node->nout, sizeof(*moves));
	int64_t each;

	if (n < 0 || too_long_any(g, node, x))
		return -ENOTSUP;
	if (ncc_axis(g, node, ncc_attr_int(node, "axis", 0), x->rank, &axis))
		return -EINVAL;
	if (sizes && n != nout)
		return ncc_node_error(g->ctx, node, "has %zu outputs, but %" PRId64 " sizes", node->nout, n);
	each = (x->dim[axis] + nout - 1) / nout;
	for (int64_t k = 0; k < nout; k++) {
		int64_t left = x->dim[axis] - base;
		int64_t size = sizes ? sizes[k] : left < each ? left : each;
		int64_t *index;

		if (size < 0 || size > left || (k + 1 == nout && size != left))
			return ncc_node_error(g->ctx, node, "the sizes of the parts do not add up to axis %"
					      PRId64 " of '%s' %s", axis, x->name,
					      ncc_shape_text(g->ctx, x));
		index = indices(g, size);
		for (int64_t i = 0; i < size; i++)
			index[i] = base + i;
		moves[k] = *move_of(g, x);
		moves[k].index[axis] = index;
		moves[k].out[axis] = size;
		base += size;
		if (!node->out[k])
			continue;
		node->out[k]->type = x->type;
		if (ncc_tensor_set_shape(g, node, node->out[k], x->rank, moves[k].out))
			return -EINVAL;
	}
	node->move = moves;
	return 0;
}

/* Where padded position @i of an axis of @n elements comes from. */
static int64_t padded(const char *mode, int64_t i, int64_t n)
{
	if (i >= 0 && i < n)
		return i;
	if (!strcmp(mode, "edge"))
		return clamp(i, 0, n - 1);
	if (!strcmp(mode, "wrap"))
		return (i % n + n) % n;
	if (strcmp(mode, "reflect"))
		return -1;
	if (n == 1)
		return 0;
	i = ((i % (2 * n - 2)) + 2 * n - 2) % (2 * n - 2);
	return i < n ? i : 2 * n - 2 - i;
}

static int pad_fill(struct ncc_graph *g, struct ncc_node *node, struct ncc_move *m)
{
	struct ncc_tensor *t = node->nin > 2 ? node->in[2] : NULL;

	m->fill = ncc_attr_float(node, "value", 0);
	if (!t)
		return 0;
	if (!ncc_is_const(t) || t->count != 1)
		return ncc_refuse(g->ctx, node, "constant_value '%s' must be a constant number", t->name);
	m->fill = t->f ? t->f[0] : (float)t->i[0];
	return 0;
}

int ncc_shape_pad(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	const struct ncc_attr *a = ncc_attr(node, "mode");
	const char *mode = a && a->kind == NCC_ATTR_STRING ? a->s : "constant";
	int64_t n, n_axes, axis;
	const int64_t *pads = list(g, node, 1, "pads", &n);
	const int64_t *axes = list(g, node, 3, "axes", &n_axes);
	int64_t naxes = axes ? n_axes : x->rank;
	struct ncc_move *m;

	if (n < 0 || n_axes < 0 || too_long_any(g, node, x))
		return -ENOTSUP;
	m = move_of(g, x);
	if (!pads || n != 2 * naxes || naxes > x->rank)
		return ncc_node_error(g->ctx, node, "pads do not fit '%s' %s", x->name,
				      ncc_shape_text(g->ctx, x));
	if (strcmp(mode, "constant") && strcmp(mode, "edge") && strcmp(mode, "reflect") &&
	    strcmp(mode, "wrap"))
		return ncc_node_error(g->ctx, node, "mode '%s' is unknown", mode);
	for (int64_t k = 0; k < naxes; k++) {
		int64_t size, *index;

		if (ncc_axis(g, node, axes ? axes[k] : k, x->rank, &axis))
			return -EINVAL;
		if (pads[k] < -INT32_MAX || pads[k] > INT32_MAX || pads[naxes + k] < -INT32_MAX ||
		    pads[naxes + k] > INT32_MAX)
			return ncc_node_error(g->ctx, node, "pads %" PRId64 " and %" PRId64 " of axis %" PRId64
					      " of '%s' %s make no sense", pads[k], pads[naxes + k], axis,
					      x->name, ncc_shape_text(g->ctx, x));
		size = x->dim[axis] + pads[k] + pads[naxes + k];
		if (size < 0 || (!x->dim[axis] && size && strcmp(mode, "constant")))
			return ncc_node_error(g->ctx, node, "pads leave nothing of axis %" PRId64 " of '%s' %s",
					      axis, x->name, ncc_shape_text(g->ctx, x));
		if (ncc_move_too_long(g, node, size))
			return -ENOTSUP;
		index = indices(g, size);
		for (int64_t i = 0; i < size; i++) {
			index[i] = padded(mode, i - pads[k], x->dim[axis]);
			m->fills |= index[i] < 0;
		}
		m->index[axis] = index;
		m->out[axis] = size;
	}
	return pad_fill(g, node, m) ? -ENOTSUP : finish(g, node, m);
}

int ncc_shape_gather(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *index = node->in[1];
	int64_t dim[2 * NCC_MAX_RANK], *at;
	struct ncc_move *m;
	int rank = 0;

	if (ncc_axis(g, node, ncc_attr_int(node, "axis", 0), x->rank, &node->axis))
		return -EINVAL;
	for (int d = 0; d < x->rank; d++) {
		if (d != node->axis) {
			dim[rank++] = x->dim[d];
			continue;
		}
		for (int e = 0; e < index->rank; e++)
			dim[rank++] = index->dim[e];
	}
	if (ncc_tensor_set_shape(g, node, node->out[0], rank, dim))
		return -EINVAL;
	if (!index->i)
		return 0;
	if (too_long_any(g, node, x) || ncc_move_too_long(g, node, index->count) ||
	    ncc_move_too_long(g, node, ncc_dims(x, 0, (int)node->axis)) ||
	    ncc_move_too_long(g, node, ncc_dims(x, (int)node->axis + 1, x->rank)))
		return -ENOTSUP;
	m = ncc_alloc(&g->ctx->arena, sizeof(*m));
	m->rank = 3;
	ncc_move_keep(g, m, 0, ncc_dims(x, 0, (int)node->axis));
	ncc_move_keep(g, m, 2, ncc_dims(x, (int)node->axis + 1, x->rank));
	at = indices(g, index->count);
	for (int64_t i = 0; i < index->count; i++) {
		at[i] = index->i[i] < 0 ? index->i[i] + x->dim[node->axis] : index->i[i];
		if (at[i] < 0 || at[i] >= x->dim[node->axis])
			return ncc_node_error(g->ctx, node, "index %" PRId64 " of '%s' is outside of axis %" PRId64
					      " of '%s' %s", index->i[i], index->name, node->axis, x->name,
					      ncc_shape_text(g->ctx, x));
	}
	m->in[1] = x->dim[node->axis];
	m->out[1] = index->count;
	m->index[1] = at;
	node->move = m;
	return 0;
}

int ncc_shape_expand(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *shape = node->in[1];
	struct ncc_tensor want = { .name = shape->name }, *both[2] = { x, &want };
	struct ncc_tensor *out = node->out[0];
	struct ncc_move *m;

	if (!shape->i)
		return ncc_refuse(g->ctx, node, "shape '%s' is not constant", shape->name);
	if (shape->count > NCC_MAX_RANK)
		return ncc_refuse(g->ctx, node, "shape has %" PRId64 " dimensions; at most %d are supported",
				  shape->count, NCC_MAX_RANK);
	want.rank = (int)shape->count;
	memcpy(want.dim, shape->i, (size_t)want.rank * sizeof(want.dim[0]));
	want.shaped = true;
	if (ncc_shape_broadcast(g, node, both, 2, out))
		return -EINVAL;
	if (too_long_any(g, node, out))
		return -ENOTSUP;
	m = ncc_alloc(&g->ctx->arena, sizeof(*m));
	m->rank = out->rank;
	for (int d = 0; d < out->rank; d++) {
		int own = d - (out->rank - x->rank);

		ncc_move_keep(g, m, d, out->dim[d]);
		m->in[d] = own < 0 ? 1 : x->dim[own];
		if (m->in[d] == 1)
			m->index[d] = indices(g, out->dim[d]);
	}
	node->move = m;
	return 0;
}

int ncc_shape_tile(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *repeats = node->in[1];
	struct ncc_move *m;

	if (!repeats->i)
		return ncc_refuse(g->ctx, node, "repeats '%s' are not constant", repeats->name);
	if (repeats->count != x->rank)
		return ncc_node_error(g->ctx, node, "has %" PRId64 " repeats for '%s' %s", repeats->count,
				      x->name, ncc_shape_text(g->ctx, x));
	m = ncc_alloc(&g->ctx->arena, sizeof(*m));
	m->rank = x->rank;
	for (int d = 0; d < x->rank; d++) {
		m->in[d] = x->dim[d];
		if (repeats->i[d] < 0 || __builtin_mul_overflow(x->dim[d], repeats->i[d], &m->out[d]))
			return ncc_node_error(g->ctx, node, "repeat %" PRId64 " of axis %d of '%s' %s makes no sense",
					      repeats->i[d], d, x->name, ncc_shape_text(g->ctx, x));
	}
	if (finish(g, node, m))
		return -EINVAL;
	if (too_long_any(g, node, node->out[0]))
		return -ENOTSUP;
	for (int d = 0; d < x->rank; d++) {
		int64_t *index;

		index = indices(g, m->out[d]);
		for (int64_t i = 0; i < m->out[d]; i++)
			index[i] = i % x->dim[d];
		m->index[d] = index;
	}
	return 0;
}

/* DepthToSpace and SpaceToDepth. */
int ncc_shape_depth(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t b = ncc_attr_int(node, "blocksize", 0);
	bool up = node->op == NCC_DEPTHTOSPACE;

	if (x->rank != 4 || b < 1 || b > INT16_MAX || (up && x->dim[1] % (b * b)) ||
	    (!up && (x->dim[2] % b || x->dim[3] % b)))
		return ncc_node_error(g->ctx, node, "blocksize %" PRId64 " does not fit '%s' %s", b, x->name,
				      ncc_shape_text(g->ctx, x));
	return ncc_tensor_set_shape(g, node, node->out[0], 4, (int64_t[]){
			x->dim[0], up ? x->dim[1] / (b * b) : x->dim[1] * b * b,
			up ? x->dim[2] * b : x->dim[2] / b, up ? x->dim[3] * b : x->dim[3] / b,
		});
}
