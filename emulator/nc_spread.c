// SPDX-License-Identifier: Apache-2.0
/*
 * dma_copy from mapped memory to SBUF where one loop goes over partitions: that one is done
 * innermost, a row of all partitions after the other. Two elements of different partitions are
 * apart, and those of one stay in their order: so the result is the same.
 */

#include <string.h>
#include "nc_core.h"

#define FEW	8	/* partitions; fewer are written one by one */
#define WORD	4

/* The loop over partitions, -1: there is none, or it is not the only one. */
static int partition_loop(const struct emu_nc_dec_dma *dma)
{
	int loop = -1;

	for (int d = 0; d < 4; d++) {
		if (!dma->dst.dpart[d] || dma->counts.count[d] == 1)
			continue;
		if (loop >= 0 || dma->dst.dpart[d] != 1 || dma->dst.step[d])
			return -1;
		loop = d;
	}
	return loop;
}

/* Elements @step bytes apart to neighbouring partitions: a 16-bit row after the other. */
static void spread_few(struct emu_nc *nc, const uint8_t *from, int64_t step, uint32_t size,
		       const struct emu_nc_ap *ap)
{
	for (uint32_t b = 0; b < size; b += 2) {
		uint16_t *row = nc->mem.sbuf[((uint32_t)ap->base + b) / 2];

		for (unsigned int p = 0; p < ap->parts; p++)
			memcpy(&row[(ap->part + p) ^ 1], from + p * step + b, 2);
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

static void spread(struct emu_nc *nc, const uint8_t *from, int64_t step, uint32_t size,
		   const struct emu_nc_ap *ap)
{
	if (ap->parts < FEW) {
		spread_few(nc, from, step, size, ap);
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
	int loop = partition_loop(dma), d;
	struct emu_nc_ap ap = { .part = (uint8_t)dma->dst.part, .dtype = NEURON_UINT32,
				.base = (int32_t)dma->dst.base };
	int64_t at = dma->src.base;
	uint32_t i[4] = {};

	*done = loop >= 0 && !dma->dst.psum && dma->size >= WORD;
	if (!*done)
		return NEURON_JOB_OK;
	ap.parts = (uint8_t)dma->counts.count[loop];
	do {
		if (emu_nc_aborting(nc))
			return NEURON_JOB_ABORTED;
		spread(nc, mem + at, dma->src.step[loop], dma->size, &ap);
		for (d = 3; d >= 0; d--) {
			if (d == loop)
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
