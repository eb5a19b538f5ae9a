// SPDX-License-Identifier: Apache-2.0
/*
 * Allocate pass: addresses of the buffers, from when they are first to when they are last
 * used. Constants lie apart from the rest: the emulator shows them where it keeps them until
 * something is written beside them. Where there is no room, a value that waits in SBUF is told
 * to stay in DRAM, and the caller lowers again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "allocate.h"
#include "graph.h"

void ncc_space_init(struct ncc_arena *arena, struct ncc_space *s, uint32_t bytes)
{
	s->granules = bytes / NCC_GRANULE;
	s->until = ncc_alloc_array(arena, s->granules, sizeof(*s->until));
	for (uint32_t i = 0; i < s->granules; i++)
		s->until[i] = -1;
}

/* Among the granules from @from on, before @to. */
static int64_t take(struct ncc_space *s, uint32_t from, uint32_t to, uint32_t need, int32_t first,
		    int32_t last, bool low)
{
	int32_t best_age = INT32_MAX;
	int64_t best = -ENOSPC;

	for (uint32_t at = from; at + need <= to;) {
		int32_t age = -1;
		uint32_t i = 0;

		for (; i < need && s->until[at + i] < first; i++)
			if (s->until[at + i] > age)
				age = s->until[at + i];
		if (i < need) {
			at += i + 1;
			continue;
		}
		if (age < best_age) {
			best_age = age;
			best = at;
		}
		if (low || age < 0)
			break;
		at++;
	}
	if (best < 0)
		return best;
	for (uint32_t i = 0; i < need; i++)
		s->until[best + i] = last;
	return best * NCC_GRANULE;
}

int64_t ncc_space_take(struct ncc_space *s, uint32_t bytes, int32_t first, int32_t last,
		       enum ncc_stay stay)
{
	uint32_t need = (bytes + NCC_GRANULE - 1) / NCC_GRANULE, half = s->granules / 2;
	int64_t at = -ENOSPC;

	if (stay == NCC_STAY_CONSTANT)
		at = take(s, half, s->granules, need, first, last, false);
	else if (stay == NCC_STAY_SHORT)
		at = take(s, 0, half, need, first, last, false);
	return at >= 0 ? at : take(s, 0, s->granules, need, first, last, stay == NCC_STAY_VALUE);
}

uint32_t ncc_space_used(const struct ncc_space *s, int32_t at)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->granules; i++)
		n += s->until[i] >= at;
	return n;
}

static void find_lives(struct ncc_program *p)
{
	for (size_t i = 0; i < p->ninsn; i++)
		for (int k = 0; k < p->insn[i].naccess; k++) {
			struct ncc_buf *b = &p->buf[p->insn[i].access[k].buf];

			if (b->first < 0)
				b->first = (int)i;
			b->last = (int)i;
			b->constant |= p->insn[i].load && p->insn[i].access[k].write;
		}
}

static int by_first_use(const void *a, const void *b)
{
	const struct ncc_buf *x = *(struct ncc_buf *const *)a, *y = *(struct ncc_buf *const *)b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x < y ? -1 : x > y;
}

/*
 * The value that frees most for longest by staying in DRAM. The buffer that did not fit
 * may itself be of one.
 */
static struct ncc_value *victim(struct ncc_program *p, const struct ncc_buf *now)
{
	struct ncc_value *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < p->nbuf; i++) {
		const struct ncc_buf *b = &p->buf[i];
		uint64_t gain;

		if (b->psum || !b->value || b->value->stream || b->first < 0 ||
		    b->first > now->first || b->last < now->first)
			continue;
		gain = (uint64_t)b->size * (uint64_t)(b->last - now->first + 1);
		if (gain > most) {
			most = gain;
			best = b->value;
		}
	}
	return best;
}

static int no_room(struct ncc_context *ctx, const struct ncc_space *s, const struct ncc_buf *b)
{
	struct ncc_program *p = ctx->program;
	struct ncc_value *v = victim(p, b);

	if (b->psum)
		return ncc_internal_error(ctx, b->node, "%u bytes of PSUM are not to be had", b->size);
	if (v) {
		ncc_log(ctx, NCC_DEBUG, "no room for %u bytes a partition: '%s' stays in DRAM", b->size,
			v->name);
		v->stream = true;
		p->spills++;
		return -EAGAIN;
	}
	return ncc_node_error(ctx, b->node, "needs %u more bytes a partition at once, but of the %u of "
			      "SBUF %u are in use; use smaller tensors, such as a smaller batch", b->size,
			      NEURON_SBUF_BYTES, ncc_space_used(s, b->first) * NCC_GRANULE);
}

static enum ncc_stay stay_of(const struct ncc_buf *b)
{
	if (b->psum)
		return b->value ? NCC_STAY_VALUE : NCC_STAY_ANY;
	return b->value ? NCC_STAY_VALUE : b->constant ? NCC_STAY_CONSTANT : NCC_STAY_SHORT;
}

int ncc_allocate(struct ncc_context *ctx)
{
	struct ncc_program *p = ctx->program;
	struct ncc_buf **order = ncc_alloc_array(&ctx->arena, p->nbuf, sizeof(*order));
	struct ncc_space sbuf, psum;
	size_t n = 0;

	find_lives(p);
	for (size_t i = 0; i < p->nbuf; i++)
		if (p->buf[i].first >= 0)
			order[n++] = &p->buf[i];
	qsort(order, n, sizeof(*order), by_first_use);
	ncc_space_init(&ctx->arena, &sbuf, NEURON_SBUF_BYTES);
	ncc_space_init(&ctx->arena, &psum, NEURON_PSUM_BYTES);
	p->sbuf_used = 0;
	for (size_t i = 0; i < n; i++) {
		struct ncc_buf *b = order[i];
		struct ncc_space *s = b->psum ? &psum : &sbuf;
		int64_t at = ncc_space_take(s, b->size, b->first, b->last, stay_of(b));

		if (at < 0)
			return no_room(ctx, s, b);
		b->addr = (uint32_t)at;
		if (!b->psum && ncc_space_used(&sbuf, b->first) * NCC_GRANULE > p->sbuf_used)
			p->sbuf_used = ncc_space_used(&sbuf, b->first) * NCC_GRANULE;
	}
	return 0;
}
