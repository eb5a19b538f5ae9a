// SPDX-License-Identifier: GPL-2.0
/*
 * NeuronCore queues: creation, interrupts, completion, and the end of them. A queue is
 * stopped - its jobs are completed by the chip as aborted - before anything that its jobs
 * use is given back.
 *
 * Locking: queue->lock for submission and reaping; ndev->queue_lock (irqs off) for progress
 * and for ndev->queues, through which interrupts find a queue. The completion page stays
 * allocated while the queue is in ndev->queues.
 */
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/iopoll.h>
#include <linux/slab.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_context.h"
#include "neuron_cores.h"
#include "neuron_file.h"
#include "neuron_fw.h"
#include "neuron_mem.h"
#include "neuron_pci.h"
#include "neuron_queue.h"
#include "neuron_trace.h"

#define NEURON_QUEUE_START_US	(5 * USEC_PER_SEC)
/* An instruction is not interrupted half-way, and emulated ones may be long. */
#define NEURON_QUEUE_STOP_US	(30 * USEC_PER_SEC)

static struct neuron_completion_page *neuron_queue_page(struct neuron_queue *queue)
{
	return queue->page->chunks[0].cpu;
}

static void neuron_queue_write(struct neuron_queue *queue, u32 offset, u32 value)
{
	neuron_ext_write(queue->obj.ndev, NEURON_EXT_QUEUE(queue->slot) + offset, value);
}

static void neuron_queue_count(struct neuron_queue *queue, unsigned int status, u64 jobs)
{
	unsigned int core = queue->slot / NEURON_QUEUES_PER_CORE;

	if (status < NEURON_JOB_STATUSES)
		atomic64_add(jobs, &queue->obj.ndev->cores[core].stats.status[status]);
	atomic64_add(jobs, &queue->nf->jobs);
}

static void neuron_queue_count_record(struct neuron_queue *queue,
				      const struct neuron_completion *record)
{
	unsigned int core = queue->slot / NEURON_QUEUES_PER_CORE;
	struct neuron_core_stats *stats = &queue->obj.ndev->cores[core].stats;
	unsigned int status = READ_ONCE(record->status);
	u64 cycles = READ_ONCE(record->cycles);

	trace_neuron_job_done(queue->obj.ndev, queue->slot, record);
	neuron_queue_count(queue, status, 1);
	atomic64_add(cycles, &stats->cycles);
	if (status != NEURON_JOB_OK)
		return;
	/* Jobs without instructions take no cycle. */
	if (cycles)
		atomic64_inc(&stats->inferences);
	if (READ_ONCE(record->flags) & NEURON_JOB_FLAG_NAN)
		atomic64_inc(&stats->nan);
}

/* True when there is news. With ndev->queue_lock held, and the queue in ndev->queues. */
static bool neuron_queue_update_locked(struct neuron_queue *queue)
{
	struct neuron_completion_page *page = neuron_queue_page(queue);
	u64 seq = READ_ONCE(page->seq), job;
	u32 entry;

	lockdep_assert_held(&queue->obj.ndev->queue_lock);
	if (seq == queue->completed)
		return false;
	if (!neuron_seq_plausible(seq, queue->completed, queue->submitted)) {
		neuron_device_broken_atomic(queue->obj.ndev);
		return false;
	}
	/* Records are written before seq, and must not be read ahead of it. */
	dma_rmb();
	for (job = queue->completed + 1; job <= seq; job++) {
		entry = neuron_seq_entry(job, queue->entries);
		if (READ_ONCE(page->record[entry].seq) != job) {
			neuron_device_broken_atomic(queue->obj.ndev);
			return false;
		}
	}
	for (job = queue->completed + 1; job <= seq; job++) {
		entry = neuron_seq_entry(job, queue->entries);
		neuron_queue_count_record(queue, &page->record[entry]);
	}
	WRITE_ONCE(queue->completed, seq);
	return true;
}

static bool neuron_queue_notify_locked(struct neuron_queue *queue)
{
	if (!neuron_queue_update_locked(queue))
		return false;
	if (queue->eventfd)
		neuron_eventfd_signal(queue->eventfd);
	wake_up_all(&queue->wq);
	wake_up_all(&queue->nf->poll_wq);
	return true;
}

u64 neuron_queue_completed(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->obj.ndev;
	unsigned long flags;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	/* Whoever sees news first tells the others, or an eventfd would miss it. */
	if (ndev->queues[queue->slot] == queue)
		neuron_queue_notify_locked(queue);
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	return READ_ONCE(queue->completed);
}

u32 neuron_queue_interrupt(struct neuron_device *ndev, unsigned int vector)
{
	unsigned long flags;
	unsigned int slot;
	u32 jobs = 0;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++) {
		struct neuron_queue *queue = ndev->queues[slot];

		if (!queue || neuron_queue_vector(ndev, slot) != vector)
			continue;
		neuron_queue_notify_locked(queue);
		jobs += queue->completed - queue->interrupted;
		queue->interrupted = queue->completed;
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	return jobs;
}

/* What was there at the last look already is told about now: its interrupt got lost. */
unsigned int neuron_queue_missed(struct neuron_device *ndev, bool *again)
{
	unsigned int slot, missed = 0;
	unsigned long flags;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++) {
		struct neuron_queue *queue = ndev->queues[slot];
		u64 seq = queue ? READ_ONCE(neuron_queue_page(queue)->seq) : 0;

		if (!queue || seq == queue->completed)
			continue;
		if (queue->completed < queue->late || seq < queue->completed) {
			missed += neuron_queue_notify_locked(queue);
		} else {
			queue->late = seq;
			*again = true;
		}
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	return missed;
}

void neuron_queue_wake_all(struct neuron_device *ndev)
{
	unsigned long flags;
	unsigned int slot;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++) {
		struct neuron_queue *queue = ndev->queues[slot];

		if (!queue)
			continue;
		if (queue->eventfd)
			neuron_eventfd_signal(queue->eventfd);
		wake_up_all(&queue->wq);
		wake_up_all(&queue->nf->poll_wq);
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
}

/* Without interrupts this is what completes jobs, each jiffy. */
void neuron_queue_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device,
						  queue_work);
	bool busy = false;
	unsigned long flags;
	unsigned int slot;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++) {
		struct neuron_queue *queue = ndev->queues[slot];

		if (!queue)
			continue;
		neuron_queue_notify_locked(queue);
		busy |= queue->completed != queue->submitted;
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	if (busy)
		schedule_delayed_work(&ndev->queue_work, 1);
}

void neuron_queue_reap_locked(struct neuron_queue *queue)
{
	u64 completed = neuron_queue_completed(queue);

	lockdep_assert_held(&queue->lock);
	while (queue->reaped < completed) {
		u32 entry = neuron_seq_entry(++queue->reaped, queue->entries);
		struct neuron_context *context = queue->contexts[entry];

		if (!context)
			continue;
		queue->contexts[entry] = NULL;
		atomic_dec(&context->jobs);
		neuron_context_put(context);
	}
}

void neuron_queue_reap_file(struct neuron_file *nf)
{
	struct neuron_queue *queue;

	mutex_lock(&nf->lock);
	list_for_each_entry(queue, &nf->queues, node) {
		mutex_lock(&queue->lock);
		if (queue->running)
			neuron_queue_reap_locked(queue);
		mutex_unlock(&queue->lock);
	}
	mutex_unlock(&nf->lock);
}

bool neuron_queue_readable(struct neuron_file *nf)
{
	struct neuron_queue *queue;
	bool readable = false;

	mutex_lock(&nf->lock);
	list_for_each_entry(queue, &nf->queues, node)
		if (neuron_queue_completed(queue) != READ_ONCE(queue->told))
			readable = true;
	mutex_unlock(&nf->lock);
	return readable;
}

static int neuron_queue_poll_state(struct neuron_queue *queue, unsigned long timeout_us, u32 *state)
{
	struct neuron_device *ndev = queue->obj.ndev;

	/* Recovery may find the device broken meanwhile. */
	return readl_poll_timeout(ndev->ext + NEURON_EXT_QUEUE(queue->slot) + NEURON_Q_STATE,
				  *state, *state != NEURON_Q_STATE_PENDING ||
				  READ_ONCE(ndev->broken), 100, timeout_us);
}

static int neuron_queue_start(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->obj.ndev;
	dma_addr_t ring = queue->ring->chunks[0].dma, page = queue->page->chunks[0].dma;
	u32 config = queue->priority << NEURON_Q_CONFIG_PRIO_SHIFT;
	u32 state;
	int ret;

	if (ndev->vector_count)
		config |= NEURON_Q_CONFIG_IRQ | neuron_queue_vector(ndev, queue->slot);
	neuron_queue_write(queue, NEURON_Q_RING_LO, lower_32_bits(ring));
	neuron_queue_write(queue, NEURON_Q_RING_HI, upper_32_bits(ring));
	neuron_queue_write(queue, NEURON_Q_RING_SIZE, queue->entries);
	neuron_queue_write(queue, NEURON_Q_CPL_LO, lower_32_bits(page));
	neuron_queue_write(queue, NEURON_Q_CPL_HI, upper_32_bits(page));
	neuron_queue_write(queue, NEURON_Q_CONFIG, config);
	neuron_queue_write(queue, NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
	ret = neuron_queue_poll_state(queue, NEURON_QUEUE_START_US, &state);
	if (!ret && state == NEURON_Q_STATE_ENABLED)
		return 0;
	if (READ_ONCE(ndev->broken)) {
		/*
		 * Taken away meanwhile, perhaps by somebody who has not come to this yet: the
		 * chip may still take the queue up, and its memory is freed now.
		 */
		pci_clear_master(ndev->pdev);
		return -EIO;
	}
	dev_err(&ndev->dev, "queue %u does not start: state %u, error %u\n", queue->slot, state,
		neuron_ext_read(ndev, NEURON_EXT_QUEUE(queue->slot) + NEURON_Q_ERROR));
	/* The chip may still take it up, and write to its memory. */
	if (ret)
		neuron_device_broken(ndev, "a queue does not start");
	return -EIO;
}

/* The chip has let go of all memory of the queue's jobs, or can reach none any more. */
static void neuron_queue_wait_stopped(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->obj.ndev;
	u32 state;
	int ret;

	if (READ_ONCE(ndev->broken) || pci_channel_offline(ndev->pdev)) {
		/* Whoever found the device broken may not have come to this yet. */
		pci_clear_master(ndev->pdev);
		return;
	}
	ret = neuron_queue_poll_state(queue, NEURON_QUEUE_STOP_US, &state);
	if (READ_ONCE(ndev->broken))
		pci_clear_master(ndev->pdev);
	else if (ret || state == NEURON_Q_STATE_ENABLED)
		neuron_device_broken(ndev, "a queue does not stop");
}

/* Once for each queue; nobody submits or reaps meanwhile. */
static void neuron_queue_stop(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->obj.ndev;
	unsigned long flags;

	queue->running = false;
	/* From now on the ladder looks whether it does. */
	WRITE_ONCE(queue->stopping, true);
	if (!READ_ONCE(ndev->broken) && !pci_channel_offline(ndev->pdev))
		neuron_queue_write(queue, NEURON_Q_CTRL, NEURON_Q_CTRL_DISABLE);
	neuron_queue_wait_stopped(queue);
	neuron_queue_completed(queue);

	spin_lock_irqsave(&ndev->queue_lock, flags);
	ndev->queues[queue->slot] = NULL;
	/* Only a device that died has not said so itself. */
	neuron_queue_count(queue, NEURON_JOB_ABORTED, queue->submitted - queue->completed);
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	/* Whoever sees this must see the last completions. Pairs with neuron_queue_check(). */
	smp_store_release(&queue->stopped, true);
	wake_up_all(&queue->wq);
	wake_up_all(&queue->nf->poll_wq);
	neuron_cores_put_slot(ndev, queue->slot);
}

void neuron_queue_disable_file(struct neuron_file *nf)
{
	struct neuron_queue *queue;

	mutex_lock(&nf->lock);
	list_for_each_entry(queue, &nf->queues, node)
		if (queue->running && !neuron_device_error(nf->ndev))
			neuron_queue_write(queue, NEURON_Q_CTRL, NEURON_Q_CTRL_DISABLE);
	mutex_unlock(&nf->lock);
}

void neuron_queue_disable_all(struct neuron_device *ndev)
{
	unsigned long flags;
	unsigned int slot;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++)
		if (ndev->queues[slot])
			neuron_queue_write(ndev->queues[slot], NEURON_Q_CTRL,
					   NEURON_Q_CTRL_DISABLE);
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
}

void neuron_queue_check_states(struct neuron_device *ndev)
{
	DECLARE_BITMAP(used, NEURON_QUEUES) = {};
	unsigned long flags;
	unsigned int slot;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++)
		if (ndev->queues[slot])
			__set_bit(slot, used);
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	/* Registers are read without the lock: a chip that is not well takes long to answer. */
	for_each_set_bit(slot, used, NEURON_QUEUES) {
		if (neuron_ext_read(ndev, NEURON_EXT_QUEUE(slot) + NEURON_Q_STATE) !=
		    NEURON_Q_STATE_ERROR)
			continue;
		neuron_device_broken(ndev, "a queue cannot reach its memory");
		break;
	}
}

static void neuron_queue_destroy(struct neuron_file *nf, struct neuron_object *obj)
{
	struct neuron_queue *queue = to_neuron_queue(obj);

	mutex_lock(&nf->lock);
	list_del_init(&queue->node);
	mutex_unlock(&nf->lock);
	mutex_lock(&queue->lock);
	if (queue->running) {
		neuron_queue_stop(queue);
		neuron_queue_reap_locked(queue);
	}
	mutex_unlock(&queue->lock);
}

/* Remove and reset: ndev->rwsem is held for writing, so that nothing else is at it. */
static void neuron_queue_revoke(struct neuron_object *obj)
{
	struct neuron_queue *queue = to_neuron_queue(obj);

	if (queue->running)
		neuron_queue_stop(queue);
}

static void neuron_queue_drop(struct neuron_object *obj)
{
	struct neuron_queue *queue = to_neuron_queue(obj);
	u32 i;

	/* Only a device that died leaves jobs behind. */
	for (i = 0; i < queue->entries; i++) {
		if (!queue->contexts[i])
			continue;
		atomic_dec(&queue->contexts[i]->jobs);
		neuron_context_put(queue->contexts[i]);
	}
	if (queue->eventfd)
		eventfd_ctx_put(queue->eventfd);
	neuron_mem_put(queue->page);
	neuron_mem_put(queue->ring);
	kvfree(queue->contexts);
	mutex_destroy(&queue->lock);
}

static const struct neuron_object_ops neuron_queue_ops = {
	.type = NEURON_OBJECT_QUEUE,
	.destroy = neuron_queue_destroy,
	.revoke = neuron_queue_revoke,
	.drop = neuron_queue_drop,
};

static struct neuron_queue *neuron_queue_alloc(struct neuron_device *ndev, u32 entries)
{
	struct neuron_completion_page *page;
	struct neuron_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->entries = entries;
	queue->contexts = kvcalloc(entries, sizeof(*queue->contexts), GFP_KERNEL_ACCOUNT);
	if (!queue->contexts)
		goto err_queue;
	queue->ring = neuron_mem_create_table(ndev, entries * sizeof(struct neuron_job));
	if (IS_ERR(queue->ring))
		goto err_contexts;
	queue->page = neuron_mem_create_table(ndev, struct_size(page, record, entries));
	if (IS_ERR(queue->page))
		goto err_ring;
	queue->page->readonly = true;
	mutex_init(&queue->lock);
	init_waitqueue_head(&queue->wq);
	INIT_LIST_HEAD(&queue->node);
	return queue;

err_ring:
	neuron_mem_put(queue->ring);
err_contexts:
	kvfree(queue->contexts);
err_queue:
	kfree(queue);
	return ERR_PTR(-ENOMEM);
}

struct neuron_queue *neuron_queue_create(struct neuron_file *nf,
					 const struct neuron_ioctl_queue_create *arg,
					 struct eventfd_ctx *eventfd)
{
	struct neuron_device *ndev = nf->ndev;
	struct neuron_queue *queue = neuron_queue_alloc(ndev, arg->entries);
	int ret;

	if (IS_ERR(queue))
		return queue;
	queue->nf = nf;
	queue->priority = arg->priority;
	neuron_object_init(&queue->obj, ndev, &neuron_queue_ops);
	ret = neuron_cores_get_slot(nf, arg->core);
	if (ret < 0)
		goto err_put;
	queue->slot = ret;
	ret = neuron_queue_start(queue);
	if (ret)
		goto err_slot;

	queue->eventfd = eventfd;
	queue->running = true;
	spin_lock_irq(&ndev->queue_lock);
	queue->serial = ++ndev->queue_serial;
	ndev->queues[queue->slot] = queue;
	spin_unlock_irq(&ndev->queue_lock);
	mutex_lock(&nf->lock);
	list_add_tail(&queue->node, &nf->queues);
	mutex_unlock(&nf->lock);
	return queue;

err_slot:
	neuron_cores_put_slot(ndev, queue->slot);
err_put:
	neuron_object_put(&queue->obj);
	return ERR_PTR(ret);
}
