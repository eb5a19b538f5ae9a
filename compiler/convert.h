/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Number formats: fp32 to and from the 16-bit types, round to nearest even.
 */
#ifndef NCC_CONVERT_H
#define NCC_CONVERT_H

#include <stddef.h>
#include <stdint.h>

uint16_t ncc_to_bf16(float f);
uint16_t ncc_to_fp16(float f);
float ncc_from_bf16(uint16_t h);
float ncc_from_fp16(uint16_t h);

/* One element of @dtype (enum neuron_dtype: FP32, BF16, FP16) at @dst. */
void ncc_store_element(void *dst, uint8_t dtype, float f);
/*
 * A matrix of @rows x @columns elements, rows @distance elements apart, with each column as a row of @length
 * 2-byte elements of @dtype; behind the @rows-th they stay as they are.
 */
void ncc_store_turned(uint8_t *dst, int64_t length, const float *src, int64_t distance, int64_t rows,
		      int64_t columns, uint8_t dtype);
/* Bytes of an element of @dtype; 0 for an unknown one. */
unsigned int ncc_dtype_size(uint8_t dtype);
/* "float32", as neff.h spells it. */
const char *ncc_dtype_name(uint8_t dtype);

#endif
