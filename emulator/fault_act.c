// SPDX-License-Identifier: Apache-2.0
/* What faults do by themselves, at their time: on the service thread. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "chip.h"
#include "fault.h"
#include "mgmt.h"
#include "sensors.h"

#define MS		1000000ull
#define STORM_MAX	64		/* interrupts a tick */
#define LINE		64		/* what the memory protects as one */
#define OUTSIDE		0x3fffffff0000ull	/* bus address that no VMM maps */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* The tick is due at @ns, or before. */
void emu_fault_due(struct emu_chip *chip, uint64_t ns)
{
	uint64_t next = atomic_load(&chip->faults.next_ns);

	while (ns < next && !atomic_compare_exchange_weak(&chip->faults.next_ns, &next, ns))
		;
}

/* An offset in memory that somebody has written, from @start on; @start if there is none. */
static uint64_t used_from(struct emu_chip *chip, unsigned int channel, uint64_t start)
{
	uint64_t base = channel * NEURON_DRAM_CHANNEL_SIZE;
	off_t at = lseek(chip->dram.fd, base + start, SEEK_DATA);

	/* beyond the last used page of this channel: once more from its beginning */
	if (at < 0 || (uint64_t)at >= base + NEURON_DRAM_CHANNEL_SIZE)
		at = lseek(chip->dram.fd, base, SEEK_DATA);
	if (at < 0 || (uint64_t)at >= base + NEURON_DRAM_CHANNEL_SIZE)
		return start;
	return (uint64_t)at - base + start % 4096;
}

static uint64_t pick_address(struct emu_chip *chip, const struct emu_fault_args *args)
{
	if (args->given & 1u << EMU_FAULT_ADDRESS)
		return args->value[EMU_FAULT_ADDRESS];
	return used_from(chip, args->value[EMU_FAULT_CHANNEL],
			 args->value[EMU_FAULT_SEED] % NEURON_DRAM_CHANNEL_SIZE);
}

static void flip_bit(struct emu_chip *chip, const struct emu_fault_args *args)
{
	uint64_t address = pick_address(chip, args);
	unsigned int bit = args->given & 1u << EMU_FAULT_BIT ? args->value[EMU_FAULT_BIT] :
			   args->value[EMU_FAULT_SEED] >> 61;
	uint8_t *dram = emu_dram(chip, args->value[EMU_FAULT_CHANNEL]);

	/* cores and hosts are at work in this memory: as the hardware would, but one byte whole */
	__atomic_fetch_xor(dram + address, 1u << bit, __ATOMIC_RELAXED);
	emu_dram_written(chip, args->value[EMU_FAULT_CHANNEL], address, 1);
	emu_trace(chip, "fault", "bit-flip: channel %u, address 0x%llx, bit %u",
		  (unsigned int)args->value[EMU_FAULT_CHANNEL], (unsigned long long)address, bit);
}

/* A line a time: with count=N the N lines from address= on. */
static void lose_line(struct emu_chip *chip, const struct emu_fault_args *args, uint64_t nth)
{
	uint64_t address = pick_address(chip, args);

	if (args->given & 1u << EMU_FAULT_ADDRESS)
		address = (address + nth * LINE) % NEURON_DRAM_CHANNEL_SIZE;
	emu_sensors_uncorrected(chip, args->value[EMU_FAULT_CHANNEL], address & -(uint64_t)LINE);
}

/* Reads first: an address that is mapped after all must not be written. */
static void dma_outside(struct emu_chip *chip, const struct emu_fault_args *args)
{
	uint64_t address = args->given & 1u << EMU_FAULT_ADDRESS ? args->value[EMU_FAULT_ADDRESS] :
			   OUTSIDE;
	uint8_t junk[LINE];

	if (address & ~(NEURON_ADDR_HOST - 1)) {
		emu_trace(chip, "fault", "dma-outside: 0x%llx is no bus address",
			  (unsigned long long)address);
		return;
	}
	emu_guard(chip, address | NEURON_ADDR_HOST, sizeof(junk), false, "dma-outside");
	if (!emu_bus_read(chip, address | NEURON_ADDR_HOST, junk, sizeof(junk))) {
		emu_trace(chip, "fault", "dma-outside: 0x%llx is mapped, left alone",
			  (unsigned long long)address);
		return;
	}
	memset(junk, 0xa5, sizeof(junk));
	emu_bus_report(chip, emu_bus_write(chip, address | NEURON_ADDR_HOST, junk, sizeof(junk)),
		       "dma-outside: write", address | NEURON_ADDR_HOST, sizeof(junk));
}

/* Of one slot whose time has come. */
static void act(struct emu_chip *chip, unsigned int i, enum emu_fault_kind kind)
{
	struct emu_fault_slot *slot = &chip->faults.slot[i];
	struct emu_fault_args args;
	unsigned int vectors = chip->config.vectors ? chip->config.vectors : 1;

	if (!emu_fault_fire_slot(chip, i, &args))
		return;
	switch (kind) {
	case EMU_FAULT_IRQ_STORM:
		emu_chip_message(chip, args.given & 1u << EMU_FAULT_VECTOR ?
				 args.value[EMU_FAULT_VECTOR] : slot->turn++ % vectors);
		break;
	case EMU_FAULT_FW_BABBLE:
		emu_fault_babble(chip, &args.value[EMU_FAULT_SEED]);
		break;
	case EMU_FAULT_ECC_CORRECTED:
		emu_sensors_corrected(chip, args.value[EMU_FAULT_CHANNEL]);
		break;
	case EMU_FAULT_ECC_UNCORRECTED:
		lose_line(chip, &args, slot->turn++);
		break;
	case EMU_FAULT_BIT_FLIP:
		flip_bit(chip, &args);
		break;
	case EMU_FAULT_DMA_OUTSIDE:
		dma_outside(chip, &args);
		break;
	default:
		break;
	}
}

static uint64_t period(const struct emu_fault_slot *slot)
{
	if (slot->kind == EMU_FAULT_IRQ_STORM)
		return 1000000000ull / slot->args.value[EMU_FAULT_RATE];
	return slot->args.value[EMU_FAULT_EVERY] * MS;
}

/* Is slot @i due? Then also when it is next. */
static bool take_turn(struct emu_chip *chip, unsigned int i, uint64_t now,
		      enum emu_fault_kind *kind)
{
	struct emu_fault_slot *slot = &chip->faults.slot[i];
	bool due = false;

	pthread_mutex_lock(&chip->faults.lock);
	if (slot->used && emu_fault_acts(slot->kind)) {
		due = now >= slot->due_ns;
		*kind = slot->kind;
		/* what was missed for a long time is not made up for */
		if (now > slot->due_ns + 10 * MS)
			slot->due_ns = now;
		if (due)
			slot->due_ns += period(slot);
		if (!slot->args.value[EMU_FAULT_MAX] || slot->fired < slot->args.value[EMU_FAULT_MAX])
			emu_fault_due(chip, slot->due_ns);
	}
	pthread_mutex_unlock(&chip->faults.lock);
	return due;
}

static bool irqs_again(struct emu_chip *chip, uint64_t now)
{
	unsigned int vector;
	bool any = false;

	for (vector = 0; vector < NEURON_VECTORS; vector++) {
		uint64_t due = atomic_load(&chip->faults.again_ns[vector]);

		if (!due)
			continue;
		if (now < due) {
			emu_fault_due(chip, due);
			continue;
		}
		atomic_store(&chip->faults.again_ns[vector], 0);
		emu_chip_message(chip, vector);
		any = true;
	}
	return any;
}

/* What waited for a slow reset goes on. */
static bool end_slow(struct emu_chip *chip, uint64_t now)
{
	uint64_t slow = atomic_load(&chip->faults.slow_ns);

	if (!slow)
		return false;
	if (now < slow) {
		emu_fault_due(chip, slow);
		return false;
	}
	atomic_store(&chip->faults.slow_ns, 0);
	if (atomic_exchange(&chip->faults.doorbell, false))
		emu_mgmt_raise(chip->mgmt, NEURON_MGMT_IRQ_DOORBELL);
	return true;
}

bool emu_fault_tick_at(struct emu_chip *chip, uint64_t now)
{
	struct emu_faults *f = &chip->faults;
	enum emu_fault_kind kind = EMU_FAULT_KINDS;
	unsigned int i, burst;
	bool any = false;

	if (now < atomic_load(&f->next_ns))
		return false;
	atomic_store(&f->next_ns, UINT64_MAX);
	for (i = 0; i < EMU_FAULT_SLOTS; i++)
		for (burst = 0; burst < STORM_MAX && take_turn(chip, i, now, &kind); burst++) {
			act(chip, i, kind);
			any = true;
		}
	any |= irqs_again(chip, now);
	any |= emu_fault_late_flush(chip, EMU_FAULT_LATE_DUE);
	any |= end_slow(chip, now);
	return any;
}

bool emu_fault_tick(struct emu_chip *chip)
{
	/* a clock costs more than a look whether anything is ever due */
	if (atomic_load_explicit(&chip->faults.next_ns, memory_order_relaxed) == UINT64_MAX)
		return false;
	return emu_fault_tick_at(chip, now_ns());
}

void emu_fault_irq_again(struct emu_chip *chip, unsigned int vector, uint64_t ms)
{
	uint64_t due = now_ns() + ms * MS;

	atomic_store(&chip->faults.again_ns[vector], due);
	emu_fault_due(chip, due);
	emu_service_wake(chip);
}

/* A fault is set or cleared between two slices of the service thread, and at work on return. */
static void at_once(struct emu_chip *chip)
{
	emu_service_stop(chip);
	emu_fault_tick(chip);
	emu_service_resume(chip);
}

/* The sides that link-down faults name, both if one names none. */
static unsigned int sides_down(struct emu_chip *chip)
{
	unsigned int i, down = 0;

	pthread_mutex_lock(&chip->faults.lock);
	for (i = 0; i < EMU_FAULT_SLOTS; i++) {
		const struct emu_fault_slot *slot = &chip->faults.slot[i];

		if (!slot->used || slot->kind != EMU_FAULT_LINK_DOWN)
			continue;
		down |= slot->args.given & 1u << EMU_FAULT_SIDE ? slot->args.value[EMU_FAULT_SIDE] :
			NEURON_FW_STATUS_EAST | NEURON_FW_STATUS_WEST;
	}
	pthread_mutex_unlock(&chip->faults.lock);
	return down;
}

static void block_links(struct emu_chip *chip)
{
	static const struct {
		enum emu_link link;
		unsigned int bit;
	} sides[] = {
		{ EMU_LINK_EAST, NEURON_FW_STATUS_EAST },
		{ EMU_LINK_WEST, NEURON_FW_STATUS_WEST },
	};
	unsigned int down, changed, i;

	pthread_mutex_lock(&chip->faults.link_lock);
	down = sides_down(chip);
	changed = down ^ chip->faults.blocked;
	chip->faults.blocked = down;
	for (i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		if (changed & sides[i].bit && chip->config.link_block)
			chip->config.link_block(chip->config.opaque, sides[i].link,
						down & sides[i].bit);
	pthread_mutex_unlock(&chip->faults.link_lock);
}

void emu_fault_begin(struct emu_chip *chip, enum emu_fault_kind kind,
		     const struct emu_fault_args *args)
{
	switch (kind) {
	case EMU_FAULT_ALL_ONES:
		if (!args->value[EMU_FAULT_AFTER])
			emu_fault_die(chip, true);
		break;
	case EMU_FAULT_LINK_DOWN:
		block_links(chip);
		break;
	case EMU_FAULT_OVER_TEMPERATURE:
		emu_sensors_heat(chip, (int32_t)args->value[EMU_FAULT_CELSIUS] * 1000);
		break;
	default:
		if (!emu_fault_acts(kind))
			break;
		emu_fault_due(chip, 0);
		at_once(chip);
	}
}

void emu_fault_end(struct emu_chip *chip, enum emu_fault_kind kind)
{
	unsigned int i;

	switch (kind) {
	case EMU_FAULT_ALL_ONES:
		if (atomic_load(&chip->faults.dead))
			emu_fault_die(chip, false);
		break;
	case EMU_FAULT_LINK_DOWN:
		block_links(chip);
		break;
	case EMU_FAULT_OVER_TEMPERATURE:
		emu_sensors_heat(chip, EMU_TEMPERATURE);
		break;
	case EMU_FAULT_ECC_UNCORRECTED:
		emu_sensors_heal(chip);
		break;
	case EMU_FAULT_FW_HANG:
		atomic_store(&chip->faults.hung, false);
		break;
	case EMU_FAULT_SLOW_RESET:
		if (atomic_load(&chip->faults.slow_ns))
			atomic_store(&chip->faults.slow_ns, 1);
		emu_fault_due(chip, 0);
		break;
	case EMU_FAULT_UDMA_STALL:
		for (i = 0; i < NEURON_UDMA_ENGINES; i++)
			atomic_store(&chip->faults.stalled[i], 0);
		emu_udma_resume(chip);
		break;
	case EMU_FAULT_JOB_STUCK:
		for (i = 0; i < NEURON_CORES; i++)
			emu_core_unstick(&chip->core[i], EMU_ORDER_NONE);
		break;
	default:
		break;
	}
	emu_service_wake(chip);
}

/*
 * A function comes back from a lost link in reset: what it was doing, it does no more, in
 * memory that its host has long taken away.
 */
void emu_fault_die(struct emu_chip *chip, bool dead)
{
	unsigned int i;

	emu_trace(chip, "fault", "the chip is %s", dead ? "off the bus" : "back on the bus");
	if (!dead)
		emu_reset(chip, EMU_RESET_FUNCTION);
	atomic_store(&chip->faults.dead, dead);
	/* Mapped pages are memory of the host's: all that can be done is to write ones there. */
	for (i = 0; dead && i <= NEURON_STATUS_FW_STATE; i += 4)
		emu_ext_status(chip, NEURON_EXT_STATUS + i, ~0u);
	emu_service_wake(chip);
}

bool emu_fault_off_bus_slow(struct emu_chip *chip)
{
	bool dead = emu_fault_fire(chip, EMU_FAULT_ALL_ONES, NULL, NULL);

	if (dead != atomic_load(&chip->faults.dead))
		emu_fault_die(chip, dead);
	return dead;
}

bool emu_fault_fw_hangs(struct emu_chip *chip)
{
	if (!emu_fault_set_any(chip, 1u << EMU_FAULT_FW_HANG))
		return false;
	if (!atomic_load(&chip->faults.hung) &&
	    emu_fault_fire(chip, EMU_FAULT_FW_HANG, NULL, NULL))
		atomic_store(&chip->faults.hung, true);
	return atomic_load(&chip->faults.hung);
}

void emu_fault_booted(struct emu_chip *chip)
{
	atomic_store(&chip->faults.hung, false);
}

void emu_fault_resetting(struct emu_chip *chip)
{
	struct emu_fault_args args;
	uint64_t until;

	if (!emu_fault(chip, EMU_FAULT_SLOW_RESET, NULL, &args))
		return;
	until = now_ns() + args.value[EMU_FAULT_MS] * MS;
	atomic_store(&chip->faults.slow_ns, until);
	emu_fault_due(chip, until);
}

bool emu_fault_doorbell(struct emu_chip *chip)
{
	uint32_t reset = emu_misc_peek(chip, NEURON_MISC_RESET);

	if (reset == NEURON_RESET_CORES)
		emu_fault_order(chip, EMU_ORDER_CORE, emu_misc_peek(chip, NEURON_MISC_RESET_MAP));
	else if (reset == NEURON_RESET_DEVICE)
		emu_fault_order(chip, EMU_ORDER_DEVICE, ~0u);
	if (!emu_fault_slow(chip) && reset)
		emu_fault_resetting(chip);
	if (!emu_fault_slow(chip))
		return false;
	atomic_store(&chip->faults.doorbell, true);
	/* the end of the wait may have been meanwhile: it must see this doorbell */
	emu_fault_due(chip, atomic_load(&chip->faults.slow_ns));
	emu_service_wake(chip);
	return true;
}

void emu_fault_order_slow(struct emu_chip *chip, enum emu_order order, uint32_t map)
{
	unsigned int n;

	for (n = 0; n < NEURON_CORES; n++)
		if (map & 1u << n)
			emu_core_unstick(&chip->core[n], order);
}

bool emu_fault_stall(struct emu_chip *chip, unsigned int engine, unsigned int queue)
{
	struct emu_fault_where where = { engine / NEURON_UDMA_PER_NC, queue, -1, engine };
	uint32_t bit = 1u << queue;

	if (atomic_load(&chip->faults.stalled[engine]) & bit)
		return true;
	if (!emu_fault_fire(chip, EMU_FAULT_UDMA_STALL, &where, NULL))
		return false;
	atomic_fetch_or(&chip->faults.stalled[engine], bit);
	return true;
}

void emu_fault_unstall(struct emu_chip *chip, unsigned int engine, unsigned int queue)
{
	atomic_fetch_and(&chip->faults.stalled[engine], ~(1u << queue));
}
