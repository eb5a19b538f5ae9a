// SPDX-License-Identifier: Apache-2.0
/* Computing products of the PE array: what lies in some rows of PSUM. */

#include <string.h>
#include "nc_core.h"

#define BLOCK	48	/* columns that are converted and then multiplied while in L1 */

/* Columns of the moving operand, as rows or as byte offsets, and where their results go. */
struct columns {
	unsigned int n;
	union {
		const uint32_t *row[NEURON_MATMUL_MAX_N];	/* of pairs that are in memory as such */
		int32_t src[NEURON_MATMUL_MAX_N];
	};
	float *acc[NEURON_MATMUL_MAX_N];
};

/* A product, and what of it is to be computed. */
struct task {
	const struct emu_nc_kernels *kernels;
	struct emu_nc_mem mem;
	const struct emu_nc_product *p;
	struct emu_nc_ahead ahead;
	float *lane;		/* the first one, in the first row of PSUM */
	int32_t low, high;	/* rows of it */
};

/* Element @off of all rows, as words of bf16 pairs, row 0 in a high half. */
const uint32_t *emu_nc_pair_row(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap,
				int32_t off, uint32_t *buf)
{
	const uint16_t *row = mem->sbuf[off / 2];

	if (!(ap->part & 1))
		return (const uint32_t *)(row + ap->part);
	/* from an odd partition on: other pairs than those in memory */
	for (unsigned int p = 0; p < ap->parts; p += 2) {
		uint32_t odd = p + 1 < ap->parts ? row[(ap->part + p + 1) ^ 1] : 0;

		buf[p / 2] = (uint32_t)row[(ap->part + p) ^ 1] << 16 | odd;
	}
	return buf;
}

/* Pairs begin at an even partition. */
static bool has_rows(const struct emu_nc_product *p)
{
	return p->form == EMU_NC_FORM_PAIRS && !(p->src.part & 1);
}

/* Columns @first .. @last - 1 of a run of the innermost loop. */
static void add_columns(const struct emu_nc_product *p, float *acc, int32_t src, int32_t first,
			int32_t last, struct columns *c)
{
	const long acc_step = (long)p->dst.step[3] / 4 * NEURON_PARTITIONS;
	const long row_step = (long)p->src.step[3] / 2 * NEURON_PARTITIONS / 2;
	const uint32_t *row = (const uint32_t *)(p->sbuf[src / 2] + p->src.part);
	unsigned int n = c->n;

	acc += first * acc_step;
	c->n += (unsigned int)(last - first);
	if (!has_rows(p)) {
		for (int32_t i = first; i < last; i++, acc += acc_step) {
			c->src[n] = src + i * p->src.step[3];
			c->acc[n++] = acc;
		}
		return;
	}
	row += first * row_step;
	for (int32_t i = first; i < last; i++, acc += acc_step, row += row_step) {
		c->row[n] = row;
		c->acc[n++] = acc;
	}
}

/* A run of the innermost loop: its columns whose results are in rows [low, high) of PSUM. */
static void add_run(const struct task *t, const int32_t off[2], struct columns *c)
{
	const struct emu_nc_product *p = t->p;
	int32_t row = off[1] / 4, step = p->dst.step[3] / 4, count = (int32_t)p->counts.count[3];
	float *acc = t->lane + (long)row * NEURON_PARTITIONS;

	if (step == 1) {
		int32_t first = t->low > row ? t->low - row : 0;
		int32_t last = t->high - row < count ? t->high - row : count;

		if (first < last)
			add_columns(p, acc, off[0], first, last, c);
		return;
	}
	for (int32_t i = 0; i < count; i++)
		if (row + i * step >= t->low && row + i * step < t->high)
			add_columns(p, acc, off[0], i, i + 1, c);
}

static void find_columns(const struct task *t, struct columns *c)
{
	const struct emu_nc_ap *const ap[] = { &t->p->src, &t->p->dst };
	struct emu_nc_counts outer = t->p->counts;
	struct emu_nc_walk w;

	outer.count[3] = 1;
	c->n = 0;
	emu_nc_walk_init(&w, ap, 2);
	do {
		add_run(t, w.off, c);
	} while (emu_nc_walk_next(&w, &outer, ap, 2));
}

static bool multiply_rows(struct task *t, const struct columns *c, unsigned int from,
			  unsigned int to)
{
	const struct emu_nc_product *p = t->p;

	return t->kernels->dot(c->acc + from, p->w.pairs, c->row + from, to - from, p->k, p->m,
			       p->start, &t->ahead);
}

/* From an odd partition on. */
static bool multiply_pairs(struct task *t, const struct columns *c, unsigned int from,
			   unsigned int to)
{
	const struct emu_nc_product *p = t->p;
	uint32_t buf[BLOCK][EMU_NC_PAIRS];
	const uint32_t *x[BLOCK];
	bool nan = false;

	for (unsigned int at = from, n; at < to; at += n) {
		n = to - at < BLOCK ? to - at : BLOCK;
		for (unsigned int i = 0; i < n; i++)
			x[i] = emu_nc_pair_row(&t->mem, &p->src, c->src[at + i], buf[i]);
		nan |= t->kernels->dot(c->acc + at, p->w.pairs, x, n, p->k, p->m, p->start,
				       &t->ahead);
	}
	return nan;
}

static bool multiply_floats(struct task *t, const struct columns *c, unsigned int from,
			    unsigned int to)
{
	const struct emu_nc_product *p = t->p;
	struct emu_nc_lanes xs[BLOCK];
	const float *x[BLOCK];
	bool nan = false;

	for (unsigned int at = from, n; at < to; at += n) {
		n = to - at < BLOCK ? to - at : BLOCK;
		for (unsigned int i = 0; i < n; i++)
			x[i] = t->kernels->load(&t->mem, &p->src, c->src[at + i], &xs[i]);
		nan |= t->kernels->mac(c->acc + at, p->w.f, x, n, p->k, p->m, p->start,
				       &t->ahead);
	}
	return nan;
}

static void multiply_integers(struct task *t, const struct columns *c, unsigned int from,
			      unsigned int to)
{
	struct emu_nc_lanes xs;

	for (unsigned int i = from; i < to; i++) {
		const int32_t *x = t->kernels->load_int(&t->mem, &t->p->src, c->src[i], &xs);
		int32_t *acc = (int32_t *)c->acc[i];

		if (t->p->start)
			memset(acc, 0, t->p->m * sizeof(*acc));
		t->kernels->imac(acc, t->p->w.i, x, t->p->k, t->p->m);
	}
}

static bool multiply(struct task *t, const struct columns *c, unsigned int from, unsigned int to)
{
	switch (t->p->form) {
	case EMU_NC_FORM_PAIRS:
		return has_rows(t->p) ? multiply_rows(t, c, from, to)
				      : multiply_pairs(t, c, from, to);
	case EMU_NC_FORM_FLOATS:
		return multiply_floats(t, c, from, to);
	default:
		multiply_integers(t, c, from, to);
		return false;
	}
}

#define FEW	64	/* rows of the array that are not worth fetching ahead: strips are apart */

/* The first product of a group, the next one of the same: NULL if there is none. */
static const struct emu_nc_product *find_product(const struct emu_nc_batch *b,
						 const struct emu_nc_product *from,
						 unsigned int group)
{
	for (const struct emu_nc_product *p = from; p < b->product + b->count; p++)
		if (p->group == group)
			return p;
	return NULL;
}

/* The next array that is multiplied after product @p; NULL: not here, or it is at hand. */
static const struct emu_nc_product *next_array(const struct emu_nc_batch *b,
					       const struct emu_nc_product *p, bool *last)
{
	const struct emu_nc_product *first = find_product(b, b->product, p->group), *next = p;

	while (next && next->w.pairs == p->w.pairs)
		next = find_product(b, next + 1, p->group);
	*last = false;
	if (next)
		return next;
	next = find_product(b, b->product, p->group + 1u);
	*last = !next;
	return next && next->w.pairs != first->w.pairs ? next : NULL;
}

/* What is multiplied after @p: the next array here, or what came next the last time. */
static struct emu_nc_ahead find_ahead(const struct emu_nc_batch *b, const struct emu_nc_product *p)
{
	const struct emu_nc_product *next;
	unsigned int strips;
	bool last;

	if (p->k <= FEW)
		return (struct emu_nc_ahead){};
	next = next_array(b, p, &last);
	if (last)
		return p->ahead;
	if (!next || next->k <= FEW || next->form != EMU_NC_FORM_PAIRS)
		return (struct emu_nc_ahead){};
	strips = (next->m + EMU_NC_STRIP - 1u) / EMU_NC_STRIP;
	return (struct emu_nc_ahead){ (const char *)next->w.pairs,
				      (const char *)(next->w.pairs + strips) };
}

static bool compute(struct task *t)
{
	struct columns c;
	bool nan = false;

	find_columns(t, &c);
	if (t->p->apart)
		return multiply(t, &c, 0, c.n);
	/* columns that meet in one result go one after the other */
	for (unsigned int i = 0; i < c.n; i++)
		nan |= multiply(t, &c, i, i + 1);
	return nan;
}

/*
 * Rows of arrays whose products are so short that it takes as long to fetch their sums. Longer ones
 * lose more by having several arrays take turns in L1.
 */
#define SHORT	32

/* Of the group of @p, from there on: what can be one chain. Returns how many. */
static unsigned int find_chain(const struct emu_nc_batch *b, const struct task *t,
			       const struct emu_nc_product **link)
{
	const struct emu_nc_product *p = t->p;
	unsigned int n = 1;

	link[0] = p;
	if (p->k > SHORT || !t->kernels->chain || t->high - t->low > EMU_NC_CHAIN_ROWS ||
	    !has_rows(p) || !p->apart)
		return n;
	while (n < EMU_NC_CHAIN && (p = find_product(b, p + 1, p->group)) && has_rows(p) &&
	       p->apart && !p->start && p->k <= SHORT && p->m == t->p->m && p->dst.part == t->p->dst.part)
		link[n++] = p;
	return n;
}

/* Products of a group from @p on: rows [low, high) of them. */
static bool compute_group(struct emu_nc *nc, const struct emu_nc_product *p, int32_t low,
			  int32_t high)
{
	const struct emu_nc_batch *b = &nc->batch;
	const struct emu_nc_product *link[EMU_NC_CHAIN];
	bool nan = false;

	while (p && !emu_nc_aborting(nc)) {
		struct task t = {
			.kernels = nc->kernels, .p = p, .mem = { p->sbuf, nc->mem.psum },
			.lane = (float *)&nc->mem.psum[0][p->dst.part], .low = low, .high = high,
		};
		unsigned int n = find_chain(b, &t, link);

		if (n == 1 || !emu_nc_chain(nc, link, n, low, high, &nan)) {
			t.ahead = find_ahead(b, p);
			nan |= compute(&t);
			n = 1;
		}
		p = find_product(b, link[n - 1] + 1, link[0]->group);
	}
	return nan;
}

void emu_nc_product_piece(struct emu_nc *nc, unsigned int piece, unsigned int pieces)
{
	const struct emu_nc_batch *b = &nc->batch;
	bool nan = false;

	for (unsigned int g = 0; g < b->groups; g++) {
		const struct emu_nc_product *first = find_product(b, b->product, g);
		int32_t low = b->group[g].low / 4, rows = (b->group[g].high - b->group[g].low) / 4;
		int32_t from = rows * (int32_t)piece / (int32_t)pieces;
		int32_t to = rows * (int32_t)(piece + 1) / (int32_t)pieces;

		nan |= compute_group(nc, first, low + from, low + to);
	}
	emu_nc_saw_nan(nc, nan);
}

void emu_nc_product_groups(struct emu_nc *nc, unsigned int piece, unsigned int pieces)
{
	const struct emu_nc_batch *b = &nc->batch;
	unsigned int first = b->groups * piece / pieces, end = b->groups * (piece + 1) / pieces;
	bool nan = false;

	for (unsigned int g = first; g < end; g++)
		nan |= compute_group(nc, find_product(b, b->product, g), b->group[g].low / 4,
				     b->group[g].high / 4);
	emu_nc_saw_nan(nc, nan);
}
