// SPDX-License-Identifier: Apache-2.0
/*
 * What a broken host does to the DMA engines. Each mistake has to be named on
 * the emulator's stderr, and after a reset the device has to work again.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define LOG_MS 3000
#define RW (VU_DMA_READABLE | VU_DMA_WRITABLE)

struct bench {
	uint64_t src;
	uint64_t dst;
	uint8_t *a;
	uint8_t *b;
	long mark;
	struct ring *r;
};

#define BENCH_BYTES (128u << 10)

/* Fresh buffers, b all 0xdd; from here on errors are looked for. */
static int set_up(struct host *h, struct bench *t, unsigned int core)
{
	t->src = ram_alloc(&h->ram, BENCH_BYTES, 4096);
	t->dst = ram_alloc(&h->ram, BENCH_BYTES, 4096);
	CHECK(t->src && t->dst, "guest memory used up");
	t->a = ram_at(&h->ram, t->src, BENCH_BYTES);
	t->b = ram_at(&h->ram, t->dst, BENCH_BYTES);
	host_fill(h, t->a, BENCH_BYTES);
	memset(t->b, 0xdd, BENCH_BYTES);
	t->r = &h->h2d[core];
	t->mark = emu_log_mark(&h->emu);
	return 0;
}

static bool untouched(const uint8_t *p, size_t n)
{
	while (n--)
		if (*p++ != 0xdd)
			return false;
	return true;
}

static int works_again(struct host *h)
{
	int e;

	CHECK(host_alive(h), "the server is gone");
	e = host_bring_up(h, BRING_UP_RESET, 1);
	CHECK(!e, "no bring-up afterwards: %s", strerror(-e));
	e = host_self_check(h, 64 << 10);
	CHECK(!e, "no copy after reset and bring-up: %s", strerror(-e));
	return 0;
}

/* The mistake was named; then all is well again. */
static int named(struct host *h, struct bench *t, const char *word, const char *what)
{
	char line[512] = "nothing";
	int n;

	if (!emu_log_wait(&h->emu, t->mark, word, LOG_MS)) {
		n = emu_log_count(&h->emu, t->mark, line, sizeof(line));
		CHECK(0, "%s: no guest-error *%s*; %d logged, first: %s", what, word, n, line);
	}
	return works_again(h);
}

static int ring_id(struct host *h)
{
	unsigned int half, delta, at;
	struct ring_half *rh;
	struct bench t;
	int e;

	for (half = 0; half < 2; half++) {
		for (delta = 1; delta < 4; delta++) {
			if (set_up(h, &t, half))
				return -1;
			rh = half ? &t.r->s2m : &t.r->m2s;
			at = rh->next;
			ring_put(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
			rh->desc[at].ctrl ^= DESC_RING_ID(delta);
			ring_put_mark(h, t.r);
			ring_kick(h, t.r);
			CHECK(emu_log_wait(&h->emu, t.mark, "ring-id", LOG_MS),
			      "%s ring id off by a XOR of %u: no guest-error *ring-id*",
			      half ? "S2M" : "M2S", delta);
			CHECK(untouched(t.b, 4096), "the descriptor was acted on");
			/* One queue's trouble is not another core's. */
			e = ring_copy(h, &h->h2d[2], t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096);
			CHECK(!e && !memcmp(t.a, t.b, 4096), "another ring stopped, too");
			if (works_again(h))
				return -1;
		}
	}
	return 0;
}

/* The tail runs over a descriptor that was never written. */
static int stale_descriptor(struct host *h)
{
	struct bench t;

	if (set_up(h, &t, 1))
		return -1;
	memset(t.r->m2s.desc, 0, H2D_DESCS * sizeof(struct udma_desc));
	memset(t.r->s2m.desc, 0, H2D_DESCS * sizeof(struct udma_desc));
	ring_put(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
	t.r->m2s.pending++;
	t.r->s2m.pending++;
	ring_kick(h, t.r);
	return named(h, &t, "ring-id", "tail beyond the last descriptor");
}

static int queue_reset_recovers(struct host *h)
{
	struct bench t;
	int e;

	if (set_up(h, &t, 0))
		return -1;
	ring_put(h, t.r, t.dst | ADDR_HOST, RAM_HOLE | ADDR_HOST, 4096, 0);
	ring_put_mark(h, t.r);
	ring_kick(h, t.r);
	CHECK(emu_log_wait(&h->emu, t.mark, "dma-unmapped", LOG_MS), "no guest-error dma-unmapped");
	ring_program(h, t.r);
	e = ring_copy(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096);
	CHECK(!e, "the queue does not work after a queue reset: %s", strerror(-e));
	CHECK(!memcmp(t.a, t.b, 4096), "data differs");
	return works_again(h);
}

static int unmapped(struct host *h)
{
	const uint64_t end = RAM_HIGH + RAM_HIGH_SIZE;
	const struct {
		const char *what;
		uint64_t addr;
		uint32_t len;
		bool write;
	} cases[] = {
		{ "source in a hole", RAM_HOLE, 4096, false },
		{ "destination in a hole", RAM_HOLE, 4096, true },
		{ "source that runs over the end", end - 32768, 65536, false },
		{ "destination that runs over the end", end - 32768, 65536, true },
		{ "source one byte over the end", end - 4095, 4096, false },
		{ "destination one byte over the end", end - 4095, 4096, true },
		{ "source that starts before a mapping", RAM_HIGH - 100, 4096, false },
		{ "last address of the host window", (1ull << 44) - 4, 4, true },
	};
	struct bench t;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t x = cases[i].addr | ADDR_HOST;

		if (set_up(h, &t, i % NCORES))
			return -1;
		if (cases[i].write)
			ring_put(h, t.r, x, t.src | ADDR_HOST, cases[i].len, 0);
		else
			ring_put(h, t.r, t.dst | ADDR_HOST, x, cases[i].len, 0);
		ring_put_mark(h, t.r);
		ring_kick(h, t.r);
		if (named(h, &t, "dma-unmapped", cases[i].what))
			return -1;
	}
	return 0;
}

static int read_only(struct host *h)
{
	uint8_t *rom = ram_at(&h->ram, RAM_ROM, 4096);
	struct bench t;

	if (set_up(h, &t, 0))
		return -1;
	memset(rom, 0xdd, 4096);
	ring_put(h, t.r, RAM_ROM | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
	ring_kick(h, t.r);
	if (named(h, &t, "dma-", "destination in read-only memory"))
		return -1;
	CHECK(untouched(rom, 4096), "read-only memory was written");
	return 0;
}

static int length_mismatch(struct host *h)
{
	static const uint32_t pair[][2] = { { 4096, 2048 }, { 2048, 4096 }, { 1, 2 }, { 65536, 1 } };
	struct bench t;
	uint64_t other;
	size_t i, k;

	for (i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		if (set_up(h, &t, i))
			return -1;
		other = ram_alloc(&h->ram, 8192, 4096);
		ring_put_s2m(h, t.r, t.dst | ADDR_HOST, pair[i][1], 0);
		ring_put_m2s(h, t.r, t.src | ADDR_HOST, pair[i][0], DESC_FIRST | DESC_LAST);
		/*
		 * S2M room behind it, so that a chip that lets a packet run over several
		 * S2M descriptors cannot wait for more, and ends within one.
		 */
		for (k = 0; k < 20; k++)
			ring_put(h, t.r, other | ADDR_HOST, t.src | ADDR_HOST, 5000, 0);
		ring_kick(h, t.r);
		if (named(h, &t, "udma-length", "M2S and S2M lengths differ"))
			return -1;
		CHECK(untouched(t.b + pair[i][1], 4096), "bytes beyond the S2M descriptor");
	}
	return 0;
}

static int disabled_queue(struct host *h)
{
	unsigned int half;
	struct bench t;

	for (half = 0; half < 2; half++) {
		if (set_up(h, &t, 1))
			return -1;
		bar_w32(h, 0, ring_reg(t.r, half ? S2M : M2S, UQ_CFG), UQ_CFG_RESET_VALUE);
		ring_put(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
		ring_kick(h, t.r);
		CHECK(emu_log_wait(&h->emu, t.mark, "", LOG_MS),
		      "doorbell of a disabled %s queue: no guest-error", half ? "S2M" : "M2S");
		CHECK(untouched(t.b, 4096), "a disabled queue copied");
		if (works_again(h))
			return -1;
	}
	return 0;
}

static int reset_queue(struct host *h)
{
	struct bench t;

	if (set_up(h, &t, 2))
		return -1;
	bar_w32(h, 0, ring_reg(t.r, M2S, UQ_CFG), UQ_CFG_RESET_VALUE);
	bar_w32(h, 0, ring_reg(t.r, S2M, UQ_CFG), UQ_CFG_RESET_VALUE);
	bar_w32(h, 0, ring_reg(t.r, M2S, UQ_M2S_SW_CTRL), UQ_SW_RESET);
	bar_w32(h, 0, ring_reg(t.r, S2M, UQ_S2M_SW_CTRL), UQ_SW_RESET);
	ring_put(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
	ring_kick(h, t.r);
	if (named(h, &t, "", "doorbell of a queue that was just reset"))
		return -1;
	CHECK(untouched(t.b, 4096), "a reset queue copied");
	/* And one that the engine's initialisation enabled but nobody gave a ring. */
	t.mark = emu_log_mark(&h->emu);
	bar_w32(h, 0, UDMA(0, 1) + S2M + UQ(7) + UQ_TAIL_INC, 1);
	bar_w32(h, 0, UDMA(0, 1) + M2S + UQ(7) + UQ_TAIL_INC, 1);
	return named(h, &t, "", "doorbell of a queue without a ring");
}

static int bad_base(struct host *h)
{
	static const struct {
		const char *what, *word;
		uint64_t base;
	} cases[] = {
		{ "unaligned ring base", "", 0x11 },
		{ "ring in a hole of host memory", "dma-unmapped", ADDR_HOST | RAM_HOLE },
		{ "ring at a device address where nothing is", "", 0x0800000000ull },
		{ "ring in the registers", "", ADDR_APB + 0x1000 },
		{ "ring base of all ones", "", ~0ull },
	};
	struct bench t;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ring r;
		uint64_t m2s, s2m;

		if (set_up(h, &t, 0))
			return -1;
		CHECK(!ring_create(h, &r, 0, 0, 4, 64), "guest memory used up");
		m2s = r.m2s.addr;
		s2m = r.s2m.addr;
		r.m2s.addr = i ? cases[i].base : m2s | cases[i].base;
		r.s2m.addr = i ? cases[i].base : s2m | cases[i].base;
		ring_program(h, &r);
		ring_put(h, &r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
		ring_kick(h, &r);
		if (named(h, &t, cases[i].word, cases[i].what))
			return -1;
	}
	return 0;
}

static int bad_tail(struct host *h)
{
	static const uint32_t inc[] = { H2D_DESCS + 1, 9000, 0xffffff, 0x7fffffff, 0xffffffff };
	struct bench t;
	size_t i;

	for (i = 0; i < sizeof(inc) / sizeof(inc[0]); i++) {
		if (set_up(h, &t, i % NCORES))
			return -1;
		memset(t.r->m2s.desc, 0, H2D_DESCS * sizeof(struct udma_desc));
		memset(t.r->s2m.desc, 0, H2D_DESCS * sizeof(struct udma_desc));
		bar_w32(h, 0, ring_reg(t.r, S2M, UQ_TAIL_INC), inc[i]);
		bar_w32(h, 0, ring_reg(t.r, M2S, UQ_TAIL_INC), inc[i]);
		if (named(h, &t, "", "tail increment larger than the ring"))
			return -1;
	}
	/* In two steps that are each smaller than the ring; M2S alone, so nothing drains. */
	if (set_up(h, &t, 0))
		return -1;
	bar_w32(h, 0, ring_reg(t.r, S2M, UQ_TAIL_INC), 8000);
	bar_w32(h, 0, ring_reg(t.r, S2M, UQ_TAIL_INC), 8000);
	return named(h, &t, "", "two tail increments larger than the ring");
}

static int bad_length(struct host *h)
{
	static const uint32_t length[] = { 0, 1, 0xffffff, 0xffffffff };
	struct bench t;
	struct ring r;
	size_t i;

	for (i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		if (set_up(h, &t, 0))
			return -1;
		CHECK(!ring_create(h, &r, 3, 1, 9, 64), "guest memory used up");
		r.size = length[i];
		ring_program(h, &r);
		r.size = 64;
		ring_put(h, &r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
		ring_put(h, &r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 4096, 0);
		ring_kick(h, &r);
		usleep(50000);
		if (works_again(h))
			return -1;
	}
	return 0;
}

static int bad_device_address(struct host *h)
{
	static const uint64_t addr[] = {
		0x0800000000ull,			/* between the DRAM channels */
		ADDR_DRAM0 + DRAM_CHANNEL - 100,	/* over the end of channel 0 */
		ADDR_DRAM1 + DRAM_CHANNEL - 100,
		ADDR_CORES + 4 * CORE_WINDOW,		/* behind the last core */
		ADDR_APB + INF_BAR0_SIZE - 100,
		ADDR_EAST | 0x1000, ADDR_WEST | 0x1000,	/* neighbours that are not there */
		1ull << 48, ~0ull,
	};
	struct bench t;
	size_t i;
	int dir;

	for (i = 0; i < sizeof(addr) / sizeof(addr[0]); i++) {
		for (dir = 0; dir < 2; dir++) {
			if (set_up(h, &t, i % NCORES))
				return -1;
			if (dir)
				ring_put(h, t.r, addr[i], t.src | ADDR_HOST, 4096, 0);
			else
				ring_put(h, t.r, t.dst | ADDR_HOST, addr[i], 4096, 0);
			ring_kick(h, t.r);
			if (!emu_log_wait(&h->emu, t.mark, "", LOG_MS))
				CHECK(0, "device address 0x%llx as a %s: no guest-error",
				      (unsigned long long)addr[i], dir ? "destination" : "source");
			if (works_again(h))
				return -1;
		}
	}
	return 0;
}

static int bulk_to_registers(struct host *h)
{
	static const uint64_t addr[] = {
		ADDR_APB, ADDR_APB + MISC, ADDR_APB + 0x40000, ADDR_APB + 0x404000,
		ADDR_CORES + CORE_EVENT, ADDR_CORES + CORE_PE_FIFO, ADDR_CORES,
	};
	struct bench t;
	size_t i;

	/* Random bytes over whole blocks of registers, and odd pieces of them. */
	for (i = 0; i < sizeof(addr) / sizeof(addr[0]); i++) {
		if (set_up(h, &t, 0))
			return -1;
		ring_put(h, t.r, addr[i], t.src | ADDR_HOST, 65536, 0);
		ring_put(h, t.r, addr[i] + 1, t.src | ADDR_HOST, 7, 0);
		ring_put(h, t.r, t.dst | ADDR_HOST, addr[i] + 2, 65536, 0);
		ring_kick(h, t.r);
		usleep(50000);
		CHECK(host_alive(h), "64 KiB of noise at 0x%llx", (unsigned long long)addr[i]);
		/* That may have reset or halted anything: the bus's reset is the way out. */
		CHECK(!vu_reset(&h->vu) && !host_enable(h), "device reset");
		if (works_again(h))
			return -1;
	}
	return 0;
}

static int long_packet(struct host *h)
{
	static const unsigned int counts[] = { 129, 500, 4000 };
	struct bench t;
	unsigned int i, k;

	for (k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		if (set_up(h, &t, k))
			return -1;
		for (i = 0; i < counts[k]; i++) {
			ring_put_s2m(h, t.r, t.dst | ADDR_HOST, 16, 0);
			ring_put_m2s(h, t.r, t.src | ADDR_HOST, 16,
				     (i ? 0 : DESC_FIRST) | (i == counts[k] - 1 ? DESC_LAST : 0));
		}
		ring_kick(h, t.r);
		if (named(h, &t, "udma", "packet of more than 128 descriptors"))
			return -1;
	}
	return 0;
}

static int malformed(struct host *h)
{
	struct udma_desc *m2s, *s2m;
	struct bench t;
	int i;

	for (i = 0; i < 8; i++) {
		if (set_up(h, &t, i % NCORES))
			return -1;
		m2s = &t.r->m2s.desc[t.r->m2s.next];
		s2m = &t.r->s2m.desc[t.r->s2m.next];
		ring_put_s2m(h, t.r, t.dst | ADDR_HOST, 4096, i == 5 ? DESC_FIRST : 0);
		ring_put_m2s(h, t.r, t.src | ADDR_HOST, 4096,
			     i == 0 ? 0 : i == 1 ? DESC_FIRST : i == 2 ? DESC_LAST :
			     DESC_FIRST | DESC_LAST);
		if (i == 3)
			m2s->xfer = 0xffffffff;
		if (i == 4)
			m2s->ctrl |= 0xb0ff0000 & ~DESC_RING_ID(3);
		if (i == 6)
			s2m->xfer = 0xffffffff;
		if (i == 7)
			memset(m2s, 0xff, sizeof(*m2s));
		ring_put_mark(h, t.r);
		ring_kick(h, t.r);
		usleep(30000);
		if (works_again(h)) {
			tap_diag("malformed descriptor %d", i);
			return -1;
		}
	}
	return 0;
}

static int engine_states(struct host *h)
{
	static const uint32_t state[] = { 2, 4, 7, 0, 0xffffffff };
	struct bench t;
	size_t i;

	for (i = 0; i < sizeof(state) / sizeof(state[0]); i++) {
		if (set_up(h, &t, 0))
			return -1;
		bar_w32(h, 0, UDMA(0, H2D_ENGINE) + M2S + UDMA_CHANGE_STATE, state[i]);
		bar_w32(h, 0, UDMA(0, H2D_ENGINE) + S2M + UDMA_CHANGE_STATE, state[i]);
		ring_start_copy(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 65536);
		usleep(50000);
		if (state[i] == 2)
			CHECK(untouched(t.b, 65536), "a disabled engine copied");
		if (works_again(h))
			return -1;
	}
	return 0;
}

/* Hardware cannot know that the doorbell it writes is its own. */
static int own_doorbell(struct host *h)
{
	struct bench t;
	int e;

	if (set_up(h, &t, 3))
		return -1;
	*(uint32_t *)t.a = 1;
	ring_put(h, t.r, ADDR_APB + ring_reg(t.r, S2M, UQ_TAIL_INC), t.src | ADDR_HOST, 4, 0);
	ring_put(h, t.r, ADDR_APB + ring_reg(t.r, M2S, UQ_TAIL_INC), t.src | ADDR_HOST, 4, 0);
	/* The marker's descriptor is there, but only DMA moves the tail over it. */
	ring_put_mark(h, t.r);
	t.r->m2s.pending = 2;
	t.r->s2m.pending = 2;
	ring_kick(h, t.r);
	e = ring_wait(h, t.r, 1000);
	CHECK(!e || emu_log_wait(&h->emu, t.mark, "", 0), "DMA to the own doorbell: nothing");
	return works_again(h);
}

static int own_reset(struct host *h)
{
	struct bench t;

	if (set_up(h, &t, 0))
		return -1;
	*(uint32_t *)t.a = RESET_DEVICE;
	ring_put(h, t.r, ADDR_APB + MISC_RESET, t.src | ADDR_HOST, 4, 0);
	ring_put(h, t.r, ADDR_APB + MISC_DOORBELL, t.src | ADDR_HOST, 4, DESC_DMB);
	ring_kick(h, t.r);
	usleep(100000);
	return works_again(h);
}

static int unmap_in_flight(struct host *h)
{
	uint8_t *b = ram_at(&h->ram, RAM_SPLIT_B, RAM_SPLIT_B_SIZE);
	struct bench t;
	int round, e;
	size_t i;

	for (round = 0; round < 5; round++) {
		if (set_up(h, &t, round % NCORES))
			return -1;
		for (i = 0; i < H2D_BATCH; i++)
			ring_put(h, t.r,
				 (RAM_SPLIT_B + i * DESC_MAX_BYTES % RAM_SPLIT_B_SIZE) | ADDR_HOST,
				 ADDR_DRAM0 + i * DESC_MAX_BYTES, DESC_MAX_BYTES, 0);
		ring_put_mark(h, t.r);
		ring_kick(h, t.r);
		usleep(round * 700);
		e = vu_unmap(&h->vu, RAM_SPLIT_B, RAM_SPLIT_B_SIZE);
		CHECK(!e, "unmap: %s", strerror(-e));
		/* The memory is the VMM's again from here on. */
		memset(b, 0xdd, RAM_SPLIT_B_SIZE);
		usleep(100000);
		CHECK(untouched(b, RAM_SPLIT_B_SIZE), "written after it was unmapped");
		e = vu_map(&h->vu, RAM_SPLIT_B, RAM_SPLIT_B_SIZE, h->ram.fd[0], 0x28000000, RW);
		CHECK(!e, "map again: %s", strerror(-e));
		if (works_again(h))
			return -1;
	}
	return 0;
}

/* A VMM that cuts off memory behind the device's back: EFAULT at worst, not SIGBUS. */
static int truncated_memory(struct host *h)
{
	int fd = memfd_create("cut", MFD_CLOEXEC), e;
	struct bench t;

	if (set_up(h, &t, 0))
		return -1;
	CHECK(fd >= 0 && !ftruncate(fd, 1 << 20), "memfd");
	e = vu_map(&h->vu, RAM_HOLE, 1 << 20, fd, 0, RW);
	CHECK(!e, "map: %s", strerror(-e));
	CHECK(!ftruncate(fd, 4096), "truncate");
	ring_put(h, t.r, (RAM_HOLE + 0x8000) | ADDR_HOST, t.src | ADDR_HOST, 65536, 0);
	ring_kick(h, t.r);
	ring_put(h, &h->h2d[1], ADDR_DRAM0, (RAM_HOLE + 0x8000) | ADDR_HOST, 65536, 0);
	ring_kick(h, &h->h2d[1]);
	fwio_post(h, (RAM_HOLE + 0x9000) | ADDR_HOST, (RAM_HOLE + 0xa000) | ADDR_HOST);
	usleep(100000);
	CHECK(emu_alive(&h->emu), "the emulator died of a truncated mapping");
	e = vu_unmap(&h->vu, RAM_HOLE, 1 << 20);
	close(fd);
	CHECK(!e, "unmap: %s", strerror(-e));
	return works_again(h);
}

/* No descriptor came with the map: the data goes over the socket or is refused by name. */
static int no_fd(struct host *h)
{
	struct bench t;
	int e;

	if (set_up(h, &t, 1))
		return -1;
	/* The piece is known to ram_translate(), so what is asked for can be served. */
	CHECK(!vu_unmap(&h->vu, RAM_SPLIT_B, RAM_SPLIT_B_SIZE), "unmap");
	e = vu_map(&h->vu, RAM_SPLIT_B, RAM_SPLIT_B_SIZE, -1, 0, RW);
	if (e) {
		tap_diag("a map without a descriptor is refused: %s", strerror(-e));
	} else {
		memcpy(ram_at(&h->ram, RAM_SPLIT_B, 65536), t.a, 65536);
		e = ring_copy(h, t.r, t.dst | ADDR_HOST, RAM_SPLIT_B | ADDR_HOST, 65536);
		if (e)
			CHECK(emu_log_wait(&h->emu, t.mark, "dma", 0), "neither copied nor named");
		else
			CHECK(!memcmp(t.a, t.b, 65536), "data differs");
		tap_diag("a map without a descriptor: %s, %lu socket requests",
			 e ? "refused" : "copied", h->vu.socket_dma);
		CHECK(!vu_unmap(&h->vu, RAM_SPLIT_B, RAM_SPLIT_B_SIZE), "unmap");
	}
	e = vu_map(&h->vu, RAM_SPLIT_B, RAM_SPLIT_B_SIZE, h->ram.fd[0], 0x28000000, RW);
	CHECK(!e, "map again: %s", strerror(-e));
	return works_again(h);
}

static int no_bus_master(struct host *h)
{
	struct bench t;
	int e;

	if (set_up(h, &t, 0))
		return -1;
	CHECK(!cfg_write(h, 4, 2, 2), "config write");
	ring_start_copy(h, t.r, t.dst | ADDR_HOST, t.src | ADDR_HOST, 65536);
	e = ring_wait(h, t.r, 200);
	CHECK(e == -ETIMEDOUT && untouched(t.b, 65536),
	      "the device wrote to host memory with bus master off");
	CHECK(!cfg_write(h, 4, 6, 2), "config write");
	return works_again(h);
}

const struct test error_tests[] = {
	{ "error: wrong ring id is named and not acted on", ring_id, NEED_READY },
	{ "error: tail beyond what was written", stale_descriptor, NEED_READY },
	{ "error: unmapped host memory, all of it or its last byte", unmapped, NEED_READY },
	{ "error: read-only host memory", read_only, NEED_READY },
	{ "error: a queue reset is enough after an error", queue_reset_recovers, NEED_READY },
	{ "error: M2S and S2M lengths differ", length_mismatch, NEED_READY },
	{ "error: doorbell of a disabled queue", disabled_queue, NEED_READY },
	{ "error: doorbell of a queue that has no ring", reset_queue, NEED_READY },
	{ "error: ring base unaligned, unmapped, nowhere", bad_base, NEED_READY },
	{ "error: tail increment larger than the ring", bad_tail, NEED_READY },
	{ "error: ring lengths that make no sense", bad_length, NEED_READY },
	{ "error: device addresses where nothing is", bad_device_address, NEED_READY },
	{ "error: more than 128 descriptors in a packet", long_packet, NEED_READY },
	{ "error: malformed descriptors", malformed, NEED_READY },
	{ "error: engine disabled or aborted", engine_states, NEED_READY },
	{ "error: DMA to the own doorbell", own_doorbell, NEED_READY },
	{ "error: DMA that resets the device", own_reset, NEED_READY },
	{ "error: noise over blocks of registers", bulk_to_registers, NEED_READY },
	{ "error: bus master off", no_bus_master, NEED_READY },
	{ "error: unmap while DMA runs", unmap_in_flight, NEED_READY },
	{ "error: memory cut off behind the device's back", truncated_memory, NEED_READY },
	{ "error: memory mapped without a descriptor", no_fd, NEED_READY },
	{ 0 }
};
