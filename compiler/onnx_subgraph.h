/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs in attributes (the bodies of If, Loop and Scan): what they use from outside.
 */
#ifndef NCC_ONNX_SUBGRAPH_H
#define NCC_ONNX_SUBGRAPH_H

#include <stddef.h>

#include "onnx_wire.h"

struct ncc_context;

#define NCC_SUBGRAPH_DEPTH	16

/* Names, each once. */
struct ncc_names {
	const char **name;
	size_t n, cap;
};

/*
 * Adds to @names what the GraphProto @graph, and the graphs within it, use and do not make.
 * -EBADMSG when the bytes make no sense, -E2BIG for more than NCC_SUBGRAPH_DEPTH graphs in one
 * another.
 */
int ncc_subgraph_captures(struct ncc_context *ctx, struct ncc_wire graph, struct ncc_names *names);

#endif
