/* SPDX-License-Identifier: Apache-2.0 */
/* One UDMA queue pair (M2S and S2M) and copies through it. */
#ifndef FOREIGN_RING_H
#define FOREIGN_RING_H

#include "contract.h"

struct host;

struct ring_half {
	uint64_t addr;			/* device address of the descriptors */
	struct udma_desc *desc;		/* the host's view; NULL when in device DRAM */
	uint32_t next;
	uint32_t id;
	uint32_t pending;		/* put but not yet rung */
};

struct ring {
	unsigned int core;
	unsigned int engine;
	unsigned int queue;
	uint32_t size;			/* descriptors */
	struct ring_half m2s;
	struct ring_half s2m;
	uint64_t mark;			/* bus address of two u32: marker, completion */
};

#define RING_WAIT_MS 10000

/* Allocates host memory for the queue; programs nothing. 0 or -ENOMEM. */
int ring_create(struct host *h, struct ring *r, unsigned int core, unsigned int engine,
		unsigned int queue, uint32_t size);
/* Queue bring-up, TX then RX; the ring starts afresh. */
void ring_program(struct host *h, struct ring *r);
/* BAR0 offset of a queue register; half is M2S or S2M. */
uint32_t ring_reg(const struct ring *r, uint32_t half, uint32_t reg);

void ring_put_m2s(struct host *h, struct ring *r, uint64_t src, uint32_t len, uint32_t flags);
void ring_put_s2m(struct host *h, struct ring *r, uint64_t dst, uint32_t len, uint32_t flags);
/* A kernel packet: one descriptor on each side. */
void ring_put(struct host *h, struct ring *r, uint64_t dst, uint64_t src, uint32_t len,
	      uint32_t m2s_flags);
void ring_put_mark(struct host *h, struct ring *r);
/* Doorbells for all that was put, S2M first. */
void ring_kick(struct host *h, struct ring *r);
/* 0, or -ETIMEDOUT when the completion marker did not arrive. */
int ring_wait(struct host *h, struct ring *r, int timeout_ms);
/* True when the marker of ring_put_mark() has arrived by now. */
int ring_done(struct host *h, struct ring *r);
/* Any length: 64 KiB chunks, batches of 2032, DMB and a marker behind each batch. */
int ring_copy(struct host *h, struct ring *r, uint64_t dst, uint64_t src, uint64_t len);
/* The same without waiting; len at most 2032 chunks. */
void ring_start_copy(struct host *h, struct ring *r, uint64_t dst, uint64_t src, uint64_t len);

#endif
