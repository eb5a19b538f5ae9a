// SPDX-License-Identifier: Apache-2.0
/* UDMA registers: storage for configuration, and the few that do something. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chip.h"

#define ENABLE		(NEURON_UDMA_Q_CFG_PREFETCH | NEURON_UDMA_Q_CFG_SCHEDULE)
#define HALF_SIZE	NEURON_UDMA_S2M
#define STATES		(NEURON_UDMA_STATE_NORMAL | NEURON_UDMA_STATE_DISABLE | \
			 NEURON_UDMA_STATE_ABORT)

/* What a register write wants to be reported, once the engine's lock is dropped. */
struct report {
	bool any;
	enum emu_guest_error error;
	const char *text;
	uint32_t value;
};

static uint32_t *queue_reg(struct emu_udma_engine *e, enum emu_udma_half half, unsigned int q,
			   uint32_t reg)
{
	return &e->reg[(half * HALF_SIZE + NEURON_UDMA_QUEUE(q) + reg) / 4];
}

static const char *half_name(enum emu_udma_half half)
{
	return half == EMU_M2S ? "M2S" : "S2M";
}

static void report(struct report *r, enum emu_guest_error error, const char *text, uint32_t value)
{
	r->any = true;
	r->error = error;
	r->text = text;
	r->value = value;
}

/* Head and tail 0, ring id 1, no error; whatever the service thread does now is forgotten. */
static void ring_reset(struct emu_udma_engine *e, enum emu_udma_half half, unsigned int q)
{
	struct emu_udma_ring *ring = &e->ring[half][q];

	ring->head = 0;
	ring->pending = 0;
	ring->ring_id = NEURON_UDMA_FIRST_RING_ID;
	ring->status = 0;
	ring->generation++;
	ring->rung = false;
}

static void engine_reset(struct emu_udma_engine *e)
{
	unsigned int half, q;

	pthread_mutex_lock(&e->lock);
	memset(e->reg, 0, NEURON_UDMA_SIZE);
	for (half = 0; half < EMU_UDMA_HALVES; half++) {
		/* Idle: ready, as after NORMAL. Hosts need not write CHANGE_STATE. */
		e->state[half] = 0;
		for (q = 0; q < NEURON_UDMA_QUEUES; q++) {
			ring_reset(e, half, q);
			*queue_reg(e, half, q, NEURON_UDMA_Q_CFG) = NEURON_UDMA_Q_CFG_RESET_VALUE;
		}
	}
	atomic_store(&e->due, 0);
	pthread_mutex_unlock(&e->lock);
}

int emu_udma_init(struct emu_chip *chip)
{
	unsigned int i;

	chip->udma.bounce = malloc(NEURON_UDMA_DESC_MAX_LEN);
	chip->udma.engine = calloc(NEURON_UDMA_ENGINES, sizeof(*chip->udma.engine));
	if (!chip->udma.engine || !chip->udma.bounce)
		return -ENOMEM;
	for (i = 0; i < NEURON_UDMA_ENGINES; i++) {
		pthread_mutex_init(&chip->udma.engine[i].lock, NULL);
		chip->udma.engine[i].reg = calloc(1, NEURON_UDMA_SIZE);
		if (!chip->udma.engine[i].reg)
			return -ENOMEM;
	}
	emu_udma_reset(chip);
	return 0;
}

void emu_udma_fini(struct emu_chip *chip)
{
	unsigned int i;

	for (i = 0; chip->udma.engine && i < NEURON_UDMA_ENGINES; i++) {
		free(chip->udma.engine[i].reg);
		pthread_mutex_destroy(&chip->udma.engine[i].lock);
	}
	free(chip->udma.engine);
	free(chip->udma.bounce);
}

void emu_udma_reset(struct emu_chip *chip)
{
	unsigned int core, wrapper, i;

	for (i = 0; i < NEURON_UDMA_ENGINES; i++) {
		engine_reset(&chip->udma.engine[i]);
		atomic_store(&chip->faults.stalled[i], 0);
	}
	for (core = 0; core < NEURON_CORES; core++)
		for (wrapper = 0; wrapper < NEURON_UDMA_PER_NC; wrapper++)
			for (i = 0; i < NEURON_TDMA_SIZE / 4; i++)
				atomic_store_explicit(&chip->udma.tdma[core][wrapper][i], 0,
						      memory_order_relaxed);
}

bool emu_udma_known(uint32_t off)
{
	uint32_t in_half = off % HALF_SIZE;

	if (off >= NEURON_UDMA_SIZE)
		return false;
	if (off >= NEURON_UDMA_GEN)
		return true;
	return in_half < NEURON_UDMA_QUEUE(NEURON_UDMA_QUEUES);
}

/* Is @off the register @reg of a queue? */
static bool decode(uint32_t off, enum emu_udma_half *half, unsigned int *q, uint32_t *reg)
{
	uint32_t in_half = off % HALF_SIZE;

	if (off >= NEURON_UDMA_GEN || in_half < NEURON_UDMA_QUEUE(0) ||
	    in_half >= NEURON_UDMA_QUEUE(NEURON_UDMA_QUEUES))
		return false;
	*half = off / HALF_SIZE;
	*q = in_half / NEURON_UDMA_QUEUE_SIZE - 1;
	*reg = in_half % NEURON_UDMA_QUEUE_SIZE;
	return true;
}

void emu_udma_view_locked(struct emu_udma_engine *e, enum emu_udma_half half, unsigned int q,
			  struct emu_udma_view *view)
{
	uint32_t cfg = *queue_reg(e, half, q, NEURON_UDMA_Q_CFG);

	view->base = *queue_reg(e, half, q, NEURON_UDMA_Q_BASE_LO) |
		     (uint64_t)*queue_reg(e, half, q, NEURON_UDMA_Q_BASE_HI) << 32;
	view->length = *queue_reg(e, half, q, NEURON_UDMA_Q_LENGTH) & NEURON_UDMA_Q_LENGTH_MASK;
	view->max_descs = e->reg[NEURON_UDMA_M2S_MAX_DESC_0 / 4] & NEURON_UDMA_M2S_MAX_DESC_MASK;
	if (half == EMU_S2M || !view->max_descs || view->max_descs > NEURON_UDMA_MAX_PACKET_DESCS)
		view->max_descs = NEURON_UDMA_MAX_PACKET_DESCS;
	view->max_bytes = e->reg[NEURON_UDMA_M2S_CFG_LEN / 4] & NEURON_UDMA_M2S_CFG_LEN_MASK;
	view->ring = e->ring[half][q];
	view->running = (cfg & ENABLE) == ENABLE && !view->ring.status &&
			!(e->state[half] & (NEURON_UDMA_STATE_DISABLE | NEURON_UDMA_STATE_ABORT));
}

static uint32_t tail_of(const struct emu_udma_view *view)
{
	if (!view->length)
		return 0;
	return ((uint64_t)view->ring.head + view->ring.pending) % view->length;
}

/* A pointer register: @i descriptors after the head, with the ring id that one has. */
static uint32_t pointer(const struct emu_udma_view *view, uint32_t i)
{
	uint64_t at = (uint64_t)view->ring.head + i;
	uint32_t id;

	if (!view->ring.rung || !view->length)
		return 0;
	id = (view->ring.ring_id + at / view->length) & 3;
	return at % view->length | id << NEURON_UDMA_Q_POINTER_ID_SHIFT;
}

static uint32_t state_fields(uint32_t state)
{
	if (state & NEURON_UDMA_STATE_ABORT)
		return NEURON_UDMA_STATE_IS_ABORT;
	if (state & NEURON_UDMA_STATE_DISABLE || !state)
		return NEURON_UDMA_STATE_IS_IDLE;
	return NEURON_UDMA_STATE_IS_NORMAL;
}

static uint32_t queue_read_locked(struct emu_udma_engine *e, enum emu_udma_half half,
				  unsigned int q, uint32_t reg)
{
	struct emu_udma_view view;

	emu_udma_view_locked(e, half, q, &view);
	switch (reg) {
	case NEURON_UDMA_Q_STATUS:
		return view.ring.status;
	case NEURON_UDMA_Q_HEAD:
	case NEURON_UDMA_Q_CURRENT:
		return pointer(&view, 0);
	case NEURON_UDMA_Q_TAIL:
		return pointer(&view, view.ring.pending);
	case NEURON_UDMA_Q_TAIL_INC:
		return 0;
	}
	return *queue_reg(e, half, q, reg);
}

uint32_t emu_udma_read(struct emu_chip *chip, unsigned int engine, uint32_t off)
{
	struct emu_udma_engine *e = &chip->udma.engine[engine];
	enum emu_udma_half half;
	unsigned int q = 0;
	uint32_t reg = 0;
	uint32_t value;
	struct emu_fault_where where = { engine / NEURON_UDMA_PER_NC, -1, -1, engine };
	struct emu_fault_args args;

	pthread_mutex_lock(&e->lock);
	if (decode(off, &half, &q, &reg))
		value = queue_read_locked(e, half, q, reg);
	else if (off < NEURON_UDMA_GEN && off % HALF_SIZE == NEURON_UDMA_STATE)
		value = state_fields(e->state[off / HALF_SIZE]);
	else
		value = e->reg[off / 4];
	pthread_mutex_unlock(&e->lock);
	where.queue = q;
	if ((reg == NEURON_UDMA_Q_HEAD || reg == NEURON_UDMA_Q_CURRENT) &&
	    emu_fault(chip, EMU_FAULT_HEAD_JUMP, &where, &args))
		value += args.value[EMU_FAULT_BY];
	return value;
}

/* Add descriptors to the ring. A wrong doorbell has no effect but the report. */
static bool doorbell_locked(struct emu_udma_engine *e, enum emu_udma_half half, unsigned int q,
			    uint32_t count, struct report *r)
{
	struct emu_udma_view view;

	emu_udma_view_locked(e, half, q, &view);
	if (!view.running) {
		report(r, EMU_GE_UDMA_QUEUE_STATE,
		       view.ring.status ? "doorbell of a queue that an error stopped" :
		       "doorbell of a queue that is not enabled", count);
		return false;
	}
	if (!view.length) {
		report(r, EMU_GE_UDMA_QUEUE_STATE, "doorbell of a queue without a ring", count);
		return false;
	}
	if (view.base % NEURON_UDMA_RING_ALIGN) {
		report(r, EMU_GE_UDMA_RING_CONFIG,
		       "ring is not 256-byte aligned, low word of its base",
		       (uint32_t)view.base);
		return false;
	}
	if (count > view.length - view.ring.pending) {
		report(r, EMU_GE_UDMA_TAIL, "tail increment beyond the ring", count);
		return false;
	}
	e->ring[half][q].pending += count;
	e->ring[half][q].rung = true;
	return true;
}

static void resume_locked(struct emu_udma_engine *e)
{
	unsigned int q;

	for (q = 0; q < NEURON_UDMA_QUEUES; q++)
		if (e->ring[EMU_M2S][q].pending)
			atomic_fetch_or(&e->due, 1u << q);
}

void emu_udma_resume(struct emu_chip *chip)
{
	unsigned int i;

	for (i = 0; i < NEURON_UDMA_ENGINES; i++) {
		pthread_mutex_lock(&chip->udma.engine[i].lock);
		resume_locked(&chip->udma.engine[i]);
		pthread_mutex_unlock(&chip->udma.engine[i].lock);
	}
}

static bool queue_write_locked(struct emu_udma_engine *e, enum emu_udma_half half, unsigned int q,
			       uint32_t reg, uint32_t value, struct report *r)
{
	const uint32_t sw_ctrl = half == EMU_M2S ? NEURON_UDMA_M2S_Q_SW_CTRL :
		NEURON_UDMA_S2M_Q_SW_CTRL;
	struct emu_udma_ring *ring = &e->ring[half][q];

	switch (reg) {
	case NEURON_UDMA_Q_TAIL_INC:
		if (!doorbell_locked(e, half, q, value, r))
			return false;
		atomic_fetch_or(&e->due, 1u << q);
		return true;
	case NEURON_UDMA_Q_STATUS:
	case NEURON_UDMA_Q_HEAD:
	case NEURON_UDMA_Q_TAIL:
	case NEURON_UDMA_Q_CURRENT:
		report(r, EMU_GE_MMIO_ACCESS, "write to a read-only queue register", reg);
		return false;
	case NEURON_UDMA_Q_BASE_LO:
	case NEURON_UDMA_Q_BASE_HI:
	case NEURON_UDMA_Q_LENGTH:
		if (ring->pending && *queue_reg(e, half, q, reg) != value) {
			report(r, EMU_GE_UDMA_RING_CONFIG,
			       "ring changed while descriptors are pending",
			       ring->pending);
			ring->status |= NEURON_UDMA_Q_STATUS_RING;
			ring->generation++;
		}
		break;
	case NEURON_UDMA_Q_CFG:
		*queue_reg(e, half, q, reg) = value;
		resume_locked(e);
		return true;
	}
	if (reg == sw_ctrl) {
		if (value & NEURON_UDMA_Q_SW_CTRL_RESET)
			ring_reset(e, half, q);
		value &= ~NEURON_UDMA_Q_SW_CTRL_RESET;
	}
	*queue_reg(e, half, q, reg) = value;
	return false;
}

static bool change_state_locked(struct emu_udma_engine *e, enum emu_udma_half half, uint32_t value)
{
	unsigned int q;

	e->state[half] = value & STATES;
	if (value & NEURON_UDMA_STATE_ABORT) {
		/* Descriptors that were not processed are dropped: the head jumps to the tail. */
		for (q = 0; q < NEURON_UDMA_QUEUES; q++) {
			struct emu_udma_ring *ring = &e->ring[half][q];
			struct emu_udma_view view;
			uint32_t laps;

			emu_udma_view_locked(e, half, q, &view);
			if (!ring->pending || !view.length)
				continue;
			laps = (ring->head + ring->pending) / view.length;
			ring->ring_id = (ring->ring_id + laps) & 3;
			ring->head = tail_of(&view);
			ring->pending = 0;
			ring->generation++;
		}
		return false;
	}
	resume_locked(e);
	return true;
}

void emu_udma_write(struct emu_chip *chip, unsigned int engine, uint32_t off, uint32_t value)
{
	struct emu_udma_engine *e = &chip->udma.engine[engine];
	struct report r = { 0 };
	enum emu_udma_half half = EMU_M2S;
	unsigned int q = 0;
	bool wake = false;
	uint32_t reg = 0;

	pthread_mutex_lock(&e->lock);
	if (decode(off, &half, &q, &reg)) {
		wake = queue_write_locked(e, half, q, reg, value, &r);
	} else if (off < NEURON_UDMA_GEN && off % HALF_SIZE == NEURON_UDMA_CHANGE_STATE) {
		wake = change_state_locked(e, off / HALF_SIZE, value);
	} else if (off >= NEURON_UDMA_GEN || off % HALF_SIZE != NEURON_UDMA_STATE) {
		e->reg[off / 4] = value;
	}
	pthread_mutex_unlock(&e->lock);
	if (reg == (half == EMU_M2S ? NEURON_UDMA_M2S_Q_SW_CTRL : NEURON_UDMA_S2M_Q_SW_CTRL) &&
	    value & NEURON_UDMA_Q_SW_CTRL_RESET)
		emu_fault_unstall(chip, engine, q);
	if (r.any)
		emu_guest_error(chip, r.error, "engine %u %s queue %u: %s: 0x%x", engine,
				half_name(half),
				q, r.text, r.value);
	if (reg == NEURON_UDMA_Q_TAIL_INC)
		emu_trace(chip, "udma", "engine %u %s queue %u: doorbell +%u", engine,
			  half_name(half), q, value);
	if (wake)
		emu_service_wake(chip);
}
