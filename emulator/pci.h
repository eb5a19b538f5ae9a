/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI function's configuration space. MSI-X table and PBA are in ext.h's block. */
#ifndef EMU_PCI_H
#define EMU_PCI_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define EMU_PCI_CONFIG_SIZE	4096

struct emu_chip;

struct emu_pci {
	pthread_mutex_t lock;
	uint8_t config[EMU_PCI_CONFIG_SIZE];
	uint8_t writable[EMU_PCI_CONFIG_SIZE];	/* bits that a host may change */
	uint8_t clear[EMU_PCI_CONFIG_SIZE];	/* bits that a host clears by writing 1 */
	atomic_bool bus_master;
};

int emu_pci_init(struct emu_chip *chip);
void emu_pci_fini(struct emu_chip *chip);
void emu_pci_reset(struct emu_chip *chip);

#endif
