// SPDX-License-Identifier: Apache-2.0
/*
 * Element types: public names, sizes, numbers of the API.
 */
#include <string.h>

#include <nrt/nrt_open.h>

#include "dtype.h"

static const struct {
	nrt_dtype_t dtype;
	const char *name;
	size_t size;
	int onnx;
} types[] = {
	{ NRT_DTYPE_FLOAT32, "float32", 4, 1 },
	{ NRT_DTYPE_FLOAT16, "float16", 2, 10 },
	{ NRT_DTYPE_BFLOAT16, "bfloat16", 2, 16 },
	{ NRT_DTYPE_INT8, "int8", 1, 3 },
	{ NRT_DTYPE_UINT8, "uint8", 1, 2 },
	{ NRT_DTYPE_INT16, "int16", 2, 5 },
	{ NRT_DTYPE_UINT16, "uint16", 2, 4 },
	{ NRT_DTYPE_INT32, "int32", 4, 6 },
	{ NRT_DTYPE_UINT32, "uint32", 4, 12 },
	{ NRT_DTYPE_INT64, "int64", 8, 7 },
	{ NRT_DTYPE_UINT64, "uint64", 8, 13 },
	{ NRT_OPEN_DTYPE_BOOL, "bool", 1, 9 },
	{ NRT_OPEN_DTYPE_FLOAT64, "float64", 8, 11 },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

/* Index of @dtype, or TYPES. */
static size_t find(nrt_dtype_t dtype)
{
	size_t i = 0;

	while (i < TYPES && types[i].dtype != dtype)
		i++;
	return i;
}

nrt_dtype_t nrt_dtype_parse(const char *name)
{
	for (size_t i = 0; i < TYPES; i++)
		if (!strcmp(name, types[i].name))
			return types[i].dtype;
	return NRT_DTYPE_UNKNOWN;
}

const char *nrt_dtype_name(nrt_dtype_t dtype)
{
	size_t i = find(dtype);

	return i < TYPES ? types[i].name : "unknown";
}

size_t nrt_dtype_size(nrt_dtype_t dtype)
{
	size_t i = find(dtype);

	return i < TYPES ? types[i].size : 0;
}

int nrt_dtype_onnx(nrt_dtype_t dtype)
{
	size_t i = find(dtype);

	return i < TYPES ? types[i].onnx : 0;
}
