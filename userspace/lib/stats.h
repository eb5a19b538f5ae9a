/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics that the process publishes for neuron-monitor, neuron-top and neuron-ls, in the
 * file of stats_file.h. A process that cannot publish runs all the same.
 *
 * The functions work at any time; between nrt_stats_close() and nrt_stats_open() there is
 * nobody to tell, only memory is counted on.
 */
#ifndef NRT_STATS_H
#define NRT_STATS_H

#include "runtime.h"

/*
 * The process owns rt->cores. Callers of nrt_stats_open(), nrt_stats_close() and
 * nrt_stats_forget() have the state to themselves.
 */
void nrt_stats_open(const struct nrt_runtime *rt, nrt_framework_type_t framework,
		    const char *framework_version, const char *fal_version);
void nrt_stats_close(void);
/* In the child of a fork: the file is the parent's. */
void nrt_stats_forget(void);

/* The list of models has changed; with rt->lock held. */
void nrt_stats_models(const struct nrt_runtime *rt);

/* An execution is over. @device_ns: part of @total_ns on devices, 0 if none */
void nrt_stats_executed(NRT_STATUS status, uint64_t total_ns, uint64_t device_ns);

/* Brackets of a job on core @index of rt->cores; @now in ns of CLOCK_MONOTONIC. */
void nrt_stats_core_busy(uint32_t index, uint64_t now);
void nrt_stats_core_idle(uint32_t index, uint64_t now);

/* Memory was taken (@bytes > 0) or given back. */
void nrt_stats_memory(enum nrt_mem_type type, int64_t bytes);

#endif
