// SPDX-License-Identifier: Apache-2.0
/* The PE engine: loading the 128 x 128 array, and multiplying columns with it. */

#include <string.h>
#include "nc_core.h"

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

		rows[i] = m < pe->m ? emu_nc_pair_row(mem, &pe->src, off, buf[i]) : none;
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
	struct emu_nc_weights *w = &nc->weights;

	if (w->image)
		w->image->refs--;
	w->image = NULL;
	w->pack = NULL;
	w->ahead = (struct emu_nc_ahead){};
	w->used = 0;
	memset(w->has, 0, sizeof(w->has));
	w->k = 0;
	w->m = 0;
}

/* Room for an array that no product needs any more. */
static union emu_nc_array_room *take_room(struct emu_nc *nc)
{
	struct emu_nc_weights *w = &nc->weights;
	unsigned int n;

	if ((w->used | w->lent) == (1u << EMU_NC_ARRAYS) - 1)
		emu_nc_batch_flush(nc);
	n = (unsigned int)__builtin_ctz(~(w->used | w->lent));
	w->used |= 1u << n;
	return &w->room[n];
}

/*
 * Where the array is to be packed: NULL if it is there. Constants are packed once.
 */
static void *choose_place(struct emu_nc *nc, const struct emu_nc_dec_pe *pe, enum emu_nc_form form,
			  struct emu_nc_image *image)
{
	struct emu_nc_weights *w = &nc->weights;
	const struct emu_nc_pack key = {
		.base = pe->src.base, .step = pe->src.step[3], .part = pe->src.part, .k = pe->k,
		.m = pe->m, .dtype = pe->dtype, .pairs = form == EMU_NC_FORM_PAIRS,
	};
	struct emu_nc_pack *p = NULL;
	bool found = false;

	if (image && form != EMU_NC_FORM_INTEGERS) {
		p = emu_nc_cache_find(image, &key);
		found = p;
		if (!p)
			p = emu_nc_cache_add(&nc->cache, image, &key);
	}
	if (p) {
		w->image = image;
		w->pack = p;
		image->refs++;
		w->form[form].pairs = p->pair;
	} else {
		w->form[form].pairs = take_room(nc)->pairs;
	}
	w->has[form] = true;
	return found ? NULL : (void *)w->form[form].pairs;
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
	w->ahead.at = w->pack->ahead;
	w->ahead.end = w->pack->ahead + w->pack->ahead_bytes;
}

static void exec_ldweights(struct emu_nc *nc, const struct emu_nc_dec_pe *from)
{
	struct emu_nc_weights *w = &nc->weights;
	struct emu_nc_pack *before = w->pack;
	struct emu_nc_dec_pe pe = *from;
	enum emu_nc_form form = pe.integer ? EMU_NC_FORM_INTEGERS :
		nc->kernels->dot && pe.dtype == NEURON_BF16 ? EMU_NC_FORM_PAIRS : EMU_NC_FORM_FLOATS;
	struct emu_nc_image *image;
	struct emu_nc_mem mem;
	int32_t delta;
	void *to;

	emu_nc_pe_release(nc);
	image = emu_nc_cache_view(&nc->cache, &nc->mem, &pe.src, &mem, &delta);
	pe.src.base += delta;
	w->k = pe.k;
	w->m = pe.m;
	w->integer = pe.integer;
	to = choose_place(nc, &pe, form, image);
	look_ahead(w, before);
	for (unsigned int s = 0; s * EMU_NC_STRIP < pe.m && to; s++) {
		if (form == EMU_NC_FORM_PAIRS)
			load_pairs(nc->kernels, &mem, &pe, to, s);
		else
			load_words(nc->kernels, &mem, &pe, to, s);
	}
}

/* For a moving operand of fp16: the same array as floats. */
static void unpack_pairs(struct emu_nc *nc)
{
	emu_nc_float_strip *to = take_room(nc)->f;
	struct emu_nc_weights *w = &nc->weights;
	const emu_nc_pair_strip *from = w->form[EMU_NC_FORM_PAIRS].pairs;

	for (unsigned int s = 0; s * EMU_NC_STRIP < w->m; s++)
		for (unsigned int k = 0; k < w->k; k++)
			for (unsigned int i = 0; i < EMU_NC_STRIP; i++) {
				uint32_t v = from[s][k / 2][i], bits;

				bits = k & 1 ? v << 16 : v & 0xffff0000u;
				if (!(bits & 0x7f800000u))
					bits &= 0x80000000u;
				memcpy(&to[s][k][i], &bits, sizeof(bits));
			}
	w->form[EMU_NC_FORM_FLOATS].f = to;
	w->has[EMU_NC_FORM_FLOATS] = true;
}

static enum emu_nc_form choose_form(struct emu_nc *nc, const struct emu_nc_dec_pe *pe)
{
	if (pe->integer)
		return EMU_NC_FORM_INTEGERS;
	if (nc->weights.has[EMU_NC_FORM_PAIRS] && pe->dtype == NEURON_BF16)
		return EMU_NC_FORM_PAIRS;
	if (!nc->weights.has[EMU_NC_FORM_FLOATS])
		unpack_pairs(nc);
	return EMU_NC_FORM_FLOATS;
}

static int exec_matmul(struct emu_nc *nc, const struct emu_nc_dec_pe *pe)
{
	struct emu_nc_weights *w = &nc->weights;
	struct emu_nc_product p = {
		.counts = pe->counts, .src = pe->src, .dst = pe->dst, .k = pe->k, .m = pe->m,
		.start = pe->start, .apart = pe->apart,
	};
	struct emu_nc_mem mem;
	int32_t delta;

	/* The array holds nothing at a job's start; it cannot switch modes either. */
	if (pe->k > w->k)
		return EMU_NC_BAD(nc, matmul.k);
	if (pe->m > w->m)
		return EMU_NC_BAD(nc, matmul.m);
	if (pe->integer != w->integer)
		return EMU_NC_BAD(nc, matmul.dtype);

	p.form = choose_form(nc, pe);
	p.w = w->form[p.form];
	p.ahead = w->ahead;
	p.held[0] = w->image;
	p.held[1] = emu_nc_cache_view(&nc->cache, &nc->mem, &pe->src, &mem, &delta);
	p.sbuf = mem.sbuf;
	p.src.base += delta;
	emu_nc_batch_add(nc, &p);
	return NEURON_JOB_OK;
}

int emu_nc_pe_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	if (d->insn.op == NEURON_OP_MATMUL)
		return exec_matmul(nc, &d->pe);
	exec_ldweights(nc, &d->pe);
	return NEURON_JOB_OK;
}
