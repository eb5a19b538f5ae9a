/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NEURON_FILE_H
#define _NEURON_FILE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "neuron_dma.h"

struct address_space;
struct neuron_device;
struct neuron_usage;

/**
 * struct neuron_file - one open file
 * @generation: the device's when it was opened
 * @owner: what the chip knows this file by
 * @mapping: of the device node, for taking mappings away
 * @node: in ndev->files; ndev->objects_lock
 * @objects: id -> object; its own lock
 * @lock: guards @queues
 * @queues: that have not been destroyed
 * @rings: that have not been destroyed; @lock
 * @dma: its share of the DMA engine
 * @poll_wq: pollers; woken at each completion
 * @usage: memory of this file
 * @jobs: that have ended, as far as the driver has looked
 */
struct neuron_file {
	struct neuron_device *ndev;
	u32 generation;
	u32 owner;
	struct address_space *mapping;
	struct list_head node;
	struct xarray objects;
	struct mutex lock;	/* guards the lists of queues and rings */
	struct list_head queues;
	struct list_head rings;
	struct neuron_dma_client dma;
	wait_queue_head_t poll_wq;
	struct neuron_usage *usage;
	atomic64_t jobs;
};

/*
 * Begin and end of whatever touches the device: 0, -ENODEV or -EIO. The device stays until
 * neuron_file_leave(), which also unpins what the file has given up. No other lock is held.
 */
int neuron_file_enter(struct neuron_file *nf);
void neuron_file_leave(struct neuron_file *nf);
/* The same question without entering. */
int neuron_file_error(struct neuron_file *nf);

#endif
