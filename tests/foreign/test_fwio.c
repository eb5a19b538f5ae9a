// SPDX-License-Identifier: Apache-2.0
/* The FWIO mailbox: reads, the metric post, and requests that are wrong. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fwio.h"
#include "tests.h"

#define LOG_MS 3000

/* The mailbox answers a plain read: said after each abuse of it. */
static int still_answers(struct host *h)
{
	uint32_t v;
	int e = fwio_read_apb(h, MISC_FW_STATUS, &v);

	CHECK(!e, "the mailbox does not answer any more: %s", strerror(-e));
	CHECK(v & FW_READY, "FW_STATUS 0x%x", v);
	CHECK(emu_alive(&h->emu), "the emulator died");
	return 0;
}

static int read_one_two_hundred(struct host *h)
{
	static const size_t counts[] = { 1, 2, 3, 64, 99, 100 };
	uint64_t addr[100];
	uint32_t val[100], want[100];
	size_t c, i;
	int e;

	bar_w32(h, 0, MISC_DEVICE_ID, 0x1234);
	for (i = 0; i < NSEMS; i++)
		bar_w32(h, 2, CORE_WINDOW + CORE_SEM_SET + 4 * i, 1000 + i);
	for (i = 0; i < 100; i++) {
		if (i % 3 == 0) {
			addr[i] = ADDR_CORES + CORE_WINDOW + CORE_SEM_READ + i % NSEMS * 4;
			want[i] = 1000 + i % NSEMS;
		} else if (i % 3 == 1) {
			addr[i] = ADDR_APB + ring_reg(&h->h2d[i % 4], M2S, UQ_LENGTH);
			want[i] = H2D_DESCS;
		} else {
			addr[i] = ADDR_APB + MISC_DEVICE_ID;
			want[i] = 0x1234;
		}
	}
	for (c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		e = fwio_read(h, addr, counts[c], val);
		CHECK(!e, "%zu addresses: %s", counts[c], strerror(-e));
		for (i = 0; i < counts[c]; i++)
			CHECK(val[i] == want[i], "value %zu of %zu (0x%llx): 0x%x, not 0x%x", i,
			      counts[c], (unsigned long long)addr[i], val[i], want[i]);
	}
	return 0;
}

static int answer_is_exact(struct host *h)
{
	struct fwio_resp *resp = fwio_answer(h);
	uint64_t addr[5];
	size_t i;
	int e;

	for (i = 0; i < 5; i++)
		addr[i] = ADDR_APB + MISC_DEVICE_ID;
	e = fwio_call(h, FWIO_READ, addr, sizeof(addr));
	CHECK(!e, "%s", strerror(-e));
	CHECK(resp->error == FWIO_OK, "error %u", resp->error);
	CHECK(resp->size == 4 + 5 * 4, "size %u", resp->size);
	for (i = resp->size; i < FWIO_BUF; i++)
		CHECK(((uint8_t *)resp)[i] == 0xa5, "byte %zu behind the answer was written", i);
	return 0;
}

/* Looks at the answer while the doorbell's write may still be under way. */
struct watcher {
	struct fwio_resp *resp;
	uint8_t seq;
	bool stop;
	bool seen;
	struct fwio_resp head;
	uint32_t last;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		if (__atomic_load_n(&w->resp->seq, __ATOMIC_ACQUIRE) != w->seq)
			continue;
		/* The value behind all others, at the first sight of seq. */
		w->last = __atomic_load_n(&w->resp->data[99], __ATOMIC_RELAXED);
		w->head = *w->resp;
		w->seen = true;
		break;
	}
	return NULL;
}

static int seq_is_last(struct host *h)
{
	uint64_t addr[100];
	int round, i, e;

	for (i = 0; i < 100; i++)
		addr[i] = ADDR_APB + MISC_DEVICE_ID;
	bar_w32(h, 0, MISC_DEVICE_ID, 0x600d);
	for (round = 0; round < 100; round++) {
		struct watcher w = { .resp = fwio_answer(h) };
		pthread_t thread;

		fwio_build(h, FWIO_READ, addr, sizeof(addr));
		w.seq = h->seq;
		CHECK(!pthread_create(&thread, NULL, watch, &w), "thread");
		usleep(200);
		fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
		e = fwio_wait(h, VU_TIMEOUT_MS);
		usleep(200);
		__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		CHECK(!e, "round %d: no answer", round);
		if (w.seen)
			CHECK(w.last == 0x600d && w.head.size == 404 && !w.head.error,
			      "round %d: seq came before the rest (last value 0x%x)", round, w.last);
	}
	return 0;
}

static int post(struct host *h)
{
	struct fwio_resp *resp = fwio_answer(h);
	uint32_t i;
	int e;

	for (i = 0; i < MISC_METRICS_SIZE; i += 4)
		bar_w32(h, 0, MISC_METRICS + i, 0x11110000 + i);
	e = fwio_call(h, FWIO_POST, NULL, 0);
	CHECK(!e, "%s", strerror(-e));
	CHECK(resp->error == FWIO_OK, "error %u", resp->error);
	CHECK(resp->size >= sizeof(*resp), "size %u", resp->size);
	return 0;
}

static int unknown_command(struct host *h)
{
	static const uint8_t cmds[] = { 0, 3, 4, 0x7f, 0xff };
	struct fwio_resp *resp = fwio_answer(h);
	size_t i;
	int e;

	for (i = 0; i < sizeof(cmds); i++) {
		e = fwio_call(h, cmds[i], NULL, 0);
		CHECK(!e, "command %u: %s", cmds[i], strerror(-e));
		CHECK(resp->error == FWIO_UNKNOWN, "command %u: error %u", cmds[i], resp->error);
	}
	return still_answers(h);
}

static int bad_crc(struct host *h)
{
	struct fwio_resp *resp = fwio_answer(h);
	uint64_t addr = ADDR_APB + MISC_FW_STATUS;
	long mark = emu_log_mark(&h->emu);
	struct fwio_req *req = fwio_build(h, FWIO_READ, &addr, sizeof(addr));
	int e;

	req->crc ^= 1;
	fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
	e = fwio_wait(h, VU_TIMEOUT_MS);
	CHECK(!e, "no answer to a request with a bad CRC");
	CHECK(resp->error == FWIO_FAIL, "error %u", resp->error);
	CHECK(resp->size == sizeof(*resp), "values were sent: size %u", resp->size);
	CHECK(emu_log_wait(&h->emu, mark, "fwio-crc", LOG_MS), "no guest-error fwio-crc");

	/* One flipped bit in the data, seen by the CRC only. */
	req = fwio_build(h, FWIO_READ, &addr, sizeof(addr));
	req->data[0] ^= 1ull << 40;
	fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
	e = fwio_wait(h, VU_TIMEOUT_MS);
	CHECK(!e && resp->error == FWIO_FAIL, "flipped data bit: %d, error %u", e, resp->error);

	/* A CRC with a flaw beats an unknown command: nothing in the request is to be believed. */
	req = fwio_build(h, 77, NULL, 0);
	req->crc ^= 0x80000000;
	fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
	e = fwio_wait(h, VU_TIMEOUT_MS);
	CHECK(!e && resp->error == FWIO_FAIL, "bad CRC and command: %d, error %u", e, resp->error);
	return still_answers(h);
}

static int wrong_sizes(struct host *h)
{
	static const uint16_t sizes[] = { 0, 1, 3, 4, 7, 8, 9, 12, 15, 17, 4096, 65528, 65535 };
	struct fwio_resp *resp = fwio_answer(h);
	uint64_t addr[2] = { ADDR_APB + MISC_FW_STATUS, ADDR_APB + MISC_DEVICE_ID };
	int sealed, e;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (sealed = 0; sealed < 2; sealed++) {
			struct fwio_req *req = fwio_build(h, FWIO_READ, addr, sizeof(addr));

			req->size = sizes[i];
			if (sealed)
				fwio_seal(req, sizes[i] < 8 ? 8 : sizes[i]);
			fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
			/* Whether such a request is answered is not laid down. */
			e = fwio_wait(h, 50);
			if (!e && !sealed)
				CHECK(resp->error, "size %u with a CRC of size 24: no error",
				      sizes[i]);
			if (still_answers(h))
				CHECK(0, "after size %u, sealed %d", sizes[i], sealed);
		}
	}
	return 0;
}

static int zero_addresses(struct host *h)
{
	struct fwio_resp *resp = fwio_answer(h);
	uint64_t zero[3] = { 0 };
	int e;

	e = fwio_call(h, FWIO_READ, NULL, 0);
	CHECK(!e, "read of nothing: %s", strerror(-e));
	CHECK(resp->error || resp->size == sizeof(*resp), "read of nothing: size %u", resp->size);
	e = fwio_call(h, FWIO_READ, zero, sizeof(zero));
	CHECK(!e, "read of address 0: %s", strerror(-e));
	CHECK(resp->error || resp->size == 16, "read of address 0: size %u", resp->size);
	fwio_post(h, 0, 0);
	usleep(20000);
	return still_answers(h);
}

static int strange_addresses(struct host *h)
{
	static const uint64_t addr[] = {
		ADDR_APB + 0x7fffffc, ADDR_APB + MISC_DEVICE_ID + 1, ADDR_APB + 0x3ffffe,
		ADDR_CORES, ADDR_CORES + 4 * CORE_WINDOW - 4, ADDR_CORES + 4 * CORE_WINDOW,
		0x0800000000ull, ADDR_DRAM0 + 16, ADDR_DRAM1 + DRAM_CHANNEL - 4,
		ADDR_DRAM1 + DRAM_CHANNEL - 2, ADDR_AXI1 | (ADDR_APB + MISC_DEVICE_ID),
		ADDR_EAST | (ADDR_APB + MISC_DEVICE_ID), ADDR_WEST | (ADDR_APB + MISC_DEVICE_ID),
		ADDR_HOST, ADDR_HOST | RAM_HOLE, ~0ull, 1ull << 48, 1ull << 63,
	};
	size_t i;
	int e;

	for (i = 0; i < sizeof(addr) / sizeof(addr[0]); i++) {
		e = fwio_call(h, FWIO_READ, &addr[i], 8);
		CHECK(!e, "read of 0x%llx: not answered", (unsigned long long)addr[i]);
	}
	return still_answers(h);
}

static int unmapped_request(struct host *h)
{
	long mark = emu_log_mark(&h->emu);

	fwio_post(h, RAM_HOLE | ADDR_HOST, h->resp | ADDR_HOST);
	CHECK(emu_log_wait(&h->emu, mark, "dma-unmapped", LOG_MS),
	      "request at an unmapped address: no guest-error dma-unmapped");
	return still_answers(h);
}

static int unmapped_response(struct host *h)
{
	uint64_t addr = ADDR_APB + MISC_FW_STATUS;
	long mark = emu_log_mark(&h->emu);

	fwio_build(h, FWIO_READ, &addr, 8);
	fwio_post(h, h->req | ADDR_HOST, RAM_HOLE | ADDR_HOST);
	CHECK(emu_log_wait(&h->emu, mark, "dma-unmapped", LOG_MS),
	      "answer to an unmapped address: no guest-error dma-unmapped");
	return still_answers(h);
}

static int response_to_rom(struct host *h)
{
	uint8_t *rom = ram_at(&h->ram, RAM_ROM, 64);
	uint64_t addr = ADDR_APB + MISC_FW_STATUS;
	long mark = emu_log_mark(&h->emu);
	size_t i;

	memset(rom, 0x77, 64);
	fwio_build(h, FWIO_READ, &addr, 8);
	fwio_post(h, h->req | ADDR_HOST, RAM_ROM | ADDR_HOST);
	CHECK(emu_log_wait(&h->emu, mark, "dma-", LOG_MS),
	      "answer into memory that is mapped read-only: no guest-error dma-*");
	for (i = 0; i < 64; i++)
		CHECK(rom[i] == 0x77, "the device wrote to read-only memory");
	return still_answers(h);
}

static int odd_places(struct host *h)
{
	uint64_t end = RAM_MAIN + RAM_MAIN_SIZE, addr = ADDR_APB + MISC_FW_STATUS;
	struct fwio_req *req = fwio_build(h, FWIO_READ, &addr, 8);
	uint64_t save = h->resp;
	int e;

	/* Request and answer flush with the end of a mapping. */
	memcpy(ram_at(&h->ram, end - req->size, req->size), req, req->size);
	fwio_post(h, (end - req->size) | ADDR_HOST, h->resp | ADDR_HOST);
	e = fwio_wait(h, VU_TIMEOUT_MS);
	CHECK(!e && !fwio_answer(h)->error, "request at the very end of memory: %d", e);

	req = fwio_build(h, FWIO_READ, &addr, 8);
	memset(ram_at(&h->ram, end - 8, 8), 0, 8);
	fwio_post(h, h->req | ADDR_HOST, (end - 8) | ADDR_HOST);
	for (e = 0; e < 1000 && *ram_at(&h->ram, end - 8, 1) != h->seq; e++)
		usleep(5000);
	CHECK(*ram_at(&h->ram, end - 8, 1) == h->seq, "answer at the very end of memory");

	/* Above 4 GiB: the high halves of the address registers count. */
	h->resp = RAM_HIGH + 0x10000;
	req = fwio_build(h, FWIO_READ, &addr, 8);
	memcpy(ram_at(&h->ram, RAM_HIGH, req->size), req, req->size);
	fwio_post(h, RAM_HIGH | ADDR_HOST, h->resp | ADDR_HOST);
	e = fwio_wait(h, VU_TIMEOUT_MS);
	h->resp = save;
	CHECK(!e, "request and answer above 4 GiB");
	return still_answers(h);
}

static int thousand(struct host *h)
{
	unsigned long retries = h->fwio_retries;
	uint64_t t = vu_now_ms(), addr[2] = { ADDR_APB + MISC_DEVICE_ID,
					      ADDR_APB + MISC_FW_STATUS };
	uint32_t v[2];
	int i, e;

	for (i = 0; i < 1000; i++) {
		if (i % 50 == 0)
			bar_w32(h, 0, MISC_DEVICE_ID, i);
		e = fwio_read(h, addr, 2, v);
		CHECK(!e, "read %d: %s", i, strerror(-e));
		CHECK(v[0] == (uint32_t)(i - i % 50) && v[1] & FW_READY, "read %d: 0x%x 0x%x", i,
		      v[0], v[1]);
	}
	t = vu_now_ms() - t;
	tap_diag("1000 FWIO reads in %llu ms, %lu retries", (unsigned long long)t,
		 h->fwio_retries - retries);
	CHECK(h->fwio_retries - retries <= 2, "requests got lost");
	return 0;
}

static int largest(struct host *h)
{
	struct fwio_resp *resp = fwio_answer(h);
	size_t n = (FWIO_BUF - 8) / 8, i;
	uint64_t *addr = calloc(n, 8);
	int e;

	CHECK(addr, "out of memory");
	for (i = 0; i < n; i++)
		addr[i] = ADDR_APB + MISC_DEVICE_ID;
	e = fwio_call(h, FWIO_READ, addr, n * 8);
	free(addr);
	CHECK(!e, "a request of %zu bytes is not answered", n * 8 + 8);
	CHECK(resp->error || resp->size == 4 + 4 * n, "no error, %u bytes", resp->size);
	tap_diag("read of %zu registers: error %u", n, resp->error);
	return still_answers(h);
}

/* A host that overtakes itself may lose requests, but not the mailbox. */
static int doorbell_storm(struct host *h)
{
	uint64_t addr = ADDR_APB + MISC_FW_STATUS;
	int i;

	for (i = 0; i < 300; i++) {
		fwio_build(h, FWIO_READ, &addr, 8);
		fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
	}
	if (fwio_wait(h, FWIO_TRY_MS))
		tap_diag("the last of 300 requests was lost");
	return still_answers(h);
}

static int power_sample(struct host *h)
{
	uint32_t api, v;
	int e = fwio_read_apb(h, MISC_API_VERSION, &api);

	e = e ? e : fwio_read_apb(h, MISC_POWER, &v);
	CHECK(!e, "%s", strerror(-e));
	if (api >= 3)
		CHECK((v & 0xffff) <= 10000, "utilisation %u.%02u %%", (v & 0xffff) / 100,
		      (v & 0xffff) % 100);
	return 0;
}

const struct test fwio_tests[] = {
	{ "fwio: 1, 2, 100 registers of all kinds, in order", read_one_two_hundred,
	  NEED_READY | CLEAN },
	{ "fwio: an answer has its size and writes nothing behind it", answer_is_exact,
	  NEED_READY | CLEAN },
	{ "fwio: seq is written last", seq_is_last, NEED_READY | CLEAN },
	{ "fwio: POST is acknowledged", post, NEED_READY | CLEAN },
	{ "fwio: power sample is in range", power_sample, NEED_READY | CLEAN },
	{ "fwio: buffers at the ends of mappings and above 4 GiB", odd_places, NEED_READY | CLEAN },
	{ "fwio: 1000 reads are answered", thousand, NEED_READY | CLEAN },
	{ "fwio: unknown commands get error 2", unknown_command, NEED_READY },
	{ "fwio: bad CRC gets error 1 and is not acted on", bad_crc, NEED_READY },
	{ "fwio: wrong size fields", wrong_sizes, NEED_READY },
	{ "fwio: no addresses, address zero, request at zero", zero_addresses, NEED_READY },
	{ "fwio: strange register addresses are answered", strange_addresses, NEED_READY },
	{ "fwio: request of nearly 64 KiB", largest, NEED_READY },
	{ "fwio: 300 doorbells without waiting", doorbell_storm, NEED_READY },
	{ "fwio: request at an unmapped host address", unmapped_request, NEED_READY },
	{ "fwio: answer to an unmapped host address", unmapped_response, NEED_READY },
	{ "fwio: answer to read-only memory", response_to_rom, NEED_READY },
	{ 0 }
};
