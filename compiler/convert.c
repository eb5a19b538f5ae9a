// SPDX-License-Identifier: Apache-2.0
/*
 * Number formats.
 */
#include <string.h>

#include <neuron/isa.h>

#include "convert.h"

static uint32_t bits_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static float float_of(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

uint16_t ncc_to_bf16(float f)
{
	uint32_t u = bits_of(f);

	if ((u & 0x7fffffff) > 0x7f800000)
		return 0x7fc0;
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float ncc_from_bf16(uint16_t h)
{
	return float_of((uint32_t)h << 16);
}

uint16_t ncc_to_fp16(float f)
{
	uint32_t u = bits_of(f);
	uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
	uint32_t mag = u & 0x7fffffff;
	uint32_t half, rest, tie;
	int shift;

	if (mag > 0x7f800000)
		return 0x7e00;
	if (mag >= 0x477ff000)	/* rounds to 65536 or more */
		return sign | 0x7c00;
	if (mag >= 0x38800000) {
		half = (mag - 0x38000000) >> 13;
		rest = mag & 0x1fff;
		tie = 0x1000;
	} else {
		if (mag < 0x33000000)
			return sign;
		shift = 126 - (int)(mag >> 23);
		mag = (mag & 0x7fffff) | 0x800000;
		half = mag >> shift;
		rest = mag & ((1u << shift) - 1);
		tie = 1u << (shift - 1);
	}
	if (rest > tie || (rest == tie && (half & 1)))
		half++;
	return (uint16_t)(sign | half);
}

float ncc_from_fp16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t exp = h >> 10 & 0x1f;
	uint32_t man = h & 0x3ff;

	if (exp == 0x1f)
		return float_of(sign | 0x7f800000 | man << 13);
	if (exp)
		return float_of(sign | (exp + 112) << 23 | man << 13);
	return float_of(bits_of((float)man * 0x1p-24f) | sign);
}

void ncc_store_element(void *dst, uint8_t dtype, float f)
{
	uint16_t half;

	if (dtype == NEURON_FP32) {
		memcpy(dst, &f, sizeof(f));
		return;
	}
	half = dtype == NEURON_FP16 ? ncc_to_fp16(f) : ncc_to_bf16(f);
	memcpy(dst, &half, sizeof(half));
}

#define BLOCK	64	/* columns whose results stay in the first-level cache meanwhile */

void ncc_store_turned(uint8_t *dst, int64_t length, const float *src, int64_t distance, int64_t rows,
		      int64_t columns, uint8_t dtype)
{
	for (int64_t c = 0; c < columns; c += BLOCK) {
		int64_t n = columns - c < BLOCK ? columns - c : BLOCK;

		for (int64_t r = 0; r < rows; r++)
			for (int64_t i = 0; i < n; i++)
				ncc_store_element(dst + ((c + i) * length + r) * 2, dtype,
						  src[r * distance + c + i]);
	}
}

#define SIZE_OF(code, id, bytes)	[code] = bytes,

unsigned int ncc_dtype_size(uint8_t dtype)
{
	static const uint8_t size[] = { NEURON_ISA_DTYPES(SIZE_OF) };

	return dtype < sizeof(size) ? size[dtype] : 0;
}

const char *ncc_dtype_name(uint8_t dtype)
{
	static const char *const name[] = {
		[NEURON_FP32] = "float32", [NEURON_FP16] = "float16", [NEURON_BF16] = "bfloat16",
		[NEURON_INT8] = "int8", [NEURON_UINT8] = "uint8", [NEURON_INT16] = "int16",
		[NEURON_UINT16] = "uint16", [NEURON_INT32] = "int32", [NEURON_UINT32] = "uint32",
	};

	return dtype < sizeof(name) / sizeof(name[0]) && name[dtype] ? name[dtype] : "unknown";
}
