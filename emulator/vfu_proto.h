/* SPDX-License-Identifier: Apache-2.0 */
/* vfio-user on the wire, from its public specification. Native byte order. */
#ifndef EMU_VFU_PROTO_H
#define EMU_VFU_PROTO_H

#include <stdint.h>

enum vfu_command {
	VFU_VERSION = 1,
	VFU_DMA_MAP = 2,
	VFU_DMA_UNMAP = 3,
	VFU_GET_INFO = 4,
	VFU_GET_REGION_INFO = 5,
	VFU_GET_REGION_IO_FDS = 6,
	VFU_GET_IRQ_INFO = 7,
	VFU_SET_IRQS = 8,
	VFU_REGION_READ = 9,
	VFU_REGION_WRITE = 10,
	VFU_DMA_READ = 11,
	VFU_DMA_WRITE = 12,
	VFU_DEVICE_RESET = 13,
};

#define VFU_TYPE_MASK		0x0fu
#define VFU_TYPE_COMMAND	0x00u
#define VFU_TYPE_REPLY		0x01u
#define VFU_NO_REPLY		0x10u
#define VFU_ERROR		0x20u

struct vfu_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;		/* header included */
	uint32_t flags;
	uint32_t error;
};

struct vfu_version {
	uint16_t major;
	uint16_t minor;
	/* JSON, NUL-terminated */
};

#define VFU_DMA_READABLE	0x1u
#define VFU_DMA_WRITABLE	0x2u

struct vfu_dma_map_msg {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t size;
};

#define VFU_UNMAP_DIRTY		0x1u
#define VFU_UNMAP_ALL		0x2u

struct vfu_dma_unmap_msg {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};

#define VFU_INFO_RESET		0x1u
#define VFU_INFO_PCI		0x2u

struct vfu_info_msg {
	uint32_t argsz;
	uint32_t flags;
	uint32_t regions;
	uint32_t irqs;
};

#define VFU_REGIONS		9
#define VFU_REGION_CONFIG	7
#define VFU_REGION_F_READ	0x1u
#define VFU_REGION_F_WRITE	0x2u
#define VFU_REGION_F_MMAP	0x4u
#define VFU_REGION_F_CAPS	0x8u

struct vfu_region_info_msg {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

#define VFU_CAP_SPARSE_MMAP	1

struct vfu_sparse_cap {
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t areas;
	uint32_t reserved;
	/* uint64_t offset, size; per area */
};

enum vfu_irq_index {
	VFU_IRQ_INTX,
	VFU_IRQ_MSI,
	VFU_IRQ_MSIX,
	VFU_IRQ_ERR,
	VFU_IRQ_REQ,
	VFU_IRQS,
};

#define VFU_IRQ_INFO_EVENTFD	0x1u

struct vfu_irq_info_msg {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

#define VFU_IRQ_DATA_NONE	0x01u
#define VFU_IRQ_DATA_BOOL	0x02u
#define VFU_IRQ_DATA_EVENTFD	0x04u
#define VFU_IRQ_ACTION_MASK	0x08u
#define VFU_IRQ_ACTION_UNMASK	0x10u
#define VFU_IRQ_ACTION_TRIGGER	0x20u

struct vfu_irq_set_msg {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
	/* uint8_t data[count] for DATA_BOOL */
};

struct vfu_region_rw_msg {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	/* data */
};

#define VFU_MAX_FDS		16
#define VFU_MAX_DATA		(1u << 20)	/* bytes in one region access */
#define VFU_MAX_MESSAGE		(VFU_MAX_DATA + 4096)
#define VFU_MAX_MAPS		65535

#endif
