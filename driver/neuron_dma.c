// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA engine: batches of copies, shared out chunk by chunk over the four ring pairs,
 * fairly over open files. A batch belongs to a stream, whose batches run in order.
 *
 * A channel (a ring pair) has at most one owner: a work item, or the task that waits for a
 * batch, which saves two switches when nothing else is to be done. While such a task sleeps its
 * channel is lent: the task may be one that rarely gets to run, so whoever finds no idle channel
 * for something new takes it for the work item. A stream has at most one owner, too: the
 * channel that carries out its first batch. While somebody has something to do and a
 * channel is idle, that channel gets an owner: submission sees to it, and an owner leaves
 * only when nothing is ready.
 *
 * Locking: dma->lock for streams, lists and owners, never held over a chunk. What a batch or
 * a ring is made of belongs to the owner. Who has seen under the lock that a batch has
 * ended may free its stream. Work goes on without ndev->rwsem: neuron_dma_stop() comes before
 * anything that a chunk uses is taken away.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "neuron.h"
#include "neuron_dma.h"
#include "neuron_mem.h"
#include "neuron_trace.h"

void neuron_dma_client_init(struct neuron_dma_client *client)
{
	INIT_LIST_HEAD(&client->node);
	INIT_LIST_HEAD(&client->ready);
	client->active = 0;
}

void neuron_dma_stream_init(struct neuron_dma_stream *stream, struct neuron_dma_client *client)
{
	INIT_LIST_HEAD(&stream->node);
	INIT_LIST_HEAD(&stream->batches);
	stream->client = client;
	stream->busy = false;
	stream->dead = false;
}

struct neuron_dma_batch *neuron_dma_batch_alloc(u32 count)
{
	struct neuron_dma_batch *batch;

	batch = kvzalloc(struct_size(batch, ops, count), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return NULL;
	kref_init(&batch->ref);
	init_completion(&batch->done);
	return batch;
}

static void neuron_dma_put_memory(struct neuron_dma_batch *batch)
{
	u32 i;

	for (i = 0; i < batch->count; i++) {
		if (batch->ops[i].src)
			neuron_mem_put(batch->ops[i].src);
		if (batch->ops[i].dst)
			neuron_mem_put(batch->ops[i].dst);
	}
}

static void neuron_dma_batch_release(struct kref *ref)
{
	kvfree(container_of(ref, struct neuron_dma_batch, ref));
}

void neuron_dma_batch_put(struct neuron_dma_batch *batch)
{
	kref_put(&batch->ref, neuron_dma_batch_release);
}

void neuron_dma_batch_discard(struct neuron_dma_batch *batch)
{
	neuron_dma_put_memory(batch);
	neuron_dma_batch_put(batch);
}

static void neuron_dma_ready_locked(struct neuron_dma *dma, struct neuron_dma_stream *stream)
{
	struct neuron_dma_client *client = stream->client;

	lockdep_assert_held(&dma->lock);
	list_add_tail(&stream->node, &client->ready);
	if (list_empty(&client->node))
		list_add_tail(&client->node, &dma->ready);
}

static void neuron_dma_unready_locked(struct neuron_dma_stream *stream)
{
	list_del_init(&stream->node);
	if (list_empty(&stream->client->ready))
		list_del_init(&stream->client->node);
}

static struct neuron_dma_stream *neuron_dma_first_locked(struct neuron_dma *dma)
{
	struct neuron_dma_client *client;

	lockdep_assert_held(&dma->lock);
	client = list_first_entry_or_null(&dma->ready, struct neuron_dma_client, node);
	if (!client)
		return NULL;
	return list_first_entry(&client->ready, struct neuron_dma_stream, node);
}

/* Its client goes to the end of the line. */
static void neuron_dma_take_locked(struct neuron_dma *dma, struct neuron_dma_stream *stream)
{
	stream->busy = true;
	list_move_tail(&stream->client->node, &dma->ready);
	neuron_dma_unready_locked(stream);
}

static struct neuron_dma_channel *neuron_dma_claim_locked(struct neuron_dma *dma)
{
	struct neuron_dma_channel *channel;
	unsigned int i;

	lockdep_assert_held(&dma->lock);
	for (i = 0; i < NEURON_CORES; i++) {
		channel = &dma->channels[dma->next++ % NEURON_CORES];
		if (!channel->busy) {
			channel->busy = true;
			return channel;
		}
	}
	return NULL;
}

static void neuron_dma_take_over_locked(struct neuron_dma *dma, struct neuron_dma_channel *channel)
{
	lockdep_assert_held(&dma->lock);
	WRITE_ONCE(channel->ring->lender, NULL);
	queue_work(dma->wq, &channel->work);
	wake_up_all(&channel->ring->wq);
}

/* No channel is idle: does one sleep with its task? */
static void neuron_dma_wake_one_locked(struct neuron_dma *dma)
{
	unsigned int i;

	lockdep_assert_held(&dma->lock);
	for (i = 0; i < NEURON_CORES; i++) {
		if (dma->channels[i].ring->lender) {
			neuron_dma_take_over_locked(dma, &dma->channels[i]);
			return;
		}
	}
}

/* Before its task sleeps. False: there is something else to do, and the work does it. */
static bool neuron_dma_lend(struct neuron_dma_channel *channel, struct neuron_dma_batch *waited)
{
	struct neuron_dma *dma = &channel->ndev->dma;
	bool others;

	spin_lock(&dma->lock);
	others = !list_empty(&dma->ready) || dma->error;
	if (others) {
		queue_work(dma->wq, &channel->work);
	} else {
		WRITE_ONCE(channel->ring->lender, waited);
		channel->sleepers++;
	}
	spin_unlock(&dma->lock);
	return !others;
}

/* After that. False: it has been taken, the task is not its owner any more. */
static bool neuron_dma_regain(struct neuron_dma_channel *channel, struct neuron_dma_batch *waited)
{
	struct neuron_dma *dma = &channel->ndev->dma;
	bool mine;

	spin_lock(&dma->lock);
	mine = channel->ring->lender == waited;
	if (mine)
		WRITE_ONCE(channel->ring->lender, NULL);
	/* From here on the task does not look at the ring any more. */
	channel->sleepers--;
	wake_up_all(&dma->idle_wq);
	spin_unlock(&dma->lock);
	return mine;
}

static struct neuron_dma_batch *neuron_dma_head(struct neuron_dma_stream *stream)
{
	return list_first_entry(&stream->batches, struct neuron_dma_batch, node);
}

/*
 * End the first batch of a stream that the caller owns. True: the stream is dead, has more,
 * and still is the caller's. Else the stream may be gone.
 */
static bool neuron_dma_end(struct neuron_dma *dma, struct neuron_dma_stream *stream, int error)
{
	struct neuron_dma_batch *batch = neuron_dma_head(stream);
	bool more;

	/* First: who learns of the end may look whether memory is free again. */
	neuron_dma_put_memory(batch);
	spin_lock(&dma->lock);
	batch->error = error;
	list_del(&batch->node);
	more = stream->dead && !list_empty(&stream->batches);
	if (!more) {
		stream->busy = false;
		if (!list_empty(&stream->batches))
			neuron_dma_ready_locked(dma, stream);
	}
	stream->client->active--;
	if (batch->ended)
		batch->ended(batch);
	complete_all(&batch->done);
	wake_up_all(&dma->idle_wq);
	spin_unlock(&dma->lock);
	neuron_dma_batch_put(batch);
	/* A ring that is destroyed may have thousands of them. */
	cond_resched();
	return more;
}

/*
 * Something else has its turn before the batch goes on. False: it does not go on, as its
 * stream is dead, and still is the caller's: who killed it must not wait for others' turns.
 */
static bool neuron_dma_requeue(struct neuron_dma *dma, struct neuron_dma_stream *stream)
{
	bool alive;

	spin_lock(&dma->lock);
	alive = !stream->dead;
	if (alive) {
		stream->busy = false;
		neuron_dma_ready_locked(dma, stream);
	}
	spin_unlock(&dma->lock);
	return alive;
}

/* 0: a chunk is under way. */
static int neuron_dma_begin(struct neuron_dma_channel *channel)
{
	struct neuron_device *ndev = channel->ndev;
	struct neuron_dma_batch *batch = neuron_dma_head(channel->stream);
	int ret = READ_ONCE(ndev->dma.error);

	if (!ret)
		ret = neuron_device_error(ndev);
	/* A device that is reset, or was, does not know the batch any more. */
	if (!ret && pci_channel_offline(ndev->pdev))
		ret = -EIO;
	if (!ret && READ_ONCE(channel->stream->dead))
		ret = -ECANCELED;
	if (!ret)
		ret = neuron_copy_cut(channel->ring, batch);
	if (!ret)
		neuron_udma_kick(ndev, channel->ring);
	return ret;
}

/* The chip did not do what it should: it lets go of the chunk's memory before this returns. */
static void neuron_dma_fault(struct neuron_dma_channel *channel, struct neuron_dma_batch *batch,
			     int error)
{
	struct neuron_device *ndev = channel->ndev;
	struct neuron_udma_ring *ring = channel->ring;

	if (error == -EREMOTEIO || error == -EBADMSG) {
		WRITE_ONCE(batch->index, neuron_copy_find(batch, neuron_udma_passed(ndev, ring)));
		batch->position = 0;
	}
	/* Nobody needs the ring of a device that is about to go or to be reset. */
	if (READ_ONCE(ndev->dma.error))
		error = -EIO;
	if (error != -EIO && !neuron_udma_recover(ndev, ring))
		return;
	if (error != -EIO)
		neuron_device_broken(ndev, "a DMA ring does not come back from its reset");
	neuron_udma_halt(ndev, ring);
	/* Whoever found the device broken, or stops it, may not have come to this yet. */
	pci_clear_master(ndev->pdev);
}

static void neuron_dma_chunk_ended(struct neuron_dma_channel *channel,
				   struct neuron_dma_batch *batch, int error)
{
	struct neuron_device *ndev = channel->ndev;
	struct neuron_udma_ring *ring = channel->ring;

	trace_neuron_dma(ndev, ring - ndev->rings, ring->chunk_bytes, ring->chunk_descs, error);
	ring->chunk_bytes = 0;
	if (error)
		neuron_dma_fault(channel, batch, error);
}

/* The chunk, or why there is none, has ended with @error: on with the next. */
static void neuron_dma_finish(struct neuron_dma_channel *channel, bool begun, int error)
{
	struct neuron_dma *dma = &channel->ndev->dma;
	struct neuron_dma_stream *stream = channel->stream;
	struct neuron_dma_batch *batch = neuron_dma_head(stream);

	if (begun)
		neuron_dma_chunk_ended(channel, batch, error);
	neuron_copy_release(batch);
	channel->stream = NULL;
	if (!error) {
		WRITE_ONCE(batch->index, batch->next_index);
		batch->position = batch->next_position;
		if (batch->index < batch->count) {
			if (neuron_dma_requeue(dma, stream))
				return;
			error = -ECANCELED;
		}
	}
	channel->ring->batches++;
	while (neuron_dma_end(dma, stream, error))
		error = -ECANCELED;
}

/*
 * What is to be done next on a channel. False: nothing, or nothing that its owner should
 * do: the channel has been given away.
 */
static bool neuron_dma_next(struct neuron_dma_channel *channel, struct neuron_dma_batch *waited)
{
	struct neuron_dma *dma = &channel->ndev->dma;
	struct neuron_dma_stream *stream;

	spin_lock(&dma->lock);
	stream = neuron_dma_first_locked(dma);
	if (!stream) {
		channel->busy = false;
		wake_up_all(&dma->idle_wq);
	} else if (waited && stream != &waited->own) {
		queue_work(dma->wq, &channel->work);
		stream = NULL;
	} else {
		neuron_dma_take_locked(dma, stream);
		channel->stream = stream;
	}
	spin_unlock(&dma->lock);
	return stream;
}

/* Own a channel until there is nothing to do. @waited: only for the sake of that batch. */
static void neuron_dma_run(struct neuron_dma_channel *channel, struct neuron_dma_batch *waited)
{
	struct neuron_dma *dma = &channel->ndev->dma;
	int ret;

	/* A chunk may be under way already, left behind by a task that was killed. */
	while (channel->stream || neuron_dma_next(channel, waited)) {
		if (!channel->ring->pos.used) {
			ret = neuron_dma_begin(channel);
			if (ret) {
				neuron_dma_finish(channel, false, ret);
				continue;
			}
		}
		if (waited && !neuron_dma_lend(channel, waited))
			return;
		ret = neuron_udma_wait(channel->ndev, channel->ring, waited,
				       waited ? NULL : &channel->stream->dead);
		if (waited && !neuron_dma_regain(channel, waited))
			return;
		if (ret == -EINTR) {
			queue_work(dma->wq, &channel->work);
			return;
		}
		if (!ret)
			neuron_udma_retire(channel->ring);
		neuron_dma_finish(channel, true, ret);
		cond_resched();
	}
}

static void neuron_dma_work(struct work_struct *work)
{
	neuron_dma_run(container_of(work, struct neuron_dma_channel, work), NULL);
}

/* Into its stream, which is ready if there was nothing in it. */
static int neuron_dma_add_locked(struct neuron_dma *dma, struct neuron_dma_stream *stream,
				 struct neuron_dma_batch *batch)
{
	lockdep_assert_held(&dma->lock);
	if (dma->error)
		return dma->error;
	if (stream->dead)
		return -ENOENT;
	batch->stream = stream;
	stream->client->active++;
	list_add_tail(&batch->node, &stream->batches);
	if (!stream->busy && list_is_singular(&stream->batches))
		neuron_dma_ready_locked(dma, stream);
	return 0;
}

int neuron_dma_submit_locked(struct neuron_device *ndev, struct neuron_dma_stream *stream,
			     struct neuron_dma_batch *batch)
{
	struct neuron_dma *dma = &ndev->dma;
	struct neuron_dma_channel *channel;
	int ret = neuron_dma_add_locked(dma, stream, batch);

	if (ret || stream->busy || !list_is_singular(&stream->batches))
		return ret;
	channel = neuron_dma_claim_locked(dma);
	if (channel)
		queue_work(dma->wq, &channel->work);
	else
		neuron_dma_wake_one_locked(dma);
	return 0;
}

int neuron_dma_submit_wait(struct neuron_device *ndev, struct neuron_dma_client *client,
			   struct neuron_dma_batch *batch, struct neuron_dma_channel **channel)
{
	struct neuron_dma *dma = &ndev->dma;
	int ret;

	neuron_dma_stream_init(&batch->own, client);
	*channel = NULL;
	/* Before it can end. */
	kref_get(&batch->ref);
	spin_lock(&dma->lock);
	ret = neuron_dma_add_locked(dma, &batch->own, batch);
	if (!ret)
		*channel = neuron_dma_claim_locked(dma);
	if (!ret && !*channel)
		neuron_dma_wake_one_locked(dma);
	spin_unlock(&dma->lock);
	if (ret)
		neuron_dma_batch_put(batch);
	return ret;
}

/* Take no more, and end what is not under way. */
static void neuron_dma_kill(struct neuron_dma *dma, struct neuron_dma_stream *stream)
{
	bool mine;

	spin_lock(&dma->lock);
	WRITE_ONCE(stream->dead, true);
	mine = !stream->busy && !list_empty(&stream->batches);
	if (mine) {
		stream->busy = true;
		neuron_dma_unready_locked(stream);
	}
	spin_unlock(&dma->lock);
	while (mine)
		mine = neuron_dma_end(dma, stream, -ECANCELED);
}

int neuron_dma_wait(struct neuron_device *ndev, struct neuron_dma_batch *batch,
		    struct neuron_dma_channel *channel)
{
	if (channel)
		neuron_dma_run(channel, batch);
	if (!wait_for_completion_killable(&batch->done))
		return batch->error;
	/* The dead need no copies: the rest is given up. */
	neuron_dma_kill(&ndev->dma, &batch->own);
	return -EINTR;
}

static bool neuron_dma_stream_idle(struct neuron_dma *dma, struct neuron_dma_stream *stream)
{
	bool idle;

	spin_lock(&dma->lock);
	idle = list_empty(&stream->batches);
	spin_unlock(&dma->lock);
	return idle;
}

void neuron_dma_stream_end(struct neuron_device *ndev, struct neuron_dma_stream *stream)
{
	struct neuron_dma *dma = &ndev->dma;

	neuron_dma_kill(dma, stream);
	wait_event(dma->idle_wq, neuron_dma_stream_idle(dma, stream));
}

static bool neuron_dma_client_idle(struct neuron_dma *dma, struct neuron_dma_client *client)
{
	bool idle;

	spin_lock(&dma->lock);
	idle = !client->active;
	spin_unlock(&dma->lock);
	return idle;
}

void neuron_dma_client_drain(struct neuron_device *ndev, struct neuron_dma_client *client)
{
	struct neuron_dma *dma = &ndev->dma;

	wait_event(dma->idle_wq, neuron_dma_client_idle(dma, client));
}

void neuron_dma_setup(struct neuron_device *ndev)
{
	struct neuron_dma *dma = &ndev->dma;

	spin_lock_init(&dma->lock);
	INIT_LIST_HEAD(&dma->ready);
	init_waitqueue_head(&dma->idle_wq);
	dma->error = -ENODEV;
}

int neuron_dma_init(struct neuron_device *ndev)
{
	struct neuron_dma *dma = &ndev->dma;
	unsigned int i;
	int ret;

	ret = neuron_udma_init(ndev);
	if (ret)
		return ret;
	/* Who frees memory may wait for a chunk: there must always be a thread that ends it. */
	dma->wq = alloc_workqueue("neuron%d-dma", WQ_UNBOUND | WQ_MEM_RECLAIM, 0, ndev->index);
	if (!dma->wq) {
		neuron_udma_fini(ndev);
		return -ENOMEM;
	}
	for (i = 0; i < NEURON_CORES; i++) {
		dma->channels[i].ndev = ndev;
		dma->channels[i].ring = &ndev->rings[i];
		INIT_WORK(&dma->channels[i].work, neuron_dma_work);
	}
	return 0;
}

void neuron_dma_fini(struct neuron_device *ndev)
{
	destroy_workqueue(ndev->dma.wq);
	neuron_udma_fini(ndev);
}

void neuron_dma_start(struct neuron_device *ndev)
{
	neuron_udma_start(ndev);
	spin_lock(&ndev->dma.lock);
	ndev->dma.error = 0;
	spin_unlock(&ndev->dma.lock);
}

static bool neuron_dma_all_idle(struct neuron_dma *dma)
{
	bool idle = true;
	unsigned int i;

	spin_lock(&dma->lock);
	for (i = 0; i < NEURON_CORES; i++)
		if (dma->channels[i].busy || dma->channels[i].sleepers)
			idle = false;
	spin_unlock(&dma->lock);
	return idle;
}

void neuron_dma_stop(struct neuron_device *ndev, int error)
{
	struct neuron_dma *dma = &ndev->dma;
	unsigned int i;

	spin_lock(&dma->lock);
	WRITE_ONCE(dma->error, error);
	for (i = 0; i < NEURON_CORES; i++)
		neuron_dma_wake_one_locked(dma);
	spin_unlock(&dma->lock);
	/* Channels have owners while anything is left, and they end it with the error. */
	wait_event(dma->idle_wq, neuron_dma_all_idle(dma));
}
