// SPDX-License-Identifier: Apache-2.0
/*
 * Data movement, interpolation and ConvTranspose in terms of MOVE, Transpose, Conv and
 * elementwise operators.
 */
#include <errno.h>
#include <string.h>

#include <neuron/isa.h>

#include "expand.h"
#include "shape.h"

/* A movement of the shape @dim that keeps everything. */
static struct ncc_move *keep_all(struct ncc_graph *g, int rank, const int64_t *dim)
{
	struct ncc_move *m = ncc_alloc(&g->ctx->arena, sizeof(*m));

	m->rank = rank;
	for (int d = 0; d < rank; d++)
		ncc_move_keep(g, m, d, dim[d]);
	return m;
}

static int split(struct ncc_graph *g, struct ncc_node *node)
{
	for (size_t k = 0; k < node->nout; k++)
		if (node->out[k] && node->out[k]->count)
			ncc_step_move(g, node, node->in[0], &node->move[k], node->out[k]);
	return 0;
}

static int depth(struct ncc_graph *g, struct ncc_node *node)
{
	static const int64_t dcr[6] = { 0, 3, 4, 1, 5, 2 }, crd[6] = { 0, 1, 4, 2, 5, 3 };
	static const int64_t down[6] = { 0, 3, 5, 1, 2, 4 };
	struct ncc_tensor *x = node->in[0], *out = node->out[0], *y;
	const struct ncc_attr *a = ncc_attr(node, "mode");
	bool up = node->op == NCC_DEPTHTOSPACE;
	bool column = a && a->kind == NCC_ATTR_STRING && !strcmp(a->s, "CRD");
	int64_t b = ncc_attr_int(node, "blocksize", 1), split[6], dim[6];
	const int64_t *perm = up ? column ? crd : dcr : down;

	if (up && column)
		memcpy(split, (int64_t[]){ x->dim[0], out->dim[1], b, b, x->dim[2], x->dim[3] },
		       sizeof(split));
	else if (up)
		memcpy(split, (int64_t[]){ x->dim[0], b, b, out->dim[1], x->dim[2], x->dim[3] },
		       sizeof(split));
	else
		memcpy(split, (int64_t[]){ x->dim[0], x->dim[1], out->dim[2], b, out->dim[3], b },
		       sizeof(split));
	for (int d = 0; d < 6; d++)
		dim[d] = split[perm[d]];
	y = ncc_step_view(g, node, x, 6, split, NULL);
	y = ncc_step(g, node, NCC_TRANSPOSE, y, NULL, ncc_graph_temp(g, out->name, NCC_FLOAT, 6, dim));
	memcpy(y->producer->perm, perm, sizeof(dim));
	ncc_step_view(g, node, y, out->rank, out->dim, out);
	return 0;
}

/* Weights along axis @d as a constant that broadcasts. */
static struct ncc_tensor *axis_weights(struct ncc_graph *g, const struct ncc_tensor *x, int d,
				       int64_t n, const float *w)
{
	int64_t dim[NCC_MAX_RANK];

	for (int i = 0; i < x->rank; i++)
		dim[i] = i == d ? n : 1;
	return ncc_graph_const(g, "weights", x->rank, dim, w);
}

/* One axis of a linear or cubic Resize: a weighted sum of movements. */
static struct ncc_tensor *resize_axis(struct ncc_graph *g, struct ncc_node *node,
				      struct ncc_tensor *x, int d, struct ncc_tensor *out)
{
	struct ncc_taps *t = &node->taps[d];
	int64_t n = node->out[0]->dim[d];
	struct ncc_tensor *sum = NULL;

	for (int k = 0; k < t->n; k++) {
		struct ncc_move *m = keep_all(g, x->rank, x->dim);
		struct ncc_tensor *y;

		m->out[d] = n;
		m->index[d] = t->index[k];
		y = ncc_step_move(g, node, x, m, NULL);
		y = ncc_step(g, node, NCC_MUL, y, axis_weights(g, x, d, n, t->weight[k]), NULL);
		sum = sum ? ncc_step(g, node, NCC_ADD, sum, y, k + 1 == t->n ? out : NULL) : y;
	}
	return sum;
}

static int resize(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	struct ncc_move *m = keep_all(g, x->rank, x->dim);
	int last = -1;

	for (int d = 0; d < x->rank; d++) {
		struct ncc_taps *t = &node->taps[d];

		if (t->n == 1) {
			m->out[d] = node->out[0]->dim[d];
			m->index[d] = t->index[0];
		}
		if (t->n)
			last = d;
	}
	if (last < 0 || node->taps[last].n == 1) {
		ncc_step_move(g, node, x, m, node->out[0]);
		return 0;
	}
	/* Rows first: an axis that shrinks or grows less makes less work for the others. */
	for (int d = 0; d <= last; d++)
		if (node->taps[d].n)
			x = resize_axis(g, node, x, d, d == last ? node->out[0] : NULL);
	return 0;
}

/*
 * ConvTranspose: the output positions with the same remainder modulo the stride form a
 * phase, and a phase is an ordinary convolution with those taps that fall on it. One Conv
 * computes all phases, as channels; a Transpose brings them side by side.
 */
struct phases {
	int64_t taps[2];	/* of a phase */
	int64_t count[2];	/* positions of a phase */
};

static struct ncc_tensor *phase_weights(struct ncc_graph *g, struct ncc_node *node,
					const struct phases *p)
{
	const struct ncc_window *win = &node->window;
	const struct ncc_tensor *w = node->in[1];
	int64_t each = w->dim[1], cin = w->dim[0] / node->group, sh = win->stride[0];
	int64_t sw = win->stride[1], m = each * node->group;
	int64_t dim[4] = { m * sh * sw, cin, p->taps[0], p->taps[1] };
	float *v = ncc_alloc_array(&g->ctx->arena, (size_t)(dim[0] * dim[1] * dim[2] * dim[3]),
				   sizeof(*v)), *at = v;

	for (int64_t o = 0; o < dim[0]; o++)
		for (int64_t c = 0; c < cin; c++)
			for (int64_t h = 0; h < dim[2]; h++)
				for (int64_t x = 0; x < dim[3]; x++, at++) {
					int64_t mo = o / (sh * sw), gr = mo / each;
					int64_t kh = o / sw % sh + (dim[2] - 1 - h) * sh;
					int64_t kw = o % sw + (dim[3] - 1 - x) * sw;

					if (kh % win->dilation[0] || kw % win->dilation[1])
						continue;
					kh /= win->dilation[0];
					kw /= win->dilation[1];
					if (kh < win->kernel[0] && kw < win->kernel[1])
						*at = w->f[(((gr * cin + c) * each + mo % each) *
							    win->kernel[0] + kh) * win->kernel[1] + kw];
				}
	return ncc_graph_const(g, w->name, node->in[0]->rank, dim, v);
}

static struct ncc_tensor *phase_bias(struct ncc_graph *g, struct ncc_node *node, int64_t m)
{
	int64_t phases = node->window.stride[0] * node->window.stride[1], n = m * phases;
	float *v;

	if (node->nin < 3 || !node->in[2])
		return NULL;
	v = ncc_alloc_array(&g->ctx->arena, (size_t)n, sizeof(*v));
	for (int64_t i = 0; i < n; i++)
		v[i] = node->in[2]->f[i / phases];
	return ncc_graph_const(g, node->in[2]->name, 1, &n, v);
}

static int conv_transpose(struct ncc_graph *g, struct ncc_node *node)
{
	static const int64_t perm[6] = { 0, 1, 4, 2, 5, 3 };
	const struct ncc_window *win = &node->window;
	struct ncc_tensor *x = node->in[0], *out = node->out[0], *in[3], *y;
	int64_t sh = win->stride[0], sw = win->stride[1], m = out->dim[1], dim[6];
	struct ncc_node *conv;
	struct ncc_move *crop;
	struct phases p;

	for (int d = 0; d < 2; d++) {
		int64_t extent = (win->kernel[d] - 1) * win->dilation[d] + 1;
		int64_t full = win->out[d] + win->pad[d];

		p.taps[d] = (extent + win->stride[d] - 1) / win->stride[d];
		p.count[d] = (full + win->stride[d] - 1) / win->stride[d];
	}
	in[0] = x;
	in[1] = phase_weights(g, node, &p);
	in[2] = phase_bias(g, node, m);
	memcpy(dim, (int64_t[]){ x->dim[0], m * sh * sw, p.count[0], p.count[1] }, 4 * sizeof(*dim));
	y = ncc_graph_temp(g, out->name, NCC_FLOAT, x->rank, dim);
	conv = ncc_node_like(g, node, NCC_CONV, in[2] ? 3 : 2, in, y);
	conv->group = node->group;
	for (int d = 0; d < 2; d++) {
		struct ncc_window *w = &conv->window;

		w->stride[d] = w->dilation[d] = 1;
		w->kernel[d] = p.taps[d];
		w->pad[d] = p.taps[d] - 1;
		w->in[d] = win->in[d];
		w->out[d] = p.count[d];
		w->pad_end[d] = w->out[d] + w->kernel[d] - 1 - w->in[d] - w->pad[d];
	}
	ncc_graph_add(g, conv);
	memcpy(dim, (int64_t[]){ x->dim[0], m, sh, sw, p.count[0], p.count[1] }, sizeof(dim));
	y = ncc_step_view(g, node, y, 6, dim, NULL);
	memcpy(dim, (int64_t[]){ x->dim[0], m, p.count[0], sh, p.count[1], sw }, sizeof(dim));
	y = ncc_step(g, node, NCC_TRANSPOSE, y, NULL, ncc_graph_temp(g, out->name, NCC_FLOAT, 6, dim));
	memcpy(y->producer->perm, perm, sizeof(perm));
	memcpy(dim, (int64_t[]){ x->dim[0], m, p.count[0] * sh, p.count[1] * sw }, 4 * sizeof(*dim));
	if (dim[2] == win->out[0] && dim[3] == win->out[1]) {
		ncc_step_view(g, node, y, out->rank, out->dim, out);
		return 0;
	}
	y = ncc_step_view(g, node, y, 4, dim, NULL);
	crop = keep_all(g, 4, dim);
	for (int d = 0; d < 2; d++) {
		int64_t *index = ncc_alloc_array(&g->ctx->arena, (size_t)win->out[d], sizeof(*index));

		for (int64_t i = 0; i < win->out[d]; i++)
			index[i] = i + win->pad[d];
		crop->out[2 + d] = win->out[d];
		crop->index[2 + d] = index;
	}
	ncc_step_move(g, node, y, crop, out);
	return 0;
}

int ncc_expand_move(struct ncc_graph *g, struct ncc_node *node, bool *done)
{
	*done = true;
	switch (node->op) {
	case NCC_SLICE:
	case NCC_GATHER:
	case NCC_PAD:
	case NCC_EXPAND:
	case NCC_TILE:
		ncc_step_move(g, node, node->in[0], node->move, node->out[0]);
		return 0;
	case NCC_SPLIT:
		return split(g, node);
	case NCC_DEPTHTOSPACE:
	case NCC_SPACETODEPTH:
		return depth(g, node);
	case NCC_RESIZE:
	case NCC_UPSAMPLE:
		return resize(g, node);
	case NCC_CONVTRANSPOSE:
		return conv_transpose(g, node);
	default:
		*done = false;
		return 0;
	}
}
