/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * What the driver keeps of a chip that it has to reset: a device coredump
 * (/sys/class/devcoredump) or, in kernels without those, the file coredump in debugfs.
 * Little-endian.
 */
#ifndef _NEURON_DUMP_H
#define _NEURON_DUMP_H

#include "types.h"

#define NEURON_DUMP_MAGIC	0x504d55445255454eULL	/* "NEURDUMP" */
#define NEURON_DUMP_VERSION	1
#define NEURON_DUMP_SECTIONS	8

enum neuron_dump_type {
	NEURON_DUMP_TEXT = 1,	/* the driver: why, versions, queues, rings, recovery steps */
	NEURON_DUMP_EXT = 2,	/* registers of the extension block, from offset 0 on */
	NEURON_DUMP_QUEUES = 3,	/* from NEURON_EXT_QUEUE(0) on; queues not in use are 0 */
	NEURON_DUMP_CRASH = 4,	/* struct neuron_fw_crash */
	NEURON_DUMP_LOG = 5,	/* console log of the firmware, oldest character first */
};

/**
 * struct neuron_dump_section - a part of a dump; type 0: there is none
 * @type: enum neuron_dump_type
 * @offset: bytes from the start of the dump
 * @length: bytes
 */
struct neuron_dump_section {
	__u32 type;
	__u32 reserved;
	__u64 offset;
	__u64 length;
};

/**
 * struct neuron_dump - header of a dump
 * @magic: NEURON_DUMP_MAGIC
 * @version: NEURON_DUMP_VERSION
 * @size: of the whole dump, in bytes
 * @time_ns: CLOCK_REALTIME when it was taken
 * @section: in the order of their offsets
 */
struct neuron_dump {
	__u64 magic;
	__u32 version;
	__u32 size;
	__u64 time_ns;
	struct neuron_dump_section section[NEURON_DUMP_SECTIONS];
};

#endif
