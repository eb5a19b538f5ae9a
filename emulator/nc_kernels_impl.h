/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels in plain C, for a compiler to vectorise. Included once by each file of
 * kernels, which has set NC_FTZ_HW and the target. Loops run over lanes; nothing in them
 * depends on another lane.
 */
#ifndef EMU_NC_KERNELS_IMPL_H
#define EMU_NC_KERNELS_IMPL_H

#include "nc_kernels.h"
#include "nc_math.h"

/* Raw storage bits of one element position, zero-extended, pairs of partitions at a time. */
static uint32_t *load_bits(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
			   struct emu_nc_lanes *lanes, unsigned int size)
{
	unsigned int odd = ap->part & 1, pairs = (odd + ap->parts + 1) / 2;
	uint32_t *out = lanes->u;

	if (ap->psum) {
		__builtin_memcpy(out + odd, &mem->psum[off / 4][ap->part], ap->parts * 4u);
	} else if (size == 4) {
		const uint32_t *lo = (const uint32_t *)&mem->sbuf[off / 2][ap->part & ~1];
		const uint32_t *hi = (const uint32_t *)&mem->sbuf[off / 2 + 1][ap->part & ~1];

		for (unsigned int i = 0; i < pairs; i++) {
			out[2 * i] = (hi[i] & 0xffff0000u) | lo[i] >> 16;
			out[2 * i + 1] = hi[i] << 16 | (lo[i] & 0xffff);
		}
	} else if (size == 2) {
		const uint32_t *row = (const uint32_t *)&mem->sbuf[off / 2][ap->part & ~1];

		/* both at once: the compiler makes shifts of it instead of shuffles */
		for (unsigned int i = 0; i < pairs; i++) {
			uint64_t two = (uint64_t)(row[i] & 0xffff) << 32 | row[i] >> 16;

			__builtin_memcpy(out + 2 * i, &two, sizeof(two));
		}
	} else {
		const uint32_t *row = (const uint32_t *)&mem->sbuf[off / 2][ap->part & ~1];
		unsigned int shift = (off & 1) * 8;

		for (unsigned int i = 0; i < pairs; i++) {
			out[2 * i] = row[i] >> (16 + shift) & 0xff;
			out[2 * i + 1] = row[i] >> shift & 0xff;
		}
	}
	return out + odd;
}

/* One 16-bit row of the low half of each of @bits. */
static void store_row(uint16_t *restrict row, unsigned int part, unsigned int n,
		      uint32_t *restrict bits)
{
	unsigned int i = part & 1, pairs;
	uint32_t *words;

	if (i)
		row[part ^ 1] = (uint16_t)bits[0];
	words = (uint32_t *)(row + part + i);
	pairs = (n - i) / 2;
	for (unsigned int j = 0; j < pairs; j++) {
		uint64_t two;

		__builtin_memcpy(&two, bits + i + 2 * j, sizeof(two));
		words[j] = (uint32_t)(two << 16) | (uint32_t)(two >> 32 & 0xffff);
	}
	i += 2 * pairs;
	if (i < n)
		row[(part + i) ^ 1] = (uint16_t)bits[i];
}

/* Bytes: the other one of the 16 bits stays. */
static void store_bytes(uint16_t *restrict row, unsigned int part, unsigned int n,
			unsigned int shift, uint32_t *restrict bits)
{
	for (unsigned int i = 0; i < n; i++) {
		uint16_t *at = &row[(part + i) ^ 1];

		*at = (uint16_t)((*at & ~(0xffu << shift)) | bits[i] << shift);
	}
}

/* @bits of 1-byte types must be zero above their size. */
static void store_bits(struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
		       uint32_t *bits, unsigned int size)
{
	unsigned int part = ap->part, n = ap->parts;
	struct emu_nc_lanes high;

	if (ap->psum) {
		__builtin_memcpy(&mem->psum[off / 4][part], bits, n * 4u);
	} else if (size == 4) {
		store_row(mem->sbuf[off / 2], part, n, bits);
		for (unsigned int i = 0; i < n; i++)
			high.u[i] = bits[i] >> 16;
		store_row(mem->sbuf[off / 2 + 1], part, n, high.u);
	} else if (size == 2) {
		store_row(mem->sbuf[off / 2], part, n, bits);
	} else {
		store_bytes(mem->sbuf[off / 2], part, n, (off & 1) * 8, bits);
	}
}

/* Lanes of different operands are the same lane or do not overlap. */
#if defined(__clang__)
#define NO_CARRIED_DEPENDENCE
#else
#define NO_CARRIED_DEPENDENCE _Pragma("GCC ivdep")
#endif

#define FOR_LANES(n, expr)					\
	do {							\
		NO_CARRIED_DEPENDENCE				\
		for (unsigned int i = 0; i < (n); i++)		\
			expr;					\
	} while (0)

static float *k_load(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
		     struct emu_nc_lanes *lanes)
{
	unsigned int n = ap->parts;
	uint32_t *u;

	switch (ap->dtype) {
	case NEURON_FP32:
		u = load_bits(mem, ap, off, lanes, 4);
		FOR_LANES(n, u[i] = nc_daz(u[i]));
		break;
	case NEURON_FP16:
		u = load_bits(mem, ap, off, lanes, 2);
		FOR_LANES(n, u[i] = nc_bits(nc_from_fp16(u[i])));
		break;
	case NEURON_BF16:
		u = load_bits(mem, ap, off, lanes, 2);
		FOR_LANES(n, u[i] = nc_bits(nc_from_bf16(u[i])));
		break;
	case NEURON_INT8:
		u = load_bits(mem, ap, off, lanes, 1);
		FOR_LANES(n, u[i] = nc_bits((float)(int32_t)(int8_t)u[i]));
		break;
	case NEURON_INT16:
		u = load_bits(mem, ap, off, lanes, 2);
		FOR_LANES(n, u[i] = nc_bits((float)(int32_t)(int16_t)u[i]));
		break;
	case NEURON_INT32:
		u = load_bits(mem, ap, off, lanes, 4);
		FOR_LANES(n, u[i] = nc_bits((float)(int32_t)u[i]));
		break;
	case NEURON_UINT32:
		u = load_bits(mem, ap, off, lanes, 4);
		FOR_LANES(n, u[i] = nc_bits((float)u[i]));
		break;
	default:	/* UINT8, UINT16: the decoder lets no other through */
		u = load_bits(mem, ap, off, lanes, ap->dtype == NEURON_UINT8 ? 1 : 2);
		FOR_LANES(n, u[i] = nc_bits((float)(int32_t)u[i]));
		break;
	}
	return (float *)u;
}

static bool k_store(struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off, const float *x)
{
	struct emu_nc_lanes lanes;
	uint32_t *u = lanes.u, nan = 0;
	unsigned int n = ap->parts, size = 4;

	FOR_LANES(n, nan |= (uint32_t)nc_is_nan(nc_bits(x[i])));
	switch (ap->dtype) {
	case NEURON_FP32:
		FOR_LANES(n, u[i] = nc_to_fp32(x[i]));
		break;
	case NEURON_FP16:
		FOR_LANES(n, u[i] = nc_to_fp16(x[i]));
		size = 2;
		break;
	case NEURON_BF16:
		FOR_LANES(n, u[i] = nc_to_bf16(x[i]));
		size = 2;
		break;
	case NEURON_INT8:
		FOR_LANES(n, u[i] = nc_to_small(x[i], -128.0f, 127.0f) & 0xff);
		size = 1;
		break;
	case NEURON_UINT8:
		FOR_LANES(n, u[i] = nc_to_small(x[i], 0.0f, 255.0f));
		size = 1;
		break;
	case NEURON_INT16:
		FOR_LANES(n, u[i] = nc_to_small(x[i], -32768.0f, 32767.0f) & 0xffff);
		size = 2;
		break;
	case NEURON_UINT16:
		FOR_LANES(n, u[i] = nc_to_small(x[i], 0.0f, 65535.0f));
		size = 2;
		break;
	case NEURON_INT32:
		FOR_LANES(n, u[i] = nc_to_int32(x[i]));
		break;
	default:
		FOR_LANES(n, u[i] = nc_to_uint32(x[i]));
		break;
	}
	store_bits(mem, ap, off, u, size);
	return nan;
}

static int32_t *k_load_int(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
			   struct emu_nc_lanes *lanes)
{
	unsigned int n = ap->parts;
	uint32_t *u;
	float *x;

	switch (ap->dtype) {
	case NEURON_INT8:
		u = load_bits(mem, ap, off, lanes, 1);
		FOR_LANES(n, u[i] = (uint32_t)(int32_t)(int8_t)u[i]);
		break;
	case NEURON_UINT8:
		u = load_bits(mem, ap, off, lanes, 1);
		break;
	case NEURON_INT16:
		u = load_bits(mem, ap, off, lanes, 2);
		FOR_LANES(n, u[i] = (uint32_t)(int32_t)(int16_t)u[i]);
		break;
	case NEURON_UINT16:
		u = load_bits(mem, ap, off, lanes, 2);
		break;
	case NEURON_INT32:
	case NEURON_UINT32:
		u = load_bits(mem, ap, off, lanes, 4);
		break;
	default:
		x = k_load(mem, ap, off, lanes);
		u = (uint32_t *)x;
		FOR_LANES(n, u[i] = nc_to_int32(nc_from_bits(u[i])));
		break;
	}
	return (int32_t *)u;
}

/* Nearest value of [low, high]; as unsigned there is no low end to miss. */
static void clamp_lanes(uint32_t *out, const uint32_t *x, unsigned int n, int32_t low,
			int32_t high, bool is_unsigned)
{
	if (is_unsigned)
		FOR_LANES(n, out[i] = x[i] < (uint32_t)high ? x[i] : (uint32_t)high);
	else
		FOR_LANES(n, out[i] = (uint32_t)((int32_t)x[i] < low ? low :
						 (int32_t)x[i] > high ? high : (int32_t)x[i]));
}

static void k_store_int(struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
			const uint32_t *x, bool is_unsigned)
{
	struct emu_nc_lanes lanes;
	unsigned int n = ap->parts, size = 1;
	uint32_t *u = lanes.u;

	switch (ap->dtype) {
	case NEURON_INT8:
		clamp_lanes(u, x, n, -128, 127, is_unsigned);
		FOR_LANES(n, u[i] &= 0xff);
		break;
	case NEURON_UINT8:
		clamp_lanes(u, x, n, 0, 255, is_unsigned);
		break;
	case NEURON_INT16:
		clamp_lanes(u, x, n, -32768, 32767, is_unsigned);
		size = 2;
		break;
	case NEURON_UINT16:
		clamp_lanes(u, x, n, 0, 65535, is_unsigned);
		size = 2;
		break;
	case NEURON_INT32:
	case NEURON_UINT32:
		FOR_LANES(n, u[i] = x[i]);
		size = 4;
		break;
	default:
		if (is_unsigned)
			FOR_LANES(n, lanes.f[i] = (float)x[i]);
		else
			FOR_LANES(n, lanes.f[i] = (float)(int32_t)x[i]);
		k_store(mem, ap, off, lanes.f);
		return;
	}
	store_bits(mem, ap, off, u, size);
}

static void k_affine(float *restrict x, const float *restrict scale, const float *restrict bias,
		     const float *restrict residual, unsigned int n)
{
	FOR_LANES(n, x[i] = nc_add(nc_fma(scale[i], x[i], bias[i]), residual[i]));
}

static void k_fma(float *restrict acc, const float *restrict a, const float *restrict b,
		  unsigned int n)
{
	FOR_LANES(n, acc[i] = nc_fma(a[i], b[i], acc[i]));
}

/* Of a number that is not subnormal it cannot be tiny. Each path has its own. */
static void k_sqrt(float *x, unsigned int n);

/* Those without a polynomial, and elu. */
static void k_func_cheap(float *restrict x, const float *restrict param, unsigned int n,
			 unsigned int func)
{
	switch (func) {
	case NEURON_FUNC_CLAMP01:
		FOR_LANES(n, x[i] = nc_clamp01(x[i]));
		break;
	case NEURON_FUNC_HARD_SWISH:
		FOR_LANES(n, x[i] = nc_hard_swish(x[i]));
		break;
	case NEURON_FUNC_FLOOR:
		FOR_LANES(n, x[i] = nc_floor(x[i]));
		break;
	case NEURON_FUNC_CEIL:
		FOR_LANES(n, x[i] = nc_ceil(x[i]));
		break;
	case NEURON_FUNC_ROUND:
		FOR_LANES(n, x[i] = nc_round(x[i]));
		break;
	case NEURON_FUNC_SIGN:
		FOR_LANES(n, x[i] = nc_sign(x[i]));
		break;
	case NEURON_FUNC_ELU:
		FOR_LANES(n, x[i] = nc_elu(x[i], param[i]));
		break;
	case NEURON_FUNC_LEAKY_RELU:
		FOR_LANES(n, x[i] = nc_leaky_relu(x[i], param[i]));
		break;
	case NEURON_FUNC_RELU_CLIP:
		FOR_LANES(n, x[i] = nc_relu_clip(x[i], param[i]));
		break;
	default:	/* IDENTITY */
		break;
	}
}

static void k_func(float *restrict x, const float *restrict param, unsigned int n,
		   unsigned int func)
{
	switch (func) {
	case NEURON_FUNC_RELU:
		FOR_LANES(n, x[i] = nc_relu(x[i]));
		break;
	case NEURON_FUNC_EXP:
		FOR_LANES(n, x[i] = nc_exp(x[i]));
		break;
	case NEURON_FUNC_SIGMOID:
		FOR_LANES(n, x[i] = nc_sigmoid(x[i]));
		break;
	case NEURON_FUNC_TANH:
		FOR_LANES(n, x[i] = nc_tanh(x[i]));
		break;
	case NEURON_FUNC_ERF:
		FOR_LANES(n, x[i] = nc_erf(x[i]));
		break;
	case NEURON_FUNC_GELU:
		FOR_LANES(n, x[i] = nc_gelu(x[i]));
		break;
	case NEURON_FUNC_GELU_TANH:
		FOR_LANES(n, x[i] = nc_gelu_tanh(x[i]));
		break;
	case NEURON_FUNC_SQRT:
		k_sqrt(x, n);
		break;
	case NEURON_FUNC_RSQRT:
		k_sqrt(x, n);
		FOR_LANES(n, x[i] = nc_div(1.0f, x[i]));
		break;
	case NEURON_FUNC_RECIPROCAL:
		FOR_LANES(n, x[i] = nc_div(1.0f, x[i]));
		break;
	case NEURON_FUNC_SQUARE:
		FOR_LANES(n, x[i] = nc_mul(x[i], x[i]));
		break;
	case NEURON_FUNC_ABS:
		FOR_LANES(n, x[i] = nc_abs(x[i]));
		break;
	case NEURON_FUNC_LOG:
		FOR_LANES(n, x[i] = nc_log(x[i]));
		break;
	case NEURON_FUNC_SIN:
		FOR_LANES(n, x[i] = nc_sine(x[i], 0));
		break;
	case NEURON_FUNC_COS:
		FOR_LANES(n, x[i] = nc_sine(x[i], 1));
		break;
	case NEURON_FUNC_SOFTPLUS:
		FOR_LANES(n, x[i] = nc_softplus(x[i]));
		break;
	case NEURON_FUNC_MISH:
		FOR_LANES(n, x[i] = nc_mish(x[i]));
		break;
	case NEURON_FUNC_SILU:
		FOR_LANES(n, x[i] = nc_silu(x[i]));
		break;
	default:
		k_func_cheap(x, param, n, func);
		break;
	}
}
/* Comparisons with a NaN are false, but for "not equal". Truth is 1, what is not 0 is true. */
static void k_alu_logic(float *out, const float *a, const float *b, unsigned int n,
			unsigned int alu)
{
	switch (alu) {
	case NEURON_ALU_EQ:
		FOR_LANES(n, out[i] = a[i] == b[i] ? 1.0f : 0.0f);
		break;
	case NEURON_ALU_NE:
		FOR_LANES(n, out[i] = a[i] == b[i] ? 0.0f : 1.0f);
		break;
	case NEURON_ALU_LT:
		FOR_LANES(n, out[i] = a[i] < b[i] ? 1.0f : 0.0f);
		break;
	case NEURON_ALU_LE:
		FOR_LANES(n, out[i] = a[i] <= b[i] ? 1.0f : 0.0f);
		break;
	case NEURON_ALU_GT:
		FOR_LANES(n, out[i] = a[i] > b[i] ? 1.0f : 0.0f);
		break;
	case NEURON_ALU_GE:
		FOR_LANES(n, out[i] = a[i] >= b[i] ? 1.0f : 0.0f);
		break;
	case NEURON_ALU_AND:
		FOR_LANES(n, out[i] = ((a[i] == 0.0f) | (b[i] == 0.0f)) ? 0.0f : 1.0f);
		break;
	case NEURON_ALU_OR:
		FOR_LANES(n, out[i] = ((a[i] == 0.0f) & (b[i] == 0.0f)) ? 0.0f : 1.0f);
		break;
	default:	/* XOR */
		FOR_LANES(n, out[i] = ((a[i] == 0.0f) ^ (b[i] == 0.0f)) ? 1.0f : 0.0f);
		break;
	}
}

static void k_alu(float *out, const float *a, const float *b, unsigned int n, unsigned int alu)
{
	switch (alu) {
	case NEURON_ALU_ADD:
		FOR_LANES(n, out[i] = nc_add(a[i], b[i]));
		break;
	case NEURON_ALU_SUB:
		FOR_LANES(n, out[i] = nc_sub(a[i], b[i]));
		break;
	case NEURON_ALU_MUL:
		FOR_LANES(n, out[i] = nc_mul(a[i], b[i]));
		break;
	case NEURON_ALU_DIV:
		FOR_LANES(n, out[i] = nc_div(a[i], b[i]));
		break;
	case NEURON_ALU_MAX:
		FOR_LANES(n, out[i] = nc_max(a[i], b[i]));
		break;
	case NEURON_ALU_MIN:
		FOR_LANES(n, out[i] = nc_min(a[i], b[i]));
		break;
	case NEURON_ALU_REM:
		FOR_LANES(n, out[i] = nc_rem(a[i], b[i]));
		break;
	case NEURON_ALU_MOD:
		FOR_LANES(n, out[i] = nc_mod(a[i], b[i]));
		break;
	case NEURON_ALU_POW:
		FOR_LANES(n, out[i] = nc_pow(a[i], b[i]));
		break;
	case NEURON_ALU_BYPASS:
		FOR_LANES(n, out[i] = a[i]);
		break;
	default:
		k_alu_logic(out, a, b, n, alu);
		break;
	}
}

/* Without the traps of the host: by 0 all bits are set, the smallest by -1 is itself. */
NC_FN uint32_t nc_idiv(uint32_t a, uint32_t b, bool is_unsigned)
{
	if (!b)
		return UINT32_MAX;
	if (is_unsigned)
		return a / b;
	return b == UINT32_MAX ? -a : (uint32_t)((int32_t)a / (int32_t)b);
}

NC_FN uint32_t nc_irem(uint32_t a, uint32_t b, bool is_unsigned)
{
	if (!b)
		return a;
	if (is_unsigned)
		return a % b;
	return b == UINT32_MAX ? 0 : (uint32_t)((int32_t)a % (int32_t)b);
}

/* Of the divisor's sign. */
NC_FN uint32_t nc_imod(uint32_t a, uint32_t b, bool is_unsigned)
{
	uint32_t r = nc_irem(a, b, is_unsigned);

	return b && r && !is_unsigned && (r ^ b) >> 31 ? r + b : r;
}

/* Operations that know signs; @flip turns an order of signed numbers into one of unsigned. */
static void k_ialu_order(uint32_t *out, const uint32_t *a, const uint32_t *b, unsigned int n,
			 unsigned int alu, bool is_unsigned)
{
	const uint32_t flip = is_unsigned ? 0 : NC_SIGN;

	switch (alu) {
	case NEURON_ALU_MAX:
		FOR_LANES(n, out[i] = (a[i] ^ flip) > (b[i] ^ flip) ? a[i] : b[i]);
		break;
	case NEURON_ALU_MIN:
		FOR_LANES(n, out[i] = (a[i] ^ flip) < (b[i] ^ flip) ? a[i] : b[i]);
		break;
	case NEURON_ALU_LT:
		FOR_LANES(n, out[i] = (a[i] ^ flip) < (b[i] ^ flip));
		break;
	case NEURON_ALU_LE:
		FOR_LANES(n, out[i] = (a[i] ^ flip) <= (b[i] ^ flip));
		break;
	case NEURON_ALU_GT:
		FOR_LANES(n, out[i] = (a[i] ^ flip) > (b[i] ^ flip));
		break;
	case NEURON_ALU_GE:
		FOR_LANES(n, out[i] = (a[i] ^ flip) >= (b[i] ^ flip));
		break;
	case NEURON_ALU_DIV:
		FOR_LANES(n, out[i] = nc_idiv(a[i], b[i], is_unsigned));
		break;
	case NEURON_ALU_REM:
		FOR_LANES(n, out[i] = nc_irem(a[i], b[i], is_unsigned));
		break;
	case NEURON_ALU_MOD:
		FOR_LANES(n, out[i] = nc_imod(a[i], b[i], is_unsigned));
		break;
	default:	/* SHR */
		if (is_unsigned)
			FOR_LANES(n, out[i] = b[i] > 31 ? 0 : a[i] >> (b[i] & 31));
		else
			FOR_LANES(n, out[i] = (uint32_t)((int32_t)a[i] >> (b[i] > 31 ? 31 : b[i])));
		break;
	}
}

static void k_ialu(uint32_t *out, const uint32_t *a, const uint32_t *b, unsigned int n,
		   unsigned int alu, bool is_unsigned)
{
	switch (alu) {
	case NEURON_ALU_BYPASS:
		FOR_LANES(n, out[i] = a[i]);
		break;
	case NEURON_ALU_ADD:
		FOR_LANES(n, out[i] = a[i] + b[i]);
		break;
	case NEURON_ALU_SUB:
		FOR_LANES(n, out[i] = a[i] - b[i]);
		break;
	case NEURON_ALU_MUL:
		FOR_LANES(n, out[i] = a[i] * b[i]);
		break;
	case NEURON_ALU_EQ:
		FOR_LANES(n, out[i] = a[i] == b[i]);
		break;
	case NEURON_ALU_NE:
		FOR_LANES(n, out[i] = a[i] != b[i]);
		break;
	case NEURON_ALU_AND:
		FOR_LANES(n, out[i] = a[i] & b[i]);
		break;
	case NEURON_ALU_OR:
		FOR_LANES(n, out[i] = a[i] | b[i]);
		break;
	case NEURON_ALU_XOR:
		FOR_LANES(n, out[i] = a[i] ^ b[i]);
		break;
	case NEURON_ALU_SHL:
		FOR_LANES(n, out[i] = b[i] > 31 ? 0 : a[i] << (b[i] & 31));
		break;
	default:
		k_ialu_order(out, a, b, n, alu, is_unsigned);
		break;
	}
}

static void k_join(uint32_t *restrict even, uint32_t *restrict odd, const uint32_t *restrict a,
		   const uint32_t *restrict b, unsigned int n)
{
	FOR_LANES(n, even[i] = (a[i] & 0xffff0000u) | b[i] >> 16);
	FOR_LANES(n, odd[i] = a[i] << 16 | (b[i] & 0xffff));
}

/* Row pairs to the order of memory and back. */
static void k_swap_pairs(void *restrict dst, const void *restrict src, size_t n)
{
	uint8_t *restrict d = dst;
	const uint8_t *restrict s = src;

	for (size_t i = 0; i < n; i++) {	/* of any alignment */
		uint32_t v;

		__builtin_memcpy(&v, s + 4 * i, 4);
		v = v << 16 | v >> 16;
		__builtin_memcpy(d + 4 * i, &v, 4);
	}
}

/* Products of bytes fit easily; only the sum may wrap. */
static void k_imac(int32_t *restrict acc, const emu_nc_int_strip *restrict w,
		   const int32_t *restrict x, unsigned int k, unsigned int m)
{
	for (unsigned int s = 0; s < m; s += EMU_NC_STRIP, w++)
		for (unsigned int j = 0; j < k; j++)
			FOR_LANES(m - s < EMU_NC_STRIP ? m - s : EMU_NC_STRIP,
				  acc[s + i] = (int32_t)((uint32_t)acc[s + i] +
							 (uint32_t)((*w)[j][i] * x[j])));
}

#endif
