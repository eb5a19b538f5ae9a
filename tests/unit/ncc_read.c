// SPDX-License-Identifier: Apache-2.0
/*
 * Models that are damaged, hostile or wrong: a message that names the thing, and no
 * crash. Memory that ends at any point is an error like others.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ncc_harness.h"

static struct pb small_model(void)
{
	struct onnx m = { 0 };
	struct pb attrs = { 0 };

	onnx_input(&m, "x", DIMS(1, 3, 8, 8));
	onnx_floats(&m, "w", DIMS(4, 3, 3, 3), NULL);
	onnx_floats(&m, "b", DIMS(4), NULL);
	onnx_attr_ints(&attrs, "pads", DIMS(1, 1, 1, 1));
	onnx_node(&m, "Conv", "x w b", "c", &attrs);
	onnx_node(&m, "Relu", "c", "r", NULL);
	onnx_node(&m, "GlobalAveragePool", "r", "y", NULL);
	onnx_output(&m, "y");
	return onnx_model(&m);
}

static void expect(struct pb *model, const char *text)
{
	struct run r = { 0 };

	run_passes(&r, model, NCC_PASS_EMIT, 0);
	if (r.err != -EINVAL || !strstr(r.error, text) || !strstr(r.error, "unit.onnx"))
		fail_msg("error %d: %s(expected: %s)", r.err, r.error, text);
	run_free(&r);
	pb_free(model);
}

static void test_good(void **state)
{
	struct pb model = small_model();
	struct run r = { 0 };

	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.error, "");
	assert_true(r.ctx.program->stream[NEURON_PE].n > 0);
	run_free(&r);
	pb_free(&model);
}

static void test_truncated(void **state)
{
	struct pb model = small_model();

	for (size_t n = 0; n < model.n; n++) {
		struct pb part = { model.data, n };
		struct run r = { 0 };

		run_passes(&r, &part, NCC_PASS_EMIT, 0);
		/* What is cut between two fields may be a whole model; else there is a message. */
		assert_true(!r.err || (r.err == -EINVAL && r.error[0]));
		run_free(&r);
	}
	pb_free(&model);
}

static void test_corrupted(void **state)
{
	struct pb model = small_model();
	uint32_t seed = 1;

	for (int round = 0; round < 3000; round++) {
		struct pb copy = { 0 };
		struct run r = { 0 };

		pb_bytes(&copy, 1, model.data, model.n);
		for (int k = 0; k < 1 + round % 4; k++) {
			seed = seed * 1664525 + 1013904223;
			copy.data[copy.n - 1 - (seed >> 8) % model.n] = (uint8_t)(seed >> 24);
		}
		run_passes(&r, &(struct pb){ copy.data + copy.n - model.n, model.n }, NCC_PASS_EMIT,
			   64 << 20);
		assert_true(!r.err || r.err == -ENOMEM || r.error[0]);
		run_free(&r);
		pb_free(&copy);
	}
	pb_free(&model);
}

/* Memory ends at each of many points: an error, nothing else. */
static void test_out_of_memory(void **state)
{
	struct pb model = small_model();
	struct run r = { 0 };
	size_t total;

	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	total = r.ctx.arena.total;
	run_free(&r);
	for (size_t limit = 16; limit < total; limit += total / 500 + 1) {
		run_passes(&r, &model, NCC_PASS_EMIT, limit);
		assert_int_equal(r.err, -ENOMEM);
		run_free(&r);
	}
	pb_free(&model);
}

static void test_structure(void **state)
{
	struct onnx m = { 0 };
	struct pb model;

	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Add", "x z", "y", NULL);
	onnx_node(&m, "Relu", "y", "z", NULL);
	onnx_output(&m, "z");
	model = onnx_model(&m);
	expect(&model, "cycle");

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Add", "x missing", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "'missing'");

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Relu", "x", "y", NULL);
	onnx_node(&m, "Abs", "x", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "already made");

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Frobnicate", "x", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "'Frobnicate' is not supported");

	m = (struct onnx){ .opset = 5 };
	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Relu", "x", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "opset 5");
}

static void test_sizes(void **state)
{
	struct onnx m = { 0 };
	struct pb model;

	onnx_input(&m, "x", DIMS(-1, 4));
	onnx_node(&m, "Relu", "x", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "dimension 0 (batch) is dynamic");

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(INT64_C(1) << 40, INT64_C(1) << 40));
	onnx_node(&m, "Relu", "x", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "too large");

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(2, 3));
	onnx_floats(&m, "w", DIMS(4, 5), NULL);
	onnx_node(&m, "MatMul", "x w", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "inner sizes");

	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(2, 3));
	onnx_ints(&m, "shape", DIMS(4, -1));
	onnx_node(&m, "Reshape", "x shape", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	expect(&model, "do not fit the new shape");
}

/* The data are checked against the shape before anything is allocated for the shape. */
static void test_short_initializer(void **state)
{
	struct pb t = { 0 }, model = { 0 }, opset = { 0 };
	struct onnx m = { 0 };

	onnx_input(&m, "x", DIMS(4));
	pb_int(&t, 1, 1 << 29);
	pb_int(&t, 2, NCC_FLOAT);
	pb_string(&t, 8, "w");
	pb_bytes(&t, 9, "abcd", 4);
	pb_message(&m.graph, 5, &t);
	onnx_node(&m, "Add", "x w", "y", NULL);
	onnx_output(&m, "y");
	pb_int(&opset, 2, 13);
	pb_message(&model, 8, &opset);
	pb_message(&model, 7, &m.graph);
	expect(&model, "initializer 'w' has 4 bytes of data");
}

static void test_io_config(void **state)
{
	static const char *const bad[][2] = {
		{ "{\"inputs\": {\"x\": [[2, 5], \"float32\"]}}", "dimension 1" },
		{ "{\"inputs\": {\"q\": [[2, 4], \"float32\"]}}", "no input 'q'" },
		{ "{\"inputs\": {\"x\": [[2, 4], \"float16\"]}}", "float32" },
		{ "{\"inputs\": {\"x\": [[2], \"float32\"]}}", "2 dimensions" },
		{ "{\"inputs\": {\"x\": 3}}", "must be" },
		{ "{", "not JSON" },
		{ "{\"outputs\": [\"nothing\"]}", "'nothing'" },
	};
	struct run r = { 0 };
	struct onnx m = { 0 };
	struct pb model;

	onnx_input(&m, "x", DIMS(-1, 4));
	onnx_node(&m, "Relu", "x", "y", NULL);
	onnx_node(&m, "Abs", "y", "z", NULL);
	onnx_output(&m, "z");
	model = onnx_model(&m);
	r.options.io_config = "{\"inputs\": {\"x\": [[7, 4], \"float32\"]}, \"outputs\": [\"y\"]}";
	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	assert_int_equal(run_tensor(&r, "y")->dim[0], 7);
	assert_int_equal(r.ctx.graph->noutput, 1);
	assert_null(run_node(&r, NCC_ABS));
	run_free(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.options.io_config = bad[i][0];
		run_passes(&r, &model, NCC_PASS_EMIT, 0);
		assert_int_equal(r.err, -EINVAL);
		if (!strstr(r.error, bad[i][1]))
			fail_msg("%s (expected: %s)", r.error, bad[i][1]);
		run_free(&r);
	}
	pb_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_corrupted),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_short_initializer),
		cmocka_unit_test(test_io_config),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
