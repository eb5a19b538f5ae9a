// SPDX-License-Identifier: Apache-2.0
/* What a job may not do: each kind of fault, where it is reported, and what it names. */

#include <string.h>
#include "nc_harness.h"

#define FIELD(f)	offsetof(struct neuron_insn, f)

static void expect(struct nct *t, unsigned int status, unsigned int engine, uint32_t pc,
		   uint64_t detail)
{
	struct neuron_completion c = nct_run(t);

	assert_int_equal(c.status, status);
	assert_int_equal(c.engine, engine);
	assert_int_equal(c.pc, pc);
	assert_int_equal(c.detail, detail);
}

/* A valid instruction of each kind, to be spoilt in one field. */
static struct neuron_insn *valid(struct nct *t, unsigned int op)
{
	struct neuron_insn *i;

	nct_begin(t);
	if (op == NEURON_OP_MATMUL)
		valid(t, NEURON_OP_LDWEIGHTS);
	i = nct_insn(t, op);
	for (int d = 0; d < 4 && op != NEURON_OP_LDWEIGHTS && op > NEURON_OP_NOTIFY; d++)
		i->matmul.count[d] = (uint16_t)(d + 1);	/* at the same place in all of them */
	switch (op) {
	case NEURON_OP_LDWEIGHTS:
		i->ldweights.k = i->ldweights.m = 128;
		i->ldweights.step = 1;
		i->ldweights.dtype = NEURON_BF16;
		break;
	case NEURON_OP_MATMUL:
		i->matmul.k = i->matmul.m = 128;
		i->matmul.dst = NEURON_LOCAL_PSUM;
		i->matmul.dtype = NEURON_BF16;
		break;
	case NEURON_OP_ACTIVATE:
		i->activate.partitions = 128;
		i->activate.src_dtype = i->activate.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_TENSOR_TENSOR:
		i->tensor_tensor.partitions = 128;
		i->tensor_tensor.src_dtype = i->tensor_tensor.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_TENSOR_SCALAR:
		i->tensor_scalar.partitions = 128;
		i->tensor_scalar.src_dtype = i->tensor_scalar.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_TENSOR_REDUCE:
		i->tensor_reduce.partitions = 128;
		i->tensor_reduce.dims = 1;
		i->tensor_reduce.src_dtype = i->tensor_reduce.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_TENSOR_DOT:
		i->tensor_dot.partitions = 128;
		i->tensor_dot.dims = 1;
		i->tensor_dot.src_dtype = i->tensor_dot.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_MEMSET:
		i->memset.partitions = 128;
		i->memset.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_TRANSPOSE:
		i->transpose.k = 128;
		i->transpose.dtype = NEURON_BF16;
		break;
	case NEURON_OP_IOTA:
		i->iota.partitions = 128;
		i->iota.dst_dtype = NEURON_INT32;
		break;
	case NEURON_OP_SELECT:
		i->select.partitions = 128;
		i->select.pred_dtype = NEURON_UINT8;
		i->select.src_dtype = i->select.dst_dtype = NEURON_FP32;
		break;
	case NEURON_OP_GATHER:
		i->gather.src_step[3] = 1;
		i->gather.limit = 10;
		i->gather.partitions = 128;
		i->gather.dtype = NEURON_INT32;
		break;
	case NEURON_OP_DMA_GATHER:
		i->src_seg = NCT_SEG_DATA;
		i->dst_seg = NEURON_ISA_NO_SEG;
		i->flags = 2;
		i->dma_gather.count[0] = 3;
		i->dma_gather.count[1] = 1;
		i->dma_gather.count[2] = 16;
		i->dma_gather.index_step = 0;
		i->dma_gather.limit = 5;
		i->dma_gather.src_step[0] = 64;
		i->dma_gather.src_step[2] = 4;
		i->dma_gather.dst_step[0] = 64;
		i->dma_gather.dst_step[2] = 4;
		break;
	case NEURON_OP_DMA_COPY:
		i->src_seg = NCT_SEG_DATA;
		i->dst_seg = NEURON_ISA_NO_SEG;
		i->flags = 2;
		break;
	default:
		break;
	}
	return i;
}

/* The first two are any engine's. */
static const uint8_t ops[] = { NEURON_OP_NOP,		NEURON_OP_NOTIFY,
			       NEURON_OP_LDWEIGHTS,	NEURON_OP_MATMUL,
			       NEURON_OP_ACTIVATE,	NEURON_OP_TENSOR_TENSOR,
			       NEURON_OP_TENSOR_SCALAR, NEURON_OP_TENSOR_REDUCE,
			       NEURON_OP_MEMSET,	NEURON_OP_IOTA,
			       NEURON_OP_SELECT,	NEURON_OP_GATHER,
			       NEURON_OP_DMA_COPY,	NEURON_OP_DMA_GATHER,
			       NEURON_OP_TRANSPOSE,	NEURON_OP_TENSOR_DOT };
static const uint8_t op_engine[] = { NEURON_PE,	  NEURON_PE,   NEURON_PE,   NEURON_PE,	 NEURON_ACT,
				     NEURON_POOL, NEURON_POOL, NEURON_POOL, NEURON_POOL,
				     NEURON_POOL, NEURON_POOL, NEURON_POOL, NEURON_DMA,
				     NEURON_DMA,  NEURON_PE,   NEURON_POOL };

/* Modelled cycles of these, as docs/isa.md has them: 24 elements, ldweights before matmul. */
static const uint16_t op_cycles[] = { 1, 1, 128, 128 + 64, 60 + 24, 60 + 48, 60 + 24, 60 + 24,
				      60 + 24, 60 + 24, 60 + 48, 60 + 48,
				      64 + (24 * 64 + 109) / 110, 64 + (3 * 64 + 109) / 110,
				      6 * 64, 60 + 24 };

static void test_valid(void **state)
{
	for (size_t i = 0; i < sizeof(ops); i++) {
		valid(*state, ops[i]);
		assert_int_equal(nct_run_ok(*state).cycles, op_cycles[i]);
	}
}

/* One spoilt field: an INSTRUCTION fault that names the field. */
#define SPOIL(op, at, ...)								\
	do {										\
		struct neuron_insn *i = valid(t, NEURON_OP_##op);			\
		unsigned int pc = NEURON_OP_##op == NEURON_OP_MATMUL;			\
											\
		__VA_ARGS__;								\
		expect(t, NEURON_JOB_INSTRUCTION, engine_of(NEURON_OP_##op), pc, FIELD(at));	\
	} while (0)

static unsigned int engine_of(unsigned int op)
{
	for (size_t i = 0; i < sizeof(ops); i++)
		if (ops[i] == op)
			return op_engine[i];
	return 0;
}

static void test_header(void **state)
{
	struct nct *t = *state;

	SPOIL(NOP, op, i->op = 0);
	SPOIL(NOP, op, i->op = 0xff);
	SPOIL(NOP, op, i->op = NEURON_OP_MEMSET);	/* not on PE */
	SPOIL(NOP, flags, i->flags = 1);
	SPOIL(NOP, wait_sem, i->wait_sem = 32);
	SPOIL(NOP, wait_val, i->wait_val = 1);
	SPOIL(NOP, sig_sem, i->sig_sem = 0xfe);
	SPOIL(NOP, sig_val, i->sig_val = 1);
	SPOIL(NOP, dst_seg, i->dst_seg = 1);
	SPOIL(MEMSET, src_seg, i->src_seg = NEURON_ISA_NO_SEG);
	SPOIL(NOP, nop.reserved, i->nop.reserved[11] = 0x80000000);
	SPOIL(NOTIFY, flags, i->flags = 1);
	SPOIL(NOTIFY, src_seg, i->src_seg = 1);
	SPOIL(NOTIFY, notify.reserved, i->notify.reserved[10] = 1);
}

static void test_wrong_engine(void **state)
{
	struct nct *t = *state;

	for (size_t i = 2; i < sizeof(ops); i++) {
		for (unsigned int e = 0; e < NEURON_ENGINES; e++) {
			if (e == op_engine[i] ||
			    (ops[i] == NEURON_OP_TRANSPOSE && e == NEURON_POOL))
				continue;
			valid(t, ops[i]);
			nct_insn_on(t, e, ops[i]);
			for (int o = 0; o < NEURON_ENGINES; o++)
				if (o != (int)e)
					t->count[o] = 0;
			expect(t, NEURON_JOB_INSTRUCTION, e, 0, FIELD(op));
		}
	}
}

static void test_pe(void **state)
{
	struct nct *t = *state;

	SPOIL(LDWEIGHTS, flags, i->flags = 2);
	SPOIL(LDWEIGHTS, ldweights.k, i->ldweights.k = 0);
	SPOIL(LDWEIGHTS, ldweights.k, i->ldweights.k = 129);
	SPOIL(LDWEIGHTS, ldweights.k, i->ldweights.m = 200);
	SPOIL(LDWEIGHTS, ldweights.dtype, i->ldweights.dtype = NEURON_FP32);
	SPOIL(LDWEIGHTS, ldweights.dtype, i->ldweights.dtype = NEURON_INT16);
	SPOIL(LDWEIGHTS, ldweights.src, i->ldweights.src = NEURON_LOCAL_PSUM);
	SPOIL(LDWEIGHTS, ldweights.src, i->ldweights.src = 1);
	SPOIL(LDWEIGHTS, ldweights.src, i->ldweights.src = NEURON_LOCAL_PARTITION);
	SPOIL(LDWEIGHTS, ldweights.src, i->ldweights.src = NEURON_SBUF_BYTES - 254);
	SPOIL(LDWEIGHTS, ldweights.src, i->ldweights.step = -1);
	SPOIL(LDWEIGHTS, ldweights.reserved, i->ldweights.reserved[38] = 1);

	SPOIL(MATMUL, flags, i->flags = 2);
	SPOIL(MATMUL, matmul.count, i->matmul.count[0] = 0);
	SPOIL(MATMUL, matmul.count, i->matmul.count[3] = 86);	/* 2 * 3 * 86 > 512 */
	SPOIL(MATMUL, matmul.k, i->matmul.k = 0);
	SPOIL(MATMUL, matmul.k, i->matmul.m = 129);
	SPOIL(MATMUL, matmul.dtype, i->matmul.dtype = 0);
	SPOIL(MATMUL, matmul.dtype,
	      i->matmul.dtype = NEURON_INT8); /* the array is loaded with bf16 */
	SPOIL(MATMUL, matmul.src, i->matmul.src = NEURON_LOCAL_PSUM);
	SPOIL(MATMUL, matmul.dst, i->matmul.dst = 0);
	SPOIL(MATMUL, matmul.dst, i->matmul.dst = NEURON_LOCAL_PSUM | 2);
	SPOIL(MATMUL, matmul.dst, i->matmul.dst = NEURON_LOCAL_ADDR(1, 0, NEURON_PSUM_BYTES));
	SPOIL(MATMUL, matmul.reserved, i->matmul.reserved[0] = 1);
	SPOIL(MATMUL, matmul.k, i[-1].ldweights.k = 127);
	SPOIL(MATMUL, matmul.m, i[-1].ldweights.m = 127);
}

/* Without ldweights in the same job the array is empty. */
static void test_empty_array(void **state)
{
	struct nct *t = *state;
	struct neuron_insn insn;

	insn = *valid(t, NEURON_OP_MATMUL);
	nct_run_ok(t);
	nct_begin(t);
	*nct_insn(t, NEURON_OP_MATMUL) = insn;
	expect(t, NEURON_JOB_INSTRUCTION, NEURON_PE, 0, FIELD(matmul.k));
}

static void test_act_and_pool(void **state)
{
	struct nct *t = *state;

	SPOIL(ACTIVATE, flags, i->flags = 0x80);
	SPOIL(ACTIVATE, flags, i->flags = NEURON_ACTIVATE_ACCUMULATE);
	SPOIL(ACTIVATE, flags, i->flags = NEURON_ACTIVATE_BIAS | NEURON_ACTIVATE_BIAS_IMM);
	SPOIL(ACTIVATE, flags, i->flags = NEURON_ACTIVATE_RESIDUAL | NEURON_ACTIVATE_REDUCE);
	SPOIL(ACTIVATE, flags, i->flags = NEURON_ACTIVATE_PARAM_PTR);
	SPOIL(ACTIVATE, flags, i->flags = NEURON_ACTIVATE_REDUCE,
	      i->activate.func = NEURON_FUNC_ELU);
	SPOIL(ACTIVATE, activate.residual, i->flags = NEURON_ACTIVATE_REDUCE,
	      i->activate.residual = NEURON_SBUF_BYTES);
	SPOIL(ACTIVATE, activate.residual, i->flags = NEURON_ACTIVATE_PARAM_PTR,
	      i->activate.func = NEURON_FUNC_ELU, i->activate.residual = 2);
	SPOIL(ACTIVATE, activate.partitions, i->activate.partitions = 0);
	SPOIL(ACTIVATE, activate.partitions, i->activate.partitions = 129);
	SPOIL(ACTIVATE, activate.func, i->activate.func = 28);
	SPOIL(ACTIVATE, activate.src_dtype, i->activate.src_dtype = 10);
	SPOIL(ACTIVATE, activate.dst_dtype, i->activate.dst_dtype = 0);
	SPOIL(ACTIVATE, activate.bias, i->activate.bias = 4);
	SPOIL(ACTIVATE, activate.bias, i->flags = NEURON_ACTIVATE_BIAS, i->activate.bias = 2);
	SPOIL(ACTIVATE, activate.scale, i->flags = NEURON_ACTIVATE_SCALE_PTR,
	      i->activate.scale = NEURON_SBUF_BYTES);
	SPOIL(ACTIVATE, activate.residual, i->activate.residual = 4);
	SPOIL(ACTIVATE, activate.residual, i->flags = NEURON_ACTIVATE_RESIDUAL,
	      i->activate.residual = NEURON_LOCAL_PARTITION);
	SPOIL(ACTIVATE, activate.src, i->activate.src = NEURON_LOCAL_PSUM,
	      i->activate.src_dtype = NEURON_BF16);

	SPOIL(TENSOR_TENSOR, flags, i->flags = 0x02);
	SPOIL(TENSOR_TENSOR, flags, i->flags = 0xf0);
	SPOIL(TENSOR_TENSOR, tensor_tensor.alu, i->tensor_tensor.alu = 21);
	SPOIL(TENSOR_TENSOR, tensor_tensor.alu, i->tensor_tensor.alu = NEURON_ALU_SHL);
	SPOIL(TENSOR_TENSOR, tensor_tensor.alu, i->flags = NEURON_TENSOR_INTEGER,
	      i->tensor_tensor.alu = NEURON_ALU_POW);
	SPOIL(TENSOR_TENSOR, tensor_tensor.src1,
	      i->tensor_tensor.src1 = NEURON_LOCAL_PARTITION * 127);
	SPOIL(TENSOR_TENSOR, tensor_tensor.src0, i->tensor_tensor.src0_step[3] = -1);

	SPOIL(TENSOR_SCALAR, flags, i->flags = 0x20);
	SPOIL(TENSOR_SCALAR, tensor_scalar.alu1, i->tensor_scalar.alu1 = 21);
	SPOIL(TENSOR_SCALAR, tensor_scalar.alu0, i->tensor_scalar.alu0 = NEURON_ALU_SHR);
	SPOIL(TENSOR_SCALAR, tensor_scalar.reserved, i->tensor_scalar.reserved[2] = 1);
	SPOIL(TENSOR_SCALAR, tensor_scalar.scalar1, i->flags = NEURON_SCALAR1_PTR,
	      i->tensor_scalar.scalar1 = 1);

	SPOIL(TENSOR_REDUCE, flags, i->flags = 8);
	SPOIL(TENSOR_REDUCE, flags, i->flags = NEURON_REDUCE_LAST);
	SPOIL(TENSOR_REDUCE, tensor_reduce.alu, i->flags = NEURON_REDUCE_INDEX,
	      i->tensor_reduce.alu = NEURON_ALU_ADD);
	SPOIL(TENSOR_REDUCE, tensor_reduce.dims, i->tensor_reduce.dims = 0);
	SPOIL(TENSOR_REDUCE, tensor_reduce.dims, i->tensor_reduce.dims = 5);
	SPOIL(TENSOR_DOT, flags, i->flags = 1);
	SPOIL(TENSOR_DOT, flags, i->flags = 0xf0);
	SPOIL(TENSOR_DOT, tensor_dot.dims, i->tensor_dot.dims = 0);
	SPOIL(TENSOR_DOT, tensor_dot.dims, i->tensor_dot.dims = 5);
	SPOIL(TENSOR_DOT, tensor_dot.src_dtype, i->tensor_dot.src_dtype = 0);
	SPOIL(TENSOR_DOT, tensor_dot.src1,
	      i->tensor_dot.src1 = NEURON_LOCAL_PARTITION * 127);
	SPOIL(TENSOR_REDUCE, tensor_reduce.reserved, i->tensor_reduce.reserved[0] = 1);

	SPOIL(MEMSET, flags, i->flags = 2);
	SPOIL(MEMSET, memset.count, i->memset.count[0] = 2731);	/* * 2 * 3 * 4 > 65536 */
	SPOIL(MEMSET, memset.reserved, i->memset.reserved[21] = 1);
}

static void test_moves(void **state)
{
	struct nct *t = *state;

	SPOIL(TRANSPOSE, flags, i->flags = 1);
	SPOIL(TRANSPOSE, transpose.count, i->transpose.count[3] = 129);
	SPOIL(TRANSPOSE, transpose.k, i->transpose.k = 0);
	SPOIL(TRANSPOSE, transpose.dtype, i->transpose.dtype = 0);
	SPOIL(TRANSPOSE, transpose.src, i->transpose.src = NEURON_LOCAL_PSUM);
	SPOIL(TRANSPOSE, transpose.src, i->transpose.src = NEURON_LOCAL_PARTITION);
	SPOIL(TRANSPOSE, transpose.dst, i->transpose.dst = NEURON_LOCAL_PARTITION * 126);
	SPOIL(TRANSPOSE, transpose.dst, i->transpose.dst_step[3] = 32767);
	SPOIL(TRANSPOSE, transpose.reserved, i->transpose.reserved[13] = 1);

	SPOIL(IOTA, flags, i->flags = 1);
	SPOIL(IOTA, iota.count, i->iota.count[1] = 0);
	SPOIL(IOTA, iota.partitions, i->iota.partitions = 0);
	SPOIL(IOTA, iota.dst_dtype, i->iota.dst_dtype = 10);
	SPOIL(IOTA, iota.dst, i->iota.dst = 1);
	SPOIL(IOTA, iota.reserved, i->iota.reserved[0] = 1);

	SPOIL(SELECT, flags, i->flags = 8);
	SPOIL(SELECT, select.partitions, i->select.partitions = 129);
	SPOIL(SELECT, select.pred_dtype, i->select.pred_dtype = 0);
	SPOIL(SELECT, select.pred, i->select.pred = NEURON_LOCAL_PSUM);
	SPOIL(SELECT, select.src, i->select.src = 2);
	SPOIL(SELECT, select.dst, i->select.dst = NEURON_SBUF_BYTES);

	SPOIL(GATHER, flags, i->flags = 1);
	SPOIL(GATHER, flags, i->flags = 0xa0);
	SPOIL(GATHER, gather.index, i->gather.index = 2);
	/* the source is checked for every index below the limit, whatever the indices are */
	SPOIL(GATHER, gather.src, i->gather.limit = NEURON_SBUF_BYTES / 4 + 1);
	SPOIL(GATHER, gather.src, i->gather.limit = 0);
	SPOIL(GATHER, gather.dst, i->gather.dst = 1);
	valid(t, NEURON_OP_GATHER)->gather.limit = NEURON_SBUF_BYTES / 4;
	nct_run_ok(t);
}

static void test_dma_gather(void **state)
{
	struct nct *t = *state;
	struct neuron_insn *i;

	SPOIL(DMA_GATHER, flags, i->flags = 7);
	SPOIL(DMA_GATHER, dma_gather.count, i->dma_gather.count[0] = 0);
	SPOIL(DMA_GATHER, dma_gather.limit, i->dma_gather.limit = 0);
	SPOIL(DMA_GATHER, dma_gather.limit, i->dma_gather.limit = NEURON_DMA_MAX_ELEMENTS + 1);
	SPOIL(DMA_GATHER, dma_gather.index, i->dma_gather.index = 2);
	SPOIL(DMA_GATHER, dma_gather.index, i->dma_gather.index_step = 32767);
	SPOIL(DMA_GATHER, dma_gather.dst, i->dma_gather.dst = 1);
	/* the last row that the limit allows must be in the segment, though no index names it */
	i = valid(t, NEURON_OP_DMA_GATHER);
	i->dma_gather.limit = (NCT_DRAM_BYTES - NCT_CODE_BYTES) / 64;
	nct_run_ok(t);
	i = valid(t, NEURON_OP_DMA_GATHER);
	i->dma_gather.limit = (NCT_DRAM_BYTES - NCT_CODE_BYTES) / 64 + 1;
	expect(t, NEURON_JOB_SEGMENT, NEURON_DMA, 0, NCT_SEG_DATA);
	valid(t, NEURON_OP_DMA_GATHER)->src_seg = NCT_SEG_WO;
	expect(t, NEURON_JOB_SEGMENT, NEURON_DMA, 0, NCT_SEG_WO);
	valid(t, NEURON_OP_DMA_GATHER)->src_seg = NCT_SEG_GONE;
	expect(t, NEURON_JOB_BUS, NEURON_DMA, 0, NCT_SEG_GONE);
}

/* Patterns at the ends of a partition: the last that fits, the first that does not. */
static void test_pattern_ends(void **state)
{
	static const struct {
		uint32_t off;
		int16_t step;
		uint16_t count;
		bool ok;
	} cases[] = {
		{ NEURON_SBUF_BYTES - 4, 0, 0xffff, true },
		{ NEURON_SBUF_BYTES - 4, 1, 1, true },
		{ NEURON_SBUF_BYTES - 4, 1, 2, false },
		{ NEURON_SBUF_BYTES - 4, -1, NEURON_SBUF_BYTES / 4, true },
		{ NEURON_SBUF_BYTES - 4, -1, NEURON_SBUF_BYTES / 4 + 1, false },
		{ 0, 1, NEURON_SBUF_BYTES / 4, true },
		{ 0, 1, NEURON_SBUF_BYTES / 4 + 1, false },
		{ 0, -1, 2, false },
		{ 0, INT16_MAX, 0xffff, false },
		{ 0, INT16_MIN, 0xffff, false },
		{ 0, INT16_MIN, 1, true },
		{ NEURON_LOCAL_OFFSET & ~3u, 0, 1, false },
		{ NEURON_SBUF_BYTES, 0, 1, false },
	};
	struct nct *t = *state;

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct neuron_insn *i = valid(t, NEURON_OP_MEMSET);

		i->memset.count[0] = i->memset.count[1] = i->memset.count[2] = 1;
		i->memset.count[3] = cases[n].count;
		i->memset.dst = cases[n].off;
		i->memset.dst_step[3] = cases[n].step;
		if (cases[n].ok)
			nct_run_ok(t);
		else
			expect(t, NEURON_JOB_INSTRUCTION, NEURON_POOL, 0, FIELD(memset.dst));
	}
}

static void test_dma_segments(void **state)
{
	static const struct {
		uint8_t seg;
		bool write;
		uint32_t off;
		int32_t step;
		uint16_t count;
		unsigned int status;
	} cases[] = {
		{ NCT_SEG_DATA, false, 0, 4, 100, NEURON_JOB_OK },
		{ NCT_SEG_DATA, false, 0x300000 - 4, 4, 1, NEURON_JOB_OK },
		{ NCT_SEG_DATA, false, 0x300000 - 3, 4, 1, NEURON_JOB_SEGMENT },
		{ NCT_SEG_DATA, false, 0x300000 - 8, 4, 3, NEURON_JOB_SEGMENT },
		{ NCT_SEG_DATA, false, 0, -1, 2, NEURON_JOB_SEGMENT },
		{ NCT_SEG_DATA, false, 0xffffffff, INT32_MAX, 0xffff, NEURON_JOB_SEGMENT },
		{ NCT_SEG_DATA, false, 0, INT32_MIN, 0xffff, NEURON_JOB_SEGMENT },
		{ NCT_SEG_DATA, false, 0xfffffffc, 4, 2, NEURON_JOB_SEGMENT },
		{ NCT_SEG_DATA, false, 0, INT32_MIN, 1, NEURON_JOB_OK },
		{ NCT_SEG_HOST, false, NCT_HOST_BYTES - 4, 0, 9, NEURON_JOB_OK },
		{ NCT_SEG_HOST, true, NCT_HOST_BYTES - 3, 0, 9, NEURON_JOB_SEGMENT },
		{ NCT_SEG_RO, false, 0, 4, 4, NEURON_JOB_OK },
		{ NCT_SEG_RO, true, 0, 4, 4, NEURON_JOB_SEGMENT },
		{ NCT_SEG_WO, true, 0, 4, 4, NEURON_JOB_OK },
		{ NCT_SEG_WO, false, 0, 4, 4, NEURON_JOB_SEGMENT },
		{ NCT_SEG_CODE, true, 0, 4, 4, NEURON_JOB_SEGMENT },
		{ NCT_SEG_EMPTY, false, 0, 4, 4, NEURON_JOB_SEGMENT },
		{ NCT_SEGS, false, 0, 4, 4, NEURON_JOB_SEGMENT },
		{ 254, true, 0, 4, 4, NEURON_JOB_SEGMENT },
		{ NCT_SEG_GONE, false, 0, 4, 4, NEURON_JOB_BUS },
		{ NCT_SEG_GONE, true, 0, 4, 4, NEURON_JOB_BUS },
		{ NCT_SEG_GONE, true, 0, 8, 4, NEURON_JOB_BUS },
	};
	struct nct *t = *state;

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct neuron_insn *i = valid(t, NEURON_OP_DMA_COPY);
		int32_t *step = cases[n].write ? i->dma_copy.dst_step : i->dma_copy.src_step;

		i->src_seg = cases[n].write ? NEURON_ISA_NO_SEG : cases[n].seg;
		i->dst_seg = cases[n].write ? cases[n].seg : NEURON_ISA_NO_SEG;
		i->dma_copy.count[0] = i->dma_copy.count[1] = i->dma_copy.count[2] = 1;
		i->dma_copy.count[3] = cases[n].count;
		*(cases[n].write ? &i->dma_copy.dst : &i->dma_copy.src) = cases[n].off;
		step[3] = cases[n].step;
		if (cases[n].status == NEURON_JOB_OK)
			nct_run_ok(t);
		else
			expect(t, cases[n].status, NEURON_DMA, 0, cases[n].seg);
	}
}

static void test_dma_local(void **state)
{
	const int32_t part = (int32_t)NEURON_LOCAL_PARTITION;
	const struct {
		uint32_t addr;
		int32_t step;
		uint16_t count;
		uint8_t log2;
		bool ok;
	} cases[] = {
		{ 0, part, 128, 2, true },
		{ 0, part, 129, 2, false },
		{ 0, -part, 2, 2, false },
		{ NEURON_LOCAL_ADDR(0, 127, 0), -part, 128, 2, true },
		{ NEURON_LOCAL_ADDR(0, 127, 0), -part, 129, 2, false },
		{ NEURON_LOCAL_ADDR(0, 127, 0), part, 2, 2, false }, /* would reach the PSUM bit */
		{ NEURON_LOCAL_ADDR(0, 1, 0), -4, 2, 2, false },     /* into the partition before */
		{ NEURON_LOCAL_ADDR(0, 0, NEURON_SBUF_BYTES - 4), 4, 2, 2, false },
		{ NEURON_LOCAL_ADDR(0, 0, NEURON_SBUF_BYTES - 4), part - 4, 100, 2, true },
		{ NEURON_LOCAL_ADDR(0, 0, NEURON_SBUF_BYTES - 2), 0, 1, 2, false },
		{ NEURON_LOCAL_ADDR(0, 0, NEURON_SBUF_BYTES - 64), 0, 1, 6, true },
		{ NEURON_LOCAL_ADDR(0, 0, NEURON_SBUF_BYTES - 62), 0, 1, 6, false },
		{ NEURON_LOCAL_ADDR(1, 0, NEURON_PSUM_BYTES - 4), part, 128, 2, true },
		{ NEURON_LOCAL_ADDR(1, 0, NEURON_PSUM_BYTES - 4), part, 129, 2, false },
		{ NEURON_LOCAL_ADDR(1, 0, NEURON_PSUM_BYTES), part, 1, 2, false },
		{ 1, 2, 4, 0, true },
		{ 1, 2, 4, 1, false },
		{ 0, 3, 4, 1, false },
		{ NEURON_LOCAL_PSUM | 2, 4, 4, 1, true },
		{ NEURON_LOCAL_PSUM | 2, 4, 4, 2, false },
		{ 0, INT32_MAX, 2, 2, false },
		{ 0, INT32_MIN, 2, 2, false },
		{ NEURON_LOCAL_OFFSET - 3, 0, 1, 2, false },
	};
	struct nct *t = *state;

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		for (int write = 0; write < 2; write++) {
			struct neuron_insn *i = valid(t, NEURON_OP_DMA_COPY);

			i->flags = cases[n].log2;
			i->src_seg = write ? NCT_SEG_DATA : NEURON_ISA_NO_SEG;
			i->dst_seg = write ? NEURON_ISA_NO_SEG : NCT_SEG_DATA;
			i->dma_copy.count[0] = i->dma_copy.count[1] = i->dma_copy.count[2] = 1;
			i->dma_copy.count[3] = cases[n].count;
			*(write ? &i->dma_copy.dst : &i->dma_copy.src) = cases[n].addr;
			(write ? i->dma_copy.dst_step : i->dma_copy.src_step)[3] = cases[n].step;
			if (cases[n].ok)
				nct_run_ok(t);
			else
				expect(t, NEURON_JOB_INSTRUCTION, NEURON_DMA, 0,
				       write ? FIELD(dma_copy.dst) : FIELD(dma_copy.src));
		}
	}
	SPOIL(DMA_COPY, flags, i->flags = 7);
	SPOIL(DMA_COPY, flags, i->flags = 8);
	SPOIL(DMA_COPY, dma_copy.count,
	      i->dma_copy.count[0] = i->dma_copy.count[1] = i->dma_copy.count[2] = 0xffff);
	SPOIL(DMA_COPY, dma_copy.count, i->dma_copy.count[3] = 0);
}

static void test_descriptor(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	t->job.op = 3;
	expect(t, NEURON_JOB_DESCRIPTOR, 0, 0, 0);
	nct_begin(t);
	t->job.reserved2 = 1;
	expect(t, NEURON_JOB_DESCRIPTOR, 0, 0, 0);
	nct_begin(t);
	t->job.op = NEURON_JOB_NOP;
	expect(t, NEURON_JOB_OK, 0, 0, 0);
	nct_begin(t);
	t->job.code = 77;	/* nothing to fetch: does not matter */
	expect(t, NEURON_JOB_OK, 0, 0, 0);

	nct_begin(t);
	t->job.stream[2] = (struct neuron_job_stream){ 32, 1 };
	expect(t, NEURON_JOB_DESCRIPTOR, 2, 0, 2);
	nct_begin(t);
	t->job.stream[1] = (struct neuron_job_stream){ NCT_CODE_BYTES - 64, 2 };
	expect(t, NEURON_JOB_DESCRIPTOR, 1, 0, 1);
	nct_begin(t);
	t->job.stream[3] = (struct neuron_job_stream){ 0xffffffc0, 0xffffffff };
	expect(t, NEURON_JOB_DESCRIPTOR, 3, 0, 3);
}

static void test_code_segment(void **state)
{
	static const struct {
		uint8_t seg;
		unsigned int status;
	} cases[] = {
		{ NCT_SEG_CODE, NEURON_JOB_OK }, { NCT_SEG_DATA, NEURON_JOB_SEGMENT },
		{ NCT_SEG_EMPTY, NEURON_JOB_SEGMENT }, { NCT_SEGS, NEURON_JOB_SEGMENT },
		{ 255, NEURON_JOB_SEGMENT }, { NCT_SEG_GONE, NEURON_JOB_BUS },
		{ NCT_SEG_HOST_CODE, NEURON_JOB_OK },
	};
	struct nct *t = *state;

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		nct_begin(t);
		for (int i = 0; i < 40; i++)	/* more than are fetched at once */
			nct_insn(t, NEURON_OP_NOP);
		memcpy(t->host, t->code[0], 40 * NEURON_INSN_SIZE);
		t->job.code = cases[n].seg;
		expect(t, cases[n].status, 0, 0, cases[n].status ? cases[n].seg : 0);
	}
	/* in host memory the 40th is wrong */
	t->host[39 * NEURON_INSN_SIZE] = 0;
	expect(t, NEURON_JOB_INSTRUCTION, 0, 39, FIELD(op));
}

/* The engine and the index in its stream; what came before has happened. */
static void test_place(void **state)
{
	struct nct *t = *state;
	struct neuron_insn *i;

	i = valid(t, NEURON_OP_MEMSET);
	i->memset.value = nct_f(7.0f);
	nct_insn_on(t, NEURON_POOL, NEURON_OP_NOP);
	nct_insn_on(t, NEURON_POOL, NEURON_OP_NOP)->flags = 1;
	nct_insn_on(t, NEURON_POOL, NEURON_OP_MEMSET);
	expect(t, NEURON_JOB_INSTRUCTION, NEURON_POOL, 2, FIELD(flags));
	assert_int_equal(nct_peek(t, 0, 127, 0, 4), nct_f(7.0f));
	/* and the core works on */
	valid(t, NEURON_OP_MEMSET);
	nct_run_ok(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_valid, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_header, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_engine, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_pe, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_empty_array, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_act_and_pool, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_moves, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_dma_gather, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_pattern_ends, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_dma_segments, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_dma_local, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_descriptor, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_code_segment, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_place, nct_setup, nct_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_faults", tests, NULL, NULL);
}
