/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and main loop.
 */
#ifndef FW_MAIN_H
#define FW_MAIN_H

#include <stdbool.h>

void fw_main(void);
/* The two parts of fw_main(). fw_step() is true when it should be called again at once. */
void fw_init(void);
bool fw_step(void);

#endif
