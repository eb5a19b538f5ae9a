// SPDX-License-Identifier: Apache-2.0
/*
 * Runs models in groups of NeuronCores, several threads each, and compares every output with that of the model's
 * first pass over the same input.
 *
 * usage: nrt-groups [--threads N] [--count N] [--rounds N] [--endless] START:CORES:NEFF...
 *
 * START and CORES are nrt_load()'s (-1: the library chooses); N threads a model share its N inferences. After each
 * round it says what it uses and waits for SIGUSR1. --endless: until SIGTERM; a model that fails tells, and the others
 * go on; SIGUSR1 closes the library, opens it anew, and runs each model again.
 */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#define INPUTS		8
#define MODELS		16
#define THREADS		64
/* A model that failed has to do so again, and not to hang. */
#define TRIES		3

struct maps {
	nrt_tensor_set_t *set[2];
	nrt_tensor_t **tensor;
};

struct model {
	const char *path;
	int start, cores;
	char *neff;
	size_t size;
	nrt_model_t *handle;
	nrt_tensor_info_array_t *info;
	char *want[INPUTS];
	size_t out_bytes;
	atomic_uint next, wrong;
	_Atomic uint64_t done;
	atomic_bool failed;
};

static struct model models[MODELS];
static int model_count, threads = 1;
static unsigned int limit, total = 64, rounds = 1;
static bool endless;
static atomic_bool stop;

static void fail(const char *what, NRT_STATUS status)
{
	printf("error %s: %s: %s\n", what, nrt_get_status_as_str(status), nrt_open_last_error());
	exit(1);
}

static void check(const char *what, NRT_STATUS status)
{
	if (status)
		fail(what, status);
}

static void read_neff(struct model *m)
{
	FILE *f = fopen(m->path, "re");
	long size = 0;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) <= 0) {
		fprintf(stderr, "nrt-groups: %s cannot be read\n", m->path);
		exit(2);
	}
	m->size = size;
	m->neff = malloc(m->size);
	rewind(f);
	if (!m->neff || fread(m->neff, 1, m->size, f) != m->size)
		exit(2);
	fclose(f);
}

static void maps_create(const struct model *m, struct maps *maps)
{
	uint64_t i;

	maps->tensor = calloc(m->info->tensor_count, sizeof(*maps->tensor));
	check("set", nrt_allocate_tensor_set(&maps->set[0]));
	check("set", nrt_allocate_tensor_set(&maps->set[1]));
	for (i = 0; i < m->info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &m->info->tensor_array[i];

		check("tensor", nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, t->size, t->name,
						    &maps->tensor[i]));
		check("add", nrt_add_tensor_to_tensor_set(maps->set[t->usage], t->name, maps->tensor[i]));
	}
}

static void maps_free(const struct model *m, struct maps *maps)
{
	uint64_t i;

	for (i = 0; i < m->info->tensor_count; i++)
		nrt_tensor_free(&maps->tensor[i]);
	nrt_destroy_tensor_set(&maps->set[0]);
	nrt_destroy_tensor_set(&maps->set[1]);
	free(maps->tensor);
}

/* Small numbers, the same on every machine. */
static void fill(const struct model *m, struct maps *maps, unsigned int which)
{
	uint32_t x = which * 2654435761u + 12345;
	uint64_t i, k;

	for (i = 0; i < m->info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &m->info->tensor_array[i];
		float *p = nrt_tensor_get_va(maps->tensor[i]);

		if (t->usage != NRT_TENSOR_USAGE_INPUT)
			continue;
		for (k = 0; k < t->size / sizeof(*p); k++) {
			x = x * 1664525 + 1013904223;
			p[k] = (int)(x >> 29) - 3;
		}
	}
}

static void collect(const struct model *m, const struct maps *maps, char *to)
{
	uint64_t i;

	for (i = 0; i < m->info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &m->info->tensor_array[i];

		if (t->usage == NRT_TENSOR_USAGE_OUTPUT) {
			memcpy(to, nrt_tensor_get_va(maps->tensor[i]), t->size);
			to += t->size;
		}
	}
}

static NRT_STATUS execute(struct model *m, struct maps *maps, unsigned int which, char *to)
{
	NRT_STATUS status;

	fill(m, maps, which);
	status = nrt_execute(m->handle, maps->set[0], maps->set[1]);
	if (!status)
		collect(m, maps, to);
	return status;
}

static void first_pass(struct model *m)
{
	struct maps maps;
	unsigned int i;
	uint64_t k;

	m->out_bytes = 0;
	for (k = 0; k < m->info->tensor_count; k++)
		if (m->info->tensor_array[k].usage == NRT_TENSOR_USAGE_OUTPUT)
			m->out_bytes += m->info->tensor_array[k].size;
	maps_create(m, &maps);
	for (i = 0; i < INPUTS; i++) {
		if (!m->want[i])
			m->want[i] = malloc(m->out_bytes);
		check("first pass", execute(m, &maps, i, m->want[i]));
	}
	maps_free(m, &maps);
}

static void load(struct model *m)
{
	check("load", nrt_load(m->neff, m->size, m->start, m->cores, &m->handle));
	check("info", nrt_get_model_tensor_info(m->handle, &m->info));
}

static void unload(struct model *m)
{
	check("unload", nrt_unload(m->handle));
	nrt_free_model_tensor_info(m->info);
}

static void tell_failure(struct model *m, struct maps *maps, char *out, NRT_STATUS status)
{
	char others[256] = "";
	int again = 0, i;

	if (atomic_exchange(&m->failed, true))
		return;
	for (i = 0; i < TRIES; i++)
		again += execute(m, maps, 0, out) == status;
	for (i = 0; i < model_count; i++)
		if (&models[i] != m)
			snprintf(others + strlen(others), sizeof(others) - strlen(others), " %" PRIu64,
				 (uint64_t)models[i].done);
	printf("model %td: %s, and %d times again; others have done%s; %s\n", m - models,
	       nrt_get_status_as_str(status), again, others, nrt_open_last_error());
	fflush(stdout);
}

static void *work(void *arg)
{
	struct model *m = arg;
	char *out = malloc(m->out_bytes);
	struct maps maps;
	unsigned int n;

	maps_create(m, &maps);
	while (!stop && !m->failed) {
		NRT_STATUS status;

		n = m->next++;
		if (!endless && n >= limit)
			break;
		status = execute(m, &maps, n % INPUTS, out);
		if (status && !endless)
			fail("execute", status);
		if (status) {
			tell_failure(m, &maps, out, status);
			break;
		}
		if (memcmp(out, m->want[n % INPUTS], m->out_bytes))
			m->wrong++;
		m->done++;
	}
	maps_free(m, &maps);
	free(out);
	return NULL;
}

static uint64_t hash(const struct model *m)
{
	uint64_t h = 0xcbf29ce484222325;
	size_t i, k;

	for (i = 0; i < INPUTS; i++)
		for (k = 0; k < m->out_bytes; k++)
			h = (h ^ (uint8_t)m->want[i][k]) * 0x100000001b3;
	return h;
}

static void report(struct model *m)
{
	uint32_t cores, instances;

	check("nc_count", nrt_get_model_nc_count(m->handle, &cores));
	check("instances", nrt_get_model_instance_count(m->handle, &instances));
	printf("model %td: %u cores, %u instances, %" PRIu64 " done, %u wrong, hash %016" PRIx64 "\n", m - models,
	       cores, instances, (uint64_t)m->done, m->wrong, hash(m));
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void start(pthread_t *thread, int *count)
{
	int i, k;

	*count = 0;
	for (i = 0; i < model_count; i++)
		for (k = 0; k < threads; k++)
			if (pthread_create(&thread[(*count)++], NULL, work, &models[i]))
				exit(2);
}

static void join(pthread_t *thread, int count)
{
	while (count--)
		pthread_join(thread[count], NULL);
}

static int wait_for_signal(const sigset_t *set)
{
	int number = 0;

	sigwait(set, &number);
	return number;
}

static void run_rounds(const sigset_t *set)
{
	pthread_t thread[MODELS * THREADS];
	unsigned int round;
	int count;

	for (round = 1; round <= rounds; round++) {
		limit = total * round / rounds;
		start(thread, &count);
		join(thread, count);
		/* Each thread asked for one more than there are. */
		for (int i = 0; i < model_count; i++)
			models[i].next = limit;
		printf("round %u: rss %ld descriptors %d\n", round, resident(), descriptors());
		fflush(stdout);
		if (rounds > 1 && wait_for_signal(set) == SIGTERM)
			break;
	}
}

static void open_again(void)
{
	uint32_t cores;
	int i;

	for (i = 0; i < model_count; i++)
		unload(&models[i]);
	nrt_close();
	check("init", nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	check("cores", nrt_get_visible_nc_count(&cores));
	for (i = 0; i < model_count; i++) {
		uint64_t before = hash(&models[i]);

		load(&models[i]);
		first_pass(&models[i]);
		models[i].wrong += hash(&models[i]) != before;
		models[i].failed = false;
	}
	printf("again: %u cores\n", cores);
	fflush(stdout);
}

static void run_endless(const sigset_t *set)
{
	pthread_t thread[MODELS * THREADS];
	int count;

	do {
		stop = false;
		start(thread, &count);
		printf("running\n");
		fflush(stdout);
		if (wait_for_signal(set) == SIGTERM)
			endless = false;
		stop = true;
		join(thread, count);
		if (endless)
			open_again();
	} while (endless);
}

static void parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		struct model *m = &models[model_count];
		int at = 0;

		if (!strcmp(argv[i], "--endless"))
			endless = true;
		else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
			threads = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--count") && i + 1 < argc)
			total = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = atoi(argv[++i]);
		else if (model_count < MODELS && sscanf(argv[i], "%d:%d:%n", &m->start, &m->cores, &at) == 2 && at)
			models[model_count++].path = argv[i] + at;
		else
			model_count = MODELS + 1;
	}
	if (!model_count || model_count > MODELS || threads < 1 || threads > THREADS || !rounds) {
		fprintf(stderr, "usage: nrt-groups [--threads N] [--count N] [--rounds N] [--endless] START:CORES:NEFF...\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	uint32_t cores;
	sigset_t set;
	int i;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	parse(argc, argv);
	for (i = 0; i < model_count; i++)
		read_neff(&models[i]);
	check("init", nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	check("cores", nrt_get_visible_nc_count(&cores));
	printf("pid %d cores %u\n", getpid(), cores);
	for (i = 0; i < model_count; i++) {
		load(&models[i]);
		first_pass(&models[i]);
	}
	if (endless)
		run_endless(&set);
	else
		run_rounds(&set);
	for (i = 0; i < model_count; i++)
		report(&models[i]);
	for (i = 0; i < model_count; i++)
		unload(&models[i]);
	nrt_close();
	printf("end\n");
	return 0;
}
