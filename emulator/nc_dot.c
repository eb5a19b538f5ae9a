// SPDX-License-Identifier: Apache-2.0
/* The POOL engine's tensor_dot: sums of products along the inner loops, such as of sliding windows. */

#include "nc_window.h"

#define SRC1_DTYPE_MASK	(0xf << NEURON_TENSOR_SRC1_DTYPE_SHIFT)

/* The loops that are reduced (@inner) or that are left. */
static void split_counts(struct emu_nc_counts *out, const struct emu_nc_dec_pool *p, bool inner)
{
	out->n = 1;
	for (unsigned int i = 0; i < 4; i++) {
		out->count[i] = (i >= 4u - p->dims) == inner ? p->counts.count[i] : 1;
		out->n *= out->count[i];
	}
}

int emu_nc_dot_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_pool *p = &d->pool;
	unsigned int parts = insn->tensor_dot.partitions;
	unsigned int src1_dtype = insn->flags >> NEURON_TENSOR_SRC1_DTYPE_SHIFT;
	struct emu_nc_counts outer;

	if (insn->flags & ~SRC1_DTYPE_MASK || (src1_dtype && !emu_nc_dtype_size(src1_dtype)))
		return EMU_NC_BAD(nc, flags);
	if (!emu_nc_counts_init(&p->counts, insn->tensor_dot.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, tensor_dot.count);
	if (!parts || parts > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, tensor_dot.partitions);
	if (!insn->tensor_dot.dims || insn->tensor_dot.dims > 4)
		return EMU_NC_BAD(nc, tensor_dot.dims);
	if (!emu_nc_dtype_size(insn->tensor_dot.src_dtype))
		return EMU_NC_BAD(nc, tensor_dot.src_dtype);
	if (!emu_nc_dtype_size(insn->tensor_dot.dst_dtype))
		return EMU_NC_BAD(nc, tensor_dot.dst_dtype);
	p->dims = insn->tensor_dot.dims;
	if (!emu_nc_ap_init(&p->src0, &p->counts, insn->tensor_dot.src0, insn->tensor_dot.src0_step,
			    parts, insn->tensor_dot.src_dtype))
		return EMU_NC_BAD(nc, tensor_dot.src0);
	if (!emu_nc_ap_init(&p->src1, &p->counts, insn->tensor_dot.src1, insn->tensor_dot.src1_step,
			    parts, src1_dtype ? src1_dtype : insn->tensor_dot.src_dtype))
		return EMU_NC_BAD(nc, tensor_dot.src1);
	split_counts(&outer, p, false);
	if (!emu_nc_ap_init(&p->dst, &outer, insn->tensor_dot.dst, insn->tensor_dot.dst_step, parts,
			    insn->tensor_dot.dst_dtype))
		return EMU_NC_BAD(nc, tensor_dot.dst);
	p->held = true;
	for (unsigned int i = 0; i + p->dims < 4; i++)
		p->held &= !p->src1.step[i];
	return NEURON_JOB_OK;
}

void emu_nc_dot_compute(struct emu_nc *nc, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *const ap[] = { &p->src0, &p->src1, &p->dst };
	struct emu_nc_counts inner, outer;
	struct emu_nc_lanes as, bs, acc;
	struct emu_nc_walk w;
	bool nan = false;

	split_counts(&inner, p, true);
	split_counts(&outer, p, false);
	if (emu_nc_window(nc, p, NEURON_OP_TENSOR_DOT))
		return;
	emu_nc_walk_init(&w, ap, 3);
	do {
		struct emu_nc_walk in = { .off = { w.off[0], w.off[1] } };

		emu_nc_lanes_fill(&acc, 0);
		do {
			const float *a = nc->kernels->load(&nc->mem, &p->src0, in.off[0], &as);
			const float *b = nc->kernels->load(&nc->mem, &p->src1, in.off[1], &bs);

			nc->kernels->fma(acc.f, a, b, p->dst.parts);
		} while (emu_nc_walk_next(&in, &inner, ap, 2));
		nan |= nc->kernels->store(&nc->mem, &p->dst, w.off[2], acc.f);
	} while (emu_nc_walk_next(&w, &outer, ap, 3));
	emu_nc_saw_nan(nc, nan);
}
