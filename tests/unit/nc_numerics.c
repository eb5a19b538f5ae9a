// SPDX-License-Identifier: Apache-2.0
/* The arithmetic of each path against a model in double and against libm; its exact bits. */

#include <fenv.h>
#include <math.h>
#include <string.h>
#include "nc_harness.h"
#include "nc_model.h"

#define N	128
#define ROUNDS	4000
#define ALUS	21

static const struct emu_nc_kernels *paths[EMU_NC_PATHS];
static int path_count;

static int setup(void **state)
{
	path_count = (int)emu_nc_kernels_all(paths);
	for (int p = 0; p < path_count; p++)
		print_message("# path %s\n", paths[p]->name);
	return 0;
}

static bool same(float a, float b)
{
	return nct_f(a) == nct_f(b) || (isnan(a) && isnan(b));
}

static void check(const char *what, const struct emu_nc_kernels *k, float got, float want, float a,
		  float b, float c)
{
	if (same(got, want))
		return;
	fail_msg("%s %s(%08x, %08x, %08x) = %08x, not %08x", k->name, what, nct_f(a), nct_f(b),
		 nct_f(c), nct_f(got), nct_f(want));
}

/* Values as the engines see them: never subnormal. */
static void hard_lanes(float *x)
{
	for (int i = 0; i < N; i++)
		x[i] = mdl_daz(nct_uf(nct_hard_float()));
}

static void test_alu(void **state)
{
	float a[N], b[N], out[N];

	for (int r = 0; r < ROUNDS; r++) {
		hard_lanes(a);
		hard_lanes(b);
		for (int p = 0; p < path_count; p++) {
			unsigned int alu = (unsigned int)r % ALUS;
			uint64_t fp = emu_nc_fp_begin(paths[p]);

			if (alu == NEURON_ALU_SHL || alu == NEURON_ALU_SHR)
				alu = NEURON_ALU_MOD;
			paths[p]->alu(out, a, b, N, alu);
			emu_nc_fp_end(fp);
			for (int i = 0; i < N; i++)
				check("alu", paths[p], out[i], mdl_alu(alu, a[i], b[i]), a[i], b[i],
				      (float)alu);
		}
	}
}

static void test_ialu(void **state)
{
	uint32_t a[N], b[N], out[N];

	for (int r = 0; r < ROUNDS; r++) {
		for (int i = 0; i < N; i++) {
			a[i] = (uint32_t)((int32_t)nct_random() >> nct_below(32));
			b[i] = (uint32_t)((int32_t)nct_random() >> nct_below(32));
		}
		a[0] = 0x80000000;
		b[0] = UINT32_MAX;
		b[1] = 0;
		for (int p = 0; p < path_count; p++) {
			unsigned int alu = (unsigned int)r % (ALUS - 1);
			bool is_unsigned = r & 1;

			paths[p]->ialu(out, a, b, N, alu, is_unsigned);
			for (int i = 0; i < N; i++)
				if (out[i] != mdl_ialu(alu, a[i], b[i], is_unsigned))
					fail_msg("%s ialu %u(%08x, %08x) = %08x, not %08x",
						 paths[p]->name, alu, a[i], b[i], out[i],
						 mdl_ialu(alu, a[i], b[i], is_unsigned));
		}
	}
}

/* Remainders are exact where the quotient is; powers have a bound that grows with b log a. */
static void test_rem_mod_pow(void **state)
{
	static const struct {
		uint8_t alu;
		float a, b, want;
	} cases[] = {
		{ NEURON_ALU_REM, 7, 3, 1 }, { NEURON_ALU_REM, -7, 3, -1 },
		{ NEURON_ALU_REM, 7, -3, 1 }, { NEURON_ALU_REM, 1, 0, NAN },
		{ NEURON_ALU_REM, INFINITY, 3, NAN }, { NEURON_ALU_REM, 5, INFINITY, 5 },
		{ NEURON_ALU_REM, -6, 3, -0.0f }, { NEURON_ALU_MOD, -7, 3, 2 },
		{ NEURON_ALU_MOD, 7, -3, -2 }, { NEURON_ALU_MOD, 6, -3, 0 },
		{ NEURON_ALU_POW, 2, 10, 1024 }, { NEURON_ALU_POW, -2, 3, -8 },
		{ NEURON_ALU_POW, -2, 0.5f, NAN }, { NEURON_ALU_POW, 0, 2, 0 },
		{ NEURON_ALU_POW, -0.0f, -3, -INFINITY }, { NEURON_ALU_POW, 0, -1, INFINITY },
		{ NEURON_ALU_POW, NAN, 0, 1 }, { NEURON_ALU_POW, 1, NAN, 1 },
		{ NEURON_ALU_POW, -1, INFINITY, 1 }, { NEURON_ALU_POW, -INFINITY, 3, -INFINITY },
		{ NEURON_ALU_POW, INFINITY, -1, 0 }, { NEURON_ALU_POW, 0.5f, -INFINITY, INFINITY },
	};
	float out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		paths[0]->alu(&out, &cases[i].a, &cases[i].b, 1, cases[i].alu);
		if (cases[i].alu == NEURON_ALU_POW && fabsf(out - cases[i].want) < 1e-3f)
			out = cases[i].want;
		check("case", paths[0], out, cases[i].want, cases[i].a, cases[i].b, 0);
	}
	for (int r = 0; r < 200000; r++) {
		float a = (float)((int)nct_below(200001) - 100000) * 1e-2f;
		float b = (float)((int)nct_below(20001) - 10000) * 1e-2f;
		double want;

		paths[0]->alu(&out, &a, &b, 1, NEURON_ALU_REM);
		check("rem", paths[0], out, fmodf(a, b), a, b, 0);
		a = fabsf(a);
		b *= 0.1f;
		want = pow(a, b);
		paths[0]->alu(&out, &a, &b, 1, NEURON_ALU_POW);
		if (want > 1e-37 && want < 1e38 && fabs(out - want) > want * 2e-7 * (1 + fabs(log(want))))
			fail_msg("pow(%a, %a) = %a, not %a", (double)a, (double)b, (double)out, want);
	}
}

static void test_affine(void **state)
{
	float s[N], x[N], b[N], r[N], out[N];

	for (int n = 0; n < ROUNDS; n++) {
		hard_lanes(s);
		hard_lanes(x);
		hard_lanes(b);
		hard_lanes(r);
		for (int i = 0; i < N; i += 3)	/* cancellation */
			b[i] = mdl_daz(-(s[i] * x[i]));
		for (int p = 0; p < path_count; p++) {
			uint64_t fp;

			memcpy(out, x, sizeof(out));
			fp = emu_nc_fp_begin(paths[p]);
			paths[p]->affine(out, s, b, r, N);
			emu_nc_fp_end(fp);
			for (int i = 0; i < N; i++)
				check("affine", paths[p], out[i],
				      mdl_add(mdl_fma(s[i], x[i], b[i]), r[i]), s[i], x[i], b[i]);
		}
	}
}

/* Products about 2^-126 with signs that cancel: each step of the chain may be flushed. */
static float tiny_factor(void)
{
	return nct_uf((uint32_t)((nct_random() & 0x807f0000) | (60u + nct_below(6)) << 23));
}

/* Every other chain has values of all sizes below 2: a NaN or infinity would hide the rest. */
static float chain_factor(int round)
{
	return round & 1 ? tiny_factor() : mdl_daz(nct_uf(nct_hard_float() & ~0x40000000u));
}

#define MAX_COLUMNS	40

/* One product: the array as floats and as pairs of bf16, and what the chains give. */
static struct chain {
	float w[EMU_NC_STRIPS][NEURON_PE_ROWS][EMU_NC_STRIP] __attribute__((aligned(64)));
	uint32_t pairs[EMU_NC_STRIPS][EMU_NC_PAIRS][EMU_NC_STRIP] __attribute__((aligned(64)));
	float x[MAX_COLUMNS][N], start[N], want[MAX_COLUMNS][N], acc[MAX_COLUMNS][N];
	uint32_t row[MAX_COLUMNS][EMU_NC_PAIRS];
	unsigned int k, m, columns;
} chain;

static uint32_t chain_pair(float even, float odd)
{
	return (nct_f(even) & 0xffff0000) | nct_f(odd) >> 16;
}

/* Factors that bf16 has where @bf16. */
static void chain_make(struct chain *c, int round, bool bf16)
{
	uint32_t keep = bf16 ? 0xffff0000 : 0xffffffff;

	c->k = 1 + nct_below(128);
	c->m = 1 + nct_below(128);
	c->columns = 1 + nct_below(MAX_COLUMNS);
	for (int s = 0; s < N * N; s++)
		(&c->w[0][0][0])[s] = nct_uf(nct_f(chain_factor(round)) & keep);
	for (int s = 0; s < EMU_NC_STRIPS; s++)
		for (int j = 0; j < EMU_NC_PAIRS; j++)
			for (int i = 0; i < EMU_NC_STRIP; i++)
				c->pairs[s][j][i] = chain_pair(c->w[s][2 * j][i],
							       c->w[s][2 * j + 1][i]);
	for (unsigned int n = 0; n < c->columns; n++) {
		for (int i = 0; i < N; i++)
			c->x[n][i] = nct_uf(nct_f(chain_factor(round)) & keep);
		for (int j = 0; j < EMU_NC_PAIRS; j++)
			c->row[n][j] = chain_pair(c->x[n][2 * j], c->x[n][2 * j + 1]);
	}
	hard_lanes(c->start);
	for (unsigned int n = 0; n < c->columns; n++)
		for (unsigned int i = 0; i < N; i++) {
			float want = c->start[i];

			for (unsigned int j = 0; j < c->k && i < c->m; j++)
				want = mdl_fma(c->w[i / 16][j][i % 16], c->x[n][j], want);
			if (c->k & 1 && i < c->m)
				want = mdl_fma(0, 0, want);
			c->want[n][i] = want;
		}
}

static void chain_check(struct chain *c, const struct emu_nc_kernels *path, bool dot)
{
	const uint32_t *rows[MAX_COLUMNS];
	const float *xs[MAX_COLUMNS];
	float *accs[MAX_COLUMNS];
	uint64_t fp;

	for (unsigned int n = 0; n < c->columns; n++) {
		memcpy(c->acc[n], c->start, sizeof(c->start));
		rows[n] = c->row[n];
		xs[n] = c->x[n];
		accs[n] = c->acc[n];
	}
	fp = emu_nc_fp_begin(path);
	if (dot)
		path->dot(accs, (const emu_nc_pair_strip *)c->pairs, rows, c->columns, c->k, c->m,
			  false, &(struct emu_nc_ahead){});
	else
		path->mac(accs, (const emu_nc_float_strip *)c->w, xs, c->columns, c->k, c->m, false,
			  &(struct emu_nc_ahead){});
	emu_nc_fp_end(fp);
	for (unsigned int n = 0; n < c->columns; n++)
		for (unsigned int i = 0; i < N; i++)
			check(dot ? "dot" : "mac", path, c->acc[n][i], c->want[n][i], c->start[i],
			      (float)c->k, (float)i);
}

static void test_chain(void **state)
{
	for (int r = 0; r < 60; r++) {
		bool bf16 = r & 2;

		chain_make(&chain, r, bf16);
		for (int p = 0; p < path_count; p++) {
			chain_check(&chain, paths[p], false);
			if (bf16 && paths[p]->dot)
				chain_check(&chain, paths[p], true);
		}
	}
}

/* Results on both sides of 2^-126, and how they round. */
static void test_flush_boundary(void **state)
{
	static const struct {
		float a, b, c;
		uint32_t want;
	} cases[] = {
		{ 0x1p-63f, 0x1p-63f, 0, 0x00800000 }, /* exactly the smallest */
		{ 0x1.fffffep-64f, 0x1p-63f, 0, 0 },   /* just below: exact, flushed */
		{ 0x1.fffffep-64f, 0x1.000002p-63f, 0, 0x00800000 },  /* below, rounds up to it */
		{ -0x1.fffffep-64f, 0x1.fffffep-64f, 0, 0x80000000 }, /* sign of the zero */
		{ 0x1.000002p-126f, 1.0f, -0x1p-126f, 0 }, /* exact subnormal difference */
		{ 0x1p-126f, 1.0f, -0x1.8p-126f, 0x80000000 },
		{ 0x1p-80f, 0x1p-80f, 0x1p-126f, 0x00800000 },
		{ 0x1p-80f, -0x1p-80f, 0x1p-126f, 0x00800000 }, /* below, rounds back up */
		{ 0x1p127f, 2.0f, 0, 0x7f800000 },
		{ 0x1p127f, 2.0f, -INFINITY, 0xff800000 },
	};

	for (int p = 0; p < path_count; p++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			float x = cases[i].b, none = -0.0f, c = cases[i].c;
			uint64_t fp = emu_nc_fp_begin(paths[p]);

			paths[p]->affine(&x, &cases[i].a, &c, &none, 1);
			emu_nc_fp_end(fp);
			check("fma", paths[p], x, nct_uf(cases[i].want), cases[i].a, cases[i].b, c);
			check("model", paths[p], mdl_fma(cases[i].a, cases[i].b, c),
			      nct_uf(cases[i].want), cases[i].a, cases[i].b, c);
		}
	}
}

/* ---- ACT functions ---- */

#define FUNCS	28
#define PARAM	0.75f	/* of the functions that have one */

static double ref_func(unsigned int f, double x)
{
	switch (f) {
	case NEURON_FUNC_RELU:
		return x > 0 ? x : 0;
	case NEURON_FUNC_EXP:
		return exp(x);
	case NEURON_FUNC_SIGMOID:
		return 1 / (1 + exp(-x));
	case NEURON_FUNC_TANH:
		return tanh(x);
	case NEURON_FUNC_ERF:
		return erf(x);
	case NEURON_FUNC_GELU:
		return x == -INFINITY ? 0 : x / 2 * erfc(-x / sqrt(2));
	case NEURON_FUNC_GELU_TANH:
		return x == -INFINITY
			       ? 0
			       : x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
	case NEURON_FUNC_SQRT:
		return sqrt(x);
	case NEURON_FUNC_RSQRT:
		return 1 / sqrt(x);
	case NEURON_FUNC_RECIPROCAL:
		return 1 / x;
	case NEURON_FUNC_SQUARE:
		return x * x;
	case NEURON_FUNC_ABS:
		return fabs(x);
	case NEURON_FUNC_LOG:
		return log(x);
	case NEURON_FUNC_SIN:
		return fabs(x) < 0x1p20 ? sin(x) : NAN;
	case NEURON_FUNC_COS:
		return fabs(x) < 0x1p20 ? cos(x) : NAN;
	case NEURON_FUNC_SOFTPLUS:
		return x > 50 ? x : log1p(exp(x));
	case NEURON_FUNC_MISH:
		return x == -INFINITY ? 0 : x * (x > 50 ? 1 : tanh(log1p(exp(x))));
	case NEURON_FUNC_SILU:
		return x == -INFINITY ? 0 : x / (1 + exp(-x));
	case NEURON_FUNC_CLAMP01:
		return fmin(fmax(x, 0), 1);
	case NEURON_FUNC_HARD_SWISH:
		return x <= -3 ? 0 : x * fmin(x / 6 + 0.5, 1);
	case NEURON_FUNC_FLOOR:
		return floor(x);
	case NEURON_FUNC_CEIL:
		return ceil(x);
	case NEURON_FUNC_ROUND:
		return nearbyint(x);
	case NEURON_FUNC_SIGN:
		return x > 0 ? 1 : x < 0 ? -1 : x;
	case NEURON_FUNC_ELU:
		return x > 0 ? x : PARAM * expm1(x);
	case NEURON_FUNC_LEAKY_RELU:
		return x > 0 ? x : PARAM * x;
	case NEURON_FUNC_RELU_CLIP:
		return x > 0 ? fmin(x, PARAM) : 0;
	default:
		return x;
	}
}

/* Allowed error: relative; for some absolute, times max(1, |x|) but for sine and cosine. */
static const double rel_bound[FUNCS] = {
	[NEURON_FUNC_EXP] = 1.5e-7, [NEURON_FUNC_SIGMOID] = 2.5e-7, [NEURON_FUNC_TANH] = 2.5e-7,
	[NEURON_FUNC_ERF] = 2.5e-7, [NEURON_FUNC_SQRT] = 6e-8, [NEURON_FUNC_RSQRT] = 1.2e-7,
	[NEURON_FUNC_RECIPROCAL] = 6e-8, [NEURON_FUNC_SQUARE] = 6e-8,
	[NEURON_FUNC_LOG] = 1.5e-7, [NEURON_FUNC_SOFTPLUS] = 5e-7, [NEURON_FUNC_MISH] = 5e-7,
	[NEURON_FUNC_SILU] = 5e-7, [NEURON_FUNC_ELU] = 7e-7, [NEURON_FUNC_LEAKY_RELU] = 6e-8,
};

static bool close_enough(unsigned int f, float x, float got)
{
	double want = ref_func(f, x), err = fabs(got - want);

	if (isnan(x) || isnan(want) || isnan(got))
		return isnan(got) && (isnan(x) || isnan(want));
	if (isinf((float)want))	/* or nearly: the last number before it */
		return isinf(got) || fabs(got) > 0x1.fffff0p127;
	if (fabs(want) < 0x1p-126)
		return fabs(got) <= 0x1.00001p-126;
	/* e^x has been flushed */
	if ((f == NEURON_FUNC_MISH || f == NEURON_FUNC_SILU) && x < -80)
		return err <= 1e-32;
	if (f == NEURON_FUNC_ELU && fabs(want) < 0x1p-125)
		return err <= 0x1p-125;
	if (f == NEURON_FUNC_SIN || f == NEURON_FUNC_COS)
		return err <= 1.5e-7;
	if (f == NEURON_FUNC_GELU || f == NEURON_FUNC_GELU_TANH || f == NEURON_FUNC_HARD_SWISH)
		return err <= 1.5e-7 * fmax(1, fabs(x));
	return err <= rel_bound[f] * fabs(want);
}

static void test_functions(void **state)
{
	float x[N], y[EMU_NC_PATHS][N], param[N];

	for (int i = 0; i < N; i++)
		param[i] = PARAM;

	for (unsigned int f = 0; f < FUNCS; f++) {
		for (int r = 0; r < ROUNDS; r++) {
			hard_lanes(x);
			for (int i = 0; i < N && r % 2; i++)
				x[i] = (float)((int)nct_below(2000001) - 1000000) * 1e-5f;
			for (int p = 0; p < path_count; p++) {
				uint64_t fp;

				memcpy(y[p], x, sizeof(x));
				fp = emu_nc_fp_begin(paths[p]);
				paths[p]->func(y[p], param, N, f);
				emu_nc_fp_end(fp);
			}
			for (int i = 0; i < N; i++) {
				if (!close_enough(f, x[i], y[0][i]))
					fail_msg("function %u of %a = %a, not %a", f, (double)x[i],
						 (double)y[0][i], ref_func(f, x[i]));
				for (int p = 1; p < path_count; p++)
					check("func", paths[p], y[p][i], y[0][i], x[i], (float)f,
					      0);
			}
		}
	}
}

static float one(unsigned int f, float x)
{
	uint64_t fp = emu_nc_fp_begin(paths[0]);
	float param = PARAM;

	paths[0]->func(&x, &param, 1, f);
	emu_nc_fp_end(fp);
	return x;
}

static void test_function_limits(void **state)
{
	static const struct {
		uint8_t f;
		uint32_t x, want;
	} cases[] = {
		{ NEURON_FUNC_EXP, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_EXP, 0xff800000, 0 },
		{ NEURON_FUNC_EXP, 0x80000000, 0x3f800000 },
		{ NEURON_FUNC_EXP, 0x42b17218, 0x7f800000 },
		{ NEURON_FUNC_EXP, 0xc2aeac50, 0 },
		{ NEURON_FUNC_SIGMOID, 0x7f800000, 0x3f800000 },
		{ NEURON_FUNC_SIGMOID, 0xff800000, 0 },
		{ NEURON_FUNC_SIGMOID, 0, 0x3f000000 },
		{ NEURON_FUNC_TANH, 0x7f800000, 0x3f800000 },
		{ NEURON_FUNC_TANH, 0xff800000, 0xbf800000 },
		{ NEURON_FUNC_TANH, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_ERF, 0xff800000, 0xbf800000 },
		{ NEURON_FUNC_ERF, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_GELU, 0xff800000, 0x80000000 },
		{ NEURON_FUNC_GELU, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_GELU_TANH, 0xff800000, 0x80000000 },
		{ NEURON_FUNC_GELU_TANH, 0x7f7fffff, 0x7f7fffff },
		{ NEURON_FUNC_SQRT, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_SQRT, 0xbf800000, 0x7fc00000 },
		{ NEURON_FUNC_RSQRT, 0, 0x7f800000 },
		{ NEURON_FUNC_RSQRT, 0x80000000, 0xff800000 },
		{ NEURON_FUNC_RECIPROCAL, 0x7f000000, 0 },
		{ NEURON_FUNC_RECIPROCAL, 0xff000000, 0x80000000 },
		{ NEURON_FUNC_RECIPROCAL, 0x7e800000, 0x00800000 },
		{ NEURON_FUNC_RELU, 0x80000000, 0 },
		{ NEURON_FUNC_RELU, 0xff800000, 0 },
		{ NEURON_FUNC_ABS, 0xff800000, 0x7f800000 },
		{ NEURON_FUNC_LOG, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_LOG, 0, 0xff800000 },
		{ NEURON_FUNC_LOG, 0x80000000, 0xff800000 },
		{ NEURON_FUNC_LOG, 0x3f800000, 0 },
		{ NEURON_FUNC_LOG, 0xbf800000, 0x7fc00000 },
		{ NEURON_FUNC_LOG, 0xff800000, 0x7fc00000 },
		{ NEURON_FUNC_SIN, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_SIN, 0x49800000, 0x7fc00000 },	/* 2^20 */
		{ NEURON_FUNC_COS, 0x7f800000, 0x7fc00000 },
		{ NEURON_FUNC_COS, 0, 0x3f800000 },
		{ NEURON_FUNC_SOFTPLUS, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_SOFTPLUS, 0xff800000, 0 },
		{ NEURON_FUNC_MISH, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_MISH, 0xff800000, 0x80000000 },
		{ NEURON_FUNC_SILU, 0xff800000, 0x80000000 },
		{ NEURON_FUNC_SILU, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_CLAMP01, 0x80000000, 0 },
		{ NEURON_FUNC_CLAMP01, 0x7f800000, 0x3f800000 },
		{ NEURON_FUNC_HARD_SWISH, 0xff800000, 0x80000000 },
		{ NEURON_FUNC_HARD_SWISH, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_FLOOR, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_FLOOR, 0xbe800000, 0xbf800000 },
		{ NEURON_FUNC_CEIL, 0xbe800000, 0x80000000 },
		{ NEURON_FUNC_CEIL, 0x7f800000, 0x7f800000 },
		{ NEURON_FUNC_ROUND, 0x3f000000, 0 },
		{ NEURON_FUNC_ROUND, 0x3fc00000, 0x40000000 },
		{ NEURON_FUNC_SIGN, 0xff800000, 0xbf800000 },
		{ NEURON_FUNC_SIGN, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_ELU, 0xff800000, 0xbf400000 },
		{ NEURON_FUNC_LEAKY_RELU, 0x80000000, 0x80000000 },
		{ NEURON_FUNC_RELU_CLIP, 0x7f800000, 0x3f400000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check("limit", paths[0], one(cases[i].f, nct_uf(cases[i].x)), nct_uf(cases[i].want),
		      nct_uf(cases[i].x), (float)cases[i].f, 0);
	for (unsigned int f = 0; f < FUNCS; f++)
		assert_true(isnan(one(f, NAN)));
}

/* The bits themselves, so that no host and no compiler may change them: a hash of 2^16 results. */
static void test_function_bits(void **state)
{
	static const uint32_t want[FUNCS] = {
#include "nc_function_bits.def"
	};

	for (unsigned int f = 0; f < FUNCS; f++) {
		uint32_t h = 2166136261u;

		for (uint32_t i = 0; i < 65536; i++) {
			float x = mdl_daz(nct_uf(i << 16 | (i * 40503u & 0xffff))), y = one(f, x);

			h = (h ^ (isnan(y) ? 0x7fc00000 : nct_f(y))) * 16777619u;
			h ^= h >> 15;
		}
		if (h != want[f])
			fail_msg("function %u: the bits of its results changed: 0x%08x", f, h);
	}
}

/* Functions inside of whole runs of columns are those of one column, for 2^16 values. */
static void compare_runs(const struct emu_nc_kernels *k, emu_nc_act_fn *activate, unsigned int f)
{
	float one[128], none[128], param[128], x[128], y[128], z[128];
	struct emu_nc_act_run run = {
		.src = { EMU_NC_WORDS, x, 0 }, .dst = { EMU_NC_WORDS, y, 0 }, .scale = one,
		.bias = none, .param = param, .columns = 1, .lanes = 128,
	};

	for (unsigned int i = 0; i < 128; i++) {
		one[i] = 1.0f;
		none[i] = -0.0f;
		param[i] = PARAM;
	}
	for (uint32_t at = 0; at < 65536; at += 128) {
		uint64_t fp = emu_nc_fp_begin(k);

		for (uint32_t i = 0; i < 128; i++)
			x[i] = mdl_daz(nct_uf((at + i) << 16 | ((at + i) * 40503u & 0xffff)));
		memcpy(z, x, sizeof(z));
		k->func(z, param, 128, f);
		run.lanes = at % 3 ? 128 : 2 + at / 128 % 126 / 2 * 2;
		activate(&run);
		emu_nc_fp_end(fp);
		for (uint32_t i = 0; i < run.lanes; i++)
			check("activate", k, y[i], z[i], x[i], (float)f, 0);
	}
}

static void test_function_runs(void **state)
{
	for (int p = 0; p < path_count; p++)
		for (unsigned int f = 0; f < FUNCS; f++) {
			emu_nc_act_fn *activate = paths[p]->activate ? paths[p]->activate(f) : NULL;

			if (activate)
				compare_runs(paths[p], activate, f);
		}
}

/* ---- conversions ---- */

static void test_conversions(void **state)
{
	static const uint8_t types[] = { NEURON_FP32,	NEURON_FP16,  NEURON_BF16,
					 NEURON_INT8,	NEURON_UINT8, NEURON_INT16,
					 NEURON_UINT16, NEURON_INT32, NEURON_UINT32 };
	struct nct *t = *state;

	for (int r = 0; r < ROUNDS * 2; r++) {
		unsigned int type = types[r % 9], size = mdl_size(type),
			     psum = size == 4 && nct_below(2);
		unsigned int n = 1 + nct_below(N), part = nct_below(N + 1 - n),
			     off = nct_below(64) * size;
		struct emu_nc_ap ap = { .psum = psum, .part = (uint8_t)part, .parts = (uint8_t)n,
					.dtype = (uint8_t)type };
		const struct emu_nc_kernels *k = paths[r / 9 % path_count];
		struct emu_nc_lanes lanes;
		float x[N], *y;
		uint64_t fp;
		bool nan = false, got_nan;

		hard_lanes(x);
		for (int i = 0; i < N; i++) {
			if (nct_below(3) == 0)
				x[i] = (float)((int)nct_below(200000) - 100000) * 0.5f;
			nan |= (unsigned int)i < n && isnan(x[i]);
		}
		fp = emu_nc_fp_begin(k);
		got_nan = k->store(&t->nc->mem, &ap, (int32_t)off, x);
		y = k->load(&t->nc->mem, &ap, (int32_t)off, &lanes);
		emu_nc_fp_end(fp);
		assert_int_equal(got_nan, nan);
		for (unsigned int i = 0; i < n; i++) {
			uint32_t bits = nct_peek(t, (int)psum, part + i, off, size);

			if (bits != mdl_store(type, x[i]))
				fail_msg("%s: type %u of %08x is %08x, not %08x", k->name, type,
					 nct_f(x[i]), bits, mdl_store(type, x[i]));
			check("load", k, y[i], mdl_load(type, bits), x[i], (float)type, 0);
		}
	}
}

static void test_all_halves(void **state)
{
	static const uint8_t types[] = { NEURON_FP16, NEURON_BF16, NEURON_INT16, NEURON_UINT16 };
	struct nct *t = *state;
	struct emu_nc_ap ap = { .parts = N };
	struct emu_nc_lanes lanes;

	for (uint32_t base = 0; base < 0x10000 * 4; base += N) {
		const struct emu_nc_kernels *k = paths[base / N % path_count];
		uint64_t fp = emu_nc_fp_begin(k);
		float *y;

		ap.dtype = types[base >> 16];
		for (unsigned int p = 0; p < N; p++)
			nct_poke(t, 0, p, 0, 2, (base + p) & 0xffff);
		y = k->load(&t->nc->mem, &ap, 0, &lanes);
		k->store(&t->nc->mem, &ap, 2, y);
		emu_nc_fp_end(fp);
		for (unsigned int p = 0; p < N; p++) {
			uint32_t h = (base + p) & 0xffff;

			check("half", k, y[p], mdl_load(ap.dtype, h), (float)h, ap.dtype, 0);
			/* and back: the same but for NaNs and flushed bf16 */
			assert_int_equal(nct_peek(t, 0, p, 2, 2), mdl_store(ap.dtype, y[p]));
			if (!isnan(y[p]) && (y[p] != 0 || !(h & 0x7fff) || ap.dtype != NEURON_BF16))
				assert_int_equal(nct_peek(t, 0, p, 2, 2), h);
		}
	}
}

/* A job computes the same whatever modes its thread has, and gives them back. */
static void test_host_modes(void **state)
{
	struct nct *t = *state;
	static const int modes[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };

	for (int p = 0; p < path_count; p++) {
		uint32_t first = 0;

		t->nc->kernels = paths[p];
		for (int r = 0; r < 4; r++) {
			struct neuron_insn *i;

			nct_begin(t);
			i = nct_insn(t, NEURON_OP_MEMSET);
			i->memset.count[0] = i->memset.count[1] = i->memset.count[2] =
				i->memset.count[3] = 1;
			i->memset.value = nct_f(3.0f);
			i->memset.partitions = 1;
			i->memset.dst_dtype = NEURON_FP32;
			i->wait_sem = NEURON_ISA_NO_SEM;
			i = nct_insn(t, NEURON_OP_TENSOR_SCALAR);
			i->tensor_scalar.count[0] = i->tensor_scalar.count[1] = 1;
			i->tensor_scalar.count[2] = i->tensor_scalar.count[3] = 1;
			i->tensor_scalar.scalar0 = nct_f(1.0f);
			i->flags = NEURON_SCALAR0_REVERSE;
			i->tensor_scalar.alu0 = NEURON_ALU_DIV;
			i->tensor_scalar.partitions = 1;
			i->tensor_scalar.src_dtype = i->tensor_scalar.dst_dtype = NEURON_FP32;
			assert_int_equal(fesetround(modes[r]), 0);
			nct_run_ok(t);
			assert_int_equal(fegetround(), modes[r]);
			fesetround(FE_TONEAREST);
			if (!r)
				first = nct_peek(t, 0, 0, 0, 4);
			assert_int_equal(nct_peek(t, 0, 0, 0, 4), first);
			assert_int_equal(first, nct_f(1.0f / 3.0f));
		}
	}
	t->nc->kernels = emu_nc_kernels_select();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alu),
		cmocka_unit_test(test_ialu),
		cmocka_unit_test(test_rem_mod_pow),
		cmocka_unit_test(test_affine),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_flush_boundary),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_function_limits),
		cmocka_unit_test(test_function_bits),
		cmocka_unit_test(test_function_runs),
		cmocka_unit_test_setup_teardown(test_conversions, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_all_halves, nct_setup, nct_teardown),
		cmocka_unit_test_setup_teardown(test_host_modes, nct_setup, nct_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nc_numerics", tests, setup, NULL);
}
