/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the compiler's unit tests: ONNX models made in memory, passes run on them, and what
 * the compiler said.
 */
#ifndef NCC_HARNESS_H
#define NCC_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph.h"
#include "ncc.h"
#include "program.h"

/* Bytes of a protobuf message under construction. */
struct pb {
	uint8_t *data;
	size_t n;
};

void pb_free(struct pb *pb);
void pb_varint(struct pb *pb, uint64_t v);
void pb_int(struct pb *pb, unsigned int field, uint64_t v);
void pb_bytes(struct pb *pb, unsigned int field, const void *data, size_t n);
void pb_string(struct pb *pb, unsigned int field, const char *s);
/* Appends @child as field @field, and frees it. */
void pb_message(struct pb *pb, unsigned int field, struct pb *child);

/* A model: a graph under construction. Lists of integers end with END. */
#define END	INT64_MIN

struct onnx {
	struct pb graph;
	int64_t opset;
};

void onnx_input(struct onnx *m, const char *name, const int64_t *dims);
void onnx_output(struct onnx *m, const char *name);
/* Initializers; @data NULL: values between -1 and 1 that depend on the name. */
void onnx_floats(struct onnx *m, const char *name, const int64_t *dims, const float *data);
void onnx_ints(struct onnx *m, const char *name, const int64_t *values);
/* @in, @out: names with blanks between; @attrs: of onnx_attr_*(), taken over; may be NULL. */
void onnx_node(struct onnx *m, const char *op, const char *in, const char *out, struct pb *attrs);
void onnx_attr_int(struct pb *attrs, const char *name, int64_t v);
void onnx_attr_float(struct pb *attrs, const char *name, float v);
void onnx_attr_ints(struct pb *attrs, const char *name, const int64_t *v);
/* The serialised model; the graph is used up. */
struct pb onnx_model(struct onnx *m);

#define DIMS(...)	((const int64_t[]){ __VA_ARGS__, END })

/* A compilation whose context stays for inspection. */
struct run {
	struct ncc_context ctx;
	struct ncc_options options;
	char error[4096];
	int err;
};

/* Runs the passes up to @last on @model, with at most @memory bytes (0: no limit of its own). */
void run_passes(struct run *r, const struct pb *model, enum ncc_pass last, size_t memory);
void run_free(struct run *r);

struct ncc_node *run_node(struct run *r, enum ncc_op op);	/* the first one, or NULL */
struct ncc_tensor *run_tensor(struct run *r, const char *name);

#endif
