/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types: public names, sizes, numbers of the API.
 */
#ifndef NRT_DTYPE_INTERNAL_H
#define NRT_DTYPE_INTERNAL_H

#include <stddef.h>
#include <nrt/nrt.h>

/* "float32" -> NRT_DTYPE_FLOAT32; NRT_DTYPE_UNKNOWN if there is no such type. */
nrt_dtype_t nrt_dtype_parse(const char *name);
/* The reverse; "unknown" for what is not a type. */
const char *nrt_dtype_name(nrt_dtype_t dtype);
/* Bytes of an element; 0 for what is not a type. */
size_t nrt_dtype_size(nrt_dtype_t dtype);
/* ONNX's number for it (TensorProto.DataType); 0 for what is not a type. */
int nrt_dtype_onnx(nrt_dtype_t dtype);

#endif
