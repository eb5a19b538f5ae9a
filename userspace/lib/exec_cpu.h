/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execution of nodes on the CPU, and what it shares with that of the others.
 */
#ifndef NRT_EXEC_CPU_H
#define NRT_EXEC_CPU_H

#include <nrt/nrt_open.h>

#include "model.h"
#include "profile.h"
#include "tensor_set.h"

/**
 * struct nrt_run - one execution
 * @values: tensors of unknown shape, by their index; NULL until there is one
 * @nan: an engine produced a NaN
 */
struct nrt_run {
	struct nrt_model *model;
	const struct nrt_set *inputs, *outputs;
	struct nrt_instance *instance;
	struct nrt_slot *slot;
	struct nrt_cpu_value **values;
	nrt_open_execute_info_t info;
	bool nan;
	struct nrt_profile_run profile;
};

/*
 * Brackets of the API calls that execute: nrt_enter() and nrt_model_hold() of *@m, unless an
 * argument is not valid.
 */
NRT_STATUS nrt_execute_start(const char *function, const void *handle, const void *input_set,
			     const void *output_set, struct nrt_model **m);
void nrt_execute_end(struct nrt_model *m);
/* One inference between them. */
NRT_STATUS nrt_execute_once(struct nrt_model *model, const struct nrt_set *inputs,
			    const struct nrt_set *outputs);
/* Node @index, which has a session. */
NRT_STATUS nrt_run_cpu(struct nrt_run *run, uint32_t index);
/* Gives back what nodes on the CPU left. */
void nrt_run_cpu_end(struct nrt_run *run);

#endif
