/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NeuronCore with some memory around it, for the unit tests: programs are put together
 * with nct_insn() and run with nct_run().
 */
#ifndef NC_HARNESS_H
#define NC_HARNESS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "nc_core.h"

#define NCT_DRAM_BYTES	0x400000u
#define NCT_HOST_BYTES	0x100000u
#define NCT_CODE_BYTES	0x100000u
#define NCT_HOST_ADDR	(NEURON_ADDR_HOST + 0x5000)

/* The segments of every job. */
enum {
	NCT_SEG_CODE,		/* DRAM, read and exec */
	NCT_SEG_DATA,		/* DRAM, read and write */
	NCT_SEG_HOST,		/* host memory, read and write */
	NCT_SEG_RO,		/* DRAM, read: the same bytes as DATA */
	NCT_SEG_WO,		/* DRAM, write: the same bytes as DATA */
	NCT_SEG_EMPTY,		/* unused entry */
	NCT_SEG_GONE,		/* at an address where nothing answers */
	NCT_SEG_HOST_CODE,	/* host memory, exec */
	NCT_SEGS,
};

struct nct {
	struct emu_nc *nc;
	uint8_t *dram, *host;
	struct neuron_segment seg[NCT_SEGS];
	struct neuron_insn *code[NEURON_STREAMS];
	uint32_t count[NEURON_STREAMS];
	struct neuron_job job;
	uint64_t bus_reads, bus_writes;
	void (*on_read)(struct nct *t);		/* called in each bus read */
	uint64_t lost;				/* an address of DRAM that cannot be read; 0: none */
};

int nct_setup(void **state);
int nct_teardown(void **state);
/* Two cores to compare: the first with three threads, the second with one. */
void nct_setup_pair(struct nct *core[2]);
void nct_teardown_pair(struct nct *core[2]);

/* Start a new program. */
void nct_begin(struct nct *t);
/* A zeroed instruction that neither waits nor signals, at the end of the op's engine's stream. */
struct neuron_insn *nct_insn(struct nct *t, unsigned int op);
struct neuron_insn *nct_insn_on(struct nct *t, unsigned int engine, unsigned int op);
/* Run it; the completion. */
struct neuron_completion nct_run(struct nct *t);
/* The same, which must succeed. */
struct neuron_completion nct_run_ok(struct nct *t);

/* One byte of a partition, by the documented storage. */
uint8_t *nct_byte(struct nct *t, int psum, unsigned int part, unsigned int byte);
uint32_t nct_peek(struct nct *t, int psum, unsigned int part, unsigned int byte, unsigned int size);
void nct_poke(struct nct *t, int psum, unsigned int part, unsigned int byte, unsigned int size,
	      uint32_t v);

/* The same of 4 bytes at a multiple of 4, quickly. */
static inline uint32_t nct_peek_word(struct nct *t, int psum, unsigned int part, unsigned int byte)
{
	if (psum)
		return t->nc->mem.psum[byte / 4][part];
	return t->nc->mem.sbuf[byte / 2][part ^ 1] |
	       (uint32_t)t->nc->mem.sbuf[byte / 2 + 1][part ^ 1] << 16;
}

static inline void nct_poke_word(struct nct *t, int psum, unsigned int part, unsigned int byte,
				 uint32_t v)
{
	if (psum) {
		t->nc->mem.psum[byte / 4][part] = v;
		return;
	}
	t->nc->mem.sbuf[byte / 2][part ^ 1] = (uint16_t)v;
	t->nc->mem.sbuf[byte / 2 + 1][part ^ 1] = (uint16_t)(v >> 16);
}

uint64_t nct_random(void);
static inline uint32_t nct_below(uint32_t n)
{
	return (uint32_t)(nct_random() % n);
}
/* Bits of a float that is likely to make trouble. */
uint32_t nct_hard_float(void);

static inline uint32_t nct_f(float f)
{
	uint32_t u;

	__builtin_memcpy(&u, &f, 4);
	return u;
}

static inline float nct_uf(uint32_t u)
{
	float f;

	__builtin_memcpy(&f, &u, 4);
	return f;
}

#endif
