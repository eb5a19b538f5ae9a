/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator table: which ONNX operators there are, with how many inputs and outputs.
 *
 * O(ID, name, kind, fewest inputs, most inputs, most outputs); kinds:
 *   RUN   becomes instructions
 *   GONE  supported, but the passes remove it: nothing is left to run
 *   CONST only between constants and shapes, where the compiler computes it
 *   OWN   made by the passes, has no ONNX counterpart
 */
#ifndef NCC_OPS_H
#define NCC_OPS_H

#include <stdbool.h>
#include <stddef.h>

#define NCC_MANY	1000

#define NCC_OPS(O)						\
	O(ABS, "Abs", RUN, 1, 1, 1)				\
	O(ADD, "Add", RUN, 2, 2, 1)				\
	O(AND, "And", RUN, 2, 2, 1)				\
	O(AVERAGEPOOL, "AveragePool", RUN, 1, 1, 1)		\
	O(BATCHNORM, "BatchNormalization", RUN, 5, 5, 5)	\
	O(CAST, "Cast", RUN, 1, 1, 1)				\
	O(CEIL, "Ceil", RUN, 1, 1, 1)				\
	O(CELU, "Celu", RUN, 1, 1, 1)				\
	O(CLIP, "Clip", RUN, 1, 3, 1)				\
	O(CONCAT, "Concat", RUN, 1, NCC_MANY, 1)		\
	O(CONSTANT, "Constant", GONE, 0, 0, 1)			\
	O(CONSTANTOFSHAPE, "ConstantOfShape", CONST, 1, 1, 1)	\
	O(CONV, "Conv", RUN, 2, 3, 1)				\
	O(CONVTRANSPOSE, "ConvTranspose", RUN, 2, 3, 1)		\
	O(COS, "Cos", RUN, 1, 1, 1)				\
	O(DEPTHTOSPACE, "DepthToSpace", RUN, 1, 1, 1)		\
	O(DIV, "Div", RUN, 2, 2, 1)				\
	O(DROPOUT, "Dropout", GONE, 1, 3, 2)			\
	O(ELU, "Elu", RUN, 1, 1, 1)				\
	O(EQUAL, "Equal", RUN, 2, 2, 1)			\
	O(ERF, "Erf", RUN, 1, 1, 1)				\
	O(EXP, "Exp", RUN, 1, 1, 1)				\
	O(EXPAND, "Expand", RUN, 2, 2, 1)			\
	O(FLATTEN, "Flatten", RUN, 1, 1, 1)			\
	O(FLOOR, "Floor", RUN, 1, 1, 1)				\
	O(GATHER, "Gather", RUN, 2, 2, 1)			\
	O(GELU, "Gelu", RUN, 1, 1, 1)				\
	O(GEMM, "Gemm", RUN, 2, 3, 1)				\
	O(GLOBALAVERAGEPOOL, "GlobalAveragePool", RUN, 1, 1, 1)	\
	O(GLOBALLPPOOL, "GlobalLpPool", RUN, 1, 1, 1)		\
	O(GLOBALMAXPOOL, "GlobalMaxPool", RUN, 1, 1, 1)		\
	O(GREATER, "Greater", RUN, 2, 2, 1)			\
	O(GREATEREQUAL, "GreaterOrEqual", RUN, 2, 2, 1)		\
	O(GROUPNORM, "GroupNormalization", RUN, 3, 3, 1)	\
	O(HARDSIGMOID, "HardSigmoid", RUN, 1, 1, 1)		\
	O(HARDSWISH, "HardSwish", RUN, 1, 1, 1)			\
	O(IDENTITY, "Identity", GONE, 1, 1, 1)			\
	O(INSTANCENORM, "InstanceNormalization", RUN, 3, 3, 1)	\
	O(LAYERNORM, "LayerNormalization", RUN, 2, 3, 3)	\
	O(LEAKYRELU, "LeakyRelu", RUN, 1, 1, 1)			\
	O(LESS, "Less", RUN, 2, 2, 1)				\
	O(LESSEQUAL, "LessOrEqual", RUN, 2, 2, 1)		\
	O(LOG, "Log", RUN, 1, 1, 1)				\
	O(LOGSOFTMAX, "LogSoftmax", RUN, 1, 1, 1)		\
	O(LPNORM, "LpNormalization", RUN, 1, 1, 1)		\
	O(LPPOOL, "LpPool", RUN, 1, 1, 1)			\
	O(LRN, "LRN", RUN, 1, 1, 1)				\
	O(MATMUL, "MatMul", RUN, 2, 2, 1)			\
	O(MAX, "Max", RUN, 1, NCC_MANY, 1)			\
	O(MAXPOOL, "MaxPool", RUN, 1, 1, 2)			\
	O(MEAN, "Mean", RUN, 1, NCC_MANY, 1)			\
	O(MVN, "MeanVarianceNormalization", RUN, 1, 1, 1)	\
	O(MIN, "Min", RUN, 1, NCC_MANY, 1)			\
	O(MISH, "Mish", RUN, 1, 1, 1)				\
	O(MUL, "Mul", RUN, 2, 2, 1)				\
	O(NEG, "Neg", RUN, 1, 1, 1)				\
	O(NOT, "Not", RUN, 1, 1, 1)				\
	O(OR, "Or", RUN, 2, 2, 1)				\
	O(PAD, "Pad", RUN, 1, 4, 1)				\
	O(POW, "Pow", RUN, 2, 2, 1)				\
	O(PRELU, "PRelu", RUN, 2, 2, 1)				\
	O(RANGE, "Range", CONST, 3, 3, 1)			\
	O(RECIPROCAL, "Reciprocal", RUN, 1, 1, 1)		\
	O(REDUCEL1, "ReduceL1", RUN, 1, 2, 1)			\
	O(REDUCEL2, "ReduceL2", RUN, 1, 2, 1)			\
	O(REDUCELOGSUM, "ReduceLogSum", RUN, 1, 2, 1)		\
	O(REDUCELOGSUMEXP, "ReduceLogSumExp", RUN, 1, 2, 1)	\
	O(REDUCEMAX, "ReduceMax", RUN, 1, 2, 1)			\
	O(REDUCEMEAN, "ReduceMean", RUN, 1, 2, 1)		\
	O(REDUCEMIN, "ReduceMin", RUN, 1, 2, 1)			\
	O(REDUCEPROD, "ReduceProd", RUN, 1, 2, 1)		\
	O(REDUCESUM, "ReduceSum", RUN, 1, 2, 1)			\
	O(REDUCESUMSQUARE, "ReduceSumSquare", RUN, 1, 2, 1)	\
	O(RELU, "Relu", RUN, 1, 1, 1)				\
	O(RESHAPE, "Reshape", RUN, 1, 2, 1)			\
	O(RESIZE, "Resize", RUN, 1, 4, 1)			\
	O(ROUND, "Round", RUN, 1, 1, 1)				\
	O(SELU, "Selu", RUN, 1, 1, 1)				\
	O(SHAPE, "Shape", CONST, 1, 1, 1)			\
	O(SHRINK, "Shrink", RUN, 1, 1, 1)			\
	O(SIGMOID, "Sigmoid", RUN, 1, 1, 1)			\
	O(SIGN, "Sign", RUN, 1, 1, 1)				\
	O(SIN, "Sin", RUN, 1, 1, 1)				\
	O(SIZE, "Size", CONST, 1, 1, 1)				\
	O(SLICE, "Slice", RUN, 1, 5, 1)				\
	O(SOFTMAX, "Softmax", RUN, 1, 1, 1)			\
	O(SOFTPLUS, "Softplus", RUN, 1, 1, 1)			\
	O(SOFTSIGN, "Softsign", RUN, 1, 1, 1)			\
	O(SPACETODEPTH, "SpaceToDepth", RUN, 1, 1, 1)		\
	O(SPLIT, "Split", RUN, 1, 2, NCC_MANY)			\
	O(SQRT, "Sqrt", RUN, 1, 1, 1)				\
	O(SQUEEZE, "Squeeze", RUN, 1, 2, 1)			\
	O(SUB, "Sub", RUN, 2, 2, 1)				\
	O(SUM, "Sum", RUN, 1, NCC_MANY, 1)			\
	O(TANH, "Tanh", RUN, 1, 1, 1)				\
	O(THRESHOLDEDRELU, "ThresholdedRelu", RUN, 1, 1, 1)	\
	O(TILE, "Tile", RUN, 2, 2, 1)				\
	O(TRANSPOSE, "Transpose", RUN, 1, 1, 1)			\
	O(UNSQUEEZE, "Unsqueeze", RUN, 1, 2, 1)			\
	O(UPSAMPLE, "Upsample", RUN, 1, 2, 1)			\
	/* The condition: 1 or 0 on the chip */			\
	O(WHERE, "Where", RUN, 3, 3, 1)				\
	O(XOR, "Xor", RUN, 2, 2, 1)				\
	/* y = scale[c] * x + bias[c]: in[1], in[2] */		\
	O(AFFINE, "(scale and shift)", OWN, 3, 3, 1)		\
	/* x * w + bias with constant w [k][m] (in[1]) over the last axis of x */ \
	O(LINEAR, "(matrix product)", OWN, 2, 2, 1)		\
	/* y = (x alu[0] scalar[0]) alu[1] scalar[1] */		\
	O(SCALARS, "(scalar arithmetic)", OWN, 1, 1, 1)		\
	/* along each axis, the output's elements are chosen ones of the input: @move; in[1]: the fill */ \
	O(MOVE, "(data movement)", OWN, 1, 2, 1)			\
	/* over the middle one of @extent: alu[0], then * scale */	\
	O(REDUCE, "(reduction)", OWN, 1, 1, 1)			\
	/* rows of extent[1]: (x - mean) / sqrt(variance + low), then * in[1] + in[2] by column */ \
	O(NORM, "(normalisation)", OWN, 1, 3, 1)			\
	O(RSQRT, "(inverse root)", OWN, 1, 1, 1)			\
	/* x sigmoid(x) */					\
	O(SILU, "(SiLU)", OWN, 1, 1, 1)				\
	/* the sum of what each window has */			\
	O(SUMPOOL, "(sum of windows)", OWN, 1, 1, 1)		\
	O(COPY, "(copy)", OWN, 1, 1, 1)

enum ncc_op_kind { NCC_OP_RUN, NCC_OP_GONE, NCC_OP_CONST, NCC_OP_OWN };

#define NCC_OP_ENUM(id, name, kind, nin_min, nin_max, nout_max)	NCC_##id,
enum ncc_op { NCC_OP_UNKNOWN, NCC_OPS(NCC_OP_ENUM) NCC_OP_COUNT };

struct ncc_op_info {
	const char *name;
	enum ncc_op_kind kind;
	size_t nin_min, nin_max, nout_max;
};

const struct ncc_op_info *ncc_op_info(enum ncc_op op);
enum ncc_op ncc_op_find(const char *name);
/* May a model contain it (kinds RUN and GONE)? What list-operators prints. */
bool ncc_op_listed(enum ncc_op op);

#endif
