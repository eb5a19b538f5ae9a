// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: into the ring, doorbell, waiting, and the record of what became of them. The path
 * that each inference takes: it sleeps on nothing but queue->lock, and reads no register
 * but the mapped status page.
 *
 * Locking: queue->lock for the ring; context->lock while a context gains a job, so that its
 * table does not change under it; ndev->queue_lock for progress.
 */
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_file.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_trace.h"

#define NEURON_WAIT_SLACK_NS	(20 * NSEC_PER_USEC)
/* Without interrupts a waiter looks for itself, ever more seldom. */
#define NEURON_WAIT_POLL_MIN_NS	(50 * NSEC_PER_USEC)
#define NEURON_WAIT_POLL_MAX_NS	NSEC_PER_MSEC

static struct neuron_job *neuron_queue_job(struct neuron_queue *queue, u64 seq)
{
	struct neuron_job *ring = queue->ring->chunks[0].cpu;

	return &ring[neuron_seq_entry(seq, queue->entries)];
}

static void neuron_queue_put_job(struct neuron_queue *queue, const struct neuron_submit *submit,
				 struct neuron_context *context, u64 seq)
{
	neuron_job_fill(neuron_queue_job(queue, seq), submit, context ? context->index : 0, seq);
	queue->contexts[neuron_seq_entry(seq, queue->entries)] = context;
	if (context) {
		mutex_lock(&context->lock);
		atomic_inc(&context->jobs);
		mutex_unlock(&context->lock);
	}
}

static void neuron_queue_ring_doorbell(struct neuron_queue *queue, u64 seq)
{
	struct neuron_device *ndev = queue->obj.ndev;

	/* writel() orders jobs and segment tables in memory before the doorbell. */
	neuron_ext_write(ndev, NEURON_EXT_DOORBELL + queue->slot * sizeof(u32), seq);
	/*
	 * The chip clears POLLING, then looks at the doorbells once more before it sleeps. The
	 * store above must be visible before the load below, or both would see the old value.
	 */
	mb();
	if (!neuron_ext_read(ndev, NEURON_EXT_STATUS + NEURON_STATUS_POLLING))
		neuron_ext_write(ndev, NEURON_EXT_KICK, 1);
}

int neuron_queue_submit(struct neuron_queue *queue, const struct neuron_submit *jobs,
			struct neuron_context **contexts, u32 count, u64 *seq)
{
	struct neuron_device *ndev = queue->obj.ndev;
	int ret = 0;
	u32 i;

	mutex_lock(&queue->lock);
	if (!queue->running) {
		ret = -ENOENT;
		goto out_unlock;
	}
	neuron_queue_reap_locked(queue);
	if (count > neuron_seq_room(queue->submitted, queue->reaped, queue->entries)) {
		ret = -EAGAIN;
		goto out_unlock;
	}
	for (i = 0; i < count; i++) {
		neuron_queue_put_job(queue, &jobs[i], contexts[i], queue->submitted + 1 + i);
		trace_neuron_job_submit(ndev, queue->slot, queue->submitted + 1 + i, jobs[i].op);
	}
	/* Before the doorbell: a completion must find its job already counted. */
	spin_lock_irq(&ndev->queue_lock);
	queue->submitted += count;
	spin_unlock_irq(&ndev->queue_lock);
	neuron_queue_ring_doorbell(queue, queue->submitted);
	*seq = queue->submitted;
	if (!ndev->vector_count && !delayed_work_pending(&ndev->queue_work))
		schedule_delayed_work(&ndev->queue_work, 1);
out_unlock:
	mutex_unlock(&queue->lock);
	return ret;
}

u64 neuron_queue_oldest(struct neuron_queue *queue)
{
	u64 completed = READ_ONCE(queue->completed);

	return completed == READ_ONCE(queue->submitted) ? 0 : completed + 1;
}

/*
 * The lock keeps the ring there, and the jobs in it: an entry is used again only once its job
 * is known as completed.
 */
static int neuron_queue_cancel_locked(struct neuron_queue *queue, u64 first, u64 last)
{
	struct neuron_device *ndev = queue->obj.ndev;
	bool any = false;
	u64 seq;

	lockdep_assert_held(&ndev->queue_lock);
	if (ndev->queues[queue->slot] != queue)
		return -ENOENT;
	if (!last || last > queue->submitted)
		return -EINVAL;
	for (seq = max(first, queue->completed + 1); seq <= last; seq++) {
		struct neuron_job *job = neuron_queue_job(queue, seq);

		/* Once is enough: the chip is not to be kept busy with it. */
		if (job->op == NEURON_JOB_CANCELLED)
			continue;
		WRITE_ONCE(job->op, NEURON_JOB_CANCELLED);
		any = true;
	}
	/* writel() orders the ops in memory before the request to look at them. */
	if (any)
		neuron_ext_write(ndev, NEURON_EXT_QUEUE(queue->slot) + NEURON_Q_CTRL,
				 NEURON_Q_CTRL_CANCEL);
	return 0;
}

int neuron_queue_cancel(struct neuron_queue *queue, u64 seq, bool all)
{
	struct neuron_device *ndev = queue->obj.ndev;
	unsigned long flags;
	int ret;

	if (!(ndev->ext_features & NEURON_EXT_FEATURE_CANCEL))
		return -EOPNOTSUPP;
	spin_lock_irqsave(&ndev->queue_lock, flags);
	ret = neuron_queue_cancel_locked(queue, all ? 1 : seq, seq);
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	return ret;
}

int neuron_queue_abort(struct neuron_queue *queue)
{
	u64 seq = READ_ONCE(queue->submitted);

	return seq ? neuron_queue_cancel(queue, seq, true) : 0;
}

/* -EAGAIN: sleep on. */
static int neuron_queue_check(struct neuron_queue *queue, u64 seq)
{
	/* First, or the last completions might come between. Pairs with neuron_queue_stop(). */
	bool stopped = smp_load_acquire(&queue->stopped);
	int ret;

	if (neuron_queue_completed(queue) >= seq)
		return 0;
	ret = neuron_file_error(queue->nf);
	if (ret)
		return ret;
	/* Stopped without a word of the chip: the job will never complete. */
	return stopped ? -EIO : -EAGAIN;
}

int neuron_queue_wait(struct neuron_queue *queue, u64 seq, u64 deadline_ns)
{
	ktime_t deadline = min_t(u64, deadline_ns, KTIME_MAX);
	u64 nap = NEURON_WAIT_POLL_MIN_NS;
	DEFINE_WAIT(wait);
	ktime_t until;
	int ret;

	for (;;) {
		prepare_to_wait(&queue->wq, &wait, TASK_INTERRUPTIBLE);
		ret = neuron_queue_check(queue, seq);
		if (ret != -EAGAIN)
			break;
		if (ktime_compare(ktime_get(), deadline) >= 0) {
			ret = -ETIMEDOUT;
			break;
		}
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		until = deadline;
		if (!queue->obj.ndev->vector_count) {
			until = min(deadline, ktime_add_ns(ktime_get(), nap));
			nap = min_t(u64, nap * 2, NEURON_WAIT_POLL_MAX_NS);
		}
		schedule_hrtimeout_range(&until, NEURON_WAIT_SLACK_NS, HRTIMER_MODE_ABS);
	}
	finish_wait(&queue->wq, &wait);
	return ret;
}

/* Newest finished job, which the caller is about to be told. */
u64 neuron_queue_tell(struct neuron_queue *queue)
{
	struct neuron_device *ndev = queue->obj.ndev;
	u64 completed = neuron_queue_completed(queue);

	spin_lock_irq(&ndev->queue_lock);
	queue->told = max(queue->told, completed);
	spin_unlock_irq(&ndev->queue_lock);
	return completed;
}

int neuron_queue_report(struct neuron_queue *queue, struct neuron_ioctl_wait *arg)
{
	struct neuron_completion_page *page = queue->page->chunks[0].cpu;
	struct neuron_completion record;
	bool stale;

	arg->completed = neuron_queue_tell(queue);

	/* Jobs that might overwrite the record are submitted with this lock held. */
	mutex_lock(&queue->lock);
	stale = !neuron_seq_kept(arg->seq, queue->submitted, queue->entries);
	record = page->record[neuron_seq_entry(arg->seq, queue->entries)];
	if (queue->running)
		neuron_queue_reap_locked(queue);
	mutex_unlock(&queue->lock);
	if (stale)
		return -ESTALE;
	arg->status = record.status;
	arg->engine = record.engine;
	arg->job_flags = record.flags;
	arg->pc = record.pc;
	arg->detail = record.detail;
	arg->cycles = record.cycles;
	return 0;
}
