// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-bench: the runtime, models, and tensors of each thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_fill.h"
#include "cli.h"
#include "cli_nrt.h"
#include "neff.h"

static int start_runtime(struct bench_run *run, uint32_t cores)
{
	NRT_STATUS status;

	cli_nrt_set_environment(run->options.device);
	status = cli_nrt_init(cores);
	if (status) {
		cli_nrt_failed("cannot use NeuronCores", status);
		if (status == NRT_RESOURCE && cores > 1)
			cli_error("the models need %u NeuronCores: give fewer models, or --instances",
				  cores);
		return EXIT_FAILED;
	}
	run->initialized = true;
	return EXIT_OK;
}

/* The first dimension of all inputs, if it is the same. */
static uint64_t batch_of(const nrt_tensor_info_array_t *infos)
{
	uint64_t batch = 0, i;

	for (i = 0; i < infos->tensor_count; i++) {
		const nrt_tensor_info_t *t = &infos->tensor_array[i];
		uint64_t first = t->ndim ? t->shape[0] : 0;

		if (t->usage != NRT_TENSOR_USAGE_INPUT)
			continue;
		if (!first || (batch && first != batch))
			return 1;
		batch = first;
	}
	return batch ? batch : 1;
}

static NRT_STATUS create_tensor(struct bench_thread *t, const nrt_tensor_info_t *info,
				nrt_tensor_t **tensor)
{
	NRT_STATUS status;

	if (info->size)
		status = nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, info->size,
					     info->name, tensor);
	else
		status = nrt_tensor_allocate_empty(info->name, tensor);
	if (status)
		return status;
	if (info->usage == NRT_TENSOR_USAGE_INPUT && info->size)
		bench_fill(nrt_tensor_get_va(*tensor), info->dtype, info->size);
	return nrt_add_tensor_to_tensor_set(info->usage == NRT_TENSOR_USAGE_INPUT ?
					    t->inputs : t->outputs, info->name, *tensor);
}

static int create_thread(struct bench_thread *t)
{
	const nrt_tensor_info_array_t *infos = t->model->infos;
	NRT_STATUS status;
	uint64_t i;

	t->tensors = calloc(infos->tensor_count + 1, sizeof(*t->tensors));
	status = t->tensors ? nrt_allocate_tensor_set(&t->inputs) : NRT_RESOURCE;
	if (!status)
		status = nrt_allocate_tensor_set(&t->outputs);
	for (i = 0; !status && i < infos->tensor_count; i++)
		status = create_tensor(t, &infos->tensor_array[i], &t->tensors[i]);
	return status ? cli_nrt_failed(t->model->path, status) : EXIT_OK;
}

static int create_threads(struct bench_run *run, struct bench_model *m)
{
	uint32_t n = run->options.threads ? run->options.threads : m->instances, i;
	int rc = EXIT_OK;

	m->threads = calloc(n, sizeof(*m->threads));
	if (!m->threads)
		return cli_nrt_failed(m->path, NRT_RESOURCE);
	m->thread_count = n;
	for (i = 0; i < n; i++)
		m->threads[i] = (struct bench_thread) { .run = run, .model = m };
	for (i = 0; !rc && i < n; i++)
		rc = create_thread(&m->threads[i]);
	return rc;
}

static int load_model(struct bench_run *run, struct bench_model *m, const void *neff, size_t size)
{
	uint64_t start = bench_now_ns();
	uint32_t cores;
	NRT_STATUS status = nrt_load(neff, size, -1, m->cores, &m->model);

	m->load_ns = bench_now_ns() - start;
	if (!status)
		status = nrt_get_model_tensor_info(m->model, &m->infos);
	if (!status)
		status = nrt_get_model_instance_count(m->model, &m->instances);
	if (!status)
		status = nrt_get_model_nc_count(m->model, &cores);
	if (status)
		return cli_nrt_failed(m->path, status);
	m->batch = run->options.batch ? run->options.batch : batch_of(m->infos);
	m->left = run->options.count;
	return create_threads(run, m);
}

int bench_load(struct bench_run *run)
{
	void *neffs[BENCH_MAX_MODELS] = { NULL };
	size_t sizes[BENCH_MAX_MODELS];
	uint32_t cores = 0, i, n = run->options.model_count;
	struct neuron_neff_header header;
	struct neff_error error;
	int rc = EXIT_OK;

	for (i = 0; !rc && i < n; i++) {
		run->models[i].path = run->options.models[i];
		neffs[i] = cli_read_file(run->models[i].path, &sizes[i]);
		if (!neffs[i]) {
			rc = EXIT_FAILED;
		} else if (neff_header_read(&header, neffs[i], sizes[i], &error)) {
			cli_error("%s: %s", run->models[i].path, error.text);
			rc = EXIT_FAILED;
		} else {
			run->models[i].cores = cli_nrt_least_cores(&header) * run->options.instances;
			cores += run->models[i].cores;
		}
	}
	if (!rc)
		rc = start_runtime(run, cores);
	for (i = 0; !rc && i < n; i++)
		rc = load_model(run, &run->models[i], neffs[i], sizes[i]);
	for (i = 0; i < n; i++)
		free(neffs[i]);
	return rc;
}

static void destroy_thread(struct bench_thread *t)
{
	uint64_t i;

	for (i = 0; t->tensors && i < t->model->infos->tensor_count; i++)
		nrt_tensor_free(&t->tensors[i]);
	free(t->tensors);
	nrt_destroy_tensor_set(&t->inputs);
	nrt_destroy_tensor_set(&t->outputs);
	free(t->latency_ns);
}

void bench_unload(struct bench_run *run)
{
	uint32_t i, k;

	for (i = 0; i < run->options.model_count; i++) {
		struct bench_model *m = &run->models[i];

		for (k = 0; k < m->thread_count; k++)
			destroy_thread(&m->threads[k]);
		free(m->threads);
		free(m->latency_ns);
		if (m->infos)
			nrt_free_model_tensor_info(m->infos);
		if (m->model)
			nrt_unload(m->model);
	}
	if (run->initialized)
		nrt_close();
}
