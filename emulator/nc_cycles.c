// SPDX-License-Identifier: Apache-2.0
/*
 * The timing model: how long an instruction keeps its engine busy. Made from public
 * figures (16 TFLOPS and 50 GiB/s of device memory, 128 x 128 array), not measured on
 * silicon. docs/isa.md, "Cycles".
 */

#include "nc_core.h"

/* 16e12 / (2 * 128 * 128) multiply-adds: a clock of 488 MHz; 50 GiB/s are 110 bytes a cycle. */
#define DMA_BYTES_A_CYCLE	110
#define DMA_MIN_RUN		64	/* a shorter run costs as much */
#define DMA_FIXED		64
#define TENSOR_FIXED		60	/* access latency of ACT and POOL */
#define MATMUL_MIN		64

/* What stays inside of the core has nobody to share with. */
static uint64_t dma_cycles(const struct emu_nc_dec_dma *dma, unsigned int sharing)
{
	uint64_t run = dma->run_bytes > DMA_MIN_RUN ? dma->run_bytes : DMA_MIN_RUN;
	uint64_t bytes = dma->runs * run * (dma->src.local && dma->dst.local ? 1 : sharing);

	return DMA_FIXED + (bytes + DMA_BYTES_A_CYCLE - 1) / DMA_BYTES_A_CYCLE;
}

uint64_t emu_nc_cycles(const struct emu_nc_dec *d, unsigned int sharing)
{
	switch (d->insn.op) {
	case NEURON_OP_LDWEIGHTS:
		return d->pe.k;
	case NEURON_OP_MATMUL:
		return d->pe.counts.n > MATMUL_MIN ? d->pe.counts.n : MATMUL_MIN;
	case NEURON_OP_ACTIVATE:
		return TENSOR_FIXED + (uint64_t)d->act.counts.n * (d->act.has_residual ? 2 : 1);
	case NEURON_OP_TRANSPOSE:	/* passes through the array, tile after tile */
		return (uint64_t)d->move.counts.n *
		       (d->move.m > MATMUL_MIN ? d->move.m : MATMUL_MIN);
	case NEURON_OP_IOTA:
		return TENSOR_FIXED + d->move.counts.n;
	case NEURON_OP_SELECT:
	case NEURON_OP_GATHER:
		return TENSOR_FIXED + (uint64_t)d->move.counts.n * 2;
	case NEURON_OP_TENSOR_DOT:	/* factors that do not change are read once */
		return TENSOR_FIXED + (uint64_t)d->pool.counts.n * (d->pool.held ? 1 : 2);
	case NEURON_OP_TENSOR_TENSOR:
		return TENSOR_FIXED + (uint64_t)d->pool.counts.n * 2;
	case NEURON_OP_TENSOR_SCALAR:
	case NEURON_OP_TENSOR_REDUCE:
	case NEURON_OP_MEMSET:
		return TENSOR_FIXED + d->pool.counts.n;
	case NEURON_OP_DMA_COPY:
	case NEURON_OP_DMA_GATHER:
		return dma_cycles(&d->dma, sharing);
	default:	/* NOP, NOTIFY */
		return 1;
	}
}
