/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What neuron-run prints.
 */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include "run_model.h"

/**
 * struct run_statistics - about the executions
 * @count: executions
 * @total_ns, @best_ns: host time of all, of the fastest
 * @cycles: modelled, of all
 * @right: answers that were right, when there are labels
 * @nan: an engine produced a NaN
 * @class_names: text with a name for each element of an output, one a line, or NULL
 */
struct run_statistics {
	uint64_t count;
	uint64_t total_ns, best_ns;
	uint64_t cycles;
	uint64_t right;
	bool nan;
	char *class_names;
};

/* Index of the largest element; 0 when all are NaN. */
uint64_t run_argmax(const struct run_tensor *t);

void run_print_text(const struct run_model *m, const struct run_options *o,
		    const struct run_statistics *s);
/* EXIT_FAILED after a message when out of memory. */
int run_print_json(const struct run_model *m, const struct run_options *o,
		   const struct run_statistics *s);

#endif
