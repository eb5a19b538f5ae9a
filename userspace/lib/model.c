// SPDX-License-Identifier: Apache-2.0
/*
 * Models: loading, unloading, and what they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nrt/nrt_experimental.h>

#include "dtype.h"
#include "memlog.h"
#include "model.h"
#include "profile.h"
#include "stats.h"

struct nrt_model *nrt_model_hold(const void *handle)
{
	struct nrt_model *m;

	pthread_mutex_lock(&nrt_runtime.lock);
	for (m = nrt_runtime.models; m && m != handle; m = m->next)
		;
	if (m) {
		bool going;

		pthread_mutex_lock(&m->lock);
		going = m->unloading;
		m->users += !going;
		pthread_mutex_unlock(&m->lock);
		if (going)
			m = NULL;
	}
	pthread_mutex_unlock(&nrt_runtime.lock);
	return m;
}

void nrt_model_release(struct nrt_model *m)
{
	pthread_mutex_lock(&m->lock);
	m->users--;
	if (m->unloading)
		pthread_cond_broadcast(&m->change);
	pthread_mutex_unlock(&m->lock);
}

static void free_instance(const struct nrt_model *m, struct nrt_instance *instance)
{
	uint32_t i;

	for (i = 0; i < instance->slot_count; i++)
		nrt_slot_free(m, instance, &instance->slots[i]);
	for (i = 0; i < m->neff->node_count; i++) {
		if (instance->images)
			nrt_mem_put(instance->images[i]);
		if (instance->cores && instance->cores[i])
			instance->cores[i]->models--;
	}
	free(instance->images);
	free(instance->cores);
	free(instance->slots);
}

/* With nrt_runtime.lock held, or while nobody else uses the state. */
static void free_model(struct nrt_model *m)
{
	uint32_t i;

	for (i = 0; m->instances && i < m->instance_count; i++)
		free_instance(m, &m->instances[i]);
	free(m->instances);
	for (i = 0; m->sessions && i < m->neff->node_count; i++)
		nrt_cpu_session_free(m->sessions[i]);
	free(m->sessions);
	nrt_layouts_free(m->neff, m->layouts);
	neff_close(m->neff);
	pthread_cond_destroy(&m->change);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void nrt_model_destroy(struct nrt_runtime *rt, struct nrt_model *model)
{
	struct nrt_model **link = &rt->models;

	nrt_profile_unload(model);
	while (*link != model)
		link = &(*link)->next;
	*link = model->next;
	free_model(model);
}

/* Code and constants of each node; if they are shared, once a device for all instances. */
static int create_images(struct nrt_model *m, struct nrt_instance *instance)
{
	const struct nrt_instance *other;
	uint32_t i;
	int rc = 0;

	for (i = 0; !rc && i < m->neff->node_count; i++) {
		struct nrt_device *dev = instance->cores[i]->dev;

		if (m->neff->nodes[i].model)
			continue;
		for (other = m->instances; nrt_runtime.share_weights && other < instance &&
		     !instance->images[i]; other++)
			if (other->cores[i]->dev == dev)
				instance->images[i] = nrt_mem_get(other->images[i]);
		if (!instance->images[i])
			rc = nrt_image_create(&m->neff->nodes[i], &m->layouts[i], dev,
					      &instance->images[i]);
	}
	return rc;
}

/*
 * Nodes of the chip go round the @count cores from @first on. There is a slot for each core, so that all of
 * them have something to do, and one whose inputs and outputs are copied meanwhile.
 */
static int create_instance(struct nrt_model *m, struct nrt_instance *instance, uint32_t first,
			   uint32_t count)
{
	uint32_t nodes = m->neff->node_count, turn = 0, i;
	int rc;

	instance->cores = calloc(nodes, sizeof(*instance->cores));
	instance->images = calloc(nodes, sizeof(*instance->images));
	instance->slots = calloc(count + 1, sizeof(*instance->slots));
	if (!instance->cores || !instance->images || !instance->slots)
		return -ENOMEM;
	for (i = 0; i < nodes; i++) {
		instance->cores[i] = &nrt_runtime.cores[first + turn % count];
		instance->cores[i]->models++;
		turn += !m->neff->nodes[i].model;
	}
	rc = create_images(m, instance);
	for (i = 0; !rc && i <= count; i++) {
		nrt_mem_optional(i);
		rc = nrt_slot_create(m, instance, &instance->slots[i]);
		nrt_mem_optional(false);
		if (!rc)
			instance->slot_count++;
		else if (i && rc != -ENODEV && rc != -EIO)
			/* Slower, but it works: the device has no room for another slot. */
			return 0;
	}
	return rc;
}

/**
 * struct placement - where a model goes
 * @stride: from one instance's first core to the next one's
 */
struct placement {
	uint32_t first;
	uint32_t per_instance;
	uint32_t stride;
	uint32_t instances;
};

static uint32_t busiest(uint32_t first, uint32_t count)
{
	uint32_t most = 0, i;

	for (i = first; i < first + count; i++)
		if (nrt_runtime.cores[i].models > most)
			most = nrt_runtime.cores[i].models;
	return most;
}

/* The window of @count cores with the fewest models on its busiest core. */
static uint32_t choose_first(uint32_t count)
{
	uint32_t best = 0, least = UINT32_MAX, first;

	for (first = 0; first + count <= nrt_runtime.core_count; first++) {
		uint32_t most = busiest(first, count);

		if (most < least) {
			least = most;
			best = first;
		}
	}
	return best;
}

/* The first of the groups with the fewest models, of those that have @least cores an instance. */
static NRT_STATUS place_in_group(uint32_t least, uint32_t wanted, struct placement *p)
{
	uint32_t fewest = UINT32_MAX, largest = 0, i;

	for (i = 0; i < nrt_runtime.group_count; i++) {
		const struct nrt_group *g = &nrt_runtime.groups[i];
		uint32_t cores = g->size.cores, models;

		if (cores > largest)
			largest = cores;
		models = busiest(g->first, cores * g->size.instances);
		if (cores < least || models >= fewest)
			continue;
		fewest = models;
		p->first = g->first;
		p->stride = cores;
		p->instances = g->size.instances;
		p->per_instance = wanted < cores ? wanted : cores;
	}
	if (fewest != UINT32_MAX)
		return NRT_SUCCESS;
	nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load",
		"Insufficient number of NCs: the model needs %u, the largest group of NEURONCORE_GROUP_SIZES has %u",
		least, largest);
	return NRT_LOAD_NOT_ENOUGH_NC;
}

/* Cores that an instance of the model has to have, and can make use of. */
static void count_needed(const struct neff *neff, uint32_t *least, uint32_t *wanted)
{
	uint32_t i;

	*least = 1;
	for (i = 0; i < neff->node_count; i++)
		if (neff->nodes[i].cores > *least)
			*least = neff->nodes[i].cores;
	/* With that many, each node has cores of its own. */
	*wanted = neff->header.num_tpb;
	if (*wanted < *least || *wanted > neff->node_count)
		*wanted = neff->node_count;
}

static NRT_STATUS place(const struct neff *neff, int32_t start, int32_t count, struct placement *p)
{
	uint32_t visible = nrt_runtime.core_count, least, wanted;
	uint32_t room = start < 0 ? visible : (uint32_t)start < visible ? visible - start : 0;

	count_needed(neff, &least, &wanted);
	if (start == -1 && count == -1 && nrt_runtime.group_count)
		return place_in_group(least, wanted, p);
	if (start < -1 || count < -1 || !count) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load",
			"start_nc %d or nc_count %d is not valid: -1 lets the runtime choose", start,
			count);
		return NRT_INVALID;
	}
	if (!room || (count > 0 && (uint32_t)count > room)) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load",
			"Requested number of NCs: %d exceeds the total available number: %u, from nc%d on: there are %u",
			count < 0 ? (int)least : count, room, start < 0 ? 0 : start, visible);
		nrt_log_more(NRT_LOG_TDRV, "nrt_load", "Could not find VNC id %u",
			     room ? visible : (uint32_t)start);
		return NRT_LOAD_NOT_ENOUGH_NC;
	}
	if (room < least || (count > 0 && (uint32_t)count < least)) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load",
			"Insufficient number of NCs: the model needs %u, there are %u", least, room);
		return NRT_LOAD_NOT_ENOUGH_NC;
	}
	if (count < 0)
		count = wanted < room ? wanted : room;
	p->per_instance = wanted < (uint32_t)count ? wanted : (uint32_t)count;
	p->stride = p->per_instance;
	p->instances = count / p->per_instance;
	p->first = start < 0 ? choose_first(p->per_instance * p->instances) : (uint32_t)start;
	return NRT_SUCCESS;
}

static int create_sessions(struct nrt_model *m)
{
	uint32_t i;
	int rc = 0;

	m->sessions = calloc(m->neff->node_count, sizeof(struct nrt_cpu_session *));
	if (!m->sessions)
		return -ENOMEM;
	for (i = 0; !rc && i < m->neff->node_count; i++)
		if (m->neff->nodes[i].model)
			rc = nrt_cpu_session_create(m->neff, &m->neff->nodes[i], &m->sessions[i]);
	return rc;
}

/* With nrt_runtime.lock held. */
static NRT_STATUS stage(struct nrt_model *m, const struct placement *p)
{
	uint32_t i;
	int rc;

	rc = nrt_layouts_create(m->neff, &m->layouts);
	if (!rc) {
		m->instances = calloc(p->instances, sizeof(*m->instances));
		if (!m->instances)
			rc = -ENOMEM;
	}
	for (i = 0; !rc && i < p->instances; i++) {
		m->instance_count = i + 1;
		rc = create_instance(m, &m->instances[i], p->first + i * p->stride,
				     p->per_instance);
	}
	if (rc) {
		/* The error is what the device said. */
		nrt_log_more(NRT_LOG_NMGR, "nrt_load",
			     "Failed to stage graph: %s to NeuronCore nc%u: %s", m->neff->name,
			     p->first, rc == -ENOSPC ? "no device memory" : strerror(-rc));
		return nrt_status_of(rc);
	}
	m->nc_count = p->instances * p->per_instance;
	m->id = nrt_runtime.next_model_id;
	nrt_runtime.next_model_id += m->instance_count;
	m->next = nrt_runtime.models;
	nrt_runtime.models = m;
	nrt_stats_models(&nrt_runtime);
	nrt_log(NRT_LOG_INFO, NRT_LOG_NMGR, "nrt_load", "%s: %u instance(s) from nc%u on",
		m->neff->name, m->instance_count, p->first);
	return NRT_SUCCESS;
}

static NRT_STATUS load(const void *bytes, size_t size, int32_t start_nc, int32_t nc_count,
		       nrt_model_t **result)
{
	unsigned int flags = nrt_runtime.validate_hash ? NEFF_VERIFY_HASH : 0;
	struct nrt_model *m = calloc(1, sizeof(*m));
	struct neff_error error;
	struct placement where = { 0 };
	NRT_STATUS status;
	int rc;

	if (!m)
		return NRT_RESOURCE;
	rc = neff_open(bytes, size, flags, NULL, &m->neff, &error);
	if (rc) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NMGR, "nrt_load", "%s", error.text);
		free(m);
		return nrt_status_of(rc);
	}
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->change, NULL);
	nrt_memlog_purpose("model", m->neff->name);
	/* Before the lock, because large models take their time; it says what was wrong. */
	rc = create_sessions(m);
	pthread_mutex_lock(&nrt_runtime.lock);
	status = rc ? nrt_status_of(rc) : place(m->neff, start_nc, nc_count, &where);
	if (!status)
		status = stage(m, &where);
	if (status) {
		nrt_log_more(NRT_LOG_NMGR, "nrt_load", "Failed to load NN: %s, err: %d",
			     m->neff->name, status);
		free_model(m);
	}
	pthread_mutex_unlock(&nrt_runtime.lock);
	if (status)
		return status;
	nrt_profile_load(m, bytes, size);
	/* It is on the device now. */
	neff_body_free(&m->neff->body);
	*result = m;
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_load(const void *neff_bytes, size_t size, int32_t start_nc,
			    int32_t nc_count, nrt_model_t **model)
{
	NRT_STATUS status = nrt_enter(__func__);

	if (status)
		return status;
	if (neff_bytes && model) {
		status = load(neff_bytes, size, start_nc, nc_count, model);
	} else {
		nrt_err(NRT, "neff_bytes or model is NULL");
		status = NRT_INVALID;
	}
	nrt_leave();
	return status;
}

NRT_API NRT_STATUS nrt_load_collectives(const void *neff_bytes, size_t size, int32_t start_nc,
					int32_t nc_count, uint32_t g_device_id,
					uint32_t g_device_count, nrt_model_t **model)
{
	NRT_STATUS status = nrt_check_state(__func__);

	if (status)
		return status;
	if (g_device_count > 1 || g_device_id) {
		nrt_err(NRT, "device %u of %u: Inferentia 1 has no collectives", g_device_id,
			g_device_count);
		return NRT_INVALID;
	}
	return nrt_load(neff_bytes, size, start_nc, nc_count, model);
}

/* Nobody can take hold of the model any more; wait for those who have. */
static bool start_unloading(struct nrt_model *m)
{
	bool first;

	pthread_mutex_lock(&m->lock);
	first = !m->unloading;
	m->unloading = true;
	/* This call is one of the users. */
	while (first && m->users > 1)
		pthread_cond_wait(&m->change, &m->lock);
	pthread_mutex_unlock(&m->lock);
	if (!first)
		nrt_model_release(m);
	return first;
}

NRT_API NRT_STATUS nrt_unload(nrt_model_t *model)
{
	NRT_STATUS status = nrt_enter(__func__);
	struct nrt_model *m;

	if (status)
		return status;
	m = nrt_model_hold(model);
	if (m && start_unloading(m)) {
		pthread_mutex_lock(&nrt_runtime.lock);
		nrt_model_destroy(&nrt_runtime, m);
		nrt_stats_models(&nrt_runtime);
		pthread_mutex_unlock(&nrt_runtime.lock);
	} else {
		nrt_err(NRT, "Failed to find model: %p is not loaded", (void *)model);
		status = NRT_INVALID;
	}
	nrt_leave();
	return status;
}

/* nrt_enter() and nrt_model_hold() in one; *@m is NULL unless NRT_SUCCESS. */
static NRT_STATUS enter_model(const char *function, const void *handle, struct nrt_model **m)
{
	NRT_STATUS status = nrt_enter(function);

	*m = NULL;
	if (status)
		return status;
	*m = nrt_model_hold(handle);
	if (!*m) {
		nrt_log(NRT_LOG_ERROR, NRT_LOG_NRT, function,
			"Failed to find model: %p is not loaded", handle);
		nrt_leave();
		return NRT_INVALID_HANDLE;
	}
	return NRT_SUCCESS;
}

static void leave_model(struct nrt_model *m)
{
	nrt_model_release(m);
	nrt_leave();
}

NRT_API NRT_STATUS nrt_get_model_nc_count(const nrt_model_t *model, uint32_t *nc_count)
{
	struct nrt_model *m;
	NRT_STATUS status = enter_model(__func__, model, &m);

	if (status)
		return status;
	if (nc_count)
		*nc_count = m->nc_count;
	leave_model(m);
	return nc_count ? NRT_SUCCESS : NRT_INVALID;
}

NRT_API NRT_STATUS nrt_get_model_instance_count(nrt_model_t *model, uint32_t *instance_count)
{
	struct nrt_model *m;
	NRT_STATUS status = enter_model(__func__, model, &m);

	if (status)
		return status;
	if (instance_count)
		*instance_count = m->instance_count;
	leave_model(m);
	return instance_count ? NRT_SUCCESS : NRT_INVALID;
}

static NRT_STATUS fill_info(const struct neff_tensor *t, nrt_tensor_usage_t usage,
			    nrt_tensor_info_t *info)
{
	strncpy(info->name, t->name, sizeof(info->name) - 1);
	info->usage = usage;
	info->size = t->size;
	info->dtype = t->dtype;
	info->ndim = t->ndim;
	info->shape = calloc(t->ndim + 1, sizeof(*info->shape));
	if (!info->shape)
		return NRT_RESOURCE;
	memcpy(info->shape, t->shape, t->ndim * sizeof(*info->shape));
	return NRT_SUCCESS;
}

static NRT_STATUS get_info(const struct neff *neff, nrt_tensor_info_array_t **result)
{
	uint32_t n = neff->input_count + neff->output_count, i;
	nrt_tensor_info_array_t *array;
	NRT_STATUS status = NRT_SUCCESS;

	array = calloc(1, sizeof(*array) + n * sizeof(array->tensor_array[0]));
	if (!array)
		return NRT_RESOURCE;
	array->tensor_count = n;
	for (i = 0; i < n && !status; i++)
		status = fill_info(&neff->tensors[i], i < neff->input_count ?
				   NRT_TENSOR_USAGE_INPUT : NRT_TENSOR_USAGE_OUTPUT,
				   &array->tensor_array[i]);
	if (status)
		nrt_free_model_tensor_info(array);
	else
		*result = array;
	return status;
}

NRT_API NRT_STATUS nrt_get_model_tensor_info(nrt_model_t *model,
					     nrt_tensor_info_array_t **tensor_info)
{
	struct nrt_model *m;
	NRT_STATUS status = enter_model(__func__, model, &m);

	if (status)
		return status;
	status = tensor_info ? get_info(m->neff, tensor_info) : NRT_INVALID;
	leave_model(m);
	return status;
}

NRT_API NRT_STATUS nrt_free_model_tensor_info(nrt_tensor_info_array_t *tensor_info)
{
	uint64_t i;

	if (!tensor_info)
		return NRT_INVALID;
	for (i = 0; i < tensor_info->tensor_count; i++)
		free(tensor_info->tensor_array[i].shape);
	free(tensor_info);
	return NRT_SUCCESS;
}
