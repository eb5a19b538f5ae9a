/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One compilation: options, diagnostics, and the passes in the order in which they run.
 *
 * Passes return 0 or -errno; what went wrong was then said through ncc_error() or
 * ncc_node_error(). Nothing below main.c prints or exits.
 */
#ifndef NCC_H
#define NCC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "arena.h"

struct ncc_graph;
struct ncc_node;
struct ncc_tensor;
struct ncc_part;
struct ncc_external;
struct ncc_program;
struct json_t;

/* Bytes of the model's file. */
struct ncc_bytes {
	const uint8_t *at;
	size_t n;
};

/* NCC_RESULT is what was asked for: no problem, but never left out. */
enum ncc_level { NCC_DEBUG, NCC_INFO, NCC_WARN, NCC_ERROR, NCC_RESULT };

/* NCC_PASS(id, name, what it does); in the order of execution */
#define NCC_PASSES(P)							\
	P(READ, "read", "ONNX file to graph")				\
	P(CHECK, "check", "structure, operators, types")		\
	P(SHAPE, "shape", "shapes of all tensors")			\
	P(PARTITION, "partition", "which nodes the chip runs, which the CPU") \
	P(FOLD, "fold", "constants, batch normalisation, dead nodes")	\
	P(FUSE, "fuse", "bias, scale, residual and activation into matrix products") \
	P(PLACE, "place", "values, their types and homes in DRAM")	\
	P(TILE, "tile", "nodes to instructions on buffers")		\
	P(SCHEDULE, "schedule", "order of the instructions")		\
	P(ALLOCATE, "allocate", "addresses in SBUF and PSUM")		\
	P(SYNC, "sync", "semaphores between the engines")		\
	P(EMIT, "emit", "instruction streams")

#define NCC_PASS_ENUM(id, name, text)	NCC_PASS_##id,
enum ncc_pass { NCC_PASSES(NCC_PASS_ENUM) NCC_PASS_COUNT };

const char *ncc_pass_name(enum ncc_pass pass);
const char *ncc_pass_text(enum ncc_pass pass);

/**
 * struct ncc_precision - what --fast-math chose
 * @half: type of matrix operands: NEURON_BF16 or NEURON_FP16
 * @cast_all: tensors between operators have type @half too, not only matrix operands
 * @name: as people write it
 */
struct ncc_precision {
	uint8_t half;
	bool cast_all;
	const char *name;
};

/**
 * struct ncc_dump - what --dump asked for
 * @file: NULL: standard output; a name that ends in .onnx gets a model instead of text
 */
struct ncc_dump {
	enum ncc_pass after;
	const char *file;
	struct ncc_dump *next;
};

/* What becomes of nodes that the chip could run. */
enum ncc_partition_mode {
	NCC_PARTITION_OFF,	/* all nodes run on the chip, or the model is refused */
	NCC_PARTITION_COST,	/* those whose transfers cost less than they save */
	NCC_PARTITION_GREEDY,	/* all that can */
};

/**
 * struct ncc_options - what the user asked for
 * @model: path of the ONNX file
 * @data: its contents, if they are in memory already; @model is only its name then
 * @output: path of the NEFF; NULL: none is written
 * @io_config: JSON text, NULL = none
 * @plain_tar: do not compress the body (--enable-fast-loading-neuron-binaries)
 * @partition: enum ncc_partition_mode
 * @cpu_ops: operators that shall run on the CPU: names with commas between, "all", or NULL
 * @min_segment: segments of fewer nodes run on the CPU, if others do
 * @allow_no_ops: a model of which nothing runs on the chip is compiled too
 * @cores: NeuronCores that the model is cut into stages for; below 2: one program
 * @saturate: infinities become the largest numbers where they might make a NaN
 * @report: each node's place is listed
 * @report_file: JSON goes there, NULL = none
 * @report_json: gets the JSON, which the caller has to json_decref(); NULL = not wanted
 */
struct ncc_options {
	const char *model;
	struct ncc_bytes data;
	const char *output;
	const char *io_config;
	struct ncc_precision precision;
	bool plain_tar;
	enum ncc_partition_mode partition;
	const char *cpu_ops;
	int min_segment;
	bool allow_no_ops;
	int cores;
	bool saturate;
	bool report;
	const char *report_file;
	struct json_t **report_json;
	struct ncc_dump *dumps;
};

/**
 * struct ncc_context - one compilation
 * @report: receives every message, one line without newline
 * @file: the model, mapped; @external: files beside it; @size: of all of these, in bytes
 * @graph, @program: what passes work on; from the partition pass on, those of one segment
 * @whole: the model, from the partition pass on
 * @model_node, @model_flops: the model's nodes by index, and what they cost, for the report
 * @parts: segments in the order of execution
 * @segment: a pass runs on a segment for the chip, whose nodes may still move to the CPU;
 *	@moved: one has
 */
struct ncc_context {
	struct ncc_arena arena;
	const struct ncc_options *options;
	void (*report)(void *opaque, enum ncc_level level, const char *text);
	void *opaque;
	struct ncc_bytes file;
	struct ncc_external *external;
	size_t size;
	struct ncc_graph *graph;
	struct ncc_program *program;
	struct ncc_graph *whole;
	struct ncc_node **model_node;
	double *model_flops;
	struct ncc_part *parts;
	struct ncc_part *segment;
	bool moved;
};

/**
 * ncc_compile - compile one model and write the NEFF
 *
 * Returns 0, or -errno after an error was reported. On failure no output file is left.
 */
int ncc_compile(const struct ncc_options *options,
		void (*report)(void *opaque, enum ncc_level level, const char *text), void *opaque);

/* The same in pieces, for tests: run all passes up to and including @last. */
int ncc_run_passes(struct ncc_context *ctx, enum ncc_pass last);

void ncc_log(struct ncc_context *ctx, enum ncc_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Both return -EINVAL, for "return ncc_error(...)". */
int ncc_error(struct ncc_context *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int ncc_node_error(struct ncc_context *ctx, const struct ncc_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Valid, but nothing that the chip or the compiler does: the node is one for the CPU, and
 * this is why. -ENOTSUP; an error where there is no partition.
 */
int ncc_refuse(struct ncc_context *ctx, struct ncc_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A contradiction inside the compiler: says that it is not the user's fault. -EPROTO. */
int ncc_internal_error(struct ncc_context *ctx, const struct ncc_node *node,
		       const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The passes. */
int ncc_read(struct ncc_context *ctx);
int ncc_check(struct ncc_context *ctx);
int ncc_shape(struct ncc_context *ctx);
int ncc_partition(struct ncc_context *ctx);
int ncc_fold(struct ncc_context *ctx);
int ncc_fuse(struct ncc_context *ctx);
int ncc_place(struct ncc_context *ctx);
int ncc_tile(struct ncc_context *ctx);
int ncc_schedule(struct ncc_context *ctx);
int ncc_allocate(struct ncc_context *ctx);
int ncc_sync(struct ncc_context *ctx);
int ncc_emit(struct ncc_context *ctx);
int ncc_neff_write(struct ncc_context *ctx, const char *path);

void ncc_dump(struct ncc_context *ctx, enum ncc_pass after, FILE *f);

#endif
