// SPDX-License-Identifier: Apache-2.0
/*
 * What the NeuronCore's kernels reach on this host, each path for itself:
 *
 *   core-bench [PATH..]
 *
 * prints, per path, GFLOP/s of matmul instructions by their shape beside the host's own
 * peak of the operation the path is made of, and ns an element of what else there is.
 * CPU time, the best of several rounds: neighbours on the machine count little.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "nc_core.h"
#include "nc_team.h"

#define DRAM_BYTES	0x2000000u
#define CODE_BYTES	0x100000u
#define REPEAT		64	/* instructions a job */
#define ROUNDS		15

static uint8_t *dram;
static struct emu_nc *nc;
static unsigned int insns;

static void *bus_map(void *opaque, uint64_t addr, uint64_t len)
{
	return addr + len <= DRAM_BYTES ? dram + addr : NULL;
}

static int bus_none(void *opaque, uint64_t addr, void *buf, size_t len)
{
	return -1;
}

static int bus_none_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	return -1;
}

static double cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct neuron_insn *add(unsigned int op)
{
	struct neuron_insn *i = (struct neuron_insn *)dram + insns++;

	*i = (struct neuron_insn){ .op = (uint8_t)op, .wait_sem = NEURON_ISA_NO_SEM,
				   .sig_sem = NEURON_ISA_NO_SEM };
	return i;
}

/* Best CPU time of the program, which is one engine's. */
static double run(unsigned int engine)
{
	const struct neuron_segment seg[] = {
		{ 0, CODE_BYTES, NEURON_SEG_READ | NEURON_SEG_EXEC, 0, 0 },
		{ CODE_BYTES, DRAM_BYTES - CODE_BYTES, NEURON_SEG_READ | NEURON_SEG_WRITE, 0, 0 },
	};
	struct neuron_job job = { .op = NEURON_JOB_EXEC };
	struct neuron_completion c;
	double best = 1e9;

	job.stream[engine] = (struct neuron_job_stream){ 0, insns };
	for (int r = 0; r < ROUNDS; r++) {
		double t = cpu_time();

		emu_nc_run(nc, seg, 2, 1, &job, &c);
		t = cpu_time() - t;
		best = t < best ? t : best;
		if (c.status) {
			fprintf(stderr, "job ends with status %u at %u, detail %llu\n", c.status,
				c.pc, (unsigned long long)c.detail);
			exit(1);
		}
	}
	insns = 0;
	return best;
}

/* ---- peaks ---- */

#if defined(__x86_64__)
#define PEAK(name, isa, reg, line, flops)						\
	static double name(void)							\
	{										\
		const long n = 4000000;							\
		double best = 1e9;							\
											\
		for (int r = 0; r < 5; r++) {						\
			double t = cpu_time();						\
											\
			for (long i = 0; i < n; i++)					\
				__asm__ volatile(					\
					line(0) line(1) line(2) line(3) line(4) line(5)	\
					line(6) line(7) line(8) line(9) line(10) line(11)\
					::: reg(0), reg(1), reg(2), reg(3), reg(4),	\
					reg(5), reg(6), reg(7), reg(8), reg(9), reg(10),\
					reg(11));					\
			t = cpu_time() - t;						\
			best = t < best ? t : best;					\
		}									\
		return 12 * (flops) * (double)n / best / 1e9;				\
	}
#define XMM(n)		"xmm" #n
#define FMA_YMM(n)	"vfmadd231ps %%ymm15, %%ymm15, %%ymm" #n "\n\t"
#define FMA_ZMM(n)	"vfmadd231ps %%zmm15, %%zmm15, %%zmm" #n "\n\t"
#define DOT_ZMM(n)	"vdpbf16ps %%zmm15, %%zmm15, %%zmm" #n "\n\t"
#define ZERO(f)		__asm__ volatile("vxorps %%xmm15, %%xmm15, %%xmm15" ::: "xmm15")

PEAK(peak_avx2, "avx2", XMM, FMA_YMM, 16.0)
PEAK(peak_avx512, "avx512f", XMM, FMA_ZMM, 32.0)
PEAK(peak_bf16, "avx512bf16", XMM, DOT_ZMM, 64.0)
#endif

static double peak(const char *path)
{
#if defined(__x86_64__)
	ZERO();
	if (!strcmp(path, "avx2"))
		return peak_avx2();
	if (!strcmp(path, "avx512"))
		return peak_avx512();
	if (!strcmp(path, "bf16"))
		return peak_bf16();
#endif
	return 0;
}

/* ---- instructions ---- */

static void counts(uint16_t count[4], unsigned int n)
{
	count[0] = count[1] = count[2] = 1;
	count[3] = (uint16_t)n;
}

static void ldweights(unsigned int k, unsigned int m)
{
	struct neuron_insn *i = add(NEURON_OP_LDWEIGHTS);

	i->ldweights.step = 1;
	i->ldweights.k = (uint8_t)k;
	i->ldweights.m = (uint8_t)m;
	i->ldweights.dtype = NEURON_BF16;
}

static void matmul(unsigned int k, unsigned int m, unsigned int n, bool start)
{
	struct neuron_insn *i = add(NEURON_OP_MATMUL);

	i->flags = start ? NEURON_MATMUL_START : 0;
	counts(i->matmul.count, n);
	i->matmul.src = 0x1000;
	i->matmul.dst = NEURON_LOCAL_PSUM;
	i->matmul.src_step[3] = i->matmul.dst_step[3] = 1;
	i->matmul.k = (uint8_t)k;
	i->matmul.m = (uint8_t)m;
	i->matmul.dtype = NEURON_BF16;
}

static void bench_matmul(const char *path)
{
	static const struct {
		unsigned int k, m, n;
	} shapes[] = { { 128, 128, 512 }, { 128, 128, 196 }, { 128, 128, 49 }, { 128, 128, 16 },
		       { 128, 128, 1 }, { 64, 64, 448 }, { 22, 128, 196 }, { 4, 128, 196 } };
	double top = peak(path);

	if (top > 0)
		printf("%-8s %-34s %8.1f GFLOP/s\n", path, "peak of the host's instruction", top);
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		unsigned int k = shapes[s].k, m = shapes[s].m, n = shapes[s].n;
		double flops = 2.0 * k * m * n, t;
		char what[64];

		ldweights(k, m);
		for (int i = 0; i < REPEAT; i++)
			matmul(k, m, n, !i);
		t = run(NEURON_PE) / REPEAT;
		snprintf(what, sizeof(what), "matmul %ux%ux%u", k, m, n);
		printf("%-8s %-34s %8.1f GFLOP/s %9.0f ns", path, what, flops / t / 1e9, t * 1e9);
		if (top > 0)
			printf("  %5.1f %% of peak", flops / t / 1e7 / top);
		printf("\n");
	}
	for (int i = 0; i < REPEAT; i++)
		ldweights(128, 128);
	printf("%-8s %-34s %28.0f ns\n", path, "ldweights 128x128", run(NEURON_PE) / REPEAT * 1e9);
}

static void per_element(const char *path, const char *what, unsigned int engine, unsigned int n)
{
	double t = run(engine) / 8;

	printf("%-8s %-34s %28.0f ns  %6.3f ns an element\n", path, what, t * 1e9,
	       t * 1e9 / n / 128);
}

static struct neuron_insn *activate(unsigned int func, unsigned int n, bool residual)
{
	struct neuron_insn *i = add(NEURON_OP_ACTIVATE);

	counts(i->activate.count, n);
	i->activate.src = NEURON_LOCAL_PSUM;
	i->activate.dst = 0x4000;
	i->activate.bias = 0x100;
	i->activate.src_step[3] = i->activate.dst_step[3] = 1;
	i->activate.scale = 0x3f800000;
	i->activate.residual = residual ? 0x8000 : 0;
	i->flags = NEURON_ACTIVATE_BIAS | (residual ? NEURON_ACTIVATE_RESIDUAL : 0);
	i->activate.partitions = 128;
	i->activate.func = (uint8_t)func;
	i->activate.src_dtype = NEURON_FP32;
	i->activate.dst_dtype = NEURON_BF16;
	return i;
}

static void bench_act(const char *path)
{
	static const struct {
		const char *name;
		uint8_t func;
		bool residual;
	} cases[] = {
		{ "activate relu, PSUM to bf16", NEURON_FUNC_RELU, false },
		{ "activate relu with residual", NEURON_FUNC_RELU, true },
		{ "activate gelu", NEURON_FUNC_GELU, false },
		{ "activate exp", NEURON_FUNC_EXP, false },
		{ "activate sigmoid", NEURON_FUNC_SIGMOID, false },
		{ "activate log", NEURON_FUNC_LOG, false },
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		for (int i = 0; i < 8; i++)
			activate(cases[c].func, 512, cases[c].residual);
		per_element(path, cases[c].name, NEURON_ACT, 512);
	}
}

/* What depthwise layers and conversions of few channels are made of: few partitions. */
static void bench_windows(const char *path)
{
	struct neuron_insn *i;

	for (int n = 0; n < 8; n++) {
		i = add(NEURON_OP_TENSOR_DOT);
		i->tensor_dot.count[0] = 4;
		i->tensor_dot.count[1] = 110;
		i->tensor_dot.count[2] = i->tensor_dot.count[3] = 3;
		i->tensor_dot.src0_step[0] = i->tensor_dot.src0_step[2] = 112;
		i->tensor_dot.src0_step[1] = i->tensor_dot.src0_step[3] = 1;
		i->tensor_dot.src1 = 0x8000;
		i->tensor_dot.src1_step[2] = 3;
		i->tensor_dot.src1_step[3] = 1;
		i->tensor_dot.dst = NEURON_LOCAL_PSUM;
		i->tensor_dot.dst_step[0] = 110;
		i->tensor_dot.dst_step[1] = 1;
		i->tensor_dot.partitions = 32;
		i->tensor_dot.dims = 2;
		i->tensor_dot.src_dtype = NEURON_BF16;
		i->tensor_dot.dst_dtype = NEURON_FP32;
	}
	per_element(path, "tensor_dot 3x3 bf16, 32 partitions", NEURON_POOL, 440 * 9 / 4);
	for (int n = 0; n < 8; n++) {
		i = add(NEURON_OP_TENSOR_SCALAR);
		counts(i->tensor_scalar.count, 2048);
		i->tensor_scalar.dst = 0xa000;
		i->tensor_scalar.src_step[3] = i->tensor_scalar.dst_step[3] = 1;
		i->tensor_scalar.partitions = 16;
		i->tensor_scalar.src_dtype = NEURON_FP32;
		i->tensor_scalar.dst_dtype = NEURON_BF16;
	}
	per_element(path, "tensor_scalar to bf16, 16 partitions", NEURON_POOL, 2048 / 8);
}

static void bench_pool(const char *path)
{
	struct neuron_insn *i;

	for (int n = 0; n < 8; n++) {
		i = add(NEURON_OP_TENSOR_TENSOR);
		counts(i->tensor_tensor.count, 512);
		i->tensor_tensor.src1 = 0x4000;
		i->tensor_tensor.dst = 0x8000;
		i->tensor_tensor.src0_step[3] = i->tensor_tensor.src1_step[3] = 1;
		i->tensor_tensor.dst_step[3] = 1;
		i->tensor_tensor.partitions = 128;
		i->tensor_tensor.alu = NEURON_ALU_ADD;
		i->tensor_tensor.src_dtype = i->tensor_tensor.dst_dtype = NEURON_BF16;
	}
	per_element(path, "tensor_tensor add bf16", NEURON_POOL, 512);
	for (int n = 0; n < 8; n++) {
		i = add(NEURON_OP_TENSOR_REDUCE);
		i->tensor_reduce.count[0] = i->tensor_reduce.count[1] = 28;
		i->tensor_reduce.count[2] = i->tensor_reduce.count[3] = 3;
		i->tensor_reduce.src_step[0] = 114;
		i->tensor_reduce.src_step[1] = i->tensor_reduce.src_step[3] = 1;
		i->tensor_reduce.src_step[2] = 57;
		i->tensor_reduce.dst = 0x8000;
		i->tensor_reduce.dst_step[0] = 28;
		i->tensor_reduce.dst_step[1] = 1;
		i->tensor_reduce.scale = 0x3f800000;
		i->tensor_reduce.partitions = 128;
		i->tensor_reduce.alu = NEURON_ALU_MAX;
		i->tensor_reduce.dims = 2;
		i->tensor_reduce.src_dtype = i->tensor_reduce.dst_dtype = NEURON_BF16;
	}
	per_element(path, "tensor_reduce max 3x3 bf16", NEURON_POOL, 28 * 28 * 9);
	bench_windows(path);
	for (int n = 0; n < 8; n++) {
		i = add(NEURON_OP_TRANSPOSE);
		counts(i->transpose.count, 128);
		i->transpose.src_step[3] = i->transpose.dst_step[3] = 1;
		i->transpose.dst = 0x4000;
		i->transpose.k = 128;
		i->transpose.dtype = NEURON_BF16;
	}
	per_element(path, "transpose 128x128 bf16", NEURON_POOL, 128);
}

/* 256 columns of 128 partitions, in the order of SBUF or a partition after the other. */
static void bench_dma(const char *path)
{
	for (int rows = 1; rows >= 0; rows--) {
		for (int n = 0; n < 8; n++) {
			struct neuron_insn *i = add(NEURON_OP_DMA_COPY);

			counts(i->dma_copy.count, rows ? 128 : 256);
			i->dma_copy.count[2] = rows ? 256 : 128;
			i->flags = 1;
			i->src_seg = 1;
			i->dst_seg = NEURON_ISA_NO_SEG;
			i->dma_copy.src_step[2] = rows ? 256 : 512;
			i->dma_copy.src_step[3] = 2;
			i->dma_copy.dst_step[2] = rows ? 2 : (int32_t)NEURON_LOCAL_PARTITION;
			i->dma_copy.dst_step[3] = rows ? (int32_t)NEURON_LOCAL_PARTITION : 2;
		}
		per_element(path, rows ? "dma_copy in, SBUF order" : "dma_copy in, partition order",
			    NEURON_DMA, 256);
	}
}

static bool wanted(const char *path, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], path))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	const struct emu_nc_bus bus = { .map = bus_map, .read = bus_none, .write = bus_none_write };
	const struct emu_nc_kernels *paths[EMU_NC_PATHS];
	unsigned int n = emu_nc_kernels_all(paths);

	dram = calloc(1, DRAM_BYTES);
	if (!dram || emu_nc_create(&bus, &nc))
		return 1;
	emu_nc_team_force(nc->team, 1);
	for (unsigned int p = 0; p < n; p++) {
		if (!wanted(paths[p]->name, argc, argv))
			continue;
		nc->kernels = paths[p];
		bench_matmul(paths[p]->name);
		bench_act(paths[p]->name);
		bench_pool(paths[p]->name);
		bench_dma(paths[p]->name);
	}
	emu_nc_destroy(nc);
	free(dram);
	return 0;
}
