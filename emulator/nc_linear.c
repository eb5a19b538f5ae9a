// SPDX-License-Identifier: Apache-2.0
/*
 * tensor_tensor, tensor_scalar and memset as scale * x + bias + y, where that has the same bits: with
 * a scale of 1 or a bias of -0 the one rounding is that of the sum or of the product.
 */

#include "nc_linear.h"

#define NEGATIVE_ZERO	0x80000000u
#define ONE		0x3f800000u
#define MINUS_ONE	0xbf800000u

/* An operation in these terms: its operands, immediates of scale and bias, or what has them. */
struct linear {
	const struct emu_nc_ap *x, *y;
	uint32_t scale, bias;
	const struct emu_nc_ap *scales, *biases;
};

static bool linear_tensor(struct linear *l, const struct emu_nc_dec_pool *p)
{
	/* -b + a is a - b */
	l->x = p->alu[0] == NEURON_ALU_SUB ? &p->src1 : &p->src0;
	l->y = p->alu[0] == NEURON_ALU_SUB ? &p->src0 : &p->src1;
	l->scale = p->alu[0] == NEURON_ALU_SUB ? MINUS_ONE : ONE;
	return p->alu[0] == NEURON_ALU_SUB || p->alu[0] == NEURON_ALU_ADD;
}

static bool linear_scalar(struct linear *l, const struct emu_nc_dec_pool *p)
{
	const struct emu_nc_ap *scalar = p->pointer[0] ? &p->scalar[0] : NULL;

	l->x = &p->src0;
	if (p->alu[1] != NEURON_ALU_BYPASS || p->reverse[1])
		return false;
	switch (p->alu[0]) {
	case NEURON_ALU_BYPASS:
		return !p->reverse[0];
	case NEURON_ALU_ADD:
		l->bias = p->imm[0];
		l->biases = scalar;
		return true;
	case NEURON_ALU_MUL:
		l->scale = p->imm[0];
		l->scales = scalar;
		return true;
	default:
		return false;
	}
}

static bool linear_init(struct linear *l, const struct emu_nc_dec_pool *p, unsigned int op)
{
	*l = (struct linear){ .scale = ONE, .bias = NEGATIVE_ZERO };
	if (p->integer)
		return false;
	if (op == NEURON_OP_TENSOR_TENSOR ? !linear_tensor(l, p) :
	    op == NEURON_OP_TENSOR_SCALAR ? !linear_scalar(l, p) : op != NEURON_OP_MEMSET)
		return false;
	return emu_nc_strand_place(&p->dst) && (!l->x || emu_nc_strand_place(l->x)) &&
	       (!l->y || emu_nc_strand_place(l->y));
}

static const float *vector(struct emu_nc *nc, const struct emu_nc_ap *ap, uint32_t imm,
			   struct emu_nc_lanes *lanes)
{
	return ap ? nc->kernels->load(&nc->mem, ap, ap->base, lanes) : emu_nc_lanes_fill(lanes, imm);
}

bool emu_nc_linear(struct emu_nc *nc, const struct emu_nc_dec_pool *p, unsigned int op,
		   const struct emu_nc_split *s)
{
	struct emu_nc_act_run run = { .lanes = p->dst.parts };
	struct emu_nc_lanes scales, biases, value;
	const struct emu_nc_ap *ap[3] = { &p->dst };
	unsigned int operands = 1;
	struct emu_nc_runs r;
	struct linear l;
	bool nan = false;

	if (!nc->kernels->activate || !linear_init(&l, p, op) || !emu_nc_split_independent(s))
		return false;
	run.scale = vector(nc, l.scales, l.scale, &scales);
	run.bias = vector(nc, l.biases, l.bias, &biases);
	run.param = run.bias;	/* of no meaning */
	if (l.x)
		ap[operands++] = l.x;
	else
		run.src = (struct emu_nc_strand){
			EMU_NC_WORDS, emu_nc_lanes_fill(&value, p->imm[0]), 0
		};
	if (l.y)
		ap[operands++] = l.y;
	emu_nc_runs_init(&r, &p->counts, ap, operands);
	run.columns = r.columns;
	do {
		run.dst = emu_nc_strand(&nc->mem, &p->dst, r.off[0], r.step[0]);
		if (l.x)
			run.src = emu_nc_strand(&nc->mem, l.x, r.off[1], r.step[1]);
		if (l.y)
			run.residual = emu_nc_strand(&nc->mem, l.y, r.off[2], r.step[2]);
		nan |= nc->kernels->activate(NEURON_FUNC_IDENTITY)(&run);
	} while (emu_nc_runs_next(&r));
	emu_nc_saw_nan(nc, nan);
	return true;
}
