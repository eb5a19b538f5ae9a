// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-bench: threads that execute models, and what they measure.
 *
 * Threads warm up, meet at a barrier, and run until the time or the count is over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"
#include "cli.h"

uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static bool execute(struct bench_thread *t)
{
	NRT_STATUS status = nrt_execute(t->model->model, t->inputs, t->outputs);

	if (status == NRT_EXEC_COMPLETED_WITH_NUM_ERR) {
		t->nans++;
		return true;
	}
	if (!status)
		return true;
	t->status = status;
	snprintf(t->error, sizeof(t->error), "%s", nrt_open_last_error());
	__atomic_store_n(&t->run->stop, 1, __ATOMIC_RELAXED);
	return false;
}

static bool record(struct bench_thread *t, uint64_t ns)
{
	if (t->count == t->room) {
		uint64_t room = t->room ? t->room * 2 : 4096;
		uint64_t *more = realloc(t->latency_ns, room * sizeof(*more));

		if (!more) {
			t->status = NRT_RESOURCE;
			return false;
		}
		t->latency_ns = more;
		t->room = room;
	}
	t->latency_ns[t->count++] = ns;
	return true;
}

static bool one_more(struct bench_thread *t)
{
	const struct bench_options *o = &t->run->options;

	if (__atomic_load_n(&t->run->stop, __ATOMIC_RELAXED))
		return false;
	if (o->count)
		return __atomic_fetch_sub(&t->model->left, 1, __ATOMIC_RELAXED) > 0;
	return bench_now_ns() - t->run->start_ns < o->seconds * 1e9;
}

static void *run_thread(void *arg)
{
	nrt_open_execute_info_t info;
	struct bench_thread *t = arg;
	uint64_t i, start;
	bool fine = true;

	for (i = 0; fine && i < t->run->options.warmup; i++)
		fine = execute(t);
	t->nans = 0;
	if (pthread_barrier_wait(&t->run->start) == PTHREAD_BARRIER_SERIAL_THREAD)
		t->run->start_ns = bench_now_ns();
	/* Nobody goes on before the time is taken. */
	pthread_barrier_wait(&t->run->start);
	while (fine && one_more(t)) {
		start = bench_now_ns();
		fine = execute(t) && record(t, bench_now_ns() - start);
		if (fine && !nrt_open_get_execute_info(&info)) {
			t->cycles += info.cycles;
			t->device_ns += info.device_ns;
		}
	}
	t->end_ns = bench_now_ns();
	return NULL;
}

/* All that can be started; when one cannot, the others would wait for it at the barrier. */
static int start_threads(struct bench_run *run)
{
	uint32_t i, k;

	for (i = 0; i < run->options.model_count; i++)
		for (k = 0; k < run->models[i].thread_count; k++) {
			struct bench_thread *t = &run->models[i].threads[k];
			int rc = pthread_create(&t->thread, NULL, run_thread, t);

			if (rc) {
				cli_error("thread %u of %s: %s; fewer --threads may do", k,
					  run->models[i].path, strerror(rc));
				exit(EXIT_FAILED);
			}
		}
	return EXIT_OK;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of all threads of a model. */
static int sum_up(struct bench_run *run, struct bench_model *m)
{
	uint64_t at = 0, end = run->start_ns;
	uint32_t k;

	for (k = 0; k < m->thread_count; k++) {
		struct bench_thread *t = &m->threads[k];

		if (t->status) {
			cli_error("%s: %s (%s)", m->path, *t->error ? t->error : "failed",
				  nrt_get_status_as_str(t->status));
			return EXIT_FAILED;
		}
		m->count += t->count;
		m->nans += t->nans;
		m->cycles += t->cycles;
		m->device_ns += t->device_ns;
		if (t->end_ns > end)
			end = t->end_ns;
	}
	m->seconds = (end - run->start_ns) / 1e9;
	m->latency_ns = malloc((m->count + 1) * sizeof(*m->latency_ns));
	if (!m->latency_ns) {
		cli_error("%s: out of memory for %llu latencies", m->path,
			  (unsigned long long)m->count);
		return EXIT_FAILED;
	}
	for (k = 0; k < m->thread_count; k++) {
		struct bench_thread *t = &m->threads[k];

		if (t->count)
			memcpy(m->latency_ns + at, t->latency_ns, t->count * sizeof(*t->latency_ns));
		at += t->count;
	}
	qsort(m->latency_ns, m->count, sizeof(*m->latency_ns), compare);
	return EXIT_OK;
}

uint64_t bench_quantile(const struct bench_model *m, double p)
{
	uint64_t rank = p * m->count;

	/* The rank is rounded up: 0 < rank <= count. */
	if (rank < p * m->count || !rank)
		rank++;
	return m->count ? m->latency_ns[rank - 1] : 0;
}

static uint64_t status_kib(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ": %llu", &kib);
	if (f)
		fclose(f);
	return kib;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int bench_execute(struct bench_run *run)
{
	uint32_t threads = 0, i, k;
	double cpu = cpu_seconds();
	int rc;

	for (i = 0; i < run->options.model_count; i++)
		threads += run->models[i].thread_count;
	pthread_barrier_init(&run->start, NULL, threads);
	rc = start_threads(run);
	for (i = 0; i < run->options.model_count; i++)
		for (k = 0; k < run->models[i].thread_count; k++)
			pthread_join(run->models[i].threads[k].thread, NULL);
	pthread_barrier_destroy(&run->start);
	run->cpu_seconds = cpu_seconds() - cpu;
	run->host_kib = status_kib("VmRSS");
	run->peak_kib = status_kib("VmHWM");
	for (i = 0; !rc && i < run->options.model_count; i++)
		rc = sum_up(run, &run->models[i]);
	return rc;
}

int main(int argc, char **argv)
{
	static struct bench_run run;
	int rc;

	cli_init("neuron-bench");
	rc = bench_options_parse(&run.options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = bench_load(&run);
	if (!rc)
		rc = bench_execute(&run);
	if (!rc && run.options.json)
		rc = bench_print_json(&run);
	else if (!rc)
		bench_print_text(&run);
	bench_unload(&run);
	return rc ? rc : cli_finish();
}
