// SPDX-License-Identifier: Apache-2.0
/* When may elements be computed at the same time? And how many are worth a thread? */

#include <string.h>
#include "nc_split.h"
#include "nc_team.h"

#define MIN_WORK	4096	/* elements: some microseconds */
#define PARTS_A_THREAD	1	/* so that one that is late does little */

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

unsigned int emu_nc_split_parts(struct emu_nc *nc, const struct emu_nc_split *s, unsigned int *loop)
{
	unsigned int threads = emu_nc_team_threads(nc->team), parts;

	if (!emu_nc_team_worth(nc->team, s->work, MIN_WORK) ||
	    !emu_nc_split_independent(s))
		return 1;
	*loop = 0;
	for (unsigned int d = 1; d < s->loops; d++)
		if (s->counts->count[d] > s->counts->count[*loop])
			*loop = d;
	parts = threads * PARTS_A_THREAD;
	parts = parts < EMU_NC_MAX_PARTS ? parts : EMU_NC_MAX_PARTS;
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
