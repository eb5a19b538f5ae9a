// SPDX-License-Identifier: Apache-2.0
/* Packets as users build them, other engines and queues, targets that are not memory. */
#include <errno.h>
#include <string.h>

#include "fwio.h"
#include "tests.h"

/* n descriptors a side in one packet, lengths pairwise equal. */
static int paired_packet(struct host *h, struct ring *r, uint64_t src, uint64_t dst,
			 unsigned int n, uint32_t len)
{
	uint8_t *a = ram_at(&h->ram, src, n * len), *b = ram_at(&h->ram, dst, n * len);
	unsigned int i;
	int e;

	host_fill(h, a, n * len);
	memset(b, 0, n * len);
	for (i = 0; i < n; i++) {
		ring_put_s2m(h, r, (dst + i * len) | ADDR_HOST, len, 0);
		ring_put_m2s(h, r, (src + i * len) | ADDR_HOST, len,
			     (i ? 0 : DESC_FIRST) | (i == n - 1 ? DESC_LAST | DESC_DMB : 0));
	}
	ring_put_mark(h, r);
	ring_kick(h, r);
	e = ring_wait(h, r, RING_WAIT_MS);
	CHECK(!e, "packet of %u x %u bytes: %s", n, len, strerror(-e));
	CHECK(!memcmp(a, b, n * len), "packet of %u x %u bytes differs", n, len);
	return 0;
}

static int user_packets(struct host *h)
{
	static const unsigned int counts[] = { 2, 3, 17, 127, 128 };
	uint64_t src = ram_alloc(&h->ram, 1 << 20, 4096), dst = ram_alloc(&h->ram, 1 << 20, 4096);
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (paired_packet(h, &h->h2d[i % NCORES], src, dst, counts[i], 1000 + i))
			return -1;
	return 0;
}

/* A stream has no descriptor boundaries: three sources into one destination. */
static int gather(struct host *h)
{
	uint64_t src = ram_alloc(&h->ram, 65536, 4096), dst = ram_alloc(&h->ram, 65536, 4096);
	uint8_t *a = ram_at(&h->ram, src, 65536), *b = ram_at(&h->ram, dst, 65536);
	struct ring *r = &h->h2d[1];
	int e;

	host_fill(h, a, 65536);
	memset(b, 0, 65536);
	ring_put_s2m(h, r, dst | ADDR_HOST, 600, 0);
	ring_put_m2s(h, r, (src + 1000) | ADDR_HOST, 100, DESC_FIRST);
	ring_put_m2s(h, r, (src + 3000) | ADDR_HOST, 200, 0);
	ring_put_m2s(h, r, (src + 7000) | ADDR_HOST, 300, DESC_LAST | DESC_DMB);
	ring_put_mark(h, r);
	ring_kick(h, r);
	e = ring_wait(h, r, RING_WAIT_MS);
	CHECK(!e, "%s", strerror(-e));
	CHECK(!memcmp(b, a + 1000, 100) && !memcmp(b + 100, a + 3000, 200) &&
	      !memcmp(b + 300, a + 7000, 300), "gathered data differs");
	CHECK(!b[600], "a byte too many");
	return 0;
}

static int every_queue(struct host *h)
{
	uint64_t src = ram_alloc(&h->ram, 8192, 4096), dst = ram_alloc(&h->ram, 8192, 4096);
	uint8_t *a = ram_at(&h->ram, src, 8192), *b = ram_at(&h->ram, dst, 8192);
	unsigned int core, eng, q;
	struct ring r;
	int e;

	for (core = 0; core < NCORES; core++) {
		for (eng = 0; eng < 3; eng++) {
			for (q = 0; q < NQUEUES; q++) {
				if (eng == H2D_ENGINE && q == H2D_QUEUE)
					continue;
				e = ring_create(h, &r, core, eng, q, 64);
				CHECK(!e, "%s", strerror(-e));
				ring_program(h, &r);
				host_fill(h, a, 8192);
				e = ring_copy(h, &r, dst | ADDR_HOST, src | ADDR_HOST, 8192);
				CHECK(!e, "core %u engine %u queue %u: %s", core, eng, q,
				      strerror(-e));
				CHECK(!memcmp(a, b, 8192), "core %u engine %u queue %u", core, eng,
				      q);
			}
		}
	}
	return 0;
}

/* Three laps of rings of several lengths: wrap is by length, not by 8192. */
static int ring_lengths(struct host *h)
{
	static const uint32_t lengths[] = { 32, 33, 100, 256, 1000 };
	uint64_t src = ram_alloc(&h->ram, 4096, 4096), dst = ram_alloc(&h->ram, 4096, 4096);
	uint8_t *a = ram_at(&h->ram, src, 4096), *b = ram_at(&h->ram, dst, 4096);
	struct ring r;
	uint32_t i, k;
	int e;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		e = ring_create(h, &r, 1, 0, 3, lengths[i]);
		CHECK(!e, "%s", strerror(-e));
		ring_program(h, &r);
		for (k = 0; k < 3 * lengths[i] / 2 + 2; k++) {
			host_fill(h, a, 128);
			e = ring_copy(h, &r, dst | ADDR_HOST, src | ADDR_HOST, 128);
			CHECK(!e, "ring of %u, copy %u: %s", lengths[i], k, strerror(-e));
			CHECK(!memcmp(a, b, 128), "ring of %u, copy %u", lengths[i], k);
		}
	}
	return 0;
}

static int ring_in_dram(struct host *h)
{
	uint64_t src = ram_alloc(&h->ram, 65536, 4096), dst = ram_alloc(&h->ram, 65536, 4096);
	uint8_t *a = ram_at(&h->ram, src, 65536), *b = ram_at(&h->ram, dst, 65536);
	struct ring r;
	int i, e;

	e = ring_create(h, &r, 2, 1, 5, 64);
	CHECK(!e, "%s", strerror(-e));
	r.m2s.desc = NULL;
	r.s2m.desc = NULL;
	r.m2s.addr = ADDR_DRAM0 + 0x2000000;
	r.s2m.addr = ADDR_DRAM1 + 0x2000000;
	ring_program(h, &r);
	for (i = 0; i < 70; i++) {
		host_fill(h, a, 1000);
		e = ring_copy(h, &r, dst | ADDR_HOST, src | ADDR_HOST, 1000);
		CHECK(!e, "copy %d: %s", i, strerror(-e));
		CHECK(!memcmp(a, b, 1000), "copy %d", i);
	}
	return 0;
}

/* Data that S2M has no room for yet waits for it: rings are rung one after the other. */
static int late_s2m(struct host *h)
{
	uint64_t src = ram_alloc(&h->ram, 4096, 4096), dst = ram_alloc(&h->ram, 4096, 4096);
	uint8_t *a = ram_at(&h->ram, src, 4096), *b = ram_at(&h->ram, dst, 4096);
	struct ring *r = &h->h2d[2];
	uint32_t n;
	int e;

	host_fill(h, a, 4096);
	memset(b, 0, 4096);
	ring_put(h, r, dst | ADDR_HOST, src | ADDR_HOST, 4096, DESC_DMB);
	ring_put_mark(h, r);
	n = r->s2m.pending;
	r->s2m.pending = 0;
	ring_kick(h, r);
	e = ring_wait(h, r, 100);
	CHECK(e == -ETIMEDOUT && !b[0] && !b[4095], "data without a destination");
	bar_w32(h, 0, ring_reg(r, S2M, UQ_TAIL_INC), n);
	e = ring_wait(h, r, RING_WAIT_MS);
	CHECK(!e, "after the S2M doorbell: %s", strerror(-e));
	CHECK(!memcmp(a, b, 4096), "data differs");
	return 0;
}

/* Two doorbells of one descriptor each equal one doorbell of two. */
static int one_by_one(struct host *h)
{
	uint64_t src = ram_alloc(&h->ram, 65536, 4096), dst = ram_alloc(&h->ram, 65536, 4096);
	uint8_t *a = ram_at(&h->ram, src, 65536), *b = ram_at(&h->ram, dst, 65536);
	struct ring *r = &h->h2d[3];
	int i, e;

	host_fill(h, a, 65536);
	memset(b, 0, 65536);
	for (i = 0; i < 256; i++) {
		ring_put(h, r, (dst + i * 256) | ADDR_HOST, (src + i * 256) | ADDR_HOST, 256,
			 i == 255 ? DESC_DMB : 0);
		ring_kick(h, r);
	}
	ring_put_mark(h, r);
	ring_kick(h, r);
	e = ring_wait(h, r, RING_WAIT_MS);
	CHECK(!e, "%s", strerror(-e));
	CHECK(!memcmp(a, b, 65536), "data differs");
	return 0;
}

static int to_registers(struct host *h)
{
	uint64_t mem = ram_alloc(&h->ram, 64, 64), sem = ADDR_CORES + 2 * CORE_WINDOW;
	uint32_t *p = (void *)ram_at(&h->ram, mem, 64), v[3];
	uint64_t addr[3] = {
		ADDR_APB + MISC_DEVICE_ID, sem + CORE_SEM_READ + 4 * 9, sem + CORE_EVENT + 4 * 200,
	};
	struct ring *r = &h->h2d[0];
	int e;

	bar_w32(h, 2, 2 * CORE_WINDOW + CORE_SEM_SET + 4 * 9, 0);
	bar_w32(h, 2, 2 * CORE_WINDOW + CORE_EVENT + 4 * 200, 0);
	p[0] = 0x77;
	p[1] = 41;
	p[2] = 1;
	p[3] = 1;
	ring_put(h, r, addr[0], mem | ADDR_HOST, 4, 0);
	ring_put(h, r, sem + CORE_SEM_SET + 4 * 9, (mem + 4) | ADDR_HOST, 4, DESC_DMB);
	ring_put(h, r, sem + CORE_SEM_INC + 4 * 9, (mem + 8) | ADDR_HOST, 4, 0);
	ring_put(h, r, addr[2], (mem + 12) | ADDR_HOST, 4, DESC_DMB);
	ring_put_mark(h, r);
	ring_kick(h, r);
	e = ring_wait(h, r, RING_WAIT_MS);
	CHECK(!e, "%s", strerror(-e));
	e = fwio_read(h, addr, 3, v);
	CHECK(!e, "%s", strerror(-e));
	CHECK(v[0] == 0x77, "DEVICE_ID by DMA: 0x%x", v[0]);
	CHECK(v[1] == 42, "semaphore set to 41 and incremented by DMA: %u", v[1]);
	CHECK(v[2] == 1, "event by DMA: %u", v[2]);
	return 0;
}

static int from_registers(struct host *h)
{
	uint64_t mem = ram_alloc(&h->ram, 64, 64);
	uint32_t *p = (void *)ram_at(&h->ram, mem, 64);
	int e;

	bar_w32(h, 0, MISC_DEVICE_ID, 0x4321);
	bar_w32(h, 2, 3 * CORE_WINDOW + CORE_SEM_SET + 4 * 31, 99);
	memset(p, 0, 64);
	e = ring_copy(h, &h->h2d[1], mem | ADDR_HOST, ADDR_APB + MISC_DEVICE_ID, 4);
	e = e ? e : ring_copy(h, &h->h2d[1], (mem + 4) | ADDR_HOST,
			      ADDR_CORES + 3 * CORE_WINDOW + CORE_SEM_READ + 4 * 31, 4);
	CHECK(!e, "%s", strerror(-e));
	CHECK(p[0] == 0x4321, "DEVICE_ID by DMA: 0x%x", p[0]);
	CHECK(p[1] == 99, "semaphore by DMA: %u", p[1]);
	return 0;
}

const struct test packet_tests[] = {
	{ "packet: up to 128 descriptors a side", user_packets, NEED_READY | CLEAN },
	{ "packet: three sources, one destination", gather, NEED_READY | CLEAN },
	{ "packet: a doorbell for each descriptor", one_by_one, NEED_READY | CLEAN },
	{ "packet: M2S waits for a late S2M doorbell", late_s2m, NEED_READY | CLEAN },
	{ "packet: all 16 queues of all 12 engines", every_queue, NEED_READY | CLEAN },
	{ "packet: rings of other lengths wrap where they end", ring_lengths,
	  NEED_READY | CLEAN },
	{ "packet: rings in device DRAM", ring_in_dram, NEED_READY | CLEAN },
	{ "packet: DMA to misc RAM, semaphores, events", to_registers, NEED_READY | CLEAN },
	{ "packet: DMA from misc RAM and semaphores", from_registers, NEED_READY | CLEAN },
	{ 0 }
};
