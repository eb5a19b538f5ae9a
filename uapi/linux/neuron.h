/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/neuronN: one Inferentia chip.
 *
 * An open file owns objects - memory, contexts, queues, rings - named by ids that mean nothing
 * in another file. An object stays alive while something uses it (a mapping, a context's
 * segment, a job in flight), also after NEURON_IOCTL_DESTROY. Closing the file ends its
 * jobs and releases everything, its NeuronCores included.
 *
 * poll() reports EPOLLIN when a queue has finished a job, or a ring a batch, that
 * NEURON_IOCTL_WAIT has not told about, and EPOLLERR | EPOLLHUP when ioctls fail with
 * -ENODEV or -EIO. Mappings of memory that was taken away (device gone or reset) raise
 * SIGBUS. mmap() must be MAP_SHARED; it fails with -EINVAL if the range is not inside one
 * object.
 *
 * Every argument starts with the size of the structure that the caller knows. A larger
 * one is accepted when what the kernel does not know is 0; a smaller one is accepted down
 * to the size that the ioctl had when it was introduced. Errors that all ioctls share:
 *
 *  -EFAULT	an address of the caller is not accessible
 *  -EINVAL	size too small, unknown flag, reserved field not 0, value out of range
 *  -E2BIG	size larger than the kernel's and the tail is not 0, or larger than a page
 *  -ENODEV	the device is gone (unplugged, unbound)
 *  -EIO	the device is there, but broken: it has to be reset; or it was reset since
 *		the file was opened, which took the file's objects away: open it again
 *  -ENOTTY	no such ioctl
 *  -EOPNOTSUPP	the device has no NeuronCore queues (silicon without our firmware)
 *  -ENOENT	no object of that id and kind
 *  -ENOMEM	out of kernel memory
 *  -EINTR	a signal ended a wait; nothing was lost, call again
 */
#ifndef _UAPI_LINUX_NEURON_H
#define _UAPI_LINUX_NEURON_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#define NEURON_IOCTL_TYPE	'N'
#define NEURON_ABI_VERSION	1

/**
 * struct neuron_ioctl_info - NEURON_IOCTL_INFO: what this device is
 * @size: sizeof(struct neuron_ioctl_info)
 * @flags: must be 0
 * @abi_version: out: NEURON_ABI_VERSION; changes only when what was there changes its meaning:
 *	additions show as @features, larger structures and new ioctls
 * @device: out: N of /dev/neuronN
 * @features: out: NEURON_FEATURE_*
 * @core_count: out: NeuronCores
 * @queues_per_core: out: NeuronCore queues a core; 0 without NEURON_FEATURE_COMPUTE
 * @channel_count: out: DRAM channels
 * @channel_size: out: bytes of DRAM a channel
 * @mem_free: out: bytes of device memory that are free, over all channels
 * @fw_version: out: major << 16 | minor << 8 | patch; 0 = unknown
 * @fw_api: out: major << 16 | minor
 * @revision: out: PCI revision; 0xff marks an emulated chip
 * @cores_busy: out: bitmap of NeuronCores that some file owns
 * @cores_owned: out: bitmap of NeuronCores that this file owns
 * @connected: out: bit 0 / 1: link to the east / west neighbour is up
 * @reserved: must be 0
 * @mem_largest: out: bytes of the largest free range, per channel
 * @temperature: out: 1/1000 degree Celsius; 0 = unknown
 * @resets: out: times that the driver has reset the device to recover it
 */
struct neuron_ioctl_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 device;
	__u64 features;
	__u32 core_count;
	__u32 queues_per_core;
	__u32 channel_count;
	__u32 revision;
	__aligned_u64 channel_size;
	__aligned_u64 mem_free;
	__u32 fw_version;
	__u32 fw_api;
	__u32 cores_busy;
	__u32 cores_owned;
	__u32 connected;
	__u32 reserved;
	__aligned_u64 mem_largest[2];
	__s32 temperature;
	__u32 resets;
};

#define NEURON_FEATURE_COMPUTE	_BITULL(0)	/* NeuronCore queues */
#define NEURON_FEATURE_MSIX	_BITULL(1)	/* waits sleep on interrupts; else polled */
#define NEURON_FEATURE_CANCEL	_BITULL(2)	/* NEURON_IOCTL_CANCEL */
#define NEURON_FEATURE_USERPTR	_BITULL(3)	/* NEURON_MEM_USER */
#define NEURON_FEATURE_DMABUF	_BITULL(4)	/* NEURON_MEM_DMABUF, NEURON_IOCTL_MEM_EXPORT */
#define NEURON_FEATURE_TRACE	_BITULL(5)	/* NEURON_SUBMIT_TRACE */

/**
 * struct neuron_ioctl_mem_create - NEURON_IOCTL_MEM_CREATE: a memory object
 * @size: sizeof(struct neuron_ioctl_mem_create)
 * @type: NEURON_MEM_*
 * @channel: DRAM channel of device memory, or NEURON_MEM_ANY_CHANNEL: the one with the
 *	larger free range
 * @flags: NEURON_MEM_READONLY, of NEURON_MEM_USER and NEURON_MEM_DMABUF; else 0
 * @length: bytes, > 0; rounded up to pages, but for NEURON_MEM_USER. NEURON_MEM_DMABUF: 0
 *	or not more than the buffer has; out: what it is
 * @align: of device memory: 0 or a power of two >= the page size
 * @id: out: the object
 * @reserved: must be 0
 * @mmap_offset: out: for mmap() of the device file; 0 if that object cannot be mapped so
 * @address: NEURON_MEM_USER: address of the caller's memory, of any alignment; else 0
 * @fd: NEURON_MEM_DMABUF: the dma-buf; else 0
 * @reserved2: must be 0
 *
 * NEURON_MEM_DEVICE and NEURON_MEM_HOST read as zeros; device memory is mapped write-combined.
 *
 * NEURON_MEM_USER pins the caller's pages for as long as the object lives, and charges
 * them to RLIMIT_MEMLOCK (CAP_IPC_LOCK lifts the limit). NEURON_MEM_DMABUF imports another
 * driver's buffer, or device memory of a neighbour chip (NEURON_IOCTL_MEM_EXPORT of its
 * file): copies then use the link between the chips. When an exporter takes its buffer
 * back, copies of it fail with -ESTALE. CONTEXT_BIND takes objects of these two types only
 * if they are one run of host memory for the chip that nobody can take back.
 *
 *  -ENOSPC	no free range of that length and alignment in the channel(s)
 *  -ENOMEM	no host memory of that length that the chip can address; RLIMIT_MEMLOCK
 *  -EFAULT	also: NEURON_MEM_USER: not all of it is mapped, or not writable and not
 *		NEURON_MEM_READONLY, or memory that cannot be pinned (device memory)
 *  -EBADF	@fd is not a dma-buf
 *  -EACCES	the dma-buf is open for reading only, and not NEURON_MEM_READONLY
 *  -ESTALE	the dma-buf is memory of a chip that has gone, was reset, or is being reset
 *  -EXDEV	the dma-buf is memory of a chip that is not a neighbour, or the link is down
 *  -EOPNOTSUPP	also: no such type in this kernel; the exporter shares with no device like this;
 *		pages that the chip can only reach through a bounce buffer
 */
struct neuron_ioctl_mem_create {
	__u32 size;
	__u32 type;
	__u32 channel;
	__u32 flags;
	__aligned_u64 length;
	__aligned_u64 align;
	__u32 id;
	__u32 reserved;
	__aligned_u64 mmap_offset;
	__aligned_u64 address;
	__s32 fd;
	__u32 reserved2;
};

#define NEURON_MEM_DEVICE	1
#define NEURON_MEM_HOST		2
#define NEURON_MEM_USER		3
#define NEURON_MEM_DMABUF	4
#define NEURON_MEM_ANY_CHANNEL	0xffffffffU
#define NEURON_HOST_CONTIGUOUS	0x10000
#define NEURON_MEM_READONLY	0x1	/* the chip will not write: copies to it are -EACCES */

/**
 * struct neuron_ioctl_mem_export - NEURON_IOCTL_MEM_EXPORT: device memory as a dma-buf
 * @size: sizeof(struct neuron_ioctl_mem_export)
 * @flags: must be 0
 * @id: object of type NEURON_MEM_DEVICE
 * @fd: out: a dma-buf, close-on-exec
 *
 * The buffer keeps the memory until all its users have closed it. Devices that can follow
 * a move (dynamic importers) may attach; mmap() of the dma-buf works as of the object. When the
 * device goes or is reset, the buffer is revoked: importers are told, mappings raise SIGBUS.
 *
 *  -EOPNOTSUPP	also: not device memory, or no dma-buf in this kernel
 *  -EMFILE	the caller has no descriptor left
 */
struct neuron_ioctl_mem_export {
	__u32 size;
	__u32 flags;
	__u32 id;
	__s32 fd;
};

/**
 * struct neuron_copy - one copy of NEURON_IOCTL_COPY
 * @src: memory object
 * @dst: memory object; may be @src if the ranges do not overlap
 * @src_offset: bytes into @src
 * @dst_offset: bytes into @dst
 * @length: bytes, > 0
 */
struct neuron_copy {
	__u32 src;
	__u32 dst;
	__aligned_u64 src_offset;
	__aligned_u64 dst_offset;
	__aligned_u64 length;
};

/**
 * struct neuron_ioctl_copy - NEURON_IOCTL_COPY: a batch of DMA copies
 * @size: sizeof(struct neuron_ioctl_copy)
 * @flags: must be 0
 * @count: number of copies, 1 .. NEURON_COPY_MAX
 * @done: out: copies that were completed, also on error
 * @copies: address of an array of struct neuron_copy
 *
 * Returns when all copies are done. They are carried out in order.
 *
 *  -ERANGE	an offset or a length reaches over the end of an object; nothing was copied
 *  -EACCES	a destination is NEURON_MEM_READONLY; nothing was copied
 *  -ESTALE	the exporter of an imported dma-buf took it back, or is no neighbour any more
 *  -EBADMSG	uncorrectable error in memory that a copy reads; copies before it are done
 *  -EREMOTEIO	the chip reached no memory at an address, or the link to imported memory is
 *		down; copies before that one are done
 *  -ETIMEDOUT	the DMA engine did not complete
 */
struct neuron_ioctl_copy {
	__u32 size;
	__u32 flags;
	__u32 count;
	__u32 done;
	__aligned_u64 copies;
};

#define NEURON_COPY_MAX		1024

/**
 * struct neuron_ioctl_ring_create - NEURON_IOCTL_RING_CREATE: a ring of asynchronous copies
 * @size: sizeof(struct neuron_ioctl_ring_create)
 * @flags: must be 0
 * @entries: batches in flight at most: a power of two, 2 .. 1024
 * @eventfd: signalled when a batch ends, or -1
 * @id: out: the object
 * @reserved: must be 0
 *
 * The batches of one ring are carried out in order, different rings side by side. The
 * device's DMA engines are shared fairly between open files.
 *
 *  -EBADF	@eventfd is not an eventfd
 */
struct neuron_ioctl_ring_create {
	__u32 size;
	__u32 flags;
	__u32 entries;
	__s32 eventfd;
	__u32 id;
	__u32 reserved;
};

/**
 * struct neuron_dma_op - one operation of NEURON_IOCTL_RING_SUBMIT
 * @op: NEURON_DMA_COPY or NEURON_DMA_FILL
 * @pattern: NEURON_DMA_FILL: word that fills the destination; else 0
 * @src: memory object; NEURON_DMA_FILL: 0
 * @dst: memory object; may be @src if the ranges do not overlap
 * @src_offset: bytes into @src; NEURON_DMA_FILL: 0
 * @dst_offset: bytes into @dst; NEURON_DMA_FILL: a multiple of 4
 * @length: bytes, > 0; NEURON_DMA_FILL: a multiple of 4
 */
struct neuron_dma_op {
	__u32 op;
	__u32 pattern;
	__u32 src;
	__u32 dst;
	__aligned_u64 src_offset;
	__aligned_u64 dst_offset;
	__aligned_u64 length;
};

#define NEURON_DMA_COPY		1
#define NEURON_DMA_FILL		2

/**
 * struct neuron_ioctl_ring_submit - NEURON_IOCTL_RING_SUBMIT: start a batch
 * @size: sizeof(struct neuron_ioctl_ring_submit)
 * @flags: must be 0
 * @ring: object
 * @count: operations, 1 .. NEURON_COPY_MAX; all or nothing
 * @ops: address of an array of struct neuron_dma_op
 * @seq: out: sequence number of the batch; a ring counts 1, 2, 3, ...
 *
 * Returns at once. NEURON_IOCTL_WAIT with the ring's id waits: its status is
 * NEURON_JOB_OK, NEURON_JOB_BUS (the chip reached no memory there), NEURON_JOB_ECC (an
 * uncorrectable error in what was to be read), NEURON_JOB_TIMEOUT or
 * NEURON_JOB_ABORTED (ring destroyed, buffer taken back by its exporter), its detail the
 * index of the operation that failed; later ones of that batch were not started.
 *
 *  -ERANGE	an offset or a length reaches over the end of an object
 *  -EACCES	a destination is NEURON_MEM_READONLY
 *  -EAGAIN	all entries are in flight: wait for a batch
 */
struct neuron_ioctl_ring_submit {
	__u32 size;
	__u32 flags;
	__u32 ring;
	__u32 count;
	__aligned_u64 ops;
	__aligned_u64 seq;
};

/**
 * struct neuron_ioctl_context_create - NEURON_IOCTL_CONTEXT_CREATE
 * @size: sizeof(struct neuron_ioctl_context_create)
 * @flags: must be 0
 * @segments: entries of the segment table, 1 .. 255
 * @id: out: the object
 *
 *  -ENOSPC	the file has 256 contexts, or the device has no context left
 */
struct neuron_ioctl_context_create {
	__u32 size;
	__u32 flags;
	__u32 segments;
	__u32 id;
};

/**
 * struct neuron_bind - one segment of NEURON_IOCTL_CONTEXT_BIND
 * @segment: index in the context's table
 * @mem: memory object, or 0 to unbind the segment
 * @offset: bytes into @mem
 * @length: bytes, > 0 (0 when unbinding)
 * @access: NEURON_ACCESS_*, at least one (0 when unbinding)
 * @reserved: must be 0
 */
struct neuron_bind {
	__u32 segment;
	__u32 mem;
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 access;
	__u32 reserved;
};

#define NEURON_ACCESS_READ	0x1
#define NEURON_ACCESS_WRITE	0x2
#define NEURON_ACCESS_EXEC	0x4

/**
 * struct neuron_ioctl_context_bind - NEURON_IOCTL_CONTEXT_BIND: fill a segment table
 * @size: sizeof(struct neuron_ioctl_context_bind)
 * @context: object
 * @count: 1 .. 255
 * @flags: must be 0
 * @binds: address of an array of struct neuron_bind
 *
 * All or nothing. Jobs that were submitted before see the new table or the old one.
 *
 *  -ERANGE	a range reaches over the end of its object, or no such segment
 *  -EACCES	NEURON_ACCESS_WRITE to a NEURON_MEM_READONLY object
 *  -EOPNOTSUPP	also: a range of host memory that is not contiguous for the chip. Objects of
 *		up to NEURON_HOST_CONTIGUOUS bytes always are; memory that its exporter may
 *		take back
 *  -EBUSY	jobs of the context are in flight
 */
struct neuron_ioctl_context_bind {
	__u32 size;
	__u32 context;
	__u32 count;
	__u32 flags;
	__aligned_u64 binds;
};

/**
 * struct neuron_ioctl_cores - NEURON_IOCTL_CORES_ACQUIRE, NEURON_IOCTL_CORES_RELEASE
 * @size: sizeof(struct neuron_ioctl_cores)
 * @flags: must be 0
 * @mask: bitmap of NeuronCores; all or nothing
 * @busy: out, on -EBUSY: those of @mask that another file owns
 * @holder: out, on -EBUSY: process that acquired the lowest of them (its pid in the
 *	caller's pid namespace, 0 if not visible there)
 * @reserved: must be 0
 *
 *  -EBUSY	acquire: another file owns a core; release: a queue of this file uses one
 *  -EPERM	release: this file does not own a core of @mask
 */
struct neuron_ioctl_cores {
	__u32 size;
	__u32 flags;
	__u32 mask;
	__u32 busy;
	__s32 holder;
	__u32 reserved;
};

/**
 * struct neuron_group_member - cores of one device in NEURON_IOCTL_GROUP_ACQUIRE
 * @fd: an open file of the device; each device at most once
 * @mask: bitmap of its NeuronCores, not 0
 * @busy: out, on -EBUSY: those of @mask that another file owns
 * @holder: out, on -EBUSY: process that acquired the lowest of them, as in
 *	struct neuron_ioctl_cores
 */
struct neuron_group_member {
	__s32 fd;
	__u32 mask;
	__u32 busy;
	__s32 holder;
};

/**
 * struct neuron_ioctl_group_acquire - NEURON_IOCTL_GROUP_ACQUIRE: NeuronCores over chips
 * @size: sizeof(struct neuron_ioctl_group_acquire)
 * @flags: must be 0
 * @count: members, 1 .. NEURON_GROUP_MAX
 * @reserved: must be 0
 * @members: address of an array of struct neuron_group_member
 *
 * All or nothing, in one step over all devices, 1 .. 64 cores. Each member's file then owns its
 * cores as after NEURON_IOCTL_CORES_ACQUIRE. Queues on them may share one eventfd.
 *
 *  -EBUSY	another file owns a core: see the members' busy and holder
 *  -EBADF	a member's fd is not an open file of a neuron device
 *  -EINVAL	also: two members of the same device
 *  -ENODEV	also: one of the devices is gone
 */
struct neuron_ioctl_group_acquire {
	__u32 size;
	__u32 flags;
	__u32 count;
	__u32 reserved;
	__aligned_u64 members;
};

#define NEURON_GROUP_MAX	16

/**
 * struct neuron_ioctl_queue_create - NEURON_IOCTL_QUEUE_CREATE: a NeuronCore queue
 * @size: sizeof(struct neuron_ioctl_queue_create)
 * @flags: must be 0
 * @core: NeuronCore that this file owns
 * @entries: jobs in flight at most: a power of two, 2 .. 1024
 * @priority: 0 (lowest) .. 3
 * @eventfd: signalled at completions, or -1
 * @id: out: the object
 * @reserved: must be 0
 * @mmap_offset: out: for a read-only mmap() of the completion page (struct
 *	neuron_completion_page of <neuron/job.h>)
 * @mmap_length: out: bytes of it
 *
 *  -EPERM	this file does not own the core
 *  -ENOSPC	the core has no queue left
 *  -EBADF	@eventfd is not an eventfd
 */
struct neuron_ioctl_queue_create {
	__u32 size;
	__u32 flags;
	__u32 core;
	__u32 entries;
	__u32 priority;
	__s32 eventfd;
	__u32 id;
	__u32 reserved;
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_length;
};

/**
 * struct neuron_submit_stream - one engine's instructions
 * @offset: bytes into the code segment, a multiple of 64
 * @count: instructions; 0 = none
 */
struct neuron_submit_stream {
	__u32 offset;
	__u32 count;
};

/**
 * struct neuron_submit - one job of NEURON_IOCTL_SUBMIT
 * @op: NEURON_SUBMIT_NOP or NEURON_SUBMIT_EXEC
 * @context: object (0 for NEURON_SUBMIT_NOP)
 * @code: segment that holds the instructions, bound with NEURON_ACCESS_EXEC
 * @timeout_ms: time on the core; 0 = the default of 30 s
 * @stream: for the pe, act, pool and dma engines
 * @flags: NEURON_SUBMIT_TRACE, of NEURON_SUBMIT_EXEC; else 0
 * @trace: with NEURON_SUBMIT_TRACE the segment that the chip writes a struct neuron_trace of
 *	<neuron/job.h> into, bound with NEURON_ACCESS_WRITE; else 0
 * @reserved: must be 0
 */
struct neuron_submit {
	__u32 op;
	__u32 context;
	__u32 code;
	__u32 timeout_ms;
	struct neuron_submit_stream stream[4];
	__u32 flags;
	__u32 trace;
	__aligned_u64 reserved;
};

#define NEURON_SUBMIT_NOP	1
#define NEURON_SUBMIT_EXEC	2
#define NEURON_SUBMIT_TRACE	0x1

/**
 * struct neuron_ioctl_submit - NEURON_IOCTL_SUBMIT: put jobs into a queue
 * @size: sizeof(struct neuron_ioctl_submit)
 * @flags: must be 0
 * @queue: object
 * @count: jobs, 1 .. the queue's entries; all or nothing
 * @jobs: address of an array of struct neuron_submit
 * @seq: out: sequence number of the last job; a queue counts 1, 2, 3, ...
 *
 *  -EAGAIN	fewer than @count entries are free: wait for a completion
 *  -EOPNOTSUPP	also: NEURON_SUBMIT_TRACE without NEURON_FEATURE_TRACE: the chip or its firmware
 *		(API older than 1.2) cannot
 */
struct neuron_ioctl_submit {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 count;
	__aligned_u64 jobs;
	__aligned_u64 seq;
};

/**
 * struct neuron_ioctl_cancel - NEURON_IOCTL_CANCEL: end a job early
 * @size: sizeof(struct neuron_ioctl_cancel)
 * @flags: 0, or NEURON_CANCEL_ALL: all jobs up to @seq
 * @queue: object
 * @reserved: must be 0
 * @seq: job
 *
 * Jobs that wait or run end as NEURON_JOB_ABORTED, in order; WAIT tells when. A job that has
 * ended stays as it is, which is not an error. Other jobs of the queue are not disturbed.
 *
 *  -EINVAL	also: @seq was never submitted
 */
struct neuron_ioctl_cancel {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 reserved;
	__aligned_u64 seq;
};

#define NEURON_CANCEL_ALL	0x1

/**
 * struct neuron_ioctl_wait - NEURON_IOCTL_WAIT: wait for a job or a batch of copies
 * @size: sizeof(struct neuron_ioctl_wait)
 * @flags: must be 0
 * @queue: object: a queue or a ring
 * @status: out: enum neuron_job_status of <neuron/job.h>
 * @seq: job to wait for
 * @deadline_ns: absolute CLOCK_MONOTONIC; 0 = do not sleep
 * @completed: out: newest finished job of the queue, also on -ETIMEDOUT
 * @engine: out: engine that faulted
 * @job_flags: out: NEURON_JOB_FLAG_*
 * @pc: out: index of the instruction that faulted
 * @reserved: must be 0
 * @detail: out: faulting segment, semaphore or operand
 * @cycles: out: modelled NeuronCore cycles
 *
 * 0 means that the job has ended; whether it worked is in @status. The record of a job
 * is kept until as many jobs as the queue has entries were submitted after it.
 *
 *  -ETIMEDOUT	the deadline passed
 *  -EINVAL	also: @seq was never submitted
 *  -ESTALE	the job has ended, but its record was overwritten
 */
struct neuron_ioctl_wait {
	__u32 size;
	__u32 flags;
	__u32 queue;
	__u32 status;
	__aligned_u64 seq;
	__aligned_u64 deadline_ns;
	__aligned_u64 completed;
	__u32 engine;
	__u32 job_flags;
	__u32 pc;
	__u32 reserved;
	__aligned_u64 detail;
	__aligned_u64 cycles;
};

/**
 * struct neuron_ioctl_destroy - NEURON_IOCTL_DESTROY: give up an object of any kind
 * @size: sizeof(struct neuron_ioctl_destroy)
 * @id: object; it goes away when nothing uses it any more
 *
 * Destroying a queue or a ring ends its jobs (NEURON_JOB_ABORTED) before this returns.
 */
struct neuron_ioctl_destroy {
	__u32 size;
	__u32 id;
};

#define NEURON_IOCTL_INFO \
	_IOWR(NEURON_IOCTL_TYPE, 0x80, struct neuron_ioctl_info)
#define NEURON_IOCTL_MEM_CREATE \
	_IOWR(NEURON_IOCTL_TYPE, 0x81, struct neuron_ioctl_mem_create)
#define NEURON_IOCTL_COPY \
	_IOWR(NEURON_IOCTL_TYPE, 0x82, struct neuron_ioctl_copy)
#define NEURON_IOCTL_CONTEXT_CREATE \
	_IOWR(NEURON_IOCTL_TYPE, 0x83, struct neuron_ioctl_context_create)
#define NEURON_IOCTL_CONTEXT_BIND \
	_IOWR(NEURON_IOCTL_TYPE, 0x84, struct neuron_ioctl_context_bind)
#define NEURON_IOCTL_CORES_ACQUIRE \
	_IOWR(NEURON_IOCTL_TYPE, 0x85, struct neuron_ioctl_cores)
#define NEURON_IOCTL_CORES_RELEASE \
	_IOWR(NEURON_IOCTL_TYPE, 0x86, struct neuron_ioctl_cores)
#define NEURON_IOCTL_QUEUE_CREATE \
	_IOWR(NEURON_IOCTL_TYPE, 0x87, struct neuron_ioctl_queue_create)
#define NEURON_IOCTL_SUBMIT \
	_IOWR(NEURON_IOCTL_TYPE, 0x88, struct neuron_ioctl_submit)
#define NEURON_IOCTL_WAIT \
	_IOWR(NEURON_IOCTL_TYPE, 0x89, struct neuron_ioctl_wait)
#define NEURON_IOCTL_DESTROY \
	_IOWR(NEURON_IOCTL_TYPE, 0x8a, struct neuron_ioctl_destroy)
#define NEURON_IOCTL_MEM_EXPORT \
	_IOWR(NEURON_IOCTL_TYPE, 0x8b, struct neuron_ioctl_mem_export)
#define NEURON_IOCTL_RING_CREATE \
	_IOWR(NEURON_IOCTL_TYPE, 0x8c, struct neuron_ioctl_ring_create)
#define NEURON_IOCTL_RING_SUBMIT \
	_IOWR(NEURON_IOCTL_TYPE, 0x8d, struct neuron_ioctl_ring_submit)
#define NEURON_IOCTL_GROUP_ACQUIRE \
	_IOWR(NEURON_IOCTL_TYPE, 0x8e, struct neuron_ioctl_group_acquire)
#define NEURON_IOCTL_CANCEL \
	_IOWR(NEURON_IOCTL_TYPE, 0x8f, struct neuron_ioctl_cancel)

#endif
