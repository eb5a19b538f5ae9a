/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The instruction set of the emulated NeuronCore: geometry, local addresses, semantics.
 * isa.def has the formats. docs/isa.md describes each instruction to the bit. The
 * encoding and the sizes are ours; the silicon's are not public.
 *
 * A core has four in-order instruction streams, one an engine, that meet through 32
 * semaphores. An instruction waits until semaphore[wait_sem] >= wait_val, executes,
 * then adds sig_val to semaphore[sig_sem]. NEURON_ISA_NO_SEM means no wait or no
 * signal. All semaphores are 0 when a job starts.
 */
#ifndef _NEURON_ISA_H
#define _NEURON_ISA_H

#include "types.h"
#include "isa.def"

#define NEURON_ISA_VERSION	1
#define NEURON_INSN_SIZE	64
#define NEURON_ISA_NO_SEM	0xff
#define NEURON_ISA_NO_SEG	0xff	/* dma_copy: this side is SBUF or PSUM */
#define NEURON_ISA_SEMAPHORES	32

/* Geometry (assumed). */
#define NEURON_PARTITIONS	128
#define NEURON_SBUF_BYTES	0x18000	/* a partition: 96 KiB */
#define NEURON_PSUM_BYTES	0x4000	/* a partition: 16 KiB */
#define NEURON_PSUM_BANKS	8
#define NEURON_PSUM_BANK_BYTES	0x800	/* 512 fp32 a partition */
#define NEURON_MATMUL_MAX_N	512
#define NEURON_TENSOR_MAX_N	0x10000		/* ACT, POOL: elements a partition */
#define NEURON_DMA_MAX_ELEMENTS	0x1000000	/* of a dma_copy or dma_gather */
#define NEURON_PE_ROWS		128
#define NEURON_PE_COLUMNS	128

/*
 * Local address: bit 31 PSUM, bits 30:24 first partition, bits 23:0 byte in the
 * partition, a multiple of 2 (of 4 for 4-byte types; 1-byte types: any). An operand
 * covers partitions p .. p + partitions - 1. In dma_copy the steps are added to the
 * local address, so that NEURON_LOCAL_PARTITION steps by one partition.
 */
#define NEURON_LOCAL_PSUM	0x80000000u
#define NEURON_LOCAL_PARTITION	0x01000000u
#define NEURON_LOCAL_OFFSET	0x00ffffffu
#define NEURON_LOCAL_ADDR(psum, partition, offset)	\
	(((psum) ? NEURON_LOCAL_PSUM : 0) | ((__u32)(partition) << 24) | (__u32)(offset))

/*
 * Access patterns: count[0] is the outermost of four loops, count[3] the innermost;
 * unused loops have count 1. Steps are in elements of the operand's type (bytes in
 * dma_copy) and may be 0 or negative. All operands of an instruction share the counts,
 * but for tensor_reduce and tensor_dot, whose dst ignores the "dims" innermost loops.
 */

/* matmul: the first product overwrites PSUM instead of adding to it. */
#define NEURON_MATMUL_START		0x01
/* activate: func(scale * x + bias[p] + residual); "residual" has one of four uses */
#define NEURON_ACTIVATE_BIAS		0x01	/* bias: local address of fp32[partitions] */
#define NEURON_ACTIVATE_SCALE_PTR	0x02	/* scale: local address of fp32[partitions] */
#define NEURON_ACTIVATE_RESIDUAL	0x04	/* residual: pattern and type of dst */
#define NEURON_ACTIVATE_REDUCE		0x08	/* residual: local fp32[partitions], gets the sum */
#define NEURON_ACTIVATE_ACCUMULATE	0x10	/* with REDUCE: the sum starts at what is there */
#define NEURON_ACTIVATE_BIAS_IMM	0x20	/* bias: fp32 */
/* a function with a parameter: residual is it, an fp32, or a local address with this flag */
#define NEURON_ACTIVATE_PARAM_PTR	0x40
/* tensor_scalar: (x alu0 scalar0) alu1 scalar1 */
#define NEURON_SCALAR0_PTR		0x01	/* scalar0: local address of fp32[partitions] */
#define NEURON_SCALAR1_PTR		0x02
#define NEURON_SCALAR0_REVERSE		0x04	/* scalar0 alu0 x */
#define NEURON_SCALAR1_REVERSE		0x08
#define NEURON_SCALAR_INTEGER		0x10	/* compute in int32; scalars are int32 */
/* tensor_tensor, tensor_dot: bits 7:4 of flags are the type of src1, or 0: src_dtype's */
#define NEURON_TENSOR_INTEGER		0x01	/* compute in int32 */
#define NEURON_TENSOR_SRC1_DTYPE_SHIFT	4
/* tensor_reduce */
#define NEURON_REDUCE_INTEGER		0x01	/* compute in int32; scale is an int32 */
#define NEURON_REDUCE_INDEX		0x02	/* max, min: where it is instead of what it is */
#define NEURON_REDUCE_LAST		0x04	/* with INDEX: the last of equals, not the first */
/* memset */
#define NEURON_MEMSET_INTEGER		0x01	/* value is an int32 */
/* select: dst = src where pred is not 0; elsewhere dst stays */
#define NEURON_SELECT_INVERT		0x01	/* where pred is 0 */
#define NEURON_SELECT_IMM		0x02	/* src: fp32, with INTEGER int32 */
#define NEURON_SELECT_INTEGER		0x04	/* converts through int32 instead of fp32 */
/* gather: type of the indices in bits 7:4 of flags, 0: int32 */
#define NEURON_GATHER_INDEX_DTYPE_SHIFT	4
/* dma_copy, dma_gather: log2 of the element size, 0 .. 6, in flags; segments in the header. */
#define NEURON_DMA_ELEMENT_MASK		0x07

enum neuron_engine {
	NEURON_PE,
	NEURON_ACT,
	NEURON_POOL,
	NEURON_DMA,
	NEURON_ENGINES,
};

enum neuron_op { NEURON_ISA_OPS(NEURON_ISA_ENUM_OP) };
enum neuron_dtype { NEURON_ISA_DTYPES(NEURON_ISA_ENUM_DTYPE) };
enum neuron_func { NEURON_ISA_FUNCS(NEURON_ISA_ENUM_FUNC) };
enum neuron_alu { NEURON_ISA_ALUS(NEURON_ISA_ENUM_ALU) };

struct neuron_insn {
	NEURON_ISA_HEADER(NEURON_ISA_FIELD, NEURON_ISA_ARRAY)
	union {
		NEURON_ISA_BODY(NOP) nop;
		NEURON_ISA_BODY(NOTIFY) notify;
		NEURON_ISA_BODY(LDWEIGHTS) ldweights;
		NEURON_ISA_BODY(MATMUL) matmul;
		NEURON_ISA_BODY(TRANSPOSE) transpose;
		NEURON_ISA_BODY(ACTIVATE) activate;
		NEURON_ISA_BODY(TENSOR_TENSOR) tensor_tensor;
		NEURON_ISA_BODY(TENSOR_SCALAR) tensor_scalar;
		NEURON_ISA_BODY(TENSOR_REDUCE) tensor_reduce;
		NEURON_ISA_BODY(MEMSET) memset;
		NEURON_ISA_BODY(IOTA) iota;
		NEURON_ISA_BODY(SELECT) select;
		NEURON_ISA_BODY(GATHER) gather;
		NEURON_ISA_BODY(TENSOR_DOT) tensor_dot;
		NEURON_ISA_BODY(DMA_COPY) dma_copy;
		NEURON_ISA_BODY(DMA_GATHER) dma_gather;
	};
};

#endif
