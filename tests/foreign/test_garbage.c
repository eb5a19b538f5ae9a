// SPDX-License-Identifier: Apache-2.0
/* Accesses that make no sense, in BARs and config space. The server has to outlive them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define ROUNDS 3000

/* After noise the bus's reset, not the register, is the way out. */
static int comes_back(struct host *h)
{
	int e;

	CHECK(host_alive(h), "the server is gone");
	e = vu_reset(&h->vu);
	e = e ? e : host_enable(h);
	CHECK(!e, "DEVICE_RESET: %s", strerror(-e));
	e = host_bring_up(h, BRING_UP_RESET, 2);
	CHECK(!e, "bring-up: %s", strerror(-e));
	e = host_self_check(h, 64 << 10);
	CHECK(!e, "copies: %s", strerror(-e));
	return 0;
}

static uint64_t random_offset(struct host *h, uint64_t size)
{
	uint64_t v = (uint64_t)host_random(h) << 32 | host_random(h);

	switch (host_random(h) % 8) {
	case 0:
		return size - host_random(h) % 16;
	case 1:
		return v;
	case 2:
		return MISC + host_random(h) % 0x1000;
	default:
		return v % size & (host_random(h) % 4 ? ~3ull : ~0ull);
	}
}

static int random_mmio(struct host *h)
{
	static const uint32_t sizes[] = { 0, 1, 2, 3, 4, 4, 4, 5, 8, 16, 64, 4096 };
	static const int bars[] = { 0, 0, 0, 2, 2, 4 };
	uint8_t buf[4096];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int bar = bars[host_random(h) % 6];
		uint64_t off = random_offset(h, h->region[bar].size);
		uint32_t n = sizes[host_random(h) % 12];

		host_fill(h, buf, 16);
		if (host_random(h) % 2)
			vu_read(&h->vu, bar, off, buf, n);
		else
			vu_write(&h->vu, bar, off, buf, n);
		CHECK(!h->vu.dead && emu_alive(&h->emu), "after access %d: BAR%d + 0x%llx, %u bytes",
		      i, bar, (unsigned long long)off, n);
	}
	return comes_back(h);
}

/* Every word of BAR0 once: read, and written with all ones and with zero. */
static int sweep_bar0(struct host *h)
{
	static const uint32_t vals[] = { 0xffffffff, 0 };
	uint32_t off, v;
	int k;

	for (off = 0; off < INF_BAR0_SIZE; off += off < 0x2000 ? 4 : 1020) {
		vu_read(&h->vu, 0, off, &v, 4);
		for (k = 0; k < 2; k++)
			vu_write(&h->vu, 0, off, &vals[k], 4);
		CHECK(!h->vu.dead, "after BAR0 + 0x%x", off);
	}
	for (off = MISC; off < MISC + 0x1000; off += 4) {
		for (k = 0; k < 2; k++)
			vu_write(&h->vu, 0, off, &vals[k], 4);
		CHECK(!h->vu.dead, "after BAR0 + 0x%x", off);
	}
	return comes_back(h);
}

/* All registers of one engine, queue by queue, then all doorbells. */
static int sweep_engine(struct host *h)
{
	uint32_t off, v;

	for (off = 0; off < 0x40000; off += 4) {
		/* 0x1100 and up of each queue page repeat nothing that the contract names. */
		if (off < 0x38000 && (off & 0xfff) > 0x400)
			continue;
		v = host_random(h);
		vu_write(&h->vu, 0, UDMA(1, 0) + off, &v, 4);
		CHECK(!h->vu.dead, "after engine register 0x%x", off);
	}
	for (off = 0; off < NQUEUES; off++) {
		v = host_random(h);
		vu_write(&h->vu, 0, UDMA(1, 0) + S2M + UQ(off) + UQ_TAIL_INC, &v, 4);
		vu_write(&h->vu, 0, UDMA(1, 0) + M2S + UQ(off) + UQ_TAIL_INC, &v, 4);
	}
	return comes_back(h);
}

static int read_everything(struct host *h)
{
	static const uint32_t at[] = {
		0, 0x1000, 0x40000, 0x60000, 0x78000, 0x404000, MISC, MISC + 0x800,
	};
	uint8_t buf[4096];
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		vu_read(&h->vu, 0, at[i], buf, 4096);
		CHECK(!h->vu.dead, "after 4 KiB from BAR0 + 0x%x", at[i]);
	}
	vu_read(&h->vu, 2, CORE_EVENT, buf, 1024);
	vu_read(&h->vu, 2, CORE_SEM_READ, buf, 1024);
	vu_read(&h->vu, 2, CORE_PE_FIFO, buf, 1024);
	vu_read(&h->vu, 4, 0, buf, 4096);
	CHECK(host_alive(h), "after reads of write-only places");
	return host_self_check(h, 4096) ? comes_back(h) : 0;
}

/* The instruction FIFO's format is not public: whatever a host pushes is noise. */
static int noise_to_cores(struct host *h)
{
	uint64_t base;
	uint32_t core, i, v;

	for (core = 0; core < NCORES; core++) {
		base = (uint64_t)core * CORE_WINDOW;
		for (i = 0; i < 512; i++) {
			v = host_random(h);
			vu_write(&h->vu, 2, base + CORE_PE_FIFO + (i * 4) % 0x4000, &v, 4);
			vu_write(&h->vu, 2, base + (host_random(h) % CORE_WINDOW & ~3u), &v, 4);
			CHECK(!h->vu.dead, "core %u, word %u", core, i);
		}
	}
	return comes_back(h);
}

static int config_noise(struct host *h)
{
	static const uint32_t sizes[] = { 1, 2, 4, 4, 3, 8, 64 };
	uint8_t buf[64];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		host_fill(h, buf, sizeof(buf));
		vu_write(&h->vu, VU_CONFIG_REGION, host_random(h) % (i & 1 ? 256 : 4096), buf,
			 sizes[host_random(h) % 7]);
		CHECK(!h->vu.dead && emu_alive(&h->emu), "after config write %d", i);
	}
	CHECK(cfg_read(h, 0, 4) == (INF_DEVICE << 16 | INF_VENDOR), "ids 0x%08x",
	      cfg_read(h, 0, 4));
	CHECK(cfg_read(h, 8, 1) == h->revision, "revision");
	return comes_back(h);
}

/* Requests full of noise, each with a correct CRC. */
static int mailbox_noise(struct host *h)
{
	uint64_t addr[64];
	int i, k, n;

	for (i = 0; i < 300; i++) {
		n = host_random(h) % 64;
		host_fill(h, addr, sizeof(addr));
		for (k = 0; k < n; k++) {
			if (host_random(h) % 4)
				addr[k] &= 0xffffffffffff;
			if (host_random(h) % 4 == 0)
				addr[k] = ADDR_APB + addr[k] % INF_BAR0_SIZE;
		}
		fwio_build(h, host_random(h) % 4 ? FWIO_READ : host_random(h), addr, 8 * n);
		fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
		fwio_wait(h, 20);
		CHECK(!h->vu.dead && emu_alive(&h->emu), "after request %d", i);
	}
	return comes_back(h);
}

/* Random descriptors through all queues at once. */
static int descriptor_noise(struct host *h)
{
	unsigned int i, k;

	for (k = 0; k < 40; k++) {
		for (i = 0; i < NCORES; i++) {
			struct ring *r = &h->h2d[i];
			uint32_t n = host_random(h) % 200;

			host_fill(h, r->m2s.desc, 256 * sizeof(struct udma_desc));
			host_fill(h, r->s2m.desc, 256 * sizeof(struct udma_desc));
			for (uint32_t d = 0; d < n; d++) {
				struct udma_desc *m = &r->m2s.desc[d], *s = &r->s2m.desc[d];

				m->ctrl = (m->ctrl & ~(3u << 24)) | DESC_RING_ID(1);
				s->ctrl = (s->ctrl & ~(3u << 24)) | DESC_RING_ID(1);
				if (host_random(h) % 4)
					m->addr = (m->addr % RAM_MAIN_SIZE) | ADDR_HOST;
				if (host_random(h) % 4)
					s->addr %= 2 * DRAM_CHANNEL;
				if (host_random(h) % 2)
					s->ctrl = (s->ctrl & ~0xffffu) | (m->ctrl & 0xffff);
			}
			bar_w32(h, 0, ring_reg(r, S2M, UQ_TAIL_INC), n);
			bar_w32(h, 0, ring_reg(r, M2S, UQ_TAIL_INC), n);
		}
		usleep(5000);
		for (i = 0; i < NCORES; i++)
			ring_program(h, &h->h2d[i]);
		CHECK(!h->vu.dead && emu_alive(&h->emu), "after round %u", k);
	}
	return comes_back(h);
}

const struct test garbage_tests[] = {
	{ "garbage: reads of write-only places", read_everything, NEED_READY },
	{ "garbage: 3000 random MMIO accesses", random_mmio, NEED_READY },
	{ "garbage: all ones and zero all over BAR0", sweep_bar0, NEED_READY },
	{ "garbage: noise in every register of an engine", sweep_engine, NEED_READY },
	{ "garbage: noise in the NeuronCore windows", noise_to_cores, NEED_READY },
	{ "garbage: 3000 random config writes", config_noise, NEED_READY },
	{ "garbage: noise in FWIO requests", mailbox_noise, NEED_READY },
	{ "garbage: noise in descriptors", descriptor_noise, NEED_READY },
	{ 0 }
};
