/* SPDX-License-Identifier: GPL-2.0 */
/* Arithmetic of ranges and runs: pure functions, which know no device. */
#ifndef _NEURON_RANGE_H
#define _NEURON_RANGE_H

#include <linux/types.h>

/**
 * struct neuron_run - memory that is contiguous for the chip
 * @offset: where it begins in the object; the run before ends here
 * @address: device address of its first byte
 */
struct neuron_run {
	u64 offset;
	u64 address;
};

/* -ERANGE if offset .. offset + length is not inside 0 .. total. */
int neuron_range_check(u64 offset, u64 length, u64 total);
/* Whether two ranges of one length have a byte in common; both must have been checked. */
bool neuron_range_overlap(u64 a, u64 b, u64 length);
/* Length of the longest run of clear bits. */
unsigned long neuron_range_largest(const unsigned long *used, unsigned long bits);

/*
 * Append what lies at @address to runs that reach up to @offset: as a run of its own, or as
 * part of the last one. Returns the new count; there must be room.
 */
u32 neuron_runs_add(struct neuron_run *runs, u32 count, u64 offset, u64 address);
/* The run that holds @offset; runs begin with offset 0. */
u32 neuron_runs_find(const struct neuron_run *runs, u32 count, u64 offset);

#endif
