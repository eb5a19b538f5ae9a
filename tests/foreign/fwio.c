// SPDX-License-Identifier: Apache-2.0
/* The FWIO mailbox, the host's side. */
#include "fwio.h"

#include <errno.h>
#include <string.h>

#include "tap.h"

/* What the answer's buffer holds before the device writes it. */
#define POISON 0xa5

uint32_t crc32c(const void *buf, size_t n)
{
	static uint32_t table[256];
	const uint8_t *p = buf;
	uint32_t crc = ~0u, i, k;

	if (!table[1]) {
		for (i = 0; i < 256; i++) {
			uint32_t c = i;

			for (k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
			table[i] = c;
		}
	}
	while (n--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

struct fwio_resp *fwio_answer(struct host *h)
{
	return (void *)ram_at(&h->ram, h->resp, FWIO_BUF);
}

void fwio_seal(struct fwio_req *req, size_t size)
{
	req->crc = 0;
	req->crc = crc32c(req, size);
}

struct fwio_req *fwio_build(struct host *h, uint8_t cmd, const void *data, size_t n)
{
	struct fwio_req *req = (void *)ram_at(&h->ram, h->req, FWIO_BUF);
	struct fwio_resp *resp = fwio_answer(h);

	h->seq = h->seq == 255 ? 1 : h->seq + 1;
	memset(resp, POISON, FWIO_BUF);
	resp->seq = 0;
	req->seq = h->seq;
	req->cmd = cmd;
	req->size = sizeof(*req) + n;
	if (n)
		memcpy(req->data, data, n);
	fwio_seal(req, req->size);
	return req;
}

void fwio_post(struct host *h, uint64_t req, uint64_t resp)
{
	bar_w32(h, 0, MISC_REQ_LO, (uint32_t)req);
	bar_w32(h, 0, MISC_REQ_HI, req >> 32);
	bar_w32(h, 0, MISC_RESP_LO, (uint32_t)resp);
	bar_w32(h, 0, MISC_RESP_HI, resp >> 32);
	/* The request is in memory before the device is told of it. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bar_w32(h, 0, MISC_DOORBELL, 1);
}

int fwio_wait(struct host *h, int timeout_ms)
{
	struct fwio_resp *resp = fwio_answer(h);
	uint64_t deadline = vu_now_ms() + timeout_ms;
	unsigned int i = 0;

	/* Acquire: seq is written last, so the rest may be read once it is there. */
	while (__atomic_load_n(&resp->seq, __ATOMIC_ACQUIRE) != h->seq) {
		if (h->vu.dead)
			return -ENOTCONN;
		if (vu_now_ms() >= deadline)
			return -ETIMEDOUT;
		host_pause(h, &i);
	}
	return 0;
}

int fwio_call(struct host *h, uint8_t cmd, const void *data, size_t n)
{
	int i, e = -ETIMEDOUT;

	h->fwio_calls++;
	for (i = 0; i < FWIO_TRIES && e == -ETIMEDOUT; i++) {
		h->fwio_retries += i > 0;
		fwio_build(h, cmd, data, n);
		fwio_post(h, h->req | ADDR_HOST, h->resp | ADDR_HOST);
		e = fwio_wait(h, FWIO_TRY_MS);
	}
	return e;
}

int fwio_read(struct host *h, const uint64_t *addr, size_t n, uint32_t *val)
{
	struct fwio_resp *resp = fwio_answer(h);
	int e = fwio_call(h, FWIO_READ, addr, n * sizeof(*addr));

	if (e)
		return e;
	if (resp->error)
		return -EIO;
	if (resp->size != sizeof(*resp) + n * sizeof(*val)) {
		tap_diag("FWIO answer of %u bytes to a read of %zu registers", resp->size, n);
		return -EPROTO;
	}
	memcpy(val, resp->data, n * sizeof(*val));
	return 0;
}

int fwio_read1(struct host *h, uint64_t addr, uint32_t *val)
{
	return fwio_read(h, &addr, 1, val);
}

int fwio_read_apb(struct host *h, uint32_t off, uint32_t *val)
{
	return fwio_read1(h, ADDR_APB + off, val);
}
