/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBUF and PSUM: how they are stored, and access patterns over them.
 *
 * Storage is partition-minor: one "row" holds the same bytes of all 128 partitions, so
 * that an operation over partitions works on neighbouring memory whatever the pattern.
 *   SBUF: row = 2 bytes of a partition x 128 partitions; partition p is at index p ^ 1.
 *	   The even partition of a pair is thus the high half of a 32-bit word, the order
 *	   in which the host's bf16 dot product adds.
 *   PSUM: row = 4 bytes of a partition x 128 partitions, in order.
 */
#ifndef EMU_NC_MEM_H
#define EMU_NC_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>

#define EMU_NC_SBUF_ROWS	(NEURON_SBUF_BYTES / 2)
#define EMU_NC_PSUM_ROWS	(NEURON_PSUM_BYTES / 4)

struct emu_nc_mem {
	uint16_t (*sbuf)[NEURON_PARTITIONS];
	uint32_t (*psum)[NEURON_PARTITIONS];
};

int emu_nc_mem_create(struct emu_nc_mem *mem);
void emu_nc_mem_destroy(struct emu_nc_mem *mem);
void emu_nc_mem_wipe(struct emu_nc_mem *mem);

/* Four nested loops, [0] outermost. */
struct emu_nc_counts {
	uint32_t count[4];
	uint32_t n;		/* product */
};

/* An operand: partitions part .. part + parts - 1; base and steps in bytes. */
struct emu_nc_ap {
	bool psum;
	uint8_t part, parts, dtype;
	int32_t base;
	int32_t step[4];
	int32_t low, high;	/* bytes of a partition that are touched: [low, high) */
};

/* False: a count is 0 or the product exceeds @max. */
bool emu_nc_counts_init(struct emu_nc_counts *c, const uint16_t count[4], uint32_t max);

/*
 * Decode a local address and pattern. @step NULL: one element. False: partitions or
 * bytes outside, misaligned, or a type that is unknown or does not fit the memory.
 */
bool emu_nc_ap_init(struct emu_nc_ap *ap, const struct emu_nc_counts *c, uint32_t addr,
		    const int16_t step[4], unsigned int parts, unsigned int dtype);

/* No two elements of the pattern are the same bytes; false also where that is hard to tell. */
bool emu_nc_ap_apart(const struct emu_nc_ap *ap, const struct emu_nc_counts *c);

/* No byte is in both. */
bool emu_nc_ap_disjoint(const struct emu_nc_ap *a, const struct emu_nc_ap *b);

unsigned int emu_nc_dtype_size(unsigned int dtype);

/*
 * The same elements of up to three patterns as runs: the innermost loop, into which outer ones were
 * merged, again and again. off: byte offsets of a run's first elements.
 */
struct emu_nc_runs {
	uint32_t columns;
	int32_t step[3];	/* from column to column */
	int32_t off[3];
	unsigned int loops, n;
	uint32_t i[3], count[3];	/* of what is around, outermost first */
	int32_t outer[3][3];		/* their steps of each pattern */
};

void emu_nc_runs_init(struct emu_nc_runs *r, const struct emu_nc_counts *c,
		      const struct emu_nc_ap *const ap[], unsigned int n);
/* To the next run; false after the last one. */
bool emu_nc_runs_next(struct emu_nc_runs *r);

/* Position in up to three patterns that share the counts, as byte offsets. */
struct emu_nc_walk {
	uint32_t i[4];
	int32_t off[3];
};

static inline void emu_nc_walk_init(struct emu_nc_walk *w, const struct emu_nc_ap *const ap[],
				    unsigned int n)
{
	*w = (struct emu_nc_walk){};
	for (unsigned int j = 0; j < n; j++)
		w->off[j] = ap[j]->base;
}

/* To the next element, innermost loop first; false after the last one. */
static inline bool emu_nc_walk_next(struct emu_nc_walk *w, const struct emu_nc_counts *c,
				    const struct emu_nc_ap *const ap[], unsigned int n)
{
	for (int d = 3; d >= 0; d--) {
		if (++w->i[d] < c->count[d]) {
			for (unsigned int j = 0; j < n; j++)
				w->off[j] += ap[j]->step[d];
			return true;
		}
		w->i[d] = 0;
		for (unsigned int j = 0; j < n; j++)
			w->off[j] -= ap[j]->step[d] * (int32_t)(c->count[d] - 1);
	}
	return false;
}

#endif
