/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The public register contract of Inferentia 1: PCI function, BARs, the device's
 * address map, misc RAM, notification blocks and NeuronCore windows. Everything here
 * is known to host software that was written for the silicon, except the BAR sizes,
 * which are assumed (the offsets below imply at least these).
 *
 * udma.h has the DMA engines, fwio.h the mailbox, ext.h what we added.
 */
#ifndef _NEURON_REGS_H
#define _NEURON_REGS_H

#define NEURON_PCI_VENDOR		0x1d0f
#define NEURON_PCI_DEVICE_0		0x7064
#define NEURON_PCI_DEVICE_1		0x7065
#define NEURON_PCI_DEVICE_2		0x7066
#define NEURON_PCI_DEVICE_3		0x7067
/* PCI revision: what the function runs on; anything else is silicon. */
#define NEURON_PCI_REV_QEMU		0xff
#define NEURON_PCI_REV_EMULATOR		0xf0

#define NEURON_BAR_APB			0	/* registers */
#define NEURON_BAR_NC			2	/* NeuronCore windows */
#define NEURON_BAR_DRAM			4	/* channel 0, then channel 1 */
#define NEURON_BAR_APB_SIZE		0x800000ULL
#define NEURON_BAR_NC_SIZE		0x10000000ULL
#define NEURON_BAR_DRAM_SIZE		0x200000000ULL

#define NEURON_CORES			4
#define NEURON_DRAM_CHANNELS		2
#define NEURON_DRAM_CHANNEL_SIZE	0x100000000ULL

/* Device addresses, 48 bits, as the chip's DMA engines see them. */
#define NEURON_ADDR_MASK		0xffffffffffffULL
#define NEURON_ADDR_SPACE_MASK		0xc00000000000ULL
#define NEURON_ADDR_HOST		0x400000000000ULL	/* bus address: bit cleared */
#define NEURON_ADDR_EAST		0x800000000000ULL	/* rest: its local address */
#define NEURON_ADDR_WEST		0xc00000000000ULL
#define NEURON_ADDR_AXI1		0x100000000000ULL	/* AXI port 1 alias */
#define NEURON_ADDR_DRAM0		0x000000000000ULL
#define NEURON_ADDR_DRAM1		0x001000000000ULL
#define NEURON_ADDR_NC			0x0fffc0000000ULL	/* = BAR2 */
#define NEURON_ADDR_APB			0x0ffff0000000ULL	/* = BAR0 */
#define NEURON_ADDR_MISC		(NEURON_ADDR_APB + NEURON_MISC_BASE)

/* BAR0: block of one NeuronCore, its TDMA wrappers and UDMA engines (3 a core). */
#define NEURON_APB_NC_SIZE		0x100000u
#define NEURON_APB_NC(n)		((n) * NEURON_APB_NC_SIZE)
#define NEURON_TDMA_SIZE		0x1000u
#define NEURON_APB_TDMA(n, e)		(NEURON_APB_NC(n) + (e) * NEURON_TDMA_SIZE)
#define NEURON_APB_UDMA(n, e)		(NEURON_APB_NC(n) + 0x40000u + (e) * 0x40000u)
#define NEURON_UDMA_PER_NC		3
#define NEURON_UDMA_ENGINES		12
#define NEURON_TDMA_EVENT_ACCEL		0x00	/* written 1 */
#define NEURON_TDMA_REORDER		0x1c	/* written 1 */
#define NEURON_TDMA_WRITE_ORDER		0x20	/* written ~1: erratum on silicon */

/* BAR0: notification block ("putils") of a core. Each queue: lo, hi, size; head. */
#define NEURON_PUTILS(n)		(0x404000u + (n) * 0x10000u)
#define NEURON_PUTILS_SIZE		0x2000
#define NEURON_NOTIFY_BASE_LO		0x00
#define NEURON_NOTIFY_BASE_HI		0x04
#define NEURON_NOTIFY_SIZE		0x08
#define NEURON_NOTIFY_HEAD		0x18
#define NEURON_NOTIFY_ERROR		0x1074
#define NEURON_NOTIFY_ERROR_HEAD	0x108c
#define NEURON_NOTIFY_EVENT		0x1094
#define NEURON_NOTIFY_EVENT_HEAD	0x10ac
#define NEURON_NOTIFY_EXPLICIT(i)	(0x0bfc + (i) * 0x104)
#define NEURON_NOTIFY_EXPLICIT_HEAD(i)	(0x0c14 + (i) * 0x104)
#define NEURON_NOTIFY_IMPLICIT(i)	(0x0c7c + (i) * 0x104)
#define NEURON_NOTIFY_IMPLICIT_HEAD(i)	(0x0c94 + (i) * 0x104)
#define NEURON_NOTIFY_INSTANCES		4

/* BAR2: inside the 64 MiB window of each NeuronCore. */
#define NEURON_NC_WINDOW(n)		((n) * 0x4000000ULL)
#define NEURON_NC_WINDOW_SIZE		0x4000000ULL
#define NEURON_NC_PE_FIFO		0x265c000
#define NEURON_NC_PE_FIFO_SIZE		0x4000
#define NEURON_NC_EVENTS		0x2700000
#define NEURON_NC_EVENT_COUNT		256
#define NEURON_NC_SEM_READ		0x2701000
#define NEURON_NC_SEM_SET		0x2701100
#define NEURON_NC_SEM_INC		0x2701200
#define NEURON_NC_SEM_DEC		0x2701300
#define NEURON_NC_SEM_COUNT		32

/* BAR0: misc RAM, shared by host and firmware. */
#define NEURON_MISC_BASE		0x78e000
#define NEURON_MISC_SIZE		0x1000
#define NEURON_MISC_API_VERSION		0x000
#define NEURON_API_VERSION_POWER	3	/* the lowest with power samples */
#define NEURON_MISC_FW_STATUS		0x01c
#define NEURON_FW_STATUS_READY		0x80000000u
#define NEURON_FW_STATUS_EAST		0x00000001u
#define NEURON_FW_STATUS_WEST		0x00000002u
#define NEURON_MISC_DEVICE_ID		0x024
#define NEURON_MISC_POWER		0x054	/* lo16 0.01 % units, hi16 counter */
#define NEURON_MISC_METRICS		0x100
#define NEURON_MISC_METRICS_SIZE	0x80
#define NEURON_MISC_RESET_MAP		0x1d8
#define NEURON_MISC_RESET		0x1ec
#define NEURON_RESET_DEVICE		1
#define NEURON_RESET_CORES		2
#define NEURON_MISC_FWIO_REQ_HI		0x1f0
#define NEURON_MISC_FWIO_REQ_LO		0x1f4
#define NEURON_MISC_FWIO_RSP_HI		0x1f8
#define NEURON_MISC_FWIO_RSP_LO		0x1fc
#define NEURON_MISC_DOORBELL		0x800

#endif
