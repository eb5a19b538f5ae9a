// SPDX-License-Identifier: Apache-2.0
/*
 * The cost model of the partition pass. It decides only about small segments, where what
 * counts is that a trip to the chip has a price: the figures are round ones, good to a
 * factor of two or three.
 */
#include <string.h>

#include "cost.h"
#include "graph.h"

#define CPU_FLOPS	50e9	/* one core, vector units, fp32 */
#define CPU_BANDWIDTH	10e9	/* bytes a second, one core */
#define CHIP_FLOPS	4e12	/* a quarter of a NeuronCore's peak */
#define CHIP_BANDWIDTH	50e9	/* bytes a second, to and from device memory */
#define BUS_BANDWIDTH	3e9	/* bytes a second */
#define TRIP		60e-6	/* seconds: copies in, job, interrupt, copies out */

double ncc_cost_bytes(const struct ncc_tensor *t)
{
	return t->shaped ? (double)t->count * (double)ncc_type_size(t->type) : 0;
}

static bool is(const struct ncc_node *node, const char *op_type)
{
	return !strcmp(node->op_type, op_type);
}

static bool moves_data(const struct ncc_node *node)
{
	static const char *const names[] = {
		"Cast", "CastLike", "Compress", "Concat", "Constant", "ConstantOfShape", "DepthToSpace", "Dropout",
		"Expand", "EyeLike", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "NonZero",
		"OneHot", "Pad", "Range", "Reshape", "ReverseSequence", "ScatterElements", "ScatterND",
		"Shape", "Size", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unique",
		"Unsqueeze", "Where",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(node, names[i]))
			return true;
	return false;
}

static const struct ncc_tensor *input(const struct ncc_node *node, size_t i)
{
	return i < node->nin && node->in[i] && node->in[i]->shaped ? node->in[i] : NULL;
}

/* Multiply-adds of one element of the result of a convolution, or of a convolution's input. */
static double taps(const struct ncc_tensor *w)
{
	return w && w->rank > 1 && w->dim[0] ? (double)w->count / (double)w->dim[0] : 1;
}

/* X [seq, batch, in], W [directions, gates * hidden, in], R [directions, gates * hidden, hidden] */
static double recurrent(const struct ncc_node *node)
{
	const struct ncc_tensor *x = input(node, 0), *w = input(node, 1), *r = input(node, 2);

	if (!x || x->rank != 3 || !w || !r)
		return 0;
	return 2.0 * (double)(x->dim[0] * x->dim[1]) * (double)(w->count + r->count);
}

double ncc_cost_flops(const struct ncc_node *node)
{
	const struct ncc_tensor *out = node->nout ? node->out[0] : NULL;
	const struct ncc_tensor *x = input(node, 0);
	double n = out && out->shaped ? (double)out->count : 0;

	if (moves_data(node))
		return 0;
	if (is(node, "Conv"))
		return 2 * n * taps(input(node, 1));
	if (is(node, "ConvTranspose"))
		return x ? 2 * (double)x->count * taps(input(node, 1)) : 0;
	if (is(node, "Gemm") && x && x->rank == 2)
		return 2 * n * (double)x->dim[!ncc_attr_int(node, "transA", 0)];
	if (is(node, "MatMul") && x && x->rank)
		return 2 * n * (double)x->dim[x->rank - 1];
	if (is(node, "LSTM") || is(node, "GRU") || is(node, "RNN"))
		return recurrent(node);
	/* Reductions, pooling and the like read more than they write. */
	return x && (double)x->count > n ? (double)x->count : n;
}

double ncc_cost_core(const struct ncc_node *node)
{
	double bytes = node->nout && node->out[0] ? ncc_cost_bytes(node->out[0]) : 0;

	for (size_t i = 0; i < node->nin; i++)
		bytes += node->in[i] ? ncc_cost_bytes(node->in[i]) : 0;
	return ncc_cost_flops(node) / CHIP_FLOPS + (moves_data(node) ? 0 : bytes / CHIP_BANDWIDTH);
}

double ncc_cost_cpu(double flops, double touched)
{
	return flops / CPU_FLOPS + touched / CPU_BANDWIDTH;
}

double ncc_cost_chip(double flops, double moved)
{
	return TRIP + flops / CHIP_FLOPS + moved / BUS_BANDWIDTH;
}
