// SPDX-License-Identifier: Apache-2.0
/*
 * A core that keeps images of constants and has several threads computes what one without does:
 * random jobs on both, in
 * which images are loaded to rows that overlap, used by the PE, read and written in part by
 * everything else, and changed in DRAM by the jobs themselves and between them.
 */

#include <string.h>
#include "nc_harness.h"

#define IMAGES		4
#define IMAGE_BYTES	0x10000u	/* as far apart as stamps are */
#define ROW		(2 * NEURON_PARTITIONS)
#define SBUF_ROWS	512		/* where everything happens */
#define JOBS		120
#define INSNS		12


static struct nct *core[2];	/* [0] with a cache, and with three threads */
static uint64_t stamp[NCT_DRAM_BYTES / IMAGE_BYTES];

static uint64_t get_stamp(void *opaque, uint64_t addr, uint64_t len)
{
	uint64_t sum = 1;

	for (uint64_t g = addr / IMAGE_BYTES; g <= (addr + len - 1) / IMAGE_BYTES; g++)
		sum += stamp[g];
	return sum;
}

static void written(void *opaque, uint64_t addr, uint64_t len)
{
	for (uint64_t g = addr / IMAGE_BYTES; g <= (addr + len - 1) / IMAGE_BYTES; g++)
		stamp[g]++;
}

static int setup(void **state)
{
	nct_setup_pair(core);
	core[0]->nc->bus.stamp = get_stamp;
	core[0]->nc->bus.written = written;
	return 0;
}

static int teardown(void **state)
{
	nct_teardown_pair(core);
	return 0;
}

static uint16_t some_bf16(void)
{
	return (uint16_t)(0x3c00 | nct_below(0x8400));
}

/* The host writes to an image, and the core is told. */
static void change_image(unsigned int n)
{
	uint32_t at = NCT_CODE_BYTES + n * IMAGE_BYTES, off = nct_below(IMAGE_BYTES / 2) * 2;
	uint16_t v = some_bf16();

	for (int i = 0; i < 2; i++)
		memcpy(core[i]->dram + at + off, &v, 2);
	written(NULL, at + off, 2);
}

static uint32_t some_row(unsigned int rows)
{
	return nct_below(SBUF_ROWS - rows + 1);
}

static void dma(struct neuron_insn *i, bool in)
{
	static const uint16_t sizes[] = { 16, 32, 64, 64, 128 };
	uint16_t rows = sizes[nct_below(5)];
	uint32_t local = some_row(rows) * 2;
	uint32_t mem = nct_below(IMAGES) * IMAGE_BYTES + nct_below(2) * 16 * ROW;
	int32_t part = (int32_t)NEURON_LOCAL_PARTITION, words = in && !nct_below(4);

	/* whole rows of 16 bits, or two at once, which are no image */
	i->flags = (uint8_t)(1 + words);
	i->dma_copy.count[0] = i->dma_copy.count[1] = 1;
	i->dma_copy.count[2] = (uint16_t)(rows >> words);
	i->dma_copy.count[3] = NEURON_PARTITIONS;
	i->src_seg = in ? NCT_SEG_DATA : NEURON_ISA_NO_SEG;
	i->dst_seg = in ? NEURON_ISA_NO_SEG : NCT_SEG_DATA;
	i->dma_copy.src = in ? mem : local;
	i->dma_copy.dst = in ? local : mem;
	for (int s = 0; s < 2; s++) {
		int32_t *step = s ? i->dma_copy.dst_step : i->dma_copy.src_step;

		step[2] = (s == in ? 2 : ROW) << words;
		step[3] = s == in ? part : 2 << words;
	}
}

static void pe(struct neuron_insn *i, bool load)
{
	static const uint8_t k[] = { 128, 64, 33 };
	static unsigned int have_k, have_m;

	if (load) {
		have_k = k[nct_below(3)];
		have_m = 16 + nct_below(49);
		i->ldweights.src = some_row(2 * have_m) * 2;
		i->ldweights.step = (int16_t)(1 + nct_below(2));
		i->ldweights.k = (uint8_t)have_k;
		i->ldweights.m = (uint8_t)have_m;
		i->ldweights.dtype = NEURON_BF16;
		return;
	}
	i->flags = nct_below(4) ? NEURON_MATMUL_START : 0;
	i->matmul.count[0] = i->matmul.count[1] = i->matmul.count[2] = 1;
	i->matmul.count[3] = (uint16_t)(1 + nct_below(30));
	i->matmul.src = some_row(32) * 2;
	i->matmul.src_step[3] = 1;
	i->matmul.dst = NEURON_LOCAL_PSUM;
	i->matmul.dst_step[3] = 1;
	i->matmul.k = (uint8_t)have_k;
	i->matmul.m = (uint8_t)have_m;
	i->matmul.dtype = NEURON_BF16;
}

static void elementwise(struct neuron_insn *i, bool fill)
{
	uint16_t *count = fill ? i->memset.count : i->activate.count;

	count[0] = count[1] = count[2] = 1;
	count[3] = (uint16_t)(1 + nct_below(40));
	if (fill) {
		i->memset.dst = NEURON_LOCAL_ADDR(0, 5, some_row(40) * 2);
		i->memset.dst_step[3] = 1;
		i->memset.value = nct_f(1.5f);
		i->memset.partitions = (uint8_t)(1 + nct_below(100));
		i->memset.dst_dtype = NEURON_BF16;
		return;
	}
	i->activate.src = some_row(40) * 2;
	i->activate.dst = some_row(40) * 2;
	i->activate.src_step[3] = i->activate.dst_step[3] = 1;
	i->activate.scale = nct_f(0.5f);
	i->activate.partitions = 128;
	i->activate.src_dtype = i->activate.dst_dtype = NEURON_BF16;
}

static void build(void)
{
	static const uint8_t ops[] = {
		NEURON_OP_DMA_COPY, NEURON_OP_DMA_COPY, NEURON_OP_DMA_COPY, NEURON_OP_DMA_COPY,
		NEURON_OP_LDWEIGHTS, NEURON_OP_LDWEIGHTS, NEURON_OP_MATMUL, NEURON_OP_MATMUL,
		NEURON_OP_ACTIVATE, NEURON_OP_MEMSET,
	};

	for (int c = 0; c < 2; c++)
		nct_begin(core[c]);
	for (unsigned int n = 0; n < INSNS; n++) {
		uint8_t op = n ? ops[nct_below(sizeof(ops))] : NEURON_OP_LDWEIGHTS;
		struct neuron_insn *i = nct_insn(core[0], op);

		if (op == NEURON_OP_DMA_COPY)
			dma(i, nct_below(8));
		else if (op == NEURON_OP_LDWEIGHTS || op == NEURON_OP_MATMUL)
			pe(i, op == NEURON_OP_LDWEIGHTS);
		else
			elementwise(i, op == NEURON_OP_MEMSET);
		i->wait_sem = i->sig_sem = 7;
		i->wait_val = n;
		i->sig_val = 1;
		*nct_insn(core[1], op) = *i;
	}
}

/* Everything of a core that can be seen; what SBUF refers to is settled by looking. */
static void compare(void)
{
	struct emu_nc *a = core[0]->nc, *b = core[1]->nc;

	assert_memory_equal(core[0]->dram + NCT_CODE_BYTES, core[1]->dram + NCT_CODE_BYTES,
			    IMAGES * IMAGE_BYTES);
	assert_memory_equal(a->mem.psum, b->mem.psum, 64 * sizeof(a->mem.psum[0]));
	for (uint32_t r = 0; r < SBUF_ROWS; r++) {
		struct emu_nc_ap ap = { .low = (int32_t)r * 2, .high = (int32_t)r * 2 + 2 };
		struct emu_nc_mem view;
		int32_t delta;

		emu_nc_cache_view(&a->cache, &a->mem, &ap, &view, &delta);
		assert_memory_equal(view.sbuf[(int32_t)r + delta / 2], b->mem.sbuf[r], ROW);
	}
}

/* Programs come back, so that images are found and arrays are packed already. */
static void run_random(void)
{
	unsigned int referred = 0;

	for (unsigned int n = 0; n < IMAGES * IMAGE_BYTES / 2; n++) {
		uint16_t v = some_bf16();

		memcpy(core[0]->dram + NCT_CODE_BYTES + 2 * n, &v, 2);
		memcpy(core[1]->dram + NCT_CODE_BYTES + 2 * n, &v, 2);
	}
	for (unsigned int j = 0; j < JOBS; j++) {
		if (j % 4 == 0)
			build();
		if (nct_below(3) == 0)
			change_image(nct_below(IMAGES));
		for (int c = 0; c < 2; c++)
			nct_run_ok(core[c]);
		referred += core[0]->nc->cache.refs;
		compare();
	}
	assert_true(referred > JOBS / 4);	/* else nothing was proved */
}

/* Arrays of floats are kept as well as those of pairs. */
static void test_paths(void **state)
{
	const struct emu_nc_kernels *path[EMU_NC_PATHS];
	unsigned int paths = emu_nc_kernels_all(path);

	for (unsigned int p = 0; p < paths; p++) {
		for (int c = 0; c < 2; c++) {
			core[c]->nc->kernels = path[p];
			emu_nc_reset(core[c]->nc);
		}
		run_random();
	}
}

/* Of little room, too: images and arrays go and come. */
static void test_small(void **state)
{
	core[0]->nc->cache.limit = 100 * ROW;
	run_random();
	assert_true(core[0]->nc->cache.bytes <= core[0]->nc->cache.limit);
}

/* A core that changes owner forgets, and all it has is given back. */
static void test_wipe(void **state)
{
	run_random();
	emu_nc_reset(core[0]->nc);
	assert_int_equal(core[0]->nc->cache.bytes, 0);
	assert_int_equal(core[0]->nc->cache.refs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wipe, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_cache", tests, NULL, NULL);
}
