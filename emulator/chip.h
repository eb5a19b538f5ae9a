/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chip: what its blocks are and who may lock what.
 *
 * Threads: hosts (any, through emu_bar_*() and emu_config_*()), one service thread, one
 * thread a NeuronCore. Locks, outermost first:
 *
 *	reset_lock	one reset at a time
 *	service.run	held by the service thread for one short slice of work, and by a
 *			reset: what holds it knows that firmware and UDMA stand still
 *	core[].lock	state of a job on a core
 *	notify.core[].lock
 *			a core's notification queues; held while an entry is written, so that
 *			a queue that was halted is silent: dma_write() is called under it
 *	pci.lock, udma engine lock, service.wake_lock, faults.lock, sensors.lock, guards.lock
 *			innermost; register accesses take these and no others
 *
 * No callback of struct emu_config is called under an innermost lock. Registers that are
 * plain storage are atomics and need no lock.
 *
 * Links: an access to a neighbour may wait for it, for a bounded time, with service.run or
 * none of these locks held. A neighbour's access to this chip (emu_link_read(), _write())
 * takes innermost locks only, on a thread of its own; so two chips that read each other
 * never wait in a circle.
 */
#ifndef EMU_CHIP_H
#define EMU_CHIP_H

#include <pthread.h>
#include <stdatomic.h>
#include <neuron/regs.h>

#include "core.h"
#include "dram.h"
#include "emu.h"
#include "ext.h"
#include "fault.h"
#include "guard.h"
#include "guest_error.h"
#include "misc.h"
#include "notify.h"
#include "pci.h"
#include "sensors.h"
#include "service.h"
#include "udma.h"

struct emu_mgmt;

struct emu_chip {
	struct emu_config config;
	pthread_mutex_t reset_lock;
	struct emu_pci pci;
	struct emu_dram dram;
	struct emu_misc misc;
	struct emu_notify notify;
	struct emu_ext ext;
	struct emu_udma udma;
	struct emu_core core[NEURON_CORES];
	atomic_uint running;		/* cores that have a job under way */
	struct emu_service service;
	struct emu_mgmt *mgmt;
	atomic_uint links;		/* NEURON_FW_STATUS_EAST, _WEST: neighbours that are there */
	struct emu_sensors sensors;
	struct emu_faults faults;
	atomic_bool tracing;
	atomic_bool watching;		/* emu_watch_enable() */
	struct emu_guards guards;
	_Atomic uint64_t guest_errors[EMU_GE_COUNT];
	atomic_bool stop;
};

/*
 * Does the function's revision say silicon? Then there is what the public contract has and
 * nothing of ours: no extension block, no interrupts. And a device reset takes its time.
 */
static inline bool emu_chip_silicon(const struct emu_chip *chip)
{
	return chip->config.revision != NEURON_PCI_REV_QEMU &&
	       chip->config.revision != NEURON_PCI_REV_EMULATOR;
}

#define EMU_SILICON_RESET_US	500000

/* Raise an MSI-X vector: status bit, then the host's callback. */
void emu_chip_irq(struct emu_chip *chip, unsigned int vector);
/* The message alone. */
void emu_chip_message(struct emu_chip *chip, unsigned int vector);

#endif
