// SPDX-License-Identifier: Apache-2.0
/*
 * Random elements of each type of floats.
 */
#include <stdint.h>
#include <string.h>

#include <nrt/nrt_open.h>

#include "bench_fill.h"
#include "dtype.h"

/* For numbers up to 1; those that would be subnormal become 0. */
static uint16_t half_of(float value)
{
	uint32_t bits;
	int exponent;

	memcpy(&bits, &value, sizeof(bits));
	exponent = (int)(bits >> 23 & 255) - 127 + 15;
	if (exponent <= 0)
		return bits >> 16 & 0x8000;
	return (bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 1023);
}

static void store(void *element, nrt_dtype_t dtype, float value)
{
	double wide = value;
	uint16_t half;

	switch ((int)dtype) {
	case NRT_DTYPE_FLOAT32:
		memcpy(element, &value, sizeof(value));
		break;
	case NRT_OPEN_DTYPE_FLOAT64:
		memcpy(element, &wide, sizeof(wide));
		break;
	case NRT_DTYPE_FLOAT16:
		half = half_of(value);
		memcpy(element, &half, sizeof(half));
		break;
	case NRT_DTYPE_BFLOAT16:
		/* Half the width of a float32. */
		memcpy(element, (const char *)&value + 2, 2);
		break;
	default:
		break;
	}
}

void bench_fill(void *data, nrt_dtype_t dtype, size_t size)
{
	size_t width = nrt_dtype_size(dtype), i;
	uint32_t state = 1;

	memset(data, 0, size);
	for (i = 0; width && i < size / width; i++) {
		state = state * 1664525 + 1013904223;
		store((char *)data + i * width, dtype, (int32_t)state / 2147483648.0f);
	}
}
