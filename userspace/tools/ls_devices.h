/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What neuron-ls knows about devices and the processes that use them.
 */
#ifndef LS_DEVICES_H
#define LS_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "discover.h"

#define LS_MAX_DEVICES 64

/**
 * struct ls_process - a process that uses a device
 * @command: its command line, printable
 * @version: of the libnrt that it uses, "" if it uses none
 */
struct ls_process {
	int pid;
	char *command;
	char version[24];
};

/**
 * struct ls_device - a device
 * @cores: NeuronCores; 0 = not known
 * @first_core: number of the first among those of all devices
 * @memory: bytes; 0 = not known
 */
struct ls_device {
	struct nrt_found found;
	uint32_t cores;
	uint32_t first_core;
	uint64_t memory;
	struct ls_process *processes;
	uint32_t process_count;
};

/*
 * The devices of the host, with the processes that have NeuronCores of theirs through libnrt, or
 * with @all that have the device open. Returns how many (maybe 0), or -errno. What cannot be asked is said on
 * standard error and left out.
 */
int ls_devices_get(struct ls_device devices[LS_MAX_DEVICES], bool all);
void ls_devices_free(struct ls_device *devices, int count);

/* Version text behind libnrt's marker in @data; "" if there is none. */
void ls_find_version(const void *data, size_t size, char *version, size_t version_size);

#endif
