/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-ls's table and JSON.
 */
#ifndef LS_PRINT_H
#define LS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "ls_devices.h"

/* @wide: commands in full length. 0 or -ENOMEM. */
int ls_print_table(FILE *out, const struct ls_device *devices, int count, bool wide);
int ls_print_json(FILE *out, const struct ls_device *devices, int count);

#endif
