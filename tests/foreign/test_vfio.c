// SPDX-License-Identifier: Apache-2.0
/* What a VMM asks of the server before the guest runs: vfio-user and PCI identity. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests.h"

#define RW (VU_DMA_READABLE | VU_DMA_WRITABLE)
#define MSIX_IRQ 2

static int version(struct host *h)
{
	struct {
		uint16_t major;
		uint16_t minor;
		char caps[1020];
	} v = { 0 };
	struct vu_reply reply = { .buf = &v, .cap = sizeof(v) };
	struct vu link = { .fd = -1 };
	const char *fds;
	int e;

	/* Version is the first message of a connection, so this takes a fresh one. */
	host_disconnect(h);
	e = vu_connect(&link, h->emu.socket, VU_TIMEOUT_MS);
	CHECK(!e, "%s", strerror(-e));
	e = vu_version(&link, &reply);
	vu_close(&link);
	CHECK(!e, "VERSION: %s", strerror(-e));
	CHECK(v.major == 0, "major %u", v.major);
	CHECK(reply.got > 4 && reply.got <= 1024, "%zu bytes", reply.got);
	CHECK(reply.got - 4 <= 194, "JSON of %zu bytes; QEMU takes 194", reply.got - 4);
	CHECK(!((char *)&v)[reply.got - 1], "JSON without a terminating NUL");
	CHECK(strstr(v.caps, "\"capabilities\""), "%s", v.caps);
	fds = strstr(v.caps, "\"max_msg_fds\"");
	if (fds) {
		int n = atoi(fds + strcspn(fds, ":") + 1);

		CHECK(n >= 1 && n <= 16, "max_msg_fds %d", n);
	}
	e = host_connect(h);
	CHECK(!e, "reconnect: %s", strerror(-e));
	return 0;
}

static int bad_version(struct host *h)
{
	static const uint16_t wrong[2] = { 77, 0 };
	static const char text[] = "\0\0\0\0{\"capabilities\":{";
	struct vu link = { .fd = -1 };
	int e;

	host_disconnect(h);
	e = vu_connect(&link, h->emu.socket, VU_TIMEOUT_MS);
	CHECK(!e, "%s", strerror(-e));
	e = vu_call(&link, VU_VERSION, wrong, sizeof(wrong), NULL);
	vu_close(&link);
	CHECK(e, "major version 77 was accepted");
	e = vu_connect(&link, h->emu.socket, VU_TIMEOUT_MS);
	CHECK(!e, "%s", strerror(-e));
	/* Cut-off JSON: refused or ignored, but answered or hung up on. */
	e = vu_call(&link, VU_VERSION, text, sizeof(text), NULL);
	vu_close(&link);
	CHECK(e != -ETIMEDOUT, "no answer to broken JSON");
	e = host_connect(h);
	CHECK(!e, "reconnect: %s", strerror(-e));
	return 0;
}

static int device_info(struct host *h)
{
	struct vu_device_info ask = { .argsz = sizeof(ask) }, info = { 0 };
	struct vu_reply reply = { .buf = &info, .cap = sizeof(info) };
	int e = vu_call(&h->vu, VU_GET_INFO, &ask, sizeof(ask), &reply);

	CHECK(!e, "%s", strerror(-e));
	CHECK(reply.got >= sizeof(info), "%zu bytes", reply.got);
	CHECK(info.flags & VU_INFO_PCI, "flags 0x%x", info.flags);
	CHECK(info.flags & VU_INFO_RESET, "flags 0x%x", info.flags);
	CHECK(info.num_regions >= 8, "%u regions", info.num_regions);
	CHECK(info.num_irqs >= 3, "%u irqs", info.num_irqs);
	return 0;
}

static int regions(struct host *h)
{
	static const uint64_t want[6] = { INF_BAR0_SIZE, 0, INF_BAR2_SIZE, 0, INF_BAR4_SIZE, 0 };
	int i;

	for (i = 0; i < 6; i++) {
		CHECK(h->region[i].size == want[i], "BAR%d: 0x%llx bytes", i,
		      (unsigned long long)h->region[i].size);
		if (want[i])
			CHECK((h->region[i].flags & 3) == 3, "BAR%d flags 0x%x", i,
			      h->region[i].flags);
	}
	CHECK(h->region[VU_CONFIG_REGION].size == 4096, "config space of 0x%llx bytes",
	      (unsigned long long)h->region[VU_CONFIG_REGION].size);
	CHECK((h->region[VU_CONFIG_REGION].flags & 3) == 3, "config space not read-write");
	return 0;
}

static int mmap_areas(struct host *h)
{
	int bar, i;

	for (bar = 0; bar < 6; bar++) {
		struct region *g = &h->region[bar];

		CHECK(!(g->flags & VU_REGION_F_MMAP) || g->has_fd, "BAR%d: mmap without an fd", bar);
		for (i = 0; i < g->nareas; i++) {
			struct area *a = &g->areas[i];

			CHECK(!((a->off | a->size) & 4095) && a->size, "BAR%d area %d", bar, i);
			CHECK(a->off < g->size && a->size <= g->size - a->off, "BAR%d area %d",
			      bar, i);
			CHECK(a->ptr, "BAR%d area %d cannot be mapped", bar, i);
		}
		if (g->size)
			tap_diag("BAR%d: %d mmap areas", bar, g->nareas);
	}
	return 0;
}

static int bad_region_info(struct host *h)
{
	static const uint32_t index[] = { 9, 10, 77, ~0u };
	size_t i;
	int e;

	for (i = 0; i < sizeof(index) / sizeof(index[0]); i++) {
		struct vu_region_info ask = { .argsz = sizeof(ask), .index = index[i] };

		e = vu_call(&h->vu, VU_GET_REGION_INFO, &ask, sizeof(ask), NULL);
		CHECK(!h->vu.dead, "link lost: %s", strerror(-e));
		CHECK(e || index[i] == 9, "region %u exists", index[i]);
	}
	e = vu_call(&h->vu, VU_GET_REGION_INFO, "abc", 3, NULL);
	CHECK(e && !h->vu.dead, "3-byte region query: %d", e);
	e = vu_call(&h->vu, 99, NULL, 0, NULL);
	CHECK(e && !h->vu.dead, "command 99: %d", e);
	return 0;
}

static int irqs(struct host *h)
{
	struct vu_irq_info ask = { .argsz = sizeof(ask), .index = MSIX_IRQ }, info = { 0 };
	struct vu_reply reply = { .buf = &info, .cap = sizeof(info) };
	struct vu_irq_set set = { .argsz = sizeof(set), .index = MSIX_IRQ };
	int fds[16], e;
	uint32_t i, n;

	e = vu_call(&h->vu, VU_GET_IRQ_INFO, &ask, sizeof(ask), &reply);
	CHECK(!e, "%s", strerror(-e));
	CHECK(info.count <= 16, "%u vectors: too many for 16 devices in one guest", info.count);
	CHECK(!(info.flags & 8), "NORESIZE is set");
	n = info.count;
	if (!n)
		return 0;
	for (i = 0; i < n; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	set.flags = VU_IRQ_DATA_EVENTFD | VU_IRQ_TRIGGER;
	set.count = n;
	e = vu_call_fds(&h->vu, VU_SET_IRQS, &set, sizeof(set), fds, n, NULL);
	for (i = 0; i < n; i++)
		close(fds[i]);
	CHECK(!e, "eventfds: %s", strerror(-e));
	set.start = n;
	e = vu_call(&h->vu, VU_SET_IRQS, &set, sizeof(set), NULL);
	CHECK(e && !h->vu.dead, "vectors beyond the last: %d", e);
	set.start = 0;
	set.count = 0;
	set.flags = VU_IRQ_DATA_NONE | VU_IRQ_TRIGGER;
	e = vu_call(&h->vu, VU_SET_IRQS, &set, sizeof(set), NULL);
	CHECK(!e, "switching interrupts off: %s", strerror(-e));
	return 0;
}

static int config_ids(struct host *h)
{
	int i;

	CHECK(cfg_read(h, 0, 4) == (INF_DEVICE << 16 | INF_VENDOR), "0x%08x", cfg_read(h, 0, 4));
	CHECK(cfg_read(h, 0, 2) == INF_VENDOR && cfg_read(h, 2, 2) == INF_DEVICE, "by halves");
	CHECK(cfg_read(h, 8, 1) == h->revision, "revision 0x%02x", cfg_read(h, 8, 1));
	CHECK((cfg_read(h, 0xe, 1) & 0x7f) == 0, "header type 0x%02x", cfg_read(h, 0xe, 1));
	for (i = 0; i < 3; i++) {
		uint32_t v = cfg_read(h, 0x10 + 8 * i, 4);

		CHECK((v & 7) == 4, "BAR%d is 0x%08x: no 64-bit memory BAR", 2 * i, v);
	}
	CHECK(cfg_read(h, 6, 2) & 0x10, "no capability list");
	CHECK(cfg_find_cap(h, 0x10), "no PCI Express capability");
	return 0;
}

static int bar_sizing(struct host *h)
{
	static const uint64_t want[3] = { INF_BAR0_SIZE, INF_BAR2_SIZE, INF_BAR4_SIZE };
	int i;

	for (i = 0; i < 3; i++) {
		uint32_t at = 0x10 + 8 * i;
		uint32_t lo = cfg_read(h, at, 4), hi = cfg_read(h, at + 4, 4);
		uint64_t mask;

		cfg_write(h, at, ~0u, 4);
		cfg_write(h, at + 4, ~0u, 4);
		mask = (uint64_t)cfg_read(h, at + 4, 4) << 32 | (cfg_read(h, at, 4) & ~0xfu);
		cfg_write(h, at, lo, 4);
		cfg_write(h, at + 4, hi, 4);
		CHECK(~mask + 1 == want[i], "BAR%d sizes as 0x%llx", 2 * i,
		      (unsigned long long)~mask + 1);
	}
	return 0;
}

static int capability_chains(struct host *h)
{
	uint32_t at = cfg_read(h, 0x34, 1), v;
	int n = 0;

	while (at) {
		CHECK(at >= 0x40 && at < 0x100 && !(at & 3), "capability at 0x%x", at);
		CHECK(n++ < 48, "the capability list is a loop");
		at = cfg_read(h, at + 1, 1);
	}
	at = 0x100;
	for (n = 0; at; n++) {
		CHECK(at >= 0x100 && at < 0x1000 && !(at & 3), "extended capability at 0x%x", at);
		CHECK(n < 960, "the extended capability list is a loop");
		v = cfg_read(h, at, 4);
		CHECK(v != ~0u, "extended capability at 0x%x unreadable", at);
		at = v >> 20;
	}
	return 0;
}

static int config_is_read_only(struct host *h)
{
	CHECK(!cfg_write(h, 0, 0xdeadbeef, 4), "write refused");
	CHECK(!cfg_write(h, 8, 0, 1), "write refused");
	CHECK(cfg_read(h, 0, 4) == (INF_DEVICE << 16 | INF_VENDOR), "ids can be written");
	CHECK(cfg_read(h, 8, 1) == h->revision, "the revision can be written");
	cfg_write(h, 4, 0, 2);
	CHECK(!(cfg_read(h, 4, 2) & 6), "command 0x%x after writing 0", cfg_read(h, 4, 2));
	cfg_write(h, 4, 6, 2);
	CHECK((cfg_read(h, 4, 2) & 6) == 6, "no bus master");
	return 0;
}

static int config_bounds(struct host *h)
{
	uint32_t v;
	int e;

	e = vu_read(&h->vu, VU_CONFIG_REGION, 4096, &v, 4);
	CHECK(e && !h->vu.dead, "read behind config space: %d", e);
	e = vu_read(&h->vu, VU_CONFIG_REGION, 4094, &v, 4);
	CHECK(e && !h->vu.dead, "read across the end: %d", e);
	e = vu_read(&h->vu, VU_CONFIG_REGION, ~0ull - 1, &v, 4);
	CHECK(e && !h->vu.dead, "read that wraps around: %d", e);
	e = vu_read(&h->vu, 0, INF_BAR0_SIZE, &v, 4);
	CHECK(e && !h->vu.dead, "read behind BAR0: %d", e);
	e = vu_write(&h->vu, 0, INF_BAR0_SIZE - 2, &v, 4);
	CHECK(e && !h->vu.dead, "write across the end of BAR0: %d", e);
	e = vu_write(&h->vu, 1, 0, &v, 4);
	CHECK(e && !h->vu.dead, "write to BAR1: %d", e);
	return 0;
}

static int bad_maps(struct host *h)
{
	int fd = memfd_create("bad", MFD_CLOEXEC), e;

	CHECK(fd >= 0 && !ftruncate(fd, 1 << 20), "memfd");
	e = vu_map(&h->vu, RAM_MAIN, 0x1000, fd, 0, RW);
	CHECK(e && !h->vu.dead, "map over a mapping: %d", e);
	e = vu_map(&h->vu, RAM_MAIN - 0x1000, 0x2000, fd, 0, RW);
	CHECK(e && !h->vu.dead, "map that reaches into a mapping: %d", e);
	e = vu_map(&h->vu, RAM_HOLE, 0, fd, 0, RW);
	CHECK(e && !h->vu.dead, "map of nothing: %d", e);
	e = vu_map(&h->vu, ~0ull - 0xfff, 0x2000, fd, 0, RW);
	CHECK(e && !h->vu.dead, "map that wraps around: %d", e);
	e = vu_unmap(&h->vu, RAM_HOLE, 0x1000);
	CHECK(e && !h->vu.dead, "unmap of nothing: %d", e);
	e = vu_call(&h->vu, VU_DMA_MAP, "short", 5, NULL);
	CHECK(e && !h->vu.dead, "5-byte map: %d", e);
	/* A map that covers more than its file may be refused or accepted, not fatal. */
	e = vu_map(&h->vu, RAM_HOLE, 2 << 20, fd, 0, RW);
	if (!e)
		e = vu_unmap(&h->vu, RAM_HOLE, 2 << 20);
	CHECK(!h->vu.dead, "oversized map: %d", e);
	close(fd);
	return 0;
}

static int map_churn(struct host *h)
{
	int i, e;

	for (i = 0; i < 200; i++) {
		e = vu_map(&h->vu, RAM_HOLE, 0x10000, h->ram.fd[1], 0, RW);
		CHECK(!e, "round %d: %s", i, strerror(-e));
		e = vu_map(&h->vu, RAM_HOLE + 0x10000, 0x1000, h->ram.fd[0], 0x3000, RW);
		CHECK(!e, "round %d: %s", i, strerror(-e));
		e = vu_unmap(&h->vu, RAM_HOLE, 0x10000);
		CHECK(!e, "round %d: %s", i, strerror(-e));
		e = vu_unmap(&h->vu, RAM_HOLE + 0x10000, 0x1000);
		CHECK(!e, "round %d: %s", i, strerror(-e));
	}
	return 0;
}

const struct test vfio_tests[] = {
	{ "vfio: version negotiation", version, NEED_LINK | CLEAN },
	{ "vfio: unacceptable versions are refused", bad_version, NEED_LINK },
	{ "vfio: device info", device_info, NEED_LINK | CLEAN },
	{ "vfio: BAR0 8 MiB, BAR2 256 MiB, BAR4 8 GiB, config space", regions, NEED_LINK | CLEAN },
	{ "vfio: mmap areas are page-aligned, inside, mappable", mmap_areas, NEED_LINK | CLEAN },
	{ "vfio: unknown regions and commands are refused", bad_region_info, NEED_LINK },
	{ "vfio: interrupts can be set up and torn down", irqs, NEED_LINK | CLEAN },
	{ "vfio: guest memory is remapped 200 times", map_churn, NEED_LINK | CLEAN },
	{ "vfio: impossible mappings are refused", bad_maps, NEED_LINK },
	{ "vfio: accesses beyond a region are refused", config_bounds, NEED_LINK },
	{ "pci: 1d0f:7064 revision ff, three 64-bit BARs", config_ids, NEED_LINK | CLEAN },
	{ "pci: BARs size as their regions", bar_sizing, NEED_LINK | CLEAN },
	{ "pci: capability lists end", capability_chains, NEED_LINK | CLEAN },
	{ "pci: identity is read-only, bus master is not", config_is_read_only, NEED_LINK },
	{ 0 }
};
