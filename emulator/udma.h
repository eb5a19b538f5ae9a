/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDMA: 12 engines of 16 queues. udma.c has the registers, which any thread may access
 * under the engine's lock; udma_run.c moves the data, on the service thread, without it.
 * A queue's generation changes whenever a host takes the ring away from the engine
 * (queue reset, engine abort, chip reset); work of an older generation is forgotten.
 */
#ifndef EMU_UDMA_H
#define EMU_UDMA_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <neuron/regs.h>
#include <neuron/udma.h>

#include "guest_error.h"

struct emu_chip;

enum emu_udma_half {
	EMU_M2S,
	EMU_S2M,
	EMU_UDMA_HALVES,
};

/* One ring as its registers tell, and where the engine is in it. */
struct emu_udma_ring {
	uint32_t head;		/* next descriptor to process */
	uint32_t pending;	/* descriptors from there to the tail */
	uint32_t ring_id;	/* of the descriptor at the head */
	uint32_t status;	/* NEURON_UDMA_Q_STATUS_* */
	uint32_t generation;
	bool rung;		/* since the last reset */
};

/* Descriptors read ahead; the service thread's own. Each is read from memory once. */
struct emu_udma_fifo {
	uint32_t generation;
	uint32_t start;
	uint32_t count;
	struct neuron_udma_desc desc[NEURON_UDMA_MAX_PACKET_DESCS];
};

struct emu_udma_engine {
	pthread_mutex_t lock;		/* covers all but @due and @fifo */
	uint32_t *reg;			/* NEURON_UDMA_SIZE bytes, as written */
	uint32_t state[EMU_UDMA_HALVES];	/* NEURON_UDMA_STATE_* */
	struct emu_udma_ring ring[EMU_UDMA_HALVES][NEURON_UDMA_QUEUES];
	atomic_uint due;		/* a bit per queue that may have work */
	struct emu_udma_fifo fifo[EMU_UDMA_HALVES][NEURON_UDMA_QUEUES];
};

struct emu_udma {
	struct emu_udma_engine *engine;	/* NEURON_UDMA_ENGINES */
	_Atomic uint32_t tdma[NEURON_CORES][NEURON_UDMA_PER_NC][NEURON_TDMA_SIZE / 4];
	uint8_t *bounce;		/* service thread's; one descriptor's data */
};

int emu_udma_init(struct emu_chip *chip);
void emu_udma_fini(struct emu_chip *chip);
/* Forget all queues. Under service.run, or on the service thread. */
void emu_udma_reset(struct emu_chip *chip);

/* @off: byte in the engine's 256 KiB, a multiple of 4. */
uint32_t emu_udma_read(struct emu_chip *chip, unsigned int engine, uint32_t off);
void emu_udma_write(struct emu_chip *chip, unsigned int engine, uint32_t off, uint32_t value);
/* Does the block answer at @off? */
bool emu_udma_known(uint32_t off);

/* Process a bounded amount of descriptors; true if there was any. Service thread. */
bool emu_udma_run(struct emu_chip *chip);

/* For udma_run.c: registers of a ring, under the engine's lock. */
struct emu_udma_view {
	uint64_t base;
	uint32_t length;
	uint32_t max_descs;	/* of a packet */
	uint32_t max_bytes;
	bool running;
	struct emu_udma_ring ring;
};
/* Look at all queues again. */
void emu_udma_resume(struct emu_chip *chip);

void emu_udma_view_locked(struct emu_udma_engine *e, enum emu_udma_half half, unsigned int q,
			  struct emu_udma_view *view);

#endif
