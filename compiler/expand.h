/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators in terms of simpler ones, part of the fold pass. Each function appends the
 * nodes that replace @node, which keep its name and place in the model. Intermediate
 * results that a narrow type would spoil are marked wide.
 */
#ifndef NCC_EXPAND_H
#define NCC_EXPAND_H

#include "graph.h"

/* Where to put the result of one step: NULL makes a new wide tensor. */
struct ncc_tensor *ncc_step(struct ncc_graph *g, struct ncc_node *node, enum ncc_op op,
			    struct ncc_tensor *a, struct ncc_tensor *b, struct ncc_tensor *out);
/* (a alu0 s0) alu1 s1 */
struct ncc_tensor *ncc_step_scalars(struct ncc_graph *g, struct ncc_node *node,
				    struct ncc_tensor *a, uint8_t alu0, float s0, uint8_t alu1,
				    float s1, struct ncc_tensor *out);
/* alu over the axes of a bit set, times @scale; the result keeps the axes with size 1. */
struct ncc_tensor *ncc_step_reduce(struct ncc_graph *g, struct ncc_node *node,
				   struct ncc_tensor *a, uint32_t axes, uint8_t alu, float scale,
				   struct ncc_tensor *out);
/* The same data in another shape. */
struct ncc_tensor *ncc_step_view(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor *a,
				 int rank, const int64_t *dim, struct ncc_tensor *out);
/* Data movement by @m, to @out or a new tensor of shape @m->out. */
struct ncc_tensor *ncc_step_move(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor *a,
				 struct ncc_move *m, struct ncc_tensor *out);

/* Appends what @node becomes. *done tells whether it was one of theirs. */
int ncc_expand_pointwise(struct ncc_graph *g, struct ncc_node *node, bool *done);
int ncc_expand_norm(struct ncc_graph *g, struct ncc_node *node, bool *done);
int ncc_expand_move(struct ncc_graph *g, struct ncc_node *node, bool *done);

/* Is the exponent of Pow one that needs no logarithm? */
bool ncc_expands_power(const struct ncc_node *node);

#endif
