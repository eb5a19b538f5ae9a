// SPDX-License-Identifier: Apache-2.0
/* The client's memory. Its files are hostile: they may change and shrink at any time. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "vfu_dma.h"
#include "vfu_proto.h"

#define COPY_MAX	(1u << 20)

static _Thread_local sigjmp_buf *volatile guard;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;

	(void)info;
	if (guard) {
		/* Copies save no mask, for speed: what was blocked before is in the context. */
		pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(*guard, 1);
	}
	/* Not ours: die of it. */
	signal(sig, SIG_DFL);
	raise(sig);
}

int vfu_dma_catch_sigbus(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus,
				   .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

/*
 * Words that the host polls, such as completion markers and sequence numbers, must not
 * be torn, and must come after what was copied before them.
 */
static void copy(void *to, const void *from, size_t len)
{
	uintptr_t both = (uintptr_t)to | (uintptr_t)from;

	atomic_thread_fence(memory_order_acq_rel);
	if (len == 4 && !(both & 3))
		__atomic_store_n((uint32_t *)to, __atomic_load_n((const uint32_t *)from,
								 __ATOMIC_RELAXED),
				 __ATOMIC_RELEASE);
	else if (len == 8 && !(both & 7))
		__atomic_store_n((uint64_t *)to, __atomic_load_n((const uint64_t *)from,
								 __ATOMIC_RELAXED),
				 __ATOMIC_RELEASE);
	else
		memcpy(to, from, len);
	atomic_thread_fence(memory_order_acq_rel);
}

int vfu_dma_copy(void *to, const void *from, size_t len)
{
	sigjmp_buf env;

	if (sigsetjmp(env, 0)) {
		guard = NULL;
		return -EFAULT;
	}
	guard = &env;
	/* The handler runs on this thread: the compiler must keep the order, no more. */
	atomic_signal_fence(memory_order_seq_cst);
	copy(to, from, len);
	atomic_signal_fence(memory_order_seq_cst);
	guard = NULL;
	return 0;
}

int vfu_dma_init(struct vfu_dma *dma)
{
	pthread_rwlockattr_t attr;

	memset(dma, 0, sizeof(*dma));
	pthread_rwlockattr_init(&attr);
	/* Copies follow one another closely: an unmap must get its turn. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&dma->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return 0;
}

void vfu_dma_fini(struct vfu_dma *dma)
{
	vfu_dma_unmap_all(dma);
	free(dma->entry);
	pthread_rwlock_destroy(&dma->lock);
}

/* Index of the first entry that ends behind @address. */
static size_t lower_bound(const struct vfu_dma *dma, uint64_t address)
{
	size_t low = 0, high = dma->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (dma->entry[mid].address + (dma->entry[mid].size - 1) < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int map_file(struct vfu_dma_entry *e, uint64_t offset, int fd)
{
	int prot = (e->readable ? PROT_READ : 0) | (e->writable ? PROT_READ | PROT_WRITE : 0);
	struct stat st;
	void *memory;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || offset > (uint64_t)st.st_size ||
	    e->size > (uint64_t)st.st_size - offset)
		return -EINVAL;
	memory = mmap(NULL, e->size, prot, MAP_SHARED | MAP_NORESERVE, fd, offset);
	if (memory == MAP_FAILED)
		return -errno;
	e->memory = memory;
	return 0;
}

static int insert_locked(struct vfu_dma *dma, const struct vfu_dma_entry *e)
{
	size_t at = lower_bound(dma, e->address);

	if (at < dma->count && dma->entry[at].address <= e->address + (e->size - 1))
		return -EEXIST;
	if (dma->count == VFU_MAX_MAPS)
		return -ENOSPC;
	if (dma->count == dma->room) {
		size_t room = dma->room ? dma->room * 2 : 64;
		struct vfu_dma_entry *bigger = realloc(dma->entry, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		dma->entry = bigger;
		dma->room = room;
	}
	memmove(dma->entry + at + 1, dma->entry + at, (dma->count - at) * sizeof(*e));
	dma->entry[at] = *e;
	dma->count++;
	return 0;
}

int vfu_dma_map(struct vfu_dma *dma, uint64_t address, uint64_t size, uint64_t offset,
		uint32_t flags, int fd)
{
	struct vfu_dma_entry e = {
		.address = address,
		.size = size,
		.readable = flags & VFU_DMA_READABLE,
		.writable = flags & VFU_DMA_WRITABLE,
	};
	int err = 0;

	if (!size || address > UINT64_MAX - (size - 1) ||
	    flags & ~(VFU_DMA_READABLE | VFU_DMA_WRITABLE))
		return -EINVAL;
	if (fd >= 0 && (e.readable || e.writable))
		err = map_file(&e, offset, fd);
	if (err)
		return err;
	pthread_rwlock_wrlock(&dma->lock);
	err = insert_locked(dma, &e);
	pthread_rwlock_unlock(&dma->lock);
	if (err && e.memory)
		munmap(e.memory, e.size);
	return err;
}

int vfu_dma_unmap(struct vfu_dma *dma, uint64_t address, uint64_t size)
{
	uint64_t last = address + (size - 1);
	size_t from, to, i;
	int err = 0;

	if (!size || last < address)
		return -EINVAL;
	pthread_rwlock_wrlock(&dma->lock);
	from = lower_bound(dma, address);
	for (to = from; to < dma->count && dma->entry[to].address <= last; to++)
		if (dma->entry[to].address < address ||
		    dma->entry[to].address + (dma->entry[to].size - 1) > last)
			err = -EINVAL;
	if (from == to)
		err = -ENOENT;
	if (!err) {
		for (i = from; i < to; i++)
			if (dma->entry[i].memory)
				munmap(dma->entry[i].memory, dma->entry[i].size);
		memmove(dma->entry + from, dma->entry + to,
			(dma->count - to) * sizeof(dma->entry[0]));
		dma->count -= to - from;
	}
	pthread_rwlock_unlock(&dma->lock);
	return err;
}

void vfu_dma_unmap_all(struct vfu_dma *dma)
{
	size_t i;

	pthread_rwlock_wrlock(&dma->lock);
	for (i = 0; i < dma->count; i++)
		if (dma->entry[i].memory)
			munmap(dma->entry[i].memory, dma->entry[i].size);
	dma->count = 0;
	pthread_rwlock_unlock(&dma->lock);
}

/* One entry's share of an access, with the lock held: bytes done, or -errno. */
static ssize_t access_locked(struct vfu_dma *dma, uint64_t address, uint8_t *buf, size_t len,
			     bool write)
{
	size_t at = lower_bound(dma, address);
	struct vfu_dma_entry *e = &dma->entry[at];
	uint64_t off;
	int err;

	if (at == dma->count || address < e->address)
		return -EFAULT;
	if (!(write ? e->writable : e->readable))
		return -EPERM;
	if (!e->memory)
		return -ENXIO;
	off = address - e->address;
	if (len > e->size - off)
		len = e->size - off;
	if (len > COPY_MAX)
		len = COPY_MAX;
	err = write ? vfu_dma_copy(e->memory + off, buf, len) :
		vfu_dma_copy(buf, e->memory + off, len);
	return err ? err : (ssize_t)len;
}

static int access_all(struct vfu_dma *dma, uint64_t address, uint8_t *buf, size_t len, bool write)
{
	ssize_t done;

	while (len) {
		pthread_rwlock_rdlock(&dma->lock);
		done = access_locked(dma, address, buf, len, write);
		pthread_rwlock_unlock(&dma->lock);
		if (done < 0)
			return done;
		buf += done;
		address += done;
		len -= done;
	}
	return 0;
}

int vfu_dma_read(struct vfu_dma *dma, uint64_t address, void *buf, size_t len)
{
	return access_all(dma, address, buf, len, false);
}

int vfu_dma_write(struct vfu_dma *dma, uint64_t address, const void *buf, size_t len)
{
	return access_all(dma, address, (void *)buf, len, true);
}
