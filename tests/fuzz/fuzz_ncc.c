// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: ONNX models through all passes of neuron-cc, with little memory. An input is
 * a byte that chooses options, then the model.
 *
 * Expected: no crash, a message for each error, no "internal error". The graph as it is after each
 * pass can be printed and written as ONNX, and what is written can be read.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <neuron/isa.h>

#include "graph.h"
#include "ncc.h"
#include "onnx_read.h"
#include "onnx_write.h"
#include "protobuf.h"

#define MEMORY	((size_t)192 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

static int errors;

static void report(void *opaque, enum ncc_level level, const char *text)
{
	errors += level == NCC_ERROR;
}

static void set_options(struct ncc_options *options, uint8_t bits)
{
	static const char *const cpu[] = { NULL, NULL, "Relu", "Add,Conv" };

	options->model = "fuzz.onnx";
	options->precision = (struct ncc_precision){
		.half = bits & 1 ? NEURON_FP16 : NEURON_BF16, .cast_all = !(bits & 2), .name = "fuzz",
	};
	options->partition = (enum ncc_partition_mode)((bits >> 2) % 3);
	options->cpu_ops = cpu[bits >> 4 & 3];
	options->allow_no_ops = true;
	options->min_segment = 1 + (bits >> 6 & 1);
	options->cores = bits >> 7 ? 3 : 1;
	options->saturate = bits >> 7;
}

/* Reads what was written. It may be refused, for what is refused of the model too, but not as damaged. */
static void read_again(const struct ncc_options *like, struct ncc_bytes written)
{
	struct ncc_options options = *like;
	struct ncc_context ctx = { .options = &options, .report = report };
	jmp_buf oom;

	ncc_arena_init(&ctx.arena, &oom);
	ctx.arena.limit = MEMORY;
	if (!setjmp(oom) && ncc_read_onnx(&ctx, written.at, written.n)) {
		fprintf(stderr, "what was written cannot be read\n");
		abort();
	}
	ncc_arena_free(&ctx.arena);
}

static void compile(struct ncc_options *options, enum ncc_pass last)
{
	struct ncc_dump dump = { .after = last, .file = "/dev/null" };
	struct ncc_context ctx = { .options = options, .report = report };
	struct ncc_bytes written;
	jmp_buf oom;
	int err;

	errors = 0;
	options->dumps = &dump;
	ncc_arena_init(&ctx.arena, &oom);
	ctx.arena.limit = MEMORY;
	if (!setjmp(oom)) {
		err = ncc_run_passes(&ctx, last);
		/* -EPROTO: an internal error; the others are for between passes. */
		if (err && (!errors || err == -EPROTO || err == -EAGAIN || err == -ENOTSUP)) {
			fprintf(stderr, "error %d\n", err);
			abort();
		}
		if (!err && last <= NCC_PASS_FUSE && !ncc_onnx_write(&ctx, last, &written))
			read_again(options, written);
	}
	ncc_read_close(&ctx);
	ncc_arena_free(&ctx.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ncc_options options = { 0 };

	if (size < 2)
		return 0;
	set_options(&options, data[0]);
	options.data = (struct ncc_bytes){ .at = data + 1, .n = size - 1 };
	compile(&options, data[0] & 0x80 ? NCC_PASS_FUSE : NCC_PASS_EMIT);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	if (size < 2 || seed % 32 == 0)
		data[0] = (uint8_t)(seed >> 8);
	return 1 + fuzz_mutate_message(data + 1, size ? size - 1 : 0, max - 1, seed);
}
