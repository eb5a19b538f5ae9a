/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_DMA_H
#define _NEURON_DMA_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <neuron/regs.h>

#include "neuron_copy.h"

struct neuron_device;
struct neuron_udma_ring;

/**
 * struct neuron_dma_client - who the engine is fair to: an open file
 * @node: in dma->ready while it has streams that could go on
 * @ready: those streams
 * @active: batches that have not ended
 */
struct neuron_dma_client {
	struct list_head node;
	struct list_head ready;
	unsigned int active;
};

/**
 * struct neuron_dma_stream - batches that are carried out in order
 * @node: in client->ready
 * @batches: the first is the one that goes on
 * @busy: somebody owns the first batch: a channel, or who ends a dead stream
 * @dead: takes no more batches; those that it has end as soon as they can
 */
struct neuron_dma_stream {
	struct neuron_dma_client *client;
	struct list_head node;
	struct list_head batches;
	bool busy;
	bool dead;
};

/**
 * struct neuron_dma_batch - operations, carried out in order
 * @node: in stream->batches
 * @own: the stream of a batch that somebody waits for: it need not wait for others
 * @ended: called once with dma->lock held, when @error and @index are final; or NULL
 * @done: after that
 * @error: 0 or why it ended early
 * @index: first operation that is not done
 * @position: bytes of it that are
 * @next_index, @next_position: where the chunk under way ends
 * @first, @last: operations whose memory the chunk uses: @first .. @last - 1
 * @count: of @ops, each of which holds references to its memory
 */
struct neuron_dma_batch {
	struct kref ref;
	struct list_head node;
	struct neuron_dma_stream *stream;
	struct neuron_dma_stream own;
	void (*ended)(struct neuron_dma_batch *batch);
	struct completion done;
	int error;
	u32 index;
	u64 position;
	u32 next_index;
	u64 next_position;
	u32 first;
	u32 last;
	u32 count;
	struct neuron_copy_op ops[];
};

/**
 * struct neuron_dma_channel - one pair of rings and who runs it
 * @work: runs it unless a waiter of a batch does
 * @busy: somebody owns the channel and its ring
 * @sleepers: tasks that look at the ring: its owner, and those whose channel was taken over
 * @stream: whose chunk is under way
 */
struct neuron_dma_channel {
	struct neuron_device *ndev;
	struct neuron_udma_ring *ring;
	struct work_struct work;
	bool busy;
	unsigned int sleepers;
	struct neuron_dma_stream *stream;
};

/**
 * struct neuron_dma - the DMA engine of a device
 * @lock: all of this, clients, streams, and the lists of batches
 * @ready: clients that have something to do; who comes next is first
 * @error: why nothing can be done, or 0
 * @next: channel to try first
 * @idle_wq: woken when a batch ends and when a channel falls idle
 */
struct neuron_dma {
	spinlock_t lock;	/* guards streams, batches in them, channels' owners */
	struct list_head ready;
	struct workqueue_struct *wq;
	struct neuron_dma_channel channels[NEURON_CORES];
	unsigned int next;
	int error;
	wait_queue_head_t idle_wq;
};

/* Before the device is visible, and for its life: the lock and the lists. */
void neuron_dma_setup(struct neuron_device *ndev);
/* Rings and workers. */
int neuron_dma_init(struct neuron_device *ndev);
void neuron_dma_fini(struct neuron_device *ndev);
/* Bring up the hardware after a reset; ndev->rwsem held for writing. */
void neuron_dma_start(struct neuron_device *ndev);
/*
 * End all batches at their next chunk, and refuse new ones with @error. Must come before
 * ndev->rwsem is taken for writing: who holds it for reading may wait for a batch.
 */
void neuron_dma_stop(struct neuron_device *ndev, int error);

void neuron_dma_client_init(struct neuron_dma_client *client);
/* Wait until no batch of a client is left; its streams must have been killed. */
void neuron_dma_client_drain(struct neuron_device *ndev, struct neuron_dma_client *client);
void neuron_dma_stream_init(struct neuron_dma_stream *stream, struct neuron_dma_client *client);
/* End all batches of a stream: wait at most for the chunk under way. */
void neuron_dma_stream_end(struct neuron_device *ndev, struct neuron_dma_stream *stream);

/* A batch with room for @count operations and one reference. NULL: no memory. */
struct neuron_dma_batch *neuron_dma_batch_alloc(u32 count);
/* Puts the memory of a batch that was not submitted. */
void neuron_dma_batch_discard(struct neuron_dma_batch *batch);
void neuron_dma_batch_put(struct neuron_dma_batch *batch);

/*
 * Put a batch into a stream, which takes over the reference when this returns 0. With
 * dma->lock and ndev->rwsem held.
 */
int neuron_dma_submit_locked(struct neuron_device *ndev, struct neuron_dma_stream *stream,
			     struct neuron_dma_batch *batch);
/*
 * The same for a batch that neuron_dma_wait() will wait for. The engine gets a reference of
 * its own. *@channel may be given to the caller, for neuron_dma_wait().
 */
int neuron_dma_submit_wait(struct neuron_device *ndev, struct neuron_dma_client *client,
			   struct neuron_dma_batch *batch, struct neuron_dma_channel **channel);
/* batch->error, or -EINTR: killed. Without the rwsem if possible. Must follow the above. */
int neuron_dma_wait(struct neuron_device *ndev, struct neuron_dma_batch *batch,
		    struct neuron_dma_channel *channel);

#endif
