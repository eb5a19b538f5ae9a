/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products that are due but not computed yet. The PE engine checks a matmul, appends it here and
 * goes on; what somebody else is about to see or to change is computed before that, by
 * emu_nc_meet(): so it makes no difference but that many small products are one large piece of
 * work, which threads share without waiting for each other.
 *
 * Products write PSUM and read SBUF and arrays that nobody changes before. Those whose results
 * lie in the same rows of PSUM and the same partitions are a group; rows of a group can be
 * computed by different threads, each of which goes through the whole list.
 */
#ifndef EMU_NC_BATCH_H
#define EMU_NC_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "nc_cache.h"
#include "nc_kernels.h"
#include "nc_mem.h"

#define EMU_NC_BATCH		64
#define EMU_NC_BATCH_GROUPS	16
#define EMU_NC_BATCH_READS	16

struct emu_nc;

/* What a product multiplies with, in the form that it takes. */
union emu_nc_array {
	const emu_nc_pair_strip *pairs;
	const emu_nc_float_strip *f;
	const emu_nc_int_strip *i;
};

enum emu_nc_form {
	EMU_NC_FORM_PAIRS,
	EMU_NC_FORM_FLOATS,
	EMU_NC_FORM_INTEGERS,
	EMU_NC_FORM_COUNT,
};

struct emu_nc_product {
	union emu_nc_array w;
	enum emu_nc_form form;
	struct emu_nc_counts counts;
	struct emu_nc_ap src, dst;
	uint16_t (*sbuf)[NEURON_PARTITIONS];	/* where the moving operand is: SBUF or an image */
	uint8_t k, m;
	bool start;
	bool apart;		/* no two columns have the same destination */
	uint8_t group;
	struct emu_nc_image *held[2];	/* images that it reads, or NULL */
	/* What is likely to be loaded next, if nothing follows here. */
	struct emu_nc_ahead ahead;
};

struct emu_nc_rows {
	int32_t low, high;
	uint8_t part, parts;
};

struct emu_nc_batch {
	unsigned int most;		/* products, 1 .. EMU_NC_BATCH; tests change it */
	unsigned int count, groups, reads;
	uint64_t work;			/* multiply-adds */
	struct emu_nc_rows group[EMU_NC_BATCH_GROUPS];	/* of PSUM, bytes of a partition */
	struct emu_nc_rows read[EMU_NC_BATCH_READS];	/* of SBUF: may be more than is read */
	struct emu_nc_product product[EMU_NC_BATCH];
};

/* Append @p; its group is set here, its images and the rooms of its array are held. */
void emu_nc_batch_add(struct emu_nc *nc, const struct emu_nc_product *p);
/* Compute all there are. Nothing is certain about the results of a job that is being aborted. */
void emu_nc_batch_flush(struct emu_nc *nc);

/* Does a product write there, or, if it is to be written, read it? */
bool emu_nc_batch_conflicts(const struct emu_nc_batch *b, bool psum, const struct emu_nc_rows *at,
			    bool write);

/* Element @off of all rows of an operand of pairs, row 0 in a high half; there or in @buf. */
const uint32_t *emu_nc_pair_row(const struct emu_nc_mem *mem, const struct emu_nc_ap *ap,
				int32_t off, uint32_t *buf);

/* Compute what lies in piece @piece of @pieces of the rows of each group; nc_product.c. */
void emu_nc_product_piece(struct emu_nc *nc, unsigned int piece, unsigned int pieces);
/* Compute piece @piece of @pieces of the groups. */
void emu_nc_product_groups(struct emu_nc *nc, unsigned int piece, unsigned int pieces);

#define EMU_NC_CHAIN		9	/* products */
#define EMU_NC_CHAIN_ROWS	512

/*
 * Compute rows [low, high) of PSUM of @n products of the same group, lanes and partitions, whose
 * columns are rows of pairs; the kernels have chains. Only the first product may start. *nan: a
 * result was a NaN. False: nothing is done, there are too many kinds of columns.
 */
bool emu_nc_chain(struct emu_nc *nc, const struct emu_nc_product *const *product, unsigned int n,
		  int32_t low, int32_t high, bool *nan);

#endif
