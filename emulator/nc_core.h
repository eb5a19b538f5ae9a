/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a NeuronCore is made of; shared by the emulator/nc_*.c files, by nobody else.
 *
 * The flow of an instruction: nc_job.c fetches 64 bytes and picks the engine that goes
 * next in model time; the engine's decode function checks everything that depends on
 * the instruction only; the engine's exec function computes.
 */
#ifndef EMU_NC_CORE_H
#define EMU_NC_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>
#include <neuron/job.h>
#include <neuron/regs.h>
#include "nc.h"
#include "nc_batch.h"
#include "nc_cache.h"
#include "nc_kernels.h"
#include "nc_mem.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "SBUF rows, segments and instructions are little-endian here"
#endif

#define EMU_NC_ARRAYS	8

/* Room for an array of any form. */
union emu_nc_array_room {
	emu_nc_float_strip f[EMU_NC_STRIPS];
	emu_nc_int_strip i[EMU_NC_STRIPS];
	emu_nc_pair_strip pairs[EMU_NC_STRIPS];
};

/*
 * The PE array: what the last ldweights left there, in one or two forms; in an image, which is
 * then held, or in rooms of its own. Products that are not computed yet have borrowed theirs.
 */
struct emu_nc_weights {
	union emu_nc_array_room room[EMU_NC_ARRAYS] __attribute__((aligned(64)));
	uint32_t used, lent;	/* bits of rooms */
	union emu_nc_array form[EMU_NC_FORM_COUNT];
	bool has[EMU_NC_FORM_COUNT];
	struct emu_nc_image *image;
	struct emu_nc_pack *pack;	/* of the image */
	struct emu_nc_ahead ahead;	/* what is likely to be loaded next */
	uint8_t k;		/* 0: nothing loaded in this job */
	uint8_t m;
	bool integer;
};

/* A segment of the running job, resolved at its first use. */
struct emu_nc_segmem {
	uint8_t *host;		/* its memory in this process, or NULL */
	bool resolved;
};

enum emu_nc_abort_state {
	EMU_NC_IDLE,
	EMU_NC_ARMED,		/* a job runs or is about to */
	EMU_NC_ABORTING,
};

struct emu_nc_team;

struct emu_nc {
	struct emu_nc_bus bus;
	struct emu_nc_mem mem;
	struct emu_nc_cache cache;
	const struct emu_nc_kernels *kernels;
	struct emu_nc_team *team;
	uint32_t owner;		/* of what is in SBUF and PSUM; 0: nobody */

	_Atomic uint32_t sem[NEURON_ISA_SEMAPHORES];
	_Atomic uint32_t event[NEURON_NC_EVENT_COUNT];
	bool used;		/* a job ran since SBUF and PSUM were wiped */
	_Atomic int abort;	/* enum emu_nc_abort_state */

	emu_nc_trace_fn *trace;
	void *trace_opaque;

	_Atomic uint32_t pc[NEURON_STREAMS];	/* for those who watch */

	/* the running job */
	const struct neuron_segment *segments;
	unsigned int segment_count;
	unsigned int sharing;	/* see struct emu_nc_bus */
	struct emu_nc_segmem segmem[NEURON_SEGMENTS];
	atomic_bool remap;	/* @segmem is not to be believed any more */
	atomic_bool nan;	/* an engine produced a NaN */
	uint64_t detail;	/* of the fault being reported */

	struct emu_nc_weights weights;
	struct emu_nc_batch batch;
	uint32_t tile[NEURON_PARTITIONS][NEURON_PARTITIONS];	/* transpose */
	uint8_t bounce[0x10000];	/* dma_copy: runs of memory that is not mapped */
};

/*
 * Decoded instructions: access patterns in bytes, checked against the partition size.
 * "n" is the product of the counts.
 */
struct emu_nc_dec_pe {
	struct emu_nc_counts counts;
	struct emu_nc_ap src, dst;
	uint8_t k, m;
	uint8_t dtype;
	bool start, integer;
	bool apart;	/* no two columns have the same destination */
};

struct emu_nc_dec_act {
	struct emu_nc_counts counts;
	struct emu_nc_ap src, dst, bias, scale, residual;
	uint32_t scale_imm;	/* float bits */
	uint32_t bias_imm;
	uint32_t param_imm;	/* of the function */
	struct emu_nc_ap param, sum;
	bool has_bias, has_scale, has_residual, has_param;
	bool reduce, accumulate;
	uint8_t func;
};

struct emu_nc_dec_pool {
	struct emu_nc_counts counts;
	struct emu_nc_ap src0, src1, dst;
	struct emu_nc_ap scalar[2];
	uint32_t imm[2]; /* float bits: tensor_scalar's, tensor_reduce's scale, memset's value */
	bool pointer[2], reverse[2];
	bool integer, is_unsigned;	/* computes in int32, or uint32 */
	bool index, last;		/* tensor_reduce: where the result is */
	bool held;			/* tensor_dot: src1 is the same for all results */
	uint8_t alu[2];
	uint8_t dims;
};

/* transpose, iota, select, gather: what moves or makes values and computes nothing. */
struct emu_nc_dec_move {
	struct emu_nc_counts counts;	/* gather's index, transpose's tiles */
	struct emu_nc_ap src, dst, index;	/* index: also select's condition */
	uint32_t imm;
	uint32_t limit;
	int32_t add[4], part_add, value;
	uint8_t k, m;
	bool immediate, invert, integer;
};

/*
 * One side of a dma_copy. Local: partition and byte move separately, so that an address
 * is (part + sum of i * dpart, base + sum of i * step).
 */
struct emu_nc_dma_side {
	bool local, psum;
	uint8_t seg;
	int32_t part;
	int32_t dpart[4];
	int64_t base;
	int64_t step[4];
	int64_t low, high;	/* bytes touched: [low, high) of the segment or the partitions */
};

struct emu_nc_dec_dma {
	struct emu_nc_counts counts;
	struct emu_nc_dma_side src, dst;
	uint32_t size;		/* of an element */
	uint64_t runs;		/* for the timing model: contiguous pieces, and their bytes */
	uint64_t run_bytes;
	/* dma_gather: count[1] is the indexed loop */
	bool gather;
	struct emu_nc_ap index;
	uint32_t limit;
};

struct emu_nc_dec {
	struct neuron_insn insn;
	union {
		struct emu_nc_dec_pe pe;
		struct emu_nc_dec_act act;
		struct emu_nc_dec_pool pool;
		struct emu_nc_dec_move move;
		struct emu_nc_dec_dma dma;
	};
};

/*
 * All of these return an enum neuron_job_status; on a fault nc->detail says what it was:
 * the offset of the wrong field in the instruction, or the segment.
 */
int emu_nc_decode(struct emu_nc *nc, unsigned int engine, struct emu_nc_dec *d);
int emu_nc_exec(struct emu_nc *nc, struct emu_nc_dec *d);

int emu_nc_pe_decode(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_pe_exec(struct emu_nc *nc, struct emu_nc_dec *d);
/* The array holds nothing any more. */
void emu_nc_pe_release(struct emu_nc *nc);
int emu_nc_act_decode(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_act_exec(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_pool_decode(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_pool_exec(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_dot_decode(struct emu_nc *nc, struct emu_nc_dec *d);
void emu_nc_dot_compute(struct emu_nc *nc, const struct emu_nc_dec_pool *p);
int emu_nc_move_decode(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_move_exec(struct emu_nc *nc, struct emu_nc_dec *d);
void emu_nc_transpose(struct emu_nc *nc, const struct emu_nc_dec_move *v);
int emu_nc_dma_decode(struct emu_nc *nc, struct emu_nc_dec *d);
int emu_nc_dma_exec(struct emu_nc *nc, struct emu_nc_dec *d);
/* A dma_copy from memory at @mem over partitions; *done: it was one that this does. */
int emu_nc_spread(struct emu_nc *nc, const struct emu_nc_dec_dma *dma, const uint8_t *mem,
		  bool *done);

/*
 * The timing model: NeuronCore cycles that an instruction keeps its engine busy, where @sharing
 * cores share the bandwidth of memory.
 */
uint64_t emu_nc_cycles(const struct emu_nc_dec *d, unsigned int sharing);

/* Wipe what a job must not inherit from another owner. */
void emu_nc_wipe(struct emu_nc *nc);
/*
 * Somebody else reads or, if @write, writes bytes [low, high) of partitions: what is due there is
 * computed before. To be called before such an access to SBUF and PSUM, but by the PE.
 */
static inline void emu_nc_meet(struct emu_nc *nc, bool psum, const struct emu_nc_rows *at,
			       bool write)
{
	if (nc->batch.count && emu_nc_batch_conflicts(&nc->batch, psum, at, write))
		emu_nc_batch_flush(nc);
}

static inline void emu_nc_meet_ap(struct emu_nc *nc, const struct emu_nc_ap *ap, bool write)
{
	const struct emu_nc_rows at = { ap->low, ap->high, ap->part, ap->parts };

	emu_nc_meet(nc, ap->psum, &at, write);
}

/* The caller must stop soon: the job is being aborted. */
static inline bool emu_nc_aborting(struct emu_nc *nc)
{
	return atomic_load_explicit(&nc->abort, memory_order_relaxed) == EMU_NC_ABORTING;
}

/* Any thread of the core. */
static inline void emu_nc_saw_nan(struct emu_nc *nc, bool nan)
{
	if (__builtin_expect(nan, 0))
		atomic_store_explicit(&nc->nan, true, memory_order_relaxed);
}

/* Segment access, nc_segment.c. @perm: NEURON_SEG_*; [low, high) must lie inside. */
int emu_nc_segment_check(struct emu_nc *nc, unsigned int seg, uint32_t perm, int64_t low,
			 int64_t high);
/* The segment's memory in this process, or NULL: then use read and write. */
uint8_t *emu_nc_segment_map(struct emu_nc *nc, unsigned int seg);
int emu_nc_segment_read(struct emu_nc *nc, unsigned int seg, uint64_t off, void *buf, size_t len);
int emu_nc_segment_write(struct emu_nc *nc, unsigned int seg, uint64_t off, const void *buf,
			 size_t len);

/* Fault with the offset of the offending field as detail. */
static inline int emu_nc_bad(struct emu_nc *nc, size_t field)
{
	nc->detail = field;
	return NEURON_JOB_INSTRUCTION;
}

#define EMU_NC_BAD(nc, field)	emu_nc_bad(nc, offsetof(struct neuron_insn, field))

#endif
