// SPDX-License-Identifier: GPL-2.0
/*
 * Pinned pages of user space: pinned for as long as the object lives, charged to the mm
 * whose they were, whoever gives them back, and mapped for the chip.
 *
 * Locking: pinning faults pages in and unpinning waits for page locks: neither may hold a lock
 * of the driver but usage->unpin_lock, which is a file's own. mm->pinned_vm is atomic, the mm
 * structure is held by a reference of its own.
 */
#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_mem.h"
#include "neuron_usage.h"
#include "neuron_user.h"

/* Pages from one look at signals to the next. */
#define NEURON_PIN_BATCH	1024UL

/**
 * struct neuron_user - pinned pages
 * @mm: whose RLIMIT_MEMLOCK they count in
 * @dev: that @sgt is mapped for, or NULL
 * @pages: what is pinned
 * @count: of them
 * @charged: pages that @mm is charged for; all that are to be pinned
 * @offset: of the first byte in the first page
 * @length: bytes
 * @writable: the chip may write
 * @sgt: while @dev is set
 * @node: in neuron_usage.unpin, at the end
 */
struct neuron_user {
	struct mm_struct *mm;
	struct device *dev;
	struct page **pages;
	unsigned long count;
	unsigned long charged;
	unsigned int offset;
	u64 length;
	bool writable;
	struct sg_table sgt;
	struct llist_node node;
};

static enum dma_data_direction neuron_user_direction(struct neuron_user *user)
{
	return user->writable ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
}

/*
 * Memory that would have to be kept in step with a copy or a cache is refused. To say so
 * also allows what processes do: to have the same page in two objects.
 */
#define NEURON_USER_ATTRS	DMA_ATTR_SKIP_CPU_SYNC

static int neuron_user_charge(struct neuron_user *user, unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	s64 total = atomic64_add_return(pages, &current->mm->pinned_vm);

	if (total > limit && !capable(CAP_IPC_LOCK)) {
		atomic64_sub(pages, &current->mm->pinned_vm);
		return -ENOMEM;
	}
	user->mm = current->mm;
	user->charged = pages;
	/* The structure only: its pages may all go before ours do. */
	mmgrab(user->mm);
	return 0;
}

static int neuron_user_pin_pages(struct neuron_user *user, unsigned long start)
{
	unsigned int flags = FOLL_LONGTERM | (user->writable ? FOLL_WRITE : NEURON_FOLL_READONLY);
	unsigned long left;
	int ret;

	if (!user->writable && !neuron_user_readable(start, start + (user->charged << PAGE_SHIFT)))
		return -EFAULT;
	while (user->count < user->charged) {
		if (fatal_signal_pending(current))
			return -EINTR;
		left = user->charged - user->count;
		ret = pin_user_pages_fast(start + (user->count << PAGE_SHIFT),
					  min(left, NEURON_PIN_BATCH), flags,
					  user->pages + user->count);
		/* Other errors tell what kind of memory it is that cannot be pinned. */
		if (ret <= 0)
			return ret == -ENOMEM || ret == -EINTR || ret == -EAGAIN ? ret : -EFAULT;
		user->count += ret;
		cond_resched();
	}
	return 0;
}

struct neuron_user *neuron_user_pin(u64 address, u64 length, bool writable)
{
	unsigned long pages, start;
	struct neuron_user *user;
	int ret;

	if (length > NEURON_MEM_MAX || length >> PAGE_SHIFT >= totalram_pages())
		return ERR_PTR(-ENOMEM);
	address = untagged_addr(address);
	if (address + length < address || !access_ok(u64_to_user_ptr(address), length))
		return ERR_PTR(-EFAULT);
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return ERR_PTR(-ENOMEM);
	user->offset = offset_in_page(address);
	user->length = length;
	user->writable = writable;
	start = address & PAGE_MASK;
	pages = PAGE_ALIGN(user->offset + length) >> PAGE_SHIFT;
	ret = neuron_user_charge(user, pages);
	if (ret)
		goto err_release;
	user->pages = kvmalloc_array(pages, sizeof(*user->pages), GFP_KERNEL_ACCOUNT);
	ret = user->pages ? neuron_user_pin_pages(user, start) : -ENOMEM;
	if (ret)
		goto err_release;
	return user;

err_release:
	neuron_user_release(user);
	return ERR_PTR(ret);
}

void neuron_user_unmap(struct neuron_user *user)
{
	if (!user->dev)
		return;
	dma_unmap_sgtable(user->dev, &user->sgt, neuron_user_direction(user), NEURON_USER_ATTRS);
	sg_free_table(&user->sgt);
	user->dev = NULL;
}

int neuron_user_map(struct neuron_user *user, struct neuron_mem *mem)
{
	struct device *dev = &mem->obj.ndev->pdev->dev;
	size_t segment = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));
	int ret;

	ret = sg_alloc_table_from_pages_segment(&user->sgt, user->pages, user->count,
						user->offset, user->length,
						round_down(segment, PAGE_SIZE),
						GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	ret = dma_map_sgtable(dev, &user->sgt, neuron_user_direction(user), NEURON_USER_ATTRS);
	if (ret) {
		sg_free_table(&user->sgt);
		return ret == -EREMOTEIO ? -EOPNOTSUPP : -ENOMEM;
	}
	user->dev = dev;
	ret = neuron_mem_set_runs(mem, &user->sgt);
	/* Here, because the device may be gone when the pages are released. */
	if (ret)
		neuron_user_unmap(user);
	return ret;
}

static void neuron_user_unpin(struct neuron_user *user)
{
	unsigned long done, n;

	for (done = 0; done < user->count; done += n) {
		n = min(user->count - done, NEURON_PIN_BATCH);
		/* Which of them the chip wrote is not known. */
		unpin_user_pages_dirty_lock(user->pages + done, n, user->writable);
		cond_resched();
	}
}

void neuron_user_release(struct neuron_user *user)
{
	neuron_user_unmap(user);
	neuron_user_unpin(user);
	if (user->mm) {
		atomic64_sub(user->charged, &user->mm->pinned_vm);
		mmdrop(user->mm);
	}
	kvfree(user->pages);
	kfree(user);
}

void neuron_user_give(struct neuron_usage *usage, struct neuron_user *user)
{
	atomic_inc(&usage->unpinning);
	llist_add(&user->node, &usage->unpin);
}

void neuron_user_unpin_all(struct neuron_usage *usage)
{
	struct neuron_user *user, *next;

	if (!atomic_read(&usage->unpinning))
		return;
	mutex_lock(&usage->unpin_lock);
	llist_for_each_entry_safe(user, next, llist_del_all(&usage->unpin), node) {
		neuron_user_release(user);
		atomic_dec(&usage->unpinning);
	}
	mutex_unlock(&usage->unpin_lock);
}
