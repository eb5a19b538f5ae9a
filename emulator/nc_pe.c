// SPDX-License-Identifier: Apache-2.0
/* The PE engine: loading the 128 x 128 array, and multiplying columns with it. */

#include <string.h>
#include "nc_core.h"
#include "nc_team.h"

/* What the array takes; *integer: which of its two modes. */
static bool array_dtype(unsigned int dtype, bool *integer)
{
	*integer = dtype == NEURON_INT8 || dtype == NEURON_UINT8;
	return *integer || dtype == NEURON_BF16 || dtype == NEURON_FP16;
}

static bool decode_shape(struct emu_nc_dec_pe *pe, unsigned int k, unsigned int m)
{
	pe->k = (uint8_t)k;
	pe->m = (uint8_t)m;
	return k && k <= NEURON_PE_ROWS && m && m <= NEURON_PE_COLUMNS;
}

static int decode_ldweights(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pe *pe = &d->pe;
	const uint16_t count[4] = { 1, 1, 1, insn->ldweights.m };
	const int16_t step[4] = { 0, 0, 0, insn->ldweights.step };

	if (insn->flags)
		return EMU_NC_BAD(nc, flags);
	if (!decode_shape(pe, insn->ldweights.k, insn->ldweights.m))
		return EMU_NC_BAD(nc, ldweights.k);
	if (!array_dtype(insn->ldweights.dtype, &pe->integer))
		return EMU_NC_BAD(nc, ldweights.dtype);
	pe->dtype = insn->ldweights.dtype;
	emu_nc_counts_init(&pe->counts, count, NEURON_PE_COLUMNS);
	if (!emu_nc_ap_init(&pe->src, &pe->counts, insn->ldweights.src, step, pe->k,
			    insn->ldweights.dtype) || pe->src.psum)
		return EMU_NC_BAD(nc, ldweights.src);
	return NEURON_JOB_OK;
}

static int decode_matmul(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pe *pe = &d->pe;

	if (insn->flags & ~NEURON_MATMUL_START)
		return EMU_NC_BAD(nc, flags);
	pe->start = insn->flags & NEURON_MATMUL_START;
	if (!emu_nc_counts_init(&pe->counts, insn->matmul.count, NEURON_MATMUL_MAX_N))
		return EMU_NC_BAD(nc, matmul.count);
	if (!decode_shape(pe, insn->matmul.k, insn->matmul.m))
		return EMU_NC_BAD(nc, matmul.k);
	if (!array_dtype(insn->matmul.dtype, &pe->integer))
		return EMU_NC_BAD(nc, matmul.dtype);
	if (!emu_nc_ap_init(&pe->src, &pe->counts, insn->matmul.src, insn->matmul.src_step, pe->k,
			    insn->matmul.dtype) || pe->src.psum)
		return EMU_NC_BAD(nc, matmul.src);
	if (!emu_nc_ap_init(&pe->dst, &pe->counts, insn->matmul.dst, insn->matmul.dst_step, pe->m,
			    pe->integer ? NEURON_INT32 : NEURON_FP32) || !pe->dst.psum)
		return EMU_NC_BAD(nc, matmul.dst);
	pe->dtype = insn->matmul.dtype;
	pe->apart = emu_nc_ap_apart(&pe->dst, &pe->counts);
	return NEURON_JOB_OK;
}

int emu_nc_pe_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	return d->insn.op == NEURON_OP_LDWEIGHTS ? decode_ldweights(nc, d) : decode_matmul(nc, d);
}

/* Element @m of all rows, as words of bf16 pairs, row 0 in a high half. */
static const uint32_t *pair_row(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap,
				int32_t off, uint32_t *buf)
{
	const uint16_t *row = mem->sbuf[off / 2];

	if (!(ap->part & 1))
		return (const uint32_t *)(row + ap->part);
	/* from an odd partition on: other pairs than those in memory */
	for (unsigned int p = 0; p < ap->parts; p += 2) {
		uint32_t odd = p + 1 < ap->parts ? row[(ap->part + p + 1) ^ 1] : 0;

		buf[p / 2] = (uint32_t)row[(ap->part + p) ^ 1] << 16 | odd;
	}
	return buf;
}

/* One strip of columns, from the first one that is not there on zeros. */
static void load_pairs(const struct emu_nc_kernels *kr, const struct emu_nc_mem *mem,
		       const struct emu_nc_dec_pe *pe, emu_nc_pair_strip *to, unsigned int s)
{
	static const uint32_t none[EMU_NC_PAIRS];
	uint32_t buf[EMU_NC_STRIP][EMU_NC_PAIRS];
	const uint32_t *rows[EMU_NC_STRIP];
	unsigned int words = (pe->k + 1u) / 2;
	uint32_t (*strip)[EMU_NC_STRIP] = to[s];

	for (unsigned int i = 0; i < EMU_NC_STRIP; i++) {
		unsigned int m = s * EMU_NC_STRIP + i;
		int32_t off = pe->src.base + (int32_t)m * pe->src.step[3];

		rows[i] = m < pe->m ? pair_row(mem, &pe->src, off, buf[i]) : none;
	}
	kr->strip(strip, rows, words);
	for (unsigned int i = 0; i < EMU_NC_STRIP && pe->k & 1; i++)
		strip[words - 1][i] &= 0xffff0000u;	/* the row behind the last one */
}

static void load_words(const struct emu_nc_kernels *kr, const struct emu_nc_mem *mem,
		       const struct emu_nc_dec_pe *pe, emu_nc_float_strip *to, unsigned int s)
{
	static const uint32_t none[NEURON_PE_ROWS];
	struct emu_nc_lanes lanes[EMU_NC_STRIP];
	const uint32_t *rows[EMU_NC_STRIP];

	for (unsigned int i = 0; i < EMU_NC_STRIP; i++) {
		unsigned int m = s * EMU_NC_STRIP + i;
		int32_t off = pe->src.base + (int32_t)m * pe->src.step[3];

		if (m >= pe->m)
			rows[i] = none;
		else if (pe->integer)
			rows[i] = (const uint32_t *)kr->load_int(mem, &pe->src, off, &lanes[i]);
		else
			rows[i] = (const uint32_t *)kr->load(mem, &pe->src, off, &lanes[i]);
	}
	kr->strip((uint32_t (*)[EMU_NC_STRIP])to[s], rows, pe->k);
}

void emu_nc_pe_release(struct emu_nc *nc)
{
	if (nc->weights.image)
		nc->weights.image->refs--;
	nc->weights.image = NULL;
	nc->weights.pack = NULL;
	nc->weights.ahead_bytes = 0;
	nc->weights.k = 0;
	nc->weights.m = 0;
}

/* Where the array is to be packed; *done: there it is. Constants are packed once. */
static void choose_place(struct emu_nc *nc, const struct emu_nc_dec_pe *pe,
			 struct emu_nc_image *image, bool *done)
{
	struct emu_nc_weights *w = &nc->weights;
	const struct emu_nc_pack key = {
		.base = pe->src.base, .step = pe->src.step[3], .part = pe->src.part, .k = pe->k,
		.m = pe->m, .dtype = pe->dtype, .pairs = w->has_pairs,
	};
	struct emu_nc_pack *p = NULL;

	w->pairs = w->own_pairs;
	w->f = w->own_f;
	*done = false;
	if (!image || pe->integer)
		return;
	p = emu_nc_cache_find(image, &key);
	*done = p;
	if (!p)
		p = emu_nc_cache_add(&nc->cache, image, &key);
	if (!p)
		return;
	if (w->has_pairs)
		w->pairs = p->pair;
	else
		w->f = p->f;
	w->image = image;
	w->pack = p;
	image->refs++;
}

/* Weights come from far away: those of the next tile are fetched while this one multiplies. */
static void look_ahead(struct emu_nc_weights *w, struct emu_nc_pack *before)
{
	if (!w->pack)
		return;
	if (before) {
		before->ahead = (const char *)w->pack->pair;
		before->ahead_bytes = w->pack->bytes;
	}
	w->ahead = w->pack->ahead;
	w->ahead_bytes = w->pack->ahead_bytes;
}

static void exec_ldweights(struct emu_nc *nc, const struct emu_nc_dec_pe *from)
{
	struct emu_nc_weights *w = &nc->weights;
	struct emu_nc_pack *before = w->pack;
	struct emu_nc_dec_pe pe = *from;
	struct emu_nc_image *image;
	struct emu_nc_mem mem;
	int32_t delta;
	bool done;

	emu_nc_pe_release(nc);
	image = emu_nc_cache_view(&nc->cache, &nc->mem, &pe.src, &mem, &delta);
	pe.src.base += delta;
	w->k = pe.k;
	w->m = pe.m;
	w->integer = pe.integer;
	w->has_pairs = nc->kernels->dot && pe.dtype == NEURON_BF16;
	w->has_f = !w->has_pairs;
	choose_place(nc, &pe, image, &done);
	look_ahead(w, before);
	for (unsigned int s = 0; s * EMU_NC_STRIP < pe.m && !done; s++) {
		if (w->has_pairs)
			load_pairs(nc->kernels, &mem, &pe, (emu_nc_pair_strip *)w->pairs, s);
		else
			load_words(nc->kernels, &mem, &pe, (emu_nc_float_strip *)w->f, s);
	}
}

/* For a moving operand of fp16: the same array as floats. */
static void unpack_pairs(struct emu_nc_weights *w)
{
	for (unsigned int s = 0; s * EMU_NC_STRIP < w->m; s++)
		for (unsigned int k = 0; k < w->k; k++)
			for (unsigned int i = 0; i < EMU_NC_STRIP; i++) {
				uint32_t v = w->pairs[s][k / 2][i], bits;

				bits = k & 1 ? v << 16 : v & 0xffff0000u;
				if (!(bits & 0x7f800000u))
					bits &= 0x80000000u;
				memcpy(&w->own_f[s][k][i], &bits, sizeof(bits));
			}
	w->f = w->own_f;
	w->has_f = true;
}

#define BLOCK	48	/* columns that are converted and then multiplied while in L1 */

/* Columns of the moving operand and where their results go, as byte offsets or pointers. */
struct columns {
	struct emu_nc_mem mem;	/* where the moving operand is */
	unsigned int n;
	int32_t src[NEURON_MATMUL_MAX_N];
	float *acc[NEURON_MATMUL_MAX_N];
	const char *ahead;	/* to be fetched meanwhile */
	size_t ahead_bytes;
};

/* The share of columns [from, to). */
static struct emu_nc_ahead share_ahead(const struct columns *c, unsigned int from, unsigned int to)
{
	size_t first = c->ahead_bytes * from / c->n / 64 * 64;
	size_t last = c->ahead_bytes * to / c->n / 64 * 64;

	return (struct emu_nc_ahead){ c->ahead + first, c->ahead + last };
}

static bool multiply_pairs(struct emu_nc *nc, const struct emu_nc_dec_pe *pe,
			   const struct columns *c, unsigned int from, unsigned int to)
{
	uint32_t buf[BLOCK][EMU_NC_PAIRS];
	const uint32_t *x[BLOCK];
	struct emu_nc_ahead ahead = share_ahead(c, from, to);
	bool nan = false;

	for (unsigned int at = from, n; at < to; at += n) {
		n = to - at < BLOCK ? to - at : BLOCK;
		for (unsigned int i = 0; i < n; i++)
			x[i] = pair_row(&c->mem, &pe->src, c->src[at + i], buf[i]);
		nan |= nc->kernels->dot(c->acc + at, nc->weights.pairs, x, n, pe->k, pe->m,
					pe->start, &ahead);
	}
	return nan;
}

static bool multiply_float(struct emu_nc *nc, const struct emu_nc_dec_pe *pe,
			   const struct columns *c, unsigned int from, unsigned int to)
{
	struct emu_nc_lanes xs[BLOCK];
	const float *x[BLOCK];
	struct emu_nc_ahead ahead = share_ahead(c, from, to);
	bool nan = false;

	for (unsigned int at = from, n; at < to; at += n) {
		n = to - at < BLOCK ? to - at : BLOCK;
		for (unsigned int i = 0; i < n; i++)
			x[i] = nc->kernels->load(&c->mem, &pe->src, c->src[at + i], &xs[i]);
		nan |= nc->kernels->mac(c->acc + at, nc->weights.f, x, n, pe->k, pe->m, pe->start,
					&ahead);
	}
	return nan;
}

static void multiply_int(struct emu_nc *nc, const struct emu_nc_dec_pe *pe,
			 const struct columns *c, unsigned int from, unsigned int to)
{
	struct emu_nc_lanes xs;

	for (unsigned int i = from; i < to; i++) {
		const int32_t *x = nc->kernels->load_int(&c->mem, &pe->src, c->src[i], &xs);
		int32_t *acc = (int32_t *)c->acc[i];

		if (pe->start)
			memset(acc, 0, pe->m * sizeof(*acc));
		nc->kernels->imac(acc, nc->weights.own_i, x, pe->k, pe->m);
	}
}

static void multiply(struct emu_nc *nc, const struct emu_nc_dec_pe *pe, const struct columns *c,
		     unsigned int from, unsigned int to)
{
	if (pe->integer)
		multiply_int(nc, pe, c, from, to);
	else if (nc->weights.has_pairs && pe->dtype == NEURON_BF16)
		emu_nc_saw_nan(nc, multiply_pairs(nc, pe, c, from, to));
	else
		emu_nc_saw_nan(nc, multiply_float(nc, pe, c, from, to));
}

/* A product in parts of @step columns. */
struct product {
	struct emu_nc *nc;
	const struct emu_nc_dec_pe *pe;
	const struct columns *c;
	unsigned int step;
};

static void multiply_part(void *arg, unsigned int part)
{
	const struct product *p = arg;
	unsigned int from = part * p->step, to = from + p->step;

	multiply(p->nc, p->pe, p->c, from, to < p->c->n ? to : p->c->n);
}

#define MIN_WORK	400000u	/* multiply-adds: some microseconds */
#define MIN_COLUMNS	12u
#define TILE		6u	/* columns that the kernels take at once */

static void multiply_all(struct emu_nc *nc, const struct emu_nc_dec_pe *pe,
			 const struct columns *c)
{
	unsigned int threads = emu_nc_team_threads(nc->team);
	struct product p = { nc, pe, c, c->n };

	if (emu_nc_team_worth(nc->team, (uint32_t)pe->k * pe->m * c->n, MIN_WORK)) {
		/* two parts a thread, so that one that is late does little */
		p.step = (c->n / (2 * threads) + TILE - 1) / TILE * TILE;
		p.step = p.step < MIN_COLUMNS ? MIN_COLUMNS : p.step;
		p.step = p.step * EMU_NC_MAX_PARTS < c->n ? c->n / EMU_NC_MAX_PARTS + 1 : p.step;
	}
	emu_nc_team_run(nc->team, nc->kernels, multiply_part, &p, (c->n + p.step - 1) / p.step);
}

static int exec_matmul(struct emu_nc *nc, const struct emu_nc_dec_pe *pe)
{
	const struct emu_nc_ap *const ap[] = { &pe->src, &pe->dst };
	struct columns c;
	struct emu_nc_walk w;
	int32_t delta;

	/* The array holds nothing at a job's start; it cannot switch modes either. */
	if (pe->k > nc->weights.k)
		return EMU_NC_BAD(nc, matmul.k);
	if (pe->m > nc->weights.m)
		return EMU_NC_BAD(nc, matmul.m);
	if (pe->integer != nc->weights.integer)
		return EMU_NC_BAD(nc, matmul.dtype);
	if (!nc->weights.has_f && pe->dtype == NEURON_FP16)
		unpack_pairs(&nc->weights);

	c.n = 0;
	c.ahead = nc->weights.ahead;
	c.ahead_bytes = nc->weights.ahead_bytes;
	nc->weights.ahead_bytes = 0;
	emu_nc_cache_view(&nc->cache, &nc->mem, &pe->src, &c.mem, &delta);
	emu_nc_walk_init(&w, ap, 2);
	do {
		c.src[c.n] = w.off[0] + delta;
		c.acc[c.n++] = (float *)&nc->mem.psum[w.off[1] / 4][pe->dst.part];
	} while (emu_nc_walk_next(&w, &pe->counts, ap, 2));
	if (pe->apart)
		multiply_all(nc, pe, &c);
	else	/* columns that meet in one result go one after the other */
		for (unsigned int i = 0; i < c.n; i++)
			multiply(nc, pe, &c, i, i + 1);
	return NEURON_JOB_OK;
}

int emu_nc_pe_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	if (d->insn.op == NEURON_OP_MATMUL)
		return exec_matmul(nc, &d->pe);
	exec_ldweights(nc, &d->pe);
	return NEURON_JOB_OK;
}
