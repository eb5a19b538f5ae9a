/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_RING_H
#define _NEURON_RING_H

#include <linux/list.h>
#include <linux/wait.h>

#include "neuron_dma.h"
#include "neuron_object.h"

struct eventfd_ctx;
struct neuron_file;
struct neuron_ioctl_wait;

#define NEURON_RING_ENTRIES_MAX	1024

/* How a batch ended: enum neuron_job_status, and the operation that failed. */
struct neuron_ring_record {
	u32 status;
	u32 detail;
	int error;	/* 0, or what became of the device: that is what WAIT returns then */
};

/**
 * struct neuron_ring - a ring of asynchronous copies
 * @nf: the file; a ring's batches end before its file goes
 * @node: in nf->rings; nf->lock
 * @entries: batches in flight at most
 * @stream: its batches
 * @submitted, @completed: newest batch; newest that has ended. dma->lock
 * @told: newest that poll() need not report; dma->lock
 * @wq: waiters
 * @records: of the newest @entries batches; dma->lock
 */
struct neuron_ring {
	struct neuron_object obj;
	struct neuron_file *nf;
	struct list_head node;
	u32 entries;
	struct eventfd_ctx *eventfd;
	struct neuron_dma_stream stream;
	u64 submitted;
	u64 completed;
	u64 told;
	wait_queue_head_t wq;
	struct neuron_ring_record *records;
};

#define to_neuron_ring(o)	container_of(o, struct neuron_ring, obj)

/* A ring with one reference. Takes over @eventfd, which may be NULL, on success. */
struct neuron_ring *neuron_ring_create(struct neuron_file *nf, u32 entries,
				       struct eventfd_ctx *eventfd);
/* The ring of an id with a new reference, or NULL. */
struct neuron_ring *neuron_ring_lookup(struct neuron_file *nf, u32 id);
/* Takes over the batch on success. -EAGAIN: the ring is full. With ndev->rwsem held. */
int neuron_ring_submit(struct neuron_ring *ring, struct neuron_dma_batch *batch, u64 *seq);
/* NEURON_IOCTL_WAIT of a ring. ndev->rwsem must not be held. */
int neuron_ring_wait(struct neuron_ring *ring, struct neuron_ioctl_wait *arg);
/* poll(): a batch has ended that WAIT has not told about. */
bool neuron_ring_readable(struct neuron_file *nf);

#endif
