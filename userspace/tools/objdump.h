/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuron-objdump's sections. Each prints to standard output.
 */
#ifndef OBJDUMP_H
#define OBJDUMP_H

#include "neff.h"

void objdump_header(const struct neff *neff);
void objdump_members(const struct neff *neff);
void objdump_graph(const struct neff *neff);
void objdump_variables(const struct neff *neff);

#define OBJDUMP_ALL_ENGINES NEURON_ENGINES

/*
 * Instructions of node @node (NULL: all) and @engine. An exit code, after a message if not
 * EXIT_OK.
 */
int objdump_code(const struct neff *neff, const char *node, unsigned int engine);

#endif
