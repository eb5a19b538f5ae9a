// SPDX-License-Identifier: Apache-2.0
/*
 * MOVE: data movement that treats each axis alone, by DMA.
 *
 * The positions along an axis are cut into runs: a run repeats each of some equally
 * spaced elements equally often. A product of runs, one of each axis, is one copy with
 * two loops an axis. The fill goes everywhere first.
 *
 * Where one axis stays as it is and the operand is at hand with that one on the partitions, POOL copies within
 * the partitions, strip by strip, and nothing passes through DRAM.
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

/* A strip: positions r0 .. r1 - 1 of the axis behind the one on the partitions, all of the others. */
struct strip {
	struct ncc_lower *L;
	struct ncc_move *m;
	int part;			/* the axis on the partitions */
	struct ncc_layout in, out;
	struct ncc_result res;
	struct runs axis[NCC_MAX_RANK];
};

static int64_t sizes(const int64_t *size, int first, int last)
{
	int64_t n = 1;

	for (int d = first; d < last; d++)
		n *= size[d];
	return n;
}

/* The part of the input that a strip reads: rows *@low .. *@high - 1; none: false. */
static bool strip_input(struct strip *s, int64_t r0, int64_t r1, int64_t *low, int64_t *high)
{
	int d = s->part + 1;
	int64_t *index = ncc_alloc_array(&s->L->ctx->arena, (size_t)(r1 - r0), sizeof(*index));

	*low = INT64_MAX;
	*high = 0;
	for (int64_t r = r0; r < r1; r++) {
		int64_t at = s->m->index[d][r];

		if (at >= 0 && at < *low)
			*low = at;
		if (at >= *high)
			*high = at + 1;
	}
	for (int64_t r = r0; r < r1; r++)
		index[r - r0] = s->m->index[d][r] < 0 ? -1 : s->m->index[d][r] - *low;
	s->axis[d] = cut(&s->L->ctx->arena, index, r1 - r0);
	return *low < *high;
}

static int strip_copy(struct strip *s, unsigned int parts, const size_t which[NCC_MAX_RANK],
		      const struct ncc_tile *src, const struct ncc_tile *dst)
{
	static const struct ncc_scalars raw = {
		.alu0 = NEURON_ALU_BYPASS, .alu1 = NEURON_ALU_BYPASS, .raw = true,
	};
	uint8_t bits = ncc_dtype_size(src->at.dtype) == 4 ? NEURON_INT32 : NEURON_INT16;
	struct ncc_loop loops[2 * NCC_MAX_RANK];
	struct ncc_at from = src->at, to = dst->at;
	int n = 0;

	for (int d = 0; d < s->m->rank; d++) {
		const struct run *r = &s->axis[d].run[which[d]];
		int end = d < s->part ? s->part : s->m->rank;
		int64_t a = sizes(s->m->in, d + 1, end) * (d < s->part ? src->step_o : src->step_i);
		int64_t b = sizes(s->m->out, d + 1, end) * (d < s->part ? dst->step_o : dst->step_i);

		if (d == s->part)
			continue;
		from.off += (uint32_t)(r->from * a * ncc_dtype_size(from.dtype));
		to.off += (uint32_t)(r->to * b * ncc_dtype_size(to.dtype));
		loops[n++] = (struct ncc_loop){ r->count, { r->step * a, r->repeat * b } };
		loops[n++] = (struct ncc_loop){ r->repeat, { 0, b } };
	}
	from.dtype = to.dtype = bits;
	return ncc_tensor_scalar(&s->L->b, &raw, parts, from, to, loops, n);
}

static int strip_copies(struct strip *s, unsigned int parts, const struct ncc_tile *src,
			const struct ncc_tile *dst)
{
	size_t which[NCC_MAX_RANK] = { 0 };
	int d, err;

	for (d = 0; d < s->m->rank; d++)
		if (!s->axis[d].n)
			return 0;
	do {
		err = strip_copy(s, parts, which, src, dst);
		for (d = s->m->rank - 1; d >= 0; d--) {
			if (++which[d] < s->axis[d].n)
				break;
			which[d] = 0;
		}
	} while (d >= 0 && !err);
	return err;
}

static int strip(struct strip *s, struct ncc_node *node, int64_t chunk, int64_t r0, int64_t r1)
{
	struct ncc_region in = ncc_chunk_region(&s->in, chunk), out = ncc_chunk_region(&s->out, chunk);
	int64_t each_in = sizes(s->m->in, s->part + 2, s->m->rank), low, high;
	int64_t each_out = sizes(s->m->out, s->part + 2, s->m->rank);
	bool any = strip_input(s, r0, r1, &low, &high);
	struct ncc_tile src, dst;
	int err;

	out.i0 = r0 * each_out;
	out.in = (r1 - r0) * each_out;
	err = ncc_result_tile(s->L, &s->res, &out, &dst);
	if (!err && s->m->fills)
		err = ncc_memset(&s->L->b, s->m->fill, (unsigned int)out.an, dst.at, (struct ncc_loop[]){
					{ out.on, { dst.step_o } }, { out.in, { dst.step_i } },
				 }, 2);
	if (!err && any) {
		in.i0 = low * each_in;
		in.in = (high - low) * each_in;
		err = ncc_load(s->L, node->in[0]->value, &s->in, 0, &in, &src);
		if (!err)
			err = strip_copies(s, (unsigned int)out.an, &src, &dst);
	}
	return err ? err : ncc_result_put(s->L, &s->res, &out, &dst);
}

/* An axis that stays and is on the partitions of a copy or an image of the operand. */
static bool choose_axis(struct strip *s, const struct ncc_node *node)
{
	const struct ncc_value *x = node->in[0]->value;
	const struct ncc_move *m = s->m;

	for (int d = 0; d + 1 < m->rank; d++) {
		int64_t n = 0;

		while (n < m->out[d] && m->index[d][n] == n)
			n++;
		if (n < m->out[d] || m->in[d] != m->out[d] || n < 2)
			continue;
		s->part = d;
		s->in = (struct ncc_layout){
			sizes(m->in, 0, d), n, sizes(m->in, d + 1, m->rank), false,
		};
		s->out = (struct ncc_layout){
			sizes(m->out, 0, d), n, sizes(m->out, d + 1, m->rank), false,
		};
		if (ncc_find_copy(x, &s->in, x->dtype) || (x->imaged && ncc_same_layout(&x->image, &s->in)))
			return true;
	}
	return false;
}

static int on_chip(struct strip *s, struct ncc_node *node)
{
	struct ncc_value *x = node->in[0]->value;
	int64_t rows = s->m->out[s->part + 1], most = rows;
	int err = ncc_want(s->L, x, &s->in, 0);

	if (!err)
		err = ncc_result_begin(s->L, node->out[0]->value, &s->out, &s->res);
	if (s->res.buf < 0 || !ncc_find_copy(x, &s->in, x->dtype))
		most = NCC_TILE_LIMIT / 2 / (s->out.o * s->out.i / rows);
	most = most < 1 ? 1 : most;
	for (int d = 0; d < s->m->rank; d++)
		s->axis[d] = cut(&s->L->ctx->arena, s->m->index[d], s->m->out[d]);
	for (int64_t c = 0; c < ncc_chunks(&s->out); c++)
		for (int64_t r = 0; r < rows && !err; r += most)
			err = strip(s, node, c, r, rows - r < most ? rows : r + most);
	return err ? err : ncc_result_end(s->L, &s->res);
}

int ncc_tile_pieces(struct ncc_lower *L, struct ncc_node *node)
{
	struct strip s = { .L = L, .m = node->move };
	struct pieces p = { .L = L, .m = node->move };
	struct ncc_value *x = node->in[0]->value, *out = node->out[0]->value;
	int64_t src = 1, dst = 1;
	int err;

	if (x->dtype == out->dtype && choose_axis(&s, node))
		return on_chip(&s, node);
	err = ncc_source(L, x, out->dtype, &p.segment, &p.off, &p.dtype);
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
