// SPDX-License-Identifier: Apache-2.0
/* Copies through the host-to-device rings, in kernel packets, compared byte for byte. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define MIB (1ull << 20)

/* First difference, -1 when there is none. */
static long differ(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i;

	if (!memcmp(a, b, n))
		return -1;
	for (i = 0; a[i] == b[i]; i++)
		;
	return i;
}

/* Device memory at addr equals the host's want, seen through BAR4. */
static int bar4_equals(struct host *h, uint64_t addr, const uint8_t *want, size_t n)
{
	uint8_t *got = malloc(n);
	long at;
	int e;

	CHECK(got, "out of memory");
	e = dram_read(h, addr, got, n);
	at = e ? 0 : differ(got, want, n);
	free(got);
	CHECK(!e, "BAR4 read of 0x%llx: %s", (unsigned long long)addr, strerror(-e));
	CHECK(at < 0, "BAR4 at 0x%llx + %ld differs", (unsigned long long)addr, at);
	return 0;
}

static int round_trip(struct host *h)
{
	const uint64_t len = 8 * MIB;
	uint64_t src = ram_alloc(&h->ram, len, 4096), dst = ram_alloc(&h->ram, len, 4096);
	uint8_t *a = ram_at(&h->ram, src, len), *b = ram_at(&h->ram, dst, len);
	unsigned int i;
	int e;

	for (i = 0; i < NCORES; i++) {
		uint64_t d0 = ADDR_DRAM0 + 0x10000000 + i * len;
		uint64_t d1 = ADDR_DRAM1 + 0xe0000000 + i * len, t = vu_now_ms();

		host_fill(h, a, len);
		memset(b, 0xee, len);
		e = ring_copy(h, &h->h2d[i], d0, src | ADDR_HOST, len);
		CHECK(!e, "core %u, host to DRAM0: %s", i, strerror(-e));
		e = ring_copy(h, &h->h2d[i], d1, d0, len);
		CHECK(!e, "core %u, DRAM0 to DRAM1: %s", i, strerror(-e));
		e = ring_copy(h, &h->h2d[i], dst | ADDR_HOST, d1, len);
		CHECK(!e, "core %u, DRAM1 to host: %s", i, strerror(-e));
		CHECK(differ(a, b, len) < 0, "core %u: byte %ld differs", i, differ(a, b, len));
		tap_diag("core %u: 3 x 8 MiB in %llu ms", i,
			 (unsigned long long)(vu_now_ms() - t));
		if (bar4_equals(h, d0, a, len) || bar4_equals(h, d1, a, len))
			return -1;
	}
	return 0;
}

static int bar4_to_dma(struct host *h)
{
	const uint64_t len = 300000;
	uint64_t dst = ram_alloc(&h->ram, len, 4096);
	uint8_t *a = malloc(len), *b = ram_at(&h->ram, dst, len);
	int e, same;

	CHECK(a, "out of memory");
	host_fill(h, a, len);
	e = dram_write(h, ADDR_DRAM1 + 0x1003, a, len);
	e = e ? e : ring_copy(h, &h->h2d[1], dst | ADDR_HOST, ADDR_DRAM1 + 0x1003, len);
	same = !memcmp(a, b, len);
	free(a);
	CHECK(!e, "%s", strerror(-e));
	CHECK(same, "what BAR4 wrote is not what DMA reads");
	return 0;
}

static int four_at_once(struct host *h)
{
	const uint64_t len = 16 * MIB;
	uint64_t src = ram_alloc(&h->ram, len, 4096);
	uint8_t *a = ram_at(&h->ram, src, len);
	unsigned int i;
	int e;

	host_fill(h, a, len);
	for (i = 0; i < NCORES; i++)
		ring_start_copy(h, &h->h2d[i], ADDR_DRAM0 + 0x20000000 + i * len, src | ADDR_HOST,
				len);
	for (i = 0; i < NCORES; i++) {
		e = ring_wait(h, &h->h2d[i], RING_WAIT_MS);
		CHECK(!e, "core %u: %s", i, strerror(-e));
		if (bar4_equals(h, ADDR_DRAM0 + 0x20000000 + i * len, a, len))
			return -1;
	}
	return 0;
}

static int full_batch(struct host *h)
{
	const uint64_t len = 2 * MIB;
	uint64_t src = ram_alloc(&h->ram, len, 4096), t = vu_now_ms();
	uint8_t *a = ram_at(&h->ram, src, len);
	uint64_t dev = ADDR_DRAM0 + 0x30000000;
	unsigned int i;
	int e;

	host_fill(h, a, len);
	for (i = 0; i < H2D_BATCH; i++)
		ring_put(h, &h->h2d[0], dev + i * (uint64_t)DESC_MAX_BYTES,
			 (src + i * (uint64_t)DESC_MAX_BYTES % len) | ADDR_HOST, DESC_MAX_BYTES,
			 i == H2D_BATCH - 1 ? DESC_DMB : 0);
	ring_put_mark(h, &h->h2d[0]);
	ring_kick(h, &h->h2d[0]);
	e = ring_wait(h, &h->h2d[0], RING_WAIT_MS);
	CHECK(!e, "2032 + 1 descriptors: %s", strerror(-e));
	tap_diag("127 MiB in %llu ms", (unsigned long long)(vu_now_ms() - t));
	for (i = 0; i < H2D_BATCH / 32; i++)
		if (bar4_equals(h, dev + i * len, a, len))
			return -1;
	return 0;
}

/* Small copies in batches of 2033: each ring goes round four times, through ring id 0. */
static int wrap(struct host *h)
{
	const uint32_t n = 64, batches = 4 * H2D_DESCS / (H2D_BATCH + 1) + 2;
	uint64_t src = ram_alloc(&h->ram, H2D_BATCH * n, 4096);
	uint64_t dst = ram_alloc(&h->ram, H2D_BATCH * n, 4096);
	uint8_t *a = ram_at(&h->ram, src, H2D_BATCH * n), *b = ram_at(&h->ram, dst, H2D_BATCH * n);
	unsigned int core, k, i;
	int e;

	for (core = 0; core < NCORES; core++) {
		struct ring *r = &h->h2d[core];

		for (k = 0; k < batches; k++) {
			host_fill(h, a, H2D_BATCH * n);
			for (i = 0; i < H2D_BATCH; i++)
				ring_put(h, r, (dst + (H2D_BATCH - 1 - i) * n) | ADDR_HOST,
					 (src + i * n) | ADDR_HOST, n,
					 i == H2D_BATCH - 1 ? DESC_DMB : 0);
			ring_put_mark(h, r);
			ring_kick(h, r);
			e = ring_wait(h, r, RING_WAIT_MS);
			CHECK(!e, "core %u, batch %u of %u: %s", core, k, batches, strerror(-e));
			for (i = 0; i < H2D_BATCH; i++)
				CHECK(!memcmp(a + i * n, b + (H2D_BATCH - 1 - i) * n, n),
				      "core %u, batch %u, descriptor %u", core, k, i);
		}
	}
	return 0;
}

static int pointers_advance(struct host *h)
{
	struct ring *r = &h->h2d[3];
	uint64_t addr[4], src = ram_alloc(&h->ram, 4096, 4096);
	uint32_t v[4];
	int i, e, tries;

	addr[0] = ADDR_APB + ring_reg(r, M2S, UQ_HEAD);
	addr[1] = ADDR_APB + ring_reg(r, S2M, UQ_HEAD);
	addr[2] = ADDR_APB + ring_reg(r, M2S, UQ_TAIL);
	addr[3] = ADDR_APB + ring_reg(r, S2M, UQ_TAIL);
	ring_program(h, r);
	for (i = 0; i < 9; i++)
		ring_put(h, r, ADDR_DRAM0 + 4096, src | ADDR_HOST, 4096, 0);
	ring_put_mark(h, r);
	ring_kick(h, r);
	e = ring_wait(h, r, RING_WAIT_MS);
	CHECK(!e, "%s", strerror(-e));
	/* The marker may arrive before the head pointer does. */
	for (tries = 0; tries < 100; tries++) {
		e = fwio_read(h, addr, 4, v);
		CHECK(!e, "%s", strerror(-e));
		if ((v[0] & 0xffffff) == 10 && (v[1] & 0xffffff) == 10)
			break;
		usleep(10000);
	}
	for (i = 0; i < 4; i++)
		CHECK((v[i] & 0xffffff) == 10, "%s %s pointer is %u after 10 descriptors",
		      i & 1 ? "S2M" : "M2S", i < 2 ? "head" : "tail", v[i] & 0xffffff);
	return 0;
}

static int one_odd_copy(struct host *h, struct ring *r, uint64_t src, uint64_t dst, uint32_t n,
			uint32_t so, uint32_t to)
{
	const uint64_t room = 2 * DESC_MAX_BYTES;
	uint8_t *a = ram_at(&h->ram, src, room), *b = ram_at(&h->ram, dst, room);
	uint64_t dev = ADDR_DRAM0 + 0x7000000;
	uint32_t i;
	int e;

	host_fill(h, a, room);
	memset(b, 0xcc, room);
	e = ring_copy(h, r, dev, dst | ADDR_HOST, room);
	e = e ? e : ring_copy(h, r, dev + 512 + to, (src + so) | ADDR_HOST, n);
	CHECK(!e, "%u bytes +%u to +%u: %s", n, so, to, strerror(-e));
	/* All of the surroundings come back, so that a byte too many shows. */
	e = ring_copy(h, r, dst | ADDR_HOST, dev, room);
	CHECK(!e, "%s", strerror(-e));
	for (i = 0; i < room; i++) {
		bool in = i >= 512 + to && i < 512 + to + n;
		uint8_t want = in ? a[so + i - 512 - to] : 0xcc;

		CHECK(b[i] == want, "%u bytes +%u to +%u: byte %d is %02x, not %02x", n, so, to,
		      (int)i - 512 - (int)to, b[i], want);
	}
	/* And back, to an odd host address. */
	memset(b, 0xcc, room);
	e = ring_copy(h, r, (dst + 512 + so) | ADDR_HOST, dev + 512 + to, n);
	CHECK(!e, "%u bytes back: %s", n, strerror(-e));
	CHECK(!memcmp(b + 512 + so, a + so, n) && b[511 + so] == 0xcc &&
	      b[512 + so + n] == 0xcc, "%u bytes +%u back to +%u", n, to, so);
	return 0;
}

static int odd_sizes(struct host *h)
{
	static const uint32_t sizes[] = { 1, 2, 3, 5, 7, 63, 65, 4095, 4097, 65535, 65536 };
	static const uint32_t offs[][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 3, 3 }, { 7, 61 } };
	uint64_t src = ram_alloc(&h->ram, 2 * DESC_MAX_BYTES, 4096);
	uint64_t dst = ram_alloc(&h->ram, 2 * DESC_MAX_BYTES, 4096);
	size_t i, k;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (k = 0; k < 5; k++)
			if (one_odd_copy(h, &h->h2d[(i + k) % NCORES], src, dst, sizes[i],
					 offs[k][0], offs[k][1]))
				return -1;
	return 0;
}

static int dram_edges(struct host *h)
{
	const uint64_t len = 2 * DESC_MAX_BYTES;
	uint64_t src = ram_alloc(&h->ram, len, 4096), dst = ram_alloc(&h->ram, len, 4096);
	const uint64_t at[] = {
		ADDR_DRAM0, ADDR_DRAM0 + DRAM_CHANNEL - len, ADDR_DRAM1,
		ADDR_DRAM1 + DRAM_CHANNEL - len, ADDR_DRAM1 + 0x80000000 - 777,
	};
	uint8_t *a = ram_at(&h->ram, src, len), *b = ram_at(&h->ram, dst, len);
	size_t i;
	int e;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		host_fill(h, a, len);
		memset(b, 0, len);
		e = ring_copy(h, &h->h2d[2], at[i], src | ADDR_HOST, len);
		e = e ? e : ring_copy(h, &h->h2d[2], dst | ADDR_HOST, at[i], len);
		CHECK(!e, "0x%llx: %s", (unsigned long long)at[i], strerror(-e));
		CHECK(!memcmp(a, b, len), "0x%llx differs", (unsigned long long)at[i]);
		if (bar4_equals(h, at[i], a, len))
			return -1;
	}
	return 0;
}

static int axi1_alias(struct host *h)
{
	const uint64_t len = 100000;
	uint64_t src = ram_alloc(&h->ram, len, 4096), dst = ram_alloc(&h->ram, len, 4096);
	uint8_t *a = ram_at(&h->ram, src, len), *b = ram_at(&h->ram, dst, len);
	int i, e;

	for (i = 0; i < 2; i++) {
		uint64_t dev = (i ? ADDR_DRAM1 : ADDR_DRAM0) + 0x5000000;

		host_fill(h, a, len);
		memset(b, 0, len);
		e = ring_copy(h, &h->h2d[0], dev | ADDR_AXI1, src | ADDR_HOST, len);
		CHECK(!e, "to the alias: %s", strerror(-e));
		if (bar4_equals(h, dev, a, len))
			return -1;
		e = ring_copy(h, &h->h2d[1], dst | ADDR_HOST, dev | ADDR_AXI1, len);
		CHECK(!e, "from the alias: %s", strerror(-e));
		CHECK(!memcmp(a, b, len), "the alias of channel %d differs", i);
	}
	return 0;
}

static int host_layout(struct host *h)
{
	const uint64_t len = 96 << 10;
	const uint64_t at[] = {
		RAM_LOW0 + 0x1000, RAM_LOW0 + RAM_LOW0_SIZE - len, RAM_MAIN,
		RAM_HIGH + RAM_HIGH_SIZE - len, RAM_SPLIT_A, RAM_SPLIT_B + RAM_SPLIT_B_SIZE - len,
	};
	uint8_t *a = malloc(len);
	uint64_t dev = ADDR_DRAM1 + 0x6000000;
	size_t i;
	int e = 0;

	CHECK(a, "out of memory");
	for (i = 0; i < sizeof(at) / sizeof(at[0]) && !e; i++) {
		uint8_t *p = ram_at(&h->ram, at[i], len);

		host_fill(h, a, len);
		memcpy(p, a, len);
		e = ring_copy(h, &h->h2d[i % 4], dev, at[i] | ADDR_HOST, len);
		memset(p, 0, len);
		e = e ? e : ring_copy(h, &h->h2d[i % 4], at[i] | ADDR_HOST, dev, len);
		if (!e && memcmp(p, a, len))
			e = -EILSEQ;
		if (e)
			tap_diag("bus address 0x%llx", (unsigned long long)at[i]);
	}
	free(a);
	CHECK(!e, "%s", strerror(-e));
	return 0;
}

/* A guest does not know in which pieces its memory was mapped. */
static int across_mappings(struct host *h)
{
	const uint32_t half = 20001;
	uint64_t bus = RAM_SPLIT_B - half, dev = ADDR_DRAM0 + 0x6000000;
	uint8_t *a = ram_at(&h->ram, bus, half), *b = ram_at(&h->ram, RAM_SPLIT_B, half);
	uint8_t *want = malloc(2 * half);
	int e, same;

	CHECK(want, "out of memory");
	host_fill(h, want, 2 * half);
	memcpy(a, want, half);
	memcpy(b, want + half, half);
	e = ring_copy(h, &h->h2d[0], dev, bus | ADDR_HOST, 2 * half);
	memset(a, 0, half);
	memset(b, 0, half);
	e = e ? e : ring_copy(h, &h->h2d[0], bus | ADDR_HOST, dev, 2 * half);
	same = !memcmp(a, want, half) && !memcmp(b, want + half, half);
	free(want);
	CHECK(!e, "one descriptor over two adjacent mappings: %s", strerror(-e));
	CHECK(same, "data over two adjacent mappings differs");
	return 0;
}

static int from_rom(struct host *h)
{
	const uint64_t len = 8192;
	uint8_t *rom = ram_at(&h->ram, RAM_ROM, len);
	int e;

	host_fill(h, rom, len);
	e = ring_copy(h, &h->h2d[0], ADDR_DRAM0 + 0x100000, RAM_ROM | ADDR_HOST, len);
	CHECK(!e, "read-only memory as a source: %s", strerror(-e));
	return bar4_equals(h, ADDR_DRAM0 + 0x100000, rom, len);
}

/* Random sizes and places on all rings: a model of device memory is kept on the side. */
static int random_copies(struct host *h)
{
	const uint32_t room = 1 << 20;
	uint64_t src = ram_alloc(&h->ram, room, 4096), dev = ADDR_DRAM1 + 0x8000000;
	uint8_t *a = ram_at(&h->ram, src, room), *model = malloc(room);
	int i, k, e;

	CHECK(model, "out of memory");
	host_fill(h, a, room);
	memcpy(model, a, room);
	e = ring_copy(h, &h->h2d[0], dev, src | ADDR_HOST, room);
	for (i = 0; i < 60 && !e; i++) {
		struct ring *r = &h->h2d[host_random(h) % NCORES];

		for (k = host_random(h) % 40; k >= 0; k--) {
			uint32_t n = 1 + host_random(h) % DESC_MAX_BYTES;
			uint32_t so = host_random(h) % (room - n);
			uint32_t to = host_random(h) % (room - n);

			ring_put(h, r, dev + to, (src + so) | ADDR_HOST, n, k ? 0 : DESC_DMB);
			memcpy(model + to, a + so, n);
		}
		ring_put_mark(h, r);
		ring_kick(h, r);
		e = ring_wait(h, r, RING_WAIT_MS);
	}
	if (!e)
		e = bar4_equals(h, dev, model, room);
	free(model);
	CHECK(!e, "%d", e);
	return 0;
}

const struct test copy_tests[] = {
	{ "copy: 8 MiB host, DRAM0, DRAM1, host through each ring", round_trip,
	  NEED_READY | CLEAN },
	{ "copy: what BAR4 writes, DMA reads", bar4_to_dma, NEED_READY | CLEAN },
	{ "copy: four rings at once", four_at_once, NEED_READY | CLEAN },
	{ "copy: 2032 + 1 descriptors at once", full_batch, NEED_READY | CLEAN },
	{ "copy: rings wrap, the ring id goes 1 2 3 0 1", wrap, NEED_READY | CLEAN },
	{ "copy: head and tail pointers count descriptors", pointers_advance,
	  NEED_READY | CLEAN },
	{ "copy: odd sizes and addresses touch nothing else", odd_sizes, NEED_READY | CLEAN },
	{ "copy: first and last bytes of both DRAM channels", dram_edges, NEED_READY | CLEAN },
	{ "copy: AXI port 1 is an alias", axi1_alias, NEED_READY | CLEAN },
	{ "copy: all pieces of guest memory", host_layout, NEED_READY | CLEAN },
	{ "copy: one descriptor over two adjacent mappings", across_mappings,
	  NEED_READY | CLEAN },
	{ "copy: read-only guest memory is a fine source", from_rom, NEED_READY | CLEAN },
	{ "copy: 60 random batches against a model", random_copies, NEED_READY | CLEAN },
	{ 0 }
};
