// SPDX-License-Identifier: Apache-2.0
/*
 * Values on their way between DRAM and SBUF: operands and results of the nodes.
 */
#include <errno.h>
#include <string.h>

#include "tile.h"

bool ncc_same_layout(const struct ncc_layout *a, const struct ncc_layout *b)
{
	return a->o == b->o && a->a == b->a && a->i == b->i && a->rep == b->rep;
}

int64_t ncc_layout_bytes(const struct ncc_layout *l, uint8_t dtype)
{
	return ncc_chunks(l) * l->o * l->i * ncc_dtype_size(dtype);
}

struct ncc_copy *ncc_find_copy(const struct ncc_value *v, const struct ncc_layout *l,
			       uint8_t dtype)
{
	for (struct ncc_copy *c = v->copies; c; c = c->next)
		if (ncc_same_layout(&c->layout, l) && (!dtype || c->dtype == dtype))
			return c;
	return NULL;
}

bool ncc_fits_whole(const struct ncc_value *v, const struct ncc_layout *l, uint8_t dtype)
{
	/* Loads of fp32 that become a smaller type pass through fp32. */
	uint8_t widest = v->dtype == NEURON_FP32 && v->kind != NCC_VALUE_CONST ? v->dtype : dtype;

	return !v->stream && ncc_layout_bytes(l, widest) <= NCC_WHOLE_LIMIT;
}

void ncc_add_copy(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		  uint8_t dtype, int buf)
{
	struct ncc_copy *c = ncc_alloc(&L->ctx->arena, sizeof(*c));

	*c = (struct ncc_copy){ .layout = *l, .dtype = dtype, .buf = buf, .next = v->copies };
	v->copies = c;
	L->b.p->buf[buf].value = v;
}

struct ncc_tile ncc_temp(struct ncc_lower *L, int64_t o, int64_t i, uint8_t dtype)
{
	int64_t bytes = o * i * ncc_dtype_size(dtype);
	uint32_t size = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;

	return (struct ncc_tile){
		.at = { .buf = ncc_buf_new(L->b.p, L->b.node, false, size), .dtype = dtype },
		.step_o = i, .step_i = 1,
	};
}

struct ncc_tile ncc_temp_fp32(struct ncc_lower *L, int64_t o, int64_t i)
{
	int64_t bytes = o * i * 4;

	if (bytes > NCC_PSUM_LIMIT)
		return ncc_temp(L, o, i, NEURON_FP32);
	return (struct ncc_tile){
		.at = {
			.buf = ncc_buf_new(L->b.p, L->b.node, true, (uint32_t)bytes), .dtype = NEURON_FP32,
		},
		.step_o = i, .step_i = 1,
	};
}

struct ncc_at ncc_at_element(const struct ncc_tile *t, int64_t o, int64_t i)
{
	struct ncc_at at = t->at;

	at.off += (uint32_t)((o * t->step_o + i * t->step_i) * ncc_dtype_size(at.dtype));
	return at;
}

/* The part of a whole copy in @buf that region @r is. */
static struct ncc_tile part_of(int buf, uint8_t dtype, const struct ncc_layout *l,
			       const struct ncc_region *r)
{
	int64_t chunk = r->a0 / NEURON_PARTITIONS;
	int64_t element = (chunk * l->o + r->o0) * l->i + r->i0;

	return (struct ncc_tile){
		.at = {
			.buf = buf, .part = (uint8_t)(r->a0 % NEURON_PARTITIONS), .dtype = dtype,
			.off = (uint32_t)(element * ncc_dtype_size(dtype)),
		},
		.step_o = l->i, .step_i = 1,
	};
}

int ncc_region_dma(struct ncc_lower *L, uint8_t segment, uint64_t off, uint8_t dtype,
		   const struct ncc_layout *l, const struct ncc_region *r,
		   const struct ncc_tile *t, bool store, bool load)
{
	int64_t size = ncc_dtype_size(dtype);
	struct ncc_side dram = ncc_dram(segment, off + (uint64_t)(((r->o0 * l->a + r->a0) * l->i +
							r->i0) * size));
	struct ncc_side local = ncc_local(t->at.buf, t->at.part, t->at.off);
	struct ncc_dma_loop o = { r->on, l->a * l->i * size, t->step_o * size };
	struct ncc_dma_loop a = { r->an, l->i * size, NEURON_LOCAL_PARTITION };
	struct ncc_dma_loop i = { r->in, size, t->step_i * size };
	/* One element a partition: with the partitions innermost, DRAM is read in order. */
	bool rows = l->i > 1;
	struct ncc_dma_loop loops[3] = { o, rows ? a : i, rows ? i : a };

	if (l->rep) {
		loops[1] = (struct ncc_dma_loop){ NEURON_PARTITIONS, 0, NEURON_LOCAL_PARTITION };
		loops[2] = i;
	}
	if (!store)
		return ncc_dma(&L->b, dram, local, (unsigned int)size, loops, 3, load);
	for (int k = 0; k < 3; k++) {
		int64_t swap = loops[k].src;

		loops[k].src = loops[k].dst;
		loops[k].dst = swap;
	}
	return ncc_dma(&L->b, local, dram, (unsigned int)size, loops, 3, false);
}

#define VECTOR	16	/* elements a partition and chunk that are not worth a copy of their own */

/* All whole chunks at once. */
static int chunks_dma(struct ncc_lower *L, struct ncc_side dram, unsigned int size, const struct ncc_layout *l, int buf,
		      bool store, bool load)
{
	struct ncc_dma_loop loops[4] = {
		{ l->a / NEURON_PARTITIONS, NEURON_PARTITIONS * l->i * size, l->o * l->i * size },
		{ l->o, l->a * l->i * size, l->i * size },
		{ l->i, size, size },
		{ NEURON_PARTITIONS, l->i * size, NEURON_LOCAL_PARTITION },
	};

	if (!store)
		return ncc_dma(&L->b, dram, ncc_local(buf, 0, 0), size, loops, 4, load);
	for (int k = 0; k < 4; k++) {
		int64_t swap = loops[k].src;

		loops[k].src = loops[k].dst;
		loops[k].dst = swap;
	}
	return ncc_dma(&L->b, ncc_local(buf, 0, 0), dram, size, loops, 4, false);
}

static int whole_dma(struct ncc_lower *L, uint8_t segment, uint64_t off, uint8_t dtype,
		     const struct ncc_layout *l, int buf, bool store, bool load)
{
	int64_t first = 0;
	int err = 0;

	if (l->a >= 2 * NEURON_PARTITIONS && l->o * l->i <= VECTOR) {
		err = chunks_dma(L, ncc_dram(segment, off), ncc_dtype_size(dtype), l, buf, store, load);
		first = l->a / NEURON_PARTITIONS;
	}
	for (int64_t c = first; c < ncc_chunks(l) && !err; c++) {
		struct ncc_region r = ncc_chunk_region(l, c);
		struct ncc_tile t = part_of(buf, dtype, l, &r);

		err = ncc_region_dma(L, segment, off, dtype, l, &r, &t, store, load);
	}
	return err;
}

/* Elementwise copy to another type. */
static int cast(struct ncc_lower *L, const struct ncc_tile *from, const struct ncc_tile *to,
		unsigned int parts, int64_t o, int64_t i)
{
	static const struct ncc_scalars none = { .alu0 = NEURON_ALU_BYPASS, .alu1 = NEURON_ALU_BYPASS };
	struct ncc_loop loops[2] = {
		{ o, { from->step_o, to->step_o } },
		{ i, { from->step_i, to->step_i } },
	};

	return ncc_tensor_scalar(&L->b, &none, parts, from->at, to->at, loops, 2);
}

static unsigned int layout_parts(const struct ncc_layout *l, int64_t chunk)
{
	return l->rep ? NEURON_PARTITIONS : (unsigned int)ncc_chunk_size(l, chunk);
}

static int cast_whole(struct ncc_lower *L, const struct ncc_layout *l, int from, uint8_t from_type,
		      int to, uint8_t to_type)
{
	for (int64_t c = 0; c < ncc_chunks(l); c++) {
		struct ncc_region r = ncc_chunk_region(l, c);
		struct ncc_tile a = part_of(from, from_type, l, &r), b = part_of(to, to_type, l, &r);
		int err = cast(L, &a, &b, layout_parts(l, c), l->o, l->i);

		if (err)
			return err;
	}
	return 0;
}

/* Where constant @v of type @dtype is in the weights. */
static uint64_t const_home(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype)
{
	struct ncc_program *p = L->b.p;
	unsigned int size = ncc_dtype_size(dtype);

	if (!v->const_at[dtype]) {
		uint64_t at = ncc_weights_add(p, (size_t)v->count * size);

		for (int64_t i = 0; i < v->count; i++)
			ncc_store_element(p->weights + at + (uint64_t)i * size, dtype, v->data[i]);
		v->const_at[dtype] = at + 1;
	}
	return v->const_at[dtype] - 1;
}

void ncc_place_value(struct ncc_lower *L, struct ncc_value *v)
{
	if (v->placed)
		return;
	v->segment = L->b.p->scratch_segment;
	v->offset = ncc_scratch_add(L->b.p, (uint64_t)v->count * ncc_dtype_size(v->dtype));
	v->placed = true;
}

int ncc_home(struct ncc_lower *L, struct ncc_value *v)
{
	struct ncc_copy *c = v->copies;
	int err;

	if (v->stored)
		return 0;
	while (c && (c->dtype != v->dtype || c->layout.rep))
		c = c->next;
	if (!c && v->imaged)
		return ncc_image_home(L, v);
	if (!c)
		return ncc_internal_error(L->ctx, L->b.node, "'%s' is used before it is made", v->name);
	ncc_place_value(L, v);
	err = whole_dma(L, v->segment, v->offset, v->dtype, &c->layout, c->buf, true, false);
	v->stored = true;
	return err;
}

int ncc_source(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype, uint8_t *segment,
	       uint64_t *off, uint8_t *type)
{
	int err;

	if (v->kind == NCC_VALUE_CONST) {
		*segment = L->b.p->weights_segment;
		*off = const_home(L, v, dtype);
		*type = dtype;
		return 0;
	}
	err = ncc_home(L, v);
	*segment = v->segment;
	*off = v->offset;
	*type = v->dtype;
	return err;
}

bool ncc_never_written(const struct ncc_value *v)
{
	return v->kind == NCC_VALUE_CONST || v->kind == NCC_VALUE_INPUT;
}

/* Elements @first .. of @v, as @columns columns over @parts partitions, to the scratch segment in another type. */
static int narrow_tile(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype, int64_t first, int64_t columns,
		       int64_t parts, uint64_t to)
{
	struct ncc_layout l = { columns, parts, 1, false };
	struct ncc_region all = ncc_chunk_region(&l, 0);
	struct ncc_tile raw, t;
	uint8_t segment, type;
	uint64_t off;
	int err = ncc_source(L, v, dtype, &segment, &off, &type);

	if (err)
		return err;
	raw = ncc_temp(L, columns, 1, type);
	t = ncc_temp(L, columns, 1, dtype);
	err = ncc_region_dma(L, segment, off + (uint64_t)first * ncc_dtype_size(type), type, &l, &all, &raw,
			     false, ncc_never_written(v));
	if (!err)
		err = cast(L, &raw, &t, (unsigned int)parts, columns, 1);
	to += (uint64_t)first * ncc_dtype_size(dtype);
	return err ? err : ncc_region_dma(L, L->b.p->scratch_segment, to, dtype, &l, &all, &t, true, false);
}

/* Neighbours go to neighbouring partitions: rows of all partitions move in one piece. */
static int make_narrow(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype, uint64_t to)
{
	int64_t columns = v->count / NEURON_PARTITIONS, rest = v->count % NEURON_PARTITIONS;
	int64_t most = NCC_TILE_LIMIT / 4;
	int err = 0;

	for (int64_t c = 0; c < columns && !err; c += most)
		err = narrow_tile(L, v, dtype, c * NEURON_PARTITIONS, columns - c < most ? columns - c : most,
				  NEURON_PARTITIONS, to);
	if (!err && rest)
		err = narrow_tile(L, v, dtype, v->count - rest, 1, rest, to);
	return err;
}

int ncc_narrow(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype, uint8_t *segment,
	       uint64_t *off, uint8_t *type)
{
	int err = 0;

	if (v->kind == NCC_VALUE_CONST || v->dtype != NEURON_FP32 || dtype == NEURON_FP32 ||
	    v->count < NCC_NARROW_COUNT)
		return ncc_source(L, v, dtype, segment, off, type);
	if (!v->narrow_at) {
		uint64_t at = ncc_scratch_add(L->b.p, (uint64_t)v->count * ncc_dtype_size(dtype));

		err = make_narrow(L, v, dtype, at);
		v->narrow_at = at + 1;
	}
	*segment = L->b.p->scratch_segment;
	*off = v->narrow_at - 1;
	*type = dtype;
	return err;
}

struct ncc_side ncc_zeros(struct ncc_lower *L)
{
	struct ncc_program *p = L->b.p;

	if (!p->zeros_at)
		p->zeros_at = ncc_weights_add(p, 64) + 1;
	return ncc_dram(p->weights_segment, p->zeros_at - 1);
}

static int buf_for(struct ncc_lower *L, const struct ncc_layout *l, uint8_t dtype)
{
	return ncc_buf_new(L->b.p, L->b.node, false, (uint32_t)ncc_layout_bytes(l, dtype));
}

static int want_image(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		      uint8_t dtype)
{
	int buf = buf_for(L, l, v->dtype), err = 0;

	for (int64_t c = 0; c < ncc_chunks(l) && !err; c++) {
		struct ncc_region r = ncc_chunk_region(l, c);
		struct ncc_tile t = part_of(buf, v->dtype, l, &r);

		err = ncc_image_dma(L, v, &r, &t, false);
	}
	ncc_add_copy(L, v, l, v->dtype, buf);
	return err ? err : ncc_want(L, v, l, dtype);
}

int ncc_want(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l, uint8_t dtype)
{
	struct ncc_copy *near;
	uint8_t segment, type;
	uint64_t off;
	int buf, raw, err;

	dtype = dtype ? dtype : v->dtype;
	if (ncc_find_copy(v, l, dtype) || !ncc_fits_whole(v, l, dtype))
		return 0;
	near = ncc_find_copy(v, l, 0);
	if (near) {
		buf = buf_for(L, l, dtype);
		err = cast_whole(L, l, near->buf, near->dtype, buf, dtype);
		ncc_add_copy(L, v, l, dtype, buf);
		return err;
	}
	if (v->imaged && ncc_same_layout(&v->image, l))
		return want_image(L, v, l, dtype);
	err = ncc_relayout(L, v, l, &near);
	if (err || near)
		return err ? err : ncc_want(L, v, l, dtype);
	err = ncc_source(L, v, dtype, &segment, &off, &type);
	if (err)
		return err;
	raw = buf_for(L, l, type);
	err = whole_dma(L, segment, off, type, l, raw, false, ncc_never_written(v));
	if (err)
		return err;
	ncc_add_copy(L, v, l, type, raw);
	if (type == dtype)
		return 0;
	buf = buf_for(L, l, dtype);
	err = cast_whole(L, l, raw, type, buf, dtype);
	ncc_add_copy(L, v, l, dtype, buf);
	return err;
}

/* What was loaded, in the type that is wanted. */
static int load_cast(struct ncc_lower *L, const struct ncc_layout *l, const struct ncc_region *r,
		     const struct ncc_tile *raw, uint8_t dtype, struct ncc_tile *t)
{
	*t = *raw;
	if (raw->at.dtype == dtype)
		return 0;
	*t = ncc_temp(L, r->on, r->in, dtype);
	t->at.part = raw->at.part;
	return cast(L, raw, t, l->rep ? NEURON_PARTITIONS : (unsigned int)r->an, r->on, r->in);
}

int ncc_load(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l, uint8_t dtype,
	     const struct ncc_region *r, struct ncc_tile *t)
{
	struct ncc_copy *c = ncc_find_copy(v, l, dtype ? dtype : v->dtype);
	uint8_t segment, type;
	struct ncc_tile raw;
	uint64_t off;
	int err;

	dtype = dtype ? dtype : v->dtype;
	if (c) {
		*t = part_of(c->buf, dtype, l, r);
		return 0;
	}
	if (v->imaged && ncc_same_layout(&v->image, l)) {
		raw = ncc_temp(L, r->on, r->in, type = v->dtype);
		raw.at.part = (uint8_t)(r->a0 % NEURON_PARTITIONS);
		err = ncc_image_dma(L, v, r, &raw, false);
		return err ? err : load_cast(L, l, r, &raw, dtype, t);
	}
	err = ncc_source(L, v, dtype, &segment, &off, &type);
	if (err)
		return err;
	raw = ncc_temp(L, r->on, r->in, type);
	raw.at.part = (uint8_t)(r->a0 % NEURON_PARTITIONS);
	err = ncc_region_dma(L, segment, off, type, l, r, &raw, false, ncc_never_written(v));
	return err ? err : load_cast(L, l, r, &raw, dtype, t);
}

int ncc_result_begin(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		     struct ncc_result *res)
{
	*res = (struct ncc_result){ .value = v, .layout = *l, .buf = -1 };
	if (!v->stream && ncc_layout_bytes(l, v->dtype) <= NCC_WHOLE_LIMIT)
		res->buf = buf_for(L, l, v->dtype);
	if (res->buf >= 0)
		L->b.p->buf[res->buf].value = v;
	else if (ncc_can_image(v, l))
		ncc_place_image(L, v, l);
	else
		ncc_place_value(L, v);
	return 0;
}

int ncc_result_tile(struct ncc_lower *L, struct ncc_result *res, const struct ncc_region *r,
		    struct ncc_tile *t)
{
	if (res->buf >= 0) {
		*t = part_of(res->buf, res->value->dtype, &res->layout, r);
		return 0;
	}
	*t = ncc_temp(L, r->on, r->in, res->value->dtype);
	t->at.part = (uint8_t)(r->a0 % NEURON_PARTITIONS);
	return 0;
}

int ncc_result_put(struct ncc_lower *L, struct ncc_result *res, const struct ncc_region *r,
		   const struct ncc_tile *t)
{
	struct ncc_value *v = res->value;

	if (res->buf >= 0 && v->kind != NCC_VALUE_OUTPUT)
		return 0;
	if (res->buf < 0 && ncc_can_image(v, &res->layout))
		return ncc_image_dma(L, v, r, t, true);
	return ncc_region_dma(L, v->segment, v->offset, v->dtype, &res->layout, r, t, true, false);
}

int ncc_result_end(struct ncc_lower *L, struct ncc_result *res)
{
	if (res->buf >= 0)
		ncc_add_copy(L, res->value, &res->layout, res->value->dtype, res->buf);
	if (res->buf < 0 && ncc_can_image(res->value, &res->layout))
		res->value->imaged = true;
	else if (res->buf < 0 || res->value->kind == NCC_VALUE_OUTPUT)
		res->value->stored = true;
	return 0;
}
