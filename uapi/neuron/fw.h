/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * Firmware image: what lies in flash, and what the driver may load instead. The chip's
 * loader checks it and copies the payload to the management core's SRAM.
 */
#ifndef _NEURON_FW_H
#define _NEURON_FW_H

#include "types.h"

#define NEURON_FW_MAGIC		0x3157464eu	/* "NFW1" */
#define NEURON_FW_API_MAJOR	1
#define NEURON_FW_API_MINOR	2
#define NEURON_FW_API_CANCEL	1	/* minor that brought NEURON_Q_CTRL_CANCEL */
#define NEURON_FW_API_TRACE	2	/* minor that brought NEURON_JOB_TRACE */

/**
 * struct neuron_fw_header - first 128 bytes of an image, little-endian
 * @magic: NEURON_FW_MAGIC
 * @header_size: 128
 * @api: major << 16 | minor; a host accepts its own major only
 * @version: major << 16 | minor << 8 | patch
 * @payload_size: bytes after the header
 * @load: SRAM address of the payload
 * @entry: first instruction
 * @sha256: of the payload
 * @name: NUL-terminated, for people
 */
struct neuron_fw_header {
	__u32 magic;
	__u32 header_size;
	__u32 api;
	__u32 version;
	__u32 payload_size;
	__u32 load;
	__u32 entry;
	__u32 flags;
	__u8 sha256[32];
	char name[32];
	__u8 reserved[32];
};

enum neuron_fw_boot_error {
	NEURON_FW_BOOT_OK = 0,
	NEURON_FW_BOOT_NO_IMAGE = 1,
	NEURON_FW_BOOT_MAGIC = 2,
	NEURON_FW_BOOT_SIZE = 3,
	NEURON_FW_BOOT_HASH = 4,
	NEURON_FW_BOOT_API = 5,
	NEURON_FW_BOOT_DMA = 6,		/* image in host memory not reachable */
};

#define NEURON_FW_CRASH_MAGIC	0x48535243u	/* "CRSH" */

/**
 * struct neuron_fw_crash - record of a firmware that trapped, at NEURON_EXT_CRASH
 * @magic: NEURON_FW_CRASH_MAGIC, written last; else there is no record
 * @cause, @epc, @tval: of the RISC-V trap
 * @time: microseconds since power-on
 * @version: of the firmware, as in struct neuron_fw_header
 * @regs: x0 .. x31
 */
struct neuron_fw_crash {
	__u32 magic;
	__u32 cause;
	__u32 epc;
	__u32 tval;
	__u64 time;
	__u32 version;
	__u32 reserved;
	__u32 regs[32];
};

#endif
