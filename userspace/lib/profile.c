// SPDX-License-Identifier: Apache-2.0
/*
 * Recordings of executions: nrt_profile_start() and nrt_trace_start().
 *
 * lock guards the list of recordings, their users, and nrt_model.profile. Nothing is allocated
 * on a device, and no lock of the runtime is taken, while it is held.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nrt/nrt_experimental.h>
#include <nrt/nrt_profile.h>

#include "exec_cpu.h"
#include "profile.h"
#include "profile_env.h"

/**
 * struct nrt_profile - a recording
 * @model: of that model only; NULL: of all
 * @name: the caller's name of the file; NULL for the trace of all models
 * @implicit: begun by NEURON_PROFILE
 * @memory: device memory is noted
 * @users: executions that write to it
 * @executions: as many began
 * @known: models that are in the file
 */
struct nrt_profile {
	struct nrt_profile *next;
	struct nrt_model *model;
	char *name;
	bool implicit, memory;
	uint32_t users;
	uint64_t executions;
	uint64_t *known;
	uint32_t known_count;
	struct nrt_profile_file *file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static struct nrt_profile *profiles;
static struct nrt_profile *trace;	/* the one of all models, also on the list */
static _Atomic uint32_t active;
static uint64_t models;

/*
 * Jobs of recorded executions take turns here instead of in the device's queue, which cannot
 * tell when a job's turn came. Cores share them modulo their number.
 */
#define TURNS 64
static pthread_mutex_t turns[TURNS] = { [0 ... TURNS - 1] = PTHREAD_MUTEX_INITIALIZER };

/* With the lock held. False: no memory for another one. */
static bool know_model(struct nrt_profile *p, struct nrt_model *m)
{
	struct profile_model record = {
		.nodes = m->neff->node_count,
		.instances = m->instance_count,
	};
	uint64_t *known;
	uint32_t i;

	if (!m->profile_id)
		m->profile_id = ++models;
	for (i = 0; i < p->known_count; i++)
		if (p->known[i] == m->profile_id)
			return true;
	known = realloc(p->known, (p->known_count + 1) * sizeof(*known));
	if (!known)
		return false;
	p->known = known;
	known[p->known_count++] = m->profile_id;
	record.id = m->profile_id;
	memcpy(record.uuid, m->neff->header.uuid, sizeof(record.uuid));
	memcpy(record.hash, m->neff->header.hash, sizeof(record.hash));
	strncpy(record.name, m->neff->name, sizeof(record.name) - 1);
	nrt_profile_file_put(p->file, &record.record, PROFILE_MODEL, sizeof(record), NULL, 0);
	return true;
}

void nrt_profile_begin(struct nrt_run *run)
{
	struct nrt_profile_run *r = &run->profile;
	struct nrt_model *m = run->model;

	if (!atomic_load_explicit(&active, memory_order_relaxed))
		return;
	pthread_mutex_lock(&lock);
	r->to[NRT_PROFILE_OF_MODEL] = m->profile;
	r->to[NRT_PROFILE_OF_ALL] = trace;
	for (int i = 0; i < NRT_PROFILES; i++) {
		struct nrt_profile *p = r->to[i];

		if (p && !know_model(p, m))
			p = r->to[i] = NULL;
		if (!p)
			continue;
		p->users++;
		r->id[i] = ++p->executions;
		r->traced |= p->executions <= NRT_PROFILE_TRACED;
		r->on = true;
	}
	pthread_mutex_unlock(&lock);
	r->start = nrt_profile_clock();
}

/* The same record into each recording; @id: where in it the number of the execution is. */
static void put(const struct nrt_profile_run *r, struct profile_record *head, uint64_t *id,
		enum profile_type type, size_t head_size, const void *data, size_t size)
{
	for (int i = 0; i < NRT_PROFILES; i++) {
		if (!r->to[i])
			continue;
		*id = r->id[i];
		nrt_profile_file_put(r->to[i]->file, head, type, head_size, data, size);
	}
}

void nrt_profile_end(struct nrt_run *run, NRT_STATUS status)
{
	const struct nrt_profile_run *r = &run->profile;
	struct profile_execution record = {
		.model = run->model->profile_id,
		.start_ns = r->start,
		.cycles = run->info.cycles,
		.status = status,
	};

	if (!r->on)
		return;
	record.end_ns = nrt_profile_clock();
	record.thread = syscall(SYS_gettid);
	put(r, &record.record, &record.id, PROFILE_EXECUTION, sizeof(record), NULL, 0);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < NRT_PROFILES; i++)
		if (r->to[i] && !--r->to[i]->users)
			pthread_cond_broadcast(&idle);
	pthread_mutex_unlock(&lock);
}

uint64_t nrt_profile_now(const struct nrt_run *run)
{
	return run->profile.on ? nrt_profile_clock() : 0;
}

static uint32_t core_index(const struct nrt_run *run, uint32_t index)
{
	return run->instance->cores[index] - nrt_runtime.cores;
}

static uint64_t bytes_of(const struct nrt_run *run, enum profile_phase_kind kind, uint32_t index)
{
	const struct neff *neff = run->model->neff;
	const struct neff_node *node = &neff->nodes[index];
	const struct neff_link *links = kind == PROFILE_COPY_IN ? node->inputs : node->outputs;
	uint32_t count = kind == PROFILE_COPY_IN ? node->input_count :
			 kind == PROFILE_COPY_OUT ? node->output_count : 0;
	uint64_t bytes = 0;

	while (count--)
		bytes += neff->tensors[links[count].tensor].size;
	return bytes;
}

void nrt_profile_phase(const struct nrt_run *run, enum profile_phase_kind kind, uint32_t index,
		       uint64_t start)
{
	struct profile_phase record = { .start_ns = start, .kind = kind, .node = index };

	if (!run->profile.on)
		return;
	record.end_ns = nrt_profile_clock();
	record.core = core_index(run, index);
	record.bytes = bytes_of(run, kind, index);
	put(&run->profile, &record.record, &record.execution, PROFILE_PHASE, sizeof(record), NULL,
	    0);
}

/* The trace of a job that has ended; NULL if there is none. */
static struct neuron_trace *fetch_trace(struct nrt_mem *mem, size_t *size)
{
	struct neuron_trace head, *trace;

	if (nrt_mem_read(mem, 0, &head, sizeof(head)) || head.magic != NEURON_TRACE_MAGIC ||
	    head.version != NEURON_TRACE_VERSION || head.entry_size != sizeof(head.entry[0]) ||
	    head.count > (mem->size - sizeof(head)) / sizeof(head.entry[0]))
		return NULL;
	*size = sizeof(head) + head.count * sizeof(head.entry[0]);
	trace = malloc(*size);
	if (trace && nrt_mem_read(mem, 0, trace, *size)) {
		free(trace);
		trace = NULL;
	}
	return trace;
}

/* Make @job a traced one, if it can be. */
static void ask_for_trace(struct nrt_run *run, uint32_t index, struct nrt_job *job)
{
	struct nrt_slot_node *s = &run->slot->nodes[index];
	int rc = nrt_slot_trace(run->model, run->instance, run->slot, index);

	if (rc) {
		nrt_log(NRT_LOG_WARN, NRT_LOG_NRT, "nrt_profile_start",
			"no trace of the instructions of %s/%s: %s", run->model->neff->name,
			run->model->neff->nodes[index].name, strerror(-rc));
		return;
	}
	job->context = s->traced;
	job->traced = true;
	job->trace = s->trace_segment;
}

static void note_job(const struct nrt_run *run, uint32_t index, uint64_t start,
		     const struct nrt_job *job, const struct neuron_completion *c)
{
	const struct nrt_core *core = run->instance->cores[index];
	struct profile_job record = {
		.start_ns = start,
		.end_ns = nrt_profile_clock(),
		.cycles = c->cycles,
		.node = index,
		.core = core_index(run, index),
		.device = core->dev->index,
		.device_core = core->number,
		.status = c->status,
	};
	struct neuron_trace *t = NULL;
	size_t size = 0;

	if (job->traced)
		t = fetch_trace(run->slot->nodes[index].trace, &size);
	record.traced = !!t;
	put(&run->profile, &record.record, &record.execution, PROFILE_JOB, sizeof(record), t,
	    t ? size : 0);
	free(t);
}

int nrt_profile_job(struct nrt_run *run, uint32_t index, struct nrt_job *job,
		    struct neuron_completion *result)
{
	struct nrt_core *core = run->instance->cores[index];
	pthread_mutex_t *turn = &turns[core_index(run, index) % TURNS];
	uint64_t start;
	int rc;

	if (!run->profile.on)
		return core->dev->ops->run(core->dev, core->number, job, result);
	if (run->profile.traced)
		ask_for_trace(run, index, job);
	start = nrt_profile_clock();
	pthread_mutex_lock(turn);
	nrt_profile_phase(run, PROFILE_QUEUE, index, start);
	start = nrt_profile_clock();
	rc = core->dev->ops->run(core->dev, core->number, job, result);
	nrt_profile_phase(run, PROFILE_COMPUTE, index, start);
	pthread_mutex_unlock(turn);
	if (!rc)
		note_job(run, index, start, job, result);
	return rc;
}

void nrt_profile_memory(const struct nrt_device *dev, uint64_t before, int64_t size)
{
	struct profile_memory record = { .size = size, .used = before + size, .device = dev->index };

	if (!atomic_load_explicit(&active, memory_order_relaxed))
		return;
	record.time_ns = nrt_profile_clock();
	pthread_mutex_lock(&lock);
	if (trace && trace->memory)
		nrt_profile_file_put(trace->file, &record.record, PROFILE_MEMORY, sizeof(record),
				     NULL, 0);
	pthread_mutex_unlock(&lock);
}

/* --- begin and end --- */

/* With the lock held. */
static struct nrt_profile *find(const char *name)
{
	struct nrt_profile *p = profiles;

	while (p && !(p->name && !strcmp(p->name, name)))
		p = p->next;
	return p;
}

/* With the lock held: off the list, so that nobody begins to use it, and wait for who does. */
static void detach_locked(struct nrt_profile *p)
{
	struct nrt_profile **link = &profiles;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	if (p == trace)
		trace = NULL;
	if (p->model)
		p->model->profile = NULL;
	p->model = NULL;
	atomic_fetch_sub(&active, 1);
	while (p->users)
		pthread_cond_wait(&idle, &lock);
}

static NRT_STATUS finish(struct nrt_profile *p, const char *path)
{
	int rc = nrt_profile_file_close(p->file, path, p->executions);

	free(p->known);
	free(p->name);
	free(p);
	return rc ? NRT_FAILURE : NRT_SUCCESS;
}

static NRT_STATUS refuse(struct nrt_model *m, const char *name)
{
	if (find(name)) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_profile_start",
			"%s is being written by another profile: give each a file of its own", name);
		return NRT_INVALID;
	}
	if (m->profile) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, "nrt_profile_start",
			"%s is being profiled into %s: end that with nrt_profile_stop()",
			m->neff->name, m->profile->name);
		return NRT_INVALID;
	}
	return NRT_SUCCESS;
}

static struct nrt_profile *create(const char *name, int *rc)
{
	struct nrt_profile *p = calloc(1, sizeof(*p));

	*rc = -ENOMEM;
	if (p && name)
		p->name = strdup(name);
	if (p && (p->name || !name))
		*rc = nrt_profile_file_open(name, &p->file);
	if (*rc) {
		free(p ? p->name : NULL);
		free(p);
		return NULL;
	}
	return p;
}

static void attach_locked(struct nrt_profile *p)
{
	p->next = profiles;
	profiles = p;
	atomic_fetch_add(&active, 1);
}

/* The caller holds the model. */
static NRT_STATUS start(struct nrt_model *m, const char *name, bool implicit)
{
	struct nrt_profile *p = NULL, *old = NULL;
	NRT_STATUS status;
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (m->profile && m->profile->implicit) {
		old = m->profile;
		detach_locked(old);
	}
	status = refuse(m, name);
	if (!status)
		p = create(name, &rc);
	if (p) {
		p->implicit = implicit;
		p->model = m;
		m->profile = p;
		attach_locked(p);
		know_model(p, m);
	}
	pthread_mutex_unlock(&lock);
	if (old)
		finish(old, NULL);
	return status ? status : rc == -ENOMEM ? NRT_RESOURCE : rc ? NRT_FAILURE : NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_profile_start(nrt_model_t *model, const char *filename)
{
	NRT_STATUS status = nrt_enter(__func__);
	struct nrt_model *m;

	if (status)
		return status;
	m = nrt_model_hold(model);
	if (!m) {
		nrt_err(NRT, "Failed to find model: %p is not loaded", (void *)model);
		status = NRT_INVALID_HANDLE;
	} else if (!filename) {
		nrt_err(NRT, "filename is NULL");
		status = NRT_INVALID;
	} else {
		status = start(m, filename, false);
	}
	if (m)
		nrt_model_release(m);
	nrt_leave();
	return status;
}

/* No more is recorded in the profile of that name, or in the trace, which is to be written there. NULL: there is none. */
static struct nrt_profile *take_off(const char *filename, bool traced)
{
	struct nrt_profile *p = NULL;

	pthread_mutex_lock(&lock);
	if (filename)
		p = traced ? trace : find(filename);
	if (p)
		detach_locked(p);
	pthread_mutex_unlock(&lock);
	return p;
}

NRT_API NRT_STATUS nrt_profile_stop(const char *filename)
{
	NRT_STATUS status = nrt_enter(__func__);
	struct nrt_profile *p;

	if (status)
		return status;
	p = take_off(filename, false);
	if (p) {
		status = finish(p, NULL);
	} else {
		nrt_err(NRT, "no profile has the file name %s: nrt_profile_start() takes the same one",
			filename ? filename : "NULL");
		status = NRT_INVALID;
	}
	nrt_leave();
	return status;
}

NRT_API NRT_STATUS nrt_trace_start(bool trace_mem)
{
	NRT_STATUS status = nrt_enter(__func__);
	struct nrt_profile *p = NULL;
	int rc = 0;

	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (trace) {
		nrt_err(NRT, "started already: nrt_trace_stop() ends a trace");
		status = NRT_INVALID;
	} else {
		p = create(NULL, &rc);
	}
	if (p) {
		p->memory = trace_mem;
		trace = p;
		attach_locked(p);
	}
	pthread_mutex_unlock(&lock);
	nrt_leave();
	return status ? status : rc == -ENOMEM ? NRT_RESOURCE : rc ? NRT_FAILURE : NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_trace_stop(const char *filename)
{
	NRT_STATUS status = nrt_enter(__func__);
	struct nrt_profile *p;

	if (status)
		return status;
	p = take_off(filename, true);
	if (p) {
		status = finish(p, filename);
	} else {
		nrt_err(NRT, "%s", filename ? "nothing is traced: nrt_trace_start() begins a trace" :
			"filename is NULL");
		status = NRT_INVALID;
	}
	nrt_leave();
	return status;
}

/* --- with the runtime --- */

void nrt_profile_load(struct nrt_model *model, const void *neff, size_t size)
{
	char *name = nrt_profile_env_name(model->neff, neff, size);

	if (name && start(model, name, true))
		nrt_log(NRT_LOG_WARN, NRT_LOG_NRT, "nrt_load",
			"NEURON_PROFILE: %s is not profiled", model->neff->name);
	free(name);
}

void nrt_profile_unload(struct nrt_model *model)
{
	struct nrt_profile *p = NULL;

	pthread_mutex_lock(&lock);
	if (model->profile && model->profile->implicit) {
		p = model->profile;
		detach_locked(p);
	} else if (model->profile) {
		/* nrt_profile_stop() will come. */
		model->profile->model = NULL;
		model->profile = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (p)
		finish(p, NULL);
}

void nrt_profile_close(void)
{
	struct nrt_profile *p;

	do {
		pthread_mutex_lock(&lock);
		p = profiles;
		if (p)
			detach_locked(p);
		pthread_mutex_unlock(&lock);
		if (p)
			finish(p, NULL);
	} while (p);
}

void nrt_profile_forget(void)
{
	struct nrt_profile *p = profiles;

	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&idle, NULL);
	for (int i = 0; i < TURNS; i++)
		pthread_mutex_init(&turns[i], NULL);
	profiles = trace = NULL;
	atomic_store(&active, 0);
	while (p) {
		struct nrt_profile *next = p->next;

		nrt_profile_file_forget(p->file);
		free(p->known);
		free(p->name);
		free(p);
		p = next;
	}
}
