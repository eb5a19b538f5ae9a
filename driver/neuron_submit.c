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

#define NEURON_WAIT_SLACK_NS	(20 * NSEC_PER_USEC)
/* Without interrupts a waiter looks for itself, ever more seldom. */
#define NEURON_WAIT_POLL_MIN_NS	(50 * NSEC_PER_USEC)
#define NEURON_WAIT_POLL_MAX_NS	NSEC_PER_MSEC

static void neuron_queue_put_job(struct neuron_queue *queue, const struct neuron_submit *submit,
				 struct neuron_context *context, u64 seq)
{
	u32 entry = (seq - 1) & (queue->entries - 1);
	struct neuron_job *job = queue->ring->chunks[0].cpu + entry * sizeof(*job);
	unsigned int i;

	*job = (struct neuron_job) {
		.op = submit->op == NEURON_SUBMIT_EXEC ? NEURON_JOB_EXEC : NEURON_JOB_NOP,
		.code = submit->code,
		.context = context ? context->index : 0,
		.timeout_ms = submit->timeout_ms,
		.seq = seq,
	};
	for (i = 0; i < NEURON_STREAMS; i++) {
		job->stream[i].offset = submit->stream[i].offset;
		job->stream[i].count = submit->stream[i].count;
	}
	queue->contexts[entry] = context;
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
	if (count > queue->entries - (queue->submitted - queue->reaped)) {
		ret = -EAGAIN;
		goto out_unlock;
	}
	for (i = 0; i < count; i++)
		neuron_queue_put_job(queue, &jobs[i], contexts[i], queue->submitted + 1 + i);
	/* Before the doorbell: a completion must find its job already counted. */
	spin_lock_irq(&ndev->queue_lock);
	queue->submitted += count;
	spin_unlock_irq(&ndev->queue_lock);
	neuron_queue_ring_doorbell(queue, queue->submitted);
	*seq = queue->submitted;
	if (!delayed_work_pending(&ndev->queue_work))
		schedule_delayed_work(&ndev->queue_work, ndev->vector_count ? HZ : 1);
out_unlock:
	mutex_unlock(&queue->lock);
	return ret;
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
	stale = queue->submitted - arg->seq >= queue->entries;
	record = page->record[(arg->seq - 1) & (queue->entries - 1)];
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
