// SPDX-License-Identifier: Apache-2.0
/*
 * Convolutions with one input channel a group. The array would multiply 127 zeros for each
 * product, so POOL does it, channels on the partitions, all taps of a window in one
 * instruction: sums to PSUM, from where ACT takes them as it does those of the array.
 *
 * Output positions at the border have fewer taps: there is one instruction for each pair of
 * classes of positions with the same taps, as in pooling; or one for all, where zeros are around
 * the input.
 */
#include <errno.h>

#include "tile.h"

#define BANK_COLUMNS	(NEURON_PSUM_BANK_BYTES / 4)
#define MOST_TAPS	128

struct depthwise {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_layout in, out;
	struct ncc_classes axis[2];
	struct ncc_result res;
	bool framed;			/* the input */
	struct ncc_frame frame;
	int64_t taps;
	int weights;			/* [tap] of the current chunk */
};

/* Output rows h0 .. h0 + hn - 1 of one image, as many columns as a bank has. */
struct rows {
	int64_t image, h0, hn;
	int bank;
};

bool ncc_is_depthwise(const struct ncc_lower *L, const struct ncc_node *node)
{
	const struct ncc_window *w = &node->window;
	const struct ncc_tensor *f;

	if (node->op != NCC_CONV)
		return false;
	f = node->in[1];
	if (node->group < 2 || f->dim[1] != 1 || f->dim[0] != node->group)
		return false;
	if (w->out[1] > BANK_COLUMNS || w->kernel[0] * w->kernel[1] > MOST_TAPS || L->half != NEURON_BF16)
		return false;
	/* Positions that see the padding alone have nothing to sum up. */
	for (int d = 0; d < 2; d++) {
		int64_t reach = (w->kernel[d] - 1) * w->dilation[d];
		int64_t end = (w->out[d] - 1) * w->stride[d] - w->pad[d];

		if (w->pad[d] > reach || end >= w->in[d] || w->dilation[d] > w->in[d])
			return false;
	}
	return true;
}

/*
 * The factors of a chunk: in DRAM [tap][channel], so that rows go over the partitions. Over all of them: such rows
 * move as one, and the few zeros are no loss.
 */
static int load_weights(struct depthwise *p, int64_t chunk)
{
	struct ncc_program *prog = p->L->b.p;
	int64_t n = ncc_chunk_size(&p->in, chunk), rows = NEURON_PARTITIONS;
	const float *f = p->node->in[1]->f + chunk * NEURON_PARTITIONS * p->taps;
	const float *factor = p->node->factor ? p->node->factor + chunk * NEURON_PARTITIONS : NULL;
	uint64_t off = ncc_weights_add(prog, (size_t)(p->taps * rows) * 2);
	struct ncc_dma_loop loops[2] = {
		{ p->taps, rows * 2, 2 }, { rows, 2, NEURON_LOCAL_PARTITION },
	};

	for (int64_t t = 0; t < p->taps; t++)
		for (int64_t c = 0; c < n; c++)
			ncc_store_element(prog->weights + off + (uint64_t)(t * rows + c) * 2, p->L->half,
					  f[c * p->taps + t] * (factor ? factor[c] : 1));
	p->weights = ncc_buf_new(prog, p->node, false, (uint32_t)p->taps * 2);
	return ncc_dma(&p->L->b, ncc_dram(prog->weights_segment, off), ncc_local(p->weights, 0, 0), 2,
		       loops, 2, true);
}

/* Rows h0 .. h1 - 1 of class @h, all columns of class @w. */
static int sum(struct depthwise *p, const struct rows *r, const struct ncc_class *h, int64_t h0,
	       int64_t h1, const struct ncc_class *w, const struct ncc_region *in,
	       const struct ncc_tile *src)
{
	const struct ncc_window *win = &p->node->window;
	int64_t row = h->first + (h0 - h->out) * win->stride[0];
	struct ncc_at factors = {
		.buf = p->weights, .dtype = p->L->half,
		.off = (uint32_t)((h->skip * win->kernel[1] + w->skip) * 2),
	};
	struct ncc_at dst = {
		.buf = r->bank, .dtype = NEURON_FP32,
		.off = (uint32_t)(((h0 - r->h0) * win->out[1] + w->out) * 4),
	};
	struct ncc_loop loops[4] = {
		{ h1 - h0, { win->stride[0] * win->in[1], 0, win->out[1] } },
		{ w->n, { win->stride[1], 0, 1 } },
		{ h->taps, { win->dilation[0] * win->in[1], win->kernel[1], 0 } },
		{ w->taps, { win->dilation[1], 1, 0 } },
	};

	return ncc_tensor_dot(&p->L->b, (unsigned int)in->an,
			      ncc_at_element(src, 0, row * win->in[1] + w->first - in->i0), factors, dst,
			      loops, 4, 2);
}

/* The sums of some rows: all have all taps. */
static int multiply_framed(struct depthwise *p, int64_t chunk, const struct rows *r)
{
	const struct ncc_window *w = &p->node->window;
	const struct ncc_frame *f = &p->frame;
	struct ncc_region in = ncc_chunk_region(&f->layout, chunk);
	int64_t row = r->h0 * w->stride[0] - w->pad[0];
	struct ncc_tile src;
	int err;

	in.o0 = r->image;
	in.on = 1;
	err = ncc_load(p->L, p->node->in[0]->value, &f->layout, p->L->half, &in, &src);
	if (err)
		return err;
	return ncc_tensor_dot(&p->L->b, (unsigned int)in.an,
			      ncc_at_element(&src, 0, f->first + row * f->pitch - w->pad[1]),
			      (struct ncc_at){ .buf = p->weights, .dtype = p->L->half },
			      (struct ncc_at){ .buf = r->bank, .dtype = NEURON_FP32 }, (struct ncc_loop[]){
				{ r->hn, { w->stride[0] * f->pitch, 0, w->out[1] } },
				{ w->out[1], { w->stride[1], 0, 1 } },
				{ w->kernel[0], { w->dilation[0] * f->pitch, w->kernel[1], 0 } },
				{ w->kernel[1], { w->dilation[1], 1, 0 } },
			      }, 4, 2);
}

/* The sums of some rows, in PSUM. */
static int multiply(struct depthwise *p, int64_t chunk, const struct rows *r)
{
	const struct ncc_window *w = &p->node->window;
	int64_t first = r->h0 * w->stride[0] - w->pad[0];
	int64_t last = (r->h0 + r->hn - 1) * w->stride[0] - w->pad[0] +
		       (w->kernel[0] - 1) * w->dilation[0];
	struct ncc_region in = ncc_chunk_region(&p->in, chunk);
	struct ncc_tile src;
	int err;

	if (p->framed)
		return multiply_framed(p, chunk, r);
	first = first < 0 ? 0 : first;
	last = last < w->in[0] ? last : w->in[0] - 1;
	in.o0 = r->image;
	in.on = 1;
	in.i0 = first * w->in[1];
	in.in = (last - first + 1) * w->in[1];
	err = ncc_load(p->L, p->node->in[0]->value, &p->in, p->L->half, &in, &src);
	for (size_t i = 0; i < p->axis[0].n && !err; i++) {
		struct ncc_class *h = &p->axis[0].class[i];
		int64_t h0 = h->out > r->h0 ? h->out : r->h0;
		int64_t h1 = h->out + h->n < r->h0 + r->hn ? h->out + h->n : r->h0 + r->hn;

		for (size_t k = 0; k < p->axis[1].n && h0 < h1 && !err; k++)
			err = sum(p, r, h, h0, h1, &p->axis[1].class[k], &in, &src);
	}
	return err;
}

/* PSUM to the result: func(x + bias + residual). */
static int evacuate(struct depthwise *p, int64_t chunk, const struct rows *rows)
{
	struct ncc_node *node = p->node;
	struct ncc_region r = ncc_chunk_region(&p->out, chunk);
	struct ncc_layout vector = { 1, p->out.a, 1, false };
	struct ncc_region one = { 0, 1, r.a0, r.an, 0, 1 };
	struct ncc_tile dst, bias, residual = { .step_i = 0 };
	struct ncc_activate a = {
		.parts = (unsigned int)r.an, .func = node->func, .param = node->param, .scale = 1,
		.src = { .buf = rows->bank, .dtype = NEURON_FP32 },
	};
	int err = 0;

	r.o0 = rows->image;
	r.on = 1;
	r.i0 = rows->h0 * node->window.out[1];
	r.in = rows->hn * node->window.out[1];
	if (node->bias) {
		err = ncc_load(p->L, node->bias->value, &vector, NEURON_FP32, &one, &bias);
		a.bias = &bias.at;
	}
	if (!err)
		err = ncc_result_tile(p->L, &p->res, &r, &dst);
	if (!err && node->residual) {
		err = ncc_load(p->L, node->residual->value, &p->out, dst.at.dtype, &r, &residual);
		a.residual = &residual.at;
	}
	if (err)
		return err;
	a.dst = dst.at;
	err = ncc_activate(&p->L->b, &a,
			   &(struct ncc_loop){ r.in, { 1, dst.step_i, residual.step_i } }, 1);
	return err ? err : ncc_result_put(p->L, &p->res, &r, &dst);
}

static int run_chunk(struct depthwise *p, int64_t chunk)
{
	const struct ncc_window *w = &p->node->window;
	int64_t most = BANK_COLUMNS / w->out[1];
	int err = load_weights(p, chunk);

	for (int64_t n = 0; n < p->out.o; n++)
		for (int64_t h = 0; h < w->out[0] && !err; h += most) {
			struct rows r = { n, h, w->out[0] - h < most ? w->out[0] - h : most, -1 };

			r.bank = ncc_buf_new(p->L->b.p, p->node, true, NEURON_PSUM_BANK_BYTES);
			err = multiply(p, chunk, &r);
			if (!err)
				err = evacuate(p, chunk, &r);
		}
	return err;
}

int ncc_tile_depthwise(struct ncc_lower *L, struct ncc_node *node)
{
	struct depthwise p = { .L = L, .node = node };
	struct ncc_layout vector;
	int err;

	p.in = ncc_channel_layout(node->in[0]);
	p.out = ncc_channel_layout(node->out[0]);
	p.taps = node->window.kernel[0] * node->window.kernel[1];
	for (int d = 0; d < 2; d++)
		p.axis[d] = ncc_window_classes(L, &node->window, d);
	vector = (struct ncc_layout){ 1, p.out.a, 1, false };
	p.framed = ncc_frame_init(&p.frame, node) &&
		   ncc_find_copy(node->in[0]->value, &p.frame.layout, L->half);
	err = p.framed ? 0 : ncc_want(L, node->in[0]->value, &p.in, L->half);
	if (!err && node->bias)
		err = ncc_want(L, node->bias->value, &vector, NEURON_FP32);
	if (!err && node->residual)
		err = ncc_want(L, node->residual->value, &p.out, node->out[0]->value->dtype);
	if (!err)
		err = ncc_result_begin(L, node->out[0]->value, &p.out, &p.res);
	for (int64_t c = 0; c < ncc_chunks(&p.in) && !err; c++)
		err = run_chunk(&p, c);
	return err ? err : ncc_result_end(L, &p.res);
}
