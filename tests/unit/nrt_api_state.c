// SPDX-License-Identifier: Apache-2.0
/*
 * Before nrt_init(), between, after nrt_close(), after fork(); the variables of the environment.
 */
#include <sys/wait.h>

#include <nrt/nrt_profile.h>

#include "nrt_api.h"

/* Every call that needs the state says so, and touches nothing. */
static void expect_all(NRT_STATUS want)
{
	nrt_tensor_info_array_t *infos = (void *)1;
	nrt_tensor_set_t *set = (void *)1;
	nrt_tensor_t *tensor = (void *)1;
	nrt_model_t *model = (void *)1;
	uint32_t count = 77;
	char buf[4];
	int err = -1;

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
	assert_status(nrt_execute_repeat(model, set, set, 1), want);
	assert_status(nrt_memcpy_to_device(buf, buf, 1), want);
	assert_null(nrt_get_libnccl_net(&err));
	assert_status(err, want);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, 4, "x", &tensor), want);
	assert_status(nrt_tensor_allocate_empty("x", &tensor), want);
	assert_status(nrt_tensor_allocate_slice(tensor, 0, 1, "x", &tensor), want);
	assert_status(nrt_tensor_attach_buffer(tensor, buf, sizeof(buf)), want);
	assert_status(nrt_tensor_read(tensor, buf, 0, 4), want);
	assert_status(nrt_tensor_write(tensor, buf, 0, 4), want);
	assert_status(nrt_tensor_copy(tensor, 0, tensor, 0, 4), want);
	assert_status(nrt_tensor_memset(tensor, 0, 0, 4), want);
	assert_status(nrt_get_dmabuf_fd(4096, 1, &err), want);
	assert_status(nrt_open_tensor_attach_dmabuf(tensor, 0, 0, 0, 1), want);
	assert_status(nrt_profile_start(model, "x"), want);
	assert_status(nrt_profile_stop("x"), want);
	assert_status(nrt_trace_start(true), want);
	assert_status(nrt_trace_stop("x"), want);
	assert_ptr_equal(set, 1);
	assert_ptr_equal(tensor, 1);
	assert_ptr_equal(model, 1);
	assert_int_equal(count, 77);
}

static void before_init(void **state)
{
	nrt_version_t version;
	uint32_t count = 0;

	use_chips(2);
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
	use_chips(2);
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

/* Run @function in a child; it has to give 0. */
static void in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(function());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int starts_anew(void)
{
	nrt_tensor_t *t;

	if (nrt_tensor_allocate_empty("x", &t) != NRT_UNINITIALIZED)
		return 1;
	/* The cores are the parent's, unless each process has chips of its own. */
	if (!on_kernel())
		return init() ? 2 : 0;
	if (init() != NRT_RESOURCE)
		return 3;
	return !strstr(nrt_open_last_error(), "NeuronCore(s) not available - Requested:nc0-nc3 Available:0; nc0 is held by process ");
}

static void fork_starts_anew(void **state)
{
	in_child(starts_anew);
}

static nrt_tensor_t *inherited;

static int free_inherited(void)
{
	nrt_tensor_free(&inherited);
	return 0;
}

/* What a child does with what it inherits is nothing to its parent. */
static void fork_leaves_memory(void **state)
{
	char got[8];

	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, -1, 8, "d", &inherited),
		      NRT_SUCCESS);
	assert_status(nrt_tensor_write(inherited, "01234567", 0, 8), NRT_SUCCESS);
	in_child(free_inherited);
	assert_status(nrt_tensor_read(inherited, got, 0, 8), NRT_SUCCESS);
	assert_memory_equal(got, "01234567", 8);
	nrt_tensor_free(&inherited);
}

/* A child that lives on does not keep its parent's cores from anybody. */
static void fork_leaves_cores(void **state)
{
	int go[2], status;
	pid_t pid;
	char c;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) != 0);
	}
	close(go[0]);
	nrt_close();
	assert_status(init(), NRT_SUCCESS);
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static uint32_t core_of(nrt_model_t *model, struct io *io)
{
	nrt_open_execute_info_t info;

	assert_status(nrt_execute(model, io->inputs, io->outputs), NRT_SUCCESS);
	assert_status(nrt_open_get_execute_info(&info), NRT_SUCCESS);
	return info.core;
}

static void group_sizes(void **state)
{
	nrt_model_t *one[3], *dup;
	uint32_t count;
	struct io io;

	nrt_close();
	use_chips(2);
	setenv("NEURONCORE_GROUP_SIZES", "1,2,3x1", 1);
	assert_status(nrt_get_visible_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 6);
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_get_visible_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 6);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	/* Each into a group of its own, the last one with three instances. */
	assert_status(nrt_load(neff, neff_size, -1, -1, &one[0]), NRT_SUCCESS);
	assert_int_equal(core_of(one[0], &io), 0);
	assert_status(nrt_load(neff, neff_size, -1, -1, &one[1]), NRT_SUCCESS);
	assert_int_equal(core_of(one[1], &io), 1);
	assert_status(nrt_load(neff, neff_size, -1, -1, &dup), NRT_SUCCESS);
	assert_status(nrt_get_model_instance_count(dup, &count), NRT_SUCCESS);
	assert_int_equal(count, 3);
	assert_status(nrt_load(neff, neff_size, -1, -1, &one[2]), NRT_SUCCESS);
	assert_int_equal(core_of(one[2], &io), 0);
	io_free(&io);
	/* More than there are; and the variables that took its place win. */
	nrt_close();
	setenv("NEURONCORE_GROUP_SIZES", "4x3", 1);
	assert_status(init(), NRT_RESOURCE);
	assert_error("Requested:nc0-nc11 Available:8");
	assert_error("change NEURONCORE_GROUP_SIZES");
	init_with("NEURON_RT_NUM_CORES", "2");
	assert_status(nrt_get_visible_nc_count(&count), NRT_SUCCESS);
	assert_int_equal(count, 2);
}

/* The documented form, and levels of single components. */
static void log_lines(void **state)
{
	nrt_model_t *model;
	char *text, *line;
	int year, day, n = 0;
	char month[4];

	nrt_close();
	setenv("NEURON_RT_LOG_LEVEL", "ERROR", 1);
	setenv("NEURON_RT_LOG_LEVEL_NMGR", "QUIET", 1);
	log_begin();
	assert_status(init(), NRT_SUCCESS);
	assert_status(nrt_load(neff, 10, -1, -1, &model), NRT_INVALID);
	assert_status(nrt_unload(NULL), NRT_INVALID);
	text = log_end();
	/* Only the line of NRT is there: date, time with four digits after the second, process. */
	assert_int_equal(sscanf(text, "%4d-%3s-%2d %*2d:%*2d:%*2d.%*4d %*d:%*d ERROR NRT:nrt_unload Failed to find model: %n",
				&year, month, &day, &n), 3);
	assert_true(n > 0);
	assert_int_equal(text[20], '.');
	assert_int_equal(strspn(text + 21, "0123456789"), 4);
	line = strchr(text, '\n');
	assert_non_null(line);
	assert_string_equal(line, "\n");
	free(text);
	init_with("NEURON_RT_LOG_LEVEL_NRT", "INFO");
	log_begin();
	init_with("NEURON_RT_LOG_LEVEL_NMGR", "INFO");
	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	text = log_end();
	assert_non_null(strstr(text, " INFO NRT:nrt_init "));
	assert_non_null(strstr(text, " INFO NMGR:nrt_load "));
	assert_null(strstr(text, " INFO TDRV:"));
	free(text);
}

/* Calls about what the chip does not have. */
static void not_on_this_chip(void **state)
{
	uint8_t bytes[4] = { 0 };
	nrt_ucode_info ucode = { { bytes, sizeof(bytes) }, { bytes, sizeof(bytes) } };
	int err = -1;

	assert_null(nrt_get_libnccl_net(&err));
	assert_int_equal(err, NRT_FAILURE);
	assert_null(nrt_get_libnccl_net(NULL));
	assert_status(nrt_set_pool_eng_ucode(NULL), NRT_INVALID);
	nrt_close();
	assert_null(nrt_get_libnccl_net(&err));
	assert_int_equal(err, NRT_CLOSED);
	assert_status(nrt_set_pool_eng_ucode(&ucode), NRT_FAILURE);
	assert_error("no microcode");
	ucode.dram.bin = NULL;
	assert_status(nrt_set_pool_eng_ucode(&ucode), NRT_INVALID);
	ucode.dram.bin = bytes;
	ucode.iram.size = 0;
	assert_status(nrt_set_pool_eng_ucode(&ucode), NRT_INVALID);
}

/* One wrong value each. */
static void bad_variables(void **state)
{
	static const char *const bad[][2] = {
		{ "NEURON_RT_NUM_CORES", "two" }, { "NEURON_RT_EXEC_TIMEOUT", "-1" },
		{ "NEURON_RT_VALIDATE_HASH", "yes" }, { "NEURON_RT_LOG_LOCATION", "file" },
		{ "NEURON_RT_LOG_LEVEL_TDRV", "LOUD" }, { "NEURONCORE_GROUP_SIZES", "2,0" },
		{ "NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS", "2" },
		{ "NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", "1K" },
		{ "NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "NaN" }, { "NEURON_RT_RESET_CORES", "all" },
	};
	size_t i;

	nrt_close();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv(bad[i][0], bad[i][1], 1);
		assert_status(init(), NRT_INVALID);
		assert_error(bad[i][0]);
		assert_error(bad[i][1]);
		unsetenv(bad[i][0]);
	}
	setenv("NEURON_RT_RESET_CORES", "1", 1);
	setenv("NEURON_RT_DBG_DUMP_INPUTS_ON_ERR", "false", 1);
	assert_status(init(), NRT_SUCCESS);
}

/* How many there are has nothing to do with what the process asks for. */
static void total_ignores_variables(void **state)
{
	static const char *const bad[][2] = {
		{ "NEURON_RT_VISIBLE_CORES", "1,3" }, { "NEURON_RT_VISIBLE_CORES", "90-99" },
		{ "NEURON_RT_NUM_CORES", "two" }, { "NEURONCORE_GROUP_SIZES", "2,0" },
		{ "NEURON_RT_EXEC_TIMEOUT", "-1" }, { "NEURON_RT_LOG_LEVEL_TDRV", "LOUD" },
	};
	uint32_t total, visible = 77;
	size_t i;

	nrt_close();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv(bad[i][0], bad[i][1], 1);
		total = 77;
		assert_status(nrt_get_total_nc_count(&total), NRT_SUCCESS);
		assert_int_equal(total, 4);
		/* It is well formed. */
		if (i != 1) {
			assert_status(nrt_get_visible_nc_count(&visible), NRT_INVALID);
			assert_error(bad[i][0]);
		}
		unsetenv(bad[i][0]);
	}
	assert_int_equal(visible, 77);
	setenv("NEURON_RT_DEVICE", "abacus", 1);
	assert_status(nrt_get_total_nc_count(&total), NRT_INVALID);
	assert_error("NEURON_RT_DEVICE=abacus");
}

/* The copy model, under another name. */
static uint8_t *named(const char *name, size_t *size)
{
	struct build b;
	uint8_t *bytes;

	build_copy_model(&b, 4);
	build_text(&b, "neff.json",
		   "{\"name\": \"%s\", \"isa_version\": 1, \"compiler\": \"nrt_api_state.c\",\n"
		   "\"inputs\": [{\"name\": \"x\", \"dtype\": \"float32\", \"shape\": [1, 4]}],\n"
		   "\"outputs\": [{\"name\": \"y\", \"dtype\": \"float32\", \"shape\": [1, 4]}],\n"
		   "\"nodes\": [{\"name\": \"sg00\", \"executor\": \"NeuronCore\", \"cores\": 1, \"inputs\": [\"x\"], \"outputs\": [\"y\"]}]}",
		   name);
	bytes = build_file(&b, size);
	build_free(&b);
	return bytes;
}

/* A name out of a NEFF or of the caller cannot make lines of its own, nor reach the terminal. */
static void names_are_escaped(void **state)
{
	nrt_model_t *model;
	nrt_tensor_t *t;
	uint8_t *bytes;
	char *text;
	size_t size;

	bytes = named("n\\u009b2J\\\\\\u00e9", &size);
	init_with("NEURON_RT_LOG_LEVEL", "INFO");
	log_begin();
	assert_status(nrt_load(bytes, size, -1, -1, &model), NRT_SUCCESS);
	text = log_end();
	assert_non_null(strstr(text, "NMGR:nrt_load n\\xc2\\x9b2J\\\xc3\xa9: 1 instance(s)"));
	free(text);
	setenv("NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", "0", 1);
	init_with("NEURON_RT_LOG_LEVEL", "ERROR");
	log_begin();
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 5ULL << 30, "t\n2026\r", &t),
		      NRT_RESOURCE);
	assert_status(nrt_profile_start(NULL, "a\nb"), NRT_INVALID_HANDLE);
	assert_status(nrt_profile_stop("a\nb\033[2J\t\177"), NRT_INVALID);
	text = log_end();
	assert_error("the file name a\\nb\\x1b[2J\\t\\x7f:");
	assert_null(strstr(text, "\n2026\r"));
	assert_null(strstr(text, "a\nb"));
	assert_non_null(strstr(text, "the file name a\\nb\\x1b[2J\\t\\x7f:"));
	free(text);
	/* Other control characters a NEFF cannot bring along. */
	free(bytes);
	bytes = named("n\\nforged\\u001b[2J", &size);
	init_with("NEURON_RT_LOG_LEVEL", "QUIET");
	assert_status(nrt_load(bytes, size, -1, -1, &model), NRT_INVALID);
	assert_error("\"name\" has a control character");
	free(bytes);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(before_init),
	TEST(after_close),
	TEST(init_arguments),
	TEST(core_counts),
	TEST(fork_starts_anew),
	TEST(fork_leaves_memory),
	TEST(fork_leaves_cores),
	TEST(group_sizes),
	TEST(log_lines),
	TEST(not_on_this_chip),
	TEST(bad_variables),
	TEST(total_ignores_variables),
	TEST(names_are_escaped),
};

TEST_GROUP(state_tests, tests);
