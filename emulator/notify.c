// SPDX-License-Identifier: Apache-2.0
/*
 * Notification queues. Hosts also write queue instances that do not exist, some of which
 * lie on the registers of others: only a write of size acts, on what base is then.
 */
#include <string.h>
#include <neuron/isa.h>

#include "bus.h"
#include "chip.h"
#include "nc.h"

_Static_assert(sizeof(struct neuron_notify_entry) == NEURON_NOTIFY_ENTRY_SIZE, "contract");

/* What is to be reported, once the lock is dropped. */
struct report {
	const char *text;
	enum emu_guest_error error;
	uint64_t value;
};

static uint32_t offset_of(unsigned int q)
{
	if (q == EMU_NOTIFY_ERROR)
		return NEURON_NOTIFY_ERROR;
	if (q == EMU_NOTIFY_EVENT)
		return NEURON_NOTIFY_EVENT;
	if (q < EMU_NOTIFY_IMPLICIT)
		return NEURON_NOTIFY_EXPLICIT(q - EMU_NOTIFY_EXPLICIT);
	return NEURON_NOTIFY_IMPLICIT(q - EMU_NOTIFY_IMPLICIT);
}

/* The queue that has its register @reg at @off, or EMU_NOTIFY_QUEUES. */
static unsigned int queue_at(uint32_t off, uint32_t reg)
{
	unsigned int q;

	for (q = 0; q < EMU_NOTIFY_QUEUES && offset_of(q) + reg != off; q++)
		;
	return q;
}

void emu_notify_init(struct emu_chip *chip)
{
	unsigned int n;

	for (n = 0; n < NEURON_CORES; n++)
		pthread_mutex_init(&chip->notify.core[n].lock, NULL);
}

void emu_notify_fini(struct emu_chip *chip)
{
	unsigned int n;

	for (n = 0; n < NEURON_CORES; n++)
		pthread_mutex_destroy(&chip->notify.core[n].lock);
}

void emu_notify_reset(struct emu_chip *chip, unsigned int core)
{
	struct emu_notify_core *c = &chip->notify.core[core];
	unsigned int i;

	pthread_mutex_lock(&c->lock);
	memset(c->queue, 0, sizeof(c->queue));
	atomic_store(&c->running, 0);
	for (i = 0; i < NEURON_PUTILS_SIZE / 4; i++)
		atomic_store_explicit(&c->word[i], 0, memory_order_relaxed);
	pthread_mutex_unlock(&c->lock);
}

static uint32_t word(struct emu_notify_core *c, uint32_t off)
{
	return atomic_load_explicit(&c->word[off / 4], memory_order_relaxed);
}

uint32_t emu_notify_read(struct emu_chip *chip, unsigned int core, uint32_t off)
{
	struct emu_notify_core *c = &chip->notify.core[core];
	unsigned int q = queue_at(off, NEURON_NOTIFY_HEAD);
	uint32_t head;

	if (q == EMU_NOTIFY_QUEUES)
		return word(c, off);
	pthread_mutex_lock(&c->lock);
	head = c->queue[q].next | (c->queue[q].lap ? NEURON_NOTIFY_HEAD_LAP : 0);
	pthread_mutex_unlock(&c->lock);
	return head;
}

/* Only memory: registers could be those of this very block. */
static bool is_memory(struct emu_chip *chip, uint64_t base, uint32_t size)
{
	return emu_bus_is_host(base) || emu_bus_map(chip, base, size);
}

static void start_locked(struct emu_chip *chip, struct emu_notify_core *c, unsigned int q,
			 uint32_t size, struct report *r)
{
	uint64_t base = word(c, offset_of(q) + NEURON_NOTIFY_BASE_LO) |
			(uint64_t)word(c, offset_of(q) + NEURON_NOTIFY_BASE_HI) << 32;

	c->queue[q] = (struct emu_notify_queue){ 0 };
	atomic_fetch_and(&c->running, ~(1u << q));
	if (!size)
		return;
	if (size & (size - 1) || size < NEURON_NOTIFY_ENTRY_SIZE) {
		*r = (struct report){ "size is not a power of two of 32 or more",
				      EMU_GE_NOTIFY_CONFIG, size };
	} else if (base % NEURON_NOTIFY_ENTRY_SIZE) {
		*r = (struct report){ "base is not a multiple of 32", EMU_GE_NOTIFY_CONFIG, base };
	} else if (!is_memory(chip, base, size)) {
		*r = (struct report){ "base is neither host nor device memory",
				      EMU_GE_NOTIFY_DMA, base };
	} else {
		c->queue[q].base = base;
		c->queue[q].size = size;
		atomic_fetch_or(&c->running, 1u << q);
	}
}

static void tell(struct emu_chip *chip, unsigned int core, unsigned int q, const struct report *r)
{
	if (r->text)
		emu_guest_error(chip, r->error, "core %u, queue at putils + 0x%x: %s: 0x%llx", core,
				offset_of(q), r->text, (unsigned long long)r->value);
}

void emu_notify_write(struct emu_chip *chip, unsigned int core, uint32_t off, uint32_t value)
{
	struct emu_notify_core *c = &chip->notify.core[core];
	unsigned int q = queue_at(off, NEURON_NOTIFY_SIZE);
	struct report r = { 0 };

	atomic_store_explicit(&c->word[off / 4], value, memory_order_relaxed);
	if (q == EMU_NOTIFY_QUEUES)
		return;
	pthread_mutex_lock(&c->lock);
	start_locked(chip, c, q, value, &r);
	pthread_mutex_unlock(&c->lock);
	emu_trace(chip, "notify", "core %u, queue at putils + 0x%x: %u bytes from now on", core,
		  offset_of(q), r.text ? 0 : value);
	tell(chip, core, q, &r);
}

static int put(struct emu_chip *chip, uint64_t addr, const void *buf, size_t len, bool embedded)
{
	return embedded ? emu_bus_write_embedded(chip, addr, buf, len) :
			  emu_bus_write(chip, addr, buf, len);
}

static void write_locked(struct emu_chip *chip, struct emu_notify_core *c, unsigned int q,
			 struct neuron_notify_entry *entry, bool embedded, struct report *r)
{
	struct emu_notify_queue *queue = &c->queue[q];
	uint64_t at = queue->base + queue->next;
	int err;

	if (!queue->size)
		return;
	entry->head |= queue->lap ? 0 : NEURON_NOTIFY_PHASE;
	err = put(chip, at + sizeof(entry->head), &entry->pc,
		  sizeof(*entry) - sizeof(entry->head), embedded);
	/* A reader that sees the phase finds the rest in place. */
	atomic_thread_fence(memory_order_release);
	if (!err)
		err = put(chip, at, &entry->head, sizeof(entry->head), embedded);
	if (err) {
		*r = (struct report){ emu_bus_reason(err, EMU_BUS_DESTINATION),
				      EMU_GE_NOTIFY_DMA, at };
		queue->size = 0;
		atomic_fetch_and(&c->running, ~(1u << q));
		return;
	}
	queue->next += NEURON_NOTIFY_ENTRY_SIZE;
	if (queue->next == queue->size) {
		queue->next = 0;
		queue->lap = !queue->lap;
	}
}

static bool runs(struct emu_chip *chip, unsigned int core, unsigned int q)
{
	return atomic_load_explicit(&chip->notify.core[core].running, memory_order_relaxed) &
	       1u << q;
}

static void add(struct emu_chip *chip, unsigned int core, unsigned int q,
		struct neuron_notify_entry entry, bool embedded)
{
	struct emu_notify_core *c = &chip->notify.core[core];
	struct report r = { 0 };
	bool runs;
	uint64_t at;

	pthread_mutex_lock(&c->lock);
	runs = c->queue[q].size;
	at = c->queue[q].base + c->queue[q].next;
	write_locked(chip, c, q, &entry, embedded, &r);
	pthread_mutex_unlock(&c->lock);
	if (runs)
		emu_guard(chip, at, sizeof(entry), true, "core %u, notification queue %u", core, q);
	emu_trace(chip, "notify", "core %u, queue at putils + 0x%x: entry 0x%x, pc %u, data 0x%x",
		  core, offset_of(q), entry.head, entry.pc, entry.data);
	tell(chip, core, q, &r);
}

void emu_notify_event(struct emu_chip *chip, unsigned int core, unsigned int event, uint32_t value)
{
	if (runs(chip, core, EMU_NOTIFY_EVENT))
		add(chip, core, EMU_NOTIFY_EVENT, (struct neuron_notify_entry){
			.head = NEURON_NOTIFY_TYPE_EVENT, .pc = event, .data = value }, false);
}

void emu_notify_error(struct emu_core *core, const struct neuron_completion *completion)
{
	if (runs(core->chip, core->index, EMU_NOTIFY_ERROR))
		add(core->chip, core->index, EMU_NOTIFY_ERROR, (struct neuron_notify_entry){
			.head = NEURON_NOTIFY_TYPE_ERROR | (uint32_t)completion->engine << 8,
			.pc = completion->pc, .data = completion->status, .job = core->traced_job,
			.start = completion->cycles, .end = completion->cycles },
		    core->state == EMU_CORE_EMBEDDED);
}

void emu_notify_span(void *opaque, const struct emu_nc_span *span)
{
	struct emu_core *core = opaque;
	struct neuron_notify_entry entry = {
		.head = (uint32_t)span->engine << 8, .pc = span->pc, .job = core->traced_job,
		.start = span->start, .end = span->end,
	};
	/* The state cannot change while the job runs. */
	bool embedded = core->state == EMU_CORE_EMBEDDED;

	if (span->op == NEURON_OP_NOTIFY &&
	    runs(core->chip, core->index, EMU_NOTIFY_EXPLICIT + span->engine)) {
		struct neuron_notify_entry explicit = entry;

		explicit.head |= NEURON_NOTIFY_TYPE_EXPLICIT;
		explicit.data = span->value;
		add(core->chip, core->index, EMU_NOTIFY_EXPLICIT + span->engine, explicit,
		    embedded);
	}
	if (runs(core->chip, core->index, EMU_NOTIFY_IMPLICIT + span->engine)) {
		entry.head |= NEURON_NOTIFY_TYPE_TRACE;
		entry.data = span->op;
		add(core->chip, core->index, EMU_NOTIFY_IMPLICIT + span->engine, entry, embedded);
	}
}
