// SPDX-License-Identifier: Apache-2.0
/*
 * Instructions that move or make values and compute nothing: transpose (PE or POOL), iota,
 * select, gather (POOL).
 */

#include <string.h>
#include "nc_core.h"

#define SELECT_FLAGS	(NEURON_SELECT_INVERT | NEURON_SELECT_IMM | NEURON_SELECT_INTEGER)
#define GATHER_FLAGS	(0xf << NEURON_GATHER_INDEX_DTYPE_SHIFT)
#define GATHER_MAX	0x10000		/* what limit 0 stands for */

/* ---- decoding ---- */

/* Tiles are the three outer loops; the innermost is m columns there, k elements here. */
static int decode_transpose(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_move *v = &d->move;
	struct emu_nc_counts src, dst;
	unsigned int dtype = insn->transpose.dtype;

	if (insn->flags)
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&src, insn->transpose.count, NEURON_TENSOR_MAX_N) ||
	    src.count[3] > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, transpose.count);
	v->k = insn->transpose.k;
	v->m = (uint8_t)src.count[3];
	if (!v->k || v->k > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, transpose.k);
	if (!emu_nc_dtype_size(dtype))
		return EMU_NC_BAD(nc, transpose.dtype);
	dst = src;
	dst.count[3] = v->k;
	v->counts = src;
	v->counts.n = src.n / src.count[3];
	v->counts.count[3] = 1;
	if (!emu_nc_ap_init(&v->src, &src, insn->transpose.src, insn->transpose.src_step, v->k,
			    dtype))
		return EMU_NC_BAD(nc, transpose.src);
	if (!emu_nc_ap_init(&v->dst, &dst, insn->transpose.dst, insn->transpose.dst_step, v->m,
			    dtype))
		return EMU_NC_BAD(nc, transpose.dst);
	return NEURON_JOB_OK;
}

static int decode_iota(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_move *v = &d->move;

	if (insn->flags)
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&v->counts, insn->iota.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, iota.count);
	if (!insn->iota.partitions || insn->iota.partitions > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, iota.partitions);
	if (!emu_nc_dtype_size(insn->iota.dst_dtype))
		return EMU_NC_BAD(nc, iota.dst_dtype);
	if (!emu_nc_ap_init(&v->dst, &v->counts, insn->iota.dst, insn->iota.dst_step,
			    insn->iota.partitions, insn->iota.dst_dtype))
		return EMU_NC_BAD(nc, iota.dst);
	v->value = insn->iota.value;
	v->part_add = insn->iota.part_add;
	memcpy(v->add, insn->iota.add, sizeof(v->add));
	return NEURON_JOB_OK;
}

static int decode_select(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_move *v = &d->move;
	unsigned int parts = insn->select.partitions;

	if (insn->flags & ~SELECT_FLAGS)
		return EMU_NC_BAD(nc, flags);
	v->immediate = insn->flags & NEURON_SELECT_IMM;
	v->invert = insn->flags & NEURON_SELECT_INVERT;
	v->integer = insn->flags & NEURON_SELECT_INTEGER;
	v->imm = insn->select.src;
	if (!emu_nc_counts_init(&v->counts, insn->select.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, select.count);
	if (!parts || parts > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, select.partitions);
	if (!emu_nc_dtype_size(insn->select.pred_dtype))
		return EMU_NC_BAD(nc, select.pred_dtype);
	if (!emu_nc_dtype_size(insn->select.src_dtype))
		return EMU_NC_BAD(nc, select.src_dtype);
	if (!emu_nc_dtype_size(insn->select.dst_dtype))
		return EMU_NC_BAD(nc, select.dst_dtype);
	if (!emu_nc_ap_init(&v->index, &v->counts, insn->select.pred, insn->select.pred_step,
			    parts, insn->select.pred_dtype))
		return EMU_NC_BAD(nc, select.pred);
	if (!v->immediate && !emu_nc_ap_init(&v->src, &v->counts, insn->select.src,
					     insn->select.src_step, parts, insn->select.src_dtype))
		return EMU_NC_BAD(nc, select.src);
	if (!emu_nc_ap_init(&v->dst, &v->counts, insn->select.dst, insn->select.dst_step, parts,
			    insn->select.dst_dtype))
		return EMU_NC_BAD(nc, select.dst);
	return NEURON_JOB_OK;
}

/* The source is checked for all indices that count. */
static int decode_gather(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_move *v = &d->move;
	unsigned int parts = insn->gather.partitions, dtype = insn->gather.dtype;
	unsigned int index_dtype = insn->flags >> NEURON_GATHER_INDEX_DTYPE_SHIFT;
	struct emu_nc_counts src;

	if (insn->flags & ~GATHER_FLAGS || (index_dtype && !emu_nc_dtype_size(index_dtype)))
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&v->counts, insn->gather.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, gather.count);
	if (!parts || parts > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, gather.partitions);
	if (!emu_nc_dtype_size(dtype))
		return EMU_NC_BAD(nc, gather.dtype);
	v->limit = insn->gather.limit ? insn->gather.limit : GATHER_MAX;
	src = v->counts;
	src.count[3] = v->limit;
	if (!emu_nc_ap_init(&v->index, &v->counts, insn->gather.index, insn->gather.index_step,
			    parts, index_dtype ? index_dtype : NEURON_INT32))
		return EMU_NC_BAD(nc, gather.index);
	if (!emu_nc_ap_init(&v->src, &src, insn->gather.src, insn->gather.src_step, parts, dtype))
		return EMU_NC_BAD(nc, gather.src);
	if (!emu_nc_ap_init(&v->dst, &v->counts, insn->gather.dst, insn->gather.dst_step, parts,
			    dtype))
		return EMU_NC_BAD(nc, gather.dst);
	return NEURON_JOB_OK;
}

int emu_nc_move_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	switch (d->insn.op) {
	case NEURON_OP_TRANSPOSE:
		return decode_transpose(nc, d);
	case NEURON_OP_IOTA:
		return decode_iota(nc, d);
	case NEURON_OP_SELECT:
		return decode_select(nc, d);
	default:
		return decode_gather(nc, d);
	}
}

/* ---- bits of one element ---- */

static uint32_t bits_get(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap, unsigned int i,
			 int32_t off, unsigned int size)
{
	unsigned int p = ap->part + i;

	if (ap->psum)
		return mem->psum[off / 4][p];
	if (size == 4)
		return mem->sbuf[off / 2][p ^ 1] | (uint32_t)mem->sbuf[off / 2 + 1][p ^ 1] << 16;
	if (size == 2)
		return mem->sbuf[off / 2][p ^ 1];
	return mem->sbuf[off / 2][p ^ 1] >> (off & 1) * 8 & 0xff;
}

static void bits_put(struct emu_nc_mem *mem, const struct emu_nc_ap *ap, unsigned int i,
		     int32_t off, unsigned int size, uint32_t bits)
{
	unsigned int p = ap->part + i;
	uint16_t *at;

	if (ap->psum) {
		mem->psum[off / 4][p] = bits;
		return;
	}
	at = &mem->sbuf[off / 2][p ^ 1];
	if (size == 1) {
		((uint8_t *)at)[off & 1] = (uint8_t)bits;
		return;
	}
	*at = (uint16_t)bits;
	if (size == 4)
		at[NEURON_PARTITIONS] = (uint16_t)(bits >> 16);
}

/* ---- executing ---- */

static void exec_iota(struct emu_nc *nc, const struct emu_nc_dec_move *v)
{
	const struct emu_nc_ap *const ap[] = { &v->dst };
	struct emu_nc_lanes x;
	struct emu_nc_walk w;

	emu_nc_walk_init(&w, ap, 1);
	do {
		uint32_t first = (uint32_t)v->value;

		for (int l = 0; l < 4; l++)
			first += w.i[l] * (uint32_t)v->add[l];
		for (uint32_t i = 0; i < v->dst.parts; i++)
			x.u[i] = first + i * (uint32_t)v->part_add;
		nc->kernels->store_int(&nc->mem, &v->dst, w.off[0], x.u, false);
	} while (emu_nc_walk_next(&w, &v->counts, ap, 1));
}

/* What is to be selected, as an immediate or from memory; a copy that may be changed. */
static void select_source(struct emu_nc *nc, const struct emu_nc_dec_move *v, int32_t off,
			  struct emu_nc_lanes *out)
{
	unsigned int n = v->dst.parts;
	struct emu_nc_lanes lanes;

	if (v->immediate && !v->integer)
		emu_nc_lanes_fill(out, v->imm);
	else if (v->immediate)
		for (unsigned int i = 0; i < n; i++)
			out->u[i] = v->imm;
	else if (v->integer)
		memcpy(out->u, nc->kernels->load_int(&nc->mem, &v->src, off, &lanes), n * 4);
	else
		memcpy(out->u, nc->kernels->load(&nc->mem, &v->src, off, &lanes), n * 4);
}

/* Where the condition does not hold, the bits of the destination are put back. */
static void exec_select(struct emu_nc *nc, const struct emu_nc_dec_move *v)
{
	const struct emu_nc_ap *const ap[] = { &v->index, v->immediate ? &v->dst : &v->src,
					       &v->dst };
	unsigned int size = emu_nc_dtype_size(v->dst.dtype), n = v->dst.parts;
	bool is_unsigned = v->src.dtype == NEURON_UINT32 && !v->immediate;
	struct emu_nc_lanes x, preds, old;
	struct emu_nc_walk w;

	emu_nc_walk_init(&w, ap, 3);
	do {
		const float *pred = nc->kernels->load(&nc->mem, &v->index, w.off[0], &preds);

		select_source(nc, v, w.off[1], &x);
		for (unsigned int i = 0; i < n; i++) {
			if ((pred[i] != 0.0f) != v->invert)
				continue;
			x.u[i] = 0;
			old.u[i] = bits_get(&nc->mem, &v->dst, i, w.off[2], size);
		}
		if (v->integer)
			nc->kernels->store_int(&nc->mem, &v->dst, w.off[2], x.u, is_unsigned);
		else
			emu_nc_saw_nan(nc, nc->kernels->store(&nc->mem, &v->dst, w.off[2], x.f));
		for (unsigned int i = 0; i < n; i++)
			if ((pred[i] != 0.0f) == v->invert)
				bits_put(&nc->mem, &v->dst, i, w.off[2], size, old.u[i]);
	} while (emu_nc_walk_next(&w, &v->counts, ap, 3));
}

static void exec_gather(struct emu_nc *nc, const struct emu_nc_dec_move *v)
{
	struct emu_nc_ap src = v->src;
	const struct emu_nc_ap *const ap[] = { &v->index, &src, &v->dst };
	unsigned int size = emu_nc_dtype_size(v->dst.dtype), n = v->dst.parts;
	struct emu_nc_lanes indices, x;
	struct emu_nc_walk w;

	src.step[3] = 0;	/* the walk's innermost step is the index's */
	emu_nc_walk_init(&w, ap, 3);
	do {
		const int32_t *index = nc->kernels->load_int(&nc->mem, &v->index, w.off[0],
							     &indices);

		for (unsigned int i = 0; i < n; i++) {
			int64_t at = index[i] < 0 ? index[i] + (int64_t)v->limit : index[i];

			if (v->index.dtype == NEURON_UINT32)
				at = (uint32_t)index[i];
			x.u[i] = at < 0 || at >= v->limit ? 0 :
				bits_get(&nc->mem, &v->src, i,
					 w.off[1] + (int32_t)at * v->src.step[3], size);
		}
		for (unsigned int i = 0; i < n; i++)
			bits_put(&nc->mem, &v->dst, i, w.off[2], size, x.u[i]);
	} while (emu_nc_walk_next(&w, &v->counts, ap, 3));
}

int emu_nc_move_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	switch (d->insn.op) {
	case NEURON_OP_TRANSPOSE:
		emu_nc_transpose(nc, &d->move);
		break;
	case NEURON_OP_IOTA:
		exec_iota(nc, &d->move);
		break;
	case NEURON_OP_SELECT:
		exec_select(nc, &d->move);
		break;
	default:
		exec_gather(nc, &d->move);
		break;
	}
	return NEURON_JOB_OK;
}
