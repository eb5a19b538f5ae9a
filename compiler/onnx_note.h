/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the passes behind the graph decided, as text for a graph that is written as ONNX.
 */
#ifndef NCC_ONNX_NOTE_H
#define NCC_ONNX_NOTE_H

#include "partition.h"

/* Of a part as a whole: one line. */
const char *ncc_part_note(struct ncc_context *ctx, const struct ncc_part *part, enum ncc_pass after);
/*
 * Of each node of a part's graph, in its order: lines of "KEY ...". For a part for the CPU, of all of its nodes
 * the same. Uses the nodes' marks.
 */
const char **ncc_node_notes(struct ncc_context *ctx, const struct ncc_part *part, enum ncc_pass after);

#endif
