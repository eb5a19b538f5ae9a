/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The management core's own view: memory map and peripherals. Contract between the
 * firmware and the chip; hosts see none of it. RV32IMC, machine mode, one hart. No
 * interrupt entry: WFI sleeps until PENDING & ENABLE is not 0. 32-bit accesses only.
 */
#ifndef _NEURON_MGMT_H
#define _NEURON_MGMT_H

#define NEURON_MGMT_SRAM		0x80000000u
#define NEURON_MGMT_SRAM_SIZE		0x40000u
#define NEURON_MGMT_REGS		0x10000000u
#define NEURON_MGMT_REGS_SIZE		0x1000u
#define NEURON_MGMT_MISC		0x20000000u	/* misc RAM, NEURON_MISC_SIZE */
#define NEURON_MGMT_EXT			0x30000000u	/* extension block, NEURON_EXT_SIZE */

#define NEURON_MGMT_PENDING		0x000	/* write 1 to clear */
#define NEURON_MGMT_ENABLE		0x004
#define NEURON_MGMT_IRQ_DOORBELL	0x01u	/* misc RAM doorbell: FWIO or reset */
#define NEURON_MGMT_IRQ_QUEUE_CTRL	0x02u	/* see QCTRL_LO/HI */
#define NEURON_MGMT_IRQ_QUEUE_TAIL	0x04u	/* see QTAIL_LO/HI */
#define NEURON_MGMT_IRQ_NC		0x08u	/* a core's STATE became DONE */
#define NEURON_MGMT_IRQ_TIMER		0x10u
#define NEURON_MGMT_IRQ_SENSOR		0x20u	/* temperature, ECC, link: see SENSORS */

#define NEURON_MGMT_TIME_LO		0x010	/* microseconds since power-on; LO latches HI */
#define NEURON_MGMT_TIME_HI		0x014
#define NEURON_MGMT_TIMER_LO		0x018	/* IRQ_TIMER once TIME >= TIMER; HI write arms */
#define NEURON_MGMT_TIMER_HI		0x01c

/* Copies between SRAM and any device address; done when the store to CTRL returns. */
#define NEURON_MGMT_DMA_ADDR_LO		0x020	/* device address; bit 46 = host memory */
#define NEURON_MGMT_DMA_ADDR_HI		0x024
#define NEURON_MGMT_DMA_LOCAL		0x028	/* SRAM address */
#define NEURON_MGMT_DMA_LENGTH		0x02c	/* bytes */
#define NEURON_MGMT_DMA_CTRL		0x030
#define NEURON_MGMT_DMA_READ		1	/* device address -> SRAM */
#define NEURON_MGMT_DMA_WRITE		2	/* SRAM -> device address */
#define NEURON_MGMT_DMA_STATUS		0x034
#define NEURON_MGMT_BUS_OK		0
#define NEURON_MGMT_BUS_UNMAPPED	1	/* nothing answers at the device address */
#define NEURON_MGMT_BUS_LOCAL		2	/* SRAM range out of bounds */

/* Single 32-bit register access at a device address, neighbours included. */
#define NEURON_MGMT_REG_LO		0x040
#define NEURON_MGMT_REG_HI		0x044
#define NEURON_MGMT_REG_DATA		0x048	/* load = read it, store = write it */
#define NEURON_MGMT_REG_STATUS		0x04c	/* NEURON_MGMT_BUS_* of the last access */

#define NEURON_MGMT_MSIX		0x050	/* write: raise this vector */
#define NEURON_MGMT_RESET		0x054	/* write: what to reset */
#define NEURON_MGMT_RESET_UDMA		0x00000001u	/* engines, notifications, DEVICE_ID */
#define NEURON_MGMT_RESET_CORE(n)	(0x100u << (n))	/* all of it, notifications too */
#define NEURON_MGMT_CONSOLE		0x058	/* write: a character for the trace */
#define NEURON_MGMT_ERROR_ARG		0x05c	/* write first: what the error is about */
#define NEURON_MGMT_ERROR		0x060	/* write: report enum neuron_mgmt_error */
#define NEURON_MGMT_LINKS		0x064	/* read: bit 0 east, bit 1 west is up */
#define NEURON_MGMT_SENSORS		0x068	/* NEURON_EVENT_*; write 1 to clear */
#define NEURON_MGMT_TEMPERATURE		0x06c	/* read: as NEURON_EXT_TEMPERATURE */

#define NEURON_MGMT_RESET_US		0x070	/* read: microseconds a device reset takes */

/* The host's mistakes that firmware finds. The chip reports them by name. ERROR_ARG: */
enum neuron_mgmt_error {
	NEURON_MGMT_ERROR_FWIO_CRC = 1,		/* CRC in the request */
	NEURON_MGMT_ERROR_FWIO_SIZE = 2,	/* size */
	NEURON_MGMT_ERROR_FWIO_COMMAND = 3,	/* cmd */
	NEURON_MGMT_ERROR_FWIO_ADDRESS = 4,	/* low word of the address */
	NEURON_MGMT_ERROR_FWIO_READ = 5,	/* low word of the register */
	NEURON_MGMT_ERROR_RESET_TYPE = 6,	/* type; type 2: map with cores that do not exist */
	NEURON_MGMT_ERROR_QUEUE_CONFIG = 7,	/* queue; its ERROR register says more */
	NEURON_MGMT_ERROR_QUEUE_TAIL = 8,	/* queue */
	NEURON_MGMT_ERROR_JOB_DESCRIPTOR = 9,	/* queue */
	NEURON_MGMT_ERROR_JOB_CONTEXT = 10,	/* index into the context directory */
	NEURON_MGMT_ERROR_CRASH = 11,		/* firmware's own trap handler: cause */
	NEURON_MGMT_ERROR_FWIO_SEQ = 12,	/* seq, that is 0 */
	NEURON_MGMT_ERROR_JOB_TIMEOUT = 13,	/* queue */
};

/* Queue bitmaps: bit q % 32 of LO (q < 32) or HI; write 1 to clear. */
#define NEURON_MGMT_QCTRL_LO		0x080
#define NEURON_MGMT_QCTRL_HI		0x084
#define NEURON_MGMT_QTAIL_LO		0x088
#define NEURON_MGMT_QTAIL_HI		0x08c

/* Dispatch block of NeuronCore n. */
#define NEURON_MGMT_NC_SIZE		0x80u
#define NEURON_MGMT_NC(n)		(0x100u + (n) * NEURON_MGMT_NC_SIZE)
#define NEURON_MGMT_NC_TABLE_LO		0x00	/* bus address of the segment table */
#define NEURON_MGMT_NC_TABLE_HI		0x04
#define NEURON_MGMT_NC_SEGMENTS		0x08
#define NEURON_MGMT_NC_OWNER		0x0c	/* another than the last job's wipes the core */
#define NEURON_MGMT_NC_JOB		0x10	/* SRAM address of a struct neuron_job */
#define NEURON_MGMT_NC_CTRL		0x14
#define NEURON_MGMT_NC_START		1
#define NEURON_MGMT_NC_ABORT		2	/* ends as NEURON_JOB_ABORTED */
#define NEURON_MGMT_NC_ACK		3	/* DONE -> IDLE */
#define NEURON_MGMT_NC_STATE		0x18
#define NEURON_MGMT_NC_IDLE		0
#define NEURON_MGMT_NC_RUNNING		1
#define NEURON_MGMT_NC_DONE		2
#define NEURON_MGMT_NC_STATUS		0x1c	/* enum neuron_job_status */
#define NEURON_MGMT_NC_ENGINE		0x20
#define NEURON_MGMT_NC_FLAGS		0x24	/* NEURON_JOB_FLAG_* */
#define NEURON_MGMT_NC_PC		0x28
#define NEURON_MGMT_NC_DETAIL_LO	0x2c
#define NEURON_MGMT_NC_DETAIL_HI	0x30
#define NEURON_MGMT_NC_CYCLES_LO	0x34
#define NEURON_MGMT_NC_CYCLES_HI	0x38

#endif
