// SPDX-License-Identifier: Apache-2.0
/*
 * Structured fuzzing: messages, mappings, MMIO and rings that are mostly right
 * and somewhere wrong. Deterministic for a seed as far as the emulator is.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

/* How often the server is asked whether it is still there. */
#define CHECK_EVERY 64
/* How often guest memory, which fuzzing takes apart, is put together again. */
#define RECONNECT_EVERY 4096

static uint64_t interesting(struct host *h)
{
	static const uint64_t values[] = {
		0, 1, 2, 4, 0xff, 0x1000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, ADDR_HOST, ADDR_EAST, ADDR_WEST, ADDR_APB, ADDR_CORES, ADDR_DRAM1,
		RAM_HOLE, RAM_HIGH, RAM_MAIN, 1ull << 63, ~0ull, ~0ull - 0xfff,
	};
	uint64_t v = values[host_random(h) % (sizeof(values) / sizeof(values[0]))];

	switch (host_random(h) % 4) {
	case 0:
		return v + host_random(h) % 4096;
	case 1:
		return v | host_random(h);
	default:
		return v;
	}
}

static uint32_t interesting_bar0(struct host *h)
{
	static const uint32_t regs[] = {
		UQ_CFG, UQ_BASE_LO, UQ_BASE_HI, UQ_LENGTH, UQ_HEAD, UQ_TAIL_INC, UQ_TAIL,
		UQ_M2S_SW_CTRL, UQ_S2M_SW_CTRL, UDMA_CHANGE_STATE, UDMA_CFG_LEN,
	};
	uint32_t core = host_random(h) % NCORES;

	switch (host_random(h) % 6) {
	case 0:
		return MISC + (host_random(h) % 0x204 & ~3u);
	case 1:
		return MISC_DOORBELL;
	case 2:
		return PUTILS(core) + (host_random(h) % 0x1c00 & ~3u);
	case 3:
		return host_random(h) % INF_BAR0_SIZE & ~3u;
	default:
		return UDMA(core, host_random(h) % 3) + (host_random(h) % 2 ? S2M : M2S) +
		       UQ(host_random(h) % NQUEUES) +
		       regs[host_random(h) % (sizeof(regs) / sizeof(regs[0]))];
	}
}

static void fuzz_mmio(struct host *h)
{
	static const uint32_t sizes[] = { 4, 4, 4, 4, 4, 4, 8, 2, 1, 16 };
	uint64_t v = interesting(h);
	uint32_t n = sizes[host_random(h) % 10];
	uint8_t buf[16];
	int bar = host_random(h) % 4 ? 0 : host_random(h) % 2 ? 2 : 4;
	uint64_t off = bar ? ((uint64_t)host_random(h) << 4) % h->region[bar].size :
			     interesting_bar0(h);

	if (bar == 2 && host_random(h) % 2)
		off = host_random(h) % NCORES * CORE_WINDOW + CORE_EVENT +
		      (host_random(h) % 0x1400 & ~3u);
	memset(buf, 0, sizeof(buf));
	memcpy(buf, &v, sizeof(v));
	if (host_random(h) % 4)
		vu_write(&h->vu, bar, off, buf, n);
	else
		vu_read(&h->vu, bar, off, buf, n);
}

static void fuzz_ring(struct host *h)
{
	struct ring *r = &h->h2d[host_random(h) % NCORES];
	int i, n = host_random(h) % 20;

	if (host_random(h) % 4 == 0)
		ring_program(h, r);
	for (i = 0; i < n; i++) {
		uint64_t host = (RAM_MAIN + host_random(h) % (RAM_MAIN_SIZE - 65536)) | ADDR_HOST;
		uint64_t dev = ((uint64_t)host_random(h) << 1) % DRAM_CHANNEL;
		uint32_t len = host_random(h) % 4 ? host_random(h) & 0xffff : 0;

		/* The host's own rings and buffers lie low in memory and get hit, too. */
		ring_put_s2m(h, r, host_random(h) % 8 ? dev : interesting(h),
			     host_random(h) % 16 ? len : host_random(h), 0);
		ring_put_m2s(h, r, host_random(h) % 8 ? host : interesting(h), len,
			     host_random(h) % 8 ? DESC_FIRST | DESC_LAST : host_random(h) << 26);
	}
	ring_kick(h, r);
}

static void fuzz_fwio(struct host *h)
{
	uint64_t addr[32];
	int i, n = host_random(h) % 32;
	struct fwio_req *req;

	for (i = 0; i < n; i++)
		addr[i] = host_random(h) % 2 ? interesting(h) : ADDR_APB + interesting_bar0(h);
	req = fwio_build(h, host_random(h) % 4, addr, 8 * n);
	if (host_random(h) % 4 == 0)
		req->size = host_random(h);
	if (host_random(h) % 4)
		fwio_seal(req, req->size < 8 ? 8 : req->size);
	fwio_post(h, host_random(h) % 8 ? h->req | ADDR_HOST : interesting(h),
		  host_random(h) % 8 ? h->resp | ADDR_HOST : interesting(h));
}

static void fuzz_map(struct host *h)
{
	uint64_t bus = RAM_HOLE + (host_random(h) % 64 << 12), size = host_random(h) % 16 << 12;

	switch (host_random(h) % 4) {
	case 0:
		vu_map(&h->vu, bus, size, h->ram.fd[host_random(h) % 2],
		       (uint64_t)(host_random(h) % 1000) << 12, host_random(h) % 4);
		break;
	case 1:
		vu_unmap(&h->vu, bus, size);
		break;
	case 2:
		vu_map(&h->vu, interesting(h), interesting(h), h->ram.fd[0], interesting(h),
		       host_random(h));
		break;
	default:
		vu_unmap(&h->vu, interesting(h), interesting(h));
		break;
	}
}

/* A right header with a payload that is noise, and perhaps descriptors. */
static void fuzz_message(struct host *h)
{
	uint32_t payload[30];
	struct vu_header m = { .id = ++h->vu.id, .flags = host_random(h) % 8 ? 0 :
			       VU_FLAG_NO_REPLY };
	int fds[4], nfds = host_random(h) % 4 ? 0 : 1 + host_random(h) % 4, i;
	size_t n = host_random(h) % sizeof(payload);

	for (i = 0; i < 30; i++)
		payload[i] = host_random(h) % 2 ? host_random(h) % 64 : (uint32_t)interesting(h);
	if (host_random(h) % 2)
		payload[0] = n;
	/* DMA_READ and DMA_WRITE from the client's side are nonsense, but legal to send. */
	m.cmd = host_random(h) % 20;
	if (m.cmd == VU_DEVICE_RESET)
		m.cmd = VU_GET_IRQ_INFO;
	m.size = sizeof(m) + n;
	for (i = 0; i < nfds; i++)
		fds[i] = host_random(h) % 2 ? eventfd(0, EFD_CLOEXEC) :
					      memfd_create("fuzz", MFD_CLOEXEC);
	vu_send_raw(&h->vu, &m, payload, n, fds, nfds);
	for (i = 0; i < nfds; i++)
		close(fds[i]);
}

/* A header that lies about its size or type; the connection is lost for the client. */
static void fuzz_framing(struct host *h)
{
	struct vu_header m = { .id = host_random(h), .cmd = host_random(h) % 16 };
	uint8_t noise[64];

	host_fill(h, noise, sizeof(noise));
	m.size = host_random(h) % 3 ? host_random(h) % 200 : (uint32_t)interesting(h);
	m.flags = host_random(h) % 2 ? 0 : host_random(h);
	vu_send_raw(&h->vu, &m, noise, host_random(h) % sizeof(noise), NULL, 0);
	host_disconnect(h);
}

static int restore_link(struct host *h)
{
	int e;

	if (!emu_alive(&h->emu))
		return -EPIPE;
	if (host_alive(h))
		return 0;
	host_disconnect(h);
	e = host_connect(h);
	return e ? e : host_bring_up(h, BRING_UP_NO_RESET, 0) && host_recover(h) ? -EIO : 0;
}

static void step(struct host *h)
{
	switch (host_random(h) % 16) {
	case 0:
		fuzz_message(h);
		break;
	case 1:
		fuzz_map(h);
		break;
	case 2:
	case 3:
		fuzz_ring(h);
		break;
	case 4:
	case 5:
		fuzz_fwio(h);
		break;
	case 6:
		if (host_random(h) % 8 == 0)
			vu_write(&h->vu, VU_CONFIG_REGION, host_random(h) % 4096,
				 &(uint32_t){ host_random(h) }, 1 << host_random(h) % 3);
		else
			host_enable(h);
		break;
	case 7:
		if (host_random(h) % 64 == 0)
			fuzz_framing(h);
		else if (host_random(h) % 32 == 0 && !vu_reset(&h->vu))
			/* The next round connects afresh, with all of memory mapped. */
			host_disconnect(h);
		break;
	default:
		fuzz_mmio(h);
		break;
	}
}

int fuzz(struct host *h, unsigned long n, uint32_t seed)
{
	unsigned long i, links = 0;
	int e;

	h->rng = seed ? seed : 1;
	h->vu.lenient = true;
	e = host_connect(h);
	e = e ? e : host_bring_up(h, BRING_UP_NO_RESET, 0);
	CHECK(!e, "no device to start with: %s", strerror(-e));
	for (i = 0; i < n; i++) {
		if (i % RECONNECT_EVERY == RECONNECT_EVERY - 1)
			host_disconnect(h);
		if (h->vu.dead || i % CHECK_EVERY == 0) {
			links += h->vu.dead;
			e = restore_link(h);
			CHECK(!e, "seed %u: the server did not survive round %lu: %s", seed, i,
			      strerror(-e));
		}
		step(h);
	}
	e = restore_link(h);
	CHECK(!e, "seed %u: the server did not survive: %s", seed, strerror(-e));
	tap_diag("%lu rounds, %lu connections lost or dropped", n, links);
	/* A clean connection, a reset, and a device as new. */
	host_disconnect(h);
	e = host_connect(h);
	e = e ? e : host_recover(h);
	CHECK(!e, "seed %u: no recovery: %s", seed, strerror(-e));
	e = host_self_check(h, 1 << 20);
	CHECK(!e, "seed %u: no copies after recovery: %s", seed, strerror(-e));
	return 0;
}
