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

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		fail_msg("cannot write %s", path);
}

static void wait_for_chips(uint32_t cores)
{
	uint32_t count = 0;
	int i;

	for (i = 0; i < 600 && count != cores; i++) {
		if (nrt_get_total_nc_count(&count))
			count = 0;
		usleep(50000);
	}
	assert_int_equal(count, cores);
}

/*
 * A chip goes: what is on it fails with a clear status and can be unloaded, what is elsewhere runs
 * on, and a model with instances on both uses those that are left. It comes back: the next
 * nrt_init() has it.
 */
static void hot_plug(void **state)
{
	nrt_model_t *gone, *here, *both, *late;
	nrt_tensor_t *on_gone, *neighbours, *after = NULL;
	NRT_STATUS status;
	struct io io;
	int i, lent;
	char byte;

	if (!on_kernel())
		skip();
	nrt_close();
	use_chips(2);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, 0, 1, &gone), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, 4, 1, &here), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, 0, 8, &both), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4096, "d", &on_gone),
		      NRT_SUCCESS);
	assert_status(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(on_gone), 4096, &lent), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate_empty("n", &neighbours), NRT_SUCCESS);
	assert_status(nrt_open_tensor_attach_dmabuf(neighbours, 4, lent, 0, 4096), NRT_SUCCESS);
	io_copies(gone, &io, "0123456789abcdef", 16);
	write_file("/sys/class/neuron_device/neuron0/device/remove", "1");
	for (i = 0; i < 3; i++) {
		assert_status(nrt_execute(gone, io.inputs, io.outputs), NRT_HW_ERROR);
		assert_error("No such device");
		io_copies(here, &io, "the other chip..", 16);
	}
	assert_status(nrt_execute_repeat(gone, io.inputs, io.outputs, 2), NRT_HW_ERROR);
	assert_status(nrt_load(neff, neff_size, 0, 1, &late), NRT_HW_ERROR);
	assert_status(nrt_load(neff, neff_size, 2, 4, &late), NRT_HW_ERROR);
	assert_status(nrt_load(neff, neff_size, 5, 1, &late), NRT_SUCCESS);
	io_copies(late, &io, "came afterwards.", 16);
	assert_status(nrt_unload(late), NRT_SUCCESS);
	assert_status(nrt_tensor_write(on_gone, "?", 0, 1), NRT_HW_ERROR);
	assert_status(nrt_tensor_read(on_gone, &byte, 0, 1), NRT_HW_ERROR);
	assert_status(nrt_memcpy_to_device(nrt_tensor_get_va(on_gone), "?", 1), NRT_HW_ERROR);
	assert_status(nrt_tensor_memset(on_gone, 0, 0, 1), NRT_HW_ERROR);
	assert_status(nrt_tensor_copy(on_gone, 0, io.x, 0, 1), NRT_HW_ERROR);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4096, "l", &after),
		      NRT_HW_ERROR);
	/* Each instance that is gone is tried once at most. */
	for (i = 0, status = NRT_HW_ERROR; i < 5 && status == NRT_HW_ERROR; i++)
		status = nrt_execute(both, io.inputs, io.outputs);
	assert_status(status, NRT_SUCCESS);
	for (i = 0; i < 10; i++)
		io_copies(both, &io, "those that stay.", 16);
	assert_null(after);
	assert_status(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(on_gone), 4096, &i), NRT_HW_ERROR);
	assert_status(nrt_open_tensor_attach_dmabuf(on_gone, 0, 0, 0, 4096), NRT_HW_ERROR);
	/* What the other chip has had of it, and what it would get. */
	assert_status(nrt_tensor_read(neighbours, &byte, 0, 1), NRT_FAILURE);
	assert_status(nrt_open_tensor_attach_dmabuf(neighbours, 4, lent, 0, 4096), NRT_FAILURE);
	assert_error("a chip that is gone, or no neighbour");
	close(lent);
	nrt_tensor_free(&neighbours);
	nrt_tensor_free(&on_gone);
	assert_status(nrt_unload(both), NRT_SUCCESS);
	assert_status(nrt_unload(gone), NRT_SUCCESS);
	nrt_close();
	wait_for_chips(4);
	write_file("/sys/bus/pci/rescan", "1");
	wait_for_chips(8);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, 0, 8, &both), NRT_SUCCESS);
	io_copies(both, &io, "and back again..", 16);
	io_free(&io);
}

static const struct CMUnitTest tests[] = {
	TEST(threads),
	TEST(unload_while_executing),
	TEST(hot_plug),
};

TEST_GROUP(thread_tests, tests);
