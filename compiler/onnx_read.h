/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX ModelProto to graph IR.
 */
#ifndef NCC_ONNX_READ_H
#define NCC_ONNX_READ_H

#include <stddef.h>

struct ncc_context;

/*
 * Makes ctx->graph of a serialised model, whose bytes have to stay as long as it. 0, or
 * -errno after an error was reported.
 */
int ncc_read_onnx(struct ncc_context *ctx, const void *data, size_t size);
/* Gives the model's file back, when ctx->graph is not needed any more. */
void ncc_read_close(struct ncc_context *ctx);

#endif
