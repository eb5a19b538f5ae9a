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

#define ACCS 8

/* 64 lanes: eight accumulators stay in registers over all of k. */
static void mac64(float *acc, const float (*w)[NEURON_PE_COLUMNS], const float *x, unsigned int k)
{
	__m256 a[ACCS];

	for (int i = 0; i < ACCS; i++)
		a[i] = _mm256_loadu_ps(acc + 8 * i);
	for (unsigned int j = 0; j < k; j++) {
		__m256 xv = _mm256_broadcast_ss(x + j);

		for (int i = 0; i < ACCS; i++)
			a[i] = _mm256_fmadd_ps(_mm256_loadu_ps(&w[j][8 * i]), xv, a[i]);
	}
	if (k & 1)
		for (int i = 0; i < ACCS; i++)
			a[i] = _mm256_fmadd_ps(_mm256_setzero_ps(), _mm256_setzero_ps(), a[i]);
	for (int i = 0; i < ACCS; i++)
		_mm256_storeu_ps(acc + 8 * i, a[i]);
}

/* Lanes beyond m: computed, ignored. acc and the rows of w have room for all 128. */
static void k_mac(float *acc, const float (*w)[NEURON_PE_COLUMNS], const float *x,
		  unsigned int k, unsigned int m)
{
	mac64(acc, w, x, k);
	if (m > 64)
		mac64(acc + 64, (const float (*)[NEURON_PE_COLUMNS])&w[0][64], x, k);
}

const struct emu_nc_kernels emu_nc_kernels_avx2 = {
	.name = "avx2",
	.ftz = true,
	.load = k_load,
	.store = k_store,
	.load_int = k_load_int,
	.affine = k_affine,
	.func = k_func,
	.alu = k_alu,
	.mac = k_mac,
	.imac = k_imac,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
