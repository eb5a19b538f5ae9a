/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of the NeuronCore, to the bit. docs/isa.md, "Numerics", says the same in words.
 *
 * Included by each file of kernels after it defined NC_FTZ_HW:
 *   0: plain C. Every operation flushes its result itself; the host's modes must be
 *	the default ones. This is the definition.
 *   1: the host flushes: x86 with FTZ and DAZ set, which detects tininess after rounding.
 * Only add, mul, fma, div, sqrt, comparisons, selections and integer operations are
 * used, never a library function or an estimate: so all hosts agree.
 *
 * Operands of the operations are never subnormal: what is loaded is flushed, and so is
 * each result. NaNs may have any payload inside; the conversions
 * at the end give them one.
 */
#ifndef EMU_NC_MATH_H
#define EMU_NC_MATH_H

#include <stdint.h>
#include <neuron/isa.h>

#define NC_FN static inline __attribute__((always_inline, unused))

#define NC_NAN_BITS	0x7fc00000u
#define NC_INF_BITS	0x7f800000u
#define NC_SIGN		0x80000000u
#define NC_MIN_NORMAL	0x00800000u

NC_FN uint32_t nc_bits(float f)
{
	union { float f; uint32_t u; } x = { .f = f };

	return x.u;
}

NC_FN float nc_from_bits(uint32_t u)
{
	union { uint32_t u; float f; } x = { .u = u };

	return x.f;
}

NC_FN float nc_abs(float x)
{
	return nc_from_bits(nc_bits(x) & ~NC_SIGN);
}

NC_FN float nc_copysign(float mag, float sign)
{
	return nc_from_bits((nc_bits(mag) & ~NC_SIGN) | (nc_bits(sign) & NC_SIGN));
}

NC_FN int nc_is_nan(uint32_t bits)
{
	return (bits & ~NC_SIGN) > NC_INF_BITS;
}

/* A subnormal becomes a zero of its sign. */
NC_FN uint32_t nc_daz(uint32_t bits)
{
	return bits & NC_INF_BITS ? bits : bits & NC_SIGN;
}

#if NC_FTZ_HW
NC_FN float nc_add(float a, float b) { return a + b; }
NC_FN float nc_sub(float a, float b) { return a - b; }
NC_FN float nc_mul(float a, float b) { return a * b; }
NC_FN float nc_div(float a, float b) { return a / b; }
NC_FN float nc_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
NC_FN float nc_zero_of(float r)
{
	return nc_from_bits(nc_bits(r) & NC_SIGN);
}

/* Could @r have been smaller than the smallest normal number before it was rounded? */
NC_FN int nc_near_tiny(float r)
{
	return (nc_bits(r) & ~NC_SIGN) - 1 < NC_MIN_NORMAL;
}

/*
 * Tiny means: rounded to 24 bits, as if exponents had no lower end, it is below 2^-126.
 * @scaled is the same operation with a result 2^64 as big. Should scaling overflow, then
 * the operands are so big that a result of their size would not be near tiny.
 */
NC_FN float nc_flush(float r, float scaled)
{
	return nc_abs(scaled) < 0x1p-62f ? nc_zero_of(r) : r;
}

/* A subnormal sum is exact: no question of rounding. */
NC_FN float nc_add(float a, float b)
{
	return nc_from_bits(nc_daz(nc_bits(a + b)));
}

NC_FN float nc_sub(float a, float b)
{
	return nc_from_bits(nc_daz(nc_bits(a - b)));
}

NC_FN float nc_mul(float a, float b)
{
	float r = a * b;

	return nc_near_tiny(r) ? nc_flush(r, (a * 0x1p32f) * (b * 0x1p32f)) : r;
}

NC_FN float nc_div(float a, float b)
{
	float r = a / b;

	return nc_near_tiny(r) ? nc_flush(r, (a * 0x1p64f) / b) : r;
}

NC_FN float nc_fma(float a, float b, float c)
{
	float r = __builtin_fmaf(a, b, c);

	return nc_near_tiny(r) ?
		nc_flush(r, __builtin_fmaf(a * 0x1p32f, b * 0x1p32f, c * 0x1p64f)) : r;
}
#endif

/* NaN if one is; +0 is greater than -0. */
NC_FN int32_t nc_order(float x)
{
	int32_t i = (int32_t)nc_bits(x);

	return i ^ (int32_t)((uint32_t)(i >> 31) >> 1);
}

NC_FN float nc_max(float a, float b)
{
	float r = nc_order(a) > nc_order(b) ? a : b;

	r = nc_is_nan(nc_bits(b)) ? b : r;
	return nc_is_nan(nc_bits(a)) ? a : r;
}

NC_FN float nc_min(float a, float b)
{
	float r = nc_order(a) < nc_order(b) ? a : b;

	r = nc_is_nan(nc_bits(b)) ? b : r;
	return nc_is_nan(nc_bits(a)) ? a : r;
}

/*
 * exp: n = round(x / ln 2), r = x - n ln 2 in two steps, a polynomial of degree 6 for
 * e^r, then n is added to the exponent. Thresholds: above, infinity; below, e^x would be
 * subnormal, thus 0. A NaN takes neither and is put back at the end.
 */
#define NC_EXP_HIGH	0x1.62e42ep+6f	/* 88.72283 */
#define NC_EXP_LOW	(-0x1.5d589ep+6f)	/* -87.33654 */

NC_FN float nc_exp(float x)
{
	float c = x > NC_EXP_LOW ? x : NC_EXP_LOW, t, n, r, q;

	c = c < NC_EXP_HIGH ? c : NC_EXP_HIGH;
	t = nc_fma(c, 0x1.715476p+0f, 0x1.8p23f);
	n = nc_sub(t, 0x1.8p23f);
	r = nc_fma(n, -0x1.62e400p-1f, c);
	r = nc_fma(n, -0x1.7f7d1cp-20f, r);
	q = nc_fma(0x1.6d7566p-10f, r, 0x1.120c04p-7f);
	q = nc_fma(q, r, 0x1.5554b8p-5f);
	q = nc_fma(q, r, 0x1.5554dcp-3f);
	q = nc_fma(q, r, 0.5f);
	q = nc_fma(q, r, 1.0f);
	q = nc_fma(q, r, 1.0f);
	q = nc_from_bits(nc_bits(q) + (nc_bits(t) << 23));
	q = x > NC_EXP_HIGH ? nc_from_bits(NC_INF_BITS) : q;
	q = x < NC_EXP_LOW ? 0.0f : q;
	return nc_is_nan(nc_bits(x)) ? x : q;
}

/* Odd; below 0.93 x + x P(x^2), above 1 - exp(-Q(|x|)), from 4 on 1. */
NC_FN float nc_erf(float x)
{
	float a = nc_abs(x), s = nc_mul(a, a), p, q, r;

	p = nc_fma(0x1.5dffe2p-14f, s, -0x1.aaa0c8p-11f);
	p = nc_fma(p, s, 0x1.54d3eap-8f);
	p = nc_fma(p, s, -0x1.b80fecp-6f);
	p = nc_fma(p, s, 0x1.ce2e1ap-4f);
	p = nc_fma(p, s, -0x1.812744p-2f);
	p = nc_fma(p, s, 0x1.06eba8p-3f);
	p = nc_fma(a, p, a);

	a = a < 4.0f ? a : 4.0f;
	q = nc_fma(0x1.65a350p-16f, a, -0x1.ca315cp-12f);
	q = nc_fma(q, a, 0x1.122146p-8f);
	q = nc_fma(q, a, -0x1.9c0db6p-6f);
	q = nc_fma(q, a, 0x1.bbb3bap-4f);
	q = nc_fma(q, a, 0x1.4440c4p-1f);
	q = nc_fma(q, a, 0x1.212928p+0f);
	q = nc_fma(q, a, -0x1.768580p-13f);
	q = nc_sub(1.0f, nc_exp(nc_sub(0.0f, q)));

	r = nc_copysign(nc_abs(x) < 0.93f ? p : q, x);
	return nc_is_nan(nc_bits(x)) ? x : r;
}

/* Odd; below 0.625 x + x^3 P(x^2), above (1 - e) / (1 + e) with e = exp(-2 |x|). */
NC_FN float nc_tanh(float x)
{
	float a = nc_abs(x), s = nc_mul(a, a), p, e, q, r;

	p = nc_fma(-0x1.8083ecp-8f, s, 0x1.54d2acp-6f);
	p = nc_fma(p, s, -0x1.b8b530p-5f);
	p = nc_fma(p, s, 0x1.110b80p-3f);
	p = nc_fma(p, s, -0x1.55554ep-2f);
	p = nc_fma(nc_mul(p, s), a, a);

	e = nc_exp(nc_mul(-2.0f, a));
	q = nc_div(nc_sub(1.0f, e), nc_add(1.0f, e));

	r = nc_copysign(a < 0.625f ? p : q, x);
	return nc_is_nan(nc_bits(x)) ? x : r;
}

NC_FN float nc_sigmoid(float x)
{
	return nc_div(1.0f, nc_add(1.0f, nc_exp(nc_mul(-1.0f, x))));
}

/* x / 2; not beyond -32, so that -infinity times the 0 of the other factor is a 0. */
NC_FN float nc_half_gelu(float x)
{
	return nc_mul(0.5f, x < -64.0f ? -64.0f : x);
}

NC_FN float nc_gelu(float x)
{
	return nc_mul(nc_half_gelu(x), nc_add(1.0f, nc_erf(nc_mul(x, 0x1.6a09e6p-1f))));
}

NC_FN float nc_gelu_tanh(float x)
{
	float u = nc_fma(nc_mul(nc_mul(0x1.6e4e26p-5f, x), x), x, x);

	return nc_mul(nc_half_gelu(x), nc_add(1.0f, nc_tanh(nc_mul(0x1.988454p-1f, u))));
}

NC_FN float nc_relu(float x)
{
	return x > 0.0f || nc_is_nan(nc_bits(x)) ? x : 0.0f;
}

/* To a whole number, ties to even. From 2^23 on all numbers are whole. */
NC_FN float nc_round(float x)
{
	float a = nc_abs(x), r = (a + 0x1p23f) - 0x1p23f;

	return a < 0x1p23f ? nc_copysign(r, x) : x;
}

#include "nc_functions.h"

/* Storage types to fp32. 16-bit and 8-bit values come zero-extended. */
NC_FN float nc_from_bf16(uint32_t h)
{
	return nc_from_bits(nc_daz(h << 16));
}

/* fp16 keeps its subnormals: all of them are normal numbers in fp32. */
NC_FN float nc_from_fp16(uint32_t h)
{
	uint32_t mag = h & 0x7fff, u;

	u = (mag << 13) + (112u << 23);
	u = mag >= 0x7c00 ? (mag << 13) | NC_INF_BITS : u;
	u = mag < 0x0400 ? nc_bits((float)(int32_t)mag * 0x1p-24f) : u;
	return nc_from_bits(u | (h & 0x8000) << 16);
}

/* fp32 results to storage types. */
NC_FN uint32_t nc_to_fp32(float x)
{
	uint32_t u = nc_daz(nc_bits(x));

	return nc_is_nan(u) ? NC_NAN_BITS : u;
}

NC_FN uint32_t nc_to_bf16(float x)
{
	uint32_t u = nc_daz(nc_bits(x));
	uint32_t r = (u + 0x7fff + ((u >> 16) & 1)) >> 16;

	return nc_is_nan(u) ? NC_NAN_BITS >> 16 : r;
}

NC_FN uint32_t nc_to_fp16(float x)
{
	uint32_t u = nc_bits(x), mag = u & ~NC_SIGN, r;

	r = (mag - (112u << 23) + 0xfff + ((mag >> 13) & 1)) >> 13;
	/* Below 2^-14 adding 0.5 rounds to multiples of 2^-24, the fp16 subnormals. */
	r = mag < 0x38800000u ?
		nc_bits(nc_from_bits(mag < 0x38800000u ? nc_daz(mag) : 0) + 0.5f) - 0x3f000000u : r;
	r = mag >= 0x477ff000u ? 0x7c00 : r;
	r |= (u & NC_SIGN) >> 16;
	return mag > NC_INF_BITS ? 0x7e00 : r;
}

/* Saturating; a NaN becomes 0. @low, @high: exact in fp32, at most 2^24 in size. */
NC_FN uint32_t nc_to_small(float x, float low, float high)
{
	float r = nc_is_nan(nc_bits(x)) ? 0.0f : x;

	r = r > low ? r : low;
	r = r < high ? r : high;
	return (uint32_t)(int32_t)nc_round(r);
}

NC_FN uint32_t nc_to_int32(float x)
{
	float r = nc_is_nan(nc_bits(x)) ? 0.0f : x, c;

	c = r > -0x1p31f ? r : -0x1p31f;
	c = c < 0x1.fffffep30f ? c : 0x1.fffffep30f;
	return r >= 0x1p31f ? INT32_MAX : (uint32_t)(int32_t)nc_round(c);
}

/* The upper half of the range goes through int32 with 2^31 taken off, which is exact. */
NC_FN uint32_t nc_to_uint32(float x)
{
	float r = nc_is_nan(nc_bits(x)) ? 0.0f : x, c, big;

	c = r > 0.0f ? r : 0.0f;
	c = c < 0x1.fffffep31f ? c : 0x1.fffffep31f;
	big = c >= 0x1p31f ? 0x1p31f : 0.0f;
	return r >= 0x1p32f ? UINT32_MAX :
		(uint32_t)(int32_t)nc_round(c - big) + (c >= 0x1p31f ? NC_SIGN : 0);
}

#endif
