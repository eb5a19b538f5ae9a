// SPDX-License-Identifier: Apache-2.0
/*
 * dma_copy: elements of 1 .. 64 bytes between segments and SBUF or PSUM, along a pattern
 * of four loops on each side; dma_gather: rows of such, chosen by indices in SBUF or PSUM. Everything is checked before the first element moves.
 *
 * Meaning: for each element in order, outermost loop first: read it whole, write it.
 * What follows are shorter ways to the same result: where source and destination cannot
 * overlap, runs that are contiguous in memory move at once.
 */

#include <string.h>
#include "nc_core.h"

#define MAX_ELEMENT	64
#define CHECK_ABORT	4096	/* elements between two looks at the abort flag */

/* ---- decoding ---- */

static void span(const struct emu_nc_counts *c, const int64_t step[4], int64_t base, int64_t *low,
		 int64_t *high)
{
	*low = *high = base;
	for (int d = 0; d < 4; d++) {
		int64_t s = step[d] * (int64_t)(c->count[d] - 1);

		*(s < 0 ? low : high) += s;
	}
}

/* A step of a local address is some partitions and, to the nearest side, some bytes. */
static bool local_init(struct emu_nc_dma_side *s, const struct emu_nc_counts *c, uint32_t addr,
		       const int32_t step[4], uint32_t size)
{
	const int64_t unit = NEURON_LOCAL_PARTITION;
	uint32_t align, limit;
	int64_t low, high, dpart[4];

	s->psum = addr & NEURON_LOCAL_PSUM;
	s->part = addr / NEURON_LOCAL_PARTITION % NEURON_PARTITIONS;
	s->base = addr & NEURON_LOCAL_OFFSET;
	limit = s->psum ? NEURON_PSUM_BYTES : NEURON_SBUF_BYTES;
	align = size > 2 && s->psum ? 4 : size > 1 ? 2 : 1;
	if (s->base % align)
		return false;

	for (int d = 0; d < 4; d++) {
		int64_t taken = c->count[d] > 1 ? step[d] : 0;
		int64_t parts = (taken + unit / 2) >> 24;

		dpart[d] = parts;
		s->dpart[d] = (int32_t)parts;
		s->step[d] = taken - parts * unit;
		if (s->step[d] % align)
			return false;
	}
	span(c, s->step, s->base, &low, &high);
	s->low = low;
	s->high = high + size;
	if (low < 0 || high + size > limit)
		return false;
	span(c, dpart, s->part, &low, &high);
	return low >= 0 && high < NEURON_PARTITIONS;
}

static int side_init(struct emu_nc *nc, struct emu_nc_dma_side *s, const struct emu_nc_dec_dma *dma,
		     unsigned int seg, uint32_t addr, const int32_t step[4], uint32_t perm,
		     size_t field)
{
	*s = (struct emu_nc_dma_side){ .seg = (uint8_t)seg, .local = seg == NEURON_ISA_NO_SEG };
	if (s->local) {
		if (!local_init(s, &dma->counts, addr, step, dma->size))
			return emu_nc_bad(nc, field);
		return NEURON_JOB_OK;
	}
	s->base = addr;
	for (int d = 0; d < 4; d++)
		s->step[d] = dma->counts.count[d] > 1 ? step[d] : 0;
	span(&dma->counts, s->step, s->base, &s->low, &s->high);
	s->high += dma->size;
	return emu_nc_segment_check(nc, s->seg, perm, s->low, s->high);
}

/* Bytes that lie next to each other in memory along the innermost loops. */
static uint64_t run_length(const struct emu_nc_dec_dma *dma, const struct emu_nc_dma_side *s)
{
	uint64_t run = dma->size;

	for (int d = 3; d >= 0; d--) {
		if (dma->counts.count[d] == 1)
			continue;
		if (s->step[d] != (int64_t)run)
			break;
		run *= dma->counts.count[d];
	}
	return run;
}

/* For the timing model. Rows of a dma_gather are no neighbours. */
static void count_runs(struct emu_nc_dec_dma *dma)
{
	uint64_t total = (uint64_t)dma->counts.n * dma->size, run;

	dma->run_bytes = total;
	run = dma->src.local ? total : run_length(dma, &dma->src);
	if (dma->gather && !dma->src.local && run > total / dma->counts.count[1])
		run = total / dma->counts.count[1];
	if (run < dma->run_bytes)
		dma->run_bytes = run;
	run = dma->dst.local ? total : run_length(dma, &dma->dst);
	if (run < dma->run_bytes)
		dma->run_bytes = run;
	dma->runs = total / dma->run_bytes * (dma->src.local || dma->dst.local ? 1 : 2);
}

/* The source is checked for all indices that count; loop 1 is the one that has them. */
static int decode_gather(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_dma *dma = &d->dma;
	uint16_t count[4] = { 1 }, indices[4] = { 1, 1, 1, insn->dma_gather.count[0] };
	int16_t index_step[4] = { 0, 0, 0, insn->dma_gather.index_step };
	int32_t src_step[4] = { 0 }, dst_step[4] = { 0 };
	struct emu_nc_counts counts, ic;
	int ret;

	if (insn->flags & ~NEURON_DMA_ELEMENT_MASK || 1u << insn->flags > MAX_ELEMENT)
		return EMU_NC_BAD(nc, flags);
	dma->size = 1u << insn->flags;
	memcpy(count + 1, insn->dma_gather.count, sizeof(insn->dma_gather.count));
	memcpy(src_step + 1, insn->dma_gather.src_step, sizeof(insn->dma_gather.src_step));
	memcpy(dst_step + 1, insn->dma_gather.dst_step, sizeof(insn->dma_gather.dst_step));
	if (!emu_nc_counts_init(&counts, count, NEURON_DMA_MAX_ELEMENTS))
		return EMU_NC_BAD(nc, dma_gather.count);
	dma->limit = insn->dma_gather.limit;
	if (!dma->limit || dma->limit > NEURON_DMA_MAX_ELEMENTS)
		return EMU_NC_BAD(nc, dma_gather.limit);
	emu_nc_counts_init(&ic, indices, NEURON_DMA_MAX_ELEMENTS);
	if (!emu_nc_ap_init(&dma->index, &ic, insn->dma_gather.index, index_step, 1, NEURON_INT32))
		return EMU_NC_BAD(nc, dma_gather.index);

	dma->gather = true;
	dma->counts = counts;
	dma->counts.count[1] = dma->limit;
	ret = side_init(nc, &dma->src, dma, insn->src_seg, insn->dma_gather.src, src_step,
			NEURON_SEG_READ, offsetof(struct neuron_insn, dma_gather.src));
	if (ret)
		return ret;
	dma->counts = counts;
	ret = side_init(nc, &dma->dst, dma, insn->dst_seg, insn->dma_gather.dst, dst_step,
			NEURON_SEG_WRITE, offsetof(struct neuron_insn, dma_gather.dst));
	if (ret)
		return ret;
	count_runs(dma);
	return NEURON_JOB_OK;
}

int emu_nc_dma_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_dma *dma = &d->dma;
	int ret;

	if (insn->op == NEURON_OP_DMA_GATHER)
		return decode_gather(nc, d);
	dma->gather = false;
	if (insn->flags & ~NEURON_DMA_ELEMENT_MASK || 1u << insn->flags > MAX_ELEMENT)
		return EMU_NC_BAD(nc, flags);
	dma->size = 1u << insn->flags;
	if (!emu_nc_counts_init(&dma->counts, insn->dma_copy.count, NEURON_DMA_MAX_ELEMENTS))
		return EMU_NC_BAD(nc, dma_copy.count);
	ret = side_init(nc, &dma->src, dma, insn->src_seg, insn->dma_copy.src,
			insn->dma_copy.src_step, NEURON_SEG_READ,
			offsetof(struct neuron_insn, dma_copy.src));
	if (ret)
		return ret;
	ret = side_init(nc, &dma->dst, dma, insn->dst_seg, insn->dma_copy.dst,
			insn->dma_copy.dst_step, NEURON_SEG_WRITE,
			offsetof(struct neuron_insn, dma_copy.dst));
	if (ret)
		return ret;

	count_runs(dma);
	return NEURON_JOB_OK;
}

/* ---- SBUF and PSUM <-> linear bytes ---- */

/* A row of n elements: where it starts locally and in memory, and how both go on. */
struct row {
	int32_t part, dpart;
	int64_t byte, dbyte;
	int64_t mstep;
	uint32_t n, size;
};

/* Elements next to each other on both sides are as well so many small ones. */
static void row_split(struct row *r, uint32_t unit)
{
	if (r->size <= unit || r->dpart || r->dbyte != r->size || r->mstep != r->size)
		return;
	r->n *= r->size / unit;
	r->size = unit;
	r->dbyte = r->mstep = unit;
}

static void sbuf_put(struct emu_nc *nc, struct row r, const uint8_t *mem)
{
	row_split(&r, 2);
	for (uint32_t i = 0; i < r.n; i++, mem += r.mstep, r.part += r.dpart, r.byte += r.dbyte) {
		uint16_t *at = &nc->mem.sbuf[r.byte / 2][r.part ^ 1];

		if (r.size == 1)
			((uint8_t *)at)[r.byte & 1] = *mem;
		else
			for (uint32_t b = 0; b < r.size; b += 2, at += NEURON_PARTITIONS)
				memcpy(at, mem + b, 2);
	}
}

static void sbuf_get(struct emu_nc *nc, struct row r, uint8_t *mem)
{
	row_split(&r, 2);
	for (uint32_t i = 0; i < r.n; i++, mem += r.mstep, r.part += r.dpart, r.byte += r.dbyte) {
		const uint16_t *at = &nc->mem.sbuf[r.byte / 2][r.part ^ 1];

		if (r.size == 1)
			*mem = ((const uint8_t *)at)[r.byte & 1];
		else
			for (uint32_t b = 0; b < r.size; b += 2, at += NEURON_PARTITIONS)
				memcpy(mem + b, at, 2);
	}
}

static void psum_put(struct emu_nc *nc, struct row r, const uint8_t *mem)
{
	row_split(&r, 4);
	for (uint32_t i = 0; i < r.n; i++, mem += r.mstep, r.part += r.dpart, r.byte += r.dbyte) {
		uint32_t *at = &nc->mem.psum[r.byte / 4][r.part];

		if (r.size < 4)
			memcpy((uint8_t *)at + r.byte % 4, mem, r.size);
		else
			for (uint32_t b = 0; b < r.size; b += 4, at += NEURON_PARTITIONS)
				memcpy(at, mem + b, 4);
	}
}

static void psum_get(struct emu_nc *nc, struct row r, uint8_t *mem)
{
	row_split(&r, 4);
	for (uint32_t i = 0; i < r.n; i++, mem += r.mstep, r.part += r.dpart, r.byte += r.dbyte) {
		const uint32_t *at = &nc->mem.psum[r.byte / 4][r.part];

		if (r.size < 4)
			memcpy(mem, (const uint8_t *)at + r.byte % 4, r.size);
		else
			for (uint32_t b = 0; b < r.size; b += 4, at += NEURON_PARTITIONS)
				memcpy(mem + b, at, 4);
	}
}

/* 2-byte elements over neighbouring partitions, dense in memory: whole pairs at a time. */
static bool sbuf_is_dense(const struct row *r)
{
	return r->size == 2 && r->dpart == 1 && !r->dbyte && r->mstep == 2 && !(r->part & 1) &&
	       !(r->n & 1);
}

static void sbuf_put_dense(struct emu_nc *nc, const struct row *r, const uint8_t *mem)
{
	uint16_t *at = &nc->mem.sbuf[r->byte / 2][r->part];

	for (uint32_t i = 0; i < r->n / 2; i++) {
		uint32_t pair;

		memcpy(&pair, mem + 4 * i, 4);
		pair = pair << 16 | pair >> 16;
		memcpy(at + 2 * i, &pair, 4);
	}
}

static void sbuf_get_dense(struct emu_nc *nc, const struct row *r, uint8_t *mem)
{
	const uint16_t *at = &nc->mem.sbuf[r->byte / 2][r->part];

	for (uint32_t i = 0; i < r->n / 2; i++) {
		uint32_t pair;

		memcpy(&pair, at + 2 * i, 4);
		pair = pair << 16 | pair >> 16;
		memcpy(mem + 4 * i, &pair, 4);
	}
}

static void local_put(struct emu_nc *nc, bool psum, const struct row *r, const uint8_t *mem)
{
	if (psum)
		psum_put(nc, *r, mem);
	else if (sbuf_is_dense(r))
		sbuf_put_dense(nc, r, mem);
	else
		sbuf_put(nc, *r, mem);
}

static void local_get(struct emu_nc *nc, bool psum, const struct row *r, uint8_t *mem)
{
	if (psum)
		psum_get(nc, *r, mem);
	else if (sbuf_is_dense(r))
		sbuf_get_dense(nc, r, mem);
	else
		sbuf_get(nc, *r, mem);
}

/* ---- moving ---- */

/* Where a side is in its pattern: partition (local) and byte. */
struct place {
	int32_t part;
	int64_t byte;
};

/* Memory of a side by pointer, NULL if it takes the bus. */
struct sides {
	const struct emu_nc_dec_dma *dma;
	uint8_t *src, *dst;
};

static int mem_read(struct emu_nc *nc, const struct sides *s, int64_t off, void *buf, size_t len)
{
	if (!s->src)
		return emu_nc_segment_read(nc, s->dma->src.seg, (uint64_t)off, buf, len);
	memcpy(buf, s->src + off, len);
	return NEURON_JOB_OK;
}

static int mem_write(struct emu_nc *nc, const struct sides *s, int64_t off, const void *buf,
		     size_t len)
{
	if (!s->dst)
		return emu_nc_segment_write(nc, s->dma->dst.seg, (uint64_t)off, buf, len);
	memcpy(s->dst + off, buf, len);
	return NEURON_JOB_OK;
}

static struct row side_row(const struct emu_nc_dma_side *side, const struct place *at, uint32_t n,
			   uint32_t size, int64_t mstep)
{
	return (struct row){ .part = at->part, .dpart = side->dpart[3], .byte = at->byte,
			     .dbyte = side->step[3], .mstep = mstep, .n = n, .size = size };
}

/* One element at a time: right for every pattern. */
static int move_elements(struct emu_nc *nc, const struct sides *s, struct place src,
			 struct place dst, uint32_t n)
{
	const struct emu_nc_dec_dma *dma = s->dma;
	uint8_t buf[MAX_ELEMENT];
	int ret = NEURON_JOB_OK;

	for (uint32_t i = 0; i < n && !ret; i++) {
		if (i % CHECK_ABORT == CHECK_ABORT - 1 && emu_nc_aborting(nc))
			return NEURON_JOB_ABORTED;
		if (dma->src.local) {
			struct row r = side_row(&dma->src, &src, 1, dma->size, 0);

			local_get(nc, dma->src.psum, &r, buf);
		} else {
			ret = mem_read(nc, s, src.byte, buf, dma->size);
		}
		if (ret)
			break;
		if (dma->dst.local) {
			struct row r = side_row(&dma->dst, &dst, 1, dma->size, 0);

			local_put(nc, dma->dst.psum, &r, buf);
		} else {
			ret = mem_write(nc, s, dst.byte, buf, dma->size);
		}
		src.byte += dma->src.step[3];
		src.part += dma->src.dpart[3];
		dst.byte += dma->dst.step[3];
		dst.part += dma->dst.dpart[3];
	}
	return ret;
}

/* Memory to local. Unmapped memory comes in chunks, if it is contiguous. */
static int move_in(struct emu_nc *nc, const struct sides *s, struct place src, struct place dst,
		   uint32_t n)
{
	const struct emu_nc_dec_dma *dma = s->dma;
	uint32_t chunk = sizeof(nc->bounce) / dma->size;
	struct row r;
	int ret;

	if (s->src) {
		r = side_row(&dma->dst, &dst, n, dma->size, dma->src.step[3]);
		local_put(nc, dma->dst.psum, &r, s->src + src.byte);
		return NEURON_JOB_OK;
	}
	if (n > 1 && dma->src.step[3] != dma->size)
		return move_elements(nc, s, src, dst, n);
	for (; n; n -= chunk) {
		chunk = n < chunk ? n : chunk;
		ret = mem_read(nc, s, src.byte, nc->bounce, (size_t)chunk * dma->size);
		if (ret)
			return ret;
		r = side_row(&dma->dst, &dst, chunk, dma->size, dma->size);
		local_put(nc, dma->dst.psum, &r, nc->bounce);
		src.byte += (int64_t)chunk * dma->size;
		dst.byte += chunk * dma->dst.step[3];
		dst.part += (int32_t)chunk * dma->dst.dpart[3];
	}
	return NEURON_JOB_OK;
}

static int move_out(struct emu_nc *nc, const struct sides *s, struct place src, struct place dst,
		    uint32_t n)
{
	const struct emu_nc_dec_dma *dma = s->dma;
	uint32_t chunk = sizeof(nc->bounce) / dma->size;
	struct row r;
	int ret;

	if (s->dst) {
		r = side_row(&dma->src, &src, n, dma->size, dma->dst.step[3]);
		local_get(nc, dma->src.psum, &r, s->dst + dst.byte);
		return NEURON_JOB_OK;
	}
	if (n > 1 && dma->dst.step[3] != dma->size)
		return move_elements(nc, s, src, dst, n);
	for (; n; n -= chunk) {
		chunk = n < chunk ? n : chunk;
		r = side_row(&dma->src, &src, chunk, dma->size, dma->size);
		local_get(nc, dma->src.psum, &r, nc->bounce);
		ret = mem_write(nc, s, dst.byte, nc->bounce, (size_t)chunk * dma->size);
		if (ret)
			return ret;
		dst.byte += (int64_t)chunk * dma->size;
		src.byte += chunk * dma->src.step[3];
		src.part += (int32_t)chunk * dma->src.dpart[3];
	}
	return NEURON_JOB_OK;
}

/* Memory to memory, contiguous and apart. */
static int move_run(struct emu_nc *nc, const struct sides *s, int64_t src, int64_t dst,
		    uint64_t len)
{
	int ret;

	if (s->src)
		return mem_write(nc, s, dst, s->src + src, len);
	if (s->dst)
		return mem_read(nc, s, src, s->dst + dst, len);
	while (len) {
		size_t chunk = len < sizeof(nc->bounce) ? len : sizeof(nc->bounce);

		if (emu_nc_aborting(nc))
			return NEURON_JOB_ABORTED;
		ret = mem_read(nc, s, src, nc->bounce, chunk);
		if (!ret)
			ret = mem_write(nc, s, dst, nc->bounce, chunk);
		if (ret)
			return ret;
		src += (int64_t)chunk;
		dst += (int64_t)chunk;
		len -= chunk;
	}
	return NEURON_JOB_OK;
}

/* Segments may be windows on the same memory: compare addresses. */
static bool apart(const struct emu_nc *nc, const struct emu_nc_dec_dma *dma)
{
	uint64_t src = nc->segments[dma->src.seg].base, dst = nc->segments[dma->dst.seg].base;

	return src + (uint64_t)dma->src.high <= dst + (uint64_t)dma->dst.low ||
	       dst + (uint64_t)dma->dst.high <= src + (uint64_t)dma->src.low;
}

static int move_row(struct emu_nc *nc, const struct sides *s, struct place src, struct place dst,
		    uint32_t n, bool run)
{
	if (s->dma->src.local != s->dma->dst.local)
		return s->dma->src.local ? move_out(nc, s, src, dst, n)
					 : move_in(nc, s, src, dst, n);
	if (run)
		return move_run(nc, s, src.byte, dst.byte, (uint64_t)n * s->dma->size);
	return move_elements(nc, s, src, dst, n);
}

static void side_copy_loop(struct emu_nc_dma_side *s, int to, int from)
{
	s->dpart[to] = s->dpart[from];
	s->step[to] = s->step[from];
}

static bool side_continues(const struct emu_nc_dma_side *s, int outer, int inner, uint32_t count)
{
	return s->step[outer] == s->step[inner] * count &&
	       s->dpart[outer] == s->dpart[inner] * (int32_t)count;
}

/* Loops that one longer loop can replace on both sides become it; the order stays. */
static void merge_loops(struct emu_nc_dec_dma *dma)
{
	uint32_t *count = dma->counts.count;
	int to = 3;

	for (int d = 2; d >= 0; d--) {
		if (count[d] == 1)
			continue;
		if (count[to] == 1) {
			/* the innermost loop so far is none: replaced */
		} else if (side_continues(&dma->src, d, to, count[to]) &&
			   side_continues(&dma->dst, d, to, count[to])) {
			count[to] *= count[d];
			continue;
		} else {
			to--;
		}
		count[to] = count[d];
		side_copy_loop(&dma->src, to, d);
		side_copy_loop(&dma->dst, to, d);
	}
	while (--to >= 0)
		count[to] = 1;
}

static void place_step(struct place *at, const struct emu_nc_dma_side *s, int d, int64_t times)
{
	at->byte += s->step[d] * times;
	at->part += s->dpart[d] * (int32_t)times;
}

/* SBUF side @l, memory side @m: rows of all partitions, dense and one after the other. */
static bool is_image(const struct emu_nc_dec_dma *dma, const struct emu_nc_dma_side *l,
		     const struct emu_nc_dma_side *m)
{
	return dma->size == 2 && l->local && !l->psum && !m->local && !l->part &&
	       dma->counts.count[3] == NEURON_PARTITIONS && l->dpart[3] == 1 && !l->step[3] &&
	       m->step[3] == 2 && !l->dpart[2] && l->step[2] == 2 &&
	       m->step[2] == 2 * NEURON_PARTITIONS && !l->dpart[1] && !l->dpart[0];
}

/* One image into SBUF: by a reference if its memory does not change from job to job. */
static void image_in(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, uint32_t row,
		     const uint8_t *from, uint64_t off)
{
	uint64_t addr = nc->segments[dma->src.seg].base + off, stamp = 0;
	uint32_t rows = dma->counts.count[2];
	struct emu_nc_image *image;

	/* before any of it is read: see emu_nc_bus */
	if (nc->bus.stamp)
		stamp = nc->bus.stamp(nc->bus.opaque, addr, rows * 2 * NEURON_PARTITIONS);
	image = emu_nc_cache_image(&nc->cache, nc->kernels, addr, stamp, rows, from);
	if (image && emu_nc_cache_refer(&nc->cache, image, row))
		return;
	if (!emu_nc_cache_forget(&nc->cache, row, row + rows))
		emu_nc_cache_settle(&nc->cache, &nc->mem, row, row + rows);
	nc->kernels->swap_pairs(nc->mem.sbuf[row], from, (size_t)rows * NEURON_PARTITIONS / 2);
}

/* Whole images, if the memory is mapped: those of the two outer loops, one after the other. */
static int copy_images(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, uint8_t *mem, bool in)
{
	const struct emu_nc_dma_side *l = in ? &dma->dst : &dma->src, *m = in ? &dma->src : &dma->dst;
	size_t words = (size_t)dma->counts.count[2] * NEURON_PARTITIONS / 2;

	for (uint32_t i = 0; i < dma->counts.count[0]; i++)
		for (uint32_t j = 0; j < dma->counts.count[1]; j++) {
			int64_t row = (l->base + i * l->step[0] + j * l->step[1]) / 2;
			uint8_t *at = mem + m->base + i * m->step[0] + j * m->step[1];

			if (emu_nc_aborting(nc))
				return NEURON_JOB_ABORTED;
			if (in)
				image_in(nc, dma, (uint32_t)row, at, (uint64_t)(at - mem));
			else
				nc->kernels->swap_pairs(at, nc->mem.sbuf[row], words);
		}
	return NEURON_JOB_OK;
}

static void settle_side(struct emu_nc *nc, const struct emu_nc_dma_side *s)
{
	if (s->local && !s->psum)
		emu_nc_cache_settle(&nc->cache, &nc->mem, (uint32_t)(s->low / 2),
				    (uint32_t)((s->high + 1) / 2));
}

/*
 * The destination before it is written: rows that are overwritten as a whole need not be there, if
 * @sure that only an abort keeps it from being so.
 */
static void settle_dst(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, bool sure)
{
	const struct emu_nc_dma_side *s = &dma->dst;
	const uint32_t *count = dma->counts.count;

	if (sure && s->local && !s->psum && !s->part && count[3] == NEURON_PARTITIONS &&
	    s->dpart[3] == 1 && !s->step[3] && count[0] == 1 && count[1] == 1 &&
	    !s->dpart[2] && s->step[2] == dma->size && !(s->low % 2) && !(s->high % 2) &&
	    emu_nc_cache_forget(&nc->cache, (uint32_t)(s->low / 2), (uint32_t)(s->high / 2)))
		return;
	settle_side(nc, s);
}

static int copy(struct emu_nc *nc, struct emu_nc_dec_dma *dma)
{
	struct place src = { dma->src.part, dma->src.base }, dst = { dma->dst.part, dma->dst.base };
	struct sides s = { .dma = dma };
	uint32_t i[3] = { 0, 0, 0 }, n;
	bool run, spread;
	int ret, l;

	if (!dma->src.local)
		s.src = emu_nc_segment_map(nc, dma->src.seg);
	if (!dma->dst.local)
		s.dst = emu_nc_segment_map(nc, dma->dst.seg);
	merge_loops(dma);
	if (s.src && is_image(dma, &dma->dst, &dma->src))
		return copy_images(nc, dma, s.src, true);
	settle_side(nc, &dma->src);
	settle_dst(nc, dma, s.src);
	if (s.dst && is_image(dma, &dma->src, &dma->dst))
		return copy_images(nc, dma, s.dst, false);
	if (s.src && dma->dst.local) {
		ret = emu_nc_spread(nc, dma, s.src, &spread);
		if (spread)
			return ret;
	}
	n = dma->counts.count[3];
	run = !dma->src.local && !dma->dst.local && apart(nc, dma) &&
	      (n == 1 || (dma->src.step[3] == dma->size && dma->dst.step[3] == dma->size));

	for (;;) {
		if (emu_nc_aborting(nc))
			return NEURON_JOB_ABORTED;
		ret = move_row(nc, &s, src, dst, n, run);
		if (ret)
			return ret;
		for (l = 2; l >= 0; l--) {
			if (++i[l] < dma->counts.count[l])
				break;
			i[l] = 0;
			place_step(&src, &dma->src, l, -(int64_t)(dma->counts.count[l] - 1));
			place_step(&dst, &dma->dst, l, -(int64_t)(dma->counts.count[l] - 1));
		}
		if (l < 0)
			return NEURON_JOB_OK;
		place_step(&src, &dma->src, l, 1);
		place_step(&dst, &dma->dst, l, 1);
	}
}

/* A row of zeros, for an index that names none. */
static int write_zeros(struct emu_nc *nc, const struct emu_nc_dec_dma *dma)
{
	static const uint8_t zeros[MAX_ELEMENT];
	struct sides s = { .dma = dma };
	int ret = NEURON_JOB_OK;

	if (!dma->dst.local)
		s.dst = emu_nc_segment_map(nc, dma->dst.seg);
	for (uint32_t n = 0; n < dma->counts.count[2] * dma->counts.count[3] && !ret; n++) {
		struct place at = { dma->dst.part, dma->dst.base };
		struct row r;

		place_step(&at, &dma->dst, 2, n / dma->counts.count[3]);
		place_step(&at, &dma->dst, 3, n % dma->counts.count[3]);
		r = side_row(&dma->dst, &at, 1, dma->size, 0);
		if (dma->dst.local)
			local_put(nc, dma->dst.psum, &r, zeros);
		else
			ret = mem_write(nc, &s, at.byte, zeros, dma->size);
	}
	return ret;
}

static void side_move(struct emu_nc_dma_side *s, int d, int64_t times)
{
	s->base += s->step[d] * times;
	s->part += s->dpart[d] * (int32_t)times;
}

/* Row after row, each by its index, which counts from the end if it is negative. */
static int exec_gather(struct emu_nc *nc, const struct emu_nc_dec_dma *dma)
{
	int ret = NEURON_JOB_OK;

	for (uint32_t n = 0; n < dma->counts.count[1] && !ret; n++) {
		int32_t off = dma->index.base + (int32_t)n * dma->index.step[3];
		unsigned int p = dma->index.part;
		struct emu_nc_dec_dma row = *dma;
		uint32_t bits;
		int64_t index;

		bits = dma->index.psum ? nc->mem.psum[off / 4][p] :
		       nc->mem.sbuf[off / 2][p ^ 1] |
		       (uint32_t)nc->mem.sbuf[off / 2 + 1][p ^ 1] << 16;
		index = (int32_t)bits;
		index += index < 0 ? dma->limit : 0;
		row.counts.count[1] = 1;
		row.counts.n /= dma->counts.count[1];
		side_move(&row.dst, 1, n);
		if (emu_nc_aborting(nc))
			return NEURON_JOB_ABORTED;
		if (index < 0 || index >= dma->limit) {
			ret = write_zeros(nc, &row);
			continue;
		}
		side_move(&row.src, 1, index);
		ret = copy(nc, &row);
	}
	return ret;
}

/* Partitions of a pattern are not told apart. */
static void meet_side(struct emu_nc *nc, const struct emu_nc_dma_side *s, bool write)
{
	const struct emu_nc_rows at = {
		(int32_t)s->low, (int32_t)s->high, 0, NEURON_PARTITIONS,
	};

	if (s->local)
		emu_nc_meet(nc, s->psum, &at, write);
}

int emu_nc_dma_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	struct emu_nc_dec_dma *dma = &d->dma;
	const struct emu_nc_dma_side dst = dma->dst;	/* copying may rearrange it */
	int ret;

	meet_side(nc, &dma->src, false);
	meet_side(nc, &dst, true);
	if (dma->gather) {
		emu_nc_meet_ap(nc, &dma->index, false);
		settle_side(nc, &dma->src);
		settle_side(nc, &dma->dst);
		emu_nc_cache_settle_ap(&nc->cache, &nc->mem, &dma->index);
		ret = exec_gather(nc, dma);
	} else {
		ret = copy(nc, dma);
	}
	/* Also of a copy that ended early. */
	if (!dst.local && nc->bus.written)
		nc->bus.written(nc->bus.opaque, nc->segments[dst.seg].base + (uint64_t)dst.low,
				(uint64_t)(dst.high - dst.low));
	return ret;
}
