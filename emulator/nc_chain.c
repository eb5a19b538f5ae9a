// SPDX-License-Identifier: Apache-2.0
/*
 * Chains of products that add to the same rows of PSUM: a few columns at a time go through all of
 * them with their sums in registers. At the border of an image columns are not of all products:
 * those that are of the same ones go together.
 */

#include <string.h>
#include "nc_core.h"

#define MOST_KINDS	32	/* of columns; more: one product after the other */

struct chain {
	const struct emu_nc_product *const *product;
	unsigned int links;
	int32_t low, high;
	uint16_t in[EMU_NC_CHAIN_ROWS];		/* bits: the products that the row is of */
	uint16_t at[EMU_NC_CHAIN_ROWS];		/* its column; @plain: the same */
	bool plain;
	float *acc[EMU_NC_CHAIN_ROWS];		/* of each column */
	const uint32_t *x[EMU_NC_CHAIN][EMU_NC_CHAIN_ROWS];
};

/* Columns of the same kind, one behind the other. */
struct kind {
	uint16_t in;
	unsigned int first, columns;
};

/* Columns of a run that are in rows @row, @row + 1 ..: the first ones at @x, @x_step apart. */
static void walk_run(struct chain *c, unsigned int n, int32_t row, int32_t count,
		     const uint32_t *x, long x_step, bool mark)
{
	const uint32_t **at = c->x[n];
	int32_t rows = c->high - c->low, i = row < 0 ? -row : 0;

	if (count > rows - row)
		count = rows - row;
	if (mark) {
		for (; i < count; i++)
			c->in[row + i] |= (uint16_t)(1u << n);
	} else if (c->plain) {
		for (; i < count; i++)
			at[row + i] = x + i * x_step;
	} else {
		for (; i < count; i++)
			at[c->at[row + i]] = x + i * x_step;
	}
}

/* Go through the columns of product @n: mark their rows, or say where they are. */
static void walk_product(struct chain *c, unsigned int n, bool mark)
{
	const struct emu_nc_product *p = c->product[n];
	const struct emu_nc_ap *const ap[] = { &p->src, &p->dst };
	const long x_step = (long)p->src.step[3] / 2 * NEURON_PARTITIONS / 2;
	const int32_t step = p->dst.step[3] / 4, count = (int32_t)p->counts.count[3];
	struct emu_nc_counts outer = p->counts;
	struct emu_nc_walk w;

	outer.count[3] = 1;
	emu_nc_walk_init(&w, ap, 2);
	do {
		const uint32_t *x = (const uint32_t *)(p->sbuf[w.off[0] / 2] + p->src.part);
		int32_t row = w.off[1] / 4 - c->low;

		if (step == 1)
			walk_run(c, n, row, count, x, x_step, mark);
		for (int32_t i = 0; i < count && step != 1; i++)
			walk_run(c, n, row + i * step, 1, x + i * x_step, 0, mark);
	} while (emu_nc_walk_next(&w, &outer, ap, 2));
}

/* Returns how many there are, 0: too many. Rows of no product are of none. */
static unsigned int find_kinds(const struct chain *c, struct kind kind[MOST_KINDS])
{
	unsigned int n = 0, k = 0;

	for (int32_t row = 0; row < c->high - c->low; row++) {
		uint16_t in = c->in[row];

		if (!in)
			continue;
		if (!n || kind[k].in != in)
			for (k = 0; k < n && kind[k].in != in; k++)
				;
		if (k == MOST_KINDS)
			return 0;
		if (k == n)
			kind[n++] = (struct kind){ .in = in };
		kind[k].columns++;
	}
	for (k = 1; k < n; k++)
		kind[k].first = kind[k - 1].first + kind[k - 1].columns;
	return n;
}

static void place_rows(struct chain *c, const struct kind *kind, unsigned int kinds,
		       uint32_t (*psum)[NEURON_PARTITIONS])
{
	unsigned int part = c->product[0]->dst.part, next[MOST_KINDS], k = 0;

	for (unsigned int i = 0; i < kinds; i++)
		next[i] = kind[i].first;
	for (int32_t row = 0; row < c->high - c->low; row++) {
		if (!c->in[row])
			continue;
		if (kind[k].in != c->in[row])
			for (k = 0; kind[k].in != c->in[row]; k++)
				;
		c->at[row] = (uint16_t)next[k]++;
		c->acc[c->at[row]] = (float *)&psum[c->low + row][part];
	}
}

static bool compute_kind(struct emu_nc *nc, struct chain *c, const struct kind *kind)
{
	struct emu_nc_link link[EMU_NC_CHAIN];
	unsigned int links = 0;

	for (unsigned int n = 0; n < c->links; n++)
		if (kind->in >> n & 1)
			link[links++] = (struct emu_nc_link){
				c->product[n]->w.pairs, c->x[n] + kind->first, c->product[n]->k,
			};
	return nc->kernels->chain(c->acc + kind->first, link, links, kind->columns,
				  c->product[0]->m, kind->in & 1 && c->product[0]->start);
}

bool emu_nc_chain(struct emu_nc *nc, const struct emu_nc_product *const *product, unsigned int n,
		  int32_t low, int32_t high, bool *nan)
{
	struct kind kind[MOST_KINDS];
	unsigned int kinds;
	struct chain c;

	c.product = product;
	c.links = n;
	c.low = low;
	c.high = high;
	memset(c.in, 0, (size_t)(high - low) * sizeof(c.in[0]));
	for (unsigned int i = 0; i < n; i++)
		walk_product(&c, i, true);
	kinds = find_kinds(&c, kind);
	if (!kinds && high > low)
		return false;
	c.plain = kinds == 1 && kind[0].columns == (unsigned int)(high - low);
	place_rows(&c, kind, kinds, nc->mem.psum);
	for (unsigned int i = 0; i < n; i++)
		walk_product(&c, i, false);
	for (unsigned int k = 0; k < kinds; k++)
		*nan |= compute_kind(nc, &c, &kind[k]);
	return true;
}
