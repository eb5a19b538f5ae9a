// SPDX-License-Identifier: Apache-2.0
/* The POOL engine: elementwise operations of two operands, reductions, filling. */

#include "nc_core.h"

#define SCALAR_FLAGS	(NEURON_SCALAR0_PTR | NEURON_SCALAR1_PTR | \
			 NEURON_SCALAR0_REVERSE | NEURON_SCALAR1_REVERSE)
#define SRC1_DTYPE_MASK	(0xf << NEURON_TENSOR_SRC1_DTYPE_SHIFT)

static bool alu_known(unsigned int alu)
{
#define KNOWN(code, id) case code:
	switch (alu) {
	NEURON_ISA_ALUS(KNOWN)
		return true;
	}
#undef KNOWN
	return false;
}

static bool parts_valid(unsigned int parts)
{
	return parts && parts <= NEURON_PARTITIONS;
}

static int decode_tensor_tensor(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_tensor.partitions;
	unsigned int src1_dtype = insn->flags >> NEURON_TENSOR_SRC1_DTYPE_SHIFT;

	if (insn->flags & ~SRC1_DTYPE_MASK || (src1_dtype && !emu_nc_dtype_size(src1_dtype)))
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_tensor.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_tensor.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, tensor_tensor.partitions);
	if (!alu_known(insn->tensor_tensor.alu))
		return EMU_NC_BAD(nc, tensor_tensor.alu);
	if (!emu_nc_dtype_size(insn->tensor_tensor.src_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_tensor.dst_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.dst_dtype);
	p->alu[0] = insn->tensor_tensor.alu;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_tensor.src0,
			    insn->tensor_tensor.src0_step, parts, insn->tensor_tensor.src_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.src0);
	if (!emu_nc_ap_init(&p->src1, &p->counts, insn->tensor_tensor.src1,
			    insn->tensor_tensor.src1_step, parts,
			    src1_dtype ? src1_dtype : insn->tensor_tensor.src_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.src1);
	if (!emu_nc_ap_init(&p->dst, &p->counts, insn->tensor_tensor.dst,
			    insn->tensor_tensor.dst_step, parts, insn->tensor_tensor.dst_dtype))
		return EMU_NC_BAD(nc, tensor_tensor.dst);
	return NEURON_JOB_OK;
}

/* scalar[i]: an immediate, or one fp32 a partition. */
static bool decode_scalar(struct emu_nc_dec_pool *p, int i, uint32_t field, bool pointer,
			  bool reverse, unsigned int parts)
{
	static const struct emu_nc_counts one = { .count = { 1, 1, 1, 1 }, .n = 1 };

	p->pointer[i] = pointer;
	p->reverse[i] = reverse;
	p->imm[i] = field;
	return !pointer || emu_nc_ap_init(&p->scalar[i], &one, field, NULL, parts, NEURON_FP32);
}

static int decode_tensor_scalar(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_scalar.partitions;

	if (insn->flags & ~SCALAR_FLAGS)
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_scalar.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_scalar.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, tensor_scalar.partitions);
	if (!alu_known(insn->tensor_scalar.alu0))
		return EMU_NC_BAD(nc, tensor_scalar.alu0);
	if (!alu_known(insn->tensor_scalar.alu1))
		return EMU_NC_BAD(nc, tensor_scalar.alu1);
	if (!emu_nc_dtype_size(insn->tensor_scalar.src_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_scalar.dst_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.dst_dtype);
	p->alu[0] = insn->tensor_scalar.alu0;
	p->alu[1] = insn->tensor_scalar.alu1;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_scalar.src,
			    insn->tensor_scalar.src_step, parts, insn->tensor_scalar.src_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.src);
	if (!emu_nc_ap_init(&p->dst, &p->counts, insn->tensor_scalar.dst,
			    insn->tensor_scalar.dst_step, parts, insn->tensor_scalar.dst_dtype))
		return EMU_NC_BAD(nc, tensor_scalar.dst);
	if (!decode_scalar(p, 0, insn->tensor_scalar.scalar0, insn->flags & NEURON_SCALAR0_PTR,
			   insn->flags & NEURON_SCALAR0_REVERSE, parts))
		return EMU_NC_BAD(nc, tensor_scalar.scalar0);
	if (!decode_scalar(p, 1, insn->tensor_scalar.scalar1, insn->flags & NEURON_SCALAR1_PTR,
			   insn->flags & NEURON_SCALAR1_REVERSE, parts))
		return EMU_NC_BAD(nc, tensor_scalar.scalar1);
	return NEURON_JOB_OK;
}

/* The loops that are reduced (@inner) or that are left. */
static void split_counts(struct emu_nc_counts *out, const struct emu_nc_counts *c,
			 unsigned int dims, bool inner)
{
	out->n = 1;
	for (unsigned int i = 0; i < 4; i++) {
		out->count[i] = (i >= 4 - dims) == inner ? c->count[i] : 1;
		out->n *= out->count[i];
	}
}

static int decode_tensor_reduce(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_reduce.partitions;
	struct emu_nc_counts outer;

	if (insn->flags)
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_reduce.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_reduce.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, tensor_reduce.partitions);
	if (!alu_known(insn->tensor_reduce.alu))
		return EMU_NC_BAD(nc, tensor_reduce.alu);
	if (!insn->tensor_reduce.dims || insn->tensor_reduce.dims > 4)
		return EMU_NC_BAD(nc, tensor_reduce.dims);
	if (!emu_nc_dtype_size(insn->tensor_reduce.src_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_reduce.dst_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.dst_dtype);
	p->alu[0] = insn->tensor_reduce.alu;
	p->dims = insn->tensor_reduce.dims;
	p->imm[0] = insn->tensor_reduce.scale;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_reduce.src,
			    insn->tensor_reduce.src_step, parts, insn->tensor_reduce.src_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.src);
	split_counts(&outer, &p->counts, p->dims, false);
	if (!emu_nc_ap_init(&p->dst, &outer, insn->tensor_reduce.dst,
			    insn->tensor_reduce.dst_step, parts, insn->tensor_reduce.dst_dtype))
		return EMU_NC_BAD(nc, tensor_reduce.dst);
	return NEURON_JOB_OK;
}

static int decode_memset(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->memset.partitions;

	if (insn->flags)
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&p->counts, insn->memset.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, memset.count);
	if (!parts_valid(parts))
		return EMU_NC_BAD(nc, memset.partitions);
	if (!emu_nc_dtype_size(insn->memset.dst_dtype))
		return EMU_NC_BAD(nc, memset.dst_dtype);
	p->imm[0] = insn->memset.value;
	if (!emu_nc_ap_init(&p->dst, &p->counts, insn->memset.dst, insn->memset.dst_step, parts,
			    insn->memset.dst_dtype))
		return EMU_NC_BAD(nc, memset.dst);
	return NEURON_JOB_OK;
}

int emu_nc_pool_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	switch (d->insn.op) {
	case NEURON_OP_TENSOR_TENSOR:
		return decode_tensor_tensor(nc, d);
	case NEURON_OP_TENSOR_SCALAR:
		return decode_tensor_scalar(nc, d);
	case NEURON_OP_TENSOR_REDUCE:
		return decode_tensor_reduce(nc, d);
	default:
		return decode_memset(nc, d);
	}
}

static void exec_tensor_tensor(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->src1, &p->dst };
	const struct emu_nc_kernels *kr = nc->kernels;
	struct emu_nc_lanes as, bs, out;
	struct emu_nc_walk w;

	emu_nc_walk_init(&w, ap, 3);
	do {
		const float *a = kr->load(&nc->mem, &p->src0, w.off[0], &as);
		const float *b = kr->load(&nc->mem, &p->src1, w.off[1], &bs);

		kr->alu(out.f, a, b, p->dst.parts, p->alu[0]);
		nc->nan |= kr->store(&nc->mem, &p->dst, w.off[2], out.f);
	} while (emu_nc_walk_next(&w, &p->counts, ap, 3));
}

static const float *scalar_lanes(struct emu_nc *nc, const struct emu_nc_dec_pool *p, int i,
				 struct emu_nc_lanes *lanes)
{
	if (p->pointer[i])
		return nc->kernels->load(&nc->mem, &p->scalar[i], p->scalar[i].base, lanes);
	return emu_nc_lanes_fill(lanes, p->imm[i]);
}

static void exec_tensor_scalar(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->dst };
	const struct emu_nc_kernels *kr = nc->kernels;
	struct emu_nc_lanes xs, out, lanes[2];
	const float *s[2] = { scalar_lanes(nc, p, 0, &lanes[0]),
			      scalar_lanes(nc, p, 1, &lanes[1]) };
	unsigned int n = p->dst.parts;
	struct emu_nc_walk w;

	emu_nc_walk_init(&w, ap, 2);
	do {
		const float *x = kr->load(&nc->mem, &p->src0, w.off[0], &xs);

		for (int i = 0; i < 2; i++) {
			kr->alu(out.f, p->reverse[i] ? s[i] : x, p->reverse[i] ? x : s[i], n,
				p->alu[i]);
			x = out.f;
		}
		nc->nan |= kr->store(&nc->mem, &p->dst, w.off[1], out.f);
	} while (emu_nc_walk_next(&w, &p->counts, ap, 2));
}

static void exec_tensor_reduce(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->dst };
	const struct emu_nc_kernels *kr = nc->kernels;
	struct emu_nc_lanes xs, accs, scales;
	const float *scale = emu_nc_lanes_fill(&scales, p->imm[0]);
	struct emu_nc_counts inner, outer;
	struct emu_nc_walk w, in;
	unsigned int n = p->dst.parts;

	split_counts(&inner, &p->counts, p->dims, true);
	split_counts(&outer, &p->counts, p->dims, false);
	emu_nc_walk_init(&w, ap, 2);
	do {
		float *acc;

		emu_nc_walk_init(&in, ap, 1);
		in.off[0] = w.off[0];
		acc = kr->load(&nc->mem, &p->src0, in.off[0], &accs);
		while (emu_nc_walk_next(&in, &inner, ap, 1))
			kr->alu(acc, acc, kr->load(&nc->mem, &p->src0, in.off[0], &xs), n,
				p->alu[0]);
		kr->alu(acc, acc, scale, n, NEURON_ALU_MUL);
		nc->nan |= kr->store(&nc->mem, &p->dst, w.off[1], acc);
	} while (emu_nc_walk_next(&w, &outer, ap, 2));
}

static void exec_memset(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->dst };
	struct emu_nc_lanes values;
	struct emu_nc_walk w;

	emu_nc_lanes_fill(&values, p->imm[0]);
	emu_nc_walk_init(&w, ap, 1);
	do {
		nc->nan |= nc->kernels->store(&nc->mem, &p->dst, w.off[0], values.f);
	} while (emu_nc_walk_next(&w, &p->counts, ap, 1));
}

int emu_nc_pool_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	switch (d->insn.op) {
	case NEURON_OP_TENSOR_TENSOR:
		exec_tensor_tensor(nc, &d->pool);
		break;
	case NEURON_OP_TENSOR_SCALAR:
		exec_tensor_scalar(nc, &d->pool);
		break;
	case NEURON_OP_TENSOR_REDUCE:
		exec_tensor_reduce(nc, &d->pool);
		break;
	default:
		exec_memset(nc, &d->pool);
		break;
	}
	return NEURON_JOB_OK;
}
