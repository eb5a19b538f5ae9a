/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiply of the PE array in 512-bit registers: tiles of up to 6 columns of the moving
 * operand and 4 strips of the array, all sums in registers. Included by a file of kernels
 * that has set its target and defined
 *	ZMM_NAME	the function to make, ZMM_SCOPE static or nothing
 *	ZMM_STRIP	type of a strip of the array
 *	ZMM_X		type of an element of the moving operand
 *	ZMM_STEPS(k)	elements of a row of it that the loop takes whole
 *	ZMM_W(p)	read one vector of the array
 *	ZMM_W_LAST(p)	the same of the row that an odd k cuts
 *	ZMM_B(x)	an element of the moving operand in all lanes
 *	ZMM_LAST(x)	the same of the element that an odd k cuts
 *	ZMM_MUL(acc, w, b)	the sum of acc and the product
 */

#define ZMM_COLUMNS	6
#define ZMM_STRIPS	4
#define ZMM_INLINE	static inline __attribute__((always_inline))
#define UNROLL		_Pragma("GCC unroll 8")

/* Masked stores take many times as long as others: only where there is something to leave out. */
ZMM_INLINE __m512 zmm_get(const float *p, __mmask16 some, bool start)
{
	if (start)
		return _mm512_setzero_ps();
	return some == 0xffff ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(some, p);
}

ZMM_INLINE void zmm_put(float *p, __mmask16 some, __m512 a)
{
	if (some == 0xffff)
		_mm512_storeu_ps(p, a);
	else
		_mm512_mask_storeu_ps(p, some, a);
}

static __attribute__((noinline, cold)) void zmm_fix_nan(float *p)
{
	*p = nc_from_bits(nc_to_fp32(*p));
}

ZMM_INLINE bool zmm_tile(float *const *acc, unsigned int at, const ZMM_STRIP *w,
			 const ZMM_X *const *x, unsigned int k, __mmask16 last, bool start,
			 const char *ahead, const int columns, const int strips)
{
	const ZMM_X *x0 = x[0], *x1 = x[columns > 1 ? 1 : 0], *x2 = x[columns > 2 ? 2 : 0];
	const ZMM_X *x3 = x[columns > 3 ? 3 : 0], *x4 = x[columns > 4 ? 4 : 0];
	const ZMM_X *x5 = x[columns > 5 ? 5 : 0];
	const long steps = (long)ZMM_STEPS(k);
	__m512 a[ZMM_COLUMNS][ZMM_STRIPS], v[ZMM_STRIPS];
	uint32_t nan = 0;

#define EACH_STRIP(s)	UNROLL for (int s = 0; s < strips; s++)
#define EACH_COLUMN(c)	UNROLL for (int c = 0; c < columns; c++)
#define STRIP_MASK(s)	((s) == strips - 1 ? last : (__mmask16)0xffff)
#define COLUMN(c, x)								\
	if (columns > c) {							\
		const __m512 b = ZMM_B(x);					\
										\
		EACH_STRIP(s)							\
			a[c][s] = ZMM_MUL(a[c][s], v[s], b);			\
	}

	EACH_COLUMN(c)
		EACH_STRIP(s)
			a[c][s] = zmm_get(acc[c] + at + 16 * s, STRIP_MASK(s), start);
	for (long j = 0; j < steps; j++) {
		__builtin_prefetch(ahead + 64 * j, 0, 2);
		EACH_STRIP(s)
			v[s] = ZMM_W(w[s][j]);
		COLUMN(0, x0[j]) COLUMN(1, x1[j]) COLUMN(2, x2[j]) COLUMN(3, x3[j])
		COLUMN(4, x4[j]) COLUMN(5, x5[j])
	}
	if (k & 1)
		EACH_STRIP(s) {
			v[0] = ZMM_W_LAST(w[s][steps]);
			EACH_COLUMN(c)
				a[c][s] = ZMM_MUL(a[c][s], v[0], ZMM_LAST(x[c][steps]));
		}
	EACH_COLUMN(c)
		EACH_STRIP(s)
			zmm_put(acc[c] + at + 16 * s, STRIP_MASK(s), a[c][s]);
	/* is one a NaN? Two columns at a time; it then gets its bits */
	EACH_COLUMN(c)
		EACH_STRIP(s)
			if (!(c & 1))
				nan |= STRIP_MASK(s) &
				       _mm512_cmp_ps_mask(a[c][s], a[c + 1 < columns ? c + 1 : c][s],
							  _CMP_UNORD_Q);
	if (__builtin_expect(nan, 0))
		for (int c = 0; c < columns; c++)
			for (int i = 0; i < 16 * strips; i++)
				if (STRIP_MASK(i / 16) >> i % 16 & 1)
					zmm_fix_nan(acc[c] + at + i);
	return nan;
#undef EACH_STRIP
#undef EACH_COLUMN
#undef STRIP_MASK
#undef COLUMN
}

typedef bool zmm_tile_fn(float *const *acc, unsigned int at, const ZMM_STRIP *w,
			 const ZMM_X *const *x, unsigned int k, __mmask16 last, bool start,
			 const char *ahead);

#define TILE(c, s)									\
	static __attribute__((noinline))						\
	bool zmm_tile_##c##x##s(float *const *acc, unsigned int at, const ZMM_STRIP *w,	\
				const ZMM_X *const *x, unsigned int k, __mmask16 last,	\
				bool start, const char *ahead)				\
	{										\
		return zmm_tile(acc, at, w, x, k, last, start, ahead, c, s);		\
	}
#define TILES(c)	TILE(c, 1) TILE(c, 2) TILE(c, 3) TILE(c, 4)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
#undef TILES
#undef TILE

/* What a tile fetches, a line a step; nothing new where there is less left than that. */
static const char *zmm_ahead(struct emu_nc_ahead *ahead, const void *w, unsigned int k)
{
	const char *at = ahead->at;

	if (ahead->end - at < (long)(64 * ZMM_STEPS(k)))
		return w;
	ahead->at += 64 * ZMM_STEPS(k);
	return at;
}

/* All columns of up to four strips, then of the next ones: so those stay in L1. */
ZMM_SCOPE bool ZMM_NAME(float *const *acc, const ZMM_STRIP *w, const ZMM_X *const *x,
			unsigned int columns, unsigned int k, unsigned int m, bool start,
			struct emu_nc_ahead *ahead)
{
#define ROW(c)	{ zmm_tile_##c##x1, zmm_tile_##c##x2, zmm_tile_##c##x3, zmm_tile_##c##x4 }
	static zmm_tile_fn *const tiles[ZMM_COLUMNS][ZMM_STRIPS] = {
		ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6)
	};
#undef ROW
	/* so many tiles, and all of them nearly as wide: a narrow one waits for its products */
	unsigned int n = (columns + ZMM_COLUMNS - 1) / ZMM_COLUMNS;
	bool nan = false;

	for (unsigned int s = 0; s < m; s += 16 * ZMM_STRIPS) {
		unsigned int lanes = m - s < 16 * ZMM_STRIPS ? m - s : 16 * ZMM_STRIPS;
		unsigned int strips = (lanes + 15) / 16;
		__mmask16 last = (__mmask16)(0xffffu >> (16 * strips - lanes));

		for (unsigned int c = 0, i = 0; i < n; i++) {
			unsigned int wide = columns / n + (i < columns % n);
			const char *next = zmm_ahead(ahead, w + s / 16, k);

			nan |= tiles[wide - 1][strips - 1](acc + c, s, w + s / 16, x + c, k,
							   last, start, next);
			c += wide;
		}
	}
	return nan;
}
