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
	return NEURON_JOB_OK;
}

int emu_nc_pe_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	return d->insn.op == NEURON_OP_LDWEIGHTS ? decode_ldweights(nc, d) : decode_matmul(nc, d);
}

static void exec_ldweights(struct emu_nc *nc, const struct emu_nc_dec_pe *pe)
{
	struct emu_nc_weights *w = &nc->weights;
	struct emu_nc_lanes lanes;

	w->k = pe->k;
	w->m = pe->m;
	w->integer = pe->integer;
	for (unsigned int m = 0; m < pe->m; m++) {
		int32_t off = pe->src.base + (int32_t)m * pe->src.step[3];

		if (pe->integer) {
			const int32_t *x = nc->kernels->load_int(&nc->mem, &pe->src, off, &lanes);

			for (unsigned int k = 0; k < pe->k; k++)
				w->i[m / EMU_NC_STRIP][k][m % EMU_NC_STRIP] = x[k];
		} else {
			const float *x = nc->kernels->load(&nc->mem, &pe->src, off, &lanes);

			for (unsigned int k = 0; k < pe->k; k++)
				w->f[m / EMU_NC_STRIP][k][m % EMU_NC_STRIP] = x[k];
		}
	}
}

/* Some columns of the moving operand, by the offsets of x and of the result. */
struct columns {
	int32_t src[EMU_NC_MAC_COLUMNS], dst[EMU_NC_MAC_COLUMNS];
	unsigned int n;
};

static void multiply_float(struct emu_nc *nc, const struct emu_nc_dec_pe *pe,
			   const struct columns *c)
{
	struct emu_nc_lanes xs[EMU_NC_MAC_COLUMNS], accs[EMU_NC_MAC_COLUMNS];
	const float *x[EMU_NC_MAC_COLUMNS];
	float *acc[EMU_NC_MAC_COLUMNS];

	for (unsigned int i = 0; i < c->n; i++) {
		x[i] = nc->kernels->load(&nc->mem, &pe->src, c->src[i], &xs[i]);
		if (pe->start) {
			memset(&accs[i], 0, sizeof(accs[i]));
			acc[i] = accs[i].f;
		} else {
			acc[i] = nc->kernels->load(&nc->mem, &pe->dst, c->dst[i], &accs[i]);
		}
	}
	nc->kernels->mac(acc, (const float (*)[NEURON_PE_ROWS][EMU_NC_STRIP])nc->weights.f, x, c->n,
			 pe->k, pe->m);
	for (unsigned int i = 0; i < c->n; i++)
		nc->nan |= nc->kernels->store(&nc->mem, &pe->dst, c->dst[i], acc[i]);
}

static void multiply_int(struct emu_nc *nc, const struct emu_nc_dec_pe *pe, const struct columns *c)
{
	struct emu_nc_lanes xs;

	for (unsigned int i = 0; i < c->n; i++) {
		const int32_t *x = nc->kernels->load_int(&nc->mem, &pe->src, c->src[i], &xs);
		int32_t *acc = (int32_t *)&nc->mem.psum[c->dst[i] / 4][pe->dst.part];

		if (pe->start)
			memset(acc, 0, pe->m * sizeof(*acc));
		nc->kernels->imac(acc,
				  (const int32_t(*)[NEURON_PE_ROWS][EMU_NC_STRIP])nc->weights.i, x,
				  pe->k, pe->m);
	}
}

/* Columns that meet in one result must go one after the other. */
static bool dst_taken(const struct columns *c, int32_t dst)
{
	for (unsigned int i = 0; i < c->n; i++)
		if (c->dst[i] == dst)
			return true;
	return false;
}

static void multiply(struct emu_nc *nc, const struct emu_nc_dec_pe *pe, struct columns *c)
{
	if (pe->integer)
		multiply_int(nc, pe, c);
	else
		multiply_float(nc, pe, c);
	c->n = 0;
}

static int exec_matmul(struct emu_nc *nc, const struct emu_nc_dec_pe *pe)
{
	const struct emu_nc_ap *const ap[] = { &pe->src, &pe->dst };
	struct columns c = { .n = 0 };
	struct emu_nc_walk w;

	/* The array holds nothing at a job's start; it cannot switch modes either. */
	if (pe->k > nc->weights.k)
		return EMU_NC_BAD(nc, matmul.k);
	if (pe->m > nc->weights.m)
		return EMU_NC_BAD(nc, matmul.m);
	if (pe->integer != nc->weights.integer)
		return EMU_NC_BAD(nc, matmul.dtype);

	emu_nc_walk_init(&w, ap, 2);
	do {
		if (c.n == EMU_NC_MAC_COLUMNS || dst_taken(&c, w.off[1]))
			multiply(nc, pe, &c);
		c.src[c.n] = w.off[0];
		c.dst[c.n++] = w.off[1];
	} while (emu_nc_walk_next(&w, &pe->counts, ap, 2));
	multiply(nc, pe, &c);
	return NEURON_JOB_OK;
}

int emu_nc_pe_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	if (d->insn.op == NEURON_OP_MATMUL)
		return exec_matmul(nc, &d->pe);
	exec_ldweights(nc, &d->pe);
	return NEURON_JOB_OK;
}
