/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NeuronCore queue of /dev/neuronN that several threads share.
 */
#ifndef NRT_KERNEL_QUEUE_H
#define NRT_KERNEL_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/neuron.h>
#include <neuron/job.h>

#define NRT_QUEUE_ENTRIES 64

/**
 * struct nrt_queue - a queue
 * @lock: of all below
 * @room: signalled when @oldest advances
 * @next: sequence number of the next job
 * @oldest: of the oldest job whose record was not fetched. The kernel keeps a record for
 *	as many jobs as the queue has entries, so @next stays less than that ahead
 * @fetched: per job from @oldest to @next
 */
struct nrt_queue {
	int fd;
	uint32_t id;
	bool exists;
	bool failed;
	pthread_mutex_t lock;
	pthread_cond_t room;
	uint64_t next, oldest;
	bool fetched[NRT_QUEUE_ENTRIES];
};

/* For a core that @fd owns. */
int nrt_queue_create(struct nrt_queue *queue, int fd, uint32_t core);
void nrt_queue_destroy(struct nrt_queue *queue);
/*
 * Submit a job and wait for its end. -ETIMEDOUT: the device does not answer; the queue is of
 * no use any more.
 */
int nrt_queue_run(struct nrt_queue *queue, const struct neuron_submit *job,
		  struct neuron_completion *result);

#endif
