/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file with an object of each kind, and for each ioctl an argument that works with them: what
 * tests spoil, word by word.
 */
#ifndef KSELFTEST_MEANS_H
#define KSELFTEST_MEANS_H

#include "util.h"

#define MEANS_BYTES	0x10000		/* of each memory object but the pinned one */

union argument {
	uint32_t size;
	struct neuron_ioctl_info info;
	struct neuron_ioctl_mem_create mem_create;
	struct neuron_ioctl_mem_export mem_export;
	struct neuron_ioctl_copy copy;
	struct neuron_ioctl_ring_create ring_create;
	struct neuron_ioctl_ring_submit ring_submit;
	struct neuron_ioctl_context_create context_create;
	struct neuron_ioctl_context_bind context_bind;
	struct neuron_ioctl_cores cores;
	struct neuron_ioctl_group_acquire group_acquire;
	struct neuron_ioctl_queue_create queue_create;
	struct neuron_ioctl_submit submit;
	struct neuron_ioctl_cancel cancel;
	struct neuron_ioctl_wait wait;
	struct neuron_ioctl_destroy destroy;
	uint64_t words[512];
	uint8_t bytes[4096];
};

/* One element of the array that the argument points to. */
union element {
	struct neuron_copy copy;
	struct neuron_dma_op op;
	struct neuron_bind bind;
	struct neuron_submit job;
	struct neuron_group_member member;
	uint64_t words[8];
};

/* A file of objects that may be lost. @rig: another file, or NULL. */
struct means {
	const struct rig *rig;
	int fd, event;
	struct neuron_ioctl_mem_create device, host, user;
	uint32_t context, ring;
	struct neuron_ioctl_queue_create queue;
	uint64_t seq, ring_seq;
	uint8_t *buffer;
	int dmabuf;
};

/* Each kind, also for tables of tests. */
#define EACH_KIND(V) \
	V(INFO) V(MEM_DEVICE) V(MEM_HOST) V(MEM_USER) V(MEM_DMABUF) \
	V(MEM_EXPORT) V(COPY) V(RING_CREATE) V(RING_COPY) V(RING_FILL) \
	V(CONTEXT_CREATE) V(CONTEXT_BIND) V(ACQUIRE) V(RELEASE) V(GROUP_ACQUIRE) \
	V(QUEUE_CREATE) V(SUBMIT_NOP) V(SUBMIT_EXEC) V(CANCEL) V(WAIT) \
	V(DESTROY)

#define KIND(name) name,
enum kind {
	EACH_KIND(KIND)
	KINDS
};
#undef KIND

/*
 * min: size that the argument had when the ioctl was introduced; flags: offset of the field, 0 where there is none;
 * known: flags that mean something; element: size of one of the array that the argument points to.
 */
static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t size, min, flags, known, element;
} kinds[KINDS] = {
#define KIND(ioctl, type, last, ...)						\
	{ "NEURON_IOCTL_" #ioctl, NEURON_IOCTL_##ioctl, sizeof(struct neuron_ioctl_##type),	\
	  offsetof(struct neuron_ioctl_##type, last) +				\
	  sizeof(((struct neuron_ioctl_##type *)0)->last), ## __VA_ARGS__ }
#define FLAGS(type) .flags = offsetof(struct neuron_ioctl_##type, flags)
#define ELEMENT(type) .element = sizeof(struct neuron_##type)
	[INFO] = KIND(INFO, info, reserved, FLAGS(info)),
	[MEM_DEVICE] = KIND(MEM_CREATE, mem_create, mmap_offset, FLAGS(mem_create)),
	[MEM_HOST] = KIND(MEM_CREATE, mem_create, mmap_offset, FLAGS(mem_create)),
	[MEM_USER] = KIND(MEM_CREATE, mem_create, mmap_offset, FLAGS(mem_create), .known = NEURON_MEM_READONLY),
	[MEM_DMABUF] = KIND(MEM_CREATE, mem_create, mmap_offset, FLAGS(mem_create), .known = NEURON_MEM_READONLY),
	[MEM_EXPORT] = KIND(MEM_EXPORT, mem_export, fd, FLAGS(mem_export)),
	[COPY] = KIND(COPY, copy, copies, FLAGS(copy), ELEMENT(copy)),
	[RING_CREATE] = KIND(RING_CREATE, ring_create, reserved, FLAGS(ring_create)),
	[RING_COPY] = KIND(RING_SUBMIT, ring_submit, seq, FLAGS(ring_submit), ELEMENT(dma_op)),
	[RING_FILL] = KIND(RING_SUBMIT, ring_submit, seq, FLAGS(ring_submit), ELEMENT(dma_op)),
	[CONTEXT_CREATE] = KIND(CONTEXT_CREATE, context_create, id, FLAGS(context_create)),
	[CONTEXT_BIND] = KIND(CONTEXT_BIND, context_bind, binds, FLAGS(context_bind), ELEMENT(bind)),
	[ACQUIRE] = KIND(CORES_ACQUIRE, cores, reserved, FLAGS(cores)),
	[RELEASE] = KIND(CORES_RELEASE, cores, reserved, FLAGS(cores)),
	[GROUP_ACQUIRE] = KIND(GROUP_ACQUIRE, group_acquire, members, FLAGS(group_acquire), ELEMENT(group_member)),
	[QUEUE_CREATE] = KIND(QUEUE_CREATE, queue_create, mmap_length, FLAGS(queue_create)),
	[SUBMIT_NOP] = KIND(SUBMIT, submit, seq, FLAGS(submit), ELEMENT(submit)),
	[SUBMIT_EXEC] = KIND(SUBMIT, submit, seq, FLAGS(submit), ELEMENT(submit)),
	[CANCEL] = KIND(CANCEL, cancel, seq, FLAGS(cancel), .known = NEURON_CANCEL_ALL),
	[WAIT] = KIND(WAIT, wait, cycles, FLAGS(wait)),
	[DESTROY] = KIND(DESTROY, destroy, id),
#undef KIND
#undef FLAGS
#undef ELEMENT
};

static inline int means_queue(struct means *m)
{
	struct neuron_ioctl_wait w;
	int ret = cores_acquire(m->fd, 2);

	ret = ret ? ret : queue_create(m->fd, 1, 16, -1, &m->queue);
	ret = ret ? ret : context_create(m->fd, 4, &m->context);
	ret = ret ? ret : bind_one(m->fd, m->context, 0, m->device.id, 0, 4096, NEURON_ACCESS_EXEC);
	ret = ret ? ret : submit_nop(m->fd, m->queue.id, &m->seq);
	return ret ? ret : wait_job(m->fd, m->queue.id, m->seq, 10 * SECOND, &w);
}

static inline int means_ring(struct means *m)
{
	struct neuron_ioctl_ring_create ring = { .size = sizeof(ring), .entries = 16, .eventfd = -1 };
	int ret = call(m->fd, NEURON_IOCTL_RING_CREATE, &ring);

	m->ring = ring.id;
	return ret;
}

static inline int means_open(struct means *m, const struct rig *rig)
{
	struct neuron_ioctl_mem_export export = { .size = sizeof(export) };
	int ret;

	m->rig = rig;
	m->event = eventfd(0, EFD_CLOEXEC);
	m->buffer = mmap(NULL, MEANS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m->fd = open_device();
	if (m->fd < 0)
		return m->fd;
	m->user = (struct neuron_ioctl_mem_create) {
		.size = sizeof(m->user),
		.type = NEURON_MEM_USER,
		.length = 0x2000,
		.address = (uintptr_t)m->buffer,
	};
	ret = mem_create(m->fd, NEURON_MEM_DEVICE, MEANS_BYTES, &m->device);
	ret = ret ? ret : mem_create(m->fd, NEURON_MEM_HOST, MEANS_BYTES, &m->host);
	ret = ret ? ret : call(m->fd, NEURON_IOCTL_MEM_CREATE, &m->user);
	export.id = m->device.id;
	ret = ret ? ret : call(m->fd, NEURON_IOCTL_MEM_EXPORT, &export);
	m->dmabuf = export.fd;
	ret = ret ? ret : means_ring(m);
	return ret ? ret : means_queue(m);
}

static inline void means_close(struct means *m)
{
	close(m->dmabuf);
	close(m->fd);
	close(m->event);
	munmap(m->buffer, MEANS_BYTES);
}

/* --- valid arguments --- */

static inline void base_mem(enum kind kind, const struct means *m, struct neuron_ioctl_mem_create *a)
{
	a->length = kind == MEM_DMABUF ? 0 : 0x2000;
	a->type = NEURON_MEM_DEVICE + (kind - MEM_DEVICE);
	if (kind == MEM_USER)
		a->address = (uintptr_t)m->buffer + 0x4000;
	if (kind == MEM_DMABUF)
		a->fd = m->dmabuf;
}

static inline void base_job(enum kind kind, const struct means *m, struct neuron_submit *job)
{
	job->op = kind == SUBMIT_NOP ? NEURON_SUBMIT_NOP : NEURON_SUBMIT_EXEC;
	if (kind == SUBMIT_NOP)
		return;
	job->context = m->context;
	job->timeout_ms = 50;
	job->stream[NEURON_DMA].count = 1;
}

static inline void base_dma(enum kind kind, const struct means *m, union element *e)
{
	if (kind == COPY) {
		e->copy = (struct neuron_copy) { .src = m->host.id, .dst = m->device.id, .length = 0x1000 };
	} else {
		e->op = (struct neuron_dma_op) { .op = NEURON_DMA_COPY, .src = m->host.id, .dst = m->device.id,
						 .length = 0x1000 };
		if (kind == RING_FILL) {
			e->op.op = NEURON_DMA_FILL;
			e->op.src = 0;
			e->op.pattern = 0x11223344;
		}
	}
}

static inline void base_argument(enum kind kind, const struct means *m, union argument *a, union element *e)
{
	memset(a, 0, kinds[kind].size);
	memset(e, 0, sizeof(*e));
	a->size = kinds[kind].size;
	switch (kind) {
	case MEM_DEVICE: case MEM_HOST: case MEM_USER: case MEM_DMABUF:
		base_mem(kind, m, &a->mem_create);
		break;
	case MEM_EXPORT:
		a->mem_export.id = m->device.id;
		break;
	case COPY:
		a->copy.count = 1;
		a->copy.copies = (uintptr_t)e;
		base_dma(kind, m, e);
		break;
	case RING_CREATE:
		a->ring_create.entries = 4;
		a->ring_create.eventfd = m->event;
		break;
	case RING_COPY: case RING_FILL:
		a->ring_submit.ring = m->ring;
		a->ring_submit.count = 1;
		a->ring_submit.ops = (uintptr_t)e;
		base_dma(kind, m, e);
		break;
	case CONTEXT_CREATE:
		a->context_create.segments = 4;
		break;
	case CONTEXT_BIND:
		a->context_bind.context = m->context;
		a->context_bind.count = 1;
		a->context_bind.binds = (uintptr_t)e;
		e->bind = (struct neuron_bind) { .segment = 1, .mem = m->host.id, .offset = 4096, .length = 4096,
						 .access = NEURON_ACCESS_READ };
		break;
	case ACQUIRE: case RELEASE:
		a->cores.mask = 4;
		break;
	case GROUP_ACQUIRE:
		a->group_acquire.count = 1;
		a->group_acquire.members = (uintptr_t)e;
		e->member = (struct neuron_group_member) { .fd = m->fd, .mask = 4 };
		break;
	case QUEUE_CREATE:
		a->queue_create.core = 1;
		a->queue_create.entries = 4;
		a->queue_create.eventfd = m->event;
		break;
	case SUBMIT_NOP: case SUBMIT_EXEC:
		a->submit.queue = m->queue.id;
		a->submit.count = 1;
		a->submit.jobs = (uintptr_t)e;
		base_job(kind, m, &e->job);
		break;
	case CANCEL:
		a->cancel.queue = m->queue.id;
		a->cancel.seq = m->seq;
		break;
	case WAIT:
		a->wait.queue = m->queue.id;
		a->wait.seq = m->seq;
		break;
	case DESTROY:
		a->destroy.id = 0xabcdef;
		break;
	default:
		break;
	}
}

#endif
