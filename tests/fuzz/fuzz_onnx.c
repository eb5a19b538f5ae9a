// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: the ONNX reader and the checks behind it. Expected: a graph or a message, and no
 * access to other bytes than the model's. A graph can be written, and what is written is
 * read as a graph of as many nodes and tensors.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "ncc.h"
#include "onnx_read.h"
#include "onnx_write.h"
#include "protobuf.h"

#define MEMORY	((size_t)64 << 20)
#define NO_MEMORY	(-2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

static int errors;

static void report(void *opaque, enum ncc_level level, const char *text)
{
	errors += level == NCC_ERROR;
}

/* Reads bytes that have no neighbours. The nodes of the graph, or -1. */
static long nodes_of(const uint8_t *data, size_t size, bool again)
{
	long found;

	struct ncc_options options = { .model = "fuzz.onnx", .partition = NCC_PARTITION_COST };
	struct ncc_context ctx = { .options = &options, .report = report };
	struct ncc_bytes written;
	volatile long nodes = -1;
	jmp_buf oom;

	errors = 0;
	ncc_arena_init(&ctx.arena, &oom);
	ctx.arena.limit = MEMORY;
	if (!setjmp(oom)) {
		if (!ncc_read_onnx(&ctx, data, size))
			nodes = (long)ctx.graph->nnode;
		else if (!errors)
			abort();
		if (nodes >= 0 && !again && !ncc_onnx_write(&ctx, NCC_PASS_READ, &written)) {
			found = nodes_of(written.at, written.n, true);
			/* Initializers that are outputs get a node. */
			if (found != NO_MEMORY && (found < nodes ||
						   found > nodes + (long)ctx.graph->noutput)) {
				fprintf(stderr, "what was written is another graph\n");
				abort();
			}
		}
		if (nodes >= 0 && ncc_check(&ctx) && !errors)
			abort();
	} else if (again) {
		nodes = NO_MEMORY;
	}
	ncc_read_close(&ctx);
	ncc_arena_free(&ctx.arena);
	return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	nodes_of(data, size, false);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return fuzz_mutate_message(data, size, max, seed);
}
