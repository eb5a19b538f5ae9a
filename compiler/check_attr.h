/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of nodes: are they what the operators say?
 */
#ifndef NCC_CHECK_ATTR_H
#define NCC_CHECK_ATTR_H

#include "graph.h"

/* -EINVAL (reported) for attributes that no operator has, or that have another type. */
int ncc_check_attributes(struct ncc_context *ctx, const struct ncc_node *node);

#endif
