// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls: arguments in, checks, arguments out. What they do is done elsewhere.
 *
 * Locking: a handler enters the file (ndev->rwsem for reading) after it has checked what
 * it can without the device, and leaves before it returns. What the caller passes is copied
 * in before that: a fault may take for ever, and unbind or reset would wait for it.
 */
#include <linux/compat.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_copy.h"
#include "neuron_cores.h"
#include "neuron_file.h"
#include "neuron_ioctl.h"
#include "neuron_mem.h"
#include "neuron_queue.h"
#include "neuron_reset.h"

union neuron_ioctl_arg {
	u32 size;
	struct neuron_ioctl_info info;
	struct neuron_ioctl_mem_create mem_create;
	struct neuron_ioctl_copy copy;
	struct neuron_ioctl_context_create context_create;
	struct neuron_ioctl_context_bind context_bind;
	struct neuron_ioctl_cores cores;
	struct neuron_ioctl_queue_create queue_create;
	struct neuron_ioctl_submit submit;
	struct neuron_ioctl_wait wait;
	struct neuron_ioctl_destroy destroy;
};

static int neuron_ioctl_info(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_info *arg = &u->info;
	struct neuron_device *ndev = nf->ndev;
	u32 status;
	int ret;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	/* Freed memory counts at once, also if the last job that used it has just ended. */
	neuron_queue_reap_file(nf);
	ret = neuron_fw_status(ndev, &status);
	if (ret) {
		ret = ret == -ENODEV ? -ENODEV : -EIO;
		goto out_leave;
	}
	arg->abi_version = NEURON_ABI_VERSION;
	arg->device = ndev->index;
	arg->features = (ndev->compute ? NEURON_FEATURE_COMPUTE : 0) |
			(ndev->vector_count ? NEURON_FEATURE_MSIX : 0);
	arg->core_count = ndev->core_count;
	arg->queues_per_core = ndev->queues_per_core;
	arg->channel_count = NEURON_DRAM_CHANNELS;
	arg->channel_size = NEURON_DRAM_CHANNEL_SIZE;
	arg->mem_free = neuron_mem_free_bytes(ndev);
	arg->fw_version = ndev->fw_version;
	arg->fw_api = ndev->fw_api;
	arg->revision = ndev->pdev->revision;
	arg->cores_busy = neuron_cores_busy(ndev);
	arg->cores_owned = neuron_cores_owned(nf);
	arg->connected = status & (NEURON_FW_STATUS_EAST | NEURON_FW_STATUS_WEST);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

static int neuron_mem_create_check(const struct neuron_ioctl_mem_create *arg)
{
	if (arg->flags || arg->reserved || !arg->length)
		return -EINVAL;
	if (arg->align && (!is_power_of_2(arg->align) || arg->align < PAGE_SIZE))
		return -EINVAL;
	switch (arg->type) {
	case NEURON_MEM_DEVICE:
		if (arg->channel >= NEURON_DRAM_CHANNELS && arg->channel != NEURON_MEM_ANY_CHANNEL)
			return -EINVAL;
		return 0;
	case NEURON_MEM_HOST:
		return arg->align ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static int neuron_ioctl_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_mem_create *arg = &u->mem_create;
	struct neuron_mem *mem;
	int ret;

	ret = neuron_mem_create_check(arg);
	if (ret)
		return ret;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
	neuron_queue_reap_file(nf);
	if (arg->type == NEURON_MEM_DEVICE)
		mem = neuron_mem_create_device(nf->ndev, arg->length, arg->align, arg->channel);
	else
		mem = neuron_mem_create_host(nf->ndev, arg->length);
	if (IS_ERR(mem)) {
		ret = PTR_ERR(mem) == -ETIMEDOUT ? -EIO : PTR_ERR(mem);
		goto out_leave;
	}
	ret = neuron_object_publish(nf, &mem->obj, &arg->id);
	if (ret)
		neuron_mem_put(mem);
	else
		arg->mmap_offset = neuron_mem_mmap_offset(arg->id);
out_leave:
	neuron_file_leave(nf);
	return ret;
}

static void neuron_undo_mem_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->mem_create.id);
}

static struct neuron_mem *neuron_mem_lookup(struct neuron_file *nf, u32 id)
{
	struct neuron_object *obj = neuron_object_lookup(nf, id, NEURON_OBJECT_MEM);

	return obj ? to_neuron_mem(obj) : NULL;
}

static int neuron_copy_resolve(struct neuron_file *nf, const struct neuron_copy *copy,
			       struct neuron_copy_op *op)
{
	int ret;

	op->src = neuron_mem_lookup(nf, copy->src);
	op->dst = neuron_mem_lookup(nf, copy->dst);
	op->src_offset = copy->src_offset;
	op->dst_offset = copy->dst_offset;
	op->length = copy->length;
	if (!op->src || !op->dst)
		return -ENOENT;
	if (!op->length)
		return -EINVAL;
	ret = neuron_mem_check_range(op->src, op->src_offset, op->length);
	if (!ret)
		ret = neuron_mem_check_range(op->dst, op->dst_offset, op->length);
	if (ret)
		return ret;
	if (op->src == op->dst && op->src_offset < op->dst_offset + op->length &&
	    op->dst_offset < op->src_offset + op->length)
		return -EINVAL;
	return 0;
}

static int neuron_copy_run(struct neuron_file *nf, const struct neuron_copy *copies,
			   struct neuron_copy_op *ops, u32 count, u32 *done)
{
	int ret = 0;
	u32 i, n;

	for (n = 0; n < count && !ret; n++)
		ret = neuron_copy_resolve(nf, &copies[n], &ops[n]);
	if (!ret)
		ret = neuron_copy(nf->ndev, ops, count, done);
	for (i = 0; i < n; i++) {
		if (ops[i].src)
			neuron_mem_put(ops[i].src);
		if (ops[i].dst)
			neuron_mem_put(ops[i].dst);
	}
	return ret;
}

static int neuron_ioctl_copy(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_copy *arg = &u->copy;
	struct neuron_copy_op *ops;
	struct neuron_copy *copies;
	u32 done = 0;
	int ret;

	arg->done = 0;
	if (arg->flags || !arg->count || arg->count > NEURON_COPY_MAX)
		return -EINVAL;
	copies = kvmalloc_array(arg->count, sizeof(*copies) + sizeof(*ops), GFP_KERNEL_ACCOUNT);
	if (!copies)
		return -ENOMEM;
	ops = (void *)(copies + arg->count);
	ret = -EFAULT;
	if (copy_from_user(copies, u64_to_user_ptr(arg->copies), arg->count * sizeof(*copies)))
		goto out_free;
	ret = neuron_file_enter(nf);
	if (ret)
		goto out_free;
	ret = neuron_copy_run(nf, copies, ops, arg->count, &done);
	arg->done = done;
	neuron_file_leave(nf);
out_free:
	kvfree(copies);
	return ret;
}

static int neuron_ioctl_context_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
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

static void neuron_undo_context_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
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

static int neuron_ioctl_context_bind(struct neuron_file *nf, union neuron_ioctl_arg *u)
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

static int neuron_ioctl_cores_acquire(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	return neuron_ioctl_cores(nf, &u->cores, neuron_cores_acquire);
}

static int neuron_ioctl_cores_release(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	return neuron_ioctl_cores(nf, &u->cores, neuron_cores_release);
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

static int neuron_ioctl_queue_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
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

static void neuron_undo_queue_create(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	neuron_object_destroy(nf, u->queue_create.id);
}

static int neuron_submit_check(const struct neuron_submit *submit)
{
	unsigned int i;

	if (submit->reserved[0] || submit->reserved[1])
		return -EINVAL;
	switch (submit->op) {
	case NEURON_SUBMIT_NOP:
		if (submit->context || submit->code)
			return -EINVAL;
		for (i = 0; i < NEURON_STREAMS; i++)
			if (submit->stream[i].offset || submit->stream[i].count)
				return -EINVAL;
		return 0;
	case NEURON_SUBMIT_EXEC:
		if (submit->code >= NEURON_SEGMENTS - 1)
			return -EINVAL;
		for (i = 0; i < NEURON_STREAMS; i++)
			if (submit->stream[i].offset % NEURON_CODE_ALIGN)
				return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
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

		ret = neuron_submit_check(&jobs[i]);
		if (ret || jobs[i].op == NEURON_SUBMIT_NOP)
			continue;
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

static int neuron_ioctl_submit(struct neuron_file *nf, union neuron_ioctl_arg *u)
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

static int neuron_ioctl_wait(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	struct neuron_ioctl_wait *arg = &u->wait;
	struct neuron_queue *queue;
	int ret, error;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	ret = neuron_file_enter(nf);
	if (ret)
		return ret;
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

static int neuron_ioctl_destroy(struct neuron_file *nf, union neuron_ioctl_arg *u)
{
	int ret = neuron_file_enter(nf);

	if (ret)
		return ret;
	neuron_queue_reap_file(nf);
	ret = neuron_object_destroy(nf, u->destroy.id);
	neuron_file_leave(nf);
	return ret;
}

/**
 * struct neuron_ioctl - what the dispatcher has to know
 * @size: of the argument
 * @min_size: that the argument had when the ioctl was introduced
 * @run: checks and acts
 * @undo: takes back what was created when the caller cannot be told its id
 */
struct neuron_ioctl {
	unsigned int size;
	unsigned int min_size;
	int (*run)(struct neuron_file *nf, union neuron_ioctl_arg *arg);
	void (*undo)(struct neuron_file *nf, union neuron_ioctl_arg *arg);
};

#define NEURON_IOCTL_FIRST	_IOC_NR(NEURON_IOCTL_INFO)
#define NEURON_IOCTL(cmd, name, last, _run, _undo)					\
	[_IOC_NR(cmd) - NEURON_IOCTL_FIRST] = {						\
		.size = sizeof(struct neuron_ioctl_##name),				\
		.min_size = offsetofend(struct neuron_ioctl_##name, last),		\
		.run = (_run),								\
		.undo = (_undo),							\
	}

static const struct neuron_ioctl neuron_ioctls[] = {
	NEURON_IOCTL(NEURON_IOCTL_INFO, info, reserved, neuron_ioctl_info, NULL),
	NEURON_IOCTL(NEURON_IOCTL_MEM_CREATE, mem_create, mmap_offset, neuron_ioctl_mem_create,
		     neuron_undo_mem_create),
	NEURON_IOCTL(NEURON_IOCTL_COPY, copy, copies, neuron_ioctl_copy, NULL),
	NEURON_IOCTL(NEURON_IOCTL_CONTEXT_CREATE, context_create, id, neuron_ioctl_context_create,
		     neuron_undo_context_create),
	NEURON_IOCTL(NEURON_IOCTL_CONTEXT_BIND, context_bind, binds, neuron_ioctl_context_bind,
		     NULL),
	NEURON_IOCTL(NEURON_IOCTL_CORES_ACQUIRE, cores, reserved, neuron_ioctl_cores_acquire,
		     NULL),
	NEURON_IOCTL(NEURON_IOCTL_CORES_RELEASE, cores, reserved, neuron_ioctl_cores_release,
		     NULL),
	NEURON_IOCTL(NEURON_IOCTL_QUEUE_CREATE, queue_create, mmap_length,
		     neuron_ioctl_queue_create, neuron_undo_queue_create),
	NEURON_IOCTL(NEURON_IOCTL_SUBMIT, submit, seq, neuron_ioctl_submit, NULL),
	NEURON_IOCTL(NEURON_IOCTL_WAIT, wait, cycles, neuron_ioctl_wait, NULL),
	NEURON_IOCTL(NEURON_IOCTL_DESTROY, destroy, id, neuron_ioctl_destroy, NULL),
};

static const struct neuron_ioctl *neuron_ioctl_find(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	/* The size in the number is the caller's, and so is the one in the argument. */
	if (_IOC_TYPE(cmd) != NEURON_IOCTL_TYPE || _IOC_DIR(cmd) != (_IOC_READ | _IOC_WRITE) ||
	    nr < NEURON_IOCTL_FIRST || nr - NEURON_IOCTL_FIRST >= ARRAY_SIZE(neuron_ioctls))
		return NULL;
	return &neuron_ioctls[array_index_nospec(nr - NEURON_IOCTL_FIRST,
						 ARRAY_SIZE(neuron_ioctls))];
}

long neuron_file_ioctl(struct neuron_file *nf, unsigned int cmd, unsigned long user_arg)
{
	const struct neuron_ioctl *ioctl = neuron_ioctl_find(cmd);
	void __user *user = (void __user *)user_arg;
	union neuron_ioctl_arg arg = {};
	long ret, error;
	u32 size;

	if (neuron_file_error(nf))
		return neuron_file_error(nf);
	if (!ioctl)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < ioctl->min_size)
		return -EINVAL;
	/* No structure is ever larger; the zeros of one that is need not be counted. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, ioctl->size, user, size);
	if (ret)
		return ret;
	ret = ioctl->run(nf, &arg);
	/* Errors have outputs, too. */
	error = copy_to_user(user, &arg, min(size, ioctl->size)) ? -EFAULT : 0;
	if (error && !ret && ioctl->undo) {
		down_read(&nf->ndev->rwsem);
		ioctl->undo(nf, &arg);
		up_read(&nf->ndev->rwsem);
	}
	if (ret)
		dev_dbg(&nf->ndev->dev, "ioctl %#x: %ld\n", cmd, ret);
	return ret ? ret : error;
}
