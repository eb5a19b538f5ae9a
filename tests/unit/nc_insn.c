// SPDX-License-Identifier: Apache-2.0
/* Each instruction with random operands and hard values, on each path, against the model. */

#include <string.h>
#include "nc_gen.h"
#include "nc_model.h"
#include "nc_team.h"

_Static_assert(sizeof(struct neuron_insn) == NEURON_INSN_SIZE, "instruction");
_Static_assert(offsetof(struct neuron_insn, nop) == 16, "header");
#define CHECK_BODY(code, id, name, engines)						\
	_Static_assert(sizeof(((struct neuron_insn *)0)->name) == 48, "body of " #name);
NEURON_ISA_OPS(CHECK_BODY)

#define MAX_INSNS	32

struct fix {
	struct nct *t;
	struct model m;
	uint8_t *sbuf0, *psum0;		/* memory before the program */
	uint8_t *data0, *host0;		/* segments before it */
	uint8_t *data, *host;		/* and after it, by the model */
	struct neuron_insn program[MAX_INSNS];
	unsigned int count;
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	void *t;

	assert_int_equal(nct_setup(&t), 0);
	f->t = t;
	f->m.sbuf = calloc(128, NEURON_SBUF_BYTES);
	f->m.psum = calloc(128, NEURON_PSUM_BYTES);
	f->sbuf0 = calloc(128, NEURON_SBUF_BYTES);
	f->psum0 = calloc(128, NEURON_PSUM_BYTES);
	f->data0 = calloc(1, GEN_MEM);
	f->host0 = calloc(1, GEN_MEM);
	f->data = calloc(1, GEN_MEM);
	f->host = calloc(1, GEN_MEM);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;
	void *t = f->t;

	nct_teardown(&t);
	free(f->m.sbuf);
	free(f->m.psum);
	free(f->sbuf0);
	free(f->psum0);
	free(f->data0);
	free(f->host0);
	free(f->data);
	free(f->host);
	free(f);
	return 0;
}

/* Hard values of all kinds of types. */
static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t v = nct_hard_float();

		if (v & 2)	/* two bf16 */
			v = (nct_hard_float() & 0xffff0000) | v >> 16;
		memcpy(p + i, &v, 4);
	}
}

static void fill_regions(uint8_t *image, size_t partition)
{
	for (unsigned int p = 0; p < 128; p++) {
		fill(image + p * partition, GEN_REGION);
		fill(image + p * partition + partition - GEN_REGION, GEN_REGION);
	}
}

static void to_core(struct fix *f, int psum, const uint8_t *image, unsigned int partition)
{
	for (unsigned int p = 0; p < 128; p++)
		for (unsigned int b = 0; b < GEN_REGION; b += 4)
			for (int end = 0; end < 2; end++) {
				unsigned int at = b + (end ? partition - GEN_REGION : 0);
				uint32_t v;

				memcpy(&v, image + (size_t)p * partition + at, 4);
				nct_poke_word(f->t, psum, p, at, v);
			}
}

static void compare(struct fix *f, int psum, const uint8_t *image, unsigned int partition)
{
	for (unsigned int p = 0; p < 128; p++)
		for (unsigned int b = 0; b < GEN_REGION; b += 4)
			for (int end = 0; end < 2; end++) {
				unsigned int at = b + (end ? partition - GEN_REGION : 0);
				uint32_t want, got = nct_peek_word(f->t, psum, p, at);

				memcpy(&want, image + (size_t)p * partition + at, 4);
				if (got != want)
					fail_msg("%s, op 0x%02x: %s[%u]+0x%x is %08x, not %08x",
						 f->t->nc->kernels->name,
						 f->program[f->count - 1].op,
						 psum ? "psum" : "sbuf", p, at, got, want);
			}
}

/* Nothing outside the regions may have changed: it was 0. */
static void check_middle(struct fix *f)
{
	struct emu_nc_mem *mem = &f->t->nc->mem;

	for (unsigned int r = GEN_REGION / 2; r < EMU_NC_SBUF_ROWS - GEN_REGION / 2; r++)
		for (unsigned int p = 0; p < 128; p++)
			assert_int_equal(mem->sbuf[r][p], 0);
	for (unsigned int r = GEN_REGION / 4; r < EMU_NC_PSUM_ROWS - GEN_REGION / 4; r++)
		for (unsigned int p = 0; p < 128; p++)
			assert_int_equal(mem->psum[r][p], 0);
}

/* Instructions one after the other, whatever their engines. */
static void build(struct fix *f)
{
	nct_begin(f->t);
	for (unsigned int i = 0; i < f->count; i++) {
		struct neuron_insn *insn = nct_insn(f->t, f->program[i].op);

		*insn = f->program[i];
		insn->wait_sem = 7;
		insn->wait_val = i;
		insn->sig_sem = 7;
		insn->sig_val = 1;
	}
}

static uint8_t *model_mem(struct fix *f, unsigned int seg)
{
	return seg == NCT_SEG_HOST ? f->host : f->data;
}

static void run_model(struct fix *f)
{
	memcpy(f->m.sbuf, f->sbuf0, (size_t)128 * NEURON_SBUF_BYTES);
	memcpy(f->m.psum, f->psum0, (size_t)128 * NEURON_PSUM_BYTES);
	memcpy(f->data, f->data0, GEN_MEM);
	memcpy(f->host, f->host0, GEN_MEM);
	f->m.nan = false;
	for (unsigned int i = 0; i < f->count; i++)
		mdl_exec(&f->m, &f->program[i], model_mem(f, f->program[i].src_seg),
			 model_mem(f, f->program[i].dst_seg));
}

static void run_path(struct fix *f, const struct emu_nc_kernels *k, unsigned int threads)
{
	struct neuron_completion c;

	to_core(f, 0, f->sbuf0, NEURON_SBUF_BYTES);
	to_core(f, 1, f->psum0, NEURON_PSUM_BYTES);
	memcpy(f->t->dram + NCT_CODE_BYTES, f->data0, GEN_MEM);
	memcpy(f->t->host, f->host0, GEN_MEM);
	f->t->nc->kernels = k;
	emu_nc_team_force(f->t->nc->team, threads);
	build(f);
	c = nct_run_ok(f->t);
	assert_int_equal(!!(c.flags & NEURON_JOB_FLAG_NAN), f->m.nan);
	assert_int_equal(emu_nc_sem_read(f->t->nc, 7), f->count);
	compare(f, 0, (const uint8_t *)f->m.sbuf, NEURON_SBUF_BYTES);
	compare(f, 1, (const uint8_t *)f->m.psum, NEURON_PSUM_BYTES);
	assert_memory_equal(f->t->dram + NCT_CODE_BYTES, f->data, GEN_MEM);
	assert_memory_equal(f->t->host, f->host, GEN_MEM);
}

/* The first run wipes the core for its owner, so that the memory must be set after it. */
static void first_owner(struct fix *f)
{
	nct_begin(f->t);
	nct_run_ok(f->t);
}

static void run_programs(struct fix *f, const uint8_t *ops, unsigned int n_ops,
			 unsigned int programs, unsigned int length)
{
	const struct emu_nc_kernels *path[EMU_NC_PATHS];
	unsigned int paths = emu_nc_kernels_all(path);
	struct gen g;

	first_owner(f);
	for (unsigned int r = 0; r < programs; r++) {
		fill_regions(f->sbuf0, NEURON_SBUF_BYTES);
		fill_regions(f->psum0, NEURON_PSUM_BYTES);
		fill(f->data0, GEN_MEM);
		fill(f->host0, GEN_MEM);
		f->count = 0;
		while (f->count < length) {
			struct neuron_insn *insn = &f->program[f->count];

			*insn = (struct neuron_insn){ .op = f->count ? ops[nct_below(n_ops)]
								     : ops[0] };
			gen_insn(&g, insn);
			f->count++;
		}
		run_model(f);
		/* each path in turn with one thread or with more: the bits are the same */
		for (unsigned int p = 0; p < paths; p++)
			run_path(f, path[p], 1 + (r + p) % 3);
	}
	check_middle(f);
}

#define TEST_OPS(name, programs, length, ...)						\
	static void test_##name(void **state)						\
	{										\
		static const uint8_t ops[] = { __VA_ARGS__ };				\
											\
		run_programs(*state, ops, sizeof(ops), programs, length);		\
	}

TEST_OPS(matmul, 30, 6, NEURON_OP_LDWEIGHTS, NEURON_OP_MATMUL, NEURON_OP_MATMUL, NEURON_OP_MATMUL)
TEST_OPS(activate, 50, 5, NEURON_OP_ACTIVATE)
TEST_OPS(tensor_tensor, 50, 5, NEURON_OP_TENSOR_TENSOR)
TEST_OPS(tensor_scalar, 50, 5, NEURON_OP_TENSOR_SCALAR)
TEST_OPS(tensor_reduce, 50, 5, NEURON_OP_TENSOR_REDUCE)
TEST_OPS(tensor_dot, 80, 5, NEURON_OP_TENSOR_DOT)
TEST_OPS(memset, 20, 5, NEURON_OP_MEMSET)
TEST_OPS(transpose, 40, 4, NEURON_OP_TRANSPOSE)
TEST_OPS(iota, 30, 5, NEURON_OP_IOTA)
TEST_OPS(select, 50, 5, NEURON_OP_SELECT)
TEST_OPS(gather, 50, 5, NEURON_OP_IOTA, NEURON_OP_GATHER)
TEST_OPS(dma_gather, 100, 5, NEURON_OP_IOTA, NEURON_OP_DMA_GATHER)
TEST_OPS(dma_copy, 120, 5, NEURON_OP_DMA_COPY)
TEST_OPS(mixed, 40, MAX_INSNS, NEURON_OP_LDWEIGHTS, NEURON_OP_MATMUL, NEURON_OP_MATMUL,
	 NEURON_OP_ACTIVATE, NEURON_OP_TENSOR_TENSOR, NEURON_OP_TENSOR_SCALAR,
	 NEURON_OP_TENSOR_REDUCE, NEURON_OP_MEMSET, NEURON_OP_DMA_COPY, NEURON_OP_DMA_COPY,
	 NEURON_OP_TRANSPOSE, NEURON_OP_IOTA, NEURON_OP_SELECT, NEURON_OP_GATHER,
	 NEURON_OP_DMA_GATHER, NEURON_OP_NOP, NEURON_OP_NOTIFY, NEURON_OP_TENSOR_DOT)

/* Whole images through the fast ways of dma_copy: dense rows, transposing, PSUM. */
static void dma_there_and_back(struct nct *t, uint32_t local, int32_t part_step, int32_t byte_step,
			       unsigned int outer, unsigned int inner, unsigned int log2,
			       bool parts_inside)
{
	int32_t size = 1 << log2;

	for (int back = 0; back < 2; back++) {
		struct neuron_insn *i;

		nct_begin(t);
		i = nct_insn(t, NEURON_OP_DMA_COPY);
		i->flags = (uint8_t)log2;
		i->dma_copy.count[0] = i->dma_copy.count[1] = 1;
		i->dma_copy.count[2] = (uint16_t)outer;
		i->dma_copy.count[3] = (uint16_t)inner;
		i->src_seg = back ? NEURON_ISA_NO_SEG : NCT_SEG_DATA;
		i->dst_seg = back ? NCT_SEG_DATA : NEURON_ISA_NO_SEG;
		for (int side = 0; side < 2; side++) {
			int32_t *step = side ? i->dma_copy.dst_step : i->dma_copy.src_step;

			step[2] = side != back ? (parts_inside ? byte_step : part_step)
					       : (int32_t)inner * size;
			step[3] = side != back ? (parts_inside ? part_step : byte_step) : size;
		}
		i->dma_copy.src = back ? local : 0;
		i->dma_copy.dst = back ? 0x100000 : local;
		nct_run_ok(t);
	}
	assert_memory_equal(t->dram + NCT_CODE_BYTES, t->dram + NCT_CODE_BYTES + 0x100000,
			    (size_t)outer * inner * (size_t)size);
}

/* Two loops over @outer times @inner partitions, as rows of a kernel and channels are, from partition 5 on. */
static void dma_two_partition_loops(struct nct *t, unsigned int outer, unsigned int inner)
{
	const int32_t part = (int32_t)NEURON_LOCAL_PARTITION, bytes[3] = { 448, 20000, 896 };
	struct neuron_insn *i;

	nct_begin(t);
	i = nct_insn(t, NEURON_OP_DMA_COPY);
	*i = (struct neuron_insn){
		.op = NEURON_OP_DMA_COPY, .flags = 6, .wait_sem = i->wait_sem, .sig_sem = i->sig_sem,
		.src_seg = NCT_SEG_DATA, .dst_seg = NEURON_ISA_NO_SEG,
		.dma_copy = {
			.count = { (uint16_t)outer, (uint16_t)inner, 16, 7 },
			.src_step = { bytes[0], bytes[1], bytes[2], 64 },
			.dst = NEURON_LOCAL_ADDR(0, 5, 0x40),
			.dst_step = { (int32_t)inner * part, part, 448, 64 },
		},
	};
	nct_run_ok(t);
	for (unsigned int p = 0; p < outer * inner; p++)
		for (unsigned int b = 0; b < 16 * 448; b += 2)
			assert_memory_equal(nct_byte(t, 0, 5 + p, 0x40 + b),
					    t->dram + NCT_CODE_BYTES + p / inner * 448 +
					    p % inner * 20000 + b / 448 * 896 + b % 448, 2);
}

/* Elements of 64 bytes that overlap those of the rows before, as one row after the other writes them. */
static void dma_overlapping_rows(struct nct *t)
{
	const int32_t part = (int32_t)NEURON_LOCAL_PARTITION;
	struct neuron_insn *i;

	nct_begin(t);
	i = nct_insn(t, NEURON_OP_DMA_COPY);
	*i = (struct neuron_insn){
		.op = NEURON_OP_DMA_COPY, .flags = 6, .wait_sem = i->wait_sem, .sig_sem = i->sig_sem,
		.src_seg = NCT_SEG_DATA, .dst_seg = NEURON_ISA_NO_SEG,
		.dma_copy = {
			.count = { 1, 8, 40, 2 },
			.src_step = { 0, 20000, 128, 64 },
			.dst = NEURON_LOCAL_ADDR(0, 5, 0x40), .dst_step = { 0, part, 64, 64 },
		},
	};
	nct_run_ok(t);
	for (unsigned int p = 0; p < 8; p++)
		for (unsigned int row = 0; row < 41; row++)
			for (unsigned int b = 0; b < 64; b += 2)
				assert_memory_equal(nct_byte(t, 0, 5 + p, 0x40 + row * 64 + b),
						    t->dram + NCT_CODE_BYTES + p * 20000 + b +
						    (row < 40 ? row * 128 : 39 * 128 + 64), 2);
}

static void test_dma_shapes(void **state)
{
	struct fix *f = *state;
	struct nct *t = f->t;
	const int32_t part = (int32_t)NEURON_LOCAL_PARTITION;

	fill(t->dram + NCT_CODE_BYTES, 0x100000);
	emu_nc_team_force(t->nc->team, 3);
	dma_there_and_back(t, 0x40, part, 2, 1000, 128, 1, true);
	dma_there_and_back(t, NEURON_LOCAL_ADDR(0, 3, 6), part, 2, 100, 61, 1, true);
	dma_there_and_back(t, NEURON_LOCAL_ADDR(0, 127, 0), -part, 2, 100, 128, 1, true);
	dma_there_and_back(t, 0, part, 2, 128, 3000, 1, false);
	dma_there_and_back(t, 0, part, 64, 128, 90, 6, false);
	dma_there_and_back(t, 1, part, 1, 128, 777, 0, false);
	dma_there_and_back(t, NEURON_LOCAL_PSUM, part, 4, 128, 1024, 2, false);
	dma_there_and_back(t, NEURON_LOCAL_PSUM, part, 4, 200, 128, 2, true);
	dma_there_and_back(t, NEURON_LOCAL_PSUM | 2, part, 2, 128, 99, 1, false);
	dma_two_partition_loops(t, 3, 3);
	dma_two_partition_loops(t, 8, 4);
	dma_two_partition_loops(t, 11, 3);
	dma_overlapping_rows(t);
	/* what a dense row means: element e of the row is in partition e */
	dma_there_and_back(t, 0x40, part, 2, 1, 128, 1, true);
	for (unsigned int p = 0; p < 128; p++)
		assert_memory_equal(nct_byte(t, 0, p, 0x40), t->dram + NCT_CODE_BYTES + 2 * p, 2);
	/* and many of them */
	dma_there_and_back(t, 0x40, part, 2, 5, 128, 1, true);
	for (unsigned int p = 0; p < 128 * 5; p++)
		assert_memory_equal(nct_byte(t, 0, p % 128, 0x40 + p / 128 * 2),
				    t->dram + NCT_CODE_BYTES + 2 * p, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_matmul, setup, teardown),
		cmocka_unit_test_setup_teardown(test_activate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tensor_tensor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tensor_scalar, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tensor_reduce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tensor_dot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transpose, setup, teardown),
		cmocka_unit_test_setup_teardown(test_iota, setup, teardown),
		cmocka_unit_test_setup_teardown(test_select, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gather, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_gather, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_shapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mixed, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_insn", tests, NULL, NULL);
}
