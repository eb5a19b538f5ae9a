/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_USAGE_H
#define _NEURON_USAGE_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/neuron.h>

struct neuron_mem;

/* Kinds of memory: NEURON_MEM_*, and 0 for the driver's own tables. */
#define NEURON_MEM_KINDS	(NEURON_MEM_DMABUF + 1)

/**
 * struct neuron_usage - bytes of memory objects, of a file or of a device; a file's contexts
 * @ref: of a file's; its memory may outlive it
 * @bytes: by kind
 * @mapped: of those that are mapped somewhere, however often
 * @contexts: places in the chip's directory; may outlive the file like memory
 * @unpin: of a file's: pinned pages whose object has gone, until somebody without locks has time
 * @unpinning: how many there are, those that somebody is at included
 * @unpin_lock: held by who is at them
 */
struct neuron_usage {
	struct kref ref;
	atomic64_t bytes[NEURON_MEM_KINDS];
	atomic64_t mapped;
	atomic_t contexts;
	struct llist_head unpin;
	atomic_t unpinning;
	struct mutex unpin_lock;	/* see above */
};

extern const char * const neuron_usage_names[NEURON_MEM_KINDS];

/* NULL without memory. The file's reference. */
struct neuron_usage *neuron_usage_alloc(void);
void neuron_usage_get(struct neuron_usage *usage);
void neuron_usage_put(struct neuron_usage *usage);

/* Count a new object in a file, or among the tables (NULL), and in its device. */
void neuron_usage_charge(struct neuron_mem *mem, struct neuron_usage *usage);
/* Its memory was given back. Does nothing if it was never counted. */
void neuron_usage_uncharge(struct neuron_mem *mem);
/* Its first mapping has come, its last one gone. */
void neuron_usage_mapped(struct neuron_mem *mem, bool mapped);

#endif
