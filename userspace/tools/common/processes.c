// SPDX-License-Identifier: Apache-2.0
/*
 * Follows the processes that publish statistics. Their files are kept open, so that what a
 * process did at last is seen when it has gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "processes.h"

static void drop(struct processes *all, unsigned int i)
{
	struct process *p = all->list[i];

	nrt_stats_source_close(&p->source);
	if (all->drop && p->data)
		all->drop(p->data);
	free(p);
	all->count--;
	memmove(&all->list[i], &all->list[i + 1], (all->count - i) * sizeof(*all->list));
}

/* A file that has become nonsense has its process dropped without a last word. */
static int read_process(struct process *p)
{
	int rc = nrt_stats_read(&p->source, &p->file, &p->alive);

	p->taken_ns = proc_now_ns();
	if (!rc && p->alive)
		proc_read_ticks(p->source.pid, &p->user, &p->system);
	return rc;
}

static bool is_known(const struct processes *all, const struct nrt_stats_source *s)
{
	unsigned int i;

	for (i = 0; i < all->count; i++)
		if (all->list[i]->source.device == s->device &&
		    all->list[i]->source.inode == s->inode)
			return true;
	return false;
}

static int add(struct processes *all, const struct nrt_stats_source *s)
{
	struct process **list = realloc(all->list, (all->count + 1) * sizeof(*list));
	struct process *p;

	if (!list)
		return -ENOMEM;
	all->list = list;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->source = *s;
	p->appeared = all->updated;
	list[all->count++] = p;
	return 0;
}

int processes_update(struct processes *all)
{
	struct nrt_stats_source *found;
	unsigned int i;
	int count, k, rc = 0;

	for (i = 0; i < all->count; i++)
		all->list[i]->appeared = false;
	for (i = all->count; i-- > 0;)
		if (all->list[i]->over)
			drop(all, i);
	count = nrt_stats_find(&found);
	if (count < 0)
		return count;
	for (k = 0; k < count; k++) {
		if (!rc && !is_known(all, &found[k]))
			rc = add(all, &found[k]);
		else
			nrt_stats_source_close(&found[k]);
	}
	free(found);
	processes_refresh(all);
	for (i = 0; i < all->count; i++)
		all->list[i]->over = !all->list[i]->alive;
	all->updated = true;
	return rc;
}

void processes_refresh(struct processes *all)
{
	unsigned int i;

	for (i = all->count; i-- > 0;)
		if (read_process(all->list[i]))
			drop(all, i);
}

void processes_free(struct processes *all)
{
	while (all->count)
		drop(all, all->count - 1);
	free(all->list);
	all->list = NULL;
}
