// SPDX-License-Identifier: Apache-2.0
/*
 * The paths for x86 with AVX-512: the plain C compiled for it, and the multiply of the PE
 * array by hand; "bf16" multiplies bf16 by the host's dot product (nc_kernels_bf16.c) and is
 * otherwise the same. Runs with FTZ and DAZ set.
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

/* By hand: the C function sets errno, which nothing vectorises. */
static void k_sqrt(float *x, unsigned int n)
{
	__mmask16 some = (__mmask16)((1u << n % 16) - 1);
	unsigned int i = 0;

	for (; i + 16 <= n; i += 16)
		_mm512_storeu_ps(x + i, _mm512_sqrt_ps(_mm512_loadu_ps(x + i)));
	if (some)
		_mm512_mask_storeu_ps(x + i, some,
				      _mm512_sqrt_ps(_mm512_maskz_loadu_ps(some, x + i)));
}

/* 16 x 16 words, of which the source has @have. */
static void transpose16(uint32_t (*dst)[EMU_NC_STRIP], const uint32_t *const *src, unsigned int at,
			unsigned int have)
{
	__mmask16 some = have < 16 ? (__mmask16)((1u << have) - 1) : 0xffff;
	__m512 r[16], t[16];

	for (int i = 0; i < 16; i++)
		r[i] = _mm512_maskz_loadu_ps(some, (const float *)src[i] + at);
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < 16; i += 4)
		for (int h = 0; h < 2; h++) {
			r[i + 2 * h] = _mm512_shuffle_ps(t[i + h], t[i + 2 + h], 0x44);
			r[i + 2 * h + 1] = _mm512_shuffle_ps(t[i + h], t[i + 2 + h], 0xee);
		}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
		t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
		t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
		t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
	}
	for (unsigned int i = 0; i < 4; i++) {
		r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
		r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
		r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
		r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
	}
	for (unsigned int i = 0; i < 16 && i < have; i++)
		_mm512_store_ps((float *)dst[i], r[i]);
}

static void k_strip(uint32_t (*dst)[EMU_NC_STRIP], const uint32_t *const src[EMU_NC_STRIP],
		    unsigned int n)
{
	for (unsigned int j = 0; j < n; j += 16)
		transpose16(dst + j, src, j, n - j);
}

/* What one vector of lanes becomes, rounded to bf16 and in the order of rows. */
static inline __attribute__((always_inline))
__m256i evacuate16(__m512 x, __m512 scale, __m512 bias, __m512 residual, __m512 most, bool relu,
		   __mmask16 *nan)
{
	const __m512i half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1);
	__m512i u;

	x = _mm512_add_ps(_mm512_fmadd_ps(scale, x, bias), residual);
	*nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
	if (relu)
		x = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NLE_UQ), x);
	x = _mm512_min_ps(most, x);	/* of a NaN: x */
	u = _mm512_castps_si512(x);
	u = _mm512_add_epi32(_mm512_add_epi32(u, half),
			     _mm512_and_si512(_mm512_srli_epi32(u, 16), one));
	u = _mm512_srli_epi32(u, 16);
	u = _mm512_mask_mov_epi32(u, *nan, _mm512_set1_epi32(NC_NAN_BITS >> 16));
	return _mm512_cvtepi32_epi16(_mm512_shuffle_epi32(u, _MM_PERM_CDAB));
}

/* Pairs of lanes change places on their way between registers and rows. */
static inline __attribute__((always_inline)) __m512 residual16(__m256i row)
{
	__m512i u = _mm512_slli_epi32(_mm512_cvtepu16_epi32(row), 16);

	return _mm512_castsi512_ps(_mm512_shuffle_epi32(u, _MM_PERM_CDAB));
}

/* Masked stores take long: for what is no whole vector only. */
static bool k_evacuate(uint16_t *dst, const uint32_t *psum, const float *scale, const float *bias,
		       const uint16_t *residual, unsigned int n, bool relu, float most)
{
	const __m512 limit = _mm512_set1_ps(most), nothing = _mm512_set1_ps(-0.0f);
	__mmask16 any = 0, nan, some;
	unsigned int i = 0;
	__m256i r;

	for (; i + 16 <= n; i += 16) {
		r = evacuate16(_mm512_loadu_ps(psum + i), _mm512_loadu_ps(scale + i),
			       _mm512_loadu_ps(bias + i),
			       residual ? residual16(_mm256_loadu_si256(
					(const __m256i *)(residual + i))) : nothing,
			       limit, relu, &nan);
		any |= nan;
		_mm256_storeu_si256((__m256i *)(dst + i), r);
	}
	if (i == n)
		return any;
	some = (__mmask16)((1u << (n - i)) - 1);
	r = evacuate16(_mm512_maskz_loadu_ps(some, psum + i), _mm512_maskz_loadu_ps(some, scale + i),
		       _mm512_maskz_loadu_ps(some, bias + i),
		       residual ? residual16(_mm256_maskz_loadu_epi16(some, residual + i)) : nothing,
		       limit, relu, &nan);
	_mm256_mask_storeu_epi16(dst + i, some, r);
	return any | (nan & some);
}

static __attribute__((noinline, cold)) void fix_nan(float *p)
{
	*p = nc_from_bits(nc_to_fp32(*p));
}

/* @blocks blocks of 32 partitions, of the last one @last: even ones are in the high halves. */
static inline __attribute__((always_inline))
bool window_blocks(float *dst, const uint16_t *x, const int32_t *tap,
		   const float (*w)[NEURON_PARTITIONS], unsigned int taps, unsigned int last,
		   const int blocks)
{
	const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
	const __m512i top = _mm512_set1_epi32((int)0xffff0000u);
	const __mmask16 pairs = (__mmask16)((1u << (last + 1) / 2) - 1);
	__m512 even[4], odd[4];
	__mmask16 nan = 0;

	_Pragma("GCC unroll 4")
	for (int b = 0; b < blocks; b++)
		even[b] = odd[b] = _mm512_setzero_ps();
	for (unsigned int t = 0; t < taps; t++) {
		const uint16_t *row = x + tap[t];

		_Pragma("GCC unroll 4")
		for (int b = 0; b < blocks; b++) {
			__mmask16 some = b < blocks - 1 ? 0xffff : pairs;
			__m512i v = _mm512_maskz_loadu_epi32(some, row + 32 * b);
			__m512 e = _mm512_castsi512_ps(_mm512_and_si512(v, top));
			__m512 o = _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));

			even[b] = _mm512_fmadd_ps(e, _mm512_loadu_ps(w[t] + 32 * b), even[b]);
			odd[b] = _mm512_fmadd_ps(o, _mm512_loadu_ps(w[t] + 32 * b + 16), odd[b]);
		}
	}
	_Pragma("GCC unroll 4")
	for (int b = 0; b < blocks; b++) {
		uint32_t lanes = b < blocks - 1 || last == 32 ? ~0u : (1u << last) - 1;
		__m512 r[2] = {
			_mm512_permutex2var_ps(even[b], low, odd[b]),
			_mm512_permutex2var_ps(even[b], high, odd[b]),
		};

		nan |= _mm512_cmp_ps_mask(r[0], r[0], _CMP_UNORD_Q) & (__mmask16)lanes;
		nan |= _mm512_cmp_ps_mask(r[1], r[1], _CMP_UNORD_Q) & (__mmask16)(lanes >> 16);
		if (lanes == ~0u) {	/* masked stores take long */
			_mm512_storeu_ps(dst + 32 * b, r[0]);
			_mm512_storeu_ps(dst + 32 * b + 16, r[1]);
			continue;
		}
		_mm512_mask_storeu_ps(dst + 32 * b, (__mmask16)lanes, r[0]);
		_mm512_mask_storeu_ps(dst + 32 * b + 16, (__mmask16)(lanes >> 16), r[1]);
	}
	return nan;
}

static bool k_window(float *dst, const uint16_t *x, const int32_t *tap,
		     const float (*w)[NEURON_PARTITIONS], unsigned int taps, unsigned int n)
{
	unsigned int last = (n - 1) % 32 + 1;
	bool nan;

	if (n > 96)
		nan = window_blocks(dst, x, tap, w, taps, last, 4);
	else if (n > 64)
		nan = window_blocks(dst, x, tap, w, taps, last, 3);
	else if (n > 32)
		nan = window_blocks(dst, x, tap, w, taps, last, 2);
	else
		nan = window_blocks(dst, x, tap, w, taps, last, 1);
	for (unsigned int i = 0; i < n && nan; i++)
		fix_nan(dst + i);
	return nan;
}

#define ZMM_NAME		k_mac
#define ZMM_STRIP		emu_nc_float_strip
#define ZMM_X			float
#define ZMM_STEPS(k)		(k)
#define ZMM_W(p)		_mm512_load_ps(p)
#define ZMM_W_LAST(p)		_mm512_setzero_ps()	/* an odd k ends with zeros */
#define ZMM_B(x)		_mm512_set1_ps(x)
#define ZMM_LAST(x)		_mm512_setzero_ps()
#define ZMM_MUL(acc, w, b)	_mm512_fmadd_ps(w, b, acc)
#define ZMM_SCOPE		static
#include "nc_kernels_zmm.h"

#define TABLE						\
	.ftz = true,					\
	.load = k_load,					\
	.store = k_store,				\
	.load_int = k_load_int,				\
	.store_int = k_store_int,			\
	.affine = k_affine,				\
	.evacuate = k_evacuate,				\
	.func = k_func,					\
	.alu = k_alu,					\
	.ialu = k_ialu,					\
	.fma = k_fma,				\
	.window = k_window,			\
	.strip = k_strip,				\
	.mac = k_mac,					\
	.imac = k_imac,					\
	.swap_pairs = k_swap_pairs

const struct emu_nc_kernels emu_nc_kernels_avx512 = { .name = "avx512", TABLE };
const struct emu_nc_kernels emu_nc_kernels_bf16 = {
	.name = "bf16", TABLE, .dot = emu_nc_dot_bf16,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
