// SPDX-License-Identifier: GPL-2.0
/*
 * MSI-X: vectors, what each is for, and chips that raise them without end: a vector of which
 * many interrupts bring no news is masked for a while, and what it is for is looked at by a
 * work instead.
 *
 * Locking: a vector's account belongs to its handler, which runs on one CPU at a time; the
 * work reads @masked, and writes it only while the vector is masked.
 */
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/pci.h>

#include "neuron.h"
#include "neuron_queue.h"
#include "neuron_trace.h"

/* How long a storm is shut out, and how often it is looked meanwhile for what there is to tell. */
#define NEURON_STORM_MASK_MS	500
#define NEURON_STORM_LOOK_MS	10

unsigned int neuron_queue_vector(struct neuron_device *ndev, unsigned int slot)
{
	unsigned int count = ndev->vector_count;

	if (count <= NEURON_VECTOR_QUEUE0)
		return count - 1;
	return NEURON_VECTOR_QUEUE0 + slot % (count - NEURON_VECTOR_QUEUE0);
}

/* How many interrupts the news explain that there were; firmware's are explained later. */
static u32 neuron_irq_handle(struct neuron_device *ndev, unsigned int index)
{
	if (index == NEURON_VECTOR_FW)
		schedule_work(&ndev->fw_work);
	if (index == NEURON_VECTOR_DMA)
		neuron_udma_wake(ndev);
	return neuron_queue_interrupt(ndev, index);
}

static void neuron_irq_storm(struct neuron_vector *vector)
{
	struct neuron_device *ndev = vector->ndev;
	unsigned long until = jiffies + msecs_to_jiffies(NEURON_STORM_MASK_MS);

	WRITE_ONCE(vector->masked, until ? until : 1);
	disable_irq_nosync(vector->irq);
	neuron_log(ndev, NEURON_LOG_STORM, KERN_WARNING,
		   "storm of interrupts on vector %u\n", vector->index);
	neuron_recovery_note(ndev, "storm on vector %u", vector->index);
	schedule_delayed_work(&ndev->storm_work, msecs_to_jiffies(NEURON_STORM_LOOK_MS));
}

static irqreturn_t neuron_interrupt(int irq, void *data)
{
	struct neuron_vector *vector = data;
	u32 explained;

	trace_neuron_irq(vector->ndev, vector->index);
	explained = neuron_irq_handle(vector->ndev, vector->index);
	if (neuron_storm_count(&vector->storm, jiffies, explained) &&
	    !READ_ONCE(vector->masked) && !READ_ONCE(vector->ndev->storms_over))
		neuron_irq_storm(vector);
	return IRQ_HANDLED;
}

static void neuron_irq_limits(struct neuron_vector *vector, unsigned int count)
{
	struct neuron_storm *storm = &vector->storm;

	*storm = (struct neuron_storm){
		.limit = NEURON_STORM_COUNT,
		.window = msecs_to_jiffies(NEURON_STORM_MS),
	};
	/* Not if there are so few vectors that jobs have it, too. */
	if (vector->index == NEURON_VECTOR_FW && count > NEURON_VECTOR_QUEUE0) {
		storm->limit = NEURON_STORM_FW_COUNT;
		storm->window = msecs_to_jiffies(NEURON_STORM_FW_MS);
	} else if (vector->index == NEURON_VECTOR_DMA) {
		storm->limit = NEURON_STORM_DMA_COUNT;
	}
}

static void neuron_storm_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device,
						  storm_work);
	bool masked = false;
	unsigned int i;

	for (i = 0; i < ndev->vector_count; i++) {
		struct neuron_vector *vector = &ndev->vectors[i];
		unsigned long until = READ_ONCE(vector->masked);

		if (!until)
			continue;
		neuron_irq_handle(ndev, i);
		if (time_before(jiffies, until)) {
			masked = true;
			continue;
		}
		WRITE_ONCE(vector->masked, 0);
		enable_irq(vector->irq);
	}
	if (masked)
		schedule_delayed_work(&ndev->storm_work, msecs_to_jiffies(NEURON_STORM_LOOK_MS));
}

static void neuron_irq_release(struct neuron_device *ndev, unsigned int count)
{
	unsigned int i;

	/* No handler starts the work any more, and it enables no vector that is freed. */
	WRITE_ONCE(ndev->storms_over, true);
	for (i = 0; i < count; i++)
		synchronize_irq(ndev->vectors[i].irq);
	cancel_delayed_work_sync(&ndev->storm_work);
	/* One that is freed while masked is nobody's concern. */
	while (count--)
		free_irq(ndev->vectors[count].irq, &ndev->vectors[count]);
	pci_free_irq_vectors(ndev->pdev);
	ndev->vector_count = 0;
}

void neuron_irq_free(struct neuron_device *ndev)
{
	neuron_irq_release(ndev, ndev->vector_count);
}

int neuron_irq_request(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;
	int count, ret;
	unsigned int i;

	INIT_DELAYED_WORK(&ndev->storm_work, neuron_storm_work);
	if (!ndev->ext)
		return 0;
	count = pci_alloc_irq_vectors(pdev, 1, NEURON_VECTORS, PCI_IRQ_MSIX);
	if (count < 0) {
		dev_info(&pdev->dev, "no MSI-X, polling instead\n");
		return 0;
	}
	for (i = 0; i < count; i++) {
		ndev->vectors[i].ndev = ndev;
		ndev->vectors[i].index = i;
		neuron_irq_limits(&ndev->vectors[i], count);
		/* Kept, because pci_irq_vector() may sleep. */
		ndev->vectors[i].irq = pci_irq_vector(pdev, i);
		ret = request_irq(ndev->vectors[i].irq, neuron_interrupt, 0, "neuron",
				  &ndev->vectors[i]);
		if (ret) {
			neuron_irq_release(ndev, i);
			return ret;
		}
	}
	ndev->vector_count = count;
	return 0;
}
