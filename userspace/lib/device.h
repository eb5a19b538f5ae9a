/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: what the runtime needs of a chip, and the two that provide it. The kernel
 * backend talks to /dev/neuronN; the emulator backend holds chips in the process.
 *
 * Functions return 0 or -errno; the backends log what went wrong. Memory and contexts are
 * reference-counted or single-owner as noted; each memory object holds its device.
 */
#ifndef NRT_DEVICE_H
#define NRT_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/job.h>

#include "env.h"

enum nrt_mem_type {
	NRT_MEM_DEVICE,
	NRT_MEM_HOST,		/* host memory that the chip can address */
	NRT_MEM_DMABUF,		/* another device's buffer; reached by copies only */
	NRT_MEM_USER,		/* memory of the process, pinned; reached by copies only */
};

/**
 * struct nrt_mem - a memory object
 * @next, @link: in the list of all, under the list's lock
 * @refs: freed when 0
 * @size: bytes; they read as 0 at first
 * @align: power of two
 * @va: its memory, or NULL if the process cannot reach it directly
 * @readonly: of a dma-buf that is open for reading only: writing it is -EACCES
 * @id, @address: the backend's
 */
struct nrt_mem {
	struct nrt_device *dev;
	struct nrt_mem *next, **link;
	atomic_uint refs;
	enum nrt_mem_type type;
	uint64_t size;
	uint64_t align;
	void *va;
	bool readonly;
	uint32_t id;
	uint32_t channel;
	uint64_t address;
};

/**
 * struct nrt_bind - one segment of a context
 * @access: NEURON_SEG_*
 */
struct nrt_bind {
	uint32_t segment;
	uint32_t access;
	struct nrt_mem *mem;
	uint64_t offset;
	uint64_t length;
};

/** struct nrt_context - a segment table; the backend's */
struct nrt_context;

/**
 * struct nrt_job - a program to run
 * @code: segment with the instructions
 * @traced: a struct neuron_trace is written into segment @trace; for devices that can
 */
struct nrt_job {
	const struct nrt_context *context;
	uint32_t code;
	uint32_t timeout_ms;
	struct neuron_job_stream stream[NEURON_STREAMS];
	bool traced;
	uint32_t trace;
};

/**
 * struct nrt_device_ops - a backend
 * @close: the last reference is gone
 * @mem_create: @mem has type, size and alignment; fill in the rest. -ENOSPC: no room
 * @mem_import: the same for the dma-buf @fd, which stays the caller's; @mem has its type, and gets
 *	the buffer's size. -EBADF: not a dma-buf; -EOPNOTSUPP: the chip cannot reach it
 * @mem_pin: the same for memory of the process, of which @mem has the size; may set @mem's
 *	readonly. Any error: it cannot be pinned
 * @mem_export: a descriptor of a dma-buf that is all of @mem. -EOPNOTSUPP: there are none here
 * @mem_destroy: nothing uses @mem any more
 * @mem_read, @mem_write, @mem_copy: ranges are checked by the caller; @mem_copy: both of this
 *	device, not overlapping; -ENOMEM, without a line in the log: the caller may copy otherwise
 * @context_create: @count binds, highest segment + 1 = @segments
 * @mem_room: bytes of device memory that are free, and of the largest range of them
 * @cores_acquire: -EBUSY: fills @busy (bitmap) and @holder (pid, 0 = not known)
 * @forked: in the child of a fork: give up what the child shares with its parent. Only this
 *	process's other threads could hold locks, so that none may be taken
 * @run: run a job to its end; @result is filled when this returns 0. Any thread
 */
struct nrt_device_ops {
	void (*close)(struct nrt_device *dev);
	int (*mem_create)(struct nrt_mem *mem);
	int (*mem_import)(struct nrt_mem *mem, int fd);
	int (*mem_pin)(struct nrt_mem *mem, void *address);
	int (*mem_export)(struct nrt_mem *mem, int *fd);
	void (*mem_destroy)(struct nrt_mem *mem);
	int (*mem_read)(struct nrt_mem *mem, uint64_t offset, void *buf, size_t len);
	int (*mem_write)(struct nrt_mem *mem, uint64_t offset, const void *buf, size_t len);
	int (*mem_copy)(struct nrt_mem *dst, uint64_t dst_offset, struct nrt_mem *src,
			uint64_t src_offset, size_t len);
	int (*mem_room)(struct nrt_device *dev, uint64_t *available, uint64_t *largest);
	int (*context_create)(struct nrt_device *dev, uint32_t segments,
			      const struct nrt_bind *binds, uint32_t count,
			      struct nrt_context **context);
	void (*context_destroy)(struct nrt_device *dev, struct nrt_context *context);
	int (*cores_acquire)(struct nrt_device *dev, uint32_t mask, uint32_t *busy, int *holder);
	void (*cores_release)(struct nrt_device *dev, uint32_t mask);
	void (*forked)(struct nrt_device *dev);
	int (*run)(struct nrt_device *dev, uint32_t core, const struct nrt_job *job,
		   struct neuron_completion *result);
};

/**
 * struct nrt_device - a chip; the backend's structure starts with it
 * @next: in the list of all that are open, under the list's lock
 * @index: N of /dev/neuronN, or the emulated chip's number
 * @cores: NeuronCores
 * @gone: it is broken or about to go: its cores keep their numbers, and cannot be acquired (-EIO);
 *	nothing else is asked of it
 * @busy: bitmap of those that another process had when the device was opened
 * @memory: bytes of DRAM
 * @used: bytes of it that memory objects of this process occupy
 * @can_trace: jobs may be traced
 */
struct nrt_device {
	const struct nrt_device_ops *ops;
	struct nrt_device *next;
	atomic_uint refs;
	uint32_t index;
	uint32_t cores;
	bool gone;
	uint32_t busy;
	uint64_t memory;
	_Atomic uint64_t used;
	bool can_trace;
};

#define NRT_MAX_DEVICES	64

/*
 * Open the devices that @env names, in the order of their numbers. Returns how many, or
 * -errno; there is at least one that works. Give each back with nrt_device_put().
 */
int nrt_devices_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES]);
void nrt_device_get(struct nrt_device *dev);
void nrt_device_put(struct nrt_device *dev);

/* The backends' part of nrt_devices_open(). */
int nrt_kernel_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES]);
int nrt_emu_open(const struct nrt_env *env, struct nrt_device *devices[NRT_MAX_DEVICES]);

/*
 * What this thread allocates from now on is not needed (@optional), or is again: that there is
 * no room for it is not worth a line in the log.
 */
void nrt_mem_optional(bool optional);
/* One reference for the caller. */
int nrt_mem_create(struct nrt_device *dev, enum nrt_mem_type type, uint64_t size, uint64_t align,
		   struct nrt_mem **mem);
int nrt_mem_import(struct nrt_device *dev, int fd, struct nrt_mem **mem);
/* Nothing is logged: whoever wants that can copy. The memory has to stay mapped. */
int nrt_mem_pin(struct nrt_device *dev, void *address, uint64_t size, struct nrt_mem **mem);
struct nrt_mem *nrt_mem_get(struct nrt_mem *mem);
void nrt_mem_put(struct nrt_mem *mem);
/* The object that the process sees at @va, with a reference for the caller, or NULL. */
struct nrt_mem *nrt_mem_find(const void *va, uint64_t *offset);
/*
 * Handlers of pthread_atfork(). What the child inherits is the parent's: from then on all there
 * is to do with it in the child is to free the host's side of it.
 */
void nrt_devices_before_fork(void);
void nrt_devices_after_fork(bool child);
/* -ERANGE when the range is not inside the object. */
int nrt_mem_read(struct nrt_mem *mem, uint64_t offset, void *buf, size_t len);
int nrt_mem_write(struct nrt_mem *mem, uint64_t offset, const void *buf, size_t len);

#endif
