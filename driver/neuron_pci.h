/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_PCI_H
#define _NEURON_PCI_H

struct neuron_device;

int neuron_pci_register(void);
void neuron_pci_unregister(void);
/* MSI-X vector that a queue raises; neuron_device.vector_count must not be 0. */
unsigned int neuron_queue_vector(struct neuron_device *ndev, unsigned int slot);

#endif
