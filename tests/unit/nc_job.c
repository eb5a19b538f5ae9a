// SPDX-License-Identifier: Apache-2.0
/* Streams, semaphores, deadlock, abort, owners, modelled time, and garbage as code. */

#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "nc_gen.h"

static struct neuron_insn *memset_insn(struct nct *t, uint32_t dst, float value, unsigned int n)
{
	struct neuron_insn *i = nct_insn(t, NEURON_OP_MEMSET);

	i->memset.count[0] = i->memset.count[1] = i->memset.count[2] = 1;
	i->memset.count[3] = (uint16_t)n;
	i->memset.dst = dst;
	i->memset.dst_step[3] = 1;
	i->memset.value = nct_f(value);
	i->memset.partitions = 128;
	i->memset.dst_dtype = NEURON_FP32;
	return i;
}

static struct neuron_insn *activate_insn(struct nct *t, uint32_t src, uint32_t dst, unsigned int n)
{
	struct neuron_insn *i = nct_insn(t, NEURON_OP_ACTIVATE);

	i->activate.count[0] = i->activate.count[1] = i->activate.count[2] = 1;
	i->activate.count[3] = (uint16_t)n;
	i->activate.src = src;
	i->activate.src_step[3] = 1;
	i->activate.dst = dst;
	i->activate.dst_step[3] = 1;
	i->activate.scale = nct_f(2.0f);
	i->activate.partitions = 128;
	i->activate.src_dtype = i->activate.dst_dtype = NEURON_FP32;
	return i;
}

static void waits(struct neuron_insn *i, unsigned int sem, uint32_t val)
{
	i->wait_sem = (uint8_t)sem;
	i->wait_val = val;
}

static void signals(struct neuron_insn *i, unsigned int sem, uint16_t val)
{
	i->sig_sem = (uint8_t)sem;
	i->sig_val = val;
}

/* ACT reads what POOL writes, POOL overwrites it after ACT has read: values and times. */
static void test_semaphores(void **state)
{
	struct nct *t = *state;
	struct neuron_completion c;

	nct_begin(t);
	signals(memset_insn(t, 0, 3.0f, 40), 1, 1);		/* 0 .. 100 */
	waits(activate_insn(t, 0, 4096, 10), 1, 1);		/* 100 .. 170 */
	signals(&t->code[NEURON_ACT][0], 2, 5);
	waits(memset_insn(t, 0, 9.0f, 10), 2, 5);		/* 170 .. 240 */
	c = nct_run_ok(t);
	assert_int_equal(nct_peek(t, 0, 5, 4096, 4), nct_f(6.0f));
	assert_int_equal(nct_peek(t, 0, 5, 0, 4), nct_f(9.0f));
	assert_int_equal(c.cycles, 240);
	assert_int_equal(emu_nc_sem_read(t->nc, 1), 1);
	assert_int_equal(emu_nc_sem_read(t->nc, 2), 5);
	assert_int_equal(c.flags, 0);
}

/* Engines without a common semaphore overlap in time. */
static void test_cycles_overlap(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	memset_insn(t, 0, 1.0f, 1000);
	memset_insn(t, 0, 1.0f, 1000);
	activate_insn(t, 8192, 8192, 500);
	assert_int_equal(nct_run_ok(t).cycles, 2 * 1060);
	nct_begin(t);
	assert_int_equal(nct_run_ok(t).cycles, 0);
}

/*
 * A semaphore that two engines raise: the waiter starts when the sum is reached in model
 * time, whichever of them the emulator executed first.
 */
static void test_semaphore_sum(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	signals(memset_insn(t, 0, 1.0f, 940), 4, 1);		/* ends at 1000 */
	signals(memset_insn(t, 0, 1.0f, 940), 4, 1);		/* 2000 */
	signals(activate_insn(t, 8192, 8192, 240), 4, 1);	/* 300 */
	waits(nct_insn_on(t, NEURON_PE, NEURON_OP_NOP), 4, 2);	/* at 1000 */
	signals(&t->code[NEURON_PE][0], 5, 1);
	waits(nct_insn_on(t, NEURON_DMA, NEURON_OP_NOP), 5, 1);
	waits(nct_insn_on(t, NEURON_DMA, NEURON_OP_NOP), 4, 3);	/* at 2000 */
	assert_int_equal(nct_run_ok(t).cycles, 2001);
}

struct spans {
	struct emu_nc_span span[8];
	unsigned int n;
};

static void collect(void *opaque, const struct emu_nc_span *span)
{
	struct spans *s = opaque;

	assert_true(s->n < 8);
	s->span[s->n++] = *span;
}

static void test_trace(void **state)
{
	struct nct *t = *state;
	struct spans s = {};

	nct_begin(t);
	signals(memset_insn(t, 0, 1.0f, 40), 1, 1);
	t->code[NEURON_POOL][0].tag = 77;
	waits(activate_insn(t, 0, 0, 40), 1, 1);
	nct_insn_on(t, NEURON_ACT, NEURON_OP_NOTIFY)->notify.value = 0xfeedface;
	emu_nc_trace(t->nc, collect, &s);
	nct_run_ok(t);
	emu_nc_trace(t->nc, NULL, NULL);
	nct_run_ok(t);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.span[0].engine, NEURON_POOL);
	assert_int_equal(s.span[0].op, NEURON_OP_MEMSET);
	assert_int_equal(s.span[0].tag, 77);
	assert_int_equal(s.span[0].start, 0);
	assert_int_equal(s.span[0].end, 100);
	assert_int_equal(s.span[1].engine, NEURON_ACT);
	assert_int_equal(s.span[1].start, 100);
	assert_int_equal(s.span[1].value, 0);
	assert_int_equal(s.span[2].engine, NEURON_ACT);
	assert_int_equal(s.span[2].op, NEURON_OP_NOTIFY);
	assert_int_equal(s.span[2].pc, 1);
	assert_int_equal(s.span[2].value, 0xfeedface);
	assert_int_equal(s.span[2].end, s.span[2].start + 1);
}

/* A byte of DRAM is lost after the first of four copies. */
static void lose(void *opaque, const struct emu_nc_span *span)
{
	struct nct *t = opaque;

	if (span->pc)
		return;
	t->lost = NCT_CODE_BYTES + 0x2010;
	emu_nc_remap(t->nc);
}

/* A job finds memory lost that it has read before, if it comes there again, and not elsewhere. */
static void test_lost_while_it_runs(void **state)
{
	static const uint32_t from[] = { 0x2000, 0x3000, 0x2010, 0x2000 };
	struct nct *t = *state;
	struct neuron_completion c;

	nct_begin(t);
	for (int n = 0; n < 4; n++) {
		struct neuron_insn *i = nct_insn(t, NEURON_OP_DMA_COPY);

		i->src_seg = NCT_SEG_DATA;
		i->dst_seg = NEURON_ISA_NO_SEG;
		i->dma_copy.src = from[n];
		for (int d = 0; d < 4; d++)
			i->dma_copy.count[d] = d < 3 ? 1 : 32;
		i->dma_copy.src_step[3] = i->dma_copy.dst_step[3] = 1;
	}
	nct_run_ok(t);
	emu_nc_trace(t->nc, lose, t);
	c = nct_run(t);
	emu_nc_trace(t->nc, NULL, NULL);
	assert_int_equal(c.status, NEURON_JOB_ECC);
	assert_int_equal(c.engine, NEURON_DMA);
	assert_int_equal(c.pc, 2);
	assert_int_equal(c.detail, NCT_SEG_DATA);
	/* and it is what it was, once it is healed */
	t->lost = 0;
	nct_run_ok(t);
}

static void test_deadlock(void **state)
{
	struct nct *t = *state;
	struct neuron_completion c;

	nct_begin(t);
	nct_insn_on(t, NEURON_ACT, NEURON_OP_NOP);
	waits(nct_insn_on(t, NEURON_ACT, NEURON_OP_NOP), 3, 1);
	signals(&t->code[NEURON_ACT][1], 4, 1);
	waits(nct_insn_on(t, NEURON_DMA, NEURON_OP_NOP), 4, 1);
	signals(&t->code[NEURON_DMA][0], 3, 1);
	c = nct_run(t);
	assert_int_equal(c.status, NEURON_JOB_SEMAPHORE);
	assert_int_equal(c.engine, NEURON_ACT);
	assert_int_equal(c.pc, 1);
	assert_int_equal(c.detail, 3);

	/* one short */
	nct_begin(t);
	signals(nct_insn_on(t, NEURON_PE, NEURON_OP_NOP), 3, 0xffff);
	waits(nct_insn_on(t, NEURON_DMA, NEURON_OP_NOP), 3, 0x10000);
	c = nct_run(t);
	assert_int_equal(c.status, NEURON_JOB_SEMAPHORE);
	assert_int_equal(c.engine, NEURON_DMA);
	assert_int_equal(c.detail, 3);
}

/* A job starts with all semaphores at 0, whatever host or jobs left there. */
static void test_semaphores_start_at_zero(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	waits(nct_insn_on(t, NEURON_PE, NEURON_OP_NOP), 0, 1);
	emu_nc_sem_set(t->nc, 0, 5);
	assert_int_equal(nct_run(t).status, NEURON_JOB_SEMAPHORE);
	assert_int_equal(emu_nc_sem_read(t->nc, 0), 0);
}

static void test_host_access(void **state)
{
	struct nct *t = *state;

	emu_nc_sem_set(t->nc, 31, 5);
	emu_nc_sem_add(t->nc, 31, -2);
	emu_nc_sem_add(t->nc, 31, 4);
	assert_int_equal(emu_nc_sem_read(t->nc, 31), 7);
	emu_nc_event_write(t->nc, 255, 9);
	assert_int_equal(emu_nc_event_read(t->nc, 255), 9);
	/* outside: nothing happens */
	emu_nc_sem_set(t->nc, 32, 1);
	emu_nc_sem_add(t->nc, 1000, 1);
	emu_nc_event_write(t->nc, 256, 1);
	assert_int_equal(emu_nc_sem_read(t->nc, 32), 0);
	assert_int_equal(emu_nc_event_read(t->nc, 256), 0);
}

static void test_nan_flag(void **state)
{
	struct nct *t = *state;
	struct neuron_insn *i;

	nct_begin(t);
	memset_insn(t, 0, 0.0f, 1);
	i = nct_insn(t, NEURON_OP_TENSOR_TENSOR);	/* 0 / 0 */
	for (int d = 0; d < 4; d++)
		i->tensor_tensor.count[d] = 1;
	i->tensor_tensor.partitions = 1;
	i->tensor_tensor.alu = NEURON_ALU_DIV;
	i->tensor_tensor.src_dtype = NEURON_FP32;
	i->tensor_tensor.dst_dtype = NEURON_FP32;
	assert_int_equal(nct_run_ok(t).flags, NEURON_JOB_FLAG_NAN);
	assert_int_equal(nct_peek(t, 0, 0, 0, 4), 0x7fc00000);
	/* also where the type has no NaN to store */
	i->tensor_tensor.dst_dtype = NEURON_INT32;
	assert_int_equal(nct_run_ok(t).flags, NEURON_JOB_FLAG_NAN);
	assert_int_equal(nct_peek(t, 0, 0, 0, 4), 0);
	nct_begin(t);
	assert_int_equal(nct_run_ok(t).flags, 0);
}

static struct neuron_completion run_as(struct nct *t, uint32_t owner)
{
	struct neuron_completion c;

	emu_nc_run(t->nc, t->seg, NCT_SEGS, owner, &t->job, &c);
	return c;
}

static void test_owner(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	memset_insn(t, NEURON_LOCAL_ADDR(0, 0, NEURON_SBUF_BYTES - 4), 1.0f, 1);
	memset_insn(t, NEURON_LOCAL_ADDR(1, 0, NEURON_PSUM_BYTES - 4), 1.0f, 1);
	nct_run_ok(t);
	emu_nc_event_write(t->nc, 3, 1);
	nct_begin(t);
	assert_int_equal(run_as(t, 1).status, NEURON_JOB_OK);
	assert_int_equal(nct_peek(t, 0, 127, NEURON_SBUF_BYTES - 4, 4), nct_f(1.0f));
	assert_int_equal(emu_nc_event_read(t->nc, 3), 1);
	/* even a job that does nothing, even one that is refused */
	t->job.op = 99;
	assert_int_equal(run_as(t, 2).status, NEURON_JOB_DESCRIPTOR);
	assert_int_equal(nct_peek(t, 0, 127, NEURON_SBUF_BYTES - 4, 4), 0);
	assert_int_equal(nct_peek(t, 1, 127, NEURON_PSUM_BYTES - 4, 4), 0);
	assert_int_equal(emu_nc_event_read(t->nc, 3), 0);
}

static void test_reset(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	memset_insn(t, 0, 1.0f, 1);
	signals(&t->code[NEURON_POOL][0], 6, 1);
	nct_run_ok(t);
	emu_nc_reset(t->nc);
	assert_int_equal(nct_peek(t, 0, 0, 0, 4), 0);
	assert_int_equal(emu_nc_sem_read(t->nc, 6), 0);
	nct_run_ok(t);
}

/* ---- abort ---- */

struct aborter {
	struct nct *t;
	_Atomic bool running;
};

static struct aborter aborter;

static void now_running(struct nct *t)
{
	aborter.running = true;
}

static void *abort_thread(void *arg)
{
	while (!aborter.running)
		usleep(100);
	emu_nc_abort(aborter.t->nc);
	return NULL;
}

/* An endless exchange of 16 million elements with host memory, ended from outside. */
static void test_abort(void **state)
{
	struct nct *t = *state;
	struct neuron_completion c;
	struct neuron_insn *i;
	pthread_t thread;

	nct_begin(t);
	for (int n = 0; n < 1000; n++) {
		i = nct_insn(t, NEURON_OP_DMA_COPY);
		i->src_seg = NCT_SEG_HOST;
		i->dst_seg = NEURON_ISA_NO_SEG;
		for (int d = 0; d < 4; d++)
			i->dma_copy.count[d] = 64;
		i->dma_copy.src_step[3] = 2;	/* not contiguous: one by one */
	}
	aborter = (struct aborter){ .t = t };
	t->on_read = now_running;
	assert_int_equal(pthread_create(&thread, NULL, abort_thread, NULL), 0);
	c = nct_run(t);
	pthread_join(thread, NULL);
	t->on_read = NULL;
	assert_int_equal(c.status, NEURON_JOB_ABORTED);
	assert_int_equal(c.detail, 0);

	/* the next job is not concerned, nor is one that has ended */
	nct_begin(t);
	nct_insn_on(t, NEURON_PE, NEURON_OP_NOP);
	nct_run_ok(t);
	emu_nc_abort(t->nc);
	nct_run_ok(t);
}

static void test_abort_before_run(void **state)
{
	struct nct *t = *state;

	nct_begin(t);
	memset_insn(t, 0, 1.0f, 1);
	nct_run_ok(t);
	t->code[NEURON_POOL][0].memset.value = nct_f(2.0f);
	emu_nc_arm(t->nc);
	emu_nc_abort(t->nc);
	assert_int_equal(nct_run(t).status, NEURON_JOB_ABORTED);
	assert_int_equal(nct_peek(t, 0, 0, 0, 4), nct_f(1.0f));
	nct_run_ok(t);
	assert_int_equal(nct_peek(t, 0, 0, 0, 4), nct_f(2.0f));
}

/* ---- garbage ---- */

#define FUZZ_INSNS	100000

/* Random bytes, valid instructions, and valid ones with a few bits turned. */
static void fuzz_insn(struct gen *g, unsigned int engine, struct neuron_insn *insn)
{
	static const uint8_t by_engine[NEURON_ENGINES][4] = {
		{ NEURON_OP_LDWEIGHTS, NEURON_OP_MATMUL, NEURON_OP_MATMUL, NEURON_OP_NOP },
		{ NEURON_OP_ACTIVATE, NEURON_OP_ACTIVATE, NEURON_OP_ACTIVATE, NEURON_OP_NOP },
		{ NEURON_OP_TENSOR_TENSOR, NEURON_OP_TENSOR_SCALAR, NEURON_OP_TENSOR_REDUCE,
		  NEURON_OP_MEMSET },
		{ NEURON_OP_DMA_COPY, NEURON_OP_DMA_COPY, NEURON_OP_NOTIFY, NEURON_OP_NOP },
	};
	uint8_t *bytes = (uint8_t *)insn;
	unsigned int kind = nct_below(8);

	if (kind == 0) {
		for (unsigned int b = 0; b < sizeof(*insn); b++)
			bytes[b] = (uint8_t)nct_random();
		return;
	}
	insn->op = by_engine[engine][nct_below(4)];
	gen_insn(g, insn);
	if (nct_below(4) == 0) {
		waits(insn, nct_below(4), nct_below(3));
		signals(insn, nct_below(4), (uint16_t)nct_below(3));
	}
	if (kind == 1) {	/* the header stays valid: deeper */
		for (unsigned int b = 16; b < sizeof(*insn); b++)
			bytes[b] = (uint8_t)nct_random();
	} else if (kind < 6) {
		for (unsigned int n = 1 + nct_below(3); n; n--)
			bytes[16 + nct_below(40)] ^= (uint8_t)(1u << nct_below(8));
	} else if (kind == 6) {
		bytes[nct_below(64)] ^= (uint8_t)(1u << nct_below(8));
	}
}

/* Mostly one instruction, so that what is wrong does not hide what comes after it. */
static void fuzz_program(struct nct *t, struct gen *g, unsigned int *n)
{
	unsigned int each = nct_below(16) ? 1 : 4, engine = nct_below(NEURON_ENGINES);

	nct_begin(t);
	gen_insn(g, nct_insn(t, NEURON_OP_LDWEIGHTS));
	for (unsigned int e = 0; e < NEURON_ENGINES; e++)
		for (unsigned int i = 0; i < each && (each > 1 || e == engine); i++, ++*n)
			fuzz_insn(g, e, nct_insn_on(t, e, NEURON_OP_NOP));
}

static void test_fuzz(void **state)
{
	unsigned int executed = 0, faults[16] = {};
	struct nct *t = *state;
	struct gen g = { 1, 1, NEURON_BF16 };

	for (unsigned int n = 0; n < FUZZ_INSNS;) {
		struct neuron_completion c;

		fuzz_program(t, &g, &n);
		c = nct_run(t);
		assert_true(c.status <= NEURON_JOB_BUS && c.status != NEURON_JOB_CONTEXT &&
			    c.status != NEURON_JOB_DESCRIPTOR && c.engine < NEURON_ENGINES);
		faults[c.status]++;
		executed += c.cycles != 0;
	}
	print_message(
		"# %u programs ran some way; ok %u, segment %u, instruction %u, semaphore %u\n",
		executed, faults[NEURON_JOB_OK], faults[NEURON_JOB_SEGMENT],
		faults[NEURON_JOB_INSTRUCTION], faults[NEURON_JOB_SEMAPHORE]);
	assert_true(faults[NEURON_JOB_SEGMENT] && faults[NEURON_JOB_INSTRUCTION] &&
		    faults[NEURON_JOB_SEMAPHORE] && faults[NEURON_JOB_OK] > FUZZ_INSNS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_semaphores, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_cycles_overlap, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_semaphore_sum, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_trace, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_lost_while_it_runs, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_deadlock, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_semaphores_start_at_zero, nct_setup,
						nct_teardown),
		cmocka_unit_test_setup_teardown(test_host_access, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_nan_flag, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_owner, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_reset, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_abort, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_abort_before_run, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_fuzz, nct_setup, nct_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_job", tests, NULL, NULL);
}
