// SPDX-License-Identifier: Apache-2.0
/* Which faults are set, and whether one is due. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chip.h"
#include "fault.h"

#define SELECTORS	(1u << EMU_FAULT_CORE | 1u << EMU_FAULT_QUEUE | 1u << EMU_FAULT_VECTOR | \
			 1u << EMU_FAULT_ENGINE | 1u << EMU_FAULT_SIDE)

void emu_fault_init(struct emu_chip *chip)
{
	pthread_mutex_init(&chip->faults.lock, NULL);
	pthread_mutex_init(&chip->faults.link_lock, NULL);
	atomic_store(&chip->faults.next_ns, UINT64_MAX);
	chip->faults.late_tail = &chip->faults.late;
}

void emu_fault_fini(struct emu_chip *chip)
{
	emu_fault_late_drop(chip);
	pthread_mutex_destroy(&chip->faults.link_lock);
	pthread_mutex_destroy(&chip->faults.lock);
}

uint64_t emu_fault_random(uint64_t *state)
{
	/* splitmix64: any seed does, 0 too */
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool selects(const struct emu_fault_args *args, enum emu_fault_key key, int where)
{
	return !(args->given & 1u << key) || (int)args->value[key] == where;
}

static bool matches(const struct emu_fault_slot *slot, const struct emu_fault_where *where)
{
	const struct emu_fault_args *args = &slot->args;

	/* queue= names a NeuronCore queue unless engine= is there: a head-jump is of one or the other */
	if (slot->kind == EMU_FAULT_HEAD_JUMP && where && where->engine >= 0 &&
	    !(args->given & 1u << EMU_FAULT_ENGINE))
		return false;
	return !where || (selects(args, EMU_FAULT_CORE, where->core) &&
			  selects(args, EMU_FAULT_QUEUE, where->queue) &&
			  selects(args, EMU_FAULT_VECTOR, where->vector) &&
			  selects(args, EMU_FAULT_ENGINE, where->engine));
}

static bool due_locked(struct emu_fault_slot *slot)
{
	const uint64_t *value = slot->args.value;

	slot->seen++;
	if (slot->seen <= value[EMU_FAULT_AFTER])
		return false;
	if (value[EMU_FAULT_MAX] && slot->fired >= value[EMU_FAULT_MAX])
		return false;
	slot->fired++;
	return true;
}

/* Counts an opportunity of a slot; if it is due, what to trace and do. */
static bool fire_locked(struct emu_fault_slot *slot, struct emu_fault_args *args, char *text,
			size_t size)
{
	if (!due_locked(slot))
		return false;
	if (args) {
		*args = slot->args;
		/* garbage differs from time to time */
		args->value[EMU_FAULT_SEED] = emu_fault_random(&slot->rng);
	}
	snprintf(text, size, "%s fires, number %" PRIu64, slot->spec, slot->fired);
	return true;
}

bool emu_fault_fire_slot(struct emu_chip *chip, unsigned int i, struct emu_fault_args *args)
{
	struct emu_fault_slot *slot = &chip->faults.slot[i];
	char text[EMU_FAULT_SPEC + 40];
	bool fired;

	pthread_mutex_lock(&chip->faults.lock);
	fired = slot->used && fire_locked(slot, args, text, sizeof(text));
	pthread_mutex_unlock(&chip->faults.lock);
	if (fired)
		emu_trace(chip, "fault", "%s", text);
	return fired;
}

bool emu_fault_fire(struct emu_chip *chip, enum emu_fault_kind kind,
		    const struct emu_fault_where *where, struct emu_fault_args *args)
{
	struct emu_faults *f = &chip->faults;
	char text[EMU_FAULT_SPEC + 40];
	bool fired = false;
	unsigned int i;

	pthread_mutex_lock(&f->lock);
	for (i = 0; i < EMU_FAULT_SLOTS && !fired; i++)
		if (f->slot[i].used && f->slot[i].kind == kind && matches(&f->slot[i], where))
			fired = fire_locked(&f->slot[i], args, text, sizeof(text));
	pthread_mutex_unlock(&f->lock);
	if (fired)
		emu_trace(chip, "fault", "%s", text);
	return fired;
}

static bool same(const struct emu_fault_slot *slot, enum emu_fault_kind kind,
		 const struct emu_fault_args *args)
{
	unsigned int key;

	if (!slot->used || slot->kind != kind ||
	    (slot->args.given & SELECTORS) != (args->given & SELECTORS))
		return false;
	for (key = 0; key < EMU_FAULT_KEYS; key++)
		if (SELECTORS & 1u << key && slot->args.value[key] != args->value[key])
			return false;
	return true;
}

/* The slot of a fault that is the same but for its numbers, else a free one, else NULL. */
static struct emu_fault_slot *slot_locked(struct emu_faults *f, enum emu_fault_kind kind,
					  const struct emu_fault_args *args)
{
	struct emu_fault_slot *free_slot = NULL;
	unsigned int i;

	for (i = 0; i < EMU_FAULT_SLOTS; i++) {
		if (same(&f->slot[i], kind, args))
			return &f->slot[i];
		if (!f->slot[i].used && !free_slot)
			free_slot = &f->slot[i];
	}
	return free_slot;
}

int emu_fault_set(struct emu_chip *chip, const char *spec, char *error, size_t size)
{
	struct emu_fault_args args;
	struct emu_fault_slot *slot;
	enum emu_fault_kind kind;
	char unused[1];
	int err = emu_fault_parse(spec, &kind, &args, error ? error : unused, error ? size : 1);

	if (err || !chip)
		return err;
	pthread_mutex_lock(&chip->faults.lock);
	slot = slot_locked(&chip->faults, kind, &args);
	if (slot) {
		memset(slot, 0, sizeof(*slot));
		slot->used = true;
		slot->kind = kind;
		slot->args = args;
		slot->rng = args.value[EMU_FAULT_SEED];
		strcpy(slot->spec, spec);
		atomic_fetch_or(&chip->faults.mask, 1u << kind);
	}
	pthread_mutex_unlock(&chip->faults.lock);
	if (!slot) {
		if (error)
			snprintf(error, size, "%u faults are set; clear one first", EMU_FAULT_SLOTS);
		return -ENOSPC;
	}
	emu_trace(chip, "fault", "%s is set", spec);
	emu_fault_begin(chip, kind, &args);
	return 0;
}

int emu_fault_clear(struct emu_chip *chip, const char *name)
{
	bool all = !strcmp(name, "all");
	enum emu_fault_kind kind = emu_fault_kind_of(name, strlen(name));
	uint32_t cleared = 0;
	unsigned int i;

	if (!all && kind == EMU_FAULT_KINDS)
		return -EINVAL;
	pthread_mutex_lock(&chip->faults.lock);
	for (i = 0; i < EMU_FAULT_SLOTS; i++) {
		struct emu_fault_slot *slot = &chip->faults.slot[i];

		if (!slot->used || (!all && slot->kind != kind))
			continue;
		cleared |= 1u << slot->kind;
		slot->used = false;
	}
	atomic_fetch_and(&chip->faults.mask, ~cleared);
	pthread_mutex_unlock(&chip->faults.lock);
	for (i = 0; i < EMU_FAULT_KINDS; i++) {
		if (!(cleared & 1u << i))
			continue;
		emu_trace(chip, "fault", "%s is cleared", emu_fault_name(i));
		emu_fault_end(chip, i);
	}
	return 0;
}

bool emu_fault_get(struct emu_chip *chip, unsigned int i, struct emu_fault_info *info)
{
	struct emu_faults *f = &chip->faults;
	bool found = false;
	unsigned int n;

	pthread_mutex_lock(&f->lock);
	for (n = 0; n < EMU_FAULT_SLOTS && !found; n++) {
		if (!f->slot[n].used || i--)
			continue;
		snprintf(info->spec, sizeof(info->spec), "%s", f->slot[n].spec);
		info->seen = f->slot[n].seen;
		info->fired = f->slot[n].fired;
		found = true;
	}
	pthread_mutex_unlock(&f->lock);
	return found;
}
