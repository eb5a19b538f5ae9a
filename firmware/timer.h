/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one timer, shared: it goes off at the earliest time that anybody asked for.
 */
#ifndef FW_TIMER_H
#define FW_TIMER_H

#include <stdint.h>

/* Wake firmware at time @us or before. */
void fw_timer_at(uint64_t us);
/* It went off, or is to be set anew: whoever still needs it has to ask again. */
void fw_timer_clear(void);

#endif
