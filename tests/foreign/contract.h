/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host that never met this project knows of Inferentia 1: the public
 * register contract, written down a second time on purpose. The tests in this
 * directory must not share a single constant with the emulator; a number that
 * is wrong in uapi/neuron is found here and nowhere else.
 */
#ifndef FOREIGN_CONTRACT_H
#define FOREIGN_CONTRACT_H

#include <stdint.h>

/* PCI function */
#define INF_VENDOR		0x1d0f
#define INF_DEVICE		0x7064
#define INF_REV_QEMU		0xff
#define INF_REV_EMULATOR	0xf0
#define INF_BAR0_SIZE		(8ull << 20)
#define INF_BAR2_SIZE		(256ull << 20)
#define INF_BAR4_SIZE		(8ull << 30)

/* Device address map, 48 bits */
#define ADDR_HOST		(1ull << 46)
#define ADDR_EAST		(2ull << 46)
#define ADDR_WEST		(3ull << 46)
#define ADDR_AXI1		(1ull << 44)
#define ADDR_DRAM0		0x0000000000ull
#define ADDR_DRAM1		0x1000000000ull
#define ADDR_CORES		0xfffc0000000ull
#define ADDR_APB		0xffff0000000ull
#define DRAM_CHANNEL		(4ull << 30)

#define NCORES			4
#define NENGINES		12
#define NQUEUES			16

/* NeuronCore window, BAR2 */
#define CORE_WINDOW		(64ull << 20)
#define CORE_PE_FIFO		0x265c000
#define CORE_EVENT		0x2700000
#define CORE_SEM_READ		0x2701000
#define CORE_SEM_SET		0x2701100
#define CORE_SEM_INC		0x2701200
#define CORE_SEM_DEC		0x2701300
#define NEVENTS			256
#define NSEMS			32

/* Misc RAM, BAR0 */
#define MISC			0x78e000
#define MISC_API_VERSION	(MISC + 0x00)
#define MISC_FW_STATUS		(MISC + 0x1c)
#define MISC_DEVICE_ID		(MISC + 0x24)
#define MISC_POWER		(MISC + 0x54)
#define MISC_METRICS		(MISC + 0x100)
#define MISC_METRICS_SIZE	0x80
#define MISC_RESET_MAP		(MISC + 0x1d8)
#define MISC_RESET		(MISC + 0x1ec)
#define MISC_REQ_HI		(MISC + 0x1f0)
#define MISC_REQ_LO		(MISC + 0x1f4)
#define MISC_RESP_HI		(MISC + 0x1f8)
#define MISC_RESP_LO		(MISC + 0x1fc)
#define MISC_DOORBELL		(MISC + 0x800)
#define FW_READY		(1u << 31)
#define RESET_DEVICE		1
#define RESET_CORES		2

/* FWIO mailbox */
#define FWIO_READ		1
#define FWIO_POST		2
#define FWIO_OK			0
#define FWIO_FAIL		1
#define FWIO_UNKNOWN		2
#define FWIO_BUF		65535

struct fwio_req {
	uint8_t seq;
	uint8_t cmd;
	uint16_t size;
	uint32_t crc;
	uint64_t data[];
};

struct fwio_resp {
	uint8_t seq;
	uint8_t error;
	uint16_t size;
	uint32_t data[];
};

/* Blocks inside BAR0 */
#define TDMA(core, e)		((core) * 0x100000u + (e) * 0x1000u)
#define UDMA(core, e)		((core) * 0x100000u + 0x40000u + (e) * 0x40000u)
#define PUTILS(core)		(0x404000u + (core) * 0x10000u)

/* One UDMA engine; queue registers are those of queue 0 */
#define M2S			0x00000
#define S2M			0x20000
#define UQ(q)			((q) * 0x1000u)
#define UQ_CFG			0x1020
#define UQ_STATUS		0x1024
#define UQ_BASE_LO		0x1028
#define UQ_BASE_HI		0x102c
#define UQ_LENGTH		0x1030
#define UQ_HEAD			0x1034
#define UQ_TAIL_INC		0x1038
#define UQ_TAIL			0x103c
#define UQ_M2S_COMP_CFG		0x10a0
#define UQ_S2M_COMP_CFG		0x1054
#define UQ_M2S_SW_CTRL		0x10b0
#define UQ_S2M_SW_CTRL		0x1064
#define UQ_SW_RESET		(1u << 8)
#define UQ_CFG_RESET_VALUE	(3u << 24)
#define UQ_CFG_ENABLE		(3u << 16)
#define UDMA_CHANGE_STATE	0x204
#define UDMA_CFG_LEN		0x254
#define UDMA_MAX_DESC_A		0x304
#define UDMA_MAX_DESC_B		0x308
#define UDMA_COMP_DESC_SIZE	0x20380
#define UDMA_INT_MASKS		0x380e8
#define UDMA_AXI_TIMEOUTS	0x3a000
#define UDMA_VMPR		0x3a300
#define UDMA_VMPR_MISC		0x3b460
#define UDMA_SPARE		0x3c400

/* Descriptors */
struct udma_desc {
	uint32_t ctrl;
	uint32_t xfer;
	uint64_t addr;
};

#define DESC_LEN_MASK		0xffffu
#define DESC_RING_ID(id)	(((id) & 3u) << 24)
#define DESC_FIRST		(1u << 26)
#define DESC_LAST		(1u << 27)
#define DESC_DMB		(1u << 30)
#define DESC_PLAIN_COPY		0x01080003u
#define DESC_MAX_BYTES		65536u
#define PACKET_MAX_DESCS	128

/* Host-to-device rings */
#define H2D_ENGINE		2
#define H2D_QUEUE		15
#define H2D_DESCS		8192
#define H2D_BATCH		2032
#define H2D_MARK		0xabcdef01u

/* Notification queues, offsets from the core's putils base */
#define NQ_ERROR		0x1074
#define NQ_ERROR_HEAD		0x108c
#define NQ_EVENT		0x1094
#define NQ_EVENT_HEAD		0x10ac
#define NQ_NOTIFY		0x0bfc
#define NQ_NOTIFY_HEAD		0x0c14
#define NQ_TRACE		0x0c7c
#define NQ_TRACE_HEAD		0x0c94
#define NQ_STRIDE		0x104
#define NQ_INSTANCES		4

#endif
