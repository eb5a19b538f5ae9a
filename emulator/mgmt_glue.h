/* SPDX-License-Identifier: Apache-2.0 */
/* The chip around the management core: what emu_mgmt_ops reach, and who boots it. */
#ifndef EMU_MGMT_GLUE_H
#define EMU_MGMT_GLUE_H

#include <stdbool.h>

struct emu_chip;

int emu_mgmt_glue_init(struct emu_chip *chip);
/* Carry out a boot or halt that was asked for. Service thread. */
bool emu_mgmt_glue_boot(struct emu_chip *chip);
/* Hand results of NeuronCores to firmware. Service thread. */
bool emu_mgmt_glue_collect(struct emu_chip *chip);

#endif
