// SPDX-License-Identifier: Apache-2.0
/*
 * Profiles: their calls and statuses, and what is in the files.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <nrt/nrt_profile.h>

#include "nrt_api.h"
#include "profile_format.h"

static char folder[32];

/** struct session - a model, and what it is executed with */
struct session {
	nrt_model_t *model;
	struct io io;
};

static const char *path(const char *name)
{
	static char paths[4][64];
	static unsigned int next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", folder, name);
	return p;
}

static int profile_set_up(void **state)
{
	static struct session s;

	strcpy(folder, "/tmp/nrt-profile-XXXXXX");
	if (!mkdtemp(folder) || set_up(state))
		return -1;
	assert_status(nrt_load(neff, neff_size, -1, -1, &s.model), NRT_SUCCESS);
	io_create(&s.io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	*state = &s;
	return 0;
}

static int profile_tear_down(void **state)
{
	struct session *s = *state;
	char command[96];

	io_free(&s->io);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return tear_down(state) || system(command) ? -1 : 0;
}

static NRT_STATUS execute(struct session *s, nrt_model_t *model)
{
	return nrt_execute(model, s->io.inputs, s->io.outputs);
}

/* Records of a file by type; the sums that tests ask for. */
struct counts {
	unsigned int of[PROFILE_END + 1];
	unsigned int traced;
	uint64_t job_cycles, execution_cycles, last_execution;
};

static struct counts read_profile(const char *name)
{
	struct counts c = { 0 };
	struct profile_header h;
	struct profile_record r;
	FILE *f = fopen(name, "rb");
	char *rest;

	assert_non_null(f);
	assert_int_equal(fread(&h, sizeof(h), 1, f), 1);
	assert_memory_equal(h.magic, PROFILE_MAGIC, 8);
	assert_int_equal(h.version, PROFILE_VERSION);
	assert_int_equal(h.pid, getpid());
	while (fread(&r, sizeof(r), 1, f) == 1) {
		assert_in_range(r.type, 1, PROFILE_END);
		assert_int_equal(c.of[PROFILE_END], 0);
		assert_int_equal(r.size % 8, 0);
		rest = malloc(r.size);
		memcpy(rest, &r, sizeof(r));
		assert_int_equal(fread(rest + sizeof(r), r.size - sizeof(r), 1, f), 1);
		c.of[r.type]++;
		if (r.type == PROFILE_JOB) {
			const struct profile_job *job = (void *)rest;
			const struct neuron_trace *t = (void *)(job + 1);

			c.job_cycles += job->cycles;
			c.traced += job->traced;
			if (job->traced) {
				assert_int_equal(t->cycles, job->cycles);
				assert_int_equal(t->lost, 0);
				assert_int_equal(r.size, sizeof(*job) + sizeof(*t) +
						 t->count * sizeof(t->entry[0]));
			}
		}
		if (r.type == PROFILE_EXECUTION) {
			const struct profile_execution *e = (void *)rest;

			c.execution_cycles += e->cycles;
			c.last_execution = e->id > c.last_execution ? e->id : c.last_execution;
		}
		free(rest);
	}
	fclose(f);
	return c;
}

/* What the file holds is what was executed, and the cycles are the runtime's. */
static void profile(void **state)
{
	struct session *s = *state;
	nrt_open_execute_info_t info;
	struct counts c;

	assert_status(nrt_profile_start(s->model, path("a")), NRT_SUCCESS);
	for (int i = 0; i < 20; i++)
		assert_status(execute(s, s->model), NRT_SUCCESS);
	assert_status(nrt_open_get_execute_info(&info), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("a")), NRT_SUCCESS);
	assert_status(execute(s, s->model), NRT_SUCCESS);
	c = read_profile(path("a"));
	assert_int_equal(c.of[PROFILE_MODEL], 1);
	assert_int_equal(c.of[PROFILE_EXECUTION], 20);
	assert_int_equal(c.last_execution, 20);
	assert_int_equal(c.of[PROFILE_JOB], 20);
	assert_int_equal(c.traced, 16);
	/* wait, copy in, queue, compute, copy out */
	assert_int_equal(c.of[PROFILE_PHASE], 100);
	assert_int_equal(c.of[PROFILE_END], 1);
	assert_int_not_equal(info.cycles, 0);
	assert_int_equal(c.job_cycles, 20 * info.cycles);
	assert_int_equal(c.execution_cycles, 20 * info.cycles);
	/* the same file again: from the start */
	assert_status(nrt_profile_start(s->model, path("a")), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("a")), NRT_SUCCESS);
	assert_int_equal(read_profile(path("a")).of[PROFILE_EXECUTION], 0);
}

static void profile_statuses(void **state)
{
	struct session *s = *state;
	nrt_model_t *other;

	assert_status(nrt_profile_start(NULL, path("b")), NRT_INVALID_HANDLE);
	assert_status(nrt_profile_start((nrt_model_t *)s, path("b")), NRT_INVALID_HANDLE);
	assert_status(nrt_profile_start(s->model, NULL), NRT_INVALID);
	assert_status(nrt_profile_start(s->model, "/nowhere/b"), NRT_FAILURE);
	assert_non_null(strstr(nrt_open_last_error(), "/nowhere/b"));
	assert_status(nrt_profile_stop(NULL), NRT_INVALID);
	assert_status(nrt_profile_stop(path("b")), NRT_INVALID);
	assert_status(nrt_profile_start(s->model, path("b")), NRT_SUCCESS);
	assert_status(nrt_profile_start(s->model, path("c")), NRT_INVALID);
	assert_status(nrt_load(neff, neff_size, -1, -1, &other), NRT_SUCCESS);
	assert_status(nrt_profile_start(other, path("b")), NRT_INVALID);
	assert_status(nrt_profile_start(other, path("c")), NRT_SUCCESS);
	assert_status(execute(s, other), NRT_SUCCESS);
	assert_status(nrt_unload(other), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("c")), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("c")), NRT_INVALID);
	assert_status(nrt_profile_stop(path("b")), NRT_SUCCESS);
	assert_int_equal(read_profile(path("b")).of[PROFILE_EXECUTION], 0);
	assert_int_equal(read_profile(path("c")).of[PROFILE_EXECUTION], 1);
	/* A disk that is full is told when it is over. */
	assert_status(nrt_profile_start(s->model, "/dev/full"), NRT_FAILURE);
	assert_status(nrt_trace_stop(path("t")), NRT_INVALID);
	assert_status(nrt_trace_start(false), NRT_SUCCESS);
	assert_status(nrt_trace_start(false), NRT_INVALID);
	assert_status(nrt_trace_stop(NULL), NRT_INVALID);
	assert_status(nrt_trace_stop("/nowhere/t"), NRT_FAILURE);
	assert_status(nrt_trace_stop(path("t")), NRT_INVALID);
}

/* Out of memory, and out of descriptors. */
static void profile_resources(void **state)
{
	struct session *s = *state;
	struct rlimit limit, none;

	fail_allocations(1);
	assert_status(nrt_profile_start(s->model, path("m")), NRT_RESOURCE);
	fail_allocations(1);
	assert_status(nrt_trace_start(false), NRT_RESOURCE);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_status(nrt_profile_start(s->model, path("d")), NRT_FAILURE);
	assert_status(nrt_trace_start(false), NRT_FAILURE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_status(nrt_profile_start(s->model, path("m")), NRT_SUCCESS);
	assert_status(nrt_trace_start(false), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("m")), NRT_SUCCESS);
	assert_status(nrt_trace_stop(path("t")), NRT_SUCCESS);
}

/* All models, and memory that comes and goes; profiles of models go on beside it. */
static void trace(void **state)
{
	struct session *s = *state;
	nrt_model_t *other;
	struct counts c;

	assert_status(nrt_profile_start(s->model, path("one")), NRT_SUCCESS);
	assert_status(execute(s, s->model), NRT_SUCCESS);
	assert_status(nrt_trace_start(true), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, -1, -1, &other), NRT_SUCCESS);
	for (int i = 0; i < 3; i++) {
		assert_status(execute(s, s->model), NRT_SUCCESS);
		assert_status(execute(s, other), NRT_SUCCESS);
	}
	assert_status(nrt_unload(other), NRT_SUCCESS);
	assert_status(nrt_trace_stop(path("all")), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("one")), NRT_SUCCESS);
	c = read_profile(path("all"));
	assert_int_equal(c.of[PROFILE_MODEL], 2);
	assert_int_equal(c.of[PROFILE_EXECUTION], 6);
	assert_int_equal(c.traced, 6);
	assert_in_range(c.of[PROFILE_MEMORY], 4, 100);
	c = read_profile(path("one"));
	assert_int_equal(c.of[PROFILE_MODEL], 1);
	assert_int_equal(c.of[PROFILE_EXECUTION], 4);
	assert_int_equal(c.of[PROFILE_MEMORY], 0);
}

struct worker {
	struct session *s;
	int runs;
};

static void *work(void *opaque)
{
	struct worker *w = opaque;
	nrt_tensor_set_t *out;
	nrt_tensor_t *y;

	nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 16, "y", &y);
	nrt_allocate_tensor_set(&out);
	nrt_add_tensor_to_tensor_set(out, "y", y);
	for (int i = 0; i < w->runs; i++)
		if (nrt_execute(w->s->model, w->s->io.inputs, out))
			return "failed";
	nrt_destroy_tensor_set(&out);
	nrt_tensor_free(&y);
	return NULL;
}

/* Threads execute while profiles begin and end: each file is whole. */
static void profile_threads(void **state)
{
	struct worker w = { .s = *state, .runs = 200 };
	unsigned int executions = 0;
	pthread_t threads[3];
	void *failed;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &w), 0);
	for (int i = 0; i < 10; i++) {
		struct counts c;

		assert_status(nrt_profile_start(w.s->model, path("t")), NRT_SUCCESS);
		work(&(struct worker){ .s = w.s, .runs = 3 });
		assert_status(nrt_profile_stop(path("t")), NRT_SUCCESS);
		c = read_profile(path("t"));
		assert_int_equal(c.of[PROFILE_EXECUTION], c.last_execution);
		assert_int_equal(c.of[PROFILE_JOB], c.last_execution);
		assert_int_equal(c.of[PROFILE_END], 1);
		executions += c.of[PROFILE_EXECUTION];
	}
	assert_true(executions >= 30);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

/* nrt_close() completes what is open; a child of fork() leaves its parent's files alone. */
static void profile_close_and_fork(void **state)
{
	struct session *s = *state;
	int status;
	pid_t pid;

	/* So that there is a core for the child, too. */
	init_with("NEURON_RT_VISIBLE_CORES", "0");
	assert_status(nrt_load(neff, neff_size, -1, -1, &s->model), NRT_SUCCESS);
	assert_status(nrt_profile_start(s->model, path("f")), NRT_SUCCESS);
	assert_status(nrt_trace_start(false), NRT_SUCCESS);
	assert_status(execute(s, s->model), NRT_SUCCESS);
	pid = fork();
	if (!pid) {
		bool good = nrt_profile_stop(path("f")) == NRT_UNINITIALIZED;

		setenv("NEURON_RT_VISIBLE_CORES", "1", 1);
		good = good && !init();
		good = good && nrt_profile_stop(path("f")) == NRT_INVALID;
		_exit(!good);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_status(execute(s, s->model), NRT_SUCCESS);
	nrt_close();
	assert_int_equal(read_profile(path("f")).of[PROFILE_EXECUTION], 2);
	assert_int_equal(read_profile(path("f")).of[PROFILE_END], 1);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_trace_start(false), NRT_SUCCESS);
}

/* A program's own profile takes the place of the one that NEURON_PROFILE began. */
static void profile_environment(void **state)
{
	struct session *s = *state;
	nrt_model_t *m;

	setenv("NEURON_PROFILE", path("env"), 1);
	assert_status(nrt_load(neff, neff_size, -1, -1, &m), NRT_SUCCESS);
	unsetenv("NEURON_PROFILE");
	assert_status(execute(s, m), NRT_SUCCESS);
	assert_status(nrt_profile_start(m, path("own")), NRT_SUCCESS);
	assert_status(execute(s, m), NRT_SUCCESS);
	assert_status(nrt_profile_stop(path("own")), NRT_SUCCESS);
	assert_status(nrt_unload(m), NRT_SUCCESS);
	assert_int_equal(read_profile(path("own")).of[PROFILE_EXECUTION], 1);
}

#define PROFILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, profile_set_up, profile_tear_down)

static const struct CMUnitTest tests[] = {
	PROFILE_TEST(profile),
	PROFILE_TEST(profile_statuses),
	PROFILE_TEST(profile_resources),
	PROFILE_TEST(trace),
	PROFILE_TEST(profile_threads),
	PROFILE_TEST(profile_close_and_fork),
	PROFILE_TEST(profile_environment),
};

TEST_GROUP(profile_tests, tests);
