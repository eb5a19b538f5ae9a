/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NEURON_PROFILE: where profiles of all models go.
 */
#ifndef NRT_PROFILE_ENV_H
#define NRT_PROFILE_ENV_H

#include <stddef.h>

struct neff;

/*
 * Name of the profile of a model that was loaded from @size bytes at @bytes; its NEFF is put
 * beside it. NULL if NEURON_PROFILE is not set, or after a message. free() it.
 */
char *nrt_profile_env_name(const struct neff *neff, const void *bytes, size_t size);

#endif
