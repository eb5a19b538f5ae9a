// SPDX-License-Identifier: Apache-2.0
/*
 * Convolutions of few channels would leave most of the array idle. Then the rows of the kernel become
 * channels too ("folding"): DMA puts the input row that kernel row k needs on partitions
 * k * C .. k * C + C - 1, and what is left is a convolution with a kernel of one row.
 *
 * Each row of the input is copied several times, to few partitions. So an input of fp32 becomes half as long first,
 * on all partitions, and goes back to DRAM.
 */
#include "tile.h"

/* Most channels that are worth folding: with more, moving the input costs more than it saves. */
#define FOLD_CHANNELS	8

struct fold {
	struct ncc_lower *L;
	struct ncc_value *x;
	struct ncc_layout own;			/* of the input before folding */
	const struct ncc_window *window;	/* before folding */
	const struct ncc_region *strip;
	int64_t columns;
	struct ncc_tile *to;
};

bool ncc_fold_window(const struct ncc_node *node, struct ncc_window *w, struct ncc_layout *in)
{
	int64_t rows = w->kernel[0];

	if (node->group > 1 || rows == 1 || in->a > FOLD_CHANNELS || in->a * rows > NEURON_PARTITIONS)
		return false;
	in->a *= rows;
	in->i = w->out[0] * w->in[1];
	w->in[0] = w->out[0];
	w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
	w->pad[0] = w->pad_end[0] = 0;
	return true;
}

void ncc_window_valid(const struct ncc_window *w, int d, int64_t k, int64_t from, int64_t to,
		      int64_t *first, int64_t *last)
{
	int64_t shift = w->pad[d] - k * w->dilation[d];	/* input = out * stride - shift */
	int64_t low = shift > 0 ? (shift + w->stride[d] - 1) / w->stride[d] : 0;
	int64_t high = w->in[d] - 1 + shift < 0 ? 0 : (w->in[d] - 1 + shift) / w->stride[d] + 1;

	*first = low > from ? low : from;
	*last = high < to ? high : to;
}

/* The output rows of a strip are @from .. @to - 1, and kernel row @k meets the input for *@first .. *@last - 1. */
static void rows_of(const struct fold *f, int64_t k, int64_t *from, int64_t *to, int64_t *first, int64_t *last)
{
	*from = f->strip->i0 / f->columns;
	*to = *from + f->strip->in / f->columns;
	ncc_window_valid(f->window, 0, k, *from, *to, first, last);
	if (*first >= *last)
		*first = *last = *to;
}

static struct ncc_side place(const struct fold *f, int64_t k, int64_t row, unsigned int size)
{
	return ncc_local(f->to->at.buf, (uint8_t)(k * f->own.a),
			 (uint64_t)((row * f->columns - f->strip->i0) * size));
}

/* Zeros for output rows @first .. @last - 1, where kernel row @k sees the padding. */
static int put_zeros(struct fold *f, int64_t k, int64_t first, int64_t last)
{
	unsigned int size = ncc_dtype_size(f->to->at.dtype), each = 64;
	int64_t bytes = (last - first) * f->columns * size;

	while (bytes % each)
		each /= 2;
	return bytes <= 0 ? 0 : ncc_dma(&f->L->b, ncc_zeros(f->L), place(f, k, first, size), each,
					(struct ncc_dma_loop[]){
						{ f->strip->on, 0, f->to->step_o * size },
						{ f->own.a, 0, NEURON_LOCAL_PARTITION },
						{ bytes / each, 0, each },
					}, 3, true);
}

/* Where the input is, and its type: in SBUF, or in DRAM. */
struct source {
	struct ncc_side side;
	bool local, load;
};

/* For output rows @first .. @last - 1, what kernel rows @k .. @k + @n - 1 meet onto the partitions of their channels. */
static int put_rows(struct fold *f, int64_t k, int64_t n, int64_t first, int64_t last, const struct source *s)
{
	const struct ncc_window *w = f->window;
	int64_t image = f->own.i * (s->local ? 1 : f->own.a);
	unsigned int size = ncc_dtype_size(f->to->at.dtype);
	struct ncc_side src = s->side;

	if (first >= last)
		return 0;
	src.off += (uint64_t)((f->strip->o0 * image + (first * w->stride[0] - w->pad[0] + k * w->dilation[0]) *
			       f->columns) * size);
	return ncc_dma(&f->L->b, src, place(f, k, first, size), size, (struct ncc_dma_loop[]){
				{ n, w->dilation[0] * f->columns * size, f->own.a * NEURON_LOCAL_PARTITION },
				{ f->strip->on, image * size, f->to->step_o * size },
				{ f->own.a, s->local ? NEURON_LOCAL_PARTITION : f->own.i * size,
				  NEURON_LOCAL_PARTITION },
				{ last - first, w->stride[0] * f->columns * size, f->columns * size },
				{ f->columns, size, size },
			}, 5, s->load);
}

/* All kernel rows: those output rows for which all of them meet the input as one, the others by themselves. */
static int put_all(struct fold *f, const struct source *s)
{
	int64_t kernel = f->window->kernel[0], from, to, first, last, low, high;
	int err = 0;

	rows_of(f, 0, &from, &to, &low, &high);
	for (int64_t k = 0; k < kernel; k++) {
		rows_of(f, k, &from, &to, &first, &last);
		low = first > low ? first : low;
		high = last < high ? last : high;
	}
	if (high < low)
		low = high = from;
	for (int64_t k = 0; k < kernel && !err; k++) {
		rows_of(f, k, &from, &to, &first, &last);
		err = put_zeros(f, k, from, first);
		if (!err)
			err = put_zeros(f, k, last, to);
		if (!err && low == high)
			err = put_rows(f, k, 1, first, last, s);
		else if (!err)
			err = put_rows(f, k, 1, first, low, s);
		if (!err && low < high)
			err = put_rows(f, k, 1, high, last, s);
	}
	return err ? err : put_rows(f, 0, kernel, low, high, s);
}

static int find_source(struct fold *f, struct source *s, uint8_t *dtype)
{
	struct ncc_copy *c = ncc_find_copy(f->x, &f->own, f->L->half);
	int err;

	*s = (struct source){ .side = ncc_dram(0, 0) };
	c = c ? c : ncc_find_copy(f->x, &f->own, 0);
	if (c) {
		s->side = ncc_local(c->buf, 0, 0);
		s->local = true;
		*dtype = c->dtype;
		return 0;
	}
	err = ncc_narrow(f->L, f->x, f->L->half, &s->side.segment, &s->side.off, dtype);
	s->load = !err && ncc_never_written(f->x) && s->side.segment != f->L->b.p->scratch_segment;
	return err;
}

int ncc_fold_load(struct ncc_lower *L, const struct ncc_node *node, const struct ncc_window *folded,
		  const struct ncc_region *strip, struct ncc_tile *t)
{
	static const struct ncc_scalars none = { .alu0 = NEURON_ALU_BYPASS, .alu1 = NEURON_ALU_BYPASS };
	struct ncc_loop loop = { strip->on * strip->in, { 1, 1 } };
	struct fold f = {
		.L = L, .x = node->in[0]->value, .own = ncc_channel_layout(node->in[0]),
		.window = &node->window, .strip = strip, .columns = folded->in[1], .to = t,
	};
	struct ncc_tile wide;
	struct source src;
	uint8_t dtype;
	int err = find_source(&f, &src, &dtype);

	if (err)
		return err;
	*t = ncc_temp(L, strip->on, strip->in, dtype);
	err = put_all(&f, &src);
	if (err || dtype == L->half)
		return err;
	wide = *t;
	*t = ncc_temp(L, strip->on, strip->in, L->half);
	return ncc_tensor_scalar(&L->b, &none, (unsigned int)(f.own.a * node->window.kernel[0]), wide.at, t->at,
				 &loop, 1);
}
