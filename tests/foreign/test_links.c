// SPDX-License-Identifier: Apache-2.0
/*
 * Two chips in a chain, each an emulator process of its own with a host of its own:
 * topology as hosts find it, copies to and from the neighbour, and neighbours that die,
 * come back, or stop. The left chip's east neighbour is the right one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define MIB (1ull << 20)
#define LINK_EAST (1u << 0)
#define LINK_WEST (1u << 1)
#define PATIENCE_MS 20000

static struct {
	struct host left, right;
	bool created;
	char dir[32], option[2][64];
	uint64_t ram[2];
} two;

static int create(struct host *h, struct host *like, char *option)
{
	int i;

	h->emu.path = like->emu.path;
	h->emu.firmware = like->emu.firmware;
	for (i = 0; i < like->emu.nextra; i++)
		h->emu.extra[h->emu.nextra++] = like->emu.extra[i];
	if (h->emu.nextra + 2 > EMU_MAX_EXTRA)
		return -E2BIG;
	h->emu.extra[h->emu.nextra++] = "--link";
	h->emu.extra[h->emu.nextra++] = option;
	return host_create(h);
}

static int bring_up(struct host *h, uint32_t id)
{
	int e = host_connect(h);

	return e ? e : host_bring_up(h, BRING_UP_NO_RESET, id);
}

/* FW_STATUS without its ready bit comes to be this. */
static int links_become(struct host *h, uint32_t want)
{
	uint64_t deadline = vu_now_ms() + PATIENCE_MS;
	uint32_t v = 0;

	do {
		CHECK(!fwio_read_apb(h, MISC_FW_STATUS, &v), "FW_STATUS cannot be read");
		if (v == (want | FW_READY))
			return 0;
		usleep(1000);
	} while (vu_now_ms() < deadline);
	CHECK(0, "FW_STATUS stays 0x%08x, links should be %u", v, want);
}

static int start_two(struct host *like, bool right_first)
{
	int e = 0;

	if (!two.created) {
		e = create(&two.left, like, two.option[0]);
		e = e ? e : create(&two.right, like, two.option[1]);
		CHECK(!e, "set-up: %s", strerror(-e));
		two.ram[0] = two.left.ram.next;
		two.ram[1] = two.right.ram.next;
		two.created = true;
	}
	strcpy(two.dir, "/tmp/foreign-XXXXXX");
	CHECK(mkdtemp(two.dir), "no directory");
	snprintf(two.option[0], sizeof(two.option[0]), "east=%s/link", two.dir);
	snprintf(two.option[1], sizeof(two.option[1]), "west=%s/link", two.dir);
	two.left.ram.next = two.ram[0];
	two.right.ram.next = two.ram[1];
	e = right_first ? bring_up(&two.right, 78) : bring_up(&two.left, 77);
	e = e ? e : right_first ? bring_up(&two.left, 77) : bring_up(&two.right, 78);
	CHECK(!e, "bring-up: %s", strerror(-e));
	return links_become(&two.left, LINK_EAST) || links_become(&two.right, LINK_WEST);
}

static int stop(struct host *h, const char *name)
{
	char line[512];
	bool alive = emu_alive(&h->emu), crash;
	int e;

	host_disconnect(h);
	e = alive ? emu_stop(&h->emu) : -1;
	crash = emu_log_has_crash(&h->emu, line, sizeof(line));
	if (crash)
		tap_diag("%s: %s", name, line);
	emu_cleanup(&h->emu);
	h->emu.dir[0] = 0;
	CHECK(!e && !crash, "the %s chip did not survive the test", name);
	return 0;
}

/* Every test is between these two, so that each finds two fresh chips. */
static int with_two(struct host *h, bool right_first, int (*body)(struct host *l, struct host *r))
{
	int e = start_two(h, right_first);

	e = e ? e : body(&two.left, &two.right);
	if (two.created) {
		e |= stop(&two.left, "left");
		e |= stop(&two.right, "right");
		/* The east end has removed its socket. */
		if (rmdir(two.dir)) {
			tap_diag("%s is not empty", two.dir);
			e = -1;
		}
	}
	return e;
}

static int no_errors(struct host *h)
{
	char line[512];
	int n = emu_log_count(&h->emu, 0, line, sizeof(line));

	CHECK(!n, "valid use, but %d guest errors: %s", n, line);
	return 0;
}

static int topology_body(struct host *l, struct host *r)
{
	const uint64_t id = ADDR_APB + MISC_DEVICE_ID;
	const uint64_t sem = ADDR_CORES + 2 * CORE_WINDOW + CORE_SEM_READ + 4 * 5;
	uint64_t many[100];
	uint32_t v[100], one = 0;
	unsigned int i;
	int e;

	CHECK(!fwio_read1(l, ADDR_EAST | id, &one) && one == 78, "east is chip %u", one);
	CHECK(!fwio_read1(r, ADDR_WEST | id, &one) && one == 77, "west is chip %u", one);
	bar_w32(r, 2, 2 * CORE_WINDOW + CORE_SEM_SET + 4 * 5, 1234);
	CHECK(!fwio_read1(l, ADDR_EAST | sem, &one) && one == 1234, "its semaphore is %u", one);
	CHECK(!fwio_read1(l, ADDR_EAST | ADDR_AXI1 | id, &one) && one == 78, "by port 1: %u", one);
	/* as many as a request holds, one's own among the neighbour's */
	for (i = 0; i < 100; i++)
		many[i] = i & 1 ? id : ADDR_EAST | id;
	e = fwio_read(l, many, 100, v);
	for (i = 0; !e && i < 100; i++)
		CHECK(v[i] == 78 - (i & 1), "value %u of 100 is %u", i, v[i]);
	CHECK(!e, "100 reads: %s", strerror(-e));
	/* A reset of the neighbour wipes its number, and leaves the link. */
	CHECK(!host_bring_up(r, BRING_UP_RESET, 79), "the neighbour's reset");
	CHECK(!fwio_read1(l, ADDR_EAST | id, &one) && one == 79, "after its reset: %u", one);
	CHECK(!links_become(l, LINK_EAST) && !links_become(r, LINK_WEST), "links after a reset");
	if (no_errors(l) || no_errors(r))
		return -1;
	/* Nobody beyond the ends of the chain, and nothing is forwarded. */
	e = fwio_call(l, FWIO_READ, (uint64_t[]){ ADDR_WEST | id }, 8);
	CHECK(!e && fwio_answer(l)->error, "the west end of the chain answers");
	e = fwio_call(r, FWIO_READ, (uint64_t[]){ ADDR_EAST | id }, 8);
	CHECK(!e && fwio_answer(r)->error, "the east end of the chain answers");
	return 0;
}

static int topology(struct host *h)
{
	return with_two(h, false, topology_body);
}

/* Both at once know the other by its own values, and nothing of themselves. */
static int registers_body(struct host *l, struct host *r)
{
	if (contract_sweep(l, r, ADDR_EAST, 2) ||
	    contract_sweep(r, l, ADDR_WEST | ADDR_AXI1, 3))
		return -1;
	CHECK(!host_self_check(l, MIB) && !host_self_check(r, MIB), "copies afterwards");
	return no_errors(l) || no_errors(r);
}

static int registers(struct host *h)
{
	return with_two(h, false, registers_body);
}

static int copies_body(struct host *l, struct host *r)
{
	const uint64_t len = 8 * MIB, at = 0x20000000;
	uint64_t src = ram_alloc(&l->ram, len, 4096), dst = ram_alloc(&l->ram, len, 4096);
	uint64_t mine = ram_alloc(&r->ram, len, 4096);
	uint8_t *a = ram_at(&l->ram, src, len), *b = ram_at(&l->ram, dst, len), *got;
	uint32_t two_words[2] = { 3, 0 };
	uint64_t t = vu_now_ms();
	bool same;

	host_fill(l, a, len);
	/* host -> own DRAM -> the neighbour's DRAM, either channel -> back to the host */
	CHECK(!ring_copy(l, &l->h2d[0], ADDR_DRAM0 + at, src | ADDR_HOST, len), "to own DRAM");
	CHECK(!ring_copy(l, &l->h2d[1], ADDR_EAST | (ADDR_DRAM1 + at), ADDR_DRAM0 + at, len),
	      "own DRAM to east DRAM");
	CHECK(!ring_copy(l, &l->h2d[2], ADDR_EAST | (ADDR_DRAM0 + at),
			 ADDR_EAST | (ADDR_DRAM1 + at), len), "east DRAM to east DRAM");
	CHECK(!ring_copy(l, &l->h2d[3], dst | ADDR_HOST, ADDR_EAST | (ADDR_DRAM0 + at), len),
	      "east DRAM to the host");
	CHECK(!memcmp(a, b, len), "what came back is not what was sent");
	tap_diag("4 x 8 MiB in %llu ms", (unsigned long long)(vu_now_ms() - t));
	got = malloc(len);
	CHECK(got, "out of memory");
	same = !dram_read(r, ADDR_DRAM1 + at, got, len) && !memcmp(a, got, len);
	free(got);
	CHECK(same, "the neighbour's host sees something else in its DRAM");
	/* the other way, at the same time */
	ring_start_copy(l, &l->h2d[0], ADDR_EAST | (ADDR_DRAM0 + 2 * at), ADDR_DRAM0 + at, len);
	ring_start_copy(r, &r->h2d[0], mine | ADDR_HOST, ADDR_WEST | (ADDR_DRAM0 + at), len);
	CHECK(!ring_wait(l, &l->h2d[0], RING_WAIT_MS) && !ring_wait(r, &r->h2d[0], RING_WAIT_MS),
	      "two copies that cross");
	CHECK(!memcmp(a, ram_at(&r->ram, mine, len), len), "west DRAM to the host");
	/* a semaphore of the neighbour, as engines signal each other */
	memcpy(a, two_words, sizeof(two_words));
	CHECK(!ring_copy(l, &l->h2d[0], ADDR_EAST | (ADDR_CORES + CORE_SEM_INC), src | ADDR_HOST,
			 4), "copy to a semaphore");
	CHECK(!fwio_read1(r, ADDR_CORES + CORE_SEM_READ, two_words + 1) && two_words[1] == 3,
	      "its semaphore is %u", two_words[1]);
	return no_errors(l) || no_errors(r);
}

static int copies(struct host *h)
{
	return with_two(h, true, copies_body);
}

/* What arrives over a link may not go on: a named error of the chip that asked. */
static int refused_body(struct host *l, struct host *r)
{
	const uint64_t bad[] = {
		ADDR_EAST | (ADDR_DRAM0 + DRAM_CHANNEL - 100),
		ADDR_EAST | 0x0800000000ull,
		ADDR_EAST | (ADDR_APB + INF_BAR0_SIZE - 100),
		ADDR_WEST | ADDR_DRAM0,
	};
	uint64_t src = ram_alloc(&l->ram, 4096, 4096);
	unsigned int i;
	long mark;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mark = emu_log_mark(&l->emu);
		ring_put(l, &l->h2d[0], bad[i], src | ADDR_HOST, 4096, 0);
		ring_kick(l, &l->h2d[0]);
		CHECK(emu_log_wait(&l->emu, mark, "dma-unmapped", PATIENCE_MS),
		      "0x%llx as a destination: no guest-error", (unsigned long long)bad[i]);
		ring_program(l, &l->h2d[0]);
	}
	CHECK(!host_self_check(l, MIB) && !host_self_check(r, MIB), "afterwards");
	return no_errors(r);
}

static int refused(struct host *h)
{
	return with_two(h, false, refused_body);
}

static void die(struct host *h)
{
	kill(h->emu.pid, SIGKILL);
	waitpid(h->emu.pid, &h->emu.status, 0);
	h->emu.pid = 0;
	host_disconnect(h);
}

static int copy_to_neighbour(struct host *h, uint64_t space)
{
	CHECK(!ring_copy(h, &h->h2d[0], space | ADDR_DRAM0, ADDR_DRAM0, MIB),
	      "copy to the neighbour that is back");
	return 0;
}

/* One of them dies while the other copies to it; back again, everything works again. */
static int dies(struct host *survivor, struct host *victim, uint64_t space, uint32_t link)
{
	long mark = emu_log_mark(&survivor->emu);
	struct ring *ring = &survivor->h2d[1];

	ring_start_copy(survivor, ring, space | ADDR_DRAM0, ADDR_DRAM0, 64 * MIB);
	die(victim);
	if (links_become(survivor, 0))
		return -1;
	/* Had it got through before the link went down? Then the next one does not. */
	if (ring_done(survivor, ring))
		ring_start_copy(survivor, ring, space | ADDR_DRAM0, ADDR_DRAM0, 64 * MIB);
	CHECK(emu_log_wait(&survivor->emu, mark, "dma-unmapped", PATIENCE_MS),
	      "copy to a dead neighbour: no guest-error");
	CHECK(!ring_done(survivor, ring), "copy to a dead neighbour: completed");
	CHECK(!ring_copy(survivor, &survivor->h2d[0], ADDR_DRAM1, ADDR_DRAM0, MIB),
	      "another ring of the survivor");
	ring_program(survivor, ring);
	CHECK(!host_self_check(survivor, MIB), "the ring that had failed");
	CHECK(!bring_up(victim, 99), "the victim does not start again");
	return links_become(survivor, link) || copy_to_neighbour(survivor, space);
}

static int death_body(struct host *l, struct host *r)
{
	return dies(l, r, ADDR_EAST, LINK_EAST) || links_become(r, LINK_WEST) ||
	       dies(r, l, ADDR_WEST, LINK_WEST) || links_become(l, LINK_EAST);
}

static int death(struct host *h)
{
	return with_two(h, true, death_body);
}

/* All of its threads stand still: the signal alone only asks for that. */
static bool stand_still(struct host *h)
{
	siginfo_t info;

	return !kill(h->emu.pid, SIGSTOP) && !waitid(P_PID, h->emu.pid, &info, WSTOPPED);
}

/* A neighbour that is stopped costs an error, not the chip. */
static int stopped_body(struct host *l, struct host *r)
{
	uint64_t id = ADDR_EAST | (ADDR_APB + MISC_DEVICE_ID);
	uint32_t v;
	int e;

	CHECK(stand_still(r), "the neighbour does not stop");
	e = fwio_call(l, FWIO_READ, &id, 8);
	if (!e && !fwio_answer(l)->error)
		e = -EILSEQ;
	e = e ? e : links_become(l, 0);
	e = e ? e : host_self_check(l, MIB);
	kill(r->emu.pid, SIGCONT);
	CHECK(!e, "while the neighbour stands still: %d", e);
	if (links_become(l, LINK_EAST) || links_become(r, LINK_WEST))
		return -1;
	CHECK(!fwio_read1(l, id, &v) && v == 78, "afterwards east is chip %u", v);
	return 0;
}

static int stopped(struct host *h)
{
	return with_two(h, false, stopped_body);
}

const struct test link_tests[] = {
	{ "links: topology by forwarded reads", topology, NEED_LINK },
	{ "links: the mailbox reads every documented register of either neighbour", registers,
	  NEED_LINK },
	{ "links: copies to, from and between neighbours", copies, NEED_LINK },
	{ "links: what is not there is refused by name", refused, NEED_LINK },
	{ "links: a neighbour dies in the middle of a copy and comes back", death, NEED_LINK },
	{ "links: a neighbour that is stopped", stopped, NEED_LINK },
	{ 0 }
};
