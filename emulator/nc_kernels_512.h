/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the paths for x86 with AVX-512 share, written with its instructions. Included by a file of
 * kernels after nc_kernels_impl.h, when it has set its target and, if that converts to bf16 by
 * itself, defined NC_BF16_HW.
 */

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

/* ---- what nc_kernels_vec.h is made of ---- */

#define VEC_FN	static inline __attribute__((always_inline))
#define VF	__m512
#define VB	__mmask16
#define VL	16u

#define vec_set			_mm512_set1_ps
#define vec_bits(u)		_mm512_castsi512_ps(_mm512_set1_epi32((int)(u)))
#define vec_add			_mm512_add_ps
#define vec_sub			_mm512_sub_ps
#define vec_mul			_mm512_mul_ps
#define vec_div			_mm512_div_ps
#define vec_fma			_mm512_fmadd_ps
#define vec_sqrt		_mm512_sqrt_ps
#define vec_max			_mm512_max_ps
#define vec_min			_mm512_min_ps
#define vec_and			_mm512_and_ps
#define vec_xor			_mm512_xor_ps
#define vec_less(a, b)		_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define vec_nan(a, b)		_mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q)
#define vec_choose(b, x, y)	_mm512_mask_mov_ps(y, b, x)

struct vec_some {
	__mmask16 half[2];
	__mmask32 all;
};

VEC_FN struct vec_some vec_some(unsigned int n)
{
	__mmask32 all = n < 32 ? (1u << n) - 1 : ~0u;

	return (struct vec_some){ { (__mmask16)all, (__mmask16)(all >> 16) }, all };
}

VEC_FN __m512 vec_copysign(__m512 a, __m512 b)
{
	const __m512i sign = _mm512_set1_epi32(INT32_MIN);	/* ? b : a */

	return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(sign, _mm512_castps_si512(b),
							     _mm512_castps_si512(a), 0xca));
}

VEC_FN __m512 vec_scale(__m512 q, __m512 t)
{
	__m512i n = _mm512_slli_epi32(_mm512_castps_si512(t), 23);

	return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(q), n));
}

VEC_FN void vec_load(const struct vec_some *some, const float *p, __m512 x[2])
{
	x[0] = _mm512_maskz_loadu_ps(some->half[0], p);
	x[1] = _mm512_maskz_loadu_ps(some->half[1], p + 16);
}

/* Masked stores take long: only for what is neither a vector nor half of one. */
VEC_FN void vec_store_one(float *p, __m512 x, __mmask16 some)
{
	if (some == 0xffff)
		_mm512_storeu_ps(p, x);
	else if (some == 0xff)
		_mm256_storeu_ps(p, _mm512_castps512_ps256(x));
	else if (some)
		_mm512_mask_storeu_ps(p, some, x);
}

VEC_FN void vec_store(const struct vec_some *some, float *p, const __m512 x[2])
{
	vec_store_one(p, x[0], some->half[0]);
	vec_store_one(p + 16, x[1], some->half[1]);
}

VEC_FN void vec_store_row(const struct vec_some *some, uint16_t *row, __m512i x)
{
	if (some->all == ~0u)
		_mm512_storeu_si512(row, x);
	else if (some->all == 0xffff)
		_mm256_storeu_si256((__m256i *)row, _mm512_castsi512_si256(x));
	else if (some->all == 0xff)
		_mm_storeu_si128((__m128i *)row, _mm512_castsi512_si128(x));
	else
		_mm512_mask_storeu_epi16(row, some->all, x);
}

/*
 * Which 16 bits go where between lanes and rows, where pairs of lanes have changed places. First
 * lanes 0 .. 15: of a row of low halves, then of one of high halves.
 */
#define IN(i)	(i) ^ 1, ((i) ^ 1) + 32
#define IN_4(i)	IN(i), IN((i) + 1), IN((i) + 2), IN((i) + 3)
#define OUT(i)		2 * ((i) ^ 1)
#define OUT_4(i)	OUT(i), OUT((i) + 1), OUT((i) + 2), OUT((i) + 3)
static const uint16_t lanes_in[32] __attribute__((aligned(64))) = {
	IN_4(0), IN_4(4), IN_4(8), IN_4(12)
};
static const uint16_t lanes_out[32] __attribute__((aligned(64))) = {
	OUT_4(0), OUT_4(4), OUT_4(8), OUT_4(12), OUT_4(16), OUT_4(20), OUT_4(24), OUT_4(28)
};

VEC_FN void vec_get_rows(__m512i low, __m512i high, __m512 x[2])
{
	const __m512i in = _mm512_load_si512(lanes_in);
	const __m512i next = _mm512_add_epi16(in, _mm512_set1_epi16(16));

	x[0] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(low, in, high));
	x[1] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(low, next, high));
}

VEC_FN void vec_get_bf16(const struct vec_some *some, const uint16_t *row, __m512 x[2])
{
	vec_get_rows(_mm512_setzero_si512(), _mm512_maskz_loadu_epi16(some->all, row), x);
}

VEC_FN void vec_get_fp32(const struct vec_some *some, const uint16_t *row, __m512 x[2])
{
	vec_get_rows(_mm512_maskz_loadu_epi16(some->all, row),
		     _mm512_maskz_loadu_epi16(some->all, row + NEURON_PARTITIONS), x);
}

/* To bf16, rounded to nearest; pairs of lanes change places. */
#ifdef NC_BF16_HW
VEC_FN __m512i vec_to_bf16(const __m512 x[2])
{
	return _mm512_rol_epi32((__m512i)_mm512_cvtne2ps_pbh(x[1], x[0]), 16);
}
#else
/* In the high half. */
VEC_FN __m512i vec_round(__m512 x)
{
	const __m512i half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1);
	__m512i u = _mm512_castps_si512(x);

	return _mm512_add_epi32(_mm512_add_epi32(u, half),
				_mm512_and_si512(_mm512_srli_epi32(u, 16), one));
}

VEC_FN __m512i vec_to_bf16(const __m512 x[2])
{
	const __m512i out = _mm512_load_si512(lanes_out);
	const __m512i high = _mm512_add_epi16(out, _mm512_set1_epi16(1));

	return _mm512_permutex2var_epi16(vec_round(x[0]), high, vec_round(x[1]));
}
#endif

VEC_FN void vec_put_bf16(const struct vec_some *some, uint16_t *row, const __m512 x[2])
{
	vec_store_row(some, row, vec_to_bf16(x));
}

VEC_FN void vec_put_fp32(const struct vec_some *some, uint16_t *row, const __m512 x[2])
{
	const __m512i out = _mm512_load_si512(lanes_out);
	const __m512i high = _mm512_add_epi16(out, _mm512_set1_epi16(1));
	const __m512i a = _mm512_castps_si512(x[0]), b = _mm512_castps_si512(x[1]);

	vec_store_row(some, row, _mm512_permutex2var_epi16(a, out, b));
	vec_store_row(some, row + NEURON_PARTITIONS, _mm512_permutex2var_epi16(a, high, b));
}

#include "nc_kernels_vec.h"

#define V16			__m512i
#define vec16_load(some, row)	_mm512_maskz_loadu_epi16((some)->all, row)
#define vec16_max		_mm512_max_epi16
#define vec16_min		_mm512_min_epi16
#define vec16_floats(v, x)	vec_get_rows(_mm512_setzero_si512(), v, x)

#define vec_read		_mm512_loadu_ps

VEC_FN void vec16_halves(__m512i v, __m512 x[2])
{
	x[0] = _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000u)));
	x[1] = _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
}

VEC_FN void vec_interleave(__m512 x[2])
{
	const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
	const __m512 even = x[0], odd = x[1];

	x[0] = _mm512_permutex2var_ps(even, low, odd);
	x[1] = _mm512_permutex2var_ps(even, high, odd);
}

VEC_FN __m512i vec16_order(__m512i x)
{
	return _mm512_xor_si512(x, _mm512_srli_epi16(_mm512_srai_epi16(x, 15), 1));
}

VEC_FN bool vec16_nan(__m512i min, __m512i max)
{
	return _mm512_cmpgt_epi16_mask(max, _mm512_set1_epi16(BF16_INFINITY)) |
	       _mm512_cmplt_epi16_mask(min, _mm512_set1_epi16(BF16_LOWEST));
}

#include "nc_kernels_window.h"

/* ---- the PE array ---- */

#define FMA_V		__m512
#define FMA_LANES	16
#define FMA_COLUMNS	12
#define FMA_EACH_COLUMN(F) \
	F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define FMA_EACH_WIDTH(F) \
	F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12)
#define FMA_NANS	__mmask16
#define FMA_NEXT	sizeof(FMA_STRIP)

static inline __mmask16 lane_mask(unsigned int lanes)
{
	return (__mmask16)((1u << lanes) - 1);
}

static inline __m512 fma_get(const float *p, unsigned int lanes)
{
	return lanes == 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(lane_mask(lanes), p);
}

/* Masked stores take many times as long as others: only where there is something to leave out. */
static inline void fma_put(float *p, unsigned int lanes, __m512 v)
{
	if (lanes == 16)
		_mm512_storeu_ps(p, v);
	else
		_mm512_mask_storeu_ps(p, lane_mask(lanes), v);
}

static inline __m512 fma_cut(__m512 v, unsigned int lanes)
{
	return _mm512_maskz_mov_ps(lane_mask(lanes), v);
}

static inline __mmask16 fma_nans(__m512 a, __m512 b)
{
	return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
}

static inline bool fma_any(__mmask16 nans)
{
	return nans;
}

#define FMA_NAME	k_mac
#define FMA_STRIP	emu_nc_float_strip
#define FMA_PAIR	128
#define FMA_X		float
#define FMA_WIDEN(to, x, k)	__builtin_memcpy(to, x, (k) * sizeof(float))
#define FMA_EVEN(v, p)	__asm__ volatile("vmovaps %1, %0" : "=v"(v) : "m"(*(const __m512 *)(p)))
#define FMA_ODD(v, p)	FMA_EVEN(v, (p) + 64)
#include "nc_kernels_fma.h"

#define TABLE						\
	.ftz = true,					\
	.load = k_load,					\
	.store = k_store,				\
	.load_int = k_load_int,				\
	.store_int = k_store_int,			\
	.affine = k_affine,				\
	.activate = k_activate,				\
	.func = k_func,					\
	.alu = k_alu,					\
	.ialu = k_ialu,					\
	.fma = k_fma,				\
	.products = k_products,				\
	.sums = k_sums,					\
	.greatest = k_greatest,				\
	.least = k_least,				\
	.strip = k_strip,				\
	.join = k_join,					\
	.mac = k_mac,					\
	.imac = k_imac,					\
	.swap_pairs = k_swap_pairs

