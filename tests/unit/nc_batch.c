// SPDX-License-Identifier: Apache-2.0
/*
 * A core that puts products off and shares them among threads computes what one does that
 * computes each at once, alone: random programs on both, of all engines, in so little memory that
 * what is due is in the way again and again; some end in a fault: all before it is done then.
 */

#include <string.h>
#include "nc_gen.h"
#include "nc_team.h"

#define PROGRAMS	250
#define MAX_INSNS	120

static struct nct *core[2];	/* [0] puts off */

static int setup(void **state)
{
	nct_setup_pair(core);
	core[1]->nc->batch.most = 1;
	return 0;
}

static int teardown(void **state)
{
	nct_teardown_pair(core);
	return 0;
}

static void fill(void)
{
	for (uint32_t i = 0; i < GEN_MEM; i += 4) {
		uint32_t v = nct_below(4) ? nct_hard_float() : (uint32_t)nct_random();

		for (int c = 0; c < 2; c++)
			memcpy(core[c]->dram + NCT_CODE_BYTES + i, &v, 4);
	}
	for (uint32_t at = 0; at < GEN_REGION; at += 4)
		for (unsigned int p = 0; p < NEURON_PARTITIONS; p++)
			for (int where = 0; where < 4; where++) {
				uint32_t end = where & 1 ? NEURON_PSUM_BYTES : NEURON_SBUF_BYTES;
				uint32_t v = nct_hard_float();

				for (int c = 0; c < 2; c++)
					nct_poke_word(core[c], where & 1, p,
						      where & 2 ? end - GEN_REGION + at : at, v);
			}
}

/* Not to be executed: the array has no such columns, or nothing answers there. */
static void spoil(struct neuron_insn *i, const struct gen *g)
{
	if (i->op == NEURON_OP_MATMUL && g->m < NEURON_PE_COLUMNS)
		i->matmul.m = (uint8_t)(g->m + 1);
	else if (i->op == NEURON_OP_DMA_COPY && i->src_seg != NEURON_ISA_NO_SEG)
		i->src_seg = NCT_SEG_GONE;
}

/* Core 0's last instruction is the @n-th in all, and one of core 1, too. */
static void add(struct neuron_insn *i, unsigned int n)
{
	i->wait_sem = i->sig_sem = 7;
	i->wait_val = (uint16_t)n;
	i->sig_val = 1;
	*nct_insn(core[1], i->op) = *i;
}

static uint8_t choose_op(const uint8_t *others, unsigned int count, unsigned int n)
{
	if (!n || nct_below(8) == 0)
		return NEURON_OP_LDWEIGHTS;
	return nct_below(4) ? NEURON_OP_MATMUL : others[nct_below(count)];
}

static void build(const uint8_t *others, unsigned int count)
{
	unsigned int insns = nct_below(4) ? 2 + nct_below(30) : MAX_INSNS;
	unsigned int bad = nct_below(4) ? insns : nct_below(insns);
	struct gen g = { 0 };

	for (int c = 0; c < 2; c++)
		nct_begin(core[c]);
	for (unsigned int n = 0; n < insns; n++) {
		uint8_t op = choose_op(others, count, n);
		struct neuron_insn *i = nct_insn(core[0], op);

		gen_insn(&g, i);
		if (n >= bad)
			spoil(i, &g);
		add(i, n);
	}
}

static void compare(void)
{
	const struct emu_nc_mem *a = &core[0]->nc->mem, *b = &core[1]->nc->mem;
	const uint32_t sbuf = EMU_NC_SBUF_ROWS - GEN_REGION / 2;
	const uint32_t psum = EMU_NC_PSUM_ROWS - GEN_REGION / 4;

	assert_memory_equal(a->sbuf, b->sbuf, GEN_REGION / 2 * sizeof(a->sbuf[0]));
	assert_memory_equal(a->sbuf + sbuf, b->sbuf + sbuf, GEN_REGION / 2 * sizeof(a->sbuf[0]));
	assert_memory_equal(a->psum, b->psum, GEN_REGION / 4 * sizeof(a->psum[0]));
	assert_memory_equal(a->psum + psum, b->psum + psum, GEN_REGION / 4 * sizeof(a->psum[0]));
	assert_memory_equal(core[0]->dram + NCT_CODE_BYTES, core[1]->dram + NCT_CODE_BYTES, GEN_MEM);
}

static void run_random(const uint8_t *others, unsigned int count)
{
	unsigned int good = 0, faults = 0;

	fill();
	for (unsigned int n = 0; n < PROGRAMS; n++) {
		struct neuron_completion c[2];

		if (n % 50 == 49)
			fill();
		build(others, count);
		for (int i = 0; i < 2; i++)
			c[i] = nct_run(core[i]);
		c[1].seq = c[0].seq;
		assert_memory_equal(&c[0], &c[1], sizeof(c[0]));
		compare();
		c[0].status ? faults++ : good++;
	}
	assert_true(good > PROGRAMS / 2 && faults > PROGRAMS / 20);	/* else little was proved */
}

#define ROWS	8
#define EDGE	(EMU_NC_BATCH_READS + ROWS)	/* products that read what nobody else reads */

/* An array of int8 or bf16, and one-column products, the last ones to a row of PSUM each. */
static unsigned int due(uint8_t dtype, unsigned int products)
{
	struct neuron_insn *i;

	for (int c = 0; c < 2; c++)
		nct_begin(core[c]);
	i = nct_insn(core[0], NEURON_OP_LDWEIGHTS);
	i->ldweights.src = 0x400;
	i->ldweights.step = 1;
	i->ldweights.k = i->ldweights.m = 128;
	i->ldweights.dtype = dtype;
	add(i, 0);
	for (unsigned int n = 0; n < products; n++) {
		i = nct_insn(core[0], NEURON_OP_MATMUL);
		i->flags = NEURON_MATMUL_START;
		for (int d = 0; d < 4; d++)
			i->matmul.count[d] = 1;
		i->matmul.src = 16 * n;
		i->matmul.dst = NEURON_LOCAL_PSUM + 4 * (n % ROWS);
		i->matmul.k = i->matmul.m = 128;
		i->matmul.dtype = dtype;
		add(i, n + 1);
	}
	return products + 1;
}

/* An activate from and to where no product is, but for its third operand. */
static void add_activate(unsigned int n, uint8_t flags, uint8_t func)
{
	struct neuron_insn *i = nct_insn(core[0], NEURON_OP_ACTIVATE);

	i->flags = flags;
	for (int d = 0; d < 4; d++)
		i->activate.count[d] = 1;
	i->activate.src = 0x700;
	i->activate.dst = NEURON_LOCAL_PSUM + 0x700;
	i->activate.scale = nct_f(1.0f);
	i->activate.residual = NEURON_LOCAL_PSUM;
	i->activate.partitions = 128;
	i->activate.func = func;
	i->activate.src_dtype = i->activate.dst_dtype = NEURON_FP32;
	add(i, n);
}

/* A row of memory for each index; loop 0 is the indexed one. */
static void add_gather(unsigned int n)
{
	struct neuron_insn *i = nct_insn(core[0], NEURON_OP_DMA_GATHER);

	i->flags = 2;
	i->src_seg = i->dst_seg = NCT_SEG_DATA;
	i->dma_gather.count[0] = i->dma_gather.count[1] = i->dma_gather.count[2] = 1;
	i->dma_gather.src_step[0] = 4;
	i->dma_gather.dst = 0x8000;
	i->dma_gather.limit = 0x1000;
	i->dma_gather.index = NEURON_LOCAL_ADDR(1, 3, 0);
	add(i, n);
}

static void add_memset(unsigned int n, uint32_t at)
{
	struct neuron_insn *i = nct_insn(core[0], NEURON_OP_MEMSET);

	for (int d = 0; d < 4; d++)
		i->memset.count[d] = 1;
	i->memset.dst = at;
	i->memset.value = nct_f(3.0f);
	i->memset.partitions = 128;
	i->memset.dst_dtype = NEURON_BF16;
	add(i, n);
}

static void run_both(void)
{
	nct_run_ok(core[0]);
	nct_run_ok(core[1]);
	compare();
}

/* What random programs hit too seldom. */
static void test_seldom(void **state)
{
	fill();
	add_activate(due(NEURON_BF16, 1), NEURON_ACTIVATE_RESIDUAL, NEURON_FUNC_IDENTITY);
	run_both();
	add_activate(due(NEURON_BF16, 1), NEURON_ACTIVATE_PARAM_PTR, NEURON_FUNC_LEAKY_RELU);
	run_both();
	add_gather(due(NEURON_INT8, 1));
	run_both();
	/* small, so that the first index is one that there is */
	for (int c = 0; c < 2; c++)
		for (unsigned int p = 0; p < NEURON_PARTITIONS; p++) {
			nct_poke_word(core[c], 0, p, 0, 1);
			nct_poke_word(core[c], 0, p, 0x400, p == 5 ? 0x07070707 : 0);
		}
	add_gather(due(NEURON_INT8, 1));
	run_both();
	for (unsigned int n = EDGE - ROWS; n < EDGE; n++) {
		fill();
		add_memset(due(NEURON_BF16, EDGE), 16 * n);
		run_both();
	}
}

static const struct emu_nc_kernels *find_chains(void)
{
	const struct emu_nc_kernels *paths[EMU_NC_PATHS];
	unsigned int n = emu_nc_kernels_all(paths);

	while (n-- > 0)
		if (paths[n]->chain)
			return paths[n];
	return NULL;
}

/* bf16 of which no sum overflows; here and there a NaN. */
static void fill_numbers(void)
{
	for (uint32_t at = 0; at < GEN_REGION; at += 4)
		for (unsigned int p = 0; p < NEURON_PARTITIONS; p++) {
			uint32_t v = (uint32_t)nct_random() & 0x81ff81ffu;

			v = nct_below(4000) ? v + 0x3f003f00u : 0x7fc07fc0u;
			for (int c = 0; c < 2; c++) {
				nct_poke_word(core[c], 0, p, at, v);
				nct_poke_word(core[c], 1, p, at, v);
			}
		}
}

/* One tap of a window over an image of @w x @h at the start of SBUF, clipped to where it is. */
static void add_tap(unsigned int n, unsigned int w, unsigned int h, unsigned int tap, uint8_t k,
		    uint8_t m, bool start)
{
	int dx = (int)(tap % 3) - 1, dy = (int)(tap / 3) - 1;
	unsigned int x = dx < 0, y = dy < 0;
	struct neuron_insn *i = nct_insn(core[0], NEURON_OP_LDWEIGHTS);

	i->ldweights.src = 0x200 + 2 * tap;
	i->ldweights.step = 1;
	i->ldweights.k = k;
	i->ldweights.m = m;
	i->ldweights.dtype = NEURON_BF16;
	add(i, n);
	i = nct_insn(core[0], NEURON_OP_MATMUL);
	i->flags = start ? NEURON_MATMUL_START : 0;
	i->matmul.count[0] = i->matmul.count[1] = 1;
	i->matmul.count[2] = (uint16_t)(h - (dy != 0));
	i->matmul.count[3] = (uint16_t)(w - (dx != 0));
	i->matmul.src = 2 * (((int)y + dy) * (int)w + (int)x + dx);
	i->matmul.dst = NEURON_LOCAL_PSUM + 4 * (y * w + x);
	i->matmul.src_step[2] = i->matmul.dst_step[2] = (int16_t)w;
	i->matmul.src_step[3] = i->matmul.dst_step[3] = 1;
	i->matmul.k = k;
	i->matmul.m = m;
	i->matmul.dtype = NEURON_BF16;
	add(i, n + 1);
}

/* Windows of 3 x 3 with borders: sums stay in registers, of columns with the same taps at a time. */
static void test_windows(void **state)
{
	const struct emu_nc_kernels *chains = find_chains();

	if (!chains)
		skip();
	core[0]->nc->kernels = chains;
	fill_numbers();
	for (unsigned int n = 0; n < 100; n++) {
		unsigned int w = 2 + nct_below(9), h = 2 + nct_below(6), first = nct_below(9);
		uint8_t k = (uint8_t)(1 + nct_below(32)), m = (uint8_t)(1 + nct_below(128));
		unsigned int taps = 2 + nct_below(20);
		bool start = nct_below(2);

		for (int c = 0; c < 2; c++)
			nct_begin(core[c]);
		for (unsigned int t = 0; t < taps; t++)
			add_tap(2 * t, w, h, (first + 4 * t) % 9, k, m, t ? !nct_below(8) : start);
		run_both();
		if (n % 10 == 9)
			fill_numbers();
	}
}

static unsigned int macs;

/* The host gives the job up in the middle of the list. */
static bool mac_and_abort(float *const *acc, const emu_nc_float_strip *w, const float *const *x,
			  unsigned int columns, unsigned int k, unsigned int m, bool start,
			  struct emu_nc_ahead *ahead)
{
	macs++;
	emu_nc_abort(core[0]->nc);
	return emu_nc_kernels_generic.mac(acc, w, x, columns, k, m, start, ahead);
}

/* What an abort cuts short is not reported as done, though all instructions had their turn. */
static void test_abort(void **state)
{
	struct emu_nc_kernels k = emu_nc_kernels_generic;

	k.mac = mac_and_abort;
	core[0]->nc->kernels = &k;
	emu_nc_team_force(core[0]->nc->team, 1);
	macs = 0;
	due(NEURON_BF16, 2);
	assert_int_equal(nct_run(core[0]).status, NEURON_JOB_ABORTED);
	assert_int_equal(macs, 1);
	/* the next job is not concerned */
	core[0]->nc->kernels = &emu_nc_kernels_generic;
	fill();
	due(NEURON_BF16, 2);
	run_both();
}

#define TEST_MET(name, ...)								\
	static void test_##name(void **state)						\
	{										\
		static const uint8_t others[] = { __VA_ARGS__ };			\
											\
		run_random(others, sizeof(others));					\
	}

TEST_MET(alone, NEURON_OP_MATMUL)
TEST_MET(activate, NEURON_OP_ACTIVATE)
TEST_MET(pool, NEURON_OP_TENSOR_TENSOR, NEURON_OP_TENSOR_SCALAR, NEURON_OP_TENSOR_REDUCE,
	 NEURON_OP_TENSOR_DOT, NEURON_OP_MEMSET)
TEST_MET(move, NEURON_OP_TRANSPOSE, NEURON_OP_IOTA, NEURON_OP_SELECT, NEURON_OP_GATHER)
TEST_MET(dma, NEURON_OP_DMA_COPY, NEURON_OP_DMA_COPY, NEURON_OP_DMA_GATHER)
TEST_MET(all, NEURON_OP_ACTIVATE, NEURON_OP_TENSOR_SCALAR, NEURON_OP_MEMSET, NEURON_OP_TRANSPOSE,
	 NEURON_OP_SELECT, NEURON_OP_DMA_COPY)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_activate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_seldom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_batch", tests, NULL, NULL);
}
