// SPDX-License-Identifier: Apache-2.0
/*
 * Resize and Upsample: the output's size, and for each axis that changes which elements of
 * the input make each element of the output, with what weight.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "shape.h"

enum coordinate { HALF_PIXEL, PYTORCH_HALF_PIXEL, ASYMMETRIC, ALIGN_CORNERS, HALF_PIXEL_SYMMETRIC };

static const char *const coordinates[] = {
	"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric",
};

enum rounding { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL };

static const char *const roundings[] = {
	"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
};

enum mode { NEAREST, LINEAR, CUBIC };

static const char *const modes[] = { "nearest", "linear", "cubic" };

struct resize {
	struct ncc_graph *g;
	struct ncc_node *node;
	enum coordinate coordinate;
	enum rounding rounding;
	enum mode mode;
	float scale[NCC_MAX_RANK];
	int64_t size[NCC_MAX_RANK];
};

/* The attribute's place in a list of words; @otherwise if it is absent; -1 if it is unknown. */
static int word(const struct ncc_node *node, const char *name, const char *const *words, int n,
		int otherwise)
{
	const struct ncc_attr *a = ncc_attr(node, name);

	if (!a || a->kind != NCC_ATTR_STRING)
		return otherwise;
	for (int i = 0; i < n; i++)
		if (!strcmp(a->s, words[i]))
			return i;
	return -1;
}

static int read_modes(struct resize *r)
{
	struct ncc_node *node = r->node;
	bool old = node->op == NCC_UPSAMPLE || r->g->opset < 11;
	int coordinate = word(node, "coordinate_transformation_mode", coordinates, 5,
			      old ? ASYMMETRIC : HALF_PIXEL);
	int rounding = word(node, "nearest_mode", roundings, 4, old ? FLOOR : ROUND_PREFER_FLOOR);
	const struct ncc_attr *a = ncc_attr(node, "mode");
	int mode = word(node, "mode", modes, 3, NEAREST);

	if (a && a->kind == NCC_ATTR_STRING && !strcmp(a->s, "bilinear"))
		mode = LINEAR;
	if (coordinate < 0 || rounding < 0 || mode < 0)
		return ncc_refuse(r->g->ctx, node, "attribute %s has a value that is not supported",
				  mode < 0 ? "mode" : rounding < 0 ? "nearest_mode" :
				  "coordinate_transformation_mode");
	if (ncc_attr_int(node, "antialias", 0) || ncc_attr_int(node, "exclude_outside", 0))
		return ncc_refuse(r->g->ctx, node, "antialias and exclude_outside are not supported");
	a = ncc_attr(node, "keep_aspect_ratio_policy");
	if (a && a->kind == NCC_ATTR_STRING && strcmp(a->s, "stretch"))
		return ncc_refuse(r->g->ctx, node, "keep_aspect_ratio_policy '%s' is not supported", a->s);
	r->coordinate = (enum coordinate)coordinate;
	r->rounding = (enum rounding)rounding;
	r->mode = (enum mode)mode;
	return 0;
}

/* Scales and sizes that are given, per given axis: from inputs or, for old Upsample, an attribute. */
static int read_sizes(struct resize *r, const int64_t *axes, int64_t naxes)
{
	struct ncc_node *node = r->node;
	bool two = node->op == NCC_UPSAMPLE || r->g->opset < 11;
	size_t at = two ? 1 : 2;
	struct ncc_tensor *scales = node->nin > at ? node->in[at] : NULL;
	struct ncc_tensor *sizes = !two && node->nin > 3 ? node->in[3] : NULL;
	const struct ncc_attr *a = ncc_attr(node, "scales");
	struct ncc_tensor *x = node->in[0];
	const float *f = a && a->kind == NCC_ATTR_FLOATS ? a->floats : NULL;
	int64_t n = f ? (int64_t)a->n : 0;

	if ((scales && !ncc_is_const(scales)) || (sizes && !ncc_is_const(sizes)))
		return ncc_refuse(r->g->ctx, node, "scales and sizes must be constant");
	if (scales && scales->count) {
		f = scales->f;
		n = scales->count;
	}
	if (sizes && !sizes->count)
		sizes = NULL;
	if (sizes)
		n = sizes->count;
	if (n != naxes || (sizes ? !sizes->i : !f))
		return ncc_node_error(r->g->ctx, node, "scales or sizes do not fit '%s' %s", x->name,
				      ncc_shape_text(r->g->ctx, x));
	for (int d = 0; d < x->rank; d++) {
		r->scale[d] = 1;
		r->size[d] = x->dim[d];
	}
	for (int64_t k = 0; k < n; k++) {
		int64_t d = axes ? axes[k] : k;

		if (sizes) {
			r->size[d] = sizes->i[k];
			r->scale[d] = (float)((double)r->size[d] / (double)x->dim[d]);
		} else {
			double size = floor((double)x->dim[d] * (double)f[k]);

			r->scale[d] = f[k];
			r->size[d] = size >= 1 && size < 1e9 ? (int64_t)size : 0;
		}
		if (r->size[d] < 1 || r->size[d] > INT32_MAX || !x->dim[d])
			return ncc_node_error(r->g->ctx, node, "axis %" PRId64 " of '%s' would have no "
					      "elements, or too many", d, x->name);
	}
	return 0;
}

/* Where output position @o lies among the input's elements: in fp32, as ONNX Runtime has it. */
static float source(const struct resize *r, int d, int64_t o)
{
	float in = (float)r->node->in[0]->dim[d], out = (float)r->size[d], scale = r->scale[d];
	float x = (float)o, adjust, center;

	switch (r->coordinate) {
	case ASYMMETRIC:
		return x / scale;
	case ALIGN_CORNERS:
		return out > 1 ? x * (in - 1) / (out - 1) : 0;
	case PYTORCH_HALF_PIXEL:
		return out > 1 ? (x + 0.5f) / scale - 0.5f : 0;
	case HALF_PIXEL_SYMMETRIC:
		adjust = out / (scale * in);
		center = in / 2;
		return center * (1 - adjust) + (x + 0.5f) / scale - 0.5f;
	default:
		return (x + 0.5f) / scale - 0.5f;
	}
}

static double nearest(enum rounding rounding, double x)
{
	switch (rounding) {
	case FLOOR:
		return floor(x);
	case CEIL:
		return ceil(x);
	case ROUND_PREFER_CEIL:
		return floor(x + 0.5);
	default:
		return ceil(x - 0.5);
	}
}

static int64_t inside(double x, int64_t n)
{
	return x < 0 ? 0 : x > (double)(n - 1) ? n - 1 : (int64_t)x;
}

/* Weights of the elements -1 .. 2 around a point at @t between 0 and 1. */
static void cubic(double t, double a, double w[4])
{
	double u = 1 - t;

	w[0] = ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a;
	w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
	w[2] = ((a + 2) * u - (a + 3)) * u * u + 1;
	w[3] = ((a * (u + 1) - 5 * a) * (u + 1) + 8 * a) * (u + 1) - 4 * a;
}

static void make_taps(struct resize *r, int d, struct ncc_taps *t)
{
	struct ncc_arena *arena = &r->g->ctx->arena;
	double a = ncc_attr_float(r->node, "cubic_coeff_a", -0.75f);
	int64_t n = r->size[d], in = r->node->in[0]->dim[d];
	int64_t *index[4];
	float *weight[4];

	t->n = r->mode == NEAREST ? 1 : r->mode == LINEAR ? 2 : 4;
	for (int k = 0; k < t->n; k++) {
		t->index[k] = index[k] = ncc_alloc_array(arena, (size_t)n, sizeof(*index[k]));
		t->weight[k] = weight[k] = ncc_alloc_array(arena, (size_t)n, sizeof(*weight[k]));
	}
	for (int64_t o = 0; o < n; o++) {
		double x = source(r, d, o), w[4] = { 1 };
		double base = r->mode == NEAREST ? nearest(r->rounding, x) : floor(x);

		if (r->mode == LINEAR) {
			w[1] = x - base;
			w[0] = 1 - w[1];
		} else if (r->mode == CUBIC) {
			cubic(x - base, a, w);
			base--;
		}
		for (int k = 0; k < t->n; k++) {
			index[k][o] = inside(base + k, in);
			weight[k][o] = (float)w[k];
		}
	}
}

int ncc_shape_resize(struct ncc_graph *g, struct ncc_node *node)
{
	struct resize r = { .g = g, .node = node };
	const struct ncc_attr *a = ncc_attr(node, "axes");
	struct ncc_tensor *x = node->in[0];
	int64_t axes[NCC_MAX_RANK], naxes = x->rank;
	int err = read_modes(&r);

	if (err)
		return err;
	if (a && a->n > (size_t)x->rank)
		return ncc_node_error(g->ctx, node, "attribute axes does not fit '%s' %s", x->name,
				      ncc_shape_text(g->ctx, x));
	if (a) {
		naxes = (int64_t)a->n;
		for (int64_t k = 0; k < naxes; k++)
			if (ncc_axis(g, node, a->ints[k], x->rank, &axes[k]))
				return -EINVAL;
	}
	err = read_sizes(&r, a ? axes : NULL, naxes);
	if (err)
		return err;
	if (ncc_tensor_set_shape(g, node, node->out[0], x->rank, r.size))
		return -EINVAL;
	for (int d = 0; d < x->rank; d++)
		if (ncc_move_too_long(g, node, r.size[d]))
			return -ENOTSUP;
	node->taps = ncc_alloc_array(&g->ctx->arena, (size_t)x->rank + 1, sizeof(*node->taps));
	for (int d = 0; d < x->rank; d++)
		if (r.size[d] != x->dim[d] || r.scale[d] != 1)
			make_taps(&r, d, &node->taps[d]);
	return 0;
}
