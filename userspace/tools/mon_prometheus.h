/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-monitor's numbers in Prometheus' text format.
 */
#ifndef MON_PROMETHEUS_H
#define MON_PROMETHEUS_H

#include <stddef.h>

#include "mon_sample.h"

/*
 * Counters and amounts are those of this moment, ratios and latencies those of the last period.
 * free() the text; NULL: out of memory.
 */
char *mon_prometheus(struct monitor *m, size_t *size);

#endif
