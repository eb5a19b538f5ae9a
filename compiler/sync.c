// SPDX-License-Identifier: Apache-2.0
/*
 * Sync pass: who waits for whom.
 *
 * Instructions that touch the same bytes of SBUF or PSUM, one of them writing, keep
 * their order. Within an engine they do anyway; between engines the later one waits.
 * DRAM is reached through the DMA engine alone, so its order needs nothing.
 *
 * Each engine counts its awaited instructions in a semaphore of its own. What an
 * instruction has waited for, all that follow on its engine know, and so does who waits
 * for them: such waits are left out.
 */
#include <string.h>

#include "allocate.h"

#define SBUF_GRANULES	(NEURON_SBUF_BYTES / NCC_GRANULE)
#define PSUM_GRANULES	(NEURON_PSUM_BYTES / NCC_GRANULE)

/* The last instruction of each engine that read and that wrote a granule: 1 + index. */
struct granule {
	uint32_t read[NEURON_ENGINES];
	uint32_t write[NEURON_ENGINES];
};

/* known[e]: 1 + index of the newest instruction of engine e that is known to be complete. */
struct clock {
	uint32_t known[NEURON_ENGINES];
};

static void later(uint32_t *a, uint32_t b)
{
	if (b > *a)
		*a = b;
}

static void granules_of(const struct ncc_program *p, const struct ncc_access *a, uint32_t *first,
			uint32_t *last)
{
	const struct ncc_buf *b = &p->buf[a->buf];
	uint32_t base = b->psum ? SBUF_GRANULES : 0;

	*first = base + (b->addr + a->low) / NCC_GRANULE;
	*last = base + (b->addr + a->high - 1) / NCC_GRANULE;
}

/* What instruction @i has to come after, per engine. */
static void hazards(const struct ncc_program *p, const struct granule *g, const struct ncc_insn *i,
		    uint32_t need[NEURON_ENGINES])
{
	memset(need, 0, NEURON_ENGINES * sizeof(*need));
	for (int k = 0; k < i->naccess; k++) {
		uint32_t first, last;

		granules_of(p, &i->access[k], &first, &last);
		for (uint32_t n = first; n <= last; n++)
			for (int e = 0; e < NEURON_ENGINES; e++) {
				later(&need[e], g[n].write[e]);
				if (i->access[k].write)
					later(&need[e], g[n].read[e]);
			}
	}
}

static void touch(const struct ncc_program *p, struct granule *g, const struct ncc_insn *i,
		  uint32_t index)
{
	for (int k = 0; k < i->naccess; k++) {
		uint32_t first, last;

		granules_of(p, &i->access[k], &first, &last);
		for (uint32_t n = first; n <= last; n++)
			*(i->access[k].write ? &g[n].write[i->engine] : &g[n].read[i->engine]) = index;
	}
}

/* The newest instruction that is needed, and not known to be complete; 0 = none. */
static uint32_t newest_unknown(const uint32_t need[NEURON_ENGINES], const struct clock *c, int own,
			       int *engine)
{
	uint32_t best = 0;

	for (int e = 0; e < NEURON_ENGINES; e++)
		if (e != own && need[e] > c->known[e] && need[e] > best) {
			best = need[e];
			*engine = e;
		}
	return best;
}

int ncc_sync(struct ncc_context *ctx)
{
	struct ncc_program *p = ctx->program;
	struct granule *g = ncc_alloc_array(&ctx->arena, SBUF_GRANULES + PSUM_GRANULES, sizeof(*g));
	struct clock *at = ncc_alloc_array(&ctx->arena, p->ninsn + 1, sizeof(*at));
	struct clock now[NEURON_ENGINES] = { 0 };

	for (uint32_t n = 0; n < p->ninsn; n++) {
		struct ncc_insn *i = &p->insn[n];
		struct clock *c = &now[i->engine];
		uint32_t need[NEURON_ENGINES], last;
		int e = 0;

		memset(i->wait, 0, sizeof(i->wait));
		hazards(p, g, i, need);
		while ((last = newest_unknown(need, c, i->engine, &e))) {
			i->wait[e] = last;
			p->insn[last - 1].awaited = true;
			c->known[e] = last;
			for (int k = 0; k < NEURON_ENGINES; k++)
				later(&c->known[k], at[last].known[k]);
		}
		at[n + 1] = *c;
		at[n + 1].known[i->engine] = n + 1;
		touch(p, g, i, n + 1);
	}
	return 0;
}
