/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all JSON of the compiler has in common.
 */
#ifndef NCC_JSON_H
#define NCC_JSON_H

#include <jansson.h>

struct ncc_context;

/* A name for people: what is not UTF-8 is replaced. NULL without memory. */
json_t *ncc_json_label(struct ncc_context *ctx, const char *name);

#endif
