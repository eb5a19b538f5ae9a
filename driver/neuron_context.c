// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts: the directory and the segment tables, which say what memory a job may reach.
 * Only the driver writes them; the chip checks every access against them.
 *
 * Locking: context->lock for a table. An entry of the directory belongs to the context that
 * has its index.
 */
#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_file.h"
#include "neuron_mem.h"

#define NEURON_CONTEXTS		1024
/* One file must not take them from all others. */
#define NEURON_FILE_CONTEXTS	256
#define NEURON_DIRECTORY_BYTES	(NEURON_CONTEXTS * sizeof(struct neuron_context_entry))

int neuron_context_init(struct neuron_device *ndev)
{
	ndev->directory = dma_alloc_coherent(&ndev->pdev->dev, NEURON_DIRECTORY_BYTES,
					     &ndev->directory_dma, GFP_KERNEL);
	return ndev->directory ? 0 : -ENOMEM;
}

void neuron_context_fini(struct neuron_device *ndev)
{
	dma_free_coherent(&ndev->pdev->dev, NEURON_DIRECTORY_BYTES, ndev->directory,
			  ndev->directory_dma);
}

void neuron_context_start(struct neuron_device *ndev)
{
	neuron_ext_write(ndev, NEURON_EXT_CTXDIR_LO, lower_32_bits(ndev->directory_dma));
	neuron_ext_write(ndev, NEURON_EXT_CTXDIR_HI, upper_32_bits(ndev->directory_dma));
	neuron_ext_write(ndev, NEURON_EXT_CTXDIR_COUNT, NEURON_CONTEXTS);
}

u32 neuron_context_owner(struct neuron_device *ndev)
{
	u32 owner;

	/* Comes round after 2^32 opens, long after the cores forgot the first. */
	do {
		owner = atomic_inc_return(&ndev->next_owner);
	} while (!owner);
	return owner;
}

static void neuron_context_revoke(struct neuron_object *obj)
{
	struct neuron_context *context = to_neuron_context(obj);
	struct neuron_device *ndev = obj->ndev;

	/* No job of this context is in flight: each holds a reference. */
	memset(&ndev->directory[context->index], 0, sizeof(ndev->directory[0]));
	/* The entry must be unused before its index or its table is given to somebody else. */
	dma_wmb();
	ida_free(&ndev->contexts, context->index);
	atomic_dec(&context->usage->contexts);
}

static void neuron_context_drop(struct neuron_object *obj)
{
	struct neuron_context *context = to_neuron_context(obj);
	u32 i;

	for (i = 0; i < context->segments; i++)
		if (context->mems[i])
			neuron_mem_put(context->mems[i]);
	neuron_mem_put(context->table);
	neuron_usage_put(context->usage);
	kfree(context->mems);
	mutex_destroy(&context->lock);
}

static const struct neuron_object_ops neuron_context_ops = {
	.type = NEURON_OBJECT_CONTEXT,
	.revoke = neuron_context_revoke,
	.drop = neuron_context_drop,
};

/* A place in the directory; 0 or more. */
static int neuron_context_get_index(struct neuron_file *nf)
{
	int ret = -ENOSPC;

	if (atomic_inc_return(&nf->usage->contexts) <= NEURON_FILE_CONTEXTS)
		ret = ida_alloc_max(&nf->ndev->contexts, NEURON_CONTEXTS - 1, GFP_KERNEL);
	if (ret < 0)
		atomic_dec(&nf->usage->contexts);
	return ret;
}

struct neuron_context *neuron_context_create(struct neuron_file *nf, u32 segments)
{
	struct neuron_device *ndev = nf->ndev;
	struct neuron_context_entry *entry;
	struct neuron_context *context;
	int ret = -ENOMEM;

	context = kzalloc(sizeof(*context), GFP_KERNEL_ACCOUNT);
	if (!context)
		return ERR_PTR(-ENOMEM);
	context->mems = kcalloc(segments, sizeof(*context->mems), GFP_KERNEL_ACCOUNT);
	if (!context->mems)
		goto err_context;
	context->table = neuron_mem_create_table(ndev, segments * sizeof(struct neuron_segment));
	if (IS_ERR(context->table)) {
		ret = PTR_ERR(context->table);
		goto err_mems;
	}
	ret = neuron_context_get_index(nf);
	if (ret < 0)
		goto err_table;
	context->index = ret;
	neuron_usage_get(nf->usage);
	context->usage = nf->usage;
	context->segments = segments;
	mutex_init(&context->lock);

	entry = &ndev->directory[context->index];
	entry->table = context->table->chunks[0].dma;
	entry->owner = nf->owner;
	/* The chip takes an entry as used once segments is not 0: the rest has to be there. */
	dma_wmb();
	WRITE_ONCE(entry->segments, segments);
	neuron_object_init(&context->obj, ndev, &neuron_context_ops);
	return context;

err_table:
	neuron_mem_put(context->table);
err_mems:
	kfree(context->mems);
err_context:
	kfree(context);
	return ERR_PTR(ret);
}

static int neuron_context_check(struct neuron_context *context, const struct neuron_bind *bind,
				struct neuron_mem *mem)
{
	if (bind->segment >= context->segments)
		return -ERANGE;
	if (!mem)
		return 0;
	return neuron_mem_bindable(mem, bind->offset, bind->length,
				   bind->access & NEURON_ACCESS_WRITE);
}

static u32 neuron_context_flags(u32 access)
{
	return (access & NEURON_ACCESS_READ ? NEURON_SEG_READ : 0) |
	       (access & NEURON_ACCESS_WRITE ? NEURON_SEG_WRITE : 0) |
	       (access & NEURON_ACCESS_EXEC ? NEURON_SEG_EXEC : 0);
}

static void neuron_context_set(struct neuron_context *context, const struct neuron_bind *bind,
			       struct neuron_mem *mem)
{
	struct neuron_segment *table = context->table->chunks[0].cpu;
	struct neuron_mem *old = context->mems[bind->segment];
	struct neuron_segment segment = {};
	u64 run;

	if (mem) {
		segment.base = neuron_mem_address(mem, bind->offset, &run);
		segment.length = bind->length;
		segment.flags = neuron_context_flags(bind->access);
	}
	table[bind->segment] = segment;
	context->mems[bind->segment] = mem;
	if (old)
		neuron_mem_put(old);
}

int neuron_context_bind(struct neuron_context *context, const struct neuron_bind *binds,
			struct neuron_mem **mems, u32 count)
{
	int ret = 0;
	u32 i;

	mutex_lock(&context->lock);
	if (atomic_read(&context->jobs))
		ret = -EBUSY;
	for (i = 0; i < count && !ret; i++)
		ret = neuron_context_check(context, &binds[i], mems[i]);
	/* The doorbell of the next job orders these writes before the chip's reads. */
	for (i = 0; i < count && !ret; i++)
		neuron_context_set(context, &binds[i], mems[i]);
	mutex_unlock(&context->lock);
	return ret;
}
