// SPDX-License-Identifier: Apache-2.0
/*
 * Queues: what hosts configure is checked once, at ENABLE; the doorbell is checked at
 * each ring. A queue with a mistake stops in state ERROR and leaves the others alone.
 */
#include "hw.h"
#include "log.h"
#include "queue.h"
#include "sched.h"

static struct fw_queue queues[NEURON_QUEUES];

struct fw_queue *fw_queue_of(unsigned int core, unsigned int index)
{
	return &queues[core * NEURON_QUEUES_PER_CORE + index];
}

static uint32_t reg_read(const struct fw_queue *q, uint32_t reg)
{
	return fw_ext_read(NEURON_EXT_QUEUE(q->id) + reg);
}

static void reg_write(const struct fw_queue *q, uint32_t reg, uint32_t value)
{
	fw_ext_write(NEURON_EXT_QUEUE(q->id) + reg, value);
}

static uint32_t doorbell(const struct fw_queue *q)
{
	return fw_ext_read(NEURON_EXT_DOORBELL + 4 * q->id);
}

/* Tell the host about the state that a queue is in from now on. */
static void publish(struct fw_queue *q, uint32_t state)
{
	reg_write(q, NEURON_Q_ERROR, q->error);
	reg_write(q, NEURON_Q_STATE, state);
	fw_event(NEURON_EVENT_QUEUE);
}

static void fail(struct fw_queue *q, uint8_t error)
{
	q->error = error;
	fw_sched_ready(q, false);
	fw_report(error == NEURON_Q_ERROR_TAIL ? NEURON_MGMT_ERROR_QUEUE_TAIL :
						 NEURON_MGMT_ERROR_QUEUE_CONFIG, q->id);
	fw_log("queue %u: error %u", q->id, error);
	/* one that is being stopped is done with soon, and says so then */
	if (q->state == FW_QUEUE_STOPPING)
		return;
	q->state = FW_QUEUE_FAILED;
	publish(q, NEURON_Q_STATE_ERROR);
}

/* Host memory at bus address @addr, or 0 if there is no such address. */
static uint64_t host(uint64_t addr)
{
	return addr & ~(NEURON_ADDR_HOST - 1) ? 0 : addr | NEURON_ADDR_HOST;
}

static bool reachable(uint64_t addr, bool write)
{
	uint64_t word;

	/* what was read is written back: the queue is the chip's from ENABLE on */
	return !fw_dma_read(addr, &word, sizeof(word)) &&
	       !(write && fw_dma_write(addr, &word, sizeof(word)));
}

static uint8_t check_memory(const struct fw_queue *q)
{
	uint64_t last_job = q->ring + q->size * sizeof(struct neuron_job) - 8;
	uint64_t last_record = q->page + sizeof(struct neuron_completion_page) +
			       q->size * sizeof(struct neuron_completion) - 8;

	if (!reachable(q->ring, false) || !reachable(last_job, false) ||
	    !reachable(q->page, true) || !reachable(last_record, true))
		return NEURON_Q_ERROR_DMA;
	return NEURON_Q_ERROR_NONE;
}

static uint8_t configure(struct fw_queue *q)
{
	uint64_t ring = reg_read(q, NEURON_Q_RING_LO) | (uint64_t)reg_read(q, NEURON_Q_RING_HI) << 32;
	uint64_t page = reg_read(q, NEURON_Q_CPL_LO) | (uint64_t)reg_read(q, NEURON_Q_CPL_HI) << 32;
	uint32_t config = reg_read(q, NEURON_Q_CONFIG);
	uint32_t vectors = fw_ext_read(NEURON_EXT_GEOMETRY) >> 16 & 0xff;

	q->size = reg_read(q, NEURON_Q_RING_SIZE);
	q->irq = config & NEURON_Q_CONFIG_IRQ;
	q->vector = config & NEURON_Q_CONFIG_VECTOR_MASK;
	q->priority = (config & NEURON_Q_CONFIG_PRIO_MASK) >> NEURON_Q_CONFIG_PRIO_SHIFT;
	q->ring = host(ring);
	q->page = host(page);
	if (ring % sizeof(struct neuron_job) || q->size < 2 || q->size > NEURON_Q_RING_SIZE_MAX ||
	    q->size & (q->size - 1))
		return NEURON_Q_ERROR_RING;
	if (config & ~(NEURON_Q_CONFIG_VECTOR_MASK | NEURON_Q_CONFIG_IRQ | NEURON_Q_CONFIG_PRIO_MASK) ||
	    (q->irq && q->vector >= vectors))
		return NEURON_Q_ERROR_CONFIG;
	if (!q->ring || !q->page || page % sizeof(uint64_t))
		return NEURON_Q_ERROR_DMA;
	return check_memory(q);
}

static void enable(struct fw_queue *q)
{
	uint8_t error = configure(q);

	if (error) {
		fail(q, error);
		return;
	}
	q->head = 0;
	q->tail = 0;
	q->cache_count = 0;
	q->sweep = false;
	q->error = NEURON_Q_ERROR_NONE;
	q->state = FW_QUEUE_ON;
	reg_write(q, NEURON_Q_HEAD, 0);
	fw_ext_write(NEURON_EXT_DOORBELL + 4 * q->id, 0);
	publish(q, NEURON_Q_STATE_ENABLED);
}

static uint64_t record_addr(const struct fw_queue *q, uint32_t index)
{
	return q->page + sizeof(struct neuron_completion_page) +
	       (index & (q->size - 1)) * sizeof(struct neuron_completion);
}

/* Everything up to job @seq is finished. The records must have been written. */
static bool publish_seq(struct fw_queue *q, uint64_t seq)
{
	if (fw_dma_write(q->page, &seq, sizeof(seq)))
		return false;
	if (q->irq)
		fw_reg_write(NEURON_MGMT_MSIX, q->vector);
	return true;
}

void fw_queue_complete(struct fw_queue *q, uint32_t index, const struct neuron_completion *record)
{
	if (q->error == NEURON_Q_ERROR_DMA)
		return;
	if (fw_dma_write(record_addr(q, index), record, sizeof(*record)) ||
	    !publish_seq(q, record->seq))
		fail(q, NEURON_Q_ERROR_DMA);
}

void fw_queue_running(const struct fw_queue *q, uint64_t seq)
{
	reg_write(q, NEURON_Q_RUNNING, seq);
}

static uint64_t job_addr(const struct fw_queue *q, uint32_t index)
{
	return q->ring + (index & (q->size - 1)) * sizeof(struct neuron_job);
}

static bool fetch(struct fw_queue *q)
{
	uint32_t slot = q->head & (q->size - 1), count = q->tail - q->head;

	if (count > FW_QUEUE_CACHE)
		count = FW_QUEUE_CACHE;
	if (count > q->size - slot)
		count = q->size - slot;
	q->cached = q->head;
	q->cache_count = 0;
	if (fw_dma_read(job_addr(q, slot), q->cache, count * sizeof(struct neuron_job)))
		return false;
	q->cache_count = count;
	return true;
}

const struct neuron_job *fw_queue_peek(struct fw_queue *q)
{
	if (q->head == q->tail)
		return NULL;
	if (q->head - q->cached >= q->cache_count && !fetch(q)) {
		fail(q, NEURON_Q_ERROR_DMA);
		return NULL;
	}
	return &q->cache[q->head - q->cached];
}

uint32_t fw_queue_pop(struct fw_queue *q)
{
	uint32_t index = q->head++;

	reg_write(q, NEURON_Q_HEAD, q->head);
	return index;
}

/* Read the doorbell. Not valid: @tail stays as it was. */
static bool update_tail(struct fw_queue *q)
{
	uint32_t tail = doorbell(q);

	if (tail - q->head > q->size)
		return false;
	q->tail = tail;
	return true;
}

/*
 * Complete the next jobs in the ring as aborted: all that are left, or those up to the first
 * that was not cancelled. The host gets one interrupt for all.
 */
static void abort_jobs(struct fw_queue *q, bool all)
{
	struct neuron_completion record = { .status = NEURON_JOB_ABORTED };
	const struct neuron_job *job;
	bool any = false;

	while ((job = fw_queue_peek(q)) && (all || job->op == NEURON_JOB_CANCELLED)) {
		record.seq = job->seq;
		if (fw_dma_write(record_addr(q, q->head), &record, sizeof(record))) {
			fail(q, NEURON_Q_ERROR_DMA);
			return;
		}
		q->head++;
		any = true;
	}
	if (!any)
		return;
	reg_write(q, NEURON_Q_HEAD, q->head);
	if (!publish_seq(q, record.seq))
		fail(q, NEURON_Q_ERROR_DMA);
}

static void flush(struct fw_queue *q)
{
	if (q->error == NEURON_Q_ERROR_DMA)
		return;
	if (q->error == NEURON_Q_ERROR_NONE && !update_tail(q))
		q->error = NEURON_Q_ERROR_TAIL;
	abort_jobs(q, true);
}

/* Cancelled jobs need no core: they end as soon as those before them have. */
static void sweep(struct fw_queue *q)
{
	abort_jobs(q, false);
	if (q->head != q->tail || q->state != FW_QUEUE_ON)
		return;
	q->sweep = false;
	fw_sched_ready(q, false);
}

static void turn_off(struct fw_queue *q)
{
	q->state = FW_QUEUE_OFF;
	q->error = NEURON_Q_ERROR_NONE;
	publish(q, NEURON_Q_STATE_DISABLED);
}

static void stopped(struct fw_queue *q)
{
	bool failed;

	flush(q);
	failed = q->error != NEURON_Q_ERROR_NONE;
	if (q->then == FW_QUEUE_THEN_ENABLE) {
		q->state = FW_QUEUE_OFF;
		enable(q);
	} else if (q->then == FW_QUEUE_THEN_OFF) {
		turn_off(q);
	} else if (failed) {
		q->state = FW_QUEUE_FAILED;
		publish(q, NEURON_Q_STATE_ERROR);
	} else {
		q->state = FW_QUEUE_ON;
	}
}

void fw_queue_left_core(struct fw_queue *q)
{
	if (q->state == FW_QUEUE_STOPPING)
		stopped(q);
	else if (q->state == FW_QUEUE_ON && q->sweep)
		sweep(q);
}

static void stop(struct fw_queue *q, enum fw_queue_then then)
{
	if (q->state == FW_QUEUE_STOPPING) {
		/* a reset of its core does not bring back what the host turned off */
		if (then != FW_QUEUE_THEN_RESUME)
			q->then = then;
		return;
	}
	q->then = then;
	q->state = FW_QUEUE_STOPPING;
	fw_sched_ready(q, false);
	if (!fw_sched_stop(q))
		stopped(q);
}

static void cancel(struct fw_queue *q)
{
	struct neuron_job job;
	uint32_t index;
	bool on_core = fw_sched_on_core(q, &index);

	/* what was fetched ahead is not what is in the ring now */
	q->cache_count = 0;
	if (!update_tail(q)) {
		fail(q, NEURON_Q_ERROR_TAIL);
		return;
	}
	if (q->tail != q->head) {
		q->sweep = true;
		fw_sched_ready(q, true);
	}
	if (!on_core) {
		sweep(q);
		return;
	}
	if (fw_dma_read(job_addr(q, index), &job, sizeof(job)))
		fail(q, NEURON_Q_ERROR_DMA);
	else if (job.op == NEURON_JOB_CANCELLED)
		fw_sched_cancel(q);
}

static void control(struct fw_queue *q)
{
	uint32_t ctrl = reg_read(q, NEURON_Q_CTRL);

	switch (ctrl) {
	case NEURON_Q_CTRL_ENABLE:
		if (q->state == FW_QUEUE_OFF)
			enable(q);
		else
			stop(q, FW_QUEUE_THEN_ENABLE);
		break;
	case NEURON_Q_CTRL_DISABLE:
		if (q->state == FW_QUEUE_OFF)
			turn_off(q);
		else
			stop(q, FW_QUEUE_THEN_OFF);
		break;
	case NEURON_Q_CTRL_CANCEL:
		/* one that is off or stops has no job that would not end anyway */
		if (q->state == FW_QUEUE_ON)
			cancel(q);
		break;
	default:
		fail(q, NEURON_Q_ERROR_CONFIG);
		break;
	}
}

/* Read and clear one of the news bitmaps, then act: news that come later set it again. */
static void for_news(uint32_t reg, unsigned int first, void (*act)(struct fw_queue *q))
{
	uint32_t news = fw_reg_read(reg);
	struct fw_queue *q = &queues[first];

	if (!news)
		return;
	fw_reg_write(reg, news);
	for (; news; news >>= 1, q++)
		if (news & 1)
			act(q);
}

void fw_queue_ctrl_news(void)
{
	for_news(NEURON_MGMT_QCTRL_LO, 0, control);
	for_news(NEURON_MGMT_QCTRL_HI, 32, control);
}

static void ring(struct fw_queue *q)
{
	if (q->state != FW_QUEUE_ON)
		return;
	if (!update_tail(q))
		fail(q, NEURON_Q_ERROR_TAIL);
	else if (q->tail != q->head)
		fw_sched_ready(q, true);
}

void fw_queue_tail_news(void)
{
	for_news(NEURON_MGMT_QTAIL_LO, 0, ring);
	for_news(NEURON_MGMT_QTAIL_HI, 32, ring);
}

void fw_queue_reset(uint32_t cores, bool off)
{
	for (unsigned int i = 0; i < NEURON_QUEUES; i++) {
		struct fw_queue *q = &queues[i];

		if (!(cores & 1u << (i / NEURON_QUEUES_PER_CORE)) || q->state == FW_QUEUE_OFF)
			continue;
		if (off)
			stop(q, FW_QUEUE_THEN_OFF);
		else if (q->state != FW_QUEUE_FAILED)
			stop(q, FW_QUEUE_THEN_RESUME);
		else
			fw_sched_stop(q);
	}
}

/* An earlier firmware may have left queues enabled: it took their state with it. */
void fw_queue_init(void)
{
	for (unsigned int i = 0; i < NEURON_QUEUES; i++) {
		struct fw_queue *q = &queues[i];
		uint32_t state;

		q->id = i;
		q->state = FW_QUEUE_OFF;
		q->error = NEURON_Q_ERROR_NONE;
		fw_queue_running(q, 0);
		state = reg_read(q, NEURON_Q_STATE);
		if (state == NEURON_Q_STATE_ENABLED || state == NEURON_Q_STATE_ERROR)
			reg_write(q, NEURON_Q_STATE, NEURON_Q_STATE_DISABLED);
	}
}
