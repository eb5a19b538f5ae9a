/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the chip runs: asked by the partition pass about the model's nodes, after their
 * shapes are known.
 */
#ifndef NCC_DEVICE_H
#define NCC_DEVICE_H

struct ncc_context;
struct ncc_node;

/* Why the chip cannot run @node: a text without full stop; NULL if it can. */
const char *ncc_device_refuses(struct ncc_context *ctx, const struct ncc_node *node);

#endif
