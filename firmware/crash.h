/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a firmware does that trapped. The registers are kept in SRAM, in a struct neuron_fw_crash
 * of <neuron/fw.h> at a fixed place (see link.ld), and copied to the extension block from there.
 */
#ifndef FW_CRASH_H
#define FW_CRASH_H

#define FW_CRASH_REGS		32	/* offset of regs, for start.S */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Called by the trap entry, which has stored the registers. Returns to a wfi loop. */
void fw_crash(uint32_t cause, uint32_t epc, uint32_t tval);
#endif

#endif
