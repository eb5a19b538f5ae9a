// SPDX-License-Identifier: Apache-2.0
/*
 * Puts the collected numbers into the documented JSON.
 */
#include <stdio.h>
#include <string.h>

#include "mon_report.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *cores_json(const struct process *p, const struct mon_group_data *g)
{
	json_t *cores = json_object();
	unsigned int i;
	char key[16];

	for (i = 0; i < p->file.core_count; i++) {
		snprintf(key, sizeof(key), "%u", p->file.cores[i].index);
		json_object_set_new(cores, key, json_pack("{s:f}", "neuroncore_utilization",
							  g->utilization[i]));
	}
	return json_pack("{s:f, s:o, s:s}", "period", g->period, "neuroncores_in_use", cores,
			 "error", "");
}

static json_t *latency_json(const struct mon_latency *l)
{
	json_t *object;
	char key[8];
	int i;

	if (!l->count)
		return json_null();
	object = json_object();
	for (i = 0; i < MON_PERCENTILES; i++) {
		snprintf(key, sizeof(key), "p%u", mon_percentiles[i]);
		json_object_set_new(object, key, json_real(l->percentile[i]));
	}
	return object;
}

static json_t *executions_json(const struct mon_group_data *g, const char *summary)
{
	json_t *errors = json_object(), *outcomes = json_object();
	unsigned int i;

	for (i = 0; i < NRT_STATS_ERRORS; i++)
		json_object_set_new(errors, nrt_stats_error_name(i), number(g->errors[i]));
	for (i = 0; i < NRT_STATS_OUTCOMES; i++)
		json_object_set_new(outcomes, nrt_stats_outcome_name(i), number(g->outcomes[i]));
	return json_pack("{s:f, s:o, s:o, s:{s:o, s:o}, s:s}", "period", g->period,
			 "error_summary", errors, summary, outcomes, "latency_stats",
			 "total_latency", latency_json(&g->total), "device_latency",
			 latency_json(&g->on_device), "error", "");
}

static json_t *bytes_json(uint64_t host, uint64_t device)
{
	return json_pack("{s:o, s:o}", "host", number(host), "neuron_device", number(device));
}

static json_t *subgraphs_json(const struct nrt_stats_file *f, const struct nrt_stats_model *m)
{
	json_t *object = json_object();
	uint32_t i;

	for (i = m->first; i < m->first + m->count; i++) {
		const struct nrt_stats_subgraph *s = &f->subgraphs[i];

		json_object_set_new(object, s->name, json_pack("{s:o, s:I, s:I}",
				    "memory_used_bytes", bytes_json(s->host, s->device),
				    "neuroncore_index", (json_int_t)s->core,
				    "neuron_device_index", (json_int_t)s->device_index));
	}
	return object;
}

json_t *mon_memory_json(const struct nrt_stats_file *f, double period)
{
	json_t *models = json_array();
	char error[80] = "";
	uint32_t i;

	/* The newest is first in the file. */
	for (i = f->model_count; i-- > 0;) {
		const struct nrt_stats_model *m = &f->models[i];

		json_array_append_new(models, json_pack("{s:s, s:s, s:I, s:b, s:o, s:o}",
				      "name", m->name, "uuid", m->uuid, "model_id",
				      (json_int_t)m->id, "is_running", 1, "memory_used_bytes",
				      bytes_json(m->host, m->device), "subgraphs",
				      subgraphs_json(f, m)));
	}
	if (f->models_lost)
		snprintf(error, sizeof(error), "%u more models are loaded than can be shown",
			 f->models_lost);
	return json_pack("{s:f, s:o, s:o, s:s}", "period", period, "neuron_runtime_used_bytes",
			 bytes_json(f->host_bytes, f->device_bytes), "loaded_models", models,
			 "error", error);
}

static json_t *vcpu_json(const struct mon_group_data *g)
{
	return json_pack("{s:f, s:{s:f, s:f}, s:s}", "period", g->period, "vcpu_usage", "user",
			 g->user, "system", g->system, "error", "");
}

static json_t *group_json(const struct process *p, enum mon_group group,
			  const struct mon_group_data *g)
{
	switch (group) {
	case MON_CORES:
		return cores_json(p, g);
	case MON_MEMORY:
		return mon_memory_json(&p->file, g->period);
	case MON_VCPU:
		return vcpu_json(g);
	case MON_INFERENCES:
		return executions_json(g, "inference_summary");
	default:
		return executions_json(g, "execution_summary");
	}
}

static json_t *process_json(const struct process *p, const struct mon_process *mp)
{
	json_t *report = json_object();
	int i;

	for (i = 0; i < MON_GROUPS; i++)
		if (mp->group[i] && mp->group[i]->collected)
			json_object_set_new(report, mon_group_names[i],
					    group_json(p, i, mp->group[i]));
	return json_pack("{s:i, s:s, s:s, s:s, s:o}", "pid", p->source.pid, "address", "",
			 "neuron_runtime_tag", p->file.tag, "error", "", "report", report);
}

static json_t *processes_json(const struct monitor *m)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < m->processes.count; i++) {
		const struct process *p = m->processes.list[i];
		const struct mon_process *mp = p->data;

		if (mp->runtime < m->config.runtime_count)
			json_array_append_new(array, process_json(p, mp));
	}
	return array;
}

static json_t *shares_json(const struct proc_cpu *before, const struct proc_cpu *after)
{
	double shares[PROC_USAGES];
	json_t *object = json_object();
	int i;

	proc_cpu_shares(before, after, shares);
	for (i = 0; i < PROC_USAGES; i++)
		json_object_set_new(object, proc_usage_names[i],
				    json_real((int64_t)(shares[i] * 100 + 0.5) / 100.0));
	return object;
}

static json_t *cpus_json(const struct mon_system *s)
{
	static const struct proc_cpu none;
	const struct proc_cpus *now = &s->cpus, *before = &s->cpus_before;
	json_t *each = json_object();
	unsigned int i, k;
	char key[16];

	for (i = 0; i < now->count; i++) {
		for (k = 0; k < before->count && before->number[k] != now->number[i]; k++)
			;
		snprintf(key, sizeof(key), "%u", now->number[i]);
		json_object_set_new(each, key, shares_json(k < before->count ? &before->cpu[k] :
							   &none, &now->cpu[i]));
	}
	return json_pack("{s:f, s:o, s:o, s:o, s:s}", "period", s->period[MON_SYSTEM_VCPU],
			 "average_usage", shares_json(&before->all, &now->all), "usage_data", each,
			 "context_switch_count",
			 number(now->context_switches - before->context_switches), "error",
			 s->error[MON_SYSTEM_VCPU] ? "/proc/stat cannot be read" : "");
}

static json_t *memory_info_json(const struct mon_system *s)
{
	return json_pack("{s:f, s:o, s:o, s:o, s:o, s:s}", "period", s->period[MON_SYSTEM_MEMORY],
			 "memory_total_bytes", number(s->memory.total), "memory_used_bytes",
			 number(s->memory.used), "swap_total_bytes", number(s->memory.swap_total),
			 "swap_used_bytes", number(s->memory.swap_used), "error",
			 s->error[MON_SYSTEM_MEMORY] ? "/proc/meminfo cannot be read" : "");
}

static json_t *hardware_json(const struct mon_system *s)
{
	json_t *devices = json_array();
	char error[64] = "";
	int i;

	for (i = 0; i < s->device_count; i++) {
		const struct mon_device *e = &s->events[i];

		if (!e->telemetry)
			snprintf(error, sizeof(error), "neuron%u has no telemetry", e->index);
		/* The chip counts errors of its DRAM only. */
		json_array_append_new(devices, json_pack("{s:i, s:o, s:o, s:i}",
				      "neuron_device_index", e->index, "mem_ecc_corrected",
				      number(e->corrected), "mem_ecc_uncorrected",
				      number(e->uncorrected), "sram_ecc_uncorrected", 0));
	}
	return json_pack("{s:f, s:o, s:s}", "period", s->period[MON_SYSTEM_HARDWARE],
			 "neuron_devices", devices, "error", error);
}

static json_t *system_json(const struct mon_system *s)
{
	json_t *object = json_object();

	if (s->collected[MON_SYSTEM_HARDWARE])
		json_object_set_new(object, mon_system_group_names[MON_SYSTEM_HARDWARE],
				    hardware_json(s));
	if (s->collected[MON_SYSTEM_VCPU])
		json_object_set_new(object, mon_system_group_names[MON_SYSTEM_VCPU], cpus_json(s));
	if (s->collected[MON_SYSTEM_MEMORY])
		json_object_set_new(object, mon_system_group_names[MON_SYSTEM_MEMORY],
				    memory_info_json(s));
	return object;
}

static json_t *instance_json(const struct proc_instance *i)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "instance_name", "",
			 "instance_id", i->id, "instance_type", i->type,
			 "instance_availability_zone", "", "instance_availability_zone_id", "",
			 "instance_region", "", "ami_id", "", "subnet_id", "", "error", i->error);
}

static json_t *devices_json(const struct monitor *m)
{
	return json_pack("{s:i, s:i, s:s}", "neuron_device_count", m->device_count,
			 "neuroncore_per_device_count", m->device_count ? m->devices[0].cores : 0,
			 "error", m->device_count ? "" :
			 "no Neuron device: the driver is not loaded, or there is no chip");
}

json_t *mon_report(const struct monitor *m)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "neuron_runtime_data", processes_json(m),
			 "system_data", system_json(&m->system), "instance_info",
			 instance_json(&m->instance), "neuron_hardware_info", devices_json(m));
}
