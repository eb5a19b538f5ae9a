/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that are made of several columns each: sums of products, sums and extremes, such as of
 * sliding windows. Included after nc_kernels_vec.h, by whom has defined, too,
 *	V16		a vector of 2 VL numbers of 16 bits
 *	vec16_load(some, row)	zeros where there are none
 *	vec16_order(x)	bf16 to integers in the same order, and back
 *	vec16_max, vec16_min(a, b)	of signed ones
 *	vec16_nan(min, max)	are there NaNs among what has these extremes?
 *	vec16_floats(v, x)	two vectors of floats
 *	vec16_halves(v, x)	the same, even lanes and odd ones; vec_interleave(x) undoes that
 *	vec_read(p)	VL floats
 */

#define VEC_RESULTS	4	/* at a time: the next one does not wait for this one's sum */
#define VEC_RESULTS_AHEAD	12	/* whose elements are fetched meanwhile */

VEC_FN const uint16_t *vec_tap(const struct emu_nc_window *w, unsigned int column, unsigned int tap,
			       unsigned int lane)
{
	return (const uint16_t *)((const char *)w->src.at + (long)column * w->src.step +
				  w->tap[tap]) + lane;
}

static __attribute__((noinline, cold)) VF vec_fix_nan(VF x)
{
	float lanes[VL];

	__builtin_memcpy(lanes, &x, sizeof(lanes));
	for (unsigned int i = 0; i < VL; i++)
		lanes[i] = nc_from_bits(nc_to_fp32(lanes[i]));
	__builtin_memcpy(&x, lanes, sizeof(lanes));
	return x;
}

/* Returns whether there are NaNs. */
VEC_FN bool vec_result(const struct emu_nc_window *w, unsigned int column, unsigned int lane,
		       const struct vec_some *some, VF x[2])
{
	bool nan = vec_nan(x[0], x[0]) | vec_nan(x[1], x[1]);

	if (__builtin_expect(nan, 0)) {
		x[0] = vec_fix_nan(x[0]);
		x[1] = vec_fix_nan(x[1]);
	}
	vec_put(&w->dst, column, lane, some, x);
	return nan;
}

/* What results will be made of that are some columns behind the @n ones whose elements are @at. */
VEC_FN void vec_fetch_fresh(const struct emu_nc_window *w, const char *const *at, const unsigned int n)
{
	for (unsigned int t = 0; t < w->fresh; t++) {
		long tap = w->fresh_tap[t] + VEC_RESULTS_AHEAD * w->src.step;

		_Pragma("GCC unroll 4")
		for (unsigned int c = 0; c < n; c++)
			__builtin_prefetch(at[c] + tap);
	}
}

/* Sums of products of bf16 and the factors @w->factor for results @first .. @first + @n - 1. */
VEC_FN bool vec_products(const struct emu_nc_window *w, unsigned int first, const unsigned int n,
			 unsigned int lane, const struct vec_some some)
{
	const char *at[VEC_RESULTS];
	VF sum[VEC_RESULTS][2], x[2];
	bool nan = false;

	_Pragma("GCC unroll 4")
	for (unsigned int c = 0; c < n; c++) {
		at[c] = (const char *)w->src.at + (long)(first + c) * w->src.step + lane * 2;
		sum[c][0] = sum[c][1] = vec_set(0.0f);
	}
	vec_fetch_fresh(w, at, n);
	for (unsigned int t = 0; t < w->taps; t++) {
		const VF even = vec_read(w->factor[t] + lane / 2);
		const VF odd = vec_read(w->factor[t] + NEURON_PARTITIONS / 2 + lane / 2);
		long tap = w->tap[t];

		_Pragma("GCC unroll 4")
		for (unsigned int c = 0; c < n; c++) {
			vec16_halves(vec16_load(&some, (const uint16_t *)(at[c] + tap)), x);
			sum[c][0] = vec_fma(x[0], even, sum[c][0]);
			sum[c][1] = vec_fma(x[1], odd, sum[c][1]);
		}
	}
	_Pragma("GCC unroll 4")
	for (unsigned int c = 0; c < n; c++) {
		vec_interleave(sum[c]);
		nan |= vec_result(w, first + c, lane, &some, sum[c]);
	}
	return nan;
}

typedef bool vec_products_fn(const struct emu_nc_window *w, unsigned int first, unsigned int n,
			     unsigned int lane, struct vec_some some);

/* All results of @w by @products, which is inlined for the usual numbers. */
VEC_FN bool vec_each_product(const struct emu_nc_window *w, vec_products_fn *products)
{
	unsigned int c = 0, lane;
	bool nan = false;

	for (; c + VEC_RESULTS <= w->columns; c += VEC_RESULTS) {
		for (lane = 0; lane + 2 * VL <= w->lanes; lane += 2 * VL)
			nan |= products(w, c, VEC_RESULTS, lane, vec_some(2 * VL));
		if (w->lanes - lane == VL)	/* often, and quicker */
			nan |= products(w, c, VEC_RESULTS, lane, vec_some(VL));
		else if (lane < w->lanes)
			nan |= products(w, c, VEC_RESULTS, lane, vec_some(w->lanes - lane));
	}
	for (; c < w->columns; c++)
		for (lane = 0; lane < w->lanes; lane += 2 * VL)
			nan |= products(w, c, 1, lane, vec_some(w->lanes - lane));
	return nan;
}

static bool k_products(const struct emu_nc_window *w)
{
	return vec_each_product(w, vec_products);
}

/* What is at a place of the other operand of w, or of the same one. */
VEC_FN void vec_get_tap(const struct emu_nc_strand *s, const int32_t *tap, unsigned int column,
			unsigned int lane, const struct vec_some *some, VF x[2])
{
	struct emu_nc_strand at = *s;

	at.at = (char *)s->at + *tap;
	vec_get(&at, column, lane, some, x);
}

/* Sums, or sums of products with another operand. */
static bool k_sums(const struct emu_nc_window *w)
{
	const VF scale = vec_set(w->scale);
	bool nan = false;

	for (unsigned int c = 0; c < w->columns; c++)
		for (unsigned int lane = 0; lane < w->lanes; lane += 2 * VL) {
			const struct vec_some some = vec_some(w->lanes - lane);
			VF sum[2], x[2], y[2];
			unsigned int t = 0;

			sum[0] = sum[1] = vec_set(0.0f);
			if (!w->other.place)
				vec_get_tap(&w->src, &w->tap[t++], c, lane, &some, sum);
			for (; t < w->taps; t++) {
				vec_get_tap(&w->src, &w->tap[t], c, lane, &some, x);
				if (w->other.place) {
					vec_get_tap(&w->other, &w->other_tap[t], c, lane, &some, y);
					sum[0] = vec_fma(x[0], y[0], sum[0]);
					sum[1] = vec_fma(x[1], y[1], sum[1]);
				} else {
					sum[0] = vec_add(sum[0], x[0]);
					sum[1] = vec_add(sum[1], x[1]);
				}
			}
			if (!w->other.place) {
				sum[0] = vec_mul(sum[0], scale);
				sum[1] = vec_mul(sum[1], scale);
			}
			nan |= vec_result(w, c, lane, &some, sum);
		}
	return nan;
}

/* One of them is a NaN: as the C function says. */
static __attribute__((noinline, cold))
void vec_extreme_nan(const struct emu_nc_window *w, unsigned int column, unsigned int lane, bool least,
		     struct vec_some some, float *best)
{
	for (unsigned int t = 0; t < w->taps; t++) {
		float x[2 * VL];
		VF v[2];

		vec_get_bf16(&some, vec_tap(w, column, t, lane), v);
		__builtin_memcpy(x, v, sizeof(x));
		for (unsigned int i = 0; i < 2 * VL; i++)
			x[i] = nc_from_bits(nc_daz(nc_bits(x[i])));
		for (unsigned int i = 0; i < 2 * VL; i++)
			best[i] = !t ? x[i] : least ? nc_min(best[i], x[i]) : nc_max(best[i], x[i]);
	}
}

/* Of bf16: as integers in an order in which NaNs are the ends, +0 is more than -0. */
VEC_FN bool vec_extreme(const struct emu_nc_window *w, unsigned int column, unsigned int lane,
			const struct vec_some some, bool least)
{
	const VF scale = vec_set(w->scale);
	V16 v = vec16_order(vec16_load(&some, vec_tap(w, column, 0, lane)));
	V16 min = v, max = v;
	VF x[2];

	for (unsigned int t = 1; t < w->taps; t++) {
		v = vec16_order(vec16_load(&some, vec_tap(w, column, t, lane)));
		min = vec16_min(min, v);
		max = vec16_max(max, v);
	}
	vec16_floats(vec16_order(least ? min : max), x);
	if (__builtin_expect(vec16_nan(min, max), 0)) {
		float best[2 * VL];

		vec_extreme_nan(w, column, lane, least, some, best);
		__builtin_memcpy(x, best, sizeof(best));
	}
	x[0] = vec_mul(x[0], scale);
	x[1] = vec_mul(x[1], scale);
	return vec_result(w, column, lane, &some, x);
}

static bool extremes(const struct emu_nc_window *w, bool least)
{
	bool nan = false;
	unsigned int lane;

	for (unsigned int c = 0; c < w->columns; c++) {
		for (lane = 0; lane + 2 * VL <= w->lanes; lane += 2 * VL)
			nan |= vec_extreme(w, c, lane, vec_some(2 * VL), least);
		if (lane < w->lanes)
			nan |= vec_extreme(w, c, lane, vec_some(w->lanes - lane), least);
	}
	return nan;
}

static bool k_greatest(const struct emu_nc_window *w)
{
	return extremes(w, false);
}

static bool k_least(const struct emu_nc_window *w)
{
	return extremes(w, true);
}
