/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_COPY_H
#define _NEURON_COPY_H

#include <linux/types.h>

struct neuron_device;
struct neuron_mem;

struct neuron_copy_op {
	struct neuron_mem *src;
	struct neuron_mem *dst;
	u64 src_offset;
	u64 dst_offset;
	u64 length;
};

/*
 * Carry out @count copies in order; ranges must have been checked. *@done is the number of
 * copies that were completed. -EINTR: killed. With ndev->rwsem held.
 */
int neuron_copy(struct neuron_device *ndev, const struct neuron_copy_op *ops, u32 count, u32 *done);
/* Fill @length bytes at a device address with zeros. */
int neuron_copy_zero(struct neuron_device *ndev, u64 addr, u64 length);

#endif
