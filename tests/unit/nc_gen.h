/* SPDX-License-Identifier: Apache-2.0 */
/* Random valid instructions whose operands lie at the two ends of SBUF and PSUM. */
#ifndef NC_GEN_H
#define NC_GEN_H

#include "nc_harness.h"

#define GEN_REGION	2048u		/* bytes at each end of a partition */
#define GEN_FUNCS	28u
#define GEN_ALUS	21u
#define GEN_MEM		0x10000u	/* bytes of a segment that dma_copy touches */

/* The loaded array of the PE, for matmul to fit: set by generating ldweights. */
struct gen {
	unsigned int k, m, dtype;
};

/* Fill the body, flags and segments of @insn, whose op is set. */
void gen_insn(struct gen *g, struct neuron_insn *insn);

#endif
