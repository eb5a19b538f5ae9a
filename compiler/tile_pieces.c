// SPDX-License-Identifier: Apache-2.0
/*
 * MOVE: data movement that treats each axis alone, by DMA.
 *
 * The positions along an axis are cut into runs: a run repeats each of some equally
 * spaced elements equally often. A product of runs, one of each axis, is one copy with
 * two loops an axis. The fill goes everywhere first.
 */
#include <errno.h>
#include <string.h>

#include "tile.h"

/* Output positions @to .. are input positions @from, @from + @step .., each @repeat times. */
struct run {
	int64_t to, from, step, count, repeat;
};

struct runs {
	struct run *run;
	size_t n;
};

struct pieces {
	struct ncc_lower *L;
	struct ncc_move *m;
	struct runs axis[NCC_MAX_RANK];
	int64_t src_step[NCC_MAX_RANK], dst_step[NCC_MAX_RANK];
	uint8_t segment, dtype;
	uint64_t off;
};

static int64_t repeats(const int64_t *index, int64_t at, int64_t n)
{
	int64_t r = 1;

	while (at + r < n && index[at + r] == index[at])
		r++;
	return r;
}

static struct run next_run(const int64_t *index, int64_t at, int64_t n)
{
	struct run r = { .to = at, .from = index[at], .step = 1, .count = 1 };

	r.repeat = repeats(index, at, n);
	at += r.repeat;
	if (at < n && index[at] >= 0)
		r.step = index[at] - r.from;
	while (at < n && index[at] >= 0 && index[at] == r.from + r.count * r.step &&
	       repeats(index, at, n) >= r.repeat) {
		/* More of them than before: this one belongs to the next run. */
		if (repeats(index, at, n) > r.repeat)
			break;
		at += r.repeat;
		r.count++;
	}
	return r;
}

/* What is to be filled is left out. */
static struct runs cut(struct ncc_arena *arena, const int64_t *index, int64_t n)
{
	struct runs runs = { .run = ncc_alloc_array(arena, (size_t)n, sizeof(*runs.run)) };

	for (int64_t at = 0; at < n;) {
		struct run r;

		if (index[at] < 0) {
			at++;
			continue;
		}
		r = next_run(index, at, n);
		runs.run[runs.n++] = r;
		at += r.count * r.repeat;
	}
	return runs;
}

static int copy(struct pieces *p, const struct ncc_value *out, const size_t which[NCC_MAX_RANK])
{
	int64_t size = ncc_dtype_size(p->dtype), from = 0, to = 0;
	struct ncc_dma_loop loops[2 * NCC_MAX_RANK];
	int n = 0;

	for (int d = 0; d < p->m->rank; d++) {
		const struct run *r = &p->axis[d].run[which[d]];

		from += r->from * p->src_step[d];
		to += r->to * p->dst_step[d];
		if (r->count > 1)
			loops[n++] = (struct ncc_dma_loop){
				r->count, r->step * p->src_step[d] * size, r->repeat * p->dst_step[d] * size,
			};
		if (r->repeat > 1)
			loops[n++] = (struct ncc_dma_loop){ r->repeat, 0, p->dst_step[d] * size };
	}
	return ncc_dma(&p->L->b, ncc_dram(p->segment, p->off + (uint64_t)(from * size)),
		       ncc_dram(out->segment, out->offset + (uint64_t)(to * size)),
		       (unsigned int)size, loops, n, false);
}

static int copy_all(struct pieces *p, const struct ncc_value *out)
{
	size_t which[NCC_MAX_RANK] = { 0 };
	int d, err = 0;

	for (d = 0; d < p->m->rank; d++)
		if (!p->axis[d].n)
			return 0;
	do {
		err = copy(p, out, which);
		for (d = p->m->rank - 1; d >= 0; d--) {
			if (++which[d] < p->axis[d].n)
				break;
			which[d] = 0;
		}
	} while (d >= 0 && !err);
	return err;
}

static int fill(struct ncc_lower *L, struct ncc_node *node)
{
	struct ncc_value *out = node->out[0]->value;
	int64_t size = ncc_dtype_size(out->dtype);
	struct ncc_dma_loop loop = { out->count, 0, size };
	uint8_t segment, dtype;
	uint64_t off;
	int err = ncc_source(L, node->in[1]->value, out->dtype, &segment, &off, &dtype);

	return err ? err : ncc_dma(&L->b, ncc_dram(segment, off), ncc_dram(out->segment, out->offset),
				   (unsigned int)size, &loop, 1, false);
}

int ncc_tile_pieces(struct ncc_lower *L, struct ncc_node *node)
{
	struct pieces p = { .L = L, .m = node->move };
	struct ncc_value *x = node->in[0]->value, *out = node->out[0]->value;
	int64_t src = 1, dst = 1;
	int err = ncc_source(L, x, out->dtype, &p.segment, &p.off, &p.dtype);

	if (err)
		return err;
	ncc_place_value(L, out);
	for (int d = p.m->rank - 1; d >= 0; d--) {
		p.axis[d] = cut(&L->ctx->arena, p.m->index[d], p.m->out[d]);
		p.src_step[d] = src;
		p.dst_step[d] = dst;
		src *= p.m->in[d];
		dst *= p.m->out[d];
	}
	if (p.m->fills)
		err = fill(L, node);
	if (!err)
		err = copy_all(&p, out);
	out->stored = true;
	return err;
}
