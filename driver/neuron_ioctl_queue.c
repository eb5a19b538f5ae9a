// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of contexts, NeuronCores and their queues.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in before that: a fault may take for ever, and unbind or reset would wait for it.
 */
#include <linux/eventfd.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_cores.h"
#include "neuron_file.h"
#include "neuron_group.h"
#include "neuron_ioctl.h"
#include "neuron_job.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_ring.h"

int neuron_ioctl_context_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_context_create *arg = &u->context_create;
	struct neuron_context *context;
	int ret;

	if (arg->flags || !arg->segments || arg->segments >= NEURON_SEGMENTS)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	ret = -EOPNOTSUPP;
	if (!nf->ndev->compute)
		goto out_leave;
	context = neuron_context_create(nf, arg->segments);
	ret = PTR_ERR_OR_ZERO(context);
	if (ret)
		goto out_leave;
	ret = neuron_object_publish(nf, &context->obj, &arg->id);
	if (ret)
		neuron_context_put(context);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

void neuron_undo_context_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->context_create.id);
}

static int neuron_bind_check(const struct neuron_bind *bind)
{
	const u32 access = NEURON_ACCESS_READ | NEURON_ACCESS_WRITE | NEURON_ACCESS_EXEC;

	if (bind->reserved || bind->access & ~access)
		return -EINVAL;
	if (!bind->mem)
		return bind->offset || bind->length || bind->access ? -EINVAL : 0;
	return bind->length && bind->access ? 0 : -EINVAL;
}

static int neuron_bind_run(struct neuron_file *nf, struct neuron_context *context,
			   const struct neuron_bind *binds, struct neuron_mem **mems, u32 count)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < count && !ret; i++) {
		ret = neuron_bind_check(&binds[i]);
		if (ret || !binds[i].mem)
			continue;
		mems[i] = neuron_mem_lookup(nf, binds[i].mem);
		if (!mems[i])
			ret = -ENOENT;
	}
	if (!ret) {
		/* What has ended is no longer in flight. */
		neuron_queue_reap_file(nf);
		ret = neuron_context_bind(context, binds, mems, count);
	}
	for (i = 0; i < count && ret; i++)
		if (mems[i])
			neuron_mem_put(mems[i]);
	return ret;
}

int neuron_ioctl_context_bind(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_context_bind *arg = &u->context_bind;
	struct neuron_bind *binds;
	struct neuron_object *obj;
	struct neuron_mem **mems;
	int ret;

	if (arg->flags || !arg->count || arg->count >= NEURON_SEGMENTS)
		return -EINVAL;
	binds = kcalloc(arg->count, sizeof(*binds) + sizeof(*mems), GFP_KERNEL_ACCOUNT);
	if (!binds)
		return -ENOMEM;
	mems = (void *)(binds + arg->count);
	ret = -EFAULT;
	if (copy_from_user(binds, u64_to_user_ptr(arg->binds), arg->count * sizeof(*binds)))
		goto out_free;
	ret = neuron_file_enter(nf);
	if (ret)
		goto out_free;
	ret = -EOPNOTSUPP;
	if (!nf->ndev->compute)
		goto out_leave;
	ret = -ENOENT;
	obj = neuron_object_lookup(nf, arg->context, NEURON_OBJECT_CONTEXT);
	if (!obj)
		goto out_leave;
	ret = neuron_bind_run(nf, to_neuron_context(obj), binds, mems, arg->count);
	neuron_object_put(obj);
out_leave:
	neuron_file_leave(nf);
out_free:
	kfree(binds);
	return ret;
}

static int neuron_ioctl_cores(struct neuron_file *nf, struct neuron_ioctl_cores *arg,
			      int (*act)(struct neuron_file *, struct neuron_ioctl_cores *))
{
	int ret;

	if (arg->flags || arg->reserved || !arg->mask)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	if (!nf->ndev->compute)
		ret = -EOPNOTSUPP;
	else if (arg->mask >= BIT(nf->ndev->core_count))
		ret = -EINVAL;
	else
		ret = act(nf, arg);
	neuron_file_leave(nf);
	return ret;
}

int neuron_ioctl_cores_acquire(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	return neuron_ioctl_cores(nf, &u->cores, neuron_cores_acquire);
}

int neuron_ioctl_cores_release(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	return neuron_ioctl_cores(nf, &u->cores, neuron_cores_release);
}

int neuron_ioctl_group_acquire(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_group_acquire *arg = &u->group_acquire;
	struct neuron_group_member members[NEURON_GROUP_MAX];
	int ret;

	if (arg->flags || arg->reserved || !arg->count || arg->count > NEURON_GROUP_MAX)
		return -EINVAL;
	if (copy_from_user(members, u64_to_user_ptr(arg->members),
			   arg->count * sizeof(members[0])))
		return -EFAULT;
	ret = neuron_group_acquire(members, arg->count);
	if (ret == -EBUSY && copy_to_user(u64_to_user_ptr(arg->members), members,
					  arg->count * sizeof(members[0])))
		ret = -EFAULT;
	return ret;
}

static int neuron_queue_publish(struct neuron_file *nf, struct neuron_ioctl_queue_create *arg,
				struct eventfd_ctx *eventfd)
{
	struct neuron_queue *queue = neuron_queue_create(nf, arg, eventfd);
	int ret;

	if (IS_ERR(queue)) {
		if (eventfd)
			eventfd_ctx_put(eventfd);
		return PTR_ERR(queue);
	}
	arg->mmap_length = queue->page->length;
	ret = neuron_object_publish(nf, &queue->obj, &arg->id);
	if (ret) {
		queue->obj.ops->destroy(nf, &queue->obj);
		neuron_object_put(&queue->obj);
	} else {
		arg->mmap_offset = neuron_mem_mmap_offset(arg->id);
	}
	return ret;
}

int neuron_ioctl_queue_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_queue_create *arg = &u->queue_create;
	struct eventfd_ctx *eventfd = NULL;
	int ret;

	if (arg->flags || arg->reserved || arg->eventfd < -1 || !is_power_of_2(arg->entries) ||
	    arg->entries < 2 || arg->entries > NEURON_Q_RING_SIZE_MAX ||
	    arg->priority > NEURON_Q_CONFIG_PRIO_MASK >> NEURON_Q_CONFIG_PRIO_SHIFT)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	ret = -EOPNOTSUPP;
	if (!nf->ndev->compute)
		goto out_leave;
	ret = -EINVAL;
	if (arg->core >= nf->ndev->core_count)
		goto out_leave;
	if (arg->eventfd >= 0) {
		eventfd = eventfd_ctx_fdget(arg->eventfd);
		ret = -EBADF;
		if (IS_ERR(eventfd))
			goto out_leave;
	}
	ret = neuron_queue_publish(nf, arg, eventfd);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

void neuron_undo_queue_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->queue_create.id);
}

static int neuron_submit_run(struct neuron_file *nf, struct neuron_queue *queue,
			     struct neuron_ioctl_submit *arg, const struct neuron_submit *jobs,
			     struct neuron_context **contexts)
{
	u32 i, count = arg->count;
	int ret = 0;

	if (count > queue->entries)
		return -EINVAL;
	for (i = 0; i < count && !ret; i++) {
		struct neuron_object *obj;

		ret = neuron_job_check(&jobs[i]);
		if (ret || jobs[i].op == NEURON_SUBMIT_NOP)
			continue;
		if (jobs[i].flags & NEURON_SUBMIT_TRACE &&
		    !(nf->ndev->ext_features & NEURON_EXT_FEATURE_TRACE)) {
			ret = -EOPNOTSUPP;
			continue;
		}
		obj = neuron_object_lookup(nf, jobs[i].context, NEURON_OBJECT_CONTEXT);
		if (obj)
			contexts[i] = to_neuron_context(obj);
		else
			ret = -ENOENT;
	}
	if (!ret)
		ret = neuron_queue_submit(queue, jobs, contexts, count, &arg->seq);
	for (i = 0; i < count && ret; i++)
		if (contexts[i])
			neuron_context_put(contexts[i]);
	return ret;
}

static struct neuron_queue *neuron_queue_lookup(struct neuron_file *nf, u32 id)
{
	struct neuron_object *obj = neuron_object_lookup(nf, id, NEURON_OBJECT_QUEUE);

	return obj ? to_neuron_queue(obj) : NULL;
}

int neuron_ioctl_submit(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_submit *arg = &u->submit;
	struct neuron_context **contexts;
	struct neuron_submit *jobs;
	struct neuron_queue *queue;
	int ret;

	if (arg->flags || !arg->count || arg->count > NEURON_Q_RING_SIZE_MAX)
		return -EINVAL;
	jobs = kvcalloc(arg->count, sizeof(*jobs) + sizeof(*contexts), GFP_KERNEL_ACCOUNT);
	if (!jobs)
		return -ENOMEM;
	contexts = (void *)(jobs + arg->count);
	ret = -EFAULT;
	if (copy_from_user(jobs, u64_to_user_ptr(arg->jobs), arg->count * sizeof(*jobs)))
		goto out_free;
	ret = neuron_file_enter(nf);
	if (ret)
		goto out_free;
	if (!nf->ndev->compute) {
		ret = -EOPNOTSUPP;
	} else {
		queue = neuron_queue_lookup(nf, arg->queue);
		ret = queue ? neuron_submit_run(nf, queue, arg, jobs, contexts) : -ENOENT;
		if (queue)
			neuron_object_put(&queue->obj);
	}
	neuron_file_leave(nf);
out_free:
	kvfree(jobs);
	return ret;
}

int neuron_ioctl_cancel(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_cancel *arg = &u->cancel;
	struct neuron_queue *queue;
	int ret;

	if (arg->flags & ~NEURON_CANCEL_ALL || arg->reserved)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	ret = -EOPNOTSUPP;
	if (!nf->ndev->compute)
		goto out_leave;
	ret = -ENOENT;
	queue = neuron_queue_lookup(nf, arg->queue);
	if (!queue)
		goto out_leave;
	ret = neuron_queue_cancel(queue, arg->seq, arg->flags & NEURON_CANCEL_ALL);
	neuron_object_put(&queue->obj);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

int neuron_ioctl_wait(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_wait *arg = &u->wait;
	struct neuron_queue *queue;
	struct neuron_ring *ring;
	int ret, error;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	ring = neuron_ring_lookup(nf, arg->queue);
	if (ring) {
		neuron_file_leave(nf);
		ret = neuron_ring_wait(ring, arg);
		neuron_object_put(&ring->obj);
		return ret;
	}
	ret = nf->ndev->compute ? -ENOENT : -EOPNOTSUPP;
	queue = nf->ndev->compute ? neuron_queue_lookup(nf, arg->queue) : NULL;
	neuron_file_leave(nf);
	if (!queue)
		return ret;

	ret = -EINVAL;
	if (!arg->seq || arg->seq > READ_ONCE(queue->submitted))
		goto out_put;
	ret = neuron_queue_wait(queue, arg->seq, arg->deadline_ns);
	error = neuron_file_enter(nf);
	if (error) {
		ret = error;
		goto out_put;
	}
	if (ret)
		arg->completed = neuron_queue_tell(queue);
	else
		ret = neuron_queue_report(queue, arg);
	neuron_file_leave(nf);
out_put:
	neuron_object_put(&queue->obj);
	return ret;
}
