// SPDX-License-Identifier: Apache-2.0
/*
 * Pooling: channels on the partitions, windows as the inner loops of a reduction.
 *
 * Windows at the border reach into the padding. Output positions whose windows keep the
 * same taps form a class; there are a few classes an axis, and one reduction for each
 * pair of them.
 */
#include <errno.h>

#include "tile.h"

struct pool {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_layout in, out;
	struct ncc_classes axis[2];
	struct ncc_result res;
};

/* Taps k = 0 .. kernel - 1 of a window at @start that lie below @end. */
static int64_t taps_below(const struct ncc_window *w, int d, int64_t start, int64_t end)
{
	int64_t n = end - 1 < start ? 0 : (end - 1 - start) / w->dilation[d] + 1;

	return n < w->kernel[d] ? n : w->kernel[d];
}

struct ncc_classes ncc_window_classes(struct ncc_lower *L, const struct ncc_window *w, int d)
{
	struct ncc_classes a = {
		.class = ncc_alloc_array(&L->ctx->arena, (size_t)w->out[d], sizeof(*a.class)),
	};

	for (int64_t o = 0; o < w->out[d]; o++) {
		int64_t start = o * w->stride[d] - w->pad[d];
		int64_t before = start < 0 ? (-start + w->dilation[d] - 1) / w->dilation[d] : 0;
		struct ncc_class c = {
			.out = o, .n = 1, .first = start + before * w->dilation[d], .skip = before,
			.taps = taps_below(w, d, start, w->in[d]) - before,
			.counted = taps_below(w, d, start, w->in[d] + w->pad_end[d]),
		};
		struct ncc_class *last = a.n ? &a.class[a.n - 1] : NULL;

		if (last && last->taps == c.taps && last->counted == c.counted &&
		    last->skip == c.skip && last->first + last->n * w->stride[d] == c.first)
			last->n++;
		else
			a.class[a.n++] = c;
	}
	return a;
}

static int classify(struct pool *p, int d)
{
	p->axis[d] = ncc_window_classes(p->L, &p->node->window, d);
	for (size_t i = 0; i < p->axis[d].n; i++)
		if (p->axis[d].class[i].taps < 1)
			return ncc_node_error(p->L->ctx, p->node, "a window lies in the padding alone; pads must "
					      "be smaller than the kernel");
	return 0;
}

/* Rows h0 .. h1 - 1 of class @h, all columns of class @w. */
static int reduce(struct pool *p, const struct ncc_class *h, int64_t h0, int64_t h1,
		  const struct ncc_class *w, const struct ncc_region *in, const struct ncc_tile *src,
		  const struct ncc_region *out, const struct ncc_tile *dst)
{
	const struct ncc_window *win = &p->node->window;
	bool max = p->node->op == NCC_MAXPOOL;
	bool average = p->node->op == NCC_AVERAGEPOOL;
	int64_t taken = p->node->count_pad ? h->counted * w->counted : h->taps * w->taps;
	int64_t row = h->first + (h0 - h->out) * win->stride[0];
	struct ncc_loop loops[5] = {
		{ out->on, { src->step_o, dst->step_o } },
		{ h1 - h0, { win->stride[0] * win->in[1], win->out[1] } },
		{ w->n, { win->stride[1], 1 } },
		{ h->taps, { win->dilation[0] * win->in[1], 0 } },
		{ w->taps, { win->dilation[1], 0 } },
	};

	return ncc_tensor_reduce(&p->L->b, max ? NEURON_ALU_MAX : NEURON_ALU_ADD,
				 average ? 1 / (float)taken : 1, (unsigned int)out->an,
				 ncc_at_element(src, 0, row * win->in[1] + w->first - in->i0),
				 ncc_at_element(dst, 0, h0 * win->out[1] + w->out - out->i0),
				 loops, 5, 2);
}

/* Output rows r0 .. r1 - 1 of images o0 .. o0 + on - 1. */
static int strip(struct pool *p, int64_t chunk, int64_t o0, int64_t on, int64_t r0, int64_t r1)
{
	const struct ncc_window *w = &p->node->window;
	struct ncc_region in = ncc_chunk_region(&p->in, chunk);
	struct ncc_region out = ncc_chunk_region(&p->out, chunk);
	struct ncc_tile src, dst;
	int64_t first = r0 * w->stride[0] - w->pad[0];
	int64_t last = (r1 - 1) * w->stride[0] - w->pad[0] + (w->kernel[0] - 1) * w->dilation[0];
	int err;

	first = first < 0 ? 0 : first;
	last = last < w->in[0] ? last : w->in[0] - 1;
	in.o0 = out.o0 = o0;
	in.on = out.on = on;
	in.i0 = first * w->in[1];
	in.in = (last - first + 1) * w->in[1];
	out.i0 = r0 * w->out[1];
	out.in = (r1 - r0) * w->out[1];
	err = ncc_load(p->L, p->node->in[0]->value, &p->in, 0, &in, &src);
	if (!err)
		err = ncc_result_tile(p->L, &p->res, &out, &dst);
	for (size_t i = 0; i < p->axis[0].n && !err; i++) {
		struct ncc_class *h = &p->axis[0].class[i];
		int64_t h0 = h->out > r0 ? h->out : r0;
		int64_t h1 = h->out + h->n < r1 ? h->out + h->n : r1;

		for (size_t k = 0; k < p->axis[1].n && h0 < h1 && !err; k++)
			err = reduce(p, h, h0, h1, &p->axis[1].class[k], &in, &src, &out, &dst);
	}
	return err ? err : ncc_result_put(p->L, &p->res, &out, &dst);
}

/* Output rows that make a tile of input and output small enough. */
static int64_t strip_rows(const struct pool *p)
{
	const struct ncc_window *w = &p->node->window;
	int64_t halo = (w->kernel[0] - 1) * w->dilation[0] + 1;
	int64_t most = NCC_TILE_LIMIT / 4 / w->in[1];	/* input rows */
	int64_t rows = (most - halo) / w->stride[0] + 1;

	return rows < 1 ? 1 : rows > w->out[0] ? w->out[0] : rows;
}

static int run(struct pool *p)
{
	const struct ncc_window *w = &p->node->window;
	bool whole = p->res.buf >= 0 && ncc_find_copy(p->node->in[0]->value, &p->in,
						      p->node->in[0]->value->dtype);
	int64_t images = whole ? p->in.o : 1;
	int64_t rows = whole ? w->out[0] : strip_rows(p);
	int err = 0;

	for (int64_t c = 0; c < ncc_chunks(&p->in); c++)
		for (int64_t o = 0; o < p->in.o; o += images)
			for (int64_t r = 0; r < w->out[0] && !err; r += rows)
				err = strip(p, c, o, images, r,
					    r + rows < w->out[0] ? r + rows : w->out[0]);
	return err;
}

int ncc_tile_pool(struct ncc_lower *L, struct ncc_node *node)
{
	struct pool p = { .L = L, .node = node };
	int err;

	p.in = ncc_channel_layout(node->in[0]);
	p.out = ncc_channel_layout(node->out[0]);
	err = classify(&p, 0);
	if (!err)
		err = classify(&p, 1);
	if (!err)
		err = ncc_want(L, node->in[0]->value, &p.in, 0);
	if (!err)
		err = ncc_result_begin(L, node->out[0]->value, &p.out, &p.res);
	if (!err)
		err = run(&p);
	return err ? err : ncc_result_end(L, &p.res);
}

/* All of one channel to one number; what does not fit at once in parts first. */
static int global(struct ncc_lower *L, struct ncc_node *node, const struct ncc_layout *in,
		  struct ncc_result *res, int64_t chunk, int64_t image, int64_t images, int64_t most)
{
	bool max = node->op == NCC_GLOBALMAXPOOL;
	uint8_t alu = max ? NEURON_ALU_MAX : NEURON_ALU_ADD;
	float scale = max ? 1 : 1 / (float)in->i;
	struct ncc_region r = ncc_chunk_region(in, chunk), out = ncc_chunk_region(&res->layout, chunk);
	int64_t parts = (in->i + most - 1) / most;
	unsigned int an = (unsigned int)r.an;
	struct ncc_tile src, dst, sums = ncc_temp(L, images, parts, NEURON_FP32);
	int err;

	r.o0 = out.o0 = image;
	r.on = out.on = images;
	err = ncc_result_tile(L, res, &out, &dst);
	for (int64_t k = 0; k < parts && !err; k++) {
		bool one = parts == 1;
		struct ncc_loop loops[2];

		r.i0 = k * most;
		r.in = in->i - r.i0 < most ? in->i - r.i0 : most;
		err = ncc_load(L, node->in[0]->value, in, 0, &r, &src);
		loops[0] = (struct ncc_loop){ images, { src.step_o, one ? dst.step_o : parts } };
		loops[1] = (struct ncc_loop){ r.in, { src.step_i, 0 } };
		if (!err)
			err = ncc_tensor_reduce(&L->b, alu, one ? scale : 1, an, src.at,
						one ? dst.at : ncc_at_element(&sums, 0, k), loops, 2, 1);
	}
	if (!err && parts > 1)
		err = ncc_tensor_reduce(&L->b, alu, scale, an, sums.at, dst.at, (struct ncc_loop[]){
						{ images, { parts, dst.step_o } }, { parts, { 1, 0 } },
					}, 2, 1);
	return err ? err : ncc_result_put(L, res, &out, &dst);
}

int ncc_tile_global_pool(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_value *x = node->in[0]->value;
	struct ncc_layout in = ncc_channel_layout(node->in[0]);
	struct ncc_layout out = ncc_channel_layout(node->out[0]);
	struct ncc_result res;
	bool whole;
	int err = ncc_want(L, x, &in, 0);

	if (!err)
		err = ncc_result_begin(L, node->out[0]->value, &out, &res);
	if (err)
		return err;
	whole = ncc_find_copy(x, &in, x->dtype) && res.buf >= 0;
	for (int64_t c = 0; c < ncc_chunks(&in); c++)
		for (int64_t o = 0; o < in.o && !err; o += whole ? in.o : 1)
			err = global(L, node, &in, &res, c, o, whole ? in.o : 1,
				     whole ? in.i : NCC_TILE_LIMIT / 4);
	return err ? err : ncc_result_end(L, &res);
}
