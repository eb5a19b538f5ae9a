/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_RESET_H
#define _NEURON_RESET_H

#include <linux/pci.h>
#include <linux/types.h>

#include "neuron.h"

/* The chip takes register writes, and would act on them. */
static inline bool neuron_hw_answers(struct neuron_device *ndev)
{
	return !READ_ONCE(ndev->broken) && !pci_channel_offline(ndev->pdev);
}

/*
 * Load firmware if asked to, reset the chip, wait for its firmware, tell it its number. Wipes
 * UDMA state. For a device that is marked broken, so that nobody else is at it. Sleeps long.
 */
int neuron_hw_handshake(struct neuron_device *ndev);
/*
 * For probe, with the configuration saved and before the chip may reach memory: reset it if
 * whoever had it before has not left it as it should be. Errors of neuron_function_reset().
 */
int neuron_hw_take_over(struct neuron_device *ndev);
/* Handshake and restart, for probe: firmware that does not answer gets a second try. */
int neuron_hw_start(struct neuron_device *ndev);
/* The last one: the chip has forgotten all addresses, and reaches no memory. */
void neuron_hw_leave(struct neuron_device *ndev);
/* After the handshake: everything up, the device is not broken any more. -ENODEV. */
int neuron_hw_restart(struct neuron_device *ndev);
/* Take everything from the files; the chip is left alone if it is broken. rwsem for writing. */
void neuron_hw_stop(struct neuron_device *ndev);
/*
 * Function-level reset, if the chip has it; configuration as before. Nobody is at the chip.
 * -EBUSY: somebody else resets the function.
 */
int neuron_function_reset(struct neuron_device *ndev);
void neuron_restore_config(struct neuron_device *ndev);
/*
 * Reset NeuronCores: their jobs end as aborted, their queues stay enabled. Returns at once;
 * busy until it was done. For chips with our extension block.
 */
void neuron_core_reset(struct neuron_device *ndev, u32 map);
bool neuron_core_reset_busy(struct neuron_device *ndev);
/* FW_STATUS and the power sample, at most a second old. Errors of neuron_fwio_read(). */
int neuron_fw_status(struct neuron_device *ndev, u32 *status);
int neuron_fw_power(struct neuron_device *ndev, u32 *sample);
/* It has changed. */
void neuron_fw_status_forget(struct neuron_device *ndev);

#endif
