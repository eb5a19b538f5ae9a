/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of neuron-run.
 */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "image_tensor.h"

#define RUN_MAX_FILES 255

/**
 * struct run_file - --input or --output
 * @name: of the tensor; NULL: the only one
 */
struct run_file {
	const char *name;
	const char *path;
};

/*
 * @labels: right answers, an array; @class_names: text, the names of an output's elements
 */
struct run_options {
	const char *model;
	const char *device;
	const char *labels;
	const char *class_names;
	struct image_options image;
	struct run_file inputs[RUN_MAX_FILES], outputs[RUN_MAX_FILES];
	uint32_t input_count, output_count;
	uint64_t repeat;
	uint64_t top;
	bool each;
	bool json;
};

/* Returns -1 to go on, else the exit code. Strings are parts of @argv. */
int run_options_parse(struct run_options *options, int argc, char **argv);

#endif
