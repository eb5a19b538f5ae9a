/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-packager: the files of a directory as members.
 */
#ifndef PACKAGER_DIR_H
#define PACKAGER_DIR_H

#include <jansson.h>

#include "neff.h"

/*
 * Read all files below @path but the manifest. An exit code, after a message; neff_body_free()
 * in any case.
 */
int packager_dir_read(const char *path, const struct neff_limits *limits, struct neff_body *body);

/* Members in the order of the names in @order (NULL: none); others follow by name, neff.json first. */
void packager_dir_sort(struct neff_body *body, json_t *order);

#endif
