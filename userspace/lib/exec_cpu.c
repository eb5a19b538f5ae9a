// SPDX-License-Identifier: Apache-2.0
/*
 * Execution of nodes on the CPU: tensors are used where they are, but for those in device
 * memory, and for those whose size nobody knows before.
 */
#include <errno.h>
#include <stdlib.h>

#include "exec_cpu.h"

/* The caller's tensor for tensor @index of the model, or NULL if it is between nodes. */
static struct nrt_tensor *callers(const struct nrt_run *run, uint32_t index)
{
	const struct neff *neff = run->model->neff;
	const char *name = neff->tensors[index].name;

	if (index < neff->input_count)
		return nrt_set_find(run->inputs, name);
	return index < neff->input_count + neff->output_count ? nrt_set_find(run->outputs, name) : NULL;
}

/* Where a tensor's bytes are. *@bounce is memory to be freed, if it had to be made. */
static int locate(const struct nrt_run *run, uint32_t index, void **data, void **bounce)
{
	static char nothing[64];
	const struct neff *neff = run->model->neff;
	const struct neff_tensor *type = &neff->tensors[index];
	struct nrt_tensor *tensor = callers(run, index);

	*bounce = NULL;
	if (!type->size)
		*data = nothing;
	else if (!tensor)
		*data = run->slot->between[index - neff->input_count - neff->output_count];
	else
		*data = nrt_tensor_host(tensor);
	if (*data)
		return 0;
	*data = *bounce = malloc(type->size);
	return *data ? 0 : -ENOMEM;
}

static int fill_input(struct nrt_run *run, uint32_t index, struct nrt_cpu_tensor *t, void **bounce)
{
	int rc;

	t->type = &run->model->neff->tensors[index];
	if (t->type->dynamic) {
		t->value = run->values[index];
		return 0;
	}
	rc = locate(run, index, &t->data, bounce);
	if (!rc && *bounce)
		rc = nrt_tensor_fetch(callers(run, index), *bounce);
	return rc;
}

static int fill_output(struct nrt_run *run, uint32_t index, struct nrt_cpu_tensor *t, void **bounce)
{
	t->type = &run->model->neff->tensors[index];
	return t->type->dynamic ? 0 : locate(run, index, &t->data, bounce);
}

/* An output of the model that was made by ONNX Runtime goes to the caller's tensor. */
static int give_value(struct nrt_run *run, uint32_t index, struct nrt_cpu_tensor *t)
{
	struct nrt_tensor *tensor = callers(run, index);
	uint32_t shape[NEFF_MAX_DIMS], ndim;
	const void *data;
	uint64_t size;
	int rc;

	run->values[index] = t->value;
	if (!tensor)
		return 0;
	rc = nrt_cpu_value_read(t->value, t->type, &ndim, shape, &data, &size);
	return rc ? rc : nrt_tensor_replace(tensor, data, size, ndim, shape);
}

static int take_outputs(struct nrt_run *run, const struct neff_node *node,
			struct nrt_cpu_tensor *outputs, void **bounce)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < node->output_count; i++) {
		uint32_t index = node->outputs[i].tensor;
		int err = 0;

		if (outputs[i].value)
			err = give_value(run, index, &outputs[i]);
		else if (bounce[i])
			err = nrt_tensor_store(callers(run, index), bounce[i]);
		rc = rc ? rc : err;
	}
	return rc;
}

static int run_session(struct nrt_run *run, const struct neff_node *node,
		       struct nrt_cpu_session *session, struct nrt_cpu_tensor *tensors, void **bounce)
{
	struct nrt_cpu_tensor *outputs = tensors + node->input_count;
	uint32_t i;
	int rc = 0;

	for (i = 0; !rc && i < node->input_count; i++)
		rc = fill_input(run, node->inputs[i].tensor, &tensors[i], &bounce[i]);
	for (i = 0; !rc && i < node->output_count; i++)
		rc = fill_output(run, node->outputs[i].tensor, &outputs[i],
				 &bounce[node->input_count + i]);
	if (!rc)
		rc = nrt_cpu_run(session, tensors, outputs);
	return rc ? rc : take_outputs(run, node, outputs, bounce + node->input_count);
}

NRT_STATUS nrt_run_cpu(struct nrt_run *run, uint32_t index)
{
	const struct neff_node *node = &run->model->neff->nodes[index];
	uint32_t n = node->input_count + node->output_count, i;
	struct nrt_cpu_tensor *tensors = calloc(n + 1, sizeof(*tensors));
	void **bounce = calloc(n + 1, sizeof(*bounce));
	int rc = -ENOMEM;

	if (!run->values)
		run->values = calloc(run->model->neff->tensor_count, sizeof(struct nrt_cpu_value *));
	if (tensors && bounce && run->values)
		rc = run_session(run, node, run->model->sessions[index], tensors, bounce);
	for (i = 0; bounce && i < n; i++)
		free(bounce[i]);
	free(bounce);
	free(tensors);
	if (rc == -ENOMEM)
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_execute", "%s/%s: out of host memory",
			run->model->neff->name, node->name);
	/* What ONNX Runtime refuses are the caller's data: the model was accepted. */
	return rc == -EINVAL ? NRT_EXEC_BAD_INPUT : nrt_status_of(rc);
}

void nrt_run_cpu_end(struct nrt_run *run)
{
	uint32_t i;

	for (i = 0; run->values && i < run->model->neff->tensor_count; i++)
		nrt_cpu_value_free(run->values[i]);
	free(run->values);
	run->values = NULL;
}
