/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewriting of nodes around constants; shared by the fold and fuse passes.
 */
#ifndef NCC_FOLD_H
#define NCC_FOLD_H

#include "graph.h"

/* Has @node constant weights, one set per output channel (Conv, LINEAR)? */
bool ncc_has_channels(const struct ncc_node *node);
/* The output axis of the channels; -1 if the one channel has none. */
int ncc_channel_axis(const struct ncc_node *node);

/*
 * If constant @t, broadcast to tensor @out, depends on nothing but the index along
 * @axis: its values along it, one per index. Else NULL.
 */
const float *ncc_channel_vector(struct ncc_graph *g, const struct ncc_tensor *t,
				const struct ncc_tensor *out, int axis);

/* Multiply the result of @node by factor[c], bias included; then add term[c]. NULL: neutral. */
void ncc_scale_channels(struct ncc_graph *g, struct ncc_node *node, const float *factor,
			const float *term);

/* float16 and bfloat16 become float32 but for inputs and outputs. */
void ncc_widen(struct ncc_graph *g);

/* Functions that are written as several operators become one. */
void ncc_fold_patterns(struct ncc_graph *g);

/* Clips what might be infinite, where that might become no number, if options say so. */
void ncc_saturate(struct ncc_graph *g);

/*
 * Gemm and MatMul to what the tile pass knows: LINEAR where the second operand is
 * constant, MatMul of two tensors else, with Transpose, Mul and Add around it. The
 * nodes are appended to the graph.
 */
int ncc_fold_gemm(struct ncc_graph *g, struct ncc_node *node);
int ncc_fold_matmul(struct ncc_graph *g, struct ncc_node *node);

#endif
