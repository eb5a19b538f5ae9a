// SPDX-License-Identifier: Apache-2.0
/* Choice of the path, and the host's floating-point modes. */

#include "nc_kernels.h"

const struct emu_nc_kernels *emu_nc_kernels_select(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &emu_nc_kernels_avx2;
#endif
	return &emu_nc_kernels_generic;
}

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
