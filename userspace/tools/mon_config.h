/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-monitor's configuration: which groups of metrics, of which processes, how often.
 */
#ifndef MON_CONFIG_H
#define MON_CONFIG_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Groups of a process. The two names for executions are of older and newer tools. */
enum mon_group {
	MON_CORES,
	MON_MEMORY,
	MON_VCPU,
	MON_INFERENCES,
	MON_EXECUTIONS,
	MON_GROUPS,
};

/* Groups of the system. */
enum mon_system_group {
	MON_SYSTEM_VCPU,
	MON_SYSTEM_MEMORY,
	MON_SYSTEM_HARDWARE,
	MON_SYSTEM_GROUPS,
};

extern const char *const mon_group_names[MON_GROUPS];
extern const char *const mon_system_group_names[MON_SYSTEM_GROUPS];

/**
 * struct mon_runtime - an entry of "neuron_runtimes"
 * @filter: of the tags; NULL for all
 * @period: of each group in ns; 0 = not wanted
 */
struct mon_runtime {
	regex_t *filter;
	uint64_t period[MON_GROUPS];
};

struct mon_config {
	struct mon_runtime *runtimes;
	size_t runtime_count;
	uint64_t system_period[MON_SYSTEM_GROUPS];
};

/* All groups but MON_EXECUTIONS, of all processes, every 5 s. -ENOMEM. */
int mon_config_default(struct mon_config *config);
/* From a file; -EINVAL after a message. */
int mon_config_read(struct mon_config *config, const char *path);
void mon_config_free(struct mon_config *config);

/* "1s", "1.5s", "500ms", "1m30s": at least 10 ms, at most a day. -EINVAL. */
int mon_parse_period(const char *text, uint64_t *ns);

#endif
