/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON on standard output.
 */
#ifndef TOOL_CLI_JSON_H
#define TOOL_CLI_JSON_H

#include <jansson.h>

/* Print, as cli_finish(); EXIT_FAILED after a message also for NULL, which is want of memory. */
int cli_print_json(json_t *root);

/* Print what a measurement gave, in 9 digits, and free it. NULL as above; the caller finishes. */
int cli_print_result(json_t *root);

#endif
