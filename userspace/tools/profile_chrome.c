// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile view: a trace for Perfetto (ui.perfetto.dev) and chrome://tracing, in the JSON
 * object format of trace events.
 *
 * Times are written in whole picoseconds: a cycle of the model has 2048 of them. A job stands where
 * the host submitted it, or where the one before it on its core ends; the host's clock runs at its own
 * pace, and with an emulated chip much slower than the modelled one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "profile.h"

#define PID_HOST	1
#define PID_CORE	100	/* + visible core */
#define PID_DEVICE	10	/* memory of devices */
#define MAX_CORES	1024

/* Tracks of a core. */
enum { TID_JOB = 1, TID_PE, TID_ACT, TID_POOL, TID_DMA, TID_END = TID_DMA + PROF_QUEUES };

struct out {
	const struct prof_view *view;
	bool started;
	bool seen[MAX_CORES];
	uint64_t free_ps[MAX_CORES];	/* end of the core's last job */
	uint64_t flow;
};

static const char *op_name(uint8_t op)
{
#define NAME(code, id, name, engines) [code] = #name,
	static const char *const names[256] = { NEURON_ISA_OPS(NAME) };
#undef NAME
	return names[op] ? names[op] : "?";
}

/* A JSON string, with its quotes. */
static void put_string(const char *text)
{
	json_t *j = json_string(text);
	char *s = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;

	fputs(s ? s : "\"?\"", stdout);
	free(s);
	json_decref(j);
}

static void begin(struct out *o, const char *ph, uint32_t pid, uint32_t tid)
{
	printf("%s\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u", o->started ? "," : "", ph, pid, tid);
	o->started = true;
}

static void put_time(const char *key, uint64_t ps)
{
	printf(",\"%s\":%" PRIu64 ".%06" PRIu64, key, ps / 1000000, ps % 1000000);
}

static void put_name(const char *cat, const char *name)
{
	printf(",\"cat\":\"%s\",\"name\":", cat);
	put_string(name);
}

static void metadata(struct out *o, const char *what, uint32_t pid, uint32_t tid, const char *name)
{
	begin(o, "M", pid, tid);
	printf(",\"name\":\"%s\",\"args\":{\"name\":", what);
	put_string(name);
	printf("}}");
}

static void sort_index(struct out *o, const char *what, uint32_t pid, uint32_t tid, uint32_t index)
{
	begin(o, "M", pid, tid);
	printf(",\"name\":\"%s\",\"args\":{\"sort_index\":%u}}", what, index);
}

static uint64_t host_ps(const struct out *o, uint64_t ns)
{
	uint64_t start = o->view->file->header->start_ns;

	return ns > start ? (ns - start) * 1000 : 0;
}

static void flow(struct out *o, const char *ph, uint32_t pid, uint32_t tid, uint64_t ps,
		 const char *name, uint64_t id)
{
	begin(o, ph, pid, tid);
	put_name("flow", name);
	put_time("ts", ps);
	printf(",\"id\":%" PRIu64 "%s}", id, *ph == 'f' ? ",\"bp\":\"e\"" : "");
}

/* --- the host --- */

static void put_execution(struct out *o, const struct profile_execution *e)
{
	const struct profile_model *m = prof_view_model(o->view, e->model);
	uint64_t start = host_ps(o, e->start_ns), end = host_ps(o, e->end_ns);
	char name[300];

	snprintf(name, sizeof(name), "nrt_execute %s", m ? m->name : "?");
	begin(o, "X", PID_HOST, e->thread);
	put_name("host", name);
	put_time("ts", start);
	put_time("dur", end > start ? end - start : 0);
	printf(",\"args\":{\"execution\":%" PRIu64 ",\"status\":%u,\"modelled_cycles\":%" PRIu64 "}}",
	       e->id, e->status, e->cycles);
}

static void put_phase(struct out *o, const struct profile_phase *p)
{
	static const char *const names[] = {
		[PROFILE_WAIT] = "wait", [PROFILE_COPY_IN] = "copy in", [PROFILE_QUEUE] = "queue",
		[PROFILE_COMPUTE] = "compute", [PROFILE_COPY_OUT] = "copy out",
		[PROFILE_CPU] = "cpu",
	};
	/* One flow for each node of an execution, through its phases. */
	static const char *const steps[] = {
		[PROFILE_COPY_IN] = "s", [PROFILE_COMPUTE] = "t", [PROFILE_COPY_OUT] = "f",
		[PROFILE_CPU] = NULL,
	};
	const struct profile_execution *e = prof_view_execution(o->view, p->execution);
	uint64_t start = host_ps(o, p->start_ns), end = host_ps(o, p->end_ns);

	if (!e || !p->kind || p->kind > PROFILE_CPU)
		return;
	begin(o, "X", PID_HOST, e->thread);
	put_name("host", names[p->kind]);
	put_time("ts", start);
	put_time("dur", end > start ? end - start : 0);
	printf(",\"args\":{\"execution\":%" PRIu64 ",\"node\":%u,\"neuroncore\":%u,\"bytes\":%" PRIu64 "}}",
	       p->execution, p->node, p->core, p->bytes);
	/* Only whole ones: an execution that failed may have ended before its copies out. */
	if (steps[p->kind] && (!e->status || e->status == NRT_EXEC_COMPLETED_WITH_NUM_ERR))
		flow(o, steps[p->kind], PID_HOST, e->thread, start, "data",
		     p->execution * NEFF_MAX_NODES + p->node % NEFF_MAX_NODES);
}

static void put_host(struct out *o)
{
	const struct prof_file *file = o->view->file;
	uint32_t last = 0;
	size_t i;

	metadata(o, "process_name", PID_HOST, 0, "host (its own clock)");
	sort_index(o, "process_sort_index", PID_HOST, 0, 0);
	for (i = 0; i < file->executions.count; i++) {
		const struct profile_execution *e = file->executions.at[i];
		char name[32];

		if (e->thread != last) {
			snprintf(name, sizeof(name), "thread %u", e->thread);
			metadata(o, "thread_name", PID_HOST, e->thread, name);
		}
		last = e->thread;
		put_execution(o, e);
	}
	for (i = 0; i < file->phases.count; i++)
		put_phase(o, file->phases.at[i]);
}

static void put_memory(struct out *o)
{
	const struct prof_list *list = &o->view->file->memory;
	size_t i;

	if (list->count)
		metadata(o, "process_name", PID_DEVICE, 0, "device memory of this process");
	for (i = 0; i < list->count; i++) {
		const struct profile_memory *m = list->at[i];
		char name[32];

		snprintf(name, sizeof(name), "neuron%u", m->device);
		begin(o, "C", PID_DEVICE, 0);
		put_name("memory", name);
		put_time("ts", host_ps(o, m->time_ns));
		printf(",\"args\":{\"bytes\":%" PRIu64 "}}", m->used);
	}
}

/* --- the chip --- */

static void introduce_core(struct out *o, const struct profile_job *job)
{
	static const char *const tracks[] = {
		[TID_JOB] = "jobs", [TID_PE] = "pe", [TID_ACT] = "act", [TID_POOL] = "pool",
		[TID_DMA + PROF_IN] = "dma qIn", [TID_DMA + PROF_OUT] = "dma qOut",
		[TID_DMA + PROF_DATA] = "dma qData", [TID_DMA + PROF_LOCAL] = "dma local",
	};
	uint32_t pid = PID_CORE + job->core;
	char name[96];

	if (o->seen[job->core])
		return;
	o->seen[job->core] = true;
	snprintf(name, sizeof(name), "nc%u: neuron%u core %u (modelled time, not silicon)", job->core,
		 job->device, job->device_core);
	metadata(o, "process_name", pid, 0, name);
	sort_index(o, "process_sort_index", pid, 0, pid);
	for (uint32_t tid = TID_JOB; tid < TID_END; tid++) {
		metadata(o, "thread_name", pid, tid, tracks[tid]);
		sort_index(o, "thread_sort_index", pid, tid, tid);
	}
}

static void put_entry(struct out *o, const struct profile_job *job, const struct prof_names *names,
		      const struct neuron_trace_entry *e, uint64_t at)
{
	const struct neuron_insn *insn = prof_insn(names, job->node, e);
	const struct prof_op *op = prof_op(names, job->node, e->tag);
	uint32_t tid = TID_PE + e->engine;

	if (e->engine == NEURON_DMA)
		tid = TID_DMA + prof_queue(names, job->node, insn);
	begin(o, "X", PID_CORE + job->core, tid);
	put_name(neff_engine_name(e->engine), op ? op->name : op_name(e->op));
	put_time("ts", at + e->start * PROF_PS_PER_CYCLE);
	put_time("dur", (e->end - e->start) * PROF_PS_PER_CYCLE);
	printf(",\"args\":{\"instruction\":\"%s\",\"index\":%u,\"tag\":%u,\"start_cycle\":%" PRIu64
	       ",\"cycles\":%" PRIu64, op_name(e->op), e->pc, e->tag, (uint64_t)e->start,
	       (uint64_t)(e->end - e->start));
	if (insn && e->engine == NEURON_DMA)
		printf(",\"bytes\":%" PRIu64, prof_insn_bytes(insn));
	printf("}}");
}

/* From its first instruction to its last: operators overlap, and so they are not slices. */
static void put_operators(struct out *o, const struct profile_job *job,
			  const struct prof_names *names, uint64_t at)
{
	struct prof_sum sum;
	size_t i;

	if (prof_sum(job, names, &sum))
		return;
	for (i = 0; i < sum.op_count; i++) {
		const struct prof_op_sum *p = &sum.ops[i];
		const char *name = p->op ? p->op->name : "?";
		uint64_t id = ++o->flow;

		begin(o, "b", PID_CORE + job->core, TID_JOB);
		put_name("operator", name);
		put_time("ts", at + p->first * PROF_PS_PER_CYCLE);
		printf(",\"id\":%" PRIu64 ",\"args\":{\"op_type\":", id);
		put_string(p->op ? p->op->type : "?");
		printf(",\"tag\":%u,\"critical_cycles\":%" PRIu64 ",\"flops\":%" PRIu64 ",\"bytes\":%" PRIu64
		       "}}", p->tag, p->critical, p->op ? p->op->flops : 0, p->bytes);
		begin(o, "e", PID_CORE + job->core, TID_JOB);
		put_name("operator", name);
		put_time("ts", at + p->last * PROF_PS_PER_CYCLE);
		printf(",\"id\":%" PRIu64 "}", id);
	}
	prof_sum_free(&sum);
}

static void put_job(struct out *o, const struct profile_job *job)
{
	const struct profile_execution *e = prof_view_execution(o->view, job->execution);
	const struct prof_names *names = e ? prof_view_names(o->view, e->model) : NULL;
	const struct neuron_trace *t = prof_trace(job);
	uint64_t at = host_ps(o, job->start_ns), i;
	char buf[32];

	if (job->core >= MAX_CORES || job->cycles >= 1ULL << 48)
		return;
	introduce_core(o, job);
	at = at > o->free_ps[job->core] ? at : o->free_ps[job->core];
	o->free_ps[job->core] = at + job->cycles * PROF_PS_PER_CYCLE;
	begin(o, "X", PID_CORE + job->core, TID_JOB);
	put_name("job", prof_node_name(names, job->node, buf));
	put_time("ts", at);
	put_time("dur", job->cycles * PROF_PS_PER_CYCLE);
	printf(",\"args\":{\"execution\":%" PRIu64 ",\"status\":%u,\"cycles\":%" PRIu64 "}}",
	       job->execution, job->status, job->cycles);
	if (e) {
		uint64_t id = (1ULL << 52) + ++o->flow;

		flow(o, "s", PID_HOST, e->thread, host_ps(o, job->start_ns), "job", id);
		flow(o, "f", PID_CORE + job->core, TID_JOB, at, "job", id);
	}
	for (i = 0; t && i < t->count; i++)
		put_entry(o, job, names, &t->entry[i], at);
	if (t)
		put_operators(o, job, names, at);
}

int prof_print_chrome(const struct prof_view *view)
{
	struct out *o = calloc(1, sizeof(*o));
	size_t i;

	if (!o) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	o->view = view;
	printf("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"clock_hz\":\"%u\",\"note\":\"times of NeuronCores are those of a timing model, not of silicon\"},\n\"traceEvents\":[",
	       PROFILE_CLOCK_HZ);
	put_host(o);
	put_memory(o);
	for (i = 0; i < view->file->jobs.count; i++)
		put_job(o, view->file->jobs.at[i]);
	printf("\n]}\n");
	free(o);
	return cli_finish();
}
