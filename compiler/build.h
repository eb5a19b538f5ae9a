/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building of instructions. Callers give any number of loops, in any size; here they
 * are merged, and split over several instructions where the four loops of an
 * instruction, their 16-bit fields, or its element limit do not suffice.
 *
 * All return 0, or -EPROTO after an internal error was reported: an operand that leaves
 * its buffer is found here, not on the device.
 */
#ifndef NCC_BUILD_H
#define NCC_BUILD_H

#include "program.h"

#define NCC_MAX_LOOPS	16

/* What is being built, and for which node. */
struct ncc_build {
	struct ncc_program *p;
	struct ncc_node *node;
};

/* An operand: where in which buffer, and what type. Steps are in the loops. */
struct ncc_at {
	int buf;
	uint8_t part;
	uint8_t dtype;
	uint32_t off;	/* bytes */
};

/* One loop: how often, and per operand how many elements further each time. */
struct ncc_loop {
	int64_t count;
	int64_t step[4];
};

struct ncc_activate {
	unsigned int parts;
	uint8_t func;
	float param;			/* of @func, if it has one: then no residual */
	float scale;
	const struct ncc_at *scale_at;	/* NULL: @scale */
	const struct ncc_at *bias;	/* NULL: @bias_imm */
	float bias_imm;
	const struct ncc_at *residual;	/* NULL: none; moves like dst */
	const struct ncc_at *sum;	/* NULL, or where the results' sum goes; no residual, no parameter */
	struct ncc_at src, dst;
};

/* Has @func a parameter? */
bool ncc_func_has_param(uint8_t func);

/* w[k][m]: element m * step of partition src.part + k */
int ncc_ldweights(struct ncc_build *b, struct ncc_at src, int64_t step, unsigned int k,
		  unsigned int m);
/* Operands: src, dst. At most 512 columns in all. */
int ncc_matmul(struct ncc_build *b, struct ncc_at src, struct ncc_at dst, unsigned int k,
	       unsigned int m, bool start, const struct ncc_loop *loops, int n);
/* Operands: src, dst. */
int ncc_activate(struct ncc_build *b, const struct ncc_activate *a, const struct ncc_loop *loops,
		 int n);
/* Operands: src0, src1, dst. */
int ncc_tensor_tensor(struct ncc_build *b, uint8_t alu, unsigned int parts, struct ncc_at src0,
		      struct ncc_at src1, struct ncc_at dst, const struct ncc_loop *loops, int n);

/* (x alu0 scalar0) alu1 scalar1; reversed: scalar0 alu0 x. Operands: src, dst. */
struct ncc_scalars {
	uint8_t alu0, alu1;
	float scalar0, scalar1;
	bool reverse0;
	bool raw;	/* with BYPASS: moves the bits as they are */
};

int ncc_tensor_scalar(struct ncc_build *b, const struct ncc_scalars *s, unsigned int parts,
		      struct ncc_at src, struct ncc_at dst, const struct ncc_loop *loops, int n);
/* Operands: src, dst; the last @inner of the @n loops are reduced, at most 3. */
int ncc_tensor_reduce(struct ncc_build *b, uint8_t alu, float scale, unsigned int parts,
		      struct ncc_at src, struct ncc_at dst, const struct ncc_loop *loops, int n,
		      int inner);
/* dst = src where @pred is not 0; elsewhere dst stays. @src NULL: @number. Operands: pred, src (if any), dst. */
int ncc_select(struct ncc_build *b, unsigned int parts, struct ncc_at pred, const struct ncc_at *src,
	       float number, struct ncc_at dst, const struct ncc_loop *loops, int n);
/* Operands: dst. */
int ncc_memset(struct ncc_build *b, float value, unsigned int parts, struct ncc_at dst,
	       const struct ncc_loop *loops, int n);

/*
 * Sums of products along the last @inner of the @n loops, at most 3. Operands: src0, src1, dst.
 */
int ncc_tensor_dot(struct ncc_build *b, unsigned int parts, struct ncc_at src0, struct ncc_at src1,
		   struct ncc_at dst, const struct ncc_loop *loops, int n, int inner);

/*
 * Element c * @src_step of partition j of src becomes element j * @dst_step of partition c of dst, for
 * @rows partitions j and @columns partitions c, in each turn of the loops. Operands: src, dst.
 */
int ncc_transpose(struct ncc_build *b, struct ncc_at src, int64_t src_step, unsigned int rows,
		  struct ncc_at dst, int64_t dst_step, unsigned int columns,
		  const struct ncc_loop *loops, int n);

/* One side of a copy: DRAM (buf < 0) or a buffer. */
struct ncc_side {
	int buf;
	uint8_t segment;
	uint64_t off;		/* bytes: in the segment, or in the partition */
	uint8_t part;
};

/* Steps in bytes; on a buffer's side NEURON_LOCAL_PARTITION steps by one partition. */
struct ncc_dma_loop {
	int64_t count;
	int64_t src, dst;
};

/*
 * Copy elements of @size bytes (1 .. 64, a power of two). @load: nothing on the device
 * writes the source.
 */
int ncc_dma(struct ncc_build *b, struct ncc_side src, struct ncc_side dst, unsigned int size,
	    const struct ncc_dma_loop *loops, int n, bool load);

static inline struct ncc_side ncc_dram(uint8_t segment, uint64_t off)
{
	return (struct ncc_side){ .buf = -1, .segment = segment, .off = off };
}

static inline struct ncc_side ncc_local(int buf, uint8_t part, uint64_t off)
{
	return (struct ncc_side){ .buf = buf, .part = part, .off = off };
}

#endif
