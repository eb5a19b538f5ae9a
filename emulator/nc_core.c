// SPDX-License-Identifier: Apache-2.0
/* A NeuronCore's life, and its semaphores and events as the host sees them. */

#include <errno.h>
#include <stdlib.h>
#include "nc_core.h"
#include "nc_team.h"

int emu_nc_create(const struct emu_nc_bus *bus, struct emu_nc **out)
{
	struct emu_nc *nc = aligned_alloc(64, (sizeof(*nc) + 63) / 64 * 64);
	int ret;

	if (!nc)
		return -ENOMEM;
	*nc = (struct emu_nc){ .bus = *bus, .kernels = emu_nc_kernels_select() };
	nc->batch.most = EMU_NC_BATCH;
	emu_nc_cache_init(&nc->cache);
	ret = emu_nc_mem_create(&nc->mem);
	if (!ret) {
		ret = emu_nc_team_create(&nc->team);
		if (ret)
			emu_nc_mem_destroy(&nc->mem);
	}
	if (ret) {
		free(nc);
		return ret;
	}
	*out = nc;
	return 0;
}

void emu_nc_destroy(struct emu_nc *nc)
{
	if (!nc)
		return;
	emu_nc_team_destroy(nc->team);
	emu_nc_cache_drop(&nc->cache);
	emu_nc_mem_destroy(&nc->mem);
	free(nc);
}

void emu_nc_wipe(struct emu_nc *nc)
{
	/* 56 MiB a chip: not again when nothing ran since */
	if (nc->used)
		emu_nc_mem_wipe(&nc->mem);
	nc->used = false;
	emu_nc_pe_release(nc);
	emu_nc_cache_drop(&nc->cache);
	for (unsigned int i = 0; i < NEURON_ISA_SEMAPHORES; i++)
		atomic_store(&nc->sem[i], 0);
	for (unsigned int i = 0; i < NEURON_NC_EVENT_COUNT; i++)
		atomic_store(&nc->event[i], 0);
}

void emu_nc_reset(struct emu_nc *nc)
{
	emu_nc_wipe(nc);
	nc->owner = 0;
	atomic_store(&nc->abort, EMU_NC_IDLE);
}

void emu_nc_arm(struct emu_nc *nc)
{
	atomic_store(&nc->abort, EMU_NC_ARMED);
}

void emu_nc_abort(struct emu_nc *nc)
{
	int armed = EMU_NC_ARMED;

	/* Only a job that there is: a late abort must not hit the next one. */
	atomic_compare_exchange_strong(&nc->abort, &armed, EMU_NC_ABORTING);
}

void emu_nc_remap(struct emu_nc *nc)
{
	atomic_store(&nc->remap, true);
}

void emu_nc_trace(struct emu_nc *nc, emu_nc_trace_fn *fn, void *opaque)
{
	nc->trace = fn;
	nc->trace_opaque = opaque;
}

uint32_t emu_nc_pc(struct emu_nc *nc, unsigned int engine)
{
	return engine < NEURON_STREAMS ?
	       atomic_load_explicit(&nc->pc[engine], memory_order_relaxed) : 0;
}

uint32_t emu_nc_sem_read(struct emu_nc *nc, unsigned int sem)
{
	return sem < NEURON_ISA_SEMAPHORES ? atomic_load(&nc->sem[sem]) : 0;
}

void emu_nc_sem_set(struct emu_nc *nc, unsigned int sem, uint32_t value)
{
	if (sem < NEURON_ISA_SEMAPHORES)
		atomic_store(&nc->sem[sem], value);
}

void emu_nc_sem_add(struct emu_nc *nc, unsigned int sem, int32_t delta)
{
	if (sem < NEURON_ISA_SEMAPHORES)
		atomic_fetch_add(&nc->sem[sem], (uint32_t)delta);
}

uint32_t emu_nc_event_read(struct emu_nc *nc, unsigned int event)
{
	return event < NEURON_NC_EVENT_COUNT ? atomic_load(&nc->event[event]) : 0;
}

uint32_t emu_nc_event_write(struct emu_nc *nc, unsigned int event, uint32_t value)
{
	return event < NEURON_NC_EVENT_COUNT ? atomic_exchange(&nc->event[event], value) : 0;
}
