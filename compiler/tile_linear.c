// SPDX-License-Identifier: Apache-2.0
/*
 * Conv and products with constant weights: out[m] = sum over (c, tap) of w[c][tap][m] * x[c].
 *
 * Channels are on the partitions. One LDWEIGHTS per tap and 128 input channels, one
 * MATMUL per output tile with it; a tap's source and destination patterns are clipped to
 * where it meets the input, so that padding costs nothing. Groups are weights with zeros
 * between them, but chunks of channels that do not meet are left out.
 * Few channels would leave most of the array idle: then rows of the kernel become channels, see tile_fold.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tile.h"

#define BANK_COLUMNS	(NEURON_PSUM_BANK_BYTES / 4)
/* From how many rows on weights are loaded to all partitions. */
#define WHOLE_ROWS	16
/* Output tiles that share loaded weights: half of the banks, the others drain meanwhile. */
#define STRIP_TILES	(NEURON_PSUM_BANKS / 2)

/* One LDWEIGHTS: chunk of input channels and tap. */
struct step {
	int64_t chunk;
	int64_t tap[2];
};

/* Weights of one output chunk that are loaded together. */
struct piece {
	size_t first, n;	/* steps */
	uint64_t off;		/* in the weights; valid once written */
	bool written;
	int buf;		/* kept in SBUF, or -1 */
};

struct out_chunk {
	struct step *step;
	size_t nstep;
	struct piece *piece;
	size_t npiece;
};

/* A tile of the output: images, rows, columns; at most one bank. */
struct patch {
	int64_t n0, nn, h0, hn, w0, wn;
	int bank;
	bool started;
};

struct linear {
	struct ncc_lower *L;
	struct ncc_node *node;
	struct ncc_window win;	/* of the operation that is left after folding */
	struct ncc_value *x;
	struct ncc_layout in, out;
	bool folded;
	int64_t taps, group, in_group, out_group;	/* the latter two: channels of a group */
	struct out_chunk *chunk;
	bool keep;		/* weights stay for the whole node */
	struct ncc_result res;
	bool framed;		/* the result */
	struct ncc_frame frame;
	/* input of the current strip, per chunk */
	struct ncc_tile *tile;
	bool *loaded;
	struct ncc_region strip;
};

/* But for the factor of the output channel. */
static float weight(const struct linear *l, int64_t c, int64_t m, const int64_t tap[2])
{
	const struct ncc_tensor *w = l->node->in[1];
	int64_t g = m / l->out_group;

	if (l->node->op == NCC_LINEAR)
		return w->f[c * l->out.a + m];
	if (l->folded) {
		int64_t own = w->dim[1];

		return w->f[((m * own + c % own) * w->dim[2] + c / own) * l->win.kernel[1] + tap[1]];
	}
	if (c / l->in_group != g)
		return 0;
	return w->f[((m * l->in_group + c % l->in_group) * l->win.kernel[0] + tap[0]) *
		    l->win.kernel[1] + tap[1]];
}

/* The input channels that output chunk @mc depends on lie in chunks first .. last. */
static void input_chunks(const struct linear *l, int64_t mc, int64_t *first, int64_t *last)
{
	int64_t m0 = mc * NEURON_PARTITIONS, m1 = m0 + ncc_chunk_size(&l->out, mc) - 1;

	*first = m0 / l->out_group * l->in_group / NEURON_PARTITIONS;
	*last = ((m1 / l->out_group + 1) * l->in_group - 1) / NEURON_PARTITIONS;
}

static void plan_chunk(struct linear *l, int64_t mc, int64_t *bytes)
{
	struct ncc_arena *arena = &l->L->ctx->arena;
	struct out_chunk *c = &l->chunk[mc];
	int64_t columns = ncc_chunk_size(&l->out, mc);
	size_t each = (size_t)(NCC_PIECE_LIMIT / (columns * 2));
	int64_t first, last;

	input_chunks(l, mc, &first, &last);
	c->step = ncc_alloc_array(arena, (size_t)((last - first + 1) * l->taps), sizeof(*c->step));
	for (int64_t k = first; k <= last; k++)
		for (int64_t t = 0; t < l->taps; t++)
			c->step[c->nstep++] = (struct step){
				k, { t / l->win.kernel[1], t % l->win.kernel[1] },
			};
	c->npiece = (c->nstep + each - 1) / each;
	c->piece = ncc_alloc_array(arena, c->npiece, sizeof(*c->piece));
	for (size_t i = 0; i < c->npiece; i++) {
		c->piece[i].first = i * each;
		c->piece[i].n = c->nstep - i * each < each ? c->nstep - i * each : each;
		c->piece[i].buf = -1;
	}
	*bytes += (int64_t)c->nstep * columns * 2;
}

/* Rows of a piece: the input channels of its largest chunk. Rows of all partitions move as one, so few zeros are no loss. */
static int64_t piece_rows(const struct linear *l, const struct out_chunk *c, const struct piece *p)
{
	int64_t rows = ncc_chunk_size(&l->in, c->step[p->first].chunk);

	return rows >= WHOLE_ROWS ? NEURON_PARTITIONS : rows + (rows & 1);
}

/* The weights in DRAM as the array takes them: [step][m][k], k innermost over the partitions. */
static void write_piece(struct linear *l, int64_t mc, struct piece *p)
{
	const struct out_chunk *c = &l->chunk[mc];
	struct ncc_program *prog = l->L->b.p;
	int64_t columns = ncc_chunk_size(&l->out, mc), rows = piece_rows(l, c, p);
	int64_t m0 = mc * NEURON_PARTITIONS;
	const float *factor = l->node->factor;
	uint8_t *at;

	p->off = ncc_weights_add(prog, p->n * (size_t)(columns * rows) * 2);
	p->written = true;
	at = prog->weights + p->off;
	for (size_t s = p->first; s < p->first + p->n; s++) {
		int64_t c0 = c->step[s].chunk * NEURON_PARTITIONS;
		int64_t k = ncc_chunk_size(&l->in, c->step[s].chunk);

		if (l->node->op == NCC_LINEAR && !factor) {
			ncc_store_turned(at, rows, l->node->in[1]->f + c0 * l->out.a + m0, l->out.a, k, columns,
					 l->L->half);
			at += columns * rows * 2;
			continue;
		}
		for (int64_t m = m0; m < m0 + columns; m++, at += 2 * rows)
			for (int64_t r = 0; r < k; r++)
				ncc_store_element(at + 2 * r, l->L->half, weight(l, c0 + r, m, c->step[s].tap) *
						  (factor ? factor[m] : 1));
	}
}

static int load_piece(struct linear *l, int64_t mc, struct piece *p, int *buf)
{
	const struct out_chunk *c = &l->chunk[mc];
	int64_t columns = ncc_chunk_size(&l->out, mc), rows = piece_rows(l, c, p);
	struct ncc_dma_loop loops[2] = {
		{ (int64_t)p->n * columns, rows * 2, 2 },
		{ rows, 2, NEURON_LOCAL_PARTITION },
	};

	*buf = p->buf;
	if (p->buf >= 0)
		return 0;
	if (!p->written)
		write_piece(l, mc, p);
	*buf = ncc_buf_new(l->L->b.p, l->node, false, (uint32_t)((int64_t)p->n * columns * 2));
	if (l->keep)
		p->buf = *buf;
	return ncc_dma(&l->L->b, ncc_dram(l->L->b.p->weights_segment, p->off),
		       ncc_local(*buf, 0, 0), 2, loops, 2, true);
}

static bool covers(const struct linear *l, const struct step *s, const struct patch *t)
{
	int64_t h0, h1, w0, w1;

	ncc_window_valid(&l->win, 0, s->tap[0], t->h0, t->h0 + t->hn, &h0, &h1);
	ncc_window_valid(&l->win, 1, s->tap[1], t->w0, t->w0 + t->wn, &w0, &w1);
	return h0 == t->h0 && h1 == t->h0 + t->hn && w0 == t->w0 && w1 == t->w0 + t->wn;
}

/* The step among the first @n that covers all tiles, or -1. */
static int64_t covering_step(const struct linear *l, const struct out_chunk *c, size_t n,
			     const struct patch *t, size_t ntile)
{
	for (size_t s = 0; s < n; s++) {
		size_t i = 0;

		while (i < ntile && covers(l, &c->step[s], &t[i]))
			i++;
		if (i == ntile)
			return (int64_t)s;
	}
	return -1;
}

static int64_t patch_columns(const struct patch *t)
{
	return t->nn * t->hn * t->wn;
}

static int clear(struct linear *l, struct patch *t, unsigned int m)
{
	struct ncc_at at = { .buf = t->bank, .dtype = NEURON_FP32 };
	struct ncc_loop loop = { patch_columns(t), { 1 } };

	t->started = true;
	return ncc_memset(&l->L->b, 0, m, at, &loop, 1);
}

/* Input rows first .. last that the tiles of a strip read, as a region of i. */
static void strip_region(struct linear *l, const struct patch *t, size_t n)
{
	const struct ncc_window *w = &l->win;
	int64_t first = t[0].h0 * w->stride[0] - w->pad[0];
	int64_t last = (t[n - 1].h0 + t[n - 1].hn - 1) * w->stride[0] - w->pad[0] +
		       (w->kernel[0] - 1) * w->dilation[0];

	/* Several images: all of each. */
	if (t[0].n0 != t[n - 1].n0 || t[0].nn > 1) {
		first = 0;
		last = w->in[0] - 1;
	}
	first = first < 0 ? 0 : first;
	last = last > w->in[0] - 1 ? w->in[0] - 1 : last;
	if (last < first)
		first = last = 0;
	l->strip = (struct ncc_region){
		.o0 = t[0].n0, .on = t[n - 1].n0 + t[n - 1].nn - t[0].n0,
		.i0 = first * w->in[1], .in = (last - first + 1) * w->in[1],
	};
	memset(l->loaded, 0, (size_t)ncc_chunks(&l->in) * sizeof(*l->loaded));
}

static int input(struct linear *l, int64_t chunk, struct ncc_tile **t)
{
	struct ncc_region r = l->strip;
	int err = 0;

	*t = &l->tile[chunk];
	if (l->loaded[chunk])
		return 0;
	r.a0 = chunk * NEURON_PARTITIONS;
	r.an = ncc_chunk_size(&l->in, chunk);
	err = l->folded ? ncc_fold_load(l->L, l->node, &l->win, &r, *t) : ncc_load(l->L, l->x, &l->in, l->L->half, &r, *t);
	l->loaded[chunk] = true;
	return err;
}

static int multiply(struct linear *l, const struct step *s, struct patch *t, unsigned int m,
		    const struct ncc_tile *x)
{
	const struct ncc_window *w = &l->win;
	int64_t h0, h1, w0, w1, from;
	struct ncc_at src, dst = { .buf = t->bank, .dtype = NEURON_FP32 };
	bool start = !t->started;

	ncc_window_valid(w, 0, s->tap[0], t->h0, t->h0 + t->hn, &h0, &h1);
	ncc_window_valid(w, 1, s->tap[1], t->w0, t->w0 + t->wn, &w0, &w1);
	if (h0 >= h1 || w0 >= w1)
		return 0;
	from = (h0 * w->stride[0] - w->pad[0] + s->tap[0] * w->dilation[0]) * w->in[1] +
	       w0 * w->stride[1] - w->pad[1] + s->tap[1] * w->dilation[1] - l->strip.i0;
	src = ncc_at_element(x, t->n0 - l->strip.o0, from);
	dst.off = (uint32_t)(((h0 - t->h0) * t->wn + w0 - t->w0) * 4);
	t->started = true;
	return ncc_matmul(&l->L->b, src, dst, (unsigned int)ncc_chunk_size(&l->in, s->chunk), m, start,
			  (struct ncc_loop[]){
				{ t->nn, { x->step_o, t->hn * t->wn } },
				{ h1 - h0, { w->stride[0] * w->in[1], t->wn } },
				{ w1 - w0, { w->stride[1], 1 } },
			  }, 3);
}

static int run_step(struct linear *l, const struct step *s, int weights, int64_t column,
		    unsigned int m, struct patch *t, size_t n)
{
	struct ncc_at w = { .buf = weights, .dtype = l->L->half, .off = (uint32_t)(column * 2) };
	struct ncc_tile *x;
	int err = input(l, s->chunk, &x);

	if (!err)
		err = ncc_ldweights(&l->L->b, w, 1, (unsigned int)ncc_chunk_size(&l->in, s->chunk), m);
	for (size_t i = 0; i < n && !err; i++)
		err = multiply(l, s, &t[i], m, x);
	return err;
}

/* Where the result of a tile goes. Returns how far apart its rows are. */
static int64_t place(struct linear *l, const struct ncc_region *r, const struct patch *t, struct ncc_tile *dst,
		     int *err)
{
	struct ncc_region framed = *r;

	if (!l->framed) {
		*err = ncc_result_tile(l->L, &l->res, r, dst);
		return t->wn;
	}
	framed.i0 = l->frame.first + t->h0 * l->frame.pitch + t->w0;
	*err = ncc_result_tile(l->L, &l->res, &framed, dst);
	return l->frame.pitch;
}

/* PSUM to the result: func(x + bias + residual). */
static int evacuate(struct linear *l, int64_t mc, const struct patch *t)
{
	struct ncc_node *node = l->node;
	struct ncc_region r = ncc_chunk_region(&l->out, mc);
	struct ncc_layout vector = { 1, l->out.a, 1, false };
	struct ncc_region one = { 0, 1, r.a0, r.an, 0, 1 };
	struct ncc_tile dst, bias, residual;
	struct ncc_activate a = {
		.parts = (unsigned int)r.an, .func = node->func, .param = node->param, .scale = 1,
		.src = { .buf = t->bank, .dtype = NEURON_FP32 },
	};
	int64_t pitch = t->wn;
	int err = 0;

	residual.step_o = residual.step_i = 0;
	r.o0 = t->n0;
	r.on = t->nn;
	r.i0 = t->h0 * l->win.out[1] + t->w0;
	r.in = t->hn * t->wn;
	if (node->bias) {
		err = ncc_load(l->L, node->bias->value, &vector, NEURON_FP32, &one, &bias);
		a.bias = &bias.at;
	}
	if (!err)
		pitch = place(l, &r, t, &dst, &err);
	if (!err && node->residual) {
		err = ncc_load(l->L, node->residual->value, &l->out, dst.at.dtype, &r, &residual);
		a.residual = &residual.at;
	}
	if (err)
		return err;
	a.dst = dst.at;
	err = ncc_activate(&l->L->b, &a, (struct ncc_loop[]){
				{ t->nn, { r.in, dst.step_o, residual.step_o } },
				{ t->hn, { t->wn, pitch * dst.step_i, t->wn * residual.step_i } },
				{ t->wn, { 1, dst.step_i, residual.step_i } },
			   }, 3);
	return err ? err : ncc_result_put(l->L, &l->res, &r, &dst);
}

/* One chunk of output channels of the tiles of one strip. */
static int run_chunk(struct linear *l, int64_t mc, struct patch *t, size_t n)
{
	struct out_chunk *c = &l->chunk[mc];
	unsigned int m = (unsigned int)ncc_chunk_size(&l->out, mc);
	int64_t first = covering_step(l, c, c->piece[0].n, t, n);
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		t[i].bank = ncc_buf_new(l->L->b.p, l->node, true, NEURON_PSUM_BANK_BYTES);
		t[i].started = false;
		if (first < 0 && !err)
			err = clear(l, &t[i], m);
	}
	for (size_t p = 0; p < c->npiece && !err; p++) {
		struct piece *piece = &c->piece[p];
		int buf;

		err = load_piece(l, mc, piece, &buf);
		if (!p && first >= 0 && !err)
			err = run_step(l, &c->step[first], buf, first * m, m, t, n);
		for (size_t s = 0; s < piece->n && !err; s++)
			if (p || (int64_t)s != first)
				err = run_step(l, &c->step[piece->first + s], buf, (int64_t)(s * m), m,
					       t, n);
	}
	for (size_t i = 0; i < n && !err; i++)
		err = evacuate(l, mc, &t[i]);
	return err;
}

static int run_strip(struct linear *l, struct patch *t, size_t n)
{
	int err = 0;

	strip_region(l, t, n);
	for (int64_t mc = 0; mc < ncc_chunks(&l->out) && !err; mc++) {
		err = run_chunk(l, mc, t, n);
		/* Too much to hold: each chunk of the output loads its input again. */
		if (ncc_chunks(&l->in) * l->strip.on * l->strip.in * 2 > NCC_WHOLE_LIMIT)
			memset(l->loaded, 0, (size_t)ncc_chunks(&l->in) * sizeof(*l->loaded));
	}
	return err;
}

/* The tile that begins at image n, row h, column w; the position moves behind it. */
static struct patch next_patch(const struct linear *l, int64_t *n, int64_t *h, int64_t *w)
{
	const struct ncc_window *win = &l->win;
	int64_t rows = win->out[0], columns = win->out[1];
	struct patch t = { .n0 = *n, .nn = 1, .h0 = *h, .hn = 1, .w0 = *w };

	if (columns > BANK_COLUMNS) {
		t.wn = columns - *w < BANK_COLUMNS ? columns - *w : BANK_COLUMNS;
		*w += t.wn;
		if (*w < columns)
			return t;
		*w = 0;
		++*h;
	} else if (rows * columns > BANK_COLUMNS) {
		t.wn = columns;
		t.hn = BANK_COLUMNS / columns;
		t.hn = rows - *h < t.hn ? rows - *h : t.hn;
		*h += t.hn;
	} else {
		t.wn = columns;
		t.hn = rows;
		t.nn = BANK_COLUMNS / (rows * columns);
		t.nn = l->out.o - *n < t.nn ? l->out.o - *n : t.nn;
		*n += t.nn;
		return t;
	}
	if (*h == rows) {
		*h = 0;
		++*n;
	}
	return t;
}

/* Bytes a partition of the input of tiles t[0 .. n - 1], all chunks together. */
static int64_t strip_bytes(struct linear *l, const struct patch *t, size_t n)
{
	strip_region(l, t, n);
	return ncc_chunks(&l->in) * l->strip.on * l->strip.in * ncc_dtype_size(l->x->dtype);
}

/* May tile @t join the strip that begins with @first and has @n tiles with it? */
static bool joins(struct linear *l, bool whole, const struct patch *t, size_t n)
{
	if (n > STRIP_TILES)
		return false;
	if (whole)
		return true;
	/* Streamed input is loaded by strip: rows of one image, or whole images, not too much. */
	if (t[0].n0 != t[n - 1].n0 && t[0].hn < l->win.out[0])
		return false;
	return strip_bytes(l, t, n) <= NCC_TILE_LIMIT * 2;
}

static int run(struct linear *l)
{
	bool whole = !l->folded && ncc_find_copy(l->x, &l->in, l->L->half);
	struct patch strip[STRIP_TILES + 1];
	int64_t n = 0, h = 0, w = 0;
	size_t count = 0;
	int err = 0;

	while (n < l->out.o && !err) {
		strip[count++] = next_patch(l, &n, &h, &w);
		if (count > 1 && !joins(l, whole, strip, count)) {
			struct patch last = strip[count - 1];

			err = run_strip(l, strip, count - 1);
			strip[0] = last;
			count = 1;
		}
	}
	return err || !count ? err : run_strip(l, strip, count);
}

static void describe(struct linear *l)
{
	struct ncc_node *node = l->node;
	struct ncc_tensor *w = node->in[1];

	if (node->op == NCC_CONV) {
		l->win = node->window;
		l->in = ncc_channel_layout(node->in[0]);
		l->out = ncc_channel_layout(node->out[0]);
		l->group = node->group;
		l->folded = ncc_fold_window(node, &l->win, &l->in);
	} else {
		int64_t rows = node->in[0]->count / w->dim[0];

		for (int d = 0; d < 2; d++)
			l->win.kernel[d] = l->win.stride[d] = l->win.dilation[d] = l->win.in[d] =
				l->win.out[d] = 1;
		l->in = (struct ncc_layout){ rows, w->dim[0], 1, false };
		l->out = (struct ncc_layout){ rows, w->dim[1], 1, false };
		l->group = 1;
	}
	l->in_group = l->in.a / l->group;
	l->out_group = l->out.a / l->group;
	l->taps = l->win.kernel[0] * l->win.kernel[1];
	l->x = node->in[0]->value;
}

int ncc_tile_linear(struct ncc_lower *L, struct ncc_node *node)
{
	struct linear l = { .L = L, .node = node };
	struct ncc_layout vector;
	int64_t bytes = 0;
	int err;

	if (ncc_is_depthwise(L, node))
		return ncc_tile_depthwise(L, node);
	describe(&l);
	l.chunk = ncc_alloc_array(&L->ctx->arena, (size_t)ncc_chunks(&l.out), sizeof(*l.chunk));
	for (int64_t mc = 0; mc < ncc_chunks(&l.out); mc++)
		plan_chunk(&l, mc, &bytes);
	l.keep = bytes <= NCC_KEEP_LIMIT;
	l.tile = ncc_alloc_array(&L->ctx->arena, (size_t)ncc_chunks(&l.in), sizeof(*l.tile));
	l.loaded = ncc_alloc_array(&L->ctx->arena, (size_t)ncc_chunks(&l.in), sizeof(*l.loaded));
	vector = (struct ncc_layout){ 1, l.out.a, 1, false };
	err = l.folded ? 0 : ncc_want(L, l.x, &l.in, L->half);
	if (!err && node->bias)
		err = ncc_want(L, node->bias->value, &vector, NEURON_FP32);
	if (!err && node->residual)
		err = ncc_want(L, node->residual->value, &l.out, node->out[0]->value->dtype);
	l.framed = ncc_frame_wanted(L, node->out[0], &l.frame);
	if (!err)
		err = l.framed ? ncc_frame_begin(L, node->out[0]->value, &l.frame, &l.res) :
				 ncc_result_begin(L, node->out[0]->value, &l.out, &l.res);
	if (!err)
		err = run(&l);
	return err ? err : ncc_result_end(L, &l.res);
}
