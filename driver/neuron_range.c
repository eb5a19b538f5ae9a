// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic of ranges and runs: pure functions, which know no device.
 *
 * Locking: none; the caller's data must not change meanwhile, but for the bitmap of
 * neuron_range_largest(), whose answer may then be out of date.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/find.h>

#include "neuron_range.h"

int neuron_range_check(u64 offset, u64 length, u64 total)
{
	if (offset > total || length > total - offset)
		return -ERANGE;
	return 0;
}

bool neuron_range_overlap(u64 a, u64 b, u64 length)
{
	return a < b ? b - a < length : a - b < length;
}

unsigned long neuron_range_largest(const unsigned long *used, unsigned long bits)
{
	unsigned long start, end, largest = 0;

	for (start = find_first_zero_bit(used, bits); start < bits;
	     start = find_next_zero_bit(used, bits, end)) {
		end = find_next_bit(used, bits, start);
		/* A bit that was set meanwhile gives an empty run: go on behind it. */
		if (end == start)
			end++;
		else if (end - start > largest)
			largest = end - start;
	}
	return largest;
}

u32 neuron_runs_add(struct neuron_run *runs, u32 count, u64 offset, u64 address)
{
	struct neuron_run *last = count ? &runs[count - 1] : NULL;

	if (last && last->address + (offset - last->offset) == address)
		return count;
	runs[count] = (struct neuron_run) { .offset = offset, .address = address };
	return count + 1;
}

u32 neuron_runs_find(const struct neuron_run *runs, u32 count, u64 offset)
{
	u32 low = 0, high = count, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (runs[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}
