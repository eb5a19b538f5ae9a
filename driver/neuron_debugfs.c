// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs, for people: queues, rings and the mailbox of a chip.
 *
 * Locking: debugfs_remove_recursive() waits for readers; ndev->queue_lock for the queues.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "neuron.h"
#include "neuron_coredump.h"
#include "neuron_debugfs.h"
#include "neuron_file.h"
#include "neuron_mem.h"
#include "neuron_queue.h"

static struct dentry *neuron_debugfs_root;

/* What there is to show of a queue. */
struct neuron_queue_line {
	u32 entries;
	u32 priority;
	u32 owner;
	u64 submitted;
	u64 completed;
};

/* The job that the chip says is on the core; 0: none, or it cannot tell. */
static u64 neuron_queue_running(struct neuron_device *ndev, unsigned int slot,
				const struct neuron_queue_line *line)
{
	u32 low;

	if (!(ndev->ext_features & NEURON_EXT_FEATURE_CANCEL) || neuron_device_error(ndev))
		return 0;
	low = neuron_ext_read(ndev, NEURON_EXT_QUEUE(slot) + NEURON_Q_RUNNING);
	return low ? neuron_seq_extend(low, line->completed, line->submitted) : 0;
}

static bool neuron_queue_line_get(struct neuron_device *ndev, unsigned int slot,
				  struct neuron_queue_line *line)
{
	struct neuron_queue *queue;

	spin_lock_irq(&ndev->queue_lock);
	queue = ndev->queues[slot];
	if (queue)
		*line = (struct neuron_queue_line) {
			.entries = queue->entries,
			.priority = queue->priority,
			.owner = queue->nf->owner,
			.submitted = queue->submitted,
			.completed = queue->completed,
		};
	spin_unlock_irq(&ndev->queue_lock);
	return queue;
}

static int neuron_queues_show(struct seq_file *m, void *data)
{
	struct neuron_device *ndev = m->private;
	struct neuron_queue_line line;
	unsigned int slot;

	seq_puts(m, "slot core entries priority owner submitted completed   running\n");
	/* The register is read without the lock: each is a way to the chip and back. */
	for (slot = 0; slot < NEURON_QUEUES; slot++)
		if (neuron_queue_line_get(ndev, slot, &line))
			seq_printf(m, "%4u %4u %7u %8u %5u %9llu %9llu %9llu\n", slot,
				   slot / NEURON_QUEUES_PER_CORE, line.entries, line.priority,
				   line.owner, line.submitted, line.completed,
				   neuron_queue_running(ndev, slot, &line));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(neuron_queues);

static int neuron_rings_show(struct seq_file *m, void *data)
{
	struct neuron_device *ndev = m->private;
	unsigned int core;

	seq_puts(m, "core tail ring_id chunks bytes missed_interrupts resets batches\n");
	for (core = 0; core < NEURON_CORES; core++) {
		struct neuron_udma_ring *ring = &ndev->rings[core];

		seq_printf(m, "%4u %4u %7u %6llu %5llu %17llu %6llu %7llu\n", core,
			   READ_ONCE(ring->pos.tail), READ_ONCE(ring->pos.ring_id),
			   READ_ONCE(ring->chunks), READ_ONCE(ring->bytes),
			   READ_ONCE(ring->missed), READ_ONCE(ring->resets),
			   READ_ONCE(ring->batches));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(neuron_rings);

static int neuron_memory_show(struct seq_file *m, void *data)
{
	struct neuron_device *ndev = m->private;
	unsigned int i;

	for (i = 0; i < NEURON_MEM_KINDS; i++)
		seq_printf(m, "%s:\t%llu\n", neuron_usage_names[i], neuron_mem_bytes(ndev, i));
	seq_printf(m, "mapped:\t%lld\n", atomic64_read(&ndev->usage.mapped));
	seq_printf(m, "free:\t%llu\n", neuron_dram_free(&ndev->dram));
	for (i = 0; i < NEURON_DRAM_CHANNELS; i++)
		seq_printf(m, "largest%u:\t%llu\n", i, neuron_dram_largest(&ndev->dram, i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(neuron_memory);

void neuron_debugfs_init(void)
{
	neuron_debugfs_root = debugfs_create_dir("neuron", NULL);
}

void neuron_debugfs_exit(void)
{
	debugfs_remove_recursive(neuron_debugfs_root);
}

void neuron_debugfs_add(struct neuron_device *ndev)
{
	ndev->debugfs = debugfs_create_dir(dev_name(&ndev->dev), neuron_debugfs_root);
	debugfs_create_file("queues", 0444, ndev->debugfs, ndev, &neuron_queues_fops);
	debugfs_create_file("rings", 0444, ndev->debugfs, ndev, &neuron_rings_fops);
	debugfs_create_file("memory", 0444, ndev->debugfs, ndev, &neuron_memory_fops);
	debugfs_create_u32("mailbox_retries", 0444, ndev->debugfs, &ndev->fwio.retries);
	debugfs_create_u32("generation", 0444, ndev->debugfs, &ndev->generation);
	neuron_recovery_debugfs(ndev, ndev->debugfs);
	neuron_coredump_debugfs(ndev, ndev->debugfs);
}

void neuron_debugfs_remove(struct neuron_device *ndev)
{
	debugfs_remove_recursive(ndev->debugfs);
}
