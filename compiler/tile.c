// SPDX-License-Identifier: Apache-2.0
/*
 * Tile pass: each node in turn to instructions on tiles.
 */
#include <errno.h>

#include "tile.h"

typedef int (*tile_fn)(struct ncc_lower *L, struct ncc_node *node);

static const tile_fn tile[NCC_OP_COUNT] = {
	[NCC_CONV] = ncc_tile_linear, [NCC_LINEAR] = ncc_tile_linear,
	[NCC_MATMUL] = ncc_tile_matmul,
	[NCC_MAXPOOL] = ncc_tile_pool, [NCC_AVERAGEPOOL] = ncc_tile_pool,
	[NCC_SUMPOOL] = ncc_tile_pool,
	[NCC_GLOBALMAXPOOL] = ncc_tile_global_pool, [NCC_GLOBALAVERAGEPOOL] = ncc_tile_global_pool,
	[NCC_ABS] = ncc_tile_unary, [NCC_EXP] = ncc_tile_unary, [NCC_NEG] = ncc_tile_unary,
	[NCC_RECIPROCAL] = ncc_tile_unary, [NCC_RELU] = ncc_tile_unary,
	[NCC_SIGMOID] = ncc_tile_unary, [NCC_SQRT] = ncc_tile_unary, [NCC_TANH] = ncc_tile_unary,
	[NCC_SILU] = ncc_tile_unary, [NCC_HARDSWISH] = ncc_tile_unary,
	[NCC_HARDSIGMOID] = ncc_tile_unary, [NCC_LEAKYRELU] = ncc_tile_unary,
	[NCC_ELU] = ncc_tile_unary,
	[NCC_CLIP] = ncc_tile_unary, [NCC_ERF] = ncc_tile_unary, [NCC_GELU] = ncc_tile_unary,
	[NCC_CEIL] = ncc_tile_unary, [NCC_COS] = ncc_tile_unary, [NCC_FLOOR] = ncc_tile_unary,
	[NCC_LOG] = ncc_tile_unary, [NCC_MISH] = ncc_tile_unary, [NCC_ROUND] = ncc_tile_unary,
	[NCC_SIGN] = ncc_tile_unary, [NCC_SIN] = ncc_tile_unary, [NCC_SOFTPLUS] = ncc_tile_unary,
	[NCC_EQUAL] = ncc_tile_binary, [NCC_LESS] = ncc_tile_binary,
	[NCC_LESSEQUAL] = ncc_tile_binary, [NCC_GREATER] = ncc_tile_binary,
	[NCC_GREATEREQUAL] = ncc_tile_binary, [NCC_POW] = ncc_tile_binary,
	[NCC_AND] = ncc_tile_binary, [NCC_OR] = ncc_tile_binary, [NCC_XOR] = ncc_tile_binary,
	[NCC_WHERE] = ncc_tile_where,
	[NCC_RSQRT] = ncc_tile_unary, [NCC_SCALARS] = ncc_tile_unary,
	[NCC_REDUCE] = ncc_tile_reduce, [NCC_NORM] = ncc_tile_norm, [NCC_MOVE] = ncc_tile_pieces,
	[NCC_ADD] = ncc_tile_binary, [NCC_SUB] = ncc_tile_binary, [NCC_MUL] = ncc_tile_binary,
	[NCC_DIV] = ncc_tile_binary, [NCC_MAX] = ncc_tile_binary, [NCC_MIN] = ncc_tile_binary,
	[NCC_AFFINE] = ncc_tile_affine, [NCC_SOFTMAX] = ncc_tile_softmax,
	[NCC_TRANSPOSE] = ncc_tile_transpose, [NCC_CONCAT] = ncc_tile_concat,
	[NCC_COPY] = ncc_tile_copy,
};

struct ncc_layout ncc_channel_layout(const struct ncc_tensor *t)
{
	return (struct ncc_layout){
		.o = t->dim[0], .a = t->dim[1], .i = ncc_dims(t, 2, t->rank),
	};
}

int ncc_tile(struct ncc_context *ctx)
{
	struct ncc_graph *g = ctx->graph;
	struct ncc_lower L = { .ctx = ctx, .half = ctx->options->precision.half };

	ncc_program_reset(ctx->program);
	L.b.p = ctx->program;
	for (size_t i = 0; i < g->nnode; i++) {
		struct ncc_node *node = g->node[i];
		int err;

		/* A view: there is nothing to do. */
		if (node->in[0]->value == node->out[0]->value)
			continue;
		L.b.node = node;
		if (!tile[node->op])
			return ncc_internal_error(ctx, node, "operator '%s' cannot be lowered",
						  ncc_op_info(node->op)->name);
		err = tile[node->op](&L, node);
		if (err)
			return err;
	}
	for (size_t i = 0; i < ctx->program->nvar; i++) {
		struct ncc_var *v = &ctx->program->var[i];

		if (v->segment == ctx->program->weights_segment)
			v->size = ctx->program->weights_size;
		else if (v->segment == ctx->program->scratch_segment)
			v->size = ctx->program->scratch_size;
	}
	return 0;
}
