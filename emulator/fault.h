/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection: what a test bench makes go wrong. docs/faults.md describes each kind.
 *
 * A hook point in a block asks emu_fault(chip, kind, ...), one load of a mask when no fault
 * is set. Each time that the answer could be yes is an opportunity; after=, count= and the
 * selectors (core=, queue=, vector=, engine=) decide. Faults belong to the test bench, not
 * to the chip: no reset touches them.
 *
 * fault.c has the mechanism, fault_spec.c kinds and grammar, fault_act.c what kinds do by
 * themselves, fault_fw.c how they falsify what firmware tells the host.
 */
#ifndef EMU_FAULT_H
#define EMU_FAULT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/ext.h>
#include <neuron/regs.h>

struct emu_chip;

#define EMU_FAULT_SLOTS		32
#define EMU_FAULT_SPEC		128	/* longest SPEC, with its NUL */

enum emu_fault_key {
	EMU_FAULT_AFTER,
	EMU_FAULT_MAX,		/* count= */
	EMU_FAULT_CORE,
	EMU_FAULT_QUEUE,
	EMU_FAULT_VECTOR,
	EMU_FAULT_ENGINE,
	EMU_FAULT_MS,
	EMU_FAULT_EVERY,
	EMU_FAULT_RATE,
	EMU_FAULT_BY,
	EMU_FAULT_ERROR,
	EMU_FAULT_SIZE,
	EMU_FAULT_CHANNEL,
	EMU_FAULT_ADDRESS,
	EMU_FAULT_BIT,
	EMU_FAULT_SEED,
	EMU_FAULT_SIDE,
	EMU_FAULT_CELSIUS,
	EMU_FAULT_UNTIL,	/* an enum emu_order */
	EMU_FAULT_KEYS,
};

enum emu_fault_kind {
	EMU_FAULT_NO_IRQ,
	EMU_FAULT_DOUBLE_IRQ,
	EMU_FAULT_IRQ_STORM,
	EMU_FAULT_ALL_ONES,
	EMU_FAULT_WRONG_ID,
	EMU_FAULT_HEAD_JUMP,
	EMU_FAULT_LATE_COMPLETION,
	EMU_FAULT_FW_HANG,
	EMU_FAULT_FW_BABBLE,
	EMU_FAULT_HEARTBEAT_STOP,
	EMU_FAULT_SLOW_RESET,
	EMU_FAULT_CORRUPT_TELEMETRY,
	EMU_FAULT_ECC_CORRECTED,
	EMU_FAULT_ECC_UNCORRECTED,
	EMU_FAULT_BIT_FLIP,
	EMU_FAULT_LINK_DOWN,
	EMU_FAULT_DMA_OUTSIDE,
	EMU_FAULT_OVER_TEMPERATURE,
	EMU_FAULT_FWIO_SILENT,
	EMU_FAULT_FWIO_BAD,
	EMU_FAULT_UDMA_STALL,
	EMU_FAULT_JOB_STUCK,
	EMU_FAULT_KINDS,
};

/* What a host orders to get a job ended, the mildest first; job-stuck is deaf for some. */
enum emu_order {
	EMU_ORDER_NONE,
	EMU_ORDER_ABORT,	/* CANCEL or DISABLE of a queue of the core */
	EMU_ORDER_CORE,		/* reset of the core */
	EMU_ORDER_DEVICE,	/* reset of the device or the function */
};

/**
 * struct emu_fault_args - what a SPEC says
 * @given: a bit per enum emu_fault_key that was written
 * @value: also of keys that have a default
 */
struct emu_fault_args {
	uint32_t given;
	uint64_t value[EMU_FAULT_KEYS];
};

/* Where a hook point is; -1: has no such number. */
struct emu_fault_where {
	int core;
	int queue;
	int vector;
	int engine;
};

#define EMU_FAULT_NOWHERE	((struct emu_fault_where){ -1, -1, -1, -1 })

struct emu_fault_slot {
	bool used;
	enum emu_fault_kind kind;
	struct emu_fault_args args;
	uint64_t seen;		/* opportunities */
	uint64_t fired;
	uint64_t due_ns;	/* of kinds that act by themselves */
	uint64_t rng;
	unsigned int turn;	/* irq-storm: vector of the next one */
	char spec[EMU_FAULT_SPEC];
};

/* What the management core wrote to the host and a late-completion keeps back. */
struct emu_fault_late {
	struct emu_fault_late *next;
	uint64_t due_ns;
	int queue;		/* or EMU_FAULT_LATE_IRQ */
	unsigned int vector;
	uint64_t addr;
	size_t len;		/* 0: an interrupt */
	uint8_t data[];
};

struct emu_faults {
	atomic_uint mask;	/* kinds that have a slot */
	pthread_mutex_t lock;	/* innermost; covers @slot */
	struct emu_fault_slot slot[EMU_FAULT_SLOTS];

	unsigned int blocked;	/* link-down: NEURON_FW_STATUS_EAST | _WEST; under its lock */
	pthread_mutex_t link_lock;

	atomic_bool dead;	/* all-ones fired and is not over */
	atomic_bool hung;	/* fw-hang fired; until the next boot */
	_Atomic uint64_t slow_ns;	/* slow-reset: doorbells and boots wait until then; 0 = no */
	atomic_bool doorbell;		/* one waits */
	_Atomic uint64_t again_ns[NEURON_VECTORS];	/* double-irq: the second one; 0 = none */
	atomic_uint stalled[NEURON_UDMA_ENGINES];	/* udma-stall: queues, by engine */
	struct emu_fault_late *late, **late_tail;	/* service thread's */
	_Atomic uint64_t next_ns;	/* when emu_fault_tick() is due */
};

void emu_fault_init(struct emu_chip *chip);
void emu_fault_fini(struct emu_chip *chip);

/* fault_spec.c: 0, or -EINVAL and a message that names the way out. */
int emu_fault_parse(const char *spec, enum emu_fault_kind *kind, struct emu_fault_args *args,
		    char *error, size_t size);
/* EMU_FAULT_KINDS if there is no such kind. */
enum emu_fault_kind emu_fault_kind_of(const char *name, size_t len);
const char *emu_fault_name(enum emu_fault_kind kind);
/* Does it act by itself, at set-up and then every= ms? */
bool emu_fault_acts(enum emu_fault_kind kind);

/* Of one slot that acts by itself. */
bool emu_fault_fire_slot(struct emu_chip *chip, unsigned int i, struct emu_fault_args *args);
bool emu_fault_fire(struct emu_chip *chip, enum emu_fault_kind kind,
		    const struct emu_fault_where *where, struct emu_fault_args *args);

/*
 * Is fault @kind due here? Counts the opportunity. @args: what it was set with; may be NULL.
 * Not with a lock of a block held but those of struct emu_chip that are not innermost.
 */
#define emu_fault(chip, kind, where, args) \
	(emu_fault_set_any(chip, 1u << (kind)) && emu_fault_fire(chip, kind, where, args))
#define emu_fault_set_any(chip, kinds) \
	__builtin_expect(atomic_load_explicit(&(chip)->faults.mask, memory_order_relaxed) & \
			 (kinds), 0)

/* Has the chip fallen off the bus? Then nothing that it does is heard outside. */
#define emu_fault_dead(chip) \
	(emu_fault_set_any(chip, 1u << EMU_FAULT_ALL_ONES) && atomic_load(&(chip)->faults.dead))
/* An MMIO or configuration access: does it reach the chip? Counts as an opportunity of all-ones. */
bool emu_fault_off_bus_slow(struct emu_chip *chip);
#define emu_fault_off_bus(chip) \
	(emu_fault_set_any(chip, 1u << EMU_FAULT_ALL_ONES) && emu_fault_off_bus_slow(chip))

/* fault_act.c; service thread, under service.run. True: did something. */
bool emu_fault_tick(struct emu_chip *chip);
/* The same at @now of a clock, which tests have in hand; @now never goes back. */
bool emu_fault_tick_at(struct emu_chip *chip, uint64_t now);
void emu_fault_due(struct emu_chip *chip, uint64_t ns);
/* A slot is new: what its kind does at once. */
void emu_fault_begin(struct emu_chip *chip, enum emu_fault_kind kind,
		     const struct emu_fault_args *args);
/* The chip falls off the bus, or is back. */
void emu_fault_die(struct emu_chip *chip, bool dead);
/* A kind has no slot any more. */
void emu_fault_end(struct emu_chip *chip, enum emu_fault_kind kind);
void emu_fault_irq_again(struct emu_chip *chip, unsigned int vector, uint64_t ms);

/* Is the management core hung? Before it is given time: counts an opportunity of fw-hang. */
bool emu_fault_fw_hangs(struct emu_chip *chip);
/* The same without counting. */
#define emu_fault_fw_hung(chip) \
	(emu_fault_set_any(chip, 1u << EMU_FAULT_FW_HANG) && atomic_load(&(chip)->faults.hung))
/* Other firmware runs now: a hang is over. */
void emu_fault_booted(struct emu_chip *chip);
/* A reset begins: an opportunity of slow-reset. */
void emu_fault_resetting(struct emu_chip *chip);
/* The host rings the misc RAM doorbell: true if it is heard later. */
bool emu_fault_doorbell(struct emu_chip *chip);
/* Do boots wait? */
#define emu_fault_slow(chip)	(atomic_load(&(chip)->faults.slow_ns) != 0)

bool emu_fault_stall(struct emu_chip *chip, unsigned int engine, unsigned int queue);
/* The queue was reset: a stall is over. Under the engine's lock. */
void emu_fault_unstall(struct emu_chip *chip, unsigned int engine, unsigned int queue);
/* The host gives @order to the cores of @map: jobs that are stuck until then end. */
void emu_fault_order_slow(struct emu_chip *chip, enum emu_order order, uint32_t map);
#define emu_fault_order(chip, order, map) do { \
		if (emu_fault_set_any(chip, 1u << EMU_FAULT_JOB_STUCK)) \
			emu_fault_order_slow(chip, order, map); \
	} while (0)
/* Random numbers of a slot's own; @seed as in SPEC. */
uint64_t emu_fault_random(uint64_t *state);

/*
 * fault_fw.c: what firmware writes to the host passes here. True: it was taken care of; else
 * @buf, a private copy, may have been changed.
 */
#define EMU_FAULT_WRITES	(1u << EMU_FAULT_WRONG_ID | 1u << EMU_FAULT_HEAD_JUMP | \
				 1u << EMU_FAULT_LATE_COMPLETION | 1u << EMU_FAULT_FW_BABBLE | \
				 1u << EMU_FAULT_FWIO_SILENT | 1u << EMU_FAULT_FWIO_BAD)
bool emu_fault_fw_write(struct emu_chip *chip, uint64_t addr, void *buf, size_t len);
/* True: the interrupt is kept back. */
bool emu_fault_fw_irq(struct emu_chip *chip, unsigned int vector);
/* True: the write of an extension register is lost; else *@value may have been changed. */
bool emu_fault_fw_ext(struct emu_chip *chip, uint32_t off, uint32_t *value);
/* Carry out what is kept back: of @queue, or what is due. True: there was something. */
#define EMU_FAULT_LATE_IRQ	(-1)	/* queue of an interrupt */
#define EMU_FAULT_LATE_DUE	(-2)
bool emu_fault_late_flush(struct emu_chip *chip, int queue);
/* The chip is being reset: nothing of before happens any more. */
void emu_fault_late_drop(struct emu_chip *chip);
/* Garbage in what firmware owns. */
void emu_fault_babble(struct emu_chip *chip, uint64_t *rng);

#endif
