// SPDX-License-Identifier: Apache-2.0
/*
 * Allocation and synchronisation. Buffers that live at the same time do not overlap, and
 * instructions that touch the same bytes run in their order however the engines are
 * timed: the streams are played in random orders that the semaphores permit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "allocate.h"
#include "ncc_harness.h"

static void fill(struct ncc_space *s)
{
	struct live {
		int64_t at;
		uint32_t size;
		int32_t last;
	} live[400];
	uint32_t seed = 7;
	int taken = 0, full = 0;

	for (int t = 0; t < 400; t++) {
		seed = seed * 1664525 + 1013904223;
		live[t].size = 1 + (seed >> 8) % 1500;
		live[t].last = t + (int32_t)(seed >> 20) % 12;
		live[t].at = ncc_space_take(s, live[t].size, t, live[t].last, seed & 3);
		if (live[t].at < 0) {
			assert_int_equal(live[t].at, -ENOSPC);
			full++;
			continue;
		}
		taken++;
		assert_int_equal(live[t].at % NCC_GRANULE, 0);
		assert_true(live[t].at + live[t].size <= 8192);
		for (int u = 0; u < t; u++) {
			bool apart = live[u].at + live[u].size <= live[t].at ||
				     live[t].at + live[t].size <= live[u].at;

			assert_true(live[u].at < 0 || live[u].last < t || apart);
		}
	}
	/* The test is of use only if both happen. */
	assert_true(taken > 100 && full > 10);
}

/* Constants lie apart from what is computed, as long as there is room. */
static void place(struct ncc_space *s)
{
	assert_int_equal(ncc_space_take(s, 1024, 0, 9, NCC_STAY_CONSTANT), 4096);
	assert_int_equal(ncc_space_take(s, 1024, 1, 2, NCC_STAY_SHORT), 0);
	assert_int_equal(ncc_space_take(s, 1024, 2, 9, NCC_STAY_VALUE), 1024);
	/* the oldest place is one that was never used */
	assert_int_equal(ncc_space_take(s, 1024, 4, 9, NCC_STAY_SHORT), 2048);
	assert_int_equal(ncc_space_take(s, 1024, 4, 9, NCC_STAY_VALUE), 0);
	assert_int_equal(ncc_space_take(s, 3072, 5, 9, NCC_STAY_CONSTANT), 5120);
	assert_int_equal(ncc_space_take(s, 1024, 6, 9, NCC_STAY_CONSTANT), 3072);
	assert_int_equal(ncc_space_take(s, 64, 7, 9, NCC_STAY_SHORT), -ENOSPC);
}

static void with_space(void (*use)(struct ncc_space *s))
{
	struct ncc_arena arena;
	struct ncc_space s;
	jmp_buf oom;

	ncc_arena_init(&arena, &oom);
	if (setjmp(oom))
		fail();
	ncc_space_init(&arena, &s, 8192);
	use(&s);
	ncc_arena_free(&arena);
}

static void test_space(void **state)
{
	with_space(fill);
}

static void test_space_of_constants(void **state)
{
	with_space(place);
}

/* Convolutions with padding, pooling, a branch, a matrix product, softmax. */
static struct pb network(void)
{
	struct onnx m = { 0 };
	struct pb a = { 0 };

	onnx_input(&m, "x", DIMS(1, 3, 40, 40));
	onnx_floats(&m, "w1", DIMS(130, 3, 3, 3), NULL);
	onnx_floats(&m, "b1", DIMS(130), NULL);
	onnx_floats(&m, "w2", DIMS(130, 1, 3, 3), NULL);
	onnx_floats(&m, "w3", DIMS(20, 130, 1, 1), NULL);
	onnx_floats(&m, "fc", DIMS(40, 10), NULL);
	onnx_attr_ints(&a, "pads", DIMS(1, 1, 1, 1));
	onnx_node(&m, "Conv", "x w1 b1", "c1", &a);
	onnx_node(&m, "Relu", "c1", "r1", NULL);
	onnx_attr_ints(&a, "kernel_shape", DIMS(3, 3));
	onnx_attr_ints(&a, "strides", DIMS(2, 2));
	onnx_attr_ints(&a, "pads", DIMS(1, 1, 1, 1));
	onnx_node(&m, "MaxPool", "r1", "p1", &a);
	onnx_attr_ints(&a, "pads", DIMS(1, 1, 1, 1));
	onnx_attr_int(&a, "group", 130);
	onnx_node(&m, "Conv", "p1 w2", "c2", &a);
	onnx_node(&m, "Add", "c2 p1", "s", NULL);
	onnx_node(&m, "Sigmoid", "s", "t", NULL);
	onnx_node(&m, "Conv", "t w3", "c3", NULL);
	onnx_node(&m, "Exp", "c3", "e", NULL);
	onnx_attr_int(&a, "axis", 1);
	onnx_node(&m, "Concat", "c3 e", "k", &a);
	onnx_node(&m, "GlobalAveragePool", "k", "g", NULL);
	onnx_node(&m, "Flatten", "g", "f", NULL);
	onnx_node(&m, "MatMul", "f fc", "mm", NULL);
	onnx_node(&m, "Softmax", "mm", "y", NULL);
	onnx_output(&m, "y");
	return onnx_model(&m);
}

/* Instructions of a stream, with the index in the program that each has; NOPs have none. */
struct player {
	struct run *r;
	size_t *index[NEURON_ENGINES];
	size_t at[NEURON_ENGINES];
	uint32_t sem[NEURON_ISA_SEMAPHORES];
	size_t *order;	/* when instruction i of the program ran */
};

static void map_streams(struct player *p)
{
	struct ncc_program *prog = p->r->ctx.program;
	size_t n[NEURON_ENGINES] = { 0 };

	for (int e = 0; e < NEURON_ENGINES; e++)
		p->index[e] = calloc(prog->stream[e].n + 1, sizeof(size_t));
	for (size_t i = 0; i < prog->ninsn; i++) {
		int e = prog->insn[i].engine;
		const struct ncc_stream *s = &prog->stream[e];

		while (s->insn[n[e]].op == NEURON_OP_NOP)
			p->index[e][n[e]++] = SIZE_MAX;
		assert_int_equal(s->insn[n[e]].op, prog->insn[i].insn.op);
		p->index[e][n[e]++] = i;
	}
	for (int e = 0; e < NEURON_ENGINES; e++)
		assert_int_equal(n[e], prog->stream[e].n);
}

static bool ready(const struct player *p, int e)
{
	const struct ncc_stream *s = &p->r->ctx.program->stream[e];
	const struct neuron_insn *i;

	if (p->at[e] == s->n)
		return false;
	i = &s->insn[p->at[e]];
	return i->wait_sem == NEURON_ISA_NO_SEM || p->sem[i->wait_sem] >= i->wait_val;
}

static void play(struct player *p, uint32_t seed)
{
	struct ncc_program *prog = p->r->ctx.program;
	size_t left = 0, when = 0;

	memset(p->at, 0, sizeof(p->at));
	memset(p->sem, 0, sizeof(p->sem));
	for (int e = 0; e < NEURON_ENGINES; e++)
		left += prog->stream[e].n;
	for (; left; left--) {
		const struct neuron_insn *i;
		int e, tries = 0;

		/* Seeds below 4 let one engine run ahead as far as it can. */
		do {
			seed = seed < 4 ? seed : seed * 1664525 + 1013904223;
			e = seed < 4 ? (int)(seed + (uint32_t)tries) % 4 : (int)(seed >> 16) % 4;
			assert_true(tries++ < 10000);	/* else: a deadlock */
		} while (!ready(p, e));
		i = &prog->stream[e].insn[p->at[e]];
		if (p->index[e][p->at[e]] != SIZE_MAX)
			p->order[p->index[e][p->at[e]]] = when++;
		if (i->sig_sem != NEURON_ISA_NO_SEM)
			p->sem[i->sig_sem] += i->sig_val;
		p->at[e]++;
	}
}

static bool conflict(const struct ncc_program *p, const struct ncc_access *a,
		     const struct ncc_access *b)
{
	const struct ncc_buf *x = &p->buf[a->buf], *y = &p->buf[b->buf];

	return (a->write || b->write) && x->psum == y->psum && x->addr + a->low < y->addr + b->high &&
	       y->addr + b->low < x->addr + a->high;
}

static bool conflicts(const struct ncc_program *p, size_t i, size_t j)
{
	for (int k = 0; k < p->insn[i].naccess; k++)
		for (int l = 0; l < p->insn[j].naccess; l++)
			if (conflict(p, &p->insn[i].access[k], &p->insn[j].access[l]))
				return true;
	return false;
}

static void check_order(struct player *p)
{
	struct ncc_program *prog = p->r->ctx.program;
	size_t pairs = 0;

	for (size_t i = 0; i < prog->ninsn; i++)
		for (size_t j = i + 1; j < prog->ninsn; j++)
			if (prog->insn[i].engine != prog->insn[j].engine && conflicts(prog, i, j)) {
				assert_true(p->order[i] < p->order[j]);
				pairs++;
			}
	assert_true(pairs > 100);
}

static void test_sync(void **state)
{
	struct pb model = network();
	struct run r = { 0 };
	struct player p = { .r = &r };

	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	p.order = calloc(r.ctx.program->ninsn, sizeof(*p.order));
	map_streams(&p);
	for (uint32_t seed = 0; seed < 12; seed++) {
		play(&p, seed);
		check_order(&p);
	}
	for (int e = 0; e < NEURON_ENGINES; e++)
		free(p.index[e]);
	free(p.order);
	run_free(&r);
	pb_free(&model);
}

/* The test above can fail: without one wait, some order breaks a conflict. */
static void test_sync_notices(void **state)
{
	struct pb model = network();
	struct run r = { 0 };
	struct player p = { .r = &r };
	bool broken = false;

	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	p.order = calloc(r.ctx.program->ninsn, sizeof(*p.order));
	map_streams(&p);
	for (size_t i = 0; i < r.ctx.program->stream[NEURON_ACT].n; i++)
		r.ctx.program->stream[NEURON_ACT].insn[i].wait_sem = NEURON_ISA_NO_SEM;
	play(&p, 1);
	for (size_t i = 0; i < r.ctx.program->ninsn && !broken; i++)
		for (size_t j = i + 1; j < r.ctx.program->ninsn && !broken; j++)
			broken = p.order[j] < p.order[i] && conflicts(r.ctx.program, i, j);
	assert_true(broken);
	for (int e = 0; e < NEURON_ENGINES; e++)
		free(p.index[e]);
	free(p.order);
	run_free(&r);
	pb_free(&model);
}

static void test_live_apart(void **state)
{
	struct pb model = network();
	struct run r = { 0 };
	struct ncc_program *p;

	run_passes(&r, &model, NCC_PASS_ALLOCATE, 0);
	assert_int_equal(r.err, 0);
	p = r.ctx.program;
	for (size_t i = 0; i < p->nbuf; i++) {
		struct ncc_buf *a = &p->buf[i];

		if (a->first < 0)
			continue;
		assert_true(a->addr + a->size <= (a->psum ? NEURON_PSUM_BYTES : NEURON_SBUF_BYTES));
		for (size_t j = 0; j < i; j++) {
			struct ncc_buf *b = &p->buf[j];

			assert_true(b->first < 0 || a->psum != b->psum || a->last < b->first ||
				    b->last < a->first || a->addr + a->size <= b->addr ||
				    b->addr + b->size <= a->addr);
		}
	}
	run_free(&r);
	pb_free(&model);
}

/* More live values than SBUF holds: some stay in DRAM, and it compiles. */
static void test_spill(void **state)
{
	struct onnx m = { 0 };
	struct pb model;
	struct run r = { 0 };
	char in[16], out[16];

	onnx_input(&m, "x", DIMS(1, 128, 100, 100));
	onnx_node(&m, "Relu", "x", "v0", NULL);
	for (int i = 0; i < 8; i++) {
		snprintf(in, sizeof(in), "v%d", i);
		snprintf(out, sizeof(out), "v%d", i + 1);
		onnx_node(&m, "Exp", in, out, NULL);
	}
	onnx_node(&m, "Add", "v8 v0", "s0", NULL);
	for (int i = 0; i < 7; i++) {
		snprintf(in, sizeof(in), "s%d v%d", i, i + 1);
		snprintf(out, sizeof(out), "s%d", i + 1);
		onnx_node(&m, "Add", in, out, NULL);
	}
	onnx_output(&m, "s7");
	model = onnx_model(&m);
	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	if (r.err)
		fail_msg("%s", r.error);
	assert_true(r.ctx.program->spills > 0);
	assert_true(r.ctx.program->scratch_size > 0);
	run_free(&r);
	pb_free(&model);
}

/* Rows that are normalised and then meet weights are transposed one by one: there are no loops around. */
static void test_rows_turned(void **state)
{
	struct onnx m = { .opset = 17 };
	struct run r = { 0 };
	size_t turned = 0;
	struct pb model;

	onnx_input(&m, "x", DIMS(1, 20, 48));
	onnx_floats(&m, "s", DIMS(48), NULL);
	onnx_floats(&m, "b", DIMS(48), NULL);
	onnx_floats(&m, "w", DIMS(48, 30), NULL);
	onnx_node(&m, "LayerNormalization", "x s b", "n", NULL);
	onnx_node(&m, "MatMul", "n w", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, 0);
	for (size_t i = 0; i < r.ctx.program->ninsn; i++)
		turned += r.ctx.program->insn[i].insn.op == NEURON_OP_TRANSPOSE;
	assert_true(turned > 0);
	run_free(&r);
	pb_free(&model);
}

/* One row of this softmax is larger than a partition. */
static void test_too_large(void **state)
{
	struct onnx m = { 0 };
	struct pb model;
	struct run r = { 0 };

	onnx_input(&m, "x", DIMS(1, 50000));
	onnx_node(&m, "Softmax", "x", "y", NULL);
	onnx_output(&m, "y");
	model = onnx_model(&m);
	run_passes(&r, &model, NCC_PASS_EMIT, 0);
	assert_int_equal(r.err, -EINVAL);
	assert_non_null(strstr(r.error, "node 'y' (Softmax)"));
	assert_non_null(strstr(r.error, "of SBUF"));
	run_free(&r);
	pb_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_space_of_constants),
		cmocka_unit_test(test_live_apart),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_sync_notices),
		cmocka_unit_test(test_spill),
		cmocka_unit_test(test_rows_turned),
		cmocka_unit_test(test_too_large),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
