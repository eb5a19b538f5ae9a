/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service thread's work: firmware, UDMA, doorbells. It is carried out in short
 * slices under service.run, so that a reset never waits for long.
 */
#ifndef EMU_SERVICE_H
#define EMU_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct emu_chip;

struct emu_service {
	pthread_mutex_t run;
	pthread_mutex_t wake_lock;
	pthread_cond_t wake;
	atomic_uint wakes;		/* changes with every reason to look again */
	atomic_uint cancel;		/* resets that wait for @run */
	unsigned int seen;		/* @wakes when the last slice began; service thread's */
	uint64_t active_ns;		/* when there was something to do; service thread's */
	_Atomic uint64_t timer_ns;	/* when firmware's timer is due; UINT64_MAX: never */
};

int emu_service_init(struct emu_chip *chip);
void emu_service_fini(struct emu_chip *chip);
/* There may be something to do. Any thread. */
void emu_service_wake(struct emu_chip *chip);
/* Should the slice end early? */
bool emu_service_cancelled(struct emu_chip *chip);
/* Between these two the service thread is not at work. Not from the service thread. */
void emu_service_stop(struct emu_chip *chip);
void emu_service_resume(struct emu_chip *chip);

#endif
