// SPDX-License-Identifier: Apache-2.0
/*
 * What neuron-bench prints.
 */
#include <stdio.h>

#include <jansson.h>

#include "bench.h"
#include "cli.h"
#include "cli_json.h"

/* Those that neuron-monitor reports. */
static const struct {
	const char *name;
	double p;
} percentiles[BENCH_PERCENTILES] = {
	{ "p0", 0 }, { "p1", 0.01 }, { "p25", 0.25 }, { "p50", 0.5 }, { "p75", 0.75 },
	{ "p99", 0.99 }, { "p100", 1 },
};

static double rate(const struct bench_model *m)
{
	return m->seconds > 0 ? m->count / m->seconds : 0;
}

static double busy(const struct bench_model *m)
{
	return m->seconds > 0 ? m->device_ns / 1e9 / m->seconds / m->cores : 0;
}

static double mean_ns(const struct bench_model *m)
{
	double sum = 0;
	uint64_t i;

	for (i = 0; i < m->count; i++)
		sum += m->latency_ns[i];
	return m->count ? sum / m->count : 0;
}

static void print_model(const struct bench_model *m)
{
	unsigned int i;

	printf("%s\n", m->path);
	printf("  instances %u, cores %u, threads %u, batch %llu; loaded in %.1f ms\n", m->instances,
	       m->cores, m->thread_count, (unsigned long long)m->batch, m->load_ns / 1e6);
	printf("  %llu inferences in %.3f s: %.1f inferences/s, %.1f items/s\n",
	       (unsigned long long)m->count, m->seconds, rate(m), rate(m) * m->batch);
	printf("  latency ms ");
	for (i = 0; i < BENCH_PERCENTILES; i++)
		printf(" %9s", percentiles[i].name);
	printf(" %9s\n             ", "mean");
	for (i = 0; i < BENCH_PERCENTILES; i++)
		printf("%9.3f ", bench_quantile(m, percentiles[i].p) / 1e6);
	printf("%9.3f\n", mean_ns(m) / 1e6);
	printf("  %llu modelled cycles each, cores busy %.1f %%\n",
	       (unsigned long long)(m->count ? m->cycles / m->count : 0), 100 * busy(m));
	if (m->nans)
		printf("  warning: %llu inferences with a NaN (NRT_EXEC_COMPLETED_WITH_NUM_ERR)\n",
		       (unsigned long long)m->nans);
}

void bench_print_text(const struct bench_run *run)
{
	double total = 0, items = 0;
	uint32_t i;

	for (i = 0; i < run->options.model_count; i++) {
		print_model(&run->models[i]);
		total += rate(&run->models[i]);
		items += rate(&run->models[i]) * run->models[i].batch;
	}
	if (run->options.model_count > 1)
		printf("all models: %.1f inferences/s, %.1f items/s\n", total, items);
	printf("process: %.1f MiB of memory, at most %.1f MiB; %.2f s of processor time\n",
	       run->host_kib / 1024.0, run->peak_kib / 1024.0, run->cpu_seconds);
}

static json_t *model_json(const struct bench_model *m)
{
	json_t *latency = json_object();
	unsigned int i;

	for (i = 0; i < BENCH_PERCENTILES; i++)
		json_object_set_new(latency, percentiles[i].name,
				    json_real(bench_quantile(m, percentiles[i].p) / 1e6));
	json_object_set_new(latency, "mean", json_real(mean_ns(m) / 1e6));
	return json_pack("{s:s, s:i, s:i, s:i, s:I, s:f, s:I, s:I, s:f, s:f, s:f, s:o, s:I, s:f}",
			 "model", m->path, "instances", m->instances, "cores", m->cores, "threads",
			 m->thread_count, "batch", (json_int_t)m->batch, "load_ms", m->load_ns / 1e6,
			 "inferences", (json_int_t)m->count, "nan", (json_int_t)m->nans, "seconds",
			 m->seconds, "inferences_per_second", rate(m), "items_per_second",
			 rate(m) * m->batch, "latency_ms", latency, "cycles",
			 (json_int_t)(m->count ? m->cycles / m->count : 0), "busy", busy(m));
}

int bench_print_json(const struct bench_run *run)
{
	json_t *models = json_array(), *root;
	uint32_t i;

	for (i = 0; i < run->options.model_count; i++)
		json_array_append_new(models, model_json(&run->models[i]));
	root = json_pack("{s:o, s:{s:I, s:I, s:f}}", "models", models, "process", "memory_bytes",
			 (json_int_t)run->host_kib * 1024, "memory_peak_bytes",
			 (json_int_t)run->peak_kib * 1024, "cpu_seconds", run->cpu_seconds);
	return cli_print_result(root);
}
