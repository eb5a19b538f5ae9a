// SPDX-License-Identifier: Apache-2.0
/*
 * What all JSON of the compiler has in common: names.
 */
#include <string.h>

#include "graph.h"
#include "json.h"

json_t *ncc_json_label(struct ncc_context *ctx, const char *name)
{
	json_t *j = json_string(name);
	char *plain;

	if (j)
		return j;
	plain = ncc_strndup(&ctx->arena, name, strlen(name));
	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(plain);
}
