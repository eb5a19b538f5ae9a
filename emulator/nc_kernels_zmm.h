/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiply of the PE array in 512-bit registers: tiles of up to 6 columns of the moving
 * operand and 4 strips of the array, all sums in registers. Included by a file of kernels
 * that has set its target and defined
 *	ZMM_NAME	the function to make, and ZMM_CHAIN that for chains of products;
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
	if (some == 0xff)
		return _mm512_zextps256_ps512(_mm256_loadu_ps(p));
	return some == 0xffff ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(some, p);
}

ZMM_INLINE void zmm_put(float *p, __mmask16 some, __m512 a)
{
	if (some == 0xffff)
		_mm512_storeu_ps(p, a);
	else if (some == 0xff)
		_mm256_storeu_ps(p, _mm512_castps512_ps256(a));
	else
		_mm512_mask_storeu_ps(p, some, a);
}

static __attribute__((noinline, cold)) void zmm_fix_nan(float *p)
{
	*p = nc_from_bits(nc_to_fp32(*p));
}

/* Columns from @c0 on, lanes from @at on. */
ZMM_INLINE bool zmm_tile(float *const *acc, unsigned int c0, unsigned int at,
			 const struct emu_nc_link *link, unsigned int links, __mmask16 last,
			 bool start, const char *ahead, const int columns, const int strips)
{
	__m512 a[ZMM_COLUMNS][ZMM_STRIPS], v[ZMM_STRIPS];
	uint32_t nan = 0;

	acc += c0;
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
	for (const struct emu_nc_link *end = link + links; link < end; link++) {
		const ZMM_X *const *x = link->x + c0;
		const ZMM_X *x0 = x[0], *x1 = x[columns > 1 ? 1 : 0], *x2 = x[columns > 2 ? 2 : 0];
		const ZMM_X *x3 = x[columns > 3 ? 3 : 0], *x4 = x[columns > 4 ? 4 : 0];
		const ZMM_X *x5 = x[columns > 5 ? 5 : 0];
		const ZMM_STRIP *w = link->w + at / 16;
		const long steps = (long)ZMM_STEPS(link->k);

		for (long j = 0; j < steps; j++) {
			__builtin_prefetch(ahead + 64 * j, 0, 2);
			EACH_STRIP(s)
				v[s] = ZMM_W(w[s][j]);
			COLUMN(0, x0[j]) COLUMN(1, x1[j]) COLUMN(2, x2[j]) COLUMN(3, x3[j])
			COLUMN(4, x4[j]) COLUMN(5, x5[j])
		}
		if (link->k & 1)
			EACH_STRIP(s) {
				v[0] = ZMM_W_LAST(w[s][steps]);
				EACH_COLUMN(c)
					a[c][s] = ZMM_MUL(a[c][s], v[0], ZMM_LAST(x[c][steps]));
			}
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
typedef bool zmm_chain_fn(float *const *acc, unsigned int c0, unsigned int at,
			  const struct emu_nc_link *link, unsigned int links, __mmask16 last,
			  bool start, const char *ahead);

#define TILE(c, s)									\
	static __attribute__((noinline))						\
	bool zmm_tile_##c##x##s(float *const *acc, unsigned int at, const ZMM_STRIP *w,	\
				const ZMM_X *const *x, unsigned int k, __mmask16 last,	\
				bool start, const char *ahead)				\
	{										\
		const struct emu_nc_link one = { .w = w, .x = x, .k = k };		\
											\
		return zmm_tile(acc, 0, at, &one, 1, last, start, ahead, c, s);		\
	}										\
	static __attribute__((noinline))						\
	bool zmm_chain_##c##x##s(float *const *acc, unsigned int c0, unsigned int at,	\
				 const struct emu_nc_link *link, unsigned int links,	\
				 __mmask16 last, bool start, const char *ahead)		\
	{										\
		return zmm_tile(acc, c0, at, link, links, last, start, ahead, c, s);	\
	}
#define TILES(c)	TILE(c, 1) TILE(c, 2) TILE(c, 3) TILE(c, 4)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
#undef TILES
#undef TILE

#define ROW(f, c)	{ f##_##c##x1, f##_##c##x2, f##_##c##x3, f##_##c##x4 }
#define ROWS(f)		{ ROW(f, 1), ROW(f, 2), ROW(f, 3), ROW(f, 4), ROW(f, 5), ROW(f, 6) }
static zmm_tile_fn *const zmm_tiles[ZMM_COLUMNS][ZMM_STRIPS] = ROWS(zmm_tile);
static zmm_chain_fn *const zmm_chains[ZMM_COLUMNS][ZMM_STRIPS] = ROWS(zmm_chain);
#undef ROWS
#undef ROW

/* What a tile fetches, a line a step; nothing new where there is less left than that. */
static const char *zmm_ahead(struct emu_nc_ahead *ahead, const void *w, unsigned int steps)
{
	const char *at = ahead->at;

	if (ahead->end - at < (long)(64 * steps))
		return w;
	ahead->at += 64 * steps;
	return at;
}

/* Tiles over some columns, all of them nearly as wide: a narrow one waits for its products. */
struct zmm_widths {
	unsigned int tiles, least, more;
};

ZMM_INLINE struct zmm_widths zmm_widths(unsigned int columns)
{
	unsigned int n = (columns + ZMM_COLUMNS - 1) / ZMM_COLUMNS;

	return (struct zmm_widths){ n, n ? columns / n : 0, n ? columns % n : 0 };
}

ZMM_INLINE unsigned int zmm_strips(unsigned int lanes, __mmask16 *last)
{
	unsigned int strips;

	lanes = lanes < 16 * ZMM_STRIPS ? lanes : 16 * ZMM_STRIPS;
	strips = (lanes + 15) / 16;
	*last = (__mmask16)(0xffffu >> (16 * strips - lanes));
	return strips;
}

#define ZMM_SHORT	64	/* rows of the array; more of them give the host the time to fetch by itself */

/* Columns @from on are multiplied soon: the tile after the next one. */
ZMM_INLINE void zmm_fetch(const ZMM_X *const *x, unsigned int from, unsigned int columns)
{
	unsigned int end = from + ZMM_COLUMNS < columns ? from + ZMM_COLUMNS : columns;

	for (unsigned int c = from; c < end; c++)
		__builtin_prefetch(x[c]);
}

/* All columns of up to four strips, then of the next ones: so those stay in L1. */
static bool ZMM_NAME(float *const *acc, const ZMM_STRIP *w, const ZMM_X *const *x,
			unsigned int columns, unsigned int k, unsigned int m, bool start,
			struct emu_nc_ahead *ahead)
{
	const struct zmm_widths widths = zmm_widths(columns);
	bool nan = false;

	for (unsigned int at = 0; at < m; at += 16 * ZMM_STRIPS) {
		__mmask16 last;
		unsigned int strips = zmm_strips(m - at, &last);

		for (unsigned int c = 0, i = 0; i < widths.tiles; i++) {
			unsigned int wide = widths.least + (i < widths.more);

			const char *next = zmm_ahead(ahead, w, ZMM_STEPS(k));

			if (k <= ZMM_SHORT)
				zmm_fetch(x, c + 2 * ZMM_COLUMNS, columns);
			nan |= zmm_tiles[wide - 1][strips - 1](acc + c, at, w, x + c, k, last,
							       start, next);
			c += wide;
		}
	}
	return nan;
}

static bool ZMM_CHAIN(float *const *acc, const struct emu_nc_link *link, unsigned int links,
		      unsigned int columns, unsigned int m, bool start)
{
	const struct zmm_widths widths = zmm_widths(columns);
	bool nan = false;

	for (unsigned int at = 0; at < m; at += 16 * ZMM_STRIPS) {
		__mmask16 last;
		unsigned int strips = zmm_strips(m - at, &last);

		for (unsigned int c = 0, i = 0; i < widths.tiles; i++) {
			unsigned int wide = widths.least + (i < widths.more);

			for (unsigned int l = 0; l < links; l++)
				zmm_fetch(link[l].x, c + 2 * ZMM_COLUMNS, columns);
			nan |= zmm_chains[wide - 1][strips - 1](acc, c, at, link, links, last,
								start, (const char *)link->w);
			c += wide;
		}
	}
	return nan;
}
