/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node costs, as far as the choice between chip and CPU needs it.
 */
#ifndef NCC_COST_H
#define NCC_COST_H

#include <stdint.h>

struct ncc_node;
struct ncc_tensor;

/* Floating point operations; 0 for what only moves data, or whose sizes are not known. */
double ncc_cost_flops(const struct ncc_node *node);
/* Seconds of a NeuronCore that has everything in its memory. */
double ncc_cost_core(const struct ncc_node *node);
/* Bytes of a tensor; 0 if its size is not known. */
double ncc_cost_bytes(const struct ncc_tensor *t);

/*
 * Seconds for @flops on tensors of @touched bytes on the CPU, and for the same on the chip
 * when @moved bytes cross the bus for it.
 */
double ncc_cost_cpu(double flops, double touched);
double ncc_cost_chip(double flops, double moved);

#endif
