// SPDX-License-Identifier: Apache-2.0
/* Notification blocks: storage. Hosts also write queue instances that do not exist. */
#include "chip.h"

void emu_notify_reset(struct emu_chip *chip)
{
	unsigned int core, i;

	for (core = 0; core < NEURON_CORES; core++)
		for (i = 0; i < NEURON_PUTILS_SIZE / 4; i++)
			atomic_store_explicit(&chip->notify.word[core][i], 0, memory_order_relaxed);
}

uint32_t emu_notify_read(struct emu_chip *chip, unsigned int core, uint32_t off)
{
	return atomic_load_explicit(&chip->notify.word[core][off / 4], memory_order_relaxed);
}

void emu_notify_write(struct emu_chip *chip, unsigned int core, uint32_t off, uint32_t value)
{
	atomic_store_explicit(&chip->notify.word[core][off / 4], value, memory_order_relaxed);
}
