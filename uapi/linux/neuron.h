/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/neuronN: one Inferentia chip.
 *
 * An open file owns objects - memory, contexts, queues - named by ids that mean nothing
 * in another file. An object stays alive while something uses it (a mapping, a context's
 * segment, a job in flight), also after NEURON_IOCTL_DESTROY. Closing the file ends its
 * jobs and releases everything, its NeuronCores included.
 *
 * poll() reports EPOLLIN when a queue has finished a job that NEURON_IOCTL_WAIT has not
 * told about, and EPOLLERR | EPOLLHUP when ioctls fail with -ENODEV or -EIO. Mappings of
 * memory that was taken away (device gone or reset) raise SIGBUS. mmap() must be
 * MAP_SHARED; it fails with -EINVAL if the range is not inside one object.
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
 * @abi_version: out: NEURON_ABI_VERSION
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
};

#define NEURON_FEATURE_COMPUTE	_BITULL(0)	/* NeuronCore queues */
#define NEURON_FEATURE_MSIX	_BITULL(1)	/* waits sleep on interrupts; else polled */

/**
 * struct neuron_ioctl_mem_create - NEURON_IOCTL_MEM_CREATE: a memory object
 * @size: sizeof(struct neuron_ioctl_mem_create)
 * @type: NEURON_MEM_DEVICE or NEURON_MEM_HOST
 * @channel: DRAM channel of device memory, or NEURON_MEM_ANY_CHANNEL
 * @flags: must be 0
 * @length: bytes, > 0; rounded up to pages
 * @align: of device memory: 0 or a power of two >= the page size
 * @id: out: the object
 * @reserved: must be 0
 * @mmap_offset: out: for mmap() of the device file
 *
 * The memory reads as zeros. Device memory is mapped write-combined.
 *
 *  -ENOSPC	no free range of that length and alignment in the channel(s)
 *  -ENOMEM	no host memory of that length that the chip can address
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
};

#define NEURON_MEM_DEVICE	1
#define NEURON_MEM_HOST		2
#define NEURON_MEM_ANY_CHANNEL	0xffffffffU
#define NEURON_HOST_CONTIGUOUS	0x10000

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
 * struct neuron_ioctl_context_create - NEURON_IOCTL_CONTEXT_CREATE
 * @size: sizeof(struct neuron_ioctl_context_create)
 * @flags: must be 0
 * @segments: entries of the segment table, 1 .. 255
 * @id: out: the object
 *
 *  -ENOSPC	the device has no context left
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
 *  -EOPNOTSUPP	also: a range of host memory that is not contiguous for the chip. Objects of
 *		up to NEURON_HOST_CONTIGUOUS bytes always are
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
 * @reserved: must be 0
 */
struct neuron_submit {
	__u32 op;
	__u32 context;
	__u32 code;
	__u32 timeout_ms;
	struct neuron_submit_stream stream[4];
	__aligned_u64 reserved[2];
};

#define NEURON_SUBMIT_NOP	1
#define NEURON_SUBMIT_EXEC	2

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
 * struct neuron_ioctl_wait - NEURON_IOCTL_WAIT: wait for a job
 * @size: sizeof(struct neuron_ioctl_wait)
 * @flags: must be 0
 * @queue: object
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
 * Destroying a queue ends its jobs (NEURON_JOB_ABORTED) before this returns.
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

#endif
