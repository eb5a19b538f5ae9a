/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cage for jobs that misbehave: segments that are the middle of memory objects, with guards
 * of the attacker's own on both sides, so that a reach over the end of a segment is seen even
 * where nobody else's memory is; and instructions of each kind that work, to be spoilt.
 */
#ifndef ATTACK_JOBS_H
#define ATTACK_JOBS_H

#include "attack.h"

#define GUARD_BYTES	0x4000
#define CELL_BYTES	0x10000
#define CELL_TOTAL	(2 * GUARD_BYTES + CELL_BYTES)
#define BATCH		64
#define JOB_INSNS	2		/* of each job's own piece of the code segment */

enum { SEG_CODE, SEG_DEVICE, SEG_HOST, SEG_READONLY, SEG_WRITEONLY, SEG_UNBOUND, SEGMENTS };

struct cage {
	const struct rig *rig;
	struct neuron_ioctl_queue_create queue;
	struct neuron_ioctl_mem_create mem[SEGMENTS];
	uint8_t *map[SEGMENTS];
	uint32_t context;
	unsigned int statuses[16];
};

static inline bool guard_kept(const uint8_t *p)
{
	for (int i = 0; i < GUARD_BYTES; i++)
		if (p[i] != 0xa5)
			return false;
	return true;
}

/* Nothing that only the guards, or memory that may not be read, hold. */
static inline bool guard_leaked(const uint8_t *p, uint64_t bytes)
{
	for (uint64_t i = 0; i + 8 <= bytes; i++)
		if (p[i] == 0xa5 && !memcmp(p + i, "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5", 8))
			return true;
	return false;
}

static inline int cage_open(struct cage *c, const struct rig *rig)
{
	static const uint32_t access[SEGMENTS] = {
		[SEG_CODE] = NEURON_ACCESS_EXEC,
		[SEG_DEVICE] = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE,
		[SEG_HOST] = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE,
		[SEG_READONLY] = NEURON_ACCESS_READ,
		[SEG_WRITEONLY] = NEURON_ACCESS_WRITE,
	};
	int ret;

	memset(c, 0, sizeof(*c));
	c->rig = rig;
	ret = queue_create(rig->fd, 0, BATCH, -1, &c->queue);
	ret = ret ? ret : context_create(rig->fd, SEGMENTS, &c->context);
	for (int s = 0; s < SEGMENTS && !ret; s++) {
		uint32_t type = s == SEG_HOST ? NEURON_MEM_HOST : NEURON_MEM_DEVICE;

		if (s == SEG_UNBOUND)
			break;
		/* Host memory that can be bound is this large at most: guards and cell share it. */
		ret = mem_create(rig->fd, type, s == SEG_HOST ? NEURON_HOST_CONTIGUOUS : CELL_TOTAL, &c->mem[s]);
		ret = ret ? ret : bind_one(rig->fd, c->context, s, c->mem[s].id, GUARD_BYTES,
					   c->mem[s].length - 2 * GUARD_BYTES, access[s]);
		if (ret)
			break;
		c->map[s] = mem_map(rig->fd, &c->mem[s]);
		if (c->map[s] == MAP_FAILED)
			return -errno;
		memset(c->map[s], 0xa5, c->mem[s].length);
		if (s != SEG_WRITEONLY)
			memset(c->map[s] + GUARD_BYTES, s, c->mem[s].length - 2 * GUARD_BYTES);
	}
	return ret;
}

static inline void cage_close(struct cage *c)
{
	for (int s = 0; s < SEG_UNBOUND; s++)
		if (c->map[s])
			munmap(c->map[s], c->mem[s].length);
}

static inline struct neuron_insn *cage_code(struct cage *c, unsigned int slot)
{
	return (struct neuron_insn *)(c->map[SEG_CODE] + GUARD_BYTES) + slot * JOB_INSNS;
}

/* A job of JOB_INSNS instructions for each slot below @count, on @engine; waits for all. */
static inline int cage_run(struct cage *c, const uint8_t *engines, unsigned int count)
{
	struct neuron_submit jobs[BATCH] = {};
	struct neuron_ioctl_wait w;
	uint64_t seq;
	int ret;

	for (unsigned int i = 0; i < count; i++) {
		jobs[i].op = NEURON_SUBMIT_EXEC;
		jobs[i].context = c->context;
		jobs[i].timeout_ms = 2000;
		jobs[i].stream[engines[i]].offset = i * JOB_INSNS * NEURON_INSN_SIZE;
		jobs[i].stream[engines[i]].count = JOB_INSNS;
	}
	ret = submit(c->rig->fd, c->queue.id, jobs, count, &seq);
	for (unsigned int i = 0; i < count && !ret; i++) {
		ret = wait_job(c->rig->fd, c->queue.id, seq - count + 1 + i, 60 * SECOND, &w);
		if (!ret)
			c->statuses[w.status < 16 ? w.status : 15]++;
	}
	return ret;
}

/* NULL, or what is wrong. */
static inline const char *cage_check(struct cage *c)
{
	for (int s = 0; s < SEG_UNBOUND; s++) {
		if (!guard_kept(c->map[s]) || !guard_kept(c->map[s] + c->mem[s].length - GUARD_BYTES))
			return "a guard was written";
		if (secret_leaked(c->map[s], c->mem[s].length))
			return "the victim's secret";
	}
	for (uint64_t i = 0; i < c->mem[SEG_READONLY].length - 2 * GUARD_BYTES; i++)
		if (c->map[SEG_READONLY][GUARD_BYTES + i] != SEG_READONLY)
			return "memory without permission was written";
	for (int s = SEG_DEVICE; s <= SEG_HOST; s++)
		if (guard_leaked(c->map[s] + GUARD_BYTES, c->mem[s].length - 2 * GUARD_BYTES))
			return "memory without permission was read";
	return NULL;
}

#define EXPECT_NOTHING_WRONG(c)							\
	do {									\
		const char *wrong_ = cage_check(c);				\
										\
		EXPECT_EQ(NULL, wrong_) TH_LOG("%s", wrong_ ? wrong_ : "");	\
	} while (0)

/* --- instructions that work --- */

static inline void counts_one(uint16_t count[4], uint16_t n)
{
	count[0] = count[1] = count[2] = 1;
	count[3] = n;
}

static inline struct neuron_insn valid_pool(uint8_t op)
{
	struct neuron_insn i = insn(op);

	if (op == NEURON_OP_TENSOR_TENSOR) {
		counts_one(i.tensor_tensor.count, 16);
		i.tensor_tensor.src0_step[3] = i.tensor_tensor.src1_step[3] = i.tensor_tensor.dst_step[3] = 1;
		i.tensor_tensor.partitions = 128;
		i.tensor_tensor.src_dtype = i.tensor_tensor.dst_dtype = NEURON_FP32;
	} else if (op == NEURON_OP_TENSOR_SCALAR) {
		counts_one(i.tensor_scalar.count, 16);
		i.tensor_scalar.src_step[3] = i.tensor_scalar.dst_step[3] = 1;
		i.tensor_scalar.partitions = 128;
		i.tensor_scalar.src_dtype = i.tensor_scalar.dst_dtype = NEURON_FP32;
	} else if (op == NEURON_OP_TENSOR_REDUCE) {
		counts_one(i.tensor_reduce.count, 16);
		i.tensor_reduce.src_step[3] = i.tensor_reduce.dst_step[3] = 1;
		i.tensor_reduce.partitions = 128;
		i.tensor_reduce.dims = 1;
		i.tensor_reduce.alu = NEURON_ALU_ADD;
		i.tensor_reduce.src_dtype = i.tensor_reduce.dst_dtype = NEURON_FP32;
	} else {
		i = insn_memset(0, 16, 0x3f800000);
	}
	return i;
}

static inline struct neuron_insn valid_move(uint8_t op)
{
	struct neuron_insn i = insn(op);

	counts_one(i.transpose.count, 16);	/* at the same place in all four */
	if (op == NEURON_OP_TRANSPOSE) {
		i.transpose.src_step[3] = i.transpose.dst_step[3] = 1;
		i.transpose.k = 128;
		i.transpose.dtype = NEURON_BF16;
	} else if (op == NEURON_OP_IOTA) {
		i.iota.dst_step[3] = i.iota.add[3] = 1;
		i.iota.partitions = 128;
		i.iota.dst_dtype = NEURON_INT32;
	} else if (op == NEURON_OP_SELECT) {
		i.select.src_step[3] = i.select.dst_step[3] = 1;
		i.select.partitions = 128;
		i.select.pred_dtype = NEURON_UINT8;
		i.select.src_dtype = i.select.dst_dtype = NEURON_FP32;
	} else {
		i.gather.src_step[3] = i.gather.dst_step[3] = 1;
		i.gather.limit = 16;
		i.gather.partitions = 128;
		i.gather.dtype = NEURON_FP32;
	}
	return i;
}

/* Rows of the device's segment by indices that another attack may have left in SBUF. */
static inline struct neuron_insn valid_dma_gather(unsigned int variant)
{
	struct neuron_insn i = insn(NEURON_OP_DMA_GATHER);

	i.src_seg = variant == 1 ? NEURON_ISA_NO_SEG : SEG_DEVICE;
	i.dst_seg = variant == 2 ? NEURON_ISA_NO_SEG : SEG_HOST;
	i.dma_gather.src = variant == 1 ? 0 : 0x100;
	i.dma_gather.dst = variant == 2 ? NEURON_LOCAL_ADDR(1, 0, 0) : 0x200;
	i.dma_gather.count[0] = 4;
	i.dma_gather.count[1] = 1;
	i.dma_gather.count[2] = 16;
	i.dma_gather.index_step = 1;
	i.dma_gather.limit = 4;
	i.dma_gather.src_step[0] = i.dma_gather.dst_step[0] = 16;
	i.dma_gather.src_step[2] = i.dma_gather.dst_step[2] = 1;
	return i;
}

static inline struct neuron_insn valid_pe(uint8_t op)
{
	struct neuron_insn i = insn(op);

	if (op == NEURON_OP_LDWEIGHTS) {
		i.ldweights.step = 1;
		i.ldweights.k = i.ldweights.m = 128;
		i.ldweights.dtype = NEURON_BF16;
	} else {
		counts_one(i.matmul.count, 16);
		i.matmul.src_step[3] = i.matmul.dst_step[3] = 1;
		i.matmul.dst = NEURON_LOCAL_ADDR(1, 0, 0);
		i.matmul.k = i.matmul.m = 128;
		i.matmul.dtype = NEURON_BF16;
	}
	return i;
}

/* @variant: which two of memory, SBUF and PSUM a copy is between. */
static inline struct neuron_insn valid_insn(uint8_t op, unsigned int variant)
{
	struct neuron_insn i = insn(op);

	switch (op) {
	case NEURON_OP_LDWEIGHTS: case NEURON_OP_MATMUL:
		return valid_pe(op);
	case NEURON_OP_ACTIVATE:
		counts_one(i.activate.count, 16);
		i.activate.src_step[3] = i.activate.dst_step[3] = 1;
		i.activate.scale = 0x3f800000;
		i.activate.partitions = 128;
		i.activate.src_dtype = i.activate.dst_dtype = NEURON_FP32;
		return i;
	case NEURON_OP_DMA_COPY:
		i = insn_copy(SEG_DEVICE, 0x100, SEG_HOST, 0x200, 16);
		if (variant == 1)
			i.src_seg = NEURON_ISA_NO_SEG;
		if (variant == 2) {
			i.dst_seg = NEURON_ISA_NO_SEG;
			i.dma_copy.dst = NEURON_LOCAL_ADDR(1, 0, 0);
		}
		return i;
	case NEURON_OP_DMA_GATHER:
		return valid_dma_gather(variant);
	case NEURON_OP_TRANSPOSE: case NEURON_OP_IOTA: case NEURON_OP_SELECT: case NEURON_OP_GATHER:
		return valid_move(op);
	case NEURON_OP_NOP: case NEURON_OP_NOTIFY:
		return i;
	default:
		return valid_pool(op);
	}
}

/* The engine that takes @op. */
static inline uint8_t engine_of(uint8_t op)
{
#define ENGINE(code, id, name, engines) case NEURON_OP_##id: return (uint8_t)__builtin_ctz(engines);
	switch (op) {
	NEURON_ISA_OPS(ENGINE)
	}
#undef ENGINE
	return NEURON_DMA;
}

#endif
