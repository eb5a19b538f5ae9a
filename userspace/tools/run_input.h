/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input files of neuron-run that are no arrays of NumPy: pictures and bare bytes.
 */
#ifndef RUN_INPUT_H
#define RUN_INPUT_H

#include "run_model.h"

/* Whether a file is one of these, by its first bytes or its suffix (.bin, .raw). */
bool run_input_is_other(const char *path);
/* @t->data, and how many inferences it holds; an exit code, after a message. */
int run_input_read(struct run_tensor *t, const struct run_options *options, uint64_t *inferences);

#endif
