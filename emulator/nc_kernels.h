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
#define EMU_NC_PAIRS		(NEURON_PE_ROWS / 2)

typedef float emu_nc_float_strip[NEURON_PE_ROWS][EMU_NC_STRIP];
typedef int32_t emu_nc_int_strip[NEURON_PE_ROWS][EMU_NC_STRIP];
/* Of bf16: row 2 j in the high half of word j, row 2 j + 1 in the low one. */
typedef uint32_t emu_nc_pair_strip[EMU_NC_PAIRS][EMU_NC_STRIP];

/* Memory that will be read soon, a line here and there; what has been asked for is taken off. */
struct emu_nc_ahead {
	const char *at, *end;
};

/* A product of a chain: of an array and elements 0 .. k - 1 of some columns. */
struct emu_nc_link {
	const emu_nc_pair_strip *w;
	const uint32_t *const *x;
	unsigned int k;
};

/* How an operand's columns lie in memory. */
enum emu_nc_place {
	EMU_NC_NOWHERE,
	EMU_NC_WORDS,	/* lanes in order, 32 bits each: PSUM */
	EMU_NC_BF16,	/* a row of SBUF, from an even partition on */
	EMU_NC_FP32,	/* two such rows: low halves, high halves */
};

/* Columns of an operand, @step bytes apart. */
struct emu_nc_strand {
	enum emu_nc_place place;
	void *at;
	long step;
};

/* Of an operand; EMU_NC_NOWHERE: its columns are none of these. */
static inline enum emu_nc_place emu_nc_strand_place(const struct emu_nc_ap *ap)
{
	if (ap->psum)
		return ap->dtype == NEURON_FP32 && !(ap->parts & 1) ? EMU_NC_WORDS : EMU_NC_NOWHERE;
	if (ap->part & 1 || ap->parts & 1)
		return EMU_NC_NOWHERE;
	return ap->dtype == NEURON_BF16 ? EMU_NC_BF16 :
	       ap->dtype == NEURON_FP32 ? EMU_NC_FP32 : EMU_NC_NOWHERE;
}

/* Columns of it from byte @off of a partition on, @step apart. */
static inline struct emu_nc_strand emu_nc_strand(struct emu_nc_mem *mem,
						 const struct emu_nc_ap *ap, int32_t off,
						 int32_t step)
{
	return (struct emu_nc_strand){
		.place = emu_nc_strand_place(ap), .step = (long)step * NEURON_PARTITIONS,
		.at = ap->psum ? (void *)&mem->psum[off / 4][ap->part] :
				 (void *)&mem->sbuf[off / 2][ap->part],
	};
}

/* A run of columns of an activate: dst = func(scale * src + bias + residual), sum += dst. */
struct emu_nc_act_run {
	struct emu_nc_strand src, dst, residual;
	const float *scale, *bias, *param;	/* of @lanes lanes */
	float *sum;				/* the same, or NULL */
	unsigned int columns, lanes;
};

/* Returns whether a result was a NaN. */
typedef bool emu_nc_act_fn(const struct emu_nc_act_run *run);

#define EMU_NC_FRESH	8

/*
 * A run of results of a reduction: column c of @dst is made of those @tap[0 .. taps - 1] bytes
 * behind column c of @src, in this order. Those @fresh_tap bytes behind it were not of results
 * before it: there is something to fetch ahead.
 */
struct emu_nc_window {
	struct emu_nc_strand src, dst, other;
	const int32_t *tap, *other_tap;		/* the latter NULL if there is no other operand */
	const float (*factor)[NEURON_PARTITIONS];	/* of each tap: even lanes, then odd ones */
	/*
	 * The same in bf16, of two taps at a time: of tap 2 t in high halves, of tap 2 t + 1 or, if there
	 * is none, 0 in low ones. Of 8 lanes, in the order that rows have, the first 4 are in the first
	 * half of 32 words.
	 */
	const uint32_t (*pair)[NEURON_PARTITIONS];
	float scale;
	unsigned int taps, columns, lanes;
	int32_t fresh_tap[EMU_NC_FRESH];
	unsigned int fresh;
};

typedef bool emu_nc_window_fn(const struct emu_nc_window *w);

/**
 * struct emu_nc_kernels - the functions of one path
 * @name: what people call it: "generic", "avx2", "avx512", "bf16"
 * @ftz: needs the host's flush-to-zero modes (emu_nc_fp_begin)
 * @load: element at byte @off of @ap, every partition, as fp32; subnormals become 0.
 *	Returns the place of lane 0 in @lanes
 * @store: the reverse, from @x (lane 0); converts. Returns whether a value was a NaN
 * @load_int: as int32; floating types as storing to int32 converts, uint32 as its bits
 * @store_int: the reverse of @x, int32 or, if @is_unsigned, uint32; to int32 and uint32 its
 *	bits, to smaller integers the nearest value, to floating types through fp32
 * @affine: x = scale * x + bias (one rounding), then x + residual
 * @activate: what does a whole run with that function, or NULL: there is no such. It may take
 *	lanes of several columns before it writes the first. May be NULL
 * @func: x = func(x), with its parameter if it has one
 * @alu: out = a alu b
 * @ialu: the same in int32 or, if @is_unsigned, uint32
 * @fma: acc = fma(a, b, acc)
 * @products: from +0 on, for each tap in turn: acc = fma(src, factor, acc); src of bf16
 * @pair_products: the same of factors of bf16, which are in pairs; or NULL
 * @sums: the sum of src, then times @scale; or from +0 on acc = fma(src, other, acc)
 * @greatest: max of src, of bf16, then times @scale
 * @least: min; all of these four may be NULL
 * @strip: transpose 16 rows of @n words, dst[j][i] = src[i][j]
 * @join: of two rows of 16-bit elements, words of an even partition (high half) and the next one:
 *	@n words of the even partitions and as many of the odd ones, @a in the high half
 * @mac: acc[m] = fma(w[k][m], x[k], acc[m]) for k ascending, k rounded up to even; for
 *	@columns pairs of acc and x, whose accs do not overlap. Where @start, acc begins as +0.
 *	acc is PSUM: read as load does, NaNs are stored as store does, nothing beyond @m is
 *	written. @ahead: what to fetch meanwhile. Returns whether a result was a NaN
 * @dot: the same with bf16 pairs, each x a row of SBUF from an even partition on; or NULL
 * @chain: dot of one @link after the other, the sums in registers all the time; or NULL
 * @imac: in int32 modulo 2^32, one column, nothing beyond @m
 * @swap_pairs: copy @n 32-bit words, exchanging their halves: memory to or from SBUF rows
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
	emu_nc_act_fn *(*activate)(unsigned int func);
	void (*func)(float *x, const float *param, unsigned int n, unsigned int func);
	void (*alu)(float *out, const float *a, const float *b, unsigned int n, unsigned int alu);
	void (*fma)(float *acc, const float *a, const float *b, unsigned int n);
	emu_nc_window_fn *products;
	emu_nc_window_fn *pair_products;
	emu_nc_window_fn *sums;
	emu_nc_window_fn *greatest;
	emu_nc_window_fn *least;
	void (*ialu)(uint32_t *out, const uint32_t *a, const uint32_t *b, unsigned int n,
		     unsigned int alu, bool is_unsigned);
	void (*strip)(uint32_t (*dst)[EMU_NC_STRIP], const uint32_t *const src[EMU_NC_STRIP],
		      unsigned int n);
	void (*join)(uint32_t *even, uint32_t *odd, const uint32_t *a, const uint32_t *b,
		     unsigned int n);
	bool (*mac)(float *const *acc, const emu_nc_float_strip *w, const float *const *x,
		    unsigned int columns, unsigned int k, unsigned int m, bool start,
		    struct emu_nc_ahead *ahead);
	bool (*dot)(float *const *acc, const emu_nc_pair_strip *w, const uint32_t *const *x,
		    unsigned int columns, unsigned int k, unsigned int m, bool start,
		    struct emu_nc_ahead *ahead);
	bool (*chain)(float *const *acc, const struct emu_nc_link *link, unsigned int links,
		      unsigned int columns, unsigned int m, bool start);
	void (*imac)(int32_t *acc, const emu_nc_int_strip *w, const int32_t *x, unsigned int k,
		     unsigned int m);
	void (*swap_pairs)(void *dst, const void *src, size_t n);
};

extern const struct emu_nc_kernels emu_nc_kernels_generic;
#if defined(__x86_64__)
extern const struct emu_nc_kernels emu_nc_kernels_avx2;
extern const struct emu_nc_kernels emu_nc_kernels_avx512;
extern const struct emu_nc_kernels emu_nc_kernels_bf16;

/* The self-test: does @k multiply as the reference does, subnormals, infinities and NaNs included? */
bool emu_nc_kernels_good(const struct emu_nc_kernels *k);
#endif

/* The fp32 @bits, an immediate of an instruction; a subnormal becomes 0. */
static inline float emu_nc_flushed(uint32_t bits)
{
	union { uint32_t u; float f; } v = { bits & 0x7f800000u ? bits : bits & 0x80000000u };

	return v.f;
}

/* The same in all lanes. */
static inline float *emu_nc_lanes_fill(struct emu_nc_lanes *lanes, uint32_t bits)
{
	float f = emu_nc_flushed(bits);

	for (unsigned int i = 0; i < NEURON_PARTITIONS; i++)
		lanes->f[i] = f;
	return lanes->f;
}

#define EMU_NC_PATHS	4

/*
 * The paths that this host has, the reference first, the fastest last; each has passed a
 * self-test against the reference. Returns how many.
 */
unsigned int emu_nc_kernels_all(const struct emu_nc_kernels *paths[EMU_NC_PATHS]);
/*
 * The fastest path of this host, or the one that NEURON_EMU_PATH names in the environment
 * if the host has it.
 */
const struct emu_nc_kernels *emu_nc_kernels_select(void);

/*
 * Put the calling thread's floating-point unit into the state that @k needs (round to
 * nearest, exceptions masked); returns the state to give back to emu_nc_fp_end().
 */
uint64_t emu_nc_fp_begin(const struct emu_nc_kernels *k);
void emu_nc_fp_end(uint64_t saved);

#endif
