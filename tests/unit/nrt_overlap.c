// SPDX-License-Identifier: Apache-2.0
/*
 * Executions of one model overlap: while one thread is in a node on the CPU, another one's whole execution, NeuronCore
 * and all, begins and ends; nodes on different cores run at the same time, each for another thread. The calls of ONNX
 * Runtime, and the one that has a core execute, are replaced at link time; no clock decides.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>
#include <neuron/regs.h>

#include "cpu.h"
#include "emu.h"
#include "nrt_build.h"

/* A library that does not overlap executions fails after it, instead of waiting for ever. */
#define PATIENCE_S	60

static sem_t entered, go_on;
static pthread_t slow_thread;
static bool slow_is_there, gave_up, no_memory;
static int in_its_thread;
static nrt_model_t *model;

int __wrap_nrt_cpu_session_create(const struct neff *neff, const struct neff_node *node,
				  struct nrt_cpu_session **session);
void __wrap_nrt_cpu_session_free(struct nrt_cpu_session *session);
int __wrap_nrt_cpu_run(struct nrt_cpu_session *session, const struct nrt_cpu_tensor *inputs,
		       struct nrt_cpu_tensor *outputs);

int __wrap_nrt_cpu_session_create(const struct neff *neff, const struct neff_node *node,
				  struct nrt_cpu_session **session)
{
	*session = malloc(1);
	return *session ? 0 : -ENOMEM;
}

void __wrap_nrt_cpu_session_free(struct nrt_cpu_session *session)
{
	free(session);
}

static bool wait_for(sem_t *sem)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += PATIENCE_S;
	return !sem_timedwait(sem, &limit);
}

/* The node copies. In the slow thread it does not end before it is let go. */
int __wrap_nrt_cpu_run(struct nrt_cpu_session *session, const struct nrt_cpu_tensor *inputs,
		       struct nrt_cpu_tensor *outputs)
{
	if (slow_is_there && pthread_equal(pthread_self(), slow_thread)) {
		in_its_thread++;
		sem_post(&entered);
		gave_up = !wait_for(&go_on);
	}
	if (no_memory)
		return -ENOMEM;
	memcpy(outputs[0].data, inputs[0].data, inputs[0].type->size);
	return 0;
}

/* Of the pipeline: which of both threads this is. */
static _Thread_local enum { NEITHER, AHEAD, BEHIND } role;
static sem_t ahead_is_in, behind_is_in, ahead_is_done;
static atomic_int missed, ran[NEURON_CORES];

int __real_emu_core_exec(struct emu_chip *chip, unsigned int core, const struct neuron_segment *segments,
			 unsigned int count, uint32_t owner, const struct neuron_job *job,
			 struct neuron_completion *completion);
int __wrap_emu_core_exec(struct emu_chip *chip, unsigned int core, const struct neuron_segment *segments,
			 unsigned int count, uint32_t owner, const struct neuron_job *job,
			 struct neuron_completion *completion);

/*
 * The second node of the thread that is ahead begins, and waits for the first one of the other, which does not end
 * before it. None of it happens unless both run at the same time.
 */
int __wrap_emu_core_exec(struct emu_chip *chip, unsigned int core, const struct neuron_segment *segments,
			 unsigned int count, uint32_t owner, const struct neuron_job *job,
			 struct neuron_completion *completion)
{
	int rc;

	ran[core]++;
	if (role == AHEAD && core == 1) {
		sem_post(&ahead_is_in);
		missed += !wait_for(&behind_is_in);
	}
	if (role == BEHIND && core == 0) {
		sem_post(&behind_is_in);
		missed += !wait_for(&ahead_is_done);
	}
	rc = __real_emu_core_exec(chip, core, segments, count, owner, job, completion);
	if (role == AHEAD && core == 1)
		sem_post(&ahead_is_done);
	return rc;
}

static NRT_STATUS copies(const char *text)
{
	nrt_tensor_set_t *in, *out;
	nrt_tensor_t *x, *y;
	NRT_STATUS status;
	char got[16];

	nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 16, "x", &x);
	nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 16, "y", &y);
	nrt_allocate_tensor_set(&in);
	nrt_allocate_tensor_set(&out);
	nrt_add_tensor_to_tensor_set(in, "x", x);
	nrt_add_tensor_to_tensor_set(out, "y", y);
	nrt_tensor_write(x, text, 0, 16);
	status = nrt_execute(model, in, out);
	if (!status && (nrt_tensor_read(y, got, 0, 16) || memcmp(got, text, 16)))
		status = NRT_FAILURE;
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	nrt_tensor_free(&x);
	nrt_tensor_free(&y);
	return status;
}

static void *slow(void *arg)
{
	slow_thread = pthread_self();
	slow_is_there = true;
	return (void *)(uintptr_t)copies("the slow thread.");
}

/* One core, so that nothing but the runtime can keep them from each other. */
static void overlap(void **state)
{
	pthread_t thread;
	void *status;
	int i;

	assert_int_equal(sem_init(&entered, 0, 0), 0);
	assert_int_equal(sem_init(&go_on, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, slow, NULL), 0);
	assert_true(wait_for(&entered));
	for (i = 0; i < 5; i++)
		assert_int_equal(copies("another thread's"), NRT_SUCCESS);
	sem_post(&go_on);
	pthread_join(thread, &status);
	assert_int_equal((uintptr_t)status, NRT_SUCCESS);
	assert_false(gave_up);
	assert_int_equal(in_its_thread, 1);
}

/* What a node on the CPU has no memory for ends the execution, and that only. */
static void short_of_memory(void **state)
{
	no_memory = true;
	assert_int_equal(copies("all for nothing."), NRT_RESOURCE);
	assert_string_equal(nrt_open_last_error(), "overlap/cpu00: out of host memory");
	no_memory = false;
	assert_int_equal(copies("there is some now"), NRT_SUCCESS);
}

static void *ahead(void *arg)
{
	role = AHEAD;
	return (void *)(uintptr_t)copies("thread in front.");
}

/* A model of two nodes on two cores: one instance, whose nodes work for two threads at once. */
static void pipeline(void **state)
{
	pthread_t thread;
	uint32_t count;
	void *status;

	assert_int_equal(sem_init(&ahead_is_in, 0, 0), 0);
	assert_int_equal(sem_init(&behind_is_in, 0, 0), 0);
	assert_int_equal(sem_init(&ahead_is_done, 0, 0), 0);
	assert_int_equal(nrt_get_model_instance_count(model, &count), NRT_SUCCESS);
	assert_int_equal(count, 1);
	assert_int_equal(pthread_create(&thread, NULL, ahead, NULL), 0);
	assert_true(wait_for(&ahead_is_in));
	role = BEHIND;
	assert_int_equal(copies("and one behind it"), NRT_SUCCESS);
	role = NEITHER;
	pthread_join(thread, &status);
	assert_int_equal((uintptr_t)status, NRT_SUCCESS);
	assert_int_equal(missed, 0);
	assert_int_equal(ran[0], 2);
	assert_int_equal(ran[1], 2);
}

/* A NEFF of @b, which this frees, with what its header says of it besides. */
static int load(struct build *b, unsigned int cores, uint64_t features)
{
	struct neuron_neff_header h;
	uint8_t *neff;
	size_t size;
	int rc;

	setenv("NEURON_RT_DEVICE", "emulator", 1);
	setenv("NEURON_RT_LOG_LEVEL", "ERROR", 1);
	neff = build_file(b, &size);
	build_free(b);
	memcpy(&h, neff, sizeof(h));
	h.num_tpb = cores;
	h.feature_bits |= features;
	memcpy(neff, &h, sizeof(h));
	rc = nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "") || nrt_load(neff, size, 0, cores, &model);
	free(neff);
	return rc ? -1 : 0;
}

static int load_pipeline(void **state)
{
	struct build b;

	atomic_init(&ran[0], 0);
	atomic_init(&ran[1], 0);
	build_chain_model(&b, 4);
	/* A core for each node. */
	return load(&b, 2, 0);
}

static int set_up(void **state)
{
	struct build b;

	build_chain_model(&b, 4);
	/* x -> (CPU) -> m -> (NeuronCore) -> y */
	build_text(&b, "neff.json",
		   "{\"name\": \"overlap\", \"isa_version\": 1, \"compiler\": \"nrt_overlap.c\",\n"
		   "\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [1, 4]}],\n"
		   "\"outputs\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [1, 4]}],\n"
		   "\"tensors\": [{\"name\": \"m\", \"dtype\": \"float32\", \"shape\": [1, 4]}],\n"
		   "\"nodes\": [{\"name\": \"cpu00\", \"executor\": \"CPU\", \"cores\": 0, \"model\": \"model.onnx\", \"operators\": \"Identity\", \"inputs\": [\"x\"], \"outputs\": [\"m\"]},\n"
		   "{\"name\": \"sg01\", \"executor\": \"NeuronCore\", \"cores\": 1, \"inputs\": [\"m\"], \"outputs\": [\"y\"]}]}");
	build_text(&b, "cpu00/model.onnx", "onnx");
	return load(&b, 1, NEURON_NEFF_FEATURE_CPU_NODES);
}

static int tear_down(void **state)
{
	nrt_close();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(overlap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(short_of_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pipeline, load_pipeline, tear_down),
	};

	return cmocka_run_group_tests_name("overlap", tests, NULL, NULL);
}
