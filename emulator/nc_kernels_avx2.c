// SPDX-License-Identifier: Apache-2.0
/*
 * The path for x86 with AVX2 and FMA: the plain C compiled for it, and the multiply of
 * the PE array by hand. Runs with FTZ and DAZ set.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3,no-math-errno,no-trapping-math,fp-contract=off,no-strict-aliasing")
#pragma GCC target("avx2,fma")
#endif

#define NC_FTZ_HW 1
#include "nc_kernels_impl.h"

/* By hand: the C function sets errno, which nothing vectorises. */
static void k_sqrt(float *x, unsigned int n)
{
	unsigned int i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(x + i, _mm256_sqrt_ps(_mm256_loadu_ps(x + i)));
	for (; i < n; i++)
		_mm_store_ss(x + i, _mm_sqrt_ss(_mm_load_ss(x + i)));
}

#include "nc_kernels_ymm.h"

/* 8 x 8 words. */
static void transpose8(uint32_t (*dst)[EMU_NC_STRIP], const uint32_t *const src[8])
{
	__m256 r[8], t[8];

	for (int i = 0; i < 8; i++)
		r[i] = _mm256_loadu_ps((const float *)src[i]);
	for (int i = 0; i < 8; i += 2) {
		t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < 8; i += 4)
		for (int h = 0; h < 2; h++) {
			r[i + 2 * h] = _mm256_shuffle_ps(t[i + h], t[i + 2 + h], 0x44);
			r[i + 2 * h + 1] = _mm256_shuffle_ps(t[i + h], t[i + 2 + h], 0xee);
		}
	for (int i = 0; i < 4; i++) {
		_mm256_store_ps((float *)dst[i], _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
		_mm256_store_ps((float *)dst[i + 4], _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
	}
}

static void k_strip(uint32_t (*dst)[EMU_NC_STRIP], const uint32_t *const src[EMU_NC_STRIP],
		    unsigned int n)
{
	const uint32_t *at[EMU_NC_STRIP];
	unsigned int j = 0;

	for (; j + 8 <= n; j += 8) {
		for (int i = 0; i < EMU_NC_STRIP; i++)
			at[i] = src[i] + j;
		transpose8(dst + j, at);
		transpose8((uint32_t (*)[EMU_NC_STRIP])(dst[j] + 8), at + 8);
	}
	for (; j < n; j++)
		for (int i = 0; i < EMU_NC_STRIP; i++)
			dst[j][i] = src[i][j];
}

/* ---- the PE array ---- */

#define FMA_V		__m256
#define FMA_LANES	8
#define FMA_NEXT	32
#define FMA_COLUMNS	6
#define FMA_EACH_COLUMN(F)	F(0) F(1) F(2) F(3) F(4) F(5)
#define FMA_EACH_WIDTH(F)	F(1) F(2) F(3) F(4) F(5) F(6)
#define FMA_NANS	__m256i

/* All bits of the first @lanes words. */
static inline __m256i lane_mask(unsigned int lanes)
{
	const __m256i count = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);

	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)lanes), count);
}

static inline __m256 fma_get(const float *p, unsigned int lanes)
{
	return lanes == 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, lane_mask(lanes));
}

/* Masked stores take long on some hosts. */
static inline void fma_put(float *p, unsigned int lanes, __m256 v)
{
	__m128 x = _mm256_castps256_ps128(v);

	if (lanes == 8) {
		_mm256_storeu_ps(p, v);
		return;
	}
	if (lanes & 4) {
		_mm_storeu_ps(p, x);
		x = _mm256_extractf128_ps(v, 1);
		p += 4;
	}
	if (lanes & 2) {
		_mm_storel_pi((__m64 *)p, x);
		x = _mm_movehl_ps(x, x);
		p += 2;
	}
	if (lanes & 1)
		_mm_store_ss(p, x);
}

static inline __m256 fma_cut(__m256 v, unsigned int lanes)
{
	return _mm256_and_ps(v, _mm256_castsi256_ps(lane_mask(lanes)));
}

static inline __m256i fma_nans(__m256 a, __m256 b)
{
	return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_UNORD_Q));
}

static inline bool fma_any(__m256i nans)
{
	return !_mm256_testz_si256(nans, nans);
}

/* From an even partition on, whose number is in the high half. */
static inline __attribute__((always_inline))
void widen_pairs(float *to, const uint32_t *row, unsigned int k)
{
	/* each number to the high half of its word; -1 makes zeros */
	const __m256i order = _mm256_setr_epi8(-1, -1, 2, 3, -1, -1, 0, 1, -1, -1, 6, 7, -1, -1, 4, 5,
					       -1, -1, 10, 11, -1, -1, 8, 9, -1, -1, 14, 15, -1, -1, 12, 13);
	const __m128i count = _mm_set_epi32(3, 2, 1, 0);
	unsigned int j = 0;
	__m128i some;

	for (; j + 8 <= k; j += 8) {
		__m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(row + j / 2)));

		_mm256_store_ps(to + j, _mm256_castsi256_ps(_mm256_shuffle_epi8(v, order)));
	}
	if (j == k)
		return;
	some = _mm_cmpgt_epi32(_mm_set1_epi32((int)(k - j + 1) / 2), count);
	some = _mm_maskload_epi32((const int *)(row + j / 2), some);
	_mm256_store_ps(to + j, _mm256_castsi256_ps(
		_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(some), order)));
}

#define FMA_TOP		_mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u))
#define FMA_NAME	k_dot
#define FMA_STRIP	emu_nc_pair_strip
#define FMA_PAIR	64
#define FMA_X		uint32_t
#define FMA_WIDEN	widen_pairs
#define FMA_EVEN(v, p)	__asm__ volatile("vandps %1, %2, %0" : "=v"(v) :		\
					 "m"(*(const __m256 *)(p)), "v"(FMA_TOP))
#define FMA_ODD(v, p)	__asm__ volatile("vmovaps %1, %0\n\tvpslld $16, %0, %0" : "=v"(v) :	\
					 "m"(*(const __m256 *)(p)))
#include "nc_kernels_fma.h"

#define FMA_NAME	k_mac
#define FMA_STRIP	emu_nc_float_strip
#define FMA_PAIR	128
#define FMA_X		float
#define FMA_WIDEN(to, x, k)	__builtin_memcpy(to, x, (k) * sizeof(float))
#define FMA_EVEN(v, p)	__asm__ volatile("vmovaps %1, %0" : "=v"(v) : "m"(*(const __m256 *)(p)))
#define FMA_ODD(v, p)	FMA_EVEN(v, (p) + 64)
#include "nc_kernels_fma.h"

const struct emu_nc_kernels emu_nc_kernels_avx2 = {
	.name = "avx2",
	.ftz = true,
	.load = k_load,
	.store = k_store,
	.load_int = k_load_int,
	.store_int = k_store_int,
	.affine = k_affine,
	.activate = k_activate,
	.func = k_func,
	.alu = k_alu,
	.ialu = k_ialu,
	.fma = k_fma,
	.products = k_products,
	.sums = k_sums,
	.greatest = k_greatest,
	.least = k_least,
	.strip = k_strip,
	.join = k_join,
	.mac = k_mac,
	.dot = k_dot,
	.imac = k_imac,
	.swap_pairs = k_swap_pairs,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
