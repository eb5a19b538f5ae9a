// SPDX-License-Identifier: GPL-2.0
/* What the kernel log is told of a device: see neuron_log.h, also for the locking. */
#include <linux/printk.h>
#include <linux/ratelimit.h>

#include "neuron.h"
#include "neuron_log.h"

void neuron_log_init(struct neuron_log *log)
{
	int i;

	for (i = 0; i < NEURON_LOG_KINDS; i++)
		ratelimit_state_init(&log->limits[i], DEFAULT_RATELIMIT_INTERVAL,
				     DEFAULT_RATELIMIT_BURST);
}

bool neuron_log_may(struct neuron_log *log, enum neuron_log_kind kind)
{
	return __ratelimit(&log->limits[kind]);
}

void neuron_log(struct neuron_device *ndev, enum neuron_log_kind kind, const char *level,
		const char *fmt, ...)
{
	struct va_format message = { .fmt = fmt };
	va_list args;

	if (!neuron_log_may(&ndev->log, kind))
		return;
	va_start(args, fmt);
	message.va = &args;
	dev_printk(level, &ndev->dev, "%pV", &message);
	va_end(args);
}
