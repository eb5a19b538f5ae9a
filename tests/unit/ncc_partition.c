// SPDX-License-Identifier: Apache-2.0
/*
 * The partition pass: which nodes become which parts, in which order, and what crosses between
 * them. Relu, Neg and Add are nodes for the chip; Mod, Acos and what is unknown are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ncc_harness.h"
#include "partition.h"

#define MAX_PARTS	64

static void start(struct run *r, struct onnx *m, enum ncc_partition_mode mode)
{
	struct pb model = onnx_model(m);

	r->options.partition = mode;
	run_passes(r, &model, NCC_PASS_PARTITION, 0);
	if (r->err)
		fail_msg("%s", r->error);
	pb_free(&model);
}

static const struct ncc_node *named(struct run *r, const char *output)
{
	return run_tensor(r, output)->producer;
}

static const struct ncc_part *part_of(struct run *r, const char *output)
{
	const struct ncc_part *p = named(r, output)->part;

	assert_non_null(p);
	return p;
}

static size_t count_parts(struct run *r)
{
	size_t n = 0;

	for (struct ncc_part *p = r->ctx.parts; p; p = p->next)
		n++;
	return n;
}

static bool is_in(struct ncc_tensor *const *list, size_t n, const struct ncc_tensor *t)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == t)
			return true;
	return false;
}

/* What holds for each partition, whatever the model. */
static void check_parts(struct run *r)
{
	struct ncc_graph *g = r->ctx.whole;
	int phase = -1;

	assert_true(count_parts(r) <= MAX_PARTS);
	for (size_t i = 0; i < g->ntensor; i++)
		g->tensor[i]->mark = g->tensor[i]->is_input || ncc_is_initializer(g->tensor[i]);
	for (struct ncc_part *p = r->ctx.parts; p; p = p->next) {
		assert_true(p->phase >= phase);
		phase = p->phase;
		assert_true(p->nnode > 0 || p->noutput > 0);
		/* Inputs are there before, and all of them are listed, once. */
		for (size_t i = 0; i < p->ninput; i++) {
			assert_true(p->input[i]->mark);
			assert_false(is_in(p->input, i, p->input[i]));
		}
		for (size_t i = 0; i < p->nnode; i++) {
			struct ncc_node *node = p->node[i];

			assert_ptr_equal(node->part, p);
			assert_true(node->live);
			assert_int_equal(p->device, !node->refused);
			for (size_t k = 0; k < node->nin; k++) {
				struct ncc_tensor *t = node->in[k];

				assert_true(!t || t->mark);
				assert_true(!t || ncc_is_initializer(t) || (t->producer && t->producer->part == p) ||
					    is_in(p->input, p->ninput, t));
			}
			for (size_t k = 0; k < node->nout; k++)
				if (node->out[k])
					node->out[k]->mark = 1;
		}
		for (size_t i = 0; i < p->noutput; i++)
			assert_true(ncc_is_initializer(p->output[i]) || p->output[i]->producer->part == p);
	}
	for (size_t i = 0; i < g->nnode; i++)
		assert_int_equal(!!g->node[i]->part, g->node[i]->live);
	for (size_t i = 0; i < g->noutput; i++)
		assert_true(g->output[i]->mark);
}

static void test_all_on_chip(void **state)
{
	struct onnx m = { 0 };
	struct run r = { 0 };

	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Relu", "x", "a", NULL);
	onnx_node(&m, "Neg", "a", "y", NULL);
	onnx_node(&m, "Neg", "x", "dead", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PARTITION_COST);
	check_parts(&r);
	assert_int_equal(count_parts(&r), 1);
	assert_string_equal(r.ctx.parts->name, "sg00");
	assert_int_equal(r.ctx.parts->nnode, 2);
	assert_false(named(&r, "dead")->live);
	run_free(&r);
}

static void test_sandwich(void **state)
{
	struct onnx m = { 0 };
	struct run r = { 0 };

	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Relu", "x", "a", NULL);
	onnx_node(&m, "Acos", "a", "b", NULL);
	onnx_node(&m, "Add", "b a", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	assert_int_equal(count_parts(&r), 3);
	assert_string_equal(part_of(&r, "a")->name, "sg00");
	assert_string_equal(part_of(&r, "b")->name, "cpu00");
	assert_string_equal(part_of(&r, "y")->name, "sg01");
	/* a crosses twice, but is one output of the first part and one input of the last. */
	assert_int_equal(part_of(&r, "a")->noutput, 1);
	assert_int_equal(part_of(&r, "y")->ninput, 2);
	run_free(&r);
}

/* Nodes of the CPU that do not need each other's results are one part. */
static void test_few_parts(void **state)
{
	struct onnx m = { 0 };
	struct run r = { 0 };
	char name[16], in[16];

	onnx_input(&m, "x", DIMS(4));
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		onnx_node(&m, "Relu", "x", name, NULL);
		snprintf(in, sizeof(in), "r%d", i);
		snprintf(name, sizeof(name), "c%d", i);
		onnx_node(&m, "Acos", in, name, NULL);
		onnx_output(&m, name);
	}
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	assert_ptr_equal(part_of(&r, "c0"), part_of(&r, "c7"));
	/* A segment of the chip is what is connected; they all run in its first phase. */
	assert_int_equal(part_of(&r, "r0")->phase, part_of(&r, "r7")->phase);
	run_free(&r);
}

/* One small function between operators of the CPU is not worth a trip, a large product is. */
static void test_cost(void **state)
{
	static const enum ncc_partition_mode modes[] = { NCC_PARTITION_COST, NCC_PARTITION_GREEDY };

	for (int i = 0; i < 2; i++) {
		struct onnx m = { 0 };
		struct run r = { 0 };

		onnx_input(&m, "s", DIMS(4));
		onnx_input(&m, "x", DIMS(256, 256));
		onnx_floats(&m, "w", DIMS(256, 256), NULL);
		onnx_node(&m, "Acos", "s", "a", NULL);
		onnx_node(&m, "Relu", "a", "b", NULL);
		onnx_node(&m, "Acos", "b", "z", NULL);
		onnx_node(&m, "MatMul", "x w", "y", NULL);
		onnx_output(&m, "y");
		onnx_output(&m, "z");
		start(&r, &m, modes[i]);
		check_parts(&r);
		assert_true(part_of(&r, "y")->device);
		assert_int_equal(part_of(&r, "b")->device, modes[i] == NCC_PARTITION_GREEDY);
		if (modes[i] == NCC_PARTITION_COST)
			assert_non_null(strstr(named(&r, "b")->refused, "not worth the transfers"));
		run_free(&r);
	}
}

static void test_options(void **state)
{
	struct run r = { .options = { .min_segment = 2, .allow_no_ops = true } };
	struct onnx m = { 0 };

	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Relu", "x", "a", NULL);
	onnx_node(&m, "Acos", "a", "b", NULL);
	onnx_node(&m, "Relu", "b", "c", NULL);
	onnx_node(&m, "Neg", "c", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	assert_false(part_of(&r, "a")->device);
	assert_non_null(strstr(named(&r, "a")->refused, "--minimum-segment-size is 2"));
	assert_true(part_of(&r, "y")->device);
	run_free(&r);

	r = (struct run){ .options = { .cpu_ops = "Add,Relu", .allow_no_ops = true } };
	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "Relu", "x", "a", NULL);
	onnx_node(&m, "Neg", "a", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	assert_string_equal(named(&r, "a")->refused, "asked for with --cpu-operators");
	assert_true(part_of(&r, "y")->device);
	run_free(&r);
}

/* More turns than a NEFF has room for: some nodes stay on the CPU. */
static void test_many_turns(void **state)
{
	struct onnx m = { 0 };
	struct run r = { 0 };
	char in[16] = "x", out[16];

	onnx_input(&m, "x", DIMS(4));
	for (int i = 0; i < 200; i++) {
		snprintf(out, sizeof(out), "t%d", i);
		onnx_node(&m, i % 2 ? "Acos" : "Relu", in, out, NULL);
		strcpy(in, out);
	}
	onnx_output(&m, out);
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	assert_true(count_parts(&r) > MAX_PARTS / 2);
	for (int i = 0; i < 200; i += 2) {
		const struct ncc_node *node;

		snprintf(out, sizeof(out), "t%d", i);
		node = named(&r, out);
		assert_true(node->part->device || strstr(node->refused, "more than 64 parts"));
	}
	run_free(&r);
}

/* A sequence cannot leave ONNX Runtime: what lies between its maker and its user goes there too. */
static void test_no_tensor(void **state)
{
	struct onnx m = { 0 };
	struct run r = { .options = { .allow_no_ops = true } };

	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "SplitToSequence", "x", "s", NULL);
	onnx_node(&m, "Acos", "x", "a", NULL);
	onnx_node(&m, "Relu", "a", "b", NULL);
	onnx_node(&m, "SequenceInsert", "s b", "t", NULL);
	onnx_node(&m, "SequenceLength", "t", "n", NULL);
	onnx_node(&m, "Acos", "b", "y", NULL);
	onnx_output(&m, "y");
	onnx_node(&m, "OptionalHasElement", "n", "unused", NULL);
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	/* Nobody needs the sequence: it does not count. */
	assert_true(part_of(&r, "b")->device);
	run_free(&r);

	r = (struct run){ .options = { .allow_no_ops = true } };
	m = (struct onnx){ 0 };
	onnx_input(&m, "x", DIMS(4));
	onnx_node(&m, "SplitToSequence", "x", "s", NULL);
	onnx_node(&m, "Acos", "x", "a", NULL);
	onnx_node(&m, "Relu", "a", "b", NULL);
	onnx_node(&m, "SequenceInsert", "s b", "t", NULL);
	onnx_node(&m, "NonZero", "t", "y", NULL);
	onnx_output(&m, "y");
	start(&r, &m, NCC_PARTITION_GREEDY);
	check_parts(&r);
	assert_int_equal(count_parts(&r), 1);
	assert_non_null(strstr(named(&r, "b")->refused, "lies between operators on the CPU that share 's'"));
	run_free(&r);
}

static uint32_t chance(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* Graphs of all forms; the invariants of check_parts() hold. */
static void test_random(void **state)
{
	static const char *const ops[] = { "Relu", "Neg", "Add", "Add", "Acos", "Mod" };
	uint32_t seed = 7;

	for (int round = 0; round < 300; round++) {
		int nodes = 1 + (int)chance(&seed, 40), cpu = 2 + (int)chance(&seed, 5);
		struct onnx m = { 0 };
		struct run r = { .options = { .allow_no_ops = true, .min_segment = (int)chance(&seed, 3) } };
		char in[48], out[16];

		onnx_input(&m, "t0", DIMS(4));
		for (int i = 1; i <= nodes; i++) {
			uint32_t op = chance(&seed, (uint32_t)cpu);
			int a = (int)chance(&seed, (uint32_t)i), b = (int)chance(&seed, (uint32_t)i);

			op = op > 5 ? 0 : op;
			snprintf(in, sizeof(in), op == 2 || op == 3 || op == 5 ? "t%d t%d" : "t%d", a, b);
			snprintf(out, sizeof(out), "t%d", i);
			onnx_node(&m, ops[op], in, out, NULL);
			if (i == nodes || !chance(&seed, 6))
				onnx_output(&m, out);
		}
		start(&r, &m, chance(&seed, 2) ? NCC_PARTITION_COST : NCC_PARTITION_GREEDY);
		check_parts(&r);
		run_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_on_chip),
		cmocka_unit_test(test_sandwich),
		cmocka_unit_test(test_few_parts),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_many_turns),
		cmocka_unit_test(test_no_tensor),
		cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
