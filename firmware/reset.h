/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resets that hosts ask for through misc RAM.
 */
#ifndef FW_RESET_H
#define FW_RESET_H

#include <stdbool.h>

/* Begin the reset that misc RAM describes. It may be over when this returns. */
void fw_reset_begin(void);
/* Finish it if the cores have stopped. */
void fw_reset_run(void);
bool fw_reset_busy(void);

#endif
