// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile view: for programs.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "profile.h"

static json_t *engines_json(const uint64_t values[NEURON_ENGINES])
{
	json_t *j = json_object();

	for (unsigned int e = 0; e < NEURON_ENGINES; e++)
		json_object_set_new(j, neff_engine_name(e), json_integer(values[e]));
	return j;
}

static json_t *op_json(const struct prof_op_sum *o)
{
	uint64_t flops = o->op ? o->op->flops : 0;
	bool memory;
	double roof = prof_roof(flops, o->bytes, &memory);

	return json_pack("{s:I, s:s?, s:s?, s:I, s:f, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:s}",
			 "tag", (json_int_t)o->tag, "name", o->op ? o->op->name : NULL,
			 "op_type", o->op ? o->op->type : NULL, "critical_cycles",
			 (json_int_t)o->critical, "critical_us", prof_us(o->critical),
			 "busy_cycles", engines_json(o->busy), "instructions",
			 (json_int_t)o->executed, "first_cycle", (json_int_t)o->first, "last_cycle",
			 (json_int_t)o->last, "flops", (json_int_t)flops, "bytes",
			 (json_int_t)o->bytes, "roof_us", roof * 1e6, "bound_by",
			 memory ? "memory" : "compute");
}

static json_t *sum_json(const struct prof_sum *sum)
{
	json_t *ops = json_array();
	bool memory;
	double roof = prof_roof(sum->flops, sum->bytes, &memory) * 1e6;
	size_t i;

	for (i = 0; i < sum->op_count; i++)
		json_array_append_new(ops, op_json(&sum->ops[i]));
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:s}", "operators", ops,
			 "busy_cycles", engines_json(sum->busy), "instructions",
			 engines_json(sum->executed), "dma_only_cycles", (json_int_t)sum->dma_only,
			 "compute_only_cycles", (json_int_t)sum->compute_only,
			 "dma_and_compute_cycles", (json_int_t)sum->both, "flops",
			 (json_int_t)sum->flops, "bytes", (json_int_t)sum->bytes, "roof_us", roof,
			 "bound_by", memory ? "memory" : "compute");
}

static json_t *job_json(const struct prof_view *v, const struct profile_job *job)
{
	const struct profile_execution *e = prof_view_execution(v, job->execution);
	const struct prof_names *names = e ? prof_view_names(v, e->model) : NULL;
	struct prof_sum sum;
	char buf[32];
	json_t *j;

	j = json_pack("{s:I, s:I, s:s, s:i, s:i, s:i, s:i, s:I, s:f, s:i}", "execution",
		      (json_int_t)job->execution, "model", (json_int_t)(e ? e->model : 0), "node",
		      prof_node_name(names, job->node, buf), "node_index", (int)job->node,
		      "neuroncore_index", (int)job->core, "neuron_device_index", (int)job->device,
		      "status", (int)job->status, "cycles", (json_int_t)job->cycles, "us",
		      prof_us(job->cycles), "device_neuroncore_index", (int)job->device_core);
	if (job->traced && !prof_sum(job, names, &sum)) {
		json_object_set_new(j, "trace", sum_json(&sum));
		prof_sum_free(&sum);
	}
	return j;
}

static json_t *executions_json(const struct prof_view *v)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < v->file->executions.count; i++) {
		const struct profile_execution *e = v->file->executions.at[i];

		json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "id",
			(json_int_t)e->id, "model", (json_int_t)e->model, "start_ns",
			(json_int_t)(e->start_ns - v->file->header->start_ns), "host_ns",
			(json_int_t)(e->end_ns - e->start_ns), "cycles", (json_int_t)e->cycles,
			"thread", (int)e->thread, "status", (int)e->status));
	}
	return list;
}

static json_t *models_json(const struct prof_view *v)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < v->file->models.count; i++) {
		const struct profile_model *m = v->file->models.at[i];
		json_t *name = json_string(m->name);

		json_array_append_new(list, json_pack("{s:I, s:o, s:i}", "id", (json_int_t)m->id,
						      "name", name ? name : json_string("?"),
						      "nodes", (int)m->nodes));
	}
	return list;
}

int prof_print_json(const struct prof_view *v)
{
	json_t *jobs = json_array(), *root;
	size_t i;
	int rc;

	for (i = 0; i < v->file->jobs.count; i++)
		json_array_append_new(jobs, job_json(v, v->file->jobs.at[i]));
	root = json_pack("{s:b, s:b, s:I, s:o, s:o, s:o}", "modelled", 1, "complete",
			 v->file->end && !v->file->end->lost, "clock_hz",
			 (json_int_t)PROFILE_CLOCK_HZ, "models", models_json(v), "executions",
			 executions_json(v), "jobs", jobs);
	rc = root ? json_dumpf(root, stdout, JSON_INDENT(1)) : -1;
	json_decref(root);
	if (rc) {
		cli_error("cannot write JSON: out of memory, or standard output is not writable");
		return EXIT_FAILED;
	}
	putchar('\n');
	return cli_finish();
}
