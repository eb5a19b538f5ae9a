// SPDX-License-Identifier: GPL-2.0
/*
 * Memory objects: ranges of device DRAM from one allocator a channel, and host memory that
 * the chip can address. neuron_mmap.c maps them.
 *
 * Locking: genalloc has its own; objects do not change after creation, but for revocation
 * (ndev->objects_lock).
 */
#include <linux/dma-mapping.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/neuron.h>

#include "neuron.h"
#include "neuron_copy.h"
#include "neuron_mem.h"

/* genalloc means failure by 0, which is an address of DRAM. Aligned like a whole channel. */
#define NEURON_POOL_BASE	BIT_ULL(40)
#define NEURON_CHUNK_MAX	SZ_4M

static const u64 neuron_channel_address[NEURON_DRAM_CHANNELS] = {
	NEURON_ADDR_DRAM0, NEURON_ADDR_DRAM1,
};

int neuron_mem_init(struct neuron_device *ndev)
{
	unsigned int i;
	int ret;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++) {
		ndev->dram[i] = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
		if (!ndev->dram[i])
			return -ENOMEM;
		ret = gen_pool_add(ndev->dram[i], NEURON_POOL_BASE, NEURON_DRAM_CHANNEL_SIZE,
				   NUMA_NO_NODE);
		if (ret)
			return ret;
	}
	return 0;
}

void neuron_mem_fini(struct neuron_device *ndev)
{
	unsigned int i;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		if (ndev->dram[i])
			gen_pool_destroy(ndev->dram[i]);
}

u64 neuron_mem_free_bytes(struct neuron_device *ndev)
{
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		bytes += gen_pool_avail(ndev->dram[i]);
	return bytes;
}

static void neuron_mem_free_chunks(struct neuron_mem *mem)
{
	struct device *dev = &mem->obj.ndev->pdev->dev;
	u64 left = mem->length;
	u32 i;

	for (i = 0; i < mem->chunk_count; i++) {
		u64 size = min(left, mem->chunk_size);

		dma_free_coherent(dev, size, mem->chunks[i].cpu, mem->chunks[i].dma);
		left -= size;
	}
	kvfree(mem->chunks);
	mem->chunks = NULL;
	mem->chunk_count = 0;
}

static void neuron_mem_revoke(struct neuron_object *obj)
{
	struct neuron_mem *mem = to_neuron_mem(obj);

	if (mem->type == NEURON_MEM_HOST)
		neuron_mem_free_chunks(mem);
	else if (mem->length)
		gen_pool_free(obj->ndev->dram[mem->channel],
			      mem->address - neuron_channel_address[mem->channel] +
			      NEURON_POOL_BASE, mem->length);
}

static const struct neuron_object_ops neuron_mem_ops = {
	.type = NEURON_OBJECT_MEM,
	.revoke = neuron_mem_revoke,
};

static struct neuron_mem *neuron_mem_alloc(struct neuron_device *ndev, u32 type)
{
	struct neuron_mem *mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);

	if (!mem)
		return NULL;
	mem->type = type;
	neuron_object_init(&mem->obj, ndev, &neuron_mem_ops);
	return mem;
}

/* The channel with more room first, unless the caller names one. */
static int neuron_mem_take(struct neuron_device *ndev, struct neuron_mem *mem, u64 length,
			   u64 align, u32 channel)
{
	struct genpool_data_align data = { .align = align };
	unsigned long addr;
	unsigned int i, n;

	n = channel != NEURON_MEM_ANY_CHANNEL ? channel :
	    gen_pool_avail(ndev->dram[1]) > gen_pool_avail(ndev->dram[0]);
	for (i = 0; i < NEURON_DRAM_CHANNELS; i++, n ^= 1) {
		addr = gen_pool_alloc_algo(ndev->dram[n], length, gen_pool_first_fit_align, &data);
		if (addr) {
			mem->channel = n;
			mem->address = neuron_channel_address[n] + (addr - NEURON_POOL_BASE);
			mem->length = length;
			return 0;
		}
		if (channel != NEURON_MEM_ANY_CHANNEL)
			break;
	}
	return -ENOSPC;
}

struct neuron_mem *neuron_mem_create_device(struct neuron_device *ndev, u64 length, u64 align,
					    u32 channel)
{
	struct neuron_mem *mem;
	int ret;

	if (length > NEURON_MEM_MAX || align > NEURON_DRAM_CHANNEL_SIZE)
		return ERR_PTR(-ENOSPC);
	mem = neuron_mem_alloc(ndev, NEURON_MEM_DEVICE);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	ret = neuron_mem_take(ndev, mem, PAGE_ALIGN(length), max_t(u64, align, PAGE_SIZE), channel);
	if (!ret)
		ret = neuron_copy_zero(ndev, mem->address, mem->length);
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

		chunk->cpu = dma_alloc_coherent(dev, size, &chunk->dma,
						GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_NORETRY);
		if (!chunk->cpu) {
			neuron_mem_free_chunks(mem);
			return -ENOMEM;
		}
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
	/* An IOMMU makes one run of anything; without one, runs have a limit. */
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
	return mem;
}

u64 neuron_mem_address(struct neuron_mem *mem, u64 offset, u64 *run)
{
	u64 index, inside;

	if (mem->type == NEURON_MEM_DEVICE) {
		*run = mem->length - offset;
		return mem->address + offset;
	}
	index = div64_u64_rem(offset, mem->chunk_size, &inside);
	*run = min(mem->chunk_size - inside, mem->length - offset);
	return NEURON_ADDR_HOST | (mem->chunks[index].dma + inside);
}

int neuron_mem_check_range(struct neuron_mem *mem, u64 offset, u64 length)
{
	if (offset > mem->length || length > mem->length - offset)
		return -ERANGE;
	return 0;
}

struct neuron_mem *neuron_mem_lookup(struct neuron_file *nf, u32 id)
{
	struct neuron_object *obj = neuron_object_lookup(nf, id, NEURON_OBJECT_MEM);

	return obj ? to_neuron_mem(obj) : NULL;
}
