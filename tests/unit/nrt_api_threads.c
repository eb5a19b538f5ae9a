// SPDX-License-Identifier: Apache-2.0
/*
 * Several threads with one model.
 */
#include <pthread.h>

#include "nrt_api.h"

static nrt_model_t *shared;

static void *execute_many(void *arg)
{
	uint32_t id = (uintptr_t)arg, given[4], got[4], i;
	struct io io;

	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	for (i = 0; i < 300; i++) {
		given[0] = given[1] = given[2] = given[3] = id << 16 | i;
		if (nrt_tensor_write(io.x, given, 0, 16) ||
		    nrt_execute(shared, io.inputs, io.outputs) ||
		    nrt_tensor_read(io.y, got, 0, 16) || memcmp(given, got, 16))
			break;
	}
	io_free(&io);
	return (void *)(uintptr_t)(i == 300);
}

static void threads(void **state)
{
	pthread_t thread[8];
	void *good;
	int i;

	use(build_chain_model, 4);
	assert_status(nrt_load(neff, neff_size, 0, 2, &shared), NRT_SUCCESS);
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, execute_many,
						(void *)(uintptr_t)(i + 1)), 0);
	for (i = 0; i < 8; i++) {
		pthread_join(thread[i], &good);
		assert_non_null(good);
	}
}

static void *execute_until_gone(void *arg)
{
	NRT_STATUS status = NRT_SUCCESS;
	struct io io;

	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	while (!status)
		status = nrt_execute(shared, io.inputs, io.outputs);
	io_free(&io);
	return (void *)(uintptr_t)status;
}

/* Unloading waits for executions; later ones get an error, not a crash. */
static void unload_while_executing(void **state)
{
	pthread_t thread[3];
	void *status;
	int i;

	assert_status(nrt_load(neff, neff_size, -1, -1, &shared), NRT_SUCCESS);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, execute_until_gone, NULL), 0);
	usleep(20000);
	assert_status(nrt_unload(shared), NRT_SUCCESS);
	for (i = 0; i < 3; i++) {
		pthread_join(thread[i], &status);
		assert_int_equal((uintptr_t)status, NRT_INVALID_HANDLE);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(threads),
	TEST(unload_while_executing),
};

TEST_GROUP(thread_tests, tests);
