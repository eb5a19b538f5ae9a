// SPDX-License-Identifier: Apache-2.0
/*
 * Executions, and what can go wrong in them.
 */
#include <sys/mman.h>

#include "nrt_api.h"

static void execute_once(nrt_tensor_placement_t placement)
{
	nrt_open_execute_info_t info;
	char buf[16] = { 0 };
	nrt_model_t *model;
	struct io io;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	io_create(&io, placement, 16);
	assert_status(nrt_tensor_write(io.x, "0123456789abcdef", 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	assert_status(nrt_tensor_read(io.y, buf, 0, 16), NRT_SUCCESS);
	assert_memory_equal(buf, "0123456789abcdef", 16);
	assert_status(nrt_open_get_execute_info(&info), NRT_SUCCESS);
	assert_true(info.cycles > 0);
	io_free(&io);
	assert_status(nrt_unload(model), NRT_SUCCESS);
	assert_status(nrt_unload(model), NRT_INVALID);
}

static void execute(void **state)
{
	execute_once(NRT_TENSOR_PLACEMENT_VIRTUAL);
	execute_once(NRT_TENSOR_PLACEMENT_HOST);
	execute_once(NRT_TENSOR_PLACEMENT_DEVICE);
	use(build_chain_model, 4);
	execute_once(NRT_TENSOR_PLACEMENT_VIRTUAL);
	nrt_close();
	/* Tensors on one chip, the model on the other. */
	use_chips(2);
	setenv("NEURON_RT_VISIBLE_CORES", "3-4", 1);
	assert_status(init(), NRT_SUCCESS);
	execute_once(NRT_TENSOR_PLACEMENT_DEVICE);
}

static void bad_inputs(void **state)
{
	nrt_tensor_t *other;
	nrt_model_t *model;
	struct io io;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 15, "o", &other),
		      NRT_SUCCESS);
	assert_status(nrt_execute(model, io.outputs, io.outputs), NRT_EXEC_BAD_INPUT);
	assert_non_null(strstr(nrt_open_last_error(), "Wrong number of ifmaps, expected: 1, received: 1; there is none for x"));
	assert_status(nrt_execute(model, io.inputs, io.inputs), NRT_EXEC_BAD_INPUT);
	assert_status(nrt_execute(model, NULL, io.outputs), NRT_INVALID);
	assert_status(nrt_execute((void *)&io, io.inputs, io.outputs), NRT_INVALID_HANDLE);
	assert_status(nrt_execute(NULL, io.inputs, io.outputs), NRT_INVALID_HANDLE);
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "x", other), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_BAD_INPUT);
	assert_string_equal(nrt_open_last_error(), "Invalid data length for [x], received 15, expected 16");
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "x", io.x), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "z", other), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_BAD_INPUT);
	assert_string_equal(nrt_open_last_error(), "Wrong number of ifmaps, expected: 1, received: 2");
	nrt_tensor_free(&other);
	io_free(&io);
	/* Left to nrt_close(). */
}

/* On the first core: @b, which this frees. */
static nrt_model_t *load_build(struct build *b)
{
	nrt_model_t *model;
	uint8_t *bytes;
	size_t size;

	bytes = build_file(b, &size);
	build_free(b);
	assert_status(nrt_load(bytes, size, 0, 1, &model), NRT_SUCCESS);
	free(bytes);
	return model;
}

/* The copy model with other instructions for the DMA engine. */
static nrt_model_t *load_dma(const struct neuron_insn *insns, size_t count)
{
	struct build b;

	build_copy_model(&b, 4);
	build_set(&b, "sg00/dma.bin", insns, count * sizeof(*insns));
	return load_build(&b);
}

/* A program that reaches over a segment's end is stopped, and the next one runs. */
static void faults(void **state)
{
	struct neuron_insn insn = build_dma(2, 1, 17);
	nrt_model_t *bad, *good;
	struct io io;

	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	bad = load_dma(&insn, 1);
	assert_status(nrt_load(neff, neff_size, 0, 1, &good), NRT_SUCCESS);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	assert_non_null(strstr(nrt_open_last_error(), "instruction 0 of engine dma"));
	assert_status(nrt_execute_repeat(bad, io.inputs, io.outputs, 2), NRT_EXEC_COMPLETED_WITH_ERR);
	assert_status(nrt_execute(good, io.inputs, io.outputs), NRT_SUCCESS);
	/* Constants cannot be written. */
	insn = build_dma(3, 1, 16);
	assert_status(nrt_unload(bad), NRT_SUCCESS);
	bad = load_dma(&insn, 1);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	/* Waits for what nobody signals. */
	insn = build_dma(2, 1, 16);
	insn.wait_sem = 3;
	insn.wait_val = 1;
	assert_status(nrt_unload(bad), NRT_SUCCESS);
	bad = load_dma(&insn, 1);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	assert_non_null(strstr(nrt_open_last_error(), "semaphore"));
	io_free(&io);
}

/* y = x - what is in @segment, on the POOL engine: 4 float32 values. */
static nrt_model_t *load_difference(unsigned int segment)
{
	struct neuron_insn in = build_dma(0, 1, 16), less = build_dma(0, segment, 16), sub = { 0 };
	struct neuron_insn out = build_dma(2, 0, 16);
	const float ones[16] = { 1, 1, 1, 1 };
	struct build b;

	in.dst_seg = less.dst_seg = NEURON_ISA_NO_SEG;
	in.dma_copy.dst = NEURON_LOCAL_ADDR(0, 0, 0);
	less.dma_copy.dst = NEURON_LOCAL_ADDR(0, 0, 512);
	less.sig_sem = 0;
	less.sig_val = 1;
	sub.op = NEURON_OP_TENSOR_TENSOR;
	sub.wait_sem = 0;
	sub.wait_val = 1;
	sub.sig_sem = 1;
	sub.sig_val = 1;
	sub.tensor_tensor.count[0] = sub.tensor_tensor.count[1] = sub.tensor_tensor.count[2] = 1;
	sub.tensor_tensor.count[3] = 4;
	sub.tensor_tensor.src0_step[3] = sub.tensor_tensor.src1_step[3] = 1;
	sub.tensor_tensor.dst_step[3] = 1;
	sub.tensor_tensor.src1 = NEURON_LOCAL_ADDR(0, 0, 512);
	sub.tensor_tensor.dst = NEURON_LOCAL_ADDR(0, 0, 256);
	sub.tensor_tensor.partitions = 1;
	sub.tensor_tensor.alu = NEURON_ALU_SUB;
	sub.tensor_tensor.src_dtype = sub.tensor_tensor.dst_dtype = NEURON_FP32;
	out.src_seg = NEURON_ISA_NO_SEG;
	out.dma_copy.src = NEURON_LOCAL_ADDR(0, 0, 256);
	out.wait_sem = 1;
	out.wait_val = 1;
	build_copy_model(&b, 4);
	build_set(&b, "sg00/w.bin", ones, sizeof(ones));
	build_set(&b, "sg00/pool.bin", &sub, sizeof(sub));
	build_set(&b, "sg00/dma.bin", (struct neuron_insn[]){ in, less, out }, 3 * sizeof(in));
	return load_build(&b);
}

/* y = x - 1 */
static nrt_model_t *load_decrement(void)
{
	return load_difference(3);
}

/* x - x: infinity - infinity is a NaN. The outputs are there. */
static void not_a_number(void **state)
{
	const float inf = 1e38f * 1e10f, values[4] = { 1, 2, inf, 4 };
	nrt_model_t *model = load_difference(1);
	float result[4];
	struct io io;

	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_write(io.x, values, 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	assert_status(nrt_tensor_read(io.y, result, 0, 16), NRT_SUCCESS);
	assert_true(result[0] == 0 && result[3] == 0 && result[2] != result[2]);
	assert_status(nrt_tensor_memset(io.x, 0, 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	io_free(&io);
}

#define SLOW_INSNS 16384

/* A program that goes on and on is ended, and the core is good for others. */
static void time_out(void **state)
{
	static struct neuron_insn many[SLOW_INSNS];
	struct neuron_insn insn = build_dma(2, 1, 1);
	nrt_model_t *slow, *good;
	struct io io;
	int i;

	/* One byte, 2^20 times an instruction. */
	insn.dma_copy.count[0] = 64;
	insn.dma_copy.count[1] = 1024;
	insn.dma_copy.count[2] = 16;
	for (i = 0; i < SLOW_INSNS; i++)
		many[i] = insn;
	init_with("NEURON_RT_EXEC_TIMEOUT", "1");
	slow = load_dma(many, SLOW_INSNS);
	assert_status(nrt_load(neff, neff_size, 0, 1, &good), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_execute(slow, io.inputs, io.outputs), NRT_TIMEOUT);
	assert_error("execution timeout");
	assert_status(nrt_execute_repeat(slow, io.inputs, io.outputs, 2), NRT_TIMEOUT);
	io_copies(good, &io, "0123456789abcdef", 16);
	assert_status(nrt_unload(slow), NRT_SUCCESS);
	io_free(&io);
}

#define BIG	64000

static char big_in[2 * BIG], big_out[2 * BIG];

static void attached(nrt_tensor_t *t, char *buffer, size_t size)
{
	assert_status(nrt_tensor_attach_buffer(t, buffer, size), NRT_SUCCESS);
	assert_ptr_equal(nrt_tensor_get_va(t), buffer);
}

/*
 * Buffers of the caller, at any address, are used where they are: what is in them counts, also when
 * it changes. The kernel's backend pins them, once each, when an execution needs them.
 */
static void attached_buffers(void **state)
{
	nrt_model_t *model;
	struct io io;
	char *text, *p;
	int i, pins = 0;

	nrt_close();
	use(build_copy_model, BIG / 4);
	setenv("NEURON_RT_LOG_LEVEL_TDRV", "DEBUG", 1);
	log_begin();
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, 0, 1, &model), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, BIG);
	attached(io.x, big_in + 3, BIG);
	attached(io.y, big_out + 100, BIG);
	for (i = 0; i < 5; i++) {
		memset(big_in, 'a' + i, sizeof(big_in));
		memset(big_out, '-', sizeof(big_out));
		big_in[3] = '(';
		big_in[3 + BIG - 1] = ')';
		assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
		assert_memory_equal(big_out + 100, big_in + 3, BIG);
		assert_int_equal(big_out[99], '-');
		assert_int_equal(big_out[100 + BIG], '-');
	}
	/* Another buffer: the old one is not looked at any more. */
	memset(big_in + BIG, 'N', BIG);
	attached(io.x, big_in + BIG, BIG);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	assert_memory_equal(big_out + 100, big_in + BIG, BIG);
	io_free(&io);
	text = log_end();
	for (p = text; (p = strstr(p, ": pinned\n")); p++)
		pins++;
	assert_int_equal(pins, on_kernel() ? 3 : 0);
	free(text);
}

/* A slice of an attached buffer, and an input that nobody may write to. */
static void attached_slices(void **state)
{
	char *page = mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	nrt_tensor_t *whole, *slice;
	nrt_model_t *model;
	struct io io;

	memset(page, 'r', 1 << 17);
	memset(page + 777, 's', BIG);
	assert_int_equal(mprotect(page, 1 << 17, PROT_READ), 0);
	use(build_copy_model, BIG / 4);
	assert_status(nrt_load(neff, neff_size, 0, 1, &model), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, BIG);
	assert_status(nrt_tensor_allocate_empty("w", &whole), NRT_SUCCESS);
	attached(whole, page, 1 << 17);
	assert_status(nrt_tensor_allocate_slice(whole, 777, BIG, "s", &slice), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "x", slice), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	assert_memory_equal(nrt_tensor_get_va(io.y), page + 777, BIG);
	/* The slice keeps the buffer attached. */
	nrt_tensor_free(&whole);
	assert_status(nrt_tensor_memset(io.y, 0, 0, BIG), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	assert_memory_equal(nrt_tensor_get_va(io.y), page + 777, BIG);
	nrt_tensor_free(&slice);
	io_free(&io);
	munmap(page, 1 << 17);
}

static void files_of(const char *want, int *found)
{
	char path[128], command[256], *text;

	snprintf(path, sizeof(path), "neuron-inputs-%d-%d/x.bin", getpid(), *found);
	if (!want) {
		assert_int_equal(access(path, F_OK), -1);
		return;
	}
	text = read_text(path);
	assert_memory_equal(text, want, 16);
	free(text);
	snprintf(command, sizeof(command), "rm -r neuron-inputs-%d-%d", getpid(), *found);
	assert_int_equal(system(command), 0);
	++*found;
}

/* Of executions that end with the status that was asked for, or with any. */
static void dump_inputs(void **state)
{
	struct neuron_insn insn = build_dma(2, 1, 17);
	nrt_model_t *good, *bad;
	struct io io;
	int n = 0;

	assert_int_equal(chdir("/tmp"), 0);
	init_with("NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "1003");
	bad = load_dma(&insn, 1);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_write(io.x, "0123456789abcdef", 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	files_of(NULL, &n);
	init_with("NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "1004");
	bad = load_dma(&insn, 1);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	files_of("0123456789abcdef", &n);
	init_with("NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "1");
	assert_status(nrt_load(neff, neff_size, 0, 1, &good), NRT_SUCCESS);
	assert_status(nrt_execute(good, io.inputs, io.outputs), NRT_SUCCESS);
	files_of(NULL, &n);
	assert_status(nrt_execute(good, io.inputs, io.inputs), NRT_EXEC_BAD_INPUT);
	files_of("0123456789abcdef", &n);
	io_free(&io);
}

/* Outputs become inputs; what the caller gave as inputs stays. */
static void repeat(void **state)
{
	const float values[4] = { 10, 20, 30, 1e38f * 1e10f };
	nrt_model_t *model = load_decrement(), *plain;
	float got[4];
	struct io io;

	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_write(io.x, values, 0, 12), NRT_SUCCESS);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 1), NRT_SUCCESS);
	assert_status(nrt_tensor_read(io.y, got, 0, 16), NRT_SUCCESS);
	assert_true(got[0] == 9 && got[2] == 29);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 7), NRT_SUCCESS);
	assert_status(nrt_tensor_read(io.y, got, 0, 16), NRT_SUCCESS);
	assert_true(got[0] == 3 && got[1] == 13 && got[2] == 23 && got[3] == -7);
	assert_status(nrt_tensor_read(io.x, got, 0, 12), NRT_SUCCESS);
	assert_memory_equal(got, values, 12);
	/* Also on the device. */
	io_free(&io);
	io_create(&io, NRT_TENSOR_PLACEMENT_DEVICE, 16);
	assert_status(nrt_tensor_write(io.x, values, 0, 12), NRT_SUCCESS);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 3), NRT_SUCCESS);
	assert_status(nrt_tensor_read(io.y, got, 0, 16), NRT_SUCCESS);
	assert_true(got[0] == 7 && got[3] == -3);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 0), NRT_INVALID);
	assert_status(nrt_execute_repeat(model, NULL, io.outputs, 2), NRT_INVALID);
	fail_allocations(1);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 2), NRT_RESOURCE);
	assert_status(nrt_execute_repeat(model, io.outputs, io.outputs, 2), NRT_EXEC_BAD_INPUT);
	assert_status(nrt_execute_repeat((void *)&io, io.inputs, io.outputs, 2), NRT_INVALID_HANDLE);
	io_free(&io);
	/* A model whose output is not like its input: once is fine. */
	use(build_chain_model, 4);
	assert_status(nrt_load(neff, neff_size, 0, 1, &plain), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_execute_repeat(plain, io.inputs, io.outputs, 4), NRT_SUCCESS);
	io_free(&io);
}

/* An output of another shape cannot become an input. */
static void repeat_unfit(void **state)
{
	nrt_model_t *model;
	struct build b;
	struct io io;

	build_copy_model(&b, 4);
	build_text(&b, "neff.json",
		   "{\"name\": \"copy\", \"isa_version\": 1, \"compiler\": \"nrt_api_exec.c\",\n"
		   "\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [1, 4]}],\n"
		   "\"outputs\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [4, 1]}],\n"
		   "\"nodes\": [{\"name\": \"sg00\", \"executor\": \"NeuronCore\", \"cores\": 1, \"inputs\": [\"x\"], \"outputs\": [\"y\"]}]}");
	model = load_build(&b);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 1), NRT_SUCCESS);
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 2), NRT_INVALID);
	assert_error("cannot be repeated: output [y] does not have type and shape of input [x]");
	io_free(&io);
}

/* The line that is documented for a NaN, at the level that is shown by default. */
static void nan_is_logged(void **state)
{
	const float values[4] = { 1e38f * 1e10f, -1e38f * 1e10f, 0, 0 };
	const float nan[4] = { values[0] - values[0] };
	nrt_model_t *model;
	struct io io;
	char *text;

	init_with("NEURON_RT_LOG_LEVEL", "ERROR");
	model = load_decrement();
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_write(io.x, nan, 0, 16), NRT_SUCCESS);
	log_begin();
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	text = log_end();
	assert_non_null(strstr(text, " ERROR NMGR:nrt_execute Error notifications found on NC 0 INFER_ERROR_SUBTYPE_NUMERICAL"));
	free(text);
	/* One of several is enough. */
	assert_status(nrt_tensor_write(io.x, nan, 0, 16), NRT_SUCCESS);
	log_begin();
	assert_status(nrt_execute_repeat(model, io.inputs, io.outputs, 2), NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	free(log_end());
	io_free(&io);
}

static const struct CMUnitTest tests[] = {
	TEST(execute),
	TEST(bad_inputs),
	TEST(faults),
	TEST(not_a_number),
	TEST(nan_is_logged),
	TEST(time_out),
	TEST(attached_buffers),
	TEST(attached_slices),
	TEST(dump_inputs),
	TEST(repeat),
	TEST(repeat_unfit),
};

TEST_GROUP(exec_tests, tests);
