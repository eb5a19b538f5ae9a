// SPDX-License-Identifier: Apache-2.0
/*
 * What firmware tells the host, falsified on its way: completions of jobs, FWIO answers,
 * the heartbeat. Runs on the service thread, as firmware does.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <neuron/fwio.h>
#include <neuron/job.h>

#include "bus.h"
#include "chip.h"
#include "fault.h"

#define MS	1000000ull

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint32_t queue_reg(struct emu_chip *chip, unsigned int q, uint32_t reg)
{
	return emu_ext_peek(chip, NEURON_EXT_QUEUE(q) + reg);
}

/* The queue whose completion page holds bus address @addr, and the place in the page; or -1. */
static int queue_at(struct emu_chip *chip, uint64_t addr, uint64_t *off)
{
	uint64_t enabled = atomic_load(&chip->ext.enabled);
	unsigned int q;

	for (q = 0; q < NEURON_QUEUES; q++) {
		uint64_t page = queue_reg(chip, q, NEURON_Q_CPL_LO) |
				(uint64_t)queue_reg(chip, q, NEURON_Q_CPL_HI) << 32;
		uint64_t size = sizeof(struct neuron_completion_page) +
				(uint64_t)queue_reg(chip, q, NEURON_Q_RING_SIZE) *
				sizeof(struct neuron_completion);

		if (!(enabled & 1ull << q) || addr < page || addr - page >= size)
			continue;
		*off = addr - page;
		return q;
	}
	return -1;
}

static void append(struct emu_chip *chip, struct emu_fault_late *late)
{
	struct emu_faults *f = &chip->faults;

	late->next = NULL;
	*f->late_tail = late;
	f->late_tail = &late->next;
	emu_fault_due(chip, f->late->due_ns);
}

/* When a write that comes now is due, if an earlier one of the queue still waits. */
static bool behind(struct emu_chip *chip, int queue, uint64_t *due_ns)
{
	struct emu_fault_late *late;
	bool found = false;

	for (late = chip->faults.late; late; late = late->next) {
		if (late->queue != queue)
			continue;
		*due_ns = late->due_ns;
		found = true;
	}
	return found;
}

static bool keep_back(struct emu_chip *chip, int queue, uint64_t due_ns, uint64_t addr,
		      const void *buf, size_t len)
{
	struct emu_fault_late *late = malloc(sizeof(*late) + len);

	if (!late)
		return false;
	late->due_ns = due_ns;
	late->queue = queue;
	late->addr = addr;
	late->len = len;
	memcpy(late->data, buf, len);
	append(chip, late);
	return true;
}

static void carry_out(struct emu_chip *chip, struct emu_fault_late *late)
{
	if (late->len)
		emu_bus_report(chip, emu_bus_write(chip, late->addr, late->data, late->len),
			       "late write", late->addr, late->len);
	else
		emu_chip_irq(chip, late->vector);
	free(late);
}

bool emu_fault_late_flush(struct emu_chip *chip, int queue)
{
	struct emu_faults *f = &chip->faults;
	struct emu_fault_late **at = &f->late, *late;
	uint64_t now = f->late ? now_ns() : 0;
	bool any = false;

	while ((late = *at)) {
		if (queue == EMU_FAULT_LATE_DUE ? now < late->due_ns : late->queue != queue) {
			emu_fault_due(chip, late->due_ns);
			at = &late->next;
			continue;
		}
		*at = late->next;
		carry_out(chip, late);
		any = true;
	}
	f->late_tail = at;
	return any;
}

void emu_fault_late_drop(struct emu_chip *chip)
{
	struct emu_fault_late *late;

	while ((late = chip->faults.late)) {
		chip->faults.late = late->next;
		free(late);
	}
	chip->faults.late_tail = &chip->faults.late;
}

/* A completion: record (id), or the page's seq (head). */
static void falsify(struct emu_chip *chip, const struct emu_fault_where *where, uint64_t off,
		    void *buf, size_t len)
{
	bool page = off == offsetof(struct neuron_completion_page, seq);
	struct emu_fault_args args;
	uint64_t seq;

	if (len < sizeof(seq))
		return;
	if (!emu_fault(chip, page ? EMU_FAULT_HEAD_JUMP : EMU_FAULT_WRONG_ID, where, &args))
		return;
	memcpy(&seq, buf, sizeof(seq));
	seq += args.value[EMU_FAULT_BY];
	memcpy(buf, &seq, sizeof(seq));
}

static bool completion(struct emu_chip *chip, int q, uint64_t off, uint64_t addr, void *buf,
		       size_t len)
{
	struct emu_fault_where where = { q / NEURON_QUEUES_PER_CORE, q, -1, -1 };
	bool page = off == offsetof(struct neuron_completion_page, seq);
	struct emu_fault_args args;
	uint64_t due_ns;

	falsify(chip, &where, off, buf, len);
	/* the record may be there before seq tells of it: only what tells is late */
	if (!page)
		return false;
	if (emu_fault(chip, EMU_FAULT_LATE_COMPLETION, &where, &args)) {
		uint64_t own = now_ns() + args.value[EMU_FAULT_MS] * MS;

		if (!behind(chip, q, &due_ns) || own > due_ns)
			due_ns = own;
	} else if (!behind(chip, q, &due_ns)) {
		return false;
	}
	return keep_back(chip, q, due_ns, addr, buf, len);
}

/* Answers are recognised by the address that the host gave last. True: it is swallowed. */
static bool fwio_answer(struct emu_chip *chip, uint64_t addr, uint8_t *buf, size_t len)
{
	uint64_t rsp = atomic_load(&chip->misc.fwio_response);
	struct neuron_fwio_response head = { 0 };
	struct emu_fault_args args;

	if (!rsp || addr < rsp || addr - rsp >= sizeof(head))
		return false;
	/* the body is written first: what happens to it, happens to seq too */
	if (addr != rsp) {
		chip->misc.fwio_drop = emu_fault(chip, EMU_FAULT_FWIO_SILENT, NULL, NULL);
		if (chip->misc.fwio_drop)
			return true;
		memcpy((uint8_t *)&head + (addr - rsp), buf,
		       len < sizeof(head) - (addr - rsp) ? len : sizeof(head) - (addr - rsp));
		if (emu_fault(chip, EMU_FAULT_FWIO_BAD, NULL, &args)) {
			head.error = args.value[EMU_FAULT_ERROR];
			head.size = sizeof(head);
			if (args.given & 1u << EMU_FAULT_SIZE) {
				head.size = args.value[EMU_FAULT_SIZE];
				if (!(args.given & 1u << EMU_FAULT_ERROR))
					head.error = NEURON_FWIO_OK;
			}
		} else if (emu_fault(chip, EMU_FAULT_FW_BABBLE, NULL, &args)) {
			head.size = args.value[EMU_FAULT_SEED];
		}
		memcpy(buf, (uint8_t *)&head + (addr - rsp),
		       len < sizeof(head) - (addr - rsp) ? len : sizeof(head) - (addr - rsp));
		return false;
	}
	if (chip->misc.fwio_drop)
		return true;
	if (emu_fault(chip, EMU_FAULT_FW_BABBLE, NULL, &args))
		buf[0] += 1 + args.value[EMU_FAULT_SEED] % 254;
	return false;
}

bool emu_fault_fw_write(struct emu_chip *chip, uint64_t addr, void *buf, size_t len)
{
	uint64_t off;
	int q;

	if (!len || !emu_bus_is_host(addr))
		return false;
	q = queue_at(chip, addr & ~NEURON_ADDR_HOST, &off);
	if (q >= 0)
		return completion(chip, q, off, addr, buf, len);
	return fwio_answer(chip, addr, buf, len);
}

/* An interrupt must not overtake the completion that it is for. */
bool emu_fault_fw_irq(struct emu_chip *chip, unsigned int vector)
{
	struct emu_fault_late *late, *last = NULL;
	struct emu_fault_late *irq;

	for (late = chip->faults.late; late; late = late->next)
		if (late->queue >= 0 && (queue_reg(chip, late->queue, NEURON_Q_CONFIG) &
					 NEURON_Q_CONFIG_VECTOR_MASK) == vector)
			last = late;
	if (!last)
		return false;
	irq = malloc(sizeof(*irq));
	if (!irq)
		return false;
	*irq = (struct emu_fault_late){ .due_ns = last->due_ns, .queue = EMU_FAULT_LATE_IRQ,
					.vector = vector };
	append(chip, irq);
	return true;
}

bool emu_fault_fw_ext(struct emu_chip *chip, uint32_t off, uint32_t *value)
{
	struct emu_fault_where where = EMU_FAULT_NOWHERE;
	struct emu_fault_args args;
	uint32_t reg;

	if (off == NEURON_EXT_FW_HEARTBEAT || off == NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT)
		return emu_fault(chip, EMU_FAULT_HEARTBEAT_STOP, NULL, NULL);
	if (off < NEURON_EXT_QUEUE(0) || off >= NEURON_EXT_QUEUE(NEURON_QUEUES))
		return false;
	where.queue = (off - NEURON_EXT_QUEUE(0)) / NEURON_EXT_QUEUE_SIZE;
	where.core = where.queue / NEURON_QUEUES_PER_CORE;
	reg = (off - NEURON_EXT_QUEUE(0)) % NEURON_EXT_QUEUE_SIZE;
	if (reg == NEURON_Q_HEAD && emu_fault(chip, EMU_FAULT_HEAD_JUMP, &where, &args))
		*value += args.value[EMU_FAULT_BY];
	/* DISABLED and ERROR promise that the chip is done with the queue's memory */
	if (reg == NEURON_Q_STATE && *value != NEURON_Q_STATE_ENABLED)
		emu_fault_late_flush(chip, where.queue);
	return false;
}

/* Registers of the extension block that a firmware may write. */
static const struct {
	uint32_t off;
	uint32_t words;
} babbled[] = {
	{ NEURON_EXT_FW_VERSION, 2 },
	{ NEURON_EXT_FW_HEARTBEAT, 1 },
	{ NEURON_EXT_EVENTS, 1 },
	{ NEURON_EXT_STATUS + NEURON_STATUS_HEARTBEAT, 1 },
};

static void babble_ext(struct emu_chip *chip, uint64_t *rng)
{
	uint32_t q = emu_fault_random(rng) % NEURON_QUEUES;
	unsigned int i, word;

	for (i = 0; i < sizeof(babbled) / sizeof(babbled[0]); i++)
		for (word = 0; word < babbled[i].words; word++)
			emu_ext_poke(chip, babbled[i].off + 4 * word, emu_fault_random(rng));
	emu_ext_poke(chip, NEURON_EXT_QUEUE(q) + NEURON_Q_HEAD, emu_fault_random(rng));
	emu_ext_poke(chip, NEURON_EXT_QUEUE(q) + NEURON_Q_ERROR, emu_fault_random(rng));
	emu_ext_poke(chip, NEURON_EXT_QUEUE(q) + NEURON_Q_RUNNING, emu_fault_random(rng));
}

/* All but what the healthy firmware underneath takes orders and addresses from. */
static bool may_babble(uint32_t off)
{
	return !(off >= NEURON_MISC_RESET_MAP && off <= NEURON_MISC_FWIO_RSP_LO) &&
	       off != NEURON_MISC_DOORBELL && off != NEURON_MISC_DEVICE_ID;
}

void emu_fault_babble(struct emu_chip *chip, uint64_t *rng)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		uint32_t off = emu_fault_random(rng) % (NEURON_MISC_SIZE / 4) * 4;

		if (may_babble(off))
			emu_misc_poke(chip, off, emu_fault_random(rng));
	}
	emu_misc_poke(chip, NEURON_MISC_FW_STATUS, emu_fault_random(rng));
	emu_misc_poke(chip, NEURON_MISC_POWER, emu_fault_random(rng));
	babble_ext(chip, rng);
	emu_chip_irq(chip, emu_fault_random(rng) % (chip->config.vectors ? chip->config.vectors : 1));
}
