/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-bench: what its parts share.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#define BENCH_MAX_MODELS	64
#define BENCH_PERCENTILES	7

/**
 * struct bench_options - the command line
 * @threads: a model; 0: one an instance
 * @count: inferences a model; 0: until @seconds are over
 * @warmup: inferences a thread that are not counted
 * @batch: items in an inference; 0: as the inputs' first dimension says
 */
struct bench_options {
	const char *models[BENCH_MAX_MODELS];
	uint32_t model_count;
	const char *device;
	uint64_t threads, instances, count, warmup, batch;
	double seconds;
	bool json;
};

/**
 * struct bench_thread - one that executes a model
 * @latency_ns: of each inference that was counted, sorted in the end
 * @status: of the inference that failed
 * @error: what the library said about it
 */
struct bench_thread {
	struct bench_run *run;
	struct bench_model *model;
	pthread_t thread;
	nrt_tensor_set_t *inputs, *outputs;
	nrt_tensor_t **tensors;
	uint64_t *latency_ns;
	uint64_t count, room, nans, cycles, device_ns, end_ns;
	NRT_STATUS status;
	char error[256];
};

/**
 * struct bench_model - one of the models
 * @cores: NeuronCores of all its instances
 * @batch: items in an inference
 * @left: inferences that are still to be begun, with --count
 * @load_ns: time of nrt_load()
 * @latency_ns, @count: of all threads, sorted
 */
struct bench_model {
	const char *path;
	nrt_model_t *model;
	nrt_tensor_info_array_t *infos;
	uint32_t instances, cores;
	uint64_t batch;
	int64_t left;
	uint64_t load_ns;
	struct bench_thread *threads;
	uint32_t thread_count;
	uint64_t *latency_ns;
	uint64_t count, nans, cycles, device_ns;
	double seconds;
};

/**
 * struct bench_run - all of it
 * @stop: time is over, or something failed
 * @host_kib, @peak_kib: memory of the process after the run, and at most
 */
struct bench_run {
	struct bench_options options;
	struct bench_model models[BENCH_MAX_MODELS];
	pthread_barrier_t start;
	uint64_t start_ns;
	int stop;
	bool initialized;
	uint64_t host_kib, peak_kib;
	double cpu_seconds;
};

uint64_t bench_now_ns(void);

/* Returns -1 to go on, else the exit code. */
int bench_options_parse(struct bench_options *options, int argc, char **argv);

/* Start the runtime and load the models; an exit code, after a message. */
int bench_load(struct bench_run *run);
/* Undo bench_load(), also half of it. */
void bench_unload(struct bench_run *run);

/* Run all threads, and fill in the results. */
int bench_execute(struct bench_run *run);

/* Quantile @p (0 .. 1) in nanoseconds: the smallest that so many are not above. */
uint64_t bench_quantile(const struct bench_model *m, double p);
void bench_print_text(const struct bench_run *run);
int bench_print_json(const struct bench_run *run);

#endif
