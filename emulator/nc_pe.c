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
	if (!emu_nc_all_zero(insn->ldweights.reserved, sizeof(insn->ldweights.reserved)))
		return EMU_NC_BAD(nc, ldweights.reserved);
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
	if (!emu_nc_all_zero(insn->matmul.reserved, sizeof(insn->matmul.reserved)))
		return EMU_NC_BAD(nc, matmul.reserved);
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
				w->i[k][m] = x[k];
		} else {
			const float *x = nc->kernels->load(&nc->mem, &pe->src, off, &lanes);

			for (unsigned int k = 0; k < pe->k; k++)
				w->f[k][m] = x[k];
		}
	}
}

static void multiply_float(struct emu_nc *nc, const struct emu_nc_dec_pe *pe, int32_t src, int32_t dst)
{
	struct emu_nc_lanes xs, accs;
	const float *x = nc->kernels->load(&nc->mem, &pe->src, src, &xs);
	float *acc;

	if (pe->start) {
		memset(&accs, 0, sizeof(accs));
		acc = accs.f;
	} else {
		acc = nc->kernels->load(&nc->mem, &pe->dst, dst, &accs);
	}
	nc->kernels->mac(acc, (const float (*)[NEURON_PE_COLUMNS])nc->weights.f, x, pe->k, pe->m);
	nc->nan |= nc->kernels->store(&nc->mem, &pe->dst, dst, acc);
}

static void multiply_int(struct emu_nc *nc, const struct emu_nc_dec_pe *pe, int32_t src, int32_t dst)
{
	struct emu_nc_lanes xs;
	const int32_t *x = nc->kernels->load_int(&nc->mem, &pe->src, src, &xs);
	int32_t *acc = (int32_t *)&nc->mem.psum[dst / 4][pe->dst.part];

	if (pe->start)
		memset(acc, 0, pe->m * sizeof(*acc));
	nc->kernels->imac(acc, (const int32_t (*)[NEURON_PE_COLUMNS])nc->weights.i, x, pe->k, pe->m);
}

static int exec_matmul(struct emu_nc *nc, const struct emu_nc_dec_pe *pe)
{
	const struct emu_nc_ap *const ap[] = { &pe->src, &pe->dst };
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
		if (pe->integer)
			multiply_int(nc, pe, w.off[0], w.off[1]);
		else
			multiply_float(nc, pe, w.off[0], w.off[1]);
	} while (emu_nc_walk_next(&w, &pe->counts, ap, 2));
	return NEURON_JOB_OK;
}

int emu_nc_pe_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	if (d->insn.op == NEURON_OP_MATMUL)
		return exec_matmul(nc, &d->pe);
	exec_ldweights(nc, &d->pe);
	return NEURON_JOB_OK;
}
