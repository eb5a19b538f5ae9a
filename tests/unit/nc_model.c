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
	default:
		return a;
	}
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

static void do_activate(struct model *m, const struct neuron_insn *insn)
{
	float out[128], bias[128], scale[128];
	unsigned int n = insn->activate.partitions;
	struct index x = {};

	for (unsigned int p = 0; p < n; p++) {
		bias[p] = insn->flags & NEURON_ACTIVATE_BIAS ?
			getf(m, insn->activate.bias, p, 0, NEURON_FP32) : -0.0f;
		scale[p] = insn->flags & NEURON_ACTIVATE_SCALE_PTR ?
			getf(m, insn->activate.scale, p, 0, NEURON_FP32) :
			mdl_load(NEURON_FP32, insn->activate.scale);
	}
	do {
		int64_t src = element(&x, insn->activate.src_step);
		int64_t dst = element(&x, insn->activate.dst_step);

		for (unsigned int p = 0; p < n; p++) {
			float v = getf(m, insn->activate.src, p, src, insn->activate.src_dtype);

			v = mdl_fma(scale[p], v, bias[p]);
			if (insn->flags & NEURON_ACTIVATE_RESIDUAL)
				v = mdl_add(v, getf(m, insn->activate.residual, p, dst,
						    insn->activate.dst_dtype));
			out[p] = v;
		}
		emu_nc_kernels_generic.func(out, n, insn->activate.func);
		for (unsigned int p = 0; p < n; p++)
			putf(m, insn->activate.dst, p, dst, insn->activate.dst_dtype, out[p]);
	} while (next(&x, insn->activate.count));
}

static void do_tensor_tensor(struct model *m, const struct neuron_insn *insn)
{
	unsigned int n = insn->tensor_tensor.partitions, type0 = insn->tensor_tensor.src_dtype;
	unsigned int type1 = insn->flags >> NEURON_TENSOR_SRC1_DTYPE_SHIFT;
	struct index x = {};
	float out[128];

	type1 = type1 ? type1 : type0;
	do {
		for (unsigned int p = 0; p < n; p++)
			out[p] = mdl_alu(insn->tensor_tensor.alu,
					 getf(m, insn->tensor_tensor.src0, p,
					      element(&x, insn->tensor_tensor.src0_step), type0),
					 getf(m, insn->tensor_tensor.src1, p,
					      element(&x, insn->tensor_tensor.src1_step), type1));
		for (unsigned int p = 0; p < n; p++)
			putf(m, insn->tensor_tensor.dst, p,
			     element(&x, insn->tensor_tensor.dst_step),
			     insn->tensor_tensor.dst_dtype, out[p]);
	} while (next(&x, insn->tensor_tensor.count));
}

static float scalar(struct model *m, bool pointer, uint32_t field, unsigned int p)
{
	return pointer ? getf(m, field, p, 0, NEURON_FP32) : mdl_load(NEURON_FP32, field);
}

static void do_tensor_scalar(struct model *m, const struct neuron_insn *insn)
{
	unsigned int n = insn->tensor_scalar.partitions;
	float out[128], s0[128], s1[128];
	struct index x = {};

	for (unsigned int p = 0; p < n; p++) {
		s0[p] = scalar(m, insn->flags & NEURON_SCALAR0_PTR, insn->tensor_scalar.scalar0, p);
		s1[p] = scalar(m, insn->flags & NEURON_SCALAR1_PTR, insn->tensor_scalar.scalar1, p);
	}
	do {
		for (unsigned int p = 0; p < n; p++) {
			float v = getf(m, insn->tensor_scalar.src, p,
				       element(&x, insn->tensor_scalar.src_step),
				       insn->tensor_scalar.src_dtype);

			v = insn->flags & NEURON_SCALAR0_REVERSE
				    ? mdl_alu(insn->tensor_scalar.alu0, s0[p], v)
				    : mdl_alu(insn->tensor_scalar.alu0, v, s0[p]);
			out[p] = insn->flags & NEURON_SCALAR1_REVERSE ?
				mdl_alu(insn->tensor_scalar.alu1, s1[p], v) :
				mdl_alu(insn->tensor_scalar.alu1, v, s1[p]);
		}
		for (unsigned int p = 0; p < n; p++)
			putf(m, insn->tensor_scalar.dst, p,
			     element(&x, insn->tensor_scalar.dst_step),
			     insn->tensor_scalar.dst_dtype, out[p]);
	} while (next(&x, insn->tensor_scalar.count));
}

static void do_tensor_reduce(struct model *m, const struct neuron_insn *insn)
{
	unsigned int n = insn->tensor_reduce.partitions;
	float scale = mdl_load(NEURON_FP32, insn->tensor_reduce.scale), out[128];
	uint16_t outer[4], inner[4];
	struct index x = {};

	for (int d = 0; d < 4; d++) {
		bool in = d >= 4 - insn->tensor_reduce.dims;

		outer[d] = in ? 1 : insn->tensor_reduce.count[d];
		inner[d] = in ? insn->tensor_reduce.count[d] : 1;
	}
	do {
		int64_t base = element(&x, insn->tensor_reduce.src_step);

		for (unsigned int p = 0; p < n; p++) {
			struct index y = {};
			float acc = getf(m, insn->tensor_reduce.src, p, base,
					 insn->tensor_reduce.src_dtype);

			while (next(&y, inner))
				acc = mdl_alu(insn->tensor_reduce.alu, acc,
					      getf(m, insn->tensor_reduce.src, p,
						   base + element(&y, insn->tensor_reduce.src_step),
						   insn->tensor_reduce.src_dtype));
			out[p] = mdl_mul(acc, scale);
		}
		for (unsigned int p = 0; p < n; p++)
			putf(m, insn->tensor_reduce.dst, p,
			     element(&x, insn->tensor_reduce.dst_step),
			     insn->tensor_reduce.dst_dtype, out[p]);
	} while (next(&x, outer));
}

static void do_memset(struct model *m, const struct neuron_insn *insn)
{
	float v = mdl_load(NEURON_FP32, insn->memset.value);
	struct index x = {};

	do {
		for (unsigned int p = 0; p < insn->memset.partitions; p++)
			putf(m, insn->memset.dst, p, element(&x, insn->memset.dst_step),
			     insn->memset.dst_dtype, v);
	} while (next(&x, insn->memset.count));
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
	case NEURON_OP_MEMSET:
		do_memset(m, insn);
		break;
	case NEURON_OP_DMA_COPY:
		do_dma(m, insn, src, dst);
		break;
	}
}
