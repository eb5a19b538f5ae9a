// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduling of the service thread. Doorbells of NeuronCore queues are stores to a
 * mapped page that nobody tells the chip of. So after activity the thread watches them,
 * ever more rarely: spinning, yielding, sleeping; then it parks. POLLING in the status
 * page tells the host which; KICK wakes a parked chip.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "chip.h"
#include "mgmt.h"
#include "mgmt_glue.h"
#include "relax.h"

#define SPIN_NS		50000ull
#define YIELD_NS	500000ull
#define SLEEP_NS	5000000ull
#define SLEEP_STEP_NS	30000
#define MGMT_BUDGET	50000		/* instructions a slice: well below a millisecond */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int emu_service_init(struct emu_chip *chip)
{
	struct emu_service *s = &chip->service;
	pthread_condattr_t attr;

	pthread_mutex_init(&s->run, NULL);
	pthread_mutex_init(&s->wake_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	s->timer_ns = UINT64_MAX;
	return 0;
}

void emu_service_fini(struct emu_chip *chip)
{
	pthread_cond_destroy(&chip->service.wake);
	pthread_mutex_destroy(&chip->service.wake_lock);
	pthread_mutex_destroy(&chip->service.run);
}

void emu_service_wake(struct emu_chip *chip)
{
	struct emu_service *s = &chip->service;

	pthread_mutex_lock(&s->wake_lock);
	atomic_fetch_add(&s->wakes, 1);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->wake_lock);
}

bool emu_service_cancelled(struct emu_chip *chip)
{
	return atomic_load_explicit(&chip->service.cancel, memory_order_relaxed) != 0;
}

void emu_service_stop(struct emu_chip *chip)
{
	atomic_fetch_add(&chip->service.cancel, 1);
	pthread_mutex_lock(&chip->service.run);
}

void emu_service_resume(struct emu_chip *chip)
{
	atomic_fetch_sub(&chip->service.cancel, 1);
	pthread_mutex_unlock(&chip->service.run);
	emu_service_wake(chip);
}

static bool run_firmware(struct emu_chip *chip)
{
	struct emu_service *s = &chip->service;
	uint64_t next_us = UINT64_MAX;

	if (!emu_mgmt_pending(chip->mgmt) && now_ns() < s->timer_ns)
		return false;
	if (emu_fault_fw_hangs(chip))
		return false;
	emu_mgmt_run(chip->mgmt, MGMT_BUDGET, &next_us);
	s->timer_ns = next_us == UINT64_MAX ? UINT64_MAX : now_ns() + next_us * 1000;
	return true;
}

/* One slice. Sets @active if a host or a core gave work, as against firmware's timer. */
static bool slice(struct emu_chip *chip, bool *active)
{
	struct emu_service *s = &chip->service;
	bool timer;

	/* A reset waits: let it have the lock. */
	while (emu_service_cancelled(chip))
		sched_yield();
	pthread_mutex_lock(&s->run);
	s->seen = atomic_load(&s->wakes);
	*active = emu_fault_tick(chip);
	if (emu_fault_dead(chip)) {
		timer = false;
	} else {
		*active |= emu_mgmt_glue_boot(chip);
		*active |= emu_mgmt_glue_collect(chip);
		*active |= emu_ext_scan(chip);
		*active |= emu_udma_run(chip);
		timer = run_firmware(chip);
	}
	pthread_mutex_unlock(&s->run);
	return *active || timer;
}

/* Has anything happened since the last slice began? */
static bool news(struct emu_chip *chip)
{
	return atomic_load(&chip->service.wakes) != chip->service.seen || emu_ext_rung(chip) ||
	       atomic_load(&chip->stop);
}

/* Watch for as long as it is worth it. True: there is news. */
static bool watch(struct emu_chip *chip, uint64_t until)
{
	struct emu_service *s = &chip->service;
	const struct timespec step = { 0, SLEEP_STEP_NS };
	bool queues = atomic_load(&chip->ext.enabled) != 0;
	uint64_t idle, now;

	for (;;) {
		if (news(chip))
			return true;
		now = now_ns();
		idle = now - s->active_ns;
		if (now >= until || idle >= SLEEP_NS || (!queues && idle >= SPIN_NS))
			return false;
		if (idle < SPIN_NS)
			emu_relax();
		else if (idle < YIELD_NS)
			sched_yield();
		else
			nanosleep(&step, NULL);
	}
}

static void park(struct emu_chip *chip, uint64_t until)
{
	struct emu_service *s = &chip->service;
	struct timespec ts = { until / 1000000000, until % 1000000000 };

	emu_ext_set_polling(chip, false);
	/*
	 * Pairs with the host's barrier between its doorbell store and its look at
	 * POLLING: either the host sees 0 and kicks, or we see its doorbell here.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (emu_ext_rung(chip))
		return;
	pthread_mutex_lock(&s->wake_lock);
	while (atomic_load(&s->wakes) == s->seen && !atomic_load(&chip->stop))
		if (pthread_cond_timedwait(&s->wake, &s->wake_lock, &ts))
			break;
	pthread_mutex_unlock(&s->wake_lock);
}

/* When the chip has something to do by itself, if that is before @until. */
static uint64_t earliest(struct emu_chip *chip, uint64_t until)
{
	uint64_t timer = chip->service.timer_ns;
	uint64_t fault = atomic_load(&chip->faults.next_ns);

	/* a timer of a core that does not run is nothing to wake up for */
	if (timer < until && !emu_fault_dead(chip) && !emu_fault_fw_hung(chip))
		until = timer;
	return fault < until ? fault : until;
}

int emu_run_service(struct emu_chip *chip, uint64_t timeout_us)
{
	struct emu_service *s = &chip->service;
	uint64_t until, now;
	bool active;

	if (atomic_load(&chip->stop))
		return -ESHUTDOWN;
	if (!slice(chip, &active)) {
		now = now_ns();
		until = timeout_us > UINT64_MAX / 2000 ? now + UINT64_MAX / 4 :
			now + timeout_us * 1000;
		until = earliest(chip, until);
		if (!watch(chip, until) && now_ns() < until)
			park(chip, until);
		if (atomic_load(&chip->stop))
			return -ESHUTDOWN;
		if (!slice(chip, &active))
			return 0;
	}
	if (active) {
		s->active_ns = now_ns();
		if (atomic_load(&chip->ext.enabled))
			emu_ext_set_polling(chip, true);
	}
	return 1;
}
