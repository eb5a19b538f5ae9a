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

enum nrt_env_device {
	NRT_DEVICE_KERNEL,
	NRT_DEVICE_EMULATOR,
};

/**
 * struct nrt_env - what the variables say
 * @first_core, @visible_cores: NEURON_RT_VISIBLE_CORES; 0 cores = not set
 * @num_cores: NEURON_RT_NUM_CORES; 0 = all
 * @timeout_ms: NEURON_RT_EXEC_TIMEOUT
 * @validate_hash: NEURON_RT_VALIDATE_HASH
 * @device: NEURON_RT_DEVICE
 * @chips: emulated chips
 * @only_device: N of /dev/neuronN, or -1 for all
 * @log: NEURON_RT_LOG_*
 */
struct nrt_env {
	uint32_t first_core;
	uint32_t visible_cores;
	uint32_t num_cores;
	uint32_t timeout_ms;
	bool validate_hash;
	enum nrt_env_device device;
	uint32_t chips;
	int only_device;
	struct nrt_log_config log;
};

/*
 * Read the environment. -EINVAL: a variable is not valid, @error then names it; @env is
 * complete nevertheless, with the default in its place.
 */
int nrt_env_read(struct nrt_env *env, char *error, size_t size);

/* "3", "3-6", "3,4,5", "3-5,6": contiguous and increasing. -EINVAL. */
int nrt_env_parse_cores(const char *text, uint32_t *first, uint32_t *count);

#endif
