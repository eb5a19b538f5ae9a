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

/*
 * Accumulators are single variables, and the multiplications are assembler: of an array the
 * compiler keeps a copy in memory and writes it in each round, and of free order it makes
 * spills.
 */
#define EACH_COLUMN(F)	F(0) F(1) F(2) F(3) F(4) F(5)
#define FMA231(acc, a, b) __asm__ volatile("vfmadd231ps %1, %2, %0" : "+x"(acc) : "x"(a), "x"(b))

/* One strip (two vectors) of six columns: 12 accumulators. */
static __attribute__((noinline)) void mac6(float *const *acc, const float (*w)[EMU_NC_STRIP], const float *const *x,
		 unsigned int k)
{
#define LOAD(c)	__m256 a##c = _mm256_loadu_ps(acc[c]), b##c = _mm256_loadu_ps(acc[c] + 8);	\
		const float *x##c = x[c];
#define FMA(c)	__asm__ volatile("vbroadcastss %1, %0" : "=x"(xv) : "m"(x##c[j]));	\
		FMA231(a##c, lo, xv);							\
		FMA231(b##c, hi, xv);
#define PAD(c)	FMA231(a##c, zero, zero);	\
		FMA231(b##c, zero, zero);
#define STORE(c) _mm256_storeu_ps(acc[c], a##c);	\
		_mm256_storeu_ps(acc[c] + 8, b##c);
	EACH_COLUMN(LOAD)
	for (unsigned int j = 0; j < k; j++) {
		__m256 lo = _mm256_load_ps(w[j]), hi = _mm256_load_ps(w[j] + 8), xv;

		EACH_COLUMN(FMA)
	}
	if (k & 1) {
		const __m256 zero = _mm256_setzero_ps();

		EACH_COLUMN(PAD)
	}
	EACH_COLUMN(STORE)
#undef LOAD
#undef FMA
#undef PAD
#undef STORE
}

/* Four strips of one column: 8 accumulators. */
static void mac1(float *acc, const emu_nc_float_strip *w, const float *x, unsigned int k)
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

/* @n results to PSUM; whether one is a NaN, which then gets its bits. */
static bool put(float *restrict dst, const float *restrict src, unsigned int n)
{
	uint32_t nan = 0;

	for (unsigned int i = 0; i < n; i++)
		nan |= (uint32_t)nc_is_nan(nc_bits(src[i]));
	if (!nan)
		__builtin_memcpy(dst, src, n * sizeof(*dst));
	else
		for (unsigned int i = 0; i < n; i++)
			dst[i] = nc_from_bits(nc_to_fp32(src[i]));
	return nan;
}

/* Six columns, a strip after the other, by way of buffers that have whole strips. */
static bool columns6(float *const *acc, const emu_nc_float_strip *w, const float *const *x,
		     unsigned int k, unsigned int m, bool start)
{
	float buf[6][EMU_NC_STRIP] __attribute__((aligned(64)));
	float *const at[6] = { buf[0], buf[1], buf[2], buf[3], buf[4], buf[5] };
	bool nan = false;

	for (unsigned int s = 0; s < m; s += EMU_NC_STRIP) {
		unsigned int n = m - s < EMU_NC_STRIP ? m - s : EMU_NC_STRIP;

		__builtin_memset(buf, 0, sizeof(buf));
		for (int c = 0; c < 6 && !start; c++)
			__builtin_memcpy(buf[c], acc[c] + s, n * sizeof(float));
		mac6(at, w[s / EMU_NC_STRIP], x, k);
		for (int c = 0; c < 6; c++)
			nan |= put(acc[c] + s, buf[c], n);
	}
	return nan;
}

static bool column(float *acc, const emu_nc_float_strip *w, const float *x, unsigned int k,
		   unsigned int m, bool start)
{
	float buf[NEURON_PE_COLUMNS] __attribute__((aligned(64))) = {};

	if (!start)
		__builtin_memcpy(buf, acc, m * sizeof(float));
	for (unsigned int s = 0; s < m; s += 4 * EMU_NC_STRIP)
		mac1(buf + s, w + s / EMU_NC_STRIP, x, k);
	return put(acc, buf, m);
}

#define AHEAD	4096	/* bytes that are fetched with six columns */

static void fetch_ahead(struct emu_nc_ahead *ahead)
{
	const char *end = ahead->end - ahead->at > AHEAD ? ahead->at + AHEAD : ahead->end;

	for (; ahead->at < end; ahead->at += 64)
		__builtin_prefetch(ahead->at, 0, 2);
}

/* Lanes beyond m: computed, ignored. */
static bool k_mac(float *const *acc, const emu_nc_float_strip *w, const float *const *x,
		  unsigned int columns, unsigned int k, unsigned int m, bool start,
		  struct emu_nc_ahead *ahead)
{
	unsigned int c = 0;
	bool nan = false;

	for (; c + 6 <= columns; c += 6) {
		fetch_ahead(ahead);
		nan |= columns6(acc + c, w, x + c, k, m, start);
	}
	for (; c < columns; c++)
		nan |= column(acc[c], w, x[c], k, m, start);
	return nan;
}

/* Partitions @at .. @at + @n - 1, at most 32: even ones are in the high halves. */
static bool window32(float *dst, const uint16_t *x, const int32_t *tap,
		     const float (*w)[NEURON_PARTITIONS], unsigned int at, unsigned int taps,
		     unsigned int n)
{
	const __m256i count = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
	const __m256i top = _mm256_set1_epi32((int)0xffff0000u);
	const int pairs = ((int)n + 1) / 2;
	__m256 even[2] = {}, odd[2] = {};
	float out[32];
	bool nan = false;

	for (unsigned int t = 0; t < taps; t++)
		for (int h = 0; h < 2; h++) {
			__m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32(pairs - 8 * h), count);
			__m256i v = _mm256_maskload_epi32((const int *)(x + tap[t] + at + 16 * h), some);
			__m256 e = _mm256_castsi256_ps(_mm256_and_si256(v, top));
			__m256 o = _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));

			even[h] = _mm256_fmadd_ps(e, _mm256_loadu_ps(w[t] + at + 8 * h), even[h]);
			odd[h] = _mm256_fmadd_ps(o, _mm256_loadu_ps(w[t] + at + 16 + 8 * h), odd[h]);
		}
	for (int h = 0; h < 2; h++) {
		__m256 low = _mm256_unpacklo_ps(even[h], odd[h]);
		__m256 high = _mm256_unpackhi_ps(even[h], odd[h]);

		_mm256_storeu_ps(out + 16 * h, _mm256_permute2f128_ps(low, high, 0x20));
		_mm256_storeu_ps(out + 16 * h + 8, _mm256_permute2f128_ps(low, high, 0x31));
	}
	for (unsigned int i = 0; i < n; i++)
		nan |= nc_is_nan(nc_bits(out[i]));
	for (unsigned int i = 0; i < n && nan; i++)
		out[i] = nc_from_bits(nc_to_fp32(out[i]));
	__builtin_memcpy(dst + at, out, n * sizeof(*out));
	return nan;
}

static bool k_window(float *dst, const uint16_t *x, const int32_t *tap,
		     const float (*w)[NEURON_PARTITIONS], unsigned int taps, unsigned int n)
{
	bool nan = false;

	for (unsigned int at = 0; at < n; at += 32)
		nan |= window32(dst, x, tap, w, at, taps, n - at < 32 ? n - at : 32);
	return nan;
}

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
	.window = k_window,
	.strip = k_strip,
	.mac = k_mac,
	.imac = k_imac,
	.swap_pairs = k_swap_pairs,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
