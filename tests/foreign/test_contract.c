// SPDX-License-Identifier: Apache-2.0
/*
 * Register by register: what host software for the chip writes to an engine, and what it
 * takes apart when it reads the state of engines and queues.
 */
#include <errno.h>
#include <string.h>

#include "fwio.h"
#include "tests.h"

/* Where the driver for the chip writes when it sets up an engine; offsets in the engine. */
static const uint32_t engine_setup[] = {
	0x00124,			/* M2S outstanding transactions */
	0x00254, 0x00258,		/* packet length, stream */
	0x00304, 0x00308, 0x00310,	/* descriptors a packet, prefetch, data FIFO */
	0x00408,			/* application acknowledge */
	0x20124, 0x20128,		/* S2M outstanding reads, writes */
	0x20380, 0x2038c,		/* completion descriptors, application acknowledge */
	0x380e8, 0x3a000, 0x3a004, 0x3a300, 0x3a400, 0x3b460, 0x3c400, 0x3c7fc,
};

static int setup_registers(struct host *h)
{
	const size_t n = sizeof(engine_setup) / sizeof(engine_setup[0]);
	unsigned int core, e, i;
	uint64_t addr[32];
	uint32_t v[32];
	int err;

	for (core = 0; core < NCORES; core++) {
		for (e = 0; e < NENGINES / NCORES; e++) {
			for (i = 0; i < n; i++) {
				addr[i] = ADDR_APB + UDMA(core, e) + engine_setup[i];
				bar_w32(h, 0, UDMA(core, e) + engine_setup[i], 0x01000000 + i);
			}
			for (i = 0; i < 3; i++)
				addr[n + i] = ADDR_APB + TDMA(core, e) + 0x10 * i +
					      (i == 1 ? 0xc : 0);
			err = fwio_read(h, addr, n + 3, v);
			CHECK(!err, "core %u engine %u: %s", core, e, strerror(-err));
			for (i = 0; i < n; i++)
				CHECK(v[i] == 0x01000000 + i, "engine register 0x%x: 0x%x",
				      engine_setup[i], v[i]);
			CHECK(v[n] == 1 && v[n + 1] == 1 && v[n + 2] == ~1u,
			      "TDMA: 0x%x 0x%x 0x%x", v[n], v[n + 1], v[n + 2]);
			host_init_engine(h, core, e);
		}
	}
	return 0;
}

/* The state register has four fields of two bits: 0 idle, 1 normal, 2 abort. */
static int engine_state(struct host *h)
{
	static const struct {
		uint32_t change;
		uint32_t state;
	} want[] = { { 1, 1 }, { 2, 0 }, { 1, 1 }, { 4, 2 }, { 1, 1 } };
	const uint32_t b = UDMA(1, 0);
	uint64_t addr[2] = { ADDR_APB + b + M2S + 0x200, ADDR_APB + b + S2M + 0x200 };
	uint32_t v[2];
	unsigned int i, half, shift;
	int e;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		bar_w32(h, 0, b + M2S + UDMA_CHANGE_STATE, want[i].change);
		bar_w32(h, 0, b + S2M + UDMA_CHANGE_STATE, want[i].change);
		e = fwio_read(h, addr, 2, v);
		CHECK(!e, "%s", strerror(-e));
		for (half = 0; half < 2; half++)
			for (shift = 0; shift < 16; shift += 4)
				CHECK((v[half] >> shift & 3) == want[i].state,
				      "after %u: state 0x%x", want[i].change, v[half]);
	}
	return 0;
}

/* Head, tail and current pointer: 24 bits of index, the ring id above bit 30. */
static int ring_ids(struct host *h)
{
	uint64_t m = ram_alloc(&h->ram, 8192, 4096), addr[6];
	struct ring r;
	uint32_t v[6], i, k;
	int e;

	e = ring_create(h, &r, 3, 0, 7, 32);
	CHECK(!e, "%s", strerror(-e));
	ring_program(h, &r);
	for (i = 0; i < 6; i++)
		addr[i] = ADDR_APB + ring_reg(&r, i & 1 ? S2M : M2S,
					      (uint32_t[]){ UQ_HEAD, UQ_TAIL, 0x1040 }[i / 2]);
	e = fwio_read(h, addr, 6, v);
	CHECK(!e, "%s", strerror(-e));
	for (i = 0; i < 6; i++)
		CHECK(!v[i], "pointer %u is 0x%x after a queue reset", i, v[i]);
	/* Each copy is one descriptor and the marker's. */
	for (k = 1; k <= 100; k++) {
		e = ring_copy(h, &r, (m + 4096) | ADDR_HOST, m | ADDR_HOST, 64);
		CHECK(!e, "copy %u: %s", k, strerror(-e));
		if (k % 9)
			continue;
		e = fwio_read(h, addr, 6, v);
		CHECK(!e, "%s", strerror(-e));
		for (i = 0; i < 6; i++)
			CHECK((v[i] & 0xffffff) == k * 2 % 32 &&
			      v[i] >> 30 == ((1 + k * 2 / 32) & 3),
			      "after %u descriptors: pointer %u is 0x%x", k * 2, i, v[i]);
	}
	return 0;
}

/* Rings and data reached by way of the other AXI port, in both channels. */
static int second_port(struct host *h)
{
	static const uint64_t channel[] = { ADDR_DRAM0, ADDR_DRAM1 };
	uint64_t src = ram_alloc(&h->ram, 65536, 4096), dst = ram_alloc(&h->ram, 65536, 4096);
	uint8_t *a = ram_at(&h->ram, src, 65536), *b = ram_at(&h->ram, dst, 65536);
	struct ring r;
	unsigned int i, c;
	int e;

	for (c = 0; c < 2; c++) {
		e = ring_create(h, &r, c, 1, 2, 64);
		CHECK(!e, "%s", strerror(-e));
		/* The host writes descriptors without the port's bit, the engine reads with it. */
		r.m2s.desc = NULL;
		r.s2m.desc = NULL;
		for (i = 0; i < 2; i++) {
			struct ring_half *half = i ? &r.s2m : &r.m2s;

			half->addr = (channel[c] + 0x3000000 + i * 0x10000) | ADDR_AXI1;
		}
		ring_program(h, &r);
		r.m2s.addr &= ~ADDR_AXI1;
		r.s2m.addr &= ~ADDR_AXI1;
		host_fill(h, a, 65536);
		memset(b, 0, 65536);
		e = ring_copy(h, &r, channel[c] + 0x5000000, src | ADDR_HOST, 65536);
		e = e ? e : ring_copy(h, &r, dst | ADDR_HOST,
				      (channel[c] + 0x5000000) | ADDR_AXI1, 65536);
		CHECK(!e, "channel %u: %s", c, strerror(-e));
		CHECK(!memcmp(a, b, 65536), "channel %u: data differs", c);
	}
	return 0;
}

/* The largest packet is what cfg_len says: 0xfffff bytes, as hosts set it. */
static int packet_length(struct host *h)
{
	uint64_t src = ram_alloc(&h->ram, 1 << 20, 4096), dst = ram_alloc(&h->ram, 1 << 20, 4096);
	uint8_t *a = ram_at(&h->ram, src, 1 << 20), *b = ram_at(&h->ram, dst, 1 << 20);
	struct ring *r = &h->h2d[1];
	long mark = emu_log_mark(&h->emu);
	unsigned int i, over;
	int e;

	for (over = 0; over < 2; over++) {
		host_init_engine(h, 1, H2D_ENGINE);
		ring_program(h, r);
		host_fill(h, a, 1 << 20);
		memset(b, 0, 1 << 20);
		for (i = 0; i < 16; i++) {
			uint32_t len = i == 15 && !over ? 65535 : 65536;

			ring_put_s2m(h, r, (dst + i * 65536) | ADDR_HOST, len, 0);
			ring_put_m2s(h, r, (src + i * 65536) | ADDR_HOST, len,
				     (i ? 0 : DESC_FIRST) | (i == 15 ? DESC_LAST | DESC_DMB : 0));
		}
		ring_put_mark(h, r);
		ring_kick(h, r);
		e = ring_wait(h, r, over ? 100 : RING_WAIT_MS);
		if (!over) {
			CHECK(!e, "0xfffff bytes: %s", strerror(-e));
			CHECK(!memcmp(a, b, 0xfffff) && !b[0xfffff], "data differs");
			CHECK(!emu_log_count(&h->emu, mark, NULL, 0), "reported");
		} else {
			CHECK(e == -ETIMEDOUT && !b[0], "a longer packet was carried out");
			CHECK(emu_log_wait(&h->emu, mark, "udma-packet", 3000), "not named");
		}
	}
	ring_program(h, r);
	e = host_self_check(h, 4096);
	CHECK(!e, "afterwards: %s", strerror(-e));
	return 0;
}

/* The post carries the blob a second time, as the request's data. */
static int post_with_data(struct host *h)
{
	struct fwio_resp *resp = fwio_answer(h);
	uint32_t blob[MISC_METRICS_SIZE / 4], v[MISC_METRICS_SIZE / 4];
	uint64_t addr[MISC_METRICS_SIZE / 4];
	unsigned int i, n;
	int e;

	for (n = 4; n <= MISC_METRICS_SIZE; n += 31 * 4) {
		host_fill(h, blob, sizeof(blob));
		for (i = 0; i < n / 4; i++)
			bar_w32(h, 0, MISC_METRICS + 4 * i, blob[i]);
		e = fwio_call(h, FWIO_POST, blob, n);
		CHECK(!e && !resp->error, "%u bytes: %s, error %u", n, strerror(-e), resp->error);
		CHECK(resp->size <= sizeof(*resp) + n, "an answer of %u bytes", resp->size);
		for (i = 0; i < n / 4; i++)
			addr[i] = ADDR_APB + MISC_METRICS + 4 * i;
		e = fwio_read(h, addr, n / 4, v);
		CHECK(!e && !memcmp(v, blob, n), "the blob does not stay");
	}
	return 0;
}

/* Bytes of a marker never arrive before the data that DMB orders them behind. */
static int dmb_order(struct host *h)
{
	const uint32_t len = 4 << 20;
	uint64_t src = ram_alloc(&h->ram, len, 4096), dst = ram_alloc(&h->ram, len, 4096);
	uint8_t *a = ram_at(&h->ram, src, len), *b = ram_at(&h->ram, dst, len);
	unsigned int k, core;
	int e;

	for (k = 0; k < 8; k++) {
		core = k % NCORES;
		memset(a, k + 1, len);
		ring_start_copy(h, &h->h2d[core], dst | ADDR_HOST, src | ADDR_HOST, len);
		e = ring_wait(h, &h->h2d[core], RING_WAIT_MS);
		/* At the first sight of the marker the last byte must be there. */
		CHECK(!e && b[len - 1] == k + 1 && b[0] == k + 1,
		      "round %u: marker before data (0x%x)", k, b[len - 1]);
	}
	return 0;
}

/* Reads by the mailbox of @h, 100 at a time, and compares with what the BARs of @owner read. */
struct sweep {
	struct host *h, *owner;
	uint64_t space;		/* ADDR_AXI1, ADDR_EAST, ADDR_WEST */
	unsigned int n;
	uint64_t addr[100];
	uint32_t want[100];
	unsigned long all;
};

static int sweep_flush(struct sweep *s)
{
	uint32_t v[100];
	unsigned int i;
	int e = s->n ? fwio_read(s->h, s->addr, s->n, v) : 0;

	CHECK(!e, "%u registers from 0x%llx: %s", s->n, (unsigned long long)s->addr[0],
	      strerror(-e));
	for (i = 0; i < s->n; i++)
		CHECK(v[i] == s->want[i], "0x%llx: 0x%x by the mailbox, 0x%x in the BAR",
		      (unsigned long long)s->addr[i], v[i], s->want[i]);
	s->all += s->n;
	s->n = 0;
	return 0;
}

static int sweep(struct sweep *s, int bar, uint64_t off)
{
	s->addr[s->n] = ((bar ? ADDR_CORES : ADDR_APB) + off) | s->space;
	CHECK(!bar_read(s->owner, bar, off, &s->want[s->n], 4), "BAR%d + 0x%llx", bar,
	      (unsigned long long)off);
	return ++s->n == 100 ? sweep_flush(s) : 0;
}

static int sweep_engine(struct sweep *s, unsigned int core, unsigned int e)
{
	static const uint32_t queue[] = {
		UQ_CFG, UQ_STATUS, UQ_BASE_LO, UQ_BASE_HI, UQ_LENGTH, UQ_HEAD, UQ_TAIL_INC,
		UQ_TAIL, 0x1040, 0x1044, 0x1048, 0x104c, 0x10a0, 0x1054, 0x10b0, 0x1064,
	};
	static const uint32_t tdma[] = { 0, 0x1c, 0x20 };
	unsigned int q, i, bad = 0;

	for (q = 0; q < 2 * NQUEUES; q++)
		for (i = 0; i < sizeof(queue) / sizeof(queue[0]); i++)
			bad |= sweep(s, 0, UDMA(core, e) + (q & 1 ? S2M : M2S) + UQ(q / 2) +
				     queue[i]);
	for (i = 0; i < sizeof(engine_setup) / sizeof(engine_setup[0]); i++)
		bad |= sweep(s, 0, UDMA(core, e) + engine_setup[i]);
	for (i = 0; i < 4; i++)
		bad |= sweep(s, 0, UDMA(core, e) + (i & 1 ? S2M : M2S) + 0x200 + i / 2 * 4);
	for (i = 0; i < 3; i++)
		bad |= sweep(s, 0, TDMA(core, e) + tdma[i]);
	return bad ? -1 : 0;
}

static int sweep_core(struct sweep *s, unsigned int core)
{
	static const uint32_t sems[] = { CORE_SEM_READ, CORE_SEM_SET, CORE_SEM_INC, CORE_SEM_DEC };
	static const uint32_t queue[] = { 0, 4, 8, 0x18 };
	uint64_t base = (uint64_t)core * CORE_WINDOW;
	unsigned int i, k, bad = 0;

	for (i = 0; i < NEVENTS; i++)
		bad |= sweep(s, 2, base + CORE_EVENT + 4 * i);
	for (k = 0; k < 4; k++)
		for (i = 0; i < NSEMS; i++)
			bad |= sweep(s, 2, base + sems[k] + 4 * i);
	for (k = 0; k < 4; k++) {
		bad |= sweep(s, 0, PUTILS(core) + NQ_ERROR + queue[k]);
		bad |= sweep(s, 0, PUTILS(core) + NQ_EVENT + queue[k]);
		for (i = 0; i < NQ_INSTANCES; i++) {
			bad |= sweep(s, 0, PUTILS(core) + NQ_NOTIFY + i * NQ_STRIDE + queue[k]);
			bad |= sweep(s, 0, PUTILS(core) + NQ_TRACE + i * NQ_STRIDE + queue[k]);
		}
	}
	return bad ? -1 : 0;
}

/* Values by which a chip and a place in it are known. */
static void mark_chip(struct host *h, uint32_t mark)
{
	unsigned int core, e, i;

	for (core = 0; core < NCORES; core++) {
		for (i = 0; i < NEVENTS; i++)
			bar_w32(h, 2, (uint64_t)core * CORE_WINDOW + CORE_EVENT + 4 * i,
				mark << 24 | core << 16 | (i + 1));
		for (i = 0; i < NSEMS; i++)
			bar_w32(h, 2, (uint64_t)core * CORE_WINDOW + CORE_SEM_SET + 4 * i,
				mark << 24 | core << 16 | (i + 1));
		for (e = 0; e < NENGINES / NCORES; e++)
			for (i = 0; i < 2 * H2D_QUEUE; i++)
				bar_w32(h, 0, UDMA(core, e) + (i & 1 ? S2M : M2S) + UQ(i / 2) +
					UQ_BASE_LO, (mark << 24 | core << 20 | e << 16 | i << 8));
	}
}

int contract_sweep(struct host *h, struct host *owner, uint64_t space, uint32_t mark)
{
	/* Not the power sample, which moves, and not the addresses of the mailbox itself. */
	static const uint32_t misc[] = {
		MISC_API_VERSION, MISC_FW_STATUS, MISC_DEVICE_ID, MISC_RESET_MAP, MISC_RESET,
		MISC_DOORBELL,
	};
	struct sweep s = { .h = h, .owner = owner, .space = space };
	unsigned int i;

	mark_chip(owner, mark);
	for (i = 0; i < NENGINES; i++)
		if (sweep_engine(&s, i / 3, i % 3))
			return -1;
	for (i = 0; i < NCORES; i++)
		if (sweep_core(&s, i))
			return -1;
	for (i = 0; i < sizeof(misc) / sizeof(misc[0]); i++)
		if (sweep(&s, 0, misc[i]))
			return -1;
	for (i = 0; i < MISC_METRICS_SIZE; i += 4)
		if (sweep(&s, 0, MISC_METRICS + i))
			return -1;
	if (sweep_flush(&s))
		return -1;
	tap_diag("%lu registers", s.all);
	return 0;
}

static int all_addresses(struct host *h)
{
	return contract_sweep(h, h, 0, 1) || contract_sweep(h, h, ADDR_AXI1, 2);
}

/* One behind the last, as hosts with an error by one read it: an answer, then business as usual. */
static int one_behind(struct host *h)
{
	const uint64_t addr[] = {
		ADDR_CORES + CORE_SEM_READ + 4 * NSEMS, ADDR_CORES + CORE_EVENT + 4 * NEVENTS,
		ADDR_APB + INF_BAR0_SIZE, ADDR_CORES + INF_BAR2_SIZE, ADDR_EAST | ADDR_APB | MISC,
		ADDR_WEST | ADDR_APB | MISC, ADDR_DRAM0 + DRAM_CHANNEL, ADDR_HOST,
	};
	unsigned int i;
	uint32_t v;
	int e;

	for (i = 0; i < sizeof(addr) / sizeof(addr[0]); i++) {
		e = fwio_read1(h, addr[i], &v);
		CHECK(!e || e == -EIO, "0x%llx: %s", (unsigned long long)addr[i], strerror(-e));
	}
	e = fwio_read_apb(h, MISC_FW_STATUS, &v);
	CHECK(!e && v & FW_READY, "FW_STATUS 0x%x, %d", v, e);
	return 0;
}

/* Hosts for silicon reset cores with an empty map. */
static int empty_core_map(struct host *h)
{
	uint32_t v = 1;
	int i, e = 0;

	bar_w32(h, 2, CORE_WINDOW + CORE_SEM_SET, 0x321);
	bar_w32(h, 0, MISC_RESET_MAP, 0);
	bar_w32(h, 0, MISC_RESET, RESET_CORES);
	bar_w32(h, 0, MISC_DOORBELL, 1);
	for (i = 0; i < 100 && v && !e; i++)
		e = fwio_read_apb(h, MISC_RESET, &v);
	CHECK(!e && !v, "RESET is 0x%x: %s", v, strerror(-e));
	e = fwio_read1(h, ADDR_CORES + CORE_WINDOW + CORE_SEM_READ, &v);
	CHECK(!e && v == 0x321, "a core was wiped: 0x%x", v);
	e = host_self_check(h, 64 << 10);
	CHECK(!e, "copies: %s", strerror(-e));
	return 0;
}

const struct test contract_tests[] = {
	{ "contract: the mailbox reads every documented register, by both ports", all_addresses,
	  NEED_READY | CLEAN },
	{ "contract: the mailbox survives addresses one behind the last", one_behind, NEED_READY },
	{ "contract: a core reset with an empty map wipes nothing", empty_core_map,
	  NEED_READY | CLEAN },
	{ "contract: every register that sets up an engine holds what was written",
	  setup_registers, NEED_READY | CLEAN },
	{ "contract: engine state in four fields: idle, normal, abort", engine_state,
	  NEED_READY | CLEAN },
	{ "contract: head, tail and current pointers carry ring ids", ring_ids,
	  NEED_READY | CLEAN },
	{ "contract: rings and data through AXI port 1, both channels", second_port,
	  NEED_READY | CLEAN },
	{ "contract: packets up to what cfg_len says", packet_length, NEED_READY },
	{ "contract: POST with the blob as data", post_with_data, NEED_READY | CLEAN },
	{ "contract: a marker behind DMB comes after the data", dmb_order, NEED_READY | CLEAN },
	{ 0 }
};
