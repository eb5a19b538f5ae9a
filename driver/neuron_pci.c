// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI function: probe, remove, BARs, and what else comes over it: resets from outside,
 * errors of the bus (AER), system sleep, shutdown.
 *
 * Locking: the PCI core calls one of these at a time (device_lock). The driver's own recovery
 * is paused before the device is taken from the files with ndev->rwsem held for writing, and
 * resumed when the device is back.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_debugfs.h"
#include "neuron_event.h"
#include "neuron_fw.h"
#include "neuron_hwmon.h"
#include "neuron_mem.h"
#include "neuron_pci.h"
#include "neuron_reset.h"

/* Host memory is what has bit 46 set in a device address. */
#define NEURON_DMA_BITS		46

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
	/* Processes and the chip see the same memory at any time; nobody says when to flush. */
	if (device_get_dma_attr(&pdev->dev) == DEV_DMA_NON_COHERENT) {
		ret = dev_err_probe(&pdev->dev, -EOPNOTSUPP, "this host's DMA is not coherent\n");
		goto err_unmap;
	}
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(NEURON_DMA_BITS));
	if (ret)
		goto err_unmap;
	/* Runs of any length: descriptors are cut by addresses. */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	ndev->dram_base = pci_resource_start(pdev, NEURON_BAR_DRAM);
	ndev->dram_size = pci_resource_len(pdev, NEURON_BAR_DRAM);
	/* User space gets it write-combined; without PAT that is uncached, and works. */
	ret = arch_io_reserve_memtype_wc(ndev->dram_base, ndev->dram_size);
	if (ret)
		goto err_unmap;
	ndev->emulated = pdev->revision == NEURON_PCI_REV_QEMU ||
			 pdev->revision == NEURON_PCI_REV_EMULATOR;
	neuron_ext_find(ndev);
	return 0;

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
	ret = neuron_dma_init(ndev);
	if (ret)
		goto err_fwio;
	ret = neuron_context_init(ndev);
	if (ret)
		goto err_dma;
	return 0;

err_dma:
	neuron_dma_fini(ndev);
err_fwio:
	neuron_fwio_fini(ndev);
	return ret;
}

static void neuron_free_memory(struct neuron_device *ndev)
{
	neuron_context_fini(ndev);
	neuron_dma_fini(ndev);
	neuron_fwio_fini(ndev);
}

static void neuron_describe(struct neuron_device *ndev)
{
	dev_info(&ndev->pdev->dev, "%s: %s chip, %u NeuronCores, %s, %u interrupt vectors\n",
		 dev_name(&ndev->dev), ndev->emulated ? "emulated" : "silicon", ndev->core_count,
		 ndev->compute ? "compute" : "no compute (needs our firmware)",
		 ndev->vector_count);
}

/* Works that interrupts start. No vector may be left. */
static void neuron_cancel_works(struct neuron_device *ndev)
{
	cancel_work_sync(&ndev->fw_work);
	cancel_delayed_work_sync(&ndev->queue_work);
	cancel_work_sync(&ndev->broken_work);
}

/* For ever: the device has gone for all files. */
static void neuron_gone(struct neuron_device *ndev)
{
	neuron_dma_stop(ndev, -ENODEV);
	/* Other waiters hold no lock: they see that the device is gone, and leave. */
	down_write(&ndev->rwsem);
	WRITE_ONCE(ndev->gone, true);
	neuron_hw_stop(ndev);
	up_write(&ndev->rwsem);
	neuron_mem_unpin_all(ndev);
	wake_up_all(&ndev->error_wq);
	/* Not before: the watchdog helps when a queue does not stop. */
	neuron_recovery_pause(ndev);
	neuron_link_stop(ndev);
}

/* The chip and whatever it may start are still. */
static void neuron_quiesce(struct neuron_device *ndev)
{
	/* Nothing of the chip may write to memory that is freed next. */
	pci_clear_master(ndev->pdev);
	neuron_irq_free(ndev);
	neuron_cancel_works(ndev);
	neuron_hw_leave(ndev);
}

static int neuron_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct neuron_device *ndev;
	int ret;

	ndev = neuron_device_alloc(pdev);
	if (IS_ERR(ndev))
		return PTR_ERR(ndev);
	ret = neuron_pci_map(ndev);
	if (ret)
		goto err_put;
	pci_save_state(pdev);
	ret = neuron_hw_take_over(ndev);
	if (ret)
		goto err_unmap;
	pci_set_master(pdev);
	neuron_event_start(ndev, true);
	ret = neuron_alloc_memory(ndev);
	if (ret)
		goto err_unmap;
	ret = neuron_irq_request(ndev);
	if (ret)
		goto err_memory;
	ret = neuron_hw_start(ndev);
	if (ret)
		goto err_irq;
	pci_set_drvdata(pdev, ndev);
	pci_save_state(pdev);
	/* NULL is no drama: then the newest state is what there is to restore. */
	ndev->pci_state = pci_store_saved_state(pdev);
	ret = neuron_device_add(ndev);
	if (ret)
		goto err_quiesce;
	neuron_debugfs_add(ndev);
	neuron_hwmon_add(ndev);
	neuron_describe(ndev);
	neuron_recovery_resume(ndev);
	return 0;

err_quiesce:
	neuron_gone(ndev);
err_irq:
	neuron_quiesce(ndev);
	/* A reset on the way restores it. */
	kfree(ndev->pci_state);
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

	neuron_hwmon_remove(ndev);
	neuron_debugfs_remove(ndev);
	neuron_gone(ndev);
	neuron_quiesce(ndev);
	/* Works that are no more have sent events of it. */
	neuron_device_del(ndev);
	neuron_free_memory(ndev);
	neuron_pci_unmap(ndev);
	kfree(ndev->pci_state);
	pci_set_drvdata(pdev, NULL);
	put_device(&ndev->dev);
}

/* Another kernel may come up next: nothing of the chip may write to memory any more. */
static void neuron_shutdown(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_gone(ndev);
	neuron_hw_leave(ndev);
}

/* As after an unplug, but the device comes back. */
static void neuron_take_away(struct neuron_device *ndev)
{
	neuron_recovery_hold(ndev);
	neuron_dma_stop(ndev, -EIO);
	down_write(&ndev->rwsem);
	ndev->generation++;
	neuron_hw_stop(ndev);
	WRITE_ONCE(ndev->broken, true);
	up_write(&ndev->rwsem);
	neuron_mem_unpin_all(ndev);
	wake_up_all(&ndev->error_wq);
	/* Not before: the watchdog helps when a queue does not stop. */
	neuron_recovery_pause(ndev);
}

static int neuron_bring_back(struct neuron_device *ndev, const char *why)
{
	int ret;

	/* What the PCI core saved of a chip that was not there is worth nothing. */
	if (READ_ONCE(ndev->lost))
		neuron_restore_config(ndev);
	pci_set_master(ndev->pdev);
	ret = neuron_hw_handshake(ndev);
	if (!ret)
		ret = neuron_hw_restart(ndev);
	neuron_recovery_note(ndev, "%s: %d", why, ret);
	neuron_recovery_resume(ndev);
	if (ret) {
		neuron_device_broken(ndev, "it does not start");
		return ret;
	}
	dev_info(&ndev->dev, "%s, files must be opened anew\n", why);
	neuron_event_send(ndev, "recovered", why);
	return 0;
}

static void neuron_reset_prepare(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_event_send(ndev, "reset", "from outside");
	neuron_take_away(ndev);
}

static void neuron_reset_done(struct pci_dev *pdev)
{
	neuron_bring_back(pci_get_drvdata(pdev), "reset");
}

/* Nothing has to be thrown away for an error that the bus has got over. */
static bool neuron_error_harmless(struct neuron_device *ndev, pci_channel_state_t state)
{
	if (state != pci_channel_io_normal || neuron_device_error(ndev))
		return false;
	if (!ndev->ext)
		return pci_device_is_present(ndev->pdev);
	return neuron_ext_read(ndev, NEURON_EXT_MAGIC) == NEURON_EXT_MAGIC_VALUE;
}

static pci_ers_result_t neuron_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_recovery_note(ndev, "bus error, state %u", state);
	if (neuron_error_harmless(ndev, state)) {
		dev_warn(&ndev->dev, "bus error, the chip answers\n");
		return PCI_ERS_RESULT_CAN_RECOVER;
	}
	neuron_event_send(ndev, "reset", "bus error");
	/* No access to the chip gets through: waits for it must not begin. */
	if (state != pci_channel_io_normal)
		neuron_device_cut(ndev);
	neuron_take_away(ndev);
	ndev->bus_error = true;
	if (state == pci_channel_io_perm_failure) {
		WRITE_ONCE(ndev->lost, true);
		wake_up_all(&ndev->error_wq);
		neuron_event_send(ndev, "broken", "bus error");
		return PCI_ERS_RESULT_DISCONNECT;
	}
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t neuron_slot_reset(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_restore_config(ndev);
	return pci_device_is_present(pdev) ? PCI_ERS_RESULT_RECOVERED : PCI_ERS_RESULT_DISCONNECT;
}

static void neuron_error_resume(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	if (!ndev->bus_error)
		return;
	ndev->bus_error = false;
	neuron_bring_back(ndev, "reset after a bus error");
}

/*
 * System sleep: jobs end, files lose their objects, as at a reset: the memory of a chip that
 * loses its power is gone, and user space has to be told in any case.
 */
static int neuron_suspend(struct device *dev)
{
	neuron_take_away(dev_get_drvdata(dev));
	return 0;
}

static int neuron_resume(struct device *dev)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);

	/* One chip that does not wake up must not keep the system from it. */
	neuron_bring_back(ndev, "resumed");
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(neuron_pm_ops, neuron_suspend, neuron_resume);

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
	.shutdown = neuron_shutdown,
	.driver.pm = pm_sleep_ptr(&neuron_pm_ops),
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
