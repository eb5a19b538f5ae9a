/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NEURON_RT_* environment variables.
 */
#ifndef NRT_ENV_H
#define NRT_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

#define NRT_ENV_MAX_CORES	1024
#define NRT_ENV_MAX_CHIPS	16
#define NRT_ENV_MAX_GROUPS	64

enum nrt_env_device {
	NRT_DEVICE_KERNEL,
	NRT_DEVICE_EMULATOR,
};

/**
 * struct nrt_env_group - a NeuronCore Group
 * @instances: of each model that goes there
 * @cores: for each of them
 */
struct nrt_env_group {
	uint32_t instances;
	uint32_t cores;
};

/**
 * struct nrt_env - what the variables say
 * @first_core, @visible_cores: NEURON_RT_VISIBLE_CORES; 0 cores = not set
 * @num_cores: NEURON_RT_NUM_CORES; 0 = all
 * @groups, @group_count: NEURONCORE_GROUP_SIZES
 * @timeout_ms: NEURON_RT_EXEC_TIMEOUT
 * @validate_hash: NEURON_RT_VALIDATE_HASH
 * @share_weights: NEURON_RT_MULTI_INSTANCE_SHARED_WEIGHTS
 * @reset_cores: NEURON_RT_RESET_CORES
 * @memlog_entries: NEURON_RT_DEBUG_MEMLOG_MAX_SIZE
 * @dump_inputs: NEURON_RT_DBG_DUMP_INPUTS_ON_ERR: a status code, or one of NRT_DUMP_*
 * @device: NEURON_RT_DEVICE
 * @chips: emulated chips
 * @only_device: N of /dev/neuronN, or -1 for all
 * @log: NEURON_RT_LOG_*
 */
struct nrt_env {
	uint32_t first_core;
	uint32_t visible_cores;
	uint32_t num_cores;
	struct nrt_env_group groups[NRT_ENV_MAX_GROUPS];
	uint32_t group_count;
	uint32_t timeout_ms;
	bool validate_hash;
	bool share_weights;
	bool reset_cores;
	uint32_t memlog_entries;
	int dump_inputs;
	enum nrt_env_device device;
	uint32_t chips;
	int only_device;
	struct nrt_log_config log;
};

#define NRT_DUMP_NEVER	0
#define NRT_DUMP_ALWAYS	1	/* whatever the status, unless it is NRT_SUCCESS */

/*
 * Read the environment. -EINVAL: a variable is not valid, @error then names it; @env is
 * complete nevertheless, with the default in its place.
 */
int nrt_env_read(struct nrt_env *env, char *error, size_t size);

/*
 * Only which devices there are to be, and the log; nothing else in the environment matters. @env
 * has defaults for the rest. -EINVAL: NEURON_RT_DEVICE is not valid.
 */
int nrt_env_read_device(struct nrt_env *env, char *error, size_t size);

/* NeuronCores that @env asks for when the devices have @total. */
uint32_t nrt_env_cores(const struct nrt_env *env, uint32_t total);

/* "2,4,3,4": groups of so many cores; "4x1": one whose models have 4 instances on 1 core. -EINVAL. */
int nrt_env_parse_groups(const char *text, struct nrt_env_group *groups, uint32_t *count);

/* "3", "3-6", "3,4,5", "3-5,6": contiguous and increasing. -EINVAL. */
int nrt_env_parse_cores(const char *text, uint32_t *first, uint32_t *count);

#endif
