// SPDX-License-Identifier: Apache-2.0
/* Making of random instructions that are valid. */

#include <string.h>
#include "nc_gen.h"
#include "nc_model.h"

static const uint8_t all_types[] = { NEURON_FP32,   NEURON_FP16,  NEURON_BF16,
				     NEURON_INT8,   NEURON_UINT8, NEURON_INT16,
				     NEURON_UINT16, NEURON_INT32, NEURON_UINT32 };

static uint8_t any_type(void)
{
	return all_types[nct_below(sizeof(all_types))];
}

static unsigned int any_parts(void)
{
	switch (nct_below(4)) {
	case 0:
		return 128;
	case 1:
		return 1;
	default:
		return 1 + nct_below(128);
	}
}

static void any_counts(uint16_t count[4])
{
	for (int d = 0; d < 4; d++)
		count[d] = (uint16_t)(nct_below(2) ? 1 : 1 + nct_below(d == 3 ? 12 : 4));
}

/* A local address and steps so that all of the pattern lies in one of the regions. */
static uint32_t operand(const uint16_t count[4], int16_t step[4], unsigned int parts,
			unsigned int dtype, bool psum)
{
	int32_t size = (int32_t)mdl_size(dtype), low = 0, high = 0, room, base;
	uint32_t limit = psum ? NEURON_PSUM_BYTES : NEURON_SBUF_BYTES;

	for (int d = 0; d < 4; d++) {
		int32_t span, s = (int32_t)nct_below(15) - 7;

		span = s * (count[d] - 1) * size;
		if (high - low + (span < 0 ? -span : span) + size > (int32_t)GEN_REGION)
			s = span = 0;
		if (span < 0)
			low += span;
		else
			high += span;
		step[d] = (int16_t)s;
		if (count[d] == 1 && nct_below(2))
			step[d] = (int16_t)nct_random();	/* not taken */
	}
	room = ((int32_t)GEN_REGION - (high - low) - size) / size;
	base = -low + (int32_t)nct_below((uint32_t)room + 1) * size;
	if (nct_below(2))
		base += (int32_t)(limit - GEN_REGION);
	else if (nct_below(4) == 0)
		base = -low;
	return NEURON_LOCAL_ADDR(psum, nct_below(129 - parts), base);
}

static bool any_psum(unsigned int dtype)
{
	return mdl_size(dtype) == 4 && nct_below(2);
}

static uint32_t vector(unsigned int parts)
{
	static const uint16_t one[4] = { 1, 1, 1, 1 };
	int16_t step[4];

	return operand(one, step, parts, NEURON_FP32, nct_below(2));
}

static void gen_ldweights(struct gen *g, struct neuron_insn *insn)
{
	static const uint8_t types[] = { NEURON_BF16, NEURON_BF16, NEURON_FP16, NEURON_INT8,
					 NEURON_UINT8 };
	uint16_t count[4] = { 1, 1, 1, 0 };
	int16_t step[4];

	g->k = any_parts();
	g->m = any_parts();
	g->dtype = types[nct_below(sizeof(types))];
	count[3] = (uint16_t)g->m;
	insn->ldweights.src = operand(count, step, g->k, g->dtype, false);
	insn->ldweights.step = step[3];
	insn->ldweights.k = (uint8_t)g->k;
	insn->ldweights.m = (uint8_t)g->m;
	insn->ldweights.dtype = (uint8_t)g->dtype;
}

static void gen_matmul(struct gen *g, struct neuron_insn *insn)
{
	bool integer = g->dtype == NEURON_INT8 || g->dtype == NEURON_UINT8;
	unsigned int k = nct_below(2) ? g->k : 1 + nct_below(g->k);
	unsigned int m = nct_below(2) ? g->m : 1 + nct_below(g->m);
	uint8_t dtype = integer ? (nct_below(2) ? NEURON_INT8 : NEURON_UINT8) :
				  (nct_below(2) ? NEURON_BF16 : NEURON_FP16);

	insn->flags = (uint8_t)nct_below(2);
	any_counts(insn->matmul.count);
	insn->matmul.k = (uint8_t)k;
	insn->matmul.m = (uint8_t)m;
	insn->matmul.dtype = dtype;
	insn->matmul.src = operand(insn->matmul.count, insn->matmul.src_step, k, dtype, false);
	insn->matmul.dst = operand(insn->matmul.count, insn->matmul.dst_step, m, NEURON_FP32, true);
}

static void gen_activate(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t src = any_type(), dst = any_type();

	insn->flags = (uint8_t)nct_below(8);
	any_counts(insn->activate.count);
	insn->activate.partitions = (uint8_t)parts;
	insn->activate.func = (uint8_t)nct_below(13);
	insn->activate.src_dtype = src;
	insn->activate.dst_dtype = dst;
	insn->activate.src =
		operand(insn->activate.count, insn->activate.src_step, parts, src, any_psum(src));
	insn->activate.dst =
		operand(insn->activate.count, insn->activate.dst_step, parts, dst, any_psum(dst));
	if (nct_below(3) == 0) {	/* in place */
		insn->activate.dst = insn->activate.src;
		insn->activate.dst_dtype = src;
		memcpy(insn->activate.dst_step, insn->activate.src_step,
		       sizeof(insn->activate.dst_step));
	}
	if (insn->flags & NEURON_ACTIVATE_BIAS)
		insn->activate.bias = vector(parts);
	insn->activate.scale =
		insn->flags & NEURON_ACTIVATE_SCALE_PTR ? vector(parts) : nct_hard_float();
	if (insn->flags & NEURON_ACTIVATE_RESIDUAL)
		insn->activate.residual = insn->activate.dst;
}

static void gen_tensor_tensor(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t src0 = any_type(), src1 = any_type(), dst = any_type();

	any_counts(insn->tensor_tensor.count);
	if (nct_below(2))
		src1 = src0;
	else
		insn->flags = (uint8_t)(src1 << NEURON_TENSOR_SRC1_DTYPE_SHIFT);
	insn->tensor_tensor.partitions = (uint8_t)parts;
	insn->tensor_tensor.alu = (uint8_t)nct_below(7);
	insn->tensor_tensor.src_dtype = src0;
	insn->tensor_tensor.dst_dtype = dst;
	insn->tensor_tensor.src0 = operand(insn->tensor_tensor.count, insn->tensor_tensor.src0_step,
					   parts, src0, any_psum(src0));
	insn->tensor_tensor.src1 = operand(insn->tensor_tensor.count, insn->tensor_tensor.src1_step,
					   parts, src1, any_psum(src1));
	insn->tensor_tensor.dst = operand(insn->tensor_tensor.count, insn->tensor_tensor.dst_step,
					  parts, dst, any_psum(dst));
}

static void gen_tensor_scalar(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t src = any_type(), dst = any_type();

	insn->flags = (uint8_t)nct_below(16);
	any_counts(insn->tensor_scalar.count);
	insn->tensor_scalar.partitions = (uint8_t)parts;
	insn->tensor_scalar.alu0 = (uint8_t)nct_below(7);
	insn->tensor_scalar.alu1 = (uint8_t)nct_below(7);
	insn->tensor_scalar.src_dtype = src;
	insn->tensor_scalar.dst_dtype = dst;
	insn->tensor_scalar.scalar0 =
		insn->flags & NEURON_SCALAR0_PTR ? vector(parts) : nct_hard_float();
	insn->tensor_scalar.scalar1 =
		insn->flags & NEURON_SCALAR1_PTR ? vector(parts) : nct_hard_float();
	insn->tensor_scalar.src = operand(insn->tensor_scalar.count, insn->tensor_scalar.src_step,
					  parts, src, any_psum(src));
	insn->tensor_scalar.dst = operand(insn->tensor_scalar.count, insn->tensor_scalar.dst_step,
					  parts, dst, any_psum(dst));
}

static void gen_tensor_reduce(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t src = any_type(), dst = any_type();
	uint16_t outer[4];

	any_counts(insn->tensor_reduce.count);
	insn->tensor_reduce.partitions = (uint8_t)parts;
	insn->tensor_reduce.alu = (uint8_t)nct_below(7);
	insn->tensor_reduce.dims = (uint8_t)(1 + nct_below(4));
	insn->tensor_reduce.src_dtype = src;
	insn->tensor_reduce.dst_dtype = dst;
	insn->tensor_reduce.scale = nct_below(2) ? nct_f(1.0f) : nct_hard_float();
	insn->tensor_reduce.src = operand(insn->tensor_reduce.count, insn->tensor_reduce.src_step,
					  parts, src, any_psum(src));
	for (int d = 0; d < 4; d++)
		outer[d] = d >= 4 - insn->tensor_reduce.dims ? 1 : insn->tensor_reduce.count[d];
	insn->tensor_reduce.dst =
		operand(outer, insn->tensor_reduce.dst_step, parts, dst, any_psum(dst));
}

static void gen_memset(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t dst = any_type();

	any_counts(insn->memset.count);
	insn->memset.partitions = (uint8_t)parts;
	insn->memset.dst_dtype = dst;
	insn->memset.value = nct_hard_float();
	insn->memset.dst =
		operand(insn->memset.count, insn->memset.dst_step, parts, dst, any_psum(dst));
}

/* Steps and base of one dimension of movement within [0, limit), in units of @unit. */
static uint32_t walk(const uint16_t count[4], int32_t step[4], int32_t limit, int32_t unit,
		     int32_t last)
{
	int32_t low = 0, high = 0, room;

	for (int d = 0; d < 4; d++) {
		int32_t s = ((int32_t)nct_below(9) - 4) * unit, span;

		if (nct_below(3) == 0)
			s = last;	/* one element after the other */
		span = s * (count[d] - 1);
		if (high - low + (span < 0 ? -span : span) + last > limit)
			s = span = 0;
		if (span < 0)
			low += span;
		else
			high += span;
		step[d] = s;
	}
	room = (limit - (high - low) - last) / unit;
	return (uint32_t)(-low + (int32_t)nct_below((uint32_t)room + 1) * unit);
}

static uint32_t dma_local(const uint16_t count[4], int32_t step[4], int32_t size, bool psum)
{
	int32_t unit = size == 1 ? 1 : psum && size > 2 ? 4 : 2, parts[4], bytes[4];
	uint32_t part, byte, limit = psum ? NEURON_PSUM_BYTES : NEURON_SBUF_BYTES;

	part = walk(count, parts, NEURON_PARTITIONS, 1, 1);
	byte = walk(count, bytes, GEN_REGION, unit, size);
	for (int d = 0; d < 4; d++)
		step[d] = parts[d] * (int32_t)NEURON_LOCAL_PARTITION + bytes[d];
	if (nct_below(2))
		byte += limit - GEN_REGION;
	return NEURON_LOCAL_ADDR(psum, part, byte);
}

static void gen_dma_copy(struct neuron_insn *insn)
{
	int32_t size;

	insn->flags = (uint8_t)nct_below(7);
	size = 1 << insn->flags;
	any_counts(insn->dma_copy.count);
	if (nct_below(3) == 0)
		insn->dma_copy.count[2 + nct_below(2)] = (uint16_t)(2 + nct_below(100));
	insn->src_seg = (uint8_t)(nct_below(2) ? NEURON_ISA_NO_SEG : NCT_SEG_DATA + nct_below(2));
	insn->dst_seg = (uint8_t)(nct_below(2) ? NEURON_ISA_NO_SEG : NCT_SEG_DATA + nct_below(2));
	insn->dma_copy.src = insn->src_seg == NEURON_ISA_NO_SEG ?
		dma_local(insn->dma_copy.count, insn->dma_copy.src_step, size, nct_below(2)) :
		walk(insn->dma_copy.count, insn->dma_copy.src_step, (int32_t)GEN_MEM, 1, size);
	insn->dma_copy.dst = insn->dst_seg == NEURON_ISA_NO_SEG ?
		dma_local(insn->dma_copy.count, insn->dma_copy.dst_step, size, nct_below(2)) :
		walk(insn->dma_copy.count, insn->dma_copy.dst_step, (int32_t)GEN_MEM, 1, size);
}

void gen_insn(struct gen *g, struct neuron_insn *insn)
{
	switch (insn->op) {
	case NEURON_OP_LDWEIGHTS:
		gen_ldweights(g, insn);
		break;
	case NEURON_OP_MATMUL:
		gen_matmul(g, insn);
		break;
	case NEURON_OP_ACTIVATE:
		gen_activate(insn);
		break;
	case NEURON_OP_TENSOR_TENSOR:
		gen_tensor_tensor(insn);
		break;
	case NEURON_OP_TENSOR_SCALAR:
		gen_tensor_scalar(insn);
		break;
	case NEURON_OP_TENSOR_REDUCE:
		gen_tensor_reduce(insn);
		break;
	case NEURON_OP_MEMSET:
		gen_memset(insn);
		break;
	case NEURON_OP_DMA_COPY:
		gen_dma_copy(insn);
		break;
	case NEURON_OP_NOTIFY:
		insn->notify.value = (uint32_t)nct_random();
		break;
	default:	/* nop */
		break;
	}
}
