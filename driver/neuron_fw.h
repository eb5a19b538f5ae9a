/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_FW_H_
#define _NEURON_FW_H_

#include <linux/types.h>

struct neuron_device;

/* Load firmware when the module parameter fw_load asks for it. Before the reset handshake. */
int neuron_fw_load(struct neuron_device *ndev);
/* Find the extension block; sets ndev->ext, or leaves it NULL on silicon. */
void neuron_ext_find(struct neuron_device *ndev);
/*
 * Read versions, decide whether compute is offered, hand over the context directory. -EIO when a
 * chip that has offered it since probe does not any more.
 */
int neuron_ext_start(struct neuron_device *ndev);
void neuron_ext_stop(struct neuron_device *ndev);
/* The interrupt of firmware events, in process context. */
void neuron_fw_work(struct work_struct *work);
/* Firmware has crashed or was halted; cheap, reads the mapped status page. */
bool neuron_fw_dead(struct neuron_device *ndev);

#endif
