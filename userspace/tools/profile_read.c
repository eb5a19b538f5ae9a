// SPDX-License-Identifier: Apache-2.0
/*
 * neuron-profile: reading a profile. What it says is checked here, once.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "profile.h"

static int add(struct prof_list *list, const void *record)
{
	const void **more;

	/* twice as many whenever the number is a power of two */
	if (!(list->count & (list->count - 1))) {
		more = realloc(list->at, (list->count ? 2 * list->count : 1) * sizeof(*more));
		if (!more)
			return -1;
		list->at = more;
	}
	list->at[list->count++] = record;
	return 0;
}

static bool trace_sound(const struct profile_job *job)
{
	const struct neuron_trace *t = prof_trace(job);
	uint64_t room = job->record.size - sizeof(*job), i;
	uint64_t last[NEURON_ENGINES] = { 0 };

	if (!t)
		return !room;
	if (room < sizeof(*t) || t->magic != NEURON_TRACE_MAGIC ||
	    t->entry_size != sizeof(t->entry[0]) ||
	    t->count > room / sizeof(t->entry[0]) ||
	    room != sizeof(*t) + t->count * sizeof(t->entry[0]))
		return false;
	for (i = 0; i < t->count; i++) {
		const struct neuron_trace_entry *e = &t->entry[i];

		if (e->engine >= NEURON_ENGINES || e->start >= e->end || e->end > t->cycles ||
		    e->start < last[e->engine])
			return false;
		last[e->engine] = e->end;
	}
	return t->cycles < 1ULL << 48;
}

/* 0: kept, 1: of no known type, -1: not sound, -2: no memory */
static int take(struct prof_file *file, const struct profile_record *r)
{
	static const uint64_t sizes[] = {
		[PROFILE_MODEL] = sizeof(struct profile_model),
		[PROFILE_EXECUTION] = sizeof(struct profile_execution),
		[PROFILE_PHASE] = sizeof(struct profile_phase),
		[PROFILE_JOB] = sizeof(struct profile_job),
		[PROFILE_MEMORY] = sizeof(struct profile_memory),
		[PROFILE_END] = sizeof(struct profile_end),
	};
	struct prof_list *lists[] = {
		[PROFILE_MODEL] = &file->models,
		[PROFILE_EXECUTION] = &file->executions,
		[PROFILE_PHASE] = &file->phases,
		[PROFILE_JOB] = &file->jobs,
		[PROFILE_MEMORY] = &file->memory,
	};

	if (!r->type || r->type > PROFILE_END)
		return 1;
	if (r->size < sizes[r->type] || (r->type != PROFILE_JOB && r->size != sizes[r->type]))
		return -1;
	if (r->type == PROFILE_JOB && !trace_sound((const void *)r))
		return -1;
	if (r->type == PROFILE_MODEL) {
		const struct profile_model *m = (const void *)r;

		if (!memchr(m->name, 0, sizeof(m->name)))
			return -1;
	}
	if (r->type == PROFILE_END)
		file->end = (const void *)r;
	else if (add(lists[r->type], r))
		return -2;
	return 0;
}

static int read_records(const char *path, struct prof_file *file, size_t size)
{
	size_t at = file->header->header_size;

	while (at < size && !file->end) {
		const struct profile_record *r = (const void *)((char *)file->data + at);
		int rc;

		/* Cut off in the middle of a record: the rest is good. */
		if (size - at < sizeof(*r) || r->size > size - at)
			break;
		rc = r->size % 8 || r->size < sizeof(*r) ? -1 : take(file, r);
		if (rc < 0) {
			cli_error("%s: %s at byte %zu", path,
				  rc == -2 ? "out of memory" : "a record that is not valid", at);
			return EXIT_FAILED;
		}
		at += r->size;
	}
	return EXIT_OK;
}

int prof_read(const char *path, struct prof_file *file)
{
	const struct profile_header *h;
	size_t size;
	int rc = EXIT_FAILED;

	memset(file, 0, sizeof(*file));
	file->data = cli_read_file(path, &size);
	if (!file->data)
		return EXIT_FAILED;
	h = file->header = file->data;
	if (size < sizeof(*h) || memcmp(h->magic, PROFILE_MAGIC, sizeof(h->magic)))
		cli_error("%s: not a profile of this runtime; 'neuron-profile capture' makes one", path);
	else if (h->version != PROFILE_VERSION || h->header_size < sizeof(*h) ||
		 h->header_size > size || h->header_size % 8 || h->clock_hz != PROFILE_CLOCK_HZ)
		cli_error("%s: a profile of version %u, this tool reads version %u: use the tool of the runtime's release",
			  path, h->version, PROFILE_VERSION);
	else
		rc = read_records(path, file, size);
	if (rc)
		prof_free(file);
	else if (!file->end)
		cli_error("%s: not complete: nrt_profile_stop() was not called, or it is being written; going on with what there is",
			  path);
	return rc;
}

void prof_free(struct prof_file *file)
{
	free(file->models.at);
	free(file->executions.at);
	free(file->phases.at);
	free(file->jobs.at);
	free(file->memory.at);
	free(file->data);
	memset(file, 0, sizeof(*file));
}

const struct profile_model *prof_view_model(const struct prof_view *view, uint64_t model)
{
	const struct prof_list *list = &view->file->models;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct profile_model *m = list->at[i];

		if (m->id == model)
			return m;
	}
	return NULL;
}

const struct prof_names *prof_view_names(const struct prof_view *view, uint64_t model)
{
	const struct prof_list *list = &view->file->models;
	size_t i;

	for (i = 0; i < list->count; i++)
		if (((const struct profile_model *)list->at[i])->id == model)
			return view->names[i];
	return NULL;
}

const struct profile_execution *prof_view_execution(const struct prof_view *view, uint64_t id)
{
	const struct prof_list *list = &view->file->executions;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct profile_execution *e = list->at[i];

		if (e->id == id)
			return e;
	}
	return NULL;
}
