// SPDX-License-Identifier: Apache-2.0
/*
 * A NeuronCore queue of /dev/neuronN that several threads share.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kernel_queue.h"

/* On top of the jobs' own time-outs: for the firmware to end them. */
#define GRACE_MS	10000

static int call(int fd, unsigned long request, void *arg)
{
	int rc;

	do
		rc = ioctl(fd, request, arg);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

int nrt_queue_create(struct nrt_queue *queue, int fd, uint32_t core)
{
	struct neuron_ioctl_queue_create arg = {
		.size = sizeof(arg),
		.core = core,
		.entries = NRT_QUEUE_ENTRIES,
		.eventfd = -1,
	};
	int rc = call(fd, NEURON_IOCTL_QUEUE_CREATE, &arg);

	if (rc)
		return rc;
	*queue = (struct nrt_queue) {
		.fd = fd,
		.id = arg.id,
		.exists = true,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.room = PTHREAD_COND_INITIALIZER,
		.next = 1,
		.oldest = 1,
	};
	return 0;
}

void nrt_queue_destroy(struct nrt_queue *queue)
{
	struct neuron_ioctl_destroy arg = { .size = sizeof(arg), .id = queue->id };

	if (!queue->exists)
		return;
	call(queue->fd, NEURON_IOCTL_DESTROY, &arg);
	pthread_cond_destroy(&queue->room);
	pthread_mutex_destroy(&queue->lock);
	queue->exists = false;
}

/* Gives the job's sequence number, and in @ahead how many jobs may still run before it. */
static int submit(struct nrt_queue *queue, const struct neuron_submit *job, uint64_t *seq,
		  uint64_t *ahead)
{
	struct neuron_ioctl_submit arg = {
		.size = sizeof(arg),
		.queue = queue->id,
		.count = 1,
		.jobs = (uintptr_t)job,
	};
	int rc = 0;

	pthread_mutex_lock(&queue->lock);
	while (queue->next - queue->oldest >= NRT_QUEUE_ENTRIES && !queue->failed)
		pthread_cond_wait(&queue->room, &queue->lock);
	if (queue->failed)
		rc = -EIO;
	else
		rc = call(queue->fd, NEURON_IOCTL_SUBMIT, &arg);
	if (!rc) {
		*seq = arg.seq;
		*ahead = arg.seq - queue->oldest;
		queue->next = arg.seq + 1;
		queue->fetched[arg.seq % NRT_QUEUE_ENTRIES] = false;
	}
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

static void fetched(struct nrt_queue *queue, uint64_t seq, int error)
{
	pthread_mutex_lock(&queue->lock);
	queue->fetched[seq % NRT_QUEUE_ENTRIES] = true;
	while (queue->oldest < queue->next && queue->fetched[queue->oldest % NRT_QUEUE_ENTRIES])
		queue->oldest++;
	/* After a time-out nobody knows what the device still does with the job's memory. */
	if (error)
		queue->failed = true;
	pthread_cond_broadcast(&queue->room);
	pthread_mutex_unlock(&queue->lock);
}

int nrt_queue_run(struct nrt_queue *queue, const struct neuron_submit *job,
		  struct neuron_completion *result)
{
	struct neuron_ioctl_wait arg = { .size = sizeof(arg), .queue = queue->id };
	uint64_t seq, ahead, timeout_ms = job->timeout_ms;
	struct timespec now;
	int rc;

	rc = submit(queue, job, &seq, &ahead);
	if (rc)
		return rc;
	if (!timeout_ms)
		timeout_ms = NEURON_JOB_DEFAULT_TIMEOUT_MS;
	clock_gettime(CLOCK_MONOTONIC, &now);
	arg.seq = seq;
	arg.deadline_ns = now.tv_sec * 1000000000ULL + now.tv_nsec +
			  ((ahead + 1) * timeout_ms + GRACE_MS) * 1000000ULL;
	rc = call(queue->fd, NEURON_IOCTL_WAIT, &arg);
	fetched(queue, seq, rc);
	if (rc)
		return rc;
	*result = (struct neuron_completion) {
		.seq = seq,
		.status = arg.status,
		.engine = arg.engine,
		.flags = arg.job_flags,
		.pc = arg.pc,
		.detail = arg.detail,
		.cycles = arg.cycles,
	};
	return 0;
}
