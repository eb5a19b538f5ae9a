/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the interpreter's tests share: a hart with RAM and a small device.
 */
#ifndef RV32_TEST_H
#define RV32_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "rv32.h"

#define BASE		0x80000000u
#define RAM_SIZE	0x40000u
#define DEVICE		0x10000000u

struct machine {
	struct emu_rv32 *cpu;
	uint8_t ram[RAM_SIZE];
	uint32_t sum;
};

static inline int device_read(void *opaque, uint32_t addr, uint32_t *value)
{
	struct machine *m = opaque;

	if (addr == DEVICE)
		*value = m->sum;
	else if (addr == DEVICE + 4)
		*value = 0xc0ffee;
	else
		return -1;
	return 0;
}

static inline int device_write(void *opaque, uint32_t addr, uint32_t value)
{
	struct machine *m = opaque;

	if (addr != DEVICE)
		return -1;
	m->sum += value;
	return 0;
}

/* A machine with the file @name, next to the test program, at the start of its RAM. */
static inline struct machine *machine_new(const char *name)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct emu_rv32_bus bus = {
		.opaque = m,
		.ram = m->ram,
		.base = BASE,
		.size = RAM_SIZE,
		.read = device_read,
		.write = device_write,
	};
	FILE *f;

	assert_int_equal(emu_rv32_create(&bus, &m->cpu), 0);
	if (name) {
		f = fopen(name, "rb");
		if (!f)
			fail_msg("cannot open %s", name);
		assert_true(fread(m->ram, 1, sizeof(m->ram), f) > 0);
		fclose(f);
	}
	return m;
}

static inline void machine_free(struct machine *m)
{
	emu_rv32_destroy(m->cpu);
	free(m);
}

static inline void ram_put(struct machine *m, uint32_t addr, uint32_t word)
{
	memcpy(m->ram + (addr - BASE), &word, 4);
}

static inline uint32_t ram_get(struct machine *m, uint32_t addr)
{
	uint32_t word;

	memcpy(&word, m->ram + (addr - BASE), 4);
	return word;
}

#endif
