/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_RECOVERY_H
#define _NEURON_RECOVERY_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "neuron_ladder.h"

struct dentry;
struct neuron_device;

#define NEURON_RECOVERY_STEPS	32
#define NEURON_RECOVERY_TEXT	56

struct neuron_recovery_step {
	u64 time_ns;
	char text[NEURON_RECOVERY_TEXT];
};

/**
 * struct neuron_recovery - the recovery of one chip
 * @watchdog: looks at the chip, often while a file is open
 * @reset: resets the device
 * @lock: guards @ladder
 * @step_lock: guards @steps, @step_count, @why, @missed
 * @why: of the newest report
 * @paused: somebody else resets the device, or takes it away
 * @missed: it was reported broken meanwhile; @step_lock
 * @resetting: the device comes back by itself; open() waits for it
 * @dumped: a coredump of what is being mended was taken; the reset work's
 * @given_up: too many resets: an administrator has to act
 * @idle: the next look is far away
 * @speed: debugfs: rungs of cores and attempts to reset come so many times faster
 * @missed_interrupts, @aborts, @core_resets, @device_resets, @heartbeats: counters, for people
 */
struct neuron_recovery {
	struct delayed_work watchdog;
	struct delayed_work reset;
	struct mutex lock;	/* guards the ladder */
	struct neuron_ladder ladder;
	spinlock_t step_lock;	/* guards the steps, and why */
	struct neuron_recovery_step steps[NEURON_RECOVERY_STEPS];
	u32 step_count;
	char why[NEURON_RECOVERY_TEXT];
	bool paused;
	bool missed;
	bool resetting;
	bool given_up;
	bool dumped;
	u32 idle;
	u32 speed;

	u32 last_beat;
	u32 missed_interrupts;
	u32 aborts;
	u32 core_resets;
	u32 device_resets;
	u32 heartbeats;
};

/* Paused, until neuron_recovery_resume(). */
void neuron_recovery_init(struct neuron_device *ndev);
void neuron_recovery_fini(struct neuron_device *ndev);
/*
 * No device reset from here on: returns when one that was under way has ended. pause: and
 * nothing is looked at any more. Neither ndev->rwsem nor recovery->lock may be held.
 */
void neuron_recovery_hold(struct neuron_device *ndev);
void neuron_recovery_pause(struct neuron_device *ndev);
/*
 * Afresh: the device works, or has been left as broken by whoever reset it. What was reported
 * after neuron_recovery_started() is acted upon now.
 */
void neuron_recovery_resume(struct neuron_device *ndev);
/* What was reported is of the time before a reset. Just before the device may be used. */
void neuron_recovery_started(struct neuron_device *ndev);
/* A file was opened: look after the chip more often. */
void neuron_recovery_watch(struct neuron_device *ndev);
/* Before open(): sleeps while the device is being reset. 0 or -ERESTARTSYS. */
int neuron_recovery_wait(struct neuron_device *ndev, bool nonblock);
/* The device was reported broken: reset it, if that is allowed. From any context. */
void neuron_recovery_report(struct neuron_device *ndev, const char *why);
/* So long, or less on a test bench that is in a hurry. */
unsigned int neuron_recovery_ms(struct neuron_device *ndev, unsigned int ms);
/* For the record. From any context. */
void neuron_recovery_note(struct neuron_device *ndev, const char *fmt, ...) __printf(2, 3);
/* debugfs: recover, watchdog. */
void neuron_recovery_debugfs(struct neuron_device *ndev, struct dentry *dir);

#endif
