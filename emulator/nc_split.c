// SPDX-License-Identifier: Apache-2.0
/* When may elements be computed at the same time? And how many are worth a thread? */

#include <string.h>
#include "nc_split.h"
#include "nc_team.h"

#define MIN_WORK	4096	/* elements: some microseconds */
#define EVEN		3	/* elements of a loop for each part, so that parts are about the same */

static bool same_place(const struct emu_nc_ap *a, const struct emu_nc_ap *b)
{
	return a->base == b->base && a->part == b->part &&
	       emu_nc_dtype_size(a->dtype) == emu_nc_dtype_size(b->dtype) &&
	       !memcmp(a->step, b->step, sizeof(a->step));
}

bool emu_nc_split_independent(const struct emu_nc_split *s)
{
	if (!emu_nc_ap_apart(s->dst, s->counts))
		return false;
	for (unsigned int i = 0; i < s->sources; i++)
		if (!emu_nc_ap_disjoint(s->dst, s->src[i]) && !same_place(s->dst, s->src[i]))
			return false;
	for (unsigned int i = 0; i < EMU_NC_SPLIT_APS; i++)
		if (s->fixed[i] && !emu_nc_ap_disjoint(s->dst, s->fixed[i]))
			return false;
	/* two results in one byte pair: bytes are written by reading their neighbours */
	return s->dst->psum || emu_nc_dtype_size(s->dst->dtype) > 1;
}

/*
 * The outermost loop of which all parts have about as much, else the longest: each thread then has
 * what lies together, as it has rows of products, and finds it in its processor's cache.
 */
static unsigned int choose_loop(const struct emu_nc_split *s, unsigned int parts)
{
	const uint32_t *count = s->counts->count;
	unsigned int longest = 0;

	for (unsigned int d = 0; d < s->loops; d++) {
		if (count[d] >= parts && (count[d] % parts == 0 || count[d] >= parts * EVEN))
			return d;
		if (count[d] > count[longest])
			longest = d;
	}
	return longest;
}

unsigned int emu_nc_split_parts(struct emu_nc *nc, const struct emu_nc_split *s, unsigned int *loop)
{
	unsigned int parts = emu_nc_team_threads(nc->team);

	if (!emu_nc_team_worth(nc->team, s->work, MIN_WORK) ||
	    !emu_nc_split_independent(s))
		return 1;
	*loop = choose_loop(s, parts);
	return s->counts->count[*loop] < parts ? s->counts->count[*loop] : parts;
}

static void move_ap(struct emu_nc_ap *ap, unsigned int loop, uint32_t first)
{
	ap->base += (int32_t)first * ap->step[loop];
}

void emu_nc_split_take(const struct emu_nc_split *s, unsigned int loop, unsigned int part,
		       unsigned int parts)
{
	uint32_t count = s->counts->count[loop];
	uint32_t first = count * part / parts, last = count * (part + 1) / parts;

	s->counts->n = s->counts->n / count * (last - first);
	s->counts->count[loop] = last - first;
	move_ap(s->dst, loop, first);
	for (unsigned int i = 0; i < s->sources; i++)
		move_ap(s->src[i], loop, first);
}
