/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What firmware tells about itself: FW_STATUS, heartbeat, power sample.
 */
#ifndef FW_STATUS_H
#define FW_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* Announce this firmware; from here on the chip says that it runs. */
void fw_status_init(void);
/* FW_STATUS: ready or not, and the links. */
void fw_status_ready(bool ready);
/* The chip has felt something: tell the host. */
void fw_status_sensors(void);
/* Time is @now: heartbeat and samples, when they are due. */
void fw_status_tick(uint64_t now);

#endif
