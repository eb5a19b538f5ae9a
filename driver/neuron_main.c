// SPDX-License-Identifier: GPL-2.0
/*
 * The module, the device class, the range of character devices, and the lifetime of
 * struct neuron_device: it lives until the last open file is closed, long after the PCI
 * function may have gone.
 *
 * Locking: minors have the ida's own lock; "broken" is set by anybody, and cleared by a reset
 * only.
 */
#include <linux/debugfs.h>
#include <linux/idr.h>
#include <linux/module.h>

#include "neuron.h"
#include "neuron_compat.h"
#include "neuron_coredump.h"
#include "neuron_debugfs.h"
#include "neuron_fops.h"
#include "neuron_fw.h"
#include "neuron_pci.h"
#include "neuron_queue.h"
#include "neuron_sysfs.h"

/* Registers, rings and contracts are little-endian, device addresses 48 bits. */
static_assert(IS_ENABLED(CONFIG_CPU_LITTLE_ENDIAN) || !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));
static_assert(IS_ENABLED(CONFIG_64BIT));

static dev_t neuron_devt;
static struct class *neuron_class;
static DEFINE_IDA(neuron_minors);

static char *neuron_devnode(NEURON_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

static void neuron_device_release(struct device *dev)
{
	struct neuron_device *ndev = to_neuron_device(dev);

	neuron_dram_fini(&ndev->dram);
	ida_destroy(&ndev->contexts);
	neuron_coredump_fini(ndev);
	neuron_recovery_fini(ndev);
	if (ndev->index >= 0)
		ida_free(&neuron_minors, ndev->index);
	mutex_destroy(&ndev->cores_lock);
	mutex_destroy(&ndev->objects_lock);
	mutex_destroy(&ndev->status_lock);
	kfree(ndev);
}

static void neuron_broken_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(work, struct neuron_device, broken_work);

	neuron_device_broken(ndev, "it reported nonsense");
}

/**
 * neuron_device_cut - nobody may use the device until it is reset
 * @ndev: the device
 *
 * The device can no longer write to host memory when this returns, so that memory which it
 * was given may be freed. Takes no lock that is held while somebody waits for the chip.
 */
void neuron_device_cut(struct neuron_device *ndev)
{
	/* First: who sees the flag takes it that the device reaches no memory any more. */
	pci_clear_master(ndev->pdev);
	WRITE_ONCE(ndev->broken, true);
	neuron_udma_wake(ndev);
	neuron_queue_wake_all(ndev);
	wake_up_all(&ndev->error_wq);
}

/**
 * neuron_device_broken - the device is no good: cut it off and get it reset
 * @ndev: the device
 * @why: for the log, and for user space
 *
 * Whether there will be a reset is the recovery's business: none while somebody else resets
 * the device or takes it away, and not too many.
 */
void neuron_device_broken(struct neuron_device *ndev, const char *why)
{
	/* Known before anybody wakes up and asks. */
	if (!pci_device_is_present(ndev->pdev))
		WRITE_ONCE(ndev->lost, true);
	neuron_log(ndev, NEURON_LOG_BROKEN, KERN_ERR, "device is broken: %s\n", why);
	/* First: open() then waits for the reset, instead of seeing a broken device. */
	neuron_recovery_report(ndev, why);
	neuron_device_cut(ndev);
}

/* The same, from a context that must not sleep. */
void neuron_device_broken_atomic(struct neuron_device *ndev)
{
	WRITE_ONCE(ndev->broken, true);
	schedule_work(&ndev->broken_work);
}

/**
 * neuron_device_alloc - a device with a number, but not visible yet
 * @pdev: its PCI function
 *
 * Returns the device or an ERR_PTR(). put_device(&ndev->dev) frees it.
 */
struct neuron_device *neuron_device_alloc(struct pci_dev *pdev)
{
	struct neuron_device *ndev = kzalloc(sizeof(*ndev), GFP_KERNEL);
	int ret;

	if (!ndev)
		return ERR_PTR(-ENOMEM);
	ndev->index = ida_alloc_max(&neuron_minors, NEURON_MAX_DEVICES - 1, GFP_KERNEL);
	if (ndev->index < 0) {
		ret = ndev->index;
		kfree(ndev);
		return ERR_PTR(ret);
	}
	ndev->pdev = pdev;
	strscpy(ndev->pci_name, dev_name(&pdev->dev), sizeof(ndev->pci_name));
	init_rwsem(&ndev->rwsem);
	init_waitqueue_head(&ndev->error_wq);
	mutex_init(&ndev->objects_lock);
	mutex_init(&ndev->cores_lock);
	mutex_init(&ndev->status_lock);
	spin_lock_init(&ndev->queue_lock);
	neuron_log_init(&ndev->log);
	neuron_dma_setup(ndev);
	INIT_LIST_HEAD(&ndev->objects);
	INIT_LIST_HEAD(&ndev->files);
	INIT_LIST_HEAD(&ndev->imports);
	INIT_WORK(&ndev->broken_work, neuron_broken_work);
	INIT_WORK(&ndev->fw_work, neuron_fw_work);
	INIT_DELAYED_WORK(&ndev->queue_work, neuron_queue_work);
	neuron_recovery_init(ndev);
	/* Until it was started. */
	ndev->broken = true;
	ida_init(&ndev->contexts);

	device_initialize(&ndev->dev);
	ndev->dev.class = neuron_class;
	ndev->dev.parent = &pdev->dev;
	ndev->dev.devt = MKDEV(MAJOR(neuron_devt), MINOR(neuron_devt) + ndev->index);
	ndev->dev.release = neuron_device_release;
	ndev->dev.groups = neuron_device_groups;
	ret = dev_set_name(&ndev->dev, "neuron%d", ndev->index);
	if (!ret)
		ret = neuron_dram_init(&ndev->dram);
	if (ret) {
		put_device(&ndev->dev);
		return ERR_PTR(ret);
	}
	return ndev;
}

struct neuron_device *neuron_device_find(int index)
{
	struct device *dev = class_find_device_by_devt(neuron_class, neuron_devt + index);

	return dev ? to_neuron_device(dev) : NULL;
}

int neuron_device_add(struct neuron_device *ndev)
{
	int ret;

	cdev_init(&ndev->cdev, &neuron_fops);
	ndev->cdev.owner = THIS_MODULE;
	/* User space is told once all is there that it may look at. */
	dev_set_uevent_suppress(&ndev->dev, true);
	ret = cdev_device_add(&ndev->cdev, &ndev->dev);
	if (ret)
		return ret;
	ret = neuron_sysfs_add(ndev);
	if (ret) {
		cdev_device_del(&ndev->cdev, &ndev->dev);
		return ret;
	}
	dev_set_uevent_suppress(&ndev->dev, false);
	kobject_uevent(&ndev->dev.kobj, KOBJ_ADD);
	return 0;
}

void neuron_device_del(struct neuron_device *ndev)
{
	neuron_sysfs_remove(ndev);
	cdev_device_del(&ndev->cdev, &ndev->dev);
	/* Free at once: a file that stays open must not cost a chip that is rebound its name. */
	ida_free(&neuron_minors, ndev->index);
	ndev->index = -1;
}

static int __init neuron_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&neuron_devt, 0, NEURON_MAX_DEVICES, "neuron");
	if (ret)
		return ret;
	neuron_class = neuron_class_create("neuron_device");
	if (IS_ERR(neuron_class)) {
		ret = PTR_ERR(neuron_class);
		goto err_region;
	}
	neuron_class->devnode = neuron_devnode;
	neuron_debugfs_init();
	ret = neuron_pci_register();
	if (ret)
		goto err_class;
	return 0;

err_class:
	neuron_debugfs_exit();
	class_destroy(neuron_class);
err_region:
	unregister_chrdev_region(neuron_devt, NEURON_MAX_DEVICES);
	return ret;
}

static void __exit neuron_exit(void)
{
	neuron_pci_unregister();
	neuron_debugfs_exit();
	class_destroy(neuron_class);
	unregister_chrdev_region(neuron_devt, NEURON_MAX_DEVICES);
	ida_destroy(&neuron_minors);
}

module_init(neuron_init);
module_exit(neuron_exit);

MODULE_DESCRIPTION("AWS Inferentia 1 (Inf1) inference accelerator");
MODULE_LICENSE("GPL");
MODULE_VERSION(NEURON_DRIVER_VERSION);
