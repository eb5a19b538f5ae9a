/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RV32IMC interpreter: one hart, machine mode, no interrupts. Memory is one RAM region,
 * everything else goes to the bus in aligned 32-bit accesses. Instructions are decoded
 * once; stores into decoded code and FENCE.I drop what was decoded.
 *
 * Machine cycles are instructions: mcycle counts those started, minstret those retired.
 */
#ifndef EMU_RV32_H
#define EMU_RV32_H

#include <stdint.h>

struct emu_rv32;

/**
 * struct emu_rv32_bus - what the hart is connected to
 * @ram: @size bytes that appear at @base; the caller's, outlives the hart
 * @base: multiple of 4
 * @size: multiple of 4, not 0
 * @read, @write: aligned 32-bit access outside the RAM; not 0 = access fault
 */
struct emu_rv32_bus {
	void *opaque;
	uint8_t *ram;
	uint32_t base;
	uint32_t size;
	int (*read)(void *opaque, uint32_t addr, uint32_t *value);
	int (*write)(void *opaque, uint32_t addr, uint32_t value);
};

enum emu_rv32_stop {
	EMU_RV32_BUDGET,	/* @budget instructions have been executed */
	EMU_RV32_WFI,		/* stopped after a WFI */
	EMU_RV32_LOCKUP,	/* the trap handler itself cannot be executed */
};

/* Causes of traps, as in mcause. */
#define EMU_RV32_FETCH_FAULT		1
#define EMU_RV32_ILLEGAL		2
#define EMU_RV32_BREAKPOINT		3
#define EMU_RV32_LOAD_MISALIGNED	4
#define EMU_RV32_LOAD_FAULT		5
#define EMU_RV32_STORE_MISALIGNED	6
#define EMU_RV32_STORE_FAULT		7
#define EMU_RV32_ECALL			11

#define EMU_RV32_PC	32	/* register number of the program counter */

/* 0, -EINVAL for a bad @bus, -ENOMEM. */
int emu_rv32_create(const struct emu_rv32_bus *bus, struct emu_rv32 **cpu);
void emu_rv32_destroy(struct emu_rv32 *cpu);

/* All registers 0, nothing decoded, next instruction at @entry. */
void emu_rv32_reset(struct emu_rv32 *cpu, uint32_t entry);

/*
 * Execute at most @budget instructions (a trap counts as one). @done gets their number.
 */
enum emu_rv32_stop emu_rv32_run(struct emu_rv32 *cpu, uint64_t budget, uint64_t *done);

/* Somebody else changed RAM: @len bytes at address @addr. Also from inside bus->write(). */
void emu_rv32_invalidate(struct emu_rv32 *cpu, uint32_t addr, uint32_t len);

/* x0..x31 or EMU_RV32_PC. Not from inside the bus callbacks. */
uint32_t emu_rv32_get(const struct emu_rv32 *cpu, unsigned int reg);
void emu_rv32_set(struct emu_rv32 *cpu, unsigned int reg, uint32_t value);
/* A CSR by number; 0 if there is none. */
uint32_t emu_rv32_csr(const struct emu_rv32 *cpu, unsigned int csr);

#endif
