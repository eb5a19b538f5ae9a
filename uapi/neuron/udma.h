/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * UDMA: 12 engines (3 a NeuronCore) of 16 queues. An engine copies what its M2S
 * (memory to stream) queue reads to where the S2M queue of the same number writes.
 * Offsets are from the engine's base, NEURON_APB_UDMA(). Public contract.
 */
#ifndef _NEURON_UDMA_H
#define _NEURON_UDMA_H

#include "types.h"

#define NEURON_UDMA_SIZE		0x40000
#define NEURON_UDMA_M2S			0x00000
#define NEURON_UDMA_S2M			0x20000
#define NEURON_UDMA_GEN			0x38000
#define NEURON_UDMA_GEN_EX		0x3c000
#define NEURON_UDMA_QUEUES		16
/* Register block of queue q inside either half. */
#define NEURON_UDMA_QUEUE(q)		(0x1000u * ((q) + 1))
#define NEURON_UDMA_QUEUE_SIZE		0x1000

/* Queue registers, in either half, from NEURON_UDMA_QUEUE(). */
#define NEURON_UDMA_Q_CFG		0x20
#define NEURON_UDMA_Q_CFG_PREFETCH	0x00010000u
#define NEURON_UDMA_Q_CFG_SCHEDULE	0x00020000u
#define NEURON_UDMA_Q_CFG_RESET_VALUE	0x03000000u
/* The bits are ours. Any of them: the pair has stopped until this half's queue is reset. */
#define NEURON_UDMA_Q_STATUS		0x24
#define NEURON_UDMA_Q_STATUS_RING_ID	0x00000001u
#define NEURON_UDMA_Q_STATUS_PACKET	0x00000002u	/* FIRST, LAST, too many descriptors */
#define NEURON_UDMA_Q_STATUS_LENGTH	0x00000004u	/* M2S and S2M differ */
#define NEURON_UDMA_Q_STATUS_DMA	0x00000008u	/* source or destination not reachable */
#define NEURON_UDMA_Q_STATUS_RING	0x00000010u	/* ring not reachable, or changed */
#define NEURON_UDMA_Q_STATUS_ECC	0x00000020u	/* source has an uncorrectable error */
#define NEURON_UDMA_Q_BASE_LO		0x28	/* NEURON_UDMA_RING_ALIGN */
#define NEURON_UDMA_RING_ALIGN		256
#define NEURON_UDMA_Q_BASE_HI		0x2c
#define NEURON_UDMA_Q_LENGTH		0x30	/* descriptors */
#define NEURON_UDMA_Q_LENGTH_MASK	0x00ffffffu
/* HEAD, TAIL, CURRENT: index of a descriptor, its ring id; 0 from a reset to the first doorbell. */
#define NEURON_UDMA_Q_HEAD		0x34
#define NEURON_UDMA_Q_POINTER_MASK	0x00ffffffu
#define NEURON_UDMA_Q_POINTER_ID_SHIFT	30
#define NEURON_UDMA_Q_TAIL_INC		0x38	/* the doorbell: S2M first, then M2S */
#define NEURON_UDMA_Q_TAIL		0x3c
#define NEURON_UDMA_Q_CURRENT		0x40
#define NEURON_UDMA_Q_CPL_BASE_LO	0x44	/* completion rings: never used by v1 hosts */
#define NEURON_UDMA_Q_CPL_BASE_HI	0x48
#define NEURON_UDMA_Q_CPL_HEAD		0x4c
#define NEURON_UDMA_M2S_Q_CPL_CFG	0xa0	/* written 0 */
#define NEURON_UDMA_M2S_Q_SW_CTRL	0xb0
#define NEURON_UDMA_S2M_Q_CPL_CFG	0x54	/* written 0 */
#define NEURON_UDMA_S2M_Q_SW_CTRL	0x64
#define NEURON_UDMA_Q_SW_CTRL_RESET	0x100

/* Engine registers of either half, from NEURON_UDMA_M2S or NEURON_UDMA_S2M. */
/* CHANGE_STATE takes one bit; STATE has a field for each of four units, all alike here. */
#define NEURON_UDMA_STATE		0x200
#define NEURON_UDMA_STATE_IS_IDLE	0x0000	/* after a reset, and disabled */
#define NEURON_UDMA_STATE_IS_NORMAL	0x1111
#define NEURON_UDMA_STATE_IS_ABORT	0x2222
#define NEURON_UDMA_CHANGE_STATE	0x204
#define NEURON_UDMA_STATE_NORMAL	0x1
#define NEURON_UDMA_STATE_DISABLE	0x2
#define NEURON_UDMA_STATE_ABORT		0x4
/* Bytes that a packet may have, 0 = any; bit 24: length 0 means 64 KiB. */
#define NEURON_UDMA_M2S_CFG_LEN		0x254
#define NEURON_UDMA_M2S_CFG_LEN_MASK	0x000fffffu
#define NEURON_UDMA_M2S_CFG_LEN_64K	0x01000000u
/* Descriptors that a packet may have, 0 = NEURON_UDMA_MAX_PACKET_DESCS; bits 31:8: other uses. */
#define NEURON_UDMA_M2S_MAX_DESC_0	0x304
#define NEURON_UDMA_M2S_MAX_DESC_MASK	0x000000ffu
#define NEURON_UDMA_M2S_MAX_DESC_1	0x308
#define NEURON_UDMA_S2M_CPL_DESC_SIZE	0x380
#define NEURON_UDMA_MAX_PACKET_DESCS	128

/* The ring that copies of core n use: engine 3n + 2, queue 15, in host memory. */
#define NEURON_UDMA_H2T_ENGINE		2	/* of the core's three */
#define NEURON_UDMA_H2T_QUEUE		15
#define NEURON_UDMA_H2T_RING		8192	/* descriptors */
#define NEURON_UDMA_H2T_BATCH		2032	/* data descriptors at once, + 1 completion */

/**
 * struct neuron_udma_desc - one descriptor of either direction, 16 bytes
 * @ctrl: NEURON_UDMA_DESC_*; length in bits 15:0, 0 meaning 64 KiB
 * @meta: M2S: NEURON_UDMA_M2S_META_COPY for plain copies; S2M: 0
 * @addr: device address of the source (M2S) or the destination (S2M)
 *
 * A packet is FIRST .. LAST. The ring id starts at 1 and advances, modulo 4, each
 * time the ring wraps; a descriptor with another id is an error.
 */
struct neuron_udma_desc {
	__u32 ctrl;
	__u32 meta;
	__u64 addr;
};

#define NEURON_UDMA_DESC_LEN_MASK	0x0000ffffu
#define NEURON_UDMA_DESC_MAX_LEN	0x10000
#define NEURON_UDMA_DESC_RING_ID_SHIFT	24
#define NEURON_UDMA_DESC_RING_ID_MASK	0x03000000u
#define NEURON_UDMA_DESC_FIRST		0x04000000u
#define NEURON_UDMA_DESC_LAST		0x08000000u
#define NEURON_UDMA_DESC_INT_EN		0x10000000u
#define NEURON_UDMA_DESC_DMB		0x40000000u	/* M2S: data memory barrier */
#define NEURON_UDMA_M2S_META_COPY	0x01080003u
/* Bits that may differ in a copy: first and last block, and a barrier that always holds here. */
#define NEURON_UDMA_M2S_META_FREE	0x04000003u
#define NEURON_UDMA_FIRST_RING_ID	1

/* What hosts copy to a host word to learn that the copies before it are done. */
#define NEURON_UDMA_COMPLETION_MARKER	0xabcdef01u

#endif
