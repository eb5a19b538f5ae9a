// SPDX-License-Identifier: Apache-2.0
/* The list of products that are due: what meets it, and how it is shared among threads. */

#include "nc_core.h"
#include "nc_team.h"

#define MIN_PART	150000u	/* multiply-adds: some microseconds */
#define MIN_ROWS	12u	/* of PSUM */

static bool meets(const struct emu_nc_rows *a, const struct emu_nc_rows *b)
{
	return a->low < b->high && b->low < a->high && a->part < b->part + b->parts &&
	       b->part < a->part + a->parts;
}

bool emu_nc_batch_conflicts(const struct emu_nc_batch *b, bool psum, const struct emu_nc_rows *at,
			    bool write)
{
	if (psum) {
		for (unsigned int g = 0; g < b->groups; g++)
			if (meets(&b->group[g], at))
				return true;
		return false;
	}
	for (unsigned int r = 0; r < b->reads && write; r++)
		if (meets(&b->read[r], at))
			return true;
	return false;
}

static void extend(struct emu_nc_rows *to, const struct emu_nc_rows *by)
{
	unsigned int end = to->part + to->parts, by_end = by->part + by->parts;

	to->low = by->low < to->low ? by->low : to->low;
	to->high = by->high > to->high ? by->high : to->high;
	to->part = by->part < to->part ? by->part : to->part;
	to->parts = (uint8_t)((by_end > end ? by_end : end) - to->part);
}

static struct emu_nc_rows rows_of(const struct emu_nc_ap *ap)
{
	return (struct emu_nc_rows){ ap->low, ap->high, ap->part, ap->parts };
}

/*
 * The group that the results @at belong to. False: none can be, since it would meet another group
 * or since there are too many.
 */
static bool find_group(struct emu_nc_batch *b, const struct emu_nc_rows *at, uint8_t *group)
{
	struct emu_nc_rows all = *at;
	unsigned int found = b->groups;

	for (unsigned int g = 0; g < b->groups; g++)
		if (meets(&b->group[g], at))
			found = g;
	if (found == EMU_NC_BATCH_GROUPS)
		return false;
	if (found < b->groups) {
		extend(&all, &b->group[found]);
		for (unsigned int g = 0; g < b->groups; g++)
			if (g != found && meets(&b->group[g], &all))
				return false;
	} else {
		b->groups++;
	}
	b->group[found] = all;
	*group = (uint8_t)found;
	return true;
}

/* Ranges that touch become one; the last one takes what there is no room for. */
static void add_read(struct emu_nc_batch *b, const struct emu_nc_rows *at)
{
	for (unsigned int r = 0; r < b->reads; r++)
		if (meets(&b->read[r], at)) {
			extend(&b->read[r], at);
			return;
		}
	if (b->reads == EMU_NC_BATCH_READS)
		extend(&b->read[b->reads - 1], at);
	else
		b->read[b->reads++] = *at;
}

void emu_nc_batch_add(struct emu_nc *nc, const struct emu_nc_product *p)
{
	struct emu_nc_batch *b = &nc->batch;
	const struct emu_nc_rows to = rows_of(&p->dst), from = rows_of(&p->src);
	struct emu_nc_product *at;
	uint8_t group;

	if (!find_group(b, &to, &group)) {
		emu_nc_batch_flush(nc);
		find_group(b, &to, &group);	/* the first one has room */
	}
	at = &b->product[b->count++];
	*at = *p;
	at->group = group;
	for (int i = 0; i < 2; i++)
		if (at->held[i])
			at->held[i]->refs++;
	if (p->sbuf == nc->mem.sbuf)
		add_read(b, &from);
	b->work += (uint64_t)p->k * p->m * p->counts.n;
	nc->weights.lent |= nc->weights.used;
	if (b->count >= b->most)
		emu_nc_batch_flush(nc);
}

struct run {
	struct emu_nc *nc;
	unsigned int pieces;
	bool groups;		/* pieces are whole groups */
};

static void run_part(void *arg, unsigned int part)
{
	const struct run *r = arg;

	if (r->groups)
		emu_nc_product_groups(r->nc, part, r->pieces);
	else
		emu_nc_product_piece(r->nc, part, r->pieces);
}

/*
 * Pieces that are worth a thread's time and fetching the arrays again; one a thread, since each goes
 * through the whole list. Rows, not lanes: what goes on with the results takes rows, too, and so
 * finds them in the same processor's cache. Groups of few rows go to one thread each.
 */
static void count_pieces(struct run *r)
{
	const struct emu_nc_batch *b = &r->nc->batch;
	unsigned int most = emu_nc_team_threads(r->nc->team), pieces;
	int32_t rows = 0;

	for (unsigned int g = 0; g < b->groups; g++)
		rows = (b->group[g].high - b->group[g].low) / 4 > rows ?
		       (b->group[g].high - b->group[g].low) / 4 : rows;
	while (most > 1 && !emu_nc_team_worth(r->nc->team, b->work, most * MIN_PART))
		most--;
	for (pieces = most; pieces > 1 && (uint32_t)rows < pieces * MIN_ROWS; pieces--)
		;
	r->groups = b->groups > pieces && pieces < most;
	if (r->groups)
		pieces = most < b->groups ? most : b->groups;
	r->pieces = pieces;
}

void emu_nc_batch_flush(struct emu_nc *nc)
{
	struct emu_nc_batch *b = &nc->batch;
	struct run run = { .nc = nc };

	if (!b->count)
		return;
	count_pieces(&run);
	emu_nc_team_run(nc->team, nc->kernels, run_part, &run, run.pieces);
	for (unsigned int i = 0; i < b->count; i++)
		for (int h = 0; h < 2; h++)
			if (b->product[i].held[h])
				b->product[i].held[h]->refs--;
	b->count = 0;
	b->groups = 0;
	b->reads = 0;
	b->work = 0;
	nc->weights.lent = 0;
}
