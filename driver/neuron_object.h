/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_OBJECT_H
#define _NEURON_OBJECT_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/types.h>

struct neuron_device;
struct neuron_file;
struct neuron_object;

enum neuron_object_type {
	NEURON_OBJECT_MEM,
	NEURON_OBJECT_CONTEXT,
	NEURON_OBJECT_QUEUE,
	NEURON_OBJECT_RING,
};

/**
 * struct neuron_object_ops - what differs between the kinds of objects
 * @destroy: the id was given up (DESTROY, close); may sleep, with ndev->rwsem held. Optional
 * @revoke: give back hardware and DMA memory; at most once, with ndev->objects_lock held, but
 *	for queues at remove and reset, which then have ndev->rwsem held for writing. May run
 *	long before the last reference is dropped
 * @drop: last reference is gone: put what the object refers to. No lock held. Optional
 */
struct neuron_object_ops {
	enum neuron_object_type type;
	void (*destroy)(struct neuron_file *nf, struct neuron_object *obj);
	void (*revoke)(struct neuron_object *obj);
	void (*drop)(struct neuron_object *obj);
};

/**
 * struct neuron_object - embedded first in each object, which kfree() frees
 * @node: in ndev->objects; objects_lock
 * @revoked: objects_lock
 */
struct neuron_object {
	const struct neuron_object_ops *ops;
	struct neuron_device *ndev;
	struct list_head node;
	struct kref ref;
	bool revoked;
};

/* Takes a reference to the device; the caller owns the one reference to the object. */
void neuron_object_init(struct neuron_object *obj, struct neuron_device *ndev,
			const struct neuron_object_ops *ops);
void neuron_object_get(struct neuron_object *obj);
/* May be called with mmap_lock held, never with ndev->objects_lock. */
void neuron_object_put(struct neuron_object *obj);

/*
 * Give @obj an id in a file; the file takes over the caller's reference when it succeeds.
 * From then on another thread may destroy it.
 */
int neuron_object_publish(struct neuron_file *nf, struct neuron_object *obj, u32 *id);
/* A new reference, or NULL if there is no object of that id and type. */
struct neuron_object *neuron_object_lookup(struct neuron_file *nf, u32 id,
					   enum neuron_object_type type);
/* Take an id away and put its reference. -ENOENT. */
int neuron_object_destroy(struct neuron_file *nf, u32 id);
/* At close. */
void neuron_object_destroy_all(struct neuron_file *nf);
/* Every object of the device gives back hardware and DMA memory. rwsem held for writing. */
void neuron_object_revoke_all(struct neuron_device *ndev);

#endif
