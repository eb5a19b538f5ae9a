// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns which NeuronCore, and which of its queue slots are in use.
 *
 * Locking: ndev->cores_lock guards all of it.
 */
#include <linux/bitops.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_cores.h"
#include "neuron_file.h"

u32 neuron_cores_conflict_locked(struct neuron_file *nf, u32 mask, s32 *holder)
{
	struct neuron_device *ndev = nf->ndev;
	unsigned int i;
	u32 busy = 0;

	lockdep_assert_held(&ndev->cores_lock);
	*holder = 0;
	for (i = 0; i < NEURON_CORES; i++) {
		struct neuron_core *core = &ndev->cores[i];

		if (!(mask & BIT(i)) || !core->owner || core->owner == nf)
			continue;
		if (!busy)
			*holder = pid_vnr(core->pid);
		busy |= BIT(i);
	}
	return busy;
}

void neuron_cores_take_locked(struct neuron_file *nf, u32 mask)
{
	struct neuron_device *ndev = nf->ndev;
	unsigned int i;

	lockdep_assert_held(&ndev->cores_lock);
	for (i = 0; i < NEURON_CORES; i++) {
		struct neuron_core *core = &ndev->cores[i];

		if (!(mask & BIT(i)) || core->owner)
			continue;
		core->owner = nf;
		core->pid = get_pid(task_tgid(current));
	}
}

int neuron_cores_acquire(struct neuron_file *nf, struct neuron_ioctl_cores *arg)
{
	struct neuron_device *ndev = nf->ndev;

	mutex_lock(&ndev->cores_lock);
	arg->busy = neuron_cores_conflict_locked(nf, arg->mask, &arg->holder);
	if (!arg->busy)
		neuron_cores_take_locked(nf, arg->mask);
	mutex_unlock(&ndev->cores_lock);
	return arg->busy ? -EBUSY : 0;
}

static void neuron_core_disown(struct neuron_core *core)
{
	core->owner = NULL;
	put_pid(core->pid);
	core->pid = NULL;
}

int neuron_cores_release(struct neuron_file *nf, struct neuron_ioctl_cores *arg)
{
	struct neuron_device *ndev = nf->ndev;
	unsigned int i;
	int ret = 0;

	arg->busy = 0;
	arg->holder = 0;
	mutex_lock(&ndev->cores_lock);
	for (i = 0; i < ndev->core_count; i++) {
		if (!(arg->mask & BIT(i)))
			continue;
		if (ndev->cores[i].owner != nf)
			ret = -EPERM;
		else if (ndev->cores[i].slots && !ret)
			ret = -EBUSY;
	}
	for (i = 0; i < ndev->core_count && !ret; i++)
		if (arg->mask & BIT(i))
			neuron_core_disown(&ndev->cores[i]);
	mutex_unlock(&ndev->cores_lock);
	return ret;
}

void neuron_cores_release_all(struct neuron_file *nf)
{
	struct neuron_device *ndev = nf->ndev;
	unsigned int i;

	mutex_lock(&ndev->cores_lock);
	for (i = 0; i < NEURON_CORES; i++)
		if (ndev->cores[i].owner == nf)
			neuron_core_disown(&ndev->cores[i]);
	mutex_unlock(&ndev->cores_lock);
}

void neuron_cores_reset(struct neuron_device *ndev)
{
	unsigned int i;

	mutex_lock(&ndev->cores_lock);
	for (i = 0; i < NEURON_CORES; i++)
		if (ndev->cores[i].owner)
			neuron_core_disown(&ndev->cores[i]);
	mutex_unlock(&ndev->cores_lock);
}

u32 neuron_cores_busy(struct neuron_device *ndev)
{
	unsigned int i;
	u32 mask = 0;

	mutex_lock(&ndev->cores_lock);
	for (i = 0; i < NEURON_CORES; i++)
		if (ndev->cores[i].owner)
			mask |= BIT(i);
	mutex_unlock(&ndev->cores_lock);
	return mask;
}

u32 neuron_cores_owned(struct neuron_file *nf)
{
	struct neuron_device *ndev = nf->ndev;
	unsigned int i;
	u32 mask = 0;

	mutex_lock(&ndev->cores_lock);
	for (i = 0; i < NEURON_CORES; i++)
		if (ndev->cores[i].owner == nf)
			mask |= BIT(i);
	mutex_unlock(&ndev->cores_lock);
	return mask;
}

int neuron_cores_get_slot(struct neuron_file *nf, unsigned int index)
{
	struct neuron_device *ndev = nf->ndev;
	struct neuron_core *core = &ndev->cores[index];
	unsigned int slot;
	int ret;

	mutex_lock(&ndev->cores_lock);
	slot = find_first_zero_bit(&core->slots, ndev->queues_per_core);
	if (core->owner != nf) {
		ret = -EPERM;
	} else if (slot >= ndev->queues_per_core) {
		ret = -ENOSPC;
	} else {
		__set_bit(slot, &core->slots);
		ret = index * NEURON_QUEUES_PER_CORE + slot;
	}
	mutex_unlock(&ndev->cores_lock);
	return ret;
}

void neuron_cores_put_slot(struct neuron_device *ndev, unsigned int slot)
{
	struct neuron_core *core = &ndev->cores[slot / NEURON_QUEUES_PER_CORE];

	mutex_lock(&ndev->cores_lock);
	__clear_bit(slot % NEURON_QUEUES_PER_CORE, &core->slots);
	mutex_unlock(&ndev->cores_lock);
}
