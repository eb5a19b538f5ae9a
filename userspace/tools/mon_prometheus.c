// SPDX-License-Identifier: Apache-2.0
/*
 * Prometheus' text format, with the names of metrics that exporters of Neuron have.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "mon_prometheus.h"

/**
 * struct page - text in the making
 * @instance: labels that every sample has
 */
struct page {
	FILE *out;
	char instance[600];
};

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void family(struct page *p, const char *name, const char *type, const char *help)
{
	fprintf(p->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* NAME{labels of the instance, of the process if there is one, and of @format} VALUE */
__attribute__((format(printf, 5, 6)))
static void sample(struct page *p, const char *name, const struct process *process, double value,
		   const char *format, ...)
{
	va_list args;

	fprintf(p->out, "%s{%s", name, p->instance);
	if (process) {
		fputs(",runtime_tag=\"", p->out);
		put_escaped(p->out, process->file.tag);
		fprintf(p->out, "\",pid=\"%d\"", process->source.pid);
	}
	va_start(args, format);
	vfprintf(p->out, format, args);
	va_end(args);
	fprintf(p->out, "} %.17g\n", value);
}

/* The newest numbers of a group that the process has; NULL if there are none. */
static const struct mon_group_data *group_of(const struct process *p, enum mon_group group)
{
	const struct mon_process *mp = p->data;

	return mp && mp->group[group] && mp->group[group]->collected ? mp->group[group] : NULL;
}

#define for_each_process(m, p, i) \
	for (i = 0; i < (m)->processes.count && ((p) = (m)->processes.list[i]); i++)

/* A process that no entry of the configuration wants is not shown. */
static bool wanted(const struct monitor *m, const struct process *p)
{
	const struct mon_process *mp = p->data;

	return mp && mp->runtime < m->config.runtime_count;
}

static void put_executions(struct page *page, const struct monitor *m)
{
	const struct process *p;
	unsigned int i, k;

	family(page, "execution_status_total", "counter", "Executions by how they ended");
	for_each_process(m, p, i)
		for (k = 0; wanted(m, p) && k < NRT_STATS_OUTCOMES; k++)
			sample(page, "execution_status_total", p, p->file.outcomes[k],
			       ",status_type=\"%s\"", nrt_stats_outcome_name(k));
	family(page, "execution_errors_total", "counter", "Executions that went wrong, by why");
	for_each_process(m, p, i)
		for (k = 0; wanted(m, p) && k < NRT_STATS_ERRORS; k++)
			sample(page, "execution_errors_total", p, p->file.errors[k],
			       ",error_type=\"%s\"", nrt_stats_error_name(k));
}

static void put_latency(struct page *page, const struct monitor *m, const char *name,
			const char *help, bool on_device)
{
	const struct process *p;
	unsigned int i, k;

	family(page, name, "gauge", help);
	for_each_process(m, p, i) {
		const struct mon_group_data *g = group_of(p, MON_INFERENCES);
		const struct mon_latency *l;

		if (!g)
			g = group_of(p, MON_EXECUTIONS);
		if (!g)
			continue;
		l = on_device ? &g->on_device : &g->total;
		for (k = 0; l->count && k < MON_PERCENTILES; k++)
			sample(page, name, p, l->percentile[k], ",percentile=\"p%u\"",
			       mon_percentiles[k]);
	}
}

static void put_runtime(struct page *page, const struct monitor *m)
{
	const struct mon_group_data *g;
	const struct process *p;
	unsigned int i, k;

	family(page, "neuroncore_utilization_ratio", "gauge", "Time that a NeuronCore was at work");
	for_each_process(m, p, i) {
		g = group_of(p, MON_CORES);
		for (k = 0; g && k < p->file.core_count; k++)
			sample(page, "neuroncore_utilization_ratio", p, g->utilization[k] / 100,
			       ",neuroncore=\"%u\"", p->file.cores[k].index);
	}
	family(page, "neuron_runtime_memory_used_bytes", "gauge", "Memory of the runtime");
	for_each_process(m, p, i) {
		if (!wanted(m, p))
			continue;
		sample(page, "neuron_runtime_memory_used_bytes", p, p->file.host_bytes,
		       ",memory_location=\"host\"");
		sample(page, "neuron_runtime_memory_used_bytes", p, p->file.device_bytes,
		       ",memory_location=\"neuron_device\"");
	}
	family(page, "neuron_runtime_vcpu_usage_ratio", "gauge",
	       "Time of all processors that the process used");
	for_each_process(m, p, i) {
		g = group_of(p, MON_VCPU);
		if (!g)
			continue;
		sample(page, "neuron_runtime_vcpu_usage_ratio", p, g->user / 100,
		       ",usage_type=\"user\"");
		sample(page, "neuron_runtime_vcpu_usage_ratio", p, g->system / 100,
		       ",usage_type=\"system\"");
	}
}

static void put_gauge(struct page *page, const char *name, const char *help, double value)
{
	family(page, name, "gauge", help);
	sample(page, name, NULL, value, "%s", "");
}

static void put_hardware(struct page *page, const struct monitor *m)
{
	int i;

	put_gauge(page, "neuron_hardware_devices", "Neuron devices", m->device_count);
	put_gauge(page, "neuron_hardware_cores_per_device", "NeuronCores of a device",
		  m->device_count ? m->devices[0].cores : 0);
	family(page, "hardware_ecc_events_total", "counter", "Memory errors since power-on");
	for (i = 0; i < m->device_count; i++) {
		const struct proc_device *d = &m->devices[i];

		if (!d->telemetry)
			continue;
		sample(page, "hardware_ecc_events_total", NULL, d->ecc_corrected,
		       ",event_type=\"mem_ecc_corrected\",neuron_device_index=\"%u\"", d->index);
		sample(page, "hardware_ecc_events_total", NULL, d->ecc_uncorrected,
		       ",event_type=\"mem_ecc_uncorrected\",neuron_device_index=\"%u\"", d->index);
	}
}

static void put_system(struct page *page, const struct monitor *m)
{
	const struct mon_system *s = &m->system;
	double shares[PROC_USAGES];
	int i;

	if (s->collected[MON_SYSTEM_MEMORY]) {
		put_gauge(page, "system_memory_total_bytes", "Memory of the host",
			  s->memory.total);
		put_gauge(page, "system_memory_used_bytes", "Memory of the host in use",
			  s->memory.used);
		put_gauge(page, "system_swap_total_bytes", "Swap of the host",
			  s->memory.swap_total);
		put_gauge(page, "system_swap_used_bytes", "Swap of the host in use",
			  s->memory.swap_used);
	}
	if (!s->collected[MON_SYSTEM_VCPU])
		return;
	put_gauge(page, "system_vcpus", "Processors that are online", s->cpus.count);
	family(page, "system_vcpu_usage_ratio", "gauge", "Time of all processors by its use");
	proc_cpu_shares(&s->cpus_before.all, &s->cpus.all, shares);
	for (i = 0; i < PROC_USAGES; i++)
		sample(page, "system_vcpu_usage_ratio", NULL, shares[i] / 100,
		       ",usage_type=\"%s\"", proc_usage_names[i]);
}

char *mon_prometheus(struct monitor *m, size_t *size)
{
	struct page page = { 0 };
	char *text = NULL;

	page.out = open_memstream(&text, size);
	if (!page.out)
		return NULL;
	/* The firmware's tables have no quotes or backslashes in what is read of them. */
	snprintf(page.instance, sizeof(page.instance),
		 "instance_name=\"\",instance_id=\"%s\",instance_type=\"%s\",availability_zone=\"\",region=\"\",subnet_id=\"\"",
		 m->instance.id, m->instance.type);
	processes_refresh(&m->processes);
	put_executions(&page, m);
	put_latency(&page, m, "execution_latency_seconds", "Latency of executions", false);
	put_latency(&page, m, "execution_device_latency_seconds",
		    "Part of the latency on devices", true);
	put_runtime(&page, m);
	put_hardware(&page, m);
	put_system(&page, m);
	put_gauge(&page, "instance_info", "The EC2 instance", 1);
	if (fclose(page.out)) {
		*size = 0;
		return NULL;
	}
	return text;
}
