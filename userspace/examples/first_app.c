// SPDX-License-Identifier: Apache-2.0
/*
 * The first program with libnrt: run a model once, with 15 calls, in the order that the
 * runtime's guide gives. Inputs come from NAME.bin in the current directory (zeros where there is no
 * such file), outputs go to NAME.out; both are the tensors' bare bytes. A '/' in a name
 * becomes a '_'.
 *
 *   gcc first_app.c -lnrt -o first_app
 *   NEURON_RT_DEVICE=emulator ./first_app model.neff
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

#define CHECK(call) check(call, #call)

static void check(NRT_STATUS status, const char *what)
{
	/* Outputs are there all the same when a NaN was produced. */
	if (status == NRT_SUCCESS || status == NRT_EXEC_COMPLETED_WITH_NUM_ERR)
		return;
	fprintf(stderr, "%s: status %d of nrt/nrt_status.h\n", what, status);
	exit(EXIT_FAILURE);
}

static const void *map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	close(fd);
	*size = st.st_size;
	return data;
}

static void file_name(char *path, size_t size, const char *tensor, const char *suffix)
{
	snprintf(path, size, "%s.%s", tensor, suffix);
	for (; *path; path++)
		if (*path == '/')
			*path = '_';
}

static void read_input(const nrt_tensor_info_t *info, nrt_tensor_t *tensor)
{
	char path[sizeof(info->name) + 8];
	void *data = calloc(1, info->size);
	FILE *f;

	if (!data) {
		perror(info->name);
		exit(EXIT_FAILURE);
	}
	file_name(path, sizeof(path), info->name, "bin");
	f = fopen(path, "rb");
	if (f) {
		if (fread(data, 1, info->size, f) != info->size)
			fprintf(stderr, "%s: less than %zu bytes\n", path, info->size);
		fclose(f);
	}
	CHECK(nrt_tensor_write(tensor, data, 0, info->size));
	free(data);
}

static void write_output(const nrt_tensor_info_t *info, nrt_tensor_set_t *outputs)
{
	char path[sizeof(info->name) + 8];
	void *data = malloc(info->size);
	nrt_tensor_t *tensor;
	FILE *f;

	CHECK(nrt_get_tensor_from_tensor_set(outputs, info->name, &tensor));
	file_name(path, sizeof(path), info->name, "out");
	f = fopen(path, "wb");
	if (!data || !f) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	CHECK(nrt_tensor_read(tensor, data, 0, info->size));
	if (fwrite(data, 1, info->size, f) != info->size || fclose(f)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	free(data);
	printf("%s: %zu bytes\n", path, info->size);
}

int main(int argc, char **argv)
{
	nrt_tensor_info_array_t *infos;
	nrt_tensor_set_t *inputs, *outputs;
	nrt_tensor_t **tensors;
	nrt_model_t *model;
	const void *neff;
	size_t size;
	uint64_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: %s MODEL.neff\n", argv[0]);
		return 2;
	}
	CHECK(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	neff = map_file(argv[1], &size);
	CHECK(nrt_load(neff, size, -1, -1, &model));
	munmap((void *)neff, size);
	CHECK(nrt_get_model_tensor_info(model, &infos));
	CHECK(nrt_allocate_tensor_set(&inputs));
	CHECK(nrt_allocate_tensor_set(&outputs));
	tensors = calloc(infos->tensor_count, sizeof(*tensors));
	for (i = 0; tensors && i < infos->tensor_count; i++) {
		const nrt_tensor_info_t *info = &infos->tensor_array[i];
		int is_input = info->usage == NRT_TENSOR_USAGE_INPUT;

		CHECK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_VIRTUAL, -1, info->size, info->name,
					  &tensors[i]));
		CHECK(nrt_add_tensor_to_tensor_set(is_input ? inputs : outputs, info->name,
						   tensors[i]));
		if (is_input)
			read_input(info, tensors[i]);
	}
	CHECK(nrt_execute(model, inputs, outputs));
	for (i = 0; tensors && i < infos->tensor_count; i++)
		if (infos->tensor_array[i].usage == NRT_TENSOR_USAGE_OUTPUT)
			write_output(&infos->tensor_array[i], outputs);
	CHECK(nrt_unload(model));
	for (i = 0; tensors && i < infos->tensor_count; i++)
		nrt_tensor_free(&tensors[i]);
	free(tensors);
	nrt_destroy_tensor_set(&inputs);
	nrt_destroy_tensor_set(&outputs);
	nrt_free_model_tensor_info(infos);
	nrt_close();
	return 0;
}
