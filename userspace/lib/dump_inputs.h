/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NEURON_RT_DBG_DUMP_INPUTS_ON_ERR: the inputs of executions that failed, as files.
 */
#ifndef NRT_DUMP_INPUTS_H
#define NRT_DUMP_INPUTS_H

#include "model.h"
#include "tensor_set.h"

#define NRT_DUMPS_MAX	16	/* a process */

/*
 * If that was asked for, write each input that there is to NAME.bin, with "_" for "/", in a new
 * folder neuron-inputs-PID-N of the current one. At most NRT_DUMPS_MAX folders.
 */
void nrt_dump_inputs(const struct nrt_model *model, const struct nrt_set *inputs,
		     NRT_STATUS status);

#endif
