// SPDX-License-Identifier: Apache-2.0
/*
 * Element types: public names, sizes, numbers of the API.
 */
#include <string.h>

#include "dtype.h"

static const struct {
	const char *name;
	size_t size;
} types[] = {
	[NRT_DTYPE_UNKNOWN] = { "unknown", 0 },
	[NRT_DTYPE_FLOAT32] = { "float32", 4 },
	[NRT_DTYPE_FLOAT16] = { "float16", 2 },
	[NRT_DTYPE_BFLOAT16] = { "bfloat16", 2 },
	[NRT_DTYPE_INT8] = { "int8", 1 },
	[NRT_DTYPE_UINT8] = { "uint8", 1 },
	[NRT_DTYPE_INT16] = { "int16", 2 },
	[NRT_DTYPE_UINT16] = { "uint16", 2 },
	[NRT_DTYPE_INT32] = { "int32", 4 },
	[NRT_DTYPE_UINT32] = { "uint32", 4 },
	[NRT_DTYPE_INT64] = { "int64", 8 },
	[NRT_DTYPE_UINT64] = { "uint64", 8 },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

nrt_dtype_t nrt_dtype_parse(const char *name)
{
	unsigned int i;

	for (i = 1; i < TYPES; i++)
		if (!strcmp(name, types[i].name))
			return i;
	return NRT_DTYPE_UNKNOWN;
}

const char *nrt_dtype_name(nrt_dtype_t dtype)
{
	return types[(unsigned int)dtype < TYPES ? dtype : 0].name;
}

size_t nrt_dtype_size(nrt_dtype_t dtype)
{
	return types[(unsigned int)dtype < TYPES ? dtype : 0].size;
}
