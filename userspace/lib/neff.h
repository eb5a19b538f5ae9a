/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NEFF reader: from the bytes of a file to checked structures. Format: <neuron/neff.h>.
 *
 * Whatever the bytes are, the reader ends with a structure in which every index, size and
 * name is consistent, or with an error that says what is wrong. It does not log.
 */
#ifndef NRT_NEFF_H
#define NRT_NEFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>
#include <neuron/job.h>
#include <neuron/neff.h>
#include <nrt/nrt.h>

struct neff_error {
	char text[512];
};

/* Fill @error and return -EINVAL. */
__attribute__((format(printf, 2, 3)))
int neff_fail(struct neff_error *error, const char *format, ...);

/**
 * struct neff_limits - what a body may unpack to, so that a small file cannot eat the host
 * @bytes: over all members
 * @members: files
 */
struct neff_limits {
	uint64_t bytes;
	uint32_t members;
};

#define NEFF_MAX_PKG_VERSION	255	/* what is taken for a NEFF at all */
#define NEFF_MAX_BYTES		(4ULL << 30)	/* a DRAM channel */
#define NEFF_MAX_MEMBERS	4096
#define NEFF_MAX_JSON		(64u << 20)
#define NEFF_MAX_NAME		255
#define NEFF_MAX_DIMS		8
#define NEFF_MAX_NODES		64		/* as many as tpb_per_node has */
#define NEFF_MAX_TENSORS	16384	/* between nodes */
#define NEFF_MAX_ALIGNMENT	(2u << 20)
#define NEFF_MAX_QUEUES		64
#define NEFF_MAX_SEGMENTS	(NEURON_SEGMENTS - 1)

/**
 * struct neff_member - a file of the body
 */
struct neff_member {
	char *name;
	uint8_t *data;
	size_t size;
};

struct neff_body {
	struct neff_member *members;
	uint32_t count;
};

/* Unpack a tar archive, gzip-compressed or plain. -EINVAL, -ENOMEM. */
int neff_body_read(struct neff_body *body, const void *bytes, size_t size,
		   const struct neff_limits *limits, struct neff_error *error);
void neff_body_free(struct neff_body *body);
/* NULL if there is none of that name. */
const struct neff_member *neff_body_find(const struct neff_body *body, const char *name);

/*
 * Pack members into a tar archive, gzip-compressed unless @plain: *@bytes, free() it. The same
 * members give the same bytes, those that neuron-cc writes. -ENOMEM.
 */
int neff_body_write(const struct neff_body *body, bool plain, uint8_t **bytes, size_t *size);

/* The body's size and hash into @header; and its UUID, if @uuid. */
void neff_header_seal(struct neuron_neff_header *header, const void *body, size_t size, bool uuid);

/**
 * struct neff_tensor - a value that nodes read or write
 * @dynamic: @size, and the sizes in @shape that are 0, are known only after execution; so is
 *	their number if @ndim is 0
 * @size: bytes
 */
struct neff_tensor {
	const char *name;
	nrt_dtype_t dtype;
	uint32_t ndim;
	uint32_t shape[NEFF_MAX_DIMS];
	bool dynamic;
	uint64_t size;
};

enum neff_var_type {
	NEFF_VAR_INPUT,
	NEFF_VAR_OUTPUT,
	NEFF_VAR_FILE,
	NEFF_VAR_TMP,
};

/**
 * struct neff_queue - DMA queue of a subgraph
 * @type: "in", "out", "data" ..
 * @owner: engine that starts its transfers
 * @pinned: its weights are loaded once
 */
struct neff_queue {
	const char *name;
	const char *type;
	const char *owner;
	bool pinned;
};

/**
 * struct neff_variable - memory of a subgraph
 * @segment: what its instructions call it
 * @alignment: a power of two
 * @file: where the contents of a NEFF_VAR_FILE come from
 * @data: the contents, @size bytes: all of a raw file, the array of a .npy
 * @tensor: type and shape of inputs and outputs, for people
 */
struct neff_variable {
	const char *name;
	enum neff_var_type type;
	uint32_t segment;
	uint32_t alignment;
	uint64_t size;
	const struct neff_member *file;
	const uint8_t *data;
	struct neff_tensor tensor;
};

/**
 * struct neff_link - which tensor goes into or comes out of which variable
 */
struct neff_link {
	uint32_t tensor;
	uint32_t variable;
};

/**
 * struct neff_node - a subgraph that one NeuronCore runs, or the CPU
 * @name: also the directory of its members
 * @cores: NeuronCores that it needs; 0 for the CPU, and then only @model, @operators, @inputs
 *	and @outputs (without variables) mean something
 * @model: ONNX
 * @operators: in @model, for people
 * @code_segment: segment with the four streams, in the order of enum neuron_engine
 * @segments: highest segment + 1
 * @stream: struct neuron_insn arrays
 * @queues: NULL if def.json names none
 * @def: sgNN/def.json
 */
struct neff_node {
	const char *name;
	uint32_t cores;
	const struct neff_member *model;
	const char *operators;
	uint32_t code_segment;
	uint32_t segments;
	const struct neff_member *stream[NEURON_ENGINES];
	struct neff_variable *variables;
	uint32_t variable_count;
	struct neff_queue *queues;
	uint32_t queue_count;
	struct neff_link *inputs, *outputs;
	uint32_t input_count, output_count;
	void *def;
};

/**
 * struct neff - an opened NEFF
 * @name: of the network, printable
 * @compiler: text, printable
 * @tensors: the model's inputs, its outputs, then those between nodes
 * @nodes: in execution order
 * @graph: neff.json
 */
struct neff {
	struct neuron_neff_header header;
	struct neff_body body;
	const char *name;
	const char *compiler;
	struct neff_tensor *tensors;
	uint32_t tensor_count, input_count, output_count;
	struct neff_node *nodes;
	uint32_t node_count;
	void *graph;
};

#define NEFF_VERIFY_HASH	0x1

/*
 * Read a NEFF. The bytes are not needed afterwards. @limits may be NULL. Returns 0,
 * -EINVAL (not a NEFF, damaged), -ENOTSUP (a version or feature of it is not ours),
 * -ENOMEM.
 */
int neff_open(const void *bytes, size_t size, unsigned int flags, const struct neff_limits *limits,
	      struct neff **neff, struct neff_error *error);
void neff_close(struct neff *neff);

/*
 * Header and members of any NEFF, also of one that cannot be loaded here. -EINVAL, -ENOMEM; @body
 * is to be freed in any case.
 */
int neff_unpack(const void *bytes, size_t size, const struct neff_limits *limits,
		struct neuron_neff_header *header, struct neff_body *body, struct neff_error *error);

/*
 * The rest of neff_open() for what neff_unpack() gave. @body belongs to the NEFF then, and is
 * empty; on failure it is as before.
 */
int neff_adopt(const struct neuron_neff_header *header, struct neff_body *body,
	       struct neff **neff, struct neff_error *error);

/* Parts of neff_open(): is it a NEFF (-EINVAL), can it be loaded (-ENOTSUP), both. */
int neff_header_parse(struct neuron_neff_header *header, const void *bytes, size_t size,
		      struct neff_error *error);
int neff_header_check(const struct neuron_neff_header *header, struct neff_error *error);
int neff_header_read(struct neuron_neff_header *header, const void *bytes, size_t size,
		     struct neff_error *error);
int neff_hash_check(const struct neuron_neff_header *header, const void *bytes,
		    struct neff_error *error);
int neff_graph_read(struct neff *neff, struct neff_error *error);
void neff_graph_free(struct neff *neff);

/*
 * The array of a .npy file, C order and little-endian, of @size bytes: *@data. -EINVAL with a
 * text in *@why.
 */
int neff_npy_data(const struct neff_member *m, uint64_t size, const uint8_t **data,
		  const char **why);

/* Names of engines ("pe") and of variable types ("tmp-buf"). */
const char *neff_engine_name(unsigned int engine);
const char *neff_var_type_name(enum neff_var_type type);

#endif
