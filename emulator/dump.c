// SPDX-License-Identifier: Apache-2.0
/* The chip's state as text, for people and for tests. */
#include <neuron/ext.h>

#include "chip.h"

void emu_get_status(struct emu_chip *chip, struct emu_status *status)
{
	unsigned int i;

	*status = (struct emu_status){
		.fw_state = emu_ext_peek(chip, NEURON_EXT_FW_STATE),
		.heartbeat = emu_ext_peek(chip, NEURON_EXT_FW_HEARTBEAT),
		.temperature = atomic_load(&chip->sensors.temperature),
	};
	for (i = 0; i < NEURON_CORES; i++) {
		pthread_mutex_lock(&chip->core[i].lock);
		status->jobs_running += chip->core[i].state != EMU_CORE_IDLE;
		pthread_mutex_unlock(&chip->core[i].lock);
	}
	for (i = 0; i < EMU_GE_COUNT; i++)
		status->guest_errors += atomic_load(&chip->guest_errors[i]);
}
