/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the file in which a process that uses libnrt publishes its statistics.
 *
 * The process maps the file and writes it as things happen; tools read copies. Counters only
 * grow and stand alone: each is exact, and a tool that wants a period takes a difference. What
 * belongs together is behind a sequence number that is odd while it changes. Numbers are in
 * the host's byte order, since the file never leaves it. The name is "PID.START", START being
 * @start_time; while the process lives and has not closed libnrt, it holds a lock on the file.
 */
#ifndef NRT_STATS_FILE_H
#define NRT_STATS_FILE_H

#include <stdint.h>

#define NRT_STATS_MAGIC		0x5354524e	/* "NRTS" */
#define NRT_STATS_VERSION	1

#define NRT_STATS_CORES		256
#define NRT_STATS_MODELS	256
#define NRT_STATS_SUBGRAPHS	1024
#define NRT_STATS_TAG		32

/* How executions end. */
enum nrt_stats_outcome {
	NRT_STATS_COMPLETED,
	NRT_STATS_COMPLETED_WITH_ERR,
	NRT_STATS_COMPLETED_WITH_NUM_ERR,
	NRT_STATS_TIMED_OUT,
	NRT_STATS_INCORRECT_INPUT,
	NRT_STATS_FAILED_TO_QUEUE,
	NRT_STATS_OUTCOMES,
};

/* Whose fault it was that they did not end well. */
enum nrt_stats_error {
	NRT_STATS_GENERIC,
	NRT_STATS_NUMERICAL,
	NRT_STATS_TRANSIENT,
	NRT_STATS_MODEL,
	NRT_STATS_RUNTIME,
	NRT_STATS_HARDWARE,
	NRT_STATS_ERRORS,
};

/*
 * Latencies are counted in buckets. Those below 2 * NRT_STATS_STEPS ns have one each; above,
 * each power of two is divided into NRT_STATS_STEPS, so that a bucket's middle is within 0.8 %
 * of what is in it. Latencies beyond the last bucket, 18 minutes, are in the last.
 */
#define NRT_STATS_STEP_BITS	6
#define NRT_STATS_STEPS		(1u << NRT_STATS_STEP_BITS)
#define NRT_STATS_BUCKETS	((40 - NRT_STATS_STEP_BITS + 1) * NRT_STATS_STEPS)

struct nrt_stats_latency {
	_Atomic uint64_t bucket[NRT_STATS_BUCKETS];
};

static inline unsigned int nrt_stats_bucket(uint64_t ns)
{
	unsigned int shift, n;

	if (ns < NRT_STATS_STEPS)
		return ns;
	shift = 63 - __builtin_clzll(ns) - NRT_STATS_STEP_BITS;
	n = shift * NRT_STATS_STEPS + (ns >> shift);
	return n < NRT_STATS_BUCKETS ? n : NRT_STATS_BUCKETS - 1;
}

/* The middle of a bucket in ns. */
static inline double nrt_stats_bucket_ns(unsigned int bucket)
{
	unsigned int shift = bucket / NRT_STATS_STEPS;

	if (bucket < 2 * NRT_STATS_STEPS)
		return bucket;
	shift--;
	return ((double)(bucket - shift * NRT_STATS_STEPS) + 0.5) * (1ULL << shift) - 0.5;
}

/**
 * struct nrt_stats_core - a NeuronCore that the process owns
 * @seq: odd while @busy_ns and @since_ns change
 * @index: among the NeuronCores of all devices
 * @device: number of its device
 * @busy_ns: time that it was at work
 * @since_ns: CLOCK_MONOTONIC when it began to be, 0 when it is not
 */
struct nrt_stats_core {
	_Atomic uint32_t seq;
	uint32_t index;
	uint32_t device;
	uint32_t reserved;
	_Atomic uint64_t busy_ns;
	_Atomic uint64_t since_ns;
};

/**
 * struct nrt_stats_model - an instance of a loaded model
 * @name: of the network
 * @uuid: of the NEFF, hexadecimal
 * @id: differs between the instances that the process ever loaded
 * @first, @count: its subgraphs in nrt_stats_file.subgraphs
 * @host, @device: bytes
 */
struct nrt_stats_model {
	char name[128];
	char uuid[40];
	uint32_t id;
	uint32_t first;
	uint32_t count;
	uint32_t reserved;
	uint64_t host;
	uint64_t device;
};

/**
 * struct nrt_stats_subgraph - a subgraph of an instance
 * @core: among the NeuronCores of all devices
 * @device_index: number of the device
 */
struct nrt_stats_subgraph {
	char name[40];
	uint32_t core;
	uint32_t device_index;
	uint64_t host;
	uint64_t device;
};

/**
 * struct nrt_stats_file - the file
 * @size: of the file
 * @seq: odd while models and subgraphs change
 * @pid: as the process sees it
 * @emulator: the devices are chips of the process itself
 * @start_time: of the process, in ticks since boot, as /proc/PID/stat has it
 * @pid_namespace: inode of /proc/self/ns/pid
 * @framework: nrt_framework_type_t
 * @framework_version, @fal_version: what nrt_init() was given
 * @runtime_version: of libnrt
 * @tag: NEURON_PROCESS_TAG, or the pid
 * @host_bytes: memory of the host that libnrt has for tensors and models
 * @device_bytes: memory of devices that the process has
 * @models_lost: loaded instances that found no room in @models or @subgraphs
 * @total, @on_device: executions that gave outputs: their time from call to return, and that on devices
 */
struct nrt_stats_file {
	uint32_t magic;
	uint32_t version;
	uint32_t size;
	_Atomic uint32_t seq;
	int32_t pid;
	uint32_t emulator;
	uint64_t start_time;
	uint64_t pid_namespace;
	uint32_t framework;
	uint32_t core_count;
	char framework_version[64];
	char fal_version[64];
	char runtime_version[24];
	char tag[NRT_STATS_TAG + 8];
	_Atomic uint64_t host_bytes;
	_Atomic uint64_t device_bytes;
	_Atomic uint64_t outcomes[NRT_STATS_OUTCOMES];
	_Atomic uint64_t errors[NRT_STATS_ERRORS];
	uint32_t model_count;
	uint32_t subgraph_count;
	uint32_t models_lost;
	uint32_t reserved;
	struct nrt_stats_core cores[NRT_STATS_CORES];
	struct nrt_stats_model models[NRT_STATS_MODELS];
	struct nrt_stats_subgraph subgraphs[NRT_STATS_SUBGRAPHS];
	struct nrt_stats_latency total;
	struct nrt_stats_latency on_device;
};

#endif
