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

/* One that is allowed in floats or in integers. */
static uint8_t any_alu(bool integer)
{
	uint8_t alu;

	do {
		alu = (uint8_t)nct_below(GEN_ALUS);
	} while (integer ? alu == NEURON_ALU_POW : alu == NEURON_ALU_SHL || alu == NEURON_ALU_SHR);
	return alu;
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
	if (insn->matmul.count[0] * insn->matmul.count[1] * insn->matmul.count[2] *
	    insn->matmul.count[3] > NEURON_MATMUL_MAX_N)
		insn->matmul.count[0] = 1;
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
	/* what most networks have most of, and paths have kernels for */
	bool common = nct_below(3) == 0;
	static const uint8_t uses[] = { 0, NEURON_ACTIVATE_RESIDUAL, NEURON_ACTIVATE_REDUCE,
					NEURON_ACTIVATE_REDUCE | NEURON_ACTIVATE_ACCUMULATE };
	static const uint8_t biases[] = { 0, NEURON_ACTIVATE_BIAS, NEURON_ACTIVATE_BIAS_IMM };

	if (common) {
		src = NEURON_FP32;
		dst = NEURON_BF16;
		parts += parts & 1 && parts < 128;
	}
	insn->activate.func = (uint8_t)nct_below(common ? 2 : GEN_FUNCS);
	insn->flags = (uint8_t)(biases[nct_below(3)] |
				(nct_below(2) ? NEURON_ACTIVATE_SCALE_PTR : 0));
	if (insn->activate.func < NEURON_FUNC_ELU)
		insn->flags |= uses[nct_below(4)];
	else
		insn->flags |= nct_below(2) ? NEURON_ACTIVATE_PARAM_PTR : 0;
	any_counts(insn->activate.count);
	insn->activate.partitions = (uint8_t)parts;
	insn->activate.src_dtype = src;
	insn->activate.dst_dtype = dst;
	insn->activate.src =
		operand(insn->activate.count, insn->activate.src_step, parts, src,
			common || any_psum(src));
	insn->activate.dst =
		operand(insn->activate.count, insn->activate.dst_step, parts, dst, any_psum(dst));
	if (!common && nct_below(3) == 0) {	/* in place */
		insn->activate.dst = insn->activate.src;
		insn->activate.dst_dtype = src;
		memcpy(insn->activate.dst_step, insn->activate.src_step,
		       sizeof(insn->activate.dst_step));
	}
	if (insn->flags & NEURON_ACTIVATE_BIAS)
		insn->activate.bias = vector(parts);
	else if (insn->flags & NEURON_ACTIVATE_BIAS_IMM)
		insn->activate.bias = nct_hard_float();
	insn->activate.scale =
		insn->flags & NEURON_ACTIVATE_SCALE_PTR ? vector(parts) : nct_hard_float();
	if (insn->flags & NEURON_ACTIVATE_RESIDUAL)
		insn->activate.residual = insn->activate.dst;
	else if (insn->flags & (NEURON_ACTIVATE_REDUCE | NEURON_ACTIVATE_PARAM_PTR))
		insn->activate.residual = vector(parts);
	else if (insn->activate.func >= NEURON_FUNC_ELU)
		insn->activate.residual = nct_hard_float();
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
	insn->flags |= nct_below(2) ? NEURON_TENSOR_INTEGER : 0;
	insn->tensor_tensor.partitions = (uint8_t)parts;
	insn->tensor_tensor.alu = any_alu(insn->flags & NEURON_TENSOR_INTEGER);
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

	insn->flags = (uint8_t)nct_below(32);
	any_counts(insn->tensor_scalar.count);
	insn->tensor_scalar.partitions = (uint8_t)parts;
	insn->tensor_scalar.alu0 = any_alu(insn->flags & NEURON_SCALAR_INTEGER);
	insn->tensor_scalar.alu1 = any_alu(insn->flags & NEURON_SCALAR_INTEGER);
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
	insn->flags = (uint8_t)nct_below(8);
	if (!(insn->flags & NEURON_REDUCE_INDEX))
		insn->flags &= (uint8_t)~NEURON_REDUCE_LAST;
	insn->tensor_reduce.alu = any_alu(insn->flags & NEURON_REDUCE_INTEGER);
	if (insn->flags & NEURON_REDUCE_INDEX)
		insn->tensor_reduce.alu = nct_below(2) ? NEURON_ALU_MAX : NEURON_ALU_MIN;
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

/* Half of them as convolutions of each channel are: bf16 and factors that stay, to PSUM. */
static void gen_tensor_dot(struct neuron_insn *insn)
{
	bool window = nct_below(2);
	unsigned int parts = any_parts();
	uint8_t src0 = window ? NEURON_BF16 : any_type(), src1 = window ? NEURON_FP32 : any_type();
	uint8_t dst = window ? NEURON_FP32 : any_type();
	uint16_t outer[4], factors[4];

	any_counts(insn->tensor_dot.count);
	insn->flags = (uint8_t)(src1 << NEURON_TENSOR_SRC1_DTYPE_SHIFT);
	if (nct_below(4) == 0) {
		src1 = src0;
		insn->flags = 0;
	}
	insn->tensor_dot.partitions = (uint8_t)parts;
	insn->tensor_dot.dims = (uint8_t)(1 + nct_below(4));
	insn->tensor_dot.src_dtype = src0;
	insn->tensor_dot.dst_dtype = dst;
	for (int d = 0; d < 4; d++) {
		outer[d] = d >= 4 - insn->tensor_dot.dims ? 1 : insn->tensor_dot.count[d];
		factors[d] = window && outer[d] > 1 ? 1 : insn->tensor_dot.count[d];
	}
	insn->tensor_dot.src0 = operand(insn->tensor_dot.count, insn->tensor_dot.src0_step, parts, src0,
					!window && any_psum(src0));
	insn->tensor_dot.src1 = operand(factors, insn->tensor_dot.src1_step, parts, src1,
					!window && any_psum(src1));
	for (int d = 0; d < 4; d++)
		insn->tensor_dot.src1_step[d] *= factors[d] > 1;
	insn->tensor_dot.dst = operand(outer, insn->tensor_dot.dst_step, parts, dst,
				       window || any_psum(dst));
}

static void gen_memset(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t dst = any_type();

	insn->flags = (uint8_t)nct_below(2);
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

static void gen_dma_gather(struct neuron_insn *insn)
{
	uint16_t count[4] = { 1 }, src_count[4], index_count[4] = { 1, 1, 1 };
	int32_t size, src_step[4], dst_step[4];
	int16_t index_step[4];

	insn->flags = (uint8_t)nct_below(7);
	size = 1 << insn->flags;
	for (int d = 1; d < 4; d++)
		count[d] = (uint16_t)(1 + nct_below(7));
	memcpy(src_count, count, sizeof(count));
	insn->dma_gather.limit = 1 + nct_below(9);
	src_count[1] = (uint16_t)insn->dma_gather.limit;
	index_count[3] = count[1];
	insn->dma_gather.index =
		operand(index_count, index_step, 1, NEURON_INT32, nct_below(2));
	insn->dma_gather.index_step = index_step[3];
	insn->src_seg = (uint8_t)(nct_below(2) ? NEURON_ISA_NO_SEG : NCT_SEG_DATA + nct_below(2));
	insn->dst_seg = (uint8_t)(nct_below(2) ? NEURON_ISA_NO_SEG : NCT_SEG_DATA + nct_below(2));
	insn->dma_gather.src = insn->src_seg == NEURON_ISA_NO_SEG ?
		dma_local(src_count, src_step, size, nct_below(2)) :
		walk(src_count, src_step, (int32_t)GEN_MEM, 1, size);
	insn->dma_gather.dst = insn->dst_seg == NEURON_ISA_NO_SEG ?
		dma_local(count, dst_step, size, nct_below(2)) :
		walk(count, dst_step, (int32_t)GEN_MEM, 1, size);
	memcpy(insn->dma_gather.count, count + 1, sizeof(insn->dma_gather.count));
	memcpy(insn->dma_gather.src_step, src_step + 1, sizeof(insn->dma_gather.src_step));
	memcpy(insn->dma_gather.dst_step, dst_step + 1, sizeof(insn->dma_gather.dst_step));
}

static void gen_transpose(struct neuron_insn *insn)
{
	uint8_t dtype = any_type();
	unsigned int k = any_parts(), m = any_parts(), size = mdl_size(dtype);
	bool big = k * size * 2 > GEN_REGION || m * size * 2 > GEN_REGION;
	uint16_t *count = insn->transpose.count, dst[4];
	int16_t steps[4];

	for (int d = 0; d < 3; d++)
		count[d] = (uint16_t)(big ? 1 : 1 + nct_below(3));
	count[3] = (uint16_t)m;
	memcpy(dst, count, sizeof(dst));
	dst[3] = (uint16_t)k;
	insn->transpose.k = (uint8_t)k;
	insn->transpose.dtype = dtype;
	insn->transpose.src = operand(count, steps, k, dtype, any_psum(dtype));
	memcpy(insn->transpose.src_step, steps, sizeof(steps));
	insn->transpose.dst = operand(dst, steps, m, dtype, any_psum(dtype));
	memcpy(insn->transpose.dst_step, steps, sizeof(steps));
}

static void gen_iota(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t dst = any_type();

	any_counts(insn->iota.count);
	insn->iota.partitions = (uint8_t)parts;
	insn->iota.dst_dtype = dst;
	insn->iota.value = (int32_t)nct_random() >> nct_below(32);
	insn->iota.part_add = (int32_t)nct_random() >> nct_below(32);
	for (int d = 0; d < 4; d++)
		insn->iota.add[d] = (int32_t)nct_random() >> nct_below(32);
	insn->iota.dst = operand(insn->iota.count, insn->iota.dst_step, parts, dst, any_psum(dst));
}

static void gen_select(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t pred = any_type(), src = any_type(), dst = any_type();

	insn->flags = (uint8_t)nct_below(8);
	any_counts(insn->select.count);
	insn->select.partitions = (uint8_t)parts;
	insn->select.pred_dtype = pred;
	insn->select.src_dtype = src;
	insn->select.dst_dtype = dst;
	insn->select.pred = operand(insn->select.count, insn->select.pred_step, parts, pred,
				    any_psum(pred));
	insn->select.src = operand(insn->select.count, insn->select.src_step, parts, src,
				   any_psum(src));
	if (insn->flags & NEURON_SELECT_IMM)
		insn->select.src = nct_hard_float();
	insn->select.dst = operand(insn->select.count, insn->select.dst_step, parts, dst,
				   any_psum(dst));
}

static void gen_gather(struct neuron_insn *insn)
{
	unsigned int parts = any_parts();
	uint8_t index = any_type(), dtype = any_type();
	uint16_t src[4];

	any_counts(insn->gather.count);
	insn->flags = (uint8_t)(index << NEURON_GATHER_INDEX_DTYPE_SHIFT);
	insn->gather.partitions = (uint8_t)parts;
	insn->gather.dtype = dtype;
	insn->gather.limit = (uint16_t)(1 + nct_below(20));
	memcpy(src, insn->gather.count, sizeof(src));
	src[3] = insn->gather.limit;
	insn->gather.index = operand(insn->gather.count, insn->gather.index_step, parts, index,
				     any_psum(index));
	insn->gather.src = operand(src, insn->gather.src_step, parts, dtype, any_psum(dtype));
	insn->gather.dst = operand(insn->gather.count, insn->gather.dst_step, parts, dtype,
				   any_psum(dtype));
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
	case NEURON_OP_TENSOR_DOT:
		gen_tensor_dot(insn);
		break;
	case NEURON_OP_MEMSET:
		gen_memset(insn);
		break;
	case NEURON_OP_TRANSPOSE:
		gen_transpose(insn);
		break;
	case NEURON_OP_IOTA:
		gen_iota(insn);
		break;
	case NEURON_OP_SELECT:
		gen_select(insn);
		break;
	case NEURON_OP_GATHER:
		gen_gather(insn);
		break;
	case NEURON_OP_DMA_COPY:
		gen_dma_copy(insn);
		break;
	case NEURON_OP_DMA_GATHER:
		gen_dma_gather(insn);
		break;
	case NEURON_OP_NOTIFY:
		insn->notify.value = (uint32_t)nct_random();
		break;
	default:	/* nop */
		break;
	}
}
