/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-profile: what is in a profile, and what it says.
 */
#ifndef TOOL_PROFILE_H
#define TOOL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "neff.h"
#include "profile_format.h"

/* Peaks of a chip that is public: of one NeuronCore, and of the memory that they share. */
#define PROF_PEAK_FLOPS		16e12
#define PROF_PEAK_BANDWIDTH	(50.0 * (1 << 30))

#define PROF_PS_PER_CYCLE	(1000000000000ULL / PROFILE_CLOCK_HZ)

/* Pointers to records of one type, in the order of the file. */
struct prof_list {
	const void **at;
	size_t count;
};

/**
 * struct prof_file - a profile as it was read; all records are sound
 * @end: NULL: the file is not complete
 */
struct prof_file {
	void *data;
	const struct profile_header *header;
	struct prof_list models, executions, phases, jobs, memory;
	const struct profile_end *end;
};

/* EXIT_OK, or EXIT_FAILED after a message. */
int prof_read(const char *path, struct prof_file *file);
void prof_free(struct prof_file *file);

/* The trace of a job; NULL if there is none. */
static inline const struct neuron_trace *prof_trace(const struct profile_job *job)
{
	return job->traced ? (const void *)(job + 1) : NULL;
}

/**
 * struct prof_op - an operator of the model: an entry of ops.json
 * @flops: of the model's node; @bytes: of segments that its instructions touch; 0: not known
 */
struct prof_op {
	uint32_t tag;
	char *name, *type;
	uint64_t flops, bytes;
};

/* Where a dma instruction moves data. */
enum prof_queue { PROF_IN, PROF_OUT, PROF_DATA, PROF_LOCAL, PROF_QUEUES };

/* profile_names.c: NEFFs of the models in a profile. */
struct prof_names;

/* Read a NEFF. EXIT_FAILED after a message. */
int prof_names_read(const char *path, struct prof_names **names);
void prof_names_free(struct prof_names *names);
/* Is it the NEFF of that model? */
bool prof_names_match(const struct prof_names *names, const struct profile_model *model);
/* All of these take NULL for @names, and give NULL, 0 or "node N" for what is not known. */
const char *prof_node_name(const struct prof_names *names, uint32_t node, char buf[32]);
const struct prof_op *prof_op(const struct prof_names *names, uint32_t node, uint32_t tag);
const struct neuron_insn *prof_insn(const struct prof_names *names, uint32_t node,
				    const struct neuron_trace_entry *entry);
uint64_t prof_insn_bytes(const struct neuron_insn *insn);
enum prof_queue prof_queue(const struct prof_names *names, uint32_t node,
			   const struct neuron_insn *insn);
const char *prof_queue_name(enum prof_queue queue);

/**
 * struct prof_op_sum - an operator in a job
 * @critical: cycles of the critical path: shorter, and the job is
 * @busy: cycles between start and end of its instructions, per engine
 * @first, @last: start of its first instruction, end of its last
 * @bytes: moved from and to device memory
 */
struct prof_op_sum {
	uint32_t tag;
	const struct prof_op *op;
	uint64_t critical;
	uint64_t busy[NEURON_ENGINES];
	uint64_t executed;
	uint64_t first, last;
	uint64_t bytes;
};

/**
 * struct prof_sum - what a traced job did
 * @ops: by falling @critical; their sum is @cycles
 * @busy: per engine
 * @dma_only, @compute_only, @both: cycles with the dma engine busy, with one of the others, both;
 *	their sum is @cycles
 * @flops: of all its operators
 */
struct prof_sum {
	const struct profile_job *job;
	uint64_t cycles;
	struct prof_op_sum *ops;
	size_t op_count;
	uint64_t busy[NEURON_ENGINES], executed[NEURON_ENGINES];
	uint64_t dma_only, compute_only, both;
	uint64_t flops, bytes;
};

/* profile_sum.c. -ENOMEM, -EINVAL: the trace is not whole. */
int prof_sum(const struct profile_job *job, const struct prof_names *names, struct prof_sum *sum);
void prof_sum_free(struct prof_sum *sum);
/* Seconds that the peaks allow, and whether memory is what sets them. */
double prof_roof(uint64_t flops, uint64_t bytes, bool *memory);

static inline double prof_us(uint64_t cycles)
{
	return (double)cycles * PROF_PS_PER_CYCLE / 1e6;
}

enum prof_format { PROF_SUMMARY, PROF_TABLE, PROF_JSON };

/* A profile with the NEFF of each of its models, or NULL. */
struct prof_view {
	const struct prof_file *file;
	struct prof_names **names;	/* by the index of the model */
};

const struct prof_names *prof_view_names(const struct prof_view *view, uint64_t model);
const struct profile_model *prof_view_model(const struct prof_view *view, uint64_t model);
/* The execution of a job; NULL if it had not ended. */
const struct profile_execution *prof_view_execution(const struct prof_view *view, uint64_t id);

/* profile_print.c, profile_json.c, profile_chrome.c: to standard output. EXIT_*. */
int prof_print(const struct prof_view *view, bool all);
int prof_print_json(const struct prof_view *view);
int prof_print_chrome(const struct prof_view *view);

/* profile_capture.c */
struct prof_capture {
	const char *neff, *out;
	const char *device;
	uint64_t executions;
	const char *inputs[64];
	int input_count;
};

int prof_capture(const struct prof_capture *options);

#endif
