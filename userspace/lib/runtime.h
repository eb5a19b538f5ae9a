/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state between nrt_init() and nrt_close(): devices, NeuronCores, loaded models.
 */
#ifndef NRT_RUNTIME_H
#define NRT_RUNTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <nrt/nrt.h>

#include "device.h"
#include "status.h"

/**
 * struct nrt_core - a visible NeuronCore
 * @number: on its device
 * @models: model instances on it
 */
struct nrt_core {
	struct nrt_device *dev;
	uint32_t number;
	uint32_t models;
};

/**
 * struct nrt_group - NeuronCores of NEURONCORE_GROUP_SIZES
 * @first: index in nrt_runtime.cores
 */
struct nrt_group {
	uint32_t first;
	struct nrt_env_group size;
};

/**
 * struct nrt_runtime - the state
 * @lock: of @models, and of the cores' counters
 * @cores: index is what the API calls a NeuronCore
 * @models: list of loaded models
 * @emulator: the devices are chips of the process itself
 * @next_model_id: of the next instance
 */
struct nrt_runtime {
	pthread_mutex_t lock;
	struct nrt_device *devices[NRT_MAX_DEVICES];
	int device_count;
	struct nrt_core *cores;
	uint32_t core_count;
	struct nrt_group groups[NRT_ENV_MAX_GROUPS];
	uint32_t group_count;
	uint32_t timeout_ms;
	bool validate_hash;
	bool share_weights;
	int dump_inputs;
	bool emulator;
	uint32_t next_model_id;
	struct nrt_model *models;
};

extern struct nrt_runtime nrt_runtime;

/*
 * Brackets of the API calls that need the state: nrt_enter() gives NRT_UNINITIALIZED,
 * NRT_CLOSED, or NRT_SUCCESS and the promise that nrt_close() waits for nrt_leave().
 */
NRT_STATUS nrt_enter(const char *function);
void nrt_leave(void);

/* The same answer, without the promise. */
NRT_STATUS nrt_check_state(const char *function);

#endif
