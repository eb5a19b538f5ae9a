// SPDX-License-Identifier: Apache-2.0
/*
 * Ends jobs of the in-process chips whose time is over.
 */
#include <signal.h>
#include <time.h>

#include "emu_watchdog.h"

/* A job that was told to end may not have begun when it was told. */
#define AGAIN_NS	10000000ULL

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Ends what is due. Gives when to look again; with the lock held. */
static uint64_t look(struct nrt_emu_watchdog *w)
{
	uint64_t now = now_ns(), next = UINT64_MAX;
	uint32_t core;

	for (core = 0; core < NEURON_CORES; core++) {
		uint64_t due = w->deadline_ns[core];

		if (!due)
			continue;
		if (due <= now) {
			w->expired[core] = true;
			emu_core_stop(w->chip, core);
			due = now + AGAIN_NS;
		}
		if (due < next)
			next = due;
	}
	return next;
}

static void *watch(void *arg)
{
	struct nrt_emu_watchdog *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct timespec until;

		w->wake_ns = look(w);
		until.tv_sec = w->wake_ns / 1000000000;
		until.tv_nsec = w->wake_ns % 1000000000;
		if (w->wake_ns == UINT64_MAX)
			pthread_cond_wait(&w->change, &w->lock);
		else
			pthread_cond_timedwait(&w->change, &w->lock, &until);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void nrt_emu_watchdog_init(struct nrt_emu_watchdog *w, struct emu_chip *chip)
{
	pthread_condattr_t attr;

	*w = (struct nrt_emu_watchdog) { .chip = chip };
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->change, &attr);
	pthread_condattr_destroy(&attr);
}

void nrt_emu_watchdog_fini(struct nrt_emu_watchdog *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
	if (w->started)
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->change);
	pthread_mutex_destroy(&w->lock);
}

/* The program's signals are not for this thread. With the lock held. */
static void start(struct nrt_emu_watchdog *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	w->wake_ns = 0;
	w->started = !pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void nrt_emu_watchdog_begin(struct nrt_emu_watchdog *w, uint32_t core, uint32_t timeout_ms)
{
	uint64_t due = now_ns() + timeout_ms * 1000000ULL;

	pthread_mutex_lock(&w->lock);
	w->deadline_ns[core] = due;
	w->expired[core] = false;
	if (!w->started)
		start(w);
	else if (due < w->wake_ns)
		pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
}

bool nrt_emu_watchdog_end(struct nrt_emu_watchdog *w, uint32_t core)
{
	bool expired;

	pthread_mutex_lock(&w->lock);
	w->deadline_ns[core] = 0;
	expired = w->expired[core];
	pthread_mutex_unlock(&w->lock);
	return expired;
}
