// SPDX-License-Identifier: GPL-2.0
/*
 * Objects: references, ids in a file's table, and the revocation of everything when the
 * device goes away under open files.
 *
 * Locking: ids are guarded by the xarray's lock. ndev->objects_lock guards the device's
 * list, and every free of DMA memory: remove must not return while a munmap() is at it.
 */
#include <linux/slab.h>
#include <linux/xarray.h>

#include "neuron.h"
#include "neuron_dmabuf.h"
#include "neuron_file.h"
#include "neuron_mem.h"
#include "neuron_object.h"

/* Ids of a file, and what a signed 64-bit offset has room for. */
#define NEURON_OBJECT_MAX	(BIT(24) - 1)
static_assert(S64_MAX / NEURON_MEM_MAX >= NEURON_OBJECT_MAX);

void neuron_object_init(struct neuron_object *obj, struct neuron_device *ndev,
			const struct neuron_object_ops *ops)
{
	obj->ops = ops;
	obj->ndev = ndev;
	kref_init(&obj->ref);
	get_device(&ndev->dev);
	mutex_lock(&ndev->objects_lock);
	list_add_tail(&obj->node, &ndev->objects);
	mutex_unlock(&ndev->objects_lock);
}

static void neuron_object_release(struct kref *ref)
{
	struct neuron_object *obj = container_of(ref, struct neuron_object, ref);
	struct neuron_device *ndev = obj->ndev;

	mutex_lock(&ndev->objects_lock);
	list_del(&obj->node);
	if (!obj->revoked)
		obj->ops->revoke(obj);
	mutex_unlock(&ndev->objects_lock);
	if (obj->ops->drop)
		obj->ops->drop(obj);
	kfree(obj);
	put_device(&ndev->dev);
}

void neuron_object_get(struct neuron_object *obj)
{
	kref_get(&obj->ref);
}

void neuron_object_put(struct neuron_object *obj)
{
	kref_put(&obj->ref, neuron_object_release);
}

int neuron_object_publish(struct neuron_file *nf, struct neuron_object *obj, u32 *id)
{
	/* An id times the room that it has for mmap() must be a file offset. */
	return xa_alloc(&nf->objects, id, obj, XA_LIMIT(1, NEURON_OBJECT_MAX), GFP_KERNEL_ACCOUNT);
}

struct neuron_object *neuron_object_lookup(struct neuron_file *nf, u32 id,
					   enum neuron_object_type type)
{
	struct neuron_object *obj;

	/* An object in the table has the table's reference: under its lock a get is safe. */
	xa_lock(&nf->objects);
	obj = xa_load(&nf->objects, id);
	if (obj && obj->ops->type == type)
		kref_get(&obj->ref);
	else
		obj = NULL;
	xa_unlock(&nf->objects);
	return obj;
}

int neuron_object_destroy(struct neuron_file *nf, u32 id)
{
	struct neuron_object *obj = xa_erase(&nf->objects, id);

	if (!obj)
		return -ENOENT;
	if (obj->ops->destroy)
		obj->ops->destroy(nf, obj);
	neuron_object_put(obj);
	return 0;
}

void neuron_object_destroy_all(struct neuron_file *nf)
{
	struct neuron_object *obj;
	unsigned long id;

	/* Queues and rings first: nothing else may go while a job uses it. */
	xa_for_each(&nf->objects, id, obj)
		if (obj->ops->type == NEURON_OBJECT_QUEUE || obj->ops->type == NEURON_OBJECT_RING)
			neuron_object_destroy(nf, id);
	xa_for_each(&nf->objects, id, obj)
		neuron_object_destroy(nf, id);
}

static void neuron_object_revoke(struct neuron_object *obj)
{
	if (!obj->revoked) {
		obj->revoked = true;
		obj->ops->revoke(obj);
	}
}

/*
 * A queue that is to be revoked by the caller, with a reference. It may take long to stop, and
 * page faults need the lock.
 */
static struct neuron_object *neuron_object_next_queue(struct neuron_device *ndev)
{
	struct neuron_object *obj, *found = NULL;

	mutex_lock(&ndev->objects_lock);
	list_for_each_entry(obj, &ndev->objects, node) {
		/* One without references has been stopped when its id was given up. */
		if (obj->ops->type != NEURON_OBJECT_QUEUE || obj->revoked ||
		    !kref_get_unless_zero(&obj->ref))
			continue;
		obj->revoked = true;
		found = obj;
		break;
	}
	mutex_unlock(&ndev->objects_lock);
	return found;
}

void neuron_object_revoke_all(struct neuron_device *ndev)
{
	struct neuron_object *obj;

	lockdep_assert_held_write(&ndev->rwsem);
	neuron_mem_unmap_all(ndev);
	/* Queues first: their jobs use the rest. */
	while ((obj = neuron_object_next_queue(ndev))) {
		obj->ops->revoke(obj);
		neuron_object_put(obj);
	}
	/* Our own DMA has ended: now two devices can wait for each other's. */
	neuron_mem_stop_use_all(ndev);
	neuron_dmabuf_revoke_all(ndev);
	mutex_lock(&ndev->objects_lock);
	list_for_each_entry(obj, &ndev->objects, node)
		neuron_object_revoke(obj);
	mutex_unlock(&ndev->objects_lock);
}
