/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crash record: at a fixed place in SRAM (see link.ld), so that it can be found without symbols.
 */
#ifndef FW_CRASH_H
#define FW_CRASH_H

#define FW_CRASH_REGS		32	/* offset of regs, for start.S */

#ifndef __ASSEMBLER__
#include <stdint.h>

#define FW_CRASH_MAGIC	0x48535243u	/* "CRSH" */

/**
 * struct fw_crash_record - what is known of a crash
 * @magic: FW_CRASH_MAGIC, written last
 * @cause, @epc, @tval: of the trap
 * @time: microseconds since power-on
 * @version: of the firmware
 * @regs: x0 .. x31
 */
struct fw_crash_record {
	uint32_t magic;
	uint32_t cause;
	uint32_t epc;
	uint32_t tval;
	uint64_t time;
	uint32_t version;
	uint32_t reserved;
	uint32_t regs[32];
};

/* Called by the trap entry, which has stored the registers. Returns to a wfi loop. */
void fw_crash(uint32_t cause, uint32_t epc, uint32_t tval);
#endif

#endif
