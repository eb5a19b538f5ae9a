/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telemetry that the chip has itself, whatever firmware does: temperature, and errors of
 * the DRAM's ECC. Registers of <neuron/ext.h>; firmware tells the host of changes.
 *
 * A lost line of DRAM (64 bytes that could not be corrected) holds garbage, of which a copy
 * is kept: the line is lost until each of its words has changed, whoever changed it.
 */
#ifndef EMU_SENSORS_H
#define EMU_SENSORS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/regs.h>

struct emu_chip;

#define EMU_TEMPERATURE		45000	/* 1/1000 degree; the emulated chip is always that warm */
#define EMU_TEMP_CRIT		100000
#define EMU_ECC_LINE		64
#define EMU_ECC_LINES		64	/* lost at one time, at most */

struct emu_lost_line {
	uint64_t offset;	/* in the memory behind BAR4 */
	uint64_t garbage[EMU_ECC_LINE / 8];
};

struct emu_sensors {
	_Atomic int32_t temperature;
	_Atomic uint32_t corrected[NEURON_DRAM_CHANNELS];
	_Atomic uint32_t uncorrected[NEURON_DRAM_CHANNELS];
	_Atomic uint64_t address;	/* device address of the newest uncorrected error */
	atomic_uint lost;		/* entries of @line */
	pthread_mutex_t lock;		/* innermost; covers @line */
	struct emu_lost_line line[EMU_ECC_LINES];
};

void emu_sensors_init(struct emu_chip *chip);
void emu_sensors_fini(struct emu_chip *chip);
/* One of the telemetry registers of the extension block? Then its value. */
bool emu_sensors_read(struct emu_chip *chip, uint32_t off, uint32_t *value);

void emu_sensors_heat(struct emu_chip *chip, int32_t temperature);
void emu_sensors_corrected(struct emu_chip *chip, unsigned int channel);
/* The line at @address of @channel is lost; the memory's scrubber has found it. */
void emu_sensors_uncorrected(struct emu_chip *chip, unsigned int channel, uint64_t address);
/* Lost lines are memory again; what was in them is not. */
void emu_sensors_heal(struct emu_chip *chip);

/* Is a lost line in @len bytes at @offset of the memory behind BAR4? @read: counts as an error. */
bool emu_sensors_lost_slow(struct emu_chip *chip, uint64_t offset, uint64_t len, bool read);
#define emu_sensors_lost(chip, offset, len, read) \
	(__builtin_expect(atomic_load_explicit(&(chip)->sensors.lost, memory_order_relaxed), 0) && \
	 emu_sensors_lost_slow(chip, offset, len, read))

#endif
