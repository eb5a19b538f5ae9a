// SPDX-License-Identifier: Apache-2.0
/*
 * Folding and fusing: what is left of a graph, and the numbers that went into it.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <neuron/isa.h>

#include "convert.h"
#include "ncc_harness.h"

static void start(struct run *r, struct onnx *m, enum ncc_pass last)
{
	struct pb model = onnx_model(m);

	memset(r, 0, sizeof(*r));
	run_passes(r, &model, last, 0);
	if (r->err)
		fail_msg("%s", r->error);
	pb_free(&model);
}

/* As exporters write "x.view(x.size(0), -1)". */
static void test_shape_expression(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };
	struct run r;

	onnx_input(&m, "x", DIMS(5, 2, 3));
	onnx_ints(&m, "zero", DIMS(0));
	onnx_ints(&m, "rest", DIMS(-1));
	onnx_node(&m, "Shape", "x", "shape", NULL);
	onnx_attr_int(&a, "axis", 0);
	onnx_node(&m, "Gather", "shape zero", "n", &a);
	onnx_attr_int(&a, "axis", 0);
	onnx_node(&m, "Concat", "n rest", "new", &a);
	onnx_node(&m, "Reshape", "x new", "v", NULL);
	onnx_node(&m, "Relu", "v", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PASS_FOLD);
	assert_int_equal(r.ctx.graph->nnode, 2);
	assert_int_equal(run_tensor(&r, "y")->dim[0], 5);
	assert_int_equal(run_tensor(&r, "y")->dim[1], 6);
	run_free(&r);
}

static void test_constants(void **state)
{
	static const float a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 10, 100, 1000 };
	static const float want[] = { 11, 14, 102, 105, 1003, 1006 };
	struct onnx m = { 0 };
	struct pb attrs = { 0 };
	struct run r;

	onnx_input(&m, "x", DIMS(3, 2));
	onnx_floats(&m, "a", DIMS(2, 3), a);
	onnx_floats(&m, "b", DIMS(3), b);
	onnx_node(&m, "Add", "a b", "s", NULL);
	onnx_attr_ints(&attrs, "perm", DIMS(1, 0));
	onnx_node(&m, "Transpose", "s", "t", &attrs);
	onnx_node(&m, "Mul", "x t", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PASS_FOLD);
	assert_int_equal(r.ctx.graph->nnode, 1);
	assert_memory_equal(run_tensor(&r, "t")->f, want, sizeof(want));
	run_free(&r);
}

static void test_dead(void **state)
{
	struct onnx m = { 0 };
	struct run r;

	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Identity", "x", "i", NULL);
	onnx_node(&m, "Dropout", "i", "d mask", NULL);
	onnx_node(&m, "Relu", "d", "y", NULL);
	onnx_node(&m, "Exp", "d", "unused", NULL);
	onnx_node(&m, "Abs", "unused", "too", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PASS_FOLD);
	assert_int_equal(r.ctx.graph->nnode, 1);
	assert_string_equal(r.ctx.graph->node[0]->in[0]->name, "x");
	run_free(&r);
}

/* conv, batch normalisation, shift per channel, residual, relu: one node. */
static void test_conv_chain(void **state)
{
	static const float w[] = { 2, 3 }, gamma[] = { 4, 5 }, beta[] = { 1, -1 };
	static const float mean[] = { 0.5f, 0.25f }, var[] = { 4, 16 }, shift[] = { 10, 20 };
	struct onnx m = { 0 };
	struct pb a = { 0 };
	struct ncc_node *conv;
	struct run r;

	onnx_input(&m, "x", DIMS(1, 1, 3, 3));
	onnx_input(&m, "other", DIMS(1, 2, 3, 3));
	onnx_floats(&m, "w", DIMS(2, 1, 1, 1), w);
	onnx_floats(&m, "gamma", DIMS(2), gamma);
	onnx_floats(&m, "beta", DIMS(2), beta);
	onnx_floats(&m, "mean", DIMS(2), mean);
	onnx_floats(&m, "var", DIMS(2), var);
	onnx_floats(&m, "shift", DIMS(2, 1, 1), shift);
	onnx_node(&m, "Conv", "x w", "c", NULL);
	onnx_attr_float(&a, "epsilon", 0);
	onnx_node(&m, "BatchNormalization", "c gamma beta mean var", "n", &a);
	onnx_node(&m, "Add", "shift n", "s", NULL);
	onnx_node(&m, "Add", "s other", "t", NULL);
	onnx_node(&m, "Relu", "t", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PASS_FUSE);
	assert_int_equal(r.ctx.graph->nnode, 1);
	conv = run_node(&r, NCC_CONV);
	assert_non_null(conv);
	assert_int_equal(conv->func, NEURON_FUNC_RELU);
	assert_string_equal(conv->residual->name, "other");
	assert_string_equal(conv->out[0]->name, "y");
	for (int c = 0; c < 2; c++) {
		float s = gamma[c] / sqrtf(var[c]);

		assert_true(conv->in[1]->f[c] == w[c] && fabsf(conv->factor[c] - s) < 1e-6f);
		assert_true(fabsf(conv->bias->f[c] - (beta[c] - mean[c] * s + shift[c])) < 1e-5f);
	}
	run_free(&r);
}

/* A result that others read, or that is an output, stays as it is. */
static void test_not_fused(void **state)
{
	struct onnx m = { 0 };
	struct run r;

	onnx_input(&m, "x", DIMS(1, 1, 3, 3));
	onnx_floats(&m, "w", DIMS(2, 1, 1, 1), NULL);
	onnx_node(&m, "Conv", "x w", "c", NULL);
	onnx_node(&m, "Relu", "c", "y", NULL);
	onnx_node(&m, "Exp", "c", "z", NULL);
	onnx_output(&m, "y");
	onnx_output(&m, "z");
	start(&r, &m, NCC_PASS_FUSE);
	assert_int_equal(r.ctx.graph->nnode, 3);
	run_free(&r);

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(1, 1, 3, 3));
	onnx_floats(&m, "w", DIMS(2, 1, 1, 1), NULL);
	onnx_node(&m, "Conv", "x w", "c", NULL);
	onnx_node(&m, "Relu", "c", "y", NULL);
	onnx_output(&m, "c");
	onnx_output(&m, "y");
	start(&r, &m, NCC_PASS_FUSE);
	assert_int_equal(r.ctx.graph->nnode, 2);
	run_free(&r);
}

/* The product moves behind what makes its residual. */
static void test_residual_order(void **state)
{
	struct onnx m = { 0 };
	struct run r;

	onnx_input(&m, "x", DIMS(1, 1, 3, 3));
	onnx_floats(&m, "w", DIMS(1, 1, 1, 1), NULL);
	onnx_node(&m, "Conv", "x w", "c", NULL);
	onnx_node(&m, "Exp", "x", "e", NULL);
	onnx_node(&m, "Add", "c e", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PASS_FUSE);
	assert_int_equal(r.ctx.graph->nnode, 2);
	assert_int_equal(r.ctx.graph->node[0]->op, NCC_EXP);
	assert_int_equal(r.ctx.graph->node[1]->op, NCC_CONV);
	run_free(&r);
}

static void test_half(void **state)
{
	/* Every fp16 value survives the way to fp32 and back; NaN stays NaN. */
	for (uint32_t h = 0; h < 0x10000; h++) {
		bool nan = (h & 0x7fff) > 0x7c00;

		assert_int_equal(ncc_to_fp16(ncc_from_fp16((uint16_t)h)), nan ? 0x7e00 : h);
		nan = (h & 0x7fff) > 0x7f80;
		assert_int_equal(ncc_to_bf16(ncc_from_bf16((uint16_t)h)), nan ? 0x7fc0 : h);
	}
	/* Half way: to the even one. */
	assert_int_equal(ncc_to_bf16(0x1.01p0f), 0x3f80);
	assert_int_equal(ncc_to_bf16(0x1.03p0f), 0x3f82);
	assert_int_equal(ncc_to_bf16(0x1.010002p0f), 0x3f81);
	assert_int_equal(ncc_to_fp16(0x1.002p0f), 0x3c00);
	assert_int_equal(ncc_to_fp16(0x1.006p0f), 0x3c02);
	assert_int_equal(ncc_to_fp16(65519.0f), 0x7bff);
	assert_int_equal(ncc_to_fp16(65520.0f), 0x7c00);
	assert_int_equal(ncc_to_fp16(0x1p-25f), 0x0000);
	assert_int_equal(ncc_to_fp16(0x1.8p-25f), 0x0001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape_expression),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_conv_chain),
		cmocka_unit_test(test_not_fused),
		cmocka_unit_test(test_residual_order),
		cmocka_unit_test(test_half),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
