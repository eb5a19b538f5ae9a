// SPDX-License-Identifier: Apache-2.0
/*
 * NumPy files: what is written is read back, what is damaged is refused.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <nrt/nrt_open.h>
#include "npy.h"

static char path[64];
static char error[NPY_ERROR_SIZE];

static int set_up(void **state)
{
	int fd;

	strcpy(path, "/tmp/nrt-npy-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	return unlink(path);
}

static void put(const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

/* A file of version @version with that dictionary and @data bytes of data. Returns its size. */
static size_t make(uint8_t *bytes, int version, const char *dictionary, size_t data)
{
	size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary) + 1, i;

	memcpy(bytes, "\x93NUMPY", 6);
	bytes[6] = version;
	bytes[7] = 0;
	bytes[8] = length;
	bytes[9] = length >> 8;
	bytes[10] = bytes[11] = 0;
	memcpy(bytes + prefix, dictionary, length - 1);
	bytes[prefix + length - 1] = '\n';
	for (i = 0; i < data; i++)
		bytes[prefix + length + i] = i;
	return prefix + length + data;
}

static void round_trip(void **state)
{
	static const nrt_dtype_t types[] = {
		NRT_DTYPE_FLOAT32, NRT_DTYPE_FLOAT16, NRT_DTYPE_BFLOAT16, NRT_DTYPE_INT8,
		NRT_DTYPE_UINT8, NRT_DTYPE_INT16, NRT_DTYPE_UINT16, NRT_DTYPE_INT32,
		NRT_DTYPE_UINT32, NRT_DTYPE_INT64, NRT_DTYPE_UINT64,
	};
	static const size_t sizes[] = { 4, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8 };
	const uint64_t shape[] = { 2, 3, 5 };
	uint8_t data[240], back[240];
	unsigned int i, ndim;
	struct npy npy;

	for (i = 0; i < sizeof(data); i++)
		data[i] = 7 * i;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (ndim = 0; ndim <= 3; ndim++) {
			size_t size = sizes[i] * (ndim > 0 ? 2 : 1) * (ndim > 1 ? 3 : 1) *
				      (ndim > 2 ? 5 : 1);

			assert_int_equal(npy_create(&npy, path, types[i], ndim, shape, error), 0);
			assert_int_equal(npy_write(&npy, data, size, error), 0);
			assert_int_equal(npy_close(&npy, error), 0);
			assert_int_equal(npy_open(&npy, path, error), 0);
			assert_int_equal(npy.dtype, types[i]);
			assert_int_equal(npy.ndim, ndim);
			assert_memory_equal(npy.shape, shape, ndim * sizeof(*shape));
			assert_int_equal(npy.size, size);
			/* As NumPy aligns it. */
			assert_int_equal(npy.start % 64, 0);
			assert_int_equal(npy_read(&npy, 0, back, size, error), 0);
			assert_memory_equal(back, data, size);
			assert_int_equal(npy_read(&npy, size, back, 1, error), -22);
			npy_close(&npy, error);
		}
	}
}

static void versions(void **state)
{
	uint8_t bytes[4096];
	int version;

	for (version = 1; version <= 3; version++) {
		struct npy npy;
		uint8_t data[12];

		put(bytes, make(bytes, version,
				"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12));
		assert_int_equal(npy_open(&npy, path, error), 0);
		assert_int_equal(npy.ndim, 1);
		assert_int_equal(npy.shape[0], 3);
		assert_int_equal(npy_read(&npy, 0, data, 12, error), 0);
		assert_int_equal(data[11], 11);
		npy_close(&npy, error);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *dictionary, *text;
	} cases[] = {
		{ "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 1), }", "ascontiguousarray" },
		{ "{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }", "newbyteorder" },
		{ "{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", "<c8" },
		{ "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", "records" },
		{ "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "truncated" },
		{ "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
		  "too large" },
		{ "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999999999,), }",
		  "shape" },
		{ "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "shape" },
		{ "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2", "shape" },
		{ "{'descr': '<f4', 'fortran_order': False, 'shape': [3], }", "shape" },
		{ "{'descr': '<f4', 'fortran_order': False}", "no shape" },
		{ "{'descr': '<f4', 'shape': (3,), }", "fortran_order" },
		{ "{'fortran_order': False, 'shape': (3,), }", "type" },
		{ "", "header" },
	};
	uint8_t bytes[4096];
	struct npy npy;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(bytes, make(bytes, 1, cases[i].dictionary, 12));
		assert_int_equal(npy_open(&npy, path, error), -22);
		if (!strstr(error, cases[i].text) || !strstr(error, path))
			fail_msg("%s: %s", cases[i].dictionary, error);
	}
	put("hello", 5);
	assert_int_equal(npy_open(&npy, path, error), -22);
	assert_non_null(strstr(error, "not a .npy file"));
	put(bytes, make(bytes, 9, "{}", 12));
	assert_int_equal(npy_open(&npy, path, error), -22);
	assert_non_null(strstr(error, "version 9"));
	assert_int_equal(npy_open(&npy, "/nonexistent/x.npy", error), -22);
	assert_non_null(strstr(error, "/nonexistent/x.npy"));
	assert_int_equal(npy_open(&npy, "/tmp", error), -22);
}

/* NumPy writes Fortran order for arrays whose order does not matter, too. */
static void fortran_vector(void **state)
{
	uint8_t bytes[4096];
	struct npy npy;

	put(bytes, make(bytes, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3,), }", 12));
	assert_int_equal(npy_open(&npy, path, error), 0);
	npy_close(&npy, error);
}

/* A type that only nodes on the CPU compute with. */
static void float64(void **state)
{
	uint8_t bytes[4096];
	struct npy npy;

	put(bytes, make(bytes, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 8));
	assert_int_equal(npy_open(&npy, path, error), 0);
	assert_int_equal(npy.dtype, NRT_OPEN_DTYPE_FLOAT64);
	assert_string_equal(npy.descr, "<f8");
	npy_close(&npy, error);
}

static void every_prefix(void **state)
{
	uint8_t bytes[4096];
	size_t size = make(bytes, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12), i;
	struct npy npy;

	for (i = 0; i < size; i++) {
		put(bytes, i);
		assert_int_equal(npy_open(&npy, path, error), -22);
	}
}

static void random_corruption(void **state)
{
	static const char good[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }";
	unsigned int seed = 1, round, k;
	uint8_t bytes[4096];

	for (round = 0; round < 3000; round++) {
		size_t size = make(bytes, 1 + round % 3, good, 12);
		struct npy npy;

		for (k = 0; k < 1 + round % 4; k++)
			bytes[rand_r(&seed) % size] = rand_r(&seed);
		put(bytes, size);
		if (!npy_open(&npy, path, error)) {
			uint8_t data[12];

			assert_true(npy.start + npy.size <= size);
			if (npy.size >= sizeof(data))
				assert_int_equal(npy_read(&npy, 0, data, sizeof(data), error), 0);
			npy_close(&npy, error);
		}
	}
}

static void shape_text(void **state)
{
	const uint64_t shape[] = { 1, 28, 28 };
	char text[32];

	assert_string_equal(npy_shape_text(0, shape, text, sizeof(text)), "()");
	assert_string_equal(npy_shape_text(1, shape, text, sizeof(text)), "(1,)");
	assert_string_equal(npy_shape_text(3, shape, text, sizeof(text)), "(1, 28, 28)");
	/* Cut, but ended. */
	npy_shape_text(3, shape, text, 5);
	assert_true(strlen(text) < 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fortran_vector, set_up, tear_down),
		cmocka_unit_test_setup_teardown(float64, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_prefix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_corruption, set_up, tear_down),
		cmocka_unit_test(shape_text),
	};

	return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
