// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery: a watchdog looks at the chip once a second while a file is open, and now and then
 * when none is, asks the ladder (neuron_ladder.c) what to do about what it sees, and does it;
 * whatever finds the device broken gets it reset here.
 *
 * Locking: recovery->lock guards the ladder. The watchdog takes neither ndev->rwsem nor any
 * lock that somebody holds who waits for the chip: it must run when all others are stuck. What it
 * touches stays because remove stops it first. The reset work holds ndev->rwsem for writing only
 * while it takes things away and hands them out again, not while the chip comes back.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_coredump.h"
#include "neuron_event.h"
#include "neuron_file.h"
#include "neuron_fw.h"
#include "neuron_job.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_recovery.h"
#include "neuron_reset.h"
#include "neuron_trace.h"

/* An interrupt that is under way gets so long before it counts as missed. */
#define NEURON_WATCH_AGAIN	msecs_to_jiffies(50)
#define NEURON_RETRY_MS		1000
#define NEURON_SPEED_MAX	100

static u64 neuron_now_ms(void)
{
	/* Never 0, which means never. */
	return ktime_to_ms(ktime_get()) + 1;
}

static u32 neuron_recovery_speed(struct neuron_device *ndev)
{
	return clamp_t(u32, READ_ONCE(ndev->recovery.speed), 1, NEURON_SPEED_MAX);
}

unsigned int neuron_recovery_ms(struct neuron_device *ndev, unsigned int ms)
{
	return ms / neuron_recovery_speed(ndev);
}

static unsigned long neuron_watch_period(struct neuron_device *ndev)
{
	return msecs_to_jiffies(neuron_recovery_ms(ndev, NEURON_LADDER_PERIOD_MS));
}

void neuron_recovery_note(struct neuron_device *ndev, const char *fmt, ...)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	struct neuron_recovery_step *step;
	unsigned long flags;
	va_list args;

	spin_lock_irqsave(&recovery->step_lock, flags);
	step = &recovery->steps[recovery->step_count++ % NEURON_RECOVERY_STEPS];
	step->time_ns = ktime_get_ns();
	va_start(args, fmt);
	vscnprintf(step->text, sizeof(step->text), fmt, args);
	va_end(args);
	trace_neuron_recovery(ndev, step->text);
	spin_unlock_irqrestore(&recovery->step_lock, flags);
}

/* --- what there is to see --- */

static void neuron_observe_job(struct neuron_device *ndev, unsigned int slot, u32 job,
			       struct neuron_core_observation *core)
{
	struct neuron_queue *queue;
	struct neuron_job *ring;
	unsigned long flags;
	u32 timeout = 0;
	u64 seq = 0;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	queue = ndev->queues[slot];
	core->queue = queue ? queue->serial : 0;
	if (queue)
		seq = neuron_seq_extend(job, queue->completed, queue->submitted);
	if (seq) {
		ring = queue->ring->chunks[0].cpu;
		timeout = READ_ONCE(ring[neuron_seq_entry(seq, queue->entries)].timeout_ms);
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	/* It has ended meanwhile. */
	if (!seq)
		return;
	core->running = true;
	core->slot = slot;
	core->job = job;
	core->limit_ms = timeout ? timeout : NEURON_JOB_DEFAULT_TIMEOUT_MS;
}

static void neuron_observe_queues(struct neuron_device *ndev, struct neuron_observation *obs)
{
	DECLARE_BITMAP(busy, NEURON_QUEUES) = {};
	unsigned long flags;
	unsigned int slot;
	u32 job;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++) {
		struct neuron_queue *queue = ndev->queues[slot];

		if (!queue)
			continue;
		obs->progress += queue->completed;
		if (queue->completed != queue->submitted)
			__set_bit(slot, busy);
		if (READ_ONCE(queue->stopping)) {
			obs->core[slot / NEURON_QUEUES_PER_CORE].stopping = true;
			obs->core[slot / NEURON_QUEUES_PER_CORE].slot = slot;
		}
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);

	if (!(ndev->ext_features & NEURON_EXT_FEATURE_CANCEL))
		return;
	/* Registers are read without the lock: each is a way to the chip and back. */
	for_each_set_bit(slot, busy, NEURON_QUEUES) {
		job = neuron_ext_read(ndev, NEURON_EXT_QUEUE(slot) + NEURON_Q_RUNNING);
		if (job)
			neuron_observe_job(ndev, slot, job,
					   &obs->core[slot / NEURON_QUEUES_PER_CORE]);
	}
}

static void neuron_observe(struct neuron_device *ndev, struct neuron_observation *obs)
{
	*obs = (struct neuron_observation) {
		.now_ms = neuron_now_ms(),
		.speed = neuron_recovery_speed(ndev),
		.answers = true,
		.present = true,
	};
	if (!ndev->ext) {
		/* Silicon: its registers are not to be read, its configuration space may be. */
		obs->present = pci_device_is_present(ndev->pdev);
		return;
	}
	obs->answers = neuron_ext_read(ndev, NEURON_EXT_MAGIC) == NEURON_EXT_MAGIC_VALUE;
	if (!obs->answers) {
		obs->present = pci_device_is_present(ndev->pdev);
		return;
	}
	obs->crashed = neuron_fw_dead(ndev);
	obs->beats = true;
	obs->heartbeat = neuron_ext_read(ndev, NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT);
	if (!neuron_ladder_quiet(&ndev->recovery.ladder))
		obs->core_reset = neuron_core_reset_busy(ndev);
	if (ndev->compute)
		neuron_observe_queues(ndev, obs);
}

/* --- what there is to do --- */

/* The queue of a slot with a reference, or NULL. */
static struct neuron_queue *neuron_recovery_queue(struct neuron_device *ndev, unsigned int slot)
{
	struct neuron_queue *queue;
	unsigned long flags;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	queue = ndev->queues[slot];
	if (queue && !kref_get_unless_zero(&queue->obj.ref))
		queue = NULL;
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
	return queue;
}

static int neuron_recovery_abort(struct neuron_device *ndev, unsigned int slot)
{
	struct neuron_queue *queue = neuron_recovery_queue(ndev, slot);
	int ret;

	if (!queue)
		return -ENOENT;
	ret = neuron_queue_abort(queue);
	neuron_object_put(&queue->obj);
	if (!ret)
		ndev->recovery.aborts++;
	return ret;
}

static void neuron_recovery_reset_core(struct neuron_device *ndev, unsigned int core)
{
	ndev->recovery.core_resets++;
	atomic64_inc(&ndev->cores[core].stats.resets);
	neuron_core_reset(ndev, BIT(core));
}

static void neuron_recovery_lost(struct neuron_device *ndev, const char *why)
{
	WRITE_ONCE(ndev->lost, true);
	neuron_device_broken(ndev, why);
}

/* False: there is nothing more to look at. */
static bool neuron_recovery_do(struct neuron_device *ndev, const struct neuron_step *step)
{
	switch (step->action) {
	case NEURON_ACT_ABORT_QUEUE:
		neuron_log(ndev, NEURON_LOG_ABORT, KERN_WARNING,
			   "queue %u: %s; it is aborted\n", step->slot, step->why);
		neuron_recovery_note(ndev, "abort queue %u: %s", step->slot, step->why);
		/* If that cannot be done, the next rung comes in its time. */
		neuron_recovery_abort(ndev, step->slot);
		return true;
	case NEURON_ACT_RESET_CORE:
		neuron_log(ndev, NEURON_LOG_CORE_RESET, KERN_WARNING,
			   "NeuronCore %u: %s; it is reset\n", step->core, step->why);
		neuron_recovery_note(ndev, "reset core %u: %s", step->core, step->why);
		neuron_recovery_reset_core(ndev, step->core);
		return true;
	case NEURON_ACT_RESET_DEVICE:
		neuron_device_broken(ndev, step->why);
		return false;
	case NEURON_ACT_LOST:
		neuron_recovery_lost(ndev, step->why);
		return false;
	default:
		return false;
	}
}

static void neuron_recovery_climb(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	struct neuron_observation obs;
	struct neuron_step step;

	neuron_observe(ndev, &obs);
	if (obs.beats && obs.heartbeat != recovery->last_beat) {
		recovery->heartbeats += obs.heartbeat - recovery->last_beat;
		recovery->last_beat = obs.heartbeat;
	}
	do {
		step = neuron_recovery_next(&recovery->ladder, &obs);
	} while (neuron_recovery_do(ndev, &step));
}

/* Nobody waits for anything, and nothing looks wrong: often enough for those who watch a fleet. */
static bool neuron_recovery_is_idle(struct neuron_device *ndev)
{
	const struct neuron_ladder *ladder = &ndev->recovery.ladder;

	lockdep_assert_held(&ndev->recovery.lock);
	return neuron_ladder_quiet(ladder) && !neuron_ladder_doubts(ladder) &&
	       list_empty_careful(&ndev->files);
}

/*
 * A completion that no interrupt told about is looked at twice, because the interrupt may be
 * on its way; then it is told about here.
 */
static void neuron_recovery_watchdog(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device,
						  recovery.watchdog);
	struct neuron_recovery *recovery = &ndev->recovery;
	unsigned long delay = neuron_watch_period(ndev);
	bool again = false, idle;
	u32 missed;

	/* Without interrupts nobody else asks what firmware has to report. */
	if (!ndev->vector_count && ndev->ext)
		schedule_work(&ndev->fw_work);
	/* Also while others, who paused the recovery, wait for queues to stop. */
	if (READ_ONCE(ndev->broken))
		return;
	missed = ndev->vector_count ? neuron_queue_missed(ndev, &again) : 0;
	if (missed) {
		recovery->missed_interrupts += missed;
		neuron_log(ndev, NEURON_LOG_MISSED, KERN_WARNING,
			   "%u completions came without an interrupt\n", missed);
		neuron_recovery_note(ndev, "%u missed interrupts", missed);
	}
	mutex_lock(&recovery->lock);
	if (!READ_ONCE(ndev->broken))
		neuron_recovery_climb(ndev);
	idle = neuron_recovery_is_idle(ndev);
	mutex_unlock(&recovery->lock);

	if (READ_ONCE(ndev->broken))
		return;
	if (again)
		delay = NEURON_WATCH_AGAIN;
	else if (idle)
		delay = round_jiffies_relative(msecs_to_jiffies(NEURON_LADDER_IDLE_MS));
	/* Whoever opens a file after this look brings the next one forward. */
	WRITE_ONCE(recovery->idle, idle);
	schedule_delayed_work(&recovery->watchdog, delay);
}

/* --- device reset --- */

static void neuron_recovery_give_up(struct neuron_device *ndev, bool lost)
{
	WRITE_ONCE(ndev->recovery.given_up, true);
	if (!lost)
		dev_err(&ndev->dev, "reset %u times within %u minutes: no more, until it is reset through sysfs or rebound\n",
			NEURON_LADDER_RESETS, NEURON_LADDER_WINDOW_MS / 60000);
	neuron_recovery_note(ndev, lost ? "lost" : "gave up");
	neuron_event_send(ndev, "broken", ndev->recovery.why);
}

/* Files lose their objects; from here on nobody touches the chip. */
static int neuron_recovery_take(struct neuron_device *ndev)
{
	int ret = 0;

	neuron_dma_stop(ndev, -EIO);
	down_write(&ndev->rwsem);
	if (READ_ONCE(ndev->gone)) {
		ret = -ENODEV;
	} else {
		ndev->generation++;
		neuron_hw_stop(ndev);
	}
	up_write(&ndev->rwsem);
	neuron_mem_unpin_all(ndev);
	wake_up_all(&ndev->error_wq);
	return ret;
}

static int neuron_recovery_reset_device(struct neuron_device *ndev)
{
	int ret;

	ret = neuron_function_reset(ndev);
	if (ret)
		return ret;
	pci_set_master(ndev->pdev);
	/* Slow, and nobody else is at the chip: without the lock. */
	ret = neuron_hw_handshake(ndev);
	if (!ret)
		ret = neuron_hw_restart(ndev);
	if (ret)
		pci_clear_master(ndev->pdev);
	return ret;
}

/* Reports of what is being mended now must not lead to another reset after this one. */
static void neuron_recovery_forget_reports(struct neuron_device *ndev)
{
	cancel_work_sync(&ndev->broken_work);
	cancel_delayed_work(&ndev->recovery.reset);
}

static bool neuron_recovery_allowed(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	bool allowed;

	/* Also waits for a watchdog that has not seen yet that the device is broken. */
	mutex_lock(&recovery->lock);
	allowed = neuron_ladder_may_reset(&recovery->ladder, neuron_now_ms());
	neuron_ladder_restart(&recovery->ladder);
	mutex_unlock(&recovery->lock);
	return allowed;
}

static void neuron_recovery_done(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;

	recovery->dumped = false;
	WRITE_ONCE(recovery->resetting, false);
	wake_up_all(&ndev->error_wq);
}

static void neuron_recovery_reset(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device,
						  recovery.reset);
	struct neuron_recovery *recovery = &ndev->recovery;
	bool allowed, lost;
	int ret;

	neuron_device_cut(ndev);
	lost = READ_ONCE(ndev->lost) || !pci_device_is_present(ndev->pdev);
	if (lost)
		WRITE_ONCE(ndev->lost, true);
	/* Of the first failure, not of what the attempts to mend it left. */
	if (!recovery->dumped && !lost)
		neuron_coredump_take(ndev, recovery->why);
	recovery->dumped = true;
	ret = neuron_recovery_take(ndev);
	allowed = neuron_recovery_allowed(ndev);
	neuron_recovery_forget_reports(ndev);
	if (ret || lost || !allowed) {
		if (!ret)
			neuron_recovery_give_up(ndev, lost);
		neuron_recovery_done(ndev);
		return;
	}
	recovery->device_resets++;
	neuron_recovery_note(ndev, "reset device: %s", recovery->why);
	neuron_event_send(ndev, "reset", recovery->why);
	ret = neuron_recovery_reset_device(ndev);
	neuron_recovery_note(ndev, "device reset: %d", ret);
	if (ret) {
		/* Busy: somebody else is at it, and cancels this. */
		if (ret != -EBUSY)
			dev_err(&ndev->dev, "reset failed: %d\n", ret);
		/* Whoever holds the recovery cancels this, too. */
		queue_delayed_work(system_long_wq, &recovery->reset,
				   msecs_to_jiffies(neuron_recovery_ms(ndev, NEURON_RETRY_MS)));
		return;
	}
	dev_info(&ndev->dev, "reset, files must be opened anew\n");
	neuron_recovery_done(ndev);
	neuron_event_send(ndev, "recovered", recovery->why);
	neuron_recovery_watch(ndev);
}

/* --- for others --- */

void neuron_recovery_report(struct neuron_device *ndev, const char *why)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	unsigned long flags;

	neuron_recovery_note(ndev, "broken: %s", why);
	spin_lock_irqsave(&recovery->step_lock, flags);
	/* Under the lock: whoever pauses takes it once, and cancels what was started before. */
	if (recovery->paused) {
		/* Who resumes looks whether it is of before the chip was started. */
		recovery->missed = true;
	} else if (!READ_ONCE(recovery->given_up)) {
		if (!recovery->resetting)
			strscpy(recovery->why, why, sizeof(recovery->why));
		recovery->resetting = true;
		queue_delayed_work(system_long_wq, &recovery->reset, 0);
	}
	spin_unlock_irqrestore(&recovery->step_lock, flags);
}

int neuron_recovery_wait(struct neuron_device *ndev, bool nonblock)
{
	struct neuron_recovery *recovery = &ndev->recovery;

	if (nonblock)
		return 0;
	return wait_event_interruptible(ndev->error_wq, !READ_ONCE(recovery->resetting) ||
					READ_ONCE(ndev->gone));
}

void neuron_recovery_watch(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;

	if (READ_ONCE(recovery->paused))
		return;
	/* Not each time: who opens files all the time must not put it off for ever. */
	if (xchg(&recovery->idle, 0))
		mod_delayed_work(system_wq, &recovery->watchdog, neuron_watch_period(ndev));
	else
		schedule_delayed_work(&recovery->watchdog, neuron_watch_period(ndev));
}

void neuron_recovery_hold(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;

	spin_lock_irq(&recovery->step_lock);
	recovery->paused = true;
	spin_unlock_irq(&recovery->step_lock);
	cancel_delayed_work_sync(&recovery->reset);
	WRITE_ONCE(recovery->resetting, false);
	wake_up_all(&ndev->error_wq);
}

void neuron_recovery_pause(struct neuron_device *ndev)
{
	neuron_recovery_hold(ndev);
	cancel_delayed_work_sync(&ndev->recovery.watchdog);
}

void neuron_recovery_resume(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	bool missed;

	mutex_lock(&recovery->lock);
	/* An administrator's reset starts a new account. */
	memset(&recovery->ladder, 0, sizeof(recovery->ladder));
	mutex_unlock(&recovery->lock);
	WRITE_ONCE(recovery->given_up, false);
	spin_lock_irq(&recovery->step_lock);
	WRITE_ONCE(recovery->paused, false);
	missed = recovery->missed;
	spin_unlock_irq(&recovery->step_lock);
	/* It was started, and broke before anybody could be told. */
	if (missed)
		neuron_device_broken(ndev, "it broke while it was started");
	neuron_recovery_watch(ndev);
}

void neuron_recovery_started(struct neuron_device *ndev)
{
	spin_lock_irq(&ndev->recovery.step_lock);
	ndev->recovery.missed = false;
	spin_unlock_irq(&ndev->recovery.step_lock);
}

void neuron_recovery_init(struct neuron_device *ndev)
{
	struct neuron_recovery *recovery = &ndev->recovery;

	INIT_DELAYED_WORK(&recovery->watchdog, neuron_recovery_watchdog);
	INIT_DELAYED_WORK(&recovery->reset, neuron_recovery_reset);
	mutex_init(&recovery->lock);
	spin_lock_init(&recovery->step_lock);
	recovery->paused = true;
	recovery->speed = 1;
}

void neuron_recovery_fini(struct neuron_device *ndev)
{
	mutex_destroy(&ndev->recovery.lock);
}

/* --- debugfs --- */

static int neuron_recovery_command(struct neuron_device *ndev, const char *command)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	unsigned int n;
	int ret = 0;

	if (!strcmp(command, "device")) {
		neuron_device_broken(ndev, "asked for through debugfs");
		return 0;
	}
	mutex_lock(&recovery->lock);
	if (neuron_ladder_resetting(&recovery->ladder)) {
		ret = -EBUSY;
	} else if (sscanf(command, "abort %u", &n) == 1 && n < NEURON_QUEUES) {
		ret = neuron_recovery_abort(ndev, n);
		if (!ret) {
			neuron_ladder_enter(&recovery->ladder, n / NEURON_QUEUES_PER_CORE,
					    NEURON_RUNG_ABORT);
			neuron_recovery_note(ndev, "abort queue %u: debugfs", n);
		}
	} else if (sscanf(command, "core %u", &n) == 1 && n < ndev->core_count) {
		neuron_ladder_enter(&recovery->ladder, n, NEURON_RUNG_CORE);
		neuron_recovery_note(ndev, "reset core %u: debugfs", n);
		neuron_recovery_reset_core(ndev, n);
	} else {
		ret = -EINVAL;
	}
	mutex_unlock(&recovery->lock);
	neuron_recovery_watch(ndev);
	return ret;
}

static ssize_t neuron_recover_write(struct file *file, const char __user *user, size_t count,
				    loff_t *pos)
{
	struct neuron_device *ndev = file->private_data;
	char command[32] = {};
	int ret;

	if (count >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, user, count))
		return -EFAULT;
	down_read(&ndev->rwsem);
	ret = neuron_device_error(ndev);
	if (!ret && !ndev->compute)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = neuron_recovery_command(ndev, strim(command));
	up_read(&ndev->rwsem);
	return ret ? ret : count;
}

static const struct file_operations neuron_recover_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = neuron_recover_write,
	.llseek = noop_llseek,
};

static int neuron_watchdog_show(struct seq_file *m, void *data)
{
	struct neuron_device *ndev = m->private;
	struct neuron_recovery *recovery = &ndev->recovery;
	struct neuron_recovery_step *step;
	u32 i;

	seq_printf(m, "missed_interrupts %u\naborts %u\ncore_resets %u\ndevice_resets %u\n"
		   "heartbeats %u\n", recovery->missed_interrupts, recovery->aborts,
		   recovery->core_resets, recovery->device_resets, recovery->heartbeats);
	spin_lock_irq(&recovery->step_lock);
	i = recovery->step_count > NEURON_RECOVERY_STEPS ?
	    recovery->step_count - NEURON_RECOVERY_STEPS : 0;
	for (; i < recovery->step_count; i++) {
		step = &recovery->steps[i % NEURON_RECOVERY_STEPS];
		seq_printf(m, "%llu %s\n", step->time_ns, step->text);
	}
	spin_unlock_irq(&recovery->step_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(neuron_watchdog);

void neuron_recovery_debugfs(struct neuron_device *ndev, struct dentry *dir)
{
	debugfs_create_file("recover", 0200, dir, ndev, &neuron_recover_fops);
	debugfs_create_file("watchdog", 0444, dir, ndev, &neuron_watchdog_fops);
	/* For tests of what takes its time. */
	debugfs_create_u32("recovery_speed", 0600, dir, &ndev->recovery.speed);
}
