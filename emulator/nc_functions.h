/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACT functions that are not among the first thirteen, and the ALU operations made of
 * several steps, to the bit; by the operations of nc_math.h, which includes this file.
 */
#ifndef EMU_NC_FUNCTIONS_H
#define EMU_NC_FUNCTIONS_H

/* Natural logarithm: x = 2^e * m with m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1. */
NC_FN float nc_log(float x)
{
	uint32_t u = nc_bits(x);
	int32_t e = (int32_t)(u - 0x3f3504f3u) >> 23;
	float n = (float)e, f = nc_sub(nc_from_bits(u - ((uint32_t)e << 23)), 1.0f);
	float z = nc_mul(f, f), p;

	p = nc_fma(0x1.204376p-4f, f, -0x1.d7a37p-4f);
	p = nc_fma(p, f, 0x1.de4a34p-4f);
	p = nc_fma(p, f, -0x1.fcba9ep-4f);
	p = nc_fma(p, f, 0x1.23d37ep-3f);
	p = nc_fma(p, f, -0x1.555cap-3f);
	p = nc_fma(p, f, 0x1.999d58p-3f);
	p = nc_fma(p, f, -0x1.fffff8p-3f);
	p = nc_fma(p, f, 0x1.555554p-2f);
	p = nc_mul(nc_mul(p, f), z);
	p = nc_fma(n, -0x1.bd0106p-13f, p);
	p = nc_fma(-0.5f, z, p);
	p = nc_add(f, p);
	p = nc_fma(n, 0x1.63p-1f, p);
	p = u == NC_INF_BITS ? x : p;
	p = u >> 31 ? nc_from_bits(NC_NAN_BITS) : p;
	p = x == 0.0f ? nc_from_bits(NC_INF_BITS | NC_SIGN) : p;
	return nc_is_nan(u) ? x : p;
}

/* x = n pi / 2 + r; beyond 2^20 nothing is left of r: NaN. @quarter: 0 sine, 1 cosine. */
NC_FN float nc_sine(float x, uint32_t quarter)
{
	float c = nc_abs(x) < 0x1p20f ? x : 0.0f;
	float t = nc_fma(c, 0x1.45f306p-1f, 0x1.8p23f), n = nc_sub(t, 0x1.8p23f), r, z, s, k;
	uint32_t q = nc_bits(t) + quarter;

	r = nc_fma(n, -0x1.921fb6p+0f, c);
	r = nc_fma(n, 0x1.777a5cp-25f, r);
	r = nc_fma(n, 0x1.ee59dap-50f, r);
	r = n == 0.0f ? c : r;
	z = nc_mul(r, r);
	s = nc_fma(-0x1.9943f2p-13f, z, 0x1.11073cp-7f);
	s = nc_fma(s, z, -0x1.555546p-3f);
	s = nc_fma(nc_mul(s, z), r, r);
	s = r == 0.0f ? r : s;	/* its sign */
	k = nc_fma(0x1.99eb9cp-16f, z, -0x1.6c0c34p-10f);
	k = nc_fma(k, z, 0x1.55554ap-5f);
	k = nc_fma(nc_mul(k, z), z, nc_fma(-0.5f, z, 1.0f));
	s = q & 1 ? k : s;
	s = nc_from_bits(nc_bits(s) ^ (q & 2) << 30);
	return nc_abs(x) < 0x1p20f ? s : nc_from_bits(NC_NAN_BITS);
}

/* max(x, 0) + log(1 + e), e = exp(-|x|); what 1 + e lost by rounding is put back. */
NC_FN float nc_softplus(float x)
{
	float e = nc_exp(nc_from_bits(nc_bits(x) | NC_SIGN)), u = nc_add(1.0f, e);
	float d = nc_sub(u, 1.0f), l;

	l = nc_mul(nc_log(u), nc_div(e, d == 0.0f ? 1.0f : d));
	l = d == 0.0f ? e : l;
	l = nc_add(x > 0.0f ? x : 0.0f, l);
	return nc_is_nan(nc_bits(x)) ? x : l;
}

/* x w / (w + 2), w = n^2 + 2 n, n = e^x: x tanh(softplus(x)) without a logarithm. */
NC_FN float nc_mish(float x)
{
	float c = x < 20.0f ? x : 20.0f, n = nc_exp(c), w = nc_fma(n, n, nc_add(n, n));

	c = nc_mul(x < -120.0f ? -120.0f : x, nc_div(w, nc_add(w, 2.0f)));
	return nc_is_nan(nc_bits(x)) ? x : c;
}

NC_FN float nc_silu(float x)
{
	return nc_mul(x < -120.0f ? -120.0f : x, nc_sigmoid(x));
}

NC_FN float nc_clamp01(float x)
{
	float r = x > 0.0f ? x : 0.0f;

	r = r < 1.0f ? r : 1.0f;
	return nc_is_nan(nc_bits(x)) ? x : r;
}

NC_FN float nc_hard_swish(float x)
{
	return nc_mul(x < -4.0f ? -4.0f : x, nc_clamp01(nc_fma(x, 0x1.555556p-3f, 0.5f)));
}

NC_FN float nc_floor(float x)
{
	float r = nc_round(x);

	return r > x ? nc_sub(r, 1.0f) : r;
}

NC_FN float nc_negate(float x)
{
	return nc_from_bits(nc_bits(x) ^ NC_SIGN);
}

NC_FN float nc_ceil(float x)
{
	return nc_negate(nc_floor(nc_negate(x)));
}

NC_FN float nc_trunc(float x)
{
	return nc_copysign(nc_floor(nc_abs(x)), x);
}

NC_FN float nc_sign(float x)
{
	float r = x > 0.0f ? 1.0f : x;

	return x < 0.0f ? -1.0f : r;
}

/* a (e^x - 1), the difference as 2 t / (1 - t) with t = tanh(x / 2): no cancellation. */
NC_FN float nc_elu(float x, float a)
{
	float t = nc_tanh(nc_mul(0.5f, x > 0.0f ? 0.0f : x));
	float r = nc_mul(a, nc_div(nc_add(t, t), nc_sub(1.0f, t)));

	return x > 0.0f || nc_is_nan(nc_bits(x)) ? x : r;
}

NC_FN float nc_leaky_relu(float x, float a)
{
	float r = nc_mul(a, x);

	return x > 0.0f || nc_is_nan(nc_bits(x)) ? x : r;
}

NC_FN float nc_relu_clip(float x, float a)
{
	float r = nc_relu(x);

	return r > a ? a : r;
}

/* Remainder of the sign of a: q is the quotient, one too big at most for its rounding. */
NC_FN float nc_rem(float a, float b)
{
	float x = nc_abs(a), y = nc_abs(b), q = nc_trunc(nc_div(x, y)), r;

	r = nc_fma(nc_negate(q), y, x);
	r = r < 0.0f ? nc_add(r, y) : r;
	r = x < y ? x : r;
	r = nc_copysign(r, a);
	r = nc_is_nan(nc_bits(b)) ? b : r;
	return nc_is_nan(nc_bits(a)) ? a : r;
}

/* Remainder of the sign of b. */
NC_FN float nc_mod(float a, float b)
{
	float r = nc_rem(a, b);

	return r != 0.0f && (r < 0.0f) != (b < 0.0f) ? nc_add(r, b) : r;
}

/* exp(b log|a|), negative for odd b and negative a; NaN for those that are not whole. */
NC_FN float nc_pow(float a, float b)
{
	float r = nc_exp(nc_mul(b, nc_log(nc_abs(a))));
	float half = nc_mul(b, 0.5f);
	int whole = nc_round(b) == b, odd = whole && nc_round(half) != half;

	r = nc_abs(a) == 1.0f ? 1.0f : r;
	r = nc_bits(a) >> 31 && odd ? nc_negate(r) : r;
	r = a < 0.0f && !whole && nc_abs(a) < nc_from_bits(NC_INF_BITS) ?
		nc_from_bits(NC_NAN_BITS) : r;
	r = nc_is_nan(nc_bits(b)) ? b : r;
	r = nc_is_nan(nc_bits(a)) ? a : r;
	r = a == 1.0f ? 1.0f : r;
	return b == 0.0f ? 1.0f : r;
}

#endif
