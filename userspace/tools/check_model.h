/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-check-model: from the compiler's report of each node to what people ask.
 */
#ifndef CHECK_MODEL_H
#define CHECK_MODEL_H

#include <stdbool.h>
#include <jansson.h>

/*
 * { "model": .., "operators": [ { "op_type", "instances", "supported", "reasons": [..] } ],
 *   "total_operations", "supported_operations", "percent_supported", "percent_arithmetic",
 *   "computed_by_compiler", "min_neuroncores",
 *   "subgraphs": [ { "name", "executor", "operations", "min_neuroncores", "operators": [..] } ],
 *   "nodes": [ { "name", "op_type", "subgraph", "supported", "reason" } ] }
 * @report: of ncc_options.report_json. NULL without memory.
 */
json_t *check_model_json(json_t *report);

/* The same for people, to standard output. -ENOMEM. */
int check_model_print(json_t *root, bool names, bool expand);

#endif
