/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the Neuron devices of the host.
 */
#ifndef NRT_DISCOVER_H
#define NRT_DISCOVER_H

#include <stdint.h>

/**
 * struct nrt_found - a device node
 * @index: N of /dev/neuronN
 * @node: its path
 * @bdf: PCI address of the function, "" if not known
 * @numa_node: -1 if not known
 * @cpus: CPUs near it, as "0-3,8", "" if not known
 * @connected: numbers of the devices that it has links to, as in sysfs, "" if none
 */
struct nrt_found {
	uint32_t index;
	char node[64];
	char bdf[24];
	int numa_node;
	char cpus[64];
	char connected[64];
};

/* At most @max devices, by number. Returns how many there are (maybe 0), or -errno. */
int nrt_discover(struct nrt_found *found, int max);

/* Neuron functions on the PCI bus, whether or not a driver is bound. */
int nrt_discover_pci(void);

#endif
