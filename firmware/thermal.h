/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the chip too hot to start jobs?
 */
#ifndef FW_THERMAL_H
#define FW_THERMAL_H

#include <stdbool.h>

/* Read the sensor. True: jobs that were held back may start now. */
bool fw_thermal_look(void);
bool fw_thermal_hot(void);

#endif
