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

const struct emu_nc_kernels emu_nc_kernels_bf16 = {
	.name = "bf16", TABLE, .dot = k_dot, .chain = k_chain,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
