/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NeuronCore queues: configuration, the ring in host memory, completion records.
 */
#ifndef FW_QUEUE_H
#define FW_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <neuron/job.h>

/* Jobs fetched at once: one copy engine transfer instead of several. */
#define FW_QUEUE_CACHE	8

enum fw_queue_state {
	FW_QUEUE_OFF,
	FW_QUEUE_ON,
	FW_QUEUE_STOPPING,	/* its last job is still on the core */
	FW_QUEUE_FAILED,
};

/* What becomes of a queue that was stopped. */
enum fw_queue_then {
	FW_QUEUE_THEN_OFF,
	FW_QUEUE_THEN_ENABLE,
	FW_QUEUE_THEN_RESUME,
};

/**
 * struct fw_queue - one NeuronCore queue
 * @ring, @page: device addresses of the ring and of the completion page
 * @size: slots, a power of two
 * @head: jobs taken; @tail: jobs that the host put in; both free running, 32 bits
 * @cached: @head's value when cache[0] was fetched; @cache_count: jobs in the cache
 * @error: NEURON_Q_ERROR_*
 * @sweep: jobs in the ring may have been cancelled
 */
struct fw_queue {
	uint64_t ring;
	uint64_t page;
	uint32_t size;
	uint32_t head;
	uint32_t tail;
	uint32_t cached;
	uint32_t cache_count;
	uint8_t id;
	uint8_t state;
	uint8_t then;
	uint8_t error;
	uint8_t priority;
	uint8_t vector;
	bool irq;
	bool sweep;
	struct neuron_job cache[FW_QUEUE_CACHE];
};

void fw_queue_init(void);

/* CTRL of some queues was written. */
void fw_queue_ctrl_news(void);
/* Doorbells of some queues were rung. */
void fw_queue_tail_news(void);
/* Abort the jobs of all queues of the cores in map @cores; turn the queues off if @off. */
void fw_queue_reset(uint32_t cores, bool off);

/* The next job; NULL if there is none or the ring cannot be read (the queue failed). */
const struct neuron_job *fw_queue_peek(struct fw_queue *q);
/* Take it. Returns its index, for fw_queue_complete(). */
uint32_t fw_queue_pop(struct fw_queue *q);
/* Report job @index as finished. */
void fw_queue_complete(struct fw_queue *q, uint32_t index, const struct neuron_completion *record);
/* Tell the host which job is on the core; 0: none. */
void fw_queue_running(const struct fw_queue *q, uint64_t seq);
/* The queue's job has left the core, and was completed. */
void fw_queue_left_core(struct fw_queue *q);

/* The queue @index of @core. */
struct fw_queue *fw_queue_of(unsigned int core, unsigned int index);

#endif
