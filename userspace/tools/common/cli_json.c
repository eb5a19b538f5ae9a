// SPDX-License-Identifier: Apache-2.0
/*
 * JSON on standard output.
 */
#include <stdio.h>

#include "cli.h"
#include "cli_json.h"

int cli_print_json(json_t *root)
{
	if (!root) {
		cli_error("out of memory for JSON");
		return EXIT_FAILED;
	}
	/* What gets lost here is seen by cli_finish(). */
	if (!json_dumpf(root, stdout, JSON_INDENT(2)))
		putchar('\n');
	return cli_finish();
}
