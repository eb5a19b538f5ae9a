/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of a device's troubles the kernel log is told. Each kind of message of each device
 * has a limit of its own: a device that babbles silences no other one, and two that break at
 * the same moment are both told of (a limit that they share refuses whoever finds it locked).
 *
 * Locking: a limit's own. Any context.
 */
#ifndef _NEURON_LOG_H
#define _NEURON_LOG_H

#include <linux/ratelimit_types.h>
#include <linux/types.h>

struct neuron_device;

enum neuron_log_kind {
	NEURON_LOG_BROKEN,
	NEURON_LOG_ABORT,		/* of a queue */
	NEURON_LOG_CORE_RESET,
	NEURON_LOG_MISSED,		/* interrupts */
	NEURON_LOG_STORM,
	NEURON_LOG_THERMAL,
	NEURON_LOG_TOO_HOT,
	NEURON_LOG_ECC,
	NEURON_LOG_ECC_FATAL,
	NEURON_LOG_LINKS,
	NEURON_LOG_KINDS
};

struct neuron_log {
	struct ratelimit_state limits[NEURON_LOG_KINDS];
};

void neuron_log_init(struct neuron_log *log);
/* Whether a message of @kind may be logged now; it is counted. */
bool neuron_log_may(struct neuron_log *log, enum neuron_log_kind kind);
/* A message of @kind, with KERN_ERR or the like as @level, if the log may be told. */
__printf(4, 5)
void neuron_log(struct neuron_device *ndev, enum neuron_log_kind kind, const char *level,
		const char *fmt, ...);

#endif
