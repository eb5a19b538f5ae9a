// SPDX-License-Identifier: Apache-2.0
/*
 * Input files of neuron-run that are no arrays of NumPy: pictures and bare bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "image.h"
#include "run_input.h"

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), k = strlen(suffix);

	return n > k && !strcmp(path + n - k, suffix);
}

static bool is_raw(const char *path)
{
	return has_suffix(path, ".bin") || has_suffix(path, ".raw");
}

bool run_input_is_other(const char *path)
{
	FILE *f = fopen(path, "re");
	char begin[16];
	size_t n;

	if (!f)
		return false;
	n = fread(begin, 1, sizeof(begin), f);
	fclose(f);
	return image_is(begin, n) || is_raw(path);
}

static int read_raw(struct run_tensor *t, bool each, void *bytes, size_t size, uint64_t *inferences)
{
	size_t one = t->info->size;

	if (one && size && (each ? size % one == 0 : size == one)) {
		t->data = bytes;
		*inferences = size / one;
		return EXIT_OK;
	}
	cli_error("%s: %zu bytes, but input %s has %zu%s", t->path, size, t->info->name, one,
		  each ? ", and the file may hold several of them" : "");
	free(bytes);
	return EXIT_FAILED;
}

static int read_image(struct run_tensor *t, const struct run_options *o, const void *bytes,
		      size_t size)
{
	char error[IMAGE_ERROR_SIZE];
	struct image image;
	int rc;

	if (o->each) {
		cli_error("%s: a picture is one inference; --each is for lists of them", t->path);
		return EXIT_FAILED;
	}
	rc = image_decode(&image, t->path, bytes, size, error);
	if (!rc) {
		t->data = malloc(t->info->size);
		if (t->data)
			rc = image_to_tensor(&image, t->path, &o->image, t->info->dtype,
					     t->info->ndim, t->info->shape, t->data, error);
		else
			snprintf(error, sizeof(error), "%s: out of memory", t->path);
		image_free(&image);
	}
	if (!rc && t->data)
		return EXIT_OK;
	cli_error("%s", error);
	return EXIT_FAILED;
}

int run_input_read(struct run_tensor *t, const struct run_options *o, uint64_t *inferences)
{
	size_t size;
	void *bytes = cli_read_file(t->path, &size);
	int rc;

	if (!bytes)
		return EXIT_FAILED;
	if (!image_is(bytes, size))
		return read_raw(t, o->each, bytes, size, inferences);
	rc = read_image(t, o, bytes, size);
	free(bytes);
	*inferences = 1;
	return rc;
}
