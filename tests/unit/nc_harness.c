// SPDX-License-Identifier: Apache-2.0
/* The memory around a NeuronCore under test, and the making of programs. */

#include <errno.h>
#include <string.h>
#include "nc_harness.h"
#include "nc_team.h"

#define STREAM_BYTES	(NCT_CODE_BYTES / NEURON_STREAMS)
#define DATA_BYTES	(NCT_DRAM_BYTES - NCT_CODE_BYTES)

static bool is_lost(const struct nct *t, uint64_t addr, uint64_t len)
{
	return t->lost && t->lost - addr < len;
}

static void *bus_map(void *opaque, uint64_t addr, uint64_t len)
{
	struct nct *t = opaque;

	if (is_lost(t, addr, len))
		return NULL;
	return addr <= NCT_DRAM_BYTES && len <= NCT_DRAM_BYTES - addr ? t->dram + addr : NULL;
}

static uint8_t *bus_at(struct nct *t, uint64_t addr, size_t len)
{
	if (addr <= NCT_DRAM_BYTES && len <= NCT_DRAM_BYTES - addr)
		return t->dram + addr;
	if (addr >= NCT_HOST_ADDR && addr - NCT_HOST_ADDR <= NCT_HOST_BYTES &&
	    len <= NCT_HOST_BYTES - (addr - NCT_HOST_ADDR))
		return t->host + (addr - NCT_HOST_ADDR);
	return NULL;
}

static int bus_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct nct *t = opaque;
	const uint8_t *p = bus_at(t, addr, len);

	t->bus_reads++;
	if (t->on_read)
		t->on_read(t);
	if (!p)
		return -EFAULT;
	if (is_lost(t, addr, len))
		return -EIO;
	memcpy(buf, p, len);
	return 0;
}

static int bus_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct nct *t = opaque;
	uint8_t *p = bus_at(t, addr, len);

	t->bus_writes++;
	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

static void segments(struct nct *t)
{
	const uint32_t rw = NEURON_SEG_READ | NEURON_SEG_WRITE;

	t->seg[NCT_SEG_CODE] = (struct neuron_segment){ 0, NCT_CODE_BYTES,
							NEURON_SEG_READ | NEURON_SEG_EXEC, 0, 0 };
	t->seg[NCT_SEG_DATA] = (struct neuron_segment){ NCT_CODE_BYTES, DATA_BYTES, rw, 0, 0 };
	t->seg[NCT_SEG_HOST] = (struct neuron_segment){ NCT_HOST_ADDR, NCT_HOST_BYTES, rw, 0, 0 };
	t->seg[NCT_SEG_RO] =
		(struct neuron_segment){ NCT_CODE_BYTES, DATA_BYTES, NEURON_SEG_READ, 0, 0 };
	t->seg[NCT_SEG_WO] =
		(struct neuron_segment){ NCT_CODE_BYTES, DATA_BYTES, NEURON_SEG_WRITE, 0, 0 };
	t->seg[NCT_SEG_GONE] =
		(struct neuron_segment){ 0x700000000000ull, 0x1000, rw | NEURON_SEG_EXEC, 0, 0 };
	t->seg[NCT_SEG_HOST_CODE] = (struct neuron_segment){ NCT_HOST_ADDR, NCT_HOST_BYTES,
							     NEURON_SEG_EXEC, 0, 0 };
}

int nct_setup(void **state)
{
	struct nct *t = calloc(1, sizeof(*t));
	struct emu_nc_bus bus = {
		.opaque = t, .map = bus_map, .read = bus_read, .write = bus_write
	};

	assert_non_null(t);
	/* exact sizes: the sanitizer sees an access one byte beyond */
	t->dram = calloc(1, NCT_DRAM_BYTES);
	t->host = calloc(1, NCT_HOST_BYTES);
	assert_non_null(t->dram);
	assert_non_null(t->host);
	segments(t);
	for (int e = 0; e < NEURON_STREAMS; e++)
		t->code[e] = (struct neuron_insn *)(t->dram + (size_t)e * STREAM_BYTES);
	assert_int_equal(emu_nc_create(&bus, &t->nc), 0);
	nct_begin(t);
	*state = t;
	return 0;
}

int nct_teardown(void **state)
{
	struct nct *t = *state;

	emu_nc_destroy(t->nc);
	free(t->dram);
	free(t->host);
	free(t);
	return 0;
}

void nct_setup_pair(struct nct *core[2])
{
	for (int i = 0; i < 2; i++) {
		void *t;

		assert_int_equal(nct_setup(&t), 0);
		core[i] = t;
		emu_nc_team_force(core[i]->nc->team, i ? 1 : 3);
	}
}

void nct_teardown_pair(struct nct *core[2])
{
	for (int i = 0; i < 2; i++) {
		void *t = core[i];

		nct_teardown(&t);
	}
}

void nct_begin(struct nct *t)
{
	memset(t->count, 0, sizeof(t->count));
	t->job = (struct neuron_job){ .op = NEURON_JOB_EXEC,
				      .code = NCT_SEG_CODE,
				      .seq = t->job.seq + 1 };
}

struct neuron_insn *nct_insn_on(struct nct *t, unsigned int engine, unsigned int op)
{
	struct neuron_insn *insn = &t->code[engine][t->count[engine]++];

	assert_true(t->count[engine] <= STREAM_BYTES / NEURON_INSN_SIZE);
	*insn = (struct neuron_insn){ .op = (uint8_t)op, .wait_sem = NEURON_ISA_NO_SEM,
				      .sig_sem = NEURON_ISA_NO_SEM };
	return insn;
}

struct neuron_insn *nct_insn(struct nct *t, unsigned int op)
{
#define ENGINES(code, id, name, engines) [code] = (engines),
	static const uint8_t engines[256] = { NEURON_ISA_OPS(ENGINES) };
#undef ENGINES

	return nct_insn_on(t, (unsigned int)__builtin_ctz(engines[op]), op);
}

struct neuron_completion nct_run(struct nct *t)
{
	struct neuron_completion c;

	for (unsigned int e = 0; e < NEURON_STREAMS; e++)
		if (t->count[e])
			t->job.stream[e] =
				(struct neuron_job_stream){ e * STREAM_BYTES, t->count[e] };
	emu_nc_run(t->nc, t->seg, NCT_SEGS, 1, &t->job, &c);
	assert_int_equal(c.seq, t->job.seq);
	return c;
}

struct neuron_completion nct_run_ok(struct nct *t)
{
	struct neuron_completion c = nct_run(t);

	if (c.status)
		print_message("# status %u engine %u pc %u detail %llu\n", c.status, c.engine, c.pc,
			      (unsigned long long)c.detail);
	assert_int_equal(c.status, NEURON_JOB_OK);
	return c;
}

uint8_t *nct_byte(struct nct *t, int psum, unsigned int part, unsigned int byte)
{
	if (psum)
		return (uint8_t *)t->nc->mem.psum + (size_t)(byte / 4) * 512 + part * 4 + byte % 4;
	return (uint8_t *)t->nc->mem.sbuf + (size_t)(byte / 2) * 256 + (part ^ 1) * 2 + byte % 2;
}

uint32_t nct_peek(struct nct *t, int psum, unsigned int part, unsigned int byte, unsigned int size)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint32_t)*nct_byte(t, psum, part, byte + i) << (8 * i);
	return v;
}

void nct_poke(struct nct *t, int psum, unsigned int part, unsigned int byte, unsigned int size,
	      uint32_t v)
{
	for (unsigned int i = 0; i < size; i++)
		*nct_byte(t, psum, part, byte + i) = (uint8_t)(v >> (8 * i));
}

uint64_t nct_random(void)
{
	static uint64_t s = 0x9e3779b97f4a7c15ull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
}

uint32_t nct_hard_float(void)
{
	static const uint32_t special[] = {
		0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
		0xffc12345, 0x7f800001, 0xff812345, 0x00000001, 0x807fffff, 0x00800000, 0x80800000,
		0x00800001, 0x7f7fffff, 0xff7fffff, 0x00ffffff, 0x4b000000, 0x4f000000, 0xcf000000,
		0x4f800000, 0x42b17218, 0xc2aeac50, 0xc2aeac4f, 0x42b17217, 0x3f6e147b, 0x3f200000,
		0x00810000, 0x7f7f8000, 0x477ff000, 0x477fefff, 0x38800000, 0x387fffff, 0x33000000,
	};
	uint64_t r = nct_random();

	switch (r & 7) {
	case 0:
		return special[(r >> 8) % (sizeof(special) / sizeof(special[0]))];
	case 1:		/* any bits */
		return (uint32_t)(r >> 20);
	case 2:		/* around the smallest normal */
		return (uint32_t)(r >> 20 & 0x80ffffff) | (r >> 10 & 1) << 22;
	case 3:		/* products near the boundary */
		return (uint32_t)(r >> 20 & 0x807fffff) | (56u + (r >> 8 & 15)) << 23;
	default:	/* about 1 */
		return (uint32_t)(r >> 20 & 0x807fffff) | (122u + (r >> 8 & 7)) << 23;
	}
}
