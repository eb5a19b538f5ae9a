// SPDX-License-Identifier: Apache-2.0
/* Dispatch of jobs to NeuronCores. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <neuron/regs.h>

#include "bus.h"
#include "chip.h"
#include "nc.h"

/* Which report a job's end deserves; firmware reports what it finds itself, such as time-outs. */
static const struct {
	bool report;
	enum emu_guest_error error;
} job_errors[] = {
	[NEURON_JOB_DESCRIPTOR] = { true, EMU_GE_JOB_DESCRIPTOR },
	[NEURON_JOB_SEGMENT] = { true, EMU_GE_JOB_SEGMENT },
	[NEURON_JOB_INSTRUCTION] = { true, EMU_GE_JOB_INSTRUCTION },
	[NEURON_JOB_SEMAPHORE] = { true, EMU_GE_JOB_SEMAPHORE },
	[NEURON_JOB_BUS] = { true, EMU_GE_JOB_BUS },
};

static void *nc_map(void *opaque, uint64_t addr, uint64_t len)
{
	struct emu_core *core = opaque;
	uint8_t *memory;

	/* Every access is to be seen, then. */
	if (core->watch.on || emu_guard_meets(core->chip, addr, len))
		return NULL;
	memory = emu_bus_map(core->chip, addr, len);
	/* What holds a lost line is read piece by piece, so that the job that reads it ends. */
	if (memory && emu_sensors_lost(core->chip, memory - core->chip->dram.base, len, false))
		return NULL;
	return memory;
}

/* The state cannot change while the job whose access this is runs. */
static int nc_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct emu_core *core = opaque;
	int err;

	emu_watch_access(core, addr, len, false);
	if (core->state == EMU_CORE_EMBEDDED)
		err = emu_bus_read_embedded(core->chip, addr, buf, len);
	else
		err = emu_bus_read(core->chip, addr, buf, len);
	return err == -EIO ? -EIO : err ? -EFAULT : 0;
}

static int nc_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct emu_core *core = opaque;
	int err;

	emu_watch_access(core, addr, len, true);
	if (core->state == EMU_CORE_EMBEDDED)
		err = emu_bus_write_embedded(core->chip, addr, buf, len);
	else
		err = emu_bus_write(core->chip, addr, buf, len);
	return err ? -EFAULT : 0;
}

static uint64_t nc_stamp(void *opaque, uint64_t addr, uint64_t len)
{
	struct emu_core *core = opaque;
	uint8_t *memory = nc_map(core, addr, len);

	return memory ? emu_dram_stamp(&core->chip->dram, memory - core->chip->dram.base, len) : 0;
}

static void nc_written(void *opaque, uint64_t addr, uint64_t len)
{
	struct emu_core *core = opaque;
	uint8_t *memory = emu_bus_map(core->chip, addr, len);

	if (memory)
		emu_dram_changed(&core->chip->dram, memory - core->chip->dram.base, len);
}

/* Asked in run(), so it is one at least. */
static unsigned int nc_sharing(void *opaque)
{
	struct emu_core *core = opaque;

	return atomic_load(&core->chip->running);
}

int emu_core_init(struct emu_chip *chip, unsigned int index)
{
	struct emu_core *core = &chip->core[index];
	struct emu_nc_bus bus = {
		core, nc_map, nc_read, nc_write, nc_stamp, nc_written, nc_sharing
	};
	pthread_condattr_t attr;
	int err;

	core->chip = chip;
	core->index = index;
	pthread_mutex_init(&core->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&core->changed, &attr);
	pthread_condattr_destroy(&attr);
	err = emu_nc_create(&bus, &core->nc);
	if (!err)
		emu_nc_trace(core->nc, emu_notify_span, core);
	return err;
}

void emu_core_fini(struct emu_core *core)
{
	if (!core->chip)
		return;
	if (core->nc)
		emu_nc_destroy(core->nc);
	pthread_cond_destroy(&core->changed);
	pthread_mutex_destroy(&core->lock);
}

void emu_core_wake(struct emu_core *core)
{
	pthread_mutex_lock(&core->lock);
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
}

static void deadline_in(struct timespec *ts, uint64_t us)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += us / 1000000;
	ts->tv_nsec += us % 1000000 * 1000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

static void set_completion(struct neuron_completion *c, const struct neuron_job *job,
			   uint16_t status)
{
	memset(c, 0, sizeof(*c));
	c->seq = job->seq;
	c->status = status;
}

static void finish_locked(struct emu_core *core, const struct neuron_completion *completion)
{
	core->completion = *completion;
	core->queued = false;
	core->done = true;
}

void emu_core_start(struct emu_core *core, uint64_t table, uint32_t segments, uint32_t owner,
		    const struct neuron_job *job)
{
	struct emu_chip *chip = core->chip;
	struct neuron_segment segment[NEURON_SEGMENTS];
	struct neuron_completion failed;
	int err = -EINVAL;

	/* Once: what the host writes to the table from now on is for later jobs. */
	if (segments <= NEURON_SEGMENTS) {
		emu_guard(chip, table | NEURON_ADDR_HOST, segments * sizeof(segment[0]), false,
			  "core %u, segments of job %llu", core->index, (unsigned long long)job->seq);
		err = emu_bus_read(chip, table | NEURON_ADDR_HOST, segment,
				   segments * sizeof(segment[0]));
	}
	if (err) {
		emu_guest_error(chip, EMU_GE_JOB_CONTEXT,
				"core %u job %llu: table of %u segments at bus address 0x%llx %s",
				core->index,
				(unsigned long long)job->seq, segments, (unsigned long long)table,
				segments <= NEURON_SEGMENTS ? "is not reachable" : "is too long");
		set_completion(&failed, job, NEURON_JOB_CONTEXT);
	}
	pthread_mutex_lock(&core->lock);
	core->job = *job;
	core->done = false;
	atomic_store(&core->expired, false);
	if (err) {
		finish_locked(core, &failed);
	} else {
		memcpy(core->segment, segment, segments * sizeof(segment[0]));
		core->segments = segments;
		core->owner = owner;
		core->queued = true;
		pthread_cond_broadcast(&core->changed);
	}
	pthread_mutex_unlock(&core->lock);
	emu_trace(chip, "job", "core %u: job %llu op %u, %u segments, owner %u", core->index,
		  (unsigned long long)job->seq, job->op, segments, owner);
	if (err)
		emu_service_wake(chip);
}

static void abort_locked(struct emu_core *core)
{
	struct neuron_completion aborted;

	if (core->queued && core->state == EMU_CORE_IDLE) {
		set_completion(&aborted, &core->job, NEURON_JOB_ABORTED);
		finish_locked(core, &aborted);
	} else if (core->state == EMU_CORE_RUNNING) {
		emu_nc_abort(core->nc);
	}
}

void emu_core_abort(struct emu_core *core)
{
	pthread_mutex_lock(&core->lock);
	abort_locked(core);
	pthread_mutex_unlock(&core->lock);
	emu_service_wake(core->chip);
}

void emu_core_expire(struct emu_core *core)
{
	atomic_store(&core->expired, true);
}

/* Whoever cancels a job knows why it ends; a job whose time is over ends with a fault. */
static void notify(struct emu_core *core, const struct neuron_completion *c)
{
	struct neuron_completion told = *c;

	if (c->status == NEURON_JOB_ABORTED && core->state != EMU_CORE_EMBEDDED &&
	    atomic_load(&core->expired))
		told.status = NEURON_JOB_TIMEOUT;
	if (told.status != NEURON_JOB_OK && told.status != NEURON_JOB_ABORTED)
		emu_notify_error(core, &told);
}

static void unstick_locked(struct emu_core *core, enum emu_order order)
{
	if (core->state != EMU_CORE_STUCK || (order && order < core->stuck_until))
		return;
	if (order)
		set_completion(&core->completion, &core->job, NEURON_JOB_ABORTED);
	/* A reset of the device has left no queue to tell it in. */
	if (order < EMU_ORDER_DEVICE)
		notify(core, &core->completion);
	core->state = EMU_CORE_IDLE;
	finish_locked(core, &core->completion);
	pthread_cond_broadcast(&core->changed);
}

void emu_core_unstick(struct emu_core *core, enum emu_order order)
{
	pthread_mutex_lock(&core->lock);
	unstick_locked(core, order);
	pthread_mutex_unlock(&core->lock);
	emu_service_wake(core->chip);
}

bool emu_core_collect(struct emu_core *core, struct neuron_completion *completion)
{
	bool done;

	pthread_mutex_lock(&core->lock);
	done = core->done;
	core->done = false;
	if (done)
		*completion = core->completion;
	pthread_mutex_unlock(&core->lock);
	return done;
}

void emu_core_reset(struct emu_core *core)
{
	pthread_mutex_lock(&core->lock);
	abort_locked(core);
	unstick_locked(core, EMU_ORDER_DEVICE);
	if (core->state == EMU_CORE_EMBEDDED)
		emu_nc_abort(core->nc);
	while (core->state != EMU_CORE_IDLE)
		pthread_cond_wait(&core->changed, &core->lock);
	core->queued = false;
	core->done = false;
	emu_nc_reset(core->nc);
	pthread_mutex_unlock(&core->lock);
}

static void report(struct emu_core *core, const struct neuron_completion *c)
{
	if (c->status >= sizeof(job_errors) / sizeof(job_errors[0]) ||
	    !job_errors[c->status].report)
		return;
	emu_guest_error(core->chip, job_errors[c->status].error,
			"core %u job %llu: engine %u, instruction %u, detail 0x%llx", core->index,
			(unsigned long long)c->seq, c->engine, c->pc,
			(unsigned long long)c->detail);
}

/* Without the lock, in RUNNING or EMBEDDED state: the core is the caller's. */
static void run(struct emu_core *core, const struct neuron_segment *segments, unsigned int count,
		uint32_t owner, const struct neuron_job *job, struct neuron_completion *completion)
{
	core->traced_job = job->seq;
	emu_watch_begin(core, segments, count, owner, job->seq);
	atomic_fetch_add(&core->chip->running, 1);
	emu_nc_run(core->nc, segments, count, owner, job, completion);
	atomic_fetch_sub(&core->chip->running, 1);
	emu_watch_end(core);
	report(core, completion);
}

/* With the lock held, given up while the job runs. */
static void run_locked(struct emu_core *core)
{
	struct emu_fault_where where = { (int)core->index, -1, -1, -1 };
	struct neuron_completion completion;
	struct emu_fault_args args;
	bool stuck;

	core->state = EMU_CORE_RUNNING;
	/* An abort counts from here on, even before the job's first instruction. */
	emu_nc_arm(core->nc);
	pthread_mutex_unlock(&core->lock);
	/* In RUNNING state the job and its segments are this thread's. */
	run(core, core->segment, core->segments, core->owner, &core->job, &completion);
	stuck = emu_fault(core->chip, EMU_FAULT_JOB_STUCK, &where, &args);
	if (!stuck)
		notify(core, &completion);
	emu_trace(core->chip, "job", "core %u: job %llu ends with status %u after %llu cycles",
		  core->index,
		  (unsigned long long)completion.seq, completion.status,
		  (unsigned long long)completion.cycles);
	pthread_mutex_lock(&core->lock);
	/* Cleared meanwhile? Then nobody would end it. */
	if (stuck && emu_fault_set_any(core->chip, 1u << EMU_FAULT_JOB_STUCK)) {
		core->state = EMU_CORE_STUCK;
		core->stuck_until = args.value[EMU_FAULT_UNTIL];
		core->completion = completion;
		return;
	}
	core->state = EMU_CORE_IDLE;
	finish_locked(core, &completion);
	pthread_cond_broadcast(&core->changed);
}

int emu_run_core(struct emu_chip *chip, unsigned int index, uint64_t timeout_us)
{
	struct emu_core *core;
	struct timespec ts;
	int ran = 0;

	if (index >= NEURON_CORES)
		return -EINVAL;
	core = &chip->core[index];
	deadline_in(&ts, timeout_us);
	pthread_mutex_lock(&core->lock);
	while (!atomic_load(&chip->stop) && !(core->queued && core->state == EMU_CORE_IDLE))
		if (pthread_cond_timedwait(&core->changed, &core->lock, &ts))
			break;
	if (atomic_load(&chip->stop)) {
		ran = -ESHUTDOWN;
	} else if (core->queued && core->state == EMU_CORE_IDLE) {
		run_locked(core);
		ran = 1;
	}
	pthread_mutex_unlock(&core->lock);
	if (ran == 1)
		emu_service_wake(chip);
	return ran;
}

int emu_core_exec(struct emu_chip *chip, unsigned int index, const struct neuron_segment *segments,
		  unsigned int count, uint32_t owner, const struct neuron_job *job,
		  struct neuron_completion *completion)
{
	struct emu_core *core;
	int err = 0;

	if (index >= NEURON_CORES || count > NEURON_SEGMENTS || !job ||
	    !completion || (count && !segments))
		return -EINVAL;
	core = &chip->core[index];
	pthread_mutex_lock(&core->lock);
	while (core->state == EMU_CORE_EMBEDDED)
		pthread_cond_wait(&core->changed, &core->lock);
	if (core->queued || core->state != EMU_CORE_IDLE)
		err = -EBUSY;
	else
		core->state = EMU_CORE_EMBEDDED;
	if (!err)
		emu_nc_arm(core->nc);
	pthread_mutex_unlock(&core->lock);
	if (err)
		return err;
	run(core, segments, count, owner, job, completion);
	notify(core, completion);
	pthread_mutex_lock(&core->lock);
	core->state = EMU_CORE_IDLE;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
	return 0;
}

void emu_core_stop(struct emu_chip *chip, unsigned int index)
{
	struct emu_core *core;

	if (index >= NEURON_CORES)
		return;
	core = &chip->core[index];
	pthread_mutex_lock(&core->lock);
	if (core->state == EMU_CORE_EMBEDDED)
		emu_nc_abort(core->nc);
	pthread_mutex_unlock(&core->lock);
}
