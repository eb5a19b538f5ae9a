/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graph IR: nodes with ONNX operator semantics between tensors, in topological order
 * after the check pass. Everything lives in the compilation's arena.
 */
#ifndef NCC_GRAPH_H
#define NCC_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ncc.h"
#include "ops.h"

#define NCC_MAX_RANK	8

/* Types of tensors: numbers of TensorProto.DataType. */
enum ncc_type {
	NCC_TYPE_UNKNOWN = 0,
	NCC_FLOAT = 1,
	NCC_UINT8 = 2,
	NCC_INT8 = 3,
	NCC_UINT16 = 4,
	NCC_INT16 = 5,
	NCC_INT32 = 6,
	NCC_INT64 = 7,
	NCC_STRING = 8,
	NCC_BOOL = 9,
	NCC_FLOAT16 = 10,
	NCC_DOUBLE = 11,
	NCC_UINT32 = 12,
	NCC_UINT64 = 13,
	NCC_BFLOAT16 = 16,
};

const char *ncc_type_name(enum ncc_type type);
bool ncc_type_is_float(enum ncc_type type);
/* Types of values on the chip. */
bool ncc_type_on_chip(enum ncc_type type);
bool ncc_type_is_int(enum ncc_type type);
/* Bytes of an element; 0 for strings and what is not known. */
size_t ncc_type_size(enum ncc_type type);

struct ncc_value;

/* What the model says about a tensor that a node makes; may be wrong, or symbolic. */
struct ncc_declared {
	enum ncc_type type;
	bool shaped;
	int rank;
	int64_t dim[NCC_MAX_RANK];
	const char *dim_param[NCC_MAX_RANK];
};

/**
 * struct ncc_tensor - one named tensor
 * @dim: a size, or -1 where the model leaves it open (only before the shape pass)
 * @dim_param: the model's name for an open size, or NULL
 * @shaped: @rank and @dim are valid
 * @count: elements, valid once every size is known
 * @f, @i: contents of a constant: floating types as float, integers and bool as int64
 * @raw: of a constant: its TensorProto; contents that mean nothing to us are only there
 * @external: the contents as they are, if they are in a file beside the model (@raw is empty then)
 * @declared: or NULL
 * @producer: node that makes it; NULL for inputs and constants
 * @consumers: uses by nodes and as a graph output; ncc_graph_count_uses() updates it
 * @same: the tensor that replaces this one, after a node in between went away
 * @wide: fp32 on the device, whatever --fast-math says: a narrow type would spoil the result
 * @infinite, @finite: it may have infinities; what has none, but the largest numbers instead
 * @value: where it lives on the device (place pass)
 * @mark, @crosses: used inside the partition pass; goes from one part to another
 */
struct ncc_tensor {
	const char *name;
	enum ncc_type type;
	int rank;
	int64_t dim[NCC_MAX_RANK];
	const char *dim_param[NCC_MAX_RANK];
	bool shaped;
	bool is_input;
	bool is_output;
	bool wide;
	bool infinite;
	int64_t count;
	const float *f;
	const int64_t *i;
	struct ncc_bytes raw, external;
	struct ncc_declared *declared;
	struct ncc_node *producer;
	int consumers;
	struct ncc_tensor *same, *finite;
	struct ncc_value *value;
	int mark;
	bool crosses;
	struct ncc_tensor *hash_next;
};

static inline bool ncc_is_const(const struct ncc_tensor *t)
{
	return t->f || t->i;
}

/* Needs it no producer? More than ncc_is_const(): the values may be of any type. */
static inline bool ncc_is_initializer(const struct ncc_tensor *t)
{
	return ncc_is_const(t) || t->raw.at;
}

enum ncc_attr_kind {
	NCC_ATTR_FLOAT = 1,
	NCC_ATTR_INT = 2,
	NCC_ATTR_STRING = 3,
	NCC_ATTR_TENSOR = 4,
	NCC_ATTR_GRAPH = 5,
	NCC_ATTR_FLOATS = 6,
	NCC_ATTR_INTS = 7,
	NCC_ATTR_OTHER = 100,
};

struct ncc_attr {
	const char *name;
	enum ncc_attr_kind kind;
	float f;
	int64_t i;
	const char *s;
	struct ncc_tensor *t;
	const int64_t *ints;
	const float *floats;
	size_t n;	/* of ints or floats */
	struct ncc_bytes raw;	/* the AttributeProto */
};

/**
 * struct ncc_window - sliding window of Conv and pooling, always two axes
 *
 * Index 0 is the height, 1 the width; one-dimensional operators slide along the height
 * with a width of 1. @in and @out are the sizes of the axes.
 */
struct ncc_window {
	int64_t kernel[2];
	int64_t stride[2];
	int64_t dilation[2];
	int64_t pad[2];		/* before the first element */
	int64_t pad_end[2];
	int64_t in[2];
	int64_t out[2];
};

/**
 * struct ncc_move - data movement that treats each axis alone
 * @rank: axes of both sides; @in and @out: their sizes
 * @index: for each axis, per output position the input position; -1: the fill
 * @fills: some index is -1
 *
 * The sizes multiply to those of the node's tensors, whose own shapes may differ.
 */
struct ncc_move {
	int rank;
	int64_t in[NCC_MAX_RANK], out[NCC_MAX_RANK];
	const int64_t *index[NCC_MAX_RANK];
	bool fills;
	float fill;
};

/* Resize along one axis: output element o is the sum of weight[k][o] * input[index[k][o]]. */
struct ncc_taps {
	int n;			/* 0: the axis stays as it is */
	const int64_t *index[4];
	const float *weight[4];
};

/*
 * How a stack of matrices [batch, heads, rows, columns] is stored: as it is, or as [batch, x, heads, y]: with the axis
 * that is summed over last (y), or first (x: the rows of a right operand, and of a result).
 */
enum ncc_heads { NCC_HEADS_OUTSIDE, NCC_HEADS_K_LAST, NCC_HEADS_K_FIRST };

/**
 * struct ncc_node - one operator
 * @index: position in the model, the tag of its instructions
 * @in: NULL where an optional input is absent; after the node's own inputs, of which there are
 *	@nexplicit, those that the graphs in its attributes take from outside
 * @window: valid for Conv and pooling after the shape pass
 * @axis, @perm, @alpha: attributes that shape inference normalised, where the operator has them
 * @scale: Gemm's alpha where the weights could not take it; a mean's factor
 * @alu, @scalar: of SCALARS; alu[0]: of REDUCE
 * @move: of data movement, set by the shape pass; for Split one per output
 * @taps: of Resize, set by the shape pass, one per axis
 * @axes: bit set of the reduced axes of a reduction
 * @extent: of REDUCE and NORM: elements before, in and after the axes that they work on
 * @bias: constant of one value per output channel, fused (fuse pass)
 * @factor: of each output channel, times the weights, which stay as they are; NULL: none (fuse pass)
 * @residual: tensor of the output's shape to be added before @func
 * @func, @param: enum neuron_func that is applied to the result, and its parameter, if it has one
 * @heads: enum ncc_heads, of MATMUL's operands and result (place pass)
 * @refused: why the chip cannot run it, or NULL
 * @live: an output depends on it, and it is not computed already (partition pass)
 * @part: the partition pass's choice
 */
struct ncc_node {
	const char *name;
	const char *op_type;
	const char *domain;
	enum ncc_op op;
	int index;
	struct ncc_tensor **in;
	size_t nin, nexplicit;
	struct ncc_tensor **out;
	size_t nout;
	struct ncc_attr *attr;
	size_t nattr;

	struct ncc_window window;
	int64_t group;
	int64_t axis;
	int64_t perm[NCC_MAX_RANK];
	bool count_pad;
	float low, high;
	float scale;
	uint8_t alu[2];
	float scalar[2];
	struct ncc_move *move;
	struct ncc_taps *taps;
	uint32_t axes;
	int64_t extent[3];
	struct ncc_tensor *bias;
	const float *factor;
	struct ncc_tensor *residual;
	uint8_t func;
	float param;
	uint8_t heads[3];
	const char *refused;
	bool live;
	struct ncc_part *part;

	struct ncc_node *link;	/* used inside passes */
	int mark;
};

struct ncc_graph {
	struct ncc_context *ctx;
	const char *name;
	const char *suffix;	/* of the names of new tensors */
	int64_t opset;
	int64_t ir_version;
	/* OperatorSetIdProto and FunctionProto of the model */
	struct ncc_bytes *opset_raw, *function_raw;
	size_t nopset_raw, opset_raw_cap, nfunction_raw, function_raw_cap;
	struct ncc_node **node;
	size_t nnode, node_cap;
	struct ncc_tensor **tensor;
	size_t ntensor, tensor_cap;
	struct ncc_tensor **input;
	size_t ninput, input_cap;
	struct ncc_tensor **output;
	size_t noutput, output_cap;
	/* The model's nodes by index, for ops.json: passes drop and add nodes. */
	struct ncc_op_name { const char *name, *op_type; } *op_name;
	size_t nop_name;
	struct ncc_tensor **hash;
	size_t hash_size;
};

struct ncc_graph *ncc_graph_new(struct ncc_context *ctx);
/* The tensor of that name, or NULL. */
struct ncc_tensor *ncc_graph_find(struct ncc_graph *g, const char *name);
/* The tensor of that name, made when there is none. */
struct ncc_tensor *ncc_graph_tensor(struct ncc_graph *g, const char *name);
/* A tensor with a name of its own that starts with @stem. */
struct ncc_tensor *ncc_graph_temp(struct ncc_graph *g, const char *stem, enum ncc_type type,
				  int rank, const int64_t *dim);
/* The same, constant; @data stays referenced. */
struct ncc_tensor *ncc_graph_const(struct ncc_graph *g, const char *stem, int rank,
				   const int64_t *dim, const float *data);
struct ncc_node *ncc_graph_node(struct ncc_graph *g);	/* appended */
/* A node for @like's place in the model (tag and name), not in the list yet. */
struct ncc_node *ncc_node_like(struct ncc_graph *g, const struct ncc_node *like, enum ncc_op op,
			       size_t nin, struct ncc_tensor *const *in, struct ncc_tensor *out);
/* Takes the nodes out of the list, for a pass that builds it anew. Returns their number. */
size_t ncc_graph_take(struct ncc_graph *g, struct ncc_node ***nodes);
/* For a pass that gives nodes' work to others: no node is marked, each result knows its producer ... */
void ncc_graph_mark_none(struct ncc_graph *g);
/* ... and afterwards marked nodes are dropped, and uses counted. */
void ncc_graph_drop_marked(struct ncc_graph *g);
void ncc_graph_count_uses(struct ncc_graph *g);
/* Appends to a list of tensors. */
void ncc_tensor_list_add(struct ncc_graph *g, struct ncc_tensor ***list, size_t *n, size_t *cap,
			 struct ncc_tensor *t);
/* Appends to a list of nodes. */
void ncc_graph_add(struct ncc_graph *g, struct ncc_node *node);

const struct ncc_attr *ncc_attr(const struct ncc_node *node, const char *name);
int64_t ncc_attr_int(const struct ncc_node *node, const char *name, int64_t otherwise);
float ncc_attr_float(const struct ncc_node *node, const char *name, float otherwise);

/* Sets rank, sizes and count; -EINVAL (reported) for sizes that no device could hold. */
int ncc_tensor_set_shape(struct ncc_graph *g, const struct ncc_node *node, struct ncc_tensor *t,
			 int rank, const int64_t *dim);
/* Is that a shape that ncc_tensor_set_shape() takes? */
bool ncc_shape_fits(int rank, const int64_t *dim);
/* MatMul takes over Transposes that move heads in and out (place pass). */
void ncc_place_heads(struct ncc_graph *g);
/* Conv takes over zeros that a Pad puts around its input (place pass). */
void ncc_place_pads(struct ncc_graph *g);
/* Product of sizes first .. last - 1. */
int64_t ncc_dims(const struct ncc_tensor *t, int first, int last);
/* "[1,3,224,224]"; text lives in the arena. */
const char *ncc_shape_text(struct ncc_context *ctx, const struct ncc_tensor *t);
/* How messages call a node: "node 'conv1' (Conv)". */
const char *ncc_node_text(struct ncc_context *ctx, const struct ncc_node *node);

#endif
