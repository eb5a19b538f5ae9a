// SPDX-License-Identifier: Apache-2.0
/* vfio-user commands. Nothing in a message is believed before it was checked. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vfu_server.h"

#define CONFIG_SIZE	4096

static void note(struct vfu *vfu, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct vfu *vfu, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!vfu->note)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	vfu->note(vfu->opaque, text);
}

int vfu_init(struct vfu *vfu, unsigned int vectors)
{
	memset(vfu, 0, sizeof(*vfu));
	vfu_irq_init(&vfu->irq, vectors);
	return vfu_dma_init(&vfu->dma);
}

void vfu_fini(struct vfu *vfu)
{
	vfu_dma_fini(&vfu->dma);
	vfu_irq_fini(&vfu->irq);
}

void vfu_disconnect(struct vfu *vfu)
{
	/* After the reset nothing uses memory and interrupts any more. */
	emu_reset(vfu->chip, EMU_RESET_FUNCTION);
	vfu_irq_clear(&vfu->irq);
	vfu_dma_unmap_all(&vfu->dma);
	vfu->negotiated = false;
}

/* Copy the fixed part of a message; false if it is shorter. */
static bool take(const struct vfu_message *m, void *fixed, size_t size)
{
	if (m->size < size)
		return false;
	memcpy(fixed, m->payload, size);
	return true;
}

static void give(struct vfu_reply *r, const void *data, size_t size)
{
	memcpy(r->payload + r->size, data, size);
	r->size += size;
}

/* Our own limits; clients that offer less are known to send less. */
static int version(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_version v;
	char json[192];
	int len;

	if (!take(m, &v, sizeof(v)) || (m->size > sizeof(v) && m->payload[m->size - 1]))
		return -EINVAL;
	if (v.major != 0) {
		note(vfu, "client speaks vfio-user %u.%u, this is 0.1", v.major, v.minor);
		return -EPROTONOSUPPORT;
	}
	v.minor = v.minor ? 1 : 0;
	len = snprintf(json, sizeof(json),
		       "{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%u,"
		       "\"pgsizes\":4096,\"max_dma_maps\":%d}}",
		       VFU_MAX_FDS, VFU_MAX_DATA, VFU_MAX_MAPS);
	give(r, &v, sizeof(v));
	give(r, json, len + 1);
	vfu->negotiated = true;
	return 0;
}

static int dma_map(struct vfu *vfu, struct vfu_message *m)
{
	struct vfu_dma_map_msg map;
	int err;

	if (!take(m, &map, sizeof(map)) || m->nfds > 1)
		return -EINVAL;
	err = vfu_dma_map(&vfu->dma, map.address, map.size, map.offset, map.flags,
			  m->nfds ? m->fds[0] : -1);
	note(vfu, "map 0x%llx + 0x%llx%s: %s", (unsigned long long)map.address,
	     (unsigned long long)map.size,
	     m->nfds ? "" : " without a file", err ? strerror(-err) : "ok");
	return err;
}

static int dma_unmap(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_dma_unmap_msg unmap;
	int err = 0;

	if (!take(m, &unmap, sizeof(unmap)) || unmap.flags & ~VFU_UNMAP_ALL)
		return -EINVAL;
	if (unmap.flags & VFU_UNMAP_ALL) {
		if (unmap.address || unmap.size)
			return -EINVAL;
		vfu_dma_unmap_all(&vfu->dma);
	} else {
		err = vfu_dma_unmap(&vfu->dma, unmap.address, unmap.size);
	}
	note(vfu, "unmap 0x%llx + 0x%llx: %s", (unsigned long long)unmap.address,
	     (unsigned long long)unmap.size, err ? strerror(-err) : "ok");
	give(r, &unmap, sizeof(unmap));
	return err;
}

static int get_info(struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_info_msg info;

	if (!take(m, &info, sizeof(info)) || info.argsz < sizeof(info))
		return -EINVAL;
	info.argsz = sizeof(info);
	info.flags = VFU_INFO_RESET | VFU_INFO_PCI;
	info.regions = VFU_REGIONS;
	info.irqs = VFU_IRQS;
	give(r, &info, sizeof(info));
	return 0;
}

static uint64_t region_size(struct vfu *vfu, uint32_t index)
{
	return index == VFU_REGION_CONFIG ? CONFIG_SIZE : emu_bar_size(vfu->chip, index);
}

/* The fd goes along only with a reply that tells which parts of it may be mapped. */
static int get_region_info(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_sparse_cap cap = { .id = VFU_CAP_SPARSE_MMAP, .version = 1 };
	struct vfu_region_info_msg info;
	struct emu_bar_area areas[4];
	uint32_t room;
	int fd = -1, n;

	if (!take(m, &info, sizeof(info)) || info.argsz < sizeof(info) || info.index >= VFU_REGIONS)
		return -EINVAL;
	room = info.argsz;
	info.size = region_size(vfu, info.index);
	info.argsz = sizeof(info);
	info.flags = info.size ? VFU_REGION_F_READ | VFU_REGION_F_WRITE : 0;
	info.cap_offset = 0;
	info.offset = 0;
	n = emu_bar_memory(vfu->chip, info.index, &fd, areas, sizeof(areas) / sizeof(areas[0]));
	if (n <= 0) {
		give(r, &info, sizeof(info));
		return 0;
	}
	info.flags |= VFU_REGION_F_MMAP;
	if (n > 1 || areas[0].size != info.size) {
		info.flags |= VFU_REGION_F_CAPS;
		info.argsz += sizeof(cap) + n * sizeof(areas[0]);
		cap.areas = n;
	}
	/* Clients check the offset even in a reply that is too short for what it points at. */
	info.cap_offset = cap.areas ? sizeof(info) : 0;
	give(r, &info, sizeof(info));
	if (room < info.argsz)
		return 0;
	r->fd = fd;
	if (cap.areas) {
		give(r, &cap, sizeof(cap));
		give(r, areas, n * sizeof(areas[0]));
	}
	return 0;
}

static int get_irq_info(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_irq_info_msg info;

	if (!take(m, &info, sizeof(info)) || info.argsz < sizeof(info) || info.index >= VFU_IRQS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.count = vfu->irq.count[info.index];
	info.flags = VFU_IRQ_INFO_EVENTFD;
	give(r, &info, sizeof(info));
	return 0;
}

static int set_irqs(struct vfu *vfu, struct vfu_message *m)
{
	struct vfu_irq_set_msg set;

	if (!take(m, &set, sizeof(set)))
		return -EINVAL;
	return vfu_irq_set(&vfu->irq, &set, m->payload + sizeof(set), m->size - sizeof(set),
			   m->fds, m->nfds);
}

/* Is the access inside the region? */
static bool access_ok(struct vfu *vfu, const struct vfu_region_rw_msg *rw)
{
	uint64_t size = region_size(vfu, rw->region);

	return rw->count <= VFU_MAX_DATA && rw->offset <= size && rw->count <= size - rw->offset &&
	size;
}

static int region_read(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_region_rw_msg rw;
	void *data;
	int err;

	if (!take(m, &rw, sizeof(rw)) || !access_ok(vfu, &rw))
		return -EINVAL;
	give(r, &rw, sizeof(rw));
	data = r->payload + r->size;
	err = rw.region == VFU_REGION_CONFIG ? emu_config_read(vfu->chip, rw.offset, data,
							       rw.count) :
					       emu_bar_read(vfu->chip, rw.region, rw.offset, data,
							    rw.count);
	r->size += rw.count;
	return err;
}

static int region_write(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	struct vfu_region_rw_msg rw;
	const void *data;

	if (!take(m, &rw, sizeof(rw)) || !access_ok(vfu, &rw) || rw.count > m->size - sizeof(rw))
		return -EINVAL;
	give(r, &rw, sizeof(rw));
	data = m->payload + sizeof(rw);
	if (rw.region == VFU_REGION_CONFIG)
		return emu_config_write(vfu->chip, rw.offset, data, rw.count);
	return emu_bar_write(vfu->chip, rw.region, rw.offset, data, rw.count);
}

int vfu_handle(struct vfu *vfu, struct vfu_message *m, struct vfu_reply *r)
{
	r->size = 0;
	r->fd = -1;
	if ((m->header.flags & VFU_TYPE_MASK) != VFU_TYPE_COMMAND)
		return -EINVAL;
	if (!vfu->negotiated && m->header.command != VFU_VERSION) {
		note(vfu, "command %u before VERSION", m->header.command);
		return -EPROTO;
	}
	switch (m->header.command) {
	case VFU_VERSION:
		return vfu->negotiated ? -EINVAL : version(vfu, m, r);
	case VFU_DMA_MAP:
		return dma_map(vfu, m);
	case VFU_DMA_UNMAP:
		return dma_unmap(vfu, m, r);
	case VFU_GET_INFO:
		return get_info(m, r);
	case VFU_GET_REGION_INFO:
		return get_region_info(vfu, m, r);
	case VFU_GET_IRQ_INFO:
		return get_irq_info(vfu, m, r);
	case VFU_SET_IRQS:
		return set_irqs(vfu, m);
	case VFU_REGION_READ:
		return region_read(vfu, m, r);
	case VFU_REGION_WRITE:
		return region_write(vfu, m, r);
	case VFU_DEVICE_RESET:
		emu_reset(vfu->chip, EMU_RESET_FUNCTION);
		return 0;
	}
	note(vfu, "command %u is not supported", m->header.command);
	return -ENOTSUP;
}
