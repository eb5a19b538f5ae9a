/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * The extension block: ours, not the silicon's. The public contract has no interrupts
 * and no way to start a NeuronCore; this block adds both. A PCIe vendor-specific
 * extended capability announces it, so that software can tell an emulated chip from
 * silicon and from other emulations; without that capability there is no compute.
 *
 * Register offsets are from the block's base in its BAR. 32-bit accesses only.
 */
#ifndef _NEURON_EXT_H
#define _NEURON_EXT_H

/* PCIe extended capability 0x000b. Dwords after the PCIe and VSEC headers: BAR, offset, length. */
#define NEURON_VSEC_ID			0x4e58
#define NEURON_VSEC_REV			1
#define NEURON_VSEC_BAR			0x08
#define NEURON_VSEC_OFFSET		0x0c
#define NEURON_VSEC_LENGTH		0x10
#define NEURON_VSEC_SIZE		0x14

#define NEURON_EXT_BAR			NEURON_BAR_APB
#define NEURON_EXT_BASE			0x600000
#define NEURON_EXT_SIZE			0x20000

#define NEURON_EXT_MAGIC		0x0000
#define NEURON_EXT_MAGIC_VALUE		0x5458454eu	/* "NEXT" */
#define NEURON_EXT_VERSION		0x0004	/* major << 16 | minor */
#define NEURON_EXT_VERSION_VALUE	0x00010001u
#define NEURON_EXT_FEATURES		0x0008
#define NEURON_EXT_FEATURE_COMPUTE	0x00000001u
#define NEURON_EXT_FEATURE_CANCEL	0x00000002u	/* with FW_API >= 1.1: CANCEL, RUNNING */
#define NEURON_EXT_FEATURE_TELEMETRY	0x00000004u	/* temperature, ECC, links */
#define NEURON_EXT_FEATURE_LOG		0x00000008u	/* crash record and console log windows */
#define NEURON_EXT_FEATURE_TRACE	0x00000010u	/* with FW_API >= 1.2: NEURON_JOB_TRACE */
#define NEURON_EXT_GEOMETRY		0x000c	/* cores | queues a core << 8 | vectors << 16 */

/* Management core: written by firmware, but for STATE and BOOT_ERROR, the loader's. */
#define NEURON_EXT_FW_VERSION		0x0010	/* major << 16 | minor << 8 | patch */
#define NEURON_EXT_FW_API		0x0014	/* major << 16 | minor */
#define NEURON_EXT_FW_STATE		0x0018
#define NEURON_FW_STATE_RESET		0
#define NEURON_FW_STATE_BOOTING		1
#define NEURON_FW_STATE_RUNNING		2
#define NEURON_FW_STATE_CRASHED		3
#define NEURON_FW_STATE_HALTED		4
#define NEURON_EXT_FW_HEARTBEAT		0x001c	/* +1 every NEURON_FW_HEARTBEAT_MS */
#define NEURON_FW_HEARTBEAT_MS		100
/* Boot window: an image in host memory (bus address), and what to do with it. */
#define NEURON_EXT_FW_IMAGE_LO		0x0020
#define NEURON_EXT_FW_IMAGE_HI		0x0024
#define NEURON_EXT_FW_IMAGE_SIZE	0x0028
#define NEURON_EXT_FW_CTRL		0x002c
#define NEURON_FW_CTRL_BOOT_IMAGE	1
#define NEURON_FW_CTRL_BOOT_FLASH	2
#define NEURON_FW_CTRL_HALT		3
/* NEURON_FW_BOOT_* of fw.h; OK again as soon as FW_CTRL is told to boot. */
#define NEURON_EXT_FW_BOOT_ERROR	0x0030

/* Context directory in host memory: array of struct neuron_context_entry. */
#define NEURON_EXT_CTXDIR_LO		0x0040
#define NEURON_EXT_CTXDIR_HI		0x0044
#define NEURON_EXT_CTXDIR_COUNT		0x0048

#define NEURON_EXT_IRQ_STATUS		0x0050	/* a bit per vector raised; write 1 to clear */
#define NEURON_EXT_KICK			0x0054	/* any write: look at the doorbells now */
#define NEURON_EXT_EVENTS		0x0058	/* NEURON_EVENT_*; write 1 to clear */
#define NEURON_EVENT_FW_STATE		0x00000001u	/* FW_STATE changed */
#define NEURON_EVENT_QUEUE		0x00000002u	/* a queue's STATE changed */
#define NEURON_EVENT_RESET		0x00000004u	/* a reset was carried out */
#define NEURON_EVENT_THERMAL		0x00000008u	/* TEMPERATURE crossed TEMP_CRIT */
#define NEURON_EVENT_ECC		0x00000010u	/* an ECC counter advanced */
#define NEURON_EVENT_LINK		0x00000020u	/* LINKS changed */

/*
 * Telemetry. At or above TEMP_CRIT firmware starts no job until the chip is
 * NEURON_TEMP_HYSTERESIS below; what runs goes on, and waiting costs no job its time-out.
 */
#define NEURON_EXT_TEMPERATURE		0x0060	/* signed, 1/1000 degree Celsius */
#define NEURON_EXT_TEMP_CRIT		0x0064	/* the same unit, read-only */
#define NEURON_TEMP_HYSTERESIS		5000
#define NEURON_EXT_LINKS		0x0068	/* NEURON_FW_STATUS_EAST | _WEST */
#define NEURON_EXT_ECC_CORRECTED(ch)	(0x0070u + (ch) * 8)	/* since power-on, per channel */
#define NEURON_EXT_ECC_UNCORRECTED(ch)	(0x0074u + (ch) * 8)
#define NEURON_EXT_ECC_ADDR_LO		0x0080	/* device address of the newest uncorrected error */
#define NEURON_EXT_ECC_ADDR_HI		0x0084

/*
 * What firmware left: both survive every reset but power-on. CRASH is a struct
 * neuron_fw_crash of fw.h. LOG is a ring of the console's characters; LOG_HEAD counts the
 * characters ever written.
 */
#define NEURON_EXT_LOG_HEAD		0x0090
#define NEURON_EXT_CRASH		0x0400
#define NEURON_EXT_CRASH_SIZE		0x0100u
#define NEURON_EXT_LOG			0x0800
#define NEURON_EXT_LOG_SIZE		0x0800u

/* NeuronCore queues: NEURON_QUEUES register files. Queue q belongs to core q / 16. */
#define NEURON_QUEUES_PER_CORE		16
#define NEURON_QUEUES			64
#define NEURON_EXT_QUEUE_SIZE		0x40u
#define NEURON_EXT_QUEUE(q)		(0x2000u + (q) * NEURON_EXT_QUEUE_SIZE)
#define NEURON_Q_RING_LO		0x00	/* bus address, 64-byte aligned */
#define NEURON_Q_RING_HI		0x04
#define NEURON_Q_RING_SIZE		0x08	/* jobs; a power of two, 2 .. 1024 */
#define NEURON_Q_RING_SIZE_MAX		1024
#define NEURON_Q_CPL_LO			0x0c	/* bus address of struct neuron_completion_page */
#define NEURON_Q_CPL_HI			0x10
#define NEURON_Q_CONFIG			0x14
#define NEURON_Q_CONFIG_VECTOR_MASK	0x0000000fu
#define NEURON_Q_CONFIG_IRQ		0x00000010u
#define NEURON_Q_CONFIG_PRIO_SHIFT	8	/* 0 lowest .. 3 */
#define NEURON_Q_CONFIG_PRIO_MASK	0x00000300u
#define NEURON_Q_CTRL			0x18
#define NEURON_Q_CTRL_ENABLE		1	/* also zeroes HEAD and the doorbell */
#define NEURON_Q_CTRL_DISABLE		2	/* jobs left are completed as ABORTED */
/*
 * Look again at the descriptors of jobs that were taken from the ring: those whose op is now
 * NEURON_JOB_CANCELLED end as ABORTED, also the one that runs. STATE does not change. Ignored
 * while STATE is PENDING: neither ENABLE nor DISABLE leaves a job.
 */
#define NEURON_Q_CTRL_CANCEL		3
#define NEURON_Q_STATE			0x1c
#define NEURON_Q_STATE_DISABLED		0
#define NEURON_Q_STATE_ENABLED		1
#define NEURON_Q_STATE_PENDING		2	/* CTRL written, firmware has not acted yet */
#define NEURON_Q_STATE_ERROR		3	/* bad configuration: see ERROR */
#define NEURON_Q_HEAD			0x20	/* jobs taken from the ring, free running */
#define NEURON_Q_ERROR			0x24	/* NEURON_Q_ERROR_* */
#define NEURON_Q_ERROR_NONE		0
#define NEURON_Q_ERROR_RING		1	/* ring unaligned or its size not supported */
#define NEURON_Q_ERROR_CONFIG		2	/* vector or CTRL value out of range */
#define NEURON_Q_ERROR_DMA		3	/* ring or completion page not reachable */
#define NEURON_Q_ERROR_TAIL		4	/* doorbell more than the ring ahead of HEAD */
#define NEURON_Q_RUNNING		0x28	/* low word of the running job's seq; 0 = none */

/* MSI-X: 0 firmware events, 1 UDMA descriptors with INT_EN, 2.. NeuronCore queues. */
#define NEURON_VECTORS			16
#define NEURON_VECTOR_FW		0
#define NEURON_VECTOR_DMA		1
#define NEURON_VECTOR_QUEUE0		2
#define NEURON_EXT_MSIX_TABLE		0x10000
#define NEURON_EXT_MSIX_PBA		0x11000

/*
 * Two mmap-able pages. DOORBELL: u32 tail[NEURON_QUEUES], free running; the host
 * stores the number of jobs that it ever put into the ring since ENABLE. STATUS: written
 * by the chip. When POLLING is 0 after a doorbell store (full barrier between them),
 * the host writes KICK, because the chip sleeps.
 */
#define NEURON_EXT_DOORBELL		0x18000
#define NEURON_EXT_STATUS		0x19000
#define NEURON_STATUS_POLLING		0x00
#define NEURON_STATUS_HEARTBEAT		0x04
#define NEURON_STATUS_FW_STATE		0x08

#endif
