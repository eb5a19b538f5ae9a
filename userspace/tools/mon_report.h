/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-monitor's reports: JSON with the documented keys.
 */
#ifndef MON_REPORT_H
#define MON_REPORT_H

#include <jansson.h>

#include "mon_sample.h"

/* NULL: out of memory. */
json_t *mon_report(const struct monitor *m);

/* Parts of it that neuron-top shares. */
json_t *mon_memory_json(const struct nrt_stats_file *f, double period);

#endif
