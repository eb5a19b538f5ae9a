// SPDX-License-Identifier: Apache-2.0
/*
 * A chip that fails under host software that knows the public contract alone: what such a host sees, that it
 * gets by with what the contract gives it - time-outs, another try, queue and device resets - and that nothing
 * of the fault is left then.
 */
#include <errno.h>
#include <string.h>

#include "fwio.h"
#include "tests.h"

#define LEN	(64u << 10)
#define SILENCE	100		/* ms in which nothing comes of a chip from which nothing comes */
#define AT	(ADDR_DRAM0 + 0x4000000)

struct buffers {
	uint64_t src, dst;
	uint8_t *a, *b;
};

static int set_up(struct host *h, struct buffers *t)
{
	t->src = ram_alloc(&h->ram, LEN, 4096);
	t->dst = ram_alloc(&h->ram, LEN, 4096);
	CHECK(t->src && t->dst, "guest memory used up");
	t->a = ram_at(&h->ram, t->src, LEN);
	t->b = ram_at(&h->ram, t->dst, LEN);
	host_fill(h, t->a, LEN);
	memset(t->b, 0xdd, LEN);
	return 0;
}

static int fault(struct host *h, const char *spec)
{
	char answer[256];
	int e = emu_control(&h->emu, spec, answer, sizeof(answer));

	CHECK(!e, "%s: %s", spec, answer);
	return 0;
}

static int copies(struct host *h, struct ring *r, const char *what)
{
	struct buffers t;
	int e;

	if (set_up(h, &t))
		return -1;
	e = ring_copy(h, r, AT + LEN, t.src | ADDR_HOST, LEN);
	e = e ? e : ring_copy(h, r, t.dst | ADDR_HOST, AT + LEN, LEN);
	CHECK(!e, "%s: %s", what, strerror(-e));
	CHECK(!memcmp(t.a, t.b, LEN), "%s: bytes differ", what);
	return 0;
}

/* One request has no answer: the next try does. */
static int fwio_silent(struct host *h)
{
	unsigned long retries = h->fwio_retries;
	uint32_t v;
	int e;

	if (fault(h, "fault fwio-silent:count=1"))
		return -1;
	e = fwio_read_apb(h, MISC_API_VERSION, &v);
	CHECK(!e, "no answer to the second try: %s", strerror(-e));
	CHECK(h->fwio_retries == retries + 1, "%lu retries", h->fwio_retries - retries);
	e = fwio_read_apb(h, MISC_API_VERSION, &v);
	CHECK(!e && h->fwio_retries == retries + 1, "the next request is not answered at once");
	return fault(h, "clear all");
}

/* Answers that say no, or are too short, once each. */
static int fwio_bad(struct host *h)
{
	static const struct {
		const char *spec;
		int error;
	} cases[] = {
		{ "fault fwio-bad:count=1", -EIO },
		{ "fault fwio-bad:count=1,error=2", -EIO },
		{ "fault fwio-bad:count=1,size=6", -EPROTO },
		{ "fault fwio-bad:count=1,size=65535", -EPROTO },
	};
	unsigned int i;
	uint32_t v;
	int e;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (fault(h, cases[i].spec))
			return -1;
		e = fwio_read_apb(h, MISC_API_VERSION, &v);
		CHECK(e == cases[i].error, "%s: %s", cases[i].spec, strerror(-e));
		e = fwio_read_apb(h, MISC_API_VERSION, &v);
		CHECK(!e, "after %s: %s", cases[i].spec, strerror(-e));
	}
	return fault(h, "clear all");
}

/* RESET keeps its value, and FWIO its silence, until the reset is over; then all works. */
static int slow_reset(struct host *h)
{
	uint32_t v = 0;
	int e;

	if (fault(h, "fault slow-reset:ms=500"))
		return -1;
	bar_w32(h, 0, MISC_RESET, RESET_DEVICE);
	bar_w32(h, 0, MISC_DOORBELL, 1);
	e = bar_read(h, 0, MISC_RESET, &v, 4);
	CHECK(!e && v == RESET_DEVICE, "RESET is %u right after the request", v);
	e = host_bring_up(h, BRING_UP_SILICON, 1);
	CHECK(!e, "bring-up by a slow reset: %s", strerror(-e));
	if (fault(h, "clear all"))
		return -1;
	return copies(h, &h->h2d[0], "after a slow reset");
}

/* A queue stands still, the others do not; its own reset is enough. */
static int udma_stall(struct host *h)
{
	struct ring *r = &h->h2d[2];
	struct buffers t;

	if (set_up(h, &t) || fault(h, "fault udma-stall:core=2,count=1"))
		return -1;
	ring_start_copy(h, r, t.dst | ADDR_HOST, t.src | ADDR_HOST, LEN);
	if (copies(h, &h->h2d[1], "beside a queue that stands still"))
		return -1;
	CHECK(ring_wait(h, r, SILENCE) == -ETIMEDOUT, "a queue that stands still completes");
	ring_program(h, r);
	memset(ram_at(&h->ram, r->mark, 8), 0, 8);
	if (copies(h, r, "after the queue's reset"))
		return -1;
	CHECK(t.b[0] == 0xdd && t.b[LEN - 1] == 0xdd, "the copy of before was done after all");
	return fault(h, "clear all");
}

/* A lost line: what reads it stops, what does not goes on; written anew, it is memory again. */
static int ecc(struct host *h)
{
	struct ring *r = &h->h2d[3];
	struct buffers t;
	int e;

	if (set_up(h, &t))
		return -1;
	e = ring_copy(h, r, AT, t.src | ADDR_HOST, LEN);
	CHECK(!e, "filling memory: %s", strerror(-e));
	if (fault(h, "fault ecc-uncorrected:channel=0,address=0x4008000"))
		return -1;
	e = ring_copy(h, r, t.dst | ADDR_HOST, AT, 0x8000);
	CHECK(!e && !memcmp(t.a, t.b, 0x8000), "memory before the lost line: %s", strerror(-e));
	ring_start_copy(h, r, t.dst | ADDR_HOST, AT + 0x8000, 64);
	CHECK(ring_wait(h, r, SILENCE) == -ETIMEDOUT, "a lost line is copied");
	if (copies(h, &h->h2d[0], "by another queue"))
		return -1;
	ring_program(h, r);
	e = ring_copy(h, r, AT, t.src | ADDR_HOST, LEN);
	e = e ? e : ring_copy(h, r, t.dst | ADDR_HOST, AT, LEN);
	CHECK(!e, "after the line was written anew: %s", strerror(-e));
	CHECK(!memcmp(t.a, t.b, LEN), "memory is not what was written");
	return fault(h, "clear all");
}

/* Off the bus: ones, everywhere. Back, it is as after a function reset. */
static int all_ones(struct host *h)
{
	uint32_t v = 0;
	int e;

	if (fault(h, "fault all-ones"))
		return -1;
	CHECK(cfg_read(h, 0, 4) == ~0u, "a chip off the bus has an identity");
	e = bar_read(h, 0, MISC_FW_STATUS, &v, 4);
	CHECK(!e && v == ~0u, "a chip off the bus reads as 0x%x", v);
	fwio_build(h, FWIO_READ, &(uint64_t){ ADDR_APB + MISC_API_VERSION }, 8);
	fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
	CHECK(fwio_wait(h, SILENCE) == -ETIMEDOUT, "a chip off the bus answers");
	if (fault(h, "clear all"))
		return -1;
	CHECK((cfg_read(h, 0, 4) & 0xffff) == INF_VENDOR, "the chip does not come back");
	e = host_enable(h);
	e = e ? e : host_bring_up(h, BRING_UP_RESET, 1);
	CHECK(!e, "bring-up of a chip that is back: %s", strerror(-e));
	return copies(h, &h->h2d[0], "of a chip that is back");
}

const struct test fault_tests[] = {
	{ "fault: one request without an answer", fwio_silent, NEED_READY | CLEAN },
	{ "fault: answers that say no, or are short", fwio_bad, NEED_READY | CLEAN },
	{ "fault: a reset that takes its time", slow_reset, NEED_READY | CLEAN },
	{ "fault: a queue that stands still", udma_stall, NEED_READY | CLEAN },
	{ "fault: memory that is lost", ecc, NEED_READY | CLEAN },
	{ "fault: a chip off the bus, and back", all_ones, NEED_READY | CLEAN },
	{ 0 }
};
