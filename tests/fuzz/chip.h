/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share: one chip for the life of the process, a little host memory,
 * and nobody but the target's thread. Each input begins at a function reset.
 */
#ifndef FUZZ_CHIP_H
#define FUZZ_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu.h"

#define FUZZ_HOST	0x10000000ull	/* bus address of the host's memory */
#define FUZZ_HOST_SIZE	0x100000u

extern uint8_t fuzz_host[FUZZ_HOST_SIZE];

/* Bytes of the input that have not been used. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/* The next @size bytes, 0 where the input has ended; false at its end. */
bool fuzz_take(struct fuzz_input *in, void *value, size_t size);

/* The chip after a reset, bus mastering on; made at the first call. With firmware it is ready. */
struct emu_chip *fuzz_chip(bool firmware);
/* Let it do what is due, for so many turns at most. */
void fuzz_run(struct emu_chip *chip, unsigned int turns);

#endif
