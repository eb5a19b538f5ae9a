// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile view: for people.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "profile.h"

#define SUMMARY_OPS 10

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void print_op(const struct prof_sum *sum, const struct prof_op_sum *o)
{
	uint64_t flops = o->op ? o->op->flops : 0;
	char number[32];
	bool memory;
	double roof = prof_roof(flops, o->bytes, &memory) * 1e6;

	snprintf(number, sizeof(number), "tag %u", o->tag);
	printf("%9.2f %5.1f%% %9.2f %9.2f %9.2f %9.2f %9.2f %10.1f %9.2f %-7s %s (%s)\n",
	       prof_us(o->critical), percent(o->critical, sum->cycles),
	       prof_us(o->busy[NEURON_PE]), prof_us(o->busy[NEURON_ACT]),
	       prof_us(o->busy[NEURON_POOL]), prof_us(o->busy[NEURON_DMA]), flops / 1e6,
	       o->bytes / 1024.0, roof, !flops && !o->bytes ? "-" : memory ? "memory" : "compute",
	       o->op ? o->op->name : number, o->op ? o->op->type : "?");
}

static void print_ops(const struct prof_sum *sum, bool all)
{
	size_t shown = all || sum->op_count < SUMMARY_OPS ? sum->op_count : SUMMARY_OPS, i;

	printf("\n%9s %6s %9s %9s %9s %9s %9s %10s %9s %-7s %s\n", "TIME us", "", "PE us",
	       "ACT us", "POOL us", "DMA us", "MFLOP", "KiB", "ROOF us", "BOUND BY", "OPERATOR");
	for (i = 0; i < shown; i++)
		print_op(sum, &sum->ops[i]);
	if (shown < sum->op_count)
		printf("%9s %zu more operators: --output-format table\n", "", sum->op_count - shown);
	printf("%9.2f %5.1f%% %9.2f %9.2f %9.2f %9.2f %9.2f %10.1f %9s %-7s TOTAL\n",
	       prof_us(sum->cycles), 100.0, prof_us(sum->busy[NEURON_PE]),
	       prof_us(sum->busy[NEURON_ACT]), prof_us(sum->busy[NEURON_POOL]),
	       prof_us(sum->busy[NEURON_DMA]), sum->flops / 1e6, sum->bytes / 1024.0, "", "");
}

static void print_engines(const struct prof_sum *sum)
{
	printf("\n%-8s %13s %12s %12s %8s\n", "ENGINE", "INSTRUCTIONS", "BUSY CYCLES", "BUSY us",
	       "BUSY");
	for (unsigned int e = 0; e < NEURON_ENGINES; e++)
		printf("%-8s %13llu %12llu %12.2f %7.1f%%\n", neff_engine_name(e),
		       (unsigned long long)sum->executed[e], (unsigned long long)sum->busy[e],
		       prof_us(sum->busy[e]), percent(sum->busy[e], sum->cycles));
	printf("DMA and computation at the same time %.1f%%, computation only %.1f%%, DMA only %.1f%% of the time\n",
	       percent(sum->both, sum->cycles), percent(sum->compute_only, sum->cycles),
	       percent(sum->dma_only, sum->cycles));
}

static void print_roof(const struct prof_sum *sum)
{
	double us = prof_us(sum->cycles), roof;
	bool memory;

	if (!sum->flops && !sum->bytes)
		return;
	roof = prof_roof(sum->flops, sum->bytes, &memory) * 1e6;
	printf("Roofline: %.2f MFLOP at 16 TFLOPS are %.2f us, %.1f KiB at 50 GiB/s (of the whole chip) are %.2f us;\n"
	       "modelled %.2f us are %.1f%% of that roof, which is %s\n", sum->flops / 1e6,
	       sum->flops / PROF_PEAK_FLOPS * 1e6, sum->bytes / 1024.0,
	       sum->bytes / PROF_PEAK_BANDWIDTH * 1e6, us, percent(roof, us),
	       memory ? "memory's" : "arithmetic's");
}

/* The first sound trace of that node of that model; @jobs, @cycles: over all its jobs. */
static const struct profile_job *find_job(const struct prof_view *v, uint64_t model, uint32_t node,
					  uint64_t *jobs, uint64_t *cycles)
{
	const struct profile_job *found = NULL;
	size_t i;

	*jobs = *cycles = 0;
	for (i = 0; i < v->file->jobs.count; i++) {
		const struct profile_job *job = v->file->jobs.at[i];
		const struct profile_execution *e = prof_view_execution(v, job->execution);

		if (job->node != node || !e || e->model != model)
			continue;
		++*jobs;
		*cycles += job->cycles;
		if (!found && job->traced && job->status == NEURON_JOB_OK)
			found = job;
	}
	return found;
}

static void print_node(const struct prof_view *v, const struct profile_model *m, uint32_t node,
		       bool all)
{
	const struct prof_names *names = prof_view_names(v, m->id);
	uint64_t jobs, cycles;
	const struct profile_job *job = find_job(v, m->id, node, &jobs, &cycles);
	struct prof_sum sum;
	char buf[32];

	if (!jobs)
		return;
	printf("\n%s, %s: %llu job(s), %.2f us each\n", m->name, prof_node_name(names, node, buf),
	       (unsigned long long)jobs, prof_us(cycles) / jobs);
	if (!job) {
		printf("none of them was traced by instruction\n");
		return;
	}
	if (prof_sum(job, names, &sum)) {
		printf("the trace is not whole\n");
		return;
	}
	printf("nc%u (neuron%u core %u), execution %llu: %llu cycles, %.2f us\n", job->core,
	       job->device, job->device_core, (unsigned long long)job->execution,
	       (unsigned long long)sum.cycles, prof_us(sum.cycles));
	print_engines(&sum);
	print_roof(&sum);
	print_ops(&sum, all);
	prof_sum_free(&sum);
}

static void print_phases(const struct prof_view *v, uint64_t executions)
{
	static const char *const names[] = {
		[PROFILE_WAIT] = "wait for room on the device", [PROFILE_COPY_IN] = "copy in",
		[PROFILE_QUEUE] = "queue", [PROFILE_COMPUTE] = "compute",
		[PROFILE_COPY_OUT] = "copy out", [PROFILE_CPU] = "nodes on the CPU",
	};
	struct {
		uint64_t ns, bytes, count;
	} sums[PROFILE_CPU + 1] = { 0 };
	size_t i;

	for (i = 0; i < v->file->phases.count; i++) {
		const struct profile_phase *p = v->file->phases.at[i];

		if (p->kind > PROFILE_CPU || p->end_ns < p->start_ns)
			continue;
		sums[p->kind].ns += p->end_ns - p->start_ns;
		sums[p->kind].bytes += p->bytes;
		sums[p->kind].count++;
	}
	printf("\nHost, by its own clock, a mean of %llu execution(s)%s\n",
	       (unsigned long long)executions, v->file->jobs.count ?
	       "; where the chip is emulated, 'compute' is the emulator's time" : "");
	for (i = PROFILE_WAIT; i <= PROFILE_CPU; i++)
		if (sums[i].count)
			printf("  %-28s %12.1f us %10.1f KiB\n", names[i],
			       sums[i].ns / 1e3 / executions, sums[i].bytes / 1024.0 / executions);
}

int prof_print(const struct prof_view *v, bool all)
{
	uint64_t executions = v->file->executions.count, wrong = 0;
	size_t i;

	printf("Modelled time: cycles of a model of the NeuronCore at %.2f MHz, not a measurement of silicon.\n"
	       "TIME is the operator's share of the critical path; the sum is the job's time.\n",
	       PROFILE_CLOCK_HZ / 1e6);
	for (i = 0; i < v->file->models.count; i++) {
		const struct profile_model *m = v->file->models.at[i];

		for (uint32_t node = 0; node < m->nodes && node < NEFF_MAX_NODES; node++)
			print_node(v, m, node, all);
	}
	for (i = 0; i < executions; i++)
		wrong += !!((const struct profile_execution *)v->file->executions.at[i])->status;
	if (executions)
		print_phases(v, executions);
	printf("\n%llu execution(s), %llu of them with a status other than NRT_SUCCESS\n",
	       (unsigned long long)executions, (unsigned long long)wrong);
	return cli_finish();
}
