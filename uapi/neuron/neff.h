/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * NEFF: what the compiler hands to the runtime. A header of 1024 bytes, then a tar
 * archive, gzip-compressed unless the file is meant for fast loading:
 * "tail -c +1025 x.neff | tar tz" lists it. The header's layout and the member names are
 * public; which bytes the hash covers is not, ours covers the whole body.
 *
 * Members:
 *   neff.json        the graph of nodes, in execution order:
 *     { "name": NETWORK, "isa_version": NEURON_ISA_VERSION, "compiler": TEXT,
 *       "inputs":  [ { "name": TENSOR, "dtype": DTYPE, "shape": [..] } ],
 *       "outputs": [ the same ],
 *       "tensors": [ the same, of tensors between nodes; absent if there is one node ],
 *       "nodes":   [ { "name": "sg00", "executor": "NeuronCore", "cores": 1,
 *                      "inputs": [TENSOR..], "outputs": [TENSOR..] },
 *                    { "name": "cpu00", "executor": "CPU", "cores": 0, "model": "model.onnx",
 *                      "operators": TEXT for people,
 *                      "inputs": [TENSOR..], "outputs": [TENSOR..] } ] }
 *     A size of -1 in the shape of an output, or of a tensor between two nodes on the CPU, or null
 *     instead of a shape, is known only after execution.
 *   sgNN/def.json    one NeuronCore subgraph:
 *     { "name": "sg00",
 *       "engines": { "pe": FILE, "act": FILE, "pool": FILE, "dma": FILE },
 *       "code_segment": 0,
 *       "dma_queue": { "qIn": { "type": "in", "num_queues": 1, "owner": "dma" }, "qOut":
 *                      { "type": "out", .. }, "qData": { "type": "data", .. } },
 *       (also "pinned": true | false, of weights that are loaded once)
 *       "var": { VARIABLE: { "var_id": N, "segment": N, "size": BYTES, "alignment": N,
 *                "type": "input" | "output" | "file" | "tmp-buf",
 *                "file_name": MEMBER relative to sgNN/ (type "file"),
 *                "dtype": DTYPE, "shape": [..] (types "input" and "output") } } }
 *   sgNN/{pe,act,pool,dma}.bin    struct neuron_insn arrays, possibly empty
 *   sgNN/{pe,act,pool,dma}.json   for people:
 *     { "engine": "dma", "instructions": N,
 *       "dma": [ { "id": INSTRUCTION, "queue": "qIn", "semaphore": N, if it signals one,
 *                  "desc": { "from": VARIABLE | "sbuf" | "psum", "to": the same,
 *                            "from_off": BYTE or local address, "to_off": the same,
 *                            "from_steps": [4 of bytes], "to_steps": [4 of bytes],
 *                            "from_sizes": [4 of elements], "to_sizes": [4 of elements],
 *                            "element": BYTES } } ] }
 *   sgNN/ops.json    { "ops": [ { "tag": N, "name": NODE, "op_type": TEXT, "flops": N, "bytes": N,
 *                      "instructions": [PE, ACT, POOL, DMA] } ] }: the graph's node behind an
 *                    instruction's tag, for profiles and disassembly: floating point operations
 *                    of the node in the model, bytes of segments that its instructions here read
 *                    and write, and their number per engine. May be missing, and each but tag and
 *                    name, too
 *   sgNN/FILE        contents of variables of type "file": raw, or an array if FILE ends in .npy
 *   cpuNN/model.onnx one subgraph for the CPU: an ONNX model whose inputs and outputs have the
 *                    names of the tensors
 *
 * Variables named after tensors are dense, row-major, little-endian. The variable's
 * segment is what instructions call it; segment 0 is the code, the runtime places the
 * four streams there in the order pe, act, pool, dma. DTYPE is one of the names of
 * NEURON_ISA_DTYPES in lower case with their public spelling: "float32", "float16",
 * "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32"; tensors of
 * neff.json may also have those that only the CPU computes with, "int64", "uint64",
 * "float64", "bool" (a byte, 0 or 1).
 */
#ifndef _NEURON_NEFF_H
#define _NEURON_NEFF_H

#include "types.h"

#define NEURON_NEFF_PKG_VERSION		2	/* hash is SHA-256 of the body */
#define NEURON_NEFF_HEADER_SIZE		1024
#define NEURON_NEFF_VERSION_MAJOR	2
#define NEURON_NEFF_VERSION_MINOR	0
#define NEURON_NEFF_HASH_SIZE		32

/*
 * Feature bits. Real files use the low ones, whose meaning is not public; ours start at
 * bit 48, so that no file of either kind is taken for the other.
 */
#define NEURON_NEFF_FEATURE_OPEN_ISA	0x0001000000000000ULL	/* isa.def, version 1 */
#define NEURON_NEFF_FEATURE_PLAIN_TAR	0x0002000000000000ULL	/* body not compressed */
#define NEURON_NEFF_FEATURE_CPU_NODES	0x0004000000000000ULL	/* nodes with executor "CPU" */
#define NEURON_NEFF_FEATURES_KNOWN	\
	(NEURON_NEFF_FEATURE_OPEN_ISA | NEURON_NEFF_FEATURE_PLAIN_TAR | \
	 NEURON_NEFF_FEATURE_CPU_NODES)

/**
 * struct neuron_neff_header - first 1024 bytes, little-endian; fields as in public files
 * @pkg_version: NEURON_NEFF_PKG_VERSION: there is no other magic
 * @header_size: NEURON_NEFF_HEADER_SIZE
 * @data_size: bytes of the body
 * @build_version: the compiler, as text
 * @num_tpb: cores with which every subgraph has its own
 * @hash: SHA-256 of the body
 * @uuid: of the file; ours derives from the hash, so that builds are reproducible
 * @name: of the network
 * @requested_tpb_count: cores asked for at compile time
 * @tpb_per_node: cores of each node; the largest is the least number that can run it
 */
struct neuron_neff_header {
	__u64 pkg_version;
	__u64 header_size;
	__u64 data_size;
	__u64 version_major;
	__u64 version_minor;
	__u8 build_version[128];
	__u32 num_tpb;
	__u8 hash[NEURON_NEFF_HASH_SIZE];
	__u8 uuid[16];
	char name[256];
	__u32 requested_tpb_count;
	__u8 tpb_per_node[64];
	__u64 feature_bits;
	__u32 lnc_size;
	__u8 pad[468];
};

#endif
