/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_QUEUE_H
#define _NEURON_QUEUE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "neuron_job.h"
#include "neuron_object.h"

struct eventfd_ctx;
struct neuron_context;
struct neuron_file;
struct neuron_ioctl_queue_create;
struct neuron_ioctl_wait;
struct neuron_mem;
struct neuron_submit;
struct work_struct;

/**
 * struct neuron_queue - a NeuronCore queue
 * @nf: the file; a queue is stopped before its file goes
 * @node: in nf->queues; nf->lock
 * @slot: of the chip's NEURON_QUEUES
 * @serial: of all queues of the device; a slot is used again
 * @entries: of the ring
 * @ring: the chip reads jobs from it
 * @page: the chip writes completions to it
 * @contexts: of the job in each entry of the ring
 * @lock: guards submission, reaping, and @running
 * @running: jobs may be submitted
 * @stopping: the chip was told to stop it
 * @stopped: no completion will come any more
 * @submitted: newest job; changes with @lock and ndev->queue_lock held
 * @reaped: newest job whose context was put; @lock
 * @completed: newest finished job that was seen; ndev->queue_lock
 * @interrupted: newest finished job at the last interrupt; ndev->queue_lock
 * @late: newest finished job that no interrupt had told about; ndev->queue_lock
 * @told: newest finished job that poll() need not report; ndev->queue_lock
 * @wq: waiters
 */
struct neuron_queue {
	struct neuron_object obj;
	struct neuron_file *nf;
	struct list_head node;
	unsigned int slot;
	u32 serial;
	u32 entries;
	u32 priority;
	struct neuron_mem *ring;
	struct neuron_mem *page;
	struct neuron_context **contexts;
	struct eventfd_ctx *eventfd;

	struct mutex lock;	/* guards submission, reaping, running */
	bool running;
	bool stopping;
	bool stopped;
	u64 submitted;
	u64 reaped;
	u64 completed;
	u64 interrupted;
	u64 late;
	u64 told;
	wait_queue_head_t wq;
};

#define to_neuron_queue(o)	container_of(o, struct neuron_queue, obj)

/* A running queue with one reference. Takes over @eventfd, which may be NULL, on success. */
struct neuron_queue *neuron_queue_create(struct neuron_file *nf,
					 const struct neuron_ioctl_queue_create *arg,
					 struct eventfd_ctx *eventfd);
/* neuron_submit.c: put checked jobs into the ring; takes over the contexts on success. */
int neuron_queue_submit(struct neuron_queue *queue, const struct neuron_submit *jobs,
			struct neuron_context **contexts, u32 count, u64 *seq);
/* neuron_submit.c: sleep until a job has ended. ndev->rwsem must not be held. */
int neuron_queue_wait(struct neuron_queue *queue, u64 seq, u64 deadline_ns);
/* neuron_submit.c: newest finished job, which the caller is about to be told. */
u64 neuron_queue_tell(struct neuron_queue *queue);
/* neuron_submit.c: fill the outputs of @arg. With ndev->rwsem held. */
int neuron_queue_report(struct neuron_queue *queue, struct neuron_ioctl_wait *arg);

/*
 * neuron_submit.c: end job @seq, or with @all also all before it, unless they have ended. Does
 * not wait for that. From any context. 0, -EINVAL: no such job, -ENOENT: the queue has been
 * stopped, -EOPNOTSUPP: this firmware cannot.
 */
int neuron_queue_cancel(struct neuron_queue *queue, u64 seq, bool all);
/* The same for all jobs in flight. */
int neuron_queue_abort(struct neuron_queue *queue);
/* The oldest job that has not ended; 0: none. From any context. */
u64 neuron_queue_oldest(struct neuron_queue *queue);

/* Look at the completion page. From any context. */
u64 neuron_queue_completed(struct neuron_queue *queue);
/* Let go of contexts of finished jobs: one queue, or all of a file. */
void neuron_queue_reap_locked(struct neuron_queue *queue);
void neuron_queue_reap_file(struct neuron_file *nf);
/* Ask the chip to end all jobs of all queues of a file; destroy then waits for each. */
void neuron_queue_disable_file(struct neuron_file *nf);
/* poll(): a job has finished that WAIT has not told about. */
bool neuron_queue_readable(struct neuron_file *nf);

/* Interrupt @vector: jobs that have ended since the one before it. From any context. */
u32 neuron_queue_interrupt(struct neuron_device *ndev, unsigned int vector);
/* Tells of completions whose interrupt got lost; how many queues. @again: look again soon. */
unsigned int neuron_queue_missed(struct neuron_device *ndev, bool *again);
/* Everybody who waits has to look again. From any context. */
void neuron_queue_wake_all(struct neuron_device *ndev);
/* Ask the chip to stop all queues; each is then to be waited for. */
void neuron_queue_disable_all(struct neuron_device *ndev);
/* Firmware says that the state of a queue changed. */
void neuron_queue_check_states(struct neuron_device *ndev);
/* Looks at queues when there are no interrupts. */
void neuron_queue_work(struct work_struct *work);

#endif
