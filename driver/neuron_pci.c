// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI function: probe, remove, BARs, interrupts, resets from outside (FLR, AER).
 *
 * Locking: ndev->rwsem is held for writing while the device goes or is reset. Interrupts
 * take ndev->queue_lock only.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_context.h"
#include "neuron_cores.h"
#include "neuron_debugfs.h"
#include "neuron_fops.h"
#include "neuron_fw.h"
#include "neuron_object.h"
#include "neuron_pci.h"
#include "neuron_queue.h"
#include "neuron_reset.h"
#include "neuron_sysfs.h"

/* Host memory is what has bit 46 set in a device address. */
#define NEURON_DMA_BITS		46

unsigned int neuron_queue_vector(struct neuron_device *ndev, unsigned int slot)
{
	unsigned int count = ndev->vector_count;

	if (count <= NEURON_VECTOR_QUEUE0)
		return count - 1;
	return NEURON_VECTOR_QUEUE0 + slot % (count - NEURON_VECTOR_QUEUE0);
}

static irqreturn_t neuron_interrupt(int irq, void *data)
{
	struct neuron_vector *vector = data;
	struct neuron_device *ndev = vector->ndev;

	if (vector->index == NEURON_VECTOR_FW)
		schedule_work(&ndev->fw_work);
	if (vector->index == NEURON_VECTOR_DMA)
		neuron_udma_wake(ndev);
	neuron_queue_interrupt(ndev, vector->index);
	return IRQ_HANDLED;
}

static void neuron_irq_free(struct neuron_device *ndev, unsigned int count)
{
	while (count--)
		free_irq(pci_irq_vector(ndev->pdev, count), &ndev->vectors[count]);
	pci_free_irq_vectors(ndev->pdev);
	ndev->vector_count = 0;
}

/* Without MSI-X the driver polls: silicon has none, and needs none. */
static int neuron_irq_request(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;
	int count, ret;
	unsigned int i;

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
		ret = request_irq(pci_irq_vector(pdev, i), neuron_interrupt, 0, "neuron",
				  &ndev->vectors[i]);
		if (ret) {
			neuron_irq_free(ndev, i);
			return ret;
		}
	}
	ndev->vector_count = count;
	return 0;
}

static int neuron_pci_map(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;
	int ret;

	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	ret = pci_request_mem_regions(pdev, KBUILD_MODNAME);
	if (ret)
		goto err_disable;
	ret = -ENODEV;
	if (pci_resource_len(pdev, NEURON_BAR_APB) < NEURON_BAR_APB_SIZE) {
		dev_err(&pdev->dev, "BAR%d is too small\n", NEURON_BAR_APB);
		goto err_regions;
	}
	ndev->apb = pci_iomap(pdev, NEURON_BAR_APB, 0);
	if (!ndev->apb) {
		ret = -ENOMEM;
		goto err_regions;
	}
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(NEURON_DMA_BITS));
	if (ret)
		goto err_unmap;
	ndev->dram_base = pci_resource_start(pdev, NEURON_BAR_DRAM);
	ndev->dram_size = pci_resource_len(pdev, NEURON_BAR_DRAM);
	/* User space gets it write-combined; without PAT that is uncached, and works. */
	ret = arch_io_reserve_memtype_wc(ndev->dram_base, ndev->dram_size);
	if (ret)
		goto err_unmap;
	ndev->emulated = pdev->revision == NEURON_PCI_REV_QEMU ||
			 pdev->revision == NEURON_PCI_REV_EMULATOR;
	pci_set_master(pdev);
	return neuron_ext_find(ndev);

err_unmap:
	pci_iounmap(pdev, ndev->apb);
err_regions:
	pci_release_mem_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return ret;
}

static void neuron_pci_unmap(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;

	/* From here on the chip cannot reach host memory. */
	pci_clear_master(pdev);
	arch_io_free_memtype_wc(ndev->dram_base, ndev->dram_size);
	pci_iounmap(pdev, ndev->apb);
	pci_release_mem_regions(pdev);
	pci_disable_device(pdev);
}

static int neuron_alloc_memory(struct neuron_device *ndev)
{
	int ret;

	ret = neuron_fwio_init(ndev);
	if (ret)
		return ret;
	ret = neuron_udma_init(ndev);
	if (ret)
		goto err_fwio;
	ret = neuron_context_init(ndev);
	if (ret)
		goto err_udma;
	return 0;

err_udma:
	neuron_udma_fini(ndev);
err_fwio:
	neuron_fwio_fini(ndev);
	return ret;
}

static void neuron_free_memory(struct neuron_device *ndev)
{
	neuron_context_fini(ndev);
	neuron_udma_fini(ndev);
	neuron_fwio_fini(ndev);
}

/* From any state of the chip to one in which it takes work. */
static int neuron_start(struct neuron_device *ndev)
{
	int ret;

	ret = neuron_fw_load(ndev);
	if (!ret)
		ret = neuron_reset_device(ndev);
	if (!ret)
		ret = neuron_ext_start(ndev);
	if (!ret)
		neuron_udma_start(ndev);
	return ret;
}

/* Take everything from the files; the chip is left alone if it is not there. */
static void neuron_stop(struct neuron_device *ndev)
{
	neuron_object_revoke_all(ndev);
	neuron_cores_reset(ndev);
	if (!READ_ONCE(ndev->broken) && !pci_channel_offline(ndev->pdev)) {
		neuron_ext_stop(ndev);
		neuron_udma_stop(ndev);
	}
}

static void neuron_describe(struct neuron_device *ndev)
{
	dev_info(&ndev->pdev->dev, "%s: %s chip, %u NeuronCores, %s, %u interrupt vectors\n",
		 dev_name(&ndev->dev), ndev->emulated ? "emulated" : "silicon", ndev->core_count,
		 ndev->compute ? "compute" : "no compute (needs our firmware)",
		 ndev->vector_count);
}

static int neuron_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct neuron_device *ndev;
	int ret;

	ndev = neuron_device_alloc(pdev);
	if (IS_ERR(ndev))
		return PTR_ERR(ndev);
	INIT_WORK(&ndev->fw_work, neuron_fw_work);
	INIT_DELAYED_WORK(&ndev->queue_work, neuron_queue_work);
	ret = neuron_pci_map(ndev);
	if (ret)
		goto err_put;
	ret = neuron_alloc_memory(ndev);
	if (ret)
		goto err_unmap;
	ret = neuron_irq_request(ndev);
	if (ret)
		goto err_memory;
	/* Firmware events wait until the chip has left the states that they would be about. */
	down_write(&ndev->rwsem);
	ret = neuron_start(ndev);
	up_write(&ndev->rwsem);
	if (ret)
		goto err_irq;
	pci_set_drvdata(pdev, ndev);
	pci_save_state(pdev);
	ret = neuron_device_add(ndev);
	if (ret)
		goto err_stop;
	ret = neuron_sysfs_add(ndev);
	if (ret)
		goto err_del;
	neuron_debugfs_add(ndev);
	neuron_describe(ndev);
	return 0;

err_del:
	neuron_device_del(ndev);
err_stop:
	down_write(&ndev->rwsem);
	WRITE_ONCE(ndev->gone, true);
	neuron_stop(ndev);
	up_write(&ndev->rwsem);
	wake_up_all(&ndev->error_wq);
err_irq:
	/* Nothing of the chip may write to memory that is freed now. */
	pci_clear_master(pdev);
	neuron_irq_free(ndev, ndev->vector_count);
	cancel_work_sync(&ndev->fw_work);
	cancel_delayed_work_sync(&ndev->queue_work);
	cancel_work_sync(&ndev->broken_work);
err_memory:
	neuron_free_memory(ndev);
err_unmap:
	neuron_pci_unmap(ndev);
err_put:
	put_device(&ndev->dev);
	return ret;
}

static void neuron_remove(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_debugfs_remove(ndev);
	neuron_sysfs_remove(ndev);
	neuron_device_del(ndev);
	/* Waiters hold no lock: they see that the device is gone, and leave. */
	down_write(&ndev->rwsem);
	WRITE_ONCE(ndev->gone, true);
	neuron_stop(ndev);
	up_write(&ndev->rwsem);
	wake_up_all(&ndev->error_wq);

	neuron_irq_free(ndev, ndev->vector_count);
	cancel_work_sync(&ndev->fw_work);
	cancel_delayed_work_sync(&ndev->queue_work);
	cancel_work_sync(&ndev->broken_work);
	pci_clear_master(pdev);
	neuron_free_memory(ndev);
	neuron_pci_unmap(ndev);
	pci_set_drvdata(pdev, NULL);
	put_device(&ndev->dev);
}

/* Before a reset from outside: as after an unplug, but the device comes back. */
static void neuron_reset_prepare(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	down_write(&ndev->rwsem);
	ndev->generation++;
	neuron_stop(ndev);
	WRITE_ONCE(ndev->broken, true);
	up_write(&ndev->rwsem);
	wake_up_all(&ndev->error_wq);
}

static void neuron_reset_done(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);
	int ret;

	cancel_work_sync(&ndev->broken_work);
	down_write(&ndev->rwsem);
	pci_set_master(pdev);
	ret = neuron_start(ndev);
	WRITE_ONCE(ndev->broken, ret);
	up_write(&ndev->rwsem);
	if (!ret)
		dev_info(&pdev->dev, "%s: reset, files must be opened anew\n",
			 dev_name(&ndev->dev));
}

static pci_ers_result_t neuron_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	neuron_reset_prepare(pdev);
	if (state == pci_channel_io_perm_failure)
		return PCI_ERS_RESULT_DISCONNECT;
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t neuron_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void neuron_error_resume(struct pci_dev *pdev)
{
	neuron_reset_done(pdev);
}

static const struct pci_error_handlers neuron_error_handlers = {
	.error_detected = neuron_error_detected,
	.slot_reset = neuron_slot_reset,
	.resume = neuron_error_resume,
	.reset_prepare = neuron_reset_prepare,
	.reset_done = neuron_reset_done,
};

static const struct pci_device_id neuron_pci_ids[] = {
	{ PCI_DEVICE(NEURON_PCI_VENDOR, NEURON_PCI_DEVICE_0) },
	{ PCI_DEVICE(NEURON_PCI_VENDOR, NEURON_PCI_DEVICE_1) },
	{ PCI_DEVICE(NEURON_PCI_VENDOR, NEURON_PCI_DEVICE_2) },
	{ PCI_DEVICE(NEURON_PCI_VENDOR, NEURON_PCI_DEVICE_3) },
	{ }
};
MODULE_DEVICE_TABLE(pci, neuron_pci_ids);

static struct pci_driver neuron_pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = neuron_pci_ids,
	.probe = neuron_probe,
	.remove = neuron_remove,
	.err_handler = &neuron_error_handlers,
};

int neuron_pci_register(void)
{
	return pci_register_driver(&neuron_pci_driver);
}

void neuron_pci_unregister(void)
{
	pci_unregister_driver(&neuron_pci_driver);
}
