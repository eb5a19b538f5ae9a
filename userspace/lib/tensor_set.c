// SPDX-License-Identifier: Apache-2.0
/*
 * Tensor sets: tensors by name. Models have a few tensors, so a set is a plain array.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "tensor_set.h"

static struct nrt_set_entry *find(const struct nrt_set *set, const char *name)
{
	uint32_t i;

	for (i = 0; i < set->count; i++)
		if (!strcmp(set->entries[i].name, name))
			return &set->entries[i];
	return NULL;
}

struct nrt_tensor *nrt_set_find(const struct nrt_set *set, const char *name)
{
	struct nrt_set_entry *e = find(set, name);

	return e ? e->tensor : NULL;
}

NRT_API NRT_STATUS nrt_allocate_tensor_set(nrt_tensor_set_t **result)
{
	NRT_STATUS status = nrt_check_state(__func__);

	if (status)
		return status;
	if (!result)
		return NRT_INVALID;
	*result = calloc(1, sizeof(struct nrt_set));
	return *result ? NRT_SUCCESS : NRT_RESOURCE;
}

NRT_API void nrt_destroy_tensor_set(nrt_tensor_set_t **tensor_set)
{
	struct nrt_set *set = tensor_set ? *tensor_set : NULL;
	uint32_t i;

	if (!set)
		return;
	for (i = 0; i < set->count; i++)
		free(set->entries[i].name);
	free(set->entries);
	free(set);
	*tensor_set = NULL;
}

static NRT_STATUS add(struct nrt_set *set, const char *name, struct nrt_tensor *tensor)
{
	struct nrt_set_entry *e = realloc(set->entries, (set->count + 1) * sizeof(*e));

	if (!e)
		return NRT_RESOURCE;
	set->entries = e;
	e += set->count;
	e->name = strdup(name);
	if (!e->name)
		return NRT_RESOURCE;
	e->tensor = tensor;
	set->count++;
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_add_tensor_to_tensor_set(nrt_tensor_set_t *tensor_set,
						const char *tensor_name, nrt_tensor_t *tensor)
{
	NRT_STATUS status = nrt_check_state(__func__);
	struct nrt_set_entry *e;

	if (status)
		return status;
	if (!tensor_set || !tensor_name || !*tensor_name || !tensor) {
		nrt_err(NRT, "set, name or tensor is NULL, or the name is empty");
		return NRT_INVALID;
	}
	e = find(tensor_set, tensor_name);
	if (!e)
		return add(tensor_set, tensor_name, tensor);
	e->tensor = tensor;
	return NRT_SUCCESS;
}

NRT_API NRT_STATUS nrt_get_tensor_from_tensor_set(nrt_tensor_set_t *tensor_set,
						  const char *tensor_name, nrt_tensor_t **tensor)
{
	NRT_STATUS status = nrt_check_state(__func__);
	struct nrt_tensor *t;

	if (status)
		return status;
	if (!tensor_set || !tensor_name || !tensor)
		return NRT_INVALID;
	t = nrt_set_find(tensor_set, tensor_name);
	if (!t) {
		nrt_err(NRT, "there is no tensor \"%s\" in the set", tensor_name);
		return NRT_FAILURE;
	}
	*tensor = t;
	return NRT_SUCCESS;
}
