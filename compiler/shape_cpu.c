// SPDX-License-Identifier: Apache-2.0
/*
 * Shapes of nodes that the CPU runs: what is known lets later nodes run on the chip. ONNX
 * Runtime finds the true shapes when the model is loaded, so this only has to be right
 * where it says something.
 */
#include <string.h>

#include "shape.h"

/* How a result relates to the inputs. */
enum rule {
	SAME,		/* shape and type of the first */
	SAME_BOOL,	/* shape of the first */
	BROADCAST,	/* of all, with the type of the first */
	BROADCAST_BOOL,
	SELECT,		/* Where: of all, with the type of the second */
	INT64,		/* some shape */
	RECURRENT,
};

static const struct {
	const char *op_type;
	enum rule rule;
} rules[] = {
	{ "Abs", SAME }, { "Acos", SAME }, { "Acosh", SAME }, { "Asin", SAME }, { "Asinh", SAME },
	{ "Atan", SAME }, { "Atanh", SAME }, { "BitwiseNot", SAME }, { "Ceil", SAME }, { "Celu", SAME },
	{ "Clip", SAME }, { "Cos", SAME }, { "Cosh", SAME }, { "CumSum", SAME }, { "Elu", SAME },
	{ "Erf", SAME }, { "Exp", SAME }, { "Floor", SAME }, { "Gelu", SAME },
	{ "GroupNormalization", SAME }, { "HardSigmoid", SAME }, { "HardSwish", SAME },
	{ "Hardmax", SAME }, { "Identity", SAME }, { "InstanceNormalization", SAME },
	{ "LayerNormalization", SAME }, { "LeakyRelu", SAME }, { "Log", SAME }, { "LogSoftmax", SAME },
	{ "LpNormalization", SAME }, { "LRN", SAME }, { "MeanVarianceNormalization", SAME },
	{ "Mish", SAME }, { "Neg", SAME }, { "PRelu", SAME }, { "Reciprocal", SAME }, { "Relu", SAME },
	{ "ReverseSequence", SAME }, { "Round", SAME }, { "ScatterElements", SAME },
	{ "ScatterND", SAME }, { "Selu", SAME }, { "Shrink", SAME }, { "Sigmoid", SAME },
	{ "Sign", SAME }, { "Sin", SAME }, { "Sinh", SAME }, { "Softmax", SAME }, { "Softplus", SAME },
	{ "Softsign", SAME }, { "Sqrt", SAME }, { "Tan", SAME }, { "Tanh", SAME },
	{ "ThresholdedRelu", SAME }, { "Trilu", SAME },
	{ "IsInf", SAME_BOOL }, { "IsNaN", SAME_BOOL }, { "Not", SAME_BOOL },
	{ "Add", BROADCAST }, { "BitwiseAnd", BROADCAST }, { "BitwiseOr", BROADCAST },
	{ "BitwiseXor", BROADCAST }, { "Div", BROADCAST }, { "Max", BROADCAST }, { "Mean", BROADCAST },
	{ "Min", BROADCAST }, { "Mod", BROADCAST }, { "Mul", BROADCAST }, { "Pow", BROADCAST },
	{ "Sub", BROADCAST }, { "Sum", BROADCAST },
	{ "And", BROADCAST_BOOL }, { "Equal", BROADCAST_BOOL }, { "Greater", BROADCAST_BOOL },
	{ "GreaterOrEqual", BROADCAST_BOOL }, { "Less", BROADCAST_BOOL },
	{ "LessOrEqual", BROADCAST_BOOL }, { "Or", BROADCAST_BOOL }, { "Xor", BROADCAST_BOOL },
	{ "Where", SELECT },
	{ "ArgMax", INT64 }, { "ArgMin", INT64 }, { "NonMaxSuppression", INT64 }, { "NonZero", INT64 },
	{ "Shape", INT64 }, { "Size", INT64 },
	{ "GRU", RECURRENT }, { "LSTM", RECURRENT }, { "RNN", RECURRENT },
};

static void set(struct ncc_graph *g, struct ncc_tensor *t, int rank, const int64_t *dim)
{
	if (t && ncc_shape_fits(rank, dim))
		ncc_tensor_set_shape(g, NULL, t, rank, dim);
}

static void broadcast(struct ncc_graph *g, struct ncc_node *node)
{
	int64_t dim[NCC_MAX_RANK];
	int rank = 0;

	for (size_t i = 0; i < node->nin; i++)
		rank = node->in[i]->rank > rank ? node->in[i]->rank : rank;
	for (int d = 0; d < rank; d++) {
		dim[d] = 1;
		for (size_t i = 0; i < node->nin; i++) {
			int own = d - (rank - node->in[i]->rank);
			int64_t size = own < 0 ? 1 : node->in[i]->dim[own];

			if (size == 1 || size == dim[d])
				continue;
			if (dim[d] != 1)
				return;
			dim[d] = size;
		}
	}
	set(g, node->out[0], rank, dim);
}

/* Y [seq, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden] */
static void recurrent(struct ncc_graph *g, struct ncc_node *node)
{
	const struct ncc_tensor *x = node->in[0], *r = node->nin > 2 ? node->in[2] : NULL;
	int64_t dim[4];

	for (size_t i = 0; i < node->nout; i++)
		if (node->out[i])
			node->out[i]->type = x->type;
	if (x->rank != 3 || !r || r->rank != 3 || ncc_attr_int(node, "layout", 0))
		return;
	dim[0] = x->dim[0];
	dim[1] = r->dim[0];
	dim[2] = x->dim[1];
	dim[3] = r->dim[2];
	set(g, node->out[0], 4, dim);
	for (size_t i = 1; i < node->nout; i++)
		set(g, node->out[i], 3, dim + 1);
}

static void by_rule(struct ncc_graph *g, struct ncc_node *node, enum rule rule)
{
	struct ncc_tensor *out = node->out[0], *x = node->in[0];

	if (out)
		out->type = rule == SAME_BOOL || rule == BROADCAST_BOOL ? NCC_BOOL :
			    rule == INT64 ? NCC_INT64 : rule == SELECT ? node->in[1]->type : x->type;
	switch (rule) {
	case SAME:
	case SAME_BOOL:
		set(g, out, x->rank, x->dim);
		break;
	case BROADCAST:
	case BROADCAST_BOOL:
	case SELECT:
		if (out)
			broadcast(g, node);
		break;
	case RECURRENT:
		recurrent(g, node);
		break;
	default:
		break;
	}
}

/* What exporters declare of their results is what one run of them had. */
static bool depends_on_data(const struct ncc_node *node)
{
	static const char *const names[] = { "Compress", "NonMaxSuppression", "NonZero", "Unique" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], node->op_type))
			return true;
	return false;
}

/* The model's word, where it is a definite one. */
static void declared(struct ncc_graph *g, const struct ncc_node *node, struct ncc_tensor *t)
{
	const struct ncc_declared *d = t->declared;
	bool known;

	if (!d)
		return;
	if (!t->type)
		t->type = d->type;
	known = d->shaped && !t->shaped && !depends_on_data(node);
	for (int i = 0; known && i < d->rank; i++)
		known = d->dim[i] >= 0;
	if (known)
		set(g, t, d->rank, d->dim);
}

void ncc_shape_cpu(struct ncc_graph *g, struct ncc_node *node)
{
	bool onnx = !*node->domain || !strcmp(node->domain, "ai.onnx");
	bool known = onnx && node->refused && node->nin && node->nout;

	for (size_t i = 0; i < node->nin; i++)
		known = known && (node->in[i] ? node->in[i]->shaped && node->in[i]->type : i > 1);
	for (size_t i = 0; known && i < sizeof(rules) / sizeof(rules[0]); i++) {
		enum rule rule = rules[i].rule;
		bool all = rule == BROADCAST || rule == BROADCAST_BOOL || rule == SELECT;

		if (strcmp(rules[i].op_type, node->op_type) || (rule == SELECT && node->nin != 3))
			continue;
		for (size_t j = 0; all && j < node->nin; j++)
			all = node->in[j];
		if (all || rule < BROADCAST || rule > SELECT)
			by_rule(g, node, rule);
	}
	/* Of other nodes, the outputs that the chip does not give. */
	for (size_t i = node->refused ? 0 : 1; i < node->nout; i++)
		if (node->out[i])
			declared(g, node, node->out[i]);
}
