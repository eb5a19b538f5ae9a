// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target: what hosts tell firmware in the running chip. FWIO requests (with a right CRC
 * unless the input says otherwise), NeuronCore queues and what is in their rings, contexts and
 * segments, instructions, resets, images to boot. Firmware must not trap, and must still
 * answer a request afterwards.
 *
 * An input is records: a byte of operation, a byte of argument, then what the operation takes.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/ext.h>
#include <neuron/fw.h>
#include <neuron/fwio.h>
#include <neuron/job.h>
#include <neuron/regs.h>

#include "chip.h"

#define REQ	0x0000u
#define RSP	0x8000u
#define CTXDIR	0x10000u
#define TABLE	0x11000u
#define CONTEXTS	4u
#define QUEUES	4u	/* 0, 17, 34, 51: one of each core */
#define RING(i)	(0x20000u + (i) * 0x4000u)
#define PAGE(i)	(RING(i) + 0x1000u)
#define SIZE	16u
#define IMAGE	0x80000u
#define CODE	0x100000u	/* in DRAM */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct emu_chip *chip;
static uint32_t put[QUEUES];

static void set(uint32_t off, uint32_t value)
{
	emu_bar_write(chip, NEURON_BAR_APB, off, &value, 4);
}

static uint32_t get(uint32_t off)
{
	uint32_t value;

	emu_bar_read(chip, NEURON_BAR_APB, off, &value, 4);
	return value;
}

static void ext_set(uint32_t off, uint32_t value)
{
	set(NEURON_EXT_BASE + off, value);
}

static uint32_t crc32c(const uint8_t *p, size_t len)
{
	uint32_t c = ~0u;
	size_t i;

	for (i = 0; i < len * 8; i++) {
		c ^= p[i / 8] >> i % 8 & 1;
		c = c >> 1 ^ (c & 1 ? NEURON_FWIO_CRC_POLY : 0);
	}
	return ~c;
}

static void ring_fwio(uint64_t request, uint64_t response)
{
	set(NEURON_MISC_BASE + NEURON_MISC_FWIO_REQ_LO, (uint32_t)request);
	set(NEURON_MISC_BASE + NEURON_MISC_FWIO_REQ_HI, request >> 32);
	set(NEURON_MISC_BASE + NEURON_MISC_FWIO_RSP_LO, (uint32_t)response);
	set(NEURON_MISC_BASE + NEURON_MISC_FWIO_RSP_HI, response >> 32);
	set(NEURON_MISC_BASE + NEURON_MISC_DOORBELL, 1);
}

static void fwio(struct fuzz_input *in, uint8_t arg)
{
	struct neuron_fwio_request *req = (void *)(fuzz_host + REQ);
	uint32_t crc;

	fuzz_take(in, req, sizeof(*req));
	if (!(arg & 2))
		req->size %= 256;
	fuzz_take(in, req + 1, req->size > sizeof(*req) && req->size < 1024 ?
		  req->size - sizeof(*req) : 0);
	if (!(arg & 1)) {
		req->crc = 0;
		crc = crc32c((uint8_t *)req, req->size < RSP ? req->size : RSP);
		req->crc = crc;
	}
	ring_fwio(NEURON_ADDR_HOST | (FUZZ_HOST + REQ), NEURON_ADDR_HOST | (FUZZ_HOST + RSP));
}

static unsigned int queue_of(unsigned int i)
{
	return i % QUEUES * (NEURON_QUEUES_PER_CORE + 1);
}

static void enable(struct fuzz_input *in, uint8_t arg)
{
	unsigned int i = arg % QUEUES;
	uint32_t r = NEURON_EXT_QUEUE(queue_of(i)), bits;

	fuzz_take(in, &bits, sizeof(bits));
	put[i] = 0;
	ext_set(r + NEURON_Q_RING_LO, (uint32_t)FUZZ_HOST + RING(i) + (bits >> 24 & 0x3f));
	ext_set(r + NEURON_Q_RING_HI, arg & 0x80 ? bits : 0);
	ext_set(r + NEURON_Q_RING_SIZE, arg & 0x40 ? bits & 0xffff : SIZE);
	ext_set(r + NEURON_Q_CPL_LO, (uint32_t)FUZZ_HOST + PAGE(i));
	ext_set(r + NEURON_Q_CONFIG, bits & (NEURON_Q_CONFIG_PRIO_MASK | NEURON_Q_CONFIG_IRQ |
					     NEURON_Q_CONFIG_VECTOR_MASK));
	ext_set(r + NEURON_Q_CTRL, NEURON_Q_CTRL_ENABLE);
}

/* A job as the input has it, but for the numbers that a driver would count. */
static void job(struct fuzz_input *in, uint8_t arg)
{
	unsigned int i = arg % QUEUES;
	struct neuron_job *job = (struct neuron_job *)(fuzz_host + RING(i)) + put[i] % SIZE;
	unsigned int s;

	fuzz_take(in, job, sizeof(*job));
	job->seq = ++put[i];
	if (!(arg & 0x80)) {
		job->op = 1 + job->op % NEURON_JOB_CANCELLED;
		job->context %= CONTEXTS;
		job->timeout_ms = 0;
		for (s = 0; s < NEURON_STREAMS; s++) {
			job->stream[s].offset = job->stream[s].offset % 64 * NEURON_CODE_ALIGN;
			job->stream[s].count %= 64;
		}
	}
	ext_set(NEURON_EXT_DOORBELL + 4 * queue_of(i), arg & 0x40 ? job->seq * 3 : put[i]);
	ext_set(NEURON_EXT_KICK, 1);
}

static void context(struct fuzz_input *in, uint8_t arg)
{
	struct neuron_context_entry *entry = (void *)(fuzz_host + CTXDIR);
	struct neuron_segment *segment = (void *)(fuzz_host + TABLE);
	unsigned int i;

	fuzz_take(in, segment, arg % 4 * sizeof(*segment));
	segment[0] = (struct neuron_segment){ .base = CODE, .length = 0x2000,
					      .flags = NEURON_SEG_READ | NEURON_SEG_EXEC };
	for (i = 1; i < 4 && !(arg & 0x80); i++) {
		segment[i].base = (segment[i].base & (NEURON_ADDR_HOST | 0xfffff)) |
				  (segment[i].base & NEURON_ADDR_HOST ? FUZZ_HOST : 0);
		segment[i].length %= 0x10000;
	}
	for (i = 0; i < CONTEXTS; i++)
		entry[i] = (struct neuron_context_entry){ .table = FUZZ_HOST + TABLE,
							  .segments = arg & 0x40 ? arg * 8 : 4,
							  .owner = 1 + i };
	ext_set(NEURON_EXT_CTXDIR_LO, (uint32_t)(FUZZ_HOST + CTXDIR));
	ext_set(NEURON_EXT_CTXDIR_COUNT, CONTEXTS);
}

static void code(struct fuzz_input *in, uint8_t arg)
{
	uint8_t insn[64];

	fuzz_take(in, insn, sizeof(insn));
	memcpy((uint8_t *)emu_dram(chip, 0) + CODE + arg % 64 * sizeof(insn), insn, sizeof(insn));
}

static void reset(uint8_t arg)
{
	set(NEURON_MISC_BASE + NEURON_MISC_RESET_MAP, arg >> 3);
	set(NEURON_MISC_BASE + NEURON_MISC_RESET, arg & 7);
	set(NEURON_MISC_BASE + NEURON_MISC_DOORBELL, 1);
}

static void boot(struct fuzz_input *in, uint8_t arg)
{
	fuzz_take(in, fuzz_host + IMAGE, sizeof(struct neuron_fw_header));
	ext_set(NEURON_EXT_FW_IMAGE_LO, (uint32_t)FUZZ_HOST + IMAGE);
	ext_set(NEURON_EXT_FW_IMAGE_SIZE, arg & 0x80 ? arg : 0x1000);
	ext_set(NEURON_EXT_FW_CTRL, arg % 4);
}

static void carry_out(struct fuzz_input *in, uint8_t op, uint8_t arg)
{
	uint64_t addr[2];

	switch (op % 12) {
	case 0: fwio(in, arg); break;
	case 1: enable(in, arg); break;
	case 2:
	case 3: job(in, arg); break;
	case 4: context(in, arg); break;
	case 5: code(in, arg); break;
	case 6: reset(arg); break;
	case 7: ext_set(NEURON_EXT_QUEUE(queue_of(arg)) + NEURON_Q_CTRL, arg >> 4); break;
	case 8:
		if (arg < 16)
			boot(in, arg);
		break;
	case 9:
		fuzz_take(in, addr, sizeof(addr));
		ring_fwio(addr[0], addr[1]);
		break;
	default: fuzz_run(chip, 16); break;
	}
}

/* Alive and well? */
static void check(void)
{
	uint32_t state = get(NEURON_EXT_BASE + NEURON_EXT_FW_STATE);
	struct neuron_fwio_request *req = (void *)(fuzz_host + REQ);
	unsigned int turn;

	if (state == NEURON_FW_STATE_CRASHED)
		abort();
	if (state != NEURON_FW_STATE_RUNNING)
		return;
	memset(fuzz_host + RSP, 0, 4);
	*req = (struct neuron_fwio_request){ .seq = 77, .cmd = NEURON_FWIO_POST,
					     .size = sizeof(*req) };
	req->crc = crc32c((uint8_t *)req, sizeof(*req));
	ring_fwio(NEURON_ADDR_HOST | (FUZZ_HOST + REQ), NEURON_ADDR_HOST | (FUZZ_HOST + RSP));
	for (turn = 0; turn < 200 && fuzz_host[RSP] != 77; turn++)
		fuzz_run(chip, 16);
	if (fuzz_host[RSP] != 77)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t op[2];

	chip = fuzz_chip(true);
	memset(put, 0, sizeof(put));
	while (fuzz_take(&in, op, sizeof(op)))
		carry_out(&in, op[0], op[1]);
	fuzz_run(chip, 64);
	check();
	return 0;
}
