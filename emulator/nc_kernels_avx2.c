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

/*
 * Accumulators are single variables: of an array the compiler keeps a copy in memory and
 * writes it in each round.
 */
#define EACH_COLUMN(F)	F(0) F(1) F(2) F(3) F(4) F(5)

/* One strip (two vectors) of six columns: 12 accumulators. */
static void mac6(float *const *acc, const float (*w)[EMU_NC_STRIP], const float *const *x,
		 unsigned int s, unsigned int k)
{
#define LOAD(c)	__m256 a##c = _mm256_loadu_ps(acc[c] + s), b##c = _mm256_loadu_ps(acc[c] + s + 8);
#define FMA(c)	xv = _mm256_broadcast_ss(x[c] + j);			\
		a##c = _mm256_fmadd_ps(lo, xv, a##c);			\
		b##c = _mm256_fmadd_ps(hi, xv, b##c);
#define PAD(c)	a##c = _mm256_fmadd_ps(zero, zero, a##c);		\
		b##c = _mm256_fmadd_ps(zero, zero, b##c);
#define STORE(c) _mm256_storeu_ps(acc[c] + s, a##c);			\
		_mm256_storeu_ps(acc[c] + s + 8, b##c);
	const __m256 zero = _mm256_setzero_ps();

	EACH_COLUMN(LOAD)
	for (unsigned int j = 0; j < k; j++) {
		__m256 lo = _mm256_load_ps(w[j]), hi = _mm256_load_ps(w[j] + 8), xv;

		EACH_COLUMN(FMA)
	}
	if (k & 1) {
		EACH_COLUMN(PAD)
	}
	EACH_COLUMN(STORE)
#undef LOAD
#undef FMA
#undef PAD
#undef STORE
}

/* Four strips of one column: 8 accumulators. */
static void mac1(float *acc, const float (*w)[NEURON_PE_ROWS][EMU_NC_STRIP], const float *x,
		 unsigned int k)
{
#define EACH_STRIP(F)	F(0) F(1) F(2) F(3)
#define LOAD(s) \
	__m256 a##s = _mm256_loadu_ps(acc + 16 * s), b##s = _mm256_loadu_ps(acc + 16 * s + 8);
#define FMA(s)	a##s = _mm256_fmadd_ps(_mm256_load_ps(w[s][j]), xv, a##s);	\
		b##s = _mm256_fmadd_ps(_mm256_load_ps(w[s][j] + 8), xv, b##s);
#define PAD(s)	a##s = _mm256_fmadd_ps(zero, zero, a##s);		\
		b##s = _mm256_fmadd_ps(zero, zero, b##s);
#define STORE(s) _mm256_storeu_ps(acc + 16 * s, a##s);			\
		_mm256_storeu_ps(acc + 16 * s + 8, b##s);
	const __m256 zero = _mm256_setzero_ps();

	EACH_STRIP(LOAD)
	for (unsigned int j = 0; j < k; j++) {
		__m256 xv = _mm256_broadcast_ss(x + j);

		EACH_STRIP(FMA)
	}
	if (k & 1) {
		EACH_STRIP(PAD)
	}
	EACH_STRIP(STORE)
#undef LOAD
#undef FMA
#undef PAD
#undef STORE
}

/* Lanes beyond m: computed, ignored; acc and w have room for all 128. */
static void k_mac(float *const *acc, const float (*w)[NEURON_PE_ROWS][EMU_NC_STRIP],
		  const float *const *x, unsigned int columns, unsigned int k, unsigned int m)
{
	if (columns == EMU_NC_MAC_COLUMNS) {
		for (unsigned int s = 0; s < m; s += EMU_NC_STRIP)
			mac6(acc, w[s / EMU_NC_STRIP], x, s, k);
		return;
	}
	for (unsigned int c = 0; c < columns; c++)
		for (unsigned int s = 0; s < m; s += 4 * EMU_NC_STRIP)
			mac1(acc[c] + s, w + s / EMU_NC_STRIP, x[c], k);
}

const struct emu_nc_kernels emu_nc_kernels_avx2 = {
	.name = "avx2",
	.ftz = true,
	.load = k_load,
	.store = k_store,
	.load_int = k_load_int,
	.store_int = k_store_int,
	.affine = k_affine,
	.func = k_func,
	.alu = k_alu,
	.ialu = k_ialu,
	.mac = k_mac,
	.imac = k_imac,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
