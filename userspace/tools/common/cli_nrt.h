/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tools that run models have in common: device, NeuronCores, messages of libnrt.
 */
#ifndef TOOL_CLI_NRT_H
#define TOOL_CLI_NRT_H

#include <nrt/nrt.h>

#include "neff.h"

/* "@what: what libnrt says of the call that failed (NRT_...)"; returns EXIT_FAILED. */
int cli_nrt_failed(const char *what, NRT_STATUS status);

/* Whether @text is what --device takes; else a message and EXIT_USAGE. */
int cli_nrt_check_device(const char *text);

/*
 * Environment of the runtime: the device of --device (NULL: as it is), hashes are checked, and
 * libnrt leaves messages to the tool, unless NEURON_RT_LOG_LEVEL wants them.
 */
void cli_nrt_set_environment(const char *device);

/* The least number of NeuronCores that an instance of a NEFF can run on. */
uint32_t cli_nrt_least_cores(const struct neuron_neff_header *h);

/* nrt_init() with @cores NeuronCores, unless the environment says which. */
NRT_STATUS cli_nrt_init(uint32_t cores);

/* With as many cores as the model has stages, or with the least if these are not free. */
NRT_STATUS cli_nrt_init_for(const struct neuron_neff_header *h);

#endif
