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

int cli_print_result(json_t *root)
{
	int rc = EXIT_OK;

	if (!root || json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9))) {
		cli_error("cannot print JSON: out of memory, or a name is not UTF-8");
		rc = EXIT_FAILED;
	}
	if (!rc)
		putchar('\n');
	json_decref(root);
	return rc;
}
