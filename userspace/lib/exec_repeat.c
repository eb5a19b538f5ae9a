// SPDX-License-Identifier: Apache-2.0
/*
 * nrt_execute_repeat(): executions in a row, the outputs of one being inputs of the next.
 *
 * Between two of them outputs are copied: a model may write an output before it has read
 * all of its inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "exec_cpu.h"

#define FUNC "nrt_execute_repeat"
#define repeat_err(...) nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, FUNC, __VA_ARGS__)

static bool fits(const struct neff_tensor *output, const struct neff_tensor *input)
{
	return !output->dynamic && !input->dynamic && output->dtype == input->dtype &&
	       output->ndim == input->ndim &&
	       !memcmp(output->shape, input->shape, output->ndim * sizeof(output->shape[0]));
}

static NRT_STATUS check(const struct neff *neff, int count)
{
	uint32_t i;

	if (count < 1) {
		repeat_err("repeat_count is %d: it has to be at least 1", count);
		return NRT_INVALID;
	}
	for (i = 0; count > 1 && i < neff->output_count; i++) {
		const struct neff_tensor *output = &neff->tensors[neff->input_count + i];

		if (i < neff->input_count && fits(output, &neff->tensors[i]))
			continue;
		repeat_err("%s cannot be repeated: output [%s] does not have type and shape of input [%s], which it would become; compile a model whose outputs do",
			   neff->name, output->name,
			   i < neff->input_count ? neff->tensors[i].name : "none");
		return NRT_INVALID;
	}
	return NRT_SUCCESS;
}

static void drop_inputs(struct nrt_set *set, uint32_t own)
{
	uint32_t i;

	for (i = 0; set->entries && i < own; i++)
		nrt_tensor_free(&set->entries[i].tensor);
	free(set->entries);
}

/* What an execution has given becomes inputs; the names are the model's. */
static NRT_STATUS make_inputs(const struct neff *neff, const struct nrt_set *first,
			      struct nrt_set *set)
{
	uint32_t i;

	set->entries = calloc(neff->input_count + 1, sizeof(*set->entries));
	if (!set->entries)
		return NRT_RESOURCE;
	set->count = neff->input_count;
	for (i = 0; i < neff->input_count; i++) {
		const struct neff_tensor *t = &neff->tensors[i];

		set->entries[i].name = (char *)t->name;
		if (i >= neff->output_count)
			set->entries[i].tensor = nrt_set_find(first, t->name);
		else
			set->entries[i].tensor = nrt_tensor_new(t->size ? t->size : 1);
		if (!set->entries[i].tensor)
			return NRT_RESOURCE;
		if (i < neff->output_count)
			set->entries[i].tensor->size = t->size;
	}
	return NRT_SUCCESS;
}

static NRT_STATUS feed(const struct neff *neff, const struct nrt_set *outputs,
		       const struct nrt_set *inputs)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; !rc && i < neff->output_count; i++) {
		const struct neff_tensor *t = &neff->tensors[neff->input_count + i];

		if (t->size)
			rc = nrt_tensor_fetch(nrt_set_find(outputs, t->name),
					      nrt_tensor_host(inputs->entries[i].tensor));
	}
	return nrt_status_of(rc);
}

static bool goes_on(NRT_STATUS status)
{
	return status == NRT_SUCCESS || status == NRT_EXEC_COMPLETED_WITH_NUM_ERR;
}

static NRT_STATUS repeat(struct nrt_model *m, const struct nrt_set *inputs,
			 const struct nrt_set *outputs, int count)
{
	const struct neff *neff = m->neff;
	struct nrt_set own = { 0 };
	NRT_STATUS status, worst;

	status = check(neff, count);
	if (status)
		return status;
	worst = nrt_execute_once(m, inputs, outputs);
	if (count == 1 || !goes_on(worst))
		return worst;
	status = make_inputs(neff, inputs, &own);
	while (!status && --count) {
		status = feed(neff, outputs, &own);
		if (!status)
			status = nrt_execute_once(m, &own, outputs);
		if (status == NRT_EXEC_COMPLETED_WITH_NUM_ERR) {
			worst = status;
			status = NRT_SUCCESS;
		}
	}
	drop_inputs(&own, neff->output_count);
	return status ? status : worst;
}

NRT_API NRT_STATUS nrt_execute_repeat(nrt_model_t *model, const nrt_tensor_set_t *input_set,
				      nrt_tensor_set_t *output_set, int repeat_count)
{
	struct nrt_model *m;
	NRT_STATUS status = nrt_execute_start(__func__, model, input_set, output_set, &m);

	if (status)
		return status;
	status = repeat(m, input_set, output_set, repeat_count);
	nrt_execute_end(m);
	return status;
}
