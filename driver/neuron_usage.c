// SPDX-License-Identifier: GPL-2.0
/*
 * Accounting: how much memory of which kind a file and a device have.
 *
 * Locking: atomic counters; what is to be unpinned is neuron_user.c's. An object is charged
 * before anybody else knows it, and uncharged when it is revoked (ndev->objects_lock).
 */
#include <linux/slab.h>

#include "neuron.h"
#include "neuron_mem.h"
#include "neuron_usage.h"
#include "neuron_user.h"

const char * const neuron_usage_names[NEURON_MEM_KINDS] = {
	[0] = "driver",
	[NEURON_MEM_DEVICE] = "device",
	[NEURON_MEM_HOST] = "host",
	[NEURON_MEM_USER] = "user",
	[NEURON_MEM_DMABUF] = "dmabuf",
};

struct neuron_usage *neuron_usage_alloc(void)
{
	struct neuron_usage *usage = kzalloc(sizeof(*usage), GFP_KERNEL_ACCOUNT);

	if (!usage)
		return NULL;
	kref_init(&usage->ref);
	init_llist_head(&usage->unpin);
	mutex_init(&usage->unpin_lock);
	return usage;
}

static void neuron_usage_release(struct kref *ref)
{
	struct neuron_usage *usage = container_of(ref, struct neuron_usage, ref);

	neuron_user_unpin_all(usage);
	mutex_destroy(&usage->unpin_lock);
	kfree(usage);
}

void neuron_usage_get(struct neuron_usage *usage)
{
	kref_get(&usage->ref);
}

void neuron_usage_put(struct neuron_usage *usage)
{
	kref_put(&usage->ref, neuron_usage_release);
}

static void neuron_usage_add(struct neuron_mem *mem, s64 bytes)
{
	unsigned int kind = mem->usage ? mem->type : 0;

	atomic64_add(bytes, &mem->obj.ndev->usage.bytes[kind]);
	if (mem->usage)
		atomic64_add(bytes, &mem->usage->bytes[kind]);
}

void neuron_usage_charge(struct neuron_mem *mem, struct neuron_usage *usage)
{
	if (usage)
		kref_get(&usage->ref);
	mem->usage = usage;
	mem->charged = mem->length;
	neuron_usage_add(mem, mem->charged);
}

void neuron_usage_uncharge(struct neuron_mem *mem)
{
	neuron_usage_add(mem, -(s64)mem->charged);
	mem->charged = 0;
}

void neuron_usage_mapped(struct neuron_mem *mem, bool mapped)
{
	s64 bytes = mapped ? mem->length : -(s64)mem->length;

	atomic64_add(bytes, &mem->obj.ndev->usage.mapped);
	if (mem->usage)
		atomic64_add(bytes, &mem->usage->mapped);
}
