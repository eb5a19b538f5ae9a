/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second, plain implementation of the NeuronCore for comparison: partition-major
 * bytes, one element at a time, arithmetic in double. Shares no code with the emulator
 * but the ACT functions, whose definition is checked against libm elsewhere.
 */
#ifndef NC_MODEL_H
#define NC_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <neuron/isa.h>

struct model {
	uint8_t (*sbuf)[NEURON_SBUF_BYTES];
	uint8_t (*psum)[NEURON_PSUM_BYTES];
	float w[128][128];
	bool nan;
};

/* fp32 operations: nearest even, results below 2^-126 become 0, tininess after rounding. */
float mdl_fma(float a, float b, float c);
float mdl_add(float a, float b);
float mdl_mul(float a, float b);
float mdl_div(float a, float b);
float mdl_alu(unsigned int alu, float a, float b);
/* int32 modulo 2^32, or uint32 */
uint32_t mdl_ialu(unsigned int alu, uint32_t a, uint32_t b, bool is_unsigned);
float mdl_daz(float x);

unsigned int mdl_size(unsigned int dtype);
float mdl_load(unsigned int dtype, uint32_t bits);
uint32_t mdl_store(unsigned int dtype, float x);

/* @src, @dst: the memory that segments of a dma_copy name. */
void mdl_exec(struct model *m, const struct neuron_insn *insn, const uint8_t *src, uint8_t *dst);

#endif
