/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graph IR to ONNX: the parts of a model that run on the CPU, and --dump to .onnx files.
 */
#ifndef NCC_ONNX_WRITE_H
#define NCC_ONNX_WRITE_H

#include "ncc.h"

/*
 * The model as it is after a pass: the whole, or, from the partition pass on, all parts
 * together. @out lives in the arena. 0, or -errno after an error was reported.
 */
int ncc_onnx_write(struct ncc_context *ctx, enum ncc_pass after, struct ncc_bytes *out);
/* A part for the CPU as a model of its own. */
int ncc_onnx_write_part(struct ncc_context *ctx, const struct ncc_part *part,
			struct ncc_bytes *out);

#endif
