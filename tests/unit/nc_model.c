// SPDX-License-Identifier: Apache-2.0
/* The plain NeuronCore that the emulator is compared with. */

#include <math.h>
#include <string.h>
#include "nc_kernels.h"
#include "nc_model.h"

/* ---- numbers ---- */

static uint32_t bits_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, 4);
	return u;
}

static float float_of(uint32_t u)
{
	float f;

	memcpy(&f, &u, 4);
	return f;
}

float mdl_daz(float x)
{
	return fabs((double)x) < 0x1p-126 ? copysignf(0.0f, x) : x;
}

/* @r: exact, or rounded to 53 bits in a way that a second rounding does not notice. */
static float round_once(double r)
{
	if (fabs(r) < 0x1p-100) {
		float big = (float)(r * 0x1p64);

		if (fabsf(big) < 0x1p-62f)
			return (float)copysign(0.0, r);
	}
	return (float)r;
}

/* The sum of a double product and c, rounded to odd: the error term decides the last bit. */
float mdl_fma(float a, float b, float c)
{
	double p = (double)a * b, s = p + c, e;
	uint64_t u;

	if (!isfinite(s) || s == 0)
		return round_once(s);
	e = fabs(p) >= fabs((double)c) ? c - (s - p) : p - (s - c);
	memcpy(&u, &s, 8);
	if (e != 0 && !(u & 1)) {
		if ((e > 0) == (s > 0))
			u++;
		else
			u--;
		memcpy(&s, &u, 8);
	}
	return round_once(s);
}

float mdl_add(float a, float b)
{
	return round_once((double)a + b);
}

float mdl_mul(float a, float b)
{
	return round_once((double)a * b);
}

float mdl_div(float a, float b)
{
	return round_once((double)a / b);
}

float mdl_alu(unsigned int alu, float a, float b)
{
	switch (alu) {
	case NEURON_ALU_ADD:
		return mdl_add(a, b);
	case NEURON_ALU_SUB:
		return mdl_add(a, -b);
	case NEURON_ALU_MUL:
		return mdl_mul(a, b);
	case NEURON_ALU_DIV:
		return mdl_div(a, b);
	case NEURON_ALU_MAX:
	case NEURON_ALU_MIN:
		if (isnan(a) || isnan(b))
			return NAN;
		if (a == b)	/* zeros of both signs */
			return !!signbit(a) == (alu == NEURON_ALU_MIN) ? a : b;
		return (a > b) == (alu == NEURON_ALU_MAX) ? a : b;
	case NEURON_ALU_EQ:
		return a == b;
	case NEURON_ALU_NE:
		return a != b;
	case NEURON_ALU_LT:
		return a < b;
	case NEURON_ALU_LE:
		return a <= b;
	case NEURON_ALU_GT:
		return a > b;
	case NEURON_ALU_GE:
		return a >= b;
	case NEURON_ALU_AND:
		return a != 0 && b != 0;
	case NEURON_ALU_OR:
		return a != 0 || b != 0;
	case NEURON_ALU_XOR:
		return (a != 0) != (b != 0);
	case NEURON_ALU_REM:
	case NEURON_ALU_MOD:
	case NEURON_ALU_POW:
		emu_nc_kernels_generic.alu(&a, &a, &b, 1, alu);
		return a;
	default:
		return a;
	}
}

/* Whole numbers, which 64 bits hold whatever the operation; the result wraps to 32. */
static uint32_t whole_alu(unsigned int alu, int64_t a, int64_t b)
{
	int64_t r;

	switch (alu) {
	case NEURON_ALU_ADD:
		return (uint32_t)(a + b);
	case NEURON_ALU_SUB:
		return (uint32_t)(a - b);
	case NEURON_ALU_MUL:
		return (uint32_t)((uint64_t)a * (uint64_t)b);
	case NEURON_ALU_DIV:
		return b ? (uint32_t)(a / b) : UINT32_MAX;
	case NEURON_ALU_REM:
		return (uint32_t)(b ? a % b : a);
	case NEURON_ALU_MOD:
		r = b ? a % b : a;
		return (uint32_t)(b && r && (r < 0) != (b < 0) ? r + b : r);
	case NEURON_ALU_MAX:
		return (uint32_t)(a > b ? a : b);
	case NEURON_ALU_MIN:
		return (uint32_t)(a < b ? a : b);
	case NEURON_ALU_EQ:
		return a == b;
	case NEURON_ALU_NE:
		return a != b;
	case NEURON_ALU_LT:
		return a < b;
	case NEURON_ALU_LE:
		return a <= b;
	case NEURON_ALU_GT:
		return a > b;
	case NEURON_ALU_GE:
		return a >= b;
	case NEURON_ALU_AND:
		return (uint32_t)(a & b);
	case NEURON_ALU_OR:
		return (uint32_t)(a | b);
	case NEURON_ALU_XOR:
		return (uint32_t)(a ^ b);
	case NEURON_ALU_SHL:
		return (uint32_t)b > 31 ? 0 : (uint32_t)a << (uint32_t)b;
	case NEURON_ALU_SHR:
		return (uint32_t)(a >> ((uint32_t)b > 31 ? 32 : (uint32_t)b));
	default:
		return (uint32_t)a;
	}
}

uint32_t mdl_ialu(unsigned int alu, uint32_t a, uint32_t b, bool is_unsigned)
{
	return is_unsigned ? whole_alu(alu, a, b) : whole_alu(alu, (int32_t)a, (int32_t)b);
}

unsigned int mdl_size(unsigned int dtype)
{
	return dtype == NEURON_INT8 || dtype == NEURON_UINT8 ? 1 :
	       dtype == NEURON_FP32 || dtype == NEURON_INT32 || dtype == NEURON_UINT32 ? 4 : 2;
}

static float from_fp16(uint32_t h)
{
	int e = h >> 10 & 31, f = h & 0x3ff;
	double v = e == 31 ? (f ? NAN : INFINITY) : e ? ldexp(1024 + f, e - 25) : ldexp(f, -24);

	return (float)(h & 0x8000 ? -v : v);
}

float mdl_load(unsigned int dtype, uint32_t bits)
{
	switch (dtype) {
	case NEURON_FP32:
		return mdl_daz(float_of(bits));
	case NEURON_BF16:
		return mdl_daz(float_of(bits << 16));
	case NEURON_FP16:
		return from_fp16(bits);
	case NEURON_INT8:
		return (int8_t)bits;
	case NEURON_UINT8:
		return (uint8_t)bits;
	case NEURON_INT16:
		return (int16_t)bits;
	case NEURON_UINT16:
		return (uint16_t)bits;
	case NEURON_INT32:
		return (float)(double)(int32_t)bits;
	default:
		return (float)(double)bits;
	}
}

/* To a format with @mant fraction bits, smallest normal 2^emin, infinity from @inf on. */
static double to_format(double x, int mant, int emin, double inf)
{
	double ulp, r;
	int e;

	if (x == 0 || isinf(x))
		return x;
	frexp(x, &e);
	ulp = ldexp(1, (e - 1 < emin ? emin : e - 1) - mant);
	r = nearbyint(x / ulp) * ulp;
	return fabs(r) >= inf ? copysign(INFINITY, x) : r;
}

static uint32_t to_fp16(float x)
{
	double r = to_format(x, 10, -14, 65536);
	uint32_t sign = signbit(x) ? 0x8000 : 0;
	int e;

	if (isinf(r))
		return sign | 0x7c00;
	r = fabs(r);
	if (r < 0x1p-14)
		return sign | (uint32_t)(r * 0x1p24);
	frexp(r, &e);
	return sign | ((uint32_t)(e + 14) << 10) | ((uint32_t)ldexp(r, 11 - e) & 0x3ff);
}

static uint32_t to_int(float x, double low, double high)
{
	double r = nearbyint(x);

	return (uint32_t)(int64_t)(isnan(x) ? 0 : r < low ? low : r > high ? high : r);
}

uint32_t mdl_store(unsigned int dtype, float x)
{
	switch (dtype) {
	case NEURON_FP32:
		return isnan(x) ? 0x7fc00000 : bits_of(mdl_daz(x));
	case NEURON_BF16:
		return isnan(x) ? 0x7fc0 :
			bits_of((float)to_format(mdl_daz(x), 7, -126, 0x1p128)) >> 16;
	case NEURON_FP16:
		return isnan(x) ? 0x7e00 : to_fp16(x);
	case NEURON_INT8:
		return to_int(x, -128, 127) & 0xff;
	case NEURON_UINT8:
		return to_int(x, 0, 255);
	case NEURON_INT16:
		return to_int(x, -32768, 32767) & 0xffff;
	case NEURON_UINT16:
		return to_int(x, 0, 65535);
	case NEURON_INT32:
		return to_int(x, -2147483648.0, 2147483647.0);
	default:
		return to_int(x, 0, 4294967295.0);
	}
}

/* ---- memory ---- */

/* The byte at local address @addr plus @part partitions and @off bytes. */
static uint8_t *at(struct model *m, uint32_t addr, unsigned int part, int64_t off)
{
	unsigned int p = (addr >> 24 & 0x7f) + part;
	int64_t b = (addr & NEURON_LOCAL_OFFSET) + off;

	return addr & NEURON_LOCAL_PSUM ? &m->psum[p][b] : &m->sbuf[p][b];
}

static uint32_t get(struct model *m, uint32_t addr, unsigned int part, int64_t element,
		    unsigned int dtype)
{
	uint32_t v = 0;

	memcpy(&v, at(m, addr, part, element * mdl_size(dtype)), mdl_size(dtype));
	return v;
}

static float getf(struct model *m, uint32_t addr, unsigned int part, int64_t element,
		  unsigned int dtype)
{
	return mdl_load(dtype, get(m, addr, part, element, dtype));
}

static void putf(struct model *m, uint32_t addr, unsigned int part, int64_t element,
		 unsigned int dtype, float x)
{
	uint32_t v = mdl_store(dtype, x);

	m->nan |= isnan(x);
	memcpy(at(m, addr, part, element * mdl_size(dtype)), &v, mdl_size(dtype));
}

struct index {
	uint32_t i[4];
};

static bool next(struct index *x, const uint16_t count[4])
{
	for (int d = 3; d >= 0; d--) {
		if (++x->i[d] < count[d])
			return true;
		x->i[d] = 0;
	}
	return false;
}

static int64_t element(const struct index *x, const int16_t step[4])
{
	int64_t e = 0;

	for (int d = 0; d < 4; d++)
		e += (int64_t)x->i[d] * step[d];
	return e;
}

/* ---- instructions ---- */

static bool is_int(unsigned int dtype)
{
	return dtype == NEURON_INT8 || dtype == NEURON_UINT8;
}

static void do_matmul(struct model *m, const struct neuron_insn *insn)
{
	unsigned int k = insn->matmul.k, cols = insn->matmul.m, dtype = insn->matmul.dtype;
	struct index x = {};

	do {
		int64_t src = element(&x, insn->matmul.src_step),
			dst = element(&x, insn->matmul.dst_step);

		for (unsigned int c = 0; c < cols; c++) {
			bool start = insn->flags & NEURON_MATMUL_START;
			uint32_t old = start ? 0 : get(m, insn->matmul.dst, c, dst, NEURON_INT32);
			float acc = mdl_load(NEURON_FP32, old);

			for (unsigned int j = 0; j < k + (k & 1); j++) {
				float w = j < k ? m->w[j][c] : 0;
				float v = j < k ? getf(m, insn->matmul.src, j, src, dtype) : 0;

				if (is_int(dtype))
					old += (uint32_t)((int32_t)w * (int32_t)v);
				else
					acc = mdl_fma(w, v, acc);
			}
			if (is_int(dtype))
				memcpy(at(m, insn->matmul.dst, c, dst * 4), &old, 4);
			else
				putf(m, insn->matmul.dst, c, dst, NEURON_FP32, acc);
		}
	} while (next(&x, insn->matmul.count));
}

static void do_ldweights(struct model *m, const struct neuron_insn *insn)
{
	for (unsigned int k = 0; k < insn->ldweights.k; k++)
		for (unsigned int c = 0; c < insn->ldweights.m; c++)
			m->w[k][c] = getf(m, insn->ldweights.src, k,
					  (int64_t)c * insn->ldweights.step, insn->ldweights.dtype);
}

/* How an instruction computes. */
enum mode { FLOATS, SIGNED, UNSIGNED };

static enum mode mode_of(bool integer, unsigned int dtype)
{
	return !integer ? FLOATS : dtype == NEURON_UINT32 ? UNSIGNED : SIGNED;
}

/* An element as 32 bits: fp32 or whole. */
static uint32_t read_as(struct model *m, enum mode mode, uint32_t addr, unsigned int part,
			int64_t e, unsigned int dtype)
{
	uint32_t bits = get(m, addr, part, e, dtype);

	if (mode == FLOATS)
		return bits_of(mdl_load(dtype, bits));
	if (dtype == NEURON_INT32 || dtype == NEURON_UINT32)
		return bits;
	return mdl_store(NEURON_INT32, mdl_load(dtype, bits));
}

static uint32_t saturate(uint32_t v, enum mode mode, int64_t low, int64_t high)
{
	int64_t x = mode == UNSIGNED ? (int64_t)v : (int32_t)v;

	return (uint32_t)(x < low ? low : x > high ? high : x);
}

static uint32_t store_whole(unsigned int dtype, uint32_t v, enum mode mode)
{
	switch (dtype) {
	case NEURON_INT8:
		return saturate(v, mode, -128, 127) & 0xff;
	case NEURON_UINT8:
		return saturate(v, mode, 0, 255);
	case NEURON_INT16:
		return saturate(v, mode, -32768, 32767) & 0xffff;
	case NEURON_UINT16:
		return saturate(v, mode, 0, 65535);
	case NEURON_INT32:
	case NEURON_UINT32:
		return v;
	default:
		return mdl_store(dtype, mode == UNSIGNED ? (float)v : (float)(int32_t)v);
	}
}

static void write_as(struct model *m, enum mode mode, uint32_t addr, unsigned int part, int64_t e,
		     unsigned int dtype, uint32_t v)
{
	if (mode == FLOATS) {
		putf(m, addr, part, e, dtype, float_of(v));
		return;
	}
	v = store_whole(dtype, v, mode);
	memcpy(at(m, addr, part, e * mdl_size(dtype)), &v, mdl_size(dtype));
}

static uint32_t compute(enum mode mode, unsigned int alu, uint32_t a, uint32_t b)
{
	return mode == FLOATS ? bits_of(mdl_alu(alu, float_of(a), float_of(b))) :
				mdl_ialu(alu, a, b, mode == UNSIGNED);
}

static uint32_t immediate(enum mode mode, uint32_t field)
{
	return mode == FLOATS ? bits_of(mdl_load(NEURON_FP32, field)) : field;
}

/* ---- ACT ---- */

static float vector(struct model *m, bool pointer, uint32_t field, unsigned int p)
{
	return pointer ? getf(m, field, p, 0, NEURON_FP32) : mdl_load(NEURON_FP32, field);
}

static void do_activate(struct model *m, const struct neuron_insn *insn)
{
	float out[128], bias[128], scale[128], param[128], sum[128];
	unsigned int n = insn->activate.partitions;
	uint32_t last = insn->activate.residual;
	struct index x = {};

	for (unsigned int p = 0; p < n; p++) {
		bool has_bias = insn->flags & (NEURON_ACTIVATE_BIAS | NEURON_ACTIVATE_BIAS_IMM);

		bias[p] = has_bias ? vector(m, insn->flags & NEURON_ACTIVATE_BIAS,
					    insn->activate.bias, p) : -0.0f;
		scale[p] = vector(m, insn->flags & NEURON_ACTIVATE_SCALE_PTR, insn->activate.scale,
				  p);
		param[p] = vector(m, insn->flags & NEURON_ACTIVATE_PARAM_PTR, last, p);
		sum[p] = insn->flags & NEURON_ACTIVATE_ACCUMULATE ?
			 getf(m, last, p, 0, NEURON_FP32) : -0.0f;
	}
	do {
		int64_t src = element(&x, insn->activate.src_step);
		int64_t dst = element(&x, insn->activate.dst_step);

		for (unsigned int p = 0; p < n; p++) {
			float v = getf(m, insn->activate.src, p, src, insn->activate.src_dtype);

			v = mdl_fma(scale[p], v, bias[p]);
			if (insn->flags & NEURON_ACTIVATE_RESIDUAL)
				v = mdl_add(v, getf(m, last, p, dst, insn->activate.dst_dtype));
			out[p] = v;
		}
		emu_nc_kernels_generic.func(out, param, n, insn->activate.func);
		for (unsigned int p = 0; p < n; p++) {
			putf(m, insn->activate.dst, p, dst, insn->activate.dst_dtype, out[p]);
			sum[p] = mdl_add(sum[p], out[p]);
		}
	} while (next(&x, insn->activate.count));
	for (unsigned int p = 0; p < n && insn->flags & NEURON_ACTIVATE_REDUCE; p++)
		putf(m, last, p, 0, NEURON_FP32, sum[p]);
}

/* ---- POOL ---- */

static void do_tensor_tensor(struct model *m, const struct neuron_insn *insn)
{
	unsigned int n = insn->tensor_tensor.partitions, type0 = insn->tensor_tensor.src_dtype;
	unsigned int type1 = insn->flags >> NEURON_TENSOR_SRC1_DTYPE_SHIFT;
	enum mode mode = mode_of(insn->flags & NEURON_TENSOR_INTEGER, type0);
	struct index x = {};
	uint32_t out[128];

	type1 = type1 ? type1 : type0;
	do {
		for (unsigned int p = 0; p < n; p++) {
			uint32_t a = read_as(m, mode, insn->tensor_tensor.src0, p,
					     element(&x, insn->tensor_tensor.src0_step), type0);
			uint32_t b = read_as(m, mode, insn->tensor_tensor.src1, p,
					     element(&x, insn->tensor_tensor.src1_step), type1);

			out[p] = compute(mode, insn->tensor_tensor.alu, a, b);
		}
		for (unsigned int p = 0; p < n; p++)
			write_as(m, mode, insn->tensor_tensor.dst, p,
				 element(&x, insn->tensor_tensor.dst_step),
				 insn->tensor_tensor.dst_dtype, out[p]);
	} while (next(&x, insn->tensor_tensor.count));
}

static uint32_t scalar(struct model *m, enum mode mode, bool pointer, uint32_t field,
		       unsigned int p)
{
	return pointer ? read_as(m, mode, field, p, 0, mode == FLOATS ? NEURON_FP32 : NEURON_INT32)
		       : immediate(mode, field);
}

static void do_tensor_scalar(struct model *m, const struct neuron_insn *insn)
{
	unsigned int n = insn->tensor_scalar.partitions, flags = insn->flags;
	enum mode mode = mode_of(flags & NEURON_SCALAR_INTEGER, insn->tensor_scalar.src_dtype);
	uint32_t out[128], s0[128], s1[128];
	struct index x = {};

	for (unsigned int p = 0; p < n; p++) {
		s0[p] = scalar(m, mode, flags & NEURON_SCALAR0_PTR, insn->tensor_scalar.scalar0, p);
		s1[p] = scalar(m, mode, flags & NEURON_SCALAR1_PTR, insn->tensor_scalar.scalar1, p);
	}
	do {
		for (unsigned int p = 0; p < n; p++) {
			uint32_t v = read_as(m, mode, insn->tensor_scalar.src, p,
					     element(&x, insn->tensor_scalar.src_step),
					     insn->tensor_scalar.src_dtype);

			v = flags & NEURON_SCALAR0_REVERSE ?
				compute(mode, insn->tensor_scalar.alu0, s0[p], v) :
				compute(mode, insn->tensor_scalar.alu0, v, s0[p]);
			out[p] = flags & NEURON_SCALAR1_REVERSE ?
				compute(mode, insn->tensor_scalar.alu1, s1[p], v) :
				compute(mode, insn->tensor_scalar.alu1, v, s1[p]);
		}
		for (unsigned int p = 0; p < n; p++)
			write_as(m, mode, insn->tensor_scalar.dst, p,
				 element(&x, insn->tensor_scalar.dst_step),
				 insn->tensor_scalar.dst_dtype, out[p]);
	} while (next(&x, insn->tensor_scalar.count));
}

/* Does @v take the place of @best? @max: more is better, else less. */
static bool beats(enum mode mode, bool max, bool last, uint32_t v, uint32_t best)
{
	double a, b;

	if (mode == FLOATS && isnan(float_of(best)))
		return last && isnan(float_of(v));
	if (mode == FLOATS && isnan(float_of(v)))
		return true;
	a = mode == FLOATS ? (double)float_of(v) : mode == SIGNED ? (double)(int32_t)v : v;
	b = mode == FLOATS ? (double)float_of(best) : mode == SIGNED ? (double)(int32_t)best : best;
	return a == b ? last : max ? a > b : a < b;
}

static uint32_t reduce(struct model *m, const struct neuron_insn *insn, enum mode mode,
		       unsigned int p, int64_t base, const uint16_t inner[4])
{
	unsigned int type = insn->tensor_reduce.src_dtype, alu = insn->tensor_reduce.alu;
	uint32_t acc = read_as(m, mode, insn->tensor_reduce.src, p, base, type);
	uint32_t index = 0, where = 0;
	struct index y = {};

	while (next(&y, inner)) {
		uint32_t v = read_as(m, mode, insn->tensor_reduce.src, p,
				     base + element(&y, insn->tensor_reduce.src_step), type);

		index++;
		if (!(insn->flags & NEURON_REDUCE_INDEX)) {
			acc = compute(mode, alu, acc, v);
		} else if (beats(mode, alu == NEURON_ALU_MAX, insn->flags & NEURON_REDUCE_LAST, v,
				 acc)) {
			acc = v;
			where = index;
		}
	}
	if (insn->flags & NEURON_REDUCE_INDEX)
		acc = mode == FLOATS ? bits_of((float)where) : where;
	return compute(mode, NEURON_ALU_MUL, acc, immediate(mode, insn->tensor_reduce.scale));
}

static void do_tensor_reduce(struct model *m, const struct neuron_insn *insn)
{
	enum mode mode = mode_of(insn->flags & NEURON_REDUCE_INTEGER,
				 insn->tensor_reduce.src_dtype);
	unsigned int n = insn->tensor_reduce.partitions;
	uint16_t outer[4], inner[4];
	struct index x = {};
	uint32_t out[128];

	for (int d = 0; d < 4; d++) {
		bool in = d >= 4 - insn->tensor_reduce.dims;

		outer[d] = in ? 1 : insn->tensor_reduce.count[d];
		inner[d] = in ? insn->tensor_reduce.count[d] : 1;
	}
	do {
		for (unsigned int p = 0; p < n; p++)
			out[p] = reduce(m, insn, mode, p,
					element(&x, insn->tensor_reduce.src_step), inner);
		for (unsigned int p = 0; p < n; p++)
			write_as(m, mode, insn->tensor_reduce.dst, p,
				 element(&x, insn->tensor_reduce.dst_step),
				 insn->tensor_reduce.dst_dtype, out[p]);
	} while (next(&x, outer));
}

/* One result of one partition. */
static uint32_t dot(struct model *m, const struct neuron_insn *insn, unsigned int p, const struct index *x,
		    const uint16_t inner[4])
{
	unsigned int type0 = insn->tensor_dot.src_dtype;
	unsigned int type1 = insn->flags >> NEURON_TENSOR_SRC1_DTYPE_SHIFT;
	int64_t base0 = element(x, insn->tensor_dot.src0_step);
	int64_t base1 = element(x, insn->tensor_dot.src1_step);
	struct index y = {};
	float acc = 0;

	do {
		uint32_t a = read_as(m, FLOATS, insn->tensor_dot.src0, p,
				     base0 + element(&y, insn->tensor_dot.src0_step), type0);
		uint32_t b = read_as(m, FLOATS, insn->tensor_dot.src1, p,
				     base1 + element(&y, insn->tensor_dot.src1_step),
				     type1 ? type1 : type0);

		acc = mdl_fma(float_of(a), float_of(b), acc);
	} while (next(&y, inner));
	return bits_of(acc);
}

static void do_tensor_dot(struct model *m, const struct neuron_insn *insn)
{
	unsigned int n = insn->tensor_dot.partitions;
	uint16_t outer[4], inner[4];
	struct index x = {};
	uint32_t out[128];

	for (int d = 0; d < 4; d++) {
		bool in = d >= 4 - insn->tensor_dot.dims;

		outer[d] = in ? 1 : insn->tensor_dot.count[d];
		inner[d] = in ? insn->tensor_dot.count[d] : 1;
	}
	do {
		for (unsigned int p = 0; p < n; p++)
			out[p] = dot(m, insn, p, &x, inner);
		for (unsigned int p = 0; p < n; p++)
			write_as(m, FLOATS, insn->tensor_dot.dst, p,
				 element(&x, insn->tensor_dot.dst_step), insn->tensor_dot.dst_dtype,
				 out[p]);
	} while (next(&x, outer));
}

static void do_memset(struct model *m, const struct neuron_insn *insn)
{
	enum mode mode = mode_of(insn->flags & NEURON_MEMSET_INTEGER, NEURON_INT32);
	struct index x = {};

	do {
		for (unsigned int p = 0; p < insn->memset.partitions; p++)
			write_as(m, mode, insn->memset.dst, p, element(&x, insn->memset.dst_step),
				 insn->memset.dst_dtype, immediate(mode, insn->memset.value));
	} while (next(&x, insn->memset.count));
}

/* ---- moving ---- */

static void do_transpose(struct model *m, const struct neuron_insn *insn)
{
	unsigned int k = insn->transpose.k, cols = insn->transpose.count[3];
	unsigned int dtype = insn->transpose.dtype;
	uint16_t tiles[4] = { insn->transpose.count[0], insn->transpose.count[1],
			      insn->transpose.count[2], 1 };
	uint32_t tile[128][128];
	struct index x = {};

	do {
		int64_t src = element(&x, insn->transpose.src_step);
		int64_t dst = element(&x, insn->transpose.dst_step);

		for (unsigned int i = 0; i < k; i++)
			for (unsigned int c = 0; c < cols; c++)
				tile[i][c] = get(m, insn->transpose.src, i,
						 src + (int64_t)c * insn->transpose.src_step[3],
						 dtype);
		for (unsigned int i = 0; i < k; i++)
			for (unsigned int c = 0; c < cols; c++)
				memcpy(at(m, insn->transpose.dst, c,
					  (dst + (int64_t)i * insn->transpose.dst_step[3]) *
					  mdl_size(dtype)),
				       &tile[i][c], mdl_size(dtype));
	} while (next(&x, tiles));
}

static void do_iota(struct model *m, const struct neuron_insn *insn)
{
	struct index x = {};

	do {
		for (unsigned int p = 0; p < insn->iota.partitions; p++) {
			int64_t v = insn->iota.value + (int64_t)p * insn->iota.part_add;

			for (int d = 0; d < 4; d++)
				v += (int64_t)x.i[d] * insn->iota.add[d];
			write_as(m, SIGNED, insn->iota.dst, p, element(&x, insn->iota.dst_step),
				 insn->iota.dst_dtype, (uint32_t)v);
		}
	} while (next(&x, insn->iota.count));
}

static void do_select(struct model *m, const struct neuron_insn *insn)
{
	bool imm = insn->flags & NEURON_SELECT_IMM, invert = insn->flags & NEURON_SELECT_INVERT;
	unsigned int n = insn->select.partitions;
	enum mode mode = mode_of(insn->flags & NEURON_SELECT_INTEGER,
				 imm ? NEURON_INT32 : insn->select.src_dtype);
	struct index x = {};
	uint32_t out[128];
	bool take[128];

	do {
		for (unsigned int p = 0; p < n; p++) {
			take[p] = (getf(m, insn->select.pred, p,
					element(&x, insn->select.pred_step),
					insn->select.pred_dtype) != 0) != invert;
			out[p] = imm ? immediate(mode, insn->select.src) :
				read_as(m, mode, insn->select.src, p,
					element(&x, insn->select.src_step), insn->select.src_dtype);
		}
		for (unsigned int p = 0; p < n; p++)
			if (take[p])
				write_as(m, mode, insn->select.dst, p,
					 element(&x, insn->select.dst_step), insn->select.dst_dtype,
					 out[p]);
	} while (next(&x, insn->select.count));
}

static void do_gather(struct model *m, const struct neuron_insn *insn)
{
	unsigned int type = insn->flags >> NEURON_GATHER_INDEX_DTYPE_SHIFT;
	unsigned int dtype = insn->gather.dtype, n = insn->gather.partitions;
	int64_t limit = insn->gather.limit ? insn->gather.limit : 65536;
	struct index x = {};
	uint32_t out[128];

	type = type ? type : NEURON_INT32;
	do {
		for (unsigned int p = 0; p < n; p++) {
			uint32_t bits = read_as(m, SIGNED, insn->gather.index, p,
						element(&x, insn->gather.index_step), type);
			int64_t i = type == NEURON_UINT32 ? (int64_t)bits : (int32_t)bits;
			struct index y = x;

			i += i < 0 ? limit : 0;
			y.i[3] = 0;
			out[p] = i < 0 || i >= limit ? 0 :
				get(m, insn->gather.src, p, element(&y, insn->gather.src_step) +
				    i * insn->gather.src_step[3], dtype);
		}
		for (unsigned int p = 0; p < n; p++)
			memcpy(at(m, insn->gather.dst, p, element(&x, insn->gather.dst_step) *
				  mdl_size(dtype)), &out[p], mdl_size(dtype));
	} while (next(&x, insn->gather.count));
}

static void do_dma(struct model *m, const struct neuron_insn *insn, const uint8_t *src_mem,
		   uint8_t *dst_mem)
{
	unsigned int size = 1u << insn->flags;
	struct index x = {};
	uint8_t buf[64];

	do {
		int64_t src = insn->dma_copy.src, dst = insn->dma_copy.dst;

		for (int d = 0; d < 4; d++) {
			src += (int64_t)x.i[d] * insn->dma_copy.src_step[d];
			dst += (int64_t)x.i[d] * insn->dma_copy.dst_step[d];
		}
		memcpy(buf,
		       insn->src_seg == NEURON_ISA_NO_SEG ? at(m, (uint32_t)src, 0, 0)
							  : src_mem + src,
		       size);
		memcpy(insn->dst_seg == NEURON_ISA_NO_SEG ? at(m, (uint32_t)dst, 0, 0)
							  : dst_mem + dst,
		       buf, size);
	} while (next(&x, insn->dma_copy.count));
}

static void do_dma_gather(struct model *m, const struct neuron_insn *insn,
			  const uint8_t *src_mem, uint8_t *dst_mem)
{
	const uint16_t count[4] = { 1, insn->dma_gather.count[0], insn->dma_gather.count[1],
				    insn->dma_gather.count[2] };
	unsigned int size = 1u << insn->flags;
	struct index x = {};
	int64_t index = 0;

	do {
		int64_t src = insn->dma_gather.src, dst = insn->dma_gather.dst;
		uint8_t buf[64] = {};

		if (!x.i[2] && !x.i[3])
			index = (int32_t)get(m, insn->dma_gather.index, 0,
					     (int64_t)x.i[1] * insn->dma_gather.index_step,
					     NEURON_INT32);
		index += index < 0 ? insn->dma_gather.limit : 0;
		src += index < INT64_MAX / 4 ? index * insn->dma_gather.src_step[0] : 0;
		for (int d = 0; d < 3; d++) {
			src += d ? (int64_t)x.i[1 + d] * insn->dma_gather.src_step[d] : 0;
			dst += (int64_t)x.i[1 + d] * insn->dma_gather.dst_step[d];
		}
		if (index >= 0 && index < insn->dma_gather.limit)
			memcpy(buf, insn->src_seg == NEURON_ISA_NO_SEG ?
			       at(m, (uint32_t)src, 0, 0) : src_mem + src, size);
		else
			index = INT64_MAX / 2;	/* none, for the whole row */
		memcpy(insn->dst_seg == NEURON_ISA_NO_SEG ? at(m, (uint32_t)dst, 0, 0) :
		       dst_mem + dst, buf, size);
	} while (next(&x, count));
}

void mdl_exec(struct model *m, const struct neuron_insn *insn, const uint8_t *src, uint8_t *dst)
{
	switch (insn->op) {
	case NEURON_OP_LDWEIGHTS:
		do_ldweights(m, insn);
		break;
	case NEURON_OP_MATMUL:
		do_matmul(m, insn);
		break;
	case NEURON_OP_ACTIVATE:
		do_activate(m, insn);
		break;
	case NEURON_OP_TENSOR_TENSOR:
		do_tensor_tensor(m, insn);
		break;
	case NEURON_OP_TENSOR_SCALAR:
		do_tensor_scalar(m, insn);
		break;
	case NEURON_OP_TENSOR_REDUCE:
		do_tensor_reduce(m, insn);
		break;
	case NEURON_OP_TENSOR_DOT:
		do_tensor_dot(m, insn);
		break;
	case NEURON_OP_MEMSET:
		do_memset(m, insn);
		break;
	case NEURON_OP_TRANSPOSE:
		do_transpose(m, insn);
		break;
	case NEURON_OP_IOTA:
		do_iota(m, insn);
		break;
	case NEURON_OP_SELECT:
		do_select(m, insn);
		break;
	case NEURON_OP_GATHER:
		do_gather(m, insn);
		break;
	case NEURON_OP_DMA_COPY:
		do_dma(m, insn, src, dst);
		break;
	case NEURON_OP_DMA_GATHER:
		do_dma_gather(m, insn, src, dst);
		break;
	}
}
