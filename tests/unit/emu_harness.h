/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chip without firmware, a host with a little memory at bus address HOST_BASE, and a
 * record of what the chip reports. The service thread's work is done by drain().
 */
#ifndef EMU_HARNESS_H
#define EMU_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <neuron/ext.h>
#include <neuron/regs.h>
#include <neuron/udma.h>

#include "emu.h"

#define HOST_BASE	0x10000000ull
#define HOST_SIZE	(4u << 20)
#define HOST_RO		(HOST_BASE + HOST_SIZE - 4096)	/* last page: the chip may not write it */

struct harness {
	struct emu_chip *chip;
	uint8_t *host;
	struct harness *neighbour[EMU_LINKS];
	/* instead of the neighbour's emu_link_write(); NULL: that */
	int (*link_write)(struct harness *h, uint64_t addr, const void *buf, size_t len);
	unsigned int irqs[NEURON_VECTORS];
	unsigned int errors;
	char error[64];		/* category of the newest */
	unsigned int fired;	/* faults that fired, by the trace */
	bool blocked[EMU_LINKS];
};

void harness_open(struct harness *h, unsigned int vectors);
/* The same with firmware, which runs when drain() or harness_run() is called. */
void harness_boot(struct harness *h, unsigned int vectors, const void *flash, size_t size);
void harness_close(struct harness *h);
void bus_master(struct harness *h, bool on);
void drain(struct harness *h);
/* The newest report is of this category, and there was only one; forgets it. */
void expect_error(struct harness *h, const char *category);

uint32_t bar_read(struct harness *h, unsigned int bar, uint64_t off);
void bar_write(struct harness *h, unsigned int bar, uint64_t off, uint32_t value);
uint32_t config_read(struct harness *h, uint32_t off, unsigned int bytes);
void config_write(struct harness *h, uint32_t off, uint32_t value, unsigned int bytes);

#endif
