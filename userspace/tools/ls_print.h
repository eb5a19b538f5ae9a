/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-ls's table and JSON.
 */
#ifndef LS_PRINT_H
#define LS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "ls_devices.h"

/* @wide: 80 columns for commands in place of 40. 0 or -ENOMEM. */
int ls_print_table(FILE *out, const struct ls_device *devices, int count, bool wide);
/* Devices and how they are connected. */
int ls_print_topology(FILE *out, const struct ls_device *devices, int count);
int ls_print_json(FILE *out, const struct ls_device *devices, int count);

#endif
