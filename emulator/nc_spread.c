// SPDX-License-Identifier: Apache-2.0
/*
 * dma_copy from mapped memory to SBUF where one loop goes over partitions, or two that are as
 * good as one over few: that is done innermost, a row of all partitions after the other. Two
 * elements of different partitions are apart, and those of one stay in their order: so the
 * result is the same.
 */

#include <string.h>
#include "nc_core.h"

#define FEW	8	/* partitions; fewer are written one by one */
#define MOST	32	/* of two loops */
#define WORD	4

/* Elements that go to neighbouring partitions: @inner next to each other, then the next ones. */
struct group {
	int loop[2];		/* outer and inner; -1: there is only the inner one */
	int64_t step[2];	/* bytes, of the source */
	uint32_t inner;
};

/* False: no loops over partitions, or such that do not count through them. */
static bool partition_loops(const struct emu_nc_dec_dma *dma, struct group *g)
{
	uint32_t parts = 1;

	*g = (struct group){ .loop = { -1, -1 } };
	for (int d = 3; d >= 0; d--) {
		if (!dma->dst.dpart[d] || dma->counts.count[d] == 1)
			continue;
		if (g->loop[0] >= 0 || dma->dst.dpart[d] != (int32_t)parts || dma->dst.step[d])
			return false;
		g->loop[g->loop[1] < 0] = d;
		g->step[g->loop[0] < 0] = dma->src.step[d];
		if (g->loop[0] < 0)
			g->inner = dma->counts.count[d];
		parts *= dma->counts.count[d];
	}
	return g->loop[1] >= 0 && (g->loop[0] < 0 || parts <= MOST);
}

/* A 16-bit row after the other. */
static void spread_few(struct emu_nc *nc, const uint8_t *from, const struct group *g, uint32_t size,
		       const struct emu_nc_ap *ap)
{
	const uint8_t *at[MOST];

	for (unsigned int p = 0; p < ap->parts; p++)
		at[p] = from + p / g->inner * g->step[0] + p % g->inner * g->step[1];
	for (uint32_t b = 0; b < size; b += 2) {
		uint16_t *row = nc->mem.sbuf[((uint32_t)ap->base + b) / 2];

		/* most likely of the next element; hosts do not guess that by themselves */
		__builtin_prefetch(row + size / 2 * NEURON_PARTITIONS + ap->part, 1);
		for (unsigned int p = 0; p < ap->parts; p++)
			memcpy(&row[(ap->part + p) ^ 1], at[p] + b, 2);
	}
}

/* Words @at .. @at + 15 of each element, as far as there are any. */
static void spread_words(struct emu_nc *nc, const uint8_t *from, int64_t step, uint32_t words,
			 const struct emu_nc_ap *ap)
{
	uint32_t in[EMU_NC_STRIP][EMU_NC_STRIP] __attribute__((aligned(64))) = {};
	uint32_t out[EMU_NC_STRIP][EMU_NC_STRIP] __attribute__((aligned(64)));
	const uint32_t *rows[EMU_NC_STRIP];

	for (unsigned int i = 0; i < EMU_NC_STRIP; i++)
		rows[i] = in[i];
	for (unsigned int p = 0; p < ap->parts; p += EMU_NC_STRIP) {
		for (unsigned int i = 0; i < EMU_NC_STRIP && p + i < ap->parts; i++)
			memcpy(in[i], from + (p + i) * step, words * WORD);
		nc->kernels->strip(out, rows, words);
		for (uint32_t w = 0; w < words; w++)
			memcpy(nc->tile[w] + p, out[w], sizeof(out[w]));
	}
	for (uint32_t w = 0; w < words; w++)
		nc->kernels->store_int(&nc->mem, ap, ap->base + (int32_t)(w * WORD), nc->tile[w],
				       true);
}

static void spread(struct emu_nc *nc, const uint8_t *from, const struct group *g, uint32_t size,
		   const struct emu_nc_ap *ap)
{
	int64_t step = g->step[1];

	if (ap->parts < FEW || g->loop[0] >= 0) {
		spread_few(nc, from, g, size, ap);
	} else if (size == WORD && step == WORD) {
		memcpy(nc->tile[0], from, ap->parts * (size_t)WORD);
		nc->kernels->store_int(&nc->mem, ap, ap->base, nc->tile[0], true);
	} else {
		spread_words(nc, from, step, size / WORD, ap);
	}
}

/* Elements next to each other on both sides are fewer big ones. */
static void widen(struct emu_nc_dec_dma *dma)
{
	while (dma->size < WORD * EMU_NC_STRIP && dma->counts.count[3] % 2 == 0 &&
	       !dma->dst.dpart[3] && dma->src.step[3] == dma->size &&
	       dma->dst.step[3] == dma->size) {
		dma->size *= 2;
		dma->counts.count[3] /= 2;
		dma->src.step[3] *= 2;
		dma->dst.step[3] *= 2;
	}
}

static int spread_loops(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, const uint8_t *mem,
			bool *done)
{
	struct group g;
	struct emu_nc_ap ap = { .part = (uint8_t)dma->dst.part, .dtype = NEURON_UINT32,
				.base = (int32_t)dma->dst.base };
	int64_t at = dma->src.base;
	uint32_t i[4] = {};
	int d;

	*done = partition_loops(dma, &g) && !dma->dst.psum && dma->size >= WORD;
	if (!*done)
		return NEURON_JOB_OK;
	ap.parts = (uint8_t)(g.inner * (g.loop[0] < 0 ? 1 : dma->counts.count[g.loop[0]]));
	do {
		if (emu_nc_aborting(nc))
			return NEURON_JOB_ABORTED;
		spread(nc, mem + at, &g, dma->size, &ap);
		for (d = 3; d >= 0; d--) {
			if (d == g.loop[0] || d == g.loop[1])
				continue;
			at += dma->src.step[d];
			ap.base += (int32_t)dma->dst.step[d];
			if (++i[d] < dma->counts.count[d])
				break;
			at -= dma->src.step[d] * (int64_t)dma->counts.count[d];
			ap.base -= (int32_t)(dma->dst.step[d] * (int64_t)dma->counts.count[d]);
			i[d] = 0;
		}
	} while (d >= 0);
	return NEURON_JOB_OK;
}

int emu_nc_spread(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, const uint8_t *mem,
		  bool *done)
{
	struct emu_nc_dec_dma wide = *dma;

	widen(&wide);
	return spread_loops(nc, &wide, mem, done);
}
