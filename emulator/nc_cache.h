/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a core keeps of constants, so that they are neither copied to SBUF nor packed for the
 * PE array again in each job.
 *
 * An image is a piece of DRAM in the form of SBUF rows, with the stamp that its memory had
 * (struct emu_nc_bus); another stamp, another image. A dma_copy of such memory does not copy:
 * rows of SBUF refer to rows of the image. What reads those rows through emu_nc_cache_view()
 * reads the image; what reads or writes them otherwise has them copied first, by
 * emu_nc_cache_settle(). Images never change, so it does not matter what becomes of the DRAM
 * after the dma_copy. An image has the arrays that ldweights packed of its rows.
 */
#ifndef EMU_NC_CACHE_H
#define EMU_NC_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nc_kernels.h"
#include "nc_mem.h"

#define EMU_NC_REFS	512
#define EMU_NC_BUCKETS	1024
#define EMU_NC_GRANULE	64	/* rows of SBUF */

/* What ldweights made: of pairs or of floats. */
struct emu_nc_pack {
	struct emu_nc_pack *next;
	size_t bytes;
	int32_t base, step;	/* in the image, bytes of a partition */
	uint8_t part, k, m, dtype;
	bool pairs;
	/* What was loaded after it the last time; only for the host to fetch ahead. */
	const char *ahead;
	size_t ahead_bytes;
	union {
		emu_nc_pair_strip *pair;
		emu_nc_float_strip *f;
	};
};

struct emu_nc_image {
	struct emu_nc_image *next;	/* in its bucket */
	uint64_t addr, stamp;
	uint32_t rows;
	uint32_t job;			/* the last one that used it */
	uint32_t refs;
	uint16_t (*row)[NEURON_PARTITIONS];	/* NULL: seen once */
	struct emu_nc_pack *packs, *last, *cursor;
	unsigned int pack_count;
};

/* Rows [row, row + rows) of SBUF are rows from @from on of an image. */
struct emu_nc_ref {
	uint32_t row, rows, from;
	struct emu_nc_image *image;
};

struct chunk;

struct emu_nc_cache {
	size_t bytes, limit;
	struct chunk *chunk;	/* where there is room, or NULL */
	uint32_t job;
	unsigned int refs;
	struct emu_nc_ref ref[EMU_NC_REFS];	/* no two have a row of SBUF in common */
	uint8_t lazy[EMU_NC_SBUF_ROWS / EMU_NC_GRANULE];	/* refs that touch the granule */
	struct emu_nc_image *bucket[EMU_NC_BUCKETS];
};

/* NEURON_EMU_CACHE in the environment: MiB a core may keep; 0: nothing. */
void emu_nc_cache_init(struct emu_nc_cache *c);
/* Forget everything. Rows of SBUF that refer to images are then undefined. */
void emu_nc_cache_drop(struct emu_nc_cache *c);
void emu_nc_cache_begin_job(struct emu_nc_cache *c);

/*
 * The image of @rows rows of 256 bytes at device address @addr, which has @stamp and is to be
 * read at @from; NULL: none, and the caller copies. Pairs of bytes are in SBUF's order.
 */
struct emu_nc_image *emu_nc_cache_image(struct emu_nc_cache *c, const struct emu_nc_kernels *k,
					uint64_t addr, uint64_t stamp, uint32_t rows,
					const void *from);
/* The image's rows are those of SBUF from @row on. False: too many pieces, nothing is done. */
bool emu_nc_cache_refer(struct emu_nc_cache *c, struct emu_nc_image *image, uint32_t row);
/* Rows [low, high) of SBUF are about to be overwritten as a whole. */
bool emu_nc_cache_forget(struct emu_nc_cache *c, uint32_t low, uint32_t high);

void emu_nc_cache_settle_slow(struct emu_nc_cache *c, struct emu_nc_mem *mem, uint32_t low,
			      uint32_t high);
bool emu_nc_cache_any(const struct emu_nc_cache *c, uint32_t low, uint32_t high);

/* SBUF has what it should in rows [low, high), for reading and for writing in any way. */
static inline void emu_nc_cache_settle(struct emu_nc_cache *c, struct emu_nc_mem *mem,
				       uint32_t low, uint32_t high)
{
	if (c->refs && emu_nc_cache_any(c, low, high))
		emu_nc_cache_settle_slow(c, mem, low, high);
}

/* An operand's rows. */
static inline void emu_nc_cache_settle_ap(struct emu_nc_cache *c, struct emu_nc_mem *mem,
					  const struct emu_nc_ap *ap)
{
	if (!ap->psum)
		emu_nc_cache_settle(c, mem, (uint32_t)ap->low / 2, (uint32_t)(ap->high + 1) / 2);
}

/*
 * Where to read operand @ap of SBUF: @view's SBUF with @ap's base moved by @delta bytes. Returns
 * the image if it is one.
 */
struct emu_nc_image *emu_nc_cache_view(struct emu_nc_cache *c, struct emu_nc_mem *mem,
				       const struct emu_nc_ap *ap, struct emu_nc_mem *view,
				       int32_t *delta);

/* @key's array of the image, or NULL. */
struct emu_nc_pack *emu_nc_cache_find(struct emu_nc_image *image, const struct emu_nc_pack *key);
/* Room for it, to be filled, or NULL: no memory or none left. */
struct emu_nc_pack *emu_nc_cache_add(struct emu_nc_cache *c, struct emu_nc_image *image,
				     const struct emu_nc_pack *key);

#endif
