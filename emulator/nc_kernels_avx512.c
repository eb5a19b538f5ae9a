// SPDX-License-Identifier: Apache-2.0
/*
 * The path for x86 with AVX-512: the plain C compiled for it, and the multiply of the PE array by
 * hand. Runs with FTZ and DAZ set.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3,no-math-errno,no-trapping-math,fp-contract=off,no-strict-aliasing")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512")
#endif

#define NC_FTZ_HW 1
#include "nc_kernels_impl.h"
#include "nc_kernels_512.h"

/* From an even partition on, whose number is in the high half. */
static inline __m512 widen16(__m256i row)
{
	__m512i v = _mm512_slli_epi32(_mm512_cvtepu16_epi32(row), 16);

	return _mm512_castsi512_ps(_mm512_shuffle_epi32(v, _MM_PERM_CDAB));
}

static inline __attribute__((always_inline))
void widen_pairs(float *to, const uint32_t *row, unsigned int k)
{
	unsigned int j = 0;

	for (; j + 16 <= k; j += 16)
		_mm512_store_ps(to + j, widen16(_mm256_loadu_si256((const __m256i *)(row + j / 2))));
	if (j < k)
		_mm512_store_ps(to + j, widen16(_mm256_maskz_loadu_epi32(
			(__mmask8)((1u << (k - j + 1) / 2) - 1), row + j / 2)));
}

#define FMA_TOP		_mm512_castsi512_ps(_mm512_set1_epi32((int)0xffff0000u))
#define FMA_NAME	k_dot
#define FMA_STRIP	emu_nc_pair_strip
#define FMA_PAIR	64
#define FMA_X		uint32_t
#define FMA_WIDEN	widen_pairs
#define FMA_EVEN(v, p)	__asm__ volatile("vandps %1, %2, %0" : "=v"(v) :		\
					 "m"(*(const __m512 *)(p)), "v"(FMA_TOP))
#define FMA_ODD(v, p)	__asm__ volatile("vpslld $16, %1, %0" : "=v"(v) :		\
					 "m"(*(const __m512 *)(p)))
#include "nc_kernels_fma.h"

const struct emu_nc_kernels emu_nc_kernels_avx512 = {
	.name = "avx512", TABLE, .dot = k_dot,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
