// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile: sums of a traced job: per operator, per engine, DMA against the rest.
 *
 * The critical path goes from the job's last instruction backwards, each time to the one whose
 * end let it start: the one before it in its stream, or the one that raised its semaphore. In the
 * timing model nothing else delays an instruction, so that the path has no gaps: its
 * instructions' cycles add up to the job's, to the last one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

/* An engine's entries, in order: starts and ends rise. */
struct stream {
	const struct neuron_trace_entry **at;
	size_t count;
};

struct streams {
	struct stream engine[NEURON_ENGINES];
};

static int split(const struct neuron_trace *t, struct streams *s)
{
	uint64_t i;
	int e;

	memset(s, 0, sizeof(*s));
	for (e = 0; e < NEURON_ENGINES; e++) {
		s->engine[e].at = calloc(t->count + 1, sizeof(void *));
		if (!s->engine[e].at)
			return -ENOMEM;
	}
	for (i = 0; i < t->count; i++) {
		struct stream *stream = &s->engine[t->entry[i].engine];

		stream->at[stream->count++] = &t->entry[i];
	}
	return 0;
}

static void streams_free(struct streams *s)
{
	for (int e = 0; e < NEURON_ENGINES; e++)
		free(s->engine[e].at);
}

/* The entry of a stream that ends at @time, or NULL. */
static const struct neuron_trace_entry *ending_at(const struct stream *s, uint64_t time)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->at[mid]->end < time)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->count && s->at[low]->end == time ? s->at[low] : NULL;
}

/* What @e waited for; NULL if nothing ended when it began. */
static const struct neuron_trace_entry *before(const struct streams *s, uint32_t node,
					       const struct prof_names *names,
					       const struct neuron_trace_entry *e)
{
	const struct neuron_insn *insn = prof_insn(names, node, e), *other;
	const struct neuron_trace_entry *found, *any = NULL;

	found = ending_at(&s->engine[e->engine], e->start);
	if (found)
		return found;
	for (int i = 0; i < NEURON_ENGINES; i++) {
		found = ending_at(&s->engine[i], e->start);
		if (!found)
			continue;
		any = found;
		other = prof_insn(names, node, found);
		if (insn && other && other->sig_sem == insn->wait_sem)
			return found;
	}
	return any;
}

static struct prof_op_sum *find(struct prof_sum *sum, uint32_t tag)
{
	size_t low = 0, high = sum->op_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (sum->ops[mid].tag < tag)
			low = mid + 1;
		else
			high = mid;
	}
	return &sum->ops[low];
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* An entry for each tag, in their order. */
static int make_ops(struct prof_sum *sum, const struct neuron_trace *t,
		    const struct prof_names *names)
{
	uint32_t *tags = calloc(t->count + 1, sizeof(*tags));
	uint64_t i;

	if (!tags)
		return -ENOMEM;
	for (i = 0; i < t->count; i++)
		tags[i] = t->entry[i].tag;
	qsort(tags, t->count, sizeof(*tags), by_number);
	sum->ops = calloc(t->count + 1, sizeof(*sum->ops));
	for (i = 0; sum->ops && i < t->count; i++) {
		struct prof_op_sum *o;

		if (i && tags[i] == tags[i - 1])
			continue;
		o = &sum->ops[sum->op_count++];
		o->tag = tags[i];
		o->first = UINT64_MAX;
		o->op = prof_op(names, sum->job->node, tags[i]);
		sum->flops += o->op ? o->op->flops : 0;
	}
	free(tags);
	return sum->ops ? 0 : -ENOMEM;
}

static void add_entry(struct prof_sum *sum, const struct prof_names *names,
		      const struct neuron_trace_entry *e)
{
	const struct neuron_insn *insn = prof_insn(names, sum->job->node, e);
	struct prof_op_sum *o = find(sum, e->tag);
	uint64_t bytes = insn && e->engine == NEURON_DMA ? prof_insn_bytes(insn) : 0;

	o->busy[e->engine] += e->end - e->start;
	o->executed++;
	o->first = e->start < o->first ? e->start : o->first;
	o->last = e->end > o->last ? e->end : o->last;
	o->bytes += bytes;
	sum->bytes += bytes;
	sum->busy[e->engine] += e->end - e->start;
	sum->executed[e->engine]++;
}

static int walk_back(struct prof_sum *sum, const struct streams *s, const struct prof_names *names)
{
	const struct neuron_trace_entry *e = NULL;

	for (int i = 0; i < NEURON_ENGINES && !e; i++)
		e = ending_at(&s->engine[i], sum->cycles);
	while (e) {
		find(sum, e->tag)->critical += e->end - e->start;
		if (!e->start)
			return 0;
		e = before(s, sum->job->node, names, e);
	}
	return sum->cycles ? -EINVAL : 0;
}

/* From each change to the next: is the dma engine busy, is one of the others? */
static void overlap(struct prof_sum *sum, const struct streams *s)
{
	size_t at[NEURON_ENGINES] = { 0 };
	uint64_t now = 0;

	while (now < sum->cycles) {
		uint64_t next = sum->cycles;
		bool dma = false, compute = false;

		for (int e = 0; e < NEURON_ENGINES; e++) {
			const struct stream *stream = &s->engine[e];
			uint64_t change;

			while (at[e] < stream->count && stream->at[at[e]]->end <= now)
				at[e]++;
			if (at[e] == stream->count)
				continue;
			change = stream->at[at[e]]->start;
			if (change <= now) {
				change = stream->at[at[e]]->end;
				dma |= e == NEURON_DMA;
				compute |= e != NEURON_DMA;
			}
			next = change < next ? change : next;
		}
		*(dma && compute ? &sum->both : dma ? &sum->dma_only : &sum->compute_only) += next - now;
		now = next;
	}
}

static int by_critical(const void *a, const void *b)
{
	const struct prof_op_sum *x = a, *y = b;

	if (x->critical != y->critical)
		return x->critical < y->critical ? 1 : -1;
	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

int prof_sum(const struct profile_job *job, const struct prof_names *names, struct prof_sum *sum)
{
	const struct neuron_trace *t = prof_trace(job);
	struct streams s;
	uint64_t i;
	int rc;

	*sum = (struct prof_sum) { .job = job };
	if (!t || t->lost)
		return -EINVAL;
	sum->cycles = t->cycles;
	rc = split(t, &s);
	if (!rc)
		rc = make_ops(sum, t, names);
	for (i = 0; !rc && i < t->count; i++)
		add_entry(sum, names, &t->entry[i]);
	if (!rc)
		rc = walk_back(sum, &s, names);
	if (!rc)
		overlap(sum, &s);
	if (!rc)
		qsort(sum->ops, sum->op_count, sizeof(*sum->ops), by_critical);
	streams_free(&s);
	if (rc)
		prof_sum_free(sum);
	return rc;
}

void prof_sum_free(struct prof_sum *sum)
{
	free(sum->ops);
	sum->ops = NULL;
	sum->op_count = 0;
}

double prof_roof(uint64_t flops, uint64_t bytes, bool *memory)
{
	double compute = flops / PROF_PEAK_FLOPS, move = bytes / PROF_PEAK_BANDWIDTH;

	*memory = move > compute;
	return *memory ? move : compute;
}
