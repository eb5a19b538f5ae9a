// SPDX-License-Identifier: Apache-2.0
/*
 * The ACT engine: func(scale * x + bias + residual) over an access pattern, and the sum of
 * the results. The residual field has one of four uses, see uapi/neuron/isa.h.
 */

#include <string.h>
#include "nc_split.h"
#include "nc_team.h"

#define NEGATIVE_ZERO	0x80000000u
#define ACTIVATE_FLAGS	(NEURON_ACTIVATE_BIAS | NEURON_ACTIVATE_SCALE_PTR |		\
			 NEURON_ACTIVATE_RESIDUAL | NEURON_ACTIVATE_REDUCE |		\
			 NEURON_ACTIVATE_ACCUMULATE | NEURON_ACTIVATE_BIAS_IMM |	\
			 NEURON_ACTIVATE_PARAM_PTR)

/* How many parameters, -1: no such function. */
static int func_params(unsigned int func)
{
#define PARAMS(code, id, params) case code: return params;
	switch (func) {
	NEURON_ISA_FUNCS(PARAMS)
	}
#undef PARAMS
	return -1;
}

/* One fp32 a partition. */
static bool vector_init(struct emu_nc_ap *ap, uint32_t addr, unsigned int parts)
{
	static const struct emu_nc_counts one = { .count = { 1, 1, 1, 1 }, .n = 1 };

	return emu_nc_ap_init(ap, &one, addr, NULL, parts, NEURON_FP32);
}

/* One use of the residual field at most, and no flag that changes nothing. */
static bool flags_valid(unsigned int flags)
{
	if (flags & ~ACTIVATE_FLAGS)
		return false;
	if (flags & NEURON_ACTIVATE_BIAS && flags & NEURON_ACTIVATE_BIAS_IMM)
		return false;
	if (flags & NEURON_ACTIVATE_ACCUMULATE && !(flags & NEURON_ACTIVATE_REDUCE))
		return false;
	flags &= NEURON_ACTIVATE_RESIDUAL | NEURON_ACTIVATE_REDUCE | NEURON_ACTIVATE_PARAM_PTR;
	return !(flags & (flags - 1));
}

/* The residual field: residual, sum, parameter or nothing. */
static bool decode_residual(struct emu_nc_dec_act *act, const struct neuron_insn *insn,
			    unsigned int parts)
{
	uint32_t field = insn->activate.residual;

	act->param_imm = field;
	if (act->has_residual)
		return emu_nc_ap_init(&act->residual, &act->counts, field, insn->activate.dst_step,
				      parts, insn->activate.dst_dtype);
	if (act->reduce)
		return vector_init(&act->sum, field, parts);
	if (act->has_param)
		return vector_init(&act->param, field, parts);
	return !field || func_params(act->func);
}

int emu_nc_act_decode(struct emu_nc *nc, struct emu_nc_dec *d)
{
	const struct neuron_insn *insn = &d->insn;
	struct emu_nc_dec_act *act = &d->act;
	unsigned int parts = insn->activate.partitions;

	if (!flags_valid(insn->flags))
		return EMU_NC_BAD(nc, flags);
	act->has_bias = insn->flags & NEURON_ACTIVATE_BIAS;
	act->has_scale = insn->flags & NEURON_ACTIVATE_SCALE_PTR;
	act->has_residual = insn->flags & NEURON_ACTIVATE_RESIDUAL;
	act->has_param = insn->flags & NEURON_ACTIVATE_PARAM_PTR;
	act->reduce = insn->flags & NEURON_ACTIVATE_REDUCE;
	act->accumulate = insn->flags & NEURON_ACTIVATE_ACCUMULATE;
	act->func = insn->activate.func;
	act->scale_imm = insn->activate.scale;

	if (!emu_nc_counts_init(&act->counts, insn->activate.count, NEURON_TENSOR_MAX_N))
		return EMU_NC_BAD(nc, activate.count);
	if (!parts || parts > NEURON_PARTITIONS)
		return EMU_NC_BAD(nc, activate.partitions);
	if (func_params(act->func) < 0)
		return EMU_NC_BAD(nc, activate.func);
	if (func_params(act->func) ? act->has_residual || act->reduce : act->has_param)
		return EMU_NC_BAD(nc, flags);
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
	act->bias_imm = insn->flags & NEURON_ACTIVATE_BIAS_IMM ? insn->activate.bias : NEGATIVE_ZERO;
	if (act->has_bias ? !vector_init(&act->bias, insn->activate.bias, parts) :
			    insn->activate.bias && !(insn->flags & NEURON_ACTIVATE_BIAS_IMM))
		return EMU_NC_BAD(nc, activate.bias);
	if (act->has_scale && !vector_init(&act->scale, insn->activate.scale, parts))
		return EMU_NC_BAD(nc, activate.scale);
	if (!decode_residual(act, insn, parts))
		return EMU_NC_BAD(nc, activate.residual);
	return NEURON_JOB_OK;
}

/* A vector of the instruction, or its immediate. */
static const float *vector(struct emu_nc *nc, bool pointer, const struct emu_nc_ap *ap,
			   uint32_t imm, struct emu_nc_lanes *lanes)
{
	return pointer ? nc->kernels->load(&nc->mem, ap, ap->base, lanes) :
			 emu_nc_lanes_fill(lanes, imm);
}

static struct emu_nc_split describe(struct emu_nc_dec_act *act)
{
	return (struct emu_nc_split){
		.counts = &act->counts, .dst = &act->dst, .src = { &act->src, &act->residual },
		.sources = act->has_residual ? 2 : 1, .loops = 4,
		.fixed = { act->has_bias ? &act->bias : NULL, act->has_scale ? &act->scale : NULL,
			   act->has_param ? &act->param : NULL },
		.work = act->counts.n * act->dst.parts,
	};
}

/* The kernel that does whole runs of columns; NULL: one column after the other. */
static emu_nc_act_fn *find_kernel(const struct emu_nc *nc, struct emu_nc_dec_act *act)
{
	const struct emu_nc_split s = describe(act);

	if (!nc->kernels->activate || !emu_nc_strand_place(&act->src) ||
	    !emu_nc_strand_place(&act->dst) ||
	    (act->has_residual && !emu_nc_strand_place(&act->residual)) ||
	    !emu_nc_split_independent(&s))
		return NULL;
	return nc->kernels->activate(act->func);
}

static bool activate_runs(struct emu_nc *nc, const struct emu_nc_dec_act *act,
			  struct emu_nc_act_run *run, emu_nc_act_fn *kernel)
{
	const struct emu_nc_ap *const ap[] = { &act->src, &act->dst, &act->residual };
	unsigned int operands = act->has_residual ? 3 : 2;
	struct emu_nc_runs r;
	bool nan = false;

	emu_nc_runs_init(&r, &act->counts, ap, operands);
	run->columns = r.columns;
	do {
		run->src = emu_nc_strand(&nc->mem, &act->src, r.off[0], r.step[0]);
		run->dst = emu_nc_strand(&nc->mem, &act->dst, r.off[1], r.step[1]);
		if (act->has_residual)
			run->residual = emu_nc_strand(&nc->mem, &act->residual, r.off[2],
						      r.step[2]);
		nan |= kernel(run);
	} while (emu_nc_runs_next(&r));
	return nan;
}

static bool activate_columns(struct emu_nc *nc, const struct emu_nc_dec_act *act,
			     const struct emu_nc_act_run *run)
{
	const struct emu_nc_ap *const ap[] = { &act->src, &act->dst,
					       act->has_residual ? &act->residual : &act->dst };
	const struct emu_nc_kernels *kr = nc->kernels;
	unsigned int n = act->src.parts;
	struct emu_nc_lanes xs, residuals;
	const float *residual = residuals.f;
	struct emu_nc_walk w;
	bool nan = false;

	/* -0 is what an addition does not notice. */
	emu_nc_lanes_fill(&residuals, NEGATIVE_ZERO);
	emu_nc_walk_init(&w, ap, 3);
	do {
		float *x = kr->load(&nc->mem, &act->src, w.off[0], &xs);

		if (act->has_residual)
			residual = kr->load(&nc->mem, &act->residual, w.off[2], &residuals);
		kr->affine(x, run->scale, run->bias, residual, n);
		kr->func(x, run->param, n, act->func);
		nan |= kr->store(&nc->mem, &act->dst, w.off[1], x);
		if (run->sum)
			kr->alu(run->sum, run->sum, x, n, NEURON_ALU_ADD);
	} while (emu_nc_walk_next(&w, &act->counts, ap, 3));
	return nan;
}

static void activate(struct emu_nc *nc, const struct emu_nc_dec_act *act, emu_nc_act_fn *kernel)
{
	struct emu_nc_lanes scales, biases, params, sums;
	struct emu_nc_act_run run = { .lanes = act->src.parts };
	bool nan;

	run.scale = vector(nc, act->has_scale, &act->scale, act->scale_imm, &scales);
	run.bias = vector(nc, act->has_bias, &act->bias, act->bias_imm, &biases);
	run.param = vector(nc, act->has_param, &act->param, act->param_imm, &params);
	if (act->accumulate)
		run.sum = nc->kernels->load(&nc->mem, &act->sum, act->sum.base, &sums);
	else if (act->reduce)
		run.sum = emu_nc_lanes_fill(&sums, NEGATIVE_ZERO);
	nan = kernel ? activate_runs(nc, act, &run, kernel) : activate_columns(nc, act, &run);
	if (act->reduce)
		nan |= nc->kernels->store(&nc->mem, &act->sum, act->sum.base, run.sum);
	emu_nc_saw_nan(nc, nan);
}

/* An instruction in parts. */
struct activation {
	struct emu_nc *nc;
	const struct emu_nc_dec_act *act;
	emu_nc_act_fn *kernel;
	unsigned int loop, parts;
};

static void activate_part(void *arg, unsigned int part)
{
	const struct activation *a = arg;
	struct emu_nc_dec_act act = *a->act;
	struct emu_nc_split s = describe(&act);

	emu_nc_split_take(&s, a->loop, part, a->parts);
	activate(a->nc, &act, a->kernel);
}

int emu_nc_act_exec(struct emu_nc *nc, struct emu_nc_dec *d)
{
	struct emu_nc_split s = describe(&d->act);
	struct activation a = { .nc = nc, .act = &d->act, .kernel = find_kernel(nc, &d->act),
				.parts = 1 };

	/* a sum is made in order */
	if (!d->act.reduce)
		a.parts = emu_nc_split_parts(nc, &s, &a.loop);
	if (a.parts < 2)
		activate(nc, &d->act, a.kernel);
	else
		emu_nc_team_run(nc->team, nc->kernels, activate_part, &a, a.parts);
	return NEURON_JOB_OK;
}
