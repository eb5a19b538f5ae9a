/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnrt: profiles of executions.
 *
 * A profile holds, for each execution, the phases on the host (copies, waiting, computing), and
 * for the first executions each instruction of the NeuronCores with its start and end. These are
 * cycles of a timing model, never a measurement of silicon. neuron-profile reads the file; its
 * format is this implementation's own. Up to 16 executions are traced by instruction, all are
 * counted and timed.
 *
 * With NEURON_PROFILE=DIRECTORY in the environment each model is profiled from nrt_load() to
 * nrt_unload() or nrt_close(), into DIRECTORY/NAME-UUID-PID-N.ntff, and its NEFF is put beside it.
 */
#ifndef NRT_NRT_PROFILE_H
#define NRT_NRT_PROFILE_H

#include <nrt/nrt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nrt_profile_start - begin to profile a model
 * @filename: created, or truncated; complete after nrt_profile_stop()
 *
 * A model has one profile at a time, a file as well. One that NEURON_PROFILE began ends with this.
 *
 * NRT_INVALID: @filename is NULL, or the model or the file has a profile already.
 * NRT_INVALID_HANDLE: no such model. NRT_FAILURE: the file cannot be written. NRT_RESOURCE: out
 * of memory.
 */
NRT_STATUS nrt_profile_start(nrt_model_t *model, const char *filename);

/**
 * nrt_profile_stop - end the profile that nrt_profile_start() began with that file name
 *
 * Waits for executions that are recorded. Also works after the model was unloaded.
 *
 * NRT_INVALID: no profile has that file name. NRT_FAILURE: not all could be written.
 */
NRT_STATUS nrt_profile_stop(const char *filename);

#ifdef __cplusplus
}
#endif

#endif
