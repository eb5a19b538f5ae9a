/* SPDX-License-Identifier: Apache-2.0 */
/* What nc_kernels_vec.h and nc_kernels_window.h are made of, for the AVX2 path. */

#define VEC_FN	static inline __attribute__((always_inline))
#define VF	__m256
#define VB	__m256
#define VL	8u

#define vec_set			_mm256_set1_ps
#define vec_bits(u)		_mm256_castsi256_ps(_mm256_set1_epi32((int)(u)))
#define vec_add			_mm256_add_ps
#define vec_sub			_mm256_sub_ps
#define vec_mul			_mm256_mul_ps
#define vec_div			_mm256_div_ps
#define vec_fma			_mm256_fmadd_ps
#define vec_sqrt		_mm256_sqrt_ps
#define vec_max			_mm256_max_ps
#define vec_min			_mm256_min_ps
#define vec_and			_mm256_and_ps
#define vec_xor			_mm256_xor_ps
#define vec_less(a, b)		_mm256_cmp_ps(a, b, _CMP_LT_OQ)
#define vec_nan(a, b)		_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q))
#define vec_choose(b, x, y)	_mm256_blendv_ps(y, x, b)

struct vec_some {
	unsigned int n;
};

VEC_FN struct vec_some vec_some(unsigned int n)
{
	return (struct vec_some){ n < 2 * VL ? n : 2 * VL };
}

VEC_FN __m256 vec_copysign(__m256 a, __m256 b)
{
	const __m256 sign = vec_bits(NC_SIGN);

	return _mm256_or_ps(_mm256_and_ps(sign, b), _mm256_andnot_ps(sign, a));
}

VEC_FN __m256 vec_scale(__m256 q, __m256 t)
{
	__m256i n = _mm256_slli_epi32(_mm256_castps_si256(t), 23);

	return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(q), n));
}

/* Parts of vectors go through memory of a whole one. */
VEC_FN void vec_load(const struct vec_some *some, const float *p, __m256 x[2])
{
	float part[2 * VL] = {};

	if (some->n < 2 * VL) {
		__builtin_memcpy(part, p, some->n * sizeof(*p));
		p = part;
	}
	x[0] = _mm256_loadu_ps(p);
	x[1] = _mm256_loadu_ps(p + VL);
}

VEC_FN void vec_store(const struct vec_some *some, float *p, const __m256 x[2])
{
	float part[2 * VL], *to = some->n < 2 * VL ? part : p;

	_mm256_storeu_ps(to, x[0]);
	_mm256_storeu_ps(to + VL, x[1]);
	if (some->n < 2 * VL)
		__builtin_memcpy(p, part, some->n * sizeof(*p));
}

VEC_FN __m256i vec_load_row(const struct vec_some *some, const uint16_t *row)
{
	uint16_t part[2 * VL] = {};

	if (some->n == 2 * VL)
		return _mm256_loadu_si256((const __m256i *)row);
	if (some->n == VL)
		return _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)row));
	__builtin_memcpy(part, row, some->n * sizeof(*row));
	return _mm256_loadu_si256((const __m256i *)part);
}

VEC_FN void vec_store_row(const struct vec_some *some, uint16_t *row, __m256i x)
{
	uint16_t part[2 * VL];

	if (some->n == 2 * VL) {
		_mm256_storeu_si256((__m256i *)row, x);
	} else if (some->n == VL) {
		_mm_storeu_si128((__m128i *)row, _mm256_castsi256_si128(x));
	} else {
		_mm256_storeu_si256((__m256i *)part, x);
		__builtin_memcpy(row, part, some->n * sizeof(*row));
	}
}

/* Pairs of lanes change places on their way between registers and rows. */
VEC_FN void vec_get_rows(__m256i low, __m256i high, __m256 x[2])
{
	__m256i a = _mm256_unpacklo_epi16(low, high), b = _mm256_unpackhi_epi16(low, high);

	x[0] = _mm256_castsi256_ps(_mm256_shuffle_epi32(_mm256_permute2x128_si256(a, b, 0x20), 0xb1));
	x[1] = _mm256_castsi256_ps(_mm256_shuffle_epi32(_mm256_permute2x128_si256(a, b, 0x31), 0xb1));
}

VEC_FN void vec_get_bf16(const struct vec_some *some, const uint16_t *row, __m256 x[2])
{
	vec_get_rows(_mm256_setzero_si256(), vec_load_row(some, row), x);
}

VEC_FN void vec_get_fp32(const struct vec_some *some, const uint16_t *row, __m256 x[2])
{
	vec_get_rows(vec_load_row(some, row), vec_load_row(some, row + NEURON_PARTITIONS), x);
}

/* A row of 32-bit values below 2^16. */
VEC_FN __m256i vec_pack(__m256i a, __m256i b)
{
	a = _mm256_shuffle_epi32(a, 0xb1);
	b = _mm256_shuffle_epi32(b, 0xb1);
	return _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
}

/* To bf16. */
VEC_FN __m256i vec_round(__m256 x)
{
	const __m256i half = _mm256_set1_epi32(0x7fff), one = _mm256_set1_epi32(1);
	__m256i u = _mm256_castps_si256(x);

	u = _mm256_add_epi32(_mm256_add_epi32(u, half),
			     _mm256_and_si256(_mm256_srli_epi32(u, 16), one));
	return _mm256_srli_epi32(u, 16);
}

VEC_FN void vec_put_bf16(const struct vec_some *some, uint16_t *row, const __m256 x[2])
{
	vec_store_row(some, row, vec_pack(vec_round(x[0]), vec_round(x[1])));
}

VEC_FN void vec_put_fp32(const struct vec_some *some, uint16_t *row, const __m256 x[2])
{
	const __m256i low = _mm256_set1_epi32(0xffff);
	__m256i a = _mm256_castps_si256(x[0]), b = _mm256_castps_si256(x[1]);

	vec_store_row(some, row, vec_pack(_mm256_and_si256(a, low), _mm256_and_si256(b, low)));
	vec_store_row(some, row + NEURON_PARTITIONS,
		      vec_pack(_mm256_srli_epi32(a, 16), _mm256_srli_epi32(b, 16)));
}

#include "nc_kernels_vec.h"

#define V16			__m256i
#define vec16_load		vec_load_row
#define vec16_max		_mm256_max_epi16
#define vec16_min		_mm256_min_epi16
#define vec16_floats(v, x)	vec_get_rows(_mm256_setzero_si256(), v, x)

#define vec_read		_mm256_loadu_ps

VEC_FN void vec16_halves(__m256i v, __m256 x[2])
{
	x[0] = _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32((int)0xffff0000u)));
	x[1] = _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}

VEC_FN void vec_interleave(__m256 x[2])
{
	const __m256 low = _mm256_unpacklo_ps(x[0], x[1]), high = _mm256_unpackhi_ps(x[0], x[1]);

	x[0] = _mm256_permute2f128_ps(low, high, 0x20);
	x[1] = _mm256_permute2f128_ps(low, high, 0x31);
}

VEC_FN __m256i vec16_order(__m256i x)
{
	return _mm256_xor_si256(x, _mm256_srli_epi16(_mm256_srai_epi16(x, 15), 1));
}

VEC_FN bool vec16_nan(__m256i min, __m256i max)
{
	__m256i more = _mm256_cmpgt_epi16(max, _mm256_set1_epi16(BF16_INFINITY));
	__m256i less = _mm256_cmpgt_epi16(_mm256_set1_epi16(BF16_LOWEST), min);

	return _mm256_movemask_epi8(_mm256_or_si256(more, less));
}

#include "nc_kernels_window.h"
