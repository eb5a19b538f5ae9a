/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting instructions of ACT and POOL into parts for a core's threads. */
#ifndef EMU_NC_SPLIT_H
#define EMU_NC_SPLIT_H

#include "nc_core.h"

#define EMU_NC_SPLIT_APS	4

/*
 * An instruction that computes each element of @dst by itself from the elements of @src at the same
 * position: loops and operands, all in the caller's copy of the decoded instruction.
 */
struct emu_nc_split {
	struct emu_nc_counts *counts;
	struct emu_nc_ap *dst;
	struct emu_nc_ap *src[EMU_NC_SPLIT_APS];
	unsigned int sources;
	const struct emu_nc_ap *fixed[EMU_NC_SPLIT_APS];	/* read once, before all; or NULL */
	unsigned int loops;	/* the outer ones that may be cut, 1 .. 4 */
	uint32_t work;		/* elements that are read, of all partitions */
};

/* May elements be computed in any order: none is written twice, or read by another than writes it? */
bool emu_nc_split_independent(const struct emu_nc_split *s);
/* How many parts are worth it, 1: none; *loop is the one to cut. */
unsigned int emu_nc_split_parts(struct emu_nc *nc, const struct emu_nc_split *s, unsigned int *loop);
/* Make the instruction that @s describes its own part @part of @parts. */
void emu_nc_split_take(const struct emu_nc_split *s, unsigned int loop, unsigned int part,
		       unsigned int parts);

#endif
