/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shape inference, and the values of constant expressions that shapes depend on.
 */
#ifndef NCC_SHAPE_H
#define NCC_SHAPE_H

#include "graph.h"

/* Elements of a constant that the compiler computes in any case; more only for large models. */
#ifndef NCC_EVAL_LIMIT
#define NCC_EVAL_LIMIT	(1 << 24)
#endif

/* Sliding windows: Conv, pooling. Fill node->window and the output's shape. */
int ncc_shape_conv(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_pool(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_global_pool(struct ncc_graph *g, struct ncc_node *node);

int ncc_shape_conv_transpose(struct ncc_graph *g, struct ncc_node *node);

/* Data movement. Fill node->move, or node->taps. */
int ncc_shape_slice(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_split(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_pad(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_gather(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_expand(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_tile(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_depth(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_resize(struct ncc_graph *g, struct ncc_node *node);
/* -ENOTSUP (the CPU runs the node) for an axis of @n elements, if that is too long for lists of positions. */
int ncc_move_too_long(struct ncc_graph *g, struct ncc_node *node, int64_t n);
/* Axis @axis of @m, of @size elements, stays as it is. */
void ncc_move_keep(struct ncc_graph *g, struct ncc_move *m, int axis, int64_t size);

/* Reductions (node->axes), normalisations, shape arithmetic. */
int ncc_shape_reduce(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_layernorm(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_channelnorm(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_lpnorm(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_mvn(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_lrn(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_compare(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_logic(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_where(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_size(struct ncc_graph *g, struct ncc_node *node);
int ncc_shape_range(struct ncc_graph *g, struct ncc_node *node);

/* The numpy broadcast of @n tensors; -EINVAL (reported) if they do not fit. */
int ncc_shape_broadcast(struct ncc_graph *g, struct ncc_node *node, struct ncc_tensor **in,
			size_t n, struct ncc_tensor *out);

/*
 * What can be known of the outputs that the chip does not give, of a refused node all: shapes and types, from the
 * operator, or else from what the model declares. Leaves what is not known as it is.
 */
void ncc_shape_cpu(struct ncc_graph *g, struct ncc_node *node);

/*
 * Axis or axes of a node: an attribute in older opsets, a constant input in newer ones.
 * The result is normalised to 0 .. rank - 1. ncc_axes() returns their number or -EINVAL.
 */
int ncc_axis(struct ncc_graph *g, struct ncc_node *node, int64_t axis, int rank, int64_t *out);
int ncc_axes(struct ncc_graph *g, struct ncc_node *node, int rank, int64_t *out);

/*
 * Computes the output of a node that has constant inputs, if it is simple enough.
 * The output's shape and type must be known.
 */
int ncc_eval(struct ncc_graph *g, struct ncc_node *node);

#endif
