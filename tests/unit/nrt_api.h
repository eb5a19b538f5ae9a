/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of libnrt's calls share. They are one program for both backends: the chips
 * inside the process, and /dev/neuron* with SUITE_BACKEND=kernel, which wants two chips that
 * nobody else uses (tests/cli/test_guest.py has them).
 */
#ifndef TEST_NRT_API_H
#define TEST_NRT_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#include "nrt_build.h"

#define assert_status(call, want) \
	assert_string_equal(nrt_get_status_as_str(call), nrt_get_status_as_str(want))
#define assert_error(text) \
	do { \
		if (!strstr(nrt_open_last_error(), text)) \
			fail_msg("\"%s\" is not in \"%s\"", text, nrt_open_last_error()); \
	} while (0)

/* A NEFF, by default of build_copy_model(4). */
extern uint8_t *neff;
extern size_t neff_size;

bool on_kernel(void);
/* The next nrt_init() is to find the first one or two chips. */
void use_chips(unsigned int chips);
void use(void (*model)(struct build *, unsigned int), unsigned int elements);
NRT_STATUS init(void);
/* Of each test but those that begin with a process that has not called nrt_init(). */
int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The thread's next @count allocations fail. */
void fail_allocations(int count);
/* How many of them there still are to fail. */
int allocations_to_fail(void);

/* With further variables: nrt_close(), set them, nrt_init(). */
void init_with(const char *name, const char *value);

/** struct io - tensors "x" and "y" in sets */
struct io {
	nrt_tensor_t *x, *y;
	nrt_tensor_set_t *inputs, *outputs;
};

void io_create(struct io *io, nrt_tensor_placement_t placement, size_t size);
void io_free(struct io *io);
/* @model with @io->x = @bytes gives them as y. */
void io_copies(nrt_model_t *model, struct io *io, const void *bytes, size_t size);

/* A file's text; free() it. */
char *read_text(const char *path);
/* Standard error goes to a file from here on; log_end() gives what was written, to be freed. */
void log_begin(void);
char *log_end(void);

/** struct test_group - the tests of a file */
struct test_group {
	const struct CMUnitTest *tests;
	size_t count;
};

#define TEST_GROUP(name, tests) \
	const struct test_group name = { tests, sizeof(tests) / sizeof((tests)[0]) }

extern const struct test_group state_tests, tensor_tests, model_tests, exec_tests, thread_tests;
extern const struct test_group profile_tests;

#endif
