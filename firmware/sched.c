// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler. A core runs one job at a time: of its queues with jobs, those with the
 * highest priority take turns. So that none starves, a priority that was passed over
 * PATIENCE times in a row gets one turn.
 */
#include "hw.h"
#include "job.h"
#include "log.h"
#include "sched.h"
#include "thermal.h"
#include "timer.h"

#define PRIORITIES	4
#define PATIENCE	32
/* Jobs that end at once, in one go, before other work gets its turn. */
#define BURST		16

/**
 * struct fw_core - a NeuronCore as the scheduler sees it
 * @queue: whose job runs; NULL: none
 * @index, @seq: the job
 * @deadline: when it is ended
 * @since: from when on its time has not been accounted for
 * @stray: runs a job that nobody waits for any more
 * @cancelled: so was the job
 * @ready: queues with jobs, a bitmap per priority
 * @next: where to look first, per priority
 * @passed: jobs that went before, per priority with jobs
 */
struct fw_core {
	struct fw_queue *queue;
	uint32_t index;
	uint64_t seq;
	uint64_t deadline;
	uint64_t since;
	uint64_t busy_us;
	bool timed_out;
	bool cancelled;
	bool stray;
	bool held;
	uint16_t ready[PRIORITIES];
	uint8_t next[PRIORITIES];
	uint8_t passed[PRIORITIES];
};

static struct fw_core cores[NEURON_CORES];

static unsigned int lowest_bit(uint32_t v)
{
	unsigned int n = 0;

	for (; !(v & 0xf); v >>= 4)
		n += 4;
	for (; !(v & 1); v >>= 1)
		n++;
	return n;
}

void fw_sched_ready(struct fw_queue *q, bool ready)
{
	struct fw_core *core = &cores[q->id / NEURON_QUEUES_PER_CORE];
	uint16_t bit = 1u << (q->id % NEURON_QUEUES_PER_CORE);

	if (ready)
		core->ready[q->priority] |= bit;
	else
		core->ready[q->priority] &= ~bit;
}

/* The priority whose turn it is, or -1 if there are no jobs. */
static int pick_priority(struct fw_core *core)
{
	int highest = -1, p;

	for (p = PRIORITIES - 1; p >= 0; p--) {
		if (!core->ready[p]) {
			core->passed[p] = 0;
			continue;
		}
		if (highest < 0)
			highest = p;
		else if (core->passed[p] == PATIENCE)
			break;
	}
	if (p < 0)
		p = highest;
	for (int other = 0; other < PRIORITIES; other++)
		if (core->ready[other] && core->passed[other] < PATIENCE)
			core->passed[other]++;
	if (p >= 0)
		core->passed[p] = 0;
	return p;
}

/* The queue whose turn it is, or NULL. */
static struct fw_queue *pick(unsigned int n)
{
	struct fw_core *core = &cores[n];
	int p = pick_priority(core);
	uint32_t ready, ahead;
	unsigned int i;

	if (p < 0)
		return NULL;
	ready = core->ready[p];
	ahead = ready >> core->next[p] << core->next[p];
	i = lowest_bit(ahead ? ahead : ready);
	core->next[p] = (i + 1) % NEURON_QUEUES_PER_CORE;
	return fw_queue_of(n, i);
}

static void start(unsigned int n, struct fw_queue *q, uint32_t index, const struct neuron_job *job,
		  const struct neuron_context_entry *context)
{
	struct fw_core *core = &cores[n];
	uint32_t timeout = job->timeout_ms ? job->timeout_ms : NEURON_JOB_DEFAULT_TIMEOUT_MS;

	core->queue = q;
	core->index = index;
	core->seq = job->seq;
	core->timed_out = false;
	core->cancelled = false;
	core->since = fw_time();
	core->deadline = core->since + timeout * 1000ull;
	fw_timer_at(core->deadline);
	fw_nc_write(n, NEURON_MGMT_NC_TABLE_LO, context->table);
	fw_nc_write(n, NEURON_MGMT_NC_TABLE_HI, context->table >> 32);
	fw_nc_write(n, NEURON_MGMT_NC_SEGMENTS, context->segments);
	fw_nc_write(n, NEURON_MGMT_NC_OWNER, context->owner);
	fw_nc_set_job(n, job);
	fw_queue_running(q, job->seq);
	fw_nc_write(n, NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_START);
}

/* The core's job is the core's no more. */
static void leave(struct fw_core *core, const struct neuron_completion *record)
{
	struct fw_queue *q = core->queue;

	core->queue = NULL;
	fw_queue_running(q, 0);
	fw_queue_complete(q, core->index, record);
	fw_queue_left_core(q);
}

static void run_next(unsigned int n, struct fw_queue *q)
{
	const struct neuron_job *job = fw_queue_peek(q);
	struct neuron_context_entry context;
	struct neuron_completion record;
	enum neuron_job_status status;
	uint32_t index;

	if (!job)
		return;
	index = fw_queue_pop(q);
	if (q->head == q->tail)
		fw_sched_ready(q, false);
	status = fw_job_check(job, &context, q->id);
	if (!status && job->op == NEURON_JOB_EXEC) {
		start(n, q, index, job, &context);
		return;
	}
	record = (struct neuron_completion){ .seq = job->seq, .status = status };
	fw_queue_complete(q, index, &record);
}

bool fw_sched_idle(unsigned int core)
{
	return !cores[core].queue && !cores[core].stray;
}

bool fw_sched_run(void)
{
	bool more = false;

	if (fw_thermal_hot())
		return false;
	for (unsigned int n = 0; n < NEURON_CORES; n++) {
		struct fw_queue *q;
		int burst;

		if (cores[n].held)
			continue;
		for (burst = 0; burst < BURST && fw_sched_idle(n); burst++) {
			q = pick(n);
			if (!q)
				break;
			run_next(n, q);
		}
		more |= burst == BURST;
	}
	return more;
}

static void account(struct fw_core *core, uint64_t now)
{
	core->busy_us += now - core->since;
	core->since = now;
}

static void finished(unsigned int n)
{
	struct fw_core *core = &cores[n];
	struct neuron_completion record = {
		.seq = core->seq,
		.status = fw_nc_read(n, NEURON_MGMT_NC_STATUS),
		.engine = fw_nc_read(n, NEURON_MGMT_NC_ENGINE),
		.flags = fw_nc_read(n, NEURON_MGMT_NC_FLAGS),
		.pc = fw_nc_read(n, NEURON_MGMT_NC_PC),
		.detail = fw_nc_read(n, NEURON_MGMT_NC_DETAIL_LO) |
			  (uint64_t)fw_nc_read(n, NEURON_MGMT_NC_DETAIL_HI) << 32,
		.cycles = fw_nc_read(n, NEURON_MGMT_NC_CYCLES_LO) |
			  (uint64_t)fw_nc_read(n, NEURON_MGMT_NC_CYCLES_HI) << 32,
	};

	if (core->timed_out && record.status == NEURON_JOB_ABORTED)
		record.status = NEURON_JOB_TIMEOUT;
	fw_nc_write(n, NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ACK);
	if (core->stray) {
		core->stray = false;
		return;
	}
	account(core, fw_time());
	leave(core, &record);
}

void fw_sched_done(void)
{
	for (unsigned int n = 0; n < NEURON_CORES; n++)
		if (!fw_sched_idle(n) && fw_nc_read(n, NEURON_MGMT_NC_STATE) == NEURON_MGMT_NC_DONE)
			finished(n);
}

bool fw_sched_on_core(const struct fw_queue *q, uint32_t *index)
{
	const struct fw_core *core = &cores[q->id / NEURON_QUEUES_PER_CORE];

	*index = core->index;
	return core->queue == q;
}

bool fw_sched_stop(struct fw_queue *q)
{
	unsigned int n = q->id / NEURON_QUEUES_PER_CORE;

	if (cores[n].queue != q)
		return false;
	fw_nc_write(n, NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ABORT);
	return true;
}

void fw_sched_cancel(struct fw_queue *q)
{
	if (fw_sched_stop(q))
		cores[q->id / NEURON_QUEUES_PER_CORE].cancelled = true;
}

/* A core that was told to stop is told again: the first time it may have been about to start. */
void fw_sched_deadlines(uint64_t now)
{
	for (unsigned int n = 0; n < NEURON_CORES; n++) {
		struct fw_core *core = &cores[n];

		if (!core->queue)
			continue;
		if (now < core->deadline && core->queue->state != FW_QUEUE_STOPPING &&
		    !core->cancelled) {
			fw_timer_at(core->deadline);
			continue;
		}
		if (now >= core->deadline && !core->timed_out && !core->cancelled) {
			core->timed_out = true;
			fw_report(NEURON_MGMT_ERROR_JOB_TIMEOUT, core->queue->id);
			fw_log("core %u: job %u of queue %u had its time", n,
			       (unsigned int)core->seq, core->queue->id);
		}
		fw_nc_write(n, NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ABORT);
	}
}

void fw_sched_hold(uint32_t map, bool hold)
{
	for (unsigned int n = 0; n < NEURON_CORES; n++)
		if (map & 1u << n)
			cores[n].held = hold;
}

void fw_sched_abandon(unsigned int n)
{
	struct fw_core *core = &cores[n];
	struct neuron_completion record = { .seq = core->seq, .status = NEURON_JOB_ABORTED };

	if (!core->queue)
		return;
	core->stray = true;
	leave(core, &record);
}

uint64_t fw_sched_busy_us(uint64_t now)
{
	uint64_t sum = 0;

	for (unsigned int n = 0; n < NEURON_CORES; n++) {
		struct fw_core *core = &cores[n];

		if (core->queue)
			account(core, now);
		sum += core->busy_us;
		core->busy_us = 0;
	}
	return sum;
}

/* A core may still be at work for a firmware that is no more. */
void fw_sched_init(void)
{
	for (unsigned int n = 0; n < NEURON_CORES; n++) {
		struct fw_core *core = &cores[n];

		*core = (struct fw_core){ 0 };
		if (fw_nc_read(n, NEURON_MGMT_NC_STATE) == NEURON_MGMT_NC_IDLE)
			continue;
		core->stray = true;
		fw_nc_write(n, NEURON_MGMT_NC_CTRL, NEURON_MGMT_NC_ABORT);
	}
}
