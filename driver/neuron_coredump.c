// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps of a chip that has to be reset: what the driver knew, the registers of the extension
 * block, and what firmware left. A device coredump where the kernel has them; else the newest
 * is kept for debugfs.
 *
 * Locking: ndev->queue_lock for the queues; neuron_coredump_lock for the newest dump.
 */
#include <linux/debugfs.h>
#include <linux/devcoredump.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <neuron/dump.h>

#include "neuron.h"
#include "neuron_coredump.h"
#include "neuron_file.h"
#include "neuron_queue.h"

#define NEURON_DUMP_TEXT_SIZE	SZ_16K
#define NEURON_DUMP_EXT_SIZE	0x100
#define NEURON_DUMP_QUEUE_REGS	(NEURON_Q_RUNNING + sizeof(u32))
#define NEURON_DUMP_SIZE	(sizeof(struct neuron_dump) + NEURON_DUMP_TEXT_SIZE + \
				 NEURON_DUMP_EXT_SIZE +				\
				 NEURON_QUEUES * NEURON_EXT_QUEUE_SIZE +	\
				 NEURON_EXT_CRASH_SIZE + NEURON_EXT_LOG_SIZE)

/* The newest dump of a chip, where the kernel does not take it. */
struct neuron_coredump {
	size_t size;
	u8 data[];
};

static DEFINE_MUTEX(neuron_coredump_lock);

struct neuron_dump_writer {
	struct neuron_dump *dump;
	unsigned int section;
	size_t position;
};

static void *neuron_dump_at(struct neuron_dump_writer *w)
{
	return (u8 *)w->dump + w->position;
}

static void neuron_dump_end(struct neuron_dump_writer *w, u32 type, size_t length)
{
	struct neuron_dump_section *section = &w->dump->section[w->section++];

	section->type = type;
	section->offset = w->position;
	section->length = length;
	w->position += ALIGN(length, sizeof(u64));
}

__printf(3, 4)
static void neuron_dump_print(struct neuron_dump_writer *w, size_t *length, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*length += vscnprintf(neuron_dump_at(w) + *length, NEURON_DUMP_TEXT_SIZE - *length, fmt,
			      args);
	va_end(args);
}

static void neuron_dump_queues_text(struct neuron_device *ndev, struct neuron_dump_writer *w,
				    size_t *length)
{
	unsigned long flags;
	unsigned int slot;

	spin_lock_irqsave(&ndev->queue_lock, flags);
	for (slot = 0; slot < NEURON_QUEUES; slot++) {
		struct neuron_queue *queue = ndev->queues[slot];

		if (!queue)
			continue;
		neuron_dump_print(w, length, "queue %u: owner %u, %u entries, priority %u, ",
				  slot, queue->nf->owner, queue->entries, queue->priority);
		neuron_dump_print(w, length, "submitted %llu, completed %llu%s\n",
				  queue->submitted, queue->completed,
				  queue->stopping ? ", stopping" : "");
	}
	spin_unlock_irqrestore(&ndev->queue_lock, flags);
}

static void neuron_dump_steps_text(struct neuron_device *ndev, struct neuron_dump_writer *w,
				   size_t *length)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	u32 i;

	spin_lock_irq(&recovery->step_lock);
	i = recovery->step_count > NEURON_RECOVERY_STEPS ?
	    recovery->step_count - NEURON_RECOVERY_STEPS : 0;
	for (; i < recovery->step_count; i++) {
		struct neuron_recovery_step *step = &recovery->steps[i % NEURON_RECOVERY_STEPS];

		neuron_dump_print(w, length, "step %llu ns: %s\n", step->time_ns, step->text);
	}
	spin_unlock_irq(&recovery->step_lock);
}

static void neuron_dump_text(struct neuron_device *ndev, struct neuron_dump_writer *w,
			     const char *why)
{
	struct neuron_recovery *recovery = &ndev->recovery;
	unsigned int i;
	size_t length = 0;

	neuron_dump_print(w, &length, "%s %s: %s\n", dev_name(&ndev->dev),
			  pci_name(ndev->pdev), why);
	neuron_dump_print(w, &length, "driver %s, firmware %#x, API %#x, features %#x\n",
			  NEURON_DRIVER_VERSION, ndev->fw_version, ndev->fw_api,
			  ndev->ext_features);
	neuron_dump_print(w, &length, "%u vectors, generation %u, missed interrupts %u\n",
			  ndev->vector_count, ndev->generation, recovery->missed_interrupts);
	neuron_dump_print(w, &length, "aborts %u, core resets %u, device resets %u\n",
			  recovery->aborts, recovery->core_resets, recovery->device_resets);
	neuron_dump_queues_text(ndev, w, &length);
	for (i = 0; i < NEURON_CORES; i++)
		neuron_dump_print(w, &length, "ring %u: tail %u, id %u, batches %llu\n", i,
				  READ_ONCE(ndev->rings[i].pos.tail),
				  READ_ONCE(ndev->rings[i].pos.ring_id),
				  READ_ONCE(ndev->rings[i].batches));
	neuron_dump_steps_text(ndev, w, &length);
	neuron_dump_end(w, NEURON_DUMP_TEXT, length);
}

static void neuron_dump_words(struct neuron_device *ndev, u32 *words, u32 offset, size_t length)
{
	size_t i;

	for (i = 0; i < length / sizeof(u32); i++)
		words[i] = neuron_ext_read(ndev, offset + i * sizeof(u32));
}

/* Where there are registers in the block's first NEURON_DUMP_EXT_SIZE bytes: first, last. */
static const u16 neuron_dump_ext[][2] = {
	{ NEURON_EXT_MAGIC, NEURON_EXT_FW_BOOT_ERROR },
	{ NEURON_EXT_CTXDIR_LO, NEURON_EXT_CTXDIR_COUNT },
	{ NEURON_EXT_IRQ_STATUS, NEURON_EXT_IRQ_STATUS },
	{ NEURON_EXT_EVENTS, NEURON_EXT_EVENTS },
	{ NEURON_EXT_TEMPERATURE, NEURON_EXT_LINKS },
	{ NEURON_EXT_ECC_CORRECTED(0), NEURON_EXT_ECC_ADDR_HI },
	{ NEURON_EXT_LOG_HEAD, NEURON_EXT_LOG_HEAD },
};

static void neuron_dump_registers(struct neuron_device *ndev, struct neuron_dump_writer *w)
{
	u32 *words = neuron_dump_at(w);
	unsigned int i, slot;

	for (i = 0; i < ARRAY_SIZE(neuron_dump_ext); i++)
		neuron_dump_words(ndev, words + neuron_dump_ext[i][0] / sizeof(u32),
				  neuron_dump_ext[i][0], neuron_dump_ext[i][1] -
				  neuron_dump_ext[i][0] + sizeof(u32));
	neuron_dump_end(w, NEURON_DUMP_EXT, NEURON_DUMP_EXT_SIZE);
	words = neuron_dump_at(w);
	/* A look without the lock: a queue that comes or goes now is not what is broken. */
	for (slot = 0; slot < NEURON_QUEUES; slot++)
		if (READ_ONCE(ndev->queues[slot]))
			neuron_dump_words(ndev, words + slot * NEURON_EXT_QUEUE_SIZE / sizeof(u32),
					  NEURON_EXT_QUEUE(slot), NEURON_DUMP_QUEUE_REGS);
	neuron_dump_end(w, NEURON_DUMP_QUEUES, NEURON_QUEUES * NEURON_EXT_QUEUE_SIZE);
}

static void neuron_dump_firmware(struct neuron_device *ndev, struct neuron_dump_writer *w)
{
	u32 head = neuron_ext_read(ndev, NEURON_EXT_LOG_HEAD);
	u32 count = min(head, NEURON_EXT_LOG_SIZE), i, word = 0;
	u8 *text;

	neuron_dump_words(ndev, neuron_dump_at(w), NEURON_EXT_CRASH, NEURON_EXT_CRASH_SIZE);
	neuron_dump_end(w, NEURON_DUMP_CRASH, NEURON_EXT_CRASH_SIZE);
	text = neuron_dump_at(w);
	for (i = 0; i < count; i++) {
		u32 at = (head - count + i) % NEURON_EXT_LOG_SIZE;

		if (!i || at % sizeof(u32) == 0)
			word = neuron_ext_read(ndev, NEURON_EXT_LOG + round_down(at, sizeof(u32)));
		text[i] = word >> at % sizeof(u32) * BITS_PER_BYTE;
	}
	neuron_dump_end(w, NEURON_DUMP_LOG, count);
}

static void neuron_dump_keep(struct neuron_device *ndev, struct neuron_coredump *dump)
{
	struct neuron_coredump *old;

	mutex_lock(&neuron_coredump_lock);
	old = ndev->coredump;
	ndev->coredump = dump;
	mutex_unlock(&neuron_coredump_lock);
	vfree(old);
}

void neuron_coredump_take(struct neuron_device *ndev, const char *why)
{
	bool kernel_takes = IS_REACHABLE(CONFIG_DEV_COREDUMP);
	size_t before = kernel_takes ? 0 : sizeof(struct neuron_coredump);
	struct neuron_dump_writer w = {};
	struct neuron_coredump *kept;
	struct neuron_dump *dump;
	void *memory;

	memory = vzalloc(before + NEURON_DUMP_SIZE);
	if (!memory)
		return;
	dump = memory + before;
	dump->magic = NEURON_DUMP_MAGIC;
	dump->version = NEURON_DUMP_VERSION;
	dump->time_ns = ktime_get_real_ns();
	w.dump = dump;
	w.position = sizeof(*dump);
	neuron_dump_text(ndev, &w, why);
	if (ndev->ext && neuron_ext_read(ndev, NEURON_EXT_MAGIC) == NEURON_EXT_MAGIC_VALUE) {
		neuron_dump_registers(ndev, &w);
		if (ndev->ext_features & NEURON_EXT_FEATURE_LOG)
			neuron_dump_firmware(ndev, &w);
	}
	dump->size = w.position;
	if (kernel_takes) {
		dev_coredumpv(&ndev->pdev->dev, memory, dump->size, GFP_KERNEL);
	} else {
		kept = memory;
		kept->size = dump->size;
		neuron_dump_keep(ndev, kept);
	}
}

void neuron_coredump_fini(struct neuron_device *ndev)
{
	vfree(ndev->coredump);
}

static ssize_t neuron_coredump_read(struct file *file, char __user *user, size_t count,
				    loff_t *pos)
{
	struct neuron_device *ndev = file->private_data;
	ssize_t ret = 0;

	mutex_lock(&neuron_coredump_lock);
	if (ndev->coredump)
		ret = simple_read_from_buffer(user, count, pos, ndev->coredump->data,
					      ndev->coredump->size);
	mutex_unlock(&neuron_coredump_lock);
	return ret;
}

static const struct file_operations neuron_coredump_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = neuron_coredump_read,
	.llseek = default_llseek,
};

void neuron_coredump_debugfs(struct neuron_device *ndev, struct dentry *dir)
{
	if (!IS_REACHABLE(CONFIG_DEV_COREDUMP))
		debugfs_create_file("coredump", 0400, dir, ndev, &neuron_coredump_fops);
}
