// SPDX-License-Identifier: Apache-2.0
/*
 * The calls of libnrt: status codes before, between and after, tensors, models and
 * executions on the in-process emulator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <pthread.h>
#include <cmocka.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#include "nrt_build.h"

#define assert_status(call, want) \
	assert_string_equal(nrt_get_status_as_str(call), nrt_get_status_as_str(want))

static uint8_t *neff;
static size_t neff_size;

static void use(void (*model)(struct build *, unsigned int), unsigned int elements)
{
	struct build b;

	free(neff);
	model(&b, elements);
	neff = build_file(&b, &neff_size);
	build_free(&b);
}

static NRT_STATUS init(void)
{
	return nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
}

static int set_up(void **state)
{
	unsetenv("NEURON_RT_VISIBLE_CORES");
	unsetenv("NEURON_RT_NUM_CORES");
	setenv("NEURON_RT_DEVICE", "emulator", 1);
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 1);
	use(build_copy_model, 4);
	return init();
}

static int tear_down(void **state)
{
	nrt_close();
	return 0;
}

/* Every call that needs the state says so, and touches nothing. */
static void expect_all(NRT_STATUS want)
{
	nrt_tensor_info_array_t *infos = (void *)1;
	nrt_tensor_set_t *set = (void *)1;
	nrt_tensor_t *tensor = (void *)1;
	nrt_model_t *model = (void *)1;
	uint32_t count = 77;
	char buf[4];

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), want);
	assert_status(nrt_load_collectives(neff, neff_size, -1, -1, 0, 1, &model), want);
	assert_status(nrt_unload(model), want);
	assert_status(nrt_get_model_nc_count(model, &count), want);
	assert_status(nrt_get_model_instance_count(model, &count), want);
	assert_status(nrt_get_model_tensor_info(model, &infos), want);
	assert_status(nrt_allocate_tensor_set(&set), want);
	assert_status(nrt_add_tensor_to_tensor_set(set, "x", tensor), want);
	assert_status(nrt_get_tensor_from_tensor_set(set, "x", &tensor), want);
	assert_status(nrt_execute(model, set, set), want);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, "x", &tensor), want);
	assert_status(nrt_tensor_allocate_empty("x", &tensor), want);
	assert_status(nrt_tensor_allocate_slice(tensor, 0, 1, "x", &tensor), want);
	assert_status(nrt_tensor_attach_buffer(tensor, buf, sizeof(buf)), want);
	assert_status(nrt_tensor_read(tensor, buf, 0, 4), want);
	assert_status(nrt_tensor_write(tensor, buf, 0, 4), want);
	assert_status(nrt_tensor_copy(tensor, 0, tensor, 0, 4), want);
	assert_status(nrt_tensor_memset(tensor, 0, 0, 4), want);
	assert_ptr_equal(set, 1);
	assert_ptr_equal(tensor, 1);
	assert_ptr_equal(model, 1);
	assert_int_equal(count, 77);
}

static void before_init(void **state)
{
	nrt_version_t version;
	uint32_t count = 0;

	setenv("NEURON_RT_DEVICE", "emulator:2", 1);
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 1);
	/* Logs at the level that nrt_init() read last, by default ERROR. */
	use(build_copy_model, 4);
	expect_all(NRT_UNINITIALIZED);
	assert_string_not_equal(nrt_open_last_error(), "");
	/* These are allowed. */
	assert_status(nrt_get_total_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 8);
	setenv("NEURON_RT_VISIBLE_CORES", "1-2", 1);
	assert_status(nrt_get_visible_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 2);
	unsetenv("NEURON_RT_VISIBLE_CORES");
	assert_status(nrt_get_total_nc_count(NULL), NRT_INVALID);
	assert_status(nrt_get_version(&version, sizeof(version)), NRT_SUCCESS);
	assert_non_null(strstr(version.rt_detail, "libnrt"));
	assert_status(nrt_get_version(NULL, sizeof(version)), NRT_INVALID);
	/* An older, shorter structure. */
	version.rt_minor = 12345;
	assert_status(nrt_get_version(&version, 8), NRT_SUCCESS);
	assert_int_equal(version.rt_minor, 12345);
	nrt_close();
	expect_all(NRT_UNINITIALIZED);
}

static void after_close(void **state)
{
	uint32_t count;

	nrt_close();
	expect_all(NRT_CLOSED);
	nrt_close();
	assert_status(nrt_get_total_nc_count(&count), NRT_SUCCESS);
	assert_status(init(), NRT_SUCCESS);
	assert_status(init(), NRT_FAILURE);
}

static void init_arguments(void **state)
{
	nrt_close();
	assert_status(nrt_init(NRT_FRAMEWORK_TYPE_INVALID, "", ""), NRT_INVALID);
	assert_status(nrt_init(6, "", ""), NRT_INVALID);
	assert_status(nrt_init(NRT_FRAMEWORK_TYPE_PYTORCH, NULL, ""), NRT_INVALID);
	setenv("NEURON_RT_VISIBLE_CORES", "1,3", 1);
	assert_status(init(), NRT_INVALID);
	assert_non_null(strstr(nrt_open_last_error(), "NEURON_RT_VISIBLE_CORES=1,3"));
	setenv("NEURON_RT_VISIBLE_CORES", "3-4", 1);
	assert_status(init(), NRT_RESOURCE);
	assert_non_null(strstr(nrt_open_last_error(), "Requested:nc3-nc4 Available:4"));
	unsetenv("NEURON_RT_VISIBLE_CORES");
	setenv("NEURON_RT_NUM_CORES", "5", 1);
	assert_status(init(), NRT_RESOURCE);
	unsetenv("NEURON_RT_NUM_CORES");
	setenv("NEURON_RT_DEVICE", "/dev/neuron99", 1);
	assert_status(init(), NRT_FAILURE);
	assert_non_null(strstr(nrt_open_last_error(), "/dev/neuron99"));
}

static void core_counts(void **state)
{
	uint32_t count;

	nrt_close();
	setenv("NEURON_RT_DEVICE", "emulator:2", 1);
	setenv("NEURON_RT_VISIBLE_CORES", "3-6", 1);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_get_total_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 8);
	assert_status(nrt_get_visible_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 4);
	nrt_close();
	unsetenv("NEURON_RT_VISIBLE_CORES");
	setenv("NEURON_RT_NUM_CORES", "3", 1);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_get_visible_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 3);
}

static void tensors_of(nrt_tensor_placement_t placement)
{
	nrt_tensor_t *t = NULL, *slice, *other;
	char buf[16], want[16] = { 0 };

	assert_status(nrt_tensor_allocate(placement, -1, 16, "t", &t), NRT_SUCCESS);
	assert_int_equal(nrt_tensor_get_size(t), 16);
	assert_status(nrt_tensor_read(t, buf, 0, 16), NRT_SUCCESS);
	assert_memory_equal(buf, want, 16);
	assert_status(nrt_tensor_write(t, "0123456789abcdef", 0, 16), NRT_SUCCESS);
	assert_status(nrt_tensor_write(t, "XY", 14, 2), NRT_SUCCESS);
	assert_status(nrt_tensor_write(t, "XY", 15, 2), NRT_INVALID);
	assert_status(nrt_tensor_write(t, "XY", 16, 0), NRT_SUCCESS);
	assert_status(nrt_tensor_write(t, "XY", SIZE_MAX, 2), NRT_INVALID);
	assert_status(nrt_tensor_read(t, buf, 17, 0), NRT_INVALID);
	assert_status(nrt_tensor_read(t, buf, 1, 16), NRT_INVALID);
	assert_status(nrt_tensor_read(t, NULL, 0, 1), NRT_INVALID);
	assert_status(nrt_tensor_memset(t, 2, '*', 3), NRT_SUCCESS);
	assert_status(nrt_tensor_memset(t, 14, '*', 3), NRT_INVALID);
	assert_status(nrt_tensor_allocate_slice(t, 4, 8, "s", &slice), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate_slice(t, 9, 8, "s", &other), NRT_INVALID);
	assert_status(nrt_tensor_allocate_slice(slice, 1, 7, NULL, &other), NRT_SUCCESS);
	assert_status(nrt_tensor_write(other, "!", 6, 1), NRT_SUCCESS);
	assert_status(nrt_tensor_write(other, "!", 7, 1), NRT_INVALID);
	nrt_tensor_free(&other);
	assert_null(other);
	assert_status(nrt_tensor_read(t, buf, 0, 16), NRT_SUCCESS);
	assert_memory_equal(buf, "01***56789a!cdXY", 16);
	/* The slice keeps the memory. */
	nrt_tensor_free(&t);
	assert_status(nrt_tensor_read(slice, buf, 0, 8), NRT_SUCCESS);
	assert_memory_equal(buf, "*56789a!", 8);
	nrt_tensor_free(&slice);
	nrt_tensor_free(&slice);
	nrt_tensor_free(NULL);
}

static void tensors(void **state)
{
	nrt_tensor_t *t = NULL;

	tensors_of(NRT_TENSOR_PLACEMENT_VIRTUAL);
	tensors_of(NRT_TENSOR_PLACEMENT_HOST);
	tensors_of(NRT_TENSOR_PLACEMENT_DEVICE);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 0, "t", &t), NRT_INVALID);
	assert_status(nrt_tensor_allocate(3, -1, 4, "t", &t), NRT_INVALID);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, "t", NULL),
		      NRT_INVALID);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 4, 4, "t", &t), NRT_INVALID);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, -1, 4 << 20, "t", &t), NRT_RESOURCE);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, -1, 5ULL << 30, "t", &t),
		      NRT_RESOURCE);
	assert_non_null(strstr(nrt_open_last_error(), "mc_alloc"));
	assert_null(t);
	assert_status(nrt_tensor_read(NULL, &t, 0, 1), NRT_INVALID);
	assert_int_equal(nrt_tensor_get_size(NULL), 0);
	assert_null(nrt_tensor_get_va(NULL));
}

/* DRAM that was given back is found again, and reads as zeros. */
static void device_memory_comes_back(void **state)
{
	nrt_tensor_t *t;
	int i;
	char c;

	for (i = 0; i < 20; i++) {
		assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 3ULL << 30, "t", &t),
			      NRT_SUCCESS);
		assert_status(nrt_tensor_read(t, &c, 12345678, 1), NRT_SUCCESS);
		assert_int_equal(c, 0);
		assert_status(nrt_tensor_memset(t, 12345678, 9, 1), NRT_SUCCESS);
		nrt_tensor_free(&t);
	}
}

static void attach(void **state)
{
	char first[8] = "aaaaaaa", second[16] = "bbbbbbbbbbbbbbb", buf[16];
	nrt_tensor_t *t;

	assert_status(nrt_tensor_allocate_empty("e", &t), NRT_SUCCESS);
	assert_int_equal(nrt_tensor_get_size(t), 0);
	assert_null(nrt_tensor_get_va(t));
	assert_status(nrt_tensor_read(t, buf, 0, 0), NRT_INVALID);
	assert_status(nrt_tensor_attach_buffer(t, NULL, 8), NRT_INVALID);
	assert_status(nrt_tensor_attach_buffer(t, first, 0), NRT_INVALID);
	assert_status(nrt_tensor_attach_buffer(t, first, 8), NRT_SUCCESS);
	assert_ptr_equal(nrt_tensor_get_va(t), first);
	assert_status(nrt_tensor_write(t, "zz", 1, 2), NRT_SUCCESS);
	assert_string_equal(first, "azzaaaa");
	assert_status(nrt_tensor_attach_buffer(t, second, 16), NRT_SUCCESS);
	assert_int_equal(nrt_tensor_get_size(t), 16);
	assert_status(nrt_tensor_read(t, buf, 0, 16), NRT_SUCCESS);
	assert_string_equal(buf, second);
	nrt_tensor_free(&t);
	/* Also in place of own memory. */
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, -1, 4, "d", &t), NRT_SUCCESS);
	assert_status(nrt_tensor_attach_buffer(t, first, 8), NRT_SUCCESS);
	assert_ptr_equal(nrt_tensor_get_va(t), first);
	nrt_tensor_free(&t);
}

static void copies(void **state)
{
	static const nrt_tensor_placement_t places[] = {
		NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_HOST, NRT_TENSOR_PLACEMENT_VIRTUAL,
	};
	nrt_tensor_t *a, *b;
	unsigned int i, k;
	char buf[8];

	for (i = 0; i < 3; i++)
		for (k = 0; k < 3; k++) {
			assert_status(nrt_tensor_allocate(places[i], -1, 8, "a", &a), NRT_SUCCESS);
			assert_status(nrt_tensor_allocate(places[k], -1, 8, "b", &b), NRT_SUCCESS);
			assert_status(nrt_tensor_write(a, "01234567", 0, 8), NRT_SUCCESS);
			assert_status(nrt_tensor_memset(b, 0, '-', 8), NRT_SUCCESS);
			assert_status(nrt_tensor_copy(a, 2, b, 5, 3), NRT_SUCCESS);
			assert_status(nrt_tensor_copy(a, 2, b, 6, 3), NRT_INVALID);
			assert_status(nrt_tensor_copy(a, 6, b, 5, 3), NRT_INVALID);
			assert_status(nrt_tensor_read(b, buf, 0, 8), NRT_SUCCESS);
			assert_memory_equal(buf, "-----234", 8);
			nrt_tensor_free(&a);
			nrt_tensor_free(&b);
		}
	nrt_close();
	setenv("NEURON_RT_DEVICE", "emulator:2", 1);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 8, "a", &a), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 4, 8, "b", &b), NRT_SUCCESS);
	assert_status(nrt_tensor_copy(a, 0, b, 0, 8), NRT_INVALID);
	/* Tensors outlive nrt_close(), as far as freeing goes. */
	nrt_close();
	nrt_tensor_free(&a);
	nrt_tensor_free(&b);
}

static void sets(void **state)
{
	nrt_tensor_t *a, *b, *got = NULL;
	nrt_tensor_set_t *set;
	char name[32];
	int i;

	assert_status(nrt_allocate_tensor_set(NULL), NRT_INVALID);
	assert_status(nrt_allocate_tensor_set(&set), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, "a", &a), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, NULL, &b),
		      NRT_SUCCESS);
	assert_status(nrt_get_tensor_from_tensor_set(set, "x", &got), NRT_FAILURE);
	assert_null(got);
	assert_status(nrt_add_tensor_to_tensor_set(set, "x", NULL), NRT_INVALID);
	assert_status(nrt_add_tensor_to_tensor_set(set, NULL, a), NRT_INVALID);
	assert_status(nrt_add_tensor_to_tensor_set(set, "", a), NRT_INVALID);
	assert_status(nrt_add_tensor_to_tensor_set(NULL, "x", a), NRT_INVALID);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		assert_status(nrt_add_tensor_to_tensor_set(set, name, i % 2 ? a : b), NRT_SUCCESS);
	}
	assert_status(nrt_get_tensor_from_tensor_set(set, "t99", &got), NRT_SUCCESS);
	assert_ptr_equal(got, a);
	assert_status(nrt_add_tensor_to_tensor_set(set, "t99", b), NRT_SUCCESS);
	assert_status(nrt_get_tensor_from_tensor_set(set, "t99", &got), NRT_SUCCESS);
	assert_ptr_equal(got, b);
	nrt_destroy_tensor_set(&set);
	assert_null(set);
	nrt_destroy_tensor_set(&set);
	nrt_destroy_tensor_set(NULL);
	nrt_tensor_free(&a);
	nrt_tensor_free(&b);
}

/** struct io - tensors "x" and "y" in sets */
struct io {
	nrt_tensor_t *x, *y;
	nrt_tensor_set_t *inputs, *outputs;
};

static void io_create(struct io *io, nrt_tensor_placement_t placement, size_t size)
{
	assert_status(nrt_tensor_allocate(placement, -1, size, "x", &io->x), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(placement, -1, size, "y", &io->y), NRT_SUCCESS);
	assert_status(nrt_allocate_tensor_set(&io->inputs), NRT_SUCCESS);
	assert_status(nrt_allocate_tensor_set(&io->outputs), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io->inputs, "x", io->x), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io->outputs, "y", io->y), NRT_SUCCESS);
}

static void io_free(struct io *io)
{
	nrt_destroy_tensor_set(&io->inputs);
	nrt_destroy_tensor_set(&io->outputs);
	nrt_tensor_free(&io->x);
	nrt_tensor_free(&io->y);
}

static void execute_once(nrt_tensor_placement_t placement)
{
	nrt_open_execute_info_t info;
	char buf[16] = { 0 };
	nrt_model_t *model;
	struct io io;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	io_create(&io, placement, 16);
	assert_status(nrt_tensor_write(io.x, "0123456789abcdef", 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	assert_status(nrt_tensor_read(io.y, buf, 0, 16), NRT_SUCCESS);
	assert_memory_equal(buf, "0123456789abcdef", 16);
	assert_status(nrt_open_get_execute_info(&info), NRT_SUCCESS);
	assert_true(info.cycles > 0);
	io_free(&io);
	assert_status(nrt_unload(model), NRT_SUCCESS);
	assert_status(nrt_unload(model), NRT_INVALID);
}

static void execute(void **state)
{
	execute_once(NRT_TENSOR_PLACEMENT_VIRTUAL);
	execute_once(NRT_TENSOR_PLACEMENT_HOST);
	execute_once(NRT_TENSOR_PLACEMENT_DEVICE);
	use(build_chain_model, 4);
	execute_once(NRT_TENSOR_PLACEMENT_VIRTUAL);
	nrt_close();
	/* Tensors on one chip, the model on the other. */
	setenv("NEURON_RT_DEVICE", "emulator:2", 1);
	setenv("NEURON_RT_VISIBLE_CORES", "3-4", 1);
	assert_status(init(), NRT_SUCCESS);
	execute_once(NRT_TENSOR_PLACEMENT_DEVICE);
}

static void bad_inputs(void **state)
{
	nrt_tensor_t *other;
	nrt_model_t *model;
	struct io io;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 15, "o", &other),
		      NRT_SUCCESS);
	assert_status(nrt_execute(model, io.outputs, io.outputs), NRT_EXEC_BAD_INPUT);
	assert_non_null(strstr(nrt_open_last_error(), "Wrong number of ifmaps, expected: 1, received: 1; there is none for x"));
	assert_status(nrt_execute(model, io.inputs, io.inputs), NRT_EXEC_BAD_INPUT);
	assert_status(nrt_execute(model, NULL, io.outputs), NRT_INVALID);
	assert_status(nrt_execute((void *)&io, io.inputs, io.outputs), NRT_INVALID_HANDLE);
	assert_status(nrt_execute(NULL, io.inputs, io.outputs), NRT_INVALID_HANDLE);
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "x", other), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_BAD_INPUT);
	assert_string_equal(nrt_open_last_error(), "Invalid data length for [x], received 15, expected 16");
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "x", io.x), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io.inputs, "z", other), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_BAD_INPUT);
	assert_string_equal(nrt_open_last_error(), "Wrong number of ifmaps, expected: 1, received: 2");
	nrt_tensor_free(&other);
	io_free(&io);
	/* Left to nrt_close(). */
}

static void load_arguments(void **state)
{
	nrt_model_t *model = NULL;
	uint32_t count;

	assert_status(nrt_load(NULL, 5, -1, -1, &model), NRT_INVALID);
	assert_status(nrt_load(neff, neff_size, -1, -1, NULL), NRT_INVALID);
	assert_status(nrt_load(neff, neff_size - 1, -1, -1, &model), NRT_INVALID);
	assert_status(nrt_load(neff, 10, -1, -1, &model), NRT_INVALID);
	assert_status(nrt_load(neff, neff_size, -2, -1, &model), NRT_INVALID);
	assert_status(nrt_load(neff, neff_size, -1, 0, &model), NRT_INVALID);
	assert_status(nrt_load(neff, neff_size, -1, 5, &model), NRT_LOAD_NOT_ENOUGH_NC);
	assert_status(nrt_load(neff, neff_size, 4, -1, &model), NRT_LOAD_NOT_ENOUGH_NC);
	assert_status(nrt_load(neff, neff_size, 2, 3, &model), NRT_LOAD_NOT_ENOUGH_NC);
	assert_status(nrt_load_collectives(neff, neff_size, -1, -1, 1, 2, &model), NRT_INVALID);
	neff[32] = 9;
	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_UNSUPPORTED_NEFF_VERSION);
	neff[32] = NEURON_NEFF_VERSION_MINOR;
	assert_null(model);
	assert_status(nrt_load_collectives(neff, neff_size, -1, -1, 0, 1, &model), NRT_SUCCESS);
	assert_status(nrt_get_model_nc_count(model, &count), NRT_SUCCESS);
	assert_int_equal(count, 1);
	assert_status(nrt_get_model_nc_count((void *)&count, &count), NRT_INVALID_HANDLE);
	assert_status(nrt_unload(NULL), NRT_INVALID);
}

/* NEURON_RT_VALIDATE_HASH decides whether the hash counts. */
static void hash_variable(void **state)
{
	nrt_model_t *model;

	neff[172] ^= 1;
	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	nrt_close();
	setenv("NEURON_RT_VALIDATE_HASH", "true", 1);
	assert_status(init(), NRT_SUCCESS);
	unsetenv("NEURON_RT_VALIDATE_HASH");
	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_INVALID);
	assert_non_null(strstr(nrt_open_last_error(), "hash mismatch"));
}

static void instances(void **state)
{
	nrt_open_execute_info_t info;
	uint32_t count, cores = 0, i;
	nrt_model_t *models[5];
	struct io io;

	assert_status(nrt_load(neff, neff_size, 1, 3, &models[0]), NRT_SUCCESS);
	assert_status(nrt_get_model_instance_count(models[0], &count), NRT_SUCCESS);
	assert_int_equal(count, 3);
	assert_status(nrt_get_model_nc_count(models[0], &count), NRT_SUCCESS);
	assert_int_equal(count, 3);
	assert_status(nrt_unload(models[0]), NRT_SUCCESS);
	/* The runtime spreads models over the cores. */
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	for (i = 0; i < 5; i++) {
		assert_status(nrt_load(neff, neff_size, -1, -1, &models[i]), NRT_SUCCESS);
		assert_status(nrt_execute(models[i], io.inputs, io.outputs), NRT_SUCCESS);
		assert_status(nrt_open_get_execute_info(&info), NRT_SUCCESS);
		cores |= 1u << info.core;
	}
	assert_int_equal(cores, 0xf);
	io_free(&io);
}

static void tensor_info(void **state)
{
	nrt_tensor_info_array_t *infos;
	nrt_model_t *model;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	assert_status(nrt_get_model_tensor_info(model, NULL), NRT_INVALID);
	assert_status(nrt_get_model_tensor_info(model, &infos), NRT_SUCCESS);
	assert_int_equal(infos->tensor_count, 2);
	assert_string_equal(infos->tensor_array[0].name, "x");
	assert_int_equal(infos->tensor_array[0].usage, NRT_TENSOR_USAGE_INPUT);
	assert_int_equal(infos->tensor_array[0].size, 16);
	assert_int_equal(infos->tensor_array[0].dtype, NRT_DTYPE_FLOAT32);
	assert_int_equal(infos->tensor_array[0].ndim, 2);
	assert_int_equal(infos->tensor_array[0].shape[1], 4);
	assert_string_equal(infos->tensor_array[1].name, "y");
	assert_int_equal(infos->tensor_array[1].usage, NRT_TENSOR_USAGE_OUTPUT);
	assert_status(nrt_free_model_tensor_info(infos), NRT_SUCCESS);
	assert_status(nrt_free_model_tensor_info(NULL), NRT_INVALID);
}

/* A program that reaches over a segment's end is stopped, and the next one runs. */
static void faults(void **state)
{
	struct neuron_insn insn = build_dma(2, 1, 17);
	nrt_model_t *bad, *good;
	struct build b;
	struct io io;
	uint8_t *bytes;
	size_t size;

	build_copy_model(&b, 4);
	build_set(&b, "sg00/dma.bin", &insn, sizeof(insn));
	bytes = build_file(&b, &size);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_load(bytes, size, 0, 1, &bad), NRT_SUCCESS);
	assert_status(nrt_load(neff, neff_size, 0, 1, &good), NRT_SUCCESS);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	assert_non_null(strstr(nrt_open_last_error(), "instruction 0 of engine dma"));
	assert_status(nrt_execute(good, io.inputs, io.outputs), NRT_SUCCESS);
	/* Constants cannot be written. */
	insn = build_dma(3, 1, 16);
	build_set(&b, "sg00/dma.bin", &insn, sizeof(insn));
	free(bytes);
	bytes = build_file(&b, &size);
	assert_status(nrt_unload(bad), NRT_SUCCESS);
	assert_status(nrt_load(bytes, size, 0, 1, &bad), NRT_SUCCESS);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	/* Waits for what nobody signals. */
	insn = build_dma(2, 1, 16);
	insn.wait_sem = 3;
	insn.wait_val = 1;
	build_set(&b, "sg00/dma.bin", &insn, sizeof(insn));
	free(bytes);
	bytes = build_file(&b, &size);
	assert_status(nrt_unload(bad), NRT_SUCCESS);
	assert_status(nrt_load(bytes, size, 0, 1, &bad), NRT_SUCCESS);
	assert_status(nrt_execute(bad, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_ERR);
	assert_non_null(strstr(nrt_open_last_error(), "semaphore"));
	free(bytes);
	build_free(&b);
	io_free(&io);
}

/* x + x on the POOL engine: infinity - infinity is a NaN. The outputs are there. */
static void not_a_number(void **state)
{
	struct neuron_insn in = build_dma(0, 1, 16), add = { 0 }, out = build_dma(2, 0, 16);
	const float inf = 1e38f * 1e10f, values[4] = { 1, 2, inf, 4 };
	float result[4];
	nrt_model_t *model;
	struct build b;
	struct io io;
	uint8_t *bytes;
	size_t size;

	in.dst_seg = NEURON_ISA_NO_SEG;
	in.dma_copy.dst = NEURON_LOCAL_ADDR(0, 0, 0);
	in.sig_sem = 0;
	in.sig_val = 1;
	add.op = NEURON_OP_TENSOR_TENSOR;
	add.wait_sem = 0;
	add.wait_val = 1;
	add.sig_sem = 1;
	add.sig_val = 1;
	add.tensor_tensor.count[0] = add.tensor_tensor.count[1] = add.tensor_tensor.count[2] = 1;
	add.tensor_tensor.count[3] = 4;
	add.tensor_tensor.src0_step[3] = add.tensor_tensor.src1_step[3] = 1;
	add.tensor_tensor.dst_step[3] = 1;
	add.tensor_tensor.dst = NEURON_LOCAL_ADDR(0, 0, 256);
	add.tensor_tensor.partitions = 1;
	add.tensor_tensor.alu = NEURON_ALU_SUB;
	add.tensor_tensor.src_dtype = add.tensor_tensor.dst_dtype = NEURON_FP32;
	out.src_seg = NEURON_ISA_NO_SEG;
	out.dma_copy.src = NEURON_LOCAL_ADDR(0, 0, 256);
	out.wait_sem = 1;
	out.wait_val = 1;
	build_copy_model(&b, 4);
	build_set(&b, "sg00/pool.bin", &add, sizeof(add));
	build_set(&b, "sg00/dma.bin", (struct neuron_insn[]){ in, out }, 2 * sizeof(in));
	bytes = build_file(&b, &size);
	assert_status(nrt_load(bytes, size, 0, 1, &model), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_tensor_write(io.x, values, 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	assert_status(nrt_tensor_read(io.y, result, 0, 16), NRT_SUCCESS);
	assert_true(result[0] == 0 && result[3] == 0 && result[2] != result[2]);
	assert_status(nrt_tensor_memset(io.x, 0, 0, 16), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	free(bytes);
	build_free(&b);
	io_free(&io);
}

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

static void fork_starts_anew(void **state)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		nrt_tensor_t *t;

		if (nrt_tensor_allocate_empty("x", &t) != NRT_UNINITIALIZED)
			_exit(1);
		_exit(init() ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_init),
		TEST(after_close),
		TEST(init_arguments),
		TEST(core_counts),
		TEST(tensors),
		TEST(device_memory_comes_back),
		TEST(attach),
		TEST(copies),
		TEST(sets),
		TEST(execute),
		TEST(bad_inputs),
		TEST(load_arguments),
		TEST(hash_variable),
		TEST(instances),
		TEST(tensor_info),
		TEST(faults),
		TEST(not_a_number),
		TEST(threads),
		TEST(unload_while_executing),
		TEST(fork_starts_anew),
	};
	int failed = cmocka_run_group_tests_name("api", tests, NULL, NULL);

	free(neff);
	return failed;
}
