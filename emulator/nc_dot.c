// SPDX-License-Identifier: Apache-2.0
/* The POOL engine's tensor_dot: sums of products along the inner loops, such as of sliding windows. */

#include "nc_core.h"

#define SRC1_DTYPE_MASK	(0xf << NEURON_TENSOR_SRC1_DTYPE_SHIFT)
#define WINDOW_TAPS	128	/* most that the kernel for windows is used for */

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

/* A convolution of each partition by itself: bf16 from SBUF, sums to PSUM, the same factors everywhere. */
static bool is_window(const struct emu_nc *nc, const struct emu_nc_dec_pool *p, uint32_t taps)
{
	return nc->kernels->window && p->held && taps <= WINDOW_TAPS && !p->src0.psum &&
	       p->src0.dtype == NEURON_BF16 && !(p->src0.part & 1) && !p->src1.psum && p->dst.psum &&
	       p->dst.dtype == NEURON_FP32;
}

static void exec_window(struct emu_nc *nc, const struct emu_nc_dec_pool *p,
			const struct emu_nc_counts *inner, const struct emu_nc_counts *outer)
{
	const struct emu_nc_ap *const in[] = { &p->src0, &p->src1 };
	const struct emu_nc_ap *const out[] = { &p->src0, &p->dst };
	float w[WINDOW_TAPS][NEURON_PARTITIONS] __attribute__((aligned(64)));
	int32_t tap[WINDOW_TAPS];
	unsigned int n = p->dst.parts, taps = 0;
	struct emu_nc_lanes lanes;
	struct emu_nc_walk i;
	bool nan = false;

	emu_nc_walk_init(&i, in, 2);
	do {
		const float *x = nc->kernels->load(&nc->mem, &p->src1, i.off[1], &lanes);

		for (unsigned int l = 0; l < n; l++)
			w[taps][(l & ~31u) + (l & 1) * 16 + (l & 31) / 2] = x[l];
		tap[taps++] = (i.off[0] - p->src0.base) / 2 * NEURON_PARTITIONS;
	} while (emu_nc_walk_next(&i, inner, in, 2));
	emu_nc_walk_init(&i, out, 2);
	do {
		nan |= nc->kernels->window((float *)&nc->mem.psum[i.off[1] / 4][p->dst.part],
					   &nc->mem.sbuf[i.off[0] / 2][p->src0.part], tap,
					   (const float (*)[NEURON_PARTITIONS])w, taps, n);
	} while (emu_nc_walk_next(&i, outer, out, 2));
	emu_nc_saw_nan(nc, nan);
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
	if (is_window(nc, p, inner.n)) {
		exec_window(nc, p, &inner, &outer);
		return;
	}
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
