// SPDX-License-Identifier: Apache-2.0
/*
 * The multiply of the PE array by the host's bf16 dot product. vdpbf16ps is two sequential
 * fused multiply-adds, the high half of each word first, rounded to nearest, with subnormal
 * operands and results flushed: the chain that docs/isa.md asks for. The self-test of
 * nc_kernels.c checks that before the path is used.
 */
#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3,no-math-errno,no-trapping-math,fp-contract=off,no-strict-aliasing")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")
#endif

#define NC_FTZ_HW 1
#include "nc_kernels.h"
#include "nc_math.h"

#define ZMM_SCOPE
#define ZMM_NAME		emu_nc_dot_bf16
#define ZMM_CHAIN		emu_nc_chain_bf16
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

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
