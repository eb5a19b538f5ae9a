/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_CONTEXT_H
#define _NEURON_CONTEXT_H

#include <linux/atomic.h>
#include <linux/mutex.h>

#include "neuron_object.h"

struct neuron_bind;
struct neuron_mem;
struct neuron_usage;

/**
 * struct neuron_context - a segment table
 * @lock: guards the table, and that no job is submitted while it changes
 * @index: in the chip's directory
 * @segments: entries of the table
 * @jobs: in flight; grows with @lock held
 * @usage: of the file whose this is
 * @table: host memory that the chip reads
 * @mems: what each segment refers to
 */
struct neuron_context {
	struct neuron_object obj;
	struct mutex lock;	/* guards the table, submission */
	unsigned int index;
	u32 segments;
	atomic_t jobs;
	struct neuron_usage *usage;
	struct neuron_mem *table;
	struct neuron_mem **mems;
};

#define to_neuron_context(o)	container_of(o, struct neuron_context, obj)

/* The directory: host memory of it, and telling the chip after a reset. */
int neuron_context_init(struct neuron_device *ndev);
void neuron_context_fini(struct neuron_device *ndev);
void neuron_context_start(struct neuron_device *ndev);
/* A number by which the chip knows a file; never 0. */
u32 neuron_context_owner(struct neuron_device *ndev);

/* -ENOSPC: the file, or the device, has no more; -ENOMEM. */
struct neuron_context *neuron_context_create(struct neuron_file *nf, u32 segments);
/*
 * Change segments, all or nothing; @mems has a reference for each bind that has one, which
 * the context takes over on success. -EBUSY, -ERANGE, -EOPNOTSUPP.
 */
int neuron_context_bind(struct neuron_context *context, const struct neuron_bind *binds,
			struct neuron_mem **mems, u32 count);

static inline void neuron_context_put(struct neuron_context *context)
{
	neuron_object_put(&context->obj);
}

#endif
