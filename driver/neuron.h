/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One Inferentia chip, as all parts of the driver see it.
 *
 * Locks, outermost first:
 *   neuron_group_lock	whoever takes the cores_lock of several devices; never together with
 *			an rwsem
 *   ndev->rwsem	read: every ioctl, so that the hardware stays while it runs (never held
 *			while a wait sleeps). write: remove, reset
 *   nf->lock		a file's queues
 *   queue->lock	submission and reaping of one queue
 *   context->lock	the segment table of one context
 *   ndev->objects_lock	list of all objects; frees of DMA memory. Nests inside mmap_lock:
 *			nothing may touch user memory while it is held
 *   dma_resv		of dma-bufs: what is mapped for an importer
 *   ndev->cores_lock	owners of NeuronCores, queue slots
 *   neuron_link_lock	what is known of neighbours, of all devices; with the rwsem of
 *			the other one tried for reading, never waited for
 *   ndev->status_lock	the cached firmware status
 *   fwio->lock		the mailbox
 *   ndev->dma.lock	spinlock: batches of copies, and who runs them
 *   ndev->queue_lock	spinlock, irqs off: queues that interrupts complete
 * recovery->lock is outside of all but ndev->rwsem, whose readers may take it.
 *
 * No lock of a device is taken with a lock of another one held. What a device shares with a
 * neighbour (imported dma-bufs) is counted instead: mem->uses of the exporter's object. A
 * device that goes or is reset first ends its own DMA, then sleeps, with its rwsem held,
 * until others' uses of its memory have ended; these end without any rwsem.
 */
#ifndef _NEURON_H
#define _NEURON_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <neuron/ext.h>
#include <neuron/job.h>
#include <neuron/regs.h>

#include "neuron_dma.h"
#include "neuron_dram.h"
#include "neuron_fwio.h"
#include "neuron_irq.h"
#include "neuron_link.h"
#include "neuron_log.h"
#include "neuron_recovery.h"
#include "neuron_udma.h"
#include "neuron_usage.h"

#define NEURON_MAX_DEVICES	64
#define NEURON_JOB_STATUSES	(NEURON_JOB_ECC + 1)

struct dentry;
struct neuron_context_entry;
struct neuron_coredump;
struct neuron_device;
struct neuron_file;
struct neuron_queue;
struct neuron_sysfs;
struct pci_saved_state;
struct pid;

/**
 * struct neuron_core_stats - what a NeuronCore did since the driver was bound
 * @status: jobs by enum neuron_job_status
 * @nan: jobs that ended well, but produced a NaN
 * @inferences: jobs that ran instructions to their end
 * @cycles: modelled, of all jobs
 * @resets: of this core, to recover it
 */
struct neuron_core_stats {
	atomic64_t status[NEURON_JOB_STATUSES];
	atomic64_t nan;
	atomic64_t inferences;
	atomic64_t cycles;
	atomic64_t resets;
};

/* A NeuronCore and who owns it; cores_lock. */
struct neuron_core {
	struct neuron_file *owner;
	struct pid *pid;
	unsigned long slots;			/* bitmap of queue slots in use */
	struct neuron_core_stats stats;
};

/**
 * struct neuron_device - one chip
 * @rwsem: see above
 * @gone: unbound or unplugged; set with @rwsem held for writing
 * @broken: not to be used: has to be reset, or is being reset; set any time
 * @lost: broken, and does not even answer; cleared by a reset that brings it back
 * @generation: counts resets; files of an earlier one have lost their objects
 * @fw_status_time, @fw_power_time: jiffies when @fw_status, @fw_power were read
 */
struct neuron_device {
	struct device dev;
	struct cdev cdev;
	struct pci_dev *pdev;
	int index;
	char pci_name[32];			/* stays when the function goes */
	struct neuron_log log;

	struct rw_semaphore rwsem;
	wait_queue_head_t error_wq;	/* pollers, for when ioctls begin to fail */
	bool gone;
	bool broken;
	bool lost;
	u32 generation;
	struct work_struct broken_work;
	struct neuron_recovery recovery;
	struct neuron_coredump *coredump;
	struct pci_saved_state *pci_state;	/* configuration as probe made it */
	bool bus_error;				/* AER took the device away; device_lock */

	void __iomem *apb;			/* BAR0 */
	void __iomem *ext;			/* extension block, NULL without one */
	resource_size_t dram_base;		/* BAR4 */
	resource_size_t dram_size;
	bool emulated;
	bool compute;				/* jobs can be run */
	bool computed;				/* they could, some time since probe */
	unsigned int core_count;
	unsigned int queues_per_core;
	u32 fw_version;
	u32 fw_api;
	u32 ext_features;			/* NEURON_EXT_FEATURE_* that can be used */
	u32 api_version;
	struct mutex status_lock;		/* guards the four below */
	u32 fw_status;
	unsigned long fw_status_time;
	u32 fw_power;
	unsigned long fw_power_time;

	u32 ecc_uncorrected;			/* errors that were reported; fw_work's */

	unsigned int vector_count;
	struct neuron_vector vectors[NEURON_VECTORS];
	struct delayed_work storm_work;
	bool storms_over;			/* the vectors are being freed */
	struct work_struct fw_work;

	struct neuron_fwio fwio;
	struct neuron_links links;
	struct neuron_udma_ring rings[NEURON_CORES];
	struct neuron_dma dma;

	struct mutex objects_lock;		/* guards the three below, frees of DMA memory */
	struct list_head objects;
	struct list_head files;
	struct list_head imports;
	struct neuron_dram dram;
	struct neuron_usage usage;		/* of all objects */

	struct neuron_context_entry *directory;
	dma_addr_t directory_dma;
	struct ida contexts;
	atomic_t next_owner;

	struct mutex cores_lock;		/* guards the cores */
	struct neuron_core cores[NEURON_CORES];

	spinlock_t queue_lock;			/* guards the queues, and their progress */
	struct neuron_queue *queues[NEURON_QUEUES];
	u32 queue_serial;
	struct delayed_work queue_work;

	struct neuron_sysfs *sysfs;
	struct device *hwmon;
	struct dentry *debugfs;
};

#define to_neuron_device(d)	container_of(d, struct neuron_device, dev)

/*
 * The way to the chip and back, which takes long when the chip is not well: nobody may wait for
 * it who cannot be preempted. Kernels with lockdep look whether that is so.
 */
static inline u32 neuron_read(const void __iomem *reg)
{
	lockdep_assert_preemption_enabled();
	return readl(reg);
}

static inline u32 neuron_apb_read(struct neuron_device *ndev, u32 offset)
{
	return neuron_read(ndev->apb + offset);
}

static inline void neuron_apb_write(struct neuron_device *ndev, u32 offset, u32 value)
{
	writel(value, ndev->apb + offset);
}

static inline void neuron_ext_write(struct neuron_device *ndev, u32 offset, u32 value)
{
	writel(value, ndev->ext + offset);
}

static inline u32 neuron_ext_read(struct neuron_device *ndev, u32 offset)
{
	return neuron_read(ndev->ext + offset);
}

/* 0, or why nothing can be asked of the device. */
static inline int neuron_device_error(struct neuron_device *ndev)
{
	if (READ_ONCE(ndev->gone) || READ_ONCE(ndev->lost))
		return -ENODEV;
	return READ_ONCE(ndev->broken) ? -EIO : 0;
}

struct neuron_device *neuron_device_alloc(struct pci_dev *pdev);
/* The one of a number, with a reference, or NULL. */
struct neuron_device *neuron_device_find(int index);
/* The node, its attributes, and the news of them. */
int neuron_device_add(struct neuron_device *ndev);
void neuron_device_del(struct neuron_device *ndev);
/* Something is wrong with the chip: it is cut off from memory, and gets reset. */
void neuron_device_broken(struct neuron_device *ndev, const char *why);
void neuron_device_cut(struct neuron_device *ndev);
void neuron_device_broken_atomic(struct neuron_device *ndev);

#endif
