// SPDX-License-Identifier: Apache-2.0
/*
 * The calls of libnrt: each one's success and each of its status codes, on either backend.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>

#include "nrt_api.h"

/* Refused allocations are tested. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static _Thread_local int failing;

void fail_allocations(int count)
{
	failing = count;
}

int allocations_to_fail(void)
{
	return failing;
}

/* In place of everybody's, so that some of them can fail. */
__attribute__((visibility("default"))) void *malloc(size_t size)
{
	static void *(*real)(size_t);

	if (failing) {
		failing--;
		return NULL;
	}
	if (!real)
		real = dlsym(RTLD_NEXT, "malloc");
	return real(size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
	static void *(*real)(void *, size_t);

	if (failing) {
		failing--;
		return NULL;
	}
	if (!real)
		real = dlsym(RTLD_NEXT, "realloc");
	return real(old, size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
	static void *(*real)(size_t, size_t);

	if (failing) {
		failing--;
		return NULL;
	}
	if (!real)
		real = dlsym(RTLD_NEXT, "calloc");
	return real(count, size);
}

uint8_t *neff;
size_t neff_size;

bool on_kernel(void)
{
	const char *backend = getenv("SUITE_BACKEND");

	return backend && !strcmp(backend, "kernel");
}

void use_chips(unsigned int chips)
{
	if (on_kernel())
		setenv("NEURON_RT_DEVICE", chips == 1 ? "/dev/neuron0" : "kernel", 1);
	else
		setenv("NEURON_RT_DEVICE", chips == 1 ? "emulator" : "emulator:2", 1);
}

void use(void (*model)(struct build *, unsigned int), unsigned int elements)
{
	struct build b;

	free(neff);
	model(&b, elements);
	neff = build_file(&b, &neff_size);
	build_free(&b);
}

NRT_STATUS init(void)
{
	return nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
}

static const char *const variables[] = {
	"NEURON_RT_VISIBLE_CORES", "NEURON_RT_NUM_CORES", "NEURON_RT_EXEC_TIMEOUT",
	"NEURON_RT_VALIDATE_HASH", "NEURON_RT_LOG_LOCATION", "NEURON_RT_LOG_LEVEL_NRT",
	"NEURON_RT_LOG_LEVEL_TDRV", "NEURON_RT_LOG_LEVEL_NMGR", "NEURONCORE_GROUP_SIZES",
	"NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS", "NEURON_RT_DEBUG_MEMLOG_MAX_SIZE",
	"NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "NEURON_RT_RESET_CORES", "NEURON_PROFILE",
};

int set_up(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("NEURON_RT_LOG_LEVEL", "QUIET", 1);
	use_chips(1);
	use(build_copy_model, 4);
	return init();
}

int tear_down(void **state)
{
	nrt_close();
	return 0;
}

void init_with(const char *name, const char *value)
{
	nrt_close();
	setenv(name, value, 1);
	assert_status(init(), NRT_SUCCESS);
}

void io_create(struct io *io, nrt_tensor_placement_t placement, size_t size)
{
	assert_status(nrt_tensor_allocate(placement, -1, size, "x", &io->x), NRT_SUCCESS);
	assert_status(nrt_tensor_allocate(placement, -1, size, "y", &io->y), NRT_SUCCESS);
	assert_status(nrt_allocate_tensor_set(&io->inputs), NRT_SUCCESS);
	assert_status(nrt_allocate_tensor_set(&io->outputs), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io->inputs, "x", io->x), NRT_SUCCESS);
	assert_status(nrt_add_tensor_to_tensor_set(io->outputs, "y", io->y), NRT_SUCCESS);
}

void io_free(struct io *io)
{
	nrt_destroy_tensor_set(&io->inputs);
	nrt_destroy_tensor_set(&io->outputs);
	nrt_tensor_free(&io->x);
	nrt_tensor_free(&io->y);
}

void io_copies(nrt_model_t *model, struct io *io, const void *bytes, size_t size)
{
	char *got = calloc(1, size);

	assert_status(nrt_tensor_write(io->x, bytes, 0, size), NRT_SUCCESS);
	assert_status(nrt_execute(model, io->inputs, io->outputs), NRT_SUCCESS);
	assert_status(nrt_tensor_read(io->y, got, 0, size), NRT_SUCCESS);
	assert_memory_equal(got, bytes, size);
	free(got);
}

char *read_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	if (!fread(text, 1, (1 << 20) - 1, f))
		text[0] = 0;
	fclose(f);
	return text;
}

static char log_path[64];
static int log_saved;

void log_begin(void)
{
	int fd;

	strcpy(log_path, "/tmp/nrt-suite-log-XXXXXX");
	fd = mkstemp(log_path);
	assert_true(fd >= 0);
	fflush(stderr);
	log_saved = dup(2);
	dup2(fd, 2);
	close(fd);
}

char *log_end(void)
{
	char *text;

	dup2(log_saved, 2);
	close(log_saved);
	text = read_text(log_path);
	unlink(log_path);
	return text;
}

int main(void)
{
	const struct test_group *groups[] = {
		&state_tests, &tensor_tests, &model_tests, &exec_tests, &thread_tests,
		&profile_tests,
	};
	struct CMUnitTest tests[200];
	size_t count = 0, i;
	int failed;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (count + groups[i]->count > sizeof(tests) / sizeof(tests[0]))
			return 1;
		memcpy(&tests[count], groups[i]->tests, groups[i]->count * sizeof(tests[0]));
		count += groups[i]->count;
	}
	failed = _cmocka_run_group_tests("api", tests, count, NULL, NULL);
	free(neff);
	return failed;
}
