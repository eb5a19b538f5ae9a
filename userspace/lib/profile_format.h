/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: the file that nrt_profile_stop() and nrt_trace_stop() leave, and that
 * neuron-profile reads. The format of the Inf1-era runtime's NTFF is not public; this one is
 * ours. Little-endian: struct profile_header, then records, each a struct profile_record with a
 * multiple of 8 bytes; readers skip types that they do not know. The last record is PROFILE_END:
 * a file without it is incomplete. docs/profiling.md has it in words.
 */
#ifndef NRT_PROFILE_FORMAT_H
#define NRT_PROFILE_FORMAT_H

#include <stdint.h>
#include <neuron/job.h>

#define PROFILE_MAGIC		"NEURPROF"
#define PROFILE_VERSION		1

/* The clock of the timing model: 16 TFLOPS are 2 * 128 * 128 operations a cycle. docs/isa.md */
#define PROFILE_CLOCK_HZ	488281250u

/**
 * struct profile_header - first 64 bytes
 * @magic: PROFILE_MAGIC, without a NUL
 * @version: PROFILE_VERSION
 * @header_size: where the records begin
 * @clock_hz: of all cycles, which are a model's, never a measurement of silicon
 * @start_ns: CLOCK_MONOTONIC, as all times of records
 * @real_ns: the same moment since 1970
 * @cores: visible NeuronCores
 */
struct profile_header {
	char magic[8];
	uint32_t version;
	uint32_t header_size;
	uint32_t clock_hz;
	uint32_t pid;
	uint64_t start_ns;
	uint64_t real_ns;
	uint32_t cores;
	uint32_t reserved0;
	uint64_t reserved[2];
};

enum profile_type {
	PROFILE_MODEL = 1,
	PROFILE_EXECUTION = 2,
	PROFILE_PHASE = 3,
	PROFILE_JOB = 4,
	PROFILE_MEMORY = 5,
	PROFILE_END = 6,
};

/* @size: of the record, this included */
struct profile_record {
	uint32_t type;
	uint32_t reserved;
	uint64_t size;
};

/** struct profile_model - a model, before its first execution; @uuid, @hash: of its NEFF */
struct profile_model {
	struct profile_record record;
	uint64_t id;
	uint32_t nodes;
	uint32_t instances;
	uint8_t uuid[16];
	uint8_t hash[32];
	char name[256];
};

/**
 * struct profile_execution - an nrt_execute(), when it has ended
 * @id: counts from 1
 * @status: NRT_STATUS
 * @cycles: as nrt_open_get_execute_info() has it
 */
struct profile_execution {
	struct profile_record record;
	uint64_t id;
	uint64_t model;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t cycles;
	uint32_t thread;
	uint32_t status;
};

enum profile_phase_kind {
	PROFILE_WAIT = 1,	/* for room on the device: other executions of the model */
	PROFILE_COPY_IN = 2,	/* to the device */
	PROFILE_QUEUE = 3,	/* for the NeuronCore */
	PROFILE_COMPUTE = 4,	/* from submission to completion */
	PROFILE_COPY_OUT = 5,
	PROFILE_CPU = 6,	/* a node that the host computes */
};

/**
 * struct profile_phase - a part of an execution, in the thread that called
 * @node: of the model; 0 for PROFILE_WAIT
 * @core: visible NeuronCore of the node
 * @bytes: copied
 */
struct profile_phase {
	struct profile_record record;
	uint64_t execution;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t bytes;
	uint32_t kind;
	uint32_t node;
	uint32_t core;
	uint32_t reserved;
};

/**
 * struct profile_job - what a NeuronCore did for an execution
 * @core: visible NeuronCore; it is @device_core of /dev/neuron@device
 * @cycles, @status: of the completion
 * @traced: a struct neuron_trace with its entries follows
 */
struct profile_job {
	struct profile_record record;
	uint64_t execution;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t cycles;
	uint32_t node;
	uint32_t core;
	uint32_t device;
	uint32_t device_core;
	uint32_t status;
	uint32_t traced;
};

/** struct profile_memory - device memory that came (@size > 0) or went; @used: afterwards */
struct profile_memory {
	struct profile_record record;
	uint64_t time_ns;
	int64_t size;
	uint64_t used;
	uint32_t device;
	uint32_t reserved;
};

/** struct profile_end - @lost: records that could not be kept for want of host memory */
struct profile_end {
	struct profile_record record;
	uint64_t end_ns;
	uint64_t executions;
	uint64_t lost;
};

#endif
