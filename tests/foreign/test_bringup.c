// SPDX-License-Identifier: Apache-2.0
/* Bring-up as a host does it: write-only registers, the mailbox, no interrupt. */
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define DEVICE_ID 0x5a

static int power_on(struct host *h)
{
	int e = host_bring_up(h, BRING_UP_NO_RESET, DEVICE_ID);

	CHECK(!e, "%s", strerror(-e));
	return 0;
}

static int with_reset(struct host *h)
{
	unsigned long w = h->bar0_writes, f = h->fwio_calls, r = h->fwio_retries;
	uint64_t t = vu_now_ms();
	int e = host_bring_up(h, BRING_UP_RESET, DEVICE_ID);
	unsigned long fwio;

	CHECK(!e, "%s", strerror(-e));
	w = h->bar0_writes - w;
	f = h->fwio_calls - f;
	r = h->fwio_retries - r;
	fwio = (f + r) * 5;
	tap_diag("bring-up: %lu BAR0 writes in %llu ms (%lu of them FWIO: %lu reads, %lu retries)",
		 w, (unsigned long long)(vu_now_ms() - t), fwio, f, r);
	/* Reset 2, DEVICE_ID 1, engines 12 x 126, rings 4 x 14. */
	CHECK(w - fwio == 2 + 1 + 12 * 126 + 4 * 14, "%lu writes", w - fwio);
	CHECK(!r, "%lu FWIO requests of the bring-up were not answered within 1 s", r);
	return 0;
}

static int silicon_way(struct host *h)
{
	int e = host_bring_up(h, BRING_UP_SILICON, DEVICE_ID);

	CHECK(!e, "%s", strerror(-e));
	return 0;
}

static int registers_hold(struct host *h)
{
	unsigned int i, k;
	int e;

	for (i = 0; i < NCORES; i++) {
		struct ring *r = &h->h2d[i];
		uint64_t addr[10];
		uint32_t v[10];

		for (k = 0; k < 2; k++) {
			uint32_t half = k ? S2M : M2S;

			addr[5 * k + 0] = ADDR_APB + ring_reg(r, half, UQ_BASE_LO);
			addr[5 * k + 1] = ADDR_APB + ring_reg(r, half, UQ_BASE_HI);
			addr[5 * k + 2] = ADDR_APB + ring_reg(r, half, UQ_LENGTH);
			addr[5 * k + 3] = ADDR_APB + ring_reg(r, half, UQ_HEAD);
			addr[5 * k + 4] = ADDR_APB + ring_reg(r, half, UQ_TAIL);
		}
		e = fwio_read(h, addr, 10, v);
		CHECK(!e, "core %u: %s", i, strerror(-e));
		for (k = 0; k < 2; k++) {
			struct ring_half *rh = k ? &r->s2m : &r->m2s;
			uint64_t base = (uint64_t)v[5 * k + 1] << 32 | v[5 * k];

			CHECK(base == rh->addr, "core %u %s: ring base 0x%llx, written 0x%llx", i,
			      k ? "S2M" : "M2S", (unsigned long long)base,
			      (unsigned long long)rh->addr);
			CHECK(v[5 * k + 2] == H2D_DESCS, "core %u: length %u", i, v[5 * k + 2]);
			CHECK(!(v[5 * k + 3] & 0xffffff), "core %u: head 0x%x", i, v[5 * k + 3]);
			CHECK(!(v[5 * k + 4] & 0xffffff), "core %u: tail 0x%x", i, v[5 * k + 4]);
		}
	}
	return 0;
}

static int misc_ram(struct host *h)
{
	static const uint64_t addr[3] = {
		ADDR_APB + MISC_DEVICE_ID, ADDR_APB + MISC_FW_STATUS, ADDR_APB + MISC_API_VERSION,
	};
	uint32_t v[3];
	int e = host_bring_up(h, BRING_UP_RESET, DEVICE_ID);

	CHECK(!e, "%s", strerror(-e));
	e = fwio_read(h, addr, 3, v);
	CHECK(!e, "%s", strerror(-e));
	CHECK(v[0] == DEVICE_ID, "DEVICE_ID 0x%x, written 0x%x", v[0], DEVICE_ID);
	CHECK(v[1] & FW_READY, "FW_STATUS 0x%x", v[1]);
	CHECK(!(v[1] & 3), "FW_STATUS 0x%x: links, but there are no neighbours", v[1]);
	tap_diag("API version %u", v[2]);
	CHECK(v[2] != 0 && v[2] != ~0u, "API version %u", v[2]);
	return 0;
}

static int engines_move_data(struct host *h)
{
	int e = host_self_check(h, 256 << 10);

	CHECK(!e, "%s", strerror(-e));
	return 0;
}

static int five_times(struct host *h)
{
	int i, e;

	for (i = 0; i < 5; i++) {
		e = host_bring_up(h, BRING_UP_RESET, DEVICE_ID + i);
		CHECK(!e, "bring-up %d: %s", i, strerror(-e));
		e = host_self_check(h, 64 << 10);
		CHECK(!e, "self-check %d: %s", i, strerror(-e));
	}
	return 0;
}

/* The tightest host: engines are written right after the first ready answer. */
static int nothing_is_wiped_late(struct host *h)
{
	uint32_t id, len;
	int i, e;

	for (i = 0; i < 10; i++) {
		e = host_bring_up(h, BRING_UP_RESET, 0x700 + i);
		CHECK(!e, "bring-up %d: %s", i, strerror(-e));
		usleep(20000);
		e = fwio_read_apb(h, MISC_DEVICE_ID, &id);
		CHECK(!e, "%s", strerror(-e));
		CHECK(id == 0x700u + i, "round %d: DEVICE_ID 0x%x", i, id);
		e = fwio_read_apb(h, ring_reg(&h->h2d[0], M2S, UQ_LENGTH), &len);
		CHECK(!e && len == H2D_DESCS, "round %d: ring length %u", i, len);
	}
	return 0;
}

static void set_queue(struct host *h, unsigned int core, uint32_t q, uint64_t base, uint32_t size)
{
	bar_w32(h, 0, PUTILS(core) + q, (uint32_t)base);
	bar_w32(h, 0, PUTILS(core) + q + 4, base >> 32);
	bar_w32(h, 0, PUTILS(core) + q + 8, size);
}

static int notification_queues(struct host *h)
{
	static const uint32_t heads[] = { NQ_ERROR_HEAD, NQ_EVENT_HEAD, NQ_NOTIFY_HEAD };
	unsigned int core, i;
	uint32_t v;
	int e;

	for (core = 0; core < NCORES; core++) {
		uint64_t mem = ram_alloc(&h->ram, 10 << 16, 4096) | ADDR_HOST;

		set_queue(h, core, NQ_ERROR, mem, 1 << 16);
		set_queue(h, core, NQ_EVENT, mem + (1 << 16), 1 << 16);
		for (i = 0; i < NQ_INSTANCES; i++) {
			set_queue(h, core, NQ_NOTIFY + i * NQ_STRIDE, mem + ((2 + i) << 16),
				  1 << 16);
			set_queue(h, core, NQ_TRACE + i * NQ_STRIDE, mem + ((6 + i) << 16),
				  1 << 16);
		}
		for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
			e = fwio_read_apb(h, PUTILS(core) + heads[i], &v);
			CHECK(!e, "head at 0x%x: %s", heads[i], strerror(-e));
			CHECK(!v, "core %u: head at 0x%x is 0x%x at once", core, heads[i], v);
		}
		set_queue(h, core, NQ_ERROR, 0, 0);
		set_queue(h, core, NQ_EVENT, 0, 0);
		for (i = 0; i < NQ_INSTANCES; i++)
			set_queue(h, core, NQ_NOTIFY + i * NQ_STRIDE, 0, 0);
		/* Hosts halt implicit instances that v1 does not have, too. */
		for (i = 6; NQ_TRACE + i * NQ_STRIDE < 0x1bc0; i++)
			set_queue(h, core, NQ_TRACE + i * NQ_STRIDE, 0, 0);
	}
	CHECK(host_alive(h), "no answer after writing the notification queues");
	return 0;
}

const struct test bringup_tests[] = {
	{ "bring-up: firmware is up after power-on without any reset", power_on,
	  NEED_LINK | CLEAN },
	{ "bring-up: reset, FW_STATUS, DEVICE_ID, 12 engines, 4 rings", with_reset,
	  NEED_LINK | CLEAN },
	{ "bring-up: queue registers hold what was written", registers_hold, NEED_READY | CLEAN },
	{ "bring-up: misc RAM: DEVICE_ID, FW_STATUS, API_VERSION", misc_ram, NEED_LINK | CLEAN },
	{ "bring-up: all four rings copy", engines_move_data, NEED_READY | CLEAN },
	{ "bring-up: RESET reads 0 when the reset is done", silicon_way, NEED_LINK | CLEAN },
	{ "bring-up: five times in a row", five_times, NEED_LINK | CLEAN },
	{ "bring-up: a reset wipes nothing after the firmware said ready", nothing_is_wiped_late,
	  NEED_LINK | CLEAN },
	{ "bring-up: notification queues are set and halted, also those that do not exist",
	  notification_queues, NEED_READY | CLEAN },
	{ 0 }
};
