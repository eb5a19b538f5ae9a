/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a model: what runs as one program on the chip, or as one ONNX model on the CPU.
 */
#ifndef NCC_PARTITION_H
#define NCC_PARTITION_H

#include "graph.h"

/**
 * struct ncc_part - some nodes that run together
 * @name: "sg00" or "cpu00", the directory in the NEFF
 * @phase: place in the order of execution
 * @node: of the whole model, in topological order; so are @input and @output
 * @graph, @program: of a part for the chip: a copy of its nodes, and what passes make of it
 */
struct ncc_part {
	const char *name;
	bool device;
	int phase;
	struct ncc_node **node;
	size_t nnode, node_cap;
	struct ncc_tensor **input;
	size_t ninput, input_cap;
	struct ncc_tensor **output;
	size_t noutput, output_cap;
	struct ncc_graph *graph;
	struct ncc_program *program;
	struct ncc_part *next;
};

/*
 * A pass on a segment found that the chip cannot run @node. False if there is no such node
 * in the model; else the partition pass has to run again.
 */
bool ncc_part_refuse(struct ncc_context *ctx, const struct ncc_node *node, const char *why);

/* Does it run on the chip? False also for nodes that the compiler computed. */
bool ncc_on_chip(const struct ncc_node *node);
/* Is nothing left of it to run, because its results are constants? */
bool ncc_is_computed(const struct ncc_node *node);

#endif
