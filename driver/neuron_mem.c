// SPDX-License-Identifier: GPL-2.0
/*
 * Memory objects: ranges of device DRAM from one allocator a channel, and host memory that
 * the chip can address. neuron_mmap.c maps them, neuron_user.c pins pages, neuron_dmabuf.c
 * shares with other drivers and devices.
 *
 * Locking: the allocator has its own; objects do not change after creation, but for revocation
 * (ndev->objects_lock). mem->uses is atomic: uses begin and end in any context, and whoever
 * takes memory back sets the sign and sleeps until the rest is 0.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_copy.h"
#include "neuron_dmabuf.h"
#include "neuron_file.h"
#include "neuron_mem.h"
#include "neuron_usage.h"
#include "neuron_user.h"

#define NEURON_CHUNK_MAX	SZ_4M

u64 neuron_mem_bytes(struct neuron_device *ndev, unsigned int kind)
{
	return atomic64_read(&ndev->usage.bytes[kind]);
}

static void neuron_mem_free_chunks(struct neuron_mem *mem)
{
	struct device *dev = &mem->obj.ndev->pdev->dev;
	u64 left = mem->length;
	u32 i;

	for (i = 0; i < mem->chunk_count; i++) {
		u64 size = min(left, mem->chunk_size);

		dma_free_pages(dev, size, mem->chunks[i].page, mem->chunks[i].dma,
			       DMA_BIDIRECTIONAL);
		left -= size;
	}
	kvfree(mem->chunks);
	mem->chunks = NULL;
	mem->chunk_count = 0;
}

static void neuron_mem_revoke(struct neuron_object *obj)
{
	struct neuron_mem *mem = to_neuron_mem(obj);

	switch (mem->type) {
	case NEURON_MEM_HOST:
		neuron_mem_free_chunks(mem);
		break;
	case NEURON_MEM_USER:
		/* Unpinned later: that takes the locks of pages. */
		if (mem->user)
			neuron_user_unmap(mem->user);
		break;
	case NEURON_MEM_DMABUF:
		neuron_dmabuf_detach(mem);
		break;
	default:
		if (mem->length)
			neuron_dram_give(&obj->ndev->dram, mem->channel, mem->address,
					 mem->length);
	}
	neuron_usage_uncharge(mem);
}

static void neuron_mem_drop(struct neuron_object *obj)
{
	struct neuron_mem *mem = to_neuron_mem(obj);

	/* Whoever puts the last reference holds locks that others need. */
	if (mem->user)
		neuron_user_give(mem->usage, mem->user);
	if (mem->import)
		neuron_dmabuf_put(mem);
	if (mem->usage)
		neuron_usage_put(mem->usage);
	kvfree(mem->runs);
}

static const struct neuron_object_ops neuron_mem_ops = {
	.type = NEURON_OBJECT_MEM,
	.revoke = neuron_mem_revoke,
	.drop = neuron_mem_drop,
};

struct neuron_mem *neuron_mem_alloc(struct neuron_device *ndev, u32 type)
{
	struct neuron_mem *mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);

	if (!mem)
		return NULL;
	mem->type = type;
	INIT_LIST_HEAD(&mem->exports);
	INIT_LIST_HEAD(&mem->import_node);
	neuron_object_init(&mem->obj, ndev, &neuron_mem_ops);
	return mem;
}

struct neuron_mem *neuron_mem_create_device(struct neuron_file *nf, u64 length, u64 align,
					    u32 channel)
{
	struct neuron_device *ndev = nf->ndev;
	struct neuron_mem *mem;
	u64 address;
	int ret;

	if (length > NEURON_MEM_MAX || align > NEURON_DRAM_CHANNEL_SIZE)
		return ERR_PTR(-ENOSPC);
	mem = neuron_mem_alloc(ndev, NEURON_MEM_DEVICE);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	length = PAGE_ALIGN(length);
	ret = neuron_dram_take(&ndev->dram, length, max_t(u64, align, PAGE_SIZE), &channel,
			       &address);
	if (!ret) {
		mem->channel = channel;
		mem->address = address;
		mem->length = length;
		ret = neuron_copy_zero(nf, mem);
	}
	if (ret) {
		neuron_mem_put(mem);
		return ERR_PTR(ret);
	}
	return mem;
}

/* All chunks of one size, or none. */
static int neuron_mem_fill(struct neuron_mem *mem, u64 length, u64 chunk_size)
{
	struct device *dev = &mem->obj.ndev->pdev->dev;
	u64 left = length;

	mem->chunks = kvcalloc(DIV_ROUND_UP(length, chunk_size), sizeof(*mem->chunks),
			       GFP_KERNEL_ACCOUNT);
	if (!mem->chunks)
		return -ENOMEM;
	mem->chunk_size = chunk_size;
	mem->length = length;
	while (left) {
		struct neuron_mem_chunk *chunk = &mem->chunks[mem->chunk_count];
		u64 size = min(left, chunk_size);

		/* Pages, not coherent memory: processes may map only these one by one. */
		chunk->page = dma_alloc_pages(dev, size, &chunk->dma, DMA_BIDIRECTIONAL,
					      GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_NORETRY);
		if (!chunk->page) {
			neuron_mem_free_chunks(mem);
			return -ENOMEM;
		}
		chunk->cpu = page_address(chunk->page);
		mem->chunk_count++;
		left -= size;
		cond_resched();
	}
	return 0;
}

struct neuron_mem *neuron_mem_create_host(struct neuron_device *ndev, u64 length)
{
	static const u32 sizes[] = { NEURON_CHUNK_MAX, SZ_256K, NEURON_HOST_CONTIGUOUS };
	struct neuron_mem *mem;
	unsigned int i;
	int ret;

	if (length > NEURON_MEM_MAX || length >> PAGE_SHIFT >= totalram_pages())
		return ERR_PTR(-ENOMEM);
	mem = neuron_mem_alloc(ndev, NEURON_MEM_HOST);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	length = PAGE_ALIGN(length);
	/* One run if there is one; those of the page allocator have a limit. */
	ret = neuron_mem_fill(mem, length, length);
	for (i = 0; ret && i < ARRAY_SIZE(sizes); i++)
		if (sizes[i] < length)
			ret = neuron_mem_fill(mem, length, sizes[i]);
	if (ret) {
		neuron_mem_put(mem);
		return ERR_PTR(ret);
	}
	return mem;
}

struct neuron_mem *neuron_mem_create_table(struct neuron_device *ndev, u64 length)
{
	struct neuron_mem *mem = neuron_mem_alloc(ndev, NEURON_MEM_HOST);
	int ret;

	if (!mem)
		return ERR_PTR(-ENOMEM);
	length = PAGE_ALIGN(length);
	ret = neuron_mem_fill(mem, length, length);
	if (ret) {
		neuron_mem_put(mem);
		return ERR_PTR(ret);
	}
	neuron_usage_charge(mem, NULL);
	return mem;
}

struct neuron_mem *neuron_mem_create_user(struct neuron_device *ndev, struct neuron_user *user,
					  u64 length, bool writable)
{
	struct neuron_mem *mem = neuron_mem_alloc(ndev, NEURON_MEM_USER);
	int ret;

	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->length = length;
	mem->nowrite = !writable;
	ret = neuron_user_map(user, mem);
	if (ret) {
		neuron_mem_put(mem);
		return ERR_PTR(ret);
	}
	mem->user = user;
	return mem;
}

/*
 * Whether the chip would be given a copy of the memory (swiotlb). What an IOMMU translates
 * is never one, unless the device is not trusted.
 */
static bool neuron_mem_bounced(struct pci_dev *pdev, struct sg_table *sgt)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);
	struct scatterlist *sg;
	unsigned int i;

	if (domain && domain->type != IOMMU_DOMAIN_IDENTITY)
		return pdev->untrusted;
	for_each_sgtable_dma_sg(sgt, sg, i)
		if (dma_need_sync(&pdev->dev, sg_dma_address(sg)))
			return true;
	return false;
}

int neuron_mem_set_runs(struct neuron_mem *mem, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;
	u64 offset = 0;

	if (neuron_mem_bounced(mem->obj.ndev->pdev, sgt))
		return -EOPNOTSUPP;
	mem->runs = kvmalloc_array(sgt->nents, sizeof(*mem->runs), GFP_KERNEL_ACCOUNT);
	if (!mem->runs)
		return -ENOMEM;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 address = sg_dma_address(sg);

		if (offset >= mem->length)
			break;
		/* The bits above say which space an address is in. */
		if (address >= NEURON_ADDR_HOST ||
		    sg_dma_len(sg) > NEURON_ADDR_HOST - address)
			return -EOPNOTSUPP;
		mem->run_count = neuron_runs_add(mem->runs, mem->run_count, offset,
						 NEURON_ADDR_HOST | address);
		offset += sg_dma_len(sg);
	}
	return offset < mem->length ? -EOPNOTSUPP : 0;
}

u64 neuron_mem_address(struct neuron_mem *mem, u64 offset, u64 *run)
{
	u64 index, inside, end;

	if (mem->runs) {
		index = neuron_runs_find(mem->runs, mem->run_count, offset);
		end = index + 1 < mem->run_count ? mem->runs[index + 1].offset : mem->length;
		*run = end - offset;
		return mem->runs[index].address + (offset - mem->runs[index].offset);
	}
	if (mem->type != NEURON_MEM_HOST) {
		*run = mem->length - offset;
		return mem->address + offset;
	}
	index = div64_u64_rem(offset, mem->chunk_size, &inside);
	*run = min(mem->chunk_size - inside, mem->length - offset);
	return NEURON_ADDR_HOST | (mem->chunks[index].dma + inside);
}

int neuron_mem_check_range(struct neuron_mem *mem, u64 offset, u64 length)
{
	return neuron_range_check(offset, length, mem->length);
}

int neuron_mem_bindable(struct neuron_mem *mem, u64 offset, u64 length, bool write)
{
	u64 run;
	int ret;

	ret = neuron_mem_check_range(mem, offset, length);
	if (ret)
		return ret;
	if (write && mem->nowrite)
		return -EACCES;
	if (mem->type == NEURON_MEM_DMABUF && !neuron_dmabuf_is_static(mem))
		return -EOPNOTSUPP;
	/* A segment has one base address. */
	neuron_mem_address(mem, offset, &run);
	return run < length ? -EOPNOTSUPP : 0;
}

/* Uses of imported memory count where it is: its own device waits for all of them. */
static atomic_t *neuron_mem_uses(struct neuron_mem *mem)
{
	return mem->source ? &mem->source->uses : &mem->uses;
}

int neuron_mem_use_begin(struct neuron_mem *mem)
{
	int ret;

	if (!atomic_inc_unless_negative(neuron_mem_uses(mem)))
		return -ESTALE;
	ret = neuron_link_check(&mem->route);
	if (ret)
		neuron_mem_use_end(mem);
	return ret;
}

void neuron_mem_use_end(struct neuron_mem *mem)
{
	atomic_t *uses = neuron_mem_uses(mem);

	/* Fully ordered: what the use did is done for whoever sees that it was the last. */
	if (atomic_dec_return(uses) == INT_MIN)
		wake_up_var(uses);
}

void neuron_mem_stop_use(struct neuron_mem *mem)
{
	/* The sign, below which uses count on. */
	atomic_or(INT_MIN, &mem->uses);
	wait_var_event(&mem->uses, atomic_read_acquire(&mem->uses) == INT_MIN);
}

bool neuron_mem_stale(struct neuron_mem *mem)
{
	return atomic_read(neuron_mem_uses(mem)) < 0;
}

/* One of the objects that are still in use, with a reference, after none can come into use. */
static struct neuron_mem *neuron_mem_in_use(struct neuron_device *ndev)
{
	struct neuron_mem *found = NULL;
	struct neuron_object *obj;

	mutex_lock(&ndev->objects_lock);
	list_for_each_entry(obj, &ndev->objects, node) {
		struct neuron_mem *mem = to_neuron_mem(obj);

		if (obj->ops->type != NEURON_OBJECT_MEM)
			continue;
		/* Each use has a reference, but for the moment after its end. */
		if (atomic_fetch_or(INT_MIN, &mem->uses) & INT_MAX &&
		    !found && kref_get_unless_zero(&obj->ref))
			found = mem;
	}
	mutex_unlock(&ndev->objects_lock);
	return found;
}

void neuron_mem_stop_use_all(struct neuron_device *ndev)
{
	struct neuron_mem *mem;

	/* Not with objects_lock held: other devices finish their copies, and drop references. */
	while ((mem = neuron_mem_in_use(ndev))) {
		neuron_mem_stop_use(mem);
		neuron_mem_put(mem);
	}
}

/* Pinned pages of an object that was revoked, which are the caller's then; or NULL. */
static struct neuron_user *neuron_mem_take_user(struct neuron_device *ndev)
{
	struct neuron_user *user = NULL;
	struct neuron_object *obj;

	mutex_lock(&ndev->objects_lock);
	list_for_each_entry(obj, &ndev->objects, node) {
		struct neuron_mem *mem = to_neuron_mem(obj);

		if (obj->ops->type != NEURON_OBJECT_MEM || !obj->revoked || !mem->user)
			continue;
		user = mem->user;
		mem->user = NULL;
		break;
	}
	mutex_unlock(&ndev->objects_lock);
	return user;
}

void neuron_mem_unpin_all(struct neuron_device *ndev)
{
	struct neuron_user *user;

	while ((user = neuron_mem_take_user(ndev)))
		neuron_user_release(user);
}

struct neuron_mem *neuron_mem_lookup(struct neuron_file *nf, u32 id)
{
	struct neuron_object *obj = neuron_object_lookup(nf, id, NEURON_OBJECT_MEM);

	return obj ? to_neuron_mem(obj) : NULL;
}
