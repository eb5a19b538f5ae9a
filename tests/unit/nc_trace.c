// SPDX-License-Identifier: Apache-2.0
/* The trace that a job asks for: what is in it, where it ends, and who may not have one. */

#include <string.h>
#include "nc_harness.h"

#define BASE	0x1000u		/* of the trace segment in the memory of NCT_SEG_DATA */

/* NCT_SEG_EMPTY becomes @length bytes at BASE of the data, surrounded by 0xa5. */
static struct neuron_trace *room(struct nct *t, uint64_t length, uint32_t flags)
{
	uint8_t *at = t->dram + NCT_CODE_BYTES + BASE;

	memset(t->dram + NCT_CODE_BYTES, 0xa5, 0x40000);
	t->seg[NCT_SEG_EMPTY] = (struct neuron_segment){ NCT_CODE_BYTES + BASE, length, flags, 0, 0 };
	t->job.flags = NEURON_JOB_TRACE;
	t->job.trace = NCT_SEG_EMPTY;
	return (struct neuron_trace *)at;
}

static void nops(struct nct *t, unsigned int engine, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		nct_insn_on(t, engine, NEURON_OP_NOP)->tag = 100 * engine + i;
}

static void expect_untouched_behind(const struct nct *t, uint64_t length)
{
	const uint8_t *at = t->dram + NCT_CODE_BYTES;

	for (uint32_t i = 0; i < BASE; i++)
		assert_int_equal(at[i], 0xa5);
	for (uint32_t i = BASE + (uint32_t)length; i < 0x40000; i++)
		assert_int_equal(at[i], 0xa5);
}

/* Entries in the order of their start, sums, and what the completion says. */
static void test_contents(void **state)
{
	struct nct *t = *state;
	struct neuron_completion c;
	struct neuron_trace *trace;
	struct neuron_insn *i;

	nct_begin(t);
	trace = room(t, 4096, NEURON_SEG_WRITE);
	nops(t, NEURON_PE, 3);
	i = nct_insn(t, NEURON_OP_MEMSET);
	for (int d = 0; d < 3; d++)
		i->memset.count[d] = 1;
	i->memset.count[3] = 40;
	i->memset.dst_step[3] = 1;
	i->memset.partitions = 1;
	i->memset.dst_dtype = NEURON_FP32;
	i->tag = 7;
	i->sig_sem = 1;
	i->sig_val = 1;
	i = nct_insn_on(t, NEURON_ACT, NEURON_OP_NOTIFY);
	i->wait_sem = 1;
	i->wait_val = 1;
	c = nct_run_ok(t);
	assert_int_equal(c.cycles, 101);
	assert_int_equal(trace->magic, NEURON_TRACE_MAGIC);
	assert_int_equal(trace->version, NEURON_TRACE_VERSION);
	assert_int_equal(trace->entry_size, 32);
	assert_int_equal(trace->seq, t->job.seq);
	assert_int_equal(trace->count, 5);
	assert_int_equal(trace->lost, 0);
	assert_int_equal(trace->cycles, 101);
	assert_int_equal(trace->executed[NEURON_PE], 3);
	assert_int_equal(trace->busy[NEURON_PE], 3);
	assert_int_equal(trace->executed[NEURON_POOL], 1);
	assert_int_equal(trace->busy[NEURON_POOL], 100);
	assert_int_equal(trace->busy[NEURON_ACT], 1);
	assert_int_equal(trace->executed[NEURON_DMA], 0);
	for (unsigned int n = 0; n + 1 < trace->count; n++)
		assert_true(trace->entry[n].start <= trace->entry[n + 1].start);
	assert_int_equal(trace->entry[4].engine, NEURON_ACT);
	assert_int_equal(trace->entry[4].op, NEURON_OP_NOTIFY);
	assert_int_equal(trace->entry[4].start, 100);
	assert_int_equal(trace->entry[4].end, 101);
	assert_int_equal(trace->entry[1].tag, 7);
	assert_int_equal(trace->entry[3].pc, 2);
	expect_untouched_behind(t, sizeof(*trace) + 5 * sizeof(trace->entry[0]));
}

/* Around whole pieces, and where the segment ends within an entry. */
static void test_room(void **state)
{
	static const unsigned int entries[] = { 0, 1, 127, 128, 129, 255, 256, 299, 300, 301, 1000 };
	struct nct *t = *state;
	struct neuron_trace *trace;

	for (size_t n = 0; n < sizeof(entries) / sizeof(entries[0]); n++)
		for (unsigned int more = 0; more < 32; more += 31) {
			unsigned int fit = entries[n] < 300 ? entries[n] : 300;

			nct_begin(t);
			trace = room(t, sizeof(*trace) + 32 * entries[n] + more, NEURON_SEG_WRITE);
			nops(t, NEURON_DMA, 300);
			assert_int_equal(nct_run_ok(t).cycles, 300);
			assert_int_equal(trace->count, fit);
			assert_int_equal(trace->lost, 300 - fit);
			assert_int_equal(trace->executed[NEURON_DMA], 300);
			assert_int_equal(trace->busy[NEURON_DMA], 300);
			for (unsigned int e = 0; e < fit; e++)
				assert_int_equal(trace->entry[e].tag, 300 + e);
			expect_untouched_behind(t, sizeof(*trace) + 32 * fit);
		}
}

/* Nothing runs for a trace that cannot be written; its segment is told. */
static void test_refused(void **state)
{
	static const struct {
		uint8_t segment;
		uint16_t status;
	} cases[] = {
		{ NCT_SEG_RO, NEURON_JOB_SEGMENT }, { NCT_SEG_CODE, NEURON_JOB_SEGMENT },
		{ NCT_SEG_EMPTY, NEURON_JOB_SEGMENT }, { NCT_SEGS, NEURON_JOB_SEGMENT },
		{ 254, NEURON_JOB_SEGMENT }, { 255, NEURON_JOB_SEGMENT },
		{ NCT_SEG_GONE, NEURON_JOB_BUS },
	};
	struct nct *t = *state;

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct neuron_completion c;

		nct_begin(t);
		nops(t, NEURON_PE, 2);
		room(t, sizeof(struct neuron_trace) - 1, NEURON_SEG_WRITE);
		t->job.trace = cases[n].segment;
		c = nct_run(t);
		assert_int_equal(c.status, cases[n].status);
		assert_int_equal(c.detail, cases[n].segment);
		assert_int_equal(c.cycles, 0);
		expect_untouched_behind(t, 0);
	}
	nct_begin(t);
	t->job.trace = NCT_SEG_DATA;
	assert_int_equal(nct_run(t).status, NEURON_JOB_DESCRIPTOR);
	t->job.flags = NEURON_JOB_TRACE << 1;
	assert_int_equal(nct_run(t).status, NEURON_JOB_DESCRIPTOR);
	t->job.flags = NEURON_JOB_TRACE;
	t->job.op = NEURON_JOB_NOP;
	assert_int_equal(nct_run(t).status, NEURON_JOB_DESCRIPTOR);
}

/* Host memory that ends before its segment does: the job has run, and ends with BUS. */
static void test_memory_ends(void **state)
{
	struct nct *t = *state;
	struct neuron_completion c;
	struct neuron_trace *trace;

	nct_begin(t);
	room(t, 0, 0);
	t->seg[NCT_SEG_EMPTY] = (struct neuron_segment){
		NCT_HOST_ADDR + NCT_HOST_BYTES - 4096, 8192, NEURON_SEG_WRITE, 0, 0 };
	nops(t, NEURON_POOL, 200);
	c = nct_run(t);
	assert_int_equal(c.status, NEURON_JOB_BUS);
	assert_int_equal(c.detail, NCT_SEG_EMPTY);
	assert_int_equal(c.cycles, 200);
	trace = (struct neuron_trace *)(t->host + NCT_HOST_BYTES - 4096);
	assert_int_equal(trace->magic, 0);
	/* the same where there is memory enough, in host memory */
	t->job.trace = NCT_SEG_HOST;
	assert_int_equal(nct_run_ok(t).cycles, 200);
	trace = (struct neuron_trace *)t->host;
	assert_int_equal(trace->magic, NEURON_TRACE_MAGIC);
	assert_int_equal(trace->count, 200);
}

/* A job that faults is traced up to there, with its own status. */
static void test_fault(void **state)
{
	struct nct *t = *state;
	struct neuron_completion c;
	struct neuron_trace *trace;

	nct_begin(t);
	trace = room(t, 4096, NEURON_SEG_WRITE);
	nops(t, NEURON_POOL, 2);
	nct_insn_on(t, NEURON_POOL, NEURON_OP_NOP)->flags = 1;
	nops(t, NEURON_POOL, 1);
	c = nct_run(t);
	assert_int_equal(c.status, NEURON_JOB_INSTRUCTION);
	assert_int_equal(c.pc, 2);
	assert_int_equal(trace->magic, NEURON_TRACE_MAGIC);
	assert_int_equal(trace->count, 2);
	assert_int_equal(trace->cycles, c.cycles);
}

/* Not asked for: not a byte, not an access of the bus. */
static void test_off(void **state)
{
	struct nct *t = *state;
	uint64_t writes;

	nct_begin(t);
	room(t, 4096, NEURON_SEG_WRITE);
	t->job.flags = 0;
	t->job.trace = 0;
	nops(t, NEURON_POOL, 200);
	writes = t->bus_writes;
	nct_run_ok(t);
	assert_int_equal(t->bus_writes, writes);
	expect_untouched_behind(t, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_contents, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_room, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_refused, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_memory_ends, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_fault, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_off, nct_setup, nct_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_trace", tests, NULL, NULL);
}
