// SPDX-License-Identifier: Apache-2.0
/*
 * Tensors, and sets of them.
 */
#include <sys/resource.h>

#include "nrt_api.h"

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
	/* Chips in the process give the host's pages back; elsewhere it is the zeros that count. */
	const size_t size = on_kernel() ? 64u << 20 : 3ULL << 30;

	for (i = 0; i < 20; i++) {
		assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, size, "t", &t),
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
	use_chips(2);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 8, "a", &a), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 4, 8, "b", &b), NRT_SUCCESS);
	assert_status(nrt_tensor_copy(a, 0, b, 0, 8), NRT_INVALID);
	/* Tensors outlive nrt_close(), as far as freeing goes. */
	nrt_close();
	nrt_tensor_free(&a);
	nrt_tensor_free(&b);
}

#define ACROSS	((2u << 20) + 12345)

/* From one chip to what the other has, in pieces; smaller ones when the process has no memory. */
static void copies_across(void **state)
{
	nrt_tensor_t *device, *other;
	char *in = malloc(ACROSS), *out = malloc(ACROSS);
	unsigned int i;

	nrt_close();
	use_chips(2);
	assert_status(init(), NRT_SUCCESS);
	for (i = 0; i < ACROSS; i++)
		in[i] = i * 2654435761u >> 13;
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, ACROSS, "d", &device),
		      NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, 4, ACROSS, "h", &other),
		      NRT_SUCCESS);
	for (i = 0; i < 2; i++) {
		assert_status(nrt_tensor_write(device, in, 0, ACROSS), NRT_SUCCESS);
		assert_status(nrt_tensor_memset(other, 0, 0, ACROSS), NRT_SUCCESS);
		fail_allocations(i);
		assert_status(nrt_tensor_copy(device, 3, other, 7, ACROSS - 7), NRT_SUCCESS);
		/* It was asked for, and did not come. */
		assert_int_equal(allocations_to_fail(), 0);
		assert_status(nrt_tensor_read(other, out, 0, ACROSS), NRT_SUCCESS);
		assert_memory_equal(out + 7, in + 3, ACROSS - 7);
		/* And back. */
		assert_status(nrt_tensor_memset(device, 0, 0, ACROSS), NRT_SUCCESS);
		fail_allocations(i);
		assert_status(nrt_tensor_copy(other, 7, device, 0, ACROSS - 7), NRT_SUCCESS);
		assert_int_equal(allocations_to_fail(), 0);
		assert_status(nrt_tensor_read(device, out, 0, ACROSS), NRT_SUCCESS);
		assert_memory_equal(out, in + 3, ACROSS - 7);
		assert_int_equal(out[ACROSS - 1], 0);
	}
	nrt_tensor_free(&device);
	nrt_tensor_free(&other);
	free(in);
	free(out);
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

/* To device memory by its address, and to nothing else. */
static void memcpy_to_device(void **state)
{
	static const nrt_tensor_placement_t places[] = {
		NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_HOST,
	};
	nrt_tensor_t *t, *slice;
	char buf[8192], *va;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		assert_status(nrt_tensor_allocate(places[i], -1, 4096, "t", &t), NRT_SUCCESS);
		va = nrt_tensor_get_va(t);
		assert_non_null(va);
		assert_status(nrt_memcpy_to_device(va + 100, "device", 6), NRT_SUCCESS);
		assert_status(nrt_memcpy_to_device(va + 4096 - 2, "ok", 2), NRT_SUCCESS);
		assert_status(nrt_memcpy_to_device(va, buf, 0), NRT_SUCCESS);
		assert_status(nrt_memcpy_to_device(va + 4096 - 2, "bad", 3), NRT_INVALID);
		assert_status(nrt_memcpy_to_device(va, buf, SIZE_MAX), NRT_INVALID);
		assert_status(nrt_memcpy_to_device(va, NULL, 1), NRT_INVALID);
		assert_status(nrt_tensor_allocate_slice(t, 100, 6, "s", &slice), NRT_SUCCESS);
		assert_ptr_equal(nrt_tensor_get_va(slice), va + 100);
		assert_status(nrt_tensor_read(slice, buf, 0, 6), NRT_SUCCESS);
		assert_memory_equal(buf, "device", 6);
		assert_status(nrt_tensor_read(t, buf, 0, 4096), NRT_SUCCESS);
		assert_memory_equal(buf + 4094, "ok", 2);
		nrt_tensor_free(&slice);
		nrt_tensor_free(&t);
		assert_status(nrt_memcpy_to_device(va, "late", 4), NRT_INVALID);
	}
	assert_status(nrt_memcpy_to_device(buf, "host", 4), NRT_INVALID);
	assert_status(nrt_memcpy_to_device(NULL, "null", 4), NRT_INVALID);
}

/* Of the process's own memory there is not so much. */
static void no_host_memory(void **state)
{
	nrt_tensor_t *t = NULL;

	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, SIZE_MAX / 4, "t", &t),
		      NRT_RESOURCE);
	assert_error("out of host memory");
	assert_null(t);
}

/* Nor of the little that each call needs. What was there stays as it was. */
static void no_memory_at_all(void **state)
{
	nrt_tensor_t *t = NULL, *other = NULL, *got = NULL;
	nrt_tensor_info_array_t *infos = NULL;
	nrt_tensor_set_t *set = NULL;
	nrt_model_t *model = NULL;
	char buffer[8];

	fail_allocations(1);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, "t", &t), NRT_RESOURCE);
	fail_allocations(1);
	assert_status(nrt_tensor_allocate_empty("t", &t), NRT_RESOURCE);
	fail_allocations(1);
	assert_status(nrt_allocate_tensor_set(&set), NRT_RESOURCE);
	fail_allocations(1);
	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_RESOURCE);
	assert_null(t);
	assert_null(set);
	assert_null(model);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, "t", &t), NRT_SUCCESS);
	fail_allocations(1);
	assert_status(nrt_tensor_allocate_slice(t, 0, 2, "s", &other), NRT_RESOURCE);
	assert_null(other);
	fail_allocations(1);
	assert_status(nrt_tensor_attach_buffer(t, buffer, sizeof(buffer)), NRT_RESOURCE);
	assert_int_equal(nrt_tensor_get_size(t), 4);
	assert_status(nrt_allocate_tensor_set(&set), NRT_SUCCESS);
	fail_allocations(1);
	assert_status(nrt_add_tensor_to_tensor_set(set, "t", t), NRT_RESOURCE);
	assert_status(nrt_get_tensor_from_tensor_set(set, "t", &got), NRT_FAILURE);
	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	fail_allocations(1);
	assert_status(nrt_get_model_tensor_info(model, &infos), NRT_RESOURCE);
	assert_null(infos);
	nrt_destroy_tensor_set(&set);
	nrt_tensor_free(&t);
}

/* What only this implementation has: about the last execution, and shapes that one gave. */
static void open_calls(void **state)
{
	nrt_open_execute_info_t info;
	uint64_t shape[NRT_OPEN_MAX_DIMS];
	nrt_model_t *model;
	uint32_t ndim = 77;
	nrt_tensor_t *t;
	struct io io;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	assert_status(nrt_execute(model, io.inputs, io.outputs), NRT_SUCCESS);
	assert_status(nrt_open_get_execute_info(NULL), NRT_INVALID);
	assert_status(nrt_open_get_execute_info(&info), NRT_SUCCESS);
	assert_status(nrt_execute(model, io.inputs, io.inputs), NRT_EXEC_BAD_INPUT);
	assert_status(nrt_open_get_execute_info(&info), NRT_FAILURE);
	assert_status(nrt_open_get_tensor_shape(NULL, &ndim, shape), NRT_INVALID);
	assert_status(nrt_open_get_tensor_shape(io.y, NULL, shape), NRT_INVALID);
	assert_status(nrt_open_get_tensor_shape(io.y, &ndim, NULL), NRT_INVALID);
	assert_status(nrt_open_get_tensor_shape(io.y, &ndim, shape), NRT_FAILURE);
	assert_status(nrt_tensor_allocate_empty("e", &t), NRT_SUCCESS);
	assert_status(nrt_open_get_tensor_shape(t, &ndim, shape), NRT_FAILURE);
	assert_int_equal(ndim, 77);
	nrt_tensor_free(&t);
	io_free(&io);
}

/* What each backend has to do with them; what is in them, nrt_kernel.c and nrt-frames see. */
static void dmabufs(void **state)
{
	nrt_tensor_t *t, *empty, *plain;
	uint64_t va;
	int fd = -1;

	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4096, "d", &t), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4096, "v", &plain),
		      NRT_SUCCESS);
	assert_status(nrt_tensor_allocate_empty("e", &empty), NRT_SUCCESS);
	va = (uintptr_t)nrt_tensor_get_va(t);
	assert_status(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(plain), 1, &fd), NRT_INVALID);
	assert_status(nrt_get_dmabuf_fd(va, 4097, &fd), NRT_INVALID);
	assert_status(nrt_get_dmabuf_fd(va, 4096, &fd), on_kernel() ? NRT_SUCCESS : NRT_FAILURE);
	close(fd);
	assert_status(nrt_open_tensor_attach_dmabuf(NULL, 0, 0, 0, 1), NRT_INVALID);
	assert_status(nrt_open_tensor_attach_dmabuf(empty, 4, 0, 0, 1), NRT_INVALID);
	assert_status(nrt_open_tensor_attach_dmabuf(empty, 0, -1, 0, 1), NRT_INVALID);
	assert_error("not a dma-buf");
	fail_allocations(1);
	assert_status(nrt_open_tensor_attach_dmabuf(empty, 0, 0, 0, 1), NRT_RESOURCE);
	nrt_tensor_free(&t);
	nrt_tensor_free(&plain);
	nrt_tensor_free(&empty);
}

/* What a chip lends, it takes back; nobody is lent a descriptor that there is no room for. */
static void lent_memory(void **state)
{
	struct rlimit limit, none;
	nrt_tensor_t *t, *alias;
	NRT_STATUS status;
	char got[7] = "";
	uint64_t va;
	int fd = -1;

	if (!on_kernel())
		skip();
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4096, "d", &t), NRT_SUCCESS);
	assert_status(nrt_tensor_write(t, "of both", 4000, 7), NRT_SUCCESS);
	va = (uintptr_t)nrt_tensor_get_va(t);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit) { 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	status = nrt_get_dmabuf_fd(va, 4096, &fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_status(status, NRT_RESOURCE);
	assert_error("Too many open files");
	assert_status(nrt_get_dmabuf_fd(va, 4096, &fd), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate_empty("a", &alias), NRT_SUCCESS);
	assert_status(nrt_open_tensor_attach_dmabuf(alias, 0, fd, 4000, 96), NRT_SUCCESS);
	close(fd);
	nrt_tensor_free(&t);
	assert_status(nrt_tensor_read(alias, got, 0, 7), NRT_SUCCESS);
	assert_memory_equal(got, "of both", 7);
	nrt_tensor_free(&alias);
}

static const struct CMUnitTest tests[] = {
	TEST(tensors),
	TEST(device_memory_comes_back),
	TEST(attach),
	TEST(copies),
	TEST(copies_across),
	TEST(sets),
	TEST(memcpy_to_device),
	TEST(no_host_memory),
	TEST(no_memory_at_all),
	TEST(open_calls),
	TEST(dmabufs),
	TEST(lent_memory),
};

TEST_GROUP(tensor_tests, tests);
