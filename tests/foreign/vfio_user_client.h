/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfio-user, the client's side, over a Unix socket. Calls return 0, the
 * server's errno negated, or, when the link itself failed, -ETIMEDOUT,
 * -ECONNRESET or -EPROTO with ->dead set. Every wait ends after VU_TIMEOUT_MS.
 */
#ifndef FOREIGN_VFIO_USER_CLIENT_H
#define FOREIGN_VFIO_USER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_TIMEOUT_MS		10000
#define VU_MAX_FDS		16

enum vu_cmd {
	VU_VERSION = 1,
	VU_DMA_MAP = 2,
	VU_DMA_UNMAP = 3,
	VU_GET_INFO = 4,
	VU_GET_REGION_INFO = 5,
	VU_GET_REGION_IO_FDS = 6,
	VU_GET_IRQ_INFO = 7,
	VU_SET_IRQS = 8,
	VU_REGION_READ = 9,
	VU_REGION_WRITE = 10,
	VU_DMA_READ = 11,
	VU_DMA_WRITE = 12,
	VU_DEVICE_RESET = 13,
};

#define VU_FLAG_TYPE		0xfu
#define VU_FLAG_REPLY		1u
#define VU_FLAG_NO_REPLY	0x10u
#define VU_FLAG_ERROR		0x20u

struct vu_header {
	uint16_t id;
	uint16_t cmd;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};

#define VU_DMA_READABLE		1u
#define VU_DMA_WRITABLE		2u

struct vu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
};

struct vu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};

#define VU_INFO_RESET		1u
#define VU_INFO_PCI		2u

struct vu_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
};

#define VU_REGION_F_READ	1u
#define VU_REGION_F_WRITE	2u
#define VU_REGION_F_MMAP	4u
#define VU_REGION_F_CAPS	8u
#define VU_CAP_SPARSE_MMAP	1
#define VU_CONFIG_REGION	7

struct vu_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

struct vu_cap_header {
	uint16_t id;
	uint16_t version;
	uint32_t next;
};

struct vu_sparse_cap {
	struct vu_cap_header head;
	uint32_t nr_areas;
	uint32_t reserved;
	struct {
		uint64_t offset;
		uint64_t size;
	} areas[];
};

struct vu_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

#define VU_IRQ_DATA_NONE	0x01u
#define VU_IRQ_DATA_BOOL	0x02u
#define VU_IRQ_DATA_EVENTFD	0x04u
#define VU_IRQ_MASK		0x08u
#define VU_IRQ_UNMASK		0x10u
#define VU_IRQ_TRIGGER		0x20u

struct vu_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};

struct vu_region_rw {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

struct vu_dma_rw {
	uint64_t addr;
	uint64_t count;
};

/* Where a DMA request that the server sends over the socket lands, or NULL. */
typedef uint8_t *vu_translate_fn(void *ctx, uint64_t bus, uint64_t len, bool write);

struct vu {
	int fd;			/* -1 when not connected */
	uint16_t id;
	bool dead;		/* the link failed; only vu_close() is left */
	bool lenient;		/* skip replies to messages nobody waits for */
	vu_translate_fn *translate;
	void *translate_ctx;
	unsigned long socket_dma;	/* DMA requests served over the socket */
};

/* What came back with a reply, where the caller wants to know. */
struct vu_reply {
	void *buf;
	size_t cap;
	size_t got;		/* payload bytes that the server sent (may exceed cap) */
	int fds[VU_MAX_FDS];
	int nfds;
};

uint64_t vu_now_ms(void);
int vu_connect(struct vu *vu, const char *path, int timeout_ms);
void vu_close(struct vu *vu);
int vu_call(struct vu *vu, uint16_t cmd, const void *req, size_t n, struct vu_reply *reply);
int vu_call_fds(struct vu *vu, uint16_t cmd, const void *req, size_t n, const int *fds,
		int nfds, struct vu_reply *reply);
/* Sends any header with any payload and waits for nothing. */
int vu_send_raw(struct vu *vu, const struct vu_header *h, const void *payload, size_t n,
		const int *fds, int nfds);
/* Serves what the server asks for; returns at once when it asks for nothing. */
int vu_pump(struct vu *vu);

int vu_version(struct vu *vu, struct vu_reply *reply);
int vu_map(struct vu *vu, uint64_t bus, uint64_t size, int fd, uint64_t off, uint32_t flags);
int vu_unmap(struct vu *vu, uint64_t bus, uint64_t size);
int vu_read(struct vu *vu, uint32_t region, uint64_t off, void *buf, uint32_t n);
int vu_write(struct vu *vu, uint32_t region, uint64_t off, const void *buf, uint32_t n);
int vu_reset(struct vu *vu);

#endif
