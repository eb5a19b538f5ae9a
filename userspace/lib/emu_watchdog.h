/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends jobs of the in-process chips whose time is over: a thread that sleeps until the earliest
 * deadline there may be, which is started with the first job.
 */
#ifndef NRT_EMU_WATCHDOG_H
#define NRT_EMU_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <neuron/regs.h>

#include "emu.h"

/**
 * struct nrt_emu_watchdog - of one chip
 * @lock: of all below
 * @change: signalled when the thread would sleep too long
 * @wake_ns: when the thread looks next, on CLOCK_MONOTONIC; UINT64_MAX: it does not
 * @deadline_ns: of each core's job, 0 if none runs
 * @expired: the job was told to end
 */
struct nrt_emu_watchdog {
	struct emu_chip *chip;
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	bool started, stop;
	uint64_t wake_ns;
	uint64_t deadline_ns[NEURON_CORES];
	bool expired[NEURON_CORES];
};

void nrt_emu_watchdog_init(struct nrt_emu_watchdog *w, struct emu_chip *chip);
void nrt_emu_watchdog_fini(struct nrt_emu_watchdog *w);

/* Brackets of a job; one at a time a core. The end tells whether its time was over. */
void nrt_emu_watchdog_begin(struct nrt_emu_watchdog *w, uint32_t core, uint32_t timeout_ms);
bool nrt_emu_watchdog_end(struct nrt_emu_watchdog *w, uint32_t core);

#endif
