// SPDX-License-Identifier: Apache-2.0
/* Misc RAM and its doorbell. */
#include "chip.h"
#include "mgmt.h"

void emu_misc_reset(struct emu_chip *chip)
{
	unsigned int i;

	for (i = 0; i < NEURON_MISC_SIZE / 4; i++)
		atomic_store_explicit(&chip->misc.word[i], 0, memory_order_relaxed);
}

uint32_t emu_misc_peek(struct emu_chip *chip, uint32_t off)
{
	if (off >= NEURON_MISC_SIZE)
		return 0;
	return atomic_load_explicit(&chip->misc.word[off / 4], memory_order_acquire);
}

void emu_misc_poke(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	if (off < NEURON_MISC_SIZE)
		atomic_store_explicit(&chip->misc.word[off / 4], value, memory_order_release);
}

static bool is_telemetry(uint32_t off)
{
	return off == NEURON_MISC_POWER ||
	       off - NEURON_MISC_METRICS < NEURON_MISC_METRICS_SIZE;
}

uint32_t emu_misc_read(struct emu_chip *chip, uint32_t off)
{
	struct emu_fault_args args;

	if (is_telemetry(off) && emu_fault(chip, EMU_FAULT_CORRUPT_TELEMETRY, NULL, &args))
		return args.value[EMU_FAULT_SEED];
	return emu_misc_peek(chip, off);
}

void emu_misc_write(struct emu_chip *chip, uint32_t off, uint32_t value)
{
	emu_misc_poke(chip, off, value);
	if (off == NEURON_MISC_FWIO_RSP_LO || off == NEURON_MISC_FWIO_RSP_HI)
		atomic_store(&chip->misc.fwio_response,
			     emu_misc_peek(chip, NEURON_MISC_FWIO_RSP_LO) |
			     (uint64_t)emu_misc_peek(chip, NEURON_MISC_FWIO_RSP_HI) << 32);
	if (off != NEURON_MISC_DOORBELL)
		return;
	emu_trace(chip, "misc", "doorbell %u", value);
	if (emu_fault_doorbell(chip))
		return;
	emu_mgmt_raise(chip->mgmt, NEURON_MGMT_IRQ_DOORBELL);
	emu_service_wake(chip);
}
