// SPDX-License-Identifier: Apache-2.0
/* The host machine: link, BAR access, bring-up as host software for the chip does it. */
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fwio.h"
#include "tap.h"

#define START_MS	60000	/* a sanitized chip on a busy machine */
#define CFG_COMMAND	0x04
#define CMD_MEMORY	0x2
#define CMD_MASTER	0x4
#define CFG_BAR0	0x10
#define CFG_CAPS	0x34
#define CAP_EXPRESS	0x10
#define EXP_DEVCAP	0x04
#define EXP_DEVCAP_FLR	(1u << 28)
#define EXP_DEVCTL	0x08
#define EXP_DEVCTL_FLR	0x8000u

int host_create(struct host *h)
{
	unsigned int i;
	int e;

	h->vu.fd = -1;
	h->vu.dead = true;
	h->vu.translate = ram_translate;
	h->vu.translate_ctx = &h->ram;
	if (!h->rng)
		h->rng = 0x2545f491;
	e = ram_create(&h->ram);
	if (e)
		return e;
	h->req = ram_alloc(&h->ram, 65536, 4096);
	h->resp = ram_alloc(&h->ram, 65536, 4096);
	for (i = 0; i < NCORES && !e; i++)
		e = ring_create(h, &h->h2d[i], i, H2D_ENGINE, H2D_QUEUE, H2D_DESCS);
	return e;
}

uint32_t host_random(struct host *h)
{
	h->rng ^= h->rng << 13;
	h->rng ^= h->rng >> 17;
	h->rng ^= h->rng << 5;
	return h->rng;
}

void host_fill(struct host *h, void *buf, size_t n)
{
	uint8_t *p = buf;

	for (; n >= 4; n -= 4, p += 4) {
		uint32_t v = host_random(h);

		memcpy(p, &v, 4);
	}
	while (n--)
		*p++ = host_random(h);
}

void host_pause(struct host *h, unsigned int *i)
{
	unsigned int n = (*i)++;

	if (n % 16 == 15)
		vu_pump(&h->vu);
	usleep(n < 100 ? 20 : 1000);
}

/* ---- BARs ---- */

static uint8_t *mapped(struct host *h, int bar, uint64_t off, uint64_t n)
{
	struct region *g = &h->region[bar];
	int i;

	for (i = 0; i < g->nareas; i++) {
		struct area *a = &g->areas[i];

		if (a->ptr && off >= a->off && off - a->off < a->size &&
		    n <= a->size - (off - a->off))
			return a->ptr + (off - a->off);
	}
	return NULL;
}

int bar_write(struct host *h, int bar, uint64_t off, const void *buf, uint32_t n)
{
	uint8_t *p = mapped(h, bar, off, n);

	if (!p)
		return vu_write(&h->vu, bar, off, buf, n);
	if (n == 4 && !(off & 3)) {
		uint32_t v;

		memcpy(&v, buf, 4);
		*(volatile uint32_t *)p = v;
	} else {
		memcpy(p, buf, n);
	}
	return 0;
}

int bar_read(struct host *h, int bar, uint64_t off, void *buf, uint32_t n)
{
	uint8_t *p = mapped(h, bar, off, n);

	if (!p)
		return vu_read(&h->vu, bar, off, buf, n);
	memcpy(buf, p, n);
	return 0;
}

void bar_w32(struct host *h, int bar, uint64_t off, uint32_t val)
{
	int e = bar_write(h, bar, off, &val, 4);

	h->bar0_writes += bar == 0;
	if (!e)
		return;
	if (!h->write_errors++)
		tap_diag("write of 0x%x to BAR%d + 0x%llx refused: %s", val, bar,
			 (unsigned long long)off, strerror(-e));
}

static int dram_access(struct host *h, uint64_t addr, uint8_t *buf, size_t n, bool write)
{
	uint64_t off = addr >= ADDR_DRAM1 ? addr - ADDR_DRAM1 + DRAM_CHANNEL : addr;
	int e = 0;

	while (n && !e) {
		uint32_t k = n < 65536 ? n : 65536;

		e = write ? bar_write(h, 4, off, buf, k) : bar_read(h, 4, off, buf, k);
		off += k;
		buf += k;
		n -= k;
	}
	return e;
}

int dram_write(struct host *h, uint64_t addr, const void *buf, size_t n)
{
	return dram_access(h, addr, (void *)buf, n, true);
}

int dram_read(struct host *h, uint64_t addr, void *buf, size_t n)
{
	return dram_access(h, addr, buf, n, false);
}

/* ---- config space ---- */

uint32_t cfg_read(struct host *h, uint32_t off, uint32_t n)
{
	uint32_t v = 0;

	return vu_read(&h->vu, VU_CONFIG_REGION, off, &v, n) ? ~0u : v;
}

int cfg_write(struct host *h, uint32_t off, uint32_t val, uint32_t n)
{
	return vu_write(&h->vu, VU_CONFIG_REGION, off, &val, n);
}

uint32_t cfg_find_cap(struct host *h, uint8_t id)
{
	uint32_t at = cfg_read(h, CFG_CAPS, 1) & 0xfc;
	int i;

	for (i = 0; i < 48 && at >= 0x40 && at < 0x100; i++) {
		uint32_t v = cfg_read(h, at, 2);

		if ((v & 0xff) == id)
			return at;
		at = (v >> 8) & 0xfc;
	}
	return 0;
}

int host_enable(struct host *h)
{
	static const uint64_t where[3] = { 0xfe000000, 0x800000000, 0xa00000000 };
	int i, e = 0;

	for (i = 0; i < 3 && !e; i++) {
		e = cfg_write(h, CFG_BAR0 + 8 * i, (uint32_t)where[i], 4);
		e = e ? e : cfg_write(h, CFG_BAR0 + 8 * i + 4, where[i] >> 32, 4);
	}
	if (!e)
		e = cfg_write(h, CFG_COMMAND, cfg_read(h, CFG_COMMAND, 2) | CMD_MEMORY | CMD_MASTER,
			      2);
	return e;
}

int host_flr(struct host *h)
{
	uint32_t cap = cfg_find_cap(h, CAP_EXPRESS);
	int e;

	if (!cap)
		return -ENOENT;
	if (!(cfg_read(h, cap + EXP_DEVCAP, 4) & EXP_DEVCAP_FLR))
		return -EOPNOTSUPP;
	e = cfg_write(h, cap + EXP_DEVCTL, cfg_read(h, cap + EXP_DEVCTL, 2) | EXP_DEVCTL_FLR, 2);
	/* The PCIe specification gives the function this long. */
	usleep(100000);
	return e;
}

/* ---- the link ---- */

static void note_area(struct region *g, uint64_t off, uint64_t size)
{
	if (g->nareas < MAX_AREAS)
		g->areas[g->nareas++] = (struct area){ .off = off, .size = size };
}

static void parse_caps(struct region *g, const uint8_t *buf, size_t n,
		       const struct vu_region_info *info)
{
	uint32_t at = info->flags & VU_REGION_F_CAPS ? info->cap_offset : 0;
	bool sparse = false;
	int loops = 0;

	while (at && at + sizeof(struct vu_sparse_cap) <= n && loops++ < 8) {
		const struct vu_sparse_cap *c = (const void *)(buf + at);
		uint32_t i;

		if (c->head.id == VU_CAP_SPARSE_MMAP) {
			sparse = true;
			for (i = 0; i < c->nr_areas &&
			     at + sizeof(*c) + (i + 1) * sizeof(c->areas[0]) <= n; i++)
				note_area(g, c->areas[i].offset, c->areas[i].size);
		}
		at = c->head.next;
	}
	if (!sparse && info->flags & VU_REGION_F_MMAP)
		note_area(g, 0, info->size);
}

static int query_region(struct host *h, int index)
{
	struct region *g = &h->region[index];
	uint64_t buf[512] = { 0 };
	struct vu_region_info ask = { .argsz = sizeof(ask), .index = index }, *info = (void *)buf;
	struct vu_reply reply = { .buf = buf, .cap = sizeof(buf) };
	int e, i;

	/* As QEMU: a short question first, a second one where the answer needs room. */
	memset(g, 0, sizeof(*g));
	e = vu_call(&h->vu, VU_GET_REGION_INFO, &ask, sizeof(ask), &reply);
	if (!e && info->argsz > sizeof(ask)) {
		for (i = 0; i < reply.nfds; i++)
			close(reply.fds[i]);
		ask.argsz = info->argsz < sizeof(buf) ? info->argsz : sizeof(buf);
		e = vu_call(&h->vu, VU_GET_REGION_INFO, &ask, sizeof(ask), &reply);
	}
	if (e)
		return e;
	g->size = info->size;
	g->flags = info->flags;
	g->has_fd = reply.nfds > 0;
	if (info->flags & VU_REGION_F_MMAP && reply.nfds) {
		parse_caps(g, (void *)buf, reply.got, info);
		for (i = 0; i < g->nareas; i++) {
			struct area *a = &g->areas[i];

			a->ptr = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				      reply.fds[0], info->offset + a->off);
			if (a->ptr == MAP_FAILED)
				a->ptr = NULL;
		}
	}
	for (i = 0; i < reply.nfds; i++)
		close(reply.fds[i]);
	return 0;
}

/* A process that has died is not waited for. */
static int connect_emu(struct host *h)
{
	uint64_t deadline = vu_now_ms() + START_MS;
	int e;

	do {
		e = vu_connect(&h->vu, h->emu.socket, 100);
		if (!e)
			return 0;
	} while (emu_alive(&h->emu) && vu_now_ms() < deadline);
	tap_diag("cannot connect to %s: %s", h->emu.socket, strerror(-e));
	return e;
}

int host_connect(struct host *h)
{
	int e, i;

	if (!emu_alive(&h->emu)) {
		e = emu_start(&h->emu);
		if (e)
			return e;
	}
	e = connect_emu(h);
	if (e)
		return e;
	h->ready = false;
	e = vu_version(&h->vu, NULL);
	e = e ? e : ram_map(&h->ram, &h->vu, true);
	for (i = 0; i < NREGIONS && !e; i++)
		e = query_region(h, i);
	e = e ? e : host_enable(h);
	if (e)
		tap_diag("connection set-up failed: %s", strerror(-e));
	return e;
}

void host_disconnect(struct host *h)
{
	int i, k;

	vu_close(&h->vu);
	h->ready = false;
	for (i = 0; i < NREGIONS; i++) {
		for (k = 0; k < h->region[i].nareas; k++)
			if (h->region[i].areas[k].ptr)
				munmap(h->region[i].areas[k].ptr, h->region[i].areas[k].size);
		h->region[i].nareas = 0;
	}
}

/* ---- bring-up ---- */

static int wait_reset_done(struct host *h)
{
	uint64_t deadline = vu_now_ms() + VU_TIMEOUT_MS;
	uint32_t v;
	int e;

	do {
		e = fwio_read_apb(h, MISC_RESET, &v);
		if (e || !v)
			return e;
		usleep(10000);
	} while (vu_now_ms() < deadline);
	tap_diag("RESET still reads 0x%x after %d ms", v, VU_TIMEOUT_MS);
	return -ETIMEDOUT;
}

static int wait_firmware(struct host *h)
{
	uint32_t v = 0;
	int i, e = 0;

	for (i = 0; i < 5; i++) {
		e = fwio_read_apb(h, MISC_FW_STATUS, &v);
		if (e)
			break;
		if (v & FW_READY)
			return 0;
	}
	tap_diag("firmware not ready: FW_STATUS 0x%08x, %s", v,
		 e ? strerror(-e) : "five reads");
	return e ? e : -EAGAIN;
}

static void write_range(struct host *h, uint32_t base, uint32_t first, int n, uint32_t val)
{
	int i;

	for (i = 0; i < n; i++)
		bar_w32(h, 0, base + first + 4 * i, val);
}

/* 91 global writes, 32 queue enables, 3 TDMA writes. */
int host_init_engine(struct host *h, unsigned int core, unsigned int engine)
{
	uint32_t b = UDMA(core, engine), t = TDMA(core, engine);
	unsigned int q;

	write_range(h, b, UDMA_INT_MASKS, 6, 0xffffffff);
	write_range(h, b, UDMA_AXI_TIMEOUTS, 6, 0x00010000);
	write_range(h, b, UDMA_VMPR, 64, 0);
	write_range(h, b, UDMA_VMPR_MISC, 1, 0);
	write_range(h, b, UDMA_SPARE, 8, 0);
	bar_w32(h, 0, b + M2S + UDMA_CFG_LEN, 1u << 24 | 0xfffff);
	bar_w32(h, 0, b + M2S + UDMA_MAX_DESC_A, PACKET_MAX_DESCS);
	bar_w32(h, 0, b + M2S + UDMA_MAX_DESC_B, PACKET_MAX_DESCS);
	bar_w32(h, 0, b + UDMA_COMP_DESC_SIZE, 4);
	bar_w32(h, 0, b + M2S + UDMA_CHANGE_STATE, 1);
	bar_w32(h, 0, b + S2M + UDMA_CHANGE_STATE, 1);
	for (q = 0; q < NQUEUES; q++) {
		bar_w32(h, 0, b + M2S + UQ(q) + UQ_CFG, UQ_CFG_RESET_VALUE | UQ_CFG_ENABLE);
		bar_w32(h, 0, b + S2M + UQ(q) + UQ_CFG, UQ_CFG_RESET_VALUE | UQ_CFG_ENABLE);
	}
	bar_w32(h, 0, t + 0x1c, 1);
	bar_w32(h, 0, t + 0x20, ~1u);
	bar_w32(h, 0, t + 0x00, 1);
	return h->vu.dead ? -ENOTCONN : 0;
}

int host_bring_up(struct host *h, enum bring_up_how how, uint32_t device_id)
{
	unsigned int core, e, i;
	int err = 0;

	h->ready = false;
	cfg_read(h, 8, 1);
	if (how != BRING_UP_NO_RESET) {
		bar_w32(h, 0, MISC_RESET, RESET_DEVICE);
		bar_w32(h, 0, MISC_DOORBELL, 1);
	}
	if (how == BRING_UP_SILICON)
		err = wait_reset_done(h);
	err = err ? err : wait_firmware(h);
	if (err)
		return err;
	bar_w32(h, 0, MISC_DEVICE_ID, device_id);
	for (core = 0; core < NCORES; core++)
		for (e = 0; e < NENGINES / NCORES && !err; e++)
			err = host_init_engine(h, core, e);
	for (i = 0; i < NCORES; i++)
		ring_program(h, &h->h2d[i]);
	h->ready = !err && !h->vu.dead;
	return h->ready ? 0 : -ENOTCONN;
}

bool host_alive(struct host *h)
{
	struct vu_device_info ask = { .argsz = sizeof(ask) };

	if (!emu_alive(&h->emu))
		return false;
	return !h->vu.dead && !vu_call(&h->vu, VU_GET_INFO, &ask, sizeof(ask), NULL);
}

int host_reconnect(struct host *h)
{
	int e;

	host_disconnect(h);
	e = host_connect(h);
	if (e && emu_alive(&h->emu)) {
		tap_diag("the server does not take connections: restarting it");
		host_disconnect(h);
		emu_stop(&h->emu);
		e = host_connect(h);
	}
	return e;
}

int host_recover(struct host *h)
{
	int e = host_alive(h) ? 0 : host_reconnect(h);

	e = e ? e : vu_reset(&h->vu);
	e = e ? e : host_enable(h);
	return e ? e : host_bring_up(h, BRING_UP_RESET, 0);
}

int host_self_check(struct host *h, uint64_t len)
{
	uint64_t save = h->ram.next, src = ram_alloc(&h->ram, len, 4096);
	uint64_t dst = ram_alloc(&h->ram, len, 4096);
	unsigned int i;
	int e = src && dst ? 0 : -ENOMEM;

	for (i = 0; i < NCORES && !e; i++) {
		uint8_t *a = ram_at(&h->ram, src, len), *b = ram_at(&h->ram, dst, len);
		uint64_t dev = (i & 1 ? ADDR_DRAM1 : ADDR_DRAM0) + 0x40000000 + i * 0x4000000ull;

		host_fill(h, a, len);
		memset(b, 0, len);
		e = ring_copy(h, &h->h2d[i], dev, src | ADDR_HOST, len);
		e = e ? e : ring_copy(h, &h->h2d[i], dst | ADDR_HOST, dev, len);
		if (!e && memcmp(a, b, len))
			e = -EILSEQ;
		if (e)
			tap_diag("self-check: ring of core %u: %s", i, strerror(-e));
	}
	h->ram.next = save;
	return e;
}
