// SPDX-License-Identifier: Apache-2.0
/*
 * The path for x86 with AVX-512 and its instructions for bf16: as that without them, but results are
 * rounded by the host's conversion, which flushes subnormals whatever the mode, and the PE array
 * multiplies by its dot product. vdpbf16ps is two sequential fused multiply-adds, the high half of
 * each word first, rounded to nearest, with subnormal operands and results flushed: the chain that
 * docs/isa.md asks for. The self-test of nc_kernels.c checks that before the path is used.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3,no-math-errno,no-trapping-math,fp-contract=off,no-strict-aliasing")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,prefer-vector-width=512")
#endif

#define NC_FTZ_HW 1
#define NC_BF16_HW 1
#include "nc_kernels_impl.h"
#include "nc_kernels_512.h"

#define ZMM_NAME		k_dot
#define ZMM_CHAIN		k_chain
#define ZMM_STRIP		emu_nc_pair_strip
#define ZMM_X			uint32_t
#define ZMM_STEPS(k)		((k) / 2)
#define ZMM_W(p)		_mm512_load_ps((const float *)(p))
/* What is beyond k may be a number that ldweights has loaded: times 0 it could be -0 or a NaN. */
#define ZMM_W_LAST(p)		_mm512_castsi512_ps(_mm512_and_si512(_mm512_load_si512(p), \
								     _mm512_set1_epi32((int)0xffff0000u)))
#define ZMM_B(x)		_mm512_castsi512_ps(_mm512_set1_epi32((int)(x)))
#define ZMM_LAST(x)		_mm512_castsi512_ps(_mm512_set1_epi32((int)((x) & 0xffff0000u)))
#define ZMM_MUL(acc, w, b)	_mm512_dpbf16_ps(acc, (__m512bh)(w), (__m512bh)(b))
#include "nc_kernels_zmm.h"

/* ---- sums of products of bf16 and bf16, such as of sliding windows ---- */

VEC_FN __m512 pair_product(__m512 sum, __m512i x, const uint32_t *w)
{
	return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)_mm512_load_si512(w));
}

/* From lanes as unpacking leaves them to their order. */
VEC_FN void pair_order(__m512 x[2])
{
	const __m512i first = _mm512_set_epi32(22, 23, 20, 21, 6, 7, 4, 5, 18, 19, 16, 17, 2, 3, 0, 1);
	const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
	const __m512 low = x[0], high = x[1];

	x[0] = _mm512_permutex2var_ps(low, first, high);
	x[1] = _mm512_permutex2var_ps(low, second, high);
}

/* Results @first .. @first + @n - 1. */
VEC_FN bool pair_products(const struct emu_nc_window *w, unsigned int first, const unsigned int n,
			  unsigned int lane, const struct vec_some some)
{
	/* times +0 it is what any sum can be added to */
	const __m512i none = _mm512_set1_epi16(INT16_MIN);
	const char *at[VEC_RESULTS];
	__m512 sum[VEC_RESULTS][2];
	bool nan = false;

	_Pragma("GCC unroll 4")
	for (unsigned int c = 0; c < n; c++) {
		at[c] = (const char *)w->src.at + (long)(first + c) * w->src.step + lane * 2;
		sum[c][0] = sum[c][1] = _mm512_setzero_ps();
	}
	vec_fetch_fresh(w, at, n);
	for (unsigned int t = 0; t < w->taps; t += 2) {
		const uint32_t *pair = w->pair[t / 2] + lane;
		const bool two = t + 1 < w->taps;
		const long tap = w->tap[t], next = w->tap[two ? t + 1 : t];

		_Pragma("GCC unroll 4")
		for (unsigned int c = 0; c < n; c++) {
			__m512i a = vec16_load(&some, (const uint16_t *)(at[c] + tap));
			__m512i b = two ? vec16_load(&some, (const uint16_t *)(at[c] + next)) : none;

			sum[c][0] = pair_product(sum[c][0], _mm512_unpacklo_epi16(b, a), pair);
			sum[c][1] = pair_product(sum[c][1], _mm512_unpackhi_epi16(b, a), pair + 16);
		}
	}
	_Pragma("GCC unroll 4")
	for (unsigned int c = 0; c < n; c++) {
		pair_order(sum[c]);
		nan |= vec_result(w, first + c, lane, &some, sum[c]);
	}
	return nan;
}

static bool k_pair_products(const struct emu_nc_window *w)
{
	return vec_each_product(w, pair_products);
}

const struct emu_nc_kernels emu_nc_kernels_bf16 = {
	.name = "bf16", TABLE, .dot = k_dot, .chain = k_chain,
	.pair_products = k_pair_products,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
