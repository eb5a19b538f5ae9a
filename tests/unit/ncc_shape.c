// SPDX-License-Identifier: Apache-2.0
/*
 * Shape inference: the sizes that ONNX defines.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ncc_harness.h"

/* One node from x (and constants that the caller added) to y: the shape of y, or an error. */
static void check(struct onnx *m, const char *op, const char *in, struct pb *attrs,
		  const int64_t *want)
{
	struct run r = { 0 };
	struct ncc_tensor *y;
	struct pb model;
	int rank = 0;

	onnx_node(m, op, in, "y", attrs);
	onnx_output(m, "y");
	model = onnx_model(m);
	run_passes(&r, &model, NCC_PASS_SHAPE, 0);
	if (!want) {
		assert_int_equal(r.err, -EINVAL);
		assert_non_null(strstr(r.error, "node 'y'"));
	} else {
		if (r.err)
			fail_msg("%s: %s", op, r.error);
		y = run_tensor(&r, "y");
		for (; want[rank] != END; rank++)
			if (rank >= y->rank || y->dim[rank] != want[rank])
				fail_msg("%s: %s", op, ncc_shape_text(&r.ctx, y));
		assert_int_equal(y->rank, rank);
	}
	run_free(&r);
	pb_free(&model);
	*m = (struct onnx){ 0 };
}

static void test_conv(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_input(&m, "x", DIMS(2, 4, 10, 11));
	onnx_floats(&m, "w", DIMS(6, 2, 3, 3), NULL);
	onnx_attr_ints(&a, "strides", DIMS(2, 1));
	onnx_attr_ints(&a, "pads", DIMS(1, 0, 1, 2));
	onnx_attr_int(&a, "group", 2);
	check(&m, "Conv", "x w", &a, DIMS(2, 6, 5, 11));

	onnx_input(&m, "x", DIMS(1, 4, 10));
	onnx_floats(&m, "w", DIMS(6, 4, 3), NULL);
	onnx_attr_ints(&a, "dilations", DIMS(2));
	check(&m, "Conv", "x w", &a, DIMS(1, 6, 6));

	/* wrong number of channels */
	onnx_input(&m, "x", DIMS(1, 5, 10, 10));
	onnx_floats(&m, "w", DIMS(6, 4, 3, 3), NULL);
	check(&m, "Conv", "x w", NULL, NULL);

	/* a kernel larger than the padded input */
	onnx_input(&m, "x", DIMS(1, 4, 2, 2));
	onnx_floats(&m, "w", DIMS(6, 4, 3, 3), NULL);
	check(&m, "Conv", "x w", NULL, NULL);
}

static void test_pool(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_input(&m, "x", DIMS(1, 4, 6, 6));
	onnx_attr_ints(&a, "kernel_shape", DIMS(3, 3));
	onnx_attr_ints(&a, "strides", DIMS(2, 2));
	check(&m, "MaxPool", "x", &a, DIMS(1, 4, 2, 2));

	onnx_input(&m, "x", DIMS(1, 4, 6, 6));
	onnx_attr_ints(&a, "kernel_shape", DIMS(3, 3));
	onnx_attr_ints(&a, "strides", DIMS(2, 2));
	onnx_attr_int(&a, "ceil_mode", 1);
	check(&m, "MaxPool", "x", &a, DIMS(1, 4, 3, 3));

	/* ceil_mode adds no window that starts behind the input */
	onnx_input(&m, "x", DIMS(1, 4, 4, 4));
	onnx_attr_ints(&a, "kernel_shape", DIMS(1, 1));
	onnx_attr_ints(&a, "strides", DIMS(2, 2));
	onnx_attr_ints(&a, "pads", DIMS(0, 0, 1, 1));
	onnx_attr_int(&a, "ceil_mode", 1);
	check(&m, "AveragePool", "x", &a, DIMS(1, 4, 2, 2));

	onnx_input(&m, "x", DIMS(1, 4, 5, 7));
	check(&m, "GlobalAveragePool", "x", NULL, DIMS(1, 4, 1, 1));

	onnx_input(&m, "x", DIMS(1, 4, 5, 7, 3));
	onnx_attr_ints(&a, "kernel_shape", DIMS(1, 1, 1));
	check(&m, "MaxPool", "x", &a, NULL);
}

static void test_views(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_input(&m, "x", DIMS(2, 3, 4));
	onnx_ints(&m, "s", DIMS(0, -1));
	check(&m, "Reshape", "x s", NULL, DIMS(2, 12));

	onnx_input(&m, "x", DIMS(2, 3, 4));
	onnx_attr_int(&a, "axis", -1);
	check(&m, "Flatten", "x", &a, DIMS(6, 4));

	onnx_input(&m, "x", DIMS(1, 3, 1, 4));
	check(&m, "Squeeze", "x", NULL, DIMS(3, 4));

	onnx_input(&m, "x", DIMS(1, 3, 1, 4));
	onnx_ints(&m, "s", DIMS(-2));
	check(&m, "Squeeze", "x s", NULL, DIMS(1, 3, 4));

	onnx_input(&m, "x", DIMS(1, 3));
	onnx_ints(&m, "s", DIMS(1));
	check(&m, "Squeeze", "x s", NULL, NULL);

	m.opset = 11;
	onnx_input(&m, "x", DIMS(3, 4));
	onnx_attr_ints(&a, "axes", DIMS(0, -1));
	check(&m, "Unsqueeze", "x", &a, DIMS(1, 3, 4, 1));

	onnx_input(&m, "x", DIMS(2, 3, 4));
	onnx_attr_ints(&a, "perm", DIMS(2, 0, 1));
	check(&m, "Transpose", "x", &a, DIMS(4, 2, 3));

	onnx_input(&m, "x", DIMS(2, 3, 4));
	onnx_attr_ints(&a, "perm", DIMS(2, 0, 2));
	check(&m, "Transpose", "x", &a, NULL);
}

static void test_products(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_input(&m, "x", DIMS(5, 1, 4, 3));
	onnx_input(&m, "w", DIMS(2, 3, 6));
	check(&m, "MatMul", "x w", NULL, DIMS(5, 2, 4, 6));

	onnx_input(&m, "x", DIMS(7));
	onnx_input(&m, "w", DIMS(7));
	check(&m, "MatMul", "x w", NULL, (const int64_t[]){ END });

	onnx_input(&m, "x", DIMS(7, 3));
	onnx_floats(&m, "w", DIMS(5, 7), NULL);
	onnx_attr_int(&a, "transA", 1);
	onnx_attr_int(&a, "transB", 1);
	check(&m, "Gemm", "x w", &a, DIMS(3, 5));

	onnx_input(&m, "x", DIMS(7, 3));
	onnx_floats(&m, "w", DIMS(3, 5), NULL);
	onnx_floats(&m, "c", DIMS(2, 7, 5), NULL);
	check(&m, "Gemm", "x w c", NULL, NULL);
}

static void test_broadcast(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_input(&m, "x", DIMS(2, 1, 4));
	onnx_input(&m, "z", DIMS(3, 1));
	check(&m, "Mul", "x z", NULL, DIMS(2, 3, 4));

	onnx_input(&m, "x", DIMS(2, 3));
	onnx_input(&m, "z", DIMS(4, 3));
	check(&m, "Add", "x z", NULL, NULL);

	onnx_input(&m, "x", DIMS(2, 3));
	onnx_input(&m, "z", DIMS(2, 5));
	onnx_attr_int(&a, "axis", -1);
	check(&m, "Concat", "x z", &a, DIMS(2, 8));

	onnx_input(&m, "x", DIMS(2, 3));
	onnx_input(&m, "z", DIMS(3, 5));
	onnx_attr_int(&a, "axis", 1);
	check(&m, "Concat", "x z", &a, NULL);
}

/* A scalar has no sizes to copy; the undefined behaviour was found by UBSan. */
static void test_scalar(void **state)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_attr_float(&a, "value_float", 1.5f);
	check(&m, "Constant", "", &a, DIMS(END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_scalar),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
