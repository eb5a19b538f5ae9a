// SPDX-License-Identifier: GPL-2.0
/*
 * Rings: what user space sees of the DMA engine. A ring is a stream of batches, and the
 * records of how the newest of them ended.
 *
 * Locking: dma->lock for progress and records; nf->lock for the file's list of rings.
 */
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_file.h"
#include "neuron_ring.h"

#define NEURON_RING_SLACK_NS	(20 * NSEC_PER_USEC)

static u32 neuron_ring_status(int error)
{
	switch (error) {
	case 0:
		return NEURON_JOB_OK;
	case -EREMOTEIO:
		return NEURON_JOB_BUS;
	case -EBADMSG:
		return NEURON_JOB_ECC;
	case -ETIMEDOUT:
		return NEURON_JOB_TIMEOUT;
	default:
		return NEURON_JOB_ABORTED;
	}
}

/* The batches of a ring end in order, so that it needs no number. With dma->lock held. */
static void neuron_ring_ended(struct neuron_dma_batch *batch)
{
	struct neuron_ring *ring = container_of(batch->stream, struct neuron_ring, stream);
	struct neuron_ring_record *record;

	record = &ring->records[ring->completed & (ring->entries - 1)];
	record->status = neuron_ring_status(batch->error);
	record->detail = batch->error ? batch->index : 0;
	record->error = batch->error == -EIO || batch->error == -ENODEV ? batch->error : 0;
	/* The record first, for who looks without the lock. Pairs with neuron_ring_done(). */
	smp_store_release(&ring->completed, ring->completed + 1);
	if (ring->eventfd)
		neuron_eventfd_signal(ring->eventfd);
	wake_up_all(&ring->wq);
	wake_up_all(&ring->nf->poll_wq);
}

static void neuron_ring_destroy(struct neuron_file *nf, struct neuron_object *obj)
{
	struct neuron_ring *ring = to_neuron_ring(obj);

	mutex_lock(&nf->lock);
	list_del_init(&ring->node);
	mutex_unlock(&nf->lock);
	neuron_dma_stream_end(obj->ndev, &ring->stream);
}

/* Neither hardware nor DMA memory is a ring's own: the engine was stopped before this. */
static void neuron_ring_revoke(struct neuron_object *obj)
{
}

static void neuron_ring_drop(struct neuron_object *obj)
{
	struct neuron_ring *ring = to_neuron_ring(obj);

	if (ring->eventfd)
		eventfd_ctx_put(ring->eventfd);
	kvfree(ring->records);
}

static const struct neuron_object_ops neuron_ring_ops = {
	.type = NEURON_OBJECT_RING,
	.destroy = neuron_ring_destroy,
	.revoke = neuron_ring_revoke,
	.drop = neuron_ring_drop,
};

struct neuron_ring *neuron_ring_create(struct neuron_file *nf, u32 entries,
				       struct eventfd_ctx *eventfd)
{
	struct neuron_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);

	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->records = kvcalloc(entries, sizeof(*ring->records), GFP_KERNEL_ACCOUNT);
	if (!ring->records) {
		kfree(ring);
		return ERR_PTR(-ENOMEM);
	}
	ring->nf = nf;
	ring->entries = entries;
	ring->eventfd = eventfd;
	init_waitqueue_head(&ring->wq);
	neuron_dma_stream_init(&ring->stream, &nf->dma);
	neuron_object_init(&ring->obj, nf->ndev, &neuron_ring_ops);
	mutex_lock(&nf->lock);
	list_add_tail(&ring->node, &nf->rings);
	mutex_unlock(&nf->lock);
	return ring;
}

struct neuron_ring *neuron_ring_lookup(struct neuron_file *nf, u32 id)
{
	struct neuron_object *obj = neuron_object_lookup(nf, id, NEURON_OBJECT_RING);

	return obj ? to_neuron_ring(obj) : NULL;
}

int neuron_ring_submit(struct neuron_ring *ring, struct neuron_dma_batch *batch, u64 *seq)
{
	struct neuron_device *ndev = ring->obj.ndev;
	int ret = -EAGAIN;

	batch->ended = neuron_ring_ended;
	spin_lock(&ndev->dma.lock);
	if (ring->submitted - ring->completed < ring->entries)
		ret = neuron_dma_submit_locked(ndev, &ring->stream, batch);
	if (!ret) {
		WRITE_ONCE(ring->submitted, ring->submitted + 1);
		*seq = ring->submitted;
	}
	spin_unlock(&ndev->dma.lock);
	return ret;
}

static bool neuron_ring_done(struct neuron_ring *ring, u64 seq)
{
	/* Pairs with neuron_ring_ended(). */
	return smp_load_acquire(&ring->completed) >= seq;
}

static int neuron_ring_sleep(struct neuron_ring *ring, u64 seq, u64 deadline_ns)
{
	ktime_t deadline = min_t(u64, deadline_ns, KTIME_MAX);
	DEFINE_WAIT(wait);
	int ret = 0;

	/* Every batch ends, also when the device goes: there is nothing else to look for. */
	for (;;) {
		prepare_to_wait(&ring->wq, &wait, TASK_INTERRUPTIBLE);
		if (neuron_ring_done(ring, seq))
			break;
		if (ktime_compare(ktime_get(), deadline) >= 0) {
			ret = -ETIMEDOUT;
			break;
		}
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		schedule_hrtimeout_range(&deadline, NEURON_RING_SLACK_NS, HRTIMER_MODE_ABS);
	}
	finish_wait(&ring->wq, &wait);
	return ret;
}

/* Fill the outputs of @arg, and remember that they were told. */
static int neuron_ring_report(struct neuron_ring *ring, struct neuron_ioctl_wait *arg, int ret)
{
	struct neuron_dma *dma = &ring->obj.ndev->dma;
	struct neuron_ring_record *record;

	spin_lock(&dma->lock);
	WRITE_ONCE(ring->told, ring->completed);
	arg->completed = ring->completed;
	if (!ret && ring->submitted - arg->seq >= ring->entries)
		ret = -ESTALE;
	if (!ret) {
		record = &ring->records[(arg->seq - 1) & (ring->entries - 1)];
		/* The engine stops first: files may not know yet that the device goes. */
		ret = record->error;
		arg->status = record->status;
		arg->detail = record->detail;
		arg->engine = 0;
		arg->job_flags = 0;
		arg->pc = 0;
		arg->cycles = 0;
	}
	spin_unlock(&dma->lock);
	return ret;
}

int neuron_ring_wait(struct neuron_ring *ring, struct neuron_ioctl_wait *arg)
{
	int ret, error;

	if (!arg->seq || arg->seq > READ_ONCE(ring->submitted))
		return -EINVAL;
	ret = neuron_ring_sleep(ring, arg->seq, arg->deadline_ns);
	error = neuron_file_enter(ring->nf);
	if (error)
		return error;
	ret = neuron_ring_report(ring, arg, ret);
	neuron_file_leave(ring->nf);
	return ret;
}

bool neuron_ring_readable(struct neuron_file *nf)
{
	struct neuron_ring *ring;
	bool readable = false;

	mutex_lock(&nf->lock);
	list_for_each_entry(ring, &nf->rings, node)
		if (READ_ONCE(ring->completed) != READ_ONCE(ring->told))
			readable = true;
	mutex_unlock(&nf->lock);
	return readable;
}
