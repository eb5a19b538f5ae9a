// SPDX-License-Identifier: Apache-2.0
/*
 * Loads a model through libnrt, and connects its tensors with files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_nrt.h"
#include "dtype.h"
#include "neff.h"
#include "npy_tensor.h"
#include "run_input.h"
#include "run_model.h"

static int load(struct run_model *m, const struct run_options *o, const void *neff, size_t size)
{
	struct neuron_neff_header header;
	struct neff_error error;
	NRT_STATUS status;

	if (neff_header_read(&header, neff, size, &error)) {
		cli_error("%s: %s", o->model, error.text);
		return EXIT_FAILED;
	}
	cli_nrt_set_environment(o->device);
	status = cli_nrt_init_for(&header);
	if (status)
		return cli_nrt_failed("cannot use a NeuronCore", status);
	m->initialized = true;
	status = nrt_load(neff, size, -1, -1, &m->model);
	if (status)
		return cli_nrt_failed(o->model, status);
	status = nrt_get_model_tensor_info(m->model, &m->infos);
	if (status)
		return cli_nrt_failed(o->model, status);
	return EXIT_OK;
}

static int create_tensor(struct run_model *m, struct run_tensor *t, const nrt_tensor_info_t *info)
{
	nrt_tensor_set_t *set = info->usage == NRT_TENSOR_USAGE_INPUT ? m->inputs : m->outputs;
	NRT_STATUS status;
	uint32_t i;

	t->info = info;
	t->file.fd = -1;
	/* Without a size, it is an output that gets its memory from each execution, or empty. */
	if (info->size)
		status = nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, info->size, info->name,
					     &t->tensor);
	else
		status = nrt_tensor_allocate_empty(info->name, &t->tensor);
	if (!status)
		status = nrt_add_tensor_to_tensor_set(set, info->name, t->tensor);
	if (status)
		return cli_nrt_failed(info->name, status);
	t->va = nrt_tensor_get_va(t->tensor);
	t->size = info->size;
	t->ndim = info->ndim;
	for (i = 0; i < info->ndim && i < NRT_OPEN_MAX_DIMS; i++)
		t->shape[i] = info->shape[i];
	return EXIT_OK;
}

static int create_tensors(struct run_model *m)
{
	NRT_STATUS status;
	uint64_t i;
	int rc = EXIT_OK;

	m->tensors = calloc(m->infos->tensor_count, sizeof(*m->tensors));
	status = m->tensors ? nrt_allocate_tensor_set(&m->inputs) : NRT_RESOURCE;
	if (!status)
		status = nrt_allocate_tensor_set(&m->outputs);
	if (status)
		return cli_nrt_failed("tensors", status);
	for (i = 0; !rc && i < m->infos->tensor_count; i++)
		rc = create_tensor(m, &m->tensors[i], &m->infos->tensor_array[i]);
	return rc;
}

static const char *usage_name(nrt_tensor_usage_t usage)
{
	return usage == NRT_TENSOR_USAGE_INPUT ? "input" : "output";
}

/* "x float32 (1, 3), y int8 (4,)": all tensors of a kind. */
static void list_tensors(const struct run_model *m, nrt_tensor_usage_t usage, char *text,
			 size_t size)
{
	uint64_t i, k, shape[NPY_MAX_DIMS];
	char dims[256];
	size_t n = 0;

	*text = 0;
	for (i = 0; i < m->infos->tensor_count && n < size; i++) {
		const nrt_tensor_info_t *info = &m->infos->tensor_array[i];

		if (info->usage != usage)
			continue;
		for (k = 0; k < info->ndim; k++)
			shape[k] = info->shape[k];
		npy_shape_text(info->ndim, shape, dims, sizeof(dims));
		n += snprintf(text + n, size - n, "%s%s %s %s", n ? ", " : "", info->name,
			      nrt_dtype_name(info->dtype), dims);
	}
}

static int wrong_tensor(const struct run_model *m, const char *problem, const char *name,
			nrt_tensor_usage_t usage)
{
	char list[1024];

	list_tensors(m, usage, list, sizeof(list));
	cli_error("%s: %s %s; its %ss are: %s", m->path, problem, name, usage_name(usage), list);
	return EXIT_FAILED;
}

static struct run_tensor *find_tensor(struct run_model *m, const char *name,
				      nrt_tensor_usage_t usage)
{
	struct run_tensor *found = NULL;
	uint64_t i;

	for (i = 0; i < m->infos->tensor_count; i++) {
		struct run_tensor *t = &m->tensors[i];

		if (t->info->usage != usage || (name && strcmp(name, t->info->name)))
			continue;
		/* Without a name there has to be one only. */
		if (found)
			return NULL;
		found = t;
	}
	return found;
}

static int assign_files(struct run_model *m, const struct run_file *files, uint32_t count,
			nrt_tensor_usage_t usage)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct run_tensor *t = find_tensor(m, files[i].name, usage);

		if (!t && files[i].name) {
			char problem[32];

			snprintf(problem, sizeof(problem), "has no %s", usage_name(usage));
			return wrong_tensor(m, problem, files[i].name, usage);
		}
		if (!t)
			return wrong_tensor(m, "does not have just one tensor, so name the one for",
					    files[i].path, usage);
		t->path = files[i].path;
	}
	return EXIT_OK;
}

/* How many inferences the file holds; 0 when its shape does not fit. */
static uint64_t count_inferences(struct run_tensor *t, bool each)
{
	const struct npy *file = &t->file;

	if (!each)
		return npy_has_shape(file, 0, t->info, 0);
	if (file->ndim && npy_has_shape(file, 1, t->info, 0)) {
		t->stacked = true;
		return file->shape[0];
	}
	if (t->info->ndim && file->ndim && npy_has_shape(file, 1, t->info, 1) &&
	    file->shape[0] % t->info->shape[0] == 0)
		return file->shape[0] / t->info->shape[0];
	return 0;
}

static int set_inferences(struct run_model *m, const struct run_tensor *t, uint64_t n)
{
	if (m->inferences && n != m->inferences) {
		cli_error("%s: %llu inferences, but the files before have %llu", t->path,
			  (unsigned long long)n, (unsigned long long)m->inferences);
		return EXIT_FAILED;
	}
	m->inferences = n;
	return EXIT_OK;
}

/* A picture, or bare bytes. */
static int open_other(struct run_model *m, struct run_tensor *t, const struct run_options *o)
{
	uint64_t n;
	int rc = run_input_read(t, o, &n);

	return rc ? rc : set_inferences(m, t, n);
}

static int open_input(struct run_model *m, struct run_tensor *t, const struct run_options *o)
{
	char error[NPY_ERROR_SIZE], shape[256];
	uint64_t n;

	if (!t->path)
		return wrong_tensor(m, "needs an --input for", t->info->name,
				    NRT_TENSOR_USAGE_INPUT);
	if (run_input_is_other(t->path))
		return open_other(m, t, o);
	if (npy_open(&t->file, t->path, error)) {
		t->file.fd = -1;
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	if (npy_check_type(&t->file, t->info, error)) {
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	n = count_inferences(t, o->each);
	if (!n) {
		char problem[512];

		npy_shape_text(t->file.ndim, t->file.shape, shape, sizeof(shape));
		snprintf(problem, sizeof(problem), "%.200s has shape %s%s, which does not fit input",
			 t->path, shape, o->each ? " (with --each)" : "");
		return wrong_tensor(m, problem, t->info->name, NRT_TENSOR_USAGE_INPUT);
	}
	return set_inferences(m, t, n);
}

/* An output without a size is known when an inference has made it. */
static bool made_later(const struct run_tensor *t)
{
	return t->info->usage == NRT_TENSOR_USAGE_OUTPUT && !t->info->size;
}

static int create_file(struct run_tensor *t, uint32_t ndim, const uint64_t *shape)
{
	char error[NPY_ERROR_SIZE];

	if (npy_create(&t->file, t->path, t->info->dtype, ndim, shape, error)) {
		t->file.fd = -1;
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int create_output(struct run_model *m, struct run_tensor *t, bool each, bool stacked)
{
	uint64_t shape[NPY_MAX_DIMS + 1], i;
	uint32_t ndim = t->info->ndim;

	if (made_later(t) && m->inferences > 1) {
		cli_error("%s: the shape of output %s differs between inferences: run them one by one",
			  m->path, t->info->name);
		return EXIT_FAILED;
	}
	if (made_later(t))
		return EXIT_OK;
	for (i = 0; i < ndim; i++)
		shape[i] = t->info->shape[i];
	/* A list of inferences: along the batch if the inputs are so, else along a new axis. */
	if (each && !stacked && ndim) {
		shape[0] *= m->inferences;
	} else if (each) {
		memmove(shape + 1, shape, ndim++ * sizeof(*shape));
		shape[0] = m->inferences;
	}
	return create_file(t, ndim, shape);
}

static int open_files(struct run_model *m, const struct run_options *o)
{
	bool stacked = false;
	int rc = EXIT_OK;
	uint64_t i;

	for (i = 0; !rc && i < m->infos->tensor_count; i++)
		if (m->tensors[i].info->usage == NRT_TENSOR_USAGE_INPUT) {
			rc = open_input(m, &m->tensors[i], o);
			stacked |= m->tensors[i].stacked;
		}
	if (!m->inferences)
		m->inferences = 1;
	for (i = 0; !rc && i < m->infos->tensor_count; i++)
		if (m->tensors[i].info->usage == NRT_TENSOR_USAGE_OUTPUT && m->tensors[i].path)
			rc = create_output(m, &m->tensors[i], o->each, stacked);
	return rc;
}

int run_model_open(struct run_model *m, const struct run_options *o)
{
	size_t size;
	void *neff;
	int rc;

	*m = (struct run_model) { .path = o->model };
	neff = cli_read_file(o->model, &size);
	if (!neff)
		return EXIT_FAILED;
	rc = load(m, o, neff, size);
	free(neff);
	if (!rc)
		rc = create_tensors(m);
	if (!rc)
		rc = assign_files(m, o->inputs, o->input_count, NRT_TENSOR_USAGE_INPUT);
	if (!rc)
		rc = assign_files(m, o->outputs, o->output_count, NRT_TENSOR_USAGE_OUTPUT);
	if (!rc)
		rc = open_files(m, o);
	return rc;
}

int run_model_read(struct run_model *m, uint64_t index)
{
	char error[NPY_ERROR_SIZE];
	uint64_t i;

	for (i = 0; i < m->infos->tensor_count; i++) {
		struct run_tensor *t = &m->tensors[i];

		if (t->data) {
			memcpy(t->va, (char *)t->data + index * t->info->size, t->info->size);
			continue;
		}
		if (t->info->usage == NRT_TENSOR_USAGE_INPUT &&
		    npy_read(&t->file, index * t->info->size, t->va, t->info->size, error)) {
			cli_error("%s", error);
			return EXIT_FAILED;
		}
	}
	return EXIT_OK;
}

/* What an inference made of it. Without a shape of its own it is just empty. */
static void look_at_output(struct run_tensor *t)
{
	t->va = nrt_tensor_get_va(t->tensor);
	t->size = nrt_tensor_get_size(t->tensor);
	nrt_open_get_tensor_shape(t->tensor, &t->ndim, t->shape);
}

int run_model_execute(struct run_model *m, bool *nan)
{
	NRT_STATUS status = nrt_execute(m->model, m->inputs, m->outputs);
	uint64_t i;

	if (status == NRT_EXEC_COMPLETED_WITH_NUM_ERR)
		*nan = true;
	else if (status)
		return cli_nrt_failed(m->path, status);
	for (i = 0; i < m->infos->tensor_count; i++)
		if (made_later(&m->tensors[i]))
			look_at_output(&m->tensors[i]);
	return EXIT_OK;
}

int run_model_write(struct run_model *m)
{
	char error[NPY_ERROR_SIZE];
	uint64_t i;

	for (i = 0; i < m->infos->tensor_count; i++) {
		struct run_tensor *t = &m->tensors[i];

		if (t->info->usage != NRT_TENSOR_USAGE_OUTPUT || !t->path)
			continue;
		if (made_later(t) && create_file(t, t->ndim, t->shape))
			return EXIT_FAILED;
		if (npy_write(&t->file, t->va, t->size, error)) {
			cli_error("%s", error);
			return EXIT_FAILED;
		}
	}
	return EXIT_OK;
}

int run_model_close(struct run_model *m)
{
	char error[NPY_ERROR_SIZE];
	int rc = EXIT_OK;
	uint64_t i;

	for (i = 0; m->tensors && i < m->infos->tensor_count; i++) {
		if (m->tensors[i].file.fd >= 0 && npy_close(&m->tensors[i].file, error)) {
			cli_error("%s", error);
			rc = EXIT_FAILED;
		}
		nrt_tensor_free(&m->tensors[i].tensor);
		free(m->tensors[i].data);
	}
	free(m->tensors);
	nrt_destroy_tensor_set(&m->inputs);
	nrt_destroy_tensor_set(&m->outputs);
	if (m->infos)
		nrt_free_model_tensor_info(m->infos);
	if (m->model)
		nrt_unload(m->model);
	if (m->initialized)
		nrt_close();
	*m = (struct run_model) { 0 };
	return rc;
}

const struct run_tensor *run_model_only_output(const struct run_model *m)
{
	return find_tensor((struct run_model *)m, NULL, NRT_TENSOR_USAGE_OUTPUT);
}
