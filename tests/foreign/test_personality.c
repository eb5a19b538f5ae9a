// SPDX-License-Identifier: Apache-2.0
/*
 * What the revision ID says the function is: 0xff under QEMU, 0xf0 a slow emulator, any
 * other silicon. Silicon has nothing but the public contract. Run with --revision.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define CAP_MSIX	0x11
#define EXT_CAP_VENDOR	0x0b
#define MSIX_IRQ	2
#define OURS		0x600000	/* BAR0: a hole in the public contract */
#define RESET_MS	500		/* of a device reset of silicon, at least */

static bool silicon(const struct host *h)
{
	return h->revision != INF_REV_QEMU && h->revision != INF_REV_EMULATOR;
}

static bool has_ext_cap(struct host *h, uint32_t id)
{
	uint32_t at = 0x100, v, n;

	for (n = 0; at && n < 960; n++, at = v >> 20) {
		v = cfg_read(h, at, 4);
		if ((v & 0xffff) == id)
			return true;
	}
	return false;
}

static int config_space(struct host *h)
{
	struct vu_irq_info ask = { .argsz = sizeof(ask), .index = MSIX_IRQ };
	struct vu_irq_info info = { 0 };
	struct vu_reply reply = { .buf = &info, .cap = sizeof(info) };
	static const uint64_t sizes[3] = { INF_BAR0_SIZE, INF_BAR2_SIZE, INF_BAR4_SIZE };
	int i;

	CHECK(cfg_read(h, 8, 1) == h->revision, "revision 0x%02x", cfg_read(h, 8, 1));
	CHECK(cfg_read(h, 0, 4) == (INF_DEVICE << 16 | INF_VENDOR), "ids");
	for (i = 0; i < 3; i++)
		CHECK(h->region[2 * i].size == sizes[i], "BAR%d", 2 * i);
	CHECK(!cfg_find_cap(h, CAP_MSIX) == silicon(h), "MSI-X capability");
	CHECK(!has_ext_cap(h, EXT_CAP_VENDOR) == silicon(h), "vendor-specific capability");
	CHECK(!vu_call(&h->vu, VU_GET_IRQ_INFO, &ask, sizeof(ask), &reply), "irq info");
	CHECK(!info.count == silicon(h), "%u vectors", info.count);
	CHECK(!h->region[0].nareas == silicon(h), "%d areas of BAR0 can be mapped",
	      h->region[0].nareas);
	return 0;
}

static int hole(struct host *h)
{
	uint32_t off, v;
	long mark;
	int e;

	for (off = OURS; off < OURS + 0x20000; off += 0x8000) {
		mark = emu_log_mark(&h->emu);
		v = ~0u;
		CHECK(!bar_read(h, 0, off, &v, 4), "read of BAR0 + 0x%x refused", off);
		e = fwio_read_apb(h, off, &v);
		if (!silicon(h))
			continue;
		CHECK(!v, "BAR0 + 0x%x reads 0x%x", off, v);
		CHECK(e == -EIO, "the mailbox reads 0x%x: %d", off, e);
		CHECK(emu_log_wait(&h->emu, mark, "mmio-unknown", 3000), "0x%x: no word", off);
		mark = emu_log_mark(&h->emu);
		bar_w32(h, 0, off, 3);
		CHECK(emu_log_wait(&h->emu, mark, "mmio-unknown", 3000), "0x%x: no word", off);
	}
	e = fwio_read_apb(h, MISC_FW_STATUS, &v);
	CHECK(!e && v & FW_READY, "FW_STATUS 0x%x, %d", v, e);
	return 0;
}

/* Silent for its time, RESET set; then ready, and nothing is wiped any more. */
static int device_reset(struct host *h)
{
	uint64_t start, took, addr = ADDR_APB + MISC_RESET;
	struct fwio_resp *resp = fwio_answer(h);
	uint32_t v;
	int e;

	start = vu_now_ms();
	bar_w32(h, 0, MISC_RESET, RESET_DEVICE);
	bar_w32(h, 0, MISC_DOORBELL, 1);
	if (silicon(h)) {
		CHECK(!bar_read(h, 0, MISC_RESET, &v, 4) && v == RESET_DEVICE,
		      "RESET is 0x%x at once", v);
		CHECK(!bar_read(h, 0, MISC_FW_STATUS, &v, 4), "read refused");
	}
	fwio_build(h, FWIO_READ, &addr, sizeof(addr));
	fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
	e = fwio_wait(h, VU_TIMEOUT_MS);
	took = vu_now_ms() - start;
	tap_diag("device reset: %llu ms", (unsigned long long)took);
	CHECK(!e && !resp->error && !resp->data[0], "after the reset: %s, error %u, RESET 0x%x",
	      strerror(-e), resp->error, resp->data[0]);
	/* One less: both clocks were read in the middle of a millisecond. */
	CHECK(!silicon(h) || took >= RESET_MS - 1, "over after %llu ms", (unsigned long long)took);
	e = host_bring_up(h, BRING_UP_NO_RESET, 0x77);
	CHECK(!e, "bring-up: %s", strerror(-e));
	e = host_self_check(h, 64 << 10);
	CHECK(!e, "copies: %s", strerror(-e));
	e = fwio_read_apb(h, MISC_DEVICE_ID, &v);
	CHECK(!e && v == 0x77, "DEVICE_ID 0x%x", v);
	return 0;
}

/* A host that asks all the time gets no answer with another value than 0. */
static int silicon_handshake(struct host *h)
{
	int i, e;

	for (i = 0; i < 2; i++) {
		e = host_bring_up(h, BRING_UP_SILICON, i);
		CHECK(!e, "bring-up %d: %s", i, strerror(-e));
		e = host_self_check(h, 1 << 20);
		CHECK(!e, "copies: %s", strerror(-e));
	}
	return 0;
}

static int resets_of_the_function(struct host *h)
{
	int i, e;

	for (i = 0; i < 2; i++) {
		e = i ? host_flr(h) : vu_reset(&h->vu);
		e = e ? e : host_enable(h);
		e = e ? e : host_bring_up(h, BRING_UP_NO_RESET, 5);
		e = e ? e : host_self_check(h, 64 << 10);
		CHECK(!e, "reset %d: %s", i, strerror(-e));
		CHECK(cfg_read(h, 8, 1) == h->revision, "revision after reset %d", i);
		CHECK(!cfg_find_cap(h, CAP_MSIX) == silicon(h), "MSI-X after reset %d", i);
	}
	return 0;
}

const struct test personality_tests[] = {
	{ "personality: config space and interrupts", config_space, NEED_LINK | CLEAN },
	{ "personality: silicon has nothing where the extension block is", hole, NEED_READY },
	{ "personality: a device reset of silicon takes its time", device_reset,
	  NEED_READY | CLEAN },
	{ "personality: reset handshake and copies", silicon_handshake, NEED_LINK | CLEAN },
	{ "personality: the same after FLR and DEVICE_RESET", resets_of_the_function,
	  NEED_LINK | CLEAN },
	{ 0 }
};
