// SPDX-License-Identifier: Apache-2.0
/* POOL's reductions by kernels that keep the results in registers. */

#include <string.h>
#include "nc_split.h"
#include "nc_window.h"

#define MAX_TAPS	1024	/* elements a result; more are rare */
#define MAX_FACTORS	128
#define MAX_FRESH_TAPS	49	/* what they are is not worth finding out for more */

static void split_counts(struct emu_nc_counts *out, const struct emu_nc_dec_pool *p, bool inner)
{
	out->n = 1;
	for (unsigned int i = 0; i < 4; i++) {
		out->count[i] = (i >= 4u - p->dims) == inner ? p->counts.count[i] : 1;
		out->n *= out->count[i];
	}
}

/* Factors that are the same for all results: read and converted once. */
static bool has_factors(const struct emu_nc_dec_pool *p, unsigned int op, unsigned int taps)
{
	return op == NEURON_OP_TENSOR_DOT && p->held && taps <= MAX_FACTORS &&
	       p->src0.dtype == NEURON_BF16 && p->counts.n > taps;
}

static emu_nc_window_fn *find_kernel(const struct emu_nc *nc, const struct emu_nc_dec_pool *p,
				     unsigned int op, unsigned int taps)
{
	const struct emu_nc_kernels *k = nc->kernels;

	if (taps > MAX_TAPS || !emu_nc_strand_place(&p->src0) || !emu_nc_strand_place(&p->dst) ||
	    !emu_nc_ap_disjoint(&p->dst, &p->src0))
		return NULL;
	if (op == NEURON_OP_TENSOR_DOT) {
		if (!emu_nc_ap_disjoint(&p->dst, &p->src1))
			return NULL;
		if (has_factors(p, op, taps))
			return k->pair_products && emu_nc_strand_place(&p->src1) == EMU_NC_BF16 ?
				       k->pair_products : k->products;
		return emu_nc_strand_place(&p->src1) ? k->sums : NULL;
	}
	if (p->integer || p->index)
		return NULL;
	if (p->alu[0] == NEURON_ALU_ADD)
		return k->sums;
	if (p->src0.dtype != NEURON_BF16)
		return NULL;
	return p->alu[0] == NEURON_ALU_MAX ? k->greatest :
	       p->alu[0] == NEURON_ALU_MIN ? k->least : NULL;
}

/* Where the elements of a result are, from the first on: bytes in memory. */
static void find_taps(int32_t *tap, const struct emu_nc_ap *ap, const struct emu_nc_counts *inner)
{
	const struct emu_nc_ap *const in[] = { ap };
	struct emu_nc_walk w;
	unsigned int n = 0;

	emu_nc_walk_init(&w, in, 1);
	do {
		tap[n++] = (w.off[0] - ap->base) * NEURON_PARTITIONS;
	} while (emu_nc_walk_next(&w, inner, in, 1));
}

static void load_factors(struct emu_nc *nc, const struct emu_nc_ap *ap,
			 const struct emu_nc_counts *inner, float (*factor)[NEURON_PARTITIONS])
{
	const struct emu_nc_ap *const in[] = { ap };
	struct emu_nc_lanes lanes;
	struct emu_nc_walk w;
	unsigned int n = 0;

	emu_nc_walk_init(&w, in, 1);
	do {
		float *x = nc->kernels->load(&nc->mem, ap, w.off[0], &lanes);

		for (unsigned int i = ap->parts; i < NEURON_PARTITIONS; i++)
			x[i] = 0.0f;
		for (unsigned int i = 0; i < NEURON_PARTITIONS / 2; i++) {
			factor[n][i] = x[2 * i];
			factor[n][NEURON_PARTITIONS / 2 + i] = x[2 * i + 1];
		}
		n++;
	} while (emu_nc_walk_next(&w, inner, in, 1));
}

/* As struct emu_nc_window has them, from rows of bf16 at @tap, bytes behind the first one. */
static void make_pairs(uint32_t (*pair)[NEURON_PARTITIONS], const struct emu_nc_strand *rows,
		       const int32_t *tap, unsigned int taps, unsigned int lanes)
{
	uint16_t row[2][NEURON_PARTITIONS] = {};

	for (unsigned int t = 0; t < taps; t += 2) {
		memcpy(row[0], (const char *)rows->at + tap[t], lanes * sizeof(row[0][0]));
		if (t + 1 < taps)
			memcpy(row[1], (const char *)rows->at + tap[t + 1], lanes * sizeof(row[1][0]));
		else
			memset(row[1], 0, sizeof(row[1]));
		for (unsigned int at = 0; at < NEURON_PARTITIONS; at += 32)
			for (unsigned int i = 0; i < 16; i++) {
				unsigned int in_row = at + i / 4 * 8 + i % 4;

				pair[t / 2][at + i] = (uint32_t)row[0][in_row] << 16 | row[1][in_row];
				in_row += 4;
				pair[t / 2][at + 16 + i] = (uint32_t)row[0][in_row] << 16 | row[1][in_row];
			}
	}
}

/* Run after run of results. */
static bool slide(struct emu_nc *nc, const struct emu_nc_dec_pool *p, struct emu_nc_window *w,
		  const struct emu_nc_counts *outer, emu_nc_window_fn *kernel)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->dst, &p->src1 };
	struct emu_nc_runs r;
	bool nan = false;

	emu_nc_runs_init(&r, outer, ap, w->other_tap ? 3 : 2);
	w->columns = r.columns;
	do {
		w->src = emu_nc_strand(&nc->mem, &p->src0, r.off[0], r.step[0]);
		w->dst = emu_nc_strand(&nc->mem, &p->dst, r.off[1], r.step[1]);
		if (w->other_tap)
			w->other = emu_nc_strand(&nc->mem, &p->src1, r.off[2], r.step[2]);
		nan |= kernel(w);
	} while (emu_nc_runs_next(&r));
	return nan;
}

/* Is what is at @tap at no tap any more when the window has moved by a step of a loop? */
static bool is_fresh(const struct emu_nc_dec_pool *p, const struct emu_nc_window *w, int32_t tap)
{
	for (unsigned int d = 0; d + p->dims < 4; d++)
		for (unsigned int t = 0; t < w->taps; t++)
			if (p->counts.count[d] > 1 &&
			    w->tap[t] == tap + p->src0.step[d] * NEURON_PARTITIONS)
				return false;
	return true;
}

static void find_fresh(const struct emu_nc_dec_pool *p, struct emu_nc_window *w)
{
	for (unsigned int t = 0; t < w->taps && w->taps <= MAX_FRESH_TAPS; t++)
		if (w->fresh < EMU_NC_FRESH && is_fresh(p, w, w->tap[t]))
			w->fresh_tap[w->fresh++] = w->tap[t];
}

static bool slide_factors(struct emu_nc *nc, const struct emu_nc_dec_pool *p,
			  struct emu_nc_window *w, const struct emu_nc_counts *outer,
			  const struct emu_nc_counts *inner, emu_nc_window_fn *kernel)
{
	float factor[MAX_FACTORS][NEURON_PARTITIONS] __attribute__((aligned(64)));

	load_factors(nc, &p->src1, inner, factor);
	w->factor = (const float (*)[NEURON_PARTITIONS])factor;
	return slide(nc, p, w, outer, kernel);
}

static bool slide_pairs(struct emu_nc *nc, const struct emu_nc_dec_pool *p,
			struct emu_nc_window *w, const struct emu_nc_counts *outer,
			const struct emu_nc_counts *inner, emu_nc_window_fn *kernel)
{
	uint32_t pair[MAX_FACTORS / 2][NEURON_PARTITIONS] __attribute__((aligned(64)));
	const struct emu_nc_strand rows = emu_nc_strand(&nc->mem, &p->src1, p->src1.base, 0);
	int32_t tap[MAX_FACTORS];

	find_taps(tap, &p->src1, inner);
	make_pairs(pair, &rows, tap, w->taps, p->src1.parts);
	w->pair = (const uint32_t (*)[NEURON_PARTITIONS])pair;
	return slide(nc, p, w, outer, kernel);
}

bool emu_nc_window(struct emu_nc *nc, const struct emu_nc_dec_pool *p, unsigned int op)
{
	int32_t tap[MAX_TAPS], other_tap[MAX_TAPS];
	struct emu_nc_window w = { .tap = tap, .lanes = p->dst.parts };
	struct emu_nc_counts inner, outer;
	emu_nc_window_fn *kernel;
	bool nan;

	split_counts(&inner, p, true);
	kernel = find_kernel(nc, p, op, inner.n);
	if (!kernel)
		return false;
	split_counts(&outer, p, false);
	find_taps(tap, &p->src0, &inner);
	w.taps = inner.n;
	w.scale = emu_nc_flushed(p->imm[0]);
	if (has_factors(p, op, inner.n)) {
		find_fresh(p, &w);
		nan = (kernel == nc->kernels->pair_products ? slide_pairs : slide_factors)
			(nc, p, &w, &outer, &inner, kernel);
	} else {
		if (op == NEURON_OP_TENSOR_DOT) {
			find_taps(other_tap, &p->src1, &inner);
			w.other_tap = other_tap;
		}
		nan = slide(nc, p, &w, &outer, kernel);
	}
	emu_nc_saw_nan(nc, nan);
	return true;
}
