// SPDX-License-Identifier: Apache-2.0
/* Ranges that nothing may reach, and who did. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip.h"
#include "guard.h"
#include "nc.h"

struct range {
	uint64_t first;
	uint64_t last;
};

void emu_guard_init(struct emu_chip *chip)
{
	pthread_mutex_init(&chip->guards.lock, NULL);
}

void emu_guard_fini(struct emu_chip *chip)
{
	free(chip->guards.guard);
	pthread_mutex_destroy(&chip->guards.lock);
}

/* Chips' memory has a second address, by the other port. */
static uint64_t plain(uint64_t addr)
{
	bool host = (addr & NEURON_ADDR_SPACE_MASK) == NEURON_ADDR_HOST;

	return host ? addr : addr & ~NEURON_ADDR_AXI1;
}

static struct range range_of(uint64_t addr, uint64_t len)
{
	struct range r = { plain(addr), plain(addr) + (len - 1) };

	if (r.last < r.first)
		r.last = UINT64_MAX;
	return r;
}

/* The first guard that does not end before @addr. */
static unsigned int find_locked(const struct emu_guards *g, uint64_t addr)
{
	unsigned int low = 0, high = g->count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (g->guard[middle].base + (g->guard[middle].length - 1) < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool meets_locked(const struct emu_guards *g, unsigned int i, const struct range *r)
{
	return i < g->count && g->guard[i].base <= r->last;
}

static int grow_locked(struct emu_guards *g)
{
	unsigned int room = g->room ? 2 * g->room : 64;
	struct emu_guard_info *more;

	if (g->count < g->room)
		return 0;
	if (g->count == EMU_GUARDS)
		return -ENOSPC;
	more = realloc(g->guard, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->guard = more;
	g->room = room;
	return 0;
}

static int insert_locked(struct emu_guards *g, const struct range *r, const char *name)
{
	unsigned int at = find_locked(g, r->first);
	int err = meets_locked(g, at, r) ? -EEXIST : grow_locked(g);

	if (err)
		return err;
	memmove(g->guard + at + 1, g->guard + at, (g->count - at) * sizeof(g->guard[0]));
	g->guard[at] = (struct emu_guard_info){ .base = r->first, .length = r->last - r->first + 1 };
	snprintf(g->guard[at].name, sizeof(g->guard[at].name), "%s", name);
	g->count++;
	return 0;
}

/* From @first to @last addresses mean memory of one kind; and none means what another one does. */
static bool one_space(uint64_t first, uint64_t last)
{
	uint64_t same = ~NEURON_ADDR_MASK | NEURON_ADDR_SPACE_MASK;

	if ((first & NEURON_ADDR_SPACE_MASK) != NEURON_ADDR_HOST)
		same |= NEURON_ADDR_AXI1;
	return first <= last && !(first & ~NEURON_ADDR_MASK) && !((first ^ last) & same);
}

int emu_guard_set(struct emu_chip *chip, uint64_t addr, uint64_t len, const char *name)
{
	struct emu_guards *g = &chip->guards;
	struct range r = range_of(addr, len);
	unsigned int n;
	int err;

	if (!len || !one_space(addr, addr + (len - 1)) ||
	    strlen(name) >= sizeof(g->guard->name))
		return -EINVAL;
	pthread_mutex_lock(&g->lock);
	err = insert_locked(g, &r, name);
	if (!err)
		atomic_store(&g->any, true);
	pthread_mutex_unlock(&g->lock);
	/* Jobs that run see that they have to come by here. */
	for (n = 0; n < NEURON_CORES && !err; n++)
		emu_nc_remap(chip->core[n].nc);
	return err;
}

unsigned int emu_guard_clear(struct emu_chip *chip, const char *name)
{
	struct emu_guards *g = &chip->guards;
	unsigned int i, kept = 0, cleared;

	pthread_mutex_lock(&g->lock);
	for (i = 0; i < g->count; i++)
		if (strcmp(name, "all") && strcmp(name, g->guard[i].name))
			g->guard[kept++] = g->guard[i];
	cleared = g->count - kept;
	g->count = kept;
	atomic_store(&g->any, kept);
	pthread_mutex_unlock(&g->lock);
	return cleared;
}

bool emu_guard_get(struct emu_chip *chip, unsigned int i, struct emu_guard_info *info)
{
	struct emu_guards *g = &chip->guards;
	bool there;

	pthread_mutex_lock(&g->lock);
	there = i < g->count;
	if (there)
		*info = g->guard[i];
	pthread_mutex_unlock(&g->lock);
	return there;
}

bool emu_guard_meets(struct emu_chip *chip, uint64_t addr, uint64_t len)
{
	struct emu_guards *g = &chip->guards;
	struct range r = range_of(addr, len);
	bool meets;

	if (!atomic_load_explicit(&g->any, memory_order_relaxed))
		return false;
	pthread_mutex_lock(&g->lock);
	meets = meets_locked(g, find_locked(g, r.first), &r);
	pthread_mutex_unlock(&g->lock);
	return meets;
}

/* Counts the access at guard number @i or behind it, and tells of which that is. */
static bool count(struct emu_chip *chip, const struct range *r, bool write,
		  struct emu_guard_info *info)
{
	struct emu_guards *g = &chip->guards;
	unsigned int i;
	bool hit;

	pthread_mutex_lock(&g->lock);
	i = find_locked(g, r->first);
	hit = meets_locked(g, i, r);
	if (hit) {
		*(write ? &g->guard[i].writes : &g->guard[i].reads) += 1;
		*info = g->guard[i];
	}
	pthread_mutex_unlock(&g->lock);
	return hit;
}

void emu_guard_access(struct emu_chip *chip, uint64_t addr, uint64_t len, bool write,
		      const char *format, ...)
{
	struct range r = range_of(addr, len), left = r;
	struct emu_guard_info info;
	char who[96];
	va_list args;

	while (len && left.first <= left.last && count(chip, &left, write, &info)) {
		va_start(args, format);
		vsnprintf(who, sizeof(who), format, args);
		va_end(args);
		emu_guest_error(chip, EMU_GE_GUARD,
				"%s: %s of %llu bytes at 0x%llx, in \"%s\", 0x%llx + 0x%llx", who,
				write ? "write" : "read", (unsigned long long)len,
				(unsigned long long)r.first, info.name,
				(unsigned long long)info.base, (unsigned long long)info.length);
		left.first = info.base + info.length;
	}
}
