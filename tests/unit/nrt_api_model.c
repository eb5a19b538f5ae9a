// SPDX-License-Identifier: Apache-2.0
/*
 * Models: loading, placement, what they are.
 */
#include "nrt_api.h"

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

/* Lines of the log that begin with a word of a component, without date, time and process. */
static void assert_lines(const char *text, const char *const *lines)
{
	for (; *lines; lines++) {
		const char *line = strstr(text, " ERROR ");

		if (!line || strncmp(line + 7, *lines, strlen(*lines)) ||
		    line[7 + strlen(*lines)] != '\n')
			fail_msg("\"%s\" is not next in \"%s\"", *lines, text);
		text = strchr(line, '\n');
	}
	assert_null(strstr(text, " ERROR "));
}

/* The texts that are documented for a model that finds no cores. */
static void load_messages(void **state)
{
	static const char *const too_many[] = {
		"NMGR:nrt_load Requested number of NCs: 3 exceeds the total available number: 2, from nc2 on: there are 4",
		"TDRV:nrt_load Could not find VNC id 4",
		"NMGR:nrt_load Failed to load NN: copy, err: 9", NULL,
	}, *const behind[] = {
		"NMGR:nrt_load Requested number of NCs: 1 exceeds the total available number: 0, from nc6 on: there are 4",
		"TDRV:nrt_load Could not find VNC id 6",
		"NMGR:nrt_load Failed to load NN: copy, err: 9", NULL,
	}, *const bad[] = {
		"NMGR:nrt_load start_nc -2 or nc_count -1 is not valid: -1 lets the runtime choose",
		"NMGR:nrt_load Failed to load NN: copy, err: 2", NULL,
	};
	nrt_model_t *model;
	char *text;

	init_with("NEURON_RT_LOG_LEVEL", "ERROR");
	log_begin();
	assert_status(nrt_load(neff, neff_size, 2, 3, &model), NRT_LOAD_NOT_ENOUGH_NC);
	text = log_end();
	assert_lines(text, too_many);
	free(text);
	log_begin();
	assert_status(nrt_load(neff, neff_size, 6, -1, &model), NRT_LOAD_NOT_ENOUGH_NC);
	text = log_end();
	assert_lines(text, behind);
	free(text);
	log_begin();
	assert_status(nrt_load(neff, neff_size, -2, -1, &model), NRT_INVALID);
	text = log_end();
	assert_lines(text, bad);
	free(text);
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

/* What the chip's memory holds, from the documented line of an allocation that is too large. */
static void memory_numbers(uint64_t *total, uint64_t *occupied, uint64_t *available)
{
	unsigned long long t, o, n, a;
	nrt_tensor_t *tensor = NULL;

	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 5ULL << 30, "big", &tensor),
		      NRT_RESOURCE);
	assert_null(tensor);
	assert_int_equal(sscanf(nrt_open_last_error(), "mc_alloc: device mempool [neuron0] total %llu occupied %llu needed %llu available %llu;",
				&t, &o, &n, &a), 4);
	assert_int_equal(n, 5ULL << 30);
	assert_int_equal(t, o + a);
	*total = t;
	*occupied = o;
	*available = a;
}

/* The copy model with one more variable, of @size bytes. */
static uint8_t *with_variable(uint64_t size, size_t *neff_bytes)
{
	struct build b;
	uint8_t *bytes;

	build_copy_model(&b, 4);
	build_text(&b, "sg00/def.json",
		   "{\"name\": \"sg00\", \"engines\": {\"pe\": \"pe.bin\", \"act\": \"act.bin\", \"pool\": \"pool.bin\", \"dma\": \"dma.bin\"},\n"
		   "\"code_segment\": 0, \"dma_queue\": {}, \"var\": {\n"
		   "\"x\": {\"var_id\": 0, \"segment\": 1, \"size\": 16, \"alignment\": 64, \"type\": \"input\", \"dtype\": \"float32\", \"shape\": [1, 4]},\n"
		   "\"y\": {\"var_id\": 1, \"segment\": 2, \"size\": 16, \"alignment\": 64, \"type\": \"output\", \"dtype\": \"float32\", \"shape\": [1, 4]},\n"
		   "\"t\": {\"var_id\": 2, \"segment\": 3, \"size\": %llu, \"alignment\": 64, \"type\": \"tmp-buf\"},\n"
		   "\"u\": {\"var_id\": 3, \"segment\": 4, \"size\": %llu, \"alignment\": 64, \"type\": \"tmp-buf\"}}}",
		   (unsigned long long)size, (unsigned long long)size);
	bytes = build_file(&b, neff_bytes);
	build_free(&b);
	return bytes;
}

/* It is refused with the numbers, what was taken for it is given back, and others run on. */
static void too_large(void **state)
{
	uint64_t total, before, after, available;
	nrt_model_t *good, *model = NULL;
	uint8_t *bytes;
	struct io io;
	char *text;
	size_t size;

	setenv("NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", "0", 1);
	init_with("NEURON_RT_NUM_CORES", "1");
	assert_status(nrt_load(neff, neff_size, -1, -1, &good), NRT_SUCCESS);
	memory_numbers(&total, &before, &available);
	assert_int_equal(total, 8ULL << 30);
	bytes = with_variable(3ULL << 30, &size);
	setenv("NEURON_RT_LOG_LEVEL", "ERROR", 1);
	init_with("NEURON_RT_NUM_CORES", "1");
	assert_status(nrt_load(neff, neff_size, -1, -1, &good), NRT_SUCCESS);
	log_begin();
	assert_status(nrt_load(bytes, size, -1, -1, &model), NRT_RESOURCE);
	text = log_end();
	assert_non_null(strstr(text, " ERROR NMGR:nrt_load Failed to stage graph: copy to NeuronCore nc0: no device memory\n"));
	assert_non_null(strstr(text, " ERROR NMGR:nrt_load Failed to load NN: copy, err: 4\n"));
	free(text);
	assert_null(model);
	assert_error("mc_alloc: device mempool [neuron0] total 8589934592 occupied ");
	assert_error(" needed 6442");
	memory_numbers(&total, &after, &available);
	assert_int_equal(before, after);
	io_create(&io, NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	io_copies(good, &io, "0123456789abcdef", 16);
	io_free(&io);
	free(bytes);
}

static uint64_t instances_occupy(int count)
{
	uint64_t total, before, after, available;
	nrt_model_t *model;

	memory_numbers(&total, &before, &available);
	assert_status(nrt_load(neff, neff_size, 0, count, &model), NRT_SUCCESS);
	memory_numbers(&total, &after, &available);
	assert_status(nrt_unload(model), NRT_SUCCESS);
	return after - before;
}

/* Each instance has weights of its own, unless they are to be shared. */
static void shared_weights(void **state)
{
	uint64_t one, own, shared;

	setenv("NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", "0", 1);
	init_with("NEURON_RT_EXEC_TIMEOUT", "30");
	one = instances_occupy(1);
	own = instances_occupy(4);
	init_with("NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS", "TRUE");
	shared = instances_occupy(4);
	assert_int_equal(own, 4 * one);
	/* A page of code and constants is what they share. */
	assert_int_equal(own - shared, 3 * 4096);
}

/* Several models on one core take turns, and each has memory of its own. */
static void models_switch(void **state)
{
	char text[17];
	nrt_model_t *models[6];
	struct io io[6];
	int i, k;

	init_with("NEURON_RT_VISIBLE_CORES", "2");
	for (i = 0; i < 6; i++) {
		assert_status(nrt_load(neff, neff_size, 0, 1, &models[i]), NRT_SUCCESS);
		io_create(&io[i], NRT_TENSOR_PLACEMENT_VIRTUAL, 16);
	}
	for (k = 0; k < 5; k++)
		for (i = 0; i < 6; i++) {
			snprintf(text, sizeof(text), "model %d, turn %d", i, k);
			io_copies(models[i], &io[i], text, 16);
		}
	for (i = 0; i < 6; i++)
		io_free(&io[i]);
}

/* The first line of a CSV file is known, and the last one is what failed. */
static void memory_log(void **state)
{
	char *text, *path, *line, folder[] = "/tmp/nrt-suite-XXXXXX";
	nrt_tensor_t *t = NULL, *small;
	uint64_t total, occupied, available;

	assert_non_null(mkdtemp(folder));
	setenv("TMPDIR", folder, 1);
	setenv("NEURON_RT_DEBUG_MEMLOG_MAX_SIZE", "3", 1);
	init_with("NEURON_RT_LOG_LEVEL_TDRV", "ERROR");
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4096, "first", &small),
		      NRT_SUCCESS);
	nrt_tensor_free(&small);
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 8192, "se\"cond", &small),
		      NRT_SUCCESS);
	log_begin();
	assert_status(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 5ULL << 30, "big", &t),
		      NRT_RESOURCE);
	text = log_end();
	assert_non_null(strstr(text, "ERROR TDRV:mc_alloc mc_alloc: device mempool [neuron0] total 8589934592 "));
	path = strstr(text, folder);
	assert_non_null(path);
	path[strcspn(path, "\n")] = 0;
	path = strdup(path);
	free(text);
	text = read_text(path);
	line = strtok(text, "\n");
	assert_string_equal(line, "time,thread,event,neuron_device,placement,size,occupied,used_for,name");
	/* Three are kept. */
	assert_non_null(strstr(strtok(NULL, "\n"), ",free,0,device,4096,0,tensor,\"first\""));
	assert_non_null(strstr(strtok(NULL, "\n"), ",allocate,0,device,8192,8192,tensor,\"se_cond\""));
	assert_non_null(strstr(strtok(NULL, "\n"), ",fail,0,device,5368709120,8192,tensor,\"big\""));
	assert_null(strtok(NULL, "\n"));
	free(text);
	/* The next failure goes to the same file. */
	setenv("NEURON_RT_LOG_LEVEL_TDRV", "QUIET", 1);
	log_begin();
	memory_numbers(&total, &occupied, &available);
	free(log_end());
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	unsetenv("TMPDIR");
	nrt_tensor_free(&small);
	free(path);
}

/* What is no model, and results without a place to go. */
static void handles(void **state)
{
	nrt_tensor_info_array_t *infos = NULL;
	nrt_tensor_set_t *set;
	nrt_tensor_t *t = NULL;
	nrt_model_t *model;
	uint32_t count = 77;

	assert_status(nrt_load(neff, neff_size, -1, -1, &model), NRT_SUCCESS);
	assert_status(nrt_get_model_nc_count(model, NULL), NRT_INVALID);
	assert_status(nrt_get_model_instance_count(model, NULL), NRT_INVALID);
	assert_status(nrt_get_model_nc_count(NULL, &count), NRT_INVALID_HANDLE);
	assert_status(nrt_get_model_instance_count((void *)&set, &count), NRT_INVALID_HANDLE);
	assert_status(nrt_get_model_tensor_info((void *)&set, &infos), NRT_INVALID_HANDLE);
	assert_status(nrt_unload(model), NRT_SUCCESS);
	assert_status(nrt_get_model_nc_count(model, &count), NRT_INVALID_HANDLE);
	assert_int_equal(count, 77);
	assert_null(infos);
	assert_status(nrt_get_visible_nc_count(NULL), NRT_INVALID);
	assert_status(nrt_tensor_allocate_empty("e", NULL), NRT_INVALID);
	assert_status(nrt_allocate_tensor_set(&set), NRT_SUCCESS);
	assert_status(nrt_get_tensor_from_tensor_set(NULL, "x", &t), NRT_INVALID);
	assert_status(nrt_get_tensor_from_tensor_set(set, NULL, &t), NRT_INVALID);
	assert_status(nrt_get_tensor_from_tensor_set(set, "x", NULL), NRT_INVALID);
	nrt_destroy_tensor_set(&set);
	/* There is no such device. */
	nrt_close();
	setenv("NEURON_RT_DEVICE", "/dev/neuron99", 1);
	assert_status(nrt_get_total_nc_count(&count), NRT_FAILURE);
	assert_status(nrt_get_visible_nc_count(&count), NRT_FAILURE);
	assert_int_equal(count, 77);
}

static const struct CMUnitTest tests[] = {
	TEST(load_arguments),
	TEST(load_messages),
	TEST(hash_variable),
	TEST(instances),
	TEST(tensor_info),
	TEST(handles),
	TEST(too_large),
	TEST(shared_weights),
	TEST(models_switch),
	TEST(memory_log),
};

TEST_GROUP(model_tests, tests);
