// SPDX-License-Identifier: Apache-2.0
/*
 * dma_copy from mapped memory to SBUF where one loop goes over partitions, or two that are as
 * good as one over few: that is done innermost, a row of all partitions after the other. Two
 * elements of different partitions are apart, and those of one stay in their order: so the
 * result is the same. Of what is around threads take parts that write different bytes.
 */

#include <string.h>
#include "nc_core.h"
#include "nc_team.h"

#define MIN_BYTES	16384u	/* a thread: some microseconds */
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
	uint32_t tile[EMU_NC_STRIP][NEURON_PARTITIONS] __attribute__((aligned(64)));
	const uint32_t *rows[EMU_NC_STRIP];

	for (unsigned int i = 0; i < EMU_NC_STRIP; i++)
		rows[i] = in[i];
	for (unsigned int p = 0; p < ap->parts; p += EMU_NC_STRIP) {
		for (unsigned int i = 0; i < EMU_NC_STRIP && p + i < ap->parts; i++)
			memcpy(in[i], from + (p + i) * step, words * WORD);
		nc->kernels->strip(out, rows, words);
		for (uint32_t w = 0; w < words; w++)
			memcpy(tile[w] + p, out[w], sizeof(out[w]));
	}
	for (uint32_t w = 0; w < words; w++)
		nc->kernels->store_int(&nc->mem, ap, ap->base + (int32_t)(w * WORD), tile[w],
				       true);
}

static void spread(struct emu_nc *nc, const uint8_t *from, const struct group *g, uint32_t size,
		   const struct emu_nc_ap *ap)
{
	uint32_t row[NEURON_PARTITIONS] __attribute__((aligned(64)));
	int64_t step = g->step[1];

	if (ap->parts < FEW || g->loop[0] >= 0) {
		spread_few(nc, from, g, size, ap);
	} else if (size == WORD && step == WORD) {
		memcpy(row, from, ap->parts * (size_t)WORD);
		nc->kernels->store_int(&nc->mem, ap, ap->base, row, true);
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

/* A copy, and the loop that is cut into parts for threads. */
struct spreading {
	struct emu_nc *nc;
	const struct emu_nc_dec_dma *dma;
	const uint8_t *mem;
	struct group group;
	struct emu_nc_ap ap;	/* of the first elements */
	unsigned int loop, parts;
	atomic_bool aborted;
};

/* From the first element of a loop to its last, in bytes of a partition. */
static int64_t extent(const struct emu_nc_dec_dma *dma, int d)
{
	int64_t step = dma->dst.step[d];

	return (step < 0 ? -step : step) * (int64_t)(dma->counts.count[d] - 1);
}

/*
 * How many parts are worth it. The loop that is cut is the longest; its steps have to be longer than
 * all that the others touch together, so that no two parts write the same.
 */
static unsigned int count_parts(struct spreading *s)
{
	const struct emu_nc_dec_dma *dma = s->dma;
	unsigned int parts = emu_nc_team_threads(s->nc->team);
	int64_t others = dma->size;
	int64_t step;

	s->loop = 4;
	for (int d = 0; d < 4; d++)
		if (d != s->group.loop[0] && d != s->group.loop[1] && dma->counts.count[d] > 1 &&
		    (s->loop == 4 || dma->counts.count[d] > dma->counts.count[s->loop]))
			s->loop = (unsigned int)d;
	if (s->loop == 4 || !emu_nc_team_worth(s->nc->team, (uint64_t)dma->counts.n * dma->size,
					       (uint64_t)parts * MIN_BYTES))
		return 1;
	for (int d = 0; d < 4; d++)
		if (d != s->group.loop[0] && d != s->group.loop[1] && d != (int)s->loop)
			others += extent(dma, d);
	step = dma->dst.step[s->loop];
	if ((step < 0 ? -step : step) < others)
		return 1;
	return parts < dma->counts.count[s->loop] ? parts : dma->counts.count[s->loop];
}

static void spread_part(void *arg, unsigned int part)
{
	struct spreading *s = arg;
	const struct emu_nc_dec_dma *dma = s->dma;
	struct emu_nc_counts counts = dma->counts;
	struct emu_nc_ap ap = s->ap;
	int64_t at = dma->src.base;
	uint32_t i[4] = {};
	int d;

	if (s->parts > 1) {
		uint32_t first = counts.count[s->loop] * part / s->parts;

		counts.count[s->loop] = counts.count[s->loop] * (part + 1) / s->parts - first;
		at += dma->src.step[s->loop] * first;
		ap.base += (int32_t)(dma->dst.step[s->loop] * first);
	}
	do {
		if (emu_nc_aborting(s->nc)) {
			atomic_store_explicit(&s->aborted, true, memory_order_relaxed);
			return;
		}
		spread(s->nc, s->mem + at, &s->group, dma->size, &ap);
		for (d = 3; d >= 0; d--) {
			if (d == s->group.loop[0] || d == s->group.loop[1])
				continue;
			at += dma->src.step[d];
			ap.base += (int32_t)dma->dst.step[d];
			if (++i[d] < counts.count[d])
				break;
			at -= dma->src.step[d] * (int64_t)counts.count[d];
			ap.base -= (int32_t)(dma->dst.step[d] * (int64_t)counts.count[d]);
			i[d] = 0;
		}
	} while (d >= 0);
}

int emu_nc_spread(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, const uint8_t *mem,
		  bool *done)
{
	struct emu_nc_dec_dma wide = *dma;
	struct spreading s = {
		.nc = nc, .dma = &wide, .mem = mem,
		.ap = { .part = (uint8_t)dma->dst.part, .dtype = NEURON_UINT32,
			.base = (int32_t)dma->dst.base },
	};

	widen(&wide);
	*done = partition_loops(&wide, &s.group) && !wide.dst.psum && wide.size >= WORD;
	if (!*done)
		return NEURON_JOB_OK;
	s.ap.parts = (uint8_t)(s.group.inner * (s.group.loop[0] < 0 ? 1 :
						wide.counts.count[s.group.loop[0]]));
	s.parts = count_parts(&s);
	emu_nc_team_run(nc->team, nc->kernels, spread_part, &s, s.parts);
	return s.aborted ? NEURON_JOB_ABORTED : NEURON_JOB_OK;
}
