/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that neuron-run has loaded: its tensors, connected to files.
 */
#ifndef RUN_MODEL_H
#define RUN_MODEL_H

#include <stdbool.h>
#include <nrt/nrt_experimental.h>
#include <nrt/nrt_open.h>

#include "npy.h"
#include "run_options.h"

/**
 * struct run_tensor - an input or output
 * @va: its memory
 * @ndim, @shape, @size: as @info has them; of an output whose shape depends on the data, as the
 *	last inference made it
 * @file: read from, or written to; not open when @path is NULL
 * @stacked: the file has one axis more than the model, the inferences
 * @data: of an input that is no array of NumPy: all inferences of the file, as the model takes them
 */
struct run_tensor {
	const nrt_tensor_info_t *info;
	nrt_tensor_t *tensor;
	void *va;
	uint32_t ndim;
	uint64_t shape[NRT_OPEN_MAX_DIMS];
	size_t size;
	const char *path;
	struct npy file;
	bool stacked;
	void *data;
};

/**
 * struct run_model - the model
 * @inferences: how many the input files hold
 */
struct run_model {
	const char *path;
	nrt_model_t *model;
	nrt_tensor_info_array_t *infos;
	nrt_tensor_set_t *inputs, *outputs;
	struct run_tensor *tensors;
	uint64_t inferences;
	bool initialized;
};

/* All functions give an exit code, after a message when it is not EXIT_OK. */
int run_model_open(struct run_model *m, const struct run_options *options);
/* The inputs of inference @index from the files. */
int run_model_read(struct run_model *m, uint64_t index);
int run_model_execute(struct run_model *m, bool *nan);
/* Append the outputs to their files. */
int run_model_write(struct run_model *m);
/* Also closes the output files: they are complete only when this gives EXIT_OK. */
int run_model_close(struct run_model *m);

/* The only output, or NULL. */
const struct run_tensor *run_model_only_output(const struct run_model *m);

#endif
