/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From places to parts: between the partition pass and its result.
 */
#ifndef NCC_PARTITION_BUILD_H
#define NCC_PARTITION_BUILD_H

struct ncc_context;

/* Makes ctx->parts; node->mark is the phase (0 .. @phases - 1) of each node that lives. */
int ncc_parts_build(struct ncc_context *ctx, int phases);

#endif
