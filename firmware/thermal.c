// SPDX-License-Identifier: Apache-2.0
/*
 * The thermal hold: from TEMP_CRIT on no job starts, until the chip is NEURON_TEMP_HYSTERESIS
 * below. The sensor interrupts at TEMP_CRIT only; the way down is seen with the heartbeat.
 */
#include "hw.h"
#include "log.h"
#include "thermal.h"

static bool hot;

static unsigned int degrees(int32_t temperature)
{
	return temperature < 0 ? 0 : (unsigned int)temperature / 1000;
}

bool fw_thermal_look(void)
{
	int32_t temperature = (int32_t)fw_reg_read(NEURON_MGMT_TEMPERATURE);
	int32_t critical = (int32_t)fw_ext_read(NEURON_EXT_TEMP_CRIT);
	bool was = hot;

	if (temperature >= critical)
		hot = true;
	else if (temperature <= critical - NEURON_TEMP_HYSTERESIS)
		hot = false;
	if (was != hot)
		fw_log("thermal: %u degrees, jobs are %s", degrees(temperature),
		       hot ? "held back" : "started");
	return was && !hot;
}

bool fw_thermal_hot(void)
{
	return hot;
}
