/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of the engines over lanes (lane = partition), one table of functions a
 * host path. All paths give the same bits; nc_math.h defines them. "generic" is plain C
 * and the reference; the fast paths are the same source or hand-written for the host.
 */
#ifndef EMU_NC_KERNELS_H
#define EMU_NC_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include "nc_mem.h"

/*
 * One value for each partition of an operand. Lane i of an operand that starts at
 * partition p is at [(p & 1) + i]: so pairs of partitions stay pairs.
 */
struct emu_nc_lanes {
	union {
		float f[NEURON_PARTITIONS + 8];
		uint32_t u[NEURON_PARTITIONS + 8];
		int32_t i[NEURON_PARTITIONS + 8];
	};
} __attribute__((aligned(64)));

/* The PE array is kept in strips of columns: w[m / STRIP][k][m % STRIP]. */
#define EMU_NC_STRIP		16
#define EMU_NC_STRIPS		(NEURON_PE_COLUMNS / EMU_NC_STRIP)
#define EMU_NC_MAC_COLUMNS	6	/* of the moving operand, at most at once */

/**
 * struct emu_nc_kernels - the functions of one path
 * @name: what people call it: "generic", "avx2"
 * @ftz: needs the host's flush-to-zero modes (emu_nc_fp_begin)
 * @load: element at byte @off of @ap, every partition, as fp32; subnormals become 0.
 *	Returns the place of lane 0 in @lanes
 * @store: the reverse, from @x (lane 0); converts. Returns whether a value was a NaN
 * @load_int: as int32; floating types as storing to int32 converts, uint32 as its bits
 * @store_int: the reverse of @x, int32 or, if @is_unsigned, uint32; to int32 and uint32 its
 *	bits, to smaller integers the nearest value, to floating types through fp32
 * @affine: x = scale * x + bias (one rounding), then x + residual
 * @func: x = func(x), with its parameter if it has one
 * @alu: out = a alu b
 * @ialu: the same in int32 or, if @is_unsigned, uint32
 * @mac: acc[m] = fma(w[k][m], x[k], acc[m]) for k ascending, k rounded up to even; for
 *	@columns pairs of acc and x. acc may be read and written for all 128 m
 * @imac: the same in int32 modulo 2^32, one column, nothing beyond @m
 */
struct emu_nc_kernels {
	const char *name;
	bool ftz;
	float *(*load)(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
		       struct emu_nc_lanes *lanes);
	bool (*store)(struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
		      const float *x);
	int32_t *(*load_int)(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
			     struct emu_nc_lanes *lanes);
	void (*store_int)(struct emu_nc_mem *mem, const struct emu_nc_ap *ap, int32_t off,
			  const uint32_t *x, bool is_unsigned);
	void (*affine)(float *x, const float *scale, const float *bias, const float *residual,
		       unsigned int n);
	void (*func)(float *x, const float *param, unsigned int n, unsigned int func);
	void (*alu)(float *out, const float *a, const float *b, unsigned int n, unsigned int alu);
	void (*ialu)(uint32_t *out, const uint32_t *a, const uint32_t *b, unsigned int n,
		     unsigned int alu, bool is_unsigned);
	void (*mac)(float *const *acc, const float (*w)[NEURON_PE_ROWS][EMU_NC_STRIP],
		    const float *const *x, unsigned int columns, unsigned int k, unsigned int m);
	void (*imac)(int32_t *acc, const int32_t (*w)[NEURON_PE_ROWS][EMU_NC_STRIP],
		     const int32_t *x, unsigned int k, unsigned int m);
};

extern const struct emu_nc_kernels emu_nc_kernels_generic;
#if defined(__x86_64__)
extern const struct emu_nc_kernels emu_nc_kernels_avx2;
#endif

/* All lanes are the fp32 @bits, an immediate of an instruction; subnormals become 0. */
static inline const float *emu_nc_lanes_fill(struct emu_nc_lanes *lanes, uint32_t bits)
{
	if (!(bits & 0x7f800000u))
		bits &= 0x80000000u;
	for (unsigned int i = 0; i < NEURON_PARTITIONS; i++)
		lanes->u[i] = bits;
	return lanes->f;
}

/* The best path of this host. */
const struct emu_nc_kernels *emu_nc_kernels_select(void);

/*
 * Put the calling thread's floating-point unit into the state that @k needs (round to
 * nearest, exceptions masked); returns the state to give back to emu_nc_fp_end().
 */
uint64_t emu_nc_fp_begin(const struct emu_nc_kernels *k);
void emu_nc_fp_end(uint64_t saved);

#endif
