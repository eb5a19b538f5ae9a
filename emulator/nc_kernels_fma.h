/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiply of the PE array by fused multiply-adds of fp32: tiles of a few columns of the
 * moving operand and two vectors of the array, all sums in registers. The moving operand is
 * made fp32 once, the array while it is read. A file of kernels that has set its target
 * defines for its registers
 *	FMA_V		a vector
 *	FMA_LANES	how many floats it has
 *	FMA_NEXT	bytes from one vector of a row of the array to the next one
 *	FMA_COLUMNS	most columns of a tile; FMA_EACH_COLUMN(F) applies F to their numbers,
 *			FMA_EACH_WIDTH(F) to how many a tile can have
 *	fma_get(), fma_put(), fma_cut()	the first lanes of a vector
 *	FMA_NANS, fma_nans(), fma_any()	which lanes of two vectors are NaNs
 * and then includes this once for each format of the array, with
 *	FMA_NAME	the function to make
 *	FMA_STRIP	type of a strip of the array, with FMA_PAIR bytes for two rows
 *	FMA_X		type of an element of the moving operand
 *	FMA_WIDEN(to, x, k)	k numbers of it to fp32
 *	FMA_EVEN(v, p), FMA_ODD(v, p)	read a vector of the first or the second of two rows
 *
 * What multiplies is assembler, and sums are single variables: of free order and of arrays
 * compilers make copies in memory.
 */

#define FMA_INLINE	static inline __attribute__((always_inline))
#define FMA_PASTE_(a, b)	a##_##b
#define FMA_PASTE(a, b)	FMA_PASTE_(a, b)
#define FMA_(name)	FMA_PASTE(FMA_NAME, name)

#ifndef FMA_BLOCK
#define FMA_BLOCK	24	/* columns that stay in L1 beside a tile's part of the array */
/* Rather than to leave a few for a block of their own. */
#define FMA_BLOCK_MAX	(3 * FMA_BLOCK / 2 - 1)
#define FMA_STRIDE	(NEURON_PE_ROWS + 16)	/* columns are not in the same set of L1 */

static __attribute__((noinline, cold)) void fma_fix_nans(float *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		p[i] = nc_from_bits(nc_to_fp32(p[i]));
}

/* What a tile fetches, a line a step; NULL where there is less left than that. */
static inline const char *fma_ahead(struct emu_nc_ahead *ahead, unsigned int k)
{
	const char *at = ahead->at;

	if (ahead->end - at < (long)(k / 2 * 64))
		return NULL;
	ahead->at += k / 2 * 64;
	return at;
}
#endif

/* @columns sums of @vectors vectors, the last one of which has @lanes lanes to be stored. */
FMA_INLINE bool FMA_(tile)(float *const *acc, unsigned int at, const char *w, const float *x,
			   unsigned int k, unsigned int lanes, bool start,
			   const char *ahead, const int columns, const int vectors,
			   const bool fetch)
{
	const unsigned int first = vectors > 1 ? FMA_LANES : lanes;
	const FMA_V zero = { 0 };
	FMA_NANS nans = { 0 };
	FMA_V lo, hi = zero, xv;

#define FMA231(a, w, x)	__asm__ volatile("vfmadd231ps %1, %2, %0" : "+v"(a) : "v"(w), "v"(x))
#define SUMS(c)		FMA_V a##c = zero, b##c = zero;
#define GET(c)							\
	if (columns > c) {					\
		a##c = fma_get(acc[c] + at, first);		\
		if (vectors > 1)				\
			b##c = fma_get(acc[c] + at + FMA_LANES, lanes);	\
	}
#define MULTIPLY(c, i)						\
	if (columns > c) {					\
		__asm__ volatile("vbroadcastss %1, %0" : "=v"(xv) : "m"(x[c * FMA_STRIDE + i]));	\
		FMA231(a##c, lo, xv);				\
		if (vectors > 1)				\
			FMA231(b##c, hi, xv);			\
	}
#define EVEN(c)		MULTIPLY(c, 0)
#define ODD(c)		MULTIPLY(c, 1)
#define PAD(c)							\
	if (columns > c) {					\
		FMA231(a##c, zero, zero);			\
		if (vectors > 1)				\
			FMA231(b##c, zero, zero);		\
	}
#define CUT(c)							\
	if (columns > c && vectors > 1)				\
		b##c = fma_cut(b##c, lanes);			\
	else if (columns > c)					\
		a##c = fma_cut(a##c, lanes);
#define PUT(c)							\
	if (columns > c) {					\
		nans |= fma_nans(a##c, vectors > 1 ? b##c : a##c);	\
		fma_put(acc[c] + at, first, a##c);		\
		if (vectors > 1)				\
			fma_put(acc[c] + at + FMA_LANES, lanes, b##c);	\
	}

	FMA_EACH_COLUMN(SUMS)
	if (!start) {
		FMA_EACH_COLUMN(GET)
	}
	for (unsigned int j = k / 2; j; j--, w += FMA_PAIR, x += 2) {
		if (fetch) {
			__builtin_prefetch(ahead, 0, 2);
			ahead += 64;
		}
		FMA_EVEN(lo, w);
		if (vectors > 1)
			FMA_EVEN(hi, w + FMA_NEXT);
		FMA_EACH_COLUMN(EVEN)
		FMA_ODD(lo, w);
		if (vectors > 1)
			FMA_ODD(hi, w + FMA_NEXT);
		FMA_EACH_COLUMN(ODD)
	}
	if (k & 1) {
		FMA_EVEN(lo, w);
		if (vectors > 1)
			FMA_EVEN(hi, w + FMA_NEXT);
		FMA_EACH_COLUMN(EVEN)
		FMA_EACH_COLUMN(PAD)
	}
	if (lanes != FMA_LANES) {
		FMA_EACH_COLUMN(CUT)
	}
	FMA_EACH_COLUMN(PUT)
	if (__builtin_expect(!fma_any(nans), 1))
		return false;
	for (int c = 0; c < columns; c++)
		fma_fix_nans(acc[c] + at, (vectors - 1) * FMA_LANES + lanes);
	return true;
#undef FMA231
#undef SUMS
#undef GET
#undef MULTIPLY
#undef EVEN
#undef ODD
#undef PAD
#undef CUT
#undef PUT
}

typedef bool FMA_(fn)(float *const *acc, unsigned int at, const char *w, const float *x,
		      unsigned int k, unsigned int lanes, bool start, const char *ahead);

/* Two of each: to fetch takes time even if there is nothing new, and so does to ask each step. */
#define TILE(c, v, name, fetch)								\
	static __attribute__((noinline))						\
	bool FMA_(name##_##c##x##v)(float *const *acc, unsigned int at, const char *w,	\
				    const float *x, unsigned int k, unsigned int lanes,	\
				    bool start, const char *ahead)			\
	{										\
		return FMA_(tile)(acc, at, w, x, k, lanes, start, ahead, c, v, fetch);	\
	}
#define TILES(c)							\
	TILE(c, 1, tile, false) TILE(c, 2, tile, false)		\
	TILE(c, 1, fetch, true) TILE(c, 2, fetch, true)
FMA_EACH_WIDTH(TILES)
#undef TILES
#undef TILE

/* All columns with a part of the array, then with the next one. */
static bool FMA_(block)(float *const *acc, const FMA_STRIP *w, const float (*x)[FMA_STRIDE],
			unsigned int columns, unsigned int k, unsigned int m, bool start,
			struct emu_nc_ahead *ahead)
{
#define PLAIN(c)	{ FMA_(tile_##c##x1), FMA_(tile_##c##x2) },
#define FETCHING(c)	{ FMA_(fetch_##c##x1), FMA_(fetch_##c##x2) },
	static FMA_(fn) *const tiles[2][FMA_COLUMNS][2] = {
		{ FMA_EACH_WIDTH(PLAIN) }, { FMA_EACH_WIDTH(FETCHING) },
	};
#undef PLAIN
#undef FETCHING
	/* tiles nearly as wide as each other: a narrow one waits for its own sums */
	const unsigned int n = (columns + FMA_COLUMNS - 1) / FMA_COLUMNS;
	bool nan = false;

	for (unsigned int s = 0; s < m; s += 2 * FMA_LANES) {
		unsigned int lanes = m - s < 2 * FMA_LANES ? m - s : 2 * FMA_LANES;
		unsigned int vectors = lanes > FMA_LANES ? 2 : 1;
		const char *part = (const char *)w[s / EMU_NC_STRIP];

		lanes -= (vectors - 1) * FMA_LANES;
		for (unsigned int c = 0, left = n, wide; left; left--, c += wide) {
			const char *next = fma_ahead(ahead, k);

			wide = (columns - c + left - 1) / left;
			nan |= tiles[!!next][wide - 1][vectors - 1](acc + c, s, part, x[c], k, lanes,
								    start, next);
		}
	}
	return nan;
}

/* Alone, so that there are copies for the usual k: no loop to leave each column. */
FMA_INLINE void FMA_(widen)(float (*to)[FMA_STRIDE], const FMA_X *const *x, unsigned int columns,
			    unsigned int k)
{
	for (unsigned int i = 0; i < columns; i++)
		FMA_WIDEN(to[i], x[i], k);
}

/* Lanes beyond m: computed, ignored. */
static bool FMA_NAME(float *const *acc, const FMA_STRIP *w, const FMA_X *const *x,
		     unsigned int columns, unsigned int k, unsigned int m, bool start,
		     struct emu_nc_ahead *ahead)
{
	float wide[FMA_BLOCK_MAX][FMA_STRIDE] __attribute__((aligned(64)));
	bool nan = false;

	for (unsigned int c = 0, n; c < columns; c += n) {
		n = columns - c <= FMA_BLOCK_MAX ? columns - c : FMA_BLOCK;
		if (k == NEURON_PE_ROWS)
			FMA_(widen)(wide, x + c, n, NEURON_PE_ROWS);
		else if (k == NEURON_PE_ROWS / 2)
			FMA_(widen)(wide, x + c, n, NEURON_PE_ROWS / 2);
		else
			FMA_(widen)(wide, x + c, n, k);
		nan |= FMA_(block)(acc + c, w, (const float (*)[FMA_STRIDE])wide, n, k, m, start,
				   ahead);
	}
	return nan;
}

#undef FMA_
#undef FMA_PASTE
#undef FMA_PASTE_
#undef FMA_INLINE
#undef FMA_NAME
#undef FMA_STRIP
#undef FMA_PAIR
#undef FMA_X
#undef FMA_WIDEN
#undef FMA_EVEN
#undef FMA_ODD
