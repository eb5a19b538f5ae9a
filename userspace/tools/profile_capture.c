// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile capture: run a model, and record it. Times are those of the timing model, which
 * looks at no data: inputs that nobody gives are zeros.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>
#include <nrt/nrt_profile.h>

#include "cli.h"
#include "cli_nrt.h"
#include "npy_tensor.h"
#include "profile.h"

struct capture {
	const struct prof_capture *options;
	nrt_model_t *model;
	nrt_tensor_info_array_t *infos;
	nrt_tensor_set_t *inputs, *outputs;
	nrt_tensor_t **tensors;
	bool initialized;
};

static int load(struct capture *c)
{
	const char *path = c->options->neff;
	struct neuron_neff_header header;
	struct neff_error error;
	NRT_STATUS status;
	size_t size;
	void *neff = cli_read_file(path, &size);

	if (!neff)
		return EXIT_FAILED;
	if (neff_header_read(&header, neff, size, &error)) {
		cli_error("%s: %s", path, error.text);
		free(neff);
		return EXIT_FAILED;
	}
	cli_nrt_set_environment(c->options->device);
	/* This is the one profile that is wanted. */
	unsetenv("NEURON_PROFILE");
	status = cli_nrt_init_for(&header);
	c->initialized = !status;
	if (!status)
		status = nrt_load(neff, size, -1, -1, &c->model);
	if (!status)
		status = nrt_get_model_tensor_info(c->model, &c->infos);
	free(neff);
	if (status)
		return cli_nrt_failed(c->initialized ? path : "cannot use a NeuronCore", status);
	return EXIT_OK;
}

/* "NAME=FILE" of the input; NULL if there is none. */
static const char *file_of(const struct prof_capture *o, const char *name)
{
	size_t n = strlen(name);
	int i;

	for (i = 0; i < o->input_count; i++)
		if (!strncmp(o->inputs[i], name, n) && o->inputs[i][n] == '=')
			return o->inputs[i] + n + 1;
	return NULL;
}

static int write_tensor(const char *path, const nrt_tensor_info_t *info, nrt_tensor_t *tensor,
			const void *data)
{
	NRT_STATUS status = nrt_tensor_write(tensor, data, 0, info->size);

	return status ? cli_nrt_failed(path, status) : EXIT_OK;
}

/* An array of NumPy, of the input's type and shape. */
static int fill_array(const char *path, const nrt_tensor_info_t *info, nrt_tensor_t *tensor)
{
	char error[NPY_ERROR_SIZE];
	struct npy npy;
	int rc = npy_open(&npy, path, error);
	void *data;

	if (rc) {
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	data = malloc(info->size + 1);
	rc = npy_check_type(&npy, info, error);
	if (!rc)
		rc = npy_check_shape(&npy, info, error);
	if (!rc && data)
		rc = npy_read(&npy, 0, data, info->size, error);
	if (rc)
		cli_error("%s", error);
	else if (!data)
		cli_error("%s: out of memory", path);
	else
		rc = write_tensor(path, info, tensor, data);
	rc = rc || !data ? EXIT_FAILED : EXIT_OK;
	free(data);
	npy_close(&npy, error);
	return rc;
}

/* The input's elements and nothing else. */
static int fill_raw(const char *path, const nrt_tensor_info_t *info, nrt_tensor_t *tensor)
{
	size_t size;
	void *data = cli_read_file(path, &size);
	int rc = EXIT_FAILED;

	if (!data)
		return EXIT_FAILED;
	if (size == info->size)
		rc = write_tensor(path, info, tensor, data);
	else
		cli_error("%s: %zu bytes, but input %s has %zu: give its elements, or a .npy file",
			  path, size, info->name, info->size);
	free(data);
	return rc;
}

static int fill(const struct prof_capture *o, const nrt_tensor_info_t *info, nrt_tensor_t *tensor)
{
	const char *path = file_of(o, info->name);

	if (!path)
		return EXIT_OK;
	return npy_is(path) ? fill_array(path, info, tensor) : fill_raw(path, info, tensor);
}

static int create_tensor(struct capture *c, uint64_t i)
{
	const nrt_tensor_info_t *info = &c->infos->tensor_array[i];
	bool input = info->usage == NRT_TENSOR_USAGE_INPUT;
	NRT_STATUS status;

	if (info->size)
		status = nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, info->size,
					     info->name, &c->tensors[i]);
	else
		status = nrt_tensor_allocate_empty(info->name, &c->tensors[i]);
	if (!status)
		status = nrt_add_tensor_to_tensor_set(input ? c->inputs : c->outputs, info->name,
						      c->tensors[i]);
	if (!status && info->size)
		status = nrt_tensor_memset(c->tensors[i], 0, 0, info->size);
	if (status)
		return cli_nrt_failed(info->name, status);
	return input ? fill(c->options, info, c->tensors[i]) : EXIT_OK;
}

static int create_tensors(struct capture *c)
{
	NRT_STATUS status;
	uint64_t i;
	int rc = EXIT_OK;

	c->tensors = calloc(c->infos->tensor_count, sizeof(nrt_tensor_t *));
	status = c->tensors ? nrt_allocate_tensor_set(&c->inputs) : NRT_RESOURCE;
	if (!status)
		status = nrt_allocate_tensor_set(&c->outputs);
	if (status)
		return cli_nrt_failed("tensors", status);
	for (i = 0; !rc && i < c->infos->tensor_count; i++)
		rc = create_tensor(c, i);
	return rc;
}

/* Each --input must be one of the model's. */
static int check_inputs(const struct capture *c)
{
	int i;

	for (i = 0; i < c->options->input_count; i++) {
		const char *text = c->options->inputs[i], *end = strchr(text, '=');
		bool found = false;
		uint64_t k;

		for (k = 0; k < c->infos->tensor_count; k++) {
			const nrt_tensor_info_t *info = &c->infos->tensor_array[k];

			found |= info->usage == NRT_TENSOR_USAGE_INPUT &&
				 strlen(info->name) == (size_t)(end - text) &&
				 !strncmp(info->name, text, end - text);
		}
		if (found)
			continue;
		cli_error("%s: has no input %.*s; 'neuron-objdump --graph' lists them",
			  c->options->neff, (int)(end - text), text);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int record(struct capture *c)
{
	NRT_STATUS status = nrt_profile_start(c->model, c->options->out), stopped;
	uint64_t cycles = 0, i;

	/* Of the profile's file, the text says. */
	if (status)
		return cli_nrt_failed(c->options->neff, status);
	for (i = 0; i < c->options->executions && !status; i++) {
		nrt_open_execute_info_t info;

		status = nrt_execute(c->model, c->inputs, c->outputs);
		/* A number that is none is a result like others here. */
		if (status == NRT_EXEC_COMPLETED_WITH_NUM_ERR)
			status = NRT_SUCCESS;
		if (status)
			cli_nrt_failed(c->options->neff, status);
		else if (!nrt_open_get_execute_info(&info))
			cycles = info.cycles;
	}
	stopped = nrt_profile_stop(c->options->out);
	if (stopped)
		return cli_nrt_failed(c->options->neff, stopped);
	if (status)
		return EXIT_FAILED;
	printf("%s: %llu execution(s) of %s; the last one took %llu cycles, %.1f us in the timing model\n",
	       c->options->out, (unsigned long long)i, c->options->neff,
	       (unsigned long long)cycles, prof_us(cycles));
	return cli_finish();
}

int prof_capture(const struct prof_capture *options)
{
	struct capture c = { .options = options };
	uint64_t i;
	int rc = load(&c);

	if (!rc)
		rc = check_inputs(&c);
	if (!rc)
		rc = create_tensors(&c);
	if (!rc)
		rc = record(&c);
	for (i = 0; c.tensors && i < c.infos->tensor_count; i++)
		if (c.tensors[i])
			nrt_tensor_free(&c.tensors[i]);
	free(c.tensors);
	if (c.inputs)
		nrt_destroy_tensor_set(&c.inputs);
	if (c.outputs)
		nrt_destroy_tensor_set(&c.outputs);
	if (c.infos)
		nrt_free_model_tensor_info(c.infos);
	if (c.model)
		nrt_unload(c.model);
	if (c.initialized)
		nrt_close();
	return rc;
}
