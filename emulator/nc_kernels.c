// SPDX-License-Identifier: Apache-2.0
/* Choice of the path after a self-test, and the host's floating-point modes. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "nc_kernels.h"

#if defined(__x86_64__)

/* ---- self-test ---- */

#define TEST_TILES	12	/* about 10^5 chains */
#define TEST_COLUMNS	13

struct tile {
	emu_nc_float_strip f[EMU_NC_STRIPS] __attribute__((aligned(64)));
	emu_nc_pair_strip pairs[EMU_NC_STRIPS] __attribute__((aligned(64)));
	uint32_t row[TEST_COLUMNS][EMU_NC_PAIRS];
	float x[TEST_COLUMNS][NEURON_PE_ROWS];
	float start[TEST_COLUMNS][NEURON_PE_COLUMNS];
	float acc[2][TEST_COLUMNS][NEURON_PE_COLUMNS];
	uint32_t seed;
};

static uint32_t test_random(struct tile *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 17;
	t->seed ^= t->seed << 5;
	return t->seed;
}

/* bf16 about 1 or, in every other tile, about the square root of the smallest number. */
static uint32_t test_bf16(struct tile *t, bool tiny)
{
	uint32_t r = test_random(t);

	if (r >> 24 == 0)
		return r & 0xffff & (r & 0x10000 ? 0xffff : 0x807f);	/* anything, subnormal */
	return (r & 0x807f) | ((tiny ? 61 : 120) + (r >> 16 & 7)) << 7;
}

static float test_float(uint32_t bf16)
{
	union { uint32_t u; float f; } v = { .u = bf16 & 0x7f80 ? bf16 << 16 : (bf16 & 0x8000) << 16 };

	return v.f;
}

static void test_fill(struct tile *t, bool tiny)
{
	for (unsigned int s = 0; s < EMU_NC_STRIPS; s++)
		for (unsigned int j = 0; j < EMU_NC_PAIRS; j++)
			for (unsigned int i = 0; i < EMU_NC_STRIP; i++) {
				uint32_t even = test_bf16(t, tiny), odd = test_bf16(t, tiny);

				t->pairs[s][j][i] = even << 16 | odd;
				t->f[s][2 * j][i] = test_float(even);
				t->f[s][2 * j + 1][i] = test_float(odd);
			}
	for (unsigned int c = 0; c < TEST_COLUMNS; c++) {
		for (unsigned int j = 0; j < EMU_NC_PAIRS; j++) {
			uint32_t even = test_bf16(t, tiny), odd = test_bf16(t, tiny);

			t->row[c][j] = even << 16 | odd;
			t->x[c][2 * j] = test_float(even);
			t->x[c][2 * j + 1] = test_float(odd);
		}
		for (unsigned int i = 0; i < NEURON_PE_COLUMNS; i++)
			t->start[c][i] = test_float(test_bf16(t, tiny));
	}
}

static void test_multiply(struct tile *t, const struct emu_nc_kernels *k, float (*acc)[128],
			  unsigned int rows, bool dot)
{
	const uint32_t *row[TEST_COLUMNS];
	const float *x[TEST_COLUMNS];
	struct emu_nc_ahead none = {};
	float *at[TEST_COLUMNS];
	uint64_t fp = emu_nc_fp_begin(k);

	memcpy(acc, t->start, sizeof(t->start));
	for (unsigned int c = 0; c < TEST_COLUMNS; c++) {
		row[c] = t->row[c];
		x[c] = t->x[c];
		at[c] = acc[c];
	}
	if (dot)
		k->dot(at, t->pairs, row, TEST_COLUMNS, rows, 128, false, &none);
	else
		k->mac(at, t->f, x, TEST_COLUMNS, rows, 128, false, &none);
	emu_nc_fp_end(fp);
}

bool emu_nc_kernels_good(const struct emu_nc_kernels *k)
{
	struct tile *t = aligned_alloc(64, (sizeof(*t) + 63) / 64 * 64);
	bool good = t;

	for (unsigned int n = 0; n < TEST_TILES && good; n++) {
		unsigned int rows = n < 2 ? NEURON_PE_ROWS : 1 + n;

		t->seed = 0x9e3779b9 + n;
		test_fill(t, n & 1);
		test_multiply(t, &emu_nc_kernels_generic, t->acc[0], rows, false);
		for (int dot = 0; dot <= (k->dot ? 1 : 0) && good; dot++) {
			test_multiply(t, k, t->acc[1], rows, dot);
			good = !memcmp(t->acc[0], t->acc[1], sizeof(t->acc[0]));
		}
	}
	free(t);
	return good;
}

#endif

static const struct emu_nc_kernels *usable[EMU_NC_PATHS];
static unsigned int usable_count;

static void find_paths(void)
{
	usable[usable_count++] = &emu_nc_kernels_generic;
#if defined(__x86_64__)
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return;
	if (emu_nc_kernels_good(&emu_nc_kernels_avx2))
		usable[usable_count++] = &emu_nc_kernels_avx2;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
		return;
	if (emu_nc_kernels_good(&emu_nc_kernels_avx512))
		usable[usable_count++] = &emu_nc_kernels_avx512;
	if (__builtin_cpu_supports("avx512bf16") && emu_nc_kernels_good(&emu_nc_kernels_bf16))
		usable[usable_count++] = &emu_nc_kernels_bf16;
#endif
}

unsigned int emu_nc_kernels_all(const struct emu_nc_kernels *paths[EMU_NC_PATHS])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_paths);
	memcpy(paths, usable, usable_count * sizeof(paths[0]));
	return usable_count;
}

const struct emu_nc_kernels *emu_nc_kernels_select(void)
{
	const struct emu_nc_kernels *paths[EMU_NC_PATHS];
	unsigned int n = emu_nc_kernels_all(paths);
	const char *name = getenv("NEURON_EMU_PATH");

	for (unsigned int i = 0; name && i < n; i++)
		if (!strcmp(paths[i]->name, name))
			return paths[i];
	return paths[n - 1];
}

/* ---- floating-point modes ---- */

#if defined(__x86_64__)

#define MXCSR_DEFAULT	0x1f80u	/* round to nearest, all exceptions masked */
#define MXCSR_FTZ_DAZ	0x8040u

uint64_t emu_nc_fp_begin(const struct emu_nc_kernels *k)
{
	uint32_t saved = __builtin_ia32_stmxcsr();

	__builtin_ia32_ldmxcsr(MXCSR_DEFAULT | (k->ftz ? MXCSR_FTZ_DAZ : 0));
	return saved;
}

void emu_nc_fp_end(uint64_t saved)
{
	__builtin_ia32_ldmxcsr((uint32_t)saved);
}

#elif defined(__aarch64__)

/* FPCR 0: round to nearest, no flushing. Its FZ differs: tininess before rounding. */
uint64_t emu_nc_fp_begin(const struct emu_nc_kernels *k)
{
	uint64_t saved;

	__asm__ volatile("mrs %0, fpcr" : "=r"(saved));
	__asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
	return saved;
}

void emu_nc_fp_end(uint64_t saved)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(saved) : "memory");
}

#else

/* The default modes are what the generic path needs. */
uint64_t emu_nc_fp_begin(const struct emu_nc_kernels *k)
{
	return 0;
}

void emu_nc_fp_end(uint64_t saved)
{
}

#endif
