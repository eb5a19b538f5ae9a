// SPDX-License-Identifier: Apache-2.0
/*
 * Execution: inputs to the device, the nodes in order, outputs back.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <nrt/nrt_open.h>

#include "dump_inputs.h"
#include "exec_cpu.h"
#include "model.h"
#include "stats.h"
#include "tensor_set.h"

#define FUNC "nrt_execute"
#define exec_err(...) nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, FUNC, __VA_ARGS__)

static _Thread_local nrt_open_execute_info_t last_info;
static _Thread_local bool last_info_valid;

/* @set has a tensor of the right size for each of @count tensors from @first on. */
static NRT_STATUS check_set(const struct neff *neff, const struct nrt_set *set, uint32_t first,
			    uint32_t count, const char *maps)
{
	uint32_t i;

	for (i = first; i < first + count; i++) {
		const struct neff_tensor *t = &neff->tensors[i];
		const struct nrt_tensor *tensor = nrt_set_find(set, t->name);

		if (!tensor) {
			exec_err("Wrong number of %s, expected: %u, received: %u; there is none for %s",
				 maps, count, set->count, t->name);
			return NRT_EXEC_BAD_INPUT;
		}
		/* An execution makes the one, the other has no bytes. */
		if (t->dynamic || (!t->size && !tensor->size))
			continue;
		if (!tensor->storage || tensor->size != t->size) {
			exec_err("Invalid data length for [%s], received %zu, expected %" PRIu64,
				 t->name, tensor->size, t->size);
			return NRT_EXEC_BAD_INPUT;
		}
	}
	if (set->count != count) {
		exec_err("Wrong number of %s, expected: %u, received: %u", maps, count, set->count);
		return NRT_EXEC_BAD_INPUT;
	}
	return NRT_SUCCESS;
}

/* If no device is left, one of those that are gone says so. */
static bool any_left(const struct nrt_model *m)
{
	uint32_t i;

	for (i = 0; i < m->instance_count; i++)
		if (!m->instances[i].gone)
			return true;
	return false;
}

/* A free slot of the instance that has the most of them. */
static struct nrt_slot *find_slot(struct nrt_model *m, struct nrt_instance **result)
{
	struct nrt_slot *best = NULL;
	bool left = any_left(m);
	uint32_t most = 0, i, k;

	for (i = 0; i < m->instance_count; i++) {
		struct nrt_instance *instance = &m->instances[i];
		struct nrt_slot *slot = NULL;
		uint32_t n = 0;

		if (instance->gone && left)
			continue;
		for (k = 0; k < instance->slot_count; k++)
			if (!instance->slots[k].busy) {
				slot = &instance->slots[k];
				n++;
			}
		if (n > most) {
			most = n;
			best = slot;
			*result = instance;
		}
	}
	return best;
}

static void take_slot(struct nrt_model *m, struct nrt_run *run)
{
	pthread_mutex_lock(&m->lock);
	for (;;) {
		run->slot = find_slot(m, &run->instance);
		if (run->slot)
			break;
		pthread_cond_wait(&m->change, &m->lock);
	}
	run->slot->busy = true;
	pthread_mutex_unlock(&m->lock);
}

static void give_slot(struct nrt_model *m, struct nrt_run *run)
{
	pthread_mutex_lock(&m->lock);
	run->slot->busy = false;
	pthread_cond_broadcast(&m->change);
	pthread_mutex_unlock(&m->lock);
}

/* Copy tensor @index of the model to a variable on the device. */
static int copy_in(const struct nrt_run *run, uint32_t index, struct nrt_mem *mem, uint64_t offset)
{
	const struct neff *neff = run->model->neff;
	const struct neff_tensor *t = &neff->tensors[index];
	uint32_t between = neff->input_count + neff->output_count;

	if (index < neff->input_count)
		return nrt_tensor_to_mem(nrt_set_find(run->inputs, t->name), mem, offset);
	/* A later node may read what an earlier one gave as an output of the model. */
	if (index < between)
		return nrt_tensor_to_mem(nrt_set_find(run->outputs, t->name), mem, offset);
	return nrt_mem_write(mem, offset, run->slot->between[index - between], t->size);
}

static int copy_out(const struct nrt_run *run, uint32_t index, struct nrt_mem *mem, uint64_t offset)
{
	const struct neff *neff = run->model->neff;
	const struct neff_tensor *t = &neff->tensors[index];
	uint32_t between = neff->input_count + neff->output_count;

	if (index < between)
		return nrt_tensor_from_mem(nrt_set_find(run->outputs, t->name), mem, offset);
	return nrt_mem_read(mem, offset, run->slot->between[index - between], t->size);
}

static const char *fault_name(unsigned int status)
{
	switch (status) {
	case NEURON_JOB_DESCRIPTOR:
		return "job descriptor not valid";
	case NEURON_JOB_CONTEXT:
		return "no such context";
	case NEURON_JOB_SEGMENT:
		return "access outside of a segment, or not permitted; segment";
	case NEURON_JOB_INSTRUCTION:
		return "instruction not valid; operand";
	case NEURON_JOB_SEMAPHORE:
		return "all engines wait for semaphores; semaphore";
	case NEURON_JOB_TIMEOUT:
		return "execution timeout";
	case NEURON_JOB_ABORTED:
		return "aborted by a reset";
	case NEURON_JOB_BUS:
		return "memory not reachable for the chip; segment";
	case NEURON_JOB_ECC:
		return "uncorrectable error in memory that was read; segment";
	default:
		return "unknown status";
	}
}

static NRT_STATUS fault_status(unsigned int status)
{
	switch (status) {
	case NEURON_JOB_TIMEOUT:
		return NRT_TIMEOUT;
	case NEURON_JOB_ABORTED:
	case NEURON_JOB_BUS:
		return NRT_HW_ERROR;
	default:
		return NRT_EXEC_COMPLETED_WITH_ERR;
	}
}

static NRT_STATUS check_completion(struct nrt_run *run, const struct neff_node *node,
				   const struct nrt_core *core, const struct neuron_completion *c)
{
	run->info.cycles += c->cycles;
	run->nan |= c->flags & NEURON_JOB_FLAG_NAN;
	if (c->status == NEURON_JOB_OK)
		return NRT_SUCCESS;
	exec_err("%s/%s on nc%td (neuron%u): %s %llu, at instruction %u of engine %s",
		 run->model->neff->name, node->name, core - nrt_runtime.cores, core->dev->index,
		 fault_name(c->status), c->detail, c->pc, neff_engine_name(c->engine));
	return fault_status(c->status);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* A device has failed with @rc. What is on a device that went away is not used again. */
static NRT_STATUS device_failed(struct nrt_run *run, uint32_t index, int rc)
{
	const struct nrt_core *core = run->instance->cores[index];
	struct nrt_model *m = run->model;

	exec_err("%s/%s on nc%td (neuron%u): %s", m->neff->name, m->neff->nodes[index].name,
		 core - nrt_runtime.cores, core->dev->index, strerror(-rc));
	if (rc == -ENODEV || rc == -EIO) {
		pthread_mutex_lock(&m->lock);
		run->instance->gone = true;
		pthread_mutex_unlock(&m->lock);
	}
	return nrt_status_of(rc);
}

static NRT_STATUS run_job(struct nrt_run *run, uint32_t index)
{
	const struct nrt_layout *layout = &run->model->layouts[index];
	const struct neff_node *node = &run->model->neff->nodes[index];
	struct nrt_core *core = run->instance->cores[index];
	struct nrt_job job = {
		.context = run->slot->nodes[index].context,
		.code = node->code_segment,
		.timeout_ms = nrt_runtime.timeout_ms,
	};
	struct neuron_completion completion;
	uint64_t start = now_ns(), end;
	int rc;

	memcpy(job.stream, layout->stream, sizeof(job.stream));
	nrt_stats_core_busy(core - nrt_runtime.cores, start);
	rc = nrt_profile_job(run, index, &job, &completion);
	end = now_ns();
	nrt_stats_core_idle(core - nrt_runtime.cores, end);
	run->info.device_ns += end - start;
	if (rc)
		return device_failed(run, index, rc);
	return check_completion(run, node, core, &completion);
}

static NRT_STATUS run_node(struct nrt_run *run, uint32_t index)
{
	const struct nrt_layout *layout = &run->model->layouts[index];
	const struct neff_node *node = &run->model->neff->nodes[index];
	struct nrt_mem *data = run->slot->nodes[index].data;
	uint64_t start = nrt_profile_now(run);
	NRT_STATUS status;
	uint32_t i;
	int rc = 0;

	for (i = 0; !rc && i < node->input_count; i++)
		rc = copy_in(run, node->inputs[i].tensor, data,
			     layout->offset[node->inputs[i].variable]);
	if (rc)
		return device_failed(run, index, rc);
	nrt_profile_phase(run, PROFILE_COPY_IN, index, start);
	status = run_job(run, index);
	if (status)
		return status;
	start = nrt_profile_now(run);
	for (i = 0; !rc && i < node->output_count; i++)
		rc = copy_out(run, node->outputs[i].tensor, data,
			      layout->offset[node->outputs[i].variable]);
	nrt_profile_phase(run, PROFILE_COPY_OUT, index, start);
	return rc ? device_failed(run, index, rc) : NRT_SUCCESS;
}

static NRT_STATUS run_on_cpu(struct nrt_run *run, uint32_t index)
{
	uint64_t start = nrt_profile_now(run);
	NRT_STATUS status = nrt_run_cpu(run, index);

	nrt_profile_phase(run, PROFILE_CPU, index, start);
	return status;
}

static NRT_STATUS run_nodes(struct nrt_run *run)
{
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;

	run->info.core = run->instance->cores[0] - nrt_runtime.cores;
	for (i = 0; !status && i < run->model->neff->node_count; i++)
		status = run->model->sessions[i] ? run_on_cpu(run, i) : run_node(run, i);
	if (status)
		return status;
	last_info = run->info;
	last_info_valid = true;
	if (run->nan) {
		exec_err("Error notifications found on NC %u INFER_ERROR_SUBTYPE_NUMERICAL: an engine produced a NaN",
			 run->info.core);
		return NRT_EXEC_COMPLETED_WITH_NUM_ERR;
	}
	return NRT_SUCCESS;
}

static NRT_STATUS execute(struct nrt_model *m, const struct nrt_set *inputs,
			  const struct nrt_set *outputs, uint64_t *device_ns)
{
	struct nrt_run run = { .model = m, .inputs = inputs, .outputs = outputs };
	const struct neff *neff = m->neff;
	NRT_STATUS status;

	last_info_valid = false;
	status = check_set(neff, inputs, 0, neff->input_count, "ifmaps");
	if (!status)
		status = check_set(neff, outputs, neff->input_count, neff->output_count, "ofmaps");
	if (status)
		return status;
	nrt_profile_begin(&run);
	take_slot(m, &run);
	nrt_profile_phase(&run, PROFILE_WAIT, 0, run.profile.start);
	status = run_nodes(&run);
	nrt_run_cpu_end(&run);
	give_slot(m, &run);
	nrt_profile_end(&run, status);
	*device_ns = run.info.device_ns;
	return status;
}

NRT_STATUS nrt_execute_once(struct nrt_model *m, const struct nrt_set *inputs,
			    const struct nrt_set *outputs)
{
	uint64_t start = now_ns(), device_ns = 0;
	NRT_STATUS status = execute(m, inputs, outputs, &device_ns);

	nrt_stats_executed(status, now_ns() - start, device_ns);
	nrt_dump_inputs(m, inputs, status);
	return status;
}

NRT_STATUS nrt_execute_start(const char *function, const void *handle, const void *input_set,
			     const void *output_set, struct nrt_model **m)
{
	NRT_STATUS status = nrt_enter(function);

	if (status)
		return status;
	*m = nrt_model_hold(handle);
	if (*m && input_set && output_set)
		return NRT_SUCCESS;
	if (!*m) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, function,
			"Failed to find model: %p is not loaded", handle);
		status = NRT_INVALID_HANDLE;
	} else {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, function, "a tensor set is NULL");
		nrt_model_release(*m);
		status = NRT_INVALID;
	}
	nrt_stats_executed(status, 0, 0);
	nrt_leave();
	return status;
}

void nrt_execute_end(struct nrt_model *m)
{
	nrt_model_release(m);
	nrt_leave();
}

NRT_API NRT_STATUS nrt_execute(nrt_model_t *model, const nrt_tensor_set_t *input_set,
			       nrt_tensor_set_t *output_set)
{
	struct nrt_model *m;
	NRT_STATUS status = nrt_execute_start(__func__, model, input_set, output_set, &m);

	if (status)
		return status;
	status = nrt_execute_once(m, input_set, output_set);
	nrt_execute_end(m);
	return status;
}

NRT_API NRT_STATUS nrt_open_get_execute_info(nrt_open_execute_info_t *info)
{
	if (!info)
		return NRT_INVALID;
	if (!last_info_valid)
		return NRT_FAILURE;
	*info = last_info;
	return NRT_SUCCESS;
}
