// SPDX-License-Identifier: Apache-2.0
/* Temperature and ECC. */
#include <string.h>
#include <neuron/ext.h>

#include "chip.h"
#include "fault.h"
#include "mgmt.h"
#include "nc.h"
#include "sensors.h"

void emu_sensors_init(struct emu_chip *chip)
{
	pthread_mutex_init(&chip->sensors.lock, NULL);
	atomic_store(&chip->sensors.temperature, EMU_TEMPERATURE);
}

void emu_sensors_fini(struct emu_chip *chip)
{
	pthread_mutex_destroy(&chip->sensors.lock);
}

static bool is_ecc_counter(struct emu_chip *chip, uint32_t off, uint32_t *value)
{
	unsigned int ch;

	for (ch = 0; ch < NEURON_DRAM_CHANNELS; ch++) {
		if (off == NEURON_EXT_ECC_CORRECTED(ch)) {
			*value = atomic_load(&chip->sensors.corrected[ch]);
			return true;
		}
		if (off == NEURON_EXT_ECC_UNCORRECTED(ch)) {
			*value = atomic_load(&chip->sensors.uncorrected[ch]);
			return true;
		}
	}
	return false;
}

bool emu_sensors_read(struct emu_chip *chip, uint32_t off, uint32_t *value)
{
	struct emu_sensors *s = &chip->sensors;
	struct emu_fault_args args;

	switch (off) {
	case NEURON_EXT_TEMPERATURE:
		*value = (uint32_t)atomic_load(&s->temperature);
		break;
	case NEURON_EXT_TEMP_CRIT:
		*value = EMU_TEMP_CRIT;
		return true;
	case NEURON_EXT_ECC_ADDR_LO:
		*value = (uint32_t)atomic_load(&s->address);
		break;
	case NEURON_EXT_ECC_ADDR_HI:
		*value = atomic_load(&s->address) >> 32;
		break;
	default:
		if (!is_ecc_counter(chip, off, value))
			return false;
	}
	if (emu_fault(chip, EMU_FAULT_CORRUPT_TELEMETRY, NULL, &args))
		*value = args.value[EMU_FAULT_SEED];
	return true;
}

static void tell(struct emu_chip *chip, uint32_t event)
{
	/* firmware tells the host */
	emu_mgmt_sense(chip->mgmt, event);
	emu_service_wake(chip);
}

void emu_sensors_heat(struct emu_chip *chip, int32_t temperature)
{
	int32_t before = atomic_exchange(&chip->sensors.temperature, temperature);

	emu_trace(chip, "fault", "temperature %d.%03d C", temperature / 1000,
		  temperature < 0 ? -temperature % 1000 : temperature % 1000);
	if ((before >= EMU_TEMP_CRIT) != (temperature >= EMU_TEMP_CRIT))
		tell(chip, NEURON_EVENT_THERMAL);
}

void emu_sensors_corrected(struct emu_chip *chip, unsigned int channel)
{
	atomic_fetch_add(&chip->sensors.corrected[channel], 1);
	tell(chip, NEURON_EVENT_ECC);
}

static uint64_t device_address(uint64_t offset)
{
	return offset < NEURON_DRAM_CHANNEL_SIZE ? NEURON_ADDR_DRAM0 + offset :
		NEURON_ADDR_DRAM1 + offset - NEURON_DRAM_CHANNEL_SIZE;
}

static void count(struct emu_chip *chip, uint64_t offset)
{
	atomic_store(&chip->sensors.address, device_address(offset));
	atomic_fetch_add(&chip->sensors.uncorrected[offset / NEURON_DRAM_CHANNEL_SIZE], 1);
	emu_trace(chip, "fault", "uncorrected ECC error at device address 0x%llx",
		  (unsigned long long)device_address(offset));
	tell(chip, NEURON_EVENT_ECC);
}

/* Whoever works in that memory sees words change, as he would. */
static void scramble(struct emu_chip *chip, struct emu_lost_line *line)
{
	uint64_t *word = (uint64_t *)(chip->dram.base + line->offset);
	uint64_t rng = line->offset;
	unsigned int i;

	for (i = 0; i < EMU_ECC_LINE / 8; i++) {
		line->garbage[i] = emu_fault_random(&rng);
		__atomic_store_n(&word[i], line->garbage[i], __ATOMIC_RELAXED);
	}
	emu_dram_changed(&chip->dram, line->offset, EMU_ECC_LINE);
}

static void add_locked(struct emu_chip *chip, uint64_t offset)
{
	struct emu_sensors *s = &chip->sensors;
	unsigned int n = atomic_load(&s->lost), i;

	for (i = 0; i < n && s->line[i].offset != offset; i++)
		;
	/* more than there is room for: the oldest is forgotten */
	if (i == EMU_ECC_LINES) {
		memmove(s->line, s->line + 1, sizeof(s->line) - sizeof(s->line[0]));
		i--;
	}
	s->line[i].offset = offset;
	scramble(chip, &s->line[i]);
	atomic_store(&s->lost, i < n ? n : i + 1);
}

void emu_sensors_uncorrected(struct emu_chip *chip, unsigned int channel, uint64_t address)
{
	uint64_t offset = channel * NEURON_DRAM_CHANNEL_SIZE +
			  (address & -(uint64_t)EMU_ECC_LINE);
	unsigned int n;

	pthread_mutex_lock(&chip->sensors.lock);
	add_locked(chip, offset);
	pthread_mutex_unlock(&chip->sensors.lock);
	for (n = 0; n < NEURON_CORES; n++)
		emu_nc_remap(chip->core[n].nc);
	count(chip, offset);
}

void emu_sensors_heal(struct emu_chip *chip)
{
	pthread_mutex_lock(&chip->sensors.lock);
	atomic_store(&chip->sensors.lost, 0);
	pthread_mutex_unlock(&chip->sensors.lock);
}

/* Has every word of it been written since? */
static bool healed(struct emu_chip *chip, const struct emu_lost_line *line)
{
	const uint64_t *word = (const uint64_t *)(chip->dram.base + line->offset);
	unsigned int i;

	for (i = 0; i < EMU_ECC_LINE / 8; i++)
		if (__atomic_load_n(&word[i], __ATOMIC_RELAXED) == line->garbage[i])
			return false;
	return true;
}

bool emu_sensors_lost_slow(struct emu_chip *chip, uint64_t offset, uint64_t len, bool read)
{
	struct emu_sensors *s = &chip->sensors;
	uint64_t at = 0;
	bool lost = false;
	unsigned int i = 0, n;

	pthread_mutex_lock(&s->lock);
	n = atomic_load(&s->lost);
	while (i < n && !lost) {
		struct emu_lost_line *line = &s->line[i];

		if (line->offset >= offset + len || line->offset + EMU_ECC_LINE <= offset) {
			i++;
		} else if (healed(chip, line)) {
			*line = s->line[--n];
		} else {
			lost = true;
			at = line->offset;
		}
	}
	atomic_store(&s->lost, n);
	pthread_mutex_unlock(&s->lock);
	if (lost && read)
		count(chip, at);
	return lost;
}
