// SPDX-License-Identifier: GPL-2.0
/*
 * Groups of NeuronCores over several chips, taken in one step.
 *
 * Locking: neuron_group_lock, then ndev->cores_lock of every member: there is no other order
 * among those, because nobody else holds two of them. No ndev->rwsem is held meanwhile, so that
 * a reset of one chip, which may take long, does not hold up the others'. A device that goes or
 * is reset says so before it takes its cores_lock to disown all files: whoever finds a file
 * alive under that lock, and takes cores for it, loses them by that.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_cores.h"
#include "neuron_file.h"
#include "neuron_fops.h"
#include "neuron_group.h"

static DEFINE_MUTEX(neuron_group_lock);

/* The file of a member: -EBADF; else with a reference in @file, also on later errors. */
static int neuron_group_get(const struct neuron_group_member *member, struct file **file)
{
	struct neuron_file *nf;
	int ret;

	*file = fget(member->fd);
	if (!*file)
		return -EBADF;
	if ((*file)->f_op != &neuron_fops)
		return -EBADF;
	nf = (*file)->private_data;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	if (!nf->ndev->compute)
		ret = -EOPNOTSUPP;
	else if (!member->mask || member->mask >= BIT(nf->ndev->core_count))
		ret = -EINVAL;
	neuron_file_leave(nf);
	return ret;
}

static bool neuron_group_has(struct file **files, u32 count, struct neuron_file *nf)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (((struct neuron_file *)files[i]->private_data)->ndev == nf->ndev)
			return true;
	return false;
}

static int neuron_group_take_locked(struct file **files, struct neuron_group_member *members,
				    u32 count)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < count && !ret; i++)
		ret = neuron_file_error(files[i]->private_data);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		members[i].busy = neuron_cores_conflict_locked(files[i]->private_data,
							       members[i].mask,
							       &members[i].holder);
		if (members[i].busy)
			ret = -EBUSY;
	}
	for (i = 0; i < count && !ret; i++)
		neuron_cores_take_locked(files[i]->private_data, members[i].mask);
	return ret;
}

static int neuron_group_take(struct file **files, struct neuron_group_member *members, u32 count)
{
	struct neuron_file *nf;
	int ret;
	u32 i;

	mutex_lock(&neuron_group_lock);
	for (i = 0; i < count; i++) {
		nf = files[i]->private_data;
		mutex_lock_nest_lock(&nf->ndev->cores_lock, &neuron_group_lock);
	}
	ret = neuron_group_take_locked(files, members, count);
	for (i = 0; i < count; i++) {
		nf = files[i]->private_data;
		mutex_unlock(&nf->ndev->cores_lock);
	}
	mutex_unlock(&neuron_group_lock);
	return ret;
}

int neuron_group_acquire(struct neuron_group_member *members, u32 count)
{
	struct file *files[NEURON_GROUP_MAX] = {};
	int ret = 0;
	u32 i;

	for (i = 0; i < count && !ret; i++) {
		ret = neuron_group_get(&members[i], &files[i]);
		if (!ret && neuron_group_has(files, i, files[i]->private_data))
			ret = -EINVAL;
	}
	if (!ret)
		ret = neuron_group_take(files, members, count);
	for (i = 0; i < count && files[i]; i++)
		fput(files[i]);
	return ret;
}
