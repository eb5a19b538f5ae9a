/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_EVENT_H
#define _NEURON_EVENT_H

#include <linux/types.h>

struct neuron_device;

/* A "change" uevent of the device with NEURON_EVENT=@event and NEURON_REASON=@reason. Sleeps. */
void neuron_event_send(struct neuron_device *ndev, const char *event, const char *reason);
/* Errors of before are nobody's news: before interrupts, and when the chip was started anew. */
void neuron_event_start(struct neuron_device *ndev, bool first);
/* NEURON_EVENT_* that firmware reported: log, tell user space. With ndev->rwsem held. */
void neuron_event_telemetry(struct neuron_device *ndev, u32 events);
/* 1/1000 degree Celsius; 0 = unknown. With ndev->rwsem held, the device works. */
s32 neuron_event_temperature(struct neuron_device *ndev);

#endif
