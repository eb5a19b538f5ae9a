// SPDX-License-Identifier: Apache-2.0
/*
 * Notification queues in host and device memory. The registers are those of the silicon;
 * of the entries a host here knows that they have 32 bytes, which begin with type and
 * phase, and that an event which is set makes one.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define ENTRY		32
#define ENTRIES		128
#define SIZE		(ENTRIES * ENTRY)
#define TYPE_EVENT	2
#define PHASE		(1u << 31)
#define LAP		(1u << 31)	/* of the head register */

static void set_queue(struct host *h, unsigned int core, uint32_t q, uint64_t base, uint32_t size)
{
	bar_w32(h, 0, PUTILS(core) + q, (uint32_t)base);
	bar_w32(h, 0, PUTILS(core) + q + 4, base >> 32);
	bar_w32(h, 0, PUTILS(core) + q + 8, size);
}

static void event(struct host *h, unsigned int core, unsigned int i, uint32_t value)
{
	bar_w32(h, 2, (uint64_t)core * CORE_WINDOW + CORE_EVENT + 4 * i, value);
}

/* All entries of n events that were set since the queue was started. */
static int check_entries(struct host *h, unsigned int core, const uint8_t *mem, unsigned int n)
{
	unsigned int i, first = n > ENTRIES ? n - ENTRIES : 0;
	uint32_t head, w[4];
	int e = fwio_read_apb(h, PUTILS(core) + NQ_EVENT_HEAD, &head);

	CHECK(!e, "head: %s", strerror(-e));
	CHECK(head == (n % ENTRIES * ENTRY | (n / ENTRIES & 1 ? LAP : 0)),
	      "head 0x%x after %u entries", head, n);
	for (i = first; i < n; i++) {
		memcpy(w, mem + i % ENTRIES * ENTRY, sizeof(w));
		CHECK(w[0] == (TYPE_EVENT | (i / ENTRIES & 1 ? 0 : PHASE)),
		      "entry %u begins with 0x%x", i, w[0]);
		CHECK(w[1] == i % NEVENTS && w[2] == i + 1 && !w[3],
		      "entry %u: event %u = %u", i, w[1], w[2]);
	}
	return 0;
}

static int fill(struct host *h, unsigned int core, unsigned int *n, unsigned int more)
{
	unsigned int i;
	uint32_t v;

	for (i = 0; i < more; i++, ++*n) {
		/* Only one that was clear makes an entry; other tests may have left it set. */
		event(h, core, *n % NEVENTS, 0);
		event(h, core, *n % NEVENTS, *n + 1);
		event(h, core, *n % NEVENTS, 0);
	}
	/* Writes are posted; this comes after them. */
	CHECK(!fwio_read_apb(h, MISC_FW_STATUS, &v), "mailbox");
	return 0;
}

static int in_host_memory(struct host *h)
{
	static const unsigned int more[] = { 1, 126, 1, 1, 200, 128 };
	unsigned int core, i, n;
	uint64_t bus;
	uint8_t *mem;

	for (core = 0; core < NCORES; core++) {
		bus = ram_alloc(&h->ram, SIZE + 64, 4096);
		mem = ram_at(&h->ram, bus, SIZE + 64);
		memset(mem, 0, SIZE + 64);
		set_queue(h, core, NQ_EVENT, bus | ADDR_HOST, SIZE);
		for (i = 0, n = 0; i < sizeof(more) / sizeof(more[0]); i++)
			if (fill(h, core, &n, more[i]) || check_entries(h, core, mem, n))
				return -1;
		CHECK(!mem[SIZE], "an entry behind the ring");
		/* Hosts for silicon tell how far they have read; that must not hurt. */
		bar_w32(h, 0, PUTILS(core) + NQ_EVENT_HEAD, SIZE - 256);
		if (fill(h, core, &n, 3) || check_entries(h, core, mem, n))
			return -1;
		set_queue(h, core, NQ_EVENT, 0, 0);
		memset(mem, 0xdd, SIZE);
		if (fill(h, core, &n, 3))
			return -1;
		CHECK(mem[0] == 0xdd && !memcmp(mem, mem + 1, SIZE - 1), "a halted queue writes");
	}
	return 0;
}

static int in_device_memory(struct host *h)
{
	static const uint64_t at[] = { ADDR_DRAM0 + 0x7000000, ADDR_DRAM1 + 0x7000000,
				       (ADDR_DRAM1 + 0x7100000) | ADDR_AXI1 };
	static uint8_t mem[SIZE];
	unsigned int i, n;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		memset(mem, 0, SIZE);
		dram_write(h, at[i] & ~ADDR_AXI1, mem, SIZE);
		set_queue(h, 3, NQ_EVENT, at[i], SIZE);
		n = 0;
		if (fill(h, 3, &n, 150))
			return -1;
		dram_read(h, at[i] & ~ADDR_AXI1, mem, SIZE);
		if (check_entries(h, 3, mem, n))
			return -1;
	}
	set_queue(h, 3, NQ_EVENT, 0, 0);
	return 0;
}

/* DMA engines set events, too. */
static int by_dma(struct host *h)
{
	uint64_t bus = ram_alloc(&h->ram, SIZE, 4096), src = ram_alloc(&h->ram, 64, 64);
	uint32_t *w = (void *)ram_at(&h->ram, bus, SIZE), *v = (void *)ram_at(&h->ram, src, 64);
	int e;

	memset(w, 0, SIZE);
	v[0] = 0x77;
	event(h, 2, 40, 0);
	set_queue(h, 2, NQ_EVENT, bus | ADDR_HOST, SIZE);
	e = ring_copy(h, &h->h2d[0], ADDR_CORES + 2 * CORE_WINDOW + CORE_EVENT + 4 * 40,
		      src | ADDR_HOST, 4);
	CHECK(!e, "%s", strerror(-e));
	CHECK(w[0] == (TYPE_EVENT | PHASE) && w[1] == 40 && w[2] == 0x77,
	      "0x%x 0x%x 0x%x", w[0], w[1], w[2]);
	set_queue(h, 2, NQ_EVENT, 0, 0);
	return 0;
}

static int mistakes(struct host *h)
{
	static const struct {
		uint64_t base;
		uint32_t size;
		const char *name;
	} bad[] = {
		{ ADDR_HOST | RAM_MAIN, 96, "notify-config" },
		{ ADDR_HOST | RAM_MAIN, 16, "notify-config" },
		{ ADDR_HOST | RAM_MAIN, 0xffffffff, "notify-config" },
		{ (ADDR_HOST | RAM_MAIN) + 4, 4096, "notify-config" },
		{ ADDR_HOST | RAM_HOLE, 4096, "notify-dma" },
		{ ADDR_HOST | RAM_ROM, 4096, "notify-dma" },
		{ ADDR_APB + 0x414000, 4096, "notify-dma" },
		{ ADDR_EAST, 4096, "notify-dma" },
		{ 0x123456789000000ull, 4096, "notify-dma" },
	};
	unsigned int i, n;
	long mark;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mark = emu_log_mark(&h->emu);
		set_queue(h, 1, NQ_EVENT, bad[i].base, bad[i].size);
		n = 0;
		if (fill(h, 1, &n, 2))
			return -1;
		CHECK(emu_log_wait(&h->emu, mark, bad[i].name, 3000), "queue %u: no %s", i,
		      bad[i].name);
	}
	set_queue(h, 1, NQ_EVENT, 0, 0);
	mark = emu_log_mark(&h->emu);
	n = 0;
	if (fill(h, 1, &n, 2))
		return -1;
	CHECK(!emu_log_count(&h->emu, mark, NULL, 0), "a halted queue is reported");
	return 0;
}

static int wait_reset(struct host *h)
{
	uint32_t v = 1;
	int i, e = 0;

	for (i = 0; i < 100 && v && !e; i++) {
		e = fwio_read_apb(h, MISC_RESET, &v);
		usleep(v ? 10000 : 0);
	}
	CHECK(!e && !v, "RESET is 0x%x: %s", v, strerror(-e));
	return 0;
}

/* Is the queue of each core as it should be after the reset: halted or not? */
static int halted(struct host *h, uint8_t *mem, unsigned int map, const char *how)
{
	unsigned int core, n;
	uint32_t w, v[4];

	memset(mem, 0, NCORES * SIZE);
	for (core = 0; core < NCORES; core++) {
		n = 0;
		if (fill(h, core, &n, 1))
			return -1;
		memcpy(&w, mem + core * SIZE, 4);
		CHECK(!w == !!(map & 1u << core), "%s: core %u: entry 0x%x", how, core, w);
		if (!(map & 1u << core))
			continue;
		CHECK(!fwio_read(h, (uint64_t[]){ ADDR_APB + PUTILS(core) + NQ_EVENT,
						  ADDR_APB + PUTILS(core) + NQ_EVENT + 4,
						  ADDR_APB + PUTILS(core) + NQ_EVENT + 8,
						  ADDR_APB + PUTILS(core) + NQ_EVENT_HEAD }, 4, v),
		      "registers");
		CHECK(!v[0] && !v[1] && !v[2] && !v[3], "%s: core %u: registers are kept", how,
		      core);
	}
	return 0;
}

static int resets(struct host *h)
{
	static const char *const how[] = { "core reset", "device reset", "DEVICE_RESET", "FLR" };
	uint64_t bus = ram_alloc(&h->ram, NCORES * SIZE, 4096);
	uint8_t *mem = ram_at(&h->ram, bus, NCORES * SIZE);
	unsigned int i, core;

	for (i = 0; i < 4; i++) {
		for (core = 0; core < NCORES; core++)
			set_queue(h, core, NQ_EVENT, (bus + core * SIZE) | ADDR_HOST, SIZE);
		if (i < 2) {
			bar_w32(h, 0, MISC_RESET_MAP, 5);
			bar_w32(h, 0, MISC_RESET, i ? RESET_DEVICE : RESET_CORES);
			bar_w32(h, 0, MISC_DOORBELL, 1);
		} else {
			CHECK(!(i == 2 ? vu_reset(&h->vu) : host_flr(h)), "%s", how[i]);
			CHECK(!host_enable(h), "config writes");
		}
		if (wait_reset(h) || halted(h, mem, i ? 15 : 5, how[i]))
			return -1;
	}
	return 0;
}

const struct test notify_tests[] = {
	{ "notify: entries in host memory: wrap, phase, head, halt", in_host_memory,
	  NEED_READY | CLEAN },
	{ "notify: entries in both DRAM channels, and by AXI port 1", in_device_memory,
	  NEED_READY | CLEAN },
	{ "notify: an event that a DMA engine sets", by_dma, NEED_READY | CLEAN },
	{ "notify: wrong sizes and places are named, and halt the queue", mistakes, NEED_READY },
	{ "notify: resets halt the queues of their cores", resets, NEED_READY | CLEAN | DIRTY },
	{ 0 }
};
