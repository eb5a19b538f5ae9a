// SPDX-License-Identifier: Apache-2.0
/* Every way to reset the device, and what must be gone afterwards. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define DEVICE_ID 0x3c3c

/* Waits for the firmware as a host does, but programs nothing. */
static int wait_ready(struct host *h)
{
	uint32_t v = 0;
	int i, e;

	for (i = 0; i < 5 && !(v & FW_READY); i++) {
		e = fwio_read_apb(h, MISC_FW_STATUS, &v);
		CHECK(!e, "FW_STATUS: %s", strerror(-e));
	}
	CHECK(v & FW_READY, "FW_STATUS 0x%x after five reads", v);
	return 0;
}

/* Nothing that the host had programmed is left. */
static int wiped(struct host *h, const char *how)
{
	unsigned int core, e, half;
	uint32_t v[7];
	int err;

	if (wait_ready(h))
		return -1;
	for (core = 0; core < NCORES; core++) {
		struct ring *r = &h->h2d[core];

		for (half = 0; half < 2; half++) {
			static const uint32_t regs[] = {
				UQ_BASE_LO, UQ_BASE_HI, UQ_LENGTH, UQ_HEAD, UQ_TAIL, UQ_CFG,
			};
			uint64_t addr[7] = { ADDR_APB + MISC_DEVICE_ID };

			for (e = 0; e < 6; e++)
				addr[e + 1] = ADDR_APB + ring_reg(r, half ? S2M : M2S, regs[e]);
			err = fwio_read(h, addr, 7, v);
			CHECK(!err, "%s: %s", how, strerror(-err));
			CHECK(v[0] != DEVICE_ID, "%s: DEVICE_ID is still there", how);
			CHECK(!v[1] && !v[2], "%s: core %u ring base 0x%x%08x", how, core, v[2],
			      v[1]);
			CHECK(v[3] != H2D_DESCS, "%s: core %u ring length still %u", how, core,
			      v[3]);
			CHECK(!(v[4] & 0xffffff) && !(v[5] & 0xffffff),
			      "%s: core %u head 0x%x tail 0x%x", how, core, v[4], v[5]);
			CHECK(v[6] == UQ_CFG_RESET_VALUE, "%s: core %u cfg 0x%x", how, core, v[6]);
		}
	}
	return 0;
}

static int prepare(struct host *h)
{
	int e = host_bring_up(h, BRING_UP_RESET, DEVICE_ID);

	CHECK(!e, "bring-up: %s", strerror(-e));
	e = host_self_check(h, 64 << 10);
	CHECK(!e, "self-check: %s", strerror(-e));
	return 0;
}

static int and_works(struct host *h)
{
	int e = host_bring_up(h, BRING_UP_NO_RESET, DEVICE_ID);

	CHECK(!e, "bring-up afterwards: %s", strerror(-e));
	e = host_self_check(h, 64 << 10);
	CHECK(!e, "copies afterwards: %s", strerror(-e));
	return 0;
}

static int register_reset(struct host *h)
{
	if (prepare(h))
		return -1;
	bar_w32(h, 0, MISC_RESET, RESET_DEVICE);
	bar_w32(h, 0, MISC_DOORBELL, 1);
	return wiped(h, "RESET = 1") || and_works(h) ? -1 : 0;
}

static int message_reset(struct host *h)
{
	int e;

	if (prepare(h))
		return -1;
	e = vu_reset(&h->vu);
	CHECK(!e, "DEVICE_RESET: %s", strerror(-e));
	CHECK(!(cfg_read(h, 4, 2) & 4), "bus master is still on");
	CHECK(!host_enable(h), "config writes");
	return wiped(h, "DEVICE_RESET") || and_works(h) ? -1 : 0;
}

static int flr(struct host *h)
{
	int e;

	if (prepare(h))
		return -1;
	e = host_flr(h);
	CHECK(!e, "FLR: %s", strerror(-e));
	CHECK(cfg_read(h, 0, 4) == (INF_DEVICE << 16 | INF_VENDOR), "config space 100 ms later");
	CHECK(!(cfg_read(h, 4, 2) & 4), "bus master is still on");
	CHECK(!host_enable(h), "config writes");
	return wiped(h, "FLR") || and_works(h) ? -1 : 0;
}

static int core_reset(struct host *h)
{
	uint32_t map, v;
	unsigned int core, e;
	int err;

	for (map = 1; map < 16; map = map * 2 + 1) {
		if (prepare(h))
			return -1;
		bar_w32(h, 0, MISC_RESET_MAP, map);
		bar_w32(h, 0, MISC_RESET, RESET_CORES);
		bar_w32(h, 0, MISC_DOORBELL, 1);
		for (e = 0; e < 100; e++) {
			err = fwio_read_apb(h, MISC_RESET, &v);
			CHECK(!err, "RESET: %s", strerror(-err));
			if (!v)
				break;
			usleep(10000);
		}
		CHECK(!v, "core reset, map 0x%x: RESET is still %u", map, v);
		err = fwio_read_apb(h, MISC_DEVICE_ID, &v);
		tap_diag("core reset, map 0x%x: DEVICE_ID 0x%x", map, v);
		/* The other cores' rings go on from where they were. */
		for (core = 0; core < NCORES; core++) {
			uint64_t m = ram_alloc(&h->ram, 8192, 4096);

			if (map & 1u << core) {
				for (e = 0; e < 3; e++)
					host_init_engine(h, core, e);
				ring_program(h, &h->h2d[core]);
			}
			host_fill(h, ram_at(&h->ram, m, 4096), 4096);
			err = ring_copy(h, &h->h2d[core], (m + 4096) | ADDR_HOST, m | ADDR_HOST,
					4096);
			CHECK(!err, "core %u after a reset of map 0x%x: %s", core, map,
			      strerror(-err));
			CHECK(!memcmp(ram_at(&h->ram, m, 4096), ram_at(&h->ram, m + 4096, 4096),
				      4096), "core %u: data differs", core);
		}
	}
	return 0;
}

static int odd_resets(struct host *h)
{
	static const uint32_t pair[][2] = {
		{ 0, 0 }, { 3, 0 }, { 77, 15 }, { 0xffffffff, 0 }, { RESET_CORES, 0 },
		{ RESET_CORES, 0xffffffff }, { RESET_CORES, 0x10 },
	};
	size_t i;
	int e;

	for (i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		bar_w32(h, 0, MISC_RESET_MAP, pair[i][1]);
		bar_w32(h, 0, MISC_RESET, pair[i][0]);
		bar_w32(h, 0, MISC_DOORBELL, 1);
		usleep(10000);
		e = host_bring_up(h, BRING_UP_RESET, 1);
		CHECK(!e, "after RESET = 0x%x, map 0x%x: %s", pair[i][0], pair[i][1],
		      strerror(-e));
	}
	return 0;
}

/* A reset while copies run: the old copies must not go on, new ones must. */
static int reset_in_flight(struct host *h)
{
	uint64_t dst = ram_alloc(&h->ram, 32 << 20, 4096);
	uint8_t *b = ram_at(&h->ram, dst, 32 << 20);
	int how, e;
	size_t i;

	for (how = 0; how < 3; how++) {
		if (prepare(h))
			return -1;
		for (i = 0; i < NCORES; i++)
			ring_start_copy(h, &h->h2d[i], dst | ADDR_HOST, i << 28, 32 << 20);
		if (how == 0)
			e = host_bring_up(h, BRING_UP_RESET, DEVICE_ID);
		else
			e = how == 1 ? vu_reset(&h->vu) : host_flr(h);
		if (!e && how)
			e = host_enable(h);
		CHECK(!e, "reset %d: %s", how, strerror(-e));
		memset(b, 0xdd, 32 << 20);
		usleep(50000);
		for (i = 0; i < 32 << 20; i += 61)
			CHECK(b[i] == 0xdd, "reset %d: a copy went on after the reset", how);
		if (and_works(h))
			return -1;
	}
	return 0;
}

static int reconnect(struct host *h)
{
	pid_t pid = h->emu.pid;
	int i, e;

	for (i = 0; i < 5; i++) {
		if (prepare(h))
			return -1;
		/* Every second time in the midst of 127 MiB. */
		if (i & 1)
			ring_start_copy(h, &h->h2d[0], ADDR_DRAM0, (RAM_MAIN + 0x100000) | ADDR_HOST,
					(uint64_t)H2D_BATCH * DESC_MAX_BYTES);
		host_disconnect(h);
		usleep(20000);
		CHECK(emu_alive(&h->emu), "the emulator went with its client");
		e = host_connect(h);
		CHECK(!e, "connection %d: %s", i, strerror(-e));
		CHECK(h->emu.pid == pid, "it is another process");
		e = vu_reset(&h->vu);
		e = e ? e : host_enable(h);
		CHECK(!e, "DEVICE_RESET: %s", strerror(-e));
		if (and_works(h))
			return -1;
	}
	return 0;
}

/* Memory of the client that has gone must not be reachable any more. */
static int old_memory_is_gone(struct host *h)
{
	uint64_t m = ram_alloc(&h->ram, 4096, 4096);
	uint8_t *p = ram_at(&h->ram, m, 4096);
	struct vu_reply none = { 0 };
	int e, i;

	if (prepare(h))
		return -1;
	host_disconnect(h);
	e = vu_connect(&h->vu, h->emu.socket, VU_TIMEOUT_MS);
	e = e ? e : vu_version(&h->vu, &none);
	CHECK(!e, "%s", strerror(-e));
	memset(p, 0xdd, 4096);
	e = host_enable(h);
	CHECK(!e, "%s", strerror(-e));
	/* No mapping was made: an old ring and an old buffer, and a doorbell. */
	fwio_post(h, h->req | ADDR_HOST, m | ADDR_HOST);
	ring_put(h, &h->h2d[0], m | ADDR_HOST, ADDR_DRAM0, 4096, 0);
	ring_kick(h, &h->h2d[0]);
	usleep(100000);
	for (i = 0; i < 4096; i++)
		CHECK(p[i] == 0xdd, "a new connection reaches the old client's memory");
	host_disconnect(h);
	e = host_connect(h);
	CHECK(!e, "%s", strerror(-e));
	return 0;
}

static int leave(struct host *h)
{
	uint64_t t = vu_now_ms();
	int e = emu_stop(&h->emu);

	host_disconnect(h);
	CHECK(!e, "no clean end on SIGTERM");
	CHECK(vu_now_ms() - t < 5000, "SIGTERM took %llu ms",
	      (unsigned long long)(vu_now_ms() - t));
	e = host_connect(h);
	CHECK(!e, "second start: %s", strerror(-e));
	return prepare(h);
}

const struct test reset_tests[] = {
	{ "reset: RESET = 1 wipes UDMA state and DEVICE_ID", register_reset, NEED_LINK | CLEAN },
	{ "reset: DEVICE_RESET does, too", message_reset, NEED_LINK | CLEAN },
	{ "reset: function-level reset does, too", flr, NEED_LINK | CLEAN },
	{ "reset: cores of a map, the others copy on", core_reset, NEED_LINK | CLEAN },
	{ "reset: unknown types and maps", odd_resets, NEED_LINK },
	{ "reset: while copies run", reset_in_flight, NEED_LINK },
	{ "reset: disconnect and reconnect, also while copies run", reconnect, NEED_LINK | DIRTY },
	{ "reset: a new connection does not reach old memory", old_memory_is_gone,
	  NEED_LINK | DIRTY },
	{ "reset: SIGTERM ends the emulator, a second start works", leave, NEED_LINK | DIRTY },
	{ 0 }
};
