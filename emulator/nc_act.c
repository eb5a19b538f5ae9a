// SPDX-License-Identifier: Apache-2.0
/* The ACT engine: func(scale * x + bias + residual) over an access pattern. */

#include "nc_core.h"

#define NEGATIVE_ZERO	0x80000000u
#define ACTIVATE_FLAGS	(NEURON_ACTIVATE_BIAS | NEURON_ACTIVATE_SCALE_PTR | NEURON_ACTIVATE_RESIDUAL)

static bool func_known(unsigned int func)
{
#define KNOWN(code, id) case code:
	switch (func) {
	NEURON_ISA_FUNCS(KNOWN)
		return true;
	}
#undef KNOWN
	return false;
}

/* One fp32 a partition. */
static bool vector_init(struct emu_nc_ap *ap, uint32_t addr, unsigned int parts)
{
	static const struct emu_nc_counts one = { .count = { 1, 1, 1, 1 }, .n = 1 };

	return emu_nc_ap_init(ap, &one, addr, NULL, parts, NEURON_FP32);
}

int emu_nc_act_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_act *act = &d->act;
	unsigned int parts = insn->activate.partitions;

	if (insn->flags & ~ACTIVATE_FLAGS)
		return EMU_NC_BAD(nc, flags);
	act->has_bias = insn->flags & NEURON_ACTIVATE_BIAS;
	act->has_scale = insn->flags & NEURON_ACTIVATE_SCALE_PTR;
	act->has_residual = insn->flags & NEURON_ACTIVATE_RESIDUAL;
	act->func = insn->activate.func;
	act->scale_imm = insn->activate.scale;

	if (!emu_nc_counts_init(&act->counts, insn->activate.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, activate.count);
	if (!parts || parts > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, activate.partitions);
	if (!func_known(act->func))
		return EMU_NC_BAD(nc, activate.func);
	if (!emu_nc_dtype_size(insn->activate.src_dtype))
		return EMU_NC_BAD(nc, activate.src_dtype);
	if (!emu_nc_dtype_size(insn->activate.dst_dtype))
		return EMU_NC_BAD(nc, activate.dst_dtype);
	if (!emu_nc_ap_init(&act->src, &act->counts, insn->activate.src, insn->activate.src_step,
			    parts, insn->activate.src_dtype))
		return EMU_NC_BAD(nc, activate.src);
	if (!emu_nc_ap_init(&act->dst, &act->counts, insn->activate.dst, insn->activate.dst_step,
			    parts, insn->activate.dst_dtype))
		return EMU_NC_BAD(nc, activate.dst);
	if (act->has_bias ? !vector_init(&act->bias, insn->activate.bias, parts) :
			    insn->activate.bias != 0)
		return EMU_NC_BAD(nc, activate.bias);
	if (act->has_scale && !vector_init(&act->scale, insn->activate.scale, parts))
		return EMU_NC_BAD(nc, activate.scale);
	if (act->has_residual
		    ? !emu_nc_ap_init(&act->residual, &act->counts, insn->activate.residual,
				      insn->activate.dst_step, parts, insn->activate.dst_dtype)
		    : insn->activate.residual != 0)
		return EMU_NC_BAD(nc, activate.residual);
	return NEURON_JOB_OK;
}

int emu_nc_act_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct emu_nc_dec_act *act = &d->act;
	const struct emu_nc_kernels *kr = nc->kernels;
	const struct emu_nc_ap *const ap[] = { &act->src, &act->dst,
					       act->has_residual ? &act->residual : &act->dst };
	struct emu_nc_lanes xs, scales, biases, residuals, none;
	const float *scale, *bias, *residual;
	struct emu_nc_walk w;

	/* -0 is what an addition does not notice. */
	emu_nc_lanes_fill(&none, NEGATIVE_ZERO);
	residual = none.f;
	scale = act->has_scale ? kr->load(&nc->mem, &act->scale, act->scale.base, &scales) :
				 emu_nc_lanes_fill(&scales, act->scale_imm);
	bias = act->has_bias ? kr->load(&nc->mem, &act->bias, act->bias.base, &biases) : none.f;

	emu_nc_walk_init(&w, ap, 3);
	do {
		float *x = kr->load(&nc->mem, &act->src, w.off[0], &xs);

		if (act->has_residual)
			residual = kr->load(&nc->mem, &act->residual, w.off[2], &residuals);
		kr->affine(x, scale, bias, residual, act->src.parts);
		kr->func(x, act->src.parts, act->func);
		nc->nan |= kr->store(&nc->mem, &act->dst, w.off[1], x);
	} while (emu_nc_walk_next(&w, &act->counts, ap, 3));
	return NEURON_JOB_OK;
}
