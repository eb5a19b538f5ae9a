/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --io-config: shapes of inputs and choice of outputs.
 */
#ifndef NCC_IO_CONFIG_H
#define NCC_IO_CONFIG_H

struct ncc_context;

/*
 * Applies options->io_config (JSON text) to the graph: fixes open sizes of inputs, and
 * replaces the graph's outputs where "outputs" lists some. 0 or -EINVAL (reported).
 */
int ncc_io_config(struct ncc_context *ctx);

#endif
