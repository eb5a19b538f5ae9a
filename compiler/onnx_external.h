/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of initializers that are in files beside the model ("external data").
 */
#ifndef NCC_ONNX_EXTERNAL_H
#define NCC_ONNX_EXTERNAL_H

#include "ncc.h"
#include "onnx_wire.h"

/*
 * Finds the @size bytes of initializer @name whose TensorProto is @tensor, and maps the file
 * that they are in; the mapping lives as long as the compilation. The file must be below the
 * model's directory, reached through no symbolic link. -EINVAL (reported) if it cannot be.
 */
int ncc_external_data(struct ncc_context *ctx, const char *name, struct ncc_wire tensor,
		      size_t size, struct ncc_bytes *data);
/* Does @at point into one of the files? */
bool ncc_external_has(const struct ncc_context *ctx, const uint8_t *at);
void ncc_external_close(struct ncc_context *ctx);

#endif
