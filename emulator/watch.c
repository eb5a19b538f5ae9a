// SPDX-License-Identifier: Apache-2.0
/* The second look at what jobs reach. */
#include "chip.h"
#include "guard.h"
#include "watch.h"

void emu_watch_enable(struct emu_chip *chip, bool on)
{
	atomic_store(&chip->watching, on);
}

void emu_watch_begin(struct emu_core *core, const struct neuron_segment *segments,
		     unsigned int count, uint32_t owner, uint64_t job)
{
	struct emu_watch *w = &core->watch;
	unsigned int i;

	w->on = atomic_load(&core->chip->watching);
	w->owner = owner;
	w->job = job;
	if (!w->on)
		return;
	w->segment = segments;
	w->segments = count;
	for (i = 0; i < NEURON_SEGMENTS; i++)
		w->read[i] = w->written[i] = (struct emu_watch_range){ UINT64_MAX, 0 };
}

static void tell(struct emu_core *core, unsigned int segment, const char *what,
		 const struct emu_watch_range *range)
{
	if (range->low >= range->high)
		return;
	emu_trace(core->chip, "reach", "core %u owner %u job %llu: segment %u: %s 0x%llx .. 0x%llx",
		  core->index, core->watch.owner, (unsigned long long)core->watch.job, segment, what,
		  (unsigned long long)range->low, (unsigned long long)range->high);
}

void emu_watch_end(struct emu_core *core)
{
	struct emu_watch *w = &core->watch;
	unsigned int i;

	for (i = 0; w->on && i < w->segments; i++) {
		const struct neuron_segment *s = &w->segment[i];

		if (!s->length)
			continue;
		emu_trace(core->chip, "reach",
			  "core %u owner %u job %llu: segment %u: is 0x%llx + 0x%llx, flags %u",
			  core->index, w->owner, (unsigned long long)w->job, i,
			  (unsigned long long)s->base, (unsigned long long)s->length, s->flags);
		tell(core, i, "read", &w->read[i]);
		tell(core, i, "wrote", &w->written[i]);
	}
	w->on = false;
}

static bool holds(const struct neuron_segment *s, uint64_t addr, size_t len, bool write)
{
	uint32_t flags = write ? NEURON_SEG_WRITE : NEURON_SEG_READ | NEURON_SEG_EXEC;

	return s->flags & flags && addr >= s->base && addr - s->base < s->length &&
	       len <= s->length - (addr - s->base);
}

void emu_watch_access(struct emu_core *core, uint64_t addr, size_t len, bool write)
{
	struct emu_watch *w = &core->watch;
	struct emu_watch_range *range;
	unsigned int i;

	emu_guard(core->chip, addr, len, write, "core %u owner %u job %llu", core->index, w->owner,
		  (unsigned long long)w->job);
	if (!w->on)
		return;
	for (i = 0; i < w->segments && !holds(&w->segment[i], addr, len, write); i++)
		;
	if (i == w->segments) {
		emu_trace(core->chip, "reach",
			  "core %u owner %u job %llu: ESCAPE: %s of %zu bytes at 0x%llx", core->index,
			  w->owner, (unsigned long long)w->job, write ? "write" : "read", len,
			  (unsigned long long)addr);
		return;
	}
	range = write ? &w->written[i] : &w->read[i];
	if (addr < range->low)
		range->low = addr;
	if (addr + len > range->high)
		range->high = addr + len;
}

void emu_watch_copy(struct emu_chip *chip, const struct emu_watch_piece *p)
{
	emu_guard(chip, p->src, p->len, false, "engine %u queue %u M2S descriptor %u", p->engine,
		  p->queue, p->m2s);
	emu_guard(chip, p->dst, p->len, true, "engine %u queue %u S2M descriptor %u", p->engine,
		  p->queue, p->s2m);
	if (atomic_load_explicit(&chip->watching, memory_order_relaxed))
		emu_trace(chip, "reach", "engine %u queue %u: %zu bytes to 0x%llx from 0x%llx",
			  p->engine, p->queue, p->len, (unsigned long long)p->dst,
			  (unsigned long long)p->src);
}
