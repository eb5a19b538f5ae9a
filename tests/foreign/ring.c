// SPDX-License-Identifier: Apache-2.0
/* One UDMA queue pair (M2S and S2M) and copies through it. */
#include "ring.h"

#include <errno.h>
#include <string.h>

#include "host.h"

int ring_create(struct host *h, struct ring *r, unsigned int core, unsigned int engine,
		unsigned int queue, uint32_t size)
{
	uint64_t bytes = (uint64_t)size * sizeof(struct udma_desc);
	uint64_t m2s = ram_alloc(&h->ram, bytes, 4096);
	uint64_t s2m = ram_alloc(&h->ram, bytes, 4096);

	memset(r, 0, sizeof(*r));
	r->core = core;
	r->engine = engine;
	r->queue = queue;
	r->size = size;
	r->mark = ram_alloc(&h->ram, 8, 64);
	if (!m2s || !s2m || !r->mark)
		return -ENOMEM;
	r->m2s.addr = m2s | ADDR_HOST;
	r->s2m.addr = s2m | ADDR_HOST;
	r->m2s.desc = (void *)ram_at(&h->ram, m2s, bytes);
	r->s2m.desc = (void *)ram_at(&h->ram, s2m, bytes);
	return 0;
}

uint32_t ring_reg(const struct ring *r, uint32_t half, uint32_t reg)
{
	return UDMA(r->core, r->engine) + half + UQ(r->queue) + reg;
}

static void program_half(struct host *h, struct ring *r, uint32_t half,
			 struct ring_half *rh)
{
	uint32_t sw = half == M2S ? UQ_M2S_SW_CTRL : UQ_S2M_SW_CTRL;
	uint32_t comp = half == M2S ? UQ_M2S_COMP_CFG : UQ_S2M_COMP_CFG;

	rh->next = 0;
	rh->id = 1;
	rh->pending = 0;
	bar_w32(h, 0, ring_reg(r, half, UQ_CFG), UQ_CFG_RESET_VALUE);
	bar_w32(h, 0, ring_reg(r, half, sw), UQ_SW_RESET);
	bar_w32(h, 0, ring_reg(r, half, UQ_BASE_LO), (uint32_t)rh->addr);
	bar_w32(h, 0, ring_reg(r, half, UQ_BASE_HI), rh->addr >> 32);
	bar_w32(h, 0, ring_reg(r, half, UQ_LENGTH), r->size);
	bar_w32(h, 0, ring_reg(r, half, comp), 0);
	bar_w32(h, 0, ring_reg(r, half, UQ_CFG), UQ_CFG_RESET_VALUE | UQ_CFG_ENABLE);
}

void ring_program(struct host *h, struct ring *r)
{
	program_half(h, r, M2S, &r->m2s);
	program_half(h, r, S2M, &r->s2m);
}

static void put(struct host *h, struct ring *r, struct ring_half *rh,
		const struct udma_desc *d)
{
	if (rh->desc)
		rh->desc[rh->next] = *d;
	else
		dram_write(h, rh->addr + rh->next * sizeof(*d), d, sizeof(*d));
	rh->pending++;
	if (++rh->next == r->size) {
		rh->next = 0;
		rh->id = (rh->id + 1) & 3;
	}
}

void ring_put_m2s(struct host *h, struct ring *r, uint64_t src, uint32_t len, uint32_t flags)
{
	struct udma_desc d = {
		.ctrl = (len & DESC_LEN_MASK) | DESC_RING_ID(r->m2s.id) | flags,
		.xfer = DESC_PLAIN_COPY,
		.addr = src,
	};

	put(h, r, &r->m2s, &d);
}

void ring_put_s2m(struct host *h, struct ring *r, uint64_t dst, uint32_t len, uint32_t flags)
{
	struct udma_desc d = {
		.ctrl = (len & DESC_LEN_MASK) | DESC_RING_ID(r->s2m.id) | flags,
		.addr = dst,
	};

	put(h, r, &r->s2m, &d);
}

void ring_put(struct host *h, struct ring *r, uint64_t dst, uint64_t src, uint32_t len,
	      uint32_t m2s_flags)
{
	ring_put_s2m(h, r, dst, len, 0);
	ring_put_m2s(h, r, src, len, DESC_FIRST | DESC_LAST | m2s_flags);
}

void ring_put_mark(struct host *h, struct ring *r)
{
	uint32_t *mark = (void *)ram_at(&h->ram, r->mark, 8);

	mark[0] = H2D_MARK;
	mark[1] = 0;
	ring_put(h, r, (r->mark + 4) | ADDR_HOST, r->mark | ADDR_HOST, 4, 0);
}

void ring_kick(struct host *h, struct ring *r)
{
	/* Descriptors and data are in memory before the doorbells. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->s2m.pending)
		bar_w32(h, 0, ring_reg(r, S2M, UQ_TAIL_INC), r->s2m.pending);
	if (r->m2s.pending)
		bar_w32(h, 0, ring_reg(r, M2S, UQ_TAIL_INC), r->m2s.pending);
	r->s2m.pending = 0;
	r->m2s.pending = 0;
}

int ring_done(struct host *h, struct ring *r)
{
	uint32_t *mark = (void *)ram_at(&h->ram, r->mark, 8);

	/* Acquire: the data is looked at after its marker. */
	return __atomic_load_n(&mark[1], __ATOMIC_ACQUIRE) == H2D_MARK;
}

int ring_wait(struct host *h, struct ring *r, int timeout_ms)
{
	uint64_t deadline = vu_now_ms() + timeout_ms;
	unsigned int i = 0;

	while (!ring_done(h, r)) {
		if (h->vu.dead)
			return -ENOTCONN;
		if (vu_now_ms() >= deadline)
			return -ETIMEDOUT;
		host_pause(h, &i);
	}
	return 0;
}

void ring_start_copy(struct host *h, struct ring *r, uint64_t dst, uint64_t src, uint64_t len)
{
	while (len) {
		uint32_t n = len < DESC_MAX_BYTES ? len : DESC_MAX_BYTES;

		ring_put(h, r, dst, src, n, n == len ? DESC_DMB : 0);
		dst += n;
		src += n;
		len -= n;
	}
	ring_put_mark(h, r);
	ring_kick(h, r);
}

int ring_copy(struct host *h, struct ring *r, uint64_t dst, uint64_t src, uint64_t len)
{
	const uint64_t batch = (uint64_t)H2D_BATCH * DESC_MAX_BYTES;
	int e = 0;

	while (!e && len) {
		uint64_t n = len < batch ? len : batch;

		ring_start_copy(h, r, dst, src, n);
		e = ring_wait(h, r, RING_WAIT_MS);
		dst += n;
		src += n;
		len -= n;
	}
	return e;
}
