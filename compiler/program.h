/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program under construction: values in DRAM, buffers in SBUF and PSUM, and
 * instructions that name buffers instead of addresses. The order of the instructions is
 * one valid sequential execution; the engines overlap as far as the sync pass allows.
 */
#ifndef NCC_PROGRAM_H
#define NCC_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <neuron/isa.h>

#include "ncc.h"

struct ncc_node;
struct ncc_tensor;

/*
 * How a tensor lies over the partitions. Its flat index is (o * a_size + a) * i_size + i:
 * a is the partition modulo 128, what is beyond 128 follows as further chunks; o and i
 * lie in the partition, each chunk dense as [o][i]. Reshaping does not change it.
 * @rep: a_size is 1 and all 128 partitions hold the same
 */
struct ncc_layout {
	int64_t o, a, i;
	bool rep;
};

/* A value's contents, or some of them cast, in SBUF. */
struct ncc_copy {
	struct ncc_layout layout;
	uint8_t dtype;
	int buf;
	struct ncc_copy *next;
};

enum ncc_value_kind { NCC_VALUE_TEMP, NCC_VALUE_CONST, NCC_VALUE_INPUT, NCC_VALUE_OUTPUT };

/**
 * struct ncc_value - storage of one or more tensors of equal contents
 * @dtype: enum neuron_dtype of its home in DRAM; constants get one per use instead
 * @data: of a constant
 * @segment, @offset: home in DRAM, dense and row-major; valid once @placed
 * @stream: it did not fit into SBUF, and stays in DRAM (set by the allocate pass)
 * @placed, @stored, @copies: state of the tile pass
 * @narrow_at: 0, or 1 + where it is in the scratch segment in the type of --fast-math (ncc_narrow())
 * @imaged: it is in the scratch segment at @image_at as SBUF has it in layout @image (tile_image.c)
 */
struct ncc_value {
	const char *name;
	enum ncc_value_kind kind;
	uint8_t dtype;
	int64_t count;
	const float *data;
	struct ncc_tensor *tensor;
	uint8_t segment;
	uint64_t offset;
	bool stream;
	bool placed;
	bool stored;
	bool imaged;
	struct ncc_layout image;
	uint64_t image_at;
	uint64_t narrow_at;
	struct ncc_copy *copies;
	/* of a constant: where each type of it is in the weights; 0 = nowhere, else offset + 1 */
	uint64_t const_at[NEURON_UINT32 + 1];
	struct ncc_value *next;
};

/**
 * struct ncc_buf - bytes in each of some partitions of SBUF or PSUM
 * @constant: loaded from the weights (allocate pass)
 * @size: bytes a partition
 * @value: for a copy of a value: what to move out if there is no room
 * @first, @last: instructions that use it (schedule order); -1 = none
 * @addr: byte in the partition (allocate pass)
 */
struct ncc_buf {
	bool psum;
	bool constant;
	uint32_t size;
	struct ncc_value *value;
	struct ncc_node *node;
	int first, last;
	uint32_t addr;
};

/* An address field of an instruction, to be filled in when buffers have addresses. */
struct ncc_fixup {
	uint8_t field;		/* offset in struct neuron_insn */
	uint8_t part;
	int buf;
	uint32_t off;
};

/* Bytes [low, high) of a buffer's partitions that an instruction touches. */
struct ncc_access {
	int buf;
	uint32_t low, high;
	bool write;
};

#define NCC_MAX_REFS	5

/**
 * struct ncc_insn - an instruction on buffers
 * @load: reads nothing that other instructions write: may move forward (schedule pass)
 * @wait: per engine, 1 + index of its instruction that must have completed; 0 = none (sync pass)
 * @awaited: another engine waits for it
 * @position: of an awaited one: how many awaited ones its engine has up to it (emit pass)
 */
struct ncc_insn {
	struct neuron_insn insn;
	uint8_t engine;
	uint8_t nfix, naccess;
	bool load;
	bool awaited;
	struct ncc_node *node;
	struct ncc_fixup fix[NCC_MAX_REFS];
	struct ncc_access access[NCC_MAX_REFS];
	uint32_t wait[NEURON_ENGINES];
	uint32_t position;
};

/* A variable of def.json. */
struct ncc_var {
	const char *name;
	const char *type;
	uint8_t segment;
	uint64_t size;
	const struct ncc_tensor *tensor;	/* of inputs and outputs */
	const char *file;			/* of type "file" */
};

struct ncc_stream {
	struct neuron_insn *insn;
	size_t n, cap;
};

struct ncc_program {
	struct ncc_context *ctx;
	struct ncc_value *values;
	struct ncc_buf *buf;
	size_t nbuf, buf_cap;
	struct ncc_insn *insn;
	size_t ninsn, insn_cap;
	struct ncc_var *var;
	size_t nvar, var_cap;
	uint8_t weights_segment, scratch_segment;
	uint8_t *weights;
	size_t weights_size, weights_cap;
	uint64_t zeros_at;	/* 0, or 1 + where in the weights 64 bytes of zeros are */
	uint64_t scratch_size;
	struct ncc_stream stream[NEURON_ENGINES];
	uint32_t sbuf_used;	/* most bytes a partition in use at a time */
	uint32_t spills;	/* values that the allocate pass moved out */
};

/* Forget buffers, instructions and the tile pass's state, but for what did not fit. */
void ncc_program_reset(struct ncc_program *p);
int ncc_buf_new(struct ncc_program *p, struct ncc_node *node, bool psum, uint32_t size);
/* Room of @size bytes in the weights, 64-aligned; the caller fills p->weights + result. */
uint64_t ncc_weights_add(struct ncc_program *p, size_t size);
uint64_t ncc_scratch_add(struct ncc_program *p, uint64_t size);

#endif
